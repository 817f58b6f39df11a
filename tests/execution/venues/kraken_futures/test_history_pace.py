"""Of its past Kraken Futures tells little at a time: what waits for that, and that nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from execution.errors import VenueUnavailable
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks.kraken_futures_orders import KrakenFuturesOrders
from tests.doubles.kraken_futures.server import KrakenFuturesServer, refusal
from tests.execution.venues.kraken_futures.setup import an_order, key_of
from tests.virtual_time import run_virtually

HISTORY, DERIVATIVES = ["history"], ["private"]
Ask = Callable[..., Awaitable[Any]]


class RateLimitExceededError(Exception):
    """ccxt's."""


class _Asked:
    """In the place of ccxt's class: answers at once, unless it is to refuse."""

    id = "krakenfutures"
    exceptions = {"exact": {"apiLimitExceeded": RateLimitExceededError}}  # noqa: RUF012

    def __init__(self) -> None:
        vars(self)["enableRateLimit"] = True
        self.problem: Exception | None = None

    async def request(self, *_: object) -> float:
        if self.problem is not None:
            raise self.problem
        return asyncio.get_running_loop().time()


class _Client(KrakenFuturesOrders, _Asked):
    pass


def test_it_is_asked_a_hundred_times_at_once_and_then_every_six_seconds() -> None:
    async def main() -> list[float]:
        client = _Client()
        await asyncio.sleep(1000)
        return [await client.request("orders", HISTORY) - 1000 for _ in range(103)]

    assert run_virtually(main()) == pytest.approx([0] * 100 + [6, 12, 18])


def test_the_log_of_the_account_counts_three_times() -> None:
    async def main() -> list[float]:
        client = _Client()
        await asyncio.sleep(1000)
        return [await client.request("account-log", HISTORY) - 1000 for _ in range(34)]

    assert run_virtually(main()) == pytest.approx([0] * 33 + [12])


def test_what_is_now_waits_for_nothing_of_the_past() -> None:
    async def main() -> float:
        client = _Client()
        await asyncio.sleep(1000)
        past = [asyncio.create_task(client.request("orders", HISTORY)) for _ in range(150)]
        await asyncio.sleep(0)
        now = [await client.request("openorders", DERIVATIVES) for _ in range(150)]
        for one in past:
            one.cancel()
        return float(now[-1] - 1000)

    assert run_virtually(main()) == 0


def test_after_a_refusal_it_is_left_alone_for_longer() -> None:
    async def main() -> float:
        client = _Client()
        await asyncio.sleep(1000)
        client.problem = RateLimitExceededError('krakenfutures {"error":"apiLimitExceeded"}')
        for _ in range(10):
            with pytest.raises(VenueUnavailable, match="no more of its past"):
                await client.request("orders", HISTORY)
        client.problem = None
        at = asyncio.get_running_loop().time()
        await client.request("orders", HISTORY)
        return asyncio.get_running_loop().time() - at

    assert run_virtually(main()) == pytest.approx(66)


async def test_a_refusal_of_it_holds_up_no_order(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    """It is counted apart from all the rest, and a restart forgets what was asked."""
    exchange.fail("GET /api/history/v3/triggers", refusal("apiLimitExceeded"))
    order = an_order(venue)
    with pytest.raises(VenueUnavailable, match="no more of its past"):
        await venue.find(key_of(order))
    await venue.send(order)
    assert await venue.find(key_of(order))


async def test_any_other_refusal_of_it_holds_up_everything(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    exchange.fail("GET openorders", refusal("apiLimitExceeded"))
    with pytest.raises(VenueUnavailable):
        await venue.open_orders([])
    with pytest.raises(VenueUnavailable, match="asked for silence"):
        await venue.open_orders([])


@pytest.mark.parametrize(
    ("path", "cost"),
    [("sendorder", 10), ("cancelorder", 10), ("cancelallordersafter", 25), ("openorders", 2)],
)
def test_what_is_now_counts_as_kraken_counts_it(path: str, cost: int) -> None:
    assert _Client().calculate_rate_limiter_cost("private", "POST", path, {}) == cost
