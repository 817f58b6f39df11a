"""Where a venue's keys come from, and that a running desk goes on with those that are put in their place."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from bot import house, logs, parts
from bot.alone import AlreadyRunning
from bot.keyring import Keyring, demand_keys, with_keys
from bot.keys import add, remove, rotate
from bot.parts import Ids
from bot.rotation import rotate_master
from bot.sealed import DoesNotOpen, VenueKeys
from bot.settings import Settings, SettingsError, load_settings
from bot.vault import KEY_FILE, written
from execution.errors import KeyRefused, StoreUnavailable
from execution.store import Store
from execution.types import Mode
from execution.venues.exchange import ExchangeVenue
from tests.databases import new_database
from tests.doubles.binance import BinanceServer

WHO = "cli:ana"
KEYS = VenueKeys(api_key="api-key-0123456789", secret="a-secret-nobody-may-see")
OTHERS = VenueKeys(api_key="other-key-0123456789", secret="another-secret-nobody-may-see")
TOML = """\
[venues.main]
exchange = "binance"
mode = "sandbox"
default = true

[venues.second]
exchange = "binance"
mode = "live"

[venues.toy]
exchange = "paper"
mode = "paper"
"""


def settings_in(folder: Path, toml: str = TOML, **environ: str) -> Settings:
    (folder / "countersign.toml").write_text(toml)
    given = {
        "COUNTERSIGN_DATABASE__URL": f"sqlite:///{folder / 'countersign.db'}",
        "COUNTERSIGN_ALLOW_LIVE": "yes",
    }
    return load_settings(folder / "countersign.toml", given | environ, folder)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two accounts whose keys are in the vault, and a paper one."""
    made = settings_in(tmp_path)
    new_database(tmp_path / "countersign.db")
    add(made, "main", lambda: KEYS, WHO)
    add(made, "second", lambda: OTHERS, WHO)
    return made


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = parts.open_store(settings, Ids())
    yield opened
    opened.close()


def keys_of(settings: Settings) -> dict[str, tuple[str | None, ...]]:
    """API key, secret and password of every venue."""

    def shown(name: str) -> Iterator[str | None]:
        for key in ("api_key", "secret", "password"):
            value = getattr(settings.venues[name], key)
            yield None if value is None else value.get_secret_value()

    return {name: tuple(shown(name)) for name in settings.venues}


def changed(folder: Path, statement: str) -> None:
    """The database, edited behind the product's back."""
    raw = sqlite3.connect(folder / "countersign.db", isolation_level=None)
    raw.execute(statement)
    raw.close()


# At the start


def test_venues_without_keys_in_the_environment_get_the_vaults(
    settings: Settings, store: Store
) -> None:
    keyed = with_keys(settings, store)

    assert keys_of(keyed) == {
        "main": (KEYS.api_key, KEYS.secret, None),
        "second": (OTHERS.api_key, OTHERS.secret, None),
        "toy": (None, None, None),
    }
    assert house.keys(keyed) == {"main": KEYS.api_key, "second": OTHERS.api_key}
    assert keyed.path == settings.path
    assert KEYS.secret not in repr(keyed)


