"""The ticket's life: its moves, its deadline, and whose votes count."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from execution.approval import (
    APPROVAL_HOLDS,
    DEFAULT_RULE,
    OPEN,
    Policy,
    Role,
    Rule,
    When,
    approvals,
    asks_no_more,
    checked_fingerprint,
    fingerprint,
    has_expired,
    is_approved,
    may_vote_for,
    moved,
    revised,
    still_holds,
    went_unopposed,
)
from execution.errors import Corrupt
from execution.types import Ticket, TicketState
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
        assert is_approved(asked, votes, POLICY, DEFAULT_RULE)

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
        assert not is_approved(asked, [one], POLICY, DEFAULT_RULE)

    def test_one_person_counts_once(self) -> None:
        asked = ticket(required=2)
        first, again = vote(asked, "tg:2", id="V1"), vote(asked, "tg:2", id="V2", at=LATER)

        assert approvals(asked, [first, again], POLICY) == [first]
        assert not is_approved(asked, [first, again], POLICY, DEFAULT_RULE)
        assert is_approved(asked, [first, again, vote(asked, "tg:3")], POLICY, DEFAULT_RULE)

    def test_somebody_who_may_no_longer_approve_today_does_not_count(self) -> None:
        asked = ticket()
        one = vote(asked, "tg:2")

        assert is_approved(asked, [one], POLICY, DEFAULT_RULE)
        viewer = POLICY.evolve(people={"tg:2": Role.VIEWER})
        assert not is_approved(asked, [one], viewer, DEFAULT_RULE)
        assert not is_approved(asked, [one], POLICY.evolve(people={}), DEFAULT_RULE)

    def test_a_ticket_that_needs_nobody_is_approved_without_a_vote(self) -> None:
        free = Rule(name="free", required=0)

        assert is_approved(ticket(required=0), [], POLICY, free)
        assert not is_approved(ticket(required=1), [], POLICY, free)

    @pytest.mark.parametrize("rule", [Rule(name="two", required=2), Rule(name="no", block=True)])
    def test_what_its_rule_asks_for_by_now_counts_too(self, rule: Rule) -> None:
        asked = ticket(required=1)
        votes = [vote(asked, "tg:2")]

        assert is_approved(asked, votes, POLICY, DEFAULT_RULE)
        assert not is_approved(asked, votes, POLICY, rule)
        both = is_approved(asked, [*votes, vote(asked, "tg:3")], POLICY, rule)
        assert both is not rule.block

    def test_where_two_are_asked_the_proposers_own_approval_does_not_count(self) -> None:
        asked = ticket(required=2, proposer="tg:2")
        own, others = vote(asked, "tg:2"), [vote(asked, "tg:1"), vote(asked, "tg:3")]

        assert approvals(asked, [own, others[0]], POLICY) == [others[0]]
        assert not is_approved(asked, [own, others[0]], POLICY, DEFAULT_RULE)
        assert is_approved(asked, [own, *others], POLICY, DEFAULT_RULE)
        assert [may_vote_for(asked, person) for person in ("tg:2", "tg:1")] == [False, True]

    def test_where_one_is_asked_the_proposers_own_approval_counts(self) -> None:
        asked = ticket(required=1, proposer="tg:2")

        assert is_approved(asked, [vote(asked, "tg:2")], POLICY, DEFAULT_RULE)


class TestVetoWindow:
    MINUTE = timedelta(seconds=60)
    RULE = Rule(name="veto", veto_window=MINUTE)

    def let_through(self, **changes: object) -> Ticket:
        """A ticket whose window of a minute ran out at LATER, when it was approved."""
        waiting = ticket(veto_window=self.MINUTE, goes_ahead_at=LATER)
        return moved(waiting, TicketState.APPROVED, LATER, unopposed=True).evolve(**changes)

    def test_what_nobody_rejected_in_time_is_approved_without_a_vote(self) -> None:
        after = self.let_through()

        assert went_unopposed(after)
        assert is_approved(after, [], POLICY, self.RULE)

    @pytest.mark.parametrize(
        ("rule", "content"),
        [
            (Rule(name="free", required=0), True),
            (Rule(name="short", veto_window=timedelta(seconds=59)), True),
            (Rule(name="same", veto_window=MINUTE), True),
            (Rule(name="long", veto_window=timedelta(seconds=61)), False),
            (Rule(name="one", required=1), False),
            (Rule(name="two", required=2), False),
            (Rule(name="never", block=True), False),
        ],
    )
    def test_silence_is_enough_only_for_a_rule_that_waits_no_longer(
        self, rule: Rule, content: bool
    ) -> None:
        assert is_approved(self.let_through(), [], POLICY, rule) is content
        assert asks_no_more(ticket(veto_window=self.MINUTE), rule) is content

    def test_one_approval_is_enough_while_the_window_runs(self) -> None:
        waiting = ticket(veto_window=self.MINUTE, goes_ahead_at=LATER)

        assert not is_approved(waiting, [], POLICY, self.RULE)
        assert is_approved(waiting, [vote(waiting, "tg:2")], POLICY, self.RULE)

    @pytest.mark.parametrize("to", ["approved", "rejected", "expired", "canceled", "refused"])
    def test_whatever_else_decides_it_ends_the_window(self, to: str) -> None:
        waiting = ticket(veto_window=self.MINUTE, goes_ahead_at=NOW)
        after = moved(waiting, TicketState(to), LATER)

        assert after.goes_ahead_at is None
        assert not went_unopposed(after)
        assert not is_approved(after, [], POLICY, self.RULE)

    @pytest.mark.parametrize("to", ["working", "refused", "failed", "canceled"])
    def test_what_went_ahead_remembers_it(self, to: str) -> None:
        assert went_unopposed(moved(self.let_through(), TicketState(to), LATER))

    @pytest.mark.parametrize(
        "changes",
        [
            {"veto_window": None},
            {"goes_ahead_at": None},
            {"goes_ahead_at": LATER + timedelta(microseconds=1)},
            {"decided_at": None},
        ],
        ids=str,
    )
    def test_what_was_decided_before_its_window_ended_did_not_go_ahead(
        self, changes: dict[str, object]
    ) -> None:
        assert not went_unopposed(self.let_through(**changes))

    def test_a_revision_has_no_window_whatever_rule_it_meets(self) -> None:
        waiting = ticket(veto_window=self.MINUTE, goes_ahead_at=LATER)
        again = revised(waiting, terms(), rule=self.RULE, at=NOW, reason="half")

        assert (again.rule, again.required) == ("veto", 1)
        assert (again.veto_window, again.goes_ahead_at) == (None, None)

    def test_a_window_that_was_changed_in_the_store_is_found(self) -> None:
        policy = POLICY.evolve(rules=(self.RULE,))
        mark = fingerprint(terms(), rule=self.RULE, required=1, veto_window=self.MINUTE)
        bound = ticket(rule="veto", veto_window=self.MINUTE, fingerprint=mark)

        assert checked_fingerprint(bound, policy) == terms()
        for window in (None, timedelta(seconds=1)):
            with pytest.raises(Corrupt):
                checked_fingerprint(bound.evolve(veto_window=window), policy)


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
        met = self.RULES.named(rule)
        assert met is not None
        again = revised(
            ticket(required=before), terms(value=D(value)), rule=met, at=LATER, reason="half"
        )

        assert (again.rule, again.required) == (rule, required)

    def test_it_voids_the_votes_and_begins_a_new_deadline(self) -> None:
        before = ticket("approved", decided_at=NOW, waits=timedelta(minutes=1))
        votes = [vote(before, "tg:2")]
        assert is_approved(before, votes, POLICY, DEFAULT_RULE)

        again = revised(
            before,
            before.terms or terms(),
            rule=DEFAULT_RULE,
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
        again = revised(ticket(), smaller, rule=DEFAULT_RULE, at=LATER, reason="half")

        assert again.terms == smaller
        assert checked_fingerprint(again, POLICY) == smaller
        assert again.fingerprint != ticket().fingerprint

    @pytest.mark.parametrize("state", sorted(set(TABLE) - {"new", "pending", "approved"}))
    def test_what_has_ended_or_works_is_not_revised(self, state: str) -> None:
        with pytest.raises(Corrupt):
            revised(
                ticket(state),
                terms(),
                rule=DEFAULT_RULE,
                at=LATER,
                reason="half",
            )


class TestWhatWasApproved:
    def test_the_terms_are_given_out_when_they_are_the_ones_voted_on(self) -> None:
        assert checked_fingerprint(ticket(), POLICY) == terms()

    def test_terms_that_were_changed_in_the_store_are_found(self) -> None:
        forged = ticket().evolve(terms=terms(amount=D(10)))

        with pytest.raises(Corrupt, match="not the terms that were approved"):
            checked_fingerprint(forged, POLICY)

    def test_a_number_of_votes_that_was_lowered_in_the_store_is_found(self) -> None:
        with pytest.raises(Corrupt):
            checked_fingerprint(ticket(required=2).evolve(required=1), POLICY)

    def test_a_rule_that_changed_since_is_found(self) -> None:
        one, two = (Rule(name="strict", required=count) for count in (1, 2))
        bound = ticket(rule="strict", fingerprint=fingerprint(terms(), rule=one, required=1))

        assert checked_fingerprint(bound, POLICY.evolve(rules=(one,))) == terms()
        with pytest.raises(Corrupt):
            checked_fingerprint(bound, POLICY.evolve(rules=(two,)))

    def test_a_ticket_without_terms_has_nothing_to_send(self) -> None:
        with pytest.raises(Corrupt):
            checked_fingerprint(ticket("refused", terms=None), POLICY)

    @pytest.mark.parametrize("rule", ["strict", "gone"])
    def test_a_rule_that_was_changed_in_the_store_is_found(self, rule: str) -> None:
        rules = POLICY.evolve(rules=(Rule(name="strict", required=1),))

        with pytest.raises(Corrupt):
            checked_fingerprint(ticket().evolve(rule=rule), rules)
