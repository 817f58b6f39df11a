"""What one order could not do alone, two at the same moment cannot do together: each rule that reserves.

Every ticket passes when it is made, since what waits for a tap reserves nothing. However the approvals
meet, by hand and by a rule, one of the two goes out and the other is refused with the rule's code.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.desk import Person
from execution.types import Ticket, TicketState, TimeInForce, VoteKind
from tests.desk import ANA, OLGA, TOML, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
BTC = {"symbol": "BTC/USDT", "price": D(50_000), "amount": "0.01"}
ETH = {"symbol": "ETH/USDT", "price": D(2_000), "amount": "0.25"}
"""Two entries of 500 USDT that rest."""

RULES: list[tuple[str, str, dict[str, Any]]] = [
    ("max_position_notional", "999", BTC),
    ("max_open_orders", "1", ETH),
    ("max_open_positions", "1", ETH),
    ("max_orders_per_minute", "1", ETH),
    ("min_quote_reserve", "99001", ETH),
]
"""A rule, a value that lets one of two orders through, and the second order."""
each = pytest.mark.parametrize(("rule", "value", "second"), RULES, ids=[r[0] for r in RULES])


def rules(rule: str, value: str) -> str:
    return TOML.replace("max_order_notional = 1000\n", f"{rule} = {value}\n")


async def begun(desk: FrontDesk) -> None:
    """Trading runs, and what the account holds was read before anything is sent."""
    await desk.start("trading")
    await desk.side.market.fresh_balances("main")
    desk.clock.advance(1)


async def ticket(desk: FrontDesk, order: dict[str, Any], *, source: str = "tv") -> Ticket:
    return await desk.new_ticket(source=source, time_in_force=TimeInForce.GTC, **order)


async def decided(desk: FrontDesk, *tickets: Ticket) -> list[Ticket]:
    """As they stand once each is at work or refused."""
    ends = {TicketState.WORKING, TicketState.REFUSED}
    for one in tickets:
        await until(lambda id=one.id: desk.ticket(id).state in ends)
    return [desk.ticket(one.id) for one in tickets]


async def one_went_out(desk: FrontDesk, tickets: list[Ticket], rule: str) -> None:
    states = Counter(one.state for one in tickets)
    assert states == {TicketState.WORKING: 1, TicketState.REFUSED: 1}
    (refused,) = [one for one in tickets if one.state is TicketState.REFUSED]
    assert [refusal.code for refusal in refused.refusals] == [rule.upper()]
    await until(lambda: len(desk.paper.accepted) == 1)


@each
async def test_two_taps_at_the_same_moment(
    tmp_path: Path, rule: str, value: str, second: dict[str, Any]
) -> None:
    async with front_desk(tmp_path, toml=rules(rule, value)) as desk:
        await begun(desk)
        waiting = [await ticket(desk, BTC), await ticket(desk, second)]
        assert {one.state for one in waiting} == {TicketState.PENDING}
        people = [Person(id=f"tg:{ANA}", name="Ana"), Person(id=f"tg:{OLGA}", name="Olga")]
        await asyncio.gather(
            *(
                desk.side.desk.vote(one.id, revision=1, person=who, kind=VoteKind.APPROVE)
                for one, who in zip(waiting, people, strict=True)
            )
        )
        await one_went_out(desk, await decided(desk, *waiting), rule)


@each
async def test_a_tap_and_a_ticket_that_a_rule_lets_straight_through(
    tmp_path: Path, rule: str, value: str, second: dict[str, Any]
) -> None:
    async with front_desk(tmp_path, toml=rules(rule, value)) as desk:
        await begun(desk)
        waiting = await ticket(desk, BTC)
        ana = Person(id=f"tg:{ANA}", name="Ana")
        _, straight = await asyncio.gather(
            desk.side.desk.vote(waiting.id, revision=1, person=ana, kind=VoteKind.APPROVE),
            ticket(desk, second, source="straight"),
        )
        await one_went_out(desk, await decided(desk, waiting, straight), rule)


@each
async def test_two_tickets_that_a_rule_lets_straight_through(
    tmp_path: Path, rule: str, value: str, second: dict[str, Any]
) -> None:
    async with front_desk(tmp_path, toml=rules(rule, value)) as desk:
        await begun(desk)
        made = await asyncio.gather(
            *(ticket(desk, order, source="straight") for order in (BTC, second))
        )
        await one_went_out(desk, await decided(desk, *made), rule)
