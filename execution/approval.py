"""The ticket's life: which rule it meets, whose votes count, when it expires, what a vote binds to.

Pure. A vote stores the fingerprint of the exact terms its voter saw; the desk counts votes at the tap
and the executor counts them again, against today's people, right before sending.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from execution.errors import Corrupt
from execution.hours import Hours
from execution.record import Record
from execution.rounding import plain
from execution.types import (
    Mode,
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


SHORTEST_REMINDED = timedelta(seconds=20)
"""A ticket that waits for less is not reminded of: its card rang a moment ago."""


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
    hours: Hours | None = None
    """By the clocks of the policy's zone: a span's first moment is in it, its last is not."""
    rolling_24h_from: Decimal | None = None
    """Included bound of the rolling sum, this order in it, in `general.currency`."""

    def matches(
        self,
        terms: Terms,
        *,
        source: str,
        strategy: str | None,
        local: datetime,
        rolling: Decimal | None,
    ) -> bool:
        """Whether these terms from this source, at this local time, meet every key."""
        below, start, most = self.notional_below, self.notional_from, self.rolling_24h_from
        # What cannot be valued is never small, and may be large.
        value = terms.value
        return (
            (below is None or (value is not None and value < below))
            and (start is None or value is None or value >= start)
            and (most is None or rolling is None or rolling >= most)
            and (not self.symbols or terms.symbol in self.symbols)
            and (not self.sides or terms.side in self.sides)
            and (not self.sources or source in self.sources)
            and (not self.venues or terms.venue in self.venues)
            and (not self.modes or terms.mode in self.modes)
            and (not self.strategies or (strategy or "") in self.strategies)
            and (self.hours is None or self.hours.contains(local))
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule(Record):
    """One line of the approval policy: how many approvals, a veto window, or a block."""

    name: str
    when: When = When()
    required: int = 1
    block: bool = False
    veto_window: timedelta | None = None
    """A card nobody rejects for so long goes ahead; one approval ends the window early."""


DEFAULT_RULE = Rule(name="default")
"""What meets no rule needs one approval."""
CLOSING_RULE = Rule(name="close", required=0)
"""What closes a position was asked for by a person who may approve: that is its approval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy(Record):
    """Who may do what, and what an order needs before it may be sent."""

    people: Mapping[str, Role]
    """Opaque person (`tg:2001`) to role; nobody else can do anything."""
    rules: Sequence[Rule] = ()
    expires_after: timedelta = timedelta(minutes=5)
    max_price_drift: Decimal = Decimal("0.003")
    zone: tzinfo = UTC
    """Whose clocks `hours` are read by."""

    @property
    def sums(self) -> bool:
        """Whether any rule asks what went through within a day."""
        return any(rule.when.rolling_24h_from is not None for rule in self.rules)

    def may(self, person: str, role: Role) -> bool:
        """Whether this person holds at least this role today."""
        held = self.people.get(person)
        return held is not None and held.includes(role)

    def rule_for(
        self,
        terms: Terms,
        *,
        source: str,
        strategy: str | None,
        at: datetime,
        rolling: Decimal | None,
    ) -> Rule:
        """The rule these terms meet: a block wins wherever it stands, else the first match.

        `rolling` is the sum of a day with this order in it; None when it cannot be valued. No rule of
        the settings speaks of a closing: what ends a position is never blocked.
        """
        if terms.closing:
            return CLOSING_RULE
        local = at.astimezone(self.zone)
        met = [
            rule
            for rule in self.rules
            if rule.when.matches(
                terms, source=source, strategy=strategy, local=local, rolling=rolling
            )
        ]
        blocked = next((rule for rule in met if rule.block), None)
        return blocked or next(iter(met), DEFAULT_RULE)

    def named(self, name: str) -> Rule | None:
        """The rule of this name today."""
        known = (*self.rules, DEFAULT_RULE, CLOSING_RULE)
        return next((rule for rule in known if rule.name == name), None)


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


def fingerprint(
    terms: Terms, *, rule: Rule, required: int, veto_window: timedelta | None = None
) -> str:
    """SHA-256 over the canonical terms, the mode within them, and what they need to be sent."""
    whole = {
        "terms": _TERMS.dump_python(terms),
        "rule": _RULE.dump_python(rule),
        "required": required,
        "veto_window": veto_window,
    }
    return hashlib.sha256(_text(whole).encode()).hexdigest()


def policy_text(policy: Policy) -> str:
    """The whole policy as canonical JSON: equal policies are equal texts."""
    return _text(
        {
            "people": policy.people,
            "rules": [_RULE.dump_python(rule) for rule in policy.rules],
            "expires_after": policy.expires_after,
            "max_price_drift": policy.max_price_drift,
            "zone": str(policy.zone),
        }
    )


