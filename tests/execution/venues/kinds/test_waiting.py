"""An order that waits for its stop: it is listed, looked up, canceled and filled like every other."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from execution.errors import OrderUnknown, OutcomeUnknown, VenueRefused
from execution.kinds import TRIGGERED
from execution.types import ZERO, OrderState, OrderType
from execution.venues.venue import NewOrder, Report
from tests.doubles.binance_account import shown
from tests.doubles.loopback import Fault
from tests.execution.venues.exchange.setup import key_of
from tests.execution.venues.kinds.setup import ORDERS, Exchange

WAITING = [
    (at, kind)
    for kind, terms in ORDERS.items()
    for at in ("binance", "kraken", "coinbase", "binanceusdm", "krakenfutures")
    if terms.get("type") in TRIGGERED
    and (at != "coinbase" or terms["type"] is OrderType.STOP_LIMIT)
    and ("GTD" not in kind or at == "coinbase")
    and ("500" not in kind or at in ("kraken", "krakenfutures"))
]
"""Every order that waits, where it is taken."""
each = pytest.mark.parametrize(("at", "kind"), WAITING, indirect=["at"])
AWAY, TOUCHED = {"SELL": 59500, "BUY": 60500}, {"SELL": 58950, "BUY": 61050}
"""Prices that do not touch the stops of these orders, and such that do, within their limits."""


async def sent(at: Exchange, kind: str) -> tuple[NewOrder, Report]:
    order = at.order(kind)
    return order, await at.venue.send(order)


async def found(at: Exchange, order: NewOrder, report: Report) -> Report:
    """What a look by our id says, and one by the exchange's says the same."""
    ours = await at.venue.find(key_of(order))
    theirs = await at.venue.find(key_of(order, venue_order_id=report.venue_order_id))
    assert ours is not None
    assert ours == theirs
    return ours


def price_that(prices: dict[str, int], order: NewOrder) -> int:
    """A sell's target and a buy's stop lie above the market, the others under it."""
    falls = "TAKE_PROFIT" in order.type.name
    return prices["BUY" if (order.side.name == "BUY") != falls else "SELL"]


@each
class TestWaiting:
    async def test_it_stands_in_the_lists_with_its_stop_price(
        self, at: Exchange, kind: str
    ) -> None:
        order, report = await sent(at, kind)
        stop = order.stop_price if order.trail is None else None
        assert (report.state, report.filled) == (OrderState.WORKING, ZERO)
        assert (report.price, report.stop_price) == (order.price, stop)
        shown_now = await found(at, order, report)
        assert shown_now.client_order_id == order.client_order_id
        assert (shown_now.state, shown_now.amount) == (OrderState.WORKING, order.amount)
        assert shown_now.price == order.price
        if order.trail is None:
            assert shown_now.stop_price == order.stop_price
        (listed,) = await at.venue.open_orders([at.symbol])
        assert listed == shown_now

    async def test_nothing_is_traded_before_its_stop_is_touched(
        self, at: Exchange, kind: str
    ) -> None:
        order, report = await sent(at, kind)
        at.move(price_that(AWAY, order))
        assert (await found(at, order, report)).state is OrderState.WORKING
        assert await at.venue.trades(key_of(order)) == []

    async def test_it_is_found_when_it_fires_and_its_trades_add_up(
        self, at: Exchange, kind: str
    ) -> None:
        order, report = await sent(at, kind)
        at.move(price_that(TOUCHED, order))
        fired = await found(at, order, report)
        assert (fired.state, fired.filled) == (OrderState.FILLED, order.amount)
        if at.name != "binanceusdm":  # there it becomes another
            assert fired.venue_order_id == report.venue_order_id
        if at.name != "krakenfutures" or order.price is not None:  # there it gets one from Kraken
            assert fired.price == order.price, "what takes the market has no price, only an average"
        assert fired.average is not None
        trades = await at.venue.trades(key_of(order))
        assert sum(trade.amount for trade in trades) == order.amount
        assert {trade.venue_order_id for trade in trades} == {fired.venue_order_id}
        by_theirs = key_of(order, venue_order_id=report.venue_order_id)
        assert await at.venue.trades(by_theirs) == trades
        assert await at.venue.open_orders([at.symbol]) == []

    async def test_it_is_canceled_and_then_gone(self, at: Exchange, kind: str) -> None:
        order, report = await sent(at, kind)
        await at.venue.cancel(key_of(order))
        assert (await found(at, order, report)).state is OrderState.CANCELED
        at.move(price_that(TOUCHED, order))
        assert await at.venue.trades(key_of(order)) == []
        with pytest.raises(OrderUnknown):
            await at.venue.cancel(key_of(order))

    async def test_one_whose_answer_was_lost_is_in_doubt_and_found(
        self, at: Exchange, kind: str
    ) -> None:
        order = at.order(kind)
        at.fail_waiting(Fault(kind="drop", process=True))
        with pytest.raises(OutcomeUnknown):
            await at.venue.send(order)
        seen = await at.venue.find(key_of(order))
        assert seen is not None
        assert (seen.client_order_id, seen.state) == (order.client_order_id, OrderState.WORKING)

    async def test_another_order_of_this_kind_is_not_taken_for_it(
        self, at: Exchange, kind: str
    ) -> None:
        await sent(at, kind)
        assert await at.venue.find(key_of(at.order(kind))) is None


