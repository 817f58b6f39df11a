"""A loopback server that speaks Coinbase Advanced's protocols, REST and WebSocket, with faults on request.

Tests use it through the real ccxt. Each token is checked: its ES256 signature, the key it names, its times
and, of a request, the one method and address it is for. What was accepted is kept in `account.accepted`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from secrets import token_hex
from typing import Any

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.doubles.coinbase_account import Account, Product, Refused, at, order_id
from tests.doubles.coinbase_stream import CoinbaseStreams
from tests.doubles.loopback import Fault, Loopback, as_json
from tests.doubles.streaming import Frame, Socket
from tests.doubles.trading import OPEN, Order

PRODUCTS = (
    Product(base="BTC", quote="USD", tick="0.01", step="0.00000001"),
    Product(base="ETH", quote="USD", tick="0.01", step="0.00000001"),
)
_SECONDS = {"ONE_MINUTE": 60, "FIVE_MINUTE": 300, "FIFTEEN_MINUTE": 900, "ONE_HOUR": 3600}


def refusal(error: str, message: str = "", *, status: int = 400, process: bool = False) -> Fault:
    """An error in Coinbase's JSON."""
    body = json.dumps({"error": error, "error_details": message, "message": message})
    return Fault(kind="answer", status=status, body=body, process=process)


def failure(reason: str, message: str = "", *, process: bool = False) -> Fault:
    """An order that was not taken, which Coinbase tells with HTTP status 200."""
    return Fault(kind="answer", body=json.dumps(_failed(reason, message)), process=process)


class NoSuchOrder(Exception):
    """Told with HTTP status 404."""


