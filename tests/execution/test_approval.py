"""The ticket's life: its moves, its deadline, and whose votes count."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from execution.approval import (
    APPROVAL_HOLDS,
    OPEN,
    Policy,
    Role,
    Rule,
    When,
    approvals,
    checked_fingerprint,
    fingerprint,
    has_expired,
    is_approved,
    moved,
    revised,
    still_holds,
)
from execution.errors import Corrupt
from execution.types import TicketState
from tests.execution.builders import NOW, terms
from tests.execution.rows import ticket, vote

D = Decimal
LATER = NOW + timedelta(seconds=9)

TABLE = {
    "new": "refused pending approved",
    "pending": "approved rejected expired canceled refused pending",
    "approved": "working pending refused failed canceled",
    "working": "done canceled expired failed",
    # A late fill may move an ended ticket to done.
    "canceled": "done",
    "expired": "done",
    "failed": "done",
    "refused": "",
    "rejected": "",
    "done": "",
}
"""Which state may follow which, as the product's documentation has it."""

PEOPLE = {
    "tg:1": Role.OWNER,
    "tg:2": Role.APPROVER,
    "tg:3": Role.APPROVER,
    "tg:9": Role.VIEWER,
}
POLICY = Policy(people=PEOPLE)


class TestMoves:
    @pytest.mark.parametrize("to", TABLE)
    @pytest.mark.parametrize("state", TABLE)
    def test_a_ticket_moves_as_the_table_says_and_not_otherwise(self, state: str, to: str) -> None:
        before = ticket(state)

        if to in TABLE[state].split():
            assert moved(before, TicketState(to), LATER).state == to
        else:
            with pytest.raises(Corrupt, match=f"T1: {state} -> {to}"):
                moved(before, TicketState(to), LATER)

    def test_the_table_speaks_of_every_state(self) -> None:
        assert set(TABLE) == set(TicketState)

    def test_a_halt_voids_what_nothing_was_sent_for(self) -> None:
        assert set(OPEN) == {"new", "pending", "approved"}

    @pytest.mark.parametrize("to", ["approved", "rejected", "refused", "expired", "canceled"])
    def test_a_decision_is_dated(self, to: str) -> None:
        assert moved(ticket("pending"), TicketState(to), LATER).decided_at == LATER

    def test_an_end_after_the_decision_does_not_date_it_again(self) -> None:
        approved = ticket("approved", decided_at=NOW)

        assert moved(approved, TicketState.CANCELED, LATER).decided_at == NOW
        assert moved(approved, TicketState.WORKING, LATER).decided_at == NOW

    def test_what_is_no_decision_is_not_dated(self) -> None:
        assert moved(ticket("new"), TicketState.PENDING, LATER).decided_at is None

    def test_a_move_says_why_or_forgets_the_earlier_reason(self) -> None:
        why = moved(ticket("pending"), TicketState.CANCELED, LATER, reason="halted")

        assert why.reason == "halted"
        assert moved(why, TicketState.DONE, LATER).reason is None


class TestDeadline:
    @pytest.mark.parametrize(("seconds", "over"), [(299.999999, False), (300, True), (301, True)])
    def test_a_ticket_has_expired_exactly_at_its_deadline(self, seconds: float, over: bool) -> None:
        assert has_expired(ticket(), NOW + timedelta(seconds=seconds)) is over

    def test_a_ticket_without_a_deadline_does_not_expire(self) -> None:
        assert not has_expired(ticket(expires_at=None), NOW + timedelta(days=400))

    def test_an_approval_holds_for_a_minute_and_not_longer(self) -> None:
        approved = ticket("approved", decided_at=NOW)

        assert timedelta(minutes=1) == APPROVAL_HOLDS
        assert still_holds(approved, NOW + APPROVAL_HOLDS)
        assert not still_holds(approved, NOW + APPROVAL_HOLDS + timedelta(microseconds=1))

    def test_what_nobody_decided_does_not_hold(self) -> None:
        assert not still_holds(ticket("pending"), NOW)


class TestVotes:
    def test_an_approver_and_an_owner_count(self) -> None:
        asked = ticket(required=2)
        votes = [vote(asked, "tg:2"), vote(asked, "tg:1")]

        assert approvals(asked, votes, POLICY) == votes
        assert is_approved(asked, votes, POLICY)

    @pytest.mark.parametrize(
        "changes",
        [
            {"person": "tg:9"},
            {"person": "tg:404"},
            {"person": "2"},
            {"kind": "reject"},
            {"revision": 1},
            {"revision": 3},
            {"fingerprint": "0" * 64},
            {"ticket": "T2"},
        ],
        ids=str,
    )
    def test_no_other_vote_counts(self, changes: dict[str, object]) -> None:
        """A viewer's, a stranger's, a rejection, one on other terms, another revision or ticket."""
        asked = ticket(revision=2)
        one = vote(asked, **changes)

        assert approvals(asked, [one], POLICY) == []
        assert not is_approved(asked, [one], POLICY)

    def test_one_person_counts_once(self) -> None:
        asked = ticket(required=2)
        first, again = vote(asked, "tg:2", id="V1"), vote(asked, "tg:2", id="V2", at=LATER)

        assert approvals(asked, [first, again], POLICY) == [first]
        assert not is_approved(asked, [first, again], POLICY)
        assert is_approved(asked, [first, again, vote(asked, "tg:3")], POLICY)

    def test_somebody_who_may_no_longer_approve_today_does_not_count(self) -> None:
        asked = ticket()
        one = vote(asked, "tg:2")

        assert is_approved(asked, [one], POLICY)
        assert not is_approved(asked, [one], POLICY.evolve(people={"tg:2": Role.VIEWER}))
        assert not is_approved(asked, [one], POLICY.evolve(people={}))

    def test_a_ticket_that_needs_nobody_is_approved_without_a_vote(self) -> None:
        assert is_approved(ticket(required=0), [], POLICY)
        assert not is_approved(ticket(required=1), [], POLICY)


