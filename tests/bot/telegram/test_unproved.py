"""What people decide about an order nobody could prove: looked for again, marked as absent, named."""

from __future__ import annotations

import pytest

from bot.playground import CallbackAnswer, Message
from execution.events import EventKind
from execution.types import Order, OrderState, TicketState
from tests.desk import ANA, OLGA, SAM, VIC, FrontDesk
from tests.waiting import until

OVER = "Nothing to do here any more. The ticket is"


async def doubt_of(desk: FrontDesk, order: Order) -> Message:
    """The message about an order nobody could prove, once it stands where it is remembered."""
    told = await desk.playground.wait_for(lambda m: "Look again" in m.labels)

    def remembered() -> bool:
        post = desk.read(lambda tx: tx.chat.post("chat", f"doubt:{order.ticket}"))
        return post is not None and post.number == told.id

    await until(remembered)
    return told


def state(desk: FrontDesk, order: Order) -> OrderState:
    return desk.read(lambda tx: tx.orders.get(order.id)).state


def journaled(desk: FrontDesk, kind: EventKind) -> list[tuple[str | None, str | None]]:
    """By whom this was done: id and name."""
    return [
        (e.actor, e.data.get("name"))
        for e in desk.read(lambda tx: tx.journal.after(0))
        if e.kind is kind
    ]


