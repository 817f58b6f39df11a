"""The words for approval rules: a card that waits for a veto, who proposed it, rules that changed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bot.telegram import answers, cards, details, messages, policies, trail
from execution.events import EventKind
from execution.outcome import Answer, Outcome
from execution.types import Mode, OrderState, Ticket, TicketState
from tests.bot.telegram.test_trail import event, trail_of
from tests.bot.telegram.views import LOOK, SHORT, at, order, seen, ticket, view, vote

MINUTE = timedelta(seconds=60)


def last_line(shown: Ticket, *votes: str) -> str:
    """What a waiting card says it needs."""
    given = view(shown, votes=tuple(vote(name) for name in votes))
    return seen(cards.card(given, LOOK, short=SHORT).text).splitlines()[-1]


class TestVeto:
    def test_before_it_was_delivered_a_card_says_how_long_it_waits(self) -> None:
        waiting = ticket(veto_window=MINUTE)
        assert last_line(waiting) == "Goes ahead after 1 min unless somebody rejects"

    def test_then_it_says_when_it_goes_ahead(self) -> None:
        waiting = ticket(veto_window=MINUTE, goes_ahead_at=at(61))
        assert last_line(waiting) == "Goes ahead at 14:31:11 unless somebody rejects"

    @pytest.mark.parametrize("after", [300, 301])
    def test_one_that_would_end_after_the_deadline_asks_for_an_approval(self, after: float) -> None:
        waiting = ticket(veto_window=MINUTE, goes_ahead_at=at(after))
        assert last_line(waiting) == "One approval needed · until 14:35:10"

    def test_what_went_ahead_says_by_which_rule(self) -> None:
        gone = ticket(
            TicketState.WORKING, rule="quiet <1>", veto_window=MINUTE, goes_ahead_at=at(72)
        )
        text = seen(
            cards.card(view(gone, orders=(order(OrderState.WORKING),)), LOOK, short=SHORT).text
        )
        assert "Nobody rejected it within 1 min: rule quiet <1> · sent +4 ms" in text

    def test_why_names_the_rule_and_the_window(self) -> None:
        why = details.why(view(ticket(rule="quiet", veto_window=MINUTE)), LOOK, short=SHORT)
        assert "Rule quiet: goes ahead unless rejected within 1 min" in seen(why.reply.text)

    def test_a_late_tap_is_told(self) -> None:
        gone = Answer(outcome=Outcome.WENT_AHEAD, ticket=ticket(), at=at(72))
        popup = answers.tapped(gone, LOOK, may_look=True)
        assert popup == "It went ahead at 14:31:22: nobody had rejected it."

    def test_the_trail_tells_of_it(self) -> None:
        entries = [
            event(
                EventKind.TICKET_PENDING,
                after=0,
                data={"rule": "quiet", "required": "1", "veto_window_s": "60.0"},
            ),
            event(EventKind.VETO_WINDOW, after=1, data={"ends": str(at(61))}),
            event(EventKind.VETO_WINDOW, after=2),
            event(EventKind.TICKET_APPROVED, after=90, actor="rule:quiet"),
        ]
        assert [trail.sentence(trail_of(), entry) for entry in entries] == [
            "Card made, goes ahead unless somebody rejects by rule quiet",
            "Its veto window began",
            "Its veto window stopped, and starts anew once people can be heard",
            "Nobody rejected it in time: goes ahead by rule quiet",
        ]


class TestProposer:
    def test_a_card_says_whose_approval_is_not_enough(self) -> None:
        asked = ticket(required=2, proposer="tg:2222")
        line = last_line(asked)
        assert line == "Two approvals needed besides somebody, who proposed it · until 14:35:10"
        assert "besides" not in last_line(ticket(required=1, proposer="tg:2222"))

    def test_the_proposer_is_told_that_others_must(self) -> None:
        answer = Answer(outcome=Outcome.OWN_PROPOSAL, ticket=ticket(required=2))
        popup = answers.tapped(answer, LOOK, may_look=True)
        assert popup == "You proposed this: others must approve it."


class TestAskedAgain:
    @pytest.mark.parametrize(
        ("reason", "popup"),
        [
            ("the price moved", "The price moved, nothing was sent: look at revision 2."),
            (
                "the rule large applies now",
                "The rule large applies now, nothing was sent: look at revision 2.",
            ),
        ],
    )
    def test_the_pop_up_says_why(self, reason: str, popup: str) -> None:
        again = Answer(outcome=Outcome.MOVED, ticket=ticket(revision=2, reason=reason))
        assert answers.tapped(again, LOOK, may_look=True) == popup

    def test_its_message_says_that_nothing_was_sent(self) -> None:
        again = ticket(revision=2, reason="the approval had become old")
        text = seen(messages.price_moved(view(again), LOOK, short=SHORT).text)
        assert text.endswith(
            "The approval had become old. Earlier votes are void.\n"
            "Nothing was sent. The card has the new terms."
        )

    def test_the_card_says_why_and_shows_no_difference_of_prices(self) -> None:
        again = ticket(revision=2, reason="the position is not what it was")
        text = seen(cards.card(view(again), LOOK, short=SHORT).text)
        assert "The position is not what it was. Earlier votes are void." in text
        assert "You saw" not in text


class TestChanges:
    def test_the_first_policy_is_no_change(self) -> None:
        assert policies.changed(Mode.LIVE, {"digest": "d", "policy": "{}"}) is None

    def test_what_differs_is_listed_by_kind(self) -> None:
        face = policies.changed(
            Mode.LIVE,
            {
                "added": json.dumps(["large", "<b>night</b>"]),
                "removed": json.dumps(["old"]),
                "people": json.dumps(["tg:2222"]),
                "settings": json.dumps(["expires_after"]),
            },
        )
        assert face is not None
        assert seen(face.text) == (
            "LIVE · Rules or people are not those of the last start\n\n"
            "New rules: large and <b>night</b>\n"
            "Rules gone: old\n"
            "People changed: 2222\n"
            "Also changed: expires_after\n\n"
            "Cards that meet another rule now ask again; earlier votes on them are void."
        )

    def test_many_names_are_counted(self) -> None:
        face = policies.changed(Mode.PAPER, {"added": json.dumps([f"r{n}" for n in range(9)])})
        assert face is not None
        assert "r0, r1, r2, r3, r4, r5 and 3 more" in face.text
