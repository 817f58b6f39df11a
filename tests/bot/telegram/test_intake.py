"""How updates come in: confirmed after the commit, /kill first, nothing delayed, trouble said and survived."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bot.playground import CallbackAnswer
from bot.telegram.answers import BROKEN
from execution.desk import Person
from execution.events import EventKind
from execution.store import Transaction
from execution.types import TicketState, TradingState
from tests.bot.disks import full_disk
from tests.desk import ANA, GROUP, OLGA, SAM, VIC, FrontDesk, front_desk
from tests.waiting import until


def pending(desk: FrontDesk) -> int:
    """Updates that the bot has not confirmed."""
    return desk.playground.chat.pending_updates()


async def test_update_is_confirmed_only_after_its_effect_is_committed(desk: FrontDesk) -> None:
    """While another process holds the database, nothing is confirmed; then the vote is stored, and it is."""
    await desk.start("trading", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    await desk.stop("trading", "notifier")
    desk.playground.say("/whoami", by=ANA)
    answer = desk.playground.tap(card, card.button("Reject"), by=ANA)
    lock = sqlite3.connect(desk.folder / "countersign.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    await desk.start("intake", heard=False)
    await desk.playground.wait_for_text("2222")
    assert pending(desk) == 2, "they came together; the second waits for the database"
    assert desk.playground.count("getUpdates") == 1
    lock.execute("ROLLBACK")
    assert (await answer).text == "Rejected. Nothing was sent."
    assert desk.ticket(ticket.id).state is TicketState.REJECTED
    await until(lambda: pending(desk) == 0)
    lock.close()


async def test_update_that_comes_again_after_a_crash_counts_once(desk: FrontDesk) -> None:
    """Committed, then killed before it was confirmed: Telegram sends it to the next process again."""
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    desk.playground.faults.lose_call("getUpdates")
    answer = desk.playground.tap(card, card.button("Approve"), by=ANA)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    assert (await answer).text == "Approved. Checked once more, then sent."
    assert pending(desk) == 1, "its confirmation was lost"
    await desk.restart()
    desk.playground.faults.clear()
    await desk.start("trading", "intake")
    await desk.heard()
    assert len(desk.read(lambda tx: tx.tickets.votes(ticket.id))) == 1
    assert len(desk.paper.accepted) == 1


async def test_kill_that_comes_again_after_a_crash_halts_once(desk: FrontDesk) -> None:
    await desk.start("intake")
    desk.playground.faults.lose_call("getUpdates")
    desk.playground.say("/kill", by=ANA)
    await until(lambda: desk.read(lambda tx: tx.trading()).state is TradingState.HALTED)
    assert pending(desk) == 1
    await desk.restart()
    desk.playground.faults.clear()
    await desk.start("intake")
    await desk.heard()
    assert desk.read(lambda tx: tx.journal.count(EventKind.HALTED)) == 1


async def test_kill_is_taken_before_everything_that_came_with_it(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    await desk.stop("trading")
    tap = desk.playground.tap(card, card.button("Approve"), by=OLGA)
    desk.playground.say("/status", by=OLGA)
    desk.playground.say(" /Kill now", by=ANA)
    await desk.start("intake", "trading")
    assert (await tap).text == "Halted by Ana at 14:30:00."
    assert desk.ticket(ticket.id).state is TicketState.CANCELED
    assert desk.read(lambda tx: tx.tickets.votes(ticket.id)) == []
    status = await desk.playground.wait_for_text("up 0\u00a0s")
    assert "HALTED by Ana" in status.text
    assert desk.paper.accepted == []


@pytest.mark.parametrize("method", ["sendMessage", "answerCallbackQuery"])
async def test_slow_answer_never_delays_the_next_update(desk: FrontDesk, method: str) -> None:
    await desk.start("trading", "intake", "notifier")
    first, second = await desk.new_ticket(), await desk.new_ticket(symbol="ETH/USDT")
    cards = [await desk.card(first), await desk.card(second)]
    desk.playground.faults.hold(method)
    desk.playground.say("/status", by=ANA)
    slow = desk.playground.tap(cards[0], "Reject", by=ANA)
    await until(lambda: desk.ticket(first.id).state is TicketState.REJECTED)
    await until(lambda: desk.playground.count(method))
    desk.playground.tap(cards[1], "Reject", by=ANA)
    await until(lambda: desk.ticket(second.id).state is TicketState.REJECTED)
    await until(lambda: pending(desk) == 0)
    assert slow.done() == (method == "sendMessage")
    desk.playground.faults.clear()
    await slow
    await desk.playground.wait_for_text("up 0\u00a0s")


TROUBLES = [
    ({"status": 401, "description": "Unauthorized"},
     "Telegram refuses the bot's token; get a new one from @BotFather."),
    ({"status": 409, "description": "Conflict: terminated by other getUpdates request"},
     "Another process reads this bot's updates; stop it, or use another bot."),
    ({"status": 502, "description": "Bad Gateway"}, "Telegram does not answer: NetworkError."),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "reason"), TROUBLES)
async def test_trouble_with_telegram_is_said_and_recovered_from(
    desk: FrontDesk, answer: dict[str, object], reason: str
) -> None:
    desk.playground.faults.error("getUpdates", **answer)  # type: ignore[arg-type]
    await desk.start("intake", heard=False)
    await until(lambda: desk.chat.intake.reason == reason)
    desk.playground.say("/whoami", by=ANA)
    desk.playground.faults.clear()
    await desk.playground.wait_for_text("2222")
    assert desk.chat.intake.reason is None


async def test_lost_connection_is_said_and_recovered_from(desk: FrontDesk) -> None:
    assert desk.chat.intake.reason == "not connected yet"
    desk.playground.faults.lose_call()
    await desk.start("intake", heard=False)
    await until(lambda: (desk.chat.intake.reason or "").startswith("Telegram does not answer: "))
    desk.playground.say("/kill", by=ANA)
    desk.playground.faults.clear()
    await until(lambda: desk.read(lambda tx: tx.trading()).state is TradingState.HALTED)
    await until(lambda: desk.chat.intake.reason is None)


async def test_second_reader_of_the_same_bot_is_told_apart_and_outlived(tmp_path: Path) -> None:
    """A rolling deploy: two processes poll for a moment, then the old one ends."""
    async with front_desk(tmp_path) as desk:
        await desk.start("intake")
        await desk.chat.room.bot.get_updates(timeout=0)
        expected = "Another process reads this bot's updates; stop it, or use another bot."
        await until(lambda: desk.chat.intake.reason == expected)
        await until(lambda: desk.chat.intake.reason is None)


async def test_database_that_fails_leaves_the_update_for_later(desk: FrontDesk) -> None:
    """The command is not lost: it is not confirmed, and done when the database is back."""
    await desk.start("intake")
    with desk.broken_database():
        desk.playground.say("/kill", by=ANA)
        await until(lambda: "database" in (desk.chat.intake.reason or ""))
        assert pending(desk) == 1
    await until(lambda: desk.read(lambda tx: tx.trading()).state is TradingState.HALTED)
    await until(lambda: pending(desk) == 0)


async def test_kill_that_cannot_be_stored_says_so_once_to_whoever_may(desk: FrontDesk) -> None:
    await desk.start("intake")
    with desk.broken_database():
        desk.playground.say("/kill", by=SAM)
        desk.playground.say("/kill", by=ANA)
        told = await desk.playground.wait_for_text("NOT STORED: ")
        polls = desk.playground.count("getUpdates")
        await until(lambda: desk.playground.count("getUpdates") > polls + 1)
        assert desk.brake.pulled, "it says that no new order leaves"
    assert told.text.splitlines() == [
        "PAPER · NOT STORED: halted, but nothing is canceled yet.",
        "The database does not answer: no such table: trading.",
        "No new order leaves this process. A restart keeps it. It is tried again.",
        "Cancel at the exchange by hand.",
    ]
    await until(lambda: desk.read(lambda tx: tx.trading()).state is TradingState.HALTED)
    assert len(desk.said) == 1


async def test_tap_that_cannot_be_stored_is_told_so_and_counts_later(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier", "intake")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    await desk.stop("trading", "notifier")
    with desk.broken_database():
        answer = await desk.tap(card, "Reject", by=ANA)
        assert answer.alert
        assert (answer.text or "").startswith("Not stored yet, nothing was sent.")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.REJECTED)


async def test_who_asks_how_things_stand_is_answered_before_what_cannot_be_stored(
    desk: FrontDesk,
) -> None:
    """The disk is full: a tap waits for it, `/status` does not, though its button has to."""
    await desk.start("trading", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    await desk.stop("trading", "notifier")
    with full_disk(desk.folder / "countersign.db", "votes", "buttons"):
        desk.playground.tap(card, "Reject", by=ANA)
        desk.playground.say("/status", by=VIC)
        desk.playground.say("/pending", by=VIC)
        await desk.start("intake", heard=False)
        status = await desk.playground.wait_for_text("up 0\u00a0s")
        assert status.labels == []
        assert "1 ticket waits" in (await desk.playground.wait_for_text("ticket waits")).text
        assert desk.ticket(ticket.id).state is TicketState.PENDING
    await until(lambda: desk.ticket(ticket.id).state is TicketState.REJECTED)
    await desk.heard()
    assert len([m for m in desk.said if "up 0" in m.text]) == 1


async def test_kill_beside_what_cannot_be_stored_is_taken_and_answered_once(
    desk: FrontDesk,
) -> None:
    """However often Telegram brings both again."""
    with full_disk(desk.folder / "countersign.db", "signals"):
        desk.playground.say("/buy BTC/USDT 0.001", by=ANA)
        desk.playground.say("/kill", by=ANA)
        await desk.start("intake", heard=False)
        await until(lambda: desk.read(lambda tx: tx.trading()).state is TradingState.HALTED)
        desk.clock.advance(1)
        polls = desk.playground.count("getUpdates")
        await until(lambda: desk.playground.count("getUpdates") > polls + 1)
        await desk.chat.intake.stop()
        (told,) = desk.said
        assert "Not stored yet" in told.text, "the /buy; the /kill has its checklist"


async def test_command_that_cannot_be_stored_says_that_it_counts_later(desk: FrontDesk) -> None:
    """Once; what people say to one another is not answered."""
    await desk.start("intake")
    with full_disk(desk.folder / "countersign.db", "signals"):
        desk.playground.say("/buy BTC/USDT 0.001", by=ANA)
        told = await desk.playground.wait_for_text("Not stored yet, nothing was sent.")
        assert "It counts as soon as it is." in told.text
        polls = desk.playground.count("getUpdates")
        await until(lambda: desk.playground.count("getUpdates") > polls + 1)
    await until(lambda: pending(desk) == 0)
    assert desk.said == [told]


async def test_status_that_cannot_be_read_says_why(desk: FrontDesk) -> None:
    await desk.start("intake")
    with desk.broken_database():
        desk.playground.say("/status", by=VIC)
        told = await desk.playground.wait_for_text("The database does not answer")
        assert told.text.startswith("PAPER · ")
        await desk.heard()


async def test_command_that_fails_is_answered_and_a_kill_says_what_holds(desk: FrontDesk) -> None:
    """A fault of ours: it is in the log; nobody waits for an answer that never comes."""
    await desk.start("trading", "intake")
    ticket = await desk.new_ticket()

    def nonsense(tx: Transaction) -> None:
        tx.journal.add(EventKind.TICKET_REVISED, tx.now, ticket=ticket.id)

    await desk.side.store.write(nonsense)
    for by in (SAM, VIC):
        desk.playground.say(f"/audit {ticket.id}", by=by)
    told = await desk.playground.wait_for_text("Something went wrong here")
    assert told.text.startswith("PAPER · ")
    with sqlite3.connect(desk.folder / "countersign.db") as raw:
        raw.execute("UPDATE trading SET halt = 'no halt'")
    raw.close()
    desk.playground.say("/kill", by=ANA)
    told = await desk.playground.wait_for_text("NOT STORED: ")
    assert "Something went wrong here" in told.text
    assert desk.brake.pulled
    assert len(desk.said) == 2


async def test_kill_that_was_taken_is_not_taken_again_after_somebody_resumed(
    desk: FrontDesk,
) -> None:
    """Its confirmation was lost, the desk trades again, then the process is new: it does not halt."""
    await desk.start("trading", "intake")
    desk.playground.faults.lose_call("getUpdates")
    desk.playground.say("/kill", by=ANA)
    await until(lambda: desk.read(lambda tx: tx.trading()).state is TradingState.HALTED)
    await desk.chat.intake.stop()

    def proved() -> bool:
        desk.clock.advance(1)
        return desk.read(lambda tx: tx.journal.count(EventKind.HALT_VERIFIED)) == 1

    await until(proved, timeout_s=8)
    await desk.side.desk.resume(person=Person(id=f"tg:{OLGA}", name="Olga"))
    assert pending(desk) == 1
    await desk.restart()
    desk.playground.faults.clear()
    await desk.start("intake")
    await desk.heard()
    assert desk.read(lambda tx: tx.trading()).state is TradingState.ACTIVE


@pytest.mark.parametrize("text", ["/", "//", "/@", "/ /", "/\u202e", "/" + "x" * 4000])
async def test_no_message_stops_the_desk_from_hearing_the_next(desk: FrontDesk, text: str) -> None:
    """Anybody in the chat can write anything; the commands after it are still taken, once."""
    await desk.start("intake")
    for by in (SAM, OLGA):
        desk.playground.say(text, by=by)
    desk.playground.say("/kill", by=ANA)
    await until(lambda: desk.read(lambda tx: tx.trading()).state is TradingState.HALTED)
    await desk.heard()
    assert pending(desk) == 0


async def test_tap_whose_handler_fails_is_answered_all_the_same(desk: FrontDesk) -> None:
    """A row that no button of ours could have made: the fault is in the log, the spinner ends."""
    await desk.start("trading", "intake")
    ticket = await desk.new_ticket()
    head = desk.head()
    button = await desk.button("resize", ticket, argument="no number")
    answer = await desk.tap(desk.playground.say("here", by=SAM), button, by=ANA)
    assert answer == CallbackAnswer(BROKEN, alert=True)
    assert desk.head() == head


async def test_every_tap_is_answered_and_every_call_is_valid(desk: FrontDesk) -> None:
    """Whatever is tapped by whomever, the phone's spinner ends; nothing is asked that the Bot API does not have."""
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    for button in ("Why", "Edit", "½", "Approve", "Reject"):
        for by in (SAM, OLGA):
            await desk.tap(card, button, by=by)
    for text in ("/status", "/help", "/whoami", "/cancel x", "/kill", "/resume", "/nonsense"):
        desk.playground.say(text, by=OLGA)
    await desk.heard()
    assert desk.playground.malformed == []
    assert all(message.chat_id == GROUP for message in desk.said)
