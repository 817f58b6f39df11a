"""A loopback server that speaks Kraken Futures' protocols, REST and WebSocket, with faults on request.

Tests use it through the real ccxt (`krakenfutures`). Key, nonce, signature and what is spent of the rate
limits are checked. Whoever asks it to set leverage, or for anything else that writes and is none of ours,
fails the test that started it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from tests.doubles.kraken_futures.account import FuturesAccount
from tests.doubles.kraken_futures.contracts import CONTRACTS, stamp
from tests.doubles.kraken_futures.endpoints import PRIVATE, PUBLIC, FuturesEndpoints
from tests.doubles.kraken_futures.history import History
from tests.doubles.kraken_futures.limits import MOST, cost
from tests.doubles.kraken_futures.orders import Refused
from tests.doubles.kraken_futures.stream import FuturesStreams
from tests.doubles.kraken_futures.triggers import Triggers
from tests.doubles.loopback import Fault, Loopback, as_json
from tests.doubles.streaming import Frame, Socket

_OF_HISTORY = {"authenticationError": 401, "apiLimitExceeded": 429}
"""Where another answers: by its status, with no error in words that are known."""
SECRET = base64.b64encode(b"loopback-secret-of-kraken-futures" * 2).decode()  # a double's own


def refusal(error: str, *, status: int = 200, process: bool = False) -> Fault:
    """An error in the JSON of Kraken Futures."""
    body = {"result": "error", "error": error, "serverTime": stamp(0)}
    return Fault(kind="answer", status=status, body=json.dumps(body), process=process)


def rejection(status: str) -> Fault:
    """An order that is not placed, which is answered with success."""
    told = {"status": status, "orderEvents": [], "receivedTime": stamp(0)}
    body = {"result": "success", "sendStatus": told, "serverTime": stamp(0)}
    return Fault(kind="answer", body=json.dumps(body))


class KrakenFuturesServer(Loopback):
    """The server; `async with KrakenFuturesServer() as exchange:` starts and stops it."""

    prefix = "/derivatives/api/v3/"

    def __init__(self) -> None:
        super().__init__()
        self.api_key, self.secret = f"loopback-api-key-{token_hex(8)}", SECRET
        self.last_nonce = 0
        """The highest that arrived with this key."""
        self.account = FuturesAccount(CONTRACTS, self.now)
        self.account.deposit("USD", "100000")
        self.triggers = Triggers(self.account, self.now)
        history = History(self.account, self.triggers, self.now)
        self.endpoints = FuturesEndpoints(self.account, self.triggers, history, self.now)
        self.streams = FuturesStreams(
            self.streaming,
            self.account,
            self.triggers,
            self.endpoints.best,
            self._is_ours,
            self.now,
        )
        self.account.set_book("PF_XBTUSD", bid="59990", ask="60000")
        self.account.set_book("PF_ETHUSD", bid="2999.5", ask="3000")
        self.account.set_book("PF_PEPEUSD", bid="0.0000123456", ask="0.0000123460")
        self.account.set_book("FF_XBTUSD_270326", bid="60490", ask="60500")
        self.spent: Counter[tuple[str, int]] = Counter()
        """What was spent of each pool, by when it was full."""

    def ccxt_overrides(self) -> dict[str, Any]:
        """What to put into a venue's `ccxt` setting to reach this server."""
        derivatives = f"{self.url}/derivatives/api/"
        api = {name: f"{self.url}/api/{name}/" for name in ("charts", "history", "auth")}
        api |= {"public": derivatives, "private": derivatives}
        return {"urls": {"api": api | {"ws": f"{self.url.replace('http', 'ws')}/ws/v1"}}}

    @property
    def blind(self) -> set[str]:
        """Look-ups that see nothing: `openorders`, `orders/status`, `fills`, and of history `orders`,
        `triggers`, `executions`; add to it."""
        return self.endpoints.blind

    def answer(
        self, request: web.Request, path: str, params: Mapping[str, str], raw: str
    ) -> web.Response:
        self.account.expire()
        name, asked = _endpoint(f"{request.method} {path}", parse_qs(raw, keep_blank_values=True))
        if request.method != "GET" and name not in PRIVATE:
            self.forbidden.append(name)
        try:
            if name in PRIVATE:
                self._check_signature(request, raw)
                self.spend(*cost(name, asked))
                told = PRIVATE[name](self.endpoints, asked)
            elif name in PUBLIC:
                told = PUBLIC[name](self.endpoints, asked)
            else:
                return web.Response(status=404, text="404 page not found")
        except Refused as no:
            return self._refused(no, path)
        assert isinstance(told, dict)
        if path.startswith("/api/"):
            return as_json(told)
        return as_json({"result": "success", "serverTime": stamp(self.now())} | told)

    def spent_of(self, pool: str) -> int:
        """What was spent of `derivatives` or of `history`."""
        return sum(costs for (of, _), costs in self.spent.items() if of == pool)

    def hear(self, socket: Socket, frame: Frame) -> None:
        self.streams.hear(socket, frame)

    def _refused(self, no: Refused, path: str) -> web.Response:
        if path.startswith("/api/auth/"):
            told: dict[str, Any] = {"error": "UNAUTHORIZED", "message": str(no), "suberror": None}
            return as_json(told, status=401)
        if path.startswith("/api/history/") and (status := _OF_HISTORY.get(str(no))) is not None:
            return as_json({"status": "error", "reason": str(no)}, status=status)
        told = {"result": "error", "serverTime": stamp(self.now())}
        if no.code is None:
            return as_json(told | {"error": str(no)})
        errors = [{"code": no.code, "message": str(no)}]
        return as_json(told | {"status": "BAD_REQUEST", "errors": errors}, status=400)

    def spend(self, pool: str, costs: int) -> None:
        """Count a request of somebody with this key."""
        most, full_after = MOST[pool]
        since = pool, self.now() // full_after
        if self.spent[since] + costs > most:
            raise Refused("apiLimitExceeded")
        self.spent[since] += costs

    def _check_signature(self, request: web.Request, raw: str) -> None:
        """What is signed is what was sent, encoded as it came, with the nonce and the path."""
        if request.headers.get("APIKey") != self.api_key:
            raise Refused("authenticationError")
        nonce = request.headers.get("Nonce", "")
        path = request.path.removeprefix("/derivatives")
        expected = self._sign((raw + nonce + path).encode())
        if not hmac.compare_digest(request.headers.get("Authent", ""), expected):
            raise Refused("authenticationError")
        if nonce:
            if int(nonce) <= self.last_nonce:
                raise Refused("nonceBelowThreshold")
            self.last_nonce = int(nonce)

    def _is_ours(self, challenge: str, frame: Frame) -> bool:
        """Whether a frame bears the account's key, and a challenge that was given out, signed."""
        told = (frame.get("api_key"), frame.get("original_challenge"))
        signed = frame.get("signed_challenge") == self._sign(challenge.encode())
        return bool(challenge) and told == (self.api_key, challenge) and signed

    def _sign(self, message: bytes) -> str:
        key, digest = base64.b64decode(self.secret), hashlib.sha256(message).digest()
        return base64.b64encode(hmac.new(key, digest, hashlib.sha512).digest()).decode()


def _endpoint(name: str, asked: dict[str, list[str]]) -> tuple[str, dict[str, list[str]]]:
    """The name of an endpoint whose path tells a contract, and that with the other parameters."""
    head, _, last = name.rpartition("/")
    if head == "GET tickers":
        return "GET tickers/{symbol}", asked | {"symbol": [last]}
    if head.startswith("GET /api/charts/v1/trade/"):
        place, _, symbol = head.rpartition("/")
        return f"{place}/{{symbol}}/{{interval}}", asked | {"symbol": [symbol], "interval": [last]}
    return name, asked
