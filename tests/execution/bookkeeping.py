"""One ticket at work and its order on a real store, for the tests of booking."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execution import booking
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.types import Fill, Order, OrderState, Terms, Ticket
from execution.venues.venue import Report, Trade
from tests.execution.rows import order, stored

D = Decimal


class Desk:
    """One ticket at work and its order, and short words for what tests do with them."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def place(
        self,
        state: str = "working",
        *,
        ticket: str = "working",
        terms: Terms | None = None,
        **changes: Any,
    ) -> None:
        """Store the ticket, of the ordinary terms unless others are given, and its order in these states."""
        of = {} if terms is None else {"terms": terms}

        def work(tx: Transaction) -> None:
            stored(tx, ticket, **of)
            tx.orders.add(order(state, **changes))

        self.store.write_now(work)

    def book(self, shown: Report, *trades: Trade, streamed: bool = False) -> Order:
        """What the venue showed, where a stream would ring for the order or not."""
        return self.store.write_now(
            lambda tx: booking.book(tx, "O1", shown, trades, streamed=streamed)
        )

    def move(self, to: str, **changes: Any) -> Order:
        """Move the order as the executor would."""
        return self.store.write_now(
            lambda tx: booking.move_order(tx, tx.orders.get("O1"), OrderState(to), **changes)
        )

    @property
    def order(self) -> Order:
        return self.store.read_now(lambda tx: tx.orders.get("O1"))

    @property
    def ticket(self) -> Ticket:
        found = self.store.read_now(lambda tx: tx.tickets.get("T1"))
        assert found is not None
        return found

    @property
    def fills(self) -> list[Fill]:
        return list(self.store.read_now(lambda tx: tx.fills.of_order("O1")))

    @property
    def filled(self) -> Decimal:
        return sum((one.amount for one in self.fills), D(0))

    @property
    def told(self) -> list[str]:
        """The journal, one word per entry."""
        return [str(e.kind) for e in self.store.read_now(lambda tx: tx.journal.after(0))]

    def said(self, kind: EventKind) -> dict[str, str]:
        """What the only entry of this kind says."""
        (entry,) = [
            e for e in self.store.read_now(lambda tx: tx.journal.after(0)) if e.kind is kind
        ]
        assert (entry.ticket, entry.order) == ("T1", "O1")
        return dict(entry.data)
