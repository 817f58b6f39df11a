"""Store against venue: a pure comparison, then corrections; the gate at start-up; each venue's breaker.

Only this, the executor and `proving.py` wait for a venue. It sends no order and no cancel: it
books what a venue shows and asks, by a committed row, for what should be canceled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from execution import booking, contracts, orders, stopping
from execution.breaker import BreakerState, next_state
from execution.config import Config
from execution.contracts import Apart
from execution.errors import StoreUnavailable, VenueUnavailable
from execution.events import EventKind
from execution.feed import Feed
from execution.holdings import tell_found
from execution.instruments import MarketKind
from execution.market import Market
from execution.record import Record
from execution.store import Store, Transaction
from execution.store.comparisons import Comparison
from execution.types import Order, OrderState
from execution.venues.venue import Report, Venue

log = logging.getLogger(__name__)

JUST_TOUCHED = timedelta(seconds=5)
"""An order acknowledged this recently may be missing from a list that was read meanwhile."""
AT_MOST_EVERY = 2.0
"""Seconds between two comparisons of a venue, however often somebody asks for one."""
CLOCKS_DIFFER = timedelta(seconds=1)
"""A clock that is off by more is told, though it is corrected for."""
_STEP = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Differences(Record):
    """How a venue's open orders differ from ours."""

    external: tuple[Report, ...] = ()
    """Open there, not ours: shown and left alone."""
    strangers: tuple[Report, ...] = ()
    """Those of them that a Countersign made all the same: nobody may trade on beside it."""
    risen: tuple[Report, ...] = ()
    """Open there, ended here: an end of ours was wrong."""
    vanished: tuple[Order, ...] = ()
    """Working here, not open there: to be looked up, never concluded from the list."""
    grown: tuple[Order, ...] = ()
    """Ours, open there and filled further than we know: their trades are to be asked for."""
    open: tuple[Order, ...] = ()
    """Ours, and open there."""


def compare(
    known: Mapping[str, Order], live: Sequence[Order], shown: Sequence[Report], asked_at: datetime
) -> Differences:
    """What a complete list of open orders says about ours. `known`: ours by client order id."""
    by_id = {r.client_order_id: r for r in shown if r.client_order_id in known}
    external = tuple(r for r in shown if r.client_order_id not in known)
    return Differences(
        external=external,
        strangers=tuple(r for r in external if orders.of_our_make(r.client_order_id)),
        risen=tuple(r for cid, r in by_id.items() if cid and known[cid].state in orders.ENDED),
        vanished=tuple(
            order
            for order in live
            if order.state in {OrderState.WORKING, OrderState.CANCELING}
            and order.client_order_id not in by_id
            and order.acknowledged_at is not None
            and asked_at - order.acknowledged_at > JUST_TOUCHED
        ),
        grown=tuple(known[cid] for cid, r in by_id.items() if cid and _has_grown(known[cid], r)),
        open=tuple(known[cid] for cid in by_id if cid),
    )


def _has_grown(order: Order, shown: Report) -> bool:
    return order.state not in orders.ENDED and shown.filled > order.reported


