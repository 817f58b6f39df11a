"""Signals, tickets and votes in the database. Every change of state is compare-and-swap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from execution.columns import Utc
from execution.config import CLOSING
from execution.errors import Corrupt
from execution.store.records import Codec, columns_of, rows_in, rows_where, swap
from execution.tables import SignalKeyRow, SignalRow, TicketRow, VoteRow
from execution.types import Side, Signal, Ticket, TicketState, Vote

_SIGNAL: TypeAdapter[Signal] = TypeAdapter(Signal)
_TICKETS = Codec(Ticket, TicketRow)
_VOTES = Codec(Vote, VoteRow)
_SIGNALS = columns_of(SignalRow)
_KEYS = columns_of(SignalKeyRow)

_WAITING = (
    select(_SIGNALS.c.body)
    .where(_SIGNALS.c.ticket.is_(None), _SIGNALS.c.id > bindparam("after"))
    .order_by(_SIGNALS.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_TAKE_SIGNAL = update(_SIGNALS).where(
    _SIGNALS.c.id == bindparam("signal"), _SIGNALS.c.ticket.is_(None)
)
_TICKET = rows_where(_TICKETS.table, id="id")
_CHANGE_TICKET = swap(_TICKETS.table, "id", "state", "revision")
_ADD_TICKET, _ADD_VOTE = insert(_TICKETS.table), insert(_VOTES.table)
_OVERDUE = (
    select(_TICKETS.table)
    .where(
        _TICKETS.table.c.state == TicketState.PENDING,
        _TICKETS.table.c.expires_at <= bindparam("now", type_=Utc),
    )
    .order_by(_TICKETS.table.c.id)
)
_UNREMINDED = (
    select(_TICKETS.table)
    .where(
        _TICKETS.table.c.state == TicketState.PENDING,
        _TICKETS.table.c.remind_at <= bindparam("now", type_=Utc),
    )
    .order_by(_TICKETS.table.c.id)
)
_LET_THROUGH = select(_TICKETS.table.c.terms["value"].as_string()).where(
    _TICKETS.table.c.decided_at > bindparam("after", type_=Utc),
    _TICKETS.table.c.decided_at <= bindparam("until", type_=Utc),
    _TICKETS.table.c.state.in_((TicketState.APPROVED, TicketState.WORKING, TicketState.DONE)),
    _TICKETS.table.c.id != bindparam("without"),
    _TICKETS.table.c.source != CLOSING,  # what people had closed adds to nothing
)
_CHANGE_VOTE = swap(_VOTES.table, "id")
_VOTES_OF = rows_where(_VOTES.table, ticket="ticket").order_by(_VOTES.table.c.id)


class Signals:
    """What sources sent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, signal: Signal, digest: str) -> None:
        """Store a signal; it waits until a ticket is made of it."""
        self._connection.execute(
            insert(_SIGNALS),
            {
                "id": signal.id,
                "source": signal.source,
                "received_at": signal.received_at,
                "digest": digest,
                "body": _SIGNAL.dump_python(signal, mode="json"),
            },
        )

    def remember(self, source: str, key: str, signal: str, until: datetime) -> None:
        """Count this key as received until then; an older use of it is forgotten."""
        row = {"source": source, "key": key, "signal": signal, "until": until}
        upsert = sqlite_insert(_KEYS).values(row)
        self._connection.execute(
            upsert.on_conflict_do_update(index_elements=["source", "key"], set_=row)
        )

    def known(self, source: str, key: str, now: datetime) -> tuple[str, str] | None:
        """Id and digest of the signal received under this key, if it still counts."""
        query = (
            select(_SIGNALS.c.id, _SIGNALS.c.digest)
            .join(_KEYS, _KEYS.c.signal == _SIGNALS.c.id)
            .where(_KEYS.c.source == source, _KEYS.c.key == key, _KEYS.c.until > now)
        )
        row = self._connection.execute(query).first()
        return None if row is None else (str(row.id), str(row.digest))

    def forget(self, now: datetime) -> None:
        """Drop keys that no longer count."""
        self._connection.execute(delete(_KEYS).where(_KEYS.c.until <= now))

    def get(self, id: str) -> Signal:
        """One signal by id."""
        body = self._connection.execute(
            select(_SIGNALS.c.body).where(_SIGNALS.c.id == id)
        ).scalar_one()
        return _SIGNAL.validate_python(body)

    def of(self, ids: Iterable[str]) -> dict[str, Signal]:
        """Several signals by id."""
        query = select(_SIGNALS.c.id, _SIGNALS.c.body).where(_SIGNALS.c.id.in_(list(ids)))
        return {
            row.id: _SIGNAL.validate_python(row.body) for row in self._connection.execute(query)
        }

    def is_waiting(self, id: str) -> bool:
        """Whether no ticket was made of it yet."""
        query = select(_SIGNALS.c.id).where(_SIGNALS.c.id == id, _SIGNALS.c.ticket.is_(None))
        return self._connection.execute(query).first() is not None

    def waiting(self, limit: int = 50, *, after: str = "") -> Sequence[Signal]:
        """Signals no ticket was made of yet, oldest first, from the one after this id on."""
        rows = self._connection.execute(_WAITING, {"limit": limit, "after": after})
        return [_SIGNAL.validate_python(row.body) for row in rows]


