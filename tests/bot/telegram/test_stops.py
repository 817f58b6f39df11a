"""What is said of the accounts: the day, drawdown, and the messages when one of them stops entries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.telegram import accounts, stops
from bot.telegram.faces import Action, Face
from execution.equity import DayResult, Standing, Stop, StopKind
from execution.types import Mode
from tests.bot.telegram.views import LOOK, NOON

D = Decimal
TODAY = NOON.date()
SEEN = NOON - timedelta(seconds=4)
LOSS = {"result": "-203.1", "realized": "-150", "unrealized": "-53.1", "bound": "200"}
FALL = {"drawdown": "0.1034", "equity": "89660", "mark": "100000", "bound": "0.1"}


def read(text: str) -> str:
    return text.replace("\u202f", " ").replace("<b>", "").replace("</b>", "")


def day(**changes: Any) -> DayResult:
    given: dict[str, Any] = {"realized": D(20), "unrealized": D("11.2"), "prices_at": SEEN}
    return DayResult(day=TODAY, **given | changes)


def stood(**changes: Any) -> Standing:
    given: dict[str, Any] = {
        "at": SEEN,
        "day": day(),
        "equity": D(97_690),
        "mark": D(100_000),
        "prices_at": SEEN,
    }
    return Standing(**given | changes)


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (None, ""),
        (stood(), "Today +31.20 USDT: realised +20, unrealised +11.20 · oldest price 4 s"),
        (
            stood(day=day(prices_at=None, apart={"EUR": D(-30)})),
            "Today +31.20 USDT: realised +20, unrealised +11.20, apart −30 EUR",
        ),
        (stood(day=None), "Today: not known"),
        (
            stood(day=None, unpriced=("BTC/USDT at main", "ETH/USDT at main")),
            "Today: not known, no price of BTC/USDT at main and ETH/USDT at main",
        ),
        (
            stood(at=NOON - timedelta(minutes=5)),
            "Today +31.20 USDT: realised +20, unrealised +11.20 · read 5 min ago · oldest price 4 s",
        ),
    ],
)
def test_the_day_stands_in_a_line_with_its_parts(standing: Standing | None, said: str) -> None:
    assert read(accounts.today(standing, LOOK, now=NOON)) == said


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (None, "not known of 200 USDT"),
        (stood(), "0 of 200 USDT · the day stands at +31.20 · oldest price 4 s"),
        (
            stood(day=day(unrealized=D(-70))),
            "50 of 200 USDT · the day stands at −50 · oldest price 4 s",
        ),
    ],
)
def test_of_the_daily_loss_it_is_said_how_much_is_used(
    standing: Standing | None, said: str
) -> None:
    assert read(accounts.loss_used(standing, D(200), "USDT", now=NOON)) == said


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (None, "not known of 10 %"),
        (
            stood(equity=None, unread=("main", "kraken")),
            "not known of 10 % · no reading of main and kraken",
        ),
        (stood(), "2.31 % of 10 % · 97 690 of 100 000 USDT · oldest price 4 s"),
        (
            stood(without_price=("A", "B", "C", "D", "E", "F")),
            "2.31 % of 10 % · 97 690 of 100 000 USDT · left out A, B, C, D and 2 more, no price · "
            "oldest price 4 s",
        ),
    ],
)
def test_of_the_drawdown_it_is_said_how_much_is_used_and_what_is_left_out(
    standing: Standing | None, said: str
) -> None:
    assert read(accounts.drawdown_used(standing, D("0.1"), "USDT", now=NOON)) == said


def buttons(face: Face) -> list[tuple[str, Action]]:
    return [(button.label, button.action) for row in face.buttons for button in row]


def test_a_loss_that_stops_entries_is_told_with_its_numbers_and_one_button() -> None:
    face = stops.daily_loss(Mode.LIVE, LOSS, LOOK, entries=3)
    assert read(face.text).splitlines() == [
        "LIVE · The day stands at −203.10 USDT. No entries until tomorrow.",
        "Realised −150, unrealised −53.10; max_daily_loss is 200 USDT.",
        "Exits go on. 3 entries of ours may still fill.",
    ]
    assert buttons(face) == [("Cancel 3 entries", Action.CANCEL_ENTRIES)]


def test_a_drawdown_that_stops_entries_says_how_it_is_lifted() -> None:
    face = stops.drawdown(Mode.LIVE, FALL, LOOK, entries=0)
    assert read(face.text).splitlines() == [
        "LIVE · Equity is 10.3 % below its highest. No entries until it is reset.",
        "89 660 of 100 000 USDT; max_drawdown is 10 %.",
        "Exits go on. An owner types /limits reset drawdown.",
    ]
    assert buttons(face) == [], "nothing rests"


def test_that_entries_go_on_is_told_too() -> None:
    over = stops.over(Mode.PAPER, "Yesterday's loss is over")
    assert read(over.text) == "PAPER · Yesterday's loss is over: it stops entries no more."
    reset = stops.drawdown_reset(Mode.PAPER, {"name": "Olga <b>", "equity": "97690"}, LOOK)
    assert "Drawdown counts from 97 690 USDT now. Olga &lt;b&gt;" in read(reset.text)


def test_what_stops_entries_stands_in_the_status() -> None:
    told = accounts.stopped(
        [
            Stop(kind=StopKind.DAILY_LOSS, since=NOON, day=TODAY, figure=D(-203), bound=D(200)),
            Stop(kind=StopKind.DRAWDOWN, since=NOON, day=TODAY, figure=D("0.11"), bound=D("0.1")),
        ],
        LOOK,
    )
    assert [read(line) for line in told] == [
        "No entries until tomorrow: the day stood at −203 USDT",
        "No entries until /limits reset drawdown: equity was 11 % below its highest",
    ]
