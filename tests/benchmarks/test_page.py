"""Whether the chat page stays smooth: 500 messages that change under a finger that scrolls, over 10 that do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import BytesIO
from statistics import quantiles

import pytest
from PIL import Image
from playwright.async_api import Browser, expect

from bot.playground import Message, Playground, serve
from tests.benchmarks.figures import show
from tests.bot.playground.conftest import client
from tests.browser.chromium import NONE_FOUND, chromium, opened
from tests.flows.setup import GROUP, OWNER, PEOPLE, TOKEN

ROUNDS = 5
SCROLLED_S = 6.0
EDITS_A_SECOND, NEWS_EVERY = 5, 5
"""Each second five messages change and one is new."""
SIZES = {"10 messages, 1 picture": (10, 1), "500 messages, 60 pictures": (500, 60)}
LINES = "\n".join(f"Line {number} of what a card says." for number in range(8))

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

SCROLL = """async seconds => {
    const it = document.querySelector("main"), frames = [];
    const begun = performance.now();
    let last = begun, step = -60;
    while (last - begun < seconds * 1000) {
        if (it.scrollTop <= 0) step = 60;
        else if (it.scrollTop + it.clientHeight >= it.scrollHeight - 1) step = -60;
        it.scrollTop += step;
        const now = await new Promise(requestAnimationFrame);
        frames.push(now - last);
        last = now;
    }
    return frames.slice(1);
}"""
"""Scrolls to and fro; how long each frame took, in ms."""


@asynccontextmanager
async def conversation(messages: int, pictures: int) -> AsyncIterator[tuple[Playground, str]]:
    """A chat of this length, served."""
    chat = Playground(
        ":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=lambda: datetime.now(UTC)
    )
    async with serve(chat) as url, client(url, TOKEN) as bot:
        drawn = BytesIO()
        Image.effect_noise((1200, 675), 40).save(drawn, "PNG")
        sent = await bot.send_photo(GROUP, drawn.getvalue(), caption=f"Card 0.\n{LINES}")
        for number in range(1, messages):
            if number % (messages // pictures) == 0:
                caption = f"Card {number}.\n{LINES}"
                await bot.send_photo(GROUP, sent.photo[0].file_id, caption=caption)
            else:
                chat.say(f"Number {number}.\n{LINES if number % 3 else ''}", by=OWNER)
        yield chat, url
    await chat.close()


async def keep_changing(chat: Playground) -> None:
    """Edits and new messages, spread over each second, until canceled."""
    turn = 0
    while True:
        turn += 1
        grown = f"Changed {turn}.\n" + "More. " * (turn % 40)
        chat.chat.change(_some(chat.messages, turn), text=grown)
        if turn % NEWS_EVERY == 0:
            chat.say(f"News {turn}.\n{LINES}", by=OWNER)
        await asyncio.sleep(1 / EDITS_A_SECOND)


def _some(messages: list[Message], turn: int) -> Message:
    return messages[turn * 7 % len(messages)]


async def scrolled(browser: Browser, messages: int, pictures: int) -> tuple[float, ...]:
    """Milliseconds until the newest message shows; the middle, the slow and the longest frame."""
    async with conversation(messages, pictures) as (chat, url):
        begun = time.monotonic()
        phone = await opened(browser, url)
        await expect(phone.messages.last).to_be_in_viewport()
        shown = 1000 * (time.monotonic() - begun)
        changing = asyncio.create_task(keep_changing(chat))
        frames = await phone.page.evaluate(SCROLL, SCROLLED_S)
        changing.cancel()
        await phone.page.context.close()
    percentiles = quantiles(frames, n=100)
    return shown, percentiles[49], percentiles[94], max(frames)


async def test_page() -> None:
    """Informative: a screen of 60 Hz leaves 16.7 ms for a frame."""
    titles = (
        "the page: from its address to the newest message on the screen",
        "the page, scrolled while five messages a second change: half of the frames within",
        "the same: 95 % of the frames within",
        "the same: the longest frame",
    )
    took = {title: {size: list[float]() for size in SIZES} for title in titles}
    async with chromium() as browser:
        if browser is None:
            pytest.skip(NONE_FOUND)
        for measured in range(-1, ROUNDS):
            for size, (messages, pictures) in SIZES.items():
                figures = await scrolled(browser, messages, pictures)
                if measured >= 0:
                    for title, figure in zip(titles, figures, strict=True):
                        took[title][size].append(figure)
    for title in titles:
        show(title, "ms", took[title], baseline=next(iter(SIZES)))
