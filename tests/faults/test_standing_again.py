"""S1 to S13: a stop gives way to a closing of the position behind it, and stands again for what was not sold; or
people are told that a position is held without it."""

from __future__ import annotations

from decimal import Decimal

from execution import booking
from execution.events import EventKind
from execution.types import Order, OrderState, OrderType, Ticket, TicketState
from execution.venues.venue import Report
from tests.faults.positions import (
    BOUGHT,
    LEFT,
    STOP,
    a_stop,
    bought,
    close,
    closings,
    flatten,
    held,
)
from tests.faults.scene import BTC, Scene, case

D = Decimal
HALF = BOUGHT - LEFT


def legs(scene: Scene, ticket: Ticket) -> list[Order]:
    """The stop each time it stood."""
    return scene.read(lambda tx: tx.orders.of_ticket(ticket.id))


async def stands_again(scene: Scene, ticket: Ticket) -> Order:
    """The stop, once it waits at the exchange for the second time."""
    await scene.until(
        lambda: len(legs(scene, ticket)) == 2 and scene.state(ticket) is OrderState.WORKING
    )
    return legs(scene, ticket)[-1]


@case
async def test_a_stop_stands_again_for_what_is_not_closed(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    await scene.ends(await close(scene, "0.5"), "done")
    again = await stands_again(scene, stop)
    first = legs(scene, stop)[0]
    assert (first.state, first.leg) == (OrderState.CANCELED, "entry")
    assert (again.leg, again.type, again.stop_price) == ("stop-2", OrderType.STOP, STOP)
    assert again.amount == held(scene) == BOUGHT - D("0.00499")
    assert scene.latest(stop).state is TicketState.WORKING
    scene.exchange.move(BTC, STOP)
    await scene.ends(stop, "done")
    assert held(scene) == 0


@case
async def test_a_stop_with_a_limit_stands_again_with_it(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene, type=OrderType.STOP_LIMIT, price="58900")
    await scene.ends(await close(scene, "0.5"), "done")
    again = await stands_again(scene, stop)
    assert (again.type, again.price, again.stop_price) == (OrderType.STOP_LIMIT, D(58_900), STOP)


@case
async def test_a_stop_whose_position_is_sold_does_not_stand_again(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    await flatten(scene)
    await scene.until(scene.proved)
    await scene.ends(stop, "canceled")
    assert held(scene) == 0
    assert len(legs(scene, stop)) == 1
    assert scene.latest(stop).reason == "its position is closed"


@case
async def test_a_stop_that_was_away_when_we_died_stands_again(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    await close(scene, "0.5")
    await scene.passes_until(lambda: scene.state(stop) is OrderState.CANCELED)
    scene.kill("a power cut")
    await scene.passes(600)
    await scene.start()
    again = await stands_again(scene, stop)
    assert again.amount == held(scene)


@case
async def test_a_halt_ends_the_closing_and_the_stop_stands_again_while_it_lasts(
    scene: Scene,
) -> None:
    """A position is not left bare because somebody stopped what was to sell it."""
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    scene.exchange.depth = D("0.00001")
    await close(scene)
    await scene.passes_until(lambda: scene.state(stop) is OrderState.CANCELED)
    await scene.halt()
    again = await stands_again(scene, stop)
    await scene.until(scene.proved)
    assert again.amount == held(scene)
    assert [ticket.state for ticket in closings(scene)] != [TicketState.WORKING]
    await scene.hears("Kept: stop sell")
    assert scene.halted()


@case
async def test_a_stop_that_the_market_has_passed_meanwhile_is_told_and_left(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    await close(scene, "0.5")
    await scene.passes_until(lambda: scene.state(stop) is OrderState.CANCELED)
    scene.exchange.move(BTC, D(58_000))
    await scene.ends(stop, "canceled")
    assert held(scene) == BOUGHT - D("0.00499")
    await scene.hears("is held without this stop")
    assert len(legs(scene, stop)) == 1


@case
async def test_the_answer_of_a_stop_that_stands_again_is_lost_and_it_is_found(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    closing = await close(scene, "0.5")
    await scene.until(lambda: scene.latest(closing).state is TicketState.DONE)
    scene.meets("send", "connection dropped", done=True)
    again = await stands_again(scene, stop)
    assert again.amount == held(scene)
    taken = [order for order in scene.exchange.orders if order.stop is not None]
    assert [order.now.status for order in taken] == ["canceled", "open"]


@case
async def test_a_stop_that_gave_way_can_be_canceled_for_good(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    await close(scene, "0.5")
    await scene.passes_until(lambda: scene.state(stop) is OrderState.CANCELED)
    await scene.cancel(stop)
    await scene.passes(60)
    assert len(legs(scene, stop)) == 1
    assert scene.latest(stop).state is TicketState.CANCELED


@case
async def test_a_stop_that_stands_again_and_is_refused_leaves_a_bare_position_that_is_told(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    closing = await close(scene, "0.5")
    await scene.until(lambda: scene.latest(closing).state is TicketState.DONE)
    scene.before_an_order(lambda asked: scene.exchange.move(BTC, D(58_000)))
    await scene.until(lambda: scene.latest(stop).state is not TicketState.WORKING)
    assert legs(scene, stop)[-1].state is OrderState.REJECTED
    assert held(scene) == BOUGHT - D("0.00499")
    await scene.hears("is held without this stop")
    assert "The exchange refused it." in scene.said


@case
async def test_a_stop_that_somebody_cancels_at_the_exchange_leaves_a_bare_position_that_is_told(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    scene.exchange.cancel("", scene.order(stop).client_order_id)
    await scene.ends(stop, "canceled")
    await scene.hears("is held without this stop")
    assert "It was canceled at the exchange, not here." in scene.said


@case
async def test_a_stop_that_people_cancel_or_that_another_one_stands_beside_is_not_missed(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    first = await a_stop(scene, amount=D("0.004"))
    second = await a_stop(scene, amount=D("0.005"))
    scene.exchange.cancel("", scene.order(first).client_order_id)
    await scene.ends(first, "canceled")
    await scene.cancel(second)
    await scene.ends(second, "canceled")
    await scene.passes(60)
    assert "is held without this stop" not in scene.said


@case
async def test_a_stop_that_was_there_after_all_and_is_gone_for_good_is_told_again(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    ended = scene.order(stop)
    scene.exchange.cancel("", ended.client_order_id)
    await scene.ends(stop, "canceled")
    await scene.passes(60)  # a look right after its end could be an old one
    assert ended.venue_order_id is not None
    told = Report(
        venue_order_id=ended.venue_order_id,
        client_order_id=ended.client_order_id,
        symbol=BTC,
        side=ended.side,
        state=OrderState.WORKING,
        amount=ended.amount,
        filled=D(0),
    )
    assert scene.process is not None
    await scene.process.store.write(lambda tx: booking.book(tx, ended.id, told, ()))
    assert scene.happened(EventKind.ORDER_RISEN) == 1
    await scene.until(lambda: scene.happened(EventKind.STOP_GONE) == 2)


@case
async def test_a_stop_that_the_exchange_calls_expired_when_it_gives_way_stands_again(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    scene.meets("cancel", "no answer")
    closing = await close(scene, "0.5")
    await scene.passes_until(lambda: scene.order(stop).cancel_requested_at is not None)
    (resting,) = [order for order in scene.exchange.orders if order.stop is not None]
    scene.exchange.take_away(resting, "expired")
    await scene.ends(closing, "done")
    again = await stands_again(scene, stop)
    assert legs(scene, stop)[0].state is OrderState.EXPIRED
    assert again.amount == held(scene)
