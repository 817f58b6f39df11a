"""A long past for a desk's database: one purchase and its sale, written down again and again.

In SQL, since a desk would take hours; indices are made at the end, which is quicker. Entries of the journal
are not chained: nothing that is measured verifies them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

EVENTS_EACH = 3
_ID = "printf('%026d', n)"
_AT = "strftime('%Y-%m-%dT%H:%M:%S', 1600000000 + n * 40, 'unixepoch') || '.000000Z'"
_UNLIKE = {
    "signals": {"id": _ID, "ticket": _ID, "received_at": _AT, "body": "'{}'"},
    "tickets": {"id": _ID, "signal": _ID, "created_at": _AT, "asked": "'{}'", "terms": "'{}'"},
    "orders": {
        "id": _ID,
        "ticket": _ID,
        "client_order_id": "printf('%08x', n * 2654435761 % 4294967296)",  # in no order, as ours are
        "venue_order_id": "'v' || n",
        "created_at": _AT,
        "sent_at": _AT,
        "ended_at": _AT,
    },
    "fills": {"id": _ID, "order": _ID, "ticket": _ID, "trade_id": _ID, "at": _AT},
    "results": {"fill": _ID},
}
"""How the rows of each table differ from those they are copies of; `n` counts them."""


def lengthen(database: Path, orders: int) -> None:
    """Give a database that holds one purchase and its sale so many past orders, nobody else at it."""
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
            raw.execute(f"PRAGMA {pragma}")
        indices = raw.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indices:
            raw.execute(f"DROP INDEX {name}")
        for table in _UNLIKE:
            _copy_rows(raw, table, orders)
        _add_events(raw, orders * EVENTS_EACH)
        for _, statement in indices:
            raw.execute(statement)
        raw.execute("PRAGMA journal_mode=WAL")


def _copy_rows(raw: sqlite3.Connection, table: str, count: int) -> None:
    """The two rows there are in turn, so that every purchase is followed by its sale."""
    columns = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(_UNLIKE[table].get(name, f'made."{name}"') for name in columns)
    raw.execute(
        f"WITH RECURSIVE numbers(n) AS ({_numbers(0, count)}), "
        f"made AS (SELECT row_number() OVER (ORDER BY rowid) - 1 AS turn, * FROM {table}) "
        f"INSERT INTO {table} SELECT {values} FROM numbers JOIN made ON made.turn = n % 2"
    )


def _add_events(raw: sqlite3.Connection, count: int) -> None:
    """Entries of every order, after those that are there; the chat has been told of all."""
    ((last,),) = raw.execute("SELECT seq FROM head")
    raw.execute(
        f"WITH RECURSIVE numbers(n) AS ({_numbers(last + 1, count)}) "
        'INSERT INTO events (seq, at, kind, ticket, "order", data, mac) '
        f"SELECT n, '2021-01-01T00:00:00.000000Z', 'fill', "
        f"printf('%026d', (n - {last + 1}) / {EVENTS_EACH}), NULL, "
        """'{"amount": "0.01", "price": "60000"}', printf('%064x', n) FROM numbers"""
    )
    raw.execute("UPDATE head SET seq = ?", (last + count,))
    raw.execute("INSERT INTO cursors VALUES ('chat', ?)", (last + count,))


def _numbers(first: int, count: int) -> str:
    return f"SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {first + count - 1}"
