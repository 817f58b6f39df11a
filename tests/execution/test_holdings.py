"""What an account held before becomes a position when an owner says so, and never more than is held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.desk import Person
from execution.errors import NotAllowed, NotPossible
from execution.events import EventKind
from execution.holdings import venue_with
from execution.market import Market
from execution.positions import Position
from execution.types import Side, TicketState
from execution.venues.books import Books
from execution.venues.paper import PaperVenue
from tests.clock import Clock
from tests.desk import ANA, OLGA, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
OWNER = Person(id=f"tg:{OLGA}", name="Olga")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """A desk whose account held 2 BTC before it began."""
    Books(tmp_path / "paper.db", {"USDT": D(100_000), "BTC": D(2)}).close()
    async with front_desk(tmp_path) as made:
        await made.start("trading")
        yield made


async def adopt(desk: FrontDesk, amount: str = "0.5", average: str = "50000") -> Position:
    return await desk.side.desk.adopt("BTCUSDT", amount=D(amount), average=D(average), person=OWNER)


async def refusal(desk: FrontDesk, amount: str = "0.5", average: str = "50000") -> str:
    """Why it is not done; nothing is written then."""
    head = desk.head()
    with pytest.raises(NotPossible) as refused:
        await adopt(desk, amount, average)
    assert desk.head() == head
    return str(refused.value)


async def test_a_part_of_what_is_held_becomes_a_position(desk: FrontDesk) -> None:
    position = await adopt(desk)

    assert (position.venue, position.symbol) == ("main", "BTC/USDT")
    assert (position.amount, position.average, position.realized) == (D("0.5"), D(50_000), D(0))
    assert desk.read(lambda tx: tx.positions.open()) == [position]
    assert desk.read(lambda tx: list(tx.positions.wrong())) == []


async def test_it_is_in_the_journal_with_who_said_so(desk: FrontDesk) -> None:
    await adopt(desk)

    (entry,) = [
        e for e in desk.read(lambda tx: tx.journal.after(0)) if e.kind is EventKind.POSITION_ADOPTED
    ]
    (fill,) = desk.read(lambda tx: tx.fills.newest(limit=9))
    assert (fill.order, fill.ticket) == (None, None)
    assert entry.actor == OWNER.id
    assert entry.data == {
        "name": "Olga",
        "venue": "main",
        "symbol": "BTC/USDT",
        "fill": fill.id,
        "amount": "0.5",
        "average": "50000",
    }


async def test_what_was_adopted_is_sold_as_a_position_and_has_a_result(desk: FrontDesk) -> None:
    await adopt(desk, average="30000")
    signal = await desk.accept(source="straight", side=Side.SELL, close=True)

    def done() -> bool:
        found = desk.read(lambda tx: tx.tickets.newest(limit=1, signal=signal.id))
        return bool(found) and found[0].state is TicketState.DONE

    await until(done)
    (closed,) = [
        one for one in desk.read(lambda tx: tx.positions.realized_since(desk.clock())) if one.closed
    ]
    assert closed.closed == D("0.5")
    assert closed.result > D("0.4") * (closed.fill.price - 30_000)
    assert desk.read(lambda tx: tx.positions.open()) == []


async def test_it_is_adopted_at_a_time_of_the_exchanges_clock_as_its_trades_are(
    desk: FrontDesk,
) -> None:
    """By ours, a sale right after it would lie before it, and leave a position that is sold."""
    desk.paper.clock_ahead = timedelta(minutes=5)
    await adopt(desk)
    (fill,) = desk.read(lambda tx: tx.fills.newest(limit=9))
    assert fill.at == desk.clock() - timedelta(minutes=5)


async def test_it_is_added_to_a_position_that_is_there(desk: FrontDesk) -> None:
    await adopt(desk, "0.5", "50000")
    both = await adopt(desk, "0.5", "60000")
    assert (both.amount, both.average) == (D(1), D(55_000))


async def test_the_same_is_not_adopted_twice(desk: FrontDesk) -> None:
    """A message that is handed out again after a crash must not double a position."""
    await adopt(desk, "0.5", "50000")
    assert await refusal(desk, "0.50", "50000.0") == (
        "0.5 BTC at 50\u202f000 was adopted before; the same is not adopted twice."
    )


async def test_no_more_than_is_held_and_is_no_position_yet(desk: FrontDesk) -> None:
    assert await refusal(desk, "2.001") == "The account at main holds 2 BTC: 2 can be adopted."
    await adopt(desk, "1.5")
    assert await refusal(desk, "0.6") == (
        "The account at main holds 2 BTC, 1.5 of it in positions: 0.5 can be adopted."
    )
    assert (await adopt(desk, "0.5")).amount == D(2)
    assert "0 can be adopted" in await refusal(desk, "0.001")


async def test_nothing_is_adopted_while_an_order_in_it_may_fill(desk: FrontDesk) -> None:
    """What it bought might be in the balances already, and in no position yet."""
    await desk.resting_order()
    assert await refusal(desk) == ("An order in BTC/USDT is on its way: adopt when it has ended.")


async def test_nothing_is_adopted_on_balances_that_are_old(desk: FrontDesk) -> None:
    feed = desk.side.market.feed("main")
    await desk.stop("trading")
    desk.clock.now += timedelta(seconds=21)
    assert "What main holds just now is not known" in await refusal(desk)

    await desk.side.market.fresh_balances("main")
    desk.side.market.stale_balances("main")
    assert "What main holds just now is not known" in await refusal(desk)
    assert feed.balances_due


async def test_a_market_that_is_not_there_is_named(desk: FrontDesk) -> None:
    with pytest.raises(NotPossible, match="There is no market NOPE/USDT at main"):
        await desk.side.desk.adopt("NOPE/USDT", amount=D(1), average=D(1), person=OWNER)


async def test_only_an_owner_may(desk: FrontDesk) -> None:
    with pytest.raises(NotAllowed):
        await desk.side.desk.adopt(
            "BTC/USDT", amount=D(1), average=D(1), person=Person(id=f"tg:{ANA}", name="Ana")
        )


async def test_before_the_exchange_has_answered_nothing_is_known(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        assert await refusal(desk) == "The venue main is not connected: not connected yet."


async def test_a_default_venue_whose_markets_are_not_known_yet_is_the_one_that_is_meant(
    tmp_path: Path,
) -> None:
    """Else what is typed while it connects would go to another account."""
    clock = Clock()
    venues = {name: PaperVenue(name, tmp_path / f"{name}.db", clock) for name in ("main", "other")}
    market = Market(venues, clock=clock, currency="USDT", at_par=())
    await venues["other"].open()
    try:
        assert venue_with(market, "main", "BTCUSDT") is market.feed("main")
        market.feed("main").loaded = True
        assert venue_with(market, "main", "BTCUSDT") is market.feed("other")
    finally:
        await venues["other"].close()
