"""How one value of a signal is read: numbers exactly, times with their zone, words from a list.

`signal.py` says which reader a field has. A reader returns the value or raises `BadField`; it
never rounds, never guesses a zone, and never takes a look-alike digit for a digit.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from bot.settings.values import read_duration, read_share
from execution.errors import BadSignal
from execution.types import ZERO, Target, Trail

Choice = TypeVar("Choice", bound=StrEnum)

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
NUMBER_FIX = 'send a JSON number or a string of plain digits, such as "0.01"'
DIGITS_BEFORE_THE_POINT = 20  # with 18 places: what NUMERIC(38, 18) holds
PLACES = 18

UNIX_TIME = re.compile(r"[0-9]{1,13}(\.[0-9]{1,6})?")
FIRST_MILLISECONDS = Decimal("1e11")  # as seconds this would be the year 5138
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIME_FIX = 'send it with its zone, such as "2026-11-20T14:31:22Z", or as unix seconds'

SHARE_FIX = 'send a share with its sign, such as "2%", up to "100%"'
LONGEST_NUMBER = 64
LONGEST_TIME = 40
LONGEST_NOTE = 1000  # characters kept of a note; a card shows fewer
MOST_TARGETS = 10
JOINERS = "\u200c\u200d"  # part of emoji and of several scripts, though not printable themselves


class BadField(BadSignal):
    """One field of a signal is wrong; `fix` says what to send instead."""

    def __init__(self, field: str, wrong: str, fix: str) -> None:
        """`wrong` follows the field's name in a sentence: "is not a number"."""
        super().__init__(field, f"{field} {wrong}; {fix}")
        self.wrong = wrong
        self.fix = fix


def shown(value: object) -> str:
    """A short, printable cut of a sender's value, for an error."""
    text = "".join(c if c.isprintable() else "?" for c in str(value)[:33])
    return f'"{text[:32]}..."' if len(text) > 32 else f'"{text}"'


def positive(value: object, field: str) -> Decimal:
    """A number above zero, taken exactly: plain or scientific, ASCII digits only.

    Raises:
        BadField: not a number, a float (already inexact), zero or less, or beyond what the
            database stores exactly (20 digits before the point, 18 after it).
    """
    if isinstance(value, float):
        raise BadField(field, "was computed inexactly", 'leave to_number out of its "map"')
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadField(field, "is not a number", NUMBER_FIX)
    text = str(value)
    if len(text) > LONGEST_NUMBER or not NUMBER.fullmatch(text):
        raise BadField(field, f"is not a number: {shown(text)}", NUMBER_FIX)
    number = Decimal(text)
    if number <= ZERO:
        raise BadField(field, "must be above zero", "send a larger one or leave the field out")
    if number.adjusted() >= DIGITS_BEFORE_THE_POINT or _places(number) > PLACES:
        raise BadField(
            field,
            "is too large or too fine",
            f"send at most {DIGITS_BEFORE_THE_POINT} digits before the point and {PLACES} after",
        )
    return Decimal(f"{number:f}")


def _places(number: Decimal) -> int:
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), "the pattern lets no NaN or Infinity through"
    trailing_zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    return -(exponent + trailing_zeros)


def share_of_equity(value: object, field: str) -> Decimal:
    """`"2%"` as the fraction 0.02. A bare number is refused: 2 and 0.02 could both mean it."""
    try:
        share = read_share(value)
    except ValueError:
        raise BadField(field, "is not a share", SHARE_FIX) from None
    if share == ZERO:
        raise BadField(field, "must be above zero", SHARE_FIX)
    return share


def share_of_position(value: object, field: str) -> Decimal:
    """`"50%"` or `0.5` as the fraction 0.5, above 0 and at most 1."""
    percent = isinstance(value, str) and value.endswith("%")
    share = share_of_equity(value, field) if percent else positive(value, field)
    if share > 1:
        raise BadField(field, "is more than the whole position", 'send "50%" or 0.5 for half of it')
    return share


