"""A real store on a migrated SQLite file of its own for each test, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest

from execution.store import Store
from tests.clock import Clock
from tests.databases import new_database
from tests.execution.builders import NOW
from tests.virtual_time import SkippingLoop

KEY = b"the journal's key"

Open = Callable[[], Store]
"""Opens the test's database once more, as another process would."""


def pytest_asyncio_loop_factories() -> Mapping[str, type[SkippingLoop]]:
    """On which loop the tests of this folder run."""
    return {"skipping": SkippingLoop}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to look at."""
    return new_database(tmp_path_factory.mktemp("migrated") / "empty.db")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """This test's database file."""
    return new_database(tmp_path / "test.db")


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def open_store(database: Path, clock: Clock) -> Iterator[Open]:
    """Opens stores on this test's database; all are closed when it ends."""
    opened: list[Store] = []
    ids = count(1)

    def open_one() -> Store:
        opened.append(
            Store(
                f"sqlite:///{database}",
                journal_key=KEY,
                clock=clock,
                new_id=lambda: f"{next(ids):026d}",
            )
        )
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> Store:
    return open_store()