class TestRevision:
    LARGE = Rule(name="large", when=When(notional_from=D(100)), required=2)
    FREE = Rule(name="free", when=When(notional_below=D(50)), required=0)
    RULES = POLICY.evolve(rules=(LARGE, FREE))

    @pytest.mark.parametrize(
        ("value", "before", "rule", "required"),
        [
            ("100", 1, "large", 2),
            ("60", 1, "default", 1),
            ("60", 2, "default", 2),
            ("100", 3, "large", 3),
            ("10", 1, "free", 1),
            ("10", 0, "free", 1),
            ("10", 2, "free", 2),
        ],
    )
    def test_it_meets_the_rules_again_but_never_needs_fewer_nor_goes_straight_through(
        self, value: str, before: int, rule: str, required: int
    ) -> None:
        again = revised(
            ticket(required=before),
            terms(value=D(value)),
            policy=self.RULES,
            at=LATER,
            reason="half",
        )

        assert (again.rule, again.required) == (rule, required)

    def test_it_voids_the_votes_and_begins_a_new_deadline(self) -> None:
        before = ticket("approved", decided_at=NOW, waits=timedelta(minutes=1))
        votes = [vote(before, "tg:2")]
        assert is_approved(before, votes, POLICY)

        again = revised(
            before,
            before.terms or terms(),
            policy=POLICY,
            at=LATER,
            reason="the price moved",
            moved_from=D(100),
        )

        assert approvals(again, votes, POLICY) == []
        assert (again.state, again.revision) == (TicketState.PENDING, 2)
        assert (again.expires_at, again.decided_at) == (LATER + timedelta(minutes=1), None)
        assert (again.reason, again.previous_reference) == ("the price moved", D(100))

    def test_its_votes_bind_to_the_new_terms(self) -> None:
        smaller = terms(amount=D("0.5"))
        again = revised(ticket(), smaller, policy=POLICY, at=LATER, reason="half")

        assert again.terms == smaller
        assert checked_fingerprint(again, POLICY) == smaller
        assert again.fingerprint != ticket().fingerprint

    @pytest.mark.parametrize("state", sorted(set(TABLE) - {"new", "pending", "approved"}))
    def test_what_has_ended_or_works_is_not_revised(self, state: str) -> None:
        with pytest.raises(Corrupt):
            revised(
                ticket(state),
                terms(),
                policy=POLICY,
                at=LATER,
                reason="half",
            )


class TestWhatWasApproved:
    def test_the_terms_are_given_out_when_they_are_the_ones_voted_on(self) -> None:
        assert checked_fingerprint(ticket(), POLICY) == terms()

    def test_terms_that_were_changed_in_the_store_are_found(self) -> None:
        forged = ticket().evolve(terms=terms(amount=D(10)))

        with pytest.raises(Corrupt, match="not those that were approved"):
            checked_fingerprint(forged, POLICY)

    def test_a_number_of_votes_that_was_lowered_in_the_store_is_found(self) -> None:
        with pytest.raises(Corrupt):
            checked_fingerprint(ticket(required=2).evolve(required=1), POLICY)

    def test_a_rule_that_changed_since_is_found(self) -> None:
        strict = POLICY.evolve(rules=(Rule(name="strict", required=2),))

        with pytest.raises(Corrupt):
            checked_fingerprint(ticket(), strict)

    def test_a_ticket_without_terms_has_nothing_to_send(self) -> None:
        with pytest.raises(Corrupt, match="no terms"):
            checked_fingerprint(ticket("refused", terms=None), POLICY)

    def test_it_asks_the_rules_with_the_tickets_own_source_and_strategy(self) -> None:
        rule = Rule(name="mine", when=When(sources=frozenset({"tv"}), strategies=frozenset({"x"})))
        bound = ticket(strategy="x", fingerprint=fingerprint(terms(), rule=rule, required=1))
        rules = POLICY.evolve(rules=(rule,))

        assert checked_fingerprint(bound, rules) == terms()
        with pytest.raises(Corrupt):
            checked_fingerprint(bound.evolve(strategy="y"), rules)
