"""Half-time: a ticket whose votes are missing rings once more, and mentions who has not voted."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.playground import Message
from execution import editing
from execution.desk import Person
from execution.events import EventKind
from execution.store import Transaction
from execution.types import Ticket, TicketState, TradingState, VoteKind
from tests.desk import ANA, OLGA, TOML, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
OLGA_HERSELF = Person(id=f"tg:{OLGA}", name="Olga")
RULES = "\n[[approval.rules]]\nname = {name}\nwhen = {{ sources = ['desk'] }}\n{then}\n"
TWO = RULES.format(name="'two'", then="required = 2")
VETO = RULES.format(name="'veto'", then="veto_window = '60s'")


def noted(desk: FrontDesk) -> int:
    """How many reminders the journal has."""
    return desk.read(lambda tx: tx.journal.count(EventKind.REMINDER))


async def half_time(desk: FrontDesk, ticket: Ticket) -> None:
    """Half of its time passes."""
    desk.clock.advance(ticket.waits.total_seconds() / 2)
    await desk.side.deadlines.remind()


async def reminder(desk: FrontDesk) -> Message:
    return await desk.playground.wait_for_text(" waits, ")


def mentioned(message: Message) -> list[int]:
    """The ids of people whose phones ring."""
    links = [entity["url"] for entity in message.entities if entity["type"] == "text_link"]
    return [int(url.removeprefix("tg://user?id=")) for url in links]


async def told(desk: FrontDesk) -> None:
    """Everything in the journal has been told."""
    await until(lambda: desk.read(lambda tx: tx.chat.cursor("chat")) == desk.head()[0])


async def test_it_replies_to_the_card_rings_and_mentions_who_has_not_voted(tmp_path: Path) -> None:
    async with front_desk(tmp_path, toml=TOML + TWO) as desk:
        await desk.start("trading", "notifier")
        ticket = await desk.new_ticket(source="desk", amount="0.01")
        card = await desk.card(ticket)
        await desk.side.desk.vote(ticket.id, revision=1, person=OLGA_HERSELF, kind=VoteKind.APPROVE)
        await half_time(desk, ticket)
        message = await reminder(desk)
        assert message.text.splitlines() == [
            f"PAPER · T-{ticket.id[-4:]} BUY 0.01 BTC/USDT waits, one approval needed · until 14:35:00",
            "paper main",
            str(ANA),
        ]
        assert (message.reply_to, message.silent) == (card.id, False)
        assert mentioned(message) == [ANA]


async def test_who_voted_before_is_called_by_name(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    earlier = await desk.new_ticket()
    await desk.side.desk.vote(earlier.id, revision=1, person=ANA_HERSELF, kind=VoteKind.REJECT)
    ticket = await desk.new_ticket()
    await half_time(desk, ticket)
    assert (await reminder(desk)).text.endswith(f"\nAna, {OLGA}")


async def test_the_proposer_is_not_asked_where_their_own_vote_does_not_count(
    tmp_path: Path,
) -> None:
    async with front_desk(tmp_path, toml=TOML + TWO.replace("desk", "chat")) as desk:
        await desk.start("trading", "intake", "notifier")
        desk.playground.say("/buy BTC/USDT 0.01", by=ANA)
        (ticket,) = await until(
            lambda: desk.read(lambda tx: tx.tickets.in_state(TicketState.PENDING))
        )
        await half_time(desk, ticket)
        message = await reminder(desk)
        assert mentioned(message) == [OLGA]


async def test_it_comes_once_for_each_revision_also_across_restarts(desk: FrontDesk) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(amount="0.01")
    desk.clock.advance(149)
    await desk.side.deadlines.remind()
    assert noted(desk) == 0, "not before half time"
    desk.clock.advance(1)
    for _ in range(3):
        await desk.side.deadlines.remind()
    await desk.restart()
    await desk.side.deadlines.remind()
    assert noted(desk) == 1
    await desk.start("trading")
    await desk.side.market.fresh_quote("main", "BTC/USDT")
    change = editing.amount(D("0.005"))
    await desk.side.desk.edit(ticket.id, revision=1, person=ANA_HERSELF, change=change)
    await desk.side.deadlines.remind()
    assert noted(desk) == 1, "a revision waits anew"
    await half_time(desk, ticket)
    assert noted(desk) == 2


async def test_a_veto_window_is_not_reminded_of(tmp_path: Path) -> None:
    """Nobody's vote is missing: whoever keeps silent has agreed."""
    async with front_desk(tmp_path, toml=TOML + VETO) as desk:
        await desk.start("trading")
        ticket = await desk.new_ticket(source="desk", amount="0.01")
        await half_time(desk, ticket)
        assert (desk.ticket(ticket.id).state, noted(desk)) == (TicketState.PENDING, 0)


