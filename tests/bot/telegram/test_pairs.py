"""A pair in which entries wait: the message that tells it, the two taps that lift it, where it shows."""

from __future__ import annotations

import pytest

from bot.telegram import daily, pairs, pausing, replies
from execution import reports
from execution.events import Event, EventKind
from execution.pairs import block
from execution.store.pairs import PairBlock
from execution.types import Mode
from tests.bot.telegram.subjects import OLGA_HERSELF
from tests.bot.telegram.test_pausing import PLAN
from tests.bot.telegram.test_replies import STATUS
from tests.bot.telegram.views import LOOK, NOON
from tests.desk import ANA, OLGA, FrontDesk

BLOCK = PairBlock(
    venue="main",
    symbol="BTC/USDT",
    entry=7,
    ticket="T1",
    at=NOON,
    reason="1.2 was filled where 1 was ordered.",
)


async def told(desk: FrontDesk) -> PairBlock:
    """The pair of a resting order is blocked; trading, intake and notifier run."""
    await desk.start("trading", "intake", "notifier")
    order = await desk.resting_order()
    await desk.side.store.write(lambda tx: block(tx, order, BLOCK.reason))
    (found,) = desk.read(lambda tx: tx.pairs.all())
    return found


async def test_the_message_says_why_and_what_goes_on_and_answers_the_card(desk: FrontDesk) -> None:
    found = await told(desk)
    message = await desk.playground.wait_for_text("no entries in BTC/USDT at paper main")
    assert "1.2 was filled where 1 was ordered." in message.text
    assert "Exits and other pairs go on." in message.text
    assert message.labels == ["Trade it again"]
    assert not message.silent
    assert message.reply_to == (await desk.card(desk.ticket(found.ticket))).id


async def test_an_owner_lifts_it_with_two_taps_and_everybody_is_told(desk: FrontDesk) -> None:
    await told(desk)
    message = await desk.playground.wait_for(lambda m: "Trade it again" in m.labels)
    assert (await desk.tap(message, "Trade it again", by=ANA)).text == "Only for owners."

    await desk.tap(message, "Trade it again", by=OLGA)
    asked = await desk.playground.wait_for(lambda m: m.labels == ["Confirm trading BTC/USDT again"])
    assert asked.id == message.id
    assert "1.2 was filled where 1 was ordered." in asked.text
    assert len(desk.read(lambda tx: tx.pairs.all())) == 1

    (label,) = asked.labels
    assert (await desk.tap(asked, label, by=ANA)).text == "Only for owners."
    assert (await desk.tap(asked, label, by=OLGA)).text == "Entries in this pair go again."
    assert desk.read(lambda tx: tx.pairs.all()) == []
    said = await desk.playground.wait_for_text("Entries in BTC/USDT at paper main go again")
    assert "Lifted by Olga" in said.text


@pytest.mark.parametrize("label", ["Trade it again", "Confirm trading BTC/USDT again"])
async def test_a_tap_that_comes_too_late_says_so(desk: FrontDesk, label: str) -> None:
    found = await told(desk)
    message = await desk.playground.wait_for(lambda m: "Trade it again" in m.labels)
    if label not in message.labels:
        await desk.tap(message, "Trade it again", by=OLGA)
        message = await desk.playground.wait_for(lambda m: label in m.labels)
    await desk.side.desk.release_pair(found.entry, person=OLGA_HERSELF)
    answer = await desk.tap(message, label, by=OLGA)
    assert (answer.text, answer.alert) == ("That was lifted already.", True)
    assert len(released(desk)) == 1


async def test_the_status_has_it_with_a_button_of_its_own(desk: FrontDesk) -> None:
    await told(desk)
    desk.playground.say("/status", by=OLGA)
    status = await desk.playground.wait_for_text("No entries in BTC/USDT at main")
    assert status.labels == ["Refresh", "Trade BTC/USDT again"]

    await desk.tap(status, "Trade BTC/USDT again", by=OLGA)
    asked = await desk.playground.wait_for(lambda m: m.id == status.id and "Confirm" in m.labels[0])
    await desk.tap(asked, asked.labels[0], by=OLGA)
    assert desk.read(lambda tx: tx.pairs.all()) == []


async def test_the_trail_of_its_ticket_has_both_entries(desk: FrontDesk) -> None:
    found = await told(desk)
    await desk.side.desk.release_pair(found.entry, person=OLGA_HERSELF)
    desk.playground.say(f"/audit {found.ticket}", by=ANA)
    said = await desk.playground.wait_for_text("who did what when")
    assert "Entries in BTC/USDT at main wait for an owner: 1.2 was filled" in said.text
    assert "Olga lets entries in its pair go again" in said.text


async def test_the_daily_message_names_it_and_is_not_clear(desk: FrontDesk) -> None:
    await told(desk)
    view = desk.read(lambda tx: reports.day(tx, desk.side.market, LOOK.zone))
    assert daily.concerns(view, 0) == ["no entries in 1 pair"]
    ids = {one.ticket.id: "T-7F3K" for one in view.working}
    said = daily.daily(view, LOOK, at=NOON, undelivered=0, head=(9, "f" * 64), shorts=ids)
    assert "No entries in BTC/USDT at main: 1.2 was filled where 1 was ordered." in said.text


def test_the_plan_of_a_resume_names_each_pair_and_counts_what_is_too_much() -> None:
    blocks = [BLOCK.evolve(symbol=f"C{n}/USDT", entry=n) for n in range(6)]
    plan = pausing.plan(PLAN.evolve(status=PLAN.status.evolve(blocked=blocks)), [], LOOK)
    named = [line for line in plan if line.startswith("No entries in")]
    assert named[0] == "No entries in C0/USDT at main: 1.2 was filled where 1 was ordered."
    assert named[4:] == ["No entries in 2 more pairs"]


def test_a_name_that_holds_markup_bends_nothing() -> None:
    odd = BLOCK.evolve(symbol="<b>/USDT", reason="<i>of it")
    status = STATUS.evolve(blocked=[odd])
    shown = replies.status(status, LOOK, now=NOON, short=lambda id: id).text
    message = pairs.blocked(Mode.LIVE, "<u>", odd, short="T-7F3K").text
    for text in (shown, message):
        assert not {"<i>", "<u>"} & {text[at : at + 3] for at in range(len(text))}
        assert "&lt;b&gt;/USDT" in text


def released(desk: FrontDesk) -> list[Event]:
    return [
        e for e in desk.read(lambda tx: tx.journal.after(0)) if e.kind is EventKind.PAIR_RELEASED
    ]
