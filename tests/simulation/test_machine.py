"""Hypothesis tells stories too, and makes one that breaks an invariant as short as it can.

The rules are what may happen; the invariants of the simulation are judged after each, and at the end the
faults are over and everything must come to rest. `make simulate STORIES=5000` tells many more.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from execution.types import Ticket, TicketState, VoteKind
from tests.simulation.exchange import BOOK, D
from tests.simulation.profiles import PROFILES
from tests.simulation.story import ANA, BEN, OLGA, Story
from tests.simulation.themes import FOR_LOOKS, FOR_ORDERS, THEMES
from tests.simulation.world import World
from tests.virtual_time import passes

people = st.sampled_from([OLGA, ANA, BEN])


class Desk(RuleBasedStateMachine):
    """One world, led by the hand."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.life = ExitStack()

    @initialize(
        seed=st.integers(0, 1000),
        profile=st.sampled_from(sorted(PROFILES)),
        theme=st.sampled_from(sorted(THEMES)),
    )
    def begin(self, seed: int, profile: str, theme: str) -> None:
        """A process starts."""
        self.world = World(seed, PROFILES[profile])
        self.life.enter_context(self.world.lived())
        self.story = Story(self.world, THEMES[theme])
        self.lead(self.world.start())
        self.lead(passes(1.5))

    def lead(self, doing: Coroutine[Any, Any, Any]) -> None:
        """Let something be done."""
        self.world.run(doing)

    def pending(self) -> list[Ticket]:
        """What waits for people."""
        return list(self.world.read(lambda tx: tx.tickets.in_state(TicketState.PENDING)))

    def alive(self) -> bool:
        """Whether there is a process."""
        return self.world.process is not None and not self.world.process.dead

    @precondition(alive)
    @rule(source=st.sampled_from(["tv", "straight", "two"]), seconds=st.floats(0, 1.5))
    def a_signal_arrives(self, source: str, seconds: float) -> None:
        async def arrive() -> None:
            self.story.accept(self.story.senders.an_order(source=source))
            await passes(seconds)

        self.lead(arrive())

    @precondition(alive)
    @rule(person=people, kind=st.sampled_from(VoteKind), times=st.integers(1, 2))
    def somebody_taps(self, person: Any, kind: VoteKind, times: int) -> None:
        async def tap() -> None:
            for ticket in self.pending()[:1] * times:
                self.story.tap(ticket, person, kind)
            await passes(0.2)

        self.lead(tap())

    @rule(symbol=st.sampled_from(sorted(BOOK)), thousandths=st.integers(-30, 30))
    def a_price_moves(self, symbol: str, thousandths: int) -> None:
        bid = self.world.exchange.bids[symbol] * (1 + D(thousandths) / 1000)
        self.world.exchange.move(symbol, bid.quantize(D("0.01")))

    @precondition(alive)
    @rule(
        act=st.sampled_from(
            [
                "cancel",
                "kill",
                "flatten",
                "close",
                "kill_from_outside",
                "resume",
                "decide",
                "dismiss",
                "wait_for_a_price",
            ]
        )
    )
    def somebody_asks(self, act: str) -> None:
        self.lead(getattr(self.story, act)())

    @rule(fault=st.sampled_from(FOR_ORDERS), done=st.booleans())
    def the_next_order_is_not_answered(self, fault: str, done: bool) -> None:
        self.world.network.planned.append(("send", fault, done))

    @rule(kind=st.sampled_from(["look", "ask", "cancel"]), fault=st.sampled_from(FOR_LOOKS))
    def the_weather_turns(self, kind: str, fault: str) -> None:
        self.world.network.weather[kind] = (0.5, (fault,))

    @rule()
    def the_weather_clears(self) -> None:
        self.world.network.weather.clear()

    @precondition(alive)
    @rule(after=st.integers(1, 30))
    def the_process_dies_soon(self, after: int) -> None:
        self.world.foretell(after=after)
        self.lead(passes(1))

    @precondition(lambda self: not self.alive())
    @rule()
    def a_process_starts(self) -> None:
        self.lead(self.world.start())

    @precondition(alive)
    @rule()
    def somebody_trades_by_hand(self) -> None:
        self.lead(self.story.stranger())

    @rule(seconds=st.sampled_from([0.1, 1, 5, 20]))
    def time_passes(self, seconds: float) -> None:
        self.lead(passes(seconds))

    @invariant()
    def nothing_is_violated(self) -> None:
        self.world.demand()

    def teardown(self) -> None:
        """The faults are over: all comes to rest, and is judged."""
        with self.life:
            if not self.world.violations:
                self.lead(self.story.calm())


def short(stories: int) -> settings:
    """So many short stories; the same ones each time."""
    return settings(
        max_examples=stories,
        stateful_step_count=25,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def tell_stories(count: int) -> None:
    """A long run: other stories each time.

    Raises:
        Violation: one of them breaks an invariant; it is the shortest that does.
    """
    long = settings(short(count), derandomize=False, stateful_step_count=60)
    run_state_machine_as_test(Desk, settings=long)


TestDesk = Desk.TestCase
TestDesk.settings = short(15)
