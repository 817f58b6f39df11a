"""Orders at Kraken Futures, where ccxt says or reads something else than Kraken means.

ccxt sends a limit order that may not rest as one that may, takes an order that was placed for one that was
canceled, and makes up fees. `connections.py` mixes these calls into its class. They must never take an
unknown state, or a part of a list, for an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from execution.errors import OrderUnknown, VenueUnavailable
from execution.rounding import exactly, plain
from execution.types import ZERO
from execution.venues.pacing import Allowance
from execution.venues.quirks.kraken_futures_account import SETTLES_IN, market_by_id

Row = dict[str, Any]
"""An order or a trade as ccxt shows one."""

_CLOCK = "PF_XBTUSD"
"""The market whose ticker tells the time: it has been there from the beginning."""
_PAGE = 1000
"""Events in a full page of history: Kraken gives no more."""
_COSTS = {"sendorder": 10, "cancelorder": 10, "cancelallordersafter": 25}
"""What a request takes of the 500 that may be spent in ten seconds; every other that is asked here 1 or 2."""
_TOKENS = 100
_TOKENS_PER_SECOND = 100 / 600
"""What history may be asked: a list of orders or trades takes one, one of the account's log three."""
_LOG, _MINUTE = 3, 10
_TOO_MUCH = "apiLimitExceeded"

_TIMES = {"IOC": "ioc", "FOK": "fok"}
_TAKEN = frozenset({"placed", "partiallyFilled", "filled"})
"""What an order is answered that was taken."""
_STATES = {
    "ENTERED_BOOK": "open",
    "TRIGGER_PLACED": "open",
    "FULLY_EXECUTED": "closed",
    "CANCELLED": "canceled",
    "REJECTED": "rejected",
    "TRIGGER_ACTIVATION_FAILURE": "rejected",
}
_FIRED = "fired"
"""One whose price was touched: from then on it is an order of the same number."""
_SETTLED = 60_000
"""Milliseconds after which history holds every event: nobody has measured it."""
_EVENTS = {
    "OrderPlaced": ("order", "open"),
    "OrderUpdated": ("newOrder", "open"),
    "OrderCancelled": ("order", "canceled"),
    "OrderRejected": ("order", "rejected"),
    "OrderTriggerPlaced": ("order", "open"),
    "OrderTriggerUpdated": ("newOrderTrigger", "open"),
    "OrderTriggerCancelled": ("order", "canceled"),
    "OrderTriggerActivated": ("order", _FIRED),
}
"""Where an event tells its order, and what that is then, unless nothing of it is left."""
_TELL_NOTHING = frozenset({"OrderEditRejected", "OrderNotFound", "OrderTriggerEditRejected"})
_NEVER_REST = frozenset({"IoC", "FillOrKill", "Market"})


