"""A loopback server that speaks the wire format of Binance's USD-M futures, with faults on request.

Tests use it through the real ccxt (`binanceusdm`). Whoever asks it to set leverage, margin type or position
mode, or for anything else that writes and is not an order, fails the test that started it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.doubles.binance_account import Refused
from tests.doubles.binance_rest import BinanceRest
from tests.doubles.binance_usdm.account import ContractAccount
from tests.doubles.binance_usdm.algo import AlgoOrders
from tests.doubles.binance_usdm.contracts import Contract
from tests.doubles.binance_usdm.endpoints import MOST, PRIVATE, PUBLIC, ContractEndpoints, weight
from tests.doubles.binance_usdm.stream import UsdmStreams
from tests.doubles.loopback import as_json
from tests.doubles.streaming import Frame, Socket

CONTRACTS = (
    Contract(base="BTC", tick="0.10", step="0.001", min_notional="100"),
    Contract(base="ETH", tick="0.01", step="0.001", min_notional="20"),
    Contract(base="BTC", quote="USDC", tick="0.1", step="0.001", min_notional="100"),
    Contract(base="BTC", tick="0.1", step="0.001", min_notional="50", delivery="270326"),
    Contract(base="SRM", tick="0.0001", step="1", min_notional="5", status="SETTLING"),
)


class BinanceUsdmServer(BinanceRest):
    """The server; `async with BinanceUsdmServer() as exchange:` starts and stops it."""

    prefix = "/fapi/"
    public, private = PUBLIC, PRIVATE
    account: ContractAccount

    def __init__(self) -> None:
        super().__init__()
        self.account = ContractAccount(CONTRACTS, self.now)
        self.algos = AlgoOrders(self.account, self.now)
        self.account.deposit("USDT", "100000")
        self.account.set_book("BTCUSDT", bid="59990", ask="60000")
        self.account.set_book("ETHUSDT", bid="2999.5", ask="3000")
        self.account.set_book("BTCUSDC", bid="59980", ask="59990")
        self.account.set_book("BTCUSDT_270326", bid="60490", ask="60500")
        self.endpoints = ContractEndpoints(self.account, self.algos, self.now)
        self.streams = UsdmStreams(
            self.streaming, self.account, self.algos, self.endpoints.best, self.now
        )
        self.weights: Counter[int] = Counter()
        """What was asked for in each minute of the server's clock."""

    def ccxt_overrides(self) -> dict[str, Any]:
        """What to put into a venue's `ccxt` setting to reach this server."""
        fapi, ws = f"{self.url}/fapi", self.url.replace("http://", "ws://")
        api = {
            f"fapi{access}{suffix}": f"{fapi}/{version}"
            for access in ("Public", "Private")
            for suffix, version in (("", "v1"), ("V2", "v2"), ("V3", "v3"))
        }
        return {
            "urls": {"api": api | {"sapi": f"{self.url}/sapi/v1", "ws": {"linear": f"{ws}/ws"}}}
        }

    def answer(
        self, request: web.Request, path: str, params: Mapping[str, str], raw: str
    ) -> web.Response:
        self.account.expire()
        name, minute = f"{request.method} {path}", self.now() // 60_000
        costs = weight(name, params)
        self.weights[minute] += costs
        if costs and self.weights[minute] > MOST:
            told = f"Too many requests; current limit is {MOST} requests per minute."
            return as_json({"code": -1003, "msg": told}, status=429)
        if path == "v1/listenKey":
            return self._listen_key(request)
        if request.method != "GET" and name not in PRIVATE:
            self.forbidden.append(name)
        return super().answer(request, path, params, raw)

    def hear(self, socket: Socket, frame: Frame) -> None:
        self.streams.hear(socket, frame)

    def _listen_key(self, request: web.Request) -> web.Response:
        """A listen key is asked for with the key alone, unsigned."""
        streams = self.streams
        asked = {"POST": streams.begin, "PUT": streams.prolong, "DELETE": streams.finish}
        try:
            self.check_key(request.headers.get("X-MBX-APIKEY", ""))
            return as_json(asked[request.method]())
        except Refused as no:
            return as_json({"code": no.code, "msg": no.message}, status=no.status)
