"""What an exchange tells without being asked: which orders to look at, and best prices.

`exchange.py` hands it on. Each kind of stream has one connection (`lines.py`), from the first who listens
to the last. It must never pass over that one ended: whoever listens is told, and may ask again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from datetime import datetime, timedelta

from execution.errors import VenueUnavailable
from execution.types import Mode, Quote
from execution.venues.connections import TIMEOUT, Connections
from execution.venues.lines import Line, OrderLine, QuoteLine
from execution.venues.quirks import Streams
from execution.venues.venue import OrderKey, Stream

PAUSE = timedelta(milliseconds=250)
"""Between two prices of a symbol; those in between are left out."""


class News:
    """Everything an account's exchange tells without being asked."""

    def __init__(
        self,
        exchange: str,
        mode: Mode,
        facts: Streams | None,
        connections: Connections,
        clock: Callable[[], datetime],
    ) -> None:
        """Nothing is imported or connected before somebody listens."""
        self._exchange, self._facts = exchange, facts
        self._connections, self._clock = connections, clock
        self._lines: set[Line] = set()
        self._prices: QuoteLine | None = None
        told = {
            Stream.ORDERS: facts is not None and facts.orders_by and mode is not Mode.PAPER,
            Stream.QUOTES: facts is not None and facts.quotes_by,
        }
        self.kinds: Collection[Stream] = frozenset(one for one, by in told.items() if by)

    async def orders(self) -> AsyncGenerator[Sequence[OrderKey]]:
        """As `Venue.order_news`."""
        line = OrderLine(self._exchange, self._told(Stream.ORDERS))
        self._open(line)
        try:
            await self._acknowledged(line)
            yield []
            while True:
                told = line.take()
                if not told:
                    await line.rings(line.news)
                    told = line.take()
                yield told
        finally:
            await self._close(line)

    async def quotes(self, symbol: str) -> AsyncGenerator[Quote]:
        """As `Venue.quote_news`."""
        line = self._line_of_prices()
        bell, seen = line.join(symbol), None
        try:
            while True:
                if symbol in line.unlisted:
                    raise line.problem(f"tells nothing of {symbol}, which is not listed")
                newest = line.newest.get(symbol)
                if newest is None or newest is seen:
                    await line.rings(bell)
                    continue
                seen = newest
                quote = line.quote(symbol)
                if quote is not None:
                    yield quote
                    await asyncio.sleep(PAUSE.total_seconds())
        finally:
            line.leave(symbol)
            if line.is_idle:
                await self._close(line)

    def begin_anew(self) -> None:
        """Let every line end that was begun with keys which no longer hold."""
        for line in self._lines:
            if line.signed:
                line.end(line.problem("begins anew, since the keys were changed"))

    async def close(self) -> None:
        """Close every line; whoever listens is told."""
        for line in list(self._lines):
            await self._close(line)

    async def _acknowledged(self, line: OrderLine) -> None:
        try:
            async with asyncio.timeout(TIMEOUT.total_seconds()):
                while not line.stands:
                    await line.rings(line.news)
        except TimeoutError:
            raise line.problem("was not acknowledged") from None

    def _line_of_prices(self) -> QuoteLine:
        """The one that all symbols share; a new one where there is none, or it broke."""
        facts = self._told(Stream.QUOTES)
        if self._prices is not None and self._prices.is_quiet:
            self._prices.end(self._prices.problem("told nothing for long, and begins anew"))
        if self._prices is None or self._prices.is_over:
            self._prices = QuoteLine(self._exchange, facts, self._clock)
            self._open(self._prices)
        return self._prices

    def _told(self, of: Stream) -> Streams:
        if self._facts is None or of not in self.kinds:
            raise VenueUnavailable(f"{self._exchange} has no stream of {of} here")
        return self._facts

    def _open(self, line: Line) -> None:
        self._lines.add(line)
        line.open(self._connections)

    async def _close(self, line: Line) -> None:
        self._lines.discard(line)
        if line is self._prices:
            self._prices = None
        await line.close()
