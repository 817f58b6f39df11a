"""An order at work with something about it changed: another ticket, whose order takes its place once approved.

Until then the order stays as it is. Then it is canceled, its end is proved, and what it filled meanwhile is
taken off what goes out. It must never be that both could fill, nor that more goes out than people saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from execution import orders, protection
from execution.figures import figure
from execution.rounding import exactly
from execution.store import Transaction
from execution.types import (
    ZERO,
    Order,
    OrderState,
    Refusal,
    Signal,
    Ticket,
    TicketState,
)

_WAITS = (TicketState.PENDING, TicketState.APPROVED)
_NOT_THERE = frozenset(
    {TicketState.PENDING, TicketState.REFUSED, TicketState.CANCELED, TicketState.FAILED}
)
_MOST = 100
"""Changes of one order that are looked through."""


def can_be_changed(ticket: Ticket, legs: Sequence[Order]) -> bool:
    """Whether an order of this ticket rests at its venue, nobody wants it canceled, and nothing hangs on it."""
    live = [leg for leg in legs if leg.state not in orders.ENDED]
    if ticket.state is not TicketState.WORKING or ticket.closes or len(live) != 1:
        return False
    if ticket.then is not None:
        return False  # an entry follows when just this has closed a position
    return live[0].state is OrderState.WORKING and live[0].cancel_requested_at is None


def rests(tx: Transaction, ticket: Ticket) -> bool:
    """The same by what is stored."""
    return can_be_changed(ticket, tx.orders.of_ticket(ticket.id))


def left(tx: Transaction, ticket: Ticket) -> Decimal:
    """Base amount that the newest order of a ticket has not taken, as far as its venue has said."""
    last = tx.orders.of_ticket(ticket.id)[-1]
    return last.amount - orders.taken(last, tx.fills.of_order(last.id))


def replaced(tx: Transaction, one: Ticket | Signal) -> Ticket | None:
    """The ticket whose place it is to take, or took."""
    return None if one.replaces is None else tx.tickets.get(one.replaces)


@exactly
def filled_meanwhile(tx: Transaction, one: Ticket | Signal) -> Decimal:
    """What the order that is to be replaced has filled since these terms were made, base asset."""
    before = replaced(tx, one)
    if before is None or one.replaces_left is None:
        return ZERO
    return one.replaces_left - left(tx, before)


def late(tx: Transaction, one: Ticket | Signal) -> Refusal | None:
    """Why a changed order does not stand any more; None while what it was made of does, and of any other.

    Once the order before it was canceled for it, what that filled is taken off when it goes out.
    """
    before = replaced(tx, one)
    if before is None or (isinstance(one, Ticket) and one.begun_at):
        return None
    if not rests(tx, before):
        return Refusal(code="NO_SIZE", text="The order that was to be changed rests no more.")
    if filled := filled_meanwhile(tx, one):
        text = f"{figure(filled)} of the order that was to be changed has filled since."
        return Refusal(code="NO_SIZE", text=text)
    return None


def waiting(tx: Transaction, ticket_id: str) -> list[Ticket]:
    """The tickets that are to take the place of this one, and have sent nothing yet."""
    return [one for one in tx.tickets.in_state(*_WAITS) if one.replaces == ticket_id]


def void(tx: Transaction, ended: Ticket, was: TicketState) -> Iterator[tuple[Ticket, str]]:
    """The tickets that wait to take the place of one that has ended otherwise, and what to say of each."""
    if was is not TicketState.WORKING or _gave_way(tx, ended):
        return
    for ticket in waiting(tx, ended.id):
        yield ticket, "the order that was to be changed has ended"


def stands_in(tx: Transaction, ticket_id: str) -> bool:
    """Whether another ticket takes the place of this one, or has taken it and is at work; or one whose place
    was taken in turn."""
    going = {*_WAITS, TicketState.WORKING}
    after = tx.tickets.newest(limit=_MOST, replaces=ticket_id)
    return any(one.state in going or stands_in(tx, one.id) for one in after)


@exactly
def may_have_filled(tx: Transaction, ticket: Ticket, legs: Sequence[Order]) -> Decimal | None:
    """Base amount that a ticket may have filled by what another one took its place for; None: none has."""
    if legs[-1].cancel_reason != orders.REPLACED:
        return None
    before = sum((orders.taken(leg, tx.fills.of_order(leg.id)) for leg in legs[:-1]), ZERO)
    for after in tx.tickets.newest(limit=_MOST, replaces=ticket.id):
        sent = tx.orders.of_ticket(after.id)
        if sent and after.terms is not None and after.replaces_left is not None:
            counted = after.terms.amount - sent[0].amount
            return before + legs[-1].amount - (after.replaces_left - counted)
    return None


def tell_of_gone(tx: Transaction, ticket: Ticket, was: TicketState) -> None:
    """Say so when a stop was canceled for this ticket, and its order does not stand in its place."""
    before = replaced(tx, ticket)
    if before is None or ticket.state not in _NOT_THERE or not ticket.begun_at:
        return
    if was is TicketState.PENDING:
        return  # it was told when people were asked again
    sent = tx.orders.of_ticket(ticket.id)
    if any(leg.state is not OrderState.DENIED or leg.cancel_reason is None for leg in sent):
        return  # what became of its own order is told of that
    legs = tx.orders.of_ticket(before.id)
    protection.tell_of_gone(tx, before, legs, reason=ticket.reason, replaced=True)


def _gave_way(tx: Transaction, ticket: Ticket) -> bool:
    """Whether its order was canceled since people approved another one instead."""
    legs = tx.orders.of_ticket(ticket.id)
    return bool(legs) and legs[-1].cancel_reason == orders.REPLACED
