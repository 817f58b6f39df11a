"""Funding of perpetual contracts: what is paid between longs and shorts every few hours.

It is a result of holding a position, so the day, `/pnl` and equity count it. Only what was paid for a
position of ours is: the exchange tells of the whole account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from execution.errors import VenueUnavailable
from execution.events import EventKind
from execution.feed import Feed
from execution.instruments import MarketKind
from execution.store import Store, Transaction
from execution.venues.venue import Payment

_PATIENCE = 5.0
"""Seconds a venue is given to answer."""
_EVERY = timedelta(minutes=5)
_SHOWN_WITHIN = timedelta(minutes=3)
"""After the full hour; an exchange may pay every eight, four or one."""
_OVERLAP = timedelta(minutes=10)
"""A payment may be told a little late; what is known is not counted twice."""


async def look(feed: Feed, store: Store) -> None:
    """Book what a venue of contracts was paid and has paid since the last time; none where it does not say."""
    if feed.venue.kind is not MarketKind.SWAP or not feed.connected:
        return
    now, since = await store.read(partial(_since, feed=feed))
    if since is None or not _is_due(feed, now):
        return
    try:
        async with asyncio.timeout(_PATIENCE):
            paid = await feed.venue.funding(since)
    except (VenueUnavailable, TimeoutError):
        return
    if paid:
        await store.write(lambda tx: book(tx, feed.venue.name, paid))
    feed.funding_told_at = now


def _is_due(feed: Feed, now: datetime) -> bool:
    """Whether to ask: always right after a full hour, when it is paid, so that what it moved is explained
    before readings agree on it; else now and then.
    """
    told_at = feed.funding_told_at
    paid_lately = now.minute < _SHOWN_WITHIN // timedelta(minutes=1)
    return told_at is None or paid_lately or now - told_at >= _EVERY


def book(tx: Transaction, venue: str, payments: Iterable[Payment]) -> None:
    """Count the payments that are new, and were made while a position there was ours."""
    for payment in payments:
        held = tx.positions.before(payment.at, [(venue, payment.symbol)])
        if held and tx.payments.add(venue, payment):
            tx.journal.add(
                EventKind.FUNDING,
                tx.now,
                venue=venue,
                symbol=payment.symbol,
                amount=payment.amount,
                currency=payment.currency,
                payment=payment.payment_id,
            )


def _since(tx: Transaction, feed: Feed) -> tuple[datetime, datetime | None]:
    """Now, and from when payments may be missing: None where nothing of ours was ever filled.

    A new process asks from the newest it knows of, whoever else was paid since.
    """
    venue = feed.venue.name
    known = feed.funding_told_at or tx.payments.last_at(venue)
    return tx.now, tx.fills.first_at(venue) if known is None else known - _OVERLAP
