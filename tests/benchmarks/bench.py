"""A desk to measure: the house of the flows, with an exchange in another process.

Its Telegram notes when it hands out an update, which is where the time of a tap begins.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot import parts
from bot.parts import Ids, Trading, now
from bot.playground import Playground, serve
from bot.settings import load_settings
from tests.benchmarks.children import Child
from tests.benchmarks.exchange import Exchange
from tests.flows.setup import GROUP, PEOPLE, TOKEN, House
from tests.waiting import until

SIZED = {"sizing.default": '{"notional": "100"}'}
SETTLED = 0.7
"""Seconds before each order: a picture is drawn by then, and every connection is as idle."""


class HandingOut:
    """Around the playground: notes when a getUpdates answer that brings something is written."""

    def __init__(self, app: ASGIApp, times: list[float]) -> None:
        self._app, self._times = app, times

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            if b'"result":[{' in message.get("body", b""):
                self._times.append(time.monotonic())
            await send(message)

        polls = scope["type"] == "http" and scope["path"].endswith("/getUpdates")
        await self._app(scope, receive, noting if polls else send)


class Desk(House):
    """A house whose exchange is a process of its own, and whose Telegram tells when it hands out."""

    exchange: Exchange  # type: ignore[assignment]  # reached over loopback only
    handed_out: list[float]
    """`time.monotonic()` of each getUpdates answer that brought an update."""


@asynccontextmanager
async def desk_at(folder: Path, binance: Exchange) -> AsyncIterator[Desk]:
    """A desk's folder with its Telegram served, until the block ends."""
    handed_out: list[float] = []
    chat = Playground(
        ":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=lambda: datetime.now(UTC)
    )
    chat.app.add_middleware(HandingOut, times=handed_out)
    async with serve(chat) as telegram:
        desk = Desk(folder, chat=chat, telegram=telegram, exchange=binance)  # type: ignore[arg-type]
        desk.handed_out = handed_out
        yield desk
        await desk.http.aclose()
    await chat.close()


async def after_idling() -> None:
    """Wait as long as before every other order."""
    await asyncio.sleep(SETTLED)


async def bare_order(desk: Desk, ccxt: Child) -> float:
    """Seconds from a bare `create_order` to the exchange."""
    number = await desk.exchange.orders()
    await after_idling()
    called: float = await ccxt.ask()
    return await desk.exchange.arrival(number) - called


@asynccontextmanager
async def trading(desk: Desk, changes: Mapping[str, str]) -> AsyncIterator[Trading]:
    """The trading side of the product in this process, connected and reconciled."""
    settings = load_settings(desk.toml, desk.environ(changes), desk.folder)
    side = parts.trading(settings, Ids(), started_at=now())
    await side.executor.recover()
    work = (
        side.executor.run(),
        side.market.run("main"),
        side.reconciler.run("main"),
        side.prover.run(),
    )
    tasks = [asyncio.create_task(one) for one in work]
    feed = side.market.feed("main")
    try:
        await until(lambda: feed.connected and feed.reconciled_at is not None, timeout_s=60)
        yield side
    finally:
        await side.executor.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await side.close()
