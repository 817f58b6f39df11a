"""One rule at a time: it passes at its exact bound and refuses just past it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from execution import risk
from execution.checks import Limits
from execution.equity import DayResult, Standing, Stop, StopKind
from execution.hours import parse_hours
from execution.types import Refusal, Side
from tests.execution.builders import (
    EXIT,
    NOW,
    D,
    arrival,
    instrument,
    quote,
    snapshot,
    terms,
    trading,
)

SECOND = timedelta(seconds=1)


def seen(**changes: Any) -> dict[str, Any]:
    """A snapshot's part of a case."""
    return {"snapshot": snapshot(**changes)}


def limit(**changes: Any) -> dict[str, Any]:
    """The limits' part of a case."""
    return {"limits": Limits(**changes)}


def order(**changes: Any) -> dict[str, Any]:
    """The order's part of a case."""
    return {"terms": terms(**changes)}


def day(realized: str, unrealized: str) -> DayResult:
    """What today came to."""
    return DayResult(day=NOW.date(), realized=D(realized), unrealized=D(unrealized))


def stood(**changes: Any) -> dict[str, Any]:
    """A reading of the accounts, in a snapshot."""
    return seen(standing=Standing(at=NOW, **changes))


def stopped(kind: str, figure: str, bound: str) -> dict[str, Any]:
    """A desk that stands as it should by now, and that something has stopped before."""
    one = Stop(kind=StopKind(kind), since=NOW, day=NOW.date(), figure=D(figure), bound=D(bound))
    fine = Standing(at=NOW, day=day("0", "0"), equity=D(100), mark=D(100))
    return seen(standing=fine, stops={one.kind: one})


