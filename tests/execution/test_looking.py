"""Looking for an order that nobody can show, and canceling one that nobody has found."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from execution.desk import Person
from execution.errors import VenueUnavailable
from execution.events import EventKind
from execution.executor import following
from execution.store import Transaction
from execution.store.store import MAY_WAIT, SHARE_A_COMMIT
from execution.types import Order, OrderState, TicketState, TimeInForce
from execution.venues.paper import PaperVenue
from execution.venues.venue import OrderKey, Trade
from tests.desk import ANA, FrontDesk, NoCandles, front_desk
from tests.waiting import until

ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path, prices=NoCandles()) as made:
        await made.start("trading")
        yield made


async def lost(desk: FrontDesk) -> Order:
    """An order whose request never arrived and was not answered; nothing runs any more."""
    desk.paper.faults.lose_next_request = True
    ticket = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    await until(lambda: desk.order(ticket).state is OrderState.IN_DOUBT)
    await desk.stop("trading")
    return desk.order(ticket)


class Never(asyncio.Event):
    """Waited for in vain; `reached` says that somebody does."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.reached.set()
        return await super().wait()


def now(desk: FrontDesk, order: Order) -> Order:
    return desk.read(lambda tx: tx.orders.get(order.id))


async def changed(desk: FrontDesk, order: Order, **changes: object) -> Order:
    """The order as stored, after this was changed by hand."""

    def work(tx: Transaction) -> Order:
        before = tx.orders.get(order.id)
        tx.orders.change(before, before.evolve(**changes))
        return tx.orders.get(order.id)

    return await desk.side.store.write(work)


async def look(desk: FrontDesk, order: Order, *, lasting: float = 0) -> Order:
    """One look, due now, that takes so many seconds; the order after it."""
    order = await changed(desk, order, next_look_at=desk.clock())
    desk.paper.faults.hold_looks = answered = asyncio.Event()
    looking = asyncio.create_task(
        following.follow(order, desk.paper, desk.side.store, now=desk.clock(), silent=timedelta(0))
    )
    await asyncio.sleep(0)
    desk.clock.advance(lasting)
    answered.set()
    await looking
    desk.paper.faults.hold_looks = None
    return now(desk, order)


@pytest.mark.parametrize(
    ("before_the_fence", "state"), [(1, OrderState.IN_DOUBT), (0, OrderState.ABSENT)]
)
async def test_a_look_that_began_before_the_fence_proves_nothing_however_late_it_ends(
    desk: FrontDesk, before_the_fence: float, state: OrderState
) -> None:
    order = await lost(desk)
    opens = desk.clock() + timedelta(seconds=before_the_fence)
    order = await changed(desk, order, looks=20, fence_at=opens - desk.paper.visibility_grace)
    after = await look(desk, order, lasting=60)
    assert (after.state, after.looks) == (state, 21)


@pytest.mark.parametrize("state", [OrderState.IN_DOUBT, OrderState.WORKING])
async def test_a_look_for_a_bell_that_finds_nothing_proves_nothing(
    desk: FrontDesk, state: OrderState
) -> None:
    """Bells come when they like: only looks that were due are rounds, with their pauses between them."""
    order = await (lost(desk) if state is OrderState.IN_DOUBT else desk.resting_order())
    await desk.stop("trading")
    later = desk.clock() + timedelta(seconds=5)
    order = await changed(desk, order, next_look_at=later, acknowledged_at=None, looks=20)
    desk.paper.faults.hide_orders = True
    for _ in range(20):
        await following.follow(
            order, desk.paper, desk.side.store, now=desk.clock(), silent=timedelta(0)
        )
    assert now(desk, order) == order


