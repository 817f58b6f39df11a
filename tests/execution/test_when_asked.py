"""When each rule of `[risk]` is asked: at arrival, at the tap, just before sending; and of whom it is not.

Every row of the contract's "When a rule is asked", against the whole trading side: the rule becomes
strict while one ticket waits for a tap and another one, approved, for its order.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from execution import risk
from execution.desk import Person
from execution.outcome import Answer, Outcome
from execution.types import Side, Ticket, TicketState, VoteKind
from tests.desk import ANA, FrontDesk, front_desk, settings_in
from tests.waiting import until

D = Decimal
ANA_P = Person(id=f"tg:{ANA}", name="Ana")

STRICT = {
    "max_order_notional": "1",
    "max_position_notional": "1",
    "max_open_orders": "0",
    "max_open_positions": "0",
    "max_orders_per_minute": "0",
    "max_daily_loss": "0",
    "max_drawdown": "0%",
    "max_price_deviation": "1%",
    "max_spread": "0%",
    "min_quote_reserve": "1000000000",
    "symbols": json.dumps(["ETH/USDT"]),
    "sides": json.dumps(["sell"]),
    "trading_hours": "Mon 00:00-00:01",
    "cooldown_after_loss": "24h",
    "stop_loss_required": "true",
}
"""Every rule that is asked each time, at a value that refuses a buy of BTC far below the market.

No reading of the accounts is taken here: what rests on one refuses whatever it says.
"""
AT_ARRIVAL_ONLY = {"max_signal_age": "1s", "duplicate_window": "24h"}


def test_every_rule_is_here() -> None:
    """But the one without a setting: NO_RATE, where money cannot be valued."""
    assert set(STRICT) == set(risk.ENTRIES) - {"rate"}
    assert set(AT_ARRIVAL_ONLY) == set(risk.ARRIVAL)


async def approve(desk: FrontDesk, ticket: Ticket) -> Answer:
    return await desk.side.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)


async def done(desk: FrontDesk, **fields: object) -> None:
    """An order that goes straight through and fills."""
    ticket = await desk.new_ticket(source="straight", amount="0.01", **fields)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)


async def lose(desk: FrontDesk) -> None:
    """A position that is sold at a loss."""
    await done(desk)
    desk.prices.set_price("BTC/USDT", D(59_900))
    desk.clock.advance(3)
    await done(desk, side=Side.SELL)
    desk.prices.set_price("BTC/USDT", D(60_000))
    desk.clock.advance(3)


async def become(desk: FrontDesk, **rules: str) -> None:
    """The process ends, the settings change, and the next one begins."""
    await desk.stop("trading")
    changes = {f"COUNTERSIGN_RISK__{name.upper()}": value for name, value in rules.items()}
    where = {"COUNTERSIGN_TELEGRAM__API_URL": desk.settings.telegram.api_url}
    desk.settings = settings_in(desk.folder, environ=where | changes)
    await desk.restart()
    await desk.side.executor.recover()
    desk.clock.advance(2)
    await desk.start("trading")


async def two(desk: FrontDesk, **fields: object) -> tuple[Ticket, Ticket]:
    """A ticket that waits for a tap, and one that was approved when nothing sent orders any more."""
    waits, approved = [await desk.new_ticket(**fields) for _ in range(2)]
    await desk.stop("trading")
    answer = await approve(desk, approved)
    assert answer.outcome is Outcome.APPROVED
    return waits, approved


@pytest.mark.parametrize("rule", STRICT)
async def test_it_is_asked_at_the_tap_and_just_before_sending(tmp_path: Path, rule: str) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        if rule == "cooldown_after_loss":
            await lose(desk)
        waits, approved = await two(desk, price=D(50_000), amount="0.01")
        accepted = len(desk.paper.accepted)
        await become(desk, **{rule: STRICT[rule]})

        await until(lambda: desk.ticket(approved.id).state is TicketState.REFUSED)
        answer = await approve(desk, waits)
        assert answer.outcome is Outcome.REFUSED
        for ticket in (waits, approved):
            after = desk.ticket(ticket.id)
            assert after.state is TicketState.REFUSED
            assert [refusal.code for refusal in after.refusals] == [rule.upper()]
        assert len(desk.paper.accepted) == accepted


@pytest.mark.parametrize("rule", AT_ARRIVAL_ONLY)
async def test_it_is_asked_at_arrival_only(tmp_path: Path, rule: str) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        waits, approved = await two(desk, price=D(50_000), amount="0.01")
        await become(desk, **{rule: AT_ARRIVAL_ONLY[rule]})

        await until(lambda: desk.ticket(approved.id).state is TicketState.WORKING)
        assert (await approve(desk, waits)).outcome is Outcome.APPROVED
        late = await _like(desk, rule)
        assert [refusal.code for refusal in late.refusals] == [rule.upper()]


async def _like(desk: FrontDesk, rule: str) -> Ticket:
    """A signal that the rule refuses as it arrives."""
    fields = {}
    if rule == "max_signal_age":
        fields = {"time": desk.clock().replace(minute=0)}
    return await desk.new_ticket(price=D(50_000), amount="0.01", **fields)


async def test_none_of_them_refuses_an_order_that_only_reduces(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await lose(desk)
        await done(desk)
        waits, approved = await two(desk, side=Side.SELL, amount="0.004")
        await become(desk, **STRICT)

        await until(lambda: desk.ticket(approved.id).state is TicketState.DONE)
        assert (await approve(desk, waits)).outcome is Outcome.APPROVED
        await until(lambda: desk.ticket(waits.id).state is TicketState.DONE)
