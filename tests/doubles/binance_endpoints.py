"""Binance spot's endpoints as functions: parameters in, the JSON Binance would answer out.

`binance.py` routes requests here after it has checked the signature; the state is in
`binance_account.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.doubles import binance_rest
from tests.doubles.binance_account import Account, Refused, shown
from tests.doubles.binance_rest import RESTRICTIONS, Endpoint, Endpoints
from tests.doubles.spot_account import STOPS
from tests.doubles.trading import Order

ACKNOWLEDGED = ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")
"""All that an answer of the kind ACK tells."""


class SpotEndpoints(Endpoints):
    """One spot account's endpoints."""

    account: Account

    def __init__(self, account: Account, now: Callable[[], int]) -> None:
        super().__init__(now)
        self.account = account

    def symbol_of(self, params: Mapping[str, str]) -> str:
        return self.account.market(params.get("symbol")).symbol

    def shown(self, order: Order) -> dict[str, Any]:
        return shown(order)

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

    def cancel_order(self, params: Mapping[str, str]) -> object:
        order = self.wanted(params, -2011, "Unknown order sent.")
        self.account.cancel(order)
        told = {"origClientOrderId": order.client_id, "clientOrderId": f"cancel-{order.id}"}
        return shown(order) | told | {"transactTime": order.updated}

    def cancel_all(self, params: Mapping[str, str]) -> object:
        orders = self.account.open_orders(self.symbol_of(params))
        if not orders:
            raise Refused(-2011, "Unknown order sent.")
        for order in orders:
            self.account.cancel(order)
        return [shown(order) for order in orders]

    def all_orders(self, params: Mapping[str, str]) -> object:
        symbol = self.symbol_of(params)
        rows = [shown(order) for order in self.account.accepted if order.symbol == symbol]
        return [] if "allOrders" in self.blind else _page(rows, params, "orderId")

    def my_trades(self, params: Mapping[str, str]) -> object:
        symbol, order = self.symbol_of(params), params.get("orderId")
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


PUBLIC = binance_rest.PUBLIC | {"GET exchangeInfo": SpotEndpoints.exchange_info}
PRIVATE: dict[str, Endpoint] = {
    "GET account": SpotEndpoints.account_info,
    RESTRICTIONS: SpotEndpoints.api_restrictions,
    "POST order": SpotEndpoints.new_order,
    "GET order": SpotEndpoints.one_order,
    "DELETE order": SpotEndpoints.cancel_order,
    "GET openOrders": SpotEndpoints.open_orders,
    "DELETE openOrders": SpotEndpoints.cancel_all,
    "GET allOrders": SpotEndpoints.all_orders,
    "GET myTrades": SpotEndpoints.my_trades,
}
