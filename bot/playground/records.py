"""The records of the playground's chat: people, chats, buttons, photos, messages and what changed.

Every other module here passes these around; they are frozen and do no I/O. They say what Telegram would know, never
what a ticket or an order is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal, Self

Json = dict[str, Any]

ANONYMOUS_ADMIN = 1087968824
"""The user id Telegram puts in `from` when an administrator posts anonymously (@GroupAnonymousBot)."""
CHANNEL_BOT = 136817688
"""The user id Telegram puts in `from` when somebody posts as a channel (@Channel_Bot)."""


@dataclass(frozen=True, slots=True)
class PlaygroundPerson:
    """Somebody who can be played on the page. `role` is shown there; `owner` also means the group's creator."""

    id: int
    name: str
    role: str = ""
    username: str = ""


@dataclass(frozen=True, slots=True)
class ChatInfo:
    """One chat: the group (negative id) or the private chat with a person (their own id)."""

    id: int
    title: str

    @property
    def is_private(self) -> bool:
        return self.id > 0


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a message says it is from. `sender_chat` is set for anonymous administrators and channels."""

    id: int
    name: str
    is_bot: bool = False
    username: str = ""
    sender_chat: int | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """One inline button: exactly one of `data`, `url`, `copy_text`. `style` is success, danger, primary or ""."""

    text: str
    data: str = ""
    url: str = ""
    copy_text: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """A stored picture without its content; `id` doubles as Telegram's file_id, `size` is in bytes."""

    id: str
    width: int
    height: int
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands now. With a photo, `text` and `entities` are its caption."""

    id: int
    chat_id: int
    sender: Sender
    date: datetime
    text: str
    entities: tuple[Json, ...] = ()
    photo: str | None = None
    keyboard: tuple[tuple[Button, ...], ...] = ()
    reply_to: int | None = None
    thread_id: int | None = None
    edited_at: datetime | None = None
    pinned: bool = False
    silent: bool = False
    force_reply: bool = False

    @property
    def labels(self) -> list[str]:
        """The texts of all buttons, row by row."""
        return [button.text for row in self.keyboard for button in row]

    def places(self) -> Iterator[tuple[int, int, Button]]:
        """Each button with its row and column."""
        for r, row in enumerate(self.keyboard):
            for c, button in enumerate(row):
                yield r, c, button

    def button(self, label: str) -> Button:
        """The first button whose text begins with `label`; LookupError names the ones there are."""
        for _, _, button in self.places():
            if button.text.startswith(label):
                return button
        raise LookupError(f"message {self.id} has no button {label!r}, only {self.labels}")

    def to_row(self) -> Json:
        """For storage; `from_row` reads it back."""
        row = asdict(self)
        row["date"] = self.date.isoformat()
        row["edited_at"] = self.edited_at.isoformat() if self.edited_at else None
        return row

    @classmethod
    def from_row(cls, row: Json) -> Self:
        known = {f.name for f in fields(cls)}
        values = {name: value for name, value in row.items() if name in known}
        values["sender"] = Sender(**row["sender"])
        values["date"] = datetime.fromisoformat(row["date"])
        values["edited_at"] = datetime.fromisoformat(row["edited_at"]) if row["edited_at"] else None
        values["entities"] = tuple(row["entities"])
        values["keyboard"] = tuple(tuple(Button(**b) for b in line) for line in row["keyboard"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What the person who tapped sees: a toast, or an alert to dismiss; `text` is None when the bot said nothing."""

    text: str | None
    alert: bool = False


@dataclass(frozen=True, slots=True)
class SignalDoor:
    """Where the page may post a signal: the path with its secret, and the markets it offers."""

    url: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened in the chat; listeners (long polls, the page, waiting tests) are told of each.

    `action` is what the bot says it is busy with, in the words of sendChatAction.
    """

    kind: Literal["new", "edited", "deleted", "update", "action", "commands"]
    chat_id: int = 0
    message: Message | None = None
    action: str = ""
