"""The pinned panel in the chat: one message, kept up to date in place, whose button halts with two taps."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bot.panel import PAUSE
from bot.playground import CallbackAnswer, Message
from execution.desk import Person
from execution.events import EventKind
from execution.types import TradingState
from tests.bot.disks import full_disk
from tests.desk import ANA, OLGA, SAM, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
OLGA_HERSELF = Person(id=f"tg:{OLGA}", name="Olga")
NO_RIGHT = "Bad Request: not enough rights to manage pinned messages in the chat"


def panels(desk: FrontDesk) -> list[Message]:
    """Everything of the bot's that looks like the panel."""
    return [message for message in desk.said if "As of " in message.text]


def panel(desk: FrontDesk) -> Message:
    """The one panel."""
    (found,) = panels(desk)
    return found


def head(desk: FrontDesk) -> str:
    return panel(desk).text.splitlines()[0]


async def pinned(desk: FrontDesk) -> Message:
    """The panel, once it stands and is pinned."""
    await until(lambda: panels(desk) and panels(desk)[-1].pinned)
    return panel(desk)


async def shows(desk: FrontDesk, part: str, *, timeout_s: float = 5) -> Message:
    """The panel, once it says so or has this button."""

    def is_so() -> bool:
        found = panels(desk)
        return bool(found) and part in "\n".join([found[-1].text, *found[-1].labels])

    await until(is_so, timeout_s=timeout_s)
    return panels(desk)[-1]


def edits(desk: FrontDesk) -> int:
    return desk.playground.count("editMessageText")


def halted(desk: FrontDesk) -> bool:
    return desk.read(lambda tx: tx.trading()).state is TradingState.HALTED


async def waits(seconds: float) -> None:
    """So much time passes on the loop of these tests, which skips it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    await until(lambda: loop.time() >= end, timeout_s=seconds + 5, every_s=1)


# --- one message ------------------------------------------------------------------------------------


async def test_panel_is_made_and_pinned_without_a_sound(desk: FrontDesk) -> None:
    await desk.start("panel")
    made = await pinned(desk)
    assert made.silent
    assert made.text.startswith("PAPER · trading · waiting 0 · open 0\n")
    assert made.labels == ["Kill", "Refresh"]
    (call,) = [call for call in desk.playground.calls if call.method == "pinChatMessage"]
    assert call.values["disable_notification"] in {"true", True}
    assert desk.playground.malformed == []


async def test_panel_stands_in_the_topic_of_the_desk(tmp_path: Path) -> None:
    topic = TOML.replace("chat_id = -1001234567890", "chat_id = -1001234567890\ntopic_id = 5")
    async with front_desk(tmp_path, toml=topic) as desk:
        await desk.start("panel")
        assert (await pinned(desk)).thread_id == 5


async def test_restart_goes_on_with_the_same_panel(desk: FrontDesk) -> None:
    await desk.start("panel")
    first = await pinned(desk)
    await desk.restart()
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    await desk.start("panel")
    assert (await shows(desk, "HALTED by Ana")).id == first.id
    assert len(desk.said) == 1


async def test_panel_that_was_deleted_is_made_anew(desk: FrontDesk) -> None:
    await desk.start("panel")
    first = await pinned(desk)
    desk.playground.chat.delete(first)
    await desk.side.desk.pause(person=ANA_HERSELF, reason="")
    second = await shows(desk, "PAUSED by Ana")
    assert second.id != first.id
    assert (await pinned(desk)).silent


async def test_panel_follows_a_group_that_became_a_supergroup(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    await pinned(desk)
    desk.playground.chat.migrate(-1009)
    await until(lambda: any(m.chat_id == -1009 and m.pinned for m in panels(desk)), timeout_s=30)
    assert len([m for m in panels(desk) if m.chat_id == -1009]) == 1
    assert desk.playground.malformed == []


async def test_double_after_a_lost_answer_is_taken_away_when_it_is_tapped(desk: FrontDesk) -> None:
    desk.playground.faults.lose_answer("sendMessage", times=1)
    await desk.start("panel", "intake")
    await until(lambda: len(panels(desk)) == 2, timeout_s=30)
    await until(lambda: panels(desk)[-1].pinned)
    double, kept = panels(desk)
    await desk.tap(double, "Refresh", by=VIC)
    await until(lambda: [one.id for one in panels(desk)] == [kept.id])


async def test_tap_that_only_claims_to_be_on_a_message_takes_nothing_away(desk: FrontDesk) -> None:
    """A client of somebody's own can send the panel's token as a tap on any message of the bot's."""
    await desk.start("panel", "intake")
    stands = await pinned(desk)
    desk.playground.say("/status", by=OLGA)
    other = await desk.playground.wait_for_text("Messages not delivered")
    await desk.tap(other, stands.button("Refresh"), by=VIC)
    await waits(PAUSE)
    assert other.id in [message.id for message in desk.said]


# --- without the right to pin -----------------------------------------------------------------------


