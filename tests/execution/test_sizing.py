"""A signal becomes exact terms: how large, at what price, for how long, with which stop."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.types import OnTimeout, OrderType, Side, Size, Target, Terms, TimeInForce
from tests.execution.builders import (
    D,
    facts,
    instrument,
    made,
    prices,
    quote,
    refused,
    result,
    signal,
    size,
    text_of,
)

BUY, SELL = Side.BUY, Side.SELL


# How large.


@pytest.mark.parametrize(
    ("asked_for", "price", "amount"),
    [
        (size("amount", "1.2345"), None, "1.234"),
        (size("notional", "100"), None, "0.990"),  # at the worst price, 101
        (size("notional", "100"), "98", "1.020"),  # at the sender's price
        (size("notional", "100", in_currency=True), None, "0.495"),  # 50 EUR at 2
        (size("equity", "0.02"), None, "0.495"),  # 2 % of 5000 is 100, 50 EUR
        (size("risk", "0.01"), None, "2.272"),  # 1 % is 50, 25 EUR, over 101 - 90
        (size("risk", "0.01"), "98", "3.125"),  # over 98 - 90
    ],
)
def test_every_kind_of_size_becomes_an_amount_in_whole_steps(
    asked_for: Size, price: str | None, amount: str
) -> None:
    known = facts(rate=D(2), equity=D(5000))
    sent = signal(size=asked_for, price=price and D(price), stop_loss=D(90))
    assert made(sent, known).amount == D(amount)


def test_the_signals_own_size_comes_before_the_default() -> None:
    default = size("amount", "5")
    assert made(signal(), default=default).amount == D(5)
    assert made(signal(size=size("amount", "1")), default=default).amount == D(1)


def test_a_buy_without_any_size_is_refused() -> None:
    assert refused(signal()) == ["NO_SIZE"]


@pytest.mark.parametrize("stop", [None, D("98.00")])
def test_a_size_by_risk_needs_a_stop_away_from_the_entry(stop: Decimal | None) -> None:
    sent = signal(size=size("risk", "0.01"), price=D("98.004"), stop_loss=stop)
    assert refused(sent, facts(equity=D(1000))) == ["NO_SIZE"]


@pytest.mark.parametrize("kind", ["equity", "risk"])
def test_a_share_of_an_equity_that_is_not_known_is_refused(kind: str) -> None:
    assert refused(signal(size=size(kind, "0.01"), stop_loss=D(90))) == ["VENUE_DOWN"]


@pytest.mark.parametrize(
    "asked_for",
    [size("notional", "100", in_currency=True), size("equity", "0.01"), size("amount", "1")],
)
def test_an_entry_without_a_rate_is_refused(asked_for: Size) -> None:
    assert refused(signal(size=asked_for), facts(rate=None, equity=D(1))) == ["NO_RATE"]


def test_what_rounds_to_nothing_is_below_the_minimum() -> None:
    outcome = result(signal(size=size("amount", "0.0009")))
    assert refused(signal(size=size("amount", "0.0009"))) == ["BELOW_MINIMUM"]
    assert text_of(outcome) == "0.0009 BTC is under the step of 0.001."


@given(
    st.decimals(1, 10**6, places=2),
    st.decimals("0.01", 10**5, places=2),
    st.sampled_from([D("0.00001"), D("0.001"), D(1), D(7)]),
)
def test_a_sized_order_never_costs_more_than_was_asked(
    notional: Decimal, ask: Decimal, step: Decimal
) -> None:
    known = facts(
        instrument=instrument(amount_step=step),
        quote=quote(str(ask), str(ask)),
    )
    outcome = result(signal(size=size("notional", str(notional))), known)
    if isinstance(outcome, Terms):
        assert outcome.amount % step == 0
        assert outcome.amount * outcome.bound <= notional < (outcome.amount + step) * outcome.bound
    else:
        assert [refusal.code for refusal in outcome] == ["BELOW_MINIMUM"]


# At what price, for how long.


def test_an_entry_without_a_price_is_approved_with_a_worst_price() -> None:
    order = made(signal(size=size("amount", "1")), facts(rate=D(2)))
    assert (order.type, order.price, order.worst_price) == (OrderType.LIMIT, None, D(101))
    assert (order.reference, order.notional, order.value) == (D(100), D(101), D(202))
    assert not order.reduces


def test_the_senders_price_binds_in_whole_steps_never_worse() -> None:
    order = made(signal(size=size("amount", "1"), price=D("98.009")))
    assert (order.price, order.worst_price, order.notional) == (D("98.00"), None, D(98))


@pytest.mark.parametrize(
    ("given_type", "price", "kind"),
    [
        (None, None, OrderType.MARKET),  # order_type
        (None, "98", OrderType.LIMIT),
        (OrderType.LIMIT, None, OrderType.LIMIT),
        (OrderType.MARKET, None, OrderType.MARKET),
    ],
)
def test_the_type_is_the_signals_own_or_limit_with_a_price_or_the_desks(
    given_type: OrderType | None, price: str | None, kind: OrderType
) -> None:
    sent = signal(size=size("amount", "1"), type=given_type, price=price and D(price))
    assert made(sent, how=prices(order_type=OrderType.MARKET)).type is kind


THIRTY = timedelta(seconds=30)


@pytest.mark.parametrize(
    ("kind", "given_tif", "on_timeout", "tif", "rests_for"),
    [
        ("market", None, "cancel", "IOC", None),
        ("market", "GTC", "cancel", "IOC", None),
        ("market", "FOK", "reprice", "FOK", None),
        ("limit", None, "cancel", "GTC", THIRTY),
        ("limit", None, "reprice", "GTC", THIRTY),
        ("limit", None, "market", "GTC", THIRTY),
        ("limit", None, "leave", "GTC", None),
        ("limit", "GTC", "cancel", "GTC", None),
        ("limit", "IOC", "cancel", "IOC", None),
        ("limit", "FOK", "market", "FOK", None),
    ],
)
def test_how_long_an_order_lasts(
    kind: str, given_tif: str | None, on_timeout: str, tif: str, rests_for: timedelta | None
) -> None:
    order = made(
        signal(
            size=size("amount", "1"),
            type=OrderType(kind),
            time_in_force=given_tif and TimeInForce(given_tif),
        ),
        how=prices(on_timeout=OnTimeout(on_timeout)),
    )
    assert (order.time_in_force, order.rests_for) == (tif, rests_for)
    assert order.on_timeout == (on_timeout if rests_for else "leave")


@pytest.mark.parametrize("on_timeout", ["cancel", "reprice", "market"])
def test_the_rest_of_an_order_at_the_senders_own_price_is_only_ever_canceled(
    on_timeout: str,
) -> None:
    order = made(
        signal(size=size("amount", "1"), price=D(98)), how=prices(on_timeout=OnTimeout(on_timeout))
    )
    assert (order.rests_for, order.on_timeout) == (THIRTY, OnTimeout.CANCEL)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": OrderType.STOP, "stop_price": D(90)},
        {"type": OrderType.TRAILING_STOP},
        {"time_in_force": TimeInForce.GTD},
        {"post_only": True},
        {"post_only": True, "price": D(98), "type": OrderType.MARKET},
    ],
)
def test_what_a_market_does_not_take_is_refused(changes: dict[str, Any]) -> None:
    assert refused(signal(size=size("amount", "1"), **changes)) == ["NOT_SUPPORTED"]


def test_all_that_is_wrong_with_the_kind_of_order_is_told_at_once() -> None:
    sent = signal(type=OrderType.STOP_LIMIT, time_in_force=TimeInForce.GTD, reduce_only=True)
    assert refused(sent) == ["NOT_SUPPORTED", "NOT_SUPPORTED", "NOT_REDUCING"]


def test_a_post_only_limit_is_sent() -> None:
    assert made(signal(size=size("amount", "1"), price=D(98), post_only=True)).post_only


# Stop and targets.


def test_stop_and_targets_are_rounded_so_that_none_is_worse() -> None:
    order = made(
        signal(
            size=size("amount", "1"),
            stop_loss=D("90.001"),
            take_profit=(Target(price=D("120.001"), share=D(1)),),
        )
    )
    assert order.stop_loss == D("90.01")
    assert order.take_profit == (Target(price=D("120.01"), share=D(1)),)


@pytest.mark.parametrize(
    ("price", "stop", "target", "wrong"),
    [
        (None, "99.99", "100.01", 0),
        (None, "100", None, 1),
        (None, None, "100", 1),
        (None, "150", "50", 2),
        ("98", "97.99", "98.01", 0),
        ("98", "98", "98", 2),
    ],
)
def test_a_stop_or_target_on_the_wrong_side_of_the_entry_is_refused(
    price: str | None, stop: str | None, target: str | None, wrong: int
) -> None:
    """The entry is the sender's price, else the market: the ask of 100."""
    outcome = result(
        signal(
            size=size("amount", "1"),
            price=price and D(price),
            stop_loss=stop and D(stop),
            take_profit=(Target(price=D(target), share=D(1)),) if target else (),
        )
    )
    if wrong:
        assert isinstance(outcome, list)
        assert [refusal.code for refusal in outcome] == ["NOT_SUPPORTED"] * wrong
    else:
        assert isinstance(outcome, Terms)


def test_the_refusal_of_a_wrong_stop_says_the_numbers() -> None:
    outcome = result(signal(size=size("amount", "1"), stop_loss=D(61000)))
    assert text_of(outcome) == "The stop 61\u202f000 is on the wrong side of the entry at 100."


@pytest.mark.parametrize(
    "changes", [{"stop_loss": D(120)}, {"take_profit": (Target(price=D(80), share=D(1)),)}]
)
def test_a_spot_sell_with_a_stop_or_target_is_refused(changes: dict[str, Any]) -> None:
    assert refused(signal(side=SELL, **changes), facts(position=D(1))) == ["SHORT_ON_SPOT"]
