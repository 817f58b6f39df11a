"""How the keys of a venue are sealed, so that a copy of the database does not give them away.

AES-256-GCM twice: the venue's keys under a random key of their own, and that key under the master key, so
that a new master key only wraps anew. Venue, exchange, mode and label are authenticated with both: a row
that was changed, or moved to another venue or mode, does not open. Pure; it must never show a key.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import TypeAdapter, ValidationError

from bot.settings import SettingsError
from bot.vault import derive
from execution.errors import CountersignError
from execution.store.sealed import SealedKeys
from execution.types import Mode

FORMAT = 1
"""Of a row; it stands in each label."""
_NONCE_BYTES = 12
_KEY_BITS = 256


class DoesNotOpen(CountersignError):
    """What is sealed was changed, or sealed under another master key."""


@dataclass(frozen=True, slots=True)
class VenueKeys:
    """What a venue's requests are signed with."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Account:
    """What keys are good for. A venue's name stands for one account."""

    venue: str
    exchange: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Label:
    """What stands in clear beside the keys of a venue."""

    exchange: str
    mode: Mode
    by: str
    added_at: datetime
    replaced_at: datetime | None = None
    format: int = FORMAT


_LABEL: TypeAdapter[Label] = TypeAdapter(Label)
_KEYS: TypeAdapter[VenueKeys] = TypeAdapter(VenueKeys)


def seal(master: bytes, venue: str, label: Label, keys: VenueKeys) -> SealedKeys:
    """A row with these keys."""
    account = Account(venue, label.exchange, label.mode)
    written = _LABEL.dump_json(label)
    about = _about(account, written)
    of_the_row = AESGCM.generate_key(_KEY_BITS)
    return SealedKeys(
        venue=venue,
        label=written,
        wrapped=_close(derive(master, "venue keys"), of_the_row, about),
        sealed=_close(of_the_row, _KEYS.dump_json(keys), about),
    )


def unseal(master: bytes, row: SealedKeys, account: Account) -> VenueKeys:
    """The keys in a row.

    Raises:
        SettingsError: they were given for another exchange or mode than this account is.
        DoesNotOpen: the row was changed, or is under another master key.
    """
    label = label_of(row)
    if (label.exchange, label.mode) != (account.exchange, account.mode):
        raise SettingsError(
            f"venues.{account.venue}: is {account.exchange} {account.mode} now, the keys in the vault are"
            f" for {label.exchange} {label.mode}; give its own: countersign keys rotate {account.venue}"
        )
    about = _about(account, row.label)
    try:
        of_the_row = _open(derive(master, "venue keys"), row.wrapped, about)
        return _KEYS.validate_json(_open(of_the_row, row.sealed, about))
    except (DoesNotOpen, ValueError):
        raise _changed(account.venue) from None


def wrap_anew(old: bytes, new: bytes, row: SealedKeys) -> SealedKeys:
    """The row under a new master key; the venue's keys stay sealed as they are.

    Raises:
        DoesNotOpen: the row was changed, or is not under the old one.
    """
    label = label_of(row)
    about = _about(Account(row.venue, label.exchange, label.mode), row.label)
    try:
        of_the_row = _open(derive(old, "venue keys"), row.wrapped, about)
        _open(of_the_row, row.sealed, about)
    except DoesNotOpen:
        raise _changed(row.venue) from None
    return row.evolve(wrapped=_close(derive(new, "venue keys"), of_the_row, about))


def label_of(row: SealedKeys) -> Label:
    """What a row says of itself; true once it was opened.

    Raises:
        DoesNotOpen: it cannot be read.
    """
    try:
        label = _LABEL.validate_json(row.label)
    except ValidationError:
        raise _changed(row.venue) from None
    if label.format != FORMAT:
        raise DoesNotOpen(
            f"venues.{row.venue}: its keys were sealed in format {label.format}, this version reads"
            f" format {FORMAT}"
        )
    return label


def wrap(master: bytes, purpose: str, secret: bytes) -> bytes:
    """A secret of the desk itself, sealed for one purpose."""
    return _close(derive(master, f"wrap {purpose}"), secret, purpose.encode())


def unwrap(master: bytes, purpose: str, sealed: bytes) -> bytes:
    """The secret again.

    Raises:
        DoesNotOpen: it was changed, or is under another master key.
    """
    return _open(derive(master, f"wrap {purpose}"), sealed, purpose.encode())


def _about(account: Account, label: bytes) -> bytes:
    """What is authenticated along: the account as the settings have it, and the label."""
    said = [FORMAT, account.venue, account.exchange, account.mode]
    return json.dumps(said).encode() + b"\n" + label


def _close(key: bytes, secret: bytes, about: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret, about)


def _open(key: bytes, sealed: bytes, about: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
    except (InvalidTag, ValueError):  # ValueError: too short to be anything
        raise DoesNotOpen from None


def _changed(venue: str) -> DoesNotOpen:
    return DoesNotOpen(
        f"venues.{venue}: its keys in the vault do not open: the row was changed since it was sealed;"
        f" bring back a backup, or give them anew: countersign keys rotate {venue}"
    )
