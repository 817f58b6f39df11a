"""What is Coinbase's own: tokens and their times, client ids, lists with cursors, what its failures mean."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from execution.errors import (
    KeyRefused,
    NotSent,
    OrderUnknown,
    OutcomeUnknown,
    VenueError,
    VenueRefused,
    VenueUnavailable,
)
from execution.types import OrderState, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.rights import KeyRights
from execution.venues.venue import Balance
from tests.doubles.coinbase import CoinbaseServer, failure, refusal
from tests.doubles.loopback import Fault
from tests.execution.venues.coinbase.setup import BTC, an_order, key_of, venue_at
from tests.execution.venues.exchange.setup import HTML, Clock

ADD = "POST orders"
UNAUTHORIZED = Fault(kind="answer", status=401, body="Unauthorized\n", content_type="text/plain")
SECOND = timedelta(seconds=1)


class TestOnTheWire:
    async def test_our_id_reaches_the_order_and_not_one_of_ccxts_making(
        self, venue: ExchangeVenue, exchange: CoinbaseServer
    ) -> None:
        order = an_order(venue, amount=Decimal("0.10000003"), price=Decimal("59999.99"))
        await venue.send(order)
        (taken,) = exchange.account.accepted
        assert taken.client_id == order.client_order_id
        assert UUID(order.client_order_id).bytes == (1).to_bytes(16, "big")
        assert (taken.amount, taken.price) == (order.amount, order.price)
        assert (taken.type, taken.time_in_force) == ("LIMIT", "GTC")

    async def test_a_pem_may_stand_on_one_line(self, exchange: CoinbaseServer) -> None:
        venue = venue_at(exchange, secret=exchange.secret.replace("\n", "\\n"))
        await venue.open()
        assert await venue.balances()
        await venue.close()

    async def test_opening_asks_nothing_of_another_api_family(
        self, venue: ExchangeVenue, exchange: CoinbaseServer
    ) -> None:
        asked = {f"{one.method} {one.path}" for one in exchange.requests}
        assert asked == {
            "GET time",
            "GET market/products",
            "GET accounts",
        }

    async def test_what_orders_hold_is_told_apart(self, venue: ExchangeVenue) -> None:
        """By the one of two lists of accounts that ccxt does not take by itself."""
        await venue.send(an_order(venue))
        assert (await venue.balances())["USD"] == Balance(free=Decimal(99950), locked=Decimal(50))

    @pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
    async def test_an_order_that_fills_at_once_is_read_with_its_terms(
        self, venue: ExchangeVenue, time_in_force: TimeInForce
    ) -> None:
        """ccxt reads no terms of a fill-or-kill order."""
        order = an_order(venue, price=Decimal("60000"), time_in_force=time_in_force)
        await venue.send(order)
        found = await venue.find(key_of(order))
        assert found is not None
        assert (found.state, found.filled, found.price) == (
            OrderState.FILLED,
            order.amount,
            order.price,
        )
        (trade,) = await venue.trades(key_of(order))
        assert (trade.fee, trade.fee_currency) == (Decimal("0.48"), "USD")


class TestTime:
    @pytest.mark.parametrize("seconds", [-3600, -20, 20, 3600])
    async def test_a_token_is_signed_with_the_exchanges_time(
        self, exchange: CoinbaseServer, seconds: int
    ) -> None:
        """ccxt takes this machine's, whatever difference it measured."""
        exchange.clock_offset = -seconds * 1000
        venue = venue_at(exchange)
        await venue.open()
        assert (await venue.send(an_order(venue))).state is OrderState.WORKING
        assert venue.clock_ahead == pytest.approx(seconds * SECOND, abs=0.6 * SECOND)
        await venue.close()

    async def test_a_clock_that_jumps_is_set_anew_after_one_refusal(
        self, venue: ExchangeVenue, exchange: CoinbaseServer
    ) -> None:
        exchange.clock_offset = 3_600_000
        with pytest.raises(KeyRefused, match="or the clock is off"):
            await venue.balances()
        with pytest.raises(NotSent, match="the next read sets it"):
            await venue.send(an_order(venue))
        assert await venue.balances()
        assert (await venue.send(an_order(venue))).state is OrderState.WORKING

    async def test_a_late_request_counts_as_long_as_its_token_holds(
        self, exchange: CoinbaseServer
    ) -> None:
        assert venue_at(exchange).fence == timedelta(seconds=125)
        assert venue_at(exchange).visibility_grace is None


