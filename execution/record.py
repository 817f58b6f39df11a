"""The door of every record: frozen, money only as `Decimal`, time only as aware UTC.

A float or a naive time is refused when a record is made, so neither can travel further.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self


class Record:
    """Base of every frozen record: refuses floats and naive times, changes by copy."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Check every field once, at the door.

        Raises:
            TypeError: a field holds a float; money and quantities are `Decimal`.
            ValueError: a field holds a naive time, or a Decimal that is not finite.
        """
        for name in self.__dataclass_fields__:  # type: ignore[attr-defined]  # subclasses are
            value = getattr(self, name)
            kind = type(value)
            if kind is str or value is None:
                continue
            if isinstance(value, float):
                raise TypeError(f"{type(self).__name__}.{name}: a float is not money")
            if kind is Decimal and not value.is_finite():
                raise ValueError(f"{type(self).__name__}.{name}: {value} is not a number")
            if isinstance(value, datetime) and value.tzinfo is not UTC:
                if value.tzinfo is None:
                    raise ValueError(f"{type(self).__name__}.{name}: a naive time")
                object.__setattr__(self, name, value.astimezone(UTC))

    def evolve(self, **changes: Any) -> Self:
        """A copy with these fields changed, checked again."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]
