"""A loopback server that speaks Binance spot's wire format, with faults on request.

Tests use it through the real ccxt; `python -m tests.doubles.binance --port N` runs it as a process
of its own, so that it outlives a bot that is killed. What was accepted is kept in `account.accepted`
and told at `GET /_double/state`, whatever the client was answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping
from typing import Any

from tests.doubles.binance_account import Account, Market
from tests.doubles.binance_endpoints import PRIVATE, PUBLIC, SpotEndpoints
from tests.doubles.binance_rest import BinanceRest
from tests.doubles.binance_stream import BinanceStreams
from tests.doubles.loopback import Fault
from tests.doubles.streaming import Frame, Socket

MARKETS = (
    Market(base="BTC", quote="USDT", tick="0.01000000", step="0.00001000"),
    Market(base="ETH", quote="USDT", tick="0.01000000", step="0.00010000", max_price="100000.0"),
)


def refusal(code: int, message: str, *, status: int = 400, process: bool = False) -> Fault:
    """An error in Binance's JSON."""
    body = json.dumps({"code": code, "msg": message})
    return Fault(kind="answer", status=status, body=body, process=process)


class BinanceServer(BinanceRest):
    """The server; `async with BinanceServer() as exchange:` starts and stops it."""

    prefix = "/api/v3/"
    public, private = PUBLIC, PRIVATE
    account: Account

    def __init__(self, *, more_markets: int = 0) -> None:
        """`more_markets` adds that many made-up ones, for the size of the real `exchangeInfo`."""
        super().__init__()
        made_up = (
            Market(base=f"M{n:04d}", quote="USDT", tick="0.00010000", step="0.10000000")
            for n in range(more_markets)
        )
        self.account = Account([*MARKETS, *made_up], self.now)
        self.account.deposit("USDT", "100000")
        self.account.deposit("BTC", "1")
        self.account.set_book("BTCUSDT", bid="59990", ask="60000")
        self.account.set_book("ETHUSDT", bid="2999.5", ask="3000")
        self.endpoints = SpotEndpoints(self.account, self.now)
        self.streams = BinanceStreams(
            self.streaming, self.account, self.endpoints.best, self.now, self._check_subscription
        )

    def ccxt_overrides(self) -> dict[str, Any]:
        """What to put into a venue's `ccxt` setting to reach this server."""
        api, sapi = f"{self.url}/api/v3", f"{self.url}/sapi/v1"
        ws = self.url.replace("http://", "ws://")
        streams = {"spot": f"{ws}/stream/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}}
        return {"urls": {"api": {"public": api, "private": api, "sapi": sapi, "ws": streams}}}

    def state(self) -> dict[str, Any]:
        return super().state() | {"balances": self.account.balances()}

    def hear(self, socket: Socket, frame: Frame) -> None:
        self.streams.hear(socket, frame)

    def _check_subscription(self, params: Mapping[str, Any]) -> None:
        """Over WebSocket the key is a parameter, and all but the signature is signed, in order of names."""
        signed = {name: params[name] for name in sorted(params) if name != "signature"}
        payload = "&".join(f"{name}={value}" for name, value in signed.items())
        self.check(params.get("apiKey", ""), params, payload, params.get("signature", ""))


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
