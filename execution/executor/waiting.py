"""What a turn of the executor finds to do, all of it read from rows: what a restart would find too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from execution import orders
from execution.executor import carrying_on, following, slicing, standing_again
from execution.store import Transaction
from execution.types import Order, OrderState, Signal, Ticket, TicketState

SIGNALS_AT_ONCE = 50
"""Signals a turn begins with; the next turn takes those behind them, so that none holds up others."""
AT_THE_VENUE = (OrderState.IN_DOUBT, OrderState.WORKING, OrderState.CANCELING, OrderState.STUCK)
"""Orders that the venue may show, and that nobody is sending."""


@dataclass(frozen=True)
class Waiting:
    """What a turn found to do."""

    signals: Sequence[Signal]
    approved: Sequence[Ticket]
    planned: Sequence[Order]
    sending: Sequence[Order]
    due: Sequence[Order]
    left_over: Sequence[Order]
    """The last orders of tickets of which more is to go out."""
    stops: Set[str]
    """Tickets among them whose stop gave way to a closing, and is to stand again."""
    watched: Mapping[str, set[str]]
    now: datetime


def look(tx: Transaction, *, signals_after: str, rung: Set[str] = frozenset()) -> Waiting:
    """All that waits; of the signals those behind this id, or from the first one where it is empty.

    Streams have `rung` for these orders: they are due, as soon as their sending has an outcome.
    """
    live = tx.orders.in_state(*AT_THE_VENUE)
    planned = tx.orders.in_state(OrderState.PLANNED)
    watched: dict[str, set[str]] = {}
    for venue, symbol in tx.tickets.markets(TicketState.PENDING, TicketState.APPROVED):
        watched.setdefault(venue, set()).add(symbol)
    for order in (*live, *planned):
        watched.setdefault(order.venue, set()).add(order.symbol)
    left_over, stops = [], set()
    for last in tx.orders.left_over():
        if orders.gave_way(tx.orders.of_ticket(last.ticket)):
            stops.add(last.ticket)
        if _goes_on(tx, last, stands_again=last.ticket in stops):
            left_over.append(last)
    return Waiting(
        signals=tx.signals.waiting(SIGNALS_AT_ONCE, after=signals_after),
        approved=tx.tickets.in_state(TicketState.APPROVED),
        planned=[order for order in planned if following.due(order, tx)],
        sending=tx.orders.in_state(OrderState.SENDING),
        due=_due(tx, live, rung),
        left_over=left_over,
        stops=stops,
        watched=watched,
        now=tx.now,
    )


def _due(tx: Transaction, live: Sequence[Order], rung: Set[str]) -> Sequence[Order]:
    """The orders to be looked at now."""
    due = [order for order in live if order.id in rung or following.due(order, tx)]
    ended = {order.id: order for order in tx.orders.asked_about(tx.now)}
    for id in sorted(rung - {order.id for order in live} - ended.keys()):
        order = tx.orders.get(id)
        if order.state in orders.ENDED:
            ended[id] = order
    return [*due, *ended.values()]


def _goes_on(tx: Transaction, last: Order, *, stands_again: bool) -> bool:
    """Whether what is to follow this order may go out by now."""
    if orders.is_exit(last):
        return slicing.is_due(tx, last)
    if stands_again:
        return standing_again.is_due(tx, last)
    return carrying_on.is_certain(last, tx.now)
