"""What the paper venue tells without being asked: of its orders as it keeps the books, of its prices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path

import pytest

from execution.errors import VenueRefused, VenueUnavailable
from execution.types import OrderState
from execution.venues.paper import PaperVenue
from execution.venues.public import PublicMarket
from execution.venues.venue import OrderKey, Stream
from tests.clock import Clock
from tests.execution.venues.paper.setup import BTC, Desk, key_of
from tests.virtual_time import skipping


def ids(keys: Sequence[OrderKey]) -> list[str | None]:
    return [key.client_order_id for key in keys]


async def test_it_stands_with_an_empty_item_and_tells_what_was_taken_traded_and_ended(
    desk: Desk,
) -> None:
    async with aclosing(desk.venue.order_news()) as news:
        assert await anext(news) == []
        rests = await desk.buy("0.01", "50000")
        assert ids(await anext(news)) == [rests.client_order_id]

        desk.market.set_price(BTC, Decimal(49_000))
        await desk.venue.quote(BTC)
        assert ids(await anext(news)) == [rests.client_order_id]

        other = await desk.buy("0.01", "40000")
        await desk.venue.cancel(key_of(other))
        assert ids(await anext(news)) == [other.client_order_id] * 2


async def test_it_meets_the_market_by_itself_while_somebody_listens(desk: Desk) -> None:
    rests = await desk.buy("0.01", "50000")
    async with aclosing(desk.venue.order_news()) as news:
        assert await anext(news) == []
        desk.market.set_price(BTC, Decimal(49_000))
        with skipping():
            told = await anext(news)
            told = told or await anext(news)
    assert [key.venue_order_id for key in told] == [rests.venue_order_id]
    assert (await desk.look(rests)).state is OrderState.FILLED


async def test_it_gives_signs_of_life(desk: Desk) -> None:
    async with aclosing(desk.venue.order_news()) as news:
        with skipping():
            assert [await anext(news) for _ in range(3)] == [[], [], []]


async def test_what_was_refused_is_not_told(desk: Desk) -> None:
    async with aclosing(desk.venue.order_news()) as news:
        await anext(news)
        with pytest.raises(VenueRefused):
            await desk.buy("1000", "50000")
        with skipping():
            assert await anext(news) == []


async def test_a_deaf_one_tells_nothing_and_not_later_either(desk: Desk) -> None:
    desk.venue.faults.deaf = True
    async with aclosing(desk.venue.order_news()) as news:
        await anext(news)
        await desk.buy("0.01", "50000")
        desk.venue.faults.deaf = False
        with skipping():
            assert await anext(news) == []


@pytest.mark.parametrize("stream", Stream)
async def test_it_breaks_when_the_exchange_cannot_be_reached(desk: Desk, stream: Stream) -> None:
    news = desk.venue.order_news() if stream is Stream.ORDERS else desk.venue.quote_news(BTC)
    async with aclosing(news):
        await anext(news)
        desk.venue.faults.unreachable = True
        with skipping(), pytest.raises(VenueUnavailable):
            await anext(news)


async def test_prices_are_told_with_their_time(desk: Desk) -> None:
    async with aclosing(desk.venue.quote_news(BTC)) as news:
        first = await anext(news)
        desk.market.set_price(BTC, Decimal(61_000))
        desk.clock.advance(1)
        with skipping():
            second = await anext(news)
    assert [first.bid, second.bid] == [60_000, 61_000]
    assert second.at == desk.now


async def test_two_may_listen_and_one_that_left_is_forgotten(desk: Desk) -> None:
    async with aclosing(desk.venue.order_news()) as one:
        await anext(one)
        async with aclosing(desk.venue.order_news()) as other:
            await anext(other)
            taken = await desk.buy("0.01", "50000")
            told = await asyncio.gather(anext(one), anext(other))
            assert [ids(keys) for keys in told] == [[taken.client_order_id]] * 2
        await desk.buy("0.01", "50000")
        assert len(await anext(one)) == 1


async def test_prices_of_a_real_exchange_are_looked_at_and_not_streamed(
    tmp_path: Path, desk: Desk
) -> None:
    market = PublicMarket("binance", Clock())
    assert PaperVenue("main", tmp_path / "p.db", Clock(), market=market).streams == {Stream.ORDERS}
    assert desk.venue.streams == set(Stream)
