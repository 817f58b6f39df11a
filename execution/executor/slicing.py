"""The next slice of a closing: as much as the book takes near its best price, at once or not at all.

Each is made from the book of this moment, once all earlier ones are proved to have ended. What of ours
rests on the same position gives way to it; what is not in the account is never sold. While an order in
that symbol is in doubt nothing goes out: it takes no new order, this one included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from execution import approval, booking, closing, contracts, kinds, orders, trading
from execution.config import Config
from execution.errors import Corrupt, VenueUnavailable
from execution.executor import following
from execution.executor.opening import add_order
from execution.exposure import SizingFacts
from execution.figures import figure
from execution.instruments import Instrument, MarketKind
from execution.market import Market
from execution.polling import TRADES_MAY_COME_FOR
from execution.pricing import capped
from execution.rounding import amount_down, exactly
from execution.snapshots import Moment
from execution.store import Store, Transaction
from execution.symbols import is_spot
from execution.types import (
    ZERO,
    Fill,
    Level,
    Order,
    OrderState,
    Quote,
    Side,
    Terms,
    Ticket,
    TicketState,
)
from execution.venues.venue import Venue

_RESTS = (OrderState.WORKING, OrderState.CANCELING)
_HIGHEST_FEE = Decimal("0.01")
"""No spot exchange we know takes more of a trade, a fraction."""
_NEWEST = 50
_LATELY = 2 * orders.STALE_LOOK
"""So long after its end an order that locked the position is looked at once more."""
_REFILL = timedelta(seconds=2)
"""The time a book is given to refill after a slice was filled."""
_PAUSES = tuple(timedelta(seconds=s) for s in (5, 5, 10, 20, 30))
"""Pauses after slices in a row that got nothing; the last one repeats."""


@exactly
def slice_of(
    rest: Decimal, book: Sequence[Level], price: Decimal, instrument: Instrument
) -> Decimal:
    """As much of the rest (base) as the book has up to this price; the rest can be sold at it.

    Never less than the venue takes, and never so much that too little stays to be sold after it.
    """
    best = book[0].price
    near = [one.amount for one in book if min(best, price) <= one.price <= max(best, price)]
    most = [rest, sum(near, ZERO)]
    if instrument.max_amount is not None:
        most.append(instrument.max_amount)
    if instrument.max_notional is not None:
        most.append(instrument.max_notional / max(price, best))
    step, least = instrument.amount_step, closing.least(instrument, price)
    amount, whole = max(amount_down(min(most), step), least), amount_down(rest, step)
    if ZERO < whole - amount < least:
        return whole - least if whole - least >= least else whole
    return amount


def is_due(tx: Transaction, last: Order) -> bool:
    """Whether the slice after this last one may go out: what it got is certain, and the book had time.

    Some exchanges show an order's last trade a little after its end.
    """
    assert last.ended_at is not None, "every slice before it has ended"
    if last.state is OrderState.FILLED:
        return tx.now - last.ended_at >= _REFILL
    filled = {fill.order for fill in _fills(tx, last.ticket)}
    idle = 0
    for leg in reversed(tx.orders.of_ticket(last.ticket)):
        if leg.id in filled:
            break
        idle += 1
    pause = _PAUSES[min(idle, len(_PAUSES)) - 1] if idle else orders.STALE_LOOK
    return tx.now - last.ended_at >= pause


class Met(NamedTuple):
    """What a slice meets at its venue."""

    book: Sequence[Level]
    """What its side would take now, best price first."""
    there: Decimal | None = None
    """The position in contracts that the venue shows, base asset, negative when short; None on spot, and
    where it does not say just now."""


async def look(ticket_id: str, venue: Venue, market: Market, store: Store) -> Met:
    """What a closing's next slice meets, once it is known what the account holds by now.

    What the venue shows meanwhile of the last slice, and of others that may have sold of the position, is
    booked.

    Raises:
        VenueUnavailable: it does not say, or shows one of them as open still.
    """

    def read(tx: Transaction) -> tuple[Ticket, list[Order]]:
        ticket = tx.tickets.get(ticket_id)
        assert ticket is not None, "a closing is a ticket"
        sent = [leg for leg in tx.orders.of_ticket(ticket_id) if leg.state is not OrderState.DENIED]
        return ticket, [*sent[-1:], *_ended_within(_LATELY, tx, ticket)]

    ticket, ended = await store.read(read)
    for order in ended:
        if not await following.has_ended(order, venue, store):
            raise VenueUnavailable("an order there is not proved to have ended")
    market.stale_balances(venue.name)
    await market.fresh_balances(venue.name)
    about, there = ticket.asked, None
    if venue.kind is MarketKind.SWAP:
        with suppress(VenueUnavailable):  # what goes out is bound to reduce all the same
            there = (await venue.contracts()).positions.get(about.symbol, ZERO)
    return Met(await venue.book(about.symbol, about.side or Side.SELL), there)


def plan(
    ticket_id: str,
    venue: Venue,
    market: Market,
    config: Config,
    install: str,
    met: Met,
) -> Callable[[Transaction], Order | None]:
    """The next slice of a closing by what it would meet now; None when none may go out now."""
    book = met.book

    def work(tx: Transaction) -> Order | None:
        ticket, legs = tx.tickets.get(ticket_id), tx.orders.of_ticket(ticket_id)
        leg = _next_leg(ticket, legs)
        if ticket is None or leg is None or _gave_up(tx, ticket, legs):
            return None
        try:
            terms = approval.checked_fingerprint(ticket, config.policy)
        except Corrupt as error:
            _end(tx, ticket, reason=str(error))
            return None
        instrument = market.instrument(terms.venue, terms.symbol)
        if not book or instrument is None or not instrument.active:
            return None
        moment = Moment(tx=tx, market=market, config=config, without=ticket.id)
        if moment.in_doubt(terms.venue, terms.symbol):
            return None
        if _ended_within(orders.STALE_LOOK, tx, ticket):
            return None  # a trade of theirs may show a little later
        slippage = config.prices.slippage_tolerance
        price = capped(book[0].price, terms.side, instrument.price_step, slippage)
        rest = _sellable(terms, legs, moment, instrument, price, met.there)
        if isinstance(rest, str):
            _end(tx, ticket, reason=rest)
        if not isinstance(rest, Decimal):
            return None
        amount = slice_of(rest, book, price, instrument)
        asked = terms.evolve(amount=amount)
        order = add_order(tx, ticket, asked, leg=leg, price=price, venue=venue, install=install)
        if ticket.state is TicketState.APPROVED:
            booking.move_ticket(tx, ticket, TicketState.WORKING, reason=None)
        return order

    return work


def overdue(ticket_id: str) -> Callable[[Transaction], None]:
    """Its venue cannot be used: unless the desk is halted, what is left is given up in the end."""

    def work(tx: Transaction) -> None:
        ticket, legs = tx.tickets.get(ticket_id), tx.orders.of_ticket(ticket_id)
        if ticket is not None and _next_leg(ticket, legs) is not None:
            _gave_up(tx, ticket, legs)

    return work


def denied(order_id: str) -> Callable[[Transaction], None]:
    """A slice that did not leave: the next one is made from a newer book."""

    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if order.state is OrderState.PLANNED:
            reason = order.reason or "it did not leave at once"
            booking.move_order(tx, order, OrderState.DENIED, reason=reason)

    return work


def _next_leg(ticket: Ticket | None, legs: Sequence[Order]) -> str | None:
    if ticket is not None and not legs and ticket.state is TicketState.APPROVED:
        return orders.EXIT
    return orders.next_leg(ticket, legs) if ticket is not None and legs else None


def _sellable(
    terms: Terms,
    legs: Sequence[Order],
    moment: Moment,
    instrument: Instrument,
    price: Decimal,
    there: Decimal | None,
) -> Decimal | str | None:
    """Base amount that may go out now; a text: why nothing can any more; None: not at this moment."""
    tx, venue = moment.tx, terms.venue
    position = tx.positions.of(venue, terms.symbol)
    if position is not None and position.exit_side is not terms.side:
        return "the position it was to close is gone"
    unseen = _unseen_fees(tx, terms)
    held = ZERO if position is None else abs(position.amount) - unseen
    rest = min(orders.left(terms, legs, _fills(tx, legs[0].ticket) if legs else ()), held)
    small = closing.dust(instrument, venue, max(rest, ZERO), price)
    if small is not None and unseen:
        return None  # once its trades are shown there may be more
    if rest <= ZERO:
        return "no position is left"
    quote = Quote(symbol=terms.symbol, bid=price, ask=price, at=tx.now)
    facts = moment.facts(venue, instrument, quote)
    if not facts.spot:
        return small or _of_what_is_there(terms, rest, there, facts, tx)
    if small is not None or facts.free_base is None:
        return small or rest
    # What other orders of ours may sell of the position is theirs, until they have given way.
    unclaimed = held - facts.reserved_base - facts.resting_base
    free = max(min(facts.free_base - facts.reserved_base, unclaimed), ZERO)
    if free >= rest:
        return rest
    if _make_way(tx, terms) or facts.resting_base:
        return None
    if closing.dust(instrument, venue, free, price) is None:
        return free
    if facts.reserved_base:
        return None
    return f"{venue} has {figure(free)} {instrument.base} free, the position is {figure(rest)}"


def _of_what_is_there(
    terms: Terms, rest: Decimal, there: Decimal | None, facts: SizingFacts, tx: Transaction
) -> Decimal | str | None:
    """As much of the rest (base) as the venue shows of a position in contracts; a text where it shows none.

    None while orders of ours lock it, or what is shown may be what was before one of them.
    """
    if abs(facts.position) - facts.resting_base < rest and _make_way(tx, terms):
        return None
    if there is None:
        return rest
    left = max(there if terms.side is Side.SELL else -there, ZERO)
    if left:
        return min(rest, left)
    if terms.symbol in contracts.just_moved(tx, terms.venue, tx.now):
        return None
    shown = f"{terms.venue} shows no such position"
    return f"{shown}, {figure(rest)} is left by our fills: see /positions"


def _unseen_fees(tx: Transaction, terms: Terms) -> Decimal:
    """Base amount that may have been the fee of what was filled and whose trades are not shown yet.

    Taken out of what was bought, it is in no position; what was held before us is not to be sold.
    """
    since = tx.now - TRADES_MAY_COME_FOR
    young = tx.fills.newest(limit=_NEWEST, venue=terms.venue, symbol=terms.symbol)
    if not is_spot(terms.symbol):
        return ZERO
    inferred = (f.amount for f in young if f.inferred and f.side is not terms.side and f.at > since)
    return sum(inferred, ZERO) * _HIGHEST_FEE


def _ended_within(span: timedelta, tx: Transaction, about: Ticket) -> list[Order]:
    """Other orders of ours that sold from the same position and ended so lately, not filled."""
    place = (about.venue, about.asked.symbol, about.asked.side or Side.SELL)
    return [
        order
        for order in tx.orders.ended_since(tx.now - span)
        if (order.venue, order.symbol, order.side) == place
        and order.state in {OrderState.CANCELED, OrderState.EXPIRED}
        and order.ticket != about.id
        and order.sent_at is not None
    ]


def _make_way(tx: Transaction, terms: Terms) -> bool:
    """Have canceled what of ours rests there and locks what is to go; whether anything still does.

    On spot that is a stop too. Of contracts an exchange counts what rests in the book against what may
    still be closed (Binance: -2022), and a stop stays until there is nothing left for it.
    """
    going = [
        order
        for order in tx.orders.in_state(*_RESTS)
        if (order.venue, order.symbol, order.side) == (terms.venue, terms.symbol, terms.side)
        and not orders.is_exit(order)
        and (is_spot(order.symbol) or order.type not in kinds.TRIGGERED)
    ]
    for order in going:
        booking.request_cancel(tx, order, actor="desk", reason=orders.GIVES_WAY)
    return bool(going)


def _gave_up(tx: Transaction, ticket: Ticket, legs: Sequence[Order]) -> bool:
    """Whether it ended because for a while nothing of it was sold; while halted it goes on."""
    filled = {fill.order for fill in _fills(tx, ticket.id)}
    times = [ticket.decided_at, *(leg.ended_at for leg in legs if leg.id in filled)]
    since = max(at for at in times if at is not None)
    halted = trading.standing_halt(tx.trading()) is not None
    if halted or tx.now - since <= approval.APPROVAL_HOLDS:
        return False
    nothing = "nobody took it in time" if legs else f"{ticket.venue} could not be used in time"
    if any(_same_pair(ticket, order) for order in tx.orders.in_state(*orders.UNKNOWN)):
        nothing = f"an order in {ticket.asked.symbol} is in doubt"
    _end(tx, ticket, reason=(legs and legs[-1].reason) or nothing)
    return True


def _same_pair(ticket: Ticket, order: Order) -> bool:
    return (ticket.venue, ticket.asked.symbol) == (order.venue, order.symbol)


def _end(tx: Transaction, ticket: Ticket, *, reason: str) -> None:
    """Nothing more of it is sent, and people are told why."""
    to = TicketState.DONE if _fills(tx, ticket.id) else TicketState.FAILED
    booking.move_ticket(tx, ticket, to, reason=reason)


def _fills(tx: Transaction, ticket: str) -> Sequence[Fill]:
    return tx.fills.of_tickets([ticket]).get(ticket, [])
