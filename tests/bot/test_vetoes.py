"""Cards that go ahead unless somebody rejects them: when the window runs, and what ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.telegram.hearing import Hearing
from bot.vetoes import Vetoes
from execution import editing
from execution.approval import went_unopposed
from execution.desk import Person
from execution.events import EventKind
from execution.figures import THIN
from execution.outcome import Outcome
from execution.store import Transaction
from execution.types import Ticket, TicketState, TradingState, VoteKind
from tests.desk import ANA, OLGA, TOML, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
ANA_P, OLGA_P = Person(id=f"tg:{ANA}", name="Ana"), Person(id=f"tg:{OLGA}", name="Olga")
WINDOW = timedelta(seconds=60)
VETO = (
    TOML
    + """
[[approval.rules]]
name = "quiet"
when = { sources = ["tv"], notional_below = 900 }
veto_window = "60s"
"""
)


class Watched:
    """A desk with such a rule whose notifier speaks, and a hearing in the test's hand."""

    def __init__(self, desk: FrontDesk) -> None:
        self.desk = desk
        self.after_a_start()

    def after_a_start(self) -> None:
        """What a new process knows: nothing was heard yet."""
        self.hearing = Hearing()
        side = self.desk.side
        self.vetoes = Vetoes(store=side.store, deadlines=side.deadlines, hearing=self.hearing)

    async def look(self, *, heard: bool = True) -> None:
        """A tick; everything said until now was read, unless it was not."""
        if heard:
            self.hearing.heard(self.desk.clock())
        await self.vetoes.watch()

    async def card(self, **fields: object) -> Ticket:
        """A ticket whose card stands in the chat."""
        ticket = await self.desk.new_ticket(**fields)
        await self.desk.card(ticket)
        return ticket

    def now(self, ticket: Ticket) -> Ticket:
        return self.desk.ticket(ticket.id)

    def told(self, kind: EventKind) -> int:
        return self.desk.read(lambda tx: tx.journal.count(kind))

    async def text(self, ticket: Ticket, part: str) -> str:
        """What the card says, as soon as it says this."""
        number = (await self.desk.card(ticket)).id
        message = await self.desk.playground.wait_for(
            lambda m: m.id == number and part in m.text.replace(THIN, " ")
        )
        return message.text.replace(THIN, " ")


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with front_desk(tmp_path, toml=VETO) as desk:
        await desk.start("trading", "notifier")
        yield Watched(desk)


async def test_what_nobody_rejects_goes_ahead_at_the_end_of_its_window(watched: Watched) -> None:
    ticket = await watched.card()
    began = watched.desk.clock()
    assert (ticket.state, ticket.required) == (TicketState.PENDING, 1)
    assert (ticket.rule, ticket.veto_window, ticket.goes_ahead_at) == ("quiet", WINDOW, None)
    assert "Goes ahead after 1\u00a0min unless somebody rejects" in await watched.text(
        ticket, "Goes"
    )

    await watched.look()
    assert watched.now(ticket).goes_ahead_at == began + WINDOW

    watched.desk.clock.advance(59.999999)
    await watched.look()
    assert watched.now(ticket).state is TicketState.PENDING

    watched.desk.clock.advance(0.000001)
    await watched.look()
    after = watched.now(ticket)
    assert went_unopposed(after)
    assert after.decided_at == began + WINDOW
    await until(lambda: watched.now(ticket).state is TicketState.DONE)
    (approved,) = [
        event
        for event in watched.desk.read(lambda tx: tx.journal.of_ticket(ticket.id))
        if event.kind is EventKind.TICKET_APPROVED
    ]
    assert approved.actor == "rule:quiet"
    assert "Nobody rejected it within 1\u00a0min: rule quiet" in await watched.text(
        ticket, "filled"
    )


async def test_a_card_says_when_it_goes_ahead(watched: Watched) -> None:
    ticket = await watched.card()
    await watched.look()

    assert "Goes ahead at 14:31:00 unless somebody rejects" in await watched.text(
        ticket, "ahead at"
    )


