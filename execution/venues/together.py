"""What several ask at the same moment, asked once: prices, at an exchange that takes few requests.

`exchange.py` asks through it where an answer about many markets costs what one about a single market
does. It must never give one asker's failure to be cancelled to another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Questions about symbols; those of one moment share a request."""

    def __init__(self, ask: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]]) -> None:
        self._ask = ask
        self._wanted: set[str] = set()
        self._next: asyncio.Task[Mapping[str, T]] | None = None

    async def about(self, symbol: str) -> T | None:
        """The answer about a symbol; None where it tells of the others only."""
        self._wanted.add(symbol)
        if self._next is None:
            self._next = asyncio.create_task(self._ask_for_all())
            self._next.add_done_callback(_noticed)
        return (await asyncio.shield(self._next)).get(symbol)

    async def _ask_for_all(self) -> Mapping[str, T]:
        wanted, self._wanted, self._next = sorted(self._wanted), set(), None
        return await self._ask(wanted)


def _noticed(task: asyncio.Task[Mapping[str, T]]) -> None:
    """Its askers may all be gone: then nobody else takes note of how it ended."""
    if not task.cancelled():
        task.exception()
