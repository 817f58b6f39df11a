"""Our books on a real exchange's public prices: the real ccxt at the loopback exchanges, without a key.

Whatever a test does, the exchange sees no request with a signature and no order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.errors import NotSent, VenueRefused, VenueUnavailable
from execution.types import Mode, OrderState, OrderType, Side, TimeInForce, Trail
from execution.venues.market_data import MarketData
from execution.venues.paper import PaperVenue
from execution.venues.public import PublicMarket
from execution.venues.venue import Balance, NewOrder, Report
from tests.clock import Clock
from tests.doubles.binance import BinanceServer
from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.kraken import KrakenServer
from tests.doubles.loopback import Request
from tests.doubles.trading import Book
from tests.execution.venues.contract import VenueContract, VenueUnderTest
from tests.execution.venues.paper.setup import key_of
from tests.execution.venues.shapes.okx import OKX
from tests.execution.venues.shapes.place import AT, Place
from tests.waiting import until

_PUBLIC = {
    "binance": ("ping", "time", "exchangeInfo", "ticker/", "depth", "klines"),
    "kraken": ("public/",),
    "coinbase": ("time", "market/"),
}
"""What paths begin with that need no signature."""


@dataclass
class _Place:
    """A loopback exchange, and how it is spoken of."""

    id: str
    server: Any
    symbol: str
    theirs: str
    """What the exchange calls that market."""
    listed_in: str
    """Where the double lists its markets."""
    overrides: dict[str, Any]

    def market(self, clock: Clock) -> PublicMarket:
        quick = {"timeout_on_exit": 1}  # milliseconds
        settings = self.server.ccxt_overrides() | quick | self.overrides
        return PublicMarket(self.id, clock, overrides=settings)

    def signed(self) -> list[Request]:
        """The requests that an account was needed for."""
        return [one for one in self.server.requests if not one.path.startswith(_PUBLIC[self.id])]


_KRAKEN = ("kraken", KrakenServer, "BTC/USD", "XXBTZUSD", "pairs", {"rateLimit": 1})
_PLACES = [
    ("binance", BinanceServer, "BTC/USDT", "BTCUSDT", "markets", {}),
    _KRAKEN,
    ("coinbase", CoinbaseServer, "BTC/USD", "BTC-USD", "products", {}),
]


@pytest.fixture(params=_PLACES, ids=[each[0] for each in _PLACES])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[_Place]:
    id, server, *ways = request.param
    async with server() as exchange:
        made = _Place(id, exchange, *ways)
        yield made
        assert made.server.requests, "the real prices were asked for"
        assert made.signed() == []
        assert made.server.account.accepted == []


class _Desk:
    """A paper account on the public prices of a place, at a bid of 59 990 and an ask of 60 000."""

    def __init__(self, place: _Place, folder: Path) -> None:
        self.place, self.folder, self.clock = place, folder, Clock()
        self.venue = self.again()
        self._sent = 0

    def again(self) -> PaperVenue:
        """The venue of another process on the same books."""
        market: MarketData = self.place.market(self.clock)
        money = self.place.symbol.partition("/")[2]
        return PaperVenue(
            "main",
            self.folder / "paper.db",
            self.clock,
            market=market,
            opening={money: Decimal(100_000), "BTC": Decimal(1)},
        )

    def prices(self, bid: str, ask: str, amount: str = "1000") -> None:
        """Where the market is a second later."""
        self.place.server.account.set_book(
            self.place.theirs, bid=bid, ask=ask, bid_amount=amount, ask_amount=amount
        )
        self.clock.advance(1)

    def reach(self, reachable: bool) -> None:
        """Whether the exchange answers, from a second later on."""
        self.place.server.unreachable = not reachable
        self.clock.advance(1)

    def order(self, side: Side, price: str | None, **changes: Any) -> NewOrder:
        self._sent += 1
        return NewOrder(
            client_order_id=self.venue.client_order_id(self._sent.to_bytes(16, "big")),
            symbol=self.place.symbol,
            side=side,
            type=OrderType.LIMIT,
            amount=Decimal("0.1"),
            price=None if price is None else Decimal(price),
            time_in_force=TimeInForce.GTC,
        ).evolve(**changes)

    async def send(self, side: Side, price: str | None, **changes: Any) -> Report:
        return await self.venue.send(self.order(side, price, **changes))

    async def look(self, report: Report) -> Report:
        found = await self.venue.find(key_of(report))
        assert found is not None
        return found


@pytest.fixture
async def desk(place: _Place, tmp_path: Path) -> AsyncIterator[_Desk]:
    made = _Desk(place, tmp_path)
    await made.venue.open()
    yield made
    await made.venue.close()


class TestItKeepsTheContract(VenueContract):
    @pytest.fixture
    def under_test(self, desk: _Desk) -> VenueUnderTest:
        faults = desk.venue.faults
        return VenueUnderTest(
            venue=desk.venue,
            symbol=desk.place.symbol,
            amount=Decimal("0.01"),
            far_price=Decimal(50_000),
            near_price=Decimal(60_000),
            accept_then_drop=lambda: setattr(faults, "drop_next_answer", True),
            lose_next=lambda: setattr(faults, "lose_next_request", True),
            refuse_next=lambda: setattr(faults, "refuse_next", "not today"),
            disconnect=lambda: desk.reach(False),
            reconnect=lambda: desk.reach(True),
            fill=lambda order: desk.prices("49980", "49990"),
            accepted=lambda: [order.client_order_id for order in desk.venue.accepted],
        )


class TestThePublicMarket:
    async def test_it_is_that_exchange_on_paper_with_its_steps_and_kinds_of_order(
        self, desk: _Desk
    ) -> None:
        venue, market = desk.venue, desk.venue.instruments()[desk.place.symbol]
        assert (venue.exchange, venue.mode) == (desk.place.id, Mode.PAPER)
        assert (TimeInForce.GTD in market.offers.times) == (desk.place.id != "binance")
        assert (OrderType.TRAILING_STOP in market.offers.types) == (desk.place.id != "coinbase")
        with pytest.raises(VenueRefused, match="no multiple"):
            await desk.send(Side.BUY, "50000.001")

    async def test_a_taker_pays_what_the_exchange_lists(self, desk: _Desk) -> None:
        bought = await desk.send(Side.BUY, "60000")
        (trade,) = await desk.venue.trades(key_of(bought))
        rate = {"binance": "0.001", "kraken": "0.004", "coinbase": "0.012"}[desk.place.id]
        assert trade.fee == Decimal("0.1") * Decimal(rate)

    async def test_each_price_is_asked_for_once_a_second_and_the_book_when_it_matters(
        self, desk: _Desk
    ) -> None:
        resting = await desk.send(Side.BUY, "59000")
        desk.clock.advance(1)
        desk.place.server.requests.clear()
        await asyncio.gather(
            *(desk.look(resting) for _ in range(5)),
            desk.venue.quote(desk.place.symbol),
            desk.venue.balances(),
        )
        assert len(desk.place.server.requests) == 1
        desk.clock.advance(1)
        await desk.look(resting)
        assert len(desk.place.server.requests) == 2


class TestFilling:
    async def test_an_order_takes_what_the_book_shows(self, desk: _Desk) -> None:
        desk.place.server.account.books[desk.place.theirs] = Book(
            bids=[(Decimal(59_990), Decimal(1))],
            asks=[(Decimal(60_000), Decimal("0.04")), (Decimal(60_050), Decimal("0.03"))],
        )
        bought = await desk.send(Side.BUY, "60100", time_in_force=TimeInForce.IOC)
        assert (bought.state, bought.filled) == (OrderState.EXPIRED, Decimal("0.07"))
        assert [t.price for t in await desk.venue.trades(key_of(bought))] == [60_000, 60_050]

    async def test_one_at_rest_fills_when_the_other_side_has_come_to_its_price(
        self, desk: _Desk
    ) -> None:
        bid = await desk.send(Side.BUY, "59000")
        desk.prices("59000", "59000.5")
        assert (await desk.look(bid)).filled == 0, "others bid there too"
        desk.prices("58000", "58500", amount="0.03")
        assert (await desk.look(bid)).filled == Decimal("0.03")
        desk.prices("59500", "59510")
        assert (await desk.look(bid)).filled == Decimal("0.03")
        desk.prices("58990", "59000")
        filled = await desk.look(bid)
        assert (filled.state, filled.average) == (OrderState.FILLED, 59_000)

    async def test_what_the_market_did_while_it_could_not_be_reached_fills_nothing(
        self, desk: _Desk
    ) -> None:
        bid = await desk.send(Side.BUY, "59000")
        desk.reach(False)
        desk.prices("57000", "57010")
        for _ in range(3):
            desk.clock.advance(30)
            with pytest.raises(VenueUnavailable):
                await desk.venue.open_orders([])
        with pytest.raises(NotSent):
            await desk.send(Side.BUY, "59000")
        desk.prices("59990", "60000")
        desk.reach(True)
        assert await desk.look(bid) == bid
        assert await desk.venue.open_orders([]) == [bid]

    async def test_a_dead_mans_switch_acts_before_prices_that_came_after_its_moment(
        self, desk: _Desk
    ) -> None:
        bid = await desk.send(Side.BUY, "59000")
        await desk.venue.arm(timedelta(seconds=60))
        acts_at = desk.clock() + timedelta(seconds=60)
        desk.clock.advance(120)
        desk.prices("58000", "58010")
        ended = await desk.look(bid)
        assert (ended.state, ended.filled, ended.at) == (OrderState.CANCELED, 0, acts_at)

    async def test_a_book_that_came_late_is_not_an_empty_one(self, desk: _Desk) -> None:
        desk.place.server.latency = 0.2
        desk.place.server.requests.clear()
        asking = asyncio.create_task(desk.venue.book(desk.place.symbol, Side.BUY))
        await until(lambda: desk.place.server.requests)
        desk.clock.advance(10)
        with pytest.raises(VenueUnavailable, match="not known"):
            await asking
        desk.clock.advance(1)
        assert [level.price for level in await desk.venue.book(desk.place.symbol, Side.BUY)] == [
            60_000
        ]

    async def test_an_account_without_orders_tells_of_the_gap_too(self, desk: _Desk) -> None:
        before = await desk.venue.balances()
        desk.reach(False)
        with pytest.raises(VenueUnavailable):
            await desk.venue.quote(desk.place.symbol)
        with pytest.raises(VenueUnavailable):
            await desk.venue.balances()
        desk.reach(True)
        await desk.venue.quote(desk.place.symbol)
        assert await desk.venue.balances() == before

    async def test_who_waited_behind_a_question_that_was_not_answered_asks_no_other(
        self, desk: _Desk
    ) -> None:
        resting = await desk.send(Side.BUY, "59000")
        desk.reach(False)
        desk.place.server.requests.clear()
        looks = await asyncio.gather(
            *(desk.look(resting) for _ in range(5)), return_exceptions=True
        )
        assert all(isinstance(one, VenueUnavailable) for one in looks)
        assert len(desk.place.server.requests) < len(looks), "one asked, though perhaps again"

    async def test_a_book_that_came_late_is_nothing_to_fill_an_order_by(self, desk: _Desk) -> None:
        await desk.venue.quote(desk.place.symbol)
        desk.place.server.latency = 0.2
        desk.place.server.requests.clear()
        sending = asyncio.create_task(desk.send(Side.BUY, "60000"))
        await until(lambda: desk.place.server.requests)
        desk.clock.advance(10)
        with pytest.raises(NotSent, match="not known"):
            await sending
        assert desk.venue.accepted == []


class TestTriggers:
    async def test_a_stop_limit_waits_for_the_public_price_and_sells_within_its_limit(
        self, desk: _Desk
    ) -> None:
        stop = await desk.send(
            Side.SELL, "58900", type=OrderType.STOP_LIMIT, stop_price=Decimal(59_000)
        )
        desk.prices("59000.5", "59010")
        assert (await desk.look(stop)).filled == 0
        desk.prices("58950", "58960")
        sold = await desk.look(stop)
        assert (sold.state, sold.average) == (OrderState.FILLED, 58_950)

    async def test_a_price_that_was_only_quoted_touches_it_all_the_same(self, desk: _Desk) -> None:
        """A desk quotes what it has orders in every second, and looks at the orders less often."""
        stop = await desk.send(
            Side.SELL, "58900", type=OrderType.STOP_LIMIT, stop_price=Decimal(59_000)
        )
        desk.prices("58950", "58960")
        await desk.venue.quote(desk.place.symbol)
        desk.prices("59990", "60000")
        assert (await desk.look(stop)).average == 58_950

    @pytest.mark.parametrize("place", [_KRAKEN], ids=["kraken"], indirect=True)
    async def test_once_touched_it_sells_as_soon_as_the_book_is_known(self, desk: _Desk) -> None:
        stop = await desk.send(Side.SELL, None, type=OrderType.STOP, stop_price=Decimal(59_000))
        desk.prices("58950", "58960")
        desk.place.server.latency = 0.2
        desk.place.server.requests.clear()
        looking = asyncio.create_task(desk.look(stop))
        await until(lambda: len(desk.place.server.asked("GET public/Depth")) > 0)
        desk.clock.advance(10)
        assert (await looking).state is OrderState.WORKING
        desk.place.server.latency = 0.0
        desk.prices("59990", "60000")
        sold = await desk.look(stop)
        assert (sold.state, sold.average) == (OrderState.FILLED, 59_990)

    @pytest.mark.parametrize("place", [_KRAKEN], ids=["kraken"], indirect=True)
    async def test_a_trailing_stop_follows_what_was_seen_over_a_restart_too(
        self, desk: _Desk
    ) -> None:
        trail = Trail(value=Decimal(500), is_share=False)
        stop = await desk.send(Side.SELL, None, type=OrderType.TRAILING_STOP, trail=trail)
        desk.prices("60990", "61000")
        assert (await desk.look(stop)).stop_price == 60_490
        await desk.venue.close()
        desk.prices("60490", "60500")
        desk.venue = desk.again()
        await desk.venue.open()
        sold = await desk.look(stop)
        assert (sold.state, sold.average) == (OrderState.FILLED, 60_490)


class TestTheBooks:
    async def test_they_are_there_after_a_restart(self, desk: _Desk) -> None:
        resting, bought = await desk.send(Side.BUY, "59000"), await desk.send(Side.BUY, "60000")
        held = await desk.venue.balances()
        await desk.venue.close()
        desk.venue = desk.again()
        await desk.venue.open()
        assert await desk.venue.open_orders([]) == [resting]
        assert await desk.look(bought) == bought
        assert await desk.venue.balances() == held

    async def test_an_exchange_that_cannot_be_reached_opens_later(self, desk: _Desk) -> None:
        await desk.venue.close()
        desk.reach(False)
        with pytest.raises(VenueUnavailable):
            await desk.venue.open()
        desk.reach(True)
        await desk.venue.open()
        money = desk.place.symbol.partition("/")[2]
        assert (await desk.venue.balances())[money] == Balance(
            free=Decimal(100_000), locked=Decimal(0)
        )

    async def test_an_order_in_a_market_that_is_gone_rests_until_it_is_canceled(
        self, desk: _Desk
    ) -> None:
        resting = await desk.send(Side.BUY, "59000")
        await desk.venue.close()
        del getattr(desk.place.server.account, desk.place.listed_in)[desk.place.theirs]
        desk.venue = desk.again()
        await desk.venue.open()
        assert desk.place.symbol not in desk.venue.instruments()
        assert await desk.venue.open_orders([]) == [resting]
        with pytest.raises(VenueRefused, match="there is no market"):
            await desk.send(Side.BUY, "59000")
        await desk.venue.cancel(key_of(resting))
        assert await desk.venue.open_orders([]) == []


async def test_our_own_books_lock_what_an_order_waits_to_sell_also_where_the_exchange_does_not() -> (
    None
):
    async with Place(OKX) as okx:
        settings = {"urls": {"api": OKX.urls(okx.url)}, "timeout_on_exit": 1}
        market = PublicMarket("okx", lambda: AT, overrides=settings)
        await market.open()
        offers = market.instruments()[OKX.symbol].offers
        assert OrderType.STOP in offers.types
        assert offers.triggered_lock
        await market.close()
