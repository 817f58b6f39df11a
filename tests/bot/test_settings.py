"""What may be set, where it may come from, and how exactly it is read.

What is refused is in test_settings_refused.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, SecretStr

from bot.settings import Settings, SettingsError, load_settings
from bot.settings.values import Rate
from execution.types import Mode, Side, Size, SizeKind

ROOT = Path(__file__).parents[2]
VENUE = '[venues.main]\nexchange = "binance"\nmode = "sandbox"\n'
SOURCE = '[sources.tv]\nkind = "tradingview"\n'
TV_SECRET = {"COUNTERSIGN_SOURCES__TV__SECRET": "tv-secret"}

EVERYTHING = """
[general]
currency = "EUR"
at_par = ["EUR"]
timezone = "Europe/Madrid"
[telegram]
token = ""
chat_id = -1001234567890
topic_id = 7
api_url = "http://127.0.0.1:8081/"
updates = "polling"
daily_at = "07:30"
[people]
owners = [1111]
approvers = [2222]
viewers = [3333]
[web]
host = "127.0.0.1"
port = 8081
public_url = "https://desk.example.com"
trusted_proxies = ["10.0.0.0/8"]
control_token = ""
log = "json"
[database]
url = "sqlite:///desk.db"
[vault]
master_key_file = ""
[venues.main]
exchange = "binance"
mode = "sandbox"
market = "spot"
default = true
api_key = ""
secret = ""
password = ""
max_leverage = 1
dead_man = ""
books = ""
ccxt = { timeout = 5000, options = { warn = 0.5 } }
[venues.play]
exchange = "paper"
mode = "paper"
[sources.tv]
kind = "tradingview"
secret = ""
venue = "main"
sizing = {}
rate = "30/2m"
map = { symbol = "alert.ticker" }
[risk]
max_order_notional = 1000
max_signal_age = "2m"
max_position_notional = 5000.10
max_open_orders = 10
max_open_positions = 5
max_orders_per_minute = 6
max_daily_loss = 200
max_drawdown = "10%"
max_price_deviation = "1%"
max_spread = "0.5%"
min_quote_reserve = "0.30"
symbols = ["BTC/USDT", "ETH/USDT"]
sides = ["buy", "sell"]
trading_hours = "Mon-Fri 08:00-22:00"
cooldown_after_loss = "30m"
duplicate_window = "60s"
stop_loss_required = false
[sizing]
default = { notional = 0.1 }
[approval]
expires_after = "5m"
max_price_drift = "0.3%"
[[approval.rules]]
name = "never"
when = { symbols = ["DOGE/USDT"] }
block = true
[[approval.rules]]
when = { notional_below = 50, sources = ["tv"], modes = ["sandbox"], strategies = ["a"] }
required = 0
[[approval.rules]]
name = "large"
when = { notional_from = 10000, venues = ["main"], sides = ["buy"] }
required = 2
[[approval.rules]]
name = "night"
when = { hours = "Mon-Sun 22:00-06:00", rolling_24h_from = "20000.5" }
veto_window = "60s"
[execution]
order_type = "market"
slippage_tolerance = "0.1%"
order_timeout = "30s"
on_timeout = "leave"
max_retries = 3
retry_delay = "0.5s"
reconcile_every = "30s"
protect_within = "10s"
on_unprotected = "alert"
[watchdog]
heartbeat_url = ""
"""


def load(folder: Path, file: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    (folder / "countersign.toml").write_text(file, encoding="utf-8")
    return load_settings(None, environ or {}, folder)


def refusal(folder: Path, file: str = "", environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as refused:
        load(folder, file, environ)
    text = str(refused.value)
    assert "\n" not in text
    return text


class TestReading:
    def test_without_a_file_every_key_has_its_documented_default(self, tmp_path: Path) -> None:
        settings = load_settings(None, {}, tmp_path)

        assert (settings.general.currency, settings.general.at_par) == (
            "USDT",
            ("USD", "USDT", "USDC"),
        )
        assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8080)
        assert settings.telegram.daily_at == time(8)
        assert settings.risk.max_order_notional == Decimal(1000)
        assert settings.risk.max_signal_age == timedelta(minutes=2)
        assert (settings.risk.symbols, settings.risk.max_open_orders) == (None, None)
        assert settings.sizing.default is None
        assert settings.approval.max_price_drift == Decimal("0.003")
        assert settings.execution.slippage_tolerance == Decimal("0.001")
        assert settings.database.url == "sqlite:///countersign.db"

    @pytest.mark.parametrize(
        "url",
        [
            "https://a.example",
            "http://127.0.0.1:8000/ping/a-b_c",
            "https://a.example/ping?key=1&b=2",
        ],
    )
    def test_the_address_of_a_watchdog_is_taken_as_it_is(self, tmp_path: Path, url: str) -> None:
        found = load(tmp_path, f'[watchdog]\nheartbeat_url = " {url} "').watchdog.heartbeat_url

        assert found is not None
        assert found.get_secret_value() == url

    @pytest.mark.parametrize(
        ("exchange", "time"), [("okx", "10s"), ("okx", "2m"), ("kraken", "60s"), ("paper", "60s")]
    )
    def test_a_dead_mans_switch_is_on_where_its_time_is_given(
        self, tmp_path: Path, exchange: str, time: str
    ) -> None:
        mode = "paper" if exchange == "paper" else "sandbox"
        table = f'[venues.main]\nexchange = "{exchange}"\nmode = "{mode}"\n'

        found = load(tmp_path, f'{table}dead_man = "{time}"').venues["main"].dead_man

        assert found == {"10s": timedelta(seconds=10), "2m": timedelta(minutes=2)}.get(
            time, timedelta(seconds=60)
        )
        for off in ("", 'dead_man = ""'):
            assert load(tmp_path, table + off).venues["main"].dead_man is None

    def test_a_file_with_every_key_is_read(self, tmp_path: Path) -> None:
        settings = load(tmp_path, EVERYTHING, TV_SECRET)

        assert settings.path == tmp_path / "countersign.toml"
        assert settings.general.timezone.key == "Europe/Madrid"
        assert settings.telegram.api_url == "http://127.0.0.1:8081"
        assert settings.people.may_approve == {1111, 2222}
        assert settings.web.trusted_proxies == (ip_network("10.0.0.0/8"),)
        assert settings.venues["main"].mode is Mode.SANDBOX
        assert settings.venues["main"].ccxt == {"timeout": 5000, "options": {"warn": 0.5}}
        assert settings.default_venue == "main"
        assert settings.sources["tv"].rate == Rate(30, timedelta(minutes=2))
        assert settings.sources["tv"].sizing is None
        assert settings.risk.sides == (Side.BUY, Side.SELL)
        assert settings.risk.trading_hours is not None
        assert settings.approval.rules[2].when.notional_from == Decimal(10000)
        night = settings.approval.rules[3]
        assert (night.veto_window, night.required) == (timedelta(seconds=60), None)
        assert night.when.hours is not None
        assert night.when.hours.text == "Mon-Sun 22:00-06:00"
        assert night.when.rolling_24h_from == Decimal("20000.5")
        assert settings.execution.retry_delay == timedelta(milliseconds=500)

    def test_a_number_of_the_file_is_taken_as_it_is_written(self, tmp_path: Path) -> None:
        settings = load(tmp_path, EVERYTHING, TV_SECRET)

        assert str(settings.risk.max_position_notional) == "5000.10"
        assert str(settings.risk.min_quote_reserve) == "0.30"
        assert settings.sizing.default == Size(
            kind=SizeKind.NOTIONAL, value=Decimal("0.1"), in_currency=True
        )

    def test_a_rule_without_a_name_is_named_after_its_place(self, tmp_path: Path) -> None:
        settings = load(tmp_path, EVERYTHING, TV_SECRET)

        assert [rule.name for rule in settings.approval.rules] == [
            "never",
            "rule 2",
            "large",
            "night",
        ]

    def test_settings_do_not_change_after_start(self, tmp_path: Path) -> None:
        settings = load(tmp_path, EVERYTHING, TV_SECRET)

        with pytest.raises(ValueError, match="frozen"):
            settings.risk.max_order_notional = Decimal(10**9)  # type: ignore[misc]

    @pytest.mark.parametrize(
        ("size", "read"),
        [
            ("{ amount = 0.30 }", Size(kind=SizeKind.AMOUNT, value=Decimal("0.30"))),
            ('{ equity = "2%" }', Size(kind=SizeKind.EQUITY, value=Decimal("0.02"))),
            ('{ risk = "0.5%" }', Size(kind=SizeKind.RISK, value=Decimal("0.005"))),
            ("{}", None),
        ],
    )
    def test_a_size_is_one_of_four_kinds(
        self, tmp_path: Path, size: str, read: Size | None
    ) -> None:
        assert load(tmp_path, f"[sizing]\ndefault = {size}").sizing.default == read


class TestOrder:
    def test_the_environment_goes_before_dotenv_and_dotenv_before_the_file(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text(
            "COUNTERSIGN_GENERAL__CURRENCY=EUR\nCOUNTERSIGN_TELEGRAM__TOPIC_ID=2\nOTHER=1\n"
        )
        file = '[general]\ncurrency = "USD"\n[telegram]\ntopic_id = 1\nchat_id = -5\n'

        settings = load(tmp_path, file, {"COUNTERSIGN_GENERAL__CURRENCY": "GBP"})

        assert settings.general.currency == "GBP"
        assert (settings.telegram.topic_id, settings.telegram.chat_id) == (2, -5)

    def test_a_secret_of_the_environment_joins_the_venue_of_the_file(self, tmp_path: Path) -> None:
        venue = load(tmp_path, VENUE, {"COUNTERSIGN_VENUES__MAIN__API_KEY": " {k$EY} "}).venues

        assert venue["main"].exchange == "binance"
        assert venue["main"].api_key == SecretStr("{k$EY}")

    def test_a_dollar_sign_in_dotenv_is_part_of_the_secret(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("COUNTERSIGN_TELEGRAM__TOKEN=1:a${HOME}b\n")

        assert load_settings(None, {}, tmp_path).require_token() == "1:a${HOME}b"

    def test_lists_and_tables_are_json_and_their_numbers_exact(self, tmp_path: Path) -> None:
        settings = load(
            tmp_path,
            "[people]\nowners = [9]\n[sizing]\ndefault = { amount = 1 }",
            {
                "COUNTERSIGN_PEOPLE__OWNERS": "[1111, 4444]",
                "COUNTERSIGN_SIZING__DEFAULT": '{"notional": 0.10}',
                "COUNTERSIGN_APPROVAL__RULES": '[{"when": {"notional_from": 0.3}, "required": 2}]',
            },
        )

        assert settings.people.owners == (1111, 4444)
        assert settings.sizing.default is not None
        assert str(settings.sizing.default.value) == "0.10"
        assert str(settings.approval.rules[0].when.notional_from) == "0.3"

    def test_an_empty_variable_counts_as_not_given(self, tmp_path: Path) -> None:
        environ = {"COUNTERSIGN_WEB__PORT": "", "PORT": "", "COUNTERSIGN_WEB__CONTROL_TOKEN": ""}

        settings = load(tmp_path, "[web]\nport = 9000", environ)

        assert (settings.web.port, settings.web.control_token) == (9000, None)

    @pytest.mark.parametrize("named", ["argument", "environment", "dotenv"])
    def test_another_file_can_be_named(self, tmp_path: Path, named: str) -> None:
        (tmp_path / "desk.toml").write_text("[web]\nport = 9000")
        (tmp_path / ".env").write_text("COUNTERSIGN_CONFIG=desk.toml" if named == "dotenv" else "")
        environ = {"COUNTERSIGN_CONFIG": "desk.toml"} if named == "environment" else {}
        argument = Path("desk.toml") if named == "argument" else None

        assert load_settings(argument, environ, tmp_path).web.port == 9000

    def test_a_named_file_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"desk\.toml: there is no such file"):
            load_settings(Path("desk.toml"), {}, tmp_path)

    def test_a_port_set_by_the_host_opens_all_interfaces(self, tmp_path: Path) -> None:
        web = load(tmp_path, "[web]\nport = 9000", {"PORT": "5000"}).web

        assert (web.host, web.port) == ("0.0.0.0", 5000)

    def test_a_host_that_was_written_stays_when_the_port_is_set(self, tmp_path: Path) -> None:
        assert load(tmp_path, '[web]\nhost = "::1"', {"PORT": "5000"}).web.host == "::1"

    def test_our_own_variable_goes_before_the_hosts(self, tmp_path: Path) -> None:
        environ = {"DATABASE_URL": "sqlite:///a.db", "COUNTERSIGN_DATABASE__URL": "sqlite:///b.db"}

        assert load(tmp_path, "", environ).database.url == "sqlite:///b.db"


class TestSecrets:
    @pytest.mark.parametrize(
        ("file", "variable"),
        [
            ('[telegram]\ntoken = "hunter2"', "COUNTERSIGN_TELEGRAM__TOKEN"),
            (VENUE + 'api_key = "hunter2"', "COUNTERSIGN_VENUES__MAIN__API_KEY"),
            (VENUE + 'secret = "hunter2"', "COUNTERSIGN_VENUES__MAIN__SECRET"),
            (SOURCE + 'secret = "hunter2"', "COUNTERSIGN_SOURCES__TV__SECRET"),
            ("allow_live = true", "COUNTERSIGN_ALLOW_LIVE"),
            ('master_key = "hunter2"', "COUNTERSIGN_MASTER_KEY"),
        ],
    )
    def test_a_secret_in_the_file_is_refused_and_says_where_it_belongs(
        self, tmp_path: Path, file: str, variable: str
    ) -> None:
        line = refusal(tmp_path, file)

        assert f"move it to {variable}" in line
        assert "hunter2" not in line

    @pytest.mark.parametrize(
        "name",
        [
            "COUNTERSIGN_TELEGRAM__CHAT_ID",
            "COUNTERSIGN_PEOPLE__OWNERS",
            "COUNTERSIGN_GENERAL__TIMEZONE",
            "COUNTERSIGN_RISK__MAX_ORDER_NOTIONAL",
            "COUNTERSIGN_RISK__TRADING_HOURS",
            "COUNTERSIGN_VENUES__MAIN",
            "COUNTERSIGN_SOURCES__TV__RATE",
            "COUNTERSIGN_TELEGRAM_TOKEN",
            "COUNTERSIGN_ALLOW_LIVE",
            "DATABASE_URL",
            "PORT",
        ],
    )
    def test_a_secret_in_the_wrong_place_is_not_repeated(self, tmp_path: Path, name: str) -> None:
        assert "hunter2" not in refusal(tmp_path, SOURCE, {**TV_SECRET, name: "1:hunter2"})

    def test_no_text_form_shows_a_secret_and_the_log_knows_them_all(self, tmp_path: Path) -> None:
        environ = {
            name: f"hunter{at}-as-long-as-some-must-be "
            for at, name in enumerate(_secret_variables(Settings), start=1)
        }
        environ["COUNTERSIGN_SOURCES__TV__SECRET"] = "hunterA hunterB"
        environ["COUNTERSIGN_WATCHDOG__HEARTBEAT_URL"] = "https://a.example/hunterC?b=hunterD"

        settings = load(tmp_path, VENUE + SOURCE, environ)

        assert "hunter" not in repr(settings) + str(settings) + settings.model_dump_json()
        each = {text.strip() for text in environ.values()} | {"hunterA", "hunterB"}
        assert set(settings.secrets()) == each

    def test_an_empty_control_token_is_none(self, tmp_path: Path) -> None:
        assert load(tmp_path, '[web]\ncontrol_token = ""').web.control_token is None


class TestWhatRunNeeds:
    def test_the_token_is_asked_for_only_where_it_is_needed(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"^telegram\.token: not set; .*TELEGRAM__TOKEN"):
            load(tmp_path).require_token()

        given = load(tmp_path, "", {"COUNTERSIGN_TELEGRAM__TOKEN": "1:a"})
        assert given.require_token() == "1:a"

    def test_the_chat_is_asked_for_only_where_it_is_needed(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"^telegram\.chat_id: not set; .*countersign.toml"):
            load(tmp_path).require_chat_id()

        assert load(tmp_path, "[telegram]\nchat_id = -5").require_chat_id() == -5


class TestExampleFile:
    """`.env.example` is documentation that must not drift from the settings."""

    NAMES = re.findall(
        r"^([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE
    )

    def test_it_can_be_copied_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes((ROOT / ".env.example").read_bytes())

        assert load(tmp_path, VENUE).secrets() == []

    def test_every_name_in_it_is_a_setting(self, tmp_path: Path) -> None:
        """A misspelled name is told before any wrong value, so that it would show here."""
        environ = dict.fromkeys(self.NAMES, "x") | {"COUNTERSIGN_CONFIG": ""}
        assert len(environ) > 10

        assert "unknown" not in refusal(tmp_path, VENUE + SOURCE, environ)
        environ["COUNTERSIGN_TELEGRAM__TOKN"] = "x"
        assert "unknown" in refusal(tmp_path, VENUE + SOURCE, environ)

    def test_every_secret_is_in_it(self) -> None:
        secrets = [*_secret_variables(Settings)]
        assert "COUNTERSIGN_VENUES__MAIN__PASSWORD" in secrets

        assert set(secrets) <= set(self.NAMES)


def _secret_variables(model: type[BaseModel], prefix: str = "COUNTERSIGN_") -> Iterator[str]:
    examples = {"venues": "VENUES__MAIN", "sources": "SOURCES__TV"}
    for name, field in model.model_fields.items():
        key = prefix + examples.get(name, name.upper())
        for kind in (field.annotation, *get_args(field.annotation)):
            if kind is SecretStr:
                yield key
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _secret_variables(kind, f"{key}__")
