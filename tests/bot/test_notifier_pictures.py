"""A card's picture: posted with it when it is ready in time, put into it later, or none at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from bot.charts import Charts
from bot.news import News
from bot.notifier import Notifier
from bot.pictures import Picture
from execution.venues.scripted import ScriptedMarket
from tests.bot.playground.conftest import picture as any_picture
from tests.desk import ANA, OLGA, FrontDesk, front_desk
from tests.waiting import until

D = Decimal


class ReadyCharts(Charts):
    """Pictures that are drawn already, and handed over once `ready` is set."""

    def __init__(self, *, ready: bool) -> None:
        super().__init__()
        self.ready = asyncio.Event()
        self.asked: list[Picture] = []
        if ready:
            self.ready.set()

    async def draw(self, picture: Picture) -> bytes:
        self.asked.append(picture)
        await self.ready.wait()
        return any_picture(width=1000, height=560)


class BrokenCharts(Charts):
    """Bars that nothing can be drawn of."""

    async def draw(self, picture: Picture) -> bytes:
        raise ValueError("Axis limits cannot be NaN or Inf")


@asynccontextmanager
async def notifying(desk: FrontDesk, charts: Charts) -> AsyncIterator[None]:
    """A notifier of this desk's, with these charts, for as long as the block."""
    news = News(market=desk.side.market, look=desk.front.look, roles=desk.front.roles)
    notifier = Notifier(
        store=desk.side.store,
        chat=desk.chat.room,
        buttons=desk.front.buttons,
        charts=charts,
        news=news,
    )
    task = asyncio.create_task(notifier.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def with_bars(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """A desk whose exchange has bars to draw."""
    async with front_desk(tmp_path, prices=ScriptedMarket()) as built:
        yield built


async def test_picture_in_time_is_posted_with_the_card(with_bars: FrontDesk) -> None:
    charts = ReadyCharts(ready=True)
    await with_bars.start("trading")
    async with notifying(with_bars, charts):
        ticket = await with_bars.new_ticket(stop_loss=D(58_900))
        card = await with_bars.card(ticket)
    assert card.photo is not None
    assert card.text.startswith("PAPER · BUY")
    assert with_bars.playground.count("sendMessage") == 0
    (asked,) = charts.asked
    assert (asked.symbol, asked.stop, asked.ticket) == (
        "BTC/USDT", D(58_900), f"T-{ticket.id[-4:]}",
    )  # fmt: skip


async def test_late_picture_comes_as_an_edit_of_the_text(with_bars: FrontDesk) -> None:
    """The card is up at once; its caption is edited like any card's afterwards."""
    charts = ReadyCharts(ready=False)
    await with_bars.start("trading", "intake")
    async with notifying(with_bars, charts):
        ticket = await with_bars.new_ticket()
        card = await with_bars.card(ticket)
        assert card.photo is None
        charts.ready.set()
        drawn = await with_bars.playground.wait_for(
            lambda m: m.id == card.id and m.photo is not None
        )
        assert (drawn.text, drawn.labels) == (card.text, card.labels)
        assert with_bars.playground.count("editMessageMedia") == 1
        await with_bars.tap(drawn, "Reject", by=ANA)
        await with_bars.playground.wait_for(
            lambda m: m.id == card.id and "rejected by Ana" in m.text
        )
        assert with_bars.playground.count("editMessageCaption") == 1


async def test_real_picture_reaches_its_card(with_bars: FrontDesk) -> None:
    """The drawing process starts cold, so that the text stands first."""
    await with_bars.start("trading", "notifier")
    card = await with_bars.card(await with_bars.new_ticket())
    drawn = await with_bars.playground.wait_for(
        lambda m: m.id == card.id and m.photo is not None, timeout_s=60
    )
    photo = with_bars.playground.chat.photo(drawn.photo)
    assert photo is not None
    assert (photo.width, photo.height, photo.media_type) == (1000, 560, "image/png")


async def test_card_without_bars_is_text(desk: FrontDesk) -> None:
    charts = ReadyCharts(ready=True)
    await desk.start("trading")
    async with notifying(desk, charts):
        card = await desk.card(await desk.new_ticket())
    assert card.photo is None
    assert charts.asked == []


async def test_picture_that_telegram_refuses_late_leaves_a_card_that_goes_on(
    with_bars: FrontDesk,
) -> None:
    """The card stays a text, and is edited as one."""
    charts = ReadyCharts(ready=False)
    await with_bars.start("trading", "intake")
    with_bars.playground.faults.error(
        "editMessageMedia", status=400, description="Bad Request: IMAGE_PROCESS_FAILED", times=1
    )
    async with notifying(with_bars, charts):
        ticket = await with_bars.new_ticket()
        card = await with_bars.card(ticket)
        charts.ready.set()
        await until(lambda: with_bars.playground.count("editMessageMedia"))
        await with_bars.tap(card, "Reject", by=ANA)
        await with_bars.playground.wait_for(
            lambda m: m.id == card.id and "rejected by Ana" in m.text
        )


@pytest.mark.parametrize(
    "description",
    [
        "Bad Request: IMAGE_PROCESS_FAILED",
        "Bad Request: not enough rights to send photos to the chat",
    ],
)
async def test_card_whose_picture_is_refused_is_posted_as_text(
    with_bars: FrontDesk, description: str
) -> None:
    """Also where the group lets nobody but admins post pictures, for good."""
    with_bars.playground.faults.error("sendPhoto", status=400, description=description)
    await with_bars.start("trading", "intake")
    async with notifying(with_bars, ReadyCharts(ready=True)):
        card = await with_bars.card(await with_bars.new_ticket())
        assert card.text.startswith("PAPER · BUY")
        assert "Approve" in card.labels[0]
        second = await with_bars.card(await with_bars.new_ticket(symbol="ETH/USDT"))
        assert second.photo is None


async def test_card_whose_picture_cannot_be_drawn_is_posted_as_text(with_bars: FrontDesk) -> None:
    await with_bars.start("trading")
    async with notifying(with_bars, BrokenCharts()):
        for symbol in ("BTC/USDT", "ETH/USDT"):
            card = await with_bars.card(await with_bars.new_ticket(symbol=symbol))
            assert (card.photo, symbol in card.text) == (None, True)


async def test_picture_of_a_test_is_one(with_bars: FrontDesk) -> None:
    charts = ReadyCharts(ready=True)
    await with_bars.start("trading", "intake")
    async with notifying(with_bars, charts):
        await with_bars.card(await with_bars.new_ticket())
        with_bars.playground.say("/test", by=OLGA)
        await with_bars.playground.wait_for_text("TEST BUY")
    assert [asked.test for asked in charts.asked] == [False, True]
