"""What outlives a restart of the playground, and what it refuses to start with."""

from __future__ import annotations

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.playground import Playground, serve
from bot.playground.storage import PHOTOS_KEPT, Storage
from tests.bot.playground.conftest import GROUP, PEOPLE, TOKEN, build, client, picture


async def test_messages_photos_menus_and_unconfirmed_updates_outlive_a_restart(tmp_path, clock):
    path = tmp_path / "playground.db"
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Approve", callback_data="a")]])
    playground = build(path, clock)
    async with serve(playground) as url, client(url) as bot:
        sent = await bot.send_photo(GROUP, picture(), caption="card", reply_markup=keyboard)
        await bot.set_my_commands([("status", "Where things stand")])
        playground.say("read", by=2222)
        playground.say("/kill", by=2222)
        read, kill = await bot.get_updates()
        await bot.get_updates(offset=kill.update_id)
    stood = playground.messages
    await playground.close()

    playground = build(path, clock)
    assert playground.messages == stood
    async with serve(playground) as url, client(url) as bot:
        (again,) = await bot.get_updates()
        assert (again.update_id, again.message.text) == (kill.update_id, "/kill")
        assert [c.command for c in await bot.get_my_commands()] == ["status"]
        reused = await bot.send_photo(GROUP, sent.photo[0].file_id)
        assert reused.message_id > sent.message_id
        await bot.get_updates(offset=kill.update_id + 1)
        playground.say("next", by=2222)
        assert (await bot.get_updates())[0].update_id > kill.update_id > read.update_id
    await playground.close()


def test_only_the_newest_photos_are_kept(tmp_path):
    storage = Storage(tmp_path / "playground.db")
    added = [
        storage.add_photo(width=1, height=1, media_type="image/png", data=b"x")
        for _ in range(PHOTOS_KEPT + 1)
    ]
    assert storage.photo(added[0].id) is None
    assert storage.photo(added[1].id) == added[1]
    storage.close()


@pytest.mark.parametrize("token", ["", "secret", "12:", ":secret", "x:y"])
def test_a_token_must_look_like_telegrams(clock, token):
    with pytest.raises(ValueError, match="token must look like"):
        Playground(":memory:", token=token, chat_id=GROUP, people=PEOPLE, clock=clock)


def test_the_chat_must_be_a_group(clock):
    with pytest.raises(ValueError, match="chat_id must be negative"):
        Playground(":memory:", token=TOKEN, chat_id=5, people=PEOPLE, clock=clock)
