"""What one update asks: a command, a typed reply or a tap.

Done when it returns, that is committed; what is said in answer is said beside, so that a slow Telegram
never delays the next update.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import TypeGuard

from telegram import CallbackQuery, MaybeInaccessibleMessage, Message, Update

from bot.charts import Charts
from bot.news import AUDIENCE
from bot.people import Somebody, somebody
from bot.telegram import answers, commands, moving, replies, taps, typed
from bot.telegram.chat import Full, Later, Refused, Sent, TelegramChat, Tokens
from bot.telegram.faces import Face
from bot.telegram.front import Asked, Front, Reply
from bot.telegram.pace import Urgency
from execution.approval import Role
from execution.errors import StoreUnavailable
from execution.store import Transaction
from execution.store.chat import Post

log = logging.getLogger(__name__)

HEARD = ["message", "callback_query"]
"""The kinds of updates that are asked for; of others nothing is done."""
_TRIES = 5
_NOWHERE = 0
_LAST_ANSWERS = 1.5
"""Seconds that answers on their way are given when the process is asked to stop."""


class Updates:
    """Hands updates to commands, typed replies and taps, and says what they answer."""

    def __init__(self, *, chat: TelegramChat, front: Front, charts: Charts) -> None:
        self._bot = chat.bot
        self._chat = chat
        self._front = front
        self._charts = charts
        self._answers: set[asyncio.Task[None]] = set()
        self._not_stored: int | None = None
        """The update of which was said that it could not be stored."""

    async def take(self, update: Update, *, aloud: bool = True) -> bool:
        """Do what one update asks; returns once it is committed, False where a fault of ours left it.

        Raises:
            StoreUnavailable: nothing was stored; the update is not confirmed and comes again.
        """
        try:
            if update.callback_query is not None:
                await self._tap(update.callback_query, aloud=aloud)
            elif update.message is not None:
                await self._message(update.message, aloud=aloud)
        except StoreUnavailable as error:
            if update.update_id != self._not_stored:
                self._not_stored = update.update_id
                later = answers.not_stored(str(error))
                self._tell_undone(update, str(error), tapped=later, typed=later)
            raise
        except Exception as error:  # one update must not shut the door for all others
            log.critical("update %s failed: %s", update.update_id, error, exc_info=error)
            self._tell_undone(update, answers.FAULT, tapped=answers.BROKEN, typed=answers.FAULT)
            return False
        return True

    def _tell_undone(self, update: Update, reason: str, *, tapped: str, typed: str) -> None:
        """Say that what somebody asks for was not done, to whoever may ask for it."""
        if update.callback_query is not None:
            self.later(self._answer(update.callback_query, taps.Tapped(popup=tapped, alert=True)))
            return
        message = update.message
        who = somebody(message.from_user if message else None, message, self._front.roles)
        if message is None or who.role is None:
            return
        if not is_kill(update):
            if not (_text(update).startswith("/") or message.reply_to_message):
                return  # people talk
            face = replies.told(self._front.mode, typed)
        elif who.role.includes(Role.APPROVER):
            kept = self._front.desk.unsaved_halt is not None
            face = replies.halt_not_stored(self._front.mode, reason, kept=kept)
        else:
            return
        self.later(self._reply(Reply(face=face), message, _thread(message)))

    async def stop(self) -> None:
        """Let the answers that are on their way end."""
        if self._answers:
            await asyncio.wait(self._answers, timeout=_LAST_ANSWERS)

    async def _message(self, message: Message, *, aloud: bool) -> None:
        if message.migrate_to_chat_id is not None and message.chat.id == self._chat.chat_id:
            await moving.follow(self._front.store, self._chat, message.migrate_to_chat_id)
            return
        text = (message.text or "").strip()
        private = message.chat.type == "private"
        foreign = message.chat.id != self._chat.chat_id and not private
        if foreign or message.forward_origin is not None:
            return
        thread = _thread(message)
        who = somebody(message.from_user, message, self._front.roles)
        if text.startswith("/"):
            name, addressed, *words = _words(text)
            if addressed and addressed != (self._bot.username or "").lower():
                return
            at_home = not private and thread == self._chat.topic
            asked = Asked(who=who, words=tuple(words), key=key_of(message), at_home=at_home)
            reply = await commands.run(self._front, name, asked) if name else None
        else:
            reply = await self._answer_to(message.reply_to_message, text, who)
        if reply is not None and aloud:
            urgency = Urgency.EDIT if who.role is None else Urgency.REPLY
            self.later(self._reply(reply, message, thread, urgency))

    async def _answer_to(self, to: Message | None, text: str, who: Somebody) -> Reply | None:
        """What was typed as a reply to a question of ours; anything else is people talking."""
        if to is None or not text or who.role is None:
            return None
        place, number = str(to.chat.id), to.message_id
        post = await self._front.store.read(lambda tx: tx.chat.post_at(AUDIENCE, place, number))
        if post is None:
            return None
        return await typed.run(self._front, post.subject, Asked(who=who, words=tuple(text.split())))

    def is_kill(self, update: Update) -> bool:
        """Whether it asks to stop everything: by a command, or by the second tap on the panel."""
        token = self._front.panel.confirm_token
        tap = update.callback_query
        return is_kill(update) or (tap is not None and token is not None and tap.data == token)

    async def _tap(self, query: CallbackQuery, *, aloud: bool) -> None:
        place = query.message.chat.id if query.message is not None else _NOWHERE
        if place < 0 and place != self._chat.chat_id:
            place = _NOWHERE  # a group that is not ours any more
        who = somebody(query.from_user, None, self._front.roles)
        tapped = await taps.run(self._front, query.data or "", place, who)
        if tapped.on_panel and _carries(query.message, query.data):
            self._front.panel.tapped_on(query.message.message_id)
        if aloud:
            self.later(self._answer(query, tapped))

    async def _answer(self, query: CallbackQuery, tapped: taps.Tapped) -> None:
        try:
            await self._chat.answer(query.id, tapped.popup, alert=tapped.alert)
        except Later as later:
            await asyncio.sleep(later.seconds)
            with contextlib.suppress(Later, Refused):
                await self._chat.answer(query.id, tapped.popup, alert=tapped.alert)
        except Refused as error:
            log.warning("a tap could not be answered: %s", error)
        message = query.message
        if tapped.reply is not None and isinstance(message, Message):
            thread = _thread(message)
            await self._reply(tapped.reply, message, thread)

    async def _reply(
        self, reply: Reply, to: Message, thread: int | None, urgency: Urgency = Urgency.REPLY
    ) -> None:
        """Say it, a few times over if Telegram does not take it; a reply is not worth more.

        One that is as urgent as an edit is not said where there is no room for it now.
        """
        place = to.chat.id
        face, tokens = await self._with_tokens(reply, place)
        picture = await self._drawn(reply)
        tries = 0
        while tries < _TRIES:
            try:
                if reply.edits:
                    at = Sent(place=place, number=to.message_id)
                    await self._chat.change(
                        at,
                        face,
                        tokens,
                        has_picture=bool(to.photo),
                        picture=picture,
                        urgency=urgency,
                    )
                else:
                    sent = await self._chat.say(
                        face,
                        tokens,
                        place=place,
                        topic=thread,
                        reply_to=reply.to or to.message_id,
                        picture=picture,
                        urgency=urgency,
                    )
                    await self._remember(reply, sent)
                break
            except Later as later:
                if urgency is Urgency.EDIT:
                    return
                tries += not isinstance(later, Full)
                await asyncio.sleep(later.seconds)
            except Refused as error:
                log.warning("a reply was refused by Telegram: %s", error)
                return
        else:
            return
        for face in reply.more:
            await self._reply(Reply(face=face), to, thread)

    async def _with_tokens(self, reply: Reply, place: int) -> tuple[Face, Tokens]:
        """What it says, and its buttons; without them while they cannot be stored."""
        buttons = self._front.buttons
        try:
            return reply.face, await buttons.tokens_for(
                place, reply.subject, reply.revision, reply.face
            )
        except StoreUnavailable as error:
            log.warning("a reply is said without its buttons: %s", error)
            return replace(reply.face, buttons=()), {}

    async def _drawn(self, reply: Reply) -> bytes | None:
        """Its picture; what cannot be drawn is said in words."""
        if reply.picture is None:
            return None
        try:
            return await self._charts.draw(reply.picture)
        except Exception:  # the drawing's own: its words say the same
            log.exception("the picture of a result could not be drawn")
            return None

    async def _remember(self, reply: Reply, sent: Sent) -> None:
        """Keep what a question is about, so that a typed reply to it is understood."""
        if reply.face.asks_for is None:
            return

        def work(tx: Transaction) -> None:
            tx.chat.put(
                Post(
                    id=tx.new_id(),
                    audience=AUDIENCE,
                    subject=f"{reply.subject}:{sent.number}",
                    place=str(sent.place),
                    number=sent.number,
                    has_picture=False,
                    shown="",
                    shown_seq=0,
                    at=tx.now,
                )
            )

        await self._front.store.write(work)

    def later(self, work: Coroutine[object, object, None]) -> None:
        """Do this beside; `stop` waits for it."""
        task = asyncio.create_task(work)
        self._answers.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an answer failed: %s", error, exc_info=error)


def _thread(message: Message) -> int | None:
    return message.message_thread_id if message.is_topic_message else None


def _carries(message: MaybeInaccessibleMessage | None, data: str | None) -> TypeGuard[Message]:
    """Whether a message really has this button: a tap can claim to be on any message of ours."""
    if not isinstance(message, Message) or message.reply_markup is None:
        return False
    rows = message.reply_markup.inline_keyboard
    return any(button.callback_data == data for row in rows for button in row)


def key_of(message: Message) -> str:
    """What tells this message from every other."""
    return f"telegram:{message.chat.id}:{message.message_id}"


def is_kill(update: Update) -> bool:
    """Whether it is the command that stops everything."""
    return _words(_text(update))[0].startswith("kill")


def only_looks(update: Update) -> bool:
    """Whether it is a command that asks for nothing but an answer."""
    return _words(_text(update))[0] in commands.LOOKS


def _text(update: Update) -> str:
    text = update.message.text if update.message is not None else None
    return (text or "").strip()


def _words(text: str) -> list[str]:
    """A command's name, whom it is addressed to, and the words after it; no name where it is none."""
    name, *words = text[1:].split() or [""]
    name, _, addressed = name.lower().partition("@")
    return [name if text.startswith("/") else "", addressed, *words]
