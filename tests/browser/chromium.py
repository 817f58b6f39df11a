"""Chromium without a window: found on this machine, started, and a page of it as one person's phone."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.flows.setup import PEOPLE

NAMES = ("chromium", "chromium-browser", "google-chrome")
NONE_FOUND = (
    "NO CHROMIUM: the chat page was not tested in a browser; "
    "install it: apt-get install chromium fonts-liberation"
)
PHONE: ViewportSize = {"width": 390, "height": 844}
SMALL: ViewportSize = {"width": 360, "height": 640}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
Scheme = Literal["light", "dark"]

_QUIET = (
    *("--disable-gpu", "--disable-quic", "--disable-sync", "--disable-background-networking"),
    *("--disable-component-update", "--no-first-run"),
)
_FONTS = Path(__file__).with_name("fonts.conf")
_SHOWS_MS = 15_000
"""How long something may take to show, on a machine that has other things to do."""

expect.set_options(timeout=_SHOWS_MS)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser | None]:
    """The machine's Chromium, or playwright's own, until the block ends; None where there is neither."""
    async with async_playwright() as playwright:
        own = playwright.chromium.executable_path
        path = next(filter(None, map(shutil.which, (*NAMES, own))), None)
        if path is None:
            yield None
            return
        fonts = {"FONTCONFIG_FILE": str(_FONTS)}
        browser = await playwright.chromium.launch(
            executable_path=path, args=_QUIET, env={**os.environ, **fonts}
        )
        yield browser
        await browser.close()


class Phone:
    """The chat page as one person has it open, and what the browser complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._expected: list[str] = []
        page.set_default_timeout(_SHOWS_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        expected = any(part in message.text for part in self._expected)
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(message.text)

    def expect_complaint(self, part: str) -> None:
        """The browser logs every request that fails; this one is meant to."""
        self._expected.append(part)

    # What stands there

    @property
    def messages(self) -> Locator:
        """All messages, oldest first."""
        return self.page.get_by_role("article")

    def message(self, part: str) -> Locator:
        """The newest message with these words."""
        return self.messages.filter(has_text=part).last

    def key(self, label: str) -> Locator:
        """The newest button whose label begins so."""
        return self.messages.get_by_role("button", name=label).last

    @property
    def field(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    def button(self, name: str) -> Locator:
        """A button of the page itself."""
        return self.page.get_by_role("button", name=name, exact=True)

    async def top_of(self, message: Locator) -> float:
        """How far a message stands below the upper edge of the screen."""
        box = await message.bounding_box()
        assert box is not None
        return box["y"]

    async def settles_at_the_end(self) -> None:
        """Wait until there is nothing below what is on the screen."""
        await self.page.wait_for_function(
            """() => {
                const it = document.querySelector("main");
                return it.scrollHeight - it.clientHeight - it.scrollTop < 2;
            }"""
        )

    # What a person does

    async def become(self, name: str) -> None:
        """Go on as somebody else."""
        (label,) = (f"{p.name}, {p.role or 'stranger'}" for p in PEOPLE if p.name == name)
        await self.page.get_by_label("You are").select_option(label=label)

    async def say(self, text: str) -> None:
        """Write and send."""
        await self.field.fill(text)
        await self.button("Send").click()

    async def swipe(self, message: Locator, *, by: int) -> None:
        """Move a finger over a message."""
        box = await message.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        browser = await self.page.context.new_cdp_session(self.page)
        for kind, at in (("Start", 0), ("Move", by // 2), ("Move", by)):
            finger = {"type": f"touch{kind}", "touchPoints": [{"x": x + at, "y": y}]}
            await browser.send("Input.dispatchTouchEvent", finger)
        await browser.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await browser.detach()

    async def scroll_up(self, by: int = 600) -> None:
        """Turn the wheel over the messages."""
        await self.page.get_by_role("main").hover()
        await self.page.mouse.wheel(0, -by)
        await expect(self.button("Go to the newest message")).to_be_visible()


async def opened(
    browser: Browser,
    url: str,
    person: str = "Ana",
    *,
    size: ViewportSize = PHONE,
    scheme: Scheme = "light",
    sharpness: int = 1,
) -> Phone:
    """The page at `url`, opened afresh as this person."""
    context = await browser.new_context(
        viewport=size,
        color_scheme=scheme,
        device_scale_factor=sharpness,
        is_mobile=size["width"] < 720,
        has_touch=size["width"] < 720,
        locale="en-GB",
        timezone_id="UTC",
        permissions=["clipboard-read", "clipboard-write"],
    )
    return await another_tab(context, url, person)


async def another_tab(context: BrowserContext, url: str, person: str = "Ana") -> Phone:
    """One more tab of the same browser."""
    phone = Phone(await context.new_page())
    (number,) = (p.id for p in PEOPLE if p.name == person)
    await phone.page.goto(f"{url}/?as={number}")
    await expect(phone.page.get_by_label("You are")).to_have_value(str(number))
    return phone
