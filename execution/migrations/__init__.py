"""The database's schema over time: alembic scripts, run at start by `upgrade`."""

from __future__ import annotations

from alembic import command
from alembic.config import Config


def upgrade(url: str) -> None:
    """Bring the database at this URL to the newest schema; does nothing when it is there."""
    command.upgrade(config(url), "head")


def config(url: str) -> Config:
    """alembic's configuration, without an alembic.ini."""
    made = Config()
    made.set_main_option("script_location", "execution:migrations")
    made.set_main_option("path_separator", "os")
    made.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return made
