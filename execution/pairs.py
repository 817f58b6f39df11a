"""Blocking a pair at one account, where what was filled is not certain, until an owner lifts it.

Each is part of one transaction: booking's when a venue contradicts itself or us, the desk's when an owner
has looked. Only entries wait: exits of the same pair and all other pairs go on.
"""

from __future__ import annotations

from execution.errors import NotPossible
from execution.events import Event, EventKind
from execution.store import Transaction
from execution.store.pairs import PairBlock
from execution.types import Order

LIFTED = "That was lifted already."
"""What is said to whoever would lift it once more."""


def block(tx: Transaction, order: Order, reason: str) -> None:
    """Refuse entries in an order's pair from now on; one that is blocked keeps its first reason."""
    if tx.pairs.of(order.venue, order.symbol) is not None:
        return
    entry = tx.journal.add(
        EventKind.PAIR_BLOCKED,
        tx.now,
        ticket=order.ticket,
        order=order.id,
        venue=order.venue,
        symbol=order.symbol,
        reason=reason,
    )
    tx.pairs.add(
        PairBlock(
            venue=order.venue,
            symbol=order.symbol,
            entry=entry,
            ticket=order.ticket,
            at=tx.now,
            reason=reason,
        )
    )


def release(tx: Transaction, entry: int, *, by: str, name: str) -> PairBlock:
    """Let entries go again in the pair that this entry of the journal blocked.

    Raises:
        NotPossible: it is not blocked by that any more.
    """
    lifted = blocked_by(tx, entry)
    if lifted is None:
        raise NotPossible(LIFTED)
    tx.pairs.drop(lifted)
    tx.journal.add(
        EventKind.PAIR_RELEASED,
        tx.now,
        ticket=lifted.ticket,
        actor=by,
        name=name,
        venue=lifted.venue,
        symbol=lifted.symbol,
    )
    return lifted


def blocked_by(tx: Transaction, entry: int) -> PairBlock | None:
    """The pair that this entry of the journal blocked, while it is."""
    return next((one for one in tx.pairs.all() if one.entry == entry), None)


def told(event: Event) -> PairBlock:
    """The block that an entry of the journal tells."""
    assert event.ticket is not None, "a pair is blocked for what an order of ours came to"
    return PairBlock(
        venue=event.data["venue"],
        symbol=event.data["symbol"],
        entry=event.seq,
        ticket=event.ticket,
        at=event.at,
        reason=event.data["reason"],
    )
