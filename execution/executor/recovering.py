"""What a dead process left behind, made safe to go on with: the first thing a new one commits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from execution import approval, booking, rules
from execution.approval import Policy
from execution.executor import following, sending
from execution.executor.waiting import AT_THE_VENUE
from execution.store import Transaction
from execution.types import OrderState, Ticket, TicketState
from execution.venues.venue import Venue


def work(venues: Mapping[str, Venue], policy: Policy) -> Callable[[Transaction], None]:
    """What was `sending` may or may not have arrived: it is in doubt. All that may be at a venue is
    looked at. A ticket whose venue is gone from the settings, or is now another mode than the card
    said, can no longer be approved; where the rules have changed, one that meets another is asked again.
    """

    def work(tx: Transaction) -> None:
        changed = rules.note(tx, policy)
        for order in tx.orders.in_state(OrderState.SENDING):
            sending.interrupted(order.id)(tx)
        for order in tx.orders.in_state(*AT_THE_VENUE):
            tx.orders.change(order, following.at_once(order, tx.now))
        for ticket in tx.tickets.in_state(TicketState.PENDING, TicketState.APPROVED):
            reason = _no_longer(ticket, venues)
            if reason is not None:
                booking.move_ticket(tx, ticket, TicketState.CANCELED, reason=reason)
            elif changed or not approval.is_bound(ticket, policy):
                booking.follow_rules(tx, ticket, policy)

    return work


def _no_longer(ticket: Ticket, venues: Mapping[str, Venue]) -> str | None:
    """Why a ticket of an earlier run cannot go on; None while it can."""
    venue = venues.get(ticket.venue)
    if venue is None:
        return f"the venue {ticket.venue} is no longer set up"
    if venue.mode is not ticket.mode:
        return f"{ticket.venue} is {venue.mode} now, the card said {ticket.mode}"
    return None
