"""The long runs: `make simulate` with SEEDS=20000, KILLS=300, PAIRS=1 or STORIES=5000, on every core.

Seeds are stories by chance, with `--swaps` on contracts; kills are halts at every step of the life of every order of so many seeds; pairs
are two crashes at every two places of each scenario; stories are told by Hypothesis. Ends with status 1 and the trace of the first one that breaks an invariant.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tests.simulation import swap_story
from tests.simulation.kills import killed, moments
from tests.simulation.scenarios import SCENARIOS, lived_through, places
from tests.simulation.story import play
from tests.simulation.test_machine import tell_stories
from tests.simulation.world import Violation, World

T = TypeVar("T")
Result = tuple[int, str | None]
"""How many worlds, or places to die, it was, and the violation if there was one."""


def seed(number: int, tell: Callable[[int], World]) -> Result:
    """Tell the story of one seed; counts its places to die."""
    try:
        return len(tell(number).points), None
    except Violation as found:
        return 0, str(found)


def kills(number: int, every: int) -> Result:
    """Halt at every step of the life of every order of a seed; counts the halts."""
    count, found = 0, None
    try:
        for moment in moments(number, every):
            count += 1
            killed(number, moment)
    except Violation as violation:
        found = f"moment {moment}, {violation}"
    return count, found


def pair(first: tuple[int, int]) -> Result:
    """Live through one scenario with this death and, in turn, each that may follow it; counts them."""
    scenario, place = SCENARIOS[first[0]], first[1]
    count = 0
    try:
        for second in places(scenario, place):
            count += 1
            lived_through(scenario, place, second)
    except Violation as found:
        return count, f"{scenario.__name__}, died at {place} and {second}: {found}"
    return count, None


def run(what: str, do: Callable[[T], Result], over: Sequence[T], unit: str) -> int:
    """Do it with each, on every core; 1 when one of them breaks an invariant."""
    console, started, count, failed = Console(), time.monotonic(), 0, list[str]()
    columns = (
        TextColumn(what), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[failed]} violations"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress, ProcessPoolExecutor() as workers:
        bar = progress.add_task(what, total=len(over), failed=0)
        for counted, violation in workers.map(do, over):
            count += counted
            failed += [] if violation is None else [violation]
            progress.update(bar, advance=1, failed=len(failed))
    console.print(
        f"{len(over)} {what} in {time.monotonic() - started:.0f} s on {os.cpu_count()} cores,"
        f" {count} {unit}, {len(failed)} violations"
    )
    for line in _first_lines(failed[:20]):
        console.print(line, markup=False)
    if failed:
        console.print(failed[0], markup=False)
    return 1 if failed else 0


def _first_lines(texts: Iterable[str]) -> list[str]:
    return [text.partition("\n")[0] for text in texts]


def main() -> int:
    """Do what was asked for; 1 when an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--swaps", action="store_true", help="stories on contracts")
    parser.add_argument("--kills", action="store_true", help="halts in each of them")
    parser.add_argument("--every", type=int, default=1, help="only each so-many-th halt")
    parser.add_argument("--pairs", action="store_true", help="pairs of crashes instead")
    parser.add_argument("--stories", type=int, help="so many stories by Hypothesis instead")
    asked = parser.parse_args()
    if asked.stories:
        tell_stories(asked.stories)
        return 0
    if asked.pairs:
        deaths = [(n, place) for n, one in enumerate(SCENARIOS) for place in places(one)]
        return run("first deaths", pair, deaths, "second ones")
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.kills:
        return run("seeds", partial(kills, every=asked.every), seeds, "halts")
    tell = swap_story.play if asked.swaps else play
    return run("seeds", partial(seed, tell=tell), seeds, "places to die")


if __name__ == "__main__":
    sys.exit(main())
