"""Streams of a venue: what a bell comes to, what a stream that fails costs, and what it can never do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from execution import streaming
from execution.desk import Person
from execution.errors import KeyRefused, VenueUnavailable
from execution.executor.following import key_of
from execution.types import OrderState
from execution.venues.venue import Stream
from tests.clock import Clock
from tests.execution.streamed import BTC, StreamedDesk, Ticking, streamed_desk
from tests.virtual_time import SkippingLoop, passes
from tests.waiting import until

D = Decimal
OLGA = Person(id="tg:1", name="Olga")
OURS = str(UUID(int=7, version=5))
"""A client order id as a Countersign makes them, of an order this desk does not have."""


@pytest.fixture
async def desk(tmp_path: Path, clock: Clock) -> AsyncIterator[StreamedDesk]:
    """The clock stands: no look is ever due, so that each one comes of a bell."""
    async with streamed_desk(tmp_path, clock) as made:
        yield made


@pytest.fixture
async def living(tmp_path: Path) -> AsyncIterator[StreamedDesk]:
    """The clock goes with the loop's time."""
    async with streamed_desk(tmp_path, Ticking()) as made:
        yield made


class TestBells:
    async def test_a_fill_is_booked_by_the_look_its_bell_asks_for(self, desk: StreamedDesk) -> None:
        order = await desk.resting()
        desk.prices.set_price(BTC, D(49_000))
        await until(lambda: desk.now(order).state is OrderState.FILLED)
        fills = desk.store.read_now(lambda tx: tx.fills.of_order(order.id))
        assert sum(fill.amount for fill in fills) == order.amount

    async def test_a_burst_of_bells_costs_few_looks(self, desk: StreamedDesk) -> None:
        order = await desk.resting()
        before, began = len(desk.looks(order)), asyncio.get_running_loop().time()
        for _ in range(500):
            desk.venue.ring(order.client_order_id)
            await passes(0.004)
        await passes(3)
        looks = desk.looks(order)[before:]
        lasted = asyncio.get_running_loop().time() - began
        assert 2 <= len(looks) <= lasted / 0.25
        assert all(b - a > 0.24 for a, b in pairwise(looks))

    async def test_the_last_bell_of_a_burst_gets_its_look(self, desk: StreamedDesk) -> None:
        order = await desk.resting()
        for _ in range(100):
            desk.venue.ring(order.client_order_id)
        await until(lambda: desk.looks(order))
        desk.prices.set_price(BTC, D(49_000))
        await until(lambda: desk.now(order).state is OrderState.FILLED)

    async def test_a_bell_during_a_look_asks_for_another_one(self, desk: StreamedDesk) -> None:
        """The look may have been answered before whatever the bell is about."""
        order = await desk.resting()
        before = len(desk.looks(order))
        desk.venue.faults.hold_looks = answered = asyncio.Event()
        desk.venue.ring(order.client_order_id)
        await until(lambda: len(desk.looks(order)) == before + 1)
        desk.venue.ring(order.client_order_id)
        await passes(5)
        assert len(desk.looks(order)) == before + 1, "one at a time"
        desk.venue.faults.hold_looks = None
        answered.set()
        await until(lambda: len(desk.looks(order)) == before + 2)

    async def test_a_bell_before_the_answer_of_its_order_waits_for_it(
        self, desk: StreamedDesk
    ) -> None:
        desk.venue.faults.hold = answered = asyncio.Event()
        signal = await desk.propose()
        await until(lambda: (o := desk.order(signal)) is not None and desk.venue.accepted and o)
        await passes(5)
        order = desk.order(signal)
        assert order is not None
        assert (order.state, desk.looks(order)) == (OrderState.SENDING, [])

        desk.venue.faults.hold = None
        desk.prices.set_price(BTC, D(49_000))
        answered.set()
        await until(lambda: desk.now(order).state is OrderState.FILLED)
        assert len(desk.venue.accepted) == 1
        assert len(desk.store.read_now(lambda tx: tx.fills.of_order(order.id))) == 1

    async def test_a_bell_that_tells_the_venues_id_alone_is_ours_too(
        self, desk: StreamedDesk
    ) -> None:
        order = await desk.resting()
        before = len(desk.looks(order))
        desk.venue.ring(None, order.venue_order_id)
        await until(lambda: len(desk.looks(order)) == before + 1)

    @pytest.mark.parametrize("client_id", ["web-1", None, OURS])
    async def test_a_bell_for_somebody_elses_order_asks_nothing_of_ours(
        self, desk: StreamedDesk, client_id: str | None
    ) -> None:
        """One that a Countersign made and this desk does not know is looked for in all that is open."""
        await desk.resting()
        finds, compared = list(desk.venue.finds), desk.feed.reconciled_at
        desk.feed.reconciled_at = None
        desk.venue.ring(client_id, "4711")
        await passes(5)
        assert desk.venue.finds == finds
        assert desk.feed.reconciled_at == (compared if client_id == OURS else None)

    async def test_a_bell_for_an_order_that_nothing_can_change_costs_no_look(
        self, desk: StreamedDesk
    ) -> None:
        order = await desk.resting()
        desk.prices.set_price(BTC, D(49_000))
        await until(lambda: desk.now(order).state is OrderState.FILLED)
        await passes(3)
        finds = len(desk.venue.finds)
        desk.venue.ring(order.client_order_id)
        await passes(3)
        assert len(desk.venue.finds) == finds

    async def test_a_bell_for_a_canceled_order_finds_a_fill_that_came_late(
        self, desk: StreamedDesk
    ) -> None:
        order = await desk.resting()
        await desk.venue.cancel(key_of(order))
        await until(lambda: desk.now(order).state is OrderState.CANCELED)
        looks = len(desk.looks(order))
        desk.venue.ring(order.client_order_id)
        await until(lambda: len(desk.looks(order)) > looks)

    async def test_bells_wait_for_a_database_that_is_away(self, desk: StreamedDesk) -> None:
        order = await desk.resting()
        looks = len(desk.looks(order))
        with desk.unreadable():
            desk.venue.ring(order.client_order_id)
            await passes(5)
        await until(lambda: len(desk.looks(order)) > looks)


