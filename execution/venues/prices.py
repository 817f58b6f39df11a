"""Prices of an exchange's markets: best bid and ask, asked for together where that costs one request, books, bars.

`exchange.py` asks through it for its account, or for none: prices need no key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from execution.errors import VenueUnavailable
from execution.types import Candle, Level, Quote, Side
from execution.venues import answers
from execution.venues.connections import Connections
from execution.venues.quirks import Quirks
from execution.venues.together import Together

_LEVELS = 100
"""Prices of a book that are asked for; every exchange takes this number."""
PRICES_APART = timedelta(minutes=1)
"""How long each price is asked for by itself after a request for several brought none."""


class Prices:
    """Prices over the connection for reads."""

    def __init__(
        self, connections: Connections, quirks: Quirks, clock: Callable[[], datetime]
    ) -> None:
        self._connections, self._quirks, self._clock = connections, quirks, clock
        self._together = Together(self._of)
        self._apart_until = clock()

    async def quote(self, symbol: str) -> Quote:
        """Best bid and ask now, in quote currency."""
        if self._quirks.prices_together and self._clock() >= self._apart_until:
            try:
                found = await self._together.about(symbol)
            except VenueUnavailable:  # one market that is gone would take the others with it
                self._apart_until = self._clock() + PRICES_APART
            else:
                if found is not None:
                    return found
        return await self._alone(symbol)

    async def book(self, symbol: str, side: Side) -> Sequence[Level]:
        """What an order of this side would meet now, best price first: a hundred levels at most."""

        async def ask(reads: Any) -> Sequence[Level]:
            found = await reads.fetch_order_book(symbol, _LEVELS)
            rows = found["asks" if side is Side.BUY else "bids"]
            return [answers.level(row) for row in rows]

        return await self._connections.read(ask, signed=False)

    async def candles(self, symbol: str, interval: str, count: int) -> Sequence[Candle]:
        """The newest `count` bars, oldest first; the last one may be unfinished."""

        async def ask(reads: Any) -> Sequence[Candle]:
            rows = await reads.fetch_ohlcv(symbol, interval, limit=count)
            return [answers.candle(row) for row in rows]

        return await self._connections.read(ask, signed=False)

    async def _alone(self, symbol: str) -> Quote:
        async def ask(reads: Any) -> Quote:
            if self._quirks.price_in_book:
                return answers.best(await reads.fetch_order_book(symbol), symbol, self._clock())
            if reads.has["fetchBidsAsks"]:
                ticker = (await reads.fetch_bids_asks([symbol]))[symbol]
            else:
                ticker = await reads.fetch_ticker(symbol)
            return answers.quote(ticker, symbol, self._clock())

        return await self._connections.read(ask, signed=False)

    async def _of(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        async def ask(reads: Any) -> Mapping[str, Quote]:
            tickers, at = await reads.fetch_tickers(symbols), self._clock()
            return {name: answers.quote(one, name, at) for name, one in tickers.items()}

        return await self._connections.read(ask, signed=False)
