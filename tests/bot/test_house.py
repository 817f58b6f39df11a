"""Settings as the execution side gets them: each one where it belongs, nothing lost on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot import house, keyring
from bot.settings import Settings, SettingsError, load_settings
from bot.sources.source import SourceKind
from execution.approval import Role
from execution.instruments import MarketKind
from execution.types import Mode, OnTimeout, OrderType, Side, Size, SizeKind
from execution.venues.exchange import ExchangeVenue
from execution.venues.paper import PaperVenue
from execution.venues.venue import Balance
from tests.desk import PATH_SECRET, SIGNING_SECRET, TOML, settings_in
from tests.doubles.kraken import KrakenServer

D = Decimal
SECONDS = timedelta(seconds=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERYTHING = """\
[general]
currency = "USDC"
timezone = "Europe/Madrid"

[telegram]
chat_id = -1001234567890

[people]
owners = [1111]
approvers = [2222]
viewers = [3333]

[venues.main]
exchange = "paper"
mode = "paper"
default = true
books = "elsewhere.db"

[venues.bin]
exchange = "binance"
mode = "sandbox"

[sources.desk]
kind = "webhook"
venue = "bin"
sizing = { amount = 2 }
rate = "5/1m"

[sources.tv]
kind = "tradingview"
map = { symbol = "ticker" }

[sources.straight]
kind = "tradingview"

[risk]
max_order_notional = 1001
max_signal_age = "91s"
max_position_notional = 5002
max_open_orders = 13
max_open_positions = 14
max_orders_per_minute = 15
max_daily_loss = 201
max_drawdown = "11%"
max_price_deviation = "1.6%"
max_spread = "0.7%"
min_quote_reserve = 108
symbols = ["BTC/USDT"]
sides = ["buy"]
trading_hours = "Mon-Fri 08:00-22:00"
cooldown_after_loss = "31m"
duplicate_window = "61s"
stop_loss_required = true

[sizing]
default = { equity = "2%" }

[approval]
expires_after = "6m"
max_price_drift = "0.4%"
[[approval.rules]]
name = "never"
when = { symbols = ["DOGE/USDT"], sides = ["sell"], venues = ["bin"], modes = ["sandbox"], strategies = ["s"] }
block = true
[[approval.rules]]
when = { notional_below = 50, notional_from = 10, sources = ["tv"] }
required = 0

