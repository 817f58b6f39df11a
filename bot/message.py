"""A message that is to be said in the chat: what it says, about what, how loud, and which card it answers."""

from __future__ import annotations

from dataclasses import dataclass

from bot.pictures import CandlePicture
from bot.telegram.faces import Face
from bot.telegram.pace import Urgency
from execution.events import Event


@dataclass(frozen=True)
class Message:
    """A new message: what it says, about what, and which card it answers."""

    face: Face
    subject: str
    """`ticket:`, `doubt:<ticket>` and `halt:<seq>` are edited later; `event:<seq>` is said once."""
    ticket: str | None = None
    """The ticket its buttons are about."""
    revision: int = 0
    reply_to: str | None = None
    picture: CandlePicture | None = None
    silent: bool = False
    """It does not ring."""
    edits: bool = False
    """It is no new message: the one about its subject says this now."""
    urgency: Urgency = Urgency.NEWS


def once(event: Event, face: Face, *, silent: bool = False) -> Message:
    """A message of its own about one event, never edited."""
    return Message(face=face, subject=f"event:{event.seq}", silent=silent)
