"""The exchange behind the loopback Kraken: pairs, one account, the rules an order must keep.

`kraken.py` puts HTTP in front of it. Amounts, names and refusals are written as Kraken writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.doubles.spot_account import STOPS, SpotAccount
from tests.doubles.trading import ZERO, Order

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_CLIENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[\x20-\x7e]{1,18}")
_STATUS = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "closed",
    "CANCELED": "canceled",
    "EXPIRED": "expired",
}
_KINDS = {name.lower().replace("_", "-"): name for name in ("LIMIT", *STOPS)} | {
    "trailing-stop": "STOP_LOSS"
}
_MONTH = 31 * 86_400_000
SOONEST, LATEST = 2_000, 60_000
"""How far ahead a deadline may lie when the order comes in, in milliseconds; late ones have elapsed."""


class Refused(Exception):
    """An error as Kraken tells it: `<severity><category>:<text>`, always with HTTP status 200."""


@dataclass(slots=True)
class Pair:
    """One pair, as `AssetPairs` tells it."""

    base: str
    quote: str
    name: str
    """The name in prices and orders: `XBTUSD`."""
    decimals: int
    tick: str
    least: str
    status: str = "online"

    @property
    def id(self) -> str:
        return self.base + self.quote if self.base[0] in "XZ" else self.name

    def info(self) -> dict[str, Any]:
        """This pair's entry in `AssetPairs`."""
        return {
            "altname": self.name,
            "wsname": f"{self.name[:-3]}/{self.name[-3:]}",
            "aclass_base": "currency",
            "base": self.base,
            "aclass_quote": "currency",
            "quote": self.quote,
            "lot": "unit",
            "cost_decimals": 5,
            "pair_decimals": self.decimals,
            "lot_decimals": 8,
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, 0.4], [10000, 0.35]],
            "fees_maker": [[0, 0.25], [10000, 0.2]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": self.least,
            "costmin": "0.5",
            "tick_size": self.tick,
            "status": self.status,
        }


def kind_of(order: Order) -> str:
    """An order's type by Kraken's name."""
    if order.trails:
        return "trailing-stop"
    return "limit" if order.type == "LIMIT_MAKER" else order.type.lower().replace("_", "-")


def txid(order: Order) -> str:
    """Kraken's own id of an order."""
    return f"O{order.id:05d}-DOUBL-KRAKEN"


