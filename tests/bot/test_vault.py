"""The master key: made once, kept closed, and refused in one line when it is not a key."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from bot.settings import Settings, SettingsError, load_settings
from bot.vault import MasterKey, derive, master_key

GIVEN = base64.b64encode(bytes(range(32))).decode()


def settings(folder: Path, **variables: str) -> Settings:
    return load_settings(None, variables, folder)


def key_file(folder: Path, text: str = GIVEN, *, name: str = "countersign.key") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_first_start_makes_a_key_that_only_its_owner_may_read(tmp_path: Path) -> None:
    made = master_key(settings(tmp_path))

    path = tmp_path / "countersign.key"
    assert (made.path, made.made, len(made.key)) == (path, True, 32)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_the_second_start_finds_the_same_key(tmp_path: Path) -> None:
    first = master_key(settings(tmp_path))
    second = master_key(settings(tmp_path))

    assert (second.key, second.made) == (first.key, False)


def test_two_desks_have_two_keys(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()

    assert len({master_key(settings(folder)).key for folder in folders}) == 2


def test_the_key_stands_beside_the_file_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "desk.toml").write_text("")

    made = master_key(load_settings(Path("etc/desk.toml"), {}, tmp_path))

    assert made.path == tmp_path / "etc" / "countersign.key"


def test_a_key_in_the_environment_is_used_and_no_file_is_made(tmp_path: Path) -> None:
    given = master_key(settings(tmp_path, COUNTERSIGN_MASTER_KEY=GIVEN))

    assert (given.key, given.path, given.made) == (bytes(range(32)), None, False)
    assert not [*tmp_path.iterdir()]


def test_a_named_key_file_goes_before_the_environment(tmp_path: Path) -> None:
    named = key_file(tmp_path, base64.b64encode(b"n" * 32).decode() + "\n", name="other.key")

    given = master_key(
        settings(
            tmp_path, COUNTERSIGN_VAULT__MASTER_KEY_FILE="other.key", COUNTERSIGN_MASTER_KEY=GIVEN
        )
    )

    assert (given.key, given.path) == (b"n" * 32, named)


def test_a_named_key_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"other\.key: the master key cannot be read"):
        master_key(settings(tmp_path, COUNTERSIGN_VAULT__MASTER_KEY_FILE="other.key"))

    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused_with_the_fix(tmp_path: Path, mode: int) -> None:
    key_file(tmp_path).chmod(mode)

    with pytest.raises(SettingsError, match="chmod 600"):
        master_key(settings(tmp_path))


@pytest.mark.parametrize(
    "text", ["", "not base64!", base64.b64encode(b"k" * 31).decode(), "ä" * 44, GIVEN + GIVEN]
)
def test_what_is_not_a_key_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    key_file(tmp_path, text)

    with pytest.raises(SettingsError) as refused:
        master_key(settings(tmp_path))

    assert "base64 of 32 bytes" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not text or text not in str(refused.value)


def test_a_wrong_key_in_the_environment_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^COUNTERSIGN_MASTER_KEY: not a master key"):
        master_key(settings(tmp_path, COUNTERSIGN_MASTER_KEY="c2hvcnQ="))


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the master key cannot be made"):
        master_key(settings(tmp_path / "gone"))


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    together = Barrier(8)

    def start(_: int) -> MasterKey:
        together.wait()
        return master_key(settings(tmp_path))

    with ThreadPoolExecutor(8) as threads:
        keys = [*threads.map(start, range(8))]

    assert len({key.key for key in keys}) == 1
    assert sum(key.made for key in keys) == 1


def test_the_key_is_in_no_text_form(tmp_path: Path) -> None:
    made = master_key(settings(tmp_path))

    assert repr(made.key) not in repr(made)


def test_each_purpose_has_its_own_key_and_always_the_same() -> None:
    journal, wrapping = derive(b"m" * 32, "journal"), derive(b"m" * 32, "venue keys")

    assert journal == derive(b"m" * 32, "journal")
    assert len({journal, wrapping, derive(b"n" * 32, "journal"), b"m" * 32}) == 4
    assert len(journal) == 32


def test_a_derived_key_never_changes_between_versions() -> None:
    """Everything sealed and chained so far would be lost with it."""
    expected = "b01ab347690b8e93888290c85fb3f94fa5aac2c194e06a15f90047b38c6f873c"

    assert derive(bytes(range(32)), "journal").hex() == expected