class KrakenFuturesOrders:
    """Mixed into ccxt's class: an order's way there, its look-ups, and what they cost."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._tokens = Allowance(_TOKENS, _TOKENS_PER_SECOND)

    async def request(self: Any, path: str, api: Any, *more: Any, **named: Any) -> Any:
        """Ask; history is counted apart: what it refuses holds up nothing else, no order above all."""
        if "history" not in api:
            return await super().request(path, api, *more, **named)  # type: ignore[misc]  # ccxt's
        if self.enableRateLimit:
            await self._tokens.take(_LOG if path == "account-log" else 1)
        try:
            return await super().request(path, api, *more, **named)  # type: ignore[misc]  # ccxt's
        except self.exceptions["exact"][_TOO_MUCH] as error:
            if _TOO_MUCH not in str(error):  # the status alone said so: of all that is asked
                raise
            self._tokens.owe(_MINUTE)  # somebody else has asked as well, or we before a restart
        raise VenueUnavailable(f"{self.id} tells no more of its past for now")

    def calculate_rate_limiter_cost(self, api: Any, method: str, path: str, *_: object) -> int:
        """What Kraken counts for it."""
        return _COSTS.get(path, 2)

    async def fetch_time(self: Any, *_: object) -> int:
        """Kraken's clock, in milliseconds: each answer tells it."""
        return int(
            self.parse8601((await self.publicGetTickersSymbol({"symbol": _CLOCK}))["serverTime"])
        )

    async def fetch_key_rights(self: Any) -> Any:
        """What the key may do."""
        return await self.request("api-keys/v3/check", ["auth"], "GET")

    async def fetch_markets(self: Any, *given: Any) -> list[Row]:
        """Contracts whose names ccxt reads: of all others it makes contracts in USD."""
        found = await super().fetch_markets(*given)  # type: ignore[misc]  # ccxt's
        kinds = ("flexible_futures", "futures_inverse")
        return [one for one in found if one["info"]["type"] in kinds]

    def create_order_request(
        self: Any, symbol: str, kind: str, side: str, amount: str, price: str | None, params: Row
    ) -> Row:
        """An order in Kraken's words; ccxt knows of all times in force one, and no distance that trails."""
        said = dict(params)
        by_time = _TIMES.get(said.pop("timeInForce", None))
        if by_time is not None:
            said["orderType"] = by_time
        for unit, name in (("PERCENT", "trailingPercent"), ("QUOTE_CURRENCY", "trailingAmount")):
            if name in said:
                said |= {"trailingStopMaxDeviation": said.pop(name)}
                said |= {"trailingStopDeviationUnit": unit}
        made: Row = super().create_order_request(  # type: ignore[misc]  # ccxt's
            symbol, kind, side, amount, price, said
        )
        return made

    async def create_order(
        self: Any, symbol: str, kind: str, side: str, amount: str, price: str | None, params: Row
    ) -> Row:
        """Send an order; its number and ours. What was filled at once its look-up tells."""
        asked = self.create_order_request(symbol, kind, side, amount, price, params)
        told = (await self.privatePostSendorder(asked))["sendStatus"]
        if told["status"] not in _TAKEN:
            raise ValueError(told["status"])
        return {
            "id": told["order_id"],
            "clientOrderId": told.get("cliOrdId"),
            "status": None,
            "timestamp": self.parse8601(told["receivedTime"]),
            "lastUpdateTimestamp": None,
        }

    async def cancel_order(self: Any, number: str | None, symbol: str, params: Row) -> Row:
        """Cancel by Kraken's number, or by ours in `params`."""
        by = params if number is None else {"order_id": number}
        told: Row = (await self.privatePostCancelorder(by))["cancelStatus"]
        if told["status"] in ("filled", "notFound"):
            raise OrderUnknown(f"{self.id} does not know this order")
        if told["status"] != "cancelled":
            raise ValueError(told["status"])
        return told

    async def fetch_order(self: Any, number: str, symbol: str, params: Row) -> Row:
        """An order that is open, or ended within the last five seconds."""
        found = await self._shown(params or {"orderIds": number})
        if not found:
            raise OrderUnknown(f"{self.id} shows no such order")
        (row,) = await self._with_average(found)
        return dict(row)

    async def fetch_open_orders(self: Any, symbol: str | None = None) -> list[Row]:
        """All of the account, those that wait for a price among them; the size of these may be missing."""
        listed = (await self.privateGetOpenorders())["openOrders"]
        rows = [_open_row(self, one) for one in listed if "unfilledSize" in one]
        for one in listed:
            if "unfilledSize" not in one:
                shown = await self._shown({"orderIds": one["order_id"]})
                rows += [row for row in shown if row["status"] == "open"]
        return [row for row in rows if symbol in (None, row["symbol"])]

    async def fetch_orders(self: Any, symbol: str, since: int | None, *_: object) -> list[Row]:
        """Every order that something happened to since then, as it was left."""
        waited = _as_left(self, await self._events("triggers", symbol, since))
        placed = _as_left(self, await self._events("orders", symbol, since))
        for number, row in waited.items():
            # One that has fired is an order of the same number; whether our id stays is not said.
            if number not in placed:
                placed[number] = await self._fired(row) if row["status"] == _FIRED else row
            order = placed[number]
            order["clientOrderId"] = order["clientOrderId"] or row["clientOrderId"]
        return list(await self._with_average(list(placed.values())))

    async def _fired(self: Any, row: Row) -> Row:
        """What has become of an order that has fired, where history tells of none that it became."""
        shown = await self._shown({"orderIds": row["id"]})
        if shown:
            return dict(shown[0])
        fills = (await self.privateGetFills())["fills"]
        now = self.milliseconds() - (self.options.get("timeDifference") or 0)  # by Kraken's clock
        young = now - row["timestamp"] < _SETTLED
        if young or any(one["order_id"] == row["id"] for one in fills):
            raise ValueError("it is not told what became of an order that has fired")
        # As it fired: there was nothing left to reduce, or too little margin.
        return {**row, "status": "rejected"}

    async def fetch_my_trades(self: Any, symbol: str, since: int | None, *_: object) -> list[Row]:
        """Trades with the fee that was charged, which the list of fills does not tell."""
        events = await self._events("executions", symbol, since)
        return [_trade_row(self, one["event"]) for one in events]

    async def _shown(self: Any, by: Row) -> list[Row]:
        """What `orders/status` tells; ccxt asks it otherwise than its documentation has it."""
        found = await self.request("orders/status", ["private"], "POST", by)
        # Of an order that it does not know it may tell one without a state.
        return [_status_row(self, row) for row in found["orders"] if row.get("status")]

    async def _events(self: Any, path: str, symbol: str, since: int | None) -> list[Row]:
        """What history tells of a market, oldest first, read to its end."""
        asked = {"sort": "asc", "count": _PAGE, "tradeable": self.market_id(symbol)}
        if since is not None:
            asked["since"] = since
        found: list[Row] = []
        while True:
            page = await self.request(path, ["history"], "GET", asked)
            found += page["elements"]
            token = page.get("continuationToken")
            if not token or not page["elements"]:
                break
            if token == asked.get("continuation_token"):
                raise ValueError("a page that leads to itself")
            asked = {**asked, "continuation_token": token}
        if len(page["elements"]) >= _PAGE:
            raise ValueError("a full page, and no way to the next one")
        return found

    async def _with_average(self: Any, rows: Sequence[Row]) -> list[Row]:
        """Orders that ended with what they were filled at, where the newest hundred fills hold all of it."""
        if all(row["filled"] == "0" or row["status"] == "open" for row in rows):
            return list(rows)
        fills = (await self.privateGetFills())["fills"]
        return [{**row, "average": _average(row, fills)} for row in rows]


