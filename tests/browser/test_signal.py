"""A signal of one's own, sent from the page: its card, the command that does the same, and what is wrong with it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.browser.chromium import Phone
from tests.browser.conftest import Visit
from tests.browser.demo import demo

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "it's mine <img src=x onerror=\"document.title = 'taken over'\">"
AGAIN = "it's the same again, from a shell"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Here the page is the demo's, one for both tests."""
    async with demo(tmp_path_factory.mktemp("demo")) as address:
        yield address


async def filled_in(phone: Phone, **fields: str) -> Locator:
    """The form, open, with these fields."""
    form = phone.page.get_by_role("dialog", name="Send a signal")
    await phone.button("Send a signal").click()
    await form.get_by_label("Pair").select_option("SOL/USDT")
    for label, text in fields.items():
        await form.get_by_label(label).fill(text)
    return form


@pytest.mark.skipif(
    not all(map(shutil.which, ("sh", "curl"))),
    reason="NOT TRIED: the page's command needs sh, curl",
)
async def test_a_signal_from_the_page_and_from_the_command_it_shows_become_cards(
    visit: Visit,
) -> None:
    phone = await visit("Ana")
    form = await filled_in(phone, Size="150", Note=HOSTILE)

    await form.get_by_role("button", name="Send signal").click()
    await expect(form.get_by_role("status")).to_contain_text("202")
    await form.get_by_label("Note").fill(AGAIN)
    await form.get_by_role("button", name="Copy").click()
    await expect(form.get_by_role("button", name="Copied")).to_be_visible()
    command = await phone.page.evaluate("navigator.clipboard.readText()")
    answer = await typed(command)
    await form.get_by_role("button", name="Close").click()

    assert answer["status"] == "accepted"
    for note in (HOSTILE, AGAIN):
        card = phone.message(note)
        await expect(card).to_contain_text("SOL/USDT")
        await expect(card.get_by_role("blockquote")).to_have_text(note)
    assert await phone.page.locator('img[src="x"]').count() == 0
    assert "taken over" not in await phone.page.title()


async def test_what_is_wrong_with_a_signal_is_told_at_its_field(visit: Visit) -> None:
    phone = await visit("Ana")
    phone.expect_complaint("status of 422")
    form = await filled_in(phone, **{"Stop loss": "low"})

    await form.get_by_role("button", name="Send signal").click()

    wrong = form.get_by_label("Stop loss")
    await expect(wrong).to_be_focused()
    await expect(wrong).to_have_attribute("aria-invalid", "true")
    await expect(wrong).to_have_accessible_description(re.compile("not a number"))
    await wrong.fill("1")
    await expect(wrong).not_to_have_attribute("aria-invalid", "true")


async def typed(command: str) -> dict[str, str]:
    """What a shell prints for a command, read as JSON."""
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    said, _ = await asyncio.wait_for(shell.communicate(), 30)
    answer: dict[str, str] = json.loads(said)
    return answer
