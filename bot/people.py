"""A Telegram user to a person the desk knows, or to nobody.

Security code: an id is a number that nobody can choose; names are only ever shown. Whoever writes as
a channel or as an anonymous admin is nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.settings import Settings
from execution.approval import Role
from execution.desk import Person

if TYPE_CHECKING:
    from telegram import Message, User

ANONYMOUS = frozenset({1087968824, 136817688, 777000})
"""GroupAnonymousBot, Channel Bot and Telegram itself: senders that stand for somebody unknown."""
NAME_LIMIT = 64


@dataclass(frozen=True)
class Somebody:
    """Who wrote or tapped: a person for the desk, and the role that person has today, if any."""

    person: Person
    user_id: int
    role: Role | None
    hidden: bool = False
    """Behind the name of the group, of a channel or of a bot: nobody's own."""


def roles(settings: Settings) -> dict[str, Role]:
    """Every known person (`tg:<id>`) and their role."""
    people = settings.people
    known = {f"tg:{user}": Role.VIEWER for user in people.viewers}
    known |= {f"tg:{user}": Role.APPROVER for user in people.approvers}
    known |= {f"tg:{user}": Role.OWNER for user in people.owners}
    return known


def is_hidden(user: User, message: Message | None) -> bool:
    """Whether somebody stands behind a name that is not their own: a bot, a channel, the group itself."""
    as_a_chat = message is not None and message.sender_chat is not None
    return user.id in ANONYMOUS or user.is_bot or as_a_chat


def somebody(user: User | None, message: Message | None, known: Mapping[str, Role]) -> Somebody:
    """Who is behind an update; without an identity of their own they are nobody."""
    if user is None:
        return Somebody(person=Person(id="tg:0", name="somebody"), user_id=0, role=None)
    id = f"tg:{user.id}"
    name = (user.full_name or str(user.id))[:NAME_LIMIT]
    hidden = is_hidden(user, message)
    return Somebody(
        person=Person(id=id, name=name),
        user_id=user.id,
        role=None if hidden else known.get(id),
        hidden=hidden,
    )
