"""Keeps one pinned message that says how the desk stands, and carries the button that halts it.

A task of its own: nothing waits for it. A change of the trading state and a tap on Kill are shown at
once, all else at most every five seconds and only where Telegram's limits leave plenty of room.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from dataclasses import dataclass
from datetime import timedelta

from bot.news import AUDIENCE
from bot.notifier import EDIT_PAUSE, undelivered
from bot.telegram import moving, panel
from bot.telegram.chat import Full, Gone, Later, Moved, Refused, Sent, TelegramChat, Tokens
from bot.telegram.faces import Button
from bot.telegram.front import Front
from bot.telegram.pace import Urgency
from bot.telegram.panel import PANEL
from execution.errors import StoreUnavailable
from execution.store import Transaction
from execution.store.chat import Post

log = logging.getLogger(__name__)

PAUSE = 5.0
"""Seconds between two edits that nothing urgent asks for."""
FIGURES_PAUSE = 60.0
"""The same where only figures moved with the price."""
LIFE = 300.0
"""Seconds after which it is edited in any case: its time goes on, and one that was deleted comes back."""
_LATE = timedelta(minutes=1)
"""News that wait for no longer are on their way."""
_IDLE = 1.0
_AFTER_COMMITS = 0.25
"""Seconds after a bell before anything is read: an order on its way needs the interpreter more."""


@dataclass(frozen=True)
class _Shown:
    """What the panel said last in this process."""

    stands: object
    confirms: bool
    figures: str
    at: float
    """By the loop's clock."""


