"""Orders and fills in the database. An order's state changes by compare-and-swap; fills only grow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, insert, select

from execution.columns import Utc
from execution.errors import Corrupt
from execution.orders import ENTRY
from execution.store.accounts import Accounts
from execution.store.positions import BY_TIME, FILLS, Positions
from execution.store.records import Codec, columns_of, rows_in, rows_where, swap
from execution.tables import OrderRow, TicketRow
from execution.types import Fill, Order, OrderState, TicketState

_ORDERS = Codec(Order, OrderRow)

_ADD_ORDER, _ADD_FILL = insert(_ORDERS.table), insert(FILLS.table)
_FIRST_AT = select(func.min(FILLS.table.c.at)).where(FILLS.table.c.venue == bindparam("venue"))
_ORDER = rows_where(_ORDERS.table, id="id")
_OF_TICKET = rows_where(_ORDERS.table, ticket="ticket").order_by(_ORDERS.table.c.id)
_CHANGE_ORDER = swap(_ORDERS.table, "id", "state", "attempts")
_ENTRIES_SINCE = select(func.count()).where(
    _ORDERS.table.c.sent_at > bindparam("moment", type_=Utc),
    _ORDERS.table.c.leg == ENTRY,
    _ORDERS.table.c.reduces.is_(False),
    _ORDERS.table.c.ticket != bindparam("without"),
)
_COUNT = select(func.count()).where(
    _ORDERS.table.c.state == bindparam("state"), _ORDERS.table.c.venue == bindparam("venue")
)
_TAKEN_SINCE = select(_ORDERS.table).where(
    _ORDERS.table.c.sent_at > bindparam("sent", type_=Utc),
    _ORDERS.table.c.venue == bindparam("venue"),
    _ORDERS.table.c.acknowledged_at >= bindparam("moment", type_=Utc),
)
_ANSWERED_WITHIN = timedelta(minutes=1)
"""No order is taken later after it was sent; the index knows when it was sent."""
_SYMBOL_AFTER = select(func.min(_ORDERS.table.c.symbol)).where(
    _ORDERS.table.c.venue == bindparam("venue"), _ORDERS.table.c.symbol > bindparam("symbol")
)
_TICKETS = columns_of(TicketRow)
_OTHER = _ORDERS.table.alias()
_LEFT_OVER = (
    select(_ORDERS.table)
    .join(_TICKETS, _TICKETS.c.id == _ORDERS.table.c.ticket)
    .where(
        _TICKETS.c.state == TicketState.WORKING,
        ~exists().where(_OTHER.c.ticket == _TICKETS.c.id, _OTHER.c.ended_at.is_(None)),
    )
    .order_by(_ORDERS.table.c.id)
)
_ENDED_SINCE = select(_ORDERS.table).where(
    _ORDERS.table.c.ended_at > bindparam("moment", type_=Utc)
)
_ASKED_ABOUT = select(_ORDERS.table).where(
    _ORDERS.table.c.next_look_at <= bindparam("now", type_=Utc),
    _ORDERS.table.c.ended_at.is_not(None),
)
_CANCELED_SINCE = (
    select(_ORDERS.table)
    .where(_ORDERS.table.c.cancel_requested_at >= bindparam("moment", type_=Utc))
    .order_by(_ORDERS.table.c.cancel_requested_at, _ORDERS.table.c.id)
)
_TAKEN_OVER = (
    select(FILLS.table)
    .where(FILLS.table.c.order.is_(None), FILLS.table.c.at >= bindparam("since", type_=Utc))
    .order_by(*BY_TIME)
)
_FILLS_OF = rows_where(FILLS.table, order="order").order_by(*BY_TIME)


class Orders:
    """Every order ever planned."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, order: Order) -> None:
        """Store a planned order; the keys (ticket, leg) and (venue, client id) allow one."""
        self._connection.execute(_ADD_ORDER, _ORDERS.values(order))

    def change(self, before: Order, after: Order) -> None:
        """Replace an order, if it still stands as `before` says.

        Raises:
            Corrupt: somebody else changed it; the transaction must not go on.
        """
        was = {
            "was_id": before.id,
            "was_state": before.state,
            "was_attempts": before.attempts,
        }
        values = {"state": after.state} | _ORDERS.changes(before, after)
        result = self._connection.execute(_CHANGE_ORDER, values | was)
        if result.rowcount != 1:
            raise Corrupt(f"order {before.id} is no longer {before.state}")

    def get(self, id: str) -> Order:
        """One order by id."""
        return _ORDERS.record(self._connection.execute(_ORDER, {"id": id}).mappings().one())

    def of(self, tickets: Iterable[str]) -> dict[str, list[Order]]:
        """The orders of several tickets, oldest first."""
        table = _ORDERS.table
        query = select(table).where(table.c.ticket.in_(list(tickets))).order_by(table.c.id)
        found: dict[str, list[Order]] = {}
        for row in self._connection.execute(query).mappings():
            found.setdefault(row["ticket"], []).append(_ORDERS.record(row))
        return found

    def of_ticket(self, ticket: str) -> list[Order]:
        """The orders of one ticket, oldest first."""
        rows = self._connection.execute(_OF_TICKET, {"ticket": ticket})
        return [_ORDERS.record(row) for row in rows.mappings()]

    def in_state(self, *states: OrderState) -> Sequence[Order]:
        """Orders that stand so, oldest first."""
        rows = self._connection.execute(rows_in(_ORDERS.table, "state", states, "id"))
        return [_ORDERS.record(row) for row in rows.mappings()]

    def count(self, venue: str, state: OrderState) -> int:
        """How many orders stand so at a venue."""
        about = {"venue": venue, "state": state}
        return int(self._connection.execute(_COUNT, about).scalar_one())

    def asked_about(self, now: datetime) -> Sequence[Order]:
        """Ended orders whose next look is due: their trades may still come."""
        rows = self._connection.execute(_ASKED_ABOUT, {"now": now})
        return [_ORDERS.record(row) for row in rows.mappings()]

    def by_client_ids(self, venue: str, ids: Iterable[str]) -> dict[str, Order]:
        """Our orders among these client order ids."""
        table = _ORDERS.table
        query = select(table).where(table.c.venue == venue, table.c.client_order_id.in_(list(ids)))
        return {
            row["client_order_id"]: _ORDERS.record(row)
            for row in self._connection.execute(query).mappings()
        }

    def is_known(self, venue: str, venue_order_id: str) -> bool:
        """Whether the venue's id is that of an order of ours."""
        table = _ORDERS.table
        query = select(table.c.id).where(
            table.c.venue == venue, table.c.venue_order_id == venue_order_id
        )
        return self._connection.execute(query).first() is not None

    def symbols(self, venue: str) -> list[str]:
        """Every symbol we ever had an order in at this venue, in order."""
        found: list[str] = []
        while next_one := self._symbol_after(venue, found[-1] if found else ""):
            found.append(next_one)
        return found

    def _symbol_after(self, venue: str, symbol: str) -> str | None:
        """The next one; each is a step in the index, where DISTINCT would read all our orders."""
        about = {"venue": venue, "symbol": symbol}
        found: str | None = self._connection.execute(_SYMBOL_AFTER, about).scalar()
        return found

    def canceled_since(self, moment: datetime) -> Sequence[Order]:
        """Orders that somebody asked to cancel since then, in the order of the asking."""
        rows = self._connection.execute(_CANCELED_SINCE, {"moment": moment})
        return [_ORDERS.record(row) for row in rows.mappings()]

    def ended_since(self, moment: datetime) -> Sequence[Order]:
        """Orders that ended after this moment."""
        rows = self._connection.execute(_ENDED_SINCE, {"moment": moment})
        return [_ORDERS.record(row) for row in rows.mappings()]

    def left_over(self) -> Sequence[Order]:
        """The last order of each working ticket that has no order which may still fill."""
        rows = self._connection.execute(_LEFT_OVER).mappings()
        return list({row["ticket"]: _ORDERS.record(row) for row in rows}.values())

    def entries_since(self, moment: datetime, *, without: str | None = None) -> int:
        """How many entries were sent since then, other than that ticket's; its later legs are none."""
        about = {"moment": moment, "without": without or ""}
        return int(self._connection.execute(_ENTRIES_SINCE, about).scalar_one())

    def taken_since(self, venue: str, moment: datetime) -> Sequence[Order]:
        """Orders that the venue took after this moment, as far as it said so at once."""
        about = {"venue": venue, "moment": moment, "sent": moment - _ANSWERED_WITHIN}
        rows = self._connection.execute(_TAKEN_SINCE, about).mappings()
        return [_ORDERS.record(row) for row in rows]

    def newest(self, *, limit: int, before: str | None = None, **equal: str) -> Sequence[Order]:
        """A page of orders, newest first, optionally only those with these column values."""
        query = _page(select(_ORDERS.table), _ORDERS.table, before, equal)
        rows = self._connection.execute(query.limit(limit))
        return [_ORDERS.record(row) for row in rows.mappings()]


