"""The legs of a ticket: when what one left goes out again, how much that is, and when it does not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution import booking, orders
from execution.events import EventKind
from execution.orders import REPRICINGS, TIMED_OUT, next_leg
from execution.store import Store, Transaction
from execution.types import OnTimeout, Order, OrderState, Side, Terms, TicketState
from tests.execution.bookkeeping import Desk
from tests.execution.builders import NOW, fill, terms
from tests.execution.rows import order, report, ticket, trade

D = Decimal


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


REPRICED = terms(on_timeout=OnTimeout.REPRICE)
"""Terms whose rest is priced anew when its time is over."""


class TestARestThatGoesOutAgain:
    def over(self, desk: Desk, **changes: Any) -> None:
        """An order whose time to rest is over, and whose cancel was asked for."""
        desk.place("canceling", cancel_requested_at=NOW, cancel_reason=TIMED_OUT, **changes)

    def with_terms(self, desk: Desk, wanted: Terms) -> None:
        def work(tx: Transaction) -> None:
            ticket = tx.tickets.get("T1")
            assert ticket is not None
            tx.tickets.change(ticket, ticket.evolve(terms=wanted))

        desk.store.write_now(work)

    def test_its_ticket_works_on_and_is_found(self, desk: Desk) -> None:
        self.over(desk)
        self.with_terms(desk, REPRICED)
        assert desk.store.read_now(lambda tx: tx.orders.left_over()) == []
        desk.book(report("canceled", "0.4"), trade("t1", "0.4"))

        assert desk.ticket.state is TicketState.WORKING
        found = desk.store.read_now(lambda tx: tx.orders.left_over())
        assert [order.id for order in found] == ["O1"]

    def test_terms_that_say_cancel_end_with_it(self, desk: Desk) -> None:
        self.over(desk)
        desk.book(report("canceled", "0.4"), trade("t1", "0.4"))

        assert (desk.ticket.state, desk.ticket.reason) == (TicketState.DONE, TIMED_OUT)
        assert desk.store.read_now(lambda tx: tx.orders.left_over()) == []

    def test_somebody_elses_cancel_goes_before_the_desks_own(self, desk: Desk) -> None:
        self.over(desk)
        self.with_terms(desk, REPRICED)
        for reason in ("canceled by Ana", "halted"):
            desk.store.write_now(
                lambda tx, reason=reason: booking.request_cancel(
                    tx, tx.orders.get("O1"), actor="tg:2", reason=reason
                )
            )
        assert desk.order.cancel_reason == "canceled by Ana", "and the first of them stays"
        desk.book(report("canceled"))
        assert (desk.ticket.state, desk.ticket.reason) == (
            TicketState.CANCELED,
            "canceled by Ana",
        )

    def test_nothing_more_of_it_is_sent_once_it_is_withdrawn(self, desk: Desk) -> None:
        self.over(desk)
        self.with_terms(desk, REPRICED)
        desk.book(report("canceled"))
        for expected in (True, False):
            withdrawn = desk.store.write_now(
                lambda tx: booking.withdraw(tx, "T1", reason="canceled by Ana")
            )
            assert withdrawn is expected
        assert desk.ticket.state is TicketState.CANCELED

    def test_what_was_held_back_of_a_later_leg_ends_it_as_canceled(self, desk: Desk) -> None:
        self.over(desk)
        self.with_terms(desk, REPRICED)
        desk.book(report("canceled"))
        second = order(id="O2", leg="entry-2", client_order_id="c2")

        def denied(tx: Transaction) -> None:
            tx.orders.add(second)
            booking.move_order(tx, second, OrderState.DENIED, reason="no connection")

        desk.store.write_now(denied)
        assert (desk.ticket.state, desk.ticket.reason) == (TicketState.CANCELED, "no connection")

    def test_a_late_fill_of_an_earlier_leg_that_makes_too_much_is_told(self, desk: Desk) -> None:
        """Neither order took more than it asked for; together they did."""
        self.over(desk)
        self.with_terms(desk, REPRICED)
        desk.book(report("canceled", "0.4"), trade("t1", "0.4"))
        second = order("working", id="O2", leg="entry-2", client_order_id="c2", amount=D("0.6"))
        desk.store.write_now(lambda tx: tx.orders.add(second))
        shown = report("filled", "0.6", client_order_id="c2", venue_order_id="v2", amount=D("0.6"))
        more = trade("t2", "0.6", venue_order_id="v2")
        desk.store.write_now(lambda tx: booking.book(tx, "O2", shown, [more]))
        assert "overfill" not in desk.told

        desk.book(report("canceled", "0.7"), trade("t1", "0.4"), trade("t3", "0.3"))
        assert desk.said(EventKind.OVERFILL) == {"by": "1.3"}


def over(**changes: Any) -> Order:
    """A leg that was canceled because its time to rest was over."""
    return order("canceled", cancel_reason=TIMED_OUT, **changes)


def working(on_timeout: OnTimeout) -> Any:
    return ticket("working", terms=terms(on_timeout=on_timeout))


class TestTheNextLeg:
    @pytest.mark.parametrize(
        ("on_timeout", "more"),
        [
            (OnTimeout.CANCEL, 0),
            (OnTimeout.LEAVE, 0),
            (OnTimeout.MARKET, 1),
            (OnTimeout.REPRICE, REPRICINGS),
        ],
    )
    def test_there_are_as_many_as_the_terms_allow(self, on_timeout: OnTimeout, more: int) -> None:
        named, legs = [], [over()]
        while (leg := next_leg(working(on_timeout), legs)) is not None:
            named.append(leg)
            legs.append(over(leg=leg))
        assert named == [f"entry-{n}" for n in range(2, 2 + more)]

    @pytest.mark.parametrize("state", OrderState)
    def test_only_what_was_canceled_or_ran_out_at_the_venue_leaves_one(
        self, state: OrderState
    ) -> None:
        leg = next_leg(working(OnTimeout.REPRICE), [order(state, cancel_reason=TIMED_OUT)])
        assert (leg is not None) == (state in {OrderState.CANCELED, OrderState.EXPIRED})

    @pytest.mark.parametrize("reason", [None, "halted", "canceled by Ana", "it had ended here"])
    def test_only_the_desks_own_timeout_leaves_one(self, reason: str | None) -> None:
        legs = [order("canceled", cancel_reason=reason)]
        assert next_leg(working(OnTimeout.REPRICE), legs) is None

    @pytest.mark.parametrize("state", ["working", "in_doubt", "stuck", "planned", "sending"])
    def test_an_earlier_leg_that_is_not_over_leaves_none(self, state: str) -> None:
        legs = [order(state), over(leg="entry-2")]
        assert next_leg(working(OnTimeout.REPRICE), legs) is None

    @pytest.mark.parametrize("state", ["done", "canceled", "failed", "expired", "approved"])
    def test_a_ticket_that_is_not_at_work_has_none(self, state: str) -> None:
        stands = ticket(state, terms=terms(on_timeout=OnTimeout.REPRICE))
        assert next_leg(stands, [over()]) is None


def test_what_is_left_is_what_no_order_took_by_trade_or_by_claim() -> None:
    legs = [
        over(reported=D("0.3")),
        over(id="O2", leg="entry-2", reported=D("0.1")),
        over(id="O3", leg="entry-3"),
    ]
    fills = [
        fill(Side.BUY, "0.2", "100", n=1, order="O1"),
        fill(Side.BUY, "0.1", "100", n=2, order="O2"),
        fill(Side.BUY, "0.05", "100", n=3, order="O2"),
    ]
    assert orders.left(terms(), legs, fills) == 1 - D("0.3") - D("0.15")


def test_later_legs_and_the_ticket_asked_about_are_no_entries(store: Store) -> None:
    def place(tx: Transaction) -> None:
        for n, changes in enumerate(({}, {"leg": "entry-2"}, {"reduces": True}), start=1):
            keys = {"id": f"O{n}", "ticket": f"T{n}", "client_order_id": f"c{n}"}
            tx.orders.add(order("working", sent_at=NOW, **keys | changes))

    store.write_now(place)
    since = NOW - timedelta(minutes=1)
    assert store.read_now(lambda tx: tx.orders.entries_since(since)) == 1
    assert store.read_now(lambda tx: tx.orders.entries_since(since, without="T1")) == 0
    assert store.read_now(lambda tx: tx.orders.entries_since(since, without="T9")) == 1


def test_a_cancel_that_was_asked_for_during_a_look_waits_for_no_second_one(desk: Desk) -> None:
    desk.place("working", cancel_requested_at=NOW, cancel_reason="canceled by Ana")
    assert desk.book(report("working")).next_look_at == NOW
