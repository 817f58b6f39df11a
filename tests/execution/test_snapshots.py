"""What a check knows of positions and losses: by what is kept, not by what was folded anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from execution.desk import Person
from execution.equity import DayResult, Standing, Stop, StopKind
from execution.store import Transaction
from execution.types import OrderState, OrderType, Side, Ticket, TicketState
from execution.venues.books import Books
from tests.desk import OLGA, TOML, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
OWNER = Person(id=f"tg:{OLGA}", name="Olga")
RULES = """\
max_order_notional = 100000
max_position_notional = 50000
max_open_positions = 1
cooldown_after_loss = "30m"
"""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """A desk whose account held 2 BTC; one position at most, and a pause after a loss."""
    Books(tmp_path / "paper.db", {"USDT": D(100_000), "BTC": D(2)}).close()
    toml = TOML.replace("max_order_notional = 1000\n", RULES)
    async with front_desk(tmp_path, toml=toml) as made:
        await made.start("trading")
        yield made


async def adopt(desk: FrontDesk, amount: str, average: str) -> None:
    await desk.side.desk.adopt("BTC/USDT", amount=D(amount), average=D(average), person=OWNER)


async def close(desk: FrontDesk) -> None:
    """Sell the whole position."""
    ticket = await desk.new_ticket(source="straight", side=Side.SELL, close=True)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    assert desk.read(lambda tx: tx.positions.open()) == []


def codes(ticket: Ticket) -> list[str]:
    return [refusal.code for refusal in ticket.refusals]


async def test_after_a_loss_nothing_is_opened_until_the_pause_is_over(desk: FrontDesk) -> None:
    await adopt(desk, "0.1", "90000")
    await close(desk)

    assert codes(await desk.new_ticket(notional="100")) == ["COOLDOWN_AFTER_LOSS"]
    desk.clock.advance(1799)
    assert codes(await desk.new_ticket(notional="100")) == ["COOLDOWN_AFTER_LOSS"]
    desk.clock.advance(1)
    assert codes(await desk.new_ticket(notional="100")) == []


async def test_a_gain_pauses_nothing(desk: FrontDesk) -> None:
    await adopt(desk, "0.1", "30000")
    await close(desk)
    assert codes(await desk.new_ticket(notional="100")) == []


async def test_what_is_held_counts_against_the_limits(desk: FrontDesk) -> None:
    await adopt(desk, "0.7", "60000")

    assert "MAX_POSITION_NOTIONAL" in codes(await desk.new_ticket(notional="20000"))
    assert codes(await desk.new_ticket(notional="100")) == []
    assert codes(await desk.new_ticket(symbol="ETH/USDT", notional="100")) == ["MAX_OPEN_POSITIONS"]


async def test_what_is_too_little_to_sell_is_no_open_position(desk: FrontDesk) -> None:
    await adopt(desk, "0.0000001", "60000")
    assert codes(await desk.new_ticket(symbol="ETH/USDT", notional="100")) == []


class TestReadingsOfTheAccounts:
    """By a reading that nobody renews no entry is let through, and what it stopped stays so."""

    LOSSES = 'max_order_notional = 100000\nmax_daily_loss = 200\nmax_drawdown = "10%"\n'

    @pytest.fixture
    async def desk(self, tmp_path: Path) -> AsyncIterator[FrontDesk]:
        toml = TOML.replace("max_order_notional = 1000\n", self.LOSSES)
        async with front_desk(tmp_path, toml=toml) as made:
            await made.start("trading")
            yield made

    def read(self, desk: FrontDesk, *stops: Stop) -> None:
        """A reading in which nothing was lost."""

        def work(tx: Transaction) -> None:
            nothing = DayResult(day=tx.now.date(), realized=D(0), unrealized=D(0))
            tx.accounts.stand(Standing(at=tx.now, day=nothing, equity=D(1000), mark=D(1000)))
            for stop in stops:
                tx.accounts.stop(stop)

        desk.side.store.write_now(work)

    async def test_one_that_is_too_old_says_nothing(self, desk: FrontDesk) -> None:
        self.read(desk)
        assert codes(await desk.new_ticket(notional="100")) == []

        desk.clock.advance(61)
        refused = await desk.new_ticket(notional="100")
        assert codes(refused) == ["MAX_DAILY_LOSS", "MAX_DRAWDOWN"]
        assert "not known" in refused.refusals[0].text

    async def test_what_it_stopped_is_stopped_however_old_it_is(self, desk: FrontDesk) -> None:
        now = desk.clock()
        fell = {"since": now, "day": now.date(), "figure": D("0.2"), "bound": D("0.1")}
        self.read(desk, Stop(kind=StopKind.DRAWDOWN, **fell))
        desk.clock.advance(61)

        refused = await desk.new_ticket(notional="100")
        assert "Entries wait for /limits reset drawdown" in refused.refusals[1].text


@pytest.mark.parametrize(("locks", "refused"), [(True, []), (False, ["INSUFFICIENT_BALANCE"])])
async def test_what_a_stop_is_to_sell_is_set_aside_where_the_exchange_does_not(
    desk: FrontDesk, locks: bool, refused: list[str]
) -> None:
    """An exchange that locks nothing for a stop calls free what the stop is to sell."""
    offers = desk.prices.instruments()["BTC/USDT"].offers
    desk.prices.set_offers("BTC/USDT", offers.evolve(triggered_lock=locks))
    await adopt(desk, "0.1", "60000")
    exits = {"source": "straight", "side": Side.SELL, "type": OrderType.STOP}
    stop = await desk.new_ticket(**exits, stop_price=D(50_000), amount="0.1")
    await until(lambda: desk.ticket(stop.id).state is TicketState.WORKING)
    await until(lambda: desk.order(stop).state is OrderState.WORKING)
    desk.clock.advance(10)
    await until(lambda: desk.side.market.feed("main").balances["BTC"].free == D("1.9"))

    sold = await desk.new_ticket(side=Side.SELL, amount="1.85")
    assert [one for one in codes(sold) if one == "INSUFFICIENT_BALANCE"] == refused


async def test_a_stop_that_locks_nothing_gives_way_to_a_closing_all_the_same(
    desk: FrontDesk,
) -> None:
    offers = desk.prices.instruments()["BTC/USDT"].offers
    desk.prices.set_offers("BTC/USDT", offers.evolve(triggered_lock=False))
    await adopt(desk, "0.1", "60000")
    exits = {"source": "straight", "side": Side.SELL, "type": OrderType.STOP}
    stop = await desk.new_ticket(**exits, stop_price=D(50_000), amount="0.1")
    await until(lambda: desk.ticket(stop.id).state is TicketState.WORKING)
    await until(lambda: desk.order(stop).state is OrderState.WORKING)
    (asked,) = (await desk.side.desk.close("BTC/USDT", D(1), person=OWNER)).tickets

    def closed() -> bool:
        desk.clock.advance(0.1)
        return desk.ticket(asked.id).state is TicketState.DONE

    await until(closed, timeout_s=20)
    assert desk.order(stop).state is OrderState.CANCELED
