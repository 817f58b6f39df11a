"""An order at Kraken: what goes over the wire, and what each answer to it comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from execution.errors import NotSent, OutcomeUnknown, VenueError, VenueRefused, VenueUnavailable
from execution.types import OrderState, TimeInForce
from execution.venues.exchange import ExchangeVenue
from tests.doubles.kraken import KrakenServer, refusal
from tests.doubles.loopback import Fault
from tests.execution.venues.exchange.setup import HTML, Clock
from tests.execution.venues.kraken.setup import an_order, key_of, venue_at

ADD = "POST private/AddOrder"
SECOND = timedelta(seconds=1)


class TestOnTheWire:
    async def test_an_order_carries_exactly_its_terms_its_id_and_a_deadline(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        order = an_order(venue, amount=Decimal("0.10000003"), price=Decimal("59999.9"))
        await venue.send(order)
        (request,) = exchange.asked(ADD)
        params = dict(request.params)
        deadline = datetime.fromisoformat(params.pop("deadline"))
        assert 3 * SECOND < deadline - datetime.now(UTC) <= 6 * SECOND
        assert int(params.pop("nonce")) > 0
        assert params == {
            "pair": "XXBTZUSD",
            "type": "buy",
            "ordertype": "limit",
            "volume": "0.10000003",
            "price": "59999.9",
            "timeinforce": "GTC",
            "oflags": "fciq",
            "cl_ord_id": order.client_order_id,
        }
        assert UUID(order.client_order_id).bytes == (1).to_bytes(16, "big")

    async def test_a_post_only_order_is_flagged_and_has_no_time_in_force(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        await venue.send(an_order(venue, post_only=True))
        params = exchange.asked(ADD)[0].params
        assert params["oflags"] == "fciq,post"
        assert "timeinforce" not in params

    async def test_the_deadline_follows_the_receive_window_and_so_does_the_fence(
        self, exchange: KrakenServer
    ) -> None:
        longer = exchange.ccxt_overrides() | {"timeout_on_exit": 1, "options": {"recvWindow": 9000}}
        venue = venue_at(exchange, overrides=longer)
        assert venue.fence - venue_at(exchange).fence == 4 * SECOND
        await venue.open()
        await venue.send(an_order(venue))
        deadline = datetime.fromisoformat(exchange.asked(ADD)[0].params["deadline"])
        assert deadline - datetime.now(UTC) > 7 * SECOND
        await venue.close()

    @pytest.mark.parametrize("seconds", [-20, 20])
    async def test_a_clock_that_is_off_at_the_start_gives_a_right_deadline(
        self, exchange: KrakenServer, seconds: int
    ) -> None:
        exchange.clock_offset = -seconds * 1000
        venue = venue_at(exchange)
        await venue.open()
        assert venue.clock_ahead == pytest.approx(seconds * SECOND, abs=0.6 * SECOND)
        assert (await venue.send(an_order(venue))).state is OrderState.WORKING
        await venue.close()

    async def test_a_clock_that_fell_behind_is_noticed_by_its_deadline_and_set_anew(
        self, venue: ExchangeVenue, exchange: KrakenServer, clock: Clock
    ) -> None:
        clock.ahead = -20 * SECOND
        with pytest.raises(OutcomeUnknown, match="Deadline elapsed"):
            await venue.send(an_order(venue))
        with pytest.raises(NotSent, match="the next read sets it"):
            await venue.send(an_order(venue))
        await venue.balances()
        assert (await venue.send(an_order(venue))).state is OrderState.WORKING
        assert len(exchange.account.accepted) == 1

    async def test_a_price_between_the_ticks_is_known_before_it_is_sent(
        self, venue: ExchangeVenue
    ) -> None:
        """`tick_size` is what Kraken checks; ccxt reads the number of decimals."""
        market = venue.instruments()["SOL/USD"]
        assert market.price_step == Decimal("0.05")
        assert (market.min_amount, market.min_notional) == (Decimal("0.02"), Decimal("0.5"))
        assert market.amount_step == Decimal("0.00000001")

    async def test_a_price_between_the_ticks_is_refused_unsent_though_ccxt_would_send_it(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        with pytest.raises(VenueRefused, match=r"price 120\.025 is no multiple of 0\.05"):
            await venue.send(
                an_order(venue, symbol="SOL/USD", amount=Decimal(1), price=Decimal("120.025"))
            )
        assert exchange.asked(ADD) == []

    async def test_what_is_bought_is_held_in_full_and_its_fee_paid_in_quote(
        self, venue: ExchangeVenue
    ) -> None:
        before = (await venue.balances())["USD"].free
        order = an_order(venue, price=Decimal("60000"), time_in_force=TimeInForce.IOC)
        await venue.send(order)
        (trade,) = await venue.trades(key_of(order))
        held = await venue.balances()
        assert held["BTC"].free == 1 + order.amount
        assert (trade.fee, trade.fee_currency) == (Decimal("0.24"), "USD")
        assert before - held["USD"].free == Decimal("60.24")

    async def test_an_immediate_order_that_fills_in_part_ends_with_what_it_got(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        exchange.account.set_book("XXBTZUSD", bid="59990", ask="60000", ask_amount="0.0004")
        order = an_order(venue, price=Decimal("60000"), time_in_force=TimeInForce.IOC)
        sent = await venue.send(order)
        assert (sent.state, sent.filled) == (OrderState.WORKING, 0), "the answer tells no fill"
        found = await venue.find(key_of(order, venue_order_id=sent.venue_order_id))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.EXPIRED, Decimal("0.0004"))
        assert found.average == 60000


REFUSALS = [
    "EGeneral:Invalid arguments:volume",
    "EGeneral:Invalid arguments",
    "EGeneral:Permission denied",
    "EAPI:Invalid key",
    "EAPI:Invalid signature",
    "EOrder:Cost minimum not met",
    "EOrder:Insufficient funds",
    "EOrder:Invalid price:XBTUSD price can only be specified up to 1 decimals.",
    "EOrder:Order minimum not met",
    "EOrder:Orders limit exceeded",
    "EOrder:Post only order",
    "EOrder:Tick size check failed",
    "EQuery:Unknown asset pair",
    "EService:Market in cancel_only mode",
    "EService:Market in post_only mode",
]
NEVER_TAKEN = ["EAPI:Invalid nonce", "EAPI:Rate limit exceeded", "EOrder:Rate limit exceeded"]
UNCLEAR = [
    "EGeneral:Internal error",
    "EGeneral:Invalid arguments:cl_ord_id",
    "EOrder:Duplicate order",
    "EService:Busy",
    "EService:Deadline elapsed",
    "EService:Timeout",
    "EService:Unavailable",
    "ESomething:New",
]


class TestAnswers:
    @pytest.mark.parametrize(
        ("error", "outcome"),
        [(error, VenueRefused) for error in REFUSALS]
        + [(error, NotSent) for error in NEVER_TAKEN]
        + [(error, OutcomeUnknown) for error in UNCLEAR],
    )
    async def test_each_of_its_errors_has_its_meaning_and_one_request_is_made(
        self,
        venue: ExchangeVenue,
        exchange: KrakenServer,
        error: str,
        outcome: type[VenueError],
    ) -> None:
        exchange.fail(ADD, refusal(error))
        with pytest.raises(VenueError) as problem:
            await venue.send(an_order(venue))
        assert type(problem.value) is outcome
        assert "[" not in str(problem.value)
        assert len(exchange.asked(ADD)) == 1

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(kind="drop", process=True),
            Fault(kind="truncate", process=True),
            Fault(kind="answer", process=True),
            Fault(kind="answer", process=True, body='{"error":[],"result":{}}'),
            Fault(kind="answer", process=True, status=520, body="<html>"),
            Fault(kind="answer", process=True, status=502, body="<html>"),
            Fault(kind="answer", status=429, body="slow down"),
            refusal("EOrder:Insufficient funds", status=503, process=True),
            HTML,
        ],
        ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.body[:20]}",
    )
    async def test_an_order_without_a_clear_answer_is_in_doubt(
        self, venue: ExchangeVenue, exchange: KrakenServer, fault: Fault
    ) -> None:
        exchange.fail(ADD, fault)
        with pytest.raises(OutcomeUnknown):
            await venue.send(an_order(venue))
        assert len(exchange.asked(ADD)) == 1

    async def test_an_answer_with_other_terms_proves_nothing(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        """Kraken's answer tells no id of ours, but what it took."""
        said = '"descr":{"order":"buy 0.00200000 XBTUSD @ limit 50000.0"},"txid":["OAAAAA-BBBBB-CCCCCC"]'
        exchange.fail(ADD, Fault(kind="answer", body=f'{{"error":[],"result":{{{said}}}}}'))
        with pytest.raises(OutcomeUnknown, match="does not show this order"):
            await venue.send(an_order(venue))

    async def test_too_many_requests_are_followed_by_silence_but_for_cancels(
        self, venue: ExchangeVenue, exchange: KrakenServer, clock: Clock
    ) -> None:
        order = an_order(venue)
        await venue.send(order)
        exchange.fail("POST private/BalanceEx", refusal("EAPI:Rate limit exceeded"))
        with pytest.raises(VenueUnavailable):
            await venue.balances()
        with pytest.raises(NotSent, match="asked for silence"):
            await venue.send(an_order(venue, 2))
        await venue.cancel(key_of(order))
        clock.ahead = 2 * SECOND
        assert await venue.balances()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("EAPI:Invalid key", "may not be used from this address"),
        ("EAPI:Invalid signature", "the secret does not belong to the key"),
        ("EGeneral:Permission denied", "the key lacks a right"),
        ("EAPI:Invalid nonce", "something else uses this key"),
    ],
)
async def test_a_key_that_is_refused_is_told_in_words_a_trader_uses(
    exchange: KrakenServer, error: str, told: str
) -> None:
    venue = venue_at(exchange)
    exchange.fail("POST private/BalanceEx", refusal(error))
    with pytest.raises(VenueUnavailable, match=told) as problem:
        await venue.open()
    assert str(problem.value).startswith(f"kraken: {error}")
    await venue.open()
    await venue.close()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"api_key": "another-key"}, "EAPI:Invalid key"),
        ({"secret": "YW5vdGhlci1zZWNyZXQ="}, "EAPI:Invalid signature"),
        ({"secret": "not base64"}, "its key or secret is not as the exchange gives them"),
    ],
)
async def test_a_wrong_key_or_secret_is_told_without_either(
    exchange: KrakenServer, changes: dict[str, Any], told: str
) -> None:
    venue = venue_at(exchange, **changes)
    with pytest.raises(VenueUnavailable, match=told) as problem:
        await venue.open()
    assert problem.value.__cause__ is problem.value.__context__ is None
    assert not [secret for secret in changes.values() if secret in str(problem.value)]
    await venue.close()
