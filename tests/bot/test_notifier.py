"""From the journal to the chat: what is posted, edited, repeated, held back and never lost."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from bot.notifier import EDIT_PAUSE
from bot.playground import Message
from execution import editing
from execution.desk import Person
from execution.events import EventKind
from execution.store import Transaction
from execution.types import Ticket, TicketState
from tests.desk import ANA, OLGA, TOML, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
HOSTILE = (
    "<b>bold</b> & <script>alert(1)</script>",
    "</b></blockquote>",
    "&amp; &lt; &#x3C;",
    "<" * 4000,
    "&" * 4000,
    "😀" * 2000,
    "\u202e reversed \u0000 nul",
    "\"quoted\" 'single' `tick` *star* _under_ [link](http://x)",
)


async def filled(desk: FrontDesk, **fields: object) -> Ticket:
    """A ticket that went straight through and was filled."""
    ticket = await desk.new_ticket(source="straight", **fields)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    return ticket


def texts(desk: FrontDesk, part: str) -> list[Message]:
    """What the bot has said with these words in it."""
    return [message for message in desk.said if part in message.text]


def told_all(desk: FrontDesk) -> bool:
    """Whether the chat has been told of everything."""
    return desk.read(lambda tx: tx.chat.cursor("chat")) == desk.head()[0]


# --- cards and edits -----------------------------------------------------------------------------


async def test_card_is_posted_once_and_then_edited_to_its_end(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier", "intake")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    assert card.text.startswith("PAPER · BUY 0.00996 BTC/USDT ≈\u00a0")
    assert [label.split()[0] for label in card.labels] == ["Approve", "Reject", "½", "Edit", "Why"]
    assert not card.silent
    await desk.tap(card, "Approve", by=ANA)
    told = await desk.playground.wait_for_text("Filled: bought 0.00996 BTC/USDT")
    assert told.reply_to == card.id
    ended = await desk.playground.wait_for(lambda m: m.id == card.id and "· filled at" in m.text)
    assert "Ana approved 14:30:00" in ended.text
    assert ended.labels == ["Details"]
    assert len(desk.said) == 2


async def test_all_of_it_stands_in_the_desks_topic(tmp_path: Path) -> None:
    topic = TOML.replace("[people]", "topic_id = 7\n[people]")
    async with front_desk(tmp_path, toml=topic) as desk:
        await desk.start("trading", "notifier")
        await filled(desk)
        await desk.new_ticket(notional="54000")
        await desk.side.desk.halt(person=ANA_HERSELF, reason="")
        await desk.playground.wait_for_text("HALTED by Ana")
        await until(lambda: told_all(desk))
        assert {message.thread_id for message in desk.said} == {7}
        assert len(desk.said) >= 4


async def test_card_is_edited_at_most_once_in_three_seconds(desk: FrontDesk) -> None:
    """However often its ticket changes; the last of it is shown in the end."""
    loop = asyncio.get_running_loop()
    await desk.start("trading", "notifier")
    ticket = await desk.new_ticket(amount="0.01")
    began = loop.time()
    card = await desk.card(ticket)
    revision = 1
    while loop.time() - began < EDIT_PAUSE * 1.2:
        smaller = D("0.01") - D("0.0001") * (revision % 40)
        await desk.side.desk.edit(
            ticket.id, revision=revision, person=ANA_HERSELF, change=editing.amount(smaller)
        )
        revision += 1
        await asyncio.sleep(0.05)
    last = desk.ticket(ticket.id)
    assert last.terms is not None
    said = f"BUY {last.terms.amount.normalize():f} BTC/USDT"
    await desk.playground.wait_for(lambda m: m.id == card.id and said in m.text, timeout_s=10)
    edits = desk.playground.count("editMessageText")
    assert revision > 10
    assert 1 <= edits <= (loop.time() - began) // EDIT_PAUSE


async def test_card_that_says_all_there_is_is_not_edited(desk: FrontDesk) -> None:
    """Also not by a new process, which does not know when it was edited last."""
    await desk.start("trading", "notifier")
    first = await desk.card(await desk.new_ticket())
    await desk.restart()
    await desk.start("trading", "notifier")
    await desk.card(await desk.new_ticket(symbol="ETH/USDT"))
    await until(lambda: told_all(desk))
    assert desk.playground.count("editMessageText") == 0
    assert desk.said[0] == first


async def test_card_deleted_in_the_chat_stops_nothing(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier", "intake")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    desk.playground.chat.delete(card)
    await desk.tap(card, "Approve", by=ANA)
    told = await desk.playground.wait_for_text("Filled: bought")
    assert told.reply_to is None
    await until(lambda: desk.playground.count("editMessageText"))
    second = await desk.new_ticket(symbol="ETH/USDT")
    assert "ETH/USDT" in (await desk.card(second)).text


async def test_message_that_telegram_refuses_is_said_plainly_instead(desk: FrontDesk) -> None:
    await desk.start("trading")
    desk.playground.faults.error(
        "sendMessage", status=400, description="Bad Request: can't parse entities", times=1
    )
    first = await desk.new_ticket()
    await desk.start("notifier")
    told = await desk.playground.wait_for_text("could not be shown here")
    assert told.text.startswith(f"PAPER · A message about T-{first.id[-4:]} ")
    second = await desk.new_ticket(symbol="ETH/USDT")
    assert "ETH/USDT" in (await desk.card(second)).text
    await until(lambda: told_all(desk))
    assert len(desk.said) == 2


async def test_entry_that_cannot_be_told_does_not_silence_those_after_it(
    desk: FrontDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever stands in the journal: it is said that something was, and the next is told."""
    await desk.start("trading")

    def nonsense(tx: Transaction) -> None:
        tx.journal.add(EventKind.VENUE_CLOCK, tx.now, venue="main", seconds_ahead="soon")

    await desk.side.store.write(nonsense)
    ticket = await desk.new_ticket()
    await desk.start("notifier")
    assert "BTC/USDT" in (await desk.card(ticket)).text
    assert desk.said[0].text == "PAPER · A message could not be shown here; it is in the log."
    assert "cannot be told" in caplog.text


