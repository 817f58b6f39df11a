"""A ticket that has ended, proposed once more: the same order as a new signal of this moment."""

from __future__ import annotations

from decimal import Decimal

from execution.store import Transaction
from execution.types import Signal, Size, SizeKind, Ticket


def again(tx: Transaction, ticket: Ticket, value: Decimal | None) -> Signal:
    """The signal of a ticket at the size its card said last, or at another `value` in `currency`."""
    signal = tx.signals.get(ticket.signal)
    size, terms = signal.size, ticket.terms
    if value is not None:
        size = Size(kind=SizeKind.NOTIONAL, value=value, in_currency=True)
    elif ticket.revision > 1 and terms is not None and not signal.close:
        size = Size(kind=SizeKind.AMOUNT, value=terms.amount)
    return signal.evolve(
        id=tx.new_id(),
        received_at=tx.now,
        time=None,
        bar_time=None,
        expires_in=None,
        again=ticket.id,
        size=size,
    )
