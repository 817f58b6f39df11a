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
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from aiohttp import web

from tests.doubles.binance_account import Account, Market, Refused, shown
from tests.doubles.binance_endpoints import PRIVATE, PUBLIC, Endpoints
from tests.doubles.binance_stream import BinanceStreams
from tests.doubles.loopback import Fault, Loopback, as_json
from tests.doubles.streaming import Frame, Socket

SECRET = "loopback-secret-fedcba9876543210"  # a double's own
MARKETS = (
    Market(base="BTC", quote="USDT", tick="0.01000000", step="0.00001000"),
    Market(base="ETH", quote="USDT", tick="0.01000000", step="0.00010000", max_price="100000.0"),
)


def refusal(code: int, message: str, *, status: int = 400, process: bool = False) -> Fault:
    """An error in Binance's JSON."""
    body = json.dumps({"code": code, "msg": message})
    return Fault(kind="answer", status=status, body=body, process=process)


class BinanceServer(Loopback):
    """The server; `async with BinanceServer() as exchange:` starts and stops it."""

    prefix = "/api/v3/"

    def __init__(self, *, more_markets: int = 0) -> None:
        """`more_markets` adds that many made-up ones, for the size of the real `exchangeInfo`."""
        super().__init__()
        made_up = (
            Market(base=f"M{n:04d}", quote="USDT", tick="0.00010000", step="0.10000000")
            for n in range(more_markets)
        )
        self.api_key, self.secret = f"loopback-api-key-{token_hex(8)}", SECRET
        self.account = Account([*MARKETS, *made_up], self.now)
        self.account.deposit("USDT", "100000")
        self.account.deposit("BTC", "1")
        self.account.set_book("BTCUSDT", bid="59990", ask="60000")
        self.account.set_book("ETHUSDT", bid="2999.5", ask="3000")
        self.endpoints = Endpoints(self.account, self.now)
        self.streams = BinanceStreams(
            self.streaming, self.account, self.endpoints.best, self.now, self._check_subscription
        )

    def ccxt_overrides(self) -> dict[str, Any]:
        """What to put into a venue's `ccxt` setting to reach this server."""
        api, sapi = f"{self.url}/api/v3", f"{self.url}/sapi/v1"
        ws = self.url.replace("http://", "ws://")
        streams = {"spot": f"{ws}/stream/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}}
        return {"urls": {"api": {"public": api, "private": api, "sapi": sapi, "ws": streams}}}

    @property
    def blind(self) -> set[str]:
        """Look-ups that see no order: `id`, `openOrders`, `allOrders`, `myTrades`; add to it."""
        return self.endpoints.blind

    def state(self) -> dict[str, Any]:
        """Everything an onlooker may want to know, as JSON."""
        return {
            "accepted": [shown(order) for order in self.account.accepted],
            "trades": self.account.trades,
            "balances": self.account.balances(),
            "requests": [f"{one.method} {one.path}" for one in self.requests],
        }

    def answer(
        self, request: web.Request, path: str, params: Mapping[str, str], raw: str
    ) -> web.Response:
        name = f"{request.method} {path}"
        try:
            if name in PRIVATE:
                self._check_signature(request.headers.get("X-MBX-APIKEY", ""), params, raw)
                return as_json(PRIVATE[name](self.endpoints, params))
            if name in PUBLIC:
                return as_json(PUBLIC[name](self.endpoints, params))
        except Refused as no:
            return as_json({"code": no.code, "msg": no.message}, status=no.status)
        return web.Response(status=404, text="<html>404 Not found</html>", content_type="text/html")

    def hear(self, socket: Socket, frame: Frame) -> None:
        self.streams.hear(socket, frame)

    def _check_signature(self, key: str, params: Mapping[str, str], signed: str) -> None:
        payload, _, signature = signed.rpartition("&signature=")
        self._check(key, params, payload, signature)

    def _check_subscription(self, params: Mapping[str, Any]) -> None:
        """Over WebSocket the key is a parameter, and all but the signature is signed, in order of names."""
        signed = {name: params[name] for name in sorted(params) if name != "signature"}
        payload = "&".join(f"{name}={value}" for name, value in signed.items())
        self._check(params.get("apiKey", ""), params, payload, params.get("signature", ""))

    def _check(self, key: str, params: Mapping[str, Any], payload: str, signature: str) -> None:
        if not key:
            raise Refused(-2014, "API-key format invalid.", status=401)
        if key != self.api_key:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
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

    def control(self, what: str, told: dict[str, Any]) -> object:
        """For onlookers in another process: `state`, and `book`, `fill`, `fault` with a JSON body."""
        if what == "book":
            self.account.set_book(**told)
        elif what == "fill":
            self.account.fill(**told)
        elif what == "fault":
            endpoint, times = told.pop("endpoint"), told.pop("times", 1)
            self.fail(endpoint, Fault(**told), times=times)
        return self.state()


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
