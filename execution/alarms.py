"""What halts the desk by itself: a process that stood still, commits that fail, a journal that was changed.

Nothing else does. A venue, a pair or a limit that is in trouble stops only what it concerns. Each alarm
is raised after more than one reading but the first, which is a fact.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from execution.errors import Corrupt, StoreUnavailable
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.store.journal import GENESIS

log = logging.getLogger(__name__)

STOOD_STILL_FOR = 5.0
"""Seconds: prices, approvals and timeouts of then are not those of now."""
COMMITS_FAIL_FOR = 15.0
"""Seconds: a backup that holds the database for a moment is no reason to stop."""
IN_ONE_GO = 500
"""Entries of the journal that are checked before others have their turn."""
BREATH = 0.05
JOURNAL_GREW = 60.0
"""Seconds between checks of what was added."""
ALL_OF_IT_AGAIN = 86_400.0
"""Seconds between checks of everything."""
_STEP = 0.5
_TRY_AGAIN = 2.0
"""Seconds between commits that are only tried: a lock holds up whatever waits behind them."""

HaltFor = Callable[[str], Awaitable[object]]
"""Halts the desk for this reason."""


class Alarms:
    """Three watches, each a task that runs for ever."""

    def __init__(self, *, store: Store, halt: HaltFor) -> None:
        self._store = store
        self._halt = halt

    async def run(self) -> None:
        """Watch until canceled."""
        await asyncio.gather(self.watch_loop(), self.watch_commits(), self.watch_journal())

    async def watch_loop(self) -> None:
        """Halt after the event loop stood still: whatever it was, much has happened meanwhile."""
        clock = asyncio.get_running_loop().time
        while True:
            before = clock()
            await asyncio.sleep(_STEP)
            stood_still = clock() - before - _STEP
            if stood_still > STOOD_STILL_FOR:
                await self._raise(f"this process stood still for {stood_still:.0f} s")

    async def watch_commits(self) -> None:
        """Halt when nothing was stored for a while, though it was tried again and again."""
        seen = self._store.failures
        while True:
            await asyncio.sleep(_STEP)
            if self._store.failures != seen:
                await self._watch_trouble()
            seen = self._store.failures

    async def watch_journal(self) -> None:
        """Halt when an entry of the journal is not as it was written; all of it is checked once a day."""
        clock = asyncio.get_running_loop().time
        begun, (seq, mac) = clock(), (0, GENESIS)
        while True:
            here = (seq, mac)
            try:
                seq, mac = await self._store.read(partial(_check, after=here))
            except Corrupt as error:
                await self._raise_once(str(error))
                return
            except StoreUnavailable:
                await asyncio.sleep(JOURNAL_GREW)
                continue
            await asyncio.sleep(BREATH if (seq, mac) != here else JOURNAL_GREW)
            if clock() - begun >= ALL_OF_IT_AGAIN:
                begun, (seq, mac) = clock(), (0, GENESIS)

    async def _watch_trouble(self) -> None:
        """Try to store something until that succeeds, or has failed for long."""
        clock = asyncio.get_running_loop().time
        since = clock()
        while (trouble := await why_nothing_is_stored(self._store)) is not None:
            if clock() - since >= COMMITS_FAIL_FOR:
                why = f"nothing could be stored for {COMMITS_FAIL_FOR:.0f} s"
                await self._raise(f"{why}: {trouble}")
                return
            await asyncio.sleep(_TRY_AGAIN)

    async def _raise_once(self, reason: str) -> None:
        """What an owner has resumed from is not raised again at the next start."""
        last = await self._store.read(lambda tx: tx.journal.last(EventKind.HALTED))
        if last is None or last.data.get("reason") != reason:
            await self._raise(reason)

    async def _raise(self, reason: str) -> None:
        log.critical("halting: %s", reason)
        with suppress(StoreUnavailable):  # the halt holds, in memory and in its file
            await self._halt(reason)


async def why_nothing_is_stored(store: Store, *, within: float | None = None) -> str | None:
    """Why a commit that is only tried fails, or takes longer than so many seconds; None if it does not."""
    try:
        async with asyncio.timeout(within):
            await store.write(lambda tx: tx.journal.touch())
    except TimeoutError:
        return f"the database took longer than {within:.0f} s"
    except (StoreUnavailable, Corrupt) as error:
        return str(error)
    return None


def _check(tx: Transaction, *, after: tuple[int, str]) -> tuple[int, str]:
    """The next stretch of the journal."""
    return tx.journal.check(*after, IN_ONE_GO)
