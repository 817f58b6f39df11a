"""What every measurement stands on: the exchange as a process, Telegram served, a desk's folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.benchmarks.bench import Desk, desk_at
from tests.benchmarks.exchange import Exchange, exchange


@pytest.fixture
async def binance() -> AsyncIterator[Exchange]:
    async with exchange() as running:
        yield running


@pytest.fixture
async def desk(tmp_path: Path, binance: Exchange) -> AsyncIterator[Desk]:
    async with desk_at(tmp_path, binance) as ready:
        yield ready
