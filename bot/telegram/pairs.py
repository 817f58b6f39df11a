"""What is said of a pair in which entries wait: why, and the one button by which an owner lifts it.

Pure. The same message asks for the second tap.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.telegram import figures, lines
from bot.telegram.faces import Action, Button, ButtonStyle, Face
from execution.store.pairs import PairBlock
from execution.types import Mode

_SHOWN = 4
"""Pairs that are named where many are blocked."""


def blocked(
    mode: Mode, exchange: str, block: PairBlock, *, short: str, confirming: bool = False
) -> Face:
    """Entries in this pair wait: why, what goes on, and a button; `confirming`, the second of two taps."""
    place = figures.quoted(f"{exchange} {block.venue}", 2 * lines.NAME)
    pair = figures.quoted(block.symbol, lines.NAME)
    text = [
        f"<b>{lines.badge(mode)} · {short}: no entries in {pair} at {place}</b>",
        lines.sentence(block.reason),
        "Exits and other pairs go on. Compare the exchange's trades with /positions; then an owner "
        "lifts it.",
    ]
    return Face(text=lines.joined(text), buttons=((_button(block, confirming=confirming),),))


def _button(block: PairBlock, *, confirming: bool) -> Button:
    about = f"pair:{block.entry}"
    if not confirming:
        return Button(label="Trade it again", action=Action.RELEASE_PAIR, about=about)
    pair = figures.outside(block.symbol, lines.NAME)
    return Button(
        label=f"Confirm trading {pair} again",
        action=Action.CONFIRM_RELEASE,
        about=about,
        style=ButtonStyle.DANGER,
    )


def released(mode: Mode, exchange: str, venue: str, symbol: str, name: str) -> Face:
    """Entries go again, and by whose word."""
    place = figures.quoted(f"{exchange} {venue}", 2 * lines.NAME)
    pair, who = figures.quoted(symbol, lines.NAME), figures.quoted(name, lines.NAME)
    return Face(
        text=f"<b>{lines.badge(mode)} · Entries in {pair} at {place} go again. Lifted by {who}</b>"
    )


def standing(blocks: Sequence[PairBlock]) -> list[str]:
    """A line for each pair whose entries wait; plain text."""
    named = [
        f"No entries in {block.symbol} at {block.venue}: {block.reason}"
        for block in blocks[:_SHOWN]
    ]
    more = len(blocks) - _SHOWN
    return [*named, f"No entries in {more} more pairs"] if more > 0 else named


def rows(blocks: Sequence[PairBlock]) -> list[str]:
    """The same for a message."""
    return [figures.quoted(line, 2 * lines.SENTENCE) for line in standing(blocks)]


def buttons(blocks: Sequence[PairBlock]) -> tuple[tuple[Button, ...], ...]:
    """One for each pair that is named in a list, with the pair on it."""
    return tuple(
        (
            _button(block, confirming=False).evolve(
                label=f"Trade {figures.outside(block.symbol, lines.NAME)} again"
            ),
        )
        for block in blocks[:_SHOWN]
    )
