"""A ticket that only tries the path is never sent, whatever its row has become."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from execution import booking
from execution.desk import Person
from execution.receiving import SignalKey
from execution.store import Transaction
from execution.types import Ticket, TicketState
from tests.desk import OLGA, FrontDesk, front_desk
from tests.waiting import until

OLGA_HERSELF = Person(id=f"tg:{OLGA}", name="Olga")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as built:
        await built.start("trading")
        yield built


async def a_test(desk: FrontDesk) -> Ticket:
    key = SignalKey(value="message", keeps=timedelta(days=1))
    made = await desk.side.desk.test(key=key, person=OLGA_HERSELF)

    def ticket() -> Ticket | None:
        return next(iter(desk.read(lambda tx: tx.tickets.newest(limit=1, signal=made.id))), None)

    found = await until(ticket)
    assert found is not None
    return found


async def test_the_executor_makes_no_order_of_it_though_it_stands_as_approved(
    desk: FrontDesk,
) -> None:
    ticket = await a_test(desk)
    await desk.side.store.write(
        lambda tx: booking.move_ticket(tx, ticket, TicketState.APPROVED, reason=None)
    )
    await until(lambda: desk.ticket(ticket.id).state is TicketState.CANCELED)
    assert desk.ticket(ticket.id).reason == booking.TESTED
    assert desk.read(lambda tx: tx.orders.of_ticket(ticket.id)) == []
    assert desk.paper.accepted == []


async def test_the_votes_are_bound_to_its_being_a_test(desk: FrontDesk) -> None:
    """Somebody who makes an order of it in the database gets none."""
    ticket = await a_test(desk)
    assert ticket.terms is not None
    forged = ticket.evolve(terms=ticket.terms.evolve(test=False))

    def forge(tx: Transaction) -> None:
        tx.tickets.change(ticket, forged)
        booking.move_ticket(tx, forged, TicketState.APPROVED, reason=None)

    await desk.side.store.write(forge)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.FAILED)
    assert desk.paper.accepted == []
