"""What an order does to a position in contracts: it reduces or adds, and never goes through zero."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import exposure
from execution.exposure import Effect, SizingFacts
from execution.instruments import Offers
from execution.sizing import resized
from execution.types import OrderType, Side, Target
from tests.execution.builders import (
    D,
    facts,
    instrument,
    made,
    refused,
    result,
    signal,
    size,
    text_of,
)

BUY, SELL = Side.BUY, Side.SELL
CONTRACT = instrument(symbol="BTC/USDT:USDT")
HELD = st.decimals(min_value=-5, max_value=5, places=3)
AMOUNTS = st.decimals(min_value="0.001", max_value=12, places=3)


def account(position: str = "0", **changes: Any) -> SizingFacts:
    """An account of contracts with this position."""
    return facts(instrument=CONTRACT, position=D(position), **changes)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_without_a_position_either_side_opens_one(side: Side) -> None:
    order = made(signal(side=side, size=size("amount", "2")), account())
    assert (order.amount, order.reduces, order.reduce_only) == (D(2), False, False)
    assert order.from_holdings == 0


@pytest.mark.parametrize(
    ("position", "side", "reduces"),
    [("1", SELL, True), ("1", BUY, False), ("-1", BUY, True), ("-1", SELL, False)],
)
def test_the_side_against_a_position_reduces_it_and_the_other_adds(
    position: str, side: Side, reduces: bool
) -> None:
    order = made(signal(side=side, size=size("amount", "0.4")), account(position))
    assert (order.amount, order.reduces) == (D("0.4"), reduces)


def test_a_short_is_sized_and_counted_at_what_it_sells_at_not_at_its_worst_price() -> None:
    """Else it would be worth more than was asked for, and than the rules were asked about."""
    order = made(signal(side=SELL), account(), default=size("notional", "99"))
    assert (order.amount, order.worst_price, order.reduces) == (D(1), D("98.01"), False)
    assert (order.notional, order.value) == (D(99), D(99))


@pytest.mark.parametrize(
    ("sent", "counted_at"),
    [
        ({"price": D(50)}, "99"),  # it would sell at the bid
        ({"price": D(120)}, "120"),
        ({"type": OrderType.STOP, "stop_price": D(90)}, "90"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": D(90), "price": D(80)}, "90"),
        ({"type": OrderType.TAKE_PROFIT, "stop_price": D(120)}, "120"),
    ],
)
def test_a_short_is_worth_the_best_price_it_may_get(sent: dict[str, Any], counted_at: str) -> None:
    market = CONTRACT.evolve(offers=Offers(types=frozenset(OrderType)))
    known = facts(instrument=market)
    order = made(signal(side=SELL, size=size("amount", "1"), **sent), known)
    assert order.notional == D(counted_at)


@pytest.mark.parametrize(("position", "side"), [("0", SELL), ("-1", SELL), ("1", BUY)])
def test_what_was_approved_to_reduce_does_not_become_an_entry(position: str, side: Side) -> None:
    """The position it was to close has ended, or turned, while its card waited."""
    card = made(signal(side=side.opposite, close=True), account("-1" if side is SELL else "1"))
    waiting = card.evolve(side=side)
    found = resized(waiting, D(1), account(position))
    assert isinstance(found, list)
    assert [one.code for one in found] == ["NOT_REDUCING"]


@pytest.mark.parametrize(("position", "side"), [("1.5", SELL), ("-1.5", BUY)])
def test_the_side_against_a_position_without_a_size_closes_all_of_it(
    position: str, side: Side
) -> None:
    order = made(signal(side=side), account(position), default=size("amount", "9"))
    assert (order.side, order.amount, order.reduces, order.reduce_only) == (
        side,
        D("1.5"),
        True,
        True,
    )


@pytest.mark.parametrize(("position", "side"), [("1.5", SELL), ("-1.5", BUY)])
def test_a_close_takes_the_side_that_ends_the_position(position: str, side: Side) -> None:
    order = made(signal(side=None, close=True), account(position))
    assert (order.side, order.amount, order.reduces) == (side, D("1.5"), True)


@pytest.mark.parametrize(
    ("position", "side", "text"),
    [
        ("1", SELL, "1.001 BTC is more than the long of 1 BTC; 1 would close it."),
        ("-1", BUY, "1.001 BTC is more than the short of 1 BTC; 1 would close it."),
        ("1.0009", SELL, "1.001 BTC is more than the long of 1.0009 BTC; 1 would close it."),
    ],
)
@pytest.mark.parametrize("reduce_only", [True, False])
def test_what_goes_through_zero_is_refused_with_the_size_that_would_close(
    position: str, side: Side, text: str, reduce_only: bool
) -> None:
    sent = signal(side=side, size=size("amount", "1.001"), reduce_only=reduce_only)
    assert refused(sent, account(position)) == ["NOT_REDUCING"]
    assert text_of(result(sent, account(position))) == text


@pytest.mark.parametrize(
    ("position", "changes", "code", "text"),
    [
        (
            "0",
            {"side": SELL, "close": True},
            "NO_POSITION",
            "There is no position in BTC/USDT:USDT.",
        ),
        (
            "0",
            {"side": None, "close": True},
            "NO_POSITION",
            "There is no position in BTC/USDT:USDT.",
        ),
        (
            "0",
            {"side": BUY, "reduce_only": True},
            "NOT_REDUCING",
            "There is no position in BTC/USDT:USDT.",
        ),
        (
            "1",
            {"side": BUY, "reduce_only": True},
            "NOT_REDUCING",
            "A buy adds to the long of 1 BTC; it cannot close or reduce it.",
        ),
        (
            "-1",
            {"side": SELL, "close": True},
            "NOT_REDUCING",
            "A sell adds to the short of 1 BTC; it cannot close or reduce it.",
        ),
        (
            "1",
            {"side": SELL, "stop_loss": D(110)},
            "NOT_REDUCING",
            "A sell reduces the long of 1 BTC: a stop or target has nothing to protect.",
        ),
        (
            "-1",
            {"side": BUY, "take_profit": (Target(price=D(110), share=D(1)),)},
            "NOT_REDUCING",
            "A buy reduces the short of 1 BTC: a stop or target has nothing to protect.",
        ),
    ],
)
def test_what_no_size_would_make_right_is_refused(
    position: str, changes: dict[str, Any], code: str, text: str
) -> None:
    amount = None if changes.get("close") else size("amount", "1")
    sent = signal(size=amount, **changes)
    assert refused(sent, account(position)) == [code]
    assert text_of(result(sent, account(position))) == text


def test_an_entry_with_a_stop_may_be_a_short() -> None:
    order = made(signal(side=SELL, size=size("amount", "1"), stop_loss=D(110)), account())
    assert (order.stop_loss, order.reduces) == (D(110), False)


def test_a_stop_under_a_short_entry_is_on_the_wrong_side() -> None:
    sent = signal(side=SELL, size=size("amount", "1"), stop_loss=D(90))
    assert refused(sent, account()) == ["NOT_SUPPORTED"]


@pytest.mark.parametrize("where", ["reserved_base", "resting_base"])
def test_what_another_order_is_to_close_is_not_closed_twice(where: str) -> None:
    sent = signal(side=BUY, size=size("amount", "0.7"))
    known = account("-1", **{where: D("0.4")})
    assert refused(sent, known) == ["NOT_REDUCING"]
    assert text_of(result(sent, known)) == "0.7 BTC is over the 0.6 that no other order is closing."


@pytest.mark.parametrize(("side", "other"), [(BUY, SELL), (SELL, BUY)])
def test_no_entry_goes_against_another_that_may_still_fill(side: Side, other: Side) -> None:
    """Filled together they would go through zero, whichever comes first."""
    sent = signal(side=side, size=size("amount", "1"))
    known = account(entering=[other])
    assert refused(sent, known) == ["NOT_REDUCING"]
    said = f"An order of ours to {other} BTC/USDT:USDT may still fill; cancel it first."
    assert text_of(result(sent, known)) == said
    assert made(sent, account(entering=[side])).amount == D(1)


@given(held=HELD, amount=AMOUNTS, side=st.sampled_from(Side), reduce_only=st.booleans())
def test_no_order_that_is_let_through_ends_on_the_other_side_of_zero(
    held: Decimal, amount: Decimal, side: Side, reduce_only: bool
) -> None:
    known = account(str(held))
    done = exposure.effect(amount, side, known, reduce_only=reduce_only)
    after = held + (amount if side is BUY else -amount)
    through, smaller = held * after < 0, abs(after) < abs(held)
    assert isinstance(done, Effect) is (not through and (smaller or not reduce_only))
    assert exposure.goes_through_zero(amount, side, known) is through
    if isinstance(done, Effect):
        assert done.amount == amount
        assert done.reduces is (abs(after) < abs(held))


def test_a_sale_on_spot_never_opens_a_short() -> None:
    known = facts(position=D(1), free_base=D(1))
    assert refused(signal(side=SELL, size=size("amount", "2")), known) == ["INSUFFICIENT_BALANCE"]
