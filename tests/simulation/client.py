"""What stands in for ccxt: the same calls and rows, over a line that can fail in every way of `faults`.

The product's own venue (`ExchangeVenue`, `Connections`) runs on it unchanged. One `fetch` is one
request: it may be lost, late, done without an answer, or answered by anything but the exchange.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Protocol

from execution.types import Mode, Quote
from execution.venues.connections import Connections
from execution.venues.exchange import ExchangeVenue
from execution.venues.lookups import Lookups
from execution.venues.prices import Prices
from execution.venues.venue import OrderKey, Stream
from tests.simulation.exchange import (
    BOOK,
    STEP,
    STOPS,
    TARGETS,
    Exchange,
    Refused,
    Row,
    ask_at,
    milliseconds,
)
from tests.simulation.faults import (
    FAULTS,
    NEVER_TAKEN,
    ClientConnectorError,
    Fault,
    ccxt_error,
)
from tests.simulation.streams import Streams

LOOK_UP, PRICES = ("look", "ask"), ("ask",)
KINDS = {
    "POST order": ("send",),
    "DELETE order": ("cancel",),
    "GET order": LOOK_UP,
    "GET openOrders": LOOK_UP,
    "GET orders": LOOK_UP,
    "GET myTrades": LOOK_UP,
}
"""What kind of request it is; the weather may be that of look-ups alone, or of all that is asked."""
_ENDED = ("closed", "canceled", "expired", "rejected")


class Process(Protocol):
    """The process that asks; it may die at any of these."""

    def point(self, name: str) -> None:
        """It is here now.

        Raises:
            SimCrash: it died here.
        """

    def passed(self, name: str) -> None:
        """Something outside of it got here; it may die of it, and nothing is raised."""

    def leaves(self, asked: Row) -> None:
        """Right before the first byte of this order."""


@dataclass
class Network:
    """What lies between a process and the exchange."""

    random: Random
    weather: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    """For each kind of request: how often it meets a fault, and which."""
    planned: list[tuple[str, str, bool]] = field(default_factory=list)
    """Kind, fault and whether the request is done all the same: met once each, in this order."""
    late: float = 0.3
    """How often a request whose answer is lost arrives late itself."""
    under_way: list[str] = field(default_factory=list)
    """Client ids of orders that left and have not arrived yet."""
    looks: list[datetime] = field(default_factory=list)
    """When it was asked for all that is open, and answered."""
    books: dict[str, Decimal] = field(default_factory=dict)
    """The best bid of each book that was answered last."""

    def fault(self, kinds: tuple[str, ...]) -> tuple[str, bool] | None:
        """What becomes of the next request of this kind; None: it is answered."""
        for place, (wanted, name, taken) in enumerate(self.planned):
            if wanted in kinds:
                del self.planned[place]
                return name, taken
        for kind in kinds:
            odds, names = self.weather.get(kind, (0.0, ()))
            if self.random.random() < odds:
                name = self.random.choice(names)
                return name, name not in NEVER_TAKEN and self.random.random() < 0.6
        return None

    def delay(self, longest: float) -> float:
        """How much later than usual a request arrives whose answer is lost: often as late as it may."""
        if self.random.random() >= self.late:
            return 0.0
        return longest * self.random.choice([self.random.random(), 0.8, 0.8, 1.0])

    def seconds(self) -> float:
        """One way; now and then it takes long."""
        slow = self.random.random() < 0.02
        return self.random.uniform(0.5, 3.0) if slow else self.random.uniform(0.005, 0.08)


@dataclass
class Line:
    """One process's connection."""

    process: Process
    network: Network
    exchange: Exchange
    clock: Callable[[], datetime]
    tell: Callable[[str], None]
    violated: Callable[[str], None]
    streams: Streams | None = None
    """What the exchange tells unasked, if anything."""
    comes_to: Callable[[Row, str], None] = lambda asked, step: None
    """An order comes to this step of its life."""
    silent_until: datetime | None = None
    """Until when the exchange has asked this process for silence."""

    async def ask(self, client: Client, name: str, asked: Row) -> Any:
        """One request and its answer, or what became of it."""
        asked_at = self.clock()
        self._step(asked, f"{name} leaves")
        self.process.point(f"{name} leaves")
        kinds = KINDS.get(name, PRICES)
        if name == "POST order":
            self.process.leaves(asked)
        if (
            name != "DELETE order"
            and self.silent_until is not None
            and self.clock() < self.silent_until
        ):
            self.violated(f"{name} leaves, and the exchange asked for silence")
        met = self.network.fault(kinds)
        fault, taken = (None, True) if met is None else (FAULTS[met[0]], met[1])
        if met is not None:
            done = taken and not name.startswith("GET")
            self.tell(f"{name}: {met[0]}{', but done' if done else ''}")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._travel(name, asked, fault, taken, answer)
        try:
            async with asyncio.timeout(client.seconds):
                await answer
        except TimeoutError:
            pass
        self._step(asked, f"{name} answered")
        self.process.point(f"{name} answered")
        if not answer.done() or answer.cancelled():
            raise ccxt_error("RequestTimeout", "no answer in time")
        found = self._read(client, fault, answer.result())
        if name == "GET openOrders":
            self.network.looks.append(asked_at)
        if name == "GET book":
            self.network.books[asked["symbol"]] = Decimal(found["bids"][0][0])
        return found

    def _travel(
        self, name: str, asked: Row, fault: Fault | None, taken: bool, answer: asyncio.Future[Any]
    ) -> None:
        """Let the request arrive, if it does; it travels on when its sender has died or given up."""
        loop, network, sent_at = asyncio.get_running_loop(), self.network, self.clock()
        way = network.seconds()

        def come_back(result: Any) -> None:
            if not answer.done():
                answer.set_result(result)

        def arrive() -> None:
            result = self._done(name, asked, sent_at)
            self._step(asked, f"{name} done")
            self.process.passed(f"{name} done")
            if fault is None:
                loop.call_later(network.seconds(), come_back, result)

        if fault is not None:
            # Somebody between may give up long before the request is through.
            way += network.delay(self.exchange.profile.arrives_within.total_seconds())
            if fault.ends != "silent":
                loop.call_later(network.seconds() + network.seconds(), come_back, None)
        if taken:
            if name == "POST order":
                network.under_way.append(asked["clientOrderId"])
            loop.call_later(way, arrive)

    def _step(self, asked: Row, step: str) -> None:
        if step.startswith(("POST order", "DELETE order")):
            self.comes_to(asked, step)

    def _done(self, name: str, asked: Row, sent_at: datetime) -> Any:
        if name == "POST order":
            self.network.under_way.remove(asked["clientOrderId"])
        try:
            return ENDPOINTS[name](self.exchange, asked, sent_at)
        except Refused as no:
            return no

    def _read(self, client: Client, fault: Fault | None, result: Any) -> Any:
        """The answer as ccxt's `fetch` returns or raises it."""
        if fault is not None:
            if fault.status is not None:
                client.heard(fault.status, fault.body, fault.headers)
            if "Retry-After" in fault.headers:
                silence = timedelta(seconds=int(fault.headers["Retry-After"]))
                self.silent_until = self.clock() + silence
            if not fault.raises:
                return json.loads(fault.body) if fault.body == "{}" else fault.body
            cause = ClientConnectorError() if fault.cause == "ClientConnectorError" else None
            raise ccxt_error(fault.raises, fault.body or fault.ends) from cause
        if isinstance(result, Refused):
            client.heard(400, json.dumps({"code": result.code, "msg": result.text}), {})
            raise ccxt_error(result.raises, result.text)
        client.heard(200, "{}", {})
        return result


