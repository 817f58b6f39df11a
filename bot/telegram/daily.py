"""The daily message: the day's result, what rests, whether all is clear, and the journal's head.

Pure. It rings only when something is not clear; its first line says what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from bot.telegram import accounts, contracts, figures, lines, pairs, replies
from bot.telegram.faces import Face, Look
from execution.reports import DayView
from execution.types import TradingState

HEAD_DIGITS = 16
"""Digits of the head's MAC that are posted: enough to compare."""


def concerns(view: DayView, undelivered: int) -> list[str]:
    """What is not clear; nothing on a good day. `undelivered` is of when the entry was written."""
    away = [f"{v.exchange} {v.name} does not answer" for v in view.venues if not v.connected]
    state, closed = view.trading.state, len(view.blocked) + sum(len(v.apart) for v in view.venues)
    return [
        *([] if state is TradingState.ACTIVE else [f"trading is {state.value}"]),
        *(["entries are stopped"] if view.stops else []),
        *([f"no entries in {figures.several(closed, 'pair')}"] if closed else []),
        *([f"{figures.several(view.unknown, 'order')} unknown"] if view.unknown else []),
        *away,
        *([f"{figures.several(undelivered, 'message')} waited"] if undelivered else []),
    ]


def daily(
    view: DayView,
    look: Look,
    *,
    at: datetime,
    undelivered: int,
    head: tuple[int, str],
    shorts: Mapping[str, str],
) -> Face:
    """How the desk stands; `shorts` are the tickets' ids as people say them."""
    unclear = concerns(view, undelivered)
    state = figures.quoted("; ".join(unclear), 2 * lines.SENTENCE) if unclear else "all clear"
    working = [replies.working_row(ticket, shorts.__getitem__) for ticket in view.working]
    entry, mac = head
    return Face(
        text=lines.joined(
            [
                f"<b>{lines.badge(view.mode)} · {figures.day(at, look.zone)}: {state}</b>",
                _yesterday(view, look),
                _today(view, look, at),
                *accounts.stopped(view.stops, look),
                *pairs.rows(view.blocked),
                *contracts.rows(view.venues),
            ],
            replies.rows(working or ["Nothing of ours rests"], "orders"),
            _held([replies.position_row(position) for position in view.positions]),
            [f"Journal head <code>{entry}:{mac[:HEAD_DIGITS]}</code>"],
        )
    )


def _yesterday(view: DayView, look: Look) -> str:
    """What the day before came to; only what was realised, where nobody read it at its end."""
    known = None if view.standing is None else view.standing.day_before
    if known is None:
        return f"Realised the day before: {_result(view.yesterday)}"
    return f"The day before {accounts.result(known, look)}"


def _today(view: DayView, look: Look, at: datetime) -> str:
    """The same of this day so far."""
    if view.standing is None or view.standing.day is None:
        return f"Realised today so far: {_result(view.today)}"
    return accounts.today(view.standing, look, now=at)


def _held(positions: Sequence[str]) -> list[str]:
    return replies.rows(positions or ["No position"], "positions")


def _result(totals: Mapping[str, Decimal]) -> str:
    """`+31.20 USDT`, each quote currency apart; `none` where nothing was closed."""
    told = [
        f"{figures.money(total, signed=True)} {figures.quoted(unit, lines.NAME)}"
        for unit, total in sorted(totals.items())
        if total
    ]
    return ", ".join(told) or "none"
