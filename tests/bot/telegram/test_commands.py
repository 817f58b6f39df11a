"""Commands, by real updates: what each does, who may, where, and what changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.playground import ChatInfo
from bot.telegram.commands import ANYWHERE, HANDLERS
from bot.telegram.replies import COMMANDS, commands_for
from execution.approval import Role
from execution.types import OrderState, Ticket, TicketState, TradingState
from execution.venues.books import Books
from tests.desk import ANA, OLGA, PEOPLE, SAM, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
OTHER_GROUP = -1009999999999
ROLES = {OLGA: Role.OWNER, ANA: Role.APPROVER, VIC: Role.VIEWER, SAM: None}


def trading_state(desk: FrontDesk) -> TradingState:
    return desk.read(lambda tx: tx.trading()).state


# --- what each does ------------------------------------------------------------------------------


def holding(desk: FrontDesk) -> None:
    """The account holds 2 BTC of its own; to be said before trading starts."""
    Books(desk.folder / "paper.db", {"USDT": D(100_000), "BTC": D(2)}).close()


async def test_status_says_how_things_stand(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    await desk.new_ticket()
    await desk.resting_order()
    asked = desk.playground.say("/status", by=VIC)
    status = await desk.playground.wait_for_text("up 0\u00a0s")
    assert status.reply_to == asked.id
    assert status.text.startswith("PAPER · trading · up 0\u00a0s\n")
    assert "Waiting for you 1 · orders open 1 · unknown 0" in status.text
    assert "paper main connected" in status.text
    assert status.labels == ["Refresh"]


async def test_help_shows_what_this_person_may_use(desk: FrontDesk) -> None:
    await desk.start("intake")
    for by, role in ROLES.items():
        asked = desk.playground.say("/help", by=by)
        told = await desk.playground.wait_for(lambda m, id=asked.id: m.reply_to == id)
        shown = {command.name for command in COMMANDS if f"/{command.name}" in told.text}
        assert shown == {command.name for command in commands_for(role)}


async def test_start_is_help(desk: FrontDesk) -> None:
    await desk.start("intake")
    desk.playground.say("/start", by=ANA)
    assert "/kill" in (await desk.playground.wait_for_text("What you can type")).text


async def test_whoami_tells_a_stranger_only_their_own_id(desk: FrontDesk) -> None:
    await desk.start("intake")
    desk.playground.say("/whoami", by=SAM)
    assert (await desk.playground.wait_for_text("4444")).text == "PAPER · Your id is 4444."
    desk.playground.say("/whoami", by=ANA)
    assert "Ana, 2222: approver" in (await desk.playground.wait_for_text("2222")).text


async def test_adopt_makes_a_position_of_what_the_account_holds(desk: FrontDesk) -> None:
    holding(desk)
    await desk.start("trading", "intake")
    desk.playground.say("/adopt btcusdt 0.5 50000.25", by=OLGA)
    told = await desk.playground.wait_for_text("Adopted")
    assert told.text == "PAPER · Adopted. BTC/USDT 0.5 at 50\u202f000.25 now. paper main"
    desk.playground.say("/status", by=VIC)
    assert (
        "BTC/USDT 0.5 at 50\u202f000.25"
        in (await desk.playground.wait_for_text("up 0\u00a0s")).text
    )


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/adopt", "Type /adopt <symbol> <amount> <average>: make what the account holds"),
        ("/adopt BTC/USDT 0.5", "Type /adopt"),
        ("/adopt BTC/USDT half 50000", "Amount is not a number"),
        (
            "/adopt BTC/USDT -0.5 50000",
            "On spot what is adopted was bought: the amount is more than zero.",
        ),
        ("/adopt BTC/USDT 0 50000", "Amount must be above zero"),
        ("/adopt BTC/USDT 0.5 0", "Average must be above zero"),
        ("/adopt BTC/USDT 0.0000000000000000001 1", "Amount is too large or too fine"),
        ("/adopt NOPE/USDT 0.5 50000", "There is no market NOPE/USDT at main."),
        ("/adopt BTC/USDT 2.5 50000", "The account at main holds 2 BTC: 2 can be adopted."),
    ],
)
async def test_adopt_says_what_is_wrong_and_changes_nothing(
    desk: FrontDesk, typed: str, answer: str
) -> None:
    holding(desk)
    await desk.start("trading", "intake")
    head = desk.head()
    asked = desk.playground.say(typed, by=OLGA)
    told = await desk.playground.wait_for(lambda m: m.reply_to == asked.id)
    assert told.text.startswith(f"PAPER · {answer}")
    assert desk.head() == head


async def test_cancel_takes_a_short_or_a_whole_id_in_any_case(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    for spell in (
        lambda id: f"T-{id[-4:]}",
        lambda id: f"t-{id[-4:].lower()}",
        lambda id: id[-4:].lower(),
        lambda id: id.lower(),
    ):
        ticket = await desk.new_ticket()
        asked = desk.playground.say(f"/cancel {spell(ticket.id)}", by=ANA)
        told = await desk.playground.wait_for(lambda m, id=asked.id: m.reply_to == id)
        assert desk.ticket(ticket.id).state is TicketState.CANCELED
        assert "canceled, nothing was sent" in told.text
    assert desk.paper.accepted == []


async def test_cancel_of_a_working_order_asks_the_exchange(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    order = await desk.resting_order()
    desk.playground.say(f"/cancel {order.ticket}", by=ANA)
    await desk.playground.wait_for_text("asking paper main to cancel what is left")
    await until(lambda: desk.ticket(order.ticket).state is TicketState.CANCELED)
    assert desk.order(desk.ticket(order.ticket)).state is OrderState.CANCELED
    assert await desk.paper.open_orders([]) == []


async def test_cancel_of_an_ambiguous_id_asks_for_more_of_it(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    first = await desk.new_ticket()
    second = await twin_of(desk, first)
    head = desk.head()
    desk.playground.say(f"/cancel {first.id[-4:]}", by=ANA)
    told = await desk.playground.wait_for_text("type more of it")
    assert f"2 tickets end in {first.id[-4:]}" in told.text
    assert desk.head() == head
    desk.playground.say(f"/cancel {first.id[-8:]}", by=ANA)
    await until(lambda: desk.ticket(first.id).state is TicketState.CANCELED)
    assert desk.ticket(second.id).state is TicketState.PENDING


async def twin_of(desk: FrontDesk, ticket: Ticket) -> Ticket:
    """Another pending ticket whose id ends in the same four characters."""
    signal = desk.read(lambda tx: tx.signals.get(ticket.signal))
    middle = "ZZZZ" if ticket.id[-8:-4] != "ZZZZ" else "YYYY"
    other = ticket.evolve(
        id=f"{ticket.id[:-8]}{middle}{ticket.id[-4:]}", signal=f"{signal.id[:-1]}!"
    )

    def work(tx: Any) -> None:
        tx.signals.add(signal.evolve(id=other.signal), "digest")
        tx.tickets.add(other)

    await desk.side.store.write(work)
    return other


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/cancel T-ZZZZ", "There is no ticket T-ZZZZ."),
        ("/cancel", "Type /cancel"),
        ("/cancel T-ZZZZ now", "Type /cancel"),
        ("/cancel <b>", "There is no ticket <b>."),
        ("/cancel T-", "There is no ticket T-."),
        ("/cancle T-ZZZZ", "There is no /cancle. Did you mean /cancel?"),
        ("/resume", "trading. Resume?"),
    ],
)
async def test_command_that_cannot_be_done_says_why(
    desk: FrontDesk, typed: str, answer: str
) -> None:
    await desk.start("intake")
    head = desk.head()
    desk.playground.say(typed, by=OLGA)
    await desk.playground.wait_for_text(answer)
    assert desk.head() == head


async def test_cancel_of_an_ended_ticket_changes_nothing(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    ticket = await desk.new_ticket(source="straight")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    head = desk.head()
    desk.playground.say(f"/cancel {ticket.id}", by=ANA)
    await desk.playground.wait_for_text("Nothing to do here any more. The ticket is done.")
    assert desk.head() == head


async def test_kill_commits_voids_and_cancels(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    ticket = await desk.new_ticket()
    order = await desk.resting_order()
    desk.playground.say("/kill the feed is wrong", by=ANA)
    await until(lambda: trading_state(desk) is TradingState.HALTED)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.CANCELED)
    halt = desk.read(lambda tx: tx.trading()).halt
    assert halt is not None
    assert (halt.by, halt.name, halt.reason) == (f"tg:{ANA}", "Ana", "the feed is wrong")
    assert halt.voided == 1
    await until(lambda: desk.ticket(order.ticket).state is TicketState.CANCELED)
    assert await desk.paper.open_orders([]) == []


async def test_second_kill_is_told_of_the_first_and_changes_nothing(desk: FrontDesk) -> None:
    await desk.start("intake")
    desk.playground.say("/kill", by=ANA)
    await until(lambda: trading_state(desk) is TradingState.HALTED)
    await desk.heard()
    head = desk.head()
    desk.clock.advance(1)
    desk.playground.say("/kill again", by=OLGA)
    await desk.playground.wait_for_text("Halted by Ana at 14:30:00.")
    assert desk.head() == head


async def test_command_in_any_case_and_addressed_to_this_bot_is_taken(desk: FrontDesk) -> None:
    await desk.start("intake")
    desk.playground.say("/KILL@Countersign_Bot now", by=ANA)
    await until(lambda: trading_state(desk) is TradingState.HALTED)


async def test_command_addressed_to_another_bot_is_not_ours(desk: FrontDesk) -> None:
    await desk.start("intake")
    head = desk.head()
    desk.playground.say("/kill@other_bot", by=ANA)
    await desk.heard()
    assert desk.head() == head
    assert desk.said == []


@pytest.mark.parametrize("text", ["kill", "please /kill", "buy BTC", "/", "//kill"])
async def test_talk_is_no_command(desk: FrontDesk, text: str) -> None:
    await desk.start("intake")
    head = desk.head()
    desk.playground.say(text, by=ANA)
    await desk.heard()
    assert desk.head() == head


# --- who may, and where --------------------------------------------------------------------------


@dataclass(frozen=True)
class Situation:
    """Somebody writes somewhere: their id, and how the message arrives."""

    name: str
    by: int
    how: dict[str, Any]
    at_home: bool = True

    def may(self, command: str) -> bool:
        """Whether the command may act here, by the contract alone."""
        needs = next(c.role for c in COMMANDS if c.name == command)
        role = ROLES[self.by]
        allowed = needs is None or (role is not None and role.includes(needs) and not self.hidden)
        return allowed and not self.outside and (self.at_home or command in ANYWHERE)

    @property
    def hidden(self) -> bool:
        """Whether the sender is somebody the desk cannot know."""
        return bool(self.how.keys() & {"anonymous", "sender_chat"})

    @property
    def outside(self) -> bool:
        """Whether this is a chat that is none of ours."""
        return self.how.get("chat_id") == OTHER_GROUP

    @property
    def hears(self) -> bool:
        """Whether a refusal is told: to people of the desk, where the desk may be spoken to."""
        return ROLES[self.by] is not None and not self.hidden and not self.outside


SITUATIONS = (
    *(Situation(person.name, person.id, {}) for person in PEOPLE),
    *(
        Situation(f"{person.name}, another chat", person.id, {"chat_id": OTHER_GROUP}, False)
        for person in PEOPLE
    ),
    *(
        Situation(f"{person.name}, private", person.id, {"chat_id": person.id}, False)
        for person in PEOPLE
    ),
    *(Situation(f"{person.name}, topic", person.id, {"thread_id": 77}, False) for person in PEOPLE),
    Situation("anonymous admin", OLGA, {"anonymous": True}),
    Situation("as a channel", OLGA, {"sender_chat": ChatInfo(-1005, "Olga")}),
    Situation(
        "anonymous admin, another chat", OLGA, {"anonymous": True, "chat_id": OTHER_GROUP}, False
    ),
)
TYPED: dict[str, Callable[[Ticket], str]] = {
    "cancel": lambda ticket: f"/cancel {ticket.id}",
    "kill": lambda ticket: "/kill now",
    "adopt": lambda ticket: "/adopt BTC/USDT 0.5 50000",
}
"""How a command is typed so that it would change something; the others take no words."""


@pytest.mark.parametrize("command", list(HANDLERS))
async def test_command_answers_the_least_role_that_may(desk: FrontDesk, command: str) -> None:
    """The other half of the matrix: without it, a command that never works would pass."""
    holding(desk)
    await desk.start("trading")
    ticket = await desk.new_ticket()
    await desk.stop("trading")
    await desk.start("intake")
    needs = next(c.role for c in COMMANDS if c.name == command)
    (least,) = (id for id, role in ROLES.items() if role is needs)
    head = desk.head()
    desk.playground.say(TYPED.get(command, lambda ticket: f"/{command}")(ticket), by=least)
    await desk.heard()
    changes = command in {"cancel", "kill", "pause", "adopt", "test"}
    assert (desk.head() != head) == changes
    refused = any("needs the role" in message.text for message in desk.said)
    assert not refused


@pytest.mark.parametrize("how", [{"chat_id": ANA}, {"thread_id": 77}])
async def test_kill_works_in_private_and_in_other_topics(
    desk: FrontDesk, how: dict[str, int]
) -> None:
    """And is answered there: its checklist is where the desk speaks."""
    await desk.start("intake")
    asked = desk.playground.say("/kill", by=ANA, **how)
    await until(lambda: trading_state(desk) is TradingState.HALTED)
    told = await desk.playground.wait_for(lambda m: m.reply_to == asked.id)
    assert told.text == ("PAPER · Halted: no new orders. The checklist is in the desk's own chat.")


async def test_flood_of_a_stranger_leaves_room_for_everybody_else(desk: FrontDesk) -> None:
    """What there is no room for is not answered, so that nothing waits behind it."""
    await desk.start("trading", "intake", "notifier")
    for _ in range(40):
        desk.playground.say("/whoami", by=SAM)
    await desk.heard()
    assert 1 <= len(desk.said) <= 12
    desk.playground.say("/whoami", by=VIC)
    await desk.playground.wait_for_text("3333")
    assert "BTC/USDT" in (await desk.card(await desk.new_ticket())).text


async def test_home_is_the_topic_where_one_is_set(tmp_path: Path) -> None:
    """There commands work and are answered; another topic, or none, points home and changes nothing."""
    topic = "chat_id = -1001234567890\ntopic_id = 7"
    toml = TOML.replace("chat_id = -1001234567890", topic)
    async with front_desk(tmp_path, toml=toml) as desk:
        await desk.start("intake")
        desk.playground.say("/whoami", by=ANA, thread_id=7)
        assert (await desk.playground.wait_for_text("2222")).thread_id == 7
        for thread in (None, 8):
            asked = desk.playground.say("/whoami", by=ANA, thread_id=thread)
            told = await desk.playground.wait_for(lambda m, id=asked.id: m.reply_to == id)
            assert "desk's own chat only" in told.text
        assert told.thread_id == 8
