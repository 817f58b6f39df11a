"""Turns the journal into chat: a halt first, then new messages in order, then edits of what says too little.

A cursor moves only after Telegram took a message, so a crash repeats one rather than losing it; edits
are made from what is stored, so repeating one changes nothing. The trading side never waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from bot.bursts import Bursts
from bot.charts import Charts
from bot.message import Message
from bot.news import ABOUT_PEOPLE, AUDIENCE, News
from bot.pictures import CandlePicture
from bot.telegram import moving
from bot.telegram.chat import Full, Gone, Later, Moved, Refused, Sent, TelegramChat, Tokens
from bot.telegram.faces import Face
from bot.telegram.pace import Urgency
from bot.telegram.tokens import Buttons
from execution import approval, trading
from execution.errors import StoreUnavailable
from execution.events import Event
from execution.store import Store, Transaction
from execution.store.chat import Post
from execution.types import TicketState

log = logging.getLogger(__name__)

EDIT_PAUSE = 3.0
"""Seconds between two edits of one message."""
PICTURE_WAIT = 0.08
"""Seconds a new card waits for its picture; later it comes as an edit."""
_AT_ONCE = 100
"""Journal entries read in one turn."""
_REFUSED_PAUSE = 15.0
_IDLE = 0.5
_AFTER_ORDERS = 0.03
"""Seconds after a bell before the journal is read: an order on its way needs the interpreter more."""
_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    StopIteration,
    TypeError,
    ValueError,
)
"""What goes wrong in making one message. It must not silence all others; a database's error is none."""


