"""What is said of a pause, and what a resume will and will not restart.

Pure. The chat, `/api` and the command line say the same sentences.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from bot.telegram import accounts, contracts, figures, lines, pairs, replies
from bot.telegram.faces import Action, Button, ButtonStyle, Face, Look
from execution.breaker import BreakerState
from execution.reports import ResumeView
from execution.trading import Halt
from execution.types import Mode

_SHOWN = 8
"""Rows of each kind that are named; the rest is counted."""
ENTRIES = "entries"
"""The subject of the button that cancels every order that may still add exposure."""


def paused(mode: Mode, halt: Halt, *, entries: int, waiting: int, look: Look) -> Face:
    """Nothing adds exposure from now on; what rests is left to people, with a button for all of it."""
    at, who = figures.clock_time(halt.at, look.zone), figures.quoted(halt.name, lines.NAME)
    held = figures.several(halt.voided, "approved order")
    resting = figures.several(entries, "entry", "entries")
    cards = figures.several(waiting, "ticket")
    text = [
        f"<b>{lines.badge(mode)} · PAUSED by {who} at {at}. No new orders that add exposure.</b>",
        lines.sentence(halt.reason),
        f"{held} had not left and will not." if halt.voided else "",
        f"{resting} of ours may still fill." if entries else "No entry of ours rests.",
        f"{cards} waiting: an exit can be approved now, an entry after the resume."
        if waiting
        else "",
        "Exits go on. /resume is for owners.",
    ]
    return Face(text=lines.joined(text), buttons=cancel_entries(entries))


def paused_elsewhere(mode: Mode) -> Face:
    """A /pause from a private chat or another topic: where more is said of it."""
    return Face(
        text=f"{lines.badge(mode)} · Paused: no new orders that add exposure. What rests is listed in "
        "the desk's own chat."
    )


def cancel_entries(entries: int) -> tuple[tuple[Button, ...], ...]:
    """One button that cancels what may still add exposure; none where there is nothing."""
    if not entries:
        return ()
    label = f"Cancel {figures.several(entries, 'entry', 'entries')}"
    return ((Button(label=label, action=Action.CANCEL_ENTRIES, about=ENTRIES),),)


def plan(view: ResumeView, sources: Collection[str], look: Look) -> list[str]:
    """What resuming restarts and what it does not, a sentence each; plain text."""
    entries = figures.several(view.entries, "entry", "entries")
    unknown = figures.several(view.status.unknown, "order")
    kept = [f"{o.side} {figures.figure(o.amount)} {o.symbol} at {o.venue}" for o in view.kept]
    heard = figures.listed([*sorted(sources)[:_SHOWN], "the chat"])
    return [
        "New signals become tickets again, and approved ones are sent.",
        f"Heard: {heard}.",
        "Voided tickets and canceled orders stay as they are.",
        *_if(
            view.status.pending,
            f"{figures.several(view.status.pending, 'ticket')} can be approved again.",
        ),
        *_if(view.entries, f"{entries} at the exchange: untouched."),
        *_if(kept, f"Kept stops: {figures.listed(kept[:_SHOWN])}."),
        *_if(view.status.unknown, f"{unknown} in doubt: their symbols stay closed."),
        *(
            f"{v.exchange} {v.name} is not connected."
            for v in view.status.venues[:_SHOWN]
            if not v.connected
        ),
        *(
            f"Nothing is sent to {venue} yet: its circuit breaker is {_BREAKER[state]}."
            for venue, state in view.breakers.items()
        ),
        *accounts.stopped(view.status.stops, look),
        *pairs.standing(view.status.blocked),
        *contracts.standing(view.status.venues),
        *(f"Not yet: {why}" for why in view.unclear[:_SHOWN]),
    ]


def resume(view: ResumeView, sources: Collection[str], look: Look, *, now: datetime) -> Face:
    """The plan, with the one button that carries it out."""
    status = view.status
    state = replies.standing(status.trading, look, now)
    text = [
        f"<b>{lines.badge(status.mode)} · {state}. Resume?</b>",
        *(figures.quoted(line, 2 * lines.SENTENCE) for line in plan(view, sources, look)),
    ]
    confirm = Button(
        label="Confirm resume", action=Action.CONFIRM_RESUME, style=ButtonStyle.PRIMARY
    )
    return Face(text=lines.joined(text), buttons=((confirm,),))


def resumed(mode: Mode, name: str, at: datetime, look: Look) -> Face:
    """Trading again, and by whom."""
    who = figures.quoted(name, lines.NAME)
    when = figures.clock_time(at, look.zone)
    return Face(text=f"<b>{lines.badge(mode)} · Resumed by {who} at {when}. Trading again.</b>")


_BREAKER = {BreakerState.OPEN: "open", BreakerState.HALF_OPEN: "half open"}


def _if(given: object, sentence: str) -> list[str]:
    return [sentence] if given else []
