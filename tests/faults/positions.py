"""What the cases about positions share: one is bought, protected, closed, flattened, looked at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execution.types import OrderState, OrderType, Side, Ticket
from tests.faults.scene import BTC, Scene
from tests.simulation.story import ANA

D = Decimal
BOUGHT = D("0.00999")
"""What is held of an order of 0.01: the fee was taken in BTC."""
BID = D(60_000)
LEFT = D("0.00499")
"""What is held once the market has taken half of it."""
STOP = D(59_000)


async def bought(scene: Scene, amount: str = "0.01") -> Ticket:
    """A position, bought by an order of ours."""
    return await scene.ends(await scene.signal(price="60600", amount=amount), "done")


async def asked_for_a_stop(scene: Scene, **fields: Any) -> Ticket:
    """The ticket of a stop behind all of the position that takes the market, unless `fields` say otherwise."""
    stop = {"side": Side.SELL, "type": OrderType.STOP, "stop_price": STOP, "reduce_only": True}
    return await scene.signal(**{**stop, "amount": BOUGHT, **fields})


async def a_stop(scene: Scene, **fields: Any) -> Ticket:
    """The same, once it waits at the exchange."""
    ticket = await asked_for_a_stop(scene, **fields)
    await scene.until(lambda: scene.state(ticket) is OrderState.WORKING)
    return ticket


async def close(scene: Scene, share: str = "1", symbol: str = BTC) -> Ticket:
    """Ana types /close until she is answered."""
    asked = await scene.insist(lambda process: process.desk.close(symbol, D(share), person=ANA))
    (ticket,) = asked.tickets
    return ticket


async def flatten(scene: Scene) -> None:
    """Ana types /kill flatten until she is answered."""
    await scene.insist(lambda process: process.desk.halt(person=ANA, reason="", flatten=True))


def closings(scene: Scene) -> list[Ticket]:
    """Every closing, newest first."""
    return list(scene.read(lambda tx: tx.tickets.newest(limit=50, source="a close")))


def held(scene: Scene) -> Decimal:
    """How much is a position still."""
    position = scene.read(lambda tx: tx.positions.of("main", BTC))
    return D(0) if position is None else position.amount