async def test_what_is_absent_is_looked_for_ten_minutes_more_and_told_when_it_shows(
    desk: FrontDesk,
) -> None:
    desk.paper.faults.hide_orders = True
    desk.paper.faults.drop_next_answer = True
    ticket = await desk.new_ticket(source="straight", price=Decimal(50_000), amount="0.01")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)

    def absent() -> bool:
        desk.clock.advance(0.5)
        return desk.order(ticket).state is OrderState.ABSENT

    await until(absent)
    ended = desk.order(ticket).ended_at
    assert ended is not None
    await desk.stop("trading")
    order, looks = desk.order(ticket), 0
    while order.next_look_at is not None:
        looks += 1
        desk.clock.now = order.next_look_at
        order = await look(desk, order)
    assert (looks, desk.clock() - ended) == (20, timedelta(minutes=10))

    await changed(desk, order, next_look_at=desk.clock())
    desk.paper.faults.hide_orders = False
    await desk.start("trading")
    await until(lambda: desk.order(ticket).state is OrderState.WORKING)
    kinds = [event.kind for event in desk.read(lambda tx: tx.journal.of_ticket(ticket.id))]
    assert EventKind.ORDER_RISEN in kinds


async def test_a_look_that_hangs_does_not_hold_up_the_cancel(desk: FrontDesk) -> None:
    order = await desk.resting_order()
    desk.paper.faults.hold_looks = never = Never()
    desk.clock.advance(1)
    await never.reached.wait()
    await desk.side.desk.cancel(order.ticket, person=ANA_HERSELF)
    await until(lambda: now(desk, order).state is OrderState.CANCELING)
    assert await desk.paper.open_orders([]) == []


async def test_a_flood_of_what_waits_to_be_stored_does_not_hold_up_a_cancel(
    desk: FrontDesk,
) -> None:
    order = await desk.resting_order()
    await desk.stop("trading")
    store, full = desk.side.store, threading.Event()
    waiting = [asyncio.create_task(store.write(lambda tx: full.wait()))]
    waiting += [
        asyncio.create_task(store.write(lambda tx: None)) for _ in range(MAY_WAIT + SHARE_A_COMMIT)
    ]
    canceling = asyncio.create_task(following.cancel(order, desk.paper, store))
    await asyncio.sleep(0)
    full.set()
    await asyncio.gather(canceling, *waiting, return_exceptions=True)
    assert now(desk, order).state is OrderState.CANCELING
    assert await desk.paper.open_orders([]) == []


async def test_a_new_process_looks_at_once_at_what_may_be_at_the_venue(desk: FrontDesk) -> None:
    order = await desk.resting_order()
    await desk.stop("trading")
    await changed(desk, order, next_look_at=desk.clock() + timedelta(hours=1))
    await desk.side.executor.recover()
    assert now(desk, order).next_look_at == desk.clock()


async def test_times_of_a_clock_that_was_set_back_since_prove_nothing(desk: FrontDesk) -> None:
    """An hour later by those times, all rounds have found nothing: a person decides."""
    order = await lost(desk)
    await desk.restart()
    desk.clock.advance(-3600)
    await desk.side.executor.recover()
    order = now(desk, order)
    assert (order.next_look_at, order.doubted_at) == (desk.clock(), desk.clock())
    for _ in range(20):
        assert order.next_look_at is not None
        desk.clock.advance(360)
        order = await look(desk, order)
    assert order.state is OrderState.STUCK


@pytest.mark.parametrize("answered", ["yes", "no"])
async def test_a_look_that_a_person_asked_for_is_told_once_whatever_came_of_it(
    desk: FrontDesk, answered: str
) -> None:
    order = await desk.stuck_order()
    await desk.stop("trading")
    for _ in range(2):
        await desk.side.desk.look_again(order.id, person=ANA_HERSELF)
        desk.paper.faults.unreachable = answered == "no"
        for _ in range(2):
            await look(desk, now(desk, order))
    events = desk.read(lambda tx: tx.journal.of_ticket(order.ticket))
    told = [dict(one.data) for one in events if one.kind is EventKind.ORDER_LOOKED_FOR]
    looks = {"yes": ["3", "5"], "no": ["2", "2"]}[answered]
    assert told == [{"answered": answered, "looks": each} for each in looks]


