"""Positions and results as they are kept: always what folding every fill anew comes to."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.positions import Position, Realized, fold
from execution.store import Store, Transaction
from execution.types import Fill, Side
from tests.clock import Clock
from tests.execution.builders import NOW, D, fill
from tests.execution.conftest import KEY

BUY, SELL = Side.BUY, Side.SELL
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MARKETS = ("BTC/USDT", "BTC/USDT:USDT")


def book(store: Store, *fills: Fill) -> None:
    """Store these, one transaction each."""
    for one in fills:
        store.write_now(lambda tx, one=one: tx.fills.add(one))


def come_to(store: Store) -> list[Realized]:
    """What is kept of every fill."""
    return list(store.read_now(lambda tx: tx.positions.realized_since(LONG_AGO)))


def open_now(tx: Transaction) -> list[Position]:
    return list(tx.positions.open())


def wrong(store: Store) -> list[tuple[str, str]]:
    return store.read_now(lambda tx: list(tx.positions.wrong()))


class TestWhatIsHeld:
    def test_a_position_is_there_with_the_fill_that_opens_it_and_gone_with_the_last(
        self, store: Store
    ) -> None:
        book(store, fill(BUY, "2", "100", n=1))
        held = store.read_now(lambda tx: tx.positions.of("main", "BTC/USDT"))
        assert held is not None
        assert (held.amount, held.average) == (D(2), D(100))
        assert store.read_now(lambda tx: tx.positions.open()) == [held]

        book(store, fill(SELL, "2", "110", n=2))
        assert store.read_now(lambda tx: tx.positions.of("main", "BTC/USDT")) is None
        assert store.read_now(lambda tx: tx.positions.open()) == []

    def test_venues_and_symbols_are_kept_apart(self, store: Store) -> None:
        book(
            store,
            fill(BUY, "1", "100", n=0),
            fill(BUY, "2", "100", n=1, venue="other"),
            fill(BUY, "3", "10", n=2, symbol="ETH/USDT"),
        )
        amounts = {(p.venue, p.symbol): p.amount for p in store.read_now(open_now)}
        assert amounts == {
            ("main", "BTC/USDT"): D(1),
            ("main", "ETH/USDT"): D(3),
            ("other", "BTC/USDT"): D(2),
        }

    def test_a_fill_that_is_told_late_is_folded_in_where_its_time_is(self, store: Store) -> None:
        """Told in order it is a sale at a gain; the purchase before it was at another price."""
        first, second = fill(BUY, "1", "100", n=1), fill(SELL, "1", "120", n=3)
        book(store, first, second, fill(BUY, "1", "200", n=2))

        assert [(one.fill.id, one.result) for one in come_to(store)] == [
            ("F1", D(0)),
            ("F2", D(0)),
            ("F3", D(-30)),
        ]
        assert wrong(store) == []

    def test_fills_of_one_instant_are_folded_as_they_were_booked(self, store: Store) -> None:
        book(
            store,
            fill(SELL, "1", "110", n=1).evolve(at=NOW),
            fill(BUY, "1", "100", n=2).evolve(at=NOW),
        )
        (held,) = store.read_now(open_now)
        assert held.amount == D(1)

    def test_what_was_inferred_and_taken_back_leaves_no_trace(self, store: Store) -> None:
        guess = fill(BUY, "1", "100", n=2, order="O1", inferred=True)
        book(store, fill(BUY, "1", "90", n=1, order="O0"), guess, fill(SELL, "1", "120", n=3))
        store.write_now(lambda tx: tx.fills.drop_inferred("O1"))

        assert [(one.fill.id, one.result) for one in come_to(store)] == [
            ("F1", D(0)),
            ("F3", D(30)),
        ]
        assert store.read_now(open_now) == []
        assert wrong(store) == []

    def test_results_are_read_from_a_moment_on_and_by_order(self, store: Store) -> None:
        book(store, *(fill(BUY, "1", "100", n=n) for n in range(4)))

        since = store.read_now(lambda tx: tx.positions.realized_since(NOW + timedelta(seconds=2)))
        assert [one.fill.id for one in since] == ["F2", "F3"]
        by = store.read_now(lambda tx: tx.positions.realized_by(["O0", "O3", "O9"]))
        assert [one.fill.id for one in by] == ["F0", "F3"]


class TestFoldingAnew:
    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE positions SET amount = '7'",
            "DELETE FROM positions",
            "DELETE FROM results WHERE fill = 'F1'",
            "UPDATE results SET result = '1' WHERE fill = 'F2'",
            "UPDATE fills SET amount = '2' WHERE id = 'F1'",
            "DELETE FROM fills",
        ],
    )
    def test_what_does_not_agree_is_found_and_made_anew(
        self, store: Store, database: Path, damage: str
    ) -> None:
        book(store, fill(BUY, "3", "100", n=1), fill(SELL, "1", "110", n=2))
        with closing(sqlite3.connect(database)) as raw:
            raw.execute(damage)
            raw.commit()
        assert wrong(store) == [("main", "BTC/USDT")]

        store.write_now(lambda tx: tx.positions.fold_all())
        assert wrong(store) == []


numbers = count()
amounts = st.decimals("0.001", 3, places=3)
prices = st.decimals(1, 200, places=2)
fees = st.sampled_from([("BTC", D("0.001")), ("USDT", D("0.5")), ("BNB", D("0.01")), (None, D(0))])
traded = st.tuples(
    st.sampled_from(Side),
    amounts,
    prices,
    fees,
    st.integers(0, 5),  # seconds: told in any order, several of one instant
    st.integers(0, 3),  # order
    st.booleans(),  # inferred
)
steps = st.lists(st.one_of(traded, st.integers(0, 3)), max_size=10)
"""Fills, and orders whose inferred fills are taken back."""


@pytest.fixture(scope="module")
def kept(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all examples; each has a venue of its own."""
    path = shutil.copy(migrated, tmp_path_factory.mktemp("kept") / "kept.db")
    store = Store(f"sqlite:///{path}", journal_key=KEY, clock=Clock(NOW), new_id=lambda: "unused")
    yield store
    store.close()