class TestStanding:
    async def test_what_happened_while_it_was_down_is_looked_for_when_it_stands(
        self, desk: StreamedDesk
    ) -> None:
        order = await desk.resting()
        desk.venue.broken = VenueUnavailable("gone")
        await until(lambda: not desk.told.stands)
        await passes(10)
        desk.feed.reconciled_at, desk.feed.balances_due = None, False
        desk.prices.set_price(BTC, D(49_000))
        await passes(10)
        assert desk.now(order).state is OrderState.WORKING, "nobody told it, and no look was due"

        desk.venue.broken = None
        await until(lambda: desk.now(order).state is OrderState.FILLED, timeout_s=60)
        await until(lambda: desk.feed.reconciled_at)

    async def test_whatever_came_right_before_it_broke_is_looked_for_at_once(
        self, desk: StreamedDesk
    ) -> None:
        order = await desk.resting()
        desk.venue.faults.deaf = True
        desk.venue.broken = VenueUnavailable("gone")
        desk.prices.set_price(BTC, D(49_000))
        await until(lambda: desk.now(order).state is OrderState.FILLED)
        assert not desk.told.stands

    async def test_it_begins_again_ever_later_and_soon_once_it_has_stood_for_a_minute(
        self, living: StreamedDesk
    ) -> None:
        living.venue.broken = VenueUnavailable("gone")
        first = len(living.venue.begun)
        await passes(120)
        begun = living.venue.begun[first:]
        pauses = [b - a for a, b in pairwise(begun)]
        assert len(pauses) >= 5
        for pause, least in zip(pauses, (2, 4, 8, 15, 30), strict=False):
            assert least <= pause <= least * 1.25 + 0.1
        assert living.told.breaks >= 6

        living.venue.broken = None
        await until(lambda: living.told.stands, timeout_s=60)
        await passes(61)
        living.venue.broken = VenueUnavailable("gone")
        last = len(living.venue.begun)
        await until(lambda: len(living.venue.begun) == last + 1, timeout_s=4)

    async def test_silence_that_was_asked_for_is_kept(self, living: StreamedDesk) -> None:
        living.venue.broken = VenueUnavailable("too much", retry_after=timedelta(seconds=100))
        await until(lambda: not living.told.stands)
        begun = len(living.venue.begun)
        await passes(98)
        assert len(living.venue.begun) == begun
        await passes(5)
        assert len(living.venue.begun) == begun + 1

    async def test_a_key_that_may_not_listen_is_tried_again_much_later(
        self, living: StreamedDesk
    ) -> None:
        """It may trade all the same, and each try is a signed request."""
        living.venue.broken = KeyRefused("no right to listen")
        await until(lambda: not living.told.stands)
        begun = len(living.venue.begun)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SkippingLoop)
        loop.leap(streaming.NOT_ALLOWED_FOR.total_seconds() - 10)
        await passes(5)
        assert len(living.venue.begun) == begun
        loop.leap(10)
        await until(lambda: len(living.venue.begun) == begun + 1)

    async def test_another_key_is_tried_at_once(self, living: StreamedDesk) -> None:
        living.venue.broken = KeyRefused("no right to listen")
        await until(lambda: not living.told.stands)
        living.venue.broken = None
        begun = len(living.venue.begun)
        living.side.streams["main"].other_keys()
        await until(lambda: living.told.stands)
        assert len(living.venue.begun) == begun + 1

    async def test_one_that_falls_silent_begins_again(self, living: StreamedDesk) -> None:
        living.venue.mute = True
        await passes(30)
        assert len(living.venue.begun) == 1
        await passes(10)
        assert len(living.venue.begun) == 2
        assert living.told.broken_at is not None

    async def test_it_waits_for_a_venue_that_is_lost(self, living: StreamedDesk) -> None:
        living.venue.faults.unreachable = True
        await until(lambda: not living.feed.connected, timeout_s=60)
        await passes(60)
        begun = len(living.venue.begun)
        await passes(60)
        assert len(living.venue.begun) == begun

        living.venue.faults.unreachable = False
        await until(lambda: living.told.stands, timeout_s=60)

    async def test_why_it_broke_is_logged_once_an_hour(
        self, living: StreamedDesk, caplog: pytest.LogCaptureFixture
    ) -> None:
        living.venue.broken = VenueUnavailable("gone")
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SkippingLoop)
        with caplog.at_level(logging.WARNING, "execution.streaming"):
            await passes(60)
            said = [record.getMessage() for record in caplog.records]
            assert said == ["the stream of main for orders broke: gone"]
            loop.leap(3600)
            await passes(60)
            assert len(caplog.records) == 2

    async def test_where_there_is_no_stream_nothing_hears_and_nothing_slows_down(
        self, tmp_path: Path
    ) -> None:
        async with streamed_desk(tmp_path, Ticking(), tells=frozenset()) as desk:
            assert desk.side.streams == {}
            order = await desk.resting()
            await passes(20)
            looks = len(desk.looks(order))
            await passes(60)
            assert len(desk.looks(order)) - looks in range(55, 62)
            assert (desk.venue.begun, desk.told.tried) == ([], False)

    async def test_a_stream_that_does_not_close_holds_up_no_shutdown(
        self, desk: StreamedDesk
    ) -> None:
        desk.venue.stays_open = asyncio.Event()
        task = desk.tasks["streams main"]
        task.cancel()
        await until(task.done)
        desk.venue.stays_open.set()

    async def test_a_stream_that_says_nothing_holds_up_no_halt(self, tmp_path: Path) -> None:
        async with streamed_desk(tmp_path, Ticking()) as desk:
            order = await desk.resting()
            desk.venue.mute = True
            await desk.side.desk.halt(person=OLGA, reason="")
            await until(lambda: desk.now(order).state is OrderState.CANCELED)


