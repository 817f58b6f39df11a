"""Talks to Telegram: sends, edits and answers, and sorts what can go wrong by what to do about it.

The notifier and the handlers call it. It keeps Telegram's limits (`pace.py`), knows tokens and message
ids but nothing of tickets, and never decides whether something should be said.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Any, TypeVar

import httpx
from telegram import (
    BotCommandScope,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
    ReplyParameters,
)
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)
from telegram.ext import ExtBot
from telegram.request import HTTPXRequest

from bot.telegram import figures
from bot.telegram.faces import Button, Face
from bot.telegram.pace import Pace, Urgency
from execution.errors import CountersignError

T = TypeVar("T")
Tokens = Mapping[Button, str]


class Later(CountersignError):
    """Telegram does not take it now; the same call may work after a pause."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Paused(Later):
    """Telegram asked for a pause."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Telegram asked for a pause.", seconds=seconds)


class Away(Later):
    """There is no connection to Telegram: it knows nothing of this call."""


class Full(Later):
    """There is no room for it yet within Telegram's limits; nothing was asked."""


class Moved(Later):
    """The group became a supergroup: it goes on in a chat of another id."""

    def __init__(self, to: int) -> None:
        super().__init__("The group has a new id.", seconds=0)
        self.to = to


class Refused(CountersignError):
    """Telegram refuses this call for good; saying it again would not help."""


class Gone(Refused):
    """The message to edit is not there any more."""


_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message to pin not found",
    "message_id_invalid",
)
_SAME = "message is not modified"
_NO_PICTURES = "rights to send photos"
_CLOSED = (
    "chat not found",
    "not enough rights",
    "have no rights",
    "thread not found",
    "topic_closed",
)
"""Refusals that are about the chat and not about what is said there."""
_PAUSE = 2.0
_FORBIDDEN_PAUSE = 15.0
POLL = 25
"""Seconds one long poll may last."""


@dataclass(frozen=True)
class Sent:
    """Where a message stands."""

    place: int
    number: int


def question(face: Face) -> ForceReply | None:
    """Opens the reply field of whoever the text mentions, where it asks for a typed answer."""
    if face.asks_for is None:
        return None
    return ForceReply(selective=True, input_field_placeholder=face.asks_for)


def keyboard(face: Face, tokens: Tokens) -> InlineKeyboardMarkup | None:
    """The buttons under a message; each carries its token and nothing else."""
    if not face.buttons:
        return None
    rows = [
        [
            InlineKeyboardButton(
                text=button.label,
                callback_data=tokens[button],
                style=None if button.style is None else str(button.style),
            )
            for button in row
        ]
        for row in face.buttons
    ]
    return InlineKeyboardMarkup(rows)


def telegram_bot(token: str, api_url: str) -> ExtBot[None]:
    """The bot, with connections of its own for the long poll."""
    base = api_url.rstrip("/")
    secured = {"verify": _trusting()}
    return ExtBot(
        token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=HTTPXRequest(
            connection_pool_size=16, read_timeout=15, connect_timeout=10, httpx_kwargs=secured
        ),
        get_updates_request=HTTPXRequest(
            read_timeout=POLL + 10, connect_timeout=10, httpx_kwargs=secured
        ),
    )


@cache
def _trusting() -> ssl.SSLContext:
    """Whom connections to Telegram trust; one for all of them, since each takes 20 ms to make."""
    return httpx.create_ssl_context()


