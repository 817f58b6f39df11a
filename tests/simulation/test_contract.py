"""What entitles the simulation to its faults: the real ccxt, given these bytes, does what the table says.

The product's venue and connections run over ccxt against the loopback exchange. Each row is met by an
order, by each look-up and by a cancel.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from execution.errors import VenueError
from execution.types import Mode
from execution.venues.connections import Connections
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks import quirks_of
from execution.venues.venue import go
from tests.doubles.binance import BinanceServer
from tests.doubles.binance import Fault as Bytes
from tests.execution.venues.exchange.setup import BTC, an_order, key_of, venue_at
from tests.simulation.faults import FAULTS, Fault

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
