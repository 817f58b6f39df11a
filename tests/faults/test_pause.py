"""A pause meets an order at every step of its life: what was not on its way before never leaves."""

from __future__ import annotations

import asyncio

from execution.errors import NotPossible
from execution.types import OrderState, Side, TicketState, TradingState
from tests.faults.scene import RESTS, Scene, case
from tests.simulation.process import Process
from tests.simulation.story import ANA, OLGA
from tests.virtual_time import passes

TURNS = range(8)
"""Turns of the loop between the tap and the pause, while nothing waits for the time."""
MOMENTS = [n / 1000 for n in (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 128)]
"""Seconds between them: up to more than the exchange takes to answer."""


def state(scene: Scene) -> TradingState:
    return scene.read(lambda tx: tx.trading()).state


async def pause(scene: Scene, *, turns: int = 0, seconds: float = 0) -> None:
    """Ana types /pause, so many turns of the loop, or so long, from now."""
    for _ in range(turns):
        await asyncio.sleep(0)
    if seconds:
        await passes(seconds)
    await scene.insist(lambda process: process.desk.pause(person=ANA, reason=""))


async def resume(scene: Scene) -> None:
    """Olga types /resume until it is done: each venue must have been compared since."""

    async def ask(process: Process) -> None:
        try:
            await process.desk.resume(person=OLGA)
        except NotPossible as error:
            scene.tell(str(error))

    while state(scene) is not TradingState.ACTIVE:
        await scene.insist(ask)
        await scene.passes(0.5)


@case
async def test_nothing_that_adds_exposure_leaves_once_a_pause_is_stored(scene: Scene) -> None:
    await scene.start()
    met = set()
    scene.before_an_order(lambda asked: met.add(state(scene)))
    left = []
    for turns, seconds in [*((n, 0.0) for n in TURNS), *((0, n) for n in MOMENTS)]:
        ticket = await scene.signal(source="tv", price=RESTS)
        await asyncio.gather(scene.tap(ticket), pause(scene, turns=turns, seconds=seconds))
        await scene.passes(3)
        left.append(scene.state(ticket) is OrderState.WORKING)
        if not left[-1]:
            assert scene.latest(ticket).state in {
                TicketState.PENDING,
                TicketState.REFUSED,
                TicketState.CANCELED,
            }
        await resume(scene)
        await scene.cancel(ticket)
        await scene.passes(3)
    assert met == {TradingState.ACTIVE}
    assert set(left) == {True, False}, "both come first somewhere"


@case
async def test_a_pause_lets_an_exit_go_on(scene: Scene) -> None:
    await scene.start()
    bought = await scene.signal(price="60600")
    await scene.ends(bought, "done")
    await pause(scene)
    sold = await scene.signal(source="straight", side=Side.SELL, price="59400", reduce_only=True)
    await scene.ends(sold, "done")
    assert state(scene) is TradingState.PAUSED


@case
async def test_an_order_that_never_left_does_not_leave_after_the_pause_either(
    scene: Scene,
) -> None:
    """It would be tried again; a pause and a resume lie between."""
    await scene.start()
    scene.meets("send", "unreachable")
    ticket = await scene.signal(price=RESTS)
    await scene.passes_until(lambda: scene.state(ticket) is OrderState.PLANNED)
    await pause(scene)
    await scene.ends(ticket, "canceled")
    await resume(scene)
    await scene.passes(10)
    assert scene.exchange.orders == []


@case
async def test_what_is_approved_for_a_lost_venue_does_not_leave_after_the_pause(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.signal(source="tv", price=RESTS)
    scene.weather("unreachable")
    await scene.passes(4)
    await scene.tap(ticket)
    await pause(scene)
    after = scene.latest(ticket)
    assert (after.state, [one.code for one in after.refusals]) == (TicketState.REFUSED, ["PAUSED"])
    scene.good_weather()
    await resume(scene)
    await scene.passes(10)
    assert scene.exchange.orders == []


@case
async def test_a_pause_outlives_a_crash(scene: Scene) -> None:
    await scene.start()
    await pause(scene)
    scene.kill("killed by hand")
    await scene.start()
    ticket = await scene.signal(price=RESTS)
    assert [one.code for one in scene.latest(ticket).refusals] == ["PAUSED"]
    await resume(scene)


@case
async def test_a_halt_takes_the_place_of_a_pause_and_a_pause_does_not_lift_a_halt(
    scene: Scene,
) -> None:
    await scene.start()
    await pause(scene)
    await scene.halt()
    await pause(scene)
    assert state(scene) is TradingState.HALTED
    await scene.until(scene.proved)


@case
async def test_a_resume_that_was_asked_for_before_a_second_pause_does_not_lift_it(
    scene: Scene,
) -> None:
    await scene.start()
    await pause(scene)
    seen = scene.read(lambda tx: tx.trading()).generation
    await pause(scene)

    async def late(process: Process) -> str:
        try:
            await process.desk.resume(person=OLGA, generation=seen)
        except NotPossible as error:
            return str(error)
        return "resumed"

    assert await scene.insist(late) == "That changed since: type /resume again."
    assert state(scene) is TradingState.PAUSED
    await resume(scene)
