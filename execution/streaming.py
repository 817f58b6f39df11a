"""Hears what a venue tells without being asked: bells for the executor, prices for the market.

A stream is a bell, never a source of truth: it says which order to look at, and the look decides. So one
that loses, repeats, reorders or invents can do no harm, and none of this may book anything. One that
breaks begins again, ever later while it goes on breaking; whatever happened meanwhile is looked for at
once. One that stands and does not tell what asking found is deaf, and begins again too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Sequence, Set
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TypeVar

from execution import orders
from execution.errors import KeyRefused, StoreUnavailable, VenueError, VenueUnavailable
from execution.executor.bells import Bells
from execution.feed import Feed
from execution.market import BACKOFF
from execution.store import Store, Transaction
from execution.types import Order, OrderState, Quote
from execution.venues.venue import SIGN_OF_LIFE, OrderKey, Stream

log = logging.getLogger(__name__)
T = TypeVar("T")

STOOD = 60.0
"""Seconds after which a stream that breaks begins again soon, however often it broke before."""
TELLS_WITHIN = 5.0
"""Seconds a stream is given to ring for what a look has found already."""
TOLD_BEFORE = 15.0
"""Seconds a bell may be older than the look that found what it rang for: venues show changes late."""
UNTOLD_FOR = 300.0
"""Seconds for which prices that were asked for differ from the last one told: nobody tells any more. Some
exchanges tell them with each trade only, and a quiet market has few."""
NOT_ALLOWED_FOR = timedelta(minutes=15)
"""How long a key that may not listen is not tried again: it may trade all the same."""
AT_ONCE = 50
"""Symbols whose prices are streamed at a venue at the most; the others are asked for."""
SAID_AGAIN = 3600.0
"""Seconds for which one thing about streams is not logged again."""
_STEP = 1.0
_PAUSE = 0.05
"""Seconds between two readings of whose the bells are; those of a burst share one."""
_LAST_WORDS = 2.0
"""Seconds a stream is given to close: nothing waits longer for it."""


@dataclass
class _Heard:
    """What an order stream has told since it was begun. Moments are of the loop's clock."""

    began: float
    last: float
    """When it said anything last; at first when it was begun."""
    rung: dict[str, float] = field(default_factory=dict)
    """When it rang for each order last, as long as that matters."""
    found: list[tuple[str, float]] = field(default_factory=list)
    """What looks found while it stood, and it may still ring for."""

    def is_deaf(self, found: Sequence[tuple[str, float]], now: float) -> str | None:
        """Why it is not to be relied on; None while it tells what looks find."""
        if now - self.last > SIGN_OF_LIFE.total_seconds() + TELLS_WITHIN:
            return f"it has said nothing for {now - self.last:.0f} s"
        self.found += [one for one in found if one[1] - self.began >= TOLD_BEFORE]
        late = [one for one in self.found if now - one[1] >= TELLS_WITHIN]
        self.found = [one for one in self.found if one not in late]
        untold = any(self.rung.get(order, self.began) < at - TOLD_BEFORE for order, at in late)
        kept = now - TOLD_BEFORE - TELLS_WITHIN - _STEP
        self.rung = {order: at for order, at in self.rung.items() if at >= kept}
        return "it did not tell what was found by asking" if untold else None


@dataclass
class _Prices:
    """What a stream tells of one symbol's best bid and ask, beside what asking finds."""

    feed: Feed
    symbol: str
    clock: Callable[[], datetime]
    last: Quote | None
    """What it told last; at first what was known before."""
    seen: Quote | None = None
    missed_since: float | None = None
    """Since when what is asked for differs from that, by the loop's clock."""

    def hear(self, quote: Quote) -> None:
        """It takes the place of whatever is older, and of what a clock that was set back saw later."""
        held = self.feed.quotes.get(self.symbol)
        self.feed.told.quotes[self.symbol] = self.last = quote
        if held is None or held.at <= quote.at or held.at > self.clock():
            self.feed.quotes[self.symbol] = quote
        self.seen, self.missed_since = self.feed.quotes[self.symbol], None

    def is_deaf(self) -> str | None:
        """Why it is not to be relied on; None while asking finds what it told."""
        held = self.feed.quotes.get(self.symbol)
        if held is None or held is self.seen:
            return None
        self.seen, now = held, asyncio.get_running_loop().time()
        if self.last is not None and (held.bid, held.ask) == (self.last.bid, self.last.ask):
            self.missed_since = None
        elif self.missed_since is None:
            self.missed_since = now
        elif now - self.missed_since >= UNTOLD_FOR:
            return "it did not tell what was found by asking"
        return None


