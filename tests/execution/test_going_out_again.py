"""An order that certainly never left goes out again: only as it stands with the world by then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from execution.desk import Person
from execution.types import OrderState, Ticket, TicketState, VoteKind
from tests.desk import ANA, FrontDesk, NoCandles, front_desk
from tests.waiting import until

ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path, prices=NoCandles()) as made:
        await made.start("trading")
        yield made


async def never_left(desk: FrontDesk) -> Ticket:
    """An approved ticket whose order could not reach the exchange, which answers again by now."""
    ticket = await desk.new_ticket(amount="0.01")
    desk.paper.faults.unreachable = True
    await desk.side.desk.vote(ticket.id, revision=1, person=ANA_HERSELF, kind=VoteKind.APPROVE)
    await until(lambda: desk.order(ticket).state is OrderState.PLANNED)
    desk.paper.faults.unreachable = False
    return ticket


def pass_seconds(desk: FrontDesk, seconds: float) -> None:
    """So much time passes, and prices are asked for at once."""
    desk.clock.advance(seconds)
    desk.side.market.feed("main").wake.set()


async def test_it_goes_out_again_when_nothing_objects(desk: FrontDesk) -> None:
    ticket = await never_left(desk)
    pass_seconds(desk, 3)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)


async def test_it_does_not_while_another_order_of_its_symbol_is_in_doubt(desk: FrontDesk) -> None:
    ticket = await never_left(desk)
    desk.paper.faults.lose_next_request = desk.paper.faults.hide_orders = True
    lost = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(lost.id).state is TicketState.WORKING)
    await until(lambda: desk.order(lost).state is OrderState.IN_DOUBT)
    pass_seconds(desk, 3)
    await until(lambda: desk.order(ticket).state is not OrderState.PLANNED)
    order = desk.order(ticket)
    assert (order.state, order.attempts) == (OrderState.DENIED, 1)
    assert order.reason == "BTC/USDT at main waits for an order in doubt."
    assert desk.paper.accepted == []


async def test_it_does_not_once_the_price_has_moved_past_what_was_approved(desk: FrontDesk) -> None:
    ticket = await never_left(desk)
    desk.prices.set_price("BTC/USDT", Decimal(61_000))
    pass_seconds(desk, 3)
    await until(lambda: desk.order(ticket).state is not OrderState.PLANNED)
    assert desk.order(ticket).state is OrderState.DENIED
    assert desk.order(ticket).reason == "the price moved past what was approved."
    assert desk.paper.accepted == []


async def test_without_a_fresh_price_it_waits_until_its_approval_is_old(desk: FrontDesk) -> None:
    ticket = await never_left(desk)
    desk.paper.faults.unreachable = True
    pass_seconds(desk, 61)
    await until(lambda: desk.order(ticket).state is not OrderState.PLANNED)
    assert desk.order(ticket).reason == "it could not be sent while its approval held"
