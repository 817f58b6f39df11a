"""What halts the desk by itself, and what is not enough to."""

from __future__ import annotations

import pytest

from execution.alarms import COMMITS_FAIL_FOR, JOURNAL_GREW, STOOD_STILL_FOR
from execution.types import TicketState, TradingState
from tests.faults.scene import OLGA, Scene, case


def state(scene: Scene) -> TradingState:
    return scene.read(lambda tx: tx.trading()).state


@case
async def test_a_process_that_stood_still_halts_and_says_for_how_long(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.working()
    scene.stand_still(STOOD_STILL_FOR + 2)
    await scene.until(scene.proved)
    await scene.hears("This process stood still for")
    assert scene.latest(ticket).state is TicketState.CANCELED


@case
async def test_a_short_pause_is_no_alarm(scene: Scene) -> None:
    await scene.start()
    for _ in range(5):
        scene.stand_still(STOOD_STILL_FOR - 1)
        await scene.passes(2)
    assert state(scene) is TradingState.ACTIVE


@case
async def test_commits_that_fail_for_long_halt_as_soon_as_that_can_be_stored(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.working()
    with scene.database_takes_nothing():
        await scene.accept_in_vain()
        await scene.passes(COMMITS_FAIL_FOR + 5)
        assert scene.process is not None
        assert scene.process.brake.pulled, "in memory at once"
    await scene.until(scene.proved)
    await scene.hears("The database does not answer")
    assert scene.latest(ticket).state is TicketState.CANCELED


@case
async def test_a_database_that_somebody_holds_for_a_moment_is_no_alarm(scene: Scene) -> None:
    await scene.start()
    for _ in range(3):
        with scene.database_takes_nothing():
            await scene.accept_in_vain()
            await scene.passes(COMMITS_FAIL_FOR - 3)
        await scene.passes(2)
    assert state(scene) is TradingState.ACTIVE


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE events SET data = '{"version": "9"}' WHERE seq = 2""",
        "DELETE FROM events WHERE seq = 2",
        "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)",
    ],
)
def test_a_journal_that_was_changed_halts_once_and_an_owner_may_go_on(change: str) -> None:
    @case
    async def story(scene: Scene) -> None:
        scene.breaks = "I6"
        await scene.start()
        await scene.working()
        await scene.stop()
        scene.change_the_journal(change)
        await scene.start()
        await scene.until(scene.proved)
        await scene.hears("of the journal is not as it was written")
        await scene.insist(lambda process: process.desk.resume(person=OLGA))
        await scene.stop()
        await scene.start()
        await scene.passes(2 * JOURNAL_GREW)
        assert state(scene) is TradingState.ACTIVE

    story()
