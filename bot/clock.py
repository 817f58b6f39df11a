"""The product's one clock: UTC, and it never goes back.

Deadlines, looks and polls are times in the database. A machine whose clock is set back must not stop
them for as long; nor may a restart be needed to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

STEP = timedelta(seconds=1)
"""A wall clock that is behind by less was not set back: it is waited for, so that no error adds up."""


class Clock:
    """Called, it says what time it is."""

    def __init__(self, wall: Callable[[], datetime], ticks: Callable[[], float]) -> None:
        """`wall` is the machine's clock; `ticks` counts seconds and is never set."""
        self._wall, self._ticks = wall, ticks
        self._lock = Lock()
        self._last, self._at = wall(), ticks()

    def __call__(self) -> datetime:
        """The wall clock's time; after it was set back, what has passed since the last time told."""
        with self._lock:
            at, wall = self._ticks(), self._wall()
            passed = self._last + timedelta(seconds=at - self._at)
            set_back = passed - wall > STEP
            self._last, self._at = passed if set_back else max(wall, self._last), at
            return self._last