class Reconciler:
    """Looks at every venue at start, then every `reconcile_every`."""

    def __init__(
        self, *, store: Store, market: Market, venues: Mapping[str, Venue], config: Config
    ) -> None:
        self._store = store
        self._market = market
        self._venues = venues
        self._config = config

    async def run(self, venue: str) -> None:
        """Compare one venue with our rows for ever: at once when it connects, then regularly."""
        feed = self._market.feed(venue)
        feed.breaker = await self._store.read(lambda tx: tx.breakers.of(venue).state)
        loop, due, soon = asyncio.get_running_loop(), 0.0, 0.0
        while True:
            try:
                await self.turn_breaker(feed)
                await self.tell_clock(feed)
            except StoreUnavailable as error:
                log.critical("the breaker of %s cannot be stored: %s", venue, error)
            asked = feed.compare_due and loop.time() >= soon
            is_due = not feed.compared or asked or loop.time() >= due
            if feed.connected and is_due:
                try:
                    await self.look(venue)
                    due = loop.time() + self._config.reconcile_every.total_seconds()
                    soon = loop.time() + AT_MOST_EVERY
                except (VenueUnavailable, StoreUnavailable) as error:
                    log.warning("%s could not be compared with our rows: %s", venue, error)
                    feed.compare_due = True
                    await asyncio.sleep(_STEP)
            await asyncio.sleep(_STEP / 4)

    async def turn_breaker(self, feed: Feed) -> None:
        """Move a venue's breaker by what was heard of the venue, with the event people are told by."""
        venue, was = feed.venue.name, feed.breaker
        to = next_state(
            was, silent_for=feed.silent, connected=feed.connected, compared=feed.compared
        )
        if to is was:
            return

        def work(tx: Transaction) -> None:
            before = tx.breakers.of(venue)
            reason = feed.reason if to is BreakerState.OPEN else before.reason
            tx.breakers.change(before, before.evolve(state=to, since=tx.now, reason=reason))
            told = reason if to is BreakerState.OPEN else None
            tx.journal.add(_TURNS[was, to], tx.now, venue=venue, reason=told)
            if to is BreakerState.CLOSED:
                self._look_at_all(tx, venue)

        await self._store.write(work)
        feed.breaker = to

    async def tell_clock(self, feed: Feed) -> None:
        """Say that our clock and a venue's differ, once for each difference that was measured; and
        when nothing goes there for that, and goes there again.
        """
        if feed.venue.clock_refused is not feed.clock_stopped:
            await self._tell_clock_stop(feed, stopped=not feed.clock_stopped)
        ahead = feed.venue.clock_ahead
        if abs(ahead) <= CLOCKS_DIFFER or abs(ahead - feed.clock_told) <= CLOCKS_DIFFER:
            return
        name, seconds = feed.venue.name, round(ahead.total_seconds(), 1)
        await self._store.write(
            lambda tx: tx.journal.add(
                EventKind.VENUE_CLOCK, tx.now, venue=name, seconds_ahead=seconds
            )
        )
        feed.clock_told = ahead

    async def _tell_clock_stop(self, feed: Feed, *, stopped: bool) -> None:
        kind = EventKind.VENUE_CLOCK_STOP if stopped else EventKind.VENUE_CLOCK_OVER
        name, seconds = feed.venue.name, round(feed.venue.clock_ahead.total_seconds(), 1)
        await self._store.write(
            lambda tx: tx.journal.add(kind, tx.now, venue=name, seconds_ahead=seconds)
        )
        feed.clock_stopped = stopped
        if stopped:
            feed.clock_told = feed.venue.clock_ahead

    def _look_at_all(self, tx: Transaction, venue: str) -> None:
        """What rests or is in doubt there was looked for ever more slowly: look now."""
        for order in tx.orders.in_state(*orders.LIVE):
            if order.venue == venue:
                tx.orders.change(order, order.evolve(next_look_at=tx.now))

    async def look(self, venue: str) -> Differences:
        """One comparison and its corrections, positions in contracts included.

        Raises:
            VenueUnavailable: the list of orders could not be read; nothing is concluded from that.
        """
        feed = self._market.feed(venue)
        feed.compare_due = False
        found = await self.look_at_orders(venue)
        if feed.venue.kind is MarketKind.SWAP:
            await self._look_at_contracts(feed)
        return found

    async def look_at_orders(self, venue: str) -> Differences:
        """The same of orders alone: what the proof of a halt wants, and can have often.

        Raises:
            VenueUnavailable: as `look`.
        """
        symbols = await self._store.read(lambda tx: tx.orders.symbols(venue))
        asked_at = await self._store.read(lambda tx: tx.now)
        shown = await self._venues[venue].open_orders(symbols)
        self._market.heard(venue)
        feed = self._market.feed(venue)

        def work(tx: Transaction) -> Differences:
            ids = [r.client_order_id for r in shown if r.client_order_id]
            live = [o for o in tx.orders.in_state(*orders.LIVE) if o.venue == venue]
            found = compare(tx.orders.by_client_ids(venue, ids), live, shown, asked_at)
            self._correct(tx, venue, found)
            if feed.venue.kind is MarketKind.SPOT and feed.balances_at is not None:
                held = {asset: b.free + b.locked for asset, b in feed.balances.items()}
                tell_found(tx, feed, held, resting=len(found.external))
            seen = Comparison(venue=venue, at=asked_at, strangers=len(found.strangers))
            tx.comparisons.put(seen)
            return found

        found = await self._store.write(work)
        feed.reconciled_at = asked_at
        feed.compared = feed.venue.kind is MarketKind.SPOT or feed.contracts is not None
        strangers = len(found.strangers)
        if strangers > feed.strangers:
            log.critical("%s shows %d orders of a Countersign unknown here", venue, strangers)
        feed.external, feed.strangers = len(found.external), strangers
        return found

    async def _look_at_contracts(self, feed: Feed) -> None:
        """How its account is set and what it holds; where it does not say, what it said last stands."""
        asked_at = await self._store.read(lambda tx: tx.now)
        try:
            shown = await feed.venue.contracts()
        except VenueUnavailable as error:
            log.warning("%s does not say how its account is set: %s", feed.venue.name, error)
            return

        def work(tx: Transaction) -> Mapping[str, Apart]:
            tell_found(tx, feed, shown.positions, resting=feed.external)
            return contracts.compare(
                tx,
                feed.venue.name,
                shown.evolve(positions=contracts.of_ours(tx, feed.venue, shown.positions)),
                asked_at=asked_at,
                before=feed.contracts,
                apart=feed.apart,
            )

        feed.apart = await self._store.write(work)
        feed.contracts, feed.contracts_at, feed.compared = shown, asked_at, True

    def _correct(self, tx: Transaction, venue: str, found: Differences) -> None:
        by_id = {r.client_order_id: r for r in found.risen}
        for order in found.open:
            report = by_id.get(order.client_order_id)
            if report is None:
                continue
            risen = booking.book(tx, order.id, report, ())
            if risen.state is OrderState.WORKING and risen.cancel_reason is not None:
                booking.request_cancel(tx, risen, actor="desk", reason=risen.cancel_reason)
        for order in (*found.vanished, *found.grown):
            tx.orders.change(order, order.evolve(next_look_at=tx.now))
        if found.strangers:
            _stop_for(tx, venue, found.strangers)


