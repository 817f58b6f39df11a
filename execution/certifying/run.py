"""A conformance run: the steps in their order, each with what became of it, and the end that always comes.

What only looks goes first; who calls asks a person before anything is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Protocol

from execution.certificates import Finding, Outcome
from execution.certifying import contract_steps, steps
from execution.certifying.bench import Bench
from execution.certifying.placed import Clock, Token
from execution.certifying.plan import DoesNotHold, Plan
from execution.errors import VenueError, VenueMisconfigured
from execution.instruments import MarketKind
from execution.venues.venue import Venue

Step = tuple[str, Callable[[Bench], Awaitable[str]]]

_MARKET: Sequence[Step] = (
    ("reach and clock", steps.reach),
    ("key", steps.rights),
    ("market", steps.market),
)
_BALANCE: Step = ("balance", steps.balance)
_RESTING: Sequence[Step] = (
    ("precision", steps.precision),
    ("create", steps.create),
    ("look-up by our id", steps.look_up),
    ("open orders", steps.open_orders),
    ("cancel by our id", steps.cancel),
    ("cancel of an unknown order", steps.unknown),
    ("answer lost", steps.lost),
    ("same id twice", steps.duplicate),
)
_ABSENT: Step = ("proof of absence", steps.absent)

LOOKS: Mapping[MarketKind, Sequence[Step]] = {
    MarketKind.SPOT: (*_MARKET, _BALANCE),
    MarketKind.SWAP: (*_MARKET, ("account", contract_steps.account), _BALANCE),
}
"""What has to hold before anything can be tried."""
TRIALS: Mapping[MarketKind, Sequence[Step]] = {
    MarketKind.SPOT: (
        *_RESTING,
        ("fill", steps.fill),
        ("stops and targets", steps.stops),
        _ABSENT,
    ),
    MarketKind.SWAP: (
        *_RESTING,
        ("reduce-only", contract_steps.reduce_only),
        ("fill", contract_steps.fill),
        ("stops and targets", contract_steps.stops),
        ("close", contract_steps.close),
        _ABSENT,
    ),
}
CLEARED = "nothing left behind"


class Watcher(Protocol):
    """Who is shown how a run goes."""

    def begins(self, step: str) -> None:
        """A step begins."""

    def says(self, text: str) -> None:
        """It takes long, and why."""

    def found(self, finding: Finding) -> None:
        """It has ended."""


class Run:
    """One run at one venue."""

    def __init__(
        self, venue: Venue, watcher: Watcher, *, symbol: str | None, clock: Clock, token: Token
    ) -> None:
        """`symbol` is where it is tried, else in a usual market."""
        self._clock, self._watcher, self._kind = clock, watcher, venue.kind
        self._bench = Bench(venue, symbol=symbol, clock=clock, token=token, say=watcher.says)
        self._found: dict[str, Finding] = {}

    @property
    def plan(self) -> Plan:
        """What is going to be sent, once the looks have held."""
        return self._bench.plan

    @property
    def findings(self) -> Sequence[Finding]:
        """What became of each step so far."""
        return [self._found.get(step) or _not_tried(step) for step in names(self._kind)]

    @property
    def counts(self) -> bool:
        """Whether it says anything of the exchange: all of it held, or something that was tried did not."""
        tried = self.findings[len(LOOKS[self._kind]) :]
        failed = any(one.outcome is Outcome.FAILED for one in tried)
        return failed or all(one.outcome is Outcome.HELD for one in tried)

    async def look(self) -> bool:
        """Whether all holds without which nothing can be tried; nothing is sent.

        Raises:
            VenueMisconfigured: its settings can never work: it has no sandbox.
        """
        for step in LOOKS[self._kind]:
            if (await self._take(*step)).outcome is not Outcome.HELD:
                return False
        return True

    async def trial(self) -> None:
        """Everything else. Whatever happens, what was sent is canceled at the end, and what it opened closed."""
        try:
            for step in TRIALS[self._kind]:
                await self._take(*step)
        finally:
            await _whole(self._take(CLEARED, steps.clear))

    async def _take(self, name: str, step: Callable[[Bench], Awaitable[str]]) -> Finding:
        self._watcher.begins(name)
        began = self._clock()
        try:
            text, outcome = await step(self._bench), Outcome.HELD
        except VenueMisconfigured:
            raise
        except (DoesNotHold, VenueError) as error:
            text, outcome = str(error), Outcome.FAILED
        finding = Finding(step=name, outcome=outcome, text=text, took=self._clock() - began)
        self._found[name] = finding
        self._watcher.found(finding)
        return finding


def names(kind: MarketKind) -> Sequence[str]:
    """The steps of a run in their order."""
    return [*(name for name, _ in (*LOOKS[kind], *TRIALS[kind])), CLEARED]


async def _whole(last: Coroutine[object, object, Finding]) -> None:
    """Who is interrupted during the last step goes on with it, and is interrupted then; once, not twice."""
    ending = asyncio.create_task(last)
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await asyncio.gather(ending, return_exceptions=True)
        raise


def _not_tried(step: str) -> Finding:
    return Finding(step=step, outcome=Outcome.NOT_TRIED, text="the run did not come to it")
