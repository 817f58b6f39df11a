"""A crash at every place where a process touches anything outside itself, one run for each.

A scenario is run once to count those places (each request before it leaves, when it is done and when it
is answered, each commit before and after, each message), then once for each of them, dying there.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.scenarios import (
    SCENARIOS,
    Scenario,
    a_position_is_flattened_in_parts,
    lived_through,
    places,
)

SPARSE = {a_position_is_flattened_in_parts: 3}
"""Of that many places in a row one has its own run: they are many, and each takes long."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_crash_anywhere_loses_nothing_and_does_nothing_twice(
    scenario: Scenario, record_property: Callable[[str, object], None]
) -> None:
    found = places(scenario)[:: SPARSE.get(scenario, 1)]
    for place in found:
        world = lived_through(scenario, place)
        assert any("died" in line for line in world.trace[:-1]), f"alive at {place}"
    record_property("simulation", f"{len(found)} crashes: {scenario.__name__.replace('_', ' ')}")


def test_both_sides_of_every_request_commit_and_message_are_places_to_die() -> None:
    names = set(lived_through(SCENARIOS[0]).points)
    sides = {name.rpartition(" ")[2] for name in names if name.startswith("POST order")}
    assert sides == {"leaves", "done", "answered"}
    assert {"before commit", "after commit", "message leaves", "message answered"} <= names
