"""Short stories without chance, each of which is lived through again with a death at every place.

A scenario is a coroutine over a `World`. Whoever asks for something in it asks until it is answered, as
senders and people do, so that it comes to its end whichever process dies on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any

from execution import replacing
from execution.breaker import BreakerState
from execution.config import Config
from execution.desk import Answer
from execution.editing import Change
from execution.errors import NotPossible
from execution.receiving import SignalKey
from execution.types import (
    OnTimeout,
    OrderState,
    OrderType,
    Side,
    Signal,
    Size,
    SizeKind,
    Ticket,
    TicketState,
    VoteKind,
)
from tests.simulation.process import CONFIG, Process
from tests.simulation.profiles import PROFILES, prompt
from tests.simulation.story import ANA, OLGA
from tests.simulation.world import World
from tests.virtual_time import passes

D = Decimal
BINANCE = prompt(PROFILES["ids unique while open"])
"""An exchange on a good day."""
KILLED = "Ana types /kill"
PRICES = ("GET ticker", "GET account", "GET markets")

Scenario = Callable[[World], Coroutine[object, object, None]]


# What a scenario is made of


async def signaled(
    world: World, *, source: str = "tv", price: str | None = None, **fields: Any
) -> Ticket:
    """A sender sends a signal until it is answered; its ticket, once there is one."""
    id = world.new_id()
    given: dict[str, Any] = {
        "side": Side.BUY,
        "price": None if price is None else D(price),
        "size": Size(kind=SizeKind.AMOUNT, value=D("0.01")),
    }
    signal = Signal(
        id=id,
        source=source,
        received_at=world.clock(),
        symbol="BTC/USDT",
        **given | fields,
    )
    key = SignalKey(value=id, keeps=timedelta(days=1))
    digest = sha256(id.encode()).hexdigest()
    await world.insist(lambda process: process.desk.accept(signal, keys=[key], digest=digest))
    found: list[Ticket] = []

    def made() -> bool:
        found[:] = world.read(lambda tx: tx.tickets.newest(limit=1, signal=id))
        return bool(found)

    await world.until(made)
    return found[0]


async def approved(world: World, ticket: Ticket) -> None:
    """Ana taps Approve until she is answered."""

    async def tap(process: Process) -> Answer:
        return await process.desk.vote(
            ticket.id, revision=ticket.revision, person=ANA, kind=VoteKind.APPROVE
        )

    await world.insist(tap)


async def halted(world: World) -> None:
    """Ana types /kill until she is answered."""
    await world.insist(lambda process: process.desk.halt(person=ANA, reason=""))


async def resumed(world: World) -> None:
    """Olga types /resume until trading is active."""

    async def resume(process: Process) -> None:
        try:
            await process.desk.resume(person=OLGA)
        except NotPossible:
            world.tell("resumed already")

    await world.insist(resume)


def ended(world: World, ticket: Ticket) -> bool:
    """Whether nothing more will come of a ticket."""
    now = world.read(lambda tx: tx.tickets.get(ticket.id))
    return now is not None and now.state not in {TicketState.APPROVED, TicketState.WORKING}


async def taken(world: World, ticket: Ticket) -> None:
    """Wait until the exchange has the ticket's order, or it will never have it."""
    await world.until(lambda: world.exchange.orders or ended(world, ticket))


# The scenarios


async def an_order_is_approved_and_filled(world: World) -> None:
    world.room.away = False
    await world.start()
    await approved(world, await signaled(world))


async def an_answer_is_lost_and_the_order_found(world: World) -> None:
    await world.start()
    world.network.planned.append(("send", "connection dropped", True))
    await signaled(world, source="straight")


async def a_resting_order_is_canceled_while_it_fills(world: World) -> None:
    await world.start()
    ticket = await signaled(world, source="straight", price="59900")
    await taken(world, ticket)

    async def cancel(process: Process) -> None:
        await process.desk.cancel(ticket.id, person=OLGA)

    await world.insist(cancel)
    world.exchange.move("BTC/USDT", D(59_800))


async def a_halt_finds_an_order_at_the_exchange(world: World) -> None:
    await world.start()
    await taken(world, await signaled(world, source="straight", price="59000"))
    await halted(world)
    await world.settle(told=False)
    await resumed(world)


async def a_halt_finds_an_order_in_doubt(world: World) -> None:
    await world.start()
    world.network.planned.append(("send", "no answer", True))
    ticket = await signaled(world, source="straight", price="59000")
    await taken(world, ticket)
    await halted(world)
    await world.settle(told=False)
    await resumed(world)


async def a_position_is_flattened_in_parts(world: World) -> None:
    world.exchange.shares.extend([D(1), D("0.5"), D(1)])
    await world.start()
    ticket = await signaled(world, source="straight")
    await world.until(lambda: ended(world, ticket))
    await world.insist(lambda process: process.desk.halt(person=ANA, reason="", flatten=True))
    await world.settle(told=False)
    assert not world.read(lambda tx: tx.positions.open())
    await resumed(world)


async def a_stop_gives_way_to_a_closing_stands_again_and_fires(world: World) -> None:
    await world.start()
    entry = await signaled(world, source="straight")
    await world.until(lambda: ended(world, entry))
    stop = {"side": Side.SELL, "type": OrderType.STOP, "stop_price": D(59_000), "size": None}
    ticket = await signaled(world, source="straight", **stop)
    await world.until(lambda: _a_stop_waits(world) or ended(world, ticket))

    async def close(process: Process) -> None:
        try:
            await process.desk.close("BTC/USDT", D("0.5"), person=ANA)
        except NotPossible:
            world.tell("nothing is to be closed, or it is being closed already")

    await world.insist(close)
    await world.settle(told=False)
    world.exchange.move("BTC/USDT", D(58_500))
    await world.until(lambda: ended(world, ticket))


