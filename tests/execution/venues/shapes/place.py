"""Exchanges that are known and not certified: what is sent to each, and what it answers, as data.

Each module beside this one has one of them as its documentation shows it: nothing answers by itself, so
that what leaves is compared with what was written down, never with what ccxt does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from execution.instruments import MarketKind
from execution.types import Mode, OrderType, Side, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import Balance, NewOrder, OrderKey
from tests.doubles.loopback import Loopback, as_json

KEY, SECRET, PHRASE = "the-api-key", "the-api-secret", "the passphrase"
UNIQUE = bytes.fromhex("0123456789abcdeffedcba9876543210")
"""What our client order id is made of in every shape."""
AMOUNT, PRICE = Decimal("0.0123"), Decimal("50000.1")
"""What every order is of, where its market has such steps."""
AT = datetime.now(UTC).replace(second=0, microsecond=0)
"""Now: ccxt asks KuCoin for bars by this machine's clock, and drops what is older."""
SENT_AT = AT - timedelta(minutes=1)
SINCE = int((SENT_AT - timedelta(minutes=1)).timestamp() * 1000)
"""From when traces of an order are searched: a minute before it was sent, in milliseconds."""
NOW, HOUR = int(AT.timestamp() * 1000), 3_600_000
"""In milliseconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request, or what is expected of one."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Of JSON or of a form; None where there is none."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Came:
    """One request as it came in."""

    asked: Asked
    target: str
    """Path and query, undecoded."""
    headers: Mapping[str, str]
    raw: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is answered to a request."""

    body: Any
    status: int = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One exchange, as data."""

    name: str
    """ccxt's."""
    symbol: str
    kind: MarketKind = MarketKind.SPOT
    client_order_id: str
    venue_order_id: str
    urls: Callable[[str], Mapping[str, Any]]
    """ccxt's addresses, all of them at one server."""
    answers: Mapping[str, Any]
    """By method and path; in a path of many names by its `type`."""
    opening: Sequence[Asked]
    """What is asked before it is open, whatever its order."""
    sent: Mapping[str, Asked]
    """An order by its time in force, `post-only` among them."""
    found: Asked
    """Our client id looked up."""
    searched: Sequence[Asked]
    """And what is asked when that finds nothing."""
    of_theirs: Asked
    """The trades of an order by the exchange's own id."""
    nothing: Mapping[str, Any]
    """What is answered of an order that is not known, instead."""
    canceled: Asked
    """By our client id."""
    canceled_by_theirs: Asked
    gone: Answer
    """What a cancel of a finished order is answered."""
    refusals: Mapping[str, Answer]
    """What an order is answered that is a duplicate, refused, in doubt, late, or one too many."""
    sandbox: Mapping[str, str] = field(default_factory=dict)
    """The headers that say that an order is not meant in earnest."""
    key_refused: Answer | None
    """None: it has no key that reads could tell."""
    is_signed: Callable[[Came], bool]
    balances: Mapping[str, Balance] = field(
        default_factory=lambda: {
            "quote": Balance(free=Decimal(285), locked=Decimal(615)),
            "base": Balance(free=Decimal("0.0023"), locked=Decimal(0)),
        }
    )
    """Of the two assets of its market."""
    triggered: bool = False
    """Whether it takes orders that wait for a price; what these say, other tests tell."""
    amount: Decimal = AMOUNT
    price: Decimal = PRICE
    fine: tuple[str, str] = ("0.00005", "123456.7")
    """A small amount and a price of many digits that its market takes."""
    credentials: Mapping[str, str] = field(
        default_factory=lambda: {"api_key": KEY, "secret": SECRET, "password": PHRASE}
    )

    def order(self, **changes: Any) -> NewOrder:
        """A buy that rests, unless changed."""
        order = NewOrder(
            client_order_id=self.client_order_id,
            symbol=self.symbol,
            side=Side.BUY,
            type=OrderType.LIMIT,
            amount=self.amount,
            price=self.price,
            time_in_force=TimeInForce.GTC,
        )
        return order.evolve(**changes)

    def key(self, **changes: Any) -> OrderKey:
        key = OrderKey(client_order_id=self.client_order_id, symbol=self.symbol, sent_at=SENT_AT)
        return key.evolve(**changes)


class Place(Loopback):
    """A server that answers as one of them, and notes what came."""

    prefix = ""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange
        self.came: list[Came] = []
        self.instead: dict[str, Answer] = {}
        """What is answered instead, by the method and the path."""

    def answer(
        self, request: web.Request, path: str, params: Mapping[str, str], raw: str
    ) -> web.Response:
        query = request.raw_path.partition("?")[2]
        text = raw.removeprefix(query)
        body = (json.loads(text) if text[0] in "[{" else dict(parse_qsl(text))) if text else None
        asked = Asked(
            method=request.method,
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            body=body,
        )
        self.came.append(
            Came(asked=asked, target=request.raw_path, headers=dict(request.headers), raw=text)
        )
        names = [str(asked), *([body["type"]] if body and "type" in body else [])]
        for name in names:
            if name in self.instead:
                told = self.instead[name]
                return as_json(told.body, status=told.status)
        known = [self.exchange.answers[one] for one in names if one in self.exchange.answers]
        if not known:
            return as_json({"nobody wrote down": str(asked)}, status=404)
        return as_json(known[-1])

    def venue(self, mode: Mode = Mode.LIVE, kept: Path | None = None) -> ExchangeVenue:
        """The venue at this server, not opened; on paper without a key."""
        keys = dict(self.exchange.credentials)
        if mode is Mode.PAPER:
            keys = dict.fromkeys(keys, "")
        quick = {"timeout_on_exit": 1, "enableRateLimit": False}
        return ExchangeVenue(
            "main",
            self.exchange.name,
            mode,
            **keys,
            clock=lambda: AT,
            kind=self.exchange.kind,
            kept=kept,
            overrides={"urls": {"api": self.exchange.urls(self.url)}} | quick,
        )

    def taken(self) -> list[Asked]:
        """What came since this was asked last, its times and signatures by their names."""
        asked = [settled(one.asked) for one in self.came]
        self.came.clear()
        return asked


def settled(asked: Asked) -> Asked:
    """A request with names in the place of what differs from run to run."""
    return Asked(
        method=asked.method,
        path=asked.path,
        query={name: _settled(name, value) for name, value in asked.query.items()},
        body=_settled("", asked.body),
    )


def _settled(name: str, value: Any) -> Any:
    if name in ("nonce", "processBefore", "signature", "timestamp"):
        return f"<{name}>"
    if isinstance(value, dict):
        return {key: _settled(key, one) for key, one in value.items()}
    times = (
        ("<since>", SINCE, 5000),
        ("<since, seconds>", SINCE // 1000, 5),
        ("<a week later>", SINCE + 7 * 24 * HOUR - 1000, 5000),
    )
    for called, time, off in times:
        if str(value).isdecimal() and abs(int(value) - time) <= off:
            return called
    return value


def everywhere(*names: str, path: str = "") -> Callable[[str], Mapping[str, Any]]:
    """ccxt's addresses of these names, all of them at one server."""
    return lambda url: dict.fromkeys(names, url + path)
