"""The synthetic market: the same path for everyone, and one that looks like a market."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.types import Side
from execution.venues.market_data import INTERVALS, TICK
from execution.venues.synthetic import INSTRUMENTS, Shock, SyntheticMarket

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

symbols = st.sampled_from(sorted(INSTRUMENTS))
instants = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
seeds = st.integers(min_value=0, max_value=2**32)


@given(seed=seeds, symbol=symbols, at=instants, side=st.sampled_from(Side))
async def test_two_markets_of_one_seed_agree_on_everything(
    seed: int, symbol: str, at: datetime, side: Side
) -> None:
    one, other = SyntheticMarket(seed), SyntheticMarket(seed)
    one.quote(symbol, at - timedelta(days=3))  # what was asked before makes no difference
    assert one.quote(symbol, at) == other.quote(symbol, at)
    assert one.book(symbol, side, at) == other.book(symbol, side, at)
    assert await one.candles(symbol, "1m", 3, at) == await other.candles(symbol, "1m", 3, at)


def test_the_path_is_the_same_in_every_version() -> None:
    """Paper accounts outlive releases: a changed path would be a jump in somebody's market."""
    pinned = ("BTC/USDT", "BTC/EUR", "BTC/USDT:USDT")
    quotes = {symbol: SyntheticMarket(1).quote(symbol, _NOON) for symbol in pinned}
    assert {symbol: (str(q.bid), str(q.ask)) for symbol, q in quotes.items()} == {
        "BTC/USDT": ("68989.14", "68996.03"),
        "BTC/EUR": ("64230.34", "64236.76"),
        "BTC/USDT:USDT": ("69019.0", "69025.9"),
    }


def test_seeds_differ() -> None:
    assert len({SyntheticMarket(seed).quote("BTC/USDT", _NOON).bid for seed in range(20)}) == 20


@given(seed=seeds, symbol=symbols, at=instants)
def test_prices_are_whole_steps_and_never_cross(seed: int, symbol: str, at: datetime) -> None:
    quote = SyntheticMarket(seed).quote(symbol, at)
    step = INSTRUMENTS[symbol].price_step
    assert 0 < quote.bid < quote.ask
    assert quote.bid % step == quote.ask % step == 0
    assert (quote.ask - quote.bid) / quote.bid < Decimal("0.0002")


@given(seed=seeds, symbol=symbols, at=instants, micro=st.integers(0, 999_999))
def test_a_price_holds_for_its_second(seed: int, symbol: str, at: datetime, micro: int) -> None:
    market = SyntheticMarket(seed)
    early, late = (market.quote(symbol, at.replace(microsecond=m)) for m in (0, micro))
    assert (early.bid, early.ask) == (late.bid, late.ask)


@given(seed=seeds, at=instants)
def test_prices_stay_sensible(seed: int, at: datetime) -> None:
    market = SyntheticMarket(seed)
    assert 40_000 < market.quote("BTC/USDT", at).bid < 90_000
    assert 1 < market.quote("EUR/USDT", at).bid < Decimal("1.2")


@given(seed=seeds, at=instants)
def test_there_is_no_arbitrage_between_the_markets(seed: int, at: datetime) -> None:
    market = SyntheticMarket(seed)
    dollars, euros, rate = (
        market.quote(symbol, at).mid for symbol in ("BTC/USDT", "BTC/EUR", "EUR/USDT")
    )
    assert abs(dollars / euros / rate - 1) < Decimal("0.0002")


@given(seed=seeds, base=st.sampled_from(["BTC", "ETH", "SOL"]), at=instants)
def test_a_contract_is_never_far_from_its_pair(seed: int, base: str, at: datetime) -> None:
    market = SyntheticMarket(seed)
    contract, pair = (market.quote(s, at).mid for s in (f"{base}/USDT:USDT", f"{base}/USDT"))
    assert abs(contract / pair - 1) < Decimal("0.0006")


def test_a_contract_has_a_price_of_its_own() -> None:
    market = SyntheticMarket(1)
    hours = [_NOON + timedelta(hours=hour) for hour in range(48)]
    apart = [
        market.quote("BTC/USDT:USDT", at).mid / market.quote("BTC/USDT", at).mid - 1 for at in hours
    ]
    assert min(apart) < Decimal("-0.0001")
    assert max(apart) > Decimal("0.0001")


@given(seed=seeds, symbol=symbols, at=instants, side=st.sampled_from(Side))
def test_a_book_starts_at_the_quote_and_leads_away_from_it(
    seed: int, symbol: str, at: datetime, side: Side
) -> None:
    market, instrument = SyntheticMarket(seed), INSTRUMENTS[symbol]
    book = market.book(symbol, side, at)
    assert book[0].price == market.quote(symbol, at).reference(side)
    for nearer, further in pairwise(book):
        better, worse = (nearer, further) if side is Side.BUY else (further, nearer)
        assert better.price < worse.price
    for level in book:
        assert level.price > 0
        assert level.price % instrument.price_step == 0
        assert level.amount >= instrument.amount_step
        assert level.amount % instrument.amount_step == 0


