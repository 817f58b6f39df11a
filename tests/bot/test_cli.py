"""The command line: exit codes, one line for what is wrong, and a kill that works with the service down."""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
import os
import pty
import select
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from click.testing import Result
from typer.testing import CliRunner

from bot import parts
from bot.alone import Alone
from bot.cli import app
from bot.rotation import rotate_master
from bot.settings import Settings
from execution.desk import Person
from execution.events import EventKind
from execution.receiving import SignalKey
from execution.types import OrderState, Side, Signal, Size, SizeKind, TimeInForce
from execution.venues.paper import PaperVenue
from tests.desk import SECRETS, TOML, settings_in
from tests.execution.builders import fill
from tests.waiting import until

ROOT = Path(__file__).parents[2]
COMMANDS = (
    *(["run"], ["status"], ["kill"], ["resume"], ["db", "upgrade"]),
    *(["audit", "verify"], ["audit", "show", "7F3K"]),
)


class Terminal:
    """Somebody at a command line in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = SECRETS | {
            "COUNTERSIGN_DATABASE__URL": f"sqlite:///{folder / 'countersign.db'}",
            "COUNTERSIGN_WEB__PORT": "0",
            "PORT": "",
            "DATABASE_URL": "",
        }
        self.toml(TOML)

    def toml(self, text: str) -> None:
        (self.folder / "countersign.toml").write_text(text)

    def settings(self) -> Settings:
        return settings_in(self.folder)

    def __call__(self, *words: str, **environ: str) -> Result:
        return CliRunner().invoke(app, list(words), env=self.environ | environ)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A command line, and the logging of this process as it was before."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    yield Terminal(tmp_path)
    root.handlers[:], root.level = kept
    structlog.reset_defaults()


def refused(result: Result, code: int) -> str:
    """The one line on standard error of a command that failed so."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("countersign: ")
    assert "Traceback" not in result.output
    return line


# --- usage and configuration ---------------------------------------------------------------------


def test_help_names_every_command(terminal: Terminal) -> None:
    result = terminal("--help")
    assert result.exit_code == 0
    for name in ("run", "demo", "status", "kill", "resume", "db", "audit"):
        assert name in result.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_unknown_setting_is_one_line_that_names_the_nearest(
    terminal: Terminal, words: list[str]
) -> None:
    terminal.toml(TOML.replace("chat_id", "chatid"))
    line = refused(terminal(*words), 2)
    assert "telegram.chatid (countersign.toml): unknown" in line
    assert "telegram.chat_id" in line


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"COUNTERSIGN_TELEGRAM__TOKEN": ""}, "telegram.token: not set; give COUNTERSIGN_TELEGRAM__TOKEN"),
        ({"COUNTERSIGN_WEB__PORT": "many"}, "web.port (COUNTERSIGN_WEB__PORT): "),
        ({"COUNTERSIGN_SOURCES__TV__SECRET": ""}, "sources.tv.secret"),
        ({"COUNTERSIGN_MASTER_KEY": "short"}, "COUNTERSIGN_MASTER_KEY: not a master key"),
    ],
)  # fmt: skip
def test_run_without_what_it_needs_names_the_setting_and_the_fix(
    terminal: Terminal, environ: dict[str, str], said: str
) -> None:
    assert said in refused(terminal("run", **environ), 2)


def test_file_that_is_not_there_is_named(terminal: Terminal) -> None:
    line = refused(terminal("status", "--config", "elsewhere.toml"), 2)
    assert "elsewhere.toml: there is no such file" in line


