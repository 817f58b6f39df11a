"""What the tests of the paper venue share: the venue on a market set by hand, an order, its key."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from execution.instruments import MarketKind
from execution.symbols import is_spot
from execution.types import OrderType, Side, TimeInForce
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from execution.venues.venue import NewOrder, OrderKey, Report
from tests.clock import Clock

BTC = "BTC/USDT"
PERP = "BTC/USDT:USDT"


class Desk:
    """A venue on a scripted market at a bid of 60 000, and short words for what tests do with it."""

    def __init__(
        self, path: Path | str, symbol: str = BTC, *, leverage: Decimal = Decimal(1)
    ) -> None:
        """It trades this symbol's kind of market, and orders are for it."""
        self.path = path
        self.symbol = symbol
        self.kind = MarketKind.SPOT if is_spot(symbol) else MarketKind.SWAP
        self.leverage = leverage
        self.clock = Clock()
        self.market = ScriptedMarket()
        self.venue = self.again()
        self.sent = 0

    def again(self) -> PaperVenue:
        """The venue of another process on the same books."""
        return PaperVenue(
            "main",
            self.path,
            self.clock,
            market=self.market,
            kind=self.kind,
            leverage=self.leverage,
        )

    @property
    def now(self) -> datetime:
        return self.clock()

    def order(self, side: Side, amount: str, price: str | None, **changes: object) -> NewOrder:
        self.sent += 1
        return NewOrder(
            client_order_id=self.venue.client_order_id(self.sent.to_bytes(16, "big")),
            symbol=self.symbol,
            side=side,
            type=OrderType.LIMIT,
            amount=Decimal(amount),
            price=None if price is None else Decimal(price),
            time_in_force=TimeInForce.GTC,
        ).evolve(**changes)

    async def buy(self, amount: str, price: str | None, **changes: object) -> Report:
        return await self.venue.send(self.order(Side.BUY, amount, price, **changes))

    async def sell(self, amount: str, price: str | None, **changes: object) -> Report:
        return await self.venue.send(self.order(Side.SELL, amount, price, **changes))

    async def position(self) -> Decimal:
        """Contracts held, negative when short."""
        return (await self.venue.contracts()).positions.get(self.symbol, Decimal(0))

    async def look(self, report: Report) -> Report:
        found = await self.venue.find(key_of(report))
        assert found is not None
        return found


def key_of(report: Report) -> OrderKey:
    assert report.client_order_id is not None
    return OrderKey(client_order_id=report.client_order_id, symbol=report.symbol)