class Account(SpotAccount):
    """One spot account at Kraken, whose orders ask for fees in the quote asset (`fciq`)."""

    fee = Decimal("0.004")
    fee_in_quote = True

    def __init__(self, pairs: Iterable[Pair], now: Callable[[], int]) -> None:
        super().__init__(now)
        self.pairs: dict[str, Pair] = {pair.id: replace(pair) for pair in pairs}

    def assets(self, symbol: str) -> tuple[str, str]:
        return self.pairs[symbol].base, self.pairs[symbol].quote

    def short_of_funds(self) -> Exception:
        return Refused("EOrder:Insufficient funds")

    def would_take(self) -> Exception:
        return Refused("EOrder:Post only order")

    def would_trigger(self, order: Order) -> Exception:
        return Refused("EOrder:Invalid price")  # what it says of that, nobody tells

    def not_open(self) -> Exception:
        return Refused("EOrder:Unknown order")

    def trade_row(
        self, order: Order, amount: Decimal, price: Decimal, fee: tuple[Decimal, str], maker: bool
    ) -> dict[str, Any]:
        number = len(self.trades) + 1
        return {
            "id": f"T{number:05d}-DOUBL-KRAKEN",
            "ordertxid": txid(order),
            "postxid": "TKH2SE-M7IF5-CFI7LT",
            "pair": order.symbol,
            "time": order.updated / 1000,
            "type": order.side.lower(),
            "ordertype": kind_of(order),
            "price": f"{price:.5f}",
            "cost": f"{amount * price:.5f}",
            "fee": f"{fee[0]:.5f}",
            "vol": f"{amount:.8f}",
            "margin": "0.00000",
            "leverage": "0",
            "misc": "",
            "trade_id": 60_000_000 + number,
            "maker": maker,
        }

    def shown(self, order: Order) -> dict[str, Any]:
        """An order as `OpenOrders`, `ClosedOrders` and `QueryOrders` show it."""
        pair = self.pairs[order.symbol]
        status = _STATUS.get(order.status, order.status)
        price, price2 = self.prices(order)
        row = {
            "refid": None,
            "userref": None,
            "cl_ord_id": order.client_id,
            "status": status,
            "opentm": order.time / 1000,
            "starttm": 0,
            "expiretm": 0 if order.ends is None else order.ends // 1000,
            "descr": {
                "pair": pair.name,
                "type": order.side.lower(),
                "ordertype": kind_of(order),
                "price": price,
                "price2": price2,
                "leverage": "none",
                "order": self.described(order),
                "close": "",
            },
            "vol": f"{order.amount:.8f}",
            "vol_exec": f"{order.filled:.8f}",
            "cost": f"{order.spent:.5f}",
            "fee": f"{order.spent * self.fee:.5f}",
            "price": f"{order.spent / order.filled if order.filled else 0:.5f}",
            "stopprice": f"{order.stop:.5f}",
            "limitprice": f"{order.price if order.stop else ZERO:.5f}",
            "misc": "",
            "oflags": "fciq",
        }
        if status != "open":
            row |= {"closetm": order.updated / 1000, "reason": None}
        return row

    def described(self, order: Order) -> str:
        """An order in Kraken's one line: `sell 0.28 ETHUSD @ stop loss 2000.00 -> limit 1990.00`."""
        price, price2 = self.prices(order)
        terms = f"{kind_of(order).removesuffix('-limit').replace('-', ' ')} {price}"
        if price2 != "0":
            terms += f" -> limit {price2}"
        head = f"{order.side.lower()} {order.amount:.8f} {self.pairs[order.symbol].name}"
        return f"{head} @ {terms}"

    def prices(self, order: Order) -> tuple[str, str]:
        """Its two prices: the limit alone, or what touches it and then its limit."""
        decimals = self.pairs[order.symbol].decimals
        if order.share:
            return f"+{order.share * 100:.4f}%", "0"
        if order.distance:
            return f"+{order.distance:.{decimals}f}", "0"
        price, stop = f"{order.price:.{decimals}f}", f"{order.stop:.{decimals}f}"
        return (stop, price if order.price else "0") if order.stop else (price, "0")

    def pair(self, name: str | None) -> Pair:
        """The pair of this id or name.

        Raises:
            Refused: there is none.
        """
        for pair in self.pairs.values():
            if name in (pair.id, pair.name):
                return pair
        raise Refused("EQuery:Unknown asset pair")

    def place(self, asked: Mapping[str, str]) -> Order:
        """Take a new order and match it.

        Raises:
            Refused: nothing was taken.
        """
        order = self._checked(asked)
        self.take(order)
        return order

    def _checked(self, asked: Mapping[str, str]) -> Order:
        pair, flags = self.pair(asked.get("pair")), asked.get("oflags", "").split(",")
        if asked.get("type") not in ("buy", "sell"):
            raise Refused("EGeneral:Invalid arguments:type")
        kind = _KINDS.get(asked.get("ordertype", ""))
        if kind is None:
            raise Refused("EGeneral:Invalid arguments:ordertype")
        if asked.get("timeinforce", "GTC") not in ("GTC", "IOC", "FOK", "GTD"):
            raise Refused("EGeneral:Invalid arguments:timeinforce")
        if asked.get("trigger", "last") != "last" or ("trigger" in asked and kind == "LIMIT"):
            raise Refused("EGeneral:Invalid arguments:trigger")
        ends = self._end_of(asked)
        client_id = asked.get("cl_ord_id", "")
        if "userref" in asked or not _CLIENT_ID.fullmatch(client_id):
            raise Refused("EGeneral:Invalid arguments:cl_ord_id")
        amount = _number(asked, "volume")
        terms = _prices(asked)
        self._check_deadline(asked.get("deadline"))
        _check_amount(pair, amount, terms.get("price") or terms.get("stop") or self.last[pair.id])
        for name in terms.keys() - {"share"}:
            _check_price(pair, terms[name])
        if any(order.client_id == client_id for order in self.open_orders()):
            raise Refused("EOrder:Invalid client order id:Already in use")
        now = self._now()
        return Order(
            id=len(self.accepted) + 1,
            client_id=client_id,
            symbol=pair.id,
            side=asked["type"].upper(),
            type="LIMIT_MAKER" if "post" in flags else kind,
            time_in_force=asked.get("timeinforce", "GTC"),
            price=terms.pop("price", ZERO),
            amount=amount,
            time=now,
            updated=now,
            ends=ends,
            **terms,
        )

    def _end_of(self, asked: Mapping[str, str]) -> int | None:
        """When it expires; a time and GTD go together."""
        told = asked.get("expiretm", "0")
        if (told != "0") != (asked.get("timeinforce") == "GTD") or not told.isdecimal():
            raise Refused("EGeneral:Invalid arguments:expiretm")
        if told == "0":
            return None
        if not 0 < int(told) * 1000 - self._now() <= _MONTH:
            raise Refused("EGeneral:Invalid arguments:expiretm")
        return int(told) * 1000

    def _check_deadline(self, told: str | None) -> None:
        if told is None:
            return
        ahead = datetime.fromisoformat(told).timestamp() * 1000 - self._now()
        if ahead <= 0:
            raise Refused("EService:Deadline elapsed")
        if not SOONEST <= ahead <= LATEST:
            raise Refused("EGeneral:Invalid arguments:deadline")