class Client:
    """A ccxt instance, as far as the product asks of one."""

    precisionMode = 4  # noqa: N815  # ccxt's name

    def __init__(self, config: dict[str, Any]) -> None:
        self.line: Line = config["line"]
        self.seconds = config["timeout"] / 1000
        lists = self.line.exchange.profile.lists
        self.options: dict[str, Any] = {}
        self.features: Row = {}
        self.urls: dict[str, Any] = {}
        self.has = {
            name: name in lists
            for name in (
                "fetchOrders", "fetchClosedOrders", "fetchCanceledOrders",
                "fetchCanceledAndClosedOrders", "fetchOrderTrades", "fetchBidsAsks", "fetchTime",
            )
        }  # fmt: skip
        self.markets: dict[str, Any] = {}

    async def fetch(self, url: str, method: str, headers: object, body: Any) -> Any:
        return await self.line.ask(self, f"{method} {url}", body or {})

    def heard(self, status: int, body: str, headers: Mapping[str, str]) -> None:
        """Note what came over the wire, where the product looks for it."""
        self.on_rest_response(status, "", "", "", headers, body)  # type: ignore[attr-defined]

    @staticmethod
    def deep_extend(*parts: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for part in parts for name, value in part.items()}

    async def _get(self, url: str, **asked: Any) -> Any:
        return await self.fetch(url, "GET", None, asked)

    async def load_markets(self, reload: bool) -> None:
        self.markets = await self._get("markets")

    def set_markets_from_exchange(self, other: Client) -> None:
        self.markets = other.markets

    async def close(self) -> None:
        return

    async def fetch_balance(self) -> Row:
        found: Row = await self._get("account")
        return found

    async def fetch_ticker(self, symbol: str) -> Row:
        found: Row = await self._get("ticker", symbol=symbol)
        return found

    async def fetch_order_book(self, symbol: str, limit: int) -> Row:
        found: Row = await self._get("book", symbol=symbol)
        return found

    async def fetch_ohlcv(self, symbol: str, interval: str, limit: int) -> list[Any]:
        return []

    def amount_to_precision(self, symbol: str, amount: Decimal) -> str:
        return f"{amount.normalize():f}"

    price_to_precision = amount_to_precision

    async def create_order(
        self, symbol: str, kind: str, side: str, amount: Decimal, price: Decimal | None, params: Row
    ) -> Row:
        asked = {
            "clientOrderId": params["clientOrderId"],
            "symbol": symbol,
            "type": kind.upper(),
            "side": side,
            "amount": str(amount),
            "price": None if price is None else str(price),
            "stopPrice": params.get("stopLossPrice", params.get("takeProfitPrice")),
            "timeInForce": params.get("timeInForce", "GTC"),
            "postOnly": params.get("postOnly", False),
        }
        made: Row = await self.fetch("order", "POST", None, asked)
        return made

    async def cancel_order(self, order_id: str, symbol: str, params: Row) -> Row:
        asked = {"id": order_id, "clientOrderId": params.get("clientOrderId")}
        ended: Row = await self.fetch("order", "DELETE", None, asked)
        return ended

    async def fetch_order(self, order_id: str, symbol: str, params: Row) -> Row:
        client_id = params.get("clientOrderId")
        found: Row = await self._get("order", id=order_id, clientOrderId=client_id)
        return found

    async def fetch_open_orders(self, symbol: str | None) -> list[Row]:
        return list(await self._get("openOrders", symbol=symbol))

    async def _listed(
        self, statuses: tuple[str, ...], symbol: str, since: int | None, limit: int | None
    ) -> list[Row]:
        rows = await self._get("orders", symbol=symbol, statuses=statuses)
        return _page(rows, since, limit)

    async def fetch_orders(self, symbol: str, since: int | None, limit: int | None) -> list[Row]:
        return await self._listed(("open", *_ENDED), symbol, since, limit)

    async def fetch_closed_orders(
        self, symbol: str, since: int | None, limit: int | None
    ) -> list[Row]:
        return await self._listed(("closed",), symbol, since, limit)

    async def fetch_canceled_orders(
        self, symbol: str, since: int | None, limit: int | None
    ) -> list[Row]:
        return await self._listed(_ENDED[1:], symbol, since, limit)

    async def fetch_my_trades(self, symbol: str, since: int | None, limit: int | None) -> list[Row]:
        return _page(await self._get("myTrades", symbol=symbol), since, limit)

    async def fetch_order_trades(self, order_id: str, symbol: str, limit: int) -> list[Row]:
        rows = await self._get("myTrades", symbol=symbol)
        return [row for row in rows if row["order"] == order_id][:limit]


