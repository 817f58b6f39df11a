"""The keys a desk works with: its database's own, and those its venues sign with.

A venue's keys come from the environment, else from the vault. A running desk goes on with what is
replaced in the vault within seconds; it must never put keys of one account to another.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from bot.logs import strike_out
from bot.sealed import Account, DoesNotOpen, VenueKeys, unseal, unwrap
from bot.settings import Settings, SettingsError
from bot.settings.sections import VenueSettings
from bot.vault import (
    MasterKey,
    derive,
    draft_of,
    master_key,
    put_in_place,
    read_key,
    replacing,
)
from execution.errors import CountersignError, StoreUnavailable
from execution.store import Store, Transaction
from execution.store.sealed import SealedKeys
from execution.types import Mode
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import Venue

log = logging.getLogger(__name__)

Claim = Callable[[Mapping[str, str]], None]
"""Holds accounts for this process alone: the API key of each, by venue."""
EVERY = 2.0
"""Seconds between two looks at what the vault has."""
_TRIES = 3
"""How often a key is read anew that is replaced while it is read."""
PROOF, JOURNAL_KEY = "master key", "journal key"
"""Facts of the database: what only its master key gives, and the journal's key once that was replaced."""


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The keys of one database, and what is sealed with them, as of one moment."""

    master: MasterKey
    journal: bytes = field(repr=False)
    rows: Mapping[str, SealedKeys]


def unlock(store: Store, given: MasterKey) -> Unlocked:
    """The master key, proved to be the one of this database, the journal's, and every sealed row.

    Raises:
        SettingsError: it is another one.
        DoesNotOpen: what the database keeps under it was changed.
    """

    def stored(tx: Transaction) -> tuple[bytes | None, bytes | None, Mapping[str, SealedKeys]]:
        return tx.known(PROOF), tx.known(JOURNAL_KEY), tx.sealed.all()

    first = derive(given.key, "proof")
    if store.read_now(lambda tx: tx.known(PROOF)) is None:
        store.write_now(lambda tx: tx.fact(PROOF, lambda: first))
    for _ in range(_TRIES):
        proof, sealed, rows = store.read_now(stored)
        if _proves(given.key, proof):
            break
        given = replace(given, key=_replaced(given, store))
    else:
        raise _not_of_this(given)
    if sealed is None:
        return Unlocked(given, derive(given.key, "journal"), rows)
    try:
        return Unlocked(given, unwrap(given.key, JOURNAL_KEY, sealed), rows)
    except DoesNotOpen:
        raise DoesNotOpen(
            "the journal's key in the database does not open: it was changed since it was sealed;"
            " bring back a backup"
        ) from None


def with_keys(settings: Settings, store: Store, *, halting: bool = False) -> Settings:
    """The settings with the vault's keys at each venue whose environment gives none.

    While `halting`, a venue whose keys do not open does without, and the others can be stopped.

    Raises:
        SettingsError: the master key is not the one, or keys are for another account.
        DoesNotOpen: a row of the vault was changed.
    """
    names = in_vault(settings)
    if not names:
        return settings
    unlocked = unlock(store, master_key(settings))
    venues = dict(settings.venues)
    for name in unlocked.rows.keys() & set(names):
        try:
            keys = _opened(unlocked, account(settings, name))
        except CountersignError as error:
            if not halting:
                raise
            log.error("%s", error)
            continue
        given = {"api_key": keys.api_key, "secret": keys.secret, "password": keys.password}
        update = {key: SecretStr(text) if text else None for key, text in given.items()}
        venues[name] = venues[name].model_copy(update=update)
    return settings.model_copy(update={"venues": venues})


def demand_keys(settings: Settings) -> None:
    """Every venue that is no paper has keys by now.

    Raises:
        SettingsError: one has none.
    """
    for name, venue in settings.venues.items():
        if (missing := missing_key(name, venue)) is not None:
            raise SettingsError(missing)


def missing_key(name: str, venue: VenueSettings) -> str | None:
    """What a venue that is no paper has no key for yet, and how it gets one; None when it has all."""
    for key in ("api_key", "secret"):
        if venue.mode is not Mode.PAPER and getattr(venue, key) is None:
            return (
                f"venues.{name}.{key}: not set; give COUNTERSIGN_VENUES__{name.upper()}__{key.upper()}"
                f" in the environment or .env, or seal the keys: countersign keys add {name}"
            )
    return None


def account(settings: Settings, venue: str) -> Account:
    """The account that stands under a venue's name."""
    return Account(venue, settings.venues[venue].exchange, settings.venues[venue].mode)


