"""Another master key: everything opens with it and nothing with the old one, whenever it is interrupted."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from bot import parts, terminal
from bot.keyring import with_keys
from bot.keys import add
from bot.parts import Ids
from bot.passphrase import unlocked
from bot.rotation import rotate_master
from bot.sealed import DoesNotOpen, VenueKeys
from bot.settings import Settings, SettingsError, load_settings
from bot.terminal import Report
from bot.vault import VARIABLE, draft_of, new_key, old_of, written
from execution.errors import NotPossible
from execution.events import EventKind
from tests.databases import new_database

KEYS = VenueKeys(api_key="api-key-0123456789", secret="a-secret-nobody-may-see")
WHO = "cli:ana"
TOML = """\
[venues.main]
exchange = "binance"
mode = "sandbox"
"""
FILE = "countersign.key"


def settings_in(folder: Path, **environ: str) -> Settings:
    (folder / "countersign.toml").write_text(TOML)
    where = {"COUNTERSIGN_DATABASE__URL": f"sqlite:///{folder / 'countersign.db'}"}
    return load_settings(folder / "countersign.toml", where | environ, folder)


def opened(settings: Settings) -> str:
    """The venue's secret, as a start of the desk would have it."""
    store = parts.open_store(settings, Ids())
    try:
        secret = with_keys(settings, store).venues["main"].secret
        return "" if secret is None else secret.get_secret_value()
    finally:
        store.close()


def rotated(settings: Settings, source: Path | None = None) -> Report:
    return rotate_master(settings, WHO, None, source=source, passphrase=False)


