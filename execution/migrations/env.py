"""What alembic runs: one connection, the tables' metadata, all in one transaction with what is derived.

A crash leaves the database as it was. What is made of other rows is made anew after each upgrade.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, event, pool

from execution.store.positions import Positions
from execution.tables import metadata


def _run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None, "upgrade() gives the URL"
    engine = create_engine(url, poolclass=pool.NullPool)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    with engine.begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            compare_type=True,
            transactional_ddl=True,
        )
        context.run_migrations()
        if context.get_context().get_current_revision() == context.get_head_revision():
            Positions(connection).fold_all()


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would commit before a table is made


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


_run()
