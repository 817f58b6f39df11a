"""What Kraken tells without being asked, with the real ccxt at a loopback server with its wire format."""

from __future__ import annotations

import asyncio
import base64
from contextlib import AsyncExitStack

import pytest

from execution.venues.exchange import ExchangeVenue
from tests.doubles.kraken import KrakenServer, refusal
from tests.doubles.kraken_account import Pair
from tests.doubles.streaming import Socket
from tests.execution.venues.kraken.setup import BTC, an_order
from tests.execution.venues.stream_contract import (
    StreamContract,
    StreamsUnderTest,
    hearing,
)
from tests.waiting import until

TOKEN = "POST private/GetWebSocketsToken"


def place(exchange: KrakenServer, client_id: str) -> None:
    asked = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "timeinforce": "GTC"}
    exchange.account.place(asked | {"volume": "0.001", "price": "500", "cl_ord_id": client_id})


class TestWhatEveryStreamKeeps(StreamContract):
    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: KrakenServer) -> StreamsUnderTest:
        return StreamsUnderTest(
            venue=venue,
            exchange=exchange,
            order=lambda number: an_order(venue, number),
            symbol=BTC,
            market="XXBTZUSD",
            other_symbol="ETH/USD",
            other_market="XETHZUSD",
            place=lambda client_id: place(exchange, client_id),
            wrong_secret=base64.b64encode(b"the secret of somebody else").decode(),
            ends_with_a_gap=True,
        )


class TestItsToken:
    async def test_each_stream_asks_for_one_of_its_own(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        for times in (1, 2):
            async with hearing(venue.order_news()):
                assert len(exchange.asked(TOKEN)) == times
            exchange.streams.forget_tokens()

    async def test_a_key_without_that_right_still_reads_and_trades(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        exchange.fail(TOKEN, refusal("EGeneral:Permission denied"), times=2)
        async with hearing(venue.order_news()) as heard:
            assert "WebSocket" in await heard.problem()
        await venue.send(an_order(venue))
        assert await venue.balances()

    async def test_it_is_asked_for_in_turn_with_reads_and_orders(
        self, venue: ExchangeVenue, exchange: KrakenServer
    ) -> None:
        """Else its nonce would be refused, or theirs."""
        order = an_order(venue)
        reads = asyncio.gather(*(venue.balances() for _ in range(3)), venue.send(order))
        async with hearing(venue.order_news()) as heard:
            assert heard.items[0] == []
            await reads
        assert [one.client_id for one in exchange.account.accepted] == [order.client_order_id]


async def test_a_market_with_one_side_alone_is_not_told_and_ends_no_other(
    venue: ExchangeVenue, exchange: KrakenServer
) -> None:
    exchange.account.books["XETHZUSD"].bids.clear()
    sure, thin = venue.quote_news(BTC), venue.quote_news("ETH/USD")
    async with hearing(thin, waits=False) as eth, hearing(sure) as btc:
        exchange.account.set_book("XXBTZUSD", bid="50", ask="51")
        await until(lambda: btc.items[-1].bid == 50)
        assert eth.items == []
        exchange.account.set_book("XETHZUSD", bid="7", ask="8")
        await until(lambda: [quote.bid for quote in eth.items] == [7])


def asked_for(socket: Socket) -> set[str]:
    """The symbols whose prices a client subscribed to."""
    return {name for one in socket.heard for name in one.get("params", {}).get("symbol", ())}


class TestCoinsThatCcxtRenamed:
    @pytest.fixture
    async def renamed(self, exchange: KrakenServer) -> None:
        """Kraken's LUNA is ccxt's LUNC, and its LUNA2 ccxt's LUNA: two coins of very different prices."""
        for base, price in (("LUNA", "0.0001"), ("LUNA2", "5")):
            pair = Pair(
                base=base,
                quote="ZUSD",
                name=f"{base}USD",
                decimals=8,
                tick="0.00000001",
                least="1",
            )
            exchange.account.pairs[pair.id] = pair
            exchange.account.set_book(pair.id, bid=price, ask=price + "1")

    async def test_none_is_told_the_prices_of_another(
        self, renamed: None, exchange: KrakenServer, venue: ExchangeVenue
    ) -> None:
        assert (await venue.quote("LUNA/USD")).bid == 5
        async with AsyncExitStack() as stack:
            sure, luna, lunc = [
                await stack.enter_async_context(
                    hearing(venue.quote_news(symbol), waits=symbol == BTC)
                )
                for symbol in (BTC, "LUNA/USD", "LUNC/USD")
            ]
            (socket,) = exchange.streaming.sockets
            await until(lambda: asked_for(socket) == {BTC, "LUNA/USD", "LUNC/USD"})
            exchange.account.set_book("LUNAUSD", bid="0.0002", ask="0.0003")
            exchange.account.set_book("XXBTZUSD", bid="50", ask="51")
            await until(lambda: sure.items[-1].bid == 50)
            assert luna.items == []
            assert all(quote.bid < 1 for quote in lunc.items)
