"""Positions in contracts: what an exchange shows of them against what our own fills come to.

Pure but for the transaction it reads. The reconciler asks with each comparison. A difference is somebody's
trade by hand, a liquidation, or another program: it is never explained away. Entries of that market wait,
since an order of ours would meet a position it was not made for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from execution import orders
from execution.events import EventKind
from execution.record import Record
from execution.store import Transaction
from execution.types import ZERO, OrderState
from execution.venues.venue import Contracts, Venue

JUST_FILLED = timedelta(seconds=5)
"""A position that was read so soon after a fill may be the one before it."""
_YOUNG = 50
SURE_AFTER = timedelta(seconds=20)
"""A difference that lasts so long is told; an order of ours that fills is booked long before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Apart(Record):
    """One market whose position at the exchange is not ours; amounts are base asset, negative when short."""

    ours: Decimal
    theirs: Decimal
    since: datetime
    """When it was seen first, with these fills of ours."""
    settled: bool
    """Nothing of ours is under way there that may explain it, or it has lasted too long for that."""
    steady: bool = False
    """It was so at the comparison before, too."""
    told: tuple[Decimal, Decimal] | None = None
    """The amounts, ours and theirs, that people were told last; None: they were told of none."""

    @property
    def amounts(self) -> tuple[Decimal, Decimal]:
        """Ours and theirs."""
        return self.ours, self.theirs


def compare(
    tx: Transaction,
    venue: str,
    shown: Contracts,
    *,
    asked_at: datetime,
    before: Contracts | None,
    apart: Mapping[str, Apart],
) -> dict[str, Apart]:
    """The markets whose position differs, and what people are told of that and of the account.

    `before` and `apart` are what the comparison before this one came to.
    """
    was_hedged = before is not None and not before.one_way
    if was_hedged is shown.one_way:
        kind = EventKind.VENUE_ONE_WAY if shown.one_way else EventKind.VENUE_HEDGED
        tx.journal.add(kind, tx.now, venue=venue)
    found = _differences(tx, venue, shown.positions, asked_at=asked_at, before=apart)
    for symbol in apart.keys() - found.keys():
        if apart[symbol].told is not None:
            _tell(tx, EventKind.POSITION_TOGETHER, venue, symbol, apart[symbol])
    for symbol, one in found.items():
        news = one.told is None or (one.steady and one.told != one.amounts)
        if news and one.settled and asked_at - one.since >= SURE_AFTER:
            _tell(tx, EventKind.POSITION_APART, venue, symbol, one)
            found[symbol] = one.evolve(told=one.amounts)
    return found


def of_ours(tx: Transaction, venue: Venue, positions: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Those of these positions that are in markets of ours: others, with an end or just listed, are nobody's
    here, and no order of ours could meet them.
    """
    held = {one.symbol for one in tx.positions.open() if one.venue == venue.name}
    markets = venue.instruments().keys() | held
    return {symbol: amount for symbol, amount in positions.items() if symbol in markets}


def _tell(tx: Transaction, kind: EventKind, venue: str, symbol: str, one: Apart) -> None:
    tx.journal.add(kind, tx.now, venue=venue, symbol=symbol, ours=one.ours, theirs=one.theirs)


def _differences(
    tx: Transaction,
    venue: str,
    theirs: Mapping[str, Decimal],
    *,
    asked_at: datetime,
    before: Mapping[str, Apart],
) -> dict[str, Apart]:
    ours = {one.symbol: one.amount for one in tx.positions.open() if one.venue == venue}
    moving = busy(tx, venue, asked_at)
    found = {}
    for symbol in sorted({*ours, *theirs}):
        amounts = ours.get(symbol, ZERO), theirs.get(symbol, ZERO)
        if amounts[0] != amounts[1]:
            found[symbol] = _seen(before.get(symbol), amounts, asked_at, busy=symbol in moving)
    return found


def _seen(
    before: Apart | None, amounts: tuple[Decimal, Decimal], at: datetime, *, busy: bool
) -> Apart:
    """What is seen of a market now; while somebody else trades there, it differs all that time."""
    ours, theirs = amounts
    if before is None:
        return Apart(ours=ours, theirs=theirs, since=at, settled=not busy)
    since = before.since if before.ours == ours else at
    return before.evolve(
        ours=ours,
        theirs=theirs,
        since=since,
        settled=not busy or at - since >= SURE_AFTER,
        steady=before.amounts == amounts,
    )


def busy(tx: Transaction, venue: str, asked_at: datetime) -> set[str]:
    """The markets where an order of ours may have filled without being booked yet, or just was: what the
    venue said of positions then may be of before.
    """
    live = tx.orders.in_state(*orders.LIVE, OrderState.STUCK)
    return {order.symbol for order in live if order.venue == venue} | just_moved(
        tx, venue, asked_at
    )


def just_moved(tx: Transaction, venue: str, asked_at: datetime) -> set[str]:
    """The same without what only rests: that is looked at, and claims nothing new."""
    unclear = tx.orders.in_state(OrderState.SENDING, *orders.UNKNOWN)
    ended = tx.orders.ended_since(asked_at - JUST_FILLED)
    young = tx.fills.newest(limit=_YOUNG, venue=venue)
    filled = {fill.symbol for fill in young if fill.at > asked_at - JUST_FILLED}
    return filled | {order.symbol for order in (*unclear, *ended) if order.venue == venue}
