"""A crash at every place where a process touches anything outside itself, one run for each; in the longest
scenarios at every few of them; `make simulate PAIRS=1` leaves none out.

A scenario is run once to count those places (each request before it leaves, when it is done and when it
is answered, each commit before and after, each message), then once for each of them, dying there.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.scenarios import (
    SCENARIOS,
    Scenario,
    a_halt_finds_an_order_at_the_exchange,
    a_halt_finds_an_order_in_doubt,
    a_part_fills_and_the_rest_is_priced_anew,
    a_part_fills_and_the_rest_takes_the_market,
    a_position_is_flattened_in_parts,
    a_resting_order_is_canceled_while_it_fills,
    a_resting_order_is_changed_while_it_fills,
    a_stop_gives_way_to_a_closing_stands_again_and_fires,
    an_answer_is_lost_and_the_order_found,
    an_order_is_approved_and_filled,
    an_order_waits_while_the_exchange_is_lost,
    lived_through,
    places,
)

SPARSE = {
    an_answer_is_lost_and_the_order_found: 3,
    an_order_is_approved_and_filled: 3,
    a_halt_finds_an_order_at_the_exchange: 7,
    a_halt_finds_an_order_in_doubt: 7,
    a_part_fills_and_the_rest_is_priced_anew: 11,
    a_part_fills_and_the_rest_takes_the_market: 7,
    a_position_is_flattened_in_parts: 11,
    a_resting_order_is_canceled_while_it_fills: 2,
    a_resting_order_is_changed_while_it_fills: 5,
    a_stop_gives_way_to_a_closing_stands_again_and_fires: 11,
    an_order_waits_while_the_exchange_is_lost: 11,
}
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
