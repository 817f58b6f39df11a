"""The database: one writer, many readers, and a bell after each commit.

Work is a plain function over a `Transaction`. It runs in a thread of the store's own, so the event
loop never waits for a disk; it must not call a network, and its transaction is over when it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from execution.errors import Corrupt, StoreUnavailable
from execution.store.transaction import Transaction

T = TypeVar("T")


class Store:
    """Rows and events behind one writer."""

    def __init__(
        self,
        url: str,
        *,
        journal_key: bytes,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._journal_key = journal_key
        self._clock = clock
        self._new_id = new_id
        self._write_engine = _engine(url, "BEGIN IMMEDIATE")
        self._read_engine = _engine(url, "BEGIN")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="store-read")
        self._bells: list[Callable[[], None]] = []

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run work in one transaction and commit it; all of it is stored, or nothing.

        Raises:
            StoreUnavailable: the database is locked, full or gone; nothing was stored.
            Corrupt: the database is damaged.
        """
        loop = asyncio.get_running_loop()
        result, news = await loop.run_in_executor(self._writer, self._run, self._write_engine, work)
        if news:
            for bell in self._bells:
                bell()
        return result

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run work on a consistent view; it never waits for a write.

        Raises:
            StoreUnavailable: the database is gone.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, work)

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        """The same as `write`, in the calling thread; for the command line and start-up."""
        return self._run(self._write_engine, work)[0]

    def read_now(self, work: Callable[[Transaction], T]) -> T:
        """The same as `read`, in the calling thread."""
        return self._run(self._read_engine, work)[0]

    def on_commit(self, bell: Callable[[], None]) -> None:
        """Call this on the event loop after every commit of this process that wrote an event."""
        self._bells.append(bell)

    def close(self) -> None:
        """Finish what is being written and let go of the file."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._write_engine.dispose()
        self._read_engine.dispose()

    def _run(self, engine: Engine, work: Callable[[Transaction], T]) -> tuple[T, bool]:
        """The result, and whether the journal has news."""
        try:
            with engine.begin() as connection:
                transaction = Transaction(
                    connection,
                    journal_key=self._journal_key,
                    now=self._clock(),
                    new_id=self._new_id,
                )
                result = work(transaction)
                return result, transaction.journal.close()
        except (OperationalError, PoolTimeout) as error:
            reason = str(getattr(error, "orig", None) or error)
            raise StoreUnavailable(f"The database does not answer: {reason}.") from error
        except DatabaseError as error:
            if type(error) is not DatabaseError:
                raise
            raise Corrupt(f"The database is damaged: {error.orig}.") from error


def _engine(url: str, begin: str) -> Engine:
    """An engine whose transactions start as said; SQLite in WAL, every commit on disk."""
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 5})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins; the driver must not
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
