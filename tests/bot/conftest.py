"""The whole desk on doubles, for the tests of what people see and do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.bot.control import CONTROL, client_of
from tests.desk import FrontDesk, front_desk
from tests.virtual_time import SkippingLoop


def pytest_asyncio_loop_factories() -> Mapping[str, type[SkippingLoop]]:
    """On which loop the tests of this folder run."""
    return {"skipping": SkippingLoop}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """A desk on which nothing runs yet."""
    async with front_desk(tmp_path) as built:
        yield built


@pytest.fixture
async def http(desk: FrontDesk) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who holds the control token."""
    async with client_of(desk, token=CONTROL, given=CONTROL) as client:
        yield client
