"""Limits changed in the chat: which change is the looser one, what is in force, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import house
from bot.settings.sections import Risk
from execution import limits
from execution.checks import Limits
from execution.desk import Person
from execution.errors import NotAllowed, NotPossible
from execution.events import EventKind
from execution.hours import parse_hours
from execution.limits import TIGHTER, ConfirmLimit, LimitChange, ResetLimit, SetLimit, Wanted
from execution.types import Side
from tests.desk import TOML, FrontDesk, front_desk, settings_in
from tests.execution.builders import D

OLGA, ANA = Person(id="tg:1111", name="Olga"), Person(id="tg:2222", name="Ana")
MINUTES = timedelta(minutes=1)
LOOSER_AND_TIGHTER: dict[str, tuple[Any, Any]] = {
    "max_order_notional": (D(1000), D(999)),
    "max_signal_age": (2 * MINUTES, MINUTES),
    "max_position_notional": (D(5000), D(0)),
    "max_open_orders": (10, 9),
    "max_open_positions": (5, 0),
    "max_orders_per_minute": (6, 1),
    "max_daily_loss": (D(200), D("199.99")),
    "max_drawdown": (D("0.1"), D("0.05")),
    "max_price_deviation": (D("0.01"), D("0.009")),
    "max_spread": (D("0.005"), D("0.001")),
    "min_quote_reserve": (D(100), D(101)),
    "symbols": (frozenset({"BTC/USDT", "ETH/USDT"}), frozenset({"BTC/USDT"})),
    "sides": (frozenset({Side.BUY, Side.SELL}), frozenset({Side.SELL})),
    "trading_hours": (parse_hours("Mon-Fri 08:00-22:00"), parse_hours("Tue-Fri 08:00-21:59")),
    "cooldown_after_loss": (30 * MINUTES, 31 * MINUTES),
    "duplicate_window": (MINUTES, 2 * MINUTES),
    "stop_loss_required": (False, True),
}
ALWAYS_ON = {"max_order_notional", "max_signal_age"}


def test_every_limit_of_the_settings_can_be_changed() -> None:
    keys = {name for name in Limits.__dataclass_fields__ if name != "zone"}

    assert set(TIGHTER) == keys == set(Risk.model_fields) == set(LOOSER_AND_TIGHTER)


@pytest.mark.parametrize(("key", "values"), LOOSER_AND_TIGHTER.items())
def test_of_two_values_one_allows_more(key: str, values: tuple[Any, Any]) -> None:
    looser, tighter = values

    assert limits.loosens(key, tighter, looser)
    assert not limits.loosens(key, looser, tighter)
    assert not limits.loosens(key, looser, looser)


@pytest.mark.parametrize("key", sorted(LOOSER_AND_TIGHTER.keys() - ALWAYS_ON))
def test_off_allows_more_than_any_value(key: str) -> None:
    off, tighter = limits.off(key), LOOSER_AND_TIGHTER[key][1]

    assert off == getattr(Limits(), key)
    assert limits.loosens(key, tighter, off)
    assert not limits.loosens(key, off, tighter)


@pytest.mark.parametrize("key", sorted(ALWAYS_ON))
def test_two_limits_are_never_off(key: str) -> None:
    with pytest.raises(NotPossible, match=f"{key} cannot be switched off"):
        limits.off(key)


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("symbols", frozenset({"BTC/USDT"}), frozenset({"ETH/USDT"})),
        ("sides", frozenset({Side.BUY}), frozenset({Side.SELL})),
        ("trading_hours", parse_hours("Mon 08:00-12:00"), parse_hours("Mon 09:00-13:00")),
        ("trading_hours", parse_hours("Fri 22:00-06:00"), parse_hours("Sat 05:00-06:01")),
    ],
)
def test_what_moves_sideways_counts_as_looser(key: str, before: Any, after: Any) -> None:
    assert limits.loosens(key, before, after)
    assert limits.loosens(key, after, before)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ("Sat 05:00-06:00", "Fri 22:00-06:00"),
        ("Mon 00:00-06:00", "Sun 22:00-06:00"),
        ("Mon 08:00-10:00, Mon 10:00-12:00", "Mon 08:00-12:00"),
        ("Sun-Mon 00:00-24:00", "Mon 00:00-24:00, Sun 00:00-24:00"),
    ],
)
def test_hours_are_compared_by_the_minutes_of_the_week(inner: str, outer: str) -> None:
    assert not limits.loosens("trading_hours", parse_hours(outer), parse_hours(inner))


# --- at a desk -----------------------------------------------------------------------------------


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as desk:
        yield desk


async def change(desk: FrontDesk, wanted: Wanted, person: Person = OLGA) -> LimitChange:
    return await desk.side.desk.change_limit(wanted, person=person)


async def confirmed(desk: FrontDesk, asked: LimitChange) -> LimitChange:
    assert asked.question is not None, "it allows more"
    return await change(desk, ConfirmLimit(question=asked.question))


def in_force(desk: FrontDesk) -> Limits:
    return desk.read(lambda tx: limits.in_force(tx, desk.front.config.limits))


@pytest.mark.parametrize(("key", "values"), LOOSER_AND_TIGHTER.items())
async def test_each_is_stored_and_is_the_same_after_a_restart(
    desk: FrontDesk, key: str, values: tuple[Any, Any]
) -> None:
    for value in values:
        if getattr(in_force(desk), key) != value:
            made = await change(desk, SetLimit(key=key, value=value))
            if made.question is not None:
                await confirmed(desk, made)
        await desk.restart()
        assert getattr(in_force(desk), key) == value


async def test_what_is_tighter_holds_at_once_and_is_journaled(desk: FrontDesk) -> None:
    made = await change(desk, SetLimit(key="max_order_notional", value=D(500)))

    assert (made.before, made.after, made.question) == (D(1000), D(500), None)
    assert in_force(desk).max_order_notional == D(500)
    event = desk.read(lambda tx: tx.journal.last(EventKind.LIMIT_CHANGED))
    assert event is not None
    assert (event.actor, limits.told(event.data)) == ("tg:1111", made)


async def test_every_check_meets_what_is_in_force(desk: FrontDesk) -> None:
    """A ticket that waits is refused at the tap by a limit that came after its card."""
    await desk.start("trading")
    waiting = await desk.new_ticket(notional="600")
    await change(desk, SetLimit(key="max_order_notional", value=D(500)))
    refused = await desk.new_ticket(notional="600")
    assert [one.code for one in refused.refusals] == ["MAX_ORDER_NOTIONAL"]
    await desk.restart()
    await desk.start("trading")
    refused = await desk.new_ticket(notional="600")
    assert [one.code for one in refused.refusals] == ["MAX_ORDER_NOTIONAL"]

    card = await desk.button("approve", waiting)
    await desk.start("intake")
    message = desk.playground.say("a message", by=2222)
    answer = await desk.tap(message, card, by=2222)
    assert answer.text is not None
    assert answer.text.startswith("MAX_ORDER_NOTIONAL")
    assert desk.paper.accepted == []


async def test_what_is_looser_waits_for_a_confirmation(desk: FrontDesk) -> None:
    asked = await change(desk, SetLimit(key="max_order_notional", value=D(2000)))
    assert in_force(desk).max_order_notional == D(1000)

    await confirmed(desk, asked)
    assert in_force(desk).max_order_notional == D(2000)


async def test_a_confirmation_is_void_once_the_limit_has_changed(desk: FrontDesk) -> None:
    """There and back again: the figures are the same, and the question is not."""
    asked = await change(desk, SetLimit(key="max_order_notional", value=D(2000)))
    await change(desk, SetLimit(key="max_order_notional", value=D(500)))
    back = await change(desk, ResetLimit(key="max_order_notional"))
    await confirmed(desk, back)
    assert in_force(desk).max_order_notional == D(1000)

    with pytest.raises(NotPossible, match="changed since"):
        await confirmed(desk, asked)
    assert in_force(desk).max_order_notional == D(1000)


async def test_a_confirmation_counts_once(desk: FrontDesk) -> None:
    asked = await change(desk, SetLimit(key="max_order_notional", value=D(2000)))
    await confirmed(desk, asked)
    await change(desk, SetLimit(key="max_order_notional", value=D(1000)))

    with pytest.raises(NotPossible, match="changed since"):
        await confirmed(desk, asked)
    assert in_force(desk).max_order_notional == D(1000)


@pytest.mark.parametrize("question", [0, 1, 2, 999])
async def test_only_a_question_can_be_confirmed(desk: FrontDesk, question: int) -> None:
    await change(desk, SetLimit(key="max_order_notional", value=D(500)))
    await change(desk, SetLimit(key="max_order_notional", value=D(400)))

    with pytest.raises(NotPossible):
        await change(desk, ConfirmLimit(question=question))


async def test_a_change_holds_whatever_the_settings_say_until_it_is_reset(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        await change(desk, SetLimit(key="max_order_notional", value=D(500)))
        written = TOML.replace("max_order_notional = 1000", "max_order_notional = 300")
        desk.settings = settings_in(tmp_path, toml=written)
        await desk.restart()
        assert in_force(desk).max_order_notional == D(500)
        (differs,) = desk.read(lambda tx: limits.differing(tx, desk.front.config.limits))
        assert (differs.key, differs.before, differs.after) == (
            "max_order_notional",
            D(300),
            D(500),
        )

        made = await change(desk, ResetLimit(key="max_order_notional"))
        assert (made.question, made.reset) == (None, True)
        assert in_force(desk).max_order_notional == D(300)
        assert desk.read(lambda tx: tx.limits.all()) == {}


async def test_a_start_names_the_limits_that_are_not_as_the_settings_say(
    desk: FrontDesk, caplog: pytest.LogCaptureFixture
) -> None:
    await change(desk, SetLimit(key="max_order_notional", value=D(500)))
    await change(desk, SetLimit(key="trading_hours", value=parse_hours("Mon-Fri 08:00-22:00")))
    await desk.restart()
    await desk.side.executor.recover()

    assert [one.getMessage() for one in caplog.records] == [
        'max_order_notional is "500" since Olga changed it; the settings say "1000"',
        'trading_hours is "Mon-Fri 08:00-22:00" since Olga changed it; the settings say null',
    ]


async def test_a_reset_that_is_looser_asks_and_is_void_when_the_settings_are_others(
    tmp_path: Path,
) -> None:
    async with front_desk(tmp_path) as desk:
        await change(desk, SetLimit(key="max_order_notional", value=D(500)))
        asked = await change(desk, ResetLimit(key="max_order_notional"))
        written = TOML.replace("max_order_notional = 1000", "max_order_notional = 9000")
        desk.settings = settings_in(tmp_path, toml=written)
        await desk.restart()

        with pytest.raises(NotPossible, match="changed since"):
            await confirmed(desk, asked)
        assert in_force(desk).max_order_notional == D(500)


async def test_a_confirmation_is_void_once_the_settings_say_something_else(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        asked = await change(desk, SetLimit(key="max_order_notional", value=D(2000)))
        written = TOML.replace("max_order_notional = 1000", "max_order_notional = 300")
        desk.settings = settings_in(tmp_path, toml=written)
        await desk.restart()

        with pytest.raises(NotPossible, match="changed since"):
            await confirmed(desk, asked)
        assert in_force(desk).max_order_notional == D(300)


async def test_nothing_to_change_says_so_and_stores_nothing(desk: FrontDesk) -> None:
    head = desk.head()
    with pytest.raises(NotPossible, match="is so already"):
        await change(desk, SetLimit(key="max_order_notional", value=D(1000)))
    with pytest.raises(NotPossible, match="is as the settings say"):
        await change(desk, ResetLimit(key="max_spread"))
    assert desk.head() == head


async def test_only_an_owner_changes_limits(desk: FrontDesk) -> None:
    head = desk.head()
    for wanted in (
        SetLimit(key="max_order_notional", value=D(500)),
        ResetLimit(key="max_order_notional"),
        ConfirmLimit(question=1),
    ):
        with pytest.raises(NotAllowed):
            await change(desk, wanted, person=ANA)
    assert desk.head() == head


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("max_order_notional", "1500", D(1500)),
        ("max_signal_age", "90s", 1.5 * MINUTES),
        ("max_signal_age", '"90s"', 1.5 * MINUTES),
        ("max_open_orders", "0", 0),
        ("max_spread", "0.5 %", D("0.005")),
        ("symbols", "BTC/USDT ETH/USDT", frozenset({"BTC/USDT", "ETH/USDT"})),
        ("symbols", "BTC/USDT, ETH/USDT", frozenset({"BTC/USDT", "ETH/USDT"})),
        ("symbols", '["BTC/USDT"]', frozenset({"BTC/USDT"})),
        ("sides", "sell", frozenset({Side.SELL})),
        ("trading_hours", "Mon-Fri 08:00-22:00", parse_hours("Mon-Fri 08:00-22:00")),
        ("stop_loss_required", "true", True),
        ("stop_loss_required", "off", False),
        ("max_spread", "OFF", None),
    ],
)
def test_a_value_is_typed_as_the_settings_are_written(key: str, typed: str, value: Any) -> None:
    assert house.limit(key, typed) == value
