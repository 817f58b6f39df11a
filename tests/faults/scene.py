"""Where a fault case is played: the simulation's world with all chance taken out of it.

`@case` makes a test of a story: what happens is told step by step, then the faults are over, everything
comes to an end, and the invariants are judged as after any seed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from html import unescape
from random import Random
from typing import Any

from bot.clock import Clock
from execution.desk import Person
from execution.errors import StoreUnavailable
from execution.events import EventKind
from execution.figures import THIN
from execution.outcome import Answer
from execution.receiving import SignalKey
from execution.types import (
    Order,
    OrderState,
    OrderType,
    Side,
    Signal,
    Size,
    SizeKind,
    Ticket,
    TicketState,
    TimeInForce,
    VoteKind,
)
from tests.simulation.client import Network
from tests.simulation.exchange import LOOK_UPS, Accepted, Exchange, Look, Row, Trade
from tests.simulation.process import Process
from tests.simulation.profiles import PROFILES, prompt
from tests.simulation.story import ANA, OLGA
from tests.simulation.world import World
from tests.virtual_time import VirtualLoop, passes

D = Decimal
BTC = "BTC/USDT"
ALL_OF_IT = D(1)
RESTS = "59000"
"""A price at which a buy rests; the market stands at 60000."""


class Certain(Random):
    """Chance that always comes out the same."""

    def __init__(self, always: float) -> None:
        super().__init__()
        self._always = always

    def random(self) -> float:
        """The same as ever."""
        return self._always


@dataclass
class Stage(Exchange):
    """The exchange, doing what it is told: every delay is exactly its profile's."""

    takes: Decimal = ALL_OF_IT
    """Which share of an order that crosses the market is traded at once."""
    deaf: bool = False
    """Whether it answers cancels and cancels nothing."""
    faster: bool = False
    """Whether the market is faster than the next cancel."""

    def cancel(self, order_id: str, client_id: str | None) -> Row:
        """As the exchange does, unless it is `deaf` or the market `faster`."""
        order = self._named(order_id, client_id)
        if self.faster and order is not None and order.is_open:
            self.faster = False
            self.fill(order)
        if self.deaf:
            return self.order(order_id, client_id)
        return super().cancel(order_id, client_id)

    def fill(self, order: Accepted, share: str = "1") -> None:
        """The market takes this share of what is left of an order."""
        self._fill(order, D(share))

    def fill_late(self, order: Accepted) -> None:
        """An order that had ended turns out to have been filled before."""
        now, at = order.now, self._instant()
        amount = order.amount - now.filled
        spent = now.spent + amount * order.held_at
        order.looks.append(Look(at=at, status="closed", filled=order.amount, spent=spent))
        number = str(1 + len(self.trades))
        self.trades.append(Trade(number, order, amount, order.held_at, at, shows_at=at))

    def _appearing(self, now: datetime) -> dict[str, datetime]:
        return dict.fromkeys(LOOK_UPS, now + self.profile.appears_within)

    def _up_to(self, longest: timedelta) -> timedelta:
        return longest

    def _share(self) -> Decimal:
        return self.takes


class Wire(Network):
    """The network, where a request is late only when a case says so."""

    delays: list[float]

    def delay(self, longest: float) -> float:
        """How much later than usual the next request without an answer arrives."""
        return self.delays.pop(0) if self.delays else 0.0


