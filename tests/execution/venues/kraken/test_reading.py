"""Kraken's lists are read to their end, its names and numbers exactly, and an order is found in them."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from decimal import Decimal

import pytest

from execution.errors import OrderUnknown, VenueError, VenueUnavailable
from execution.types import OrderState, Quote, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.rights import KeyRights
from execution.venues.venue import Balance
from tests.doubles.kraken import KrakenServer, refusal
from tests.doubles.loopback import Fault
from tests.execution.venues.exchange.setup import HTML, Clock
from tests.execution.venues.kraken.setup import BTC, an_order, key_of

LISTS = ("OpenOrders", "ClosedOrders", "TradesHistory")


def place(exchange: KrakenServer, venue: ExchangeVenue, number: int, **changes: str) -> str:
    """Let the account have an order that this process did not send; its client id."""
    asked = {
        "pair": "XBTUSD",
        "type": "buy",
        "ordertype": "limit",
        "volume": "0.001",
        "price": "50000",
        "timeinforce": "IOC",
        "cl_ord_id": an_order(venue, number).client_order_id,
    }
    return exchange.account.place(asked | changes).client_id


class TestReading:
    async def test_assets_have_the_names_that_everybody_knows(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        exchange.account.deposit("XXBT", "0.1234567891")
        exchange.account.deposit("SOL", "2")
        assert await venue.balances() == {
            "BTC": Balance(free=Decimal("0.1234567891"), locked=Decimal(0)),
            "SOL": Balance(free=Decimal(2), locked=Decimal(0)),
            "USD": Balance(free=Decimal(100000), locked=Decimal(0)),
        }
        assert {"BTC/USD", "ETH/USD", "SOL/USD"} == venue.instruments().keys()

    async def test_prices_are_exact_and_bars_the_newest(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        exchange.account.set_book("XXBTZUSD", bid="59990.1", ask="60000.9")
        quote = await venue.quote(BTC)
        assert (quote.bid, quote.ask) == (Decimal("59990.1"), Decimal("60000.9"))
        bars = await venue.candles(BTC, "1m", 3)
        assert (bars[-1].volume, bars[-1].low) == (Decimal("12.345678"), Decimal("59990.1"))
        assert exchange.now() / 1000 - bars[-1].at.timestamp() < 61

    async def test_a_market_that_only_takes_cancels_is_not_active(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        exchange.account.pairs["XETHZUSD"].status = "cancel_only"
        await venue.open()
        assert not venue.instruments()["ETH/USD"].active
        assert venue.instruments()[BTC].active

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(kind="drop"),
            Fault(kind="truncate", process=True),
            HTML,
            Fault(kind="answer", body="{}"),
            Fault(kind="answer", status=520, body="<html>"),
            refusal("EService:Unavailable"),
            refusal("EGeneral:Internal error"),
        ],
        ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.body[:30]}",
    )
    async def test_a_read_that_kraken_fails_is_never_an_empty_answer(
        self, venue: ExchangeVenue, exchange: KrakenServer, fault: Fault
    ) -> None:
        for endpoint, call in (
            ("POST private/BalanceEx", venue.balances),
            ("POST private/OpenOrders", lambda: venue.open_orders([])),
            ("GET public/Ticker", lambda: venue.quote(BTC)),
        ):
            exchange.fail(endpoint, fault, times=4)  # a price is asked for again, a dropped GET too
            with pytest.raises(VenueUnavailable):
                await call()
            exchange.forget_faults()

    async def test_what_the_key_may_do_is_told(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        assert await venue.rights() == KeyRights(trades=True, withdraws=False, bound=True)
        exchange.endpoints.rights.append("withdraw-funds")
        assert (await venue.rights()).withdraws


class TestFinding:
    @pytest.mark.parametrize(
        "blind",
        [set(), {"OpenOrders"}, {"OpenOrders", "ClosedOrders"}],
        ids=["among open orders", "in history", "by its trades"],
    )
    @pytest.mark.parametrize("filled", ["0.0004", "0.001"])
    async def test_an_order_is_found_wherever_it_shows(
        self, venue: ExchangeVenue, exchange: KrakenServer, blind: set[str], filled: str
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        exchange.account.fill(order.client_order_id, filled)
        exchange.blind.update(blind)
        found = await venue.find(key_of(order))
        assert found is not None
        assert (found.client_order_id, found.filled) == (order.client_order_id, Decimal(filled))

    async def test_none_is_said_only_after_every_list_and_a_client_id_never_asked_for(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        """ccxt would send it as `userref`, by which Kraken knows no order of ours."""
        exchange.requests.clear()
        assert await venue.find(key_of(an_order(venue))) is None
        assert [one.path for one in exchange.requests] == [f"private/{name}" for name in LISTS]

    @pytest.mark.parametrize("name", LISTS)
    async def test_a_list_that_fails_leaves_the_round_incomplete(
        self, venue: ExchangeVenue, exchange: KrakenServer, name: str
    ) -> None:
        exchange.fail(f"POST private/{name}", refusal("EService:Busy"))
        with pytest.raises(VenueUnavailable, match="EService:Busy"):
            await venue.find(key_of(an_order(venue)))

    async def test_an_order_is_found_behind_pages_of_newer_ones_of_other_markets(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        ours = place(exchange, venue, 1)
        for number in range(2, 113):
            place(exchange, venue, number, pair="ETHUSD", volume="0.1", price="2000")
        found = await venue.find(key_of(an_order(venue, 1)))
        assert found is not None
        assert (found.client_order_id, found.state) == (ours, OrderState.EXPIRED)
        asked = exchange.asked("POST private/ClosedOrders")
        assert [request.params["ofs"] for request in asked] == ["0", "50", "100"]

    async def test_a_history_that_cannot_be_read_to_its_end_is_no_answer(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        for number in range(1, 51):
            place(exchange, venue, number)
        with pytest.raises(VenueUnavailable):
            await venue.find(key_of(an_order(venue, 99), sent_at=None))

    async def test_trades_beyond_a_page_of_kraken_are_all_read(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        order = an_order(venue, amount=Decimal("0.06"))
        await venue.send(order)
        for _ in range(120):
            exchange.account.fill(order.client_order_id, "0.0005")
        trades = await venue.trades(key_of(order))
        assert sum(trade.amount for trade in trades) == order.amount
        assert len({trade.trade_id for trade in trades}) == 120

    async def test_an_id_that_a_person_named_is_asked_for_by_itself(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        sent = await venue.send(an_order(venue))
        named = key_of(an_order(venue), client_order_id=None, venue_order_id=sent.venue_order_id)
        exchange.requests.clear()
        found = await venue.find(named)
        assert found is not None
        assert found.venue_order_id == sent.venue_order_id
        assert [one.path for one in exchange.requests] == ["private/QueryOrders"]
        assert await venue.find(named.evolve(venue_order_id="OAAAAA-BBBBB-CCCCCC")) is None

    async def test_an_order_of_another_hand_without_an_id_of_ours_is_listed(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        place(exchange, venue, 1, cl_ord_id="by hand", timeinforce="GTC")
        (listed,) = await venue.open_orders([])
        assert (listed.client_order_id, listed.symbol) == ("by hand", BTC)


class TestCanceling:
    async def test_an_order_is_canceled_by_our_id_alone(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        await venue.cancel(key_of(order))
        (request,) = exchange.asked("POST private/CancelOrder")
        assert request.params["cl_ord_id"] == order.client_order_id
        assert "txid" not in request.params
        with pytest.raises(OrderUnknown):
            await venue.cancel(key_of(order))

    async def test_a_cancel_that_comes_after_the_fill_says_the_order_is_gone_and_the_fill_is_found(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        exchange.account.fill(order.client_order_id, "0.001")
        with pytest.raises(OrderUnknown):
            await venue.cancel(key_of(order))
        found = await venue.find(key_of(order))
        assert found is not None
        assert found.state is OrderState.FILLED

    async def test_a_lost_answer_to_a_cancel_may_be_asked_for_again(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        exchange.account.fill(order.client_order_id, "0.0004")
        exchange.fail("POST private/CancelOrder", Fault(kind="drop", process=True))
        with pytest.raises(VenueUnavailable):
            await venue.cancel(key_of(order))
        found = await venue.find(key_of(order))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.CANCELED, Decimal("0.0004"))

    async def test_a_cancel_is_not_taken_for_gone_by_the_words_of_another_answer(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        """ccxt reads them off the last answer that its connection had."""
        order = an_order(venue, 1)
        await venue.send(order)
        exchange.fail("POST private/CancelOrder", Fault(kind="hang"))
        waiting = asyncio.create_task(venue.cancel(key_of(order)))
        await exchange.hanging.wait()
        with pytest.raises(OrderUnknown):
            await venue.cancel(key_of(an_order(venue, 2)))
        exchange.release()
        with pytest.raises(VenueUnavailable):
            await waiting


async def test_no_secret_stands_in_errors_or_logs(
    venue: ExchangeVenue, exchange: KrakenServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"error": [f"EGeneral:{exchange.api_key} and {exchange.secret}"]})
    order, texts = an_order(venue, time_in_force=TimeInForce.IOC), [repr(venue)]
    for fault in (Fault(kind="answer", body=echo), Fault(kind="drop"), HTML):
        for endpoint, call in (
            ("AddOrder", lambda: venue.send(order)),
            ("OpenOrders", lambda: venue.find(key_of(order))),
            ("CancelOrder", lambda: venue.cancel(key_of(order))),
        ):
            exchange.fail(f"POST private/{endpoint}", fault)
            with pytest.raises(VenueError) as problem:
                await call()
            assert problem.value.__cause__ is problem.value.__context__ is None
            texts.append(str(problem.value))
    for text in (*texts, caplog.text):
        assert exchange.api_key not in text
        assert exchange.secret not in text


class TestPrices:
    async def test_prices_asked_for_at_one_moment_share_a_request(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        symbols = [BTC, "ETH/USD", "SOL/USD"]
        quotes = await asyncio.gather(*(venue.quote(symbol) for symbol in [*symbols, BTC]))
        assert [quote.symbol for quote in quotes] == [*symbols, BTC]
        assert [str(quote.ask) for quote in quotes] == ["60000", "3000", "150", "60000"]
        (request,) = exchange.asked("GET public/Ticker")
        assert request.params["pair"] == "XXBTZUSD,XETHZUSD,SOLUSD"

    async def test_a_market_that_is_gone_does_not_take_the_others_with_it(
        self, venue: ExchangeVenue, exchange: KrakenServer, clock: Clock
    ) -> None:
        del exchange.account.pairs["SOLUSD"]

        async def ask() -> list[object]:
            asked = [venue.quote(BTC), venue.quote("SOL/USD"), venue.quote("ETH/USD")]
            return [type(one) for one in await asyncio.gather(*asked, return_exceptions=True)]

        for _ in range(2):
            assert await ask() == [Quote, VenueUnavailable, Quote]
        assert len(exchange.asked("GET public/Ticker")) == 1 + 3 + 3
        clock.ahead += timedelta(seconds=61)
        await ask()
        assert len(exchange.asked("GET public/Ticker")) == 7 + 1 + 3

    async def test_a_market_that_only_takes_cancels_is_asked_for_by_itself(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        """ccxt leaves it out of a request for several."""
        exchange.account.pairs["XETHZUSD"].status = "cancel_only"
        await venue.open()
        for _ in range(2):
            await asyncio.gather(*(venue.quote(symbol) for symbol in (BTC, "ETH/USD", "SOL/USD")))
        asked = [one.params["pair"] for one in exchange.asked("GET public/Ticker")]
        assert asked == ["XXBTZUSD,SOLUSD", "XETHZUSD"] * 2

    async def test_who_stops_waiting_for_a_price_stops_nobody_else(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        exchange.latency = 0.05
        impatient = asyncio.create_task(venue.quote(BTC))
        patient = asyncio.create_task(venue.quote("ETH/USD"))
        await asyncio.sleep(0.01)
        impatient.cancel()
        assert (await patient).ask == 3000
        assert impatient.cancelled()
