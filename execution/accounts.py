"""The loop that takes a reading of the accounts every ten seconds.

It asks the venues for what a reading needs and stores what came of it (`readings.py`). Between readings
it keeps the prices of all that is held from ageing; balances are asked for only where `max_drawdown`
wants them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from functools import partial

from execution import equity, funding, limits
from execution.config import Config
from execution.equity import APART
from execution.errors import StoreUnavailable
from execution.market import Market
from execution.readings import Day, Reader, Seen, day_of
from execution.store import Store, Transaction
from execution.symbols import assets

log = logging.getLogger(__name__)

_STEP = 0.5
"""Seconds between looks whether something is due."""
_PRICES_HOLD = timedelta(seconds=5)
"""How often the prices of what is held are asked for, so that none is older than a reading."""
_CALM = 5.0
"""Seconds before it is tried again where the database failed."""
_JUST_BEGUN = timedelta(minutes=1)
"""So soon after a day began the price of now is that of then."""


class Due(Enum):
    """What it is time for."""

    NOTHING = auto()
    PRICES = auto()
    READING = auto()


class Accounts:
    """Takes readings for ever."""

    def __init__(self, *, store: Store, market: Market, config: Config) -> None:
        self._store = store
        self._market = market
        self._config = config
        self._reader = Reader(market, config)
        self._seen = Seen()
        self._asked_at: datetime | None = None
        self._changed = True
        """A venue connected or was lost: a reading is due, whenever the last one was."""
        market.on_change(self._on_change)

    def _on_change(self) -> None:
        self._changed = True

    async def run(self) -> None:
        """Take readings until canceled."""
        while True:
            try:
                await self.turn()
            except StoreUnavailable as error:
                log.critical("no reading of the accounts can be stored: %s", error)
                await asyncio.sleep(_CALM)
            await asyncio.sleep(_STEP)

    async def turn(self) -> None:
        """Take a reading or ask for prices, if that is due."""
        due = await self._store.read(self._due)
        if due is Due.PRICES:
            await self._ask_prices()
        elif due is Due.READING:
            await self._read()

    def _due(self, tx: Transaction) -> Due:
        last, asked_at = tx.accounts.standing(), self._asked_at
        began = equity.day_start(tx.now, self._config.zone)
        read = last is not None and began <= last.at <= tx.now < last.at + APART
        if not read or self._changed:
            return Due.READING
        asked = asked_at is not None and asked_at <= tx.now < asked_at + _PRICES_HOLD
        return Due.NOTHING if asked else Due.PRICES

    async def _ask_prices(self) -> None:
        """Have the prices of what is held as fresh as they can be."""

        def held(tx: Transaction) -> tuple[datetime, set[equity.Market]]:
            return tx.now, {(one.venue, one.symbol) for one in tx.positions.open()}

        self._asked_at, markets = await self._store.read(held)
        await self._ask(markets, {(venue, assets(symbol)[1]) for venue, symbol in markets})

    async def _read(self) -> None:
        """Take a reading."""
        self._changed = False
        day, balances, unopened = await self._store.read(self._wanted)
        self._asked_at = day.at
        units = {(venue, assets(symbol)[1]) for venue, symbol in day.markets}
        await self._ask(day.markets, units | day.realized.keys(), balances=balances)
        # After the balances: what these show is explained by then.
        feeds = self._market.feeds().values()
        await asyncio.gather(*(funding.look(feed, self._store) for feed in feeds))
        opened = await self._opened(day, unopened)
        take = partial(self._reader.take, seen=self._seen, day=day, opened=opened)
        self._seen = await self._store.write(take)

    def _wanted(self, tx: Transaction) -> tuple[Day, bool, list[equity.Market]]:
        """The day so far, whether balances are wanted, and the markets whose opening price is."""
        day = day_of(tx, self._market, self._config)
        balances = limits.in_force(tx, self._config.limits).max_drawdown is not None
        known = tx.accounts.day_prices(day.day).keys()
        return day, balances, sorted({(h.venue, h.symbol) for h in day.then} - known)

    async def _ask(
        self, markets: Iterable[equity.Market], units: Set[equity.Unit], *, balances: bool = False
    ) -> None:
        """Ask every venue that answers for its part of the prices, rates and balances."""
        asks = [
            self._market.refresh(
                name,
                [symbol for venue, symbol in markets if venue == name],
                [asset for venue, asset in units if venue == name],
                balances=balances,
            )
            for name, feed in self._market.feeds().items()
            if feed.connected
        ]
        await asyncio.gather(*asks)

    async def _opened(
        self, day: Day, unopened: Sequence[equity.Market]
    ) -> Mapping[equity.Market, Decimal]:
        """The prices of when the day began, by the candles, where that is a while ago."""
        if day.at - day.began < _JUST_BEGUN:
            return {}
        markets = [market for market in unopened if self._market.feed(market[0]).connected]
        prices = await asyncio.gather(
            *(self._market.opened_at(*market, day.began) for market in markets)
        )
        return {m: price for m, price in zip(markets, prices, strict=True) if price is not None}
