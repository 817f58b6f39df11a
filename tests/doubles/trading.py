"""The account behind every loopback exchange: books, orders, matching.

`spot_account.py` and the account of contracts say what an order holds and how money changes hands; each
exchange's own module how an order is asked for, refused and shown. It decides everything from what it was
told: no randomness, and the only clock is the one given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

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
    """`LIMIT`, or `LIMIT_MAKER` for one that may only rest; with a stop, a name that says which kind."""
    time_in_force: str
    price: Decimal
    """Its limit; zero for one that takes the market."""
    amount: Decimal
    time: int
    updated: int
    status: str = "NEW"
    filled: Decimal = ZERO
    spent: Decimal = ZERO
    stop: Decimal = ZERO
    """What the last price must touch first; of a trailing stop, where that is by now."""
    share: Decimal = ZERO
    """The distance that a trailing stop keeps, as a share of the price..."""
    distance: Decimal = ZERO
    """... or in quote currency."""
    waits: bool = False
    """Whether its stop was not touched yet."""
    held_at: Decimal = ZERO
    """The price by which a buy without a limit holds quote currency."""
    ends: int | None = None
    """When a good-till-date order expires, in milliseconds."""

    @property
    def rest(self) -> Decimal:
        return self.amount - self.filled

    @property
    def trails(self) -> bool:
        return bool(self.share or self.distance)

    @property
    def fires_above(self) -> bool:
        """Whether a rising price touches its stop: a buy's stop, a sell's target."""
        return (self.side == "BUY") == ("STOP" in self.type)

    def touched(self, last: Decimal) -> bool:
        """Whether this price touches its stop."""
        return last >= self.stop if self.fires_above else last <= self.stop

    def follow(self, last: Decimal) -> None:
        """Move a trailing stop after the price, in the order's favour only."""
        gap = (self.distance or last * self.share) * (1 if self.side == "BUY" else -1)
        nearer = min if self.side == "BUY" else max
        self.stop = nearer(self.stop, last + gap) if self.stop else last + gap


@dataclass(slots=True)
class Book:
    """What the account's orders meet: levels of price and base amount, best first."""

    bids: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    asks: list[tuple[Decimal, Decimal]] = field(default_factory=list)


class TradingAccount:
    """One account at an exchange that trades with nobody else.

    `accepted` is the oracle of every test: each order taken, in order, whatever was answered.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self.books: dict[str, Book] = {}
        self.last: dict[str, Decimal] = {}
        """The price of the last trade, which touches stops: the middle of the book."""
        self.accepted: list[Order] = []
        self.trades: list[dict[str, Any]] = []
        self.on_order: list[Callable[[Order, str, dict[str, Any] | None], None]] = []
        """Called with every change of an order: `NEW`, `TRADE` with its row, `CANCELED`, `EXPIRED`."""
        self.on_book: list[Callable[[str], None]] = []
        """Called with the market whose book was set."""
        self._now = now

    # What each kind of account, and each exchange, has its own words for

    def admit(self, order: Order) -> None:
        """Hold what a new order needs; it raises what refuses the order."""
        raise NotImplementedError

    def settle(self, order: Order, amount: Decimal, price: Decimal, maker: bool) -> dict[str, Any]:
        """Let money change hands; returns the trade as the exchange shows it."""
        raise NotImplementedError

    def release(self, order: Order) -> None:
        """Give back what the rest of an order holds."""

    def not_open(self) -> Exception:
        raise NotImplementedError

    def set_book(
        self,
        symbol: str,
        *,
        bid: str,
        ask: str,
        bid_amount: str = str(PLENTY),
        ask_amount: str = str(PLENTY),
    ) -> None:
        """One level on each side; resting orders that it crosses fill at their own price, and stops that
        the price touches fire."""
        self.books[symbol] = Book(
            bids=[(Decimal(bid), Decimal(bid_amount))], asks=[(Decimal(ask), Decimal(ask_amount))]
        )
        self.last[symbol] = (Decimal(bid) + Decimal(ask)) / 2
        for order in self.open_orders(symbol):
            self.meet(order)
        for tell in self.on_book:
            tell(symbol)

    def meet(self, order: Order) -> None:
        """Let an order that rests meet the book that was set."""
        self._match(order, maker=True)

    def expire(self) -> None:
        """End what is past its date."""
        for order in self.open_orders():
            if order.ends is not None and order.ends <= self._now():
                self._end(order, "EXPIRED")

    def take(self, order: Order) -> list[dict[str, Any]]:
        """Take a new order, match it, and return its trades; it raises what refuses it."""
        self.admit(order)
        meets = self._fillable(order)
        self.accepted.append(order)
        self._changed(order, "NEW")
        if order.waits:
            return []
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
        assert not order.waits, "its stop was not touched yet"
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
        if not order.price:
            return True
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
        order.filled += amount
        order.spent += amount * price
        order.status = "PARTIALLY_FILLED" if order.rest > ZERO else "FILLED"
        order.updated = self._now()
        row = self.settle(order, amount, price, maker)
        self.trades.append(row)
        self._changed(order, "TRADE", row)

    def _end(self, order: Order, status: str) -> None:
        self.release(order)
        order.status, order.updated = status, self._now()
        self._changed(order, status)

    def _changed(self, order: Order, how: str, trade: dict[str, Any] | None = None) -> None:
        for tell in self.on_order:
            tell(order, how, trade)
