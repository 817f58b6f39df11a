"""From the 2xx that a sender gets to the card in the chat, when Telegram answers at once."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from statistics import median

import pytest

from bot.playground import Message
from bot.playground.records import Change
from tests.benchmarks.bench import SIZED, Desk, after_idling
from tests.benchmarks.figures import show

ROUNDS = 20
GOAL_MS = 150
APART = 4.0
"""Seconds between two cards, so that Telegram's limits do not hold the next one up."""
numbers = count()

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]


async def posted(desk: Desk) -> float:
    """Seconds from the answer to the sender until the card has come to Telegram."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[float] = loop.create_future()

    def look(change: Change) -> None:
        message: Message | None = change.message
        if change.kind == "new" and message and "BUY" in message.text and not came.done():
            came.set_result(time.monotonic())

    with desk.chat.chat.listening(look):
        answer = await desk.signed(
            {"symbol": "BTC/USDT", "side": "buy", "type": "market"}, f"card-{next(numbers)}"
        )
        answered = time.monotonic()
        assert answer.status_code == 202
        return await asyncio.wait_for(came, 10) - answered


async def test_signal_to_card(desk: Desk) -> None:
    """The executor's checks, a ticket, the notifier, one message; its picture may come later."""
    took: list[float] = []
    async with desk.start(SIZED):
        await posted(desk)
        for _ in range(ROUNDS):
            await after_idling()
            took.append(await posted(desk))
            await asyncio.sleep(APART)
    figures = {"goal": [GOAL_MS], "card": [1000 * value for value in took]}
    show("202 to the sender -> card at Telegram", "ms", figures, baseline="goal")
    assert median(figures["card"]) <= GOAL_MS
