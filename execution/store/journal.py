"""The journal: every event, chained by an HMAC whose key is not in the database.

Written in the transaction of the change it records. An edited entry breaks the chain at its place; a
cut tail shows against a head that was posted elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, insert, select, update

from execution.errors import Corrupt
from execution.events import Event, EventKind
from execution.store.records import Codec, columns_of, rows_where, swap
from execution.tables import EventRow, HeadRow, PostRow

_EVENTS = Codec(Event, EventRow)
_HEAD = columns_of(HeadRow)

_ADD = insert(_EVENTS.table)
_TOUCH = swap(columns_of(PostRow), "subject")
_READ_HEAD = select(_HEAD.c.seq, _HEAD.c.mac).where(_HEAD.c.id == 1)
_WRITE_HEAD = update(_HEAD).where(_HEAD.c.id == 1)
_AFTER = (
    select(_EVENTS.table)
    .where(_EVENTS.table.c.seq > bindparam("seq"))
    .order_by(_EVENTS.table.c.seq)
    .limit(bindparam("limit", type_=Integer))
)
_OF_TICKET = rows_where(_EVENTS.table, ticket="ticket").order_by(_EVENTS.table.c.seq)

_LAST = rows_where(_EVENTS.table, kind="kind").order_by(_EVENTS.table.c.seq.desc()).limit(1)
_BEGAN = select(_EVENTS.table.c.at).where(_EVENTS.table.c.seq == 1)
_MAC = select(_EVENTS.table.c.mac).where(_EVENTS.table.c.seq == bindparam("seq"))

GENESIS = "0" * 64


def link(key: bytes, previous: str, values: Mapping[Any, Any]) -> str:
    """The MAC of one entry: over its place, the entry before it, and all it says."""
    said = {
        "seq": values["seq"],
        "at": values["at"].astimezone(UTC).isoformat(),
        "kind": str(values["kind"]),
        "ticket": values["ticket"],
        "order": values["order"],
        "actor": values["actor"],
        "data": dict(values["data"]),
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(key, f"{previous}|{text}".encode(), hashlib.sha256).hexdigest()


class Journal:
    """Events of one transaction, and reading back."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._connection = connection
        self._key = key
        self._head: tuple[int, str] | None = None
        self._entries: list[dict[str, Any]] = []

    def add(
        self,
        kind: EventKind,
        at: datetime,
        *,
        ticket: str | None = None,
        order: str | None = None,
        actor: str | None = None,
        **data: object,
    ) -> int:
        """Append one entry; returns its sequence number. `data` is kept as text."""
        seq, previous = self._head or self._read_head()
        values: dict[str, Any] = {
            "seq": seq + 1,
            "at": at,
            "kind": str(kind),
            "ticket": ticket,
            "order": order,
            "actor": actor,
            "data": {name: str(value) for name, value in data.items() if value is not None},
        }
        values["mac"] = link(self._key, previous, values)
        self._entries.append(values)
        self._head = (seq + 1, values["mac"])
        return seq + 1

    def close(self) -> bool:
        """Write the entries and the new head, once, before the commit; whether there are any.

        Together at the end: an order waits for its transaction, and each statement costs it time.
        """
        if self._head is None or not self._entries:
            return False
        self._connection.execute(_ADD, self._entries)
        touched = {entry["ticket"]: entry["seq"] for entry in self._entries if entry["ticket"]}
        if touched:
            touches = [
                {"was_subject": f"ticket:{ticket}", "touched": seq}
                for ticket, seq in touched.items()
            ]
            self._connection.execute(_TOUCH, touches)
        seq, mac = self._head
        self._connection.execute(_WRITE_HEAD, {"seq": seq, "mac": mac})
        self._entries = []
        return True

    def touch(self) -> None:
        """Write the head as it is: whether that can be committed is all that comes of it."""
        self._connection.execute(_WRITE_HEAD.values(seq=_HEAD.c.seq))

    def head(self) -> tuple[int, str]:
        """Sequence number and MAC of the newest entry."""
        return self._head or self._read_head()

    def after(self, seq: int, limit: int = 500) -> Sequence[Event]:
        """Entries after this one, oldest first."""
        rows = self._connection.execute(_AFTER, {"seq": seq, "limit": limit})
        return [_EVENTS.record(row) for row in rows.mappings()]

    def of_ticket(self, ticket: str) -> Sequence[Event]:
        """Everything recorded about one ticket, oldest first."""
        rows = self._connection.execute(_OF_TICKET, {"ticket": ticket})
        return [_EVENTS.record(row) for row in rows.mappings()]

    def last(self, kind: EventKind) -> Event | None:
        """The newest entry of a kind; reads back from the end until there is one."""
        row = self._connection.execute(_LAST, {"kind": kind}).mappings().first()
        return None if row is None else _EVENTS.record(row)

    def began_at(self) -> datetime | None:
        """When the first entry was written; None for an empty journal."""
        moment: datetime | None = self._connection.execute(_BEGAN).scalar_one_or_none()
        return moment

    def holds(self, seq: int, digits: str) -> bool:
        """Whether the entry of this number has a MAC that begins with these digits."""
        mac = self._connection.execute(_MAC, {"seq": seq}).scalar_one_or_none()
        return (mac or (GENESIS if seq == 0 else "")).startswith(digits)

    def count(self, kind: EventKind) -> int:
        """How often this happened."""
        query = select(func.count()).where(_EVENTS.table.c.kind == kind)
        return int(self._connection.execute(query).scalar_one())

    def count_after(self, seq: int, kinds: Collection[EventKind], *, until: datetime) -> int:
        """How many entries of these kinds came after this one, and not after this moment."""
        table = _EVENTS.table
        query = select(func.count()).where(
            table.c.kind.in_(kinds), table.c.seq > seq, table.c.at <= until
        )
        return int(self._connection.execute(query).scalar_one())

    def broken(self) -> Iterator[int]:
        """Sequence numbers at which the chain does not hold, first one first."""
        previous, expected = GENESIS, 1
        query = select(_EVENTS.table).order_by(_EVENTS.table.c.seq)
        for row in self._connection.execute(query).mappings():
            if not self._follows(row, expected - 1, previous):
                yield int(row["seq"])
            previous, expected = row["mac"], row["seq"] + 1
        if (expected - 1, previous) != self._read_head():
            yield expected

    def check(self, seq: int, mac: str, limit: int) -> tuple[int, str]:
        """How far the chain holds after this entry: the number and MAC of the last of at most so many.

        Raises:
            Corrupt: an entry is not as it was written, or entries are missing at the end.
        """
        rows = self._connection.execute(_AFTER, {"seq": seq, "limit": limit}).mappings().all()
        for row in rows:
            if not self._follows(row, seq, mac):
                raise Corrupt(f"entry {seq + 1} of the journal is not as it was written")
            seq, mac = row["seq"], row["mac"]
        if len(rows) < limit and (seq, mac) != self._read_head():
            raise Corrupt(f"the journal ends at entry {seq}, which is not its head")
        return seq, mac

    def _follows(self, row: Mapping[Any, Any], seq: int, mac: str) -> bool:
        """Whether an entry is as it was written after the one of this number and MAC."""
        return bool(row["seq"] == seq + 1 and row["mac"] == link(self._key, mac, row))

    def _read_head(self) -> tuple[int, str]:
        row = self._connection.execute(_READ_HEAD).one()
        return (int(row.seq), str(row.mac))
