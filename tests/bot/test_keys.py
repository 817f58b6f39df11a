"""`countersign keys`: what is asked and refused, what is stored, and that no secret gets anywhere else."""

from __future__ import annotations

import json
import logging
import os
import pty
import select
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import structlog
from click.testing import Result
from typer.testing import CliRunner

from bot import parts, terminal
from bot.alone import Alone
from bot.cli import app
from bot.keyring import with_keys
from bot.keys import add, ask_for_keys, listed, read_file, read_keys, remove, rotate
from bot.parts import Ids
from bot.sealed import VenueKeys
from bot.settings import Settings, SettingsError, load_settings
from execution.errors import NotPossible
from execution.events import EventKind
from execution.store import Transaction
from execution.types import Order, OrderState
from tests.databases import new_database
from tests.desk import FrontDesk
from tests.execution.rows import order

ROOT = Path(__file__).parents[2]
WHO = "cli:ana"
KEYS = VenueKeys("APIKEY0123456789abc", "SECRET-nobody-may-see", "PASSWORD-nobody-may-see")
OTHERS = VenueKeys("OTHERKEY0123456789a", "OTHERSECRET-nobody-may-see")
SECRETS = (KEYS.api_key, KEYS.secret, KEYS.password, OTHERS.api_key, OTHERS.secret)
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB\n-----END EC PRIVATE KEY-----"
TOML = """\
[venues.main]
exchange = "binance"
mode = "sandbox"
default = true

[venues.second]
exchange = "kraken"
mode = "live"

[venues.toy]
exchange = "paper"
mode = "paper"
"""


def as_json(keys: VenueKeys) -> str:
    return json.dumps({"api_key": keys.api_key, "secret": keys.secret, "password": keys.password})


class Host:
    """Somebody at the command line of a desk's host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "COUNTERSIGN_DATABASE__URL": f"sqlite:///{folder / 'countersign.db'}",
            "COUNTERSIGN_ALLOW_LIVE": "yes",
        }
        (folder / "countersign.toml").write_text(TOML)
        new_database(folder / "countersign.db")
        self.said = ""

    def settings(self, **environ: str) -> Settings:
        path = self.folder / "countersign.toml"
        return load_settings(path, self.environ | environ, self.folder)

    def __call__(self, *words: str, stdin: str = "", **environ: str) -> Result:
        given = self.environ | {"DATABASE_URL": "", "PORT": ""} | environ
        result = CliRunner().invoke(app, ["keys", *words], env=given, input=stdin)
        self.said += result.output
        return result

    def stored(self) -> VenueKeys:
        """What a start would sign with at main."""
        store = parts.open_store(self.settings(), Ids())
        found = with_keys(self.settings(), store).venues["main"]
        store.close()
        texts = (
            "" if value is None else value.get_secret_value()
            for value in (found.api_key, found.secret, found.password)
        )
        return VenueKeys(*texts)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A command line, and the logging of this process as it was before."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    yield Host(tmp_path)
    root.handlers[:], root.level = kept
    structlog.reset_defaults()


def refused(result: Result, code: int) -> str:
    """The one line of a command that failed so."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("countersign: ")
    return line


# Given


def test_keys_from_standard_input_are_sealed_and_replaced(host: Host) -> None:
    first = host("add", "main", stdin=as_json(KEYS))
    assert first.exit_code == 0, first.output
    key = host.folder / "countersign.key"
    assert first.stdout == (
        "The keys of main (binance sandbox) are sealed in the vault."
        f" {key} opens it: keep a copy of that apart from the database.\n"
    )
    assert host.stored() == KEYS

    second = host("rotate", "main", stdin=as_json(OTHERS))
    assert second.stdout == "The keys of main (binance sandbox) are replaced in the vault.\n"
    assert host.stored() == OTHERS


def test_keys_from_a_file_are_sealed_and_the_file_is_named_for_deletion(host: Host) -> None:
    (host.folder / "given.json").write_text(as_json(KEYS))

    done = host("add", "main", "--from", "given.json", "--json")

    assert json.loads(done.stdout) == {
        "venue": "main",
        "account": "binance sandbox",
        "replaced": False,
    }
    assert done.stderr == "given.json has them in the clear: delete it.\n"
    assert host.stored() == KEYS


def test_a_pem_is_typed_on_one_line(host: Host) -> None:
    typed = json.dumps({"api_key": "organizations/1/apiKeys/2", "secret": PEM.replace("\n", "\\n")})
    assert read_keys(typed).secret == PEM
    assert read_keys(json.dumps({"api_key": "organizations/1", "secret": PEM})).secret == PEM


