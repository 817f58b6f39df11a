"""The breaker of a venue: every step it may take, and that it takes one at a time."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest

from execution.breaker import SILENCE, Breaker, BreakerState, next_state

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
A_MOMENT = timedelta(seconds=1)


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("compared", [True, False])
@pytest.mark.parametrize("state", BreakerState)
def test_silence_opens_it_whatever_was_known(
    state: BreakerState, connected: bool, compared: bool
) -> None:
    for silent_for in (SILENCE, SILENCE * 10):
        to = next_state(state, silent_for=silent_for, connected=connected, compared=compared)
        assert to is OPEN


@pytest.mark.parametrize(
    ("state", "connected", "compared", "to"),
    [
        (CLOSED, False, False, CLOSED),
        (CLOSED, False, True, CLOSED),
        (CLOSED, True, False, CLOSED),
        (CLOSED, True, True, CLOSED),
        (OPEN, False, False, OPEN),
        (OPEN, False, True, OPEN),
        (OPEN, True, False, HALF_OPEN),
        (OPEN, True, True, HALF_OPEN),
        (HALF_OPEN, False, False, HALF_OPEN),
        (HALF_OPEN, False, True, HALF_OPEN),
        (HALF_OPEN, True, False, HALF_OPEN),
        (HALF_OPEN, True, True, CLOSED),
    ],
)
def test_without_silence_only_an_answer_and_then_a_comparison_close_it(
    state: BreakerState, connected: bool, compared: bool, to: BreakerState
) -> None:
    just_under = SILENCE - timedelta(microseconds=1)
    for silent_for in (timedelta(0), A_MOMENT, just_under):
        found = next_state(state, silent_for=silent_for, connected=connected, compared=compared)
        assert found is to


def test_whatever_is_heard_an_open_one_never_closes_in_one_step() -> None:
    for silent_for, connected, compared in product(
        (timedelta(0), SILENCE), (True, False), (True, False)
    ):
        to = next_state(OPEN, silent_for=silent_for, connected=connected, compared=compared)
        assert to is not CLOSED


def test_a_venue_that_never_was_silent_has_a_closed_one() -> None:
    assert Breaker(venue="main").state is CLOSED
