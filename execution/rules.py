"""Which approval rule a ticket meets, and what follows when the rules themselves have changed.

A rule may ask for the hour and for what went through within a day, so it is matched inside the
transaction that acts on the answer: when a ticket is made, when it is decided, and once more before
it is sent, by the moment it was decided at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from execution.approval import Policy, Rule, policy_text
from execution.events import EventKind
from execution.store import Transaction
from execution.types import ZERO, Refusal, Terms, Ticket

DAY = timedelta(hours=24)
"""What a rolling sum looks back on: a decision exactly so long ago is not in it any more."""


def met(tx: Transaction, policy: Policy, ticket: Ticket) -> Rule:
    """The rule a ticket's terms meet: now, or at the moment it was decided."""
    assert ticket.terms is not None, "only a ticket with terms meets a rule"
    return met_by(
        tx,
        policy,
        ticket.terms,
        source=ticket.source,
        strategy=ticket.strategy,
        at=ticket.decided_at or tx.now,
        without=ticket.id,
    )


def met_by(
    tx: Transaction,
    policy: Policy,
    terms: Terms,
    *,
    source: str,
    strategy: str | None,
    at: datetime,
    without: str = "",
) -> Rule:
    """The rule that terms from this source meet at this moment; `without` is their own ticket."""
    rolling = terms.value
    if policy.sums:
        rolling = total([terms.value, *tx.tickets.let_through(at - DAY, at, without=without)])
    return policy.rule_for(terms, source=source, strategy=strategy, at=at, rolling=rolling)


def total(values: Sequence[Decimal | None]) -> Decimal | None:
    """What these come to; None when one of them could not be valued."""
    known = [value for value in values if value is not None]
    return sum(known, ZERO) if len(known) == len(values) else None


def blocked(rule: Rule) -> Refusal | None:
    """Why a ticket that meets this rule goes nowhere; None where the rule lets people decide."""
    if not rule.block:
        return None
    return Refusal(code="BLOCKED", text=f"The rule {rule.name} blocks this.")


def note(tx: Transaction, policy: Policy) -> bool:
    """Write down rules and people that are not those last used; whether they were not."""
    text = policy_text(policy)
    digest = hashlib.sha256(text.encode()).hexdigest()
    last = tx.journal.last(EventKind.POLICY_CHANGED)
    if last is not None and last.data.get("digest") == digest:
        return False
    changes = {} if last is None else differences(json.loads(last.data["policy"]), json.loads(text))
    tx.journal.add(EventKind.POLICY_CHANGED, tx.now, digest=digest, policy=text, **changes)
    return True


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """What differs between two policies: names of rules, ids of people, names of settings."""
    old, new = ({rule["name"]: rule for rule in policy["rules"]} for policy in (before, after))
    kept = [name for name in new if name in old]
    people = before["people"].items() ^ after["people"].items()
    found = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in kept if old[name] != new[name]],
        "moved": [] if kept == [name for name in old if name in new] else kept,
        "people": sorted({person for person, _ in people}),
        "settings": sorted(
            name
            for name in after
            if name not in ("rules", "people") and before.get(name) != after[name]
        ),
    }
    return {kind: json.dumps(names, ensure_ascii=False) for kind, names in found.items() if names}
