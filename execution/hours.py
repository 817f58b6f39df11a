"""The hours of the week in which something holds: trading hours, an approval rule.

Pure. Settings parse the text once; risk and approval rules ask. It must never assume a zone: the
moment is given in local time, so the hours are those of the clock on the wall, also on the nights it
is set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = timedelta(days=1)
_SPAN = re.compile(
    rf"({'|'.join(DAYS)})(?:\s*-\s*({'|'.join(DAYS)}))?"
    r"\s+([0-9]{2}):([0-9]{2})\s*-\s*([0-9]{2}):([0-9]{2})"
)
_FORM = '"Mon-Fri 08:00-22:00"; several are separated by commas'


@dataclass(frozen=True, slots=True)
class Span:
    """On each of `days` (0 is Monday), from `opens` until just before `closes`, past midnight too."""

    days: frozenset[int]
    opens: timedelta
    """Since midnight."""
    closes: timedelta
    """Since the same midnight: more than a day when it ends on the next one."""

    def contains(self, weekday: int, since_midnight: timedelta) -> bool:
        """Whether that local time is in it, as part of its own day or of the night before."""
        today = weekday in self.days and self.opens <= since_midnight < self.closes
        yesterday = (weekday - 1) % 7 in self.days and since_midnight + _DAY < self.closes
        return today or yesterday


@dataclass(frozen=True, slots=True)
class Hours:
    """One or more spans of a week; `text` is how they were written."""

    text: str
    spans: tuple[Span, ...]

    def contains(self, local: datetime) -> bool:
        """Whether that moment is in them; it must be aware, in the desk's zone.

        Raises:
            ValueError: the time is naive.
        """
        if local.tzinfo is None:
            raise ValueError("hours of the week need an aware local time")
        since_midnight = timedelta(
            hours=local.hour,
            minutes=local.minute,
            seconds=local.second,
            microseconds=local.microsecond,
        )
        return any(span.contains(local.weekday(), since_midnight) for span in self.spans)

    def within(self, other: Hours) -> bool:
        """Whether all of these are in the other ones too."""
        return self._minutes() <= other._minutes()

    def _minutes(self) -> set[int]:
        """Every minute of the week that is in them."""
        week, minute = timedelta(weeks=1), timedelta(minutes=1)
        return {
            (day * _DAY + since) % week // minute
            for span in self.spans
            for day in span.days
            for since in (
                span.opens + n * minute for n in range((span.closes - span.opens) // minute)
            )
        }


def parse_hours(text: str) -> Hours:
    """`Mon-Fri 08:00-22:00`, several separated by commas; `22:00-06:00` goes over midnight.

    Raises:
        ValueError: it is not written so; says how to write it.
    """
    return Hours(text=text.strip(), spans=tuple(_span(part) for part in text.split(",")))


def _span(part: str) -> Span:
    found = _SPAN.fullmatch(part.strip())
    if found is None:
        raise ValueError(f"not hours of the week; write {_FORM}")
    first, last = DAYS.index(found[1]), DAYS.index(found[2] or found[1])
    opens, closes = _since_midnight(found[3], found[4]), _since_midnight(found[5], found[6])
    if opens in (closes, _DAY):
        raise ValueError('hours must not be empty; a whole day is "00:00-24:00"')
    days = frozenset((first + n) % 7 for n in range((last - first) % 7 + 1))
    return Span(days=days, opens=opens, closes=closes if opens < closes else closes + _DAY)


def _since_midnight(hours: str, minutes: str) -> timedelta:
    since = timedelta(hours=int(hours), minutes=int(minutes))
    if since > _DAY or int(minutes) > 59:
        raise ValueError(f"{hours}:{minutes} is not a time of day; write {_FORM}")
    return since
