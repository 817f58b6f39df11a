"""The ccxt venue, with the real ccxt, opened at a loopback server that speaks Kraken Futures' protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from execution.venues.exchange import ExchangeVenue
from tests.doubles.kraken_futures.server import KrakenFuturesServer
from tests.execution.venues.exchange.setup import Clock
from tests.execution.venues.kraken_futures.setup import venue_at


@pytest.fixture
async def exchange() -> AsyncIterator[KrakenFuturesServer]:
    async with KrakenFuturesServer() as server:
        server.account.prefer("PF_XBTUSD", "1")
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(exchange: KrakenFuturesServer, clock: Clock) -> AsyncIterator[ExchangeVenue]:
    opened = venue_at(exchange, clock=clock)
    await opened.open()
    yield opened
    await opened.close()
