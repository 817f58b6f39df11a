"""What a halt does to everything that is stored, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from execution import protection, stopping, trading
from execution.config import CLOSING
from execution.store import Store, Transaction
from execution.trading import Halt
from execution.types import Order, OrderState, OrderType, Side, TicketState
from tests.execution.builders import NOW, D, fill, terms
from tests.execution.rows import order, stored

MOMENT = timedelta(seconds=1)


class TestSweeping:
    """What is carried out on the rows."""

    HALT = Halt(by="tg:2", name="Ana", at=NOW, reason="news")

    def sweep(self, store: Store) -> None:
        store.write_now(lambda tx: stopping.sweep(tx, actor="tg:2"))

    @pytest.fixture
    def halted(self, store: Store) -> Store:
        """Tickets and orders in every state, and a halt."""

        def work(tx: Transaction) -> None:
            for state in TicketState:
                stored(tx, state, id=f"T-{state}", decided_at=NOW)
            for state in OrderState:
                keys = {"id": f"O-{state}", "ticket": f"W-{state}", "client_order_id": state}
                stored(tx, "working", id=f"W-{state}")
                tx.orders.add(order(state, **keys))
            active = tx.trading()
            tx.set_trading(active, trading.halted(active, self.HALT))

        store.write_now(work)
        return store

    def test_what_nothing_was_sent_for_is_voided_and_counted(self, halted: Store) -> None:
        self.sweep(halted)

        def ended(tx: Transaction) -> set[str]:
            tickets = tx.tickets.in_state(TicketState.CANCELED)
            return {one.id for one in tickets if one.reason == stopping.HALTED}

        assert halted.read_now(ended) == {"T-pending", "T-approved", "W-planned"}
        (denied,) = [
            one
            for one in halted.read_now(lambda tx: tx.orders.in_state(OrderState.DENIED))
            if one.reason == stopping.HALTED
        ]
        assert denied.id == "O-planned"
        halt = halted.read_now(lambda tx: tx.trading()).halt
        assert halt == self.HALT.evolve(voided=3)

    def test_whatever_may_be_at_the_venue_is_to_be_canceled(self, halted: Store) -> None:
        self.sweep(halted)

        asked = halted.read_now(lambda tx: tx.orders.canceled_since(NOW))
        assert {one.id for one in asked} == {
            f"O-{state}" for state in ("sending", "in_doubt", "working", "canceling", "stuck")
        }
        assert {one.cancel_reason for one in asked} == {stopping.HALTED}

    @pytest.mark.parametrize("state", ["sending", "in_doubt", "working", "canceling"])
    def test_a_stop_that_protects_an_open_position_stays(self, halted: Store, state: str) -> None:
        """Whatever is known of it: a halt must not take the protection away."""

        def work(tx: Transaction) -> None:
            stop = order(
                state,
                id="S-1",
                type=OrderType.STOP,
                side=Side.SELL,
                price=None,
                stop_price=D(59000),
            )
            tx.orders.add(stop)
            tx.fills.add(fill(Side.BUY, "0.01", "60000"))

        halted.write_now(work)
        self.sweep(halted)

        def left(tx: Transaction) -> Order:
            return tx.orders.get("S-1")

        assert halted.read_now(left).cancel_requested_at is None
        assert [one.id for one in halted.read_now(protection.protecting)] == ["S-1"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"symbol": "ETH/USDT"},
            {"venue": "spot"},
            {"side": Side.BUY},
            {"type": OrderType.TAKE_PROFIT},
            {"state": OrderState.STUCK},
        ],
    )
    def test_what_protects_no_open_position_is_canceled(
        self, halted: Store, changes: dict[str, object]
    ) -> None:
        def work(tx: Transaction) -> None:
            keys = {"id": "S-1", "type": OrderType.STOP, "side": Side.SELL, "stop_price": D(59000)}
            tx.orders.add(order("working", **keys).evolve(**changes))
            tx.fills.add(fill(Side.BUY, "0.01", "60000"))

        halted.write_now(work)
        self.sweep(halted)

        stop = halted.read_now(lambda tx: tx.orders.get("S-1"))
        assert stop.cancel_reason == stopping.HALTED

    def test_every_closing_that_was_asked_for_since_goes_on_however_many(
        self, halted: Store
    ) -> None:
        def work(tx: Transaction) -> None:
            since = {"state": "approved", "source": CLOSING, "created_at": NOW + MOMENT}
            out = terms(closing=True, reduces=True)
            for number in range(120):
                stored(tx, **since, id=f"C-{number}", signal=f"C-{number}", terms=out)
            early = since | {"created_at": NOW - MOMENT}
            stored(tx, **early, id="C-before", signal="C-before", terms=out)

        halted.write_now(work)
        self.sweep(halted)

        approved = halted.read_now(lambda tx: tx.tickets.in_state(TicketState.APPROVED))
        assert {one.id for one in approved} == {f"C-{number}" for number in range(120)}

    def test_doing_it_again_changes_nothing(self, halted: Store) -> None:
        """Whoever proves the halt does it again, in case a crash came between."""
        self.sweep(halted)
        before = halted.read_now(lambda tx: (tx.trading(), tx.journal.head()))
        self.sweep(halted)

        assert halted.read_now(lambda tx: (tx.trading(), tx.journal.head())) == before

    def test_where_an_owner_has_resumed_meanwhile_nothing_is_swept(self, halted: Store) -> None:
        def resumed(tx: Transaction) -> int:
            state = trading.verified(tx.trading(), NOW)
            tx.set_trading(state, trading.resumed(state))
            return tx.journal.head()[0]

        before = halted.write_now(resumed)
        self.sweep(halted)

        assert halted.read_now(lambda tx: tx.journal.head()[0]) == before
