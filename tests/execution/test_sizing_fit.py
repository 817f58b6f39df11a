"""What an order must fit: the position and the balance it sells from, the venue's own limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.exposure import SizingFacts
from execution.sizing import asked, repriced, resized, venue_limits
from execution.types import Asked, OrderType, Side, Terms
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
    terms,
    text_of,
)

BUY, SELL = Side.BUY, Side.SELL


# Sells: the position first, then holdings, never more than there is.


def test_a_sell_without_a_size_closes_the_position_whatever_the_default() -> None:
    order = made(signal(side=SELL), facts(position=D("0.5009")), default=size("amount", "7"))
    assert (order.amount, order.reduces, order.reduce_only) == (D("0.5"), True, True)
    assert (order.worst_price, order.reference) == (D("98.01"), D(99))


@pytest.mark.parametrize("side", [None, SELL])
def test_close_sells_the_whole_position(side: Side | None) -> None:
    order = made(signal(side=side, close=True), facts(position=D(2), free_base=D(5)))
    assert (order.side, order.amount, order.from_holdings) == (SELL, D(2), D(0))


@pytest.mark.parametrize("changes", [{"side": SELL}, {"side": None, "close": True}])
def test_closing_without_a_position_is_refused_even_with_holdings(changes: dict[str, Any]) -> None:
    assert refused(signal(**changes), facts(free_base=D(5))) == ["NO_POSITION"]


@pytest.mark.parametrize("changes", [{"close": True}, {"reduce_only": True}])
def test_a_buy_that_must_reduce_is_refused(changes: dict[str, Any]) -> None:
    sent = signal(size=size("amount", "1"), **changes)
    assert refused(sent, facts(position=D(1))) == ["NOT_REDUCING"]


def test_an_exit_goes_on_without_a_rate_and_without_a_value() -> None:
    order = made(signal(side=SELL), facts(position=D(1), rate=None))
    assert (order.value, order.notional) == (None, D("98.01"))


def test_a_sell_out_of_holdings_without_a_rate_is_refused() -> None:
    sent = signal(side=SELL, size=size("amount", "1"))
    assert refused(sent, facts(rate=None, free_base=D(1))) == ["NO_RATE"]


@pytest.mark.parametrize(
    ("known", "amount", "sold", "from_holdings"),
    [
        # position, free, base fees, approved sells, resting sells
        (("1", "5", "0", "0", "0"), "1", "1", "0"),
        (("1", "5", "0", "0", "0"), "3", "3", "2"),
        (("1", "3", "0", "0", "0"), "3", "3", "2"),
        (("0", "3", "0", "0", "0"), "3", "3", "3"),
        (("1", None, "0", "0", "0"), "3", "3", "2"),  # the venue has the last word
        (("1", "5", "0", "1", "0"), "1", "1", "1"),  # the position is being sold already
        (("1", "5", "0", "0", "0.4"), "1", "1", "0.4"),
        (("0.999", "0.999", "0.001", "0", "0"), "1", "0.999", "0"),  # only the fee is missing
        (("0.9995", "0.9995", "0.001", "0", "0"), "1", "0.999", "0"),
        (("0.999", "5", "0.001", "0", "0"), "1", "1", "0.001"),
    ],
)
def test_a_sell_reduces_the_position_first_and_takes_the_rest_from_holdings(
    known: tuple[str | None, ...], amount: str, sold: str, from_holdings: str
) -> None:
    order = made(signal(side=SELL, size=size("amount", amount)), account(known))
    assert (order.amount, order.from_holdings) == (D(sold), D(from_holdings))
    assert order.reduces is (order.from_holdings == 0)


@pytest.mark.parametrize(
    ("known", "amount"),
    [
        (("1", "2.999", "0", "0", "0"), "3"),
        (("1", "3", "0", "0.5", "0"), "3"),
        (("0.998", "0.998", "0.001", "0", "0"), "1"),
        (("0", "0", "0", "0", "0"), "1"),
        (("1", "0.5", "0", "1", "0"), "0.001"),  # more is approved than is free
    ],
)
def test_a_sell_of_more_than_is_free_is_refused_and_never_cut(
    known: tuple[str | None, ...], amount: str
) -> None:
    codes = refused(signal(side=SELL, size=size("amount", amount)), account(known))
    assert codes == ["INSUFFICIENT_BALANCE"]


@pytest.mark.parametrize("free", [None, "9"])
def test_a_close_does_not_sell_twice_what_another_order_sells(free: str | None) -> None:
    """Holdings would cover it, but a close never sells those."""
    known = account(("1", free, "0", "0", "0.4"))
    outcome = result(signal(side=SELL), known)
    assert refused(signal(side=SELL), known) == ["INSUFFICIENT_BALANCE"]
    assert text_of(outcome) == "1 BTC is over the 0.6 that can be sold."


@pytest.mark.parametrize(
    ("amount", "sold"), [("0.5", "0.5"), ("0.999", "0.999"), ("1", "0.999"), ("1.001", None)]
)
def test_a_reduce_only_sell_stops_at_the_position_but_for_the_fees_it_cost(
    amount: str, sold: str | None
) -> None:
    known = account(("0.999", "5", "0.001", "0", "0"))
    sent = signal(side=SELL, size=size("amount", amount), reduce_only=True)
    if sold is None:
        assert refused(sent, known) == ["NOT_REDUCING"]
        assert (
            text_of(result(sent, known))
            == "1.001 BTC is more than the position; 0.999 would close it."
        )
    else:
        assert made(sent, known).amount == D(sold)
        assert made(sent, known).reduces


def test_a_reduce_only_sell_without_a_position_is_refused() -> None:
    sent = signal(side=SELL, size=size("amount", "1"), reduce_only=True)
    assert refused(sent, facts(free_base=D(5))) == ["NOT_REDUCING"]


def account(known: tuple[str | None, ...]) -> SizingFacts:
    """Position, free, base fees, approved sells, resting sells."""
    position, free, fees, reserved, resting = (None if x is None else D(x) for x in known)
    return facts(
        position=position,
        free_base=free,
        base_fees=fees,
        reserved_base=reserved,
        resting_base=resting,
    )


# The venue's own limits.


def test_a_closed_market_is_refused() -> None:
    closed = facts(instrument=instrument(active=False))
    assert refused(signal(size=size("amount", "1")), closed) == ["MARKET_CLOSED"]


@pytest.mark.parametrize(
    ("limit", "fits", "fails", "code"),
    [
        ("min_amount", "1", "1.001", "BELOW_MINIMUM"),
        ("max_amount", "1", "0.999", "ABOVE_MAXIMUM"),
        ("min_notional", "100", "100.001", "BELOW_MINIMUM"),  # a buy may go at the market
        ("max_notional", "101", "100.999", "ABOVE_MAXIMUM"),  # or at its worst price
        ("min_price", "100", "100.01", "BELOW_MINIMUM"),
        ("max_price", "101", "100.99", "ABOVE_MAXIMUM"),
    ],
)
def test_the_venues_limits_hold_at_their_exact_bounds(
    limit: str, fits: str, fails: str, code: str
) -> None:
    order = terms()
    assert venue_limits(order, instrument(**{limit: D(fits)})) == []
    (refusal,) = venue_limits(order, instrument(**{limit: D(fails)}))
    assert refusal.code == code
    sent = signal(size=size("amount", "1"))
    assert refused(sent, facts(instrument=instrument(**{limit: D(fails)}))) == [code]


def test_a_sell_must_fit_at_its_worst_price_and_at_the_market() -> None:
    order = terms(side=SELL, worst_price=D(98), reference=D(99))
    assert venue_limits(order, instrument(min_notional=D("98.01"))) != []
    assert venue_limits(order, instrument(max_notional=D("98.99"))) != []
    assert venue_limits(order, instrument(min_notional=D(98), max_notional=D(99))) == []


def test_an_order_with_the_senders_price_is_measured_at_that_alone() -> None:
    order = terms(price=D(50), worst_price=None)
    assert venue_limits(order, instrument(min_notional=D(50), max_notional=D(50))) == []


def test_the_refusal_says_both_numbers_and_the_unit() -> None:
    (small,) = venue_limits(terms(), instrument(min_notional=D(5000)))
    assert small.text == "100 is under the minimum of 5\u202f000 USDT."
    (low,) = venue_limits(terms(), instrument(min_price=D(200)))
    assert low.text == "100 is under the minimum of 200 USDT a BTC."


def test_all_limits_that_do_not_fit_are_told() -> None:
    small = instrument(min_amount=D(2), min_notional=D(200))
    assert [refusal.code for refusal in venue_limits(terms(), small)] == ["BELOW_MINIMUM"] * 2


# New revisions.


def test_half_of_an_order_is_rounded_down_and_valued_anew_at_the_same_price() -> None:
    half = resized(terms(amount=D("0.005")), D("0.0025"), facts(rate=D(2)))
    assert isinstance(half, Terms)
    assert (half.amount, half.notional, half.value) == (D("0.002"), D("0.202"), D("0.404"))
    assert (half.reference, half.worst_price) == (D(100), D(101))


def test_half_of_one_step_is_refused() -> None:
    assert text_of(resized(terms(amount=D("0.001")), D("0.0005"), facts())).startswith(
        "0.0005 BTC is under"
    )


def test_a_smaller_sell_may_need_no_holdings_any_more() -> None:
    known = facts(position=D(1), free_base=D(5))
    whole = made(signal(side=SELL, size=size("amount", "2")), known)
    half = resized(whole, whole.amount / 2, known)
    assert isinstance(half, Terms)
    assert (whole.reduces, whole.from_holdings) == (False, D(1))
    assert (half.reduces, half.from_holdings) == (True, D(0))


def test_a_close_made_larger_than_the_position_is_refused() -> None:
    known = facts(position=D(1), free_base=D(5))
    outcome = resized(made(signal(side=SELL), known), D(2), known)
    assert isinstance(outcome, list)
    assert outcome[0].code == "NOT_REDUCING"


def test_at_a_new_market_the_amount_stays_and_the_worst_price_moves() -> None:
    moved = repriced(terms(), facts(quote=quote("109", "110")), prices())
    assert isinstance(moved, Terms)
    assert (moved.amount, moved.reference, moved.worst_price) == (D(1), D(110), D("111.1"))
    assert (moved.notional, moved.value) == (D("111.1"), D("111.1"))


def test_the_senders_price_stays_at_a_new_market() -> None:
    order = terms(price=D(98), worst_price=None)
    moved = repriced(order, facts(quote=quote("109", "110")), prices())
    assert isinstance(moved, Terms)
    assert (moved.price, moved.worst_price, moved.reference) == (D(98), None, D(110))


# What a refused ticket keeps.


@pytest.mark.parametrize(
    ("changes", "known", "amount", "notional"),
    [
        ({"size": size("amount", "2")}, None, "2", None),
        ({"size": size("notional", "50")}, None, None, "50"),
        ({"size": size("notional", "50")}, facts(), "0.495", "49.995"),
        ({"size": size("equity", "0.5")}, None, None, None),
        ({"size": size("equity", "0.5")}, facts(), None, None),
        ({}, facts(), "1", "101"),  # the default
        ({"side": SELL}, facts(position=D(3)), "3", "294.03"),
    ],
)
def test_a_refused_ticket_keeps_what_was_asked_and_what_could_be_sized(
    changes: dict[str, Any], known: SizingFacts | None, amount: str | None, notional: str | None
) -> None:
    kept = asked(
        signal(**changes),
        prices(),
        symbol="BTC/USDT",
        facts=known,
        default=size("amount", "1"),
    )
    assert kept == Asked(
        symbol="BTC/USDT",
        side=changes.get("side", BUY),
        type=OrderType.LIMIT,
        amount=amount and D(amount),
        notional=notional and D(notional),
    )


def test_an_exit_whose_position_is_gone_meanwhile_is_seen_when_it_is_sized_again() -> None:
    """Two tickets may want to sell the same position; the second must not take holdings unseen."""
    before, after = facts(position=D(1), free_base=D(5)), facts(position=D(0), free_base=D(4))
    sized = made(signal(side=SELL, size=size("amount", "1")), before)
    now = resized(sized, sized.amount, after)
    assert isinstance(now, Terms)
    assert (sized.reduces, now.reduces, now.from_holdings) == (True, False, D(1))
    close = resized(made(signal(side=SELL), before), D(1), after)
    assert isinstance(close, list)
    assert close[0].code == "NOT_REDUCING"


@given(
    position=st.integers(0, 40),
    reserved=st.integers(0, 40),
    resting=st.integers(0, 40),
    free=st.none() | st.integers(0, 80),
    amount=st.integers(1, 80),
    side=st.sampled_from(Side),
    reduce_only=st.booleans(),
)
def test_what_passes_as_reducing_leaves_less_and_never_less_than_nothing(
    position: int,
    reserved: int,
    resting: int,
    free: int | None,
    amount: int,
    side: Side,
    reduce_only: bool,
) -> None:
    """Before and after, with every other sell of ours filled: a pause lets nothing else through."""
    known = facts(
        position=D(position),
        reserved_base=D(reserved),
        resting_base=D(resting),
        free_base=None if free is None else D(free),
    )
    asked_for = terms(side=side, reduce_only=reduce_only, price=D(100), worst_price=None)
    order = resized(asked_for, D(amount), known)
    if not isinstance(order, Terms):
        return
    before = D(position - reserved - resting)
    after = before - order.amount if side is SELL else before + order.amount
    assert order.reduces == (0 <= after < before)
