"""Checks the exchange's order id that a person named for an order nobody could prove.

The id is taken only when the venue shows, under it, what can be nothing but our order; else nothing
changes and people are told why.
"""

from __future__ import annotations

from execution import booking
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.types import Order, OrderState
from execution.venues.venue import OrderKey, Report, Venue


async def check_named_id(order: Order, venue: Venue, store: Store) -> None:
    """Ask the venue about the id alone, and store what came of it.

    Raises:
        VenueUnavailable: no answer; the id stays noted, and is checked at the next look.
    """
    key = OrderKey(
        client_order_id=None,
        symbol=order.symbol,
        venue_order_id=order.named_id,
        sent_at=order.sent_at,
    )
    report = await venue.find(key)

    def work(tx: Transaction) -> None:
        before = tx.orders.get(order.id)
        if before.named_id != order.named_id or before.state is not OrderState.STUCK:
            return
        _decide(tx, before, report)

    await store.write(work)


def _decide(tx: Transaction, order: Order, report: Report | None) -> None:
    objection = _objection(tx, order, report)
    after = order.evolve(named_id=None)
    tx.orders.change(order, after)
    kind = EventKind.ORDER_ADOPTED if objection is None else EventKind.ORDER_NOT_ADOPTED
    tx.journal.add(
        kind,
        tx.now,
        ticket=order.ticket,
        order=order.id,
        venue_order_id=order.named_id,
        reason=objection,
    )
    if objection is None and report is not None:
        booking.book(tx, order.id, report, ())


def _objection(tx: Transaction, order: Order, report: Report | None) -> str | None:
    """Why what the venue shows under that id is not this order; None when it can be nothing else."""
    if report is None:
        return f"{order.venue} does not show an order with that id in {order.symbol}"
    if (report.symbol, report.side, report.amount) != (order.symbol, order.side, order.amount):
        shown = f"{report.side} {report.amount:f} {report.symbol}"
        return f"{order.venue} shows {shown} under that id, ours is another order"
    stop = None if order.trail is not None else order.stop_price  # one that trails has moved since
    for there, here in ((report.price, order.price), (report.stop_price, stop)):
        if there is not None and here is not None and there != here:
            return f"{order.venue} shows it at {there:f}, ours was sent at {here:f}"
    if report.client_order_id not in {None, order.client_order_id}:
        return f"{order.venue} shows it under another client id than the one we sent"
    if tx.orders.is_known(order.venue, report.venue_order_id):
        return "that id belongs to another order of ours"
    return None
