"""The paper venue, opened on a market set by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.execution.venues.paper.setup import PERP, Desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path / "paper.db")
    await made.venue.open()
    yield made
    await made.venue.close()


@pytest.fixture
async def swaps(tmp_path: Path) -> AsyncIterator[Desk]:
    """The same of contracts, at a leverage of one."""
    made = Desk(tmp_path / "paper.db", PERP)
    await made.venue.open()
    yield made
    await made.venue.close()
