"""`/test`: an owner tries the whole path, from the signal to the votes; whatever happens, nothing is sent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.playground import CallbackAnswer
from execution.booking import TESTED
from execution.desk import Person
from execution.errors import NotAllowed
from execution.receiving import SignalKey
from execution.types import Ticket, TicketState
from tests.desk import ANA, OLGA, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

DAY = timedelta(days=1)
TWO = '\n[[approval.rules]]\nname = "two"\nwhen = { sides = ["buy"] }\nrequired = 2\n'
STRAIGHT = '\n[[approval.rules]]\nname = "all"\nwhen = { sides = ["buy"] }\nrequired = 0\n'
VETO = '\n[[approval.rules]]\nname = "veto"\nwhen = { sides = ["buy"] }\nveto_window = "60s"\n'


async def tried(desk: FrontDesk) -> Ticket:
    """The ticket that an owner's `/test` makes."""
    before = desk.read(lambda tx: tx.tickets.newest(limit=1))
    desk.playground.say("/test", by=OLGA)

    def made() -> Ticket | None:
        found = desk.read(lambda tx: tx.tickets.newest(limit=1))
        return found[0] if found and found[:1] != before[:1] else None

    ticket = await until(made)
    assert ticket is not None
    return ticket


async def test_its_card_says_test_and_approving_it_ends_it_without_an_order(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await tried(desk)
    card = await desk.card(ticket)
    assert card.text.startswith("PAPER · TEST BUY 0.00996 BTC/USDT ≈\u00a0600\u00a0USDT\n")
    answer = await desk.tap(card, "Approve", by=ANA)
    assert answer == CallbackAnswer(
        "TEST: Approved, and every check passed again. Nothing is sent.", alert=False
    )
    ended = desk.ticket(ticket.id)
    assert (ended.state, ended.reason) == (TicketState.CANCELED, "test, nothing sent")
    record = await desk.playground.wait_for(
        lambda m: m.id == card.id and "test, nothing sent" in m.text, timeout_s=8
    )
    assert record.text.startswith("PAPER · TEST BUY 0.00996 BTC/USDT · test, nothing sent\n")
    assert "Ana approved 14:30:00" in record.text
    assert desk.said == [record], "and nothing else rings"
    assert desk.read(lambda tx: tx.orders.of_ticket(ticket.id)) == []
    assert desk.paper.accepted == []
    late = await desk.tap(card, "Approve", by=OLGA)
    assert late.alert
    assert late.text is not None
    assert late.text.startswith("TEST: ")


@pytest.mark.parametrize("rule", [STRAIGHT, VETO])
async def test_it_waits_for_somebody_even_where_a_rule_would_let_it_through(
    tmp_path: Path, rule: str
) -> None:
    toml = TOML.replace("[[approval.rules]]", rule + "\n[[approval.rules]]", 1)
    async with front_desk(tmp_path, toml=toml) as desk:
        await desk.start("trading", "intake")
        ticket = await tried(desk)
        assert (ticket.state, ticket.required) == (TicketState.PENDING, 1)
        assert ticket.veto_window is None


async def test_it_needs_as_many_as_its_rule_asks_for(tmp_path: Path) -> None:
    async with front_desk(
        tmp_path, toml=TOML.replace("owners = [1111]", "owners = [1111, 5555]") + TWO
    ) as desk:
        await desk.start("trading", "intake", "notifier")
        ticket = await tried(desk)
        card = await desk.card(ticket)
        own = await desk.tap(card, "Approve", by=OLGA)
        assert own == CallbackAnswer("TEST: You proposed this: others must approve it.", alert=True)
        first = await desk.tap(card, "Approve", by=ANA)
        assert first == CallbackAnswer("TEST: Your approval counts: 1 of 2.", alert=False)


async def test_it_can_be_halved_rejected_and_proposed_again_and_stays_a_test(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await tried(desk)
    card = await desk.card(ticket)
    await desk.tap(card, "½", by=ANA)
    halved = desk.ticket(ticket.id)
    assert halved.terms is not None
    assert halved.terms.test
    desk.clock.advance(301)
    await desk.side.deadlines.expire()
    await desk.side.desk.propose(ticket.id, person=Person(id=f"tg:{ANA}", name="Ana"), value=None)

    def again() -> Ticket | None:
        (newest,) = desk.read(lambda tx: tx.tickets.newest(limit=1))
        return newest if newest.id != ticket.id else None

    made = await until(again)
    assert made is not None
    assert made.terms is not None
    assert (made.terms.test, made.terms.amount) == (True, halved.terms.amount)


async def test_it_takes_no_place_of_a_real_order(tmp_path: Path) -> None:
    """Neither in the limits nor as a duplicate, nor does an earlier one stand in its way."""
    toml = TOML.replace(
        "[risk]",
        '[risk]\nduplicate_window = "10m"\nmax_open_orders = 1\nmax_orders_per_minute = 1',
    )
    async with front_desk(tmp_path, toml=toml) as desk:
        await desk.start("trading", "intake", "notifier")
        for _ in range(2):
            ticket = await tried(desk)
            assert ticket.state is TicketState.PENDING
            await desk.tap(await desk.card(ticket), "Approve", by=ANA)
            assert desk.ticket(ticket.id).reason == TESTED
        real = await desk.new_ticket(amount="0.01")
        assert (real.state, real.refusals) == (TicketState.PENDING, ())


async def test_the_same_message_makes_one(desk: FrontDesk) -> None:
    await desk.start("trading")
    olga, key = Person(id=f"tg:{OLGA}", name="Olga"), SignalKey(value="m", keeps=DAY)
    first = await desk.side.desk.test(key=key, person=olga)
    second = await desk.side.desk.test(key=key, person=olga)
    assert (second.id, second.duplicate) == (first.id, True)


async def test_it_is_for_owners(desk: FrontDesk) -> None:
    head = desk.head()
    for by in (ANA, VIC):
        with pytest.raises(NotAllowed):
            await desk.side.desk.test(
                key=SignalKey(value="m", keeps=DAY), person=Person(id=f"tg:{by}", name="one")
            )
    assert desk.head() == head


async def test_a_venue_that_is_away_is_what_the_test_tells(desk: FrontDesk) -> None:
    await desk.side.desk.test(
        key=SignalKey(value="m", keeps=DAY), person=Person(id=f"tg:{OLGA}", name="Olga")
    )
    (signal,) = desk.read(lambda tx: tx.signals.waiting())
    assert (signal.symbol, signal.test) == ("BTC/USDT", True)
