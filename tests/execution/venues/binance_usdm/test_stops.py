"""Stops, targets and trailing stops at Binance USD-M: of a list of their own until their price is touched."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import OrderUnknown, OutcomeUnknown, VenueUnavailable
from execution.orders import ENDED
from execution.types import ZERO, OrderState, OrderType, Side
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import NewOrder, OrderKey, Report
from tests.doubles.binance import refusal
from tests.doubles.binance_usdm.algo import algo_shown
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.doubles.loopback import Fault
from tests.execution.venues.binance_usdm.setup import AMOUNT, BTC, an_order, key_of
from tests.execution.venues.stream_contract import hearing, told

ONE = "GET v1/algoOrder"
UNKNOWN = refusal(-2013, "Order does not exist.")


def a_stop(venue: ExchangeVenue, number: int = 1, **changes: Any) -> NewOrder:
    """A sell that waits under the market and then rests at a limit above it, unless changed."""
    terms: dict[str, Any] = {
        "side": Side.SELL,
        "type": OrderType.STOP_LIMIT,
        "stop_price": Decimal(59500),
        "price": Decimal(59600),
    }
    return an_order(venue, number, **(terms | changes))


def falls(exchange: BinanceUsdmServer) -> None:
    """The market falls through that stop, under its limit."""
    exchange.account.set_book("BTCUSDT", bid="59490", ask="59500")


async def sent(venue: ExchangeVenue, order: NewOrder) -> tuple[OrderKey, OrderKey]:
    """How it is found by our id, and by the exchange's."""
    report = await venue.send(order)
    return key_of(order), key_of(order, venue_order_id=report.venue_order_id)


async def both(venue: ExchangeVenue, ours: OrderKey, theirs: OrderKey) -> Report:
    """What a look by either id says."""
    found = await venue.find(ours)
    assert found is not None
    assert await venue.find(theirs) == found
    return found


def instead(exchange: BinanceUsdmServer, times: int = 1, **changes: Any) -> None:
    """The next look at the one algo order shows this of it."""
    (order,) = exchange.algos.accepted
    body = json.dumps(algo_shown(order) | changes)
    exchange.fail(ONE, Fault(kind="answer", body=body), times=times)


