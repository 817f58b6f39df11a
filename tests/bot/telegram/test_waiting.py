"""Orders that wait for a price, from the chat: what people approve, what they read while it waits, what ends it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.notifier import EDIT_PAUSE
from bot.playground import Message
from bot.shapes import order_json, position_json, ticket_json
from execution import reports
from execution.desk import Person
from execution.types import OrderState, OrderType, Side, TicketState, TimeInForce, Trail
from tests.bot.telegram.subjects import a_position
from tests.desk import ANA, FrontDesk
from tests.waiting import until

D = Decimal
BTC = "BTC/USDT"
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
STOP = {"type": OrderType.STOP, "side": Side.SELL, "stop_price": D(59_000), "amount": "0.00999"}
"""Out of what is held once the market is there."""


def plain(message: Message) -> str:
    """A message with ordinary blanks."""
    return message.text.replace("\u202f", " ").replace("\u00a0", " ")


async def says(desk: FrontDesk, message: Message, part: str) -> str:
    """The same message once it says this; edits have their time."""
    desk.clock.advance(EDIT_PAUSE)
    shown = await desk.playground.wait_for(
        lambda m: m.id == message.id and part in plain(m), timeout_s=60
    )
    return plain(shown)


async def a_stop(desk: FrontDesk, **fields: Any) -> Message:
    """Somebody approves a stop behind what is held, and the exchange has it; its card."""
    await desk.start("trading", "intake", "notifier")
    await a_position(desk)
    ticket = await desk.new_ticket(**STOP | fields)
    card = await desk.card(ticket)
    await desk.tap(card, card.labels[0], by=ANA)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    await until(lambda: desk.order(ticket).state is OrderState.WORKING)
    return card


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (STOP, "Stop, at market when 59 000 is touched, good till canceled"),
        (
            STOP | {"type": OrderType.STOP_LIMIT, "price": D(58_900)},
            "Stop, limit 58 900 when 59 000 is touched, good till canceled",
        ),
        (
            STOP | {"type": OrderType.TAKE_PROFIT, "stop_price": D(61_000)},
            "Take profit, at market when 61 000 is touched, good till canceled",
        ),
        (
            {"type": OrderType.TRAILING_STOP, "side": Side.SELL, "amount": "0.00999"}
            | {"trail": Trail(value=D("0.01"), is_share=True)},
            "Trailing stop, at market when 59 400 is touched, trailing by 1 %, good till canceled",
        ),
    ],
)
async def test_the_card_says_what_is_waited_for_and_what_happens_then(
    desk: FrontDesk, fields: dict[str, Any], told: str
) -> None:
    await desk.start("trading", "notifier")
    await a_position(desk)
    card = await desk.card(await desk.new_ticket(**fields))
    assert told in plain(card)


async def test_it_waits_until_the_market_is_there_and_then_takes_it(desk: FrontDesk) -> None:
    card = await a_stop(desk)
    (ticket,) = desk.read(lambda tx: tx.tickets.in_state(TicketState.WORKING))
    assert "Nothing filled yet: stop, at market when 59 000 is touched" in (
        await says(desk, card, "Nothing filled yet")
    )
    view = await desk.front.view(ticket.id)
    assert view is not None
    assert (ticket_json(view)["stop_price"], ticket_json(view)["price"]) == ("59000", None)
    assert order_json(desk.order(ticket), ())["stop_price"] == "59000"

    desk.prices.set_price(BTC, D(59_500))
    desk.clock.advance(5)
    await desk.heard()
    assert desk.order(ticket).state is OrderState.WORKING
    desk.prices.set_price(BTC, D(58_990))
    desk.clock.advance(5)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    assert not desk.read(lambda tx: tx.positions.open())


async def test_it_outlives_a_kill_that_keeps_what_protects_and_is_listed(desk: FrontDesk) -> None:
    await a_stop(desk)
    (ticket,) = desk.read(lambda tx: tx.tickets.in_state(TicketState.WORKING))
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    await desk.playground.wait_for_text("Kept: stop sell 0.00999 BTC/USDT at 59\u202f000")
    views = desk.read(
        lambda tx: reports.positions(tx, desk.side.market, desk.clock() - timedelta(days=1))
    )
    assert [position_json(one)["stop"] for one in views] == ["59000"]

    def proved() -> bool:
        desk.clock.advance(1)
        halt = desk.read(lambda tx: tx.trading()).halt
        return halt is not None and halt.verified_at is not None

    await until(proved, timeout_s=10)
    assert desk.order(ticket).state is OrderState.WORKING


async def test_a_stop_that_adds_exposure_is_canceled_by_a_kill(desk: FrontDesk) -> None:
    card = await a_stop(desk, side=Side.BUY, stop_price=D(61_000), amount="0.01")
    (ticket,) = desk.read(lambda tx: tx.tickets.in_state(TicketState.WORKING))
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    await until(lambda: desk.order(ticket).state is OrderState.CANCELED)
    assert "canceled" in await says(desk, card, "canceled")


async def test_a_tap_after_the_market_came_there_sends_nothing(desk: FrontDesk) -> None:
    """People approved an order that waits."""
    await desk.start("trading", "intake", "notifier")
    await a_position(desk)
    ticket = await desk.new_ticket(**STOP)
    card = await desk.card(ticket)
    desk.prices.set_price(BTC, D(59_000))
    desk.clock.advance(3)
    await until(lambda: desk.side.market.quote("main", BTC))
    await desk.tap(card, card.labels[0], by=ANA)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.REFUSED)
    (refusal,) = desk.ticket(ticket.id).refusals
    assert refusal.code == "NOT_SUPPORTED"
    assert "it would fire at once" in refusal.text
    assert len(desk.paper.accepted) == 1, "what was bought"


async def test_a_good_till_date_ends_it(desk: FrontDesk) -> None:
    ends = desk.clock() + timedelta(minutes=3)
    await a_stop(
        desk,
        type=OrderType.LIMIT,
        price=D(66_000),
        stop_price=None,
        time_in_force=TimeInForce.GTD,
        good_till=ends,
    )
    (ticket,) = desk.read(lambda tx: tx.tickets.in_state(TicketState.WORKING))
    desk.clock.advance(180)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.EXPIRED)
    assert desk.order(ticket).state is OrderState.EXPIRED


async def test_a_card_waits_no_longer_than_its_order_could(desk: FrontDesk) -> None:
    await desk.start("trading")
    ends = desk.clock() + timedelta(seconds=90)
    lasts = {"time_in_force": TimeInForce.GTD, "good_till": ends}
    ticket = await desk.new_ticket(price=D(59_000), amount="0.01", **lasts)
    assert ticket.expires_at == ends
