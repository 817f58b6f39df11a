"""Which rule an order meets, who may do what, and what a vote's fingerprint covers."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.approval import DEFAULT_RULE, Policy, Role, Rule, When, fingerprint
from execution.hours import parse_hours
from execution.types import Mode, OnTimeout, OrderType, Side, Target, Terms, TimeInForce, Trail
from tests.execution.builders import NOW, terms

D = Decimal
FIVE_FIFTY = timezone(timedelta(hours=5, minutes=50))


def matches(when: When, met: Terms, **how: Any) -> bool:
    """Whether it holds of these terms, from `tv`, at noon of a Monday, as the first of their day."""
    asked = {"source": "tv", "strategy": None, "local": NOW, "rolling": met.value} | how
    return when.matches(met, **asked)


def rule_for(rules: list[Rule], met: Terms, **how: Any) -> str:
    """The name of the rule these terms meet."""
    asked = {"source": "tv", "strategy": None, "at": NOW, "rolling": met.value} | how
    zone = asked.pop("zone", UTC)
    return Policy(people={}, rules=rules, zone=zone).rule_for(met, **asked).name


class TestWhen:
    @pytest.mark.parametrize(
        ("value", "below", "start"),
        [("49.999999", True, False), ("50", False, True), ("50.000001", False, True)],
    )
    def test_below_excludes_its_bound_and_from_includes_it(
        self, value: str, below: bool, start: bool
    ) -> None:
        met = terms(value=D(value))

        assert matches(When(notional_below=D(50)), met) is below
        assert matches(When(notional_from=D(50)), met) is start

    def test_what_cannot_be_valued_is_never_small_and_may_be_large(self) -> None:
        unknown = terms(value=None)

        assert not matches(When(notional_below=D(50)), unknown)
        assert matches(When(notional_from=D(50)), unknown)
        assert matches(When(rolling_24h_from=D(50)), unknown)

    def test_a_range_holds_both_bounds(self) -> None:
        middle = When(notional_from=D(50), notional_below=D(60))

        values = [D(49), D(50), D(59), D(60)]
        met = [matches(middle, terms(value=v)) for v in values]

        assert met == [False, True, True, False]

    def test_without_keys_it_matches_all(self) -> None:
        assert matches(When(), terms(value=None), source="")

    @pytest.mark.parametrize(
        ("when", "other"),
        [
            ({"symbols": {"BTC/USDT", "ETH/USDT"}}, {"symbols": {"ETH/USDT"}}),
            ({"sides": {Side.BUY}}, {"sides": {Side.SELL}}),
            ({"sources": {"tv", "desk"}}, {"sources": {"desk"}}),
            ({"venues": {"main"}}, {"venues": {"other"}}),
            ({"modes": {Mode.PAPER, Mode.LIVE}}, {"modes": {Mode.LIVE}}),
            ({"strategies": {"breakout"}}, {"strategies": {"mean"}}),
        ],
        ids=lambda keys: next(iter(keys)),
    )
    def test_a_key_holds_when_one_of_its_values_does(
        self, when: dict[str, Any], other: dict[str, Any]
    ) -> None:
        def holds(keys: dict[str, Any]) -> bool:
            made = When(**{name: frozenset(values) for name, values in keys.items()})
            return matches(made, terms(), strategy="breakout")

        assert holds(when)
        assert not holds(other)
        assert not holds({"symbols": {"BTC/USDT"}, "sources": {"tv"}} | other), "keys are joined"

    def test_a_rule_about_strategies_does_not_meet_a_signal_without_one(self) -> None:
        assert not matches(When(strategies=frozenset({"x"})), terms())

    @pytest.mark.parametrize(
        ("rolling", "holds"), [("99.999999", False), ("100", True), ("100.000001", True)]
    )
    def test_a_rolling_sum_includes_its_bound(self, rolling: str, holds: bool) -> None:
        when = When(rolling_24h_from=D(100))

        assert matches(when, terms(value=D(1)), rolling=D(rolling)) is holds

    @pytest.mark.parametrize(
        ("clock", "holds"),
        [
            ("07:59:59.999999", False),
            ("08:00:00", True),
            ("21:59:59.999999", True),
            ("22:00:00", False),
        ],
    )
    def test_hours_hold_their_first_moment_and_not_their_last(
        self, clock: str, holds: bool
    ) -> None:
        when = When(hours=parse_hours("Mon-Fri 08:00-22:00"))
        local = datetime.fromisoformat(f"2026-03-02 {clock}").replace(tzinfo=UTC)

        assert matches(when, terms(), local=local) is holds


MADRID = ZoneInfo("Europe/Madrid")
NIGHT = Rule(name="night", when=When(hours=parse_hours("Mon-Sun 22:00-06:00")), required=2)


class TestHours:
    @pytest.mark.parametrize(
        ("at", "rule"),
        [
            # 1 hour ahead of UTC in winter, 2 in summer; the clock is set on the nights between.
            ("2026-03-02T20:59:59.999999Z", "default"),
            ("2026-03-02T21:00:00Z", "night"),
            ("2026-03-03T04:59:59.999999Z", "night"),
            ("2026-03-03T05:00:00Z", "default"),
            ("2026-07-01T19:59:59Z", "default"),
            ("2026-07-01T20:00:00Z", "night"),
            ("2026-07-02T04:00:00Z", "default"),
        ],
    )
    def test_they_are_those_of_the_desks_own_clocks(self, at: str, rule: str) -> None:
        moment = datetime.fromisoformat(at)

        assert rule_for([NIGHT], terms(), at=moment, zone=MADRID) == rule

    @pytest.mark.parametrize(
        ("at", "inside"),
        [
            # Spring: 02:00 becomes 03:00 at 01:00 UTC, so the span begins an hour late and is short.
            ("2026-03-29T00:59:59Z", False),
            ("2026-03-29T01:00:00Z", True),
            ("2026-03-29T01:59:59Z", True),
            ("2026-03-29T02:00:00Z", False),
            # Autumn: 02:30 comes twice, at 00:30 and at 01:30 UTC, and both are in it.
            ("2026-10-25T00:29:59Z", False),
            ("2026-10-25T00:30:00Z", True),
            ("2026-10-25T01:00:00Z", False),
            ("2026-10-25T01:30:00Z", True),
            ("2026-10-25T02:59:59Z", True),
            ("2026-10-25T03:00:00Z", False),
        ],
    )
    def test_a_skipped_hour_is_not_in_them_and_a_repeated_one_is_twice(
        self, at: str, inside: bool
    ) -> None:
        early = Rule(name="early", when=When(hours=parse_hours("Sun 02:30-04:00")), required=2)
        met = rule_for([early], terms(), at=datetime.fromisoformat(at), zone=MADRID)

        assert (met == "early") is inside


class TestRuleFor:
    def test_the_first_match_decides(self) -> None:
        small = Rule(name="small", when=When(notional_below=D(200)))
        tv = Rule(name="tv", when=When(sources=frozenset({"tv"})))

        assert rule_for([small, tv], terms()) == "small"
        assert rule_for([tv, small], terms()) == "tv"
        assert rule_for([tv, small], terms(), source="desk") == "small"

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_a_block_wins_wherever_it_stands(self, place: int) -> None:
        rules = [Rule(name="free", required=0), Rule(name="any")]
        rules.insert(place, Rule(name="never", block=True))

        assert rule_for(rules, terms()) == "never"

    def test_a_block_that_is_not_met_blocks_nothing(self) -> None:
        never = Rule(name="never", block=True, when=When(symbols=frozenset({"DOGE/USDT"})))

        assert rule_for([never, Rule(name="any")], terms()) == "any"
        assert rule_for([never], terms()) == "default"

    def test_without_a_match_one_approval_is_needed(self) -> None:
        assert rule_for([], terms()) == "default"
        assert (DEFAULT_RULE.required, DEFAULT_RULE.block) == (1, False)
        assert DEFAULT_RULE.veto_window is None


MAY = {"owner": "viewer approver owner", "approver": "viewer approver", "viewer": "viewer"}


class TestRoles:
    @pytest.mark.parametrize("asked", Role)
    @pytest.mark.parametrize("held", Role)
    def test_a_later_role_includes_the_earlier_ones(self, held: Role, asked: Role) -> None:
        policy = Policy(people={"tg:1": held})

        assert policy.may("tg:1", asked) is (asked in MAY[held].split())

    @pytest.mark.parametrize("person", ["tg:2", "1", "", "TG:1", "tg:1 "])
    def test_nobody_else_may_do_anything(self, person: str) -> None:
        assert not Policy(people={"tg:1": Role.OWNER}).may(person, Role.VIEWER)


FULL = terms(
    price=D(100),
    stop_price=D(98),
    good_till=NOW,
    stop_loss=D(95),
    take_profit=(Target(price=D(110), share=D("0.5")), Target(price=D(120), share=D("0.5"))),
)
OTHER: dict[str, Any] = {
    "venue": "other",
    "mode": Mode.LIVE,
    "symbol": "ETH/USDT",
    "side": Side.SELL,
    "type": OrderType.MARKET,
    "amount": D("1.000000000000000000000000000001"),
    "price": None,
    "worst_price": D("101.01"),
    "reference": D("100.01"),
    "notional": D("100.99"),
    "value": None,
    "time_in_force": TimeInForce.IOC,
    "rests_for": timedelta(seconds=30, microseconds=1),
    "on_timeout": OnTimeout.REPRICE,
    "stop_price": D("98.01"),
    "trail": Trail(value=D("0.01"), is_share=True),
    "good_till": NOW + timedelta(microseconds=1),
    "post_only": True,
    "reduce_only": True,
    "reduces": True,
    "from_holdings": D("0.001"),
    "stop_loss": D("95.01"),
    "take_profit": FULL.take_profit[::-1],
    "test": True,
    "closing": True,
}
RULE = Rule(name="rule", when=When(notional_from=D(10), symbols=frozenset({"BTC/USDT"})))
OTHER_RULE: dict[str, Any] = {
    "name": "another",
    "when": When(notional_from=D(10)),
    "required": 2,
    "block": True,
    "veto_window": timedelta(seconds=60),
}
OTHER_WHEN: dict[str, Any] = {
    "notional_below": D(1000),
    "notional_from": D("10.1"),
    "symbols": frozenset({"BTC/USDT", "ETH/USDT"}),
    "sides": frozenset({Side.BUY}),
    "sources": frozenset({"tv"}),
    "venues": frozenset({"main"}),
    "modes": frozenset({Mode.PAPER}),
    "strategies": frozenset({"breakout"}),
    "hours": parse_hours("Mon 08:00-22:00"),
    "rolling_24h_from": D(10),
}


def mark(of: Terms = FULL, *, rule: Rule = RULE, required: int = 1) -> str:
    """The fingerprint."""
    return fingerprint(of, rule=rule, required=required)


class TestFingerprint:
    def test_every_field_has_another_value_to_be_tried_with(self) -> None:
        """A new field must be added here, and so cannot be left out of the fingerprint unseen."""
        assert set(OTHER) == {field.name for field in dataclasses.fields(Terms)}
        assert set(OTHER_RULE) == {field.name for field in dataclasses.fields(Rule)}
        assert set(OTHER_WHEN) == {field.name for field in dataclasses.fields(When)}

    @pytest.mark.parametrize("name", OTHER)
    def test_any_other_term_is_another_fingerprint(self, name: str) -> None:
        assert getattr(FULL, name) != OTHER[name]
        assert mark(FULL.evolve(**{name: OTHER[name]})) != mark()

    @pytest.mark.parametrize("name", OTHER_RULE)
    def test_any_other_content_of_the_rule_is_another_fingerprint(self, name: str) -> None:
        assert mark(rule=RULE.evolve(**{name: OTHER_RULE[name]})) != mark()

    @pytest.mark.parametrize("name", OTHER_WHEN)
    def test_any_other_condition_of_the_rule_is_another_fingerprint(self, name: str) -> None:
        other = RULE.when.evolve(**{name: OTHER_WHEN[name]})

        assert mark(rule=RULE.evolve(when=other)) != mark()

    def test_another_number_of_votes_is_another_fingerprint(self) -> None:
        assert mark(required=2) != mark(required=1)

    def test_a_veto_window_is_another_fingerprint(self) -> None:
        short, long = timedelta(seconds=59), timedelta(seconds=60)
        marks = {
            fingerprint(FULL, rule=RULE, required=1, veto_window=window)
            for window in (None, short, long)
        }

        assert len(marks) == 3

    def test_equal_terms_have_equal_fingerprints_however_they_are_written(self) -> None:
        written = FULL.evolve(
            amount=D("1.000"),
            price=D("1E+2"),
            from_holdings=D("-0.00"),
            good_till=NOW.astimezone(FIVE_FIFTY),
            rests_for=timedelta(milliseconds=30_000),
        )

        assert written == FULL
        assert mark(written) == mark()
        assert mark(terms(amount=D("0.10"))) == mark(terms(amount=D("0.1")))

    @given(
        one=st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**15),
        two=st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**15),
    )
    def test_amounts_have_the_same_fingerprint_exactly_when_they_are_equal(
        self, one: Decimal, two: Decimal
    ) -> None:
        same = mark(terms(amount=one)) == mark(terms(amount=two))

        assert same == (one == two)

    def test_the_order_in_which_a_set_was_written_does_not_matter(self) -> None:
        names = [f"S{n}/USDT" for n in range(40)]
        forward = Rule(name="r", when=When(symbols=frozenset(names)))
        backward = Rule(name="r", when=When(symbols=frozenset(reversed(names))))

        assert mark(rule=forward) == mark(rule=backward)

    def test_it_does_not_lean_on_the_processs_decimal_context(self) -> None:
        """Another library may change it for the whole process, between the vote and the order."""
        precise = terms(amount=D("12345.6789"))
        before = mark(precise)

        with localcontext(prec=3):
            assert mark(precise) == before

    def test_it_is_a_sha_256_in_hexadecimal(self) -> None:
        assert len(mark()) == 64
        assert set(mark()) <= set("0123456789abcdef")
