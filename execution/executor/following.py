"""Follows one order to its end: looks for it when in doubt, reads its fills, cancels its rest.

Each step is one look at the venue and one transaction; the next one is due at `next_look_at`, a
column, so that a restart carries on where this left off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from execution import booking, orders, unproved
from execution.errors import OrderUnknown, VenueUnavailable
from execution.executor import adopting
from execution.polling import POLL
from execution.store import Store, Transaction
from execution.types import ZERO, Order, OrderState
from execution.venues.venue import OrderKey, Report, Trade, Venue

Change = Callable[[Transaction], object]

LOOKED_FOR_AFTER_ALL = timedelta(minutes=10)
"""How long an order that is absent is looked for all the same."""
CANCEL_THROUGH_SILENCE = timedelta(seconds=5)
"""How often an order's cancel goes to a venue that asked for silence: what comes faster lengthens it."""


async def follow(
    order: Order,
    venue: Venue,
    store: Store,
    *,
    now: datetime,
    silent: timedelta,
    streamed: bool = False,
) -> Order | None:
    """One step in the life of an order that may be at the venue, and the order after it; None where
    the venue did not answer.

    It begins `now`, after the venue had said nothing for as long as `silent`: the longer, the later
    it is asked again. What a stream rings for (`streamed`) is asked about more slowly besides.
    """
    if to_be_canceled(order) and (order.next_look_at is None or order.next_look_at <= now):
        await cancel(order, venue, store)  # not for a bell: cancels pass through a silence
    try:
        if order.named_id is not None:
            await adopting.check_named_id(order, venue, store)
            return order
        report = await venue.find(key_of(order))
        trades = await _missing_trades(order, report, venue, store)
    except VenueUnavailable as error:
        await store.write(_look_later(order.id, silent, error.retry_after or timedelta(0)))
        return None
    if report is None:
        await store.write(_not_found(order.id, venue, now))
        return order
    return await store.write(
        lambda tx: booking.book(tx, order.id, report, trades, streamed=streamed)
    )


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


def at_once(order: Order, now: datetime) -> Order:
    """The order as a new process follows it: its next look is due now.

    The times of one that was sent after now are of a clock that was set back since: where to search
    and how long to wait cannot be told from them, so that nothing proves it absent.
    """
    if order.sent_at is None or order.sent_at <= now:
        return order.evolve(next_look_at=now)
    doubted_at = None if order.doubted_at is None else now
    return order.evolve(next_look_at=now, fence_at=None, doubted_at=doubted_at)


def is_overdue(order: Order, now: datetime) -> bool:
    """Whether an order has rested for its time, and nobody has canceled it yet."""
    rests = order.state is OrderState.WORKING and order.cancel_requested_at is None
    return rests and order.cancel_after is not None and order.cancel_after <= now


def time_out(tx: Transaction) -> None:
    """Ask for the rest of every order to be canceled whose time to rest is over.

    What is to go out again goes only after this cancel is proved (`carrying_on.py`).
    """
    for order in tx.orders.in_state(OrderState.WORKING):
        if is_overdue(order, tx.now):
            booking.request_cancel(tx, order, actor="desk", reason=orders.TIMED_OUT)


def to_be_canceled(order: Order) -> bool:
    """Whether somebody wants its rest canceled, and there may be one."""
    return order.cancel_requested_at is not None and order.state not in orders.ENDED


async def cancel(order: Order, venue: Venue, store: Store) -> None:
    """Send a cancel; its outcome is whatever the next look shows.

    It does not wait for the database: a cancel nobody knows of does no harm.
    """

    async def ask() -> None:
        # Filled, gone or not answered: looking tells which, and asking again is harmless.
        with suppress(OrderUnknown, VenueUnavailable):
            await venue.cancel(key_of(order))

    asking = asyncio.create_task(ask())
    try:
        if order.state is OrderState.WORKING:
            await store.write(_canceling(order.id), first=True)
    finally:
        await asking


async def _missing_trades(
    order: Order, report: Report | None, venue: Venue, store: Store
) -> Sequence[Trade] | None:
    """The order's trades, asked for only when the venue claims more than is booked.

    None where it has ended and they cannot be had: what its end says is booked for now, since nobody may
    believe that nothing is held. They take its place once they are told.

    Raises:
        VenueUnavailable: they cannot be had of an order that still works.
    """
    if report is None:
        return ()
    booked = await store.read(
        lambda tx: sum((f.amount for f in tx.fills.of_order(order.id) if not f.inferred), ZERO)
    )
    if report.filled <= booked:
        return ()
    key = key_of(order).evolve(venue_order_id=report.venue_order_id)
    try:
        return await venue.trades(key)
    except VenueUnavailable:
        if report.state not in orders.ENDED:
            raise
        return None


