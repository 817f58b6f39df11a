"""What the loopback Kraken Futures remembers: `/api/history`, events a page at a time.

Every change of an order and of a trigger is an event with the order as it was then, every trade another.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.doubles.kraken_futures.account import ACCOUNT_UID, FuturesAccount, FuturesOrder
from tests.doubles.kraken_futures.contracts import stamp, uid
from tests.doubles.kraken_futures.orders import Refused, kind_of
from tests.doubles.kraken_futures.triggers import Trigger, Triggers
from tests.doubles.trading import Order

Rows = list[tuple[int, str, dict[str, Any]]]
"""Each with its time and its contract, oldest first."""
_KINDS = {"lmt": "Limit", "post": "Post", "ioc": "IoC", "fok": "FillOrKill"} | {
    "liquidation": "Liquidation"
}
_OF_EVENTS = {"since", "before", "sort", "count", "continuation_token", "tradeable"}
_OF_THE_LOG = {"since", "before", "sort", "count", "from", "to", "info"}
_UNFILLED = "ioc_order_failed_because_it_would_not_be_executed"


class History:
    """Every event of an account."""

    def __init__(self, account: FuturesAccount, triggers: Triggers, now: Callable[[], int]) -> None:
        self.events: dict[str, Rows] = {"orders": [], "triggers": [], "executions": []}
        self.page = 1000
        """Rows of one answer at most."""
        self.late = 0
        """How long an event is not told yet, in milliseconds."""
        self._account, self._now = account, now
        account.on_order.append(self._note_order)
        triggers.on_change.append(self._note_trigger)
        triggers.on_refusal.append(self.reject)

    def reject(self, order: FuturesOrder, status: str) -> None:
        """Note an order that was not taken."""
        told = {"order": _order(order), "orderError": status, "reason": order.origin}
        self._add("orders", order, "OrderRejected", told)

    def answer(self, rows: Rows, asked: Mapping[str, Sequence[str]]) -> object:
        """A page of events."""
        known = [one for one in rows if one[0] <= self._now() - self.late]
        rows = _chosen(known, asked, _OF_EVENTS)
        start = int(base64.b64decode(asked.get("continuation_token", ["MA=="])[0]))
        end = start + min(int(asked.get("count", [self.page])[0]), self.page)
        shown = [row for _, _, row in rows[start:end]]
        told: dict[str, Any] = {"accountUid": ACCOUNT_UID, "len": len(shown), "elements": shown}
        told["serverTime"] = stamp(self._now())
        if end < len(rows):
            told["continuationToken"] = base64.b64encode(str(end).encode()).decode()
        return told

    def log(self, asked: Mapping[str, Sequence[str]]) -> object:
        """The account's log."""
        first, last = (
            int(asked.get(name, [rest])[0]) for name, rest in (("from", 1), ("to", 1 << 62))
        )
        rows = [
            row
            for _, _, row in _chosen(self._account.log, asked, _OF_THE_LOG)
            if first <= row["id"] <= last and row["info"] in asked.get("info", [row["info"]])
        ]
        return {"accountUid": ACCOUNT_UID, "logs": rows[: int(asked.get("count", [500])[0])]}

    def _add(self, of: str, order: Order, kind: str, told: dict[str, Any]) -> None:
        now, number = self._now(), len(self.events[of])
        element = {"uid": uid("e4e7", number), "timestamp": now, "event": {kind: told}}
        self.events[of].append((now, order.symbol, element))

    def _note_order(self, order: Order, how: str, trade: dict[str, Any] | None) -> None:
        assert isinstance(order, FuturesOrder)
        if trade is not None:
            self._add("executions", order, "Execution", _execution(order, trade))
        if order.entering:
            return
        if how == "ENTERED":
            told = {"order": _order(order), "reason": order.origin, "reducedQuantity": ""}
            self._add("orders", order, "OrderPlaced", told)
            if order.status == "EXPIRED":
                self._add(
                    "orders", order, "OrderCancelled", {"order": _order(order), "reason": _UNFILLED}
                )
        elif trade is not None:
            before = {
                "left": order.rest + trade["amount"],
                "filled": order.filled - trade["amount"],
            }
            told = {"oldOrder": _order(order, **before), "newOrder": _order(order)}
            told |= {"reason": order.reason, "reducedQuantity": ""}
            self._add("orders", order, "OrderUpdated", told)
        elif how == "CANCELED":
            told = {"order": _order(order), "reason": order.reason}
            self._add("orders", order, "OrderCancelled", told)

    def _note_trigger(self, order: Order) -> None:
        assert isinstance(order, Trigger)
        kind = {
            "NEW": "OrderTriggerPlaced",
            "TRIGGERED": "OrderTriggerActivated",
            "CANCELED": "OrderTriggerCancelled",
        }.get(order.status)
        if kind is not None:
            told: dict[str, Any] = {"order": _trigger(order)}
            if order.status != "TRIGGERED":
                told["reason"] = order.reason
            self._add("triggers", order, kind, told)


