"""F18 and F49 to F55: /kill meets an order on its way, one in doubt, a crash, an exchange that is away."""

from __future__ import annotations

from datetime import timedelta

from execution.types import OrderState, TicketState
from tests.faults.scene import RESTS, Scene, case

SECOND = timedelta(seconds=1)


@case
async def test_f18_cancels_of_a_halt_go_on_while_the_exchange_asks_for_silence(
    scene: Scene,
) -> None:
    await scene.start()
    tickets = [await scene.working(), await scene.working(price="58000")]
    scene.meets("cancel", "429", *["418"] * 4)
    halted = scene.now
    await scene.halt()
    await scene.until(scene.proved)
    in_the_silence = scene.requests(since=halted, seconds=15)
    assert in_the_silence.count("DELETE order") > 5
    for ticket in tickets:
        assert scene.latest(ticket).state is TicketState.CANCELED


@case
async def test_f49_an_order_on_its_way_is_not_interrupted_and_is_canceled_after(
    scene: Scene,
) -> None:
    await scene.start()
    scene.meets("send", "no answer", done=True)
    ticket = await scene.signal(price=RESTS)
    await scene.passes_until(lambda: scene.exchange.orders)
    await scene.halt()
    assert scene.state(ticket) is OrderState.SENDING
    assert not scene.proved()
    await scene.until(scene.proved)
    assert scene.latest(ticket).state is TicketState.CANCELED
    assert [order.now.status for order in scene.exchange.orders] == ["canceled"]


@case
async def test_f50_a_halt_is_not_done_while_an_order_is_in_doubt_and_its_cancel_is_sent(
    scene: Scene,
) -> None:
    scene.is_like(appears_within=8 * SECOND)
    await scene.start()
    ticket = await scene.in_doubt(done=True)
    await scene.halt()
    await scene.passes_until(lambda: "DELETE order" in scene.requests())
    assert scene.state(ticket) is OrderState.IN_DOUBT
    assert not scene.proved()
    await scene.hears("NOT DONE: 1 order may still be open at binance main")
    await scene.until(scene.proved)
    assert [order.now.status for order in scene.exchange.orders] == ["canceled"]


@case
async def test_f51_what_never_left_is_not_sent_again_once_halted(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.planned(price=RESTS)
    await scene.halt()
    await scene.until(scene.proved)
    await scene.passes(60)
    assert scene.state(ticket) is OrderState.DENIED
    assert (scene.sent, scene.exchange.orders) == (1, [])


@case
async def test_f52_a_halt_outlives_a_crash_in_its_middle_and_is_carried_on(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.working()
    scene.foretell(after=1, where="DELETE order leaves")
    await scene.halt()
    await scene.until(scene.proved)
    assert scene.deaths == 1
    assert scene.latest(ticket).state is TicketState.CANCELED
    assert [order.now.status for order in scene.exchange.orders] == ["canceled"]


@case
async def test_f53_a_halt_outlives_restarts_until_it_is_lifted(scene: Scene) -> None:
    await scene.start()
    await scene.halt()
    await scene.until(scene.proved)
    for _ in range(2):
        await scene.stop()
        await scene.start()
    assert scene.halted()
    refused = await scene.signal()
    assert [one.code for one in refused.refusals] == ["HALTED"]
    assert scene.sent == 0


@case
async def test_f54_an_order_that_its_cancel_did_not_end_is_found_and_canceled_again(
    scene: Scene,
) -> None:
    await scene.start()
    await scene.working()
    scene.exchange.deaf = True
    await scene.halt()
    await scene.passes(40)
    assert not scene.proved()
    await scene.hears("NOT DONE")
    scene.exchange.deaf = False
    await scene.until(scene.proved)
    assert [order.now.status for order in scene.exchange.orders] == ["canceled"]


@case
async def test_f55_a_halt_is_not_done_while_the_exchange_is_away_and_is_finished_after(
    scene: Scene,
) -> None:
    await scene.start()
    await scene.working()
    scene.weather("unreachable")
    await scene.halt()
    await scene.passes(90)
    assert not scene.proved()
    await scene.hears("not answering")
    scene.good_weather()
    await scene.until(scene.proved)
    assert [order.now.status for order in scene.exchange.orders] == ["canceled"]
