"""`/buy` and `/sell`: a ticket of a person's, through the same checks, rules and card as every other."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from execution.types import OrderType, Side, Ticket, TicketState
from tests.desk import ANA, OLGA, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
TWO = TOML + '\n[[approval.rules]]\nname = "two"\nwhen = { sources = ["chat"] }\nrequired = 2\n'


def newest(desk: FrontDesk) -> Ticket | None:
    """The newest ticket, once it is made."""
    found = desk.read(lambda tx: tx.tickets.newest(limit=1))
    return found[0] if found and found[0].state is not TicketState.NEW else None


async def proposed(desk: FrontDesk, command: str, *, by: int = ANA) -> Ticket:
    """The ticket a command makes."""
    desk.playground.say(command, by=by)
    ticket = await until(lambda: newest(desk))
    assert ticket is not None
    return ticket


async def test_a_buy_by_hand_is_checked_asked_about_and_says_who_proposed_it(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake", "notifier")

    ticket = await proposed(desk, "/buy btcusdt $300 @ 59000 sl 58000 tp 61000 tp 62000")

    terms = ticket.terms
    assert terms is not None
    assert (ticket.state, ticket.source, ticket.proposer) == (
        TicketState.PENDING,
        "chat",
        f"tg:{ANA}",
    )
    assert (terms.symbol, terms.side, terms.type) == ("BTC/USDT", Side.BUY, OrderType.LIMIT)
    assert (terms.price, terms.stop_loss) == (D(59000), D(58000))
    assert terms.notional <= 300
    card = await desk.card(ticket)
    assert "chat, Ana proposed it at " in card.text
    assert desk.said == [card]


async def test_the_least_that_can_be_said_takes_the_default_size(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    ticket = await proposed(desk, "/buy BTC/USDT")
    assert ticket.terms is not None
    assert D(590) < ticket.terms.notional <= 600


async def test_a_limit_refuses_it_like_every_other(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    ticket = await proposed(desk, "/buy BTC/USDT $5000")
    assert ticket.state is TicketState.REFUSED
    assert [r.code for r in ticket.refusals] == ["MAX_ORDER_NOTIONAL"]


async def test_a_proposers_own_vote_counts_where_one_is_asked_for(desk: FrontDesk) -> None:
    await desk.start("trading", "intake", "notifier")
    ticket = await proposed(desk, "/buy BTC/USDT 0.005")
    await desk.tap(await desk.card(ticket), (await desk.card(ticket)).labels[0], by=ANA)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)


async def test_a_proposers_own_vote_does_not_count_where_two_are_asked_for(
    tmp_path: Path,
) -> None:
    async with front_desk(tmp_path, toml=TWO) as desk:
        await desk.start("trading", "intake", "notifier")
        ticket = await proposed(desk, "/buy BTC/USDT 0.005")
        card = await desk.card(ticket)
        approve = card.labels[0]

        refused = await desk.tap(card, approve, by=ANA)
        await desk.tap(card, approve, by=OLGA)

        assert refused.alert
        assert desk.ticket(ticket.id).state is TicketState.PENDING


async def test_a_sell_without_a_position_is_refused_and_with_one_closes_it(
    desk: FrontDesk,
) -> None:
    await desk.start("trading", "intake")
    first = await proposed(desk, "/sell BTC/USDT")
    assert [r.code for r in first.refusals] == ["NO_POSITION"]

    bought = await desk.new_ticket(source="straight", amount=D("0.01"))
    await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
    desk.playground.say("/sell BTC/USDT", by=ANA)
    await until(lambda: (found := newest(desk)) and found.id != bought.id)
    closing = newest(desk)
    assert closing is not None
    assert closing.terms is not None
    assert (closing.state, closing.terms.reduces) == (TicketState.PENDING, True)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (
            "/buy",
            "Symbol is missing. Type /buy <symbol> [amount or $notional] [@ price] [sl x] [tp y]: ",
        ),
        ("/buy BTC/USDT lots", 'Amount is not a number: "lots". Type /buy'),
        ("/buy BTC/USDT $-5", "Notional must be above zero. Type /buy"),
        ("/buy BTC/USDT 0.01 @ 59000 sl 60000", "must be below the price of a buy"),
        ("/sell BTC/USDT 0.01 @ 59000 tp 60000", "must be below the price of a sell"),
        ("/buy BTC/USDT 0.01 now", 'has a word that was not understood: "now"'),
    ],
)
async def test_what_is_not_understood_is_answered_with_the_fix_and_changes_nothing(
    desk: FrontDesk, command: str, answer: str
) -> None:
    await desk.start("intake")
    head = desk.head()
    said = desk.playground.say(command, by=ANA)
    told = await desk.playground.wait_for(lambda m: m.reply_to == said.id)
    assert answer in told.text
    assert told.text.startswith("PAPER · ")
    assert desk.head() == head


async def test_a_viewer_proposes_nothing(desk: FrontDesk) -> None:
    await desk.start("intake")
    head = desk.head()
    said = desk.playground.say("/buy BTC/USDT", by=VIC)
    told = await desk.playground.wait_for(lambda m: m.reply_to == said.id)
    assert told.text == "PAPER · /buy needs the role approver; yours is viewer."
    assert desk.head() == head
