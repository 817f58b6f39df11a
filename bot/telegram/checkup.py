"""Whether the bot can work in its chat: its token, the chat, what it may do there. Asks, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telegram import ChatMember, ChatMemberAdministrator
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import BadRequest, Forbidden, InvalidToken, TelegramError

from bot.telegram.chat import telegram_bot
from execution.record import Record

_OUTSIDE = {ChatMemberStatus.LEFT, ChatMemberStatus.BANNED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen(Record):
    """What was found."""

    bot: str = ""
    """The bot's user name; empty when the token is not known."""
    chat: str = ""
    """What the chat is called."""
    trouble: str | None = None
    """Why it cannot work there."""
    fix: str = ""
    warnings: Sequence[str] = ()


async def look(token: str, api_url: str, chat_id: int) -> Seen:
    """Ask Telegram who the bot is, what the chat is, and what the bot may do there."""
    bot, seen = telegram_bot(token, api_url), Seen()
    try:
        await bot.initialize()
        me = bot.bot
        seen = seen.evolve(bot=me.username or str(me.id))
        chat = await bot.get_chat(chat_id)
        seen = seen.evolve(chat=chat.title or chat.username or str(chat.id))
        if chat.type == ChatType.PRIVATE:
            return seen
        member = await bot.get_chat_member(chat_id, me.id)
        if member.status in _OUTSIDE:
            return seen.evolve(trouble="the bot is not in the chat", fix="Add it as a member.")
        return seen.evolve(warnings=_lacking(member))
    except InvalidToken:
        return seen.evolve(
            trouble="Telegram does not know the token",
            fix="Take the one that BotFather shows for your bot.",
        )
    except (BadRequest, Forbidden) as error:
        fix = "Check telegram.chat_id, and that the bot is in that chat."
        return seen.evolve(trouble=f"Telegram says: {error.message}", fix=fix)
    except TelegramError:
        fix = "Check the network and telegram.api_url."
        return seen.evolve(trouble="Telegram does not answer", fix=fix)
    finally:
        await bot.shutdown()


def _lacking(member: ChatMember) -> list[str]:
    """What it may not do there and would."""
    if not isinstance(member, ChatMemberAdministrator):
        return ["the bot is no administrator, so the panel with Kill is not pinned"]
    return [] if member.can_pin_messages else ["the bot may not pin, so the panel is not pinned"]
