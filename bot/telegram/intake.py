"""Updates in: each is confirmed to Telegram only after what it asked for is committed.

One long poll after the other. `/kill` is taken before everything that came with it; answers are sent
beside, so that a slow Telegram never delays the next update.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from datetime import timedelta

from telegram import (
    BotCommandScope,
    BotCommandScopeChat,
    BotCommandScopeChatMember,
    CallbackQuery,
    Message,
    Update,
)
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from bot.news import AUDIENCE
from bot.people import Somebody, somebody
from bot.telegram import commands, replies, taps, typed
from bot.telegram.chat import POLL, Later, Refused, Sent, TelegramChat
from bot.telegram.front import Asked, Front, Reply
from bot.telegram.tokens import tokens_for
from execution.approval import Role
from execution.errors import StoreUnavailable
from execution.store import Transaction
from execution.store.chat import Post

log = logging.getLogger(__name__)

_BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_TRIES = 5
_HEARD = ["message", "callback_query"]


class Intake:
    """Reads updates and hands them to commands and taps."""

    def __init__(self, *, chat: TelegramChat, front: Front) -> None:
        self._bot = chat.bot
        self._chat = chat
        self._front = front
        self._answers: set[asyncio.Task[None]] = set()
        self.reason: str | None = "not connected yet"
        """Why Telegram is not heard; None while it is."""

    async def run(self) -> None:
        """Listen until canceled; whatever goes wrong is said once, and tried again."""
        offset, failures = 0, 0
        while True:
            try:
                await self._bot.initialize()
                # What has just failed is asked without waiting, to know soon that it is back.
                updates = await self._updates(offset, POLL if self.reason is None else 0)
                await self._take_all(updates)
                self._heard()
                offset = max([offset, *(update.update_id + 1 for update in updates)])
                failures = 0
            except (TelegramError, StoreUnavailable) as error:
                self._lost(_explained(error))
                pause = _BACKOFF[min(failures, len(_BACKOFF) - 1)]
                await asyncio.sleep(max(pause, _asked_pause(error)))
                failures += 1

    async def stop(self) -> None:
        """Let the answers that are on their way end."""
        if self._answers:
            await asyncio.wait(self._answers, timeout=3)

    async def _updates(self, offset: int, seconds: int) -> Sequence[Update]:
        """One poll; a webhook that somebody left behind is taken away first."""
        try:
            return await self._bot.get_updates(
                offset=offset, timeout=seconds, allowed_updates=_HEARD
            )
        except Conflict as error:
            if "webhook" in str(error).lower():
                await self._bot.delete_webhook(drop_pending_updates=False)
            raise

    def _heard(self) -> None:
        if self.reason is not None:
            log.info("Telegram is heard as @%s", self._bot.username)
            self.reason = None
            self._later(self._show_menus())

    async def _show_menus(self) -> None:
        """Give everybody a command menu of what they may use; a person not in the chat has none."""
        place = self._chat.chat_id
        menus: list[tuple[Role | None, BotCommandScope]] = [(None, BotCommandScopeChat(place))]
        for id, role in self._front.roles.items():
            user = int(id.partition(":")[2])
            menus.append((role, BotCommandScopeChatMember(place, user)))
        for least, scope in menus:
            entries = [(c.name, c.does) for c in replies.commands_for(least)]
            try:
                await self._chat.menu(entries, scope)
            except (Later, Refused) as error:
                log.info("a command menu was not taken: %s", error)

    def _lost(self, reason: str) -> None:
        if reason != self.reason:
            log.error("%s", reason)
        self.reason = reason

    async def _take_all(self, updates: Sequence[Update]) -> None:
        """Every update in its order, but a `/kill` before all others.

        At its own place it counts once more, so that nothing said before it undoes it.
        """
        for update in updates:
            if _is_kill(update):
                await self._take(update)
        for update in updates:
            if not _is_kill(update):
                await self._take(update)
            elif update is not updates[0]:
                await self._take(update, aloud=False)

    async def _take(self, update: Update, *, aloud: bool = True) -> None:
        """Do what one update asks; returns once it is committed.

        Raises:
            StoreUnavailable: nothing was stored; the update is not confirmed and comes again.
        """
        try:
            if update.callback_query is not None:
                await self._tap(update.callback_query)
            elif update.message is not None:
                await self._message(update.message, aloud=aloud)
        except StoreUnavailable:
            raise
        except Exception as error:  # one update must not shut the door for all others
            log.critical("update %s failed: %s", update.update_id, error, exc_info=error)

    async def _message(self, message: Message, *, aloud: bool) -> None:
        text = (message.text or "").strip()
        private = message.chat.type == "private"
        foreign = message.chat.id != self._chat.chat_id and not private
        if foreign or message.forward_origin is not None:
            return
        thread = message.message_thread_id if message.is_topic_message else None
        who = somebody(message.from_user, message, self._front.roles)
        if text.startswith("/"):
            at_home = not private and thread == self._chat.topic
            reply = await self._command(text, who, at_home=at_home)
        else:
            reply = await self._answer_to(message.reply_to_message, text, who)
        if reply is not None and aloud:
            self._later(self._reply(reply, message, thread))

    async def _command(self, text: str, who: Somebody, *, at_home: bool) -> Reply | None:
        name, *words = text[1:].split() or [""]
        name, _, addressed = name.partition("@")
        if addressed and addressed.lower() != (self._bot.username or "").lower():
            return None
        asked = Asked(who=who, words=tuple(words))
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
        place = query.message.chat.id if query.message is not None else 0
        who = somebody(query.from_user, None, self._front.roles)
        tapped = await taps.run(self._front, query.data or "", place, who)
        self._later(self._answer(query, tapped))

    async def _answer(self, query: CallbackQuery, tapped: taps.Tapped) -> None:
        try:
            await self._chat.answer(query.id, tapped.popup, alert=tapped.alert)
        except (Later, Refused) as error:
            log.warning("a tap could not be answered: %s", error)
        message = query.message
        if tapped.reply is not None and isinstance(message, Message):
            thread = message.message_thread_id if message.is_topic_message else None
            await self._reply(tapped.reply, message, thread)

    async def _reply(self, reply: Reply, to: Message, thread: int | None) -> None:
        """Say it, a few times over if Telegram does not take it; a reply is not worth more."""
        place = to.chat.id
        store = self._front.store
        tokens = await tokens_for(store, place, reply.subject, reply.revision, reply.face)
        for _ in range(_TRIES):
            try:
                if reply.edits:
                    at = Sent(place=place, number=to.message_id)
                    has_picture = bool(to.photo)
                    await self._chat.change(at, reply.face, tokens, has_picture=has_picture)
                else:
                    sent = await self._chat.say(
                        reply.face, tokens, place=place, topic=thread, reply_to=to.message_id
                    )
                    await self._remember(reply, sent)
                break
            except Later as later:
                await asyncio.sleep(later.seconds)
            except Refused as error:
                log.warning("a reply was refused by Telegram: %s", error)
                return
        else:
            return
        for face in reply.more:
            await self._reply(Reply(face=face), to, thread)

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

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._answers.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an answer failed: %s", error, exc_info=error)


def _is_kill(update: Update) -> bool:
    text = update.message.text if update.message is not None else None
    return (text or "").strip().lower().startswith("/kill")


def _asked_pause(error: Exception) -> float:
    if not isinstance(error, RetryAfter):
        return 0
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def _explained(error: Exception) -> str:
    if isinstance(error, InvalidToken):
        return "Telegram refuses the bot's token; get a new one from @BotFather."
    if isinstance(error, Conflict):
        return "Another process reads this bot's updates; stop it, or use another bot."
    if isinstance(error, StoreUnavailable):
        return str(error)
    return f"Telegram does not answer: {type(error).__name__}."
