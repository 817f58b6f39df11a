"""A desk that is not running yet, with a chat at a served playground and an account at a loopback Binance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.playground import Playground, serve
from tests.doubles.binance import BinanceServer
from tests.flows.setup import GROUP, PEOPLE, TOKEN, House


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceServer]:
    async with BinanceServer() as server:
        yield server


@pytest.fixture
async def chat() -> AsyncIterator[Playground]:
    made = Playground(
        ":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=lambda: datetime.now(UTC)
    )
    yield made
    await made.close()


@pytest.fixture
async def house(tmp_path: Path, chat: Playground, exchange: BinanceServer) -> AsyncIterator[House]:
    async with serve(chat) as telegram:
        made = House(tmp_path, chat=chat, telegram=telegram, exchange=exchange)
        made.draw_no_pictures()
        yield made
        await made.http.aclose()
    assert chat.malformed == []
