"""What is said when a limit is changed: what it was, what it is, and one button where that allows more.

Pure. A value reads as `/limits` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.telegram import figures, lines
from bot.telegram.faces import Action, Button, ButtonStyle, Face, Look
from execution.config import Config
from execution.hours import Hours
from execution.limits import LimitChange
from execution.store.limits import ChangedLimit
from execution.types import Mode

DRAWDOWN = "drawdown"
"""What `/limits reset` also takes: the mark that drawdown counts from."""
_SHARES = frozenset({"max_drawdown", "max_price_deviation", "max_spread"})
_LABEL = 24
"""Characters of a value on a button."""


def asked(mode: Mode, change: LimitChange, currency: str) -> Face:
    """A change that allows more waits for one tap of an owner."""
    now, then = (worded(change.key, value, currency) for value in (change.before, change.after))
    where = " again, as the settings say" if change.reset else ""
    text = [
        f"<b>{lines.badge(mode)} · {change.key}: from {now} to {then}{where}?</b>",
        "That allows more. It takes effect when an owner confirms it.",
    ]
    label = f"Confirm {figures.outside(_plain(change, currency), _LABEL)}"
    confirm = Button(label=label, action=Action.CONFIRM_LIMIT, style=ButtonStyle.PRIMARY)
    return Face(text=lines.joined(text), buttons=((confirm,),))


def changed(mode: Mode, change: LimitChange, currency: str) -> Face:
    """A change that is in force, and by whom."""
    was, now = (worded(change.key, value, currency) for value in (change.before, change.after))
    who = figures.quoted(change.name, lines.NAME)
    until = (
        "It follows the settings again."
        if change.reset
        else f"It holds until <code>/limits reset {change.key}</code>, over restarts too."
    )
    done = f"{who} reset {change.key}" if change.reset else f"{who} set {change.key}"
    text = [f"<b>{lines.badge(mode)} · {done} to {now}; it was {was}</b>", until]
    return Face(text=lines.joined(text))


def drawdown(mode: Mode) -> Face:
    """Whether the mark that drawdown counts from is to be what is there now."""
    text = [
        f"<b>{lines.badge(mode)} · Reset the drawdown?</b>",
        "It counts from the equity of now on, and entries that it stopped go again.",
    ]
    confirm = Button(label="Confirm reset", action=Action.RESET_DRAWDOWN, style=ButtonStyle.PRIMARY)
    return Face(text=lines.joined(text), buttons=((confirm,),))


def marks(
    changed: Mapping[str, ChangedLimit], config: Config, look: Look, *, seen: datetime
) -> list[str]:
    """Which limits were changed in the chat, by whom and when, and what the settings say of them."""
    return [
        f"<code>{key}</code> changed by {figures.quoted(one.name, lines.NAME)} at "
        f"{figures.moment(one.at, look.zone, seen=seen)}; the settings say "
        f"{worded(key, getattr(config.limits, key), look.currency)}"
        for key, one in changed.items()
    ]


def worded(key: str, value: Any, currency: str) -> str:
    """A limit's value as people read it, with HTML of Telegram's parse mode where it needs some."""
    if value is None or value is False:
        return "off"
    if value is True:
        return "on"
    if isinstance(value, timedelta):
        return figures.duration(value)
    if isinstance(value, Hours):
        return figures.quoted(value.text, lines.SENTENCE)
    if isinstance(value, Set):
        return figures.quoted(", ".join(sorted(value)) or "none", lines.SENTENCE)
    if isinstance(value, Decimal):
        return figures.percent(value) if key in _SHARES else f"{figures.money(value)} {currency}"
    return str(value)


def _plain(change: LimitChange, currency: str) -> str:
    value = change.after
    if isinstance(value, Hours):
        return value.text
    if isinstance(value, Set):
        return ", ".join(sorted(value))
    return worded(change.key, value, currency)
