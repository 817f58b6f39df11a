"""What became of a tap or a command, and the facts a person wants with it.

The desk answers with it, every door words it in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from execution.types import Record, Refusal, Ticket, VoteKind


class Outcome(StrEnum):
    """What became of it."""

    APPROVED = "approved"
    COUNTED = "counted"
    """The vote counts, more are needed."""
    REJECTED = "rejected"
    REVISED = "revised"
    MOVED = "moved"
    """The price moved: asked again as a new revision."""
    REFUSED = "refused"
    ANSWERED = "answered"
    """Somebody else was first."""
    REPEATED = "repeated"
    """The same person said the same before."""
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    NOT_ALLOWED = "not_allowed"
    HALTED = "halted"
    CANCELED = "canceled"
    PROPOSED = "proposed"
    LOOKING = "looking"
    MARKED_ABSENT = "marked_absent"
    NAMED = "named"
    """The exchange is asked about the order id a person named."""
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer(Record):
    """The outcome and its facts."""

    outcome: Outcome
    ticket: Ticket | None = None
    name: str | None = None
    """Who answered first, or who halted."""
    vote: VoteKind | None = None
    at: datetime | None = None
    votes: int = 0
    refusals: tuple[Refusal, ...] = ()
