"""What every exchange's streams must do, as tests: inherit `StreamContract` and give it `under_test`.

With the real ccxt, against a loopback exchange whose account somebody else trades on too. A stream only
says where to look, so each test of what happened to an order ends with looking.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar

import pytest

from execution.errors import KeyRefused, VenueUnavailable
from execution.types import Mode, OrderState, Quote
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import NewOrder, OrderKey, Stream
from tests.execution.venues.exchange.setup import Clock
from tests.waiting import until

T = TypeVar("T")


@pytest.fixture(autouse=True)
async def nothing_goes_unnoticed(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """No task, future or session is left over that the loop would complain of in the log."""
    yield
    gc.collect()
    await asyncio.sleep(0)
    records = [*caplog.get_records("call"), *caplog.records]
    assert not [one.getMessage() for one in records if one.name == "asyncio"]


@dataclass
class Heard(Generic[T]):
    """What a stream told so far, and how it ended."""

    items: list[T] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        return self.task is not None and self.task.done()

    async def problem(self) -> str:
        """Why it ended, once it has."""
        assert self.task is not None
        with pytest.raises(VenueUnavailable) as ended:
            await asyncio.wait_for(self.task, 5)
        return str(ended.value)


@asynccontextmanager
async def hearing(news: AsyncGenerator[T], *, waits: bool = True) -> AsyncIterator[Heard[T]]:
    """Listen as long as the block runs; if it `waits`, that begins with the first item, or the end."""
    heard: Heard[T] = Heard()

    async def listen() -> None:
        async for item in news:
            heard.items.append(item)

    heard.task = asyncio.create_task(listen())
    try:
        await until(lambda: heard.items or heard.ended or not waits)
        yield heard
    finally:
        heard.task.cancel()
        await asyncio.gather(heard.task, return_exceptions=True)
        await news.aclose()


async def told(heard: Heard[Sequence[OrderKey]], client_id: str) -> OrderKey:
    """The next news of an order; what was told before is forgotten."""
    keys = await until(
        lambda: [key for item in heard.items for key in item if key.client_order_id == client_id]
    )
    heard.items.clear()
    return keys[-1]


@dataclass(kw_only=True)
class StreamsUnderTest:
    """An open venue, and what its double can do."""

    venue: ExchangeVenue
    exchange: Any
    """The loopback server."""
    order: Callable[[int], NewOrder]
    """A buy that rests."""
    symbol: str
    market: str
    """What the exchange calls it."""
    other_symbol: str
    other_market: str
    place: Callable[[str], None]
    """Let somebody else have a resting buy of 0.001 with this client id."""
    wrong_secret: str
    """One that is not this account's."""
    ends_with_a_gap: bool
    """Whether its frames are numbered, so that one that was lost is noticed."""

    @property
    def account(self) -> Any:
        return self.exchange.account

    @property
    def streaming(self) -> Any:
        return self.exchange.streaming

    def prices(self, bid: str, ask: str, market: str | None = None) -> None:
        self.account.set_book(market or self.market, bid=bid, ask=ask)


