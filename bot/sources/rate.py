"""How often one source may send: a sliding window over the clock it is given.

The inlet keeps one per source. It counts only what proved where it is from, so that a stranger
cannot use up a sender's share; it must never wait, only say how long to.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from bot.settings.values import Rate


class Allowance:
    """At most `rate.count` signals within any `rate.per`."""

    def __init__(self, rate: Rate) -> None:
        self._per = rate.per
        self._times: deque[datetime] = deque(maxlen=rate.count)

    def wait(self, now: datetime) -> timedelta | None:
        """How long until the next may come; None when it may come now."""
        if len(self._times) < (self._times.maxlen or 0):
            return None
        left = self._times[0] + self._per - now
        return left if left > timedelta(0) else None

    def count(self, now: datetime) -> None:
        """One came."""
        self._times.append(now)
