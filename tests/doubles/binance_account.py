"""The exchange behind the loopback Binance: markets, books, one account, matching.

`binance.py` puts HTTP in front of it; tests set books, fill resting orders and look at `accepted`.
It decides everything from what it was told: no randomness, and the only clock is the one given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)
FEE = Decimal("0.001")
PLENTY = Decimal("1000000")
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
OPEN = ("NEW", "PARTIALLY_FILLED")


class Refused(Exception):
    """An error as Binance tells it: a code, a message, an HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(slots=True)
class Market:
    """One market's filters, as `exchangeInfo` tells them."""

    base: str
    quote: str
    tick: str
    step: str
    max_price: str = "1000000.00000000"
    min_notional: str = "5.00000000"
    status: str = "TRADING"

    @property
    def symbol(self) -> str:
        return self.base + self.quote

    def info(self) -> dict[str, Any]:
        """This market's entry in `exchangeInfo`."""
        return {
            "symbol": self.symbol,
            "status": self.status,
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": self.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER"],
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "quoteOrderQtyMarketAllowed": False,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": self.tick,
                    "maxPrice": self.max_price,
                    "tickSize": self.tick,
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": self.step,
                    "maxQty": "9000.00000000",
                    "stepSize": self.step,
                },
                {
                    "filterType": "NOTIONAL",
                    "minNotional": self.min_notional,
                    "applyMinToMarket": True,
                    "maxNotional": "9000000.00000000",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
        }


@dataclass(slots=True)
class Order:
    """One accepted order."""

    id: int
    client_id: str
    symbol: str
    side: str
    type: str
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

    def row(self) -> dict[str, Any]:
        """As `GET /api/v3/order` shows it."""
        return {
            "symbol": self.symbol,
            "orderId": self.id,
            "orderListId": -1,
            "clientOrderId": self.client_id,
            "price": eight(self.price),
            "origQty": eight(self.amount),
            "executedQty": eight(self.filled),
            "cummulativeQuoteQty": eight(self.spent),
            "status": self.status,
            "timeInForce": self.time_in_force,
            "type": self.type,
            "side": self.side,
            "stopPrice": "0.00000000",
            "icebergQty": "0.00000000",
            "time": self.time,
            "updateTime": self.updated,
            "isWorking": True,
            "workingTime": self.time,
            "origQuoteOrderQty": "0.00000000",
            "selfTradePreventionMode": "EXPIRE_MAKER",
        }


@dataclass(slots=True)
class Book:
    """What the account's orders meet: levels of price and base amount, best first."""

    bids: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    asks: list[tuple[Decimal, Decimal]] = field(default_factory=list)


def eight(value: Decimal) -> str:
    """A number with eight decimals, as Binance writes every amount and price."""
    return f"{value:.8f}"


