"""Asks each venue what its key may do, and lets orders go there only with a key that fits.

A key that may withdraw is refused where real money is, one that may not trade everywhere. Asked when the
venue is first connected and every few minutes after, so that a key that is changed counts without a restart.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

from execution.errors import StoreUnavailable, VenueError
from execution.events import EventKind
from execution.feed import Feed
from execution.store import Store
from execution.types import Mode
from execution.venues.rights import KeyRights

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=5)
TRY_AGAIN = 1.0
"""Seconds until a venue is asked again that did not say."""
_A_MOMENT = 0.1


def refused(rights: KeyRights, mode: Mode) -> str | None:
    """Why no order may go out with such a key; None where one may, or nobody tells."""
    if rights.withdraws and mode is Mode.LIVE:
        return "its key may withdraw: make one that may not"
    if rights.trades is False:
        return "its key may not trade: allow it to, or make another"
    return None


class KeyWatch:
    """One venue's key."""

    def __init__(self, feed: Feed, *, store: Store) -> None:
        self._feed = feed
        self._store = store
        self._other = asyncio.Event()

    def other_keys(self) -> None:
        """It signs with other keys from now on: nothing goes there until they were asked about."""
        self._feed.key_known = False
        self._other.set()

    async def run(self) -> None:
        """Ask for ever; until the first answer nothing goes there."""
        feed = self._feed
        feed.key_known, told, warned = False, None, False
        while True:
            if not feed.connected:
                await asyncio.sleep(_A_MOMENT)
                continue
            self._other.clear()
            try:
                rights = await feed.venue.rights()
            except VenueError as error:
                feed.missed = str(error)
                await asyncio.sleep(TRY_AGAIN)
                continue
            if self._other.is_set():
                continue  # that was said of the keys before
            feed.forbidden, feed.key_known = refused(rights, feed.venue.mode), True
            if feed.forbidden != told:
                told = await self._tell(feed.forbidden, told)
            if rights.bound is False and not warned:
                log.warning(
                    "the key of %s works from every address: bind it to yours", feed.venue.name
                )
                warned = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._other.wait(), EVERY.total_seconds())

    async def _tell(self, reason: str | None, told: str | None) -> str | None:
        """Say why nothing goes there, or that something does again; what people know then."""
        kind = EventKind.VENUE_KEY_OVER if reason is None else EventKind.VENUE_KEY_STOP
        name = self._feed.venue.name
        try:
            await self._store.write(
                lambda tx: tx.journal.add(kind, tx.now, venue=name, reason=reason)
            )
        except StoreUnavailable as error:
            log.critical("nothing goes to %s, and that cannot be stored: %s", name, error)
            return told
        return reason
