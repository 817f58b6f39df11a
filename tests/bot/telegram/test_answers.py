"""The pop-up for everything that can become of a tap."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.telegram import answers, figures
from bot.telegram.faces import POPUP_LIMIT
from execution.outcome import Answer, Outcome
from execution.types import Refusal, TicketState, VoteKind
from tests.bot.telegram.views import LOOK, at, terms, ticket

REVISED = ticket(revision=2, required=2)
TOO_SMALL = Refusal(code="BELOW_MINIMUM", text="5 is under 10", largest=Decimal(0))

POPUPS: dict[str, tuple[Answer, str]] = {
    "approved": (
        Answer(outcome=Outcome.APPROVED, ticket=REVISED, votes=2),
        "Approved. Checked once more, then sent.",
    ),
    "one of two": (
        Answer(outcome=Outcome.COUNTED, ticket=REVISED, votes=1),
        "Your approval counts: 1 of 2.",
    ),
    "rejected": (Answer(outcome=Outcome.REJECTED), "Rejected. Nothing was sent."),
    "another size": (
        Answer(outcome=Outcome.REVISED, ticket=REVISED),
        "Asked again as revision 2. Earlier votes are void.",
    ),
    "nothing is changed": (
        Answer(outcome=Outcome.UNCHANGED, ticket=REVISED),
        "Nothing would change: the card says that already.",
    ),
    "a test": (
        Answer(outcome=Outcome.TESTED, ticket=ticket(terms=terms(test=True))),
        "TEST: Approved, and every check passed again. Nothing is sent.",
    ),
    "a test that moved on": (
        Answer(outcome=Outcome.SUPERSEDED, ticket=ticket(terms=terms(test=True), revision=2)),
        "TEST: Changed since: look at revision 2.",
    ),
    "the price moved": (
        Answer(outcome=Outcome.MOVED, ticket=REVISED),
        "The price moved, nothing was sent: look at revision 2.",
    ),
    "refused at the tap": (
        Answer(
            outcome=Outcome.REFUSED,
            ticket=ticket(TicketState.REFUSED),
            refusals=(TOO_SMALL, TOO_SMALL),
        ),
        "BELOW_MINIMUM: 5 is under 10. Nothing was sent.",
    ),
    "another size refused": (
        Answer(outcome=Outcome.REFUSED, ticket=REVISED, refusals=(TOO_SMALL,)),
        "BELOW_MINIMUM: 5 is under 10. It stays as it was.",
    ),
    "answered": (
        Answer(outcome=Outcome.ANSWERED, name="Ana", vote=VoteKind.APPROVE, at=at(72)),
        "Ana approved this at 14:31:22.",
    ),
    "answered with a rejection": (
        Answer(outcome=Outcome.ANSWERED, name="Ana", vote=VoteKind.REJECT, at=at(72)),
        "Ana rejected this at 14:31:22.",
    ),
    "repeated": (
        Answer(outcome=Outcome.REPEATED, ticket=REVISED, at=at(72)),
        "You approved this at 14:31:22. Others are still needed.",
    ),
    "proposed twice": (
        Answer(outcome=Outcome.REPEATED, ticket=REVISED),
        "This was already proposed again.",
    ),
    "expired": (Answer(outcome=Outcome.EXPIRED, at=at(300)), "Expired at 14:35:10."),
    "superseded": (
        Answer(outcome=Outcome.SUPERSEDED, ticket=REVISED),
        "Changed since: look at revision 2.",
    ),
    "halted": (
        Answer(outcome=Outcome.HALTED, name="Olga", at=at(0)),
        "Halted by Olga at 14:30:10.",
    ),
    "canceled before it was sent": (
        Answer(outcome=Outcome.CANCELED, ticket=ticket(TicketState.CANCELED)),
        "Canceled. Nothing was sent.",
    ),
    "cancel asked for": (
        Answer(outcome=Outcome.CANCELED, ticket=ticket(TicketState.WORKING)),
        "The exchange is asked to cancel what is left. The card says when it has.",
    ),
    "proposed again": (
        Answer(outcome=Outcome.PROPOSED, ticket=REVISED),
        "Proposed again: it is checked anew and gets its own card.",
    ),
    "ended": (
        Answer(outcome=Outcome.ENDED, ticket=ticket(TicketState.DONE)),
        "Nothing to do here any more. The ticket is done.",
    ),
    "unknown": (Answer(outcome=Outcome.UNKNOWN), "This is not known here any more."),
}


@pytest.mark.parametrize("tap", POPUPS)
def test_a_tap_is_answered(tap: str) -> None:
    answer, text = POPUPS[tap]

    assert answers.tapped(answer, LOOK, may_look=True) == text


@pytest.mark.parametrize(
    ("may_look", "text"),
    [(True, "You can look, not approve."), (False, "You are not on this desk's list.")],
)
def test_a_forbidden_tap_says_so(may_look: bool, text: str) -> None:
    forbidden = Answer(outcome=Outcome.NOT_ALLOWED, ticket=REVISED)

    assert answers.tapped(forbidden, LOOK, may_look=may_look) == text


@settings(deadline=None)
@given(st.sampled_from(Outcome), st.text(max_size=4096), st.booleans())
def test_every_outcome_has_a_pop_up_that_fits(outcome: Outcome, words: str, knows: bool) -> None:
    answer = Answer(
        outcome=outcome,
        ticket=REVISED if knows else None,
        name=words,
        refusals=(TOO_SMALL.evolve(text=words),),
    )

    text = answers.tapped(answer, LOOK, may_look=False)

    assert 0 < figures.utf16(text) <= POPUP_LIMIT
