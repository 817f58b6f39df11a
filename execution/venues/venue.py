"""The `Venue` protocol: what the executor, reconcile and market may ask of an exchange account.

Promises every venue keeps, and `tests/execution/venues/` checks for each:
1. `send` makes exactly one attempt. It returns a report that carries our client order id, or raises
   `VenueRefused` (a definite no), `NotSent` (certainly never arrived) or `OutcomeUnknown` (all else).
2. Reads either answer completely or raise `VenueUnavailable`; an empty answer means empty.
3. Every number is an exact `Decimal`, every time aware UTC, every symbol unified (`BTC/USDT`).
4. What it tells unasked is only a bell: it says which order to look at. What an order is and was
   filled at, the reads decide, so that a stream that loses, repeats or invents can do no harm.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from execution.instruments import Instrument, MarketKind
from execution.record import Record
from execution.types import (
    Candle,
    Level,
    Mode,
    OrderState,
    OrderType,
    Quote,
    Side,
    TimeInForce,
    Trail,
)
from execution.venues.rights import KeyRights


@dataclass(frozen=True, kw_only=True, slots=True)
class NewOrder(Record):
    """What is sent: already rounded to the venue's steps, never adjusted on the way."""

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    amount: Decimal
    price: Decimal | None
    """Its limit, in quote currency; None: it takes what the market has once its stop price is touched."""
    time_in_force: TimeInForce
    stop_price: Decimal | None = None
    """What the market must touch before it does anything; of a trailing stop, where that begins."""
    trail: Trail | None = None
    """The distance a trailing stop keeps."""
    good_till: datetime | None = None
    """When a good-till-date order ends."""
    post_only: bool = False
    reduce_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderKey(Record):
    """How one of our orders is found again: by client id, or by the venue's own id once known."""

    client_order_id: str | None
    """None when a person named the venue's id: that alone decides, whatever client id it carries."""
    symbol: str
    venue_order_id: str | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report(Record):
    """What the venue says of one order at one moment."""

    venue_order_id: str
    client_order_id: str | None
    symbol: str
    side: Side
    state: OrderState
    """One of WORKING, FILLED, CANCELED, EXPIRED, REJECTED."""
    amount: Decimal
    filled: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    average: Decimal | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trade(Record):
    """One trade of this account, keyed by the venue."""

    trade_id: str
    venue_order_id: str
    symbol: str
    side: Side
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance(Record):
    """One asset of the account: what may be used, and what orders hold."""

    free: Decimal
    locked: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Contracts(Record):
    """How an account of perpetual contracts is set, and what it holds. We only ever read it."""

    one_way: bool
    """Whether a market has one position; in hedge mode it has a long and a short one side by side."""
    leverage: Mapping[str, Decimal]
    """What each market is set to, by symbol; not known of one that is not there."""
    positions: Mapping[str, Decimal]
    """Base amount by symbol, negative when short; one that is not there is flat."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment(Record):
    """What was paid for holding a position in contracts at one moment, or received for it."""

    payment_id: str
    """As the venue keyed it."""
    symbol: str
    amount: Decimal
    """In its currency; negative when we paid."""
    currency: str
    at: datetime


SIGN_OF_LIFE = timedelta(seconds=30)
"""A stream that says nothing for longer is taken for dead, whatever its socket says."""


class Stream(StrEnum):
    """What a venue may tell without being asked."""

    ORDERS = "orders"
    QUOTES = "quotes"


Held = Callable[[], bool]
"""Whether an order may not leave after all; asked right before the first byte, however long it waited."""


def go() -> bool:
    """Nothing holds it."""
    return False


class Venue(Protocol):
    """One exchange account."""

    @property
    def name(self) -> str:
        """The venue's name in the settings."""

    @property
    def exchange(self) -> str:
        """The exchange's id: a ccxt id, or `paper`."""

    @property
    def mode(self) -> Mode:
        """What is at stake."""

    @property
    def kind(self) -> MarketKind:
        """What it trades."""

    @property
    def fence(self) -> timedelta:
        """How long after sending the venue may still accept a late request."""

    @property
    def visibility_grace(self) -> timedelta | None:
        """How long after the fence an accepted order may still be invisible to look-ups; None where
        nobody knows, so that only a person can say that an order is absent."""

    @property
    def forgets(self) -> timedelta | None:
        """An order that ended without a fill is not found any more once it was made so long ago; None: it is."""

    @property
    def clock_ahead(self) -> timedelta:
        """How far our clock was ahead of the venue's when it was measured last; corrected for."""

    @property
    def clock_refused(self) -> bool:
        """Whether it refuses our requests for their time, though the clock was corrected."""

    async def open(self) -> None:
        """Load markets, set the clock right, warm the connection. May be called again after failing.

        Raises:
            VenueUnavailable: the exchange cannot be reached, or refuses the key; try later.
        """

    async def refresh(self) -> None:
        """Ask for the markets anew when that is due; call it as often as you like.

        Raises:
            VenueUnavailable: they could not be had; those known before stay.
        """

    async def rights(self) -> KeyRights:
        """What the key may do, as far as the venue tells."""

    async def close(self) -> None:
        """Let go of connections and files."""

    def instruments(self) -> Mapping[str, Instrument]:
        """Markets by unified symbol, as they were told last; empty before `open`."""

    async def quote(self, symbol: str) -> Quote:
        """Best bid and ask now."""

    async def book(self, symbol: str, side: Side) -> Sequence[Level]:
        """What an order of this side would meet now, best price first; empty when nothing is on offer.

        At least the levels near the best price; how many in all is the venue's.
        """

    async def candles(self, symbol: str, interval: str, count: int) -> Sequence[Candle]:
        """The newest `count` bars of `interval` (`1m`, `5m`, `15m`, `1h`), oldest first."""

    async def balances(self) -> Mapping[str, Balance]:
        """The account's assets.

        Of contracts what would be held had each been bought on spot: a position as so much of its base
        asset, negative when short, and what it cost gone from its quote currency. Then the whole comes to
        the margin balance with unrealised results at any price, and `free` is what new orders may use.
        """

    async def contracts(self) -> Contracts:
        """How an account of contracts is set and what it holds, in one answer of now.

        Only where `kind` is SWAP.

        Raises:
            VenueUnavailable: it does not answer, or does not tell all of it.
        """

    @property
    def streams(self) -> Collection[Stream]:
        """What it tells without being asked; empty where everything has to be asked for."""

    def order_news(self) -> AsyncGenerator[Sequence[OrderKey]]:
        """Which orders of the account, ours or not, something happened to, as the venue tells it.

        The first item comes when the stream stands: nothing that happens from then on is left out.
        An empty one is a sign of life, at least every `SIGN_OF_LIFE`. Closing it closes the stream.

        Raises:
            VenueUnavailable: the stream could not begin, broke or fell silent; what happened since
                is not told again.
        """

    def quote_news(self, symbol: str) -> AsyncGenerator[Quote]:
        """Best bid and ask whenever they change, a few times a second at most, the newest only.

        Raises:
            VenueUnavailable: the stream could not begin, broke or fell silent.
        """

    async def funding(self, since: datetime) -> Sequence[Payment]:
        """What the account paid and received for its positions from then on, oldest first.

        As much as the venue tells at once: ask again from the last one. Only where `kind` is SWAP.

        Raises:
            VenueUnavailable: it does not answer.
        """

    def client_order_id(self, unique: bytes) -> str:
        """Sixteen bytes as this venue's client order id, without loss."""

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        """Send one order, once; unless it is `held` when its turn has come.

        Raises:
            VenueRefused: the venue's definite no.
            NotSent: it certainly did not arrive, or was held; the same id may be sent again.
            OutcomeUnknown: anything else.
        """

    async def find(self, key: OrderKey) -> Report | None:
        """One complete round of looking: by id, among open orders, in history, in trades.

        Returns None when every look-up answered and none knew the order.

        Raises:
            VenueUnavailable: a look-up did not answer, so the round does not count.
        """

    async def cancel(self, key: OrderKey) -> None:
        """Ask for the rest of an order to be canceled; the result is read with `find`.

        Raises:
            OrderUnknown: the venue does not know it (filled, canceled or never arrived).
            VenueUnavailable: no answer; asking again is harmless.
        """

    async def open_orders(self, symbols: Sequence[str]) -> Sequence[Report]:
        """Every open order of the account, ours or not; `symbols` are those we may have orders in."""

    async def trades(self, key: OrderKey) -> Sequence[Trade]:
        """The trades of one order, oldest first."""

    async def arm(self, timeout: timedelta) -> None:
        """Have every order of the account canceled, whoever placed it, unless this is asked again in time.

        Only where `quirks` knows a dead man's switch; `timeout` within what it takes.

        Raises:
            VenueUnavailable: no answer; asking again is harmless.
        """

    async def disarm(self) -> None:
        """Have nothing canceled for our silence any more.

        Raises:
            VenueUnavailable: no answer, or there is no way to switch it off.
        """
