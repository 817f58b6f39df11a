"""What the command line reports, asked directly: status, the journal, and who may resume."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from bot import terminal
from bot.settings import Settings
from execution.desk import Person
from execution.errors import NotPossible
from execution.types import TicketState, TradingState
from tests.desk import FrontDesk, settings_in
from tests.waiting import until

CLI = "cli:ana"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


def test_status_of_a_new_desk(settings: Settings) -> None:
    report = terminal.status(settings)
    assert report.verified
    assert report.text.splitlines() == [
        "PAPER · active · not running",
        "waiting 0 · open 0 · unknown 0",
        "paper main: 0 open orders, dead man's switch off",
    ]
    assert report.json["venues"][0]["connected"] is False
    assert report.json["uptime_s"] == 0


def test_looking_changes_nothing(settings: Settings) -> None:
    first, second = (terminal.verify(settings) for _ in range(2))
    terminal.status(settings)
    assert first == second == terminal.verify(settings)
    assert first.json["entries"] == 0


def test_resume_of_an_active_desk_is_not_possible(settings: Settings) -> None:
    with pytest.raises(NotPossible, match="Trading is already active"):
        terminal.resume(settings, CLI)


async def test_status_names_positions_and_a_halt(desk: FrontDesk) -> None:
    """By what is stored: it works while the service is down and knows no price."""
    await desk.start("trading")
    ticket = await desk.new_ticket(source="straight", amount=Decimal("0.01"))
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    await desk.new_ticket()
    await desk.side.desk.halt(person=Person(id=CLI, name="Ana"), reason="")
    await desk.stop("trading")
    report = terminal.status(desk.settings)
    first, halt, counts, venue, position = report.text.splitlines()
    assert first == "PAPER · halted · not running"
    assert halt == "halted by Ana at 2026-11-20 14:30:00 UTC, NOT DONE"
    assert counts == "waiting 0 · open 0 · unknown 0"
    assert venue == "paper main: 0 open orders, dead man's switch off"
    assert position.startswith("main BTC/USDT: 0.0")
    assert report.json["positions"][0]["mark"] is None


async def test_status_says_who_paused_and_resume_what_restarts(desk: FrontDesk) -> None:
    await desk.side.desk.pause(person=Person(id="tg:2222", name="Ana"), reason="")
    report = await asyncio.to_thread(terminal.status, desk.settings)
    assert report.text.splitlines()[1] == "paused by Ana at 2026-11-20 14:30:00 UTC"
    with pytest.raises(NotPossible, match="main has not been compared"):
        await asyncio.to_thread(terminal.resume, desk.settings, CLI)
    await desk.start("trading")
    await desk.stop("trading")
    resumed = await asyncio.to_thread(terminal.resume, desk.settings, CLI)
    assert resumed.text.splitlines()[:2] == [
        "Trading again.",
        "New signals become tickets again, and approved ones are sent.",
    ]


async def test_trail_of_a_ticket_is_the_one_of_the_chat(desk: FrontDesk) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(source="straight", amount=Decimal("0.01"))
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    await desk.stop("trading")
    report = terminal.audit(desk.settings, f"t-{ticket.id[-4:].lower()}")
    lines = report.text.splitlines()
    assert lines[1] == "14:30:00 Signal from straight"
    assert lines[-1] == "14:30:00 Done"
    assert report.json["ticket"] == ticket.id
    assert report.json["entries"][-1]["kind"] == "ticket_done"
    assert [e["text"] for e in report.json["entries"]] == [line[9:] for line in lines[2:]]


async def test_broken_journal_is_found_whatever_the_key(desk: FrontDesk) -> None:
    """Entries that were not chained with this database's own key do not verify."""
    await desk.side.desk.halt(person=Person(id=CLI, name="Ana"), reason="")
    assert desk.read(lambda tx: tx.trading()).state is TradingState.HALTED
    report = terminal.verify(desk.settings)
    assert not report.verified
    assert report.json == {"verified": False, "first_bad": 1}
