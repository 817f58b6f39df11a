"""What time brings to waiting tickets: they expire, people are reminded, veto windows run out.

Ticks ask, as often as they like: every deadline is a column, checked again in the transaction that acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from execution import booking, deciding
from execution.config import Config
from execution.market import Market
from execution.snapshots import Moment
from execution.store import Store, Transaction
from execution.types import TicketState


class Deadlines:
    """Everything that happens because it is late."""

    def __init__(self, *, store: Store, market: Market, config: Config) -> None:
        self._store = store
        self._market = market
        self._config = config

    async def expire(self) -> None:
        """End every pending ticket whose deadline has passed."""

        def work(tx: Transaction) -> None:
            for ticket in tx.tickets.overdue(tx.now):
                booking.move_ticket(tx, ticket, TicketState.EXPIRED, reason=None)

        if await self._store.read(lambda tx: bool(tx.tickets.overdue(tx.now))):
            await self._store.write(work)

    async def remind(self) -> None:
        """Note, once at half time, that votes are missing on a pending ticket."""
        if await self._store.read(lambda tx: bool(tx.tickets.unreminded(tx.now))):
            await self._store.write(deciding.remind)

    async def watch_vetoes(
        self, begins: Mapping[str, datetime | None], *, heard: datetime | None
    ) -> None:
        """Let the veto windows of these tickets run; what ran out with nobody objecting goes ahead.

        Each begins when its card was delivered and people could be heard, None while they cannot;
        everything they said until `heard` is known.
        """

        def work(tx: Transaction) -> None:
            moment = Moment(tx=tx, market=self._market, config=self._config)
            deciding.watch(moment, begins, heard=heard)

        await self._store.write(work)

    async def forget(self) -> None:
        """Drop signal keys that no longer count as a repeat."""
        await self._store.write(lambda tx: tx.signals.forget(tx.now))
