"""What entitles the simulation to its faults: the real ccxt, given these bytes, does what the table says.

The product's venue and connections run over ccxt against the loopback exchange. Each row is met by an
order, by each look-up and by a cancel. And what waits for its price is told there as the simulated one does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from execution.errors import VenueError, VenueRefused
from execution.types import Mode, OrderState, OrderType, Side
from execution.venues.connections import Connections
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks import quirks_of
from execution.venues.venue import Report, go
from tests.doubles.binance import BinanceServer
from tests.doubles.binance import Fault as Bytes
from tests.execution.venues.exchange.setup import BTC, an_order, key_of, venue_at
from tests.simulation.client import Line, Network, SimVenue
from tests.simulation.exchange import D, Exchange, Row, ask_at
from tests.simulation.faults import FAULTS, Fault
from tests.simulation.profiles import PROFILES, prompt

Ask = Callable[[Any], Awaitable[Any]]
_KINDS = {"answered": "answer", "dropped": "drop", "cut off": "truncate", "silent": "hang"}
QUICK = {"timeout_on_exit": 1, "timeout": 400}  # milliseconds
READS = ("GET order", "GET openOrders", "GET allOrders", "GET myTrades")


def sent_by(fault: Fault, *, done: bool) -> Bytes:
    """The row as the loopback exchange sends it."""
    return Bytes(
        kind=_KINDS[fault.ends],
        status=fault.status or 200,
        body=fault.body,
        content_type=fault.kind,
        headers=dict(fault.headers),
        process=done,
    )


async def make(
    exchange: BinanceServer, fault: Fault, endpoints: tuple[str, ...], done: bool
) -> None:
    """Let the next requests meet this row; a GET twice, since the network library repeats it."""
    if fault.ends == "unreachable":
        await exchange.stop()
        return
    for endpoint in endpoints:
        exchange.fail(endpoint, sent_by(fault, done=done), times=2)


@pytest.fixture
async def venue(exchange: BinanceServer) -> Any:
    """The product's venue, which loses patience soon."""
    made = venue_at(exchange, overrides=exchange.ccxt_overrides() | QUICK)
    await made.open()
    yield made
    exchange.release()
    await made.close()


@pytest.fixture
async def exchange() -> Any:
    async with BinanceServer() as server:
        yield server


ROWS = [pytest.param(fault, id=name) for name, fault in FAULTS.items()]


def both_ways() -> list[Any]:
    """Every row, with the request done all the same and without, where both can be."""
    return [
        pytest.param(fault, done, id=f"{name}{', but done' if done else ''}")
        for name, fault in FAULTS.items()
        for done in (False, True)
        if not (done and fault.ends == "unreachable")
    ]


@pytest.mark.parametrize(("fault", "done"), both_ways())
async def test_an_order_meets_it(
    venue: ExchangeVenue, exchange: BinanceServer, fault: Fault, done: bool
) -> None:
    await make(exchange, fault, ("POST order",), done)
    with pytest.raises(VenueError) as problem:
        await venue.send(an_order(venue))
    assert type(problem.value) is fault.to_send
    assert len(exchange.account.accepted) == done
    assert len(exchange.asked("POST order")) == (fault.ends != "unreachable")


@pytest.mark.parametrize("fault", ROWS)
async def test_a_look_up_meets_it_in_any_of_its_places(
    venue: ExchangeVenue, exchange: BinanceServer, fault: Fault
) -> None:
    for endpoint in READS:
        await make(exchange, fault, (endpoint,), done=False)
        with pytest.raises(VenueError) as problem:
            await venue.find(key_of(an_order(venue)))
        assert type(problem.value) is fault.to_ask, endpoint
        exchange.forget_faults()
        venue = await _anew(venue, exchange, fault)
    await venue.close()


async def _anew(venue: ExchangeVenue, exchange: BinanceServer, fault: Fault) -> ExchangeVenue:
    """The venue without the silence that the last answer asked for."""
    if fault.ends == "unreachable":
        await exchange.start()
    exchange.release()
    await venue.close()
    made = venue_at(exchange, overrides=exchange.ccxt_overrides() | QUICK)
    await made.open()
    return made


@pytest.mark.parametrize("fault", ROWS)
async def test_a_cancel_meets_it(
    venue: ExchangeVenue, exchange: BinanceServer, fault: Fault
) -> None:
    order = an_order(venue)
    await venue.send(order)
    await make(exchange, fault, ("DELETE order",), done=False)
    with pytest.raises(VenueError) as problem:
        await venue.cancel(key_of(order))
    assert type(problem.value) is fault.to_ask


