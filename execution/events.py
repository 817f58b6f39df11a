"""Names of everything the journal records. Each state change writes one, in the same transaction.

The notifier turns some of them into messages (`bot/notifier.py`), `/audit` shows all of a ticket's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from execution.types import Record


class EventKind(StrEnum):
    """What happened."""

    STARTED = "started"
    DAILY = "daily"
    """Once a day, with the journal's head before it: posted, it shows a tail that was cut since."""
    SIGNAL_ACCEPTED = "signal_accepted"
    SIGNAL_REPEATED = "signal_repeated"

    TICKET_REFUSED = "ticket_refused"
    TICKET_PENDING = "ticket_pending"
    TICKET_REVISED = "ticket_revised"
    TICKET_ASKED_AGAIN = "ticket_asked_again"
    TICKET_APPROVED = "ticket_approved"
    TICKET_REJECTED = "ticket_rejected"
    TICKET_EXPIRED = "ticket_expired"
    TICKET_CANCELED = "ticket_canceled"
    TICKET_WORKING = "ticket_working"
    TICKET_DONE = "ticket_done"
    TICKET_FAILED = "ticket_failed"
    TICKET_PROPOSED = "ticket_proposed"
    """A person proposed it again; `signal` is what the new ticket is made of."""
    VOTE = "vote"

    ORDER_PLANNED = "order_planned"
    ORDER_DENIED = "order_denied"
    ORDER_SENDING = "order_sending"
    ORDER_NOT_SENT = "order_not_sent"
    ORDER_IN_DOUBT = "order_in_doubt"
    ORDER_WORKING = "order_working"
    ORDER_CANCEL_REQUESTED = "order_cancel_requested"
    ORDER_CANCELING = "order_canceling"
    ORDER_FILLED = "order_filled"
    ORDER_CANCELED = "order_canceled"
    ORDER_EXPIRED = "order_expired"
    ORDER_REJECTED = "order_rejected"
    ORDER_ABSENT = "order_absent"
    ORDER_STUCK = "order_stuck"
    ORDER_RISEN = "order_risen"
    """It had ended here and the venue shows more: a rule of ours, or a person, was wrong."""
    ORDER_LOOK_ASKED = "order_look_asked"
    ORDER_MARKED_ABSENT = "order_marked_absent"
    """A person ended what nobody could prove; `order_absent` follows."""
    ORDER_NAMED = "order_named"
    """A person named the venue's id of it; `order_adopted` or `order_not_adopted` follows."""
    ORDER_ADOPTED = "order_adopted"
    ORDER_NOT_ADOPTED = "order_not_adopted"
    FILL = "fill"
    FILL_CONFLICT = "fill_conflict"
    OVERFILL = "overfill"

    HALTED = "halted"
    HALT_TAKEN = "halt_taken"
    HALT_NOT_DONE = "halt_not_done"
    HALT_VERIFIED = "halt_verified"
    RESUMED = "resumed"
    VENUE_DOWN = "venue_down"
    VENUE_ANSWERS = "venue_answers"
    """It answers, and is being compared with our rows; no order goes there yet."""
    VENUE_LOST_AGAIN = "venue_lost_again"
    """It fell silent before orders went there again."""
    VENUE_UP = "venue_up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event(Record):
    """One entry of the journal. `data` holds strings, so that the hash chain is exact."""

    seq: int
    at: datetime
    kind: EventKind
    ticket: str | None
    order: str | None
    actor: str | None
    data: Mapping[str, str]
    mac: str
