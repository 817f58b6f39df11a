"""One Chromium for all browser tests of a worker; for each test a chat at a served playground.

Where there is no Chromium the tests are skipped, which tests/conftest.py says loudly; under continuous
integration they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from telegram import Bot

from bot.playground import Playground, SignalDoor, serve
from tests.bot.playground.conftest import client
from tests.browser.chromium import NONE_FOUND, Phone, chromium, opened
from tests.flows.setup import GROUP, PEOPLE, TOKEN

Visit = Callable[..., Awaitable[Phone]]
"""Opens the page for a person; `size`, `scheme` and `sharpness` are the screen's."""

with_the_browser = pytest_asyncio.fixture(loop_scope="session")
"""A fixture on the loop that the browser lives on, as every test here."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        if found is None:
            missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            missing(NONE_FOUND)
        yield found


@with_the_browser
async def chat() -> AsyncIterator[Playground]:
    made = Playground(
        ":memory:",
        token=TOKEN,
        chat_id=GROUP,
        people=PEOPLE,
        clock=lambda: datetime.now(UTC),
        signals=SignalDoor("/nobody/is/there", ("BTC/USDT", "ETH/USDT")),
    )
    yield made
    await made.close()


@with_the_browser
async def url(chat: Playground) -> AsyncIterator[str]:
    async with serve(chat) as address:
        yield address


@with_the_browser
async def bot(url: str) -> AsyncIterator[Bot]:
    async with client(url, TOKEN) as bot:
        yield bot


@with_the_browser
async def visit(browser: Browser, url: str) -> AsyncIterator[Visit]:
    """The page opened for somebody, here or `at` another address; at the end no browser has complained."""
    phones: list[Phone] = []

    async def open_it(person: str = "Ana", at: str = url, **screen: Any) -> Phone:
        phones.append(await opened(browser, at, person, **screen))
        return phones[-1]

    yield open_it
    for phone in phones:
        await phone.page.context.close()
    assert [complaint for phone in phones for complaint in phone.complaints] == []
