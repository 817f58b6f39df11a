"""The paper venue: an exchange of our own, behind the same `Venue` protocol as the real ones.

The demo trades on it, people practise on it at a real exchange's prices, and it is the double in the
tests, with switches for what goes wrong at real venues (`Faults`). Nothing runs in between: each call
first carries the market on from the last one to now, so that at a made-up market an order also fills
while we are down. It must never be kinder than an exchange, and nothing of it ever reaches one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from execution.instruments import Instrument, MarketKind
from execution.types import Candle, Level, Mode, OrderState, Quote, Side
from execution.venues.books import Booked, Books
from execution.venues.market_data import TICK, MadeUp, MarketData, is_of_kind
from execution.venues.matching import Matching
from execution.venues.paper_accounts import SpotAccount, SwapAccount
from execution.venues.rights import UNTOLD, KeyRights
from execution.venues.synthetic import SyntheticMarket
from execution.venues.venue import (
    Balance,
    Contracts,
    Held,
    NewOrder,
    OrderKey,
    Payment,
    Report,
    Stream,
    Trade,
    go,
)

OPENED_WITH = Decimal(100_000)
"""What an account begins with, in whatever is money there."""
OPENING: Mapping[str, Decimal] = MappingProxyType({"USDT": OPENED_WITH})


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
    deaf: bool = False
    """Its streams stand and tell nothing: what happens meanwhile is not told later either."""
    hedged: bool = False
    """The account says that it is in hedge mode."""
    leverage: Decimal | None = None
    """What the account says that its markets are set to."""


class PaperVenue:
    """An account on a simulated exchange, its books in an SQLite file of its own.

    Takes what the market's `Instrument.offers` says; a market order goes as a limit at its price that
    does not rest. A client order id may be used again once its order has ended, as at Binance: only
    our own protocol stands between an approval and a second order.

    Of contracts it is in one-way mode, with one cross margin. It liquidates what that no longer keeps;
    funding is neither paid nor received.
    """

    mode = Mode.PAPER
    fence = timedelta(seconds=5)
    visibility_grace: timedelta | None = timedelta(seconds=2)
    forgets: timedelta | None = None
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
        kind: MarketKind = MarketKind.SPOT,
        leverage: Decimal = Decimal(1),
        opening: Mapping[str, Decimal] = OPENING,
        latency: timedelta = timedelta(0),
    ) -> None:
        """`path` is the books' file, begun with the `opening` balances where there is none.

        `market` is what is traded against, else the synthetic market of this `seed`; of its markets
        those of this `kind`. Contracts are all set to this `leverage`. Every call takes `latency`.
        """
        self.name = name
        self.kind = kind
        self.faults = Faults()
        self._path = path
        self._clock = clock
        self._market: MarketData = market or SyntheticMarket(seed)
        self.exchange = self._market.exchange
        self._leverage = leverage
        self._opening = opening
        self._latency = latency
        self._matching: Matching | None = None
        self._instruments: Mapping[str, Instrument] = {}
        self._streams: set[asyncio.Queue[OrderKey]] = set()
        """What each order stream that stands has not told yet."""

    async def open(self) -> None:
        """Open the books and look at the markets.

        Raises:
            VenueUnavailable: the market cannot be reached, or the books cannot be opened.
        """
        if self.faults.unreachable:
            raise VenueUnavailable(f"{self.name} cannot be reached")
        await self._market.open()
        if self._matching is None:
            self._matching = self._open_books()
        self._instruments = self._of_kind()

    def _open_books(self) -> Matching:
        """The account as it was left.

        Raises:
            VenueUnavailable: its books cannot be opened, or are those of another kind of account.
        """
        try:
            books = Books(self._path, self._opening, self._tell, kind=self.kind)
            since = books.last_change() or self._clock()
        except sqlite3.Error as error:
            raise VenueUnavailable(f"{self.name}: books {self._path}: {error}") from error
        spot = self.kind is MarketKind.SPOT
        account = SpotAccount(books) if spot else SwapAccount(books, self._market, self._leverage)
        return Matching(books, account, self._market, since)

    async def refresh(self) -> None:
        """Look at the markets anew when that is due.

        Raises:
            VenueUnavailable: the market cannot be reached; what was known of it stays.
        """
        await self._market.refresh()
        self._instruments = self._of_kind()

    async def rights(self) -> KeyRights:
        """There is no key; `faults` may say what one would be told to be."""
        return self.faults.rights

    async def close(self) -> None:
        """Close the books, and what the market has open."""
        await self._market.close()
        if self._matching is not None:
            self._matching.books.close()
            self._matching = None

    @property
    def accepted(self) -> Sequence[NewOrder]:
        """Every order this exchange ever accepted, oldest first, whatever it answered."""
        if self._matching is None:
            raise VenueUnavailable(f"{self.name} is not open")
        return [booked.order for booked in self._matching.books.all_orders()]

    def instruments(self) -> Mapping[str, Instrument]:
        """Markets by unified symbol, as they were told last."""
        return self._instruments

    @property
    def streams(self) -> Collection[Stream]:
        """Of its orders, since it keeps the books; of prices where it makes them too."""
        return frozenset(Stream) if isinstance(self._market, MadeUp) else {Stream.ORDERS}

    async def order_news(self) -> AsyncGenerator[Sequence[OrderKey]]:
        """The orders that were taken, traded or ended; each tick meets the market by itself.

        Raises:
            VenueUnavailable: it cannot be reached.
        """
        untold: asyncio.Queue[OrderKey] = asyncio.Queue()
        self._streams.add(untold)
        try:
            told: list[OrderKey] = []
            while True:
                async with self._call() as matching:
                    await self._advance(matching)
                yield [*told, *(untold.get_nowait() for _ in range(untold.qsize()))]
                told = []
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK.total_seconds()):
                        told = [await untold.get()]
        finally:
            self._streams.discard(untold)

    async def quote_news(self, symbol: str) -> AsyncGenerator[Quote]:
        """Best bid and ask twice in each tick.

        Raises:
            VenueUnavailable: it cannot be reached, or has no such market.
        """
        while True:
            async with self._call() as matching:
                quote = self._market.quote(
                    self._known(symbol).symbol, await self._advance(matching)
                )
            if not self.faults.deaf:
                yield quote
            await asyncio.sleep(TICK.total_seconds() / 2)

    def _tell(self, booked: Booked) -> None:
        """Its books say something new of an order."""
        key = OrderKey(
            client_order_id=booked.order.client_order_id,
            symbol=booked.order.symbol,
            venue_order_id=str(booked.id),
        )
        for untold in self._streams:
            if not self.faults.deaf:
                untold.put_nowait(key)

    def client_order_id(self, unique: bytes) -> str:
        """Sixteen bytes as 32 hexadecimal digits."""
        if len(unique) != 16:
            raise ValueError(f"a client order id is made of 16 bytes, not {len(unique)}")
        return unique.hex()

    async def quote(self, symbol: str) -> Quote:
        """Best bid and ask now, which open orders meet too."""
        async with self._call() as matching:
            await self._market.see([self._known(symbol).symbol])
            return self._market.quote(symbol, await self._advance(matching))

    async def book(self, symbol: str, side: Side) -> Sequence[Level]:
        """What an order of this side would meet now, less what our own have taken of it."""
        async with self._call() as matching:
            await self._market.see_books([(self._known(symbol).symbol, side)])
            return matching.offered(symbol, side, await self._advance(matching))

    async def candles(self, symbol: str, interval: str, count: int) -> Sequence[Candle]:
        """The newest `count` bars, oldest first."""
        async with self._call():
            try:
                return await self._market.candles(
                    self._known(symbol).symbol, interval, count, self._clock()
                )
            except KeyError as error:
                raise VenueUnavailable(f"{self.name} has no {interval} candles") from error

    async def balances(self) -> Mapping[str, Balance]:
        """The account's assets."""
        async with self._call() as matching:
            return matching.account.balances(await self._advance(matching))

    async def contracts(self) -> Contracts:
        """How the account is set and what it holds.

        Raises:
            VenueUnavailable: it has no contracts, or cannot be reached.
        """
        if self.kind is not MarketKind.SWAP:
            raise VenueUnavailable(f"{self.name} has no contracts")
        async with self._call() as matching:
            await self._advance(matching)
            leverage = self.faults.leverage or self._leverage
            return Contracts(
                one_way=not self.faults.hedged,
                leverage=dict.fromkeys(self._instruments, leverage),
                positions=matching.account.positions(),
            )

    async def funding(self, since: datetime) -> Sequence[Payment]:
        """None is paid here."""
        async with self._call():
            return ()

    async def trade_by_hand(self, symbol: str, side: Side, amount: Decimal) -> None:
        """Somebody trades so much in this account at the market, past us, as in an exchange's app."""
        async with self._call() as matching:
            await self._market.see([symbol])
            await self._market.see_books([(symbol, side)])
            matching.take_by_hand(symbol, side, amount, await self._advance(matching))

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        """Take one order: fill what the book offers within its price, let the rest rest or expire.

        Raises:
            VenueRefused: a rule of the exchange is broken, or the balance does not suffice.
            NotSent: switched off by `faults`, not open, or held.
            OutcomeUnknown: an open order has this client id already, so the id must be looked up;
                or `faults` or the disk wanted it so.
        """
        async with self._call(unreachable=NotSent, broken=OutcomeUnknown) as matching:
            now = await self._advance(matching, order)
            if held():
                raise NotSent("it was held back while it waited for its turn")
            faults = self.faults
            if faults.lose_next_request:
                faults.lose_next_request = False
                raise OutcomeUnknown(f"{self.name} did not answer")
            if faults.refuse_next is not None:
                text, faults.refuse_next = faults.refuse_next, None
                raise VenueRefused(text)
            report = matching.take(order, now)
            if faults.hold is not None:
                await faults.hold.wait()
            if faults.drop_next_answer:
                faults.drop_next_answer = False
                raise OutcomeUnknown(f"{self.name} did not answer")
            return report

    async def find(self, key: OrderKey) -> Report | None:
        """The newest order with this client id or venue id; None if there is none."""
        async with self._call() as matching:
            await self._advance(matching)
            found = None if self.faults.hide_orders else matching.books.find(key)
            if self.faults.hold_looks is not None:
                await self.faults.hold_looks.wait()
            return None if found is None else found.report()

    async def cancel(self, key: OrderKey) -> None:
        """Cancel the rest of an open order.

        Raises:
            OrderUnknown: there is none with this id, or it has ended.
        """
        async with self._call() as matching:
            now, books = await self._advance(matching), matching.books
            with books.transaction():
                found = books.find(key)
                if found is None or found.state is not OrderState.WORKING:
                    raise OrderUnknown(f"{self.name} has no open order {key.client_order_id}")
                if not self.faults.keep_orders:
                    books.mark(found, OrderState.CANCELED, now)

    async def open_orders(self, symbols: Sequence[str]) -> Sequence[Report]:
        """Every open order of the account, oldest first."""
        async with self._call() as matching:
            await self._advance(matching)
            working = [] if self.faults.hide_orders else matching.books.working()
            return [booked.report() for booked in working]

    async def trades(self, key: OrderKey) -> Sequence[Trade]:
        """The trades of one order, oldest first; none for an order that is not known."""
        async with self._call() as matching:
            await self._advance(matching)
            found = None if self.faults.hide_orders else matching.books.find(key)
            return [] if found is None else matching.books.trades(found.id)

    async def arm(self, timeout: timedelta) -> None:
        """Cancel every order once nobody has asked this again for so long."""
        async with self._call() as matching:
            now = await self._advance(matching)
            with matching.books.transaction():
                matching.books.count_down(now + timeout)

    async def disarm(self) -> None:
        """Cancel nothing for silence any more."""
        async with self._call() as matching:
            await self._advance(matching)
            with matching.books.transaction():
                matching.books.count_down(None)

    @asynccontextmanager
    async def _call(
        self,
        *,
        unreachable: type[VenueError] = VenueUnavailable,
        broken: type[VenueError] = VenueUnavailable,
    ) -> AsyncIterator[Matching]:
        """The way to the exchange; `broken` is raised when its disk fails in the middle."""
        if self._latency:
            await asyncio.sleep(self._latency.total_seconds())
        if self.faults.unreachable or self._matching is None:
            raise unreachable(f"{self.name} cannot be reached")
        try:
            yield self._matching
        except VenueUnavailable as error:
            if unreachable is VenueUnavailable:
                raise
            raise unreachable(str(error), retry_after=error.retry_after) from error
        except sqlite3.Error as error:
            raise broken(f"{self.name}: books {self._path}: {error}") from error

    async def _advance(self, matching: Matching, new: NewOrder | None = None) -> datetime:
        """Carry open orders on to now, and say when now is; what a new one meets is looked at too."""
        market, symbols = self._market, matching.at_stake()
        meets = set() if new is None else {(new.symbol, new.side)}
        symbols |= {symbol for symbol, _ in meets}
        known = market.instruments().keys()
        await market.see(symbols & known)
        moved = matching.moved(self._clock()) | meets
        await market.see_books({side for side in moved if side[0] in known})
        return matching.advance(self._clock())

    def _known(self, symbol: str) -> Instrument:
        instrument = self._market.instruments().get(symbol)
        if instrument is None or not is_of_kind(symbol, self.kind):
            raise VenueUnavailable(f"{self.name} has no market {symbol}")
        return instrument

    def _of_kind(self) -> Mapping[str, Instrument]:
        listed = self._market.instruments().items()
        return {symbol: one for symbol, one in listed if is_of_kind(symbol, self.kind)}
