"""Kraken refuses a nonce that is not above all before it: what we sign arrives in the order of signing."""

from __future__ import annotations

import asyncio

import pytest

from execution.errors import NotSent, OrderUnknown, VenueUnavailable
from execution.types import OrderState
from execution.venues.exchange import ExchangeVenue
from tests.doubles.kraken import KrakenServer, refusal
from tests.doubles.loopback import Fault
from tests.execution.venues.kraken.setup import BTC, an_order, key_of, venue_at


async def test_reads_orders_and_cancels_at_once_are_all_taken(
    venue: ExchangeVenue, exchange: KrakenServer
) -> None:
    """Over two connections with several sockets each."""
    orders = [an_order(venue, number) for number in range(1, 9)]
    exchange.latency = 0.01
    await asyncio.gather(
        *(venue.balances() for _ in range(4)),
        *(venue.send(order) for order in orders),
        *(venue.open_orders([]) for _ in range(4)),
        *(venue.quote(BTC) for _ in range(4)),
    )
    await asyncio.gather(*(venue.cancel(key_of(order)) for order in orders), venue.balances())
    nonces = [int(one.params["nonce"]) for one in exchange.requests if "nonce" in one.params]
    assert nonces == sorted(set(nonces))
    assert len(exchange.account.accepted) == len(orders)


async def test_an_order_waits_for_no_read(venue: ExchangeVenue, exchange: KrakenServer) -> None:
    exchange.fail("POST private/BalanceEx", Fault(kind="hang"))
    reading = asyncio.create_task(venue.balances())
    await exchange.hanging.wait()
    assert (await venue.send(an_order(venue))).state is OrderState.WORKING
    assert not reading.done()
    exchange.release()
    with pytest.raises(VenueUnavailable):
        await reading


async def test_orders_and_cancels_wait_for_no_allowance_that_reads_have_used_up(
    exchange: KrakenServer,
) -> None:
    slow = exchange.ccxt_overrides() | {
        "timeout_on_exit": 1,
        "rateLimit": 2_000,
    }  # two seconds each
    venue = venue_at(exchange, overrides=slow)
    await venue.open()
    reading = [asyncio.create_task(venue.balances()) for _ in range(20)]
    await asyncio.wait(reading, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    async with asyncio.timeout(20):  # only a failure lasts this long
        await venue.send(an_order(venue))
        await venue.cancel(key_of(an_order(venue)))
        await venue.quote(BTC)
    assert not all(task.done() for task in reading)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    await venue.close()


async def test_a_read_waits_for_the_order_on_its_way(
    venue: ExchangeVenue, exchange: KrakenServer
) -> None:
    """A read that overtook it would have the order refused."""
    exchange.fail("POST private/AddOrder", Fault(kind="hang", process=True))
    sending = asyncio.create_task(venue.send(an_order(venue)))
    await exchange.hanging.wait()
    exchange.requests.clear()
    reading = asyncio.create_task(venue.balances())
    assert await venue.quote(BTC), "what is not signed waits for nobody"
    assert [one.path for one in exchange.requests] == ["public/Ticker"]
    exchange.release()
    await asyncio.wait([sending])
    assert sending.exception() is not None
    assert await reading


async def test_a_cancel_does_not_wait_long_for_an_order_that_hangs(
    venue: ExchangeVenue, exchange: KrakenServer
) -> None:
    await venue.send(an_order(venue, 1))
    exchange.fail("POST private/AddOrder", Fault(kind="hang", process=True))
    sending = asyncio.create_task(venue.send(an_order(venue, 2)))
    await exchange.hanging.wait()
    await venue.cancel(key_of(an_order(venue, 1)))
    assert not sending.done()
    exchange.release()
    await asyncio.wait([sending])
    assert sending.exception() is not None


async def test_nonces_rise_over_a_restart_and_over_clocks_that_differ(
    exchange: KrakenServer,
) -> None:
    """They are the exchange's time, by whatever clock this machine has."""
    for offset in (-3_600_000, 3_600_000):
        exchange.clock_offset, exchange.last_nonce = offset, 0
        venue = venue_at(exchange)
        await venue.open()
        assert abs(exchange.last_nonce - exchange.now()) < 2_000
        await venue.close()


async def test_an_order_whose_nonce_was_overtaken_was_not_taken_and_the_clock_is_not_blamed(
    venue: ExchangeVenue, exchange: KrakenServer
) -> None:
    exchange.fail("POST private/AddOrder", refusal("EAPI:Invalid nonce"), times=4)
    for _ in range(4):
        with pytest.raises(NotSent, match="EAPI:Invalid nonce"):
            await venue.send(an_order(venue))
    assert not venue.clock_refused
    assert (await venue.send(an_order(venue))).state is OrderState.WORKING


async def test_a_key_that_another_program_uses_is_told_as_that(
    venue: ExchangeVenue, exchange: KrakenServer
) -> None:
    exchange.last_nonce = exchange.now() * 1_000  # it counts in microseconds
    for call in (venue.balances(), venue.open_orders([])):
        with pytest.raises(VenueUnavailable, match="something else uses this key"):
            await call
    with pytest.raises(VenueUnavailable):
        await venue.cancel(key_of(an_order(venue)))
    assert not venue.clock_refused
    exchange.last_nonce = 0
    with pytest.raises(OrderUnknown):
        await venue.cancel(key_of(an_order(venue)))


async def test_a_key_that_was_renewed_is_used_from_the_next_request_on(
    venue: ExchangeVenue, exchange: KrakenServer
) -> None:
    exchange.api_key, exchange.last_nonce = "renewed", 0
    with pytest.raises(VenueUnavailable, match="EAPI:Invalid key"):
        await venue.balances()
    venue.use(api_key="renewed", secret=exchange.secret, password="")
    assert await venue.balances()
    assert (await venue.send(an_order(venue))).state is OrderState.WORKING


async def test_an_order_that_is_held_back_while_it_waits_for_its_turn_never_leaves(
    venue: ExchangeVenue, exchange: KrakenServer
) -> None:
    """A halt that is stored meanwhile counts for it, though it was let through before."""
    exchange.fail("POST private/AddOrder", Fault(kind="hang", process=True))
    first = asyncio.create_task(venue.send(an_order(venue, 1)))
    await exchange.hanging.wait()
    halted = False
    second = asyncio.create_task(venue.send(an_order(venue, 2), lambda: halted))
    await asyncio.sleep(0)
    halted = True
    exchange.release()
    await asyncio.wait([first, second])
    assert isinstance(second.exception(), NotSent)
    assert first.exception() is not None
    assert len(exchange.account.accepted) == 1
