"""What Kraken Futures tells of the past, of which little may be asked.

History is counted apart from all else, a hundred questions in ten minutes. Nobody waits for it: what may not
be asked now fails at once, and the last of it is kept for executions, which tell what was filled. It must
never take a part of a list for the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from execution.errors import VenueUnavailable
from execution.rounding import exactly, plain
from execution.venues.pacing import Allowance
from execution.venues.quirks.kraken_futures_account import FEW, SETTLES_IN, market_by_id

Row = dict[str, Any]
"""An order or a trade as ccxt shows one."""
Told = Mapping[str, Any]

FIRED = "fired"
"""One whose price was touched: from then on it is an order of the same number."""
_PAGE = 1000
"""Events in a full page: Kraken gives no more."""
_TOKENS = 100
_TOKENS_PER_SECOND = 100 / 600
_LONG_LOG = 3
"""What a long page of the account's log takes; all else takes one."""
_KEPT = {"executions": 0, "account-log": 60}
"""How many tokens a question leaves to those that matter more..."""
_KEPT_FOR_EXECUTIONS = 30
"""... and how many all others do: a fill that is not known is worse than an end that is not."""

_SIDES = {"Buy": "buy", "Sell": "sell"}
_EVENTS = {
    "OrderPlaced": ("order", "open"),
    "OrderUpdated": ("newOrder", "open"),
    "OrderCancelled": ("order", "canceled"),
    "OrderRejected": ("order", "rejected"),
    "OrderTriggerPlaced": ("order", "open"),
    "OrderTriggerUpdated": ("newOrderTrigger", "open"),
    "OrderTriggerCancelled": ("order", "canceled"),
    "OrderTriggerActivated": ("order", FIRED),
}
"""Where an event tells its order, and what that is then, unless nothing of it is left."""
_TELL_NOTHING = frozenset({"OrderEditRejected", "OrderNotFound", "OrderTriggerEditRejected"})
_IN_THE_BOOK = frozenset({"OrderPlaced", "OrderUpdated"})
_NEVER_REST = frozenset({"IoC", "FillOrKill", "Market"})
_OUR_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError)


class Tokens(Allowance):
    """What may be asked of the past."""

    def take_now(self, cost: float, *, leaving: float) -> timedelta:
        """Pay for a question if that leaves so much; else it is not paid, and this is when it could be."""
        missing = leaving + cost - self._now()
        if missing > 0:
            return timedelta(seconds=missing / self._per_second)
        self.owe(cost)
        return timedelta(0)

    def are_gone(self) -> None:
        """Heed that none is left: somebody else has asked as well, or we before a restart."""
        self.owe(max(self._now(), 0))


class KrakenFuturesHistory:
    """Mixed into ccxt's class: how the past is asked for, and read to its end."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._tokens = Tokens(_TOKENS, _TOKENS_PER_SECOND)

    async def request(
        self: Any, path: str, api: Any, method: str, asked: Row, *more: Any, **named: Any
    ) -> Any:
        """Ask; what history refuses holds up nothing else, no order above all."""
        if "history" not in api:
            return await super().request(path, api, method, asked, *more, **named)  # type: ignore[misc]  # ccxt's
        if self.enableRateLimit:
            cost = _LONG_LOG if path == "account-log" and asked["count"] > FEW else 1
            leaving = _KEPT.get(path, _KEPT_FOR_EXECUTIONS)
            wait = self._tokens.take_now(cost, leaving=leaving)
            if wait:
                raise _no_more(self, wait)
        try:
            return await super().request(path, api, method, asked, *more, **named)  # type: ignore[misc]  # ccxt's
        except (self.httpExceptions["429"], self.httpExceptions["418"]):
            self._tokens.are_gone()
        raise _no_more(self, timedelta(seconds=1 / _TOKENS_PER_SECOND))

    async def fetch_my_trades(self: Any, symbol: str, since: int | None, *_: object) -> list[Row]:
        """Trades with the fee that was charged, which the list of fills does not tell."""
        events = await self.events("executions", symbol, since)
        rows = (_trade_row(self, one["event"]) for one in events)
        return [row for row in rows if row is not None]

    async def events(self: Any, path: str, symbol: str, since: int | None) -> list[Row]:
        """What history tells of a market, oldest first, read to its end."""
        asked = {"sort": "asc", "count": _PAGE, "tradeable": self.market_id(symbol)}
        if since is not None:
            asked["since"] = since
        found: list[Row] = []
        while True:
            page = await self.request(path, ["history"], "GET", asked)
            found += page["elements"]
            token = page.get("continuationToken")
            if not token:
                break
            if token == asked.get("continuation_token"):
                raise ValueError("a page that leads to itself")
            asked = {**asked, "continuation_token": token}
        if len(page["elements"]) >= _PAGE:
            raise ValueError("a full page, and no way to the next one")
        return found


def _no_more(ccxt: Any, wait: timedelta) -> VenueUnavailable:
    return VenueUnavailable(f"{ccxt.id} tells no more of its past for now", retry_after=wait)


def is_ours(client_id: str | None) -> bool:
    """Whether it may be an id of ours; orders from Kraken's own pages bear none."""
    return _OUR_ID.fullmatch(client_id or "") is not None


