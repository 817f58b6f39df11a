"""The Bot API's methods: each takes the call's parameters, changes the chat, and answers as Telegram would.

api.py calls `Methods.call` with a method that reference.METHODS knows. Limits and error texts are those of the Bot API
and its server (tdlib/telegram-bot-api); a refusal is an ApiError and changes nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any, Literal

from PIL import Image, UnidentifiedImageError

from bot.playground.chat import Chat
from bot.playground.formatting import MarkupError, parse_html, trim, utf16_length, with_commands
from bot.playground.params import ApiError, Params, bad_request, read_keyboard
from bot.playground.records import CallbackAnswer, Change, ChatInfo, Json, Message
from bot.playground.wire import (
    administrator_json,
    full_chat_json,
    member_json,
    owner_json,
    user_json,
)

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
ANSWER_LIMIT = 200
PHOTO_BYTES = 10 * 1024 * 1024
_LONGEST_POLL_S = 50
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)
_CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
_WEBHOOK_STANDS = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
PollEnd = Literal["news", "over", "taken over"]
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


class Methods:
    """The methods over one chat. One call of getUpdates waits at a time; a newer one ends it with 409."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self._poll: asyncio.Future[PollEnd] | None = None

    def call(self, method: str, params: Params) -> Awaitable[Any]:
        """Carries out a method by its Bot API name; here it has the same name in snake case."""
        name = re.sub("[A-Z]", lambda letter: f"_{letter.group().lower()}", method)
        handler: Callable[[Params], Awaitable[Any]] = getattr(self, name)
        return handler(params)

    def hang_up(self) -> None:
        """Ends a waiting getUpdates with an empty answer."""
        self._end_poll("over")

    # Updates

    async def get_updates(self, params: Params) -> list[Json]:
        if self.chat.webhook:
            raise ApiError(409, _WEBHOOK_STANDS)
        self._end_poll("taken over")
        if isinstance(allowed := params.structure("allowed_updates"), list):
            self.chat.allow_updates([str(kind) for kind in allowed])
        offset = params.integer("offset") or 0
        limit = min(max(params.integer("limit") or 100, 1), 100)
        updates = self.chat.updates(offset=offset, limit=limit)
        timeout_s = min(params.integer("timeout") or 0, _LONGEST_POLL_S)
        if updates or timeout_s <= 0:
            return updates
        outcome = await self._wait_for_update(timeout_s)
        if outcome == "taken over":
            raise ApiError(409, _CONFLICT)
        return self.chat.updates(offset=offset, limit=limit) if outcome == "news" else []

    async def _wait_for_update(self, timeout_s: float) -> PollEnd:
        poll: asyncio.Future[PollEnd] = asyncio.get_running_loop().create_future()
        self._poll = poll

        def wake(change: Change) -> None:
            if change.kind == "update":
                self._end_poll("news")

        with self.chat.listening(wake):
            await asyncio.wait([poll], timeout=timeout_s)
        return poll.result() if poll.done() else "over"

    def _end_poll(self, outcome: PollEnd) -> None:
        if self._poll and not self._poll.done():
            self._poll.set_result(outcome)

    async def set_webhook(self, params: Params) -> bool:
        """Notes it; whoever plays Telegram's side brings the updates there."""
        url, secret = params.text("url"), params.text("secret_token")
        if not url.startswith("https://"):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
            raise bad_request("secret token contains unallowed characters")
        if isinstance(allowed := params.structure("allowed_updates"), list):
            self.chat.allow_updates([str(kind) for kind in allowed])
        self._end_poll("taken over")
        self.chat.set_webhook({"url": url, "secret_token": secret})
        return True

    async def delete_webhook(self, params: Params) -> bool:
        if params.flag("drop_pending_updates"):
            self.chat.drop_updates()
        self.chat.set_webhook({})
        return True

    async def get_webhook_info(self, params: Params) -> Json:
        info = {
            "url": "",
            "has_custom_certificate": False,
            "pending_update_count": self.chat.pending_updates(),
        }
        return info | {name: v for name, v in self.chat.webhook.items() if name != "secret_token"}

    # Messages

    async def send_message(self, params: Params) -> Json:
        chat = self._chat(params)
        text, entities = _formatted(params, "text", "entities")
        _check_text(text)
        return self._post(chat, params, text, entities)

    async def send_photo(self, params: Params) -> Json:
        chat = self._chat(params)
        text, entities = _formatted(params, "caption", "caption_entities")
        _check_caption(text)
        photo = self._photo(params, params.text("photo"), upload="photo")
        return self._post(chat, params, text, entities, photo=photo)

    def _post(
        self, chat: ChatInfo, params: Params, text: str, entities: list[Json], **more: Any
    ) -> Json:
        markup = params.structure("reply_markup")
        keyboard = read_keyboard(markup)
        message = self.chat.post(
            chat.id,
            self.chat.bot,
            text,
            entities=tuple(entities),
            keyboard=keyboard,
            reply_to=self._reply_to(chat, params),
            thread_id=params.integer("message_thread_id"),
            silent=params.flag("disable_notification"),
            force_reply=bool(markup and markup.get("force_reply")),
            **more,
        )
        return self.chat.json(message)

    def _reply_to(self, chat: ChatInfo, params: Params) -> int | None:
        reply = Params(params.mapping("reply_parameters"))
        number = reply.integer("message_id")
        if not number:
            return None
        if self.chat.message(chat.id, number):
            return number
        if reply.flag("allow_sending_without_reply"):
            return None
        raise bad_request("message to be replied not found")

    async def edit_message_text(self, params: Params) -> Json:
        message = self._editable(params)
        text, entities = _formatted(params, "text", "entities")
        _check_text(text, too_long="MESSAGE_TOO_LONG")
        if message.photo:
            raise bad_request("there is no text in the message to edit")
        return self._edit(message, params, text=text, entities=tuple(entities))

    async def edit_message_caption(self, params: Params) -> Json:
        message = self._editable(params)
        text, entities = _formatted(params, "caption", "caption_entities")
        _check_caption(text, too_long="MEDIA_CAPTION_TOO_LONG")
        if not message.photo:
            raise bad_request("there is no caption in the message to edit")
        return self._edit(message, params, text=text, entities=tuple(entities))

    async def edit_message_media(self, params: Params) -> Json:
        message = self._editable(params)
        inner = Params(params.mapping("media"))
        if inner.text("type") != "photo":
            raise bad_request("can't parse InputMedia: the playground only knows photos")
        text, entities = _formatted(inner, "caption", "caption_entities")
        _check_caption(text, too_long="MEDIA_CAPTION_TOO_LONG")
        source = inner.text("media")
        photo = self._photo(params, source, upload=source.removeprefix("attach://"))
        return self._edit(message, params, text=text, entities=tuple(entities), photo=photo)

    async def edit_message_reply_markup(self, params: Params) -> Json:
        return self._edit(self._editable(params), params)

    def _edit(self, message: Message, params: Params, **fields: Any) -> Json:
        """An edit without `reply_markup` takes the keyboard away, as with Telegram."""
        fields["keyboard"] = read_keyboard(params.structure("reply_markup"))
        if all(getattr(message, name) == value for name, value in fields.items()):
            raise bad_request(_NOT_MODIFIED)
        changed = self.chat.change(message, edited_at=self.chat.clock(), **fields)
        return self.chat.json(changed)

    async def delete_message(self, params: Params) -> bool:
        self.chat.delete(self._message(params, missing="message to delete not found"))
        return True

    async def pin_chat_message(self, params: Params) -> bool:
        message = self._message(params, missing="message to pin not found")
        if not message.pinned:
            self.chat.change(message, pinned=True)
        return True

    async def unpin_chat_message(self, params: Params) -> bool:
        if params.integer("message_id") is None:
            chat = self._chat(params)
            pins = [m for m in self.chat.pinned() if m.chat_id == chat.id][-1:]
        else:
            pins = [self._message(params, missing="message to unpin not found")]
        if not pins or not pins[0].pinned:
            raise bad_request("message to unpin not found")
        self.chat.change(pins[0], pinned=False)
        return True

    async def answer_callback_query(self, params: Params) -> bool:
        text = params.text("text")
        if utf16_length(text) > ANSWER_LIMIT:
            raise bad_request("MESSAGE_TOO_LONG")
        answer = CallbackAnswer(text or None, params.flag("show_alert"))
        if not self.chat.answer(params.text("callback_query_id"), answer):
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        return True

    async def send_chat_action(self, params: Params) -> bool:
        chat, action = self._chat(params), params.text("action")
        if not re.fullmatch(r"typing|(upload|record)_\w+|choose_sticker|find_location", action):
            raise bad_request("wrong parameter action in request")
        self.chat.tell(Change("action", chat.id, action=action))
        return True

    # Who and where

    async def get_me(self, params: Params) -> Json:
        abilities = {
            "can_join_groups": True,
            "can_read_all_group_messages": True,
            "supports_inline_queries": False,
        }
        return user_json(self.chat.bot) | abilities

    async def get_chat(self, params: Params) -> Json:
        return full_chat_json(self._chat(params))

    async def get_chat_member(self, params: Params) -> Json:
        self._chat(params)
        user_id = params.integer("user_id")
        if user_id == self.chat.bot.id:
            return administrator_json(self.chat.bot)
        person = self.chat.people.get(user_id or 0)
        if person is None:
            raise bad_request("member not found")
        return owner_json(person) if person.role == "owner" else member_json(person)

    async def get_chat_administrators(self, params: Params) -> list[Json]:
        if self._chat(params).is_private:
            raise bad_request("there are no administrators in the private chat")
        owners = [owner_json(p) for p in self.chat.people.values() if p.role == "owner"]
        return [*owners, administrator_json(self.chat.bot)]

    # Command menus

    async def set_my_commands(self, params: Params) -> bool:
        commands = params.objects("commands")
        if len(commands) > 100:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", str(command.get("command", "")).lstrip("/")):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= utf16_length(str(command.get("description", ""))) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        self.chat.set_commands(self._scope(params), commands)
        return True

    async def get_my_commands(self, params: Params) -> list[Json]:
        return self.chat.commands(self._scope(params))

    async def delete_my_commands(self, params: Params) -> bool:
        self.chat.set_commands(self._scope(params), [])
        return True

    def _scope(self, params: Params) -> str:
        """A scope as the words of its fields, such as `chat_member -100 2222`; languages are not told apart."""
        scope = params.mapping("scope") or {"type": "default"}
        if "chat_id" in scope:
            self._chat(Params(scope))
        return " ".join(
            str(scope[name]) for name in ("type", "chat_id", "user_id") if name in scope
        )

    # What a parameter refers to

    def _chat(self, params: Params) -> ChatInfo:
        given = params.text("chat_id")
        if not given:
            raise bad_request("chat_id is empty")
        number = int(given) if re.fullmatch(r"-?\d+", given) else 0
        if number in self.chat.moved:
            moved = "Bad Request: group chat was upgraded to a supergroup chat"
            raise ApiError(400, moved, migrate_to_chat_id=self.chat.moved[number])
        chat = self.chat.info(number)
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def _message(self, params: Params, *, missing: str) -> Message:
        chat, number = self._chat(params), params.integer("message_id")
        if number is None:
            raise bad_request("message identifier is not specified")
        message = self.chat.message(chat.id, number)
        if message is None:
            raise bad_request(missing)
        return message

    def _editable(self, params: Params) -> Message:
        message = self._message(params, missing="message to edit not found")
        if message.sender.id != self.chat.bot.id:
            raise bad_request("message can't be edited")
        return message

    def _photo(self, params: Params, source: str, *, upload: str) -> str:
        """The id of an uploaded photo, stored now, or of one sent before."""
        data = params.files.get(upload)
        if data is None:
            known = self.chat.photo(source)
            if known is None:
                missing = "there is no photo in the request"
                raise bad_request("wrong file identifier/HTTP URL specified" if source else missing)
            return known.id
        if len(data) > PHOTO_BYTES:
            raise ApiError(413, "Request Entity Too Large")
        try:
            with Image.open(BytesIO(data), formats=tuple(_MEDIA_TYPES)) as image:
                (width, height), kind = image.size, _MEDIA_TYPES[str(image.format)]
        except (UnidentifiedImageError, OSError):
            raise bad_request("IMAGE_PROCESS_FAILED") from None
        if width + height > 10_000 or max(width, height) > 20 * min(width, height):
            raise bad_request("PHOTO_INVALID_DIMENSIONS")
        photo = self.chat.storage.add_photo(width=width, height=height, media_type=kind, data=data)
        return photo.id


