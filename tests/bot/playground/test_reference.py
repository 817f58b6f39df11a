"""The strict check of every call: what Telegram would forgive and a right bot does not send."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bot.playground.methods import Methods
from bot.playground.reference import METHODS, OBJECTS, malformed
from tests.bot.playground.conftest import TOKEN

SEND: dict[str, Any] = {"chat_id": -100, "text": "a"}
BUTTON = {"text": "Go", "callback_data": "t"}


def test_every_method_of_the_reference_is_played() -> None:
    snake = {name.replace("_", "") for name in vars(Methods)}
    assert {name.lower() for name in METHODS} <= snake


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, []),
        ({"chat_id": "-100", "disable_notification": "true"}, []),
        ({"chat_id": None}, ["chat_id is missing"]),
        ({"textt": "b"}, ["textt"]),
        ({"message_thread_id": "first"}, ["message_thread_id is no i"]),
        ({"message_thread_id": True}, ["message_thread_id is no i"]),
        ({"disable_notification": "yes"}, ["disable_notification is no b"]),
        ({"text": 5}, ["text is no s"]),
        ({"reply_markup": "{"}, ["reply_markup is no j"]),
        ({"reply_parameters": {"message_id": 1}}, []),
        ({"reply_parameters": '{"message": 1}'},
         ["ReplyParameters.message", "ReplyParameters.message_id is missing"]),
        ({"reply_markup": {"inline_keyboard": [[BUTTON]]}}, []),
        ({"reply_markup": {"inline_keyboard": [[BUTTON | {"colour": "red"}]]}},
         ["InlineKeyboardButton.colour"]),
        ({"reply_markup": {"inline_keyboard": [[{"text": "x", "copy_text": {"txt": "y"}}]]}},
         ["CopyTextButton.txt", "CopyTextButton.text is missing"]),
        ({"reply_markup": {"force_reply": True, "placeholder": "x"}}, ["ForceReply.placeholder"]),
        ({"link_preview_options": {"disabled": True}}, ["LinkPreviewOptions.disabled"]),
    ],
)  # fmt: skip
def test_what_the_reference_does_not_have_is_named(
    values: dict[str, Any], found: list[str]
) -> None:
    assert malformed("sendMessage", SEND | values, {}) == [f"sendMessage: {one}" for one in found]


def test_menus_and_pictures_are_looked_into() -> None:
    commands = [{"command": "status", "descripton": "x"}]
    asked = {"commands": commands, "scope": {"type": "chat", "chat": 1}}
    assert malformed("setMyCommands", asked, {}) == [
        "setMyCommands: BotCommandScope.chat",
        "setMyCommands: BotCommand.descripton",
        "setMyCommands: BotCommand.description is missing",
    ]
    media = {"type": "photo", "media": "attach://p", "captoin": "x"}
    edit = {"chat_id": 1, "message_id": 2, "media": media}
    assert malformed("editMessageMedia", edit, {"p": b"png", "q": b""}) == [
        "editMessageMedia: q",
        "editMessageMedia: InputMediaPhoto.captoin",
    ]
    assert malformed("sendPhoto", {"chat_id": 1}, {"photo": b"png"}) == []


def test_every_object_is_of_a_method_that_is_there() -> None:
    assert all(fields for fields in OBJECTS.values())


async def test_method_that_does_not_exist_is_noted(url, playground):
    async with httpx.AsyncClient() as http:
        got = await http.post(f"{url}/bot{TOKEN}/sendMesage", json={})
    assert got.status_code == 404
    assert playground.malformed == ["sendMesage: no such method"]
