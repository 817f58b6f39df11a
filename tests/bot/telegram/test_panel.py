"""What the pinned panel says: all of it in the first line, trouble below, a button that fits the state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.telegram.faces import Action
from bot.telegram.panel import Panel, panel
from execution.equity import DayResult, Standing, Stop, StopKind
from execution.reports import StatusView, VenueView
from execution.trading import Halt, Trading
from execution.types import Mode, TradingState
from tests.bot.telegram.views import LOOK, NOON, seen

NOW = datetime(2026, 11, 20, 14, 45, 10, tzinfo=UTC)
HALT = Halt(by="tg:2222", name="Ana", at=NOON, reason="")
PHONE = 46
"""Characters that a phone's pinned bar shows of a line."""


def venue(**changes: Any) -> VenueView:
    given: dict[str, Any] = {
        "name": "main",
        "exchange": "binance",
        "mode": Mode.LIVE,
        "connected": True,
        "reason": None,
        "stream": None,
        "open_orders": 0,
        "last_reconciled": NOON,
    }
    return VenueView(**given | changes)


def status(**changes: Any) -> StatusView:
    given: dict[str, Any] = {
        "version": "1",
        "mode": Mode.LIVE,
        "trading": Trading(state=TradingState.ACTIVE, generation=0),
        "venues": [venue(), venue(name="spot", exchange="kraken")],
        "pending": 1,
        "open": 3,
        "unknown": 0,
        "working": [],
        "positions": [],
        "undelivered": 0,
        "duplicates": 0,
        "uptime": timedelta(hours=1),
    }
    return StatusView(**given | changes)


def made(*, unsaved: str | None = None, confirms: bool = False, **changes: Any) -> Panel:
    return panel(status(**changes), LOOK, now=NOW, unsaved=unsaved, confirms=confirms)


def stopped(state: TradingState = TradingState.HALTED, **changes: Any) -> Trading:
    return Trading(state=state, generation=1, halt=HALT.evolve(**changes))


def said(given: Panel) -> str:
    return seen(given.face.text)


def labels(given: Panel) -> list[str]:
    return [button.label for row in given.buttons for button in row]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "LIVE · trading · waiting 1 · open 3"),
        (
            {"trading": stopped(TradingState.PAUSED)},
            "LIVE · PAUSED by Ana at 14:30 · waiting 1 · open 3",
        ),
        ({"trading": stopped(), "open": 2}, "LIVE · HALTED by Ana at 14:30, NOT DONE · open 2"),
        (
            {"trading": stopped(verified_at=NOON), "pending": 0, "open": 0},
            "LIVE · HALTED by Ana at 14:30, done",
        ),
        (
            {"trading": stopped(at=NOON - timedelta(days=3), verified_at=NOON), "open": 0},
            "LIVE · HALTED by Ana on Tue 17 Nov, done",
        ),
        ({"unsaved": "Ana"}, "LIVE · HALTED by Ana, NOT STORED · waiting 1 · open 3"),
    ],
)
def test_first_line_says_how_the_desk_stands(changes: dict[str, Any], line: str) -> None:
    assert said(made(**changes)).splitlines()[0] == line
    assert len(line.split(" · ", 2)[0] + line.split(" · ", 2)[1]) + 3 <= PHONE


def test_quiet_desk_needs_three_lines() -> None:
    assert said(made()).splitlines()[1:] == ["2 venues connected", "As of 14:45:10"]


def test_what_is_wrong_stands_below_the_first_line() -> None:
    away = venue(connected=False, reason="connection refused")
    strange = venue(name="spot", exchange="kraken", strangers=2)
    lost = Stop(
        kind=StopKind.DAILY_LOSS,
        since=NOON,
        day=NOON.date(),
        figure=Decimal(-203),
        bound=Decimal(200),
    )
    told = made(venues=[away, strange], unknown=1, undelivered=4, stops=[lost])
    assert said(told).splitlines()[1:] == [
        "binance main not connected, connection refused",
        "kraken spot: 2 orders not known here",
        "1 order in doubt",
        "No entries until tomorrow: the day stood at −203 USDT",
        "4 messages not delivered",
        "As of 14:45:10",
    ]


def test_many_venues_with_trouble_are_counted_past_the_eighth() -> None:
    told = said(made(venues=[venue(name=f"v{n}", connected=False) for n in range(11)]))
    assert "binance v7 not connected" in told
    assert "binance v8" not in told
    assert "and 3 more venues" in told


@pytest.mark.parametrize(
    ("read_at", "line"),
    [
        (NOW - timedelta(seconds=9), "Today +31.20 USDT"),
        (NOW - timedelta(minutes=5), "Today +31.20 USDT · read at 14:40:10"),
    ],
)
def test_day_result_is_told_with_its_time_where_it_is_old(read_at: datetime, line: str) -> None:
    day = DayResult(
        day=NOON.date(), realized=Decimal(20), unrealized=Decimal("11.2"), prices_at=None
    )
    assert line in said(made(standing=Standing(at=read_at, day=day))).splitlines()


def test_day_result_that_is_not_known_says_so() -> None:
    standing = Standing(at=NOW, unpriced=("BTC/USDT at main",))
    told = said(made(standing=standing)).splitlines()
    assert "Today: not known, no price of BTC/USDT at main" in told


def test_figures_alone_are_no_news() -> None:
    day = DayResult(day=NOON.date(), realized=Decimal(20), unrealized=Decimal(0), prices_at=None)
    before, after = made(standing=Standing(at=NOW, day=day)), made(standing=None)
    assert before.news == after.news
    assert before.figures != after.figures


@pytest.mark.parametrize(
    ("changes", "buttons"),
    [
        ({}, ["Kill", "Refresh"]),
        ({"confirms": True}, ["Confirm kill", "Refresh"]),
        ({"trading": stopped(TradingState.PAUSED)}, ["Kill", "Refresh"]),
        ({"trading": stopped()}, ["Status", "Refresh"]),
        ({"trading": stopped(), "confirms": True}, ["Status", "Refresh"]),
        ({"unsaved": "Ana"}, ["Status", "Refresh"]),
    ],
)
def test_button_that_kills_is_there_unless_it_is_halted(
    changes: dict[str, Any], buttons: list[str]
) -> None:
    assert labels(made(**changes)) == buttons


def test_names_from_outside_are_escaped_and_cut() -> None:
    name = "<b>" + "x" * 300
    for given in (made(trading=stopped(name=name)), made(unsaved=name)):
        head = given.face.text.splitlines()[0]
        assert "&lt;b&gt;" in head
        assert len(head) < 120


def test_every_button_is_the_panels_own() -> None:
    used = {b.action for c in (False, True) for row in made(confirms=c).buttons for b in row}
    used |= {b.action for row in made(trading=stopped()).buttons for b in row}
    assert used == {
        Action.KILL,
        Action.CONFIRM_KILL,
        Action.SHOW_STATUS,
        Action.REFRESH_PANEL,
    }
    assert all(b.about is None for row in made().buttons for b in row)
