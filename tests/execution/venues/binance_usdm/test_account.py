"""What an account at Binance USD-M holds and how it is set, as orders, others and time change it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from execution.errors import VenueRefused, VenueUnavailable
from execution.types import Mode, OrderState, Side, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import Contracts
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.execution.venues.binance_usdm.setup import AMOUNT, BTC, an_order, key_of
from tests.execution.venues.exchange.setup import Clock

IOC = {"time_in_force": TimeInForce.IOC}


async def worth(venue: ExchangeVenue, mark: Decimal) -> Decimal:
    """Everything at this price of bitcoin, in USDT."""
    found = await venue.balances()
    prices = {"USDT": Decimal(1), "BTC": mark}
    return sum((prices[name] * (one.free + one.locked) for name, one in found.items()), Decimal(0))


@pytest.mark.parametrize("side", Side)
async def test_what_is_held_comes_to_the_margin_balance_at_any_mark_price(
    venue: ExchangeVenue, exchange: BinanceUsdmServer, side: Side
) -> None:
    price = Decimal(60000) if side is Side.BUY else Decimal(59990)
    await venue.send(an_order(venue, side=side, price=price, **IOC))
    exchange.account.fund("BTCUSDT", "0.0001")
    for mark in (Decimal(40000), Decimal(60000), Decimal(70000)):
        exchange.account.marks["BTCUSDT"] = mark
        assert await worth(venue, mark) == exchange.account.margin_balance("USDT")
    signed = AMOUNT if side is Side.BUY else -AMOUNT
    assert (await venue.balances())["BTC"].locked == signed


async def test_what_others_do_in_the_account_is_told(
    venue: ExchangeVenue, exchange: BinanceUsdmServer
) -> None:
    exchange.account.leverage["ETHUSDT"] = 20
    exchange.account.trade_elsewhere("BTCUSDT", "SELL", "0.5", "60000")
    found = await venue.contracts()
    assert found.one_way
    assert found.positions == {BTC: Decimal("-0.5")}
    assert (found.leverage[BTC], found.leverage["ETH/USDT:USDT"]) == (1, 20)

    exchange.account.liquidate("BTCUSDT", "61000")
    assert (await venue.contracts()).positions == {}
    assert "BTC" not in await venue.balances()


async def test_hedge_mode_is_told_and_an_order_is_refused_in_words(
    venue: ExchangeVenue, exchange: BinanceUsdmServer
) -> None:
    exchange.account.hedge = True
    found = await venue.contracts()
    assert isinstance(found, Contracts)
    assert not found.one_way
    with pytest.raises(VenueRefused, match="in hedge mode"):
        await venue.send(an_order(venue))


async def test_an_order_that_only_reduces_opens_nothing(
    venue: ExchangeVenue, exchange: BinanceUsdmServer
) -> None:
    reducing = an_order(venue, side=Side.SELL, price=Decimal(59990), reduce_only=True, **IOC)
    with pytest.raises(VenueRefused, match="no position left that it could reduce"):
        await venue.send(reducing)
    assert exchange.account.held() == []

    await venue.send(an_order(venue, 2, price=Decimal(60000), **IOC))
    await venue.send(reducing)
    assert exchange.account.held() == []
    (trade,) = await venue.trades(key_of(reducing))
    assert (trade.amount, trade.fee_currency) == (AMOUNT, "USDT")


async def test_an_order_that_rested_for_weeks_is_found_with_its_late_trades(
    venue: ExchangeVenue, exchange: BinanceUsdmServer, clock: Clock
) -> None:
    """Binance tells a week at a time."""
    order = an_order(venue)
    key = key_of(order, sent_at=datetime.now(UTC))
    await venue.send(order)
    exchange.account.fill(order.client_order_id, "0.004")
    for ahead in (timedelta(days=16), timedelta(days=30)):
        exchange.clock_offset = ahead // timedelta(milliseconds=1)
        clock.ahead = ahead
        await venue.open()  # it asks for the time
        exchange.account.fill(order.client_order_id, "0.003")
    exchange.blind.update({"id", "openOrders"})
    found = await venue.find(key)
    assert found is not None
    assert (found.state, found.filled) == (OrderState.FILLED, AMOUNT)
    assert [
        one.amount for one in await venue.trades(key.evolve(venue_order_id=found.venue_order_id))
    ] == [
        Decimal("0.004"),
        Decimal("0.003"),
        Decimal("0.003"),
    ]


@pytest.mark.parametrize("known", [True, False])
async def test_the_trades_of_an_order_that_somebody_named_are_found(
    venue: ExchangeVenue, exchange: BinanceUsdmServer, known: bool
) -> None:
    """Nobody knows when it was sent."""
    order = an_order(venue, price=Decimal(60000), **IOC)
    report = await venue.send(order)
    ours = order.client_order_id if known else None
    key = key_of(order, client_order_id=ours, venue_order_id=report.venue_order_id, sent_at=None)
    (trade,) = await venue.trades(key)
    assert trade.amount == AMOUNT


class TestFunding:
    async def test_what_was_paid_and_received_is_told_oldest_first(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        began = datetime.now(UTC) - timedelta(seconds=1)
        exchange.account.trade_elsewhere("BTCUSDT", "SELL", "0.5", "60000")
        exchange.account.marks["BTCUSDT"] = Decimal(60000)
        exchange.account.fund("BTCUSDT", "0.0001")
        exchange.account.fund("BTCUSDT", "-0.0002")
        received, paid = await venue.funding(began)
        assert (received.symbol, received.currency) == (BTC, "USDT")
        assert (received.amount, paid.amount) == (Decimal(3), Decimal(-6))
        assert received.payment_id != paid.payment_id
        assert began <= received.at <= paid.at

    async def test_it_is_all_told_however_much_there_was(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer, clock: Clock
    ) -> None:
        """A page holds a thousand; in some weeks there is none, or only what others did."""
        began = datetime.now(UTC) - timedelta(seconds=1)
        exchange.account.trade_elsewhere("BTCUSDT", "BUY", "0.001", "60000")
        for days in (0, 8, 9, 20):
            clock.ahead = timedelta(days=days)
            exchange.clock_offset = clock.ahead // timedelta(milliseconds=1)
            for _ in range(1001 if days == 8 else 1):
                exchange.account.fund("BTCUSDT", "0.0001")
        await venue.open()  # it asks for the time
        paid = await venue.funding(began)
        assert len({one.payment_id for one in paid}) == len(paid) == 1004
        assert paid == sorted(paid, key=lambda one: one.at)

    async def test_weeks_without_any_are_passed_over(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer, clock: Clock
    ) -> None:
        began = datetime.now(UTC)
        exchange.account.trade_elsewhere("BTCUSDT", "BUY", "0.5", "60000")
        clock.ahead = timedelta(days=20)
        exchange.clock_offset = clock.ahead // timedelta(milliseconds=1)
        await venue.open()  # it asks for the time
        assert await venue.funding(began) == []
        exchange.account.fund("BTCUSDT", "0.0001")
        (paid,) = await venue.funding(began)
        assert paid.amount < 0
        assert await venue.funding(paid.at + timedelta(milliseconds=1)) == []

    async def test_nothing_is_asked_from_before_the_list_begins(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        assert await venue.funding(datetime(2020, 1, 1, tzinfo=UTC)) == []
        asked = exchange.asked("GET v1/income")
        assert len(asked) == 13
        assert int(asked[0].params["startTime"]) > exchange.now() - 90 * 86_400_000

    async def test_an_account_of_spot_has_none(self) -> None:
        spot = ExchangeVenue("main", "binance", Mode.LIVE, api_key="", secret="", clock=Clock())
        for call in (spot.contracts(), spot.funding(datetime.now(UTC))):
            with pytest.raises(VenueUnavailable, match="binance has no contracts here"):
                await call
