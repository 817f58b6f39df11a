"""What accounts are worth, what the day came to, and what shifts the highest mark: never a fill of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.equity import (
    Account,
    Book,
    Came,
    DayResult,
    Holding,
    Price,
    Shift,
    Standing,
    confirmed,
    day_result,
    day_start,
    drawdown,
    effects,
    gained,
    held_of,
    raised,
    reading,
    taken_over,
    unexplained,
)
from execution.positions import Realized, fold
from execution.types import Fill, Side
from tests.execution.builders import NOW, D, fill

BUY, SELL = Side.BUY, Side.SELL
TODAY = NOW.date()
RATES = {"USDT": D(1), "BTC": D(50_000), "BNB": D(600)}


def amounts(**given: str | int) -> dict[str, Decimal]:
    return {asset: D(amount) for asset, amount in given.items()}


def prices(rates: Mapping[str, Decimal] = RATES, *, at: datetime = NOW) -> dict[str, Price]:
    return {asset: Price(value=rate, at=at) for asset, rate in rates.items()}


def read(
    held: Mapping[str, Decimal],
    before: Account | None = None,
    *,
    moved: Mapping[str, Decimal] | None = None,
    rates: Mapping[str, Decimal] = RATES,
    at: datetime = NOW,
) -> Account:
    return reading(
        before, venue="main", at=at, held=held, moved=moved or {}, prices=prices(rates, at=at)
    )


def readings(*held: Mapping[str, Decimal], **how: Mapping[str, Decimal]) -> list[Shift]:
    """What shifts the mark over these readings."""
    seen: list[Account] = []
    shifts = []
    for one in held:
        account, shift = confirmed(read(one, seen[-1] if seen else None, **how), seen)
        seen.append(account)
        shifts += [] if shift is None else [shift]
    return shifts


class TestAnAccount:
    def test_it_is_worth_nothing_that_is_known_before_three_readings_agree(self) -> None:
        first = read(amounts(USDT=1000))
        assert first.equity is None
        second, none = confirmed(read(amounts(USDT=1000), first), [first])
        assert (second.equity, none) == (None, None)
        third, shift = confirmed(read(amounts(USDT=1000), second), [first, second])
        assert third.equity == 1000
        assert shift == Shift(venue="main", amounts=amounts(USDT=1000), worth=D(1000))

    def test_free_and_locked_of_every_asset_count_at_their_price(self) -> None:
        held = amounts(USDT=1000, BTC="0.5", BNB=2)
        (shift,) = readings(held, held, held)
        assert shift.worth == 1000 + 25_000 + 1200

    def test_an_asset_without_a_price_is_left_out_and_named(self) -> None:
        account = read(amounts(USDT=1000, XYZ=5))
        assert account.without_price == ("XYZ",)
        (shift,) = readings(*3 * [amounts(USDT=1000, XYZ=5)])
        assert shift.worth == 1000

    def test_an_asset_that_gets_a_price_is_no_gain(self) -> None:
        """It shifts the mark as a deposit does."""
        held = amounts(USDT=1000, XYZ=5)
        seen = [read(held)]
        for _ in range(2):
            seen.append(confirmed(read(held, seen[-1]), seen)[0])
        dear = RATES | {"XYZ": D(10)}
        account = read(held, seen[-1], rates=dear)
        assert (account.equity, unexplained(account)) == (1000, 50)
        after, shift = confirmed(account, seen)
        assert (after.equity, shift and shift.worth) == (1050, 50)

    def test_a_price_that_cannot_be_had_is_the_last_one_known(self) -> None:
        later = NOW + timedelta(minutes=5)
        before = read(amounts(USDT=1000, BTC=1))
        after = read(amounts(USDT=1000, BTC=1), before, rates={"USDT": D(1)}, at=later)
        assert after.prices["BTC"] == Price(value=D(50_000), at=NOW)
        assert after.oldest == NOW
        assert after.without_price == ()

    def test_what_is_gone_has_no_price_any_more(self) -> None:
        before = read(amounts(USDT=1000, BTC=1))
        assert "BTC" not in read(amounts(USDT=1000), before, rates={"USDT": D(1)}).prices


class TestWhatShiftsTheMark:
    def test_a_deposit_does_once_three_readings_agree(self) -> None:
        before, after = amounts(USDT=1000), amounts(USDT=1500)
        first, deposit = readings(before, before, before, after, after, after, after)
        assert (first.worth, deposit.worth, deposit.amounts) == (1000, 500, amounts(USDT=500))

    def test_a_withdrawal_does_with_what_it_took(self) -> None:
        before, after = amounts(USDT=1000, BTC=1), amounts(USDT=1000)
        *_, withdrawal = readings(before, before, before, after, after, after)
        assert (withdrawal.worth, withdrawal.amounts) == (-50_000, amounts(BTC=-1))

    def test_a_trade_by_hand_does_by_its_net_worth_alone(self) -> None:
        before, after = amounts(USDT=60_000, BTC=0), amounts(USDT=9_900, BTC=1)
        *_, trade = readings(before, before, before, after, after, after)
        assert trade.worth == -100
        assert trade.amounts == amounts(BTC=1, USDT=-50_100)

    def test_what_two_readings_saw_and_a_third_did_not_shifts_nothing(self) -> None:
        before, after = amounts(USDT=1000), amounts(USDT=1500)
        assert len(readings(before, before, before, after, after, before, after, after)) == 1

    def test_what_an_exchange_rounds_shifts_nothing_until_it_adds_up(self) -> None:
        def held(more: str) -> dict[str, Decimal]:
            return amounts(USDT=str(1000 + D(more)))

        tiny = [held("0"), held("0"), held("0"), held("0.005"), held("0.005"), held("0.005")]
        assert len(readings(*tiny)) == 1
        *_, sum_of_them = readings(*tiny, held("0.01"), held("0.01"), held("0.01"))
        assert sum_of_them.worth == D("0.01")

    def test_what_is_not_explained_yet_is_neither_gain_nor_loss(self) -> None:
        seen = [read(amounts(USDT=1000))]
        for _ in range(2):
            seen.append(confirmed(read(amounts(USDT=1000), seen[-1]), seen)[0])
        account = read(amounts(USDT=400), seen[-1])
        assert (account.equity, unexplained(account)) == (1000, -600)


class TestWhatAFillMoves:
    def test_a_buy_brings_base_and_takes_quote_and_its_fee(self) -> None:
        bought = fill(BUY, "2", "100", fee=D("0.2"))
        assert effects(bought) == amounts(BTC=2, USDT="-200.2")

    def test_a_sell_does_the_opposite(self) -> None:
        assert effects(fill(SELL, "2", "100", fee=D("0.2"))) == amounts(BTC=-2, USDT="199.8")

    def test_a_fee_in_base_or_in_another_asset_is_taken_there(self) -> None:
        assert effects(fill(BUY, "2", "100", fee=D("0.1"), fee_currency="BTC"))["BTC"] == D("1.9")
        assert effects(fill(BUY, "2", "100", fee=D("0.1"), fee_currency="BNB"))["BNB"] == D("-0.1")

    def test_a_fee_of_no_asset_is_in_quote(self) -> None:
        assert effects(fill(BUY, "2", "100", fee=D(1), fee_currency=None))["USDT"] == -201

    def test_what_an_owner_took_over_moved_nothing(self) -> None:
        assert effects(fill(BUY, "2", "100").evolve(order=None)) == {}


TRADES = st.lists(
    st.tuples(
        st.sampled_from([BUY, SELL]),
        st.decimals("0.0001", "2", places=4),
        st.decimals("1", "90000", places=2),
        st.decimals("0", "5", places=6),
        st.sampled_from(["USDT", "BTC", "BNB", None]),
        st.integers(0, 40),  # the second at which the exchange fills it
        st.integers(0, 19),  # how much later it is booked, at most just before three readings agree
    ),
    max_size=12,
)


@given(trades=TRADES, phase=st.integers(0, 9))
def test_fills_of_ours_never_shift_the_mark_however_late_they_are_booked(
    trades: Sequence[tuple[Side, Decimal, Decimal, Decimal, str | None, int, int]], phase: int
) -> None:
    opening = amounts(USDT=1_000_000, BTC=100, BNB=100)
    made = [
        (at, at + lag, effects(fill(side, str(n), str(p), fee=fee, fee_currency=unit, n=at)))
        for side, n, p, fee, unit, at, lag in trades
    ]

    def added(before: Mapping[str, Decimal], second: int, which: int) -> dict[str, Decimal]:
        total = {**before}
        for times in made:
            if times[which] <= second:
                for asset, change in times[2].items():
                    total[asset] = total.get(asset, D(0)) + change
        return total

    seen: list[Account] = []
    shifts = []
    for second in range(phase - 30, 100, 10):
        held, moved = added(opening, second, 0), added({}, second, 1)
        account, shift = confirmed(read(held, seen[-1] if seen else None, moved=moved), seen)
        seen.append(account)
        shifts += [] if shift is None else [shift]
    assert [shift.amounts for shift in shifts] == [opening]
    assert unexplained(seen[-1]) == 0


def test_fills_that_repeat_in_step_with_the_readings_shift_nothing_either() -> None:
    """Each of them is booked too late for one reading, and the next one is there by then."""
    one = effects(fill(BUY, "1", "100"))
    opening = amounts(USDT=10_000, BTC=1)
    seen: list[Account] = []
    shifts = []
    for n in (0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 6):
        booked = {0: 0, 6: 6}.get(n, n - 1)
        held = {asset: amount + n * one.get(asset, D(0)) for asset, amount in opening.items()}
        moved = {asset: booked * change for asset, change in one.items()}
        account, shift = confirmed(read(held, seen[-1] if seen else None, moved=moved), seen)
        seen.append(account)
        shifts += [] if shift is None else [shift]
    assert [shift.amounts for shift in shifts] == [opening]


def test_a_balance_that_is_told_late_shifts_nothing() -> None:
    """Our fill is booked, and the exchange still tells what the account held before."""
    opening = amounts(USDT=10_000, BTC=1)
    one = effects(fill(BUY, "1", "100"))
    later = {asset: n + one[asset] for asset, n in opening.items()}
    seen: list[Account] = []
    shifts = []
    for held, moved in (*3 * [(opening, {})], *2 * [(opening, one)], *3 * [(later, one)]):
        account, shift = confirmed(read(held, seen[-1] if seen else None, moved=moved), seen)
        seen.append(account)
        shifts += [] if shift is None else [shift]
    assert [shift.amounts for shift in shifts] == [opening]


class TestDrawdown:
    def test_it_is_the_share_of_the_mark_that_is_gone(self) -> None:
        assert drawdown(D(90), D(100)) == D("0.1")
        assert drawdown(D(110), D(100)) == 0
        assert drawdown(D(0), D(0)) == 0

    def test_the_mark_rises_to_what_three_readings_agree_on(self) -> None:
        assert raised(D(100), [D(120), D(130)]) == 100
        assert raised(D(100), [D(120), D(130), D(110)]) == 110
        assert raised(D(100), [D(120), D(90), D(130)]) == 100
        assert raised(None, [D(5), D(6), D(7)]) == 5

    def test_only_what_is_known_has_one(self) -> None:
        assert Standing(at=NOW).drawdown is None
        assert Standing(at=NOW, equity=D(90)).drawdown is None
        assert Standing(at=NOW, equity=D(90), mark=D(100)).drawdown == D("0.1")


def rate(_: str, asset: str) -> Price | None:
    return None if asset not in RATES else Price(value=RATES[asset], at=NOW)


def came(*realized: Realized) -> dict[tuple[str, str], Decimal]:
    """What these came to together."""
    return gained(Came(r.fill.venue, r.fill.symbol, r.result, r.fees) for r in realized)


def day(
    *fills: Fill, then: Sequence[Holding] = (), began: str = "100", now: str = "100"
) -> DayResult:
    """What a day of these fills came to, from a price to another; what was held before them is `then`."""
    numbered = [one.evolve(id=f"F{n}") for n, one in enumerate(fills)]
    realized = list(fold(None, numbered))
    held = realized[-1].position if realized else None
    key = ("main", "BTC/USDT")
    seen = NOW - timedelta(seconds=3)
    return day_result(
        TODAY,
        came(*realized),
        then=Book(
            holdings=[*then, *(taken_over(one, D(0)) for one in numbered if one.order is None)],
            prices={key: Price(value=D(began), at=NOW)},
        ),
        now=Book(
            holdings=held_of([held] if held else []),
            prices={key: Price(value=D(now), at=seen)},
        ),
        rate=rate,
    )


class TestTheDayResult:
    def test_a_day_without_anything_came_to_nothing(self) -> None:
        assert day() == DayResult(day=TODAY, realized=D(0), unrealized=D(0))

    def test_realised_and_unrealised_are_its_parts(self) -> None:
        come = day(fill(BUY, "2", "100"), fill(SELL, "1", "110"), now="95")
        assert (come.realized, come.unrealized, come.total) == (10, -5, 5)
        assert come.prices_at == NOW - timedelta(seconds=3)

    def test_what_was_unrealised_before_does_not_count(self) -> None:
        held = Holding(venue="main", symbol="BTC/USDT", amount=D(1), cost=D(50))
        come = day_result(
            TODAY,
            {},
            then=Book(holdings=[held], prices={("main", "BTC/USDT"): Price(value=D(90), at=NOW)}),
            now=Book(holdings=[held], prices={("main", "BTC/USDT"): Price(value=D(80), at=NOW)}),
            rate=rate,
        )
        assert (come.realized, come.unrealized) == (0, -10)

    def test_a_position_of_before_that_was_sold_counts_from_the_price_the_day_began_at(
        self,
    ) -> None:
        """It gained 40 until then and lost 10 since."""
        before = Holding(venue="main", symbol="BTC/USDT", amount=D(1), cost=D(50))
        bought = fill(BUY, "1", "50", n=1)
        (_, sold) = fold(None, [bought, fill(SELL, "1", "80", n=2)])
        come = day_result(
            TODAY,
            came(sold),
            then=Book(holdings=[before], prices={("main", "BTC/USDT"): Price(value=D(90), at=NOW)}),
            now=Book(holdings=[], prices={}),
            rate=rate,
        )
        assert (come.realized, come.unrealized, come.total) == (30, -40, -10)

    def test_fees_of_any_asset_are_taken_off(self) -> None:
        come = day(fill(BUY, "1", "100", fee=D("0.01"), fee_currency="BNB"))
        assert come.realized == -6

    def test_a_fee_without_a_rate_is_named_apart(self) -> None:
        come = day(fill(BUY, "1", "100", fee=D("0.01"), fee_currency="XYZ"))
        assert (come.realized, come.apart) == (0, {"XYZ": D("-0.01")})

    def test_what_an_owner_took_over_counts_from_when_the_day_began(self) -> None:
        """Its average is of long ago: the loss since then is none of today's."""
        come = day(fill(BUY, "1", "90000").evolve(order=None), began="60000", now="59000")
        assert come.total == -1000

    def test_a_quote_currency_without_a_rate_is_kept_apart(self) -> None:
        bought = [fill(BUY, "1", "100").evolve(symbol="BTC/EUR", fee_currency="EUR")]
        sold = fill(SELL, "1", "90", n=1).evolve(symbol="BTC/EUR", fee_currency="EUR")
        realized: list[Realized] = list(fold(None, [*bought, sold]))
        nothing = Book(holdings=[], prices={})
        come = day_result(TODAY, came(*realized), then=nothing, now=nothing, rate=rate)
        assert (come.total, come.apart) == (0, {"EUR": D(-10)})

    def test_a_market_without_a_price_is_named(self) -> None:
        held = Holding(venue="main", symbol="BTC/USDT", amount=D(1), cost=D(50))
        assert Book(holdings=[held], prices={}).unpriced == {("main", "BTC/USDT")}

    def test_it_begins_at_midnight_of_the_zone(self) -> None:
        zone = ZoneInfo("Europe/Berlin")
        at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
        assert day_start(at, zone) == datetime(2026, 7, 1, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("side", "held", "amount"),
    [
        (Side.SELL, "0", "-0.5"),  # a short that was found
        (Side.SELL, "-1", "-0.5"),
        (Side.BUY, "-0.5", "0"),  # a short that was liquidated leaves our books: that has a result
        (Side.BUY, "-0.2", "0.3"),
        (Side.SELL, "0.2", "-0.3"),
        (Side.BUY, "1", "0.5"),
    ],
)
def test_what_was_taken_over_of_contracts_counts_all_day_but_what_it_ended(
    side: Side, held: str, amount: str
) -> None:
    took = taken_over(fill(side, "0.5", "64000", symbol="BTC/USDT:USDT"), D(held))
    assert (took.amount, took.cost) == (D(amount), D(amount) * 64_000)
