"""The panel and Telegram's limits: what it takes of them, and how it comes back. On virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from bot import house, parts
from bot.panel import LIFE, PAUSE, PinnedPanel
from bot.playground import Message
from bot.telegram.front import Front
from bot.telegram.tokens import Buttons
from execution.desk import Person
from execution.equity import DayResult, Standing
from execution.events import EventKind
from execution.halt_file import HaltFile
from execution.market import Market
from execution.store import Transaction
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from tests.bot.virtual import Telling, telling
from tests.desk import settings_in
from tests.virtual_time import passes, run_virtually

pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")

ANA_HERSELF = Person(id="tg:2222", name="Ana")
NO_RIGHT = "Bad Request: not enough rights to manage pinned messages in the chat"


@dataclass
class Scene:
    """A notifier and a panel that speak to one chat."""

    telling: Telling
    front: Front

    @property
    def panels(self) -> list[Message]:
        return [message for message in self.telling.said if "As of " in message.text]

    @property
    def edits(self) -> int:
        return self.telling.playground.count("editMessageText")

    async def stands(self, pinned: bool = True) -> Message:
        """The panel, once it is there."""
        await self.telling.until(lambda: self.panels and self.panels[-1].pinned is pinned)
        (panel,) = self.panels
        return panel


def played(folder: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    """Play a story to its end; the panel runs from the beginning."""

    async def main() -> None:
        async with telling(folder) as told:
            settings, clock = settings_in(folder), told.playground.chat.clock
            paper = PaperVenue("main", ":memory:", clock, market=ScriptedMarket())
            market = Market({"main": paper}, clock=clock, currency="USDT", at_par=("USDT",))
            side = parts.assemble(
                store=told.store,
                market=market,
                venues={"main": paper},
                config=house.config(settings),
                install="tests",
                jitter=Random(1),
                started_at=clock(),
                halt_file=HaltFile(folder / "HALT"),
            )
            front = Front(
                desk=side.desk,
                store=told.store,
                market=market,
                config=house.config(settings),
                buttons=Buttons(told.store),
                look=parts.look(settings),
                roles={},
                version="1",
                started_at=clock(),
                clock=clock,
            )
            running = asyncio.create_task(PinnedPanel(front=front, chat=told.room).run())
            try:
                await story(Scene(told, front))
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                await paper.close()

    run_virtually(main())


def test_busy_desk_spends_its_messages_on_news(tmp_path: Path) -> None:
    """A ticket every four seconds and a result that never rests: none is told later for the panel."""

    async def story(scene: Scene) -> None:
        told = scene.telling
        await scene.stands()
        for n in range(75):
            await told.ticket(f"T{n:03d}")
            await told.store.write(lambda tx, n=n: result(tx, n))  # type: ignore[misc]
            assert await told.until(told.told_all) <= 2
            await passes(4)
        assert told.limits.refused == 0
        assert scene.edits <= 75 * 4 / PAUSE, "never more than one in ten seconds"

    played(tmp_path, story)


def result(tx: Transaction, n: int) -> None:
    """The day's result moves with the price."""
    day = DayResult(day=tx.now.date(), realized=Decimal(0), unrealized=Decimal(n), prices_at=tx.now)
    tx.accounts.stand(Standing(at=tx.now, day=day))


def test_halt_on_a_busy_desk_is_on_the_panel_at_once(tmp_path: Path) -> None:
    """Sixteen cards that change all the time have used up what edits may use."""

    async def story(scene: Scene) -> None:
        told = scene.telling
        await scene.stands()
        for n in range(16):
            await told.ticket(f"T{n:03d}")
        await told.until(told.told_all)
        for _ in range(16):
            for n in range(16):
                touch = f"T{n:03d}"
                await told.store.write(
                    lambda tx, id=touch: tx.journal.add(EventKind.VOTE, tx.now, ticket=id)  # type: ignore[misc]
                )
            await passes(3)
        await scene.front.desk.halt(person=ANA_HERSELF, reason="")
        took = await told.until(lambda: "HALTED by Ana" in scene.panels[-1].text)
        assert took <= 1
        assert told.limits.refused == 0

    played(tmp_path, story)


def test_kill_asks_to_confirm_at_once_though_the_chat_is_full(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        told = scene.telling
        await scene.stands()
        for n in range(40):
            await told.ticket(f"T{n:03d}")
        await passes(30)
        scene.front.panel.kill(ANA_HERSELF, scene.front.clock())
        took = await told.until(lambda: scene.panels[-1].labels[0] == "Confirm kill")
        assert took <= 1
        assert told.limits.refused == 0

    played(tmp_path, story)


def test_result_that_moves_with_the_price_is_an_edit_a_minute(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.stands()
        before = scene.edits
        for n in range(120):
            await scene.telling.store.write(lambda tx, n=n: result(tx, n))  # type: ignore[misc]
            await passes(5)
        assert 8 <= scene.edits - before <= 11
        assert "Today +1" in scene.panels[-1].text

    played(tmp_path, story)


def test_quiet_desk_is_edited_only_so_that_its_time_goes_on(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.stands()
        before = scene.edits
        await passes(4 * LIFE)
        assert 3 <= scene.edits - before <= 4
        late = timedelta(seconds=LIFE + 2 * PAUSE)
        seen = scene.panels[-1].edited_at
        assert seen is not None
        assert scene.front.clock() - seen <= late

    played(tmp_path, story)


def test_panel_that_was_deleted_comes_back_though_nothing_happens(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        first = await scene.stands()
        scene.telling.playground.chat.delete(first)
        took = await scene.telling.until(lambda: scene.panels)
        assert took <= LIFE + 2 * PAUSE
        assert (await scene.stands()).id != first.id

    played(tmp_path, story)


def test_right_to_pin_is_tried_again_and_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(scene: Scene) -> None:
        faults = scene.telling.playground.faults
        faults.error("pinChatMessage", status=400, description=NO_RIGHT)
        await scene.stands(pinned=False)
        await passes(3 * LIFE)
        assert 3 <= scene.telling.playground.count("pinChatMessage") <= 4
        assert caplog.text.count("the panel is not pinned") == 1
        assert scene.front.panel.not_pinned is not None
        faults.clear()
        await scene.stands()
        assert scene.front.panel.not_pinned is None

    played(tmp_path, story)


def test_panel_is_made_once_telegram_is_back(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.telling.playground.faults.error(status=502, description="Bad Gateway")
        await passes(600)
        assert scene.panels == []
        scene.telling.playground.faults.clear()
        await scene.stands()

    played(tmp_path, story)
