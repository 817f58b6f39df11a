"""The whole product as its page shows it: a card arrives, is approved and fills, /status answers, /kill ends it.

Ana's phone is light, Olga's dark, Vic sits at a desk. What each moment looks like is kept in artifacts/.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.chromium import DESKTOP, Phone
from tests.browser.conftest import Visit, with_the_browser
from tests.browser.demo import demo
from tests.flows.setup import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEPT = ROOT / "artifacts"


async def keep(moment: str, **screens: Phone) -> None:
    """A picture of every screen."""
    KEPT.mkdir(exist_ok=True)
    for name, phone in screens.items():
        await phone.page.screenshot(path=KEPT / f"{moment}-{name}.png")


@with_the_browser
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """Here the page is the demo's."""
    async with demo(tmp_path) as address:
        yield address


async def test_a_signal_becomes_a_card_that_is_approved_and_fills_and_kill_stops_everything(
    visit: Visit,
) -> None:
    ana, olga = await visit("Ana"), await visit("Olga", scheme="dark")
    vic = await visit("Vic", size=DESKTOP)
    screens = {"phone-light": ana, "phone-dark": olga, "desktop": vic}

    for phone in screens.values():
        card = phone.message("One approval needed")
        await expect(card.get_by_role("img")).to_have_js_property("complete", True)
        await phone.settles_at_the_end()
    await keep("1-card", **screens)
    await vic.key("Approve").click()
    await expect(vic.page.get_by_role("dialog")).to_contain_text("You can look, not approve.")
    await vic.page.keyboard.press("Escape")
    await ana.key("Approve").click()
    told = ana.page.get_by_role("status").filter(has_text="Approved. Checked once more")
    await expect(told).to_be_visible()

    for phone in screens.values():
        await expect(phone.messages.filter(has_text="Ana approved")).to_contain_text("filled at")
        await expect(phone.message("Filled: bought")).to_be_in_viewport()
        await expect(phone.key("Approve")).to_have_count(0)
    await keep("2-filled", **screens)

    await ana.say("/status")
    for phone in screens.values():
        await expect(phone.message("PAPER · trading")).to_be_in_viewport()
    await keep("3-status", **screens)

    await olga.say("/kill")
    for phone in screens.values():
        await expect(phone.message("HALTED by Olga")).to_contain_text("Done at")
        await expect(phone.message("Done at")).to_contain_text("looked twice")
    await keep("4-killed", **screens)