class Notifier:
    """One audience: the chat."""

    def __init__(
        self, *, store: Store, chat: TelegramChat, buttons: Buttons, charts: Charts, news: News
    ) -> None:
        self._store = store
        self._chat = chat
        self._buttons = buttons
        self._charts = charts
        self._news = news
        self.trouble: str | None = None
        """Why Telegram does not take what is to be told; None while it does."""
        self._bell = asyncio.Event()
        self._edited: dict[str, float] = {}
        self._pictures: dict[str, asyncio.Task[bytes | None]] = {}
        self._bursts = Bursts()
        self._owed: dict[str, Face] = {}
        """Counting messages that must say more, by subject."""
        self._unstored: Callable[[Transaction], None] | None = None
        """What was said and is not stored: before it is, nothing else is said, nor the same again."""
        self._news_from = self._edits_from = 0.0
        """When Telegram's limits leave room again, by the loop's clock."""
        self._settled_in: int | None = None
        """The chat in which the cards of a chat we left were posted anew."""
        store.on_commit(self._bell.set)

    async def run(self) -> None:
        """Tell everything there is to tell, for ever."""
        while True:
            self._bell.clear()
            try:
                caught_up = await self._tell()
                if await self._refresh() and caught_up:
                    self._troubled(None)
            except Moved as moved:
                await moving.follow(self._store, self._chat, moved.to)
                self._bell.set()
            except Full:
                pass  # a halt that waits for room; the next turn tries it first
            except Later as later:
                self._troubled(str(later))
                await asyncio.sleep(later.seconds)
            except StoreUnavailable as error:
                self._troubled(f"What is to be told cannot be read: {error}")
            room = max(self._news_from - self._now(), 0.0) or _IDLE
            # Not `wait_for`: before Python 3.12 it loses a cancellation that comes with the bell.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(room, _IDLE)):
                    await self._bell.wait()
                    await asyncio.sleep(_AFTER_ORDERS)

    def _troubled(self, reason: str | None) -> None:
        """Why nothing is told, or None when it is again; logged when it changes."""
        if reason is not None and reason != self.trouble:
            log.warning("%s What is to be told waits.", reason)
        elif reason is None and self.trouble is not None:
            log.info("what waited is told again")
        self.trouble = reason

    async def _tell(self) -> bool:
        """Say what happened since the cursor, one event after the other; False when room runs out."""
        while True:
            await self._store_said()
            here = str(self._chat.chat_id)
            halt = await self._store.read(partial(self._news.untold_halt, here=here))
            if halt is not None:
                await self._send(*halt, told=False)
                continue
            if self._now() < self._news_from:
                return False
            try:
                await self._bring_along()
                if not await self._tell_next():
                    return True
            except Full as full:
                self._news_from = self._now() + full.seconds

    async def _tell_next(self) -> bool:
        """Say the first thing that deserves a message; False when there is nothing more."""

        def read(tx: Transaction) -> tuple[int | None, Event | None, Message | None]:
            """Up to where nothing is to be said, and the first event that deserves a message."""
            silent = None
            for event in tx.journal.after(tx.chat.cursor(AUDIENCE) or 0, limit=_AT_ONCE):
                message = self._of(tx, event)
                if message is not None:
                    return silent, event, message
                silent = event.seq
            return silent, None, None

        silent, event, message = await self._store.read(read)
        if event is None or message is None:
            if silent is not None:
                await self._told(silent)
            return silent is not None
        if "codes" in event.data and await self._coalesced(event, silent=message.silent):
            await self._told(event.seq)
        else:
            await self._send(event, message)
        return True

    def _of(self, tx: Transaction, event: Event) -> Message | None:
        """The message an event deserves; for one that cannot be made, that there is one."""
        try:
            return self._news.of(tx, event)
        except _FAULTS as error:
            log.critical("entry %s cannot be told: %s", event.seq, error, exc_info=error)
            return self._news.untold(event)

    async def _told(self, seq: int) -> None:
        await self._store.write(lambda tx: tx.chat.advance(AUDIENCE, seq))

    async def _send(self, event: Event, message: Message, *, told: bool = True) -> None:
        """Say or edit it; with `told` the cursor moves past its event."""
        standing = await self._post(message.subject) if message.edits else None
        if standing is None:
            await self._say(message, event.seq, told=told)
            return
        tokens = await self._tokens(message)
        urgency = message.urgency  # what waits behind it is news, though it is an edit itself
        await self._change(standing, message.face, tokens, event.seq, urgency=urgency)
        await self._told(event.seq)

    async def _say(self, message: Message, seq: int, *, told: bool) -> None:
        """Send a new message and keep where it stands."""
        tokens, picture = await asyncio.gather(
            self._tokens(message), self._in_time(message.subject, message.picture)
        )
        face = message.face
        try:
            sent, drawn = await self._say_with(picture, message, tokens)
        except Refused as error:
            log.error("Telegram refuses the message about %s: %s", message.subject, error)
            face, drawn, tokens = self._news.not_shown(message), False, {}
            sent = await self._say_plainly(face)

        def work(tx: Transaction) -> None:
            if not message.subject.startswith("event:"):
                tx.chat.put(
                    Post(
                        id=tx.new_id(),
                        audience=AUDIENCE,
                        subject=message.subject,
                        place=str(sent.place),
                        number=sent.number,
                        has_picture=drawn,
                        shown=_digest(face, tokens),
                        shown_seq=seq,
                        at=tx.now,
                    )
                )
            if told:
                tx.chat.advance(AUDIENCE, seq)

        self._troubled(None)
        self._edited[message.subject] = self._now()
        self._unstored = work
        await self._store_said()

    async def _store_said(self) -> None:
        """Store what was said last, if that is still to be done."""
        if self._unstored is not None:
            await self._store.write(self._unstored)
            self._unstored = None

    async def _say_with(
        self, picture: bytes | None, message: Message, tokens: Tokens
    ) -> tuple[Sent, bool]:
        """Say it, without its picture where that is refused; whether it has one.

        Raises:
            Refused: its text is.
        """
        card = message.reply_to and await self._post(message.reply_to)
        try:
            sent = await self._chat.say(
                message.face,
                tokens,
                reply_to=card.number if card and self._is_here(card) else None,
                picture=picture,
                silent=message.silent,
                urgency=message.urgency,
            )
        except Refused as error:
            if picture is None:
                raise
            log.warning("Telegram refuses the picture of %s: %s", message.subject, error)
            return await self._say_with(None, message, tokens)
        return sent, picture is not None

    async def _say_plainly(self, face: Face) -> Sent:
        """Say a sentence without anything to refuse in it.

        Raises:
            Later: not even that is taken, so it is the chat that is refused.
        """
        try:
            return await self._chat.say(face, {})
        except Refused as error:
            raise Later(f"Telegram refuses the chat: {error}.", seconds=_REFUSED_PAUSE) from error

    async def _bring_along(self) -> None:
        """Post anew the cards of open tickets that stand in a chat we left."""
        here = self._chat.chat_id
        if self._settled_in == here:
            return

        def read(tx: Transaction) -> list[tuple[Post, Message]]:
            open_tickets = tx.tickets.in_state(*approval.OPEN, TicketState.WORKING)
            posts = [tx.chat.post(AUDIENCE, f"ticket:{ticket.id}") for ticket in open_tickets]
            return [
                (post, self._news.card_anew(tx, ticket.id))
                for post, ticket in zip(posts, open_tickets, strict=True)
                if post is not None and not self._is_here(post)
            ]

        for post, message in await self._store.read(read):
            await self._say(message, post.shown_seq, told=False)
        self._settled_in = here

    async def _coalesced(self, event: Event, *, silent: bool) -> bool:
        """Whether this refusal was told by a message that counts, instead of one of its own."""
        counted = self._bursts.counted(event)
        if counted is None:
            return False
        face, subject = self._news.counted(event, counted), f"refusals:{counted.first.seq}"
        post = await self._post(subject)
        if post is None:
            await self._send(event, Message(face=face, subject=subject, silent=silent))
        else:
            self._owed[subject] = face
        return True

    async def _refresh(self) -> bool:
        """Edit what says less than is known, each at most every few seconds; False without room."""
        now = self._now()
        self._edited = {one: at for one, at in self._edited.items() if now - at < EDIT_PAUSE}
        try:
            await self._refresh_halt()
            if now >= self._edits_from:
                await self._refresh_cards()
                await self._refresh_counts()
        except Full as full:
            self._edits_from = now + full.seconds
        return now >= self._edits_from

    async def _refresh_cards(self) -> None:
        for post, seq in await self._store.read(lambda tx: tx.chat.stale(AUDIENCE)):
            if self._may_edit(post):
                await self._refresh_card(post, seq)
        for subject in [s for s, task in self._pictures.items() if task.done()]:
            png = self._pictures[subject].result()
            drawn = await self._post(subject)
            if drawn is not None and png is not None:
                await self._refresh_card(drawn, drawn.shown_seq, picture=png)
            del self._pictures[subject]

    async def _refresh_counts(self) -> None:
        for subject, face in list(self._owed.items()):
            counting = await self._post(subject)
            if counting is not None and self._may_edit(counting):
                await self._change(counting, face, {}, counting.shown_seq)
                del self._owed[subject]

    async def _refresh_card(self, post: Post, seq: int, *, picture: bytes | None = None) -> None:
        ticket = post.subject.partition(":")[2]
        if not self._is_here(post):
            anew = await self._store.read(lambda tx: self._news.card_anew(tx, ticket))
            await self._say(anew, seq, told=False)
            return
        try:
            face, view = await self._store.read(lambda tx: self._news.card(tx, ticket))
        except _FAULTS as error:
            log.critical("the card of %s cannot be shown: %s", ticket, error, exc_info=error)
            seen = post.evolve(shown_seq=seq)
            await self._store.write(lambda tx: tx.chat.put(seen))
            return
        tokens = await self._buttons.tokens_for(
            int(post.place), post.subject, view.ticket.revision, face
        )
        await self._change(post, face, tokens, seq, picture=picture)

    async def _refresh_halt(self) -> None:
        """The checklist of the present halt, until it was edited to done."""

        def read(tx: Transaction) -> tuple[Post, Face] | None:
            post = tx.chat.newest(AUDIENCE, "halt:")
            is_over = trading.standing_halt(tx.trading()) is None
            return None if post is None or is_over else (post, self._news.halt(tx))

        found = await self._store.read(read)
        if found is not None and self._is_here(found[0]) and self._may_edit(found[0]):
            post, face = found
            tokens = await self._buttons.tokens_for(int(post.place), post.subject, 0, face)
            await self._change(post, face, tokens, post.shown_seq, urgency=Urgency.HALT)

    async def _change(
        self,
        post: Post,
        face: Face,
        tokens: Tokens,
        seq: int,
        *,
        picture: bytes | None = None,
        urgency: Urgency = Urgency.EDIT,
    ) -> None:
        """Edit a message so that it says this, unless it does already."""
        shown = _digest(face, tokens)
        if shown == post.shown and seq == post.shown_seq and picture is None:
            return
        if shown != post.shown or picture is not None:
            at = Sent(place=int(post.place), number=post.number)
            try:
                await self._chat.change(
                    at,
                    face,
                    tokens,
                    has_picture=post.has_picture,
                    picture=picture,
                    urgency=urgency,
                )
            except Gone:
                log.warning("the message about %s is gone from the chat", post.subject)
            except Refused as error:
                log.error("Telegram refuses the edit of %s: %s", post.subject, error)
                if picture is not None:
                    await self._change(post, face, tokens, seq, urgency=urgency)
                    return
            self._edited[post.subject] = self._now()
        has_picture = post.has_picture or picture is not None
        after = post.evolve(shown=shown, shown_seq=seq, has_picture=has_picture)
        await self._store.write(lambda tx: tx.chat.put(after))

    def _may_edit(self, post: Post) -> bool:
        last = self._edited.get(post.subject)
        return last is None or self._now() - last >= EDIT_PAUSE

    def _is_here(self, post: Post) -> bool:
        return post.place == str(self._chat.chat_id)

    async def _tokens(self, message: Message) -> Tokens:
        about = f"ticket:{message.ticket}" if message.ticket else message.subject
        place = self._chat.chat_id
        return await self._buttons.tokens_for(place, about, message.revision, message.face)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _post(self, subject: str) -> Post | None:
        return await self._store.read(lambda tx: tx.chat.post(AUDIENCE, subject))

    async def _in_time(self, subject: str, picture: CandlePicture | None) -> bytes | None:
        """The picture, if it is drawn in time; else it goes on being drawn and comes later."""
        if picture is None:
            return None
        task = asyncio.create_task(self._draw(picture), name=f"draw {subject}")
        await asyncio.wait({task}, timeout=PICTURE_WAIT)
        if task.done():
            return task.result()
        self._pictures[subject] = task
        return None

    async def _draw(self, picture: CandlePicture) -> bytes | None:
        try:
            return await self._charts.draw(picture)
        except Exception:  # the drawing's own: a card without its picture is a card
            log.exception("the picture of %s could not be drawn", picture.ticket)
            return None
        finally:
            self._bell.set()


def undelivered(tx: Transaction, *, since: timedelta = timedelta(0)) -> int:
    """How many events that concern people the chat was not told of, for at least so long."""
    told = tx.chat.cursor(AUDIENCE) or 0
    return tx.journal.count_after(told, ABOUT_PEOPLE, until=tx.now - since)


def _digest(face: Face, tokens: Tokens) -> str:
    """What a message says, in one line; the same digest needs no edit."""
    said = [face.text]
    for row in face.buttons:
        said += [f"{button.label}|{button.style}|{tokens[button]}" for button in row]
        said.append("-")
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
