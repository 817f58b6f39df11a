"""Numbers as a person reads them aloud: what refusals say, and the chat after them.

Pure. It must never make two different numbers look the same where one is said to be over the other.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from execution.rounding import exactly, plain, to_step

THIN = "\u202f"
"""Between thousands: a thin space that does not break at the end of a line."""
MINUS = "\u2212"
"""A real minus sign, as wide as the plus."""

_LEAST_DIGITS = 4
_MOST_DIGITS = 38


def figure(value: Decimal, *, signed: bool = False) -> str:
    """A number exactly: thousands apart, no trailing zeros, no exponent, a real minus sign."""
    text = plain(value)
    whole, _, fraction = text.removeprefix("-").partition(".")
    whole = f"{int(whole):,}".replace(",", THIN)
    sign = MINUS if text.startswith("-") else "+" if signed and value > 0 else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


@exactly
def percent(share: Decimal, *, signed: bool = False) -> str:
    """A share as a percentage, exactly: `0.3 %`."""
    return f"{figure(share * 100, signed=signed)} %"


@exactly
def beside(value: Decimal, bound: Decimal) -> Decimal:
    """A measured value in as few digits (four at least) as still tell it from its bound."""
    for digits in range(_LEAST_DIGITS, _MOST_DIGITS):
        short = _significant(value, digits)
        if short != bound:
            return short
    return value


def duration(span: timedelta) -> str:
    """A length of time in its two largest units, seconds begun count: `4 s`, `2 min 5 s`, `3 d`."""
    seconds = -(-max(span, timedelta()) // timedelta(seconds=1))
    parts: list[tuple[int, str]] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 s"


def _significant(value: Decimal, digits: int) -> Decimal:
    """Rounded to this many significant digits, whole units always whole."""
    places = max(digits - 1 - value.adjusted(), 0) if value else 0
    return to_step(value, Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
