"""What must hold: I1 to I8, over the exchange's own books and the rows of the database.

Each function names what does not hold, one sentence each; nothing said is a clean bill. They judge by
the rows and the exchange, never by what the product thinks of them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bot.news import AUDIENCE
from bot.notifier import undelivered
from execution import approval, orders, rules
from execution.approval import Policy, Role
from execution.breaker import BreakerState
from execution.config import CLOSING, Config
from execution.errors import Corrupt
from execution.events import Event, EventKind
from execution.stopping import HALTED
from execution.store import Transaction
from execution.trading import to_be_proved
from execution.types import (
    ZERO,
    Order,
    OrderState,
    OrderType,
    Side,
    Terms,
    Ticket,
    TicketState,
    VoteKind,
)
from execution.venues.quirks.binance import KINDS
from tests.simulation.client import Network
from tests.simulation.exchange import FEE, Accepted, Exchange

_NAMES = {kind: name.type for kind, name in KINDS.items()}
_NAMES[OrderType.LIMIT] = "LIMIT"
"""What the exchange calls each kind of order; a market order is a limit that may not rest."""
_PROTECTS = (OrderType.STOP, OrderType.STOP_LIMIT)
OPEN_TICKETS = (TicketState.NEW, TicketState.PENDING, TicketState.APPROVED, TicketState.WORKING)
_SAYS_STATE = {
    **{EventKind(f"ticket_{state}"): state for state in TicketState if state != "new"},
    EventKind.TICKET_REVISED: TicketState.PENDING,
    EventKind.TICKET_ASKED_AGAIN: TicketState.PENDING,
    **{EventKind(f"order_{state}"): state for state in OrderState},
    EventKind.ORDER_NOT_SENT: OrderState.PLANNED,
}
"""Which events say what state a ticket or an order is in."""
UNDER_WAY = timedelta(seconds=0.5)
"""What was `sending` before a halt of another process was committed leaves within this, or not at all."""
LEAST = Decimal(5)
"""The exchange sells nothing worth less, in quote currency."""
BETWEEN_LOOKS = timedelta(seconds=2.9)
"""Two looks that prove a halt are at least this far apart: three seconds, less what a commit may take."""


def as_an_order_leaves(
    tx: Transaction,
    asked: dict[str, Any],
    config: Config,
    exchange: Exchange,
    network: Network,
    *,
    pulled: bool,
) -> Iterator[str]:
    """Right before the first byte: committed, let through, approved, nothing of it alive (I1, I4, I5).

    `pulled` is the brake of the process that sends it.
    """
    known = tx.orders.by_client_ids("main", [asked["clientOrderId"]])
    order = known.get(asked["clientOrderId"])
    if order is None:
        yield f"an order leaves that is not stored: {asked}"
        return
    if order.state is not OrderState.SENDING:
        yield f"order {order.id} leaves while its row says {order.state}"
    if pulled and not order.reduces:
        yield f"I4: order {order.id} leaves while the brake is pulled"
    yield from not_let_through(tx, order)
    ticket = tx.tickets.get(order.ticket)
    assert ticket is not None, "a foreign key"
    yield from _not_approved(tx, ticket, order, asked, config.policy)
    yield from _too_much(tx, ticket, order, asked, exchange)
    if order.reduces:
        yield from _sold_twice(tx, order, asked, exchange, network)
    if ticket.closes:
        slippage = config.prices.slippage_tolerance
        yield from _beyond_the_position(tx, order, asked, exchange, network, slippage)


def not_let_through(tx: Transaction, order: Order) -> Iterator[str]:
    """I4: `sending` was committed before the halt, a moment ago, or there is none; and the breaker is
    closed."""
    halt = _in_force(tx)
    if halt is not None and not orders.passes_a_halt(order):
        events = tx.journal.of_ticket(order.ticket)
        mine = max(e.seq for e in events if e.kind == EventKind.ORDER_SENDING)
        if mine > halt.seq or tx.now - halt.at > UNDER_WAY:
            yield f"I4: order {order.id} leaves after the halt was committed"
    breaker = tx.breakers.of("main")
    if breaker.state is not BreakerState.CLOSED and breaker.since and breaker.since < order.sent_at:
        yield f"order {order.id} leaves while the breaker is {breaker.state}"


def _in_force(tx: Transaction) -> Event | None:
    """The halt that nobody has lifted, by the journal."""
    halt, resumed = tx.journal.last(EventKind.HALTED), tx.journal.last(EventKind.RESUMED)
    return None if halt is None or (resumed is not None and resumed.seq > halt.seq) else halt


def as_a_halt_is_proved(tx: Transaction, exchange: Exchange, network: Network) -> Iterator[str]:
    """When a halt is called proved: nothing of ours is there, or on its way, but stops that are kept; it was
    looked twice."""
    halt = _in_force(tx)
    spared = _marked_absent(tx) | _kept(tx)
    known = {order.client_order_id: order for order in tx.orders.newest(limit=10_000)}
    ours = {o.client_id for o in exchange.orders if o.is_open and not o.by_hand}
    there = {str(one) for one in (ours | {*network.under_way}) & known.keys() - spared}
    if there:
        yield f"I4: the halt is called proved, and there is, or may be, {', '.join(sorted(there))}"
    if halt is None or not known:
        return
    yield from _not_flat(tx, exchange)
    to_end = {id for id, order in known.items() if not _may_stay(order)}
    ended = max((o.now.at for o in exchange.orders if o.client_id in to_end), default=halt.at)
    looks = [at for at in network.looks if at >= max(halt.at, ended)]
    # A request may be answered after one that was made later.
    if not looks or max(looks) - min(looks) < BETWEEN_LOOKS:
        yield f"I4: the halt is called proved by looks at {[f'{at:%H:%M:%S.%f}' for at in looks]}"


def _kept(tx: Transaction) -> set[str | None]:
    """Client ids of stops that a halt leaves alone, since there is a position behind them."""
    held = {position.symbol for position in tx.positions.open()}
    working = tx.orders.in_state(OrderState.WORKING)
    return {o.client_order_id for o in working if _may_stay(o) and o.symbol in held}


def _may_stay(order: Order) -> bool:
    """Whether it is a stop that sells of a position, and that nobody wants canceled."""
    sells = order.type in _PROTECTS and order.side is Side.SELL
    return sells and order.cancel_requested_at is None


def _not_flat(tx: Transaction, exchange: Exchange) -> Iterator[str]:
    """When a halt is called proved that was to close everything: what is left is dust, or people canceled
    its closing."""
    halt = tx.trading().halt
    if halt is None or halt.flatten is None:
        return
    for position in tx.positions.open():
        worth = position.amount * exchange.bids[position.symbol]
        last = tx.tickets.newest(limit=1, source=CLOSING, symbol=position.symbol)
        reason = last[0].reason if last else None
        if worth > 2 * LEAST and not str(reason).startswith("canceled by"):
            yield f"the halt is called proved, and {position.amount} {position.symbol} is left: {reason}"


def _marked_absent(tx: Transaction) -> set[str | None]:
    """Client ids of orders of which a person said that they do not exist: that may be wrong."""
    marked = [e.order for e in _events(tx) if e.kind is EventKind.ORDER_MARKED_ABSENT]
    return {tx.orders.get(order).client_order_id for order in marked if order is not None}


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
    if (asked["symbol"], asked["side"]) != (terms.symbol, terms.side.value):
        yield f"I5: order {order.id} leaves as {asked}, approved was {terms}"
    if terms.closing:
        return  # each slice has a price of its own
    if not _within(terms, asked):
        yield f"I5: order {order.id} leaves as {asked}, approved was {terms}"


def _within(terms: Terms, asked: dict[str, Any]) -> bool:
    """Whether it waits for just what was approved, and may cost no more."""
    waits_for = None if asked["stopPrice"] is None else Decimal(asked["stopPrice"])
    if (asked["type"], waits_for) != (_NAMES.get(terms.type, "LIMIT"), terms.stop_price):
        return False
    if asked["price"] is None or terms.bound is None:
        return asked["price"] is terms.bound
    price = Decimal(asked["price"])
    return price <= terms.bound if terms.side is Side.BUY else price >= terms.bound


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
    whole = filled + Decimal(asked["amount"])
    # A slice, or a stop for what of its position is left.
    in_part = orders.passes_a_halt(order) or (ticket.replaces is not None and order.reduces)
    approved = ticket.terms.amount
    if ticket.replaces is not None:
        yield from _beside_another(tx, ticket.replaces, order, exchange)
        approved -= _filled_meanwhile(tx, ticket, exchange)
    if whole > approved if in_part else whole != approved:
        yield (
            f"I1: order {order.id} leaves for {asked['amount']}, {filled} of the approved"
            f" {approved} is filled"
        )


def _beside_another(
    tx: Transaction, replaced: str, order: Order, exchange: Exchange
) -> Iterator[str]:
    """I1: what an order replaces has ended, and nothing else replaces it as well."""
    legs = {leg.client_order_id for leg in tx.orders.of_ticket(replaced)}
    if any(taken.is_open for taken in exchange.orders if taken.client_id in legs):
        yield f"I1: order {order.id} leaves while the one it replaces is open"
    for other in tx.tickets.newest(limit=10_000):
        sent = [leg.id for leg in tx.orders.of_ticket(other.id) if leg.state not in NEVER_TAKEN]
        if other.replaces == replaced and other.id != order.ticket and sent:
            yield f"I1: order {order.id} leaves, and {sent} replaced the same one"


def _filled_meanwhile(tx: Transaction, ticket: Ticket, exchange: Exchange) -> Decimal:
    """What the order that a ticket replaces has filled, by the exchange, since people wanted it changed."""
    signal = tx.signals.get(ticket.signal)
    before = tx.tickets.get(ticket.replaces or "")
    assert before is not None, "it is at work"
    assert before.terms is not None, "it is at work"
    assert signal.replaces_left is not None, "it was asked for then"
    legs = tx.orders.of_ticket(before.id)
    ids = {leg.client_order_id for leg in legs}
    filled = sum((o.now.filled for o in exchange.orders if o.client_id in ids), ZERO)
    return signal.replaces_left - (orders.whole(before.terms, legs) - filled)


def _beyond_the_position(
    tx: Transaction,
    order: Order,
    asked: dict[str, Any],
    exchange: Exchange,
    network: Network,
    slippage: Decimal,
) -> Iterator[str]:
    """What closes a position sells what our own orders have bought and not sold, near the best price of
    the book it was made from, and only one at a time."""
    ours = {one.client_order_id: one for one in tx.orders.newest(limit=10_000)}
    held = _held(exchange, order.symbol, ours)
    if Decimal(asked["amount"]) > held:
        yield f"order {order.id} leaves for {asked['amount']} to close a position of {held}"
    best = network.books[order.symbol]
    if Decimal(asked["price"]) < best * (1 - slippage):
        yield f"order {order.id} leaves at {asked['price']} to close a position, the best is {best}"
    alive = {o.client_id for o in exchange.orders if o.is_open} | {*network.under_way}
    others = [ours[id] for id in alive & ours.keys() if id is not None]
    for other in others:
        if orders.is_exit(other) and other.symbol == order.symbol:
            yield f"order {order.id} leaves to close a position, as {other.id} does already"


def _sold_twice(
    tx: Transaction, order: Order, asked: dict[str, Any], exchange: Exchange, network: Network
) -> Iterator[str]:
    """What only makes a position smaller sells, with all else that does, no more than there is of it."""
    spared = _marked_absent(tx)
    ours = {one.client_order_id: one for one in tx.orders.newest(limit=10_000)}
    held = _held(exchange, order.symbol, ours)
    rests = {o.client_id: o.rest for o in exchange.orders if o.is_open}
    alive = {**{id: ours[id].amount for id in network.under_way if id in ours}, **rests}
    selling = Decimal(asked["amount"])
    for id, one in ours.items():
        sells = one.symbol == order.symbol and one.reduces and id not in spared
        if sells and id in alive and id != order.client_order_id:
            selling += alive[id]
    # The fee of a fill that is inferred is not known: the exchange itself refuses what is too much by it.
    fills = [fill for fill in tx.fills.newest(limit=10_000) if fill.symbol == order.symbol]
    held_at_most = held + FEE * sum(fill.amount for fill in fills if fill.inferred)
    if selling > held_at_most:
        yield f"order {order.id} leaves, and {selling} {order.symbol} is to be sold of {held}"


def _held(exchange: Exchange, symbol: str, ours: Mapping[str, Order]) -> Decimal:
    """What our own orders bought, by the exchange, less what those that only reduce have sold of it."""
    held = ZERO
    for trade in exchange.trades:
        order = ours.get(trade.order.client_id or "")
        if order is None or order.symbol != symbol:
            continue
        if order.side is Side.BUY:
            held += trade.amount * (1 - FEE)
        elif order.reduces:
            held -= trade.amount
    return held


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


def swept(rows: sqlite3.Connection, known: set[str]) -> Iterator[str]:
    """After each commit: a halt has had no stop canceled behind which there is a position. `known` are
    those that were looked at before, and grow."""
    query = """
        SELECT o.id, o.state, p.amount FROM orders o LEFT JOIN positions p
        ON p.venue = o.venue AND p.symbol = o.symbol AND p.opened_at < o.cancel_requested_at
        WHERE o.cancel_reason = ? AND o.type IN (?, ?) AND o.reduces
    """
    for order, state, amount in rows.execute(query, (HALTED, *_PROTECTS)):
        if order not in known and state in orders.LIVE and amount is not None:
            yield f"a halt cancels {order}, and {amount} is held behind it"
        known.add(order)


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
    for ticket in tx.tickets.in_state(*OPEN_TICKETS):
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


def in_the_end(
    tx: Transaction, exchange: Exchange, signals: Collection[str], *, told: bool
) -> Iterator[str]:
    """When all has settled: the books agree, the journal holds, everything was `told` (I2, I3, I6-I8)."""
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
        if order.client_order_id not in taken_ids and order.state not in NEVER_TAKEN:
            yield f"I2: order {order.id} is {order.state}, the exchange never took it"
    yield from of_the_rows(tx, known.values())
    if told:
        yield from _cards(tx)
    missing = set(signals) - {signal.id for signal in tx.signals.of(signals).values()}
    yield from (f"I8: signal {one} was answered and is not stored" for one in sorted(missing))


NEVER_TAKEN = frozenset({OrderState.DENIED, OrderState.REJECTED, OrderState.ABSENT})


def of_the_rows(tx: Transaction, known: Collection[Order]) -> Iterator[str]:
    """When all has settled: what the rows say of each other, whatever the exchange is."""
    yield from (f"I2: the position is wrong: {one}" for one in tx.positions.wrong())
    yield from _journal(tx)
    yield from _guessed(tx)
    yield from _fates(tx, known)


def _differs(tx: Transaction, order: Order, taken: Accepted, exchange: Exchange) -> Iterator[str]:
    ours = {f.trade_id: (f.amount, f.price) for f in tx.fills.of_order(order.id)}
    theirs = {t.id: (t.amount, t.price) for t in exchange.trades if t.order is taken}
    if ours != theirs:
        yield f"I2: order {order.id} has fills {ours}, the exchange {theirs}"
    terms = (_NAMES[order.type], order.amount, order.price, order.stop_price)
    if terms != (taken.type, taken.amount, taken.price, taken.stop):
        yield f"I5: order {order.id} is {terms}, the exchange took {taken}"
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
    """I3: a ticket ends as its orders did."""
    of_ticket: dict[str, list[Order]] = {}
    for order in known:
        of_ticket.setdefault(order.ticket, []).append(order)
    for ticket in tx.tickets.newest(limit=10_000):
        legs = of_ticket.get(ticket.id, [])
        filled = any(tx.fills.of_order(leg.id) for leg in legs)
        if ticket.state is not TicketState.WORKING and filled != (ticket.state is TicketState.DONE):
            yield f"I3: ticket {ticket.id} is {ticket.state}, filled: {filled}"


def _cards(tx: Transaction) -> Iterator[str]:
    """I7: people have seen every ticket on its card."""
    for ticket in tx.tickets.newest(limit=10_000):
        post = tx.chat.post(AUDIENCE, f"ticket:{ticket.id}")
        if post is None and ticket.state is not TicketState.REFUSED:
            yield f"I7: ticket {ticket.id} has no card"
