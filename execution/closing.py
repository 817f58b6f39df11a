"""Out of a position because a person says so: `/close`, and `/kill flatten` for all of them.

A closing is a ticket whose approval is the word of whoever asked. It goes out in slices
(`executor/slicing.py`), also while the desk is halted, and must never sell more than the position.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from hashlib import sha256

from execution import approval, booking, orders, trading
from execution.approval import CLOSING_RULE
from execution.config import CLOSING
from execution.errors import NotPossible
from execution.events import EventKind
from execution.figures import figure
from execution.instruments import Instrument
from execution.market import Market
from execution.positions import Position
from execution.receiving import SignalKey
from execution.record import Record
from execution.rounding import amount_down, exactly, to_step
from execution.store import Transaction
from execution.symbols import assets, is_spot, resolve
from execution.trading import Flatten, Halt
from execution.types import (
    ZERO,
    Asked,
    OnTimeout,
    OrderType,
    Signal,
    Size,
    SizeKind,
    Terms,
    Ticket,
    TicketState,
    TimeInForce,
)

_GOING_ON = (TicketState.APPROVED, TicketState.WORKING)
_NEWEST = 100
WHOLE = Decimal(1)
"""The share that is all of a position."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Closings(Record):
    """What came of one wish to close."""

    tickets: Sequence[Ticket] = ()
    left_out: Sequence[str] = ()
    """Why the position at another venue is not closed with them, a sentence each."""


def close(
    tx: Transaction,
    market: Market,
    sent: str,
    share: Decimal,
    *,
    venue: str | None,
    by: str,
    name: str,
    key: SignalKey | None,
) -> Closings:
    """Close this share of the position in a symbol, at this venue or at every one that has one.

    Asked for again under the same `key` it does nothing: half of a position is halved once.

    Raises:
        NotPossible: there is none, or none that can be closed: it is being closed already, or is too
            small to be sold.
    """
    if key is not None and tx.signals.known(CLOSING, key.value, tx.now) is not None:
        return Closings()
    open_now = [one for one in tx.positions.open() if venue in {None, one.venue}]
    symbol = _resolved(sent, {position.symbol for position in open_now})
    meant = [position for position in open_now if position.symbol == symbol]
    if not meant:
        raise NotPossible(f"There is no position in {sent}.")
    objections = [_why_not(tx, market, position, share) for position in meant]
    left_out = [why for why in objections if why is not None]
    if len(left_out) == len(meant):
        raise NotPossible(" ".join(left_out))
    asked = [
        _ask(tx, market, one, share, by=by, name=name)
        for one, why in zip(meant, objections, strict=True)
        if why is None
    ]
    if key is not None:
        tx.signals.remember(CLOSING, key.value, asked[0].signal, tx.now + key.keeps)
    if trading.standing_halt(tx.trading()) is not None:
        booking.doubt_halt(tx)  # something of ours is at an exchange again
    return Closings(tickets=asked, left_out=left_out)


def _resolved(sent: str, symbols: Collection[str]) -> str | None:
    """The market that is meant, of both kinds.

    Raises:
        NotPossible: it could be a pair or a contract.
    """
    if sent in symbols:
        return sent
    found = {resolve(sent, symbols), resolve(sent, symbols, swap=True)} - {None}
    if len(found) > 1:
        which = " or ".join(sorted(one for one in found if one is not None))
        raise NotPossible(f"{sent} could be two markets: say {which}.")
    return next(iter(found), None)


def flatten(tx: Transaction, *, by: str, name: str) -> None:
    """Have every position closed while the desk is halted; `go_on` makes the tickets.

    Asked for once more, it also means what was left of the first time.
    """
    before = tx.trading()
    if before.halt is None:
        return
    asked = Flatten(by=by, name=name, at=tx.now)
    tx.set_trading(before, trading.flattening(before, asked))
    tx.journal.add(EventKind.FLATTEN_ASKED, tx.now, actor=by, name=name)


def go_on(tx: Transaction, market: Market) -> None:
    """Ask for every position to be closed that a flatten means and nobody closes yet."""
    halt = trading.standing_halt(tx.trading())
    if halt is None or halt.flatten is None:
        return
    by, name = halt.flatten.by, halt.flatten.name
    for position in to_close(tx, market):
        last = _last(tx, position)
        known = market.instrument(position.venue, position.symbol) is not None
        if known and (last is None or last.state not in _GOING_ON):
            _ask(tx, market, position, WHOLE, by=by, name=name)


