"""The words of the trade as frozen records: signal, terms, ticket, vote, order, fill.

Nearly everything imports this; it imports nothing of ours but what every record is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from execution.record import Record

ZERO = Decimal(0)


class Side(StrEnum):
    """What an order does with the base asset."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How an order meets the market."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    TAKE_PROFIT_LIMIT = "take_profit_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order may rest."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"


class OnTimeout(StrEnum):
    """What becomes of the rest of an order that the desk priced, once its time to rest is over."""

    CANCEL = "cancel"
    REPRICE = "reprice"
    """It is priced anew and rests again, a few times."""
    MARKET = "market"
    """It takes what the market has within the approved worst price."""
    LEAVE = "leave"
    """It has no such time."""


class Mode(StrEnum):
    """What is at stake at a venue; later members are graver."""

    PAPER = "paper"
    SANDBOX = "sandbox"
    LIVE = "live"

    @property
    def gravity(self) -> int:
        """Rank for "the gravest of several venues"."""
        return list(Mode).index(self)


class TradingState(StrEnum):
    """What the desk lets through (`trading.py`)."""

    ACTIVE = "active"
    PAUSED = "paused"
    HALTED = "halted"


class TicketState(StrEnum):
    """Where a ticket stands; the moves are in `approval.py`."""

    NEW = "new"
    REFUSED = "refused"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELED = "canceled"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


class OrderState(StrEnum):
    """Where an order stands; the moves are in `orders.py`."""

    PLANNED = "planned"
    DENIED = "denied"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    WORKING = "working"
    CANCELING = "canceling"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    ABSENT = "absent"
    STUCK = "stuck"


class VoteKind(StrEnum):
    """What a person said of a ticket."""

    APPROVE = "approve"
    REJECT = "reject"


class SizeKind(StrEnum):
    """What a size is measured in."""

    AMOUNT = "amount"  # base asset
    NOTIONAL = "notional"  # a signal's: the symbol's quote currency; a setting's: `currency`
    EQUITY = "equity"  # share of the account's equity
    RISK = "risk"  # share of equity lost at the stop


@dataclass(frozen=True, kw_only=True, slots=True)
class Size(Record):
    """How much a signal or a setting asks for."""

    kind: SizeKind
    value: Decimal
    in_currency: bool = False  # true of a notional in `general.currency`, as the settings' are


@dataclass(frozen=True, kw_only=True, slots=True)
class Target(Record):
    """One take-profit level: a price and the share of the position that leaves there (0-1]."""

    price: Decimal
    share: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Trail(Record):
    """A trailing stop's distance: a share of the price, or an absolute distance in quote."""

    value: Decimal
    is_share: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal(Record):
    """What a source sent, read and checked for what the payload alone can show wrong."""

    id: str
    source: str
    received_at: datetime
    symbol: str
    """As the sender wrote it; the venue's own market is found when the ticket is made."""
    side: Side | None = None
    type: OrderType | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Trail | None = None
    size: Size | None = None
    stop_loss: Decimal | None = None
    take_profit: tuple[Target, ...] = ()
    time_in_force: TimeInForce | None = None
    good_till: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False
    close: bool = False
    venue: str | None = None
    strategy: str | None = None
    note: str | None = None
    time: datetime | None = None  # when the alert fired, by the sender's clock
    bar_time: datetime | None = None
    expires_in: timedelta | None = None
    again: str | None = None  # the ticket that a person proposed again by this signal
    after: str | None = None  # the ticket that closed the opposite position before
    replaces: str | None = None  # the ticket at work whose place a changed order is to take
    replaces_left: Decimal | None = None  # base amount that it had left when that was asked for
    proposer: str | None = None  # the person who proposes it; None when a sender does
    proposer_name: str | None = None
    test: bool = False  # an owner tries the whole path with it; nothing is ever sent

    @property
    def fired_at(self) -> datetime:
        """When this was true: the sender's time, else when it was received."""
        return self.time or self.received_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote(Record):
    """Best bid and ask of a symbol, in quote currency, and when they were seen."""

    symbol: str
    bid: Decimal
    ask: Decimal
    at: datetime

    @property
    def mid(self) -> Decimal:
        """Half way between bid and ask."""
        return (self.bid + self.ask) / 2

    def reference(self, side: Side) -> Decimal:
        """The price this side would meet: the best ask for a buy, the best bid for a sell."""
        return self.ask if side is Side.BUY else self.bid


