"""An order right after the account was read, at each exchange: what has been read must not make it wait.

ccxt's limiter keeps an order back for the reads before it on the same instance; that is shown as well.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from bot.parts import now
from execution.types import Mode, OrderType, Side, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks import quirks_of
from execution.venues.venue import NewOrder, OrderKey
from tests.benchmarks.bench import after_idling
from tests.benchmarks.children import Child, child
from tests.benchmarks.figures import show

ROUNDS = 20
"""Few: at Kraken an account of the lowest tier may be asked once in three seconds."""
SYMBOLS = {"binance": "BTC/USDT", "kraken": "BTC/USD", "coinbase": "BTC/USD"}

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


@dataclass
class Bench:
    """Our venue, and ccxt alone with and without its limiter at an exchange of its own: they share no nonces."""

    name: str
    exchange: Child
    other: Child
    venue: ExchangeVenue
    bare: Any
    limited: Any
    sent: count[int] = field(default_factory=count)
    sent_by_ccxt: count[int] = field(default_factory=count)

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.name]

    def key(self, number: int) -> OrderKey:
        """An order that was sent, or was not, by our id."""
        unique = number.to_bytes(16, "big")
        return OrderKey(client_order_id=self.venue.client_order_id(unique), symbol=self.symbol)

    async def by_venue(self) -> float:
        """Seconds from `send` to the first byte at the exchange."""
        number = next(self.sent)
        client_order_id = self.key(number + 1).client_order_id
        assert client_order_id is not None
        order = NewOrder(
            client_order_id=client_order_id,
            symbol=self.symbol,
            side=Side.BUY,
            type=OrderType.LIMIT,
            amount=Decimal("0.001"),
            price=Decimal(50000),
            time_in_force=TimeInForce.IOC,
        )
        begun = time.monotonic()
        await self.venue.send(order)
        return float(await self.exchange.ask(number)) - begun

    async def by_ccxt(self, ccxt: Any) -> float:
        """The same of an order by ccxt alone."""
        number = next(self.sent_by_ccxt)
        quirks = quirks_of(self.name)
        params = {quirks.send_by: self.key(number + 1).client_order_id, "timeInForce": "IOC"}
        begun = time.monotonic()
        await ccxt.create_order(self.symbol, "limit", "buy", 0.001, 50000, params)
        return float(await self.other.ask(number)) - begun


@asynccontextmanager
async def bench(name: str) -> AsyncIterator[Bench]:
    """All of it, open and warm."""
    async with child("venues", name) as exchange, child("venues", name) as other:
        told, theirs = exchange.hello, other.hello
        quick = {"timeout_on_exit": 1}  # ccxt waits this long in `close`, milliseconds
        venue = ExchangeVenue(
            "main",
            name,
            Mode.LIVE,
            api_key=told["key"],
            secret=told["secret"],
            clock=now,
            overrides=told["ccxt"] | quick,
        )
        await venue.open()
        kind = getattr(importlib.import_module(f"ccxt.async_support.{name}"), name)
        known = {
            "has": {"fetchCurrencies": False},
            "options": quirks_of(name).config.get("options", {}),
        }
        base = {
            "apiKey": theirs["key"],
            "secret": theirs["secret"],
            **known,
            **theirs["ccxt"],
            **quick,
        }
        bare, limited = kind(base | {"enableRateLimit": False}), kind(base)
        await bare.load_markets()
        limited.set_markets_from_exchange(bare)
        try:
            yield Bench(
                name=name, exchange=exchange, other=other, venue=venue, bare=bare, limited=limited
            )
        finally:
            for one in (venue, bare, limited):
                await one.close()


@pytest.mark.parametrize("name", SYMBOLS)
async def test_an_order_right_after_the_account_was_read(name: str) -> None:
    took: dict[str, list[float]] = {}

    async def measure(
        title: str,
        before: Callable[[], Awaitable[object]] | None,
        order: Callable[[], Awaitable[float]],
    ) -> None:
        await after_idling()
        if before is not None:
            await before()
        took.setdefault(title, []).append(1000 * await order())

    async with bench(name) as at:
        venue = at.venue
        await at.by_ccxt(at.bare)
        await at.by_venue()
        known = await venue.find(at.key(1))
        assert known is not None
        first = at.key(1).evolve(venue_order_id=known.venue_order_id)
        for _ in range(ROUNDS):
            await measure("bare ccxt", None, lambda: at.by_ccxt(at.bare))
            await measure("alone", None, at.by_venue)
            await measure("right after a balance", venue.balances, at.by_venue)
            await measure("right after open orders", lambda: venue.open_orders([]), at.by_venue)
            await measure("right after trades", lambda: venue.trades(first), at.by_venue)
        for _ in range(ROUNDS // 4):
            await measure(
                "ccxt with its limiter, right after a balance",
                at.limited.fetch_balance,
                lambda: at.by_ccxt(at.limited),
            )
    show(
        f"{name}: order to its first byte at the exchange",
        "ms",
        took,
        baseline="bare ccxt",
        goal="goal: after each read the same as alone",
    )
