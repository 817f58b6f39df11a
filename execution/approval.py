"""The ticket's life: which rule it meets, whose votes count, when it expires, what a vote binds to.

Pure. A vote stores the fingerprint of the exact terms its voter saw; the desk counts votes at the tap
and the executor counts them again, against today's people, right before sending.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from execution.errors import Corrupt
from execution.rounding import plain
from execution.types import (
    Mode,
    Record,
    Side,
    Terms,
    Ticket,
    TicketState,
    Vote,
    VoteKind,
)

_T = TicketState

MOVES: Mapping[TicketState, frozenset[TicketState]] = {
    _T.NEW: frozenset({_T.REFUSED, _T.PENDING, _T.APPROVED}),
    _T.PENDING: frozenset(
        {_T.APPROVED, _T.REJECTED, _T.EXPIRED, _T.CANCELED, _T.REFUSED, _T.PENDING}
    ),
    _T.APPROVED: frozenset({_T.WORKING, _T.PENDING, _T.REFUSED, _T.FAILED, _T.CANCELED}),
    _T.WORKING: frozenset({_T.DONE, _T.CANCELED, _T.EXPIRED, _T.FAILED}),
    # A fill that arrives late is still a fill.
    _T.CANCELED: frozenset({_T.DONE}),
    _T.EXPIRED: frozenset({_T.DONE}),
    _T.FAILED: frozenset({_T.DONE}),
    _T.REFUSED: frozenset(),
    _T.REJECTED: frozenset(),
    _T.DONE: frozenset(),
}
OPEN = frozenset({_T.NEW, _T.PENDING, _T.APPROVED})
"""Tickets nothing has been sent for: what a halt voids."""

APPROVAL_HOLDS = timedelta(seconds=60)
"""How long after the deciding vote an order may still be sent; later it is asked again.

