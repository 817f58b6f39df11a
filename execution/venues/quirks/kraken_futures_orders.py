"""Orders at Kraken Futures, where ccxt says or reads something else than Kraken means.

ccxt sends a limit order that may not rest as one that may, takes an order that was placed for one that was
canceled, and makes up fees. `connections.py` mixes these calls into its class. They must never take an
unknown state, or a part of a list, for an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from execution.errors import OrderUnknown, OutcomeUnknown
from execution.rounding import exactly, plain
from execution.types import ZERO
from execution.venues.quirks.kraken_futures_history import (
    FIRED,
    KrakenFuturesHistory,
    Row,
    as_left,
    is_ours,
    order_row,
)

_CLOCK = "PF_XBTUSD"
"""The market whose ticker tells the time: it has been there from the beginning."""
_COSTS = {"sendorder": 10, "cancelorder": 10, "cancelallordersafter": 25}
"""What a request takes of the 500 that may be spent in ten seconds; every other that is asked here 1 or 2."""

_TIMES = {"IOC": "ioc", "FOK": "fok"}
_TAKEN = frozenset({"placed", "partiallyFilled", "filled"})
"""What an order is answered that was taken."""
_LEAVES_SOMETHING = frozenset({"EXECUTION", "PLACE"})
"""What tells of an order that something of it was taken, whatever it is answered."""
_STATES = {
    "ENTERED_BOOK": "open",
    "TRIGGER_PLACED": "open",
    "FULLY_EXECUTED": "closed",
    "CANCELLED": "canceled",
    "REJECTED": "rejected",
    "TRIGGER_ACTIVATION_FAILURE": "rejected",
}
_REMEMBERED = 20_000
"""Milliseconds for which an end is remembered that Kraken shows for five seconds: history may be used up."""
_SETTLED = 60_000
"""Milliseconds after which history holds every event: nobody has measured it."""


class KrakenFuturesOrders(KrakenFuturesHistory):
    """Mixed into ccxt's class: an order's way there, its look-ups, and what they cost."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._missed: dict[str, int] = {}
        """Orders that history alone calls open, and since when: by Kraken's clock, in milliseconds."""
        self._ended: dict[str, tuple[int, Row]] = {}
        """Orders that were shown to have ended, and when that was."""

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
        return await self.request("api-keys/v3/check", ["auth"], "GET", {})

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
            if any(one["type"] in _LEAVES_SOMETHING for one in told.get("orderEvents") or ()):
                raise OutcomeUnknown(f"{self.id} took a part of it, and says {told['status']}")
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
        """An order that is open, or ended lately."""
        found = await self._shown(params or {"orderIds": number}) or [
            row
            for _, row in self._ended.values()
            if number == row["id"] or row["clientOrderId"] in params.values()
        ]
        if not found:
            raise OrderUnknown(f"{self.id} shows no such order")
        row, *_ = _refused_last(await self._with_average(found))
        return row

    async def fetch_open_orders(self: Any, symbol: str | None = None) -> list[Row]:
        """All of the account, those that wait for a price among them; the size of these may be missing."""
        listed = (await self.privateGetOpenorders())["openOrders"]
        for one in listed:
            self._seen(one["order_id"])
        rows = [_open_row(self, one) for one in listed if one.get("unfilledSize") is not None]
        unsized = [one["order_id"] for one in listed if one.get("unfilledSize") is None]
        shown = {row["id"]: row for row in await self._shown({"orderIds": unsized})}
        if shown.keys() != set(unsized):
            raise ValueError("it is not told how much is left of an open order")
        rows += [row for row in shown.values() if row["status"] == "open"]
        return [row for row in rows if symbol in (None, row["symbol"])]

    async def fetch_orders(self: Any, symbol: str, since: int | None, *_: object) -> list[Row]:
        """Every order that something happened to since then, as it was left."""
        waited = await self.events("triggers", symbol, since)
        found = as_left(self, waited, await self.events("orders", symbol, since))
        found |= await self._settled(found.values(), symbol, since)
        return _refused_last(await self._with_average(list(found.values())))

    async def _settled(
        self: Any, rows: Iterable[Row], symbol: str, since: int | None
    ) -> dict[str, Row]:
        """What has become of orders that history leaves open: it may know their end only later.

        One that nothing else shows stays as it was for a minute, and has ended then.
        """
        left = {row["id"]: row for row in rows if row["status"] in ("open", FIRED)}
        ours = [number for number, row in left.items() if is_ours(row["clientOrderId"])]
        shown = {row["id"]: row for row in await self._shown({"orderIds": ours})}
        now = self._now()
        missed = {one: self._missed.setdefault(one, now) for one in ours if one not in shown}
        over = {number for number, at in missed.items() if now - at >= _SETTLED}
        trades = await self.fetch_my_trades(symbol, since) if over else []
        found: dict[str, Row] = {}
        for number, row in left.items():
            if number in over:
                found[number] = _ended(row, trades)
            else:
                told = shown.get(number, {**row, "status": "open"})
                found[number] = {**told, "clientOrderId": row["clientOrderId"]}
        return found

    async def _shown(self: Any, by: Row) -> list[Row]:
        """What `orders/status` tells; ccxt asks it otherwise than its documentation has it."""
        if not all(by.values()):
            return []
        found = await self.request("orders/status", ["private"], "POST", by)
        # Of an order that it does not know it may tell one without a state.
        rows = [_status_row(self, row) for row in found["orders"] if row.get("status")]
        now = self._now()
        self._ended = {one: end for one, end in self._ended.items() if now - end[0] < _REMEMBERED}
        for row in rows:
            self._seen(row["id"])
            if row["status"] != "open":
                self._ended[row["id"]] = now, row
        return rows

    def _seen(self, number: str) -> None:
        """Forget what was concluded of it: it is shown."""
        self._missed.pop(number, None)
        self._ended.pop(number, None)

    def _now(self: Any) -> int:
        """The time by Kraken's clock, in milliseconds."""
        return int(self.milliseconds() - (self.options.get("timeDifference") or 0))

    async def _with_average(self: Any, rows: Sequence[Row]) -> list[Row]:
        """Orders that ended with what they were filled at, where the newest hundred fills hold all of it."""
        if all(row["filled"] == "0" or row["status"] == "open" for row in rows):
            return list(rows)
        fills = (await self.privateGetFills())["fills"]
        return [{**row, "average": _average(row, fills)} for row in rows]


