"""How much Telegram takes from a bot, kept by ourselves so that it never has to refuse.

Edits count like messages. A message is counted from when its answer came: so two are as far apart at
Telegram as they are here, however long they traveled. What matters more may use more of a limit.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Urgency(IntEnum):
    """What is asked for, by how much of each limit it may use, in percent."""

    PANEL = 40
    EDIT = 60
    NEWS = 90
    REPLY = 95
    HALT = 100


class Limit(NamedTuple):
    """So many within so many seconds (core.telegram.org/bots/faq)."""

    most: int
    seconds: float


OVERALL = Limit(30, 1)
EACH_CHAT = Limit(10, 10)
"""One a second; Telegram allows short bursts."""
EACH_GROUP = Limit(20, 60)
_ALL = 0
"""Where everything is counted; no chat has this id."""
_UNDER_WAY = 0.05
"""Seconds until it is asked again while what fills a limit has no answer yet."""


@dataclass
class Sending:
    """One call."""

    arrived: bool = True
    """Not where no connection was made: after an outage nothing waits for what was tried during it."""


class Pace:
    """What was sent lately, and until when Telegram wants nothing at all."""

    def __init__(self) -> None:
        self._ended: dict[int, deque[float]] = {}
        self._under_way: Counter[int] = Counter()
        self._held_until = 0.0

    def wait(self, place: int, urgency: Urgency) -> float:
        """Seconds until there is room for one more in this chat; 0 when there is now."""
        now = asyncio.get_running_loop().time()
        limits = [(_ALL, OVERALL), (place, EACH_CHAT), *([(place, EACH_GROUP)] * (place < 0))]
        return max(
            self._held_until - now,
            *(self._full_for(key, limit, urgency, now) for key, limit in limits),
            0.0,
        )

    def hold(self, seconds: float) -> None:
        """Telegram asked for a pause; what ends meanwhile does not shorten it."""
        self._held_until = max(self._held_until, asyncio.get_running_loop().time() + seconds)

    @contextmanager
    def sending(self, place: int) -> Iterator[Sending]:
        """Around one call: it counts while it is under way, and from its end on if it arrived."""
        for key in (_ALL, place):
            self._under_way[key] += 1
        call = Sending()
        try:
            yield call
        finally:
            now = asyncio.get_running_loop().time()
            for key in (_ALL, place):
                self._under_way[key] -= 1
                if call.arrived:
                    self._ended.setdefault(key, deque()).append(now)

    def _full_for(self, key: int, limit: Limit, urgency: Urgency, now: float) -> float:
        """Seconds until fewer stand in this limit's window than this urgency may fill."""
        ended = self._ended.get(key, deque())
        while ended and now - ended[0] >= EACH_GROUP.seconds:
            ended.popleft()
        within = [at for at in ended if now - at < limit.seconds]
        may = limit.most * urgency // 100
        too_many = len(within) + self._under_way[key] - may
        if too_many < 0:
            return 0.0
        if too_many >= len(within):
            return _UNDER_WAY
        return within[too_many] + limit.seconds - now
