"""A stop that gave way to a closing stands again, for what of its position was not sold.

Once every closing there is over and the stop is proved to have ended. Also while the desk is halted: a
position is not left without the stop that people approved. It never covers more than is held.
"""

from __future__ import annotations

from collections.abc import Callable

from execution import approval, booking, closing, kinds, orders, protection
from execution.config import Config
from execution.errors import Corrupt
from execution.executor import carrying_on
from execution.executor.opening import add_order
from execution.market import Market
from execution.pricing import furthest
from execution.sizing import resized
from execution.snapshots import Moment
from execution.store import Transaction
from execution.types import ZERO, Order, Refusal, Terms, Ticket
from execution.venues.venue import Venue


def is_due(tx: Transaction, last: Order) -> bool:
    """Whether a stop that gave way may stand again by now; `last` is the last leg of its ticket."""
    going = {(one.venue, one.asked.symbol) for one in closing.open_closings(tx)}
    return (last.venue, last.symbol) not in going and carrying_on.is_certain(last, tx.now)


def plan(
    ticket_id: str, venue: Venue, market: Market, config: Config, install: str
) -> Callable[[Transaction], Order | None]:
    """The stop once more; None when it is not to stand, or not yet."""

    def work(tx: Transaction) -> Order | None:
        ticket, legs = tx.tickets.get(ticket_id), tx.orders.of_ticket(ticket_id)
        if ticket is None or not orders.gave_way(legs) or not is_due(tx, legs[-1]):
            return None
        try:
            terms = approval.checked_fingerprint(ticket, config.policy)
        except Corrupt as error:
            _leave(tx, ticket, str(error))
            return None
        moment = Moment(tx=tx, market=market, config=config, without=ticket_id)
        if moment.in_doubt(terms.venue, terms.symbol) or _to_be_closed(tx, market, ticket):
            return None
        made = _terms_of_now(tx, ticket, terms, moment)
        if made is None:
            return None
        if not isinstance(made, Terms):
            _leave(tx, ticket, made.text)
            return None
        leg = orders.next_leg(ticket, legs)
        assert leg is not None, "a ticket whose stop gave way goes on"
        instrument = market.instrument(terms.venue, terms.symbol)
        assert instrument is not None, "its terms were made by it"
        price = furthest(made, instrument.price_step)
        return add_order(tx, ticket, made, leg=leg, price=price, venue=venue, install=install)

    return work


def _terms_of_now(
    tx: Transaction, ticket: Ticket, terms: Terms, moment: Moment
) -> Terms | Refusal | None:
    """The approved terms for what is held now; why they do not fit; None: no price is known."""
    instrument = moment.market.instrument(terms.venue, terms.symbol)
    quote = moment.market.quote(terms.venue, terms.symbol)
    if instrument is None or quote is None:
        return None
    facts = moment.facts(terms.venue, instrument, quote)
    fills = tx.fills.of_tickets([ticket.id]).get(ticket.id, [])
    unsold = orders.left(terms, tx.orders.of_ticket(ticket.id), fills)
    rest = min(unsold, facts.position - facts.reserved_base - facts.resting_base)
    if rest <= ZERO:
        return Refusal(code="NO_POSITION", text="its position is closed")
    if (over := kinds.over(terms, tx.now)) is not None:
        return over
    made = resized(kinds.on_steps(terms, instrument.price_step), rest, facts)
    return made if isinstance(made, Terms) else made[0]


def _to_be_closed(tx: Transaction, market: Market, ticket: Ticket) -> bool:
    """Whether a flatten means this position, and its closing is only not asked for yet."""
    halt = tx.trading().halt
    if halt is None or halt.flatten is None:
        return False
    pair = (ticket.venue, ticket.asked.symbol)
    return pair in {(one.venue, one.symbol) for one in closing.to_close(tx, market)}


def _leave(tx: Transaction, ticket: Ticket, why: str) -> None:
    """It does not stand again; people are told when something is left without it."""
    legs = tx.orders.of_ticket(ticket.id)
    booking.end(tx, ticket, legs, reason=why)
    protection.tell_of_gone(tx, ticket, legs, reason=why)
