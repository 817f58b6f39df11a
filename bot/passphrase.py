"""A passphrase in the place of a master key: asked at a terminal, hardened by Argon2id.

How it is hardened stands in the database, which is useless without the passphrase; so nothing but the
database needs a backup. The key that comes of it is then used as one given by the environment is.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import SecretStr

from bot.settings import Settings, SettingsError
from bot.vault import KEY_BYTES, derive, written
from execution.errors import Corrupt, StoreUnavailable
from execution.store import Store

SHORTEST = 12
"""Characters: nothing else stands between a copy of the database and the keys in it."""
TRIES = 3
FACT = "passphrase"
_MOST_MEMORY, _MOST_PASSES, _MOST_LANES = 2**20, 64, 64
"""What a changed database may cost us at most: 1 GiB."""

Ask = Callable[[str], str]
"""Asks at the terminal, without showing what is typed."""


@dataclass(frozen=True, slots=True)
class Hardening:
    """How one passphrase becomes a key: the second recommended option of RFC 9106, 64 MiB."""

    salt: str
    memory: int = 64 * 1024
    """KiB."""
    passes: int = 3
    lanes: int = 4

    @classmethod
    def new(cls) -> Hardening:
        """With a salt nobody has."""
        return cls(salt=os.urandom(16).hex())

    @classmethod
    def read(cls, fact: bytes) -> Hardening:
        """As the database has it.

        Raises:
            Corrupt: that is not how a passphrase is hardened.
        """
        try:
            read = cls(**json.loads(fact))
            known = len(bytes.fromhex(read.salt)) == 16
            bounds = (
                8 * read.lanes <= read.memory <= _MOST_MEMORY,
                0 < read.passes <= _MOST_PASSES,
                0 < read.lanes <= _MOST_LANES,
            )
            sane = known and all(bounds)
        except (ValueError, TypeError):
            sane = False
        if not sane:
            raise Corrupt("The database does not say how its passphrase becomes a key any more.")
        return read

    def fact(self) -> bytes:
        """As the database keeps it."""
        return json.dumps(asdict(self)).encode()

    def key(self, passphrase: str) -> bytes:
        """The master key it makes, however the characters were composed on that keyboard."""
        hardened = Argon2id(
            salt=bytes.fromhex(self.salt),
            length=KEY_BYTES,
            iterations=self.passes,
            lanes=self.lanes,
            memory_cost=self.memory,
        )
        return hardened.derive(unicodedata.normalize("NFC", passphrase).encode())


def unlocked(settings: Settings, store: Callable[[], Store], ask: Ask | None) -> Settings:
    """The settings; with the master key in them that a passphrase makes, where the database wants one.

    `ask` is None where nobody can be asked.

    Raises:
        SettingsError: it must be asked for and cannot, or what was typed is not it.
    """
    if settings.vault.master_key_file is not None or settings.master_key is not None:
        return settings
    if not settings.database.file.exists():
        return settings
    opened = store()
    try:
        fact, proof = opened.read_now(lambda tx: (tx.known(FACT), tx.known("master key")))
    except StoreUnavailable:
        return settings  # whoever works with the database says so
    finally:
        opened.close()
    if fact is None:
        return settings
    if ask is None:
        raise SettingsError(
            "vault: the master key is a passphrase, which is asked for at a terminal, and this is none;"
            " start it at one, or change to a key: countersign keys rotate --master --from FILE"
        )
    hardening = Hardening.read(fact)
    for _ in range(TRIES):
        key = hardening.key(ask("Passphrase of the vault"))
        if derive(key, "proof") == proof:
            return settings.model_copy(update={"master_key": SecretStr(written(key))})
    raise SettingsError("vault: that is not the passphrase of this database")


def new_passphrase(ask: Ask) -> str:
    """One that was typed twice.

    Raises:
        SettingsError: it is too short, or the second is another.
    """
    typed = ask("New passphrase of the vault")
    if len(typed) < SHORTEST:
        raise SettingsError(f"the passphrase: fewer than {SHORTEST} characters; take a longer one")
    if ask("The same again") != typed:
        raise SettingsError("the passphrase: the two are not the same; nothing was changed")
    return typed
