"""Proves a halt at the exchange: nothing of ours rests anywhere but kept stops, seen twice.

The same loop carries on what a crash or a failed commit left of the halt. Each venue is looked at by
itself, so that one which does not answer keeps nobody waiting for the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from execution import orders, stopping, trading
from execution.errors import StoreUnavailable, VenueUnavailable
from execution.events import EventKind
from execution.market import Market
from execution.reconcile import Differences
from execution.store import Store, Transaction
from execution.types import OrderState
from execution.venues.venue import Venue

log = logging.getLogger(__name__)

BETWEEN_LOOKS = timedelta(seconds=3)
"""A halt is proved by two looks at least this far apart."""
TELL_AGAIN = timedelta(seconds=30)
"""How often an unfinished halt is told anew."""
_STEP = 1.0

Look = Callable[[str], Awaitable[Differences]]
"""Compares one venue with our rows, by name."""


@dataclass
class _Progress:
    """How far the proof of one halt has come."""

    of: datetime | None = None
    """When the halt began that is being proved; another one starts anew, a repeated one does not."""
    clean_at: datetime | None = None
    told_at: datetime | None = None


class Prover:
    """Looks, whenever the desk is halted, until nothing of ours is left, and says so."""

    def __init__(
        self, *, store: Store, market: Market, venues: Mapping[str, Venue], look: Look
    ) -> None:
        """`look` is reconcile's."""
        self._store = store
        self._market = market
        self._venues = venues
        self._look = look

    async def run(self) -> None:
        """Prove every halt there is, for ever."""
        progress = _Progress()
        while True:
            await asyncio.sleep(_STEP)
            try:
                await self._prove(progress)
            except StoreUnavailable as error:
                log.critical("a halt cannot be proved while the database fails: %s", error)

    async def left(self) -> list[str]:
        """What of ours may still be open, one line per venue; empty when nothing is."""
        lines = await self._store.read(self._out_of_sight)
        found = await asyncio.gather(*(self._left_at(venue) for venue in self._venues))
        return lines + [line for line in found if line is not None]

    async def _prove(self, progress: _Progress) -> None:
        """One step of proving the present halt."""
        now, state = await self._store.read(lambda tx: (tx.now, tx.trading()))
        halt = trading.to_be_proved(state)
        if halt is None:
            progress.of = None
            return
        if progress.of != halt.at or progress.told_at is None:
            progress.of, progress.clean_at, progress.told_at = halt.at, None, halt.at
            self._market.compare_soon()  # a resume wants every venue looked at, ours or not
            await self._store.write(_taken)
        await self._store.write(lambda tx: stopping.sweep(tx, actor="desk"))
        left = await self.left()
        if left:
            progress.clean_at = None
            if now - progress.told_at >= TELL_AGAIN:
                await self._tell_not_done(left)
                progress.told_at = now
        elif progress.clean_at is None:
            progress.clean_at = now
        elif now - progress.clean_at >= BETWEEN_LOOKS:
            await self._store.write(_verify)

    def _out_of_sight(self, tx: Transaction) -> list[str]:
        """Orders of ours at venues that are not set up any more: nobody can look there."""
        lost = [
            order.venue
            for order in tx.orders.in_state(*orders.LIVE, OrderState.STUCK, OrderState.PLANNED)
            if order.venue not in self._venues
        ]
        return [
            f"{lost.count(venue)} of ours may be open at {venue}, which is not set up any more"
            for venue in sorted(set(lost))
        ]

    async def _left_at(self, venue: str) -> str | None:
        def read(tx: Transaction) -> tuple[int, int, bool, set[str]]:
            kept = {o.id for o in stopping.protecting(tx) if o.state is OrderState.WORKING}
            ours = [
                o
                for o in tx.orders.in_state(*orders.LIVE, OrderState.STUCK, OrderState.PLANNED)
                if o.venue == venue and o.id not in kept
            ]
            doubtful = sum(1 for o in ours if o.state in orders.UNKNOWN)
            return len(ours), doubtful, bool(tx.orders.symbols(venue)), kept

        count, doubtful, ever, kept = await self._store.read(read)
        if not ever:
            return None
        if count:
            unclear = f", {doubtful} of them unclear" if doubtful else ""
            noun = "order" if count == 1 else "orders"
            trouble = self._market.feed(venue)
            silent = "" if trouble.connected else "; it is not answering"
            return f"{count} {noun} may still be open at {venue}{unclear}{silent}"
        try:
            found = await self._look(venue)
        except VenueUnavailable:
            return f"{venue} is not answering, so nothing is proved there"
        still = [order for order in found.open if order.id not in kept]
        if still:
            return f"{len(still)} of ours still open at {venue}"
        return None

    async def _tell_not_done(self, left: Sequence[str]) -> None:
        text = "; ".join(left)
        await self._store.write(
            lambda tx: tx.journal.add(EventKind.HALT_NOT_DONE, tx.now, left=text)
        )


def _verify(tx: Transaction) -> None:
    state = tx.trading()
    if trading.to_be_proved(state) is None:
        return
    tx.set_trading(state, trading.verified(state, tx.now))
    tx.journal.add(EventKind.HALT_VERIFIED, tx.now)


def _taken(tx: Transaction) -> None:
    """A live process carries this halt out; the command line waits for this word."""
    tx.journal.add(EventKind.HALT_TAKEN, tx.now)
