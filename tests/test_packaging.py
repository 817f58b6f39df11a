"""What a fresh checkout is installed and started from agrees with itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GROUPS = PROJECT["dependency-groups"]
PIN = re.compile(
    r"^([A-Za-z0-9._-]+)==(\S+?)(?: ;.*)? \\\n(?:    --hash=sha256:[0-9a-f]{64}.*\n)+", re.M
)


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return found[0].lower().replace("_", "-")


def pins(lock: str) -> list[tuple[str, str]]:
    """Name and version of each pin; a package has two where Python versions need different ones."""
    return [(found[1], found[2]) for found in PIN.finditer((ROOT / lock).read_text("utf-8"))]


@pytest.mark.parametrize(
    ("lock", "declared"),
    [
        ("requirements.txt", [*PROJECT["project"]["dependencies"], *GROUPS["build"]]),
        (
            "requirements-dev.txt",
            [*PROJECT["project"]["dependencies"], *GROUPS["build"], *GROUPS["dev"]],
        ),
        ("requirements-uv.txt", GROUPS["installer"]),
    ],
)
def test_every_declared_dependency_is_pinned_with_its_hashes(
    lock: str, declared: list[str]
) -> None:
    missing = {name_of(requirement) for requirement in declared} - {name for name, _ in pins(lock)}

    assert not missing


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_a_dependency_that_is_declared_exactly_is_locked_to_that_version(lock: str) -> None:
    exact = {tuple(one.split("==")) for one in PROJECT["project"]["dependencies"] if "==" in one}
    assert ("ccxt", "4.5.90") in exact

    assert exact <= set(pins(lock))


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_nothing_in_a_lock_is_without_a_hash(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")

    assert len(re.findall(r"^[A-Za-z0-9]", text, re.M)) == len(pins(lock))


def test_the_tests_run_on_the_versions_that_are_shipped() -> None:
    assert set(pins("requirements.txt")) <= set(pins("requirements-dev.txt"))


def test_there_is_one_lock_format() -> None:
    assert not (ROOT / "uv.lock").exists()


def test_the_procfile_starts_the_bot_and_migrates_before_it() -> None:
    lines = (ROOT / "Procfile").read_text("utf-8").splitlines()

    assert lines == ["web: python -m bot run", "release: python -m bot db upgrade"]


def test_the_python_that_hosts_choose_is_one_we_support() -> None:
    version = (ROOT / ".python-version").read_text("utf-8").strip()

    assert PROJECT["project"]["requires-python"] == f">={version}"
