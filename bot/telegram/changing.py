"""`/limits set` and `/limits reset`: read what was typed, ask the desk, and ask an owner where it allows more."""

from __future__ import annotations

from bot import house
from bot.settings import SettingsError
from bot.telegram import limiting, replies
from bot.telegram.front import Asked, Front, Reply
from execution.limits import ResetLimit, SetLimit, Wanted

_FORMS = {one.arguments.split()[0]: one for one in replies.NARROWER}


async def change(front: Front, asked: Asked) -> Reply | None:
    """Carry it out; the notifier tells of what is in force, a question has one button."""
    verb, *words = asked.words
    role = asked.who.role
    if verb not in _FORMS:
        return Reply(face=replies.wrong_usage(front.mode, "limits", role))
    if verb == "reset" and words == [limiting.DRAWDOWN]:
        return Reply(face=limiting.drawdown(front.mode), subject=limiting.DRAWDOWN)
    try:
        wanted = _wanted(verb, words)
    except SettingsError as error:
        return Reply(face=replies.misused(front.mode, _FORMS[verb], str(error)))
    if wanted is None:
        return Reply(face=replies.misused(front.mode, _FORMS[verb]))
    made = await front.desk.change_limit(wanted, person=asked.who.person)
    if made.question is None:
        return None
    face = limiting.asked(front.mode, made, front.look.currency)
    return Reply(face=face, subject=f"limit:{made.question}")


def _wanted(verb: str, words: list[str]) -> Wanted | None:
    """What was typed; None where something is missing.

    Raises:
        SettingsError: there is no such limit, or it cannot have this value.
    """
    if verb == "set" and len(words) > 1:
        return SetLimit(key=words[0], value=house.limit(words[0], " ".join(words[1:])))
    if verb == "reset" and len(words) == 1:
        return ResetLimit(key=house.limit_key(words[0]))
    return None
