"""The stops that stand behind open positions, and what is told when a position is left without.

Pure but for the transaction it reads. It sends nothing: what stands again, and what not, `executor` decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from execution import kinds, orders
from execution.events import EventKind
from execution.store import Transaction
from execution.types import Order, OrderState, Ticket


def protecting(tx: Transaction) -> Sequence[Order]:
    """Our stops that stand behind a position which is open, and that nobody wants canceled.

    Those too that were sized like the entry, fees and all, and so sell a little out of holdings.
    """
    ends = {
        (position.venue, position.symbol, position.exit_side) for position in tx.positions.open()
    }
    return [
        order
        for order in tx.orders.in_state(*orders.LIVE)
        if order.type in kinds.STOPS
        and order.cancel_requested_at is None
        and (order.venue, order.symbol, order.side) in ends
    ]


def tell_of_gone(
    tx: Transaction,
    ticket: Ticket,
    legs: Sequence[Order],
    *,
    reason: str | None,
    replaced: bool = False,
) -> None:
    """Say that a position is held without the stop of this ticket, which has ended, and without any other.

    Not when somebody wanted it canceled, but for the closing it gave way to, or the changed stop that was
    to take its place (`replaced`).
    """
    last, gave_way = legs[-1], orders.gave_way(legs)
    if last.type not in kinds.STOPS or last.state is OrderState.FILLED:
        return
    if last.cancel_reason not in (None, orders.GIVES_WAY) and not replaced:
        return
    position = tx.positions.of(last.venue, last.symbol)
    if position is None or position.exit_side is not last.side:
        return
    if any((one.venue, one.symbol) == (last.venue, last.symbol) for one in protecting(tx)):
        return
    tx.journal.add(
        EventKind.STOP_GONE,
        tx.now,
        ticket=ticket.id,
        venue=last.venue,
        symbol=last.symbol,
        amount=position.amount,
        ended_as=None if gave_way or replaced else last.state,
        replaced=replaced or None,
        reason=reason,
    )
