"""The dead man's switch on virtual time: when it is armed and renewed, when not, and what it leaves behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.parts import assemble
from execution.dead_man import TRY_AGAIN
from execution.desk import Person
from execution.errors import VenueUnavailable
from execution.events import Event, EventKind
from execution.halt_file import HaltFile
from execution.market import Market
from execution.receiving import SignalKey
from execution.store import Store
from execution.types import OrderState, Side, Signal, Size, SizeKind, TicketState, TimeInForce
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from tests.bot.disks import full_disk
from tests.clock import NOW
from tests.databases import new_database
from tests.simulation.process import CONFIG
from tests.virtual_time import VirtualLoop, passes, run_virtually

D = Decimal
MINUTE = timedelta(seconds=60)
ANA = Person(id="tg:2", name="Ana")


class AtOnce(Executor):
    """What is submitted is done in the same turn, unless it `takes` so many seconds."""

    takes = 0.0

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        if self.takes:
            later = partial(self._do, done, partial(work, *args, **kwargs))
            asyncio.get_running_loop().call_later(self.takes, later)
        else:
            self._do(done, partial(work, *args, **kwargs))
        return done

    def _do(self, done: Future[Any], work: Callable[[], Any]) -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001  # as every executor: told to who waits
            done.set_exception(error)


class Switched(PaperVenue):
    """The paper venue, writing down when its switch was armed (seconds) and how it failed."""

    def __init__(self, folder: Path, clock: Callable[[], datetime], market: ScriptedMarket) -> None:
        super().__init__("main", folder / "paper.db", clock, market=market)
        self.armed: list[float] = []
        self.disarmed = 0
        self.refuses: str | None = None
        """What it says to being armed, or disarmed."""
        self.hangs = False
        self.shows_orders = True
        """Whether it can be compared with our rows."""

    async def arm(self, timeout: timedelta) -> None:
        self.armed.append(asyncio.get_running_loop().time())
        await self._meets()
        await super().arm(timeout)

    async def disarm(self) -> None:
        self.disarmed += 1
        await self._meets()
        await super().disarm()

    async def open_orders(self, symbols: Any) -> Any:
        if not self.shows_orders:
            raise VenueUnavailable("no list today")
        return await super().open_orders(symbols)

    async def _meets(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.refuses is not None:
            raise VenueUnavailable(self.refuses)


class Desk:
    """The trading side of a desk, its exchange with the switch set to a minute, and what goes wrong."""

    def __init__(self, folder: Path, timeout: timedelta | None) -> None:
        self.folder = folder
        self.loop = asyncio.get_running_loop()
        self.writer = AtOnce()
        ids = count(1)
        self.store = Store(
            f"sqlite:///{folder / 'desk.db'}",
            journal_key=b"k" * 32,
            clock=self.clock,
            new_id=lambda: f"{next(ids):026d}",
            writer=self.writer,
            readers=AtOnce(),
        )
        self.prices = ScriptedMarket()
        self.venue = Switched(folder, self.clock, self.prices)
        venues = {"main": self.venue}
        market = Market(venues, clock=self.clock, currency="USDT", at_par=("USDT",))
        self.side = assemble(
            store=self.store,
            market=market,
            venues=venues,
            config=replace(CONFIG, reconcile_every=timedelta(seconds=30)),
            install="tests",
            jitter=Random(1),
            started_at=self.clock(),
            halt_file=HaltFile(folder / "HALT"),
            dead_man={} if timeout is None else {"main": timeout},
        )
        self.feed = market.feed("main")
        work = [
            partial(market.run, "main"),
            partial(self.side.reconciler.run, "main"),
            self.side.executor.run,
            self.side.prover.run,
            *(one.run for one in self.side.switches.values()),
        ]
        self._tasks = [asyncio.create_task(one()) for one in work]

    def clock(self) -> datetime:
        """The time of day, which goes as the loop's time does."""
        return NOW + timedelta(seconds=self.loop.time())

    def stand_still(self, seconds: float) -> None:
        """The process does nothing at all for so long."""
        assert isinstance(self.loop, VirtualLoop)
        self.loop.leap(seconds)

    def told(self) -> list[Event]:
        """What the journal says of the switch."""
        events = self.store.read_now(lambda tx: tx.journal.after(0))
        return [event for event in events if event.kind.value.startswith("dead_man")]

    async def resting(self) -> str:
        """An order of ours rests at the exchange; its ticket."""
        size = Size(kind=SizeKind.AMOUNT, value=D("0.01"))
        signal = Signal(
            id="S" * 26,
            source="straight",
            received_at=self.clock(),
            symbol="BTC/USDT",
            side=Side.BUY,
            size=size,
            price=D(50_000),
            time_in_force=TimeInForce.GTC,
        )
        key = SignalKey(value=signal.id, keeps=timedelta(days=1))
        await self.side.desk.accept(signal, keys=[key], digest="d")
        await passes(2)
        (ticket,) = self.store.read_now(lambda tx: tx.tickets.newest(limit=1, signal=signal.id))
        assert self.order(ticket.id) is OrderState.WORKING
        return ticket.id

    def order(self, ticket: str) -> OrderState:
        """How the newest order of a ticket stands here."""
        return self.store.read_now(lambda tx: tx.orders.of_ticket(ticket))[-1].state

    def ticket(self, id: str) -> TicketState:
        """How a ticket stands."""
        found = self.store.read_now(lambda tx: tx.tickets.get(id))
        assert found is not None
        return found.state

    async def dies(self) -> None:
        """The process is gone from one moment to the next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.venue.close()
        self.store.close()


@asynccontextmanager
async def running(folder: Path, timeout: timedelta | None = MINUTE) -> AsyncIterator[Desk]:
    desk = Desk(folder, timeout)
    try:
        yield desk
    finally:
        await desk.dies()


Story = Callable[[Desk], Coroutine[Any, Any, None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Story], None]:
    """Play a story at a desk in this folder."""
    new_database(tmp_path / "desk.db")

    def play_one(story: Story, *, timeout: timedelta | None = MINUTE) -> None:
        async def whole() -> None:
            async with running(tmp_path, timeout) as desk:
                await story(desk)

        run_virtually(whole())

    return play_one


Play = Callable[..., None]


def kinds(desk: Desk) -> list[EventKind]:
    return [event.kind for event in desk.told()]


class TestRenewing:
    def test_it_is_armed_once_and_renewed_three_times_in_its_time(self, play: Play) -> None:
        async def story(desk: Desk) -> None:
            await passes(65)
            first, *renewed = desk.venue.armed
            assert first < 3
            assert [round(at - first) for at in renewed] == [20, 40, 60]
            assert desk.feed.armed_at == NOW + timedelta(seconds=renewed[-1])
            (armed,) = desk.told()
            assert (armed.kind, armed.data["venue"]) == (EventKind.DEAD_MAN_ARMED, "main")
            assert armed.data["seconds"] == "60"

        play(story)

    def test_the_start_warns_of_what_it_cancels(
        self, play: Play, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def story(desk: Desk) -> None:
            await passes(5)

        play(story)
        (warning,) = [r for r in caplog.records if r.name == "execution.dead_man"]
        assert warning.levelno == logging.WARNING
        assert "main cancels EVERY order of this account, stops and orders placed by hand too" in (
            warning.getMessage()
        )

    def test_it_waits_until_the_venue_was_compared_with_our_rows(
        self, play: Play, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def story(desk: Desk) -> None:
            desk.venue.shows_orders = False
            await passes(120)
            assert desk.feed.connected
            assert desk.venue.armed == []
            desk.venue.shows_orders = True
            await passes(5)
            assert len(desk.venue.armed) == 1
            assert kinds(desk) == [EventKind.DEAD_MAN_ARMED]

        play(story)
        assert "is not renewed" not in caplog.text, "it never was"

    def test_it_is_never_armed_where_it_is_off(self, play: Play) -> None:
        async def story(desk: Desk) -> None:
            await passes(120)
            assert desk.feed.reconciled_at is not None
            assert (desk.venue.armed, desk.told()) == ([], [])
            assert (desk.feed.dead_man, desk.feed.armed_at) == (None, None)

        play(story, timeout=None)

    def test_one_that_fails_is_tried_again_soon_and_nothing_is_told(
        self, play: Play, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)

        async def story(desk: Desk) -> None:
            await passes(10)
            desk.venue.refuses = "main: EGeneral:Internal error"
            await passes(20)
            tried = len(desk.venue.armed)
            pauses = [b - a for a, b in pairwise(desk.venue.armed)]
            assert [round(pause) for pause in pauses] == [20, 1, 2, 4], "a venue is not besieged"
            desk.venue.refuses = None
            await passes(8)
            assert len(desk.venue.armed) == tried + 1
            assert kinds(desk) == [EventKind.DEAD_MAN_ARMED]
            desk.venue.refuses = "main: EGeneral:Internal error"
            await passes(20)
            *_, first, second = desk.venue.armed
            assert round(second - first) == 1, "soon again"

        play(story)
        assert caplog.text.count("is not renewed: main: EGeneral:Internal error") == 2
        assert caplog.text.count("is renewed again") == 1

    def test_one_that_hangs_leaves_time_for_another(self, play: Play) -> None:
        async def story(desk: Desk) -> None:
            await passes(10)
            desk.venue.hangs = True
            await passes(20)
            hung = len(desk.venue.armed)
            desk.venue.hangs = False
            await passes(20 + TRY_AGAIN)
            assert len(desk.venue.armed) == hung + 1
            assert kinds(desk) == [EventKind.DEAD_MAN_ARMED]

        play(story)

    def test_one_that_cannot_be_armed_at_all_is_told_once_and_again_when_it_is(
        self, play: Play
    ) -> None:
        async def story(desk: Desk) -> None:
            desk.venue.refuses = "main: EGeneral:Permission denied"
            await passes(50)
            assert desk.told() == []
            await passes(200)
            (told,) = desk.told()
            assert told.kind is EventKind.DEAD_MAN_NOT_ARMED
            assert told.data["reason"] == "main: EGeneral:Permission denied"
            assert desk.feed.armed_at is None
            assert max(b - a for a, b in pairwise(desk.venue.armed)) < 21, "within its time"
            desk.venue.refuses = None
            await passes(60)
            assert kinds(desk)[1:] == [EventKind.DEAD_MAN_ARMED]

        play(story)


class TestNothingIsRenewed:
    """Whatever is not proved: then the venue acts, which is the purpose."""

    def test_while_nothing_can_be_stored(
        self, play: Play, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def story(desk: Desk) -> None:
            await passes(10)
            renewed = len(desk.venue.armed)
            with full_disk(desk.folder / "desk.db", "head"):
                await passes(70)
                assert len(desk.venue.armed) == renewed
            await passes(3)
            assert len(desk.venue.armed) == renewed + 1
            assert kinds(desk) == [EventKind.DEAD_MAN_ARMED, EventKind.DEAD_MAN_AGAIN]
            assert "The database does not answer" in desk.told()[-1].data["reason"]

        play(story)
        assert "main may have canceled every order there" in caplog.text

    def test_while_the_venue_was_not_compared_for_three_times_as_long_as_it_should(
        self, play: Play, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def story(desk: Desk) -> None:
            await passes(10)
            desk.venue.shows_orders = False
            await passes(90)
            renewed = len(desk.venue.armed)
            await passes(75)
            assert len(desk.venue.armed) == renewed
            assert kinds(desk)[-1] is EventKind.DEAD_MAN_DUE
            desk.venue.shows_orders = True
            await passes(5)
            assert len(desk.venue.armed) == renewed + 1

        play(story)
        assert caplog.text.count("is not renewed: main was not compared with our orders") == 1

    def test_in_the_turn_after_the_process_stood_still(
        self, play: Play, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def story(desk: Desk) -> None:
            await passes(10)
            renewed = len(desk.venue.armed)
            desk.stand_still(30)
            await passes(0.1)
            assert len(desk.venue.armed) == renewed
            await passes(2)
            assert len(desk.venue.armed) == renewed + 1
            assert kinds(desk) == [EventKind.DEAD_MAN_ARMED], "within its time"

        play(story)
        assert "is not renewed: this process stood still for" in caplog.text


class TestWhenItMayHaveActed:
    def test_it_is_told_once_with_the_reason_and_once_when_it_goes_on(self, play: Play) -> None:
        async def story(desk: Desk) -> None:
            await passes(10)
            desk.venue.refuses = "main cannot be reached"
            await passes(205)
            assert kinds(desk) == [EventKind.DEAD_MAN_ARMED, EventKind.DEAD_MAN_DUE]
            due = desk.told()[-1]
            assert dict(due.data) == {
                "venue": "main",
                "seconds": "60",
                "reason": "main cannot be reached",
            }
            desk.venue.refuses = None
            await passes(21)
            assert desk.feed.armed_at is not None
            assert desk.feed.reconciled_at is not None
            assert desk.feed.reconciled_at >= desk.feed.armed_at, (
                "what it did is looked for at once"
            )
            await passes(120)
            assert kinds(desk)[2:] == [EventKind.DEAD_MAN_AGAIN]
            desk.venue.refuses = "main cannot be reached"
            await passes(120)
            assert kinds(desk)[3:] == [EventKind.DEAD_MAN_DUE], "another time"

        play(story)

    def test_f56_what_it_canceled_ends_as_canceled_and_is_not_placed_again(
        self, play: Play
    ) -> None:
        async def story(desk: Desk) -> None:
            await passes(10)
            ticket = await desk.resting()
            desk.venue.refuses = "main cannot be reached"
            await passes(90)
            assert desk.order(ticket) is OrderState.CANCELED
            assert desk.ticket(ticket) is TicketState.CANCELED
            desk.venue.refuses = None
            await passes(300)
            assert len(desk.venue.accepted) == 1
            assert desk.order(ticket) is OrderState.CANCELED

        play(story)

    def test_f55_it_cancels_what_a_halt_cannot_while_the_exchange_is_away(self, play: Play) -> None:
        async def story(desk: Desk) -> None:
            await passes(10)
            ticket = await desk.resting()
            desk.venue.faults.unreachable = True
            await desk.side.desk.halt(person=ANA, reason="")
            await passes(90)
            assert desk.order(ticket) is not OrderState.CANCELED, "nobody here can know"
            desk.venue.faults.unreachable = False
            await passes(30)
            assert desk.order(ticket) is OrderState.CANCELED
            halt = desk.store.read_now(lambda tx: tx.trading().halt)
            assert halt is not None
            assert halt.verified_at is not None
            at = desk.store.read_now(lambda tx: tx.orders.of_ticket(ticket))[-1]
            assert at.cancel_reason is not None, "the halt had asked for it"

        play(story)


class TestTheEnd:
    def test_a_planned_stop_switches_it_off_so_that_orders_stay(
        self, play: Play, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)

        async def story(desk: Desk) -> None:
            await passes(10)
            await desk.resting()
            await desk.side.switches["main"].stop()
            await passes(300)
            assert desk.feed.armed_at is None
            assert len(await desk.venue.open_orders([])) == 1

        play(story)
        assert "the dead man's switch of main is off: what rests there stays" in caplog.text

    def test_nothing_is_armed_after_it_whatever_was_on_its_way(self, play: Play) -> None:
        async def story(desk: Desk) -> None:
            await passes(10)
            desk.venue.hangs = True
            await passes(15)
            stopping = asyncio.create_task(desk.side.switches["main"].stop())
            await passes(1)
            assert desk.venue.disarmed == 0, "it waits for the answer of what is on its way"
            await passes(10)
            assert stopping.done()
            tried = len(desk.venue.armed)
            desk.venue.hangs = False
            await passes(120)
            assert len(desk.venue.armed) == tried

        play(story)

    @pytest.mark.parametrize(
        ("hangs", "reason"),
        [(True, "no answer within 5 s"), (False, "has no way to switch it off")],
    )
    def test_a_stop_that_cannot_switch_it_off_says_what_will_happen(
        self, play: Play, caplog: pytest.LogCaptureFixture, hangs: bool, reason: str
    ) -> None:
        async def story(desk: Desk) -> None:
            await passes(5)
            desk.venue.hangs, desk.venue.refuses = hangs, "main has no way to switch it off"
            await desk.side.switches["main"].stop()

        play(story)
        assert f"could not be switched off: main {reason}".replace("main no", "no") in caplog.text
        assert "every order there is canceled within 60 s" in caplog.text

    def test_nothing_is_armed_after_it_whatever_was_being_proved(self, play: Play) -> None:
        async def story(desk: Desk) -> None:
            await passes(20)
            armed = len(desk.venue.armed)
            desk.writer.takes = 4.0
            await passes(3)
            await desk.side.switches["main"].stop()
            await passes(60)
            assert len(desk.venue.armed) == armed
            assert desk.feed.armed_at is None
            assert kinds(desk) == [EventKind.DEAD_MAN_ARMED]

        play(story)

    def test_a_process_that_dies_leaves_it_armed_and_the_next_one_finds_what_it_did(
        self, tmp_path: Path
    ) -> None:
        new_database(tmp_path / "desk.db")

        async def whole() -> None:
            async with running(tmp_path) as first:
                await passes(10)
                ticket = await first.resting()
            await passes(120)
            async with running(tmp_path) as second:
                await passes(10)
                assert second.order(ticket) is OrderState.CANCELED
                assert kinds(second) == [EventKind.DEAD_MAN_ARMED] * 2

        run_virtually(whole())

    def test_a_process_that_is_back_in_time_keeps_its_orders(self, tmp_path: Path) -> None:
        new_database(tmp_path / "desk.db")

        async def whole() -> None:
            async with running(tmp_path) as first:
                await passes(10)
                ticket = await first.resting()
            await passes(30)
            async with running(tmp_path) as second:
                await passes(200)
                assert second.order(ticket) is OrderState.WORKING

        run_virtually(whole())
