"""Stories on contracts: no order of ours goes through zero, and what reduces can do nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from execution import booking
from execution.executor import sending
from execution.snapshots import Moment
from tests.simulation.swap_story import play
from tests.simulation.world import Violation

SEEDS = 30
BUDGET = 5.0
"""Seconds they get at the most: a slow machine plays fewer."""
MOST = 12
"""Seeds after which a broken rule counts as not caught."""


def test_no_seed_breaks_an_invariant(record_property: Callable[[str, object], None]) -> None:
    began, count = time.monotonic(), 0
    while count < SEEDS and time.monotonic() < began + BUDGET:
        play(count)
        count += 1
    took = time.monotonic() - began
    record_property("simulation", f"{count} seeds of contracts in {took:.0f} s, no violation")


def test_the_same_seed_is_the_same_story() -> None:
    assert play(3).trace == play(3).trace


def play_from(first: int) -> None:
    """A few seeds."""
    for seed in range(first, first + MOST):
        play(seed)


def without_what_may_still_fill(*_: Any) -> frozenset[Any]:
    """Nobody knows of an order that may still open a position."""
    return frozenset()


BROKEN: dict[str, tuple[int, str, list[tuple[object, str, object]]]] = {
    "what reduces leaves as any other order": (
        0,
        "leaves as reduce-only: False",
        [(sending, "is_bound", lambda _: False)],
    ),
    "an order meets one of the other side that may still fill": (
        13,
        "through zero|against our",
        [(Moment, "_entering", without_what_may_still_fill)],
    ),
    "what has nothing left to reduce stays": (
        1,
        "nothing that it would reduce",
        [(booking, "let_go", lambda *_: None)],
    ),
}
"""The first seed that is tried, a pattern of what is found, and what stands in the place of the rule."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, finding, replaced = BROKEN[name]
    for where, what, instead in replaced:
        monkeypatch.setattr(where, what, instead)
    with pytest.raises(Violation) as found:
        play_from(first)
    assert re.search(finding, str(found.value).partition("\n")[0])
