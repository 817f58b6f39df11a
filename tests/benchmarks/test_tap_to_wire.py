"""From a tap to the first byte of its order at the exchange, over a bare ccxt call of the same run."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from tests.benchmarks.bench import SIZED, Desk, after_idling, bare_order
from tests.benchmarks.children import child
from tests.benchmarks.figures import show
from tests.flows.setup import APPROVER

ROUNDS = 12
SLOW = 0.15
"""Seconds by which every call to the slow Telegram is late."""
PAUSE = 9.0
"""Seconds before each signal: a tap makes three messages, and a group takes twenty a minute."""
numbers = count()

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


async def tapped(desk: Desk) -> float:
    """Seconds from Telegram handing out the tap to the exchange."""
    await asyncio.sleep(PAUSE)
    number = await desk.exchange.orders()
    answer = await desk.signed(
        {"symbol": "BTC/USDT", "side": "buy", "type": "market"}, f"tap-{next(numbers)}"
    )
    ticket = await desk.ticket_in("pending", answer.json()["signal"])
    card = await desk.card(ticket, "needed")
    await after_idling()
    desk.handed_out.clear()
    popup = desk.chat.tap(card, "Approve", by=APPROVER)
    arrived = await desk.exchange.arrival(number)
    await asyncio.wait_for(popup, 10)
    return arrived - desk.handed_out[0]


async def test_tap_to_wire(desk: Desk) -> None:
    """Polling, the checks, one commit of the vote and its order, ccxt; nothing waits for Telegram."""
    took: dict[str, list[float]] = {"bare ccxt": [], "tap": [], "tap, Telegram 150 ms slow": []}
    async with (
        child("bare_order", *desk.exchange.keys) as ccxt,
        desk.start(SIZED),
    ):
        await bare_order(desk, ccxt)
        await tapped(desk)
        for _ in range(ROUNDS):
            took["bare ccxt"].append(await bare_order(desk, ccxt))
            took["tap"].append(await tapped(desk))
            desk.chat.faults.delay(seconds=SLOW)
            took["tap, Telegram 150 ms slow"].append(await tapped(desk))
            desk.chat.faults.clear()
    show(
        "tap to wire: update handed out -> order at the exchange",
        "ms",
        {name: [1000 * value for value in values] for name, values in took.items()},
        baseline="bare ccxt",
        goal="goal: at most 5 ms over bare ccxt, p99 at most 12 ms, and the same with a slow Telegram",
    )
