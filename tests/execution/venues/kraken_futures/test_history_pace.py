"""Of its past Kraken Futures tells little at a time: nothing waits for it, and fills come before all else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from execution.errors import KeyRefused, VenueUnavailable
from execution.types import OrderState, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks.kraken_futures_orders import KrakenFuturesOrders
from tests.doubles.kraken_futures.server import KrakenFuturesServer, refusal
from tests.doubles.loopback import Fault
from tests.execution.venues.exchange.setup import Clock
from tests.execution.venues.kraken_futures.setup import AMOUNT, an_order, key_of
from tests.virtual_time import run_virtually

HISTORY = ["history"]
Ask = Callable[[], Awaitable[object]]


class RateLimitExceededError(Exception):
    """ccxt's."""


class DDoSProtectionError(Exception):
    """ccxt's too."""


class _Asked:
    """In the place of ccxt's class: answers at once, unless it is to refuse."""

    id = "krakenfutures"
    httpExceptions = {"429": RateLimitExceededError, "418": DDoSProtectionError}  # noqa: N815, RUF012

    def __init__(self) -> None:
        vars(self)["enableRateLimit"] = True
        self.problem: Exception | None = None

    async def request(self, *_: object) -> str:
        if self.problem is not None:
            raise self.problem
        return "an answer"


class _Client(KrakenFuturesOrders, _Asked):
    pass


async def again_and_again(ask: Ask, heard: list[object]) -> None:
    while True:
        heard.append(await ask())


async def answers(client: _Client, path: str, **asked: int) -> int:
    """How often it is answered at once, until it is no more; it is said for how long."""
    heard: list[object] = []
    began = asyncio.get_running_loop().time()
    with pytest.raises(VenueUnavailable, match="no more of its past") as problem:
        await again_and_again(lambda: client.request(path, HISTORY, "GET", asked), heard)
    assert problem.value.retry_after is not None
    assert problem.value.retry_after > timedelta(0)
    assert asyncio.get_running_loop().time() == began
    return len(heard)


@pytest.mark.parametrize(
    ("path", "asked", "times"),
    [
        ("executions", {}, 100),
        ("orders", {}, 70),
        ("triggers", {}, 70),
        ("account-log", {"count": 25}, 40),
        ("account-log", {"count": 1000}, 13),
    ],
)
def test_each_question_leaves_what_matters_more_and_then_fails_at_once(
    path: str, asked: dict[str, int], times: int
) -> None:
    async def main() -> int:
        await asyncio.sleep(1000)
        return await answers(_Client(), path, **asked)

    assert run_virtually(main()) == times


def test_what_was_filled_may_still_be_asked_once_nothing_else_may() -> None:
    async def main() -> list[int]:
        client = _Client()
        await asyncio.sleep(1000)
        return [
            await answers(client, "account-log", count=25),
            await answers(client, "orders"),
            await answers(client, "executions"),
        ]

    assert run_virtually(main()) == [40, 30, 30]


def test_every_six_seconds_one_more_may_be_asked() -> None:
    async def main() -> list[int]:
        client = _Client()
        await asyncio.sleep(1000)
        counts = [await answers(client, "executions")]
        for seconds in (5.5, 1, 12):
            await asyncio.sleep(seconds)
            counts.append(await answers(client, "executions"))
        return counts

    assert run_virtually(main()) == [100, 0, 1, 2]


@pytest.mark.parametrize("refusal_", [RateLimitExceededError(), DDoSProtectionError()])
def test_after_a_refusal_nothing_is_left(refusal_: Exception) -> None:
    async def main() -> list[int]:
        client = _Client()
        await asyncio.sleep(1000)
        client.problem = refusal_
        counts = [await answers(client, "orders")]
        client.problem = None
        for seconds in (0, 6.1, 6 * 31):
            await asyncio.sleep(seconds)
            counts += [await answers(client, one) for one in ("orders", "executions")]
        return counts

    assert run_virtually(main()) == [0, 0, 0, 0, 1, 1, 30]


