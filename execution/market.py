"""What the venues say now: connected or not, markets, best prices, balances, candles, rates.

Held in memory with its age. One task per venue keeps it fresh for what is being watched, so that a
snapshot costs no call between a tap and its order. Others read it; only the executor calls `fresh_*`,
and whoever takes readings of the accounts `refresh`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from execution.breaker import SILENCE
from execution.equity import Price
from execution.errors import KeyRefused, VenueError, VenueMisconfigured, VenueUnavailable
from execution.feed import Feed
from execution.instruments import Instrument
from execution.rounding import exactly
from execution.types import Candle, Quote
from execution.venues.venue import Balance, Venue

FRESH = timedelta(seconds=2)
"""A quote no older than this may decide about an order."""
RATE_HOLDS = timedelta(seconds=10)
"""A mid no older than this may convert a quote currency into the settings' currency."""
BALANCES_HOLD = timedelta(seconds=15)
CANDLES_HOLD = timedelta(seconds=30)
INTERVAL, CANDLE_COUNT = "5m", 100

_POLL = timedelta(seconds=1)
_PATIENCE = 5.0
"""Seconds a venue is given to answer what a reading of its account asks."""
_SIGN_OF_LIFE = timedelta(seconds=5)
"""A venue that has said nothing for this long is asked for its balances, whatever is watched."""
BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds until the next try to connect; the last one repeats."""


class Market:
    """All venues' feeds."""

    def __init__(
        self,
        venues: Mapping[str, Venue],
        *,
        clock: Callable[[], datetime],
        currency: str,
        at_par: Collection[str],
    ) -> None:
        self._feeds = {name: Feed(venue=venue) for name, venue in venues.items()}
        self._clock = clock
        self._currency = currency
        self._at_par = frozenset(at_par)
        self._bells: list[Callable[[], None]] = []

    # What others read

    @property
    def currency(self) -> str:
        """The currency of settings and rules."""
        return self._currency

    @property
    def clock(self) -> Callable[[], datetime]:
        """What says how old anything here is."""
        return self._clock

    def feed(self, venue: str) -> Feed:
        """What is known of one venue."""
        return self._feeds[venue]

    def feeds(self) -> Mapping[str, Feed]:
        """All venues by name."""
        return self._feeds

    def instrument(self, venue: str, symbol: str) -> Instrument | None:
        """The venue's facts about a market, or None where it has none of that name."""
        feed = self._feeds.get(venue)
        return None if feed is None else feed.venue.instruments().get(symbol)

    def quote(self, venue: str, symbol: str, *, max_age: timedelta | None = FRESH) -> Quote | None:
        """The last best bid and ask, unless it is older than `max_age` or of a time to come."""
        feed = self._feeds.get(venue)
        quote = None if feed is None else feed.quotes.get(symbol)
        if quote is None or max_age is None or timedelta(0) <= self._clock() - quote.at <= max_age:
            return quote
        return None

    def candles(self, venue: str, symbol: str) -> Sequence[Candle]:
        """Bars for a picture; empty until they were loaded once."""
        return self._feeds[venue].candles.get(symbol, (None, ()))[1]

    def rate(self, venue: str, asset: str) -> Decimal | None:
        """One unit of an asset in the settings' currency; None when nothing fresh says."""
        seen = self.last_rate(venue, asset, max_age=RATE_HOLDS)
        return None if seen is None else seen.value

    @exactly
    def last_rate(
        self, venue: str, asset: str, *, max_age: timedelta | None = None
    ) -> Price | None:
        """The same with when it was seen, unless that is longer ago than `max_age`."""
        if asset == self._currency or {asset, self._currency} <= self._at_par:
            return Price(value=Decimal(1), at=self._clock())
        for symbol, upside_down in self._rate_markets(venue, asset):
            quote = self.quote(venue, symbol, max_age=max_age)
            if quote is not None:
                return Price(value=1 / quote.mid if upside_down else quote.mid, at=quote.at)
        return None

    @exactly
    def price(self, asset: str, unit: str) -> Decimal | None:
        """One asset in another, by whichever venue says; None when none does."""
        for venue in self._feeds:
            worth, of = self.rate(venue, asset), self.rate(venue, unit)
            if worth is not None and of is not None:
                return worth / of
        return None

    @exactly
    def equity(self, venue: str) -> Decimal | None:
        """Free and locked of every asset at mid, in the settings' currency.

        An asset this venue has no market for counts nothing; None while a price is missing.
        """
        feed = self._feeds[venue]
        if feed.balances_at is None:
            return None
        total = Decimal(0)
        for asset, balance in feed.balances.items():
            held = balance.free + balance.locked
            rate = self.rate(venue, asset)
            if rate is None and held and self._rate_markets(venue, asset):
                return None
            total += held * (rate or 0)
        return total

    # What keeps it fresh

    def compare_soon(self) -> None:
        """Have every venue compared with our rows at once: a resume asks for a look since the halt."""
        for feed in self._feeds.values():
            feed.compare_due = True

    def watch(self, interest: Mapping[str, Collection[str]]) -> None:
        """From now on keep these symbols (by venue) fresh, and the rates of their quote assets."""
        for name, feed in self._feeds.items():
            symbols = set(interest.get(name, ()))
            for symbol in tuple(symbols):
                instrument = self.instrument(name, symbol)
                if instrument is not None:
                    symbols.update(self._rate_symbol(name, instrument.quote))
            if symbols - feed.watched:
                feed.wake.set()
            feed.watched = frozenset(symbols)

    def on_change(self, bell: Callable[[], None]) -> None:
        """Call this when a venue connects or is lost."""
        self._bells.append(bell)

    async def run(self, venue: str) -> None:
        """Connect one venue and keep its feed fresh until canceled.

        Raises:
            VenueMisconfigured: trying again would not help.
        """
        feed = self._feeds[venue]
        listening = asyncio.create_task(self._listen(feed), name=f"listen {venue}")
        try:
            await self._connect(feed)
            await self._keep_fresh(feed)
        finally:
            listening.cancel()

    async def fresh_quote(self, venue: str, symbol: str) -> Quote:
        """Best bid and ask no older than `FRESH`, asking the venue when need be.

        Raises:
            VenueUnavailable: the venue does not answer.
        """
        held = self.quote(venue, symbol)
        return held if held is not None else await self._ask_quote(self._feeds[venue], symbol)

    async def prepare(self, venue: str, symbol: str, *, equity: bool) -> None:
        """Get what a first check of a ticket needs: quote, rate, balances, candles, equity.

        Raises:
            VenueUnavailable: the venue does not answer.
        """
        feed = self._feeds[venue]
        instrument = self.instrument(venue, symbol)
        wanted = {symbol} | (self._rate_symbol(venue, instrument.quote) if instrument else set())
        asks = [self.fresh_quote(venue, one) for one in sorted(wanted)]
        await asyncio.gather(self.fresh_balances(venue), self.load_candles(venue, symbol), *asks)
        if equity:
            held = [asset for asset, b in feed.balances.items() if b.free + b.locked]
            priced = set().union(*(self._rate_symbol(venue, asset) for asset in held))
            await asyncio.gather(*(self.fresh_quote(venue, one) for one in sorted(priced)))
        feed.watched |= wanted

    async def fresh_balances(self, venue: str) -> Mapping[str, Balance]:
        """The account's assets, not older than `BALANCES_HOLD`.

        Raises:
            VenueUnavailable: the venue does not answer.
        """
        feed = self._feeds[venue]
        held = feed.balances_at
        if held is None or feed.balances_due or self._clock() - held > BALANCES_HOLD:
            await self._ask_balances(venue)
        return feed.balances

    async def refresh(
        self, venue: str, symbols: Iterable[str], assets: Iterable[str], *, balances: bool
    ) -> None:
        """Get quotes of these symbols and rates of these assets; of all the account holds with `balances`.

        What is not answered in time stays as old as it is.
        """
        feed, wanted = self._feeds[venue], {*assets}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                if balances:
                    await _missing(feed, partial(self._ask_balances, venue))
                    wanted |= feed.balances.keys()
                found = {*symbols}.union(*(self._rate_symbol(venue, asset) for asset in wanted))
                asks = [partial(self.fresh_quote, venue, symbol) for symbol in sorted(found)]
                await asyncio.gather(*(_missing(feed, ask) for ask in asks))

    async def opened_at(self, venue: str, symbol: str, moment: datetime) -> Decimal | None:
        """The price of a market at a moment within a day, by its candles; None where they do not say."""
        try:
            async with asyncio.timeout(_PATIENCE):
                bars = await self._feeds[venue].venue.candles(symbol, "15m", CANDLE_COUNT + 1)
        except (VenueUnavailable, TimeoutError):
            return None
        return next((bar.open for bar in bars if bar.at == moment), None)

    async def load_candles(self, venue: str, symbol: str) -> None:
        """Load bars for a picture; a venue that has none to give leaves the card without."""
        feed = self._feeds[venue]
        at, _ = feed.candles.get(symbol, (None, ()))
        if at is not None and self._clock() - at < CANDLES_HOLD:
            return
        try:
            bars = await feed.venue.candles(symbol, INTERVAL, CANDLE_COUNT)
        except VenueUnavailable:
            return
        feed.candles[symbol] = (self._clock(), bars)

    def heard(self, venue: str) -> None:
        """It answered a question of somebody else's: a look-up, a list of open orders."""
        self._heard(self._feeds[venue])

    def stale_balances(self, venue: str) -> None:
        """Something was sent or filled: ask for balances again at the next turn."""
        self._feeds[venue].balances_due = True

    async def _connect(self, feed: Feed) -> None:
        """Open the venue, however long that takes."""
        attempt = 0
        while True:
            try:
                await feed.venue.open()
            except VenueMisconfigured:
                raise
            except VenueError as error:
                feed.reason = feed.missed = str(error)
                self._ring()
                asked = 0.0 if error.retry_after is None else error.retry_after.total_seconds()
                await asyncio.sleep(max(asked, BACKOFF[min(attempt, len(BACKOFF) - 1)]))
                attempt += 1
            else:
                self._heard(feed)
                return

    async def _listen(self, feed: Feed) -> None:
        """Count the silence; too much of it and the venue is lost, whatever still hangs."""
        while True:
            await asyncio.sleep(_POLL.total_seconds())
            feed.silent += _POLL
            if feed.connected and feed.silent >= SILENCE:
                feed.connected = feed.compared = False
                feed.reason = feed.missed or f"{feed.venue.name} does not answer"
                self._ring()

    async def _keep_fresh(self, feed: Feed) -> None:
        """Ask for what is watched every second; a question that hangs holds up no other."""
        asking: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                feed.wake.clear()
                for name, task in list(asking.items()):
                    if task.done():
                        del asking[name]
                        task.result()
                for name, ask in self._questions(feed).items():
                    if name not in asking:
                        asking[name] = asyncio.create_task(_missing(feed, ask))
                # Not `wait_for`: before Python 3.12 it loses a cancellation that comes with the wake.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL.total_seconds()):
                        await feed.wake.wait()
        finally:
            for task in asking.values():
                task.cancel()
            await asyncio.gather(*asking.values(), return_exceptions=True)

    def _questions(self, feed: Feed) -> dict[str, Callable[[], Coroutine[object, object, object]]]:
        """What is to be asked now: everything watched, balances, and at least a sign of life.

        What a stream told just now is left out, all but one where nothing was answered since, and then
        nothing: orders take another way than streams, and only an answer shows that they would arrive.
        """
        told = feed.told.just_now(feed.watched, self._clock())
        if feed.silent >= _POLL:
            told = set(sorted(told)[1:]) if feed.silent < 2 * _POLL else set()
        asks = {s: partial(self._ask_quote, feed, s) for s in sorted(feed.watched - told)}
        ask = self.fresh_balances if feed.silent < _SIGN_OF_LIFE else self._ask_balances
        return {**asks, "balances": partial(ask, feed.venue.name), "markets": feed.venue.refresh}

    async def _ask_quote(self, feed: Feed, symbol: str) -> Quote:
        quote = await feed.venue.quote(symbol)
        feed.quotes[symbol] = quote
        if not feed.key_refused:
            self._heard(feed)
        return quote

    async def _ask_balances(self, venue: str) -> None:
        """Ask for them; they are as old as the question, since they may have been read right then."""
        feed, asked_at = self._feeds[venue], self._clock()
        feed.balances_due = False
        try:
            balances = await feed.venue.balances()
        except VenueError:
            feed.balances_due = True
            raise
        if feed.balances_at is None or feed.balances_at <= asked_at:
            feed.balances, feed.balances_at = balances, asked_at
        self._heard(feed)

    def _heard(self, feed: Feed) -> None:
        feed.loaded, feed.key_refused = True, False
        feed.reason = feed.missed = None
        feed.silent = timedelta(0)
        if not feed.connected:
            feed.connected = True
            self._ring()

    def _ring(self) -> None:
        for bell in self._bells:
            bell()

    def _rate_markets(self, venue: str, asset: str) -> list[tuple[str, bool]]:
        """Markets that price an asset in the currency, or in anything at par with it."""
        money = {self._currency}
        if self._currency in self._at_par:
            money |= self._at_par
        feed = self._feeds.get(venue)
        known = {} if feed is None else feed.venue.instruments()
        ordered = [self._currency, *sorted(money - {self._currency})]
        found = [(f"{asset}/{unit}", False) for unit in ordered]
        found += [(f"{unit}/{asset}", True) for unit in ordered]
        found += [(f"{asset}/{unit}:{unit}", False) for unit in ordered]
        return [(symbol, flipped) for symbol, flipped in found if symbol in known]

    def _rate_symbol(self, venue: str, asset: str) -> set[str]:
        """The one market to watch for an asset's rate; none when no rate is needed or known."""
        if asset == self._currency or {asset, self._currency} <= self._at_par:
            return set()
        return {symbol for symbol, _ in self._rate_markets(venue, asset)[:1]}


async def _missing(feed: Feed, ask: Callable[[], Coroutine[object, object, object]]) -> None:
    """Ask; a question the venue did not answer is noted and forgotten."""
    try:
        await ask()
    except VenueUnavailable as error:
        feed.missed = str(error)
        feed.key_refused |= isinstance(error, KeyRefused)
