"""One Bot API request's parameters, read the way Telegram reads them, and the errors it answers.

The methods call this at the door. Parameters come as JSON, as a form or as multipart, so a number may be text and a
structure may be JSON inside text; what the Bot API does not know is not an error there (`reference.py` notes it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.playground.records import Button, Json

_BUTTON_STYLES = {"", "success", "danger", "primary"}
_MOST_BUTTONS = 100


class ApiError(Exception):
    """What Telegram answers instead of a result: an HTTP status, its description, perhaps seconds to wait or a new chat."""

    def __init__(
        self,
        status: int,
        description: str,
        *,
        retry_after: int | None = None,
        migrate_to_chat_id: int | None = None,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        given = {"retry_after": retry_after, "migrate_to_chat_id": migrate_to_chat_id}
        self.parameters = {name: value for name, value in given.items() if value is not None}


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
