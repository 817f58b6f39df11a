"""Whether a desk that has run for years is as quick as a new one: a million past orders over ten thousand."""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot import house
from execution import booking
from execution.snapshots import Moment
from execution.store import Transaction
from execution.types import Side, TicketState
from tests.benchmarks.figures import show
from tests.benchmarks.past import lengthen
from tests.desk import TOML, FrontDesk, front_desk
from tests.execution.rows import order, report, stored, trade
from tests.waiting import until

SIZES = {"10,000 past orders": 10_000, "1,000,000 past orders": 1_000_000}
RULES = """\
max_order_notional = 1000
max_position_notional = 5000
max_open_positions = 5
max_orders_per_minute = 600
cooldown_after_loss = "30m"
"""
"""Every rule that asks about the past."""
ROUNDS = 12
A_ROUND = 20
"""Orders and checks in a round; of starts there is one."""
GOAL = "goal: at most 1.2 times as long"

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[list[Path]]:
    """One for each size, gone afterwards: together they hold more than two GiB."""
    made = [tmp_path / name for name in ("small", "large")]
    for folder in made:
        folder.mkdir()
    yield made
    for folder in made:
        shutil.rmtree(folder)


async def traded(desk: FrontDesk) -> None:
    """One purchase and its sale, as the desk does them."""
    await desk.start("trading")
    for fields in ({"amount": "0.01"}, {"side": Side.SELL, "close": True}):
        ticket = await desk.new_ticket(source="straight", **fields)
        await until(lambda id=ticket.id: desk.ticket(id).state is TicketState.DONE)
    assert len(desk.read(lambda tx: tx.fills.newest(limit=9))) == 2


@asynccontextmanager
async def desk_with_a_past(folder: Path, orders: int) -> AsyncIterator[FrontDesk]:
    """A desk that has done so much, at rest."""
    toml = TOML.replace("max_order_notional = 1000\n", RULES)
    async with front_desk(folder, toml=toml) as desk:
        await traded(desk)
        await desk.close()
        lengthen(folder / "countersign.db", orders)
        desk.build()
        yield desk


class Stopwatch:
    """Milliseconds of what is done, by what it is."""

    def __init__(self) -> None:
        self.took: dict[str, list[float]] = defaultdict(list)
        self._begun = 0.0

    def begin(self) -> None:
        self._begun = time.perf_counter()

    def end(self, what: str) -> None:
        self.took[what].append(1000 * (time.perf_counter() - self._begun))


async def started(desk: FrontDesk, watch: Stopwatch) -> None:
    """From a dead process to one that may trade; ccxt and Telegram apart."""
    await desk.close()
    watch.begin()
    desk.build()
    await desk.paper.open()
    await desk.side.executor.recover()
    await desk.side.reconciler.look("main")
    watch.end("start")
    await desk.side.market.prepare("main", "BTC/USDT", equity=False)


async def one_order(desk: FrontDesk, watch: Stopwatch) -> None:
    """An order's rows, the fill that completes it, and what a check and a person ask in between."""
    store, market = desk.side.store, desk.side.market
    id = store.read_now(lambda tx: tx.new_id())
    names = {"ticket": id, "client_order_id": f"c{id[::-1]}"}

    def insert(tx: Transaction) -> None:
        stored(tx, "working", id=id)
        tx.orders.add(order("working", id=id, created_at=tx.now, sent_at=tx.now, **names))

    def check(tx: Transaction) -> None:
        moment = Moment(tx=tx, market=market, config=house.config(desk.settings))
        ticket, instrument = tx.tickets.get(id), market.instrument("main", "BTC/USDT")
        quote = market.quote("main", "BTC/USDT", max_age=None)
        assert ticket is not None
        assert ticket.terms is not None
        assert instrument is not None
        assert quote is not None
        moment.facts("main", instrument, quote)
        moment.snapshot(ticket.terms)

    def fill(tx: Transaction) -> None:
        about = {"venue_order_id": id, "client_order_id": names["client_order_id"]}
        shown = trade(id, "1", "100", at=tx.now + timedelta(microseconds=1))
        booking.book(tx, id, report("filled", "1", **about), [shown])

    watch.begin()
    await store.write(insert)
    watch.end("insert an order")
    watch.begin()
    await store.read(check)
    watch.end("a check")
    watch.begin()
    await store.write(fill)
    watch.end("book a fill")
    watch.begin()
    await desk.front.status()
    watch.end("/status")


async def test_size(folders: list[Path]) -> None:
    """Time follows what is open, not what has been."""
    watches = {name: Stopwatch() for name in SIZES}
    small, large = SIZES
    async with (
        desk_with_a_past(folders[0], SIZES[small]) as one,
        desk_with_a_past(folders[1], SIZES[large]) as other,
    ):
        for _ in range(ROUNDS):
            for name, desk in ((small, one), (large, other)):
                await started(desk, watches[name])
                for _ in range(A_ROUND):
                    await one_order(desk, watches[name])
    for what in watches[small].took:
        took = {name: watch.took[what] for name, watch in watches.items()}
        show(f"{what}, by what has been", "ms", took, baseline=small, goal=GOAL)
