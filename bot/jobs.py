"""APScheduler's ticks, one line each. It only ticks: every deadline is a column, checked again by
whoever acts on it, so a late or doubled tick does no harm.
"""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from execution.desk import Desk
from execution.events import EventKind
from execution.market import Market
from execution.store import Store, Transaction


def scheduler(*, desk: Desk, watch: VenueWatch) -> AsyncIOScheduler:
    """All ticks of the worker, not started yet."""
    made = AsyncIOScheduler(
        timezone="UTC",
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    made.add_job(desk.expire, "interval", seconds=1, id="expire tickets")
    made.add_job(desk.forget, "interval", hours=1, id="forget old signal keys")
    made.add_job(watch.note, "interval", seconds=1, id="note venues lost and found")
    return made


class VenueWatch:
    """Writes down when a venue stops answering and when it answers again, so that people are told."""

    def __init__(self, *, store: Store, market: Market) -> None:
        self._store = store
        self._market = market
        self._up: dict[str, bool] = {}

    async def note(self) -> None:
        """Compare with what was noted last; the first connection is no news, a failing one is."""
        for name, feed in self._market.feeds().items():
            before = self._up.get(name)
            if feed.connected == before or (
                before is None and feed.failures == 0 and not feed.connected
            ):
                continue
            self._up[name] = feed.connected
            if feed.connected and before is None:
                continue
            kind = EventKind.VENUE_UP if feed.connected else EventKind.VENUE_DOWN
            await self._store.write(_noted(kind, name, feed.reason))


def _noted(kind: EventKind, venue: str, reason: str | None) -> Callable[[Transaction], object]:
    return lambda tx: tx.journal.add(kind, tx.now, venue=venue, reason=reason)