@pytest.mark.parametrize(
    ("at", "kind", "told"),
    [
        ("binance", "stop, sell", "the market is past the stop price already"),
        ("binance", "stop, buy", "the market is past the stop price already"),
        ("binance", "stop-limit, sell", "the market is past the stop price already"),
        ("binance", "take-profit, sell", "the market is past the stop price already"),
        ("binanceusdm", "stop, sell", "the market is past the stop price already"),
        ("binanceusdm", "take-profit, sell", "the market is past the stop price already"),
        ("kraken", "stop, sell", "EOrder:Invalid price"),
        ("coinbase", "stop-limit, sell", "the market is past the stop price already"),
        ("coinbase", "stop-limit, buy", "the market is past the stop price already"),
    ],
    indirect=["at"],
)
async def test_a_stop_that_the_market_is_past_is_a_definite_no(
    at: Exchange, kind: str, told: str
) -> None:
    order = at.order(kind)
    at.move(price_that(TOUCHED, order))
    with pytest.raises(VenueRefused, match=told):
        await at.venue.send(order)
    assert len(at.sent()) == 1
    assert at.taken() == []


@pytest.mark.parametrize("at", ["binance"], indirect=True)
class TestBinance:
    async def test_its_short_answer_says_enough_when_it_names_our_id(self, at: Exchange) -> None:
        """The exchange answers a stop with ids alone, unless it is asked for more."""
        order = at.order("stop-limit, sell")
        ids = {"symbol": "BTCUSDT", "orderId": 28, "clientOrderId": order.client_order_id}
        at.fail_waiting(Fault(kind="answer", body=json.dumps(ids)))
        report = await at.venue.send(order)
        assert (report.venue_order_id, report.state) == ("28", OrderState.WORKING)
        assert (report.price, report.stop_price) == (order.price, order.stop_price)

    @pytest.mark.parametrize("changes", [{"clientOrderId": "another"}, {"orderId": None}])
    async def test_a_short_answer_about_something_else_proves_nothing(
        self, at: Exchange, changes: dict[str, str | None]
    ) -> None:
        order = at.order("stop, sell")
        ids = {"symbol": "BTCUSDT", "orderId": 28, "clientOrderId": order.client_order_id}
        at.fail_waiting(Fault(kind="answer", body=json.dumps(ids | changes)))
        with pytest.raises(OutcomeUnknown):
            await at.venue.send(order)

    async def test_too_many_stops_in_one_market_are_told_as_that(self, at: Exchange) -> None:
        for _ in range(5):
            await at.venue.send(at.order("stop, sell"))
        with pytest.raises(VenueRefused, match="too many stops and targets rest in this market"):
            await at.venue.send(at.order("stop, sell"))

    @pytest.mark.parametrize(
        ("status", "state"),
        [("EXPIRED", OrderState.EXPIRED), ("REJECTED", OrderState.REJECTED)],
    )
    async def test_one_that_ended_without_a_trade_is_told_as_it_ended(
        self, at: Exchange, status: str, state: OrderState
    ) -> None:
        order, _ = await sent(at, "stop, sell")
        row = shown(at.server.account.accepted[0]) | {"status": status}
        at.server.fail("GET order", Fault(kind="answer", body=json.dumps(row)))
        seen = await at.venue.find(key_of(order))
        assert seen is not None
        assert (seen.state, seen.filled) == (state, ZERO)

    async def test_what_a_thin_book_does_not_fill_of_a_fired_stop_is_expired(
        self, at: Exchange
    ) -> None:
        order, report = await sent(at, "stop, sell")
        at.move(58950, bid_amount="0.0004")
        fired = await found(at, order, report)
        assert (fired.state, fired.filled) == (OrderState.EXPIRED, Decimal("0.0004"))
        assert (fired.price, fired.average) == (None, Decimal(58945))


