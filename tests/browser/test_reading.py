"""What one reads stays where it is: edits, pictures and new messages move nothing under the eyes."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from telegram import Bot, InputMediaPhoto

from bot.playground import Playground
from tests.bot.playground.conftest import picture
from tests.browser.chromium import DESKTOP, SMALL, Phone
from tests.browser.conftest import Visit
from tests.flows.setup import GROUP, OWNER

pytestmark = pytest.mark.asyncio(loop_scope="session")

BEYOND = """() => {
    const found = [document.scrollingElement, document.querySelector("main")]
        .filter(it => it.scrollWidth > it.clientWidth).map(it => it.tagName);
    const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const range = document.createRange();
        range.selectNode(texts.currentNode);
        const scrolls = texts.currentNode.parentElement.closest("pre");
        if (!scrolls && range.getBoundingClientRect().right > innerWidth)
            found.push(texts.currentNode.data.slice(0, 20));
    }
    return found;
}"""
"""What scrolls sideways or is cut at the side; code may scroll in its own box."""
LINES = "\n".join(f"Line {number} of a long text." for number in range(12))


async def read_in_the_middle(visit: Visit, chat: Playground) -> Phone:
    """Forty messages, scrolled up from the end."""
    for number in range(40):
        chat.say(f"Number {number}.", by=OWNER)
    phone = await visit("Ana")
    await expect(phone.message("Number 39.")).to_be_in_viewport()
    await phone.scroll_up()
    return phone


async def test_nothing_moves_under_the_eyes_of_somebody_who_scrolled_up(
    visit: Visit, bot: Bot, chat: Playground
) -> None:
    """Above what is read a message grows, becomes a picture and goes; below it news arrive."""
    above = await bot.send_message(GROUP, "A card.")
    phone = await read_in_the_middle(visit, chat)
    middle = phone.message("Number 20.")
    await middle.scroll_into_view_if_needed()
    stood = await phone.top_of(middle)

    await above.edit_text(f"Grown.\n{LINES}")
    await expect(phone.message("Grown.")).to_be_attached()
    assert await phone.top_of(middle) == pytest.approx(stood, abs=1)

    drawing = InputMediaPhoto(picture(width=800, height=400), caption="Drawn.")
    await above.edit_media(drawing)
    shown = phone.message("Drawn.").get_by_role("img")
    await expect(shown).to_have_js_property("complete", True)
    assert await phone.top_of(middle) == pytest.approx(stood, abs=1)

    await above.delete()
    await expect(phone.message("Drawn.")).to_have_count(0)
    assert await phone.top_of(middle) == pytest.approx(stood, abs=1)

    await bot.send_message(GROUP, f"News.\n{LINES}")
    await expect(phone.message("News.")).to_be_attached()
    assert await phone.top_of(middle) == pytest.approx(stood, abs=1)
    await expect(phone.message("News.")).not_to_be_in_viewport()


async def test_at_the_end_one_stays_at_the_end(visit: Visit, bot: Bot, chat: Playground) -> None:
    """The newest message grows, becomes a picture, and is followed by another."""
    for number in range(40):
        chat.say(f"Number {number}.", by=OWNER)
    card = await bot.send_message(GROUP, "A card.")
    phone = await visit("Ana")
    await expect(phone.message("A card.")).to_be_in_viewport(ratio=1)

    await card.edit_text(f"Grown.\n{LINES}")
    await expect(phone.message("Line 11")).to_be_attached()
    await phone.settles_at_the_end()

    await card.edit_media(InputMediaPhoto(picture(width=800, height=400), caption="Drawn."))
    await expect(phone.message("Drawn.").get_by_role("img")).to_have_js_property("complete", True)
    await phone.settles_at_the_end()

    await bot.send_message(GROUP, f"News.\n{LINES}")
    await expect(phone.message("News.")).to_be_in_viewport()
    await phone.settles_at_the_end()


async def test_the_way_down_counts_what_came_and_leads_to_it(
    visit: Visit, bot: Bot, chat: Playground
) -> None:
    phone = await read_in_the_middle(visit, chat)

    await bot.send_message(GROUP, "News.")
    await bot.send_message(GROUP, "More news.")
    await expect(phone.button("Go to the newest message")).to_have_attribute("data-count", "2")
    await phone.button("Go to the newest message").click()

    await expect(phone.message("More news.")).to_be_in_viewport(ratio=1)
    await expect(phone.button("Go to the newest message")).to_be_hidden()


@pytest.mark.parametrize("size", [SMALL, DESKTOP], ids=["small", "desktop"])
async def test_the_longest_word_makes_no_screen_scroll_sideways(
    visit: Visit, bot: Bot, chat: Playground, size: object
) -> None:
    chat.say("w" * 4096, by=OWNER)
    await bot.send_message(GROUP, f"<b>{'W' * 500}</b>\n<pre>{'p' * 500}</pre>", parse_mode="HTML")
    card = await bot.send_photo(GROUP, picture(width=1600, height=800), caption="C" * 1000)
    await card.pin()
    phone = await visit("Ana", size=size)
    await expect(phone.messages).to_have_count(3)

    beyond = await phone.page.evaluate(BEYOND)

    assert beyond == []


async def test_dark_and_light_are_two_looks_of_the_same_page(visit: Visit, bot: Bot) -> None:
    await bot.send_message(GROUP, "A card.")
    looks = []
    for scheme in ("light", "dark"):
        phone = await visit("Ana", scheme=scheme)
        looks.append(
            await phone.message("A card.").evaluate(
                """it => [getComputedStyle(document.body).backgroundColor, getComputedStyle(it).color]
                    .map(colour => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"""
            )
        )

    (light_ground, light_ink), (dark_ground, dark_ink) = looks
    assert light_ground > light_ink
    assert dark_ground < dark_ink