async def test_message_has_the_evidence_and_the_buttons_and_the_card_points_to_it(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    told = await doubt_of(desk, order)
    assert "2 complete looks" in told.text
    assert order.client_order_id in told.text
    assert told.labels == ["Look again", "Details", "Mark as absent", "Adopt an id"]
    assert not told.silent
    card = await desk.card(desk.ticket(order.ticket))
    assert told.reply_to == card.id


async def test_looking_again_finds_at_once_what_the_exchange_shows_by_now(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    told = await doubt_of(desk, order)
    desk.paper.faults.hide_orders = False
    answer = await desk.tap(told, "Look again", by=ANA)
    assert answer == CallbackAnswer("Looking now. What it shows is said here.")
    await until(lambda: state(desk, order) is OrderState.WORKING)
    found = await desk.playground.wait_for(
        lambda m: m.id == told.id and "Found: paper knows the order." in m.text
    )
    assert found.labels == ["Cancel", "Edit", "Details"]
    assert journaled(desk, EventKind.ORDER_LOOK_ASKED) == [(f"tg:{ANA}", "Ana")]
    late = await desk.tap(told, "Look again", by=ANA)
    assert late == CallbackAnswer(f"{OVER} working.", alert=True)
    assert len(desk.paper.accepted) == 1


async def test_look_that_finds_nothing_says_so_and_takes_back_the_second_tap(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    asked = await confirming(desk, await doubt_of(desk, order))
    await desk.tap(asked, "Look again", by=ANA)
    told = await desk.playground.wait_for(
        lambda m: m.id == asked.id and "Looked again 14:30:00: not there" in m.text
    )
    assert "3 complete looks" in told.text
    assert "Mark as absent" in told.labels


async def test_look_that_the_exchange_did_not_answer_is_told_as_that(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    told = await doubt_of(desk, order)
    desk.paper.faults.unreachable = True
    await desk.tap(told, "Look again", by=ANA)
    said = await desk.playground.wait_for(
        lambda m: m.id == told.id and "Looked again 14:30:00: paper did not answer" in m.text
    )
    assert "2 complete looks" in said.text
    assert state(desk, order) is OrderState.STUCK


async def test_marking_as_absent_takes_a_second_tap_of_an_owner(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    told = await doubt_of(desk, order)
    head = desk.head()
    first = await desk.tap(told, "Mark as absent", by=OLGA)
    assert first == CallbackAnswer(None)
    asked = await desk.playground.wait_for(
        lambda m: m.id == told.id and "before you confirm" in m.text
    )
    assert asked.labels == ["Look again", "Details", "Confirm absent at paper", "Adopt an id"]
    assert desk.head() == head, "asking for the second tap decides nothing"
    assert (await desk.tap(asked, "Confirm", by=ANA)).text == "Only for owners."
    assert desk.head() == head
    second = await desk.tap(asked, "Confirm", by=OLGA)
    assert second == CallbackAnswer("Marked as absent. If it shows up after all, you are told.")
    assert state(desk, order) is OrderState.ABSENT
    assert desk.ticket(order.ticket).state is TicketState.FAILED
    assert journaled(desk, EventKind.ORDER_MARKED_ABSENT) == [(f"tg:{OLGA}", "Olga")]
    failed = await desk.playground.wait_for(
        lambda m: (
            "Marked as absent by Olga" in m.text and m.id != told.id and m.reply_to is not None
        )
    )
    assert failed.labels == ["Details", "Propose again"]
    again = await desk.tap(asked, "Confirm", by=OLGA)
    assert again == CallbackAnswer(
        "Nothing to do here any more. The ticket has failed.", alert=True
    )
    assert len(desk.paper.accepted) == 1


async def test_order_that_shows_up_after_it_was_marked_is_back_and_rings(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    told = await doubt_of(desk, order)
    asked = await confirming(desk, told)
    await desk.tap(asked, "Confirm", by=OLGA)
    assert state(desk, order) is OrderState.ABSENT
    desk.paper.faults.hide_orders = False
    desk.clock.advance(31)
    await until(lambda: state(desk, order) is OrderState.WORKING)
    alert = await desk.playground.wait_for_text("it exists after all at paper")
    assert "It had ended here: marked as absent by Olga." in alert.text
    assert alert.labels == ["Cancel", "Details"]
    assert not alert.silent
    assert len(desk.paper.accepted) == 1


async def confirming(desk: FrontDesk, told: Message) -> Message:
    """The message after the first tap on `Mark as absent`."""
    await desk.tap(told, "Mark as absent", by=OLGA)
    return await desk.playground.wait_for(
        lambda m: m.id == told.id and "before you confirm" in m.text
    )


async def test_buttons_hold_after_a_restart(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    asked = await confirming(desk, await doubt_of(desk, order))
    await restarted(desk)
    assert state(desk, order) is OrderState.STUCK
    looking = await desk.tap(asked, "Look again", by=ANA)
    assert looking.text == "Looking now. What it shows is said here."
    answer = await desk.tap(asked, "Confirm", by=OLGA)
    assert answer == CallbackAnswer("Marked as absent. If it shows up after all, you are told.")
    ended = await desk.playground.wait_for(
        lambda m: m.id == asked.id and "Marked as absent by Olga" in m.text
    )
    assert ended.labels == ["Details", "Propose again"]


async def restarted(desk: FrontDesk) -> None:
    """The process ends and the next one runs; the exchange still hides the order."""
    await desk.restart()
    desk.paper.faults.hide_orders = True
    await desk.start("trading", "intake", "notifier")


async def test_old_buttons_say_that_there_is_nothing_left_to_decide(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    told = await doubt_of(desk, order)
    asked = await confirming(desk, told)
    desk.paper.faults.hide_orders = False
    await desk.tap(told, "Look again", by=ANA)
    await until(lambda: state(desk, order) is OrderState.WORKING)
    head = desk.head()
    for message, label in (
        (told, "Look again"),
        (told, "Mark as absent"),
        (asked, "Confirm"),
        (told, "Adopt an id"),
    ):
        late = await desk.tap(message, label, by=OLGA)
        assert late == CallbackAnswer(f"{OVER} working.", alert=True)
    assert desk.head() == head


async def test_symbol_takes_orders_again_once_it_is_decided(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    refused = await desk.new_ticket(amount="0.001")
    assert [r.code for r in refused.refusals] == ["UNKNOWN_OUTCOME"]
    asked = await confirming(desk, await doubt_of(desk, order))
    await desk.tap(asked, "Confirm", by=OLGA)
    taken = await desk.new_ticket(amount="0.001")
    assert taken.state is TicketState.PENDING


async def test_halt_is_proved_once_the_order_is_decided(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    told = await doubt_of(desk, order)
    desk.playground.say("/kill", by=ANA)
    await desk.playground.wait_for_text("NOT DONE: 1 order may still be open at paper main")
    waiting = await desk.playground.wait_for(
        lambda m: m.id == told.id and "A cancel goes out with each look" in m.text
    )
    asked = await confirming(desk, waiting)
    await desk.tap(asked, "Confirm", by=OLGA)

    def proved() -> bool:
        desk.clock.advance(1)
        halt = desk.read(lambda tx: tx.trading()).halt
        return halt is not None and halt.verified_at is not None

    await until(proved)
    assert desk.ticket(order.ticket).state is TicketState.CANCELED


# --- an id that somebody names --------------------------------------------------------------------


async def asked_for_an_id(desk: FrontDesk, order: Order) -> Message:
    """The question an owner is asked after a tap on `Adopt an id`, once a reply to it is understood."""
    told = await doubt_of(desk, order)
    assert await desk.tap(told, "Adopt an id", by=OLGA) == CallbackAnswer(None)
    question = await desk.playground.wait_for_text("which order at paper is it?")
    subject = f"name_id:{order.id}:{question.id}"
    await until(lambda: desk.read(lambda tx: tx.chat.post("chat", subject)))
    return question


async def said_back(desk: FrontDesk, text: str, to: Message, *, by: int = OLGA) -> Message:
    """Somebody types a reply to a question, and is answered."""
    typed = desk.playground.say(text, by=by, reply_to=to.id)
    return await desk.playground.wait_for(lambda m: m.reply_to == typed.id)


async def venue_id(desk: FrontDesk, order: Order) -> str:
    """The exchange's id of our order, as a person would see it there."""
    desk.paper.faults.hide_orders = False
    (shown,) = await desk.paper.open_orders([])
    assert shown.client_order_id == order.client_order_id
    return shown.venue_order_id


async def test_id_that_fits_is_taken_and_the_order_carried_on(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    question = await asked_for_an_id(desk, order)
    assert question.force_reply
    named = await venue_id(desk, order)
    told = await said_back(desk, named, question)
    assert f"asking paper main about {named}" in told.text
    await until(lambda: state(desk, order) is OrderState.WORKING)
    adopted = await desk.playground.wait_for_text("as it was named")
    assert f"The order is {named} at paper" in adopted.text
    assert desk.read(lambda tx: tx.orders.get(order.id)).venue_order_id == named
    assert journaled(desk, EventKind.ORDER_NAMED) == [(f"tg:{OLGA}", "Olga")]
    late = await said_back(desk, named, question)
    assert f"{OVER} working." in late.text


async def test_id_that_the_exchange_does_not_show_changes_nothing(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    question = await asked_for_an_id(desk, order)
    await said_back(desk, "4711", question)
    told = await desk.playground.wait_for_text("4711 is not it")
    assert "main does not show an order with that id in BTC/USDT. Nothing changed." in told.text
    after = desk.read(lambda tx: tx.orders.get(order.id))
    assert (after.state, after.named_id, after.venue_order_id) == (OrderState.STUCK, None, None)


async def test_question_is_still_understood_after_a_restart(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    question = await asked_for_an_id(desk, order)
    await restarted(desk)
    assert state(desk, order) is OrderState.STUCK
    await said_back(desk, "4711", question)
    told = await desk.playground.wait_for_text("4711 is not it")
    assert "Nothing changed." in told.text


async def test_what_is_no_id_is_told_so_and_asks_nobody(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    question = await asked_for_an_id(desk, await desk.stuck_order())
    head = desk.head()
    for text in ("the second one", "<b>1</b>", "9" * 65):
        told = await said_back(desk, text, question)
        assert "That is no order id" in told.text
    assert desk.head() == head


async def test_id_of_an_order_whose_id_is_known_is_not_asked_for(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order(acknowledged=True)
    told = await doubt_of(desk, order)
    assert told.labels == ["Look again", "Details", "Mark as absent"]
    forged = await desk.button("name_id", desk.ticket(order.ticket))
    await desk.tap(told, forged, by=OLGA)
    question = await desk.playground.wait_for_text("which order at paper is it?")
    await until(
        lambda: desk.read(lambda tx: tx.chat.post("chat", f"name_id:{order.id}:{question.id}"))
    )
    answer = await said_back(desk, "4711", question)
    assert "The exchange has told its id already" in answer.text


@pytest.mark.parametrize("by", [ANA, VIC, SAM])
async def test_typed_reply_of_anybody_but_an_owner_changes_nothing(
    desk: FrontDesk, by: int
) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    question = await asked_for_an_id(desk, order)
    await desk.stop("trading")
    head, said = desk.head(), len(desk.said)
    desk.playground.say("4711", by=by, reply_to=question.id)
    desk.playground.say("4711", by=OLGA, reply_to=question.id, anonymous=True)
    await desk.heard()
    assert desk.head() == head
    answers = desk.said[said:]
    assert len(answers) == (0 if by == SAM else 1), "a stranger learns nothing"
    assert all("needs the role owner" in answer.text for answer in answers)


async def test_talk_that_answers_no_question_is_left_alone(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    order = await desk.stuck_order()
    told = await doubt_of(desk, order)
    await desk.stop("trading")
    head, said = desk.head(), len(desk.said)
    desk.playground.say("what now?", by=OLGA)
    desk.playground.say("4711", by=OLGA, reply_to=told.id)
    own = desk.playground.say("4711", by=ANA)
    desk.playground.say("4711", by=OLGA, reply_to=own.id)
    await desk.heard()
    assert desk.head() == head
    assert len(desk.said) == said


async def test_canceling_what_nobody_can_prove_shows_the_decision_again(desk: FrontDesk) -> None:
    """Its message may be far up, or gone."""
    await desk.start("trading", "intake")
    order = await desk.stuck_order()
    asked = desk.playground.say(f"/cancel {order.ticket}", by=OLGA)
    told = await desk.playground.wait_for(lambda m: m.reply_to == asked.id)
    assert "a person must decide" in told.text
    assert told.labels == ["Look again", "Details", "Mark as absent", "Adopt an id"]
    assert state(desk, order) is OrderState.STUCK, "no command ends it on its own"
