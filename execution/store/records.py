"""Frozen records to rows and back, so that nothing else knows how a row looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import JSON, Table
from sqlmodel import SQLModel

R = TypeVar("R")


class Codec(Generic[R]):
    """Converts one record type to the values of one table; JSON columns hold nested records."""

    def __init__(self, record: type[R], row: type[SQLModel]) -> None:
        table = row.__table__  # type: ignore[attr-defined]  # set by SQLModel on table models
        assert isinstance(table, Table)
        self.table = table
        self._adapter: TypeAdapter[R] = TypeAdapter(record)
        names = {column.name for column in table.columns}
        self._fields = [name for name in record.__dataclass_fields__ if name in names]  # type: ignore[attr-defined]  # records are dataclasses
        self._nested = {
            column.name for column in table.columns if isinstance(column.type, JSON)
        }.intersection(self._fields)

    def values(self, record: R) -> dict[str, Any]:
        """Column values of a record."""
        values = {name: getattr(record, name) for name in self._fields}
        if self._nested:
            plain = self._adapter.dump_python(record, mode="json", include=self._nested)
            values.update(plain)
        return values

    def record(self, row: Mapping[Any, Any]) -> R:
        """The record of a row; validates, so that a damaged row is found when it is read."""
        return self._adapter.validate_python({name: row[name] for name in self._fields})
