"""What an audience has been shown: posts to edit later, what buttons mean, how far it was told.

The store knows neither Telegram nor a chat: an audience, a place and a number are opaque to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from execution.record import Record
from execution.store.records import Codec, columns_of, rows_where
from execution.tables import ButtonRow, CursorRow, EventRow, PostRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Post(Record):
    """One message about one subject (`ticket:<id>`, `halt:<seq>`), as last shown."""

    id: str
    audience: str
    subject: str
    place: str
    number: int
    has_picture: bool
    shown: str
    """Digest of what it says now; an edit that changes nothing is not sent."""
    shown_seq: int
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Button(Record):
    """What a token means. Nothing in a token is trusted; this row is."""

    token: str
    place: str
    subject: str
    revision: int
    action: str
    argument: str


_POSTS = Codec(Post, PostRow)
_BUTTONS = Codec(Button, ButtonRow)
_CURSORS = columns_of(CursorRow)
_EVENTS = columns_of(EventRow)

_NEWEST = select(func.max(_EVENTS.c.seq)).where(_EVENTS.c.ticket == bindparam("ticket"))
_STALE = rows_where(_POSTS.table, audience="audience").where(
    _POSTS.table.c.shown_seq < _POSTS.table.c.touched
)
_LAST_CHARACTER = "\U0010ffff"
_PRESSED = select(_BUTTONS.table).where(_BUTTONS.table.c.token == bindparam("token"))


class Chat:
    """Posts, buttons and cursors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, post: Post) -> None:
        """Remember a message; a newer one about the same subject takes its place."""
        values = _POSTS.values(post) | {"touched": self._touched(post.subject)}
        upsert = sqlite_insert(_POSTS.table).values(values)
        changes = {k: v for k, v in values.items() if k != "id"}
        self._connection.execute(
            upsert.on_conflict_do_update(index_elements=["audience", "subject"], set_=changes)
        )

    def _touched(self, subject: str) -> int:
        """The newest journal entry about the ticket that this is about; 0 where it is about none."""
        about = {"ticket": subject.removeprefix("ticket:")}
        return self._connection.execute(_NEWEST, about).scalar() or 0

    def post(self, audience: str, subject: str) -> Post | None:
        """The message about a subject."""
        table = _POSTS.table
        query = select(table).where(table.c.audience == audience, table.c.subject == subject)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _POSTS.record(row)

    def newest(self, audience: str, prefix: str) -> Post | None:
        """The newest message about any subject that begins so."""
        table = _POSTS.table
        query = select(table).where(
            table.c.audience == audience,
            table.c.subject >= prefix,
            table.c.subject < prefix + _LAST_CHARACTER,
        )
        row = self._connection.execute(query.order_by(table.c.id.desc()).limit(1)).mappings()
        found = row.first()
        return None if found is None else _POSTS.record(found)

    def post_at(self, audience: str, place: str, number: int) -> Post | None:
        """What a message in the chat is about."""
        table = _POSTS.table
        query = select(table).where(
            table.c.audience == audience, table.c.place == place, table.c.number == number
        )
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _POSTS.record(row)

    def stale(self, audience: str) -> Sequence[tuple[Post, int]]:
        """Ticket posts that say less than the journal knows, with the sequence number they lack."""
        rows = self._connection.execute(_STALE, {"audience": audience})
        return [(_POSTS.record(row), int(row["touched"])) for row in rows.mappings()]

    def button(self, button: Button) -> str:
        """The token of a button; the same button keeps its token, so edits stay identical."""
        table = _BUTTONS.table
        same = [
            table.c[name] == getattr(button, name)
            for name in ("place", "subject", "revision", "action", "argument")
        ]
        found = self._connection.execute(select(table.c.token).where(*same)).scalar_one_or_none()
        if found is not None:
            return str(found)
        self._connection.execute(insert(table), _BUTTONS.values(button))
        return button.token

    def pressed(self, token: str) -> Button | None:
        """What a token means, or None for one we never gave out."""
        row = self._connection.execute(_PRESSED, {"token": token}).mappings().first()
        return None if row is None else _BUTTONS.record(row)

    def cursor(self, audience: str) -> int | None:
        """The newest journal entry this audience has been told of."""
        query = select(_CURSORS.c.seq).where(_CURSORS.c.audience == audience)
        seq = self._connection.execute(query).scalar_one_or_none()
        return None if seq is None else int(seq)

    def advance(self, audience: str, seq: int) -> None:
        """This audience has been told everything up to here."""
        moved = self._connection.execute(
            update(_CURSORS).where(_CURSORS.c.audience == audience).values(seq=seq)
        )
        if moved.rowcount == 0:
            self._connection.execute(insert(_CURSORS), {"audience": audience, "seq": seq})