class Tickets:
    """Tickets, their votes, and the moves between states."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, Ticket | None] = {}
        """As read or written in this transaction."""

    def add(self, ticket: Ticket) -> None:
        """Store the ticket of a signal.

        Raises:
            Corrupt: that signal already has one.
        """
        values = _TICKETS.values(ticket) | _columns(ticket)
        taken = self._connection.execute(
            _TAKE_SIGNAL, {"signal": ticket.signal, "ticket": ticket.id}
        )
        if taken.rowcount != 1:
            raise Corrupt(f"signal {ticket.signal} already has a ticket")
        self._connection.execute(_ADD_TICKET, values)
        self._known[ticket.id] = ticket

    def change(self, before: Ticket, after: Ticket) -> None:
        """Replace a ticket, if it still stands as `before` says.

        Raises:
            Corrupt: somebody else changed it; the transaction must not go on.
        """
        was = {
            "was_id": before.id,
            "was_state": before.state,
            "was_revision": before.revision,
        }
        values = {"state": after.state} | _TICKETS.changes(before, after) | _columns(after)
        result = self._connection.execute(_CHANGE_TICKET, values | was)
        if result.rowcount != 1:
            raise Corrupt(f"ticket {before.id} is no longer {before.state}")
        self._known[after.id] = after

    def get(self, id: str) -> Ticket | None:
        """One ticket by its whole id."""
        if id not in self._known:
            row = self._connection.execute(_TICKET, {"id": id}).mappings().first()
            self._known[id] = None if row is None else _TICKETS.record(row)
        return self._known[id]

    def recent_ids(self, limit: int = 1000) -> Sequence[str]:
        """Ids of the newest tickets: among these a short id must be clear."""
        table = _TICKETS.table
        query = select(table.c.id).order_by(table.c.id.desc()).limit(limit)
        return [str(id) for id in self._connection.execute(query).scalars()]

    def named(self, typed: str) -> list[Ticket]:
        """What somebody may mean by `T-7F3K`, `7f3k` or a whole id, newest first."""
        tail = typed.upper().removeprefix("T-")
        whole = self.get(tail)
        if whole is not None:
            return [whole]
        meant = [id for id in self.recent_ids() if tail and id.endswith(tail)]
        found = [self.get(id) for id in meant[:10]]
        return [ticket for ticket in found if ticket is not None]

    def in_state(self, *states: TicketState) -> Sequence[Ticket]:
        """Tickets that stand so, oldest first."""
        return self._many(rows_in(_TICKETS.table, "state", states, "id"))

    def markets(self, *states: TicketState) -> Sequence[tuple[str, str]]:
        """Venue and symbol of every ticket that stands so, each pair once."""
        rows = self._connection.execute(_markets_in(states))
        return [(str(row.venue), str(row.symbol)) for row in rows]

    def overdue(self, now: datetime) -> Sequence[Ticket]:
        """Pending tickets whose deadline has passed, oldest first."""
        rows = self._connection.execute(_OVERDUE, {"now": now})
        return [_TICKETS.record(row) for row in rows.mappings()]

    def unreminded(self, now: datetime) -> Sequence[Ticket]:
        """Pending tickets that people are to be reminded of by now, oldest first."""
        rows = self._connection.execute(_UNREMINDED, {"now": now})
        return [_TICKETS.record(row) for row in rows.mappings()]

    def names(self, *, votes: int = 1000) -> Mapping[str, str]:
        """What people who voted were called last, as far as the newest votes tell."""
        table = _VOTES.table
        query = select(table.c.person, table.c.name).order_by(table.c.id.desc()).limit(votes)
        rows = self._connection.execute(query).all()
        return {row.person: row.name for row in reversed(rows)}

    def count(self, *states: TicketState) -> int:
        """How many tickets stand so."""
        query = select(func.count()).where(_TICKETS.table.c.state.in_(states))
        return int(self._connection.execute(query).scalar_one())

    def newest(self, *, limit: int, before: str | None = None, **equal: str) -> Sequence[Ticket]:
        """A page of tickets, newest first, optionally only those with these column values."""
        query = select(_TICKETS.table)
        if before is not None:
            query = query.where(_TICKETS.table.c.id < before)
        for name, value in equal.items():
            query = query.where(_TICKETS.table.c[name] == value)
        return self._many(query.order_by(_TICKETS.table.c.id.desc()).limit(limit))

    def last_like(self, source: str, symbol: str, side: Side) -> datetime | None:
        """When the last ticket of that source, symbol and side was made that was not refused."""
        table = _TICKETS.table
        query = (
            select(table.c.created_at)
            .where(
                table.c.source == source,
                table.c.symbol == symbol,
                table.c.side == side,
                table.c.state != TicketState.REFUSED,
            )
            .order_by(table.c.id.desc())
            .limit(1)
        )
        return self._connection.execute(query).scalar_one_or_none()

    def let_through(
        self, after: datetime, until: datetime, *, without: str
    ) -> Sequence[Decimal | None]:
        """The value of each other ticket decided in this time that is approved, at work or done."""
        given = {"after": after, "until": until, "without": without}
        values = self._connection.execute(_LET_THROUGH, given).scalars()
        return [None if value is None else Decimal(value) for value in values]

    def vote(self, vote: Vote) -> None:
        """Store a vote; a second one by the same person on the same revision is refused by a key."""
        self._connection.execute(_ADD_VOTE, _VOTES.values(vote))

    def change_vote(self, vote: Vote) -> None:
        """Replace what a person said of a revision; the journal keeps both."""
        self._connection.execute(_CHANGE_VOTE, _VOTES.values(vote) | {"was_id": vote.id})

    def votes(self, ticket: str) -> Sequence[Vote]:
        """All votes on a ticket, oldest first."""
        rows = self._connection.execute(_VOTES_OF, {"ticket": ticket})
        return [_VOTES.record(row) for row in rows.mappings()]

    def votes_of(self, tickets: Iterable[str]) -> dict[str, list[Vote]]:
        """All votes on several tickets, oldest first."""
        table = _VOTES.table
        query = select(table).where(table.c.ticket.in_(list(tickets))).order_by(table.c.id)
        found: dict[str, list[Vote]] = {}
        for row in self._connection.execute(query).mappings():
            found.setdefault(row["ticket"], []).append(_VOTES.record(row))
        return found

    def _many(self, query: Any) -> Sequence[Ticket]:
        return [_TICKETS.record(row) for row in self._connection.execute(query).mappings()]


@cache
def _markets_in(states: tuple[TicketState, ...]) -> Any:
    table = _TICKETS.table
    return select(table.c.venue, table.c.symbol).where(table.c.state.in_(states)).distinct()


def _columns(ticket: Ticket) -> dict[str, Any]:
    """What lists filter by, taken from what the ticket is about."""
    about = ticket.terms or ticket.asked
    return {"symbol": about.symbol, "side": None if about.side is None else str(about.side)}