[execution]
order_type = "market"
slippage_tolerance = "0.2%"
order_timeout = "45s"
max_retries = 4
retry_delay = "2s"
reconcile_every = "25s"
"""


def test_every_setting_reaches_the_execution_side(tmp_path: Path) -> None:
    config = house.config(settings_in(tmp_path, toml=EVERYTHING))
    limits, prices, policy = config.limits, config.prices, config.policy
    assert (limits.max_order_notional, limits.max_position_notional) == (1001, 5002)
    assert (limits.max_open_orders, limits.max_open_positions) == (13, 14)
    assert limits.max_orders_per_minute == 15
    assert (limits.max_daily_loss, limits.max_drawdown) == (201, D("0.11"))
    assert (limits.max_signal_age, limits.duplicate_window) == (91 * SECONDS, 61 * SECONDS)
    assert (limits.max_price_deviation, limits.max_spread) == (D("0.016"), D("0.007"))
    assert (limits.min_quote_reserve, limits.stop_loss_required) == (108, True)
    assert (limits.symbols, limits.sides) == (frozenset({"BTC/USDT"}), frozenset({Side.BUY}))
    assert limits.cooldown_after_loss == timedelta(minutes=31)
    assert limits.trading_hours is not None
    assert limits.zone == config.zone == ZoneInfo("Europe/Madrid")
    assert (prices.order_type, prices.slippage_tolerance) == (OrderType.MARKET, D("0.002"))
    assert (prices.max_price_drift, policy.max_price_drift) == (D("0.004"), D("0.004"))
    assert (prices.order_timeout, prices.on_timeout) == (45 * SECONDS, OnTimeout.CANCEL)
    assert policy.expires_after == timedelta(minutes=6)
    assert policy.people == {
        "tg:1111": Role.OWNER, "tg:2222": Role.APPROVER, "tg:3333": Role.VIEWER,
    }  # fmt: skip
    assert (config.default_venue, config.currency) == ("main", "USDC")
    assert config.default_size == Size(kind=SizeKind.EQUITY, value=D("0.02"))
    assert (config.max_retries, config.retry_delay) == (4, 2 * SECONDS)
    assert config.reconcile_every == 25 * SECONDS


def with_market(exchange: str, mode: str, *more: str) -> str:
    """A desk whose one venue is this one."""
    lines = [f'exchange = "{exchange}"', f'mode = "{mode}"', *more]
    return TOML.replace('exchange = "paper"\nmode = "paper"', "\n".join(lines))


@pytest.mark.parametrize(
    ("exchange", "mode"),
    [
        ("paper", "paper"),
        ("binance", "paper"),
        ("binance", "sandbox"),
        ("binanceusdm", "sandbox"),
    ],
)
def test_a_venue_of_contracts_is_one_by_name_and_kind(
    tmp_path: Path, exchange: str, mode: str
) -> None:
    toml = with_market(exchange, mode, 'market = "swap"')
    venue = house.venues(settings_in(tmp_path, toml=toml), lambda: NOON)["main"]
    assert (venue.kind, venue.exchange, venue.mode) == (MarketKind.SWAP, exchange, Mode(mode))


def test_every_venue_of_contracts_has_its_leverage_and_spot_has_none(tmp_path: Path) -> None:
    toml = with_market("binance", "sandbox", 'market = "swap"', 'max_leverage = "2.5"')
    toml += '[venues.spot]\nexchange = "binance"\nmode = "sandbox"\n'
    toml += '[venues.low]\nexchange = "paper"\nmode = "paper"\nmarket = "swap"\n'
    config = house.config(settings_in(tmp_path, toml=toml))
    assert config.max_leverage == {"main": D("2.5"), "low": D(1)}


@pytest.mark.parametrize("word", OnTimeout)
def test_every_word_for_the_rest_of_an_order_reaches_the_execution_side(
    tmp_path: Path, word: OnTimeout
) -> None:
    settings = settings_in(tmp_path, environ={"COUNTERSIGN_EXECUTION__ON_TIMEOUT": word.value})
    assert house.config(settings).prices.on_timeout is word


def test_rules_keep_their_order_and_every_key(tmp_path: Path) -> None:
    never, small = house.config(settings_in(tmp_path, toml=EVERYTHING)).policy.rules
    assert (never.name, never.block) == ("never", True)
    assert never.when.symbols == {"DOGE/USDT"}
    assert never.when.sides == {Side.SELL}
    assert never.when.venues == {"bin"}
    assert never.when.modes == {Mode.SANDBOX}
    assert never.when.strategies == {"s"}
    assert (small.name, small.block, small.required) == ("rule 2", False, 0)
    assert (small.when.notional_from, small.when.notional_below) == (10, 50)
    assert small.when.sources == {"tv"}


def test_sources_keep_their_secrets_rate_venue_and_map(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, toml=EVERYTHING)
    sources, terms = house.sources(settings), house.config(settings).sources
    desk, tv = sources["desk"], sources["tv"]
    assert (desk.kind, desk.secrets, desk.map) == (SourceKind.WEBHOOK, (SIGNING_SECRET,), None)
    assert (desk.rate.count, desk.rate.per) == (5, timedelta(minutes=1))
    assert (tv.kind, tv.secrets) == (SourceKind.TRADINGVIEW, (PATH_SECRET,))
    assert tv.map is not None
    assert terms["desk"].venue == "bin"
    assert terms["desk"].size == Size(kind=SizeKind.AMOUNT, value=D(2))
    assert (terms["tv"].venue, terms["tv"].size) == (None, None)


async def test_venues_are_built_and_not_opened(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, toml=EVERYTHING)
    venues = house.venues(settings, lambda: datetime(2026, 11, 20, tzinfo=UTC))
    main, bin_ = venues["main"], venues["bin"]
    assert isinstance(main, PaperVenue)
    assert isinstance(bin_, ExchangeVenue)
    assert [(v.name, v.exchange, v.mode) for v in venues.values()] == [
        ("main", "paper", Mode.PAPER),
        ("bin", "binance", Mode.SANDBOX),
    ]
    assert main.instruments() == bin_.instruments() == {}
    assert not (tmp_path / "elsewhere.db").exists()
    await main.open()
    assert (tmp_path / "elsewhere.db").exists()
    for venue in venues.values():
        await venue.close()


def test_paper_venue_keeps_its_books_beside_the_settings(tmp_path: Path) -> None:
    plain = EVERYTHING.replace('books = "elsewhere.db"\n', "")
    settings = settings_in(tmp_path, toml=plain)
    assert settings.path.parent == tmp_path
    house.venues(settings, lambda: datetime(2026, 11, 20, tzinfo=UTC))
    assert not list(tmp_path.glob("paper-*"))


def _without_sources(folder: Path, toml: str, environ: Mapping[str, str]) -> Settings:
    path = folder / "countersign.toml"
    path.write_text(toml)
    return load_settings(path, environ, folder)


async def test_paper_at_an_exchange_begins_with_the_desks_currency_and_no_key(
    tmp_path: Path,
) -> None:
    async with KrakenServer() as exchange:
        overrides = exchange.ccxt_overrides() | {"rateLimit": 1, "timeout_on_exit": 1}
        toml = (
            '[general]\ncurrency = "USD"\n[venues.practice]\nexchange = "kraken"\nmode = "paper"\n'
        )
        given = {
            "COUNTERSIGN_VENUES__PRACTICE__CCXT": json.dumps(overrides),
            "COUNTERSIGN_DATABASE__URL": f"sqlite:///{tmp_path / 'countersign.db'}",
        }
        settings = _without_sources(tmp_path, toml, given)
        keyring.demand_keys(settings)
        assert house.keys(settings) == {}
        (venue,) = house.venues(settings, lambda: datetime.now(UTC)).values()
        assert isinstance(venue, PaperVenue)
        assert (venue.name, venue.exchange, venue.mode) == ("practice", "kraken", Mode.PAPER)
        await venue.open()
        assert await venue.balances() == {"USD": Balance(free=D(100_000), locked=D(0))}
        assert (await venue.quote("BTC/USD")).bid == 59_990
        await venue.close()
        assert (tmp_path / "paper-practice.db").exists()
        assert (tmp_path / "markets-practice.gz").exists()
        assert all(one.path.startswith("public/") for one in exchange.requests)


def test_paper_at_an_exchange_takes_no_setting_that_cannot_work(tmp_path: Path) -> None:
    toml = '[venues.main]\nexchange = "kraken"\nmode = "paper"\nccxt = { verbose = true }\n'
    with pytest.raises(SettingsError, match=r"venues\.main\.ccxt: take out verbose"):
        house.venues(_without_sources(tmp_path, toml, {}), lambda: datetime.now(UTC))


def test_what_is_not_set_is_off(tmp_path: Path) -> None:
    """Each rule is off when its key is absent, except the two that never are."""
    config = house.config(settings_in(tmp_path))
    limits = config.limits
    off = (
        limits.max_position_notional, limits.max_open_orders, limits.max_open_positions,
        limits.max_orders_per_minute, limits.max_daily_loss, limits.max_drawdown,
        limits.max_price_deviation, limits.max_spread,
        limits.min_quote_reserve, limits.symbols, limits.sides, limits.trading_hours,
        limits.cooldown_after_loss, limits.duplicate_window,
    )  # fmt: skip
    assert set(off) == {None}
    assert not limits.stop_loss_required
    assert limits.max_order_notional == 1000
    assert limits.max_signal_age == timedelta(minutes=2)
    assert config.default_venue == "main", "the only one"
    size = Size(kind=SizeKind.NOTIONAL, value=D(600), in_currency=True)
    assert config.default_size == size, "a setting's notional is in the desk's currency"


TWO_VENUES = """\
[venues.main]
exchange = "binance"
mode = "sandbox"
default = true

[venues.other]
exchange = "binance"
mode = "sandbox"

[venues.toy]
exchange = "paper"
mode = "paper"
"""


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({"MAIN": "k1", "OTHER": "k2"}, {"main": "k1", "other": "k2"}),
        ({"MAIN": "k1"}, {"main": "k1"}),
        ({}, {}),
    ],
)
def test_an_account_is_known_by_its_key(
    tmp_path: Path, given: dict[str, str], keys: dict[str, str]
) -> None:
    environ = {f"COUNTERSIGN_VENUES__{name}__API_KEY": key for name, key in given.items()}
    assert house.keys(load_settings(written(tmp_path), environ, tmp_path)) == keys


def test_two_venues_over_one_account_are_refused_by_name(tmp_path: Path) -> None:
    environ = {f"COUNTERSIGN_VENUES__{name}__API_KEY": "k1" for name in ("MAIN", "OTHER")}
    settings = load_settings(written(tmp_path), environ, tmp_path)
    with pytest.raises(
        SettingsError, match=r"venues\.other\.api_key: venues\.main has the same one"
    ):
        house.keys(settings)


def written(folder: Path) -> Path:
    path = folder / "countersign.toml"
    path.write_text(TWO_VENUES)
    return path
