"""One desk, its exchange and its chat on virtual time, from a seed: what happened is in `trace`.

`live` runs a coroutine in it. The exchange and the chat outlive the process, which is started, stopped
and killed; it can be told to die at the n-th place where it touches anything outside itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import Any, TypeVar

from execution import orders
from execution.config import Config
from execution.errors import StoreUnavailable, VenueError
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.types import OrderState
from execution.venues.venue import Venue
from tests.databases import new_database
from tests.simulation import invariants
from tests.simulation.client import Line, Network, SimVenue
from tests.simulation.exchange import Accepted, Exchange, Row
from tests.simulation.lives import Lives
from tests.simulation.process import CONFIG, JOURNAL_KEY, Process, Room, SimCrash
from tests.simulation.profiles import Profile
from tests.simulation.streams import Kind, Streams
from tests.virtual_time import VirtualLoop, passes

T = TypeVar("T")
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MEMORY = Path("/dev/shm")
DOZES = 4.0
"""Seconds that are skipped again and again while all there is to do is wait: a seed takes half as long."""


class OneThread(VirtualLoop):
    """What any thread may do is done at once: there is no other one."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Do it, or have it done by the one it is for."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        done: asyncio.Future[Any] = self.create_future()
        done.set_result(func(*args))
        return done


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass
class Fate:
    """What happens to a process at one of the next places it comes to."""

    where: str
    after: int
    deed: Callable[[], None] | None
    """None: it dies."""


