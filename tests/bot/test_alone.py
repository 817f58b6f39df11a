"""One worker per database and account: the locks, who holds them, and that they end with their process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from secrets import token_hex

import pytest

from bot.alone import Alone, AlreadyRunning
from execution.errors import StoreUnavailable


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'desk.db'}"


def test_second_process_is_refused_with_the_fix(url: str) -> None:
    first, second = Alone(url), Alone(url)
    first.take()
    with pytest.raises(AlreadyRunning, match=r"desk\.db\.lock is locked.*stop it first"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_asking_takes_nothing(url: str) -> None:
    asking, worker = Alone(url), Alone(url)
    assert not asking.is_taken()
    worker.take()
    assert asking.is_taken()
    worker.release()
    assert not asking.is_taken()


def test_release_without_a_lock_is_harmless(url: str) -> None:
    alone = Alone(url)
    alone.release()
    alone.take()
    alone.release()
    alone.release()


def test_other_databases_are_no_matter(tmp_path: Path) -> None:
    one, other = (Alone(f"sqlite:///{tmp_path / name}") for name in ("a.db", "b.db"))
    one.take()
    other.take()
    one.release()
    other.release()


def test_only_its_user_may_open_the_lock(url: str, tmp_path: Path) -> None:
    alone = Alone(url)
    alone.take()
    assert (tmp_path / "desk.db.lock").stat().st_mode & 0o077 == 0
    alone.release()


def test_lock_ends_with_a_process_that_was_killed(url: str) -> None:
    held = (
        "import sys; from bot.alone import Alone; a = Alone(sys.argv[1]); a.take();"
        " print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", held, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert Alone(url).is_taken()
        process.kill()
    assert not Alone(url).is_taken()


class TestAccounts:
    def test_another_database_with_the_same_key_is_refused_by_the_venues_name(
        self, tmp_path: Path
    ) -> None:
        key = token_hex(8)
        first = Alone(f"sqlite:///{tmp_path / 'a.db'}", {"main": key})
        second = Alone(f"sqlite:///{tmp_path / 'b.db'}", {"spot": key})
        first.take()
        with pytest.raises(
            AlreadyRunning, match=r"trades the account of venues\.spot .*stop it"
        ) as no:
            second.take()
        assert key not in str(no.value)
        first.release()
        second.take()
        second.release()

    def test_a_refused_one_holds_nothing(self, tmp_path: Path, url: str) -> None:
        key, other = token_hex(8), token_hex(8)
        holder = Alone(f"sqlite:///{tmp_path / 'a.db'}", {"main": key})
        holder.take()
        with pytest.raises(AlreadyRunning):
            Alone(url, {"first": other, "second": key}).take()
        third = Alone(url, {"first": other})
        third.take()
        third.release()
        holder.release()

    def test_other_keys_are_no_matter_and_asking_is_about_the_database(
        self, tmp_path: Path
    ) -> None:
        one = Alone(f"sqlite:///{tmp_path / 'a.db'}", {"main": token_hex(8)})
        other = Alone(f"sqlite:///{tmp_path / 'b.db'}", {"main": token_hex(8)})
        one.take()
        other.take()
        assert Alone(f"sqlite:///{tmp_path / 'a.db'}").is_taken()
        one.release()
        other.release()

    def test_an_account_can_be_claimed_later_and_twice_by_the_same(self, tmp_path: Path) -> None:
        """A key that is put into the vault while the process runs, and one that comes back."""
        first, second = token_hex(8), token_hex(8)
        one = Alone(f"sqlite:///{tmp_path / 'a.db'}", {"main": first})
        other = Alone(f"sqlite:///{tmp_path / 'b.db'}")
        one.take()
        other.take()
        for key in (second, first, second):
            one.claim({"main": key})
        for key in (first, second):
            with pytest.raises(AlreadyRunning, match=r"trades the account of venues\.spot"):
                other.claim({"spot": key})
        one.release()
        other.claim({"spot": first})
        other.release()

    def test_its_folder_is_for_this_user_alone_and_does_not_tell_the_key(self, url: str) -> None:
        key = f"key-{token_hex(8)}"
        alone = Alone(url, {"main": key})
        alone.take()
        folder = Path(tempfile.gettempdir(), f"countersign-{os.getuid()}")
        assert folder.stat().st_mode & 0o077 == 0
        assert list(folder.iterdir())
        assert not [one for one in folder.iterdir() if key in one.name]
        alone.release()

    def test_a_folder_that_cannot_be_used_is_named(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        alone = Alone(url, {"main": token_hex(8)})
        with pytest.raises(StoreUnavailable, match="nowhere/countersign-"):
            alone.take()
        assert not Alone(url).is_taken(), "and nothing is held"
