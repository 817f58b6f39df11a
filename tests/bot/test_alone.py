"""One worker per database: the lock, who holds it, and that it ends with its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.alone import Alone, AlreadyRunning


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
