"""`countersign doctor`: every part in a line, with the fix where something is not as it should be."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.doctor import doctor
from bot.playground import Playground, serve
from bot.settings import load_settings
from bot.terminal import Report
from tests.clock import Clock
from tests.databases import new_database
from tests.desk import GROUP, OLGA, PEOPLE, TOKEN
from tests.doubles.binance import BinanceServer, refusal
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.doubles.kraken_futures.server import KrakenFuturesServer

TOML = f"""
[telegram]
chat_id = {GROUP}
[people]
owners = [{OLGA}]
[venues.main]
exchange = "binance"
mode = "live"
[sources.tv]
kind = "tradingview"
"""
HOUR = 3_600_000
"""Milliseconds."""


@dataclass
class Ward:
    """A folder with settings, and what a checkup of it says."""

    folder: Path
    exchange: BinanceServer | BinanceUsdmServer | KrakenFuturesServer
    telegram: str
    environ: dict[str, str] = field(default_factory=dict)
    toml: str = TOML
    said: list[str] = field(default_factory=list)

    async def checkup(self) -> Report:
        """What `countersign doctor` comes to."""
        toml = self.folder / "countersign.toml"
        toml.write_text(self.toml)
        new_database(self.folder / "countersign.db")
        given = {
            "COUNTERSIGN_TELEGRAM__TOKEN": TOKEN,
            "COUNTERSIGN_TELEGRAM__API_URL": self.telegram,
            "COUNTERSIGN_SOURCES__TV__SECRET": "a-secret-of-tradingview",
            "COUNTERSIGN_VENUES__MAIN__API_KEY": self.exchange.api_key,
            "COUNTERSIGN_VENUES__MAIN__SECRET": self.exchange.secret,
            "COUNTERSIGN_VENUES__MAIN__CCXT": json.dumps(
                self.exchange.ccxt_overrides() | {"timeout_on_exit": 1}
            ),
            "COUNTERSIGN_DATABASE__URL": f"sqlite:///{self.folder / 'countersign.db'}",
            "COUNTERSIGN_ALLOW_LIVE": "yes",
        }
        settings = load_settings(toml, given | self.environ, self.folder)
        return await asyncio.to_thread(doctor, settings, self.said.append)

    def line(self, part: str) -> str:
        """What was said of one part, its result first."""
        (found,) = (one for one in self.said if one[8:].startswith(f"{part}:"))
        return " ".join(found.split())


@pytest.fixture
async def ward(tmp_path: Path) -> AsyncIterator[Ward]:
    playground = Playground(":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=Clock())
    async with serve(playground) as url, BinanceServer() as exchange:
        yield Ward(tmp_path, exchange, url)
    await playground.close()


CONTRACTS = TOML.replace('mode = "live"', 'mode = "live"\nmarket = "swap"\nmax_leverage = 3')


@pytest.fixture
async def futures(tmp_path: Path) -> AsyncIterator[BinanceUsdmServer]:
    async with BinanceUsdmServer() as exchange:
        for symbol in exchange.account.leverage:
            exchange.account.leverage[symbol] = 3
        yield exchange


@pytest.fixture
async def ward_of_contracts(tmp_path: Path, futures: BinanceUsdmServer) -> AsyncIterator[Ward]:
    playground = Playground(":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=Clock())
    async with serve(playground) as url:
        yield Ward(tmp_path, futures, url, toml=CONTRACTS)
    await playground.close()


async def test_an_account_of_contracts_that_is_set_as_it_should(ward_of_contracts: Ward) -> None:
    report = await ward_of_contracts.checkup()
    assert report.verified
    assert ward_of_contracts.line("venue main").startswith("ok venue main: binance swap, LIVE, ")
    assert ward_of_contracts.line("venue main").endswith("; one-way mode")


async def test_what_else_there_is_to_warn_of_is_one_sentence_with_it(
    ward_of_contracts: Ward, futures: BinanceUsdmServer
) -> None:
    futures.endpoints.rights |= {"ipRestrict": False}
    assert (await ward_of_contracts.checkup()).verified
    line = ward_of_contracts.line("venue main")
    assert line.startswith("warning venue main: ")
    assert line.endswith("; bind the key to this machine's address; one-way mode.")


async def test_an_interface_that_will_be_switched_off_is_warned_of(tmp_path: Path) -> None:
    playground = Playground(":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=Clock())
    async with serve(playground) as url, KrakenFuturesServer() as kraken:
        toml = CONTRACTS.replace('"binance"', '"kraken"').replace("= 3", "= 50")
        ward = Ward(tmp_path, kraken, url, toml=toml)
        assert (await ward.checkup()).verified
        line = ward.line("venue main")
        assert line.startswith("warning venue main: kraken swap, LIVE, ")
        assert "the exchange switches this interface off on 2027-03-01" in line
    await playground.close()


async def test_hedge_mode_is_a_failure_with_its_fix(
    ward_of_contracts: Ward, futures: BinanceUsdmServer
) -> None:
    futures.account.hedge = True
    assert not (await ward_of_contracts.checkup()).verified
    line = ward_of_contracts.line("venue main")
    assert line.startswith("failed venue main: binance swap, LIVE, ")
    assert line.endswith(
        "; in hedge mode: no order goes there. Set it to one-way mode at the exchange."
    )


async def test_markets_set_to_more_leverage_than_allowed_are_named(
    ward_of_contracts: Ward, futures: BinanceUsdmServer
) -> None:
    futures.account.leverage["ETHUSDT"] = 20
    report = await ward_of_contracts.checkup()
    assert report.verified
    line = ward_of_contracts.line("venue main")
    assert line.startswith("warning venue main: ")
    assert line.endswith(
        "; one-way mode; set to more than 3x: ETH/USDT:USDT 20x. What adds exposure there is refused."
        " Set less at the exchange, or raise max_leverage."
    )


async def test_a_desk_where_all_is_well(ward: Ward) -> None:
    report = await ward.checkup()
    assert (report.text, report.verified, report.json["ok"]) == ("All is well.", True, True)
    assert [line.split(":")[0] for line in ward.said] == [
        "ok      settings", "ok      disk", "ok      telegram", "ok      source tv",
        "ok      database", "ok      venue main",
    ]  # fmt: skip
    assert ward.line("settings") == "ok settings: countersign.toml, 1 venue, LIVE"
    assert ward.line("telegram") == "ok telegram: @countersign_bot in Trading desk"
    assert ward.line("source tv") == "ok source tv: tradingview, posts to /signals/tv"
    assert ward.line("venue main").startswith("ok venue main: binance, LIVE, clock ")


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        (
            {"enableWithdrawals": True},
            "failed venue main: binance, LIVE: no order goes there, its key may withdraw: make one"
            " that may not.",
        ),
        (
            {"enableSpotAndMarginTrading": False},
            "failed venue main: binance, LIVE: no order goes there, its key may not trade: allow it"
            " to, or make another.",
        ),
    ],
    ids=["withdraws", "reads"],
)
async def test_a_key_that_does_not_fit(ward: Ward, rights: dict[str, bool], said: str) -> None:
    ward.exchange.endpoints.rights = rights
    report = await ward.checkup()
    assert not report.verified
    assert ward.line("venue main") == said


async def test_keys_that_are_missing_are_named_with_where_they_go(ward: Ward) -> None:
    ward.environ = {f"COUNTERSIGN_VENUES__MAIN__{name}": "" for name in ("API_KEY", "SECRET")}
    assert not (await ward.checkup()).verified
    assert ward.line("venue main") == (
        "failed venue main: venues.main.api_key: not set; give COUNTERSIGN_VENUES__MAIN__API_KEY in the"
        " environment or .env, or seal the keys: countersign keys add main."
    )


async def test_a_key_for_every_address_is_a_warning(ward: Ward) -> None:
    ward.exchange.endpoints.rights = {"ipRestrict": False}
    report = await ward.checkup()
    assert (report.text, report.verified) == ("0 parts failed, 1 warning.", True)
    assert ward.line("venue main").endswith("; bind the key to this machine's address.")


async def test_a_clock_that_is_off_is_a_warning(ward: Ward) -> None:
    ward.exchange.clock_offset = HOUR
    await ward.checkup()
    line = ward.line("venue main")
    assert line.startswith("warning venue main: binance, LIVE, clock behind by 3600.")
    assert line.endswith("; set this machine's clock (NTP); it is corrected for meanwhile.")


async def test_a_key_that_is_refused_and_no_secret_in_what_is_said(ward: Ward) -> None:
    ward.exchange.fail(
        "GET account", refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
    )
    report = await ward.checkup()
    assert not report.verified
    line = ward.line("venue main")
    assert line.startswith("failed venue main: ")
    assert line.endswith(" Check the key, the network and the mode.")
    for secret in (ward.exchange.secret, ward.exchange.api_key, TOKEN):
        assert secret not in "\n".join([*ward.said, json.dumps(report.json)])


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"COUNTERSIGN_TELEGRAM__TOKEN": "123456:ANOTHER-token-that-nobody-has-given"},
            "failed telegram: Telegram does not know the token. Take the one that BotFather shows"
            " for your bot.",
        ),
        (
            {"COUNTERSIGN_TELEGRAM__CHAT_ID": "-100999"},
            "failed telegram: Telegram says: Chat not found. Check telegram.chat_id, and that the"
            " bot is in that chat.",
        ),
        (
            {"COUNTERSIGN_TELEGRAM__API_URL": "http://127.0.0.1:9"},
            "failed telegram: Telegram does not answer. Check the network and telegram.api_url.",
        ),
    ],
    ids=["token", "chat", "network"],
)
async def test_a_chat_that_does_not_work(ward: Ward, environ: dict[str, str], said: str) -> None:
    ward.environ = environ
    assert not (await ward.checkup()).verified
    assert ward.line("telegram") == said


async def test_a_desk_without_a_token_is_told_how_to_get_one(ward: Ward) -> None:
    ward.environ = {"COUNTERSIGN_TELEGRAM__TOKEN": ""}
    await ward.checkup()
    assert (
        ward.line("telegram") == "failed telegram: telegram.token is not set. Run countersign init."
    )


async def test_files_with_secrets_that_others_can_read(ward: Ward) -> None:
    env = ward.folder / ".env"
    env.write_text("")
    env.chmod(0o644)
    await ward.checkup()
    assert ward.line(".env") == (
        "warning .env: other users of this machine can read it. chmod 600 .env"
    )


async def test_a_database_that_cannot_be_opened_leaves_the_rest_told(ward: Ward) -> None:
    ward.environ = {"COUNTERSIGN_DATABASE__URL": f"sqlite:///{ward.folder / 'none' / 'desk.db'}"}
    report = await ward.checkup()
    assert not report.verified
    assert ward.line("database").startswith("failed database: ")
    assert ward.line("telegram").startswith("ok ")
    assert not shutil.disk_usage(ward.folder).free < 0, "the disk is asked about, whatever it says"


async def test_a_paper_venue_is_never_opened_beside_a_running_desk(ward: Ward) -> None:
    ward.toml = TOML.replace('"binance"', '"paper"').replace('"live"', '"paper"')
    ward.environ = {
        f"COUNTERSIGN_VENUES__MAIN__{key}": "" for key in ("API_KEY", "SECRET", "CCXT")
    } | {"COUNTERSIGN_VENUES__MAIN__CCXT": "{}"}
    await ward.checkup()
    assert ward.line("venue main") == "ok venue main: paper, a market of our own"
    assert not (ward.folder / "paper-main.db").exists()
