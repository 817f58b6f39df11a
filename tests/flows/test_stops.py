"""A day's loss and a drawdown on the whole desk: entries stop, exits go on, people are told with the numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.playground import Message
from execution.equity import Standing, Stop, StopKind
from execution.events import EventKind
from execution.types import OrderState, Side, Ticket, TicketState, TimeInForce
from execution.venues.books import Books
from tests.desk import ANA, OLGA, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
RULES = """\
max_order_notional = 100000
max_daily_loss = 200
max_drawdown = "10%"
"""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """A desk with both rules, whose account was read often enough."""
    Books(tmp_path / "paper.db", {"USDT": D(100_000)}).close()
    toml = TOML.replace("max_order_notional = 1000\n", RULES)
    async with front_desk(tmp_path, toml=toml) as made:
        await made.start("trading", "notifier")
        await readings(made, 3)
        yield made


async def readings(desk: FrontDesk, times: int) -> Standing:
    """So many readings of the account, ten seconds apart, and how the desk stands after them."""
    for _ in range(times):
        desk.clock.advance(10)
        await desk.side.accounts.turn()
    found = desk.read(lambda tx: tx.accounts.standing())
    assert found is not None
    return found


async def filled(desk: FrontDesk, **fields: object) -> Ticket:
    """An order that goes straight through and fills."""
    ticket = await desk.new_ticket(source="straight", **fields)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    return ticket


async def rests(desk: FrontDesk, side: Side, price: str) -> Ticket:
    """An order far from the market that rests until somebody cancels it."""
    ticket = await desk.new_ticket(
        source="straight",
        side=side,
        price=D(price),
        amount="0.01",
        time_in_force=TimeInForce.GTC,
    )
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    await until(lambda: desk.order(ticket).state is OrderState.WORKING)
    return ticket


async def codes(desk: FrontDesk) -> list[str]:
    """What a small entry is refused for."""
    ticket = await desk.new_ticket(symbol="ETH/USDT", notional="100")
    return [refusal.code for refusal in ticket.refusals]


def plain(message: Message) -> str:
    return message.text.replace("\u202f", " ").replace("\u00a0", " ")


async def test_a_day_that_lost_too_much_stops_entries_until_the_next(desk: FrontDesk) -> None:
    await filled(desk, amount="0.1")
    await rests(desk, Side.BUY, "30000")
    assert await codes(desk) == []

    desk.prices.set_price("BTC/USDT", D(57_000))
    standing = await readings(desk, 1)
    assert standing.day is not None
    assert standing.day.total < -200
    assert await codes(desk) == ["MAX_DAILY_LOSS"], "one reading refuses"
    await readings(desk, 2)
    told = await desk.playground.wait_for_text("No entries until tomorrow")
    assert plain(told).splitlines() == [
        "PAPER · The day stands at −305.70 USDT. No entries until tomorrow.",
        "Realised −6, unrealised −299.70; max_daily_loss is 200 USDT.",
        "Exits go on. 1 entry of ours may still fill.",
    ]

    desk.prices.set_price("BTC/USDT", D(60_000))
    await readings(desk, 3)
    assert await codes(desk) == ["MAX_DAILY_LOSS"], "what stopped it was found three times"
    await filled(desk, side=Side.SELL, amount="0.05")

    desk.clock.now = desk.clock.now.replace(hour=23, minute=59, second=45)
    await readings(desk, 1)
    assert await codes(desk) == ["MAX_DAILY_LOSS"]
    await readings(desk, 1)
    assert await codes(desk) == []
    over = desk.read(lambda tx: tx.journal.last(EventKind.DAILY_LOSS_OVER))
    assert over is not None
    assert over.data["day"] == "2026-11-20"


async def test_yesterdays_stop_refuses_nothing_today(desk: FrontDesk) -> None:
    """Whether or not a reading has lifted it by then."""
    at, today = desk.clock(), desk.clock().date()
    stop = Stop(kind=StopKind.DAILY_LOSS, since=at, day=today, figure=D(-300), bound=D(200))
    for day, refused in ((today, ["MAX_DAILY_LOSS"]), (today - timedelta(days=1), [])):
        await desk.side.store.write(
            lambda tx, d=day: (
                tx.accounts.lift(StopKind.DAILY_LOSS),
                tx.accounts.stop(stop.evolve(day=d)),
            )
        )
        assert await codes(desk) == refused


async def test_the_message_cancels_entries_and_leaves_exits(desk: FrontDesk) -> None:
    await filled(desk, amount="0.1")
    entry, leaving = await rests(desk, Side.BUY, "30000"), await rests(desk, Side.SELL, "90000")
    desk.prices.set_price("BTC/USDT", D(57_000))
    await readings(desk, 3)
    told = await desk.playground.wait_for_text("No entries until tomorrow")
    await desk.start("intake")

    refused = await desk.tap(told, "Cancel 1 entry", by=VIC)
    assert refused.alert
    await desk.tap(told, "Cancel 1 entry", by=ANA)
    desk.clock.advance(2)
    await until(lambda: desk.order(entry).state is OrderState.CANCELED)
    assert desk.order(leaving).state is OrderState.WORKING


async def test_a_drawdown_outlives_a_restart_until_an_owner_resets_it(desk: FrontDesk) -> None:
    await filled(desk, amount="1")
    desk.prices.set_price("BTC/USDT", D(49_000))
    await readings(desk, 3)
    told = await desk.playground.wait_for_text("below its highest")
    assert plain(told).startswith(
        "PAPER · Equity is 11 % below its highest. No entries until it is reset."
    )

    await desk.restart()
    desk.clock.advance(86400)
    await desk.start("trading", "notifier", "intake")
    await readings(desk, 1)
    assert await codes(desk) == ["MAX_DRAWDOWN"]
    await filled(desk, side=Side.SELL, amount="0.5")

    desk.playground.say("/limits reset drawdown", by=OLGA)
    question = await desk.playground.wait_for_text("Reset the drawdown?")
    await desk.tap(question, "Confirm reset", by=OLGA)
    await until(lambda: not desk.read(lambda tx: tx.accounts.stops()))
    assert await codes(desk) == []
    assert "Drawdown counts from" in (await desk.playground.wait_for_text("Drawdown counts")).text


async def test_a_deposit_shifts_the_mark_and_hides_no_loss(desk: FrontDesk) -> None:
    await filled(desk, amount="0.1")
    before = await readings(desk, 1)
    with closing(sqlite3.connect(desk.folder / "paper.db")) as raw:
        total = D(raw.execute("SELECT total FROM balances WHERE asset = 'USDT'").fetchone()[0])
        raw.execute("UPDATE balances SET total = ? WHERE asset = 'USDT'", (str(total + 5000),))
        raw.commit()
    after = await readings(desk, 4)
    assert before.mark is not None
    assert before.equity is not None
    assert (after.mark, after.equity) == (before.mark + 5000, before.equity + 5000)


async def test_a_fill_that_nobody_could_see_is_no_deposit_when_it_shows(desk: FrontDesk) -> None:
    desk.paper.faults.hide_orders = True
    desk.paper.faults.drop_next_answer = True
    ticket = await desk.new_ticket(source="straight", amount="0.1")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    hidden = await readings(desk, 5)
    assert (hidden.equity, hidden.mark) == (100_000, 100_000)

    desk.paper.faults.hide_orders = False
    desk.clock.advance(31)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    shown = await readings(desk, 5)
    assert shown.equity is not None
    assert 99_990 < shown.equity < 100_000
    assert shown.mark == 100_000


async def test_status_and_limits_show_what_was_read(desk: FrontDesk) -> None:
    await filled(desk, amount="0.1")
    desk.prices.set_price("BTC/USDT", D(59_500))
    await readings(desk, 1)
    await desk.start("intake")
    desk.clock.advance(4)
    desk.playground.say("/status", by=VIC)
    status = plain(await desk.playground.wait_for_text("Messages not delivered"))
    assert "Today −55.95 USDT: realised −6, unrealised −49.95 · oldest price 4 s" in status
    desk.playground.say("/limits", by=VIC)
    told = plain(await desk.playground.wait_for_text("Limits, and how much"))
    assert "max_daily_loss 55.95 of 200 USDT · the day stands at −55.95 · oldest price 4 s" in told
    assert "max_drawdown 0.06 % of 10 % · 99 944.05 of 100 000 USDT · oldest price 4 s" in told