# rule, what is as it should be, what goes past it by the least, what people are told.
BOUNDS: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("trading", seen(), seen(trading=trading("halted")), "HALTED", "Trading is halted."),
    ("trading", seen(), seen(trading=trading("paused")), "PAUSED", "Trading is paused."),
    (
        "trading",
        seen(trading=trading("paused")) | order(**EXIT),
        seen(trading=trading("halted")) | order(**EXIT),
        "HALTED",
        "Trading is halted.",
    ),
    ("venue", seen(), seen(venue_down="no answer."), "VENUE_DOWN", "main: no answer."),
    (
        "venue",
        seen(),
        seen(quote=None),
        "VENUE_DOWN",
        "main: there is no fresh price of BTC/USDT.",
    ),
    (
        "known_symbol",
        seen(),
        seen(instrument=None),
        "UNKNOWN_SYMBOL",
        "BTC/USDT is not traded at main.",
    ),
    (
        "unknown_outcome",
        seen(),
        seen(symbol_in_doubt=True),
        "UNKNOWN_OUTCOME",
        "BTC/USDT at main waits for an order in doubt.",
    ),
    (
        "unknown_outcome",
        seen(),
        seen(pair_blocked="1.2 was filled where 1 was ordered."),
        "UNKNOWN_OUTCOME",
        "BTC/USDT at main takes no entry until an owner lifts it: 1.2 was filled where 1 was ordered.",
    ),
    (
        "unknown_outcome",
        seen(position_apart="elsewhere.") | order(**EXIT),
        seen(position_apart="the exchange shows a position of 1, our fills come to 0."),
        "UNKNOWN_OUTCOME",
        "BTC/USDT at main takes no entry: the exchange shows a position of 1, our fills come to 0.",
    ),
    (
        "venue_limits",
        seen(instrument=instrument(min_amount=D(1))),
        seen(instrument=instrument(min_amount=D("1.001"))),
        "BELOW_MINIMUM",
        "1 is under the minimum of 1.001 BTC.",
    ),
    (
        "venue_limits",
        seen(instrument=None),
        seen(instrument=instrument(active=False)),
        "MARKET_CLOSED",
        "BTC/USDT is not trading at main.",
    ),
    (
        "max_signal_age",
        seen(arrival=arrival(fired_at=NOW - 120 * SECOND)),
        seen(arrival=arrival(fired_at=NOW - 121 * SECOND)),
        "MAX_SIGNAL_AGE",
        "It is 2 min 1 s old; 2 min is the limit.",
    ),
    (
        "duplicate_window",
        limit(duplicate_window=60 * SECOND) | seen(arrival=arrival(last_like_it=NOW - 60 * SECOND)),
        limit(duplicate_window=60 * SECOND) | seen(arrival=arrival(last_like_it=NOW - 59 * SECOND)),
        "DUPLICATE_WINDOW",
        "The last one like it came 59 s ago; 1 min must lie between.",
    ),
    (
        "leverage",
        seen(leverage=D(3), max_leverage=D(3)),
        seen(leverage=D(4), max_leverage=D(3)),
        "LEVERAGE",
        "BTC/USDT at main is set to 4x there; 3x is the limit.",
    ),
    (
        "leverage",
        seen(leverage=D(1), max_leverage=D(1)),
        seen(leverage=None, max_leverage=D(1)),
        "LEVERAGE",
        "What leverage BTC/USDT at main is set to is not known now.",
    ),
    ("rate", seen(), seen(rate=None), "NO_RATE", "There is no rate for USDT now."),
    (
        "rate",
        seen(instrument=None),
        seen(instrument=None, rate=None),
        "NO_RATE",
        "There is no rate for its quote currency now.",
    ),
    (
        "max_order_notional",
        order(value=D(1000)),
        order(value=D(54000)),
        "MAX_ORDER_NOTIONAL",
        "54\u202f000 is over 1\u202f000.",
    ),
    (
        "max_order_notional",
        order(value=D(1000)),
        order(value=D("1000.000001")),
        "MAX_ORDER_NOTIONAL",
        "1\u202f000.000001 is over 1\u202f000.",
    ),
    (
        "max_position_notional",
        limit(max_position_notional=D(501)) | seen(position_value=D(300), entries_value=D(100)),
        limit(max_position_notional=D(500)) | seen(position_value=D(300), entries_value=D(100)),
        "MAX_POSITION_NOTIONAL",
        "It would make 501 of BTC, over 500.",
    ),
    (
        "max_open_orders",
        limit(max_open_orders=3) | seen(open_entries=2),
        limit(max_open_orders=3) | seen(open_entries=3),
        "MAX_OPEN_ORDERS",
        "Open entries: 3 of 3.",
    ),
    (
        "max_open_positions",
        limit(max_open_positions=2) | seen(open_positions=frozenset({("main", "ETH/USDT")})),
        limit(max_open_positions=1) | seen(open_positions=frozenset({("main", "ETH/USDT")})),
        "MAX_OPEN_POSITIONS",
        "Open positions: 1 of 1.",
    ),
    (
        "max_open_positions",  # adding to one that is open
        limit(max_open_positions=1) | seen(open_positions=frozenset({("main", "BTC/USDT")})),
        limit(max_open_positions=1) | seen(open_positions=frozenset({("other", "BTC/USDT")})),
        "MAX_OPEN_POSITIONS",
        "Open positions: 1 of 1.",
    ),
    (
        "max_orders_per_minute",
        limit(max_orders_per_minute=6) | seen(entries_last_minute=5),
        limit(max_orders_per_minute=6) | seen(entries_last_minute=6),
        "MAX_ORDERS_PER_MINUTE",
        "Entries in the last minute: 6 of 6.",
    ),
    (
        "max_daily_loss",
        limit(max_daily_loss=D(200)) | stood(day=day("-150", "-50")),
        limit(max_daily_loss=D(200)) | stood(day=day("-150", "-50.01")),
        "MAX_DAILY_LOSS",
        "The day stands at −200.01, below −200.",
    ),
    (
        "max_daily_loss",  # a gain
        limit(max_daily_loss=D(0)) | stood(day=day("5", "-5")),
        limit(max_daily_loss=D(200)) | stood(unpriced=("BTC/USDT at main",)),
        "MAX_DAILY_LOSS",
        "The day's result is not known: there is no price of BTC/USDT at main yet.",
    ),
    (
        "max_daily_loss",  # another rule's stop is none of this one's
        limit(max_daily_loss=D(200)) | stopped("drawdown", "0.11", "0.1"),
        limit(max_daily_loss=D(200)) | stopped("daily_loss", "-203.1", "200"),
        "MAX_DAILY_LOSS",
        "The day stood at −203.1 at 12:00, below −200. Entries wait for the next day.",
    ),
    (
        "max_daily_loss",  # looser than it was when it stopped, in a zone of its own
        limit(max_daily_loss=D(300)) | stood(day=day("-250", "0")),
        limit(max_daily_loss=D(300), zone=ZoneInfo("Europe/Madrid"))
        | stopped("daily_loss", "-203.1", "200"),
        "MAX_DAILY_LOSS",
        "The day stood at −203.1 at 13:00, below −200. Entries wait for the next day.",
    ),
    (
        "max_drawdown",
        limit(max_drawdown=D("0.1")) | stood(equity=D(90), mark=D(100)),
        limit(max_drawdown=D("0.1")) | stood(equity=D("89.99"), mark=D(100)),
        "MAX_DRAWDOWN",
        "Equity is 10.01 % below its highest; the limit is 10 %.",
    ),
    (
        "max_drawdown",
        limit(max_drawdown=D("0.1")) | stood(equity=D(120), mark=D(100)),
        limit(max_drawdown=D("0.1")) | stood(mark=D(100), unread=("main", "other")),
        "MAX_DRAWDOWN",
        "Equity is not known: there is no reading of main, other yet.",
    ),
    (
        "max_drawdown",
        limit(max_drawdown=D("0.1")) | stopped("daily_loss", "-203.1", "200"),
        limit(max_drawdown=D("0.2")) | stopped("drawdown", "0.1034", "0.1"),
        "MAX_DRAWDOWN",
        "Equity was 10.34 % below its highest, over 10 %. Entries wait for /limits reset drawdown.",
    ),
    (
        "max_price_deviation",
        limit(max_price_deviation=D("0.01")) | order(price=D(99), worst_price=None),
        limit(max_price_deviation=D("0.01")) | order(price=D("98.99"), worst_price=None),
        "MAX_PRICE_DEVIATION",
        "98.99 is 1.01 % from the market at 100; the limit is 1 %.",
    ),
    (
        "max_price_deviation",
        limit(max_price_deviation=D("0.01")) | order(price=D(101), worst_price=None),
        limit(max_price_deviation=D("0.01")) | order(price=D("101.01"), worst_price=None),
        "MAX_PRICE_DEVIATION",
        "101.01 is 1.01 % from the market at 100; the limit is 1 %.",
    ),
    (
        "max_spread",
        limit(max_spread=D("0.02")) | seen(quote=quote("99", "101")),
        limit(max_spread=D("0.02")) | seen(quote=quote("98", "102")),
        "MAX_SPREAD",
        "The spread is 4 %; the limit is 2 %.",
    ),
    (
        "min_quote_reserve",
        limit(min_quote_reserve=D(50)) | seen(free_quote=D(201), reserved_quote=D(50)),
        limit(min_quote_reserve=D(50)) | seen(free_quote=D(201), reserved_quote=D(51)),
        "MIN_QUOTE_RESERVE",
        "It would leave 49 free, under 50.",
    ),
    (
        "min_quote_reserve",  # a sale leaves more, not less
        limit(min_quote_reserve=D(50)) | seen(takes_quote=D(0)),
        limit(min_quote_reserve=D(50)),
        "MIN_QUOTE_RESERVE",
        "What is free at the venue is not known now.",
    ),
    (
        "symbols",
        limit(symbols=frozenset({"BTC/USDT"})),
        limit(symbols=frozenset({"ETH/USDT"})),
        "SYMBOLS",
        "BTC/USDT is not on the list.",
    ),
    (
        "sides",
        limit(sides=frozenset({Side.BUY})),
        limit(sides=frozenset({Side.SELL})),
        "SIDES",
        "A buy may not add exposure.",
    ),
    (
        "trading_hours",
        limit(trading_hours=parse_hours("Mon 12:00-13:00")),
        limit(trading_hours=parse_hours("Mon 12:01-13:00")),
        "TRADING_HOURS",
        "It is Mon 12:00; trading hours are Mon 12:01-13:00.",
    ),
    (
        "trading_hours",  # noon UTC is one o'clock in Madrid
        limit(trading_hours=parse_hours("Mon 13:00-14:00"), zone=ZoneInfo("Europe/Madrid")),
        limit(trading_hours=parse_hours("Mon 12:00-13:00"), zone=ZoneInfo("Europe/Madrid")),
        "TRADING_HOURS",
        "It is Mon 13:00; trading hours are Mon 12:00-13:00.",
    ),
    (
        "cooldown_after_loss",
        limit(cooldown_after_loss=60 * SECOND) | seen(last_loss_at=NOW - 60 * SECOND),
        limit(cooldown_after_loss=60 * SECOND) | seen(last_loss_at=NOW - 59 * SECOND),
        "COOLDOWN_AFTER_LOSS",
        "The last exit was a loss; entries wait 1 s more.",
    ),
    (
        "stop_loss_required",
        limit(stop_loss_required=True) | order(stop_loss=D(90)),
        limit(stop_loss_required=True),
        "STOP_LOSS_REQUIRED",
        "An entry needs a stop.",
    ),
]
RULES: Mapping[str, risk.Rule] = {
    **risk.EVERY_ORDER,
    **risk.ARRIVAL,
    **risk.ENTRIES,
    **risk.CONTRACTS,
}


