"""The paper venue, opened on a market set by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.execution.venues.paper.setup import Desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path / "paper.db")
    await made.venue.open()
    yield made
    await made.venue.close()
