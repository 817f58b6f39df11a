"""A market over one paper venue that writes down what it is asked, for the tests of market."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from execution.market import Market
from execution.types import Candle, Quote
from execution.venues.paper import OPENING, PaperVenue
from execution.venues.scripted import ScriptedMarket
from execution.venues.venue import Balance


class WatchedVenue(PaperVenue):
    """The paper venue, writing down what it is asked and when.

    A question in `ill` fails, one in `hung` is never answered. Balances are read when they are asked for
    and told once `slow` is set, where there is one.
    """

    def __init__(self, name: str, path: Path, clock: Callable[[], datetime], **how: Any) -> None:
        super().__init__(name, path / f"{name}.db", clock, **how)
        self.asked: list[str] = []
        self.opened_at: list[float] = []
        self.ill: dict[str, Exception] = {}
        self.hung: set[str] = set()
        self.slow: asyncio.Event | None = None

    async def _note(self, question: str) -> None:
        self.asked.append(question)
        if question in self.hung:
            await asyncio.Event().wait()
        if question in self.ill:
            raise self.ill[question]

    async def open(self) -> None:
        self.opened_at.append(asyncio.get_running_loop().time())
        if "open" in self.ill:
            raise self.ill["open"]
        await super().open()

    async def quote(self, symbol: str) -> Quote:
        await self._note(symbol)
        return await super().quote(symbol)

    async def balances(self) -> Mapping[str, Balance]:
        await self._note("balances")
        read, told = await super().balances(), self.slow
        if told is not None:
            await told.wait()
        return read

    async def candles(self, symbol: str, interval: str, count: int) -> Sequence[Candle]:
        await self._note("candles")
        return await super().candles(symbol, interval, count)


class Desk:
    """A market over one paper venue on prices set by hand."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        *,
        currency: str = "USDT",
        at_par: Sequence[str] = ("USD", "USDT", "USDC"),
        opening: Mapping[str, Decimal] = OPENING,
    ) -> None:
        self.prices = ScriptedMarket()
        self.venue = WatchedVenue("main", path, clock, market=self.prices, opening=opening)
        self.market = Market({"main": self.venue}, clock=clock, currency=currency, at_par=at_par)
        self.feed = self.market.feed("main")
        self.bells = 0
        self.market.on_change(self._ring)

    def _ring(self) -> None:
        self.bells += 1

    async def see(self, *symbols: str) -> None:
        """Open the venue and ask for these prices."""
        await self.venue.open()
        for symbol in symbols:
            await self.market.fresh_quote("main", symbol)

    def rate(self, asset: str) -> Decimal | None:
        return self.market.rate("main", asset)
