"""An event loop whose waits take no time: when all tasks wait, its clock jumps to the next of them.

For what would take minutes for real (back-off, polling, whole days of trading) without a timing that
could vary. Only for code on one loop without threads or sockets: nothing outside can wake it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.SelectSelector):
    """Never blocks: what it would have waited is added to `passed`, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "every task waits for something that nothing will bring"
        self.passed += max(timeout, 0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at 0 s."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds that have passed for its tasks."""
        return self._jumping.passed

    def leap(self, seconds: float) -> None:
        """Let time pass at once, as on a machine that sleeps: what was due meanwhile is done then."""
        self._jumping.passed += seconds

    # There is one thread: what an executor of that thread has done is told in the same turn.
    call_soon_threadsafe = asyncio.SelectorEventLoop.call_soon


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop of virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
