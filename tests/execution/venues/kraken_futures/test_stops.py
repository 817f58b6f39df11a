"""Stops, targets and trailing stops at Kraken Futures: listed with all others, and of one number for good."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import OrderUnknown, OutcomeUnknown, VenueUnavailable
from execution.types import OrderState, OrderType, Side, Trail
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import NewOrder, OrderKey, Report
from tests.doubles.kraken_futures.server import KrakenFuturesServer
from tests.doubles.loopback import Fault
from tests.execution.venues.exchange.setup import Clock
from tests.execution.venues.kraken_futures.setup import AMOUNT, BTC, an_order, key_of

STOP = {"side": Side.SELL, "type": OrderType.STOP_LIMIT, "stop_price": Decimal(59500)}
COMMON = {"symbol": "PF_XBTUSD", "side": "sell", "size": "0.01", "triggerSignal": "last"}


def a_stop(venue: ExchangeVenue, number: int = 1, **changes: Any) -> NewOrder:
    """A sell that waits under the market and then rests at a limit above it, unless changed."""
    return an_order(venue, number, **(STOP | {"price": Decimal(59600)} | changes))


def falls(exchange: KrakenFuturesServer) -> None:
    """The market falls through that stop, under its limit."""
    exchange.account.set_book("PF_XBTUSD", bid="59490", ask="59500")


def asked(exchange: KrakenFuturesServer) -> Mapping[str, str]:
    """What the last order was sent with, but for its id and its deadline."""
    told = dict(exchange.asked("POST sendorder")[-1].params)
    assert told.pop("cliOrdId")
    assert told.pop("processBefore").endswith("Z")
    return told


async def both(venue: ExchangeVenue, order: NewOrder, report: Report) -> Report:
    """What a look by either id says."""
    found = await venue.find(key_of(order))
    assert found is not None
    assert await venue.find(key_of(order, venue_order_id=report.venue_order_id)) == found
    return found


class TestWhatIsSent:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({}, {"orderType": "stp", "limitPrice": "59600", "stopPrice": "59500"}),
            (
                {"type": OrderType.STOP, "price": None},
                {"orderType": "stp", "stopPrice": "59500"},
            ),
            (
                {"type": OrderType.TAKE_PROFIT, "price": None, "stop_price": Decimal(61000)},
                {"orderType": "take_profit", "stopPrice": "61000"},
            ),
            (
                {"type": OrderType.TAKE_PROFIT_LIMIT, "stop_price": Decimal(61000)},
                {"orderType": "take_profit", "limitPrice": "59600", "stopPrice": "61000"},
            ),
            (
                {
                    "type": OrderType.TRAILING_STOP,
                    "price": None,
                    "stop_price": None,
                    "trail": Trail(value=Decimal("0.015"), is_share=True),
                },
                {
                    "orderType": "trailing_stop",
                    "trailingStopMaxDeviation": "1.5",
                    "trailingStopDeviationUnit": "PERCENT",
                },
            ),
            (
                {
                    "type": OrderType.TRAILING_STOP,
                    "price": None,
                    "stop_price": None,
                    "trail": Trail(value=Decimal(500), is_share=False),
                },
                {
                    "orderType": "trailing_stop",
                    "trailingStopMaxDeviation": "500",
                    "trailingStopDeviationUnit": "QUOTE_CURRENCY",
                },
            ),
        ],
        ids=["stop-limit", "stop", "take-profit", "take-profit-limit", "by a share", "by 500"],
    )
    @pytest.mark.parametrize("reduces", [True, False])
    async def test_it_only_reduces_if_it_is_told_to(
        self,
        venue: ExchangeVenue,
        exchange: KrakenFuturesServer,
        changes: dict[str, Any],
        told: dict[str, str],
        reduces: bool,
    ) -> None:
        """ccxt would let each stop and each target only reduce: none could open a position."""
        await venue.send(a_stop(venue, reduce_only=reduces, **changes))
        only = {"reduceOnly": "true"} if reduces else {}
        assert asked(exchange) == COMMON | told | only


class TestBeforeItIsTouched:
    async def test_it_is_found_by_either_id_and_listed_with_what_rests(
        self, venue: ExchangeVenue
    ) -> None:
        await venue.send(an_order(venue, 1))
        order = a_stop(venue, 2)
        found = await both(venue, order, await venue.send(order))
        assert (found.state, found.amount, found.filled) == (OrderState.WORKING, AMOUNT, 0)
        assert (found.price, found.stop_price) == (Decimal(59600), Decimal(59500))
        listed = await venue.open_orders([])
        assert {one.client_order_id for one in listed} == {
            an_order(venue, 1).client_order_id,
            order.client_order_id,
        }
        (shown,) = [one for one in listed if one.client_order_id == order.client_order_id]
        assert (shown.amount, shown.stop_price) == (found.amount, found.stop_price)

    @pytest.mark.parametrize("known", [True, False], ids=["by theirs", "by ours"])
    async def test_it_is_canceled_by_either_id(self, venue: ExchangeVenue, known: bool) -> None:
        order = a_stop(venue)
        report = await venue.send(order)
        key = key_of(order, venue_order_id=report.venue_order_id if known else None)
        await venue.cancel(key)
        assert (await both(venue, order, report)).state is OrderState.CANCELED
        with pytest.raises(OrderUnknown):
            await venue.cancel(key)

    async def test_one_that_only_history_knows_is_found(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        order = a_stop(venue)
        report = await venue.send(order)
        exchange.blind.update({"orders/status", "openorders"})
        assert (await both(venue, order, report)).state is OrderState.WORKING
        await venue.cancel(key_of(order))
        assert (await both(venue, order, report)).state is OrderState.CANCELED

    async def test_an_id_that_is_taken_is_no_definite_no(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        await venue.send(a_stop(venue))
        with pytest.raises(OutcomeUnknown):
            await venue.send(a_stop(venue))
        assert len(exchange.triggers.accepted) == 1

    async def test_a_list_that_is_not_answered_is_not_an_empty_one(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        fault = Fault(kind="answer", status=502, body="<html>")
        exchange.fail("GET /api/history/v3/triggers", fault)
        with pytest.raises(VenueUnavailable):
            await venue.find(key_of(a_stop(venue)))


@pytest.mark.parametrize("keeps", [True, False], ids=["our id stays", "our id is gone"])
class TestOnceItIsTouched:
    @pytest.fixture(autouse=True)
    def chosen(self, exchange: KrakenFuturesServer, keeps: bool) -> None:
        exchange.triggers.keeps_client_id = keeps

    async def test_it_is_the_order_of_its_number(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        order = a_stop(venue)
        theirs = key_of(order, venue_order_id=(await venue.send(order)).venue_order_id)
        falls(exchange)
        assert await _state(venue, theirs) == (OrderState.WORKING, 0)
        exchange.account.set_book("PF_XBTUSD", bid="59600", ask="59610")
        assert await _state(venue, theirs) == (OrderState.FILLED, AMOUNT)
        trades = await venue.trades(theirs)
        assert [one.amount for one in trades] == [AMOUNT]
        assert {one.venue_order_id for one in trades} == {theirs.venue_order_id}

    async def test_it_is_found_by_our_id_alone(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """Its acknowledgement was lost, and it fired before anybody looked."""
        order = a_stop(venue, type=OrderType.STOP, price=None)
        exchange.fail("POST sendorder", Fault(kind="drop", process=True))
        with pytest.raises(OutcomeUnknown):
            await venue.send(order)
        falls(exchange)
        found = await venue.find(key_of(order))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.FILLED, AMOUNT)
        (trade,) = await venue.trades(key_of(order, venue_order_id=found.venue_order_id))
        assert (trade.amount, trade.price) == (AMOUNT, Decimal(59490))

    async def test_one_that_is_refused_as_it_fires_has_ended(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """There is no position that it could reduce."""
        order = a_stop(venue, reduce_only=True)
        theirs = key_of(order, venue_order_id=(await venue.send(order)).venue_order_id)
        falls(exchange)
        assert await _state(venue, theirs) == (OrderState.REJECTED, 0)


class TestOneThatFiredAndOfWhichNoOrderIsTold:
    """Of one that is refused as it fires no document says that history tells it."""

    @pytest.fixture
    async def fired(self, venue: ExchangeVenue, exchange: KrakenFuturesServer) -> OrderKey:
        order = a_stop(venue, reduce_only=True)
        report = await venue.send(order)
        falls(exchange)
        exchange.blind.update({"orders/status", "orders"})
        return key_of(order, venue_order_id=report.venue_order_id)

    async def test_for_a_minute_it_stays_as_it_was_and_has_ended_then(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock, fired: OrderKey
    ) -> None:
        assert await _state(venue, fired) == (OrderState.WORKING, 0)
        await a_minute_passes(venue, exchange, clock)
        assert await _state(venue, fired) == (OrderState.REJECTED, 0)
        assert await _state(venue, fired) == (OrderState.REJECTED, 0)

    async def test_one_that_fired_long_ago_is_not_over_because_it_is_missed_once(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock, fired: OrderKey
    ) -> None:
        """It may have rested since, and history may not tell its end yet."""
        await a_minute_passes(venue, exchange, clock)
        assert await _state(venue, fired) == (OrderState.WORKING, 0)

    async def test_one_that_is_shown_again_is_what_it_is_shown_as(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, fired: OrderKey
    ) -> None:
        exchange.blind.remove("orders/status")
        assert await _state(venue, fired.evolve(venue_order_id=None)) == (OrderState.REJECTED, 0)

    async def test_one_that_is_shown_by_its_number_alone_is_found_by_our_id(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """It does not bear our id any more."""
        exchange.triggers.keeps_client_id = False
        order = a_stop(venue)
        report = await venue.send(order)
        falls(exchange)
        exchange.blind.add("orders")
        found = await venue.find(key_of(order))
        assert found is not None
        assert found.venue_order_id == report.venue_order_id
        assert found.state is OrderState.WORKING

    async def test_one_that_traded_is_told_with_what_it_traded(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock
    ) -> None:
        """However much the account has traded since: `fills` tells the newest hundred."""
        order = a_stop(venue, type=OrderType.STOP, price=None)
        report = await venue.send(order)
        falls(exchange)
        exchange.blind.update({"orders/status", "orders", "fills"})
        key = key_of(order, venue_order_id=report.venue_order_id)
        assert await _state(venue, key) == (OrderState.WORKING, 0)
        await a_minute_passes(venue, exchange, clock)
        assert await _state(venue, key) == (OrderState.FILLED, AMOUNT)

    async def test_another_order_in_the_market_is_looked_up_all_the_same(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock, fired: OrderKey
    ) -> None:
        order = an_order(venue, 2)
        exchange.blind.clear()
        report = await venue.send(order)
        await venue.cancel(key_of(order))
        exchange.clock_offset += 6000
        clock.ahead += timedelta(seconds=6)
        hide_orders_of(exchange, fired.venue_order_id)
        key = key_of(order, venue_order_id=report.venue_order_id)
        assert await _state(venue, key) == (OrderState.CANCELED, 0)


class TestOneThatHistoryLeavesOpen:
    """How late it tells an end nobody says, and an end it may never tell."""

    async def test_it_stays_as_it_was_until_its_end_is_told(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock
    ) -> None:
        """It had rested for longer than a minute."""
        order = an_order(venue)
        key = key_of(order, venue_order_id=(await venue.send(order)).venue_order_id)
        await a_minute_passes(venue, exchange, clock)
        exchange.account.fill(order.client_order_id, str(AMOUNT))
        exchange.clock_offset += 6000
        clock.ahead += timedelta(seconds=6)
        exchange.endpoints.history.late = 10_000
        assert await _state(venue, key) == (OrderState.WORKING, 0)
        exchange.endpoints.history.late = 0
        assert await _state(venue, key) == (OrderState.FILLED, AMOUNT)

    async def test_one_that_nothing_shows_for_a_minute_has_ended(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock
    ) -> None:
        order = an_order(venue)
        key = key_of(order, venue_order_id=(await venue.send(order)).venue_order_id)
        exchange.account.fill(order.client_order_id, "0.004")
        await venue.cancel(key)
        del exchange.endpoints.history.events["orders"][1:]
        exchange.blind.update({"orders/status", "openorders"})
        assert await _state(venue, key) == (OrderState.WORKING, 0)
        await a_minute_passes(venue, exchange, clock)
        assert await _state(venue, key) == (OrderState.CANCELED, Decimal("0.004"))

    async def test_one_that_was_seen_open_meanwhile_has_not(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock
    ) -> None:
        order = an_order(venue)
        key = key_of(order, venue_order_id=(await venue.send(order)).venue_order_id)
        blind = {"orders/status", "openorders"}
        exchange.blind.update(blind)
        assert await _state(venue, key) == (OrderState.WORKING, 0)
        await a_minute_passes(venue, exchange, clock)
        exchange.blind.clear()
        assert len(await venue.open_orders([])) == 1
        exchange.blind.update(blind)
        assert await _state(venue, key) == (OrderState.WORKING, 0)

    async def test_one_that_may_not_rest_is_over_whatever_happened_to_it_last(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """What a stop without a limit becomes; of its rest no event says that it was canceled."""
        order = a_stop(venue, type=OrderType.STOP, price=None)
        key = key_of(order, venue_order_id=(await venue.send(order)).venue_order_id)
        falls(exchange)
        (at, symbol, element), *_ = exchange.endpoints.history.events["orders"]
        left = element["event"]["OrderPlaced"]["order"] | {"quantity": "0.006", "filled": "0.004"}
        updated = {"oldOrder": left, "newOrder": left, "reason": "partial_fill"}
        element = element | {"event": {"OrderUpdated": updated}}
        exchange.endpoints.history.events["orders"] = [(at, symbol, element)]
        exchange.blind.add("orders/status")
        assert await _state(venue, key) == (OrderState.CANCELED, Decimal("0.004"))


def hide_orders_of(exchange: KrakenFuturesServer, number: str | None) -> None:
    """Let history tell no order of this number."""
    rows = exchange.endpoints.history.events["orders"]
    (hidden,) = [row for row in rows if number in json.dumps(row[2])]
    rows.remove(hidden)


async def a_minute_passes(
    venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock
) -> None:
    clock.ahead += timedelta(seconds=61)
    exchange.clock_offset += 61_000
    await venue.open()  # it asks for the time


async def _state(venue: ExchangeVenue, key: OrderKey) -> tuple[OrderState, Decimal]:
    found = await venue.find(key)
    assert found is not None
    assert found.symbol == BTC
    return found.state, found.filled