class Streaming:
    """The streams of one venue. What it knows of them stands in the venue's feed."""

    def __init__(
        self,
        feed: Feed,
        *,
        store: Store,
        bells: Bells,
        clock: Callable[[], datetime],
        jitter: Random,
    ) -> None:
        self._feed = feed
        self._told = feed.told
        self._name = feed.venue.name
        self._store = store
        self._bells = bells
        self._clock = clock
        self._jitter = jitter
        self._said: dict[tuple[str, type[VenueError]], float] = {}
        """When each was logged last: of which stream, and which kind of trouble."""
        self._rung: set[OrderKey] = set()
        """What the stream rang for, and whose orders these are is not known yet."""
        self._all = False
        """Every order of ours there is to be looked at: the stream began or broke."""
        self._news = asyncio.Event()
        self._heard = _Heard(began=0.0, last=0.0)
        self._other = asyncio.Event()

    def other_keys(self) -> None:
        """The venue signs with other keys: what was refused with those before is tried at once."""
        self._other.set()

    async def run(self) -> None:
        """Hear its streams until canceled; nothing is left to do where it has none."""
        work: list[Coroutine[object, object, None]] = []
        if Stream.ORDERS in self._feed.venue.streams:
            work += [self._pass_on(), self._again_and_again("orders", self._hear_orders)]
        if Stream.QUOTES in self._feed.venue.streams:
            work += [self._hear_what_is_watched()]
        tasks = [asyncio.create_task(one) for one in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            await _end(tasks)

    async def _again_and_again(
        self, what: str, hear: Callable[[], Coroutine[object, object, None]]
    ) -> None:
        """Begin a stream whenever it has ended, ever later until it stood for a while."""
        clock, breaks = asyncio.get_running_loop().time, 0
        while True:
            if not self._feed.connected:
                await asyncio.sleep(_STEP)
                continue
            began, asked = clock(), timedelta(0)
            try:
                await hear()
            except VenueError as error:
                self._say(what, error)
                asked = (
                    NOT_ALLOWED_FOR if isinstance(error, KeyRefused) else error.retry_after or asked
                )
            self._told.breaks += 1
            breaks = 0 if clock() - began >= STOOD else breaks
            pause = BACKOFF[min(breaks, len(BACKOFF) - 1)] * (1 + self._jitter.random() / 4)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(asked.total_seconds(), pause)):
                    await self._other.wait()
            self._other.clear()
            breaks += 1

    def _say(self, what: str, error: VenueError) -> None:
        """Log that a stream broke, unless one of its kind was logged within the hour."""
        now, kind = asyncio.get_running_loop().time(), (what, type(error))
        if now - self._said.get(kind, -SAID_AGAIN) >= SAID_AGAIN:
            self._said[kind] = now
            log.warning("the stream of %s for %s broke: %s", self._name, what, error)

    # Orders

    async def _hear_orders(self) -> None:
        """Ring for what the order stream tells, for as long as it stands.

        Raises:
            VenueUnavailable: it does not stand any more.
        """
        now = asyncio.get_running_loop().time()
        self._heard = _Heard(began=now, last=now)
        try:
            await _attend(self._feed.venue.order_news(), self._hear, self._is_deaf)
        finally:
            if self._told.stands:
                self._look_at_all()
            self._told.heard_at = None
            self._told.broken_at = self._told.broken_at or self._clock()

    def _hear(self, keys: Sequence[OrderKey]) -> None:
        now = asyncio.get_running_loop().time()
        if not self._told.stands:
            self._heard.began, self._told.broken_at = now, None
            self._feed.compare_due = self._feed.balances_due = True
            self._look_at_all()
        self._heard.last, self._told.heard_at = now, self._clock()
        if keys:
            self._rung.update(keys)
            self._news.set()

    def _is_deaf(self) -> str | None:
        found = self._bells.take_found(self._name)
        return self._heard.is_deaf(found, asyncio.get_running_loop().time())

    def _look_at_all(self) -> None:
        """Look for whatever happened while nobody told it."""
        self._all = True
        self._news.set()

    async def _pass_on(self) -> None:
        """Ring for our orders, whatever else a stream tells of the account."""
        while True:
            await self._news.wait()
            self._news.clear()
            rung, every = self._rung, self._all
            self._rung, self._all = set(), False
            try:
                ours = await self._store.read(partial(self._ours, keys=rung))
                live = await self._store.read(self._live) if every else []
            except StoreUnavailable:
                self._rung |= rung
                self._all |= every
                self._news.set()
                await asyncio.sleep(_STEP)
                continue
            now = asyncio.get_running_loop().time()
            self._heard.rung |= dict.fromkeys((order.id for order in ours), now)
            changeable = (order for order in ours if order.state is not OrderState.FILLED)
            self._bells.ring(order.id for order in (*changeable, *live))
            await asyncio.sleep(_PAUSE)

    def _live(self, tx: Transaction) -> Sequence[Order]:
        """Our orders that the venue may hold."""
        held = tx.orders.in_state(*orders.LIVE, OrderState.STUCK)
        return [order for order in held if order.venue == self._name]

    def _ours(self, tx: Transaction, *, keys: Set[OrderKey]) -> Sequence[Order]:
        """Our orders among these. One that a Countersign made and nobody knows here is looked into."""
        ids = {key.client_order_id for key in keys if key.client_order_id is not None}
        ours = tx.orders.by_client_ids(self._name, ids)
        numbers = {key.venue_order_id for key in keys if key.client_order_id not in ours}
        if any(orders.of_our_make(id) for id in ids - ours.keys()):
            self._feed.compare_due = True
        by_number = [one for one in self._live(tx) if one.venue_order_id in numbers - {None}]
        return [*ours.values(), *by_number]

    # Prices

    async def _hear_what_is_watched(self) -> None:
        """Hear the prices of every symbol that is watched, for as long as it is."""
        hearing: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                wanted = set(sorted(self._feed.watched)[:AT_ONCE])
                await _end([hearing.pop(symbol) for symbol in hearing.keys() - wanted])
                for symbol in sorted(wanted - hearing.keys()):
                    hear = self._again_and_again(symbol, partial(self._hear_prices, symbol))
                    hearing[symbol] = asyncio.create_task(hear)
                for task in hearing.values():
                    if task.done():
                        task.result()
                await asyncio.sleep(_STEP)
        finally:
            await _end(hearing.values())

    async def _hear_prices(self, symbol: str) -> None:
        prices = _Prices(self._feed, symbol, self._clock, last=self._feed.quotes.get(symbol))
        await _attend(self._feed.venue.quote_news(symbol), prices.hear, prices.is_deaf)


async def _attend(
    news: AsyncGenerator[T], hear: Callable[[T], None], is_deaf: Callable[[], str | None]
) -> None:
    """Hear a stream for as long as it stands.

    Raises:
        VenueUnavailable: it ended, it broke, or it is deaf.
    """

    async def listen() -> None:
        async with aclosing(news):
            async for item in news:
                hear(item)

    listening = asyncio.create_task(listen())
    try:
        while not listening.done():
            await asyncio.wait({listening}, timeout=_STEP)
            deaf = is_deaf()
            if deaf is not None and not listening.done():
                raise VenueUnavailable(deaf)
        listening.result()
        raise VenueUnavailable("it ended")
    finally:
        await _end([listening])


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """End these, and wait a moment for what they have to close."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_LAST_WORDS)
