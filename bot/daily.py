"""Once a local day an entry in the journal that the chat is told of: how the desk stands, and the
journal's head, which shows a tail that was cut since.

A tick of `jobs.py` asks; the entry itself is what makes it once, also after a restart. A desk that was
down at the hour writes it when it is up again, for the newest day that has none.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from bot.notifier import undelivered
from execution.events import EventKind
from execution.store import Store, Transaction

_ON_ITS_WAY = timedelta(minutes=1)
"""What waits for no longer is being told, not held up."""


class Daily:
    """Writes the day's entry when its hour has come."""

    def __init__(self, *, store: Store, at: time, zone: tzinfo) -> None:
        """`at` is the hour by the clocks of `zone`."""
        self._store = store
        self._at = at
        self._zone = zone
        self._written: date | None = None
        """The newest day known to have its entry."""

    async def write(self) -> None:
        """Write the entry of the newest day whose hour has come, unless there is one."""
        if await self._store.read(self._due) is not None:
            self._written = await self._store.write(self._write)

    def _due(self, tx: Transaction) -> date | None:
        """The day whose entry is missing."""
        day = tx.now.astimezone(self._zone).date()
        if tx.now < moment(day, self._at, self._zone):
            day -= timedelta(days=1)
        began = tx.journal.began_at()
        # A desk that was set up after the hour has nothing to tell of that day.
        if self._written == day or began is None or began >= moment(day, self._at, self._zone):
            return None
        last = tx.journal.last(EventKind.DAILY)
        if last is not None and last.data["day"] >= day.isoformat():
            self._written = day
            return None
        return day

    def _write(self, tx: Transaction) -> date | None:
        day = self._due(tx)
        if day is not None:
            seq, mac = tx.journal.head()
            tx.journal.add(
                EventKind.DAILY,
                tx.now,
                day=day.isoformat(),
                entry=seq,
                mac=mac,
                undelivered=undelivered(tx, since=_ON_ITS_WAY),
            )
        return day


def moment(day: date, at: time, zone: tzinfo) -> datetime:
    """That hour of that day, in UTC. Where clocks repeat it, its first turn; where they skip it, as
    much later as they skip.
    """
    return datetime.combine(day, at, zone).astimezone(UTC)
