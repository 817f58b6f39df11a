"""A /kill at every step of the life of every order of a seed, through one door or another.

The story of a seed is told once to see the lives of its orders. Then it is told anew for as many moments as
meet every order at every step, each time up to one of them: there somebody halts, while more goes wrong.
Nothing that adds exposure may leave from then on, and the halt is proved, or said to be not done every 30 s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from math import inf
from random import Random

from execution import closing, stopping, trading
from execution.desk import Person
from execution.errors import StoreUnavailable
from execution.events import EventKind
from execution.halt_file import AskedHalt, HaltFile
from execution.store import Transaction
from execution.types import TradingState
from tests.simulation.lives import Step, covering
from tests.simulation.process import Process
from tests.simulation.story import ANA, CALM, Story, begun
from tests.simulation.themes import FOR_LOOKS
from tests.simulation.world import DOZES, World
from tests.virtual_time import passes

TOLD_AGAIN = timedelta(seconds=31)
"""A halt that is not done says so at least this often: every 30 s, in steps of one."""
PROVED_IN = timedelta(seconds=17)
"""Unless it is being proved just then: so long two looks take, three seconds apart, when the way to the
exchange and the way back take three seconds each."""
NOTICED = 1.5
"""Seconds in which a process notices a halt that another one stored, or the file."""
PATIENCE = 60
"""Seconds for which the command line follows a halt that it carries out by itself."""


class Kill:
    """A halt in the middle of a story, and what comes of it."""

    def __init__(self, story: Story, dice: Random) -> None:
        self.story = story
        self.world = story.world
        self.dice = dice
        self.door = dice.choice(list(DOORS))
        self.flatten = dice.random() < 0.3
        """Whether every position is to be closed as well."""
        self._on_the_host = AskedHalt(by="cli:ana", name="Ana", reason="", flatten=self.flatten)
        self.struck = False
        self.answered = False
        """Whether who asked was told that it holds."""
        self._file = HaltFile.beside(self.world.url)
        self._lost = False
        """Whether the database takes nothing."""
        self._waited_since = self.world.clock()
        """Since when there is somebody who could say that the halt is not done."""

    # What happens at once

    def strike(self) -> None:
        """Somebody halts, and at times more goes wrong at the same moment."""
        self.struck = True
        process = self.world.process
        if process is None or process.dead:
            self.door = self.dice.choice(["the command line alone", "the file"])
        troubles = self.dice.sample(list(TROUBLES), self.dice.choice([0, 1, 1, 2]))
        words = "KILL and flatten" if self.flatten else "KILL"
        self.world.tell(f"{words} through {self.door}; {', '.join(troubles) or 'all is well'}")
        for trouble in troubles:
            TROUBLES[trouble](self)
        DOORS[self.door](self)

    def by(self, person: Person) -> None:
        """Somebody asks the running process."""

        async def ask(process: Process) -> None:
            try:
                await process.desk.halt(person=person, reason="too wild", flatten=self.flatten)
            finally:  # where it could not be stored, they are told that it holds all the same
                self.answered = not process.dead

        self.story.ask(ask)

    def by_another_process(self) -> None:
        """The command line writes to the same database, or leaves the file where it cannot."""
        asked = self._on_the_host

        def commit(tx: Transaction) -> None:
            stopping.halt(tx, by=asked.by, name=asked.name, reason="")
            if asked.flatten:
                closing.flatten(tx, by=asked.by, name=asked.name)

        try:
            self.world.written(commit)
            self.answered = True
        except StoreUnavailable:
            self._file.write(asked)

    def alone(self) -> None:
        """There is no service: the command line carries it out, once this process is gone."""
        self.world.kill("the service is down")

    def by_file(self) -> None:
        """Somebody on the host types `touch HALT`, which cannot ask for more than a halt."""
        self.flatten = False
        self._file.path.touch()

    def lose_database(self) -> None:
        """The database takes nothing from now on."""
        self._lost = True
        self.world.lose_database()

    def lose_exchange(self) -> None:
        """The exchange cannot be reached, or does not answer."""
        fault = self.dice.choice(["unreachable", "no answer"])
        weather = dict.fromkeys(("send", "cancel", "ask"), (1.0, (fault,)))
        self.world.network.weather.update(weather)

    def lose_cancels(self) -> None:
        """Most cancels are not answered, done or not."""
        self.world.network.weather["cancel"] = (0.8, FOR_LOOKS)

    def die_soon(self) -> None:
        """The process dies at one of its next places."""
        self.world.foretell(after=self.dice.randrange(1, 15))

    # What comes of it

    async def carried_out(self) -> None:
        """From the moment it is asked for until it is proved, and over a restart."""
        if self.door == "the command line alone":
            await self._from_the_command_line()
        await self._passes(self.dice.choice([0, 0, 1, 1, 5, 20]))
        self._find_database()
        if not self._holds():
            await self._ask_again()
        self._signal()
        await self._passes(self.dice.choice([0, 0, 3, 40]))
        self._good_weather()
        await self._passes(CALM.total_seconds(), until=self._proved)
        assert self._proved(), f"not proved within {CALM}"
        halt = self.world.read(lambda tx: tx.trading().halt)
        if self.flatten and (halt is None or halt.flatten is None):
            self.world.violated("a flatten that was answered is forgotten")
        if self.dice.random() < 0.3:
            self.world.kill("a restart")
            await self.world.revive()
            self._signal()
            await self._passes(3)

    async def _from_the_command_line(self) -> None:
        if self._lost:
            self._file.write(self._on_the_host)
            return
        world = self.world
        world.kill("the service is down still")
        world.tell("Ana, on the host: countersign kill")
        await world.start(lambda process: process.carry_out(self._on_the_host))
        self.answered = self._holds()
        await self._passes(PATIENCE, until=lambda: self._proved() or self._is_down(), alone=True)
        world.kill("the command is over")

    async def _ask_again(self) -> None:
        """Who was not answered asks again, as often as it takes."""
        self.world.tell("KILL once more: nobody answered")
        await self.world.insist(
            lambda process: process.desk.halt(person=ANA, reason="again", flatten=self.flatten)
        )
        self.answered = True

    def _signal(self) -> None:
        if not self._is_down():
            self.story.accept(self.story.senders.an_order(source="straight"))

    def _find_database(self) -> None:
        if self._lost:
            self._lost = False
            self.world.find_database()
            self._waited_since = self.world.clock()

    def _good_weather(self) -> None:
        self.world.tell("the faults are over")
        self.world.network.weather.clear()
        self.world.network.planned.clear()
        self.world.forget_fates()

    def _proved(self) -> bool:
        state = self.world.read(lambda tx: tx.trading())
        return state.state is TradingState.HALTED and trading.to_be_proved(state) is None

    def _holds(self) -> bool:
        """Whether the next process too will be halted."""
        state = self.world.read(lambda tx: tx.trading()).state
        return state is TradingState.HALTED or self._file.path.exists()

    def _is_down(self) -> bool:
        return self.world.process is None or self.world.process.dead

    async def _passes(
        self, seconds: float, *, until: Callable[[], bool] = lambda: False, alone: bool = False
    ) -> None:
        """Let time pass, second by second, and hold the halt to its word; what dies is started again
        after a while, unless it is `alone`."""
        world, end = self.world, self.world.now + seconds
        while world.now < end and not until():
            if self._is_down() and not alone and not self._lost and self.dice.random() < 0.5:
                self._waited_since = world.clock()
                with suppress(StoreUnavailable):
                    await world.revive()
            await passes(1)
            if self._look() > DOZES + 2:
                world.doze()

    def _look(self) -> float:
        """The halt holds, is known to the process, and is said to be not done as long as it is not;
        in how many seconds that is due again."""
        world, now = self.world, self.world.clock()
        if self.answered and not self._holds():
            world.violated("I4: a halt that was answered does not hold")
        if self._lost or self._is_down():
            self._waited_since = now
            return 0
        process = world.process
        assert process is not None, "it is not down"
        noticed = (now - max(self._waited_since, process.began)).total_seconds() > NOTICED
        if noticed and self._holds() and not process.brake.pulled:
            world.violated("I4: a process does not notice the halt")
        unproved, heard = world.read(
            lambda tx: (
                trading.to_be_proved(tx.trading()),
                [tx.journal.last(kind) for kind in (EventKind.HALTED, EventKind.HALT_NOT_DONE)],
            )
        )
        last = max(
            [self._waited_since, process.began, *(event.at for event in heard if event is not None)]
        )
        if unproved is None:
            return inf
        if now - last > TOLD_AGAIN + PROVED_IN:
            world.violated(f"nobody has said since {last:%H:%M:%S} that the halt is not done")
        return (last + TOLD_AGAIN - now).total_seconds()


DOORS: dict[str, Callable[[Kill], None]] = {
    "the chat": lambda kill: kill.by(ANA),
    "HTTP": lambda kill: kill.by(Person(id="api", name="API")),
    "SIGUSR1": lambda kill: kill.by(Person(id="host:SIGUSR1", name="SIGUSR1 on the host")),
    "the command line": Kill.by_another_process,
    "the command line alone": Kill.alone,
    "the file": Kill.by_file,
}
TROUBLES: dict[str, Callable[[Kill], None]] = {
    "the database takes nothing": Kill.lose_database,
    "the exchange is away": Kill.lose_exchange,
    "cancels are lost": Kill.lose_cancels,
    "the process dies": Kill.die_soon,
}
"""What goes wrong with a halt, beside all that goes wrong in the story."""


def lives(seed: int) -> list[set[Step]]:
    """At each moment of a seed's story: where every order stands."""
    story = begun(seed, chat=False)
    story.world.live(lambda _: story.happens())
    return story.world.lives.moments


def moments(seed: int, every: int = 1) -> Sequence[int]:
    """Moments of a seed's story at which every order is met at every step of its life; or only `every`
    so-many-th, beginning with another one for each seed."""
    return sorted(covering(lives(seed)))[seed % every :: every]


def killed(seed: int, moment: int) -> World:
    """The story of a seed with a halt at that moment, and its end, in a world that is over.

    Raises:
        Violation: something does not hold; it carries seed and trace.
    """
    story = begun(seed, chat=False)
    kill = Kill(story, Random(1000 * seed + moment))
    story.world.lives.aim(moment, kill.strike)

    async def until_the_end(world: World) -> None:
        try:
            await story.happens(until=lambda: kill.struck)
        except StoreUnavailable as error:
            world.kill(f"it could not start: {error}")
        assert kill.struck, f"nothing came to moment {moment}"
        await kill.carried_out()
        await world.settle(seconds=CALM.total_seconds(), told=False)
        world.judge(story.accepted, told=False)

    story.world.live(until_the_end)
    return story.world
