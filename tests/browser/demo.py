"""`countersign demo` as a process in a folder of its own, as somebody starts it who tries the product."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.flows.setup import ROOT, Process, free_port
from tests.waiting import until


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    """Its address once the page answers; it is stopped as by Ctrl-C when the block ends."""
    port, log = free_port(), folder / "demo.log"
    with log.open("wb") as out:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "demo"),
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PORT": str(port)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
        )
    process, address = Process(child, log), f"http://127.0.0.1:{port}"
    try:
        await until(lambda: process.ended or _answers(address), timeout_s=60, every_s=0.2)
        assert not process.ended, process.output()
        yield address
        process.terminate()
        assert await process.exit_code() == 0, process.output()
    finally:
        await process.kill()


async def _answers(address: str) -> bool:
    async with httpx.AsyncClient(verify=False, trust_env=False) as http:
        try:
            return (await http.get(address)).status_code == 200
        except httpx.TransportError:
            return False
