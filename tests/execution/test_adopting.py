"""An order id that a person named is taken only when it can be nothing but our order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.desk import Person
from execution.errors import NotAllowed
from execution.events import Event, EventKind
from execution.outcome import Outcome
from execution.types import Order, OrderState, OrderType, Side, TicketState, TimeInForce
from execution.venues.venue import NewOrder
from tests.desk import ANA, OLGA, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
OWNER = Person(id=f"tg:{OLGA}", name="Olga")
APPROVER = Person(id=f"tg:{ANA}", name="Ana")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as made:
        await made.start("trading")
        yield made


async def placed(desk: FrontDesk, **changes: Any) -> str:
    """The exchange's id of an order that somebody else placed, like ours but for `changes`."""
    given: dict[str, Any] = {
        "client_order_id": "by-hand",
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "amount": D("0.01"),
        "price": D(50_000),
        "time_in_force": TimeInForce.GTC,
    }
    report = await desk.paper.send(NewOrder(**given | changes))
    return report.venue_order_id


async def outcome(desk: FrontDesk, order: Order, named: str) -> Event:
    """What came of naming this id."""
    answer = await desk.side.desk.name_id(order.id, named, person=OWNER)
    assert answer.outcome is Outcome.NAMED

    def ended() -> list[Event]:
        kinds = {EventKind.ORDER_ADOPTED, EventKind.ORDER_NOT_ADOPTED}
        return [e for e in desk.read(lambda tx: tx.journal.after(0)) if e.kind in kinds]

    return (await until(ended))[-1]


def now(desk: FrontDesk, order: Order) -> Order:
    return desk.read(lambda tx: tx.orders.get(order.id))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"side": Side.SELL, "price": D(70_000)}, "shows sell 0.01 BTC/USDT under that id"),
        ({"amount": D("0.02")}, "shows buy 0.02 BTC/USDT under that id"),
        ({"symbol": "ETH/USDT", "price": D(2_000)}, "does not show an order with that id"),
        ({"price": D(50_001)}, "shows it at 50001, ours was sent at 50000"),
        ({}, "under another client id than the one we sent"),
    ],
)
async def test_order_that_is_not_ours_is_not_taken(
    desk: FrontDesk, changes: dict[str, Any], why: str
) -> None:
    order = await desk.stuck_order()
    if changes.get("side") is Side.SELL:
        await placed(desk, client_order_id="held", amount=D("0.02"), price=D(61_000))
    theirs = await placed(desk, **changes)
    desk.paper.faults.hide_orders = False
    event = await outcome(desk, order, theirs)
    assert event.kind is EventKind.ORDER_NOT_ADOPTED
    assert why in event.data["reason"]
    after = now(desk, order)
    assert after.named_id is None
    assert after.venue_order_id != theirs


async def test_claim_waits_while_the_exchange_does_not_answer(desk: FrontDesk) -> None:
    order = await desk.stuck_order()
    desk.paper.faults.hide_orders = False
    (shown,) = await desk.paper.open_orders([])
    desk.paper.faults.unreachable = True
    await desk.side.desk.name_id(order.id, shown.venue_order_id, person=OWNER)
    looked = now(desk, order).next_look_at
    await until(lambda: now(desk, order).next_look_at != looked)
    waiting = now(desk, order)
    assert (waiting.state, waiting.named_id) == (OrderState.STUCK, shown.venue_order_id)
    desk.paper.faults.unreachable = False

    assert waiting.next_look_at is not None
    desk.clock.now = waiting.next_look_at
    await until(lambda: now(desk, order).state is OrderState.WORKING)
    assert now(desk, order).venue_order_id == shown.venue_order_id
    assert now(desk, order).named_id is None


async def test_order_that_filled_meanwhile_is_booked_with_its_trades(desk: FrontDesk) -> None:
    order = await desk.stuck_order()
    desk.paper.faults.hide_orders = False
    (shown,) = await desk.paper.open_orders([])
    desk.prices.set_price("BTC/USDT", D(49_000))
    event = await outcome(desk, order, shown.venue_order_id)
    assert event.kind is EventKind.ORDER_ADOPTED

    def done() -> bool:
        desk.clock.advance(1)
        return desk.ticket(order.ticket).state is TicketState.DONE

    await until(done)
    fills = desk.read(lambda tx: tx.fills.of_order(order.id))
    assert sum(fill.amount for fill in fills) == D("0.01")
    assert not any(fill.inferred for fill in fills)


async def test_id_of_another_order_of_ours_is_known(desk: FrontDesk) -> None:
    other = await desk.resting_order()
    assert other.venue_order_id is not None
    for venue, id, known in (
        ("main", other.venue_order_id, True),
        ("spot", other.venue_order_id, False),
        ("main", "4711", False),
    ):
        assert desk.read(lambda tx, v=venue, i=id: tx.orders.is_known(v, i)) is known


async def test_only_an_owner_ends_or_names_and_an_approver_may_have_it_looked_for(
    desk: FrontDesk,
) -> None:
    order = await desk.stuck_order()
    head = desk.head()
    with pytest.raises(NotAllowed):
        await desk.side.desk.mark_absent(order.id, person=APPROVER)
    with pytest.raises(NotAllowed):
        await desk.side.desk.name_id(order.id, "1", person=APPROVER)
    with pytest.raises(NotAllowed):
        await desk.side.desk.look_again(order.id, person=Person(id="tg:5", name="Sam"))
    assert desk.head() == head
    answer = await desk.side.desk.look_again(order.id, person=APPROVER)
    assert answer.outcome is Outcome.LOOKING


async def test_naming_the_same_id_again_is_one_wish(desk: FrontDesk) -> None:
    """A reply of Telegram's that is delivered twice."""
    order = await desk.stuck_order()
    await desk.stop("trading")
    for _ in range(2):
        await desk.side.desk.name_id(order.id, "4711", person=OWNER)
    assert desk.read(lambda tx: tx.journal.count(EventKind.ORDER_NAMED)) == 1


async def test_wish_outlives_a_restart(desk: FrontDesk) -> None:
    order = await desk.stuck_order()
    desk.paper.faults.hide_orders = False
    (shown,) = await desk.paper.open_orders([])
    await desk.stop("trading")
    await desk.side.desk.name_id(order.id, shown.venue_order_id, person=OWNER)
    await desk.restart()
    await desk.start("trading")
    await until(lambda: now(desk, order).state is OrderState.WORKING)
    assert desk.read(lambda tx: tx.journal.count(EventKind.ORDER_ADOPTED)) == 1


async def test_order_marked_as_absent_can_not_be_named_or_looked_for_any_more(
    desk: FrontDesk,
) -> None:
    order = await desk.stuck_order()
    await desk.side.desk.name_id(order.id, "4711", person=OWNER)
    await desk.side.desk.mark_absent(order.id, person=OWNER)
    assert now(desk, order).named_id is None
    head = desk.head()
    for answer in (
        await desk.side.desk.look_again(order.id, person=OWNER),
        await desk.side.desk.mark_absent(order.id, person=OWNER),
        await desk.side.desk.name_id(order.id, "4711", person=OWNER),
    ):
        assert answer.outcome is Outcome.ENDED
    assert desk.head() == head
