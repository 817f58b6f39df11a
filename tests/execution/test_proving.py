"""What happens while a halt is being proved: it is not called done over what people, or the venue, want still.

The looks are a test's own, so that something can happen in the middle of one; the rest is a real desk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from execution.desk import Person
from execution.events import EventKind
from execution.proving import Prover
from execution.reconcile import Differences
from execution.store import Transaction
from tests.bot.telegram.subjects import a_position
from tests.desk import FrontDesk, front_desk
from tests.virtual_time import skipping
from tests.waiting import until

D = Decimal
ANA = Person(id="tg:2222", name="Ana")
Act = Callable[[], Awaitable[object]]


class Looks:
    """Reconcile's looks, with something that happens in the middle of one of them."""

    def __init__(self, desk: FrontDesk) -> None:
        self._desk = desk
        self.count = 0
        self.during: dict[int, Act] = {}
        """What happens during the look of that number."""

    async def __call__(self, venue: str) -> Differences:
        self.count += 1
        found = await self._desk.side.reconciler.look(venue)
        if act := self.during.pop(self.count, None):
            await act()
        return found


def proved(desk: FrontDesk) -> bool:
    """The same; a second passes while one asks."""
    desk.clock.advance(1)
    return is_verified(desk)


def is_verified(desk: FrontDesk) -> bool:
    """Whether the halt is called done."""
    halt = desk.read(lambda tx: tx.trading()).halt
    return halt is not None and halt.verified_at is not None


def positions(desk: FrontDesk) -> list[Decimal]:
    """What is held."""
    return [position.amount for position in desk.read(lambda tx: tx.positions.open())]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """A desk that trades and holds a position, on which nobody proves a halt yet."""
    async with front_desk(tmp_path) as made:
        await made.start("trading")
        await a_position(made)
        await made.stop("trading")
        await made.restart()
        yield made


@asynccontextmanager
async def halted(desk: FrontDesk) -> AsyncIterator[Looks]:
    """The desk is halted, and a halt is proved by looks of our own."""
    side, looks = desk.side, Looks(desk)
    prover = Prover(store=side.store, market=side.market, venues=side.venues, look=looks)
    work = [side.market.run("main"), side.reconciler.run("main"), side.executor.run(), prover.run()]
    await side.desk.halt(person=ANA, reason="")
    tasks = [asyncio.create_task(one) for one in work]
    try:
        with skipping():
            yield looks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_two_looks_that_find_nothing_prove_it(desk: FrontDesk) -> None:
    async with halted(desk) as looks:
        await until(lambda: proved(desk))
        assert looks.count == 2
        assert positions(desk) != []


async def test_the_second_look_begins_long_enough_after_the_first_was_answered(
    desk: FrontDesk,
) -> None:
    """A look may reach the venue at any time before its answer: only the answer is a moment to count from."""

    async def slowly() -> None:
        desk.clock.advance(10)

    async with halted(desk) as looks:
        looks.during[1] = slowly
        await until(lambda: looks.count == 1)
        await asyncio.sleep(30)  # and the clock stands since the first was answered
        assert looks.count == 1
        assert not is_verified(desk)
        await until(lambda: proved(desk))


@pytest.mark.parametrize("how", ["flatten", "close"])
async def test_what_is_to_be_closed_since_the_look_is_closed_before_it_is_called_done(
    desk: FrontDesk, how: str
) -> None:
    """People ask while the venue is answering the last look."""

    async def ask() -> None:
        if how == "flatten":
            await desk.side.desk.flatten(person=ANA)
        else:
            await desk.side.desk.close("BTC/USDT", D(1), person=ANA)

    async with halted(desk) as looks:
        looks.during[2] = ask
        await until(lambda: proved(desk), timeout_s=20)
        assert positions(desk) == []
        assert looks.count > 2


async def test_what_is_heard_of_an_order_between_two_looks_wants_two_looks_of_its_own(
    desk: FrontDesk,
) -> None:
    """Its end was only as good as its evidence: what shows later may rest somewhere."""

    def stir(tx: Transaction) -> None:
        (order,) = tx.orders.newest(limit=1)
        tx.journal.add(EventKind.ORDER_RISEN, tx.now, ticket=order.ticket, order=order.id)

    async with halted(desk) as looks:
        looks.during[2] = lambda: desk.side.store.write(stir)
        await until(lambda: proved(desk), timeout_s=20)
        assert looks.count == 4