def key_in(path: Path, key: bytes | None = None) -> Path:
    path.write_text(written(key or new_key()))
    path.chmod(0o600)
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A desk with keys of one venue in its vault, under a key file beside the settings."""
    made = settings_in(tmp_path)
    new_database(tmp_path / "countersign.db")
    add(made, "main", lambda: KEYS, WHO)
    return made


def test_everything_is_under_a_new_key_and_the_old_one_is_kept_for_backups(
    settings: Settings, tmp_path: Path
) -> None:
    before = (tmp_path / FILE).read_bytes()
    done = rotated(settings)

    assert done.text.startswith("The master key is replaced; the keys of 1 venue and the journal's")
    assert (tmp_path / FILE).read_bytes() != before
    assert old_of(tmp_path / FILE).read_bytes() == before
    assert {p.stat().st_mode & 0o777 for p in tmp_path.glob(f"{FILE}*")} == {0o600}
    assert not draft_of(tmp_path / FILE).exists()
    assert opened(settings) == KEYS.secret


def test_the_old_key_opens_the_database_no_more(settings: Settings, tmp_path: Path) -> None:
    rotated(settings)
    shutil.copy(old_of(tmp_path / FILE), tmp_path / FILE)

    with pytest.raises(SettingsError, match="not the key this database was made with"):
        opened(settings)


def test_the_journal_and_the_heads_that_were_posted_go_on_to_verify(settings: Settings) -> None:
    before = terminal.verify(settings)
    head = terminal.Posted(before.json["entries"], before.json["head"][:16])
    rotated(settings)
    rotated(settings)

    after = terminal.verify(settings, head)
    assert after.verified
    assert after.json["entries"] == before.json["entries"] + 2


def test_it_is_journaled_with_who_and_without_a_secret(settings: Settings, tmp_path: Path) -> None:
    rotated(settings)
    store = parts.open_store(settings, Ids())
    event = store.read_now(lambda tx: tx.journal.last(EventKind.MASTER_KEY_REPLACED))
    store.close()

    assert event is not None
    assert (event.actor, dict(event.data)) == (WHO, {"name": WHO})


# Interrupted


@pytest.fixture
def states(settings: Settings, tmp_path: Path) -> Mapping[str, Mapping[str, bytes]]:
    """What every file was before and after a replacement: its steps are mixtures of the two."""
    names = ("countersign.db", FILE)
    before = {name: (tmp_path / name).read_bytes() for name in names}
    rotated(settings)
    assert not (tmp_path / "countersign.db-wal").exists(), "all of it is in the file"
    return {"before": before, "after": {name: (tmp_path / name).read_bytes() for name in names}}


@pytest.mark.parametrize(
    ("step", "database", "key", "draft", "old"),
    [
        ("the draft was written", "before", "before", "after", None),
        ("it was committed", "after", "before", "after", None),
        ("the old one was kept", "after", "before", "after", "before"),
        ("all but the sync", "after", "after", None, "before"),
    ],
)
def test_interrupted_after_any_step_the_next_start_opens_everything(
    states: Mapping[str, Mapping[str, bytes]],
    settings: Settings,
    tmp_path: Path,
    step: str,
    database: str,
    key: str,
    draft: str | None,
    old: str | None,
) -> None:
    (tmp_path / "countersign.db").write_bytes(states[database]["countersign.db"])
    for path, state in (
        (tmp_path / FILE, key),
        (draft_of(tmp_path / FILE), draft),
        (old_of(tmp_path / FILE), old),
    ):
        path.unlink(missing_ok=True)
        if state is not None:
            path.write_bytes(states[state][FILE])
            path.chmod(0o600)

    assert opened(settings) == KEYS.secret
    assert opened(settings) == KEYS.secret, "and the start after that one"
    assert terminal.verify(settings).verified
    assert (tmp_path / FILE).read_bytes() == states[database][FILE]
    rotated(settings)
    assert opened(settings) == KEYS.secret


def test_a_key_that_cannot_be_written_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    draft_of(tmp_path / FILE).mkdir()
    before = (tmp_path / "countersign.db").read_bytes()

    with pytest.raises(SettingsError, match=r"countersign\.key\.new: cannot be written"):
        rotated(settings)

    assert (tmp_path / "countersign.db").read_bytes() == before
    assert opened(settings) == KEYS.secret


def test_a_key_that_cannot_be_put_in_place_is_named_and_used(
    settings: Settings, tmp_path: Path
) -> None:
    """As where one file alone is mounted: the draft can stand beside it, not take its place."""
    old_of(tmp_path / FILE).mkdir()
    done = rotated(settings)

    assert f"It is in {draft_of(tmp_path / FILE)}: put it in the place of" in done.text
    assert opened(settings) == KEYS.secret
    old_of(tmp_path / FILE).rmdir()
    assert opened(settings) == KEYS.secret
    assert not draft_of(tmp_path / FILE).exists()


def test_a_row_that_was_changed_stops_it_and_leaves_all_as_it_was(
    settings: Settings, tmp_path: Path
) -> None:
    raw = sqlite3.connect(tmp_path / "countersign.db", isolation_level=None)
    raw.execute("UPDATE sealed_keys SET wrapped = zeroblob(60)")
    raw.close()
    before = (tmp_path / FILE).read_bytes()

    with pytest.raises(DoesNotOpen, match=r"venues\.main: its keys in the vault do not open"):
        rotated(settings)

    assert (tmp_path / FILE).read_bytes() == before
    assert not draft_of(tmp_path / FILE).exists()
    assert terminal.verify(settings).json["entries"] == 1


def test_several_at_once_end_one_after_the_other_or_change_nothing(settings: Settings) -> None:
    together = Barrier(4)

    def rotate(_: int) -> bool:
        together.wait()
        try:
            rotated(settings)
        except NotPossible:  # it began with a key that was replaced meanwhile
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        done = [*threads.map(rotate, range(4))]

    assert any(done)
    assert opened(settings) == KEYS.secret
    assert terminal.verify(settings).json["entries"] == 1 + sum(done)


def test_a_start_while_it_is_replaced_opens_everything(settings: Settings) -> None:
    with ThreadPoolExecutor(1) as rotating:
        done = rotating.submit(lambda: [rotated(settings) for _ in range(8)])
        secrets = [opened(settings)]
        while not done.done():
            secrets.append(opened(settings))

    assert len(done.result()) == 8
    assert set(secrets) == {KEYS.secret}


# Keys that are given


def test_a_key_of_the_environment_is_replaced_by_one_in_a_file(tmp_path: Path) -> None:
    first, second = (written(new_key()) for _ in range(2))
    settings = settings_in(tmp_path, **{VARIABLE: first})
    add(settings, "main", lambda: KEYS, WHO)
    with pytest.raises(SettingsError, match=f"^{VARIABLE}: the environment cannot be changed"):
        rotated(settings)
    (tmp_path / "next.key").write_text(second)
    (tmp_path / "next.key").chmod(0o600)

    done = rotated(settings, tmp_path / "next.key")

    assert f"put what is in {tmp_path / 'next.key'} into {VARIABLE}" in done.text
    assert opened(settings_in(tmp_path, **{VARIABLE: second})) == KEYS.secret
    with pytest.raises(SettingsError, match=VARIABLE):
        opened(settings)
    assert not [*tmp_path.glob(f"{FILE}*")]


def test_a_named_key_file_is_replaced_where_it_is(tmp_path: Path) -> None:
    named = key_in(tmp_path / "secret.key")
    settings = settings_in(tmp_path, COUNTERSIGN_VAULT__MASTER_KEY_FILE="secret.key")
    add(settings, "main", lambda: KEYS, WHO)
    given = key_in(tmp_path / "given.key")

    rotated(settings, given)

    assert named.read_text().strip() == given.read_text().strip()
    assert opened(settings) == KEYS.secret


def test_the_key_in_use_and_what_is_no_key_are_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is the one that is in use"):
        rotated(settings, tmp_path / FILE)
    with pytest.raises(SettingsError, match="not a master key"):
        rotated(settings, key_in(tmp_path / "short.key", b"short"))
    with pytest.raises(SettingsError, match="--passphrase and --from"):
        rotate_master(settings, WHO, None, source=tmp_path / FILE, passphrase=True)
    with pytest.raises(SettingsError, match="asked for at a terminal"):
        rotate_master(settings, WHO, None, source=None, passphrase=True)
    assert opened(settings) == KEYS.secret


def test_to_a_passphrase_and_back_to_a_key(settings: Settings, tmp_path: Path) -> None:
    phrase = "correct horse battery"
    typed = rotate_master(settings, WHO, lambda _: phrase, source=None, passphrase=True)
    assert "It is asked for at each start; nobody can bring it back." in typed.text
    assert f"{tmp_path / FILE} opens older backups only" in typed.text
    by_phrase = unlocked(settings, lambda: parts.locked_store(settings, Ids()), lambda _: phrase)
    assert opened(by_phrase) == KEYS.secret

    other = rotate_master(by_phrase, WHO, lambda _: "another phrase", source=None, passphrase=False)
    assert other.json["master_key"] == "passphrase"
    assert VARIABLE not in other.text
    by_other = unlocked(
        settings, lambda: parts.locked_store(settings, Ids()), lambda _: "another phrase"
    )
    assert opened(by_other) == KEYS.secret

    back = rotated(by_other, key_in(tmp_path / "given.key"))
    assert back.json["master_key"] == "key"
    assert unlocked(settings, lambda: parts.locked_store(settings, Ids()), None) is settings
    assert opened(settings) == KEYS.secret
    assert terminal.verify(settings).verified
