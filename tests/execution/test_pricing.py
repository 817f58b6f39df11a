"""Worst price, price to send, drift: the desk never pays past what people approved."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.pricing import drift, past_own_stop_or_target, send_price, worst_price
from execution.types import Side, Target
from tests.execution.builders import D, prices, quote, terms

STEP = D("0.01")


@pytest.mark.parametrize(
    ("reference", "side", "step", "worst"),
    [
        ("100", Side.BUY, "0.01", "101"),
        ("100", Side.SELL, "0.01", "99"),
        ("60004", Side.BUY, "1", "60604"),  # 60604.04 goes down
        ("60004", Side.SELL, "1", "59404"),  # 59403.96 goes up
        ("0.00000003", Side.BUY, "0.00000001", "0.00000003"),
    ],
)
def test_the_worst_price_is_the_reference_moved_against_us_in_whole_steps(
    reference: str, side: Side, step: str, worst: str
) -> None:
    assert worst_price(D(reference), side, D(step), prices()) == D(worst)


def test_a_sells_worst_price_stays_above_zero() -> None:
    generous = prices(slippage_tolerance=D(1), max_price_drift=D(1))
    assert worst_price(D(100), Side.SELL, STEP, generous) == STEP


@given(st.decimals("0.01", 10**6, places=2), st.sampled_from(Side))
def test_the_worst_price_is_never_past_drift_and_slippage(reference: Decimal, side: Side) -> None:
    away = worst_price(reference, side, STEP, prices()) - reference
    assert abs(away) <= reference * D("0.01")
    assert away >= 0 if side is Side.BUY else away <= 0


@pytest.mark.parametrize(
    ("side", "bid", "ask", "sent"),
    [
        (Side.BUY, "99", "100", "100.5"),
        (Side.BUY, "97", "98", "98.49"),  # the market came our way: slippage from there
        (Side.BUY, "100.7", "100.8", "101"),  # never past the worst price
        (Side.SELL, "100", "101", "99.5"),
        (Side.SELL, "102", "103", "101.49"),
        (Side.SELL, "99.2", "99.3", "99"),
    ],
)
def test_an_unpriced_order_is_sent_at_the_market_plus_slippage_up_to_its_worst_price(
    side: Side, bid: str, ask: str, sent: str
) -> None:
    order = terms(side=side, worst_price=D(101) if side is Side.BUY else D(99))
    assert send_price(order, quote(bid, ask), step=STEP, slippage=D("0.005")) == D(sent)


def test_the_senders_price_is_sent_unchanged() -> None:
    order = terms(price=D("98.5"), worst_price=None)
    assert send_price(order, quote("80", "81"), step=STEP, slippage=D("0.005")) == D("98.5")


@pytest.mark.parametrize(
    ("side", "bid", "ask", "moved"),
    [
        (Side.BUY, "100", "100.5", "0.005"),
        (Side.BUY, "98", "99", "-0.01"),
        (Side.BUY, "99", "100", "0"),
        (Side.SELL, "99", "100", "0.01"),
        (Side.SELL, "101", "102", "-0.01"),
    ],
)
def test_drift_is_how_far_the_market_moved_against_us(
    side: Side, bid: str, ask: str, moved: str
) -> None:
    assert drift(terms(side=side), quote(bid, ask)) == D(moved)


def test_an_order_with_the_senders_price_has_no_drift() -> None:
    order = terms(price=D(100), worst_price=None)
    assert drift(order, quote("199", "200")) == 0


@pytest.mark.parametrize(
    ("ask", "past"),
    [("90.01", False), ("90", True), ("80", True), ("119.99", False), ("120", True), ("150", True)],
)
def test_a_market_at_or_through_the_orders_own_stop_or_target_is_noticed(
    ask: str, past: bool
) -> None:
    order = terms(stop_loss=D(90), take_profit=(Target(price=D(120), share=D(1)),))
    assert past_own_stop_or_target(order, quote("80", ask)) is past


def test_an_order_without_stop_and_targets_is_past_none() -> None:
    assert not past_own_stop_or_target(terms(), quote("1", "2"))


def test_a_target_that_the_market_was_beyond_from_the_start_is_no_news() -> None:
    """A limit at 55 with a target of 58 waits, while the market is at 60."""
    order = terms(
        price=D(55),
        worst_price=None,
        reference=D(60),
        take_profit=(Target(price=D(58), share=D(1)),),
    )
    assert not past_own_stop_or_target(order, quote("60", "61"))
