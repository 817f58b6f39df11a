"""The first owner by a one-time code: whoever sends it to the bot in a group is told to the command line.

Only the code decides, never who writes first. It is shown at the terminal alone and is good for one
pairing; a guess is not answered.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from telegram import Message, Update
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.ext import ExtBot

from bot.people import NAME_LIMIT, is_hidden
from bot.telegram.chat import POLL, telegram_bot
from execution.errors import CountersignError

PATIENCE = 600.0
"""Seconds the code is waited for."""
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No letters that look like digits: the code is typed on a phone. 32 of them, so a byte picks evenly."""
_LENGTH = 8


class CannotPair(CountersignError):
    """Nobody was paired."""


@dataclass(frozen=True)
class Paired:
    """The first owner, and the chat of the desk."""

    user_id: int
    name: str
    chat_id: int
    topic_id: int
    title: str


def code(random: Callable[[int], bytes]) -> str:
    """A code to be typed, from so many random bytes."""
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in random(_LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


async def bot_name(token: str, api_url: str) -> str:
    """Who the token belongs to.

    Raises:
        CannotPair: Telegram refuses it, or does not answer.
    """
    bot = telegram_bot(token, api_url)
    try:
        async with bot:
            return bot.username
    except InvalidToken as error:
        raise CannotPair("Telegram refuses this token; @BotFather shows the right one") from error
    except TelegramError as error:
        raise CannotPair(f"Telegram does not answer: {type(error).__name__}") from error
    finally:
        # A bot that never reached Telegram does not close what it opened.
        await bot.request.shutdown()


async def pair(
    token: str,
    api_url: str,
    expected: str,
    say: Callable[[str], None],
    *,
    patience: float = PATIENCE,
) -> Paired:
    """Wait until somebody sends the code in a group; `say` tells the terminal what happens.

    Raises:
        CannotPair: nobody did in time, or this bot's updates go elsewhere.
    """
    bot = telegram_bot(token, api_url)
    try:
        async with asyncio.timeout(patience), bot:
            return await _wait(bot, expected, say)
    except TimeoutError as error:
        raise CannotPair("nobody sent the code in time; run init again for a new one") from error
    except Conflict as error:
        raise CannotPair(f"something else reads this bot's updates: {error}") from error
    except TelegramError as error:
        raise CannotPair(f"Telegram does not answer: {type(error).__name__}") from error


async def _wait(bot: ExtBot[None], expected: str, say: Callable[[str], None]) -> Paired:
    offset = 0
    while True:
        for update in await bot.get_updates(
            offset=offset, timeout=POLL, allowed_updates=["message"]
        ):
            offset = update.update_id + 1
            message = _with_code(update, expected)
            paired = None if message is None else await _welcome(message, say)
            if paired is not None:
                # Confirmed, so that the desk itself does not read the code once more.
                await bot.get_updates(offset=offset, timeout=0)
                return paired


def _with_code(update: Update, expected: str) -> Message | None:
    """The message of an update, if it ends in the code: alone, or after a command."""
    message = update.message
    words = ((message.text if message is not None else None) or "").split()
    shown = words[-1].replace("-", "").upper() if words else ""
    right = hmac.compare_digest(shown.encode(), expected.replace("-", "").encode())
    return message if right else None


async def _welcome(message: Message, say: Callable[[str], None]) -> Paired | None:
    """Who is paired by this message; None where it cannot be, and what to do is said there."""
    user = message.from_user
    if user is None or is_hidden(user, message) or message.forward_origin is not None:
        say("The code was sent as an anonymous admin or as a channel: send it as yourself.")
        await message.reply_text(
            "Send it as yourself: an anonymous admin or a channel cannot be an owner."
        )
        return None
    name = user.full_name[:NAME_LIMIT]
    if message.chat.type == "private":
        say(f"{name} sent the code in private: send it in the group of the desk too.")
        await message.reply_text("Now send the same in the group where the desk shall be.")
        return None
    await message.reply_text(f"Paired: {name} is the owner of this desk.")
    thread = message.message_thread_id if message.is_topic_message else None
    return Paired(
        user_id=user.id,
        name=name,
        chat_id=message.chat.id,
        topic_id=thread or 0,
        title=message.chat.title or "",
    )
