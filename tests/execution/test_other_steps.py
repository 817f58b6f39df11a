"""A market's steps change after people approved: what it still takes goes out, anything else is asked about anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.desk import Person
from execution.types import OrderState, OrderType, Side, Ticket, TicketState
from tests.bot.telegram.subjects import a_position
from tests.desk import ANA, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
BTC = "BTC/USDT"
STOP = {"type": OrderType.STOP, "side": Side.SELL, "stop_price": D("59000.04"), "amount": "0.00999"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as made:
        await made.start("trading", "intake", "notifier")
        yield made


async def approved(desk: FrontDesk, *, steps: tuple[str, str], **fields: Any) -> Ticket:
    """A ticket that somebody approves once the market has these steps, of amounts and of prices."""
    ticket = await desk.new_ticket(**fields)
    card = await desk.card(ticket)
    desk.prices.set_steps(BTC, amount=D(steps[0]), price=D(steps[1]))
    await desk.paper.refresh()
    await desk.tap(card, card.labels[0], by=ANA)
    return ticket


async def asked_again(desk: FrontDesk, ticket: Ticket) -> Ticket:
    """The ticket once people are asked about its second revision."""
    await until(lambda: desk.ticket(ticket.id).revision == 2)
    again = desk.ticket(ticket.id)
    assert again.state is TicketState.PENDING
    assert desk.read(lambda tx: tx.orders.of_ticket(ticket.id)) == []
    return again


async def test_an_amount_between_the_new_steps_is_asked_about_again_in_whole_ones(
    desk: FrontDesk,
) -> None:
    ticket = await approved(desk, steps=("0.001", "0.01"), amount="0.0125")
    again = await asked_again(desk, ticket)
    assert again.terms is not None
    assert again.terms.amount == D("0.012")
    await desk.playground.wait_for_text("The market's steps are not what they were")


async def test_a_stop_price_between_the_new_steps_is_asked_about_again(desk: FrontDesk) -> None:
    await a_position(desk)
    ticket = await approved(desk, steps=("0.00001", "0.1"), **STOP)
    again = await asked_again(desk, ticket)
    assert again.terms is not None
    assert again.terms.stop_price == D("59000.1")  # no later than was asked for


async def test_a_price_between_the_new_steps_goes_out_at_the_next_one_that_costs_no_more(
    desk: FrontDesk,
) -> None:
    limit = {"price": D("50000.07"), "amount": "0.01"}
    ticket = await approved(desk, steps=("0.00001", "0.1"), **limit)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    await until(lambda: desk.order(ticket).state is OrderState.WORKING)
    (resting,) = await desk.paper.open_orders([])
    assert resting.price == D("50000.0")
    assert desk.ticket(ticket.id).revision == 1


async def test_an_order_at_the_market_goes_out_in_the_new_steps(desk: FrontDesk) -> None:
    ticket = await approved(desk, steps=("0.001", "1"), amount="0.01")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    assert desk.order(ticket).price == D(60_060)


async def test_a_stop_that_gave_way_stands_again_on_a_step_of_now_that_fires_no_later(
    desk: FrontDesk,
) -> None:
    await a_position(desk)
    stop = await desk.new_ticket(source="straight", **STOP)
    await until(lambda: desk.ticket(stop.id).state is TicketState.WORKING)
    await until(lambda: desk.order(stop).state is OrderState.WORKING)
    desk.prices.set_steps(BTC, amount=D("0.00001"), price=D("0.1"))
    await desk.paper.refresh()
    await desk.side.desk.close(BTC, D("0.5"), person=Person(id=f"tg:{ANA}", name="Ana"))

    def again() -> bool:
        desk.clock.advance(1)
        legs = desk.read(lambda tx: tx.orders.of_ticket(stop.id))
        return len(legs) == 2 and legs[-1].state is OrderState.WORKING

    await until(again, timeout_s=20)
    assert desk.order(stop).stop_price == D("59000.1")
