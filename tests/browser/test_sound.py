"""The ring, as the browser's audio tells it: a note is an oscillator that starts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import expect
from telegram import Bot

from tests.browser.chromium import Phone, another_tab
from tests.browser.conftest import Visit
from tests.flows.setup import APPROVER, GROUP
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTES = 2
LATER_MS = 5000
"""By then a new message rings anew."""


async def listened_to(phone: Phone, played: list[str] | None = None) -> list[str]:
    """Every note it plays from now on, beside those `played`; its clock can be moved on."""
    await phone.page.clock.install()
    heard = [] if played is None else played

    def created(event: dict[str, Any]) -> None:
        if event["node"]["nodeType"] == "Oscillator":
            heard.append(event["node"]["nodeId"])

    browser = await phone.page.context.new_cdp_session(phone.page)
    browser.on("WebAudio.audioNodeCreated", created)
    await browser.send("WebAudio.enable")
    return heard


async def rung(played: list[str], times: int) -> None:
    """Wait until it has rung so often."""
    await until(lambda: len(played) >= times * NOTES, timeout_s=15)


async def shows(text: str, *phones: Phone) -> None:
    """All have it on the screen, and have had time to fall silent."""
    for phone in phones:
        await expect(phone.message(text)).to_be_visible()
        await phone.page.clock.fast_forward(LATER_MS)


async def test_only_what_would_ring_on_a_phone_rings(visit: Visit, bot: Bot) -> None:
    """Neither a silent message, nor an edit, nor one's own."""
    phone = await visit("Ana")
    played = await listened_to(phone)
    await phone.button("Sound").click()
    await expect(phone.button("Sound")).to_have_attribute("aria-pressed", "true")

    quiet = await bot.send_message(GROUP, "Quiet.", disable_notification=True)
    await shows("Quiet.", phone)
    await quiet.edit_text("Changed.")
    await shows("Changed.", phone)
    await phone.say("My own.")
    await shows("My own.", phone)
    await bot.send_message(GROUP, "Loud.")
    await rung(played, 1)
    await shows("Loud.", phone)
    await bot.send_message(APPROVER, "Loud in private.")
    await rung(played, 2)
    await bot.send_message(GROUP, "Quiet again.", disable_notification=True)
    await shows("Quiet again.", phone)

    assert len(played) == 2 * NOTES


async def test_the_bell_turns_it_off_and_on_and_is_remembered(visit: Visit, bot: Bot) -> None:
    phone = await visit("Ana")
    played = await listened_to(phone)
    bell = phone.button("Sound")
    await bell.click()
    await expect(bell).to_have_attribute("aria-pressed", "true")
    await bell.click()
    await expect(bell).to_have_attribute("aria-pressed", "false")

    await bot.send_message(GROUP, "Unheard.")
    await shows("Unheard.", phone)
    await phone.page.reload()
    await expect(bell).to_have_attribute("title", re.compile("off"))
    await bell.click()
    await expect(bell).to_have_attribute("aria-pressed", "true")
    await bot.send_message(GROUP, "Heard.")
    await rung(played, 1)

    assert len(played) == NOTES


async def test_of_two_tabs_one_rings(visit: Visit, bot: Bot, url: str) -> None:
    first = await visit("Ana")
    second = await another_tab(first.page.context, url)
    played = await listened_to(first)
    await listened_to(second, played)
    for tab in (first, second):
        await tab.page.bring_to_front()
        await tab.button("Sound").click()
        await expect(tab.button("Sound")).to_have_attribute("aria-pressed", "true")

    for times, text in enumerate(("One.", "Two."), 1):
        await bot.send_message(GROUP, text)
        await rung(played, times)
        await shows(text, first, second)

    assert len(played) == 2 * NOTES
