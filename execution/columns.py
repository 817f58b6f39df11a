"""Column types: how money, times, durations and choices are stored exactly.

Money is exact text on SQLite (its own numbers are floats) and NUMERIC elsewhere; it is never compared
or summed in SQL.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Numeric, String
from sqlalchemy import Enum as SAEnum
from sqlalchemy.types import TypeDecorator, TypeEngine


class Money(TypeDecorator[Decimal]):
    """An exact Decimal: plain text on SQLite, NUMERIC(38,18) elsewhere. Refuses floats."""

    impl = Numeric(38, 18)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text where the database would round."""
        return dialect.type_descriptor(String(60) if dialect.name == "sqlite" else Numeric(38, 18))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Refuse what is not an exact, finite number."""
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"money is Decimal, not {type(value).__name__}")
        if not value.is_finite():
            raise ValueError("money is a finite number")
        return format(value, "f") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """The same number again."""
        return None if value is None else Decimal(value)


class Utc(TypeDecorator[datetime]):
    """An aware UTC time with microseconds; fixed-width text on SQLite, so that it sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text where the database would forget the zone."""
        return dialect.type_descriptor(
            String(32) if dialect.name == "sqlite" else DateTime(timezone=True)
        )

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Refuse a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time")
        utc = value.astimezone(UTC)
        if dialect.name != "sqlite":
            return utc
        return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Aware again."""
        if value is None or isinstance(value, datetime):
            return value
        return datetime.fromisoformat(value)


class Span(TypeDecorator[timedelta]):
    """A duration in whole microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Exact to the microsecond."""
        return None if value is None else value // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> timedelta | None:
        """The same duration again."""
        return None if value is None else timedelta(microseconds=value)


def choice(choices: type[StrEnum]) -> SAEnum:
    """An enum stored by value, with a CHECK."""
    return SAEnum(
        choices,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=choices.__name__.lower(),
        values_callable=lambda c: [member.value for member in c],
    )


ID = String(26)
"""A ULID."""
