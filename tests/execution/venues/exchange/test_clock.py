"""A clock that no correction helps: the venue says so, and takes it back by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from execution.errors import NotSent, OrderUnknown, VenueUnavailable
from execution.types import OrderState
from execution.venues.exchange import ExchangeVenue
from tests.doubles.binance import BinanceServer, Fault
from tests.execution.venues.exchange.setup import BTC, Clock, an_order, key_of, venue_at

SECOND = timedelta(seconds=1)
REFUSED = Fault(
    kind="answer", status=400, body='{"code": -1021, "msg": "Timestamp is outside of the window."}'
)


async def is_refused(venue: ExchangeVenue, *, times: int = 1) -> bool:
    """Ask something signed, which is refused for its time, and then whether the clock is."""
    for _ in range(times):
        with pytest.raises(VenueUnavailable, match="-1021"):
            await venue.balances()
    return venue.clock_refused


async def test_a_time_that_is_refused_after_two_corrections_is_beyond_them(
    venue: ExchangeVenue, exchange: BinanceServer
) -> None:
    exchange.fail("GET account", REFUSED, times=3)
    assert not await is_refused(venue)
    assert not await is_refused(venue)
    assert await is_refused(venue)


async def test_a_request_that_is_taken_ends_it_and_the_count_begins_anew(
    venue: ExchangeVenue, exchange: BinanceServer
) -> None:
    exchange.fail("GET account", REFUSED, times=3)
    assert await is_refused(venue, times=3)
    await venue.balances()
    assert not venue.clock_refused

    exchange.fail("GET account", REFUSED, times=2)
    assert not await is_refused(venue, times=2)


async def test_prices_that_anybody_may_ask_for_prove_nothing_of_the_clock(
    venue: ExchangeVenue, exchange: BinanceServer
) -> None:
    exchange.fail("GET account", REFUSED, times=3)
    for _ in range(3):
        refused = await is_refused(venue)
        await venue.quote(BTC)
        await venue.candles(BTC, "1m", 1)
    assert refused
    assert venue.clock_refused


async def test_questions_that_are_refused_together_count_once(
    venue: ExchangeVenue, exchange: BinanceServer
) -> None:
    exchange.fail("POST order", REFUSED)
    for _ in range(4):
        with pytest.raises(NotSent):
            await venue.send(an_order(venue))
    exchange.fail("DELETE order", REFUSED, times=3)
    for _ in range(3):
        with pytest.raises(VenueUnavailable):
            await venue.cancel(key_of(an_order(venue)))
    assert not venue.clock_refused


async def test_cancels_go_on_and_looks_do_while_the_clock_is_refused(
    venue: ExchangeVenue, exchange: BinanceServer
) -> None:
    exchange.fail("GET account", REFUSED, times=3)
    assert await is_refused(venue, times=3)
    with pytest.raises(OrderUnknown):
        await venue.cancel(key_of(an_order(venue)))
    assert await venue.open_orders([]) == []


async def test_where_there_is_no_time_to_ask_for_two_refusals_are_enough(
    exchange: BinanceServer, clock: Clock
) -> None:
    overrides = exchange.ccxt_overrides() | {"timeout_on_exit": 1, "has": {"fetchTime": False}}
    venue = venue_at(exchange, clock=clock, overrides=overrides)
    await venue.open()
    assert not [one for one in exchange.requests if one.path == "time"]

    exchange.clock_offset, clock.ahead = -30_000, 30 * SECOND
    assert not await is_refused(venue)
    assert await is_refused(venue)
    assert venue.clock_ahead == pytest.approx(30 * SECOND, abs=3 * SECOND), "as its answers say"

    exchange.clock_offset, clock.ahead = 0, timedelta(0)
    await venue.balances()
    assert not venue.clock_refused
    assert (await venue.send(an_order(venue))).state is OrderState.WORKING
    await venue.close()
