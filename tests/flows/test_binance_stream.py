"""The whole product at Binance, by the real ccxt: its stream rings, REST tells what happened, the chat says it."""

from __future__ import annotations

from tests.doubles.binance_stream import ACCOUNT
from tests.flows.setup import House
from tests.waiting import until


async def test_a_fill_at_binance_reaches_the_chat_by_a_bell_and_costs_few_look_ups(
    house: House,
) -> None:
    exchange = house.exchange
    async with house.open():
        await until(lambda: exchange.streaming.on(ACCOUNT))
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("working", signal)
        (order,) = exchange.account.accepted
        looks = len(exchange.asked("GET order"))
        exchange.account.fill(order.client_id, str(order.rest))
        await house.ticket_in("done", signal)
        await house.hears("Filled: bought 0.01016 BTC/USDT at 59\u202f000")
        assert len(exchange.asked("GET order")) - looks <= 4
        (venue,) = (await house.get("status"))["venues"]
        assert (venue["stream"], venue["connected"]) == ("up", True)
        assert venue["stream_heard"] is not None
