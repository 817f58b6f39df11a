"""What must hold: I1 to I8, over the exchange's own books and the rows of the database.

Each function names what does not hold, one sentence each; nothing said is a clean bill. They judge by
the rows and the exchange, never by what the product thinks of them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from bot.news import AUDIENCE
from bot.notifier import undelivered
from execution import approval, orders, rules
from execution.approval import Policy, Role
from execution.breaker import BreakerState
from execution.errors import Corrupt
from execution.events import Event, EventKind
from execution.store import Transaction
from execution.trading import to_be_proved
from execution.types import (
    ZERO,
    Order,
    OrderState,
    Side,
    Ticket,
    TicketState,
    TradingState,
    VoteKind,
)
from tests.simulation.exchange import Accepted, Exchange

_OPEN_TICKETS = (TicketState.NEW, TicketState.PENDING, TicketState.APPROVED, TicketState.WORKING)
_SAYS_STATE = {
    **{EventKind(f"ticket_{state}"): state for state in TicketState if state != "new"},
    EventKind.TICKET_REVISED: TicketState.PENDING,
    EventKind.TICKET_ASKED_AGAIN: TicketState.PENDING,
    **{EventKind(f"order_{state}"): state for state in OrderState},
    EventKind.ORDER_NOT_SENT: OrderState.PLANNED,
}
"""Which events say what state a ticket or an order is in."""


def as_an_order_leaves(
    tx: Transaction, asked: dict[str, Any], policy: Policy, exchange: Exchange
) -> Iterator[str]:
    """Right before the first byte: committed, let through, approved, nothing of it alive (I1, I4, I5)."""
    known = tx.orders.by_client_ids("main", [asked["clientOrderId"]])
    order = known.get(asked["clientOrderId"])
    if order is None:
        yield f"an order leaves that is not stored: {asked}"
        return
    if order.state is not OrderState.SENDING:
        yield f"order {order.id} leaves while its row says {order.state}"
    yield from _not_let_through(tx, order)
    ticket = tx.tickets.get(order.ticket)
    assert ticket is not None, "a foreign key"
    yield from _not_approved(tx, ticket, order, asked, policy)
    yield from _too_much(tx, ticket, order, asked, exchange)


def _not_let_through(tx: Transaction, order: Order) -> Iterator[str]:
    """I4: `sending` was committed before the halt, or there is none; and the breaker is closed."""
    halt, sending = tx.journal.last(EventKind.HALTED), tx.journal.last(EventKind.ORDER_SENDING)
    assert sending is not None, "its row says so"
    if tx.trading().state is TradingState.HALTED and halt is not None and not order.reduces:
        mine = max(e.seq for e in tx.journal.of_ticket(order.ticket) if e.kind == sending.kind)
        if mine > halt.seq:
            yield f"I4: order {order.id} leaves after the halt was committed"
    breaker = tx.breakers.of("main")
    if breaker.state is not BreakerState.CLOSED and breaker.since and breaker.since < order.sent_at:
        yield f"order {order.id} leaves while the breaker is {breaker.state}"


def _not_approved(
    tx: Transaction, ticket: Ticket, order: Order, asked: dict[str, Any], policy: Policy
) -> Iterator[str]:
    """I5: the votes its rule asks for today, over these very terms, and lately."""
    try:
        terms = approval.checked_fingerprint(ticket, policy)
    except Corrupt as error:
        yield f"I5: {error}"
        return
    voters = {
        vote.person
        for vote in tx.tickets.votes(ticket.id)
        if vote.vote is VoteKind.APPROVE
        and vote.fingerprint == ticket.fingerprint
        and policy.may(vote.person, Role.APPROVER)
    }
    required = rules.met(tx, policy, ticket).required
    if len(voters) < max(required, ticket.required):
        yield f"I5: order {order.id} leaves with {len(voters)} of {required} votes"
    given = ticket.decided_at if order.leg == orders.ENTRY else order.created_at
    assert given is not None, "it was decided"
    if order.sent_at is None or order.sent_at - given > approval.APPROVAL_HOLDS:
        yield f"I5: order {order.id} leaves at {order.sent_at} for an approval of {given}"
    price = Decimal(asked["price"])
    if price > terms.bound if terms.side is Side.BUY else price < terms.bound:
        yield f"I5: order {order.id} leaves at {price}, approved was {terms.bound}"
    if (asked["symbol"], asked["side"]) != (terms.symbol, terms.side.value):
        yield f"I5: order {order.id} leaves as {asked}, approved was {terms}"


def _too_much(
    tx: Transaction, ticket: Ticket, order: Order, asked: dict[str, Any], exchange: Exchange
) -> Iterator[str]:
    """I1: no other order of the ticket is alive, and all of them together are what was approved."""
    legs = {leg.client_order_id for leg in tx.orders.of_ticket(ticket.id)}
    earlier = [taken for taken in exchange.orders if taken.client_id in legs]
    if any(taken.is_open for taken in earlier):
        yield f"I1: order {order.id} leaves while another one of its ticket is open"
    filled = sum((taken.now.filled for taken in earlier), ZERO)
    assert ticket.terms is not None, "it was approved"
    if filled + Decimal(asked["amount"]) != ticket.terms.amount:
        yield (
            f"I1: order {order.id} leaves for {asked['amount']}, {filled} of the approved"
            f" {ticket.terms.amount} is filled"
        )


def at_any_time(rows: sqlite3.Connection, exchange: Exchange) -> Iterator[str]:
    """After each commit: one order per ticket, and nothing booked that was not traded (I1, I2)."""
    yield from _twice(exchange)
    traded = {o.client_id: o.now.filled for o in exchange.orders if o.client_id is not None}
    booked: dict[str, Decimal] = {}
    query = 'SELECT o.client_order_id, f.amount FROM fills f JOIN orders o ON o.id = f."order"'
    for client_id, amount in rows.execute(query):
        booked[client_id] = booked.get(client_id, ZERO) + Decimal(amount)
    for client_id, amount in booked.items():
        if amount > traded.get(client_id, ZERO):
            yield f"I2: {amount} booked for {client_id}, {traded.get(client_id, ZERO)} traded"


def _twice(exchange: Exchange) -> Iterator[str]:
    """I1: no id of ours was ever taken twice, so no ticket has two orders."""
    taken = Counter(order.client_id for order in exchange.orders if order.client_id is not None)
    yield from (f"I1: {client_id} was taken {n} times" for client_id, n in taken.items() if n > 1)


def unsettled(tx: Transaction, exchange: Exchange) -> Iterator[str]:
    """What still has to come to an end before the end can be judged."""
    resting = set()
    for order in tx.orders.in_state(*orders.LIVE, OrderState.PLANNED, OrderState.STUCK):
        if _rests(tx, order, exchange):
            resting.add(order.ticket)
        else:
            yield f"order {order.id} is {order.state}"
    for ticket in tx.tickets.in_state(*_OPEN_TICKETS):
        if ticket.id not in resting:
            yield f"ticket {ticket.id} is {ticket.state}"
    if tx.signals.waiting():
        yield "a signal waits"
    if to_be_proved(tx.trading()) is not None:
        yield "the halt is not proved"
    if any(fill.inferred for fill in tx.fills.newest(limit=10_000)):
        yield "a fill is inferred"


def untold(tx: Transaction) -> Iterator[str]:
    """What people have not been told yet."""
    if undelivered(tx) or tx.chat.stale(AUDIENCE):
        yield "something is not told"


def _rests(tx: Transaction, order: Order, exchange: Exchange) -> bool:
    """Whether it works, here as there, as long as nobody cancels it, and nobody did."""
    if order.state is not OrderState.WORKING or order.cancel_requested_at is not None:
        return False
    taken = next(o for o in exchange.orders if o.client_id == order.client_order_id)
    booked = sum((fill.amount for fill in tx.fills.of_order(order.id)), ZERO)
    return order.cancel_after is None and taken.is_open and booked == taken.now.filled


def in_the_end(tx: Transaction, exchange: Exchange, signals: Collection[str]) -> Iterator[str]:
    """When all has settled: the books agree, the journal holds, everything was told (I2, I3, I6-I8)."""
    known = {order.client_order_id: order for order in tx.orders.newest(limit=10_000)}
    for taken in exchange.orders:
        if taken.by_hand or taken.client_id is None:
            continue
        order = known.get(taken.client_id)
        if order is None:
            yield f"I2: the exchange has {taken.client_id}, we do not"
        else:
            yield from _differs(tx, order, taken, exchange)
    taken_ids = {order.client_id for order in exchange.orders}
    for order in known.values():
        if order.client_order_id not in taken_ids and order.state not in _NEVER_TAKEN:
            yield f"I2: order {order.id} is {order.state}, the exchange never took it"
    yield from (f"I2: the position is wrong: {one}" for one in tx.positions.wrong())
    yield from _journal(tx)
    yield from _guessed(tx)
    yield from _fates(tx, known.values())
    missing = set(signals) - {signal.id for signal in tx.signals.of(signals).values()}
    yield from (f"I8: signal {one} was answered and is not stored" for one in sorted(missing))


_NEVER_TAKEN = frozenset({OrderState.DENIED, OrderState.REJECTED, OrderState.ABSENT})


def _differs(tx: Transaction, order: Order, taken: Accepted, exchange: Exchange) -> Iterator[str]:
    ours = {f.trade_id: (f.amount, f.price) for f in tx.fills.of_order(order.id)}
    theirs = {t.id: (t.amount, t.price) for t in exchange.trades if t.order is taken}
    if ours != theirs:
        yield f"I2: order {order.id} has fills {ours}, the exchange {theirs}"
    ends = {"closed": "filled", "open": "working"}.get(taken.now.status, taken.now.status)
    if order.state != ends:
        yield f"I2: order {order.id} is {order.state}, at the exchange {ends}"


def _journal(tx: Transaction) -> Iterator[str]:
    """I6: the chain verifies, and its last word on each ticket and order is the state of its row."""
    yield from (f"I6: the journal breaks at {seq}" for seq in tx.journal.broken())
    said: dict[str | None, str] = {}
    for event in _events(tx):
        state = _SAYS_STATE.get(event.kind)
        if state is not None:
            said[event.order or event.ticket] = state
    rows = (*tx.orders.newest(limit=10_000), *tx.tickets.newest(limit=10_000))
    for row in rows:
        if said.get(row.id) != row.state:
            yield f"I6: {row.id} is {row.state}, the journal says {said.get(row.id)}"


def _guessed(tx: Transaction) -> Iterator[str]:
    """What was proved absent does not exist; what a person called so may."""
    marked = {event.order for event in _events(tx) if event.kind is EventKind.ORDER_MARKED_ABSENT}
    for event in _events(tx):
        risen = event.kind is EventKind.ORDER_RISEN and event.data["ended_as"] == OrderState.ABSENT
        if risen and event.order not in marked:
            yield f"guessed: order {event.order} was called absent, and is there"


def _events(tx: Transaction) -> Iterator[Event]:
    seq = 0
    while events := tx.journal.after(seq):
        yield from events
        seq = events[-1].seq


def _fates(tx: Transaction, known: Collection[Order]) -> Iterator[str]:
    """I3: a ticket ends as its orders did, and people have seen it on its card."""
    of_ticket: dict[str, list[Order]] = {}
    for order in known:
        of_ticket.setdefault(order.ticket, []).append(order)
    for ticket in tx.tickets.newest(limit=10_000):
        legs = of_ticket.get(ticket.id, [])
        filled = any(tx.fills.of_order(leg.id) for leg in legs)
        if ticket.state is not TicketState.WORKING and filled != (ticket.state is TicketState.DONE):
            yield f"I3: ticket {ticket.id} is {ticket.state}, filled: {filled}"
        post = tx.chat.post(AUDIENCE, f"ticket:{ticket.id}")
        if post is None and ticket.state is not TicketState.REFUSED:
            yield f"I7: ticket {ticket.id} has no card"
