"""Follows one order to its end: looks for it when in doubt, reads its fills, cancels its rest.

Each step is one look at the venue and one transaction; the next one is due at `next_look_at`, a
column, so that a restart carries on where this left off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from execution import booking, orders
from execution.errors import OrderUnknown, VenueUnavailable
from execution.executor import adopting
from execution.store import Store, Transaction
from execution.types import ZERO, Order, OrderState
from execution.venues.venue import OrderKey, Report, Trade, Venue

Change = Callable[[Transaction], object]


async def follow(order: Order, venue: Venue, store: Store, silent: timedelta) -> bool:
    """One step in the life of an order that may be at the venue; whether the venue answered.

    `silent` is how long it had said nothing: the longer, the later it is asked again.
    """
    if order.cancel_requested_at is not None and order.state not in orders.ENDED:
        await _cancel(order, venue, store)
    try:
        if order.named_id is not None:
            await adopting.check_named_id(order, venue, store)
            return True
        report = await venue.find(key_of(order))
        trades = await _missing_trades(order, report, venue, store)
    except VenueUnavailable as error:
        await store.write(_look_later(order.id, max(silent, error.retry_after or silent)))
        return False
    if report is None:
        await store.write(_not_found(order.id, venue))
    else:
        await store.write(lambda tx: booking.book(tx, order.id, report, trades))
    return True


async def has_ended(order: Order, venue: Venue, store: Store) -> bool:
    """Whether one more look at an ended order finds it so; what it shows of fills is booked."""
    try:
        report = await venue.find(key_of(order))
        trades = await _missing_trades(order, report, venue, store)
    except VenueUnavailable:
        return False
    if report is not None:
        await store.write(lambda tx: booking.book(tx, order.id, report, trades))
    return report is None or report.state in orders.ENDED


def key_of(order: Order) -> OrderKey:
    """How the venue finds this order."""
    return OrderKey(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        venue_order_id=order.venue_order_id,
        sent_at=order.sent_at,
    )


def due(order: Order, tx: Transaction) -> bool:
    """Whether it is time for this order's next step."""
    return order.next_look_at is None or order.next_look_at <= tx.now


def time_out(tx: Transaction) -> None:
    """Ask for the rest of every order to be canceled whose time to rest is over.

    What is to go out again goes only after this cancel is proved (`carrying_on.py`).
    """
    for order in tx.orders.in_state(OrderState.WORKING):
        overdue = order.cancel_after is not None and order.cancel_after <= tx.now
        if overdue and order.cancel_requested_at is None:
            booking.request_cancel(tx, order, actor="desk", reason=orders.TIMED_OUT)


async def _cancel(order: Order, venue: Venue, store: Store) -> None:
    """Send a cancel; its outcome is whatever the next look shows."""
    if order.state is OrderState.WORKING:
        await store.write(_canceling(order.id))
    try:
        await venue.cancel(key_of(order))
    except (OrderUnknown, VenueUnavailable):
        # Filled, gone or not answered: looking tells which, and asking again is harmless.
        return


async def _missing_trades(
    order: Order, report: Report | None, venue: Venue, store: Store
) -> Sequence[Trade]:
    """The order's trades, asked for only when the venue claims more than is booked."""
    if report is None:
        return ()
    booked = await store.read(
        lambda tx: sum((f.amount for f in tx.fills.of_order(order.id) if not f.inferred), ZERO)
    )
    if report.filled <= booked:
        return ()
    key = key_of(order).evolve(venue_order_id=report.venue_order_id)
    return await venue.trades(key)


def _canceling(order_id: str) -> Change:
    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if order.state is OrderState.WORKING:
            booking.move_order(tx, order, OrderState.CANCELING)

    return work


def _look_later(order_id: str, pause: timedelta) -> Change:
    """The venue did not answer: this was no look, ask again. A cancel is never held up."""

    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if orders.out_of_budget(order, tx.now) and order.state is OrderState.IN_DOUBT:
            booking.move_order(
                tx, order, OrderState.STUCK, next_look_at=orders.next_look(order, tx.now)
            )
            return
        wait = booking.POLL
        if order.cancel_requested_at is None:
            wait = max(wait, min(pause, orders.LOOK_AGAIN[-1]))
        tx.orders.change(order, order.evolve(next_look_at=tx.now + wait))

    return work


def _not_found(order_id: str, venue: Venue) -> Change:
    """A complete round in which nothing at the venue knew the order."""

    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if order.state in orders.ENDED:
            tx.orders.change(order, order.evolve(next_look_at=None))
            return
        seen = order.acknowledged_at
        if seen is not None and tx.now - seen < max(venue.visibility_grace, orders.STALE_LOOK):
            # It was just acknowledged: venues show an order to look-ups a moment later.
            tx.orders.change(order, order.evolve(next_look_at=tx.now + booking.POLL))
            return
        if order.state in {OrderState.WORKING, OrderState.CANCELING}:
            booking.move_order(
                tx,
                order,
                OrderState.IN_DOUBT,
                reason="the venue no longer shows it",
                doubted_at=tx.now,
                next_look_at=tx.now + orders.LOOK_AGAIN[0],
            )
            return
        looked = order.evolve(looks=order.looks + 1)
        if orders.proved_absent(looked, tx.now, venue.visibility_grace):
            booking.move_order(
                tx,
                order,
                OrderState.ABSENT,
                reason="looked for until it was certain: it does not exist",
                looks=looked.looks,
                next_look_at=None,
            )
        elif orders.out_of_budget(looked, tx.now) and order.state is OrderState.IN_DOUBT:
            booking.move_order(
                tx,
                order,
                OrderState.STUCK,
                looks=looked.looks,
                next_look_at=orders.next_look(looked, tx.now),
            )
        else:
            again = orders.next_look(looked, tx.now)
            tx.orders.change(order, looked.evolve(next_look_at=again))

    return work
