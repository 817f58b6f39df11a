"""Positions and results in the database, folded from the fills in the transaction that books them.

All of it equals what folding every fill anew comes to. Each fill keeps how its position stood after it,
so that one which is told late, or taken back, folds again only what came after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, delete, select, tuple_

from execution.columns import Utc
from execution.equity import Came
from execution.positions import Position, Realized, fold
from execution.store.records import Codec, columns_of, put, rows_where
from execution.tables import FillRow, PositionRow, ResultRow
from execution.types import Fill

FILLS = Codec(Fill, FillRow)
BY_TIME = (FILLS.table.c.at, FILLS.table.c.id)
"""The order fills are folded in: that of their times, then that in which they were booked."""

_POSITIONS = Codec(Position, PositionRow)
_RESULTS = columns_of(ResultRow)
_REALIZED: TypeAdapter[Realized] = TypeAdapter(Realized)
_HELD: TypeAdapter[Position | None] = TypeAdapter(Position | None)
_AT_A_TIME = 500

_MARKET = (FILLS.table.c.venue, FILLS.table.c.symbol)
_OF_MARKET = [column == bindparam(column.name) for column in _MARKET]
_HERE = tuple_(bindparam("at", type_=Utc), bindparam("id"))
_HELD_BEFORE = (
    select(_RESULTS.c.position)
    .join(FILLS.table, FILLS.table.c.id == _RESULTS.c.fill)
    .where(*_OF_MARKET, tuple_(*BY_TIME) < _HERE)
    .order_by(*(column.desc() for column in BY_TIME))
    .limit(1)
)
_FROM_HERE = select(FILLS.table).where(*_OF_MARKET, tuple_(*BY_TIME) >= _HERE).order_by(*BY_TIME)
_FIRST = select(FILLS.table).where(*_OF_MARKET).order_by(*BY_TIME).limit(1)
_MARKETS = select(*_MARKET).distinct()
_WITH_RESULTS = select(FILLS.table, _RESULTS).outerjoin(
    _RESULTS, _RESULTS.c.fill == FILLS.table.c.id
)
_SINCE = _WITH_RESULTS.where(FILLS.table.c.at >= bindparam("moment", type_=Utc)).order_by(*BY_TIME)
_CAME_SINCE = (
    select(*_MARKET, _RESULTS.c.result, _RESULTS.c.fees)
    .join(_RESULTS, _RESULTS.c.fill == FILLS.table.c.id)
    .where(FILLS.table.c.at >= bindparam("moment", type_=Utc))
)
_ALL_OF_MARKET = _WITH_RESULTS.where(*_OF_MARKET).order_by(*BY_TIME)
_PUT_RESULT, _PUT_POSITION = put(_RESULTS), put(_POSITIONS.table)
_OPEN = select(_POSITIONS.table).order_by(_POSITIONS.table.c.venue, _POSITIONS.table.c.symbol)
_POSITION = rows_where(_POSITIONS.table, venue="venue", symbol="symbol")
_DROP_POSITION = delete(_POSITIONS.table).where(
    _POSITIONS.table.c.venue == bindparam("venue"), _POSITIONS.table.c.symbol == bindparam("symbol")
)


class Positions:
    """What is held, and what each fill came to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, venue: str, symbol: str) -> Position | None:
        """What is held of one market."""
        rows = self._connection.execute(_POSITION, {"venue": venue, "symbol": symbol})
        row = rows.mappings().first()
        return None if row is None else _POSITIONS.record(row)

    def open(self) -> Sequence[Position]:
        """Everything that is held, by venue and symbol."""
        return [_POSITIONS.record(row) for row in self._connection.execute(_OPEN).mappings()]

    def before(self, moment: datetime, markets: Iterable[tuple[str, str]]) -> list[Position]:
        """What was held of these markets right before a moment."""
        found = []
        for venue, symbol in markets:
            here = {"venue": venue, "symbol": symbol, "at": moment, "id": ""}
            held = _HELD.validate_python(self._connection.execute(_HELD_BEFORE, here).scalar())
            found += [] if held is None else [held]
        return found

    def realized_since(self, moment: datetime) -> Sequence[Realized]:
        """What each fill since then came to, oldest first."""
        rows = self._connection.execute(_SINCE, {"moment": moment})
        return [_realized(row) for row in rows.mappings()]

    def came_since(self, moment: datetime) -> Iterator[Came]:
        """The same for a sum, in any order: a day may have thousands, and it is added up often."""
        for row in self._connection.execute(_CAME_SINCE, {"moment": moment}):
            fees = {asset: Decimal(fee) for asset, fee in row.fees.items()}
            yield Came(row.venue, row.symbol, row.result, fees)

    def realized_by(self, orders: Iterable[str]) -> Sequence[Realized]:
        """What each fill of these orders came to, oldest first."""
        query = _WITH_RESULTS.where(FILLS.table.c.order.in_(list(orders))).order_by(*BY_TIME)
        return [_realized(row) for row in self._connection.execute(query).mappings()]

    def fold_from(self, fill: Fill) -> None:
        """Fold this fill, if it is stored, and every later one of its market onto what was before."""
        here = {"venue": fill.venue, "symbol": fill.symbol, "at": fill.at, "id": fill.id}
        held = _HELD.validate_python(self._connection.execute(_HELD_BEFORE, here).scalar())
        rows = self._connection.execute(_FROM_HERE, here).mappings()
        for some in rows.partitions(_AT_A_TIME):
            folded = list(fold(held, [FILLS.record(row) for row in some]))
            self._connection.execute(_PUT_RESULT, [_values(one) for one in folded])
            held = folded[-1].position
        if held is None:
            self._connection.execute(_DROP_POSITION, here)
        else:
            self._connection.execute(_PUT_POSITION, _POSITIONS.values(held))

    def forget(self, fills: Iterable[Fill]) -> None:
        """Drop what these fills came to; they are not stored any more."""
        gone = [fill.id for fill in fills]
        self._connection.execute(delete(_RESULTS).where(_RESULTS.c.fill.in_(gone)))

    def fold_all(self) -> None:
        """Make every result and position anew from the fills."""
        for derived in (_RESULTS, _POSITIONS.table):
            self._connection.execute(delete(derived))
        for market in self._markets():
            first = self._connection.execute(_FIRST, market).mappings().one()
            self.fold_from(FILLS.record(first))

    def wrong(self) -> Iterator[tuple[str, str]]:
        """Venue and symbol of each market whose position or results are not what its fills come to."""
        kept = {(held.venue, held.symbol): held for held in self.open()}
        for market in self._markets():
            held, right = None, True
            for row in self._connection.execute(_ALL_OF_MARKET, market).mappings():
                (folded,) = fold(held, [FILLS.record(row)])
                held = folded.position
                right = right and row["fill"] is not None and _realized(row) == folded
            key = (market["venue"], market["symbol"])
            if kept.pop(key, None) != held or not right:
                yield key
        yield from kept

    def _markets(self) -> Sequence[Mapping[Any, Any]]:
        """Every venue and symbol with a fill."""
        return self._connection.execute(_MARKETS).mappings().all()


def _values(realized: Realized) -> dict[str, Any]:
    """Column values of what one fill came to."""
    nested = {"fees", "entry_fees", "position"}
    plain: dict[str, Any] = _REALIZED.dump_python(realized, mode="json", include=nested)
    return plain | {
        "fill": realized.fill.id,
        "closed": realized.closed,
        "result": realized.result,
    }


def _realized(row: Mapping[Any, Any]) -> Realized:
    """What one fill came to, from its row and that of its result."""
    names = ("closed", "result", "fees", "entry_fees", "position")
    return _REALIZED.validate_python(
        {"fill": FILLS.record(row)} | {name: row[name] for name in names}
    )
