"""The state of the playground: what stands in the chats, what people do there, and what the bot has yet to read.

The Bot API methods change it on the bot's behalf, the page and the tests on people's (`say`, `tap`). No sockets and no
clock of its own. It never decides what a tap means: that is the bot's business, as with Telegram.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.playground.formatting import with_commands
from bot.playground.records import (
    ANONYMOUS_ADMIN,
    CHANNEL_BOT,
    Button,
    CallbackAnswer,
    Change,
    ChatInfo,
    Json,
    Message,
    Photo,
    PlaygroundPerson,
    Sender,
)
from bot.playground.storage import Storage
from bot.playground.wire import message_json, user_json

QUERY_LIFETIME = timedelta(seconds=60)
"""How long a tap may be answered. Telegram names no figure; its clients stop showing progress within a minute."""

_QUIET_UPDATES = {"chat_member", "message_reaction", "message_reaction_count"}


@dataclass(slots=True)
class _Query:
    asked_at: datetime
    answer: asyncio.Future[CallbackAnswer]


class Chat:
    """The group `chat_id`, a private chat with each person or stranger who wrote there, and groups added later."""

    def __init__(
        self,
        path: Path | str,
        *,
        bot: Sender,
        chat_id: int,
        title: str,
        people: Sequence[PlaygroundPerson],
        clock: Callable[[], datetime],
    ) -> None:
        self.storage = Storage(path)
        self.bot = bot
        self.group = ChatInfo(chat_id, title)
        self.people = {person.id: person for person in people}
        self.clock = clock
        self._chats = {chat_id: self.group}
        self.moved: dict[int, int] = {}
        """Groups that became supergroups, and their new ids; it does not survive a restart."""
        self._queries: dict[str, _Query] = {}
        self._listeners: list[Callable[[Change], None]] = []

    def close(self) -> None:
        self.storage.close()

    @contextmanager
    def listening(self, listener: Callable[[Change], None]) -> Iterator[None]:
        """Calls `listener` with each change until the block ends."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def tell(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            listener(change)

    # Chats and people

    def add_group(self, chat_id: int, title: str) -> ChatInfo:
        """Another group with the bot in it; it does not survive a restart."""
        self._chats[chat_id] = ChatInfo(chat_id, title)
        return self._chats[chat_id]

    def migrate(self, to: int) -> None:
        """The group becomes a supergroup of another id; nothing can be done in the old one any more."""
        was, self.group = self.group, ChatInfo(to, self.group.title)
        self._chats[to] = self.group
        self.moved[was.id] = to
        for chat, about in (
            (was, {"migrate_to_chat_id": to}),
            (self.group, {"migrate_from_chat_id": was.id}),
        ):
            note = self.post(
                chat.id, Sender(ANONYMOUS_ADMIN, was.title, True, "GroupAnonymousBot"), ""
            )
            self._queue("message", self.json(note) | about)

    def info(self, chat_id: int) -> ChatInfo | None:
        person = self.people.get(chat_id)
        return ChatInfo(person.id, person.name) if person else self._chats.get(chat_id)

    def sender(self, user_id: int, name: str = "") -> Sender:
        """A person as sender; an id nobody has been given is a stranger."""
        person = self.people.get(user_id) or PlaygroundPerson(user_id, f"User {user_id}")
        return Sender(user_id, name or person.name, username=person.username)

    # Messages

    def message(self, chat_id: int, message_id: int) -> Message | None:
        message = self.storage.message(message_id)
        return message if message and message.chat_id == chat_id else None

    def messages(self, *, limit: int = 200) -> list[Message]:
        """The newest messages of all chats, oldest first."""
        return self.storage.last_messages(limit)

    def pinned(self) -> list[Message]:
        """What is pinned in any chat, oldest first, however long ago it was written."""
        return self.storage.pinned_messages()

    def post(self, chat_id: int, sender: Sender, text: str, **more: Any) -> Message:
        """A new message; `more` are Message's other fields."""
        number = self.storage.new_message_id()
        message = Message(number, chat_id, sender, self.clock(), text, **more)
        self.storage.save_message(message)
        self.tell(Change("new", chat_id, message))
        return message

    def change(self, message: Message, **fields: Any) -> Message:
        """The message with other fields, saved and told; an edit sets `edited_at` itself."""
        changed = replace(message, **fields)
        self.storage.save_message(changed)
        self.tell(Change("edited", message.chat_id, changed))
        return changed

    def delete(self, message: Message) -> None:
        self.storage.delete_message(message.id)
        self.tell(Change("deleted", message.chat_id, message))

    def photo(self, photo_id: str | None) -> Photo | None:
        return self.storage.photo(photo_id) if photo_id else None

    def json(self, message: Message) -> Json:
        """The message as the Bot API shows it, with the message it answers."""
        chat = self._chat_of(message)
        answered = self.message(message.chat_id, message.reply_to) if message.reply_to else None
        reply = message_json(answered, chat, self.photo(answered.photo)) if answered else None
        return message_json(message, chat, self.photo(message.photo), reply)

    def _chat_of(self, message: Message) -> ChatInfo:
        return self.info(message.chat_id) or ChatInfo(message.chat_id, "")

    # What people do

    def say(
        self,
        text: str,
        *,
        by: int,
        chat_id: int | None = None,
        name: str = "",
        reply_to: int | None = None,
        thread_id: int | None = None,
        anonymous: bool = False,
        sender_chat: ChatInfo | None = None,
    ) -> Message:
        """A person writes; the bot gets the message as an update.

        `anonymous` posts as the group itself, `sender_chat` as a channel, in both cases as Telegram tells bots.
        """
        where = self.group.id if chat_id is None else chat_id
        if where == by and where not in self.people:
            self._chats[where] = ChatInfo(where, self.sender(by, name).name)
        if self.info(where) is None:
            raise LookupError(f"no chat {where}: add_group() first, or use a person's id")
        sender = self.sender(by, name)
        if anonymous:
            title = self._chats[where].title
            sender = Sender(ANONYMOUS_ADMIN, title, True, "GroupAnonymousBot", sender_chat=where)
        elif sender_chat:
            channel = sender_chat
            sender = Sender(CHANNEL_BOT, channel.title, True, "Channel_Bot", sender_chat=channel.id)
        with self.storage.transaction():
            entities = tuple(with_commands(text, []))
            more = {"entities": entities, "reply_to": reply_to, "thread_id": thread_id}
            message = self.post(where, sender, text, **more)
            self._queue("message", self.json(message))
        return message

    def tap(
        self,
        message: Message,
        button: Button,
        *,
        by: int,
        name: str = "",
        anonymous: bool = False,
    ) -> asyncio.Future[CallbackAnswer]:
        """A person taps a button; await the result for the bot's answer.

        The button need not be on the message any more: a phone may show an old keyboard, and a forged one is just
        another Button. `anonymous` taps as Telegram's @GroupAnonymousBot.
        """
        answer: asyncio.Future[CallbackAnswer] = asyncio.get_running_loop().create_future()
        self._queries = {n: query for n, query in self._queries.items() if self._is_fresh(query)}
        sender = self.sender(by, name)
        if anonymous:
            sender = Sender(ANONYMOUS_ADMIN, "Group", True, "GroupAnonymousBot")
        body = {
            "from": user_json(sender),
            "message": self.json(message),
            "chat_instance": str(abs(message.chat_id)),
            "data": button.data,
        }
        number = self._queue("callback_query", body)
        self._queries[str(number)] = _Query(self.clock(), answer)
        return answer

    def answer(self, query_id: str, answer: CallbackAnswer) -> bool:
        """Answers a tap; False when there is no such tap or it is too old. Answering again is accepted."""
        query = self._queries.get(query_id)
        if query is None or not self._is_fresh(query):
            return False
        if not query.answer.done():
            query.answer.set_result(answer)
        return True

    def _is_fresh(self, query: _Query) -> bool:
        return self.clock() - query.asked_at <= QUERY_LIFETIME

    # The bot's update queue

    def _queue(self, kind: str, body: Json) -> int:
        """Adds an update unless the bot asked not to get its kind; a callback query takes the update's id as its own."""
        number = self.storage.new_update_id()
        if kind == "callback_query":
            body = {"id": str(number)} | body
        if self._wanted(kind):
            self.storage.save_update(number, {"update_id": number, kind: body})
            self.tell(Change("update"))
        return number

    def _wanted(self, kind: str) -> bool:
        allowed = self.storage.setting("allowed_updates", [])
        return kind in allowed if allowed else kind not in _QUIET_UPDATES

    def allow_updates(self, kinds: Sequence[str]) -> None:
        """Which kinds are queued from now on; none named: all but the quiet ones."""
        self.storage.set_setting("allowed_updates", list(kinds))

    def updates(self, *, offset: int, limit: int) -> list[Json]:
        """Unconfirmed updates from `offset` on. A negative offset keeps only that many of the newest.

        Asking with an offset confirms all updates before it: they are gone (Bot API, getUpdates).
        """
        if offset < 0:
            newest = self.storage.last_update_ids(-offset)
            offset = newest[0] if newest else 0
        if offset > 0:
            self.storage.confirm_updates(below=offset)
        return self.storage.updates(limit=limit)

    def pending_updates(self) -> int:
        return len(self.storage.last_update_ids(10_000))

    def drop_updates(self) -> None:
        self.storage.confirm_updates(below=self.storage.new_update_id() + 1)

    # The webhook

    @property
    def webhook(self) -> Json:
        """What setWebhook was given; empty while updates are asked for."""
        found: Json = self.storage.setting("webhook", {})
        return found

    def set_webhook(self, webhook: Json) -> None:
        """Where updates are to be brought; {}: nowhere."""
        self.storage.set_setting("webhook", webhook)
        self.tell(Change("update"))

    # Command menus

    def commands(self, scope: str) -> list[Json]:
        menus: dict[str, list[Json]] = self.storage.setting("commands", {})
        return menus.get(scope, [])

    def set_commands(self, scope: str, commands: Sequence[Json]) -> None:
        """Replaces the menu of one scope; none: removes it."""
        menus = self.storage.setting("commands", {})
        menus.pop(scope, None)
        if commands:
            menus[scope] = list(commands)
        self.storage.set_setting("commands", menus)
        self.tell(Change("commands"))

    def menu(self, chat_id: int, person: PlaygroundPerson) -> list[Json]:
        """The commands that person is offered there, by the order in "Determining list of commands"."""
        if chat_id > 0:
            scopes = [f"chat {chat_id}", "all_private_chats", "default"]
        else:
            admin = person.role == "owner"
            scopes = [
                f"chat_member {chat_id} {person.id}",
                *([f"chat_administrators {chat_id}"] if admin else []),
                f"chat {chat_id}",
                *(["all_chat_administrators"] if admin else []),
                "all_group_chats",
                "default",
            ]
        return next((menu for scope in scopes if (menu := self.commands(scope))), [])
