"""What became of a tap or a command, and the facts a person wants with it.

The desk answers with it, every door words it in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from execution.record import Record
from execution.types import Quote, Refusal, Ticket, VoteKind


class Outcome(StrEnum):
    """What became of it."""

    APPROVED = "approved"
    TESTED = "tested"
    """Approved, and a test: nothing is sent."""
    COUNTED = "counted"
    """The vote counts, more are needed."""
    REJECTED = "rejected"
    REVISED = "revised"
    REPLACING = "replacing"
    """Its order rests and stays: a ticket of its own asks for the changed one."""
    UNCHANGED = "unchanged"
    """What a person would change says so already."""
    MOVED = "moved"
    """Asked again as a new revision: the price moved, or what its reason says."""
    REFUSED = "refused"
    ANSWERED = "answered"
    """Somebody else was first."""
    WENT_AHEAD = "went_ahead"
    """Its veto window had run out."""
    OWN_PROPOSAL = "own_proposal"
    """Two or more must approve, and whoever proposed it is none of them."""
    REPEATED = "repeated"
    """The same person said the same before."""
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    NOT_ALLOWED = "not_allowed"
    HALTED = "halted"
    PAUSED = "paused"
    """It stays as it is; its approval waits until an owner resumes."""
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
    """Who answered first, or who halted or paused."""
    vote: VoteKind | None = None
    at: datetime | None = None
    votes: int = 0
    refusals: tuple[Refusal, ...] = ()
    quote: Quote | None = None
    """The prices by which it was approved; None: none was fresh enough to tell."""
