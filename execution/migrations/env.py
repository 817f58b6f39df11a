"""What alembic runs: one connection, the tables' metadata, all in one transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

from execution.tables import metadata


def _run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None, "upgrade() gives the URL"
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()


_run()
