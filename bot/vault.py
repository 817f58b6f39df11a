"""The master key: where it is, how it is made or replaced, and the keys that are derived from it.

`bot/keyring.py` takes it at start, for the journal's chain and the sealed venue keys. It is never
logged, and never made anew where one was named.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.settings import Settings, SettingsError

KEY_FILE = "countersign.key"
VARIABLE = "COUNTERSIGN_MASTER_KEY"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The 32 bytes, and the file they are in; None when the environment gave them."""

    key: bytes = field(repr=False)
    origin: str
    """The setting or file it came from, for whoever has to look there."""
    path: Path | None
    made: bool
    """True when the file was made just now: name it in the log, it needs a backup."""


def master_key(settings: Settings) -> MasterKey:
    """The key of `vault.master_key_file`, else COUNTERSIGN_MASTER_KEY, else `countersign.key`.

    The last stands beside the settings' file and is made, with mode 600, when it is not there.

    Raises:
        SettingsError: the key is missing, unreadable, malformed, or open to other users.
    """
    named = settings.vault.master_key_file
    if named is not None:
        path = settings.path.parent / named
        return MasterKey(read_key(path), f"vault.master_key_file ({path})", path, made=False)
    if settings.master_key is not None:
        text = settings.master_key.get_secret_value()
        return MasterKey(_decode(text, VARIABLE), VARIABLE, None, made=False)
    path = key_file(settings)
    made = not path.exists() and _make(path)
    return MasterKey(read_key(path), str(path), path, made=made)


def key_file(settings: Settings) -> Path:
    """Where the key is looked for, and made, when it is given nowhere else."""
    return settings.path.parent / KEY_FILE


def derive(master: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, by HKDF-SHA256 (RFC 5869); the same each time."""
    info = f"countersign/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master)


def new_key() -> bytes:
    """A master key nobody has."""
    return AESGCM.generate_key(KEY_BYTES * 8)


def written(key: bytes) -> str:
    """A master key as files and the environment have it."""
    return base64.b64encode(key).decode()


def read_key(path: Path) -> bytes:
    """The key in a file.

    Raises:
        SettingsError: it cannot be read, is not one, or is open to other users.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise SettingsError(f"{path}: other users may read this key; chmod 600 {path}")
            text = file.read(1024).decode("ascii", errors="replace")
    except OSError as error:
        raise SettingsError(f"{path}: the master key cannot be read ({error.strerror})") from None
    return _decode(text, str(path))


# Replacing the key in a file: a draft before anything is sealed with it, the old one kept after that.


@contextmanager
def replacing(path: Path) -> Iterator[None]:
    """Alone with a key file: who finds one replaced halfway waits until that has ended."""
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise SettingsError(f"{path.parent}: cannot be used ({error.strerror})") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def draft_of(path: Path) -> Path:
    """Where a new key stands until it is in the place of the old one."""
    return path.with_name(f"{path.name}.new")


def old_of(path: Path) -> Path:
    """Where the key before this one is kept: it opens older backups."""
    return path.with_name(f"{path.name}.old")


def write_draft(path: Path, key: bytes) -> None:
    """Write a new key beside the file, durably; the file itself stays as it is.

    Raises:
        SettingsError: it cannot be written.
    """
    draft = draft_of(path)
    try:
        with suppress(FileNotFoundError):
            draft.unlink()
        _write(draft, key)
        _sync(path.parent)
    except OSError as error:
        raise SettingsError(f"{draft}: cannot be written ({error.strerror})") from None


def put_in_place(path: Path) -> None:
    """The draft takes the place of the key, which is kept; a crash at any point loses neither.

    Raises:
        OSError: it cannot be done there; the draft stays.
    """
    if path.exists():
        with suppress(FileNotFoundError):
            old_of(path).unlink()
        os.link(path, old_of(path))
    draft_of(path).replace(path)
    _sync(path.parent)


def _decode(text: str, origin: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(
            f"{origin}: not a master key; it is the base64 of {KEY_BYTES} bytes"
            f" (openssl rand -base64 {KEY_BYTES})"
        )
    return key


def _make(path: Path) -> bool:
    """Write a new key whole and durably, or leave the one another process has just made."""
    try:
        with tempfile.TemporaryDirectory(prefix=f"{KEY_FILE}.", dir=path.parent) as folder:
            draft = Path(folder, KEY_FILE)
            _write(draft, new_key())
            os.link(draft, path)
        _sync(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise SettingsError(f"{path}: the master key cannot be made ({error.strerror})") from None
    return True


def _write(path: Path, key: bytes) -> None:
    """Write a key into a new file, which its owner alone may read."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w") as file:
        file.write(f"{written(key)}\n")
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
