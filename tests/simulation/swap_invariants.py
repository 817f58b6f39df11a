"""What only contracts can get wrong, over the exchange's books and the rows of the database.

No entry of ours takes what our fills come to through zero, and what is to reduce a position leaves as
reduce-only. As in `invariants`, each function names what does not hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from execution import orders
from execution.kinds import STOPS
from execution.store import Transaction
from execution.trading import to_be_proved
from execution.types import ZERO, Order, OrderState, Side
from execution.venues.venue import NewOrder
from tests.simulation import invariants


@dataclass(frozen=True)
class Traded:
    """One trade at the exchange, and the order it was of."""

    id: str
    client_id: str
    reduce_only: bool
    symbol: str
    amount: Decimal
    """Base asset, negative of a sale."""
    price: Decimal


class Sums(defaultdict[str, Decimal]):
    """Exact sums, zero to begin with."""

    def __init__(self) -> None:
        super().__init__(Decimal)

    def add(self, what: str, amount: Decimal) -> None:
        """So much more of it."""
        self[what] += amount


def as_it_leaves(tx: Transaction, order: Order, asked: NewOrder, ours: Decimal) -> Iterator[str]:
    """It is let through, it may not take what our fills come to through zero, and it says so."""
    if order.state is not OrderState.SENDING:
        yield f"order {order.id} leaves while its row says {order.state}"
    yield from invariants.not_let_through(tx, order)
    if order.reduces is not asked.reduce_only:
        yield f"order {order.id} leaves as reduce-only: {asked.reduce_only}"
    ticket = tx.tickets.get(order.ticket)
    assert ticket is not None, "a foreign key"
    if ticket.terms is not None and ticket.terms.reduce_only and not asked.reduce_only:
        yield f"order {order.id} was to reduce, and leaves as an entry"
    if not asked.reduce_only and ours * signed(asked.side, asked.amount) < 0:
        yield f"order {order.id} to {asked.side} leaves as an entry against our {ours}"


def as_a_halt_is_proved(tx: Transaction, there: Mapping[str, str]) -> Iterator[str]:
    """Nothing of ours is open but stops behind a position, that nobody wants canceled."""
    open_now = {client_id for client_id, state in there.items() if state == OrderState.WORKING}
    for order in tx.orders.newest(limit=10_000):
        stays = order.type in STOPS and order.reduces and order.cancel_requested_at is None
        if order.client_order_id in open_now and not stays:
            yield f"I4: the halt is called proved, and {order.id} is open"


def unsettled(
    tx: Transaction, there: Mapping[str, str], traded: Mapping[str, Decimal]
) -> Iterator[str]:
    """What still has to come to an end; what works, here as there, and is booked as far, may stay."""
    resting = set()
    for order in tx.orders.in_state(*orders.LIVE, OrderState.PLANNED, OrderState.STUCK):
        works = order.state is OrderState.WORKING and order.cancel_requested_at is None
        rests = works and order.cancel_after is None and there[order.client_order_id] == "working"
        booked = sum((fill.amount for fill in tx.fills.of_order(order.id)), ZERO)
        if rests and booked == traded.get(order.client_order_id, ZERO):
            resting.add(order.ticket)
        else:
            yield f"order {order.id} is {order.state}"
    for ticket in tx.tickets.in_state(*invariants.OPEN_TICKETS):
        if ticket.id not in resting:
            yield f"ticket {ticket.id} is {ticket.state}"
    if tx.signals.waiting():
        yield "a signal waits"
    if to_be_proved(tx.trading()) is not None:
        yield "the halt is not proved"
    if any(fill.inferred for fill in tx.fills.newest(limit=10_000)):
        yield "a fill is inferred"


def in_the_end(
    tx: Transaction, there: Mapping[str, str], traded: Sequence[Traded]
) -> Iterator[str]:
    """When all has settled: orders, fills and positions are what the exchange says they are."""
    known = {order.client_order_id: order for order in tx.orders.newest(limit=10_000)}
    for client_id, order in known.items():
        if client_id in there:
            of_order = [trade for trade in traded if trade.client_id == client_id]
            yield from _differs(tx, order, there[client_id], of_order)
        elif order.state not in invariants.NEVER_TAKEN:
            yield f"I2: order {order.id} is {order.state}, the exchange never took it"
    mine = [trade for trade in traded if trade.client_id in known]
    yield from _through_zero(traded, known)
    come_to = Sums()
    for trade in mine:
        come_to.add(trade.symbol, trade.amount)
    positions = {position.symbol: position.amount for position in tx.positions.open()}
    for symbol in {*positions, *come_to}:
        if positions.get(symbol, ZERO) != come_to[symbol]:
            yield f"I2: we hold {positions.get(symbol)} {symbol}, trades say {come_to[symbol]}"
    for order in tx.orders.in_state(OrderState.WORKING):
        if order.reduces and come_to[order.symbol] * signed(order.side, order.amount) >= 0:
            yield f"order {order.id} is left, and there is nothing that it would reduce"
    yield from invariants.of_the_rows(tx, known.values())


def _differs(tx: Transaction, order: Order, state: str, traded: Sequence[Traded]) -> Iterator[str]:
    if order.state != state:
        yield f"I2: order {order.id} is {order.state}, at the exchange {state}"
    ours = {fill.trade_id: (fill.amount, fill.price) for fill in tx.fills.of_order(order.id)}
    theirs = {trade.id: (abs(trade.amount), trade.price) for trade in traded}
    if ours != theirs:
        yield f"I2: order {order.id} has fills {ours}, the exchange {theirs}"


def _through_zero(traded: Sequence[Traded], ours: Collection[str]) -> Iterator[str]:
    """An entry of ours that took what our fills come to from one side to the other; or a reduce-only order
    that did so with what the account has, or added to it: somebody else may have traded there too."""
    account, come_to = Sums(), Sums()
    began: dict[str, Decimal] = {}
    for trade in traded:
        if trade.client_id in ours:
            sums = account if trade.reduce_only else come_to
            before = sums[trade.symbol]
            first, after = began.setdefault(trade.client_id, before), before + trade.amount
            if first * after < 0 or (trade.reduce_only and before * trade.amount > 0):
                yield f"{trade.client_id} took {first} {trade.symbol} to {after}"
            come_to.add(trade.symbol, trade.amount)
        account.add(trade.symbol, trade.amount)


def signed(side: Side, amount: Decimal) -> Decimal:
    """The amount, negative of a sale."""
    return amount if side is Side.BUY else -amount
