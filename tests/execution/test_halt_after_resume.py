"""A halt is proved by looks of its own, however soon it follows a resume."""

from __future__ import annotations

from pathlib import Path

from execution.desk import Person
from execution.events import EventKind
from execution.store import Transaction
from tests.desk import front_desk
from tests.waiting import until

ANA, OLGA = Person(id="tg:2222", name="Ana"), Person(id="tg:1111", name="Olga")


async def test_a_halt_right_after_a_resume_is_not_proved_by_the_looks_before_it(
    tmp_path: Path,
) -> None:
    """The clock stands still after the second halt: no two looks can lie 3 s apart."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await desk.side.desk.halt(person=ANA, reason="")

        def is_verified(tx: Transaction) -> bool:
            halt = tx.trading().halt
            return halt is not None and halt.verified_at is not None

        def proved() -> bool:
            desk.clock.advance(4)
            return desk.read(is_verified)

        await until(proved)
        await desk.side.desk.resume(person=OLGA)
        await desk.side.desk.halt(person=ANA, reason="again")

        def taken_up(tx: Transaction) -> bool:
            taken = tx.journal.count(EventKind.HALT_TAKEN) == 2
            return taken or is_verified(tx)

        await until(lambda: desk.read(taken_up))

        assert not desk.read(is_verified)
