"""Updates in: each is confirmed to Telegram only after what it asked for is committed, and taken once.

By long polls or by Telegram's webhook; both end in `_take_all`. `/kill` is taken before everything that
came with it, and never waits for what came before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telegram import BotCommandScope, BotCommandScopeChat, BotCommandScopeChatMember, Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from bot.charts import Charts
from bot.telegram import replies
from bot.telegram.chat import POLL, Later, Refused, TelegramChat, asked_pause
from bot.telegram.front import Front
from bot.telegram.hearing import Hearing
from bot.telegram.repeats import Repeats
from bot.telegram.silence import Silence
from bot.telegram.updates import HEARD, Updates, only_looks
from execution.approval import Role
from execution.errors import StoreUnavailable

log = logging.getLogger(__name__)

_BACKOFF = (1.0, 2.0, 4.0, 5.0)
"""Seconds until it is tried again: no longer, since somebody may have typed `/kill` meanwhile."""
_MOST = 100
"""Updates in one answer at most; that many may not be all there are."""
_LOOK = 10
"""Seconds between two looks at how the webhook does."""
_CONNECTIONS = 10
"""Calls of the webhook at the same time, so that a `/kill` finds room beside what is slow."""
_FOREIGN = (
    "Somebody set a webhook of their own for this bot, which takes its token; it is taken away."
    " Get a new token from @BotFather."
)


@dataclass(frozen=True)
class Hook:
    """Where Telegram calls us, and what it shows to be let in."""

    url: str
    secret: str


class Intake:
    """Hears updates and has each of them done."""

    def __init__(
        self,
        *,
        chat: TelegramChat,
        front: Front,
        charts: Charts,
        hearing: Hearing,
        hook: Hook | None = None,
    ) -> None:
        """`hook` for Telegram's webhook; without it updates are asked for."""
        self._bot = chat.bot
        self._chat = chat
        self._front = front
        self._hearing = hearing
        self._hook = hook
        self._hook_stands = False
        self._was_heard = False
        """By this process; a webhook that appears after that is not ours."""
        self._offset = 0
        self._updates = Updates(chat=chat, front=front, charts=charts)
        self._repeats = Repeats(front.store)
        self._overtook: set[int] = set()
        """Every `/kill` that was taken before what came with it and is not at its own place yet."""
        self._silence = Silence(front.store, front.clock)
        self._in_turn = asyncio.Lock()

    @property
    def reason(self) -> str | None:
        """Why Telegram is not heard; None while it is."""
        return self._silence.reason

    async def run(self) -> None:
        """Listen until canceled; whatever goes wrong is said once, and tried again."""
        failures = 0
        while True:
            try:
                await self._bot.initialize()
                await (self._poll() if self._hook is None else self._look_after(self._hook))
                failures = 0
            except (TelegramError, StoreUnavailable) as error:
                for_good = isinstance(error, InvalidToken) or _is_about_a_webhook(error)
                self._hearing.lost()
                await self._silence.lost(_explained(error), at_once=for_good)
                await asyncio.sleep(_pause(error, failures))
                failures += 1

    async def receive(self, raw: Mapping[str, Any]) -> None:
        """Take an update that Telegram brought; when this returns it may be confirmed.

        Raises:
            StoreUnavailable: nothing was stored; Telegram must bring it again.
        """
        update = Update.de_json(dict(raw), self._bot)
        if self._updates.is_kill(update):
            await self._take_all([update])
            return
        async with self._in_turn:
            await self._take_all([update])

    async def stop(self) -> None:
        """Let the answers that are on their way end."""
        await self._updates.stop()

    async def _poll(self) -> None:
        """One long poll; a webhook that somebody left behind is taken away first."""
        # What has just failed is asked without waiting, to know soon that it is back.
        seconds = self._patience(POLL) if self.reason is None else 0
        try:
            updates = await self._bot.get_updates(
                offset=self._offset, timeout=seconds, allowed_updates=HEARD
            )
        except Conflict as error:
            if not _is_about_a_webhook(error):
                raise
            await self._bot.delete_webhook(drop_pending_updates=False)
            if self._was_heard:
                raise
            log.info("a webhook stood for this bot; from now on updates are asked for")
            return
        heard = self._front.clock()
        await self._take_all(updates)
        await self._heard()
        if len(updates) < _MOST:
            self._hearing.heard(heard)
        self._offset = max([self._offset, *(update.update_id + 1 for update in updates)])

    async def _look_after(self, hook: Hook) -> None:
        """Set the webhook where it is not ours, and notice when Telegram does not get through."""
        asked = self._front.clock()
        info = await self._bot.get_webhook_info()
        if not self._hook_stands or info.url != hook.url:
            if self._hook_stands:
                await self._silence.lost(_FOREIGN, at_once=True)
            await self._bot.set_webhook(
                hook.url,
                secret_token=hook.secret,
                allowed_updates=HEARD,
                max_connections=_CONNECTIONS,
                drop_pending_updates=False,
            )
            self._hook_stands = True
        elif info.pending_update_count and info.last_error_message:
            self._hearing.lost()
            await self._silence.lost(
                f"Telegram does not get through to {hook.url}: {info.last_error_message}"
            )
        else:
            await self._heard()
            if not info.pending_update_count:
                self._hearing.heard(asked)
        await asyncio.sleep(max(1, self._patience(_LOOK)) if self.reason is None else 1)

    def _patience(self, seconds: int) -> int:
        """How long it may be listened before it is to be said how far people are heard."""
        return self._hearing.patience(seconds, self._front.clock())

    async def _heard(self) -> None:
        self._was_heard = True
        if self.reason is not None:
            await self._silence.heard()
            log.info("Telegram is heard as @%s", self._bot.username)
            self._updates.later(self._show_menus())

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

    async def _take_all(self, updates: Sequence[Update]) -> None:
        """Every update in its order, but a `/kill` before all others; none that was taken before.

        At its own place a `/kill` counts once more, so that nothing said before it undoes it. Whoever
        only asks how things stand does not wait for what cannot be stored.
        """
        new = [one for one in updates if not await self._repeats.holds(one.update_id)]
        try:
            for update in filter(self._updates.is_kill, new):
                if update.update_id not in self._overtook:
                    await self._take(update)
                    self._overtook.add(update.update_id)
            for update in new:
                again = update.update_id in self._overtook
                if not again or update is not new[0]:
                    await self._take(update, aloud=not again)
                self._was_taken(update)
        except StoreUnavailable:
            for update in filter(only_looks, new):
                if not await self._repeats.holds(update.update_id):
                    await self._take(update)
                    self._was_taken(update)
            raise

    async def _take(self, update: Update, *, aloud: bool = True) -> None:
        if not await self._updates.take(update, aloud=aloud):
            self._hearing.lost()  # it may have been a Reject: a veto window begins anew

    def _was_taken(self, update: Update) -> None:
        self._overtook.discard(update.update_id)
        self._repeats.note(update.update_id)
        self._updates.later(self._repeats.keep(update.update_id))


def _pause(error: Exception, failures: int) -> float:
    """Seconds until it is tried again; what waits for the database may be a halt."""
    if isinstance(error, StoreUnavailable):
        return _BACKOFF[0]
    asked = asked_pause(error) if isinstance(error, RetryAfter) else 0.0
    return max(_BACKOFF[min(failures, len(_BACKOFF) - 1)], asked)


def _is_about_a_webhook(error: Exception) -> bool:
    return isinstance(error, Conflict) and "webhook" in str(error).lower()


def _explained(error: Exception) -> str:
    if isinstance(error, InvalidToken):
        return "Telegram refuses the bot's token; get a new one from @BotFather."
    if _is_about_a_webhook(error):
        return _FOREIGN
    if isinstance(error, Conflict):
        return "Another process reads this bot's updates; stop it, or use another bot."
    if isinstance(error, StoreUnavailable):
        return str(error)
    return f"Telegram does not answer: {type(error).__name__}."
