"""The whole desk on doubles, for tests: real parts, a real database, Telegram and exchange played.

`front_desk(folder)` puts it together: settings read by the real loader, the store in a file, the paper venue on a
market set by hand, and the playground served on loopback. Time stands still until `desk.clock` is moved. Nothing
runs until `start` says what: "trading" makes tickets of signals and sends orders, "intake" hears the chat, "notifier"
speaks. Stop what should not write before the journal is compared.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from bot import house, parts
from bot.parts import Chat, Ids
from bot.playground import CallbackAnswer, Message, Playground, PlaygroundPerson, serve
from bot.playground.records import Button as ChatButton
from bot.playground.records import Change
from bot.settings import Settings, load_settings
from bot.telegram.front import Front
from execution import booking
from execution.halt_file import HaltFile
from execution.market import Market
from execution.receiving import SignalKey
from execution.store import Store, Transaction
from execution.store.chat import Button
from execution.types import (
    Candle,
    Order,
    OrderState,
    Side,
    Signal,
    Size,
    SizeKind,
    Ticket,
    TicketState,
)
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from tests.clock import Clock
from tests.databases import new_database
from tests.virtual_time import skipping
from tests.waiting import until

T = TypeVar("T")
D = Decimal

TOKEN = "123456:a-token-that-only-the-playground-knows"
GROUP = -1001234567890
OLGA, ANA, VIC, SAM = 1111, 2222, 3333, 4444
"""An owner, an approver, a viewer, and somebody who is on no list."""
PEOPLE = (
    PlaygroundPerson(OLGA, "Olga", "owner"),
    PlaygroundPerson(ANA, "Ana", "approver"),
    PlaygroundPerson(VIC, "Vic", "viewer"),
    PlaygroundPerson(SAM, "Sam"),
)
SIGNING_SECRET = "whsec_" + "c2lnbmluZy1zZWNyZXQtc2lnbmluZy1zZWNyZXQ="
PATH_SECRET = "correct-horse-battery-staple"
TOML = """\
[telegram]
chat_id = -1001234567890

[people]
owners = [1111]
approvers = [2222]
viewers = [3333]

[venues.main]
exchange = "paper"
mode = "paper"

[sources.desk]
kind = "webhook"

[sources.tv]
kind = "tradingview"

[sources.straight]
kind = "tradingview"

[sizing]
default = { notional = 600 }

[risk]
max_order_notional = 1000

