"""What people do reaches the bot: long polling with confirmation, kinds, conflicts, and who a message is from."""

from __future__ import annotations

import asyncio

import pytest
from telegram.constants import MessageEntityType
from telegram.error import BadRequest, ChatMigrated, Conflict

from bot.playground import ChatInfo
from tests.bot.playground.conftest import GROUP, client, waiting_poll


async def test_updates_come_again_until_confirmed_by_a_higher_offset(bot, playground):
    playground.say("one", by=2222)
    playground.say("two", by=2222)
    first, second = await bot.get_updates()
    assert [u.update_id for u in await bot.get_updates()] == [first.update_id, second.update_id]
    (left,) = await bot.get_updates(offset=second.update_id)
    assert left.message.text == "two"
    assert await bot.get_updates(offset=second.update_id + 1) == ()
    assert await bot.get_updates() == ()


async def test_limit_and_negative_offset(bot, playground):
    for text in ("one", "two", "three"):
        playground.say(text, by=2222)
    assert [u.message.text for u in await bot.get_updates(limit=2)] == ["one", "two"]
    assert [u.message.text for u in await bot.get_updates(offset=-1)] == ["three"]
    assert [u.message.text for u in await bot.get_updates()] == ["three"]


async def test_a_long_poll_answers_as_soon_as_something_is_said(bot, playground):
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await waiting_poll(playground)
    playground.say("now", by=2222)
    (update,) = await poll
    assert update.message.text == "now"


async def test_a_long_poll_without_news_ends_empty(bot):
    assert await bot.get_updates(timeout=1) == ()


async def test_a_second_poller_ends_the_first_with_a_conflict(bot, playground, url):
    async with client(url) as other:
        first = asyncio.create_task(bot.get_updates(timeout=30))
        await waiting_poll(playground)
        second = asyncio.create_task(other.get_updates(timeout=30))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        playground.say("now", by=2222)
        assert len(await second) == 1


async def test_only_the_kinds_asked_for_are_queued_and_the_choice_is_kept(bot, playground):
    await bot.get_updates(allowed_updates=["callback_query"])
    playground.say("not wanted", by=2222)
    assert await bot.get_updates() == ()
    await bot.get_updates(allowed_updates=[])
    playground.say("wanted", by=2222)
    assert [u.message.text for u in await bot.get_updates()] == ["wanted"]


async def test_pending_updates_can_be_dropped(bot, playground):
    playground.say("old", by=2222)
    assert (await bot.get_webhook_info()).pending_update_count == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates() == ()


async def test_while_a_webhook_stands_no_updates_are_handed_out(bot, playground):
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await waiting_poll(playground)
    await bot.set_webhook("https://example.org/telegram", secret_token="a_secret")
    with pytest.raises(Conflict):
        await poll
    playground.say("now", by=2222)
    with pytest.raises(Conflict, match="while webhook is active"):
        await bot.get_updates()
    info = await bot.get_webhook_info()
    assert (info.url, info.pending_update_count) == ("https://example.org/telegram", 1)
    await bot.delete_webhook()
    assert [u.message.text for u in await bot.get_updates()] == ["now"]
    assert playground.malformed == []


@pytest.mark.parametrize(
    ("address", "secret"),
    [("http://example.org", "a_secret"), ("https://example.org", "not this!")],
)
async def test_a_webhook_that_telegram_would_refuse_is_refused(bot, address, secret):
    with pytest.raises(BadRequest):
        await bot.set_webhook(address, secret_token=secret)
    assert (await bot.get_webhook_info()).url == ""


async def test_a_group_that_moved_says_where_it_is_now(bot, playground):
    playground.chat.migrate(-1009876543210)
    with pytest.raises(ChatMigrated) as caught:
        await bot.send_message(GROUP, "a")
    assert caught.value.new_chat_id == -1009876543210
    await bot.send_message(-1009876543210, "b")
    old, new = await bot.get_updates()
    assert (old.message.chat.id, old.message.migrate_to_chat_id) == (GROUP, -1009876543210)
    assert (new.message.chat.id, new.message.migrate_from_chat_id) == (-1009876543210, GROUP)


async def test_a_command_is_marked_as_one_and_a_reply_carries_its_message(bot, playground):
    card = await bot.send_message(GROUP, "card")
    playground.say("/kill@countersign_bot now", by=2222, reply_to=card.message_id, thread_id=7)
    (update,) = await bot.get_updates()
    message = update.message
    assert message.parse_entities([MessageEntityType.BOT_COMMAND]).values()
    assert message.entities[0].length == len("/kill@countersign_bot")
    assert (message.reply_to_message.text, message.message_thread_id) == ("card", 7)
    assert (message.from_user.id, message.from_user.first_name) == (2222, "Ana")


async def test_private_chats_other_groups_and_strangers(bot, playground):
    playground.say("in private", by=2222, chat_id=2222)
    playground.add_group(-100777, "Elsewhere")
    playground.say("elsewhere", by=5555, chat_id=-100777, name="Mallory")
    private, elsewhere = await bot.get_updates()
    assert (private.message.chat.type, private.message.chat.id) == ("private", 2222)
    assert (elsewhere.message.chat.id, elsewhere.message.from_user.first_name) == (
        -100777,
        "Mallory",
    )
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(5555, "a bot cannot write first")
    playground.say("/start", by=5555, chat_id=5555, name="Mallory")
    assert (await bot.send_message(5555, "now it can")).chat.first_name == "Mallory"
    with pytest.raises(LookupError, match="no chat -5"):
        playground.say("nowhere", by=2222, chat_id=-5)


async def test_anonymous_administrators_and_channels_hide_the_person(bot, playground):
    playground.say("as the group", by=1111, anonymous=True)
    playground.say("as a channel", by=1111, sender_chat=ChatInfo(-100888, "News"))
    anonymous, channel = await bot.get_updates()
    assert anonymous.message.from_user.username == "GroupAnonymousBot"
    assert anonymous.message.sender_chat.id == GROUP
    assert channel.message.from_user.username == "Channel_Bot"
    assert channel.message.sender_chat.id == -100888
