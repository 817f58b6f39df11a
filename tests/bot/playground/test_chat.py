"""Who is in the chat, and which command menu each person sees."""

from __future__ import annotations

import pytest
from telegram import (
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeChatAdministrators,
    BotCommandScopeChatMember,
)
from telegram.error import BadRequest

from tests.bot.playground.conftest import GROUP


async def test_the_bot_knows_itself_and_its_chat(bot, playground):
    assert (bot.id, bot.username) == (123456, "countersign_bot")
    chat = await bot.get_chat(GROUP)
    assert (chat.type, chat.title) == ("supergroup", "Trading desk")
    assert (await bot.get_chat(2222)).first_name == "Ana"
    assert playground.malformed == []


async def test_members_have_their_status(bot):
    me = await bot.get_chat_member(GROUP, bot.id)
    assert (me.status, me.can_pin_messages) == ("administrator", True)
    assert (await bot.get_chat_member(GROUP, 1111)).status == "creator"
    assert (await bot.get_chat_member(GROUP, 3333)).status == "member"
    with pytest.raises(BadRequest, match="Member not found"):
        await bot.get_chat_member(GROUP, 5555)
    assert {m.user.id for m in await bot.get_chat_administrators(GROUP)} == {1111, bot.id}
    with pytest.raises(BadRequest, match="no administrators in the private chat"):
        await bot.get_chat_administrators(2222)


async def test_the_most_specific_command_menu_wins(bot, playground):
    olga, ana, vic, _ = playground.chat.people.values()
    await bot.set_my_commands([("help", "h")])
    await bot.set_my_commands([("all", "h")], scope=BotCommandScopeAllGroupChats())
    await bot.set_my_commands([("chat", "h")], scope=BotCommandScopeChat(GROUP))
    await bot.set_my_commands([("admin", "h")], scope=BotCommandScopeChatAdministrators(GROUP))
    await bot.set_my_commands([("ana", "h")], scope=BotCommandScopeChatMember(GROUP, ana.id))
    await bot.set_my_commands([("private", "h")], scope=BotCommandScopeAllPrivateChats())

    def menu(chat_id, person):
        return [command["command"] for command in playground.chat.menu(chat_id, person)]

    assert menu(GROUP, ana) == ["ana"]
    assert menu(GROUP, olga) == ["admin"]
    assert menu(GROUP, vic) == ["chat"]
    assert menu(vic.id, vic) == ["private"]
    await bot.delete_my_commands(scope=BotCommandScopeChatMember(GROUP, ana.id))
    await bot.delete_my_commands(scope=BotCommandScopeChat(GROUP))
    assert menu(GROUP, ana) == ["all"]
    assert playground.malformed == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (("Bad-Name", "d"), "Bot_command_invalid"),
        (("x" * 33, "d"), "Bot_command_invalid"),
        (("ok", ""), "Bot_command_description_invalid"),
    ],
)
async def test_commands_have_telegrams_limits(bot, command, problem):
    with pytest.raises(BadRequest, match=problem):
        await bot.set_my_commands([command])
