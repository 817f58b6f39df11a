"""`/limits set` and `/limits reset` in the chat: at once, or after one tap that is bound to just that change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.playground import CallbackAnswer
from execution import limits
from execution.checks import Limits
from execution.equity import Standing
from execution.store import Transaction
from tests.desk import ANA, OLGA, VIC, FrontDesk, front_desk
from tests.flows.setup import said

D = Decimal


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as desk:
        await desk.start("intake", "notifier")
        yield desk


def in_force(desk: FrontDesk) -> Limits:
    return desk.read(lambda tx: limits.in_force(tx, desk.front.config.limits))


async def answer(desk: FrontDesk, typed: str, *, by: int = OLGA) -> str:
    """What the bot replies."""
    asked = desk.playground.say(typed, by=by)
    return said(await desk.playground.wait_for(lambda m: m.reply_to == asked.id))


async def test_what_is_tighter_holds_at_once_and_is_told(desk: FrontDesk) -> None:
    desk.playground.say("/limits set max_order_notional 500", by=OLGA)
    told = await desk.playground.wait_for_text("set max_order_notional to 500 USDT; it was 1")
    assert said(told) == (
        "PAPER · Olga set max_order_notional to 500 USDT; it was 1 000 USDT\n"
        "It holds until /limits reset max_order_notional, over restarts too."
    )
    assert in_force(desk).max_order_notional == D(500)


async def test_what_is_looser_takes_one_tap_of_an_owner(desk: FrontDesk) -> None:
    desk.playground.say("/limits set max_order_notional 2000", by=OLGA)
    asked = await desk.playground.wait_for_text("from 1")
    assert said(asked).startswith(
        "PAPER · max_order_notional: from 1 000 USDT to 2 000 USDT?\nThat allows more."
    )
    assert in_force(desk).max_order_notional == D(1000)
    refused = await desk.tap(asked, "Confirm", by=ANA)
    assert refused == CallbackAnswer("Only for owners.", alert=True)

    assert (await desk.tap(asked, "Confirm", by=OLGA)).text == "max_order_notional is changed."
    await desk.playground.wait_for_text("to 2\u202f000 USDT; it was 1\u202f000 USDT")
    assert in_force(desk).max_order_notional == D(2000)

    again = await desk.tap(asked, "Confirm", by=OLGA)
    assert again == CallbackAnswer("Limits were changed since: type it again.", alert=True)


async def test_switching_off_is_looser_and_two_limits_stay_on(desk: FrontDesk) -> None:
    desk.playground.say("/limits set max_spread 1%", by=OLGA)
    await desk.playground.wait_for_text("set max_spread to 1")
    assert "max_spread: from 1 % to off?" in await answer(desk, "/limits set max_spread off")
    told = await answer(desk, "/limits set max_signal_age off")
    assert told == "PAPER · The limit max_signal_age cannot be switched off."


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("set max_spred 1%", "There is no such limit; the nearest is max_spread. Type /limits set"),
        ("set max_spread 1", 'The limit max_spread: not a share; write it with its sign, "0.5%"'),
        (
            "set max_signal_age 90",
            "The limit max_signal_age: not a duration; write a number and a unit",
        ),
        (
            "set max_open_orders few",
            "The limit max_open_orders: not a whole number. Type /limits set",
        ),
        ("set symbols BTC", 'The limit symbols[0]: not a pair; write "BTC/USDT". Type /limits set'),
        ("set trading_hours always", "The limit trading_hours: not hours of the week; write"),
        ("set stop_loss_required perhaps", "The limit stop_loss_required: not true or false"),
        ("set max_spread", "Type /limits set <key> <value>: change a limit"),
        ("set", "Type /limits set <key> <value>"),
        ("reset", "Type /limits reset <key>"),
        (
            "reset max_spred",
            "There is no such limit; the nearest is max_spread. Type /limits reset",
        ),
        ("reset max_spread", "max_spread is as the settings say. Nothing changed."),
        ("set max_order_notional 1000", "max_order_notional is so already. Nothing changed."),
        ("more", "Type /limits: the desk's limits"),
    ],
)
async def test_what_cannot_be_done_says_what_to_type(
    desk: FrontDesk, typed: str, told: str
) -> None:
    head = desk.head()
    assert told in await answer(desk, f"/limits {typed}")
    assert desk.head() == head


async def test_the_page_marks_what_was_changed_by_whom_and_when(desk: FrontDesk) -> None:
    desk.playground.say("/limits set max_order_notional 500", by=OLGA)
    await desk.playground.wait_for_text("max_order_notional to 500")
    page = await answer(desk, "/limits", by=VIC)
    assert "max_order_notional 500 USDT" in page
    assert "max_order_notional changed by Olga at 14:30:00; the settings say 1 000 USDT" in page


async def test_a_reset_goes_back_to_the_settings(desk: FrontDesk) -> None:
    desk.playground.say("/limits set max_order_notional 500", by=OLGA)
    await desk.playground.wait_for_text("max_order_notional to 500")
    desk.playground.say("/limits reset max_order_notional", by=OLGA)
    asked = await desk.playground.wait_for_text("again, as the settings say?")
    await desk.tap(asked, "Confirm", by=OLGA)
    await desk.playground.wait_for_text("It follows the settings again.")
    assert in_force(desk).max_order_notional == D(1000)
    assert "changed by" not in await answer(desk, "/limits", by=VIC)


async def test_the_drawdown_is_reset_by_a_confirming_tap(desk: FrontDesk) -> None:
    def lower(tx: Transaction) -> None:
        tx.accounts.stand(Standing(at=tx.now, equity=D(900), mark=D(1000)))

    await desk.side.store.write(lower)
    desk.playground.say("/limits reset drawdown", by=OLGA)
    asked = await desk.playground.wait_for_text("Reset the drawdown?")
    assert await desk.tap(asked, "Confirm reset", by=ANA) == CallbackAnswer(
        "Only for owners.", alert=True
    )
    answered = await desk.tap(asked, "Confirm reset", by=OLGA)
    assert answered == CallbackAnswer("The drawdown counts from now on.")
    standing = desk.read(lambda tx: tx.accounts.standing())
    assert standing is not None
    assert standing.drawdown == 0


@pytest.mark.parametrize("typed", ["set max_order_notional 500", "reset drawdown"])
async def test_only_owners_change_limits(desk: FrontDesk, typed: str) -> None:
    head = desk.head()
    verb = typed.split()[0]
    for person, role in ((ANA, "approver"), (VIC, "viewer")):
        told = await answer(desk, f"/limits {typed}", by=person)
        assert told == f"PAPER · /limits {verb} needs the role owner; yours is {role}."
    assert desk.head() == head
