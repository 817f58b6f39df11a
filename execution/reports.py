"""What can be looked at: one ticket with everything about it, the state of the desk, lists.

The chat, the HTTP API and the command line all show these views; nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from execution import certificates, orders, protection, stopping
from execution.breaker import BreakerState
from execution.contracts import Apart
from execution.equity import Standing, Stop, day_start
from execution.events import Event, EventKind
from execution.instruments import MarketKind
from execution.market import Market
from execution.record import Record
from execution.store import Transaction
from execution.store.pairs import PairBlock
from execution.symbols import assets
from execution.trading import Trading
from execution.types import (
    ZERO,
    Fill,
    Mode,
    Order,
    OrderState,
    Signal,
    Ticket,
    TicketState,
    Vote,
)
from execution.venues.quirks import switch_at


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketView(Record):
    """A ticket and all that belongs to it, votes and fills oldest first."""

    ticket: Ticket
    signal: Signal
    votes: Sequence[Vote]
    orders: Sequence[Order]
    fills: Sequence[Fill]
    exchange: str
    """The exchange's name people know: `binance`, `paper`."""

    @property
    def filled(self) -> Decimal:
        """Base amount filled so far."""
        return sum((f.amount for f in self.fills), ZERO)

    @property
    def whole(self) -> Decimal:
        """Base amount of all that goes out; a later order carries on what an earlier one left."""
        terms = self.ticket.terms
        return self.orders[0].amount if terms is None else orders.whole(terms, self.orders)

    @property
    def left_of_last(self) -> Decimal:
        """Base amount that the newest order has not filled."""
        last = self.orders[-1]
        return last.amount - sum((f.amount for f in self.fills if f.order == last.id), ZERO)

    @property
    def average(self) -> Decimal | None:
        """Average fill price in quote currency; None before the first fill."""
        if not self.fills:
            return None
        return sum((f.amount * f.price for f in self.fills), ZERO) / self.filled


@dataclass(frozen=True, kw_only=True, slots=True)
class VenueView(Record):
    """How one venue is doing."""

    name: str
    exchange: str
    mode: Mode
    connected: bool
    reason: str | None
    """Why it is not connected; or why no order goes there with its key though it is."""
    stream: bool | None
    """Whether its order stream stands; None where it has none, or that was not tried yet."""
    open_orders: int
    last_reconciled: datetime | None
    stream_heard: datetime | None = None
    """When that was heard last, while it stands."""
    stream_broken: datetime | None = None
    """Since when it was tried and does not stand."""
    strangers: int = 0
    """Orders of a Countersign's make that rest there and that this database does not know."""
    has_dead_man: bool = False
    """Whether there is a dead man's switch that can be used."""
    dead_man: timedelta | None = None
    """How long it waits for us before it cancels every order there; None where that is off."""
    armed_at: datetime | None = None
    """When it said yes to that last, as far as this process knows."""
    certified: str | None = None
    """Whether its exchange has shown in a sandbox what this desk relies on, and when; None on paper."""
    kind: MarketKind = MarketKind.SPOT
    apart: Mapping[str, Apart] = field(default_factory=dict)
    """The markets of contracts whose position there is not what our fills come to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PositionView(Record):
    """What our own fills bought and have not sold, with the price it is compared with."""

    venue: str
    symbol: str
    amount: Decimal
    average: Decimal
    mark: Decimal | None
    mark_age: timedelta | None
    unrealized: Decimal | None
    realized_today: Decimal
    currency: str
    """The quote currency all figures of this row are in."""
    stop: Decimal | None = None
    """Where the first stop of ours that stands behind it would end some of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusView(Record):
    """The truth at this moment."""

    version: str
    mode: Mode
    trading: Trading
    venues: Sequence[VenueView]
    pending: int
    open: int
    """Orders sending, in doubt, working or canceling."""
    unknown: int
    """Orders in doubt or stuck."""
    working: Sequence[TicketView]
    positions: Sequence[PositionView]
    undelivered: int
    duplicates: int
    uptime: timedelta
    standing: Standing | None = None
    """The last reading of the accounts, its day only if that is today."""
    stops: Sequence[Stop] = ()
    """The rules that stopped entries."""
    blocked: Sequence[PairBlock] = ()
    """The pairs in which entries wait for an owner."""