class TelegramChat:
    """Sending and editing through one bot. Every method raises `Later` or `Refused`."""

    def __init__(self, bot: ExtBot[None], *, chat_id: int, topic_id: int) -> None:
        self.bot = bot
        self.chat_id = chat_id
        self.topic = topic_id or None
        self._pace = Pace()

    async def say(
        self,
        face: Face,
        tokens: Tokens,
        *,
        place: int | None = None,
        topic: int | None = None,
        reply_to: int | None = None,
        picture: bytes | None = None,
        silent: bool = False,
        urgency: Urgency = Urgency.NEWS,
    ) -> Sent:
        """Send a new message, with a picture above its text when there is one."""
        where = self.chat_id if place is None else place
        text = figures.unbroken(face.text)
        reply = (
            None
            if reply_to is None
            else ReplyParameters(message_id=reply_to, allow_sending_without_reply=True)
        )
        how: dict[str, Any] = {
            "chat_id": where,
            "parse_mode": ParseMode.HTML,
            "message_thread_id": self.topic if where == self.chat_id and topic is None else topic,
            "reply_parameters": reply,
            "reply_markup": keyboard(face, tokens) or question(face),
            "disable_notification": silent,
        }
        message: Message | None
        if picture is None:
            send = partial(self.bot.send_message, text=text, **how)
            message = await self._in_pace(where, urgency, send)
        else:
            show = partial(self.bot.send_photo, photo=picture, caption=text, **how)
            message = await self._in_pace(where, urgency, show)
        assert message is not None, "only an edit can be no change"
        return Sent(place=where, number=message.message_id)

    async def change(
        self,
        at: Sent,
        face: Face,
        tokens: Tokens,
        *,
        has_picture: bool,
        picture: bytes | None = None,
        urgency: Urgency = Urgency.EDIT,
    ) -> None:
        """Edit a message in place; `picture` gives a text its picture."""
        how: dict[str, Any] = {
            "chat_id": at.place,
            "message_id": at.number,
            "reply_markup": keyboard(face, tokens),
        }
        text = figures.unbroken(face.text)
        edit: Callable[[], Awaitable[object]]
        if picture is not None:
            media = InputMediaPhoto(picture, caption=text, parse_mode=ParseMode.HTML)
            edit = partial(self.bot.edit_message_media, media, **how)
        elif has_picture:
            how |= {"caption": text, "parse_mode": ParseMode.HTML}
            edit = partial(self.bot.edit_message_caption, **how)
        else:
            how |= {"text": text, "parse_mode": ParseMode.HTML}
            edit = partial(self.bot.edit_message_text, **how)
        await self._in_pace(at.place, urgency, edit)

    async def pin(self, at: Sent) -> None:
        """Pin a message without a sound.

        Raises:
            Refused: the bot may not pin there.
        """
        pin = partial(self.bot.pin_chat_message, at.place, at.number, disable_notification=True)
        try:
            await self._in_pace(at.place, Urgency.EDIT, pin)
        except Later as later:
            if isinstance(later.__cause__, BadRequest | Forbidden):
                raise Refused(str(later.__cause__)) from later
            raise

    async def remove(self, at: Sent) -> None:
        """Delete a message; one that is too old for that is at least not pinned any more."""
        try:
            await _ask(partial(self.bot.delete_message, at.place, at.number))
        except Refused:
            await _ask(partial(self.bot.unpin_chat_message, at.place, at.number))

    async def answer(self, query_id: str, text: str, *, alert: bool = False) -> None:
        """Answer a tap with the small pop-up; too late an answer is dropped by Telegram."""
        answer = partial(self.bot.answer_callback_query, query_id)
        await _ask(partial(answer, text=text or None, show_alert=alert))

    async def menu(self, entries: Sequence[tuple[str, str]], scope: BotCommandScope) -> None:
        """Set the command menu of a scope: command and what it does."""
        await _ask(partial(self.bot.set_my_commands, list(entries), scope=scope))

    async def close(self) -> None:
        """Let go of the connections."""
        await self.bot.shutdown()
        # A bot that never reached Telegram does not close what it opened.
        await self.bot.request.shutdown()

    async def _in_pace(
        self, place: int, urgency: Urgency, call: Callable[[], Awaitable[T]]
    ) -> T | None:
        """Ask for a message or an edit, if there is room for one more in its chat.

        Raises:
            Full: not yet.
        """
        wait = self._pace.wait(place, urgency)
        if wait > 0:
            raise Full("No room for another message yet.", seconds=wait)
        try:
            with self._pace.sending(place) as sending:
                try:
                    return await _ask(call)
                except Away:
                    sending.arrived = False
                    raise
        except Paused as pause:
            self._pace.hold(pause.seconds)
            raise


async def _ask(call: Callable[[], Awaitable[T]]) -> T | None:
    """Await a call of the bot; None when an edit would have changed nothing.

    Raises:
        Later: not now.
        Refused: not ever.
    """
    try:
        return await call()
    except RetryAfter as error:
        raise Paused(asked_pause(error)) from error
    except ChatMigrated as error:
        raise Moved(error.new_chat_id) from error
    except Forbidden as error:
        # Taken out of the chat, or muted: people can mend that, so it is said when they have.
        raise Later(f"Telegram forbids it: {error}.", seconds=_FORBIDDEN_PAUSE) from error
    except BadRequest as error:
        text = str(error).lower()
        if any(part in text for part in _GONE):
            raise Gone(str(error)) from error
        if _SAME in text:
            return None
        if any(part in text for part in _CLOSED) and _NO_PICTURES not in text:
            raise Later(f"Telegram refuses the chat: {error}.", seconds=_FORBIDDEN_PAUSE) from error
        raise Refused(str(error)) from error
    except InvalidToken as error:
        raise Later("Telegram refuses the bot's token.", seconds=30) from error
    except TelegramError as error:
        never = isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
        reason = f"Telegram does not answer: {type(error).__name__}."
        raise (Away if never else Later)(reason, seconds=_PAUSE) from error


def asked_pause(error: RetryAfter) -> float:
    """The seconds that Telegram asks to be left alone for."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
