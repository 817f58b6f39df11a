"""A /kill at the places of every scenario where something happens, and at every step of orders by chance.

That nothing leaves after it, and that it is proved before all has settled, is what every run is judged by.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.simulation.kills import killed, lives, moments
from tests.simulation.lives import Step
from tests.simulation.scenarios import KILLED, SCENARIOS, Scenario, halted_during, places

EVERY = 10
"""Of that many places in a row one has its own run."""
SEEDS = 40
"""Of so many seeds every so many-th kill has its own run, another one for each."""
BUDGET = 6.0
"""Seconds that the seeds get at the most; the end of the run says how many kills that were."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_kill_at_any_step_lets_nothing_leave_and_is_proved(
    scenario: Scenario, record_property: Callable[[str, object], None]
) -> None:
    found = places(scenario)[SCENARIOS.index(scenario) % EVERY :: EVERY]
    for place in found:
        world = halted_during(scenario, place)
        assert any(KILLED in line for line in world.trace), f"nothing came to place {place}"
    record_property("simulation", f"{len(found)} kills: {scenario.__name__.replace('_', ' ')}")


def test_a_kill_at_any_step_of_any_order_of_a_seed_is_proved_or_said_to_be_not_done(
    record_property: Callable[[str, object], None],
) -> None:
    began, count, seed = time.monotonic(), 0, 0
    while seed < SEEDS and time.monotonic() < began + BUDGET:
        for moment in moments(seed, EVERY):
            killed(seed, moment)
            count += 1
        seed += 1
    record_property("simulation", f"{count} kills in the lives of the orders of {seed} seeds")


def test_every_order_of_a_story_is_killed_at_every_step_of_its_life() -> None:
    told = lives(2)
    assert set[Step]().union(*told) == set[Step]().union(*(told[at] for at in moments(2)))


def test_a_life_has_every_step() -> None:
    assert {step for seed in (1, 39) for moment in lives(seed) for _, step in moment} >= {
        "planned",
        "about to be sending",
        "sending",
        "POST order leaves",
        "POST order done",
        "POST order answered",
        "in_doubt",
        "working",
        "there open in part",
        "canceling",
        "DELETE order leaves",
        "DELETE order done",
        "filled",
        "canceled",
    }