def _formatted(params: Params, text: str, entities: str) -> tuple[str, list[Json]]:
    """A text parameter after entity parsing, with the commands Telegram would find in it."""
    mode, raw = params.text("parse_mode"), params.text(text)
    if mode.lower() == "html":
        try:
            plain, found = parse_html(raw)
        except MarkupError as problem:
            raise bad_request(f"can't parse entities: {problem}") from None
    elif mode:
        raise bad_request(f"the playground only parses HTML, not {mode}")
    else:
        found = params.objects(entities)
        if not all(_is_entity(entity) for entity in found):
            raise bad_request("can't parse entities: not a MessageEntity")
        plain, found = trim(raw, found)
    return plain, with_commands(plain, found)


def _is_entity(entity: Json) -> bool:
    """Has what its type needs to be shown."""
    numbers = [entity.get("offset"), entity.get("length")]
    if entity.get("type") == "date_time":
        numbers.append(entity.get("unix_time"))
    texts = [entity.get("type")]
    if entity.get("type") == "text_link":
        texts.append(entity.get("url"))
    return all(isinstance(n, int) and 0 <= n < 10**10 for n in numbers) and all(
        isinstance(text, str) for text in texts
    )


def _check_text(text: str, *, too_long: str = "message is too long") -> None:
    if not text:
        raise bad_request("message text is empty")
    if utf16_length(text) > TEXT_LIMIT:
        raise bad_request(too_long)


def _check_caption(text: str, *, too_long: str = "message caption is too long") -> None:
    if utf16_length(text) > CAPTION_LIMIT:
        raise bad_request(too_long)
