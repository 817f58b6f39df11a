"""Refusals of one source that come thick: the first few are told one by one, the rest counted in one message.

The notifier asks, one entry of the journal after the other. A burst lasts as long as there are more of
them within a minute than people want to hear.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from execution.events import Event

TOLD = 3
"""Refusals of one source told one by one within a minute."""
MINUTE = timedelta(minutes=1)


@dataclass
class Counted:
    """What one message counts: signals refused, and how often for which reason."""

    first: Event
    signals: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    last: int = 0
    """The entry counted last: one that is told again, because it could not be said, counts once."""

    def add(self, event: Event) -> None:
        """Count one more signal."""
        if event.seq > self.last:
            self.last = event.seq
            self.signals += 1
            self.codes.update(event.data["codes"].split())


class Bursts:
    """The refusals of the last minute, and what is being counted, by source."""

    def __init__(self) -> None:
        self._recent: dict[str, list[Event]] = {}
        self._counted: dict[str, Counted] = {}

    def counted(self, event: Event) -> Counted | None:
        """What its source is counted with, this refusal in it; None when it is told by itself."""
        source = event.data["source"]
        before = [
            other
            for other in self._recent.get(source, [])
            if other.seq != event.seq and event.at - other.at < MINUTE
        ]
        self._recent[source] = [*before, event]
        if len(before) < TOLD:
            self._counted.pop(source, None)
            return None
        counted = self._counted.setdefault(source, Counted(first=event))
        counted.add(event)
        return counted