def to_close(tx: Transaction, market: Market) -> list[Position]:
    """Positions that a flatten has not closed yet and that can be sold.

    A closing that ended has sold what it could: only what was filled since is closed once more.
    """
    halt = trading.standing_halt(tx.trading())
    flatten = None if halt is None else halt.flatten
    since = None if flatten is None else flatten.at
    return [one for one in sellable(tx, market) if not _is_closed(tx, one, since)]


def sellable(tx: Transaction, market: Market) -> list[Position]:
    """Open positions that nothing we know of keeps from being sold."""
    return [position for position in tx.positions.open() if unsellable(market, position) is None]


def unfinished(tx: Transaction, market: Market) -> list[str]:
    """What is not sold yet of all that is to be, one phrase each."""
    halt = trading.standing_halt(tx.trading())
    amounts = {(t.venue, t.asked.symbol): left(tx, t) for t in open_closings(tx)}
    if halt is not None and halt.flatten is not None:
        amounts |= {(p.venue, p.symbol): abs(p.amount) for p in to_close(tx, market)}
    found = [
        f"{figure(amount)} {symbol} at {venue} is not closed yet{_shut(market, venue)}"
        for (venue, symbol), amount in sorted(amounts.items())
    ]
    for last in tx.orders.left_over():
        pair, reached = (last.venue, last.symbol), last.venue in market.feeds()
        if reached and pair not in amounts and orders.gave_way(tx.orders.of_ticket(last.ticket)):
            found.append(f"the stop of {last.symbol} at {last.venue} does not stand again yet")
    return found


def _shut(market: Market, venue: str) -> str:
    """Why no order goes to a venue that answers, to stand behind what waits for that."""
    feed = market.feeds().get(venue)
    if feed is None or not feed.connected or feed.trouble is None:
        return ""
    return f": no order goes there, {feed.trouble}"


def open_closings(tx: Transaction) -> Sequence[Ticket]:
    """Closings that still go on."""
    return [t for t in tx.tickets.in_state(*_GOING_ON) if t.closes]


def spared(tx: Transaction, halt: Halt) -> set[str]:
    """The closings a halt leaves alone: those that people asked for since it, by the ticket's id."""
    return {ticket.id for ticket in open_closings(tx) if ticket.created_at >= halt.at}


def of_halt(tx: Transaction, halt: Halt) -> Sequence[Ticket]:
    """The newest closings that were asked for since a halt, newest first."""
    newest = tx.tickets.newest(limit=_NEWEST, source=CLOSING)
    return [ticket for ticket in newest if ticket.created_at >= halt.at]


@exactly
def least(instrument: Instrument, price: Decimal) -> Decimal:
    """The smallest amount (base) of a position that the venue lets us end at this price, in whole steps.

    Contracts are ended by orders bound to reduce, which may be worth less than others.
    """
    by_value = (instrument.min_notional or ZERO) / price if is_spot(instrument.symbol) else ZERO
    amount = max(instrument.min_amount or ZERO, by_value, instrument.amount_step)
    return to_step(amount, instrument.amount_step, ROUND_CEILING)


def dust(instrument: Instrument, venue: str, amount: Decimal, price: Decimal) -> str | None:
    """Why so little (base) cannot be sold there; None where it can be."""
    smallest, base = least(instrument, price), instrument.base
    if amount >= smallest:
        return None
    return f"{figure(amount)} {base} is left: {venue} trades no less than {figure(smallest)}"


def unsellable(market: Market, position: Position) -> str | None:
    """Why what is held cannot be sold from here, in a few words; None while it may be.

    It is left open and named, rather than waited for: nobody here can do anything about it.
    """
    venue, symbol = position.venue, position.symbol
    if venue not in market.feeds():
        return f"{venue} is not set up any more"
    instrument = market.instrument(venue, symbol)
    if instrument is None:
        listed = bool(market.feed(venue).venue.instruments())
        return f"{venue} has no market {symbol} any more" if listed else None
    small = dust(instrument, venue, abs(position.amount), _price(market, position))
    return None if small is None else "too little to be closed"