async def test_one_reject_ends_the_ticket(watched: Watched) -> None:
    ticket = await watched.card()
    await watched.look()
    answer = await watched.desk.side.desk.vote(
        ticket.id, revision=1, person=ANA_P, kind=VoteKind.REJECT
    )
    watched.desk.clock.advance(61)
    await watched.look()

    assert answer.outcome is Outcome.REJECTED
    assert watched.now(ticket).state is TicketState.REJECTED
    assert not went_unopposed(watched.now(ticket))


async def test_one_approval_ends_the_window_early(watched: Watched) -> None:
    ticket = await watched.card()
    await watched.look()
    answer = await watched.desk.side.desk.vote(
        ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE
    )

    assert answer.outcome is Outcome.APPROVED
    await until(lambda: watched.now(ticket).state is TicketState.DONE)
    assert watched.now(ticket).goes_ahead_at is None


async def test_a_tap_that_comes_late_is_told_that_it_went_ahead(watched: Watched) -> None:
    ticket = await watched.card()
    await watched.look()
    watched.desk.clock.advance(60)
    await watched.look()
    answer = await watched.desk.side.desk.vote(
        ticket.id, revision=1, person=OLGA_P, kind=VoteKind.REJECT
    )

    assert (answer.outcome, answer.at) == (Outcome.WENT_AHEAD, watched.now(ticket).decided_at)


async def test_a_card_that_was_not_delivered_does_not_go_ahead(tmp_path: Path) -> None:
    async with front_desk(tmp_path, toml=VETO) as desk:
        watched = Watched(desk)
        await desk.start("trading")
        ticket = await desk.new_ticket()
        for _ in range(2):
            await watched.look()
            desk.clock.advance(120)
        assert desk.ticket(ticket.id).goes_ahead_at is None

        await desk.start("notifier")
        await desk.card(ticket)
        shown_at = desk.clock()
        await watched.look()
        assert desk.ticket(ticket.id).goes_ahead_at == shown_at + WINDOW, "from its delivery"


async def test_while_updates_cannot_be_read_no_window_runs_and_then_it_starts_anew(
    watched: Watched,
) -> None:
    ticket = await watched.card()
    await watched.look()
    watched.desk.clock.advance(59)
    watched.hearing.lost()
    await watched.look(heard=False)
    assert watched.now(ticket).goes_ahead_at is None

    watched.desk.clock.advance(30)
    await watched.look()
    again = watched.desk.clock()
    assert watched.now(ticket).goes_ahead_at == again + WINDOW
    watched.desk.clock.advance(59)
    await watched.look()
    assert watched.now(ticket).state is TicketState.PENDING
    watched.desk.clock.advance(1)
    await watched.look()
    assert went_unopposed(watched.now(ticket))


async def test_nothing_goes_ahead_before_all_that_was_said_in_its_window_is_read(
    watched: Watched,
) -> None:
    """A poll that hangs may hold the Reject."""
    ticket = await watched.card()
    await watched.look()
    watched.desk.clock.advance(300 - 1)
    await watched.look(heard=False)
    assert watched.now(ticket).state is TicketState.PENDING

    await watched.look()
    assert went_unopposed(watched.now(ticket))


async def test_after_a_restart_the_window_starts_anew(watched: Watched) -> None:
    ticket = await watched.card()
    await watched.look()
    watched.desk.clock.advance(59)
    await watched.desk.restart()
    watched.after_a_start()
    await watched.desk.side.executor.recover()
    await watched.look(heard=False)
    assert watched.now(ticket).goes_ahead_at is None

    await watched.desk.start("trading")
    watched.desk.clock.advance(2)
    await watched.look()
    again = watched.desk.clock()
    assert watched.now(ticket).goes_ahead_at == again + WINDOW
    assert watched.now(ticket).revision == 1


