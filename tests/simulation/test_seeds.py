"""Many seeds, each a story of faults, crashes and halts: nothing twice, nothing lost, nothing guessed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.story import play

EACH = 150
"""Seeds of each half."""
BUDGET = 7.0
"""Seconds each half gets at the most: a slow machine plays fewer, and the end of the run says how many."""
SHOW = "from tests.simulation.story import play; print('\\n'.join(play({seed}).trace))"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("half", ["even", "odd"])
def test_no_seed_breaks_an_invariant(
    half: str, record_property: Callable[[str, object], None]
) -> None:
    began, first, count = time.monotonic(), 0 if half == "even" else 1, 0
    while count < EACH and time.monotonic() < began + BUDGET:
        play(first + 2 * count)
        count += 1
    took = time.monotonic() - began
    record_property("simulation", f"{count} {half} seeds in {took:.0f} s, no violation")


def test_the_same_seed_is_the_same_story() -> None:
    assert play(7).trace == play(7).trace


def test_the_same_seed_is_the_same_story_in_another_process() -> None:
    """Where strings hash to something else, so that no order of a set may matter."""
    root = Path(__file__).parents[2]
    told = {
        subprocess.run(
            [sys.executable, "-c", SHOW.format(seed=8)],
            env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": number, "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for number in ("1", "2")
    }
    assert len(told) == 1
    assert "the faults are over" in told.pop()
