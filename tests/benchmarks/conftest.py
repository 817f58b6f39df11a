"""What every measurement stands on: the exchange as a process, Telegram served, a desk's folder."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.benchmarks.bench import Desk, desk_at
from tests.benchmarks.exchange import Exchange, exchange


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder on a disk, as a desk's is; other tests have theirs in memory where they can."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
async def binance() -> AsyncIterator[Exchange]:
    async with exchange() as running:
        yield running


@pytest.fixture
async def desk(tmp_path: Path, binance: Exchange) -> AsyncIterator[Desk]:
    async with desk_at(tmp_path, binance) as ready:
        yield ready
