"""The master key: where it is, how it is made, and the keys that are derived from it.

`bot/app.py` takes it once at start, for the journal's chain and the sealed venue keys. It is
never logged, and never made anew where one was named.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.settings import Settings, SettingsError

KEY_FILE = "countersign.key"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The 32 bytes, and the file they are in; None when the environment gave them."""

    key: bytes = field(repr=False)
    path: Path | None
    made: bool
    """True when the file was made just now: name it in the log, it needs a backup."""


def master_key(settings: Settings) -> MasterKey:
    """The key of `vault.master_key_file`, else COUNTERSIGN_MASTER_KEY, else `countersign.key`.

    The last stands beside the settings' file and is made, with mode 600, when it is not there.

    Raises:
        SettingsError: the key is missing, unreadable, malformed, or open to other users.
    """
    beside = settings.path.parent
    named = settings.vault.master_key_file
    if named is not None:
        return MasterKey(_read(beside / named), beside / named, made=False)
    if settings.master_key is not None:
        text = settings.master_key.get_secret_value()
        return MasterKey(_decode(text, "COUNTERSIGN_MASTER_KEY"), None, made=False)
    path = beside / KEY_FILE
    made = not path.exists() and _make(path)
    return MasterKey(_read(path), path, made=made)


def derive(master: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, by HKDF-SHA256 (RFC 5869); the same each time."""
    info = f"countersign/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master)


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


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise SettingsError(f"{path}: other users may read this key; chmod 600 {path}")
            text = file.read(1024).decode("ascii", errors="replace")
    except OSError as error:
        raise SettingsError(f"{path}: the master key cannot be read ({error.strerror})") from None
    return _decode(text, str(path))


def _make(path: Path) -> bool:
    """Write a new key whole and durably, or leave the one another process has just made."""
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f"{KEY_FILE}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:  # mkstemp made it with mode 600
                file.write(base64.b64encode(AESGCM.generate_key(KEY_BYTES * 8)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        finally:
            Path(draft).unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        return False
    except OSError as error:
        raise SettingsError(f"{path}: the master key cannot be made ({error.strerror})") from None
    return True