class StreamContract:
    """Inherited by each exchange's own tests."""

    async def test_it_stands_before_anything_happens_and_says_that_first(
        self, under_test: StreamsUnderTest
    ) -> None:
        assert Stream.ORDERS in under_test.venue.streams
        async with hearing(under_test.venue.order_news()) as heard:
            assert heard.items[0] == []
            under_test.place("one")
            await told(heard, "one")

    async def test_each_change_of_an_order_is_told_with_what_finds_it(
        self, under_test: StreamsUnderTest
    ) -> None:
        venue, account = under_test.venue, under_test.account
        async with hearing(venue.order_news()) as heard:
            under_test.place("one")
            key = await told(heard, "one")
            assert key.symbol == under_test.symbol
            shown = await venue.find(key)
            assert shown is not None
            assert (shown.state, shown.filled) == (OrderState.WORKING, 0)

            account.fill("one", "0.0004")
            assert await told(heard, "one") == key
            (trade,) = await venue.trades(key)
            assert trade.amount == Decimal("0.0004")

            account.cancel(account.find(client_id="one"))
            assert await told(heard, "one") == key
            shown = await venue.find(key)
            assert shown is not None
            assert (shown.state, shown.filled) == (OrderState.CANCELED, Decimal("0.0004"))

    async def test_an_order_of_ours_is_told_by_our_id(self, under_test: StreamsUnderTest) -> None:
        order = under_test.order(1)
        async with hearing(under_test.venue.order_news()) as heard:
            report = await under_test.venue.send(order)
            key = await told(heard, order.client_order_id)
            assert key.venue_order_id == report.venue_order_id

    async def test_an_order_from_before_is_told_of_when_it_fills(
        self, under_test: StreamsUnderTest
    ) -> None:
        under_test.place("early")
        async with hearing(under_test.venue.order_news()) as heard:
            heard.items.clear()
            under_test.account.fill("early", "0.001")
            assert (await told(heard, "early")).symbol == under_test.symbol

    async def test_none_of_many_changes_at_once_is_left_out(
        self, under_test: StreamsUnderTest
    ) -> None:
        names = {f"order-{number}" for number in range(200)}
        async with hearing(under_test.venue.order_news()) as heard:
            for name in sorted(names):
                under_test.place(name)
            await until(lambda: names == {k.client_order_id for item in heard.items for k in item})

    async def test_what_is_told_twice_does_no_harm(self, under_test: StreamsUnderTest) -> None:
        under_test.streaming.fail("twice", times=3)
        async with hearing(under_test.venue.order_news()) as heard:
            for name in ("one", "two"):
                under_test.place(name)
                await told(heard, name)

    async def test_an_event_that_was_lost_ends_it_where_frames_are_numbered(
        self, under_test: StreamsUnderTest
    ) -> None:
        async with hearing(under_test.venue.order_news()) as heard:
            under_test.streaming.fail("lost")
            under_test.place("one")
            under_test.place("two")
            if under_test.ends_with_a_gap:
                assert "left something out" in await heard.problem()
            else:
                await told(heard, "two")

    @pytest.mark.parametrize("fault", ["garbage", "drop"])
    async def test_one_that_breaks_says_so_and_may_be_asked_for_again(
        self, under_test: StreamsUnderTest, fault: str
    ) -> None:
        async with hearing(under_test.venue.order_news()) as heard:
            if fault == "drop":
                under_test.streaming.drop()
            else:
                under_test.streaming.fail(fault)
                under_test.place("one")
            assert under_test.venue.exchange in await heard.problem()
        async with hearing(under_test.venue.order_news()) as heard:
            under_test.place("two")
            await told(heard, "two")

    async def test_signs_of_life_are_empty_items(self, under_test: StreamsUnderTest) -> None:
        beat = under_test.exchange.streams.beat
        async with hearing(under_test.venue.order_news()) as heard:
            await until(lambda: beat() or len(heard.items) > 5)
            assert not any(heard.items)

    async def test_a_refusal_is_told_in_its_words(self, under_test: StreamsUnderTest) -> None:
        under_test.exchange.streams.refusal = "EGeneral:Too many requests"
        async with hearing(under_test.venue.order_news()) as heard:
            assert "Too many requests" in await heard.problem()

    async def test_a_key_that_is_refused_is_told_without_its_secret(
        self, under_test: StreamsUnderTest
    ) -> None:
        wrong = under_test.wrong_secret
        under_test.venue.use(api_key=under_test.exchange.api_key, secret=wrong, password="")
        async with hearing(under_test.venue.order_news()) as heard:
            problem = await heard.problem()
        assert type(heard.task.exception()) is KeyRefused
        assert wrong.strip()[-20:] not in problem

    async def test_closing_it_leaves_no_connection_and_no_task(
        self, under_test: StreamsUnderTest
    ) -> None:
        before = asyncio.all_tasks()
        async with hearing(under_test.venue.order_news()):
            assert len(under_test.streaming.sockets) == 1
        await until(lambda: not under_test.streaming.sockets)
        await until(lambda: asyncio.all_tasks() <= before)

    async def test_new_keys_end_it_and_are_used_by_the_next(
        self, under_test: StreamsUnderTest
    ) -> None:
        exchange = under_test.exchange
        async with hearing(under_test.venue.order_news()) as heard:
            exchange.api_key += "-renewed"
            under_test.venue.use(api_key=exchange.api_key, secret=exchange.secret, password="")
            assert "keys were changed" in await heard.problem()
        async with hearing(under_test.venue.order_news()) as heard:
            under_test.place("one")
            await told(heard, "one")

    async def test_on_paper_prices_are_told_without_a_key_and_orders_never(
        self, under_test: StreamsUnderTest
    ) -> None:
        quick = {"timeout_on_exit": 1, "rateLimit": 1}  # milliseconds
        venue = ExchangeVenue(
            "main",
            under_test.venue.exchange,
            Mode.PAPER,
            api_key="",
            secret="",
            clock=Clock(),
            kind=under_test.venue.kind,
            overrides=under_test.exchange.ccxt_overrides() | quick,
        )
        await venue.open()
        try:
            assert set(venue.streams) == {Stream.QUOTES}
            async with hearing(venue.order_news()) as heard:
                assert "orders" in await heard.problem()
            async with hearing(venue.quote_news(under_test.symbol)) as quotes:
                assert quotes.items[0].symbol == under_test.symbol
        finally:
            await venue.close()

    async def test_best_prices_are_told_exactly_at_once_and_when_they_change(
        self, under_test: StreamsUnderTest
    ) -> None:
        under_test.prices("59990.1", "60000.9")
        async with hearing(under_test.venue.quote_news(under_test.symbol)) as heard:
            assert _best(heard) == ("59990.1", "60000.9")
            under_test.prices("59991.3", "60001.7")
            await until(lambda: _best(heard) == ("59991.3", "60001.7"))
            assert {quote.symbol for quote in heard.items} == {under_test.symbol}

    async def test_two_markets_share_a_connection_and_one_goes_on_alone(
        self, under_test: StreamsUnderTest
    ) -> None:
        under_test.prices("2999.5", "3000.5", under_test.other_market)
        async with hearing(under_test.venue.quote_news(under_test.symbol)) as first:
            async with hearing(under_test.venue.quote_news(under_test.other_symbol)) as second:
                assert _best(second) == ("2999.5", "3000.5")
                assert len(under_test.streaming.sockets) == 1
            under_test.prices("50", "51")
            await until(lambda: _best(first) == ("50", "51"))
        await until(lambda: not under_test.streaming.sockets)

    async def test_a_market_that_is_not_listed_ends_no_others_prices(
        self, under_test: StreamsUnderTest
    ) -> None:
        under_test.prices("2999.5", "3000.5", under_test.other_market)
        async with hearing(under_test.venue.quote_news(under_test.symbol)) as first:
            async with hearing(under_test.venue.quote_news("GONE/USD"), waits=False) as gone:
                assert "GONE/USD" in await gone.problem()
            async with hearing(under_test.venue.quote_news(under_test.other_symbol)) as second:
                under_test.prices("50", "51")
                await until(lambda: _best(first) == ("50", "51"))
                assert _best(second) == ("2999.5", "3000.5")
                assert len(under_test.streaming.sockets) == 1


def _best(heard: Heard[Quote]) -> tuple[str, str]:
    """The last that was told."""
    quote = heard.items[-1]
    return f"{quote.bid.normalize():f}", f"{quote.ask.normalize():f}"
