"""What was paid and received for holding positions in contracts: one row for each payment, kept for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.sqlite import insert

from execution.columns import Utc
from execution.store.accounts import Accounts
from execution.store.records import Codec
from execution.tables import PaymentRow
from execution.venues.venue import Payment

_PAYMENTS = Codec(Payment, PaymentRow)
_TABLE = _PAYMENTS.table
_ADD = insert(_TABLE).on_conflict_do_nothing()
_SINCE = (
    select(_TABLE)
    .where(_TABLE.c.at >= bindparam("moment", type_=Utc))
    .order_by(_TABLE.c.at, _TABLE.c.payment_id)
)
_LAST = select(func.max(_TABLE.c.at)).where(_TABLE.c.venue == bindparam("venue"))


class Payments:
    """Payments of positions that were ours."""

    def __init__(self, connection: Connection, accounts: Accounts) -> None:
        self._connection = connection
        self._accounts = accounts

    def add(self, venue: str, payment: Payment) -> bool:
        """Store a payment and count what it moved; whether it was not known yet."""
        values = _PAYMENTS.values(payment) | {"venue": venue}
        if self._connection.execute(_ADD, values).rowcount != 1:
            return False
        self._accounts.count_payment(venue, payment)
        return True

    def since(self, moment: datetime) -> Sequence[tuple[str, Payment]]:
        """Payments from then on, oldest first, each with its venue."""
        rows = self._connection.execute(_SINCE, {"moment": moment}).mappings()
        return [(row["venue"], _PAYMENTS.record(row)) for row in rows]

    def last_at(self, venue: str) -> datetime | None:
        """When the newest of a venue was made; None without one."""
        found: datetime | None = self._connection.execute(_LAST, {"venue": venue}).scalar()
        return found
