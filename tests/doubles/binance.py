"""A loopback server that speaks Binance spot's wire format, with faults on request.

Tests use it through the real ccxt; `python -m tests.doubles.binance --port N` runs it as a process
of its own, so that it outlives a bot that is killed. What was accepted is kept in `account.accepted`
and told at `GET /_double/state`, whatever the client was answered.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

from tests.doubles.binance_account import Account, Market, Refused
from tests.doubles.binance_endpoints import PRIVATE, PUBLIC, Endpoints

SECRET = "loopback-secret-fedcba9876543210"  # a double's own
MARKETS = (
    Market(base="BTC", quote="USDT", tick="0.01000000", step="0.00001000"),
    Market(base="ETH", quote="USDT", tick="0.01000000", step="0.00010000", max_price="100000.0"),
)
_JSON = "application/json;charset=UTF-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What happens to a request instead of, or (`process`) after, doing what it asks for."""

    kind: str
    """`answer`, `drop` (reset the connection), `truncate` (half a body), `hang` (until `release`)."""
    process: bool = False
    status: int = 200
    body: str = ""
    content_type: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)


def refusal(code: int, message: str, *, status: int = 400, process: bool = False) -> Fault:
    """An error in Binance's JSON."""
    body = json.dumps({"code": code, "msg": message})
    return Fault(kind="answer", status=status, body=body, process=process)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request that came in."""

    method: str
    path: str
    params: dict[str, str]
    at: float
    """`time.monotonic()`, seconds."""


class BinanceServer:
    """The server; `async with BinanceServer() as exchange:` starts and stops it."""

    def __init__(self, *, more_markets: int = 0) -> None:
        """`more_markets` adds that many made-up ones, for the size of the real `exchangeInfo`."""
        made_up = (
            Market(base=f"M{n:04d}", quote="USDT", tick="0.00010000", step="0.10000000")
            for n in range(more_markets)
        )
        self.api_key, self.secret = f"loopback-api-key-{token_hex(8)}", SECRET
        self.clock_offset = 0
        """Milliseconds by which the server's clock is ahead of this machine's."""
        self.account = Account([*MARKETS, *made_up], self.now)
        self.account.deposit("USDT", "100000")
        self.account.deposit("BTC", "1")
        self.account.set_book("BTCUSDT", bid="59990", ask="60000")
        self.account.set_book("ETHUSDT", bid="2999.5", ask="3000")
        self.requests: list[Request] = []
        self.unreachable = False
        """While True every request is dropped unread."""
        self.latency = 0.0
        """Seconds from a request to its answer, there and back."""
        self.endpoints = Endpoints(self.account, self.now)
        self.url = ""
        self._faults: list[tuple[str, Fault]] = []
        self._released = asyncio.Event()
        self.hanging = asyncio.Event()
        """Set once a request hangs."""
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening and end what hangs. The account stays as it is."""
        self.release()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def ccxt_overrides(self) -> dict[str, Any]:
        """What to put into a venue's `ccxt` setting to reach this server."""
        return {"urls": {"api": {"public": f"{self.url}/api/v3", "private": f"{self.url}/api/v3"}}}

    def fail(self, endpoint: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next requests to `"POST order"`, `"GET myTrades"` ... meet this fault."""
        self._faults += [(endpoint, fault)] * times

    def forget_faults(self) -> None:
        """Take back the faults that did not come up."""
        self._faults.clear()

    def release(self) -> None:
        """Let everything that hangs go on, and be dropped."""
        self._released.set()
        self._released = asyncio.Event()

    @property
    def blind(self) -> set[str]:
        """Look-ups that see no order: `id`, `openOrders`, `allOrders`, `myTrades`; add to it."""
        return self.endpoints.blind

    def asked(self, endpoint: str) -> list[Request]:
        """The requests so far to `"POST order"` and the like."""
        return [one for one in self.requests if f"{one.method} {one.path}" == endpoint]

    def now(self) -> int:
        """The server's clock, milliseconds since the epoch."""
        return time.time_ns() // 1_000_000 + self.clock_offset

    def state(self) -> dict[str, Any]:
        """Everything an onlooker may want to know, as JSON."""
        return {
            "accepted": [order.row() for order in self.account.accepted],
            "trades": self.account.trades,
            "balances": self.account.balances(),
            "requests": [f"{one.method} {one.path}" for one in self.requests],
        }

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.text()
        path = request.path.removeprefix("/api/v3/")
        if path.startswith("/_double/"):
            return self._control(path.removeprefix("/_double/"), raw)
        query = request.raw_path.partition("?")[2]
        params = dict(parse_qsl(query + ("&" if query and raw else "") + raw))
        self.requests.append(
            Request(method=request.method, path=path, params=params, at=time.monotonic())
        )
        fault = self._next_fault(f"{request.method} {path}")
        if self.unreachable:
            fault = Fault(kind="drop")
        answer = None
        if fault is None or fault.process:
            answer = self._answer(request, path, params, query + raw)
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault is None:
            assert answer is not None
            return answer
        return await self._fail(request, fault, answer)

    def _next_fault(self, endpoint: str) -> Fault | None:
        for place, (wanted, fault) in enumerate(self._faults):
            if wanted == endpoint:
                del self._faults[place]
                return fault
        return None

    async def _fail(
        self, request: web.Request, fault: Fault, answer: web.Response | None
    ) -> web.StreamResponse:
        if fault.kind == "answer":
            return web.Response(
                status=fault.status,
                body=fault.body.encode(),
                headers={"Content-Type": fault.content_type, **fault.headers},
            )
        if fault.kind == "hang":
            self.hanging.set()
            await self._released.wait()
        transport = request.transport
        if transport is not None:
            if fault.kind == "truncate":
                whole = answer.body if answer is not None else b'{"symbol":"BTCUSDT","orderId":1}'
                assert isinstance(whole, bytes)
                head = f"HTTP/1.1 200 OK\r\nContent-Type: {_JSON}\r\nContent-Length: {len(whole)}"
                transport.write(f"{head}\r\n\r\n".encode() + whole[: len(whole) // 2])
                transport.close()
            else:
                transport.abort()
        return web.Response()  # nobody is left to read it

    def _answer(
        self, request: web.Request, path: str, params: Mapping[str, str], signed: str
    ) -> web.Response:
        name = f"{request.method} {path}"
        try:
            if name in PRIVATE:
                self._check_signature(request.headers.get("X-MBX-APIKEY", ""), params, signed)
                return _json(PRIVATE[name](self.endpoints, params))
            if name in PUBLIC:
                return _json(PUBLIC[name](self.endpoints, params))
        except Refused as no:
            return _json({"code": no.code, "msg": no.message}, status=no.status)
        return web.Response(status=404, text="<html>404 Not found</html>", content_type="text/html")

    def _check_signature(self, key: str, params: Mapping[str, str], signed: str) -> None:
        if not key:
            raise Refused(-2014, "API-key format invalid.", status=401)
        if key != self.api_key:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        payload, _, signature = signed.rpartition("&signature=")
        expected = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, expected):
            raise Refused(-1022, "Signature for this request is not valid.")
        window, sent = int(params.get("recvWindow", "5000")), int(params["timestamp"])
        if window > 60_000:
            raise Refused(-1131, "recvWindow must be less than 60000")
        if sent > self.now() + 1000:
            raise Refused(
                -1021, "Timestamp for this request was 1000ms ahead of the server's time."
            )
        if self.now() - sent > window:
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")

    def _control(self, what: str, raw: str) -> web.Response:
        """For onlookers in another process: `state`, and `book`, `fill`, `fault` with a JSON body."""
        told = json.loads(raw) if raw else {}
        if what == "book":
            self.account.set_book(**told)
        elif what == "fill":
            self.account.fill(**told)
        elif what == "fault":
            endpoint, times = told.pop("endpoint"), told.pop("times", 1)
            self.fail(endpoint, Fault(**told), times=times)
        return _json(self.state())


def _json(body: object, *, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(body).encode(), headers={"Content-Type": _JSON}
    )


async def _serve(port: int, more_markets: int) -> None:
    server = BinanceServer(more_markets=more_markets)
    await server.start(port)
    hello = {"url": server.url, "api_key": server.api_key, "secret": server.secret}
    print(json.dumps(hello), flush=True)  # noqa: T201  # how its parent learns the address
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()


def main() -> None:
    """Run until interrupted; the first line printed tells address and keys as JSON."""
    parser = argparse.ArgumentParser(description="A loopback Binance.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--markets", type=int, default=0, help="made-up markets to add")
    told = parser.parse_args()
    try:
        asyncio.run(_serve(told.port, told.markets))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