def _status_row(ccxt: Any, told: Mapping[str, Any]) -> Row:
    """An order as `orders/status` tells it: with what is left of it, not with its whole amount."""
    order, status = told["order"], _STATES[told["status"]]
    left = ZERO if status == "closed" else Decimal(order["quantity"])
    trigger = order.get("priceTriggerOptions") or {}
    return _row(
        ccxt,
        order["symbol"],
        id=order["orderId"],
        clientOrderId=order["cliOrdId"],
        side=order["side"],
        status=status,
        left=left,
        filled=0 if order["type"] == "TRIGGER_ORDER" else order["filled"],
        price=order["limitPrice"],
        triggerPrice=trigger.get("triggerPrice"),
        timestamp=ccxt.parse8601(order["lastUpdateTimestamp"]),
    )


def _open_row(ccxt: Any, order: Mapping[str, Any]) -> Row:
    """An order as `openorders` tells it."""
    return _row(
        ccxt,
        order["symbol"],
        id=order["order_id"],
        clientOrderId=order.get("cliOrdId"),
        side=order["side"],
        status="open",
        left=order["unfilledSize"],
        filled=order["filledSize"],
        price=order.get("limitPrice"),
        triggerPrice=order.get("stopPrice"),
        timestamp=ccxt.parse8601(order["lastUpdateTime"]),
    )


def _as_left(ccxt: Any, events: Iterable[Mapping[str, Any]]) -> dict[str, Row]:
    """Orders by number, as the last of these events left each."""
    rows = (_event_row(ccxt, one) for one in events)
    return {row["id"]: row for row in rows if row is not None}


def _event_row(ccxt: Any, element: Mapping[str, Any]) -> Row | None:
    """An order as an event of history left it; None of an event that changed none."""
    ((kind, told),) = element["event"].items()
    if kind in _TELL_NOTHING:
        return None
    where, status = _EVENTS[kind]
    order = told[where]
    left, filled = Decimal(order["quantity"]), Decimal(order.get("filled") or 0)
    if filled and not left:
        status = "closed"
    elif status == "open" and kind == "OrderPlaced" and order["orderType"] in _NEVER_REST:
        status = "canceled"
    return _row(
        ccxt,
        order["tradeable"],
        id=order["uid"],
        clientOrderId=order["clientId"] or None,
        side=order["direction"].lower(),
        status=status,
        left=left,
        filled=filled,
        price=order["limitPrice"],
        triggerPrice=(order.get("triggerOptions") or {}).get("triggerPrice"),
        timestamp=int(element["timestamp"]),
    )


def _trade_row(ccxt: Any, event: Mapping[str, Any]) -> Row:
    """A trade of the account."""
    told = (event.get("Execution") or event["execution"])["execution"]
    order = told["order"]
    return {
        "id": told["uid"],
        "order": order["uid"],
        "symbol": _symbol(ccxt, order["tradeable"]),
        "side": order["direction"].lower(),
        "amount": told["quantity"],
        "price": told["price"],
        "fee": {"cost": told["orderData"]["fee"], "currency": SETTLES_IN},
        "timestamp": int(told["timestamp"]),
    }


@exactly
def _row(ccxt: Any, market_id: str, *, left: Any, filled: Any, price: Any, **told: Any) -> Row:
    """An order in ccxt's words: its amount is what is left and what was filled."""
    had = Decimal(filled)
    return {
        "info": {},
        "symbol": _symbol(ccxt, market_id),
        "amount": plain(Decimal(left) + had),
        "filled": plain(had),
        "price": price or None,
        "average": None,
        "lastUpdateTimestamp": None,
        **told,
    }


@exactly
def _average(row: Row, fills: Iterable[Mapping[str, Any]]) -> str | None:
    """What an order was filled at; None where these are not all of its fills."""
    own = [
        (Decimal(one["size"]), Decimal(one["price"]))
        for one in fills
        if one["order_id"] == row["id"]
    ]
    filled = sum((size for size, _ in own), ZERO)
    if not own or plain(filled) != row["filled"]:
        return None
    return plain(sum((size * price for size, price in own), ZERO) / filled)


def _symbol(ccxt: Any, market_id: str) -> str:
    market = market_by_id(ccxt, market_id)
    return market_id if market is None else str(market["symbol"])
