"""What is said of positions that are to be closed, in a halt's checklist; the two taps that ask for it.

Pure. `bot/halts.py` reads what it shows.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from bot.telegram import directions, figures, lines
from bot.telegram.faces import Action, Button, ButtonStyle, Look
from execution.checklist import ExitView
from execution.reports import PositionView
from execution.rounding import exactly
from execution.trading import Halt

CONFIRM_WITHIN = timedelta(seconds=60)
"""How long a tap on Flatten or Close can be confirmed."""
_SHOWN = 12
_NAMED = 4
"""Positions that NOT DONE names; the lines above it have more of them."""


def subject(venue: str, symbol: str) -> str:
    """What a button about a position is about."""
    return f"position:{venue}:{symbol}"


def position(subject: str) -> tuple[str, str]:
    """Venue and symbol of such a subject."""
    _, venue, symbol = subject.split(":", 2)
    return venue, symbol


def close(view: PositionView, *, tapped_at: datetime | None, name_venue: bool) -> Button:
    """`Close` of one position; after a tap, the same button to confirm it."""
    at = f" at {view.venue}" if name_venue else ""
    about = subject(view.venue, view.symbol)
    if tapped_at is None:
        return Button(label=f"Close {view.symbol}{at}", action=Action.CLOSE, about=about)
    return Button(
        label=f"Confirm close {directions.held(view.symbol, view.amount)} {view.symbol}{at}",
        action=Action.CONFIRM_CLOSE,
        value=Decimal(int(tapped_at.timestamp())),
        style=ButtonStyle.DANGER,
        about=about,
    )


def told(halt: Halt, exits: Sequence[ExitView], look: Look, *, room: int) -> list[str]:
    """Who wants positions closed, and a line for each of them, in `room` UTF-16 units."""
    asked = halt.flatten
    said = [] if asked is None else [_asked(asked.name, asked.at, look)]
    counted = _more(len(exits))
    for number, one in enumerate(exits):
        line = _line(one)
        fits = figures.utf16("\n".join([*said, line, counted])) < room
        if number == _SHOWN or not fits:
            return [*said, _more(len(exits) - number)]
        said.append(line)
    return said


def not_closed(exits: Sequence[ExitView]) -> list[str]:
    """What is not closed yet of all that is to be."""
    left = [one for one in exits if one.closing]
    named = [
        f"{_what(one, one.amount)} at {_place(one)} is not closed yet" for one in left[:_NAMED]
    ]
    return named if len(left) <= _NAMED else [*named, _more(len(left) - _NAMED)]


def buttons(
    exits: Sequence[ExitView], look: Look, *, tapped_at: datetime | None
) -> tuple[tuple[Button, ...], ...]:
    """`Flatten` while positions are open that nobody closes; after a tap, the same button to confirm it."""
    stay = [one for one in exits if one.amount and not one.closing and one.unsellable is None]
    if not stay:
        return ()
    if tapped_at is None:
        return ((Button(label="Flatten", action=Action.FLATTEN, style=ButtonStyle.DANGER),),)
    confirm = Button(
        label=f"Confirm flatten{_worth(stay, look)}",
        action=Action.CONFIRM_FLATTEN,
        value=Decimal(int(tapped_at.timestamp())),
        style=ButtonStyle.DANGER,
    )
    return ((confirm,),)


@exactly
def _worth(exits: Sequence[ExitView], look: Look) -> str:
    """` ≈ 2 490 USDT`; nothing where one of them cannot be valued."""
    values = [one.value for one in exits if one.value is not None]
    if len(values) < len(exits):
        return ""
    return f" ≈ {figures.about(sum(values, Decimal(0)))} {look.currency}"


def _more(count: int) -> str:
    return f"and {figures.several(count, 'more position')}"


def _asked(name: str, at: datetime, look: Look) -> str:
    who = figures.quoted(name, lines.NAME)
    return f"All positions are to be closed: {who} at {figures.clock_time(at, look.zone)}"


def _line(one: ExitView) -> str:
    place = _place(one)
    if one.closing:
        sold = f", {figures.figure(one.sold)} closed so far" if one.sold else ""
        return f"Closing {_what(one, one.amount)}, {place}{sold}"
    sold = ""
    if one.sold and one.average is not None:
        sold = f"Closed {_what(one, one.sold)} at {figures.price(one.average)}, {place}"
    if not one.amount:
        return sold
    why = one.unsellable or lines.ended(one.reason).rstrip(".")
    reason = f" ({html.escape(why, quote=False)})" if why else ""
    if sold:
        return f"{sold}; {figures.figure(one.amount)} is left{reason}"
    return f"Open: {_what(one, one.amount)}, {place}{reason}"


def _what(one: ExitView, amount: Decimal) -> str:
    """So much of it, with its direction where it has one."""
    held = directions.held(one.symbol, amount.copy_negate() if one.short else amount)
    return f"{held} {figures.quoted(one.symbol, lines.NAME)}"


def _place(one: ExitView) -> str:
    return figures.quoted(f"{one.exchange} {one.venue}", 2 * lines.NAME)
