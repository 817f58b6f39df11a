"""Conformance runs as the tests make them: their steps' findings, and exchanges that misbehave."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from execution.certificates import Finding, Outcome
from execution.certifying.bench import Bench
from execution.certifying.plan import DoesNotHold
from execution.certifying.run import LOOKS, Run, names
from execution.certifying.steps import clear
from execution.errors import VenueError
from execution.venues.venue import Venue
from tests.doubles.loopback import Loopback
from tests.doubles.trading import Order
from tests.virtual_time import skipping

Params = Mapping[str, str]
Proper = Callable[[Params], web.Response]
"""What the exchange would answer to such parameters."""
Twist = Callable[[Params, Proper], web.Response]
Step = Callable[[Bench], Coroutine[Any, Any, str]]


class Twisted(Loopback):
    """An exchange that answers some requests otherwise than it should; put before the proper one's class."""

    twists: dict[str, Twist]
    """By endpoint: `POST order` and the like."""

    def answer(self, request: web.Request, path: str, params: Params, raw: str) -> web.Response:
        def proper(asked: Params) -> web.Response:
            return super(Twisted, self).answer(request, path, asked, raw)

        twist = self.twists.get(f"{request.method} {path}")
        return proper(params) if twist is None else twist(params, proper)


@dataclass
class Trial:
    """A run at one venue, and what somebody at the terminal sees of it."""

    venue: Venue
    symbol: str | None = None
    findings: dict[str, Finding] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def begins(self, step: str) -> None:
        assert step in names(self.venue.kind)

    def says(self, text: str) -> None:
        self.said.append(text)

    def found(self, finding: Finding) -> None:
        self.findings[finding.step] = finding

    async def run(self) -> None:
        """All of it, waits skipped."""
        run = Run(
            self.venue, self, symbol=self.symbol, clock=running_clock(), token=secrets.token_bytes
        )
        try:
            with skipping():
                if await run.look():
                    await run.trial()
        finally:
            with skipping(skips=False):
                await self.venue.close()

    @property
    def failed(self) -> dict[str, str]:
        """What did not hold, and why."""
        found = self.findings.values()
        return {one.step: one.text for one in found if one.outcome is not Outcome.HELD}


async def tried(venue: Venue, symbol: str | None = None) -> Trial:
    trial = Trial(venue, symbol)
    await trial.run()
    return trial


async def stepped(venue: Any, *steps: Step) -> dict[str, str]:
    """Why these steps do not hold, by their names, once the looks have; and the end, as `clear`."""
    bench = Bench(
        venue, symbol=None, clock=running_clock(), token=secrets.token_bytes, say=lambda text: None
    )
    failed = {}
    try:
        with skipping():
            for _, look in LOOKS[venue.kind]:
                await look(bench)
            for step in (*steps, clear):
                try:
                    await step(bench)
                except (DoesNotHold, VenueError) as no:
                    failed[step.__name__] = str(no)
    finally:
        await venue.close()
    return failed


async def failing(venue: Any, step: Step) -> str:
    """Why this step alone does not hold, once the looks have."""
    return (await stepped(venue, step))[step.__name__]


def running_clock() -> Callable[[], datetime]:
    """The time of the running loop, what was skipped of it included."""
    loop, began = asyncio.get_running_loop(), datetime.now(UTC)
    start = loop.time()
    return lambda: began + timedelta(seconds=loop.time() - start)


def resting(exchange: Any) -> list[Order]:
    found: list[Order] = exchange.account.open_orders()
    return found


def told(answer: web.Response) -> Any:
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)
