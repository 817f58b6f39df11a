"""What was read of the accounts comes back as it was; what our fills moved follows the fills."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from execution.equity import Account, DayResult, Price, Standing, Stop, StopKind
from execution.store import Store, Transaction
from execution.types import Side
from tests.execution.builders import NOW, D, fill
from tests.execution.conftest import Open

TODAY = NOW.date()
ACCOUNT = Account(
    venue="main",
    at=NOW,
    held={"USDT": D("1000.000000000000000001"), "BTC": D(1)},
    moved={"BTC": D(1), "USDT": D(-100)},
    prices={"BTC": Price(value=D(100), at=NOW), "USDT": Price(value=D(1), at=NOW)},
)
STANDING = Standing(
    at=NOW,
    day=DayResult(day=TODAY, realized=D("0.1"), unrealized=D(-5), apart={"EUR": D(3)}),
    unpriced=("BTC/USDT at main",),
    day_before=DayResult(day=TODAY - timedelta(days=1), realized=D(1), unrealized=D(2)),
    equity=D("99.9"),
    mark=D(100),
    prices_at=NOW,
    unread=("other",),
    without_price=("XYZ",),
)
STOP = Stop(kind=StopKind.DRAWDOWN, since=NOW, day=TODAY, figure=D("0.11"), bound=D("0.1"))


def test_an_account_comes_back_exactly_and_the_next_reading_takes_its_place(
    store: Store, open_store: Open
) -> None:
    assert store.read_now(lambda tx: tx.accounts.all()) == {}
    store.write_now(lambda tx: tx.accounts.put(ACCOUNT))
    assert open_store().read_now(lambda tx: tx.accounts.all()) == {"main": ACCOUNT}

    later = ACCOUNT.evolve(outside={"USDT": D(1100)}, at=NOW + timedelta(seconds=10))
    store.write_now(lambda tx: tx.accounts.put(later))
    assert open_store().read_now(lambda tx: tx.accounts.all()) == {"main": later}
    store.write_now(lambda tx: tx.accounts.drop("main"))
    assert store.read_now(lambda tx: tx.accounts.all()) == {}


def test_how_the_desk_stands_comes_back_exactly(store: Store, open_store: Open) -> None:
    assert store.read_now(lambda tx: tx.accounts.standing()) is None
    for standing in (STANDING, Standing(at=NOW)):
        store.write_now(lambda tx, s=standing: tx.accounts.stand(s))
        assert open_store().read_now(lambda tx: tx.accounts.standing()) == standing


def test_a_stop_of_each_kind_stands_once_until_it_is_lifted(store: Store, open_store: Open) -> None:
    store.write_now(lambda tx: tx.accounts.stop(STOP))
    with pytest.raises(IntegrityError):
        store.write_now(lambda tx: tx.accounts.stop(STOP))
    assert open_store().read_now(lambda tx: list(tx.accounts.stops())) == [STOP]
    store.write_now(lambda tx: tx.accounts.lift(StopKind.DAILY_LOSS))
    assert store.read_now(lambda tx: list(tx.accounts.stops())) == [STOP]
    store.write_now(lambda tx: tx.accounts.lift(StopKind.DRAWDOWN))
    assert store.read_now(lambda tx: list(tx.accounts.stops())) == []


def test_the_prices_a_day_began_at_go_when_the_next_one_begins(store: Store) -> None:
    market, other = ("main", "BTC/USDT"), ("main", "ETH/USDT")
    store.write_now(lambda tx: tx.accounts.begin(TODAY, {market: D("100.5")}))
    store.write_now(lambda tx: tx.accounts.begin(TODAY, {other: D(7)}))
    known = store.read_now(lambda tx: tx.accounts.day_prices(TODAY))
    assert known == {market: D("100.5"), other: D(7)}

    tomorrow = TODAY + timedelta(days=1)
    store.write_now(lambda tx: tx.accounts.begin(tomorrow, {market: D(99)}))
    assert store.read_now(lambda tx: tx.accounts.day_prices(TODAY)) == {}
    assert store.read_now(lambda tx: tx.accounts.day_prices(tomorrow)) == {market: D(99)}


def test_what_our_fills_moved_is_kept_by_venue_and_asset(store: Store) -> None:
    def work(tx: Transaction) -> None:
        tx.fills.add(fill(Side.BUY, "2", "100", n=1, fee=D("0.002"), fee_currency="BTC"))
        tx.fills.add(fill(Side.SELL, "1", "110", n=2, fee=D("0.1")))
        tx.fills.add(fill(Side.BUY, "5", "100", n=3).evolve(order=None))
        tx.fills.add(fill(Side.BUY, "1", "50", n=4).evolve(venue="other"))

    store.write_now(work)
    moved = store.read_now(lambda tx: tx.accounts.moved("main"))
    assert moved == {"BTC": D("0.998"), "USDT": D("-90.1")}
    assert store.read_now(lambda tx: tx.accounts.moved("other")) == {"BTC": D(1), "USDT": D(-50)}


def test_a_fill_that_is_taken_back_moved_nothing(store: Store) -> None:
    claimed = fill(Side.BUY, "2", "100", n=1).evolve(inferred=True)
    store.write_now(lambda tx: tx.fills.add(claimed))
    store.write_now(lambda tx: tx.fills.drop_inferred("O1"))
    moved = store.read_now(lambda tx: tx.accounts.moved("main"))
    assert not any(moved.values())


def test_what_was_held_right_before_a_moment(store: Store) -> None:
    def work(tx: Transaction) -> None:
        tx.fills.add(fill(Side.BUY, "2", "100", n=1))
        tx.fills.add(fill(Side.SELL, "2", "110", n=5))

    store.write_now(work)
    markets = [("main", "BTC/USDT"), ("main", "ETH/USDT")]
    for second, amount in ((1, []), (2, [D(2)]), (5, [D(2)]), (6, [])):
        at = NOW + timedelta(seconds=second)
        held = store.read_now(lambda tx, at=at: tx.positions.before(at, markets))
        assert [one.amount for one in held] == amount
