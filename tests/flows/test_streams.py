"""The whole product hearing what an exchange tells, until it tells nothing any more: no fill is missed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.coinbase import refusal as coinbase_refuses
from tests.doubles.kraken import KrakenServer
from tests.doubles.kraken import refusal as kraken_refuses
from tests.doubles.loopback import Fault
from tests.flows.setup import House
from tests.waiting import until

_PLACES: dict[str, tuple[Callable[[], Any], str, str, Fault]] = {
    "kraken": (
        KrakenServer,
        "executions",
        "GET public/OHLC",
        kraken_refuses("EService:Unavailable"),
    ),
    "coinbase": (
        CoinbaseServer,
        "user",
        "GET market/products/BTC-USD/candles",
        coinbase_refuses("UNAVAILABLE", status=503),
    ),
}
"""A double, the channel of the account's orders, and how it comes that there are no pictures to draw."""


@pytest.mark.parametrize("place", _PLACES)
async def test_a_fill_is_booked_while_the_stream_stands_and_after_it_broke(
    house: House, place: str
) -> None:
    double, channel, bars, unavailable = _PLACES[place]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(double())
        server.fail(bars, unavailable, times=1000)
        quick = {"timeout": 3000, "timeout_on_exit": 1, "rateLimit": 1}  # milliseconds
        live = {
            "allow_live": "yes",
            "venues.main.exchange": place,
            "venues.main.mode": "live",
            "venues.main.api_key": server.api_key,
            "venues.main.secret": server.secret.replace("\n", "\\n"),
            "venues.main.ccxt": json.dumps(server.ccxt_overrides() | quick),
        }
        await stack.enter_async_context(house.open(live))
        await until(lambda: server.streaming.on(channel))
        signal = await house.send("auto", symbol="BTCUSD", side="buy", price="59000")
        await house.order_in("working", signal)
        (order,) = server.account.accepted
        server.account.fill(order.client_id, "0.005")

        async def booked() -> bool:
            (shown,) = (await house.get("orders", signal=signal))["items"]
            return str(shown["filled"]) == "0.005"

        await until(booked)
        server.streams.refusal = "EService:Unavailable"
        server.streaming.drop()
        await until(lambda: not server.streaming.on(channel))
        server.account.fill(order.client_id, str(order.rest))
        await house.ticket_in("done", signal)
        await house.hears("Filled: bought 0.01016949 BTC/USD at 59\u202f000")
