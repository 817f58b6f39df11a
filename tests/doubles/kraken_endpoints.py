"""Kraken spot's endpoints as functions: parameters in, what Kraken would put into `result` out.

`kraken.py` routes requests here after it has checked key, nonce and signature; the state is in
`kraken_account.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.doubles.kraken_account import Account, Refused, txid
from tests.doubles.kraken_stream import KrakenStreams
from tests.doubles.trading import OPEN, Order

PAGE = 50
"""Rows of history in one answer."""


class Endpoints:
    """One account's endpoints."""

    def __init__(self, account: Account, streams: KrakenStreams, now: Callable[[], int]) -> None:
        self.account, self.streams, self.now = account, streams, now
        self.blind: set[str] = set()
        self.rights = ["query-funds", "query-open-trades", "query-closed-trades"]
        self.rights += ["modify-trades", "close-trades"]

    def time(self, _: Mapping[str, str]) -> object:
        seconds = self.now() // 1000
        at = datetime.fromtimestamp(seconds, UTC)
        return {"unixtime": seconds, "rfc1123": f"{at:%a, %d %b %y %H:%M:%S} +0000"}

    def assets(self, _: Mapping[str, str]) -> object:
        decimals = {"XXBT": ("XBT", 10), "XETH": ("ETH", 10), "SOL": ("SOL", 8), "ZUSD": ("USD", 4)}
        return {
            asset: {"aclass": "currency", "altname": name, "decimals": places}
            | {"display_decimals": 5, "status": "enabled"}
            for asset, (name, places) in decimals.items()
        }

    def asset_pairs(self, _: Mapping[str, str]) -> object:
        return {pair.id: pair.info() for pair in self.account.pairs.values()}

    def ticker(self, params: Mapping[str, str]) -> object:
        pairs = [self.account.pair(name) for name in params["pair"].split(",")]
        told = {}
        for pair in pairs:
            bid, ask = self.best(pair.id)
            told[pair.id] = {
                "a": [f"{ask:.5f}", "1", "1.000"],
                "b": [f"{bid:.5f}", "1", "1.000"],
                "c": [f"{bid:.5f}", "0.01000000"],
                "v": ["4147.94474901", "8896.96086304"],
                "p": [f"{bid:.5f}", f"{bid:.5f}"],
                "t": [3907, 10056],
                "l": [f"{bid:.5f}", f"{bid:.5f}"],
                "h": [f"{ask:.5f}", f"{ask:.5f}"],
                "o": f"{bid:.5f}",
            }
        return told

    def best(self, pair: str) -> tuple[Decimal, Decimal]:
        book = self.account.books[pair]
        return book.bids[0][0], book.asks[0][0]

    def depth(self, params: Mapping[str, str]) -> object:
        pair = self.account.pair(params.get("pair"))
        book, count = self.account.books[pair.id], int(params.get("count", "100"))
        at = self.now() // 1000
        sides = {"asks": book.asks, "bids": book.bids}
        return {
            pair.id: {
                side: [[f"{price:.5f}", f"{amount:.3f}", at] for price, amount in levels[:count]]
                for side, levels in sides.items()
            }
        }

    def ohlc(self, params: Mapping[str, str]) -> object:
        pair, length = self.account.pair(params.get("pair")), int(params.get("interval", "1")) * 60
        low, high = self.best(pair.id)
        newest = self.now() // 1000 // length
        rows = [
            [number * length, *(f"{p:.1f}" for p in (low, high, low, high, low)), "12.34567800", 31]
            for number in range(newest - 719, newest + 1)
        ]
        return {pair.id: rows, "last": (newest - 1) * length}

    def key_info(self, _: Mapping[str, str]) -> object:
        return {
            "api_key_name": "double",
            "nonce_window": "0",
            "permissions": self.rights,
            "ipAllowlist": ["127.0.0.1"],
        }

    def token(self, _: Mapping[str, str]) -> object:
        return self.streams.token()

    def balance(self, _: Mapping[str, str]) -> object:
        free, locked = self.account.free, self.account.locked
        held = {a: (free.get(a, Decimal(0)), locked.get(a, Decimal(0))) for a in {*free, *locked}}
        return {
            asset: {"balance": f"{left + kept:.10f}", "hold_trade": f"{kept:.10f}"}
            for asset, (left, kept) in sorted(held.items())
        }

    def add_order(self, params: Mapping[str, str]) -> object:
        order = self.account.place(params)
        return {"txid": [txid(order)], "descr": {"order": self.account.described(order)}}

    def cancel_order(self, params: Mapping[str, str]) -> object:
        named, ours = params.get("txid"), params.get("cl_ord_id")
        for order in self.account.open_orders():
            if named == txid(order) or (ours is not None and ours == order.client_id):
                self.account.cancel(order)
                return {"count": 1}
        raise Refused("EOrder:Unknown order")

    def open_orders(self, params: Mapping[str, str]) -> object:
        wanted = [o for o in self.account.accepted if o.status in OPEN and _asked_for(o, params)]
        found = [] if "OpenOrders" in self.blind else wanted
        return {"open": {txid(order): self.account.shown(order) for order in found}}

    def closed_orders(self, params: Mapping[str, str]) -> object:
        since = float(params.get("start", "0")) * 1000
        closed = [
            order
            for order in self.account.accepted
            if order.status not in OPEN and order.updated > since and _asked_for(order, params)
        ]
        found = [] if "ClosedOrders" in self.blind else closed[::-1]
        rows = {txid(order): self.account.shown(order) for order in _page(found, params)}
        return {"closed": rows, "count": len(found)}

    def query_orders(self, params: Mapping[str, str]) -> object:
        ids = params["txid"].split(",")
        found = [order for order in self.account.accepted if txid(order) in ids]
        if not found or "QueryOrders" in self.blind:
            raise Refused("EOrder:Unknown order")
        return {txid(order): self.account.shown(order) for order in found}

    def trades_history(self, params: Mapping[str, str]) -> object:
        since = float(params.get("start", "0"))
        trades = [row for row in self.account.trades if row["time"] > since]
        found = [] if "TradesHistory" in self.blind else trades[::-1]
        rows = {row["id"]: {k: v for k, v in row.items() if k != "id"} for row in found}
        return {"trades": dict(_page(list(rows.items()), params)), "count": len(found)}


