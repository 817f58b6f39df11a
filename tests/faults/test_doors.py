"""Every door to the halt against everything that can be wrong: it holds at once, and is proved in the end.

What each door does before it asks the desk (a command, a request, a signal of the host) is tested beside
its own code; here they are what they come down to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from execution import stopping
from execution.desk import Person
from execution.errors import StoreUnavailable
from execution.halt_file import AskedHalt, HaltFile
from execution.types import OrderState, TicketState
from tests.faults.scene import ANA, RESTS, Scene, case

Act = Callable[[Scene], Awaitable[None]]
OF_THE_API = Person(id="api", name="API")
OF_THE_HOST = Person(id="host:SIGUSR1", name="SIGUSR1 on the host")
OF_THE_TERMINAL = AskedHalt(by="cli:olga", name="cli:olga", reason="")


def by(person: Person) -> Act:
    """Somebody asks the running process."""

    async def ask(scene: Scene) -> None:
        assert scene.process is not None, "somebody listens"
        with suppress(StoreUnavailable):  # they are told that it is not stored
            await scene.process.desk.halt(person=person, reason="")

    return ask


async def by_the_terminal(scene: Scene) -> None:
    """Another process writes to the same database; where it cannot, it leaves the file."""
    asked = OF_THE_TERMINAL
    try:
        scene.written(lambda tx: stopping.halt(tx, by=asked.by, name=asked.name, reason=""))
    except StoreUnavailable:
        HaltFile.beside(scene.url).write(asked)


async def by_the_file(scene: Scene) -> None:
    """Somebody on the host types `touch HALT`."""
    HaltFile.beside(scene.url).path.touch()


DOORS: dict[str, Act] = {
    "chat": by(ANA),
    "HTTP": by(OF_THE_API),
    "SIGUSR1": by(OF_THE_HOST),
    "command line": by_the_terminal,
    "file": by_the_file,
}


async def nothing(scene: Scene) -> None:
    """All is well."""


async def exchange_is_away(scene: Scene) -> None:
    scene.weather("unreachable")


async def exchange_hangs(scene: Scene) -> None:
    scene.weather("no answer")


async def exchange_fails(scene: Scene) -> None:
    scene.weather("502 with a page")


async def exchange_wants_silence(scene: Scene) -> None:
    scene.meets("cancel", "429", "429", "418")


async def cancels_do_nothing(scene: Scene) -> None:
    scene.exchange.deaf = True


async def market_is_faster(scene: Scene) -> None:
    scene.exchange.faster = True


async def chat_is_away(scene: Scene) -> None:
    scene.room.away = True


async def database_takes_nothing(scene: Scene) -> None:
    scene.lose_database()


async def another_halt_is_under_way(scene: Scene) -> None:
    await scene.halt()
    await scene.passes(1)


async def an_order_is_on_its_way(scene: Scene) -> None:
    scene.meets("send", "no answer", done=True)
    ticket = await scene.signal(price=RESTS)
    await scene.passes_until(lambda: scene.state(ticket) is OrderState.SENDING)


FAULTS: dict[str, Act] = {
    "nothing": nothing,
    "the exchange is away": exchange_is_away,
    "the exchange hangs": exchange_hangs,
    "the exchange fails": exchange_fails,
    "the exchange wants silence": exchange_wants_silence,
    "cancels do nothing": cancels_do_nothing,
    "the market is faster": market_is_faster,
    "Telegram is away": chat_is_away,
    "the database takes nothing": database_takes_nothing,
    "another halt is under way": another_halt_is_under_way,
    "an order is on its way": an_order_is_on_its_way,
}


async def all_is_well_again(scene: Scene, fault: str) -> None:
    """The fault is over."""
    scene.good_weather()
    scene.network.planned.clear()
    scene.exchange.deaf = scene.room.away = False
    if fault == "the database takes nothing":
        scene.find_database()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("door", DOORS)
def test_every_door_halts_whatever_is_wrong(door: str, fault: str) -> None:
    @case
    async def story(scene: Scene) -> None:
        await scene.start()
        resting = await scene.working()
        waiting = await scene.signal(source="desk")
        await FAULTS[fault](scene)
        sent = scene.sent
        await DOORS[door](scene)
        await scene.passes(2)
        assert scene.process is not None
        assert scene.process.brake.pulled
        late = await scene.accept() if fault != "the database takes nothing" else None
        await scene.passes(6)
        assert scene.sent == sent, "nothing leaves once the door is shut"
        await all_is_well_again(scene, fault)
        await scene.until(scene.proved)
        assert not [order for order in scene.exchange.orders if order.is_open]
        assert scene.latest(waiting).state is TicketState.CANCELED
        assert scene.latest(resting).state in {TicketState.CANCELED, TicketState.DONE}
        if late is not None:
            refused = await scene.ticket_of(late)
            assert [one.code for one in refused.refusals] == ["HALTED"]
        await scene.hears("HALTED by")
        await scene.hears("Done at")

    story()


@pytest.mark.parametrize("door", DOORS)
def test_every_door_outlives_a_crash_right_after_it(door: str) -> None:
    @case
    async def story(scene: Scene) -> None:
        await scene.start()
        await scene.working()
        await DOORS[door](scene)
        scene.kill("right after the door")
        await scene.start()
        await scene.until(scene.proved)
        assert [order.now.status for order in scene.exchange.orders] == ["canceled"]

    story()


@pytest.mark.parametrize("door", DOORS)
def test_every_door_that_met_a_lost_database_outlives_a_crash(door: str) -> None:
    """Nothing of it is in the database when the next process starts: it is in the file."""

    @case
    async def story(scene: Scene) -> None:
        await scene.start()
        await scene.working()
        scene.lose_database()
        await DOORS[door](scene)
        scene.kill("right after the door")
        scene.find_database()
        sent = scene.sent
        await scene.start()
        assert scene.process is not None
        assert scene.process.brake.pulled
        await scene.accept()
        await scene.until(scene.proved)
        assert scene.sent == sent
        assert [order.now.status for order in scene.exchange.orders] == ["canceled"]
        assert not HaltFile.beside(scene.url).is_there()

    story()


@pytest.mark.parametrize("door", DOORS)
def test_every_door_works_before_the_exchange_was_ever_reached(door: str) -> None:
    """At the start, while nothing has been compared with the exchange yet."""

    @case
    async def story(scene: Scene) -> None:
        await scene.start()
        await scene.working()
        await scene.stop()
        scene.weather("unreachable")
        await scene.start()
        await DOORS[door](scene)
        await scene.passes(40)
        assert not scene.proved()
        await scene.hears("NOT DONE")
        scene.good_weather()
        await scene.until(scene.proved)
        assert [order.now.status for order in scene.exchange.orders] == ["canceled"]

    story()
