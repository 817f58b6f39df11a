"""Has pictures drawn in a process of its own: the card's candles, the result's days.

The notifier and `/pnl` ask `Charts` for them. matplotlib is imported only in that process, so that neither its
import nor its drawing ever stalls the loop an order goes through.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import ParamSpec, Protocol, TypeVar

from bot.pictures import Picture

_P = ParamSpec("_P")
_R = TypeVar("_R")

IDLE = timedelta(minutes=5)
"""After this long without a picture the process ends and gives its memory back."""


class Timer(Protocol):
    """What `loop.call_later` gives back."""

    def cancel(self) -> None: ...


class Charts:
    """Draws pictures, one after another, in a process that starts on demand."""

    def __init__(
        self,
        *,
        idle: timedelta = IDLE,
        call_later: Callable[[float, Callable[[], None]], Timer] | None = None,
    ) -> None:
        """`call_later` stands for the running loop's, in seconds; tests give their own."""
        self._idle = idle
        self._call_later = call_later
        self._pool: ProcessPoolExecutor | None = None
        self._timer: Timer | None = None
        self._drawing = 0

    async def warm(self) -> None:
        """Start the process and its imports, so that the first picture is not late."""
        await self._run(_load)

    async def draw(self, picture: Picture) -> bytes:
        """The picture as PNG, 1000 by 560 pixels.

        Raises:
            BrokenProcessPool: the process died twice over this picture.
        """
        return await self._run(_draw, picture)

    async def close(self) -> None:
        """End the process, after the picture it is drawing."""
        if self._timer is not None:
            self._timer.cancel()
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def _run(self, task: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a task in the process; one that died is replaced once."""
        try:
            return await self._run_once(task, *args, **kwargs)
        except BrokenProcessPool:
            return await self._run_once(task, *args, **kwargs)

    async def _run_once(self, task: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        pool = self._pool = self._pool or _started()
        self._drawing += 1
        try:
            # Starting a process takes milliseconds that belong to the loop.
            future = await asyncio.to_thread(pool.submit, task, *args, **kwargs)
            return await asyncio.wrap_future(future)
        except BrokenProcessPool:
            if self._pool is pool:
                self._pool = None
            raise
        finally:
            self._drawing -= 1
            self._rest_later()

    def _rest_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        call_later = self._call_later or asyncio.get_running_loop().call_later
        self._timer = call_later(self._idle.total_seconds(), self._rest)

    def _rest(self) -> None:
        """Give the process back; the next picture starts another."""
        if self._pool is not None and not self._drawing:
            self._pool.shutdown(wait=False)
            self._pool = None


def _started() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=_begin)


# --- in the process of its own -------------------------------------------------------------------


def _begin() -> None:
    """Leave Ctrl-C to the desk, end with it, and keep matplotlib's remarks out of its output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in a child"
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="Glyph .* missing")


def _end_with(parent: BaseProcess) -> None:
    """A killed desk closes nothing behind it: without this the process would wait for ever."""
    parent.join()
    os._exit(0)


def _load() -> None:
    import bot.drawing  # noqa: F401


def _draw(picture: Picture) -> bytes:
    from bot.drawing import draw

    return draw(picture)
