"""How a ticket ends with its orders, is revised or refused, and how cancels are noted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution import approval, booking
from execution.approval import Policy, Role, Rule
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.types import Order, OrderState, Refusal, TicketState, TimeInForce
from tests.clock import Clock
from tests.execution.bookkeeping import Desk
from tests.execution.builders import NOW, terms
from tests.execution.rows import order, report, stored, trade, vote

D = Decimal
SECOND = timedelta(seconds=1)


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


class TestSettling:
    """How a ticket ends with its order."""

    @pytest.mark.parametrize(
        ("happens", "ends"),
        [
            (lambda d: d.book(report("filled", "1"), trade("t1", "1")), "done"),
            (lambda d: d.book(report("canceled", "0.3"), trade("t1", "0.3")), "done"),
            (lambda d: d.book(report("expired", "0.3"), trade("t1", "0.3")), "done"),
            (lambda d: d.book(report("canceled")), "canceled"),
            (lambda d: d.book(report("expired")), "expired"),
            (lambda d: d.book(report("rejected")), "failed"),
        ],
        ids=[
            "filled",
            "a part filled then canceled",
            "a part filled then expired",
            "canceled",
            "IOC with nothing filled",
            "refused",
        ],
    )
    def test_a_ticket_ends_as_its_order_ended(
        self, desk: Desk, happens: Callable[[Desk], object], ends: str
    ) -> None:
        desk.place(time_in_force=TimeInForce.IOC)
        happens(desk)

        assert desk.ticket.state == ends
        assert desk.told[-1] == f"ticket_{ends}"

    @pytest.mark.parametrize(
        ("state", "to", "changes", "ends"),
        [
            ("sending", "rejected", {"reason": "MIN_NOTIONAL"}, "failed"),
            ("in_doubt", "absent", {"reason": "it never arrived"}, "failed"),
            ("planned", "denied", {"reason": "no connection"}, "failed"),
            ("planned", "denied", {"reason": "halted", "cancel_reason": "halted"}, "canceled"),
        ],
    )
    def test_a_ticket_ends_with_the_reason_why_nothing_came_of_it(
        self, desk: Desk, state: str, to: str, changes: dict[str, Any], ends: str
    ) -> None:
        desk.place(state)
        desk.move(to, **changes)

        assert (desk.ticket.state, desk.ticket.reason) == (ends, changes["reason"])

    def test_what_was_canceled_says_why_it_was_to_be(self, desk: Desk) -> None:
        desk.place(cancel_reason="its time to rest was over")
        desk.book(report("canceled"))

        assert desk.ticket.reason == "its time to rest was over"

    def test_a_ticket_works_on_while_one_of_its_orders_does(self, desk: Desk) -> None:
        desk.place()
        desk.store.write_now(
            lambda tx: tx.orders.add(order("working", id="O2", leg="stop", client_order_id="c2"))
        )
        desk.book(report("filled", "1"), trade("t1", "1"))
        assert desk.ticket.state is TicketState.WORKING

        desk.store.write_now(
            lambda tx: booking.book(
                tx, "O2", report("canceled", client_order_id="c2", venue_order_id="v2"), ()
            )
        )
        assert desk.ticket.state is TicketState.DONE

    @pytest.mark.parametrize(
        ("order_ended", "ticket_ended"),
        [
            ("canceled", "canceled"),
            ("expired", "expired"),
            ("rejected", "failed"),
            ("absent", "failed"),
        ],
    )
    @pytest.mark.parametrize("shown", ["filled", "canceled"])
    def test_a_late_fill_turns_an_ended_ticket_into_done(
        self, desk: Desk, order_ended: str, ticket_ended: str, shown: str
    ) -> None:
        desk.place(order_ended, ticket=ticket_ended)
        desk.book(report(shown, "1"), trade("t1", "1"))

        assert (desk.filled, desk.ticket.state) == (D(1), TicketState.DONE)
        assert desk.told[-1] == "ticket_done"

    def test_a_late_claim_without_a_trade_is_not_lost(self, desk: Desk) -> None:
        """An ended order does not wait for its trades; they take the place of the claim later."""
        desk.place("canceled", ticket="canceled")
        desk.book(report("canceled", "0.3", average=D("99.9")))

        assert [(f.amount, f.price, f.inferred) for f in desk.fills] == [
            (D("0.3"), D("99.9"), True)
        ]
        assert desk.ticket.state is TicketState.DONE

    def test_a_ticket_that_is_done_stays_done(self, desk: Desk) -> None:
        desk.place("filled", ticket="done", reported=D(1))
        desk.book(report("filled", "1"), trade("t1", "1"))

        assert desk.ticket.state is TicketState.DONE
        assert "ticket_done" not in desk.told

    def test_a_rejected_ticket_is_not_brought_back_by_a_fill(self, desk: Desk) -> None:
        """The table has no such move; the fill is booked all the same."""
        desk.place("canceled", ticket="rejected")
        desk.book(report("filled", "1"), trade("t1", "1"))

        assert (desk.filled, desk.ticket.state) == (D(1), TicketState.REJECTED)


class TestCanceling:
    def cancel(self, desk: Desk, actor: str = "tg:2", reason: str = "asked for") -> Order:
        return desk.store.write_now(
            lambda tx: booking.request_cancel(tx, tx.orders.get("O1"), actor=actor, reason=reason)
        )

    @pytest.mark.parametrize("state", ["sending", "in_doubt", "working", "stuck"])
    def test_it_is_noted_for_the_executor_which_looks_at_once(
        self, desk: Desk, clock: Clock, state: str
    ) -> None:
        desk.place(state, next_look_at=NOW + 60 * SECOND)
        asked = self.cancel(desk)

        assert asked == desk.order
        assert (asked.state, asked.cancel_reason) == (state, "asked for")
        assert (asked.cancel_requested_at, asked.next_look_at) == (NOW, NOW)
        assert desk.said(EventKind.ORDER_CANCEL_REQUESTED) == {"reason": "asked for"}

    def test_asking_again_keeps_who_asked_first(self, desk: Desk, clock: Clock) -> None:
        desk.place()
        self.cancel(desk)
        clock.advance(5)
        self.cancel(desk, "tg:3", "halted")

        assert (desk.order.cancel_requested_at, desk.order.cancel_reason) == (NOW, "asked for")
        assert desk.told == ["order_cancel_requested"]

    def test_what_was_not_sent_is_denied_and_its_ticket_canceled(self, desk: Desk) -> None:
        desk.place("planned")
        self.cancel(desk)

        assert desk.order.state is OrderState.DENIED
        assert (desk.ticket.state, desk.ticket.reason) == (TicketState.CANCELED, "asked for")
        assert desk.told == ["order_denied", "ticket_canceled"]


class TestTickets:
    """What happens to a ticket before anything is sent."""

    POLICY = Policy(people={"tg:2": Role.APPROVER})

    def test_a_rule_that_objects_ends_it_with_every_reason(self, desk: Desk) -> None:
        objections = (
            Refusal(code="MAX_ORDER_NOTIONAL", text="2 490 USDT is over 1 000", largest=D(1000)),
            Refusal(code="SYMBOL", text="not traded here"),
        )

        def work(tx: Transaction) -> None:
            booking.refuse(tx, stored(tx, "approved", decided_at=NOW), objections)

        desk.store.write_now(work)

        assert (desk.ticket.state, desk.ticket.refusals) == (TicketState.REFUSED, objections)
        assert desk.ticket.reason == "2 490 USDT is over 1 000"
        assert desk.told == ["ticket_refused"]

    def test_a_revision_is_told_with_who_made_it_and_voids_the_votes(
        self, desk: Desk, clock: Clock
    ) -> None:
        half = terms(amount=D("0.5"), notional=D("50.5"), value=D("50.5"))

        def work(tx: Transaction) -> None:
            made = stored(tx, waits=timedelta(minutes=2))
            tx.tickets.vote(vote(made))
            booking.revise(
                tx,
                made,
                half,
                policy=self.POLICY,
                kind=EventKind.TICKET_REVISED,
                actor="tg:2",
                reason="half",
            )

        clock.advance(10)
        desk.store.write_now(work)

        revised = desk.ticket
        votes = desk.store.read_now(lambda tx: tx.tickets.votes("T1"))
        assert (revised.revision, revised.terms, len(votes)) == (2, half, 1)
        assert not approval.approvals(revised, votes, self.POLICY)
        assert revised.expires_at == clock.now + timedelta(minutes=2)
        (entry,) = desk.store.read_now(lambda tx: tx.journal.of_ticket("T1"))
        assert (entry.kind, entry.actor) == (EventKind.TICKET_REVISED, "tg:2")
        assert entry.data == {
            "reason": "half",
            "revision": "2",
            "fingerprint": revised.fingerprint,
        }

    def test_when_the_price_moved_people_are_asked_again_and_see_from_where(
        self, desk: Desk
    ) -> None:
        dearer = terms(reference=D(103), worst_price=D(104))

        def work(tx: Transaction) -> None:
            approved = stored(tx, "approved", decided_at=NOW)
            booking.ask_again(tx, approved, dearer, policy=self.POLICY)

        desk.store.write_now(work)

        asked = desk.ticket
        assert (asked.state, asked.revision, asked.terms) == (TicketState.PENDING, 2, dearer)
        assert (asked.previous_reference, asked.decided_at) == (D(100), None)
        assert (asked.reason, desk.told) == ("the price moved", ["ticket_asked_again"])

    def test_what_was_never_priced_cannot_be_priced_again(self, desk: Desk) -> None:
        def work(tx: Transaction) -> None:
            booking.ask_again(tx, stored(tx, terms=None), terms(), policy=self.POLICY)

        with pytest.raises(AssertionError, match="priced"):
            desk.store.write_now(work)
        assert desk.store.read_now(lambda tx: tx.tickets.get("T1")) is None


class TestRulesThatChanged:
    """Between two starts somebody edits the settings while a ticket waits."""

    STRICT = Policy(people={"tg:2": Role.APPROVER}, rules=(Rule(name="strict", required=2),))
    NEVER = Policy(people={}, rules=(Rule(name="never", block=True),))

    def follow(self, desk: Desk, policy: Policy) -> None:
        desk.store.write_now(lambda tx: booking.follow_rules(tx, desk.ticket, policy))

    def test_a_ticket_that_meets_another_rule_today_is_asked_again_once(self, desk: Desk) -> None:
        before = desk.store.write_now(stored)
        for _ in range(2):
            self.follow(desk, self.STRICT)

        after = desk.ticket
        assert (after.rule, after.required, after.revision) == ("strict", 2, 2)
        assert (after.terms, after.reason) == (before.terms, "the rule strict applies now")
        assert desk.told == ["ticket_revised"]

    def test_a_ticket_that_a_rule_blocks_today_is_refused(self, desk: Desk) -> None:
        desk.store.write_now(stored)
        self.follow(desk, self.NEVER)

        assert desk.ticket.state is TicketState.REFUSED
        assert [refusal.code for refusal in desk.ticket.refusals] == ["BLOCKED"]
        assert "never" in (desk.ticket.reason or "")

    def test_a_ticket_whose_rule_is_the_same_is_left_alone(self, desk: Desk) -> None:
        before = desk.store.write_now(stored)
        self.follow(desk, Policy(people={}))

        assert (desk.ticket, desk.told) == (before, [])

    def test_a_ticket_that_was_never_sized_meets_no_rule(self, desk: Desk) -> None:
        before = desk.store.write_now(lambda tx: stored(tx, "new", terms=None))
        self.follow(desk, self.NEVER)

        assert (desk.ticket, desk.told) == (before, [])
