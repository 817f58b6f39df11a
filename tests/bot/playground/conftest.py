"""A served playground and the real python-telegram-bot client that talks to it, for every test of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from telegram import Bot
from telegram.request import HTTPXRequest

from bot.playground import Playground, PlaygroundPerson, serve

TOKEN = "123456:playground-secret"
GROUP = -1001234567890
PEOPLE = (
    PlaygroundPerson(1111, "Olga", "owner"),
    PlaygroundPerson(2222, "Ana", "approver"),
    PlaygroundPerson(3333, "Vic", "viewer"),
    PlaygroundPerson(4444, "Sam"),
)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def build(path: Path | str, clock: Clock, *, flood: bool = False) -> Playground:
    return Playground(path, token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=clock, flood=flood)


def picture(*, width: int = 40, height: int = 30, kind: str = "PNG") -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), "navy").save(out, kind)
    return out.getvalue()


def client(url: str, token: str = TOKEN) -> Bot:
    """Without TLS set up, which costs more than a test."""
    requests = [HTTPXRequest(httpx_kwargs={"verify": False}) for _ in range(2)]
    return Bot(token, f"{url}/bot", request=requests[0], get_updates_request=requests[1])


async def waiting_poll(playground: Playground) -> None:
    """Until one more getUpdates has arrived; it waits from that same turn of the loop on."""
    before = playground.count("getUpdates")
    while playground.count("getUpdates") == before:  # noqa: ASYNC110 - a call has no event
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def playground(clock: Clock) -> AsyncIterator[Playground]:
    playground = build(":memory:", clock)
    yield playground
    await playground.close()


@pytest.fixture
async def url(playground: Playground) -> AsyncIterator[str]:
    async with serve(playground) as address:
        yield address


@pytest.fixture
async def bot(url: str) -> AsyncIterator[Bot]:
    async with client(url) as bot:
        yield bot
