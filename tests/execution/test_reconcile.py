"""Store against venue: what a list of open orders says of ours, and of orders that are nobody's here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from execution.desk import Person
from execution.errors import NotPossible
from execution.events import Event, EventKind
from execution.executor.opening import unique_id
from execution.orders import of_our_make
from execution.reconcile import JUST_TOUCHED, compare
from execution.store import Transaction
from execution.types import (
    Mode,
    Order,
    OrderState,
    OrderType,
    Side,
    TicketState,
    TimeInForce,
    TradingState,
    VoteKind,
)
from execution.venues.paper import PaperVenue
from execution.venues.venue import Balance, NewOrder, OrderKey
from tests.desk import OLGA, FrontDesk, NoCandles, front_desk
from tests.execution.builders import NOW
from tests.execution.rows import order, report, stored
from tests.waiting import until

D = Decimal
OWNER = Person(id=f"tg:{OLGA}", name="Olga")
OURS = unique_id("another install", "main", "T9", "entry").hex()
LATER = NOW + JUST_TOUCHED + timedelta(microseconds=1)


class TestCompare:
    def test_each_order_is_of_one_kind(self) -> None:
        working = order("working", client_order_id="c1", acknowledged_at=NOW)
        ended = order("canceled", client_order_id="c2")
        by_hand, other_bot = (report("working", client_order_id=c) for c in (None, "web_1"))
        stranger = report("working", client_order_id=OURS)
        rises = report("working", client_order_id="c2")
        found = compare(
            {"c1": working, "c2": ended},
            [working],
            [report("working"), rises, by_hand, other_bot, stranger],
            LATER,
        )
        assert found.open == (working, ended)
        assert found.risen == (rises,)
        assert found.external == (by_hand, other_bot, stranger)
        assert found.strangers == (stranger,)
        assert found.vanished == ()

    @pytest.mark.parametrize("state", ["working", "canceling"])
    def test_what_works_here_and_is_not_open_there_is_to_be_looked_up(self, state: str) -> None:
        mine = order(state, acknowledged_at=NOW)
        assert compare({}, [mine], [], LATER).vanished == (mine,)

    @pytest.mark.parametrize(
        "mine",
        [
            order("working", acknowledged_at=NOW + timedelta(microseconds=1)),
            order("working"),
            order("in_doubt", acknowledged_at=NOW),
            order("sending", acknowledged_at=NOW),
        ],
        ids=["just taken", "never taken", "in doubt", "on its way"],
    )
    def test_nothing_else_has_vanished(self, mine: object) -> None:
        assert compare({}, [mine], [], LATER).vanished == ()  # type: ignore[list-item]

    @pytest.mark.parametrize(
        ("mine", "filled", "news"),
        [
            (order("working", reported=D("0.4")), "0.5", True),
            (order("working", reported=D("0.5")), "0.5", False),
            (order("canceled", reported=D("0.4")), "0.5", False),
        ],
        ids=["more", "as much", "ended: that is risen"],
    )
    def test_what_is_filled_further_there_is_to_be_looked_up(
        self, mine: Order, filled: str, news: bool
    ) -> None:
        found = compare({"c1": mine}, [], [report("working", filled)], LATER)
        assert found.grown == ((mine,) if news else ())


class TestOurMake:
    @pytest.mark.parametrize("text", [OURS, str(UUID(OURS))])
    def test_an_id_as_any_countersign_makes_it(self, text: str) -> None:
        assert of_our_make(text)

    @pytest.mark.parametrize(
        "text", [None, "", "c1", "web_9f2c", "8f14e45fceea467fa83c1a0f3e0f9b11", f"{OURS}0"]
    )
    def test_a_random_id_or_anything_else_is_somebody_elses(self, text: str | None) -> None:
        assert not of_our_make(text)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path, prices=NoCandles()) as made:
        yield made


async def placed(desk: FrontDesk, client_order_id: str, **changes: Any) -> None:
    """Somebody who is not this process has an order rest at the exchange."""
    given: dict[str, Any] = {
        "client_order_id": client_order_id,
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "amount": Decimal("0.01"),
        "price": Decimal(50_000),
        "time_in_force": TimeInForce.GTC,
    }
    await desk.paper.open()
    await desk.paper.send(NewOrder(**given | changes))


def events(desk: FrontDesk, kind: EventKind) -> list[Event]:
    return [one for one in desk.read(lambda tx: tx.journal.after(0)) if one.kind is kind]


def state(desk: FrontDesk) -> TradingState:
    return desk.read(lambda tx: tx.trading()).state


async def resumed(desk: FrontDesk) -> None:
    """An owner has looked, and trades on."""

    def proved() -> bool:
        desk.clock.advance(1)
        halt = desk.read(lambda tx: tx.trading()).halt
        return halt is not None and halt.verified_at is not None

    await until(proved)
    await desk.side.desk.resume(person=OWNER)


async def test_an_order_of_another_countersign_halts_until_an_owner_resumes(
    desk: FrontDesk,
) -> None:
    await placed(desk, OURS)
    await desk.start("trading")
    await until(lambda: state(desk) is TradingState.HALTED)
    halted = desk.read(lambda tx: tx.trading()).halt
    assert halted is not None
    assert halted.name == "the desk"
    assert halted.reason.endswith("does not know: buy 0.01 BTC/USDT")
    with pytest.raises(NotPossible, match="main shows 1 order of a Countersign's make"):
        await resumed(desk)
    assert len(await desk.paper.open_orders([])) == 1, "it is not ours to cancel"
    await desk.restart()
    await desk.start("trading")
    with pytest.raises(NotPossible, match="main shows 1 order of a Countersign's make"):
        await desk.side.desk.resume(person=OWNER)

    await desk.paper.cancel(OrderKey(client_order_id=OURS, symbol="BTC/USDT"))
    await desk.side.reconciler.look("main")
    await desk.side.desk.resume(person=OWNER)
    assert state(desk) is TradingState.ACTIVE

    await placed(desk, unique_id("another install", "main", "T10", "entry").hex())
    await desk.side.reconciler.look("main")
    assert state(desk) is TradingState.HALTED
    assert len(events(desk, EventKind.HALTED)) == 2
    assert len(events(desk, EventKind.STRANGERS)) == 2


async def test_nothing_is_sent_beside_another_countersign(desk: FrontDesk) -> None:
    """What was approved before the look that shows it goes nowhere."""
    await placed(desk, OURS)
    signal = await desk.accept(source="straight", amount="0.01")
    await desk.start("trading")
    await until(lambda: desk.read(lambda tx: tx.tickets.newest(limit=1, signal=signal.id)))
    await until(lambda: state(desk) is TradingState.HALTED)
    assert [one.client_order_id for one in desk.paper.accepted] == [OURS]


async def test_orders_placed_by_hand_are_left_alone(desk: FrontDesk) -> None:
    await placed(desk, "web_4711")
    await desk.start("trading")
    feed = desk.side.market.feed("main")
    await until(lambda: feed.external == 1)
    assert state(desk) is TradingState.ACTIVE


class Sandbox(PaperVenue):
    """An exchange whose books are not ours."""

    mode = Mode.SANDBOX


async def found(desk: FrontDesk) -> list[dict[str, str]]:
    """What was told to have been there before us, after a look."""
    await desk.side.reconciler.look("main")
    return [dict(one.data) for one in events(desk, EventKind.ACCOUNT_FOUND)]


async def test_what_an_account_held_before_us_is_told_once(desk: FrontDesk) -> None:
    await placed(desk, "web_4711")
    feed = desk.side.market.feed("main")
    feed.venue = Sandbox("main", desk.folder / "sandbox.db", desk.clock)
    feed.balances = {
        "USDT": Balance(free=D(900), locked=D(100)),
        "BTC": Balance(free=D("0.5"), locked=D(0)),
        "DOGE": Balance(free=D(0), locked=D(0)),
    }
    assert await found(desk) == []

    feed.balances_at = desk.clock()
    told = {"venue": "main", "holdings": "BTC=0.5 USDT=1000", "orders": "1"}
    assert await found(desk) == [told]
    assert await found(desk) == [told]
    await desk.restart()
    assert [dict(one.data) for one in events(desk, EventKind.ACCOUNT_FOUND)] == [told]


async def test_the_paper_venues_own_books_are_nothing_that_was_found(desk: FrontDesk) -> None:
    await desk.start("trading")
    feed = desk.side.market.feed("main")
    await until(lambda: feed.balances_at)
    assert await found(desk) == []


async def test_an_empty_account_is_no_news(desk: FrontDesk) -> None:
    await desk.paper.open()
    feed = desk.side.market.feed("main")
    feed.venue = Sandbox("main", desk.folder / "sandbox.db", desk.clock)
    feed.balances_at = desk.clock()
    assert await found(desk) == []


class OffByTwoMinutes(PaperVenue):
    """An exchange whose clock is two minutes behind ours."""

    clock_ahead = timedelta(minutes=2)


async def test_what_filled_in_part_is_looked_at_at_once_however_long_its_look_is_off(
    desk: FrontDesk,
) -> None:
    await desk.start("trading")
    order = await desk.resting_order()
    await desk.stop("trading")
    later = order.evolve(next_look_at=desk.clock() + timedelta(minutes=5))
    await desk.side.store.write(lambda tx: tx.orders.change(tx.orders.get(order.id), later))

    desk.prices.set_price("BTC/USDT", order.price - 1, depth=order.amount / 2)
    desk.clock.advance(1)
    await desk.side.reconciler.look("main")
    assert desk.read(lambda tx: tx.orders.get(order.id)).next_look_at == desk.clock()


async def test_a_clock_that_is_off_is_told_once(desk: FrontDesk) -> None:
    feed, reconciler = desk.side.market.feed("main"), desk.side.reconciler
    await reconciler.tell_clock(feed)
    assert events(desk, EventKind.VENUE_CLOCK) == []

    feed.venue = OffByTwoMinutes("main", desk.folder / "off.db", desk.clock)
    for _ in range(2):
        await reconciler.tell_clock(feed)
    (told,) = events(desk, EventKind.VENUE_CLOCK)
    assert dict(told.data) == {"venue": "main", "seconds_ahead": "120.0"}


async def test_a_clock_that_is_refused_is_told_once_with_its_figure_and_once_more_when_it_is_taken(
    desk: FrontDesk,
) -> None:
    feed, reconciler = desk.side.market.feed("main"), desk.side.reconciler
    feed.venue = venue = OffByTwoMinutes("main", desk.folder / "off.db", desk.clock)
    for refused in (True, True, False, False):
        venue.clock_refused = refused
        await reconciler.tell_clock(feed)

    kinds = (EventKind.VENUE_CLOCK_STOP, EventKind.VENUE_CLOCK_OVER)
    (stop,), (over,) = (events(desk, kind) for kind in kinds)
    assert dict(stop.data) == {"venue": "main", "seconds_ahead": "120.0"}
    assert over.seq == stop.seq + 1
    assert events(desk, EventKind.VENUE_CLOCK) == [], "the stop has said how far it is off"


async def test_nothing_is_sent_to_a_venue_that_refuses_the_clock_until_it_takes_it(
    desk: FrontDesk,
) -> None:
    await desk.start("trading")
    rests = await desk.resting_order()
    bought = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
    waits = await desk.new_ticket(amount="0.001")
    desk.paper.clock_refused, desk.paper.clock_ahead = True, timedelta(seconds=30)

    for side in Side:
        refused = await desk.new_ticket(side=side, amount="0.001")
        codes = {one.code: one.text for one in refused.refusals}
        assert "30.0 s ahead of its own" in codes["VENUE_DOWN"]
    answer = await desk.side.desk.vote(waits.id, revision=1, person=OWNER, kind=VoteKind.APPROVE)
    assert [one.code for one in answer.refusals] == ["VENUE_DOWN"]
    await desk.side.desk.cancel(rests.ticket, person=OWNER)
    await until(lambda: desk.read(lambda tx: tx.orders.get(rests.id)).state is OrderState.CANCELED)

    desk.paper.clock_refused = False
    assert (await desk.new_ticket(amount="0.001")).state is TicketState.PENDING


async def test_an_order_that_was_given_up_as_never_sent_and_rests_there_works_again(
    desk: FrontDesk,
) -> None:
    """What was certain was not: the exchange has it, so it is followed, and people are told."""

    await denied_and_there(desk)
    assert desk.read(lambda tx: tx.orders.get("O1")).state is OrderState.WORKING
    assert len(events(desk, EventKind.ORDER_RISEN)) == 1
    assert state(desk) is TradingState.ACTIVE


async def test_one_that_somebody_had_canceled_is_canceled_there(desk: FrontDesk) -> None:
    await denied_and_there(desk, cancel_reason="canceled by Ana")
    await until(lambda: desk.read(lambda tx: tx.orders.get("O1")).state is OrderState.CANCELED)
    assert await desk.paper.open_orders([]) == []


async def denied_and_there(desk: FrontDesk, **changes: Any) -> None:
    """An order that was denied here a minute ago rests at the exchange; trading runs."""

    def denied(tx: Transaction) -> None:
        stored(tx, "failed")
        tx.orders.add(order("denied", client_order_id=OURS, ended_at=tx.now, **changes))

    await desk.side.store.write(denied)
    await placed(desk, OURS, amount=Decimal(1), price=Decimal("100.5"))
    desk.clock.advance(60)
    await desk.start("trading")
