"""Whatever others write, Telegram takes every message, and it says what it says without it.

Read by the playground's parser, which refuses what Telegram refuses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.playground.formatting import parse_html, utf16_length
from bot.telegram import (
    cards,
    daily,
    details,
    doubts,
    exits,
    figures,
    lists,
    messages,
    notices,
    replies,
)
from bot.telegram.faces import CAPTION_LIMIT, TEXT_LIMIT, Face
from execution.reports import DayView, TicketView
from execution.trading import Flatten
from execution.types import Mode, Order, OrderState, TicketState, VoteKind
from tests.bot.telegram import test_cards, test_doubts, test_exits, test_messages, test_replies
from tests.bot.telegram.views import LOOK, SHORT, at, fill, order, ticket, view, vote

LONG = 5000
PLAIN = "plain"
TS, OS = TicketState, OrderState

written = st.text(
    st.one_of(
        st.sampled_from(
            "<>&\"'/;#`*_[]()\u202e\u2066\u2069\u200f\u200b\u0000\n\t\ud800שאع🚀👩e\u0301"
        ),
        st.characters(),
    ),
    max_size=LONG,
)


def of_others(words: str, state: TicketState, *orders: Order) -> TicketView:
    """A ticket in which everything that others word is worded so."""
    about = ticket(state, note=words, strategy=words, reason=words, source=words, rule=words)
    refusals = (replace(test_cards.TOO_LARGE, text=words),) * 5
    said = tuple(
        vote(words, kind, id=f"{kind}{n}", person=f"tg:{n}") for kind in VoteKind for n in range(5)
    )
    return view(
        about.evolve(refusals=refusals, asked=about.asked.evolve(symbol=words)),
        votes=said,
        orders=tuple(one.evolve(reason=words, cancel_reason=words) for one in orders),
        fills=(fill("0.0166", "60008.1", fee_currency=words),) if orders else (),
        exchange=words,
    )


def many(words: str) -> list[TicketView]:
    return [of_others(words, TS.WORKING, order(OS.WORKING))] * lists.PAGE


SENT = {
    TS.WORKING: OS.WORKING,
    TS.DONE: OS.CANCELED,
    TS.CANCELED: OS.CANCELED,
    TS.FAILED: OS.REJECTED,
}
"""What became of the order of a ticket that had one."""


def of_card(state: TicketState, words: str) -> Face:
    """The card of a ticket in this state; with an order, where one went out."""
    orders = (order(SENT[state]),) if state in SENT else ()
    return cards.card(of_others(words, state, *orders), LOOK, short=SHORT)


OF_POSITIONS = {
    "going on": test_exits.PARTLY,
    "left over": test_exits.STOPPED,
}


def of_flatten(how: str, words: str) -> Face:
    """The checklist of a halt under which everything is to be closed, of many venues and positions."""
    by = Flatten(by="tg:1", name=words, at=at(0))
    one = OF_POSITIONS[how].evolve(symbol=words, exchange=words, venue=words)
    sweep = test_messages.MAIN.evolve(exchange=words, name=words, ended=2, kept=[order(OS.WORKING)])
    return messages.halted(
        Mode.LIVE,
        test_messages.HALT.evolve(name=words, reason=words, flatten=by),
        [sweep] * 12,
        LOOK,
        exits=[one.evolve(reason=words if one.reason else None)] * 14,
    )


def of_closing(state: TicketState, words: str) -> Face:
    """The card of a closing that somebody else's words are about."""
    orders = (order(SENT[state]),) if state in SENT else ()
    made = of_others(words, state, *orders)
    named = made.signal.evolve(proposer="tg:1", proposer_name=words)
    terms = test_exits.WAY_OUT
    return cards.card(
        made.evolve(signal=named, ticket=made.ticket.evolve(terms=terms)), LOOK, short=SHORT
    )