def _why_not(tx: Transaction, market: Market, position: Position, share: Decimal) -> str | None:
    last = _last(tx, position)
    where = f"{position.symbol} at {position.venue}"
    if last is not None and last.state in _GOING_ON:
        return f"{where} is being closed already."
    instrument = market.instrument(position.venue, position.symbol)
    if instrument is None:
        silent = f"{position.venue} has not said how it is traded: it is not connected"
        return f"{where}: {unsellable(market, position) or silent}."
    if shut := _shut(market, position.venue):
        return f"{where}{shut}."
    amount = abs(position.amount) * share
    small = dust(instrument, position.venue, amount, _price(market, position))
    return None if small is None else f"{where} is too small: {small}."


def _last(tx: Transaction, position: Position) -> Ticket | None:
    """The newest closing of this position."""
    about = {"venue": position.venue, "symbol": position.symbol, "source": CLOSING}
    return next(iter(tx.tickets.newest(limit=1, **about)), None)


def _is_closed(tx: Transaction, position: Position, since: datetime | None) -> bool:
    """Whether a closing has sold what it could of it since then, and nothing came to it after."""
    last = _last(tx, position)
    if last is None or last.state in _GOING_ON or since is None or last.created_at < since:
        return False
    return abs(position.amount) <= left(tx, last)


def left(tx: Transaction, ticket: Ticket) -> Decimal:
    """Base amount of a closing that it has not sold."""
    assert ticket.terms is not None, "a closing has terms"
    fills = tx.fills.of_tickets([ticket.id]).get(ticket.id, [])
    return orders.left(ticket.terms, tx.orders.of_ticket(ticket.id), fills)


def _price(market: Market, position: Position) -> Decimal:
    """What a unit is worth in quote currency: by the last price known, else as it was paid."""
    quote = market.quote(position.venue, position.symbol, max_age=None)
    return position.average if quote is None else quote.reference(position.exit_side)


def _ask(
    tx: Transaction, market: Market, position: Position, share: Decimal, *, by: str, name: str
) -> Ticket:
    """The approved ticket that closes so much of a position."""
    terms = _terms(market, position, share)
    size = None if share == WHOLE else Size(kind=SizeKind.AMOUNT, value=terms.amount)
    signal = Signal(
        id=tx.new_id(),
        source=CLOSING,
        received_at=tx.now,
        symbol=position.symbol,
        side=terms.side,
        size=size,
        close=size is None,
        reduce_only=True,
        venue=position.venue,
        proposer=by,
        proposer_name=name,
    )
    tx.signals.add(signal, sha256(signal.id.encode()).hexdigest())
    ticket = Ticket(
        id=tx.new_id(),
        signal=signal.id,
        source=CLOSING,
        state=TicketState.APPROVED,
        revision=1,
        venue=terms.venue,
        mode=terms.mode,
        asked=Asked(
            symbol=terms.symbol,
            side=terms.side,
            type=terms.type,
            amount=terms.amount,
            notional=terms.notional,
        ),
        terms=terms,
        fingerprint=approval.fingerprint(terms, rule=CLOSING_RULE, required=0),
        rule=CLOSING_RULE.name,
        required=0,
        created_at=tx.now,
        expires_at=None,
        fired_at=tx.now,
        decided_at=tx.now,
        proposer=by,
    )
    tx.tickets.add(ticket)
    tx.journal.add(
        EventKind.TICKET_APPROVED,
        tx.now,
        ticket=ticket.id,
        actor=by,
        name=name,
        rule=ticket.rule,
        required=0,
        fingerprint=ticket.fingerprint,
    )
    return ticket


@exactly
def _terms(market: Market, position: Position, share: Decimal) -> Terms:
    venue, symbol = position.venue, position.symbol
    instrument, feed = market.instrument(venue, symbol), market.feed(venue)
    amount, reference = abs(position.amount) * share, _price(market, position)
    if instrument is not None:
        amount = amount_down(amount, instrument.amount_step)
    rate = market.rate(venue, assets(symbol)[1])
    return Terms(
        venue=venue,
        mode=feed.venue.mode,
        symbol=symbol,
        side=position.exit_side,
        type=OrderType.MARKET,
        amount=amount,
        price=None,
        worst_price=None,
        reference=reference,
        notional=amount * reference,
        value=None if rate is None else amount * reference * rate,
        time_in_force=TimeInForce.IOC,
        rests_for=None,
        on_timeout=OnTimeout.LEAVE,
        reduce_only=True,
        reduces=True,
        closing=True,
    )
