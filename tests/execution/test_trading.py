"""Active, paused, halted: what each lets through, how each is left, and the brake in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from execution.errors import NotPossible
from execution.trading import (
    ACTIVE_FROM_THE_START,
    Brake,
    Halt,
    Trading,
    doubted,
    halted,
    lets_through,
    paused,
    resumed,
    to_be_proved,
    verified,
)
from execution.types import TradingState
from tests.execution.builders import NOW, trading

ACTIVE, HALTED, PAUSED = TradingState.ACTIVE, TradingState.HALTED, TradingState.PAUSED
STOPPED = trading("halted")
GOING_ON = STOPPED.evolve(state=ACTIVE, generation=STOPPED.generation + 1)


def halt(by: str = "tg:2", reason: str = "") -> Halt:
    return Halt(by=by, name=by.upper(), at=NOW, reason=reason)


class TestWhatGoesThrough:
    @pytest.mark.parametrize(
        ("state", "adds", "reduces"),
        [("active", True, True), ("paused", False, True), ("halted", False, False)],
    )
    def test_pause_lets_exposure_shrink_and_halt_nothing_out(
        self, state: str, adds: bool, reduces: bool
    ) -> None:
        assert lets_through(TradingState(state), reduces=False) is adds
        assert lets_through(TradingState(state), reduces=True) is reduces

    def test_trading_is_active_from_the_start(self) -> None:
        assert lets_through(ACTIVE_FROM_THE_START.state, reduces=False)
        assert Trading(state=ACTIVE, generation=0) == ACTIVE_FROM_THE_START


class TestHaltAndResume:
    @pytest.mark.parametrize("state", ["active", "paused"])
    def test_a_halt_stops_and_says_who_when_and_why(self, state: str) -> None:
        after = halted(trading(state), halt(reason="news"))

        assert (after.state, after.generation, after.halt) == (HALTED, 2, halt(reason="news"))

    def test_a_second_halt_changes_nothing_of_the_first(self) -> None:
        first = halted(trading("active"), halt("tg:2", "news"))

        assert halted(first, halt("tg:3", "me too")) is first

    def test_only_a_halt_that_is_not_verified_is_to_be_proved(self) -> None:
        """A pause has somebody who paused too, and cancels nothing."""
        stopped = halted(trading("active"), halt())
        paused = Trading(state=PAUSED, generation=1, halt=halt())

        assert to_be_proved(stopped) == halt()
        assert to_be_proved(verified(stopped, NOW)) is None
        assert to_be_proved(paused) is None
        assert to_be_proved(ACTIVE_FROM_THE_START) is None

    def test_a_verified_halt_is_the_same_halt_with_its_proof(self) -> None:
        proved_at = NOW + timedelta(seconds=3)
        before = halted(trading("active"), halt(reason="news"))

        after = verified(before, proved_at)

        assert after.halt == halt(reason="news").evolve(verified_at=proved_at)
        assert (after.state, after.generation) == (before.state, before.generation)

    def test_a_halt_that_is_doubted_again_has_to_be_proved_again(self) -> None:
        stopped = halted(trading("active"), halt(reason="news"))

        assert doubted(verified(stopped, NOW)) == stopped
        with pytest.raises(NotPossible, match="not done"):
            resumed(doubted(verified(stopped, NOW)))

    def test_nothing_but_a_halt_can_be_verified_or_doubted(self) -> None:
        with pytest.raises(AssertionError, match="halt"):
            verified(trading("active"), NOW)
        with pytest.raises(AssertionError, match="halt"):
            doubted(trading("active"))

    def test_a_halt_that_is_not_verified_cannot_be_resumed(self) -> None:
        with pytest.raises(NotPossible, match="not done"):
            resumed(halted(trading("active"), halt()))

    def test_a_verified_halt_can_be_resumed(self) -> None:
        stopped = halted(trading("active"), halt())

        after = resumed(verified(stopped, NOW))

        assert after == Trading(state=ACTIVE, generation=stopped.generation + 1)

    def test_a_pause_can_be_resumed_without_proof(self) -> None:
        assert resumed(paused(trading("active"), halt())).state is ACTIVE

    def test_a_pause_keeps_who_and_why_and_changes_nothing_that_is_stopped(self) -> None:
        after = paused(trading("active"), halt(reason="news"))

        assert (after.state, after.generation, after.halt) == (PAUSED, 2, halt(reason="news"))
        assert paused(after, halt(by="tg:9")) == after
        assert paused(trading("halted"), halt()) == trading("halted")

    def test_a_halt_takes_the_place_of_a_pause(self) -> None:
        after = halted(paused(trading("active"), halt(by="tg:9")), halt())

        assert (after.state, after.halt) == (HALTED, halt())

    def test_what_is_active_cannot_be_resumed(self) -> None:
        with pytest.raises(NotPossible, match="already active"):
            resumed(ACTIVE_FROM_THE_START)


class TestBrake:
    def test_it_is_off_until_somebody_halts(self) -> None:
        assert not Brake().pulled

    def test_it_stops_in_the_same_step_as_the_request(self) -> None:
        brake = Brake()
        brake.pull()

        assert brake.pulled

    def test_a_look_at_the_rows_does_not_release_it_while_the_commit_is_on_its_way(self) -> None:
        brake = Brake()
        brake.pull()
        brake.follow(ACTIVE_FROM_THE_START)

        assert brake.pulled

    def test_a_halt_whose_commit_failed_stays_pulled(self) -> None:
        brake = Brake()
        brake.pull()  # and `committed` is never said
        for _ in range(3):
            brake.follow(ACTIVE_FROM_THE_START)

        assert brake.pulled

    def test_a_committed_halt_ends_with_the_resume(self) -> None:
        brake = Brake()
        brake.pull()
        brake.committed(STOPPED)
        assert brake.pulled

        brake.follow(STOPPED)
        assert brake.pulled

        brake.follow(GOING_ON)
        assert not brake.pulled

    def test_what_was_read_before_the_commit_does_not_release_it(self) -> None:
        """A turn of the executor reads the rows, then the halt is stored, then the turn goes on."""
        brake = Brake()
        brake.pull()
        brake.committed(STOPPED)
        brake.follow(ACTIVE_FROM_THE_START)

        assert brake.pulled

    def test_after_a_failed_halt_the_one_that_was_stored_can_be_resumed(self) -> None:
        """Else nothing would be sent until a restart, although the desk says active."""
        brake = Brake()
        brake.pull()  # its commit fails
        brake.pull()
        brake.committed(STOPPED)
        brake.follow(GOING_ON)

        assert not brake.pulled

    def test_a_halt_by_another_process_counts_here(self) -> None:
        brake = Brake()
        brake.follow(STOPPED)

        assert brake.pulled

    def test_a_pause_holds_back_what_adds_exposure_and_nothing_else(self) -> None:
        brake = Brake()
        brake.pull(PAUSED)

        assert brake.holds_back(reduces=False, closes=False)
        assert not brake.holds_back(reduces=True, closes=True)
        assert not brake.pulled

        brake.committed(trading("paused"))
        assert brake.holds_back(reduces=False, closes=False)

        brake.follow(GOING_ON)
        assert not brake.holds_back(reduces=False, closes=False)

    def test_a_stored_pause_does_not_release_a_halt_that_could_not_be_stored(self) -> None:
        brake = Brake()
        brake.pull()  # its commit fails
        brake.pull(PAUSED)
        brake.committed(trading("paused"))

        assert brake.pulled

    def test_a_stored_halt_stands_for_a_pause_that_could_not_be_stored(self) -> None:
        brake = Brake()
        brake.pull(PAUSED)  # its commit fails
        brake.pull()
        brake.committed(STOPPED)
        brake.follow(GOING_ON)

        assert brake.state is ACTIVE