async def test_a_window_that_would_end_after_the_deadline_asks_for_an_approval(
    watched: Watched,
) -> None:
    ticket = await watched.card(expires_in=timedelta(seconds=60))
    await watched.look()
    said = await watched.text(ticket, "One approval needed")
    assert "Goes ahead" not in said
    watched.desk.clock.advance(60)
    await watched.look()
    assert watched.now(ticket).state is TicketState.PENDING
    await watched.desk.side.deadlines.expire()
    assert watched.now(ticket).state is TicketState.EXPIRED


async def test_a_halt_voids_it_and_nothing_goes_ahead_meanwhile(watched: Watched) -> None:
    ticket = await watched.card()
    await watched.look()
    watched.desk.clock.advance(60)
    await watched.desk.side.desk.halt(person=ANA_P, reason="")
    await watched.look()

    assert watched.now(ticket).state is TicketState.CANCELED
    assert watched.told(EventKind.TICKET_APPROVED) == 0


async def become(watched: Watched, state: TradingState) -> None:
    """The desk trades, or does not; nothing else happens."""

    def work(tx: Transaction) -> None:
        before = tx.trading()
        tx.set_trading(before, before.evolve(state=state, generation=before.generation + 1))

    await watched.desk.side.store.write(work)


async def test_a_halt_that_comes_between_the_look_and_the_decision_is_seen(
    watched: Watched,
) -> None:
    ticket = await watched.card()
    began = watched.desk.clock()
    watched.desk.clock.advance(60)
    await become(watched, TradingState.HALTED)
    await watched.desk.side.deadlines.watch_vetoes({ticket.id: began}, heard=watched.desk.clock())

    assert watched.now(ticket).state is TicketState.PENDING


async def test_while_the_desk_is_paused_no_window_runs_and_then_it_starts_anew(
    watched: Watched,
) -> None:
    ticket = await watched.card()
    await watched.look()
    await become(watched, TradingState.PAUSED)
    watched.desk.clock.advance(120)
    await watched.look()
    assert watched.now(ticket).state is TicketState.PENDING
    assert watched.now(ticket).goes_ahead_at is None

    await become(watched, TradingState.ACTIVE)
    await watched.look()
    assert watched.now(ticket).goes_ahead_at == watched.desk.clock() + WINDOW


@pytest.mark.parametrize(
    ("then", "outcome"),
    [
        ("required = 1", ("pending", 2, 1)),
        ("required = 2", ("pending", 2, 2)),
        ('veto_window = "61s"', ("pending", 2, 1)),
        ('veto_window = "59s"', ("approved", 1, 1)),
        ("required = 0", ("approved", 1, 1)),
        ("block = true", ("refused", 1, 1)),
    ],
)
async def test_at_its_end_it_meets_the_rule_of_that_moment(
    tmp_path: Path, then: str, outcome: tuple[str, int, int]
) -> None:
    """What asks for more than silence is asked; what a rule blocks is refused."""
    late = f"""
[[approval.rules]]
name = "late"
when = {{ hours = "Fri 14:31-15:00" }}
{then}
"""
    at = VETO.index("[[approval.rules]]")
    async with front_desk(tmp_path, toml=VETO[:at] + late + VETO[at:]) as desk:
        await desk.start("trading", "notifier")
        watched = Watched(desk)
        ticket = await watched.card()
        await watched.look()
        await desk.stop("trading")
        desk.clock.advance(60)
        await watched.look()

        after = watched.now(ticket)
        assert (after.state, after.revision, after.required) == outcome


async def test_drift_turns_it_into_a_card_that_asks_for_one_approval(watched: Watched) -> None:
    ticket = await watched.card()
    await watched.look()
    watched.desk.prices.set_price("BTC/USDT", D(60_400))
    watched.desk.clock.advance(60)
    await until(lambda: _bid(watched) == D(60_400))
    await watched.look()

    after = watched.now(ticket)
    assert (after.state, after.revision, after.required) == (TicketState.PENDING, 2, 1)
    assert (after.veto_window, after.reason) == (None, "the price moved")
    assert "One approval needed" in await watched.text(ticket, "needed")
    watched.desk.clock.advance(120)
    await watched.look()
    assert watched.now(ticket).state is TicketState.PENDING


