"""One account at an exchange, through ccxt: the `Venue` protocol in ccxt's calls.

The executor, reconcile and market call it. What answers mean is in `answers.py`, what differs per
exchange in `quirks`, sockets, clock and keys in `connections.py`. It must never send an order
twice, and never say "none" of an order before every look-up has answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from execution.errors import NotSent, OrderUnknown, VenueRefused, VenueUnavailable
from execution.instruments import Instrument, MarketKind
from execution.types import Candle, Level, Mode, Quote, Side
from execution.venues import answers
from execution.venues.connections import TIMEOUT, Connections
from execution.venues.markets import instruments
from execution.venues.paging import every_open, every_row
from execution.venues.prices import Prices
from execution.venues.quirks import (
    FENCE_MARGIN,
    UNDOCUMENTED_WINDOW,
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
LOOK_BACK = timedelta(seconds=60)
"""How far before an order was sent its traces are searched: two clocks never quite agree."""


class ExchangeVenue:
    """One account at one ccxt exchange, spot."""

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
        self._quirks = quirks_of(exchange)
        self._clock = clock
        self._instruments: Mapping[str, Instrument] = {}
        self._refresh_at = clock()
        if kind is not MarketKind.SPOT:
            raise ValueError(f'market = "{kind}": only "spot" can be traded')
        self._connections = Connections(
            exchange,
            mode,
            credentials={"apiKey": api_key, "secret": secret, "password": password},
            overrides=self._overrides,
            quirks=self._quirks,
            clock=clock,
            kept=kept,
        )
        self._prices = Prices(self._connections, self._quirks, clock)
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
        self._instruments = await asyncio.to_thread(instruments, ccxt, self._quirks)
        listed_at = self._connections.listed_at
        self._refresh_at = self._clock() if listed_at is None else listed_at + LISTS_HOLD

    async def close(self) -> None:
        """Close every connection. A closed venue may be opened again."""
        await self._news.close()
        await self._connections.close()

    async def rights(self) -> KeyRights:
        """What the key may do, as far as the exchange tells."""
        asking = ASKED.get(self.exchange)
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
        """Spot markets by unified symbol, as they were told last; empty before `open`."""
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
        """Every asset the account has any of."""

        async def ask(reads: Any) -> Mapping[str, Balance]:
            return answers.balances(await reads.fetch_balance())

        return await self._connections.read(ask)

    async def contracts(self) -> Contracts:
        """How the account is set and what it holds.

        Raises:
            VenueUnavailable: it has no contracts.
        """
        raise VenueUnavailable(f"{self.exchange} has no contracts here")

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

        # `reduce_only` is not sent: on spot a sell can only sell what is there.
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
            return answers.acknowledged(row, order)

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
        venue_id, by = key.venue_order_id, self._quirks.cancel_by
        if venue_id is None and by is None:
            found = await self.find(key)
            if found is None:
                raise OrderUnknown(f"{self.exchange} does not know this order")
            venue_id = found.venue_order_id

        async def ask(orders: Any) -> None:
            params = {by: key.client_order_id} if venue_id is None else {}
            await orders.cancel_order(venue_id, key.symbol, params)

        await self._connections.cancel(ask)

    async def find(self, key: OrderKey) -> Report | None:
        """One complete round of looking: by id, among open orders, in history, in trades.

        Returns None when every look-up answered and none knew the order.

        Raises:
            VenueUnavailable: a look-up did not answer, so the round does not count.
        """
        shown = await self._find_by_id(key)
        if shown is not None:
            return shown
        since = self._look_back(key)
        listed = [*await self._open_orders(key.symbol), *await self._history(key.symbol, since)]
        for one in listed:
            if _same(one, key):
                return one
        explained = {one.venue_order_id for one in listed}
        traded = {one.venue_order_id for one in await self._my_trades(key.symbol, since)}
        for venue_order_id in sorted(traded - explained):
            shown = await self._order(key.symbol, venue_order_id, {})
            if shown is None:
                raise VenueUnavailable(f"{self.exchange} shows trades of an order it does not know")
            if _same(shown, key):
                return shown
        return None

    async def open_orders(self, symbols: Sequence[str]) -> Sequence[Report]:
        """Every open order of the account, ours or not; where the exchange wants a symbol, of those."""
        if not self._quirks.open_orders_need_symbol:
            return await self._open_orders(None)
        return [one for symbol in symbols for one in await self._open_orders(symbol)]

    async def trades(self, key: OrderKey) -> Sequence[Trade]:
        """The trades of one order, oldest first; none for an order the exchange does not know."""
        venue_order_id = key.venue_order_id
        if venue_order_id is None:
            shown = await self.find(key)
            if shown is None:
                return []
            venue_order_id = shown.venue_order_id
        page = self._quirks.page

        async def ask(reads: Any) -> Sequence[Trade] | None:
            if page is None or not reads.has["fetchOrderTrades"]:
                return None
            rows = await reads.fetch_order_trades(venue_order_id, key.symbol, limit=page)
            return [answers.trade(row) for row in rows] if len(rows) < page else None

        found: Sequence[Trade] | None = None
        with suppress(OrderUnknown):  # some know the trades of an order longer than the order
            found = await self._connections.read(ask)
        if any(one.venue_order_id != venue_order_id for one in found or ()):
            raise VenueUnavailable(f"{self.exchange} answered about another order")
        if found is None:
            mine = await self._my_trades(key.symbol, self._look_back(key))
            found = [one for one in mine if one.venue_order_id == venue_order_id]
        return sorted(found, key=_by_time)

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
        switch = dead_mans_switch(self.exchange)
        if switch is None or not switch.disarms:
            raise VenueUnavailable(f"{self.exchange} has no way to switch it off")
        await self._connections.cancel(lambda orders: orders.cancel_all_orders_after(0))

    async def _find_by_id(self, key: OrderKey) -> Report | None:
        by = self._quirks.find_by
        if key.venue_order_id is not None:
            shown = await self._order(key.symbol, key.venue_order_id, {})
        elif by is not None and key.client_order_id is not None:
            shown = await self._by_client_id(key.symbol, {by: key.client_order_id})
        else:
            return None
        if shown is not None and not _same(shown, key):
            raise VenueUnavailable(f"{self.exchange} answered about another order")
        return shown

    async def _order(
        self, symbol: str, venue_order_id: str, params: Mapping[str, str]
    ) -> Report | None:
        async def ask(reads: Any) -> Report:
            return self._report(await reads.fetch_order(venue_order_id, symbol, dict(params)))

        try:
            return await self._connections.read(ask)
        except OrderUnknown:
            return None

    async def _by_client_id(self, symbol: str, params: Mapping[str, str]) -> Report | None:
        if self._quirks.find_in == "fetch_order":
            return await self._order(symbol, "", params)

        async def ask(reads: Any) -> Sequence[Report]:
            rows = await getattr(reads, self._quirks.find_in)(symbol, None, None, dict(params))
            return [self._report(row) for row in rows]

        found = await self._connections.read(ask)
        return found[0] if found else None

    async def _open_orders(self, symbol: str | None) -> Sequence[Report]:
        async def ask(reads: Any) -> Sequence[Report]:
            rows = await every_open(reads.fetch_open_orders, symbol, self._quirks)
            return [self._report(row) for row in rows]

        return await self._connections.read(ask)

    async def _history(self, symbol: str, since: int | None) -> Sequence[Report]:
        """Orders of any state, or closed and canceled ones where the exchange lists them apart."""

        async def ask(reads: Any) -> Sequence[Report]:
            lists = [reads.fetch_closed_orders]
            if reads.has["fetchOrders"]:
                lists = [reads.fetch_orders]
            elif reads.has["fetchCanceledAndClosedOrders"]:
                lists = [reads.fetch_canceled_and_closed_orders]
            elif reads.has["fetchCanceledOrders"]:
                lists.append(reads.fetch_canceled_orders)
            rows = [await every_row(one, symbol, since, self._quirks) for one in lists]
            return [self._report(row) for some in rows for row in some]

        return await self._connections.read(ask)

    async def _my_trades(self, symbol: str, since: int | None) -> Sequence[Trade]:
        async def ask(reads: Any) -> Sequence[Trade]:
            rows = await every_row(reads.fetch_my_trades, symbol, since, self._quirks)
            return [answers.trade(row) for row in rows]

        return await self._connections.read(ask)

    def _report(self, row: Mapping[str, Any]) -> Report:
        return answers.report(self._quirks.mended(row))

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

    def _look_back(self, key: OrderKey) -> int | None:
        """From when an order's traces are searched, by the exchange's clock, in milliseconds."""
        if key.sent_at is None:
            return None
        return int((key.sent_at - self.clock_ahead - LOOK_BACK).timestamp() * 1000)


def _same(shown: Report, key: OrderKey) -> bool:
    """Whether this is the order looked for: our id decides, the exchange's where ours is not told."""
    if key.client_order_id is not None and shown.client_order_id is not None:
        return shown.client_order_id == key.client_order_id
    return key.venue_order_id is not None and shown.venue_order_id == key.venue_order_id


def _by_time(trade: Trade) -> tuple[datetime, str]:
    return trade.at, trade.trade_id