An approval is consumed within milliseconds; this bounds what a restart or an outage may carry over.
"""


class Role(StrEnum):
    """What a person may do; later roles include earlier ones."""

    VIEWER = "viewer"
    APPROVER = "approver"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what `other` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, kw_only=True, slots=True)
class When(Record):
    """What a rule applies to: keys joined by and, values of a key by or; absent keys match all."""

    notional_below: Decimal | None = None
    """Excluded bound, in `general.currency`."""
    notional_from: Decimal | None = None
    """Included bound, in `general.currency`."""
    symbols: frozenset[str] = frozenset()
    sides: frozenset[Side] = frozenset()
    sources: frozenset[str] = frozenset()
    venues: frozenset[str] = frozenset()
    modes: frozenset[Mode] = frozenset()
    strategies: frozenset[str] = frozenset()

    def matches(self, terms: Terms, *, source: str, strategy: str | None) -> bool:
        """Whether these terms from this source meet every key."""
        below, start = self.notional_below, self.notional_from
        # What cannot be valued is never small, and may be large.
        value = terms.value
        return (
            (below is None or (value is not None and value < below))
            and (start is None or value is None or value >= start)
            and (not self.symbols or terms.symbol in self.symbols)
            and (not self.sides or terms.side in self.sides)
            and (not self.sources or source in self.sources)
            and (not self.venues or terms.venue in self.venues)
            and (not self.modes or terms.mode in self.modes)
            and (not self.strategies or (strategy or "") in self.strategies)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule(Record):
    """One line of the approval policy: how many approvals, or a block."""

    name: str
    when: When = When()
    required: int = 1
    block: bool = False


DEFAULT_RULE = Rule(name="default")


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy(Record):
    """Who may do what, and what an order needs before it may be sent."""

    people: Mapping[str, Role]
    """Opaque person (`tg:2001`) to role; nobody else can do anything."""
    rules: Sequence[Rule] = ()
    expires_after: timedelta = timedelta(minutes=5)
    max_price_drift: Decimal = Decimal("0.003")

    def may(self, person: str, role: Role) -> bool:
        """Whether this person holds at least this role today."""
        held = self.people.get(person)
        return held is not None and held.includes(role)

    def rule_for(self, terms: Terms, *, source: str, strategy: str | None) -> Rule:
        """The rule these terms meet: a block wins wherever it stands, else the first match."""
        met = [r for r in self.rules if r.when.matches(terms, source=source, strategy=strategy)]
        blocked = next((r for r in met if r.block), None)
        return blocked or next(iter(met), DEFAULT_RULE)


_TERMS: TypeAdapter[Terms] = TypeAdapter(Terms)
_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


def _canonical(value: Any) -> Any:
    """Plain JSON in which equal terms are equal bytes: `0.10` is `0.1`, sets are sorted."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {str(k): _canonical(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(_canonical(v) for v in value)
    if isinstance(value, list | tuple):
        return [_canonical(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value // timedelta(microseconds=1)}us"
    return value


def fingerprint(terms: Terms, *, rule: Rule, required: int) -> str:
    """SHA-256 over the canonical terms, the mode within them, and the matched rule's content."""
    whole = {
        "terms": _canonical(_TERMS.dump_python(terms)),
        "rule": _canonical(_RULE.dump_python(rule)),
        "required": required,
    }
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def moved(ticket: Ticket, to: TicketState, at: datetime, *, reason: str | None = None) -> Ticket:
    """The ticket in its next state.

    Raises:
        Corrupt: the table has no such move.
    """
    if to not in MOVES[ticket.state]:
        raise Corrupt(f"ticket {ticket.id}: {ticket.state} -> {to} is not a move")
    decided = to in {_T.APPROVED, _T.REJECTED, _T.REFUSED, _T.EXPIRED, _T.CANCELED}
    return ticket.evolve(
        state=to,
        reason=reason,
        decided_at=at if decided and ticket.decided_at is None else ticket.decided_at,
    )


def revised(
    ticket: Ticket,
    terms: Terms,
    *,
    policy: Policy,
    at: datetime,
    reason: str,
    moved_from: Decimal | None = None,
) -> Ticket:
    """The next revision of a ticket: earlier votes and buttons are void, the deadline is new.

    It is matched against the rules again but never needs fewer votes than before, and never goes
    straight through: whoever asked for a change gets asked.
    """
    rule = policy.rule_for(terms, source=ticket.source, strategy=ticket.strategy)
    required = max(rule.required, ticket.required, 1)
    return moved(ticket, _T.PENDING, at, reason=reason).evolve(
        revision=ticket.revision + 1,
        terms=terms,
        rule=rule.name,
        required=required,
        fingerprint=fingerprint(terms, rule=rule, required=required),
        expires_at=at + ticket.waits,
        previous_reference=moved_from,
        decided_at=None,
    )


def approvals(ticket: Ticket, votes: Iterable[Vote], policy: Policy) -> list[Vote]:
    """The approvals that count: this revision, these exact terms, people who may approve today."""
    counted: dict[str, Vote] = {}
    for vote in votes:
        if (
            vote.vote is VoteKind.APPROVE
            and vote.ticket == ticket.id
            and vote.revision == ticket.revision
            and vote.fingerprint == ticket.fingerprint
            and policy.may(vote.person, Role.APPROVER)
        ):
            counted.setdefault(vote.person, vote)
    return list(counted.values())


def is_approved(ticket: Ticket, votes: Iterable[Vote], policy: Policy) -> bool:
    """Whether the votes its rule asked for are there."""
    return len(approvals(ticket, votes, policy)) >= ticket.required


def has_expired(ticket: Ticket, now: datetime) -> bool:
    """Whether the deadline has passed; exactly at the deadline it has."""
    return ticket.expires_at is not None and now >= ticket.expires_at


def still_holds(ticket: Ticket, now: datetime) -> bool:
    """Whether an approved ticket may still be sent, or its approval has become old."""
    return ticket.decided_at is not None and now - ticket.decided_at <= APPROVAL_HOLDS


def checked_fingerprint(ticket: Ticket, policy: Policy) -> Terms:
    """The terms of a ticket, after recomputing what its votes are bound to.

    Raises:
        Corrupt: the stored terms are not the ones the fingerprint was made of, or the rule they
            meet has changed since.
    """
    if ticket.terms is None:
        raise Corrupt(f"ticket {ticket.id} has no terms")
    rule = policy.rule_for(ticket.terms, source=ticket.source, strategy=ticket.strategy)
    if fingerprint(ticket.terms, rule=rule, required=ticket.required) != ticket.fingerprint:
        raise Corrupt(f"ticket {ticket.id}: the terms are not those that were approved")
    return ticket.terms
