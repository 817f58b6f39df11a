"""What is said of an account of contracts: how it is set, and a position there that is not ours.

Pure. None of it is an order's doing: people learn that entries wait, why, and what ends that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.telegram import directions, figures, lines
from bot.telegram.faces import Face
from execution.reports import VenueView
from execution.rounding import exactly, plain

_SHOWN = 4
"""Markets that are named where many differ."""


def hedged(view: VenueView) -> Face:
    """Its account is in hedge mode: no order goes there, and what ends that."""
    return Face(
        text=f"<b>{lines.badge(view.mode)} · {_place(view)} is in hedge mode: no order goes there</b>\n"
        "A market has a long and a short position side by side in it, so an order that is to close one "
        "could open the other. Cancels and looks go on. Set it to one-way mode at the exchange; orders "
        "go again once that is seen."
    )


def one_way(view: VenueView) -> Face:
    """It is in one-way mode again."""
    return Face(
        text=f"<b>{lines.badge(view.mode)} · {_place(view)} is in one-way mode. Orders go again</b>"
    )


@exactly
def apart(view: VenueView, data: Mapping[str, str]) -> Face:
    """The exchange shows another position than our fills come to: entries wait, and what ends that."""
    symbol, ours, theirs = data["symbol"], Decimal(data["ours"]), Decimal(data["theirs"])
    pair = figures.quoted(symbol, lines.NAME)
    there = directions.held(symbol, theirs) if theirs else "no"
    take_over = f"/adopt {pair} {plain(theirs - ours)} &lt;price&gt;"
    text = [
        f"<b>{lines.badge(view.mode)} · {_place(view)} holds {there} {pair}, our fills come to {_held(symbol, ours)}</b>",
        "Somebody traded it there, or the exchange closed it (a liquidation). Entries in it wait until "
        "both are the same; exits go on.",
        f"Look at its trades there. Trade the difference back, or an owner books it here: {take_over}",
    ]
    return Face(text=lines.joined(text))


def together(view: VenueView, symbol: str) -> Face:
    """Both are the same again."""
    pair = figures.quoted(symbol, lines.NAME)
    return Face(
        text=f"<b>{lines.badge(view.mode)} · {_place(view)} holds of {pair} what our fills come to. "
        "Entries in it go again</b>"
    )


def standing(views: Sequence[VenueView]) -> list[str]:
    """A line for each market whose position at its exchange is not ours; plain text."""
    named = [
        f"No entries in {symbol} at {view.name}: {_held(symbol, one.theirs)} there, "
        f"our fills come to {_held(symbol, one.ours)}"
        for view in views
        for symbol, one in view.apart.items()
    ]
    more = len(named) - _SHOWN
    return [*named[:_SHOWN], f"No entries in {more} more contracts"] if more > 0 else named


def rows(views: Sequence[VenueView]) -> list[str]:
    """The same for a message."""
    return [figures.quoted(line, 2 * lines.SENTENCE) for line in standing(views)]


def _place(view: VenueView) -> str:
    return figures.quoted(f"{view.exchange} {view.name}", 2 * lines.NAME)


def _held(symbol: str, amount: Decimal) -> str:
    return directions.held(symbol, amount) if amount else "nothing"