def _text(value: Any) -> str:
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def moved(
    ticket: Ticket,
    to: TicketState,
    at: datetime,
    *,
    reason: str | None = None,
    unopposed: bool = False,
) -> Ticket:
    """The ticket in its next state; `unopposed` when its veto window is what decided.

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
        goes_ahead_at=ticket.goes_ahead_at if unopposed or went_unopposed(ticket) else None,
    )


def revised(
    ticket: Ticket,
    terms: Terms,
    *,
    rule: Rule,
    at: datetime,
    reason: str,
    moved_from: Decimal | None = None,
) -> Ticket:
    """The next revision of a ticket: earlier votes and buttons are void, the deadline is new.

    `rule` is the one its new terms meet. It never needs fewer votes than before, never goes straight
    through and has no veto window: whoever asked for a change gets asked.
    """
    required = max(rule.required, ticket.required, 1)
    closes_all = ticket.terms is None or terms.amount >= ticket.terms.amount
    return moved(ticket, _T.PENDING, at, reason=reason).evolve(
        revision=ticket.revision + 1,
        terms=terms,
        rule=rule.name,
        required=required,
        fingerprint=fingerprint(terms, rule=rule, required=required),
        expires_at=at + ticket.waits,
        previous_reference=moved_from,
        decided_at=None,
        veto_window=None,
        goes_ahead_at=None,
        remind_at=reminder(at, ticket.waits, veto_window=None),
        then=ticket.then if closes_all else None,  # no entry follows what leaves a part open
    )


def reminder(at: datetime, waits: timedelta, *, veto_window: timedelta | None) -> datetime | None:
    """When people are reminded of a ticket that waits from now on: at half time; None for never.

    A veto window asks nobody for a vote: whoever keeps silent has agreed.
    """
    if veto_window is not None or waits < SHORTEST_REMINDED:
        return None
    return at + waits / 2


def may_vote_for(ticket: Ticket, person: str) -> bool:
    """Whether this person's approval may count: two or more are two others than who proposed it."""
    return ticket.required < 2 or ticket.proposer != person


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
            and may_vote_for(ticket, vote.person)
        ):
            counted.setdefault(vote.person, vote)
    return list(counted.values())


def went_unopposed(ticket: Ticket) -> bool:
    """Whether it was let through because its veto window ran out."""
    end, decided = ticket.goes_ahead_at, ticket.decided_at
    if ticket.veto_window is None or end is None or decided is None:
        return False
    return decided >= end


def is_approved(ticket: Ticket, votes: Iterable[Vote], policy: Policy, rule: Rule) -> bool:
    """Whether it has what it was to have, and no less than the rule that it meets now asks for."""
    if rule.block:
        return False
    if went_unopposed(ticket):
        return asks_no_more(ticket, rule)
    return len(approvals(ticket, votes, policy)) >= max(ticket.required, rule.required)


def asks_no_more(ticket: Ticket, rule: Rule) -> bool:
    """Whether a rule is content with what a ticket's people are asked for."""
    if rule.block:
        return False
    if ticket.veto_window is None:
        return rule.required <= ticket.required
    window = timedelta(0) if rule.required == 0 else rule.veto_window
    return window is not None and window <= ticket.veto_window


def has_expired(ticket: Ticket, now: datetime) -> bool:
    """Whether the deadline has passed; exactly at the deadline it has."""
    return ticket.expires_at is not None and now >= ticket.expires_at


def still_holds(ticket: Ticket, now: datetime) -> bool:
    """Whether an approved ticket may still be sent, or its approval has become old."""
    return ticket.decided_at is not None and now - ticket.decided_at <= APPROVAL_HOLDS


def checked_fingerprint(ticket: Ticket, policy: Policy) -> Terms:
    """The terms of a ticket, after recomputing what its votes are bound to.

    Raises:
        Corrupt: the stored terms, or what they need, are not what the fingerprint was made of, or
            its rule has changed since.
    """
    if ticket.terms is None or not is_bound(ticket, policy):
        raise Corrupt("what is stored are not the terms that were approved")
    return ticket.terms


def is_bound(ticket: Ticket, policy: Policy) -> bool:
    """Whether what is stored of a ticket is what the votes on it are bound to."""
    rule = policy.named(ticket.rule)
    if ticket.terms is None or rule is None:
        return False
    return fingerprint_of(ticket, rule) == ticket.fingerprint


def fingerprint_of(ticket: Ticket, rule: Rule) -> str:
    """What the votes on a ticket are bound to, from what it says now."""
    assert ticket.terms is not None, "only a ticket with terms is voted on"
    window, required = ticket.veto_window, ticket.required
    return fingerprint(ticket.terms, rule=rule, required=required, veto_window=window)
