"""What is asked for as an order at the loopback Kraken Futures: checked in Kraken's words, and shown.

An order is told by what is left of it (`quantity`) and what was filled. `Refused` is an answer with
`result: error`; `Rejected` one with success, whose status says why nothing was placed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.doubles.kraken_futures.account import FuturesAccount, FuturesOrder, Rejected
from tests.doubles.kraken_futures.contracts import FuturesContract, milliseconds, stamp, uid
from tests.doubles.kraken_futures.triggers import Trigger, Triggers
from tests.doubles.trading import ZERO, Order

_ORDERS = {
    "lmt": ("LIMIT", "GTC"),
    "post": ("LIMIT_MAKER", "GTC"),
    "ioc": ("LIMIT", "IOC"),
    "fok": ("LIMIT", "FOK"),
}
_TRIGGERS = {"stp": "STOP", "take_profit": "TAKE_PROFIT", "trailing_stop": "TRAILING_STOP"}
_TERMS = {"symbol", "side", "size", "orderType", "limitPrice", "cliOrdId", "reduceOnly"} | {
    "processBefore",
    "stopPrice",
    "triggerSignal",
    "trailingStopMaxDeviation",
    "trailingStopDeviationUnit",
}
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_LONGEST_ID = 100


class Refused(Exception):
    """A request that is answered with an error: `{"result": "error", "error": ...}`."""

    def __init__(self, error: str, *, code: int | None = None) -> None:
        """`code` stands in a list of errors, which come with status 400."""
        super().__init__(error)
        self.code = code


def contract_of(asked: Mapping[str, str], account: FuturesAccount) -> FuturesContract:
    """The contract that is asked for; Kraken takes its name in either case."""
    found: FuturesContract | None = account.contracts.get(needed(asked, "symbol").upper())
    if found is None:
        raise Refused("contractNotFound")
    return found


def needed(asked: Mapping[str, str], name: str) -> str:
    """A parameter that has to be there."""
    if name not in asked:
        raise Refused("requiredArgumentMissing")
    return asked[name]


def check_deadline(asked: Mapping[str, str], now: int) -> None:
    """Raises what is said of a request that comes after the time it was to be processed before."""
    told = asked.get("processBefore")
    if told is None:
        return
    try:
        before = milliseconds(told)
    except ValueError:
        raise Refused("invalidArgument: processBefore") from None
    if before <= now:
        raise Rejected("wouldProcessAfterSpecifiedTime")


def order_asked_for(
    asked: Mapping[str, str], account: FuturesAccount, triggers: Triggers, now: int
) -> FuturesOrder | Trigger:
    """The order that `sendorder` asks for.

    Raises:
        Refused: the request is none.
        Rejected: nothing is placed.
    """
    if unknown := asked.keys() - _TERMS:
        raise Refused(f"invalidArgument: {', '.join(sorted(unknown))}")
    kind, contract = needed(asked, "orderType"), contract_of(asked, account)
    if kind not in (*_ORDERS, *_TRIGGERS):
        raise Refused("invalid order type", code=11)
    check_deadline(asked, now)
    if needed(asked, "side") not in ("buy", "sell"):
        raise Rejected("invalidSide")
    client_id = asked.get("cliOrdId", "")
    if len(client_id) > _LONGEST_ID:
        raise Rejected("clientOrderIdTooLong")
    if client_id and any(
        one.client_id == client_id for one in (*account.accepted, *triggers.accepted)
    ):
        raise Rejected("clientOrderIdAlreadyExist")
    terms: dict[str, Any] = {
        "client_id": client_id,
        "symbol": contract.symbol,
        "side": asked["side"].upper(),
        "amount": _size(asked, contract),
        "time": now,
        "updated": now,
        "reduce_only": _reduces(asked),
    }
    if kind in _TRIGGERS:
        return _trigger(asked, contract, terms, len(triggers.accepted))
    number, (type_, tif) = len(account.accepted), _ORDERS[kind]
    price = _price(asked, "limitPrice", contract)
    if kind != "post" and contract.post_only:
        raise Rejected("marketIsPostOnly")
    return FuturesOrder(
        id=number,
        type=type_,
        time_in_force=tif,
        price=price,
        uid=uid("0a0d", number),
        **terms,
    )


def _trigger(
    asked: Mapping[str, str], contract: FuturesContract, terms: Mapping[str, Any], number: int
) -> Trigger:
    kind = asked["orderType"]
    assert asked.get("triggerSignal") == "last", "our product asks for the last price"
    more: dict[str, Any] = {}
    if kind == "trailing_stop":
        gap = _number(asked, "trailingStopMaxDeviation")
        unit = needed(asked, "trailingStopDeviationUnit")
        if unit == "PERCENT" and not Decimal("0.1") <= gap <= 50:
            raise Refused("invalidArgument: trailingStopMaxDeviation")
        if "limitPrice" in asked or "stopPrice" in asked:
            raise Rejected("invalidPrice")
        more = {"share": gap / 100} if unit == "PERCENT" else {"distance": gap}
        more["unit"] = unit
    else:
        more["stop"] = _price(asked, "stopPrice", contract)
    return Trigger(
        id=number,
        type=_TRIGGERS[kind],
        time_in_force="GTC",
        price=_price(asked, "limitPrice", contract) if "limitPrice" in asked else ZERO,
        uid=uid("7a16", number),
        **terms,
        **more,
    )


def _reduces(asked: Mapping[str, str]) -> bool:
    told = asked.get("reduceOnly", "false")
    if told not in ("true", "false"):
        raise Refused("invalidArgument: reduceOnly")
    return told == "true"


def _number(asked: Mapping[str, str], name: str) -> Decimal:
    if not _NUMBER.fullmatch(needed(asked, name)):
        raise Refused(f"invalidArgument: {name}")
    return Decimal(asked[name])


def _size(asked: Mapping[str, str], contract: FuturesContract) -> Decimal:
    size = _number(asked, "size")
    if size <= ZERO or size % contract.step:
        raise Rejected("invalidSize")
    if not contract.tradeable:
        raise Rejected("marketInactive")
    return size


def _price(asked: Mapping[str, str], name: str, contract: FuturesContract) -> Decimal:
    price = _number(asked, name)
    if price <= ZERO or price % Decimal(contract.tick):
        raise Rejected("invalidPrice")
    return price


# How they are shown


def kind_of(order: Order) -> str:
    """An order's type in `sendorder`'s answers."""
    if isinstance(order, FuturesOrder) and order.liquidates:
        return "liquidation"
    if order.type == "LIMIT_MAKER":
        return "post"
    return {"GTC": "lmt"}.get(order.time_in_force, order.time_in_force.lower())


def shown(order: FuturesOrder, **instead: Decimal) -> dict[str, Any]:
    """An order as events tell it; `instead` are numbers that it had before."""
    return {
        "orderId": order.uid,
        "cliOrdId": order.client_id or None,
        "type": kind_of(order),
        "symbol": order.symbol,
        "side": order.side.lower(),
        "quantity": float(instead.get("left", order.rest)),
        "filled": float(instead.get("filled", order.filled)),
        "limitPrice": float(order.price),
        "reduceOnly": order.reduce_only,
        "timestamp": stamp(order.time),
        "lastUpdateTimestamp": stamp(order.updated),
    }


def trigger_shown(order: Trigger) -> dict[str, Any]:
    """A trigger as events tell it."""
    return {
        "uid": order.uid,
        "clientId": order.client_id or None,
        "type": "lmt" if order.price else "ioc",
        "symbol": order.symbol,
        "side": order.side.lower(),
        "quantity": float(order.amount),
        "limitPrice": float(order.price) if order.price else None,
        "triggerPrice": float(order.stop),
        "triggerSide": "trigger_above" if order.fires_above else "trigger_below",
        "triggerSignal": "last_price",
        "reduceOnly": order.reduce_only,
        "timestamp": stamp(order.time),
        "lastUpdateTimestamp": stamp(order.updated),
        "startTime": None,
    }


def open_shown(order: FuturesOrder | Trigger) -> dict[str, Any]:
    """An order or a trigger as `openorders` lists it, a trigger without its size."""
    row = {
        "order_id": order.uid,
        "symbol": order.symbol,
        "side": order.side.lower(),
        "orderType": "lmt",
        "unfilledSize": float(order.rest),
        "receivedTime": stamp(order.time),
        "status": "partiallyFilled" if order.filled else "untouched",
        "filledSize": float(order.filled),
        "reduceOnly": order.reduce_only,
        "lastUpdateTime": stamp(order.updated),
    }
    if order.client_id:
        row["cliOrdId"] = order.client_id
    if order.price:
        row["limitPrice"] = float(order.price)
    if isinstance(order, Trigger):
        kind = {"STOP": "stop"}.get(order.type, order.type.lower())
        row |= {"orderType": kind, "stopPrice": float(order.stop), "triggerSignal": "last"}
        del row["unfilledSize"]
    return row


def placed(order: FuturesOrder, trades: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of an order that came in: what it traded at once, and what rests of it."""
    reduced = float(order.reduced) if order.reduce_only else None
    events = [
        {
            "type": "EXECUTION",
            "executionId": trade["uid"],
            "price": float(trade["price"]),
            "amount": float(trade["amount"]),
            "orderPriorEdit": None,
            "orderPriorExecution": shown(
                order,
                left=trade["left"] + trade["amount"],
                filled=trade["filled"] - trade["amount"],
            ),
            "takerReducedQuantity": reduced,
        }
        for trade in trades
    ]
    if order.status in ("NEW", "PARTIALLY_FILLED"):
        events.append({"type": "PLACE", "order": shown(order), "reducedQuantity": reduced})
    return events
