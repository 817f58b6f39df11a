"""Which events ring and which do not, over whole lives of tickets and halts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.loudness import KINDS, Loudness
from bot.message import Message
from bot.news import ABOUT_PEOPLE, News
from bot.notifier import undelivered
from bot.settings.sections import Notify
from bot.telegram import figures, lines
from execution import editing
from execution.desk import Person
from execution.events import EventKind
from execution.store import Transaction
from execution.store.chat import Post
from execution.types import OrderType, Side, Ticket, TicketState, VoteKind
from execution.venues.scripted import ScriptedMarket
from tests.bot.telegram.subjects import a_position
from tests.desk import ANA, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")


def news_of(desk: FrontDesk, **notify: Loudness) -> dict[str, Message]:
    """Every event that deserves a message now, by its kind; the last of a kind counts."""
    news = News(
        market=desk.side.market, look=desk.front.look, roles=desk.front.roles, notify=notify
    )

    def read(tx: Transaction) -> dict[str, Message]:
        found = [(event, news.of(tx, event)) for event in tx.journal.after(0)]
        return {str(event.kind): message for event, message in found if message is not None}

    return desk.read(read)


async def posted(desk: FrontDesk, ticket: Ticket, subject: str = "") -> None:
    """The ticket's card stands in the chat, or another message about it."""

    def work(tx: Transaction) -> None:
        tx.chat.put(
            Post(
                id=tx.new_id(), audience="chat", subject=subject or f"ticket:{ticket.id}", place="-1",
                number=5, has_picture=False, shown="", shown_seq=0, at=tx.now,
            )
        )  # fmt: skip

    await desk.side.store.write(work)


async def test_new_card_is_news_until_it_is_posted(desk: FrontDesk) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket()
    (message,) = news_of(desk).values()
    assert (message.subject, message.ticket, message.revision) == (
        f"ticket:{ticket.id}", ticket.id, 1,
    )  # fmt: skip
    assert message.picture is None, "there are no bars"
    await posted(desk, ticket)
    assert news_of(desk) == {}


async def test_picture_has_entry_stop_targets_and_what_the_market_asks(tmp_path: Path) -> None:
    async with front_desk(tmp_path, prices=ScriptedMarket()) as desk:
        await desk.start("trading")
        await desk.new_ticket(stop_loss=D(58_900))
        message = news_of(desk)["ticket_pending"]
        assert message.picture is not None
        assert (message.picture.entry, message.picture.stop) == (None, D(58_900))
        assert message.picture.worst is not None
        assert len(message.picture.candles) == 100
        assert message.picture.last in (D(60_000), D("60000.005"), D("60000.01"))


async def test_card_that_waits_says_what_share_of_the_account_its_stop_costs(
    desk: FrontDesk,
) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(stop_loss=D(58_900))
    equity = desk.side.market.equity("main")
    assert equity is not None
    assert ticket.terms is not None
    share = abs(lines.outcome(ticket.terms, D(58_900))) / equity
    assert f", {figures.percent(share)} of equity\n" in news_of(desk)["ticket_pending"].face.text


async def test_fill_that_completes_is_a_reply_to_its_card(desk: FrontDesk) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(source="straight")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    told = news_of(desk)
    assert set(told) == {"ticket_approved", "ticket_done"}
    assert told["ticket_done"].reply_to is None
    assert told["ticket_done"].subject.startswith("event:")
    await posted(desk, ticket)
    told = news_of(desk)
    assert set(told) == {"ticket_done"}
    assert told["ticket_done"].reply_to == f"ticket:{ticket.id}"
    assert "Filled: bought" in told["ticket_done"].face.text


@pytest.mark.parametrize("kind", [VoteKind.APPROVE, VoteKind.REJECT])
async def test_vote_and_its_result_are_edits_of_the_card(desk: FrontDesk, kind: VoteKind) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(price=D(50_000), amount="0.01")
    await posted(desk, ticket)
    await desk.side.desk.vote(ticket.id, revision=1, person=ANA_HERSELF, kind=kind)
    if kind is VoteKind.APPROVE:
        await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
        await until(lambda: desk.order(ticket).state.value == "working")
    assert news_of(desk) == {}


