"""One worker per database and per exchange account, held as long as the process lives.

A second process would trade the same account twice; the command line asks whether somebody is there
to follow a halt. The kernel lets go of both when a process dies, however it dies.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from execution.errors import CountersignError, StoreUnavailable


class AlreadyRunning(CountersignError):
    """Another countersign works on this database or account."""


class Alone:
    """The locks of one worker: a file beside its SQLite database, and one for each account.

    An account is known by its API key, in a folder of this user for temporary files: that reaches over
    the databases of one user on one host. Another host, container or user is not seen; `reconcile.py`
    sees their orders.
    """

    def __init__(self, url: str, keys: Mapping[str, str] | None = None) -> None:
        """`keys` are the API keys of the venues that are no paper, by venue."""
        database = Path(url.partition(":///")[2])
        self._path = database.with_name(f"{database.name}.lock")
        self._keys = keys or {}
        self._held: dict[Path, int] = {}
        """What is locked, and the open file that locks it."""

    def take(self) -> None:
        """Hold the locks until `release`, or until this process ends.

        Raises:
            AlreadyRunning: another process holds one of them.
            StoreUnavailable: there is no such folder, or it is not ours to write to.
        """
        try:
            self._lock(
                self._path,
                f"another countersign works on this database ({self._path.name} is locked);"
                " stop it first, or give this one a database.url of its own",
                of="database.url",
            )
            self.claim(self._keys)
        except CountersignError:
            self.release()
            raise

    def claim(self, keys: Mapping[str, str]) -> None:
        """Hold more accounts, until `release`; those that are held already stay so.

        Raises:
            AlreadyRunning, StoreUnavailable: as `take`.
        """
        for venue, key in keys.items():
            self._lock(
                self._accounts() / f"{_hidden(key)}.lock",
                f"another countersign on this host trades the account of venues.{venue}"
                " (the same key); stop it first: two of them would trade it twice",
                of=f"venues.{venue}",
            )

    def release(self) -> None:
        """Let go of all of them."""
        for file in self._held.values():
            os.close(file)
        self._held = {}

    def is_taken(self) -> bool:
        """Whether another process holds one of them."""
        try:
            self.take()
        except AlreadyRunning:
            return True
        self.release()
        return False

    def _lock(self, path: Path, taken: str, *, of: str) -> None:
        if path in self._held:
            return
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"{of}: {path.parent} cannot be written to: {error.strerror}"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise AlreadyRunning(taken) from error
        self._held[path] = file

    def _accounts(self) -> Path:
        """The folder of the accounts' locks; while it is locked itself, nobody cleans it up."""
        folder = Path(tempfile.gettempdir(), f"countersign-{os.getuid()}")
        if folder in self._held:
            return folder
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise StoreUnavailable(f"{folder} cannot be used: {error.strerror}") from error
        self._held[folder] = held
        if os.fstat(held).st_uid != os.getuid():
            raise StoreUnavailable(f"{folder} belongs to another user; remove it")
        fcntl.flock(held, fcntl.LOCK_SH)
        return folder


def _hidden(key: str) -> str:
    """A name that does not tell the key."""
    return hmac.digest(key.encode(), b"countersign account", "sha256").hex()