def _number(asked: Mapping[str, str], name: str) -> Decimal:
    text = asked.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise Refused(f"EGeneral:Invalid arguments:{name}")
    return Decimal(text)


def _prices(asked: Mapping[str, str]) -> dict[str, Decimal]:
    """What an order's two prices are by its type: its limit, its stop, or the distance it keeps."""
    kind, told = asked["ordertype"], asked.get("price", "")
    if kind == "limit":
        return {"price": _number(asked, "price")}
    if "timeinforce" in asked and not kind.endswith("-limit"):
        raise Refused("EGeneral:Invalid arguments:timeinforce")
    if kind == "trailing-stop":
        by = "share" if told.endswith("%") else "distance"
        gap = _number({"price": told.removeprefix("+").removesuffix("%")}, "price")
        if not told.startswith("+"):
            raise Refused("EGeneral:Invalid arguments:price")
        return {by: gap / 100 if by == "share" else gap}
    if kind.endswith("-limit"):
        return {"stop": _number(asked, "price"), "price": _number(asked, "price2")}
    if "price2" in asked:
        raise Refused("EGeneral:Invalid arguments:price2")
    return {"stop": _number(asked, "price")}


def _check_price(pair: Pair, price: Decimal) -> None:
    if price % Decimal(1).scaleb(-pair.decimals):
        raise Refused(
            f"EOrder:Invalid price:{pair.name} price can only be specified up to "
            f"{pair.decimals} decimals."
        )
    if price % Decimal(pair.tick):
        raise Refused("EOrder:Tick size check failed")


def _check_amount(pair: Pair, amount: Decimal, price: Decimal) -> None:
    if pair.status != "online":
        raise Refused(f"EService:Market in {pair.status} mode")
    if amount % Decimal("0.00000001"):
        raise Refused("EGeneral:Invalid arguments:volume")
    if amount < Decimal(pair.least):
        raise Refused("EOrder:Order minimum not met")
    if amount * price < Decimal("0.5"):
        raise Refused("EOrder:Cost minimum not met")
