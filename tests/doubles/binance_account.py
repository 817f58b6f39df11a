"""The exchange behind the loopback Binance: markets, books, one account, matching.

`binance.py` puts HTTP in front of it; tests set books, fill resting orders and look at `accepted`.
It decides everything from what it was told: no randomness, and the only clock is the one given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from tests.doubles.spot_account import STOPS, SpotAccount
from tests.doubles.trading import ZERO, Order

T = TypeVar("T")
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
MOST_STOPS = 5
"""Stops and targets that may rest in one market."""
LEAST_DELTA, MOST_DELTA = 10, 2000
"""Basis points that a trailing stop may keep."""
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


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
    order_types: tuple[str, ...] = ("LIMIT", "LIMIT_MAKER", "MARKET", *STOPS)
    trailing: bool = True

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
            "orderTypes": list(self.order_types),
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "quoteOrderQtyMarketAllowed": False,
            "allowTrailingStop": self.trailing,
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
                {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MOST_STOPS},
                {
                    "filterType": "TRAILING_DELTA",
                    "minTrailingAboveDelta": LEAST_DELTA,
                    "maxTrailingAboveDelta": MOST_DELTA,
                    "minTrailingBelowDelta": LEAST_DELTA,
                    "maxTrailingBelowDelta": MOST_DELTA,
                },
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
        }


def shown(order: Order) -> dict[str, Any]:
    """An order as `GET /api/v3/order` shows it."""
    trailing = {"trailingDelta": int(order.share * 10_000), "trailingTime": order.time}
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": eight(order.price),
        "origQty": eight(order.amount),
        "executedQty": eight(order.filled),
        "cummulativeQuoteQty": eight(order.spent),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "stopPrice": eight(ZERO if order.trails else order.stop),
        "icebergQty": "0.00000000",
        "time": order.time,
        "updateTime": order.updated,
        "isWorking": not order.waits,
        "workingTime": -1 if order.waits else order.time,
        "origQuoteOrderQty": "0.00000000",
        "selfTradePreventionMode": "EXPIRE_MAKER",
    } | (trailing if order.trails else {})


def eight(value: Decimal) -> str:
    """A number with eight decimals, as Binance writes every amount and price."""
    return f"{value:.8f}"


def listed(markets: Mapping[str, T], symbol: str | None) -> T:
    """The market of this symbol.

    Raises:
        Refused: there is none.
    """
    if symbol is None:
        raise Refused(
            -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
        )
    if symbol not in markets:
        raise Refused(-1121, "Invalid symbol.")
    return markets[symbol]


class Account(SpotAccount):
    """One spot account at Binance."""

    fee = Decimal("0.001")
    fee_in_quote = False

    def __init__(self, markets: Iterable[Market], now: Callable[[], int]) -> None:
        super().__init__(now)
        self.markets: dict[str, Market] = {one.symbol: replace(one) for one in markets}

    def assets(self, symbol: str) -> tuple[str, str]:
        return self.markets[symbol].base, self.markets[symbol].quote

    def short_of_funds(self) -> Exception:
        return Refused(-2010, "Account has insufficient balance for requested action.")

    def would_take(self) -> Exception:
        return Refused(-2010, "Order would immediately match and take.")

    def would_trigger(self, order: Order) -> Exception:
        return Refused(-2010, "Stop price would trigger immediately.")

    def not_open(self) -> Exception:
        return Refused(-2011, "Unknown order sent.")

    def trade_row(
        self, order: Order, amount: Decimal, price: Decimal, fee: tuple[Decimal, str], maker: bool
    ) -> dict[str, Any]:
        return {
            "symbol": order.symbol,
            "id": 5000 + len(self.trades),
            "orderId": order.id,
            "orderListId": -1,
            "price": eight(price),
            "qty": eight(amount),
            "quoteQty": eight(amount * price),
            "commission": eight(fee[0]),
            "commissionAsset": fee[1],
            "time": order.updated,
            "isBuyer": order.side == "BUY",
            "isMaker": maker,
            "isBestMatch": True,
        }

    def place(self, asked: Mapping[str, str]) -> tuple[Order, list[dict[str, Any]]]:
        """Take a new order, match it, and return it with its fills.

        Raises:
            Refused: nothing was taken.
        """
        order = self._checked(asked)
        return order, self.take(order)

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
        return listed(self.markets, symbol)

    def _checked(self, asked: Mapping[str, str]) -> Order:
        market = self.market(asked.get("symbol"))
        kind, side, tif = asked.get("type"), asked.get("side"), asked.get("timeInForce")
        if side not in ("BUY", "SELL"):
            raise Refused(-1117, "Invalid side.")
        if kind not in market.order_types or kind == "MARKET":
            raise Refused(-1116, "Invalid orderType.")
        limited = kind not in ("STOP_LOSS", "TAKE_PROFIT")
        if tif is not None and (kind == "LIMIT_MAKER" or not limited):
            raise Refused(-1106, "Parameter 'timeInForce' sent when not required.")
        if limited and kind != "LIMIT_MAKER" and tif not in ("GTC", "IOC", "FOK"):
            raise Refused(-1115, "Invalid timeInForce.")
        client_id = asked.get("newClientOrderId", f"double-{len(self.accepted) + 1}")
        if not _CLIENT_ID.fullmatch(client_id):
            raise Refused(-1100, "Illegal characters found in parameter 'newClientOrderId'.")
        if market.status != "TRADING":
            raise Refused(-1013, "Market is closed.")
        stop, share = self._stop(asked, market) if kind in STOPS else (ZERO, ZERO)
        if not limited and "price" in asked:
            raise Refused(-1106, "Parameter 'price' sent when not required.")
        price, amount = number(asked, "price") if limited else ZERO, number(asked, "quantity")
        for one in filter(None, (price, stop)):
            _check_price(market, one)
        _check_amount(market, amount, price or self.last[market.symbol])
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
            stop=stop,
            share=share,
        )

    def _stop(self, asked: Mapping[str, str], market: Market) -> tuple[Decimal, Decimal]:
        """The stop price and the trailing share of an order that waits: one of them is zero."""
        waiting = [one for one in self.open_orders(market.symbol) if one.type in STOPS]
        if len(waiting) >= MOST_STOPS:
            raise Refused(-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
        if "trailingDelta" not in asked:
            return number(asked, "stopPrice"), ZERO
        if not market.trailing:
            raise Refused(-2010, "Trailing stop orders are not supported for this symbol.")
        delta = asked["trailingDelta"]
        if not delta.isdecimal():
            raise Refused(-1100, "Illegal characters found in parameter 'trailingDelta'.")
        if not LEAST_DELTA <= int(delta) <= MOST_DELTA:
            raise Refused(-1013, "Filter failure: TRAILING_DELTA")
        return ZERO, Decimal(delta) / 10_000


def number(asked: Mapping[str, str], name: str) -> Decimal:
    """A parameter that is a number; it raises what is said of one that is missing, or none."""
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


def _check_price(market: Market, price: Decimal) -> None:
    tick = Decimal(market.tick)
    if price % tick or not tick <= price <= Decimal(market.max_price):
        raise Refused(-1013, "Filter failure: PRICE_FILTER")


def _check_amount(market: Market, amount: Decimal, price: Decimal) -> None:
    step = Decimal(market.step)
    if amount % step or not step <= amount <= Decimal("9000"):
        raise Refused(-1013, "Filter failure: LOT_SIZE")
    if not Decimal(market.min_notional) <= price * amount <= Decimal("9000000"):
        raise Refused(-1013, "Filter failure: NOTIONAL")
