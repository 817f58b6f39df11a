"""Orders that wait for the market: what a market takes, where a stop price may lie, when it is too late."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import kinds
from execution.instruments import Offers, Shares
from execution.pricing import drift, is_past, send_price
from execution.sizing import repriced, resized
from execution.types import (
    OnTimeout,
    OrderType,
    Refusal,
    Side,
    Target,
    Terms,
    TimeInForce,
    Trail,
)
from tests.execution.builders import (
    NOW,
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
    terms,
    text_of,
)

BUY, SELL = Side.BUY, Side.SELL
ALL = Offers(
    types=frozenset(OrderType),
    times=frozenset(TimeInForce),
    times_of_triggered=frozenset({TimeInForce.GTC, TimeInForce.GTD}),
    trails_by_share=Shares(least=D("0.001"), most=D("0.2"), step=D("0.0001")),
    trails_by_distance=True,
)
HELD = {"position": D(2), "instrument": instrument(offers=ALL)}
"""Two BTC that may be sold, at a market (99 to 100) that takes every kind."""


def waits(kind: OrderType, side: Side, **changes: Any) -> Terms:
    """The terms of an order of one BTC that waits."""
    sent = signal(type=kind, side=side, size=size("amount", "1"), **changes)
    return made(sent, facts(**HELD))


def objection(kind: OrderType, side: Side = SELL, offers: Offers = ALL, **changes: Any) -> str:
    """Why there can be no such order."""
    sent = signal(type=kind, side=side, size=size("amount", "1"), **changes)
    known = facts(position=D(2), instrument=instrument(offers=offers))
    assert refused(sent, known) == ["NOT_SUPPORTED"]
    return text_of(result(sent, known))


def trail(value: str, *, share: bool = True) -> Trail:
    return Trail(value=D(value), is_share=share)


# What it becomes.


@pytest.mark.parametrize(
    ("kind", "side", "stop"),
    [
        (OrderType.STOP, SELL, "95"),
        (OrderType.STOP, BUY, "105"),
        (OrderType.TAKE_PROFIT, SELL, "105"),
        (OrderType.TAKE_PROFIT, BUY, "95"),
    ],
)
def test_an_order_without_a_limit_takes_the_market_once_its_stop_price_is_touched(
    kind: OrderType, side: Side, stop: str
) -> None:
    order = waits(kind, side, stop_price=D(stop))
    assert (order.type, order.stop_price, order.price, order.worst_price) == (
        kind,
        D(stop),
        None,
        None,
    )
    assert (order.bound, order.counted_at, order.notional) == (None, D(stop), D(stop))
    assert (order.time_in_force, order.rests_for) == (TimeInForce.GTC, None)
    assert send_price(order, quote(), step=D("0.01"), slippage=D("0.1")) is None


def test_an_order_with_a_limit_is_sent_with_it_and_counted_at_it() -> None:
    order = waits(OrderType.STOP_LIMIT, SELL, stop_price=D(95), price=D(94))
    assert (order.stop_price, order.price, order.counted_at) == (D(95), D(94), D(94))
    assert send_price(order, quote(), step=D("0.01"), slippage=D("0.1")) == D(94)


@pytest.mark.parametrize(
    ("kind", "side", "asked", "rounded"),
    [
        (OrderType.STOP, SELL, "95.001", "95.01"),  # fires no later
        (OrderType.STOP, BUY, "105.009", "105.00"),
        (OrderType.TAKE_PROFIT, SELL, "105.001", "105.01"),  # at no worse price
        (OrderType.TAKE_PROFIT, BUY, "95.009", "95.00"),
    ],
)
def test_a_stop_fires_no_later_and_a_target_at_no_worse_price_than_was_asked_for(
    kind: OrderType, side: Side, asked: str, rounded: str
) -> None:
    assert waits(kind, side, stop_price=D(asked)).stop_price == D(rounded)


@pytest.mark.parametrize(
    ("side", "distance", "begins"),
    [
        (SELL, trail("0.01"), "98.01"),
        (BUY, trail("0.01"), "101.00"),
        (SELL, trail("2.509", share=False), "96.50"),
        (BUY, trail("2.509", share=False), "102.50"),
    ],
)
def test_a_trailing_stop_begins_at_its_distance_from_the_market(
    side: Side, distance: Trail, begins: str
) -> None:
    order = waits(OrderType.TRAILING_STOP, side, trail=distance)
    assert (order.stop_price, order.price) == (D(begins), None)
    assert order.trail is not None
    assert order.trail.value <= distance.value


def test_a_trailing_stop_that_is_asked_about_anew_begins_where_the_market_is_then() -> None:
    order = waits(OrderType.TRAILING_STOP, SELL, trail=trail("0.01"))
    higher = facts(**HELD | {"quote": quote("199", "200")})
    again = repriced(order, higher, prices())
    assert isinstance(again, Terms)
    assert (again.stop_price, again.reference) == (D("197.01"), D(199))


def test_what_waits_outlives_the_desks_own_timeout() -> None:
    order = waits(OrderType.STOP, SELL, stop_price=D(95))
    assert (order.rests_for, order.on_timeout) == (None, OnTimeout.LEAVE)


def test_it_may_rest_until_a_date() -> None:
    ends = NOW + timedelta(hours=1)
    lasts = {"time_in_force": TimeInForce.GTD, "good_till": ends}
    order = waits(OrderType.STOP, SELL, stop_price=D(95), **lasts)
    assert (order.time_in_force, order.good_till) == (TimeInForce.GTD, ends)


def test_a_size_by_risk_counts_from_where_the_order_enters() -> None:
    sent = signal(
        type=OrderType.STOP, stop_price=D(110), stop_loss=D(100), size=size("risk", "0.01")
    )
    known = facts(instrument=instrument(offers=ALL), equity=D(1000))
    assert made(sent, known).amount == D(1)  # 10 at risk over 110 - 100


def test_its_own_stop_and_target_lie_on_either_side_of_where_it_enters() -> None:
    fits = {"stop_loss": D(104), "take_profit": (Target(price=D(106), share=D(1)),)}
    assert waits(OrderType.STOP, BUY, stop_price=D(105), **fits).stop_loss == D(104)
    sent = signal(type=OrderType.STOP, stop_price=D(105), size=size("amount", "1"))
    for wrong in ({"stop_loss": D("105.5")}, {"take_profit": (Target(price=D(104), share=D(1)),)}):
        assert refused(sent.evolve(**wrong), facts(**HELD)) == ["NOT_SUPPORTED"]


# What it must not become.


@pytest.mark.parametrize(
    ("kind", "side", "stop", "where"),
    [
        (OrderType.STOP, SELL, "99", "below the market at 99"),
        (OrderType.STOP, BUY, "100", "above the market at 100"),
        (OrderType.TAKE_PROFIT, SELL, "99", "above the market at 99"),
        (OrderType.TAKE_PROFIT, BUY, "100", "below the market at 100"),
    ],
)
def test_what_would_fire_at_once_is_refused_with_the_market(
    kind: OrderType, side: Side, stop: str, where: str
) -> None:
    assert objection(kind, side, stop_price=D(stop)) == (
        f"The stop price {stop} is not {where}: it would fire at once."
    )


def test_what_the_market_has_come_to_since_it_was_asked_about_is_refused() -> None:
    """An approval of a stop that waits is none of one that fires."""
    order = waits(OrderType.STOP, SELL, stop_price=D(95))
    lower = facts(**HELD | {"quote": quote("95", "96")})
    outcome = resized(order, order.amount, lower)
    assert not isinstance(outcome, Terms)
    assert "it would fire at once" in text_of(outcome)


def test_a_trailing_stop_is_wherever_the_market_goes() -> None:
    order = waits(OrderType.TRAILING_STOP, SELL, trail=trail("0.01"))
    assert kinds.fires_at_once(order, quote("50", "51")) is None


@pytest.mark.parametrize(
    ("offers", "changes", "told"),
    [
        (Offers(), {"stop_price": D(95)}, "main takes no stop order for BTCUSDT."),
        (
            ALL,
            {"stop_price": D(95), "time_in_force": TimeInForce.IOC},
            "main does not take an order that waits for its stop price as IOC.",
        ),
        (
            ALL,
            {"stop_price": D(95), "post_only": True},
            "Post-only needs a limit order with a price: any other may match.",
        ),
    ],
)
def test_what_a_venue_does_not_have_is_refused_before_anybody_is_asked(
    offers: Offers, changes: dict[str, Any], told: str
) -> None:
    assert objection(OrderType.STOP, offers=offers, **changes) == told


@pytest.mark.parametrize(
    ("offers", "asked", "told"),
    [
        (ALL, None, "A trailing stop needs its distance: trail."),
        (ALL, trail("0.25"), "main trails by 0.1 % to 20 % of the price, not by 25 %."),
        (ALL, trail("0.01005"), "main trails by steps of 0.01 %, 1.005 % is none."),
        (ALL, trail("99", share=False), "The distance of the trailing stop is more than the price"),
        (ALL, trail("0.001", share=False), "The distance of the trailing stop is under the step."),
        (
            ALL.evolve(trails_by_share=None),
            trail("0.01"),
            "main trails by a distance, not by a share of the price.",
        ),
        (
            ALL.evolve(trails_by_distance=False),
            trail("5", share=False),
            "main trails by a share of the price, not by a distance: send 1% or so.",
        ),
    ],
)
def test_a_distance_that_cannot_be_kept_is_refused_with_what_can(
    offers: Offers, asked: Trail | None, told: str
) -> None:
    sent = signal(type=OrderType.TRAILING_STOP, side=SELL, size=size("amount", "1"), trail=asked)
    known = facts(position=D(2), instrument=instrument(offers=offers))
    assert refused(sent, known) == ["NOT_SUPPORTED"]
    assert text_of(result(sent, known)).startswith(told)


@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.MARKET])
def test_how_long_an_order_may_rest_is_the_venues_to_say(kind: OrderType) -> None:
    offers = Offers(times=frozenset({TimeInForce.GTC, TimeInForce.IOC}))
    price = {"price": D(100)} if kind is OrderType.LIMIT else {}
    told = objection(kind, offers=offers, time_in_force=TimeInForce.FOK, **price)
    assert told == "main does not take such an order as FOK."


def test_a_market_order_is_one_that_may_not_rest_and_not_every_venue_has_it() -> None:
    """It is sent as a limit that takes at once or not at all."""
    told = objection(OrderType.MARKET, offers=Offers(types=frozenset({OrderType.LIMIT})))
    assert told == "main takes no market order for BTCUSDT."


def test_a_date_that_has_passed_is_told() -> None:
    order = terms(time_in_force=TimeInForce.GTD, good_till=NOW)
    assert kinds.over(order, NOW - timedelta(microseconds=1)) is None
    over = kinds.over(order, NOW)
    assert over == Refusal(
        code="NOT_SUPPORTED",
        text="It was good till 2026-03-02 12:00:00 UTC, which has passed.",
    )


# Whether it is still what was approved.


@pytest.mark.parametrize(
    ("bound", "price", "past"),
    [
        ({"price": D(100)}, D(100), False),
        ({"price": D(100)}, D("100.01"), True),
        ({"worst_price": D(101)}, D(101), False),
        ({"worst_price": D(101)}, None, True),
        ({}, None, False),
        ({}, D(1), True),
    ],
)
def test_a_price_is_past_what_was_approved(
    bound: dict[str, Decimal], price: Decimal | None, past: bool
) -> None:
    """An order that takes the market is approved without a price, and one with a price is not."""
    approved = terms(**{"price": None, "worst_price": None, "stop_price": D(105)} | bound)
    assert is_past(approved, price) is past


def test_a_sell_is_past_it_on_the_other_side() -> None:
    approved = terms(side=SELL, price=D(98), worst_price=None)
    assert [is_past(approved, price) for price in (D("97.99"), D(98), D(99))] == [
        True,
        False,
        False,
    ]


def test_the_market_does_not_drift_away_from_what_waits_for_it() -> None:
    order = waits(OrderType.STOP, SELL, stop_price=D(95))
    assert drift(order, quote("50", "51")) == 0


@given(
    kind=st.sampled_from(sorted(kinds.TRIGGERED - {OrderType.TRAILING_STOP})),
    side=st.sampled_from(Side),
    stop=st.decimals(min_value=1, max_value=300, places=4),
)
def test_every_stop_price_either_waits_on_its_side_of_the_market_or_is_refused(
    kind: OrderType, side: Side, stop: Decimal
) -> None:
    priced = {"price": stop} if kind.endswith("limit") else {}
    sent = signal(type=kind, side=side, stop_price=stop, size=size("amount", "1"), **priced)
    outcome = result(sent, facts(**HELD))
    market = quote().reference(side)
    if isinstance(outcome, Terms):
        assert outcome.stop_price is not None
        above = outcome.stop_price > market
        assert above == ((side is BUY) == (kind in kinds.STOPS))
        assert outcome.stop_price != market
    else:
        assert {refusal.code for refusal in outcome} == {"NOT_SUPPORTED"}
