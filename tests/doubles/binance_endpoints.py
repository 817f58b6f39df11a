"""Binance spot's endpoints as functions: parameters in, the JSON Binance would answer out.

`binance.py` routes requests here after it has checked the signature; the state is in
`binance_account.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tests.doubles.binance_account import Account, Refused, eight, shown
from tests.doubles.spot_account import STOPS, Order

ACKNOWLEDGED = ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")
"""All that an answer of the kind ACK tells."""
_INTERVALS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600}


class Endpoints:
    """One account's endpoints."""

    def __init__(self, account: Account, now: Callable[[], int]) -> None:
        self.account, self.now = account, now
        self.blind: set[str] = set()
        self.rights: dict[str, bool] = {}
        """What the key may do, where it is not what one for trading should."""

    def exchange_info(self, _: Mapping[str, str]) -> object:
        return {
            "timezone": "UTC",
            "serverTime": self.now(),
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": 6000,
                }
            ],
            "exchangeFilters": [],
            "symbols": [market.info() for market in self.account.markets.values()],
        }

    def book_ticker(self, params: Mapping[str, str]) -> object:
        if "symbol" in params:
            return self.best(params["symbol"])
        symbols = json.loads(params["symbols"]) if "symbols" in params else self.account.books
        return [self.best(symbol) for symbol in symbols]

    def best(self, symbol: str) -> dict[str, str]:
        self.account.market(symbol)
        book = self.account.books[symbol]
        nothing = (Decimal(0), Decimal(0))
        bid, ask = (book.bids or [nothing])[0], (book.asks or [nothing])[0]
        return {
            "symbol": symbol,
            "bidPrice": eight(bid[0]),
            "bidQty": eight(bid[1]),
            "askPrice": eight(ask[0]),
            "askQty": eight(ask[1]),
        }

    def depth(self, params: Mapping[str, str]) -> object:
        symbol = self.account.market(params.get("symbol")).symbol
        book, limit = self.account.books[symbol], int(params.get("limit", "100"))
        return {
            "lastUpdateId": 1,
            "bids": [[eight(price), eight(amount)] for price, amount in book.bids[:limit]],
            "asks": [[eight(price), eight(amount)] for price, amount in book.asks[:limit]],
        }

    def klines(self, params: Mapping[str, str]) -> object:
        best = self.best(self.account.market(params.get("symbol")).symbol)
        length = _INTERVALS[params["interval"]] * 1000
        newest = self.now() // length
        rows = []
        for number in range(newest - int(params.get("limit", "500")) + 1, newest + 1):
            swing = Decimal(number % 7) / 10
            low, high = Decimal(best["bidPrice"]) - swing, Decimal(best["askPrice"]) + swing
            start, end = number * length, (number + 1) * length - 1
            prices = [eight(value) for value in (low, high, low, high)]
            rows.append(
                [start, *prices, "12.34567800", end, "740740.68000000", 321, "6.1", "366000.0", "0"]
            )
        return rows

    def account_info(self, _: Mapping[str, str]) -> object:
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "updateTime": self.now(),
            "accountType": "SPOT",
            "balances": self.account.balances(),
            "permissions": ["SPOT"],
            "uid": 354937868,
        }

    def api_restrictions(self, _: Mapping[str, str]) -> object:
        return {
            "ipRestrict": True,
            "createTime": self.now() - 86_400_000,
            "enableReading": True,
            "enableInternalTransfer": False,
            "enableWithdrawals": False,
            "enableSpotAndMarginTrading": True,
            "enableMargin": False,
            "enableFutures": False,
        } | self.rights

    def new_order(self, params: Mapping[str, str]) -> object:
        order, trades = self.account.place(params)
        row = shown(order) | {"transactTime": order.updated}
        fills = [
            {"price": t["price"], "qty": t["qty"], "tradeId": t["id"]}
            | {"commission": t["commission"], "commissionAsset": t["commissionAsset"]}
            for t in trades
        ]
        only_in_queries = {"time", "updateTime", "isWorking", "icebergQty"}
        if order.type not in STOPS or order.trails:
            only_in_queries.add("stopPrice")
        if params.get("newOrderRespType", "FULL" if order.type == "LIMIT" else "ACK") == "ACK":
            return {name: row[name] for name in ACKNOWLEDGED}
        return {k: v for k, v in row.items() if k not in only_in_queries} | {"fills": fills}

    def one_order(self, params: Mapping[str, str]) -> object:
        return shown(self.wanted(params, -2013, "Order does not exist."))

    def cancel_order(self, params: Mapping[str, str]) -> object:
        order = self.wanted(params, -2011, "Unknown order sent.")
        self.account.cancel(order)
        told = {"origClientOrderId": order.client_id, "clientOrderId": f"cancel-{order.id}"}
        return shown(order) | told | {"transactTime": order.updated}

    def wanted(self, params: Mapping[str, str], code: int, message: str) -> Order:
        market = self.account.market(params.get("symbol"))
        if "orderId" in params:
            order = self.account.find(id=int(params["orderId"]))
        elif "id" in self.blind:
            order = None
        else:
            order = self.account.find(client_id=params.get("origClientOrderId"))
        if order is None or order.symbol != market.symbol:
            raise Refused(code, message)
        return order

    def open_orders(self, params: Mapping[str, str]) -> object:
        orders = self.account.open_orders(params.get("symbol"))
        return [] if "openOrders" in self.blind else [shown(order) for order in orders]

    def cancel_all(self, params: Mapping[str, str]) -> object:
        orders = self.account.open_orders(self.account.market(params.get("symbol")).symbol)
        if not orders:
            raise Refused(-2011, "Unknown order sent.")
        for order in orders:
            self.account.cancel(order)
        return [shown(order) for order in orders]

    def all_orders(self, params: Mapping[str, str]) -> object:
        symbol = self.account.market(params.get("symbol")).symbol
        rows = [shown(order) for order in self.account.accepted if order.symbol == symbol]
        return [] if "allOrders" in self.blind else _page(rows, params, "orderId")

    def my_trades(self, params: Mapping[str, str]) -> object:
        symbol, order = self.account.market(params.get("symbol")).symbol, params.get("orderId")
        rows = [
            row
            for row in self.account.trades
            if row["symbol"] == symbol and order in (None, str(row["orderId"]))
        ]
        return [] if "myTrades" in self.blind else _page(rows, params, "fromId")


