"""F57 to F59 and F88: the database takes nothing. What is not committed is not sent."""

from __future__ import annotations

import pytest

from execution.errors import StoreUnavailable
from execution.events import EventKind
from execution.types import OrderState, OrderType
from tests.faults.scene import Scene, case


@case
async def test_f57_an_order_that_cannot_be_stored_as_being_sent_does_not_leave(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.planned()
    with scene.database_takes_nothing():
        await scene.passes(10)
        assert (scene.sent, scene.exchange.orders) == (1, [])
    await scene.ends(ticket, "done")
    assert len(scene.exchange.orders) == 1


@case
async def test_f57_when_it_takes_long_the_desk_halts_and_it_is_denied_and_told(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.planned()
    with scene.database_takes_nothing():
        await scene.passes(70)
    await scene.ends(ticket, "canceled")
    await scene.until(scene.proved)
    await scene.hears("HALTED by the desk")
    assert (scene.sent, scene.exchange.orders) == (1, [])


@case
async def test_f58_an_answer_that_cannot_be_stored_is_stored_when_it_can(scene: Scene) -> None:
    await scene.start()
    scene.foretell(after=1, where="POST order done", deed=scene.lose_database)
    ticket = await scene.signal(type=OrderType.MARKET)
    await scene.passes(20)
    assert scene.state(ticket) is OrderState.SENDING
    scene.find_database()
    await scene.ends(ticket, "done")
    assert scene.happened(EventKind.ORDER_IN_DOUBT) == 0, "it was known all the time"
    assert scene.sent == len(scene.exchange.orders) == 1


@case
async def test_f58_an_answer_that_could_not_be_stored_before_a_crash_is_looked_up(
    scene: Scene,
) -> None:
    await scene.start()
    scene.foretell(after=1, where="POST order done", deed=scene.lose_database)
    ticket = await scene.signal(type=OrderType.MARKET)
    await scene.passes(5)
    scene.kill("with an answer in its hands")
    scene.find_database()
    await scene.ends(ticket, "done")
    assert scene.sent == len(scene.exchange.orders) == 1


@case
async def test_f59_a_halt_that_cannot_be_stored_is_told_holds_and_is_stored_when_it_can(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.planned()
    with scene.database_takes_nothing():
        with pytest.raises(StoreUnavailable):
            await scene.halt()
        await scene.passes(20)
        assert not scene.halted()
    await scene.until(scene.proved)
    assert scene.state(ticket) is OrderState.DENIED
    assert (scene.sent, scene.exchange.orders) == (1, [])


@case
async def test_f88_a_fill_that_cannot_be_booked_is_booked_when_it_can(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.working()
    with scene.database_takes_nothing():
        scene.exchange.fill(scene.exchange.orders[0])
        await scene.passes(20)
        assert scene.filled(ticket) == 0
    await scene.ends(ticket, "done")
    assert scene.state(ticket) is OrderState.FILLED
