"""`countersign keys`: what people on the host do with the venue keys in the vault.

Works with the service up or down; a running one goes on with what is replaced. What is typed or read here
goes into the vault and nowhere else: never into an argument, an answer, the journal or the chat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot import parts, shapes
from bot.alone import Alone
from bot.keyring import EVERY, PROOF, account, from_environment, unlock, with_keys
from bot.parts import Ids
from bot.passphrase import Ask
from bot.sealed import DoesNotOpen, Label, VenueKeys, label_of, seal, unseal
from bot.settings import Settings, SettingsError
from bot.settings.sections import VenueSettings
from bot.terminal import Report
from bot.vault import derive, master_key
from execution import orders
from execution.errors import CountersignError, NotPossible
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.store.sealed import SealedKeys
from execution.types import Mode, OrderState

LARGEST = 64 * 1024
"""How much is read of what holds keys."""
Read = Callable[[], VenueKeys]
"""Where the keys come from: asked for, or read."""
_FIELDS = ("api_key", "secret", "password")
_SHOWN, _LONG_ENOUGH = 4, 12
"""How much of an API key is listed, and of how long a one."""


def ask_for_keys(ask: Ask) -> VenueKeys:
    """Ask at the terminal, one by one, without showing what is typed."""
    return _checked(
        {
            "api_key": ask("API key"),
            "secret": ask("Secret (a PEM on one line, with \\n)"),
            "password": ask("Passphrase, empty where the exchange has none"),
        }
    )


def read_keys(text: str) -> VenueKeys:
    """Keys from JSON: `{"api_key": "...", "secret": "...", "password": "..."}`.

    Raises:
        SettingsError: it is not that. What was given is not repeated.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not set(given) <= set(_FIELDS):
        raise SettingsError(
            'the keys: not JSON with "api_key", "secret" and, where the exchange has one, "password"'
        )
    return _checked(given)


