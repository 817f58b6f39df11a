"""The paper venue: an exchange of our own, behind the same `Venue` protocol as the real ones.

The demo trades on it, and it is the double in the tests, with switches for what goes wrong at real
venues (`Faults`). Nothing runs in between: each call first carries the market on from the last one
to now, so that an order also fills while we are down. It must never be kinder than an exchange.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from execution.errors import (
    NotSent,
    OrderUnknown,
    OutcomeUnknown,
    VenueError,
    VenueRefused,
    VenueUnavailable,
)
from execution.rounding import plain
from execution.types import (
    ZERO,
    Candle,
    Instrument,
    Level,
    Mode,
    OrderState,
    OrderType,
    Quote,
    Side,
    TimeInForce,
)
from execution.venues.books import Booked, Books
from execution.venues.filters import broken_rule
from execution.venues.market_data import TICK, MarketData
from execution.venues.rights import UNTOLD, KeyRights
from execution.venues.synthetic import SyntheticMarket
from execution.venues.venue import Balance, Held, NewOrder, OrderKey, Report, Trade, go

OPENING: Mapping[str, Decimal] = MappingProxyType({"USDT": Decimal(100_000)})
FEE_RATE = Decimal("0.001")
"""Maker and taker alike: Binance's standard spot fee."""

_MOST_STEPS = 600
"""Ticks looked at in one call; a longer absence is walked in longer steps, so a brief touch of a
resting order's price may be missed."""


@dataclass(kw_only=True, slots=True)
class Faults:
    """What goes wrong. All off at first; those named `next` switch themselves off once used."""

    drop_next_answer: bool = False
    """The next order that is accepted raises `OutcomeUnknown`."""
    lose_next_request: bool = False
    """The next order raises `OutcomeUnknown` and was never seen by the exchange."""
    refuse_next: str | None = None
    """The next order is refused with this text."""
    unreachable: bool = False
    """Every call fails: `NotSent` from `send`, `VenueUnavailable` from the others."""
    hold: asyncio.Event | None = None
    """An accepted order's answer waits until this is set."""
    hold_looks: asyncio.Event | None = None
    """What a look-up found is told only when this is set."""
    hide_orders: bool = False
    """Look-ups answer, and know no order and no trade."""
    rights: KeyRights = UNTOLD
    """What the key may do, as an exchange that has keys would tell."""
    keep_orders: bool = False
    """A cancel is answered and not carried out."""