def _page(rows: list[dict[str, Any]], params: Mapping[str, str], from_id: str) -> object:
    """A page of history: from a time or an id on its oldest rows, else its newest ones."""
    limit = min(int(params.get("limit", "500")), 1000)
    if "startTime" in params:
        return [row for row in rows if row["time"] >= int(params["startTime"])][:limit]
    if from_id == "fromId" and "fromId" in params:
        return [row for row in rows if row["id"] >= int(params["fromId"])][:limit]
    return rows[-limit:]


_Endpoint = Callable[[Endpoints, Mapping[str, str]], object]
PUBLIC: dict[str, _Endpoint] = {
    "GET ping": lambda endpoints, _: {},
    "GET time": lambda endpoints, _: {"serverTime": endpoints.now()},
    "GET exchangeInfo": Endpoints.exchange_info,
    "GET ticker/bookTicker": Endpoints.book_ticker,
    "GET depth": Endpoints.depth,
    "GET klines": Endpoints.klines,
}
PRIVATE: dict[str, _Endpoint] = {
    "GET account": Endpoints.account_info,
    "GET /sapi/v1/account/apiRestrictions": Endpoints.api_restrictions,
    "POST order": Endpoints.new_order,
    "GET order": Endpoints.one_order,
    "DELETE order": Endpoints.cancel_order,
    "GET openOrders": Endpoints.open_orders,
    "DELETE openOrders": Endpoints.cancel_all,
    "GET allOrders": Endpoints.all_orders,
    "GET myTrades": Endpoints.my_trades,
}
