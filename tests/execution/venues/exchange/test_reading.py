"""Reads are exact and complete or no answer; an order is found wherever it shows; no secret gets out."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from decimal import Decimal

import pytest

from execution.errors import (
    KeyRefused,
    NotSent,
    OrderUnknown,
    VenueError,
    VenueUnavailable,
)
from execution.types import OrderState
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import Balance
from tests.doubles.binance import BinanceServer, Fault, refusal
from tests.execution.venues.exchange.setup import BTC, HTML, Clock, an_order, key_of, venue_at


class TestReading:
    async def test_numbers_are_exact(self, venue: ExchangeVenue, exchange: BinanceServer) -> None:
        exchange.account.set_book("BTCUSDT", bid="59990.01", ask="60000.99")
        exchange.account.deposit("BTC", "0.12345678")
        quote = await venue.quote(BTC)
        assert (quote.bid, quote.ask) == (Decimal("59990.01"), Decimal("60000.99"))
        assert (await venue.balances())["BTC"] == Balance(
            free=Decimal("0.12345678"), locked=Decimal(0)
        )
        candle = (await venue.candles(BTC, "1m", 1))[0]
        assert candle.volume == Decimal("12.345678")

    async def test_a_fee_of_a_few_billionths_is_kept(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        order = an_order(venue, amount=Decimal("0.00011"))
        await venue.send(order)
        exchange.account.fill(order.client_order_id, "0.00001")
        (trade,) = await venue.trades(key_of(order))
        assert (trade.fee, trade.fee_currency) == (Decimal("0.00000001"), "BTC")
        assert (trade.amount, trade.price) == (Decimal("0.00001"), Decimal(50000))

    async def test_a_quote_asks_for_one_symbol(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        await venue.quote(BTC)
        assert exchange.requests[-1].params == {"symbols": '["BTCUSDT"]'}

    async def test_trades_of_another_order_are_no_answer(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        ours, another = an_order(venue, 1), an_order(venue, 2)
        sent = await venue.send(ours)
        await venue.send(another)
        exchange.account.fill(another.client_order_id, "0.001")
        body = json.dumps(exchange.account.trades)
        exchange.fail("GET myTrades", Fault(kind="answer", body=body))
        key = key_of(ours, venue_order_id=sent.venue_order_id)
        with pytest.raises(VenueUnavailable):
            await venue.trades(key)
        assert await venue.trades(key) == []

    async def test_trades_beyond_a_page_are_all_read(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        order = an_order(venue, amount=Decimal("1.2"))
        await venue.send(order)
        for _ in range(1200):
            exchange.account.fill(order.client_order_id, "0.001")
        for number, row in enumerate(exchange.account.trades):
            row["time"] += number  # one in each millisecond
        trades = await venue.trades(key_of(order))
        assert sum(trade.amount for trade in trades) == order.amount
        assert [trade.at for trade in trades] == sorted(trade.at for trade in trades)

    async def test_trades_are_found_although_their_order_is_not_known_any_more(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        order = an_order(venue, price=Decimal("60000"))
        sent = await venue.send(order)
        exchange.fail("GET myTrades", refusal(-2013, "Order does not exist."))
        trades = await venue.trades(key_of(order, venue_order_id=sent.venue_order_id))
        assert [trade.amount for trade in trades] == [order.amount]

    async def test_a_float_in_an_answer_is_read_as_it_was_written(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        balances = '[{"asset": "BTC", "free": 0.10000000000000000001, "locked": 0.3}]'
        exchange.fail("GET account", Fault(kind="answer", body=f'{{"balances": {balances}}}'))
        assert (await venue.balances())["BTC"].free == Decimal("0.10000000000000000001")

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            (Fault(kind="drop"), "broke"),
            (Fault(kind="truncate", process=True), "broke"),
            (HTML, "cannot be read"),
            (Fault(kind="answer"), "cannot be read"),
            (Fault(kind="answer", body="{}"), "cannot be read"),
            (Fault(kind="answer", status=502, body="<html>"), "502"),
            (refusal(-1000, "An unknown error occurred."), "An unknown error"),
        ],
    )
    async def test_a_read_that_fails_is_never_an_empty_answer(
        self, venue: ExchangeVenue, exchange: BinanceServer, fault: Fault, told: str
    ) -> None:
        for endpoint, call in (
            ("GET account", venue.balances),
            ("GET openOrders", lambda: venue.open_orders([])),
            ("GET ticker/bookTicker", lambda: venue.quote(BTC)),
        ):
            exchange.fail(endpoint, fault, times=2)  # aiohttp repeats a GET that was dropped
            with pytest.raises(VenueUnavailable, match=told):
                await call()
            exchange.forget_faults()


class TestFinding:
    @pytest.mark.parametrize(
        "blind",
        [set(), {"id"}, {"id", "openOrders"}, {"id", "openOrders", "allOrders"}],
        ids=["by id", "among open orders", "in history", "by its trades"],
    )
    async def test_an_order_is_found_wherever_it_shows(
        self, venue: ExchangeVenue, exchange: BinanceServer, blind: set[str]
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        exchange.account.fill(order.client_order_id, "0.0004")
        exchange.blind.update(blind)
        found = await venue.find(key_of(order))
        assert found is not None
        assert (found.client_order_id, found.filled) == (order.client_order_id, Decimal("0.0004"))

    async def test_none_is_said_only_after_every_look_up(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.requests.clear()
        assert await venue.find(key_of(an_order(venue))) is None
        asked = {f"{one.method} {one.path}" for one in exchange.requests}
        assert asked == {"GET order", "GET openOrders", "GET allOrders", "GET myTrades"}

    @pytest.mark.parametrize("fault", [HTML, Fault(kind="answer", body="{}")], ids=["page", "{}"])
    @pytest.mark.parametrize("leg", ["order", "openOrders", "allOrders", "myTrades"])
    async def test_a_look_up_that_fails_leaves_the_round_incomplete(
        self, venue: ExchangeVenue, exchange: BinanceServer, leg: str, fault: Fault
    ) -> None:
        exchange.fail(f"GET {leg}", fault)
        with pytest.raises(VenueUnavailable):
            await venue.find(key_of(an_order(venue)))

    async def test_an_order_beyond_a_page_of_history_is_found(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        for number in range(1, 1101):
            order = an_order(venue, number)
            exchange.account.place(
                {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "IOC"}
                | {"quantity": "0.001", "price": "50000.00"}
                | {"newClientOrderId": order.client_order_id}
            )[0].time += number
        exchange.blind.add("id")
        found = await venue.find(key_of(an_order(venue, 1100)))
        assert found is not None
        assert found.state is OrderState.EXPIRED
        assert await venue.find(key_of(an_order(venue, 1101))) is None

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("NEW", OrderState.WORKING),
            ("PARTIALLY_FILLED", OrderState.WORKING),
            ("PENDING_CANCEL", OrderState.WORKING),
            ("FILLED", OrderState.FILLED),
            ("CANCELED", OrderState.CANCELED),
            ("REJECTED", OrderState.REJECTED),
            ("EXPIRED", OrderState.EXPIRED),
            ("EXPIRED_IN_MATCH", OrderState.EXPIRED),
        ],
    )
    async def test_each_status_of_the_exchange_has_its_state(
        self, venue: ExchangeVenue, exchange: BinanceServer, status: str, state: OrderState
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        shown = exchange.account.accepted[0]
        shown.status = status
        shown.filled = shown.amount if status == "FILLED" else Decimal(0)
        found = await venue.find(key_of(order))
        assert found is not None
        assert found.state is state

    async def test_a_status_nobody_knows_is_no_answer(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        exchange.account.accepted[0].status = "ABDUCTED"
        with pytest.raises(VenueUnavailable):
            await venue.find(key_of(order))

    async def test_the_venues_own_id_is_used_once_it_is_known(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        order = an_order(venue)
        report = await venue.send(order)
        await venue.cancel(key_of(order, venue_order_id=report.venue_order_id))
        assert exchange.asked("DELETE order")[0].params["orderId"] == report.venue_order_id
        found = await venue.find(key_of(order, venue_order_id=report.venue_order_id))
        assert found is not None
        assert found.state is OrderState.CANCELED

    async def test_a_cancel_of_unknown_outcome_may_be_repeated(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        exchange.fail("DELETE order", refusal(-1007, "Timeout waiting.", process=True))
        with pytest.raises(VenueUnavailable):
            await venue.cancel(key_of(order))
        with pytest.raises(OrderUnknown):
            await venue.cancel(key_of(order))

    async def test_an_id_that_a_person_named_decides_whatever_client_id_is_shown(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        sent = await venue.send(an_order(venue))
        named = key_of(an_order(venue), client_order_id=None, venue_order_id=sent.venue_order_id)
        assert await venue.find(named) == sent
        assert await venue.find(named.evolve(venue_order_id="4711")) is None


class TestClock:
    async def test_an_order_is_searched_from_when_it_was_sent_by_the_exchanges_clock(
        self, exchange: BinanceServer
    ) -> None:
        """Ours is ten minutes ahead: by it everything the exchange has is older than the order."""
        exchange.clock_offset = -600_000
        venue = venue_at(exchange)
        await venue.open()
        order = an_order(venue, price=Decimal("60000"))
        sent = await venue.send(order)
        key = key_of(order, venue_order_id=sent.venue_order_id)
        exchange.fail("GET order", refusal(-2013, "Order does not exist."))
        found = await venue.find(key)
        assert found is not None
        assert found.state is OrderState.FILLED
        await venue.close()


class TestKey:
    @pytest.mark.parametrize("code", [-1021, -1022, -2008, -2014, -2015])
    async def test_an_exchange_that_takes_nothing_we_sign_says_so_and_is_asked_again(
        self, venue: ExchangeVenue, exchange: BinanceServer, code: int
    ) -> None:
        """Also by a class that ccxt uses for a ban once a call has succeeded."""
        exchange.fail("GET account", refusal(code, "No."))
        with pytest.raises(KeyRefused, match=str(code)):
            await venue.balances()
        assert await venue.balances()


class TestSilence:
    @pytest.mark.parametrize("status", [418, 429])
    async def test_nothing_but_cancels_is_asked_until_the_exchange_wants_to_hear_again(
        self, venue: ExchangeVenue, exchange: BinanceServer, clock: Clock, status: int
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        headers = {"Retry-After": "30"}
        exchange.fail(
            "GET account", Fault(kind="answer", status=status, body="{}", headers=headers)
        )
        with pytest.raises(VenueUnavailable) as told:
            await venue.balances()
        assert told.value.retry_after == timedelta(seconds=30)

        exchange.requests.clear()
        with pytest.raises(VenueUnavailable) as told:
            await venue.quote(BTC)
        assert told.value.retry_after is not None
        assert timedelta(0) < told.value.retry_after <= timedelta(seconds=30)
        with pytest.raises(NotSent, match="asked for silence") as unsent:
            await venue.send(an_order(venue, 2))
        assert unsent.value.retry_after is not None
        assert timedelta(0) < unsent.value.retry_after <= timedelta(seconds=30)
        assert exchange.requests == []
        await venue.cancel(key_of(order))

        clock.ahead = timedelta(seconds=31)
        assert await venue.quote(BTC)

    async def test_an_exchange_that_does_not_say_how_long_is_left_alone_ever_longer(
        self, venue: ExchangeVenue, exchange: BinanceServer, clock: Clock
    ) -> None:
        too_much = Fault(kind="answer", status=429, body="{}")
        asked_for = []
        for _ in range(8):
            exchange.fail("GET account", too_much)
            with pytest.raises(VenueUnavailable):
                await venue.balances()
            with pytest.raises(VenueUnavailable) as told:
                await venue.quote(BTC)
            asked_for.append(told.value.retry_after)
            clock.ahead += timedelta(seconds=60)
        assert [round(wait.total_seconds()) for wait in asked_for if wait] == [
            1, 2, 4, 8, 16, 32, 60, 60,
        ]  # fmt: skip

        assert await venue.quote(BTC)
        exchange.fail("GET account", too_much)
        with pytest.raises(VenueUnavailable):
            await venue.balances()
        with pytest.raises(VenueUnavailable, match="1 s of it are left"):
            await venue.quote(BTC)


class TestSecrets:
    async def test_no_secret_in_errors_or_logs_even_when_the_exchange_repeats_it(
        self, venue: ExchangeVenue, exchange: BinanceServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        url = "https://api.example.com/api/v3/order?timestamp=1&signature=abcdef0123"
        echo = refusal(-1102, f"{exchange.api_key} and {exchange.secret} at {url}")
        order, texts = an_order(venue), [repr(venue)]
        for fault in (echo, Fault(kind="drop"), HTML, Fault(kind="answer", status=502, body="x")):
            for endpoint, call in (
                ("POST order", lambda: venue.send(order)),
                ("GET order", lambda: venue.find(key_of(order))),
                ("DELETE order", lambda: venue.cancel(key_of(order))),
            ):
                exchange.fail(endpoint, fault, times=2)  # aiohttp repeats a dropped GET or DELETE
                with pytest.raises(VenueError) as problem:
                    await call()
                assert problem.value.__cause__ is None
                assert problem.value.__context__ is None
                texts.append(str(problem.value))
                exchange.forget_faults()
        for text in (*texts, caplog.text):
            assert exchange.api_key not in text
            assert exchange.secret not in text
            assert "signature=" not in text
