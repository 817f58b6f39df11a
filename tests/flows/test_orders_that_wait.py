"""Orders that wait for their stop, from the signal to the fill, at each loopback exchange that takes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.doubles.binance import BinanceServer
from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.kraken import KrakenServer
from tests.doubles.loopback import Fault
from tests.flows.setup import House

Server = Callable[[], Any]
STOP = {"type": "stop", "stop_price": "61000"}
TRAILING = {"type": "trailing_stop", "trail": "1%"}
STOP_LIMIT = {"type": "stop_limit", "stop_price": "61000", "price": "61100"}
AT = {
    BinanceServer: ("binance", "BTCUSDT", "BTCUSDT", "POST order"),
    KrakenServer: ("kraken", "BTCUSD", "XXBTZUSD", "POST private/AddOrder"),
    CoinbaseServer: ("coinbase", "BTCUSD", "BTC-USD", "POST orders"),
}
CANDLES = ("GET klines", "GET public/OHLC", "GET market/products/BTC-USD/candles")


def live(name: str, server: Any) -> dict[str, str]:
    """The settings of an account there; without candles, since drawing them takes seconds."""
    for endpoint in CANDLES:
        server.fail(endpoint, Fault(kind="answer", status=503), times=1000)
    quick = {"timeout": 3000, "timeout_on_exit": 1, "rateLimit": 1}  # milliseconds
    return {
        "allow_live": "yes",
        "venues.main.exchange": name,
        "venues.main.mode": "live",
        "venues.main.api_key": server.api_key,
        "venues.main.secret": server.secret,
        "venues.main.ccxt": json.dumps(server.ccxt_overrides() | quick),
    }


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (BinanceServer, STOP),
        (BinanceServer, TRAILING),
        (KrakenServer, STOP),
        (KrakenServer, TRAILING),
        (KrakenServer, STOP_LIMIT),
        (CoinbaseServer, STOP_LIMIT),
    ],
)
async def test_an_order_that_waits_is_followed_until_the_market_touched_its_stop(
    house: House, kind: Server, order: Mapping[str, str]
) -> None:
    name, symbol, market, _ = AT[kind]
    async with kind() as server, house.open(live(name, server)):
        signal = await house.send(symbol=symbol, side="buy", amount="0.01", **order)
        await house.approve(signal)
        await house.order_in("working", signal)
        (taken,) = server.account.accepted
        assert taken.waits
        server.account.set_book(market, bid="61040", ask="61050")
        await house.ticket_in("done", signal)
        await house.hears("Filled: bought 0.01")
        assert (taken.filled, taken.spent) == (taken.amount, taken.amount * 61_050)


@pytest.mark.parametrize("order", [STOP, TRAILING])
async def test_a_kind_that_the_exchange_does_not_have_is_refused_before_anybody_is_asked(
    house: House, order: Mapping[str, str]
) -> None:
    async with CoinbaseServer() as server, house.open(live("coinbase", server)):
        signal = await house.send(symbol="BTCUSD", side="buy", amount="0.01", **order)
        ticket = await house.ticket_in("refused", signal)
        assert [one["code"] for one in ticket["refusals"]] == ["NOT_SUPPORTED"]
        assert server.asked("POST orders") == []


@pytest.mark.parametrize(
    ("kind", "order"),
    [(BinanceServer, TRAILING), (KrakenServer, TRAILING), (CoinbaseServer, STOP_LIMIT)],
)
async def test_one_whose_answer_was_lost_is_found_waiting_and_not_sent_again(
    house: House, kind: Server, order: Mapping[str, str]
) -> None:
    name, symbol, market, endpoint = AT[kind]
    async with kind() as server, house.open(live(name, server)):
        server.fail(endpoint, Fault(kind="drop", process=True))
        signal = await house.send(symbol=symbol, side="buy", amount="0.01", **order)
        await house.approve(signal)
        await house.order_in("working", signal)
        server.account.set_book(market, bid="61040", ask="61050")
        await house.ticket_in("done", signal)
        assert len(server.asked(endpoint)) == len(server.account.accepted) == 1