class PinnedPanel:
    """The one panel of the desk's chat."""

    def __init__(self, *, front: Front, chat: TelegramChat) -> None:
        self._front = front
        self._chat = chat
        self._taps = front.panel
        self._post: Post | None = None
        self._unstored = False
        """Whether the panel stands where the database does not know of."""
        self._shown: _Shown | None = None
        self._tokens: dict[tuple[int, Button], str] = {}
        """Of the buttons it had: Kill works while the database takes nothing."""
        self._pinned: int | None = None
        """The message this process pinned."""
        self._look_at = self._pin_at = 0.0
        """When it is looked at, and tried to be pinned, again; by the loop's clock."""
        front.store.on_commit(self._taps.bell.set)

    async def run(self) -> None:
        """Keep it up to date, for ever."""
        while True:
            self._taps.bell.clear()
            pause = _AFTER_COMMITS
            try:
                await self._turn()
            except Moved as moved:
                await moving.follow(self._front.store, self._chat, moved.to)
            except Full:
                pause = _IDLE
            except Later as later:  # the notifier says why
                pause = max(later.seconds, pause)
            except StoreUnavailable as error:
                log.warning("the panel is not shown anew: %s", error)
                pause = _IDLE
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_IDLE):
                    await self._taps.bell.wait()
            await asyncio.sleep(pause)

    async def _turn(self) -> None:
        if self._post is None:
            self._post = await self._front.store.read(lambda tx: tx.chat.post(AUDIENCE, PANEL))
        await self._store()
        await self._remove_doubles()
        trading = await self._front.store.read(lambda tx: tx.trading())
        unsaved = self._front.desk.unsaved_halt
        stands = trading.evolve(generation=0), unsaved and unsaved.name
        confirms = self._taps.confirmable(self._front.clock())
        urgency = self._urgency(stands, confirms=confirms)
        if urgency is not None:
            try:
                await self._show(stands, confirms=confirms, urgency=urgency)
            except Full as full:
                if urgency is not Urgency.PANEL:
                    raise
                self._look_at = self._now() + full.seconds
        await self._pin()

    def _urgency(self, stands: object, *, confirms: bool) -> Urgency | None:
        """How urgent it is to look at it now; None while there is time."""
        shown, now = self._shown, self._now()
        if shown is None:
            return Urgency.EDIT
        if stands != shown.stands or (confirms and not shown.confirms):
            return Urgency.HALT
        if confirms != shown.confirms:
            return Urgency.EDIT
        asked = self._taps.wants_refresh and now - shown.at >= EDIT_PAUSE
        return Urgency.PANEL if asked or now >= self._look_at else None

    async def _show(self, stands: object, *, confirms: bool, urgency: Urgency) -> None:
        """Say how the desk stands, where that is not what it says already."""
        made = await self._made(confirms=confirms)
        if urgency is Urgency.PANEL and not self._says_less(made):
            self._look_at = self._now() + PAUSE
            return
        tokens = await self._tokens_for(made)
        post = self._post
        stays = post is not None and self._is_here(post)
        if not stays or not await self._change(made, tokens, urgency):
            post = await self._say_anew(made, tokens, max(urgency, Urgency.EDIT))
        assert post is not None, "it stays, or was made"
        self._post = post.evolve(shown=_digest(made))
        self._unstored = True
        self._taps.wants_refresh = False
        self._look_at = self._now() + PAUSE
        self._shown = _Shown(stands, confirms, made.figures, self._now())
        await self._store()

    def _says_less(self, made: panel.Panel) -> bool:
        """Whether it is worth an edit that nothing urgent asks for."""
        post, shown = self._post, self._shown
        if self._taps.wants_refresh or post is None or shown is None or not self._is_here(post):
            return True
        if post.shown != _digest(made):
            return True
        since = self._now() - shown.at
        return since >= LIFE or (made.figures != shown.figures and since >= FIGURES_PAUSE)

    async def _made(self, *, confirms: bool) -> panel.Panel:
        front = self._front

        def late(tx: Transaction) -> int:
            return undelivered(tx, since=_LATE)

        view = await front.status()
        view = view.evolve(undelivered=await front.store.read(late))
        halt = front.desk.unsaved_halt
        unsaved = None if halt is None else halt.name
        return panel.panel(view, front.look, now=front.clock(), unsaved=unsaved, confirms=confirms)

    async def _tokens_for(self, made: panel.Panel) -> Tokens:
        """Its tokens, and beforehand that of the second tap, while the database takes them."""
        place = self._chat.chat_id
        wanted = [*made.buttons[0], panel.CONFIRM_KILL]
        if any((place, button) not in self._tokens for button in wanted):
            face = made.face.evolve(buttons=(tuple(dict.fromkeys(wanted)),))
            tokens = await self._front.buttons.tokens_for(place, PANEL, 0, face)
            self._tokens |= {(place, button): token for button, token in tokens.items()}
        self._taps.confirm_token = self._tokens[place, panel.CONFIRM_KILL]
        return {button: self._tokens[place, button] for button in made.buttons[0]}

    async def _change(self, made: panel.Panel, tokens: Tokens, urgency: Urgency) -> bool:
        """Edit it; False where it is not there any more."""
        assert self._post is not None, "there is one to edit"
        at = _at(self._post)
        try:
            await self._chat.change(at, made.face, tokens, has_picture=False, urgency=urgency)
        except Gone:
            log.info("the panel is gone from the chat and made anew")
            return False
        except Refused as error:
            log.error("Telegram refuses the panel's edit: %s", error)
        return True

    async def _say_anew(self, made: panel.Panel, tokens: Tokens, urgency: Urgency) -> Post:
        """A panel of its own, without a sound; the one before it is taken away."""
        if self._post is not None:
            await self._remove(_at(self._post))
            self._post = None
        try:
            sent = await self._chat.say(made.face, tokens, silent=True, urgency=urgency)
        except Refused as error:
            raise Later(f"Telegram refuses the panel: {error}.", seconds=LIFE) from error
        return Post(
            id="",  # given when it is stored
            audience=AUDIENCE,
            subject=PANEL,
            place=str(sent.place),
            number=sent.number,
            has_picture=False,
            shown="",
            shown_seq=0,
            at=self._front.clock(),
        )

    async def _store(self) -> None:
        """Keep where it stands and what it says; while that cannot be stored it is known here."""
        post = self._post
        if not self._unstored or post is None:
            return
        with contextlib.suppress(StoreUnavailable):
            await self._front.store.write(lambda tx: tx.chat.put(post.evolve(id=tx.new_id())))
            self._unstored = False

    async def _remove_doubles(self) -> None:
        """Take away what was tapped as the panel and is not: Telegram's answer to it was lost."""
        post = self._post
        if post is None:
            return
        for number in self._taps.tapped - {post.number}:
            await self._remove(Sent(place=int(post.place), number=number))
        self._taps.tapped.clear()

    async def _remove(self, at: Sent) -> None:
        with contextlib.suppress(Later, Refused):  # a chat we left, or a message too old to delete
            await self._chat.remove(at)

    async def _pin(self) -> None:
        """Pin it without a sound; where the bot may not, say so once and try again later."""
        post = self._post
        if post is None or self._pinned == post.number or self._now() < self._pin_at:
            return
        try:
            await self._chat.pin(_at(post))
        except Gone:
            self._shown = None  # looked at, it is made anew
            return
        except Refused as error:
            if self._taps.not_pinned is None:
                log.warning("the panel is not pinned: %s", error)
            self._taps.not_pinned = str(error)
            self._pin_at = self._now() + LIFE
            return
        self._pinned, self._taps.not_pinned = post.number, None

    def _is_here(self, post: Post) -> bool:
        return post.place == str(self._chat.chat_id)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _at(post: Post) -> Sent:
    return Sent(place=int(post.place), number=post.number)


def _digest(made: panel.Panel) -> str:
    """What it says but figures and time, in one line."""
    said = [*made.news, *(button.label for row in made.buttons for button in row)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
