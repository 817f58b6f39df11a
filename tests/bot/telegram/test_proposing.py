"""What ended without an order is proposed again with one tap: the same terms, a card of its own, asked anew."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.playground import CallbackAnswer
from execution import editing
from execution.desk import Person
from execution.events import EventKind
from execution.types import OrderState, Ticket, TicketState, VoteKind
from tests.desk import ANA, OLGA, SAM, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
OLGA_HERSELF = Person(id=f"tg:{OLGA}", name="Olga")
TAKEN = CallbackAnswer("Proposed again: it is checked anew and gets its own card.")


async def made_of(desk: FrontDesk, ticket: Ticket) -> Ticket:
    """The ticket that another one was proposed again as."""

    def found() -> Ticket | None:
        (newest,) = desk.read(lambda tx: tx.tickets.newest(limit=1))
        signal = desk.read(lambda tx: tx.signals.get(newest.signal))
        return newest if signal.again == ticket.id else None

    made = await until(found)
    assert made is not None
    return made


async def propose(desk: FrontDesk, ticket: Ticket, *, by: int) -> CallbackAnswer:
    """Somebody taps `Propose again` below the card of a ticket that has ended."""
    button = await desk.button("propose", ticket, revision=ticket.revision)
    return await desk.tap(desk.playground.say("a message", by=SAM), button, by=by)


async def absent(desk: FrontDesk) -> Ticket:
    """A ticket that went straight out, and whose order an owner marked as absent."""
    order = await desk.stuck_order()
    await desk.side.desk.mark_absent(order.id, person=OLGA_HERSELF)
    return desk.ticket(order.ticket)


async def expired(desk: FrontDesk) -> Ticket:
    """A ticket nobody answered."""
    ticket = await desk.new_ticket(amount="0.01", stop_loss=D(58_900))
    desk.clock.advance(301)
    await desk.side.deadlines.expire()
    return desk.ticket(ticket.id)


async def test_order_that_does_not_exist_goes_out_again_only_after_a_fresh_approval(
    desk: FrontDesk,
) -> None:
    """Also where its source needs none: the first one may turn up after all."""
    await desk.start("trading", "intake")
    failed = await absent(desk)
    assert await propose(desk, failed, by=ANA) == TAKEN
    made = await made_of(desk, failed)
    assert (made.state, made.required, made.terms) == (TicketState.PENDING, 1, failed.terms)
    assert len(desk.paper.accepted) == 1
    await desk.side.desk.vote(made.id, revision=1, person=OLGA_HERSELF, kind=VoteKind.APPROVE)
    await until(lambda: len(desk.paper.accepted) == 2)


async def test_card_that_expired_is_proposed_again_with_the_same_terms(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    late = await expired(desk)
    assert await propose(desk, late, by=ANA) == TAKEN
    made = await made_of(desk, late)
    assert (made.state, made.terms) == (TicketState.PENDING, late.terms)
    assert made.expires_at is not None
    assert made.expires_at > desk.clock()
    assert desk.ticket(late.id) == late, "the one that ended stays as it was"


async def test_second_tap_makes_no_second_ticket_and_the_journal_has_who(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    late = await expired(desk)
    await propose(desk, late, by=ANA)
    await made_of(desk, late)
    again = await propose(desk, late, by=OLGA)
    assert again == CallbackAnswer("This was already proposed again.", alert=True)
    entries = [
        (e.actor, e.data["name"])
        for e in desk.read(lambda tx: tx.journal.of_ticket(late.id))
        if e.kind is EventKind.TICKET_PROPOSED
    ]
    assert entries == [(f"tg:{ANA}", "Ana")]
    assert len(desk.read(lambda tx: tx.tickets.newest(limit=5))) == 2


@pytest.mark.parametrize("by", [VIC, SAM])
async def test_nobody_proposes_who_may_not_approve(desk: FrontDesk, by: int) -> None:
    await desk.start("trading", "intake")
    late = await expired(desk)
    head = desk.head()
    answer = await propose(desk, late, by=by)
    assert answer.alert
    assert desk.head() == head


async def test_button_of_an_order_that_turned_up_meanwhile_does_nothing(desk: FrontDesk) -> None:
    """It failed, it was filled late: what is done is not proposed again."""
    await desk.start("trading", "intake")
    failed = await absent(desk)
    desk.paper.faults.hide_orders = False
    desk.prices.set_price("BTC/USDT", D(49_000))
    desk.clock.advance(31)
    await until(lambda: desk.ticket(failed.id).state is TicketState.DONE)
    head = desk.head()
    late = await propose(desk, failed, by=ANA)
    assert late == CallbackAnswer("Nothing to do here any more. The ticket is done.", alert=True)
    assert desk.head() == head


async def test_button_of_an_order_that_rests_after_all_does_nothing(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    failed = await absent(desk)
    desk.paper.faults.hide_orders = False
    desk.clock.advance(31)
    await until(lambda: desk.order(failed).state is OrderState.WORKING)
    assert desk.ticket(failed.id).state is TicketState.FAILED
    head = desk.head()
    late = await propose(desk, failed, by=ANA)
    assert late == CallbackAnswer("Nothing to do here any more. The ticket has failed.", alert=True)
    assert desk.head() == head


async def test_size_that_people_cut_is_the_size_proposed_again(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    ticket = await desk.new_ticket(amount="0.01")
    await desk.side.desk.edit(
        ticket.id, revision=1, person=ANA_HERSELF, change=editing.amount(D("0.005"))
    )
    desk.clock.advance(301)
    await desk.side.deadlines.expire()
    await propose(desk, desk.ticket(ticket.id), by=ANA)
    made = await made_of(desk, ticket)
    assert made.terms is not None
    assert made.terms.amount == D("0.005")


async def test_repeat_a_person_asks_for_is_no_senders_duplicate(tmp_path: Path) -> None:
    toml = TOML.replace("[risk]", '[risk]\nduplicate_window = "10m"')
    async with front_desk(tmp_path, toml=toml) as desk:
        await desk.start("trading", "intake")
        desk.paper.faults.refuse_next = "the account is closed"
        ticket = await desk.new_ticket(source="straight")
        await until(lambda: desk.ticket(ticket.id).state is TicketState.FAILED)
        await propose(desk, desk.ticket(ticket.id), by=ANA)
        made = await made_of(desk, ticket)
        assert (made.state, made.refusals) == (TicketState.PENDING, ())
        sent = await desk.new_ticket(source="straight")
        assert [r.code for r in sent.refusals] == ["DUPLICATE_WINDOW"]