def _refused_last(rows: Iterable[Row]) -> list[Row]:
    """Of two orders with one id of ours, the one that was refused was none."""
    return sorted(rows, key=lambda row: bool(row["status"] == "rejected"))


def _status_row(ccxt: Any, told: Mapping[str, Any]) -> Row:
    """An order as `orders/status` tells it: with what is left of it, not with its whole amount."""
    order, status = told["order"], _STATES[told["status"]]
    left, filled = Decimal(order["quantity"]), Decimal(order["filled"] or 0)
    if status == "closed":
        left = ZERO
        if not filled:
            raise ValueError("an order that was executed, and nothing of it")
    trigger = order.get("priceTriggerOptions") or {}
    return order_row(
        ccxt,
        order["symbol"],
        id=order["orderId"],
        clientOrderId=order["cliOrdId"],
        side=order["side"],
        status=status,
        left=left,
        filled=filled,
        price=order["limitPrice"],
        triggerPrice=trigger.get("triggerPrice"),
        timestamp=ccxt.parse8601(order["lastUpdateTimestamp"]),
    )


def _open_row(ccxt: Any, order: Mapping[str, Any]) -> Row:
    """An order as `openorders` tells it."""
    return order_row(
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


@exactly
def _ended(row: Row, trades: Iterable[Row]) -> Row:
    """An order that nothing shows any more, with what its trades come to.

    One that fired and traded nothing was refused then: nothing was left to reduce, or too little margin.
    """
    traded = sum((Decimal(one["amount"]) for one in trades if one["order"] == row["id"]), ZERO)
    filled = max(Decimal(row["filled"]), traded)
    unfilled = "rejected" if row["status"] == FIRED else "canceled"
    status = "closed" if filled >= Decimal(row["amount"]) else "canceled" if filled else unfilled
    return {**row, "status": status, "filled": plain(filled)}


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
