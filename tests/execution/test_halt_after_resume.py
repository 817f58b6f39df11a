"""A halt beside a resume: it is proved by looks of its own, and whoever asked last has their way."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from execution import stopping
from execution.desk import Person
from execution.errors import NotPossible
from execution.events import EventKind
from execution.store import Transaction
from execution.types import TradingState
from tests.desk import FrontDesk, front_desk
from tests.waiting import until

ANA, OLGA = Person(id="tg:2222", name="Ana"), Person(id="tg:1111", name="Olga")


def is_verified(tx: Transaction) -> bool:
    halt = tx.trading().halt
    return halt is not None and halt.verified_at is not None


async def proved(desk: FrontDesk) -> None:
    """The halt has been proved, some seconds later."""

    def found() -> bool:
        desk.clock.advance(4)
        return desk.read(is_verified)

    await until(found)


async def test_a_halt_right_after_a_resume_is_not_proved_by_the_looks_before_it(
    tmp_path: Path,
) -> None:
    """The clock stands still after the second halt: no two looks can lie 3 s apart."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await desk.side.desk.halt(person=ANA, reason="")

        await proved(desk)
        await desk.side.desk.resume(person=OLGA)
        await desk.side.desk.halt(person=ANA, reason="again")

        def taken_up(tx: Transaction) -> bool:
            taken = tx.journal.count(EventKind.HALT_TAKEN) == 2
            return taken or is_verified(tx)

        await until(lambda: desk.read(taken_up))

        assert not desk.read(is_verified)


async def test_a_kill_after_a_resume_wins_though_it_is_stored_before_it(tmp_path: Path) -> None:
    """A halt goes ahead of what waits to be stored: a resume behind it must not undo it."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await desk.side.desk.halt(person=ANA, reason="too wild")
        await proved(desk)
        free = threading.Event()
        busy = asyncio.create_task(desk.side.store.write(lambda tx: free.wait(10)))
        resuming = asyncio.create_task(desk.side.desk.resume(person=OLGA, generation=1))
        await asyncio.sleep(0)
        halting = asyncio.create_task(desk.side.desk.halt(person=ANA, reason="again"))
        await asyncio.sleep(0)
        free.set()
        await asyncio.gather(busy, halting)
        with pytest.raises(NotPossible, match="changed since"):
            await resuming

        halted = desk.read(lambda tx: tx.trading())
        assert halted.state is TradingState.HALTED
        assert halted.halt is not None
        assert halted.halt.reason == "too wild"


async def test_a_halt_of_another_process_can_be_resumed_as_soon_as_it_is_proved(
    tmp_path: Path,
) -> None:
    """Nothing was ever sent: no look proves it, and yet an owner needs one since the halt."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await until(lambda: desk.side.market.feed("main").compared)
        desk.clock.advance(1)
        desk.side.store.write_now(
            lambda tx: stopping.halt(tx, by="cli:olga", name="cli:olga", reason="")
        )
        await proved(desk)

        assert (await desk.side.desk.resume(person=OLGA)).state is TradingState.ACTIVE


async def test_hammering_kill_does_not_put_off_its_proof(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await desk.side.desk.halt(person=ANA, reason="")
        for _ in range(3):
            await until(lambda: desk.read(lambda tx: tx.journal.count(EventKind.HALT_TAKEN)))
            await desk.side.desk.halt(person=ANA, reason="")
        await proved(desk)

        assert desk.read(lambda tx: tx.journal.count(EventKind.HALT_TAKEN)) == 1
