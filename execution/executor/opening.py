"""An approved ticket becomes a planned order: approval consumed and order inserted in one commit.

Everything that was true at the tap is asked again here, against today's people and the market of
this moment. What no longer holds is refused or asked again; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID, uuid5

from execution import approval, booking, orders, replacing, rules
from execution.config import Config
from execution.errors import Corrupt
from execution.events import EventKind
from execution.executor import sending
from execution.market import Market
from execution.pricing import is_past, send_price
from execution.rechecking import Recheck, price_again, recheck, recheck_rest
from execution.snapshots import Moment
from execution.store import Transaction
from execution.types import (
    Order,
    OrderState,
    OrderType,
    Quote,
    Terms,
    Ticket,
    TicketState,
    TimeInForce,
)
from execution.venues.venue import Venue

_NAMESPACE = UUID("6b0c5a1e-53f5-4b8e-9a53-0d3c8a6f2d11")


def unique_id(install: str, venue: str, ticket: str, leg: str) -> bytes:
    """The 128 bits a client order id is made of: computed, so that a restart makes the same one."""
    return uuid5(_NAMESPACE, f"{install}:{venue}:{ticket}:{leg}").bytes


def plan(
    ticket_id: str,
    venue: Venue,
    market: Market,
    config: Config,
    install: str,
    quote: Quote | None = None,
) -> Callable[[Transaction], Order | None]:
    """The planned order of an approved ticket; None when it may not be sent as it stands.

    `quote` is what it was approved by in this very transaction: then the rules were just asked.
    """

    def work(tx: Transaction) -> Order | None:
        ticket = tx.tickets.get(ticket_id)
        if ticket is None or ticket.state is not TicketState.APPROVED:
            return None
        try:
            terms = approval.checked_fingerprint(ticket, config.policy)
        except Corrupt as error:
            booking.move_ticket(tx, ticket, TicketState.FAILED, reason=str(error))
            return None
        if terms.test:
            booking.move_ticket(tx, ticket, TicketState.CANCELED, reason=booking.TESTED)
            return None
        moment = Moment(tx=tx, market=market, config=config)
        unusable = not_usable(tx, ticket, config)
        if unusable is not None:
            found = price_again(ticket, moment)
        else:
            found = Recheck(quote=quote) if quote else recheck(ticket, moment)
        if found.quote is None:
            if not approval.still_holds(ticket, tx.now):
                reason = f"{ticket.venue} gave no price while the approval held; nothing was sent"
                booking.move_ticket(tx, ticket, TicketState.FAILED, reason=reason)
            return None
        if found.refusals or found.again is not None:
            send_back(tx, ticket, found, config, why=unusable or found.why)
            return None
        if ticket.replaces is not None:
            _make_way(tx, ticket)
            return None
        instrument = market.instrument(terms.venue, terms.symbol)
        assert instrument is not None, "recheck found its market"
        slippage = config.prices.slippage_tolerance
        price = send_price(terms, found.quote, step=instrument.price_step, slippage=slippage)
        order = add_order(
            tx, ticket, terms, leg=orders.ENTRY, price=price, venue=venue, install=install
        )
        booking.move_ticket(tx, ticket, TicketState.WORKING, reason=None)
        return order

    return work


def _make_way(tx: Transaction, ticket: Ticket) -> None:
    """Have canceled what this ticket replaces: `taking_over` sends its order once that has ended.

    It can be replaced once: whatever else waits to do so is void.
    """
    assert ticket.replaces is not None, "it replaces another one"
    for other in replacing.waiting(tx, ticket.replaces):
        if other.id != ticket.id:
            reason = "another change of the same order was approved"
            booking.move_ticket(tx, other, TicketState.CANCELED, reason=reason)
    tx.tickets.change(ticket, ticket.evolve(begun_at=tx.now))
    for leg in tx.orders.of_ticket(ticket.replaces):
        if leg.state not in orders.ENDED:
            booking.request_cancel(tx, leg, actor="desk", reason=orders.REPLACED)


def add_order(
    tx: Transaction,
    ticket: Ticket,
    terms: Terms,
    *,
    leg: str,
    price: Decimal | None,
    venue: Venue,
    install: str,
) -> Order:
    """Plan the order of these terms at this price."""
    rests = terms.rests_for if terms.time_in_force is TimeInForce.GTC else None
    unique = unique_id(install, terms.venue, ticket.id, leg)
    order = Order(
        id=tx.new_id(),
        ticket=ticket.id,
        leg=leg,
        venue=terms.venue,
        symbol=terms.symbol,
        side=terms.side,
        type=OrderType.LIMIT if terms.stop_price is None else terms.type,
        amount=terms.amount,
        price=price,
        stop_price=terms.stop_price,
        trail=terms.trail,
        time_in_force=terms.time_in_force,
        good_till=terms.good_till,
        client_order_id=venue.client_order_id(unique),
        state=OrderState.PLANNED,
        reduces=terms.reduces,
        created_at=tx.now,
        post_only=terms.post_only,
        cancel_after=None if rests is None else tx.now + rests,
    )
    tx.orders.add(order)
    tx.journal.add(
        EventKind.ORDER_PLANNED,
        tx.now,
        ticket=ticket.id,
        order=order.id,
        client_order_id=order.client_order_id,
        amount=order.amount,
        price=order.price,
        stop_price=order.stop_price,
    )
    return order


def planned_before(
    order_id: str, venue: Venue, market: Market, config: Config
) -> Callable[[Transaction], Order | None]:
    """An order that was planned and never left; denied when it is not what people approve of today,
    or a rule objects by now. None, too, while no price is fresh enough to ask the rules by.
    """

    def work(tx: Transaction) -> Order | None:
        order = tx.orders.get(order_id)
        if order.state is not OrderState.PLANNED:
            return None
        ticket = tx.tickets.get(order.ticket)
        assert ticket is not None, "an order has a ticket"
        objection = _not_what_was_approved(tx, ticket, order, config)
        if objection is None and not sending.held_back(tx, order, venue):
            moment = Moment(tx=tx, market=market, config=config)
            found = recheck_rest(ticket, order.amount, moment)
            if found is None:
                return None
            objection = found if isinstance(found, str) else None
        if objection is None:
            return order
        booking.move_order(tx, order, OrderState.DENIED, reason=objection)
        return None

    return work


def _not_what_was_approved(
    tx: Transaction, ticket: Ticket, order: Order, config: Config
) -> str | None:
    try:
        terms = approval.checked_fingerprint(ticket, config.policy)
    except Corrupt as error:
        return str(error)
    rule, votes = rules.met(tx, config.policy, ticket), tx.tickets.votes(ticket.id)
    if not approval.is_approved(ticket, votes, config.policy, rule):
        return f"its approvals are not what the rule {rule.name} asks for today"
    past = is_past(terms, order.price)
    same = _placed(order) == _placed(terms)
    others = [leg for leg in tx.orders.of_ticket(ticket.id) if leg.id != order.id]
    fills = tx.fills.of_tickets([ticket.id]).get(ticket.id, [])
    if past or not same or order.amount > orders.left(terms, others, fills):
        return "the order is not the one that was approved"
    return None


def _placed(one: Order | Terms) -> tuple[object, ...]:
    """What an order must share with the terms it was made of, apart from price and amount."""
    return one.venue, one.symbol, one.side, one.stop_price, one.trail


def overdue(ticket_id: str) -> Callable[[Transaction], None]:
    """Its venue cannot be used: when the approval has become old meanwhile, the ticket is refused."""

    def work(tx: Transaction) -> None:
        ticket = tx.tickets.get(ticket_id)
        if ticket is None or ticket.state is not TicketState.APPROVED:
            return
        if approval.still_holds(ticket, tx.now):
            return
        reason = f"{ticket.venue} could not be used while the approval held; nothing was sent"
        booking.move_ticket(tx, ticket, TicketState.FAILED, reason=reason)

    return work


def not_usable(tx: Transaction, ticket: Ticket, config: Config) -> str | None:
    """Why an approval cannot be used; None while it is young and counts by today's people and rules."""
    if not approval.still_holds(ticket, tx.now):
        return "the approval had become old"
    rule, votes = rules.met(tx, config.policy, ticket), tx.tickets.votes(ticket.id)
    if approval.is_approved(ticket, votes, config.policy, rule):
        return None
    return f"its approvals are not what the rule {rule.name} asks for today"


def send_back(
    tx: Transaction, ticket: Ticket, found: Recheck, config: Config, *, why: str | None
) -> None:
    """Refuse an approved ticket that does not stand any more, or ask about it anew."""
    if found.refusals:
        booking.refuse(tx, ticket, found.refusals)
        return
    assert found.again is not None, "nothing objects otherwise"
    booking.ask_again(tx, ticket, found.again, policy=config.policy, reason=why)