def test_port_that_is_taken_is_one_line_with_the_fix(terminal: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused(terminal("run", COUNTERSIGN_WEB__PORT=str(port)), 2)
    assert f"web.port ({port}): " in line
    assert "choose another with PORT=<number>" in line


def test_second_process_on_one_database_does_not_start(terminal: Terminal) -> None:
    alone = Alone(terminal.environ["COUNTERSIGN_DATABASE__URL"])
    alone.take()
    line = refused(terminal("run"), 1)
    alone.release()
    assert "another countersign works on this database" in line


@pytest.mark.parametrize("words", [["status"], ["db", "upgrade"], ["audit", "verify"], ["run"]])
def test_database_that_cannot_be_opened_is_one_line(terminal: Terminal, words: list[str]) -> None:
    nowhere = f"sqlite:///{terminal.folder / 'no-such-folder' / 'x.db'}"
    line = refused(terminal(*words, COUNTERSIGN_DATABASE__URL=nowhere), 1)
    assert "database" in line


def test_key_of_another_database_is_refused(terminal: Terminal) -> None:
    assert terminal("status").exit_code == 0
    (terminal.folder / "countersign.key").unlink()
    line = refused(terminal("status"), 2)
    assert "not the key this database was made with" in line


def test_kill_with_another_key_leaves_the_halt_for_the_process_that_has_the_right_one(
    terminal: Terminal,
) -> None:
    assert terminal("status").exit_code == 0
    (terminal.folder / "countersign.key").unlink()
    result = terminal("kill", "news")
    assert result.exit_code == 1
    assert result.stdout.startswith("NOT DONE: the halt could not be stored. ")
    assert "not the key this database was made with" in result.stdout
    assert '"reason": "news"' in (terminal.folder / "HALT").read_text()


def test_kill_asks_for_no_passphrase_where_nobody_can_type_one(terminal: Terminal) -> None:
    rotate_master(
        terminal.settings(), "cli:ana", lambda _: "correct horse", source=None, passphrase=True
    )
    assert "the master key is a passphrase" in refused(terminal("status"), 2)
    result = terminal("kill")
    assert result.exit_code == 1
    assert "It stands in the file HALT beside the database" in result.stdout
    assert (terminal.folder / "HALT").exists()


def test_kill_halts_before_a_passphrase_is_typed_and_whether_or_not_it_is(
    terminal: Terminal,
) -> None:
    """Whoever holds the phone at night may not remember it, and a running process needs none."""
    rotate_master(
        terminal.settings(), "cli:ana", lambda _: "correct horse", source=None, passphrase=True
    )
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "bot", "kill", "news"],
        cwd=terminal.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | terminal.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""

    def read_on() -> bytes:
        assert select.select([ours], [], [], 30)[0], shown
        return os.read(ours, 1024)

    try:
        while not shown.endswith(b"Passphrase of the vault: "):  # the blank comes without echo
            shown += read_on()
        assert '"reason": "news"' in (terminal.folder / "HALT").read_text()
        os.write(ours, b"\x04")  # the end of the input
        while b"NOT DONE" not in shown or not shown.endswith(b"\n"):
            shown += read_on()
        assert child.wait(30) == 1
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    assert b"A running process halts now." in shown
    assert b"nobody typed its passphrase" in shown


def test_kill_halts_where_the_vault_says_nonsense(terminal: Terminal) -> None:
    rotate_master(
        terminal.settings(), "cli:ana", lambda _: "correct horse", source=None, passphrase=True
    )
    fact = b'{"salt": "00112233445566778899aabbccddeeff", "memory": 8, "lanes": 4}'
    with sqlite3.connect(terminal.folder / "countersign.db") as database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'passphrase'", (fact,))
    database.close()
    assert terminal("kill").exit_code == 1
    assert (terminal.folder / "HALT").exists()


@pytest.mark.parametrize("port", ["many", "65536", "-1", "٣"])
def test_demo_on_no_port_number_is_one_line(terminal: Terminal, port: str) -> None:
    assert f"PORT ({port}): not a port number" in refused(terminal("demo", PORT=port), 2)


# --- looking -------------------------------------------------------------------------------------


def test_status_says_that_nothing_runs(terminal: Terminal) -> None:
    result = terminal("status")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "PAPER · active · not running"
    assert "waiting 0 · open 0 · unknown 0" in result.stdout


def test_status_as_json_is_the_shape_of_the_api(terminal: Terminal) -> None:
    result = terminal("status", "--json")
    assert result.exit_code == 0
    status = json.loads(result.stdout)
    assert list(status) == [
        "version", "mode", "trading", "halt", "venues", "tickets", "orders", "positions",
        "undelivered", "duplicates", "uptime_s", "pause", "day_result",
        "drawdown", "stops", "telegram", "running",
    ]  # fmt: skip
    assert (status["trading"], status["halt"], status["running"]) == ("active", None, False)
    alone = Alone(terminal.environ["COUNTERSIGN_DATABASE__URL"])
    alone.take()
    assert json.loads(terminal("status", "--json").stdout)["running"]
    alone.release()


def test_upgrade_may_be_said_again(terminal: Terminal) -> None:
    for _ in range(2):
        result = terminal("db", "upgrade")
        assert result.exit_code == 0
        assert result.stdout == "The database is at the newest schema.\n"


