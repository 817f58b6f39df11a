"""`/limits`: every limit with its value and what is used of it, by the figures that orders meet."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from bot import house
from bot.telegram.limits import limits
from execution.equity import Standing, Stop, StopKind
from execution.snapshots import Moment, Used
from execution.types import Mode, TicketState
from tests.clock import Clock
from tests.desk import OLGA, TOML, VIC, FrontDesk, front_desk, settings_in
from tests.waiting import until

D = Decimal
ALL = """\
[risk]
max_order_notional = 1000
max_signal_age = "2m"
max_position_notional = 5000
max_open_orders = 10
max_open_positions = 5
max_orders_per_minute = 6
max_daily_loss = 200
max_drawdown = "10%"
max_price_deviation = "20%"
max_spread = "0.5%"
min_quote_reserve = 100
symbols = ["BTC/USDT", "ETH/USDT"]
sides = ["buy", "sell"]
trading_hours = "Mon-Fri 08:00-22:00"
cooldown_after_loss = "30m"
duplicate_window = "60s"
stop_loss_required = true
"""
NOTHING = Used(
    position_notional={}, open_orders=0, open_positions=0, orders_last_minute=0, last_loss_at=None
)


def said(folder: Path, risk: str, used: Used = NOTHING) -> list[str]:
    """The lines of the answer at 14:30 on a Friday."""
    toml = TOML.replace("[risk]\nmax_order_notional = 1000\n", risk)
    config = house.config(settings_in(folder, toml=toml))
    face = limits(Mode.PAPER, config, used, now=Clock()())
    return face.text.replace("\u202f", " ").splitlines()


def test_every_limit_has_its_value(tmp_path: Path) -> None:
    assert said(tmp_path, ALL) == [
        "<b>PAPER · Limits, and how much of them is used</b>",
        "<code>max_order_notional</code> 1 000 USDT",
        "<code>max_price_deviation</code> 20 %",
        "<code>max_spread</code> 0.5 %",
        "<code>min_quote_reserve</code> 100 of the quote currency",
        "<code>symbols</code> BTC/USDT, ETH/USDT",
        "<code>sides</code> buy, sell",
        "<code>stop_loss_required</code> yes",
        "<code>max_position_notional</code> nothing held · of 5 000 USDT each",
        "<code>max_open_orders</code> 0 of 10",
        "<code>max_open_positions</code> 0 of 5",
        "<code>max_orders_per_minute</code> 0 of 6",
        "<code>max_daily_loss</code> not known of 200 USDT",
        "<code>max_drawdown</code> not known of 10 %",
        "<code>max_signal_age</code> 2 min",
        "<code>duplicate_window</code> 1 min",
        "<code>trading_hours</code> Mon-Fri 08:00-22:00 · open now",
        "<code>cooldown_after_loss</code> 30 min · no loss in that time",
    ]


def test_what_is_off_is_said_in_one_line(tmp_path: Path) -> None:
    lines = said(tmp_path, "[risk]\n")
    assert lines[1:3] == [
        "<code>max_order_notional</code> 1 000 USDT",
        "<code>max_signal_age</code> 2 min",
    ]
    assert lines[3].startswith("Off: max_price_deviation, max_spread, min_quote_reserve, symbols")
    assert len(lines) == 4


def test_what_has_stopped_entries_says_so(tmp_path: Path) -> None:
    at = Clock()()
    stop = Stop(kind=StopKind.DRAWDOWN, since=at, day=at.date(), figure=D("0.11"), bound=D("0.1"))
    read = Standing(at=at, equity=D(95), mark=D(100))
    rows = said(
        tmp_path,
        '[risk]\nmax_drawdown = "10%"\nmax_daily_loss = 200\n',
        NOTHING.evolve(standing=read, stops=(stop,)),
    )
    assert "<code>max_daily_loss</code> not known of 200 USDT" in rows
    (row,) = [row for row in rows if "max_drawdown" in row]
    assert row == "<code>max_drawdown</code> <b>entries stopped</b> · 5 % of 10 % · 95 of 100 USDT"


def test_a_loss_says_how_much_longer_entries_wait(tmp_path: Path) -> None:
    lost = NOTHING.evolve(last_loss_at=Clock()() - timedelta(minutes=18))
    rows = said(tmp_path, '[risk]\ncooldown_after_loss = "30m"\n', lost)
    assert "<code>cooldown_after_loss</code> 30 min · entries wait 12 min more" in rows


def test_of_many_base_assets_the_first_are_named(tmp_path: Path) -> None:
    held = NOTHING.evolve(position_notional={f"A{n:02}": D(n) for n in range(1, 15)})
    (row,) = [r for r in said(tmp_path, "[risk]\nmax_position_notional = 50\n", held) if "A01" in r]
    assert row.endswith("A12 12, 2 more · of 50 USDT each")


async def test_what_is_used_is_what_orders_are_measured_by(tmp_path: Path) -> None:
    """A position counts with its value, a resting entry and what was sent once each."""
    toml = TOML.replace(
        "[risk]\nmax_order_notional = 1000\n", ALL.replace("required = true", "required = false")
    )
    toml = toml.replace('duplicate_window = "60s"\n', "")
    async with front_desk(tmp_path, toml=toml) as desk:
        await desk.start("trading")
        for _ in range(3):
            desk.clock.advance(10)
            await desk.side.accounts.turn()
        bought = await desk.new_ticket(source="straight", amount="0.01")
        await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
        await desk.resting_order()
        used = desk.read(
            lambda tx: Moment(tx=tx, market=desk.side.market, config=desk.front.config).used()
        )
        assert (used.open_orders, used.open_positions, used.orders_last_minute) == (1, 1, 2)
        assert D(1000) < used.position_notional["BTC"] < D(1200)
        await desk.start("intake")
        desk.playground.say("/limits", by=VIC)
        told = await desk.playground.wait_for_text("Limits, and how much")
        assert "max_open_orders 1 of 10" in told.text
        assert "max_orders_per_minute 2 of 6" in told.text


async def test_a_word_after_it_is_answered_with_how_it_is_typed(desk: FrontDesk) -> None:
    await desk.start("intake")
    for command in ("/limits now", "/test now"):
        desk.playground.say(command, by=OLGA)
        await desk.heard()
        assert desk.said[-1].text.startswith(f"PAPER · Type {command.split()[0]}: ")
    assert desk.read(lambda tx: tx.tickets.newest(limit=1)) == []
