"""How much of a position goes out at once: what the book has, what the venue takes, and no unsellable rest."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import closing
from execution.executor.slicing import slice_of
from execution.instruments import Instrument
from execution.rounding import amount_down
from execution.types import Level
from tests.execution.builders import instrument

D = Decimal
PRICE = D("99.9")


def market(**changes: Decimal | None) -> Instrument:
    """One that takes steps of 0.01, nothing under 0.1 and nothing under 5 in quote currency."""
    limits = {"amount_step": D("0.01"), "min_amount": D("0.1"), "min_notional": D(5)}
    return instrument(**limits | changes)


def book(*levels: tuple[str, str]) -> list[Level]:
    return [Level(price=D(price), amount=D(amount)) for price, amount in levels]


@pytest.mark.parametrize(
    ("levels", "amount"),
    [
        ([("100", "5")], "2"),
        ([("100", "0.5")], "0.5"),
        ([("100", "0.5"), ("99.9", "0.7")], "1.2"),
        ([("100", "0.5"), ("99.8", "9")], "0.5"),
        ([("100", "0.01")], "0.1"),
        ([("100", "1.95")], "1.9"),
        ([("100", "1.999")], "1.9"),
    ],
    ids=[
        "all of it, where the book has more",
        "what the book has",
        "what it has down to the price, at all levels",
        "nothing that lies beyond the price",
        "the least the venue takes, where the book has less",
        "so little that the rest can still be sold",
        "in whole steps",
    ],
)
def test_a_slice_of_two(levels: list[tuple[str, str]], amount: str) -> None:
    assert slice_of(D(2), book(*levels), PRICE, market()) == D(amount)


def test_a_rest_that_cannot_be_shared_goes_out_whole() -> None:
    """0.15 is no two orders of 0.1: what the book takes of all of it decides."""
    assert slice_of(D("0.15"), book(("100", "0.12")), PRICE, market()) == D("0.15")


@pytest.mark.parametrize(
    ("limits", "amount"),
    [({"max_amount": D("1.5")}, "1.5"), ({"max_notional": D(120)}, "1.2")],
    ids=["an amount", "a value at the better of both prices"],
)
def test_a_slice_is_no_more_than_the_venue_takes_at_once(
    limits: dict[str, Decimal], amount: str
) -> None:
    assert slice_of(D(2), book(("100", "9")), PRICE, market(**limits)) == D(amount)


def test_the_least_is_by_amount_and_by_value_in_whole_steps() -> None:
    assert closing.least(market(), D(100)) == D("0.1")
    assert closing.least(market(), D(40)) == D("0.13")
    assert closing.least(market(min_amount=None, min_notional=None), D(40)) == D("0.01")


AMOUNTS = st.decimals(D("0.1"), D(50), places=3, allow_nan=False)


@given(rest=AMOUNTS, offered=AMOUNTS)
def test_slices_come_to_an_end_and_sell_all_that_can_be_sold(
    rest: Decimal, offered: Decimal
) -> None:
    there, left, slices = market(), rest, 0
    least, step = closing.least(there, PRICE), there.amount_step
    while left >= least:
        amount = slice_of(left, book(("100", str(offered))), PRICE, there)
        assert least <= amount <= left
        assert amount == amount_down(amount, step)
        left -= amount
        slices += 1
        assert slices <= rest / amount_down(min(offered, rest), step) + 2
    assert left < step
