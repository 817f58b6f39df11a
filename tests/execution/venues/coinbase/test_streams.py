"""What Coinbase tells without being asked, with the real ccxt at a loopback server with its wire format."""

from __future__ import annotations

import pytest

from execution.venues.exchange import ExchangeVenue
from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.coinbase_account import Product
from tests.doubles.streaming import Socket
from tests.execution.venues.coinbase.setup import BTC, an_order
from tests.execution.venues.stream_contract import StreamContract, StreamsUnderTest, hearing
from tests.waiting import until


def place(exchange: CoinbaseServer, client_id: str) -> None:
    terms = {"limit_limit_gtc": {"base_size": "0.001", "limit_price": "1000"}}
    asked = {"product_id": "BTC-USD", "side": "BUY", "order_configuration": terms}
    exchange.account.place(asked | {"client_order_id": client_id})


def subscribed(socket: Socket) -> set[str]:
    """The channels that a client asked for."""
    return {frame["channel"] for frame in socket.heard}


class TestWhatEveryStreamKeeps(StreamContract):
    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: CoinbaseServer) -> StreamsUnderTest:
        return StreamsUnderTest(
            venue=venue,
            exchange=exchange,
            order=lambda number: an_order(venue, number),
            symbol=BTC,
            market="BTC-USD",
            other_symbol="ETH/USD",
            other_market="ETH-USD",
            place=lambda client_id: place(exchange, client_id),
            wrong_secret=CoinbaseServer().secret,
            ends_with_a_gap=True,
        )


async def test_an_account_that_is_not_told_of_orders_takes_them_all_the_same(
    venue: ExchangeVenue, exchange: CoinbaseServer
) -> None:
    exchange.streams.refusal = "authentication failure"
    async with hearing(venue.order_news()) as heard:
        assert "authentication failure" in await heard.problem()
    await venue.send(an_order(venue))


async def test_its_token_is_signed_with_the_exchanges_time(
    venue: ExchangeVenue, exchange: CoinbaseServer
) -> None:
    exchange.clock_offset = 3_600_000
    await venue.open()
    async with hearing(venue.order_news()) as heard:
        assert heard.items[0] == []


async def test_heartbeats_keep_a_quiet_stream_open(
    venue: ExchangeVenue, exchange: CoinbaseServer
) -> None:
    async with hearing(venue.order_news()), hearing(venue.quote_news(BTC)):
        orders, quotes = exchange.streaming.sockets
        await until(lambda: subscribed(orders) == {"user", "heartbeats"})
        await until(lambda: subscribed(quotes) == {"ticker", "heartbeats"})


async def test_a_heartbeat_that_was_lost_ends_it_too(
    venue: ExchangeVenue, exchange: CoinbaseServer
) -> None:
    """Numbers run over all channels of a connection: what was lost may have been an order's."""
    async with hearing(venue.order_news()) as heard:
        await until(lambda: exchange.streaming.on("heartbeats"))
        exchange.streaming.fail("lost")
        exchange.streams.beat()
        exchange.streams.beat()
        assert "left something out" in await heard.problem()


async def test_a_market_in_usdc_is_told_the_prices_of_the_book_it_shares(
    venue: ExchangeVenue, exchange: CoinbaseServer
) -> None:
    usdc = Product(base="BTC", quote="USDC", tick="0.01", step="0.00000001", alias="BTC-USD")
    exchange.account.products[usdc.id] = usdc
    await venue.open()
    async with hearing(venue.quote_news("BTC/USDC")) as heard:
        assert heard.items[0].symbol == "BTC/USDC"
        exchange.account.set_book("BTC-USD", bid="50", ask="51")
        await until(lambda: heard.items[-1].bid == 50)


async def test_a_row_without_prices_is_passed_over(
    venue: ExchangeVenue, exchange: CoinbaseServer
) -> None:
    async with hearing(venue.quote_news(BTC)) as heard:
        exchange.streams.tell_nothing("BTC-USD")
        for bid in (50, 52):
            exchange.account.set_book("BTC-USD", bid=str(bid), ask="53")
            await until(lambda bid=bid: heard.items[-1].bid == bid)