def ask(key: str, case: Mapping[str, Any]) -> Refusal | None:
    """One rule about an ordinary order, but for the case."""
    return RULES[key](
        case.get("terms", terms()), case.get("snapshot", snapshot()), case.get("limits", Limits())
    )


@pytest.mark.parametrize(("key", "fits", "fails", "code", "text"), BOUNDS)
def test_a_rule_passes_at_its_bound_and_refuses_just_past_it(
    key: str, fits: dict[str, Any], fails: dict[str, Any], code: str, text: str
) -> None:
    assert ask(key, fits) is None
    refusal = ask(key, fails)
    assert refusal is not None
    assert (refusal.code, refusal.text) == (code, text)


@pytest.mark.parametrize(
    "key", [key for key in RULES if key not in {"rate", "max_order_notional", "leverage"}]
)
def test_a_rule_that_is_off_or_has_nothing_to_measure_passes(key: str) -> None:
    assert ask(key, {}) is None


@pytest.mark.parametrize(
    ("key", "case"),
    [
        ("max_price_deviation", limit(max_price_deviation=D(0)) | seen(quote=None)),
        ("max_price_deviation", limit(max_price_deviation=D(0))),  # without the sender's price
        ("max_spread", limit(max_spread=D(0)) | seen(quote=None)),
        ("duplicate_window", limit(duplicate_window=SECOND) | seen(arrival=arrival())),
        ("duplicate_window", limit(duplicate_window=SECOND)),
    ],
)
def test_a_rule_says_nothing_of_what_it_cannot_measure(key: str, case: dict[str, Any]) -> None:
    """A missing quote is refused by `venue`; age and duplicates are asked at arrival only."""
    assert ask(key, case) is None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("max_daily_loss", "The day's result is not known: it was not read yet."),
        ("max_drawdown", "Equity is not known: it was not read yet."),
    ],
)
def test_a_rule_about_the_accounts_refuses_before_they_were_read(key: str, text: str) -> None:
    refusal = ask(key, limit(**{key: D(1)}))
    assert refusal is not None
    assert refusal.text == text


def test_every_rule_has_a_case_at_its_bound() -> None:
    assert {case[0] for case in BOUNDS} == set(RULES)


def test_every_limit_has_its_rule() -> None:
    """A key of [risk] that no rule reads would be a promise nobody keeps."""
    assert set(Limits.__slots__) - {"zone"} <= set(RULES)


def test_a_code_of_a_limit_is_its_key_in_upper_case() -> None:
    for key, _, fails, code, _ in BOUNDS:
        if key in Limits.__slots__:
            refusal = ask(key, fails)
            assert refusal is not None
            assert refusal.code == code == key.upper()