CLOSINGS = (TicketState.APPROVED, TicketState.WORKING, TicketState.DONE, TicketState.FAILED)
FACES: dict[str, Callable[[str], Face]] = {
    "why": lambda w: details.why(of_others(w, TS.REFUSED), LOOK, short=SHORT).reply,
    "the sizes of an edit": lambda w: details.edit_question(
        of_others(w, TS.PENDING), LOOK, short=SHORT
    ),
    "a fill": lambda w: messages.filled(
        of_others(w, TS.DONE, order(OS.CANCELED)), LOOK, short=SHORT
    ),
    "a refusal": lambda w: messages.refusal(of_others(w, TS.REFUSED), LOOK),
    "refusals counted": lambda w: messages.refusals(Mode.LIVE, w, 9, {w: 9}, at(0), LOOK),
    "a failure": lambda w: messages.trouble(
        of_others(w, TS.FAILED, order(OS.REJECTED)), LOOK, short=SHORT
    ),
    "a trade that changed": lambda w: messages.conflict(
        of_others(w, TS.DONE, order(OS.FILLED)), w, w, w, short=SHORT
    ),
    "a doubt": lambda w: doubts.doubt(
        of_others(w, TS.WORKING, test_doubts.stuck(venue_order_id=w)), LOOK, short=SHORT
    ),
    "an id that is not it": lambda w: doubts.not_adopted(
        of_others(w, TS.WORKING, test_doubts.stuck()), w, w, short=SHORT
    ),
    "a question for an id": lambda w: doubts.question(
        of_others(w, TS.WORKING, test_doubts.stuck()),
        test_doubts.stuck(),
        short=SHORT,
        user_id=1,
        name=w,
    ),
    "an order that rose": lambda w: doubts.risen(
        of_others(w, TS.WORKING, order(OS.WORKING)), LOOK, w, short=SHORT
    ),
    "a halt": lambda w: messages.halted(
        Mode.LIVE,
        test_messages.HALT.evolve(name=w, reason=w),
        [test_messages.SPOT.evolve(exchange=w, name=w)] * 30,
        LOOK,
    ),
    **{f"a flatten, {how}": partial(of_flatten, how) for how in OF_POSITIONS},
    "positions": lambda w: lists.held(
        Mode.LIVE,
        [test_exits.POSITION.evolve(symbol=w, venue=w)] * lists.PAGE,
        asked=exits.subject(w, w),
        tapped_at=at(0),
    ),
    "what a halt leaves": lambda w: messages.not_done(Mode.LIVE, w),
    "a venue lost": lambda w: messages.venue_down(test_messages.LOST.evolve(reason=w, exchange=w)),
    "a chat not heard": lambda w: notices.heard_again(Mode.LIVE, w, at(0), at(60), LOOK),
    "the status": lambda w: replies.status(
        replace(
            test_replies.STATUS,
            venues=[test_replies.LOST.evolve(reason=w, exchange=w, name=w)] * 30,
            working=many(w),
            positions=[test_replies.HOLDING.evolve(symbol=w, venue=w)] * 30,
        ),
        LOOK,
        now=at(72),
        short=lambda _: SHORT,
    ),
    "the daily message": lambda w: daily.daily(
        DayView(
            mode=Mode.LIVE,
            trading=test_replies.HALTED,
            venues=[test_replies.LOST.evolve(reason=w, exchange=w, name=w)] * 30,
            unknown=1,
            working=many(w),
            positions=[test_replies.HOLDING.evolve(symbol=w, venue=w)] * 30,
            yesterday={w: Decimal(1)},
            today={},
        ),
        LOOK,
        at=at(72),
        undelivered=1,
        head=(1, "ab" * 32),
        shorts={many(w)[0].ticket.id: SHORT},
    ),
    "what waits": lambda w: lists.waiting(
        Mode.LIVE,
        lists.Paged(views=[of_others(w, TS.PENDING)] * lists.PAGE),
        LOOK,
        short=lambda _: SHORT,
    ),
    "orders at work": lambda w: lists.working(
        Mode.LIVE, lists.Paged(views=many(w)), short=lambda _: SHORT
    ),
    "the history": lambda w: lists.history(
        Mode.LIVE,
        lists.Paged(views=[of_others(w, TS.REJECTED)] * lists.PAGE),
        LOOK,
        short=lambda _: SHORT,
    ),
    "a misspelt command": lambda w: replies.unknown_command(Mode.LIVE, w, None),
    "an unknown ticket": lambda w: replies.no_such_ticket(Mode.LIVE, w, 0),
    **{f"card, {state}": partial(of_card, state) for state in TicketState},
    **{f"card of a closing, {state}": partial(of_closing, state) for state in CLOSINGS},
    "a person": lambda w: replies.whoami(Mode.LIVE, 1, w, None),
}


@pytest.mark.parametrize("what", FACES)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(written)
@example("<" * LONG)
@example("</b></code></blockquote>" * 200)
@example("&lt;&#60;&amp" * 400)
@example("🚀" * LONG)
@example("ש" * LONG)
@example("\u202e\u2066<a href='tg://user?id=1'>" * 200)
@example("\n" * LONG)
@example("0" * LONG)
def test_message_is_taken_and_nobody_adds_to_its_markup(what: str, words: str) -> None:
    def read(words: str) -> tuple[str, Counter[str]]:
        text, entities = parse_html(figures.unbroken(FACES[what](words).text))
        return text, Counter(entity["type"] for entity in entities)

    text, markup = read(words)

    assert utf16_length(text) <= (CAPTION_LIMIT if what.startswith("card") else TEXT_LIMIT)
    assert text.startswith(("LIVE", "SANDBOX"))
    assert not set(text) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u0000")
    assert markup <= read(PLAIN)[1]
