"""Telegram in trouble: silence, errors, lost connections, slowness and flood limits, as the real client meets them."""

from __future__ import annotations

import asyncio

import pytest
from telegram.error import NetworkError, RetryAfter, TimedOut

from bot.playground import serve
from tests.bot.playground.conftest import GROUP, Clock, build, client, waiting_poll

# PTB announces that retry_after will become a timedelta whenever it is set.
pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")


async def test_an_error_is_answered_as_often_as_asked_and_nothing_is_done(bot, playground):
    playground.faults.error("sendMessage", times=2)
    for _ in range(2):
        with pytest.raises(NetworkError, match="Internal Server Error"):
            await bot.send_message(GROUP, "a")
    assert playground.messages == []
    await bot.send_message(GROUP, "b")
    assert [m.text for m in playground.messages] == ["b"]
    assert playground.count("sendMessage") == 3


async def test_a_retry_after_carries_its_seconds(bot, playground):
    playground.faults.error(
        "sendMessage", status=429, description="Too Many Requests", retry_after=7, times=1
    )
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(GROUP, "a")
    assert str(caught.value).endswith("7 seconds")


async def test_a_lost_call_was_not_done_and_a_lost_answer_was(bot, playground):
    playground.faults.lose_call("sendMessage", times=1)
    playground.faults.lose_answer("sendMessage", times=1)
    for text in ("lost before", "lost after"):
        with pytest.raises(NetworkError):
            await bot.send_message(GROUP, text)
    assert [m.text for m in playground.messages] == ["lost after"]


async def test_silence_lasts_until_cleared_and_does_nothing(bot, playground):
    playground.faults.silence()
    with pytest.raises(TimedOut):
        await bot.send_message(GROUP, "a", read_timeout=0.05)
    playground.faults.clear()
    assert playground.messages == []
    await bot.send_message(GROUP, "b")


async def test_held_calls_are_carried_out_when_released(bot, playground):
    playground.faults.hold("sendMessage")
    sending = asyncio.create_task(bot.send_message(GROUP, "a"))
    await bot.send_chat_action(GROUP, "typing")
    assert playground.messages == []
    playground.faults.clear("sendMessage")
    await sending
    assert [m.text for m in playground.messages] == ["a"]


async def test_a_delayed_call_is_carried_out(bot, playground):
    playground.faults.delay("sendMessage", seconds=0.01, times=1)
    await bot.send_message(GROUP, "a")
    assert [m.text for m in playground.messages] == ["a"]


async def test_flood_limits_hold_per_group_and_overall():
    clock = Clock()
    playground = build(":memory:", clock, flood=True)
    async with serve(playground) as url, client(url) as bot:
        message = await bot.send_message(GROUP, "0")
        for n in range(19):
            await bot.edit_message_text(f"{n + 1}", GROUP, message.id)
        clock.advance(10)
        with pytest.raises(RetryAfter) as caught:
            await bot.send_message(GROUP, "one too many")
        assert str(caught.value).endswith("50 seconds")
        for n in range(30):
            await bot.send_message(2222, f"private {n}")
        with pytest.raises(RetryAfter):
            await bot.send_message(2222, "too many in a second")
        clock.advance(50)
        await bot.send_message(GROUP, "fine again")
    await playground.close()


async def test_a_bot_that_sends_during_a_pause_it_was_told_of_is_counted():
    clock = Clock()
    playground = build(":memory:", clock, flood=True)
    async with serve(playground) as url, client(url) as bot:
        playground.flood.pause(30)
        for _ in range(3):
            with pytest.raises(RetryAfter):
                await bot.send_message(GROUP, "too soon")
        clock.advance(30)
        await bot.send_message(GROUP, "in time")
    assert (playground.flood.refused, playground.flood.violations) == (3, 2)
    await playground.close()


async def test_telegram_can_go_away_and_come_back_on_the_same_port(playground):
    async with serve(playground) as url, client(url) as bot:
        await bot.send_message(GROUP, "before")
    with pytest.raises(NetworkError):
        await bot.send_message(GROUP, "away")
    async with serve(playground, port=int(url.rpartition(":")[2])) as again:
        assert again == url
        async with client(again) as bot:
            await bot.send_message(GROUP, "back")
    assert [m.text for m in playground.messages] == ["before", "back"]


async def test_leaving_ends_a_waiting_poll(playground):
    async with serve(playground) as url:
        bot = client(url)
        await bot.initialize()
        poll = asyncio.create_task(bot.get_updates(timeout=30))
        await waiting_poll(playground)
    assert await poll == ()
    await bot.shutdown()


async def test_waiting_for_a_message_sees_those_sent_and_those_edited(bot, playground):
    sent = asyncio.create_task(playground.wait_for_text("card"))
    card = await bot.send_message(GROUP, "a card")
    assert (await sent).id == card.message_id
    edited = asyncio.create_task(playground.wait_for(lambda m: m.text == "filled"))
    await bot.edit_message_text("filled", GROUP, card.message_id)
    assert (await edited).id == card.message_id
    with pytest.raises(TimeoutError, match="filled"):
        await playground.wait_for_text("never", timeout_s=0.01)
