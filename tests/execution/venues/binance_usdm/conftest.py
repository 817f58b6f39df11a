"""The ccxt venue, with the real ccxt, opened at a loopback server that speaks Binance USD-M's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from execution.venues.exchange import ExchangeVenue
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.execution.venues.binance_usdm.setup import venue_at
from tests.execution.venues.exchange.setup import Clock


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceUsdmServer]:
    async with BinanceUsdmServer() as server:
        server.account.leverage = dict.fromkeys(server.account.leverage, 1)
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(exchange: BinanceUsdmServer, clock: Clock) -> AsyncIterator[ExchangeVenue]:
    opened = venue_at(exchange, clock=clock)
    await opened.open()
    yield opened
    await opened.close()
