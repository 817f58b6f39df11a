"""Turns the journal into chat: new messages in order, then edits of cards that say too little.

A cursor moves only after Telegram took a message, so a crash repeats one rather than losing it; edits
are made from what is stored, so repeating one changes nothing. The trading side never waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta

from bot.charts import Charts, Picture
from bot.news import ABOUT_PEOPLE, AUDIENCE, Message, News
from bot.telegram import messages
from bot.telegram.chat import Gone, Later, Refused, Sent, TelegramChat, Tokens
from bot.telegram.faces import Face
from bot.telegram.tokens import tokens_for
from execution.errors import StoreUnavailable
from execution.events import Event
from execution.store import Store, Transaction
from execution.store.chat import Post
from execution.types import Mode

log = logging.getLogger(__name__)

EDIT_PAUSE = 3.0
"""Seconds between two edits of one message."""
PICTURE_WAIT = 0.12
"""Seconds a new card waits for its picture; later it comes as an edit."""
REFUSALS_TOLD = 3
"""Refusals of one source told one by one within a minute; more become one message that counts."""
_IDLE = 0.5
_AFTER_ORDERS = 0.05
"""Seconds after a bell before the journal is read: an order on its way needs the interpreter more."""


class Notifier:
    """One audience: the chat."""

    def __init__(self, *, store: Store, chat: TelegramChat, charts: Charts, news: News) -> None:
        self._store = store
        self._chat = chat
        self._charts = charts
        self._news = news
        self.trouble: str | None = None
        """Why Telegram does not take what is to be told; None while it does."""
        self._bell = asyncio.Event()
        self._edited: dict[str, float] = {}
        self._pictures: dict[str, asyncio.Task[bytes | None]] = {}
        self._refused: dict[str, list[Event]] = {}
        self._owed: dict[str, Face] = {}
        """Counting messages that must say more, by subject."""
        store.on_commit(self._bell.set)

    async def run(self) -> None:
        """Tell everything there is to tell, for ever."""
        while True:
            self._bell.clear()
            try:
                await self._tell()
                await self._refresh()
                self.trouble = None
            except Later as later:
                self.trouble = str(later)
                log.warning("%s Trying again in %.0f s.", later, later.seconds)
                await asyncio.sleep(later.seconds)
            except StoreUnavailable as error:
                log.error("what is to be told cannot be read: %s", error)
            # Not `wait_for`: before Python 3.12 it loses a cancellation that comes with the bell.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_IDLE):
                    await self._bell.wait()
                    await asyncio.sleep(_AFTER_ORDERS)

    async def _tell(self) -> None:
        """Say what happened since the cursor, one event after the other."""

        def read(tx: Transaction) -> tuple[int | None, Event | None, Message | None]:
            """Up to where nothing is to be said, and the first event that deserves a message."""
            silent = None
            for event in tx.journal.after(tx.chat.cursor(AUDIENCE) or 0):
                message = self._news.of(tx, event)
                if message is not None:
                    return silent, event, message
                silent = event.seq
            return silent, None, None

        while True:
            silent, event, message = await self._store.read(read)
            if event is None or message is None:
                if silent is not None:
                    await self._told(silent)
                return
            if "codes" in event.data and await self._coalesced(event):
                await self._told(event.seq)
            else:
                await self._send(event, message)

    async def _told(self, seq: int) -> None:
        await self._store.write(lambda tx: tx.chat.advance(AUDIENCE, seq))

    async def _send(self, event: Event, message: Message) -> None:
        about = f"ticket:{message.ticket}" if message.ticket else message.subject
        tokens = await tokens_for(
            self._store, self._chat.chat_id, about, message.revision, message.face
        )
        standing = await self._post(message.subject) if message.edits else None
        if standing is not None:
            await self._change(standing, message.face, tokens, event.seq)
            await self._told(event.seq)
            return
        card = message.reply_to and await self._post(message.reply_to)
        picture = await self._in_time(message.subject, message.picture)
        try:
            sent = await self._chat.say(
                message.face,
                tokens,
                reply_to=card.number if card else None,
                picture=picture,
                silent=message.silent,
            )
        except Refused as error:
            log.error("Telegram refuses the message about %s: %s", message.subject, error)
            await self._told(event.seq)
            return

        def work(tx: Transaction) -> None:
            if not message.subject.startswith("event:"):
                tx.chat.put(
                    Post(
                        id=tx.new_id(),
                        audience=AUDIENCE,
                        subject=message.subject,
                        place=str(sent.place),
                        number=sent.number,
                        has_picture=picture is not None,
                        shown=_digest(message.face, tokens),
                        shown_seq=event.seq,
                        at=tx.now,
                    )
                )
            tx.chat.advance(AUDIENCE, event.seq)

        await self._store.write(work)
        self._edited[message.subject] = asyncio.get_running_loop().time()

    async def _coalesced(self, event: Event) -> bool:
        """Whether this refusal was told by a message that counts, instead of one of its own."""
        source = event.data.get("source", "")
        held = self._refused.get(source, [])
        recent = [e for e in held if event.at - e.at < timedelta(minutes=1)]
        self._refused[source] = [*recent, event]
        if len(recent) < REFUSALS_TOLD:
            return False
        codes: dict[str, int] = {}
        for one in self._refused[source][REFUSALS_TOLD:]:
            for code in one.data.get("codes", "").split():
                codes[code] = codes.get(code, 0) + 1
        face = messages.refusals(Mode(event.data["mode"]), source, codes)
        subject = f"refusals:{recent[0].seq}"
        post = await self._post(subject)
        if post is None:
            await self._send(event, Message(face=face, subject=subject))
        else:
            self._owed[subject] = face
        return True

    async def _refresh(self) -> None:
        """Edit every message that says less than is known, each at most every few seconds."""
        for post, seq in await self._store.read(lambda tx: tx.chat.stale(AUDIENCE)):
            if self._may_edit(post):
                await self._refresh_card(post, seq)
        for subject in [s for s, task in self._pictures.items() if task.done()]:
            png = self._pictures.pop(subject).result()
            drawn = await self._post(subject)
            if drawn is not None and png is not None:
                await self._refresh_card(drawn, drawn.shown_seq, picture=png)
        for subject, face in list(self._owed.items()):
            counting = await self._post(subject)
            if counting is not None and self._may_edit(counting):
                del self._owed[subject]
                await self._change(counting, face, {}, counting.shown_seq)
        await self._refresh_halt()

    async def _refresh_card(self, post: Post, seq: int, *, picture: bytes | None = None) -> None:
        ticket = post.subject.partition(":")[2]
        face, view = await self._store.read(lambda tx: self._news.card(tx, ticket))
        tokens = await tokens_for(
            self._store, int(post.place), post.subject, view.ticket.revision, face
        )
        await self._change(post, face, tokens, seq, picture=picture)

    async def _refresh_halt(self) -> None:
        """The checklist of the present halt, until it was edited to done."""

        def read(tx: Transaction) -> tuple[Post, Face] | None:
            post = tx.chat.newest(AUDIENCE, "halt:")
            return (
                None if post is None or tx.trading().halt is None else (post, self._news.halt(tx))
            )

        found = await self._store.read(read)
        if found is not None and self._may_edit(found[0]):
            await self._change(*found, {}, found[0].shown_seq)

    async def _change(
        self, post: Post, face: Face, tokens: Tokens, seq: int, *, picture: bytes | None = None
    ) -> None:
        """Edit a message so that it says this, unless it does already."""
        shown = _digest(face, tokens)
        if shown == post.shown and seq == post.shown_seq and picture is None:
            return
        if shown != post.shown or picture is not None:
            at = Sent(place=int(post.place), number=post.number)
            try:
                await self._chat.change(
                    at, face, tokens, has_picture=post.has_picture, picture=picture
                )
            except Gone:
                log.warning("the message about %s is gone from the chat", post.subject)
            except Refused as error:
                log.error("Telegram refuses the edit of %s: %s", post.subject, error)
            self._edited[post.subject] = asyncio.get_running_loop().time()
        has_picture = post.has_picture or picture is not None
        after = post.evolve(shown=shown, shown_seq=seq, has_picture=has_picture)
        await self._store.write(lambda tx: tx.chat.put(after))

    def _may_edit(self, post: Post) -> bool:
        last = self._edited.get(post.subject)
        return last is None or asyncio.get_running_loop().time() - last >= EDIT_PAUSE

    async def _post(self, subject: str) -> Post | None:
        return await self._store.read(lambda tx: tx.chat.post(AUDIENCE, subject))

    async def _in_time(self, subject: str, picture: Picture | None) -> bytes | None:
        """The picture, if it is drawn in time; else it goes on being drawn and comes later."""
        if picture is None:
            return None
        task = asyncio.create_task(self._draw(picture), name=f"draw {subject}")
        await asyncio.wait({task}, timeout=PICTURE_WAIT)
        if task.done():
            return task.result()
        self._pictures[subject] = task
        return None

    async def _draw(self, picture: Picture) -> bytes | None:
        try:
            return await self._charts.draw(picture)
        except BrokenProcessPool:
            log.exception("the picture of %s could not be drawn", picture.ticket)
            return None
        finally:
            self._bell.set()


def undelivered(tx: Transaction) -> int:
    """How many events that concern people the chat has not been told of."""
    events = tx.journal.after(tx.chat.cursor(AUDIENCE) or 0)
    return sum(1 for event in events if event.kind in ABOUT_PEOPLE)


def _digest(face: Face, tokens: Tokens) -> str:
    """What a message says, in one line; the same digest needs no edit."""
    said = [face.text]
    for row in face.buttons:
        said += [f"{button.label}|{button.style}|{tokens[button]}" for button in row]
        said.append("-")
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
