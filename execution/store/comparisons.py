"""When each venue was last compared with our rows, so that every process knows, and after a restart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from execution.record import Record
from execution.store.records import Codec, put, rows_where
from execution.tables import ComparisonRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison(Record):
    """One look at a venue's open orders."""

    venue: str
    at: datetime
    strangers: int
    """Orders of a Countersign's make that rested there and that this database did not know."""


_COMPARISONS = Codec(Comparison, ComparisonRow)
_OF = rows_where(_COMPARISONS.table, venue="venue")
_PUT = put(_COMPARISONS.table)


class Comparisons:
    """The last look at each venue."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, venue: str) -> Comparison | None:
        """One venue's; None where there was none."""
        row = self._connection.execute(_OF, {"venue": venue}).mappings().first()
        return None if row is None else _COMPARISONS.record(row)

    def put(self, seen: Comparison) -> None:
        """Keep this look in place of the one before."""
        self._connection.execute(_PUT, _COMPARISONS.values(seen))
