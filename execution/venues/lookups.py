"""Looking for orders and their trades: by id, in the lists of what is open and what was, and in trades.

`exchange.py` asks through it. It must never say "none" of an order before every look-up has answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from execution.errors import OrderUnknown, VenueUnavailable
from execution.orders import ENDED
from execution.record import Record
from execution.venues import answers
from execution.venues.connections import Connections
from execution.venues.paging import Call, every_open, every_row
from execution.venues.quirks import Quirks, WaitingList
from execution.venues.venue import OrderKey, Report, Trade

LOOK_BACK = timedelta(seconds=60)
"""How far before an order was sent its traces are searched: two clocks never quite agree."""
SHOWN_WITHIN = timedelta(minutes=1)
"""How long what an order became may be missing where nobody knows how soon look-ups show it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Waiting(Record):
    """An order of the list of those that wait for a price, or did."""

    shown: Report
    became: str | None
    """The number of the order it is by now, as `WaitingList.became` tells it."""


class Lookups:
    """What an account's exchange knows of orders, over the connection for reads."""

    def __init__(
        self,
        exchange: str,
        connections: Connections,
        quirks: Quirks,
        clock: Callable[[], datetime],
    ) -> None:
        self._exchange, self._connections = exchange, connections
        self._quirks, self._clock = quirks, clock

    async def find(self, key: OrderKey) -> Report | None:
        """One complete round of looking: by id, among open orders, in history, in trades.

        Returns None when every look-up answered and none knew the order.

        Raises:
            VenueUnavailable: a look-up did not answer, so the round does not count.
        """
        waiting = self._quirks.waiting
        if waiting is None or not waiting.has(key.venue_order_id):
            found = await self._find_ordinary(key)
            if found is not None or waiting is None or key.venue_order_id is not None:
                return found
        found = await self._find_waiting(key, waiting)
        if found is None and key.venue_order_id is not None:
            # Its list keeps it no longer; what it has become may still be known by our id.
            found = await self._find_ordinary(key.evolve(venue_order_id=None))
        return found

    async def _find_ordinary(self, key: OrderKey) -> Report | None:
        shown = await self._find_by_id(key)
        if shown is not None:
            return shown
        since = self._look_back(key)
        listed = [*await self._open_orders(key.symbol), *await self._history(key.symbol, since)]
        for one in listed:
            if (known := self._as_known(one, key)) is not None:
                return known
        explained = {one.venue_order_id for one in listed}
        traded = {one.venue_order_id for one in await self._my_trades(key.symbol, since)}
        for venue_order_id in sorted(traded - explained):
            shown = await self._order(key.symbol, venue_order_id, {})
            if shown is None:
                raise VenueUnavailable(
                    f"{self._exchange} shows trades of an order it does not know"
                )
            if (known := self._as_known(shown, key)) is not None:
                return known
        return None

    async def open_orders(self, symbols: Sequence[str]) -> Sequence[Report]:
        """Every open order of the account, ours or not; where the exchange wants a symbol, of those."""
        if self._quirks.waiting is not None:
            waiting = await self._open_waiting(None, self._quirks.waiting)
            # One that is touched meanwhile is told by both, never by none.
            still = [one.shown for one in waiting if not one.became]
            return [*still, *await self._open_orders(None)]
        if not self._quirks.open_orders_need_symbol:
            return await self._open_orders(None)
        return [one for symbol in symbols for one in await self._open_orders(symbol)]

    async def trades(self, key: OrderKey) -> Sequence[Trade]:
        """The trades of one order, oldest first; none for an order the exchange does not know."""
        venue_order_id, waiting = key.venue_order_id, self._quirks.waiting
        if venue_order_id is None or (waiting is not None and waiting.has(venue_order_id)):
            shown = await self.find(key)
            if shown is None or (waiting is not None and waiting.has(shown.venue_order_id)):
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
            raise VenueUnavailable(f"{self._exchange} answered about another order")
        if found is None:
            mine = await self._my_trades(key.symbol, self._look_back(key))
            found = [one for one in mine if one.venue_order_id == venue_order_id]
        return sorted(found, key=_by_time)

    async def _find_by_id(self, key: OrderKey) -> Report | None:
        by = self._quirks.find_by
        if key.venue_order_id is not None:
            shown = await self._order(key.symbol, key.venue_order_id, {})
        elif by is not None and key.client_order_id is not None:
            shown = await self._by_client_id(key.symbol, {by: key.client_order_id})
        else:
            return None
        if shown is None:
            return None
        known = self._as_known(shown, key)
        if known is None:
            raise VenueUnavailable(f"{self._exchange} answered about another order")
        return known

    def _as_known(self, shown: Report, key: OrderKey) -> Report | None:
        """What is shown, if it is the order looked for. One that has waited may bear another client id by
        then: its number decides, and it keeps ours."""
        if _same(shown, key):
            return shown
        if self._quirks.waiting is None or shown.venue_order_id != key.venue_order_id:
            return None
        return shown.evolve(client_order_id=key.client_order_id)

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

    async def _find_waiting(self, key: OrderKey, waiting: WaitingList) -> Report | None:
        """The same among those that wait, or did: what one of them has become is it."""
        found = await self._waiting_by_id(key, waiting)
        if found is None:
            since = self._look_back(key)
            listed = [
                *await self._open_waiting(key.symbol, waiting),
                *await self._waiting_history(key.symbol, since, waiting),
            ]
            found = next((one for one in listed if _same(one.shown, key)), None)
        if found is None:
            return None
        if not _same(found.shown, key):
            raise VenueUnavailable(f"{self._exchange} answered about another order")
        if found.became is None:
            return found.shown
        if not found.became:
            raise VenueUnavailable(f"{self._exchange} does not say which order this one became")
        order = await self._order(key.symbol, found.became, {})
        if order is None:
            return await self._became_nothing(key, found)
        return order.evolve(client_order_id=found.shown.client_order_id)

    async def _became_nothing(self, key: OrderKey, found: _Waiting) -> Report | None:
        """An order that waited and has ended, and the order it became is not known: it traded nothing.

        None where only a person can say that an order is absent: every look-up answered without it.

        Raises:
            VenueUnavailable: that is not certain, or not yet.
        """
        shown, grace = found.shown, self._quirks.visibility_grace
        now = self._clock() - self._connections.clock_ahead
        ended_at = shown.at if shown.state in ENDED else None
        if ended_at is None or now - ended_at < (grace or SHOWN_WITHIN):
            raise VenueUnavailable(f"{self._exchange} does not show what this order became")
        if grace is None:
            return await self._find_ordinary(key.evolve(venue_order_id=found.became))
        trades = await self._my_trades(key.symbol, self._look_back(key))
        if any(one.venue_order_id == found.became for one in trades):
            raise VenueUnavailable(f"{self._exchange} shows trades of an order it does not know")
        return shown

    async def _waiting_by_id(self, key: OrderKey, waiting: WaitingList) -> _Waiting | None:
        number = (key.venue_order_id or "").removeprefix(waiting.mark)
        params = dict(waiting.params)
        if not number and self._quirks.find_by is not None:
            params[self._quirks.find_by] = key.client_order_id

        async def ask(reads: Any) -> _Waiting:
            return self._waited(await reads.fetch_order(number, key.symbol, params), waiting)

        try:
            return await self._connections.read(ask)
        except OrderUnknown:
            return None

    async def _open_waiting(self, symbol: str | None, waiting: WaitingList) -> Sequence[_Waiting]:
        quirks = self._quirks.evolve(pages=waiting.pages)
        which = {**waiting.params, **waiting.open_by}

        async def ask(reads: Any) -> Sequence[_Waiting]:
            rows = await every_open(_with(reads.fetch_open_orders, which), symbol, quirks)
            return [self._waited(row, waiting) for row in rows]

        return await self._connections.read(ask)

    async def _waiting_history(
        self, symbol: str, since: int | None, waiting: WaitingList
    ) -> Sequence[_Waiting]:
        if not waiting.history:
            return []

        async def ask(reads: Any) -> Sequence[_Waiting]:
            rows = await self._every(_with(reads.fetch_orders, waiting.params), symbol, since)
            return [self._waited(row, waiting) for row in rows]

        return await self._connections.read(ask)

    def _waited(self, row: Mapping[str, Any], waiting: WaitingList) -> _Waiting:
        return _Waiting(shown=self._report(row), became=waiting.became(row))

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
            rows = [await self._every(one, symbol, since) for one in lists]
            return [self._report(row) for some in rows for row in some]

        return await self._connections.read(ask)

    async def _my_trades(self, symbol: str, since: int | None) -> Sequence[Trade]:
        async def ask(reads: Any) -> Sequence[Trade]:
            rows = await self._every(reads.fetch_my_trades, symbol, since)
            return [answers.trade(row) for row in rows]

        return await self._connections.read(ask)

    async def _every(self, call: Call, symbol: str, since: int | None) -> list[Any]:
        return await every_row(call, symbol, since, self._quirks, self._theirs(self._clock()))

    def _report(self, row: Mapping[str, Any]) -> Report:
        return answers.report(self._quirks.mended(row))

    def _look_back(self, key: OrderKey) -> int | None:
        """From when an order's traces are searched, by the exchange's clock, in milliseconds."""
        return None if key.sent_at is None else self._theirs(key.sent_at - LOOK_BACK)

    def _theirs(self, at: datetime) -> int:
        """A time of ours by the exchange's clock, in milliseconds."""
        return int((at - self._connections.clock_ahead).timestamp() * 1000)


def _with(call: Call, which: Mapping[str, object]) -> Call:
    """One of ccxt's lists, always with these parameters."""

    async def asked(
        symbol: str | None,
        since: int | None = None,
        limit: int | None = None,
        params: Mapping[str, object] | None = None,
    ) -> Any:
        return await call(symbol, since, limit, {**(params or {}), **which})

    return asked


def _same(shown: Report, key: OrderKey) -> bool:
    """Whether this is the order looked for: our id decides, the exchange's where ours is not told."""
    if key.client_order_id is not None and shown.client_order_id is not None:
        return shown.client_order_id == key.client_order_id
    return key.venue_order_id is not None and shown.venue_order_id == key.venue_order_id


def _by_time(trade: Trade) -> tuple[datetime, str]:
    return trade.at, trade.trade_id
