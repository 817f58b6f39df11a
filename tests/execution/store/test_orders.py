"""Orders and fills on a real database: the keys that "never twice" rests on, and exact amounts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, NoResultFound, StatementError

from execution.errors import Corrupt
from execution.store import Store, Transaction
from execution.types import Fill, Order, OrderState, OrderType, Side, TimeInForce
from tests.execution.builders import NOW, fill
from tests.execution.rows import order

D = Decimal
SECOND = timedelta(seconds=1)


def add(*orders: Order) -> Any:
    """Work that stores these orders."""

    def work(tx: Transaction) -> None:
        for one in orders:
            tx.orders.add(one)

    return work


def numbered(n: int, state: str = "planned", **changes: Any) -> Order:
    """An order that has nothing in common with the others."""
    keys = {"id": f"O{n}", "ticket": f"T{n}", "client_order_id": f"c{n}"}
    return order(state, **keys | changes)


class TestOrders:
    async def test_an_order_comes_back_as_it_was(self, store: Store) -> None:
        whole = order(
            "in_doubt",
            side=Side.SELL,
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.IOC,
            reduces=True,
            post_only=True,
            venue_order_id="v1",
            attempts=3,
            sent_at=NOW,
            acknowledged_at=NOW + timedelta(microseconds=1),
            fence_at=NOW + 6 * SECOND,
            cancel_after=NOW + 30 * SECOND,
            cancel_requested_at=NOW + 2 * SECOND,
            cancel_reason="halted",
            looks=2,
            doubted_at=NOW,
            next_look_at=NOW + timedelta(milliseconds=500),
            ended_at=NOW,
            reason="the venue did not answer",
            reported=D("0.4"),
            short_since=NOW,
        )
        await store.write(add(whole))

        assert await store.read(lambda tx: tx.orders.get("O1")) == whole

    async def test_one_leg_of_a_ticket_has_one_order(self, store: Store) -> None:
        await store.write(add(order()))
        second = order(id="O2", client_order_id="c2")

        with pytest.raises(IntegrityError, match="ticket"):
            await store.write(add(second))
        await store.write(add(second.evolve(leg="stop")))

    async def test_a_client_order_id_is_used_once_at_a_venue(self, store: Store) -> None:
        await store.write(add(order()))
        second = order(id="O2", ticket="T2")

        with pytest.raises(IntegrityError, match="client_order_id"):
            await store.write(add(second))
        await store.write(add(second.evolve(venue="other")))

    async def test_a_lost_race_for_an_order_is_an_error_and_changes_nothing(
        self, store: Store
    ) -> None:
        """Two workers find the same planned order: one of them sends it."""
        planned = order()
        await store.write(add(planned))
        sending = planned.evolve(state=OrderState.SENDING, attempts=1)
        await store.write(lambda tx: tx.orders.change(planned, sending))

        with pytest.raises(Corrupt, match="O1 is no longer planned"):
            await store.write(lambda tx: tx.orders.change(planned, sending))

        assert await store.read(lambda tx: tx.orders.get("O1")) == sending

    async def test_another_attempt_is_a_lost_race_too(self, store: Store) -> None:
        """It is planned again, but not as this worker saw it."""
        before = order(attempts=1)
        await store.write(add(before.evolve(attempts=2)))

        with pytest.raises(Corrupt):
            await store.write(
                lambda tx: tx.orders.change(before, before.evolve(state=OrderState.SENDING))
            )

    async def test_an_order_nobody_planned_is_an_error(self, store: Store) -> None:
        with pytest.raises(NoResultFound):
            await store.read(lambda tx: tx.orders.get("O1"))
        with pytest.raises(Corrupt):
            await store.write(lambda tx: tx.orders.change(order(), order()))


class TestOrderLists:
    @pytest.fixture
    def several(self, store: Store) -> Store:
        asked = {"cancel_requested_at": NOW + 5 * SECOND}
        store.write_now(
            add(
                numbered(3, "working", symbol="ETH/USDT", sent_at=NOW + SECOND, **asked),
                numbered(1, "filled", sent_at=NOW),
                numbered(2, "working", venue="other", sent_at=NOW + 2 * SECOND),
                numbered(4, "sending", sent_at=NOW + 3 * SECOND, reduces=True),
                numbered(5, ticket="T1", leg="stop"),
            )
        )
        return store

    @pytest.mark.parametrize(
        ("limit", "before", "equal", "ids"),
        [
            (9, None, {}, "O5 O4 O3 O2 O1"),
            (2, "O4", {}, "O3 O2"),
            (9, None, {"state": "working"}, "O3 O2"),
            (9, None, {"symbol": "ETH/USDT", "venue": "main"}, "O3"),
            (9, None, {"ticket": "T1"}, "O5 O1"),
            (9, "O1", {}, ""),
        ],
    )
    def test_a_page_is_newest_first_before_a_cursor_and_filtered(
        self, several: Store, limit: int, before: str | None, equal: dict[str, str], ids: str
    ) -> None:
        page = several.read_now(lambda tx: tx.orders.newest(limit=limit, before=before, **equal))

        assert [one.id for one in page] == ids.split()

    def test_orders_in_some_states_come_oldest_first(self, several: Store) -> None:
        states = (OrderState.WORKING, OrderState.SENDING)
        found = several.read_now(lambda tx: tx.orders.in_state(*states))

        assert [one.id for one in found] == ["O2", "O3", "O4"]
        assert several.read_now(lambda tx: tx.orders.in_state(OrderState.STUCK)) == []

    def test_the_legs_of_tickets_come_oldest_first(self, several: Store) -> None:
        found = several.read_now(lambda tx: tx.orders.of(["T1", "T2", "T9"]))

        assert {t: [o.id for o in legs] for t, legs in found.items()} == {
            "T1": ["O1", "O5"],
            "T2": ["O2"],
        }
        assert [o.id for o in several.read_now(lambda tx: tx.orders.of_ticket("T1"))] == [
            "O1",
            "O5",
        ]
        assert several.read_now(lambda tx: tx.orders.of_ticket("T9")) == []

    def test_ours_are_known_among_a_venues_orders(self, several: Store) -> None:
        ids = ["c1", "c2", "c9"]
        found = several.read_now(lambda tx: tx.orders.by_client_ids("main", ids))

        assert {cid: one.id for cid, one in found.items()} == {"c1": "O1"}, "c2 is of the other"
        assert several.read_now(lambda tx: tx.orders.by_client_ids("main", [])) == {}

    def test_the_symbols_of_a_venue_are_all_we_ever_had_an_order_in(self, several: Store) -> None:
        def symbols(venue: str) -> list[str]:
            return several.read_now(lambda tx: tx.orders.symbols(venue))

        assert symbols("main") == ["BTC/USDT", "ETH/USDT"]
        assert (symbols("other"), symbols("nowhere")) == (["BTC/USDT"], [])

    def test_ended_orders_are_asked_about_when_their_look_is_due(self, store: Store) -> None:
        due = {"ended_at": NOW, "next_look_at": NOW + 30 * SECOND}
        store.write_now(
            add(
                numbered(1, "filled", **due),
                numbered(2, "filled", ended_at=NOW),
                numbered(3, "working", next_look_at=NOW),
                numbered(4, "canceled", **due | {"next_look_at": NOW + 31 * SECOND}),
            )
        )

        def ids(seconds: int) -> list[str]:
            moment = NOW + seconds * SECOND
            return [o.id for o in store.read_now(lambda tx: tx.orders.asked_about(moment))]

        assert (ids(29), ids(30), ids(31)) == ([], ["O1"], ["O1", "O4"])

    @pytest.mark.parametrize(("seconds", "ids"), [(4, ["O3"]), (5, ["O3"]), (6, [])])
    def test_orders_that_were_to_be_canceled_since(
        self, several: Store, seconds: int, ids: list[str]
    ) -> None:
        moment = NOW + seconds * SECOND
        found = several.read_now(lambda tx: tx.orders.canceled_since(moment))

        assert [one.id for one in found] == ids

    @pytest.mark.parametrize(("seconds", "count"), [(-1, 3), (0, 2), (1, 1), (2, 0)])
    def test_entries_sent_since_leave_out_what_reduces_and_what_was_not_sent(
        self, several: Store, seconds: int, count: int
    ) -> None:
        moment = NOW + seconds * SECOND

        assert several.read_now(lambda tx: tx.orders.entries_since(moment)) == count


EXACT = [
    "0.000000000000000001",
    "0.1",
    "123456789.123456789012345678",
    "99999999999999999999.999999999999999999",
    "100000000000000000000000000000000000000",
    "1E+20",
    "1E-30",
    "0",
    "-0.5",
]


class TestExactness:
    @pytest.mark.parametrize("text", EXACT)
    async def test_an_amount_comes_back_exactly(self, store: Store, text: str) -> None:
        value = D(text)
        traded = fill(Side.BUY, text, text, fee=value)
        await store.write(add(order(amount=value, price=value, reported=value)))
        await store.write(lambda tx: tx.fills.add(traded))

        back = await store.read(lambda tx: tx.orders.get("O1"))
        assert (back.amount, back.price, back.reported) == (value, value, value)
        assert await store.read(lambda tx: tx.fills.newest(limit=9)) == [traded]

    async def test_the_file_holds_text_and_no_number(self, store: Store, database: Path) -> None:
        await store.write(add(order(amount=D("1E+2"))))

        with closing(sqlite3.connect(database)) as raw:
            row = raw.execute("SELECT typeof(amount), amount, typeof(created_at) FROM orders")
            assert row.fetchone() == ("text", "100", "text")

    @pytest.mark.parametrize("value", [0.1, 2, "1"], ids=repr)
    async def test_a_number_that_is_no_decimal_is_refused_by_the_column(
        self, store: Store, value: Any
    ) -> None:
        await store.write(add(order()))
        forged = order()
        object.__setattr__(forged, "amount", value)

        with pytest.raises(StatementError, match="money is Decimal"):
            await store.write(lambda tx: tx.orders.change(order(), forged))

        assert await store.read(lambda tx: tx.orders.get("O1")) == order()

    async def test_a_naive_time_is_refused_by_the_column(self, store: Store) -> None:
        forged = order()
        object.__setattr__(forged, "created_at", NOW.replace(tzinfo=None))

        with pytest.raises(StatementError, match="naive"):
            await store.write(add(forged))

    async def test_a_time_comes_back_aware_to_the_microsecond(self, store: Store) -> None:
        at = NOW + timedelta(microseconds=123_456)
        await store.write(add(order(sent_at=at)))

        back = (await store.read(lambda tx: tx.orders.get("O1"))).sent_at
        assert back == at
        assert back is not None
        assert back.utcoffset() == timedelta(0)

    async def test_a_damaged_row_is_found_when_it_is_read(
        self, store: Store, database: Path
    ) -> None:
        await store.write(add(order()))
        with closing(sqlite3.connect(database)) as raw:
            raw.execute("UPDATE orders SET amount = 'NaN'")
            raw.commit()

        with pytest.raises(ValueError, match="amount"):
            await store.read(lambda tx: tx.orders.get("O1"))


class TestFills:
    @staticmethod
    def book(*fills: Fill) -> Any:
        def work(tx: Transaction) -> None:
            for one in fills:
                tx.fills.add(one)

        return work

    async def test_a_trade_is_stored_once(self, store: Store) -> None:
        first = fill(Side.BUY, "1", "100", n=1)
        await store.write(self.book(first))

        with pytest.raises(IntegrityError, match="trade_id"):
            await store.write(self.book(first.evolve(id="F9", order="O9")))

        assert await store.read(lambda tx: tx.fills.newest(limit=9)) == [first]

    async def test_trade_ids_are_of_their_venue_and_symbol(self, store: Store) -> None:
        first = fill(Side.BUY, "1", "100", n=1)
        others = [first.evolve(id="F2", venue="other"), first.evolve(id="F3", symbol="ETH/USDT")]
        await store.write(self.book(first, *others))

        known = await store.read(lambda tx: tx.fills.known("main", "BTC/USDT", ["1", "2"]))
        assert known == {"1": first}

    async def test_fills_come_oldest_first_whatever_order_they_were_booked_in(
        self, store: Store
    ) -> None:
        early, late = fill(Side.BUY, "1", "100", n=1), fill(Side.SELL, "1", "101", n=2)
        same_moment = late.evolve(id="F3", trade_id="3", order="O1", ticket="T2")
        await store.write(self.book(same_moment, late, early))

        assert await store.read(lambda tx: tx.fills.of_order("O1")) == [early, same_moment]
        assert await store.read(lambda tx: tx.fills.of_tickets(["T1", "T9"])) == {
            "T1": [early, late]
        }

    async def test_a_page_of_fills_is_newest_first_and_filtered(self, store: Store) -> None:
        fills = [fill(Side.BUY, "1", "100", n=n, ticket=f"T{n % 2}") for n in range(4)]
        await store.write(self.book(*fills))

        def ids(**asked: Any) -> list[str]:
            return [f.id for f in store.read_now(lambda tx: tx.fills.newest(**asked))]

        assert ids(limit=9) == ["F3", "F2", "F1", "F0"]
        assert ids(limit=1, before="F3") == ["F2"]
        assert ids(limit=9, ticket="T1") == ["F3", "F1"]

    async def test_only_what_was_inferred_for_that_order_is_taken_back(self, store: Store) -> None:
        real = fill(Side.BUY, "1", "100", n=1)
        guess = fill(Side.BUY, "1", "100", n=2, order="O1", inferred=True)
        other = fill(Side.BUY, "1", "100", n=3, inferred=True)
        await store.write(self.book(real, guess, other))

        await store.write(lambda tx: tx.fills.drop_inferred("O1"))

        assert await store.read(lambda tx: tx.fills.newest(limit=9)) == [other, real]
