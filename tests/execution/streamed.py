"""A trading side over one paper venue whose streams a test can break, repeat, delay and invent."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from bot.parts import Ids, assemble
from execution.approval import Policy, Role, Rule, When
from execution.checks import Limits
from execution.config import Config
from execution.errors import VenueUnavailable
from execution.halt_file import HaltFile
from execution.market import Market
from execution.pricing import PriceTerms
from execution.receiving import SignalKey
from execution.store import Store
from execution.types import Order, OrderState, OrderType, Quote, Side, Signal, Size, SizeKind
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from execution.venues.venue import Balance, OrderKey, Report, Stream
from tests.databases import new_database
from tests.execution.builders import NOW
from tests.virtual_time import passes, skipping
from tests.waiting import until

D = Decimal
BTC = "BTC/USDT"
FAR = D(50_000)
"""A buy at this price rests."""
RULES = Config(
    policy=Policy(
        people={"tg:1": Role.OWNER},
        rules=(Rule(name="straight", when=When(sources=frozenset({"straight"})), required=0),),
    ),
    limits=Limits(max_order_notional=D(10_000), max_open_orders=100, max_orders_per_minute=None),
    prices=PriceTerms(
        order_type=OrderType.LIMIT,
        slippage_tolerance=D("0.001"),
        max_price_drift=D("0.5"),
        order_timeout=None,
    ),
    default_venue="main",
    default_size=Size(kind=SizeKind.AMOUNT, value=D("0.01")),
    sources={},
    currency="USDT",
    zone=ZoneInfo("UTC"),
    max_retries=3,
    retry_delay=timedelta(seconds=1),
    reconcile_every=timedelta(hours=1),
)


class Ticking:
    """A clock that goes with the running loop: time passes with every wait."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def __call__(self) -> datetime:
        return NOW + timedelta(seconds=self._loop.time() - self._began)


