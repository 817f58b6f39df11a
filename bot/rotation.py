"""`countersign keys rotate --master`: everything sealed goes under another master key, at once.

The new key is on disk before anything is wrapped under it, and the old one is kept: an interruption at any
point leaves a database and a key that fit, or that `bot/keyring.py` puts together at the next start. The
journal keeps its own key, so that its chain and the heads posted in the chat go on to verify.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot import parts
from bot.keyring import JOURNAL_KEY, PROOF, Unlocked, unlock
from bot.parts import Ids
from bot.passphrase import FACT, Ask, Hardening, new_passphrase
from bot.sealed import DoesNotOpen, wrap, wrap_anew
from bot.settings import Settings, SettingsError
from bot.terminal import Report
from bot.vault import (
    VARIABLE,
    derive,
    draft_of,
    key_file,
    master_key,
    new_key,
    old_of,
    put_in_place,
    read_key,
    replacing,
    write_draft,
)
from execution.errors import NotPossible
from execution.events import EventKind
from execution.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class NextKey:
    """The master key that comes, and where it will be."""

    key: bytes = field(repr=False)
    path: Path | None
    """Its file; None for a passphrase, and where the environment will give it."""
    hardening: Hardening | None = None
    """Of a passphrase."""


def rotate_master(
    settings: Settings, person: str, ask: Ask | None, *, source: Path | None, passphrase: bool
) -> Report:
    """Replace the master key by a new one, the one in the file `source`, or a passphrase.

    Raises:
        SettingsError: the new key cannot be read, asked for or written.
        NotPossible: somebody else replaces it right now.
        DoesNotOpen: something sealed was changed; nothing was replaced.
    """
    with closing(parts.open_store(settings, Ids())) as store:
        keys = unlock(store, master_key(settings))
        was_typed = store.read_now(lambda tx: tx.known(FACT)) is not None
        after = _next_key(settings, keys, ask, source, typed=passphrase, was_typed=was_typed)
        if after.key == keys.master.key:
            raise SettingsError("the new master key is the one that is in use; nothing was changed")
        with nullcontext() if after.path is None else replacing(after.path):
            store.read_now(lambda tx: _demand_same(tx, keys))
            count = _commit(store, keys, after, person)
            next_steps = (
                _in_place(after.path)
                if after.path is not None
                else _by_hand(settings, keys, after, source, was_typed=was_typed)
            )
            text = " ".join([_done(count), *next_steps])
    way = "passphrase" if after.hardening is not None else "key"
    return Report(text=text, json={"master_key": way, "venues": count})


def _next_key(
    settings: Settings,
    keys: Unlocked,
    ask: Ask | None,
    source: Path | None,
    *,
    typed: bool,
    was_typed: bool,
) -> NextKey:
    if typed and source is not None:
        raise SettingsError("--passphrase and --from: the new master key is one of the two")
    if typed or (was_typed and source is None):
        if ask is None:
            raise SettingsError("a passphrase is asked for at a terminal, and this is none")
        hardening = Hardening.new()
        return NextKey(hardening.key(new_passphrase(ask)), None, hardening)
    path = key_file(settings) if was_typed else keys.master.path
    if source is not None:
        return NextKey(read_key(source), path)
    if path is None:
        raise SettingsError(
            f"{VARIABLE}: the environment cannot be changed from here; write the new key into a file"
            " (openssl rand -base64 32, chmod 600) and name it with --from"
        )
    return NextKey(new_key(), path)


def _commit(store: Store, keys: Unlocked, after: NextKey, person: str) -> int:
    """Wrap everything anew in one transaction; how many venues that were."""

    def work(tx: Transaction) -> int:
        _demand_same(tx, keys)
        rows = tx.sealed.all()
        for row in rows.values():
            tx.sealed.put(wrap_anew(keys.master.key, after.key, row))
        tx.remember(JOURNAL_KEY, wrap(after.key, JOURNAL_KEY, keys.journal))
        tx.remember(PROOF, derive(after.key, "proof"))
        tx.remember(FACT, None if after.hardening is None else after.hardening.fact())
        tx.journal.add(EventKind.MASTER_KEY_REPLACED, tx.now, actor=person, name=person)
        return len(rows)

    if after.path is not None:
        write_draft(after.path, after.key)
    try:
        return store.write_now(work)
    except (NotPossible, DoesNotOpen):  # certainly not committed: nothing is under the draft
        if after.path is not None:
            with suppress(OSError):
                draft_of(after.path).unlink()
        raise


def _demand_same(tx: Transaction, keys: Unlocked) -> None:
    """The database is still under the key that is being replaced."""
    if tx.known(PROOF) != derive(keys.master.key, "proof"):
        raise NotPossible(
            "the master key was replaced meanwhile; nothing was changed, look and try again"
        )


def _done(count: int) -> str:
    venues = "1 venue" if count == 1 else f"{count} venues"
    return (
        f"The master key is replaced; the keys of {venues} and the journal's are under the new one."
    )


def _in_place(path: Path) -> Iterator[str]:
    """The new key takes the place of the old one; what to do with both."""
    had_one = path.exists()
    try:
        put_in_place(path)
    except OSError as error:
        yield f"It is in {draft_of(path)}: put it in the place of {path} ({error.strerror})."
        return
    yield f"It is in {path}: keep a copy of it apart from the database."
    if had_one:
        yield (
            f"The old one is in {old_of(path)} and opens older backups only: delete it once there is a"
            " new backup."
        )


def _by_hand(
    settings: Settings, keys: Unlocked, after: NextKey, source: Path | None, *, was_typed: bool
) -> Iterator[str]:
    """What a person has to do before the next start."""
    if after.hardening is None:
        yield f"Before the next start, put what is in {source} into {VARIABLE}."
        return
    yield "It is asked for at each start; nobody can bring it back."
    if settings.vault.master_key_file is not None:
        yield "Take vault.master_key_file out of the settings: it goes before a passphrase."
    elif settings.master_key is not None and not was_typed:
        yield f"Take {VARIABLE} out of the environment: it goes before a passphrase."
    if keys.master.path is not None:
        yield f"{keys.master.path} opens older backups only: delete it once there is a new backup."
