"""A ticket that has ended, proposed once more: the same order as a new signal of this moment."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from execution import approval, orders, replacing
from execution.events import EventKind
from execution.outcome import Answer, Outcome
from execution.receiving import SignalKey, receive_once
from execution.store import Transaction
from execution.types import Signal, Size, SizeKind, Ticket, TicketState

ONCE = timedelta(days=90)
"""How long the same ticket at the same size is proposed only once."""


def propose(
    tx: Transaction, ticket: Ticket | None, value: Decimal | None, *, person: str, name: str
) -> Answer:
    """Propose it, once and when it has ended; at a size in `currency` where a `value` is given."""
    if ticket is None:
        return Answer(outcome=Outcome.UNKNOWN)
    alive = any(order.state not in orders.ENDED for order in tx.orders.of_ticket(ticket.id))
    if (
        _is_replaced(tx, ticket)
        or alive
        or ticket.state in approval.OPEN | {TicketState.WORKING, TicketState.DONE}
    ):
        return Answer(outcome=Outcome.ENDED, ticket=ticket)
    signal = _again(tx, ticket, value).evolve(proposer=person, proposer_name=name)
    key = SignalKey(value=f"again:{ticket.id}:{value or ''}", keeps=ONCE)
    if receive_once(tx, signal, key).duplicate:
        return Answer(outcome=Outcome.REPEATED, ticket=ticket)
    tx.journal.add(
        EventKind.TICKET_PROPOSED,
        tx.now,
        ticket=ticket.id,
        actor=person,
        name=name,
        signal=signal.id,
    )
    return Answer(outcome=Outcome.PROPOSED, ticket=ticket)


def _is_replaced(tx: Transaction, ticket: Ticket) -> bool:
    """Whether another order stands in its place, or in that which it was to take: none goes beside it."""
    if replacing.stands_in(tx, ticket.id):
        return True
    before = replacing.replaced(tx, ticket)
    if before is None or replacing.rests(tx, before):
        return False
    return before.state is TicketState.WORKING or replacing.stands_in(tx, before.id)


def _again(tx: Transaction, ticket: Ticket, value: Decimal | None) -> Signal:
    """The signal of a ticket at the size its card said last, or at another `value` in `currency`."""
    signal = tx.signals.get(ticket.signal)
    size, terms, before = signal.size, ticket.terms, replacing.replaced(tx, ticket)
    if value is not None:
        size = Size(kind=SizeKind.NOTIONAL, value=value, in_currency=True)
    elif ticket.revision > 1 and terms is not None and not signal.close:
        size = Size(kind=SizeKind.AMOUNT, value=terms.amount)
    if size is not None and size.kind is SizeKind.AMOUNT:
        size = size.evolve(value=size.value - replacing.filled_meanwhile(tx, ticket))
    rests = before is not None and replacing.rests(tx, before)
    return signal.evolve(
        id=tx.new_id(),
        received_at=tx.now,
        time=None,
        bar_time=None,
        expires_in=None,
        again=ticket.id,
        after=None,
        replaces=ticket.replaces if rests else None,
        replaces_left=replacing.left(tx, before) if before is not None and rests else None,
        size=size,
    )
