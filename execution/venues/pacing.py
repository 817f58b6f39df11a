"""How fast and in what order the requests of one API key may leave.

`connections.py` asks before each request. ccxt's own limiter counts per instance and gains nothing
while nobody waits; where an exchange's counter is known (`quirks`), this one counts as it does. It
must never let an order, a cancel or a kill wait for reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

Release = Callable[[], None]

PATIENCE = 1.0
"""Seconds an order or a cancel waits for the one before it: by then that one has arrived or is lost."""


def nothing() -> None:
    """Release what was not held."""


class Allowance:
    """An exchange's counter of requests: each costs something, and time gives it back."""

    def __init__(self, most: float, per_second: float) -> None:
        self._most, self._per_second = most, per_second
        self._left = most
        self._counted_at = 0.0
        self._queue = asyncio.Lock()

    async def take(self, cost: float) -> None:
        """Pay for a request; wait, in the order of asking, until there is enough."""
        async with self._queue:
            missing = cost - self._now()
            if missing > 0:
                await asyncio.sleep(missing / self._per_second)
            self.owe(cost)

    def owe(self, cost: float) -> None:
        """Pay for a request that may not wait; what comes later waits the longer."""
        self._left = self._now() - cost

    def _now(self) -> float:
        """What is left by now."""
        at = asyncio.get_running_loop().time()
        gained = (at - self._counted_at) * self._per_second
        self._left, self._counted_at = min(self._left + gained, self._most), at
        return self._left


class Turns:
    """Signed requests one after the other, where one that overtakes makes those before it refused.

    Reads wait for reads, and for the orders and cancels on their way; these wait for one another, no
    longer than `PATIENCE`, and for no read.
    """

    def __init__(self) -> None:
        self._reading, self._sending = asyncio.Lock(), asyncio.Lock()

    async def read(self) -> Release:
        """Wait until a read may be signed; call what is returned once it is answered."""
        await self._reading.acquire()
        with ExitStack() as held:
            held.callback(self._reading.release)
            while self._sending.locked():
                async with self._sending:
                    pass
                await asyncio.sleep(0)  # who stood behind it goes first
            return held.pop_all().close

    async def send(self) -> Release:
        """Wait until an order or a cancel may be signed; call what is returned once it is answered."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._sending.acquire()
        except TimeoutError:
            return nothing
        return self._sending.release


class Nonces:
    """One source of nonces for all connections of a key: each is above every one before it."""

    def __init__(self) -> None:
        self._last = 0

    def above(self, now: int) -> int:
        """The next one: the time, so that they rise over restarts too, or one more than the last."""
        self._last = max(now, self._last + 1)
        return self._last


class Pace:
    """What a request of one account waits for before it is signed."""

    def __init__(self, *, most: float | None, per_second: float, in_turn: bool) -> None:
        """`most` is what may be asked at once, None where ccxt's own limiter counts."""
        self.counts = most is not None
        self._allowances = {
            signed: Allowance(most, per_second) for signed in (True, False) if most is not None
        }
        self._turns = Turns() if in_turn else None
        self.nonces = Nonces()

    async def turn(self, cost: float, *, signed: bool, urgent: bool) -> Release:
        """Wait for it; call what is returned once the request is answered.

        What is `urgent`, an order or a cancel, waits for no read; what is not `signed` is counted apart.
        """
        allowance = self._allowances.get(signed)
        if allowance is not None and urgent:
            allowance.owe(cost)
        elif allowance is not None:
            await allowance.take(cost)
        if self._turns is None or not signed:
            return nothing
        return await (self._turns.send() if urgent else self._turns.read())
