"""The breaker of each venue in the database; changed by compare-and-swap on its state."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from execution.breaker import Breaker
from execution.errors import Corrupt
from execution.store.records import Codec, rows_where, swap
from execution.tables import BreakerRow

_BREAKERS = Codec(Breaker, BreakerRow)

_OF = rows_where(_BREAKERS.table, venue="venue")
_ADD = insert(_BREAKERS.table)
_CHANGE = swap(_BREAKERS.table, "venue", "state")


class Breakers:
    """Whether orders may go to each venue."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, venue: str) -> Breaker:
        """One venue's; closed where it never opened."""
        row = self._connection.execute(_OF, {"venue": venue}).mappings().first()
        return Breaker(venue=venue) if row is None else _BREAKERS.record(row)

    def change(self, before: Breaker, after: Breaker) -> None:
        """Replace a breaker, if it still stands as `before` says.

        Raises:
            Corrupt: somebody else changed it; the transaction must not go on.
        """
        if before.since is None:
            self._connection.execute(_ADD, _BREAKERS.values(after))
            return
        was = {"was_venue": before.venue, "was_state": before.state}
        result = self._connection.execute(_CHANGE, _BREAKERS.values(after) | was)
        if result.rowcount != 1:
            raise Corrupt(f"the breaker of {before.venue} is no longer {before.state}")
