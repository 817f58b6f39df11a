"""The send protocol: `sending` committed before the first byte, one send, every outcome classified.

Whatever is not a report that carries our id or a definite no is in doubt, and is looked up, never
sent again. Only a request that certainly never left goes out again, under the same client order id.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random

from execution import approval, booking, orders
from execution.config import Config
from execution.errors import NotSent, OutcomeUnknown, VenueRefused
from execution.exposure import is_bound
from execution.store import Transaction
from execution.trading import Brake, lets_through
from execution.types import Order, OrderState, Ticket
from execution.venues.venue import NewOrder, Report, Venue

FENCE_MARGIN = timedelta(seconds=1)
FIRST_LOOK = orders.LOOK_AGAIN[0]
A_MOMENT = timedelta(seconds=1)

Recorded = Callable[[Transaction], Order]


def commit_sending(tx: Transaction, order: Order, venue: Venue) -> Order | None:
    """The last change before the send; None when it may not be sent any more."""
    if order.state is not OrderState.PLANNED:
        return None
    stopped = _stopped(tx, order)
    if stopped is not None:
        booking.request_cancel(tx, order, actor="desk", reason=stopped)
        return None
    stale = no_longer_approved(tx, order, venue)
    if stale is not None:
        booking.move_order(tx, order, OrderState.DENIED, reason=stale)
        return None
    return booking.move_order(
        tx,
        order,
        OrderState.SENDING,
        attempts=order.attempts + 1,
        sent_at=tx.now,
        fence_at=tx.now + venue.fence + FENCE_MARGIN,
        next_look_at=None,
    )


def _stopped(tx: Transaction, order: Order) -> str | None:
    """Who or what stopped a planned order: somebody canceled it, or the desk is paused or halted."""
    state, closes = tx.trading(), orders.passes_a_halt(order)
    goes = lets_through(state.state, reduces=order.reduces, closes=closes)
    return order.cancel_reason or (None if goes else str(state.state))


def held_back(tx: Transaction, order: Order, venue: Venue) -> bool:
    """Whether `commit_sending` would hold back this planned order, and say why."""
    return _stopped(tx, order) is not None or no_longer_approved(tx, order, venue) is not None


def no_longer_approved(tx: Transaction, order: Order, venue: Venue) -> str | None:
    """Why an order that was planned a while ago must not go out; None while it may."""
    ticket = tx.tickets.get(order.ticket)
    assert ticket is not None, "an order has a ticket"
    if ticket.mode is not venue.mode:
        return f"{venue.name} is {venue.mode} now, the card said {ticket.mode}"
    if tx.now > held_until(ticket, order):
        return "it could not be sent while its approval held"
    return None


def held_until(ticket: Ticket, order: Order) -> datetime:
    """Until when a planned order may go out: as long as an approval holds.

    A later leg is part of what was approved; it is checked anew when it is planned.
    """
    assert ticket.decided_at is not None, "what has an order was approved"
    start = ticket.decided_at if order.leg == orders.ENTRY else order.created_at
    return start + approval.APPROVAL_HOLDS


def interrupted(order_id: str) -> Callable[[Transaction], None]:
    """Nobody is sending it any more and nobody knows what became of it."""

    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if order.state is OrderState.SENDING:
            in_doubt(order, "what was sending it ended before the answer")(tx)

    return work


def give_up_waiting(order_id: str, venue: Venue | None) -> Callable[[Transaction], None]:
    """A planned order whose venue cannot be used: denied once its approval has become old."""

    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if order.state is not OrderState.PLANNED:
            return
        stale = (
            f"the venue {order.venue} is no longer set up"
            if venue is None
            else no_longer_approved(tx, order, venue)
        )
        if stale is not None:
            booking.move_order(tx, order, OrderState.DENIED, reason=stale)

    return work


async def send(
    order: Order, venue: Venue, brake: Brake, config: Config, jitter: Random
) -> Recorded:
    """Send once; returns what to record of it. Nothing but the venue is awaited here."""
    closes = orders.passes_a_halt(order)
    held = partial(brake.holds_back, reduces=order.reduces, closes=closes)
    if held():
        return not_sent(order, str(brake.state), again_in=timedelta(0))
    asked = NewOrder(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        amount=order.amount,
        price=order.price,
        stop_price=order.stop_price,
        trail=order.trail,
        time_in_force=order.time_in_force,
        good_till=order.good_till,
        post_only=order.post_only,
        # Whatever happens meanwhile, what was to reduce a position in contracts cannot open another.
        reduce_only=is_bound(order),
    )
    try:
        report = await venue.send(asked, held)
    except VenueRefused as refusal:
        return refused(order, str(refusal))
    except NotSent as error:
        if order.attempts > config.max_retries:
            return gave_up(order, str(error))
        pause = config.retry_delay * 2 ** (order.attempts - 1) * (1 + jitter.random() / 4)
        return not_sent(order, str(error), again_in=max(pause, error.retry_after or pause))
    except OutcomeUnknown as unknown:
        return in_doubt(order, str(unknown))
    return acknowledged(order, report)


def acknowledged(order: Order, report: Report) -> Recorded:
    """The venue answered with our order: book what it says, fetch its trades at once if it filled."""

    def work(tx: Transaction) -> Order:
        before = tx.orders.get(order.id)
        if report.filled == 0 or before.state is not OrderState.SENDING:
            return booking.book(tx, order.id, report, ())
        # Its trades are fetched by the next look; until then the order works and claims a fill.
        return booking.move_order(
            tx,
            before,
            OrderState.WORKING,
            venue_order_id=report.venue_order_id,
            acknowledged_at=tx.now,
            reported=max(before.reported, report.filled),
            next_look_at=tx.now,
        )

    return work


def refused(order: Order, reason: str) -> Recorded:
    """A definite no. On a later attempt it says nothing of an earlier one: then it is in doubt."""
    if order.attempts > 1:
        return in_doubt(order, reason)

    def work(tx: Transaction, before: Order) -> Order:
        return booking.move_order(tx, before, OrderState.REJECTED, reason=reason)

    return _unless_seen(order, work)


def in_doubt(order: Order, reason: str) -> Recorded:
    """It may or may not exist: from now on it is looked for.

    The request may have been signed as late as now, so the fence counts from here again.
    """

    def work(tx: Transaction, before: Order) -> Order:
        fence = before.fence_at
        if fence is not None and before.sent_at is not None:
            fence = tx.now + (fence - before.sent_at)
        return booking.move_order(
            tx,
            before,
            OrderState.IN_DOUBT,
            reason=reason,
            doubted_at=tx.now,
            fence_at=fence,
            next_look_at=tx.now + FIRST_LOOK,
        )

    return _unless_seen(order, work)


def not_sent(order: Order, reason: str, *, again_in: timedelta) -> Recorded:
    """It never left: the same id may go out again after a pause, while its approval holds.

    Unless somebody canceled it meanwhile, or the desk was stopped: then it ends here.
    """

    def work(tx: Transaction, before: Order) -> Order:
        ticket = tx.tickets.get(order.ticket)
        assert ticket is not None, "an order has a ticket"
        too_late = held_until(ticket, order) + A_MOMENT
        planned = booking.move_order(
            tx,
            before,
            OrderState.PLANNED,
            reason=reason,
            next_look_at=min(tx.now + again_in, max(too_late, tx.now)),
        )
        stopped = _stopped(tx, planned)
        if stopped is None:
            return planned
        return booking.request_cancel(tx, planned, actor="desk", reason=stopped)

    return _unless_seen(order, work)


def gave_up(order: Order, reason: str) -> Recorded:
    """It never left, as often as is allowed: denied, and its ticket fails."""

    def work(tx: Transaction) -> Order:
        planned = not_sent(order, reason, again_in=timedelta(0))(tx)
        if planned.state is not OrderState.PLANNED:
            return planned
        return booking.move_order(tx, planned, OrderState.DENIED, reason=reason)

    return work


def _unless_seen(order: Order, work: Callable[[Transaction, Order], Order]) -> Recorded:
    """What its sender has to say, unless somebody has looked at the venue meanwhile: they know more."""

    def record(tx: Transaction) -> Order:
        before = tx.orders.get(order.id)
        return work(tx, before) if before.state is OrderState.SENDING else before

    return record
