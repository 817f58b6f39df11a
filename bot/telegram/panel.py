"""What the pinned panel says: how the desk stands in one line, what is wrong below it, the button that halts.

Pure. A phone shows the first line alone, above the chat; `bot/panel.py` keeps it up to date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.telegram import accounts, figures, lines, replies
from bot.telegram.faces import Action, Button, ButtonStyle, Face, Look
from execution.equity import Standing
from execution.record import Record
from execution.reports import StatusView, VenueView
from execution.types import TradingState

PANEL = "panel"
"""The subject of the panel and of its buttons."""
_SHOWN = 8
"""Venues with trouble that are named; the rest is counted."""
_LATE = timedelta(minutes=1)
"""A reading of the accounts older than this is told with its time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel(Record):
    """The panel at one moment."""

    news: tuple[str, ...]
    """Lines that change when something happened."""
    figures: str
    """What changes by the price alone."""
    as_of: str
    buttons: tuple[tuple[Button, ...], ...]

    @property
    def face(self) -> Face:
        """The message."""
        head, *rest = self.news
        text = lines.joined([f"<b>{head}</b>", *rest, self.figures, self.as_of])
        return Face(text=text, buttons=self.buttons)


def panel(
    view: StatusView, look: Look, *, now: datetime, unsaved: str | None, confirms: bool
) -> Panel:
    """How the desk stands. `unsaved` is who halted, where that could not be stored yet.

    `confirms` is whether somebody tapped Kill, and is asked for the second tap.
    """
    halted = unsaved is not None or view.trading.state is TradingState.HALTED
    return Panel(
        news=(_head(view, look, now, unsaved), *_venues(view), *_rest(view, look)),
        figures=_today(view.standing, look, now),
        as_of=f"As of {figures.clock_time(now, look.zone)}",
        buttons=(_buttons(halted=halted, confirms=confirms),),
    )


def _head(view: StatusView, look: Look, now: datetime, unsaved: str | None) -> str:
    """Everything a phone shows of it, so short that it fits: seconds are in /status."""
    trading, halt = view.trading, view.trading.halt
    if unsaved is not None:
        state = f"HALTED by {figures.quoted(unsaved, lines.NAME)}, NOT STORED"
    elif trading.state is TradingState.ACTIVE or halt is None:
        state = replies.standing(trading, look, now)
    else:
        state = f"{trading.state.value.upper()} by {figures.quoted(halt.name, lines.NAME)}"
        state += _since(halt.at, look, now)
        if trading.state is TradingState.HALTED:
            state += ", NOT DONE" if halt.verified_at is None else ", done"
    counts = [f"waiting {view.pending}", f"open {view.open}"]
    if trading.state is TradingState.HALTED:  # nothing waits, and nothing is to rest
        counts = [f"open {view.open}"] if view.open else []
    return " · ".join([lines.badge(view.mode), state, *counts])


def _since(at: datetime, look: Look, now: datetime) -> str:
    """` at 14:40`; of longer ago ` on Fri 20 Nov`."""
    local = at.astimezone(look.zone)
    today = local.date() == now.astimezone(look.zone).date()
    return local.strftime(" at %H:%M" if today else " on %a %-d %b")


def _venues(view: StatusView) -> list[str]:
    """Venues with trouble, a line each, or that there is none."""
    told = [trouble for venue in view.venues if (trouble := _trouble(venue))]
    more = len(told) - _SHOWN
    if not told:
        connected = figures.several(len(view.venues), "venue")
        return [f"{connected} connected"]
    return [*told[:_SHOWN], *([f"and {more} more venues"] if more > 0 else [])]


def _trouble(venue: VenueView) -> str:
    place = figures.quoted(f"{venue.exchange} {venue.name}", 2 * lines.NAME)
    if not venue.connected:
        reason = figures.quoted(venue.reason or "", lines.NAME)
        return ", ".join(filter(None, [f"{place} not connected", reason]))
    if venue.reason is not None:
        return f"{place}: {figures.quoted(venue.reason, lines.SENTENCE)}"
    if venue.strangers:
        return f"{place}: {figures.several(venue.strangers, 'order')} not known here"
    return ""


def _rest(view: StatusView, look: Look) -> list[str]:
    unknown = figures.several(view.unknown, "order")
    late = figures.several(view.undelivered, "message")
    return [
        *([f"{unknown} in doubt"] if view.unknown else []),
        *accounts.stopped(view.stops, look),
        *([f"{late} not delivered"] if view.undelivered else []),
    ]


def _today(standing: Standing | None, look: Look, now: datetime) -> str:
    """The day's result; its parts and the age of its prices are in /status."""
    if standing is None or standing.day is None:
        return accounts.today(standing, look, now=now)
    read_at = figures.moment(standing.at, look.zone, seen=now)
    late = f" · read at {read_at}" if now - standing.at > _LATE else ""
    return f"Today {accounts.money(standing.day.total, look)}{late}"


def _buttons(*, halted: bool, confirms: bool) -> tuple[Button, ...]:
    refresh = Button(label="Refresh", action=Action.REFRESH_PANEL)
    if halted:
        return Button(label="Status", action=Action.SHOW_STATUS), refresh
    return CONFIRM_KILL if confirms else KILL, refresh


KILL = Button(label="Kill", action=Action.KILL, style=ButtonStyle.DANGER)
CONFIRM_KILL = Button(label="Confirm kill", action=Action.CONFIRM_KILL, style=ButtonStyle.DANGER)
