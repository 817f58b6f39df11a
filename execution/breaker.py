"""The circuit breaker of one venue: whether orders may go there, as stored.

Pure. Closed: orders go. Open: nothing answered for too long, no order goes. Half open: it answers
again, and what rests there is being compared with our rows. Cancels and look-ups go in every state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from execution.record import Record

SILENCE = timedelta(seconds=15)
"""A venue is lost when no call of any kind was answered for this long."""


class BreakerState(StrEnum):
    """Whether orders may go to a venue."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker(Record):
    """One venue's breaker: one row, changed by compare-and-swap on its state."""

    venue: str
    state: BreakerState = BreakerState.CLOSED
    since: datetime | None = None
    """When it came to stand so; None while it never opened."""
    reason: str | None = None
    """What the venue's silence was put down to, while it is not closed."""


def next_state(
    state: BreakerState, *, silent_for: timedelta, connected: bool, compared: bool
) -> BreakerState:
    """The state it is to be in: one step at most.

    A breaker that a dead process left open opens no way by itself: a venue must answer (`connected`),
    and then be compared with our rows.
    """
    if silent_for >= SILENCE:
        return BreakerState.OPEN
    if state is BreakerState.OPEN and connected:
        return BreakerState.HALF_OPEN
    if state is BreakerState.HALF_OPEN and connected and compared:
        return BreakerState.CLOSED
    return state