class Fills:
    """Every trade of ours; append-only. Positions, and what it moved at the venue, change with it."""

    def __init__(self, connection: Connection, positions: Positions, accounts: Accounts) -> None:
        self._connection = connection
        self._positions = positions
        self._accounts = accounts

    def add(self, fill: Fill) -> None:
        """Store a fill; its key (venue, symbol, trade id) allows it once."""
        self._connection.execute(_ADD_FILL, FILLS.values(fill))
        self._positions.fold_from(fill)
        self._accounts.count(fill)

    def first_at(self, venue: str) -> datetime | None:
        """When the oldest fill at a venue was made; None without one."""
        found: datetime | None = self._connection.execute(_FIRST_AT, {"venue": venue}).scalar()
        return found

    def known(self, venue: str, symbol: str, trade_ids: Iterable[str]) -> dict[str, Fill]:
        """Fills already booked among these trade ids."""
        table = FILLS.table
        query = select(table).where(
            table.c.venue == venue, table.c.symbol == symbol, table.c.trade_id.in_(list(trade_ids))
        )
        return {
            row["trade_id"]: FILLS.record(row) for row in self._connection.execute(query).mappings()
        }

    def drop_inferred(self, order: str) -> None:
        """Take back the fills we inferred for an order, now that the real trades are here."""
        gone = [fill for fill in self.of_order(order) if fill.inferred]
        if not gone:
            return
        table = FILLS.table
        self._connection.execute(table.delete().where(table.c.id.in_([fill.id for fill in gone])))
        self._positions.forget(gone)
        self._positions.fold_from(gone[0])
        for fill in gone:
            self._accounts.discount(fill)

    def of_order(self, order: str) -> Sequence[Fill]:
        """The fills of one order, oldest first."""
        rows = self._connection.execute(_FILLS_OF, {"order": order})
        return [FILLS.record(row) for row in rows.mappings()]

    def taken_over(self, since: datetime) -> Sequence[Fill]:
        """What an owner took over since then: fills without an order, oldest first."""
        rows = self._connection.execute(_TAKEN_OVER, {"since": since})
        return [FILLS.record(row) for row in rows.mappings()]

    def of_tickets(self, tickets: Iterable[str]) -> dict[str, list[Fill]]:
        """The fills of several tickets, oldest first."""
        found: dict[str, list[Fill]] = {}
        for fill in self._many(select(FILLS.table).where(FILLS.table.c.ticket.in_(list(tickets)))):
            assert fill.ticket is not None, "asked for by its ticket"
            found.setdefault(fill.ticket, []).append(fill)
        return found

    def newest(self, *, limit: int, before: str | None = None, **equal: str) -> Sequence[Fill]:
        """A page of fills, newest first, optionally only those with these column values."""
        query = _page(select(FILLS.table), FILLS.table, before, equal)
        return [
            FILLS.record(row) for row in self._connection.execute(query.limit(limit)).mappings()
        ]

    def _many(self, query: Any) -> Sequence[Fill]:
        rows = self._connection.execute(query.order_by(*BY_TIME))
        return [FILLS.record(row) for row in rows.mappings()]


def _page(query: Any, table: Any, before: str | None, equal: dict[str, str]) -> Any:
    """Newest first, before a cursor, with these column values."""
    if before is not None:
        query = query.where(table.c.id < before)
    for name, value in equal.items():
        query = query.where(table.c[name] == value)
    return query.order_by(table.c.id.desc())