def _asked_for(order: Order, params: Mapping[str, str]) -> bool:
    return params.get("cl_ord_id") in (None, order.client_id)


def _page(rows: list[Any], params: Mapping[str, str]) -> list[Any]:
    """One answer's rows: the newest first, from an offset on."""
    offset = int(params.get("ofs", "0"))
    return rows[offset : offset + PAGE]


_Endpoint = Callable[[Endpoints, Mapping[str, str]], object]
PUBLIC: dict[str, _Endpoint] = {
    "GET public/Time": Endpoints.time,
    "GET public/Assets": Endpoints.assets,
    "GET public/AssetPairs": Endpoints.asset_pairs,
    "GET public/Ticker": Endpoints.ticker,
    "GET public/Depth": Endpoints.depth,
    "GET public/OHLC": Endpoints.ohlc,
}
PRIVATE: dict[str, _Endpoint] = {
    "POST private/BalanceEx": Endpoints.balance,
    "POST private/GetApiKeyInfo": Endpoints.key_info,
    "POST private/GetWebSocketsToken": Endpoints.token,
    "POST private/AddOrder": Endpoints.add_order,
    "POST private/CancelOrder": Endpoints.cancel_order,
    "POST private/OpenOrders": Endpoints.open_orders,
    "POST private/ClosedOrders": Endpoints.closed_orders,
    "POST private/QueryOrders": Endpoints.query_orders,
    "POST private/TradesHistory": Endpoints.trades_history,
}