def _canceling(order_id: str) -> Change:
    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if order.state is OrderState.WORKING:
            booking.move_order(tx, order, OrderState.CANCELING)

    return work


def _look_later(order_id: str, silent: timedelta, asked: timedelta) -> Change:
    """The venue did not answer, or `asked` for that much silence: this was no look, look again.

    A cancel is not held up, only slower while the venue wants to hear nothing.
    """

    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if orders.out_of_budget(order, tx.now) and order.state is OrderState.IN_DOUBT:
            booking.move_order(
                tx, order, OrderState.STUCK, next_look_at=orders.next_look(order, tx.now)
            )
            return
        if to_be_canceled(order):
            pause = min(asked, CANCEL_THROUGH_SILENCE)
        else:
            pause = min(max(silent, asked), orders.LOOK_AGAIN[-1])
        wait = max(POLL, pause)
        tx.orders.change(order, order.evolve(next_look_at=tx.now + wait))
        unproved.tell_look(tx, order, answered=False)

    return work


def _not_found(order_id: str, venue: Venue, began: datetime) -> Change:
    """A complete round in which nothing at the venue knew the order, begun then."""

    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if order.state in orders.ENDED:
            tx.orders.change(order, order.evolve(next_look_at=_late_look(order, tx.now)))
        elif order.next_look_at is not None and order.next_look_at > began:
            pass  # a bell came before its time: what it did not show is no round, and proves nothing
        elif _was_just_seen(order, tx.now, venue):
            tx.orders.change(order, order.evolve(next_look_at=tx.now + POLL))
        elif order.state in {OrderState.WORKING, OrderState.CANCELING}:
            booking.move_order(
                tx,
                order,
                OrderState.IN_DOUBT,
                reason="the venue no longer shows it",
                doubted_at=tx.now,
                next_look_at=tx.now + orders.LOOK_AGAIN[0],
            )
        else:
            _count_the_round(tx, order, venue, began)

    return work


def _was_just_seen(order: Order, at: datetime, venue: Venue) -> bool:
    """Whether it was acknowledged so lately that look-ups may not show it yet."""
    seen = order.acknowledged_at
    grace = venue.visibility_grace
    hidden = orders.LOOK_AGAIN[-1] if grace is None else max(grace, orders.STALE_LOOK)
    return seen is not None and at - seen < hidden


def _late_look(order: Order, at: datetime) -> datetime | None:
    """When to look again for what is absent: what a proof says of a venue may be wrong for a while."""
    ended = order.ended_at or at
    late = order.state is OrderState.ABSENT and at - ended < LOOKED_FOR_AFTER_ALL
    return at + orders.LOOK_AGAIN[-1] if late else None


def _count_the_round(tx: Transaction, order: Order, venue: Venue, began: datetime) -> None:
    """An order in doubt was not found once more: absent, stuck, or looked for again."""
    looked = order.evolve(looks=order.looks + 1)
    again = orders.next_look(looked, tx.now)
    if _ended_unseen(tx, looked, venue, began):
        wanted = order.cancel_requested_at is not None
        booking.move_order(
            tx,
            order,
            OrderState.CANCELED if wanted else OrderState.EXPIRED,
            reason=f"it has ended: {venue.name} keeps no record of what ended unfilled so long ago",
            looks=looked.looks,
            next_look_at=None,
        )
    elif orders.proved_absent(looked, began, venue.visibility_grace):
        booking.move_order(
            tx,
            order,
            OrderState.ABSENT,
            reason="looked for until it was certain: it does not exist",
            looks=looked.looks,
            next_look_at=tx.now + orders.LOOK_AGAIN[-1],
        )
    elif orders.out_of_budget(looked, tx.now) and order.state is OrderState.IN_DOUBT:
        booking.move_order(tx, order, OrderState.STUCK, looks=looked.looks, next_look_at=again)
    else:
        tx.orders.change(order, looked.evolve(next_look_at=again))
        unproved.tell_look(tx, looked, answered=True)


def _ended_unseen(tx: Transaction, order: Order, venue: Venue, began: datetime) -> bool:
    """Whether it has ended, and its venue keeps no record of that."""
    if tx.fills.of_order(order.id):
        return False
    return orders.ended_unseen(order, began, forgets=venue.forgets, grace=venue.visibility_grace)
