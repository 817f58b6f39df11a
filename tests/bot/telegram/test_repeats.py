"""Which updates were taken: exactly those, also after a restart, whatever number comes next."""

from __future__ import annotations

import pytest

from bot.telegram.repeats import SLOTS, Repeats
from tests.desk import FrontDesk


@pytest.fixture
def repeats(desk: FrontDesk) -> Repeats:
    return Repeats(desk.side.store)


async def test_what_was_taken_is_known_at_once_and_to_the_next_process(
    desk: FrontDesk, repeats: Repeats
) -> None:
    assert not await repeats.holds(7)
    repeats.note(7)
    assert await repeats.holds(7)
    assert not await Repeats(desk.side.store).holds(7), "not stored yet"
    await repeats.keep(7)
    assert await Repeats(desk.side.store).holds(7)


async def test_numbers_that_begin_anew_are_no_repeats(desk: FrontDesk, repeats: Repeats) -> None:
    """After a week of silence Telegram goes on anywhere, also far below."""
    await repeats.keep(1_000_000)
    again = Repeats(desk.side.store)
    for number in (5, 999_999, 1_000_001, 1_000_000 - SLOTS, 1_000_000 + SLOTS):
        assert not await again.holds(number)
    assert await again.holds(1_000_000)


async def test_as_many_are_known_as_telegram_hands_out_at_once(
    desk: FrontDesk, repeats: Repeats
) -> None:
    numbers = range(500, 600)
    for number in numbers:
        await repeats.holds(number)
        repeats.note(number)
    assert all([await repeats.holds(number) for number in numbers])


async def test_database_that_fails_does_not_undo_what_was_taken(
    desk: FrontDesk, repeats: Repeats
) -> None:
    assert not await repeats.holds(7)
    repeats.note(7)
    with desk.broken_database():
        await repeats.keep(7)
    assert await repeats.holds(7)
