"""What people read of an order whose rest goes out again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.telegram import cards, messages
from bot.telegram.faces import Face
from execution.figures import THIN
from execution.orders import TIMED_OUT
from execution.reports import TicketView
from execution.types import Fill, OnTimeout, Order, OrderState, Ticket, TicketState
from tests.bot.telegram.views import LOOK, SHORT, at, fill, order, seen, terms, ticket, view, vote

TS, OS = TicketState, OrderState
REPRICE, MARKET = OnTimeout.REPRICE, OnTimeout.MARKET
FIRST = order(OS.CANCELED, cancel_reason=TIMED_OUT)


def asked(on_timeout: OnTimeout, state: TicketState = TS.WORKING, **changes: object) -> Ticket:
    """A ticket the desk prices, whose rest goes out again."""
    priced = terms(
        price=None,
        worst_price=Decimal("60244.02"),
        stop_loss=None,
        take_profit=(),
        on_timeout=on_timeout,
    )
    return ticket(state, terms=priced, **changes)


def leg(n: int, state: OrderState, amount: str, **changes: object) -> Order:
    given = {"id": f"o{n}", "leg": f"entry-{n}", "amount": Decimal(amount), "cancel_after": at(133)}
    return order(state, **given | changes)


PART = (fill("0.0166", "60008.1"),)
MORE = (*PART, fill("0.0249", "60050.2", order="o2", at=at(103)))


def shown(about: Ticket, *orders: Order, fills: tuple[Fill, ...] = ()) -> TicketView:
    return view(about, votes=(vote(),), orders=orders, fills=fills)


def lines_of(face: Face) -> list[str]:
    """The first paragraph as one would type it: thin spaces are blanks."""
    return seen(face.text).replace(THIN, " ").partition("\n\n")[0].split("\n")


def card(about: Ticket, *orders: Order, fills: tuple[Fill, ...] = ()) -> list[str]:
    return lines_of(cards.card(shown(about, *orders, fills=fills), LOOK, short=SHORT))


@pytest.mark.parametrize(
    ("on_timeout", "said"),
    [
        (OnTimeout.CANCEL, "At most 60 244.02, for 30 s"),
        (REPRICE, "At most 60 244.02, for 30 s, then repriced up to 3 times"),
        (MARKET, "At most 60 244.02, for 30 s, then at the market"),
    ],
)
def test_people_approve_what_becomes_of_the_rest(on_timeout: OnTimeout, said: str) -> None:
    face = cards.card(view(asked(on_timeout, TS.PENDING)), LOOK, short=SHORT)
    assert lines_of(face)[1:3] == [f"binance main · {SHORT}", said]


@pytest.mark.parametrize(
    ("on_timeout", "orders", "said"),
    [
        (REPRICE, (order(OS.WORKING),), "What is left is priced anew at 14:31:52"),
        (
            MARKET,
            (order(OS.WORKING),),
            "What is left takes the market at 14:31:52, at most 60 244.02",
        ),
        (
            REPRICE,
            (FIRST, leg(2, OS.CANCELED, "0.0249"), leg(3, OS.WORKING, "0.0249")),
            "What is left is priced anew at 14:32:23",
        ),
        (
            REPRICE,
            (FIRST, *(leg(n, OS.CANCELED, "0.0249") for n in (2, 3)), leg(4, OS.WORKING, "0.0249")),
            "What is left is canceled at 14:32:23",
        ),
    ],
)
def test_a_resting_order_says_what_comes_next(
    on_timeout: OnTimeout, orders: tuple[Order, ...], said: str
) -> None:
    assert card(asked(on_timeout), *orders)[4] == said


def test_while_the_cancel_is_on_its_way_it_says_that_the_rest_goes_out_again() -> None:
    first = order(OS.CANCELING, cancel_reason=TIMED_OUT)
    assert card(asked(REPRICE), first)[4] == (
        "Its time to rest was over. Not done until the exchange says so. "
        "Then what is left goes out again."
    )
    by_hand = order(OS.CANCELING, cancel_reason="canceled by Ana")
    assert "again" not in card(asked(REPRICE), by_hand)[4]


def test_between_two_legs_it_says_so() -> None:
    headline, _, _, so_far, told, *_ = card(asked(REPRICE), FIRST, fills=PART)
    assert headline == "LIVE · BUY 0.0415 BTC/USDT · sending the rest again"
    assert so_far.startswith("████░░░░░░ 40 %")
    assert told == "What is left is checked once more, then sent."


def test_progress_is_of_the_whole_not_of_the_last_leg() -> None:
    second = leg(2, OS.WORKING, "0.0249")
    headline, _, _, so_far, *_ = card(asked(REPRICE), FIRST, second, fills=PART)
    assert headline == "LIVE · BUY 0.0415 BTC/USDT · working, 40 % filled"
    assert so_far == "████░░░░░░ 40 %   0.0166 at 60 008.10"


def test_all_legs_together_fill_it() -> None:
    about = shown(asked(REPRICE, TS.DONE), FIRST, leg(2, OS.FILLED, "0.0249"), fills=MORE)
    headline = lines_of(cards.card(about, LOOK, short=SHORT))[0]
    assert headline == "LIVE · BUY 0.0415 BTC/USDT · filled at 60 033.36"
    told = lines_of(messages.filled(about, LOOK, short=SHORT))
    assert told[0] == (f"LIVE main · Filled: bought 0.0415 BTC/USDT at 60 033.36 · {SHORT}")
    assert len(told) == 2


def test_a_rest_that_was_not_sent_says_why() -> None:
    why = f"{TIMED_OUT}, the rest was not sent: the price moved past what was approved."
    about = shown(asked(MARKET, TS.DONE, reason=why), FIRST, fills=PART)
    said = (
        "Its time to rest was over, the rest was not sent: the price moved past what was approved."
    )
    assert said in lines_of(cards.card(about, LOOK, short=SHORT))
    told = lines_of(messages.filled(about, LOOK, short=SHORT))
    assert told[0].startswith("LIVE main · Partly filled: bought 0.0166 of 0.0415 BTC/USDT")
    assert told[2] == said


def test_a_ticket_of_which_nothing_filled_does_not_say_that_nothing_was_sent() -> None:
    held_back = leg(2, OS.DENIED, "0.0415", sent_at=None, acknowledged_at=None)
    about = asked(REPRICE, TS.CANCELED, reason="no connection")
    headline, _, _, why, *_ = card(about, FIRST, held_back)
    assert headline == "LIVE · BUY 0.0415 BTC/USDT · canceled, nothing filled"
    assert why == "No connection."
