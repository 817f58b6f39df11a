"""What past tickets would have met under other approval rules: `countersign policy test FILE`.

Reads the database and changes nothing, with the service up or down. A ticket is asked with the terms
it was last shown with, at the moment it was made; a rolling sum is of what really went through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot import house
from bot.parts import Ids, now
from bot.settings import Settings
from bot.shapes import moment, number
from bot.telegram import figures
from bot.terminal import Report
from execution import rules
from execution.approval import Policy, Rule
from execution.errors import StoreUnavailable
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.types import Ticket, TicketState

_PAGE = 200
_MADE = frozenset({EventKind.TICKET_PENDING, EventKind.TICKET_APPROVED})


class Verdict(StrEnum):
    """How the other rules differ from what a ticket met."""

    SAME = "as before"
    MORE = "need more"
    LESS = "need less"
    REFUSED = "refused before any rule"
    UNKNOWN = "never had terms"


@dataclass(frozen=True)
class Needs:
    """What a rule asks for."""

    rule: str
    required: int
    veto_window: timedelta | None = None
    block: bool = False

    @classmethod
    def of(cls, rule: Rule) -> Needs:
        """What this rule asks for."""
        return cls(rule.name, rule.required, rule.veto_window, rule.block)

    @property
    def words(self) -> str:
        """As people say it."""
        if self.block:
            return "blocked"
        if self.veto_window is not None:
            return f"veto within {figures.duration(self.veto_window)}"
        return figures.several(self.required, "approval") if self.required else "straight through"

    @property
    def weight(self) -> tuple[int, timedelta]:
        """The more it asks for, the heavier: silence is lighter than an approval, longer than shorter."""
        if self.block:
            return (1_000_000, timedelta(0))
        if self.veto_window is not None:
            return (0, self.veto_window)
        return (self.required, timedelta(0))


@dataclass(frozen=True)
class Tried:
    """One past ticket: what it met, and what it would have met."""

    ticket: Ticket
    met: Needs | None
    would: Needs | None

    @property
    def verdict(self) -> Verdict:
        """How the two differ."""
        if self.would is None:
            return Verdict.UNKNOWN
        if self.met is None:
            return Verdict.REFUSED
        if self.would.weight == self.met.weight:
            return Verdict.SAME
        return Verdict.MORE if self.would.weight > self.met.weight else Verdict.LESS


def test(settings: Settings, other: Settings, *, last: int, say: Callable[[str], None]) -> Report:
    """The newest `last` tickets under the [approval] of `other`; `say` hears how far it is.

    Raises:
        StoreUnavailable: there is no database, or it cannot be read.
    """
    url, policy = settings.database.url, house.policy(other)
    if not Path(url.partition(":///")[2]).exists():
        raise StoreUnavailable(f"There is no database at {url}; nothing has happened yet.")
    store = Store(url, journal_key=b"", clock=now, new_id=Ids())
    tried: list[Tried] = []
    try:
        for page in _pages(store, policy, last):
            tried += page
            if len(page) == _PAGE and len(tried) < last:
                say(f"{len(tried)} tickets read")
    finally:
        store.close()
    return _report(tried, policy, settings)


def _pages(store: Store, policy: Policy, last: int) -> Iterator[list[Tried]]:
    """Tickets newest first, a page at a time, so that a running service is not held up."""
    before: str | None = None

    def read(tx: Transaction) -> list[Tried]:
        found = tx.tickets.newest(limit=min(_PAGE, last), before=before)
        return [_tried(tx, ticket, policy) for ticket in found]

    while last > 0:
        page = store.read_now(read)
        yield page
        if len(page) < _PAGE:
            return
        before, last = page[-1].ticket.id, last - len(page)


def _tried(tx: Transaction, ticket: Ticket, policy: Policy) -> Tried:
    if ticket.terms is None:
        return Tried(ticket, _met(tx, ticket), None)
    rule = rules.met(tx, policy, ticket.evolve(decided_at=ticket.created_at))
    return Tried(ticket, _met(tx, ticket), Needs.of(rule))


def _met(tx: Transaction, ticket: Ticket) -> Needs | None:
    """What a ticket met when it was made; None for one that was refused before any rule was asked."""
    if ticket.revision == 1 and ticket.rule:
        return Needs(ticket.rule, ticket.required, ticket.veto_window)
    made = next((e for e in tx.journal.of_ticket(ticket.id) if e.kind in _MADE), None)
    if made is not None:
        window = made.data.get("veto_window_s")
        return Needs(
            rule=made.data["rule"],
            required=int(made.data["required"]),
            veto_window=None if window is None else timedelta(seconds=float(window)),
        )
    blocked = ticket.state is TicketState.REFUSED and ticket.refusals[0].code == "BLOCKED"
    return Needs("a rule", 1, block=True) if blocked else None


def _report(tried: Sequence[Tried], policy: Policy, settings: Settings) -> Report:
    counts = {verdict: sum(1 for t in tried if t.verdict is verdict) for verdict in Verdict}
    met = {t.would.rule for t in tried if t.would is not None}
    idle = [rule.name for rule in policy.rules if rule.name not in met]
    differ = [t for t in tried if t.verdict in {Verdict.MORE, Verdict.LESS}]
    zone = settings.general.timezone
    rows = [_row(t, settings) for t in differ]
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    summary = [f"{figures.several(len(tried), 'ticket')}" + (f": {told}." if told else ".")]
    if idle:
        summary.append(f"Rules that none of them meets: {', '.join(idle)}.")
    if rows:
        summary.append(
            f"Times are of {zone}; a ticket is asked with the terms it was last shown with."
        )
    json = {
        "tickets": [_json(t) for t in tried],
        "summary": {verdict.name.lower(): count for verdict, count in counts.items()},
        "idle_rules": idle,
    }
    return Report(text="\n".join([*_table(rows), *summary]), json=json)


def _row(tried: Tried, settings: Settings) -> tuple[str, ...]:
    ticket, terms = tried.ticket, tried.ticket.terms
    assert terms is not None, "what differs has terms"
    assert tried.met is not None, "what differs met a rule"
    assert tried.would is not None, "what differs meets a rule"
    worth = (
        "" if terms.value is None else f"{figures.about(terms.value)} {settings.general.currency}"
    )
    return (
        f"{ticket.created_at.astimezone(settings.general.timezone):%Y-%m-%d %H:%M}",
        figures.short_id(ticket.id),
        ticket.source,
        f"{terms.side} {terms.symbol}",
        worth,
        f"{tried.met.rule}: {tried.met.words}",
        f"{tried.would.rule}: {tried.would.words}",
        tried.verdict.value,
    )


_HEAD = ("made", "ticket", "source", "order", "value", "met", "would meet", "")


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows in columns of one width, under their heads; nothing where there are none."""
    if not rows:
        return []
    whole = [_HEAD, *rows]
    widths = [max(len(row[at]) for row in whole) for at in range(len(_HEAD))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in whole]
    return [*(line.rstrip() for line in lines), ""]


def _json(tried: Tried) -> dict[str, Any]:
    ticket, terms = tried.ticket, tried.ticket.terms
    return {
        "ticket": ticket.id,
        "created_at": moment(ticket.created_at),
        "source": ticket.source,
        "state": ticket.state,
        "symbol": (terms or ticket.asked).symbol,
        "side": (terms or ticket.asked).side,
        "value": number(terms.value) if terms else None,
        "met": _needs_json(tried.met),
        "would_meet": _needs_json(tried.would),
        "verdict": tried.verdict.name.lower(),
    }


def _needs_json(needs: Needs | None) -> dict[str, Any] | None:
    if needs is None:
        return None
    window = needs.veto_window
    return {
        "rule": needs.rule,
        "required": needs.required,
        "veto_window_s": None if window is None else window.total_seconds(),
        "block": needs.block,
    }
