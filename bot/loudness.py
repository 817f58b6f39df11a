"""How loud each kind of news is in the chat: on, silent or off, as `telegram.notify` says.

Pure. What stops trading, or waits for somebody's decision, is of no kind: it is always told, and rings.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from execution.events import EventKind


class Loudness(StrEnum):
    """What becomes of news; a card shows what happened to it in any case."""

    ON = "on"
    SILENT = "silent"
    OFF = "off"


KINDS: Mapping[EventKind, str] = {
    EventKind.TICKET_PENDING: "card",
    EventKind.TICKET_APPROVED: "card",
    EventKind.TICKET_ASKED_AGAIN: "card",
    EventKind.TICKET_DONE: "fill",
    EventKind.TICKET_REFUSED: "refusal",
    EventKind.TICKET_FAILED: "error",
    EventKind.TICKET_CANCELED: "error",
    EventKind.TICKET_EXPIRED: "error",
    EventKind.ORDER_IN_DOUBT: "error",
    EventKind.VENUE_DOWN: "error",
    EventKind.VENUE_UP: "error",
    EventKind.VENUE_CLOCK: "error",
    EventKind.VENUE_CLOCK_STOP: "error",
    EventKind.VENUE_CLOCK_OVER: "error",
    EventKind.REMINDER: "reminder",
    EventKind.DAILY: "daily",
}
"""The kind an entry of the journal is of, by its name in the settings."""


def loudness(notify: Mapping[str, Loudness], kind: EventKind) -> Loudness:
    """How loud an entry of this kind is told."""
    return notify.get(KINDS.get(kind, ""), Loudness.ON)
