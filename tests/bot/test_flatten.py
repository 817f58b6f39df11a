"""A flatten at the doors that are not the chat: HTTP, the file HALT, and a command line that must send nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import parts, terminal
from bot.settings import Settings
from execution import checklist
from execution.desk import Person
from execution.errors import StoreUnavailable
from execution.events import EventKind
from execution.halt_file import HaltFile
from execution.receiving import SignalKey
from execution.trading import Flatten
from execution.types import Fill, Side, Signal, Size, SizeKind
from execution.venues.paper import PaperVenue
from tests.bot.telegram.subjects import a_position
from tests.desk import FrontDesk, settings_in
from tests.waiting import until

D = Decimal
ANA = Person(id="tg:2222", name="Ana")
AT = "2026-11-20T14:30:00Z"


def flatten_of(desk: FrontDesk) -> Flatten | None:
    """Who wants everything closed, as stored."""
    halt = desk.read(lambda tx: tx.trading()).halt
    assert halt is not None
    return halt.flatten


def is_closed(desk: FrontDesk) -> bool:
    """Whether no position is left; time passes while one asks."""
    desk.clock.advance(1)
    return not desk.read(lambda tx: tx.positions.open())


async def halt_of(http: httpx.AsyncClient) -> Mapping[str, Any]:
    """The halt as `/api/status` tells it."""
    halt: Mapping[str, Any] = (await http.get("/api/status")).json()["halt"]
    return halt


async def test_kill_over_http_closes_what_is_open(desk: FrontDesk, http: httpx.AsyncClient) -> None:
    await desk.start("trading")
    await a_position(desk)
    got = await http.post("/api/kill", json={"flatten": True, "reason": "wrong feed"})
    assert got.status_code == 202
    halt = {"by": "api", "at": AT, "reason": "wrong feed", "verified": False}
    assert got.json() == {"halt": halt | {"flatten": {"by": "api", "at": AT}}}
    assert await halt_of(http) == got.json()["halt"]
    await until(lambda: is_closed(desk))
    assert [order.side for order in desk.paper.accepted] == [Side.BUY, Side.SELL]

    async def proved() -> bool:
        desk.clock.advance(1)
        return bool((await halt_of(http))["verified"])

    await until(proved, timeout_s=8)


async def test_a_halted_desk_is_flattened_over_http_and_a_kill_without_it_takes_nothing_back(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await http.post("/api/kill", json={"reason": "one"})
    assert (await halt_of(http))["flatten"] is None
    desk.clock.advance(5)
    got = (await http.post("/api/kill", json={"flatten": True})).json()["halt"]
    asked = {"by": "api", "at": "2026-11-20T14:30:05Z"}
    assert (got["at"], got["reason"], got["flatten"]) == (AT, "one", asked)
    desk.clock.advance(5)
    again = (await http.post("/api/kill", json={"flatten": False})).json()["halt"]
    assert again["flatten"] == asked


async def test_a_flatten_that_could_not_be_stored_stands_in_the_file(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    with desk.broken_database(), pytest.raises(StoreUnavailable):
        await desk.side.desk.halt(person=ANA, reason="", flatten=True)
    status = (await http.get("/api/status")).json()
    assert (status["trading"], status["halt"]["flatten"]) == (
        "halted",
        {"by": ANA.id, "at": None},
    )
    await desk.restart()
    await desk.side.halting.take_file()
    flatten = flatten_of(desk)
    assert flatten is not None
    assert (flatten.by, flatten.name) == (ANA.id, ANA.name)
    assert not (desk.folder / "HALT").exists()
    assert desk.read(lambda tx: tx.journal.count(EventKind.FLATTEN_ASKED)) == 1


async def test_a_second_kill_that_cannot_be_stored_does_not_forget_the_flatten(
    desk: FrontDesk,
) -> None:
    with desk.broken_database():
        for flatten in (True, False):
            with pytest.raises(StoreUnavailable):
                await desk.side.desk.halt(person=ANA, reason="", flatten=flatten)
    await desk.restart()
    await desk.side.halting.take_file()
    assert flatten_of(desk) is not None


async def test_a_position_that_cannot_be_sold_from_here_is_named_and_holds_up_nothing(
    desk: FrontDesk,
) -> None:
    """Its venue was taken out of the settings, or has no such market any more."""
    await desk.start("trading")
    await a_position(desk)
    await desk.side.store.write(
        lambda tx: [
            tx.fills.add(lost(desk, *place))
            for place in (("old", "BTC/USDT"), ("main", "OLD/USDT"))
        ]
    )
    await desk.side.desk.halt(person=ANA, reason="", flatten=True)

    def proved() -> bool:
        desk.clock.advance(1)
        halt = desk.read(lambda tx: tx.trading()).halt
        return halt is not None and halt.verified_at is not None

    await until(proved, timeout_s=20)
    halt = desk.read(lambda tx: tx.trading()).halt
    assert halt is not None
    exits = desk.read(lambda tx: checklist.exits(tx, desk.side.market, halt))
    assert {(one.venue, one.symbol): (one.amount, one.unsellable) for one in exits} == {
        ("main", "BTC/USDT"): (0, None),
        ("main", "OLD/USDT"): (1, "main has no market OLD/USDT any more"),
        ("old", "BTC/USDT"): (1, "old is not set up any more"),
    }


def lost(desk: FrontDesk, venue: str, symbol: str) -> Fill:
    """A trade that nobody can undo from here."""
    (order,) = desk.read(lambda tx: tx.orders.newest(limit=1))
    return Fill(
        id=f"{venue}{symbol}"[:26],
        order=order.id,
        ticket=order.ticket,
        venue=venue,
        symbol=symbol,
        side=Side.BUY,
        trade_id="1",
        amount=D(1),
        price=D(100),
        fee=D(0),
        fee_currency=None,
        at=desk.clock(),
    )


@pytest.mark.parametrize("text", ["flatten", '{"flatten": true}', '{"by": "x", "flatten": true}'])
def test_a_file_made_by_hand_only_halts(tmp_path: Path, text: str) -> None:
    """Whatever stands in it is a reason: nobody sells by a word in a file."""
    file = HaltFile(tmp_path / "HALT")
    file.path.write_text(text)
    asked = file.read()
    assert asked is not None
    assert (asked.flatten, asked.reason) == (False, text)


# --- the command line --------------------------------------------------------------------------------


async def bought_and_to_be_flattened(settings: Settings) -> None:
    """A service that bought, heard `/kill flatten` and died before it sold anything."""
    side = parts.trading(settings, parts.Ids(), started_at=parts.now())
    work = [side.market.run("main"), side.reconciler.run("main"), side.executor.run()]
    tasks = [asyncio.create_task(one) for one in work]
    await until(lambda: side.market.feed("main").reconciled_at)
    signal = Signal(
        id=parts.Ids()(),
        source="straight",
        received_at=parts.now(),
        symbol="BTC/USDT",
        side=Side.BUY,
        size=Size(kind=SizeKind.AMOUNT, value=D("0.01")),
    )
    key = SignalKey(value="one", keeps=timedelta(days=1))
    await side.desk.accept(signal, keys=[key], digest="one")
    await until(lambda: side.store.read_now(lambda tx: tx.positions.open()))
    await side.executor.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await side.desk.halt(person=ANA, reason="", flatten=True)
    await side.close()


async def accepted(folder: Path) -> list[Side]:
    """The side of every order that the paper exchange has taken, by its own books."""
    venue = PaperVenue("main", folder / "paper-main.db", parts.now)
    await venue.open()
    sides = [order.side for order in venue.accepted]
    await venue.close()
    return sides


def test_the_command_line_sells_nothing_and_names_what_is_left(tmp_path: Path) -> None:
    """It follows a halt and cancels where nothing runs; what is to be sold waits for the service."""
    settings = settings_in(tmp_path)
    asyncio.run(bought_and_to_be_flattened(settings))
    said: list[str] = []
    report = terminal.kill(settings, "cli:ana", "", said.append, patience=1.5)
    assert said[:2] == ["HALTED. No new orders.", "No live process takes it: canceling from here."]
    assert not report.verified
    assert report.text.startswith("NOT DONE: 0.00999 BTC/USDT at main is not closed yet")
    assert report.json["halt"]["flatten"]["by"] == ANA.id
    assert asyncio.run(accepted(tmp_path)) == [Side.BUY]