def read_file(path: Path) -> str:
    """What a file with keys holds.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LARGEST)
    except OSError as error:
        raise SettingsError(f"--from ({path}): cannot be read ({error.strerror})") from None
    except ValueError:
        raise SettingsError(f"--from ({path}): not UTF-8 text") from None


def add(settings: Settings, venue: str, read: Read, person: str) -> Report:
    """Seal the first keys of a venue.

    Raises:
        SettingsError: there is no such venue, or these cannot be its keys.
        NotPossible: it has keys already.
    """
    return _give(settings, venue, read, person, first=True)


def rotate(settings: Settings, venue: str, read: Read, person: str) -> Report:
    """Seal other keys of the same account in the place of a venue's.

    Raises:
        SettingsError: there is no such venue, or these cannot be its keys.
        NotPossible: it has none yet.
    """
    return _give(settings, venue, read, person, first=False)


def remove(settings: Settings, venue: str, sure: Callable[[str], bool], person: str) -> Report:
    """Forget the keys of a venue, if somebody is sure.

    Raises:
        NotPossible: it has none in the vault, or nobody is sure.
    """
    with closing(parts.open_store(settings, Ids())) as store:
        if store.read_now(lambda tx: tx.sealed.of(venue)) is None:
            raise NotPossible(f"the vault has no keys of {venue}; countersign keys list shows them")
        left = store.read_now(lambda tx: _open_orders(tx, venue))
        orders_left = (
            f" {left} of our orders may be open there: without keys they are neither canceled nor seen."
            if left
            else ""
        )
        if not sure(f"Remove the keys of {venue} from the vault?{orders_left}"):
            raise NotPossible("nothing was removed")

        def work(tx: Transaction) -> None:
            tx.sealed.drop(venue)
            tx.journal.add(EventKind.KEYS_REMOVED, tx.now, actor=person, venue=venue, name=person)

        store.write_now(work)
    text = (
        f"The keys of {venue} are removed from the vault. Revoke them at the exchange: backups of the"
        " database still hold them, sealed."
    )
    if _is_running(settings):
        text += " The running process goes on with them until it is stopped."
    return Report(text=text, json={"venue": venue, "removed": True})


def listed(settings: Settings) -> Report:
    """Which venue has keys, from where and since when; of an API key no more than its beginning."""
    with closing(parts.open_store(settings, Ids())) as store:
        unlocked = unlock(store, master_key(settings))
    rows, master = unlocked.rows, unlocked.master.key
    known = [name for name, venue in settings.venues.items() if venue.mode is not Mode.PAPER]
    names = [*known, *sorted(rows.keys() - set(known))]
    found = [_entry(settings, master, name, rows.get(name)) for name in names]
    return Report(
        text="\n".join(map(_line, found)) or "No venue here needs keys.",
        json={"venues": [one.json for one in found]},
        verified=all(one.opens for one in found),
    )


@dataclass(frozen=True)
class Entry:
    """One venue in the list."""

    venue: str
    account: str
    keys: str
    """`vault`, `environment` or `none`."""
    begins: str = ""
    label: Label | None = None
    note: str | None = None
    opens: bool = True

    @property
    def json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        label = self.label
        return {
            "venue": self.venue,
            "account": self.account,
            "keys": self.keys,
            "key": self.begins or None,
            "by": None if label is None else label.by,
            "added_at": None if label is None else shapes.moment(label.added_at),
            "replaced_at": None if label is None else shapes.moment(label.replaced_at),
            "opens": self.opens,
            "note": self.note,
        }


def _entry(settings: Settings, master: bytes, name: str, row: SealedKeys | None) -> Entry:
    venue = settings.venues.get(name)
    of = "unknown" if venue is None else _account(venue)
    if venue is not None and from_environment(venue):
        key = "" if venue.api_key is None else venue.api_key.get_secret_value()
        unused = None if row is None else "the vault has keys too, which are not used"
        return Entry(name, of, "environment", _begins(key), note=unused)
    if row is None:
        return Entry(name, of, "none", note=f"countersign keys add {name}")
    try:
        label = label_of(row)
        if venue is None:
            gone = f"not in the settings: countersign keys remove {name}"
            return Entry(name, f"{label.exchange} {label.mode}", "vault", label=label, note=gone)
        keys = unseal(master, row, account(settings, name))
    except CountersignError as error:
        return Entry(name, of, "vault", note=str(error), opens=False)
    return Entry(name, of, "vault", _begins(keys.api_key), label)


def _line(entry: Entry) -> str:
    keys = "no keys" if entry.keys == "none" else f"{entry.keys} {entry.begins}".strip()
    said = [entry.venue, entry.account, keys]
    if entry.label is not None:
        since = entry.label.replaced_at or entry.label.added_at
        done = "added" if entry.label.replaced_at is None else "replaced"
        said.append(f"{done} {since:%Y-%m-%d %H:%M:%S} UTC by {entry.label.by}")
    return " · ".join([*said, *([entry.note] if entry.note else [])])


def _give(settings: Settings, name: str, read: Read, person: str, *, first: bool) -> Report:
    venue = _known(settings, name)
    with closing(parts.open_store(settings, Ids())) as store:
        store.read_now(lambda tx: _demand(tx, name, first=first))
        keys = read()
        _demand_own(settings, store, name, keys)
        master = unlock(store, master_key(settings)).master

        def work(tx: Transaction) -> None:
            before = _demand(tx, name, first=first)
            if tx.known(PROOF) != derive(master.key, "proof"):
                raise NotPossible(
                    "the master key was replaced meanwhile; nothing was stored, try again"
                )
            label = Label(venue.exchange, venue.mode, by=person, added_at=tx.now)
            if before is not None:
                label = replace(label, added_at=_added_at(before, label), replaced_at=tx.now)
            tx.sealed.put(seal(master.key, name, label, keys))
            kind = EventKind.KEYS_ADDED if first else EventKind.KEYS_REPLACED
            about = {"exchange": venue.exchange, "mode": venue.mode, "name": person}
            tx.journal.add(kind, tx.now, actor=person, venue=name, **about)

        store.write_now(work)
    done = "sealed in the vault" if first else "replaced in the vault"
    said = [f"The keys of {name} ({_account(venue)}) are {done}.", *_next(settings, name)]
    if first and master.path is not None:
        said.append(f"{master.path} opens it: keep a copy of that apart from the database.")
    done_json = {"venue": name, "account": _account(venue), "replaced": not first}
    return Report(text=" ".join(said), json=done_json)


def _next(settings: Settings, name: str) -> Iterator[str]:
    """What somebody who has just given keys needs to know."""
    if from_environment(settings.venues[name]):
        variables = f"COUNTERSIGN_VENUES__{name.upper()}__API_KEY, __SECRET and __PASSWORD"
        yield (
            f"They are not used yet: the environment gives keys too, and goes first. Take {variables}"
            " out of it and start again."
        )
    elif _is_running(settings):
        yield f"The running process goes on with them within {EVERY:.0f} seconds."


def _known(settings: Settings, name: str) -> VenueSettings:
    venue = settings.venues.get(name)
    if venue is None:
        known = ", ".join(settings.venues) or "none"
        raise SettingsError(f"venues.{name}: there is no such venue; there is: {known}")
    if venue.mode is Mode.PAPER:
        raise SettingsError(f"venues.{name}: nothing is signed on paper, so it has no keys")
    return venue


def _demand(tx: Transaction, name: str, *, first: bool) -> SealedKeys | None:
    """The row that is there, where there is one exactly when there has to be.

    Raises:
        NotPossible: it is the other way round.
    """
    before = tx.sealed.of(name)
    if first and before is not None:
        raise NotPossible(
            f"{name} has keys in the vault; countersign keys rotate {name} replaces them"
        )
    if not first and before is None:
        raise NotPossible(
            f"{name} has no keys in the vault; countersign keys add {name} seals them"
        )
    return before


def _demand_own(settings: Settings, store: Store, name: str, keys: VenueKeys) -> None:
    """No other venue has this key.

    Raises:
        SettingsError: one has.
    """
    venues = {other: venue for other, venue in settings.venues.items() if other != name}
    others = with_keys(settings.model_copy(update={"venues": venues}), store, halting=True)
    for other, venue in others.venues.items():
        if venue.api_key is not None and venue.api_key.get_secret_value() == keys.api_key:
            raise SettingsError(f"venues.{other} has the same API key; an account is one venue")


def _added_at(before: SealedKeys, otherwise: Label) -> Any:
    try:
        return label_of(before).added_at
    except DoesNotOpen:
        return otherwise.added_at


def _checked(given: dict[str, Any]) -> VenueKeys:
    """Keys that can be keys; a PEM's line breaks as they were."""
    found = {}
    for name in _FIELDS:
        value = given.get(name, "")
        text = value.strip() if isinstance(value, str) else ""
        if not text and (name != "password" or value):
            raise SettingsError(f"{name}: not given, or not a text")
        if text.startswith("-----BEGIN"):
            text = text.replace("\\n", "\n")
        elif not re.fullmatch(r"[!-~]*", text):
            raise SettingsError(f"{name}: has blanks, line breaks or foreign characters in it")
        found[name] = text
    return VenueKeys(**found)


def _open_orders(tx: Transaction, venue: str) -> int:
    live = tx.orders.in_state(*orders.LIVE, OrderState.PLANNED, OrderState.STUCK)
    return sum(1 for order in live if order.venue == venue)


def _is_running(settings: Settings) -> bool:
    return Alone(settings.database.url).is_taken()


def _account(venue: VenueSettings) -> str:
    return f"{venue.exchange} {venue.mode}"


def _begins(api_key: str) -> str:
    return f"{api_key[:_SHOWN]}…" if len(api_key) >= _LONG_ENOUGH else ""