class TestDeafness:
    async def test_one_that_does_not_tell_what_a_look_found_begins_again(
        self, living: StreamedDesk, caplog: pytest.LogCaptureFixture
    ) -> None:
        order = await living.resting()
        await passes(20)
        living.venue.faults.deaf = True
        living.prices.set_price(BTC, D(49_000))
        await until(lambda: living.now(order).state is OrderState.FILLED, timeout_s=10)
        await passes(3)
        assert len(living.venue.begun) == 1, "it may still tell"
        with caplog.at_level(logging.WARNING, "execution.streaming"):
            await until(lambda: len(living.venue.begun) == 2, timeout_s=10)
        assert [r.getMessage() for r in caplog.records] == [
            "the stream of main for orders broke: it did not tell what was found by asking"
        ]

    async def test_one_that_tells_is_never_begun_again(self, living: StreamedDesk) -> None:
        for price in (D(50_000), D(45_000), D(40_000)):
            order = await living.resting(price)
            await passes(40)
            living.prices.set_price(BTC, price - 1)
            await until(lambda o=order: living.now(o).state is OrderState.FILLED)
            await passes(20)
        assert (len(living.venue.begun), living.told.breaks) == (1, 0)

    async def test_what_happened_before_it_stood_is_not_held_against_it(
        self, living: StreamedDesk
    ) -> None:
        order = await living.resting()
        living.venue.broken = VenueUnavailable("gone")
        living.venue.faults.deaf = True
        await until(lambda: not living.told.stands)
        living.venue.broken = None
        await until(lambda: living.told.stands)
        living.prices.set_price(BTC, D(49_000))
        await until(lambda: living.now(order).state is OrderState.FILLED)
        begun = len(living.venue.begun)
        await passes(60)
        assert len(living.venue.begun) == begun


