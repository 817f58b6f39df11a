"""What Binance's spot and futures have alike over REST: signed requests, prices, orders looked up.

`binance.py` and `binance_usdm/server.py` each build a server on it, with endpoints of their own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from secrets import token_hex
from typing import Any, ClassVar

from aiohttp import web

from tests.doubles.binance_account import Refused, eight
from tests.doubles.loopback import Fault, Loopback, as_json
from tests.doubles.trading import Book, Order, TradingAccount

SECRET = "loopback-secret-fedcba9876543210"  # a double's own
_INTERVALS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600}

Endpoint = Callable[[Any, Mapping[str, str]], object]
"""Parameters in, the JSON that Binance would answer out."""


class Endpoints:
    """One account's endpoints, as far as spot and futures have them alike."""

    account: TradingAccount

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.blind: set[str] = set()
        """Look-ups that see no order."""
        self.rights: dict[str, bool] = {}
        """What the key may do, where it is not what one for trading should."""

    # What each has its own words for

    def symbol_of(self, params: Mapping[str, str]) -> str:
        """The market that is asked for; it raises what is said of one that is not listed."""
        raise NotImplementedError

    def shown(self, order: Order) -> dict[str, Any]:
        """An order as it is shown."""
        raise NotImplementedError

    def book_ticker(self, params: Mapping[str, str]) -> object:
        if "symbol" in params:
            return self.best(params["symbol"])
        symbols = json.loads(params["symbols"]) if "symbols" in params else self.account.books
        return [self.best(symbol) for symbol in symbols]

    def best(self, symbol: str) -> dict[str, Any]:
        book = self.account.books.get(self.symbol_of({"symbol": symbol}), Book())
        nothing = (Decimal(0), Decimal(0))
        bid, ask = (book.bids or [nothing])[0], (book.asks or [nothing])[0]
        return {
            "symbol": symbol,
            "bidPrice": eight(bid[0]),
            "bidQty": eight(bid[1]),
            "askPrice": eight(ask[0]),
            "askQty": eight(ask[1]),
        }

    def depth(self, params: Mapping[str, str]) -> object:
        book = self.account.books.get(self.symbol_of(params), Book())
        limit = int(params.get("limit", "100"))
        return {
            "lastUpdateId": 1,
            "bids": [[eight(price), eight(amount)] for price, amount in book.bids[:limit]],
            "asks": [[eight(price), eight(amount)] for price, amount in book.asks[:limit]],
        }

    def klines(self, params: Mapping[str, str]) -> object:
        best = self.best(self.symbol_of(params))
        length = _INTERVALS[params["interval"]] * 1000
        newest = self.now() // length
        rows = []
        for number in range(newest - int(params.get("limit", "500")) + 1, newest + 1):
            swing = Decimal(number % 7) / 10
            low, high = Decimal(best["bidPrice"]) - swing, Decimal(best["askPrice"]) + swing
            start, end = number * length, (number + 1) * length - 1
            prices = [eight(value) for value in (low, high, low, high)]
            rows.append(
                [start, *prices, "12.34567800", end, "740740.68000000", 321, "6.1", "366000.0", "0"]
            )
        return rows

    def api_restrictions(self, _: Mapping[str, str]) -> object:
        return {
            "ipRestrict": True,
            "createTime": self.now() - 86_400_000,
            "enableReading": True,
            "enableInternalTransfer": False,
            "enableWithdrawals": False,
            "enableSpotAndMarginTrading": True,
            "enableMargin": False,
            "enableFutures": False,
        } | self.rights

    def one_order(self, params: Mapping[str, str]) -> object:
        return self.shown(self.wanted(params, -2013, "Order does not exist."))

    def wanted(self, params: Mapping[str, str], code: int, message: str) -> Order:
        symbol = self.symbol_of(params)
        if "orderId" in params:
            order = self.account.find(id=int(params["orderId"]))
        elif "id" in self.blind:
            order = None
        else:
            order = self.account.find(client_id=params.get("origClientOrderId"))
        if order is None or order.symbol != symbol:
            raise Refused(code, message)
        return order

    def open_orders(self, params: Mapping[str, str]) -> object:
        orders = self.account.open_orders(params.get("symbol"))
        return [] if "openOrders" in self.blind else [self.shown(order) for order in orders]


PUBLIC: dict[str, Endpoint] = {
    "GET ping": lambda endpoints, _: {},
    "GET time": lambda endpoints, _: {"serverTime": endpoints.now()},
    "GET ticker/bookTicker": Endpoints.book_ticker,
    "GET depth": Endpoints.depth,
    "GET klines": Endpoints.klines,
}
RESTRICTIONS = "GET /sapi/v1/account/apiRestrictions"


class BinanceRest(Loopback):
    """A server that is asked, and signs are checked, as Binance does."""

    endpoints: Endpoints
    account: TradingAccount
    public: ClassVar[Mapping[str, Endpoint]]
    private: ClassVar[Mapping[str, Endpoint]]

    def __init__(self) -> None:
        super().__init__()
        self.api_key, self.secret = f"loopback-api-key-{token_hex(8)}", SECRET

    @property
    def blind(self) -> set[str]:
        """Look-ups that see no order: `id`, `openOrders` and the histories by their names; add to it."""
        return self.endpoints.blind

    def state(self) -> dict[str, Any]:
        """Everything an onlooker may want to know, as JSON."""
        return {
            "accepted": [self.endpoints.shown(order) for order in self.account.accepted],
            "trades": self.account.trades,
            "requests": [f"{one.method} {one.path}" for one in self.requests],
        }

    def answer(
        self, request: web.Request, path: str, params: Mapping[str, str], raw: str
    ) -> web.Response:
        name = f"{request.method} {path}"
        try:
            if name in self.private:
                self._check_signature(request.headers.get("X-MBX-APIKEY", ""), params, raw)
                return as_json(self.private[name](self.endpoints, params))
            if name in self.public:
                return as_json(self.public[name](self.endpoints, params))
        except Refused as no:
            return as_json({"code": no.code, "msg": no.message}, status=no.status)
        return web.Response(status=404, text="<html>404 Not found</html>", content_type="text/html")

    def check_key(self, key: str) -> None:
        """Raises what is said of a key that is not the account's."""
        if not key:
            raise Refused(-2014, "API-key format invalid.", status=401)
        if key != self.api_key:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)

    def check(self, key: str, params: Mapping[str, Any], payload: str, signature: str) -> None:
        """Raises what is said of a request with a wrong key, signature or time."""
        self.check_key(key)
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

    def _check_signature(self, key: str, params: Mapping[str, str], signed: str) -> None:
        payload, _, signature = signed.rpartition("&signature=")
        self.check(key, params, payload, signature)