async def test_card_nobody_answers_just_says_so_itself(desk: FrontDesk) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket()
    await posted(desk, ticket)
    desk.clock.advance(300)
    await desk.side.deadlines.expire()
    assert desk.ticket(ticket.id).state is TicketState.EXPIRED
    assert news_of(desk) == {}


async def test_resize_is_an_edit_and_a_moved_price_is_news(desk: FrontDesk) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(amount="0.01")
    await posted(desk, ticket)
    await desk.side.desk.edit(
        ticket.id, revision=1, person=ANA_HERSELF, change=editing.amount(D("0.005"))
    )
    assert news_of(desk) == {}
    desk.prices.set_price("BTC/USDT", D(61_000))
    desk.side.market.feed("main").quotes.clear()
    await desk.side.market.fresh_quote("main", "BTC/USDT")
    vote = VoteKind.APPROVE
    await desk.side.desk.vote(ticket.id, revision=2, person=ANA_HERSELF, kind=vote)
    told = news_of(desk)
    assert set(told) == {"ticket_asked_again"}
    assert "asked again" in told["ticket_asked_again"].face.text
    await desk.side.desk.vote(ticket.id, revision=3, person=ANA_HERSELF, kind=VoteKind.REJECT)
    assert news_of(desk) == {}, "old news once it was answered"


async def test_refusal_is_news(desk: FrontDesk) -> None:
    await desk.start("trading")
    await desk.new_ticket(notional="54000")
    told = news_of(desk)
    assert set(told) == {"ticket_refused"}
    assert "MAX_ORDER_NOTIONAL" in told["ticket_refused"].face.text


async def test_order_that_the_exchange_refuses_is_news(desk: FrontDesk) -> None:
    await desk.start("trading")
    desk.paper.faults.refuse_next = "the account is closed"
    ticket = await desk.new_ticket(source="straight")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.FAILED)
    told = news_of(desk)["ticket_failed"].face
    assert "paper refused it" in told.text
    assert "The account is closed" in told.text
    assert [b.label for row in told.buttons for b in row] == ["Details", "Propose again"]


async def test_order_that_ends_unfilled_is_news(desk: FrontDesk) -> None:
    await desk.start("trading")
    order = await desk.resting_order()
    await posted(desk, desk.ticket(order.ticket))
    await desk.side.desk.cancel(order.ticket, person=ANA_HERSELF)
    await until(lambda: desk.ticket(order.ticket).state is TicketState.CANCELED)
    told = news_of(desk)
    assert set(told) == {"ticket_canceled"}
    assert "canceled, nothing filled" in told["ticket_canceled"].face.text


async def test_halt_is_one_message_and_what_it_ended_is_none(desk: FrontDesk) -> None:
    await desk.start("trading")
    order = await desk.resting_order()
    pending = await desk.new_ticket(symbol="ETH/USDT")
    await posted(desk, desk.ticket(order.ticket))
    await posted(desk, pending)
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    await until(lambda: desk.ticket(order.ticket).state is TicketState.CANCELED)
    told = news_of(desk)
    assert set(told) == {"halted"}
    assert told["halted"].subject.startswith("halt:")


async def test_lost_and_found_venue_is_news(desk: FrontDesk) -> None:
    await desk.start("trading")
    for kind in (EventKind.VENUE_DOWN, EventKind.VENUE_UP):
        await desk.side.store.write(
            lambda tx, kind=kind: tx.journal.add(kind, tx.now, venue="main", reason="no route")
        )
    told = news_of(desk)
    assert "paper main does not answer" in told["venue_down"].face.text
    assert "No route." in told["venue_down"].face.text
    assert "paper main answers again" in told["venue_up"].face.text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [("30.0", "clock is 30 s ahead of paper main"), ("-1.5", "clock is 1.5 s behind paper main")],
)
async def test_clock_that_is_off_is_news(desk: FrontDesk, seconds: str, said: str) -> None:
    await desk.start("trading")
    await desk.side.store.write(
        lambda tx: tx.journal.add(
            EventKind.VENUE_CLOCK, tx.now, venue="main", seconds_ahead=seconds
        )
    )
    told = news_of(desk)["venue_clock"].face.text
    assert said in told
    assert "it is corrected for" in told