class TestPrices:
    async def test_what_is_watched_is_streamed_for_as_long_as_it_is(
        self, living: StreamedDesk
    ) -> None:
        order = await living.resting()
        await until(lambda: living.venue.prices_of == [BTC])
        await living.venue.cancel(key_of(order))
        await until(lambda: living.venue.prices_of == [], timeout_s=20)

    async def test_what_a_stream_tells_is_asked_for_only_as_a_sign_of_life(
        self, living: StreamedDesk
    ) -> None:
        """Orders take another way than streams: one price is asked for where nothing else was."""
        living.tasks["executor"].cancel()
        living.market.watch({"main": [BTC, "ETH/USDT", "SOL/USDT"]})
        await passes(5)
        asked = len(living.venue.asked)
        await passes(60)
        assert len(living.venue.asked) - asked in range(20, 65)
        for symbol in living.feed.watched:
            quote = living.market.quote("main", symbol)
            assert quote is not None
            assert living.clock() - quote.at <= timedelta(seconds=1)
        assert living.feed.silent < timedelta(seconds=3)

    async def test_prices_that_are_told_do_not_hide_that_nothing_is_answered(
        self, living: StreamedDesk
    ) -> None:
        await living.resting()
        living.venue.answers = False
        await until(lambda: not living.feed.connected, timeout_s=30)
        assert living.market.quote("main", BTC) is not None

    async def test_a_quote_is_as_old_as_it_says(self, living: StreamedDesk) -> None:
        await living.resting()
        living.venue.faults.deaf = True
        told = living.told.quotes[BTC]
        living.venue.faults.unreachable = True
        await passes(2)
        assert living.feed.quotes[BTC].at >= told.at
        assert living.market.quote("main", BTC, max_age=timedelta(seconds=1)) is None

    async def test_an_older_price_takes_no_newer_ones_place(self, living: StreamedDesk) -> None:
        await living.resting()
        living.venue.late = timedelta(seconds=30)
        living.prices.set_price(BTC, D(61_000))
        await until(lambda: living.told.quotes[BTC].bid == 61_000)
        quote = living.market.quote("main", BTC, max_age=timedelta(seconds=3))
        assert quote is not None, "what was asked for since is newer"

    async def test_a_stream_of_prices_that_misses_what_is_asked_for_minutes_begins_again(
        self, tmp_path: Path
    ) -> None:
        """Some exchanges tell them with each trade only: a while without a word is sound."""
        async with streamed_desk(tmp_path, Ticking(), tells={Stream.QUOTES}) as desk:
            await desk.resting()
            await until(lambda: desk.venue.prices_of == [BTC])
            loop = asyncio.get_running_loop()
            assert isinstance(loop, SkippingLoop)
            desk.venue.faults.deaf = True
            loop.leap(streaming.UNTOLD_FOR)
            await passes(5)
            assert desk.told.breaks == 0, "nothing has changed that it did not tell"

            desk.prices.set_price(BTC, D(60_001))
            await passes(5)
            loop.leap(streaming.UNTOLD_FOR - 10)
            await passes(2)
            assert desk.told.breaks == 0
            loop.leap(10)
            await until(lambda: desk.told.breaks == 1)

    async def test_fifty_symbols_are_streamed_at_the_most(self, living: StreamedDesk) -> None:
        living.tasks["executor"].cancel()
        living.feed.watched = frozenset(f"S{number:02}/USDT" for number in range(60))
        await passes(3)
        assert living.venue.prices_begun == {f"S{number:02}/USDT" for number in range(50)}
