"""An approved ticket becomes a planned order: approval consumed and order inserted in one commit.

Everything that was true at the tap is asked again here, against today's people and the market of
this moment. What no longer holds is refused or asked again; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID, uuid5

from execution import approval, booking, orders
from execution.config import Config
from execution.errors import Corrupt
from execution.events import EventKind
from execution.market import Market
from execution.pricing import send_price
from execution.snapshots import Moment, Recheck, price_again, recheck
from execution.store import Transaction
from execution.types import (
    Order,
    OrderState,
    OrderType,
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
    ticket_id: str, venue: Venue, market: Market, config: Config, install: str
) -> Callable[[Transaction], Order | None]:
    """The planned order of an approved ticket; None when it may not be sent as it stands."""

    def work(tx: Transaction) -> Order | None:
        ticket = tx.tickets.get(ticket_id)
        if ticket is None or ticket.state is not TicketState.APPROVED:
            return None
        try:
            terms = approval.checked_fingerprint(ticket, config.policy)
        except Corrupt as error:
            booking.move_ticket(tx, ticket, TicketState.FAILED, reason=str(error))
            return None
        moment = Moment(tx=tx, market=market, config=config)
        usable = _is_usable(tx, ticket, config)
        found = recheck(ticket, moment) if usable else price_again(ticket, moment)
        if found.quote is None:
            if not approval.still_holds(ticket, tx.now):
                reason = f"{ticket.venue} gave no price while the approval held; nothing was sent"
                booking.move_ticket(tx, ticket, TicketState.FAILED, reason=reason)
            return None
        if found.refusals or found.again is not None:
            _send_back(tx, ticket, found, config, old=not usable)
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


def add_order(
    tx: Transaction,
    ticket: Ticket,
    terms: Terms,
    *,
    leg: str,
    price: Decimal,
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
        type=OrderType.LIMIT,
        amount=terms.amount,
        price=price,
        time_in_force=terms.time_in_force,
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
    )
    return order


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


def _is_usable(tx: Transaction, ticket: Ticket, config: Config) -> bool:
    """Whether the approval is young enough and its votes count today."""
    if not approval.still_holds(ticket, tx.now):
        return False
    return approval.is_approved(ticket, tx.tickets.votes(ticket.id), config.policy)


def _send_back(
    tx: Transaction, ticket: Ticket, found: Recheck, config: Config, *, old: bool
) -> None:
    if found.refusals:
        booking.refuse(tx, ticket, found.refusals)
        return
    assert found.again is not None, "nothing objects otherwise"
    booking.ask_again(tx, ticket, found.again, policy=config.policy, old=old)