async def test_panel_that_may_not_be_pinned_works_and_is_told_once(
    desk: FrontDesk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.playground.faults.error("pinChatMessage", status=400, description=NO_RIGHT)
    await desk.start("panel", "intake")
    await until(lambda: desk.front.panel.not_pinned)
    await desk.side.desk.pause(person=ANA_HERSELF, reason="")
    assert not (await shows(desk, "PAUSED by Ana")).pinned
    desk.playground.say("/status", by=VIC)
    told = await desk.playground.wait_for_text("The panel is not pinned: ")
    assert "ot enough rights to manage pinned messages in the chat." in told.text
    assert caplog.text.count("the panel is not pinned") == 1


# --- what it shows when -----------------------------------------------------------------------------


async def test_change_of_the_trading_state_is_shown_at_once(desk: FrontDesk) -> None:
    loop = asyncio.get_running_loop()
    await desk.start("trading", "panel")
    await pinned(desk)
    for change, part in (
        (lambda: desk.side.desk.pause(person=ANA_HERSELF, reason=""), "PAUSED by Ana"),
        (lambda: desk.side.desk.halt(person=OLGA_HERSELF, reason=""), "HALTED by Olga"),
    ):
        began = loop.time()
        await change()
        await shows(desk, part)
        assert loop.time() - began < PAUSE / 2


async def test_halt_is_edited_to_done_when_it_is_proved(desk: FrontDesk) -> None:
    await desk.start("trading", "panel")
    await desk.resting_order()
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    first = await shows(desk, "HALTED by Ana at 14:30, NOT DONE")
    assert first.labels == ["Status", "Refresh"]

    def proved() -> bool:
        desk.clock.advance(1)
        return desk.read(lambda tx: tx.journal.count(EventKind.HALT_VERIFIED)) == 1

    await until(proved, timeout_s=8)
    assert (await shows(desk, "HALTED by Ana at 14:30, done")).id == first.id


async def test_what_waits_and_what_is_open_is_counted(desk: FrontDesk) -> None:
    await desk.start("trading", "panel")
    await pinned(desk)
    await desk.resting_order()
    await desk.new_ticket()
    await shows(desk, "PAPER · trading · waiting 1 · open 1", timeout_s=3 * PAUSE)
    assert not panel(desk).text.count("venue") > 1


async def test_changes_are_collected_for_ten_seconds(desk: FrontDesk) -> None:
    await desk.start("trading", "panel")
    await pinned(desk)
    await shows(desk, "1 venue connected", timeout_s=3 * PAUSE)
    before = edits(desk)
    for _ in range(5):
        await desk.new_ticket()
        await waits(1)
    await shows(desk, "waiting 5", timeout_s=3 * PAUSE)
    assert edits(desk) - before <= 2


async def test_refresh_shows_the_present_time(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    stands = await pinned(desk)
    desk.clock.advance(65)
    await desk.tap(stands, "Refresh", by=VIC)
    await shows(desk, "As of 14:31:05")
    assert len(desk.said) == 1


async def test_status_button_says_the_status_as_a_message_of_its_own(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    stands = await shows(desk, "Status")
    await desk.tap(stands, "Status", by=VIC)
    told = await desk.playground.wait_for_text("Messages not delivered")
    assert told.id != stands.id
    assert told.reply_to == stands.id


# --- the button that halts --------------------------------------------------------------------------


async def test_kill_takes_two_taps_of_one_button(desk: FrontDesk) -> None:
    await desk.start("trading", "panel", "intake", "notifier")
    order = await desk.resting_order()
    stands = await pinned(desk)
    asked = await desk.tap(stands, "Kill", by=ANA)
    assert asked == CallbackAnswer("Tap Confirm kill within 10 s. /kill halts at once.")
    assert not halted(desk)
    confirming = await shows(desk, "Confirm kill")
    assert confirming.labels == ["Confirm kill", "Refresh"]
    done = await desk.tap(confirming, "Confirm kill", by=ANA)
    assert done == CallbackAnswer("Halted: no new orders. The checklist follows.")
    assert halted(desk)
    halt = desk.read(lambda tx: tx.trading()).halt
    assert halt is not None
    assert (halt.by, halt.name, halt.reason) == (f"tg:{ANA}", "Ana", "")
    await desk.playground.wait_for_text("HALTED by Ana at 14:30:00 (chat)")
    assert (await shows(desk, "HALTED by Ana at 14:30")).labels == ["Status", "Refresh"]
    await until(lambda: desk.ticket(order.ticket).state.value == "canceled")


async def test_confirming_is_over_after_ten_seconds(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    await desk.tap(await pinned(desk), "Kill", by=ANA)
    confirming = await shows(desk, "Confirm kill")
    desk.clock.advance(10)
    late = await desk.tap(confirming, "Confirm kill", by=ANA)
    told = "The 10 s to confirm are over: tap Kill again. /kill halts at once."
    assert late == CallbackAnswer(told, alert=True)
    await until(lambda: panel(desk).labels == ["Kill", "Refresh"])
    assert not halted(desk)


async def test_confirming_is_over_after_a_restart(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    await desk.tap(await pinned(desk), "Kill", by=ANA)
    confirming = await shows(desk, "Confirm kill")
    await desk.restart()
    await desk.start("intake")
    late = await desk.tap(confirming, "Confirm kill", by=ANA)
    told = "Nobody tapped Kill since the last start or halt: tap it first. /kill halts at once."
    assert late == CallbackAnswer(told, alert=True)
    await desk.start("panel")
    await until(lambda: panel(desk).labels == ["Kill", "Refresh"])
    assert not halted(desk)


async def test_only_who_tapped_first_can_confirm(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    stands = await pinned(desk)
    await desk.tap(stands, "Kill", by=ANA)
    confirming = await shows(desk, "Confirm kill")
    told = CallbackAnswer(
        "Ana tapped Kill and is asked to confirm it. /kill halts at once.", alert=True
    )
    assert await desk.tap(confirming, "Confirm kill", by=OLGA) == told
    assert await desk.tap(stands, "Kill", by=OLGA) == told, "on a phone that shows the old label"
    assert not halted(desk)
    await desk.tap(confirming, "Confirm kill", by=ANA)
    assert halted(desk)


async def test_two_taps_on_the_old_label_halt_nothing(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    stands = await pinned(desk)
    for _ in range(3):
        answer = await desk.tap(stands, "Kill", by=ANA)
        assert answer.text.startswith("Tap Confirm kill")
    assert not halted(desk)


@pytest.mark.parametrize("label", ["Kill", "Confirm kill"])
async def test_viewers_and_strangers_halt_nothing(desk: FrontDesk, label: str) -> None:
    await desk.start("panel", "intake")
    stands = await pinned(desk)
    if label == "Confirm kill":
        await desk.tap(stands, "Kill", by=ANA)
        stands = await shows(desk, label)
    for by, told in (
        (VIC, "You can look, not approve."),
        (SAM, "You are not on this desk's list."),
    ):
        assert await desk.tap(stands, label, by=by) == CallbackAnswer(told, alert=True)
    assert not halted(desk)


async def test_taps_on_a_halted_desk_say_who_halted(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    stands = await pinned(desk)
    await desk.tap(stands, "Kill", by=ANA)
    confirming = await shows(desk, "Confirm kill")
    await desk.tap(confirming, "Confirm kill", by=ANA)
    generation = desk.read(lambda tx: tx.trading()).generation
    for message, label in ((stands, "Kill"), (confirming, "Confirm kill")):
        told = await desk.tap(message, label, by=ANA)
        assert told == CallbackAnswer("Halted by Ana at 14:30:00.", alert=True)
    assert desk.read(lambda tx: tx.trading()).generation == generation


async def test_tap_on_confirm_overtakes_what_came_with_it(desk: FrontDesk) -> None:
    await desk.start("trading", "panel", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    await desk.tap(await pinned(desk), "Kill", by=ANA)
    confirming = await shows(desk, "Confirm kill")
    await desk.stop("intake")
    approved = desk.playground.tap(card, "Approve", by=OLGA)
    killed = desk.playground.tap(confirming, "Confirm kill", by=ANA)
    await desk.start("intake")
    assert (await killed).text == "Halted: no new orders. The checklist follows."
    assert (await approved).text == "Halted by Ana at 14:30:00."
    assert desk.paper.accepted == []


async def test_kill_works_while_nothing_can_be_stored(desk: FrontDesk) -> None:
    """It holds in memory at once, and is stored as soon as the database takes it, however late."""
    await desk.start("panel", "intake")
    stands = await pinned(desk)
    with full_disk(desk.folder / "countersign.db", "trading"):
        await desk.tap(stands, "Kill", by=ANA)
        confirming = await shows(desk, "Confirm kill")
        told = await desk.tap(confirming, "Confirm kill", by=ANA)
        assert "Not stored yet, nothing was sent." in told.text
        assert "No new order leaves meanwhile." in told.text
        assert desk.brake.pulled
        assert (await shows(desk, "HALTED by Ana, NOT STORED")).labels == ["Status", "Refresh"]
        desk.clock.advance(60)
    await until(lambda: halted(desk), timeout_s=20)


async def test_kill_asks_to_confirm_while_the_database_is_locked(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    stands = await pinned(desk)
    await desk.heard()
    lock = sqlite3.connect(desk.folder / "countersign.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        answer = await desk.tap(stands, "Kill", by=ANA)
        assert answer.text.startswith("Tap Confirm kill within 10 s.")
        await shows(desk, "Confirm kill")
    finally:
        lock.close()


# --- it is in nobody's way --------------------------------------------------------------------------


async def test_desk_works_though_the_panel_is_refused(desk: FrontDesk) -> None:
    for method in ("pinChatMessage", "editMessageText"):
        desk.playground.faults.error(method, status=400, description="Bad Request: nonsense")
    await desk.start("trading", "panel", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    answer = await desk.tap(card, "Approve", by=ANA)
    assert answer.text == "Approved. Checked once more, then sent."


async def test_panel_cannot_be_replied_to(desk: FrontDesk) -> None:
    await desk.start("panel", "intake")
    stands = await pinned(desk)
    desk.playground.say("looks calm", by=ANA, reply_to=stands)
    await desk.heard()
    assert len(desk.said) == 1