def _bid(watched: Watched) -> Decimal | None:
    quote = watched.desk.side.market.quote("main", "BTC/USDT")
    return None if quote is None else quote.bid


async def test_a_limit_that_objects_at_its_end_refuses_it(tmp_path: Path) -> None:
    limit = {"COUNTERSIGN_RISK__MAX_OPEN_ORDERS": "1"}
    async with front_desk(tmp_path, toml=VETO, environ=limit) as desk:
        await desk.start("trading", "notifier")
        watched = Watched(desk)
        ticket = await watched.card()
        await watched.look()
        desk.clock.advance(60)
        await desk.resting_order()
        await until(lambda: desk.side.market.quote("main", "BTC/USDT"))
        await watched.look()

        after = watched.now(ticket)
        assert after.state is TicketState.REFUSED
        assert [refusal.code for refusal in after.refusals] == ["MAX_OPEN_ORDERS"]


async def test_an_edit_of_it_asks_for_an_approval(watched: Watched) -> None:
    ticket = await watched.card(amount="0.01")
    await watched.look()
    smaller = editing.amount(D("0.005"))
    answer = await watched.desk.side.desk.edit(ticket.id, revision=1, person=ANA_P, change=smaller)
    watched.desk.clock.advance(120)
    await watched.look()

    assert answer.outcome is Outcome.REVISED
    after = watched.now(ticket)
    assert (after.state, after.required, after.veto_window) == (TicketState.PENDING, 1, None)


async def test_what_is_proposed_again_has_no_window(watched: Watched) -> None:
    ticket = await watched.card()
    watched.desk.clock.advance(300)
    await watched.desk.side.deadlines.expire()
    await watched.desk.side.desk.propose(ticket.id, person=ANA_P, value=None)

    def again() -> Ticket | None:
        (newest,) = watched.desk.read(lambda tx: tx.tickets.newest(limit=1))
        return newest if newest.id != ticket.id else None

    made = await until(again)
    assert made is not None
    assert (made.state, made.required) == (TicketState.PENDING, 1)
    assert (made.veto_window, made.proposer) == (None, ANA_P.id)


async def test_windows_are_begun_and_ended_only_when_there_is_something_to_do(
    watched: Watched,
) -> None:
    await watched.card()
    await watched.look()
    head = watched.desk.head()
    for _ in range(3):
        await watched.look()

    assert watched.desk.head() == head
    assert watched.hearing.wanted == watched.desk.clock() + WINDOW


class TestHearing:
    NOW = datetime.fromisoformat("2026-11-20T14:30:00+00:00")

    def test_it_is_since_the_first_word_after_a_silence_and_until_the_last(self) -> None:
        hearing = Hearing()
        assert (hearing.since, hearing.until) == (None, None)
        later = self.NOW + WINDOW
        hearing.heard(self.NOW)
        hearing.heard(later)
        assert (hearing.since, hearing.until) == (self.NOW, later)
        hearing.lost()
        assert (hearing.since, hearing.until) == (None, None)
        hearing.heard(later)
        assert (hearing.since, hearing.until) == (later, later)

    @pytest.mark.parametrize(
        ("wanted_in", "patience"), [(None, 25), (100, 25), (10.2, 11), (10, 10), (0, 0), (-5, 0)]
    )
    def test_nobody_listens_past_the_moment_that_is_waited_for(
        self, wanted_in: float | None, patience: int
    ) -> None:
        hearing = Hearing()
        if wanted_in is not None:
            hearing.wanted = self.NOW + timedelta(seconds=wanted_in)

        assert hearing.patience(25, self.NOW) == patience

    def test_what_is_known_by_now_is_waited_for_no_more(self) -> None:
        hearing = Hearing()
        hearing.wanted = self.NOW
        hearing.heard(self.NOW)

        assert hearing.patience(25, self.NOW) == 25

    def test_no_poll_lasts_longer_than_the_shortest_window(self) -> None:
        assert Hearing(shortest=timedelta(seconds=10)).patience(25, self.NOW) == 10
        assert Hearing(shortest=WINDOW).patience(25, self.NOW) == 25
