"""A venue gets no order with a key that may withdraw real money, or that may not trade."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from execution.events import EventKind
from execution.key_rights import refused
from execution.types import Mode, TicketState
from execution.venues.rights import UNTOLD, KeyRights
from tests.desk import FrontDesk, front_desk
from tests.waiting import until

WITHDRAWS = KeyRights(trades=True, withdraws=True)
READS = KeyRights(trades=False, withdraws=False)


@pytest.mark.parametrize(
    ("rights", "mode", "why"),
    [
        (KeyRights(trades=True, withdraws=False, bound=True), Mode.LIVE, None),
        (UNTOLD, Mode.LIVE, None),
        (WITHDRAWS, Mode.LIVE, "its key may withdraw: make one that may not"),
        (WITHDRAWS, Mode.SANDBOX, None),
        (READS, Mode.SANDBOX, "its key may not trade: allow it to, or make another"),
        (READS.evolve(withdraws=True), Mode.LIVE, "its key may withdraw: make one that may not"),
    ],
)
def test_whether_a_key_is_refused(rights: KeyRights, mode: Mode, why: str | None) -> None:
    assert refused(rights, mode) == why


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as made:
        yield made


async def test_nothing_goes_there_before_the_key_was_asked_about(desk: FrontDesk) -> None:
    desk.paper.faults.unreachable = True
    watching = asyncio.create_task(desk.side.keys["main"].run())
    await asyncio.sleep(0)
    feed = desk.side.market.feed("main")
    assert not feed.ready
    feed.connected = feed.compared = True
    assert not feed.ready
    assert feed.trouble == "what its key may do is not known yet"
    watching.cancel()


async def test_a_key_that_may_not_trade_refuses_what_arrives_and_is_told(desk: FrontDesk) -> None:
    desk.paper.faults.rights = READS
    watching = asyncio.create_task(desk.side.keys["main"].run())
    await desk.start("trading", "notifier")
    await until(lambda: desk.read(lambda tx: tx.journal.count(EventKind.VENUE_KEY_STOP)))
    ticket = await desk.new_ticket(source="straight", amount="0.01")
    assert ticket.state is TicketState.REFUSED
    (refusal,) = ticket.refusals
    assert (refusal.code, refusal.text) == (
        "VENUE_DOWN",
        "main: no order goes there: its key may not trade: allow it to, or make another.",
    )
    message = await desk.playground.wait_for_text("no order goes there")
    assert "Its key may not trade: allow it to, or make another. Cancels and looks go on." in (
        message.text or ""
    )
    watching.cancel()


async def test_a_key_that_fits_is_not_spoken_of(desk: FrontDesk) -> None:
    desk.paper.faults.rights = KeyRights(trades=True, withdraws=False, bound=True)
    watching = asyncio.create_task(desk.side.keys["main"].run())
    await desk.start("trading")
    ticket = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    assert not desk.read(lambda tx: tx.journal.count(EventKind.VENUE_KEY_STOP))
    watching.cancel()


async def test_other_keys_are_asked_about_before_an_order_goes_with_them(desk: FrontDesk) -> None:
    watch = desk.side.keys["main"]
    watching = asyncio.create_task(watch.run())
    await desk.start("trading")
    feed = desk.side.market.feed("main")
    await until(lambda: feed.ready)

    desk.paper.faults.rights = READS
    watch.other_keys()
    assert feed.trouble == "what its key may do is not known yet"
    await until(lambda: feed.trouble == "its key may not trade: allow it to, or make another")
    watching.cancel()
