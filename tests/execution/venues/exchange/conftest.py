"""The ccxt venue, with the real ccxt, opened at a loopback server that speaks Binance's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from execution.venues.exchange import ExchangeVenue
from tests.doubles.binance import BinanceServer
from tests.execution.venues.exchange.setup import Clock, venue_at


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceServer]:
    async with BinanceServer() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(exchange: BinanceServer, clock: Clock) -> AsyncIterator[ExchangeVenue]:
    opened = venue_at(exchange, clock=clock)
    await opened.open()
    yield opened
    await opened.close()
