"""What can go wrong with Telegram, to be switched on: silence, errors, lost connections, slowness, flood limits.

Tests switch them, api.py asks before and after each call. They are the behaviour of a server under trouble, so the bot
meets them through its real HTTP client.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from bot.playground.params import ApiError

Kind = Literal["silence", "hold", "error", "lose_call", "lose_answer", "delay"]


class ConnectionLostError(Exception):
    """The connection is to be closed without an answer."""


@dataclass(slots=True)
class _Fault:
    method: str
    kind: Kind
    times: int | None
    error: ApiError | None = None
    seconds: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, method: str) -> bool:
        return self.method in {method, "*"} and self.times != 0


class Faults:
    """Switches per Bot API method name, `"*"` for all. Each lasts for `times` calls, or until `clear()`."""

    def __init__(self) -> None:
        self._faults: list[_Fault] = []

    def silence(self, method: str = "*", *, times: int | None = None) -> None:
        """Takes the call and never answers; nothing is done. `clear()` then closes the connections."""
        self._faults.append(_Fault(method, "silence", times))

    def hold(self, method: str = "*", *, times: int | None = None) -> None:
        """Calls wait until `clear()` and are then carried out: slowness without a clock."""
        self._faults.append(_Fault(method, "hold", times))

    def delay(self, method: str = "*", *, seconds: float, times: int | None = None) -> None:
        """Calls are carried out after so many seconds."""
        self._faults.append(_Fault(method, "delay", times, seconds=seconds))

    def error(
        self,
        method: str = "*",
        *,
        status: int = 500,
        description: str = "Internal Server Error",
        retry_after: int | None = None,
        times: int | None = None,
    ) -> None:
        """Calls are refused with this answer; nothing is done. 429 carries `retry_after`, in seconds."""
        error = ApiError(status, description, retry_after=retry_after)
        self._faults.append(_Fault(method, "error", times, error=error))

    def lose_call(self, method: str = "*", *, times: int | None = None) -> None:
        """The connection closes before anything was done."""
        self._faults.append(_Fault(method, "lose_call", times))

    def lose_answer(self, method: str = "*", *, times: int | None = None) -> None:
        """The call is carried out, then the connection closes without an answer."""
        self._faults.append(_Fault(method, "lose_answer", times))

    def clear(self, method: str | None = None) -> None:
        """Everything works again, or all that was switched for `method`; held calls go on, silent ones are cut."""
        for fault in self._faults:
            if method in {None, fault.method}:
                fault.times = 0
                fault.over.set()
        self._faults = [fault for fault in self._faults if fault.times != 0]

    def release(self) -> None:
        """Held calls go on and silent ones are cut, as with `clear`, but what is switched on stays on."""
        for fault in self._faults:
            fault.over.set()
            fault.over = asyncio.Event()

    async def before(self, method: str) -> bool:
        """Called before a call is carried out. True: carry it out, then lose the answer."""
        fault = next((fault for fault in self._faults if fault.meets(method)), None)
        if fault is None:
            return False
        if fault.times is not None:
            fault.times -= 1
        if fault.kind == "error" and fault.error:
            raise fault.error
        if fault.kind in {"silence", "hold"}:
            await fault.over.wait()
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault.kind in {"silence", "lose_call"}:
            raise ConnectionLostError
        return fault.kind == "lose_answer"


class FloodLimits:
    """Telegram's limits on what a bot sends: 30 a second overall, 20 a minute into one group; edits count.

    Source: "Broadcasting to users" in Telegram's bot FAQ; what counts as a send into a group was measured by others.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._sent: dict[int, deque[datetime]] = {}
        self._paused_until = self._told_until = clock()
        self.refused = 0
        """Sends that were answered with 429."""
        self.violations = 0
        """Sends that came before the end of a pause the bot had been told of."""

    def pause(self, seconds: int) -> None:
        """Takes nothing for so long, as Telegram does when it has had enough."""
        self._paused_until = self._clock() + timedelta(seconds=seconds)

    def check(self, chat_id: int) -> None:
        """Counts one send; ApiError 429 with the seconds to wait when it is one too many."""
        now = self._clock()
        self.violations += now < self._told_until
        if now < self._paused_until:
            raise self._refusal(now, self._paused_until - now)
        rules = [(0, 30, timedelta(seconds=1))]
        if chat_id < 0:
            rules.append((chat_id, 20, timedelta(minutes=1)))
        for key, most, span in rules:
            times = self._sent.setdefault(key, deque())
            while times and now - times[0] >= span:
                times.popleft()
            if len(times) >= most:
                raise self._refusal(now, span - (now - times[0]))
        for key, _, _ in rules:
            self._sent[key].append(now)

    def _refusal(self, now: datetime, left: timedelta) -> ApiError:
        wait = max(1, -(-left // timedelta(seconds=1)))
        self.refused += 1
        self._told_until = now + timedelta(seconds=wait)
        return ApiError(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
