"""What decides a ticket: the votes, the rule it meets by then, and that it is still what was approved."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from execution.desk import Person
from execution.events import EventKind
from execution.outcome import Answer, Outcome
from execution.types import OrderState, Ticket, TicketState, VoteKind
from tests.desk import ANA, OLGA, TOML, FrontDesk, front_desk, settings_in
from tests.waiting import until

ANA_P, OLGA_P = Person(id=f"tg:{ANA}", name="Ana"), Person(id=f"tg:{OLGA}", name="Olga")


def rule(when: str, then: str, name: str = "late") -> str:
    """One more rule."""
    return f'\n[[approval.rules]]\nname = "{name}"\nwhen = {{ {when} }}\n{then}\n'


NIGHT = 'hours = "Mon-Sun 14:31-15:00"'
DAY = "rolling_24h_from = 1000"


@asynccontextmanager
async def trading(folder: Path, *rules: str) -> AsyncIterator[FrontDesk]:
    """A desk that trades under these rules; its clock stands at 14:30 on a Friday."""
    async with front_desk(folder, toml=TOML + "".join(rules)) as desk:
        await desk.start("trading")
        yield desk


async def says(
    desk: FrontDesk, ticket: Ticket, person: Person, kind: VoteKind = VoteKind.APPROVE
) -> Answer:
    """What becomes of a tap on the newest revision."""
    revision = desk.ticket(ticket.id).revision
    return await desk.side.desk.vote(ticket.id, revision=revision, person=person, kind=kind)


async def fresh(desk: FrontDesk) -> None:
    """There is a price of this moment."""
    await until(lambda: desk.side.market.quote("main", "BTC/USDT"))


class TestTheRuleByThen:
    async def test_two_tickets_that_wait_do_not_pass_a_rolling_sum_together(
        self, tmp_path: Path
    ) -> None:
        async with trading(tmp_path, rule(DAY, "required = 2")) as desk:
            first, second = [await desk.new_ticket(notional="600") for _ in range(2)]
            assert (first.rule, second.rule) == ("default", "default")

            assert (await says(desk, first, ANA_P)).outcome is Outcome.APPROVED
            answer = await says(desk, second, ANA_P)

            after = desk.ticket(second.id)
            assert answer.outcome is Outcome.MOVED
            assert (after.state, after.revision) == (TicketState.PENDING, 2)
            assert (after.rule, after.required) == ("late", 2)
            assert after.reason == "the rule late applies now"
            assert after.previous_reference is None
            assert (await says(desk, second, ANA_P)).outcome is Outcome.COUNTED
            assert (await says(desk, second, OLGA_P)).outcome is Outcome.APPROVED
            for ticket in (first, second):
                await until(lambda id=ticket.id: desk.ticket(id).state is TicketState.DONE)

    async def test_a_rule_that_began_meanwhile_asks_again(self, tmp_path: Path) -> None:
        async with trading(tmp_path, rule(NIGHT, "required = 2")) as desk:
            ticket = await desk.new_ticket()
            desk.clock.advance(60)
            await fresh(desk)
            answer = await says(desk, ticket, ANA_P)

            after = desk.ticket(ticket.id)
            assert answer.outcome is Outcome.MOVED
            assert (after.required, after.expires_at) == (2, desk.clock() + after.waits)

    async def test_a_rule_that_blocks_by_now_refuses(self, tmp_path: Path) -> None:
        async with trading(tmp_path, rule(NIGHT, "block = true")) as desk:
            ticket = await desk.new_ticket()
            desk.clock.advance(60)
            await fresh(desk)
            answer = await says(desk, ticket, ANA_P)

            assert answer.outcome is Outcome.REFUSED
            assert [refusal.code for refusal in answer.refusals] == ["BLOCKED"]
            assert desk.ticket(ticket.id).state is TicketState.REFUSED

    @pytest.mark.parametrize("then", ["required = 0", 'veto_window = "60s"', "required = 1"])
    async def test_a_rule_that_asks_for_less_by_now_changes_nothing(
        self, tmp_path: Path, then: str
    ) -> None:
        two = rule('hours = "Fri 14:00-14:31"', "required = 2", "early")
        async with trading(tmp_path, two, rule(NIGHT, then)) as desk:
            ticket = await desk.new_ticket()
            assert ticket.required == 2
            desk.clock.advance(60)
            await fresh(desk)

            assert (await says(desk, ticket, ANA_P)).outcome is Outcome.COUNTED
            assert (await says(desk, ticket, OLGA_P)).outcome is Outcome.APPROVED
            assert desk.ticket(ticket.id).revision == 1

    async def test_what_was_decided_before_a_rule_began_is_sent_under_the_rule_it_met(
        self, tmp_path: Path
    ) -> None:
        """An approval is not undone because the clock strikes between it and the order."""
        async with trading(tmp_path, rule(NIGHT, "required = 2")) as desk:
            ticket = await desk.new_ticket()
            desk.clock.advance(59)
            await fresh(desk)
            await desk.stop("trading")
            assert (await says(desk, ticket, ANA_P)).outcome is Outcome.APPROVED
            desk.clock.advance(5)
            await desk.restart()
            await desk.side.executor.recover()
            await desk.start("trading")

            await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE, timeout_s=10)


class TestProposer:
    async def proposed(self, desk: FrontDesk) -> Ticket:
        """A ticket that Ana proposed: an earlier one, again."""
        first = await desk.new_ticket()
        desk.clock.advance(300)
        await desk.side.deadlines.expire()
        await desk.side.desk.propose(first.id, person=ANA_P, value=None)

        def again() -> Ticket | None:
            (newest,) = desk.read(lambda tx: tx.tickets.newest(limit=1))
            return newest if newest.id != first.id else None

        ticket = await until(again)
        assert ticket is not None
        return ticket

    async def test_where_two_are_asked_the_proposer_is_told_that_others_must(
        self, tmp_path: Path
    ) -> None:
        async with trading(tmp_path, rule("notional_from = 1", "required = 2")) as desk:
            ticket = await self.proposed(desk)
            answer = await says(desk, ticket, ANA_P)
            assert answer.outcome is Outcome.OWN_PROPOSAL
            assert not desk.read(lambda tx: tx.tickets.votes(ticket.id))

            assert (await says(desk, ticket, OLGA_P)).outcome is Outcome.COUNTED
            assert desk.ticket(ticket.id).state is TicketState.PENDING

    async def test_the_proposer_may_reject(self, tmp_path: Path) -> None:
        async with trading(tmp_path, rule("notional_from = 1", "required = 2")) as desk:
            ticket = await self.proposed(desk)
            answer = await says(desk, ticket, ANA_P, VoteKind.REJECT)
            assert answer.outcome is Outcome.REJECTED

    async def test_where_one_is_asked_the_proposers_own_approval_is_enough(
        self, tmp_path: Path
    ) -> None:
        async with trading(tmp_path) as desk:
            ticket = await self.proposed(desk)
            await fresh(desk)
            assert (await says(desk, ticket, ANA_P)).outcome is Outcome.APPROVED

    async def test_what_is_proposed_again_never_goes_straight_through(self, tmp_path: Path) -> None:
        free = rule("notional_from = 1", "required = 0")
        late = rule('hours = "Fri 14:00-14:31"', "required = 1", "early")
        async with trading(tmp_path, late, free) as desk:
            ticket = await self.proposed(desk)
            assert (ticket.state, ticket.rule, ticket.required) == (TicketState.PENDING, "late", 1)


def change(desk: FrontDesk, statement: str, *values: object) -> None:
    """Somebody with access to the database changes a row behind our back."""
    with closing(sqlite3.connect(desk.folder / "countersign.db", timeout=10)) as raw, raw:
        assert raw.execute(statement, values).rowcount == 1


async def approved(desk: FrontDesk) -> Ticket:
    """An approved ticket whose order is not made yet: a new process is about to."""
    ticket = await desk.new_ticket(amount="0.01")
    await fresh(desk)
    await desk.stop("trading", "notifier")
    assert (await says(desk, ticket, ANA_P)).outcome is Outcome.APPROVED
    await desk.restart()
    await desk.side.executor.recover()
    return ticket


class TestBinding:
    @pytest.mark.parametrize(
        "field",
        ["amount", "worst_price", "symbol", "side", "required", "rule", "veto_window"],
    )
    async def test_what_was_changed_in_the_database_after_the_approval_is_not_sent(
        self, tmp_path: Path, field: str
    ) -> None:
        other: dict[str, Any] = {
            "amount": "0.02", "worst_price": "99999", "symbol": "ETH/USDT", "side": "sell",
            "required": 0, "rule": "straight", "veto_window": 1,
        }  # fmt: skip
        async with trading(tmp_path) as desk:
            ticket = await approved(desk)
            if field in {"required", "rule", "veto_window"}:
                update = f"UPDATE tickets SET {field} = ? WHERE id = ?"
                change(desk, update, other[field], ticket.id)
            else:
                change(
                    desk,
                    f"UPDATE tickets SET terms = json_set(terms, '$.{field}', ?) WHERE id = ?",
                    other[field],
                    ticket.id,
                )
            await desk.start("trading", "notifier")

            await until(lambda: desk.ticket(ticket.id).state is TicketState.FAILED, timeout_s=10)
            told = await desk.playground.wait_for_text("not the terms that were approved")
            assert "Nothing was sent." in told.text
            assert not desk.paper.accepted
            assert not desk.read(lambda tx: tx.orders.of_ticket(ticket.id))

    async def test_what_was_changed_while_no_process_ran_is_asked_again(
        self, tmp_path: Path
    ) -> None:
        async with trading(tmp_path) as desk:
            ticket = await approved(desk)
            terms = "UPDATE tickets SET terms = json_set(terms, '$.amount', '0.02') WHERE id = ?"
            change(desk, terms, ticket.id)
            await desk.restart()
            await desk.side.executor.recover()

            after = desk.ticket(ticket.id)
            assert (after.state, after.revision) == (TicketState.PENDING, 2)
            assert after.reason == "its rule or its terms are not what they were"

    async def test_a_vote_whose_fingerprint_was_changed_counts_no_more(
        self, tmp_path: Path
    ) -> None:
        async with trading(tmp_path) as desk:
            ticket = await approved(desk)
            change(desk, "UPDATE votes SET fingerprint = ? WHERE ticket = ?", "0" * 64, ticket.id)
            await desk.start("trading")

            await until(lambda: desk.ticket(ticket.id).revision == 2, timeout_s=10)
            after = desk.ticket(ticket.id)
            assert after.state is TicketState.PENDING
            assert after.reason == "its approvals are not what the rule default asks for today"
            assert not desk.paper.accepted

    async def test_an_order_whose_ticket_was_changed_meanwhile_does_not_leave_again(
        self, tmp_path: Path
    ) -> None:
        async with trading(tmp_path) as desk:
            ticket = await planned(desk)
            terms = "UPDATE tickets SET terms = json_set(terms, '$.amount', '1') WHERE id = ?"
            change(desk, terms, ticket.id)
            await leaves_again(desk)

            await until(lambda: desk.order(ticket).state is OrderState.DENIED, timeout_s=10)
            assert "not the terms that were approved" in (desk.order(ticket).reason or "")
            assert not desk.paper.accepted

    @pytest.mark.parametrize("field", ["amount", "price", "side", "symbol"])
    async def test_an_order_that_was_changed_while_it_waited_to_leave_again_is_denied(
        self, tmp_path: Path, field: str
    ) -> None:
        other = {"amount": "0.02", "price": "99999", "side": "sell", "symbol": "ETH/USDT"}
        async with trading(tmp_path) as desk:
            ticket = await planned(desk)
            update = f"UPDATE orders SET {field} = ? WHERE ticket = ?"
            change(desk, update, other[field], ticket.id)
            await leaves_again(desk)

            await until(lambda: desk.order(ticket).state is OrderState.DENIED, timeout_s=10)
            assert desk.order(ticket).reason == "the order is not the one that was approved"
            assert not desk.paper.accepted


async def planned(desk: FrontDesk) -> Ticket:
    """A ticket whose order never left: the exchange was lost just then."""
    ticket = await desk.new_ticket(amount="0.01")
    await fresh(desk)
    desk.paper.faults.unreachable = True
    assert (await says(desk, ticket, ANA_P)).outcome is Outcome.APPROVED
    await until(lambda: desk.read(lambda tx: tx.journal.count(EventKind.ORDER_NOT_SENT)))
    return ticket


async def leaves_again(desk: FrontDesk) -> None:
    """The exchange is back, and the pause before the next attempt is over."""
    desk.clock.advance(5)
    desk.paper.faults.unreachable = False


class TestPeopleOfToday:
    @pytest.mark.parametrize("waits", [approved, planned])
    async def test_an_approver_who_was_removed_before_the_sending_does_not_count(
        self, tmp_path: Path, waits: Any
    ) -> None:
        """The settings change, the process starts anew, and what was approved finds out."""
        async with trading(tmp_path) as desk:
            ticket = await waits(desk)
            await desk.stop("trading")
            toml = TOML.replace("approvers = [2222]", "approvers = []")
            where = {"COUNTERSIGN_TELEGRAM__API_URL": desk.settings.telegram.api_url}
            desk.settings = settings_in(tmp_path, toml=toml, environ=where)
            await desk.restart()
            await desk.side.executor.recover()
            desk.clock.advance(5)
            await desk.start("trading")

            if waits is approved:
                await until(lambda: desk.ticket(ticket.id).revision == 2, timeout_s=10)
                assert desk.ticket(ticket.id).state is TicketState.PENDING
            else:
                await until(lambda: desk.order(ticket).state is OrderState.DENIED, timeout_s=10)
                assert desk.ticket(ticket.id).state is TicketState.FAILED
            assert not desk.paper.accepted
            changed = desk.read(lambda tx: tx.journal.last(EventKind.POLICY_CHANGED))
            assert changed is not None
            assert json.loads(changed.data["policy"])["people"].keys() == {"tg:1111", "tg:3333"}


class TestPolicyChange:
    async def test_a_ticket_whose_rule_changed_is_asked_again_and_the_chat_is_told(
        self, tmp_path: Path
    ) -> None:
        async with trading(tmp_path) as desk:
            await desk.side.executor.recover()
            waiting = await desk.new_ticket()
            where = {"COUNTERSIGN_TELEGRAM__API_URL": desk.settings.telegram.api_url}
            toml = TOML + rule("notional_from = 500", "required = 2", "large")
            desk.settings = settings_in(tmp_path, toml=toml, environ=where)
            await desk.restart()
            await desk.side.executor.recover()
            await desk.start("notifier")

            after = desk.ticket(waiting.id)
            assert (after.revision, after.required) == (2, 2)
            assert after.reason == "the rule large applies now"
            told = await desk.playground.wait_for_text("not those of the last start")
            assert "New rules: large" in told.text
            assert "People" not in told.text

    async def test_a_start_with_the_same_rules_says_nothing_and_asks_nobody_again(
        self, tmp_path: Path
    ) -> None:
        async with trading(tmp_path) as desk:
            await desk.side.executor.recover()
            waiting = await desk.new_ticket()
            head = desk.head()
            await desk.restart()
            await desk.side.executor.recover()

            assert desk.ticket(waiting.id).revision == 1
            assert desk.head() == head

    async def test_a_start_at_another_hour_asks_nobody_again(self, tmp_path: Path) -> None:
        """A card made at night keeps the votes it has; the tap asks for the rule of its own moment."""
        night = rule('hours = "Fri 14:00-14:31"', "required = 2", "night")
        async with trading(tmp_path, night) as desk:
            await desk.side.executor.recover()
            waiting = await desk.new_ticket()
            assert (await says(desk, waiting, ANA_P)).outcome is Outcome.COUNTED
            desk.clock.advance(60)
            await desk.restart()
            await desk.side.executor.recover()

            assert desk.ticket(waiting.id).revision == 1
            await desk.start("trading")
            assert (await says(desk, waiting, OLGA_P)).outcome is Outcome.APPROVED
