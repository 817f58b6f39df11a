"""The loopback Binance as a process of its own that tells when the bytes of each order arrived.

`exchange` starts it and gives the bench what the product's settings need to reach it. Times are
`time.monotonic()`, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.benchmarks.children import Child, answer, child
from tests.doubles.binance import BinanceServer
from tests.waiting import until

MARKETS = 3000
"""Made-up ones, about as many as Binance has."""


class Exchange:
    """The exchange as the bench sees it."""

    def __init__(self, process: Child) -> None:
        self._process = process
        self.url: str = process.hello["url"]
        self.api_key: str = process.hello["api_key"]
        self.secret: str = process.hello["secret"]

    def ccxt_overrides(self) -> dict[str, Any]:
        """What to put into a venue's `ccxt` setting to reach it."""
        return {"urls": {"api": {"public": f"{self.url}/api/v3", "private": f"{self.url}/api/v3"}}}

    @property
    def keys(self) -> tuple[str, str, str]:
        """Address, key and secret, as a child takes them."""
        return self.url, self.api_key, self.secret

    async def orders(self) -> int:
        """How many orders have arrived so far."""
        return len(await self._process.ask(0))

    async def arrival(self, number: int) -> float:
        """When the order of this number (from 0) arrived, as soon as it has."""
        times: list[float] = await self._process.ask(number + 1)
        return times[number]


@asynccontextmanager
async def exchange(markets: int = MARKETS) -> AsyncIterator[Exchange]:
    """A running exchange, until the block ends."""
    async with child("exchange", str(markets)) as process:
        yield Exchange(process)


async def _serve(markets: int) -> None:
    async with BinanceServer(more_markets=markets) as server:
        # Every order is for 100 USDT or so; a measurement must not end for want of money.
        server.account.deposit("USDT", "100000000")
        hello = {"url": server.url, "api_key": server.api_key, "secret": server.secret}

        async def arrivals(wanted: int) -> list[float]:
            await until(lambda: len(server.asked("POST order")) >= wanted, timeout_s=20)
            return [request.at for request in server.asked("POST order")]

        await answer(hello, arrivals)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