def test_somebody_at_the_terminal_is_asked_without_an_echo() -> None:
    asked: list[str] = []

    def ask(text: str) -> str:
        asked.append(text)
        return {"A": KEYS.api_key, "S": f" {KEYS.secret} ", "P": ""}[text[0]]

    assert ask_for_keys(ask) == VenueKeys(KEYS.api_key, KEYS.secret)
    assert len(asked) == 3


def test_at_a_real_terminal_nothing_typed_is_shown(host: Host) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "bot", "keys", "add", "main"],
        cwd=host.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | host.environ,
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
        for question, answer in (
            (b"API key", KEYS.api_key),
            (b"Secret", KEYS.secret),
            (b"Passphrase", KEYS.password),
        ):
            last = b""
            while question not in last or not last.endswith(b": "):  # the blank comes without echo
                shown += read_on()
                last = shown.rpartition(b"\n")[2]
            os.write(ours, f"{answer}\n".encode())
        while b"sealed in the vault" not in shown:
            shown += read_on()
        child.wait(30)
    finally:
        child.kill()
        child.wait()
        os.close(ours)

    assert child.returncode == 0
    assert host.stored() == KEYS
    assert not [secret for secret in SECRETS if secret.encode() in shown]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "not JSON"),
        ("SECRET-nobody-may-see", "not JSON"),
        ("[]", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"api_key": "k", "secret": "s", "token": "SECRET-nobody-may-see"}', "not JSON"),
        ('{"secret": "SECRET-nobody-may-see"}', "api_key: not given"),
        ('{"api_key": "k", "secret": ""}', "secret: not given"),
        ('{"api_key": 5, "secret": "SECRET-nobody-may-see"}', "api_key: not given, or not a text"),
        ('{"api_key": "k", "secret": "s", "password": 5}', "password: not given, or not a text"),
        ('{"api_key": "k", "secret": "SECRET-nobody -may-see"}', "secret: has blanks"),
        ('{"api_key": "k\\u00e9y", "secret": "s"}', "api_key: has blanks"),
    ],
)
def test_what_cannot_be_keys_is_refused_and_not_repeated(host: Host, given: str, said: str) -> None:
    line = refused(host("add", "main", stdin=given), 2)

    assert said in line
    assert "nobody" not in line
    assert with_no_rows(host)


def with_no_rows(host: Host) -> bool:
    raw = sqlite3.connect(host.folder / "countersign.db")
    (count,) = raw.execute("SELECT count(*) FROM sealed_keys").fetchone()
    raw.close()
    return bool(count == 0)


@pytest.mark.parametrize("command", ["add", "rotate"])
def test_a_venue_that_is_none_is_refused_with_those_there_are(host: Host, command: str) -> None:
    line = refused(host(command, "mian", stdin=as_json(KEYS)), 2)
    assert "venues.mian: there is no such venue; there is: main, second, toy" in line
    line = refused(host(command, "toy", stdin=as_json(KEYS)), 2)
    assert "venues.toy: nothing is signed on paper, so it has no keys" in line


def test_add_and_rotate_name_each_other(host: Host) -> None:
    assert "countersign keys add main" in refused(host("rotate", "main", stdin=as_json(KEYS)), 1)
    host("add", "main", stdin=as_json(KEYS))
    assert "countersign keys rotate main" in refused(host("add", "main", stdin=as_json(OTHERS)), 1)
    assert host.stored() == KEYS


def test_what_is_refused_is_refused_before_anybody_types(host: Host) -> None:
    def read() -> VenueKeys:
        raise AssertionError("asked")

    settings = host.settings()
    add(settings, "main", lambda: KEYS, WHO)
    with pytest.raises(NotPossible):
        add(settings, "main", read, WHO)
    with pytest.raises(NotPossible):
        rotate(settings, "second", read, WHO)


def test_one_account_is_one_venue(host: Host) -> None:
    host("add", "main", stdin=as_json(KEYS))
    for environ in ({}, {"COUNTERSIGN_VENUES__MAIN__API_KEY": KEYS.api_key}):
        line = refused(host("add", "second", stdin=as_json(KEYS), **environ), 2)
        assert "venues.main has the same API key" in line
    assert host("rotate", "main", stdin=as_json(KEYS)).exit_code == 0, "its own again"


def test_bytes_that_are_no_text_are_one_line(host: Host) -> None:
    given = host.environ | {"DATABASE_URL": "", "PORT": ""}
    result = CliRunner().invoke(app, ["keys", "add", "main"], env=given, input=b"\xff\xfe{")

    assert "not JSON" in refused(result, 2)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_is_named(host: Host, name: str) -> None:
    line = refused(host("add", "main", "--from", name), 2)
    assert f"--from ({name}): cannot be read" in line


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8 text"):
        read_file(tmp_path / "given")


