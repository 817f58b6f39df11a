"""One process's trading side and its chat side, on virtual time, that can die at any seam.

Wired as `bot/parts.py` and `bot/app.py` do it, on the product's own classes: real store on a real file,
real desk, executor, market, reconciler, notifier. It dies at requests, at commits and at messages; what
a dead process still tries is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor as Threads
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from bot.charts import Charts
from bot.news import News
from bot.notifier import Notifier
from bot.parts import assemble
from bot.telegram.chat import Later, Sent, Tokens
from bot.telegram.faces import Face, Look
from bot.telegram.tokens import Buttons
from execution.approval import Policy, Role, Rule, When
from execution.checks import Limits
from execution.config import Config
from execution.errors import StoreUnavailable
from execution.events import EventKind
from execution.halt_file import AskedHalt, HaltFile
from execution.market import Market
from execution.pricing import PriceTerms
from execution.store import Store
from execution.types import OrderType, Size, SizeKind
from execution.venues.venue import Venue
from tests.virtual_time import passes

D = Decimal
JOURNAL_KEY = b"k" * 32

CONFIG = Config(
    policy=Policy(
        people={"tg:1": Role.OWNER, "tg:2": Role.APPROVER, "tg:3": Role.APPROVER},
        rules=(
            Rule(name="straight", when=When(sources=frozenset({"straight"})), required=0),
            Rule(name="two", when=When(sources=frozenset({"two"})), required=2),
        ),
        expires_after=timedelta(seconds=15),
    ),
    limits=Limits(max_order_notional=D(1000), max_open_orders=12),
    prices=PriceTerms(
        order_type=OrderType.LIMIT,
        slippage_tolerance=D("0.001"),
        max_price_drift=D("0.003"),
        order_timeout=timedelta(seconds=6),
    ),
    default_venue="main",
    default_size=Size(kind=SizeKind.NOTIONAL, value=D(600), in_currency=True),
    sources={},
    currency="USDT",
    zone=ZoneInfo("UTC"),
    max_retries=3,
    retry_delay=timedelta(seconds=1),
    reconcile_every=timedelta(seconds=10),
)
"""The house rules to begin with: one approval, none for `straight`, two for `two`."""


class SimCrash(BaseException):
    """The process is dead. Not an `Exception`: nothing in the product may handle it."""


class Around(Protocol):
    """What a process lives in (`world.World`)."""

    random: Random
    url: str
    chat: bool

    def clock(self) -> Any: ...
    def new_id(self) -> str: ...
    def tell(self, text: str) -> None: ...
    def violated(self, what: str) -> None: ...
    def at(self, process: Process, name: str) -> bool:
        """A process is here; whether it dies of it."""

    def committed(self, process: Process) -> None:
        """A process wrote to its database."""

    def leaving(self, process: Process, asked: dict[str, Any]) -> None:
        """An order of a process is about to leave."""


class InTurn(Threads):
    """The store's thread, as turns of the loop: one work after the other, each taking its time.

    So works still meet and share commits, and always in the same way.
    """

    def __init__(self, process: Process, *, name: str, longest: float) -> None:
        self._process = process
        self._name = name
        self._longest = longest
        self._free_at = 0.0

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do the work when its turn comes."""
        done: Future[Any] = Future()
        loop = asyncio.get_running_loop()
        takes = self._process.around.random.random() ** 4 * self._longest
        self._free_at = max(self._free_at, loop.time()) + takes

        def turn() -> None:
            if self._process.dead or not done.set_running_or_notify_cancel():
                return
            try:
                result = self._one(partial(work, *args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # as every executor: told to who waits
                done.set_exception(error)
            else:
                done.set_result(result)

        loop.call_at(self._free_at, turn)
        return done

    def _one(self, work: Callable[[], Any]) -> Any:
        self._process.point(f"before {self._name}")
        result = work()
        self._process.around.committed(self._process)
        self._process.point(f"after {self._name}")
        return result


class AtOnce(Threads):
    """The store's readers: a read is done when it is asked for."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it."""
        self._process.refuse_when_dead()
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # as every executor: told to who waits
            done.set_exception(error)
        return done


@dataclass
class Room:
    """The chat, which outlives every process: what was said, and what each message says now."""

    tell: Callable[[str], None]
    random: Random
    away: bool = False
    said: list[str] = field(default_factory=list)


class _ToRoom:
    """One process's `TelegramChat`: sends and edits that may not be taken, or be taken unanswered."""

    chat_id = -100

    def __init__(self, process: Process, room: Room) -> None:
        self._process = process
        self._room = room

    async def say(self, face: Face, tokens: Tokens, **how: Any) -> Sent:
        await self._through("message")
        self._room.said.append(face.text)
        number = len(self._room.said)
        await self._answered("message")
        return Sent(place=self.chat_id, number=number)

    async def change(self, at: Sent, face: Face, tokens: Tokens, **how: Any) -> None:
        await self._through("edit")
        self._room.said[at.number - 1] = face.text
        await self._answered("edit")

    async def _through(self, what: str) -> None:
        self._process.point(f"{what} leaves")
        await passes(self._room.random.uniform(0.02, 0.2))
        self._process.refuse_when_dead()
        if self._room.away:
            raise Later("Telegram does not answer.", seconds=2)
        self._room.tell(f"chat: {what}")

    async def _answered(self, what: str) -> None:
        self._process.point(f"{what} answered")
        if self._room.away:
            raise Later("Telegram's answer was lost.", seconds=2)


class Process:
    """One incarnation of the product."""

    def __init__(self, around: Around, room: Room, config: Config) -> None:
        self.around = around
        self.config = config
        self.dead = False
        self.began = around.clock()
        self._room = room
        self.tasks: list[asyncio.Task[None]] = []

    def build(self, venue: Venue) -> None:
        """Every part, as `bot/parts.py` builds them."""
        around, config = self.around, self.config
        self.store = Store(
            around.url,
            journal_key=JOURNAL_KEY,
            clock=around.clock,
            new_id=around.new_id,
            writer=InTurn(self, name="commit", longest=0.03),
            readers=AtOnce(self),
        )
        venues = {"main": venue}
        self.market = Market(venues, clock=around.clock, currency="USDT", at_par={"USDT", "USD"})
        side = assemble(
            store=self.store,
            market=self.market,
            venues=venues,
            config=config,
            install="simulation",
            jitter=Random(around.random.random()),
            started_at=around.clock(),
            halt_file=HaltFile.beside(around.url),
        )
        self.side, self.brake, self.desk = side, side.brake, side.desk
        self.executor, self.reconciler = side.executor, side.reconciler
        look = Look(zone=ZoneInfo("UTC"), currency="USDT", max_price_drift=D("0.003"))
        self.notifier = Notifier(
            store=self.store,
            chat=_ToRoom(self, self._room),  # type: ignore[arg-type]  # all that it is asked for
            buttons=Buttons(self.store),
            charts=Charts(),
            news=News(market=self.market, look=look, roles=config.policy.people),
        )

    async def start(self) -> None:
        """Recover, then run everything `bot/app.py` keeps running."""
        await self.executor.recover()
        await self.store.write(lambda tx: tx.journal.add(EventKind.STARTED, tx.now, version="0"))
        forever = {
            "executor": self.executor.run,
            "halts": self.side.prover.run,
            "alarms": self.side.alarms.run,
            "notifier": self.notifier.run,
            "market": partial(self.market.run, "main"),
            "reconcile": partial(self.reconciler.run, "main"),
            "expire": partial(_every_second, self.side.deadlines.expire),
            "take the HALT file": partial(_every_second, self.side.halting.take_file),
        }
        forever |= {f"streams {name}": one.run for name, one in self.side.streams.items()}
        if not self.around.chat:
            del forever["notifier"]
        self._run(forever)

    async def carry_out(self, asked: AskedHalt) -> None:
        """Halt and run what carries that out, as `countersign kill` does where no service runs."""
        self.brake.lock()
        await self.side.halting.halt(asked)
        await self.executor.recover()
        self._run(
            {
                "executor": self.executor.run,
                "halts": self.side.prover.run,
                "market": partial(self.market.run, "main"),
                "reconcile": partial(self.reconciler.run, "main"),
            }
        )

    def _run(self, forever: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]) -> None:
        for name, work in forever.items():
            self.tasks.append(asyncio.create_task(self._keep(name, work), name=name))

    async def stop(self) -> None:
        """End as SIGTERM asks."""
        await self.executor.stop()
        self.die("stopped")

    def die(self, why: str) -> None:
        """Nothing of it runs one instruction more that anybody outside could see."""
        self.dead = True
        self.around.tell(f"the process died: {why}")

    def point(self, name: str) -> None:
        """It is here now.

        Raises:
            SimCrash: it dies here, or is dead already.
        """
        self.passed(name)
        self.refuse_when_dead()

    def passed(self, name: str) -> None:
        """Something outside got here for it; it may die of it, and nothing is raised."""
        if not self.dead and self.around.at(self, name):
            self.die(name)

    def leaves(self, asked: dict[str, Any]) -> None:
        """Right before the first byte of an order."""
        self.around.leaving(self, asked)

    def refuse_when_dead(self) -> None:
        """Let nothing of a dead process through.

        Raises:
            SimCrash: it is dead.
        """
        if self.dead:
            raise SimCrash

    async def _keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a task for ever; one that fails is started again, and that is a violation."""
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001  # as `App._keep`
                self.around.violated(f"task {name} failed: {error!r}")
                await passes(1)


async def _every_second(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """As APScheduler does it: a tick that fails does not end those after it."""
    while True:
        await passes(1)
        with suppress(StoreUnavailable):
            await work()
