"""Each exchange in turn, with an open venue at its double."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.doubles.binance import BinanceServer
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.kraken import KrakenServer
from tests.doubles.kraken_futures.server import KrakenFuturesServer
from tests.execution.venues.kinds.setup import Exchange, opened

_SERVERS = {
    "binance": BinanceServer,
    "kraken": KrakenServer,
    "coinbase": CoinbaseServer,
    "binanceusdm": BinanceUsdmServer,
    "krakenfutures": KrakenFuturesServer,
}


@pytest.fixture(params=_SERVERS)
async def at(request: pytest.FixtureRequest) -> AsyncIterator[Exchange]:
    async with _SERVERS[request.param]() as server:
        exchange = await opened(request.param, server)
        yield exchange
        await exchange.venue.close()
