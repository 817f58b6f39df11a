"""`countersign certify`: a conformance run in an exchange's sandbox, shown step by step, and kept.

It places small orders, so it asks first, holds the account for itself while it runs, and never goes
where real money is.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

from rich import box
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from bot import house, parts, shapes
from bot.alone import Alone
from bot.keyring import demand_keys, with_keys
from bot.parts import VERSION, Ids
from bot.settings import Settings, SettingsError
from bot.telegram import figures
from bot.terminal import Report
from execution import certificates
from execution.certificates import Certificate, Finding, Outcome
from execution.certifying.placed import Clock, Token
from execution.certifying.plan import Plan
from execution.certifying.run import Run
from execution.errors import NotPossible
from execution.instruments import MarketKind
from execution.types import Mode
from execution.venues.connections import has_sandbox
from execution.venues.venue import Venue

_STYLES = {Outcome.HELD: "green", Outcome.FAILED: "bold red", Outcome.NOT_TRIED: "dim"}
_WIDEST = max(len(outcome) for outcome in Outcome)

Sure = Callable[[str], bool]
"""Asks a person."""


async def certify(
    settings: Settings,
    name: str,
    *,
    symbol: str | None,
    console: Console,
    sure: Sure,
    clock: Clock,
    token: Token,
) -> Report:
    """Run it at one venue, show how it goes on the console, and keep what it came to.

    Raises:
        SettingsError: there is no such venue, or it has no keys.
        NotPossible: it is no sandbox, there is none, or nobody is sure.
        AlreadyRunning: a worker trades this account.
    """
    only = await asyncio.to_thread(_in_sandbox, settings, name)  # it imports a part of ccxt
    alone = Alone(settings.database.url)
    with closing(parts.open_store(settings, Ids())) as store:
        keyed = with_keys(only, store)
        demand_keys(keyed)
        alone.claim(house.keys(keyed))
        try:
            venue = house.venues(keyed, clock)[name]
            with console.status("") as status:
                run = Run(venue, Shown(console, status), symbol=symbol, clock=clock, token=token)
                try:
                    await _take(run, venue, status, sure)
                finally:
                    made = _certificate(run, venue, clock)
                    if run.counts:
                        store.write_now(lambda tx: certificates.keep(tx, made))
        finally:
            alone.release()
    return _report(made, width=console.width, kept=run.counts)


def _in_sandbox(settings: Settings, name: str) -> Settings:
    """The settings with this venue alone, once it is clear that it is a sandbox."""
    venue = settings.venues.get(name)
    if venue is None:
        known = ", ".join(settings.venues) or "none"
        raise SettingsError(f"venues.{name}: there is no such venue; there is: {known}")
    if venue.mode is Mode.PAPER:
        raise NotPossible(f"{name} is paper: its books are our own, there is nothing to certify")
    if not has_sandbox(venue.exchange, venue.market):
        raise NotPossible(
            f"{venue.exchange} has no sandbox, and nothing is tried with real money:"
            f" {name} stays uncertified"
        )
    if venue.mode is Mode.LIVE:
        of_contracts = "" if venue.market is MarketKind.SPOT else ', market = "swap"'
        raise NotPossible(
            f"{name} is live, and nothing is tried with real money; certify a venue with exchange ="
            f' "{venue.exchange}"{of_contracts} and mode = "sandbox": that counts for {name} too'
        )
    return settings.model_copy(update={"venues": {name: venue}})


async def _take(run: Run, venue: Venue, status: Status, sure: Sure) -> None:
    """The run: all of it only if it can be tried, and somebody wants that."""
    try:
        if not await run.look():
            return
        status.stop()
        if not sure(_question(venue, run.plan)):
            raise NotPossible("nothing was sent")
        status.start()
        await run.trial()
    finally:
        await venue.close()


def _certificate(run: Run, venue: Venue, clock: Clock) -> Certificate:
    """What it came to, also where it was interrupted."""
    return Certificate(
        venue=venue.name,
        exchange=venue.exchange,
        mode=venue.mode,
        at=clock(),
        ccxt=certificates.CCXT,
        countersign=VERSION,
        kind=venue.kind,
        findings=run.findings,
    )


def _question(venue: Venue, plan: Plan) -> str:
    each = f"{figures.about(plan.each)} {plan.market.quote}"
    fills = "one of them is to fill, the others are canceled"
    if venue.kind is MarketKind.SWAP:
        fills = "one of them is to open a long, which is closed again, the others are canceled"
    return (
        f"This places up to {plan.orders} orders of about {each} each in the sandbox of"
        f" {venue.exchange}, in {plan.market.symbol}; {fills}. Go on?"
    )


class Shown:
    """How a run goes, at a terminal: what it is at, and a line for each step that has ended."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console, self._status = console, status

    def begins(self, step: str) -> None:
        """Say what it is at."""
        self._status.update(Text(step))

    def says(self, text: str) -> None:
        """Say why it takes long."""
        self._console.print(Text(f"{'':{_WIDEST}} {text}", style="dim"))

    def found(self, finding: Finding) -> None:
        """A line for the step, with what did not hold: an interrupted run prints nothing else."""
        line = Text(f"{finding.outcome.value:{_WIDEST}}", style=_STYLES[finding.outcome])
        line.append(f" {finding.step}, {figures.lag(finding.took)}", style="")
        if finding.outcome is Outcome.FAILED:
            line.append(f": {finding.text}", style="")
        self._console.print(line, soft_wrap=True)


def _report(made: Certificate, *, width: int, kept: bool) -> Report:
    held = sum(one.outcome is Outcome.HELD for one in made.findings)
    told = f"{held} of {len(made.findings)} steps held"
    if made.holds:
        end = f"All {held} steps held: {certificates.standing(made)}."
    elif kept:
        end = f"{told}: not certified."
    else:
        end = f"{told}. Nothing was sent, and nothing is stored."
    json = {
        "venue": made.venue,
        "exchange": made.exchange,
        "market": made.kind,
        "mode": made.mode,
        "at": shapes.moment(made.at),
        "ccxt": made.ccxt,
        "countersign": made.countersign,
        "certified": made.holds,
        "stored": kept,
        "steps": [
            {
                "step": one.step,
                "outcome": one.outcome,
                "text": one.text,
                "took_ms": one.took // timedelta(milliseconds=1),
            }
            for one in made.findings
        ],
    }
    return Report(text=f"{_table(made, width)}\n{end}", json=json, verified=made.holds)


def _table(made: Certificate, width: int) -> str:
    """What was found, a row for each step."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("step", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("what was seen")
    for one in made.findings:
        table.add_row(Text(one.step), Text(one.outcome.value), Text(one.text))
    paper = Console(file=io.StringIO(), width=width)
    kind = "" if made.kind is MarketKind.SPOT else f" {made.kind}"
    where = f"{made.exchange} {made.venue}{kind} · {made.mode.value.upper()}"
    about = f"{where} · {made.at:%Y-%m-%d %H:%M:%S} UTC"
    paper.print(
        Text(f"{about} · ccxt {made.ccxt} · Countersign {made.countersign}"), soft_wrap=True
    )
    paper.print(table)
    drawn = paper.file
    assert isinstance(drawn, io.StringIO)
    return "\n".join(line.rstrip() for line in drawn.getvalue().rstrip().splitlines())
