"""A changed order goes out in the place of the one it replaces, once that is proved to have ended.

What that filled since people were asked is taken off. All that was asked before it was canceled is asked
again; since the place is empty by now, whatever objects is told, a missing stop above all.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from execution import approval, booking, closing, orders, replacing
from execution.config import Config
from execution.errors import Corrupt
from execution.executor import carrying_on, opening
from execution.market import Market
from execution.pricing import send_price
from execution.rechecking import Recheck, price_again, recheck_rest
from execution.rounding import amount_down
from execution.sizing import resized
from execution.snapshots import Moment
from execution.store import Transaction
from execution.types import ZERO, Order, Quote, Terms, Ticket, TicketState
from execution.venues.venue import Venue


def over(tx: Transaction, ticket: Ticket) -> Order | None:
    """The last order of what it replaces, canceled for it and ended a while ago; None: not yet, or not
    while the position is being closed.
    """
    legs = [] if ticket.replaces is None else tx.orders.of_ticket(ticket.replaces)
    if not legs or any(leg.state not in orders.ENDED for leg in legs):
        return None
    last = legs[-1]
    going = {(one.venue, one.asked.symbol) for one in closing.open_closings(tx)}
    if (last.venue, last.symbol) in going:
        return None  # what that leaves is known when it has ended
    return last if carrying_on.is_certain(last, tx.now) else None


def plan(
    ticket_id: str, venue: Venue, market: Market, config: Config, install: str
) -> Callable[[Transaction], Order | None]:
    """The order of an approved ticket that replaces another one; None when there is none, or not yet."""

    def work(tx: Transaction) -> Order | None:
        ticket = tx.tickets.get(ticket_id)
        if ticket is None or ticket.state is not TicketState.APPROVED:
            return None
        try:
            terms = approval.checked_fingerprint(ticket, config.policy)
        except Corrupt as error:
            booking.move_ticket(tx, ticket, TicketState.FAILED, reason=str(error))
            return None
        instrument = market.instrument(terms.venue, terms.symbol)
        if opening.not_usable(tx, ticket, config) is not None:
            return None  # it is asked about anew: `overdue`
        if over(tx, ticket) is None or instrument is None:
            return None
        moment = Moment(tx=tx, market=market, config=config)
        moment.leave_out(ticket)
        found = _what_is_left(tx, ticket, terms, moment)
        if found is None:
            return None
        left, quote = found
        slippage = config.prices.slippage_tolerance
        price = send_price(terms, quote, step=instrument.price_step, slippage=slippage)
        order = opening.add_order(
            tx, ticket, left, leg=orders.ENTRY, price=price, venue=venue, install=install
        )
        booking.move_ticket(tx, ticket, TicketState.WORKING, reason=None)
        return order

    return work


def overdue(ticket_id: str, market: Market, config: Config) -> Callable[[Transaction], None]:
    """Ask about it anew when its approval has become old, or counts no more by today's people and rules."""

    def work(tx: Transaction) -> None:
        ticket = tx.tickets.get(ticket_id)
        if ticket is None or ticket.state is not TicketState.APPROVED:
            return
        why = opening.not_usable(tx, ticket, config)
        if why is None:
            return
        moment = Moment(tx=tx, market=market, config=config)
        found = _for_what_is_left(ticket, price_again(ticket, moment), moment)
        if found.quote is not None:
            ticket = _counted_anew(tx, ticket)
            why = f"{why}, and the order before it is canceled already"
            opening.send_back(tx, ticket, found, config, why=why)

    return work


def _for_what_is_left(ticket: Ticket, found: Recheck, moment: Moment) -> Recheck:
    """New terms without what was filled since those before were made."""
    filled, again = replacing.filled_meanwhile(moment.tx, ticket), found.again
    instrument = None if again is None else moment.market.instrument(again.venue, again.symbol)
    if again is None or found.quote is None or instrument is None or not filled:
        return found
    facts = moment.facts(again.venue, instrument, found.quote)
    made = resized(again, again.amount - filled, facts)
    if isinstance(made, Terms):
        return found.evolve(again=made)
    return found.evolve(again=None, refusals=tuple(made))


def _counted_anew(tx: Transaction, ticket: Ticket) -> Ticket:
    """The ticket as one whose terms were made of what the order before it has left now."""
    before = replacing.replaced(tx, ticket)
    assert before is not None, "it replaces another one"
    after = ticket.evolve(replaces_left=replacing.left(tx, before))
    tx.tickets.change(ticket, after)
    return after


def _what_is_left(
    tx: Transaction, ticket: Ticket, terms: Terms, moment: Moment
) -> tuple[Terms, Quote] | None:
    """The terms for what may still go out, and by which prices; None: nothing may, or not yet."""
    rest = terms.amount - replacing.filled_meanwhile(tx, ticket)
    reason = "all of it was filled before it could be changed"
    if rest > 0 and terms.reduces:
        rest = min(rest, _to_be_closed(terms, moment))
        reason = "its position is closed"
    if rest <= 0:
        booking.move_ticket(tx, ticket, TicketState.CANCELED, reason=reason)
        return None
    found = recheck_rest(ticket, rest, moment)
    if isinstance(found, str):
        booking.move_ticket(tx, ticket, TicketState.FAILED, reason=found)
        return None
    return None if found is None else (terms.evolve(amount=rest), found)


def _to_be_closed(terms: Terms, moment: Moment) -> Decimal:
    """Base amount of the position that no other order of ours is to close."""
    instrument = moment.market.instrument(terms.venue, terms.symbol)
    quote = moment.market.quote(terms.venue, terms.symbol, max_age=None)
    assert instrument is not None, "its market is known"
    assert quote is not None, "it was checked by one"
    facts = moment.facts(terms.venue, instrument, quote)
    held = abs(facts.position) if terms.side is facts.exit_side else ZERO
    free = held - facts.reserved_base - facts.resting_base
    return amount_down(max(free, ZERO), instrument.amount_step)
