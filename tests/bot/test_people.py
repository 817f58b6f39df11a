"""Who is somebody, and who is nobody whatever they are called."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from telegram import Chat, Message, User

from bot.people import ANONYMOUS, NAME_LIMIT, roles, somebody
from execution.approval import Role
from tests.desk import settings_in

KNOWN = {"tg:1111": Role.OWNER, "tg:2222": Role.APPROVER, "tg:3333": Role.VIEWER}
GROUP = Chat(-100, "supergroup", title="Trading desk")


def user(id: int, **more: object) -> User:
    given: dict[str, object] = {"first_name": "Ana", "is_bot": False} | more
    return User(id, **given)  # type: ignore[arg-type]


def message(sender: User, *, sender_chat: Chat | None = None) -> Message:
    return Message(1, datetime.now(UTC), GROUP, from_user=sender, sender_chat=sender_chat)


def test_everybody_in_people_has_one_role(tmp_path: Path) -> None:
    assert roles(settings_in(tmp_path)) == KNOWN


@pytest.mark.parametrize(("id", "role"), [(1111, Role.OWNER), (2222, Role.APPROVER), (4444, None)])
def test_role_is_the_one_of_the_numeric_id(id: int, role: Role | None) -> None:
    who = somebody(user(id), message(user(id)), KNOWN)
    assert (who.person.id, who.user_id, who.role) == (f"tg:{id}", id, role)


def test_name_and_username_give_nobody_a_role() -> None:
    """Names can be chosen; only the number counts."""
    impostor = user(4444, first_name="tg:1111", last_name="1111", username="olga")
    assert somebody(impostor, message(impostor), KNOWN).role is None


@pytest.mark.parametrize("id", sorted(ANONYMOUS))
def test_anonymous_admin_channel_and_telegram_itself_are_nobody(id: int) -> None:
    """Even if a setting names such an id: everybody's anonymous posts carry it."""
    assert somebody(user(id), None, {f"tg:{id}": Role.OWNER}).role is None


def test_bot_is_nobody() -> None:
    assert somebody(user(1111, is_bot=True), None, KNOWN).role is None


@pytest.mark.parametrize("chat", [GROUP, Chat(-1005, "channel", title="Olga")])
def test_who_writes_as_a_chat_is_nobody(chat: Chat) -> None:
    assert somebody(user(1111), message(user(1111), sender_chat=chat), KNOWN).role is None


def test_update_without_a_user_is_nobody() -> None:
    who = somebody(None, None, {"tg:0": Role.OWNER})
    assert (who.user_id, who.role) == (0, None)


def test_name_is_what_people_see_cut_to_a_length() -> None:
    assert somebody(user(2222, last_name="B."), None, KNOWN).person.name == "Ana B."
    long = somebody(user(2222, first_name="x" * 500), None, KNOWN)
    assert long.person.name == "x" * NAME_LIMIT
    assert somebody(user(2222, first_name=""), None, KNOWN).person.name == "2222"