async def test_card_that_cannot_be_made_does_not_stop_the_others(
    desk: FrontDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """A row that no code of ours writes: its card stays as it is, every other goes on."""
    await desk.start("trading", "notifier", "intake")
    first, second = await desk.new_ticket(), await desk.new_ticket(symbol="ETH/USDT")
    cards = [await desk.card(first), await desk.card(second)]
    with sqlite3.connect(desk.folder / "countersign.db") as raw:
        raw.execute("UPDATE tickets SET terms = NULL WHERE id = ?", (first.id,))
    raw.close()

    def touched(tx: Transaction) -> None:
        tx.journal.add(EventKind.VETO_WINDOW, tx.now, ticket=first.id)

    await desk.side.store.write(touched)
    await desk.tap(cards[1], "Reject", by=ANA)
    await desk.playground.wait_for(
        lambda m: m.id == cards[1].id and "rejected by Ana" in m.text, timeout_s=8
    )
    assert "cannot be shown" in caplog.text


async def test_chat_that_refuses_everything_is_trouble_and_nothing_is_skipped(
    desk: FrontDesk,
) -> None:
    await desk.start("trading")
    desk.playground.faults.error(
        "sendMessage", status=400, description="Bad Request: chat not found", times=1
    )
    ticket = await desk.new_ticket()
    await desk.start("notifier")
    await until(lambda: desk.chat.notifier.trouble)
    assert "chat not found" in (desk.chat.notifier.trouble or "").lower()
    assert (await desk.front.status()).undelivered == 1
    await desk.restart()
    await desk.start("notifier")
    await desk.card(ticket)


@pytest.mark.parametrize("note", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_note_stands_on_the_card_as_text(desk: FrontDesk, note: str) -> None:
    await desk.start("trading", "notifier")
    card = await desk.card(await desk.new_ticket(note=note, strategy=note[:32]))
    assert card.text.startswith("PAPER · BUY")
    assert {entity["type"] for entity in card.entities} <= {"bold", "blockquote", "bot_command"}
    assert desk.playground.malformed == []
    if note.startswith("<b>"):
        assert "<b>bold</b> & <script>" in card.text


# --- when Telegram fails -------------------------------------------------------------------------


async def test_card_whose_answer_was_lost_stands_twice_and_a_tap_on_either_counts_once(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake")
    desk.playground.faults.lose_answer("sendMessage", times=1)
    await desk.start("notifier")
    ticket = await desk.new_ticket()
    await desk.card(ticket)
    first, second = texts(desk, "BUY")
    assert first.keyboard == second.keyboard
    answer = await desk.tap(first, "Approve", by=ANA)
    assert answer.text == "Approved. Checked once more, then sent."
    again = await desk.tap(second, "Approve", by=OLGA)
    assert again.text == "Ana approved this at 14:30:00."
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    assert len(desk.paper.accepted) == 1


async def test_outage_loses_nothing_and_keeps_the_order(desk: FrontDesk) -> None:
    """Signals while Telegram is away: orders go on, it is counted, all is told in order afterwards."""
    await desk.start("trading")
    desk.playground.faults.lose_call()
    await desk.start("notifier")
    tickets = [await filled(desk, amount=f"0.00{n}") for n in range(11, 15)]
    assert (await desk.front.status()).undelivered >= 4
    assert desk.said == []
    desk.playground.faults.clear()
    await until(lambda: told_all(desk), timeout_s=20)
    assert (await desk.front.status()).undelivered == 0
    said = [m.text.splitlines()[0].rsplit(" ", 1)[-1] for m in texts(desk, "Filled: bought")]
    assert said == [f"T-{ticket.id[-4:]}" for ticket in tickets]
    cards = [desk.read(lambda tx, s=t.id: tx.chat.post("chat", f"ticket:{s}")) for t in tickets]
    assert all(cards)
    assert len(desk.said) == 8


@pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
async def test_pause_that_telegram_asks_for_is_kept(desk: FrontDesk) -> None:
    """Nothing is sent while it lasts, whatever happens meanwhile; then everything is."""
    loop = asyncio.get_running_loop()
    await desk.start("trading")
    desk.playground.faults.error(
        "sendMessage", status=429, description="Too Many Requests", retry_after=2, times=1
    )
    await desk.start("notifier")
    await desk.new_ticket()
    await until(lambda: desk.playground.count("sendMessage") == 1)
    refused_at = loop.time()
    for symbol in ("ETH/USDT", "SOL/USDT"):
        await desk.new_ticket(symbol=symbol)
    await until(lambda: desk.playground.count("sendMessage") > 1)
    assert loop.time() - refused_at > 1.5
    await until(lambda: told_all(desk))
    assert [m.text.split()[4] for m in texts(desk, "BUY")] == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]


async def test_restart_in_the_middle_repeats_one_message_at_most(desk: FrontDesk) -> None:
    """Taken by Telegram, then killed before that was stored: said again, and nothing else is."""
    await desk.start("trading")
    tickets = [await filled(desk, amount=f"0.00{n}") for n in (11, 12, 13)]
    desk.playground.faults.lose_answer("sendMessage", times=1)
    await desk.start("notifier")
    await until(lambda: desk.said)
    await desk.restart()
    await desk.start("notifier")
    await until(lambda: told_all(desk))
    for ticket in tickets[1:]:
        assert len(texts(desk, f"T-{ticket.id[-4:]}")) == 2, "its card and its fill"
    assert len(texts(desk, f"T-{tickets[0].id[-4:]}")) == 3
    await desk.restart()
    await desk.start("notifier")
    await until(lambda: told_all(desk))
    assert len(desk.said) == 7


# --- refusals, halts, venues ---------------------------------------------------------------------


async def test_refusal_is_told_with_its_code_and_what_would_pass(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    await desk.new_ticket(notional="54000")
    told = await desk.playground.wait_for_text("Refused: BUY")
    assert "MAX_ORDER_NOTIONAL" in told.text
    assert "Nothing was sent." in told.text
    assert told.labels[0] == "Why"
    assert told.labels[1].startswith("Propose ")


async def test_more_than_three_refusals_a_minute_become_one_message_that_counts(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "notifier")
    for _ in range(7):
        await desk.new_ticket(notional="54000")
    told = await desk.playground.wait_for_text("4 more signals from tv", timeout_s=10)
    assert "MAX_ORDER_NOTIONAL 4" in told.text
    await until(lambda: told_all(desk))
    assert len(desk.said) == 4


async def test_refusals_that_do_not_ring_are_counted_without_sound(tmp_path: Path) -> None:
    quiet = TOML.replace("[people]", 'notify = { refusal = "silent", card = "silent" }\n[people]')
    async with front_desk(tmp_path, toml=quiet) as desk:
        await desk.start("trading", "notifier")
        for _ in range(5):
            await desk.new_ticket(notional="54000")
        await desk.playground.wait_for_text("2 more signals from tv", timeout_s=10)
        assert [message.silent for message in desk.said] == [True] * 4


async def test_refusals_are_told_one_by_one_again_after_a_minute(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    for _ in range(3):
        await desk.new_ticket(notional="54000")
    await until(lambda: told_all(desk))
    desk.clock.advance(61)
    await desk.side.market.fresh_quote("main", "BTC/USDT")
    await desk.new_ticket(notional="54000")
    await until(lambda: told_all(desk))
    assert len(texts(desk, "Refused: BUY")) == 4
    assert texts(desk, "more signal") == []


async def test_refusals_of_different_sources_are_counted_apart(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    for source in ("tv", "desk", "tv", "desk", "tv", "desk"):
        await desk.new_ticket(source=source, notional="54000")
    await until(lambda: told_all(desk))
    assert len(texts(desk, "Refused: BUY")) == 6


async def test_halt_is_a_checklist_that_is_edited_until_it_is_done(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier", "intake")
    order = await desk.resting_order()
    desk.playground.say("/kill wrong feed", by=ANA)
    first = await desk.playground.wait_for_text("HALTED by Ana")
    assert "NOT DONE" in first.text
    assert "Wrong feed." in first.text
    await until(lambda: desk.ticket(order.ticket).state is TicketState.CANCELED)

    def proved() -> bool:
        desk.clock.advance(1)
        return desk.read(lambda tx: tx.journal.count(EventKind.HALT_VERIFIED)) == 1

    await until(proved, timeout_s=8)
    done = await desk.playground.wait_for(
        lambda m: m.id == first.id and "Done at" in m.text, timeout_s=8
    )
    assert "NOT DONE" not in done.text
    assert "1 of 1 order closed" in done.text
    assert "Nothing of ours rests at paper main, looked twice." in done.text
    assert len(texts(desk, "HALTED")) == 1


async def test_unfinished_halt_is_told_anew_every_thirty_seconds(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    await desk.resting_order()
    desk.paper.faults.keep_orders = True
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    await desk.playground.wait_for_text("HALTED by Ana")
    for times in (1, 2):
        desk.clock.advance(31)
        await until(lambda n=times: len(texts(desk, "NOT DONE: 1 order may still")) == n)
    assert desk.read(lambda tx: tx.trading()).halt.verified_at is None  # type: ignore[union-attr]


async def test_order_in_doubt_is_told_and_its_finding_shown(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    desk.paper.faults.drop_next_answer = True
    ticket = await desk.new_ticket(source="straight", price=D(50_000), amount="0.01")
    told = await desk.playground.wait_for_text("paper did not answer")
    assert "It is being looked for and will not be sent again." in told.text
    card = await desk.card(ticket)

    def found() -> bool:
        desk.clock.advance(1)
        return desk.order(ticket).state.value == "working"

    await until(found)
    await desk.playground.wait_for(lambda m: m.id == card.id and "· working" in m.text, timeout_s=8)
    assert len(desk.paper.accepted) == 1