@settings(max_examples=25)
@given(seed=seeds, symbol=symbols, at=instants, interval=st.sampled_from(sorted(INTERVALS)))
async def test_bars_hold_their_open_and_close_and_join(
    seed: int, symbol: str, at: datetime, interval: str
) -> None:
    bars = await SyntheticMarket(seed).candles(symbol, interval, 4, at)
    assert [b.at - a.at for a, b in pairwise(bars)] == [INTERVALS[interval]] * 3
    assert bars[-1].at <= at < bars[-1].at + INTERVALS[interval]
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close)
        assert bar.high >= max(bar.open, bar.close)
        assert bar.volume > 0
    for before, after in pairwise(bars):
        # One second lies between them, and a jump may fall into it.
        assert abs(after.open / before.close - 1) < Decimal("0.03")


async def test_a_bar_of_a_minute_saw_every_price_of_it() -> None:
    market = SyntheticMarket(3)
    bar, _ = await market.candles("ETH/USDT", "1m", 2, _NOON)
    for second in range(60):
        quote = market.quote("ETH/USDT", bar.at + second * TICK)
        assert bar.low <= quote.ask
        assert bar.high >= quote.bid
    assert [bar] == await market.candles("ETH/USDT", "1m", 1, bar.at + 59 * TICK)


async def test_the_last_bar_grows_with_the_clock() -> None:
    market = SyntheticMarket(3)
    for second in range(60):
        at = _NOON + second * TICK
        (bar,) = await market.candles("BTC/USDT", "1m", 1, at)
        quote = market.quote("BTC/USDT", at)
        assert bar.at == _NOON
        assert quote.bid <= bar.close <= quote.ask


@pytest.mark.parametrize("seed", range(5))
def test_it_moves_like_a_market(seed: int) -> None:
    """Day after day for two months: neither asleep nor wild, and not always one way."""
    market = SyntheticMarket(seed)
    days = [market.quote("BTC/USDT", _NOON + timedelta(days=day)).mid for day in range(60)]
    changes = [later / earlier - 1 for earlier, later in pairwise(days)]
    typical = sum(abs(change) for change in changes) / len(changes)
    assert Decimal("0.004") < typical < Decimal("0.05")
    assert max(abs(change) for change in changes) < Decimal("0.2")
    assert 5 < sum(change > 0 for change in changes) < 55


async def test_shock_moves_quotes_books_and_bars_from_its_moment_on() -> None:
    plain = SyntheticMarket(1)
    shock = Shock(asset="BTC", at=_NOON, share=Decimal("0.006"))
    shaken = SyntheticMarket(1, [shock])
    before, after = _NOON - TICK, _NOON + 5 * TICK
    assert shaken.quote("BTC/USDT", before) == plain.quote("BTC/USDT", before)
    asked = shaken.quote("BTC/USDT", after).ask
    assert abs(asked / plain.quote("BTC/USDT", after).ask - Decimal("1.006")) < Decimal("0.0001")
    assert shaken.book("BTC/USDT", Side.BUY, after)[0].price == asked
    (bar,) = await shaken.candles("BTC/USDT", "1m", 1, after)
    (without,) = await plain.candles("BTC/USDT", "1m", 1, after)
    assert bar.close > without.close * Decimal("1.005")
    assert shaken.quote("ETH/USDT", after) == plain.quote("ETH/USDT", after)


@given(share=st.sampled_from(["0.006", "-0.006"]), minutes=st.integers(0, 90))
def test_shock_is_forgotten_little_by_little(share: str, minutes: int) -> None:
    shock = Shock(asset="SOL", at=_NOON, share=Decimal(share))
    at = _NOON + timedelta(seconds=10, minutes=minutes)
    shaken, plain = (
        SyntheticMarket(1, shocks).quote("SOL/USDT", at).mid for shocks in ([shock], [])
    )
    left = Decimal(share) * max(0, 60 - minutes) / 60
    assert abs(shaken / plain - 1 - left) < Decimal("0.0002")


async def test_shock_that_is_planned_meets_the_market_as_one_that_was_known() -> None:
    shock = Shock(asset="SOL", at=_NOON, share=Decimal("0.006"))
    planned, known = SyntheticMarket(1), SyntheticMarket(1, [shock])
    await planned.candles("SOL/USDT", "1m", 5, _NOON - TICK)
    planned.shake(shock)
    later = _NOON + timedelta(minutes=3)
    assert await planned.candles("SOL/USDT", "1m", 5, later) == await known.candles(
        "SOL/USDT", "1m", 5, later
    )


async def test_quiet_and_restless_hours_alternate() -> None:
    market = SyntheticMarket(1)
    ranges = []
    for hour in range(0, 96, 4):
        bars = await market.candles("BTC/USDT", "5m", 6, _NOON + timedelta(hours=hour))
        ranges.append(max(bar.high for bar in bars) - min(bar.low for bar in bars))
    ranges.sort()
    assert ranges[-3] > 3 * ranges[2]
