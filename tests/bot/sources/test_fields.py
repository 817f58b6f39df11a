"""How single values are read: every form that is taken, and the words for every one that is not."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sources import fields
from bot.sources.fields import BadField
from execution.types import Side, Target, Trail


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0.01", "0.01"),
        ("64000", "64000"),
        ("0.10", "0.10"),
        ("007", "7"),
        ("6.4e4", "64000"),
        ("1E-18", "0.000000000000000001"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ("0.1000000000000000000000000", "0.1"),
        (5, "5"),
        (Decimal("1.5"), "1.5"),
    ],
)
def test_number_is_taken_exactly(value: object, number: str) -> None:
    """Also where a float or the default decimal context would have rounded it."""
    assert fields.positive(value, "amount") == Decimal(number)


def test_scientific_number_comes_out_plain() -> None:
    """So that no text further on shows an exponent."""
    assert str(fields.positive("6.4E+4", "price")) == "64000"


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        ("-Infinity", "not a number"),
        ("１２", "not a number"),
        ("١٢", "not a number"),
        ("1_000", "not a number"),
        ("1,000", "not a number"),
        ("0x1", "not a number"),
        (" 1", "not a number"),
        ("1\n", "not a number"),
        ("+1", "not a number"),
        (".5", "not a number"),
        ("1.", "not a number"),
        ("1e", "not a number"),
        ("1e1.5", "not a number"),
        ("", "not a number"),
        ("{{close}}", "not a number"),
        ("1" * 65, "not a number"),
        (True, "not a number"),
        (False, "not a number"),
        (None, "not a number"),
        ([], "not a number"),
        ({"price": "1"}, "not a number"),
        (0.1, "computed inexactly"),
        (float("nan"), "computed inexactly"),
        ("0", "above zero"),
        ("-0", "above zero"),
        ("-1", "above zero"),
        ("0e999", "above zero"),
        ("1e20", "too large or too fine"),
        ("1e999", "too large or too fine"),
        ("1e-19", "too large or too fine"),
        ("1e-999", "too large or too fine"),
        ("0.1234567890123456789", "too large or too fine"),
        ("1e9999", "not a number"),
    ],
)
def test_what_is_not_a_number_above_zero_is_refused(value: object, wrong: str) -> None:
    with pytest.raises(BadField, match=wrong) as refused:
        fields.positive(value, "amount")
    assert refused.value.field == "amount"
    assert refused.value.fix


exact = st.decimals(
    min_value=Decimal("1e-18"), max_value=Decimal("9e19"), allow_nan=False, places=18
)


@given(exact)
def test_every_number_comes_back_as_it_was_sent(number: Decimal) -> None:
    """Plain and scientific, whatever its size."""
    assert fields.positive(f"{number:f}", "price") == number
    assert fields.positive(f"{number:e}", "price") == number


@given(st.text(max_size=70))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    """And what is taken is made of ASCII digits only."""
    try:
        number = fields.positive(text, "price")
    except BadField:
        return
    assert number.is_finite()
    assert set(text) <= set("0123456789.eE+-")


@pytest.mark.parametrize(
    ("value", "share"), [("2%", "0.02"), ("0.5%", "0.005"), ("100%", "1"), ("0.000000000001%", "1e-14")]
)  # fmt: skip
def test_share_of_equity_has_its_sign(value: str, share: str) -> None:
    assert fields.share_of_equity(value, "equity") == Decimal(share)


@pytest.mark.parametrize(
    "value", ["2", "0.02", 2, "0%", "-2%", "101%", "２%", "1e1%", "%", "", True]
)
def test_share_of_equity_without_sign_or_out_of_range_is_refused(value: object) -> None:
    """A bare 2 could be 2 % or 200 %."""
    with pytest.raises(BadField):
        fields.share_of_equity(value, "equity")


@pytest.mark.parametrize(
    ("value", "targets"),
    [
        ("66000", (Target(price=Decimal(66000), share=Decimal(1)),)),
        (
            [{"price": "61500", "share": "0.5"}, {"price": "63000", "share": "25%"}],
            (
                Target(price=Decimal(61500), share=Decimal("0.5")),
                Target(price=Decimal(63000), share=Decimal("0.25")),
            ),
        ),
        (
            [{"price": "1", "share": "1"}],
            (Target(price=Decimal(1), share=Decimal(1)),),
        ),
    ],
)
def test_targets(value: object, targets: tuple[Target, ...]) -> None:
    assert fields.targets(value, "take_profit") == targets


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([], "take_profit"),
        ([{"price": "1", "share": "0.05"}] * 11, "take_profit"),
        (["66000"], "take_profit[0]"),
        ([{"price": "66000"}], "take_profit[0]"),
        ([{"price": "66000", "share": "1", "note": "x"}], "take_profit[0]"),
        ([{"price": "0", "share": "1"}], "take_profit[0].price"),
        ([{"price": "1", "share": "0.5"}, {"price": "2", "share": "1.5"}], "take_profit[1].share"),
        ([{"price": "1", "share": "0.5"}, {"price": "2", "share": "0.6"}], "take_profit"),
        ({"price": "1", "share": "1"}, "take_profit"),
        ("66000%", "take_profit"),
    ],
)
def test_wrong_targets_are_refused_by_the_part_that_is_wrong(value: object, field: str) -> None:
    with pytest.raises(BadField) as refused:
        fields.targets(value, "take_profit")
    assert refused.value.field == field


def test_trail_is_a_share_or_a_distance() -> None:
    assert fields.trail("1%", "trail") == Trail(value=Decimal("0.01"), is_share=True)
    assert fields.trail("120.5", "trail") == Trail(value=Decimal("120.5"), is_share=False)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-20T14:31:22Z",
        "2026-11-20T14:31:22+00:00",
        "2026-11-20T16:31:22+02:00",
        "20261120T143122Z",
        "1795185082",
        "1795185082.000",
        "1795185082000",
    ],
)
def test_time_with_its_zone_or_in_unix_digits(value: str) -> None:
    assert fields.moment(value, "time") == datetime(2026, 11, 20, 14, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("2026-11-20T14:31:22", "zone"),
        ("2026-11-20", "zone"),
        ("yesterday", "not a time"),
        ("", "not a time"),
        ("２０２６-11-20T14:31:22Z", "not a time"),
        ("0001-01-01T00:00:00+23:59", "not a time"),
        ("9999-12-31T23:59:59-23:59", "not a time"),
        ("2026-13-20T14:31:22Z", "not a time"),
        ("20261120143122", "zone"),
        ("1" * 15, "zone"),
        ("-5", "not a time"),
        ("1e9", "not a time"),
        (True, "not a time"),
        (None, "not a time"),
    ],
)
def test_what_is_not_a_time_is_refused(value: object, wrong: str) -> None:
    with pytest.raises(BadField, match=wrong):
        fields.moment(value, "time")


@given(st.text(max_size=45) | st.from_regex(r"\A[0-9]{1,13}(\.[0-9]{1,6})?\Z"))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with suppress(BadField):
        assert fields.moment(text, "time").tzinfo is UTC


def test_duration() -> None:
    assert fields.duration("90s", "expires_in") == timedelta(seconds=90)
    for value in ("90", "-5m", "0s", "", "5 weeks", True, None):
        with pytest.raises(BadField):
            fields.duration(value, "expires_in")


@pytest.mark.parametrize(
    ("value", "flag"), [(True, True), (False, False), ("true", True), ("FALSE", False)]
)
def test_flag(value: object, flag: object) -> None:
    assert fields.flag(value, "close") is flag


@pytest.mark.parametrize("value", ["1", "0", 1, 0, "yes", "", [], {}, None])
def test_what_is_neither_true_nor_false_is_refused(value: object) -> None:
    with pytest.raises(BadField):
        fields.flag(value, "close")


def test_choice_in_any_case() -> None:
    assert fields.one_of(Side, "BUY", "side") is Side.BUY
    for value in ("long", "", "ſell", True, None, ["buy"]):
        with pytest.raises(BadField, match="send one of buy, sell"):
            fields.one_of(Side, value, "side")


@pytest.mark.parametrize("value", ["", "  ", "x" * 11, "a\nb", "a\x00b", "a\u202eb", "\ud800", 5])
def test_word_that_is_empty_too_long_or_not_printable_is_refused(value: object) -> None:
    with pytest.raises(BadField):
        fields.word(value, "strategy", longest=10)


def test_note_loses_control_characters_and_is_cut() -> None:
    """Line breaks and what holds an emoji together stay; a half surrogate pair goes."""
    assert fields.note("a\x00b\u202ec\ud800\nd \u200d<b>", "note") == "abc\nd \u200d<b>"
    assert fields.note("x" * 5000, "note") == "x" * 1000
    assert fields.note("\x07 ", "note") is None
    with pytest.raises(BadField):
        fields.note(["x"], "note")


def test_shown_value_is_short_and_printable() -> None:
    assert fields.shown("a\nb\ud800") == '"a?b?"'
    assert len(fields.shown("x" * 5000)) < 40
