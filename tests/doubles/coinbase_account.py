"""The exchange behind the loopback Coinbase: products, one account, the rules an order must keep.

`coinbase.py` puts HTTP in front of it. Amounts, names and refusals are written as Coinbase writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.doubles.spot_account import SpotAccount
from tests.doubles.trading import ZERO, Order

_STATUS = {
    "NEW": "OPEN",
    "PARTIALLY_FILLED": "OPEN",
    "FILLED": "FILLED",
    "CANCELED": "CANCELLED",
    "EXPIRED": "CANCELLED",
}
_CONFIGURATIONS = {
    "limit_limit_gtc": ("LIMIT", "GTC"),
    "limit_limit_gtd": ("LIMIT", "GTD"),
    "sor_limit_ioc": ("LIMIT", "IOC"),
    "limit_limit_fok": ("LIMIT", "FOK"),
    "stop_limit_stop_limit_gtc": ("STOP_LOSS_LIMIT", "GTC"),
    "stop_limit_stop_limit_gtd": ("STOP_LOSS_LIMIT", "GTD"),
}
_NAMES = {kind: name for name, kind in _CONFIGURATIONS.items()}
_DIRECTIONS = {"STOP_DIRECTION_STOP_UP": True, "STOP_DIRECTION_STOP_DOWN": False}
_TIME_IN_FORCE = {
    "GTC": "GOOD_UNTIL_CANCELLED",
    "IOC": "IMMEDIATE_OR_CANCEL",
    "FOK": "FILL_OR_KILL",
    "GTD": "GOOD_UNTIL_DATE_TIME",
}


class Refused(Exception):
    """A failure that Coinbase tells with HTTP status 200: a reason and a message."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


@dataclass(slots=True)
class Product:
    """One product, as `market/products` tells it."""

    base: str
    quote: str
    tick: str
    step: str
    trading_disabled: bool = False
    alias: str = ""
    """The product whose book it shares."""

    @property
    def id(self) -> str:
        return f"{self.base}-{self.quote}"

    def info(self) -> dict[str, Any]:
        """This product's entry in `market/products`."""
        return {
            "product_id": self.id,
            "base_increment": self.step,
            "quote_increment": self.tick,
            "price_increment": self.tick,
            "quote_min_size": "1",
            "quote_max_size": "150000000",
            "base_min_size": self.step,
            "base_max_size": "3400",
            "base_name": self.base,
            "quote_name": self.quote,
            "is_disabled": False,
            "status": "online",
            "cancel_only": False,
            "limit_only": False,
            "post_only": False,
            "trading_disabled": self.trading_disabled,
            "auction_mode": False,
            "product_type": "SPOT",
            "quote_currency_id": self.quote,
            "base_currency_id": self.base,
            "alias": self.alias,
            "alias_to": [],
            "product_venue": "CBE",
        }


def order_id(order: Order) -> str:
    """Coinbase's own id of an order."""
    return str(UUID(int=(0xC0 << 120) + order.id))


