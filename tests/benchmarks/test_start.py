"""From starting the process to the first signal taken, and to everything ready."""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import count

import httpx
import pytest

from tests.benchmarks.bench import Desk
from tests.benchmarks.figures import show
from tests.waiting import until

ROUNDS = 5
LIBRARIES = "fastapi, sqlmodel, telegram, ccxt.async_support"
numbers = count()

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]


async def imported(libraries: str) -> float:
    """Seconds a bare Python takes to import these."""
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", f"import {libraries}")
    assert await process.wait() == 0
    return time.monotonic() - begun


async def started(desk: Desk) -> tuple[float, float]:
    """Seconds until a signal is taken, and until all parts are ready; the process is then killed."""

    async def taken() -> bool:
        try:
            answer = await desk.signed({"symbol": "NONE/USDT", "side": "buy"}, f"{next(numbers)}")
        except httpx.TransportError:
            return False
        assert answer.status_code == 202, answer.text
        return True

    begun = time.monotonic()
    process = await desk.command("run")
    try:
        await until(taken, timeout_s=60)
        first = time.monotonic() - begun
        await until(lambda: desk.answers("/readyz"), timeout_s=60)
        return first, time.monotonic() - begun
    finally:
        await process.kill()


def forget(desk: Desk) -> None:
    """Let the next start make its database anew."""
    for file in desk.folder.glob("countersign.db*"):
        file.unlink()


async def test_start(desk: Desk) -> None:
    """Signals are taken while ccxt is still being imported."""
    took: dict[str, list[float]] = {
        "bare import of the libraries": [],
        "bare import without ccxt": [],
        "first 202, new database": [],
        "first 202, known database": [],
        "all ready, new database": [],
        "all ready, known database": [],
    }
    await started(desk)
    for _ in range(ROUNDS):
        took["bare import of the libraries"].append(await imported(LIBRARIES))
        took["bare import without ccxt"].append(await imported(LIBRARIES.rpartition(",")[0]))
        forget(desk)
        for database in ("new", "known"):
            first, ready = await started(desk)
            took[f"first 202, {database} database"].append(first)
            took[f"all ready, {database} database"].append(ready)
    show(
        f"start, against a bare import of {LIBRARIES}",
        "s",
        took,
        baseline="bare import of the libraries",
        goal="goal: first 202 within 2 s (0.60 of the bare import); 3,000 markets at the exchange",
    )
