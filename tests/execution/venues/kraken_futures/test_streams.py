"""What Kraken Futures tells without being asked, with the real ccxt at a loopback server with its wire format."""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.types import OrderState, OrderType, Side, TimeInForce
from execution.venues.exchange import ExchangeVenue
from tests.doubles.kraken_futures.server import KrakenFuturesServer
from tests.doubles.kraken_futures.stream import FILLS
from tests.execution.venues.kraken_futures.setup import BTC, an_order
from tests.execution.venues.stream_contract import (
    StreamContract,
    StreamsUnderTest,
    hearing,
    told,
)
from tests.execution.venues.stream_contract import (
    nothing_goes_unnoticed as nothing_goes_unnoticed,
)
from tests.waiting import until


def place(exchange: KrakenFuturesServer, client_id: str) -> None:
    """Somebody else has a buy rest."""
    asked = {"symbol": "PF_XBTUSD", "side": "buy", "orderType": "lmt", "size": "0.001"}
    terms = asked | {"limitPrice": "50000", "cliOrdId": client_id}
    exchange.endpoints.send_order({name: [told] for name, told in terms.items()})


class TestWhatEveryStreamKeeps(StreamContract):
    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: KrakenFuturesServer) -> StreamsUnderTest:
        return StreamsUnderTest(
            venue=venue,
            exchange=exchange,
            order=lambda number: an_order(venue, number),
            symbol=BTC,
            market="PF_XBTUSD",
            other_symbol="ETH/USD:USD",
            other_market="PF_ETHUSD",
            place=lambda client_id: place(exchange, client_id),
            wrong_secret="c29tZWJvZHkgZWxzZSdz",
            ends_with_a_gap=False,
        )

    async def test_a_refusal_is_told_in_its_words(self, under_test: StreamsUnderTest) -> None:
        under_test.exchange.streams.refusal = "Too many subscriptions"
        async with hearing(under_test.venue.order_news()) as heard:
            assert "Too many subscriptions" in await heard.problem()


async def test_an_order_that_is_filled_as_it_comes_is_told_by_its_fills(
    venue: ExchangeVenue,
) -> None:
    """It is never an open one."""
    order = an_order(venue, price=Decimal(60000), time_in_force=TimeInForce.IOC)
    async with hearing(venue.order_news()) as heard:
        report = await venue.send(order)
        key = await told(heard, order.client_order_id)
        assert (key.venue_order_id, key.symbol) == (report.venue_order_id, BTC)
        found = await venue.find(key)
        assert found is not None
        assert found.state is OrderState.FILLED


async def test_a_feed_that_is_asked_for_twice_goes_on(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    async with hearing(venue.order_news()) as heard:
        for socket in exchange.streaming.on(FILLS):
            socket.say({"event": "alert", "message": "Already subscribed to feed, re-requesting"})
        order = an_order(venue)
        await venue.send(order)
        await told(heard, order.client_order_id)


async def test_a_stop_is_told_when_it_comes_and_when_it_fires(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    stop = {"side": Side.SELL, "type": OrderType.STOP, "price": None}
    order = an_order(venue, stop_price=Decimal(59000), **stop)
    async with hearing(venue.order_news()) as heard:
        await venue.send(order)
        await told(heard, order.client_order_id)
        exchange.account.set_book("PF_XBTUSD", bid="58990", ask="59000")
        fired = await told(heard, order.client_order_id)
        assert fired.symbol == BTC


async def test_a_market_that_has_one_side_alone_tells_no_price(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    async with hearing(venue.quote_news(BTC)) as heard:
        exchange.streaming.tell(
            "ticker_lite PF_XBTUSD", {"feed": "ticker_lite", "product_id": "PF_XBTUSD", "bid": 1}
        )
        exchange.account.set_book("PF_XBTUSD", bid="59980", ask="59985")
        await until(lambda: heard.items[-1].ask == 59985)
        assert {one.bid for one in heard.items} == {Decimal(59990), Decimal(59980)}