def at(milliseconds: int) -> str:
    """A time as Coinbase writes it."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


class Account(SpotAccount):
    """One spot account at Coinbase; fees are always in the quote asset."""

    fee = Decimal("0.008")
    fee_in_quote = True

    def __init__(self, products: Iterable[Product], now: Callable[[], int]) -> None:
        super().__init__(now)
        self.products: dict[str, Product] = {one.id: replace(one) for one in products}

    def assets(self, symbol: str) -> tuple[str, str]:
        return self.products[symbol].base, self.products[symbol].quote

    def short_of_funds(self) -> Exception:
        return Refused("INSUFFICIENT_FUND", "Insufficient balance in source account")

    def would_take(self) -> Exception:
        return Refused("INVALID_LIMIT_PRICE_POST_ONLY", "Post only order would take")

    def would_trigger(self, order: Order) -> Exception:
        side = "BELOW" if order.fires_above else "ABOVE"
        return Refused(f"PREVIEW_STOP_PRICE_{side}_LAST_TRADE_PRICE")

    def not_open(self) -> Exception:
        return Refused("UNKNOWN_CANCEL_ORDER")

    def trade_row(
        self, order: Order, amount: Decimal, price: Decimal, fee: tuple[Decimal, str], maker: bool
    ) -> dict[str, Any]:
        number = len(self.trades) + 1
        return {
            "entry_id": f"entry-{number}",
            "trade_id": str(UUID(int=(0xFE << 120) + number)),
            "order_id": order_id(order),
            "trade_time": at(order.updated),
            "trade_type": "FILL",
            "price": f"{price:f}",
            "size": f"{amount:f}",
            "commission": f"{fee[0]:f}",
            "product_id": order.symbol,
            "sequence_timestamp": at(order.updated),
            "liquidity_indicator": "MAKER" if maker else "TAKER",
            "size_in_quote": False,
            "user_id": "11111111-1111-1111-1111-111111111111",
            "side": order.side,
        }

    def shown(self, order: Order) -> dict[str, Any]:
        """An order as every list and look-up shows it."""
        expired = order.status == "EXPIRED" and order.ends is not None
        return {
            "order_id": order_id(order),
            "product_id": order.symbol,
            "user_id": "11111111-1111-1111-1111-111111111111",
            "order_configuration": _configuration(order),
            "side": order.side,
            "client_order_id": order.client_id,
            "status": "EXPIRED" if expired else _STATUS.get(order.status, order.status),
            "time_in_force": _TIME_IN_FORCE[order.time_in_force],
            "created_time": at(order.time),
            "completion_percentage": f"{100 * order.filled / order.amount:.2f}",
            "filled_size": f"{order.filled:f}",
            "average_filled_price": f"{order.spent / order.filled if order.filled else 0:f}",
            "fee": "",
            "number_of_fills": "1" if order.filled else "0",
            "filled_value": f"{order.spent:f}",
            "pending_cancel": False,
            "size_in_quote": False,
            "total_fees": f"{order.spent * self.fee:f}",
            "size_inclusive_of_fees": False,
            "total_value_after_fees": f"{order.spent * (1 + self.fee):f}",
            "trigger_status": _trigger_status(order),
            "order_type": "STOP_LIMIT" if order.stop else "LIMIT",
            "reject_reason": "REJECT_REASON_UNSPECIFIED",
            "settled": order.status == "FILLED",
            "product_type": "SPOT",
            "reject_message": "",
            "cancel_message": "",
        }

    def place(self, asked: Mapping[str, Any]) -> Order:
        """Take a new order and match it; an id that was used names the order that is there already.

        Raises:
            Refused: nothing was taken.
        """
        known = self.find(client_id=asked["client_order_id"])
        if known is not None:
            return known
        order = self._checked(asked)
        self.take(order)
        return order

    def _checked(self, asked: Mapping[str, Any]) -> Order:
        ((kind, terms),) = asked["order_configuration"].items()
        product = self.products.get(asked["product_id"])
        if product is None:
            raise Refused("INVALID_PRODUCT_ID", "invalid product_id")
        if kind not in _CONFIGURATIONS:
            raise Refused("UNSUPPORTED_ORDER_CONFIGURATION", "unsupported order configuration")
        type_, time_in_force = _CONFIGURATIONS[kind]
        price, amount = Decimal(terms["limit_price"]), Decimal(terms["base_size"])
        if product.trading_disabled:
            raise Refused("ORDER_ENTRY_DISABLED", "Orderbook is disabled")
        if price % Decimal(product.tick):
            raise Refused("INVALID_PRICE_PRECISION", "Too many decimals in order price")
        if amount % Decimal(product.step):
            raise Refused("INVALID_SIZE_PRECISION", "Too many decimals in order amount")
        if amount * price < 1:
            raise Refused("PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", "order size is too small")
        now = self._now()
        ends = _end_of(terms, now) if time_in_force == "GTD" else None
        stop = _stop_of(asked["side"], terms, product) if type_ != "LIMIT" else ZERO
        return Order(
            id=len(self.accepted) + 1,
            client_id=asked["client_order_id"],
            symbol=product.id,
            side=asked["side"],
            type="LIMIT_MAKER" if terms.get("post_only") else type_,
            time_in_force=time_in_force,
            price=price,
            amount=amount,
            time=now,
            updated=now,
            ends=ends,
            stop=stop,
        )


def _configuration(order: Order) -> dict[str, dict[str, object]]:
    """An order's terms, under the name of their kind."""
    kind = "LIMIT" if order.type == "LIMIT_MAKER" else order.type
    terms: dict[str, object] = {
        "base_size": f"{order.amount:f}",
        "limit_price": f"{order.price:f}",
    }
    if order.stop:
        up = "STOP_DIRECTION_STOP_UP" if order.fires_above else "STOP_DIRECTION_STOP_DOWN"
        terms |= {"stop_price": f"{order.stop:f}", "stop_direction": up}
    elif order.time_in_force in ("GTC", "GTD"):
        terms["post_only"] = order.type == "LIMIT_MAKER"
    if order.ends is not None:
        terms["end_time"] = at(order.ends)
    return {_NAMES[kind, order.time_in_force]: terms}


def _trigger_status(order: Order) -> str:
    if not order.stop:
        return "INVALID_ORDER_TYPE"
    return "STOP_PENDING" if order.waits else "STOP_TRIGGERED"


def _end_of(terms: Mapping[str, Any], now: int) -> int:
    """When it expires, in milliseconds."""
    ends = int(datetime.fromisoformat(terms["end_time"]).timestamp() * 1000)
    if ends <= now:
        raise Refused("PREVIEW_INVALID_END_TIME")
    return ends


def _stop_of(side: str, terms: Mapping[str, Any], product: Product) -> Decimal:
    """The stop price, which lies before the limit; a take-profit's direction is not taken."""
    stop, limit = Decimal(terms["stop_price"]), Decimal(terms["limit_price"])
    buys = side == "BUY"
    if stop % Decimal(product.tick):
        raise Refused("PREVIEW_INVALID_STOP_PRICE_PRECISION", "Too many decimals in stop price")
    if _DIRECTIONS.get(terms["stop_direction"]) is not buys:
        raise Refused("PREVIEW_INVALID_STOP_PRICE", "stop price on the wrong side")
    if buys and stop > limit:
        raise Refused("PREVIEW_STOP_PRICE_ABOVE_LIMIT_PRICE")
    if not buys and stop < limit:
        raise Refused("PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE")
    return stop
