"""A real exchange's public prices, for orders that are filled in our own books.

The paper venue trades on it where `mode = "paper"` stands with a ccxt id. It asks without a key, so it
can send nothing and sign nothing. It knows of the market what it looked at: where nobody looked, or the
exchange did not answer, nothing trades.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from execution.errors import VenueUnavailable
from execution.instruments import Instrument, MarketKind
from execution.types import Candle, Level, Mode, Quote, Side
from execution.venues import answers
from execution.venues.exchange import ExchangeVenue
from execution.venues.market_data import FEE_RATE, TICK, tick_of

T = TypeVar("T")

HOLDS = 2 * TICK
"""How long a book that was looked at counts as what an order meets."""
GAP = 5 * TICK
"""How long one question that was not answered counts for all; each one that is answered ends it."""


class PublicMarket:
    """`MarketData` of a real exchange, each price looked at once in a tick at most."""

    def __init__(
        self,
        exchange: str,
        clock: Callable[[], datetime],
        *,
        kind: MarketKind = MarketKind.SPOT,
        overrides: Mapping[str, Any] | None = None,
        kept: Path | None = None,
    ) -> None:
        """Remember the settings; nothing is imported or asked before `open`.

        The list of markets is kept in the file `kept` for the next start.

        Raises:
            ValueError: a setting cannot work; the text names it and the fix.
        """
        self.exchange = exchange
        self._clock = clock
        self._public = _Public(
            exchange,
            exchange,
            Mode.PAPER,
            api_key="",
            secret="",
            clock=clock,
            kind=kind,
            overrides=overrides,
            kept=kept,
        )
        self._told: Mapping[str, Instrument] | None = None
        self._listed: Mapping[str, Instrument] = {}
        """The markets as they were told last, and what our books make of them."""
        self._quotes: dict[str, Quote] = {}
        self._books: dict[tuple[str, Side], tuple[datetime, Sequence[Level]]] = {}
        self._turns: defaultdict[object, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._missed: tuple[datetime, str] | None = None
        """When a question was not answered, and what came instead; None since one was."""

    async def open(self) -> None:
        """Load the markets and their fees.

        Raises:
            VenueUnavailable: the exchange cannot be reached.
        """
        await self._ask(self._public.open())

    async def refresh(self) -> None:
        """Load them anew when that is due.

        Raises:
            VenueUnavailable: they could not be had; those known before stay.
        """
        await self._public.refresh()

    async def close(self) -> None:
        """Close every connection; what is closed may be opened again."""
        await self._public.close()

    def instruments(self) -> Mapping[str, Instrument]:
        """The exchange's own, with its steps, its limits and the orders it takes; our books lock what any
        order is for.
        """
        told = self._public.instruments()
        if told is not self._told:
            self._told, self._listed = told, {s: _as_we_lock(one) for s, one in told.items()}
        return self._listed

    def fee_rate(self, symbol: str) -> Decimal:
        """What the exchange's list has a taker pay."""
        return self._public.fee_rates.get(symbol, FEE_RATE)

    async def see(self, symbols: Collection[str]) -> None:
        """Look at the best prices of these markets, unless that was done in this tick.

        Raises:
            VenueUnavailable: the exchange does not answer, or did not a moment ago and was not asked.
        """
        if not symbols:
            self._demand_no_gap(self._clock() - GAP)
        await asyncio.gather(*(self._see(symbol) for symbol in sorted(symbols)))

    async def see_books(self, sides: Collection[tuple[str, Side]]) -> None:
        """Look at what orders meet there, unless that was done in this tick.

        Raises:
            VenueUnavailable: the exchange does not answer.
        """
        await asyncio.gather(*(self._see_book(symbol, side) for symbol, side in sorted(sides)))

    def quote(self, symbol: str, at: datetime) -> Quote:
        """Best bid and ask as they were seen last."""
        return self._quotes[symbol]

    def book(self, symbol: str, side: Side, at: datetime) -> Sequence[Level] | None:
        """What was seen a moment ago; None when that is longer ago."""
        seen_at, levels = self._books.get((symbol, side), (None, ()))
        return None if seen_at is None or at - seen_at > HOLDS else levels

    def instants(self, since: datetime, now: datetime) -> Sequence[datetime]:
        """Now alone: what the market did at a moment that has gone by is not known."""
        return (now,) if now >= tick_of(self._clock()) else ()

    async def candles(
        self, symbol: str, interval: str, count: int, at: datetime
    ) -> Sequence[Candle]:
        """The newest bars.

        Raises:
            VenueUnavailable: the exchange does not answer.
        """
        return await self._ask(self._public.candles(symbol, interval, count))

    async def _see(self, symbol: str) -> None:
        since = self._clock()
        async with self._turns[symbol]:
            seen = self._quotes.get(symbol)
            if seen is None or seen.at < tick_of(self._clock()):
                self._demand_no_gap(since)
                self._quotes[symbol] = await self._ask(self._public.quote(symbol))

    async def _see_book(self, symbol: str, side: Side) -> None:
        since, key = self._clock(), (symbol, side)
        async with self._turns[key]:
            now = self._clock()
            if key not in self._books or self._books[key][0] < tick_of(now):
                self._demand_no_gap(since)
                self._books[key] = now, await self._ask(self._public.book(symbol, side))

    def _demand_no_gap(self, since: datetime) -> None:
        """Spare whoever waited behind a question that was not answered the same wait once more.

        Raises:
            VenueUnavailable: one was not answered since then, and none was after it.
        """
        if self._missed is not None and self._missed[0] >= since:
            raise VenueUnavailable(self._missed[1])

    async def _ask(self, question: Awaitable[T]) -> T:
        """The answer, noting whether there is one."""
        try:
            answer = await question
        except VenueUnavailable as error:
            self._missed = self._clock(), str(error)
            raise
        self._missed = None
        return answer


class _Public(ExchangeVenue):
    """The exchange without an account."""

    fee_rates: Mapping[str, Decimal] = MappingProxyType({})
    """What a taker pays of each trade, by market, as far as the exchange's list says."""

    async def _know(self, ccxt: Any) -> None:
        await super()._know(ccxt)
        listed = ((symbol, ccxt.markets[symbol].get("taker")) for symbol in self.instruments())
        self.fee_rates = {
            symbol: answers.exact(rate) for symbol, rate in listed if rate is not None
        }


def _as_we_lock(instrument: Instrument) -> Instrument:
    offers = instrument.offers
    if offers.triggered_lock:
        return instrument
    return instrument.evolve(offers=offers.evolve(triggered_lock=True))
