"""Limits that an owner changed in the chat: one row for each, until it is reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from execution.record import Record
from execution.store.records import Codec, put
from execution.tables import LimitRow


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedLimit(Record):
    """A limit that stands otherwise than in the settings, or stood so when it was changed."""

    key: str
    value: str
    """JSON; `execution/limits.py` reads it."""
    by: str
    name: str
    at: datetime


_LIMITS = Codec(ChangedLimit, LimitRow)
_ALL = select(_LIMITS.table).order_by(_LIMITS.table.c.key)
_PUT = put(_LIMITS.table)
_DROP = delete(_LIMITS.table).where(_LIMITS.table.c.key == bindparam("key"))


class ChangedLimits:
    """What was changed, by the limit's key."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: Mapping[str, ChangedLimit] | None = None
        """As read in this transaction."""

    def all(self) -> Mapping[str, ChangedLimit]:
        """Every changed limit."""
        if self._known is None:
            rows = self._connection.execute(_ALL).mappings()
            self._known = {row["key"]: _LIMITS.record(row) for row in rows}
        return self._known

    def put(self, changed: ChangedLimit) -> None:
        """Keep a change, in place of an earlier one of the same limit."""
        self._connection.execute(_PUT, _LIMITS.values(changed))
        self._known = None

    def drop(self, key: str) -> None:
        """Forget a change: the settings say again."""
        self._connection.execute(_DROP, {"key": key})
        self._known = None