class TestBeforeItIsTouched:
    async def test_its_number_is_marked_as_one_of_that_list(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        ours, theirs = await sent(venue, a_stop(venue))
        (waiting,) = exchange.algos.accepted
        found = await both(venue, ours, theirs)
        assert found.venue_order_id == theirs.venue_order_id == f"algo-{waiting.id}"
        (asked,) = [one for one in exchange.asked(ONE) if "algoId" in one.params]
        assert asked.params["algoId"] == str(waiting.id)

    async def test_it_is_listed_with_what_rests_and_those_of_others_too(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        await venue.send(an_order(venue, 1))
        await venue.send(a_stop(venue, 2))
        asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_MARKET", "quantity": "0.01"}
        exchange.algos.place(
            asked | {"algoType": "CONDITIONAL", "triggerPrice": "61000", "clientAlgoId": "by-hand"}
        )
        listed = await venue.open_orders([])
        assert {one.client_order_id for one in listed} == {
            an_order(venue, 1).client_order_id,
            a_stop(venue, 2).client_order_id,
            "by-hand",
        }
        (by_hand,) = [one for one in listed if one.client_order_id == "by-hand"]
        assert (by_hand.symbol, by_hand.stop_price) == (BTC, Decimal(61000))

    @pytest.mark.parametrize("known", [True, False], ids=["by theirs", "by ours"])
    async def test_it_is_canceled_by_either_id(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer, known: bool
    ) -> None:
        keys = await sent(venue, a_stop(venue))
        await venue.cancel(keys[known])
        assert exchange.algos.open_orders() == []
        assert (await both(venue, *keys)).state is OrderState.CANCELED
        with pytest.raises(OrderUnknown):
            await venue.cancel(keys[known])

    async def test_one_that_only_its_lists_know_is_found(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        ours, theirs = await sent(venue, a_stop(venue))
        for key in (ours, theirs):
            exchange.fail(ONE, UNKNOWN)
            found = await venue.find(key)
            assert found is not None
            assert found.venue_order_id == theirs.venue_order_id
        await venue.cancel(theirs)
        exchange.fail(ONE, UNKNOWN)
        found = await venue.find(theirs)
        assert found is not None
        assert found.state is OrderState.CANCELED

    @pytest.mark.parametrize("list_of", ["openAlgoOrders", "allAlgoOrders"])
    async def test_a_list_that_is_not_answered_is_not_an_empty_one(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer, list_of: str
    ) -> None:
        exchange.fail(f"GET v1/{list_of}", Fault(kind="answer", status=502, body="<html>"))
        with pytest.raises(VenueUnavailable):
            await venue.find(key_of(a_stop(venue)))

    async def test_an_id_that_is_taken_is_no_definite_no(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        await venue.send(a_stop(venue))
        with pytest.raises(OutcomeUnknown):
            await venue.send(a_stop(venue))
        assert len(exchange.algos.accepted) == 1

    async def test_the_answer_about_another_one_is_no_answer(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        _, theirs = await sent(venue, a_stop(venue))
        instead(exchange, clientAlgoId="another")
        with pytest.raises(VenueUnavailable, match="another order"):
            await venue.find(theirs)

    async def test_what_happens_to_it_is_told(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        order = a_stop(venue)
        async with hearing(venue.order_news()) as heard:
            _, theirs = await sent(venue, order)
            key = await told(heard, order.client_order_id)
            assert (key.venue_order_id, key.symbol) == (theirs.venue_order_id, BTC)


class TestOnceItIsTouched:
    async def test_it_is_the_order_that_it_became(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        order = a_stop(venue)
        keys = await sent(venue, order)
        falls(exchange)
        (became,) = exchange.account.accepted
        resting = await both(venue, *keys)
        assert (resting.venue_order_id, resting.state) == (str(became.id), OrderState.WORKING)
        assert [one.venue_order_id for one in await venue.open_orders([])] == [str(became.id)]

        exchange.account.fill(order.client_order_id, "0.004")
        for key in keys:
            (trade,) = await venue.trades(key)
            assert (trade.venue_order_id, trade.amount) == (str(became.id), Decimal("0.004"))

    async def test_it_is_told_once_though_both_lists_have_it(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        await venue.send(a_stop(venue))
        falls(exchange)
        body = json.dumps([algo_shown(one) for one in exchange.algos.accepted])
        exchange.fail("GET v1/openAlgoOrders", Fault(kind="answer", body=body))
        (became,) = exchange.account.accepted
        assert [one.venue_order_id for one in await venue.open_orders([])] == [str(became.id)]

    @pytest.mark.parametrize("known", [True, False], ids=["by theirs", "by ours"])
    async def test_its_rest_is_canceled_by_either_id(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer, known: bool
    ) -> None:
        order = a_stop(venue)
        keys = await sent(venue, order)
        falls(exchange)
        exchange.account.fill(order.client_order_id, "0.004")
        await venue.cancel(keys[known])
        ended = await both(venue, *keys)
        assert (ended.state, ended.filled) == (OrderState.CANCELED, Decimal("0.004"))
        with pytest.raises(OrderUnknown):
            await venue.cancel(keys[known])

    async def test_one_that_bears_another_client_id_is_ours_all_the_same(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        """No document says that it bears ours."""
        order = a_stop(venue)
        keys = await sent(venue, order)
        falls(exchange)
        exchange.account.fill(order.client_order_id, "0.01")
        (became,) = exchange.account.accepted
        became.client_id = "of its own"
        found = await both(venue, *keys)
        assert (found.client_order_id, found.state) == (order.client_order_id, OrderState.FILLED)
        (trade,) = await venue.trades(keys[0])
        assert trade.amount == AMOUNT

    async def test_one_that_bears_another_client_id_stays_ours_by_the_number_it_has_by_then(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        """The answer to it was lost, and the first look came after its trigger."""
        order = a_stop(venue)
        await venue.send(order)
        falls(exchange)
        (became,) = exchange.account.accepted
        became.client_id = "of its own"
        found = await venue.find(key_of(order))
        assert found is not None
        known = key_of(order, venue_order_id=found.venue_order_id)
        assert await venue.find(known) == found
        await venue.cancel(known)
        ended = await venue.find(known)
        assert ended is not None
        assert (ended.client_order_id, ended.state) == (order.client_order_id, OrderState.CANCELED)

    async def test_one_that_is_refused_then_is_told_as_rejected(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        keys = await sent(venue, a_stop(venue, reduce_only=True))
        falls(exchange)
        ended = await both(venue, *keys)
        assert (ended.state, ended.filled) == (OrderState.REJECTED, ZERO)
        assert await venue.trades(keys[1]) == []

    async def test_one_on_its_way_into_the_book_is_working(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        _, theirs = await sent(venue, a_stop(venue))
        instead(exchange, algoStatus="TRIGGERING")
        found = await venue.find(theirs)
        assert found is not None
        assert (found.state, found.venue_order_id) == (OrderState.WORKING, theirs.venue_order_id)

    @pytest.mark.parametrize("status", ["TRIGGERED", "FINISHED"])
    @pytest.mark.parametrize("became", ["", "4711"], ids=["not told", "not known"])
    async def test_what_it_became_is_never_guessed(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer, status: str, became: str
    ) -> None:
        _, theirs = await sent(venue, a_stop(venue))
        instead(exchange, algoStatus=status, actualOrderId=became)
        with pytest.raises(VenueUnavailable):
            await venue.find(theirs)


class TestWhatItBecameIsNotKnown:
    """It ended at the trigger, or Binance forgot it since: three days after it was made."""

    @pytest.mark.parametrize("status", ["REJECTED", "EXPIRED", "CANCELED", "FINISHED"])
    async def test_it_ended_with_nothing_once_that_is_certain(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer, status: str
    ) -> None:
        _, theirs = await sent(venue, a_stop(venue))
        long_ago = exchange.now() - 60_000
        instead(exchange, algoStatus=status, actualOrderId="4711", updateTime=long_ago)
        found = await venue.find(theirs)
        assert found is not None
        assert found.state in ENDED
        assert found.filled == 0

    async def test_right_after_it_ended_nothing_is_concluded(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        """The order may show a little later."""
        _, theirs = await sent(venue, a_stop(venue))
        just_now = exchange.now() - 1_000
        instead(exchange, algoStatus="FINISHED", actualOrderId="4711", updateTime=just_now)
        with pytest.raises(VenueUnavailable, match="does not show what this order became"):
            await venue.find(theirs)

    @pytest.mark.parametrize(
        "said",
        [
            refusal(-20124, "Invalid algo id or it has been completed."),
            refusal(-4000, "It is not said why."),
            Fault(kind="answer", status=502, body="<html>"),
        ],
        ids=["gone", "another no", "no answer"],
    )
    async def test_a_cancel_of_what_has_become_another_goes_on_to_that_whatever_was_answered(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer, said: Fault
    ) -> None:
        _, theirs = await sent(venue, a_stop(venue))
        falls(exchange)
        exchange.fail("DELETE v1/algoOrder", said)
        await venue.cancel(theirs)
        assert exchange.asked("DELETE v1/order")
        (became,) = exchange.account.accepted
        assert became.status == "CANCELED"


class TestCancelling:
    async def test_what_was_canceled_is_not_looked_up(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        _, theirs = await sent(venue, a_stop(venue))
        before = len(exchange.requests)
        await venue.cancel(theirs)
        (asked,) = exchange.requests[before:]
        assert (asked.method, asked.path) == ("DELETE", "v1/algoOrder")

    async def test_a_no_to_one_that_waits_still_is_told_and_not_asked_twice(
        self, venue: ExchangeVenue, exchange: BinanceUsdmServer
    ) -> None:
        _, theirs = await sent(venue, a_stop(venue))
        exchange.fail("DELETE v1/algoOrder", refusal(-4000, "It is not said why."))
        with pytest.raises(VenueUnavailable, match="not said why"):
            await venue.cancel(theirs)
        assert len(exchange.asked("DELETE v1/algoOrder")) == 1
