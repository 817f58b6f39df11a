"""A group that becomes a supergroup: commands, cards and halts go on under its new id, also after a restart."""

from __future__ import annotations

import pytest

from execution.events import EventKind
from execution.types import TicketState, TradingState
from tests.desk import ANA, GROUP, FrontDesk
from tests.waiting import until

NEW = -1009876543210


@pytest.mark.parametrize("first", ["intake", "notifier"])
async def test_desk_follows_its_group_and_says_so_there(desk: FrontDesk, first: str) -> None:
    """Whether the service message tells of it, or the refusal of the next message."""
    await desk.start("trading", first)
    desk.playground.chat.migrate(NEW)
    ticket = await desk.new_ticket()
    await until(lambda: desk.chat.room.chat_id == NEW)
    await desk.start("notifier" if first == "intake" else "intake")
    card = await desk.card(ticket)
    assert card.chat_id == NEW
    told = await desk.playground.wait_for_text("This chat has a new id")
    assert str(NEW) in told.text
    assert str(GROUP) in told.text
    await desk.tap(card, "Approve", by=ANA)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    assert desk.read(lambda tx: tx.journal.count(EventKind.CHAT_MOVED)) == 1


async def test_open_card_is_posted_anew_and_the_old_one_counts_no_more(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    old = await desk.card(ticket)
    desk.playground.chat.migrate(NEW)
    card = await desk.playground.wait_for(lambda m: m.chat_id == NEW and "BUY" in m.text)
    head = desk.head()
    stale = await desk.tap(old, "Approve", by=ANA)
    assert stale.alert
    assert desk.head() == head
    assert (await desk.tap(card, "Approve", by=ANA)).text == (
        "Approved. Checked once more, then sent."
    )


async def test_move_outlives_the_process_though_the_settings_are_old(desk: FrontDesk) -> None:
    await desk.start("intake")
    desk.playground.chat.migrate(NEW)
    await until(lambda: desk.chat.room.chat_id == NEW)
    await desk.restart()
    assert desk.chat.room.chat_id == NEW
    await desk.start("intake")
    desk.playground.say("/kill", by=ANA)
    await until(lambda: desk.read(lambda tx: tx.trading()).state is TradingState.HALTED)


async def test_standing_halt_is_shown_in_the_new_chat(desk: FrontDesk) -> None:
    await desk.start("intake", "notifier")
    desk.playground.say("/kill", by=ANA)
    await desk.playground.wait_for_text("HALTED by Ana")
    desk.playground.chat.migrate(NEW)
    shown = await desk.playground.wait_for(lambda m: m.chat_id == NEW and "HALTED" in m.text)
    assert "NOT DONE" in shown.text


async def test_other_group_that_moves_changes_nothing(desk: FrontDesk) -> None:
    await desk.start("intake")
    chat = desk.playground.chat
    chat.add_group(-42, "Another group")
    note = chat.post(-42, chat.sender(ANA), "")
    chat._queue("message", chat.json(note) | {"migrate_to_chat_id": NEW})
    await desk.heard()
    assert desk.chat.room.chat_id == GROUP
    assert desk.read(lambda tx: tx.journal.last(EventKind.CHAT_MOVED)) is None
