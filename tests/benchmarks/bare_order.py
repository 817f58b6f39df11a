"""The baseline of an order: ccxt's async client and nothing else, no rate limit, same exchange.

Answers each question with the `time.monotonic()` at which `create_order` was called; the exchange
knows when its bytes arrived.
"""

from __future__ import annotations

import asyncio
import sys
import time

from tests.benchmarks.bare import bare_binance
from tests.benchmarks.children import answer


async def _serve(url: str, api_key: str, secret: str) -> None:
    bare = bare_binance(url, api_key, secret, enableRateLimit=False)
    try:
        await bare.load_markets()

        async def order(_: None) -> float:
            called = time.monotonic()
            await bare.create_order(
                "BTC/USDT", "limit", "buy", 0.002, 60000, {"timeInForce": "IOC"}
            )
            return called

        await answer(len(bare.markets), order)
    finally:
        await bare.close()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