@pytest.mark.parametrize("fault", ROWS)
async def test_ccxt_raises_what_the_table_says(exchange: BinanceServer, fault: Fault) -> None:
    connections = Connections(
        "binance",
        Mode.LIVE,
        credentials={"apiKey": exchange.api_key, "secret": exchange.secret},
        overrides=exchange.ccxt_overrides() | QUICK,
        quirks=quirks_of("binance"),
        clock=lambda: datetime.now(UTC),
    )
    await connections.open()
    seen: list[Exception] = []

    async def ask(orders: Any) -> Any:
        try:
            return await orders.create_order(BTC, "limit", "buy", "0.001", "50000")
        except Exception as error:
            seen.append(error)
            raise

    await make(exchange, fault, ("POST order",), done=False)
    with suppress(VenueError):
        await connections.send(ask, go)
    exchange.release()
    await connections.close()
    (error,) = seen
    assert type(error).__name__ == (fault.raises or "ValueError")
    if fault.cause:
        causes = {kind.__name__ for kind in type(error.__cause__).__mro__}
        assert fault.cause in causes


Here = tuple[ExchangeVenue, Callable[[Decimal], None]]
"""The product's venue at an exchange, and what moves the market there."""


class Nobody:
    """A process that does nothing but ask."""

    def point(self, name: str) -> None:
        """It never dies."""

    passed = point

    def leaves(self, asked: Row) -> None:
        """Nobody judges it."""


class Quick(Network):
    """The network, always quick; but no two things happen in the same millisecond."""

    def seconds(self) -> float:
        return 0.002


@pytest.fixture
async def simulated() -> AsyncIterator[Here]:
    """At the simulated exchange."""
    clock = lambda: datetime.now(UTC)  # noqa: E731  # as everywhere it is given
    profile = prompt(PROFILES["ids unique while open"])
    there = Exchange(profile, Random(0), clock, print, whole=1.0)
    made = SimVenue(Line(Nobody(), Quick(Random(0)), there, clock, print, pytest.fail))
    await made.open()
    yield made, lambda bid: there.move(BTC, bid)
    await made.close()


@pytest.fixture
async def at_the_double(exchange: BinanceServer) -> AsyncIterator[Here]:
    """The same over ccxt at the loopback exchange."""

    def move(bid: Decimal) -> None:
        exchange.account.set_book("BTCUSDT", bid=f"{bid}", ask=f"{ask_at(bid)}")

    exchange.account.deposit("BTC", "5")
    move(D(60_000))
    made = venue_at(exchange)
    await made.open()
    yield made, move
    await made.close()


WAITING = [
    pytest.param(kind, side, stop, limit, beyond, id=f"{kind} {side}")
    for kind, side, stop, limit, beyond in (
        (OrderType.STOP, Side.SELL, 59_000, None, 58_000),
        (OrderType.STOP, Side.BUY, 61_000, None, 62_000),
        (OrderType.STOP_LIMIT, Side.SELL, 59_000, 58_500, 58_600),
        (OrderType.STOP_LIMIT, Side.SELL, 59_000, 58_500, 58_400),
        (OrderType.STOP_LIMIT, Side.BUY, 61_000, 61_500, 61_300),
        (OrderType.TAKE_PROFIT, Side.SELL, 61_000, None, 62_000),
        (OrderType.TAKE_PROFIT, Side.BUY, 59_000, None, 58_000),
        (OrderType.TAKE_PROFIT_LIMIT, Side.SELL, 61_000, 60_900, 61_100),
        (OrderType.TAKE_PROFIT_LIMIT, Side.BUY, 59_000, 59_100, 58_000),
    )
]


@pytest.mark.parametrize(("kind", "side", "stop", "limit", "beyond"), WAITING)
async def test_an_order_that_waits_is_told_as_the_simulated_exchange_tells_it(
    simulated: Here,
    at_the_double: Here,
    kind: OrderType,
    side: Side,
    stop: int,
    limit: int | None,
    beyond: int,
) -> None:
    price = None if limit is None else D(limit)
    terms = {"type": kind, "side": side, "stop_price": D(stop), "price": price}
    told = [
        [fact async for fact in _life(here, move, terms, D(beyond))]
        for here, move in (at_the_double, simulated)
    ]
    assert told[0] == told[1]
    assert told[0][1].state is OrderState.WORKING


async def _life(
    venue: ExchangeVenue,
    move: Callable[[Decimal], None],
    terms: dict[str, Any],
    beyond: Decimal,
) -> AsyncIterator[Any]:
    """What an exchange tells of two orders that wait, one canceled and one fired, and of a third that
    comes when the market is past its stop price."""

    def same(shown: Report | None) -> Report | None:
        return None if shown is None else shown.evolve(venue_order_id="", at=None)

    gone, order, late = (an_order(venue, number, **terms) for number in (1, 2, 3))
    yield same(await venue.send(order))
    yield same(await venue.find(key_of(order)))
    await venue.send(gone)
    held = await venue.balances()
    yield [held[asset].locked for asset in ("BTC", "USDT") if asset in held]
    await venue.cancel(key_of(gone))
    yield same(await venue.find(key_of(gone)))
    move(beyond)
    yield same(await venue.find(key_of(order)))
    yield [same(one) for one in await venue.open_orders([BTC])]
    yield [(one.amount, one.price) for one in await venue.trades(key_of(order))]
    with pytest.raises(VenueRefused) as refused:
        await venue.send(late)
    yield str(refused.value)
