"""What people type below a card, or its question, to change it: a new revision that asks again, or a short answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.playground import CallbackAnswer, Message
from execution.desk import Person
from execution.figures import THIN
from execution.types import OrderType, Side, Target, Terms, Ticket, TicketState, VoteKind
from tests.desk import ANA, OLGA, SAM, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
TWO = '\n[[approval.rules]]\nname = "large"\nwhen = { notional_from = 500 }\nrequired = 2\n'


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as built:
        await built.start("trading", "intake", "notifier")
        yield built


def terms_of(desk: FrontDesk, ticket: Ticket) -> Terms:
    """The terms of its newest revision."""
    terms = desk.ticket(ticket.id).terms
    assert terms is not None
    return terms


async def asked_about(desk: FrontDesk, ticket: Ticket, *, by: int = ANA) -> Message:
    """The question that `Edit` posts."""
    card = await desk.card(ticket)
    card = await desk.playground.wait_for(
        lambda m: m.id == card.id and "Edit" in m.labels, timeout_s=8
    )
    await desk.tap(card, "Edit", by=by)
    question = await desk.playground.wait_for_text("what should change?")
    await desk.heard()
    return question


async def typed(desk: FrontDesk, text: str, to: Message, *, by: int = ANA) -> str:
    """What is answered to a typed reply; nothing where nothing is said."""
    said = len(desk.said)
    written = desk.playground.say(text, by=by, reply_to=to.id)
    await desk.heard()
    return "".join(m.text for m in desk.said[said:] if m.reply_to == written.id)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("0.004", {"amount": D("0.004")}),
        ("$300 @ 60000", {"amount": D("0.005"), "price": D(60_000)}),
        ("@ 59900", {"price": D(59_900), "type": OrderType.LIMIT, "worst_price": None}),
        ("@59900", {"price": D(59_900), "worst_price": None}),
        ("sl 58900", {"stop_loss": D(58_900)}),
        ("sl\u00a058900", {"stop_loss": D(58_900)}),
        ("tp 61500", {"take_profit": (Target(price=D(61_500), share=D(1)),)}),
        (
            "tp 61500 tp 63000",
            {
                "take_profit": (
                    Target(price=D(61_500), share=D("0.5")),
                    Target(price=D(63_000), share=D("0.5")),
                )
            },
        ),
        (
            "0.005 @ 59900 SL 58900 TP 61500",
            {"amount": D("0.005"), "price": D(59_900), "stop_loss": D(58_900)},
        ),
    ],
)
async def test_a_typed_reply_to_the_question_changes_what_it_says(
    desk: FrontDesk, text: str, changed: dict[str, object]
) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    before = terms_of(desk, ticket)
    answer = await typed(desk, text, await asked_about(desk, ticket))
    assert "Asked again as revision 2. Earlier votes are void." in answer
    after = terms_of(desk, ticket)
    assert {name: getattr(after, name) for name in changed} == changed
    kept = {"amount", "price", "stop_loss", "take_profit"} - set(changed)
    if "TP" not in text:
        assert all(getattr(after, name) == getattr(before, name) for name in kept)
    assert desk.ticket(ticket.id).state is TicketState.PENDING


async def test_the_card_shows_the_change_and_keeps_its_buttons(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    card = await desk.card(ticket)
    await typed(desk, "0.004 sl 58900", await asked_about(desk, ticket))
    edited = await desk.playground.wait_for(
        lambda m: m.id == card.id and "revision 2" in m.text, timeout_s=8
    )
    assert "BUY 0.004 BTC/USDT" in edited.text
    assert "Size and stop changed by Ana. Earlier votes are void." in edited.text
    assert [label.split()[0] for label in edited.labels] == [
        "Approve", "Reject", "½", "Edit", "Why",
    ]  # fmt: skip


async def test_a_change_can_be_typed_below_the_card_itself(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    card = await desk.card(ticket)
    assert "revision 2" in await typed(desk, "@ 59900", card)
    assert "revision 3" in await typed(desk, "sl 58900", card)
    assert (terms_of(desk, ticket).price, terms_of(desk, ticket).stop_loss) == (
        D(59_900),
        D(58_900),
    )


async def test_people_may_talk_below_a_card(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    head = desk.head()
    for by, text in ((ANA, "looks good to me"), (VIC, "not to me"), (SAM, "buy!")):
        assert await typed(desk, text, card, by=by) == ""
    assert desk.head() == head


async def test_a_change_voids_votes_and_old_buttons_and_is_no_vote(tmp_path: Path) -> None:
    async with front_desk(tmp_path, toml=TOML + TWO) as desk:
        await desk.start("trading", "intake", "notifier")
        ticket = await desk.new_ticket(amount="0.01")
        card = await desk.card(ticket)
        await desk.tap(card, "Approve", by=OLGA)
        question = await asked_about(desk, ticket)
        await typed(desk, "0.001", question)
        after = desk.ticket(ticket.id)
        assert (after.rule, after.required) == ("default", 2), "it never needs less than before"
        late = await desk.tap(card, "Approve", by=OLGA)
        assert late == CallbackAnswer("Changed since: look at revision 2.", alert=True)
        for by, state in ((ANA, TicketState.PENDING), (OLGA, TicketState.DONE)):
            person = Person(id=f"tg:{by}", name="one")
            await desk.side.desk.vote(ticket.id, revision=2, person=person, kind=VoteKind.APPROVE)
            await until(lambda s=state: desk.ticket(ticket.id).state is s)


async def test_a_price_given_bounds_the_order_and_is_sent_as_it_stands(desk: FrontDesk) -> None:
    """The market may move as far as it likes: nothing is asked again, and nothing is sent past it."""
    ticket = await desk.new_ticket(amount="0.01")
    await typed(desk, "@ 59900", await asked_about(desk, ticket))
    desk.prices.set_price("BTC/USDT", D(60_900))
    desk.side.market.feed("main").quotes.clear()
    await desk.side.market.fresh_quote("main", "BTC/USDT")
    await desk.side.desk.vote(ticket.id, revision=2, person=ANA_HERSELF, kind=VoteKind.APPROVE)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    assert (desk.order(ticket).price, desk.order(ticket).amount) == (D(59_900), D("0.01"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("half", 'Amount is not a number: "half"'),
        ("tp 61500 or so", "This has a word that was not understood"),
        ("0,02", 'Amount is not a number: "0,02"'),
        ("-1", "Amount must be above zero"),
        ("1e400", "Amount is too large or too fine"),
        ("$", "Value is not a number"),
        ("@", "Limit is missing after @"),
        ("@ 59900 @ 59800", "Limit is given twice"),
        ("0.02 0.03", 'was not understood: "0.03"'),
        ("sl nan", 'Stop is not a number: "nan"'),
        ("tp ٦٠٠٠٠", "Target is not a number"),
    ],
)
async def test_what_is_no_change_is_answered_with_what_to_type(
    desk: FrontDesk, text: str, says: str
) -> None:
    ticket = await desk.new_ticket()
    question = await asked_about(desk, ticket)
    head = desk.head()
    answer = await typed(desk, text, question)
    assert says in answer
    assert "Nothing changed. Reply with what is to be otherwise: 0.02 · $1200" in answer
    assert desk.head() == head


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("$54000", "MAX_ORDER_NOTIONAL: 54 000 is over 1 000. It stays as it was."),
        ("sl 61000", "The stop 61 000 is on the wrong side of the entry at 60 000."),
        ("tp 59000", "The target 59 000 is on the wrong side of the entry at 60 000."),
        ("@ 58000 sl 58500", "The stop 58 500 is on the wrong side of the entry at 58 000."),
        ("0.0000001", "BELOW_MINIMUM: "),
        ("0.01", "Nothing would change: the card says that already."),
    ],
)
async def test_what_a_rule_refuses_is_told_with_its_figures_and_the_ticket_stays(
    desk: FrontDesk, text: str, says: str
) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    question = await asked_about(desk, ticket)
    before, head = desk.ticket(ticket.id), desk.head()
    answer = (await typed(desk, text, question)).replace("\u202f", " ")
    assert says in answer
    assert (desk.ticket(ticket.id), desk.head()) == (before, head)


async def test_a_stop_on_a_spot_sell_is_refused(desk: FrontDesk) -> None:
    bought = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
    ticket = await desk.new_ticket(side=Side.SELL, amount="0.005")
    answer = await typed(desk, "sl 61000", await asked_about(desk, ticket))
    assert "SHORT_ON_SPOT" in answer
    assert desk.ticket(ticket.id).revision == 1


@pytest.mark.parametrize(("by", "says"), [(VIC, "This needs the role approver"), (SAM, "")])
async def test_nobody_changes_anything_who_may_not(desk: FrontDesk, by: int, says: str) -> None:
    ticket = await desk.new_ticket()
    card, question = await desk.card(ticket), await asked_about(desk, ticket)
    head = desk.head()
    for message in (card, question):
        answer = await typed(desk, "0.001", message, by=by)
        assert answer.startswith(f"PAPER · {says}") if says else not answer
    assert desk.head() == head


async def test_a_question_about_an_earlier_revision_changes_nothing(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    question = await asked_about(desk, ticket)
    await typed(desk, "0.004", question)
    head = desk.head()
    assert "Changed since: look at revision 2." in await typed(desk, "0.003", question, by=OLGA)
    assert desk.head() == head


async def test_what_no_longer_waits_is_not_changed(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket()
    card, question = await desk.card(ticket), await asked_about(desk, ticket)
    await desk.tap(card, "Reject", by=OLGA)
    head = desk.head()
    for message in (question, card):
        assert "Olga rejected this at 14:30:00." in await typed(desk, "0.001", message)
    assert desk.head() == head


async def test_while_halted_nothing_is_changed(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket()
    question = await asked_about(desk, ticket)
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    assert "Halted by Ana at 14:30:00." in await typed(desk, "0.001", question)
    assert desk.ticket(ticket.id).state is TicketState.CANCELED


async def test_the_audit_tells_who_changed_what(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    await typed(desk, "0.004 @ 59900 sl 58900 tp 61500", await asked_about(desk, ticket))
    told = await typed(desk, f"/audit {ticket.id[-4:]}", await desk.card(ticket), by=VIC)
    assert (
        "Ana changed size 0.01 to 0.004, limit none to 59 900, stop none to 58 900, "
        "target none to 61 500: revision 2"
    ) in told.replace(THIN, " ")


async def test_what_the_question_says_can_be_copied_and_changed(desk: FrontDesk) -> None:
    """As it stands it is what the card says already."""
    target = (Target(price=D(61_500), share=D(1)),)
    ticket = await desk.new_ticket(
        amount="0.01", price=D("59900.12"), stop_loss=D("58900.5"), take_profit=target
    )
    question = await asked_about(desk, ticket)
    forms = [
        question.text[entity["offset"] : entity["offset"] + entity["length"]]
        for entity in question.entities
        if entity["type"] == "code"
    ]
    assert forms[1] == "$599"
    said = " ".join(form for form in forms if not form.startswith("$"))
    assert "Nothing would change" in await typed(desk, said, question)
    assert "revision 2" in await typed(desk, said.replace("58900.5", "58800"), question)
    assert terms_of(desk, ticket).stop_loss == D(58_800)


async def test_more_targets_than_a_signal_may_have_are_too_many_here_too(
    desk: FrontDesk,
) -> None:
    ticket = await desk.new_ticket()
    answer = await typed(desk, "tp 61000 " * 11, await asked_about(desk, ticket))
    assert "Target is a list of the wrong length" in answer
    assert desk.ticket(ticket.id).revision == 1


# --- an order that rests ---------------------------------------------------------------------------


async def test_an_order_that_rests_is_changed_by_a_card_of_its_own(desk: FrontDesk) -> None:
    order = await desk.resting_order()
    card = await desk.card(desk.ticket(order.ticket))
    question = await asked_about(desk, desk.ticket(order.ticket))
    assert "The order stays until a card for the changed one is approved." in question.text
    assert question.labels == [
        "¼ 125 USDT", "½ 250 USDT", "¾ 375 USDT",
    ]  # fmt: skip
    answer = await typed(desk, "@ 49000", question)
    assert "The order stays as it is. A card asks for the changed one" in answer
    short = desk.ticket(order.ticket).id[-4:]
    asked = await desk.playground.wait_for_text("which is canceled once this is approved")
    assert f"In the place of T-{short}" in asked.text
    assert [label.split()[0] for label in asked.labels][:2] == ["Approve", "Reject"]
    assert desk.order(desk.ticket(order.ticket)).cancel_requested_at is None
    await desk.tap(asked, asked.button("Approve"), by=ANA)
    old = desk.ticket(order.ticket)

    def over() -> bool:
        desk.clock.advance(0.03)
        return desk.ticket(order.ticket).state is TicketState.CANCELED

    await until(over, timeout_s=20)
    await desk.playground.wait_for(lambda m: m.id == card.id and "changed order" in m.text)
    assert old.terms is not None


async def test_a_size_of_what_is_left_is_a_tap_away(desk: FrontDesk) -> None:
    order = await desk.resting_order()
    question = await asked_about(desk, desk.ticket(order.ticket))
    await desk.tap(question, question.button("½"), by=ANA)
    asked = await desk.playground.wait_for_text("which is canceled once this is approved")
    assert "BUY 0.005 BTC/USDT" in asked.text


async def test_a_size_of_more_than_is_left_by_now_is_not_taken(desk: FrontDesk) -> None:
    order = await desk.resting_order()
    question = await asked_about(desk, desk.ticket(order.ticket))
    desk.prices.set_price("BTC/USDT", D(49_900), depth=D("0.003"))

    def filled() -> bool:
        desk.clock.advance(0.1)
        return desk.order(desk.ticket(order.ticket)).reported > 0

    await until(filled, timeout_s=20)
    desk.prices.set_price("BTC/USDT", D(60_000))
    await until(lambda: desk.read(lambda tx: tx.fills.of_order(order.id)))
    answer = await desk.tap(question, question.button("¾"), by=ANA)
    assert answer == CallbackAnswer("Less of it is left by now: tap Edit again.", alert=True)
    assert desk.read(lambda tx: tx.signals.waiting()) == []


async def test_a_button_for_a_size_of_a_card_that_waited_is_late_once_its_order_rests(
    desk: FrontDesk,
) -> None:
    ticket = await desk.new_ticket(amount="0.01", price=D(50_000))
    question = await asked_about(desk, ticket)
    await desk.side.desk.vote(ticket.id, revision=1, person=ANA_HERSELF, kind=VoteKind.APPROVE)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    answer = await desk.tap(question, question.button("½"), by=OLGA)
    assert answer.text.startswith("Ana approved this")
    assert desk.read(lambda tx: tx.signals.waiting()) == []


async def test_what_cannot_be_read_of_a_stop_price_is_said(desk: FrontDesk) -> None:
    order = await desk.resting_order()
    question = await asked_about(desk, desk.ticket(order.ticket))
    assert "Stop price" in await typed(desk, "stop x", question)
    assert "It waits for no price that could be changed." in await typed(
        desk, "stop 58000", question
    )
