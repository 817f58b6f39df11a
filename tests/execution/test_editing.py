"""A change makes the terms that a signal saying so would have made; what is not changed stays as the card says it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from execution import editing
from execution.desk import Person
from execution.editing import Change
from execution.events import EventKind
from execution.outcome import Answer, Outcome
from execution.types import (
    OnTimeout,
    OrderType,
    Side,
    Size,
    SizeKind,
    Target,
    Terms,
    Ticket,
    TicketState,
    TimeInForce,
)
from tests.desk import ANA, OLGA, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
SEVERAL = (Target(price=D(61_000), share=D("0.3")), Target(price=D(62_000), share=D("0.7")))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as built:
        await built.start("trading")
        yield built


def terms_of(desk: FrontDesk, ticket: Ticket) -> Terms:
    terms = desk.ticket(ticket.id).terms
    assert terms is not None
    return terms


async def changed(desk: FrontDesk, ticket: Ticket, change: Change) -> Answer:
    """What comes of a change of the newest revision."""
    revision = desk.ticket(ticket.id).revision
    return await desk.side.desk.edit(
        ticket.id, revision=revision, person=ANA_HERSELF, change=change
    )


def differing(before: Terms, after: Terms) -> set[str]:
    """The names of the terms that differ."""
    return {f.name for f in fields(Terms) if getattr(before, f.name) != getattr(after, f.name)}


def amount(value: str) -> Change:
    return editing.amount(D(value))


async def test_another_amount_changes_only_what_it_costs(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(
        amount="0.01", price=D(59_000), stop_loss=D(58_000), take_profit=SEVERAL, post_only=True
    )
    before = terms_of(desk, ticket)
    assert (await changed(desk, ticket, amount("0.004"))).outcome is Outcome.REVISED
    after = terms_of(desk, ticket)
    assert differing(before, after) == {"amount", "notional", "value"}
    assert after.notional == D("0.004") * 59_000


async def test_a_value_is_of_the_quote_currency_at_the_price_it_may_cost_at_most(
    desk: FrontDesk,
) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    change = Change(size=Size(kind=SizeKind.NOTIONAL, value=D(300)))
    await changed(desk, ticket, change)
    after = terms_of(desk, ticket)
    assert D(299) < after.amount * after.bound <= D(300)


async def test_a_price_bounds_an_order_at_the_market_and_it_rests_as_the_desk_lets_it(
    desk: FrontDesk,
) -> None:
    ticket = await desk.new_ticket(type=OrderType.MARKET, amount="0.01")
    assert terms_of(desk, ticket).time_in_force is TimeInForce.IOC
    await changed(desk, ticket, Change(price=D("59900.123")))
    after = terms_of(desk, ticket)
    assert (after.type, after.price, after.worst_price) == (OrderType.LIMIT, D("59900.12"), None)
    assert (after.time_in_force, after.on_timeout) == (TimeInForce.GTC, OnTimeout.CANCEL)
    assert after.rests_for == desk.front.config.prices.order_timeout


async def test_how_long_the_signal_lets_it_rest_stays(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01", time_in_force=TimeInForce.FOK)
    await changed(desk, ticket, Change(price=D(59_900)))
    assert terms_of(desk, ticket).time_in_force is TimeInForce.FOK


async def test_changes_add_up(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    for change in (Change(price=D(59_900)), Change(stop_loss=D(58_900)), amount("0.004")):
        await changed(desk, ticket, change)
    after = terms_of(desk, ticket)
    assert (after.price, after.stop_loss, after.amount) == (D(59_900), D(58_900), D("0.004"))
    assert desk.ticket(ticket.id).revision == 4


async def test_a_close_made_smaller_still_only_reduces(desk: FrontDesk) -> None:
    bought = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
    ticket = await desk.new_ticket(side=Side.SELL, close=True)
    assert (await changed(desk, ticket, amount("0.004"))).outcome is Outcome.REVISED
    after = terms_of(desk, ticket)
    assert (after.amount, after.reduces, after.reduce_only) == (D("0.004"), True, True)
    refused = await changed(desk, ticket, amount("0.5"))
    assert [refusal.code for refusal in refused.refusals] == ["NOT_REDUCING"]


async def test_a_change_meets_every_rule_and_a_refusal_leaves_the_ticket(tmp_path: Path) -> None:
    toml = TOML.replace(
        "[risk]", '[risk]\nmax_price_deviation = "1%"\nstop_loss_required = false\nsides = ["buy"]'
    )
    blocks = '\n[[approval.rules]]\nname = "tiny"\nwhen = { notional_below = 50 }\nblock = true\n'
    async with front_desk(tmp_path, toml=toml + blocks) as desk:
        await desk.start("trading")
        ticket = await desk.new_ticket(amount="0.01")
        head = desk.head()
        for change, code in (
            (Change(price=D(57_000)), "MAX_PRICE_DEVIATION"),
            (amount("0.1"), "MAX_ORDER_NOTIONAL"),
            (amount("0.0002"), "BLOCKED"),
        ):
            answer = await changed(desk, ticket, change)
            assert [refusal.code for refusal in answer.refusals] == [code]
            assert answer.ticket == ticket
        assert desk.head() == head


async def test_a_change_to_what_it_is_already_changes_nothing(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01", price=D(59_000))
    head = desk.head()
    for change in (amount("0.01"), amount("0.0100000001"), Change(price=D("59000.00")), Change()):
        assert (await changed(desk, ticket, change)).outcome is Outcome.UNCHANGED
    assert desk.head() == head


async def test_the_journal_says_who_changed_what_from_what_to_what(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01", take_profit=SEVERAL)
    await changed(
        desk, ticket, amount("0.004").evolve(take_profit=(Target(price=D(63_000), share=D(1)),))
    )
    entry = desk.read(lambda tx: tx.journal.last(EventKind.TICKET_REVISED))
    assert entry is not None
    assert entry.actor == f"tg:{ANA}"
    said = {name: entry.data[name] for name in ("name", "size", "target", "revision", "reason")}
    assert said == {
        "name": "Ana",
        "size": "0.01 to 0.004",
        "target": "61000 (0.3), 62000 (0.7) to 63000",
        "revision": "2",
        "reason": "size and target changed by Ana",
    }
    assert {"limit", "stop"} & set(entry.data) == set()


async def test_while_the_venue_is_away_nothing_can_be_changed(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    await desk.restart()
    answer = await changed(desk, ticket, amount("0.004"))
    assert [refusal.code for refusal in answer.refusals] == ["VENUE_DOWN"]


@pytest.mark.parametrize("by", [VIC, 4444])
async def test_nobody_changes_anything_who_may_not(desk: FrontDesk, by: int) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    head = desk.head()
    answer = await desk.side.desk.edit(
        ticket.id, revision=1, person=Person(id=f"tg:{by}", name="one"), change=amount("0.004")
    )
    assert answer.outcome is Outcome.NOT_ALLOWED
    assert desk.head() == head


async def test_two_who_change_the_same_revision_are_not_both_taken(desk: FrontDesk) -> None:
    ticket = await desk.new_ticket(amount="0.01")
    outcomes = [
        (
            await desk.side.desk.edit(
                ticket.id, revision=1, person=Person(id=f"tg:{by}", name="one"), change=amount(size)
            )
        ).outcome
        for by, size in ((ANA, "0.004"), (OLGA, "0.003"))
    ]
    assert outcomes == [Outcome.REVISED, Outcome.SUPERSEDED]
