"""Typed replies to a question of ours: who may answer, one question to the desk, what to say.

What a reply answers is a stored row, found by the message it replies to; nothing typed says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.telegram import answers, doubts, replies
from bot.telegram.front import Asked, Front, Reply
from execution.approval import Role
from execution.errors import Told
from execution.outcome import Outcome

Handler = Callable[[Front, str, Asked], Awaitable[Reply]]


async def name_id(front: Front, order_id: str, asked: Asked) -> Reply:
    """The exchange's id of an order that nobody could prove."""
    named = " ".join(asked.words)
    answer = await front.desk.name_id(order_id, named, person=asked.who.person)
    view = None if answer.ticket is None else await front.view(answer.ticket.id)
    if answer.outcome is not Outcome.NAMED or view is None:
        text = answers.tapped(answer, front.look, may_look=True)
        return Reply(face=replies.told(front.mode, text))
    short = await front.shorten()
    return Reply(face=doubts.asking(view, named, short=short(view.ticket.id)))


HANDLERS: dict[str, tuple[Role, Handler]] = {"name_id": (Role.OWNER, name_id)}
"""By the first word of the question's subject, `<word>:<id>:<message>`."""


async def run(front: Front, subject: str, asked: Asked) -> Reply | None:
    """Answer what somebody typed below a question; None when nothing is to be said."""
    word, _, rest = subject.partition(":")
    if word not in HANDLERS or asked.who.role is None:
        return None
    needs, handler = HANDLERS[word]
    role = asked.who.role
    if not role.includes(needs):
        return Reply(
            face=replies.told(front.mode, f"This needs the role {needs}; yours is {role}.")
        )
    try:
        return await handler(front, rest.partition(":")[0], asked)
    except Told as error:
        return Reply(face=replies.told(front.mode, str(error)))
