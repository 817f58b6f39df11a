"""Taps on buttons, by real updates: what each comes to, who may, and what changes nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.playground import CallbackAnswer
from bot.telegram.faces import POPUP_LIMIT, Action
from bot.telegram.taps import HANDLERS
from execution.approval import Role
from execution.desk import Person
from execution.types import OrderState, Side, Target, TicketState, TradingState, VoteKind
from tests.bot.telegram.subjects import (
    JUST_NOW,
    a_blocked_pair,
    a_drawdown,
    a_first_tap,
    a_halt_with_a_position,
    a_looser_limit,
    a_position,
    a_resting_entry,
    the_panel,
)
from tests.desk import ANA, OLGA, SAM, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
OTHER_GROUP = -1009999999999


async def test_approval_is_counted_and_the_order_goes_out(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    answer = await desk.tap(card, "Approve", by=ANA)
    assert answer == CallbackAnswer("Approved. Checked once more, then sent.", alert=False)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    (vote,) = desk.read(lambda tx: tx.tickets.votes(ticket.id))
    assert (vote.person, vote.name, vote.vote) == (f"tg:{ANA}", "Ana", VoteKind.APPROVE)
    await until(lambda: len(desk.paper.accepted) == 1)


async def test_second_tap_is_told_who_was_first_and_changes_nothing(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    await desk.tap(card, "Approve", by=ANA)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    head = desk.head()
    for by in (ANA, OLGA):
        for button in ("Approve", "Reject"):
            answer = await desk.tap(card, button, by=by)
            assert answer == CallbackAnswer("Ana approved this at 14:30:00.", alert=True)
    assert desk.head() == head
    assert len(desk.paper.accepted) == 1


async def test_one_reject_ends_the_ticket(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    answer = await desk.tap(card, "Reject", by=ANA)
    assert answer == CallbackAnswer("Rejected. Nothing was sent.", alert=False)
    assert desk.ticket(ticket.id).state is TicketState.REJECTED
    late = await desk.tap(card, "Approve", by=OLGA)
    assert late == CallbackAnswer("Ana rejected this at 14:30:00.", alert=True)
    assert desk.paper.accepted == []


async def test_tap_after_the_deadline_ends_the_ticket_as_expired(desk: FrontDesk) -> None:
    """Also when no tick has noticed yet: the deadline is a column, checked by whoever acts."""
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    desk.clock.advance(300)
    answer = await desk.tap(card, "Approve", by=ANA)
    assert answer == CallbackAnswer("Expired at 14:35:00.", alert=True)
    assert desk.ticket(ticket.id).state is TicketState.EXPIRED
    head = desk.head()
    assert await desk.tap(card, "Approve", by=ANA) == answer
    assert desk.head() == head
    assert desk.paper.accepted == []


async def test_price_that_moved_asks_again_and_sends_nothing(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    desk.prices.set_price("BTC/USDT", D(60_600))
    desk.side.market.feed("main").quotes.clear()
    await desk.side.market.fresh_quote("main", "BTC/USDT")
    answer = await desk.tap(card, "Approve", by=ANA)
    expected = "The price moved, nothing was sent: look at revision 2."
    assert answer == CallbackAnswer(expected, alert=True)
    asked = desk.ticket(ticket.id)
    assert (asked.state, asked.revision) == (TicketState.PENDING, 2)
    assert desk.paper.accepted == []


async def test_half_makes_a_new_revision_of_half_the_size(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket(amount="0.01")
    card = await desk.card(ticket)
    answer = await desk.tap(card, "½", by=ANA)
    assert answer == CallbackAnswer("Asked again as revision 2. Earlier votes are void.")
    halved = desk.ticket(ticket.id)
    assert halved.terms is not None
    assert (halved.revision, halved.terms.amount) == (2, D("0.005"))
    assert (halved.state, halved.required) == (TicketState.PENDING, 1)
    assert desk.read(lambda tx: tx.tickets.votes(ticket.id)) == []


async def test_tap_on_an_earlier_revision_is_superseded(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    old = await desk.card(ticket)
    await desk.tap(old, "½", by=ANA)
    head = desk.head()
    for button in ("Approve", "Reject", "½", "Edit"):
        answer = await desk.tap(old, button, by=OLGA)
        assert answer == CallbackAnswer("Changed since: look at revision 2.", alert=True)
    assert desk.head() == head


async def test_half_of_the_smallest_size_is_refused_and_the_card_stays(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket(amount="0.0001")
    card = await desk.card(ticket)
    head = desk.head()
    answer = await desk.tap(card, "½", by=ANA)
    assert answer.alert
    assert answer.text is not None
    assert answer.text.startswith("BELOW_MINIMUM: ")
    assert answer.text.endswith("It stays as it was.")
    assert desk.head() == head


async def test_edit_asks_what_should_change_and_a_chosen_size_is_a_new_revision(
    desk: FrontDesk,
) -> None:
    """The card keeps its buttons; asking is not voting and changes nothing yet."""
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket(amount="0.01")
    card = await desk.card(ticket)
    head = desk.head()
    await desk.tap(card, "Edit", by=ANA)
    question = await desk.playground.wait_for_text("what should change?")
    assert question.reply_to == card.id
    assert [label[0] for label in question.labels] == ["¼", "½", "¾"]
    assert desk.head() == head
    answer = await desk.tap(question, "¼", by=OLGA)
    assert answer == CallbackAnswer("Asked again as revision 2. Earlier votes are void.")
    edited = desk.ticket(ticket.id)
    assert edited.terms is not None
    assert (edited.revision, edited.terms.amount) == (2, D("0.0025"))
    late = await desk.tap(question, "¾", by=ANA)
    assert late == CallbackAnswer("Changed since: look at revision 2.", alert=True)


async def test_why_is_a_pop_up_when_it_fits(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    card = await desk.card(await desk.new_ticket())
    answer = await desk.tap(card, "Why", by=VIC)
    assert answer.alert
    assert answer.text is not None
    assert "checks passed" in answer.text
    assert len(answer.text) <= POPUP_LIMIT


async def test_why_is_a_reply_to_the_message_when_it_is_long(tmp_path: Path) -> None:
    name = "small orders of tv go straight through, says the owner"
    async with front_desk(
        tmp_path, toml=TOML.replace('"straight"\nwhen', f'"{name}"\nwhen')
    ) as desk:
        await desk.start("trading", "intake", "notifier")
        targets = (Target(price=D(61_500), share=D(1)),)
        ticket = await desk.new_ticket(source="straight", stop_loss=D(58_900), take_profit=targets)
        await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
        told = await desk.playground.wait_for_text("Filled: bought")
        asked = replace(told, keyboard=((await desk.button("why", ticket),),))
        assert await desk.tap(asked, "why", by=VIC) == CallbackAnswer(None)
        reply = await desk.playground.wait_for_text(desk.order(ticket).client_order_id)
        assert reply.reply_to == told.id


async def test_what_a_refused_signal_asked_for_is_proposed_once_at_the_size_that_passes(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake", "notifier")
    refused = await desk.new_ticket(notional="54000")
    assert refused.state is TicketState.REFUSED
    told = await desk.playground.wait_for_text("Refused: BUY")
    answer = await desk.tap(told, "Propose", by=ANA)
    expected = "Proposed again: it is checked anew and gets its own card."
    assert answer == CallbackAnswer(expected)
    made = await until(lambda: desk.read(lambda tx: tx.tickets.in_state(TicketState.PENDING)))
    assert made[0].terms is not None
    assert D(990) < made[0].terms.notional <= D(1000)
    head = desk.head()[0]
    again = await desk.tap(told, "Propose", by=OLGA)
    assert again == CallbackAnswer("This was already proposed again.", alert=True)
    assert len(desk.read(lambda tx: tx.tickets.newest(limit=10))) == 2
    kinds = [str(e.kind) for e in desk.read(lambda tx: tx.journal.after(head))]
    assert kinds == ["signal_repeated"], "a repeat is journaled, and nothing else happens"


async def test_the_rest_of_a_resting_order_is_canceled(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.resting_order()
    ticket = desk.ticket(order.ticket)
    card = await desk.card(ticket)
    button = await desk.button("cancel_rest", ticket)
    answer = await desk.tap(card, button, by=ANA)
    expected = "The exchange is asked to cancel what is left. The card says when it has."
    assert answer == CallbackAnswer(expected)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.CANCELED)
    assert await desk.paper.open_orders([]) == []
    again = await desk.tap(card, button, by=ANA)
    assert again == CallbackAnswer(
        "Nothing to do here any more. The ticket is canceled.", alert=True
    )


async def test_refresh_edits_the_status_in_place(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    desk.playground.say("/status", by=VIC)
    status = await desk.playground.wait_for_text("up 0\u00a0s")
    desk.clock.advance(90)
    assert await desk.tap(status, "Refresh", by=VIC) == CallbackAnswer(None)
    edited = await desk.playground.wait_for(lambda m: m.id == status.id and m.text != status.text)
    assert "up 1\u00a0min 30\u00a0s" in edited.text


async def test_refresh_that_changes_nothing_is_answered_all_the_same(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    desk.playground.say("/status", by=VIC)
    status = await desk.playground.wait_for_text("up 0\u00a0s")
    assert await desk.tap(status, "Refresh", by=VIC) == CallbackAnswer(None)
    await desk.chat.intake.stop()
    assert desk.playground.malformed == []


async def test_owner_resumes_once_the_halt_is_proved(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    desk.playground.say("/kill", by=ANA)
    await until(lambda: desk.read(lambda tx: tx.trading()).halt)
    desk.playground.say("/resume", by=OLGA)
    plan = await desk.playground.wait_for_text("Resume?")
    early = await desk.tap(plan, "Confirm resume", by=OLGA)
    assert early.alert
    assert early.text == "The halt is not done yet: something of ours may still be open."
    assert desk.read(lambda tx: tx.trading()).state is TradingState.HALTED
    await proved(desk)
    answer = await desk.tap(plan, "Confirm resume", by=OLGA)
    assert answer == CallbackAnswer("Trading again.")
    assert desk.read(lambda tx: tx.trading()).state is TradingState.ACTIVE
    await desk.playground.wait_for_text("Resumed by Olga at")


async def test_confirmation_of_an_earlier_halt_does_not_lift_a_later_one(desk: FrontDesk) -> None:
    """The button is bound to the halt whose plan it stands under."""
    await desk.start("trading", "intake")
    await halted_and_proved(desk)
    desk.playground.say("/resume", by=OLGA)
    plan = await desk.playground.wait_for_text("Resume?")
    await desk.tap(plan, "Confirm resume", by=OLGA)
    await halted_and_proved(desk)
    head = desk.head()
    answer = await desk.tap(plan, "Confirm resume", by=OLGA)
    assert answer.alert
    assert desk.read(lambda tx: tx.trading()).state is TradingState.HALTED
    assert desk.head() == head


async def halted_and_proved(desk: FrontDesk) -> None:
    await desk.side.desk.halt(person=Person(id="api", name="api"), reason="")
    await proved(desk)


async def proved(desk: FrontDesk) -> None:
    """The halt is proved by two looks three seconds apart; the clock is moved between them."""

    def verified() -> bool:
        desk.clock.advance(1)
        halt = desk.read(lambda tx: tx.trading()).halt
        return halt is not None and halt.verified_at is not None

    await until(verified, timeout_s=8)


async def test_tap_on_a_voided_card_says_who_halted(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    desk.playground.say("/kill", by=ANA)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.CANCELED)
    for button in ("Approve", "Reject", "½", "Edit"):
        answer = await desk.tap(card, button, by=OLGA)
        assert answer == CallbackAnswer("Halted by Ana at 14:30:00.", alert=True)


# --- who may -------------------------------------------------------------------------------------

SUBJECT = {
    Action.REFRESH_STATUS: "status",
    Action.CONFIRM_RESUME: "resume:1",
    Action.PAGE: "pending:",
}
DESK_WIDE = {
    Action.CANCEL_ENTRIES: a_resting_entry,
    Action.RELEASE_PAIR: a_blocked_pair,
    Action.CONFIRM_RELEASE: a_blocked_pair,
    Action.CONFIRM_LIMIT: a_looser_limit,
    Action.RESET_DRAWDOWN: a_drawdown,
    Action.KILL: the_panel,
    Action.CONFIRM_KILL: a_first_tap(ANA),
    Action.REFRESH_PANEL: the_panel,
    Action.SHOW_STATUS: the_panel,
    Action.FLATTEN: a_halt_with_a_position,
    Action.CONFIRM_FLATTEN: a_halt_with_a_position,
    Action.CLOSE: a_position,
    Action.CONFIRM_CLOSE: a_position,
}
"""What a button is about; all others are about a ticket."""
UNPROVED = {Action.LOOK_AGAIN, Action.MARK_ABSENT, Action.CONFIRM_ABSENT, Action.NAME_ID}
"""Buttons about an order that nobody could prove."""
ARGUMENT = {
    Action.RESIZE: "0.001",
    Action.REPLACE: "0.001",
    Action.PROPOSE: "100",
    Action.CONFIRM_ABSENT: "0",
    Action.CONFIRM_FLATTEN: JUST_NOW,
    Action.CONFIRM_CLOSE: JUST_NOW,
}
EDITS = {
    Action.REFRESH_STATUS,
    Action.MARK_ABSENT,
    Action.RELEASE_PAIR,
    Action.PAGE,
    Action.FLATTEN,
    Action.CLOSE,
}
"""What is answered by an edit of the bot's own message."""
PEOPLE = {OLGA: Role.OWNER, ANA: Role.APPROVER, VIC: Role.VIEWER, SAM: None}


