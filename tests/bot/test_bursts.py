"""When refusals are told one by one, and when they are counted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from bot.bursts import Bursts
from execution.events import Event, EventKind

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def refusal(seq: int, after: float, *, source: str = "tv", codes: str = "MAX_SPREAD") -> Event:
    """One that happened so many seconds after noon."""
    return Event(
        seq=seq,
        at=NOON + timedelta(seconds=after),
        kind=EventKind.TICKET_REFUSED,
        ticket="t",
        order=None,
        actor=None,
        data={"source": source, "codes": codes, "mode": "paper"},
        mac="",
    )


def messages(bursts: Bursts, times: Iterable[float]) -> list[int | None]:
    """For each refusal at these times: None, or the entry whose message counts it."""
    told = [bursts.counted(refusal(seq, at)) for seq, at in enumerate(times, start=1)]
    return [None if counted is None else counted.first.seq for counted in told]


@pytest.mark.parametrize("apart", [0, 1, 10, 14])
def test_stream_that_goes_on_is_one_message_however_long_it_lasts(apart: int) -> None:
    told = messages(Bursts(), [apart * n for n in range(60)])
    assert told == [None, None, None] + [4] * 57


def test_three_a_minute_are_told_one_by_one_for_ever() -> None:
    assert messages(Bursts(), [20 * n for n in range(60)]) == [None] * 60


def test_next_burst_has_a_message_of_its_own() -> None:
    told = messages(Bursts(), [0, 1, 2, 3, 4, 100, 101, 102, 103])
    assert told == [None, None, None, 4, 4, None, None, None, 9]


def test_signal_refused_for_two_reasons_is_one_signal() -> None:
    bursts = Bursts()
    for seq in range(1, 4):
        assert bursts.counted(refusal(seq, seq)) is None
    counted = bursts.counted(refusal(4, 4, codes="MAX_SPREAD TRADING_HOURS"))
    assert counted is not None
    assert (counted.signals, dict(counted.codes)) == (1, {"MAX_SPREAD": 1, "TRADING_HOURS": 1})


def test_refusal_that_could_not_be_told_yet_counts_once() -> None:
    bursts = Bursts()
    for seq in (1, 2, 3, 4, 4, 5, 5):
        counted = bursts.counted(refusal(seq, seq))
    assert counted is not None
    assert counted.signals == 2


def test_sources_do_not_count_for_each_other() -> None:
    bursts = Bursts()
    sources = ("tv", "desk") * 3
    for seq, source in enumerate(sources, start=1):
        assert bursts.counted(refusal(seq, seq, source=source)) is None
