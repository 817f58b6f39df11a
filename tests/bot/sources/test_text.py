"""The one-line form: each part, and the words for each part that was not understood."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sources.fields import BadField
from bot.sources.signal import read_signal
from bot.sources.text import read_change, read_text

NOW = datetime(2026, 11, 20, 14, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            "buy BTCUSDT 0.01 @ 64000 sl 63000 tp 66000",
            {
                "side": "buy",
                "symbol": "BTCUSDT",
                "amount": "0.01",
                "price": "64000",
                "stop_loss": "63000",
                "take_profit": "66000",
            },
        ),
        ("SELL BTC/USDT", {"side": "SELL", "symbol": "BTC/USDT"}),
        ("buy BTCUSDT $250", {"side": "buy", "symbol": "BTCUSDT", "notional": "250"}),
        ("buy BTCUSDT @64000", {"side": "buy", "symbol": "BTCUSDT", "price": "64000"}),
        (
            "\n buy  BTCUSDT\tTP 3\nSL 1 \n",
            {"side": "buy", "symbol": "BTCUSDT", "take_profit": "3", "stop_loss": "1"},
        ),
    ],
)
def test_line(text: str, fields: dict[str, object]) -> None:
    assert read_text(text) == fields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("0.02", {"amount": "0.02"}),
        ("$1200 @59900", {"notional": "1200", "price": "59900"}),
        ("sl 58900 tp 61500", {"stop_loss": "58900", "take_profit": "61500"}),
        ("", {}),
    ],
)
def test_a_change_is_the_same_line_without_side_and_symbol(
    text: str, fields: dict[str, object]
) -> None:
    assert read_change(text) == fields


def test_a_change_that_was_not_understood_says_what_a_change_looks_like() -> None:
    with pytest.raises(BadField, match=r"write: \[amount or"):
        read_change("0.02 at 59900")


def test_several_targets_share_the_position_equally() -> None:
    """To a hundredth of a percent; the last takes what is left, so that they add up to one."""
    signal = read_signal(
        read_text("buy BTCUSDT 0.01 tp 3 tp 4 tp 5"), id="S", source="tv", received_at=NOW
    )
    assert [str(t.share) for t in signal.take_profit] == ["0.3333", "0.3333", "0.3334"]
    assert [t.price for t in signal.take_profit] == [Decimal(3), Decimal(4), Decimal(5)]


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("", "side", '""'),
        ("close BTCUSDT", "side", '"close"'),
        ("buy", "symbol", "missing"),
        ("buy @ 64000", "symbol", "missing"),
        ("buy BTCUSDT 0.01 at 64000", "body", '"at"'),
        ("buy BTCUSDT 0.01 0.02", "body", '"0.02"'),
        ("buy BTCUSDT @", "price", "missing after @"),
        ("buy BTCUSDT sl tp 3", "stop_loss", "missing after sl"),
        ("buy BTCUSDT tp", "take_profit", "missing after tp"),
        ("buy BTCUSDT @ 1 @ 2", "price", "twice"),
        ("buy BTCUSDT sl 1 sl 2", "stop_loss", "twice"),
        ("buy BTCUSDT 0,01", "amount", "not a number"),
        ("buy BTCUSDT $", "notional", "not a number"),
        ("buy BTCUSDT 2%", "amount", "not a number"),
        ("buy BTCUSDT 1 @ market", "price", "not a number"),
        ("buy BTCUSDT 1" + " tp 3" * 11, "take_profit", "targets"),
    ],
)
def test_part_that_was_not_understood_is_named(text: str, field: str, says: str) -> None:
    with pytest.raises(BadField) as refused:
        read_signal(read_text(text), id="S", source="tv", received_at=NOW)
    assert refused.value.field == field
    assert says in str(refused.value)


@given(st.lists(st.sampled_from(["buy", "sell", "@", "sl", "tp", "BTC", "1", "$2"]) | st.text()))
def test_any_line_is_fields_or_refused(words: list[str]) -> None:
    with suppress(BadField):
        assert {"side", "symbol"} <= set(read_text(" ".join(words)))
