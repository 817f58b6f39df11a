"""What reports and trades do to a stored order and its fills; on a real database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.events import EventKind
from execution.store import Store, Transaction
from execution.trading import Halt, Trading
from execution.types import OrderState, TicketState, TradingState
from execution.venues.venue import Report
from tests.clock import Clock
from tests.execution.bookkeeping import Desk
from tests.execution.builders import NOW, terms
from tests.execution.rows import order, report, trade

D = Decimal
SECOND = timedelta(seconds=1)


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


class TestFills:
    def test_a_trade_is_booked_once_however_often_it_is_shown(self, desk: Desk) -> None:
        desk.place()
        for _ in range(3):
            desk.book(report("working", "0.4"), trade("t1", "0.4"))

        assert desk.filled == D("0.4")
        assert desk.told == ["fill"]

    def test_a_trade_that_stands_twice_in_one_answer_is_booked_once(self, desk: Desk) -> None:
        """As when the pages of an exchange overlap."""
        desk.place()
        desk.book(report("working", "0.4"), trade("t1", "0.4"), trade("t1", "0.4"))

        assert desk.filled == D("0.4")

    def test_a_fill_is_what_the_venue_says_of_the_trade(self, desk: Desk) -> None:
        desk.place()
        at = NOW - SECOND
        shown = trade("t1", "0.4", "99.5", fee=D("0.0004"), fee_currency="BTC", at=at)
        desk.book(report("working", "0.4"), shown)

        (booked,) = desk.fills
        assert (booked.trade_id, booked.amount, booked.price) == ("t1", D("0.4"), D("99.5"))
        assert (booked.fee, booked.fee_currency, booked.at) == (D("0.0004"), "BTC", at)
        assert (booked.order, booked.ticket, booked.inferred) == ("O1", "T1", False)
        assert desk.said(EventKind.FILL) == {"fill": booked.id, "amount": "0.4", "price": "99.5"}

    def test_eighteen_decimals_of_a_large_amount_add_up(self, desk: Desk) -> None:
        """More digits than decimal has without being told to: nothing is rounded on the way."""
        whole, part, rest = (
            "900000000000.000000000000000003",
            "1",
            "899999999999.000000000000000003",
        )
        desk.place(terms=terms(amount=D(whole)), amount=D(whole))
        shown = report("filled", whole, amount=D(whole))
        desk.book(shown, trade("t1", part), trade("t2", rest))

        assert desk.order.state is OrderState.FILLED
        assert [one.inferred for one in desk.fills] == [False, False]
        assert EventKind.OVERFILL not in desk.told

    def test_each_look_adds_what_is_new(self, desk: Desk) -> None:
        desk.place()
        first, second = trade("t1", "0.4"), trade("t2", "0.6", "100.2")
        desk.book(report("working", "0.4"), first)
        desk.book(report("filled", "1"), first, second)

        assert [f.trade_id for f in desk.fills] == ["t1", "t2"]
        assert desk.told == ["fill", "fill", "order_filled", "ticket_done"]

    def test_a_trade_that_reads_differently_later_is_kept_as_it_was_and_told(
        self, desk: Desk
    ) -> None:
        desk.place()
        desk.book(report("working", "0.4"), trade("t1", "0.4"))
        for _ in range(3):
            desk.book(report("working", "0.4"), trade("t1", "0.5", "101"))

        assert [(f.amount, f.price) for f in desk.fills] == [(D("0.4"), D(100))]
        assert desk.said(EventKind.FILL_CONFLICT) == {
            "trade": "t1",
            "booked": "0.4 at 100",
            "shown": "0.5 at 101",
        }

    def test_more_filled_than_ordered_is_booked_and_told_once(self, desk: Desk) -> None:
        desk.place()
        trades = [trade("t1", "0.7"), trade("t2", "0.5")]
        desk.book(report("working", "0.7"), trades[0])
        assert "overfill" not in desk.told

        for _ in range(2):
            desk.book(report("filled", "1.2"), *trades)

        assert desk.filled == D("1.2")
        assert desk.said(EventKind.OVERFILL) == {"by": "1.2"}

    def test_exactly_what_was_ordered_is_no_overfill(self, desk: Desk) -> None:
        desk.place()
        desk.book(report("filled", "1"), trade("t1", "0.7"), trade("t2", "0.3"))

        assert "overfill" not in desk.told


class TestWaitingForTrades:
    def test_a_closed_order_waits_for_trades_that_are_not_shown_yet(self, desk: Desk) -> None:
        desk.place()
        waiting = desk.book(report("filled", "1"))

        assert (waiting.state, waiting.reported) == (OrderState.WORKING, D(1))
        assert (waiting.short_since, waiting.venue_order_id) == (NOW, "v1")
        assert waiting.next_look_at == NOW + SECOND / 2
        assert (desk.fills, desk.told) == ([], [])

    def test_after_five_seconds_what_it_claims_is_inferred(self, desk: Desk, clock: Clock) -> None:
        desk.place()
        desk.book(report("filled", "1", average=D("99.9")), trade("t1", "0.4"))
        clock.advance(4.999999)
        desk.book(report("filled", "1", average=D("99.9")), trade("t1", "0.4"))
        assert (desk.order.state, desk.filled) == (OrderState.WORKING, D("0.4"))

        clock.advance(0.000001)
        desk.book(report("filled", "1", average=D("99.9")), trade("t1", "0.4"))

        assert [(f.amount, f.price, f.inferred) for f in desk.fills] == [
            (D("0.4"), D(100), False),
            (D("0.6"), D("99.9"), True),
        ]
        assert desk.fills[1].trade_id == "inf:c1:1"
        assert (desk.fills[1].fee, desk.fills[1].fee_currency) == (D(0), None)
        assert (desk.order.state, desk.order.short_since) == (OrderState.FILLED, None)
        assert desk.ticket.state is TicketState.DONE

    @pytest.mark.parametrize(
        ("known", "price"),
        [
            ({"average": D("99.9"), "price": D("100.4")}, "99.9"),
            ({"average": None, "price": D("100.4")}, "100.4"),
            ({"average": None, "price": None}, "100.5"),
        ],
    )
    def test_it_is_inferred_at_the_best_price_known(
        self, desk: Desk, clock: Clock, known: dict[str, Any], price: str
    ) -> None:
        desk.place()
        for _ in range(2):
            desk.book(report("filled", "1", **known))
            clock.advance(5)

        assert [f.price for f in desk.fills] == [D(price)]

    def test_trades_that_come_in_time_are_booked_and_nothing_is_inferred(
        self, desk: Desk, clock: Clock
    ) -> None:
        desk.place()
        desk.book(report("filled", "1"))
        clock.advance(60)
        desk.book(report("filled", "1"), trade("t1", "1"))

        assert [(f.trade_id, f.inferred) for f in desk.fills] == [("t1", False)]
        assert desk.order.state is OrderState.FILLED

    def test_an_open_order_is_not_inferred_however_long_its_trades_are_missing(
        self, desk: Desk, clock: Clock
    ) -> None:
        desk.place()
        for _ in range(3):
            desk.book(report("working", "0.5"))
            clock.advance(60)

        assert (desk.fills, desk.order.reported) == ([], D("0.5"))
        assert desk.order.state is OrderState.WORKING

    def test_a_canceled_order_with_a_part_filled_waits_too(self, desk: Desk, clock: Clock) -> None:
        desk.place("canceling")
        desk.book(report("canceled", "0.3"))
        assert desk.order.state is OrderState.CANCELING

        desk.book(report("canceled", "0.3"), trade("t1", "0.3"))
        assert (desk.order.state, desk.filled) == (OrderState.CANCELED, D("0.3"))


class TestInferredFills:
    @pytest.fixture
    def inferred(self, desk: Desk, clock: Clock) -> Desk:
        """An order that ended with its whole fill inferred."""
        desk.place()
        for _ in range(2):
            desk.book(report("filled", "1", average=D("99.9")))
            clock.advance(5)
        assert [f.inferred for f in desk.fills] == [True]
        return desk

    def test_the_real_trades_take_their_place(self, inferred: Desk) -> None:
        inferred.book(report("filled", "1"), trade("t1", "0.4"), trade("t2", "0.6"))

        assert [(f.trade_id, f.inferred) for f in inferred.fills] == [("t1", False), ("t2", False)]
        assert inferred.filled == D(1)

    def test_a_part_of_the_real_trades_does_not_lower_what_was_filled(self, inferred: Desk) -> None:
        inferred.book(report("filled", "1"), trade("t1", "0.4"))
        assert [(f.amount, f.inferred) for f in sorted(inferred.fills, key=lambda f: f.amount)] == [
            (D("0.4"), False),
            (D("0.6"), True),
        ]

        inferred.book(report("filled", "1"), trade("t1", "0.4"), trade("t2", "0.6"))
        assert [f.inferred for f in inferred.fills] == [False, False]
        assert inferred.filled == D(1)

    def test_it_is_asked_about_for_ten_minutes_while_its_trades_may_come(
        self, inferred: Desk, clock: Clock
    ) -> None:
        ended_at = inferred.order.ended_at
        assert ended_at is not None
        assert inferred.order.next_look_at == ended_at + timedelta(seconds=30)

        clock.now = ended_at + timedelta(minutes=10) - timedelta(microseconds=1)
        inferred.book(report("filled", "1"))
        assert inferred.order.next_look_at == clock.now + timedelta(seconds=30)

        clock.now = ended_at + timedelta(minutes=10)
        inferred.book(report("filled", "1"))
        assert inferred.order.next_look_at is None

    def test_it_is_not_asked_about_once_they_are_there(self, inferred: Desk) -> None:
        inferred.book(report("filled", "1"), trade("t1", "1"))

        assert inferred.order.next_look_at is None

    def test_seeing_the_same_again_infers_nothing_more(self, inferred: Desk) -> None:
        told = inferred.told
        inferred.book(report("filled", "1", average=D("99.9")))

        assert (inferred.filled, inferred.told) == (D(1), told)


class TestAnOrder:
    def test_one_that_was_in_doubt_and_is_found_works_on(self, desk: Desk, clock: Clock) -> None:
        desk.place("in_doubt", doubted_at=NOW, looks=2, next_look_at=NOW)
        clock.advance(3)
        found = desk.book(report("working"))

        assert (found.state, found.doubted_at, found.looks) == (OrderState.WORKING, None, 0)
        assert found.next_look_at == clock.now + SECOND
        assert desk.said(EventKind.ORDER_WORKING) == {"found": "True"}

    @pytest.mark.parametrize(("resting", "seconds"), [(1, 1), (5, 1), (6, 1.2), (50, 10)])
    def test_all_that_rest_at_a_venue_are_looked_at_five_times_a_second_together(
        self, desk: Desk, resting: int, seconds: float
    ) -> None:
        """Fifty of them each second are more than Binance answers: it would hear nothing else."""
        desk.place(acknowledged_at=NOW - 10 * SECOND)
        self.crowd(desk, resting - 1)
        assert desk.book(report("working")).next_look_at == NOW + seconds * SECOND

    def crowd(self, desk: Desk, count: int) -> None:
        """So many more rest at its venue, and one at another."""

        def rest(tx: Transaction) -> None:
            for n in range(count):
                tx.orders.add(order("working", id=f"O-{n}", leg=f"l{n}", client_order_id=f"c-{n}"))
            tx.orders.add(order("working", id="O-x", leg="x", venue="other"))

        desk.store.write_now(rest)

    def test_one_that_was_just_taken_is_looked_at_each_second_whatever_rests(
        self, desk: Desk
    ) -> None:
        desk.place(acknowledged_at=NOW - 9 * SECOND)
        self.crowd(desk, 50)
        assert desk.book(report("working")).next_look_at == NOW + SECOND

    @pytest.mark.parametrize(
        ("taken_for", "resting", "seconds"), [(9, 50, 2), (10, 1, 5), (10, 25, 5), (10, 50, 10)]
    )
    def test_one_that_a_stream_would_ring_for_is_looked_at_more_slowly(
        self, desk: Desk, taken_for: int, resting: int, seconds: float
    ) -> None:
        desk.place(acknowledged_at=NOW - taken_for * SECOND)
        self.crowd(desk, resting - 1)
        booked = desk.book(report("working"), streamed=True)
        assert booked.next_look_at == NOW + seconds * SECOND

    @pytest.mark.parametrize(
        ("shown", "changes"),
        [
            (report("working", "0.5"), {}),
            (report("working"), {"state": "canceling", "cancel_requested_at": NOW}),
            (report("working"), {"cancel_after": NOW + SECOND}),
        ],
        ids=["a fill no trade shows", "being canceled", "its time to rest is over"],
    )
    def test_no_stream_slows_down_what_is_waited_for(
        self, desk: Desk, shown: Report, changes: dict[str, Any]
    ) -> None:
        desk.place(acknowledged_at=NOW - 60 * SECOND, **changes)
        assert desk.book(shown, streamed=True).next_look_at == NOW + SECOND

    def test_one_that_claims_a_fill_no_trade_shows_is_looked_at_each_second_whatever_rests(
        self, desk: Desk
    ) -> None:
        desk.place(acknowledged_at=NOW - 60 * SECOND)
        self.crowd(desk, 50)
        assert desk.book(report("working", "0.5")).next_look_at == NOW + SECOND

    @pytest.mark.parametrize(("over_in", "seconds"), [(3, 3), (11, 10), (0.5, 1)])
    def test_one_whose_time_to_rest_is_over_before_its_turn_is_looked_at_then(
        self, desk: Desk, over_in: float, seconds: float
    ) -> None:
        desk.place(acknowledged_at=NOW - 60 * SECOND, cancel_after=NOW + over_in * SECOND)
        self.crowd(desk, 49)
        assert desk.book(report("working")).next_look_at == NOW + seconds * SECOND

    def test_one_that_is_being_canceled_is_looked_at_each_second_whatever_rests(
        self, desk: Desk
    ) -> None:
        desk.place("canceling", cancel_requested_at=NOW, acknowledged_at=NOW - 60 * SECOND)
        self.crowd(desk, 50)
        assert desk.book(report("working")).next_look_at == NOW + SECOND

    @pytest.mark.parametrize("state", ["filled", "rejected"])
    def test_one_that_ended_is_not_looked_at_again(self, desk: Desk, state: str) -> None:
        desk.place(next_look_at=NOW, reported=D(1))
        desk.book(report("working", "1"), trade("t1", "1"))
        ended = desk.book(report(state, "1"))

        assert (ended.next_look_at, ended.ended_at) == (None, NOW)

    @pytest.mark.parametrize("state", ["canceled", "expired"])
    def test_one_whose_rest_is_gone_is_looked_at_once_more_for_a_late_trade(
        self, desk: Desk, clock: Clock, state: str
    ) -> None:
        """Some exchanges confirm a cancel before the last trade is in the order's row."""
        desk.place(next_look_at=NOW)
        ended = desk.book(report(state))
        assert (ended.next_look_at, ended.ended_at) == (NOW + 30 * SECOND, NOW)
        clock.advance(10)
        assert desk.book(report(state)).next_look_at == NOW + 30 * SECOND

        clock.advance(20)
        late = desk.book(report(state, "0.4"), trade("t1", "0.4"))
        assert (late.next_look_at, desk.filled) == (None, D("0.4"))
        assert desk.told[-1] == "ticket_done"

    def test_a_look_that_shows_nothing_new_is_not_told(self, desk: Desk) -> None:
        desk.place()
        desk.book(report("working"))

        assert desk.told == []

    def test_one_that_rises_takes_the_proof_from_a_halt(self, desk: Desk) -> None:
        desk.place("absent", ticket="failed", ended_at=NOW)
        halt = Halt(by="tg:1", name="Olga", at=NOW, reason="", verified_at=NOW)
        halted = Trading(state=TradingState.HALTED, generation=1, halt=halt)
        desk.store.write_now(lambda tx: tx.set_trading(tx.trading(), halted))
        desk.book(report("working"))

        after = desk.store.write_now(lambda tx: tx.trading())
        assert after.halt == halt.evolve(verified_at=None)

    def test_one_that_rises_from_its_end_is_told_as_that(self, desk: Desk) -> None:
        desk.place("absent", ticket="failed", ended_at=NOW)
        risen = desk.book(report("working", venue_order_id="v7"))

        assert (risen.state, risen.ended_at, risen.venue_order_id) == (
            OrderState.WORKING,
            None,
            "v7",
        )
        assert desk.said(EventKind.ORDER_WORKING) == {}
        assert desk.said(EventKind.ORDER_RISEN) == {"ended_as": "absent"}

    @pytest.mark.parametrize(
        ("state", "to"),
        [
            ("planned", "sending"),
            ("sending", "planned"),
            ("sending", "in_doubt"),
            ("in_doubt", "stuck"),
            ("in_doubt", "absent"),
            ("working", "canceling"),
            ("working", "canceled"),
            ("sending", "rejected"),
            ("planned", "denied"),
        ],
    )
    def test_each_move_is_told_with_its_reason(self, desk: Desk, state: str, to: str) -> None:
        desk.place(state)
        desk.move(to, reason="why", attempts=4)

        word = EventKind.ORDER_NOT_SENT if to == "planned" else EventKind(f"order_{to}")
        assert desk.said(word) == {"reason": "why"}
        assert (desk.order.state, desk.order.attempts) == (to, 4)
