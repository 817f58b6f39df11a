"""What trading came to, day by day: the accounting day, rates, what is kept apart, exits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from execution.positions import fold
from execution.results import Results, results
from execution.types import Fill, Side
from tests.execution.builders import D, fill

BUY, SELL = Side.BUY, Side.SELL
FIRST, LAST = date(2026, 11, 18), date(2026, 11, 20)
MORNING = datetime(2026, 11, 18, 9, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")


def rate(asset: str, currency: str) -> Decimal | None:
    """A bitcoin is 50 000, a USDC is one; nothing else is known."""
    return {("BTC", "USDT"): D(50_000), ("USDC", "USDT"): D(1), ("BNB", "BTC"): D("0.01")}.get(
        (asset, currency)
    )


def told(*fills: Fill, zone: ZoneInfo | None = None) -> Results:
    """Their results over three days; each fill is an order of its own."""
    numbered = [one.evolve(id=f"F{n}", order=f"O{n}") for n, one in enumerate(fills)]
    realized = [
        one
        for symbol in dict.fromkeys(f.symbol for f in numbered)
        for one in fold(None, [f for f in numbered if f.symbol == symbol])
    ]
    return results(realized, first=FIRST, last=LAST, zone=zone or UTC, rate=rate, currency="USDT")


def at(hours: float, one: Fill) -> Fill:
    """The same fill, so many hours after the first morning."""
    return one.evolve(at=MORNING + timedelta(hours=hours))


def test_every_day_that_was_asked_for_stands_there_also_without_a_result() -> None:
    none = told()
    assert none.days == ((FIRST, 0), (date(2026, 11, 19), 0), (LAST, 0))
    assert (none.total, none.exits, none.gains, none.symbols) == (0, 0, 0, ())


def test_a_result_counts_on_the_day_its_position_became_smaller() -> None:
    come = told(
        at(0, fill(BUY, "1", "100", fee=D(0))),
        at(24, fill(SELL, "0.5", "110", fee=D(0))),
        at(48, fill(SELL, "0.5", "80", fee=D(0))),
    )
    assert [result for _, result in come.days] == [0, 5, -10]
    assert (come.total, come.of_last(1), come.of_last(2)) == (-5, -10, -5)
    assert (come.exits, come.gains) == (2, 1)


def test_the_day_is_that_of_the_zone() -> None:
    bought = at(0, fill(BUY, "1", "100", fee=D(0)))
    late = fill(SELL, "1", "110", fee=D(0)).evolve(at=datetime(2026, 11, 19, 23, 30, tzinfo=UTC))
    assert told(bought, late).days[1][1] == 10
    assert told(bought, late, zone=ZONE).days[2][1] == 10


def test_what_lies_outside_of_the_days_is_left_out() -> None:
    come = told(at(-24, fill(BUY, "1", "100", fee=D(0))), at(-20, fill(SELL, "1", "150", fee=D(0))))
    assert (come.total, come.exits) == (0, 0)


def test_another_quote_currency_is_counted_at_its_rate() -> None:
    come = told(
        at(0, fill(BUY, "1", "0.04", fee=D(0)).evolve(symbol="ETH/BTC")),
        at(1, fill(SELL, "1", "0.05", fee=D(0)).evolve(symbol="ETH/BTC")),
    )
    assert come.total == 500
    assert come.symbols == (("ETH/BTC", D(500)),)


def test_what_has_no_rate_is_kept_apart_and_never_guessed() -> None:
    come = told(
        at(0, fill(BUY, "1", "100", fee=D(0)).evolve(symbol="BTC/EUR")),
        at(1, fill(SELL, "1", "130", fee=D(0)).evolve(symbol="BTC/EUR")),
    )
    assert (come.total, come.symbols, come.apart) == (0, (), {"EUR": D(30)})
    assert (come.exits, come.gains) == (1, 1)


def test_fees_are_taken_off_and_a_gain_must_cover_those_of_both_ways() -> None:
    come = told(
        at(0, fill(BUY, "1", "100", fee=D("0.4"), fee_currency="USDT")),
        at(1, fill(SELL, "1", "100.5", fee=D("0.4"), fee_currency="USDT")),
    )
    assert come.total == D("-0.3")
    assert (come.exits, come.gains) == (1, 0)


def test_pairs_stand_by_the_size_of_their_result_gain_or_loss() -> None:
    come = told(
        at(0, fill(BUY, "1", "100", fee=D(0))),
        at(1, fill(SELL, "1", "103", fee=D(0))),
        at(2, fill(BUY, "1", "10", fee=D(0)).evolve(symbol="ETH/USDT")),
        at(3, fill(SELL, "1", "2", fee=D(0)).evolve(symbol="ETH/USDT")),
    )
    assert come.symbols == (("ETH/USDT", D(-8)), ("BTC/USDT", D(3)))
