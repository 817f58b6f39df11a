"""The spot account behind every loopback exchange: books, balances, orders, matching.

Each exchange's own module says how an order is asked for, refused and shown. It decides everything
from what it was told: no randomness, and the only clock is the one given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

ZERO = Decimal(0)
PLENTY = Decimal("1000000")
OPEN = ("NEW", "PARTIALLY_FILLED")


@dataclass(slots=True)
class Order:
    """One accepted order."""

    id: int
    client_id: str
    symbol: str
    side: str
    """`BUY` or `SELL`."""
    type: str
    """`LIMIT`, or `LIMIT_MAKER` for one that may only rest."""
    time_in_force: str
    price: Decimal
    amount: Decimal
    time: int
    updated: int
    status: str = "NEW"
    filled: Decimal = ZERO
    spent: Decimal = ZERO

    @property
    def rest(self) -> Decimal:
        return self.amount - self.filled


@dataclass(slots=True)
class Book:
    """What the account's orders meet: levels of price and base amount, best first."""

    bids: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    asks: list[tuple[Decimal, Decimal]] = field(default_factory=list)


class SpotAccount:
    """One spot account at an exchange that trades with nobody else.

    `accepted` is the oracle of every test: each order taken, in order, whatever was answered.
    """

    fee: ClassVar[Decimal]
    """The share of a trade that is kept."""
    fee_in_quote: ClassVar[bool]
    """Whether it is taken from the quote asset always; else from what was got."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.books: dict[str, Book] = {}
        self.free: dict[str, Decimal] = {}
        self.locked: dict[str, Decimal] = {}
        self.accepted: list[Order] = []
        self.trades: list[dict[str, Any]] = []
        self._now = now

    # What each exchange has its own words for

    def assets(self, symbol: str) -> tuple[str, str]:
        """The base and the quote asset of a market."""
        raise NotImplementedError

    def short_of_funds(self) -> Exception:
        raise NotImplementedError

    def would_take(self) -> Exception:
        raise NotImplementedError

    def not_open(self) -> Exception:
        raise NotImplementedError

    def trade_row(
        self, order: Order, amount: Decimal, price: Decimal, fee: tuple[Decimal, str], maker: bool
    ) -> dict[str, Any]:
        """A trade as the exchange shows it."""
        raise NotImplementedError

    def deposit(self, asset: str, amount: str) -> None:
        """Give the account this much of an asset, instead of what was free."""
        self.free[asset] = Decimal(amount)

    def set_book(
        self,
        symbol: str,
        *,
        bid: str,
        ask: str,
        bid_amount: str = str(PLENTY),
        ask_amount: str = str(PLENTY),
    ) -> None:
        """One level on each side; resting orders that it crosses fill at their own price."""
        self.books[symbol] = Book(
            bids=[(Decimal(bid), Decimal(bid_amount))], asks=[(Decimal(ask), Decimal(ask_amount))]
        )
        for order in self.open_orders(symbol):
            self._match(order, maker=True)

    def take(self, order: Order) -> list[dict[str, Any]]:
        """Take a new order, match it, and return its trades; it raises what refuses it."""
        asset, amount = self._held_by(order, order.amount)
        if self.free.get(asset, ZERO) < amount:
            raise self.short_of_funds()
        meets = self._fillable(order)
        if order.type == "LIMIT_MAKER" and meets > ZERO:
            raise self.would_take()
        self._hold(asset, amount)
        self.accepted.append(order)
        before = len(self.trades)
        if order.time_in_force != "FOK" or meets >= order.amount:
            self._match(order, maker=False)
        if order.time_in_force in ("IOC", "FOK") and order.status in OPEN:
            self._end(order, "EXPIRED")
        return self.trades[before:]

    def cancel(self, order: Order) -> None:
        """Cancel the rest of an order; it raises what refuses that."""
        if order.status not in OPEN:
            raise self.not_open()
        self._end(order, "CANCELED")

    def fill(self, client_id: str, amount: str, price: str | None = None) -> None:
        """Let somebody trade with a resting order: this much, at its own price or the one given."""
        order = self.find(client_id=client_id)
        assert order is not None, f"no order {client_id}"
        assert order.rest >= Decimal(amount), "more than its rest"
        self._trade(order, Decimal(amount), order.price if price is None else Decimal(price), True)

    def find(self, *, client_id: str | None = None, id: int | None = None) -> Order | None:
        """The newest order with this id."""
        for order in reversed(self.accepted):
            if order.id == id or (id is None and order.client_id == client_id):
                return order
        return None

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Orders still open, oldest first."""
        return [o for o in self.accepted if o.status in OPEN and symbol in (None, o.symbol)]

    def _levels(self, order: Order) -> list[tuple[Decimal, Decimal]]:
        book = self.books.get(order.symbol, Book())
        return book.asks if order.side == "BUY" else book.bids

    def _crosses(self, order: Order, price: Decimal) -> bool:
        return price <= order.price if order.side == "BUY" else price >= order.price

    def _fillable(self, order: Order) -> Decimal:
        levels = self._levels(order)
        return sum((amount for price, amount in levels if self._crosses(order, price)), ZERO)

    def _match(self, order: Order, *, maker: bool) -> None:
        """Trade against the book, taking from its levels, as far as the limit allows."""
        levels = self._levels(order)
        while levels and order.rest > ZERO and self._crosses(order, levels[0][0]):
            price, offered = levels.pop(0)
            amount = min(offered, order.rest)
            if amount > ZERO:
                self._trade(order, amount, order.price if maker else price, maker)
            if offered > amount:
                levels.insert(0, (price, offered - amount))

    def _trade(self, order: Order, amount: Decimal, price: Decimal, maker: bool) -> None:
        base, quote = self.assets(order.symbol)
        buys, cost = order.side == "BUY", amount * price
        got, gained = (base, amount) if buys else (quote, cost)
        kept_in, kept = (quote, cost * self.fee) if self.fee_in_quote else (got, gained * self.fee)
        asset, held = self._held_by(order, amount)
        self.locked[asset] -= held
        self.free[asset] += held - (cost if buys else amount)
        self.free[got] = self.free.get(got, ZERO) + gained
        self.free[kept_in] -= kept
        order.filled += amount
        order.spent += cost
        order.status = "PARTIALLY_FILLED" if order.rest > ZERO else "FILLED"
        order.updated = self._now()
        self.trades.append(self.trade_row(order, amount, price, (kept, kept_in), maker))

    def _held_by(self, order: Order, amount: Decimal) -> tuple[str, Decimal]:
        """What this much of the order keeps locked: quote for a buy, base for a sell."""
        base, quote = self.assets(order.symbol)
        return (quote, amount * order.price) if order.side == "BUY" else (base, amount)

    def _hold(self, asset: str, amount: Decimal) -> None:
        self.free[asset] -= amount
        self.locked[asset] = self.locked.get(asset, ZERO) + amount

    def _end(self, order: Order, status: str) -> None:
        asset, amount = self._held_by(order, order.rest)
        self._hold(asset, -amount)
        order.status, order.updated = status, self._now()
