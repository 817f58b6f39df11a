"""The chat's commands: who may, parse, one question to the desk, answer.

Each is registered with what `replies.COMMANDS` declares of it, its role included; one without a
declaration cannot be registered. Nothing here decides about trading.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.telegram import answers, replies
from bot.telegram.faces import Face
from bot.telegram.front import Asked, Front, Reply
from execution.desk import Answer, Outcome
from execution.errors import Told

Handler = Callable[[Front, Asked], Awaitable[Reply | None]]


async def status(front: Front, asked: Asked) -> Reply:
    """How things stand, with a button to look again."""
    return Reply(face=await status_face(front), subject="status")


async def status_face(front: Front) -> Face:
    """The status message; its Refresh button edits it in place."""
    view, short = await front.status(), await front.shorten()
    return replies.status(view, front.look, now=front.clock(), short=short)


async def help_(front: Front, asked: Asked) -> Reply:
    """What this person can type."""
    return Reply(face=replies.help_text(front.mode, asked.who.role))


async def whoami(front: Front, asked: Asked) -> Reply:
    """Whom the desk takes this person for."""
    who = asked.who
    return Reply(face=replies.whoami(front.mode, who.user_id, who.person.name, who.role))


async def kill(front: Front, asked: Asked) -> Reply | None:
    """Halt at once. The notifier's checklist is the answer; a second kill is told of the first."""
    before = await front.store.read(lambda tx: tx.trading())
    flatten = asked.words[:1] == ("flatten",)
    reason = " ".join(asked.words[flatten:])
    after = await front.desk.halt(person=asked.who.person, reason=reason)
    if flatten:
        text = "Halted. Flattening is not built yet in this version: positions stay open."
        return Reply(face=replies.told(front.mode, text))
    if before.generation != after.generation or after.halt is None:
        return None
    halted = Answer(outcome=Outcome.HALTED, name=after.halt.name, at=after.halt.at)
    text = answers.tapped(halted, front.look, may_look=True)
    return Reply(face=replies.told(front.mode, text))


async def resume(front: Front, asked: Asked) -> Reply:
    """What will and will not restart, with one button that does it."""
    view = await front.status()
    subject = f"resume:{view.trading.generation}"
    return Reply(face=replies.resume_plan(view, front.look), subject=subject)


async def cancel(front: Front, asked: Asked) -> Reply:
    """Withdraw a ticket, or cancel what is left of its order."""
    if len(asked.words) != 1:
        return Reply(face=replies.wrong_usage(front.mode, "cancel", asked.who.role))
    found = await front.tickets_named(asked.words[0])
    if len(found) != 1:
        return Reply(face=replies.no_such_ticket(front.mode, asked.words[0], len(found)))
    answer = await front.desk.cancel(found[0].id, person=asked.who.person)
    view = await front.view(found[0].id)
    if answer.outcome is not Outcome.CANCELED or view is None:
        text = answers.tapped(answer, front.look, may_look=True)
        return Reply(face=replies.told(front.mode, text))
    short = await front.shorten()
    return Reply(face=replies.canceling(view, short=short(found[0].id)))


HANDLERS: dict[str, Handler] = {
    "status": status,
    "cancel": cancel,
    "kill": kill,
    "resume": resume,
    "whoami": whoami,
    "help": help_,
}
ANYWHERE = frozenset({"kill"})
"""Commands that also work in another topic of the chat and in a private chat with the bot."""
_DECLARED = {command.name: command for command in replies.COMMANDS}
assert set(_DECLARED) == set(HANDLERS), "every command is declared, and every declared one works"


async def run(front: Front, name: str, asked: Asked, *, at_home: bool) -> Reply | None:
    """Answer one command; None when nothing is to be said."""
    role = asked.who.role
    if name == "start":
        name = "help"
    command = _DECLARED.get(name)
    if not at_home and name not in ANYWHERE:
        return None if role is None else Reply(face=replies.elsewhere(front.mode))
    if command is None:
        return None if role is None else Reply(face=replies.unknown_command(front.mode, name, role))
    if command.role is not None and (role is None or not role.includes(command.role)):
        # A stranger learns nothing, not even that there is something to be had.
        return None if role is None else Reply(face=replies.not_for_you(front.mode, command, role))
    try:
        return await HANDLERS[name](front, asked)
    except Told as error:
        return Reply(face=replies.told(front.mode, str(error)))
