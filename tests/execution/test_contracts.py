"""Positions in contracts against what the exchange shows: what differs, when that counts, what is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from execution import contracts, orders
from execution.contracts import JUST_FILLED, SURE_AFTER, Apart
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.types import OrderState, Side
from execution.venues.venue import Contracts
from tests.clock import Clock
from tests.execution.builders import NOW, fill
from tests.execution.rows import order, stored

D = Decimal
SYMBOL = "BTC/USDT:USDT"
LONG_AGO = NOW - timedelta(hours=1)


class Desk:
    """Comparisons one after the other, as the reconciler makes them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.seen: Contracts | None = None
        self.apart: Mapping[str, Apart] = {}

    def look(self, theirs: str = "0", *, one_way: bool = True) -> Mapping[str, Apart]:
        """The exchange shows this position."""
        held = {SYMBOL: D(theirs)} if D(theirs) else {}
        shown = Contracts(one_way=one_way, leverage={}, positions=held)

        def work(tx: Transaction) -> Mapping[str, Apart]:
            return contracts.compare(
                tx, "main", shown, asked_at=tx.now, before=self.seen, apart=self.apart
            )

        self.apart, self.seen = self.store.write_now(work), shown
        return self.apart

    def wait(self, span: timedelta) -> None:
        self.clock.now += span

    def fills(self, side: Side, amount: str) -> None:
        """A fill of ours, booked long ago."""
        one = fill(side, amount, "100", symbol=SYMBOL, order=None, ticket=None, at=LONG_AGO)
        self.store.write_now(lambda tx: tx.fills.add(one))

    def told(self) -> list[tuple[str, dict[str, str]]]:
        events = self.store.read_now(lambda tx: list(tx.journal.after(0)))
        return [(e.kind.value, dict(e.data)) for e in events if e.kind in _TOLD]


_TOLD = {
    EventKind.POSITION_APART,
    EventKind.POSITION_TOGETHER,
    EventKind.VENUE_HEDGED,
    EventKind.VENUE_ONE_WAY,
}


@pytest.fixture
def desk(open_store: Callable[[], Store], clock: Clock) -> Desk:
    return Desk(open_store(), clock)


def about(ours: str, theirs: str) -> dict[str, str]:
    return {"venue": "main", "symbol": SYMBOL, "ours": ours, "theirs": theirs}


def test_a_position_that_is_ours_differs_in_nothing(desk: Desk) -> None:
    desk.fills(Side.SELL, "0.5")
    assert desk.look("-0.50") == {}
    assert desk.told() == []


def test_a_difference_counts_at_once_and_is_told_when_it_lasts(desk: Desk) -> None:
    desk.fills(Side.BUY, "1")
    assert desk.look("1.5")[SYMBOL] == Apart(ours=D(1), theirs=D("1.5"), since=NOW, settled=True)
    desk.wait(SURE_AFTER - timedelta(seconds=1))
    desk.look("1.5")
    assert desk.told() == []

    desk.wait(timedelta(seconds=1))
    desk.look("1.5")
    assert desk.told() == [("position_apart", about("1", "1.5"))]


def test_a_difference_is_told_once_and_so_is_its_end(desk: Desk) -> None:
    desk.fills(Side.BUY, "1")
    for _ in range(3):
        desk.look("0")
        desk.wait(SURE_AFTER)
    desk.look("1")
    desk.look("1")
    assert [kind for kind, _ in desk.told()] == ["position_apart", "position_together"]
    assert desk.apart == {}


def test_other_amounts_are_told_anew_once_they_are_seen_twice(desk: Desk) -> None:
    desk.look("2")
    desk.wait(SURE_AFTER)
    desk.look("2")
    desk.look("3")
    assert len(desk.told()) == 1
    desk.look("3")
    assert desk.told()[1:] == [("position_apart", about("0", "3"))]


def test_somebody_who_trades_there_all_the_time_is_told_of_too(desk: Desk) -> None:
    """With an order of ours beside it: each look shows another position, and none of them is ours."""

    def work(tx: Transaction) -> None:
        stored(tx, "working")
        tx.orders.add(order("working", symbol=SYMBOL))

    desk.store.write_now(work)
    for amount in range(1, 9):
        desk.look(str(amount))
        desk.wait(SURE_AFTER / 2)
    assert desk.apart[SYMBOL].settled
    assert desk.told() == [("position_apart", about("0", "3"))]


def test_a_difference_that_nobody_was_told_of_ends_in_silence(desk: Desk) -> None:
    desk.look("2")
    desk.look("0")
    assert (desk.told(), desk.apart) == ([], {})


@pytest.mark.parametrize("state", ["sending", "in_doubt", "working", "canceling", "stuck"])
def test_an_order_of_ours_under_way_may_explain_it_for_a_while(desk: Desk, state: str) -> None:
    """It filled there, and is not booked yet."""

    def work(tx: Transaction) -> None:
        stored(tx, "working")
        tx.orders.add(order(state, symbol=SYMBOL))

    desk.store.write_now(work)
    assert not desk.look("1")[SYMBOL].settled
    desk.wait(SURE_AFTER)
    assert desk.look("1")[SYMBOL].settled
    assert desk.told() == [("position_apart", about("0", "1"))]


def test_a_fill_of_just_now_may_be_missing_from_what_was_read(desk: Desk) -> None:
    def work(tx: Transaction) -> None:
        stored(tx, "done")
        tx.orders.add(order("filled", symbol=SYMBOL, ended_at=tx.now))

    desk.store.write_now(work)
    desk.wait(JUST_FILLED - timedelta(seconds=1))
    assert not desk.look("1")[SYMBOL].settled
    desk.wait(timedelta(seconds=1))
    assert desk.look("1")[SYMBOL].settled


def test_an_order_in_another_market_or_at_another_venue_explains_nothing(desk: Desk) -> None:
    def work(tx: Transaction) -> None:
        stored(tx, "working")
        tx.orders.add(order("working", symbol="ETH/USDT:USDT"))
        tx.orders.add(
            order("working", id="O2", leg="entry-2", client_order_id="c2", symbol=SYMBOL, venue="b")
        )

    desk.store.write_now(work)
    assert desk.look("1")[SYMBOL].settled


def test_hedge_mode_is_told_once_and_so_is_its_end(desk: Desk) -> None:
    desk.look()
    for one_way in (False, False, True, True):
        desk.look(one_way=one_way)
    assert desk.told() == [
        ("venue_hedged", {"venue": "main"}),
        ("venue_one_way", {"venue": "main"}),
    ]


def test_hedge_mode_is_found_at_the_first_look(desk: Desk) -> None:
    desk.look(one_way=False)
    assert desk.told() == [("venue_hedged", {"venue": "main"})]


def test_every_state_that_may_still_fill_is_covered_above() -> None:
    may_fill = {"sending", "in_doubt", "working", "canceling", "stuck"}
    assert {s.value for s in (*orders.LIVE, OrderState.STUCK)} == may_fill
