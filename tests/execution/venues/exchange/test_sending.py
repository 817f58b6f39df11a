"""An order is sent exactly, once, and only a clear no counts as one."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import (
    NotSent,
    OutcomeUnknown,
    VenueError,
    VenueRefused,
)
from execution.types import OrderState, OrderType, TimeInForce
from execution.venues.exchange import ExchangeVenue
from tests.doubles.binance import BinanceServer, refusal
from tests.doubles.binance_account import shown
from tests.doubles.loopback import Fault
from tests.execution.venues.exchange.setup import HTML, an_order, venue_at


class TestSending:
    async def test_exact_decimals_reach_the_wire(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        order = an_order(venue, amount=Decimal("0.10003"), price=Decimal("59999.10"))
        await venue.send(order)
        params = exchange.asked("POST order")[0].params
        assert (params["quantity"], params["price"]) == ("0.10003", "59999.1")
        assert params["newClientOrderId"] == order.client_order_id
        assert (params["timeInForce"], params["recvWindow"]) == ("GTC", "5000")

    @pytest.mark.parametrize(
        "changes",
        [
            {"amount": Decimal("0.001001000000000001")},
            {"amount": Decimal("0.000000001")},
            {"price": Decimal("50000.005")},
            {"type": OrderType.MARKET},
            {"symbol": "NO/SUCH"},
        ],
    )
    async def test_terms_that_would_be_changed_on_the_way_are_refused_unsent(
        self, venue: ExchangeVenue, exchange: BinanceServer, changes: dict[str, Any]
    ) -> None:
        with pytest.raises(VenueRefused):
            await venue.send(an_order(venue, **changes))
        assert exchange.asked("POST order") == []

    async def test_the_rest_of_an_immediate_order_is_reported_expired(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.account.set_book("BTCUSDT", bid="59990", ask="60000", ask_amount="0.0004")
        order = an_order(venue, price=Decimal("60000"), time_in_force=TimeInForce.IOC)
        report = await venue.send(order)
        assert (report.state, report.filled) == (OrderState.EXPIRED, Decimal("0.0004"))
        assert report.average == Decimal(60000)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"amount": Decimal("5")}, "Account has insufficient balance for requested action."),
            ({"amount": Decimal("0.00001")}, "Filter failure: NOTIONAL (-1013)"),
            ({"price": Decimal("2000000")}, "Filter failure: PRICE_FILTER (-1013)"),
            ({"price": Decimal("60000"), "post_only": True}, "Order would immediately match"),
        ],
    )
    async def test_a_refusal_says_why_in_the_exchanges_words(
        self, venue: ExchangeVenue, changes: dict[str, Any], told: str
    ) -> None:
        with pytest.raises(VenueRefused) as refused:
            await venue.send(an_order(venue, **changes))
        assert told in str(refused.value)
        assert "{" not in str(refused.value)

    @pytest.mark.parametrize(
        ("fault", "outcome"),
        [
            (Fault(kind="drop"), OutcomeUnknown),
            (Fault(kind="drop", process=True), OutcomeUnknown),
            (Fault(kind="truncate", process=True), OutcomeUnknown),
            (Fault(kind="answer", process=True), OutcomeUnknown),
            (Fault(kind="answer", process=True, body="{}"), OutcomeUnknown),
            (Fault(kind="answer", process=True, body="[]"), OutcomeUnknown),
            (HTML, OutcomeUnknown),
            (Fault(kind="answer", process=True, status=502, body="<html>"), OutcomeUnknown),
            (Fault(kind="answer", status=400, body="Bad Request"), OutcomeUnknown),
            (Fault(kind="answer", status=401, body="<html>"), OutcomeUnknown),
            (refusal(-1, "Unknown error, please check", status=503), OutcomeUnknown),
            (refusal(-1000, "An unknown error occurred.", process=True), OutcomeUnknown),
            (refusal(-1006, "An unexpected response was received."), OutcomeUnknown),
            (refusal(-1007, "Timeout waiting for response.", process=True), OutcomeUnknown),
            (refusal(-1008, "Server is currently overloaded."), OutcomeUnknown),
            (refusal(-2013, "Order does not exist."), OutcomeUnknown),
            (refusal(-2010, "Duplicate order sent."), OutcomeUnknown),
            (refusal(-2010, "Account has insufficient balance", status=503), OutcomeUnknown),
            (refusal(-9999, "Something new."), OutcomeUnknown),
            (Fault(kind="answer", status=429, body="{}"), OutcomeUnknown),
            (Fault(kind="answer", status=418, body="{}"), OutcomeUnknown),
            (refusal(-1013, "Filter failure: LOT_SIZE"), VenueRefused),
            (refusal(-1013, "Market is closed."), VenueRefused),
            (refusal(-1021, "Timestamp for this request is outside."), NotSent),
            (refusal(-1022, "Signature for this request is not valid."), VenueRefused),
            (refusal(-1121, "Invalid symbol."), VenueRefused),
            (refusal(-2010, "This symbol is not permitted for this account."), VenueRefused),
            (refusal(-2015, "Invalid API-key, IP, or permissions.", status=401), VenueRefused),
        ],
        ids=lambda value: f"{value.status}-{value.body[:40]}" if isinstance(value, Fault) else "",
    )
    async def test_only_a_clear_no_is_a_refusal_and_one_request_is_made(
        self,
        venue: ExchangeVenue,
        exchange: BinanceServer,
        fault: Fault,
        outcome: type[VenueError],
    ) -> None:
        exchange.fail("POST order", fault)
        with pytest.raises(VenueError) as problem:
            await venue.send(an_order(venue))
        assert type(problem.value) is outcome
        assert len(exchange.asked("POST order")) == 1

    async def test_an_answer_about_another_order_proves_nothing(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        await venue.send(an_order(venue, 1))
        another = json.dumps(shown(exchange.account.accepted[0]))
        exchange.fail("POST order", Fault(kind="answer", body=another, process=True))
        with pytest.raises(OutcomeUnknown):
            await venue.send(an_order(venue, 2))

    async def test_an_exchange_nobody_listens_at_was_certainly_not_reached(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        await exchange.stop()
        with pytest.raises(NotSent):
            await venue.send(an_order(venue))

    async def test_an_answer_that_never_comes_ends_as_unknown(
        self, exchange: BinanceServer
    ) -> None:
        quick = {"timeout_on_exit": 1, "timeout": 1500}
        venue = venue_at(exchange, overrides=exchange.ccxt_overrides() | quick)
        await venue.open()
        exchange.fail("POST order", Fault(kind="hang", process=True))
        with pytest.raises(OutcomeUnknown, match="did not answer in time"):
            await venue.send(an_order(venue))
        assert len(exchange.account.accepted) == 1
        await venue.close()

    async def test_a_cancelled_task_is_not_given_another_meaning(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.fail("POST order", Fault(kind="hang", process=True))
        sending = asyncio.create_task(venue.send(an_order(venue)))
        await exchange.hanging.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    async def test_an_order_does_not_queue_behind_reads(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        """While a read hangs, an order is sent and answered."""
        exchange.fail("GET account", Fault(kind="hang"))
        reading = asyncio.create_task(venue.balances())
        await exchange.hanging.wait()
        assert (await venue.send(an_order(venue))).state is OrderState.WORKING
        assert not reading.done()
        exchange.release()
        assert await reading

    async def test_an_order_does_not_wait_in_the_queue_that_limits_reads(
        self, exchange: BinanceServer
    ) -> None:
        """The reads have used up their minute; the order has a limiter of its own."""
        few = {"timeout_on_exit": 1, "rateLimit": 6000}  # ten units in the window of a minute
        venue = venue_at(exchange, overrides=exchange.ccxt_overrides() | few)
        await venue.open()
        reading = [asyncio.create_task(venue.balances()) for _ in range(5)]
        await asyncio.sleep(0)
        async with asyncio.timeout(20):  # only a failure lasts this long
            await venue.send(an_order(venue))
        assert not all(task.done() for task in reading)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        await venue.close()

    async def test_a_key_taken_away_after_it_has_worked_is_a_refusal(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        """ccxt calls the same code a ban once a call has succeeded."""
        await venue.send(an_order(venue, 1))
        exchange.api_key = "rotated"
        with pytest.raises(VenueRefused, match="-2015"):
            await venue.send(an_order(venue, 2))

    async def test_an_order_whose_time_is_refused_goes_out_once_the_clock_is_set(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.clock_offset = 3_600_000
        order = an_order(venue)
        for told in ("-1021", "the next read sets it"):
            with pytest.raises(NotSent, match=told):
                await venue.send(order)
        assert len(exchange.asked("POST order")) == 1
        await venue.balances()
        assert (await venue.send(order)).state is OrderState.WORKING
        assert venue.clock_ahead == pytest.approx(timedelta(hours=-1), abs=timedelta(seconds=5))
