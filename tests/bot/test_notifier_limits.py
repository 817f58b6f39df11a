"""Telegram's limits, kept by the notifier: nothing refused, nothing lost, what matters first. On virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.notifier import undelivered
from execution import trading
from execution.events import EventKind
from execution.store import Transaction
from execution.trading import Halt
from tests.bot.disks import full_disk
from tests.bot.virtual import Telling, telling
from tests.virtual_time import passes, run_virtually

pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")


def played(folder: Path, story: Callable[[Telling], Awaitable[None]]) -> None:
    """Play a story to its end."""

    async def main() -> None:
        async with telling(folder) as scene:
            await story(scene)

    run_virtually(main())


def halt(tx: Transaction) -> None:
    """Somebody halts."""
    before = tx.trading()
    made = Halt(by="tg:2222", name="Ana", at=tx.now, reason="")
    tx.set_trading(before, trading.halted(before, made))
    tx.journal.add(EventKind.HALTED, tx.now, actor="tg:2222", name="Ana")


def named(scene: Telling) -> list[str]:
    """The tickets that were spoken of, in the order of the messages."""
    return [
        word
        for message in scene.said
        for word in message.text.replace("·", " ").split()
        if word.startswith("T-")
    ]


def test_ten_minutes_without_telegram_lose_nothing_and_keep_the_order(tmp_path: Path) -> None:
    async def story(scene: Telling) -> None:
        scene.playground.faults.error(status=502, description="Bad Gateway")
        for n in range(40):
            await scene.ticket(f"T{n:03d}")
            await passes(15)
        assert scene.said == []
        assert scene.store.read_now(undelivered) == 40
        assert scene.notifier.trouble is not None
        scene.playground.faults.clear()
        took = await scene.until(scene.told_all)
        assert named(scene) == [f"T-T{n:03d}" for n in range(40)]
        assert scene.store.read_now(undelivered) == 0
        assert scene.limits.refused == 0
        assert took < 180, "about 18 a minute"

    played(tmp_path, story)


def test_flood_of_news_is_told_in_order_and_never_refused(tmp_path: Path) -> None:
    async def story(scene: Telling) -> None:
        for n in range(60):
            await scene.ticket(f"T{n:03d}")
        await scene.until(scene.told_all)
        assert named(scene) == [f"T-T{n:03d}" for n in range(60)]
        assert scene.limits.refused == 0

    played(tmp_path, story)


def test_halt_goes_before_everything_that_waits(tmp_path: Path) -> None:
    """Also when the limits are used up by what came before."""

    async def story(scene: Telling) -> None:
        for n in range(50):
            await scene.ticket(f"T{n:03d}")
        await passes(30)
        assert len(scene.said) < 30
        await scene.store.write(halt)
        took = await scene.until(lambda: any("HALTED" in m.text for m in scene.said))
        assert took <= 1
        await scene.until(scene.told_all)
        assert sum("HALTED" in m.text for m in scene.said) == 1
        assert named(scene) == [f"T-T{n:03d}" for n in range(50)]
        assert scene.limits.refused == 0

    played(tmp_path, story)


def test_pause_that_telegram_asks_for_is_kept_to_the_end(tmp_path: Path) -> None:
    """Nothing is sent during it, whatever happens; the halt is first when it is over."""

    async def story(scene: Telling) -> None:
        scene.limits.pause(300)
        for n in range(30):
            await scene.ticket(f"T{n:03d}")
            await passes(5)
        await scene.store.write(halt)
        await scene.until(scene.told_all)
        assert (scene.limits.refused, scene.limits.violations) == (1, 0)
        assert "HALTED" in scene.said[0].text
        assert named(scene) == [f"T-T{n:03d}" for n in range(30)]

    played(tmp_path, story)


def test_edits_leave_room_for_new_cards(tmp_path: Path) -> None:
    """Sixteen cards that change all the time; the seventeenth does not wait for them."""

    async def story(scene: Telling) -> None:
        for n in range(16):
            await scene.ticket(f"T{n:03d}")
        await scene.until(scene.told_all)
        for turn in range(16):
            for n in range(16):
                touch = f"T{n:03d}"
                await scene.store.write(
                    lambda tx, id=touch: tx.journal.add(EventKind.VOTE, tx.now, ticket=id)  # type: ignore[misc]
                )
            if turn % 8 == 5:
                await scene.ticket(f"N{turn:03d}")
                assert await scene.until(scene.told_all) <= 1
            await passes(3)
        assert scene.limits.refused == 0

    played(tmp_path, story)


def test_refusals_that_wait_for_room_are_counted_once(tmp_path: Path) -> None:
    async def story(scene: Telling) -> None:
        for n in range(17):
            await scene.ticket(f"T{n:03d}")
        await scene.until(scene.told_all)

        def refused(tx: Transaction, id: str) -> None:
            more = {"codes": "MAX_ORDER_NOTIONAL", "source": "tv", "mode": "paper"}
            tx.journal.add(EventKind.TICKET_REFUSED, tx.now, ticket=id, **more)

        for n in range(7):
            await scene.store.write(lambda tx, id=f"T{n:03d}": refused(tx, id))  # type: ignore[misc]
        await scene.until(scene.told_all)
        await scene.until(lambda: "4 more signals from tv" in scene.said[-1].text)
        assert "MAX_ORDER_NOTIONAL 4." in scene.said[-1].text

    played(tmp_path, story)


def test_what_has_just_happened_is_told_apart_from_what_waits(tmp_path: Path) -> None:
    async def story(scene: Telling) -> None:
        scene.playground.faults.error(status=502, description="Bad Gateway")
        await scene.ticket("T000")
        await passes(60)
        await scene.ticket("T001")

        def waiting(tx: Transaction) -> tuple[int, int]:
            return undelivered(tx), undelivered(tx, since=timedelta(minutes=1))

        assert scene.store.read_now(waiting) == (2, 1)

    played(tmp_path, story)


def test_what_was_said_and_cannot_be_stored_is_said_once(tmp_path: Path) -> None:
    """The disk is full for ten minutes: one message, not one every second; and nothing is lost."""

    async def story(scene: Telling) -> None:
        def resumed(tx: Transaction) -> None:
            tx.journal.add(EventKind.RESUMED, tx.now, actor="api", name="api")

        await scene.store.write(resumed)
        await scene.until(scene.told_all)
        with full_disk(tmp_path / "desk.db", "cursors"):
            await scene.store.write(resumed)
            await scene.store.write(resumed)
            await passes(600)
            assert len(scene.said) == 2
            assert scene.notifier.trouble is not None
        await scene.until(scene.told_all)
        assert len(scene.said) == 3

    played(tmp_path, story)
