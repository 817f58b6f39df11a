"""A loopback Binance, Kraken or Coinbase as a process of its own that tells when the bytes of orders arrived.

Answers each number with the `time.monotonic()` at which that order (from 0) arrived, as soon as it has.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from tests.benchmarks.children import answer
from tests.doubles.binance import BinanceServer
from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.kraken import KrakenServer
from tests.waiting import until

SERVERS: dict[str, Callable[[], Any]] = {
    "binance": BinanceServer,
    "kraken": KrakenServer,
    "coinbase": CoinbaseServer,
}
ORDERS = {"binance": "POST order", "kraken": "POST private/AddOrder", "coinbase": "POST orders"}


async def _serve(name: str) -> None:
    async with SERVERS[name]() as server:

        async def arrived(number: int) -> float:
            orders = await until(lambda: server.asked(ORDERS[name])[number:], timeout_s=60)
            at: float = orders[0].at
            return at

        hello = {"key": server.api_key, "secret": server.secret, "ccxt": server.ccxt_overrides()}
        await answer(hello, arrived)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
