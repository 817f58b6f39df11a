"""Messages about an order nobody knows the outcome of: the evidence, the decisions, what it came to."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.telegram import doubts, figures
from bot.telegram.faces import TEXT_LIMIT, Action, ButtonStyle
from execution.types import Order, OrderState, TicketState
from tests.bot.telegram.views import LOOK, SHORT, at, fill, order, rows, ticket, view, vote

TS, OS = TicketState, OrderState


def stuck(**changes: object) -> Order:
    """An order that was looked for in vain for ten minutes."""
    given = {"acknowledged_at": None, "fence_at": at(78), "looks": 23} | changes
    return order(OS.STUCK, **given)


def told(one: Order, *earlier: Order, confirming: bool = False) -> doubts.Face:
    shown = view(ticket(TS.WORKING), votes=(vote(),), orders=(*earlier, one))
    return doubts.doubt(shown, LOOK, short=SHORT, confirming=confirming)


def test_evidence_stands_above_the_decisions() -> None:
    face = told(stuck())

    assert (
        face.text
        == """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT: unknown at binance, a person must decide</b>
binance main
binance did not show within 10 min what became of the order.
It is still looked for and will not be sent again.

Sent 14:31:22. If it still arrives after 14:31:28, binance refuses it.
23 complete looks by id, in open and past orders and in trades: not there
Our id there: <code>cs1a2b3c4d</code>

BTC/USDT takes no new order at binance main until this is known."""
    )
    assert rows(face) == ["Look again | Details", "Mark as absent", "Adopt an id"]


def test_looks_that_were_not_answered_are_no_evidence_of_absence() -> None:
    text = told(stuck(looks=0)).text

    assert "No complete look: binance did not answer all that is asked" in text
    assert "not there" not in text


def test_order_that_had_been_accepted_needs_no_other_id() -> None:
    face = told(stuck(acknowledged_at=at(72.086), venue_order_id="998"))

    assert "binance had accepted it as <code>998</code>" in face.text
    assert rows(face) == ["Look again | Details", "Mark as absent"]


def test_cancel_of_what_nobody_can_prove_is_said_to_go_out_with_each_look() -> None:
    cancel = "A cancel goes out with each look, in case it is there"

    assert cancel in told(stuck(cancel_requested_at=at(700), cancel_reason="canceled by Ana")).text
    assert cancel not in told(stuck()).text


def test_decision_is_about_the_order_in_question_though_a_later_one_lives() -> None:
    later = order(OS.WORKING, id="o2", leg="entry-2")
    shown = view(ticket(TS.WORKING), orders=(stuck(client_order_id="cs-first"), later))
    face = doubts.doubt(shown, LOOK, short=SHORT, confirming=True)

    assert "Our id there: <code>cs-first</code>" in face.text
    assert face.buttons[1][0].value == Decimal(0)


def test_second_tap_is_another_label_of_the_same_button_bound_to_its_order() -> None:
    earlier = order(OS.CANCELED, id="o0")
    face = told(stuck(), earlier, confirming=True)
    confirm = face.buttons[1][0]

    assert rows(face) == ["Look again | Details", "Confirm absent at binance", "Adopt an id"]
    assert confirm.action is Action.CONFIRM_ABSENT
    assert (confirm.value, confirm.style) == (Decimal(1), ButtonStyle.DANGER)
    assert "Look at binance yourself before you confirm" in face.text
    assert told(stuck()).text in face.text


def test_doubt_that_is_over_says_what_was_found_instead() -> None:
    found = told(order(OS.WORKING))

    assert found.text.startswith("<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT · working</b>")
    assert "Found: binance knows the order." in found.text
    assert rows(found) == ["Cancel | Edit | Details"]


def test_absent_order_is_not_called_found() -> None:
    gone = order(OS.ABSENT, acknowledged_at=None, reason="marked as absent by Olga")
    shown = view(ticket(TS.FAILED), votes=(vote(),), orders=(gone,))
    face = doubts.doubt(shown, LOOK, short=SHORT)

    assert "no order at binance" in face.text
    assert "Marked as absent by Olga. Nothing was filled." in face.text
    assert "Found" not in face.text
    assert rows(face) == ["Details | Propose again"]


def test_question_mentions_who_is_asked_and_takes_a_typed_reply() -> None:
    shown = view(ticket(TS.WORKING), orders=(stuck(),))
    face = doubts.question(shown, stuck(), short=SHORT, user_id=1111, name="Ol<ga")

    assert face.text.startswith(
        "<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT: which order at binance is it?</b>"
    )
    assert '<a href="tg://user?id=1111">Ol&lt;ga</a>, reply with its id' in face.text
    assert "shows a buy of 0.0415 BTC/USDT at 60 012.40 under that id" in face.text
    assert face.asks_for == "order id"


def test_order_that_rose_says_so_first_then_how_it_ended_here_and_how_it_stands() -> None:
    shown = view(ticket(TS.FAILED), votes=(vote(),), orders=(order(OS.WORKING),))
    face = doubts.risen(shown, LOOK, "marked as absent by Olga", short=SHORT)

    assert (
        face.text
        == """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT: it exists after all at binance</b>
binance main
It had ended here: marked as absent by Olga.
Now working.
Nothing filled yet, working at 60 012.40
What is left is canceled at 14:31:52""".replace("60 012", f"60{figures.THIN}012")
    )
    assert rows(face) == ["Cancel | Details"]


def test_id_that_does_not_fit_changes_nothing_and_says_why() -> None:
    shown = view(ticket(TS.WORKING), orders=(stuck(),))
    face = doubts.not_adopted(shown, "998", "main shows sell 1 BTC/USDT under that id", short=SHORT)

    assert "<code>998</code> is not it" in face.text
    assert "Not taken: main shows sell 1 BTC/USDT under that id. Nothing changed." in face.text


@settings(max_examples=30, deadline=None)
@example("0" * 4096)
@given(st.text(max_size=4096))
@pytest.mark.parametrize("state", [OS.STUCK, OS.IN_DOUBT, OS.ABSENT])
def test_whatever_others_wrote_the_text_fits(state: OrderState, words: str) -> None:
    asked = order(state, acknowledged_at=None, reason=words, looks=3)
    shown = view(
        ticket(TS.WORKING), orders=(asked,), fills=(fill("0.01", "60000"),), exchange=words
    )

    for face in (
        doubts.doubt(shown, LOOK, short=SHORT),
        doubts.risen(shown, LOOK, words, short=SHORT),
        doubts.not_adopted(shown, words[:64], words, short=SHORT),
        doubts.adopted(shown, LOOK, words[:64], short=SHORT),
        doubts.question(shown, asked, short=SHORT, user_id=1, name=words),
    ):
        assert figures.utf16(face.text) <= TEXT_LIMIT
        assert face.text.startswith("<b>LIVE · T-7F3K")
