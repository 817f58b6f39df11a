"""Waits for conditions, never for a fixed time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(
    predicate: Callable[[], T | Awaitable[T]], *, timeout_s: float = 5.0, every_s: float = 0.01
) -> T:
    """What the predicate says as soon as that is truthy; it may be a coroutine function.

    Raises:
        TimeoutError: it never was, with what it said last.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        said = predicate()
        value = await said if inspect.isawaitable(said) else said
        if value:
            return value
        if loop.time() >= deadline:
            raise TimeoutError(f"not within {timeout_s} s; the last answer was {value!r}")
        await asyncio.sleep(every_s)
