"""A passphrase in the place of a master key: how it becomes one, and when and how it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot import parts
from bot.parts import Ids
from bot.passphrase import FACT, Hardening, new_passphrase, unlocked
from bot.rotation import rotate_master
from bot.settings import Settings, SettingsError
from bot.vault import KEY_FILE
from execution.errors import Corrupt
from execution.store import Store
from tests.databases import new_database
from tests.desk import settings_in

PHRASE = "correct horse battery"
KNOWN = "db728710cfed080df1e237cd496f2eaa4b69cccf0ece50ce188606fa876dace3"
QUICK = Hardening(salt="00" * 16, memory=64, passes=1, lanes=1)


class Person:
    """At the terminal: types these, one after the other."""

    def __init__(self, *typed: str) -> None:
        self.typed = [*typed]
        self.asked: list[str] = []

    def __call__(self, text: str) -> str:
        self.asked.append(text)
        return self.typed.pop(0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def locked(settings: Settings) -> Callable[[], Store]:
    return lambda: parts.locked_store(settings, Ids())


@pytest.fixture
def under_a_passphrase(settings: Settings) -> Settings:
    """A desk whose master key has been replaced by the passphrase; its key file is gone."""
    new_database(settings.path.parent / "countersign.db")
    rotate_master(settings, "cli:ana", Person(PHRASE, PHRASE), source=None, passphrase=True)
    (settings.path.parent / KEY_FILE).unlink()
    return settings


def test_the_second_option_of_rfc_9106_never_changes_between_versions() -> None:
    """Everything sealed so far would be lost with it."""
    made = Hardening(salt="00" * 16)

    assert (made.memory, made.passes, made.lanes) == (64 * 1024, 3, 4)
    assert made.key(PHRASE).hex() == KNOWN


def test_salt_and_passphrase_both_make_the_key() -> None:
    keys = {
        QUICK.key(PHRASE),
        QUICK.key("another horse battery"),
        replace(QUICK, salt="01" * 16).key(PHRASE),
        replace(QUICK, passes=2).key(PHRASE),
    }

    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
    assert len({Hardening.new().salt for _ in range(8)}) == 8


def test_a_letter_with_its_accent_is_the_same_on_every_keyboard() -> None:
    assert QUICK.key("cafe\u0301 au lait ...") == QUICK.key("caf\u00e9 au lait ...")


def test_how_it_is_hardened_survives_the_database() -> None:
    assert Hardening.read(QUICK.fact()) == QUICK


@pytest.mark.parametrize(
    "fact",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        *(
            json.dumps(json.loads(QUICK.fact()) | change).encode()
            for change in (
                {"memory": 2**30},
                {"memory": 0},
                {"passes": 10**6},
                {"lanes": -1},
                {"salt": "00"},
                {"salt": "zz" * 16},
                {"passes": "3"},
                {"more": 1},
            )
        ),
    ],
)
def test_a_changed_database_cannot_make_it_cost_any_more(fact: bytes) -> None:
    with pytest.raises(Corrupt, match="does not say how its passphrase becomes a key"):
        Hardening.read(fact)


def test_it_is_typed_twice_and_long_enough() -> None:
    person = Person(PHRASE, PHRASE)
    assert new_passphrase(person) == PHRASE
    assert person.asked == ["New passphrase of the vault", "The same again"]
    with pytest.raises(SettingsError, match="fewer than 12 characters"):
        new_passphrase(Person("short"))
    with pytest.raises(SettingsError, match="not the same") as other:
        new_passphrase(Person(PHRASE, "correct horse batterz"))
    assert PHRASE not in str(other.value)


def test_nothing_is_asked_where_the_key_is_in_a_file(
    settings: Settings, locked: Callable[[], Store]
) -> None:
    assert unlocked(settings, locked, None) is settings, "no database yet"
    assert not [*settings.path.parent.glob("*.db")], "and asking makes none"
    parts.open_store(settings, Ids()).close()
    assert unlocked(settings, locked, None) is settings


def test_it_is_asked_once_and_opens_the_database(
    under_a_passphrase: Settings, locked: Callable[[], Store]
) -> None:
    person = Person(PHRASE)
    opened = unlocked(under_a_passphrase, locked, person)

    assert person.asked == ["Passphrase of the vault"]
    assert opened.path == under_a_passphrase.path
    parts.open_store(opened, Ids()).close()
    assert not (opened.path.parent / KEY_FILE).exists(), "no key is made beside it"
    assert PHRASE not in repr(opened)


def test_a_slip_may_be_typed_again_and_three_are_refused(
    under_a_passphrase: Settings, locked: Callable[[], Store]
) -> None:
    assert unlocked(under_a_passphrase, locked, Person("a slip", PHRASE)).master_key is not None
    with pytest.raises(SettingsError, match="not the passphrase of this database") as refused:
        unlocked(under_a_passphrase, locked, Person("one", "two", "three", PHRASE))
    assert "three" not in str(refused.value)


def test_where_nobody_can_be_asked_one_line_says_what_to_do(
    under_a_passphrase: Settings, locked: Callable[[], Store]
) -> None:
    with pytest.raises(SettingsError) as refused:
        unlocked(under_a_passphrase, locked, None)

    line = str(refused.value)
    assert line.startswith("vault: the master key is a passphrase")
    assert "countersign keys rotate --master --from FILE" in line


def test_a_key_that_is_given_goes_before_the_question(
    under_a_passphrase: Settings, locked: Callable[[], Store]
) -> None:
    other = under_a_passphrase.model_copy(update={"master_key": "given"})
    assert unlocked(other, locked, None) is other


def test_a_database_that_cannot_be_read_is_for_others_to_tell(
    settings: Settings, locked: Callable[[], Store], tmp_path: Path
) -> None:
    (tmp_path / "countersign.db").write_bytes(b"")
    assert unlocked(settings, locked, None) is settings


def test_the_passphrase_is_not_in_the_database(under_a_passphrase: Settings) -> None:
    folder = under_a_passphrase.path.parent
    stored = b"".join(path.read_bytes() for path in folder.glob("countersign.db*"))

    assert FACT.encode() in stored
    assert PHRASE.encode() not in stored
