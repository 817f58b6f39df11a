"""Resident memory of an idle desk with one exchange, and of the process that draws its pictures."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Set
from pathlib import Path

import pytest

from bot.playground import Message
from tests.benchmarks.bench import SIZED, Desk
from tests.benchmarks.children import child
from tests.benchmarks.figures import show

ROUNDS = 5
IDLE = 10
"""Seconds without anything to do."""

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]


def resident(pid: int) -> float:
    """MiB of a process that are in memory now."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def children(pid: int, word: str) -> Iterator[int]:
    """Processes that this one has started, with this in their command line."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            command = (folder / "cmdline").read_text()
        except OSError:
            continue  # it has ended meanwhile
        if int(stat.rpartition(")")[2].split()[1]) == pid and word in command:
            yield int(folder.name)


def is_new_picture(seen: Set[int]) -> Callable[[Message], bool]:
    """Whether a message is not one of these, and has a picture."""
    return lambda message: message.photo is not None and message.id not in seen


async def test_memory(desk: Desk) -> None:
    """The baseline holds ccxt and the same 3,000 markets once, and nothing else."""
    took: dict[str, list[float]] = {
        "bare ccxt with its markets": [],
        "idle desk": [],
        "desk after its first card": [],
        "the process that draws": [],
    }
    for number in range(ROUNDS):
        async with child("bare_order", *desk.exchange.keys) as ccxt:
            took["bare ccxt with its markets"].append(resident(ccxt.pid))
        async with desk.start(SIZED):
            (pid,) = children(os.getpid(), "run")
            await asyncio.sleep(IDLE)
            took["idle desk"].append(resident(pid))
            seen = {message.id for message in desk.chat.messages}
            await desk.signed({"symbol": "BTC/USDT", "side": "buy"}, f"card-{number}")
            await desk.chat.wait_for(is_new_picture(seen), timeout_s=30)
            took["desk after its first card"].append(resident(pid))
            (drawing,) = children(pid, "spawn_main")
            took["the process that draws"].append(resident(drawing))
    show(
        "memory: resident set",
        "MiB",
        took,
        baseline="bare ccxt with its markets",
        goal=f"goal: idle desk under 220 MiB, {IDLE} s after it was ready, 3,000 markets",
    )
