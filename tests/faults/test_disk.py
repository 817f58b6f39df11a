"""F57 and F59 on the real thing: a process of its own whose database takes nothing for a while."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tests.flows.setup import PATH_SECRET, House, Process

PATIENCE = 60
"""Seconds in which a write has been given up."""


@contextmanager
def no_room(process: Process) -> Iterator[None]:
    """No file of this process takes another byte: a full disk, for one process."""
    forever = resource.RLIM_INFINITY
    resource.prlimit(process._child.pid, resource.RLIMIT_FSIZE, (0, forever))
    try:
        yield
    finally:
        resource.prlimit(process._child.pid, resource.RLIMIT_FSIZE, (forever, forever))


@contextmanager
def locked(house: House) -> Iterator[None]:
    """Somebody else holds the database's write lock."""
    other = sqlite3.connect(house.folder / "countersign.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


async def refused(house: House) -> str:
    """A signal that is not stored: what its sender is told."""
    answer = await house.http.post(
        f"/signals/tv/{PATH_SECRET}", json={"symbol": "ETHUSDT", "side": "buy"}, timeout=PATIENCE
    )
    assert answer.status_code == 503
    assert answer.json()["fix"] == "send it again"
    return str(answer.json()["detail"])


async def test_f57_while_the_database_is_locked_nothing_is_taken_and_afterwards_it_goes_on(
    house: House,
) -> None:
    async with house.start():
        with locked(house):
            assert "database is locked" in await refused(house)
            parts = (await house.http.get("/readyz")).json()["parts"]
            assert "database is locked" in parts["database"]
            assert parts["telegram"] == "ready"
        signal = await house.send(symbol="ETHUSDT", side="buy")
        await house.approve(signal)
        await house.ticket_in("done", signal)
        assert await house.answers("/readyz")


async def test_f59_with_a_full_disk_nothing_is_taken_or_sent_until_there_is_room_again(
    house: House,
) -> None:
    async with house.start() as process:
        signal = await house.send(symbol="BTCUSDT", side="buy")
        card = await house.card(await house.ticket_in("pending", signal), "needed")
        with no_room(process):
            tapping = asyncio.create_task(house.tap(card, "Approve"))
            assert "The database does not answer" in await refused(house)
            assert await house.answers("/healthz")
            await house.ticket_in("pending", signal)
            assert house.exchange.asked("POST order") == []
        await tapping
        await house.ticket_in("done", signal)
        assert len(house.exchange.account.accepted) == 1
