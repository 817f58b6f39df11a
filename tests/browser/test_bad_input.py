"""What people and networks do to a page: markup in texts, too much text, two tabs, a server that goes away."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect
from telegram import Bot

from bot.playground import Playground, serve
from tests.browser.chromium import another_tab
from tests.browser.conftest import Visit
from tests.flows.setup import GROUP, OWNER

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror=\"document.title = 'taken over'\"><script>document.title = 'taken over'</script>"


async def test_markup_in_a_text_is_shown_as_text(visit: Visit, bot: Bot, chat: Playground) -> None:
    chat.say(HOSTILE, by=OWNER)
    card = await bot.send_message(GROUP, f"The bot: {HOSTILE}")
    await card.pin()
    await bot.send_message(GROUP, "An answer", reply_to_message_id=card.message_id)
    phone = await visit("Ana")

    await expect(phone.messages.filter(has_text=HOSTILE)).to_have_count(3)
    await expect(phone.page.get_by_role("banner")).to_contain_text(HOSTILE)

    assert await phone.page.locator('img[src="x"]').count() == 0
    await expect(phone.page).not_to_have_title(re.compile("taken over"))


async def test_no_script_runs_that_did_not_come_with_the_page(visit: Visit) -> None:
    """Even where markup found a way in, the policy of the page stands before it."""
    phone = await visit("Ana")
    phone.expect_complaint("Content Security Policy")
    phone.expect_complaint("status of 404")

    async with phone.page.expect_console_message(
        lambda message: "Content Security Policy" in message.text
    ):
        await phone.page.get_by_role("main").evaluate(
            "(it, text) => it.insertAdjacentHTML('beforeend', text)", HOSTILE
        )

    await expect(phone.page).not_to_have_title(re.compile("taken over"))


async def test_a_text_that_is_too_long_is_refused_in_words_and_not_lost(
    visit: Visit, chat: Playground
) -> None:
    phone = await visit("Ana")
    phone.expect_complaint("status of 422")
    text = "word " * 1000
    await phone.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    await phone.field.focus()

    await phone.page.keyboard.press("Control+V")
    await expect(phone.field).to_have_value(text)
    await phone.page.keyboard.press("Enter")

    await expect(phone.page.get_by_text(re.compile("4.?096"))).to_be_visible()
    await expect(phone.field).to_have_value(text)
    assert chat.messages == []


async def test_two_tabs_both_follow(visit: Visit, bot: Bot, url: str) -> None:
    first = await visit("Ana")
    second = await another_tab(first.page.context, url)

    card = await bot.send_message(GROUP, "A card.")
    for tab in (first, second):
        await expect(tab.message("A card.")).to_be_visible()
    await card.edit_text("Decided.")
    for tab in (first, second):
        await expect(tab.message("Decided.")).to_be_visible()
    await first.say("From the first.")
    await expect(second.message("From the first.")).to_be_visible()
    await second.page.close()
    await first.say("Still here.")
    await expect(first.message("Still here.")).to_be_visible()

    assert second.complaints == []


async def test_a_server_that_goes_and_comes_back_costs_nothing(
    visit: Visit, chat: Playground
) -> None:
    """The page says so meanwhile, keeps the draft, and shows what happened without it."""
    async with serve(chat) as address:
        chat.say("Before.", by=OWNER)
        phone = await visit("Ana", at=address)
        phone.expect_complaint("net::ERR_")
        await expect(phone.message("Before.")).to_be_visible()
        await phone.field.fill("A draft.")
    await expect(phone.page.get_by_text("Reconnecting…")).to_be_visible()
    await phone.button("Send").click()
    await expect(phone.field).to_have_value("A draft.")
    chat.say("Meanwhile.", by=OWNER)

    async with serve(chat, port=urlsplit(address).port or 0):
        await expect(phone.message("Meanwhile.")).to_be_visible()
        await expect(phone.page.get_by_text("Reconnecting…")).to_be_hidden()
        await expect(phone.field).to_have_value("A draft.")
        await phone.button("Send").click()

        await expect(phone.message("A draft.")).to_be_visible()
        await expect(phone.field).to_have_value("")
    assert [m.text for m in chat.messages] == ["Before.", "Meanwhile.", "A draft."]
