"""`countersign certify`: where it runs and where it does not, what it asks, shows, prints and keeps."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from bot import parts, terminal
from bot.alone import Alone
from bot.certify import certify
from bot.cli import app
from bot.doctor import doctor
from bot.parts import VERSION, Ids
from bot.settings import Settings, load_settings
from bot.telegram import replies
from bot.terminal import Report
from execution import certificates, reports
from execution.certificates import CCXT, Certificate, Outcome
from execution.certifying.run import names
from execution.errors import NotPossible
from execution.instruments import MarketKind
from tests.databases import new_database
from tests.doubles.binance import BinanceServer, refusal
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.doubles.loopback import Fault
from tests.markdown import DOCS
from tests.virtual_time import skipping

TOML = """\
[venues.main]
exchange = "binance"
mode = "sandbox"
default = true

[venues.real]
exchange = "binance"
mode = "live"

[venues.kraken]
exchange = "kraken"
mode = "live"

[venues.coinbase]
exchange = "coinbase"
mode = "live"

[venues.futures]
exchange = "binance"
mode = "sandbox"
market = "swap"

[venues.perps]
exchange = "binance"
mode = "live"
market = "swap"

[venues.toy]
exchange = "paper"
mode = "paper"
"""
NO = refusal(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
ASKED = (
    "This places up to 13 orders of about 6 USDT each in the sandbox of binance, in BTC/USDT;"
    " one of them is to fill, the others are canceled. Go on?"
)
ASKED_OF_CONTRACTS = (
    "This places up to 17 orders of about 144 USDT each in the sandbox of binance, in BTC/USDT:USDT;"
    " one of them is to open a long, which is closed again, the others are canceled. Go on?"
)


@dataclass
class Host:
    """Somebody at the command line of a desk's host, and an exchange's sandboxes of spot and of contracts."""

    folder: Path
    exchange: BinanceServer
    contracts: BinanceUsdmServer
    answer: bool = True
    asked: list[str] = field(default_factory=list)
    shown: str = ""

    @property
    def environ(self) -> dict[str, str]:
        quick = {"timeout_on_exit": 1, "rateLimit": 1}
        return {
            "COUNTERSIGN_DATABASE__URL": f"sqlite:///{self.folder / 'countersign.db'}",
            "COUNTERSIGN_ALLOW_LIVE": "yes",
            "COUNTERSIGN_VENUES__MAIN__API_KEY": self.exchange.api_key,
            "COUNTERSIGN_VENUES__MAIN__SECRET": self.exchange.secret,
            "COUNTERSIGN_VENUES__MAIN__CCXT": json.dumps(self.exchange.ccxt_overrides() | quick),
            "COUNTERSIGN_VENUES__FUTURES__API_KEY": self.contracts.api_key,
            "COUNTERSIGN_VENUES__FUTURES__SECRET": self.contracts.secret,
            "COUNTERSIGN_VENUES__FUTURES__CCXT": json.dumps(
                self.contracts.ccxt_overrides() | quick
            ),
            "DATABASE_URL": "",
            "PORT": "",
        }

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder / "countersign.toml", self.environ, self.folder)

    def type(self, *words: str) -> Result:
        """What a command line comes to."""
        return CliRunner().invoke(app, list(words), env=self.environ)

    async def certify(self, venue: str = "main", symbol: str | None = None) -> Report:
        """A whole run, waits skipped."""
        loop, began = asyncio.get_running_loop(), datetime.now(UTC)
        start = loop.time()
        console = Console(file=io.StringIO(), width=120)

        def sure(question: str) -> bool:
            self.asked.append(question)
            return self.answer

        try:
            with skipping():
                return await certify(
                    self.settings,
                    venue,
                    symbol=symbol,
                    console=console,
                    sure=sure,
                    clock=lambda: began + timedelta(seconds=loop.time() - start),
                    token=secrets.token_bytes,
                )
        finally:
            assert isinstance(console.file, io.StringIO)
            self.shown = console.file.getvalue()

    def kept(self, kind: MarketKind = MarketKind.SPOT) -> Certificate | None:
        """What the database has of the last run at Binance."""
        store = parts.open_store(self.settings, Ids())
        try:
            return store.read_now(lambda tx: certificates.last(tx, "binance", kind))
        finally:
            store.close()

    def status(self) -> dict[str, str | None]:
        """What `countersign status` says of each venue."""
        found = terminal.status(self.settings).json["venues"]
        return {venue["name"]: venue["certified"] for venue in found}


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the desk's folder, and the logging of this process as it was before."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = kept
    structlog.reset_defaults()


@pytest.fixture
async def host(tmp_path: Path, quiet: None) -> AsyncIterator[Host]:
    (tmp_path / "countersign.toml").write_text(TOML)
    new_database(tmp_path / "countersign.db")
    async with BinanceServer() as exchange, BinanceUsdmServer() as contracts:
        yield Host(tmp_path, exchange, contracts)


def line_of(result: Result, code: int) -> str:
    """The one line of a command that failed so."""
    assert result.exit_code == code, result.output
    (line,) = result.stderr.splitlines()
    return line


# A run


async def test_a_run_that_holds_is_printed_and_kept(host: Host) -> None:
    report = await host.certify()

    assert report.verified
    first, *_, last = report.text.splitlines()
    assert re.fullmatch(
        rf"binance main · SANDBOX · [0-9: -]{{19}} UTC · ccxt {CCXT} · Countersign {VERSION}", first
    )
    assert re.search(r"\n create +held +rests at 47\u202f992, post-only;", report.text)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert last == f"All 16 steps held: certified {today} (ccxt {CCXT})."
    kept = host.kept()
    assert kept is not None
    assert (kept.venue, kept.exchange, kept.mode) == ("main", "binance", "sandbox")
    assert (kept.ccxt, kept.countersign) == (CCXT, VERSION)
    assert [one.outcome for one in kept.findings] == [Outcome.HELD] * 16
    assert [one["text"] for one in report.json["steps"]] == [one.text for one in kept.findings]
    assert (report.json["certified"], report.json["stored"]) == (True, True)


async def test_a_run_in_contracts_is_printed_and_kept_as_one_of_contracts(host: Host) -> None:
    report = await host.certify("futures")

    assert report.verified
    assert host.asked == [ASKED_OF_CONTRACTS]
    first, *_, last = report.text.splitlines()
    assert first.startswith("binance futures swap · SANDBOX · ")
    assert last.startswith("All 19 steps held: certified ")
    assert re.search(r"\n close +held +0\.002 sold in full;", report.text)
    assert (report.json["exchange"], report.json["market"]) == ("binance", "swap")
    kept = host.kept(MarketKind.SWAP)
    assert kept is not None
    assert (kept.venue, kept.kind, kept.holds) == ("futures", MarketKind.SWAP, True)
    assert host.contracts.account.held() == []


async def test_contracts_and_spot_of_one_exchange_are_certified_apart(host: Host) -> None:
    none, said = "not certified", f"certified {datetime.now(UTC):%Y-%m-%d} (ccxt {CCXT})"
    await host.certify("futures")
    found = host.status()
    assert {found[name] for name in ("main", "real")} == {none}
    assert {found[name] for name in ("futures", "perps")} == {said}

    await host.certify("main")
    host.contracts.blind.add("openOrders")
    await host.certify("futures")
    found = host.status()
    assert {found[name] for name in ("main", "real")} == {said}
    assert {found[name] for name in ("futures", "perps")} == {none}


async def test_it_counts_for_every_venue_of_that_exchange_and_for_no_other(host: Host) -> None:
    assert set(host.status().values()) == {"not certified", None}
    await host.certify()

    said = f"certified {datetime.now(UTC):%Y-%m-%d} (ccxt {CCXT})"
    none = "not certified"
    assert host.status() == {
        "main": said, "real": said, "kraken": none, "coinbase": none, "futures": none, "perps": none,
        "toy": None,
    }  # fmt: skip
    text = terminal.status(host.settings).text
    assert f"binance main: 0 open orders, dead man's switch none, {said}\n" in text
    assert "paper toy: 0 open orders, dead man's switch off\n" in f"{text}\n"


async def test_the_chat_says_it_of_each_venue(host: Host) -> None:
    await host.certify()
    side = parts.trading(host.settings, Ids(), started_at=parts.now(), halting=True)
    view = side.store.read_now(
        lambda tx: reports.status(
            tx, side.market, version="0", started_at=tx.now, zone=UTC, undelivered=0
        )
    )
    await side.close()
    text = replies.status(view, parts.look(host.settings), now=parts.now(), short=str).text

    main, _, kraken, _, _, _, toy = text.splitlines()[1:8]
    assert "binance main" in main
    assert main.endswith(f", certified {datetime.now(UTC):%Y-%m-%d} (ccxt {CCXT})")
    assert "kraken kraken" in kraken
    assert kraken.endswith(", not certified")
    assert "paper toy" in toy
    assert "certified" not in toy


async def test_the_doctor_says_it_too(host: Host) -> None:
    said: list[str] = []
    await asyncio.to_thread(doctor, host.settings, said.append)
    await host.certify()
    await asyncio.to_thread(doctor, host.settings, said.append)

    before, after = (line for line in said if "venue main: " in line)
    assert before.startswith("ok      venue main: binance, SANDBOX, clock ")
    assert ", not certified" in before
    assert f", certified {datetime.now(UTC):%Y-%m-%d} (ccxt {CCXT})" in after


async def test_what_did_not_hold_is_named_and_takes_the_certificate_back(host: Host) -> None:
    await host.certify()
    host.exchange.blind.add("openOrders")
    report = await host.certify()

    assert not report.verified
    assert re.search(r"\n open orders +failed +listed 0 times, with our id\n", report.text)
    assert re.search(
        r"\n same id twice +failed +open orders do not show it, so a second", report.text
    )
    assert report.text.splitlines()[-1] == "13 of 16 steps held: not certified."
    assert host.status()["main"] == "not certified"
    assert re.search(r"^failed +open orders, .*: listed 0 times, with our id$", host.shown, re.M)


async def test_interrupted_it_says_what_is_left(host: Host) -> None:
    """No table comes then."""
    host.exchange.fail("GET openOrders", Fault(kind="hang"))
    running = asyncio.create_task(host.certify())
    await host.exchange.hanging.wait()
    host.exchange.fail("DELETE order", refusal(-1001, "Internal error.", status=503), times=99)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    (left,) = host.exchange.account.open_orders()
    (last,) = re.findall(r"^failed +nothing left behind, (.*)$", host.shown, re.M)
    assert f": may be left, to be ended by hand: {left.client_id} ({left.id})" in last


async def interrupted(host: Host) -> None:
    """A run that is interrupted while it looks at its fill."""
    host.exchange.hanging.clear()
    host.exchange.fail("GET myTrades", Fault(kind="hang"))
    running = asyncio.create_task(host.certify())
    await host.exchange.hanging.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_interrupted_it_takes_the_certificate_back_only_if_a_step_had_failed(
    host: Host,
) -> None:
    await host.certify()
    before = host.kept()
    await interrupted(host)
    assert host.kept() == before
    assert host.status()["main"].startswith("certified ")

    host.exchange.fail("POST order", NO)
    await interrupted(host)
    assert host.status()["main"] == "not certified"
    kept = host.kept()
    assert kept is not None
    found = {one.step: one.outcome for one in kept.findings}
    assert list(found) == names(MarketKind.SPOT)
    assert found["create"] is Outcome.FAILED
    assert found["fill"] is found["proof of absence"] is Outcome.NOT_TRIED
    assert found["nothing left behind"] is Outcome.HELD


async def test_how_it_goes_is_shown_step_by_step(host: Host) -> None:
    await host.certify()

    lines = host.shown.splitlines()
    assert len([line for line in lines if line.startswith("held ")]) == 16
    assert lines[0].startswith("held      reach and clock, ")
    assert "          looking 6 times, for 31 s" in lines


async def test_it_asks_before_anything_is_sent_and_a_no_is_heard(host: Host) -> None:
    host.answer = False
    with pytest.raises(NotPossible, match="nothing was sent"):
        await host.certify()

    assert host.asked == [ASKED]
    assert host.exchange.account.accepted == []
    assert host.kept() is None


async def test_what_could_not_be_tried_is_not_kept_and_nobody_is_asked(host: Host) -> None:
    await host.certify()
    host.asked.clear()
    host.exchange.fail("GET account", refusal(-2015, "Invalid API-key.", status=401))
    report = await host.certify()

    assert not report.verified
    assert host.asked == []
    assert report.text.endswith("0 of 16 steps held. Nothing was sent, and nothing is stored.")
    assert {one["outcome"] for one in report.json["steps"]} == {"failed", "not tried"}
    assert host.status()["main"].startswith("certified ")
    for secret in (host.exchange.api_key, host.exchange.secret):
        assert secret not in report.text + json.dumps(report.json) + host.shown


def test_the_page_about_it_tells_every_step_and_shows_a_run_of_all_of_them() -> None:
    page = DOCS["certify"]
    told = [row[0] for row in page.table("# Certifying an exchange", "step")]
    of_contracts = [step.removesuffix(" (contracts)") for step in told]

    assert of_contracts == names(MarketKind.SWAP)
    assert [step for step in told if "(contracts)" not in step] == names(MarketKind.SPOT)
    shown = re.findall(r"^ (\S.*\S) +held ", page.text, re.M)
    assert [name.strip() for name in shown] == [*names(MarketKind.SPOT), *names(MarketKind.SWAP)]


# Where it does not run


@pytest.mark.parametrize(
    ("venue", "said"),
    [
        ("toy", "toy is paper: its books are our own, there is nothing to certify"),
        (
            "real",
            'real is live, and nothing is tried with real money; certify a venue with exchange = "binance"'
            ' and mode = "sandbox": that counts for real too',
        ),
        (
            "perps",
            'perps is live, and nothing is tried with real money; certify a venue with exchange = "binance",'
            ' market = "swap" and mode = "sandbox": that counts for perps too',
        ),
        (
            "kraken",
            "kraken has no sandbox, and nothing is tried with real money: kraken stays uncertified",
        ),
        (
            "coinbase",
            "coinbase has no sandbox, and nothing is tried with real money: coinbase stays"
            " uncertified",
        ),
    ],
)
async def test_a_venue_that_is_no_sandbox_is_one_line_and_exit_1(
    host: Host, venue: str, said: str
) -> None:
    done = await asyncio.to_thread(host.type, "certify", venue, "--yes")
    assert line_of(done, 1) == f"countersign: {said}"
    assert host.exchange.requests == []


async def test_a_venue_that_is_not_there_is_exit_2(host: Host) -> None:
    done = await asyncio.to_thread(host.type, "certify", "none", "--yes")
    assert line_of(done, 2) == (
        "countersign: venues.none: there is no such venue; there is: main, real, kraken, coinbase, futures, perps,"
        " toy"
    )


async def test_where_nobody_can_be_asked_nothing_is_sent(host: Host) -> None:
    done = await asyncio.to_thread(host.type, "certify", "main")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == (
        "countersign: certify: nobody can be asked here; add --yes"
    )
    assert host.exchange.account.accepted == []


async def test_an_account_that_a_worker_trades_is_left_to_it(host: Host) -> None:
    worker = Alone(f"sqlite:///{host.folder / 'another.db'}", {"main": host.exchange.api_key})
    worker.take()
    try:
        done = await asyncio.to_thread(host.type, "certify", "main", "--yes")
    finally:
        worker.release()

    assert line_of(done, 1).startswith(
        "countersign: another countersign on this host trades the account of venues.main"
    )
    assert host.exchange.requests == []


async def test_while_it_runs_no_worker_can_take_the_account(host: Host) -> None:
    worker = Alone(f"sqlite:///{host.folder / 'another.db'}", {"main": host.exchange.api_key})
    taken: list[bool] = []

    def sure(question: str) -> bool:
        taken.append(worker.is_taken())
        return False

    with pytest.raises(NotPossible):
        await certify(
            host.settings,
            "main",
            symbol=None,
            console=Console(file=io.StringIO()),
            sure=sure,
            clock=parts.now,
            token=secrets.token_bytes,
        )

    assert (taken, worker.is_taken()) == ([True], False)


async def test_keys_that_are_missing_are_named_and_those_of_other_venues_are_not_asked_for(
    host: Host,
) -> None:
    toml = host.folder / "countersign.toml"
    toml.write_text(
        TOML.replace("[venues.real]", "[venues.other]").replace('"live"', '"sandbox"', 1)
    )
    done = await asyncio.to_thread(host.type, "certify", "other", "--yes")
    assert line_of(done, 2).startswith("countersign: venues.other.api_key: not set; give ")
