"""The notifier before a whole Telegram on virtual time: no sockets, no threads, hours in a second.

`telling` builds it on a real store; `ticket` writes rows as the executor would. Run it with
`tests.virtual_time.run_virtually`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from telegram.ext import ExtBot
from telegram.request import HTTPXRequest

from bot.charts import Charts
from bot.news import News
from bot.notifier import Notifier
from bot.playground import Message, Playground
from bot.playground.faults import FloodLimits
from bot.telegram.chat import TelegramChat
from bot.telegram.faces import Look
from bot.telegram.tokens import Buttons
from execution import booking
from execution.events import EventKind
from execution.market import Market
from execution.store import Store, Transaction
from execution.types import Ticket, TicketState
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from tests.clock import NOW
from tests.databases import new_database
from tests.desk import GROUP, PEOPLE, TOKEN
from tests.execution.rows import stored
from tests.virtual_time import passes


class AtOnce(Executor):
    """What is submitted is done in the same turn."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # as every executor: told to who waits
            done.set_exception(error)
        return done


@dataclass
class Telling:
    """A notifier, what it reads and what it speaks to."""

    store: Store
    playground: Playground
    room: TelegramChat
    notifier: Notifier
    limits: FloodLimits

    @property
    def said(self) -> list[Message]:
        """What the bot has said, oldest first; the newest 200."""
        return self.playground.messages

    async def ticket(self, id: str, state: str = "pending") -> Ticket:
        """A ticket and the event that a person is to hear of."""

        def work(tx: Transaction) -> Ticket:
            ends = tx.now + timedelta(days=1)
            made = stored(tx, state, id=id, created_at=tx.now, fired_at=tx.now, expires_at=ends)
            tx.journal.add(EventKind(f"ticket_{state}"), tx.now, ticket=id)
            return made

        return await self.store.write(work)

    async def move(self, ticket: Ticket, to: str) -> Ticket:
        """It goes on."""
        state = TicketState(to)
        return await self.store.write(
            lambda tx: booking.move_ticket(tx, ticket, state, reason="as a test says")
        )

    def told_all(self) -> bool:
        """Whether the chat has been told of everything."""
        return self.store.read_now(lambda tx: tx.chat.cursor("chat") == tx.journal.head()[0])

    async def until(self, is_so: Callable[[], object], *, seconds: float = 3600) -> float:
        """Let time pass until something is so; the seconds it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not is_so():
            assert loop.time() - began < seconds, f"not within {seconds} s"
            await passes(0.5)
        return loop.time() - began


@asynccontextmanager
async def telling(folder: Path) -> AsyncIterator[Telling]:
    """All of it, the notifier running, with Telegram's limits in force."""
    loop = asyncio.get_running_loop()
    ids = (f"{n:026d}" for n in count(1))

    def clock() -> datetime:
        return NOW.astimezone(UTC) + timedelta(seconds=loop.time())

    new_database(folder / "desk.db")
    store = Store(
        f"sqlite:///{folder / 'desk.db'}",
        journal_key=b"k" * 32,
        clock=clock,
        new_id=ids.__next__,
        writer=AtOnce(),
        readers=AtOnce(),
    )
    playground = Playground(
        ":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=clock, flood=True
    )
    assert playground.flood is not None
    transport = httpx.ASGITransport(app=playground.app)
    request = HTTPXRequest(httpx_kwargs={"transport": transport})
    bot = ExtBot(TOKEN, base_url="http://127.0.0.1/bot", request=request)
    room = TelegramChat(bot, chat_id=GROUP, topic_id=0)
    paper = PaperVenue("main", ":memory:", clock, market=ScriptedMarket())
    market = Market({"main": paper}, clock=clock, currency="USDT", at_par=("USDT",))
    look = Look(zone=UTC, currency="USDT", max_price_drift=Decimal("0.003"))
    notifier = Notifier(
        store=store,
        chat=room,
        buttons=Buttons(store),
        charts=Charts(),
        news=News(market=market, look=look, roles={}),
    )
    running = asyncio.create_task(notifier.run())
    try:
        yield Telling(store, playground, room, notifier, playground.flood)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await room.close()
        await paper.close()
        await playground.close()
        store.close()
