"""What the tests of order kinds share: each exchange with an open venue at its double, and every kind of order.

An exchange is asked the same of all of them; only how a request is read, and the names of a market, differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from execution.types import OrderType, Side, TimeInForce, Trail
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks import quirks_of
from execution.venues.venue import NewOrder
from tests.doubles.binance import BinanceServer
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.kraken import KrakenServer
from tests.doubles.kraken_futures.server import KrakenFuturesServer
from tests.doubles.loopback import Fault, Request
from tests.execution.venues.binance_usdm import setup as usdm
from tests.execution.venues.coinbase import setup as coinbase
from tests.execution.venues.exchange import setup as binance
from tests.execution.venues.kraken import setup as kraken
from tests.execution.venues.kraken_futures import setup as futures

GOOD_TILL = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
"""When the good-till-date orders of these tests end."""
AMOUNT, WORTHWHILE = Decimal("0.001"), Decimal("0.002")
"""Of an order, and of one where less is worth too little."""
_SELL: dict[str, Any] = {"side": Side.SELL, "price": None}
_GTD: dict[str, Any] = {"time_in_force": TimeInForce.GTD, "good_till": GOOD_TILL}
_LIMIT_STOP: dict[str, Any] = {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(59000)}
_TRAILING: dict[str, Any] = _SELL | {"type": OrderType.TRAILING_STOP, "stop_price": Decimal(59400)}
ORDERS: Mapping[str, dict[str, Any]] = {
    "limit": {"price": Decimal(59000)},
    "limit IOC, as a market order goes": {
        "price": Decimal(60010),
        "time_in_force": TimeInForce.IOC,
    },
    "limit FOK": {"price": Decimal(60010), "time_in_force": TimeInForce.FOK},
    "limit GTD": {"price": Decimal(59000)} | _GTD,
    "limit, post-only": {"price": Decimal(59000), "post_only": True},
    "limit GTD, post-only": {"price": Decimal(59000), "post_only": True} | _GTD,
    "stop, sell": _SELL | {"type": OrderType.STOP, "stop_price": Decimal(59000)},
    "stop, buy": {"type": OrderType.STOP, "price": None, "stop_price": Decimal(61000)},
    "stop-limit, sell": _SELL | _LIMIT_STOP | {"price": Decimal(58900)},
    "stop-limit, buy": _LIMIT_STOP | {"stop_price": Decimal(61000), "price": Decimal(61100)},
    "stop-limit GTD, sell": _SELL | _LIMIT_STOP | {"price": Decimal(58900)} | _GTD,
    "take-profit, sell": _SELL | {"type": OrderType.TAKE_PROFIT, "stop_price": Decimal(61000)},
    "take-profit-limit, sell": _SELL
    | {"type": OrderType.TAKE_PROFIT_LIMIT, "stop_price": Decimal(61000), "price": Decimal(60900)},
    "trailing stop by 1 %, sell": _TRAILING
    | {"trail": Trail(value=Decimal("0.01"), is_share=True)},
    "trailing stop by 500, sell": _TRAILING | {"trail": Trail(value=Decimal(500), is_share=False)},
}
"""Every kind by its name in docs/exchanges.md; the market of BTC is at 59990 to 60000."""
_serial = count(1)
_EVERY_ORDER = {
    "binance": {"newOrderRespType": "FULL", "recvWindow": "5000"},
    "kraken": {"oflags": "fciq"},
    "binanceusdm": {"newOrderRespType": "RESULT", "recvWindow": "5000"},
}


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One exchange, its double and our account there."""

    name: str
    server: Any
    venue: ExchangeVenue
    symbol: str
    market: str
    """BTC by the exchange's own name."""
    endpoints: tuple[str, ...]
    """Where orders are sent; to the last of them those that wait for a price."""
    amount: Decimal
    read: Callable[[Request], dict[str, str]]
    """What a request said of an order, without keys and times."""

    def order(self, kind: str, **changes: Any) -> NewOrder:
        """An order of this kind, with an id of its own."""
        order = NewOrder(
            client_order_id=self.venue.client_order_id(next(_serial).to_bytes(16, "big")),
            symbol=self.symbol,
            side=Side.BUY,
            type=OrderType.LIMIT,
            amount=self.amount,
            price=None,
            time_in_force=TimeInForce.GTC,
        )
        return order.evolve(**ORDERS[kind] | changes)

    def move(self, price: int, **amounts: str) -> None:
        """Somebody trades at this price, and the book stands around it."""
        self.server.account.set_book(self.market, bid=str(price - 5), ask=str(price + 5), **amounts)

    def sent(self) -> list[Request]:
        """The orders that reached it."""
        return [one for endpoint in self.endpoints for one in self.server.asked(endpoint)]

    def taken(self) -> list[Any]:
        """The orders that it accepted, those that wait for a price among them."""
        waiting = {"binanceusdm": "algos", "krakenfutures": "triggers"}.get(self.name)
        apart = getattr(self.server, waiting).accepted if waiting else []
        return [*self.server.account.accepted, *apart]

    def fail_waiting(self, fault: Fault) -> None:
        """What happens to the next order that waits for a price."""
        self.server.fail(self.endpoints[-1], fault)


