"""The heartbeat for a watchdog on another host: a call every minute for as long as we can prove that we live.

A process that is dead, stuck, deaf or cannot store anything tells nobody; so it is the silence that is the
alarm, and whatever cannot be proved ends in silence. The address may hold a secret: it is never logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

import httpx

from bot.news import AUDIENCE
from bot.telegram.hearing import Hearing
from bot.telegram.silence import silence
from execution.alarms import STOOD_STILL_FOR
from execution.breaker import BreakerState
from execution.errors import Corrupt, StoreUnavailable
from execution.events import EventKind
from execution.feed import Feed
from execution.market import Market
from execution.store import Store, Transaction

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two calls."""
PATIENCE = 5.0
"""Seconds for a call, and for a commit that is only tried."""
COMPARISONS_MISSED = 3
"""So many `reconcile_every` without a comparison, and nobody knows what rests at a venue."""
DEAF_FOR = timedelta(minutes=2)
"""The chat is read at least every half minute: after so long whoever reads it hangs."""


class Heartbeat:
    """One task that runs for ever."""

    def __init__(
        self,
        url: str,
        *,
        store: Store,
        market: Market,
        hearing: Hearing,
        reconcile_every: timedelta,
    ) -> None:
        self._url = url
        self._store = store
        self._market = market
        self._hearing = hearing
        self._not_compared_for = COMPARISONS_MISSED * reconcile_every
        self._lacking: str | None = None
        self._failing: str | None = None

    async def run(self) -> None:
        """Call every minute until canceled; the first time only after one: who keeps dying is not alive."""
        clock = asyncio.get_running_loop().time
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
            while True:
                due = clock() + EVERY
                await asyncio.sleep(EVERY)
                await self._beat(client, late=clock() - due)

    async def _beat(self, client: httpx.AsyncClient, *, late: float) -> None:
        """Call, unless something that must be proved cannot be."""
        lacking = f"this process stood still for {late:.0f} s" if late > STOOD_STILL_FOR else None
        lacking = lacking or await self._unproved()
        if lacking is not None:
            if self._lacking is None:
                log.error("no heartbeat is sent: %s", lacking)
        else:
            if self._lacking is not None:
                log.info("the heartbeat is sent again")
            await self._call(client)
        self._lacking = lacking

    async def _call(self, client: httpx.AsyncClient) -> None:
        """One GET, whatever comes of it; its address stands in no log."""
        try:
            async with asyncio.timeout(PATIENCE), client.stream("GET", self._url) as answer:
                failing = None if answer.is_success else f"it answers {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            failing = type(error).__name__
        if failing is not None and self._failing is None:
            log.warning("watchdog.heartbeat_url does not take the heartbeat: %s", failing)
        elif failing is None and self._failing is not None:
            log.info("watchdog.heartbeat_url takes the heartbeat again")
        self._failing = failing

    async def _unproved(self) -> str | None:
        """What cannot be proved now; None where everything can."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store.write(lambda tx: tx.journal.touch())
                return await self._store.read(self._unseen)
        except TimeoutError:
            return f"the database took longer than {PATIENCE:.0f} s"
        except (StoreUnavailable, Corrupt) as error:
            return str(error)

    def _unseen(self, tx: Transaction) -> str | None:
        """Which venue, or whether the chat, is out of sight without people having been told."""
        heard = self._hearing.until
        if heard is None and silence(tx) is not None:
            return "nobody is heard in the chat"
        if heard is not None and tx.now - heard > DEAF_FOR:
            return "the chat is not read"
        return _not_compared(tx, self._market.feeds(), self._not_compared_for)


def _not_compared(tx: Transaction, feeds: Mapping[str, Feed], longest: timedelta) -> str | None:
    """The first venue that was not compared lately, unless its breaker is open and that was told."""
    for name, feed in feeds.items():
        compared = feed.reconciled_at is not None and tx.now - feed.reconciled_at <= longest
        if not compared and not _told_of(tx, name):
            return f"{name} was not compared with our orders"
    return None


def _told_of(tx: Transaction, venue: str) -> bool:
    """Whether a venue's breaker is open, and the chat was told so."""
    if tx.breakers.of(venue).state is BreakerState.CLOSED:
        return False
    down = tx.journal.last(EventKind.VENUE_DOWN)
    return down is not None and down.seq <= (tx.chat.cursor(AUDIENCE) or 0)
