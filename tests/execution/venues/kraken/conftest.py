"""The ccxt venue, with the real ccxt, opened at a loopback server that speaks Kraken's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from execution.venues.exchange import ExchangeVenue
from tests.doubles.kraken import KrakenServer
from tests.execution.venues.exchange.setup import Clock
from tests.execution.venues.kraken.setup import venue_at


@pytest.fixture
async def exchange() -> AsyncIterator[KrakenServer]:
    async with KrakenServer() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(exchange: KrakenServer, clock: Clock) -> AsyncIterator[ExchangeVenue]:
    opened = venue_at(exchange, clock=clock)
    await opened.open()
    yield opened
    await opened.close()
