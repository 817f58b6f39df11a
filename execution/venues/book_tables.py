"""The tables that the books of a paper account are kept in, and how those of earlier versions become them.

Only `books.py` calls this, inside a transaction: a file is brought up whole, or left as it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal

from execution.instruments import MarketKind

_VERSION = 3
"""The `user_version` of these books. The first one knew nothing of stops and of dates that end orders,
the second one nothing of contracts."""
_ORDERS = """
CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    type TEXT NOT NULL,
    amount TEXT NOT NULL,
    price TEXT,
    time_in_force TEXT NOT NULL,
    post_only INTEGER NOT NULL,
    reduce_only INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    stop_price TEXT,
    trail TEXT,
    trail_is_share INTEGER,
    good_till TEXT,
    stop TEXT,
    touched_at TEXT
) STRICT
"""
_INDEXES = """
CREATE INDEX orders_client ON orders (client_order_id);
CREATE INDEX orders_working ON orders (id) WHERE state = 'working';
CREATE INDEX orders_changed ON orders (changed_at)
"""
_SCHEMA = f"""
{_ORDERS};
{_INDEXES};
CREATE TABLE trades (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    amount TEXT NOT NULL,
    price TEXT NOT NULL,
    fee TEXT NOT NULL,
    fee_currency TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX trades_order ON trades (order_id);
CREATE INDEX trades_at ON trades (at);
CREATE TABLE balances (asset TEXT PRIMARY KEY, total TEXT NOT NULL) STRICT;
CREATE TABLE countdown (ends_at TEXT NOT NULL) STRICT;
CREATE TABLE account (kind TEXT NOT NULL) STRICT
"""
_FROM_FIRST = f"""
{_ORDERS.replace("orders", "orders_2")};
INSERT INTO orders_2 SELECT *, NULL, NULL, NULL, NULL, NULL, NULL FROM orders;
DROP TABLE orders;
ALTER TABLE orders_2 RENAME TO orders;
{_INDEXES};
CREATE TABLE IF NOT EXISTS countdown (ends_at TEXT NOT NULL) STRICT
"""  # noqa: S608  # nothing from outside
_FROM_SECOND = """
CREATE TABLE account (kind TEXT NOT NULL) STRICT;
INSERT INTO account VALUES ('spot')
"""
_UPGRADES = {1: _FROM_FIRST, 2: _FROM_SECOND}


def bring_up(db: sqlite3.Connection, kind: MarketKind, opening: Mapping[str, Decimal]) -> None:
    """Begin books of an account of this kind with these balances, or bring earlier ones up to now.

    Raises:
        sqlite3.Error: a newer version made them, or they are those of an account of another kind.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise sqlite3.DatabaseError("a newer version of Countersign made them")
    if not version:
        _run(db, _SCHEMA)
        db.execute("INSERT INTO account VALUES (?)", (kind,))
        for asset, total in opening.items():
            db.execute("INSERT INTO balances VALUES (?, ?)", (asset, str(total)))
    else:
        for earlier in range(version, _VERSION):
            _run(db, _UPGRADES[earlier])
    if version < _VERSION:
        db.execute(f"PRAGMA user_version = {_VERSION}")
    (kept,) = db.execute("SELECT kind FROM account").fetchone()
    if kept != kind:
        raise sqlite3.DatabaseError(f"they are those of a {kept} account, this one trades {kind}")


def _run(db: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";"):
        db.execute(statement)