def test_the_environment_goes_first_and_is_never_mixed_with_the_vault(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    half = settings_in(tmp_path, COUNTERSIGN_VENUES__MAIN__API_KEY="from-outside")

    assert keys_of(with_keys(half, store))["main"] == ("from-outside", None, None)
    with pytest.raises(SettingsError, match=r"^venues\.main\.secret: not set; give COUNTERSIGN_"):
        demand_keys(with_keys(half, store))


async def test_keys_in_both_places_are_told_once(
    settings: Settings, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = {
        f"COUNTERSIGN_VENUES__{name}__{key}": "from-outside"
        for name in ("MAIN", "SECOND")
        for key in ("API_KEY", "SECRET")
    }
    both = settings_in(tmp_path, **given)
    with caplog.at_level(logging.WARNING):
        await Keyring(both, store, house.venues(both, now), nothing, nothing).run()

    assert [record.getMessage() for record in caplog.records] == [
        f"venues.{name}: the environment gives its keys; the vault's are not used"
        for name in ("main", "second")
    ]


def test_a_venue_without_keys_is_refused_with_both_ways_to_give_them(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)

    with pytest.raises(SettingsError) as refused:
        parts.trading(settings, Ids(), started_at=parts.now())

    assert str(refused.value) == (
        "venues.main.api_key: not set; give COUNTERSIGN_VENUES__MAIN__API_KEY in the environment"
        " or .env, or seal the keys: countersign keys add main"
    )
    side = parts.trading(settings, Ids(), started_at=parts.now(), halting=True)
    side.store.close()


def test_every_account_is_claimed_before_anything_is_built(settings: Settings) -> None:
    claimed: list[Mapping[str, str]] = []
    parts.trading(settings, Ids(), started_at=parts.now(), claim=claimed.append).store.close()

    assert claimed == [{"main": KEYS.api_key, "second": OTHERS.api_key}]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE sealed_keys SET sealed = zeroblob(80) WHERE venue = 'main'", "do not open"),
        ("UPDATE sealed_keys SET label = x'00' WHERE venue = 'main'", "do not open"),
        (
            "UPDATE sealed_keys SET (label, wrapped, sealed) ="
            " (SELECT label, wrapped, sealed FROM sealed_keys WHERE venue = 'second')"
            " WHERE venue = 'main'",
            "is binance sandbox now, the keys in the vault are for binance live",
        ),
    ],
)
def test_changed_and_swapped_rows_stop_the_start_and_not_a_halt(
    settings: Settings,
    store: Store,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    statement: str,
    said: str,
) -> None:
    changed(tmp_path, statement)

    with pytest.raises((DoesNotOpen, SettingsError), match=said):
        parts.trading(settings, Ids(), started_at=parts.now())
    stopping = with_keys(settings, store, halting=True)

    assert keys_of(stopping)["main"] == (None, None, None)
    assert keys_of(stopping)["second"][0] == OTHERS.api_key, "the others can be stopped"
    assert said in caplog.text
    assert OTHERS.secret not in caplog.text


def test_rows_of_one_mode_that_are_swapped_do_not_open(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, TOML.replace('mode = "live"', 'mode = "sandbox"'))
    add(settings, "main", lambda: KEYS, WHO)
    add(settings, "second", lambda: OTHERS, WHO)
    changed(tmp_path, "UPDATE sealed_keys SET venue = 'x' WHERE venue = 'main'")
    changed(tmp_path, "UPDATE sealed_keys SET venue = 'main' WHERE venue = 'second'")

    with pytest.raises(DoesNotOpen, match=r"venues\.main: its keys in the vault do not open"):
        parts.trading(settings, Ids(), started_at=parts.now())


def test_a_venue_that_became_live_does_not_get_its_sandbox_keys(
    settings: Settings, tmp_path: Path
) -> None:
    live = settings_in(tmp_path, TOML.replace('mode = "sandbox"', 'mode = "live"'))

    with pytest.raises(SettingsError, match=r"venues\.main: is binance live now, .* sandbox"):
        parts.trading(live, Ids(), started_at=parts.now())


def test_a_wrong_master_key_is_one_line_that_names_its_place(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / KEY_FILE).unlink()

    with pytest.raises(SettingsError) as refused:
        parts.trading(settings, Ids(), started_at=parts.now())

    assert str(refused.value).startswith(f"{tmp_path / KEY_FILE}: not the key this database")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("COUNTERSIGN_MASTER_KEY", written(b"k" * 32), "COUNTERSIGN_MASTER_KEY: not the key"),
        ("COUNTERSIGN_VAULT__MASTER_KEY_FILE", "other.key", "vault.master_key_file ("),
    ],
)
def test_a_wrong_master_key_names_the_setting_it_came_from(
    settings: Settings, tmp_path: Path, key: str, value: str, named: str
) -> None:
    (tmp_path / "other.key").write_text(written(b"o" * 32))
    (tmp_path / "other.key").chmod(0o600)

    with pytest.raises(SettingsError) as refused:
        parts.open_store(settings_in(tmp_path, **{key: value}), Ids())

    assert str(refused.value).startswith(named)


def test_a_changed_journal_key_is_one_line(settings: Settings, tmp_path: Path) -> None:
    rotate_master(settings, WHO, None, source=None, passphrase=False)
    changed(tmp_path, "UPDATE meta SET value = zeroblob(60) WHERE key = 'journal key'")

    with pytest.raises(DoesNotOpen, match=r"^the journal's key in the database does not open"):
        parts.open_store(settings, Ids())