class Account:
    """One spot account at an exchange that trades with nobody else.

    `accepted` is the oracle of every test: each order taken, in order, whatever was answered.
    """

    def __init__(self, markets: Iterable[Market], now: Callable[[], int]) -> None:
        self.markets: dict[str, Market] = {market.symbol: market for market in markets}
        self.books: dict[str, Book] = {}
        self.free: dict[str, Decimal] = {}
        self.locked: dict[str, Decimal] = {}
        self.accepted: list[Order] = []
        self.trades: list[dict[str, Any]] = []
        self._now = now

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

    def place(self, asked: Mapping[str, str]) -> tuple[Order, list[dict[str, Any]]]:
        """Take a new order, match it, and return it with its fills.

        Raises:
            Refused: nothing was taken.
        """
        order = self._checked(asked)
        asset, amount = self._held_by(order, order.amount)
        if self.free.get(asset, ZERO) < amount:
            raise Refused(-2010, "Account has insufficient balance for requested action.")
        meets = self._fillable(order)
        if order.type == "LIMIT_MAKER" and meets > ZERO:
            raise Refused(-2010, "Order would immediately match and take.")
        self._hold(asset, amount)
        self.accepted.append(order)
        before = len(self.trades)
        if order.time_in_force != "FOK" or meets >= order.amount:
            self._match(order, maker=False)
        if order.time_in_force in ("IOC", "FOK") and order.status in OPEN:
            self._end(order, "EXPIRED")
        return order, self.trades[before:]

    def cancel(self, order: Order) -> None:
        """Cancel the rest of an order.

        Raises:
            Refused: it is not open.
        """
        if order.status not in OPEN:
            raise Refused(-2011, "Unknown order sent.")
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

    def balances(self) -> list[dict[str, str]]:
        """As `GET /api/v3/account` shows them."""
        return [
            {
                "asset": asset,
                "free": eight(self.free.get(asset, ZERO)),
                "locked": eight(self.locked.get(asset, ZERO)),
            }
            for asset in sorted(self.free.keys() | self.locked.keys())
        ]

    def market(self, symbol: str | None) -> Market:
        """The market of this symbol.

        Raises:
            Refused: there is none.
        """
        if symbol is None:
            raise Refused(
                -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
            )
        if symbol not in self.markets:
            raise Refused(-1121, "Invalid symbol.")
        return self.markets[symbol]

    def _checked(self, asked: Mapping[str, str]) -> Order:
        market = self.market(asked.get("symbol"))
        kind, side, tif = asked.get("type"), asked.get("side"), asked.get("timeInForce")
        if side not in ("BUY", "SELL"):
            raise Refused(-1117, "Invalid side.")
        if kind not in ("LIMIT", "LIMIT_MAKER"):
            raise Refused(-1116, "Invalid orderType.")
        if kind == "LIMIT_MAKER" and tif is not None:
            raise Refused(-1106, "Parameter 'timeInForce' sent when not required.")
        if kind == "LIMIT" and tif not in ("GTC", "IOC", "FOK"):
            raise Refused(-1115, "Invalid timeInForce.")
        client_id = asked.get("newClientOrderId", f"double-{len(self.accepted) + 1}")
        if not _CLIENT_ID.fullmatch(client_id):
            raise Refused(-1100, "Illegal characters found in parameter 'newClientOrderId'.")
        price, amount = _number(asked, "price"), _number(asked, "quantity")
        _check_filters(market, price, amount)
        if any(order.client_id == client_id for order in self.open_orders()):
            raise Refused(-2010, "Duplicate order sent.")
        now = self._now()
        return Order(
            id=1000 + len(self.accepted),
            client_id=client_id,
            symbol=market.symbol,
            side=side,
            type=kind,
            time_in_force=tif or "GTC",
            price=price,
            amount=amount,
            time=now,
            updated=now,
        )

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
        market = self.markets[order.symbol]
        got, gained = (
            (market.base, amount) if order.side == "BUY" else (market.quote, amount * price)
        )
        asset, held = self._held_by(order, amount)
        paid = amount * price if order.side == "BUY" else amount
        self.locked[asset] -= held
        self.free[asset] += held - paid
        self.free[got] = self.free.get(got, ZERO) + gained * (1 - FEE)
        order.filled += amount
        order.spent += amount * price
        order.status = "PARTIALLY_FILLED" if order.rest > ZERO else "FILLED"
        order.updated = self._now()
        self.trades.append(
            {
                "symbol": order.symbol,
                "id": 5000 + len(self.trades),
                "orderId": order.id,
                "orderListId": -1,
                "price": eight(price),
                "qty": eight(amount),
                "quoteQty": eight(amount * price),
                "commission": eight(gained * FEE),
                "commissionAsset": got,
                "time": order.updated,
                "isBuyer": order.side == "BUY",
                "isMaker": maker,
                "isBestMatch": True,
            }
        )

    def _held_by(self, order: Order, amount: Decimal) -> tuple[str, Decimal]:
        """What this much of the order keeps locked: quote for a buy, base for a sell."""
        market = self.markets[order.symbol]
        buys = order.side == "BUY"
        return (market.quote, amount * order.price) if buys else (market.base, amount)

    def _hold(self, asset: str, amount: Decimal) -> None:
        self.free[asset] -= amount
        self.locked[asset] = self.locked.get(asset, ZERO) + amount

    def _end(self, order: Order, status: str) -> None:
        asset, amount = self._held_by(order, order.rest)
        self._hold(asset, -amount)
        order.status, order.updated = status, self._now()


def _number(asked: Mapping[str, str], name: str) -> Decimal:
    text = asked.get(name, "")
    if not text:
        raise Refused(
            -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        )
    if not _NUMBER.fullmatch(text):
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'.")
    if len(text.partition(".")[2]) > 8:
        raise Refused(-1111, f"Parameter '{name}' has too much precision.")
    return Decimal(text)


def _check_filters(market: Market, price: Decimal, amount: Decimal) -> None:
    if market.status != "TRADING":
        raise Refused(-1013, "Market is closed.")
    tick, step = Decimal(market.tick), Decimal(market.step)
    if price % tick or not tick <= price <= Decimal(market.max_price):
        raise Refused(-1013, "Filter failure: PRICE_FILTER")
    if amount % step or not step <= amount <= Decimal("9000"):
        raise Refused(-1013, "Filter failure: LOT_SIZE")
    if not Decimal(market.min_notional) <= price * amount <= Decimal("9000000"):
        raise Refused(-1013, "Filter failure: NOTIONAL")
