"""Fills folded into positions and results: average cost, fees of any asset, spot and swap."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.positions import Position, Realized, fold, is_dust, losing_exits
from execution.types import Fill, Side
from tests.execution.builders import NOW, D, fill, instrument

BUY, SELL = Side.BUY, Side.SELL
SWAP = "BTC/USDT:USDT"


def no_rate(asset: str, currency: str) -> Decimal | None:
    """Nothing is known."""
    return None


def bnb_at_500(asset: str, currency: str) -> Decimal | None:
    """One BNB is 500 USDT."""
    return D(500) if (asset, currency) == ("BNB", "USDT") else None


def numbered(*fills: Fill) -> list[Fill]:
    """The same fills as trades of their own, a second apart."""
    return [
        f.evolve(id=f"F{n}", order=f"O{n}", at=NOW.replace(second=n)) for n, f in enumerate(fills)
    ]


def folded(*fills: Fill) -> list[Realized]:
    """What each of these came to, nothing held before."""
    return list(fold(None, fills))


def held(*fills: Fill) -> Position:
    """What is held after them."""
    position = folded(*fills)[-1].position
    assert position is not None
    return position


def on_swap(*fills: Fill) -> list[Fill]:
    """The same fills, of a perpetual."""
    return [one.evolve(symbol=SWAP) for one in fills]


def test_buys_make_a_position_at_their_average_price() -> None:
    position = held(*numbered(fill(BUY, "1", "100"), fill(BUY, "3", "200")))
    assert (position.amount, position.average, position.realized) == (D(4), D(175), D(0))
    assert (position.opened_at, position.updated_at) == (NOW, NOW.replace(second=1))


def test_a_sell_realises_the_difference_to_the_average_and_leaves_it_as_it_was() -> None:
    fills = numbered(fill(BUY, "2", "100"), fill(SELL, "0.5", "110"))
    position = held(*fills)
    assert (position.amount, position.average) == (D("1.5"), D(100))
    assert position.realized == D(5)
    assert [(r.closed, r.result) for r in folded(*fills)] == [(D(0), D(0)), (D("0.5"), D(5))]


def test_a_closed_position_is_gone_and_the_next_one_starts_afresh() -> None:
    fills = numbered(fill(BUY, "1", "100"), fill(SELL, "1", "90"), fill(BUY, "1", "50"))
    assert [one.position is None for one in folded(*fills)] == [False, True, False]
    again = held(*fills)
    assert (again.average, again.realized, again.opened_at) == (D(50), D(0), NOW.replace(second=2))


def test_quote_fees_are_realised_when_they_are_paid_and_stay_out_of_the_average() -> None:
    fills = numbered(fill(BUY, "1", "100", fee=D("0.1")), fill(SELL, "1", "110", fee=D("0.11")))
    assert [one.result for one in folded(*fills)] == [D("-0.1"), D("9.89")]
    open_only = held(fills[0])
    assert (open_only.average, open_only.realized) == (D(100), D("-0.1"))


def test_a_fee_without_an_asset_counts_as_quote_currency() -> None:
    assert folded(fill(BUY, "1", "100", fee=D(1), fee_currency=None))[0].result == D(-1)


def test_a_base_fee_makes_the_position_smaller_and_costs_its_value() -> None:
    bought = fill(BUY, "1", "100", fee=D("0.001"), fee_currency="BTC")
    position = held(bought)
    assert (position.amount, position.average) == (D("0.999"), D(100))
    assert position.base_fees == D("0.001")
    assert position.realized == folded(bought)[0].result == D("-0.1")


def test_a_base_fee_as_large_as_the_fill_leaves_nothing() -> None:
    (only,) = folded(fill(BUY, "1", "100", fee=D(2), fee_currency="BTC"))
    assert only.position is None


def test_a_base_fee_on_a_sell_leaves_the_position_too() -> None:
    """Sold 0.5 and 0.1 taken: 0.4 stay, and the fee cost what the 0.1 had cost."""
    fills = numbered(
        fill(BUY, "1", "100"), fill(SELL, "0.5", "110", fee=D("0.1"), fee_currency="BTC")
    )
    assert held(*fills).amount == D("0.4")
    assert held(*fills).base_fees == D("0.1")
    assert folded(*fills)[1].result == D("0.5") * 10 - D("0.1") * 100


def test_fees_in_other_assets_are_told_apart_and_valued_by_a_rate() -> None:
    bought, sold = folded(
        *numbered(
            fill(BUY, "2", "100", fee=D("0.002"), fee_currency="BNB"),
            fill(SELL, "1", "110", fee=D("0.001"), fee_currency="BNB"),
        )
    )
    assert (bought.result, bought.fees) == (D(0), {"BNB": D("0.002")})
    assert (sold.result, sold.fees, sold.entry_fees) == (
        D(10),
        {"BNB": D("0.001")},
        {"BNB": D("0.001")},
    )
    assert sold.net(bnb_at_500) == D("9.5")
    assert sold.round_trip(bnb_at_500) == D(9)
    assert sold.net(no_rate) == D(10)


def test_a_spot_sell_without_a_position_comes_out_of_holdings_and_has_no_result() -> None:
    (realized,) = folded(fill(SELL, "1", "100", fee=D("0.1")))
    assert (realized.closed, realized.result, realized.fees) == (D(0), D(0), {})
    assert realized.position is None


def test_what_a_spot_sell_takes_beyond_the_position_has_no_result_and_no_fee() -> None:
    """Four sold, one of them ours: a quarter of the fee is ours too."""
    _, sold = folded(*numbered(fill(BUY, "1", "100"), fill(SELL, "4", "110", fee=D("0.4"))))
    assert (sold.closed, sold.result, sold.position) == (D(1), D("9.9"), None)


def test_a_fold_goes_on_where_an_earlier_one_ended() -> None:
    fills = numbered(fill(BUY, "3", "100"), fill(SELL, "1", "110"), fill(BUY, "1", "120"))
    whole = folded(*fills)
    assert list(fold(whole[0].position, fills[1:])) == whole[1:]


def test_a_swap_sell_opens_a_short_that_a_buy_closes() -> None:
    fills = on_swap(*numbered(fill(SELL, "2", "100"), fill(BUY, "1", "90")))
    short = held(fills[0])
    assert (short.amount, short.average) == (D(-2), D(100))
    assert (held(*fills).amount, held(*fills).average) == (D(-1), D(100))
    assert folded(*fills)[1].result == D(10)


def test_a_swap_fill_through_zero_closes_then_opens_the_other_side() -> None:
    """The fee is shared: a quarter for the part that closed, the rest for the part that opened."""
    fills = on_swap(*numbered(fill(BUY, "1", "100"), fill(SELL, "4", "110", fee=D("0.4"))))
    position = held(*fills)
    assert (position.amount, position.average) == (D(-3), D(110))
    assert (position.realized, position.opened_at) == (D("-0.3"), NOW.replace(second=1))
    _, flip = folded(*fills)
    assert (flip.closed, flip.result) == (D(1), D("9.6"))


def test_on_swap_a_base_fee_costs_its_value_and_takes_nothing_off_the_position() -> None:
    (bought,) = on_swap(fill(BUY, "1", "100", fee=D("0.01"), fee_currency="BTC"))
    assert (held(bought).amount, held(bought).base_fees) == (D(1), D(0))
    assert folded(bought)[0].result == D(-1)


def test_an_exit_at_a_gain_smaller_than_the_fees_of_both_ways_is_a_loss() -> None:
    bought = fill(BUY, "1", "100", fee=D("0.1"))
    gained = fill(SELL, "1", "100.15", fee=D("0.1"))
    lost = folded(*numbered(bought, gained))
    assert losing_exits(lost, no_rate) == ((NOW.replace(second=1), D("-0.05")),)
    won = folded(*numbered(bought, gained.evolve(price=D("100.3"))))
    assert losing_exits(won, no_rate) == ()


def test_an_exit_at_exactly_what_it_cost_is_no_loss() -> None:
    even = folded(*numbered(fill(BUY, "1", "100"), fill(SELL, "1", "100")))
    assert losing_exits(even, no_rate) == ()


def test_each_part_that_leaves_carries_its_own_share_of_the_entry_fees_once() -> None:
    bought = fill(BUY, "4", "100", fee=D(4))
    parts = folded(*numbered(bought, fill(SELL, "1", "100"), fill(SELL, "3", "100")))[1:]
    assert [one.round_trip(no_rate) for one in parts] == [D(-1), D(-3)]


def test_an_order_is_judged_by_all_its_fills_and_timed_by_the_last() -> None:
    """One trade of it lost and one gained more: no loss. The other way round it is one loss."""
    bought = fill(BUY, "2", "100", n=0)
    first = fill(SELL, "1", "90", n=1, order="X")
    gained = fill(SELL, "1", "120", n=2, order="X")
    assert losing_exits(folded(bought, first, gained), no_rate) == ()
    worse = folded(bought, first, gained.evolve(price=D(105)))
    assert losing_exits(worse, no_rate) == ((NOW.replace(second=2), D(-5)),)


def test_entries_and_holdings_are_no_exits() -> None:
    fills = numbered(fill(SELL, "1", "50"), fill(BUY, "1", "100", fee=D(1)))
    assert losing_exits(folded(*fills), no_rate) == ()


@pytest.mark.parametrize(
    ("amount", "minimum", "dust"),
    [
        ("0.0009", None, True),
        ("0.001", None, False),
        ("-0.0009", None, True),
        ("0.0019", "0.002", True),
        ("0.002", "0.002", False),
        ("0", None, True),
    ],
)
def test_dust_is_what_the_venue_would_not_let_us_sell(
    amount: str, minimum: str | None, dust: bool
) -> None:
    least = None if minimum is None else D(minimum)
    assert is_dust(D(amount), instrument(min_amount=least)) is dust


amounts = st.decimals("0.001", 10, places=3)
trades = st.lists(
    st.tuples(st.sampled_from(Side), amounts, st.decimals(1, 200, places=2)), max_size=12
)


def filled(made: list[tuple[Side, Decimal, Decimal]]) -> list[Fill]:
    """Trades with a fee of a thousandth: a buy's in base, a sell's in quote."""
    return [
        fill(
            side,
            str(amount),
            str(price),
            n=n,
            fee=amount / 1000 if side is BUY else amount * price / 1000,
            fee_currency="BTC" if side is BUY else "USDT",
        )
        for n, (side, amount, price) in enumerate(made)
    ]


@given(trades)
def test_a_spot_position_is_never_negative(made: list[tuple[Side, Decimal, Decimal]]) -> None:
    after = [one.position for one in folded(*filled(made))]
    assert all(position.amount > 0 for position in after if position is not None)


@given(trades, st.booleans())
def test_any_split_of_the_fills_makes_the_same_position_and_result(
    made: list[tuple[Side, Decimal, Decimal]], spot: bool
) -> None:
    """A venue may report one trade of 3 as trades of 1 and 2."""
    whole = filled(made) if spot else on_swap(*filled(made))
    split = [
        f.evolve(id=f.id + part, amount=f.amount * share, fee=f.fee * share)
        for f in whole
        for part, share in (("a", D("0.25")), ("b", D("0.75")))
    ]
    one, two = folded(*whole), folded(*split)
    for before, after in zip(one, two[1::2], strict=True):
        assert (before.position is None) == (after.position is None)
        if before.position is not None and after.position is not None:
            assert before.position.amount == after.position.amount
            assert abs(before.position.average - after.position.average) < D("1e-20")
    totals = [sum((each.result for each in come_to), D(0)) for come_to in (one, two)]
    assert abs(totals[0] - totals[1]) < D("1e-20")


@given(trades)
def test_on_swap_results_and_positions_add_up_to_the_money_that_moved(
    made: list[tuple[Side, Decimal, Decimal]],
) -> None:
    """Cash in and out, plus what the position cost, is what was realised."""
    fills = on_swap(*(f.evolve(fee_currency="USDT") for f in filled(made)))
    come_to = folded(*fills)
    cash = sum((f.amount * f.price * (1 if f.side is SELL else -1) - f.fee for f in fills), D(0))
    position = come_to[-1].position if come_to else None
    cost = D(0) if position is None else position.cost
    assert abs(cash + cost - sum((one.result for one in come_to), D(0))) < D("1e-20")
