"""A payload as a Signal: every field of the contract, and every contradiction it can hold."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sources.fields import BadField
from bot.sources.signal import READERS, read_signal, sender_id
from execution.types import (
    OrderType,
    Side,
    Signal,
    Size,
    SizeKind,
    Target,
    TimeInForce,
    Trail,
)

NOW = datetime(2026, 11, 20, 14, 31, 22, tzinfo=UTC)
BUY = {"symbol": "BTC/USDT", "side": "buy"}
SELL = {"symbol": "BTC/USDT", "side": "sell"}


def read(payload: object, **more: object) -> Signal:
    return read_signal(payload, id="S1", source="tv", received_at=NOW, **more)  # type: ignore[arg-type]


def test_smallest_signal() -> None:
    assert read(BUY) == Signal(
        id="S1", source="tv", received_at=NOW, symbol="BTC/USDT", side=Side.BUY
    )


def test_every_field_is_read() -> None:
    """All that may stand together; what may not is in the table of contradictions."""
    signal = read(
        {
            "id": "theirs",
            "symbol": "BINANCE:BTCUSDT",
            "side": "BUY",
            "type": "Limit",
            "price": "64000",
            "amount": "0.01",
            "stop_loss": "63000",
            "take_profit": [{"price": "66000", "share": "0.5"}],
            "time_in_force": "gtd",
            "good_till": "2026-11-21T00:00:00Z",
            "post_only": "true",
            "reduce_only": False,
            "close": False,
            "venue": "main",
            "strategy": "breakout-15m",
            "note": "why",
            "time": "2026-11-20T14:31:20Z",
            "bar_time": "2026-11-20T14:30:00Z",
            "expires_in": "90s",
        },
        venues={"main"},
    )
    assert signal == Signal(
        id="S1",
        source="tv",
        received_at=NOW,
        symbol="BINANCE:BTCUSDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        price=Decimal(64000),
        size=Size(kind=SizeKind.AMOUNT, value=Decimal("0.01")),
        stop_loss=Decimal(63000),
        take_profit=(Target(price=Decimal(66000), share=Decimal("0.5")),),
        time_in_force=TimeInForce.GTD,
        good_till=datetime(2026, 11, 21, tzinfo=UTC),
        post_only=True,
        venue="main",
        strategy="breakout-15m",
        note="why",
        time=NOW - timedelta(seconds=2),
        bar_time=datetime(2026, 11, 20, 14, 30, tzinfo=UTC),
        expires_in=timedelta(seconds=90),
    )


@pytest.mark.parametrize(
    ("size", "kind", "value"),
    [
        ({"amount": "0.01"}, SizeKind.AMOUNT, "0.01"),
        ({"notional": "250"}, SizeKind.NOTIONAL, "250"),
        ({"equity": "2%"}, SizeKind.EQUITY, "0.02"),
        ({"risk": "0.5%", "stop_loss": "63000"}, SizeKind.RISK, "0.005"),
    ],
)
def test_size(size: dict[str, str], kind: SizeKind, value: str) -> None:
    assert read(BUY | size).size == Size(kind=kind, value=Decimal(value))


@pytest.mark.parametrize(
    "prices",
    [
        {"type": "market"},
        {"type": "limit", "price": "1"},
        {"price": "1"},
        {"type": "stop", "stop_price": "1"},
        {"type": "stop_limit", "stop_price": "1", "price": "1"},
        {"type": "take_profit", "stop_price": "1"},
        {"type": "take_profit_limit", "stop_price": "1", "price": "1"},
        {"type": "trailing_stop", "trail": "1%"},
    ],
)
def test_each_type_with_its_own_prices(prices: dict[str, str]) -> None:
    signal = read(BUY | prices)
    assert signal.type == prices.get("type")


def test_trail_reaches_the_signal() -> None:
    signal = read(BUY | {"type": "trailing_stop", "trail": "25"})
    assert signal.trail == Trail(value=Decimal(25), is_share=False)


def test_null_counts_as_absent() -> None:
    """Templates send every field and leave some null; strategy and note also empty."""
    assert read(BUY | {"price": None, "amount": None, "strategy": "", "note": ""}) == read(BUY)


def test_close_needs_no_side() -> None:
    assert read({"symbol": "BTCUSDT", "close": True}).close


def test_clock_of_the_sender_may_be_a_minute_ahead() -> None:
    assert read(BUY | {"time": "2026-11-20T14:32:22Z"}).time == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("payload", "field", "says"),
    [
        ([], "body", "object"),
        ("buy", "body", "object"),
        (None, "body", "object"),
        ({}, "symbol", "BTC/USDT"),
        ({"side": "buy"}, "symbol", "missing"),
        ({"symbol": "BTC/USDT"}, "side", "missing"),
        ({"symbol": "BTC/USDT", "close": False}, "side", "missing"),
        (BUY | {"symbol": ""}, "symbol", "empty"),
        (BUY | {"symbol": "B" * 65}, "symbol", "64"),
        (BUY | {"side": "long"}, "side", "buy, sell"),
        (BUY | {"type": "iceberg"}, "type", "limit"),
        (BUY | {"quantity": "1"}, "quantity", "not a field"),
        (BUY | {"ammount": "1"}, "ammount", "did you mean amount?"),
        (BUY | {"Price": "1"}, "Price", "did you mean price?"),
        (BUY | {"secret": "x"}, "secret", "not a field"),
        # sizes
        (BUY | {"amount": "1", "notional": "1"}, "notional", "second size beside amount"),
        (BUY | {"risk": "1%", "amount": "1"}, "amount", "second size beside risk"),
        (SELL | {"close": True, "amount": "1"}, "amount", "close"),
        (SELL | {"close": True, "equity": "1%"}, "equity", "close"),
        (BUY | {"risk": "1%"}, "risk", "stop_loss"),
        (BUY | {"amount": "0"}, "amount", "above zero"),
        (BUY | {"equity": "0.02"}, "equity", "%"),
        # types and their prices
        (BUY | {"type": "limit"}, "price", "limit"),
        (BUY | {"type": "stop"}, "stop_price", "stop"),
        (BUY | {"type": "stop_limit", "price": "1"}, "stop_price", "missing"),
        (BUY | {"type": "take_profit"}, "stop_price", "missing"),
        (BUY | {"type": "take_profit_limit", "stop_price": "1"}, "price", "missing"),
        (BUY | {"type": "trailing_stop"}, "trail", "missing"),
        (BUY | {"type": "market", "price": "1"}, "price", "limit"),
        (BUY | {"type": "stop", "stop_price": "1", "price": "1"}, "price", "stop_limit"),
        (BUY | {"type": "limit", "price": "1", "stop_price": "1"}, "stop_price", "stop"),
        (BUY | {"stop_price": "1"}, "stop_price", "without a type"),
        (BUY | {"price": "1", "trail": "1%"}, "trail", "trailing_stop"),
        # how long
        (BUY | {"time_in_force": "DAY"}, "time_in_force", "GTC"),
        (BUY | {"time_in_force": "GTD"}, "good_till", "missing"),
        (BUY | {"good_till": "2026-11-21T00:00:00Z"}, "good_till", "GTD"),
        (
            BUY | {"time_in_force": "GTD", "good_till": "2026-11-20T14:31:22Z"},
            "good_till",
            "passed",
        ),
        (BUY | {"post_only": True}, "post_only", "limit"),
        (BUY | {"post_only": True, "type": "market"}, "post_only", "limit"),
        (BUY | {"post_only": True, "price": "1", "time_in_force": "IOC"}, "post_only", "IOC"),
        (BUY | {"post_only": True, "price": "1", "time_in_force": "FOK"}, "post_only", "FOK"),
        (BUY | {"time": "2026-11-20T14:32:23Z"}, "time", "ahead"),
        (BUY | {"time": "2026-11-20T14:31:22"}, "time", "zone"),
        (BUY | {"bar_time": "noon"}, "bar_time", "not a time"),
        (BUY | {"expires_in": "90"}, "expires_in", "90s"),
        # exits
        (BUY | {"price": "100", "stop_loss": "101"}, "stop_loss", "below"),
        (BUY | {"price": "100", "stop_loss": "100"}, "stop_loss", "below"),
        (BUY | {"price": "100", "take_profit": "99"}, "take_profit", "above"),
        (SELL | {"price": "100", "stop_loss": "99"}, "stop_loss", "above"),
        (SELL | {"price": "100", "take_profit": "101"}, "take_profit", "below"),
        (BUY | {"stop_loss": "100", "take_profit": "99"}, "take_profit", "stop_loss"),
        (SELL | {"stop_loss": "100", "take_profit": "101"}, "take_profit", "stop_loss"),
        (BUY | {"type": "stop", "stop_price": "9", "stop_loss": "9.5"}, "stop_loss", "below"),
        (SELL | {"close": True, "stop_loss": "1"}, "stop_loss", "close"),
        ({"symbol": "B", "close": True, "take_profit": "1"}, "take_profit", "close"),
        # the rest
        (BUY | {"post_only": 1}, "post_only", "true or false"),
        (BUY | {"venue": "elsewhere"}, "venue", "main, paper"),
        (BUY | {"strategy": "x" * 65}, "strategy", "64"),
        (BUY | {"id": ""}, "id", "empty"),
        (BUY | {"id": "x" * 129}, "id", "128"),
    ],
)
def test_what_the_payload_shows_wrong_is_refused_by_field_and_fix(
    payload: object, field: str, says: str
) -> None:
    with pytest.raises(BadField) as refused:
        read(payload, venues={"main", "paper"})
    assert refused.value.field == field
    assert says in str(refused.value)
    assert refused.value.fix


def test_exits_on_the_right_side_are_taken() -> None:
    assert read(BUY | {"price": "100", "stop_loss": "99", "take_profit": "101"}).stop_loss == 99
    assert read(SELL | {"price": "100", "stop_loss": "101", "take_profit": "99"}).stop_loss == 101


def test_any_venue_will_do_when_none_are_known() -> None:
    assert read(BUY | {"venue": "elsewhere"}).venue == "elsewhere"


def test_id_of_the_sender_is_apart_from_ours() -> None:
    assert sender_id(BUY | {"id": " a-1 "}) == "a-1"
    assert sender_id(BUY | {"id": None}) is None
    assert sender_id([]) is None
    assert read(BUY | {"id": "a-1"}).id == "S1"


json_values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=20) | st.integers().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(READERS)) | st.text(max_size=8), json_values))
def test_any_object_is_a_signal_or_refused(payload: dict[str, object]) -> None:
    with suppress(BadField):
        read(payload)