@pytest.mark.parametrize("at", ["kraken"], indirect=True)
class TestKraken:
    @pytest.mark.parametrize(
        "said",
        [
            "sell 0.00100000 XBTUSD @ stop loss 58000.0",
            "sell 0.00100000 XBTUSD @ stop loss 59000.0 -> limit 58900.0",
            "sell 0.00200000 XBTUSD @ stop loss 59000.0",
            "buy 0.00100000 XBTUSD @ stop loss 59000.0",
            "sell 0.00100000 XBTUSD @ limit 59000.0",
        ],
    )
    async def test_an_answer_with_other_terms_proves_nothing(self, at: Exchange, said: str) -> None:
        """Kraken's answer tells no id of ours, but what it took."""
        result = {"descr": {"order": said}, "txid": ["OAAAAA-BBBBB-CCCCCC"]}
        body = json.dumps({"error": [], "result": result})
        at.fail_waiting(Fault(kind="answer", body=body))
        with pytest.raises(OutcomeUnknown, match="does not show this order"):
            await at.venue.send(at.order("stop, sell"))

    @pytest.mark.parametrize("by", ["1 %", "500"])
    async def test_a_trailing_stop_is_shown_where_it_is_by_now(self, at: Exchange, by: str) -> None:
        """ccxt takes its distance, or its first stop, for the limit of an order that has none."""
        order, report = await sent(at, f"trailing stop by {by}, sell")
        for price, gap in ((62000, {"1 %": 620, "500": 500}), (61800, {"1 %": 620, "500": 500})):
            at.move(price)
            seen = await found(at, order, report)
            assert (seen.price, seen.stop_price) == (None, 62000 - gap[by])

    async def test_somebody_elses_trailing_stop_with_a_limit_is_read_with_it(
        self, at: Exchange
    ) -> None:
        await sent(at, "trailing stop by 500, sell")
        row = at.server.account.shown(at.server.account.accepted[0])
        row["descr"] |= {"ordertype": "trailing-stop-limit", "price2": "-100.0"}
        row |= {"limitprice": "59395.00000"}
        listed = {"error": [], "result": {"open": {"OAAAAA-BBBBB-CCCCCC": row}}}
        at.server.fail("POST private/OpenOrders", Fault(kind="answer", body=json.dumps(listed)))
        (seen,) = await at.venue.open_orders([])
        assert (seen.price, seen.stop_price) == (Decimal(59395), Decimal(59495))


@pytest.mark.parametrize(
    ("at", "kind"),
    [
        ("kraken", "limit GTD"),
        ("coinbase", "limit GTD"),
        ("coinbase", "stop-limit GTD, sell"),
        ("binanceusdm", "limit GTD"),
    ],
    indirect=["at"],
)
async def test_a_good_till_date_order_ends_at_its_date(at: Exchange, kind: str) -> None:
    order, report = await sent(at, kind)
    assert (await found(at, order, report)).state is OrderState.WORKING
    assert order.good_till is not None
    (taken,) = at.server.account.accepted
    assert taken.ends == order.good_till.timestamp() * 1000
    taken.ends -= timedelta(days=2) // timedelta(milliseconds=1)
    ended = await found(at, order, report)
    assert (ended.state, ended.filled) == (OrderState.EXPIRED, ZERO)
