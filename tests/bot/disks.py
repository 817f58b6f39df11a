"""A database that cannot be written to for a while: the disk is full, reading goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FAILS = "SELECT abs(-9223372036854775807 - 1)"
"""What SQLite answers with an operational error, as it does when a disk is full."""


@contextmanager
def full_disk(database: Path, *tables: str) -> Iterator[None]:
    """Nothing is stored in these tables for as long as the block; all of it can be read."""
    raw = sqlite3.connect(database, isolation_level=None)
    made = [(f"full_{what}_{one}", what, one) for one in tables for what in ("INSERT", "UPDATE")]
    for name, what, one in made:
        raw.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {one} BEGIN {_FAILS}; END")
    try:
        yield
    finally:
        for name, _, _ in made:
            raw.execute(f"DROP TRIGGER {name}")
        raw.close()
