"""From `desk.vote` to the first byte of the order, in process: the tap without Telegram and polling."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.parts import Ids, Trading, now
from bot.sources.signal import read_signal
from execution.desk import Person
from execution.outcome import Outcome
from execution.receiving import SignalKey
from execution.types import Ticket, TicketState, VoteKind
from tests.benchmarks.bench import SIZED, Desk, after_idling, bare_order, trading
from tests.benchmarks.children import child
from tests.benchmarks.figures import show
from tests.flows.setup import APPROVER
from tests.waiting import until

ROUNDS = 60
ANA = Person(id=f"tg:{APPROVER}", name="Ana")

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


async def pending(side: Trading) -> Ticket:
    """A fresh ticket that waits for its vote."""
    fields = {"symbol": "BTC/USDT", "side": "buy", "type": "market"}
    signal = read_signal(fields, id=Ids()(), source="desk", received_at=now(), venues=None)
    key = SignalKey(value=signal.id, keeps=timedelta(days=1))
    await side.desk.accept(signal, keys=[key], digest=signal.id)
    found = await until(
        lambda: side.store.read(lambda tx: tx.tickets.in_state(TicketState.PENDING))
    )
    return found[0]


async def voted(
    desk: Desk, side: Trading, before: Callable[[], Awaitable[object]]
) -> tuple[float, float]:
    """Seconds from the vote to its answer, and to the exchange; `before` runs right before it."""
    ticket = await pending(side)
    number = await desk.exchange.orders()
    await after_idling()
    await before()
    begun = time.monotonic()
    answer = await side.desk.vote(ticket.id, revision=1, person=ANA, kind=VoteKind.APPROVE)
    answered = time.monotonic()
    assert answer.outcome is Outcome.APPROVED
    return answered - begun, await desk.exchange.arrival(number) - begun


async def test_vote_to_wire(desk: Desk) -> None:
    """ccxt's limiter must not make an order wait for the reads before it."""
    took: dict[str, list[float]] = {
        "bare ccxt": [],
        "vote answered": [],
        "vote to wire": [],
        "vote to wire, right after balance and open orders were read": [],
    }
    async with child("bare_order", *desk.exchange.keys) as ccxt, trading(desk, SIZED) as side:
        venue = side.venues["main"]

        async def reads() -> None:
            await asyncio.gather(venue.balances(), venue.open_orders([]))

        async def nothing() -> None:
            return

        await bare_order(desk, ccxt)
        await voted(desk, side, reads)
        for _ in range(ROUNDS):
            took["bare ccxt"].append(await bare_order(desk, ccxt))
            answered, sent = await voted(desk, side, nothing)
            took["vote answered"].append(answered)
            took["vote to wire"].append(sent)
            _, sent = await voted(desk, side, reads)
            took["vote to wire, right after balance and open orders were read"].append(sent)
    show(
        "desk.vote -> order at the exchange, in process",
        "ms",
        {name: [1000 * value for value in values] for name, values in took.items()},
        baseline="bare ccxt",
        goal="goal: at most 5 ms over bare ccxt, p99 at most 12 ms, and the same right after reads",
    )