@pytest.mark.parametrize(("seconds", "times"), [(19, 0), (20, 1)])
async def test_a_card_that_waits_for_seconds_rings_only_once(
    desk: FrontDesk, seconds: int, times: int
) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(expires_in=timedelta(seconds=seconds))
    await half_time(desk, ticket)
    assert noted(desk) == times


async def test_what_was_answered_or_has_expired_is_not_reminded_of(desk: FrontDesk) -> None:
    await desk.start("trading")
    rejected, expired = await desk.new_ticket(), await desk.new_ticket()
    await desk.side.desk.vote(rejected.id, revision=1, person=ANA_HERSELF, kind=VoteKind.REJECT)
    desk.clock.advance(expired.waits.total_seconds())
    await desk.side.deadlines.remind()
    assert noted(desk) == 0


async def test_while_halted_nobody_is_reminded(desk: FrontDesk) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket()
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    await half_time(desk, ticket)
    assert noted(desk) == 0


async def test_a_reminder_that_could_not_be_told_in_time_is_left_out(desk: FrontDesk) -> None:
    """Telegram was away: by now somebody has answered."""
    await desk.start("trading")
    ticket = await desk.new_ticket()
    await half_time(desk, ticket)
    await desk.side.desk.vote(ticket.id, revision=1, person=ANA_HERSELF, kind=VoteKind.REJECT)
    await desk.start("notifier")
    await told(desk)
    assert not any(" waits, " in message.text for message in desk.said)


async def test_a_reminder_of_an_earlier_revision_is_left_out(desk: FrontDesk) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(amount="0.01")
    await half_time(desk, ticket)
    change = editing.amount(D("0.005"))
    await desk.side.desk.edit(ticket.id, revision=1, person=ANA_HERSELF, change=change)
    await desk.start("notifier")
    await told(desk)
    assert not any(" waits, " in message.text for message in desk.said)


async def test_while_paused_nobody_is_reminded_and_afterwards_they_are(desk: FrontDesk) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket()

    async def becomes(state: TradingState) -> None:
        def work(tx: Transaction) -> None:
            before = tx.trading()
            tx.set_trading(before, before.evolve(state=state))

        await desk.side.store.write(work)

    await becomes(TradingState.PAUSED)
    await half_time(desk, ticket)
    assert noted(desk) == 0
    await becomes(TradingState.ACTIVE)
    await desk.side.deadlines.remind()
    assert noted(desk) == 1


async def test_hundreds_of_approvers_fit_one_message(tmp_path: Path) -> None:
    """The first are mentioned, the others counted."""
    many = ", ".join(str(n) for n in range(10**9, 10**9 + 400))
    toml = TOML.replace("approvers = [2222]", f"approvers = [{many}]")
    async with front_desk(tmp_path, toml=toml) as desk:
        await desk.start("trading", "notifier")
        ticket = await desk.new_ticket()
        await half_time(desk, ticket)
        message = await reminder(desk)
        assert len(mentioned(message)) == 20
        assert message.text.endswith(" and 381 more")
