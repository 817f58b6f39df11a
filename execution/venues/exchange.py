"""One account at an exchange, through ccxt: the `Venue` protocol in ccxt's calls.

The executor, reconcile and market call it. What answers mean is in `answers.py`, what differs per
exchange in `quirks`, sockets, clock and keys in `connections.py`, looking for orders in `lookups.py`.
It must never send an order twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from execution.errors import NotSent, OrderUnknown, VenueRefused, VenueUnavailable
from execution.instruments import Instrument, MarketKind
from execution.kinds import TRIGGERED
from execution.types import Candle, Level, Mode, Quote, Side
from execution.venues import answers
from execution.venues.connections import TIMEOUT, Connections
from execution.venues.lookups import Lookups
from execution.venues.markets import instruments
from execution.venues.prices import Prices
from execution.venues.quirks import (
    FENCE_MARGIN,
    UNDOCUMENTED_WINDOW,
    ContractAccount,
    ccxt_id,
    dead_mans_switch,
    quirks_of,
)
from execution.venues.quirks.ways import rfc3339
from execution.venues.rights import ASKED, UNTOLD, KeyRights
from execution.venues.streams import News
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
from execution.venues.wording import in_ccxts_words, refuse_changed_terms

LISTS_HOLD = timedelta(minutes=30)
"""How long a list of markets is taken for what it says."""
AT_MOST_EVERY = timedelta(minutes=1)
"""How often it is asked for at most."""


class ExchangeVenue:
    """One account at one ccxt exchange, for markets of one kind."""

    def __init__(
        self,
        name: str,
        exchange: str,
        mode: Mode,
        *,
        api_key: str,
        secret: str,
        clock: Callable[[], datetime],
        password: str = "",
        kind: MarketKind = MarketKind.SPOT,
        overrides: Mapping[str, Any] | None = None,
        kept: Path | None = None,
    ) -> None:
        """Remember the settings; nothing is imported or asked before `open`.

        The list of markets is kept in the file `kept` for the next start.

        Raises:
            ValueError: a setting cannot work; the text names it and the fix.
        """
        self.name, self.exchange, self.mode, self.kind = name, exchange, mode, kind
        self._overrides = overrides or {}
        self._ccxt_id = ccxt_id(exchange, kind)
        self._quirks = quirks_of(self._ccxt_id)
        self._clock = clock
        self._instruments: Mapping[str, Instrument] = {}
        self._refresh_at = clock()
        self._connections = Connections(
            exchange,
            mode,
            kind=kind,
            credentials={"apiKey": api_key, "secret": secret, "password": password},
            overrides=self._overrides,
            quirks=self._quirks,
            clock=clock,
            kept=kept,
        )
        self._prices = Prices(self._connections, self._quirks, clock)
        self._lookups = Lookups(exchange, self._connections, self._quirks, clock)
        self._news = News(exchange, mode, self._quirks.streams, self._connections, clock)

    @property
    def fence(self) -> timedelta:
        """How long after sending the exchange may still accept a late request."""
        window = self._window
        if window is None:
            timeout = timedelta(milliseconds=self._overrides.get("timeout", 0)) or TIMEOUT
            return timeout + UNDOCUMENTED_WINDOW
        return window + FENCE_MARGIN

    @property
    def visibility_grace(self) -> timedelta | None:
        """How long after the fence an accepted order may still be invisible to look-ups; None where
        nobody knows, so that only a person can say that an order is absent."""
        return self._quirks.visibility_grace

    @property
    def forgets(self) -> timedelta | None:
        """An order that ended without a fill is not found any more once it was made so long ago; None: it is."""
        return self._quirks.forgets

    @property
    def clock_ahead(self) -> timedelta:
        """How far our clock was ahead of the exchange's when it was measured last; corrected for."""
        return self._connections.clock_ahead

    @property
    def clock_refused(self) -> bool:
        """Whether it refuses our requests for their time, though the clock was corrected."""
        return self._connections.clock_refused

    def client_order_id(self, unique: bytes) -> str:
        """Sixteen bytes as this exchange's client order id, without loss.

        Raises:
            ValueError: not sixteen bytes.
        """
        if len(unique) != 16:
            raise ValueError("a client order id is made of sixteen bytes")
        return self._quirks.client_order_id(unique)

    async def open(self) -> None:
        """Load markets, set the clock right, try the key, warm the connections.

        Raises:
            ValueError: a setting cannot work, such as `sandbox` where the exchange has none.
            VenueUnavailable: the exchange cannot be reached, or refuses the key; try later.
        """
        await self._know(await self._connections.open())

    async def refresh(self) -> None:
        """Ask for the markets anew: half an hour after the last time, and soon after a refused order.

        Raises:
            VenueUnavailable: they could not be had; those known before stay.
        """
        now = self._clock()
        if now >= self._refresh_at:
            self._refresh_at = now + AT_MOST_EVERY
            await self._know(await self._connections.reload())

    async def _know(self, ccxt: Any) -> None:
        """Read the markets, thousands of them, where it keeps nobody waiting."""
        self._instruments = await asyncio.to_thread(instruments, ccxt, self._quirks, self.kind)
        listed_at = self._connections.listed_at
        self._refresh_at = self._clock() if listed_at is None else listed_at + LISTS_HOLD

    async def close(self) -> None:
        """Close every connection. A closed venue may be opened again."""
        await self._news.close()
        await self._connections.close()

    async def rights(self) -> KeyRights:
        """What the key may do, as far as the exchange tells."""
        asking = ASKED.get(self._ccxt_id)
        if asking is None or (self.mode is Mode.SANDBOX and not asking.in_sandbox):
            return UNTOLD

        async def ask(reads: Any) -> KeyRights:
            return asking.read(await getattr(reads, asking.call)())

        return await self._connections.read(ask)

    def use(self, *, api_key: str, secret: str, password: str) -> None:
        """Go on with other keys of the same account, from the next request on."""
        self._connections.use({"apiKey": api_key, "secret": secret, "password": password})
        self._news.begin_anew()

    @property
    def streams(self) -> Collection[Stream]:
        """What it tells without being asked; on paper nothing of orders."""
        return self._news.kinds

    def order_news(self) -> AsyncGenerator[Sequence[OrderKey]]:
        """Which orders to look at, from when the exchange acknowledged that it tells."""
        return self._news.orders()

    def quote_news(self, symbol: str) -> AsyncGenerator[Quote]:
        """Best bid and ask whenever they change, in quote currency."""
        return self._news.quotes(symbol)

    def instruments(self) -> Mapping[str, Instrument]:
        """Markets by unified symbol, as they were told last; empty before `open`."""
        return self._instruments

    async def quote(self, symbol: str) -> Quote:
        """Best bid and ask now, in quote currency."""
        return await self._prices.quote(symbol)

    async def book(self, symbol: str, side: Side) -> Sequence[Level]:
        """What an order of this side would meet now, best price first: a hundred levels at most."""
        return await self._prices.book(symbol, side)

    async def candles(self, symbol: str, interval: str, count: int) -> Sequence[Candle]:
        """The newest `count` bars, oldest first; the last one may be unfinished."""
        return await self._prices.candles(symbol, interval, count)

    async def balances(self) -> Mapping[str, Balance]:
        """Every asset the account has any of; of contracts as if each had been bought on spot."""
        account = self._quirks.account

        async def ask(reads: Any) -> Mapping[str, Balance]:
            return answers.balances(await reads.fetch_balance())

        return await self._connections.read(ask if account is None else account.balances)

    async def contracts(self) -> Contracts:
        """How the account is set and what it holds.

        Raises:
            VenueUnavailable: it has no contracts, does not answer, or does not tell all of it.
        """
        return await self._connections.read(self._account.contracts)

    async def funding(self, since: datetime) -> Sequence[Payment]:
        """What the account paid and received for its positions from then on, oldest first.

        Raises:
            VenueUnavailable: it has no contracts, or does not answer.
        """
        account = self._account
        return await self._connections.read(lambda reads: account.funding(reads, since))

    @property
    def _account(self) -> ContractAccount:
        if self._quirks.account is None:
            raise VenueUnavailable(f"{self.exchange} has no contracts here")
        return self._quirks.account

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        """Send one order, once; the exchange's answer with what was filled at once.

        Raises:
            VenueRefused: the exchange's definite no, or terms that it does not take or would change.
            NotSent: it certainly did not arrive; the same id may be sent again.
            OutcomeUnknown: anything else; look it up.
        """

        listed_at = self._connections.listed_at
        if listed_at is None:
            raise NotSent(f"{self.exchange} has not listed its markets since the start")

        async def create(orders: Any) -> Report:
            refuse_changed_terms(orders, order, self._instruments.get(order.symbol))
            kind, params = in_ccxts_words(order, self._quirks)
            row = await orders.create_order(
                order.symbol,
                kind,
                order.side.value,
                self._quirks.number(order.amount),
                None if order.price is None else self._quirks.number(order.price),
                params | self._deadline(),
            )
            waits = self._quirks.waiting is not None and order.type in TRIGGERED
            return answers.acknowledged(self._quirks.mended(row) if waits else row, order)

        try:
            return await self._connections.send(create, held)
        except VenueRefused:  # perhaps since the market is not what it was
            soon = max(listed_at + AT_MOST_EVERY, self._clock())
            self._refresh_at = min(self._refresh_at, soon)
            raise

    async def cancel(self, key: OrderKey) -> None:
        """Ask for the rest of an order to be canceled; the result is read with `find`.

        Raises:
            OrderUnknown: the exchange does not know it (filled, canceled or never arrived).
            VenueUnavailable: no answer; asking again is harmless.
        """
        venue_id, waiting = key.venue_order_id, self._quirks.waiting
        if venue_id is None and self._quirks.cancel_by is None:
            venue_id = (await self._known(key)).venue_order_id
        try:
            await self._cancel(key, venue_id)
        except (OrderUnknown, VenueUnavailable):
            if waiting is None or (venue_id is not None and not waiting.has(venue_id)):
                raise
            # What waits for its price is of another list until that is touched; few answers say which.
            found = await self.find(key)
            if found is None or found.venue_order_id == venue_id:
                raise
            await self._cancel(key, found.venue_order_id)

    async def _cancel(self, key: OrderKey, venue_id: str | None) -> None:
        """Cancel by the exchange's id, or else by ours."""
        by, waiting = self._quirks.cancel_by, self._quirks.waiting
        params: dict[str, object] = {}
        waits = False
        if venue_id is None and by is not None:
            params[by] = key.client_order_id
        if waiting is not None and venue_id is not None and waiting.has(venue_id):
            venue_id, waits = venue_id.removeprefix(waiting.mark), True
            params = dict(waiting.params)

        async def ask(orders: Any) -> None:
            row = await orders.cancel_order(venue_id, key.symbol, params)
            if waits and (row is None or row["status"] == "rejected"):  # a success may hold a no
                raise VenueUnavailable(f"{self.exchange} did not take the cancel")

        await self._connections.cancel(ask)

    async def _known(self, key: OrderKey) -> Report:
        """What the exchange shows of an order that it knows; it raises `OrderUnknown` of all others."""
        found = await self.find(key)
        if found is None:
            raise OrderUnknown(f"{self.exchange} does not know this order")
        return found

    async def find(self, key: OrderKey) -> Report | None:
        """One complete round of looking: by id, among open orders, in history, in trades.

        Returns None when every look-up answered and none knew the order.

        Raises:
            VenueUnavailable: a look-up did not answer, so the round does not count.
        """
        return await self._lookups.find(key)

    async def open_orders(self, symbols: Sequence[str]) -> Sequence[Report]:
        """Every open order of the account, ours or not; where the exchange wants a symbol, of those."""
        return await self._lookups.open_orders(symbols)

    async def trades(self, key: OrderKey) -> Sequence[Trade]:
        """The trades of one order, oldest first; none for an order the exchange does not know."""
        return await self._lookups.trades(key)

    async def arm(self, timeout: timedelta) -> None:
        """Have every order of the account canceled, whoever placed it, unless this is asked again in time.

        Raises:
            VenueUnavailable: no answer; asking again is harmless.
        """
        milliseconds = timeout // timedelta(milliseconds=1)
        # As a cancel: behind no read, and also while the exchange asks for silence.
        await self._connections.cancel(lambda orders: orders.cancel_all_orders_after(milliseconds))

    async def disarm(self) -> None:
        """Have nothing canceled for our silence any more.

        Raises:
            VenueUnavailable: no answer, or there is no way to switch it off.
        """
        switch = dead_mans_switch(self._ccxt_id)
        if switch is None or not switch.disarms:
            raise VenueUnavailable(f"{self.exchange} has no way to switch it off")
        await self._connections.cancel(lambda orders: orders.cancel_all_orders_after(0))

    @property
    def _window(self) -> timedelta | None:
        """How old a request may be at most, where the exchange refuses it after that."""
        asked = self._overrides.get("options", {}).get("recvWindow")
        if self._quirks.receive_window is None or asked is None:
            return self._quirks.receive_window
        return timedelta(milliseconds=asked)

    def _deadline(self) -> dict[str, str]:
        """When an order is too late, where each tells that itself."""
        if self._quirks.deadline_by is None or self._window is None:
            return {}
        return {self._quirks.deadline_by: rfc3339(self._clock() - self.clock_ahead + self._window)}
