"""The loopback Binance as a process of its own that tells when the bytes of each order or cancel arrived.

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
from tests.doubles.binance import BinanceServer, Fault
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
        return len(await self._arrivals("POST order", 0))

    async def arrival(self, number: int) -> float:
        """When the order of this number (from 0) arrived, as soon as it has."""
        return (await self._arrivals("POST order", number + 1))[number]

    async def cancels(self, at_least: int) -> list[float]:
        """When each cancel arrived, once there are so many."""
        return await self._arrivals("DELETE order", at_least)

    async def hang(self, *endpoints: str) -> None:
        """From now on requests like `"GET order"` are never answered."""
        await self._process.ask({"hang": endpoints})

    async def far_away(self, seconds: float) -> None:
        """From now on every answer takes so long."""
        await self._process.ask({"latency": seconds})

    async def release(self) -> None:
        """What hangs is dropped, and nothing hangs any more."""
        await self._process.ask({"hang": ()})

    async def _arrivals(self, endpoint: str, at_least: int) -> list[float]:
        times: list[float] = await self._process.ask({"of": endpoint, "at_least": at_least})
        return times


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

        async def asked(question: dict[str, Any]) -> list[float]:
            if "latency" in question:
                server.latency = question["latency"]
                return []
            if "hang" in question:
                server.forget_faults()
                server.release()
                for endpoint in question["hang"]:
                    server.fail(endpoint, Fault(kind="hang"), times=1000)
                return []
            endpoint, wanted = question["of"], question["at_least"]
            await until(lambda: len(server.asked(endpoint)) >= wanted, timeout_s=60)
            return [request.at for request in server.asked(endpoint)]

        await answer(hello, asked)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