def test_who_gives_keys_learns_what_becomes_of_them(host: Host) -> None:
    lock = Alone(host.environ["COUNTERSIGN_DATABASE__URL"])
    lock.take()
    running = host("add", "main", stdin=as_json(KEYS)).stdout
    lock.release()
    unused = host(
        "rotate", "main", stdin=as_json(KEYS), COUNTERSIGN_VENUES__MAIN__SECRET="from-outside"
    ).stdout

    assert "The running process goes on with them within 2 seconds." in running
    assert "They are not used yet: the environment gives keys too" in unused


def test_a_row_that_does_not_open_can_be_replaced(host: Host) -> None:
    host("add", "main", stdin=as_json(KEYS))
    raw = sqlite3.connect(host.folder / "countersign.db", isolation_level=None)
    raw.execute("UPDATE sealed_keys SET label = x'00'")
    raw.close()

    done = host("rotate", "main", stdin=as_json(OTHERS))

    assert (done.exit_code, done.stderr) == (0, "")
    assert host.stored() == OTHERS


def test_rotate_wants_a_venue_or_the_master_key(host: Host) -> None:
    for words in ([], ["main", "--master"]):
        assert "one of the two, a venue or --master" in refused(host("rotate", *words), 2)
    assert "only with --master" in refused(host("rotate", "main", "--passphrase"), 2)
    assert "asked for at a terminal" in refused(host("rotate", "--master", "--passphrase"), 2)


def test_the_master_key_is_replaced_from_the_command_line(host: Host) -> None:
    host("add", "main", stdin=as_json(KEYS))
    done = host("rotate", "--master", "--json")

    assert json.loads(done.stdout)["venues"] == 1
    assert host.stored() == KEYS


def test_without_any_keys_run_says_where_they_may_be(host: Host) -> None:
    given = {
        "COUNTERSIGN_TELEGRAM__TOKEN": "123456:abcdefghijklmnopqrstuvwxyz",
        "COUNTERSIGN_TELEGRAM__CHAT_ID": "-100",
        "COUNTERSIGN_WEB__PORT": "0",
    }
    result = CliRunner().invoke(app, ["run"], env=host.environ | given)

    assert result.exit_code == 2, result.output
    line = result.stderr.splitlines()[-1]
    assert "venues.main.api_key: not set; give COUNTERSIGN_VENUES__MAIN__API_KEY" in line
    assert line.endswith("or seal the keys: countersign keys add main")


# Listed and removed


def test_the_list_says_from_where_and_since_when(host: Host) -> None:
    assert host("list").stdout.splitlines() == [
        "main · binance sandbox · no keys · countersign keys add main",
        "second · kraken live · no keys · countersign keys add second",
    ]
    settings = host.settings(COUNTERSIGN_VENUES__SECOND__API_KEY="outside-0123456789")
    add(settings, "main", lambda: KEYS, WHO)
    main, second = listed(settings).text.splitlines()

    assert main.startswith("main · binance sandbox · vault APIK… · added 20")
    assert main.endswith(" UTC by cli:ana")
    assert second == "second · kraken live · environment outs…"
    rotate(settings, "main", lambda: OTHERS, "cli:bob")
    (entry, _) = listed(settings).json["venues"]
    assert (entry["keys"], entry["key"], entry["by"], entry["opens"]) == (
        *("vault", "OTHE…", "cli:bob"),
        True,
    )
    assert entry["added_at"] < entry["replaced_at"]


def test_the_list_names_what_does_not_open_and_what_is_left_over(host: Host) -> None:
    for venue, keys in (("main", KEYS), ("second", OTHERS)):
        host("add", venue, stdin=as_json(keys))
    raw = sqlite3.connect(host.folder / "countersign.db", isolation_level=None)
    raw.execute("UPDATE sealed_keys SET sealed = zeroblob(80) WHERE venue = 'main'")
    raw.close()
    (host.folder / "countersign.toml").write_text(TOML.replace("venues.second", "venues.third"))

    shown = host("list")

    assert shown.exit_code == 1
    main, third, second = shown.stdout.splitlines()
    assert "main · binance sandbox · vault · venues.main: its keys in the vault do not open" in main
    assert "no keys" in third
    assert second.startswith("second · kraken live · vault · added")
    assert second.endswith("not in the settings: countersign keys remove second")


def test_short_keys_are_not_shown_at_all(host: Host) -> None:
    add(host.settings(), "main", lambda: VenueKeys("elevenchars", "s"), WHO)
    assert "vault · added" in listed(host.settings()).text