class TestKey:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"api_key": "organizations/double/apiKeys/another"}, "HTTP status 401: the key is"),
            ({"secret": "-----BEGIN EC PRIVATE KEY-----\nbm9uZQ==\n"}, "not as the exchange gives"),
            ({"secret": "an old key's secret"}, "not as the exchange gives"),
        ],
    )
    async def test_a_wrong_key_or_secret_is_told_without_either(
        self, exchange: CoinbaseServer, changes: dict[str, Any], told: str
    ) -> None:
        venue = venue_at(exchange, **changes)
        with pytest.raises(KeyRefused, match=told) as problem:
            await venue.open()
        assert problem.value.__cause__ is problem.value.__context__ is None
        assert not [secret for secret in changes.values() if secret in str(problem.value)]
        await venue.close()

    async def test_what_the_key_may_do_is_told(
        self, venue: ExchangeVenue, exchange: CoinbaseServer
    ) -> None:
        assert await venue.rights() == KeyRights(trades=True, withdraws=False, bound=None)
        exchange.rights["can_transfer"] = True
        assert (await venue.rights()).withdraws

    async def test_a_key_that_may_not_trade_is_told(
        self, venue: ExchangeVenue, exchange: CoinbaseServer
    ) -> None:
        exchange.fail(ADD, Fault(kind="answer", status=403, body="Forbidden\n"))
        with pytest.raises(VenueRefused, match="the key lacks a right"):
            await venue.send(an_order(venue))

    async def test_no_secret_stands_in_errors_or_logs(
        self, venue: ExchangeVenue, exchange: CoinbaseServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        echo = refusal("INVALID_ARGUMENT", f"{exchange.api_key} and {exchange.secret}")
        order, texts = an_order(venue), [repr(venue)]
        for fault in (echo, Fault(kind="drop"), HTML, UNAUTHORIZED):
            exchange.fail(ADD, fault)
            with pytest.raises(VenueError) as problem:
                await venue.send(order)
            assert problem.value.__cause__ is problem.value.__context__ is None
            texts.append(str(problem.value))
            await venue.balances()
        for text in (*texts, caplog.text):
            assert exchange.api_key not in text
            assert exchange.secret not in text


class TestAnswers:
    @pytest.mark.parametrize(
        ("fault", "outcome"),
        [
            (failure("INSUFFICIENT_FUND", "Insufficient balance in source account"), VenueRefused),
            (failure("PREVIEW_INSUFFICIENT_FUND"), VenueRefused),
            (failure("INVALID_LIMIT_PRICE_POST_ONLY"), VenueRefused),
            (failure("UNSUPPORTED_ORDER_CONFIGURATION"), VenueRefused),
            (failure("ORDER_ENTRY_DISABLED"), VenueRefused),
            (refusal("INVALID_ARGUMENT", "account is not available"), VenueRefused),
            (refusal("PERMISSION_DENIED", "no", status=403), VenueRefused),
            (UNAUTHORIZED, VenueRefused),
            (failure("UNKNOWN_FAILURE_REASON", process=True), OutcomeUnknown),
            (failure("COMMANDER_REJECTED_NEW_ORDER", process=True), OutcomeUnknown),
            (refusal("INTERNAL", "internal error", status=500, process=True), OutcomeUnknown),
            (refusal("unknown", "timeout", process=True), OutcomeUnknown),
            (refusal("resource_exhausted", status=429, process=True), OutcomeUnknown),
            (Fault(kind="drop", process=True), OutcomeUnknown),
            (Fault(kind="truncate", process=True), OutcomeUnknown),
            (Fault(kind="answer", process=True, body="{}"), OutcomeUnknown),
            (Fault(kind="answer", process=True, body='{"success":true}'), OutcomeUnknown),
            (Fault(kind="answer", process=True, status=502, body="<html>"), OutcomeUnknown),
            (HTML, OutcomeUnknown),
        ],
        ids=lambda value: f"{value.status}-{value.body[:60]}" if isinstance(value, Fault) else "",
    )
    async def test_only_a_clear_no_is_a_refusal_and_one_request_is_made(
        self,
        venue: ExchangeVenue,
        exchange: CoinbaseServer,
        fault: Fault,
        outcome: type[VenueError],
    ) -> None:
        exchange.fail(ADD, fault)
        with pytest.raises(VenueError) as problem:
            await venue.send(an_order(venue))
        assert type(problem.value) is outcome
        assert "{" not in str(problem.value)
        assert len(exchange.asked(ADD)) == 1

    async def test_a_refusal_is_told_in_its_words(self, venue: ExchangeVenue) -> None:
        with pytest.raises(VenueRefused) as refused:
            await venue.send(an_order(venue, amount=Decimal(5)))
        assert str(refused.value) == "Insufficient balance in source account (INSUFFICIENT_FUND)"

    async def test_too_many_requests_are_followed_by_silence_but_for_cancels(
        self, venue: ExchangeVenue, exchange: CoinbaseServer, clock: Clock
    ) -> None:
        order = an_order(venue)
        sent = await venue.send(order)
        exchange.fail("GET accounts", refusal("rate_limit_exceeded", status=429))
        with pytest.raises(VenueUnavailable):
            await venue.balances()
        with pytest.raises(NotSent, match="asked for silence"):
            await venue.send(an_order(venue, 2))
        await venue.cancel(key_of(order, venue_order_id=sent.venue_order_id))
        clock.ahead = 2 * SECOND
        assert await venue.balances()


class TestFinding:
    @pytest.mark.parametrize(
        ("blind", "filled"),
        [(set(), "0.0004"), (set(), "0.001"), ({"batch"}, "0.0004")],
        ids=["among open orders", "in history", "by its trades"],
    )
    async def test_an_order_is_found_wherever_it_shows(
        self, venue: ExchangeVenue, exchange: CoinbaseServer, blind: set[str], filled: str
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        exchange.account.fill(order.client_order_id, filled)
        exchange.blind |= blind
        found = await venue.find(key_of(order))
        assert found is not None
        assert (found.client_order_id, found.filled) == (order.client_order_id, Decimal(filled))

    @pytest.mark.parametrize("path", ["orders/historical/batch", "orders/historical/fills"])
    async def test_a_list_that_fails_leaves_the_round_incomplete(
        self, venue: ExchangeVenue, exchange: CoinbaseServer, path: str
    ) -> None:
        exchange.fail(f"GET {path}", refusal("INTERNAL", "internal error", status=500))
        with pytest.raises(VenueUnavailable, match="internal error"):
            await venue.find(key_of(an_order(venue)))

    async def test_every_list_is_read_along_its_cursors(
        self, venue: ExchangeVenue, exchange: CoinbaseServer
    ) -> None:
        exchange.page = 2
        for number in range(1, 6):
            await venue.send(an_order(venue, number))
        ours = an_order(venue, 1)
        for _ in range(5):
            exchange.account.fill(ours.client_order_id, "0.0002")
        assert len(await venue.open_orders([])) == 4
        found = await venue.find(key_of(ours))
        assert found is not None
        assert found.state is OrderState.FILLED
        assert len(await venue.trades(key_of(ours))) == 5

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("PENDING", OrderState.WORKING),
            ("QUEUED", OrderState.WORKING),
            ("CANCEL_QUEUED", OrderState.WORKING),
            ("EXPIRED", OrderState.EXPIRED),
            ("FAILED", OrderState.REJECTED),
        ],
    )
    async def test_a_status_that_ccxt_does_not_read_has_its_state(
        self, venue: ExchangeVenue, exchange: CoinbaseServer, status: str, state: OrderState
    ) -> None:
        order = an_order(venue)
        sent = await venue.send(order)
        row = exchange.account.shown(exchange.account.accepted[0]) | {"status": status}
        path = f"GET orders/historical/{sent.venue_order_id}"
        exchange.fail(path, Fault(kind="answer", body=json.dumps({"order": row})))
        found = await venue.find(key_of(order, venue_order_id=sent.venue_order_id))
        assert found is not None
        assert found.state is state

    async def test_an_id_it_does_not_know_is_unknown_in_its_own_words(
        self, venue: ExchangeVenue
    ) -> None:
        """ccxt looks for other words."""
        key = key_of(an_order(venue), client_order_id=None, venue_order_id="no-such-order")
        assert await venue.find(key) is None


