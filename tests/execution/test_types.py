"""The records refuse what may not travel: floats, naive times, numbers that are none."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from execution.record import Record
from execution.types import (
    Candle,
    Mode,
    Refusal,
    Side,
    Size,
    SizeKind,
    Target,
    Trail,
)
from tests.execution.builders import NOW, fill, instrument, quote, signal, terms
from tests.execution.rows import order, report, ticket, trade, vote

D = Decimal
ONE = D(1)
SAMPLES: list[Record] = [
    Size(kind=SizeKind.AMOUNT, value=ONE),
    Target(price=ONE, share=ONE),
    Trail(value=ONE, is_share=True),
    signal(
        price=ONE,
        stop_price=ONE,
        stop_loss=ONE,
        good_till=NOW,
        time=NOW,
        bar_time=NOW,
    ),
    quote(),
    Candle(at=NOW, open=ONE, high=ONE, low=ONE, close=ONE, volume=ONE),
    instrument(
        min_amount=ONE,
        max_amount=ONE,
        min_price=ONE,
        max_price=ONE,
        min_notional=ONE,
        max_notional=ONE,
    ),
    terms(price=ONE, stop_price=ONE, good_till=NOW, stop_loss=ONE),
    Refusal(code="CODE", text="why", largest=ONE),
    ticket(decided_at=NOW, previous_reference=ONE),
    vote(ticket()),
    order(
        sent_at=NOW,
        acknowledged_at=NOW,
        fence_at=NOW,
        cancel_after=NOW,
        cancel_requested_at=NOW,
        doubted_at=NOW,
        next_look_at=NOW,
        ended_at=NOW,
        short_since=NOW,
    ),
    fill(Side.BUY, "1", "100"),
    report("working", average=ONE, at=NOW),
    trade("t1", "1"),
]


def _fields(kind: type) -> list[Any]:
    """Every (record, field) of the samples that holds a value of this kind."""
    return [
        pytest.param(sample, field.name, id=f"{type(sample).__name__}.{field.name}")
        for sample in SAMPLES
        for field in dataclasses.fields(sample)  # type: ignore[arg-type]
        if isinstance(getattr(sample, field.name), kind)
    ]


@pytest.mark.parametrize(("record", "name"), _fields(Decimal))
def test_no_number_of_a_record_may_be_a_float(record: Record, name: str) -> None:
    with pytest.raises(TypeError, match=rf"{type(record).__name__}\.{name}: a float"):
        record.evolve(**{name: 0.1})


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(("record", "name"), _fields(Decimal))
def test_no_number_of_a_record_may_be_other_than_finite(
    record: Record, name: str, value: str
) -> None:
    with pytest.raises(ValueError, match=rf"\.{name}: .* is not a number"):
        record.evolve(**{name: D(value)})


@pytest.mark.parametrize(("record", "name"), _fields(datetime))
def test_no_time_of_a_record_may_be_naive(record: Record, name: str) -> None:
    with pytest.raises(ValueError, match=rf"\.{name}: a naive time"):
        record.evolve(**{name: datetime(2026, 3, 2, 12, 0)})  # noqa: DTZ001


@pytest.mark.parametrize(("record", "name"), _fields(datetime))
def test_a_time_of_another_zone_becomes_the_same_moment_in_utc(record: Record, name: str) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))

    kept = getattr(record.evolve(**{name: elsewhere}), name)

    assert kept == NOW
    assert kept.tzinfo is UTC


@pytest.mark.parametrize("record", SAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_does_not_change(record: Record) -> None:
    name = dataclasses.fields(record)[0].name  # type: ignore[arg-type]

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, None)


def test_evolving_changes_a_copy_and_nothing_else() -> None:
    before = terms()

    after = before.evolve(amount=D(2))

    assert (before.amount, after.amount) == (D(1), D(2))
    assert after.evolve(amount=D(1)) == before


def test_a_record_has_no_place_for_what_it_does_not_know() -> None:
    with pytest.raises(TypeError):
        terms().evolve(leverage=D(2))
    with pytest.raises((AttributeError, TypeError)):
        object.__setattr__(terms(), "leverage", D(2))


def test_each_side_undoes_the_other() -> None:
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)


def test_a_buy_meets_the_ask_and_a_sell_the_bid() -> None:
    market = quote(bid="99", ask="100")

    assert (market.reference(Side.BUY), market.reference(Side.SELL)) == (D(100), D(99))
    assert market.mid == D("99.5")


def test_live_is_graver_than_sandbox_and_sandbox_than_paper() -> None:
    assert sorted(Mode, key=lambda mode: mode.gravity) == [Mode.PAPER, Mode.SANDBOX, Mode.LIVE]


def test_a_signal_was_true_when_its_sender_says_else_when_it_came() -> None:
    earlier = NOW - timedelta(seconds=4)

    assert signal().fired_at == NOW
    assert signal(time=earlier).fired_at == earlier


@pytest.mark.parametrize(
    ("price", "worst", "bound"),
    [(D(99), None, D(99)), (None, D(101), D(101)), (D(99), D(101), D(99)), (D(0), D(101), D(0))],
)
def test_an_order_is_bound_by_its_senders_price_else_by_its_worst_price(
    price: Decimal | None, worst: Decimal | None, bound: Decimal
) -> None:
    assert terms(price=price, worst_price=worst).bound == bound


@pytest.mark.parametrize(
    ("price", "worst", "stop", "counted_at"),
    [
        (D(99), None, D(90), D(99)),
        (None, D(101), None, D(101)),
        (None, None, D(90), D(90)),
        (None, None, None, D(100)),
    ],
)
def test_the_value_of_an_order_is_reckoned_by_its_limit_else_by_what_it_waits_for(
    price: Decimal | None, worst: Decimal | None, stop: Decimal | None, counted_at: Decimal
) -> None:
    counted = terms(price=price, worst_price=worst, stop_price=stop, reference=D(100))
    assert counted.counted_at == counted_at
    assert counted.bound == (price or worst)