def test_the_log_strikes_out_what_the_vault_gave(
    settings: Settings, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = logging.getLogger().handlers[:], logging.getLogger().level
    logs.set_up("console", settings.secrets())
    with_keys(settings, store)
    logging.getLogger("anything").warning("%s %s", KEYS.api_key, OTHERS.secret)
    logging.getLogger().handlers[:], logging.getLogger().level = kept
    structlog.reset_defaults()

    said = capsys.readouterr().out
    assert "[secret] [secret]" in said
    assert KEYS.api_key not in said


# While it runs


def now() -> datetime:
    return datetime.now(UTC)


def nothing(keys: Mapping[str, str]) -> None:
    """No other process is about."""


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceServer]:
    async with BinanceServer() as server:
        server.api_key, server.secret = KEYS.api_key, KEYS.secret
        yield server


@pytest.fixture
async def venue(exchange: BinanceServer) -> AsyncIterator[ExchangeVenue]:
    """The account `main`, open with the keys of the start."""
    made = ExchangeVenue(
        "main",
        "binance",
        Mode.SANDBOX,
        api_key=KEYS.api_key,
        secret=KEYS.secret,
        clock=now,
        overrides=exchange.ccxt_overrides(),
    )
    await made.open()
    yield made
    await made.close()


async def test_replaced_keys_are_used_without_a_restart(
    settings: Settings,
    store: Store,
    venue: ExchangeVenue,
    exchange: BinanceServer,
) -> None:
    claimed: list[Mapping[str, str]] = []
    running = Keyring(settings, store, {"main": venue}, claimed.append, nothing)
    await running.look()
    await venue.balances()

    new = VenueKeys(api_key="new-key-0123456789", secret="a-new-secret")
    exchange.api_key, exchange.secret = new.api_key, new.secret
    with pytest.raises(KeyRefused):
        await venue.balances()
    rotate(settings, "main", lambda: new, WHO)
    await running.look()

    assert await venue.balances()
    assert claimed[-1] == {"main": new.api_key}
    assert len(claimed) == 2, "looked at again only where something was replaced"


async def test_replaced_keys_arrive_though_the_vault_could_not_be_read_at_first(
    settings: Settings,
    store: Store,
    venue: ExchangeVenue,
    exchange: BinanceServer,
    tmp_path: Path,
) -> None:
    others: list[str] = []
    running = Keyring(settings, store, {"main": venue}, nothing, others.append)
    await running.look()
    assert others == [], "it was opened with these"
    new = VenueKeys(api_key="new-key-0123456789", secret="a-new-secret")
    exchange.api_key, exchange.secret = new.api_key, new.secret
    rotate(settings, "main", lambda: new, WHO)
    changed(tmp_path, "ALTER TABLE meta RENAME TO aside")
    with pytest.raises(StoreUnavailable):
        await running.look()
    changed(tmp_path, "ALTER TABLE aside RENAME TO meta")

    await running.look()

    assert await venue.balances()
    assert others == ["main"]


async def test_replaced_keys_arrive_after_the_master_key_was_replaced_too(
    settings: Settings, store: Store, venue: ExchangeVenue, exchange: BinanceServer
) -> None:
    running = Keyring(settings, store, {"main": venue}, nothing, nothing)
    await running.look()
    rotate_master(settings, WHO, None, source=None, passphrase=False)
    await running.look()
    assert await venue.balances(), "what it has goes on"

    new = VenueKeys(api_key="new-key-0123456789", secret="a-new-secret")
    exchange.api_key, exchange.secret = new.api_key, new.secret
    rotate(settings, "main", lambda: new, WHO)
    await running.look()

    assert await venue.balances()


@pytest.mark.parametrize("broken", ["changed", "taken", "removed"])
async def test_keys_that_cannot_be_used_change_nothing_and_are_told_once(
    settings: Settings,
    store: Store,
    venue: ExchangeVenue,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    def taken(keys: Mapping[str, str]) -> None:
        if broken == "taken" and keys["main"] != KEYS.api_key:
            raise AlreadyRunning("another countersign on this host trades it")

    running = Keyring(settings, store, {"main": venue}, taken, nothing)
    await running.look()
    if broken == "changed":
        changed(tmp_path, "UPDATE sealed_keys SET sealed = zeroblob(80)")
    elif broken == "taken":
        rotate(settings, "main", lambda: VenueKeys("new-key-0123456789", "new"), WHO)
    else:
        remove(settings, "main", lambda question: True, WHO)

    with caplog.at_level(logging.INFO):
        await running.look()
        await running.look()

    (line,) = [record.getMessage() for record in caplog.records]
    assert "it goes on with" in line
    assert await venue.balances()
