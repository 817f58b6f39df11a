"""A chat that is not heard: told through every other door, and in the chat when it is over."""

from __future__ import annotations

from bot import terminal
from execution.events import Event, EventKind
from tests.bot.control import CONTROL, answer, client_of
from tests.desk import ANA, FrontDesk
from tests.waiting import until

REVOKED = "Telegram refuses the bot's token; get a new one from @BotFather."


def last(desk: FrontDesk, kind: EventKind) -> Event | None:
    return desk.read(lambda tx: tx.journal.last(kind))


async def test_revoked_token_is_told_by_every_other_door_at_once(desk: FrontDesk) -> None:
    desk.playground.faults.error("getUpdates", status=401, description="Unauthorized")
    await desk.start("intake", heard=False)
    await until(lambda: last(desk, EventKind.CHAT_LOST))
    assert desk.chat.intake.reason == REVOKED
    async with client_of(desk, token=CONTROL, given=CONTROL) as http:
        assert (await answer(http, "status"))["telegram"] == REVOKED
    report = terminal.status(desk.settings)
    assert report.json["telegram"] == REVOKED
    assert f"Telegram since 14:30:00 UTC: {REVOKED}" in report.text


async def test_silence_that_is_over_is_told_in_the_chat(desk: FrontDesk) -> None:
    """With since when and why; also by the process after the one that fell silent."""
    desk.playground.faults.error("getUpdates", status=401, description="Unauthorized")
    await desk.start("intake", heard=False)
    await until(lambda: last(desk, EventKind.CHAT_LOST))
    await desk.restart()
    desk.clock.advance(660)
    desk.playground.faults.clear()
    await desk.start("intake", "notifier")
    told = await desk.playground.wait_for_text("Not heard from 14:30:00 for 11\u00a0min")
    assert REVOKED in told.text
    assert terminal.status(desk.settings).json["telegram"] is None


async def test_silence_of_a_moment_is_not_worth_a_word(desk: FrontDesk) -> None:
    desk.playground.faults.error("getUpdates", status=502, description="Bad Gateway")
    await desk.start("intake", heard=False)
    await until(lambda: desk.playground.count("getUpdates") > 1)
    desk.playground.faults.clear()
    await until(lambda: desk.chat.intake.reason is None)
    assert last(desk, EventKind.CHAT_LOST) is None


async def test_silence_that_lasts_is_journaled_once(desk: FrontDesk) -> None:
    desk.playground.faults.error("getUpdates", status=502, description="Bad Gateway")
    await desk.start("intake", heard=False)
    await until(lambda: desk.chat.intake.reason)
    for _ in range(2):
        desk.clock.advance(21)
        polls = desk.playground.count("getUpdates")
        await until(lambda n=polls: desk.playground.count("getUpdates") > n + 1, timeout_s=15)
    assert desk.read(lambda tx: tx.journal.count(EventKind.CHAT_LOST)) == 1


async def test_webhook_that_appears_while_we_listen_is_an_alarm(desk: FrontDesk) -> None:
    """Only who has the bot's token can set one; it would make the desk deaf."""
    await desk.start("intake", "notifier")
    desk.playground.chat.set_webhook({"url": "https://thief.example", "secret_token": "x"})
    desk.playground.say("/whoami", by=ANA)
    told = await desk.playground.wait_for_text("Not heard from")
    assert "Get a new token from @BotFather." in told.text
    await desk.playground.wait_for_text("2222")
    assert desk.playground.chat.webhook == {}
