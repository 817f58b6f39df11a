"""What `Why` and `Edit` unfold, as people read it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.telegram import details, figures
from bot.telegram.faces import POPUP_LIMIT, TEXT_LIMIT, Action, Face
from execution.types import (
    OrderState,
    Refusal,
    TicketState,
)
from tests.bot.telegram.views import (
    LOOK,
    SHORT,
    fill,
    order,
    rows,
    seen,
    terms,
    ticket,
    view,
    vote,
)

TS, OS = TicketState, OrderState
ANA = (vote(),)
WHOLE = (fill("0.0415", "60009.8"),)
FILLED = view(
    ticket(TS.DONE), votes=ANA, orders=(order(OS.FILLED, venue_order_id="998"),), fills=WHOLE
)
TOO_LARGE = Refusal(code="MAX_ORDER_NOTIONAL", text="54 000 is over 1 000", largest=Decimal(1000))
HOURS = Refusal(code="TRADING_HOURS", text="closed until Monday 08:00")
BIG = terms(amount=Decimal("0.9"), value=Decimal(54000))
REFUSED = view(ticket(TS.REFUSED, terms=BIG, refusals=(TOO_LARGE,)))
STUCK = view(
    ticket(TS.WORKING), votes=ANA, orders=(order(OS.STUCK, reason="no answer for 10 min"),)
)


FACES: dict[str, tuple[Face, str, list[str]]] = {
    "why": (
        details.why(view(ticket()), LOOK, short=SHORT).reply,
        """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT</b>
binance main
<blockquote expandable>14 checks passed
Rule default: one approval
Best ask 60 004
0.0415 BTC is 2 490.51 USDT
At the stop −46.16 USDT
At the targets +92.86 USDT</blockquote>""",
        [],
    ),
    "why it was refused": (
        details.why(REFUSED, LOOK, short=SHORT).reply,
        """<b>LIVE · T-7F3K BUY 0.9 BTC/USDT</b>
binance main
<blockquote expandable>MAX_ORDER_NOTIONAL: 54 000 is over 1 000.
14 checks passed
Rule default: one approval
Best ask 60 004
0.9 BTC is 2 490.51 USDT
At the stop −21 707.42 USDT
At the targets +43 664.61 USDT</blockquote>""",
        [],
    ),
    "details of a fill": (
        details.why(FILLED, LOOK, short=SHORT).reply,
        """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT</b>
binance main
<blockquote expandable>14 checks passed
Rule default: one approval
Best ask 60 004
0.0415 BTC is 2 490.51 USDT
At the stop −46.16 USDT
At the targets +92.86 USDT
Order cs1a2b3c4d, 998 at binance: filled
/audit T-7F3K: who did what when</blockquote>""",
        [],
    ),
    "details of what is stuck": (
        details.why(STUCK, LOOK, short=SHORT).reply,
        """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT</b>
binance main
<blockquote expandable>14 checks passed
Rule default: one approval
Best ask 60 004
0.0415 BTC is 2 490.51 USDT
At the stop −46.16 USDT
At the targets +92.86 USDT
Order cs1a2b3c4d: stuck
No answer for 10 min.
/audit T-7F3K: who did what when</blockquote>""",
        [],
    ),
    "edit": (
        details.edit_question(view(ticket()), LOOK, short=SHORT),
        """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT: what should change?</b>
binance main · take a size, or reply to this with what changes:
<code>0.0415</code> · <code>$2490.51</code> · <code>@ 60012.4</code> · <code>sl 58900</code> · <code>tp 61500 tp 63000</code>
Several fit one line. The card asks again, earlier votes are void.""",
        ["¼ 622.6 USDT | ½ 1 245 USDT", "¾ 1 868 USDT"],
    ),
    "edit again": (
        details.edit_question(
            view(ticket(terms=terms(amount=Decimal("0.02075"), value=Decimal("1245.2573")))),
            LOOK,
            short=SHORT,
        ),
        """<b>LIVE · T-7F3K BUY 0.02075 BTC/USDT: what should change?</b>
binance main · take a size, or reply to this with what changes:
<code>0.02075</code> · <code>$2490.51</code> · <code>@ 60012.4</code> · <code>sl 58900</code> · <code>tp 61500 tp 63000</code>
Several fit one line. The card asks again, earlier votes are void.""",
        ["¼ 622.6 USDT | ¾ 1 868 USDT", "All 2 491 USDT"],
    ),
}


@pytest.mark.parametrize("what", FACES)
def test_it_reads(what: str) -> None:
    face, text, buttons = FACES[what]

    assert face.text == text
    assert rows(face) == buttons


@pytest.mark.parametrize("what", FACES)
def test_it_begins_with_a_badge_and_is_valid_html(what: str) -> None:
    assert seen(FACES[what][0].text).startswith(("LIVE ", "SANDBOX ", "PAPER "))


def test_why_is_a_pop_up_when_all_of_it_fits() -> None:
    told = details.why(view(ticket()), LOOK, short=SHORT)

    assert told.popup is not None
    assert told.popup in seen(told.reply.text)


def test_why_is_a_reply_when_it_is_too_long_for_a_pop_up() -> None:
    reasons = tuple(Refusal(code=f"RULE_{i}", text="x" * 60) for i in range(4))

    told = details.why(view(ticket(TS.REFUSED, refusals=reasons)), LOOK, short=SHORT)

    assert told.popup is None
    assert "RULE_3: x" in told.reply.text


def test_why_of_a_ticket_that_was_never_sized_tells_the_refusal_alone() -> None:
    unsized = ticket(TS.REFUSED, terms=None, refusals=(HOURS,))

    told = details.why(view(unsized), LOOK, short=SHORT)

    assert told.popup == "TRADING_HOURS: closed until Monday 08:00."


def test_a_size_in_another_currency_is_told_in_both() -> None:
    crossed = terms(symbol="ETH/BTC", notional=Decimal("0.08"), value=Decimal(4800))

    told = details.why(view(ticket(terms=crossed, required=0)), LOOK, short=SHORT)

    assert "ETH is 0.08 BTC, 4 800 USDT" in told.reply.text
    assert "Rule default: no approval" in told.reply.text


def test_the_question_says_how_to_give_an_order_what_it_has_not() -> None:
    bare = terms(price=None, worst_price=Decimal(60_252), stop_loss=None, take_profit=())

    asked = details.edit_question(view(ticket(terms=bare)), LOOK, short=SHORT)

    assert (
        "<code>@ price</code> · <code>sl price</code> · <code>tp price</code>"
        in asked.text.replace("\u00a0", " ")
    )


def test_sizes_are_parts_of_what_was_asked_for_in_the_base_asset() -> None:
    buttons = [b for row in FACES["edit again"][0].buttons for b in row]

    assert {b.action for b in buttons} == {Action.RESIZE}
    assert [b.value for b in buttons] == [
        Decimal("0.010375"),
        Decimal("0.031125"),
        Decimal("0.0415"),
    ]


@example("0" * 4096, 40)
@settings(deadline=None)
@given(st.text(max_size=4096), st.integers(0, 40))
def test_whatever_others_wrote_why_is_valid_and_fits(words: str, count: int) -> None:
    shown = view(
        ticket(TS.REFUSED, rule=words, refusals=(HOURS.evolve(text=words),) * count),
        orders=(order(OS.REJECTED, reason=words, venue_order_id="9"),) * count,
        exchange=words,
    )

    told = details.why(shown, LOOK, short=SHORT)

    assert figures.utf16(seen(told.reply.text)) <= TEXT_LIMIT
    assert told.popup is None or figures.utf16(told.popup) <= POPUP_LIMIT
