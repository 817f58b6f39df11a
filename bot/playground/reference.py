"""What the Bot API's reference has, of the methods the playground plays: names, kinds and what must be given.

Telegram forgives what it does not know; a bot that sends such a thing is wrong all the same, and
`malformed` says where. Taken from the reference of Bot API 10.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_EDIT = "business_connection_id chat_id=is message_id=i inline_message_id"
_SEND = (
    "business_connection_id chat_id!=is message_thread_id=i direct_messages_topic_id=i disable_notification=b "
    "protect_content=b allow_paid_broadcast=b message_effect_id suggested_post_parameters=j reply_parameters=j "
    "reply_markup=j parse_mode"
)
_METHODS = {
    "getMe": "",
    "getUpdates": "offset=i limit=i timeout=i allowed_updates=j",
    "setWebhook": "url! certificate=f ip_address max_connections=i allowed_updates=j drop_pending_updates=b secret_token",
    "deleteWebhook": "drop_pending_updates=b",
    "getWebhookInfo": "",
    "sendMessage": f"{_SEND} text! entities=j link_preview_options=j",
    "sendPhoto": f"{_SEND} photo!=fs caption caption_entities=j show_caption_above_media=b has_spoiler=b",
    "editMessageText": f"{_EDIT} text parse_mode entities=j link_preview_options=j rich_message=j reply_markup=j",
    "editMessageCaption": f"{_EDIT} caption parse_mode caption_entities=j show_caption_above_media=b reply_markup=j",
    "editMessageMedia": f"{_EDIT} media!=j reply_markup=j",
    "editMessageReplyMarkup": f"{_EDIT} reply_markup=j",
    "deleteMessage": "chat_id!=is message_id!=i",
    "answerCallbackQuery": "callback_query_id! text show_alert=b url cache_time=i",
    "sendChatAction": "business_connection_id chat_id!=is message_thread_id=i action!",
    "setMyCommands": "commands!=j scope=j language_code",
    "getMyCommands": "scope=j language_code",
    "deleteMyCommands": "scope=j language_code",
    "pinChatMessage": "business_connection_id chat_id!=is message_id!=i disable_notification=b",
    "unpinChatMessage": "business_connection_id chat_id!=is message_id=i",
    "getChat": "chat_id!=is",
    "getChatMember": "chat_id!=is user_id!=i",
    "getChatAdministrators": "chat_id!=is return_bots=b",
}
"""`!` must be given; the kinds are i(nteger), b(oolean), f(ile), j(son: an object or a list), else a string."""
_OBJECTS = {
    "ReplyParameters": "message_id!=i chat_id=is allow_sending_without_reply=b quote quote_parse_mode "
    "quote_entities=j quote_position=i checklist_task_id=i poll_option_id",
    "InputMediaPhoto": "type! media! caption parse_mode caption_entities=j show_caption_above_media=b has_spoiler=b",
    "InlineKeyboardMarkup": "inline_keyboard!=j",
    "InlineKeyboardButton": "text! icon_custom_emoji_id style url callback_data web_app=j login_url=j "
    "switch_inline_query switch_inline_query_current_chat switch_inline_query_chosen_chat=j copy_text=j "
    "callback_game=j pay=b",
    "CopyTextButton": "text!",
    "ForceReply": "force_reply!=b input_field_placeholder selective=b",
    "LinkPreviewOptions": "is_disabled=b url prefer_small_media=b prefer_large_media=b show_above_text=b",
    "BotCommand": "command! description!",
    "BotCommandScope": "type! chat_id=is user_id=i",
}


@dataclass(frozen=True, slots=True)
class _Field:
    kinds: str
    required: bool


def _fields(text: str) -> Mapping[str, _Field]:
    named = [word.partition("=") for word in text.split()]
    return {
        name.rstrip("!"): _Field(kinds=kinds or "s", required=name.endswith("!"))
        for name, _, kinds in named
    }


METHODS: Mapping[str, Mapping[str, _Field]] = {name: _fields(t) for name, t in _METHODS.items()}
"""Every method the playground has, and its parameters."""
OBJECTS: Mapping[str, Mapping[str, _Field]] = {name: _fields(t) for name, t in _OBJECTS.items()}


def malformed(method: str, values: Mapping[str, Any], files: Mapping[str, bytes]) -> list[str]:
    """Everything about a call that the reference does not have, as `method: what`."""
    attached = re.findall(r"attach://(\w+)", str(values.get("media", "")))
    given = dict(values) | {name: data for name, data in files.items() if name not in attached}
    found = [*_wrong(given, METHODS[method], where="")]
    for name in ("reply_parameters", "media", "link_preview_options", "scope"):
        found += _of(_OBJECT_OF[name], given.get(name))
    for command in _list(given.get("commands")):
        found += _of("BotCommand", command)
    found += _of_markup(_read(given.get("reply_markup")))
    return [f"{method}: {what}" for what in found]


_OBJECT_OF = {
    "reply_parameters": "ReplyParameters",
    "media": "InputMediaPhoto",
    "link_preview_options": "LinkPreviewOptions",
    "scope": "BotCommandScope",
}


def _of_markup(markup: object) -> Iterator[str]:
    if not isinstance(markup, dict):
        return
    yield from _of("ForceReply" if "force_reply" in markup else "InlineKeyboardMarkup", markup)
    for row in _list(markup.get("inline_keyboard")):
        for button in _list(row):
            yield from _of("InlineKeyboardButton", button)
            yield from _of("CopyTextButton", isinstance(button, dict) and button.get("copy_text"))


def _of(name: str, value: object) -> Iterator[str]:
    """What is wrong with an object of the Bot API; nothing where there is none."""
    read = _read(value)
    if isinstance(read, dict):
        yield from _wrong(read, OBJECTS[name], where=f"{name}.")


def _wrong(given: Mapping[str, Any], known: Mapping[str, _Field], *, where: str) -> Iterator[str]:
    for name, value in given.items():
        if name not in known:
            yield f"{where}{name}"
        elif value is not None and not any(_is(kind, value) for kind in known[name].kinds):
            yield f"{where}{name} is no {known[name].kinds}"
    for name, field in known.items():
        if field.required and given.get(name) is None:
            yield f"{where}{name} is missing"


def _is(kind: str, value: object) -> bool:
    """Whether a value is of this kind, also as text: forms know nothing else."""
    if kind == "i":
        return type(value) is int or bool(re.fullmatch(r"-?\d+", str(value)))
    if kind == "b":
        return str(value).lower() in {"true", "false"}
    if kind == "j":
        return isinstance(_read(value), dict | list)
    return isinstance(value, bytes if kind == "f" else str)


def _read(value: object) -> object:
    """A structure, given as such or as text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _list(value: object) -> Sequence[Any]:
    read = _read(value)
    return read if isinstance(read, list) else ()
