"""Since when, and until when, everything that people said was read: what silence is proved by.

Intake says what it has heard. A veto window runs only while people are heard, and nothing goes ahead
before all that they said until its end is known; so whoever waits for such an end says when it is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil


class Hearing:
    """How far people have been heard."""

    def __init__(self, *, shortest: timedelta | None = None) -> None:
        """`shortest` is the shortest veto window there may be: no poll lasts longer."""
        self._shortest = shortest
        self.since: datetime | None = None
        """From when on nothing was missed; None while people are not heard."""
        self.until: datetime | None = None
        """Everything said before this moment was read and done."""
        self.wanted: datetime | None = None
        """The moment until which somebody waits to know that everything was read."""

    def heard(self, until: datetime) -> None:
        """Everything said before this moment has been done."""
        self.since = self.since or until
        self.until = until

    def lost(self) -> None:
        """People are not heard any more."""
        self.since = self.until = None

    def patience(self, seconds: int, now: datetime) -> int:
        """For how many whole seconds, at most these, it may be listened without saying how far."""
        if self._shortest is not None:
            seconds = min(seconds, int(self._shortest.total_seconds()))
        if self.wanted is None or (self.until is not None and self.until >= self.wanted):
            return seconds
        return max(0, min(seconds, ceil((self.wanted - now).total_seconds())))