async def opened(name: str, server: Any) -> Exchange:
    """A venue that is open at this double."""
    made: dict[type, tuple[Any, str, tuple[str, ...], Callable[[Request], dict[str, str]]]] = {
        BinanceServer: (binance, "BTCUSDT", ("POST order",), _of_binance),
        KrakenServer: (kraken, "XXBTZUSD", ("POST private/AddOrder",), _of_kraken),
        CoinbaseServer: (coinbase, "BTC-USD", ("POST orders",), _of_coinbase),
        BinanceUsdmServer: (usdm, "BTCUSDT", ("POST v1/order", "POST v1/algoOrder"), _of_usdm),
        KrakenFuturesServer: (futures, "PF_XBTUSD", ("POST sendorder",), _of_kraken_futures),
    }
    setup, market, endpoints, read = made[type(server)]
    if setup is futures:
        server.account.contracts[market].tick = "0.1"  # as at the others
    venue = setup.venue_at(server)
    await venue.open()
    return Exchange(
        name=name,
        server=server,
        venue=venue,
        symbol=setup.BTC,
        market=market,
        endpoints=endpoints,
        amount=WORTHWHILE if setup is usdm else AMOUNT,
        read=read,
    )


def in_a_cell(said: Mapping[str, str]) -> str:
    """What was said of an order, as the table in docs/exchanges.md has it."""
    return " ".join(f"`{name}={value}`" if value else f"`{name}`" for name, value in said.items())


def _of_binance(request: Request) -> dict[str, str]:
    said = dict(request.params)
    assert said.pop("timestamp").isdecimal()
    assert len(said.pop("signature")) == 64
    terms = [said.pop(name) for name in ("symbol", "side", "quantity")]
    assert [terms[0], terms[1], terms[2]] == ["BTCUSDT", terms[1], str(AMOUNT)]
    assert len(said.pop("newClientOrderId")) == 32
    return _without_what_is_always_there("binance", said)


def _of_usdm(request: Request) -> dict[str, str]:
    said = dict(request.params)
    assert said.pop("timestamp").isdecimal()
    assert len(said.pop("signature")) == 64
    assert [said.pop("symbol"), said.pop("quantity")] == ["BTCUSDT", str(WORTHWHILE)]
    assert said.pop("side") in ("BUY", "SELL")
    waits = "algoOrder" in request.path
    assert len(said.pop("clientAlgoId" if waits else "newClientOrderId")) == 32
    name = "binanceusdm"
    return _dated(name, _without_what_is_always_there(name, said), "goodTillDate")


def _of_kraken(request: Request) -> dict[str, str]:
    said = dict(request.params)
    assert said.pop("nonce").isdecimal()
    assert datetime.fromisoformat(said.pop("deadline")) > datetime.now(UTC)
    assert [said.pop("pair"), said.pop("volume")] == ["XXBTZUSD", str(AMOUNT)]
    assert said.pop("type") in ("buy", "sell")
    assert len(said.pop("cl_ord_id")) == 36
    return _dated("kraken", _without_what_is_always_there("kraken", said), "expiretm")


def _of_kraken_futures(request: Request) -> dict[str, str]:
    said = dict(request.params)
    assert datetime.fromisoformat(said.pop("processBefore")) > datetime.now(UTC)
    assert [said.pop("symbol"), said.pop("size")] == ["PF_XBTUSD", str(AMOUNT)]
    assert said.pop("side") in ("buy", "sell")
    assert len(said.pop("cliOrdId")) == 36
    return said


def _of_coinbase(request: Request) -> dict[str, str]:
    said = json.loads(request.raw)
    assert said.pop("product_id") == "BTC-USD"
    assert said.pop("side") in ("BUY", "SELL")
    assert len(said.pop("client_order_id")) == 36
    ((kind, terms),) = said.pop("order_configuration").items()
    assert said == {}
    assert terms.pop("base_size") == str(AMOUNT)
    assert all(isinstance(value, str | bool) for value in terms.values()), "a number is a string"
    read = {kind: ""} | {
        name: str(value).lower() if value in (True, False) else value
        for name, value in terms.items()
    }
    return _dated("coinbase", read, "end_time")


def _without_what_is_always_there(name: str, said: dict[str, str]) -> dict[str, str]:
    always = _EVERY_ORDER[name]
    assert said.keys() >= always.keys()
    return {key: value for key, value in said.items() if always.get(key) != value}


def _dated(name: str, said: dict[str, str], by: str) -> dict[str, str]:
    """With the time at which these tests' orders end in words."""
    written = quirks_of(name).good_till_as(GOOD_TILL)
    return {
        key: "<when it ends>" if key == by and value == written else value
        for key, value in said.items()
    }
