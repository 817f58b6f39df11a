"""What Binance USD-M tells without being asked, with the real ccxt at a loopback server with its wire format."""

from __future__ import annotations

import asyncio

import pytest

from execution.errors import KeyRefused
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks.binance_usdm import KEEPS, usdm_orders
from tests.doubles.binance import refusal
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.execution.venues.binance_usdm.setup import BTC, an_order
from tests.execution.venues.stream_contract import (
    StreamContract,
    StreamsUnderTest,
    hearing,
    told,
)
from tests.execution.venues.stream_contract import (
    nothing_goes_unnoticed as nothing_goes_unnoticed,
)
from tests.virtual_time import run_virtually
from tests.waiting import until

LISTEN_KEY = "POST v1/listenKey"


def place(exchange: BinanceUsdmServer, client_id: str) -> None:
    """Somebody else has a buy rest."""
    asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    exchange.endpoints.new_order(
        asked | {"quantity": "0.01", "price": "50000", "newClientOrderId": client_id}
    )


class TestWhatEveryStreamKeeps(StreamContract):
    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: BinanceUsdmServer) -> StreamsUnderTest:
        return StreamsUnderTest(
            venue=venue,
            exchange=exchange,
            order=lambda number: an_order(venue, number),
            symbol=BTC,
            market="BTCUSDT",
            other_symbol="ETH/USDT:USDT",
            other_market="ETHUSDT",
            place=lambda client_id: place(exchange, client_id),
            wrong_secret="the key of somebody else",
            ends_with_a_gap=False,
        )

    async def test_a_refusal_is_told_in_its_words(self, under_test: StreamsUnderTest) -> None:
        under_test.exchange.fail(LISTEN_KEY, refusal(-1000, "EGeneral:Too many requests"))
        async with hearing(under_test.venue.order_news()) as heard:
            assert "Too many requests" in await heard.problem()

    async def test_a_key_that_is_refused_is_told_without_its_secret(
        self, under_test: StreamsUnderTest
    ) -> None:
        """The stream is asked for with the key alone; nothing is signed."""
        wrong = under_test.wrong_secret
        under_test.venue.use(api_key=wrong, secret=under_test.exchange.secret, password="")
        async with hearing(under_test.venue.order_news()) as heard:
            problem = await heard.problem()
        assert heard.task is not None
        assert type(heard.task.exception()) is KeyRefused
        assert wrong not in problem


async def test_a_listen_key_that_expired_ends_the_stream_and_the_next_has_another(
    venue: ExchangeVenue, exchange: BinanceUsdmServer
) -> None:
    async with hearing(venue.order_news()) as heard:
        before = exchange.streams.listen_key
        exchange.streams.expire()
        assert "ended by the exchange" in await heard.problem()
    async with hearing(venue.order_news()) as heard:
        assert exchange.streams.listen_key not in (None, before)
        place(exchange, "two")
        await told(heard, "two")
    assert {one.method for one in exchange.requests if "listenKey" in one.path} == {"POST"}


class Kept:
    """What of ccxt keeps a listen key: each time it is asked for, the next of these is told."""

    def __init__(self, *keys: str) -> None:
        self._keys = iter(keys)
        self.asked_at: list[float] = []
        self.over: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def fapiPrivatePostListenKey(self) -> dict[str, str]:  # noqa: N802  # ccxt's
        self.asked_at.append(asyncio.get_running_loop().time())
        return {"listenKey": next(self._keys)}

    def get_private_ws_url(self, kind: str, key: str) -> str:
        return f"{kind}/{key}"

    def watch(self, address: str, *_: object) -> asyncio.Future[object]:
        assert address == "linear/one"
        return self.over


class TestKeepingTheListenKey:
    def test_it_is_asked_for_anew_as_long_as_somebody_hears(self) -> None:
        async def two_hours() -> list[float]:
            kept = Kept("one", "one", "one", "one", "one")
            hearing_it = asyncio.create_task(usdm_orders(kept))
            await asyncio.sleep(7_000)
            kept.over.set_exception(ConnectionResetError())
            with pytest.raises(ConnectionResetError):
                await hearing_it
            return kept.asked_at

        every = KEEPS.total_seconds()
        assert run_virtually(two_hours()) == [0, every, 2 * every, 3 * every]

    def test_another_one_means_that_ours_ended_unheard(self) -> None:
        async def an_hour() -> None:
            await usdm_orders(Kept("one", "one", "two"))

        with pytest.raises(ValueError, match="the key has ended"):
            run_virtually(an_hour())


async def test_other_news_of_the_account_says_nothing_of_orders(
    venue: ExchangeVenue, exchange: BinanceUsdmServer
) -> None:
    async with hearing(venue.order_news()) as heard:
        heard.items.clear()
        exchange.account.deposit("USDT", "5000")
        exchange.streams.beat()
        await until(lambda: heard.items)
        assert not any(heard.items)
