"""Lists in the chat: what waits, what is at work, what is held, what has been, what it came to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.playground.records import Message
from bot.telegram.lists import PAGE
from execution.desk import Person
from execution.types import OrderState, Side, TicketState
from tests.desk import ANA, VIC, FrontDesk
from tests.waiting import until

D = Decimal
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")


async def asked(desk: FrontDesk, command: str) -> Message:
    """The reply to a viewer's command."""
    said = desk.playground.say(command, by=VIC)
    return await desk.playground.wait_for(lambda m: m.reply_to == said.id)


async def bought_and_sold(desk: FrontDesk) -> None:
    """A position is opened and half of it closed, at prices a spread apart."""
    for side, amount in ((Side.BUY, "0.01"), (Side.SELL, "0.005")):
        ticket = await desk.new_ticket(source="straight", side=side, amount=D(amount))
        await until(lambda id=ticket.id: desk.ticket(id).state is TicketState.DONE)


async def test_what_waits_is_listed_with_what_it_needs_and_leads_to_its_card(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)

    told = await asked(desk, "/pending")

    assert told.text.startswith(f"PAPER · 1 ticket waits\nT-{ticket.id[-4:]} BUY ")
    assert " · one approval needed · until " in told.text
    assert told.labels == [f"T-{ticket.id[-4:]}"]
    await desk.tap(told, told.labels[0], by=VIC)
    here = await desk.playground.wait_for_text("is here.")
    assert here.reply_to == card.id


async def test_a_card_that_was_never_posted_cannot_be_shown(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await desk.new_ticket()
    told = await asked(desk, "/pending")

    answer = await desk.tap(told, told.labels[0], by=VIC)

    assert answer.alert
    assert desk.said == [told]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("/pending", "PAPER · Nothing waits for you."),
        ("/orders", "PAPER · No order is at work."),
        ("/positions", "PAPER · No position"),
        ("/history", "PAPER · No ticket yet."),
    ],
)
async def test_nothing_to_list_is_said_in_a_line(desk: FrontDesk, command: str, line: str) -> None:
    await desk.start("trading", "intake")
    told = await asked(desk, command)
    assert (told.text, told.labels) == (line, [])


async def test_an_order_at_work_is_canceled_from_the_list_by_an_approver_only(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake")
    order = await desk.resting_order()
    told = await asked(desk, "/orders")
    assert told.text.startswith("PAPER · 1 order at work\nT-")
    assert "· working ·" in told.text
    assert told.labels == [f"Cancel T-{order.ticket[-4:]}"]

    assert (await desk.tap(told, told.labels[0], by=VIC)).alert
    assert desk.order(desk.ticket(order.ticket)).state is OrderState.WORKING

    await desk.tap(told, told.labels[0], by=ANA)
    await until(lambda: desk.ticket(order.ticket).state is TicketState.CANCELED)


async def test_what_is_held_is_listed_with_what_was_realised_today(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await bought_and_sold(desk)

    told = await asked(desk, "/positions")

    head, row = told.text.split("\n")
    assert head == "PAPER · 1 position"
    assert row.startswith("BTC/USDT 0.00499 at ")
    assert " · realised today −" in row


async def test_history_is_paged_newest_first_in_place_and_tells_how_each_ended(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake")
    tickets = [await desk.new_ticket(amount=D("0.001") * n) for n in range(1, PAGE + 3)]
    await desk.side.desk.cancel(tickets[0].id, person=ANA_HERSELF)
    shorts = [f"T-{ticket.id[-4:]}" for ticket in reversed(tickets)]

    first = await asked(desk, "/history")

    assert first.labels == [*shorts[:PAGE], "Older"]
    await desk.tap(first, "Older", by=VIC)
    older = await desk.playground.wait_for(
        lambda m: m.id == first.id and m.labels == [*shorts[PAGE:], "Newest"]
    )
    assert " · canceled, nothing was sent · " in older.text.split("\n")[-1]

    await desk.tap(older, shorts[-1], by=VIC)
    await desk.tap(older, "Newest", by=VIC)
    await desk.playground.wait_for(lambda m: m.id == first.id and "Older" in m.labels)


async def test_history_says_which_tickets_were_refused_and_why(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    ticket = await desk.new_ticket(notional="54000")

    told = await asked(desk, "/history")

    assert f"T-{ticket.id[-4:]} BUY " in told.text
    assert " · refused, MAX_ORDER_NOTIONAL · paper main" in told.text


async def test_a_page_is_read_anew_when_it_is_turned(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    tickets = [await desk.new_ticket(amount=D("0.001") * n) for n in range(1, PAGE + 2)]
    told = await asked(desk, "/pending")
    assert told.text.startswith(f"PAPER · {PAGE} tickets wait on this page")
    for ticket in tickets[1:]:
        await desk.side.desk.cancel(ticket.id, person=ANA_HERSELF)

    await desk.tap(told, "Older", by=VIC)

    page = await desk.playground.wait_for(
        lambda m: m.id == told.id and m.text == "PAPER · Nothing waits for you."
    )
    assert page.labels == ["Newest"]


async def test_the_result_is_a_picture_and_other_spans_replace_it(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await bought_and_sold(desk)

    said = desk.playground.say("/pnl", by=VIC)
    told = await desk.playground.wait_for(lambda m: m.reply_to == said.id, timeout_s=30)

    assert told.photo is not None
    assert told.text.startswith("PAPER · −")
    assert " USDT realised in 30 days\nToday −" in told.text
    assert "1 exit, 0 with a gain\nBTC/USDT −" in told.text
    assert " · 7 days −" in told.text
    assert told.labels == ["7 days", "90 days"]
    before = told.photo

    await desk.tap(told, "7 days", by=VIC)
    week = await desk.playground.wait_for(
        lambda m: m.id == told.id and "in 7 days" in m.text, timeout_s=30
    )
    assert week.photo not in {None, before}
    assert " · 7 days " not in week.text, "the first line says it"
    assert week.labels == ["30 days", "90 days"]


@pytest.mark.parametrize("words", ["0", "367", "a", "7 7", "-1", "٣"])
async def test_a_span_that_is_none_is_answered_with_how_it_is_typed(
    desk: FrontDesk, words: str
) -> None:
    await desk.start("intake")
    told = await asked(desk, f"/pnl {words}")
    assert told.text == "PAPER · Type /pnl [days]: what was realised, as a picture."
