"""The vote that approves a ticket and the order of it: one commit, then one send at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from execution.desk import Person
from execution.errors import StoreUnavailable
from execution.outcome import Answer, Outcome
from execution.types import OrderState, Ticket, TicketState, VoteKind
from tests.desk import ANA, OLGA, TOML, FrontDesk, front_desk
from tests.waiting import until

ANA_P = Person(id=f"tg:{ANA}", name="Ana")
OLGA_P = Person(id=f"tg:{OLGA}", name="Olga")
TWO = TOML + '[[approval.rules]]\nname = "two"\nrequired = 2\n'


async def approve(desk: FrontDesk, ticket: Ticket, by: Person = ANA_P) -> Answer:
    return await desk.side.desk.vote(ticket.id, revision=1, person=by, kind=VoteKind.APPROVE)


async def filled_once(desk: FrontDesk, ticket: Ticket) -> None:
    """Its order is filled, and no other one was made of it."""
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    orders = desk.read(lambda tx: tx.orders.of_ticket(ticket.id))
    assert [order.state for order in orders] == [OrderState.FILLED]
    assert len(desk.read(lambda tx: tx.fills.of_order(orders[0].id))) == 1


async def test_a_vote_and_the_order_it_approves_are_one_commit(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        ticket = await desk.new_ticket()
        seen: list[list[OrderState]] = []

        def look() -> None:
            of_ticket = desk.read(lambda tx: tx.orders.of_ticket(ticket.id))
            if desk.ticket(ticket.id).state is not TicketState.PENDING:
                seen.append([order.state for order in of_ticket])

        desk.side.store.on_commit(look)
        assert (await approve(desk, ticket)).outcome is Outcome.APPROVED
        assert seen[0] == [OrderState.SENDING]
        await filled_once(desk, ticket)


async def test_the_voter_is_answered_before_the_exchange_answers(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        ticket = await desk.new_ticket()
        desk.paper.faults.hold = held = asyncio.Event()
        assert (await approve(desk, ticket)).outcome is Outcome.APPROVED
        assert desk.order(ticket).state is OrderState.SENDING
        held.set()
        await filled_once(desk, ticket)


async def test_a_voter_who_does_not_wait_for_the_answer_changes_nothing(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        ticket = await desk.new_ticket()
        voting = asyncio.create_task(approve(desk, ticket))
        await asyncio.sleep(0)
        voting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await voting
        await filled_once(desk, ticket)


async def test_votes_of_two_people_at_the_same_moment_send_one_order(tmp_path: Path) -> None:
    async with front_desk(tmp_path, toml=TWO) as desk:
        await desk.start("trading")
        ticket = await desk.new_ticket()
        answers = await asyncio.gather(*(approve(desk, ticket, by) for by in (ANA_P, OLGA_P)))
        assert {a.outcome for a in answers} == {Outcome.COUNTED, Outcome.APPROVED}
        await filled_once(desk, ticket)


async def test_nothing_is_sent_by_a_vote_that_cannot_be_stored(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        ticket = await desk.new_ticket()
        with desk.broken_database(), pytest.raises(StoreUnavailable):
            await approve(desk, ticket)
        assert desk.ticket(ticket.id).state is TicketState.PENDING
        assert (await approve(desk, ticket)).outcome is Outcome.APPROVED
        await filled_once(desk, ticket)


async def test_what_is_approved_while_no_order_may_go_out_waits_for_the_time_it_may(
    tmp_path: Path,
) -> None:
    """A halt that could not be stored: nothing leaves until it is taken back."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        ticket = await desk.new_ticket()
        with desk.broken_database(), pytest.raises(StoreUnavailable):
            await desk.side.desk.halt(person=ANA_P, reason="")
        assert (await approve(desk, ticket)).outcome is Outcome.APPROVED
        assert desk.ticket(ticket.id).state is TicketState.APPROVED


async def test_what_is_approved_while_the_process_stops_is_sent_by_the_next_one(
    tmp_path: Path,
) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        ticket = await desk.new_ticket()
        await desk.side.executor.stop()
        assert (await approve(desk, ticket)).outcome is Outcome.APPROVED
        assert desk.ticket(ticket.id).state is TicketState.APPROVED
        await desk.restart()
        await desk.start("trading")
        await filled_once(desk, ticket)
