"""A sender's own payload turned into the contract's field names, by the source's `map`.

Compiled once at start from `[sources.x] map`; applied to each payload before `signal.py` reads it.
What the map does not name is ignored. It must never turn an exact number into a float unseen.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Self

import jmespath
from jmespath.exceptions import JMESPathError

from bot.sources.fields import BadField
from bot.sources.signal import READERS


class FieldMap:
    """Fields of a signal, each with a JMESPath expression over the payload.

    Numbers reach the expressions as strings of their digits: JMESPath would make floats of them,
    and its `to_number` cuts a Decimal down to a whole number. Inside a comparison `to_number` does
    no harm; as a result it is refused as inexact.
    """

    def __init__(self, expressions: Mapping[str, Any]) -> None:
        self._expressions = expressions

    @classmethod
    def compile(cls, expressions: Mapping[str, str]) -> Self:
        """Check and compile, at start.

        Raises:
            ValueError: no such field, or not a JMESPath expression; one line that names it.
        """
        compiled = {}
        for field, expression in expressions.items():
            if field not in READERS:
                nearest = difflib.get_close_matches(field, READERS, n=1, cutoff=0)
                raise ValueError(f"map.{field}: no such field; did you mean {nearest[0]}?")
            try:
                compiled[field] = jmespath.compile(expression)
            except JMESPathError:
                raise ValueError(f"map.{field}: not a JMESPath expression") from None
        return cls(compiled)

    def apply(self, payload: object) -> dict[str, object]:
        """The named fields; one whose expression finds nothing is absent.

        Raises:
            BadField: an expression does not fit this payload.
        """
        found: dict[str, object] = {}
        for field, expression in self._expressions.items():
            try:
                found[field] = expression.search(payload)
            except (JMESPathError, TypeError, ArithmeticError, LookupError, AttributeError):
                raise BadField(
                    field, "could not be taken from this payload", 'check its expression in "map"'
                ) from None
        return found
