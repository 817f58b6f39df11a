"""What ticks."""

from __future__ import annotations

from datetime import UTC, time

import pytest

from bot.daily import Daily
from bot.jobs import scheduler
from execution.desk import Person
from execution.errors import StoreUnavailable
from execution.events import EventKind
from execution.types import TicketState
from tests.desk import FrontDesk
from tests.virtual_time import skipping
from tests.waiting import until


async def test_ticks_expire_tickets(desk: FrontDesk) -> None:
    """A deadline is a column: the tick finds what has passed it, nothing else."""
    await desk.start("trading")
    ticket = await desk.new_ticket()
    daily = Daily(store=desk.side.store, at=time(8), zone=UTC)
    ticks = scheduler(
        deadlines=desk.side.deadlines,
        halting=desk.side.halting,
        daily=daily,
        vetoes=desk.chat.vetoes,
    )
    assert {job.id for job in ticks.get_jobs()} == {
        "expire tickets", "forget old signal keys", "write the day's entry",
        "watch veto windows", "take the HALT file", "remind at half time",
    }  # fmt: skip
    desk.clock.advance(299)
    await desk.side.deadlines.expire()
    assert desk.ticket(ticket.id).state is TicketState.PENDING
    ticks.start()
    desk.clock.advance(1)
    with skipping(skips=False):  # the scheduler's own clock is the machine's
        await until(lambda: desk.ticket(ticket.id).state is TicketState.EXPIRED)
    ticks.shutdown(wait=False)


async def test_late_or_doubled_tick_does_no_harm(desk: FrontDesk) -> None:
    await desk.start("trading")
    await desk.new_ticket()
    desk.clock.advance(3000)
    for _ in range(3):
        await desk.side.deadlines.expire()
    assert desk.read(lambda tx: tx.journal.count(EventKind.TICKET_EXPIRED)) == 1


async def test_old_signal_keys_are_forgotten(desk: FrontDesk) -> None:
    signal = await desk.accept()
    assert desk.read(lambda tx: tx.signals.known("tv", signal.id, tx.now))
    desk.clock.advance(86_400)
    await desk.side.deadlines.forget()
    desk.clock.advance(-86_400)
    assert desk.read(lambda tx: tx.signals.known("tv", signal.id, tx.now)) is None


async def test_halt_that_could_not_be_stored_is_stored_when_it_can(desk: FrontDesk) -> None:
    """Whoever asked for it was told that it holds in memory; a restart must not lose it."""
    ana = Person(id="tg:2222", name="Ana")
    with desk.broken_database():
        with pytest.raises(StoreUnavailable):
            await desk.side.desk.halt(person=ana, reason="too wild")
        await desk.side.halting.take_file()
    await desk.side.halting.take_file()
    halted = desk.read(lambda tx: tx.trading())
    assert halted.halt is not None
    assert (halted.state, halted.halt.name, halted.halt.reason) == ("halted", "Ana", "too wild")

    head = desk.head()
    await desk.side.halting.take_file()
    assert desk.head() == head, "and once"
