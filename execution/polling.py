"""How often an order is looked at: every second while it is young, ever more slowly the more rest there.

Whatever a stream tells, an order is looked at again: a bell that is lost costs time and nothing else.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from execution import orders
from execution.store import Transaction
from execution.types import Order, OrderState

POLL = timedelta(seconds=1)
LOOKS_IN_A_POLL = 5
"""At all that rests at a venue together: exchanges count what they are asked, prices and lists too."""
JUST_TAKEN = timedelta(seconds=10)
"""An order that was taken so lately is looked at each time: most that fill do it soon."""
BESIDE_A_STREAM = timedelta(seconds=5)
"""How long what rests is left alone that a stream would ring for; what it misses is found then."""
JUST_TAKEN_BESIDE_A_STREAM = timedelta(seconds=2)
"""The same for what was just taken."""
ASK_FOR_TRADES_AGAIN = timedelta(seconds=30)
"""How often an ended order with inferred fills is asked about, and for how long."""
TRADES_MAY_COME_FOR = timedelta(minutes=10)


def next_poll(tx: Transaction, order: Order, *, booked: Decimal, streamed: bool) -> datetime | None:
    """When to look again at an order of which so much is booked; later if a stream would ring for it.

    At an ended order for the trades that were inferred meanwhile, and at a canceled one once more, since
    its last trade may show late.
    """
    if order.state is OrderState.WORKING and order.cancel_requested_at is not None:
        return tx.now  # its cancel was asked for during this look, and was not sent yet
    if order.state is OrderState.WORKING and order.reported <= booked:
        return tx.now + _pace(tx, order, streamed=streamed)
    if order.state not in orders.ENDED:
        return tx.now + POLL
    age = tx.now - (order.ended_at or tx.now)
    inferred = any(fill.inferred for fill in tx.fills.of_order(order.id))
    if inferred and age < TRADES_MAY_COME_FOR:
        return tx.now + ASK_FOR_TRADES_AGAIN
    once_more = order.state in {OrderState.CANCELED, OrderState.EXPIRED}
    wait = ASK_FOR_TRADES_AGAIN - age
    return tx.now + wait if once_more and wait > timedelta(0) else None


def _pace(tx: Transaction, order: Order, *, streamed: bool) -> timedelta:
    """How long an order rests between two looks: the more of them rest there, the longer, but not
    past its time to rest.
    """
    if tx.now - (order.acknowledged_at or tx.now) < JUST_TAKEN:
        pause = JUST_TAKEN_BESIDE_A_STREAM if streamed else POLL
    else:
        all_of_them = POLL * tx.orders.count(order.venue, OrderState.WORKING)
        pause = max(all_of_them / LOOKS_IN_A_POLL, BESIDE_A_STREAM if streamed else POLL)
    if order.cancel_after is not None:
        pause = min(pause, order.cancel_after - tx.now)
    return max(POLL, pause)
