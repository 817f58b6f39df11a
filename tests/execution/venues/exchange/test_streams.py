"""What Binance tells without being asked, with the real ccxt at a loopback server with its wire format."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from execution.errors import KeyRefused, VenueUnavailable
from execution.types import Mode
from execution.venues.ccxt_classes import known_exchanges
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks import quirks_of
from execution.venues.venue import SIGN_OF_LIFE, Stream
from tests.doubles.binance import MARKETS, BinanceServer, Fault
from tests.execution.venues.exchange.setup import BTC, Clock, an_order, venue_at
from tests.execution.venues.stream_contract import (
    StreamContract,
    StreamsUnderTest,
    hearing,
    told,
)
from tests.execution.venues.stream_contract import (
    nothing_goes_unnoticed as nothing_goes_unnoticed,
)
from tests.virtual_time import passes, skipping
from tests.waiting import until


def place(exchange: BinanceServer, client_id: str, symbol: str = "BTCUSDT") -> None:
    """Somebody else has a buy rest."""
    asked = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    exchange.account.place(
        asked | {"quantity": "0.001", "price": "50000", "newClientOrderId": client_id}
    )


class TestWhatEveryStreamKeeps(StreamContract):
    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: BinanceServer) -> StreamsUnderTest:
        return StreamsUnderTest(
            venue=venue,
            exchange=exchange,
            order=lambda number: an_order(venue, number),
            symbol=BTC,
            market="BTCUSDT",
            other_symbol="ETH/USDT",
            other_market="ETHUSDT",
            place=lambda client_id: place(exchange, client_id),
            wrong_secret="the secret of somebody else",
            ends_with_a_gap=False,
        )


class TestBeginning:
    async def test_nobody_is_asked_before_somebody_listens(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        venue.order_news()
        venue.quote_news(BTC)

        assert exchange.streaming.opened == 0

    async def test_one_that_is_not_open_tells_nothing(self, exchange: BinanceServer) -> None:
        async with hearing(venue_at(exchange).order_news()) as heard:
            assert await heard.problem() == "binance is not open yet"

    async def test_the_account_is_asked_for_with_a_signature(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        async with hearing(venue.order_news()):
            (socket,) = exchange.streaming.sockets
            (frame,) = socket.heard
            assert frame["method"] == "userDataStream.subscribe.signature"
            assert set(frame["params"]) == {"apiKey", "recvWindow", "timestamp", "signature"}

    async def test_a_sandbox_tells_too(self, exchange: BinanceServer) -> None:
        venue = venue_at(exchange, Mode.SANDBOX)
        await venue.open()
        async with hearing(venue.order_news()) as heard, hearing(venue.quote_news(BTC)) as quotes:
            assert (heard.items, len(quotes.items)) == ([[]], 1)
        await venue.close()

    async def test_prices_go_on_while_keys_are_changed(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        async with hearing(venue.quote_news(BTC)) as heard:
            exchange.api_key += "-renewed"
            venue.use(api_key=exchange.api_key, secret=exchange.secret, password="")
            for price in ("59991", "59992"):
                exchange.account.set_book("BTCUSDT", bid=price, ask="60001")
                await until(lambda price=price: heard.items[-1].bid == Decimal(price))  # type: ignore[misc]

    async def test_a_clock_that_is_off_is_carried_along(
        self, exchange: BinanceServer, clock: Clock
    ) -> None:
        exchange.clock_offset = 20_000
        venue = venue_at(exchange, clock=clock)
        await venue.open()
        async with hearing(venue.order_news()) as heard:
            assert heard.items == [[]]
        await venue.close()

    async def test_a_clock_that_went_off_is_told_and_holds_up_no_order(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.clock_offset = 20_000
        async with hearing(venue.order_news()) as heard:
            assert "recvWindow" in await heard.problem()
        exchange.clock_offset = 0
        assert not venue.clock_refused
        assert await venue.send(an_order(venue))

    async def test_a_server_that_is_not_there_is_told_without_its_address(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.unreachable = True
        async with hearing(venue.order_news()) as heard:
            assert await heard.problem() == "binance: its stream of orders could not be opened"
        async with hearing(venue.quote_news(BTC)) as quotes:
            assert await quotes.problem() == "binance: its stream of quotes could not be opened"

    async def test_a_connection_that_breaks_before_it_stands_is_told(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.streaming.half_open = True
        first = asyncio.ensure_future(anext(venue.order_news()))
        await until(lambda: any(one.heard for one in exchange.streaming.sockets))
        exchange.streaming.drop()
        with pytest.raises(VenueUnavailable, match="its stream of orders could not be opened"):
            await first

    async def test_an_address_that_has_had_too_much_is_told_for_how_long_and_holds_up_no_order(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        ban = Fault(kind="answer", status=418, headers={"Retry-After": "60"})
        exchange.fail("GET /ws-api/v3", ban)
        async with hearing(venue.order_news()) as heard:
            assert await heard.problem() == "binance answered with HTTP status 418"
            assert heard.task is not None
            error = heard.task.exception()
            assert isinstance(error, VenueUnavailable)
            assert error.retry_after == timedelta(minutes=1)
        assert await venue.send(an_order(venue))

    async def test_one_is_not_begun_while_the_exchange_asks_for_silence(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.fail(
            "GET account", Fault(kind="answer", status=418, headers={"Retry-After": "60"})
        )
        with pytest.raises(VenueUnavailable):
            await venue.balances()
        async with hearing(venue.order_news()) as heard:
            assert "asked for silence" in await heard.problem()
        assert exchange.streaming.opened == 0

    async def test_a_key_from_a_wrong_address_is_told_in_the_exchanges_words(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.api_key += "-renewed"
        async with hearing(venue.order_news()) as heard:
            assert "Invalid API-key, IP, or permissions" in await heard.problem()
            assert heard.task is not None
            assert isinstance(heard.task.exception(), KeyRefused)


class TestSilence:
    async def test_a_request_that_nobody_acknowledges_ends_it(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.streaming.half_open = True
        news = venue.order_news()
        with skipping(), pytest.raises(VenueUnavailable, match="was not acknowledged"):
            await anext(news)

    async def test_a_half_open_connection_is_noticed(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        async with hearing(venue.order_news()) as heard, hearing(venue.quote_news(BTC)) as quotes:
            exchange.streaming.half_open = True
            with skipping():
                await passes(SIGN_OF_LIFE.total_seconds())
            assert "fell silent" in await heard.problem()
            assert "fell silent" in await quotes.problem()

    async def test_one_on_which_nothing_happens_lives_on(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.streaming.deaf = True
        async with hearing(venue.order_news()) as heard:
            for _ in range(3):
                before = len(heard.items)
                with skipping():
                    await passes(SIGN_OF_LIFE.total_seconds())
                await until(lambda before=before: len(heard.items) > before)  # type: ignore[misc]
            assert exchange.streaming.opened == 1

    async def test_a_ping_is_answered(self, venue: ExchangeVenue, exchange: BinanceServer) -> None:
        async with hearing(venue.order_news()):
            exchange.streaming.ping()
            await until(lambda: exchange.streaming.sockets[0].pongs == 1)

    async def test_a_subscription_that_the_exchange_ends_is_noticed_though_its_socket_stays(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        async with hearing(venue.order_news()) as heard:
            exchange.streams.end_subscription()
            assert "was ended by the exchange" in await heard.problem()


class TestOrders:
    async def test_one_in_a_market_that_is_not_known_is_told_by_the_exchanges_name(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.account.markets["NEWUSDT"] = replace(MARKETS[0], base="NEW")
        exchange.account.set_book("NEWUSDT", bid="59990", ask="60000")
        async with hearing(venue.order_news()) as heard:
            place(exchange, "elsewhere", "NEWUSDT")
            assert (await told(heard, "elsewhere")).symbol == "NEWUSDT"
            place(exchange, "here")
            await told(heard, "here")

    async def test_an_order_of_ours_that_fills_at_once_is_told(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        order = an_order(venue, price=Decimal("60000"))
        async with hearing(venue.order_news()) as heard:
            await venue.send(order)
            key = await told(heard, order.client_order_id)
            (trade,) = await venue.trades(key)
            assert trade.amount == order.amount

    async def test_many_changes_of_one_order_are_one_look(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        news = venue.order_news()
        assert await anext(news) == []
        place(exchange, "one")
        for _ in range(100):
            exchange.account.fill("one", "0.00001")
        assert exchange.account.accepted[0].status == "FILLED"
        keys = [key for key in await anext(news) if key.client_order_id == "one"]
        assert len(keys) == 1
        await news.aclose()

    async def test_closing_the_venue_ends_whoever_listens(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        async with hearing(venue.order_news()) as heard, hearing(venue.quote_news(BTC)) as quotes:
            await venue.close()
            assert "was closed" in await heard.problem()
            assert "was closed" in await quotes.problem()
        await until(lambda: not exchange.streaming.sockets)


class TestQuotes:
    async def test_what_came_while_nobody_took_it_is_left_out_but_for_the_newest(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        news = venue.quote_news(BTC)
        await anext(news)
        for cents in range(100):
            exchange.account.set_book("BTCUSDT", bid=f"59990.{cents:02}", ask="60000")
        with skipping():
            assert (await anext(news)).bid == Decimal("59990.99")
        await news.aclose()

    async def test_it_bears_the_time_at_which_it_came(
        self, venue: ExchangeVenue, exchange: BinanceServer, clock: Clock
    ) -> None:
        news = venue.quote_news(BTC)
        before = clock()
        quote = await anext(news)
        assert before <= quote.at <= clock()
        await news.aclose()

    @pytest.mark.parametrize(
        ("bid", "ask"), [("60001", "60000"), ("60000", "60000"), ("0", "60000"), ("59990", "0")]
    )
    async def test_a_side_that_is_empty_or_crossed_is_no_quote(
        self, venue: ExchangeVenue, exchange: BinanceServer, bid: str, ask: str
    ) -> None:
        async with hearing(venue.quote_news(BTC)) as heard:
            exchange.account.set_book("BTCUSDT", bid=bid, ask=ask)
            exchange.account.set_book("ETHUSDT", bid="1", ask="2")
            async with hearing(venue.quote_news("ETH/USDT")):
                pass  # which was told later
            exchange.account.set_book("BTCUSDT", bid="59991", ask="60001")
            await until(lambda: heard.items[-1].bid == Decimal("59991"))
            assert all(0 < quote.bid < quote.ask for quote in heard.items)

    async def test_a_symbol_that_nobody_listens_to_any_more_is_no_longer_asked_for(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        async with hearing(venue.quote_news(BTC)):
            for _ in range(2):
                async with hearing(venue.quote_news("ETH/USDT")):
                    (socket,) = exchange.streaming.sockets
                    assert "ethusdt@bookTicker" in socket.channels
                await until(lambda: not exchange.streaming.on("ethusdt@bookTicker"))
            assert exchange.streaming.opened == 1

    async def test_one_that_goes_on_alone_of_two_that_were_asked_for_at_once_learns_of_a_break(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        both = [venue.quote_news(BTC), venue.quote_news("ETH/USDT")]
        await asyncio.gather(*map(anext, both))
        (socket,) = exchange.streaming.sockets
        assert [len(frame["params"]) for frame in socket.heard] == [2]
        await both[1].aclose()
        await until(lambda: not exchange.streaming.on("ethusdt@bookTicker"))
        exchange.streaming.drop()
        async with asyncio.timeout(5):
            with pytest.raises(VenueUnavailable, match="broke off"):
                await anext(both[0])

    async def test_two_listeners_to_one_symbol_ask_for_it_once(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        async with hearing(venue.quote_news(BTC)):
            async with hearing(venue.quote_news(BTC)):
                pass
            (socket,) = exchange.streaming.sockets
            assert [frame["method"] for frame in socket.heard] == ["SUBSCRIBE"]

    async def test_a_connection_that_lives_and_tells_no_prices_is_replaced_by_whoever_joins(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        async with hearing(venue.quote_news(BTC)) as heard:
            exchange.streaming.deaf = True
            with skipping():
                await passes(SIGN_OF_LIFE.total_seconds() + 1)
            exchange.streaming.deaf = False
            async with hearing(venue.quote_news("ETH/USDT")) as other:
                assert "told nothing for long" in await heard.problem()
                assert len(other.items) == 1
        assert exchange.streaming.opened == 2

    async def test_a_market_that_is_not_known_ends_it(self, venue: ExchangeVenue) -> None:
        async with hearing(venue.quote_news("NO/SUCH")) as heard:
            assert "stream of quotes" in await heard.problem()

    async def test_a_price_that_is_no_number_ends_it(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        async with hearing(venue.quote_news(BTC)) as heard:
            frame = {"u": 1, "s": "BTCUSDT", "b": "much", "B": "1", "a": "more", "A": "1"}
            exchange.streaming.tell("btcusdt@bookTicker", frame)
            assert "cannot be read" in await heard.problem()


def test_most_exchanges_tell_nothing_since_nobody_has_tried() -> None:
    told = {name for name in known_exchanges() if quirks_of(name).streams is not None}

    assert told == {"binance", "binanceusdm", "coinbase", "kraken", "krakenfutures"}


async def test_where_nothing_is_told_nobody_waits_for_it() -> None:
    venue = ExchangeVenue("main", "okx", Mode.LIVE, api_key="", secret="", clock=Clock())
    assert venue.streams == frozenset[Stream]()
    with pytest.raises(VenueUnavailable, match="okx has no stream of orders"):
        await anext(venue.order_news())
    with pytest.raises(VenueUnavailable, match="okx has no stream of quotes"):
        await anext(venue.quote_news(BTC))
