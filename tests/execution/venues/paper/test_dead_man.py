"""The paper venue's dead man's switch: kept in its books, so that it acts whoever is or is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from execution.types import OrderState, OrderType, Side, TimeInForce
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from execution.venues.venue import NewOrder, OrderKey, Report
from tests.clock import NOW, Clock

BTC = "BTC/USDT"
MINUTE = timedelta(seconds=60)


class Exchange:
    """A venue at a bid of 60 000 with its clock and its books."""

    def __init__(self, books: Path) -> None:
        self.books = books
        self.clock, self.market = Clock(), ScriptedMarket()
        self.venue = self.again()
        self._numbers = count(1)

    def again(self) -> PaperVenue:
        """The venue of another process on the same books."""
        return PaperVenue("main", self.books, self.clock, market=self.market)

    async def rests(self, price: str | None = "55000", **changes: object) -> Report:
        """A buy that rests, or waits for its stop price."""
        order = NewOrder(
            client_order_id=self.venue.client_order_id(next(self._numbers).to_bytes(16, "big")),
            symbol=BTC,
            side=Side.BUY,
            type=OrderType.LIMIT,
            amount=Decimal("0.01"),
            price=None if price is None else Decimal(price),
            time_in_force=TimeInForce.GTC,
        ).evolve(**changes)
        report = await self.venue.send(order)
        assert report.state is OrderState.WORKING
        return report

    async def look(self, report: Report) -> Report:
        """An order as it is now."""
        key = OrderKey(client_order_id=report.client_order_id, symbol=BTC)
        found = await self.venue.find(key)
        assert found is not None
        return found


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    made = Exchange(tmp_path / "paper.db")
    await made.venue.open()
    yield made
    await made.venue.close()


async def test_silence_cancels_every_order_at_its_moment_and_not_before(exchange: Exchange) -> None:
    orders = [await exchange.rests(), await exchange.rests("54000")]
    await exchange.venue.arm(MINUTE)
    exchange.clock.advance(59)
    assert len(await exchange.venue.open_orders([])) == 2
    exchange.clock.advance(30)
    for order in orders:
        ended = await exchange.look(order)
        assert (ended.state, ended.at) == (OrderState.CANCELED, NOW + MINUTE)


async def test_asking_again_in_time_makes_it_wait_on(exchange: Exchange) -> None:
    await exchange.rests()
    for _ in range(5):
        await exchange.venue.arm(MINUTE)
        exchange.clock.advance(40)
    assert len(await exchange.venue.open_orders([])) == 1


async def test_once_switched_off_silence_cancels_nothing(exchange: Exchange) -> None:
    await exchange.rests()
    await exchange.venue.arm(MINUTE)
    await exchange.venue.disarm()
    exchange.clock.advance(3600)
    assert len(await exchange.venue.open_orders([])) == 1


async def test_it_acts_once_for_each_time_it_was_armed(exchange: Exchange) -> None:
    await exchange.venue.arm(MINUTE)
    exchange.clock.advance(61)
    await exchange.rests()
    exchange.clock.advance(3600)
    assert len(await exchange.venue.open_orders([])) == 1


async def test_what_filled_before_it_acted_stays_filled(exchange: Exchange) -> None:
    order = await exchange.rests()
    await exchange.venue.arm(MINUTE)
    exchange.market.set_price(BTC, Decimal(54_000), depth=Decimal("0.00005"))
    exchange.clock.advance(300)
    ended = await exchange.look(order)
    assert ended.state is OrderState.CANCELED
    assert ended.filled == Decimal("0.003"), "a little in each of sixty seconds"


async def test_a_process_that_died_is_not_needed(exchange: Exchange) -> None:
    await exchange.rests()
    await exchange.venue.arm(MINUTE)
    await exchange.venue.close()
    exchange.clock.advance(300)
    exchange.venue = exchange.again()
    await exchange.venue.open()
    assert await exchange.venue.open_orders([]) == []


async def test_orders_that_wait_for_a_stop_price_are_canceled_with_the_others(
    exchange: Exchange,
) -> None:
    waiting = await exchange.rests(price=None, type=OrderType.STOP, stop_price=Decimal(61_000))
    await exchange.venue.arm(MINUTE)
    exchange.clock.advance(61)
    ended = await exchange.look(waiting)
    assert (ended.state, ended.at) == (OrderState.CANCELED, NOW + MINUTE)