def test_journal_verifies_until_an_entry_is_edited(terminal: Terminal) -> None:
    assert terminal("resume").exit_code == 1
    asyncio.run(halted(terminal.settings()))
    whole = terminal("audit", "verify")
    assert whole.exit_code == 0
    assert whole.stdout.startswith("The journal verifies: 1 entries, head ")
    edit(terminal.folder / "countersign.db")
    broken = terminal("audit", "verify")
    assert broken.exit_code == 1
    assert broken.stdout == "The journal does not verify: entry 1 is the first bad one.\n"
    as_json = terminal("audit", "verify", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (
        1, {"verified": False, "first_bad": 1},
    )  # fmt: skip


def test_head_that_was_posted_is_still_there_or_not(terminal: Terminal) -> None:
    asyncio.run(halted(terminal.settings()))
    head = terminal("audit", "verify").stdout.split("head ")[1].strip().rstrip(".")
    held = terminal("audit", "verify", "--head", f"1:{head}")
    assert held.exit_code == 0
    assert held.stdout.endswith(" It holds entry 1 as it was posted.\n")
    for posted, words in (
        (f"7:{head}", "Entry 7 was posted and is gone: the journal ends at 1."),
        (f"1:{'0' * 16}", "Entry 1 is not the one that was posted: the journal was written anew."),
    ):
        lost = terminal("audit", "verify", "--head", posted)
        assert lost.exit_code == 1
        assert words in lost.stdout
    as_json = json.loads(terminal("audit", "verify", "--json", "--head", f"7:{head}").stdout)
    assert (as_json["verified"], as_json["posted"]) == (False, {"entry": 7, "held": False})


def test_entry_that_was_taken_out_is_named_by_the_next_one(terminal: Terminal) -> None:
    store = parts.open_store(terminal.settings(), parts.Ids())
    for _ in range(3):
        store.write_now(lambda tx: tx.journal.add(EventKind.STARTED, tx.now))
    store.close()
    raw = sqlite3.connect(terminal.folder / "countersign.db", isolation_level=None)
    raw.execute("DROP TRIGGER events_refuse_delete")
    assert raw.execute("DELETE FROM events WHERE seq = 2").rowcount == 1
    raw.close()
    lost = terminal("audit", "verify")
    assert lost.exit_code == 1
    assert lost.stdout == "The journal does not verify: entry 3 is the first bad one.\n"


def test_tail_that_was_cut_verifies_but_does_not_hold_the_posted_head(terminal: Terminal) -> None:
    asyncio.run(halted(terminal.settings()))
    whole = terminal("audit", "verify").stdout.split("head ")[1].strip().rstrip(".")
    raw = sqlite3.connect(terminal.folder / "countersign.db", isolation_level=None)
    raw.execute("DROP TRIGGER events_refuse_delete")
    raw.execute("DELETE FROM events")
    raw.execute("UPDATE head SET seq = 0, mac = ?", ("0" * 64,))
    raw.close()
    assert terminal("audit", "verify").exit_code == 0
    lost = terminal("audit", "verify", "--head", f"1:{whole}")
    assert lost.exit_code == 1
    assert "Entry 1 was posted and is gone: the journal ends at 0." in lost.stdout


def test_position_that_is_not_what_its_fills_come_to_is_named(terminal: Terminal) -> None:
    assert terminal("audit", "verify").exit_code == 0
    store = parts.open_store(terminal.settings(), parts.Ids())
    store.write_now(lambda tx: tx.fills.add(fill(Side.BUY, "2", "100")))
    store.close()
    assert terminal("audit", "verify").exit_code == 0
    raw = sqlite3.connect(terminal.folder / "countersign.db", isolation_level=None)
    raw.execute("UPDATE positions SET amount = '3'")
    raw.close()
    wrong = terminal("audit", "verify")
    assert wrong.exit_code == 1
    assert wrong.stdout.endswith(
        " The position in BTC/USDT at main is not what its fills come to.\n"
    )
    as_json = json.loads(terminal("audit", "verify", "--json").stdout)
    assert (as_json["verified"], as_json["positions"]) == (
        False, [{"venue": "main", "symbol": "BTC/USDT"}],
    )  # fmt: skip


@pytest.mark.parametrize("head", ["", "12", "12:abc", ":0123456789abcdef", "1:0123456789ABCDEF"])
def test_head_that_is_none_is_one_line_with_the_fix(terminal: Terminal, head: str) -> None:
    line = refused(terminal("audit", "verify", "--head", head), 2)
    assert "--head" in line
    assert "copy it from a daily message" in line


def test_trail_of_a_ticket_nobody_knows_is_one_line(terminal: Terminal) -> None:
    assert "there is no ticket 7F3K" in refused(terminal("audit", "show", "7F3K"), 1)


async def halted(settings: Settings) -> None:
    side = parts.trading(settings, parts.Ids(), started_at=parts.now())
    await side.desk.halt(person=Person(id="api", name="api"), reason="one entry")
    await side.close()


def edit(database: Path) -> None:
    """Change an entry behind the product's back, as somebody with the file could."""
    raw = sqlite3.connect(database, isolation_level=None)
    triggers = raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in triggers:
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute("UPDATE events SET actor = 'tg:1111'")
    raw.close()


# --- stopping and starting again -----------------------------------------------------------------


async def order_at_rest(settings: Settings) -> None:
    """A service that ran, sent an order that rests far below the market, and ended."""
    side = parts.trading(settings, parts.Ids(), started_at=parts.now())
    market = asyncio.create_task(side.market.run("main"))
    await until(lambda: side.market.feed("main").connected)
    work = [market, asyncio.create_task(side.reconciler.run("main")),
            asyncio.create_task(side.executor.run())]  # fmt: skip
    quote = await side.market.fresh_quote("main", "BTC/USDT")
    signal = Signal(
        id=parts.Ids()(),
        source="straight",
        received_at=parts.now(),
        symbol="BTC/USDT",
        side=Side.BUY,
        price=(quote.bid / 2).quantize(Decimal(1)),
        size=Size(kind=SizeKind.AMOUNT, value=Decimal("0.01")),
        time_in_force=TimeInForce.GTC,
    )
    key = SignalKey(value="one", keeps=timedelta(days=1))
    await side.desk.accept(signal, keys=[key], digest="one")
    await until(lambda: side.store.read_now(lambda tx: tx.orders.in_state(OrderState.WORKING)))
    await side.executor.stop()
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    await side.close()


async def resting(folder: Path) -> int:
    """How many orders rest at the paper exchange, by its own books."""
    venue = PaperVenue("main", folder / "paper-main.db", parts.now)
    await venue.open()
    shown = await venue.open_orders([])
    await venue.close()
    return len(shown)


def test_kill_with_the_service_down_cancels_by_itself_and_resume_lifts_it(
    terminal: Terminal,
) -> None:
    """The whole way at a terminal: halt, canceled at the exchange, proved, seen, resumed."""
    asyncio.run(order_at_rest(terminal.settings()))
    assert asyncio.run(resting(terminal.folder)) == 1
    done = terminal("kill", "the", "feed", "is wrong")  # nobody thinks of quotes then
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "HALTED. No new orders."
    assert lines[1] == "No live process takes it: canceling from here."
    assert "main: 1 of 1 orders ended" in lines
    assert lines[-1] == "Done: nothing of ours rests anywhere, looked twice."
    assert asyncio.run(resting(terminal.folder)) == 0

    status = json.loads(terminal("status", "--json").stdout)
    person = f"cli:{getpass.getuser()}"
    assert status["trading"] == "halted"
    assert status["halt"]["by"] == person
    assert (status["halt"]["reason"], status["halt"]["verified"]) == ("the feed is wrong", True)
    assert "halted by" in terminal("status").stdout

    again = terminal("kill", "--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout) == {"halt": status["halt"], "verified": True}

    resumed = terminal("resume", "--json")
    assert (resumed.exit_code, json.loads(resumed.stdout)) == (
        0,
        {
            "trading": "active",
            "plan": [
                "New signals become tickets again, and approved ones are sent.",
                "Heard: desk, straight, tv and the chat.",
                "Voided tickets and canceled orders stay as they are.",
            ],
        },
    )
    assert refused(terminal("resume"), 1) == "countersign: Trading is already active."
    assert terminal("audit", "verify").exit_code == 0


@pytest.mark.parametrize("table", ["trading", "events"])
def test_kill_that_cannot_be_stored_is_not_done_and_says_what_is_left_to_do(
    terminal: Terminal, table: str
) -> None:
    """A full disk, a locked database: whether it is opened at all or not."""
    assert terminal("status").exit_code == 0
    raw = sqlite3.connect(terminal.folder / "countersign.db", isolation_level=None)
    raw.execute(f"ALTER TABLE {table} RENAME TO aside")
    raw.close()
    result = terminal("kill")
    assert result.exit_code == 1
    assert result.stdout.startswith("NOT DONE: the halt could not be stored. The database ")
    assert "a running process takes it within a second" in result.stdout
    assert json.loads((terminal.folder / "HALT").read_text())["by"].startswith("cli:")
    as_json = json.loads(terminal("kill", "--json").stdout)
    assert (as_json["halt"], as_json["verified"]) == (None, False)


def test_resume_before_the_halt_is_proved_is_refused(terminal: Terminal) -> None:
    asyncio.run(halted(terminal.settings()))
    assert "The halt is not done yet" in refused(terminal("resume"), 1)
    assert "NOT DONE" in terminal("status").stdout
