"""The playground's own SQLite file: messages, photos, the update queue and settings outlive a restart of the demo.

Only chat.py calls it. Through the standard library on purpose: it plays Telegram's servers, so it shares nothing with
the product's store and is never rolled back with it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.playground.records import Json, Message, Photo

PHOTOS_KEPT = 1000
"""Older pictures go, so that a demo left running does not fill the disk; the page shows half as many messages."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS updates (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS photos (
    id INTEGER PRIMARY KEY AUTOINCREMENT, width INTEGER NOT NULL, height INTEGER NOT NULL,
    media_type TEXT NOT NULL, data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Storage:
    """Rows in and out, each call committed unless inside `transaction()`. `":memory:"` lasts only while it is open."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what a person said and the update that tells the bot belong together."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def new_message_id(self) -> int:
        """Ids only grow and are never used twice, not even after a deletion."""
        cursor = self._db.execute("INSERT INTO messages (body) VALUES ('')")
        return int(cursor.lastrowid or 0)

    def save_message(self, message: Message) -> None:
        body = json.dumps(message.to_row(), ensure_ascii=False)
        self._db.execute("UPDATE messages SET body = ? WHERE id = ?", (body, message.id))

    def delete_message(self, message_id: int) -> None:
        self._db.execute("DELETE FROM messages WHERE id = ?", (message_id,))

    def message(self, message_id: int) -> Message | None:
        row = self._db.execute(
            "SELECT body FROM messages WHERE id = ? AND body <> ''", (message_id,)
        ).fetchone()
        return Message.from_row(json.loads(row[0])) if row else None

    def last_messages(self, limit: int) -> list[Message]:
        """The newest `limit` messages of all chats, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM messages WHERE body <> '' ORDER BY id DESC LIMIT ?", (limit,)
        ).fetchall()
        return [Message.from_row(json.loads(body)) for (body,) in reversed(rows)]

    def pinned_messages(self) -> list[Message]:
        """All pinned messages of all chats, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM messages WHERE body <> '' AND json_extract(body, '$.pinned') ORDER BY id"
        ).fetchall()
        return [Message.from_row(json.loads(body)) for (body,) in rows]

    def add_photo(self, *, width: int, height: int, media_type: str, data: bytes) -> Photo:
        """Stores a picture. Its id ends in a digest: browsers keep pictures for good, also beyond a reset."""
        cursor = self._db.execute(
            "INSERT INTO photos (width, height, media_type, data) VALUES (?, ?, ?, ?)",
            (width, height, media_type, data),
        )
        number = int(cursor.lastrowid or 0)
        self._db.execute("DELETE FROM photos WHERE id <= ?", (number - PHOTOS_KEPT,))
        digest = hashlib.sha256(data).hexdigest()[:12]
        return Photo(f"photo-{number}-{digest}", width, height, media_type, len(data))

    def photo(self, photo_id: str) -> Photo | None:
        row = self._db.execute(
            "SELECT width, height, media_type, length(data) FROM photos WHERE id = ?",
            (_photo_number(photo_id),),
        ).fetchone()
        return Photo(photo_id, *row) if row else None

    def photo_data(self, photo_id: str) -> bytes:
        """The picture itself; KeyError when there is none."""
        query = "SELECT data FROM photos WHERE id = ?"
        row = self._db.execute(query, (_photo_number(photo_id),)).fetchone()
        if row is None:
            raise KeyError(photo_id)
        return bytes(row[0])

    def new_update_id(self) -> int:
        cursor = self._db.execute("INSERT INTO updates (body) VALUES ('')")
        return int(cursor.lastrowid or 0)

    def save_update(self, update_id: int, body: Json) -> None:
        text = json.dumps(body, ensure_ascii=False)
        self._db.execute("INSERT OR REPLACE INTO updates VALUES (?, ?)", (update_id, text))

    def updates(self, *, limit: int) -> list[Json]:
        """The unconfirmed updates, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM updates WHERE body <> '' ORDER BY id LIMIT ?", (limit,)
        ).fetchall()
        return [json.loads(body) for (body,) in rows]

    def confirm_updates(self, *, below: int) -> None:
        """Forget the updates with an id under `below`."""
        self._db.execute("DELETE FROM updates WHERE id < ?", (below,))

    def last_update_ids(self, count: int) -> list[int]:
        """Ids of the newest `count` unconfirmed updates, oldest first."""
        rows = self._db.execute(
            "SELECT id FROM updates WHERE body <> '' ORDER BY id DESC LIMIT ?", (count,)
        ).fetchall()
        return [int(number) for (number,) in reversed(rows)]

    def setting(self, key: str, default: Any) -> Any:
        row = self._db.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else default

    def set_setting(self, key: str, value: Any) -> None:
        self._db.execute(
            "INSERT INTO settings (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, json.dumps(value)),
        )


def _photo_number(photo_id: str) -> int:
    """The row of a photo id; 0, which is no row, for anything else."""
    match = re.fullmatch(r"photo-([0-9]{1,18})(?:-[0-9a-f]{12})?", photo_id)
    return int(match.group(1)) if match else 0
