"""A conformance run: the steps in their order, each with what became of it, and the end that always comes.

What only looks goes first; who calls asks a person before anything is sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from execution.certificates import Finding, Outcome
from execution.certifying.placed import Clock, Token
from execution.certifying.plan import DoesNotHold, Plan
from execution.certifying.steps import Steps
from execution.errors import VenueError, VenueMisconfigured
from execution.venues.venue import Venue

Step = tuple[str, Callable[[Steps], Awaitable[str]]]

LOOKS: Sequence[Step] = (
    ("reach and clock", Steps.reach),
    ("key", Steps.rights),
    ("market", Steps.market),
    ("balance", Steps.balances),
)
"""What has to hold before anything can be tried."""
TRIALS: Sequence[Step] = (
    ("precision", Steps.precision),
    ("create", Steps.create),
    ("look-up by our id", Steps.look_up),
    ("open orders", Steps.open_orders),
    ("cancel by our id", Steps.cancel),
    ("cancel of an unknown order", Steps.unknown),
    ("answer lost", Steps.lost),
    ("same id twice", Steps.duplicate),
    ("fill", Steps.fill),
    ("proof of absence", Steps.absent),
)
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
        self._clock, self._watcher = clock, watcher
        self._steps = Steps(venue, symbol=symbol, clock=clock, token=token, say=watcher.says)

    @property
    def plan(self) -> Plan:
        """What is going to be sent, once the looks have held."""
        return self._steps.plan

    async def look(self) -> Sequence[Finding]:
        """What has to hold before anything can be tried; nothing is sent.

        Raises:
            VenueMisconfigured: its settings can never work: it has no sandbox.
        """
        findings: list[Finding] = []
        for step in LOOKS:
            missing = any(one.outcome is not Outcome.HELD for one in findings)
            findings.append(_not_tried(step) if missing else await self._take(*step))
        return findings

    async def trial(self) -> Sequence[Finding]:
        """Everything else. Whatever happens, what was sent is canceled at the end."""
        findings = []
        try:
            for step in TRIALS:
                findings.append(await self._take(*step))
        finally:
            findings.append(await self._take(CLEARED, Steps.clear))
        return findings

    async def _take(self, name: str, step: Callable[[Steps], Awaitable[str]]) -> Finding:
        self._watcher.begins(name)
        began = self._clock()
        try:
            text, outcome = await step(self._steps), Outcome.HELD
        except VenueMisconfigured:
            raise
        except (DoesNotHold, VenueError) as error:
            text, outcome = str(error), Outcome.FAILED
        finding = Finding(step=name, outcome=outcome, text=text, took=self._clock() - began)
        self._watcher.found(finding)
        return finding


def untried() -> Sequence[Finding]:
    """What a run comes to of which only the looks were made."""
    return [_not_tried(step) for step in (*TRIALS, (CLEARED, Steps.clear))]


def _not_tried(step: Step) -> Finding:
    return Finding(step=step[0], outcome=Outcome.NOT_TRIED, text="what comes before does not hold")
