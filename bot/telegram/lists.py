"""Lists: what waits, what is at work, what is held, what has been; a page at a time.

Pure. A row says one thing in one line; what can be done with it is a button below, named after its ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.telegram import cards, exits, figures, lines, replies, stories
from bot.telegram.faces import Action, Button, Face, Look
from execution.record import Record
from execution.reports import PositionView, TicketView
from execution.results import Results
from execution.symbols import is_spot
from execution.types import Mode, TicketState

PAGE = 8
"""Rows of one page: as many as a phone shows without scrolling."""
_IN_A_ROW = 4
_MOST_SYMBOLS = 5
_WEEK = 7
SPANS = (7, 30, 90)
"""Days a result can be asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Paged(Record):
    """One page of tickets, and how the pages beside it are asked for."""

    views: Sequence[TicketView]
    older: str | None = None
    """The subject of the page after this one; None on the last."""
    newest: str | None = None
    """The subject of the first page; None on it."""


def waiting(mode: Mode, page: Paged, look: Look, *, short: Callable[[str], str]) -> Face:
    """Tickets that wait for people, and a way to the card of each."""
    rows = [
        f"<b>{short(view.ticket.id)}</b> {lines.what(view)}{lines.worth(view, look)} · "
        f"{_lower(cards.needed(view, look))} · {lines.place(view)}"
        for view in page.views
    ]
    head = _counted(page, "ticket waits", "tickets wait") or "Nothing waits for you."
    buttons = [_about(view, Action.SHOW_CARD, short) for view in page.views]
    return _face(mode, head, rows, buttons, page)


def working(mode: Mode, page: Paged, *, short: Callable[[str], str]) -> Face:
    """Tickets with an order on its way, and a way to cancel what is left of each."""
    head = _counted(page, "order at work", "orders at work") or "No order is at work."
    rows = [replies.working_row(view, lambda id: f"<b>{short(id)}</b>") for view in page.views]
    buttons = [_about(view, Action.CANCEL_REST, short, word="Cancel ") for view in page.views]
    return _face(mode, head, rows, buttons, page, in_a_row=2)


def history(mode: Mode, page: Paged, look: Look, *, short: Callable[[str], str]) -> Face:
    """Tickets as they stand, newest first, and the details of each."""
    rows, day = [], ""
    for view in page.views:
        made = view.ticket.created_at
        if (today := figures.day(made, look.zone)) != day:
            rows.append(f"<i>{today}</i>")
            day = today
        at = figures.clock_time(made, look.zone)
        rows.append(
            f"{at} <b>{short(view.ticket.id)}</b> {lines.what(view)}{_news(view, look)} · "
            f"{lines.place(view)}"
        )
    head = "Tickets, newest first" if page.views else "No ticket yet."
    buttons = [_about(view, Action.WHY, short) for view in page.views]
    return _face(mode, head, rows, buttons, page)


def _news(view: TicketView, look: Look) -> str:
    """How a ticket stands, as the first line of its card says it."""
    if view.ticket.state is TicketState.PENDING:
        return " · waits for you"
    if view.ticket.state is TicketState.REFUSED:
        return f" · refused, {figures.listed([r.code for r in view.ticket.refusals])}"
    return stories.story(view, look).news


def held(
    mode: Mode,
    views: Sequence[PositionView],
    *,
    asked: str | None = None,
    tapped_at: datetime | None = None,
) -> Face:
    """Everything our own fills come to, and a button that closes each.

    `asked` is the subject of the one whose button was tapped, which is to be confirmed.
    """
    if not views:
        return Face(text=f"<b>{lines.badge(mode)} · No position</b>")
    head = f"<b>{lines.badge(mode)} · {figures.several(len(views), 'position')}</b>"
    rows = [replies.position_row(view) + _today(view) for view in views]
    several = len({view.venue for view in views}) > 1
    buttons = []
    for view in views[:PAGE]:
        mine = tapped_at if asked == exits.subject(view.venue, view.symbol) else None
        buttons.append((exits.close(view, tapped_at=mine, name_venue=several),))
    return Face(text="\n".join([head, *replies.rows(rows, "positions")]), buttons=tuple(buttons))


def _today(view: PositionView) -> str:
    if not view.realized_today:
        return ""
    unit = figures.quoted(view.currency, lines.NAME)
    return f" · realised today {figures.money(view.realized_today, signed=True)} {unit}"


def result(mode: Mode, found: Results, *, span: int) -> Face:
    """What the picture of a result shows, in words, and buttons for other spans."""
    unit = figures.quoted(found.currency, lines.NAME)
    total = figures.money(found.total, signed=True)
    head = f"<b>{lines.badge(mode)} · {total} {unit} realised in {figures.several(span, 'day')}</b>"
    exits = figures.several(found.exits, "exit")
    spot = all(is_spot(symbol) for symbol, _ in found.symbols)
    costs = "fees" if spot else "fees and funding"
    text = [
        head,
        f"Today {_signed(found.of_last(1))}"
        + (f" · 7 days {_signed(found.of_last(7))}" if span > _WEEK else ""),
        f"{exits}, {found.gains} with a gain" if found.exits else "Nothing was closed",
        *_by_symbol(found),
        *(
            f"Not counted, no rate now: {figures.money(apart, signed=True)} "
            f"{figures.quoted(currency, lines.NAME)}"
            for currency, apart in sorted(found.apart.items())
        ),
        f"Net of {costs}; what is still held is not in it.",
    ]
    others = tuple(
        Button(label=f"{days} days", action=Action.PAGE, about=f"pnl:{days}")
        for days in SPANS
        if days != span
    )
    return Face(text="\n".join(text), buttons=(others,))


def _by_symbol(found: Results) -> list[str]:
    shown = [
        f"{figures.quoted(symbol, lines.NAME)} {_signed(result)}"
        for symbol, result in found.symbols[:_MOST_SYMBOLS]
    ]
    left = sum((result for _, result in found.symbols[_MOST_SYMBOLS:]), Decimal(0))
    if len(found.symbols) > _MOST_SYMBOLS:
        shown.append(f"{len(found.symbols) - _MOST_SYMBOLS} others {_signed(left)}")
    return [" · ".join(shown)] if shown else []


def _lower(text: str) -> str:
    """The same inside of a line."""
    return text[:1].lower() + text[1:]


def _signed(value: Decimal) -> str:
    return figures.money(value, signed=True)


def _counted(page: Paged, one: str, many: str) -> str:
    """`2 tickets wait`, `8 tickets wait and more`; nothing for none."""
    count = len(page.views)
    if not count:
        return ""
    more = " on this page" if page.older or page.newest else ""
    return f"{count} {one if count == 1 else many}{more}"


def _about(
    view: TicketView, action: Action, short: Callable[[str], str], *, word: str = ""
) -> Button:
    id = view.ticket.id
    return Button(label=f"{word}{short(id)}", action=action, about=f"ticket:{id}")


def _face(
    mode: Mode,
    head: str,
    rows: Sequence[str],
    buttons: Sequence[Button],
    page: Paged,
    *,
    in_a_row: int = _IN_A_ROW,
) -> Face:
    turns = tuple(
        Button(label=label, action=Action.PAGE, about=subject)
        for label, subject in (("Newest", page.newest), ("Older", page.older))
        if subject is not None
    )
    grid = [tuple(buttons[i : i + in_a_row]) for i in range(0, len(buttons), in_a_row)]
    text = "\n".join([f"<b>{lines.badge(mode)} · {head}</b>", *rows])
    return Face(text=text, buttons=(*grid, *((turns,) if turns else ())))
