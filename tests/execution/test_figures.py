"""Numbers as refusals say them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.figures import beside, duration, figure, percent

D = Decimal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("54000", "54\u202f000"),
        ("1234567.50", "1\u202f234\u202f567.5"),
        ("0.0001", "0.0001"),
        ("-200", "\u2212200"),
        ("0", "0"),
    ],
)
def test_a_figure_is_exact_with_thin_spaces_and_a_real_minus(value: str, text: str) -> None:
    assert figure(D(value)) == text


@pytest.mark.parametrize(("value", "text"), [("4.57", "+4.57"), ("0", "0"), ("-1", "\u22121")])
def test_a_signed_figure_says_plus(value: str, text: str) -> None:
    assert figure(D(value), signed=True) == text


@pytest.mark.parametrize(("share", "text"), [("0.003", "0.3 %"), ("0.0051", "0.51 %")])
def test_a_share_reads_as_a_percentage(share: str, text: str) -> None:
    assert percent(D(share)) == text


def test_a_signed_share_says_plus() -> None:
    assert percent(D("0.0051"), signed=True) == "+0.51 %"


@pytest.mark.parametrize(
    ("value", "bound", "told"),
    [
        ("54000.123", "1000", "54000"),
        ("1000.0004", "1000", "1000.0004"),
        ("0.0123456", "0.01", "0.01235"),
        ("0", "1", "0"),
        ("5", "5", "5"),
    ],
)
def test_a_measured_value_never_looks_like_the_bound_it_passed(
    value: str, bound: str, told: str
) -> None:
    assert beside(D(value), D(bound)) == D(told)


@given(st.decimals(0, 10**6, places=6), st.decimals(0, 10**6, places=2))
def test_shortening_keeps_which_of_two_numbers_is_larger(value: Decimal, bound: Decimal) -> None:
    told = beside(value, bound)
    assert (told > bound) == (value > bound)
    assert (told < bound) == (value < bound)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (0.2, "1 s"),
        (4, "4 s"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (90061, "1 d 1 h"),
    ],
)
def test_a_length_of_time_reads_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text
