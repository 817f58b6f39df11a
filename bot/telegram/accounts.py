"""What is said of the accounts in a line: the day's result, drawdown, and what the two have stopped.

Pure. Every figure is of the last reading, and says how old the oldest price in it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from bot.telegram import figures, lines
from bot.telegram.faces import Look
from execution.equity import DayResult, Standing, Stop, StopKind

_SHOWN = 4
"""Markets, assets or venues that are named; the rest is counted."""
_LATE = timedelta(seconds=30)
"""A reading older than this is told with its time."""


def today(standing: Standing | None, look: Look, *, now: datetime) -> str:
    """The day's result with its parts, in a line, or why it is not known; nothing before it was read."""
    if standing is None:
        return ""
    if standing.day is None:
        lacking = f", no price of {_named(standing.unpriced)}" if standing.unpriced else ""
        return f"Today: not known{lacking}"
    return f"Today {result(standing.day, look)}{_aged(standing, standing.day.prices_at, now)}"


def result(day: DayResult, look: Look) -> str:
    """`+31.20 USDT: realised +20.00, unrealised +11.20`; what has no rate stands apart."""
    parts = [
        f"realised {figures.money(day.realized, signed=True)}",
        f"unrealised {figures.money(day.unrealized, signed=True)}",
        *(
            f"apart {figures.money(amount, signed=True)} {figures.quoted(unit, lines.NAME)}"
            for unit, amount in list(day.apart.items())[:_SHOWN]
        ),
    ]
    return f"{money(day.total, look)}: {', '.join(parts)}"


def stopped(stops: Sequence[Stop], look: Look) -> list[str]:
    """What refuses entries now, a line each."""
    return [_STOPPED[stop.kind](stop, look) for stop in stops]


def loss_used(standing: Standing | None, most: Decimal, unit: str, *, now: datetime) -> str:
    """How much of `max_daily_loss` the day has lost."""
    allowed = f"{figures.money(most)} {unit}"
    if standing is None or standing.day is None:
        return f"not known of {allowed}"
    day = standing.day
    lost = figures.money(max(-day.total, Decimal(0)))
    stands = f" · the day stands at {figures.money(day.total, signed=True)}"
    return f"{lost} of {allowed}{stands}{_aged(standing, day.prices_at, now)}"


def drawdown_used(standing: Standing | None, most: Decimal, unit: str, *, now: datetime) -> str:
    """How much of `max_drawdown` equity is below its highest."""
    allowed = figures.percent(most)
    if standing is None or standing.drawdown is None or standing.equity is None:
        lacking = f" · no reading of {_named(standing.unread)}" if standing else ""
        return f"not known of {allowed}{lacking}"
    assert standing.mark is not None, "a drawdown is below a mark"
    at = f"{figures.money(standing.equity)} of {figures.money(standing.mark)} {unit}"
    left_out = standing.without_price
    apart = f" · left out {_named(left_out)}, no price" if left_out else ""
    aged = _aged(standing, standing.prices_at, now)
    return f"{figures.percent(standing.drawdown)} of {allowed} · {at}{apart}{aged}"


def _loss_stopped(stop: Stop, look: Look) -> str:
    return f"No entries until tomorrow: the day stood at {money(stop.figure, look)}"


def _drawdown_stopped(stop: Stop, look: Look) -> str:
    below = f"equity was {figures.percent(stop.figure)} below its highest"
    return f"No entries until /limits reset drawdown: {below}"


_STOPPED = {StopKind.DAILY_LOSS: _loss_stopped, StopKind.DRAWDOWN: _drawdown_stopped}


def _aged(standing: Standing, prices_at: datetime | None, now: datetime) -> str:
    """How old the oldest price is, and the reading itself where it is late."""
    late = f" · read {figures.duration(now - standing.at)} ago" if now - standing.at > _LATE else ""
    return (
        late if prices_at is None else f"{late} · oldest price {figures.duration(now - prices_at)}"
    )


def money(value: Decimal, look: Look) -> str:
    """`+31.20 USDT`."""
    return f"{figures.money(value, signed=True)} {look.currency}"


def _named(names: Sequence[str]) -> str:
    shown = [figures.quoted(name, 2 * lines.NAME) for name in names[:_SHOWN]]
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return figures.listed([*shown, *more])
