"""What an order left when its time to rest was over goes out again, as a leg of its own.

Only after the venue has proved that the earlier leg ended, and what it filled is booked: then what is
left is certain, and the key (ticket, leg) lets it go out once. All that was asked before the first leg
is asked again; since nobody can be asked, whatever objects leaves the rest unsent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from execution import approval, booking, orders, rules
from execution.config import Config
from execution.errors import Corrupt
from execution.executor.opening import add_order
from execution.market import Market
from execution.pricing import furthest, send_price
from execution.rechecking import recheck_rest
from execution.snapshots import Moment
from execution.store import Transaction
from execution.types import OnTimeout, Order, Ticket, TimeInForce
from execution.venues.venue import Venue


def is_certain(last: Order, now: datetime) -> bool:
    """Whether what an order left is known: some exchanges show its last trade a little after its end."""
    return last.ended_at is not None and now - last.ended_at >= orders.STALE_LOOK


def plan(
    ticket_id: str, venue: Venue, market: Market, config: Config, install: str
) -> Callable[[Transaction], Order | None]:
    """The next leg of a ticket; None when there is none, or not yet."""

    def work(tx: Transaction) -> Order | None:
        ticket, legs = tx.tickets.get(ticket_id), tx.orders.of_ticket(ticket_id)
        leg = None if ticket is None else orders.next_leg(ticket, legs)
        if ticket is None or leg is None:
            return None
        try:
            terms = approval.checked_fingerprint(ticket, config.policy)
        except Corrupt as error:
            _end(tx, ticket, legs, why=str(error))
            return None
        rest = orders.left(terms, legs, tx.fills.of_tickets([ticket_id]).get(ticket_id, []))
        found = recheck_rest(ticket, rest, Moment(tx=tx, market=market, config=config))
        rule, votes = rules.met(tx, config.policy, ticket), tx.tickets.votes(ticket.id)
        if not approval.is_approved(ticket, votes, config.policy, rule):
            found = "its approvals no longer count."
        if isinstance(found, str):
            _end(tx, ticket, legs, why=found)
            return None
        instrument = market.instrument(terms.venue, terms.symbol)
        if found is None or instrument is None:
            _give_up_in_time(tx, ticket, legs)
            return None
        if terms.on_timeout is OnTimeout.MARKET:
            terms = terms.evolve(time_in_force=TimeInForce.IOC)
            price = furthest(terms, instrument.price_step)
        else:
            slippage = config.prices.slippage_tolerance
            price = send_price(terms, found, step=instrument.price_step, slippage=slippage)
        asked = terms.evolve(amount=rest)
        return add_order(tx, ticket, asked, leg=leg, price=price, venue=venue, install=install)

    return work


def overdue(ticket_id: str) -> Callable[[Transaction], None]:
    """Its venue cannot be used: the rest is given up once it has waited too long."""

    def work(tx: Transaction) -> None:
        ticket, legs = tx.tickets.get(ticket_id), tx.orders.of_ticket(ticket_id)
        if ticket is not None and orders.next_leg(ticket, legs) is not None:
            _give_up_in_time(tx, ticket, legs)

    return work


def _give_up_in_time(tx: Transaction, ticket: Ticket, legs: Sequence[Order]) -> None:
    ended_at = legs[-1].ended_at
    assert ended_at is not None, "every leg has ended"
    if tx.now - ended_at > approval.APPROVAL_HOLDS:
        _end(tx, ticket, legs, why=f"{ticket.venue} could not be used in time.")


def _end(tx: Transaction, ticket: Ticket, legs: Sequence[Order], *, why: str) -> None:
    """Nothing more of it is sent, and people are told why."""
    booking.end(tx, ticket, legs, reason=f"{orders.TIMED_OUT}, the rest was not sent: {why}")