@dataclass(frozen=True, kw_only=True, slots=True)
class Level(Record):
    """One price of a book, in quote currency, and the base amount on offer there."""

    price: Decimal
    amount: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Candle(Record):
    """One bar: prices in quote currency, volume in base asset, `at` the bar's start."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms(Record):
    """Exactly what people approve, rounded to the venue's steps. The fingerprint covers all of it."""

    venue: str
    mode: Mode
    symbol: str
    side: Side
    type: OrderType
    amount: Decimal  # base asset
    price: Decimal | None
    """The sender's limit price in quote currency; None when the desk prices the order."""
    worst_price: Decimal | None
    """`at most` / `at least` for an order without the sender's price; None otherwise."""
    reference: Decimal
    """Best ask (buy) or bid (sell) these terms were made at; drift is measured from here."""
    notional: Decimal
    """Amount at the price or worst price, in the symbol's quote currency."""
    value: Decimal | None
    """The same in `general.currency`: what rules and limits speak of. None without a rate, which
    only an order that reduces goes on without."""
    time_in_force: TimeInForce
    rests_for: timedelta | None
    """After this `on_timeout` decides; None when the signal itself said how long."""
    on_timeout: OnTimeout = OnTimeout.CANCEL
    stop_price: Decimal | None = None
    """What the market must touch first; of a trailing stop, where that began at the reference."""
    trail: Trail | None = None
    good_till: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False
    reduces: bool = False
    """True when it only makes a position smaller: such an order is refused by no `[risk]` rule."""
    from_holdings: Decimal = ZERO
    """The part of a spot sell that goes beyond the position, base asset."""
    stop_loss: Decimal | None = None
    take_profit: tuple[Target, ...] = ()
    test: bool = False
    """True when people only try the path of a ticket: it is never sent, whatever they say."""
    closing: bool = False
    """True when a person asked to be out of a position (`closing.py`): it goes in slices, each with
    a price of its own."""

    @property
    def bound(self) -> Decimal | None:
        """The price it may never go past, in quote currency. None for a closing, and for what takes
        the market once its stop price is touched."""
        return self.price if self.price is not None else self.worst_price

    @property
    def counted_at(self) -> Decimal:
        """The price it is taken to enter at, in quote currency: its bound, or what it waits for."""
        prices = (self.bound, self.stop_price)
        return next((price for price in prices if price is not None), self.reference)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal(Record):
    """Why a ticket may not go on: a stable code and a sentence with the numbers."""

    code: str
    text: str
    largest: Decimal | None = None
    """The largest value in `currency` that would have passed, where there is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked(Record):
    """What a ticket is about even when it could not be sized; shown for refused tickets."""

    symbol: str
    side: Side | None
    type: OrderType
    amount: Decimal | None = None
    price: Decimal | None = None
    notional: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket(Record):
    """The sized, checked order proposal people decide on."""

    id: str
    signal: str
    source: str
    state: TicketState
    revision: int
    venue: str
    mode: Mode
    asked: Asked
    terms: Terms | None
    """None only for a ticket that was refused before it could be sized."""
    fingerprint: str
    rule: str
    required: int
    created_at: datetime
    expires_at: datetime | None
    fired_at: datetime
    waits: timedelta = timedelta(minutes=5)  # how long each revision may wait for approval
    checks: int = 0  # how many were passed when these terms were made
    refusals: tuple[Refusal, ...] = ()
    strategy: str | None = None
    note: str | None = None
    reason: str | None = None
    """Why it stands as it stands, in a few words for people (`the price moved`, `halted`)."""
    decided_at: datetime | None = None
    previous_reference: Decimal | None = None
    """The reference people saw before the price moved; set while a ticket is asked again."""
    veto_window: timedelta | None = None  # so long without a Reject, and it goes ahead
    goes_ahead_at: datetime | None = None  # when that window ends; None while none runs
    remind_at: datetime | None = None  # when people are reminded of it; None: they are not any more
    proposer: str | None = None  # the person who proposed it; None when a sender did
    then: Decimal | None = None
    """Base amount of the entry that follows when it has closed a position (`flips.py`)."""
    after: str | None = None  # the ticket that this one follows so
    replaces: str | None = None  # the ticket at work whose place its order is to take
    replaces_left: Decimal | None = None  # base amount that had left when these terms were made
    begun_at: datetime | None = None  # when that one was canceled for it

    @property
    def closes(self) -> bool:
        """Whether it ends a position because a person asked for just that (`closing.py`)."""
        return self.terms is not None and self.terms.closing


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote(Record):
    """What one person said of one revision; valid only for the fingerprint it carries."""

    id: str
    ticket: str
    revision: int
    fingerprint: str
    person: str
    """Opaque: `tg:2001`, `api`, `cli:ana`."""
    name: str
    vote: VoteKind
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Order(Record):
    """One leg of a ticket at one venue. What was filled is the sum of its fills, never a field."""

    id: str
    ticket: str
    leg: str
    venue: str
    symbol: str
    side: Side
    type: OrderType
    """As sent to the venue: a market order goes as a capped limit."""
    amount: Decimal
    price: Decimal | None
    """Its limit, in quote currency; None: it takes the market once its stop price is touched."""
    time_in_force: TimeInForce
    client_order_id: str
    state: OrderState
    reduces: bool
    created_at: datetime
    stop_price: Decimal | None = None
    trail: Trail | None = None
    good_till: datetime | None = None
    post_only: bool = False
    venue_order_id: str | None = None
    named_id: str | None = None  # the venue's id as a person named it, until it is checked
    attempts: int = 0
    sent_at: datetime | None = None
    acknowledged_at: datetime | None = None
    fence_at: datetime | None = None
    """After this the venue itself refuses a late request; absence can be proved only later."""
    cancel_after: datetime | None = None
    """When the rest of it is canceled; None when it rests as long as the signal said."""
    cancel_requested_at: datetime | None = None
    cancel_reason: str | None = None
    looks: int = 0  # complete rounds of looking that did not find it
    doubted_at: datetime | None = None
    next_look_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    reported: Decimal = ZERO
    """The largest filled amount the venue has claimed; fills are fetched until they add up."""
    short_since: datetime | None = None
    """Since when the venue calls it closed while trades that it claims are still missing."""

    @property
    def counted_at(self) -> Decimal:
        """The price its value is reckoned by, in quote currency."""
        price = self.price if self.price is not None else self.stop_price
        assert price is not None, "an order has a limit or a stop price"
        return price


@dataclass(frozen=True, kw_only=True, slots=True)
class Fill(Record):
    """One trade of ours, as the venue keyed it; one without an order is what an owner took over."""

    id: str
    order: str | None
    ticket: str | None
    venue: str
    symbol: str
    side: Side
    trade_id: str
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str | None
    at: datetime
    inferred: bool = False
