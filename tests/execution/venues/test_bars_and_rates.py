"""Bars and rates at every exchange that was tried, with an account and on paper with its prices.

What a picture, a daily figure and an order's worth in the settings' currency are made of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from execution.market import CANDLE_COUNT, Market
from execution.venues.market_data import INTERVALS
from execution.venues.paper import PaperVenue
from execution.venues.public import PublicMarket
from execution.venues.venue import Venue
from tests.doubles.binance import BinanceServer
from tests.doubles.binance_account import Market as BinanceMarket
from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.coinbase_account import Product
from tests.doubles.kraken import KrakenServer
from tests.doubles.kraken_account import Pair
from tests.execution.venues.coinbase import setup as coinbase
from tests.execution.venues.exchange import setup as binance
from tests.execution.venues.exchange.setup import Clock
from tests.execution.venues.kraken import setup as kraken

_EXCHANGES: dict[str, tuple[Any, Callable[..., Venue], str]] = {
    "binance": (BinanceServer, binance.venue_at, binance.BTC),
    "kraken": (KrakenServer, kraken.venue_at, kraken.BTC),
    "coinbase": (CoinbaseServer, coinbase.venue_at, coinbase.BTC),
}
_THEIRS = {"binance": "BTCUSDT", "kraken": "XXBTZUSD", "coinbase": "BTC-USD"}
"""What each calls the market that the tests look at."""
_PLACES = [(exchange, paper) for exchange in _EXCHANGES for paper in (False, True)]


@dataclass
class _Place:
    """A loopback exchange, and a venue there that is opened when it is asked for."""

    exchange: str
    server: Any
    symbol: str
    clock: Clock
    _make: Callable[[], Venue]
    _stack: AsyncExitStack

    def now(self) -> datetime:
        """The exchange's time."""
        return datetime.fromtimestamp(self.server.now() / 1000, UTC)

    async def venue(self) -> Venue:
        made = self._make()
        self._stack.push_async_callback(made.close)
        await made.open()
        return made

    def lists(self, base: str, quote: str, *, bid: str, ask: str) -> None:
        """From the next time it is opened on the exchange has this market too."""
        account = self.server.account
        if self.exchange == "binance":
            one: Any = BinanceMarket(base=base, quote=quote, tick="0.01000000", step="0.00001000")
            account.markets[one.symbol], id = one, one.symbol
        elif self.exchange == "kraken":
            coins = {"BTC": "XXBT", "EUR": "ZEUR", "GBP": "ZGBP", "USD": "ZUSD"}
            name = f"{base}{quote}".replace("BTC", "XBT")
            one = Pair(
                base=coins[base],
                quote=coins[quote],
                name=name,
                decimals=5,
                tick="0.00001",
                least="1",
            )
            account.pairs[one.id], id = one, one.id
        else:
            one = Product(base=base, quote=quote, tick="0.01", step="0.00000001")
            account.products[one.id], id = one, one.id
        account.set_book(id, bid=bid, ask=ask)

    async def market(self, currency: str) -> Market:
        """What the desk holds of prices, for settings in this currency."""
        venue = await self.venue()
        return Market({"main": venue}, clock=self.clock, currency=currency, at_par=())


@pytest.fixture(params=_PLACES, ids=[f"{id}-paper" if p else id for id, p in _PLACES])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[_Place]:
    exchange, paper = request.param
    double, venue_at, symbol = _EXCHANGES[exchange]
    clock = Clock()

    def on_paper() -> Venue:
        settings = server.ccxt_overrides() | {"timeout_on_exit": 1, "rateLimit": 1}  # milliseconds
        market = PublicMarket(exchange, clock, overrides=settings)
        return PaperVenue("main", tmp_path / "paper.db", clock, market=market)

    async with double() as server, AsyncExitStack() as stack:
        server.clock_offset = 30_000 - server.now() % 60_000  # no bar begins while a test looks
        make = on_paper if paper else lambda: venue_at(server, clock=clock)
        yield _Place(exchange, server, symbol, clock, make, stack)


class TestBars:
    async def test_the_newest_come_as_many_as_asked_for_without_gaps(self, place: _Place) -> None:
        venue = await place.venue()
        for interval, length in INTERVALS.items():
            bars = await venue.candles(place.symbol, interval, CANDLE_COUNT + 1)

            assert len(bars) == CANDLE_COUNT + 1
            assert {later.at - bar.at for bar, later in pairwise(bars)} == {length}
            assert timedelta(0) <= place.now() - bars[-1].at < length

    async def test_they_begin_at_whole_intervals_and_have_exact_prices(self, place: _Place) -> None:
        place.server.account.set_book(_THEIRS[place.exchange], bid="59990.1", ask="60000.9")
        bars = await (await place.venue()).candles(place.symbol, "15m", 7)

        for bar in bars:
            assert bar.at.timestamp() % 900 == 0
            assert bar.volume == Decimal("12.345678")
            prices = {bar.open, bar.high, bar.low, bar.close}
            assert {price % Decimal("0.1") for price in prices} == {0}, "no float was near them"

    async def test_which_are_the_newest_is_said_by_the_exchanges_clock(self, place: _Place) -> None:
        place.server.clock_offset += 3_600_000
        bars = await (await place.venue()).candles(place.symbol, "5m", 3)

        assert len(bars) == 3
        assert timedelta(0) <= place.now() - bars[-1].at < timedelta(minutes=5)


class TestRates:
    async def test_money_is_counted_in_a_currency_that_is_itself_priced_in_that_money(
        self, place: _Place
    ) -> None:
        money = place.symbol.partition("/")[2]
        place.lists("GBP", money, bid="1.1", ask="1.4")
        market = await place.market("GBP")

        await market.prepare("main", place.symbol, equity=False)
        assert market.rate("main", money) == Decimal("0.8")
        assert market.rate("main", "GBP") == 1

    async def test_a_coin_is_counted_by_its_own_market_in_the_currency(self, place: _Place) -> None:
        place.lists("BTC", "EUR", bid="50000", ask="50001")
        market = await place.market("EUR")

        await market.refresh("main", [], ["BTC"], balances=False)
        assert market.rate("main", "BTC") == Decimal("50000.5")

    async def test_without_a_market_between_them_there_is_no_rate(self, place: _Place) -> None:
        market = await place.market("EUR")
        await market.prepare("main", place.symbol, equity=False)

        assert market.rate("main", place.symbol.partition("/")[2]) is None
