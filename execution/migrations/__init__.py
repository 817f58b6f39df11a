"""The database's schema over time: alembic scripts, run at start by `upgrade`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, inspect, pool, text
from sqlalchemy.exc import DatabaseError

from execution.errors import StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config


def upgrade(url: str) -> None:
    """Bring the database at this URL to the newest schema; does nothing when it is there.

    Raises:
        StoreUnavailable: it cannot be opened.
    """
    _make_private(url)
    try:
        if _revision(url) != newest():
            # Imported here: it costs a start a fifth of a second, and few starts need it.
            from alembic import command

            command.upgrade(config(url), "head")
    except DatabaseError as error:
        raise StoreUnavailable(f"The database cannot be opened: {error.orig}.") from error


def _make_private(url: str) -> None:
    """A new database is its owner's to read and nobody else's; SQLite's side files take its mode."""
    path = Path(url.partition(":///")[2])
    with suppress(OSError):  # SQLite says better why it cannot be made
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def newest() -> str:
    """The newest revision there is: scripts are named `<revision>_<what>.py`."""
    scripts = Path(__file__).with_name("versions").glob("[0-9]*_*.py")
    return max(script.name.partition("_")[0] for script in scripts)


def config(url: str) -> Config:
    """alembic's configuration, without an alembic.ini."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", "execution:migrations")
    made.set_main_option("path_separator", "os")
    made.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return made


def _revision(url: str) -> str | None:
    """The revision a database is at; None for one without a schema."""
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
