"""Proves a halt at the exchange: nothing of ours rests anywhere but kept stops, seen twice; all closed
that was to be.

The same loop carries on what a crash or a failed commit left of the halt. Each venue is looked at by
itself, so that one which does not answer keeps nobody waiting for the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from execution import closing, orders, protection, stopping, trading
from execution.errors import StoreUnavailable, VenueUnavailable
from execution.events import EventKind
from execution.market import Market
from execution.reconcile import Differences
from execution.store import Store, Transaction
from execution.types import OrderState
from execution.venues.venue import Venue

log = logging.getLogger(__name__)

BETWEEN_LOOKS = timedelta(seconds=3)
"""A halt is proved by two looks: the second begins at least this long after the first was answered."""
TELL_AGAIN = timedelta(seconds=30)
"""How often an unfinished halt is told anew."""
_STEP = 1.0
_MEANWHILE = 10.0
"""Seconds between looks at a venue while our own rows say that something is left."""
_NOBODY_ANSWERED = ("no venue has answered yet",)

Look = Callable[[str], Awaitable[Differences]]
"""Compares one venue with our rows, by name."""


@dataclass
class _Progress:
    """How far the proof of one halt has come."""

    of: datetime | None = None
    """When the halt began that is being proved; another one starts anew, a repeated one does not."""
    clean_at: datetime | None = None
    """When the first of two clean looks was answered: it may have reached a venue only right before that."""
    clean_seq: int = 0
    """The newest entry of the journal when it began."""
    told_at: datetime | None = None
    left: Sequence[str] = ()
    """What was left by the last look that came to an end."""


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
        self._said: dict[str, tuple[float, str | None]] = {}
        """When each venue was looked at last, and what came of it."""

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
        lines = await self._store.read(
            lambda tx: [*self._out_of_sight(tx), *closing.unfinished(tx, self._market)]
        )
        # Looks have their price: while our own rows say that something is left, they decide nothing.
        pause = _MEANWHILE if lines else 0.0
        found = await asyncio.gather(*(self._left_at(one, pause=pause) for one in self._venues))
        return lines + [line for line in found if line is not None]

    async def _prove(self, progress: _Progress) -> None:
        """One step of proving the present halt."""
        now, state, seq = await self._store.read(
            lambda tx: (tx.now, tx.trading(), tx.journal.head()[0])
        )
        halt = trading.to_be_proved(state)
        if halt is None:
            progress.of = None
            return
        if progress.of != halt.at or progress.told_at is None:
            since = halt.at if halt.flatten is None else halt.flatten.at
            progress.of, progress.clean_at, progress.told_at = halt.at, None, since
            progress.left = ()
            self._market.compare_soon()  # a resume wants every venue looked at, ours or not
            await self._store.write(_taken)
        await self._store.write(self._carry_out)
        if progress.clean_at is not None and now - progress.clean_at < BETWEEN_LOOKS:
            return
        if await self._look_and_tell(progress, now - progress.told_at):
            progress.clean_at = None
        elif progress.clean_at is None:
            answered_at = await self._store.read(lambda tx: tx.now)
            progress.clean_at, progress.clean_seq = answered_at, seq
        else:
            await self._store.write(partial(self._verify, since=progress.clean_seq))
            progress.clean_at = None  # what turns up after it needs two looks of its own

    async def _look_and_tell(self, progress: _Progress, silent: timedelta) -> bool:
        """Whether something is left; told anew in time, also while a venue takes long to answer.

        People were told last so long ago as `silent`.
        """
        looking = asyncio.create_task(self.left())
        in_time = (TELL_AGAIN - silent).total_seconds()
        try:
            answered, _ = await asyncio.wait({looking}, timeout=max(in_time, _STEP))
            if not answered:
                progress.told_at = await self._tell_not_done(progress.left or _NOBODY_ANSWERED)
            progress.left = await looking
        finally:
            looking.cancel()
        if answered and progress.left and in_time < _STEP:
            progress.told_at = await self._tell_not_done(progress.left)
        return bool(progress.left)

    def _carry_out(self, tx: Transaction) -> None:
        """Void, cancel and close what is not yet, also what a crash left undone."""
        stopping.sweep(tx, actor="desk")
        closing.go_on(tx, self._market)

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

    async def _left_at(self, venue: str, *, pause: float) -> str | None:
        """What may be open there; what it said last where that is not longer ago than `pause` (seconds)."""

        def read(tx: Transaction) -> tuple[int, int, bool, set[str]]:
            kept = {o.id for o in protection.protecting(tx) if o.state is OrderState.WORKING}
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
        now = asyncio.get_running_loop().time()
        asked_at, said = self._said.get(venue, (now - pause, None))
        if now - asked_at >= pause:
            said = await self._ask(venue, kept)
            self._said[venue] = now, said
        return said

    async def _ask(self, venue: str, kept: Set[str]) -> str | None:
        """What a look at a venue finds of ours, other than what is kept."""
        try:
            found = await self._look(venue)
        except VenueUnavailable:
            return f"{venue} is not answering, so nothing is proved there"
        still = [order for order in found.open if order.id not in kept]
        return f"{len(still)} of ours still open at {venue}" if still else None

    def _verify(self, tx: Transaction, *, since: int) -> None:
        """Call the halt done, unless something was heard of an order of ours since the first clean look,
        or people want a position closed by now."""
        state = tx.trading()
        stirred = any(event.order is not None for event in tx.journal.after(since))
        more = stirred or bool(closing.unfinished(tx, self._market))
        if more or trading.to_be_proved(state) is None:
            return
        tx.set_trading(state, trading.verified(state, tx.now))
        tx.journal.add(EventKind.HALT_VERIFIED, tx.now)

    async def _tell_not_done(self, left: Sequence[str]) -> datetime:
        """Say so; when that was."""
        text = "; ".join(left)

        def work(tx: Transaction) -> datetime:
            tx.journal.add(EventKind.HALT_NOT_DONE, tx.now, left=text)
            return tx.now

        return await self._store.write(work)


def _taken(tx: Transaction) -> None:
    """A live process carries this halt out; the command line waits for this word."""
    tx.journal.add(EventKind.HALT_TAKEN, tx.now)
