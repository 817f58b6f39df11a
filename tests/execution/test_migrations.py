"""The migrations end in exactly the tables of `tables.py`, and in the rows and triggers they need."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from execution.migrations import config, upgrade
from execution.tables import metadata


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def schema(path: Path) -> set[tuple[str, str]]:
    """Every table and index with the statement that makes it, spelled the same way.

    Lines of a table are a set: a column or constraint may stand anywhere in it.
    """
    statements = rows(
        path,
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'trigger' "
        "AND name <> 'alembic_version'",
    )
    found = set()
    for name, sql in statements:
        words = " ".join(sql.replace('"', "").split())
        head, _, body = words.partition("(")
        parts = re.split(r",\s*(?![^()]*\))", body.rsplit(")", 1)[0])
        found |= {(name, head.strip())} | {(name, part.strip()) for part in parts}
    return found


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(query).fetchall()


def test_an_empty_database_gets_exactly_the_tables(migrated: Path) -> None:
    """Alembic itself would have nothing left to do."""
    engine = create_engine(url(migrated))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_checks_and_keys_are_those_of_the_tables_too(migrated: Path, tmp_path: Path) -> None:
    """Alembic does not compare checks; the text of the schema does."""
    engine = create_engine(url(tmp_path / "made.db"))
    metadata.create_all(engine)
    engine.dispose()

    assert schema(migrated) == schema(tmp_path / "made.db")


def test_a_difference_would_be_seen(migrated: Path, tmp_path: Path) -> None:
    engine = create_engine(url(tmp_path / "made.db"))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE votes ADD COLUMN weight INTEGER")
    engine.dispose()

    difference = schema(migrated) ^ schema(tmp_path / "made.db")
    assert difference == {("votes", "weight INTEGER")}


def test_a_new_database_is_its_owners_alone_and_so_are_the_files_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    upgrade(url(path))
    with closing(sqlite3.connect(path)) as writing:
        writing.execute("PRAGMA journal_mode=WAL")
        writing.execute("CREATE TABLE anything (id)")
        modes = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
    assert set(modes) == {"new.db", "new.db-wal", "new.db-shm"}
    assert set(modes.values()) == {0o600}


def test_upgrading_again_changes_nothing(database: Path) -> None:
    def dump() -> list[str]:
        with closing(sqlite3.connect(database)) as raw:
            return list(raw.iterdump())

    before = dump()
    upgrade(url(database))

    assert dump() == before


def test_an_upgrade_keeps_what_is_there(database: Path) -> None:
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("INSERT INTO cursors VALUES ('chat', 7)")
        raw.execute("UPDATE trading SET state = 'halted', generation = 3")
        raw.commit()

    upgrade(url(database))

    assert rows(database, "SELECT * FROM cursors") == [("chat", 7)]
    assert rows(database, "SELECT state, generation FROM trading") == [("halted", 3)]


def before_positions(path: Path, *fills: tuple[str, str, str]) -> None:
    """A database of before positions were kept, with these fills: side, amount and price."""
    command.upgrade(config(url(path)), "0003")
    with closing(sqlite3.connect(path)) as raw:
        for n, (side, amount, price) in enumerate(fills):
            raw.execute(
                "INSERT INTO fills VALUES (?, 'O1', 'T1', 'main', 'BTC/USDT', ?, ?, ?, ?, '0', "
                "NULL, ?, 0)",
                (f"F{n}", side, str(n), amount, price, f"2026-03-02T12:00:0{n}.000000Z"),
            )
        raw.commit()


def of_fills(path: Path) -> set[tuple[str, str]]:
    """The part of the schema that is about fills."""
    return {(name, line) for name, line in schema(path) if "fills" in name}


def test_an_upgrade_folds_the_fills_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    before_positions(path, ("buy", "3", "100"), ("sell", "1", "120"), ("buy", "1", "140"))

    upgrade(url(path))

    assert rows(path, "SELECT venue, symbol, amount, cost, realized FROM positions") == [
        ("main", "BTC/USDT", "3", "340", "20")
    ]
    results = rows(path, "SELECT fill, closed, result FROM results ORDER BY fill")
    assert results == [("F0", "0", "0"), ("F1", "1", "20"), ("F2", "0", "0")]


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    """A row that cannot be read stops the fold, which comes last."""
    path = tmp_path / "old.db"
    before_positions(path, ("buy", "3", "100"), ("buy", "NaN", "100"))
    before = schema(path)

    with pytest.raises(ValueError, match="amount"):
        upgrade(url(path))

    assert schema(path) == before
    assert rows(path, "SELECT version_num FROM alembic_version") == [("0003",)]
    assert rows(path, "SELECT count(*) FROM fills") == [(2,)]


def test_an_upgrade_knows_what_each_message_lacks(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    command.upgrade(config(url(path)), "0005")
    with closing(sqlite3.connect(path)) as raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(tickets)")]
        given = {"id": "T1", "state": "done", "mode": "paper", "touched": 7}
        values = [given.get(name, "0") for name in columns]
        raw.execute(f"INSERT INTO tickets VALUES ({','.join('?' * len(values))})", values)
        for subject in ("ticket:T1", "halt:3"):
            raw.execute(
                "INSERT INTO posts VALUES (?, 'chat', ?, '-100', 5, 0, 'x', 6, 'then')",
                (subject, subject),
            )
        raw.commit()

    upgrade(url(path))

    assert rows(path, "SELECT subject, touched FROM posts ORDER BY subject") == [
        ("halt:3", 0),
        ("ticket:T1", 7),
    ]


def test_going_back_to_before_positions_keeps_the_fills(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    before_positions(path, ("buy", "3", "100"))
    before, fills = of_fills(path), rows(path, "SELECT * FROM fills")
    upgrade(url(path))
    assert of_fills(path) != before

    command.downgrade(config(url(path)), "0003")

    assert of_fills(path) == before
    assert rows(path, "SELECT * FROM fills") == fills


def test_the_chain_begins_at_nothing_and_trading_is_active(migrated: Path) -> None:
    assert rows(migrated, "SELECT id, seq, mac FROM head") == [(1, 0, "0" * 64)]
    assert rows(migrated, "SELECT id, state, generation FROM trading") == [(1, "active", 0)]


def test_the_journals_triggers_are_there(migrated: Path) -> None:
    triggers = rows(migrated, "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'")

    assert sorted(triggers) == [
        ("events_refuse_delete", "events"),
        ("events_refuse_update", "events"),
    ]


def test_there_is_one_line_of_versions_and_it_is_stamped(migrated: Path) -> None:
    scripts = ScriptDirectory.from_config(config(url(migrated)))
    (newest,) = scripts.get_heads()

    assert rows(migrated, "SELECT version_num FROM alembic_version") == [(newest,)]


def test_a_path_with_a_percent_sign_is_a_path(tmp_path: Path) -> None:
    odd = tmp_path / "100%s.db"
    upgrade(url(odd))

    assert rows(odd, "SELECT seq FROM head") == [(0,)]


def test_going_back_leaves_no_table(migrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "back.db"
    upgrade(url(path))
    command.downgrade(config(url(path)), "base")

    engine = create_engine(url(path))
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trading SET state = 'asleep'",
        "INSERT INTO votes VALUES ('V1', 'T1', 1, 'f', 'tg:1', 'A', 'maybe', 't')",
    ],
)
def test_a_state_that_does_not_exist_is_refused_by_the_database(
    database: Path, statement: str
) -> None:
    with (
        closing(sqlite3.connect(database)) as raw,
        pytest.raises(sqlite3.IntegrityError, match="CHECK"),
    ):
        raw.execute(statement)
