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

BUDGET = 55.0
"""Seconds each half of the seeds gets; what they hold is said at the end of the run."""
SHOW = "from tests.simulation.story import play; print('\\n'.join(play({seed}).trace))"


@pytest.mark.parametrize("half", ["even", "odd"])
def test_no_seed_breaks_an_invariant(
    half: str, record_property: Callable[[str, object], None]
) -> None:
    seed, ends = 0 if half == "even" else 1, time.monotonic() + BUDGET
    while time.monotonic() < ends:
        play(seed)
        seed += 2
    record_property("simulation", f"{seed // 2} {half} seeds in {BUDGET:.0f} s, no violation")


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
