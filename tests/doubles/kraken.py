"""A loopback server that speaks Kraken spot's protocols, REST and WebSocket, with faults on request.

Tests use it through the real ccxt. Key, nonce and signature of every private request are checked; a
nonce must be above all that arrived before it. What was accepted is kept in `account.accepted`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from aiohttp import web

from tests.doubles.kraken_account import Account, Pair, Refused
from tests.doubles.kraken_endpoints import PRIVATE, PUBLIC, Endpoints
from tests.doubles.kraken_stream import KrakenStreams
from tests.doubles.loopback import Fault, Loopback, as_json
from tests.doubles.streaming import Frame, Socket

SECRET = base64.b64encode(b"loopback-secret-of-kraken" * 2).decode()  # a double's own
PAIRS = (
    Pair(base="XXBT", quote="ZUSD", name="XBTUSD", decimals=1, tick="0.1", least="0.00005"),
    Pair(base="XETH", quote="ZUSD", name="ETHUSD", decimals=2, tick="0.01", least="0.002"),
    Pair(base="SOL", quote="ZUSD", name="SOLUSD", decimals=3, tick="0.05", least="0.02"),
)


def refusal(error: str, *, status: int = 200, process: bool = False) -> Fault:
    """An error in Kraken's JSON."""
    body = json.dumps({"error": [error]})
    return Fault(kind="answer", status=status, body=body, process=process)


class KrakenServer(Loopback):
    """The server; `async with KrakenServer() as exchange:` starts and stops it."""

    prefix = "/0/"

    def __init__(self) -> None:
        super().__init__()
        self.api_key, self.secret = f"loopback-api-key-{token_hex(8)}", SECRET
        self.last_nonce = 0
        """The highest that arrived with this key."""
        self.account = Account(PAIRS, self.now)
        self.account.deposit("ZUSD", "100000")
        self.account.deposit("XXBT", "1")
        self.account.set_book("XXBTZUSD", bid="59990", ask="60000")
        self.account.set_book("XETHZUSD", bid="2999.5", ask="3000")
        self.account.set_book("SOLUSD", bid="149.95", ask="150")
        self.streams = KrakenStreams(self.streaming, self.account, self.now)
        self.endpoints = Endpoints(self.account, self.streams, self.now)

    def ccxt_overrides(self) -> dict[str, Any]:
        """What to put into a venue's `ccxt` setting to reach this server."""
        public, private = (f"{self.url.replace('http', 'ws')}/{name}" for name in ("ws", "ws-auth"))
        streams = {
            "public": public,
            "private": private,
            "publicV2": f"{public}/v2",
            "privateV2": f"{private}/v2",
        }
        return {"urls": {"api": {"public": self.url, "private": self.url, "ws": streams}}}

    @property
    def blind(self) -> set[str]:
        """Look-ups that see nothing: `OpenOrders`, `ClosedOrders`, `QueryOrders`, `TradesHistory`."""
        return self.endpoints.blind

    def answer(
        self, request: web.Request, path: str, params: Mapping[str, str], raw: str
    ) -> web.Response:
        name = f"{request.method} {path}"
        self.account.expire()
        try:
            if name in PRIVATE:
                self._check_signature(request, params, raw)
                return as_json({"error": [], "result": PRIVATE[name](self.endpoints, params)})
            if name in PUBLIC:
                return as_json({"error": [], "result": PUBLIC[name](self.endpoints, params)})
        except Refused as no:
            return as_json({"error": [str(no)]})
        return as_json({"error": ["EGeneral:Unknown method"]})

    def hear(self, socket: Socket, frame: Frame) -> None:
        self.streams.hear(socket, frame)

    def _check_signature(self, request: web.Request, params: Mapping[str, str], raw: str) -> None:
        if request.headers.get("API-Key") != self.api_key:
            raise Refused("EAPI:Invalid key")
        nonce = params.get("nonce", "")
        digest = hashlib.sha256((nonce + raw).encode()).digest()
        signed = hmac.new(
            base64.b64decode(self.secret), request.path.encode() + digest, hashlib.sha512
        )
        expected = base64.b64encode(signed.digest()).decode()
        if not hmac.compare_digest(request.headers.get("API-Sign", ""), expected):
            raise Refused("EAPI:Invalid signature")
        if not nonce.isdecimal() or int(nonce) <= self.last_nonce:
            raise Refused("EAPI:Invalid nonce")
        self.last_nonce = int(nonce)
