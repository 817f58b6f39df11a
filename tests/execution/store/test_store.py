"""One write is all or nothing, one writer loses nothing, readers neither wait nor see halves."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import IntegrityError

from execution.errors import Corrupt, StoreUnavailable
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.store.store import MAY_WAIT
from execution.types import OrderState
from tests.clock import Clock
from tests.execution.conftest import KEY, Open
from tests.execution.rows import order, stored

PATIENCE = 10
"""Seconds after which a test gives up on another thread."""


class Interrupted(Exception):
    """What goes wrong in the middle of some work."""


def some_of_everything(tx: Transaction) -> None:
    """A ticket, an order, an entry of the journal and a fact."""
    ticket = stored(tx)
    tx.orders.add(order())
    tx.journal.add(EventKind.TICKET_PENDING, tx.now, ticket=ticket.id)
    tx.fact("install", lambda: b"me")


def left_behind(tx: Transaction) -> tuple[object, ...]:
    """What of it is there."""
    return (
        tx.tickets.get("T1"),
        tx.signals.waiting(),
        tx.orders.in_state(*OrderState),
        tx.journal.head(),
        tx.journal.after(0),
        list(tx.journal.broken()),
    )


class TestAllOrNothing:
    async def test_work_that_fails_leaves_nothing_behind(self, store: Store) -> None:
        untouched = await store.read(left_behind)

        def work(tx: Transaction) -> None:
            some_of_everything(tx)
            raise Interrupted

        with pytest.raises(Interrupted):
            await store.write(work)

        assert await store.read(left_behind) == untouched

    async def test_a_lost_race_in_the_middle_leaves_nothing_behind(self, store: Store) -> None:
        untouched = await store.read(left_behind)

        def work(tx: Transaction) -> None:
            some_of_everything(tx)
            tx.set_trading(tx.trading().evolve(generation=7), tx.trading())

        with pytest.raises(Corrupt):
            await store.write(work)

        assert await store.read(left_behind) == untouched

    async def test_after_work_that_failed_the_journal_goes_on_unbroken(self, store: Store) -> None:
        def fails(tx: Transaction) -> None:
            tx.journal.add(EventKind.STARTED, tx.now)
            raise Interrupted

        for _ in range(2):
            with pytest.raises(Interrupted):
                await store.write(fails)
            await store.write(lambda tx: tx.journal.add(EventKind.STARTED, tx.now))

        assert await store.read(lambda tx: [event.seq for event in tx.journal.after(0)]) == [1, 2]
        assert await store.read(lambda tx: list(tx.journal.broken())) == []

    async def test_what_was_committed_is_there_for_another_process(
        self, store: Store, open_store: Open
    ) -> None:
        await store.write(some_of_everything)

        assert open_store().read_now(left_behind) == await store.read(left_behind)
        assert (await store.read(lambda tx: tx.journal.head()))[0] == 1

    async def test_the_result_of_the_work_is_handed_back(self, store: Store) -> None:
        assert await store.write(lambda tx: "written") == "written"
        assert await store.read(lambda tx: "read") == "read"

    def test_without_a_loop_it_writes_and_reads_in_the_calling_thread(self, store: Store) -> None:
        assert store.write_now(lambda tx: threading.get_ident()) == threading.get_ident()
        assert store.read_now(lambda tx: threading.get_ident()) == threading.get_ident()

    async def test_the_loop_does_not_wait_for_the_disk(self, store: Store) -> None:
        assert await store.write(lambda tx: threading.get_ident()) != threading.get_ident()
        assert await store.read(lambda tx: threading.get_ident()) != threading.get_ident()

    async def test_a_transaction_has_one_time_and_ids_that_follow_each_other(
        self, store: Store, clock: Clock
    ) -> None:
        first = await store.write(lambda tx: (tx.now, tx.new_id()))
        clock.advance(3)
        second = await store.write(lambda tx: (tx.now, tx.new_id()))

        assert (second[0] - first[0]).total_seconds() == 3
        assert second[1] > first[1]


class TestMany:
    TASKS, WRITES = 8, 30

    async def test_concurrent_writes_lose_nothing(self, store: Store) -> None:
        """Each reads what is there and adds one: a lost update would show in the sum."""

        def add_one(tx: Transaction) -> None:
            before = tx.trading()
            tx.set_trading(before, before.evolve(generation=before.generation + 1))
            tx.journal.add(EventKind.STARTED, tx.now)

        async def several() -> None:
            for _ in range(self.WRITES):
                await store.write(add_one)

        await asyncio.gather(*(several() for _ in range(self.TASKS)))

        total = self.TASKS * self.WRITES
        assert await store.read(lambda tx: tx.trading().generation) == total
        assert await store.read(lambda tx: tx.journal.count(EventKind.STARTED)) == total
        assert await store.read(lambda tx: list(tx.journal.broken())) == []

    async def test_two_processes_writing_at_once_lose_nothing(self, open_store: Open) -> None:
        def add_one(tx: Transaction) -> None:
            before = tx.trading()
            tx.set_trading(before, before.evolve(generation=before.generation + 1))

        one, other = open_store(), open_store()
        await asyncio.gather(
            *(process.write(add_one) for _ in range(20) for process in (one, other))
        )

        assert await one.read(lambda tx: tx.trading().generation) == 40


class TestSharedCommits:
    """What waits while one commit is on its way goes into the next one together."""

    @asynccontextmanager
    async def busy(self, store: Store) -> AsyncIterator[None]:
        """The writer is held until the block ends; what is written meanwhile waits."""
        inside, go_on = threading.Event(), threading.Event()

        def hold(tx: Transaction) -> None:
            inside.set()
            assert go_on.wait(PATIENCE)

        holding = asyncio.create_task(store.write(hold))
        await asyncio.to_thread(inside.wait, PATIENCE)
        try:
            yield
        finally:
            go_on.set()
            await holding

    async def asked(self, store: Store, *works: Callable[[Transaction], object]) -> list[Any]:
        """The works as tasks that have asked to be written, in this order."""
        tasks = [asyncio.create_task(store.write(work)) for work in works]
        await asyncio.sleep(0)
        return tasks

    async def test_works_that_wait_share_a_commit(self, store: Store, database: Path) -> None:
        counted = sqlite3.connect(database, isolation_level=None, check_same_thread=False)

        def version(tx: Transaction) -> int:
            """Changes with every commit of another connection, and only then (PRAGMA data_version)."""
            tx.journal.add(EventKind.STARTED, tx.now)
            return int(counted.execute("PRAGMA data_version").fetchone()[0])

        async with self.busy(store):
            tasks = await self.asked(store, *([version] * 5))
        during = await asyncio.gather(*tasks)

        assert len(set(during)) == 1
        assert int(counted.execute("PRAGMA data_version").fetchone()[0]) > during[0]
        counted.close()

    async def test_one_that_fails_leaves_the_others_stored(self, store: Store) -> None:
        def fails(tx: Transaction) -> None:
            some_of_everything(tx)
            raise Interrupted

        def add(tx: Transaction) -> int:
            return tx.journal.add(EventKind.STARTED, tx.now)

        async with self.busy(store):
            tasks = await self.asked(store, add, fails, add)
        results = await asyncio.gather(*tasks, return_exceptions=True)

        assert [type(result) for result in results] == [int, Interrupted, int]
        assert await store.read(lambda tx: [event.seq for event in tx.journal.after(0)]) == [1, 2]
        assert await store.read(lambda tx: list(tx.journal.broken())) == []
        assert await store.read(lambda tx: tx.tickets.get("T1")) is None

    async def test_one_the_database_refuses_leaves_the_others_stored(self, store: Store) -> None:
        """An error of the database may cost the whole transaction: each is then stored alone."""

        def twice(tx: Transaction) -> None:
            stored(tx)
            stored(tx)

        def add(tx: Transaction) -> int:
            return tx.journal.add(EventKind.STARTED, tx.now)

        async with self.busy(store):
            tasks = await self.asked(store, add, twice, add)
        results = await asyncio.gather(*tasks, return_exceptions=True)

        assert [isinstance(result, int) for result in results] == [True, False, True]
        assert isinstance(results[1], IntegrityError)
        assert await store.read(lambda tx: [event.seq for event in tx.journal.after(0)]) == [1, 2]
        assert await store.read(lambda tx: list(tx.journal.broken())) == []

    async def test_what_is_urgent_goes_ahead_of_what_waits(self, store: Store) -> None:
        order: list[str] = []
        async with self.busy(store):
            tasks = await self.asked(store, lambda tx: order.append("signal"))
            tasks.append(
                asyncio.create_task(store.write(lambda tx: order.append("halt"), first=True))
            )
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

        assert order == ["halt", "signal"]

    async def test_a_flood_is_refused_and_what_is_urgent_is_not(self, store: Store) -> None:
        async with self.busy(store):
            tasks = await self.asked(store, *([lambda tx: None] * MAY_WAIT))
            with pytest.raises(StoreUnavailable, match="Too much waits"):
                await store.write(lambda tx: None)
            tasks.append(asyncio.create_task(store.write(lambda tx: "halted", first=True)))
            await asyncio.sleep(0)
        results = await asyncio.gather(*tasks)

        assert results[-1] == "halted"
        assert await store.write(lambda tx: "written") == "written"


class TestReaders:
    async def test_a_reader_sees_the_last_commit_and_does_not_wait_for_a_writer(
        self, store: Store
    ) -> None:
        inside, go_on = threading.Event(), threading.Event()

        def slow(tx: Transaction) -> None:
            tx.journal.add(EventKind.STARTED, tx.now)
            inside.set()
            assert go_on.wait(PATIENCE)

        writing = asyncio.create_task(store.write(slow))
        await asyncio.to_thread(inside.wait, PATIENCE)
        try:
            during = await asyncio.wait_for(store.read(lambda tx: tx.journal.after(0)), PATIENCE)
        finally:
            go_on.set()
        await writing

        assert during == []
        assert len(await store.read(lambda tx: tx.journal.after(0))) == 1

    async def test_a_reader_sees_one_moment_although_others_write_meanwhile(
        self, store: Store
    ) -> None:
        inside, go_on = threading.Event(), threading.Event()

        def twice(tx: Transaction) -> tuple[int, int]:
            first = len(tx.journal.after(0))
            inside.set()
            assert go_on.wait(PATIENCE)
            return first, len(tx.journal.after(0))

        reading = asyncio.create_task(store.read(twice))
        await asyncio.to_thread(inside.wait, PATIENCE)
        await store.write(lambda tx: tx.journal.add(EventKind.STARTED, tx.now))
        go_on.set()

        assert await reading == (0, 0)
        assert len(await store.read(lambda tx: tx.journal.after(0))) == 1


class TestBell:
    async def test_it_rings_when_what_was_written_can_be_read(self, store: Store) -> None:
        seen: list[int] = []
        store.on_commit(lambda: seen.append(len(store.read_now(lambda tx: tx.journal.after(0)))))

        await store.write(lambda tx: tx.journal.add(EventKind.STARTED, tx.now))

        assert seen == [1]

    async def test_it_rings_on_the_loop_for_everyone_who_asked(self, store: Store) -> None:
        rung: list[tuple[str, int]] = []
        store.on_commit(lambda: rung.append(("executor", threading.get_ident())))
        store.on_commit(lambda: rung.append(("notifier", threading.get_ident())))

        await store.write(lambda tx: tx.journal.add(EventKind.STARTED, tx.now))

        assert rung == [("executor", threading.get_ident()), ("notifier", threading.get_ident())]

    async def test_it_rings_only_for_news(self, store: Store) -> None:
        """Nothing of what is noted without an event concerns anybody else; ringing for it would spin."""
        rung: list[bool] = []
        store.on_commit(lambda: rung.append(True))

        await store.write(lambda tx: tx.chat.advance("chat", 1))
        await store.read(lambda tx: tx.trading())

        assert rung == []

    async def test_work_that_failed_is_no_news(self, store: Store) -> None:
        rung: list[bool] = []
        store.on_commit(lambda: rung.append(True))

        def fails(tx: Transaction) -> None:
            tx.journal.add(EventKind.STARTED, tx.now)
            raise Interrupted

        with pytest.raises(Interrupted):
            await store.write(fails)

        assert rung == []


class TestUnavailable:
    @staticmethod
    def opened(url: str) -> Store:
        return Store(url, journal_key=KEY, clock=Clock(), new_id=lambda: "1")

    async def test_a_database_that_cannot_be_opened_says_so(self, tmp_path: Path) -> None:
        store = self.opened(f"sqlite:///{tmp_path}/gone/test.db")

        with pytest.raises(StoreUnavailable, match="unable to open"):
            await store.read(lambda tx: tx.trading())
        with pytest.raises(StoreUnavailable, match="unable to open"):
            await store.write(lambda tx: None)
        store.close()

    async def test_a_commit_that_failed_is_remembered_until_one_is_stored(
        self, tmp_path: Path
    ) -> None:
        folder = tmp_path / "later"
        store = self.opened(f"sqlite:///{folder}/test.db")
        assert store.trouble is None

        with pytest.raises(StoreUnavailable):
            await store.write(lambda tx: None)
        assert "unable to open" in (store.trouble or "")

        folder.mkdir()
        await store.write(lambda tx: None)
        assert store.trouble is None
        store.close()

    async def test_a_work_that_raises_is_no_trouble_of_the_store(self, store: Store) -> None:
        def interrupted(tx: Transaction) -> None:
            raise Interrupted

        with pytest.raises(Interrupted):
            await store.write(interrupted)
        assert store.trouble is None

    async def test_what_cannot_even_begin_is_tried_once_for_all_who_wait(
        self, tmp_path: Path
    ) -> None:
        """A locked database makes each attempt last: nobody waits for the attempts of the others."""
        attempts: list[int] = []

        def attempt(*_: object) -> None:
            attempts.append(1)

        store = self.opened(f"sqlite:///{tmp_path}/gone/test.db")
        event.listen(Engine, "do_connect", attempt)
        try:
            writing = asyncio.gather(
                *(store.write(lambda tx: None) for _ in range(8)), return_exceptions=True
            )
            refused = await writing
        finally:
            event.remove(Engine, "do_connect", attempt)

        assert {type(one) for one in refused} == {StoreUnavailable}
        assert len(attempts) < len(refused)
        store.close()

    async def test_a_database_that_takes_no_writes_says_so_and_is_still_read(
        self, store: Store, database: Path
    ) -> None:
        await store.write(some_of_everything)
        read_only = self.opened(f"sqlite:///file:{database}?mode=ro&uri=true")

        with pytest.raises(StoreUnavailable, match="readonly"):
            await read_only.write(lambda tx: tx.journal.add(EventKind.STARTED, tx.now))

        assert await read_only.read(left_behind) == await store.read(left_behind)
        read_only.close()


async def test_every_commit_is_on_the_disk_when_it_is_answered(
    store: Store, database: Path
) -> None:
    """WAL with a sync at each commit: what a power cut may not take back."""

    def pragma(tx: Transaction) -> tuple[object, ...]:
        ask = tx._connection.exec_driver_sql
        names = ("journal_mode", "synchronous", "busy_timeout")
        return tuple(ask(f"PRAGMA {name}").scalar_one() for name in names)

    full = 2
    assert await store.write(pragma) == ("wal", full, 2000)
    assert await store.read(pragma) == ("wal", full, 2000)


async def test_a_write_takes_the_lock_before_it_reads(store: Store, database: Path) -> None:
    """Otherwise two writers could both read first, and one of them would fail to go on."""
    inside, go_on = threading.Event(), threading.Event()

    def reads_only(tx: Transaction) -> None:
        inside.set()
        assert go_on.wait(PATIENCE)

    writing = asyncio.create_task(store.write(reads_only))
    await asyncio.to_thread(inside.wait, PATIENCE)
    other = sqlite3.connect(database, timeout=0, isolation_level=None)
    try:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    finally:
        other.close()
        go_on.set()
    await writing


async def test_closing_lets_what_is_being_written_end(open_store: Open) -> None:
    store = open_store()
    inside, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        inside.set()
        assert go_on.wait(PATIENCE)
        tx.journal.add(EventKind.STARTED, tx.now)

    writing = asyncio.create_task(store.write(slow))
    await asyncio.to_thread(inside.wait, PATIENCE)
    closing = asyncio.create_task(asyncio.to_thread(store.close))
    go_on.set()
    await asyncio.gather(writing, closing)

    assert open_store().read_now(lambda tx: tx.journal.head())[0] == 1