async def test_a_clock_that_is_refused_is_news_with_its_figure_and_so_is_that_it_is_taken(
    desk: FrontDesk,
) -> None:
    await desk.start("trading")
    for kind in (EventKind.VENUE_CLOCK_STOP, EventKind.VENUE_CLOCK_OVER):
        await desk.side.store.write(
            lambda tx, kind=kind: tx.journal.add(kind, tx.now, venue="main", seconds_ahead="30.0")
        )
    told = {kind: message.face.text for kind, message in news_of(desk).items()}
    assert "paper main refuses our clock. No order goes there" in told["venue_clock_stop"]
    assert "is 30 s ahead of its own" in told["venue_clock_stop"]
    assert "paper main takes our clock. Orders go again" in told["venue_clock_over"]


async def test_what_an_account_held_before_us_is_told_without_a_sound(desk: FrontDesk) -> None:
    await desk.start("trading")
    await desk.side.store.write(
        lambda tx: tx.journal.add(
            EventKind.ACCOUNT_FOUND, tx.now, venue="main", holdings="BTC=0.5", orders=0
        )
    )
    told = news_of(desk)["account_found"]
    assert told.face.text.startswith("<b>PAPER · paper main holds 0.5 BTC</b>")
    assert told.silent


@pytest.mark.parametrize("kind", [EventKind.VENUE_ANSWERS, EventKind.VENUE_LOST_AGAIN])
async def test_venue_that_was_told_lost_and_is_no_use_yet_is_no_news(
    desk: FrontDesk, kind: EventKind
) -> None:
    await desk.start("trading")
    await desk.side.store.write(lambda tx: tx.journal.add(kind, tx.now, venue="main"))
    assert news_of(desk) == {}


async def test_news_of_a_venue_that_was_removed_is_none(desk: FrontDesk) -> None:
    """The journal outlives the settings."""
    await desk.side.store.write(
        lambda tx: tx.journal.add(EventKind.VENUE_DOWN, tx.now, venue="gone")
    )
    assert news_of(desk) == {}


async def test_halt_that_was_resumed_before_it_was_told_is_told_as_it_was(desk: FrontDesk) -> None:
    """Telegram was away: /kill and /resume by command line happened meanwhile."""
    await desk.start("trading")
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")

    def proved() -> bool:
        desk.clock.advance(1)
        return desk.read(lambda tx: tx.journal.count(EventKind.HALT_VERIFIED)) == 1

    await until(proved, timeout_s=8)
    await desk.side.desk.resume(person=Person(id="api", name="api"))
    told = news_of(desk)
    assert "Resumed by api" in told["resumed"].face.text


async def test_everything_that_may_ring_counts_as_undelivered(desk: FrontDesk) -> None:
    """Whatever has a message is among the kinds that are counted; the rest never is."""
    await desk.start("trading")
    await desk.new_ticket()
    await desk.new_ticket(notional="54000")
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    told = news_of(desk)
    assert {EventKind(kind) for kind in told} <= ABOUT_PEOPLE
    assert desk.read(undelivered) >= len(told)
    head = desk.head()[0]
    await desk.side.store.write(lambda tx: tx.chat.advance("chat", head))
    assert desk.read(undelivered) == 0


async def test_doubt_that_is_something_else_by_now_is_told_as_what_it_is(desk: FrontDesk) -> None:
    """The chat was away while an order was in doubt and then stuck: one message, not two."""
    await desk.start("trading")
    await desk.stuck_order()
    told = news_of(desk)
    assert set(told) == {"ticket_approved", "order_stuck"}
    assert "a person must decide" in told["order_stuck"].face.text


