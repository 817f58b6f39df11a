"""What is said of dead man's switches: which venue has one, whether it is armed, what it may have done.

Pure. An armed one cancels stops and orders placed by hand too, so its first message says that plainly.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.telegram import figures, lines
from bot.telegram.faces import Face
from execution.reports import VenueView


def setting(view: VenueView) -> str:
    """`none`, `off`, or how long the venue waits: `60s`."""
    if view.dead_man is None:
        return "off" if view.has_dead_man else "none"
    return f"{view.dead_man.total_seconds():.0f}s"


def row(views: Sequence[VenueView], now: datetime) -> str:
    """The switches of all venues in a line of /status."""
    return f"Dead man's switch: {', '.join(_state(view, now) for view in views)}" if views else ""


def _state(view: VenueView, now: datetime) -> str:
    name = figures.quoted(view.name, lines.NAME)
    if view.dead_man is None:
        return f"off at {name}" if view.has_dead_man else f"none at {name}"
    if view.armed_at is None:
        return f"NOT ARMED at {name}"
    since = figures.duration(now - view.armed_at)
    late = now - view.armed_at >= view.dead_man
    return f"NOT RENEWED at {name} for {since}" if late else f"renewed at {name} {since} ago"


def armed(view: VenueView, seconds: str) -> Face:
    """It is on: what that means for everybody who has orders on that account."""
    place, head = _place(view), lines.badge(view.mode)
    return Face(
        text=f"<b>{head} · The dead man's switch of {place} is armed</b>\n"
        f"When it hears nothing of us for {seconds} s it cancels every order on that account, stops and "
        "orders placed by hand too."
    )


def not_armed(view: VenueView, seconds: str, reason: str | None) -> Face:
    """It is to be on, and is not: nobody may rely on it."""
    place, head = _place(view), lines.badge(view.mode)
    return Face(
        text=f"<b>{head} · The dead man's switch of {place} could not be armed for {seconds} s</b>\n"
        + lines.joined(
            [
                lines.sentence(reason),
                "Orders there stay if this desk falls silent. Still trying.",
            ]
        )
    )


def due(view: VenueView, seconds: str, reason: str | None) -> Face:
    """It was not renewed in time: nobody knows what became of the orders there."""
    place, head = _place(view), lines.badge(view.mode)
    return Face(
        text=f"<b>{head} · {place} may have canceled every order there</b>\n"
        + lines.joined(
            [
                f"Its dead man's switch was not renewed for {seconds} s. Stops and orders placed by hand"
                " may be gone too: look at the exchange.",
                lines.sentence(reason),
            ]
        )
    )


def again(view: VenueView, seconds: str) -> Face:
    """It is renewed again after it may have acted."""
    place, head = _place(view), lines.badge(view.mode)
    return Face(
        text=f"<b>{head} · The dead man's switch of {place} is armed again</b>\n"
        f"It had not been renewed for {seconds} s or more. What it canceled of ours is shown on the cards; "
        "nothing is placed again by itself, stops and orders placed by hand neither."
    )


def _place(view: VenueView) -> str:
    return figures.quoted(f"{view.exchange} {view.name}", 2 * lines.NAME)
