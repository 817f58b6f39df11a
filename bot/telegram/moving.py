"""A group that becomes a supergroup goes on under a new id; cards and commands follow it there.

The journal keeps the move, so that a restart with the old id in the settings finds the chat. Only
Telegram itself can say that a chat moved: in an answer, or as a service message in our own chat.
"""

from __future__ import annotations

import logging

from bot.telegram.chat import TelegramChat
from execution.events import EventKind
from execution.store import Store, Transaction

log = logging.getLogger(__name__)


def home(tx: Transaction, configured: int) -> int:
    """Where the chat with this id is today."""
    last = tx.journal.last(EventKind.CHAT_MOVED)
    if last is None or last.data["was"] != str(configured):
        return configured
    return int(last.data["to"])


async def follow(store: Store, chat: TelegramChat, to: int) -> None:
    """Go on in the chat of this id."""
    was = chat.chat_id
    if was == to:
        return

    def work(tx: Transaction) -> None:
        if home(tx, was) != to:
            tx.journal.add(EventKind.CHAT_MOVED, tx.now, was=was, to=to)

    await store.write(work)
    chat.chat_id = to
    log.warning("the group %s goes on as %s", was, to)