@pytest.mark.parametrize(
    "too_much",
    [
        refusal("apiLimitExceeded"),
        Fault(kind="answer", status=429, body='{"status": "error", "reason": "too many requests"}'),
        Fault(kind="answer", status=429, body="<html>"),
    ],
    ids=["in words", "by its status", "by a page"],
)
async def test_a_refusal_of_it_holds_up_no_order(
    venue: ExchangeVenue, exchange: KrakenFuturesServer, too_much: Fault
) -> None:
    """It is counted apart from all the rest, and a restart forgets what was asked."""
    exchange.fail("GET /api/history/v3/triggers", too_much)
    order = an_order(venue)
    with pytest.raises(VenueUnavailable, match="no more of its past"):
        await venue.find(key_of(order))
    await venue.send(order)
    assert await venue.find(key_of(order))


async def test_looks_for_what_is_not_there_leave_the_trades_of_what_is(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    absent = key_of(an_order(venue, 9))
    found: list[object] = []
    with pytest.raises(VenueUnavailable, match="no more of its past"):
        await again_and_again(lambda: venue.find(absent), found)
    assert found == [None] * len(found)
    near = {"price": Decimal(60000), "time_in_force": TimeInForce.IOC}
    order = an_order(venue, **near)
    report = await venue.send(order)
    trades = await venue.trades(key_of(order, venue_order_id=report.venue_order_id))
    assert [one.amount for one in trades] == [AMOUNT]
    assert exchange.spent_of("history") <= 100


async def test_what_somebody_else_has_used_up_is_no_more_told(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    exchange.spend("history", 100)
    with pytest.raises(VenueUnavailable, match="no more of its past"):
        await venue.find(key_of(an_order(venue)))
    assert await venue.open_orders([]) == []


@pytest.mark.parametrize("known", [True, False], ids=["by theirs", "by ours"])
async def test_an_end_that_was_seen_is_known_a_little_longer_without_it(
    venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock, known: bool
) -> None:
    """Kraken shows it for five seconds; where history is refused too, a fill would not be known."""
    order = an_order(venue, price=Decimal(60000), time_in_force=TimeInForce.IOC)
    report = await venue.send(order)
    key = key_of(order, venue_order_id=report.venue_order_id if known else None)
    seen = await venue.find(key)
    exchange.fail("GET /api/history/v3/triggers", refusal("apiLimitExceeded"))
    for _ in range(2):
        exchange.clock_offset += 6000
        clock.ahead += timedelta(seconds=6)
        await venue.open()  # it asks for the time
        assert await venue.find(key) == seen
    exchange.clock_offset += 20_000
    clock.ahead += timedelta(seconds=20)
    await venue.open()
    with pytest.raises(VenueUnavailable, match="no more of its past"):
        await venue.find(key)


async def test_an_end_that_was_seen_is_forgotten_once_the_order_is_open_again(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    """A trigger's end may be shown before the order that it became."""
    order = an_order(venue)
    await venue.send(order)
    (row,) = exchange.endpoints.order_status({"cliOrdIds": [order.client_order_id]})["orders"]
    gone = json.dumps({"result": "success", "orders": [row | {"status": "CANCELLED"}]})
    exchange.fail("POST orders/status", Fault(kind="answer", body=gone))
    states = []
    for blind in (False, False, True):
        exchange.blind.update({"orders/status"} if blind else ())
        found = await venue.find(key_of(order))
        assert found is not None
        states.append(found.state)
    assert states == [OrderState.CANCELED, OrderState.WORKING, OrderState.WORKING]


async def test_funding_takes_little_of_it(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    await venue.funding(datetime.now(UTC) - timedelta(minutes=10))
    assert exchange.spent_of("history") == 1


async def test_a_key_that_it_does_not_take_is_told_as_such(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    """Another answers there than elsewhere, by its status alone."""
    venue.use(api_key="of somebody else", secret=exchange.secret, password="")
    with pytest.raises(KeyRefused):
        await venue.funding(datetime.now(UTC))


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
