"""One desk on contracts: the real one, on the paper venue, whose books outlive every process.

What is asked of such a world is what is asked of any other; what is judged is in `swap_invariants`.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

from execution.events import EventKind
from execution.instruments import MarketKind
from execution.store import Transaction
from execution.types import ZERO, Side
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from execution.venues.venue import Held, NewOrder, Report, go
from tests.simulation import invariants, swap_invariants
from tests.simulation.client import Line
from tests.simulation.process import Process
from tests.simulation.profiles import PROFILES
from tests.simulation.swap_invariants import Sums, Traded, signed
from tests.simulation.world import World

D = Decimal
BOOK = {"BTC/USDT:USDT": D(60_000), "ETH/USDT:USDT": D(2_500)}
"""The contracts that are traded, and where their bids begin."""
_ANSWERS_AFTER = timedelta(milliseconds=40)
_NOT_OURS = ("web-", "autoclose-")
"""What ids of orders begin with that others gave."""


class Watched(PaperVenue):
    """The venue of one process, which may die as an order leaves or is answered."""

    def __init__(self, world: SwapWorld, process: Process) -> None:
        super().__init__(
            "main",
            world.books,
            world.clock,
            market=world.prices,
            kind=MarketKind.SWAP,
            latency=_ANSWERS_AFTER,
        )
        self._world, self._process = world, process

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        """Send it, with an onlooker at the exchange's door."""

        def stays() -> bool:
            if held():
                return True
            self._world.order_leaves(self._process, order)
            return False

        self._process.point("POST order leaves")
        report = await super().send(order, stays)
        self._process.point("POST order answered")
        return report


class SwapWorld(World):
    """One desk and its account of contracts."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, PROFILES["ids unique while open"], venue=self._venue_of, chat=False)
        self.prices = ScriptedMarket()
        self.books = self.folder / "paper.db"
        self.bids = dict(BOOK)
        self.venue: Watched | None = None
        """That of the newest process."""

    def _venue_of(self, line: Line) -> Watched:
        self.venue = Watched(self, line.process)
        return self.venue

    async def _bury(self) -> None:
        await super()._bury()
        if self.venue is not None:
            await self.venue.close()

    async def trade_by_hand(self, symbol: str, amount: Decimal) -> None:
        """Somebody trades so much in the account past us, negative for a sale."""
        app = PaperVenue("app", self.books, self.clock, market=self.prices, kind=MarketKind.SWAP)
        await app.open()
        await app.trade_by_hand(symbol, Side.BUY if amount > 0 else Side.SELL, abs(amount))
        await app.close()

    def position(self, symbol: str) -> Decimal:
        """What the account has of a contract, whoever traded it."""
        return sum((trade.amount for trade in self.traded() if trade.symbol == symbol), ZERO)

    def taken(self) -> list[tuple[str, str]]:
        """Every order the exchange ever took, by client id, and its state there."""
        return self._asked("SELECT client_order_id, state FROM orders ORDER BY id")

    def traded(self) -> list[Traded]:
        """Every trade of the account, oldest first."""
        rows = self._asked(
            "SELECT t.id, o.client_order_id, o.reduce_only, t.symbol, t.side, t.amount, t.price"
            " FROM trades t JOIN orders o ON o.id = t.order_id ORDER BY t.id"
        )
        return [
            Traded(str(id), client_id, bool(only), symbol, signed(Side(side), D(amount)), D(price))
            for id, client_id, only, symbol, side, amount, price in rows
        ]

    def _asked(self, query: str) -> list[tuple[str, ...]]:
        if not self.books.exists():
            return []
        with closing(sqlite3.connect(self.books)) as books:
            return books.execute(query).fetchall()

    def order_leaves(self, process: Process, asked: NewOrder) -> None:
        """The exchange takes it next, or refuses it."""
        pulled, apart = process.brake.pulled, process.market.feed("main").apart
        settled = {symbol for symbol, one in apart.items() if one.settled}

        def judged(tx: Transaction) -> list[str]:
            id = asked.client_order_id
            order = tx.orders.by_client_ids("main", [id]).get(id)
            if order is None:
                return [f"an order leaves that is not stored: {asked}"]
            found = [*swap_invariants.as_it_leaves(tx, order, asked, self._ours(tx, asked.symbol))]
            if pulled and not order.reduces:
                found.append(f"I4: order {order.id} leaves while the brake is pulled")
            if asked.symbol in settled and not order.reduces:
                found.append(f"order {order.id} leaves while the positions are apart")
            return found

        for one in process.store.read_now(judged):
            self.violated(one)

    def committed(self, process: Process) -> None:
        """Nothing is booked that was not traded, no id was taken twice, and no halt swept a stop away that
        protects something."""
        for found in invariants.swept(self.rows, self._swept):
            self.violated(found)
        traded, booked = self._filled(), Sums()
        query = 'SELECT o.client_order_id, f.amount FROM fills f JOIN orders o ON o.id = f."order"'
        for client_id, amount in self.rows.execute(query):
            booked.add(client_id, D(amount))
        for client_id, amount in booked.items():
            if amount > traded[client_id]:
                self.violated(f"I2: {amount} booked for {client_id}, {traded[client_id]} traded")
        ids = Counter(id for id, _ in self.taken() if not id.startswith(_NOT_OURS))
        for client_id, times in ids.items():
            if times > 1:
                self.violated(f"I1: {client_id} was taken {times} times")
        proofs = self._count(EventKind.HALT_VERIFIED)
        if proofs > self._proofs:
            self._proofs = proofs
            for found in self.read(
                lambda tx: [*swap_invariants.as_a_halt_is_proved(tx, dict(self.taken()))]
            ):
                self.violated(found)

    def judge(self, signals: Collection[str] = (), *, told: bool = True) -> None:
        """When all has settled: orders, fills and positions are what the exchange says they are."""
        for found in self.read(
            lambda tx: [*swap_invariants.in_the_end(tx, dict(self.taken()), self.traded())]
        ):
            self.violated(found)

    def _ours(self, tx: Transaction, symbol: str) -> Decimal:
        """What the trades of our own orders come to, by the exchange."""
        ours = {order.client_order_id for order in tx.orders.newest(limit=10_000)}
        there = [trade for trade in self.traded() if trade.symbol == symbol]
        return sum((trade.amount for trade in there if trade.client_id in ours), ZERO)

    def _left(self, told: bool) -> list[str]:
        there, traded = dict(self.taken()), self._filled()
        return self.read(lambda tx: [*swap_invariants.unsettled(tx, there, traded)])

    def _filled(self) -> Sums:
        """How much of each order was traded, by client id."""
        filled = Sums()
        for trade in self.traded():
            filled.add(trade.client_id, abs(trade.amount))
        return filled
