"""Whether people are heard in the chat, and since when not: told through every other door.

`/readyz` has the reason at once. What lasts is journaled, where `/api/status` and the command line find
it; when people are heard again, the journal tells the chat.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from execution.errors import StoreUnavailable
from execution.events import Event, EventKind
from execution.store import Store, Transaction

log = logging.getLogger(__name__)

LASTS = timedelta(seconds=20)
"""A silence shorter than this is not worth an entry."""


class Silence:
    """Written by the intake."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._since: datetime | None = None
        self.reason: str | None = "not connected yet"
        """Why nobody is heard; None while people are."""

    async def lost(self, reason: str, *, at_once: bool = False) -> None:
        """Nobody is heard; `at_once` for what does not pass by itself."""
        if reason != self.reason:
            log.error("%s", reason)
        self.reason = reason
        now = self._clock()
        self._since = since = self._since or now

        def work(tx: Transaction) -> None:
            if silence(tx) is None:
                tx.journal.add(EventKind.CHAT_LOST, tx.now, reason=reason, since=since.isoformat())

        if not at_once and now - since < LASTS:
            return
        try:
            if await self._store.read(silence) is None:
                await self._store.write(work)
        except StoreUnavailable as error:
            log.error("a silence could not be journaled: %s", error)

    async def heard(self) -> None:
        """People are heard."""
        if self.reason is None:
            return

        def work(tx: Transaction) -> None:
            lost = silence(tx)
            if lost is not None:
                tx.journal.add(EventKind.CHAT_HEARD, tx.now, **lost.data)

        self.reason = self._since = None
        if await self._store.read(silence) is not None:
            await self._store.write(work)


def silence(tx: Transaction) -> Event | None:
    """The entry of the silence that lasts; None while people are heard."""
    lost, heard = tx.journal.last(EventKind.CHAT_LOST), tx.journal.last(EventKind.CHAT_HEARD)
    over = lost is None or (heard is not None and heard.seq > lost.seq)
    return None if over else lost
