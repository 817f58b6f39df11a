"""From /kill to its commit, and to the last cancel of a hundred resting orders."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import pytest

from bot.parts import Ids, Trading, now
from bot.sources.signal import read_signal
from execution import orders
from execution.desk import Person
from execution.receiving import SignalKey
from execution.store import Transaction
from execution.types import OrderState
from tests.benchmarks.bench import SIZED, Desk, after_idling, trading
from tests.benchmarks.children import child
from tests.benchmarks.figures import show
from tests.flows.setup import APPROVER, OWNER
from tests.waiting import until

RESTING = 100
ROUNDS = 3
HALTS = 10
PAUSE = 2.0
"""Seconds before each halt: what the last one had to say in the group is said."""
NEAR = 0.02
"""Seconds that an exchange in the next city takes to answer."""
SLOW = 0.15
"""Seconds by which every call to the slow Telegram is late."""
ANA = Person(id=f"tg:{APPROVER}", name="Ana")
OLGA = Person(id=f"tg:{OWNER}", name="Olga")

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


async def many_rest(side: Trading) -> None:
    """A hundred orders of ours rest at the exchange."""
    bid = {"symbol": "BTC/USDT", "side": "buy", "price": "50000", "time_in_force": "GTC"}
    for _ in range(RESTING):
        signal = read_signal(bid, id=Ids()(), source="auto", received_at=now(), venues=None)
        key = SignalKey(value=signal.id, keeps=timedelta(days=1))
        await side.desk.accept(signal, keys=[key], digest=signal.id)

    def all_rest(tx: Transaction) -> bool:
        return len(tx.orders.in_state(OrderState.WORKING)) == RESTING

    await until(lambda: side.store.read(all_rest), timeout_s=60)


def all_ended(tx: Transaction) -> bool:
    return not tx.orders.in_state(*orders.LIVE)


def is_verified(tx: Transaction) -> bool:
    halt = tx.trading().halt
    return halt is not None and halt.verified_at is not None


async def test_cancels_of_a_halt(desk: Desk) -> None:
    """Halting, canceling all of them at once, and a row for each step of each."""
    took: dict[str, list[float]] = {
        "bare ccxt, one after the other": [],
        "kill, last cancel at the exchange": [],
        "kill, last cancel confirmed and stored": [],
    }
    quiet = SIZED | {"risk.max_order_notional": "1000000"}
    async with child("bare_cancels", *desk.exchange.keys) as ccxt, trading(desk, quiet) as side:
        await desk.exchange.far_away(NEAR)
        for _ in range(ROUNDS):
            took["bare ccxt, one after the other"].append(await ccxt.ask(RESTING))
            await many_rest(side)
            await after_idling()
            before = len(await desk.exchange.cancels(0))
            begun = time.monotonic()
            await side.desk.halt(person=ANA, reason="")
            await until(lambda: side.store.read(all_ended), timeout_s=60)
            took["kill, last cancel confirmed and stored"].append(time.monotonic() - begun)
            arrived = await desk.exchange.cancels(before + RESTING)
            took["kill, last cancel at the exchange"].append(arrived[before + RESTING - 1] - begun)
            await until(lambda: side.store.read(is_verified), timeout_s=60)
            await side.desk.resume(person=OLGA)
    show(
        f"a halt with {RESTING} resting orders",
        "ms",
        {name: [1000 * value for value in values] for name, values in took.items()},
        baseline="bare ccxt, one after the other",
        goal="goal: at most 1.5 times as long, under the same limiter",
    )


async def test_commit_of_a_halt(desk: Desk) -> None:
    """From Telegram handing out the update until everybody who reads the database sees the halt."""
    took: dict[str, list[float]] = {"all is well": [], "exchange hangs, Telegram 150 ms slow": []}
    async with desk.start(SIZED):
        with closing(sqlite3.connect(desk.folder / "countersign.db", isolation_level=None)) as raw:
            for _ in range(HALTS):
                await rests(desk)
                took["all is well"].append(await halted(desk, raw))
                await resumed(desk)
                await rests(desk)
                await desk.exchange.hang("GET order", "GET openOrders", "GET account")
                desk.chat.faults.delay(seconds=SLOW)
                await asyncio.sleep(PAUSE)
                took["exchange hangs, Telegram 150 ms slow"].append(await halted(desk, raw))
                desk.chat.faults.clear()
                await desk.exchange.release()
                await resumed(desk)
    show(
        "/kill: update handed out -> halt committed",
        "ms",
        {name: [1000 * value for value in values] for name, values in took.items()},
        baseline="all is well",
        goal="goal: at most 50 ms, whatever hangs",
    )


async def rests(desk: Desk) -> None:
    """An order of ours rests at the exchange."""
    bid = {"symbol": "BTCUSDT", "side": "buy", "price": "50000", "time_in_force": "GTC"}
    signal = await desk.send("auto", **bid, id=Ids()())
    await desk.order_in("working", signal)


async def halted(desk: Desk, raw: sqlite3.Connection) -> float:
    """Seconds until a halt that Ana types is committed."""

    def committed() -> bool:
        return bool(raw.execute("SELECT state FROM trading").fetchone() == ("halted",))

    await asyncio.sleep(PAUSE)
    desk.handed_out.clear()
    desk.chat.say("/kill", by=APPROVER)
    await until(committed, every_s=0.0005)
    return time.monotonic() - desk.handed_out[0]


async def resumed(desk: Desk) -> None:
    """An owner trades again as soon as that may be."""

    async def resume() -> bool:
        return (await desk.http.post("/api/resume")).status_code == 200

    await desk.halted_for_good()
    await until(resume, timeout_s=60)
