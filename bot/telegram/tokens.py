"""Buttons get their tokens: short, server-side, bound to a place, a subject and a revision.

A token is all that travels through the chat (Telegram allows 64 bytes); what it means is a stored
row, so a forged, foreign or stale one is known as such.
"""

from __future__ import annotations

from bot.telegram.chat import Tokens
from bot.telegram.faces import Face
from execution.store import Store, Transaction
from execution.store.chat import Button


async def tokens_for(store: Store, place: int, subject: str, revision: int, face: Face) -> Tokens:
    """A token for every button of a face; the same button keeps its token."""
    if not face.buttons:
        return {}

    def work(tx: Transaction) -> Tokens:
        return {
            button: tx.chat.button(
                Button(
                    token=tx.new_id(),
                    place=str(place),
                    subject=subject,
                    revision=revision,
                    action=str(button.action),
                    argument="" if button.value is None else format(button.value, "f"),
                )
            )
            for row in face.buttons
            for button in row
        }

    return await store.write(work)