def _chosen(rows: Rows, asked: Mapping[str, Sequence[str]], known: set[str]) -> Rows:
    """Those of the time that is asked for, in the order that is asked for."""
    if unknown := asked.keys() - known:
        raise Refused(f"invalidArgument: {', '.join(sorted(unknown))}")
    since, before = (
        int(asked.get(name, [rest])[0]) for name, rest in (("since", 0), ("before", 1 << 62))
    )
    found = [
        one
        for one in rows
        if since <= one[0] < before and asked.get("tradeable", [one[1]])[0] == one[1]
    ]
    return found if asked.get("sort", ["desc"])[0] == "asc" else found[::-1]


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _order(order: FuturesOrder, **instead: Decimal) -> dict[str, Any]:
    """An order as events tell it; `instead` are numbers that it had before."""
    return {
        "uid": order.uid,
        "accountUid": ACCOUNT_UID,
        "tradeable": order.symbol,
        "direction": order.side.capitalize(),
        "quantity": _text(instead.get("left", order.rest)),
        "filled": _text(instead.get("filled", order.filled)),
        "timestamp": order.time,
        "limitPrice": _text(order.price),
        "orderType": _KINDS[kind_of(order)],
        "clientId": order.client_id,
        "reduceOnly": order.reduce_only,
        "lastUpdateTimestamp": order.updated,
        "spotData": None,
    }


def _execution(order: FuturesOrder, trade: Mapping[str, Any]) -> dict[str, Any]:
    amount, price = trade["amount"], trade["price"]
    execution = {
        "uid": trade["uid"],
        "order": _order(order),
        "timestamp": trade["time"],
        "quantity": _text(amount),
        "price": _text(price),
        "markPrice": _text(trade["mark"]),
        "limitFilled": not order.rest,
        "executionType": "maker" if trade["type"] == "maker" else "taker",
        "usdValue": _text(amount * price),
        "orderData": {
            "fee": _text(trade["fee"]),
            "positionSize": _text(trade["position"]),
            "feeCalculationInfo": {
                "percentageFee": _text(trade["fee"] / (amount * price) * 100),
                "userFeeDiscountApplied": "0",
                "marketShareRebateCredited": "0",
            },
            "realizedPnl": _text(trade["realized"]),
        },
        "oldTakerOrder": None,
        "partnerTradeId": "",
        "regulatoryData": None,
    }
    return {"execution": execution, "takerReducedQuantity": ""}


def _trigger(order: Trigger) -> dict[str, Any]:
    options: dict[str, Any] = {
        "triggerPrice": _text(order.stop),
        "triggerSignal": "LastPrice",
        "triggerSide": "Above" if order.fires_above else "Below",
    }
    if order.trails:
        unit = {"PERCENT": "Percent"}.get(order.unit, "QuoteCurrency")
        most = _text(order.share * 100 or order.distance)
        options |= {"trailingStopOptions": {"maxDeviation": most, "unit": unit}}
    return {
        "uid": order.uid,
        "accountId": 0,
        "accountUid": ACCOUNT_UID,
        "tradeable": order.symbol,
        "direction": order.side.capitalize(),
        "quantity": _text(order.amount),
        "timestamp": order.time,
        "limitPrice": _text(order.price) if order.price else "",
        "orderType": "Limit" if order.price else "IoC",
        "clientId": order.client_id,
        "reduceOnly": order.reduce_only,
        "lastUpdateTimestamp": order.updated,
        "triggerOptions": options,
    }
