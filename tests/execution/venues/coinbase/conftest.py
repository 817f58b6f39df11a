"""The ccxt venue, with the real ccxt, opened at a loopback server that speaks Coinbase's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from execution.venues.exchange import ExchangeVenue
from tests.doubles.coinbase import CoinbaseServer
from tests.execution.venues.coinbase.setup import venue_at
from tests.execution.venues.exchange.setup import Clock


@pytest.fixture
async def exchange() -> AsyncIterator[CoinbaseServer]:
    async with CoinbaseServer() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(exchange: CoinbaseServer, clock: Clock) -> AsyncIterator[ExchangeVenue]:
    opened = venue_at(exchange, clock=clock)
    await opened.open()
    yield opened
    await opened.close()