def trail(value: object, field: str) -> Trail:
    """`"1%"` of the price, or a distance in quote currency."""
    if isinstance(value, str) and value.endswith("%"):
        return Trail(value=share_of_equity(value, field), is_share=True)
    return Trail(value=positive(value, field), is_share=False)


def targets(value: object, field: str) -> tuple[Target, ...]:
    """A price for the whole position, or a list of `{price, share}` whose shares add up to 1 or
    less; what is left over has no target.
    """
    if not isinstance(value, list):
        return (Target(price=positive(value, field), share=Decimal(1)),)
    if not 1 <= len(value) <= MOST_TARGETS:
        raise BadField(field, "is a list of the wrong length", f"send 1 to {MOST_TARGETS} targets")
    found = tuple(_target(item, f"{field}[{at}]") for at, item in enumerate(value))
    if sum((target.share for target in found), ZERO) > 1:
        raise BadField(field, "has shares of more than 1 in total", "send shares up to 1")
    return found


def _target(item: object, field: str) -> Target:
    if not isinstance(item, Mapping) or set(item) != {"price", "share"}:
        raise BadField(field, "is not a target", 'send {"price": "66000", "share": 0.5}')
    return Target(
        price=positive(item["price"], f"{field}.price"),
        share=share_of_position(item["share"], f"{field}.share"),
    )


def moment(value: object, field: str) -> datetime:
    """ISO 8601 with a zone, or digits: unix seconds, or milliseconds as Pine's `timenow` gives.

    Raises:
        BadField: not a time, or one that does not say its zone.
    """
    text = value if isinstance(value, str) else ""
    if UNIX_TIME.fullmatch(text):
        seconds = Decimal(text)
        seconds = seconds if seconds < FIRST_MILLISECONDS else seconds / 1000
        return EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
    try:
        parsed = datetime.fromisoformat(
            text if text.isascii() and len(text) <= LONGEST_TIME else ""
        )
        if parsed.tzinfo is None:
            raise BadField(field, "does not say its zone", TIME_FIX)
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadField(field, "is not a time", TIME_FIX) from None


def duration(value: object, field: str) -> timedelta:
    """`"90s"`, `"5m"`, `"2h"`: longer than zero."""
    try:
        return read_duration(value)
    except ValueError:
        raise BadField(field, "is not a duration", 'send one such as "90s", "5m" or "2h"') from None


def flag(value: object, field: str) -> bool:
    """true or false, also as a word."""
    words = {"true": True, "false": False}
    found = words.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise BadField(field, "is neither true nor false", "send true or false")
    return found


def one_of(choices: type[Choice], value: object, field: str) -> Choice:
    """The member with this value, in any case."""
    members = {member.value.lower(): member for member in choices}
    word = value.lower() if isinstance(value, str) and value.isascii() else ""
    if word not in members:
        known = ", ".join(member.value for member in choices)
        raise BadField(field, f"is not known: {shown(value)}", f"send one of {known}")
    return members[word]


def word(value: object, field: str, *, longest: int) -> str:
    """A name or an id: one printable line, not empty.

    Control characters are refused here, and with them what turns the reading direction around.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise BadField(field, "is empty or not text", "send a short text or leave the field out")
    if len(text) > longest:
        raise BadField(field, "is too long", f"send at most {longest} characters")
    if not text.isprintable():
        raise BadField(field, "holds control characters", "send one line of plain text")
    return text


def one_of_names(names: Collection[str], value: object, field: str) -> str:
    """One of these names, exactly."""
    if not isinstance(value, str) or value not in names:
        known = ", ".join(sorted(names))
        raise BadField(field, f"is not known: {shown(value)}", f"send one of {known}")
    return value


def note(value: object, field: str) -> str | None:
    """Free text without control characters, cut to 1000; None when nothing is left.

    It stays data: it is escaped where it is shown.
    """
    if not isinstance(value, str):
        raise BadField(field, "is not text", "send a text or leave the field out")
    kept = "".join(c for c in value if c.isprintable() or c == "\n" or c in JOINERS)
    return kept.strip()[:LONGEST_NOTE] or None
