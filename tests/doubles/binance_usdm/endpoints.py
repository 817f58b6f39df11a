"""Binance USD-M's endpoints as functions: parameters in, the JSON Binance would answer out.

`server.py` routes requests here after it has checked the signature; the state is in `account.py` and
`algo.py`. Nothing here sets leverage, margin type or position mode: whoever asks for that fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.doubles import binance_rest
from tests.doubles.binance_account import Refused, eight
from tests.doubles.binance_rest import RESTRICTIONS, Endpoint, Endpoints
from tests.doubles.binance_usdm.account import ContractAccount
from tests.doubles.binance_usdm.algo import AlgoOrders, algo_shown
from tests.doubles.binance_usdm.contracts import Position
from tests.doubles.binance_usdm.orders import acknowledged, order_asked_for, shown
from tests.doubles.trading import ZERO, Order

_DAY = 86_400_000
WINDOW = 7 * _DAY
"""The longest time that one page of history spans."""
ASSETS = ("USDT", "USDC", "BNB", "BTC")
"""What is always told of, though nothing is there."""


class ContractEndpoints(Endpoints):
    """One account's endpoints."""

    account: ContractAccount

    def __init__(self, account: ContractAccount, algos: AlgoOrders, now: Callable[[], int]) -> None:
        super().__init__(now)
        self.account, self.algos = account, algos
        self.rights = {"enableSpotAndMarginTrading": False, "enableFutures": True}

    def symbol_of(self, params: Mapping[str, str]) -> str:
        return self.account.contract(params.get("symbol")).symbol

    def shown(self, order: Order) -> dict[str, Any]:
        return shown(order)

    # Of the market

    def exchange_info(self, _: Mapping[str, str]) -> object:
        return {
            "timezone": "UTC",
            "serverTime": self.now(),
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": 2400,
                },
                {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
            ],
            "exchangeFilters": [],
            "assets": [{"asset": one, "marginAvailable": True} for one in ASSETS],
            "symbols": [contract.info() for contract in self.account.contracts.values()],
        }

    def best(self, symbol: str) -> dict[str, Any]:
        return super().best(symbol) | {"time": self.now()}

    def premium_index(self, params: Mapping[str, str]) -> object:
        if "symbol" in params:
            return self._premium(self.symbol_of(params))
        return [self._premium(symbol) for symbol in self.account.books]

    def _premium(self, symbol: str) -> dict[str, Any]:
        mark = eight(self.account.mark(symbol))
        return {
            "symbol": symbol,
            "markPrice": mark,
            "indexPrice": mark,
            "estimatedSettlePrice": mark,
            "lastFundingRate": "0.00010000",
            "interestRate": "0.00010000",
            "nextFundingTime": (self.now() // (_DAY // 3) + 1) * (_DAY // 3),
            "time": self.now(),
        }

    # Of the account

    def account_v3(self, _: Mapping[str, str]) -> object:
        account = self.account
        usdt = self._asset("USDT")
        totals = {
            f"total{name[0].upper()}{name[1:]}": usdt[name]
            for name in (
                "initialMargin",
                "maintMargin",
                "walletBalance",
                "unrealizedProfit",
                "marginBalance",
                "positionInitialMargin",
                "openOrderInitialMargin",
                "crossWalletBalance",
                "crossUnPnl",
            )
        }
        rows = [self._holding(position) for position in self._positions()]
        return totals | {
            "availableBalance": usdt["availableBalance"],
            "maxWithdrawAmount": usdt["maxWithdrawAmount"],
            "assets": [self._asset(one) for one in sorted({*ASSETS, *account.wallets})],
            "positions": rows,
        }

    def balance(self, _: Mapping[str, str]) -> object:
        names = ("crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount")
        rows = [self._asset(one) for one in sorted({*ASSETS, *self.account.wallets})]
        return [
            {
                "accountAlias": "SgsR",
                "asset": row["asset"],
                "balance": row["walletBalance"],
                "marginAvailable": True,
                "updateTime": row["updateTime"],
            }
            | {name: row[name] for name in names}
            for row in rows
        ]

    def position_risk(self, params: Mapping[str, str]) -> object:
        if "symbol" in params:
            self.symbol_of(params)
        return [
            self._risk(position)
            for position in self._positions()
            if params.get("symbol", position.symbol) == position.symbol
        ]

    def symbol_config(self, params: Mapping[str, str]) -> object:
        symbols = [self.symbol_of(params)] if "symbol" in params else self.account.contracts
        return [
            {
                "symbol": symbol,
                "marginType": "CROSSED",
                "isAutoAddMargin": False,
                "leverage": self.account.leverage[symbol],
                "maxNotionalValue": "40000000",
            }
            for symbol in symbols
        ]

    def leverage_brackets(self, _: Mapping[str, str]) -> object:
        bracket = {
            "bracket": 1,
            "initialLeverage": 125,
            "notionalCap": 300_000,
            "notionalFloor": 0,
            "maintMarginRatio": 0.004,
            "cum": 0.0,
        }
        return [{"symbol": one, "brackets": [bracket]} for one in self.account.contracts]

    def account_config(self, _: Mapping[str, str]) -> object:
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "dualSidePosition": self.account.hedge,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def position_mode(self, _: Mapping[str, str]) -> object:
        return {"dualSidePosition": self.account.hedge}

    def income(self, params: Mapping[str, str]) -> object:
        wanted = {"symbol": params.get("symbol"), "incomeType": params.get("incomeType")}
        since = int(params.get("startTime", self.now() - WINDOW))
        until = int(params.get("endTime", self.now()))
        rows = [
            row
            for row in self.account.income
            if since <= row["time"] <= until
            and all(told in (None, row[name]) for name, told in wanted.items())
        ]
        return rows[: min(int(params.get("limit", "100")), 1000)]

    def _positions(self) -> list[Position]:
        """Those that are there, or have orders resting; a flat one only for its orders."""
        ordered = [self.account.position(order.symbol) for order in self.account.open_orders()]
        return [one for one in self.account.positions.values() if one.amount or one in ordered]

    def _asset(self, asset: str) -> dict[str, Any]:
        account, wallet = self.account, self.account.wallets.get(asset, ZERO)
        own = [
            (symbol, account.margins(symbol))
            for symbol, contract in account.contracts.items()
            if contract.quote == asset
        ]
        of_positions = sum((margins[0] for _, margins in own), ZERO)
        of_orders = sum((margins[1] for _, margins in own), ZERO)
        result = account.margin_balance(asset) - wallet
        available = eight(account.available(asset))
        return {
            "asset": asset,
            "walletBalance": eight(wallet),
            "unrealizedProfit": eight(result),
            "marginBalance": eight(wallet + result),
            "maintMargin": eight(of_positions / 10),
            "initialMargin": eight(of_positions + of_orders),
            "positionInitialMargin": eight(of_positions),
            "openOrderInitialMargin": eight(of_orders),
            "crossWalletBalance": eight(wallet),
            "crossUnPnl": eight(result),
            "availableBalance": available,
            "maxWithdrawAmount": available,
            "updateTime": self.now() if asset in account.wallets else 0,
        }

    def _holding(self, position: Position) -> dict[str, Any]:
        """A position as `v3/account` tells it."""
        mark = self.account.mark(position.symbol)
        margin = abs(position.amount) * mark / self.account.leverage[position.symbol]
        return {
            "symbol": position.symbol,
            "positionSide": position.side,
            "positionAmt": eight(position.amount),
            "unrealizedProfit": eight(self.account.unrealized(position)),
            "isolatedMargin": "0",
            "notional": eight(position.amount * mark),
            "isolatedWallet": "0",
            "initialMargin": eight(margin),
            "maintMargin": eight(margin / 10),
            "updateTime": position.updated,
        }

    def _risk(self, position: Position) -> dict[str, Any]:
        """A position as `v3/positionRisk` tells it."""
        held = self._holding(position)
        of_orders = self.account.margins(position.symbol)[1]
        result = held.pop("unrealizedProfit")
        return held | {
            "unRealizedProfit": result,
            "entryPrice": eight(position.entry),
            "breakEvenPrice": eight(position.entry),
            "markPrice": eight(self.account.mark(position.symbol)),
            "liquidationPrice": "0",
            "marginAsset": self.account.contracts[position.symbol].quote,
            "positionInitialMargin": held["initialMargin"],
            "openOrderInitialMargin": eight(of_orders),
            "adl": 1 if position.amount else 0,
            "bidNotional": "0",
            "askNotional": "0",
        }

    # Of orders

    def new_order(self, params: Mapping[str, str]) -> object:
        order = order_asked_for(params, self.account, self.now())
        self.account.take(order)
        return acknowledged(order, params)

    def wanted(self, params: Mapping[str, str], code: int, message: str) -> Order:
        order = super().wanted(params, code, message)
        if self._forgotten(order):
            raise Refused(code, message)
        return order

    def cancel_order(self, params: Mapping[str, str]) -> object:
        order = self.wanted(params, -2011, "Unknown order sent.")
        self.account.cancel(order)
        return shown(order) | {"cumQty": eight(order.filled)}

    def cancel_all(self, params: Mapping[str, str]) -> object:
        for order in self.account.open_orders(self.symbol_of(params)):
            self.account.cancel(order)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def all_orders(self, params: Mapping[str, str]) -> object:
        symbol, first = self.symbol_of(params), int(params.get("orderId", "0"))
        orders = [
            order
            for order in self.account.accepted
            if order.symbol == symbol and order.id >= first and not self._forgotten(order)
        ]
        rows = [shown(order) for order in orders]
        return [] if "allOrders" in self.blind else self._page(rows, params)

    def user_trades(self, params: Mapping[str, str]) -> object:
        symbol, order = self.symbol_of(params), params.get("orderId")
        first = int(params.get("fromId", "0"))
        rows = [
            row
            for row in self.account.trades
            if row["symbol"] == symbol
            and order in (None, str(row["orderId"]))
            and row["id"] >= first
        ]
        return [] if "userTrades" in self.blind else self._page(rows, params)

    def _forgotten(self, order: Order) -> bool:
        """Whether the exchange has no record of it any more."""
        age, nothing = self.now() - order.time, not order.filled
        ended = order.status in ("CANCELED", "EXPIRED")
        return age > 90 * _DAY or (ended and nothing and age > 3 * _DAY)

    def _page(self, rows: list[dict[str, Any]], params: Mapping[str, str]) -> object:
        """A page of history, seven days at most: from a time or an id its oldest rows, else its newest."""
        limit = min(int(params.get("limit", "500")), 1000)
        by_number = "fromId" in params or "orderId" in params
        if not by_number:
            since = int(params.get("startTime", self.now() - WINDOW))
            until = int(params.get("endTime", min(since + WINDOW, self.now())))
            if until - since > WINDOW:
                raise Refused(-4165, "Maximum time interval is 7 days.")
            rows = [row for row in rows if since <= row["time"] <= until]
        return rows[:limit] if by_number or "startTime" in params else rows[-limit:]

    # Of orders that wait for a price

    def new_algo(self, params: Mapping[str, str]) -> object:
        return algo_shown(self.algos.place(params))

    def one_algo(self, params: Mapping[str, str]) -> object:
        return algo_shown(self.algos.wanted(params, -2013, "Order does not exist."))

    def cancel_algo(self, params: Mapping[str, str]) -> object:
        order = self.algos.cancel(params)
        told = {"algoId": order.id, "clientAlgoId": order.client_id}
        return told | {"code": "200", "msg": "success"}

    def cancel_algos(self, params: Mapping[str, str]) -> object:
        for order in self.algos.open_orders(self.symbol_of(params)):
            self.algos.end(order, "CANCELED")
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def open_algos(self, params: Mapping[str, str]) -> object:
        return [algo_shown(order) for order in self.algos.open_orders(params.get("symbol"))]

    def all_algos(self, params: Mapping[str, str]) -> object:
        symbol = self.symbol_of(params)
        rows = [
            algo_shown(order) | {"time": order.time}
            for order in self.algos.accepted
            if order.symbol == symbol
        ]
        return self._page(rows, params)


MOST = 2400
"""The weight that one address may ask for in a minute."""
_WEIGHTS = {
    "POST v1/order": 0,
    "POST v1/algoOrder": 0,
    "GET v1/ticker/bookTicker": 2,
    "GET v1/depth": 20,
    "GET v1/klines": 5,
    "GET v1/openOrders": 1,
    "GET v1/openAlgoOrders": 1,
    "GET v1/positionSide/dual": 30,
    "GET v1/income": 30,
} | dict.fromkeys(
    (
        "GET v3/account",
        "GET v3/balance",
        "GET v3/positionRisk",
        "GET v1/symbolConfig",
        "GET v1/accountConfig",
        "GET v1/allOrders",
        "GET v1/userTrades",
        "GET v1/allAlgoOrders",
    ),
    5,
)
_OF_ALL = {"GET v1/openOrders": 40, "GET v1/openAlgoOrders": 40, "GET v1/ticker/bookTicker": 5}
"""Where asking without a symbol costs more."""


def weight(name: str, params: Mapping[str, str]) -> int:
    """What a request takes of a minute's weight, at most."""
    costs = _WEIGHTS.get(name, 1)
    return costs if "symbol" in params else _OF_ALL.get(name, costs)


_MARKET = {name.replace(" ", " v1/", 1): asked for name, asked in binance_rest.PUBLIC.items()}
PUBLIC = _MARKET | {
    "GET v1/exchangeInfo": ContractEndpoints.exchange_info,
    "GET v1/premiumIndex": ContractEndpoints.premium_index,
}
PRIVATE: dict[str, Endpoint] = {
    RESTRICTIONS: Endpoints.api_restrictions,
    "GET v3/account": ContractEndpoints.account_v3,
    "GET v3/balance": ContractEndpoints.balance,
    "GET v3/positionRisk": ContractEndpoints.position_risk,
    "GET v1/leverageBracket": ContractEndpoints.leverage_brackets,
    "GET v1/symbolConfig": ContractEndpoints.symbol_config,
    "GET v1/accountConfig": ContractEndpoints.account_config,
    "GET v1/positionSide/dual": ContractEndpoints.position_mode,
    "GET v1/income": ContractEndpoints.income,
    "POST v1/order": ContractEndpoints.new_order,
    "GET v1/order": Endpoints.one_order,
    "DELETE v1/order": ContractEndpoints.cancel_order,
    "GET v1/openOrders": Endpoints.open_orders,
    "DELETE v1/allOpenOrders": ContractEndpoints.cancel_all,
    "GET v1/allOrders": ContractEndpoints.all_orders,
    "GET v1/userTrades": ContractEndpoints.user_trades,
    "POST v1/algoOrder": ContractEndpoints.new_algo,
    "GET v1/algoOrder": ContractEndpoints.one_algo,
    "DELETE v1/algoOrder": ContractEndpoints.cancel_algo,
    "DELETE v1/algoOpenOrders": ContractEndpoints.cancel_algos,
    "GET v1/openAlgoOrders": ContractEndpoints.open_algos,
    "GET v1/allAlgoOrders": ContractEndpoints.all_algos,
}
