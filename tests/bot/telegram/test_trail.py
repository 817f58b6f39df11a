"""A ticket's trail: who did what when, in order, by name, and none of it cut silently."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.telegram import figures, trail
from bot.telegram.faces import TEXT_LIMIT
from execution import editing
from execution.desk import Person
from execution.events import Event, EventKind
from execution.reports import Trail
from execution.types import OrderState, TicketState, VoteKind
from tests.bot.telegram.views import LOOK, SHORT, at, fill, order, seen, ticket, view, vote
from tests.desk import ANA, OLGA, VIC, FrontDesk
from tests.waiting import until

TS, OS = TicketState, OrderState
SPOKEN = {
    kind for kind in EventKind if kind.value.startswith(("ticket_", "order_", "fill", "vote", "ov"))
}


def event(kind: EventKind, *, after: float = 80, **changes: object) -> Event:
    given = {"seq": 7, "at": at(after), "kind": kind, "ticket": "t", "order": "o1", "mac": ""}
    return Event(**{**given, "actor": None, "data": {}, **changes})


def trail_of(*events: Event, **changes: object) -> Trail:
    shown = view(
        ticket(TS.DONE),
        votes=(vote(),),
        orders=(order(OS.FILLED, venue_order_id="998"),),
        fills=(fill("0.0415", "60009.8", trade_id="77"),),
    )
    given = {"view": shown, "events": events, "names": {"tg:Ana": "Ana"}}
    return Trail(**{**given, "repeats": {}, **changes})


def test_life_of_a_ticket_reads_from_signal_to_last_fill() -> None:
    lines = trail.told(
        trail_of(
            event(EventKind.TICKET_PENDING, after=0, data={"rule": "large", "required": "2"}),
            event(
                EventKind.VOTE,
                after=72,
                actor="tg:Ana",
                data={"vote": "approve", "revision": "1", "name": "Ana"},
            ),
            event(EventKind.TICKET_APPROVED, after=72),
            event(EventKind.ORDER_PLANNED, after=72, data={"amount": "0.0415", "price": "60012.4"}),
            event(EventKind.ORDER_SENDING, after=72),
            event(EventKind.ORDER_WORKING, after=73),
            event(
                EventKind.FILL,
                after=74,
                data={"fill": "f-0.0415", "amount": "0.0415", "price": "60009.8"},
            ),
            event(EventKind.ORDER_FILLED, after=74),
            event(EventKind.TICKET_DONE, after=74),
        ),
        UTC,
    )

    assert [line.replace(figures.THIN, " ") for line in lines] == [
        "Fri 20 Nov 2026",
        "14:30:10 Signal from tv",
        "14:30:10 Card made, two approvals needed by rule large",
        "14:31:22 Ana approved revision 1",
        "14:31:22 Approved",
        "14:31:22 Order made: buy 0.0415 BTC/USDT at 60 012.40",
        "14:31:22 Sent to binance main as cs1a2b3c4d",
        "14:31:23 It rests at binance as 998",
        "14:31:24 0.0415 filled at 60 009.80, trade 77, fee 2.49 USDT",
        "14:31:24 All of it is filled at binance as 998",
        "14:31:24 Done",
    ]


def test_new_day_has_a_line_of_its_own() -> None:
    next_day = event(EventKind.TICKET_EXPIRED, at=at(0) + timedelta(days=1))

    assert trail.told(trail_of(next_day), UTC)[2:] == ["Sat 21 Nov 2026", "14:30:10 Expired"]


def test_several_orders_are_told_apart() -> None:
    shown = trail_of().view
    two = shown.evolve(orders=(*shown.orders, order(OS.FILLED, id="o2", leg="entry-2")))
    entry = event(EventKind.ORDER_CANCELING, order="o2")

    assert trail.told(trail_of(entry, view=two), UTC)[-1] == "14:31:30 entry-2: Cancel sent"


@pytest.mark.parametrize(
    ("answered", "said"),
    [("yes", "Not there, after 24 complete looks"), ("no", "binance did not answer all")],
)
def test_what_a_look_came_to_that_somebody_asked_for(answered: str, said: str) -> None:
    looked = event(EventKind.ORDER_LOOKED_FOR, data={"answered": answered, "looks": "24"})

    assert trail.sentence(trail_of(), looked).startswith(said)


def test_who_proposed_it_stands_first() -> None:
    shown = trail_of().view
    own = shown.signal.evolve(proposer_name="Ana")
    again = own.evolve(again="01JD4N5V8Y3QW6T1ZC9GHB7F3Z")

    for signal, said in ((own, "Ana proposed it"), (again, "Ana proposed T-7F3Z again")):
        line = trail.told(trail_of(view=shown.evolve(signal=signal)), UTC)[1]
        assert line == f"14:30:10 {said}"


def test_every_word_of_the_journal_about_tickets_has_words_of_its_own() -> None:
    assert set(trail.WORDS) >= SPOKEN  # a kind without words is what this finds


def test_entry_that_is_new_here_is_told_in_its_own_words() -> None:
    strange = event(EventKind.VENUE_DOWN, actor="tg:Ana", data={"venue": "main"})

    assert trail.sentence(trail_of(), strange) == "Venue down by Ana: venue main"


def test_short_trail_is_not_folded_and_a_long_one_is() -> None:
    done = event(EventKind.TICKET_DONE)

    (short,) = trail.pages(trail_of(done), LOOK, short=SHORT)
    (long,) = trail.pages(trail_of(*[done] * 30), LOOK, short=SHORT)

    assert "blockquote" not in short.text
    assert short.text.startswith("<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT: who did what when</b>\n")
    assert "<blockquote expandable>" in long.text
    assert seen(long.text).count("Done") == 30


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 400), st.text(min_size=1, max_size=300))
def test_every_entry_is_shown_or_counted_and_every_message_fits(count: int, words: str) -> None:
    entries = [
        event(EventKind.TICKET_CANCELED, data={"reason": f"{number}# {words}"})
        for number in range(count)
    ]

    pages = [seen(face.text) for face in trail.pages(trail_of(*entries), LOOK, short=SHORT)]

    assert all(figures.utf16(page) <= TEXT_LIMIT for page in pages)
    assert len(pages) <= 5
    told = sum(page.count("Canceled: ") for page in pages)
    left = pages[-1].rpartition("\nand ")[2].partition(" more: countersign audit show ")[0]
    assert told + (int(left) if told < count else 0) == count


# --- from real lives ------------------------------------------------------------------------------


async def test_audit_tells_everybody_with_a_role_what_was_done(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    made = await desk.new_ticket(amount=Decimal("0.01"))
    ana = Person(id=f"tg:{ANA}", name="Ana")
    await desk.side.desk.edit(
        made.id, revision=1, person=ana, change=editing.amount(Decimal("0.005"))
    )
    await desk.side.desk.vote(made.id, revision=2, person=ana, kind=VoteKind.APPROVE)
    await until(lambda: desk.ticket(made.id).state is TicketState.DONE)
    asked = desk.playground.say(f"/audit {made.id[-4:]}", by=VIC)
    told = await desk.playground.wait_for(lambda m: m.reply_to == asked.id)
    for part in (
        "Signal from tv",
        "Card made, one approval needed by rule default",
        "Ana changed size 0.01 to 0.005: revision 2",
        "Ana approved revision 2",
        "Order made: buy 0.005 BTC/USDT",
        f"as {desk.order(made).client_order_id}",
        "0.005 filled at",
        "All of it is filled at paper",
        "Done",
    ):
        assert part in told.text
        told = replace(told, text=told.text.partition(part)[2])


async def test_people_are_named_and_the_desk_speaks_for_itself(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    order = await desk.stuck_order()
    olga = Person(id=f"tg:{OLGA}", name="Olga")
    await desk.side.desk.look_again(order.id, person=olga)
    await desk.side.desk.mark_absent(order.id, person=olga)
    await desk.side.desk.propose(order.ticket, person=olga, value=None)
    (again,) = await until(
        lambda: [
            ticket
            for ticket in desk.read(lambda tx: tx.tickets.newest(limit=1))
            if ticket.id != order.ticket
        ]
    )
    asked = desk.playground.say(f"/audit {order.ticket}", by=VIC)
    told = await desk.playground.wait_for(lambda m: m.reply_to == asked.id)
    for line in (
        "Outcome unknown, it is looked for",
        "Unknown for 10\u00a0min: a person must decide",
        "Olga had it looked for at once",
        "Olga marked it as absent, after 2 complete looks",
        "No order at paper: marked as absent by Olga",
        "Failed: marked as absent by Olga",
        f"Olga proposed it again as T-{again.id[-4:]}",
    ):
        assert line in told.text
    asked = desk.playground.say(f"/audit {again.id}", by=VIC)
    told = await desk.playground.wait_for(lambda m: m.reply_to == asked.id)
    assert f"Olga proposed T-{order.ticket[-4:]} again" in told.text


def test_figures_of_a_change_are_written_as_people_read_them() -> None:
    changed = event(
        EventKind.TICKET_REVISED,
        actor="tg:Ana",
        data={
            "revision": "2",
            "size": "0.0415 to 1200.5",
            "limit": "none to 60012.4",
            "stop": "58900 to none",
            "target": "61500 (0.5), 63000 (0.25) to 61500",
        },
    )

    said = trail.sentence(trail_of(), changed).replace(figures.THIN, " ")
    assert said == (
        "Ana changed size 0.0415 to 1 200.5, limit none to 60 012.40, stop 58 900 to none, "
        "target 61 500 (half), 63 000 (25 %) to 61 500: revision 2"
    )
