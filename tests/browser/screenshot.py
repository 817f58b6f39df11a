"""`make screenshot`: the picture of the README, made of the real demo.

Ana's phone twice: a card waits for her, and the same card after she approved it.
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw
from playwright.async_api import Browser, expect

from tests.browser.chromium import NONE_FOUND, Phone, chromium, opened
from tests.browser.demo import demo
from tests.flows.setup import ROOT

PICTURE = ROOT / "docs" / "screenshot.png"
SHARPNESS = 2
GAP, CORNER, EDGE = 24 * SHARPNESS, 22 * SHARPNESS, SHARPNESS
EDGE_COLOUR = (128, 140, 152, 255)
NOTHING = "magenta"
PANEL_PAUSE = 15_000
"""Milliseconds."""


async def main() -> None:
    """Start the demo in a folder that is thrown away, and photograph it."""
    async with chromium() as browser:
        if browser is None:
            raise SystemExit(NONE_FOUND)
        with TemporaryDirectory() as folder:
            async with demo(Path(folder)) as address:
                screens = await photographed(browser, address)
    keep(side_by_side([framed(Image.open(BytesIO(screen))) for screen in screens]))


async def photographed(browser: Browser, address: str) -> list[bytes]:
    """The card as it waits, and as it stands once it is filled."""
    ana = await opened(browser, address, "Ana", sharpness=SHARPNESS)
    await ana.button("Do not show this again").click()
    await ana.page.get_by_role("heading", level=1).click()
    card = ana.message("One approval needed")
    await expect(card.get_by_role("img")).to_have_js_property("complete", True)
    await stands(ana, "waiting 1")
    await ana.settles_at_the_end()
    waiting = await ana.page.screenshot()
    await ana.key("Approve").click()
    await expect(ana.message("Filled: bought")).to_be_in_viewport(ratio=1)
    await expect(ana.page.get_by_role("status").filter(has_text="Approved.")).to_be_hidden()
    await stands(ana, "waiting 0")
    await ana.settles_at_the_end()
    return [waiting, await ana.page.screenshot()]


async def stands(phone: Phone, part: str) -> None:
    """Wait until the pinned panel says this: it is edited every five seconds at most."""
    await expect(phone.page.get_by_text(part).first).to_be_visible(timeout=PANEL_PAUSE)


def framed(screen: Image.Image) -> Image.Image:
    """A screen with round corners and a thin edge that is seen on white and on black."""
    shape = Image.new("L", screen.size, 0)
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, *screen.size), CORNER, fill=255)
    phone = Image.new("RGBA", screen.size)
    phone.paste(screen, mask=shape)
    edge = (0, 0, screen.width - 1, screen.height - 1)
    ImageDraw.Draw(phone).rounded_rectangle(edge, CORNER, outline=EDGE_COLOUR, width=EDGE)
    return phone


def side_by_side(phones: list[Image.Image]) -> Image.Image:
    """Phones next to each other on nothing."""
    width = sum(phone.width for phone in phones) + GAP * (len(phones) - 1)
    whole = Image.new("RGBA", (width, phones[0].height))
    for number, phone in enumerate(phones):
        whole.paste(phone, (number * (phone.width + GAP), 0))
    return whole


def keep(picture: Image.Image) -> None:
    """Write it in 256 colours, a third of the bytes; the colour of its corner is nothing."""
    flat = Image.new("RGB", picture.size, NOTHING)
    flat.paste(picture, mask=picture)
    few = flat.quantize(dither=Image.Dither.NONE)
    few.save(PICTURE, optimize=True, transparency=few.getpixel((0, 0)))


if __name__ == "__main__":
    asyncio.run(main())
