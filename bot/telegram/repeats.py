"""Updates that were taken, by number: Telegram hands one out again until it is confirmed.

Exact numbers, not the highest: after a week of silence Telegram goes on at random. They are kept in so
many slots, each update in its own, which is more than Telegram ever hands out at once.
"""

from __future__ import annotations

import asyncio
import logging

from execution.errors import StoreUnavailable
from execution.store import Store, Transaction

log = logging.getLogger(__name__)

SLOTS = 128
_AFTER_ORDERS = 0.05
"""Seconds until a number is stored: what the update asked for goes first."""


class Repeats:
    """The newest updates that were taken, also after a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._taken: dict[str, int | None] | None = None

    async def holds(self, number: int) -> bool:
        """Whether this update was taken before."""
        if self._taken is None:
            self._taken = await self._store.read(_read)
        return self._taken[_slot(number)] == number

    def note(self, number: int) -> None:
        """This update was taken; `keep` stores it."""
        if self._taken is not None:
            self._taken[_slot(number)] = number

    async def keep(self, number: int) -> None:
        """Remember it beyond this process."""
        await asyncio.sleep(_AFTER_ORDERS)
        try:
            await self._store.write(lambda tx: tx.chat.advance(_slot(number), number))
        except StoreUnavailable as error:
            log.warning("that update %s was taken could not be stored: %s", number, error)


def _slot(number: int) -> str:
    return f"update {number % SLOTS}"


def _read(tx: Transaction) -> dict[str, int | None]:
    return {_slot(n): tx.chat.cursor(_slot(n)) for n in range(SLOTS)}
