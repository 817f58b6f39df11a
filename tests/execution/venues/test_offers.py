"""Which orders a market takes: by what is known of its exchange, by its own rules, or by ccxt's word alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import NotSent, VenueRefused, VenueUnavailable
from execution.instruments import Offers, Shares
from execution.types import Mode, OrderType, TimeInForce, Trail
from execution.venues.connections import has_sandbox
from execution.venues.markets import instrument
from execution.venues.quirks import Kind, Quirks, quirks_of
from execution.venues.wording import in_ccxts_words
from tests.doubles.binance import BinanceServer
from tests.execution.venues.exchange.setup import an_order, key_of, venue_at

GTC, IOC, FOK, GTD = TimeInForce
STOPS = frozenset(OrderType) - {OrderType.MARKET, OrderType.LIMIT}
NOTHING: dict[str, Any] = {"min": None, "max": None}
MARKET = {
    "symbol": "A/B",
    "base": "A",
    "quote": "B",
    "spot": True,
    "active": True,
    "precision": {"amount": "0.1", "price": "0.1"},
    "limits": {"amount": NOTHING, "price": NOTHING, "cost": NOTHING},
    "info": {},
}


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceServer]:
    async with BinanceServer() as server:
        yield server


async def offers_of(exchange: BinanceServer, **changes: Any) -> Offers:
    """What the market of BTC takes at a Binance that has these rules for it."""
    markets = exchange.account.markets
    markets["BTCUSDT"] = replace(markets["BTCUSDT"], **changes)
    venue = venue_at(exchange)
    await venue.open()
    found = venue.instruments()["BTC/USDT"].offers
    await venue.close()
    return found


class TestBinance:
    async def test_a_market_takes_what_it_lists(self, exchange: BinanceServer) -> None:
        assert await offers_of(exchange) == Offers(
            types=frozenset(OrderType),
            times=frozenset({GTC, IOC, FOK}),
            trails_by_share=Shares(
                least=Decimal("0.001"), most=Decimal("0.2"), step=Decimal("0.0001")
            ),
        )

    @pytest.mark.parametrize(
        ("missing", "kinds"),
        [
            ("STOP_LOSS", {OrderType.STOP, OrderType.TRAILING_STOP}),
            ("STOP_LOSS_LIMIT", {OrderType.STOP_LIMIT}),
            ("TAKE_PROFIT", {OrderType.TAKE_PROFIT}),
            ("TAKE_PROFIT_LIMIT", {OrderType.TAKE_PROFIT_LIMIT}),
            ("LIMIT", {OrderType.LIMIT, OrderType.MARKET}),
            ("MARKET", set()),
        ],
    )
    async def test_a_kind_it_does_not_list_is_not_taken(
        self, exchange: BinanceServer, missing: str, kinds: set[OrderType]
    ) -> None:
        """A market order goes as a limit, so that one is what it needs."""
        listed = exchange.account.markets["BTCUSDT"].order_types
        rest = tuple(name for name in listed if name != missing)
        assert (await offers_of(exchange, order_types=rest)).types == frozenset(OrderType) - kinds

    async def test_a_market_without_trailing_stops_takes_none(
        self, exchange: BinanceServer
    ) -> None:
        offers = await offers_of(exchange, trailing=False)
        assert offers.trails_by_share is None
        assert OrderType.TRAILING_STOP not in offers.types
        assert OrderType.STOP in offers.types

    async def test_a_market_without_limit_maker_takes_no_post_only(
        self, exchange: BinanceServer
    ) -> None:
        assert not (await offers_of(exchange, order_types=("LIMIT",))).post_only

    async def test_a_distance_outside_its_filter_is_refused_unsent(
        self, exchange: BinanceServer
    ) -> None:
        venue = venue_at(exchange)
        await venue.open()
        trailing = {"type": OrderType.TRAILING_STOP, "price": None}
        for share, told in (("0.0009", "under 0.001"), ("0.2001", "over 0.2")):
            trail = Trail(value=Decimal(share), is_share=True)
            with pytest.raises(VenueRefused, match=told):
                await venue.send(an_order(venue, **trailing, trail=trail))
        assert exchange.asked("POST order") == []
        await venue.close()


def test_a_double_is_not_changed_by_what_was_done_to_another() -> None:
    BinanceServer().account.market("BTCUSDT").status = "BREAK"
    assert BinanceServer().account.market("BTCUSDT").status == "TRADING"


class TestAnExchangeNobodyHasTried:
    @pytest.mark.parametrize(
        ("told", "offers"),
        [
            (
                {"GTC": True, "IOC": True, "FOK": True, "PO": True, "GTD": True},
                Offers(),
            ),
            (
                {"GTC": True, "IOC": True, "FOK": False, "PO": False},
                Offers(times=frozenset({GTC, IOC}), post_only=False),
            ),
            (
                None,
                Offers(types=frozenset({OrderType.LIMIT}), times=frozenset({GTC}), post_only=False),
            ),
        ],
    )
    def test_only_the_limit_orders_that_ccxt_says_are_offered(
        self, told: dict[str, bool] | None, offers: Offers
    ) -> None:
        """Without an order that may not rest, a market order could not be capped."""
        features = {"spot": {"createOrder": {"timeInForce": told}}} if told else None
        found = instrument(MARKET, 4, Quirks(), features)
        assert found is not None
        assert found.offers == offers

    @pytest.mark.parametrize("features", [{}, {"spot": None}, {"spot": {"createOrder": None}}])
    def test_less_than_a_word_is_none(self, features: dict[str, Any]) -> None:
        found = instrument(MARKET, 4, Quirks(), features)
        assert found is not None
        assert found.offers.types == {OrderType.LIMIT}

    def test_no_triggered_kind_has_words_there(self) -> None:
        assert quirks_of("bitstamp").kinds == {OrderType.LIMIT: Kind(type="limit")}


TRIED = ["binance", "binanceusdm", "kraken", "coinbase"]
KNOWN = ["bitget", "bybit", "gate", "hyperliquid", "kucoin", "okx"]


@pytest.mark.parametrize("name", [*TRIED, *KNOWN])
def test_each_kind_that_is_offered_has_words(name: str) -> None:
    quirks = quirks_of(name)
    assert quirks.offers is not None
    assert quirks.offers.types - {OrderType.MARKET} == quirks.kinds.keys()
    for kind in STOPS & quirks.kinds.keys():
        said = quirks.kinds[kind]
        trails = kind is OrderType.TRAILING_STOP
        assert trails == (said.stop_by is None)
        assert trails == (said.percent_by is not None)
    gtd = GTD in quirks.offers.times
    assert gtd == (quirks.good_till_by is not None)


def test_what_there_are_no_words_for_is_refused_however_it_came_so_far() -> None:
    """The market's offers stand before it; this is the last door."""
    trail = Trail(value=Decimal("0.01"), is_share=True)
    order = an_order(_AnyIds(), price=None, trail=trail, type=OrderType.TRAILING_STOP)
    words = Quirks(kinds={OrderType.TRAILING_STOP: Kind(type="stop")})
    for quirks in (Quirks(), words):
        with pytest.raises(VenueRefused, match="nothing was sent"):
            in_ccxts_words(order, quirks)


async def test_on_paper_only_prices_are_asked_for(exchange: BinanceServer) -> None:
    venue = venue_at(exchange, Mode.PAPER, api_key="", secret="")
    await venue.open()
    assert (await venue.quote("BTC/USDT")).bid == 59990
    assert [one.path for one in exchange.requests if "signature" in one.raw] == []
    order = an_order(venue)
    with pytest.raises(NotSent, match="paper orders never reach an exchange"):
        await venue.send(order)
    with pytest.raises(VenueUnavailable, match="paper orders never reach an exchange"):
        await venue.cancel(key_of(order))
    assert exchange.asked("POST order") == exchange.asked("DELETE order") == []
    await venue.close()


@pytest.mark.parametrize(
    ("name", "has_one"), [("binance", True), ("kraken", False), ("coinbase", False)]
)
def test_where_ccxt_has_a_sandbox_is_known_without_opening(name: str, has_one: bool) -> None:
    assert has_sandbox(name) is has_one


class _AnyIds:
    def client_order_id(self, unique: bytes) -> str:
        return unique.hex()
