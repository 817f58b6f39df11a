"""`/pause` and the plan of `/resume`: what is said, what waits, and what goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.playground import CallbackAnswer
from bot.telegram import pausing
from bot.telegram.faces import ButtonStyle
from execution.breaker import BreakerState
from execution.equity import Stop, StopKind
from execution.reports import ResumeView
from execution.trading import Halt, Trading
from execution.types import Mode, OrderState, Side, TicketState, TradingState
from tests.bot.telegram.subjects import OLGA_HERSELF
from tests.bot.telegram.test_replies import STATUS
from tests.bot.telegram.views import LOOK, at
from tests.desk import ANA, OLGA, SAM, VIC, FrontDesk, front_desk
from tests.flows.setup import said
from tests.waiting import until

D = Decimal
PAUSE = Halt(by="tg:2222", name="Ana", at=at(72), reason="news at 8")
PAUSED = Trading(state=TradingState.PAUSED, generation=1, halt=PAUSE)
PLAN = ResumeView(
    status=STATUS.evolve(trading=PAUSED, venues=(), pending=0),
    entries=0,
    kept=(),
    breakers={},
    unclear=(),
)


def plan(**changes: Any) -> list[str]:
    """The sentences after the first three, which are always there."""
    lines = pausing.plan(PLAN.evolve(**changes), ["tv", "desk"], LOOK)
    assert lines[:3] == [
        "New signals become tickets again, and approved ones are sent.",
        "Heard: desk, tv and the chat.",
        "Voided tickets and canceled orders stay as they are.",
    ]
    return lines[3:]


def test_the_plan_says_what_does_not_go_on() -> None:
    assert plan() == []
    assert plan(entries=1) == ["1 entry at the exchange: untouched."]
    assert plan(status=PLAN.status.evolve(pending=2)) == ["2 tickets can be approved again."]
    assert plan(status=PLAN.status.evolve(unknown=1)) == [
        "1 order in doubt: their symbols stay closed."
    ]
    assert plan(breakers={"main": BreakerState.OPEN}) == [
        "Nothing is sent to main yet: its circuit breaker is open."
    ]
    assert plan(unclear=["main has not been compared with our orders since the pause."]) == [
        "Not yet: main has not been compared with our orders since the pause."
    ]


def test_the_plan_names_the_limits_that_still_stop_entries() -> None:
    loss = Stop(
        kind=StopKind.DAILY_LOSS, since=at(0), day=at(0).date(), figure=D(-210), bound=D(200)
    )
    fall = Stop(
        kind=StopKind.DRAWDOWN, since=at(0), day=at(0).date(), figure=D("0.12"), bound=D("0.1")
    )
    first, second = plan(status=PLAN.status.evolve(stops=[loss, fall]))
    assert first.startswith("No entries until tomorrow")
    assert "/limits reset drawdown" in second


def test_a_resume_is_one_button_under_who_stopped_and_when() -> None:
    face = pausing.resume(PLAN, ["tv"], LOOK, now=at(80))
    [[confirm]] = face.buttons
    assert (confirm.label, confirm.style) == ("Confirm resume", ButtonStyle.PRIMARY)
    assert face.text.startswith("<b>LIVE · PAUSED by Ana at 14:31:22. Resume?</b>")


def test_a_pause_says_what_rests_and_what_waits() -> None:
    face = pausing.paused(Mode.LIVE, PAUSE.evolve(voided=1), entries=3, waiting=2, look=LOOK)
    assert face.text.splitlines() == [
        "<b>LIVE · PAUSED by Ana at 14:31:22. No new orders that add exposure.</b>",
        "News at 8.",
        "1 approved order had not left and will not.",
        "3 entries of ours may still fill.",
        "2 tickets waiting: an exit can be approved now, an entry after the resume.",
        "Exits go on. /resume is for owners.",
    ]
    [[cancel]] = face.buttons
    assert cancel.label == "Cancel 3 entries"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading", "intake", "notifier")
        yield desk


def state(desk: FrontDesk) -> TradingState:
    return desk.read(lambda tx: tx.trading()).state


async def paused(desk: FrontDesk, *, by: int = ANA, **where: Any) -> None:
    desk.playground.say("/pause news at 8", by=by, **where)
    await until(lambda: state(desk) is TradingState.PAUSED)


async def test_a_pause_holds_entries_back_and_lets_exits_go(desk: FrontDesk) -> None:
    bought = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
    waiting, exit_ = await desk.new_ticket(), await desk.new_ticket(side=Side.SELL)
    await paused(desk)

    refused = await desk.new_ticket(source="straight")
    assert [one.code for one in refused.refusals] == ["PAUSED"]
    tap = await desk.tap(await desk.card(waiting), "Approve", by=ANA)
    assert tap == CallbackAnswer(
        "Paused by Ana at 14:30:00. It stays until an owner resumes or it expires.", alert=True
    )
    assert desk.ticket(waiting.id).state is TicketState.PENDING
    assert desk.read(lambda tx: tx.tickets.votes(waiting.id)) == []
    await desk.tap(await desk.card(exit_), "Approve", by=ANA)
    await until(lambda: desk.ticket(exit_.id).state is TicketState.DONE)
    assert (await desk.tap(await desk.card(waiting), "Reject", by=ANA)).alert is False
    assert desk.ticket(waiting.id).state is TicketState.REJECTED


async def test_after_the_resume_a_ticket_that_waited_can_be_approved(desk: FrontDesk) -> None:
    waiting = await desk.new_ticket()
    await paused(desk)
    desk.playground.say("/resume", by=OLGA)
    shown = await desk.playground.wait_for_text("PAUSED by Ana at 14:30:00. Resume?")
    assert "1 ticket can be approved again." in shown.text
    assert (await desk.tap(shown, "Confirm resume", by=ANA)).text == "Only for owners."
    assert (await desk.tap(shown, "Confirm resume", by=OLGA)).text == "Trading again."
    await desk.tap(await desk.card(waiting), "Approve", by=ANA)
    await until(lambda: desk.ticket(waiting.id).state is TicketState.DONE)


async def test_what_a_pause_refused_is_proposed_again_after_the_resume(desk: FrontDesk) -> None:
    await paused(desk)
    refused = await desk.new_ticket(amount="0.01")
    told = await desk.playground.wait_for_text("PAUSED: Trading is paused.")
    await desk.side.desk.resume(person=OLGA_HERSELF)
    popup = await desk.tap(told, "Propose again", by=ANA)
    assert popup.text == "Proposed again: it is checked anew and gets its own card."
    await until(lambda: desk.read(lambda tx: tx.tickets.in_state(TicketState.PENDING)))
    (again,) = desk.read(lambda tx: tx.tickets.in_state(TicketState.PENDING))
    assert again.id != refused.id


async def test_resting_entries_stay_and_one_button_cancels_them(desk: FrontDesk) -> None:
    order = await desk.resting_order()
    await paused(desk)
    told = await desk.playground.wait_for_text("PAUSED by Ana at 14:30:00")
    assert "1 entry of ours may still fill." in told.text
    assert desk.order(desk.ticket(order.ticket)).state is OrderState.WORKING

    assert (await desk.tap(told, "Cancel 1 entry", by=VIC)).text == "You can look, not approve."
    popup = await desk.tap(told, "Cancel 1 entry", by=ANA)
    assert popup.text == "Canceling 1 entry. The cards say when it is done."
    await until(lambda: desk.ticket(order.ticket).state is TicketState.CANCELED)
    assert await desk.paper.open_orders([]) == []
    again = await desk.tap(told, "Cancel 1 entry", by=ANA)
    assert again == CallbackAnswer("No entry of ours rests any more.", alert=True)
    assert state(desk) is TradingState.PAUSED


async def test_a_resting_exit_is_no_entry(desk: FrontDesk) -> None:
    bought = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
    selling = await desk.new_ticket(source="straight", side=Side.SELL, price=D(90_000))
    await until(lambda: desk.ticket(selling.id).state is TicketState.WORKING)
    await paused(desk)
    told = await desk.playground.wait_for_text("PAUSED by Ana")
    assert "No entry of ours rests." in told.text
    assert not told.keyboard


async def test_a_pause_outlives_a_restart_and_stands_in_the_status(desk: FrontDesk) -> None:
    await paused(desk)
    await desk.restart()
    await desk.start("trading", "intake")
    refused = await desk.new_ticket(source="straight")
    assert [one.code for one in refused.refusals] == ["PAUSED"]
    desk.playground.say("/status", by=VIC)
    await desk.playground.wait_for_text("PAPER · PAUSED by Ana at 14:30:00 · up")


@pytest.mark.parametrize("where", [{"chat_id": ANA}, {"thread_id": 77}])
async def test_it_works_in_private_and_in_other_topics(
    desk: FrontDesk, where: dict[str, int]
) -> None:
    await paused(desk, **where)
    await desk.playground.wait_for_text("What rests is listed in the desk's own chat.")
    await desk.playground.wait_for_text("PAUSED by Ana at 14:30:00. No new orders")


async def test_a_second_pause_changes_nothing_and_says_so(desk: FrontDesk) -> None:
    await paused(desk)
    desk.clock.advance(60)
    desk.playground.say("/pause", by=OLGA)
    await desk.playground.wait_for_text("PAUSED by Ana at 14:30:00. Nothing changed.")
    halt = desk.read(lambda tx: tx.trading()).halt
    assert halt is not None
    assert (halt.name, halt.reason) == ("Ana", "news at 8")


async def test_a_pause_of_a_halted_desk_changes_nothing_and_says_so(desk: FrontDesk) -> None:
    desk.playground.say("/kill", by=ANA)
    await until(lambda: state(desk) is TradingState.HALTED)
    desk.clock.advance(60)
    desk.playground.say("/pause", by=ANA)
    await desk.playground.wait_for_text("Nothing changed.")
    assert state(desk) is TradingState.HALTED


async def test_a_halt_of_a_paused_desk_wins(desk: FrontDesk) -> None:
    await paused(desk)
    desk.clock.advance(60)
    desk.playground.say("/kill", by=OLGA)
    await until(lambda: state(desk) is TradingState.HALTED)
    await desk.playground.wait_for_text("HALTED by Olga at 14:31:00")


@pytest.mark.parametrize("person", [VIC, SAM])
async def test_who_may_not_pauses_nothing(desk: FrontDesk, person: int) -> None:
    desk.playground.say("/pause", by=person)
    await desk.heard()
    assert state(desk) is TradingState.ACTIVE


async def test_an_approver_is_told_who_may_resume(desk: FrontDesk) -> None:
    await paused(desk)
    asked = desk.playground.say("/resume", by=ANA)
    told = await desk.playground.wait_for(lambda m: m.reply_to == asked.id)
    assert said(told) == "PAPER · /resume needs the role owner; yours is approver."


async def test_a_venue_that_was_not_compared_since_keeps_a_resume_from_working(
    desk: FrontDesk,
) -> None:
    """It is looked at as soon as somebody asks, and then it works."""
    await desk.stop("trading")
    desk.clock.advance(timedelta(minutes=1).total_seconds())
    await paused(desk)
    desk.playground.say("/resume", by=OLGA)
    shown = await desk.playground.wait_for_text("Not yet: main has not been compared")
    early = await desk.tap(shown, "Confirm resume", by=OLGA)
    assert early == CallbackAnswer(
        "main has not been compared with our orders since the pause.", alert=True
    )
    await desk.start("trading")

    def compared_since() -> bool:
        seen = desk.read(lambda tx: tx.comparisons.of("main"))
        return seen is not None and seen.at >= desk.clock()

    await until(compared_since)
    assert (await desk.tap(shown, "Confirm resume", by=OLGA)).text == "Trading again."
