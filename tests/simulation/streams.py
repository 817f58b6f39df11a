"""What the exchange tells unasked, over lines that lose, repeat, delay, mix up, invent, fall silent and break.

A story has the streams of its seed, or none: as they are there, so they are for each of its processes. They
may cost time and nothing else, so no invariant knows of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from uuid import UUID

from execution.errors import VenueUnavailable
from execution.types import Quote
from execution.venues.venue import OrderKey
from tests.simulation.exchange import BY_HAND, Accepted, Exchange, ask_at

BEAT = 10.0
"""Seconds between two signs of life."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How well an exchange's streams tell."""

    fails: float = 0.0
    """How often one does not begin."""
    lost: float = 0.0
    """How often something is not told."""
    twice: float = 0.0
    """How often it is told again later."""
    late: float = 0.05
    """Seconds that it may be under way, so that it may come behind what happened later."""
    invented: float = 0.0
    """How often what is told comes with something that never happened."""
    stands_for: float | None = None
    """Seconds after which it breaks, about."""
    hears_for: float | None = None
    """Seconds after which it tells nothing more, about, though it stands."""
    beats: bool = True
    """Whether it gives signs of life even then."""


KINDS: Sequence[Kind | None] = (
    None,
    Kind(),
    Kind(lost=0.5, twice=0.3, late=3),
    Kind(invented=0.5, twice=0.5, late=1),
    Kind(fails=0.5, lost=0.1, stands_for=8),
    Kind(hears_for=10),
    Kind(hears_for=10, beats=False),
)
"""No streams, good ones, and each way to fail; their number shares no factor with those of the profiles."""


class Streams:
    """The streams of one exchange."""

    def __init__(self, kind: Kind, random: Random, exchange: Exchange) -> None:
        self.kind = kind
        self._random = random
        self._exchange = exchange
        self._lines: set[asyncio.Queue[OrderKey]] = set()
        exchange.on_news = self._tell

    async def orders(self) -> AsyncGenerator[Sequence[OrderKey]]:
        """As `Venue.order_news`."""
        loop, line = asyncio.get_running_loop(), asyncio.Queue[OrderKey]()
        breaks_at, deaf_at = await self._begin()
        self._lines.add(line)
        try:
            yield ()
            while True:
                told: list[OrderKey] = []
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(min(loop.time() + BEAT, breaks_at)):
                        told = [await line.get()]
                if loop.time() >= breaks_at:
                    raise VenueUnavailable("the stream broke")
                if loop.time() < deaf_at:
                    yield told
                elif self.kind.beats:
                    yield ()
        finally:
            self._lines.discard(line)

    async def quotes(self, symbol: str) -> AsyncGenerator[Quote]:
        """As `Venue.quote_news`."""
        loop = asyncio.get_running_loop()
        breaks_at, deaf_at = await self._begin()
        while loop.time() < breaks_at:
            at, bid = self._exchange.clock(), self._exchange.bids[symbol]
            await asyncio.sleep(self._random.random() * self.kind.late)
            if loop.time() < deaf_at and self._random.random() >= self.kind.lost:
                yield Quote(symbol=symbol, bid=bid, ask=ask_at(bid), at=at)
            await asyncio.sleep(0.5)
        raise VenueUnavailable("the stream broke")

    async def _begin(self) -> tuple[float, float]:
        """When it breaks, and from when it tells nothing more."""
        await asyncio.sleep(self._random.uniform(0.02, 0.3))
        if self._random.random() < self.kind.fails:
            raise VenueUnavailable("the stream does not begin")
        now = asyncio.get_running_loop().time()
        spans = (self.kind.stands_for, self.kind.hears_for)
        stands, hears = (
            float("inf") if span is None else span * self._random.uniform(0.2, 3) for span in spans
        )
        return now + stands, now + hears

    def _tell(self, order: Accepted) -> None:
        """Something happened to an order."""
        news = [] if self._random.random() < self.kind.lost else [_key(order)]
        if self._random.random() < self.kind.twice:
            news.append(_key(order))
        if self._random.random() < self.kind.invented:
            news.append(self._invented())
        loop = asyncio.get_running_loop()
        for line in self._lines:
            for one in news:
                loop.call_later(self._random.random() * self.kind.late, line.put_nowait, one)

    def _invented(self) -> OrderKey:
        """An order that is not there, or to which nothing happened."""
        number = self._random.randrange(10**6)
        return self._random.choice(
            [
                _key(self._random.choice(self._exchange.orders)),
                OrderKey(client_order_id=f"{BY_HAND}{number}", symbol="BTC/USDT"),
                OrderKey(client_order_id=str(UUID(int=number, version=5)), symbol="BTC/USDT"),
                OrderKey(client_order_id=None, symbol="", venue_order_id=str(number)),
            ]
        )


def _key(order: Accepted) -> OrderKey:
    return OrderKey(client_order_id=order.client_id, symbol=order.symbol, venue_order_id=order.id)
