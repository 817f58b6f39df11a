"""The watchdog elsewhere is called while the desk is proved to live, and only then; its address stays secret."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bot import parts
from bot.app import forever
from bot.heartbeat import EVERY, PATIENCE
from bot.logs import Redaction
from execution.breaker import BreakerState
from execution.events import EventKind
from execution.store import Transaction
from tests.bot.disks import full_disk
from tests.desk import FrontDesk, front_desk
from tests.virtual_time import SkippingLoop, passes

SECRET = "5f1c7a40-not-for-the-log"


class Watchdog:
    """A server on loopback that counts its calls and answers as it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
        self.hangs = False
        self.url = ""
        self.close: Callable[[], Awaitable[None]]

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.calls.append(head.decode().splitlines()[0])
        if self.hangs:
            await reader.read()
        writer.write(self.answer.encode())
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Watchdog]:
    dog = Watchdog()
    server = await asyncio.start_server(dog.take, "127.0.0.1", 0)

    async def close() -> None:
        server.close()
        await server.wait_closed()

    dog.close = close
    dog.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ping/{SECRET}?a=b"
    async with server:
        yield dog


def loop() -> SkippingLoop:
    """The loop that can leap."""
    running = asyncio.get_running_loop()
    assert isinstance(running, SkippingLoop)
    return running


class Watch:
    """A desk whose exchange was compared and whose chat was heard, and the watchdog it calls."""

    def __init__(self, desk: FrontDesk, dog: Watchdog) -> None:
        self.desk, self.dog = desk, dog
        made = parts.heartbeat(desk.settings, desk.side, desk.chat)
        assert made is not None
        self.heartbeat = made

    async def minute(self, *, compared: bool = True, heard: bool = True) -> int:
        """A minute goes by in which all is well, unless it is not; how many calls came."""
        self.desk.clock.advance(EVERY)
        if compared:
            await self.desk.side.reconciler.look("main")
        if heard:
            self.desk.chat.hearing.heard(self.desk.clock())
        before = len(self.dog.calls)
        running = asyncio.create_task(self.heartbeat.run())
        await asyncio.sleep(0)
        loop().leap(EVERY - 1)
        assert len(self.dog.calls) == before, "not at once"
        await passes(1 + 2 * PATIENCE)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return len(self.dog.calls) - before

    async def write(self, work: Callable[[Transaction], object]) -> None:
        """Something is stored."""
        await self.desk.side.store.write(work)


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    async with AsyncExitStack() as stack:
        dog = await stack.enter_async_context(listening())
        where = {"COUNTERSIGN_WATCHDOG__HEARTBEAT_URL": dog.url}
        desk = await stack.enter_async_context(front_desk(tmp_path, environ=where))
        await desk.start("trading")
        await desk.stop("trading")
        yield Watch(desk, dog)


async def test_it_is_called_once_a_minute_while_all_is_well(watch: Watch) -> None:
    assert [await watch.minute() for _ in range(3)] == [1, 1, 1]
    assert set(watch.dog.calls) == {f"GET /ping/{SECRET}?a=b HTTP/1.1"}


