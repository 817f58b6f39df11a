"""All rules together: which are asked of which order, and what is offered when size is wrong."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from execution import risk
from execution.checks import Checked, Limits, Snapshot
from execution.hours import parse_hours
from execution.risk import check
from tests.execution.builders import EXIT, NOW, D, arrival, snapshot, terms, trading

SECOND = timedelta(seconds=1)
# All together.

STRICT = Limits(
    max_order_notional=D(0),
    max_signal_age=SECOND,
    max_position_notional=D(0),
    max_open_orders=0,
    max_open_positions=0,
    max_orders_per_minute=0,
    max_daily_loss=D(0),
    max_drawdown=D(0),
    max_price_deviation=D(0),
    max_spread=D(0),
    min_quote_reserve=D(10**6),
    symbols=frozenset(),
    sides=frozenset(),
    trading_hours=parse_hours("Sun 00:00-01:00"),
    cooldown_after_loss=60 * SECOND,
    duplicate_window=60 * SECOND,
    stop_loss_required=True,
)


def dreadful(**changes: Any) -> Snapshot:
    """Everything the strict limits can object to."""
    return snapshot(
        arrival=arrival(fired_at=NOW - 60 * SECOND, last_like_it=NOW),
        last_loss_at=NOW,
        **changes,
    )


def codes(checked: Checked) -> set[str]:
    """What was objected to."""
    return {refusal.code for refusal in checked.refusals}


def test_all_rules_run_whatever_the_others_say() -> None:
    checked = check(terms(price=D(90), worst_price=None), dreadful(), STRICT)
    assert codes(checked) == {name.upper() for name in Limits.__slots__ if name != "zone"}
    assert set(checked.passed) == {*risk.EVERY_ORDER, "rate"}


def test_an_order_that_only_reduces_meets_only_the_rules_for_every_order() -> None:
    checked = check(terms(**EXIT), dreadful(rate=None), STRICT)
    assert codes(checked) == {"MAX_SIGNAL_AGE", "DUPLICATE_WINDOW"}
    assert set(checked.passed) == set(risk.EVERY_ORDER)


def test_age_and_duplicates_are_asked_at_arrival_only() -> None:
    later = dreadful().evolve(arrival=None)
    checked = check(terms(**EXIT), later, STRICT)
    assert checked == Checked(refusals=(), passed=tuple(risk.EVERY_ORDER))


def test_a_limit_of_zero_is_on_and_an_absent_one_is_not_counted() -> None:
    quiet = Limits(max_order_notional=D(0))
    assert codes(check(terms(), snapshot(), quiet)) == {"MAX_ORDER_NOTIONAL"}
    passed = check(terms(), snapshot(arrival=arrival()), Limits()).passed
    assert set(passed) == {*risk.EVERY_ORDER, "max_signal_age", "rate", "max_order_notional"}


def test_a_broken_world_refuses_and_does_not_raise() -> None:
    broken = snapshot(
        trading=trading("halted"),
        venue_down="no answer.",
        symbol_in_doubt=True,
        instrument=None,
        quote=None,
        rate=None,
    )
    assert codes(check(terms(price=D(1), worst_price=None), broken, STRICT)) >= {
        "HALTED",
        "VENUE_DOWN",
        "UNKNOWN_SYMBOL",
        "UNKNOWN_OUTCOME",
        "NO_RATE",
    }


@pytest.mark.parametrize(
    ("limits", "used", "largest"),
    [
        (Limits(max_order_notional=D(50)), "0", "50"),
        (Limits(max_order_notional=D(50), max_position_notional=D(70)), "40", "30"),
        (Limits(max_order_notional=D(50), max_position_notional=D(70)), "70", None),
        (Limits(max_order_notional=D(50), max_open_orders=0), "0", None),
        (Limits(max_order_notional=D(50), max_position_notional=D(70)), "80", None),
        (Limits(), "0", None),
    ],
)
def test_a_refusal_offers_the_largest_that_passes_when_size_is_all_that_is_wrong(
    limits: Limits, used: str, largest: str | None
) -> None:
    world = snapshot(position_value=D(used))
    checked = check(terms(), world, limits)
    assert checked.largest == (largest and D(largest))
    if checked.largest is not None:
        assert check(terms(value=checked.largest), world, limits).refusals == ()
        above = checked.largest + D("0.000001")
        assert check(terms(value=above), world, limits).refusals != ()


def test_moments_are_compared_whatever_zone_they_came_in() -> None:
    """Records keep UTC; the same instant in another zone is the same age."""
    fired = (NOW - 120 * SECOND).astimezone(ZoneInfo("Asia/Tokyo"))
    assert check(terms(), snapshot(arrival=arrival(fired_at=fired)), Limits()).refusals == ()
    assert arrival(fired_at=fired).fired_at.tzinfo is UTC


def test_a_refusal_without_terms_says_what_is_missing() -> None:
    assert risk.unknown_symbol("XYZ", "main").text == "XYZ is not traded at main."
    assert risk.venue_down("main", "no answer.").code == "VENUE_DOWN"


@pytest.mark.parametrize(
    ("state", "reduces", "code"),
    [
        ("active", False, None),
        ("paused", True, None),
        ("paused", False, "PAUSED"),
        ("halted", True, "HALTED"),
        ("halted", False, "HALTED"),
    ],
)
def test_what_a_stopped_desk_refuses_is_known_before_there_are_terms(
    state: str, reduces: bool, code: str | None
) -> None:
    refusal = risk.stopped(trading(state), reduces=reduces)
    assert (refusal and refusal.code) == code
