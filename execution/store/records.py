"""Frozen records to rows and back, and the statements every table shares.

Statements are built once: building one costs several times what running it does, and an order waits
for about twenty of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import JSON, Select, Table, Update, bindparam, literal, select, update
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel

R = TypeVar("R")


class Codec(Generic[R]):
    """Converts one record type to the values of one table; JSON columns hold nested records."""

    def __init__(self, record: type[R], row: type[SQLModel]) -> None:
        table = self.table = columns_of(row)
        self._adapter: TypeAdapter[R] = TypeAdapter(record)
        names = {column.name for column in table.columns}
        self._fields = [name for name in record.__dataclass_fields__ if name in names]  # type: ignore[attr-defined]  # records are dataclasses
        self._nested = {
            column.name for column in table.columns if isinstance(column.type, JSON)
        }.intersection(self._fields)

    def values(self, record: R) -> dict[str, Any]:
        """Column values of a record."""
        return self._values(record, self._fields)

    def changes(self, before: R, after: R) -> dict[str, Any]:
        """Column values of what differs: a whole record is several times the work."""
        changed = [name for name in self._fields if getattr(before, name) != getattr(after, name)]
        return self._values(after, changed)

    def _values(self, record: R, names: Sequence[str]) -> dict[str, Any]:
        values = {name: getattr(record, name) for name in names}
        nested = self._nested.intersection(names)
        if nested:
            values.update(self._adapter.dump_python(record, mode="json", include=nested))
        return values

    def record(self, row: Mapping[Any, Any]) -> R:
        """The record of a row; validates, so that a damaged row is found when it is read."""
        return self._adapter.validate_python({name: row[name] for name in self._fields})


def columns_of(row: type[SQLModel]) -> Table:
    """The table behind a row type."""
    table = row.__table__  # type: ignore[attr-defined]  # set by SQLModel on table models
    assert isinstance(table, Table)
    return table


@cache
def rows_where(table: Table, **columns: str) -> Select[Any]:
    """Rows by the values of columns: each keyword is a column, its value the parameter's name."""
    wanted = [table.c[name] == bindparam(given) for name, given in columns.items()]
    return select(table).where(*wanted)


@cache
def rows_in(table: Table, column: str, values: tuple[str, ...], order: str) -> Select[Any]:
    """Rows whose column holds one of a few known values, in order."""
    kind = table.c[column].type
    known = [literal(value, kind) for value in values]
    return select(table).where(table.c[column].in_(known)).order_by(table.c[order])


@cache
def swap(table: Table, *columns: str) -> Update:
    """Compare-and-swap: an update where each column still has the value given as `was_<column>`."""
    return update(table).where(*(table.c[name] == bindparam(f"was_{name}") for name in columns))


def put(table: Table) -> Insert:
    """Store a row, in the place of one with the same key."""
    row = sqlite_insert(table)
    values = {c.name: row.excluded[c.name] for c in table.columns if not c.primary_key}
    return row.on_conflict_do_update(index_elements=table.primary_key.columns, set_=values)