class TestCanceling:
    async def test_an_order_is_found_first_and_canceled_by_coinbases_id(
        self, venue: ExchangeVenue, exchange: CoinbaseServer
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        await venue.cancel(key_of(order))
        assert exchange.account.accepted[0].status == "CANCELED"

    @pytest.mark.parametrize("reason", ["UNKNOWN_CANCEL_ORDER", "ORDER_IS_FULLY_FILLED"])
    async def test_what_cannot_be_canceled_any_more_is_gone(
        self, venue: ExchangeVenue, exchange: CoinbaseServer, reason: str
    ) -> None:
        order = an_order(venue)
        sent = await venue.send(order)
        self._let_cancels_fail(exchange, reason)
        with pytest.raises(OrderUnknown):
            await venue.cancel(key_of(order, venue_order_id=sent.venue_order_id))

    async def test_a_cancel_that_was_not_heeded_is_no_cancel(
        self, venue: ExchangeVenue, exchange: CoinbaseServer
    ) -> None:
        order = an_order(venue)
        sent = await venue.send(order)
        self._let_cancels_fail(exchange, "COMMANDER_REJECTED_CANCEL_ORDER")
        with pytest.raises(VenueUnavailable):
            await venue.cancel(key_of(order, venue_order_id=sent.venue_order_id))

    def _let_cancels_fail(self, exchange: CoinbaseServer, reason: str) -> None:
        result = {"success": False, "failure_reason": reason, "order_id": "x"}
        body = json.dumps({"results": [result]})
        exchange.fail("POST orders/batch_cancel", Fault(kind="answer", body=body))


async def test_a_price_that_is_forbidden_says_nothing_of_the_key(
    venue: ExchangeVenue, exchange: CoinbaseServer
) -> None:
    path = "GET market/products/BTC-USD/ticker"
    exchange.fail(path, Fault(kind="answer", status=403, body="<html>"))
    with pytest.raises(VenueUnavailable) as problem:
        await venue.quote(BTC)
    assert str(problem.value) == "coinbase answered with HTTP status 403"
    assert not isinstance(problem.value, KeyRefused)
    assert (await venue.send(an_order(venue))).state is OrderState.WORKING


async def test_prices_need_no_signature(venue: ExchangeVenue, exchange: CoinbaseServer) -> None:
    exchange.requests.clear()
    quote = await venue.quote(BTC)
    assert (quote.bid, quote.ask) == (59990, 60000)
    assert [one.path for one in exchange.requests] == ["market/products/BTC-USD/ticker"]
