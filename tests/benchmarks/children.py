"""Processes beside a measurement, asked one question per line of JSON.

What is measured and what it is compared with must not share a loop with the bench. A child's module
calls `answer`; the bench starts it with `child` and asks it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.flows.setup import ROOT

LONGEST_ANSWER = 16 * 1024 * 1024  # bytes


class Child:
    """A process that answers."""

    def __init__(self, process: asyncio.subprocess.Process, hello: Any) -> None:
        self._process, self.hello = process, hello

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ask(self, question: object = None) -> Any:
        """Its answer to one question."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        return await _line(self._process)


@asynccontextmanager
async def child(module: str, *words: str) -> AsyncIterator[Child]:
    """`python -m tests.benchmarks.<module>`, ready to answer, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"tests.benchmarks.{module}", *words),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_ANSWER,
    )
    try:
        yield Child(process, await _line(process))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    assert line, "the child has ended; its standard error says why"
    return json.loads(line)


async def answer(hello: object, respond: Callable[[Any], Awaitable[object]]) -> None:
    """The child's side: say hello, then answer until nobody asks any more."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(hello)
    while line := await reader.readline():
        _say(await respond(json.loads(line)))


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
