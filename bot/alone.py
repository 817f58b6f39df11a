"""One worker per database: a lock on a file beside it, held as long as the process lives.

A second process would trade the same account twice; the command line asks whether somebody is there
to follow a halt. The kernel lets go of the lock when a process dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from execution.errors import CountersignError, StoreUnavailable


class AlreadyRunning(CountersignError):
    """Another countersign works on this database."""


class Alone:
    """The lock of one SQLite database."""

    def __init__(self, url: str) -> None:
        database = Path(url.partition(":///")[2])
        self._path = database.with_name(f"{database.name}.lock")
        self._file: int | None = None

    def take(self) -> None:
        """Hold the lock until `release`, or until this process ends.

        Raises:
            AlreadyRunning: another process holds it.
            StoreUnavailable: there is no such folder, or it is not ours to write to.
        """
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"database.url: {self._path.parent} cannot be written to: {error.strerror}"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise AlreadyRunning(
                f"another countersign works on this database ({self._path.name} is locked);"
                " stop it first, or give this one a database.url of its own"
            ) from error
        self._file = file

    def release(self) -> None:
        """Let go of it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def is_taken(self) -> bool:
        """Whether another process holds it."""
        try:
            self.take()
        except AlreadyRunning:
            return True
        self.release()
        return False
