"""F65 and F84: the clock goes back, or time passes while nothing could be done."""

from __future__ import annotations

from datetime import timedelta

from execution.outcome import Outcome
from execution.types import OrderState
from tests.faults.scene import RESTS, Scene, case

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@case
async def test_f65_an_order_in_doubt_is_looked_for_although_the_clock_was_set_back(
    scene: Scene,
) -> None:
    scene.is_like("ids never refused, only lists to search")
    await scene.start()
    ticket = await scene.in_doubt(done=True)
    scene.ahead -= HOUR
    await scene.works_once(ticket)


@case
async def test_f65_a_clock_set_back_before_a_restart_stops_nothing_either(scene: Scene) -> None:
    scene.is_like("ids never refused, only lists to search")
    await scene.start()
    ticket = await scene.in_doubt(done=True)
    scene.kill("and the clock is set back")
    scene.ahead -= HOUR
    await scene.works_once(ticket)


@case
async def test_f65_an_order_that_shows_late_is_not_absent_because_the_clock_was_set_forward(
    scene: Scene,
) -> None:
    scene.is_like("ids never refused, only lists to search", appears_within=25 * SECOND)
    await scene.start()
    ticket = await scene.in_doubt(done=True)
    scene.ahead += 150 * SECOND
    await scene.passes(20)
    assert scene.state(ticket) is OrderState.IN_DOUBT
    await scene.works_once(ticket)


@case
async def test_f84_after_a_minute_of_standing_still_old_cards_expire_and_nothing_is_sent(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.signal(source="tv", price=RESTS)
    scene.stand_still(60)
    assert (await scene.tap(ticket)).outcome is Outcome.EXPIRED
    assert scene.sent == 0