def in_vault(settings: Settings) -> list[str]:
    """The venues whose keys the vault is asked for: no paper, and nothing in the environment."""
    return [
        name
        for name, venue in settings.venues.items()
        if venue.mode is not Mode.PAPER and not from_environment(venue)
    ]


def from_environment(venue: VenueSettings) -> bool:
    """Whether the environment gives keys; then it gives all of them, none is mixed with the vault's."""
    return any(key is not None for key in (venue.api_key, venue.secret, venue.password))


class Keyring:
    """Brings keys that were replaced in the vault to the venues that are open."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        venues: Mapping[str, Venue],
        claim: Claim,
        other_keys: Callable[[str], None],
    ) -> None:
        """`other_keys` hears of each venue, by name, right before it signs with other ones."""
        self._settings = settings
        self._store = store
        self._claim = claim
        self._other_keys = other_keys
        self._venues = {
            name: venue
            for name, venue in venues.items()
            if isinstance(venue, ExchangeVenue) and name in in_vault(settings)
        }
        self._seen: dict[str, bytes | None] = {}

    async def run(self) -> None:
        """Look every few seconds, for ever; nothing to do where no venue's keys are in the vault."""
        for name in await self._store.read(lambda tx: tx.sealed.all()):
            if name in self._settings.venues and name not in in_vault(self._settings):
                log.warning(
                    "venues.%s: the environment gives its keys; the vault's are not used", name
                )
        while self._venues:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.warning("the vault could not be read: %s", error)
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Go on with what the vault has now. Keys that do not open change nothing, and are told once."""
        rows = await self._store.read(lambda tx: tx.sealed.all())
        for name, venue in self._venues.items():
            now = rows[name].sealed if name in rows else None
            if name in self._seen and self._seen[name] == now:
                continue
            first = name not in self._seen
            if now is None:
                self._seen[name] = now
                log.warning(
                    "venues.%s: its keys were removed; it goes on with them until stopped", name
                )
                continue
            try:
                keys = await asyncio.to_thread(self._read, name)
                self._claim({name: keys.api_key})
            except StoreUnavailable:
                raise  # nothing is known of them yet: they are read at the next look
            except CountersignError as error:
                self._seen[name] = now
                log.error("it goes on with the keys it has: %s", error)
                continue
            if not first:
                self._other_keys(name)
            venue.use(api_key=keys.api_key, secret=keys.secret, password=keys.password)
            self._seen[name] = now
            if not first:
                log.info("venues.%s: goes on with the keys that were put into the vault", name)

    def _read(self, name: str) -> VenueKeys:
        """With the master key of now: it may have been replaced too."""
        unlocked = unlock(self._store, master_key(self._settings))
        if name not in unlocked.rows:
            raise DoesNotOpen(f"venues.{name}: its keys were removed")
        return _opened(unlocked, account(self._settings, name))


def _opened(unlocked: Unlocked, of: Account) -> VenueKeys:
    """The keys of a venue; the log will not show them."""
    keys = unseal(unlocked.master.key, unlocked.rows[of.venue], of)
    strike_out([keys.api_key, keys.secret, keys.password])
    return keys


def _proves(key: bytes, proof: bytes | None) -> bool:
    return proof is not None and hmac.compare_digest(derive(key, "proof"), proof)


def _not_of_this(given: MasterKey) -> SettingsError:
    return SettingsError(
        f"{given.origin}: not the key this database was made with; bring the old key back, or start"
        " with a new database"
    )


def _replaced(given: MasterKey, store: Store) -> bytes:
    """The key of now: it was replaced meanwhile, or that was interrupted and is finished here.

    Raises:
        SettingsError: there is none that this database is under.
    """
    path = given.path
    if path is None:
        raise _not_of_this(given)
    with replacing(path):
        proof = store.read_now(lambda tx: tx.known(PROOF))
        key = read_key(path)
        if _proves(key, proof):
            return key
        key = read_key(draft_of(path)) if draft_of(path).exists() else b""
        if not _proves(key, proof):
            raise _not_of_this(given)
        try:
            put_in_place(path)
            log.info("the master key was being replaced when that was interrupted; done: %s", path)
        except OSError as error:
            log.warning("%s: put it in the place of %s (%s)", draft_of(path), path, error.strerror)
        return key