async def a_ticket_for(action: Action, desk: FrontDesk) -> str:
    """The subject of a button that would change something, so that a forbidden tap could."""
    if action in SUBJECT:
        return SUBJECT[action]
    if action in DESK_WIDE:
        return await DESK_WIDE[action](desk)
    if action in {Action.CANCEL_REST, Action.REPLACE}:
        return f"ticket:{(await desk.resting_order()).ticket}"
    if action in UNPROVED:
        return f"ticket:{(await desk.stuck_order()).ticket}"
    notional = "54000" if action is Action.PROPOSE else "600"
    return f"ticket:{(await desk.new_ticket(notional=notional)).id}"


@pytest.mark.parametrize("action", list(HANDLERS))
async def test_button_works_for_the_least_role_that_may(desk: FrontDesk, action: Action) -> None:
    """The other half of the matrix: without it, a button that never works would pass."""
    await desk.start("trading", "intake")
    subject = await a_ticket_for(action, desk)
    if action is Action.CONFIRM_RESUME:
        await halted_and_proved(desk)
    argument = ARGUMENT.get(action, "")
    button = await desk.button_about(action, subject, revision=1, argument=argument)
    if action is Action.SHOW_CARD:
        await desk.start("notifier")
        await desk.card(desk.ticket(subject.partition(":")[2]))
        await desk.stop("notifier")
    if action in EDITS:
        desk.playground.say("/status", by=VIC)
        message = await desk.playground.wait_for_text("up ")
    else:
        message = desk.playground.say("a message", by=SAM)
    needs, _ = HANDLERS[action]
    (least,) = (id for id, role in PEOPLE.items() if role is needs)
    head = desk.head()
    answer = await desk.tap(message, button, by=least)
    assert not answer.alert or action is Action.WHY, answer
    asks = {Action.EDIT, Action.MARK_ABSENT, Action.NAME_ID, Action.KILL, Action.RELEASE_PAIR}
    asks |= {Action.FLATTEN, Action.CLOSE}
    looks = {Action.WHY, Action.REFRESH_STATUS, Action.PAGE, Action.SHOW_CARD}
    looks |= {Action.REFRESH_PANEL, Action.SHOW_STATUS}
    assert (desk.head() == head) == (action in looks | asks)
    await desk.heard()


async def test_replayed_tap_counts_once(desk: FrontDesk) -> None:
    """The same callback data again and again is one vote and one order."""
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    answers = [desk.playground.tap(card, card.button("Approve"), by=ANA) for _ in range(5)]
    said = [await answer for answer in answers]
    assert [answer.alert for answer in said] == [False, True, True, True, True]
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    assert len(desk.read(lambda tx: tx.tickets.votes(ticket.id))) == 1
    assert len(desk.paper.accepted) == 1


async def test_sell_of_what_is_not_there_never_becomes_a_card(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await desk.new_ticket(side=Side.SELL)
    assert [r.code for r in ticket.refusals] == ["NO_POSITION"]
    assert desk.read(lambda tx: tx.orders.in_state(*OrderState)) == []