def _stop_for(tx: Transaction, venue: str, strangers: Sequence[Report]) -> None:
    """Halt for orders of another Countersign, or of ours since this backup; once for each of them.

    They are left alone: whose they are, a person must say.
    """
    last = tx.journal.last(EventKind.STRANGERS)
    told = set() if last is None else set(last.data["orders"].split())
    here = {f"{venue}:{stranger.client_order_id}" for stranger in strangers}
    if here <= told:
        return
    elsewhere = {one for one in told if not one.startswith(f"{venue}:")}
    tx.journal.add(
        EventKind.STRANGERS, tx.now, venue=venue, orders=" ".join(sorted(here | elsewhere))
    )
    shown = ", ".join(f"{one.side} {one.amount:f} {one.symbol}" for one in strangers[:2])
    reason = (
        f"{venue} shows orders that a Countersign placed and this database does not know: {shown}"
    )
    stopping.halt(tx, by=stopping.STRANGERS, name="the desk", reason=reason)


_TURNS = {
    (BreakerState.CLOSED, BreakerState.OPEN): EventKind.VENUE_DOWN,
    (BreakerState.OPEN, BreakerState.HALF_OPEN): EventKind.VENUE_ANSWERS,
    (BreakerState.HALF_OPEN, BreakerState.OPEN): EventKind.VENUE_LOST_AGAIN,
    (BreakerState.HALF_OPEN, BreakerState.CLOSED): EventKind.VENUE_UP,
}
"""What each turn of a breaker is called; people are told of the first and the last."""
