"""The database: one writer, many readers, and a bell after each commit.

Work is a plain function over a `Transaction`. It runs in a thread of the store's own, so the event
loop never waits for a disk; it must not call a network, and its transaction is over when it returns.
What waits to be written shares a commit, since a commit costs more than what it holds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from decimal import localcontext
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from execution.errors import Corrupt, StoreUnavailable
from execution.rounding import CONTEXT
from execution.store.transaction import Transaction

T = TypeVar("T")

SHARE_A_COMMIT = 8
"""Works in one commit at most: what comes first waits for no more than these."""
LOCKED_FOR = 2_000
"""Milliseconds for which somebody else may hold the database; senders give up after three seconds."""
MAY_WAIT = 1_000
"""Works that may wait; what comes then is refused, so that a flood is told and not forgotten."""


class _Asked(Generic[T]):
    """One work that waits to be written, and then how it ended."""

    def __init__(self, work: Callable[[Transaction], T]) -> None:
        self.work = work
        self.done = False
        self.result: T
        self.news = False
        self.error: BaseException | None = None

    def run(self, transaction: Transaction) -> None:
        """Do the work; its events are written with it."""
        self.result = self.work(transaction)
        self.news = transaction.journal.close()

    def outcome(self) -> T:
        """What the work returned, or raised."""
        if self.error is not None:
            raise self.error
        return self.result


class Store:
    """Rows and events behind one writer."""

    def __init__(
        self,
        url: str,
        *,
        journal_key: bytes,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        writer: Executor | None = None,
        readers: Executor | None = None,
    ) -> None:
        """`writer` runs one work at a time, `readers` several; threads of the store's own unless given."""
        self._journal_key = journal_key
        self._clock = clock
        self._new_id = new_id
        self._write_engine = _engine(url, "BEGIN IMMEDIATE")
        self._read_engine = _engine(url, "BEGIN")
        self._writer = writer or ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = readers or ThreadPoolExecutor(2, thread_name_prefix="store-read")
        self._waiting: deque[_Asked[Any]] = deque()
        self._bells: list[Callable[[], None]] = []
        self.trouble: str | None = None
        """Why the last commit was not stored; None once one was."""
        self.failures = 0
        """How many commits were not stored so far."""

    async def write(self, work: Callable[[Transaction], T], *, first: bool = False) -> T:
        """Run work in one transaction and commit it; all of it is stored, or nothing.

        `first` goes ahead of what waits: a halt, a vote, an order. The work may be run again when
        those it shared a commit with could not be stored.

        Raises:
            StoreUnavailable: the database is locked, full or gone, or too much waits; nothing was stored.
            Corrupt: the database is damaged.
        """
        if len(self._waiting) >= MAY_WAIT and not first:
            raise StoreUnavailable("Too much waits to be stored.")
        asked = _Asked(work)
        if first:
            self._waiting.appendleft(asked)
        else:
            self._waiting.append(asked)
        loop = asyncio.get_running_loop()
        result: T = await loop.run_in_executor(self._writer, self._written, asked)
        if asked.news:
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
        asked = _Asked(work)
        self._commit([asked])
        return asked.outcome()

    def read_now(self, work: Callable[[Transaction], T]) -> T:
        """The same as `read`, in the calling thread."""
        with _transaction(self._read_engine) as connection:
            return work(self._over(connection))

    def on_commit(self, bell: Callable[[], None]) -> None:
        """Call this on the event loop after every commit of this process that wrote an event."""
        self._bells.append(bell)

    def close(self) -> None:
        """Finish what is being written and let go of the file."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._write_engine.dispose()
        self._read_engine.dispose()

    def _written(self, asked: _Asked[T]) -> T:
        """Write what waits until this work is stored; an earlier turn may have taken it along."""
        while not asked.done:
            count = min(len(self._waiting), SHARE_A_COMMIT)
            self._commit([self._waiting.popleft() for _ in range(count)])
        return asked.outcome()

    def _commit(self, works: Sequence[_Asked[Any]]) -> None:
        """Store these works in one commit, each on its own where they cannot be stored together."""
        begun = False
        try:
            with _transaction(self._write_engine) as connection:
                begun = True
                for asked in works:
                    self._try(asked, connection, alone=len(works) == 1)
            self.trouble = None
        except Exception as error:  # noqa: BLE001  # told to whoever asked, by `outcome`
            if begun and len(works) > 1:
                self._commit_each(works)
            else:
                if isinstance(error, StoreUnavailable | Corrupt):
                    self.trouble = str(error)
                    self.failures += 1
                for asked in works:
                    asked.error = error
        for asked in works:
            asked.done = True

    def _commit_each(self, works: Sequence[_Asked[Any]]) -> None:
        """Store each work in a commit of its own, whatever became of it before."""
        for asked in works:
            asked.error = None
            self._commit([asked])

    def _try(self, asked: _Asked[Any], connection: Connection, *, alone: bool) -> None:
        """Run one work; one that raises leaves the others of its commit as they are."""
        if alone:
            asked.run(self._over(connection))
            return
        try:
            with connection.begin_nested():
                asked.run(self._over(connection))
        except DatabaseError:
            raise  # the database may have dropped the whole transaction
        except Exception as error:  # noqa: BLE001  # told to whoever asked, by `outcome`
            asked.error = error

    def _over(self, connection: Connection) -> Transaction:
        return Transaction(
            connection, journal_key=self._journal_key, now=self._clock(), new_id=self._new_id
        )


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction in exact arithmetic, and the database's errors as ours."""
    try:
        with localcontext(CONTEXT), engine.begin() as connection:
            yield connection
    except (OperationalError, PoolTimeout) as error:
        reason = str(getattr(error, "orig", None) or error)
        raise StoreUnavailable(f"The database does not answer: {reason}.") from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise
        raise Corrupt(f"The database is damaged: {error.orig}.") from error


def _engine(url: str, begin: str) -> Engine:
    """An engine whose transactions start as said; SQLite in WAL, every commit on disk."""
    engine = create_engine(url, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins; the driver must not
        for pragma in (
            f"busy_timeout={LOCKED_FOR}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
