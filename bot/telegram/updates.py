"""What one update asks: a command, a typed reply or a tap.

Done when it returns, that is committed; what is said in answer is said beside, so that a slow Telegram
never delays the next update.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from concurrent.futures.process import BrokenProcessPool

from telegram import CallbackQuery, Message, Update

from bot.charts import Charts
from bot.news import AUDIENCE
from bot.people import Somebody, somebody
from bot.telegram import answers, commands, moving, replies, taps, typed
from bot.telegram.chat import Full, Later, Refused, Sent, TelegramChat
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

    async def take(self, update: Update, *, aloud: bool = True) -> None:
        """Do what one update asks; returns once it is committed.

        Raises:
            StoreUnavailable: nothing was stored; the update is not confirmed and comes again.
        """
        try:
            if update.callback_query is not None:
                await self._tap(update.callback_query)
            elif update.message is not None:
                await self._message(update.message, aloud=aloud)
        except StoreUnavailable as error:
            self._tell_not_stored(update, str(error))
            raise
        except Exception as error:  # one update must not shut the door for all others
            log.critical("update %s failed: %s", update.update_id, error, exc_info=error)
            if update.callback_query is not None:
                broken = taps.Tapped(popup=answers.BROKEN, alert=True)
                self.later(self._answer(update.callback_query, broken))

    def _tell_not_stored(self, update: Update, reason: str) -> None:
        """Say once that what somebody asks for cannot be stored now; it is tried again."""
        if update.update_id == self._not_stored:
            return
        self._not_stored = update.update_id
        if update.callback_query is not None:
            waits = taps.Tapped(popup=answers.not_stored(reason), alert=True)
            self.later(self._answer(update.callback_query, waits))
        elif is_kill(update) and update.message is not None:
            who = somebody(update.message.from_user, update.message, self._front.roles)
            if who.role is not None and who.role.includes(Role.APPROVER):
                face = replies.told(self._front.mode, answers.halt_not_stored(reason))
                self.later(self._reply(Reply(face=face), update.message, _thread(update.message)))

    async def stop(self) -> None:
        """Let the answers that are on their way end."""
        if self._answers:
            await asyncio.wait(self._answers, timeout=3)

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
            at_home = not private and thread == self._chat.topic
            reply = await self._command(text, who, key=key_of(message), at_home=at_home)
        else:
            reply = await self._answer_to(message.reply_to_message, text, who)
        if reply is not None and aloud:
            self.later(self._reply(reply, message, thread))

    async def _command(self, text: str, who: Somebody, *, key: str, at_home: bool) -> Reply | None:
        name, *words = text[1:].split() or [""]
        name, _, addressed = name.partition("@")
        if addressed and addressed.lower() != (self._bot.username or "").lower():
            return None
        asked = Asked(who=who, words=tuple(words), key=key)
        return (
            await commands.run(self._front, name.lower(), asked, at_home=at_home) if name else None
        )

    async def _answer_to(self, to: Message | None, text: str, who: Somebody) -> Reply | None:
        """What was typed as a reply to a question of ours; anything else is people talking."""
        if to is None or not text:
            return None
        place, number = str(to.chat.id), to.message_id
        post = await self._front.store.read(lambda tx: tx.chat.post_at(AUDIENCE, place, number))
        if post is None:
            return None
        return await typed.run(self._front, post.subject, Asked(who=who, words=tuple(text.split())))

    async def _tap(self, query: CallbackQuery) -> None:
        place = query.message.chat.id if query.message is not None else _NOWHERE
        if place < 0 and place != self._chat.chat_id:
            place = _NOWHERE  # a group that is not ours any more
        who = somebody(query.from_user, None, self._front.roles)
        tapped = await taps.run(self._front, query.data or "", place, who)
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

    async def _reply(self, reply: Reply, to: Message, thread: int | None) -> None:
        """Say it, a few times over if Telegram does not take it; a reply is not worth more."""
        place = to.chat.id
        buttons = self._front.buttons
        tokens = await buttons.tokens_for(place, reply.subject, reply.revision, reply.face)
        picture = await self._drawn(reply)
        tries = 0
        while tries < _TRIES:
            try:
                if reply.edits:
                    at = Sent(place=place, number=to.message_id)
                    await self._chat.change(
                        at,
                        reply.face,
                        tokens,
                        has_picture=bool(to.photo),
                        picture=picture,
                        urgency=Urgency.NEWS,
                    )
                else:
                    sent = await self._chat.say(
                        reply.face,
                        tokens,
                        place=place,
                        topic=thread,
                        reply_to=reply.to or to.message_id,
                        picture=picture,
                    )
                    await self._remember(reply, sent)
                break
            except Later as later:
                tries += not isinstance(later, Full)
                await asyncio.sleep(later.seconds)
            except Refused as error:
                log.warning("a reply was refused by Telegram: %s", error)
                return
        else:
            return
        for face in reply.more:
            await self._reply(Reply(face=face), to, thread)

    async def _drawn(self, reply: Reply) -> bytes | None:
        """Its picture; what cannot be drawn is said in words."""
        if reply.picture is None:
            return None
        try:
            return await self._charts.draw(reply.picture)
        except BrokenProcessPool:
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


def key_of(message: Message) -> str:
    """What tells this message from every other."""
    return f"telegram:{message.chat.id}:{message.message_id}"


def is_kill(update: Update) -> bool:
    """Whether it asks to stop everything."""
    text = update.message.text if update.message is not None else None
    return (text or "").strip().lower().startswith("/kill")