class _Connected(Connections):
    """The product's connections, with our client in ccxt's place."""

    async def open(self) -> Any:
        if self._orders is None:
            self._orders, self._reads = self._new(Client), self._new(Client)
        return await super().open()

    async def _know_anew(self) -> None:
        """In this loop: the product asks in one of its own, on a thread."""
        await self._reads.load_markets(True)
        self._know(self._reads)
        self.listed_at = self._clock()


class SimVenue(ExchangeVenue):
    """The product's venue at the simulated exchange."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__(
            "main", "binance", Mode.LIVE, api_key="key", secret="secret", clock=line.clock
        )
        self._quirks = line.exchange.profile.quirks
        self._connections = _Connected(
            "binance",
            Mode.LIVE,
            credentials={"apiKey": "key", "secret": "secret"},
            overrides={"line": line},
            quirks=self._quirks,
            clock=line.clock,
        )
        self._prices = Prices(self._connections, self._quirks, line.clock)
        self._lookups = Lookups("binance", self._connections, self._quirks, line.clock)

    @property
    def streams(self) -> Collection[Stream]:
        return () if self._line.streams is None else frozenset(Stream)

    def order_news(self) -> AsyncGenerator[Sequence[OrderKey]]:
        assert self._line.streams is not None, "there is one"
        return self._line.streams.orders()

    def quote_news(self, symbol: str) -> AsyncGenerator[Quote]:
        assert self._line.streams is not None, "there is one"
        return self._line.streams.quotes(symbol)


def _page(rows: list[Row], since: int | None, limit: int | None) -> list[Row]:
    young = [row for row in rows if since is None or row["timestamp"] >= since]
    return young if limit is None else young[:limit]


def _markets(exchange: Exchange, asked: Row, sent_at: datetime) -> Row:
    made = {}
    for symbol in BOOK:
        base, quote = symbol.split("/")
        any_size = {"min": None, "max": None}
        made[symbol] = {
            "symbol": symbol,
            "base": base,
            "quote": quote,
            "spot": True,
            "active": True,
            "precision": {"amount": str(STEP), "price": "0.01"},
            "limits": {"amount": any_size, "price": any_size, "cost": {"min": "5", "max": None}},
            "info": {"orderTypes": ["LIMIT", "LIMIT_MAKER", *STOPS, *TARGETS], "filters": []},
        }
    return made


def _account(exchange: Exchange, asked: Row, sent_at: datetime) -> Row:
    free, used = exchange.free, exchange.locked
    texts = {
        "free": {asset: str(amount) for asset, amount in free.items()},
        "used": {asset: str(amount) for asset, amount in used.items()},
    }
    return {**texts, "total": texts["free"] | texts["used"]}


def _ticker(exchange: Exchange, asked: Row, sent_at: datetime) -> Row:
    bid = exchange.bids[asked["symbol"]]
    return {"bid": str(bid), "ask": str(ask_at(bid)), "timestamp": milliseconds(exchange.clock())}


def _book(exchange: Exchange, asked: Row, sent_at: datetime) -> Row:
    bid, depth = exchange.bids[asked["symbol"]], str(exchange.depth)
    return {"bids": [[str(bid), depth]], "asks": [[str(ask_at(bid)), depth]]}


Endpoint = Callable[[Exchange, Row, datetime], Any]
ENDPOINTS: Mapping[str, Endpoint] = {
    "GET markets": _markets,
    "GET account": _account,
    "GET ticker": _ticker,
    "GET book": _book,
    "POST order": lambda exchange, asked, sent_at: exchange.place(asked, sent_at),
    "DELETE order": lambda exchange, asked, _: exchange.cancel(asked["id"], asked["clientOrderId"]),
    "GET order": lambda exchange, asked, _: exchange.order(asked["id"], asked["clientOrderId"]),
    "GET openOrders": lambda exchange, asked, _: exchange.open_orders(asked["symbol"]),
    "GET orders": lambda exchange, asked, _: exchange.past_orders(
        asked["symbol"], asked["statuses"]
    ),
    "GET myTrades": lambda exchange, asked, _: exchange.my_trades(asked["symbol"]),
}
"""What each request does."""
