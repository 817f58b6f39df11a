"""Rounding to a venue's steps: exact, in our own context, and never past what was approved."""

from __future__ import annotations

import decimal
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.rounding import (
    amount_down,
    exactly,
    plain,
    price_never_worse,
    stop_never_later,
    to_step,
)
from execution.types import Side

D = Decimal
values = st.decimals(min_value=0, max_value=10**9, places=12)
steps = st.sampled_from([D("1e-8"), D("0.001"), D("0.25"), D("0.5"), D(1), D(3), D(10)])


@pytest.mark.parametrize(
    ("value", "step", "rounding", "rounded"),
    [
        ("1.239", "0.01", ROUND_FLOOR, "1.23"),
        ("1.231", "0.01", ROUND_CEILING, "1.24"),
        ("1.23", "0.01", ROUND_CEILING, "1.23"),
        ("1.25", "0.1", ROUND_HALF_EVEN, "1.2"),
        ("7", "3", ROUND_FLOOR, "6"),
        ("9", "3", ROUND_CEILING, "9"),
        ("0.00001234567", "1e-8", ROUND_FLOOR, "0.00001234"),
        ("0", "0.01", ROUND_FLOOR, "0"),
        ("-1.231", "0.01", ROUND_FLOOR, "-1.24"),
    ],
)
def test_a_value_becomes_the_next_whole_step(
    value: str, step: str, rounding: str, rounded: str
) -> None:
    assert to_step(D(value), D(step), rounding) == D(rounded)


@pytest.mark.parametrize("step", ["0", "-0.01"])
def test_a_step_that_is_not_a_step_is_refused(step: str) -> None:
    with pytest.raises(ValueError, match="a step must be more than zero"):
        to_step(D(1), D(step), ROUND_FLOOR)


def test_a_quotient_longer_than_the_context_does_not_creep_over_a_whole_step() -> None:
    """0.99.. (40 nines) of a step is less than the step, though it rounds to it in 38 digits."""
    almost = D("0." + "9" * 40)
    assert to_step(almost, D(1), ROUND_FLOOR) == 0
    assert to_step(D("1." + "0" * 39 + "1"), D(1), ROUND_CEILING) == 2


@given(values, steps)
def test_an_amount_is_never_more_than_asked_and_less_than_a_step_under_it(
    value: Decimal, step: Decimal
) -> None:
    rounded = amount_down(value, step)
    assert value - step < rounded <= value
    assert rounded % step == 0


@given(values, steps)
def test_a_price_is_never_worse_than_approved(value: Decimal, step: Decimal) -> None:
    assert value - step < price_never_worse(value, step, Side.BUY) <= value
    assert value <= price_never_worse(value, step, Side.SELL) < value + step


@given(values, steps)
def test_a_stop_never_fires_later_than_approved(value: Decimal, step: Decimal) -> None:
    assert value <= stop_never_later(value, step, Side.SELL) < value + step
    assert value - step < stop_never_later(value, step, Side.BUY) <= value


@given(values, steps)
def test_what_is_in_whole_steps_is_left_alone(value: Decimal, step: Decimal) -> None:
    whole = amount_down(value, step)
    for side in Side:
        assert price_never_worse(whole, step, side) == whole
        assert stop_never_later(whole, step, side) == whole


def test_the_global_context_is_neither_used_nor_changed() -> None:
    """ccxt sets the rounding and the traps of the process's own context."""

    @exactly
    def third() -> Decimal:
        return D(1) / D(3)

    with decimal.localcontext(prec=3, rounding=ROUND_CEILING):
        assert third() == D("0." + "3" * 38)
        assert amount_down(D("1.23456789"), D("0.0001")) == D("1.2345")
        assert decimal.getcontext().prec == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E-4", "0.0001"),
        ("1E+3", "1000"),
        ("0.10", "0.1"),
        ("100", "100"),
        ("100.00", "100"),
        ("-2.50", "-2.5"),
        ("-0.00", "0"),
        ("0", "0"),
        (
            "1234567890123456789012345678901234567890.5",
            "1234567890123456789012345678901234567890.5",
        ),
    ],
)
def test_a_number_is_written_plainly_and_in_full(value: str, text: str) -> None:
    assert plain(D(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_what_is_written_is_the_same_number(value: Decimal) -> None:
    assert D(plain(value)) == value