def test_keys_are_removed_after_a_question(host: Host) -> None:
    host("add", "main", stdin=as_json(KEYS))
    assert "add --yes" in refused(host("remove", "main"), 2)
    questions: list[str] = []

    def no(question: str) -> bool:
        questions.append(question)
        return False

    with pytest.raises(NotPossible, match="nothing was removed"):
        remove(host.settings(), "main", no, WHO)
    assert questions == ["Remove the keys of main from the vault?"]
    assert host.stored() == KEYS

    done = host("remove", "main", "--yes")
    assert "Revoke them at the exchange" in done.stdout
    assert with_no_rows(host)
    assert "the vault has no keys of main" in refused(host("remove", "main", "--yes"), 1)


def test_the_question_counts_the_orders_that_would_be_out_of_sight(host: Host) -> None:
    settings = host.settings()
    add(settings, "main", lambda: KEYS, WHO)
    store = parts.open_store(settings, Ids())
    for number, state in enumerate((OrderState.WORKING, OrderState.STUCK, OrderState.FILLED)):
        left = order(state, id=f"O{number}", ticket=f"T{number}", client_order_id=f"c{number}")
        store.write_now(partial(_add, left))
    store.close()
    questions: list[str] = []

    remove(settings, "main", lambda question: not questions.append(question), WHO)

    assert "2 of our orders may be open there" in questions[0]


def _add(one: Order, tx: Transaction) -> None:
    tx.orders.add(one)


# Told, and not told


def test_each_step_is_journaled_with_who_and_the_journal_verifies(host: Host) -> None:
    settings = host.settings()
    add(settings, "main", lambda: KEYS, WHO)
    rotate(settings, "main", lambda: OTHERS, "cli:bob")
    remove(settings, "main", lambda question: True, WHO)
    store = parts.open_store(settings, Ids())
    events = store.read_now(lambda tx: tx.journal.after(0))
    store.close()

    assert [(event.kind, event.actor, event.data["venue"]) for event in events] == [
        (EventKind.KEYS_ADDED, WHO, "main"),
        (EventKind.KEYS_REPLACED, "cli:bob", "main"),
        (EventKind.KEYS_REMOVED, WHO, "main"),
    ]
    assert terminal.verify(settings).verified


async def test_each_step_is_told_in_the_chat_once(desk: FrontDesk) -> None:
    await desk.start("notifier")

    def work(tx: Transaction) -> None:
        for kind in (EventKind.KEYS_ADDED, EventKind.KEYS_REPLACED, EventKind.KEYS_REMOVED):
            about = {"exchange": "binance", "mode": "live", "name": WHO}
            tx.journal.add(kind, tx.now, actor=WHO, venue="main", **about)
        tx.journal.add(EventKind.MASTER_KEY_REPLACED, tx.now, actor=WHO, name=WHO)

    await desk.side.store.write(work)
    said = [
        "The keys of main were sealed in the vault by cli:ana",
        "The keys of main were replaced by cli:ana",
        "The keys of main were removed from the vault by cli:ana",
        "The master key was replaced by cli:ana",
    ]
    for text in said:
        await desk.playground.wait_for(lambda message, text=text: text in message.text)
    for text in said:
        assert len([m for m in desk.playground.messages if text in m.text]) == 1


def test_no_secret_is_anywhere_but_in_the_vault(host: Host) -> None:
    """Not in the database or its side files while they are open, in no other file, in no answer."""
    host("list")
    watching = sqlite3.connect(host.folder / "countersign.db")
    watching.execute("SELECT count(*) FROM meta")  # keeps the log of writes from going
    everything: list[Callable[[], Result]] = [
        lambda: host("add", "main", stdin=as_json(KEYS)),
        lambda: host("add", "main", stdin=as_json(KEYS)),
        lambda: host("add", "second", stdin=as_json(KEYS)),
        lambda: host("add", "second", stdin=as_json(OTHERS)),
        lambda: host("list"),
        lambda: host("list", "--json"),
        lambda: host("rotate", "main", stdin=as_json(OTHERS)),
        lambda: host("rotate", "--master"),
        lambda: host("remove", "second", "--yes"),
    ]
    for one in everything:
        one()
        files = [path for path in host.folder.iterdir() if path.is_file()]
        assert any(path.name.endswith("-wal") for path in files), "the log of writes is there"
        for path in files:
            found = [secret for secret in SECRETS if secret.encode() in path.read_bytes()]
            assert not found, f"{found} in {path.name}"
    watching.close()

    assert not [secret for secret in SECRETS if secret in host.said]
    assert "APIK…" in host.said
