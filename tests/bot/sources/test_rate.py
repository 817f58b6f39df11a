"""A source's allowance: a sliding window that says how long to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.settings.values import Rate
from bot.sources.rate import Allowance

NOW = datetime(2026, 11, 20, 14, 31, 22, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_more_than_the_rate_has_to_wait_until_the_oldest_is_past() -> None:
    allowance = Allowance(Rate(2, timedelta(seconds=60)))
    for second in (0, 10):
        assert allowance.wait(after(second)) is None
        allowance.count(after(second))
    assert allowance.wait(after(20)) == timedelta(seconds=40)
    assert allowance.wait(after(59.5)) == timedelta(seconds=0.5)
    assert allowance.wait(after(60)) is None
    allowance.count(after(60))
    assert allowance.wait(after(61)) == timedelta(seconds=9)


def test_asking_does_not_count() -> None:
    allowance = Allowance(Rate(1, timedelta(seconds=60)))
    assert [allowance.wait(NOW) for _ in range(5)] == [None] * 5
