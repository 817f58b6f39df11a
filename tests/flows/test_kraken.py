"""The whole product with an account at Kraken, live, at a loopback server that speaks its protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from tests.doubles.kraken import KrakenServer, refusal
from tests.doubles.loopback import Fault
from tests.flows.setup import House, said

ADD = "POST private/AddOrder"


@pytest.fixture
async def kraken() -> AsyncIterator[KrakenServer]:
    async with KrakenServer() as server:
        # No candles: cards come without pictures, whose drawing takes seconds.
        server.fail("GET public/OHLC", refusal("EService:Unavailable"), times=1000)
        yield server


@pytest.fixture
def live(kraken: KrakenServer) -> dict[str, str]:
    """The settings of such an account."""
    quick = {"timeout": 3000, "timeout_on_exit": 1, "rateLimit": 1}  # milliseconds
    return {
        "allow_live": "yes",
        "venues.main.exchange": "kraken",
        "venues.main.mode": "live",
        "venues.main.api_key": kraken.api_key,
        "venues.main.secret": kraken.secret,
        "venues.main.ccxt": json.dumps(kraken.ccxt_overrides() | quick),
    }


async def test_an_order_approved_in_the_chat_is_filled_at_kraken(
    house: House, kraken: KrakenServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        signal = await house.send(symbol="BTCUSD", side="buy")
        ticket = await house.approve(signal)
        await house.ticket_in("done", signal)
        filled = await house.hears("Filled: bought 0.00996015 BTC/USD at 60\u202f000")
        assert "LIVE" in said(filled)
        await house.card(ticket, "filled at")
    (order,) = kraken.account.accepted
    assert (order.side, order.price, order.filled) == ("BUY", 60_060, order.amount)


async def test_killed_before_the_answer_the_order_is_found_at_kraken_and_not_sent_again(
    house: House, kraken: KrakenServer, live: dict[str, str]
) -> None:
    kraken.fail(ADD, Fault(kind="hang", process=True))
    async with house.start(live) as process:
        signal = await house.send("auto", symbol="BTCUSD", side="buy", price="59000")
        await kraken.hanging.wait()
        await process.kill()
    kraken.release()
    async with house.open(live):
        await house.order_in("working", signal)
        kraken.account.fill(kraken.account.accepted[0].client_id, "0.01016949")
        await house.ticket_in("done", signal)
        await house.hears("Filled: bought 0.01016949 BTC/USD at 59\u202f000")
    assert len(kraken.asked(ADD)) == len(kraken.account.accepted) == 1
