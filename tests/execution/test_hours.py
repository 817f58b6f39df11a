"""Hours of the week: how they are written, and which moments they hold."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from execution.hours import parse_hours

MADRID = ZoneInfo("Europe/Madrid")


def at(day: str, clock: str) -> datetime:
    """A moment of the week of Monday, 2 March 2026."""
    number = 2 + ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].index(day)
    return datetime.fromisoformat(f"2026-03-{number:02} {clock}").replace(tzinfo=MADRID)


@pytest.mark.parametrize(
    ("hours", "day", "clock", "inside"),
    [
        ("Mon-Fri 08:00-22:00", "Mon", "08:00:00", True),
        ("Mon-Fri 08:00-22:00", "Mon", "07:59:59.999999", False),
        ("Mon-Fri 08:00-22:00", "Fri", "21:59:59.999999", True),
        ("Mon-Fri 08:00-22:00", "Fri", "22:00:00", False),
        ("Mon-Fri 08:00-22:00", "Sat", "12:00:00", False),
        ("Sun 10:00-12:00", "Sun", "11:00:00", True),
        ("Mon-Sun 00:00-24:00", "Sun", "23:59:59.999999", True),
        ("Mon-Sun 00:00-24:00", "Mon", "00:00:00", True),
        ("Fri-Mon 08:00-22:00", "Sun", "12:00:00", True),
        ("Fri-Mon 08:00-22:00", "Wed", "12:00:00", False),
        ("Mon-Fri 22:00-06:00", "Fri", "23:00:00", True),
        ("Mon-Fri 22:00-06:00", "Sat", "05:59:59", True),
        ("Mon-Fri 22:00-06:00", "Sat", "06:00:00", False),
        ("Mon-Fri 22:00-06:00", "Mon", "05:00:00", False),
        ("Sun 22:00-06:00", "Mon", "05:00:00", True),
        ("Mon 22:00-00:00", "Mon", "23:59:00", True),
        ("Mon 22:00-00:00", "Tue", "00:00:00", False),
        ("Mon 08:00-12:00, Tue 14:00-18:00", "Tue", "15:00:00", True),
        ("Mon 08:00-12:00, Tue 14:00-18:00", "Tue", "09:00:00", False),
    ],
)
def test_hours_hold_their_first_moment_and_not_their_last(
    hours: str, day: str, clock: str, inside: bool
) -> None:
    assert parse_hours(hours).contains(at(day, clock)) is inside


def test_hours_keep_how_they_were_written() -> None:
    assert parse_hours(" Mon-Fri 08:00-22:00 ").text == "Mon-Fri 08:00-22:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "08:00-22:00",
        "Mon-Fri",
        "Mon-Fri 8-22",
        "mon 08:00-22:00",
        "Mon 08:00-22:00,",
        "Mon 25:00-26:00",
        "Mon 24:01-24:02",
        "Mon 08:60-09:00",
        "Mon 08:00-08:00",
        "Mon 24:00-02:00",
    ],
)
def test_what_is_not_hours_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|a whole day is"):
        parse_hours(text)


def test_a_naive_time_is_refused() -> None:
    naive = datetime(2026, 3, 2, 12, 0)  # noqa: DTZ001  # the point of this test
    with pytest.raises(ValueError, match="aware"):
        parse_hours("Mon 08:00-22:00").contains(naive)
