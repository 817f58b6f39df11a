"""What the venues say now: connected or not, markets, best prices, balances, candles, rates.

Held in memory with its age. One task per venue keeps it fresh for what is being watched, so that a
snapshot costs no call between a tap and its order. Others read it; only the executor calls `fresh_*`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from execution.errors import VenueError, VenueMisconfigured, VenueUnavailable
from execution.rounding import exactly
from execution.types import Candle, Instrument, Quote
from execution.venues.venue import Balance, Venue

FRESH = timedelta(seconds=2)
"""A quote no older than this may decide about an order."""
RATE_HOLDS = timedelta(seconds=10)
"""A mid no older than this may convert a quote currency into the settings' currency."""
BALANCES_HOLD = timedelta(seconds=15)
CANDLES_HOLD = timedelta(seconds=30)
INTERVAL, CANDLE_COUNT = "5m", 100

_POLL = 1.0
_FAILURES_UNTIL_DOWN = 3
_BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


@dataclass
class Feed:
    """Everything held about one venue."""

    venue: Venue
    loaded: bool = False
    """Whether its markets are known: it was connected once since we started."""
    connected: bool = False
    compared: bool = False
    """Whether our rows were compared with what it shows since it connected: orders may go there."""
    reconciled_at: datetime | None = None
    """When that was done last (`reconcile.py` says so)."""
    external: int = 0
    """Open orders there that are not ours, at the last comparison."""
    reason: str | None = "not connected yet"
    failures: int = 0
    answered_at: datetime | None = None
    watched: frozenset[str] = frozenset()
    quotes: dict[str, Quote] = field(default_factory=dict)
    balances: Mapping[str, Balance] = field(default_factory=dict)
    balances_at: datetime | None = None
    balances_due: bool = False
    """Something was sent or filled since: they are asked for again at the next turn."""
    candles: dict[str, tuple[datetime, Sequence[Candle]]] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


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
        """The last best bid and ask, unless it is older than `max_age`."""
        feed = self._feeds.get(venue)
        quote = None if feed is None else feed.quotes.get(symbol)
        if quote is None or (max_age is not None and self._clock() - quote.at > max_age):
            return None
        return quote

    def candles(self, venue: str, symbol: str) -> Sequence[Candle]:
        """Bars for a picture; empty until they were loaded once."""
        return self._feeds[venue].candles.get(symbol, (None, ()))[1]

    @exactly
    def rate(self, venue: str, asset: str) -> Decimal | None:
        """One unit of an asset in the settings' currency; None when nothing fresh says."""
        if asset == self._currency or {asset, self._currency} <= self._at_par:
            return Decimal(1)
        for symbol, upside_down in self._rate_markets(venue, asset):
            quote = self.quote(venue, symbol, max_age=RATE_HOLDS)
            if quote is not None:
                return 1 / quote.mid if upside_down else quote.mid
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
        attempt = 0
        while True:
            try:
                await feed.venue.open()
                break
            except VenueMisconfigured:
                raise
            except VenueError as error:
                feed.reason = str(error)
                feed.failures += 1
                self._ring()
                await asyncio.sleep(_BACKOFF[min(attempt, len(_BACKOFF) - 1)])
                attempt += 1
        self._heard(feed)
        while True:
            feed.wake.clear()
            await self._refresh(feed)
            # Not `wait_for`: before Python 3.12 it loses a cancellation that comes with the wake.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL):
                    await feed.wake.wait()

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
            held = [asset for asset, b in feed.balances.items() if b.free + b.locked > 0]
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
            feed.balances_due = False
            feed.balances = await feed.venue.balances()
            feed.balances_at = self._clock()
            self._heard(feed)
        return feed.balances

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

    def stale_balances(self, venue: str) -> None:
        """Something was sent or filled: ask for balances again at the next turn."""
        self._feeds[venue].balances_due = True

    async def _refresh(self, feed: Feed) -> None:
        """One turn: everything watched, and a sign of life when nothing is."""
        asks = [self._ask_quote(feed, symbol) for symbol in sorted(feed.watched)]
        name = feed.venue.name
        results = await asyncio.gather(*asks, self.fresh_balances(name), return_exceptions=True)
        for result in results:
            if isinstance(result, VenueUnavailable):
                self._missed(feed, str(result))
                return
            if isinstance(result, BaseException):
                raise result

    async def _ask_quote(self, feed: Feed, symbol: str) -> Quote:
        quote = await feed.venue.quote(symbol)
        feed.quotes[symbol] = quote
        self._heard(feed)
        return quote

    def _heard(self, feed: Feed) -> None:
        feed.loaded = True
        feed.failures, feed.reason = 0, None
        feed.answered_at = self._clock()
        if not feed.connected:
            feed.connected = True
            self._ring()

    def _missed(self, feed: Feed, reason: str) -> None:
        feed.failures += 1
        feed.reason = reason
        if feed.connected and feed.failures >= _FAILURES_UNTIL_DOWN:
            feed.connected = feed.compared = False
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
        return [(symbol, flipped) for symbol, flipped in found if symbol in known]

    def _rate_symbol(self, venue: str, asset: str) -> set[str]:
        """The one market to watch for an asset's rate; none when no rate is needed or known."""
        if asset == self._currency or {asset, self._currency} <= self._at_par:
            return set()
        return {symbol for symbol, _ in self._rate_markets(venue, asset)[:1]}