class CoinbaseServer(Loopback):
    """The server; `async with CoinbaseServer() as exchange:` starts and stops it."""

    prefix = "/api/v3/brokerage/"

    def __init__(self) -> None:
        super().__init__()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.api_key = f"organizations/double/apiKeys/{token_hex(8)}"
        self.secret = self._key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        ).decode()
        self.account = Account(PRODUCTS, self.now)
        self.account.deposit("USD", "100000")
        self.account.deposit("BTC", "1")
        self.account.set_book("BTC-USD", bid="59990", ask="60000")
        self.account.set_book("ETH-USD", bid="2999.5", ask="3000")
        self.blind: set[str] = set()
        """Look-ups that see nothing: `id`, `batch`, `fills`; add to it."""
        self.rights = {"can_view": True, "can_trade": True, "can_transfer": False}
        self.page = 100
        """Rows in a page at most."""
        self.streams = CoinbaseStreams(
            self.streaming, self.account, self.now, lambda token: self._claims(token) is not None
        )

    def ccxt_overrides(self) -> dict[str, Any]:
        """What to put into a venue's `ccxt` setting to reach this server."""
        return {"urls": {"api": {"rest": self.url, "ws": self.url.replace("http://", "ws://")}}}

    def answer(
        self, request: web.Request, path: str, params: Mapping[str, str], raw: str
    ) -> web.Response:
        public: dict[str, Callable[[Mapping[str, str]], object]] = {
            "time": self._time,
            "market/products": self._products,
            "market/product_book": self._book,
        }
        private: dict[str, Callable[[Mapping[str, str]], object]] = {
            "accounts": self._accounts,
            "key_permissions": lambda _: dict(self.rights),
            "orders/historical/batch": self._batch,
            "orders/historical/fills": self._fills,
        }
        body = json.loads(raw) if request.method == "POST" else {}
        self.account.expire()
        if path in public:
            return as_json(public[path](params))
        if path.startswith("market/products/"):
            return as_json(self._product(path, params))
        if not self._is_signed(request):
            return web.Response(status=401, text="Unauthorized\n")
        try:
            if path == "orders":
                return as_json(self._create(body))
            if path == "orders/batch_cancel":
                return as_json({"results": [self._cancel(one) for one in body["order_ids"]]})
            if path in private:
                return as_json(private[path](params))
            return as_json({"order": self.account.shown(self._wanted(path.rpartition("/")[2]))})
        except NoSuchOrder:
            told = "order with this orderID was not found"
            told_as = {"error": "NOT_FOUND", "error_details": told, "message": told}
            return as_json(told_as, status=404)

    def hear(self, socket: Socket, frame: Frame) -> None:
        self.streams.hear(socket, frame)

    def _is_signed(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = self._claims(token) if scheme == "Bearer" else None
        return claims is not None and claims["uri"] == f"{request.method} {self.url}{request.path}"

    def _claims(self, token: str) -> dict[str, Any] | None:
        """What a token says, if this account's key signed it and it holds now."""
        parts = token.split(".")
        if len(parts) != 3:
            return None
        head, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in parts)
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        try:
            self._key.public_key().verify(
                encode_dss_signature(r, s),
                f"{parts[0]}.{parts[1]}".encode(),
                ec.ECDSA(hashes.SHA256()),
            )
        except InvalidSignature:
            return None
        told, kept, now = json.loads(head), json.loads(claims), self.now() / 1000
        known = told["kid"] == kept["sub"] == self.api_key
        return kept if known and kept["nbf"] <= now + 1 < kept["exp"] + 1 else None

    def _time(self, _: Mapping[str, str]) -> object:
        now = self.now()
        return {"iso": at(now), "epochSeconds": str(now // 1000), "epochMillis": str(now)}

    def _products(self, params: Mapping[str, str]) -> object:
        spot = params.get("product_type", "SPOT") == "SPOT"
        rows = [product.info() for product in self.account.products.values()] if spot else []
        return {"products": rows, "num_products": len(rows)}

    def _product(self, path: str, params: Mapping[str, str]) -> object:
        name, what = path.removeprefix("market/products/").split("/")
        bid, ask = (side[0][0] for side in self._sides(name))
        if what == "ticker":
            return {"trades": [], "best_bid": f"{bid:f}", "best_ask": f"{ask:f}"}
        length, start, end = (
            _SECONDS[params["granularity"]],
            int(params["start"]),
            int(params["end"]),
        )
        first, last = -(-start // length), end // length
        prices = {"low": f"{bid:f}", "high": f"{ask:f}", "open": f"{bid:f}", "close": f"{ask:f}"}
        bars = [
            {"start": str(number * length), **prices, "volume": "12.345678"}
            for number in range(first, last + 1)
        ]
        return {"candles": bars[::-1]}

    def _sides(self, name: str) -> tuple[list[tuple[Decimal, Decimal]], ...]:
        book = self.account.books[name]
        return book.bids, book.asks

    def _book(self, params: Mapping[str, str]) -> object:
        bids, asks = (
            [{"price": f"{price:f}", "size": f"{amount:f}"} for price, amount in side]
            for side in self._sides(params["product_id"])
        )
        return {"pricebook": {"product_id": params["product_id"], "bids": bids, "asks": asks}}

    def _accounts(self, _: Mapping[str, str]) -> object:
        free, locked = self.account.free, self.account.locked
        rows = [
            {
                "uuid": f"account-{asset}",
                "currency": asset,
                "available_balance": {"value": f"{free.get(asset, 0):f}", "currency": asset},
                "type": "ACCOUNT_TYPE_FIAT" if asset == "USD" else "ACCOUNT_TYPE_CRYPTO",
                "hold": {"value": f"{locked.get(asset, 0):f}", "currency": asset},
            }
            for asset in sorted({*free, *locked})
        ]
        return {"accounts": rows, "has_next": False, "cursor": "", "size": len(rows)}

    def _create(self, body: Mapping[str, Any]) -> object:
        try:
            order = self.account.place(body)
        except Refused as no:
            return _failed(no.reason, no.message)
        told = {
            "order_id": order_id(order),
            "product_id": order.symbol,
            "side": order.side,
            "client_order_id": order.client_id,
        }
        return {"success": True, "success_response": told, "order_configuration": None}

    def _cancel(self, id: str) -> object:
        reason = "UNKNOWN_CANCEL_FAILURE_REASON"
        try:
            self.account.cancel(self._wanted(id))
        except (Refused, NoSuchOrder):
            reason = "UNKNOWN_CANCEL_ORDER"
        return {
            "success": reason == "UNKNOWN_CANCEL_FAILURE_REASON",
            "failure_reason": reason,
            "order_id": id,
        }

    def _wanted(self, id: str) -> Order:
        for order in self.account.accepted:
            if order_id(order) == id and "id" not in self.blind:
                return order
        raise NoSuchOrder

    def _batch(self, params: Mapping[str, str]) -> object:
        rows = [
            self.account.shown(order)
            for order in reversed(self.account.accepted)
            if params.get("product_id") in (None, order.symbol)
            and params.get("order_status") in (None, "OPEN" if order.status in OPEN else "")
            and order.time >= _since(params, "start_date")
        ]
        return self._paged("orders", [] if "batch" in self.blind else rows, params)

    def _fills(self, params: Mapping[str, str]) -> object:
        since = at(_since(params, "start_sequence_timestamp"))
        rows = [
            row
            for row in reversed(self.account.trades)
            if params.get("product_id") in (None, row["product_id"])
            and row["sequence_timestamp"] >= since
        ]
        return self._paged("fills", [] if "fills" in self.blind else rows, params)

    def _paged(
        self, name: str, rows: list[dict[str, Any]], params: Mapping[str, str]
    ) -> dict[str, Any]:
        start, most = (
            int(params.get("cursor", "0")),
            min(int(params.get("limit", "100")), self.page),
        )
        more = len(rows) > start + most
        cursor = str(start + most) if more else ""
        return {name: rows[start : start + most], "has_next": more, "cursor": cursor}


def _since(params: Mapping[str, str], name: str) -> int:
    told = params.get(name)
    return 0 if told is None else int(datetime.fromisoformat(told).timestamp() * 1000)


def _failed(reason: str, message: str) -> dict[str, Any]:
    return {
        "success": False,
        "failure_reason": "UNKNOWN_FAILURE_REASON",
        "order_id": "",
        "error_response": {
            "error": reason if not reason.startswith("PREVIEW") else "UNKNOWN_FAILURE_REASON",
            "message": message,
            "error_details": "",
            "preview_failure_reason": reason if reason.startswith("PREVIEW") else "",
            "new_order_failure_reason": "UNKNOWN_FAILURE_REASON",
        },
    }
