"""The order's life: every move, every report in every state, and how absence is proved."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from execution.errors import Corrupt
from execution.orders import (
    DOUBT_BUDGET,
    ENDED,
    LIVE,
    STALE_LOOK,
    UNKNOWN,
    apply_report,
    moved,
    next_look,
    out_of_budget,
    proved_absent,
)
from execution.types import Order, OrderState
from tests.execution.builders import NOW
from tests.execution.rows import order, report

D = Decimal
LATER = NOW + timedelta(seconds=9)

TABLE = {
    "planned": "sending denied",
    "sending": "working filled canceled expired rejected in_doubt planned",
    "in_doubt": "working filled canceled expired rejected absent stuck",
    "working": "filled canceled expired rejected canceling in_doubt",
    "canceling": "working filled canceled expired rejected in_doubt stuck",
    "stuck": "working filled canceled expired rejected canceling absent",
    # What the venue shows later counts.
    "canceled": "working filled expired rejected",
    "expired": "working filled canceled rejected",
    "rejected": "working filled canceled expired",
    "absent": "working filled canceled expired rejected",
    "denied": "working filled canceled expired rejected",
    "filled": "",
}
"""Which state may follow which."""

SHOWN = ("working", "filled", "canceled", "expired", "rejected")
STAYS = "-"


def grid(text: str) -> dict[tuple[str, str], str]:
    """(state, shown) -> outcome, from one row per state and one column per entry of `SHOWN`."""
    rows = [line.split() for line in text.strip().splitlines()]
    return {(row[0], shown): row[i + 1] for row in rows for i, shown in enumerate(SHOWN)}


NOTHING_NEW = grid("""
    sending    working  filled  canceled  expired  rejected
    in_doubt   working  filled  canceled  expired  rejected
    stuck      working  filled  canceled  expired  rejected
    working    -        filled  canceled  expired  rejected
    canceling  -        filled  canceled  expired  rejected
    canceled   -        -       -         -        -
    expired    -        -       -         -        -
    rejected   working  -       -         -        -
    absent     working  -       -         -        -
    denied     working  -       -         -        -
    filled     -        -       -         -        -
""")
"""What a report makes of an order when it shows no more filled than was known."""

MORE_FILLED = grid("""
    sending    working  filled  canceled  expired  rejected
    in_doubt   working  filled  canceled  expired  rejected
    stuck      working  filled  canceled  expired  rejected
    working    -        filled  canceled  expired  rejected
    canceling  -        filled  canceled  expired  rejected
    canceled   working  filled  -         expired  rejected
    expired    working  filled  canceled  -        rejected
    rejected   working  filled  canceled  expired  -
    absent     working  filled  canceled  expired  rejected
    denied     working  filled  canceled  expired  rejected
    filled     -        -       -         -        -