class Scene(World):
    """One desk, its exchange and its chat, and whatever goes wrong."""

    exchange: Stage
    network: Wire

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        """How far the machine's clock is ahead of the exchange's."""
        super().__init__(1, prompt(PROFILES["ids unique while open"]))
        self._clock = Clock(self._wall, lambda: self.now)
        self.network = Wire(Certain(0.5))
        self.network.delays = []
        self.exchange = Stage(self.exchange.profile, Certain(0.5), super().clock, self.tell)
        self.moments: list[tuple[float, str]] = []
        """When a process was where."""
        self.breaks: str | None = None
        """How the invariant begins that cannot hold in this case."""
        self._before_order: Callable[[Row], None] = lambda asked: None

    # What goes wrong

    def meets(self, kind: str, *faults: str, done: bool = False, late: float = 0) -> None:
        """The next requests to `send`, `cancel` or `ask` meet these faults; `done` all the same,
        or so many seconds `late`."""
        self.network.planned += [(kind, fault, done or late > 0) for fault in faults]
        self.network.delays += [late] * len(faults)

    def weather(self, fault: str, *kinds: str) -> None:
        """From now on every request of these kinds, or of all, meets this fault."""
        for kind in kinds or ("send", "cancel", "ask"):
            self.network.weather[kind] = (1.0, (fault,))

    def good_weather(self) -> None:
        """The network is as it should be."""
        self.network.weather.clear()

    def is_like(self, kind: str = "", **changes: Any) -> None:
        """The exchange is of this kind of `PROFILES`, or its profile is changed so."""
        profile = prompt(PROFILES[kind]) if kind else self.exchange.profile
        self.exchange.profile = replace(profile, **changes)

    def at(self, process: Process, name: str) -> bool:
        """A process is here; whether it dies of it."""
        self.moments.append((self.now, name))
        return super().at(process, name)

    def before_an_order(self, act: Callable[[Row], None]) -> None:
        """Whenever an order is about to leave."""
        self._before_order = act

    def leaving(self, process: Process, asked: Row) -> None:
        """An order is about to leave."""
        super().leaving(process, asked)
        self._before_order(asked)

    def violated(self, what: str) -> None:
        """Something does not hold, unless the case is about just that."""
        if self.breaks is None or not what.startswith(self.breaks):
            super().violated(what)

    @contextmanager
    def database_takes_nothing(self) -> Iterator[None]:
        """No write is stored for as long as the block; reads go on."""
        self.lose_database()
        try:
            yield
        finally:
            self.find_database()

    def change_the_journal(self, statement: str) -> None:
        """Somebody with the file and without the key edits what was recorded."""
        triggers = self.rows.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            self.rows.execute(f"DROP TRIGGER {name}")
        self.rows.execute(statement)
        for _, sql in triggers:
            self.rows.execute(sql)

    def clock(self) -> datetime:
        """The time of day as the process knows it: by the product's own clock."""
        return self._clock()

    async def start(self) -> None:
        """Start a process on what the last one left."""
        self._clock = Clock(self._wall, lambda: self.now)
        await super().start()

    def _wall(self) -> datetime:
        return super().clock() + self.ahead

    def stand_still(self, seconds: float) -> None:
        """The process does nothing at all for so long; the world goes on."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop), "time passes in `live`"
        loop.leap(seconds)

    # What people and senders do

    async def accept(self, *, source: str = "straight", **fields: Any) -> str:
        """A signal arrives, of a buy of 0.01 BTC unless `fields` say otherwise; its id.

        With a price its order rests until somebody cancels it.
        """
        if "price" in fields:
            fields = {"time_in_force": TimeInForce.GTC} | fields | {"price": D(fields["price"])}
        size = Size(kind=SizeKind.AMOUNT, value=D(fields.pop("amount", "0.01")))
        given: dict[str, Any] = {"symbol": BTC, "side": Side.BUY, "size": size} | fields
        id = self.new_id()
        sent = Signal(id=id, source=source, received_at=self.clock(), **given)
        key = SignalKey(value=id, keeps=timedelta(days=1))
        digest = sha256(id.encode()).hexdigest()
        await self.insist(lambda process: process.desk.accept(sent, keys=[key], digest=digest))
        return id

    async def accept_in_vain(self) -> None:
        """A signal arrives and cannot be stored: whoever sent it is told so."""
        with suppress(StoreUnavailable):
            sent = Signal(id=self.new_id(), source="desk", received_at=self.clock(), symbol=BTC)
            assert self.process is not None, "somebody listens"
            await self.process.desk.accept(sent, keys=[], digest="")

    async def ticket_of(self, signal: str) -> Ticket:
        """The ticket a signal has become, once it has."""
        found: list[Ticket] = []

        def made() -> bool:
            found[:] = self.read(lambda tx: tx.tickets.newest(limit=1, signal=signal))
            return bool(found)

        await self.until(made)
        return found[0]

    async def signal(self, **fields: Any) -> Ticket:
        """A signal arrives, as `accept` says; its ticket."""
        return await self.ticket_of(await self.accept(**fields))

    async def tap(self, ticket: Ticket, person: Person = ANA) -> Answer:
        """Somebody taps Approve until they are answered."""
        return await self.insist(
            lambda process: process.desk.vote(
                ticket.id, revision=ticket.revision, person=person, kind=VoteKind.APPROVE
            )
        )

    async def working(self, **fields: Any) -> Ticket:
        """An order of ours that rests at the exchange."""
        ticket = await self.signal(**{"price": RESTS} | fields)
        await self.until(lambda: self.order(ticket).state is OrderState.WORKING)
        return ticket

    async def in_doubt(self, *, done: bool, **fields: Any) -> Ticket:
        """An order whose answer was lost; `done` when the exchange has it."""
        self.meets("send", "connection dropped", done=done)
        ticket = await self.signal(**{"price": RESTS} | fields)
        await self.passes_until(lambda: self.state(ticket) is OrderState.IN_DOUBT)
        return ticket

    async def planned(self, **fields: Any) -> Ticket:
        """An order at the market, or as `fields` say, whose first request reached nobody: it has not left."""
        self.meets("send", "unreachable")
        ticket = await self.signal(**fields or {"type": OrderType.MARKET})
        await self.passes_until(lambda: self.state(ticket) is OrderState.PLANNED and self.sent)
        return ticket

    async def halt(self) -> None:
        """Ana types /kill until she is answered."""
        await self.insist(lambda process: process.desk.halt(person=ANA, reason=""))

    async def cancel(self, ticket: Ticket) -> None:
        """Olga cancels a ticket."""
        await self.insist(lambda process: process.desk.cancel(ticket.id, person=OLGA))

    # What is seen

    async def passes(self, seconds: float) -> None:
        """So much time goes by."""
        await passes(seconds)

    async def passes_until(self, is_so: Callable[[], object]) -> None:
        """Wait for something, looking closely, within a minute."""
        end = self.now + 60
        while not is_so():
            assert self.now < end, "not within a minute"
            await passes(0.01)

    def latest(self, ticket: Ticket) -> Ticket:
        """A ticket as it stands."""
        found = self.read(lambda tx: tx.tickets.get(ticket.id))
        assert found is not None, "nothing forgets a ticket"
        return found

    def order(self, ticket: Ticket) -> Order:
        """A ticket's newest order."""
        return self.read(lambda tx: tx.orders.of_ticket(ticket.id))[-1]

    def state(self, ticket: Ticket) -> OrderState | None:
        """The state of a ticket's order; None while it has none."""
        found = self.read(lambda tx: tx.orders.of_ticket(ticket.id))
        return found[-1].state if found else None

    def happened(self, kind: EventKind) -> int:
        """How often the journal says so."""
        return self.read(lambda tx: tx.journal.count(kind))

    def filled(self, ticket: Ticket) -> Decimal:
        """How much of a ticket is booked as filled."""
        fills = self.read(lambda tx: tx.fills.of_tickets([ticket.id])).get(ticket.id, [])
        return sum((fill.amount for fill in fills), D(0))

    def external(self) -> int:
        """How many open orders at the exchange are not ours, as far as we know."""
        assert self.process is not None, "somebody looks"
        return self.process.market.feed("main").external

    async def ends(self, ticket: Ticket, state: str, *, within: float = 180) -> Ticket:
        """A ticket once it has come to this state, and people have been told."""
        await self.until(lambda: self.latest(ticket).state is TicketState(state), seconds=within)
        return self.latest(ticket)

    @property
    def sent(self) -> int:
        """How many requests with an order left us."""
        return self.requests().count("POST order")

    @property
    def deaths(self) -> int:
        """How often a process died in the middle of something."""
        return sum("the process died: " in line for line in self.trace)

    def requests(self, *, since: float = 0, seconds: float = 9999) -> list[str]:
        """What we asked the exchange, after that moment and for so long."""
        methods = ("GET ", "POST ", "DELETE ")
        return [
            name.removesuffix(" leaves")
            for at, name in self.moments
            if since < at < since + seconds
            and name.startswith(methods)
            and name.endswith(" leaves")
        ]

    def last(self, point: str) -> float:
        """When a process was at this point last."""
        return max(at for at, name in self.moments if name == point)

    @property
    def said(self) -> str:
        """Everything in the chat, as one reads it."""
        return unescape(re.sub(r"<[^>]+>", "", "\n".join(self.room.said))).replace(THIN, " ")

    async def hears(self, part: str, *, within: float = 60) -> None:
        """The chat says this, now or soon."""
        await self.until(lambda: part in self.said, seconds=within)

    async def works_once(self, ticket: Ticket) -> None:
        """A ticket's order is found to work, and it is the only one that was ever sent."""
        await self.until(lambda: self.state(ticket) is OrderState.WORKING)
        assert self.sent == len(self.exchange.orders) == 1

    def halted(self) -> bool:
        """Whether trading is halted."""
        return self.read(lambda tx: tx.trading().halt) is not None

    def proved(self) -> bool:
        """Whether a halt is proved."""
        halt = self.read(lambda tx: tx.trading().halt)
        return halt is not None and halt.verified_at is not None


Story = Callable[[Scene], Coroutine[Any, Any, None]]


def case(story: Story) -> Callable[[], None]:
    """A test that plays this story to its end and judges it."""

    async def to_its_end(scene: World) -> None:
        assert isinstance(scene, Scene), "made here"
        await story(scene)
        scene.good_weather()
        scene.network.planned.clear()
        scene.room.away = scene.exchange.deaf = False
        await scene.settle()
        scene.judge()

    def test() -> None:
        Scene().live(to_its_end)

    test.__name__ = test.__qualname__ = story.__name__
    test.__module__, test.__doc__ = story.__module__, story.__doc__
    return test
