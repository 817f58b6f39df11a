"""The spot account behind every loopback exchange: balances, what orders hold of them, stops."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from tests.doubles.trading import OPEN, ZERO, Order, TradingAccount

STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


class SpotAccount(TradingAccount):
    """One spot account."""

    fee: ClassVar[Decimal]
    """The share of a trade that is kept."""
    fee_in_quote: ClassVar[bool]
    """Whether it is taken from the quote asset always; else from what was got."""

    def __init__(self, now: Callable[[], int]) -> None:
        super().__init__(now)
        self.free: dict[str, Decimal] = {}
        self.locked: dict[str, Decimal] = {}

    # What each exchange has its own words for

    def assets(self, symbol: str) -> tuple[str, str]:
        """The base and the quote asset of a market."""
        raise NotImplementedError

    def short_of_funds(self) -> Exception:
        raise NotImplementedError

    def would_take(self) -> Exception:
        raise NotImplementedError

    def would_trigger(self, order: Order) -> Exception:
        """What is said of a stop that the market is past already."""
        raise NotImplementedError

    def trade_row(
        self, order: Order, amount: Decimal, price: Decimal, fee: tuple[Decimal, str], maker: bool
    ) -> dict[str, Any]:
        """A trade as the exchange shows it."""
        raise NotImplementedError

    def deposit(self, asset: str, amount: str) -> None:
        """Give the account this much of an asset, instead of what was free."""
        self.free[asset] = Decimal(amount)

    def meet(self, order: Order) -> None:
        last = self.last[order.symbol]
        if order.trails and order.waits:
            order.follow(last)
        if not order.waits:
            super().meet(order)
        elif order.touched(last):
            self._fire(order)

    def admit(self, order: Order) -> None:
        if order.type in STOPS:
            self._wait(order)
        asset, amount = self._held_by(order, order.amount)
        if self.free.get(asset, ZERO) < amount:
            raise self.short_of_funds()
        if order.type == "LIMIT_MAKER" and self._fillable(order) > ZERO:
            raise self.would_take()
        self._hold(asset, amount)

    def settle(self, order: Order, amount: Decimal, price: Decimal, maker: bool) -> dict[str, Any]:
        base, quote = self.assets(order.symbol)
        buys, cost = order.side == "BUY", amount * price
        got, gained = (base, amount) if buys else (quote, cost)
        kept_in, kept = (quote, cost * self.fee) if self.fee_in_quote else (got, gained * self.fee)
        asset, held = self._held_by(order, amount)
        self.locked[asset] -= held
        self.free[asset] += held - (cost if buys else amount)
        self.free[got] = self.free.get(got, ZERO) + gained
        self.free[kept_in] -= kept
        return self.trade_row(order, amount, price, (kept, kept_in), maker)

    def release(self, order: Order) -> None:
        asset, amount = self._held_by(order, order.rest)
        self._hold(asset, -amount)

    def _wait(self, order: Order) -> None:
        """Let a new order wait for its stop; it raises what is said when the market is past that."""
        last = self.last[order.symbol]
        if order.trails:
            order.follow(last)
        elif order.touched(last):
            raise self.would_trigger(order)
        order.waits, order.held_at = True, order.stop

    def _fire(self, order: Order) -> None:
        """Its stop was touched: it takes what it may; without a limit nothing of it stays."""
        order.waits = False
        self._match(order, maker=False)
        if not order.price and order.status in OPEN:
            self._end(order, "EXPIRED")

    def _held_by(self, order: Order, amount: Decimal) -> tuple[str, Decimal]:
        """What this much of the order keeps locked: quote for a buy, base for a sell."""
        base, quote = self.assets(order.symbol)
        price = order.price or order.held_at
        return (quote, amount * price) if order.side == "BUY" else (base, amount)

    def _hold(self, asset: str, amount: Decimal) -> None:
        self.free[asset] -= amount
        self.locked[asset] = self.locked.get(asset, ZERO) + amount
