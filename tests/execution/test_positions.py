"""Fills folded into positions and results: average cost, fees of any asset, spot and swap."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.positions import fold, is_dust, losing_exits, realized_since
from execution.types import Fill, Side
from tests.execution.builders import NOW, D, fill, instrument

BUY, SELL = Side.BUY, Side.SELL
KEY = ("main", "BTC/USDT")


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


def test_no_fills_make_no_position() -> None:
    book = fold([])
    assert (book.positions, book.realized) == ({}, ())


def test_buys_make_a_position_at_their_average_price() -> None:
    position = fold(numbered(fill(BUY, "1", "100"), fill(BUY, "3", "200"))).positions[KEY]
    assert (position.amount, position.average, position.realized) == (D(4), D(175), D(0))
    assert (position.opened_at, position.updated_at) == (NOW, NOW.replace(second=1))


def test_a_sell_realises_the_difference_to_the_average_and_leaves_it_as_it_was() -> None:
    book = fold(numbered(fill(BUY, "2", "100"), fill(SELL, "0.5", "110")))
    assert book.positions[KEY].amount == D("1.5")
    assert book.positions[KEY].average == D(100)
    assert book.positions[KEY].realized == D(5)
    assert [(r.closed, r.result, r.ends_position) for r in book.realized] == [
        (D(0), D(0), False),
        (D("0.5"), D(5), False),
    ]


def test_a_closed_position_is_gone_and_the_next_one_starts_afresh() -> None:
    fills = numbered(fill(BUY, "1", "100"), fill(SELL, "1", "90"), fill(BUY, "1", "50"))
    assert fold(fills[:2]).positions == {}
    assert fold(fills[:2]).realized[-1].ends_position
    assert fold(fills[:2]).realized[-1].opened_at == NOW
    again = fold(fills).positions[KEY]
    assert (again.average, again.realized, again.opened_at) == (D(50), D(0), NOW.replace(second=2))


def test_quote_fees_are_realised_when_they_are_paid_and_stay_out_of_the_average() -> None:
    book = fold(
        numbered(fill(BUY, "1", "100", fee=D("0.1")), fill(SELL, "1", "110", fee=D("0.11")))
    )
    assert [r.result for r in book.realized] == [D("-0.1"), D("9.89")]
    open_only = fold([fill(BUY, "1", "100", fee=D("0.1"))]).positions[KEY]
    assert (open_only.average, open_only.realized) == (D(100), D("-0.1"))


def test_a_fee_without_an_asset_counts_as_quote_currency() -> None:
    assert fold([fill(BUY, "1", "100", fee=D(1), fee_currency=None)]).realized[0].result == D(-1)


def test_a_base_fee_makes_the_position_smaller_and_costs_its_value() -> None:
    book = fold([fill(BUY, "1", "100", fee=D("0.001"), fee_currency="BTC")])
    position = book.positions[KEY]
    assert (position.amount, position.average) == (D("0.999"), D(100))
    assert position.base_fees == D("0.001")
    assert position.realized == book.realized[0].result == D("-0.1")


def test_a_base_fee_as_large_as_the_fill_leaves_nothing() -> None:
    assert fold([fill(BUY, "1", "100", fee=D(2), fee_currency="BTC")]).positions == {}


def test_a_base_fee_on_a_sell_leaves_the_position_too() -> None:
    """Sold 0.5 and 0.1 taken: 0.4 stay, and the fee cost what the 0.1 had cost."""
    book = fold(
        numbered(fill(BUY, "1", "100"), fill(SELL, "0.5", "110", fee=D("0.1"), fee_currency="BTC"))
    )
    assert book.positions[KEY].amount == D("0.4")
    assert book.positions[KEY].base_fees == D("0.1")
    assert book.realized[1].result == D("0.5") * 10 - D("0.1") * 100


def test_fees_in_other_assets_are_told_apart_and_valued_by_a_rate() -> None:
    bought, sold = fold(
        numbered(
            fill(BUY, "2", "100", fee=D("0.002"), fee_currency="BNB"),
            fill(SELL, "1", "110", fee=D("0.001"), fee_currency="BNB"),
        )
    ).realized
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
    book = fold([fill(SELL, "1", "100", fee=D("0.1"))])
    assert book.positions == {}
    (realized,) = book.realized
    assert (realized.closed, realized.result, realized.fees) == (D(0), D(0), {})
    assert realized.opened_at is None
    assert not realized.ends_position


def test_what_a_spot_sell_takes_beyond_the_position_has_no_result_and_no_fee() -> None:
    """Four sold, one of them ours: a quarter of the fee is ours too."""
    book = fold(numbered(fill(BUY, "1", "100"), fill(SELL, "4", "110", fee=D("0.4"))))
    assert book.positions == {}
    assert (book.realized[1].closed, book.realized[1].result) == (D(1), D("9.9"))
    assert book.realized[1].ends_position


def test_venues_and_symbols_are_kept_apart() -> None:
    fills = [
        fill(BUY, "1", "100", n=0),
        fill(BUY, "2", "100", n=1, venue="other"),
        fill(BUY, "3", "10", n=2, symbol="ETH/USDT"),
    ]
    amounts = {key: p.amount for key, p in fold(fills).positions.items()}
    assert amounts == {
        KEY: D(1),
        ("other", "BTC/USDT"): D(2),
        ("main", "ETH/USDT"): D(3),
    }


def test_a_fill_seen_twice_counts_once() -> None:
    one = fill(BUY, "1", "100")
    assert fold([one, one]).positions[KEY].amount == D(1)


def test_fills_of_one_instant_keep_the_order_given() -> None:
    bought, sold = fill(BUY, "1", "100", n=1), fill(SELL, "1", "110", n=2, at=NOW)
    bought = bought.evolve(at=NOW)
    assert fold([bought, sold]).positions == {}
    assert fold([sold, bought]).positions[KEY].amount == D(1)


def test_a_swap_sell_opens_a_short_that_a_buy_closes() -> None:
    short = fold([fill(SELL, "2", "100")], spot=False).positions[KEY]
    assert (short.amount, short.average) == (D(-2), D(100))
    fills = numbered(fill(SELL, "2", "100"), fill(BUY, "1", "90"))
    book = fold(fills, spot=False)
    assert book.positions[KEY].amount == D(-1)
    assert book.positions[KEY].average == D(100)
    assert book.realized[1].result == D(10)


def test_a_swap_fill_through_zero_closes_then_opens_the_other_side() -> None:
    """The fee is shared: a quarter for the part that closed, the rest for the part that opened."""
    book = fold(numbered(fill(BUY, "1", "100"), fill(SELL, "4", "110", fee=D("0.4"))), spot=False)
    position = book.positions[KEY]
    assert (position.amount, position.average) == (D(-3), D(110))
    assert (position.realized, position.opened_at) == (D("-0.3"), NOW.replace(second=1))
    flip = book.realized[1]
    assert (flip.closed, flip.result, flip.opened_at) == (D(1), D("9.6"), NOW)
    assert flip.ends_position


def test_on_swap_a_base_fee_costs_its_value_and_takes_nothing_off_the_position() -> None:
    only = fold([fill(BUY, "1", "100", fee=D("0.01"), fee_currency="BTC")], spot=False)
    assert only.positions[KEY].amount == D(1)
    assert only.positions[KEY].base_fees == D(0)
    assert only.realized[0].result == D(-1)


def test_the_day_begins_where_it_begins() -> None:
    """A position bought yesterday keeps its cost; only what was realised since is counted."""
    fills = numbered(fill(BUY, "2", "100"), fill(SELL, "1", "110"), fill(SELL, "1", "120"))
    today = realized_since(fills, NOW.replace(second=2))
    assert [r.result for r in today] == [D(20)]


def test_an_exit_at_a_gain_smaller_than_the_fees_of_both_ways_is_a_loss() -> None:
    bought = fill(BUY, "1", "100", fee=D("0.1"))
    gained = fill(SELL, "1", "100.15", fee=D("0.1"))
    assert losing_exits(numbered(bought, gained), no_rate) == ((NOW.replace(second=1), D("-0.05")),)
    assert losing_exits(numbered(bought, gained.evolve(price=D("100.3"))), no_rate) == ()


def test_an_exit_at_exactly_what_it_cost_is_no_loss() -> None:
    assert losing_exits(numbered(fill(BUY, "1", "100"), fill(SELL, "1", "100")), no_rate) == ()


def test_each_part_that_leaves_carries_its_own_share_of_the_entry_fees_once() -> None:
    bought = fill(BUY, "4", "100", fee=D(4))
    book = fold(numbered(bought, fill(SELL, "1", "100"), fill(SELL, "3", "100")))
    assert [r.round_trip(no_rate) for r in book.realized[1:]] == [D(-1), D(-3)]


def test_an_order_is_judged_by_all_its_fills_and_timed_by_the_last() -> None:
    """One trade of it lost and one gained more: no loss. The other way round it is one loss."""
    bought = fill(BUY, "2", "100", n=0)
    first = fill(SELL, "1", "90", n=1, order="X")
    gained = fill(SELL, "1", "120", n=2, order="X")
    assert losing_exits([bought, first, gained], no_rate) == ()
    worse = gained.evolve(price=D(105))
    assert losing_exits([bought, first, worse], no_rate) == ((NOW.replace(second=2), D(-5)),)


def test_entries_and_holdings_are_no_exits() -> None:
    fills = numbered(fill(SELL, "1", "50"), fill(BUY, "1", "100", fee=D(1)))
    assert losing_exits(fills, no_rate) == ()


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
    fills = filled(made)
    for end in range(len(fills) + 1):
        assert all(p.amount > 0 for p in fold(fills[:end]).positions.values())


@given(trades, st.booleans())
def test_any_split_of_the_fills_makes_the_same_position_and_result(
    made: list[tuple[Side, Decimal, Decimal]], spot: bool
) -> None:
    """A venue may report one trade of 3 as trades of 1 and 2."""
    whole = filled(made)
    split = [
        f.evolve(id=f.id + part, amount=f.amount * share, fee=f.fee * share)
        for f in whole
        for part, share in (("a", D("0.25")), ("b", D("0.75")))
    ]
    one, two = fold(whole, spot=spot), fold(split, spot=spot)
    assert {k: p.amount for k, p in one.positions.items()} == {
        k: p.amount for k, p in two.positions.items()
    }
    for key, position in one.positions.items():
        assert abs(position.average - two.positions[key].average) < D("1e-20")
    total_one = sum(r.result for r in one.realized)
    total_two = sum(r.result for r in two.realized)
    assert abs(total_one - total_two) < D("1e-20")


@given(trades, st.randoms(use_true_random=False))
def test_the_order_and_the_repeats_of_reports_do_not_matter(
    made: list[tuple[Side, Decimal, Decimal]], rng: random.Random
) -> None:
    fills = filled(made)
    shuffled = fills + fills[:3]
    rng.shuffle(shuffled)
    assert fold(shuffled) == fold(fills)


@given(trades)
def test_on_swap_results_and_positions_add_up_to_the_money_that_moved(
    made: list[tuple[Side, Decimal, Decimal]],
) -> None:
    """Cash in and out, plus what the position cost, is what was realised."""
    fills = [f.evolve(fee_currency="USDT") for f in filled(made)]
    book = fold(fills, spot=False)
    cash = sum((f.amount * f.price * (1 if f.side is SELL else -1) - f.fee for f in fills), D(0))
    cost = sum((p.amount * p.average for p in book.positions.values()), D(0))
    assert abs(cash + cost - sum((r.result for r in book.realized), D(0))) < D("1e-20")
