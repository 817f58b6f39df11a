"""Buttons get their tokens: short, server-side, bound to a place, a subject and a revision.

A token is all that travels through the chat (Telegram allows 64 bytes); what it means is a stored
row, so a forged, foreign or stale one is known as such.
"""

from __future__ import annotations

from bot.telegram.chat import Tokens
from bot.telegram.faces import Face
from execution.store import Store, Transaction
from execution.store.chat import Button

HELD = 1_000
"""Buttons held in memory: those of the newest cards, which are about to be tapped."""


class Buttons:
    """What buttons mean. A row never changes, so the newest are held: an order waits for a tap."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, Button] = {}

    async def tokens_for(self, place: int, subject: str, revision: int, face: Face) -> Tokens:
        """A token for every button of a face; the same button keeps its token."""
        if not face.buttons:
            return {}
        meanings = {
            button: Button(
                token="",
                place=str(place),
                subject=button.about or subject,
                revision=revision,
                action=str(button.action),
                argument="" if button.value is None else format(button.value, "f"),
            )
            for row in face.buttons
            for button in row
        }

        def work(tx: Transaction) -> Tokens:
            return {
                button: tx.chat.button(meaning.evolve(token=tx.new_id()))
                for button, meaning in meanings.items()
            }

        tokens = await self._store.write(work)
        for button, meaning in meanings.items():
            self._hold(meaning.evolve(token=tokens[button]))
        return tokens

    async def meaning(self, token: str) -> Button | None:
        """What a token means, or None for one we never gave out."""
        held = self._held.get(token)
        return held or await self._store.read(lambda tx: tx.chat.pressed(token))

    def _hold(self, button: Button) -> None:
        self._held[button.token] = button
        if len(self._held) > HELD:
            del self._held[next(iter(self._held))]
