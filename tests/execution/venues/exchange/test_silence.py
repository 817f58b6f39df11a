"""An exchange that has asked for silence hears nothing more, of what waited for its turn before that either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from execution.errors import NotSent, OutcomeUnknown, VenueUnavailable
from execution.venues.exchange import ExchangeVenue
from tests.doubles.binance import BinanceServer, Fault
from tests.execution.venues.exchange.setup import BTC, an_order, key_of, venue_at

BANNED = Fault(
    kind="answer",
    status=429,
    body='{"code": -1003, "msg": "Too many requests."}',
    headers={"Retry-After": "20"},
)
ONE_AT_A_TIME = {"rateLimiterAlgorithm": "leakyBucket", "rateLimit": 500}
"""Milliseconds: long enough for an answer to be heard before the next turn, on a busy machine too."""


@pytest.fixture
async def slow(exchange: BinanceServer) -> AsyncIterator[ExchangeVenue]:
    """A venue whose requests wait for one another in ccxt's limiter."""
    overrides = exchange.ccxt_overrides() | {"timeout_on_exit": 1} | ONE_AT_A_TIME
    venue = venue_at(exchange, overrides=overrides)
    await venue.open()
    yield venue
    await venue.close()


async def test_questions_that_waited_for_their_turn_stay_unasked(
    slow: ExchangeVenue, exchange: BinanceServer
) -> None:
    exchange.fail("GET klines", BANNED)
    asked = [slow.candles(BTC, "1m", 1) for _ in range(3)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in told] == [VenueUnavailable] * 3
    assert len(exchange.asked("GET klines")) == 1


async def test_orders_that_waited_for_their_turn_certainly_did_not_leave(
    slow: ExchangeVenue, exchange: BinanceServer
) -> None:
    exchange.fail("POST order", BANNED)
    sending = [slow.send(an_order(slow, number)) for number in (1, 2, 3)]
    told = await asyncio.gather(*sending, return_exceptions=True)
    assert [type(one) for one in told] == [OutcomeUnknown, NotSent, NotSent]
    assert all(isinstance(one, NotSent) and one.retry_after for one in told[1:])
    assert len(exchange.asked("POST order")) == 1


async def test_a_cancel_that_waited_for_its_turn_goes_out(
    slow: ExchangeVenue, exchange: BinanceServer
) -> None:
    order = an_order(slow)
    await slow.send(order)
    exchange.fail("POST order", BANNED)
    another = slow.send(an_order(slow, 2))
    told = await asyncio.gather(another, slow.cancel(key_of(order)), return_exceptions=True)
    assert [type(one) for one in told] == [OutcomeUnknown, type(None)]
    assert len(exchange.asked("DELETE order")) == 1
