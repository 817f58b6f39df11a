"""The dead man's switch of a venue: it cancels every order of the account unless we ask again in time.

One task per venue asks, and only while it proves that this process lives: its loop turns, the database
takes a commit, the venue was compared with our rows. What cannot be proved is not asked for, and the
venue acts; that is the purpose. What it canceled is found by the ordinary looks, and nothing is placed
again. A crash leaves it armed, a planned stop switches it off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from execution.alarms import why_nothing_is_stored
from execution.errors import Corrupt, StoreUnavailable, VenueError
from execution.events import EventKind
from execution.feed import Feed
from execution.store import Store

log = logging.getLogger(__name__)

RENEWALS = 3
"""So many fit into its time: one that fails leaves room for others."""
LATE = 2.0
"""Seconds by which a loop that turns is never late."""
PATIENCE = 5.0
"""Seconds for a commit that is only tried, and for switching it off."""
COMPARISONS_MISSED = 3
"""So many `reconcile_every` without a comparison, and nobody here knows what rests at the venue."""
TRY_AGAIN = 1.0
"""Seconds until the next try; doubling while the venue does not say yes, since refusals may lock us out."""


class DeadMan:
    """The switch of one venue, and the task that renews it. What it knows stands in the venue's feed."""

    def __init__(
        self,
        feed: Feed,
        timeout: timedelta,
        *,
        store: Store,
        clock: Callable[[], datetime],
        reconcile_every: timedelta,
    ) -> None:
        """`timeout` is how long the venue waits for us."""
        self._feed = feed
        self._name = feed.venue.name
        self._timeout = timeout
        self._store = store
        self._clock = clock
        self._not_compared_for = COMPARISONS_MISSED * reconcile_every
        self._asking = asyncio.Lock()
        self._stopped = False
        self._since: datetime | None = None
        """When it was renewed last, or else when that was first to be done."""
        self._lacking: str | None = None
        """Why it is not renewed."""
        self._due = False
        """Whether it was not renewed for its whole time."""
        self._try_again = TRY_AGAIN
        """Seconds until the venue is asked again if it does not say yes."""
        self._news: EventKind | None = None
        """What is to be told, and could not be stored yet."""
        feed.dead_man = timeout

    async def run(self) -> None:
        """Arm it once the venue was compared with our rows, then renew it until canceled."""
        log.warning(
            "%s cancels EVERY order of this account, stops and orders placed by hand too, when it hears"
            " nothing of us for %s s: its dead man's switch is on",
            *(self._name, self._seconds),
        )
        clock, pause = asyncio.get_running_loop().time, TRY_AGAIN
        while True:
            due = clock() + pause
            await asyncio.sleep(pause)
            pause = await self._turn(late=clock() - due)

    async def stop(self) -> None:
        """Switch it off, so that what rests there stays while nobody is here by intent."""
        self._stopped = True
        try:
            async with asyncio.timeout(PATIENCE), self._asking:
                await self._feed.venue.disarm()
        except (VenueError, TimeoutError) as error:
            reason = str(error) or f"no answer within {PATIENCE:g} s"
            log.error(
                "the dead man's switch of %s could not be switched off: %s. If it is armed, every order"
                " there is canceled within %s s",
                *(self._name, reason, self._seconds),
            )
        else:
            self._feed.armed_at = None
            log.info("the dead man's switch of %s is off: what rests there stays", self._name)

    @property
    def _seconds(self) -> str:
        return f"{self._timeout.total_seconds():g}"

    async def _turn(self, *, late: float) -> float:
        """Renew it if we are proved to live; the seconds until the next turn."""
        if self._stopped or self._feed.reconciled_at is None:
            return TRY_AGAIN
        self._since = self._since or self._clock()
        lacking = f"this process stood still for {late:.0f} s" if late > LATE else None
        lacking = lacking or await self._unproved()
        if lacking is not None:
            await self._not_renewed(lacking)
            return TRY_AGAIN
        pause = self._timeout.total_seconds() / RENEWALS
        refused = await self._renew(pause)
        if refused is not None:
            await self._not_renewed(refused)
            soon, self._try_again = min(self._try_again, pause), min(2 * self._try_again, pause)
            return soon
        await self._renewed()
        return pause

    async def _unproved(self) -> str | None:
        """What cannot be proved now; None where everything can."""
        compared = self._feed.reconciled_at
        if compared is None or self._clock() - compared > self._not_compared_for:
            return f"{self._name} was not compared with our orders"
        return await why_nothing_is_stored(self._store, within=PATIENCE)

    async def _renew(self, patience: float) -> str | None:
        """Ask the venue to wait on; why it did not say yes, if so."""
        try:
            async with asyncio.timeout(patience), self._asking:
                if self._stopped:
                    return None
                asked_at = self._clock()
                await self._feed.venue.arm(self._timeout)
        except TimeoutError:
            return f"{self._name} did not answer within {patience:g} s"
        except VenueError as error:
            return str(error)
        if self._feed.armed_at is None:
            self._news = EventKind.DEAD_MAN_ARMED
            log.info("the dead man's switch of %s is armed", self._name)
        elif self._is_due(asked_at):
            self._news = EventKind.DEAD_MAN_AGAIN
            self._feed.compare_due = True
        self._feed.armed_at = self._since = asked_at
        return None

    async def _renewed(self) -> None:
        """Tell what is new, and forget what was lacking."""
        await self._tell()
        if self._lacking is not None:
            log.info("the dead man's switch of %s is renewed again", self._name)
        self._lacking, self._due, self._try_again = None, False, TRY_AGAIN

    async def _not_renewed(self, lacking: str) -> None:
        """Say so once, and once more when the venue may have acted: whether it did, only looks show."""
        if self._lacking is None:
            log.error("the dead man's switch of %s is not renewed: %s", self._name, lacking)
        self._lacking = lacking
        if self._is_due(self._clock()) and not self._due:
            self._due = True
            if self._feed.armed_at is None:
                self._news = EventKind.DEAD_MAN_NOT_ARMED
            else:
                self._news = EventKind.DEAD_MAN_DUE
                log.critical("%s may have canceled every order there: %s", self._name, lacking)
        await self._tell()

    def _is_due(self, at: datetime) -> bool:
        """Whether the venue's patience has ended by then, counted from the last time it said yes."""
        return self._since is not None and at - self._since >= self._timeout

    async def _tell(self) -> None:
        """Store what people are to know."""
        kind, name, reason = self._news, self._name, self._lacking
        if kind is None:
            return
        with suppress(StoreUnavailable, Corrupt):  # tried again at the next turn
            await self._store.write(
                lambda tx: tx.journal.add(
                    kind, tx.now, venue=name, seconds=self._seconds, reason=reason
                )
            )
            self._news = None
