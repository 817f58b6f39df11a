"""Typed replies to a question of ours, or to a card: who may, one question to the desk, what to say.

What a reply answers is a stored row, found by the message it replies to; nothing typed says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from string import digits

from bot.sources.fields import BadField
from bot.sources.signal import read_values
from bot.sources.text import CHANGEABLE, read_change
from bot.telegram import answers, doubts, replies
from bot.telegram.front import Asked, Front, Reply
from execution.approval import Role
from execution.editing import Change
from execution.errors import Told
from execution.outcome import Outcome
from execution.replacing import can_be_changed
from execution.types import Size, SizeKind

Handler = Callable[[Front, str, Asked], Awaitable[Reply | None]]


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


_WORDS = {
    "amount": "amount",
    "notional": "value",
    "price": "limit",
    "stop_price": "stop price",
    "stop_loss": "stop",
    "take_profit": "target",
    "body": "this",
}
"""What people call the fields of a change."""


async def edit(front: Front, about: str, asked: Asked) -> Reply:
    """What is to change about a ticket, below the question about one of its revisions."""
    ticket, _, revision = about.partition(":")
    return await _edited(front, ticket, int(revision), asked)


async def edit_card(front: Front, ticket: str, asked: Asked) -> Reply | None:
    """The same below the card itself, which shows the newest revision, or the order that rests."""
    view = await front.view(ticket)
    if view is None:
        return None
    rests = can_be_changed(view.ticket, view.orders)
    return await _edited(front, ticket, None if rests else view.ticket.revision, asked)


async def replace(front: Front, about: str, asked: Asked) -> Reply:
    """What is to change about an order that rests, below the question about it."""
    return await _edited(front, about.partition(":")[0], None, asked)


async def _edited(front: Front, ticket: str, revision: int | None, asked: Asked) -> Reply:
    """What came of a change to a ticket's revision that waits; None: to its order that rests."""
    try:
        fields = read_values(read_change(" ".join(asked.words)))
    except BadField as error:
        word = _WORDS[error.field.partition("[")[0]]
        return Reply(face=replies.not_a_change(front.mode, f"{word} {error.wrong}"))
    size = next((kind for kind in SizeKind if kind in fields), None)
    change = Change(
        size=None if size is None else Size(kind=size, value=fields[size]),
        price=fields.get("price"),
        stop_price=fields.get("stop_price"),
        stop_loss=fields.get("stop_loss"),
        take_profit=fields.get("take_profit"),
    )
    person = asked.who.person
    if revision is None:
        answer = await front.desk.replace(ticket, person=person, change=change)
    else:
        answer = await front.desk.edit(ticket, revision=revision, person=person, change=change)
    text, view = answers.tapped(answer, front.look, may_look=True), await front.view(ticket)
    if view is None:
        return Reply(face=replies.told(front.mode, text))
    short = await front.shorten()
    return Reply(face=replies.edited(view, text, short=short(ticket)))


def _is_change(word: str) -> bool:
    """Whether what somebody says begins as a change does: with a figure or a mark."""
    return word.startswith(("$", "@", *digits)) or word.lower() in CHANGEABLE


HANDLERS: dict[str, tuple[Role, Handler]] = {
    "name_id": (Role.OWNER, name_id),
    "edit": (Role.APPROVER, edit),
    "replace": (Role.APPROVER, replace),
    "ticket": (Role.APPROVER, edit_card),
}
"""By the first word of what is replied to: a question, `<word>:<about>:<message>`, or a card."""


async def run(front: Front, subject: str, asked: Asked) -> Reply | None:
    """Answer what somebody typed below a question; None when nothing is to be said."""
    word, _, rest = subject.partition(":")
    if word not in HANDLERS or asked.who.role is None:
        return None
    about = rest.rpartition(":")[0]
    if word == "ticket":
        about = rest
        if not _is_change(asked.words[0]):
            return None  # people talk about a card below it
    needs, handler = HANDLERS[word]
    role = asked.who.role
    if not role.includes(needs):
        return Reply(
            face=replies.told(front.mode, f"This needs the role {needs}; yours is {role}.")
        )
    try:
        return await handler(front, about, asked)
    except Told as error:
        return Reply(face=replies.told(front.mode, str(error)))