async def test_order_in_doubt_has_one_message_that_is_edited(desk: FrontDesk) -> None:
    await desk.start("trading")
    order = await desk.stuck_order()
    subject = f"doubt:{order.ticket}"
    assert news_of(desk)["order_stuck"].subject == subject
    owner = Person(id="api", name="api")
    await desk.side.desk.look_again(order.id, person=owner)
    assert "order_look_asked" not in news_of(desk), "there is no message to edit"
    await posted(desk, desk.ticket(order.ticket), subject=subject)
    told = news_of(desk)["order_look_asked"]
    assert (told.subject, told.edits) == (subject, True)
    await desk.side.desk.mark_absent(order.id, person=owner)
    assert "no order at paper" in news_of(desk)["order_absent"].face.text
    assert not news_of(desk)["ticket_failed"].edits


async def test_daily_message_is_silent_only_on_a_good_day(desk: FrontDesk) -> None:
    await desk.start("trading")
    work = {"day": "2026-11-20", "entry": 0, "mac": "0" * 64, "undelivered": 0}
    await desk.side.store.write(lambda tx: tx.journal.add(EventKind.DAILY, tx.now, **work))
    assert news_of(desk)["daily"].silent
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    told = news_of(desk)["daily"]
    assert not told.silent
    assert "trading is halted" in told.face.text.partition("\n")[0]


# --- how loud ------------------------------------------------------------------------------------


def test_every_kind_of_news_has_its_key_in_the_settings() -> None:
    assert set(KINDS.values()) == set(Notify.model_fields)


async def test_quiet_kinds_do_not_ring_or_are_not_told_and_the_card_is_there_in_any_case(
    desk: FrontDesk,
) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(source="straight")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    await desk.new_ticket(notional="54000")

    loud = news_of(desk)
    quiet = news_of(desk, card=Loudness.SILENT, fill=Loudness.OFF, refusal=Loudness.SILENT)

    assert {kind: message.silent for kind, message in loud.items()} == {
        "ticket_approved": False,
        "ticket_done": False,
        "ticket_refused": False,
    }
    assert {kind: message.silent for kind, message in quiet.items()} == {
        "ticket_approved": True,
        "ticket_refused": True,
    }


async def test_halt_rings_however_quiet_the_chat_is(desk: FrontDesk) -> None:
    await desk.start("trading")
    await desk.side.desk.halt(person=ANA_HERSELF, reason="news")
    everything = dict.fromkeys(Notify.model_fields, Loudness.OFF)

    told = news_of(desk, **everything)

    assert [(kind, message.silent) for kind, message in told.items()] == [("halted", False)]


@pytest.mark.parametrize(
    ("fields", "levels"),
    [
        (
            {"side": Side.SELL, "type": OrderType.STOP, "stop_price": D(59_000)},
            (None, D(59_000), ()),
        ),
        (
            {"side": Side.SELL, "type": OrderType.TAKE_PROFIT, "stop_price": D(61_000)},
            (None, None, (D(61_000),)),
        ),
        ({"type": OrderType.STOP, "stop_price": D(61_000)}, (D(61_000), None, ())),
        (
            {"type": OrderType.STOP_LIMIT, "stop_price": D(61_000), "price": D(61_100)},
            (D(61_100), None, ()),
        ),
    ],
)
async def test_the_picture_of_an_order_that_waits_has_a_line_where_it_waits(
    tmp_path: Path,
    fields: dict[str, Any],
    levels: tuple[Decimal | None, Decimal | None, tuple[Decimal, ...]],
) -> None:
    async with front_desk(tmp_path, prices=ScriptedMarket()) as desk:
        await desk.start("trading")
        await a_position(desk)
        await desk.new_ticket(**{"amount": "0.00999"} | fields)
        picture = news_of(desk)["ticket_pending"].picture
        assert picture is not None
        assert (picture.entry, picture.stop, picture.targets) == levels