""")
"""And when it shows more: an end of ours was wrong."""


def seen(state: str) -> Order:
    """An order half of which is known to be filled; if it has ended, it did so five seconds ago."""
    ended_at = LATER - STALE_LOOK if state in ENDED else None
    return order(
        state,
        reported=D("0.5"),
        venue_order_id="v1",
        acknowledged_at=NOW,
        ended_at=ended_at,
    )


class TestMoves:
    @pytest.mark.parametrize("to", TABLE)
    @pytest.mark.parametrize("state", TABLE)
    def test_an_order_moves_as_the_table_says_and_not_otherwise(self, state: str, to: str) -> None:
        before = order(state)

        if to in TABLE[state].split():
            assert moved(before, OrderState(to), LATER).state == to
        else:
            with pytest.raises(Corrupt, match=f"O1: {state} -> {to}"):
                moved(before, OrderState(to), LATER)

    def test_the_table_speaks_of_every_state(self) -> None:
        assert set(TABLE) == set(OrderState)

    def test_every_state_is_an_end_or_may_be_at_the_venue_or_waits(self) -> None:
        assert set(OrderState) == {*ENDED, *LIVE, OrderState.PLANNED, OrderState.STUCK}
        assert not ENDED & LIVE
        assert set(UNKNOWN) == {"in_doubt", "stuck"}

    def test_an_end_is_dated_and_leaving_it_takes_the_date_away(self) -> None:
        ended = moved(order("working"), OrderState.CANCELED, LATER)

        assert ended.ended_at == LATER
        assert moved(ended, OrderState.WORKING, LATER).ended_at is None

    def test_a_move_without_a_reason_keeps_the_earlier_one(self) -> None:
        doubted = moved(order("sending"), OrderState.IN_DOUBT, LATER, reason="no answer")

        assert moved(doubted, OrderState.WORKING, LATER).reason == "no answer"
        assert moved(doubted, OrderState.STUCK, LATER, reason="").reason == ""


class TestReports:
    @pytest.mark.parametrize(("key", "outcome"), NOTHING_NEW.items(), ids=str)
    def test_a_report_without_more_filled(self, key: tuple[str, str], outcome: str) -> None:
        state, shown = key
        before = seen(state)

        applied = apply_report(before, report(shown, "0.5"), LATER)

        assert applied.order.state == (state if outcome == STAYS else outcome)
        assert applied.changed is (outcome != STAYS)
        assert applied.resurrected is (outcome != STAYS and before.state in ENDED)

    @pytest.mark.parametrize(("key", "outcome"), MORE_FILLED.items(), ids=str)
    def test_a_report_with_more_filled(self, key: tuple[str, str], outcome: str) -> None:
        state, shown = key
        before = seen(state)

        applied = apply_report(before, report(shown, "0.7"), LATER)

        assert applied.order.state == (state if outcome == STAYS else outcome)
        assert applied.order.reported == D("0.7")
        assert applied.changed
        assert applied.resurrected is (outcome != STAYS and before.state in ENDED)

    def test_the_grids_speak_of_every_state_the_venue_may_know(self) -> None:
        known = {state for state, _ in NOTHING_NEW}

        assert known == {state for state, _ in MORE_FILLED} == set(OrderState) - {"planned"}

    @pytest.mark.parametrize("shown", SHOWN)
    def test_a_report_of_an_order_that_was_never_sent_stops_everything(self, shown: str) -> None:
        with pytest.raises(Corrupt, match="planned"):
            apply_report(order("planned"), report(shown), LATER)

    @pytest.mark.parametrize("state", sorted(set(TABLE) - {"planned"}))
    @pytest.mark.parametrize("shown", SHOWN)
    def test_a_report_never_lowers_what_was_filled(self, state: str, shown: str) -> None:
        before = order(state, reported=D("0.7"))

        assert apply_report(before, report(shown, "0.2"), LATER).order.reported == D("0.7")

    @pytest.mark.parametrize("state", ["canceled", "expired"])
    @pytest.mark.parametrize(("seconds", "risen"), [(0, False), (5, False), (5.000001, True)])
    def test_a_look_right_after_an_end_may_be_the_older_one_and_a_later_one_is_not(
        self, state: str, seconds: float, risen: bool
    ) -> None:
        """Five seconds; an order that the venue then still shows open is open."""
        ended = order(state, reported=D("0.7"), ended_at=NOW)

        applied = apply_report(ended, report("working", "0.2"), NOW + timedelta(seconds=seconds))

        assert applied.order.state == ("working" if risen else state)
        assert applied.order.ended_at == (None if risen else NOW)
        assert (applied.changed, applied.resurrected) == (risen, risen)
        assert applied.order.reported == D("0.7")

    def test_a_resurrected_order_has_not_ended(self) -> None:
        ended = order("rejected", ended_at=NOW)

        assert apply_report(ended, report("working"), LATER).order.ended_at is None

    def test_the_venues_id_is_filled_in_once(self) -> None:
        first = apply_report(order("sending"), report("working", venue_order_id="v1"), NOW).order
        second = apply_report(first, report("working", venue_order_id="v2"), LATER).order

        assert (first.venue_order_id, second.venue_order_id) == ("v1", "v1")
        assert (first.acknowledged_at, second.acknowledged_at) == (NOW, NOW)

    def test_an_order_that_was_found_begins_looking_anew(self) -> None:
        doubted = order("in_doubt", looks=2)

        assert apply_report(doubted, report("working"), LATER).order.looks == 0

    def test_seeing_the_same_again_changes_nothing(self) -> None:
        once = apply_report(order("sending"), report("working", "0.3"), NOW).order
        again = apply_report(once, report("working", "0.3"), LATER)

        assert (again.order, again.changed) == (once, False)


GRACE = timedelta(seconds=10)
DOUBTED = NOW - timedelta(seconds=20)
PROOF = {"looks": 6, "doubted_at": DOUBTED, "fence_at": NOW}
"""Six rounds take 30.5 s: 20 s to the fence, and the grace."""


class TestLooking:
    @pytest.mark.parametrize(
        ("looks", "seconds"),
        [(0, 0.5), (1, 1), (2, 2), (3, 4), (4, 8), (5, 15), (6, 30), (7, 30), (500, 30)],
    )
    def test_each_round_waits_longer_up_to_half_a_minute(self, looks: int, seconds: float) -> None:
        assert next_look(order("in_doubt", looks=looks), NOW) == NOW + timedelta(seconds=seconds)

    def test_rounds_until_after_the_fence_and_the_grace_prove_absence(self) -> None:
        doubted = order("in_doubt", **PROOF)

        assert proved_absent(doubted, NOW + GRACE, GRACE)
        assert proved_absent(doubted.evolve(looks=9), NOW + 9 * GRACE, GRACE)

    @pytest.mark.parametrize(
        ("changes", "seconds"),
        [
            ({}, 9.999999),
            ({"fence_at": None}, 10),
            ({"fence_at": NOW + timedelta(seconds=1)}, 10),
            ({"venue_order_id": "v1"}, 10),
            ({"looks": 0}, 86400),
            ({"looks": 5}, 86400),
            ({"doubted_at": DOUBTED - timedelta(seconds=1)}, 86400),
            ({"doubted_at": None}, 86400),
        ],
        ids=[
            "begun within the grace",
            "no fence",
            "late fence",
            "was seen",
            "no look",
            "rounds that a clock put forward hurried",
            "rounds too few for so long a fence",
            "nobody doubted it",
        ],
    )
    def test_nothing_less_proves_it(self, changes: dict[str, object], seconds: float) -> None:
        doubted = order("in_doubt", **PROOF | changes)

        assert not proved_absent(doubted, NOW + timedelta(seconds=seconds), GRACE)

    def test_at_a_venue_nobody_has_tried_nothing_proves_it(self) -> None:
        assert not proved_absent(order("in_doubt", **PROOF), NOW + timedelta(days=1), None)

    @pytest.mark.parametrize(("looks", "proved"), [(2, False), (3, True)])
    def test_where_nothing_arrives_late_it_takes_three_rounds(
        self, looks: int, proved: bool
    ) -> None:
        doubted = order("in_doubt", looks=looks, doubted_at=NOW, fence_at=NOW)

        assert proved_absent(doubted, NOW, timedelta(0)) is proved

    def test_after_ten_minutes_of_doubt_a_person_decides(self) -> None:
        doubted = order("in_doubt", doubted_at=NOW)

        assert timedelta(minutes=10) == DOUBT_BUDGET
        assert not out_of_budget(doubted, NOW + DOUBT_BUDGET - timedelta(microseconds=1))
        assert out_of_budget(doubted, NOW + DOUBT_BUDGET)

    def test_an_order_that_is_not_doubted_is_not_out_of_budget(self) -> None:
        assert not out_of_budget(order("working"), NOW + timedelta(days=1))
