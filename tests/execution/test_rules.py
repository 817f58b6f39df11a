"""Which rule a ticket meets by its day and hour, and what is written down when the rules change."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution import rules
from execution.approval import Policy, Role, Rule, When
from execution.config import CLOSING
from execution.events import EventKind
from execution.hours import parse_hours
from execution.store import Store
from execution.types import Side, Ticket
from tests.clock import Clock
from tests.execution.builders import NOW, terms
from tests.execution.rows import stored

D = Decimal
DAY = timedelta(hours=24)
MICROSECOND = timedelta(microseconds=1)
SUM = Rule(name="sum", when=When(rolling_24h_from=D(300)), required=2)
POLICY = Policy(people={"tg:2": Role.APPROVER}, rules=(SUM,))


def earlier(
    store: Store, name: str, state: str = "done", value: str | None = "100", **how: Any
) -> None:
    """Another ticket of this desk, decided an hour ago unless told otherwise."""
    worth = terms(value=None if value is None else D(value))
    given = {"decided_at": NOW - timedelta(hours=1), "terms": worth} | how
    store.write_now(lambda tx: stored(tx, state, id=name, **given))


def met(store: Store, value: str | None = "100", policy: Policy = POLICY, **how: Any) -> str:
    """The name of the rule that a new ticket of this value meets."""
    worth = terms(value=None if value is None else D(value))

    def ask(tx: Any) -> Rule:
        asked = {"source": "tv", "strategy": None, "at": tx.now} | how
        return rules.met_by(tx, policy, worth, **asked)

    return store.read_now(ask).name


class TestRollingSum:
    @pytest.mark.parametrize(
        ("value", "rule"), [("199.999999", "default"), ("200", "sum"), ("200.000001", "sum")]
    )
    def test_it_holds_this_order_and_includes_its_bound(
        self, store: Store, value: str, rule: str
    ) -> None:
        earlier(store, "A")

        assert met(store, value) == rule

    @pytest.mark.parametrize(
        ("state", "counts"),
        [
            ("approved", True),
            ("working", True),
            ("done", True),
            ("pending", False),
            ("refused", False),
            ("rejected", False),
            ("expired", False),
            ("canceled", False),
            ("failed", False),
        ],
    )
    def test_what_was_let_through_counts_by_what_was_approved(
        self, store: Store, state: str, counts: bool
    ) -> None:
        """What rests, or filled in part, counts whole: it may still fill."""
        earlier(store, "A", state, "200", decided_at=None if state == "pending" else NOW)

        assert (met(store) == "sum") is counts

    @pytest.mark.parametrize(
        ("ago", "counts"),
        [(timedelta(0), True), (DAY - MICROSECOND, True), (DAY, False), (DAY + MICROSECOND, False)],
    )
    def test_what_was_decided_exactly_a_day_ago_counts_no_more(
        self, store: Store, ago: timedelta, counts: bool
    ) -> None:
        earlier(store, "A", value="200", decided_at=NOW - ago)

        assert (met(store) == "sum") is counts

    def test_it_is_of_the_whole_desk_and_of_both_sides(self, store: Store) -> None:
        sell = terms(side=Side.SELL, symbol="ETH/USDT", venue="other", reduces=True)
        earlier(store, "A", source="desk", terms=sell)
        earlier(store, "B", source="alerts")

        assert met(store, "98.99") == "default", "after 101 and 100"
        assert met(store, "99") == "sum"

    @pytest.mark.parametrize(("this", "other"), [(None, "1"), ("1", None)])
    def test_what_cannot_be_valued_may_be_large(
        self, store: Store, this: str | None, other: str | None
    ) -> None:
        earlier(store, "A", value=other)

        assert met(store, this) == "sum"

    def test_what_people_had_closed_adds_to_nothing(self, store: Store) -> None:
        """However it is valued: an exit takes nothing from what may be entered in a day."""
        earlier(store, "A", value="200", source=CLOSING)
        earlier(store, "B", value=None, source=CLOSING)

        assert met(store) == "default"

    def test_a_ticket_does_not_count_itself_twice(self, store: Store) -> None:
        earlier(store, "A", "approved", "200", decided_at=NOW)
        ticket = store.read_now(lambda tx: tx.tickets.get("A"))
        assert isinstance(ticket, Ticket)

        assert store.read_now(lambda tx: rules.met(tx, POLICY, ticket)).name == "default"

    def test_a_decided_ticket_is_asked_by_the_moment_it_was_decided(
        self, store: Store, clock: Clock
    ) -> None:
        """What went through after it does not undo it; what went through before it counts."""
        night = Rule(name="night", when=When(hours=parse_hours("Mon 12:01-13:00")), required=2)
        policy = POLICY.evolve(rules=(night, SUM))
        earlier(store, "A", "approved", "200", decided_at=NOW)
        clock.advance(90)
        earlier(store, "B", "approved", "200", decided_at=clock.now)

        def rule_of(name: str) -> str:
            ticket = store.read_now(lambda tx: tx.tickets.get(name))
            assert isinstance(ticket, Ticket)
            return store.read_now(lambda tx: rules.met(tx, policy, ticket)).name

        assert rule_of("A") == "default"
        assert rule_of("B") == "night"
        assert met(store, policy=policy.evolve(rules=(SUM,))) == "sum"

    def test_it_is_not_summed_for_rules_that_do_not_ask(self, store: Store) -> None:
        """A policy without such a rule pays nothing for it."""
        assert not POLICY.evolve(rules=(Rule(name="any"),)).sums
        assert POLICY.sums
        assert met(store, policy=POLICY.evolve(rules=(Rule(name="any"),))) == "any"


class TestPolicyChanges:
    LARGE = Rule(name="large", when=When(notional_from=D(100)), required=2)
    SMALL = Rule(name="small", when=When(notional_below=D(50)), required=0)
    FIRST = Policy(people={"tg:1": Role.OWNER, "tg:2": Role.APPROVER}, rules=(LARGE, SMALL))

    def changes(self, store: Store, *policies: Policy) -> list[dict[str, Any]]:
        """What each start with these policies has written down."""
        for policy in policies:
            store.write_now(lambda tx, policy=policy: rules.note(tx, policy))
        events = store.read_now(lambda tx: tx.journal.after(0))
        assert {event.kind for event in events} == {EventKind.POLICY_CHANGED}
        return [dict(event.data) for event in events]

    def test_the_first_policy_is_written_down_and_differs_from_nothing(self, store: Store) -> None:
        (first,) = self.changes(store, self.FIRST)

        assert set(first) == {"digest", "policy"}
        kept = json.loads(first["policy"])
        assert [rule["name"] for rule in kept["rules"]] == ["large", "small"]
        assert kept["people"] == {"tg:1": "owner", "tg:2": "approver"}

    def test_a_start_with_the_same_policy_writes_nothing(self, store: Store) -> None:
        same = Policy(people=dict(reversed(self.FIRST.people.items())), rules=self.FIRST.rules)

        assert len(self.changes(store, self.FIRST, same, self.FIRST)) == 1

    @pytest.mark.parametrize(
        ("change", "kind", "names"),
        [
            ({"rules": (LARGE, SMALL, Rule(name="new"))}, "added", ["new"]),
            ({"rules": (LARGE,)}, "removed", ["small"]),
            ({"rules": (LARGE.evolve(required=3), SMALL)}, "changed", ["large"]),
            ({"rules": (SMALL, LARGE)}, "moved", ["small", "large"]),
            ({"people": {"tg:1": Role.OWNER}}, "people", ["tg:2"]),
            ({"people": {"tg:1": Role.OWNER, "tg:2": Role.VIEWER}}, "people", ["tg:2"]),
            ({"max_price_drift": D("0.004")}, "settings", ["max_price_drift"]),
            ({"expires_after": timedelta(minutes=4)}, "settings", ["expires_after"]),
        ],
        ids=str,
    )
    def test_what_differs_is_named(
        self, store: Store, change: dict[str, Any], kind: str, names: list[str]
    ) -> None:
        _, second = self.changes(store, self.FIRST, self.FIRST.evolve(**change))

        assert set(second) == {"digest", "policy", kind}
        assert json.loads(second[kind]) == names

    def test_a_policy_that_comes_back_is_a_change_again(self, store: Store) -> None:
        other = self.FIRST.evolve(rules=())
        first, second, third = self.changes(store, self.FIRST, other, self.FIRST)

        assert first["digest"] == third["digest"] != second["digest"]
        assert json.loads(third["added"]) == ["large", "small"]
