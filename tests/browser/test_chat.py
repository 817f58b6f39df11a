"""The chat page as its people use it: taps and their answers, commands, replies, pins, pictures."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from telegram import Bot, CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup, Update

from bot.playground import Playground
from tests.bot.playground.conftest import picture
from tests.browser.chromium import DESKTOP
from tests.browser.conftest import Visit
from tests.flows.setup import APPROVER, GROUP, OWNER, STRANGER, VIEWER

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEYBOARD = InlineKeyboardMarkup(
    [
        [
            InlineKeyboardButton("Approve", callback_data="yes", style="success"),
            InlineKeyboardButton("Reject", callback_data="no", style="danger"),
        ],
        [InlineKeyboardButton("T-AZ1H", copy_text=CopyTextButton("T-AZ1H"))],
    ]
)
COMMANDS = [
    ("kill", "Stop everything"),
    ("pause", "No new orders"),
    ("status", "Where things stand"),
]


async def heard(bot: Bot) -> Update:
    """What somebody did next, taken off the queue."""
    (update,) = await bot.get_updates(timeout=10)
    await bot.get_updates(update.update_id + 1)
    return update


async def test_a_tap_is_answered_with_a_toast_or_with_an_alert_to_dismiss(
    visit: Visit, bot: Bot
) -> None:
    await bot.send_message(GROUP, "A card.", reply_markup=KEYBOARD)
    phone = await visit("Ana")

    await phone.key("Approve").click()
    tap = (await heard(bot)).callback_query
    assert (tap.data, tap.from_user.id) == ("yes", APPROVER)
    await tap.answer("Approved.")
    await expect(phone.page.get_by_role("status").filter(has_text="Approved.")).to_be_visible()

    await phone.key("Reject").click()
    await (await heard(bot)).callback_query.answer("Olga was faster.", show_alert=True)
    alert = phone.page.get_by_role("dialog")
    await expect(alert).to_contain_text("Olga was faster.")
    await phone.page.keyboard.press("Enter")
    await expect(alert).to_be_hidden()
    await expect(phone.key("Reject")).to_be_focused()


async def test_whoever_is_chosen_is_who_taps_and_writes(visit: Visit, bot: Bot) -> None:
    await bot.send_message(GROUP, "A card.", reply_markup=KEYBOARD)
    phone = await visit("Ana")

    for name, number in (("Vic", VIEWER), ("Sam", STRANGER)):
        await phone.become(name)
        await phone.key("Approve").click()
        tap = (await heard(bot)).callback_query
        assert tap.from_user.id == number
        await tap.answer(f"{name} may not approve.", show_alert=True)
        await expect(phone.page.get_by_role("dialog")).to_contain_text(f"{name} may not approve.")
        await phone.page.keyboard.press("Escape")
    await phone.become("Olga")
    await phone.page.reload()
    await phone.say("Good morning.")

    assert (await heard(bot)).message.from_user.id == OWNER
    await expect(phone.message("Good morning.")).to_have_accessible_name(re.compile(r"^You, \d"))


async def test_a_message_that_changes_under_the_finger_keeps_the_focus_and_takes_the_next_tap(
    visit: Visit, bot: Bot
) -> None:
    card = await bot.send_message(GROUP, "0 of 2", reply_markup=KEYBOARD)
    phone = await visit("Ana")
    await phone.key("Approve").focus()

    again = InlineKeyboardMarkup([[InlineKeyboardButton("Approve 1 of 2", callback_data="again")]])
    await card.edit_text("1 of 2", reply_markup=again)

    await expect(phone.key("Approve 1 of 2")).to_be_focused()
    await phone.page.keyboard.press("Enter")
    tap = (await heard(bot)).callback_query
    assert tap.data == "again"
    await tap.answer()


async def test_a_button_that_copies_puts_its_text_on_the_clipboard(visit: Visit, bot: Bot) -> None:
    await bot.send_message(GROUP, "A card.", reply_markup=KEYBOARD)
    phone = await visit("Ana")

    await phone.key("T-AZ1H").click()

    await expect(phone.page.get_by_role("status").filter(has_text="Copied.")).to_be_visible()
    assert await phone.page.evaluate("navigator.clipboard.readText()") == "T-AZ1H"


async def test_the_command_menu_opens_on_a_slash_and_is_used_by_keyboard(
    visit: Visit, bot: Bot
) -> None:
    await bot.set_my_commands(COMMANDS)
    phone = await visit("Ana")
    menu, press = phone.page.get_by_role("listbox", name="Commands"), phone.page.keyboard.press

    await phone.field.press_sequentially("/")
    await expect(menu.get_by_role("option")).to_have_count(3)
    await press("ArrowDown")
    await press("ArrowDown")
    await expect(menu.get_by_role("option", name="/pause")).to_have_attribute(
        "aria-selected", "true"
    )
    await press("Enter")
    assert (await heard(bot)).message.text == "/pause"

    await phone.field.press_sequentially("/st")
    await expect(menu.get_by_role("option")).to_have_count(1)
    await press("Escape")
    await expect(menu).to_be_hidden()
    await expect(phone.field).to_have_value("/st")
    await phone.field.press_sequentially("a")
    await press("Tab")
    await expect(phone.field).to_have_value("/status ")
    await press("Enter")
    assert (await heard(bot)).message.text == "/status"


async def test_a_reply_names_what_it_answers_and_leads_back_to_it(
    visit: Visit, bot: Bot, chat: Playground
) -> None:
    asked = await bot.send_message(GROUP, "How much?")
    for number in range(30):
        chat.say(f"Something else, {number}.", by=OWNER)
    desk = await visit("Ana", size=DESKTOP)

    question = desk.messages.first
    await question.scroll_into_view_if_needed()
    await question.hover()
    await question.get_by_role("button", name="Reply").click()
    await desk.field.press_sequentially("1200")
    await desk.page.keyboard.press("Enter")

    await expect(desk.message("1200")).to_be_in_viewport()
    answer = chat.messages[-1]
    assert (answer.text, answer.reply_to) == ("1200", asked.message_id)
    await desk.message("1200").get_by_role("button", name="How much?").click()
    await expect(question).to_be_in_viewport()


async def test_on_a_phone_a_swipe_replies_and_a_change_of_mind_does_not(
    visit: Visit, bot: Bot
) -> None:
    await bot.send_message(GROUP, "How much?")
    phone = await visit("Ana")

    await phone.swipe(phone.message("How much?"), by=-70)
    await expect(phone.page.get_by_text("Reply to Countersign")).to_be_visible()
    await phone.button("Do not reply").click()

    await expect(phone.page.get_by_text("Reply to Countersign")).to_be_hidden()
    await phone.swipe(phone.message("How much?"), by=-20)
    await expect(phone.page.get_by_text("Reply to Countersign")).to_be_hidden()


async def test_without_a_mouse_the_conversation_is_one_stop_and_its_messages_are_walked(
    visit: Visit, bot: Bot
) -> None:
    await bot.send_message(GROUP, "The first.", reply_markup=KEYBOARD)
    await bot.send_message(GROUP, "The second.", reply_markup=KEYBOARD)
    desk = await visit("Ana", size=DESKTOP)
    press = desk.page.keyboard.press

    await desk.field.focus()
    await press("Shift+Tab")
    while not await desk.page.evaluate("document.activeElement.matches('article, body')"):
        await press("Shift+Tab")
    await expect(desk.message("The second.")).to_be_focused()
    await press("ArrowUp")
    await expect(desk.message("The first.")).to_be_focused()
    await press("Tab")
    await press("Tab")
    first = desk.message("The first.").get_by_role("button", name="Approve")
    await expect(first).to_be_focused()
    await press("Enter")

    tap = (await heard(bot)).callback_query
    assert (tap.message.text, tap.data) == ("The first.", "yes")
    await tap.answer()


async def test_a_pinned_message_stays_in_the_bar_and_leads_back_to_it(
    visit: Visit, bot: Bot, chat: Playground
) -> None:
    panel = await bot.send_message(GROUP, "HALTED by Olga.\nNothing goes out.")
    await panel.pin()
    for number in range(30):
        chat.say(f"Something else, {number}.", by=OWNER)
    phone = await visit("Ana")
    bar = phone.page.get_by_role("banner").get_by_role("button").filter(has_text="HALTED by Olga.")
    await expect(phone.messages.first).not_to_be_in_viewport()

    await bar.click()

    await expect(phone.messages.first).to_be_in_viewport()
    await panel.edit_text("Active.")
    await expect(bar).to_have_count(0)
    await panel.unpin()
    await expect(phone.page.get_by_role("banner").get_by_text("Active.")).to_be_hidden()


async def test_the_only_button_of_a_pinned_message_is_in_the_bar_too(
    visit: Visit, bot: Bot
) -> None:
    one = InlineKeyboardMarkup([[InlineKeyboardButton("Resume", callback_data="resume")]])
    panel = await bot.send_message(GROUP, "HALTED by Olga.", reply_markup=one)
    await panel.pin()
    phone = await visit("Olga")
    bar = phone.page.get_by_role("banner")

    await bar.get_by_role("button", name="Resume").click()

    tap = (await heard(bot)).callback_query
    assert (tap.data, tap.message.message_id) == ("resume", panel.message_id)
    await tap.answer()
    await panel.edit_reply_markup(KEYBOARD)
    await expect(bar.get_by_role("button", name="HALTED by Olga.")).to_be_visible()
    await expect(bar.get_by_role("button", name="Approve")).to_be_hidden()
    await expect(bar.get_by_role("button", name="Resume")).to_be_hidden()


async def test_a_picture_opens_large_and_closes_again(visit: Visit, bot: Bot) -> None:
    await bot.send_photo(GROUP, picture(width=400, height=200), caption="BTC/USDT")
    phone = await visit("Ana")
    small = phone.messages.get_by_role("button", name="Open picture")

    await small.click()
    large = phone.page.get_by_role("dialog", name="Picture")
    await expect(large.get_by_role("img", name="BTC/USDT")).to_be_visible()
    await phone.page.keyboard.press("Escape")

    await expect(large).to_be_hidden()
    await expect(small).to_be_focused()


async def test_the_private_chat_is_apart_and_counts_what_waits_there(
    visit: Visit, bot: Bot
) -> None:
    phone = await visit("Ana")

    await bot.send_message(GROUP, "For all.")
    await bot.send_message(APPROVER, "For you alone.")
    await bot.send_message(OWNER, "For Olga alone.")

    await expect(phone.message("For all.")).to_be_visible()
    private = phone.page.get_by_role("button", name=re.compile(r"^Private.*1"))
    await private.click()
    await expect(phone.message("For you alone.")).to_be_visible()
    await expect(phone.messages).to_have_count(1)
    await phone.say("/whoami")
    said = (await heard(bot)).message
    assert (said.chat.id, said.text) == (APPROVER, "/whoami")
    await phone.button("Group").click()
    await expect(phone.messages).to_have_text([re.compile("For all.")])
