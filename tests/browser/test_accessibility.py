"""The page by axe's rules: labels, roles, contrast, in both looks and in every view it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from telegram import Bot

from bot.playground import Playground
from tests.bot.playground.conftest import picture
from tests.browser.chromium import DESKTOP, PHONE, Phone, Scheme
from tests.browser.conftest import Visit
from tests.browser.test_chat import COMMANDS, KEYBOARD, heard
from tests.flows.setup import APPROVER, GROUP, OWNER

pytestmark = pytest.mark.asyncio(loop_scope="session")

View = Callable[[Phone, Bot], Awaitable[None]]
CARD = """\
<b>PAPER · BUY 0.00359 BTC/USDT</b>
paper main · <code>T-AZ1H</code> · at most 69 528.44, <a href="https://example.org">for 30 s</a>
<blockquote>Breakout above the range.</blockquote>
<blockquote expandable>1
2
3
4
5</blockquote>
<tg-spoiler>Hidden.</tg-spoiler> /resume is for owners."""


async def the_group(phone: Phone, bot: Bot) -> None:
    await expect(phone.message("BUY")).to_be_visible()


async def the_private_chat(phone: Phone, bot: Bot) -> None:
    await phone.page.get_by_role("button", name="Private").click()
    await expect(phone.message("For you alone.")).to_be_visible()


async def the_menu(phone: Phone, bot: Bot) -> None:
    await phone.field.press_sequentially("/")
    await phone.page.keyboard.press("ArrowDown")
    menu = phone.page.get_by_role("listbox", name="Commands")
    await expect(menu.get_by_role("option", selected=True)).to_be_visible()


async def a_reply(phone: Phone, bot: Bot) -> None:
    await phone.message("Why?").get_by_role("button", name="Reply").focus()
    await phone.page.keyboard.press("Enter")
    await expect(phone.button("Do not reply")).to_be_visible()


async def a_picture(phone: Phone, bot: Bot) -> None:
    await phone.messages.get_by_role("button", name="Open picture").click()
    await expect(phone.page.get_by_role("dialog", name="Picture")).to_be_visible()


async def an_alert(phone: Phone, bot: Bot) -> None:
    await phone.key("Reject").click()
    await (await heard(bot)).callback_query.answer("Olga was faster.", show_alert=True)
    await expect(phone.page.get_by_role("dialog")).to_be_visible()


async def a_toast(phone: Phone, bot: Bot) -> None:
    await phone.key("T-AZ1H").click()
    await expect(phone.page.get_by_text("Copied.")).to_be_visible()


async def the_form_of_a_signal(phone: Phone, bot: Bot) -> None:
    await phone.button("Send a signal").click()
    await phone.page.get_by_role("radio", name="Limit").check()
    await expect(phone.page.get_by_role("textbox", name="Price")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "view",
    [
        *(the_group, the_private_chat, the_menu, a_reply, a_picture, an_alert, a_toast),
        the_form_of_a_signal,
    ],
    ids=lambda view: view.__name__,
)
async def test_axe_finds_nothing_wrong_with(
    visit: Visit, bot: Bot, chat: Playground, view: View, scheme: Scheme
) -> None:
    await bot.set_my_commands(COMMANDS)
    await bot.send_photo(
        GROUP, picture(width=400, height=200), CARD, parse_mode="HTML", reply_markup=KEYBOARD
    )
    pinned = await bot.send_message(GROUP, "HALTED by Olga.", reply_markup=KEYBOARD)
    await pinned.pin()
    chat.say("Why?", by=OWNER)
    chat.say("Because.", by=APPROVER, reply_to=pinned.message_id)
    await bot.send_message(APPROVER, "For you alone.")
    await bot.delete_webhook(drop_pending_updates=True)
    phone = await visit("Ana", scheme=scheme, size=PHONE if scheme == "light" else DESKTOP)
    await view(phone, bot)

    found = await Axe().run(phone.page)

    assert found.violations_count == 0, found.generate_report()