class PaperVenue:
    """A spot account on a simulated exchange, its books in an SQLite file of its own.

    Takes market orders (as a limit at their price that does not rest) and limit orders, GTC, IOC
    and FOK, post-only. A client order id may be used again once its order has ended, as at Binance:
    only our own protocol stands between an approval and a second order.
    """

    exchange = "paper"
    mode = Mode.PAPER
    fence = timedelta(seconds=5)
    visibility_grace: timedelta | None = timedelta(seconds=2)
    clock_ahead = timedelta(0)
    clock_refused = False

    def __init__(
        self,
        name: str,
        path: Path | str,
        clock: Callable[[], datetime],
        *,
        seed: int = 1,
        market: MarketData | None = None,
        opening: Mapping[str, Decimal] = OPENING,
        latency: timedelta = timedelta(0),
    ) -> None:
        """`path` is the books' file, begun with the `opening` balances where there is none.

        `market` is what is traded against, else the synthetic market of this `seed`. Every call
        takes `latency`.
        """
        self.name = name
        self.faults = Faults()
        self._path = path
        self._clock = clock
        self._market: MarketData = market or SyntheticMarket(seed)
        self._opening = opening
        self._latency = latency
        self._books: Books | None = None
        self._instruments: Mapping[str, Instrument] = {}
        self._advanced = datetime.min.replace(tzinfo=UTC)

    async def open(self) -> None:
        """Open the books and look at the markets.

        Raises:
            VenueUnavailable: switched off by `faults`, or the books cannot be opened.
        """
        if self.faults.unreachable:
            raise VenueUnavailable(f"{self.name} cannot be reached")
        if self._books is None:
            try:
                self._books = Books(self._path, self._opening)
                self._advanced = self._books.last_change() or self._clock()
            except sqlite3.Error as error:
                raise VenueUnavailable(f"{self.name}: books {self._path}: {error}") from error
        self._instruments = self._market.instruments()

    async def rights(self) -> KeyRights:
        """There is no key; `faults` may say what one would be told to be."""
        return self.faults.rights

    async def close(self) -> None:
        """Close the books."""
        if self._books is not None:
            self._books.close()
            self._books = None

    @property
    def accepted(self) -> Sequence[NewOrder]:
        """Every order this exchange ever accepted, oldest first, whatever it answered."""
        if self._books is None:
            raise VenueUnavailable(f"{self.name} is not open")
        return [booked.order for booked in self._books.all_orders()]

    def instruments(self) -> Mapping[str, Instrument]:
        """Markets by unified symbol, as of the last `open`."""
        return self._instruments

    def client_order_id(self, unique: bytes) -> str:
        """Sixteen bytes as 32 hexadecimal digits."""
        if len(unique) != 16:
            raise ValueError(f"a client order id is made of 16 bytes, not {len(unique)}")
        return unique.hex()

    async def quote(self, symbol: str) -> Quote:
        """Best bid and ask now."""
        async with self._call():
            return self._market.quote(self._known(symbol).symbol, self._clock())

    async def book(self, symbol: str, side: Side) -> Sequence[Level]:
        """What an order of this side would meet now, less what our own have taken of it."""
        async with self._call() as books:
            return self._offered(books, self._known(symbol).symbol, side, self._advance(books))

    async def candles(self, symbol: str, interval: str, count: int) -> Sequence[Candle]:
        """The newest `count` bars, oldest first."""
        async with self._call():
            try:
                return self._market.candles(
                    self._known(symbol).symbol, interval, count, self._clock()
                )
            except KeyError as error:
                raise VenueUnavailable(f"{self.name} has no {interval} candles") from error

    async def balances(self) -> Mapping[str, Balance]:
        """The account's assets."""
        async with self._call() as books:
            self._advance(books)
            return books.balances(self._market.instruments())

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        """Take one order: fill what the book offers within its price, let the rest rest or expire.

        Raises:
            VenueRefused: a rule of the exchange is broken, or the balance does not suffice.
            NotSent: switched off by `faults`, or not open.
            OutcomeUnknown: an open order has this client id already, so the id must be looked up;
                or `faults` or the disk wanted it so.
        """
        async with self._call(unreachable=NotSent, broken=OutcomeUnknown) as books:
            if held():
                raise NotSent("it was held back while it waited for its turn")
            faults = self.faults
            if faults.lose_next_request:
                faults.lose_next_request = False
                raise OutcomeUnknown(f"{self.name} did not answer")
            if faults.refuse_next is not None:
                text, faults.refuse_next = faults.refuse_next, None
                raise VenueRefused(text)
            report = self._accept(books, order)
            if faults.hold is not None:
                await faults.hold.wait()
            if faults.drop_next_answer:
                faults.drop_next_answer = False
                raise OutcomeUnknown(f"{self.name} did not answer")
            return report

    async def find(self, key: OrderKey) -> Report | None:
        """The newest order with this client id or venue id; None if there is none."""
        async with self._call() as books:
            self._advance(books)
            found = None if self.faults.hide_orders else books.find(key)
            if self.faults.hold_looks is not None:
                await self.faults.hold_looks.wait()
            return None if found is None else found.report()

    async def cancel(self, key: OrderKey) -> None:
        """Cancel the rest of an open order.

        Raises:
            OrderUnknown: there is none with this id, or it has ended.
        """
        async with self._call() as books:
            now = self._advance(books)
            with books.transaction():
                found = books.find(key)
                if found is None or found.state is not OrderState.WORKING:
                    raise OrderUnknown(f"{self.name} has no open order {key.client_order_id}")
                if not self.faults.keep_orders:
                    books.mark(found, OrderState.CANCELED, now)

    async def open_orders(self, symbols: Sequence[str]) -> Sequence[Report]:
        """Every open order of the account, oldest first."""
        async with self._call() as books:
            self._advance(books)
            working = [] if self.faults.hide_orders else books.working()
            return [booked.report() for booked in working]

    async def trades(self, key: OrderKey) -> Sequence[Trade]:
        """The trades of one order, oldest first; none for an order that is not known."""
        async with self._call() as books:
            self._advance(books)
            found = None if self.faults.hide_orders else books.find(key)
            return [] if found is None else books.trades(found.id)

    async def arm(self, timeout: timedelta) -> None:
        """Cancel every order once nobody has asked this again for so long."""
        async with self._call() as books:
            now = self._advance(books)
            with books.transaction():
                books.count_down(now + timeout)

    async def disarm(self) -> None:
        """Cancel nothing for silence any more."""
        async with self._call() as books:
            self._advance(books)
            with books.transaction():
                books.count_down(None)

    @asynccontextmanager
    async def _call(
        self,
        *,
        unreachable: type[VenueError] = VenueUnavailable,
        broken: type[VenueError] = VenueUnavailable,
    ) -> AsyncIterator[Books]:
        """The way to the exchange; `broken` is raised when its disk fails in the middle."""
        if self._latency:
            await asyncio.sleep(self._latency.total_seconds())
        if self.faults.unreachable or self._books is None:
            raise unreachable(f"{self.name} cannot be reached")
        try:
            yield self._books
        except sqlite3.Error as error:
            raise broken(f"{self.name}: books {self._path}: {error}") from error

    def _known(self, symbol: str) -> Instrument:
        instrument = self._market.instruments().get(symbol)
        if instrument is None:
            raise VenueUnavailable(f"{self.name} has no market {symbol}")
        return instrument

    def _accept(self, books: Books, order: NewOrder) -> Report:
        """Write the order and its first trades down in one transaction."""
        now = self._advance(books)
        with books.transaction():
            if any(b.order.client_order_id == order.client_order_id for b in books.working()):
                raise OutcomeUnknown(f"{order.client_order_id} is the id of an open order")
            instrument = self._market.instruments().get(order.symbol)
            if instrument is None:
                raise VenueRefused(f"there is no market {order.symbol}")
            reason = broken_rule(order, instrument) or self._shortage(books, order, instrument)
            if reason is not None:
                raise VenueRefused(reason)
            if order.post_only and self._crosses(order, now):
                raise VenueRefused("post-only: it would trade at once")
            met = self._meet(books, order, order.amount, now)
            booked = books.take(order, now)
            whole = sum((level.amount for level in met), ZERO) == order.amount
            if whole or order.time_in_force is not TimeInForce.FOK:
                for level in met:
                    booked = books.fill(booked, instrument, level, FEE_RATE, now)
            rests = order.type is OrderType.LIMIT and order.time_in_force is TimeInForce.GTC
            if booked.state is OrderState.WORKING and not rests:
                booked = books.mark(booked, OrderState.EXPIRED, now)
            return booked.report()

    def _shortage(self, books: Books, order: NewOrder, instrument: Instrument) -> str | None:
        """Why the account cannot pay for this order, the worst price counted."""
        if order.side is Side.BUY:
            asset, needed = instrument.quote, order.amount * order.price
        else:
            asset, needed = instrument.base, order.amount
        held = books.balances(self._market.instruments()).get(asset)
        free = held.free if held is not None else ZERO
        if free >= needed:
            return None
        return f"not enough {asset}: it needs {plain(needed)}, {plain(free)} is free"

    def _advance(self, books: Books) -> datetime:
        """Carry resting orders on to now, and say when now is; time never goes back."""
        now = max(self._clock(), self._advanced)
        silent_until = books.countdown()
        if silent_until is not None and silent_until <= now:
            at = max(silent_until, self._advanced)
            self._walk(books, at)
            with books.transaction():
                for booked in books.working():
                    books.mark(booked, OrderState.CANCELED, at)
                books.count_down(None)
        self._walk(books, now)
        return now

    def _walk(self, books: Books, until: datetime) -> None:
        """Let resting orders meet the market up to this moment."""
        if books.working():
            with books.transaction():
                resting = sorted(books.working(), key=_priority)
                for instant in _instants(self._advanced, until):
                    resting = [self._visit(books, booked, instant) for booked in resting]
        self._advanced = until

    def _visit(self, books: Books, booked: Booked, instant: datetime) -> Booked:
        """A resting order after this instant: it trades at its own price, or not at all."""
        order, instrument = booked.order, self._market.instruments()[booked.order.symbol]
        ended = booked.state is not OrderState.WORKING
        if ended or booked.created_at > instant or not instrument.active:
            return booked
        if not self._crosses(order, instant):
            return booked
        met = self._meet(books, order, booked.remaining, instant)
        amount = sum((level.amount for level in met), ZERO)
        if not amount:
            return booked
        level = Level(price=order.price, amount=amount)
        return books.fill(booked, instrument, level, FEE_RATE, instant)

    def _crosses(self, order: NewOrder, instant: datetime) -> bool:
        """Whether the other side of the book is within the order's price."""
        return _within(order, self._market.quote(order.symbol, instant).reference(order.side))

    def _meet(
        self, books: Books, order: NewOrder, amount: Decimal, instant: datetime
    ) -> list[Level]:
        """What the book has left for so much of the order at this instant, best price first."""
        met: list[Level] = []
        for level in self._offered(books, order.symbol, order.side, instant):
            if not _within(order, level.price):
                break
            if part := min(level.amount, amount):
                met.append(level.evolve(amount=part))
                amount -= part
        return met

    def _offered(self, books: Books, symbol: str, side: Side, instant: datetime) -> list[Level]:
        """The book at this instant, less what was traded of it in the same tick."""
        tick = _tick(instant)
        gone = books.traded(symbol, side, tick, tick + TICK)
        offered: list[Level] = []
        for level in self._market.book(symbol, side, instant):
            left = max(ZERO, level.amount - gone)
            gone = max(ZERO, gone - level.amount)
            if left:
                offered.append(level.evolve(amount=left))
        return offered


def _within(order: NewOrder, price: Decimal) -> bool:
    """Whether the order may trade at this price."""
    return price <= order.price if order.side is Side.BUY else price >= order.price


def _priority(booked: Booked) -> tuple[Decimal, int]:
    """Sorts the better price first, of equal prices the older order."""
    price = booked.order.price
    return (-price if booked.order.side is Side.BUY else price), booked.id


def _tick(at: datetime) -> datetime:
    """The start of the tick that this instant lies in."""
    return at.replace(microsecond=0)


def _instants(since: datetime, now: datetime) -> Iterator[datetime]:
    """Every tick that has begun since and is over, then now; in longer steps if they are many."""
    stride = TICK * ((now - since) // (TICK * _MOST_STEPS) + 1)
    instant = _tick(since) + stride
    while instant + TICK <= now:
        yield instant
        instant += stride
    yield now
