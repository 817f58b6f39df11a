"""Event loops whose waits take no time: when nothing is left to do but wait, the clock jumps ahead.

For what would take minutes for real (back-off, polling, whole days of trading) without a timing that
could vary. `run_virtually` is for code on one loop without threads or sockets: nothing outside can wake
it. `SkippingLoop` is for a desk with both: it waits for its threads, and for what its sockets still bring.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing import active_children
from typing import Any, TypeVar

T = TypeVar("T")

_STILL_S = 0.001
"""After so long without a word from any socket of this machine, none is under way."""


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


async def passes(seconds: float) -> None:
    """So much time goes by that is virtual, or skipped."""
    loop = asyncio.get_running_loop()
    skips = isinstance(loop, SkippingLoop) and loop.skips
    assert skips or isinstance(loop, VirtualLoop), "real time would go by"
    await asyncio.sleep(seconds)


class _Skipping(selectors.DefaultSelector):
    """Waits for a moment only, unless threads or processes are at work; adds the rest to `skipped`."""

    def __init__(self) -> None:
        super().__init__()
        self.skips = False
        self.skipped = 0.0
        self.at_work = 0

    def select(self, timeout: float | None = None) -> Any:
        outside = self.at_work or active_children()
        if not self.skips or outside or timeout is None or timeout <= 0:
            return super().select(timeout)
        began = time.monotonic()
        heard = super().select(min(timeout, max(_STILL_S, timeout / 50)))
        if not heard:
            self.skipped += max(0.0, timeout - (time.monotonic() - began))
        return heard


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop on real time, until `skipping` says that whatever is waited for is done on it."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Real time, and what was skipped of it."""
        return super().time() + self._skipping.skipped

    @property
    def skips(self) -> bool:
        """Whether waits take no time now."""
        return self._skipping.skips

    def leap(self, seconds: float) -> None:
        """Let time pass at once, as in a process that stands still: what was due meanwhile is done then."""
        self._skipping.skipped += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Let a thread do it, and skip nothing meanwhile."""
        done = super().run_in_executor(executor, func, *args)
        self._skipping.at_work += 1
        done.add_done_callback(self._is_done)
        return done

    def _is_done(self, done: asyncio.Future[Any]) -> None:
        self._skipping.at_work -= 1

    @contextmanager
    def skipping(self, *, skips: bool) -> Iterator[None]:
        """As long as it lasts, waits take no time, or do."""
        before, self._skipping.skips = self._skipping.skips, skips
        try:
            yield
        finally:
            self._skipping.skips = before


def skipping(*, skips: bool = True) -> AbstractContextManager[None]:
    """Skip waits on the running loop, where it is one that can; or, within that, do not for a while,
    since the machine's own clock or another process is waited for."""
    loop = asyncio.get_running_loop()
    return loop.skipping(skips=skips) if isinstance(loop, SkippingLoop) else nullcontext()
