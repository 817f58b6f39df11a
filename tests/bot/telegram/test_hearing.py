"""What the intake says of how far people were heard, on which a veto window rests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from bot.telegram.hearing import Hearing
from bot.telegram.intake import Hook, Intake
from tests.desk import ANA, FrontDesk
from tests.waiting import until


@asynccontextmanager
async def listening(
    desk: FrontDesk, *, hook: Hook | None = None, shortest: timedelta | None = None
) -> AsyncIterator[Hearing]:
    """The desk's chat is listened to, with a hearing of the test's own."""
    hearing = Hearing(shortest=shortest)
    room, charts = desk.chat.room, desk.chat.charts
    intake = Intake(chat=room, front=desk.front, hearing=hearing, charts=charts, hook=hook)
    task = asyncio.create_task(intake.run())
    yield hearing
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await intake.stop()


async def test_everything_said_before_a_poll_came_back_is_known(desk: FrontDesk) -> None:
    async with listening(desk) as hearing:
        began = desk.clock()
        await until(lambda: hearing.until)
        assert (hearing.since, hearing.until) == (began, began)

        desk.clock.advance(7)
        desk.playground.say("/whoami", by=ANA)
        await until(lambda: hearing.until == desk.clock())
        assert hearing.since == began


@pytest.mark.parametrize("status", [401, 409, 502])
async def test_an_error_of_reading_is_a_silence_after_which_it_begins_anew(
    desk: FrontDesk, status: int
) -> None:
    async with listening(desk) as hearing:
        await until(lambda: hearing.since)
        desk.playground.faults.error("getUpdates", status=status, description="no")
        desk.playground.say("/whoami", by=ANA)
        await until(lambda: hearing.since is None)
        assert hearing.until is None

        desk.clock.advance(7)
        desk.playground.faults.clear()
        await until(lambda: hearing.since == desk.clock())


async def test_nothing_is_known_while_what_was_said_cannot_be_stored(desk: FrontDesk) -> None:
    """The Reject may be among it."""
    async with listening(desk) as hearing:
        await until(lambda: hearing.since)
        with desk.broken_database():
            desk.clock.advance(7)
            desk.playground.say("/kill", by=ANA)
            await until(lambda: hearing.since is None)
        await until(lambda: hearing.since == desk.clock())


async def test_no_poll_lasts_past_the_end_of_a_window_that_somebody_waits_for(
    desk: FrontDesk,
) -> None:
    async with listening(desk, shortest=timedelta(seconds=1)) as hearing:
        await until(lambda: hearing.until)
        hearing.wanted = desk.clock() + timedelta(seconds=60)
        desk.clock.advance(60)

        await until(lambda: hearing.until == hearing.wanted)
        polls = desk.playground.count("getUpdates")
        desk.playground.say("/whoami", by=ANA)
        await until(lambda: desk.playground.count("getUpdates") > polls)


async def test_by_a_webhook_nothing_is_known_while_telegram_has_something_left_to_bring(
    desk: FrontDesk,
) -> None:
    hook = Hook(url="https://desk.example/telegram", secret="a-secret-of-Telegram-only")
    async with listening(desk, hook=hook, shortest=timedelta(seconds=1)) as hearing:
        await until(lambda: hearing.until)
        before = hearing.until
        desk.playground.say("/whoami", by=ANA)
        desk.clock.advance(7)
        looks = desk.playground.count("getWebhookInfo")
        await until(lambda: desk.playground.count("getWebhookInfo") >= looks + 2)

        assert hearing.until == before
        assert hearing.since == before


async def test_a_tap_whose_handler_fails_was_not_heard(desk: FrontDesk) -> None:
    """It may have been a Reject: a veto window begins anew, in which it can be tapped again."""
    await desk.start("trading")
    ticket = await desk.new_ticket()
    button = await desk.button("resize", ticket, argument="no number")
    async with listening(desk) as hearing:
        await until(lambda: hearing.since)
        began = desk.clock()
        desk.clock.advance(7)
        await desk.tap(desk.playground.say("here", by=ANA), button, by=ANA)
        await until(lambda: hearing.until == desk.clock())
        assert hearing.since == began + timedelta(seconds=7)
