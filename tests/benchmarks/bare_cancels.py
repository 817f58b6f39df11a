"""The baseline of a halt: a loop of ccxt that cancels orders one after the other, under ccxt's own limiter.

A question is how many orders there are to be; it places them, cancels them, and answers with the seconds
that the loop of cancels took.
"""

from __future__ import annotations

import asyncio
import sys
import time

from tests.benchmarks.bare import bare_binance
from tests.benchmarks.children import answer


async def _serve(url: str, api_key: str, secret: str) -> None:
    bare = bare_binance(
        url, api_key, secret, enableRateLimit=True, rateLimiterAlgorithm="rollingWindow"
    )
    try:
        await bare.load_markets()

        async def cancels(count: int) -> float:
            placed = [
                await bare.create_order("BTC/USDT", "limit", "buy", 0.002, 50000)
                for _ in range(count)
            ]
            begun = time.monotonic()
            for order in placed:
                await bare.cancel_order(order["id"], "BTC/USDT")
            return time.monotonic() - begun

        await answer(len(bare.markets), cancels)
    finally:
        await bare.close()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