class Told(PaperVenue):
    """The paper venue, counting its look-ups, with streams that a test plays with."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        prices: ScriptedMarket,
        tells: Collection[Stream],
    ) -> None:
        super().__init__("main", path / "paper.db", clock, market=prices)
        self._tells = tells
        self.finds: list[tuple[float, str | None]] = []
        """When each order was looked up, by its client id."""
        self.asked: list[str] = []
        """The symbols whose price was asked for."""
        self.begun: list[float] = []
        """When an order stream was begun."""
        self.broken: VenueUnavailable | None = None
        """Why no order stream begins, and none stands."""
        self.answers = True
        """Whether it answers what it is asked; its streams go on all the same."""
        self.mute = False
        """Whether its order stream says nothing at all, not even that it stands."""
        self.prices_of: list[str] = []
        """The symbols whose prices are streamed."""
        self.prices_begun: set[str] = set()
        """Those whose prices were to be streamed at any time."""
        self.late = timedelta(0)
        """How long ago the prices held that are streamed."""
        self.stays_open: asyncio.Event | None = None
        """An order stream that is closed waits for this."""

    @property
    def streams(self) -> Collection[Stream]:
        return self._tells

    async def find(self, key: OrderKey) -> Report | None:
        self.finds.append((asyncio.get_running_loop().time(), key.client_order_id))
        self._demand_answers()
        return await super().find(key)

    async def quote(self, symbol: str) -> Quote:
        self.asked.append(symbol)
        self._demand_answers()
        return await super().quote(symbol)

    async def balances(self) -> Mapping[str, Balance]:
        self._demand_answers()
        return await super().balances()

    def _demand_answers(self) -> None:
        if not self.answers:
            raise VenueUnavailable("no answer")

    async def order_news(self) -> AsyncGenerator[Sequence[OrderKey]]:
        self.begun.append(asyncio.get_running_loop().time())
        try:
            async with aclosing(super().order_news()) as news:
                async for keys in news:
                    if self.broken is not None:
                        raise self.broken
                    if self.mute:
                        await asyncio.Event().wait()
                    yield keys
        finally:
            if self.stays_open is not None:
                await self.stays_open.wait()

    async def quote_news(self, symbol: str) -> AsyncGenerator[Quote]:
        self.prices_of.append(symbol)
        self.prices_begun.add(symbol)
        try:
            async with aclosing(super().quote_news(symbol)) as news:
                async for quote in news:
                    yield quote.evolve(at=quote.at - self.late)
        finally:
            self.prices_of.remove(symbol)

    def ring(self, client_id: str | None, number: str | None = None) -> None:
        """Its order stream tells of this order."""
        for untold in self._streams:
            untold.put_nowait(
                OrderKey(client_order_id=client_id, symbol=BTC, venue_order_id=number)
            )


class StreamedDesk:
    """Everything that trades, over that venue, with no chat."""

    def __init__(
        self, folder: Path, clock: Callable[[], datetime], tells: Collection[Stream]
    ) -> None:
        self.clock = clock
        self.folder = folder
        self.prices = ScriptedMarket()
        self.venue = Told(folder, clock, self.prices, tells)
        new_database(folder / "desk.db")
        self.store = Store(
            f"sqlite:///{folder / 'desk.db'}", journal_key=b"k" * 32, clock=clock, new_id=Ids()
        )
        venues = {"main": self.venue}
        self.market = Market(venues, clock=clock, currency="USDT", at_par={"USDT"})
        self.feed = self.market.feed("main")
        self.told = self.feed.told
        self.side = assemble(
            store=self.store,
            market=self.market,
            venues=venues,
            config=RULES,
            install="tests",
            jitter=Random(1),
            started_at=clock(),
            halt_file=HaltFile(folder / "HALT"),
        )
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Run all of it, its streams too; when this returns they stand."""
        work = {
            "market": self.market.run("main"),
            "reconcile": self.side.reconciler.run("main"),
            "executor": self.side.executor.run(),
            "halts": self.side.prover.run(),
        }
        work |= {f"streams {name}": one.run() for name, one in self.side.streams.items()}
        rings = Stream.ORDERS in self.venue.streams
        self.tasks = {name: asyncio.create_task(one, name=name) for name, one in work.items()}
        await until(lambda: self.feed.compared and (self.told.stands or not rings))

    async def close(self) -> None:
        """End all of it."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        await self.side.executor.stop()
        await self.side.close()

    async def propose(self, price: Decimal = FAR) -> Signal:
        """A signal that needs no approval, for a buy at this price."""
        id = self.store.read_now(lambda tx: tx.new_id())
        signal = Signal(
            id=id,
            source="straight",
            received_at=self.clock(),
            symbol=BTC,
            side=Side.BUY,
            price=price,
        )
        key = SignalKey(value=id, keeps=timedelta(days=1))
        await self.side.desk.accept(signal, keys=[key], digest=sha256(id.encode()).hexdigest())
        return signal

    def order(self, signal: Signal) -> Order | None:
        """The order that a signal came to."""
        tickets = self.store.read_now(lambda tx: tx.tickets.newest(limit=1, signal=signal.id))
        found = [
            self.store.read_now(lambda tx, id=one.id: tx.orders.of_ticket(id)) for one in tickets
        ]
        return found[0][-1] if found and found[0] else None

    def now(self, order: Order) -> Order:
        """The order as it stands."""
        return self.store.read_now(lambda tx: tx.orders.get(order.id))

    async def resting(self, price: Decimal = FAR) -> Order:
        """An order of ours that rests at the exchange, every bell about it answered."""
        signal = await self.propose(price)

        def rests() -> Order | None:
            order = self.order(signal)
            return order if order is not None and order.state is OrderState.WORKING else None

        order = await until(rests)
        assert order is not None
        await passes(3)
        return self.now(order)

    def looks(self, order: Order) -> list[float]:
        """When it was looked up."""
        return [at for at, id in self.venue.finds if id == order.client_order_id]

    @contextmanager
    def unreadable(self) -> Iterator[None]:
        """No order can be read for as long as the block."""
        raw = sqlite3.connect(self.folder / "desk.db", isolation_level=None)
        raw.execute("ALTER TABLE orders RENAME TO aside")
        try:
            yield
        finally:
            raw.execute("ALTER TABLE aside RENAME TO orders")
            raw.close()


@asynccontextmanager
async def streamed_desk(
    folder: Path, clock: Callable[[], datetime], *, tells: Collection[Stream] = frozenset(Stream)
) -> AsyncIterator[StreamedDesk]:
    """A desk that runs, on a loop that skips waits."""
    with skipping():
        desk = StreamedDesk(folder, clock, tells)
        try:
            await desk.start()
            yield desk
        finally:
            await desk.close()