def _a_stop_waits(world: World) -> bool:
    return any(order.waits for order in world.exchange.orders)


async def a_resting_order_is_changed_while_it_fills(world: World) -> None:
    await world.start()
    old = await signaled(world, source="straight", price="59000")
    await world.until(lambda: _rests(world, old) or ended(world, old))
    change = Change(price=D(58_900))
    await world.insist(lambda process: process.desk.replace(old.id, person=ANA, change=change))
    await world.until(lambda: _in_the_place_of(world, old) or ended(world, old))
    for new in _in_the_place_of(world, old)[:1]:
        await approved(world, new)
    world.exchange.shares.append(D("0.4"))
    world.exchange.move("BTC/USDT", D(58_950))
    world.exchange.move("BTC/USDT", D(60_000))
    await world.until(lambda: ended(world, old))


def _rests(world: World, ticket: Ticket) -> bool:
    now = world.read(lambda tx: tx.tickets.get(ticket.id))
    return now is not None and world.read(lambda tx: replacing.rests(tx, now))


def _in_the_place_of(world: World, old: Ticket) -> list[Ticket]:
    """The tickets that are to replace one, the newest first."""
    found = world.read(lambda tx: tx.tickets.newest(limit=9))
    return [ticket for ticket in found if ticket.replaces == old.id]


async def a_part_fills_and_the_rest_is_priced_anew(world: World) -> None:
    world.config = timing_out(OnTimeout.REPRICE)
    await _fill_in_parts(world)


async def a_part_fills_and_the_rest_takes_the_market(world: World) -> None:
    world.config = timing_out(OnTimeout.MARKET)
    await _fill_in_parts(world)


async def _fill_in_parts(world: World) -> None:
    """The first order and each that carries it on get a third of what they ask for."""
    world.exchange.shares.extend([D("0.3"), D("0.3"), D("0.3"), D(1)])
    await world.start()
    await taken(world, await signaled(world, source="straight"))


async def an_order_waits_while_the_exchange_is_lost(world: World) -> None:
    await world.start()
    ticket = await signaled(world, source="straight", price="59000")
    await taken(world, ticket)
    world.network.weather["ask"] = (1.0, ("no answer", "unreachable"))
    await world.until(lambda: _breaker(world) is BreakerState.OPEN)
    await world.insist(lambda process: process.desk.cancel(ticket.id, person=OLGA))
    world.network.weather.clear()


def _breaker(world: World) -> BreakerState:
    return world.read(lambda tx: tx.breakers.of("main")).state


def timing_out(what: OnTimeout) -> Config:
    """House rules under which an order rests for a moment."""
    prices = CONFIG.prices.evolve(order_timeout=timedelta(seconds=3), on_timeout=what)
    return CONFIG.evolve(prices=prices)


SCENARIOS: list[Scenario] = [
    an_order_is_approved_and_filled,
    an_answer_is_lost_and_the_order_found,
    a_resting_order_is_canceled_while_it_fills,
    a_halt_finds_an_order_at_the_exchange,
    a_halt_finds_an_order_in_doubt,
    a_position_is_flattened_in_parts,
    a_stop_gives_way_to_a_closing_stands_again_and_fires,
    a_resting_order_is_changed_while_it_fills,
    a_part_fills_and_the_rest_is_priced_anew,
    a_part_fills_and_the_rest_takes_the_market,
    an_order_waits_while_the_exchange_is_lost,
]


# Living through them


def lived_through(scenario: Scenario, *dies_at: int) -> World:
    """The scenario with deaths at these places, its end included.

    Unless it lets the chat in, people are told of it when it is over, so that most places to die are
    about orders.

    Raises:
        Violation: something does not hold.
    """
    return _lived_through(scenario, dies_at)[0]


def places(scenario: Scenario, *dies_at: int) -> list[int]:
    """Where a process of this scenario can die, after those deaths, so that it makes a difference."""
    world, count = _lived_through(scenario, dies_at)
    first = max(dies_at, default=0) + 1
    return [
        n
        for n, name in enumerate(world.points[:count], 1)
        if n >= first and not _changes_nothing(name)
    ]


def _changes_nothing(place: str) -> bool:
    """Whether dying there is dying at the place before: a question changes nothing until it is answered."""
    return place.startswith(PRICES) or (place.startswith("GET") and not place.endswith("answered"))


def halted_during(scenario: Scenario, place: int) -> World:
    """The scenario with a /kill of Ana's at this place, its end included.

    Raises:
        Violation: something does not hold.
    """
    asking: set[asyncio.Task[None]] = set()

    def kill(world: World) -> None:
        world.tell(KILLED)
        asking.add(asyncio.get_running_loop().create_task(halted(world)))

    def foretell(world: World) -> None:
        world.foretell(after=place, deed=partial(kill, world))

    world, _ = _lived_through(scenario, (), foretell)
    assert all(task.done() for task in asking), "who types /kill is answered"
    return world


def _lived_through(
    scenario: Scenario, dies_at: tuple[int, ...], fate: Callable[[World], None] = lambda world: None
) -> tuple[World, int]:
    """The world, and how many places there were until only telling was left."""

    async def all_of_it(world: World) -> int:
        world.room.away = True
        await scenario(world)
        await passes(1)
        await world.settle(told=not world.room.away)
        count = len(world.points)
        world.room.away = False
        await world.settle()
        world.judge()
        states = world.read(lambda tx: {order.state for order in tx.orders.newest(limit=9)})
        assert OrderState.STUCK not in states
        return count

    world = World(1, BINANCE, dies_at=dies_at)
    fate(world)
    return world, world.live(all_of_it)
