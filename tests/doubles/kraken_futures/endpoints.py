"""Kraken Futures' endpoints as functions: parameters in, what it would answer out.

`server.py` routes requests here after it has checked key, nonce and signature. Nothing here sets leverage or
margin: whoever asks for that fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from tests.doubles.kraken_futures.account import (
    ACCOUNT_UID,
    FuturesAccount,
    FuturesOrder,
    Rejected,
)
from tests.doubles.kraken_futures.contracts import INDEX, FuturesContract, milliseconds, stamp
from tests.doubles.kraken_futures.history import History
from tests.doubles.kraken_futures.orders import (
    Refused,
    check_deadline,
    contract_of,
    needed,
    open_shown,
    order_asked_for,
    placed,
    shown,
    trigger_shown,
)
from tests.doubles.kraken_futures.triggers import Trigger, Triggers
from tests.doubles.trading import OPEN, ZERO, Book

Asked = Mapping[str, Sequence[str]]
"""Parameters as they came; one may be there more than once."""
REMEMBERED = 5000
"""How long `orders/status` knows of an order that ended, in milliseconds."""
FILLS = 100
"""How many one answer tells."""
_INTERVALS = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14_400, "1d": 86_400}
_STATUS = {
    "NEW": "ENTERED_BOOK",
    "PARTIALLY_FILLED": "ENTERED_BOOK",
    "FILLED": "FULLY_EXECUTED",
    "CANCELED": "CANCELLED",
    "EXPIRED": "CANCELLED",
    "REJECTED": "TRIGGER_ACTIVATION_FAILURE",
}
_WOULD = {"postWouldExecute": "POST_WOULD_EXECUTE", "iocWouldNotExecute": "IOC_WOULD_NOT_EXECUTE"}
"""What refuses an order that is told with the refusal."""
_UNUSED = {
    "type": "marginAccount",
    "currency": "xbt",
    "balances": {"xbt": "0.0"},
    "auxiliary": {"usd": 0, "pv": 0, "pnl": 0, "af": 0, "funding": 0},
    "marginRequirements": {"im": 0, "mm": 0, "lt": 0, "tt": 0},
    "triggerEstimates": {"im": 0, "mm": 0, "lt": 0, "tt": 0},
}
"""A wallet of the inverse contracts."""


class FuturesEndpoints:
    """One account's endpoints."""

    def __init__(
        self, account: FuturesAccount, triggers: Triggers, history: History, now: Callable[[], int]
    ) -> None:
        self.account, self.triggers, self.history, self.now = account, triggers, history, now
        self.blind: set[str] = set()
        """Look-ups that see nothing, by the ends of their paths: `openorders`, `executions`."""
        self.vague = False
        """Whether `orders/status` answers with a row of no status for what it does not know."""
        self.rights = {"general": "FULL_ACCESS", "transfer": "NO_ACCESS"}
        """What the key may do."""
        self.bound_to = ["127.0.0.1/32"]
        """The addresses it may be used from."""

    # Of the market

    def instruments(self, _: Asked) -> object:
        return {"instruments": [*(one.info() for one in self.account.contracts.values()), INDEX]}

    def tickers(self, _: Asked) -> object:
        told = [self._ticker(one) for one in self.account.contracts.values() if one.tradeable]
        return {"tickers": told}

    def ticker(self, asked: Asked) -> object:
        return {"ticker": self._ticker(contract_of(_single(asked), self.account))}

    def best(self, symbol: str) -> tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]]:
        """The best bid and the best ask, each with its amount."""
        book, nothing = self.account.books.get(symbol, Book()), (ZERO, ZERO)
        return (book.bids or [nothing])[0], (book.asks or [nothing])[0]

    def _ticker(self, contract: FuturesContract) -> dict[str, Any]:
        bid, ask = self.best(contract.symbol)
        last = float(self.account.last.get(contract.symbol, ZERO))
        return {
            "symbol": contract.symbol,
            "last": last,
            "lastTime": stamp(self.now()),
            "lastSize": 0.01,
            "tag": "perpetual" if contract.ends is None else "quarter",
            "pair": f"{contract.base}:USD",
            "markPrice": float(self.account.mark(contract.symbol)),
            "bid": float(bid[0]),
            "bidSize": float(bid[1]),
            "ask": float(ask[0]),
            "askSize": float(ask[1]),
            "vol24h": 8309.2546,
            "volumeQuote": 498_555_276.0,
            "openInterest": 1950.5966,
            "open24h": last,
            "high24h": last,
            "low24h": last,
            "fundingRate": 0.61,
            "fundingRatePrediction": 0.55,
            "suspended": False,
            "indexPrice": last,
            "postOnly": contract.post_only,
            "change24h": 0.0,
        }

    def order_book(self, asked: Asked) -> object:
        book = self.account.books[contract_of(_single(asked), self.account).symbol]
        sides = {"bids": book.bids, "asks": book.asks}
        return {
            "orderBook": {
                side: [[float(price), float(amount)] for price, amount in levels]
                for side, levels in sides.items()
            }
        }

    def candles(self, asked: Asked) -> object:
        terms = _single(asked)
        contract, length = contract_of(terms, self.account), _INTERVALS[terms["interval"]]
        bid, ask = self.best(contract.symbol)
        newest = self.now() // 1000 // length
        first = max(int(terms.get("from", "0")) // length, newest - 1999)
        last = min(int(terms.get("to", "99999999999")) // length, newest)
        low, high = f"{bid[0]:f}", f"{ask[0]:f}"
        return {
            "candles": [
                {"time": number * length * 1000, "open": low, "high": high}
                | {"low": low, "close": high, "volume": "12.3456"}
                for number in range(first, last + 1)
            ],
            "more_candles": False,
        }

    # Of the account

    def key_check(self, _: Asked) -> object:
        return {
            "apiKey": "the one that signed",
            "accountUid": ACCOUNT_UID,
            "iiban": None,
            "createdAt": stamp(0),
            "permissions": self.rights,
            "allowedCidrBlock": None,
            "allowedCidrBlocks": self.bound_to,
        }

    def accounts(self, _: Asked) -> object:
        account = self.account
        result, funding = account.results()
        values, equity = account.values(), account.margin_balance("USD")
        of_positions = sum((account.margins(one)[0] for one in account.contracts), ZERO)
        margin, value = account.initial_margin("USD"), sum((v for v, _ in values.values()), ZERO)
        available = equity - margin
        flex = {
            "initialMargin": of_positions,
            "initialMarginWithOrders": margin,
            "maintenanceMargin": of_positions / 2,
            "balanceValue": value,
            "portfolioValue": value + result,
            "collateralValue": sum((counts for _, counts in values.values()), ZERO),
            "pnl": result,
            "unrealizedFunding": funding,
            "totalUnrealized": result + funding,
            "totalUnrealizedAsMargin": result + funding,
            "marginEquity": equity,
            "availableMargin": available,
        }
        currencies = {
            asset: {
                "quantity": float(amount),
                "value": float(values[asset][0]),
                "collateral": float(values[asset][1]),
                "available": float(min(amount, max(available, ZERO) / account.rate(asset))),
            }
            for asset, amount in account.wallets.items()
        }
        told: dict[str, Any] = {name: float(number) for name, number in flex.items()}
        told |= {"type": "multiCollateralMarginAccount", "currencies": currencies}
        cash = {"type": "cashAccount", "balances": {"xbt": "0.0", "usd": "0.0"}}
        return {"accounts": {"cash": cash, "fi_xbtusd": _UNUSED, "flex": told}}

    def open_positions(self, _: Asked) -> object:
        rows = [
            {
                "side": "long" if one.amount > 0 else "short",
                "symbol": one.symbol,
                "price": float(one.entry),
                "fillTime": stamp(one.updated),
                "size": float(abs(one.amount)),
                "unrealizedPnl": float(self.account.unrealized(one)),
                "unrealizedFunding": float(self.account.accrued.get(one.symbol, ZERO)),
                "pnlCurrency": "USD",
            }
            | self._fixed(one.symbol)
            for one in self.account.held()
        ]
        return {"openPositions": rows}

    def _fixed(self, symbol: str) -> dict[str, Any]:
        leverage = self.account.preferences.get(symbol)
        return {} if leverage is None else {"maxFixedLeverage": float(leverage)}

    def leverage_preferences(self, asked: Asked) -> object:
        wanted = _single(asked).get("symbol")
        rows = [
            {"symbol": symbol, "maxLeverage": float(leverage)}
            for symbol, leverage in self.account.preferences.items()
            if wanted in (None, symbol)
        ]
        return {"leveragePreferences": rows}

    def cancel_after(self, asked: Asked) -> object:
        now, seconds = self.now(), int(needed(_single(asked), "timeout"))
        self.account.cancels_at = now + seconds * 1000 if seconds else None
        triggers = stamp(now + seconds * 1000) if seconds else "0"
        return {"status": {"currentTime": stamp(now), "triggerTime": triggers}}

    # Of orders

    def send_order(self, asked: Asked) -> object:
        now, order = self.now(), None
        told: dict[str, Any] = {"receivedTime": stamp(now), "orderEvents": []}
        try:
            order = order_asked_for(_single(asked), self.account, self.triggers, now)
            told["order_id"] = order.uid
            if isinstance(order, Trigger):
                self.triggers.take(order)
                event = {"type": "PLACE", "orderTrigger": trigger_shown(order)}
                told["orderEvents"] = [event]
            else:
                told["orderEvents"] = placed(order, self.account.take(order))
            told["status"] = "placed"
        except Rejected as no:
            told["status"] = str(no)
            if isinstance(order, FuturesOrder):
                self.history.reject(order, str(no))
                if str(no) in _WOULD:
                    why = {"type": "REJECT", "uid": order.uid, "reason": _WOULD[str(no)]}
                    told["orderEvents"] = [why | {"order": shown(order)}]
        if "cliOrdId" in asked:
            told["cliOrdId"] = asked["cliOrdId"][0]
        return {"sendStatus": told}

    def cancel_order(self, asked: Asked) -> object:
        terms, now = _single(asked), self.now()
        if not terms.keys() & {"order_id", "cliOrdId"}:
            raise Refused("requiredArgumentMissing")
        if not terms.get("order_id", "an id"):
            raise Refused("invalidArgument: order_id")
        told: dict[str, Any] = {"receivedTime": stamp(now), "orderEvents": []}
        told |= {name: terms[name] for name in ("order_id", "cliOrdId") if name in terms}
        try:
            check_deadline(terms, now)
            told |= self._canceled(terms)
        except Rejected as no:
            told["status"] = str(no)
        return {"cancelStatus": told}

    def _canceled(self, terms: Mapping[str, str]) -> dict[str, Any]:
        """What comes of canceling one."""
        found = [one for one in self._all() if _is(one, terms)]
        if any(one.status == "FILLED" and self._remembered(one) for one in found):
            return {"status": "filled"}
        for order in found:
            if order.status not in OPEN:
                continue
            event: dict[str, Any] = {"type": "CANCEL", "uid": order.uid}
            if isinstance(order, Trigger):
                self.triggers.finish(order, "cancelled_by_user")
                event["orderTrigger"] = trigger_shown(order)
            else:
                event["order"] = shown(order)
                self.account.end(order, "cancelled_by_user")
            ids = {"order_id": order.uid}
            if order.client_id:
                ids["cliOrdId"] = order.client_id
            return {"status": "cancelled", "orderEvents": [event]} | ids
        return {"status": "notFound"}

    def open_orders(self, _: Asked) -> object:
        found = [] if "openorders" in self.blind else [o for o in self._all() if o.status in OPEN]
        return {"openOrders": [open_shown(one) for one in _newest(found)]}

    def order_status(self, asked: Asked) -> object:
        wanted = {*asked.get("orderIds", ()), *asked.get("cliOrdIds", ())}
        if not wanted:
            raise Refused("requiredArgumentMissing")
        rows = [
            _status(one)
            for one in _newest(self._all())
            if {one.uid, one.client_id} & wanted and self._remembered(one)
        ]
        if "orders/status" in self.blind:
            rows = []
        if self.vague and not rows:
            rows = [{"order": None, "status": None, "updateReason": None, "error": "NOT_FOUND"}]
        return {"orders": rows}

    def fills(self, asked: Asked) -> object:
        until = _single(asked).get("lastFillTime")
        end = self.now() + 1 if until is None else milliseconds(until)
        trades = [one for one in self.account.trades if one["time"] < end]
        found = [] if "fills" in self.blind else trades[::-1][:FILLS]
        return {"fills": [_fill(trade) for trade in found]}

    def events(self, asked: Asked, of: str) -> object:
        """A page of history: of `orders`, `triggers` or `executions`."""
        rows = [] if of in self.blind else self.history.events[of]
        return self.history.answer(rows, asked)

    def account_log(self, asked: Asked) -> object:
        return self.history.log(asked)

    def _all(self) -> list[FuturesOrder | Trigger]:
        """Every order, and every trigger that waits or never became one."""
        orders: list[Any] = [*self.account.accepted]
        return [*(one for one in self.triggers.accepted if one.order is None), *orders]

    def _remembered(self, order: FuturesOrder | Trigger) -> bool:
        return order.status in OPEN or self.now() - order.updated < REMEMBERED


def _single(asked: Asked) -> dict[str, str]:
    return {name: told[-1] for name, told in asked.items()}


def _is(order: FuturesOrder | Trigger, terms: Mapping[str, str]) -> bool:
    if "order_id" in terms:
        return order.uid == terms["order_id"]
    return bool(order.client_id) and order.client_id == terms["cliOrdId"]


def _newest(orders: Sequence[FuturesOrder | Trigger]) -> list[FuturesOrder | Trigger]:
    return sorted(orders, key=lambda one: one.time, reverse=True)


def _status(order: FuturesOrder | Trigger) -> dict[str, Any]:
    """One as `orders/status` tells it."""
    waits, told = isinstance(order, Trigger), _asked_shown(order)
    status = "TRIGGER_PLACED" if waits and order.status == "NEW" else _STATUS[order.status]
    reason = order.reason.upper()
    return {
        "order": told,
        "status": status,
        "updateReason": None if reason == "NEW_USER_ORDER" else reason,
        "error": None,
    }


def _asked_shown(order: FuturesOrder | Trigger) -> dict[str, Any]:
    """Its order, or its trigger."""
    if isinstance(order, FuturesOrder):
        return shown(order) | {"type": "ORDER", "priceTriggerOptions": None, "triggerTime": None}
    told = trigger_shown(order)
    options = {
        "triggerPrice": told.pop("triggerPrice"),
        "triggerSide": told.pop("triggerSide").upper(),
        "triggerSignal": told.pop("triggerSignal").upper(),
    }
    ids = {"orderId": told.pop("uid"), "cliOrdId": told.pop("clientId"), "type": "TRIGGER_ORDER"}
    told |= ids | {"filled": None, "priceTriggerOptions": options}
    told["triggerTime"] = stamp(order.triggered) if order.triggered else None
    return told


def _fill(trade: Mapping[str, Any]) -> dict[str, Any]:
    """A trade as `fills` tells it: without its fee."""
    order: FuturesOrder = trade["order"]
    told = {
        "fill_id": trade["uid"],
        "symbol": order.symbol,
        "side": order.side.lower(),
        "order_id": order.uid,
        "size": float(trade["amount"]),
        "price": float(trade["price"]),
        "fillTime": stamp(trade["time"]),
        "fillType": trade["type"],
    }
    return told | ({"cliOrdId": order.client_id} if order.client_id else {})


_Endpoint = Callable[[FuturesEndpoints, Asked], object]
PUBLIC: Mapping[str, _Endpoint] = {
    "GET instruments": FuturesEndpoints.instruments,
    "GET tickers": FuturesEndpoints.tickers,
    "GET tickers/{symbol}": FuturesEndpoints.ticker,
    "GET orderbook": FuturesEndpoints.order_book,
    "GET /api/charts/v1/trade/{symbol}/{interval}": FuturesEndpoints.candles,
}
PRIVATE: Mapping[str, _Endpoint] = {
    "GET accounts": FuturesEndpoints.accounts,
    "GET openpositions": FuturesEndpoints.open_positions,
    "GET leveragepreferences": FuturesEndpoints.leverage_preferences,
    "GET openorders": FuturesEndpoints.open_orders,
    "GET orders/status": FuturesEndpoints.order_status,
    "POST orders/status": FuturesEndpoints.order_status,
    "GET fills": FuturesEndpoints.fills,
    "POST sendorder": FuturesEndpoints.send_order,
    "POST cancelorder": FuturesEndpoints.cancel_order,
    "POST cancelallordersafter": FuturesEndpoints.cancel_after,
    "GET /api/auth/v1/api-keys/v3/check": FuturesEndpoints.key_check,
    "GET /api/history/v3/account-log": FuturesEndpoints.account_log,
} | {
    f"GET /api/history/{version}/{of}": partial(FuturesEndpoints.events, of=of)
    for version in ("v2", "v3")
    for of in ("orders", "triggers", "executions")
}
