"""What a sender calls a market, and when that is not clear enough to trade on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.symbols import assets, resolve

SPOT = ("BTC/USDT", "BTC/USD", "ETH/BTC", "DOGE/USD", "ETH/USDT")
SWAP = ("BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USDT:USDT-261225", "BTC/USD:BTC", "BTC/USD:USDC")


@pytest.mark.parametrize(
    ("sent", "symbol"),
    [
        ("BTC/USDT", "BTC/USDT"),
        ("BTCUSDT", "BTC/USDT"),
        ("BINANCE:BTCUSDT", "BTC/USDT"),
        ("COINBASE:BTC-USD", "BTC/USD"),
        ("BTC-USD", "BTC/USD"),
        ("BTC_USDT", "BTC/USDT"),
        ("btcusdt", "BTC/USDT"),
        ("btc/usdt", "BTC/USDT"),
        ("binance:btc/usdt", "BTC/USDT"),
        (" BTCUSDT ", "BTC/USDT"),
        ("XBTUSD", "BTC/USD"),
        ("KRAKEN:XBT/USD", "BTC/USD"),
        ("XDGUSD", "DOGE/USD"),
        ("ETHXBT", "ETH/BTC"),
        ("BTCUSDT.P", None),
        ("BTC/USDT:USDT", None),
        ("BTCEUR", None),
        ("BTC", None),
        ("BTC-USDT-SWAP", None),
        ("", None),
        ("/", None),
    ],
)
def test_a_spot_market_is_known_by_many_names(sent: str, symbol: str | None) -> None:
    assert resolve(sent, (*SPOT, *SWAP)) == symbol


@pytest.mark.parametrize(
    ("sent", "symbol"),
    [
        ("BTCUSDT.P", "BTC/USDT:USDT"),
        ("BYBIT:BTCUSDT.P", "BTC/USDT:USDT"),
        ("btc/usdt:usdt", "BTC/USDT:USDT"),
        ("BTC/USDT:USDT", "BTC/USDT:USDT"),
        ("BTC/USDT", "BTC/USDT:USDT"),
        ("BTC/USDT:USDT-261225", None),
        ("BTCUSD.P", None),  # settled in BTC, or in USDC
        ("BTC/USD:BTC", "BTC/USD:BTC"),
    ],
)
def test_a_perpetual_is_found_on_swap_venues_only(sent: str, symbol: str | None) -> None:
    assert resolve(sent, (*SPOT, *SWAP), swap=True) == symbol


def test_a_name_that_could_mean_two_markets_is_none() -> None:
    assert resolve("ABCD", ("AB/CD", "ABC/D")) is None
    assert resolve("AB-CD", ("AB/CD", "ABC/D")) == "AB/CD"


def test_names_that_differ_only_in_case_need_the_exact_one() -> None:
    assert resolve("kPEPE/USDC", ("kPEPE/USDC", "KPEPE/USDC")) == "kPEPE/USDC"
    assert resolve("kpepeusdc", ("kPEPE/USDC", "KPEPE/USDC")) is None
    assert resolve("kpepeusdc", ("kPEPE/USDC",)) == "kPEPE/USDC"


def test_a_venues_own_name_comes_before_another_name_for_it() -> None:
    assert resolve("XBTUSD", ("BTC/USD", "XBT/USD")) == "XBT/USD"


@given(st.text(max_size=30))
def test_any_text_is_one_of_the_venues_symbols_or_none(sent: str) -> None:
    assert resolve(sent, SPOT) in {None, *SPOT}


@pytest.mark.parametrize(
    ("symbol", "both"),
    [("BTC/USDT", ("BTC", "USDT")), ("BTC/USD:BTC", ("BTC", "USD"))],
)
def test_a_symbol_names_its_base_and_its_quote(symbol: str, both: tuple[str, str]) -> None:
    assert assets(symbol) == both
