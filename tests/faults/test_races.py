"""F29 to F33, F44 to F47 and F80: two things happen at once, or in the wrong order."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

from execution.outcome import Outcome
from execution.types import OrderState, OrderType, TicketState
from tests.faults.scene import ANA, BTC, RESTS, Scene, case
from tests.simulation.story import BEN

D = Decimal
SECOND = timedelta(seconds=1)


@case
async def test_f29_fills_that_come_before_their_answer_are_booked_once(scene: Scene) -> None:
    """The answer is still on its way when the order is filled, and says nothing of it."""
    await scene.start()
    scene.foretell(
        after=1, where="POST order done", deed=lambda: scene.exchange.fill(scene.exchange.orders[0])
    )
    ticket = await scene.signal(price=RESTS)
    await scene.ends(ticket, "done")
    assert scene.filled(ticket) == D("0.01")
    assert scene.state(ticket) is OrderState.FILLED


@case
async def test_f30_a_fill_that_shows_after_the_cancel_was_confirmed_is_booked_and_told(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.working()
    await scene.cancel(ticket)
    await scene.ends(ticket, "canceled")
    scene.exchange.fill_late(scene.exchange.orders[0])
    await scene.ends(ticket, "done")
    assert scene.filled(ticket) == D("0.01")
    await scene.hears("Filled: bought 0.01 BTC/USDT")


@case
async def test_f31_what_was_filled_before_the_cancel_is_kept_and_the_rest_is_gone(
    scene: Scene,
) -> None:
    scene.exchange.takes = D("0.4")
    await scene.start()
    ticket = await scene.working(price="60100")
    await scene.cancel(ticket)
    await scene.ends(ticket, "done")
    assert scene.state(ticket) is OrderState.CANCELED
    assert scene.filled(ticket) == D("0.004")
    assert scene.exchange.orders[0].now.status == "canceled"


@case
async def test_f32_a_cancel_that_comes_after_the_fill_finds_a_filled_order(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.working()
    scene.exchange.faster = True
    await scene.cancel(ticket)
    await scene.ends(ticket, "done")
    assert scene.state(ticket) is OrderState.FILLED
    assert scene.filled(ticket) == D("0.01")


@case
async def test_f33_a_cancel_whose_answer_is_lost_is_looked_up_and_ends_once(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.working()
    scene.meets("cancel", "connection dropped", "no answer", done=True)
    await scene.cancel(ticket)
    await scene.ends(ticket, "canceled")
    assert scene.state(ticket) is OrderState.CANCELED


@case
async def test_f33_a_cancel_that_never_arrived_is_sent_again(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.working()
    scene.meets("cancel", "connection dropped", "502 with a page")
    await scene.cancel(ticket)
    await scene.ends(ticket, "canceled")
    assert scene.requests().count("DELETE order") == 3


@case
async def test_f44_two_taps_of_one_person_at_once_make_one_order(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.signal(source="tv", price=RESTS)
    first, second = await asyncio.gather(scene.tap(ticket), scene.tap(ticket))
    assert {first.outcome, second.outcome} == {Outcome.APPROVED, Outcome.ANSWERED}
    await scene.until(lambda: scene.exchange.orders)
    await scene.passes(10)
    assert scene.sent == len(scene.exchange.orders) == 1


@case
async def test_f45_of_two_people_at_once_one_approves_and_the_other_is_told_who(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.signal(source="tv", price=RESTS)
    answers = await asyncio.gather(scene.tap(ticket, ANA), scene.tap(ticket, BEN))
    (told,) = [one for one in answers if one.outcome is Outcome.ANSWERED]
    assert told.name in {"Ana", "Ben"}
    await scene.until(lambda: scene.exchange.orders)
    await scene.passes(10)
    assert scene.sent == len(scene.exchange.orders) == 1


@case
async def test_f46_a_tap_after_the_deadline_sends_nothing(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.signal(source="tv", price=RESTS)
    await scene.passes(45)
    assert (await scene.tap(ticket)).outcome is Outcome.EXPIRED
    assert (scene.latest(ticket).state, scene.sent) == (TicketState.EXPIRED, 0)


@case
async def test_f46_a_tap_after_the_price_has_moved_asks_again_and_sends_nothing(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.signal(source="tv", type=OrderType.MARKET)
    scene.exchange.move(BTC, D(60_600))
    await scene.passes(1.5)
    assert (await scene.tap(ticket)).outcome is Outcome.MOVED
    assert (scene.latest(ticket).revision, scene.sent) == (2, 0)


@case
async def test_f47_an_approval_that_comes_with_a_halt_is_denied_or_its_order_is_canceled(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.signal(source="tv", price=RESTS)
    await asyncio.gather(scene.tap(ticket), scene.halt())
    await scene.ends(ticket, "canceled")
    await scene.until(scene.proved)
    assert all(order.now.status == "canceled" for order in scene.exchange.orders)


@case
async def test_f47_an_approval_that_comes_after_the_halt_sends_nothing(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.signal(source="tv", price=RESTS)
    await asyncio.gather(scene.halt(), scene.tap(ticket))
    await scene.ends(ticket, "canceled")
    assert (scene.sent, scene.exchange.orders) == (0, [])


@case
async def test_f80_an_order_canceled_on_the_exchanges_own_page_is_canceled_and_told(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.working()
    scene.exchange.take_away(scene.exchange.orders[0], "canceled")
    await scene.ends(ticket, "canceled")
    assert scene.state(ticket) is OrderState.CANCELED
    await scene.hears("canceled")