def made(
    step: tuple[Side, Decimal, Decimal, tuple[str | None, Decimal], int, int, bool],
    venue: str,
    symbol: str,
) -> Fill:
    side, amount, price, (fee_currency, fee), second, order, inferred = step
    number = next(numbers)
    return fill(
        side,
        str(amount),
        str(price),
        id=f"{number:026d}",
        trade_id=str(number),
        order=f"{venue}-{order}",
        venue=venue,
        symbol=symbol,
        fee=fee,
        fee_currency=fee_currency,
        at=NOW + timedelta(seconds=second),
        inferred=inferred,
    )


@settings(deadline=None)
@given(steps, st.sampled_from(MARKETS))
def test_after_each_step_what_is_kept_is_what_folding_every_fill_comes_to(
    kept: Store, all_steps: list[object], symbol: str
) -> None:
    venue, there = f"v{next(numbers)}", list[Fill]()

    def check(tx: Transaction) -> None:
        there.sort(key=lambda one: (one.at, one.id))
        folded = list(fold(None, there))
        stored = [r for r in tx.positions.realized_since(LONG_AGO) if r.fill.venue == venue]
        assert stored == folded
        assert tx.positions.of(venue, symbol) == (folded[-1].position if folded else None)

    def work(tx: Transaction) -> None:
        for step in all_steps:
            if isinstance(step, int):
                order = f"{venue}-{step}"
                tx.fills.drop_inferred(order)
                there[:] = [one for one in there if not (one.order == order and one.inferred)]
            else:
                there.append(made(step, venue, symbol))
                tx.fills.add(there[-1])
            check(tx)
        assert not [market for market in tx.positions.wrong() if market[0] == venue]

    kept.write_now(work)