class TestNothingIsSent:
    async def test_while_nothing_can_be_stored(
        self, watch: Watch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        with full_disk(watch.desk.folder / "countersign.db", "head"):
            assert [await watch.minute(compared=False) for _ in range(2)] == [0, 0]
        assert [await watch.minute() for _ in range(2)] == [1, 1]
        assert caplog.text.count("no heartbeat is sent: The database does not answer") == 1
        assert caplog.text.count("the heartbeat is sent again") == 1

    async def test_while_an_exchange_was_not_compared_for_three_times_as_long_as_it_should(
        self, watch: Watch, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert [await watch.minute(compared=False) for _ in range(3)] == [1, 0, 0]
        assert "no heartbeat is sent: main was not compared" in caplog.text
        assert await watch.minute() == 1

    async def test_while_an_open_breaker_was_not_told(self, watch: Watch) -> None:
        await watch.write(lambda tx: tx.chat.advance("chat", tx.journal.head()[0]))
        await watch.write(lost)
        watch.desk.clock.advance(120)
        assert await watch.minute(compared=False) == 0

        await watch.write(lambda tx: tx.chat.advance("chat", tx.journal.head()[0]))
        assert await watch.minute(compared=False) == 1, "people know, and the desk is well"

    async def test_while_people_are_not_heard_for_so_long_that_it_was_journaled(
        self, watch: Watch, caplog: pytest.LogCaptureFixture
    ) -> None:
        watch.desk.chat.hearing.lost()
        assert await watch.minute(heard=False) == 1, "a moment of it is nothing"
        await watch.write(
            lambda tx: tx.journal.add(EventKind.CHAT_LOST, tx.now, reason="x", since="y")
        )
        assert await watch.minute(heard=False) == 0
        assert "nobody is heard in the chat" in caplog.text
        await watch.write(lambda tx: tx.journal.add(EventKind.CHAT_HEARD, tx.now))
        assert await watch.minute() == 1

    async def test_while_whoever_reads_the_chat_hangs_without_a_word(self, watch: Watch) -> None:
        heard = [True, False, False, False]
        assert [await watch.minute(heard=one) for one in heard] == [1, 1, 1, 0]

    async def test_after_the_process_stood_still(
        self, watch: Watch, caplog: pytest.LogCaptureFixture
    ) -> None:
        loop().call_later(EVERY - 0.5, loop().leap, 7)
        assert await watch.minute() == 0
        assert "this process stood still for 6 s" in caplog.text
        assert await watch.minute() == 1


def lost(tx: Transaction) -> None:
    """The exchange is silent: its breaker opens."""
    was = tx.breakers.of("main")
    tx.breakers.change(was, was.evolve(state=BreakerState.OPEN, since=tx.now, reason="no route"))
    tx.journal.add(EventKind.VENUE_DOWN, tx.now, venue="main", reason="no route")


class TestAWatchdogThatDoesNotTakeIt:
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "it answers 404"),
            ("HTTP/1.1 301 Moved\r\nLocation: /other\r\n\r\n", "it answers 301"),
            ("nothing that HTTP knows\r\n\r\n", "RemoteProtocolError"),
            ("", "RemoteProtocolError"),
        ],
    )
    async def test_is_told_of_once_and_called_once_a_minute_all_the_same(
        self, watch: Watch, caplog: pytest.LogCaptureFixture, answer: str, said: str
    ) -> None:
        caplog.set_level(logging.INFO)
        well, watch.dog.answer = watch.dog.answer, answer
        assert [await watch.minute() for _ in range(2)] == [1, 1]
        watch.dog.answer = well
        assert [await watch.minute() for _ in range(2)] == [1, 1]
        assert caplog.text.count(f"does not take the heartbeat: {said}") == 1
        assert caplog.text.count("takes the heartbeat again") == 1
        assert SECRET not in "".join(r.getMessage() for r in caplog.records if r.name[:3] == "bot")
        assert SECRET not in Redaction(watch.desk.settings.secrets()).text(caplog.text)

    async def test_holds_nothing_up_however_long_it_hangs(
        self, watch: Watch, caplog: pytest.LogCaptureFixture
    ) -> None:
        watch.dog.hangs = True
        assert [await watch.minute() for _ in range(2)] == [1, 1]
        assert caplog.text.count("does not take the heartbeat") == 1
        watch.dog.hangs = False
        assert await watch.minute() == 1

    async def test_may_not_be_there_at_all(
        self, watch: Watch, caplog: pytest.LogCaptureFixture
    ) -> None:
        await watch.dog.close()
        assert [await watch.minute() for _ in range(2)] == [0, 0]
        assert caplog.text.count("does not take the heartbeat: ConnectError") == 1
        assert SECRET not in caplog.text


class TestItsAddress:
    async def test_is_a_secret_that_no_text_of_the_settings_has(self, watch: Watch) -> None:
        settings = watch.desk.settings
        assert watch.dog.url in settings.secrets()
        assert SECRET not in f"{settings!r} {settings} {settings.model_dump_json()}"

    async def test_may_be_absent_so_that_nobody_is_called(self, desk: FrontDesk) -> None:
        assert "heartbeat" not in forever(desk.settings, desk.side, desk.chat)

    async def test_that_is_given_makes_a_task_of_its_own(self, watch: Watch) -> None:
        desk = watch.desk
        assert "heartbeat" in forever(desk.settings, desk.side, desk.chat)