[[approval.rules]]
name = "straight"
when = { sources = ["straight"] }
required = 0
"""
SECRETS = {
    "COUNTERSIGN_TELEGRAM__TOKEN": TOKEN,
    "COUNTERSIGN_SOURCES__DESK__SECRET": SIGNING_SECRET,
    "COUNTERSIGN_SOURCES__TV__SECRET": PATH_SECRET,
    "COUNTERSIGN_SOURCES__STRAIGHT__SECRET": PATH_SECRET,
}


class NoCandles(ScriptedMarket):
    """An exchange that has no bars to give: cards come without a picture, and nothing is drawn."""

    def candles(self, symbol: str, interval: str, count: int, at: datetime) -> Sequence[Candle]:
        raise KeyError(interval)


def settings_in(
    folder: Path, *, toml: str = TOML, environ: Mapping[str, str] | None = None
) -> Settings:
    """Settings from a file in this folder, by the loader that the command line uses."""
    path = folder / "countersign.toml"
    path.write_text(toml)
    where = {"COUNTERSIGN_DATABASE__URL": f"sqlite:///{folder / 'countersign.db'}"}
    return load_settings(path, SECRETS | where | dict(environ or {}), folder)


class FrontDesk:
    """One desk. `restart` builds it anew on the same files, as a new process would."""

    def __init__(
        self, folder: Path, settings: Settings, playground: Playground, prices: ScriptedMarket
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.playground = playground
        self.prices = prices
        self.clock: Clock = playground.chat.clock  # type: ignore[assignment]
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self.build()

    def build(self) -> None:
        """Every part, as `bot.parts` does it, at our clock and with our market."""
        clock, config = self.clock, house.config(self.settings)
        store = Store(self.settings.database.url, journal_key=b"k" * 32, clock=clock, new_id=Ids())
        kind = self.settings.venues["main"].market
        books = self.folder / "paper.db"
        self.paper = PaperVenue("main", books, clock, market=self.prices, kind=kind)
        venues = {"main": self.paper}
        market = Market(venues, clock=clock, currency="USDT", at_par=("USDT", "USDC", "USD"))
        self.side = parts.assemble(
            store=store,
            market=market,
            venues=venues,
            config=config,
            install="tests",
            jitter=Random(1),
            started_at=clock(),
            halt_file=HaltFile(self.folder / "HALT"),
        )
        self.brake = self.side.brake
        front = parts.front(self.settings, self.side, started_at=clock())
        self.front: Front = replace(front, clock=clock)
        self._chat: Chat | None = None

    @property
    def chat(self) -> Chat:
        """The chat side; made when it is first asked for, since its connections take their time."""
        if self._chat is None:
            self._chat = parts.chat(self.settings, self.side, self.front)
        return self._chat

    @contextmanager
    def broken_database(self) -> Iterator[None]:
        """Every write of the trading state, and every read of it, fails for as long as the block."""
        raw = sqlite3.connect(self.folder / "countersign.db", isolation_level=None)
        raw.execute("ALTER TABLE trading RENAME TO aside")
        try:
            yield
        finally:
            raw.execute("ALTER TABLE aside RENAME TO trading")
            raw.close()

    async def close(self) -> None:
        """Stop everything and let go of it."""
        await self.stop(*self._tasks)
        if self._chat is not None:
            await self._chat.intake.stop()
            await self._chat.close()
            # What spoke without ever having listened has connections that the bot does not close.
            await self._chat.room.bot.request.shutdown()
        await self.side.close()

    async def restart(self) -> None:
        """End this process without a word, and build the next one on what it left."""
        await self.close()
        self.build()

    # What runs

    async def start(self, *names: str, heard: bool = True) -> None:
        """Let these run: trading, intake, notifier, panel. When this returns trading is ready and, unless `heard` is off,
        the chat is listened to."""
        for name in names:
            tasks = self._tasks[name] = []
            if name == "trading":
                await self._start_trading(tasks)
            elif name == "notifier":
                tasks.append(asyncio.create_task(self.chat.notifier.run()))
            elif name == "panel":
                tasks.append(asyncio.create_task(self.chat.panel.run()))
            else:
                # The first poll does not wait; the second one does.
                polls = self.playground.count("getUpdates") + 2
                tasks.append(asyncio.create_task(self.chat.intake.run()))
                if heard:
                    await until(lambda n=polls: self.playground.count("getUpdates") >= n)

    async def _start_trading(self, tasks: list[asyncio.Task[None]]) -> None:
        side = self.side
        feed = side.market.feed("main")
        tasks.append(asyncio.create_task(side.market.run("main")))
        await until(lambda: feed.connected)
        tasks.append(asyncio.create_task(side.reconciler.run("main")))
        await until(lambda: feed.reconciled_at)
        tasks.append(asyncio.create_task(side.executor.run()))
        tasks.append(asyncio.create_task(side.prover.run()))

    async def stop(self, *names: str) -> None:
        """Cancel these, in the middle of whatever they do."""
        for name in names:
            tasks = self._tasks.pop(name, [])
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if name == "trading" and tasks:
                await self.side.executor.stop()

    # What is stored

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Rows as they are now."""
        return self.side.store.read_now(work)

    def head(self) -> tuple[int, str]:
        """The journal's head: equal heads mean that nothing happened."""
        return self.read(lambda tx: tx.journal.head())

    def ticket(self, id: str) -> Ticket:
        """A ticket as it stands."""
        found = self.read(lambda tx: tx.tickets.get(id))
        assert found is not None
        return found

    def order(self, ticket: Ticket) -> Order:
        """The newest order of a ticket."""
        return self.read(lambda tx: tx.orders.of_ticket(ticket.id))[-1]

    # What happens

    async def accept(self, *, source: str = "tv", **fields: Any) -> Signal:
        """A signal is received, of a buy of BTC/USDT unless `fields` say otherwise; `amount`, `notional` or `risk` size it."""
        sizes = {
            kind: fields.pop(kind) for kind in ("amount", "notional", "risk") if kind in fields
        }
        size = next((Size(kind=SizeKind(k), value=D(v)) for k, v in sizes.items()), None)
        given: dict[str, Any] = {"symbol": "BTC/USDT", "side": Side.BUY, "size": size} | fields
        id = self.front.store.read_now(lambda tx: tx.new_id())
        signal = Signal(id=id, source=source, received_at=self.clock(), **given)
        key = SignalKey(value=id, keeps=timedelta(days=1))
        await self.side.desk.accept(signal, keys=[key], digest=sha256(id.encode()).hexdigest())
        return signal

    async def new_ticket(self, **fields: Any) -> Ticket:
        """A signal becomes a ticket; trading must run."""
        signal = await self.accept(**fields)

        def made() -> Ticket | None:
            found = self.read(lambda tx: tx.tickets.newest(limit=1, signal=signal.id))
            return found[0] if found and found[0].state is not TicketState.NEW else None

        ticket = await until(made)
        assert ticket is not None
        return ticket

    async def resting_order(self) -> Order:
        """A limit order of ours that rests at the exchange, far below the market."""
        ticket = await self.new_ticket(source="straight", price=D(50_000), amount="0.01")
        await until(lambda: self.ticket(ticket.id).state is TicketState.WORKING)
        await until(lambda: self.order(ticket).state is OrderState.WORKING)
        return self.order(ticket)

    async def stuck_order(self, *, acknowledged: bool = False) -> Order:
        """An order that nobody could prove, though it rests at the exchange, which hides it; trading must run.

        `acknowledged` had been answered by the exchange, which so has told its id.
        """
        self.paper.faults.hide_orders = True
        self.paper.faults.drop_next_answer = not acknowledged
        ticket = await self.new_ticket(source="straight", price=D(50_000), amount="0.01")
        sent = OrderState.WORKING if acknowledged else OrderState.IN_DOUBT
        await until(lambda: self.ticket(ticket.id).state is TicketState.WORKING)
        await until(lambda: self.order(ticket).state is sent)

        def unproved(tx: Transaction) -> Order:
            order = tx.orders.get(self.order(ticket).id)
            if order.state is not OrderState.IN_DOUBT:
                order = booking.move_order(tx, order, OrderState.IN_DOUBT)
            later = tx.now + timedelta(hours=1)
            return booking.move_order(tx, order, OrderState.STUCK, looks=2, next_look_at=later)

        return await self.side.store.write(unproved)

    # What people see and do

    async def card(self, ticket: Ticket) -> Message:
        """The card of a ticket, once the notifier has posted it and stored where it stands."""
        post = await until(
            lambda: self.read(lambda tx: tx.chat.post("chat", f"ticket:{ticket.id}"))
        )
        return await self.playground.wait_for(lambda m: m.id == post.number)

    async def button(
        self,
        action: str,
        ticket: Ticket,
        *,
        revision: int = 1,
        argument: str = "",
        place: int = GROUP,
    ) -> ChatButton:
        """A button as if it had been posted: its token is stored and bound to a place."""
        return await self.button_about(
            action, f"ticket:{ticket.id}", revision=revision, argument=argument, place=place
        )

    async def button_about(
        self,
        action: str,
        subject: str,
        *,
        revision: int = 0,
        argument: str = "",
        place: int = GROUP,
    ) -> ChatButton:
        """A button about any subject."""

        def work(tx: Transaction) -> str:
            button = Button(
                token=tx.new_id(),
                place=str(place),
                subject=subject,
                revision=revision,
                action=action,
                argument=argument,
            )
            return tx.chat.button(button)

        return ChatButton(text=action, data=await self.side.store.write(work))

    async def tap(
        self, message: Message, button: str | ChatButton, *, by: int, **how: Any
    ) -> CallbackAnswer:
        """Somebody taps, and is answered."""
        return await asyncio.wait_for(self.playground.tap(message, button, by=by, **how), 5)

    async def heard(self) -> None:
        """Every update is taken and confirmed, and every answer to it has been said."""
        await until(lambda: self.playground.chat.pending_updates() == 0)
        await self.chat.intake.stop()

    def forward(self, text: str, *, by: int) -> None:
        """Somebody forwards a message of somebody else's into the group."""
        chat = self.playground.chat
        message = chat.post(GROUP, chat.sender(by), text)
        origin = {"type": "hidden_user", "sender_user_name": "Olga", "date": 1}
        number = chat.storage.new_update_id()
        body = chat.json(message) | {"forward_origin": origin}
        chat.storage.save_update(number, {"update_id": number, "message": body})
        chat.tell(Change("update"))

    @property
    def said(self) -> list[Message]:
        """What the bot has said, oldest first."""
        bot = self.playground.chat.bot.id
        return [message for message in self.playground.messages if message.sender.id == bot]


@asynccontextmanager
async def front_desk(
    folder: Path,
    *,
    toml: str = TOML,
    environ: Mapping[str, str] | None = None,
    prices: ScriptedMarket | None = None,
) -> AsyncIterator[FrontDesk]:
    """A desk in this folder. Without `prices` the exchange has no bars, so that nothing is drawn."""
    async with AsyncExitStack() as stack:
        stack.enter_context(skipping())
        playground = Playground(
            folder / "playground.db", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=Clock()
        )
        stack.push_async_callback(playground.close)
        url = await stack.enter_async_context(serve(playground))
        new_database(folder / "countersign.db")
        where = {"COUNTERSIGN_TELEGRAM__API_URL": url}
        settings = settings_in(folder, toml=toml, environ=where | dict(environ or {}))
        desk = FrontDesk(folder, settings, playground, prices or NoCandles())
        stack.push_async_callback(desk.close)
        yield desk