def as_left(ccxt: Any, waited: Sequence[Told], placed: Sequence[Told]) -> dict[str, Row]:
    """Orders by number as the last of these events left each, those of triggers and those of orders.

    One that has fired is an order of the same number; whether our id stays is not said. Orders of others
    that cannot be read are left out.
    """
    told = [order for one in (*waited, *placed) if (order := _order(one)) is not None]
    ours = {order["uid"] for order in told if is_ours(order["clientId"])}
    before, found = (_readable(ccxt, events, ours) for events in (waited, placed))
    for number, row in before.items():
        order = found.setdefault(number, row)
        order["clientOrderId"] = order["clientOrderId"] or row["clientOrderId"]
    return found


def _readable(ccxt: Any, events: Iterable[Told], ours: set[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for element in events:
        order = _order(element)
        if order is None:
            continue
        try:
            found[order["uid"]] = _event_row(ccxt, element, order)
        except _UNREADABLE:
            if order["uid"] in ours:
                raise
    return found


def _order(element: Told) -> Told | None:
    """The order of an event; None of one that changed none."""
    ((kind, told),) = element["event"].items()
    if kind in _TELL_NOTHING:
        return None
    order: Told = told[_EVENTS[kind][0]]
    return order


def _event_row(ccxt: Any, element: Told, order: Told) -> Row:
    """An order as an event of history left it."""
    (kind,) = element["event"]
    _, status = _EVENTS[kind]
    left, filled = Decimal(order["quantity"]), Decimal(order.get("filled") or 0)
    if filled and not left:
        status = "closed"
    elif status == "open" and kind in _IN_THE_BOOK and order["orderType"] in _NEVER_REST:
        status = "canceled"
    return order_row(
        ccxt,
        order["tradeable"],
        id=order["uid"],
        clientOrderId=order["clientId"] or None,
        side=_SIDES[order["direction"]],
        status=status,
        left=left,
        filled=filled,
        price=order["limitPrice"],
        triggerPrice=(order.get("triggerOptions") or {}).get("triggerPrice"),
        timestamp=int(element["timestamp"]),
    )


def _trade_row(ccxt: Any, event: Told) -> Row | None:
    """A trade of the account; None of one of others that cannot be read."""
    told = (event.get("Execution") or event["execution"])["execution"]
    order = told["order"]
    try:
        return {
            "id": told["uid"],
            "order": order["uid"],
            "symbol": symbol_of(ccxt, order["tradeable"]),
            "side": _SIDES[order["direction"]],
            "amount": told["quantity"],
            "price": told["price"],
            "fee": {"cost": told["orderData"]["fee"], "currency": SETTLES_IN},
            "timestamp": int(told["timestamp"]),
        }
    except _UNREADABLE:
        if is_ours(order["clientId"]):
            raise
        return None


@exactly
def order_row(ccxt: Any, market_id: str, *, left: Any, filled: Any, price: Any, **told: Any) -> Row:
    """An order in ccxt's words: its amount is what is left and what was filled."""
    had = Decimal(filled)
    return {
        "info": {},
        "symbol": symbol_of(ccxt, market_id),
        "amount": plain(Decimal(left) + had),
        "filled": plain(had),
        "price": price or None,
        "average": None,
        "lastUpdateTimestamp": None,
        **told,
    }


def symbol_of(ccxt: Any, market_id: str) -> str:
    """Our name of a market, or Kraken's of one that is not listed yet."""
    market = market_by_id(ccxt, market_id)
    return market_id if market is None else str(market["symbol"])
