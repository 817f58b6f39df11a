"""What is said when a day's loss or a drawdown stops entries, and when they go on.

Pure. Each message has its numbers, says that exits go on, and offers to cancel the entries that rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bot.telegram import accounts, figures, lines, pausing
from bot.telegram.faces import Face, Look
from execution.types import Mode


def daily_loss(mode: Mode, data: Mapping[str, str], look: Look, *, entries: int) -> Face:
    """The day lost too much: what it came to, and what goes on."""
    total, realized, unrealized, bound = (
        Decimal(data[name]) for name in ("result", "realized", "unrealized", "bound")
    )
    stands = accounts.money(total, look)
    text = [
        f"<b>{lines.badge(mode)} · The day stands at {stands}. No entries until tomorrow.</b>",
        f"Realised {figures.money(realized, signed=True)}, unrealised "
        f"{figures.money(unrealized, signed=True)}; max_daily_loss is "
        f"{figures.money(bound)} {look.currency}.",
        _goes_on(entries),
    ]
    return Face(text=lines.joined(text), buttons=pausing.cancel_entries(entries))


def over(mode: Mode, why: str) -> Face:
    """What stopped entries does so no more."""
    return Face(text=f"<b>{lines.badge(mode)} · {why}: it stops entries no more.</b>")


def drawdown(mode: Mode, data: Mapping[str, str], look: Look, *, entries: int) -> Face:
    """Equity fell too far below its highest: by how much, and what goes on."""
    share, equity, mark, bound = (
        Decimal(data[name]) for name in ("drawdown", "equity", "mark", "bound")
    )
    below = f"Equity is {figures.percent(share)} below its highest"
    text = [
        f"<b>{lines.badge(mode)} · {below}. No entries until it is reset.</b>",
        f"{figures.money(equity)} of {figures.money(mark)} {look.currency}; max_drawdown is "
        f"{figures.percent(bound)}.",
        f"{_goes_on(entries)} An owner types /limits reset drawdown.",
    ]
    return Face(text=lines.joined(text), buttons=pausing.cancel_entries(entries))


def drawdown_reset(mode: Mode, data: Mapping[str, str], look: Look) -> Face:
    """From where drawdown counts now, and who said so."""
    who, equity = figures.quoted(data["name"], lines.NAME), Decimal(data["equity"])
    counts = f"Drawdown counts from {figures.money(equity)} {look.currency} now"
    return Face(text=f"<b>{lines.badge(mode)} · {counts}. {who}</b>")


def _goes_on(entries: int) -> str:
    resting = figures.several(entries, "entry", "entries")
    return f"Exits go on. {resting} of ours may still fill." if entries else "Exits go on."
