"""The sealed keys of venues: opaque rows, one for each venue. Only `bot/sealed.py` can read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, delete, select

from execution.record import Record
from execution.store.records import Codec, put, rows_where
from execution.tables import SealedKeysRow


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedKeys(Record):
    """The keys of one venue as they are stored."""

    venue: str
    label: bytes
    """In clear: what they are for, when and by whom they were given. Sealed along with them."""
    wrapped: bytes = field(repr=False)
    """The key of this row alone, under the master key."""
    sealed: bytes = field(repr=False)
    """The venue's keys, under the key of this row."""


_SEALED = Codec(SealedKeys, SealedKeysRow)
_ALL = select(_SEALED.table).order_by(_SEALED.table.c.venue)
_OF = rows_where(_SEALED.table, venue="venue")
_PUT = put(_SEALED.table)
_DROP = delete(_SEALED.table).where(_SEALED.table.c.venue == bindparam("dropped"))


class Sealed:
    """What the vault keeps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[str, SealedKeys]:
        """Every row, by venue."""
        rows = self._connection.execute(_ALL).mappings()
        return {row["venue"]: _SEALED.record(row) for row in rows}

    def of(self, venue: str) -> SealedKeys | None:
        """The row of a venue, if it has one."""
        row = self._connection.execute(_OF, {"venue": venue}).mappings().first()
        return None if row is None else _SEALED.record(row)

    def put(self, keys: SealedKeys) -> None:
        """Keep these, in the place of the venue's earlier ones."""
        self._connection.execute(_PUT, _SEALED.values(keys))

    def drop(self, venue: str) -> None:
        """Forget the keys of a venue."""
        self._connection.execute(_DROP, {"dropped": venue})