def ticket_views(
    tx: Transaction, tickets: Sequence[Ticket], exchanges: Mapping[str, str]
) -> list[TicketView]:
    """These tickets with everything about them; `exchanges` by venue name."""
    ids = [ticket.id for ticket in tickets]
    signals = tx.signals.of([ticket.signal for ticket in tickets])
    votes, legs, fills = tx.tickets.votes_of(ids), tx.orders.of(ids), tx.fills.of_tickets(ids)
    return [
        TicketView(
            ticket=ticket,
            signal=signals[ticket.signal],
            votes=votes.get(ticket.id, []),
            orders=legs.get(ticket.id, []),
            fills=fills.get(ticket.id, []),
            exchange=exchanges.get(ticket.venue, ticket.venue),
        )
        for ticket in tickets
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trail(Record):
    """A ticket and all the journal holds of it, oldest first."""

    view: TicketView
    events: Sequence[Event]
    names: Mapping[str, str]
    """Who the people in it are, by their id."""
    repeats: Mapping[str, str]
    """The tickets it was proposed again as, by the signal each is made of."""


def trail(tx: Transaction, ticket: Ticket, exchanges: Mapping[str, str]) -> Trail:
    """Everything that was done with a ticket."""
    view = ticket_views(tx, [ticket], exchanges)[0]
    events = tx.journal.of_ticket(ticket.id)
    halt = tx.trading().halt
    names = {} if halt is None else {halt.by: halt.name}
    names |= {e.actor: e.data["name"] for e in events if e.actor and "name" in e.data}
    repeated = [e.data["signal"] for e in events if e.kind is EventKind.TICKET_PROPOSED]
    made = (ticket for one in repeated for ticket in tx.tickets.newest(limit=1, signal=one))
    return Trail(
        view=view,
        events=events,
        names=names,
        repeats={repeat.signal: repeat.id for repeat in made},
    )


def exchanges(market: Market) -> dict[str, str]:
    """Each venue's exchange, by the venue's name."""
    return {name: feed.venue.exchange for name, feed in market.feeds().items()}


def gravest(market: Market) -> Mode:
    """The gravest mode of all venues: what a message about the whole desk is badged with."""
    modes = [feed.venue.mode for feed in market.feeds().values()]
    return max(modes, key=lambda mode: mode.gravity, default=Mode.PAPER)


def positions(tx: Transaction, market: Market, since: datetime) -> list[PositionView]:
    """Every open position with the price it is compared with."""
    today: dict[tuple[str, str], Decimal] = {}
    for realized in tx.positions.realized_since(since):
        key = (realized.fill.venue, realized.fill.symbol)
        today[key] = today.get(key, ZERO) + realized.net(market.price)
    for venue, payment in tx.payments.since(since):
        key = (venue, payment.symbol)
        today[key] = today.get(key, ZERO) + payment.amount
    stops: dict[tuple[str, str], list[Decimal]] = {}
    for order in protection.protecting(tx):
        stops.setdefault((order.venue, order.symbol), []).append(
            order.stop_price or order.counted_at
        )
    views = []
    for held in tx.positions.open():
        venue, symbol = held.venue, held.symbol
        quote = market.quote(venue, symbol, max_age=None) if venue in market.feeds() else None
        mark = None if quote is None else quote.reference(held.exit_side)
        first = max if held.amount > 0 else min
        views.append(
            PositionView(
                venue=venue,
                symbol=symbol,
                amount=held.amount,
                average=held.average,
                mark=mark,
                mark_age=None if quote is None else tx.now - quote.at,
                unrealized=None if mark is None else (mark - held.average) * held.amount,
                realized_today=today.get((venue, symbol), ZERO),
                currency=assets(symbol)[1],
                stop=first(stops.get((venue, symbol), ()), default=None),
            )
        )
    return views


def venue_views(tx: Transaction, market: Market) -> list[VenueView]:
    """How each venue is doing."""
    live = tx.orders.in_state(*orders.LIVE)
    return [
        VenueView(
            name=name,
            exchange=feed.venue.exchange,
            mode=feed.venue.mode,
            connected=feed.connected,
            reason=feed.trouble,
            stream=feed.told.stands if feed.told.tried else None,
            stream_heard=feed.told.heard_at,
            stream_broken=feed.told.broken_at,
            open_orders=sum(1 for order in live if order.venue == name),
            last_reconciled=feed.reconciled_at,
            strangers=feed.strangers,
            has_dead_man=switch_at(feed.venue.exchange, feed.venue.kind) is not None,
            dead_man=feed.dead_man,
            armed_at=feed.armed_at,
            certified=certificates.told_of(tx, feed.venue),
            kind=feed.venue.kind,
            apart={symbol: one for symbol, one in feed.apart.items() if one.settled},
        )
        for name, feed in market.feeds().items()
    ]


def status(
    tx: Transaction,
    market: Market,
    *,
    version: str,
    started_at: datetime,
    zone: tzinfo,
    undelivered: int,
) -> StatusView:
    """The truth at this moment."""
    return StatusView(
        version=version,
        mode=gravest(market),
        trading=tx.trading(),
        venues=venue_views(tx, market),
        pending=tx.tickets.count(TicketState.PENDING),
        open=len(tx.orders.in_state(*orders.LIVE)),
        unknown=len(tx.orders.in_state(*orders.UNKNOWN)),
        working=on_their_way(tx, market),
        positions=positions(tx, market, day_start(tx.now, zone)),
        undelivered=undelivered,
        duplicates=tx.journal.count(EventKind.SIGNAL_REPEATED),
        uptime=tx.now - started_at,
        standing=standing(tx, zone),
        stops=tx.accounts.stops(),
        blocked=tx.pairs.all(),
    )


def standing(tx: Transaction, zone: tzinfo) -> Standing | None:
    """The last reading of the accounts, its day only if that is today."""
    found = tx.accounts.standing()
    return None if found is None else found.on(tx.now.astimezone(zone).date())


def on_their_way(tx: Transaction, market: Market) -> list[TicketView]:
    """Tickets that work, and ended ones of which an order is at the exchange all the same."""
    found = {ticket.id: ticket for ticket in tx.tickets.in_state(TicketState.WORKING)}
    for order in tx.orders.in_state(*orders.LIVE, OrderState.STUCK):
        ticket = tx.tickets.get(order.ticket) if order.ticket not in found else None
        if ticket is not None:
            found[ticket.id] = ticket
    return ticket_views(tx, list(found.values()), exchanges(market))


@dataclass(frozen=True, kw_only=True, slots=True)
class ResumeView(Record):
    """What a resume would restart, and what it would not."""

    status: StatusView
    entries: int
    """Orders of ours that may still add exposure."""
    kept: Sequence[Order]
    """Stops that protect an open position."""
    breakers: Mapping[str, BreakerState]
    """Of each venue that takes no order because of it."""
    unclear: Sequence[str]
    """Why it is not possible yet, a sentence each."""


def resume(tx: Transaction, market: Market, now: StatusView) -> ResumeView:
    """What a resume would come to, as the desk stands `now`."""
    breakers = {venue: tx.breakers.of(venue).state for venue in market.feeds()}
    return ResumeView(
        status=now,
        entries=len(stopping.open_entries(tx)),
        kept=protection.protecting(tx),
        breakers={
            venue: state for venue, state in breakers.items() if state is not BreakerState.CLOSED
        },
        unclear=stopping.unexplained(tx, market.feeds()),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DayView(Record):
    """How the desk stands once a day."""

    mode: Mode
    trading: Trading
    venues: Sequence[VenueView]
    unknown: int
    working: Sequence[TicketView]
    positions: Sequence[PositionView]
    yesterday: Mapping[str, Decimal]
    """What was realised the accounting day before, by quote currency."""
    today: Mapping[str, Decimal]
    """What was realised since this one began."""
    standing: Standing | None = None
    """The last reading of the accounts, its day only if that is today."""
    stops: Sequence[Stop] = ()
    """The rules that stopped entries."""
    blocked: Sequence[PairBlock] = ()
    """The pairs in which entries wait for an owner."""


def day(tx: Transaction, market: Market, zone: tzinfo) -> DayView:
    """How the desk stands, with what the day before came to."""
    start = day_start(tx.now, zone)
    before = day_start(start - timedelta(hours=1), zone)
    results: tuple[dict[str, Decimal], dict[str, Decimal]] = ({}, {})
    for realized in tx.positions.realized_since(before):
        totals, currency = results[realized.fill.at >= start], assets(realized.fill.symbol)[1]
        totals[currency] = totals.get(currency, ZERO) + realized.net(market.price)
    for _, payment in tx.payments.since(before):
        totals, currency = results[payment.at >= start], payment.currency
        totals[currency] = totals.get(currency, ZERO) + payment.amount
    return DayView(
        mode=gravest(market),
        trading=tx.trading(),
        venues=venue_views(tx, market),
        unknown=len(tx.orders.in_state(*orders.UNKNOWN)),
        working=on_their_way(tx, market),
        positions=positions(tx, market, start),
        yesterday=results[0],
        today=results[1],
        standing=standing(tx, zone),
        stops=tx.accounts.stops(),
        blocked=tx.pairs.all(),
    )
