"""What is said about the chat itself: it moved, it was not heard, something could not be shown.

Pure. The notifier sends them like all other news.
"""

from __future__ import annotations

from datetime import datetime

from bot.telegram import figures, lines
from bot.telegram.faces import Face, Look
from execution.types import Mode

_REASON = 200


def moved(mode: Mode, was: str, to: str) -> Face:
    """The group has a new id, which the settings do not know yet."""
    return Face(
        text=f"<b>{lines.badge(mode)} · This chat has a new id: <code>{to}</code></b>\n"
        f"Telegram made a supergroup of it. Cards that wait are posted here anew; the buttons in "
        f"the old group count no more.\n"
        f"Write it into telegram.chat_id, where <code>{was}</code> stands; until then this desk "
        "remembers it."
    )


def heard_again(mode: Mode, reason: str, since: datetime, at: datetime, look: Look) -> Face:
    """Taps and commands waited for a while."""
    began = figures.moment(since, look.zone, seen=at)
    return Face(
        text=f"<b>{lines.badge(mode)} · Not heard from {began} for "
        f"{figures.duration(at - since)}</b>\n"
        f"{figures.quoted(reason, _REASON)}\n"
        "Taps and commands of that time were taken just now, late; look at what they came to."
    )


def not_shown(mode: Mode, short: str | None) -> Face:
    """Instead of a message that Telegram does not take."""
    where = f"/audit {short} has it" if short else "it is in the log"
    about = f" about {short}" if short else ""
    return Face(text=f"{lines.badge(mode)} · A message{about} could not be shown here; {where}.")