class World:
    """Everything there is."""

    def __init__(
        self,
        seed: int,
        profile: Profile,
        *,
        config: Config = CONFIG,
        dies_at: Collection[int] = (),
        venue: Callable[[Line], Venue] = SimVenue,
        streams: Kind | None = None,
        chat: bool = True,
    ) -> None:
        """`dies_at`: a process dies at each of these points, counted from one; `venue`: the product's,
        or a mutation of it; `streams`: how well the exchange tells, if it does; `chat`: whether people
        are told anything."""
        self.seed = seed
        self.config = config
        """The house rules that the next process starts with."""
        self.random = Random(seed)
        self.trace: list[str] = []
        self.points: list[str] = []
        """Where processes were, in order: each is a place to die."""
        self.dies_at = set(dies_at)
        self._fates: list[Fate] = []
        self._venue = venue
        self.chat = chat
        self.network = Network(Random(seed + 1))
        self.lives = Lives(ends=orders.ENDED)
        self.exchange = Exchange(profile, Random(seed + 2), self.clock, self.tell)
        self.exchange.on_change = self._changed
        self.streams = (
            None if streams is None else Streams(streams, Random(seed + 5), self.exchange)
        )
        self.room = Room(self.tell, Random(seed + 3))
        self.violations: list[str] = []
        self.process: Process | None = None
        self._ids = 0
        self.folder = Path(tempfile.mkdtemp(prefix="simulation-", dir=_fast_folder()))
        self._runner: asyncio.Runner | None = None
        new_database(self.folder / "desk.db")
        self.url = f"sqlite:///{self.folder / 'desk.db'}"
        self._proofs = 0
        """Halts that were called proved."""
        self._swept: set[str] = set()
        """Stops that a halt has had canceled."""
        self.rows = sqlite3.connect(self.folder / "desk.db", isolation_level=None)
        """An onlooker's own connection."""

    # What it is made of

    def clock(self) -> datetime:
        """The time of day."""
        return START + timedelta(seconds=self.now)

    def new_id(self) -> str:
        """The next id."""
        self._ids += 1
        return f"{self._ids:026d}"

    def tell(self, text: str) -> None:
        """Write down what happened."""
        self.trace.append(f"{(self.clock() - START).total_seconds():10.4f} {text}")

    def at(self, process: Process, name: str) -> bool:
        """A process is here; whether it dies of it."""
        self.points.append(name)
        if name == "before commit":
            self.lives.before_a_commit()
        dies = len(self.points) in self.dies_at
        for fate in [one for one in self._fates if name.startswith(one.where)]:
            fate.after -= 1
            if fate.after == 0:
                self._fates.remove(fate)
                dies = dies or fate.deed is None
                if fate.deed is not None:
                    fate.deed()
        return dies

    def foretell(
        self, *, after: int, where: str = "", deed: Callable[[], None] | None = None
    ) -> None:
        """At the so-many-th place of that name from here something happens; else the process dies."""
        self._fates.append(Fate(where=where, after=after, deed=deed))

    def forget_fates(self) -> None:
        """Nothing that was foretold happens any more."""
        self.dies_at.clear()
        self._fates.clear()

    def committed(self, process: Process) -> None:
        """A process wrote to its database: the rows must agree with the exchange at any time."""
        for found in (
            *invariants.at_any_time(self.rows, self.exchange),
            *invariants.swept(self.rows, self._swept),
        ):
            self.violated(found)
        self.lives.are_stored(self.rows.execute("SELECT client_order_id, state FROM orders"))
        proofs = self._count(EventKind.HALT_VERIFIED)
        if proofs > self._proofs:
            self._proofs = proofs
            for found in self.read(
                lambda tx: [*invariants.as_a_halt_is_proved(tx, self.exchange, self.network)]
            ):
                self.violated(found)

    def _count(self, kind: EventKind) -> int:
        query = "SELECT count(*) FROM events WHERE kind = ?"
        return int(self.rows.execute(query, (kind,)).fetchone()[0])

    def _comes_to(self, asked: Row, step: str) -> None:
        """A request about an order of ours is one step further."""
        client_id = asked["clientOrderId"] or next(
            (o.client_id for o in self.exchange.orders if o.id == asked["id"]), None
        )
        if client_id is not None:
            self.lives.comes_to(client_id, step)

    def _changed(self, order: Accepted) -> None:
        """The exchange did something with an order."""
        if order.client_id is not None and not order.by_hand:
            part = " in part" * (order.is_open and order.now.filled > 0)
            self.lives.comes_to(order.client_id, f"there {order.now.status}{part}")

    def leaving(self, process: Process, asked: Row) -> None:
        """An order of a process is about to leave."""
        config, pulled = process.config, process.brake.pulled
        for found in process.store.read_now(
            lambda tx: [
                *invariants.as_an_order_leaves(
                    tx, asked, config, self.exchange, self.network, pulled=pulled
                )
            ]
        ):
            self.violated(found)

    def lose_database(self) -> None:
        """From now on no write is stored; reads go on."""
        self.rows.execute("ALTER TABLE head RENAME TO aside")

    def find_database(self) -> None:
        """Writes are stored again."""
        self.rows.execute("ALTER TABLE aside RENAME TO head")

    def written(self, work: Callable[[Transaction], T]) -> T:
        """What another process on the same database writes, such as the command line's."""
        store = Store(self.url, journal_key=JOURNAL_KEY, clock=self.clock, new_id=self.new_id)
        try:
            return store.write_now(work)
        finally:
            store.close()

    def violated(self, what: str) -> None:
        """Something does not hold."""
        if what not in self.violations:
            self.violations.append(what)
            self.tell(f"VIOLATED: {what}")

    # Living in it

    def live(self, main: Callable[[World], Coroutine[Any, Any, T]]) -> T:
        """Run this to its end, then let go of everything.

        Raises:
            Violation: an invariant did not hold; it carries seed and trace.
        """
        with self.lived():
            return self.run(main(self))

    @contextmanager
    def lived(self) -> Iterator[None]:
        """As long as it lasts; what is `run` in it goes on in the background when that has returned.

        Raises:
            Violation: an invariant did not hold; it carries seed and trace.
        """
        with _listening(self), asyncio.Runner(loop_factory=OneThread) as runner:
            self._runner = runner
            runner.get_loop().set_exception_handler(self._unexpected)
            try:
                yield
                self.demand()
            except AssertionError as error:
                tail = "\n".join(self.trace)
                raise Violation(f"seed {self.seed}: {error}\n{tail}") from error
            finally:
                self.kill("the end")
                runner.run(self._bury())
                self.rows.close()
                rmtree(self.folder)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Let this be done, and whatever else happens meanwhile."""
        assert self._runner is not None, "within `lived`"
        return self._runner.run(doing)

    def demand(self) -> None:
        """Go on only while everything holds.

        Raises:
            AssertionError: something does not.
        """
        assert not self.violations, "; ".join(self.violations)

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody has waited for: the end of a dead process, or an error nobody would see."""
        error = context.get("exception")
        alive = self.process is not None and not self.process.dead
        if not isinstance(error, SimCrash) and (alive or error is not None):
            self.violated(f"{context['message']} ({error!r})")

    async def start(
        self, how: Callable[[Process], Coroutine[Any, Any, None]] = Process.start
    ) -> None:
        """Start a process on what the last one left; `how`, where it is not the service."""
        await self._bury()
        process = Process(self, self.room, self.config)
        self.process = process
        self.tell("a process starts")
        line = Line(
            process,
            self.network,
            self.exchange,
            self.clock,
            self.tell,
            self.violated,
            self.streams,
            self._comes_to,
        )
        process.build(self._venue(line))
        await self.do(how)

    async def stop(self) -> None:
        """End the process as a host asks."""
        await self.do(Process.stop)
        self.kill("stopped for good")

    def kill(self, why: str) -> None:
        """SIGKILL."""
        if self.process is not None and not self.process.dead:
            self.process.die(why)

    async def do(self, ask: Callable[[Process], Coroutine[Any, Any, T]]) -> T | None:
        """Ask the living process for something; None when it dies meanwhile, or is dead."""
        process = self.process
        if process is None or process.dead:
            return None
        asking = asyncio.create_task(ask(process))
        while not asking.done() and not process.dead:
            await asyncio.wait({asking}, timeout=0.25)
        return asking.result() if asking.done() and not process.dead else None

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Rows as they are now."""
        assert self.process is not None, "somebody has the database open"
        return self.process.store.read_now(work)

    async def insist(self, ask: Callable[[Process], Coroutine[Any, Any, T]]) -> T:
        """Ask until somebody answers, as a sender or a person does; what is dead is started again."""
        answers: list[T] = []

        async def asking(process: Process) -> None:
            answers.append(await ask(process))

        while not answers:
            await self.revive()
            await self.do(asking)
        return answers[-1]

    async def until(self, is_so: Callable[[], object], *, seconds: float = 120) -> None:
        """Let time pass until something is so; a process that dies is started again.

        Raises:
            AssertionError: it never was.
        """
        await self.revive()
        end = self.now + seconds
        while not is_so():
            assert self.now < end, f"not within {seconds} s"
            await passes(0.5)
            await self.revive()

    async def settle(self, *, seconds: float = 1800, told: bool = True) -> None:
        """Let time pass until nothing is left to do, dozing where there is nothing to do but wait;
        with `told`, until nothing is left to say either.

        Raises:
            AssertionError: something is left, after so many seconds.
        """
        await self.revive()
        end = self.now + seconds
        while left := self._left(told):
            assert self.now < end, f"not within {seconds} s: {'; '.join(left)}"
            await passes(1)
            self.doze()
            await self.revive()

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return 0.0 if self._runner is None else self._runner.get_loop().time()

    def _left(self, told: bool) -> list[str]:
        """What has to come to an end before the end can be judged."""
        left = self.read(lambda tx: [*invariants.unsettled(tx, self.exchange)])
        left += ["an order is under way"] * bool(self.network.under_way)
        if told and not left:
            left = self.read(lambda tx: [*invariants.untold(tx)])
        return left

    def doze(self) -> None:
        """Skip seconds, as a machine that sleeps does, but never the moment of a look at an order:
        what comes of a look that is a second early is what the simulation is about."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop), "`lived` made it"
        live = (*orders.LIVE, OrderState.STUCK)
        looks = [
            o.next_look_at or self.clock() for o in self.read(lambda tx: tx.orders.in_state(*live))
        ]
        next_look = min(((at - self.clock()).total_seconds() for at in looks), default=DOZES)
        loop.leap(max(0.0, min(DOZES, next_look)))

    async def revive(self) -> None:
        """Start what is dead."""
        while self.process is None or self.process.dead:
            await self.start()

    def judge(self, signals: Collection[str] = (), *, told: bool = True) -> None:
        """When all has settled: the books agree, and everything was `told`, where people were."""
        for found in self.read(
            lambda tx: [*invariants.in_the_end(tx, self.exchange, signals, told=told)]
        ):
            self.violated(found)

    async def _bury(self) -> None:
        """End every task of a process that is dead, and let go of its database."""
        process = self.process
        if process is None:
            return
        assert process.dead, "one process at a time"
        mine = asyncio.all_tasks() - {_root()}
        for task in mine:
            task.cancel()
        with suppress(SimCrash):
            await asyncio.gather(*mine, return_exceptions=True)
        process.store.close()
        self.process = None


class _Alarm(logging.Handler):
    """Every error that the product logs and did not expect is a violation."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None or isinstance(error, VenueError | StoreUnavailable | SimCrash):
            return
        self._world.violated(f"{record.getMessage()} ({error!r})")


@contextmanager
def _listening(world: World) -> Iterator[None]:
    """Let the product's logs go to the alarm and nowhere else: the trace says what happened."""
    alarm, loggers = _Alarm(world), [logging.getLogger(name) for name in ("execution", "bot")]
    for one in loggers:
        one.addHandler(alarm)
        one.propagate = False
    try:
        yield
    finally:
        for one in loggers:
            one.removeHandler(alarm)
            one.propagate = True


def _root() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None, "called from the world's own task"
    return task


def _fast_folder() -> str | None:
    """A folder in memory where there is one: what is crashed here is never the machine."""
    return str(MEMORY) if os.access(MEMORY, os.W_OK) else None
