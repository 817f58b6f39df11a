"""What people decide about an order that nobody could prove within the budget: one that is `stuck`.

Each is one transaction of the desk. None of it asks a venue: a look and an id that a person named are
notes in the order's row, which the executor carries out.
"""

from __future__ import annotations

import re

from execution import booking, orders
from execution.errors import NotPossible
from execution.events import EventKind
from execution.store import Transaction
from execution.types import Order, OrderState

_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def look_again(tx: Transaction, order: Order, *, actor: str, name: str) -> None:
    """Have it looked for at once, not at its next turn."""
    tx.orders.change(order, order.evolve(next_look_at=tx.now))
    _note(tx, EventKind.ORDER_LOOK_ASKED, order, actor=actor, name=name)


def tell_look(tx: Transaction, order: Order, *, answered: bool) -> None:
    """Say that a look which a person asked for has not found it."""
    if order.state is not OrderState.STUCK:
        return
    if tx.journal.of_ticket(order.ticket)[-1].kind is EventKind.ORDER_LOOK_ASKED:
        tx.journal.add(
            EventKind.ORDER_LOOKED_FOR,
            tx.now,
            ticket=order.ticket,
            order=order.id,
            answered="yes" if answered else "no",
            looks=order.looks,
        )


def mark_absent(tx: Transaction, order: Order, *, actor: str, name: str) -> None:
    """End it on a person's word; one more look follows, and what shows up later still counts."""
    _note(
        tx,
        EventKind.ORDER_MARKED_ABSENT,
        order,
        actor=actor,
        name=name,
        looks=order.looks,
        sent_at=order.sent_at,
        fence_at=order.fence_at,
    )
    booking.move_order(
        tx,
        order,
        OrderState.ABSENT,
        reason=f"marked as absent by {name}",
        named_id=None,
        next_look_at=tx.now + orders.LOOK_AGAIN[-1],
    )


def name_id(tx: Transaction, order: Order, venue_order_id: str, *, actor: str, name: str) -> None:
    """Note the exchange's id that a person says is this order; it is checked before it is taken.

    Raises:
        NotPossible: that is no id, or the exchange has told this order's id itself.
    """
    if order.venue_order_id is not None:
        raise NotPossible(f"The exchange has told its id already: {order.venue_order_id}.")
    if not _ORDER_ID.fullmatch(venue_order_id):
        raise NotPossible("That is no order id: reply with the id alone, as the exchange shows it.")
    if order.named_id == venue_order_id:
        return
    tx.orders.change(order, order.evolve(named_id=venue_order_id, next_look_at=tx.now))
    _note(
        tx,
        EventKind.ORDER_NAMED,
        order,
        actor=actor,
        name=name,
        venue_order_id=venue_order_id,
    )


def _note(
    tx: Transaction, kind: EventKind, order: Order, *, actor: str, name: str, **data: object
) -> None:
    tx.journal.add(
        kind, tx.now, ticket=order.ticket, order=order.id, actor=actor, name=name, **data
    )