@pytest.mark.parametrize(
    ("away", "canceled", "certain"),
    [(True, True, False), (False, False, False), (False, True, True)],
)
async def test_an_end_is_certain_once_a_look_that_was_answered_agrees(
    desk: FrontDesk, away: bool, canceled: bool, certain: bool
) -> None:
    order = await desk.resting_order()
    await desk.stop("trading")
    if canceled:
        await desk.paper.cancel(following.key_of(order))
    desk.paper.faults.unreachable = away
    assert await following.has_ended(order, desk.paper, desk.side.store) is certain


async def resting_for_good(desk: FrontDesk) -> Order:
    """An order that rests until somebody cancels it."""
    ticket = await desk.new_ticket(
        source="straight", price=Decimal(50_000), amount="0.01", time_in_force=TimeInForce.GTC
    )
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    await until(lambda: desk.order(ticket).state is OrderState.WORKING)
    return desk.order(ticket)


@pytest.mark.parametrize(("wanted", "ends"), [(True, "canceled"), (False, "expired")])
async def test_an_order_whose_end_the_venue_keeps_no_record_of_has_ended_once_looking_proved_it(
    desk: FrontDesk, wanted: bool, ends: str
) -> None:
    """Some forget what ended unfilled at once when it was made days ago: nobody could ever show it."""
    desk.paper.forgets = timedelta(days=3)
    order = await resting_for_good(desk)
    desk.clock.advance(timedelta(days=3, seconds=1).total_seconds())
    if wanted:
        await desk.side.desk.cancel(order.ticket, person=ANA_HERSELF)
    desk.paper.faults.hide_orders = True

    def over() -> bool:
        desk.clock.advance(1)
        return now(desk, order).state.value == ends

    await until(over)
    assert now(desk, order).looks >= 3


async def test_an_order_that_is_younger_than_what_the_venue_forgets_stays_in_doubt(
    desk: FrontDesk,
) -> None:
    desk.paper.forgets = timedelta(days=3)
    order = await resting_for_good(desk)
    desk.clock.advance(timedelta(days=2).total_seconds())
    desk.paper.faults.hide_orders = True

    def looked() -> bool:
        desk.clock.advance(1)
        return now(desk, order).looks > 5

    await until(looked)
    assert now(desk, order).state in {OrderState.IN_DOUBT, OrderState.STUCK}


class WithoutTrades:
    """The paper exchange, whose trades cannot be had."""

    def __init__(self, paper: PaperVenue) -> None:
        self._paper = paper

    def __getattr__(self, name: str) -> Any:
        return getattr(self._paper, name)

    async def trades(self, key: OrderKey) -> Sequence[Trade]:
        raise VenueUnavailable("history wants silence")


async def test_what_an_order_filled_is_known_though_its_trades_cannot_be_had(
    desk: FrontDesk,
) -> None:
    """Else nothing would be held as far as anybody knows, and a flatten would leave it."""
    order = await desk.resting_order()
    await desk.stop("trading")
    desk.prices.set_price("BTC/USDT", Decimal(49_900))
    desk.clock.advance(5)
    silent: Any = WithoutTrades(desk.paper)

    async def look(venue: Any) -> Order:
        at = desk.clock()
        await following.follow(
            now(desk, order), venue, desk.side.store, now=at, silent=timedelta(0)
        )
        return now(desk, order)

    assert (await look(silent)).state is OrderState.WORKING, "its trades may come in a moment"
    desk.clock.advance(6)
    assert (await look(silent)).state is OrderState.FILLED
    (fill,) = desk.read(lambda tx: tx.fills.of_order(order.id))
    assert (fill.amount, fill.inferred) == (order.amount, True)
    desk.clock.advance(3600)
    assert (await look(silent)).next_look_at is not None, "however long that lasts"
    assert desk.read(lambda tx: tx.pairs.of("main", "BTC/USDT")) is None
    await look(desk.paper)
    (fill,) = desk.read(lambda tx: tx.fills.of_order(order.id))
    assert (fill.amount, fill.inferred) == (order.amount, False)
