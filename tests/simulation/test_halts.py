"""A /kill at the places of every scenario where something happens.

That nothing leaves after it, and that it is proved before all has settled, is what every run is judged by.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.scenarios import KILLED, SCENARIOS, Scenario, halted_during, places

EVERY = 10
"""Of that many places in a row one has its own run."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_kill_at_any_step_lets_nothing_leave_and_is_proved(
    scenario: Scenario, record_property: Callable[[str, object], None]
) -> None:
    found = places(scenario)[SCENARIOS.index(scenario) % EVERY :: EVERY]
    for place in found:
        world = halted_during(scenario, place)
        assert any(KILLED in line for line in world.trace), f"nothing came to place {place}"
    record_property("simulation", f"{len(found)} kills: {scenario.__name__.replace('_', ' ')}")
