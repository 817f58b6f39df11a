"""One Bot API request's parameters, read the way Telegram reads them, and the errors it answers.

The methods call this at the door. Parameters come as JSON, as a form or as multipart, so a number may be text and a
structure may be JSON inside text; what the Bot API does not know is not an error there, and is listed here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.playground.records import Button, Json

_EDIT = "business_connection_id chat_id message_id inline_message_id"
_SEND = (
    "business_connection_id chat_id message_thread_id direct_messages_topic_id disable_notification protect_content "
    "allow_paid_broadcast message_effect_id suggested_post_parameters reply_parameters reply_markup parse_mode"
)
PARAMETERS: Mapping[str, frozenset[str]] = {
    method: frozenset(names.split())
    for method, names in {
        "getMe": "",
        "getUpdates": "offset limit timeout allowed_updates",
        "setWebhook": "url certificate ip_address max_connections allowed_updates drop_pending_updates secret_token",
        "deleteWebhook": "drop_pending_updates",
        "getWebhookInfo": "",
        "sendMessage": f"{_SEND} text entities link_preview_options",
        "sendPhoto": f"{_SEND} photo caption caption_entities show_caption_above_media has_spoiler",
        "editMessageText": f"{_EDIT} text parse_mode entities link_preview_options rich_message reply_markup",
        "editMessageCaption": f"{_EDIT} caption parse_mode caption_entities show_caption_above_media reply_markup",
        "editMessageMedia": f"{_EDIT} media reply_markup",
        "editMessageReplyMarkup": f"{_EDIT} reply_markup",
        "deleteMessage": "chat_id message_id",
        "answerCallbackQuery": "callback_query_id text show_alert url cache_time",
        "sendChatAction": "business_connection_id chat_id message_thread_id action",
        "setMyCommands": "commands scope language_code",
        "getMyCommands": "scope language_code",
        "deleteMyCommands": "scope language_code",
        "pinChatMessage": "business_connection_id chat_id message_id disable_notification",
        "unpinChatMessage": "business_connection_id chat_id message_id",
        "getChat": "chat_id",
        "getChatMember": "chat_id user_id",
        "getChatAdministrators": "chat_id return_bots",
    }.items()
}
"""What each method takes in Bot API 10.1; the methods the playground has are the keys."""

_NESTED: Mapping[str, frozenset[str]] = {
    name: frozenset(fields.split())
    for name, fields in {
        "reply_parameters": "message_id chat_id allow_sending_without_reply quote quote_parse_mode quote_entities "
        "quote_position checklist_task_id poll_option_id",
        "media": "type media caption parse_mode caption_entities show_caption_above_media has_spoiler",
        "button": "text icon_custom_emoji_id style url callback_data web_app login_url switch_inline_query "
        "switch_inline_query_current_chat switch_inline_query_chosen_chat copy_text callback_game pay",
    }.items()
}
_BUTTON_STYLES = {"", "success", "danger", "primary"}
_MOST_BUTTONS = 100


class ApiError(Exception):
    """What Telegram answers instead of a result: an HTTP status, its description, perhaps seconds to wait."""

    def __init__(self, status: int, description: str, *, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after


def bad_request(description: str) -> ApiError:
    return ApiError(400, f"Bad Request: {description}")


def is_utf8(value: Any) -> bool:
    """False when a text inside the JSON value has half a surrogate pair: JSON can say it, UTF-8 cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Params:
    """The named values of one call and its uploaded files."""

    values: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        return default if value is None else str(value)

    def integer(self, name: str) -> int | None:
        value = self.values.get(name)
        if value is None or value == "":
            return None
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise bad_request(f"invalid {name} specified") from None
        if abs(number) >= 2**63:
            raise bad_request(f"invalid {name} specified")
        return number

    def flag(self, name: str) -> bool:
        return str(self.values.get(name, "")).lower() in {"true", "1", "yes"}

    def structure(self, name: str) -> Any:
        """A JSON value, given as such or as text; None when absent."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def mapping(self, name: str) -> Json:
        """An object; {} when absent."""
        value = self.structure(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise bad_request(f"{name.replace('_', ' ')} must be an Object")
        return value

    def objects(self, name: str) -> list[Json]:
        """An array of objects; [] when absent."""
        value = self.structure(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise bad_request(f"{name.replace('_', ' ')} must be an Array of Objects")
        return value

    def unknown(self, method: str) -> list[str]:
        """Each parameter, also inside structures, that the Bot API's reference does not have."""
        found = [
            f"{method}: {name}"
            for name in [*self.values, *self.files]
            if not self._known(method, name)
        ]
        for name in ("reply_parameters", "media"):
            if name in self.values:
                found += _strangers(f"{method}: {name}", self.structure(name), _NESTED[name])
        markup = self.structure("reply_markup")
        rows = markup.get("inline_keyboard") if isinstance(markup, dict) else None
        for row in rows if isinstance(rows, list) else []:
            for button in row if isinstance(row, list) else []:
                found += _strangers(f"{method}: button", button, _NESTED["button"])
        return found

    def _known(self, method: str, name: str) -> bool:
        return name in PARAMETERS[method] or f"attach://{name}" in str(self.values.get("media", ""))


def _strangers(where: str, value: Any, known: frozenset[str]) -> list[str]:
    return (
        [f"{where}.{name}" for name in value if name not in known]
        if isinstance(value, dict)
        else []
    )


def read_keyboard(markup: Any) -> tuple[tuple[Button, ...], ...]:
    """The inline keyboard of a `reply_markup`; () for none and for the other kinds of markup."""
    if markup is None:
        return ()
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(
            'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays'
        )
    if sum(len(row) for row in rows) > _MOST_BUTTONS:
        raise bad_request("reply markup is too long")
    return tuple(tuple(_button(raw) for raw in row) for row in rows if row)


def _button(raw: Json) -> Button:
    if not isinstance(raw, dict):
        raise bad_request(
            "can't parse inline keyboard button: InlineKeyboardButton must be an Object"
        )
    text = str(raw.get("text") or "")
    if not text:
        raise bad_request(
            'can\'t parse inline keyboard button: Field "text" must be of type String'
        )
    style = str(raw.get("style") or "")
    if style not in _BUTTON_STYLES:
        raise bad_request("can't parse inline keyboard button: Invalid button style specified")
    if "callback_data" in raw:
        data = str(raw["callback_data"])
        if not 1 <= len(data.encode()) <= 64:
            raise bad_request("BUTTON_DATA_INVALID")
        return Button(text, data=data, style=style)
    if raw.get("url"):
        return Button(text, url=str(raw["url"]), style=style)
    if isinstance(raw.get("copy_text"), dict):
        return Button(text, copy_text=str(raw["copy_text"].get("text", "")), style=style)
    raise bad_request(
        "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
    )
