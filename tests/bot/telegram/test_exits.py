"""What people read of positions that are to be closed: on the card of a closing, in a halt's checklist, on buttons."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.telegram import cards, exits, lists, messages, trail
from bot.telegram.faces import Action, ButtonStyle, Face
from bot.telegram.messages import Sweep
from execution.checklist import ExitView
from execution.events import Event, EventKind
from execution.reports import PositionView, TicketView, Trail
from execution.trading import Flatten, Halt
from execution.types import (
    Fill,
    Mode,
    OnTimeout,
    Order,
    OrderState,
    OrderType,
    Side,
    Ticket,
    TicketState,
    TimeInForce,
)
from tests.bot.telegram.views import (
    LOOK,
    NOON,
    SHORT,
    at,
    fill,
    order,
    rows,
    seen,
    terms,
    ticket,
    view,
)

D = Decimal
TS, OS = TicketState, OrderState

# --- the card of a closing -------------------------------------------------------------------------

WAY_OUT = terms(
    side=Side.SELL,
    type=OrderType.MARKET,
    price=None,
    time_in_force=TimeInForce.IOC,
    rests_for=None,
    on_timeout=OnTimeout.LEAVE,
    stop_loss=None,
    take_profit=(),
    reduce_only=True,
    reduces=True,
    closing=True,
)
TOO_LITTLE = "too little to be closed"
DUST = "0.00004 BTC is left: main trades no less than 0.00009"


def asked(state: TicketState, reason: str | None = None) -> Ticket:
    """The ticket of somebody who asked to be out of a position."""
    return ticket(
        state,
        terms=WAY_OUT,
        source="a close",
        strategy=None,
        rule="close",
        required=0,
        checks=0,
        expires_at=None,
        decided_at=NOON,
        proposer="tg:2222",
        reason=reason,
    )


def cut(number: int, state: OrderState, amount: str, **changes: object) -> Order:
    """A slice of it."""
    given = {
        "id": f"o{number}",
        "leg": "exit" if number == 1 else f"exit-{number}",
        "side": Side.SELL,
        "amount": D(amount),
        "price": D(59952),
        "time_in_force": TimeInForce.IOC,
        "created_at": NOON,
        "sent_at": at(0.004),
        "acknowledged_at": at(0.09),
        "cancel_after": None,
    }
    return order(state, **given | changes)


def unsent(number: int, amount: str, reason: str) -> Order:
    return cut(number, OS.DENIED, amount, reason=reason, sent_at=None, acknowledged_at=None)


def sold(number: int, amount: str, price: str = "60000") -> Fill:
    return fill(amount, price, order=f"o{number}", side=Side.SELL, fee=D(1), at=at(0.09))


def closing(about: Ticket, *orders: Order, fills: tuple[Fill, ...] = ()) -> TicketView:
    shown = view(about, orders=orders, fills=fills)
    return shown.evolve(signal=shown.signal.evolve(proposer="tg:2222", proposer_name="Ana"))


HALF = (sold(1, "0.02"),)
BY_OLGA = "canceled by Olga"
WORKING, DONE = asked(TS.WORKING), asked(TS.DONE)
CUT = cut(1, OS.EXPIRED, "0.0415")
BUTTONS = ["Cancel the rest | Details"]
CARDS: dict[str, tuple[TicketView, str, list[str]]] = {
    "asked for": (
        closing(asked(TS.APPROVED)),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT ≈ 2 491 USDT · being closed</b>
binance main · T-7F3K
Market, in slices near the best price
Each slice takes at once what the book has; what is left follows.

a close, Ana asked for it at 14:30:10""",
        BUTTONS,
    ),
    "a slice on its way": (
        closing(WORKING, cut(1, OS.SENDING, "0.02", acknowledged_at=None)),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT ≈ 2 491 USDT · being closed</b>
binance main · T-7F3K
Market, in slices near the best price
Each slice takes at once what the book has; what is left follows.
sent +4 ms

a close, Ana asked for it at 14:30:10""",
        BUTTONS,
    ),
    "between two slices": (
        closing(WORKING, CUT, fills=HALF),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT ≈ 2 491 USDT · being closed, 48 % done</b>
binance main · T-7F3K
Market, in slices near the best price
████░░░░░░ 48 %   0.02 at 60 000
Each slice takes at once what the book has; what is left follows.
sent +4 ms · acknowledged +90 ms · last fill +90 ms

a close, Ana asked for it at 14:30:10""",
        BUTTONS,
    ),
    "the last slice was refused": (
        closing(
            WORKING,
            cut(1, OS.FILLED, "0.02"),
            cut(2, OS.REJECTED, "0.0215", reason="Account has insufficient balance"),
            fills=HALF,
        ),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT ≈ 2 491 USDT · being closed, 48 % done</b>
binance main · T-7F3K
Market, in slices near the best price
████░░░░░░ 48 %   0.02 at 60 000
Account has insufficient balance.
Each slice takes at once what the book has; what is left follows.
sent +4 ms · acknowledged +90 ms · last fill +90 ms

a close, Ana asked for it at 14:30:10""",
        BUTTONS,
    ),
    "a slice did not leave": (
        closing(WORKING, unsent(1, "0.0415", "no connection")),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT ≈ 2 491 USDT · being closed</b>
binance main · T-7F3K
Market, in slices near the best price
No connection.
Each slice takes at once what the book has; what is left follows.

a close, Ana asked for it at 14:30:10""",
        BUTTONS,
    ),
    "somebody canceled it, a slice still out": (
        closing(WORKING, cut(1, OS.CANCELING, "0.0415", cancel_reason=BY_OLGA), fills=HALF),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT · canceling the rest</b>
binance main · T-7F3K
Market, in slices near the best price
████░░░░░░ 48 %   0.02 at 60 000
Canceled by Olga. Not done until the exchange says so.
sent +4 ms · acknowledged +90 ms · last fill +90 ms

a close, Ana asked for it at 14:30:10""",
        [],
    ),
    "a slice in doubt": (
        closing(WORKING, cut(1, OS.IN_DOUBT, "0.0415", acknowledged_at=None)),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT: binance did not answer</b>
binance main · T-7F3K
Market, in slices near the best price
The order may or may not exist. It is being looked for and will not be sent again.
BTC/USDT takes no new order at binance main until this is known.
sent +4 ms

a close, Ana asked for it at 14:30:10""",
        ["Details"],
    ),
    "all of it sold": (
        closing(
            DONE,
            cut(1, OS.FILLED, "0.02"),
            cut(2, OS.FILLED, "0.0215"),
            fills=(*HALF, sold(2, "0.0215", "59990")),
        ),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT · filled at 59 994.82</b>
binance main · T-7F3K
Market, in slices near the best price
2 489.78 USDT − fee 2 · slippage 0.02 % against us
sent +4 ms · acknowledged +90 ms · filled +90 ms

a close, Ana asked for it at 14:30:10""",
        ["Details"],
    ),
    "too little is left to be sold": (
        closing(
            asked(TS.DONE, DUST), cut(1, OS.FILLED, "0.04146"), fills=(sold(1, "0.04146", "60004"),)
        ),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT · 99 % filled at 60 004</b>
binance main · T-7F3K
Market, in slices near the best price
█████████░ 99 %   0.04146 at 60 004
2 487.77 USDT − fee 1 · no slippage
0.00004 BTC is left: main trades no less than 0.00009.
sent +4 ms · acknowledged +90 ms · last fill +90 ms

a close, Ana asked for it at 14:30:10""",
        ["Details"],
    ),
    "canceled after a part of it": (
        closing(asked(TS.DONE, BY_OLGA), CUT, fills=HALF),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT · 48 % filled at 60 000</b>
binance main · T-7F3K
Market, in slices near the best price
████░░░░░░ 48 %   0.02 at 60 000
1 200 USDT − fee 1 · slippage 0.007 % against us
Canceled by Olga.
sent +4 ms · acknowledged +90 ms · last fill +90 ms

a close, Ana asked for it at 14:30:10""",
        ["Details"],
    ),
    "canceled before anything was sent": (
        closing(asked(TS.CANCELED, BY_OLGA)),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT · not closed, nothing filled</b>
binance main · T-7F3K
Market, in slices near the best price
Canceled by Olga.

a close, Ana asked for it at 14:30:10""",
        [],
    ),
    "nobody bought": (
        closing(asked(TS.EXPIRED, "nothing of it was sold within 60 s"), CUT),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT · not closed, nothing filled</b>
binance main · T-7F3K
Market, in slices near the best price
Nothing of it was sold within 60 s.

a close, Ana asked for it at 14:30:10""",
        ["Details"],
    ),
    "nothing of it left in time": (
        closing(asked(TS.FAILED, "no connection"), unsent(1, "0.0415", "no connection")),
        """<b>LIVE · CLOSE 0.0415 BTC/USDT · not closed, nothing filled</b>
binance main · T-7F3K
Market, in slices near the best price
No connection.

a close, Ana asked for it at 14:30:10""",
        ["Details"],
    ),
}


@pytest.mark.parametrize("state", CARDS)
def test_card_of_a_closing_reads(state: str) -> None:
    shown, text, buttons = CARDS[state]
    face = cards.card(shown, LOOK, short=SHORT)
    assert face.text.replace("\u202f", " ").replace("\u00a0", " ") == text
    assert rows(face) == buttons


def test_a_slice_that_nobody_could_prove_is_what_its_card_speaks_of() -> None:
    face = cards.card(closing(DONE, cut(1, OS.STUCK, "0.0415")), LOOK, short=SHORT)
    assert "a person must decide" in face.text


def test_nothing_of_a_closing_can_be_proposed_again() -> None:
    """It is asked for anew by /close, for the position as it is then."""
    for shown, _, _ in CARDS.values():
        face = cards.card(shown, LOOK, short=SHORT)
        assert Action.PROPOSE not in {button.action for row in face.buttons for button in row}


def test_trail_says_who_asked_for_it_and_not_that_a_rule_let_it_through() -> None:
    approved = Event(
        seq=7,
        at=NOON,
        kind=EventKind.TICKET_APPROVED,
        ticket="t",
        order=None,
        mac="",
        actor="tg:2222",
        data={"name": "Ana", "rule": "close", "required": "0"},
    )
    shown = closing(asked(TS.APPROVED))
    told = trail.told(Trail(view=shown, events=[approved], names={}, repeats={}), LOOK.zone)
    assert told[1:] == [
        "14:30:10 Ana asked for it to be closed",
        "14:30:10 Goes ahead by the word of Ana",
    ]


# --- a halt's checklist ------------------------------------------------------------------------------

HALT = Halt(by="tg:2222", name="Ana", at=at(593), reason="", voided=3)
FLATTEN = HALT.evolve(flatten=Flatten(by="tg:1111", name="Olga", at=at(600)))
PROVED, FLATTENED = (halt.evolve(verified_at=at(631)) for halt in (HALT, FLATTEN))
MAIN = Sweep(name="main", exchange="binance", orders=4, ended=4, looks=1)
HELD = ExitView(
    venue="main",
    exchange="binance",
    symbol="BTC/USDT",
    amount=D("0.0415"),
    sold=D(0),
    average=None,
    closing=False,
    unsellable=None,
    value=D("2490.51"),
    reason=None,
)
ELSEWHERE = HELD.evolve(venue="spot", exchange="kraken", value=D(100))
CONTRACT = HELD.evolve(symbol="BTC/USDT:USDT", amount=D("0.5"), short=True)
GOING = HELD.evolve(closing=True)
PARTLY = GOING.evolve(amount=D("0.0215"), sold=D("0.02"), average=D("60009.8"))
SOLD = HELD.evolve(amount=D(0), sold=D("0.0415"), average=D("60009.8"))
CRUMBS = HELD.evolve(
    amount=D("0.00004"), sold=D("0.04146"), average=D("60009.8"), unsellable=TOO_LITTLE, reason=DUST
)
STOPPED = PARTLY.evolve(closing=False, reason=BY_OLGA, value=D("1290.21"))
LOCKED = HELD.evolve(reason="main has 0 BTC free, the position is 0.0415")


def checklist(halt: Halt, *views: ExitView, tapped: bool = False) -> Face:
    sweep = MAIN if halt.verified_at is None else MAIN.evolve(looks=2)
    tapped_at = at(700) if tapped else None
    return messages.halted(Mode.LIVE, halt, [sweep], LOOK, exits=views, tapped_at=tapped_at)


def said(halt: Halt, *views: ExitView) -> list[str]:
    """The checklist's lines after what was canceled."""
    text = seen(checklist(halt, *views).text).replace("\u202f", " ")
    return text.partition("4 of 4 orders closed\n")[2].split("\n")


SEEN_EMPTY = "Nothing of ours rests at binance main, looked twice. /resume is for owners."
NOT_SEEN = "NOT DONE: binance main must be seen empty twice."
ASKED = "All positions are to be closed: Olga at 14:40:10"


@pytest.mark.parametrize(
    ("halt", "views", "lines"),
    [
        (HALT, (HELD,), ["Open: 0.0415 BTC/USDT, binance main", NOT_SEEN]),
        (
            FLATTEN,
            (
                CONTRACT.evolve(closing=True),
                CONTRACT.evolve(amount=D("0.2"), sold=D("0.3"), average=D(60_000), short=False),
            ),
            [
                ASKED,
                "Closing short 0.5 BTC/USDT:USDT, binance main",
                "Closed long 0.3 BTC/USDT:USDT at 60 000, binance main; 0.2 is left",
                "NOT DONE: short 0.5 BTC/USDT:USDT at binance main is not closed yet.",
            ],
        ),
        (HALT, (CONTRACT,), ["Open: short 0.5 BTC/USDT:USDT, binance main", NOT_SEEN]),
        (PROVED, (HELD,), ["Open: 0.0415 BTC/USDT, binance main", SEEN_EMPTY]),
        (
            FLATTEN,
            (GOING,),
            [
                ASKED,
                "Closing 0.0415 BTC/USDT, binance main",
                "NOT DONE: 0.0415 BTC/USDT at binance main is not closed yet.",
            ],
        ),
        (
            FLATTEN,
            (PARTLY, SOLD.evolve(venue="spot", exchange="kraken")),
            [
                ASKED,
                "Closing 0.0215 BTC/USDT, binance main, 0.02 closed so far",
                "Closed 0.0415 BTC/USDT at 60 009.80, kraken spot",
                "NOT DONE: 0.0215 BTC/USDT at binance main is not closed yet.",
            ],
        ),
        (
            FLATTENED,
            (SOLD,),
            [ASKED, "Closed 0.0415 BTC/USDT at 60 009.80, binance main", SEEN_EMPTY],
        ),
        (
            FLATTENED,
            (CRUMBS,),
            [
                ASKED,
                "Closed 0.04146 BTC/USDT at 60 009.80, binance main; "
                "0.00004 is left (too little to be closed)",
                SEEN_EMPTY,
            ],
        ),
        (
            FLATTENED,
            (STOPPED,),
            [
                ASKED,
                "Closed 0.02 BTC/USDT at 60 009.80, binance main; "
                "0.0215 is left (canceled by Olga)",
                SEEN_EMPTY,
            ],
        ),
        (
            FLATTENED,
            (LOCKED,),
            [
                ASKED,
                "Open: 0.0415 BTC/USDT, binance main (main has 0 BTC free, the position is 0.0415)",
                SEEN_EMPTY,
            ],
        ),
        (
            PROVED,
            (CRUMBS.evolve(sold=D(0), reason=None),),
            ["Open: 0.00004 BTC/USDT, binance main (too little to be closed)", SEEN_EMPTY],
        ),
    ],
)
def test_checklist_says_of_each_position_how_far_it_is(
    halt: Halt, views: tuple[ExitView, ...], lines: list[str]
) -> None:
    assert said(halt, *views) == lines


def test_more_positions_than_are_shown_are_counted() -> None:
    many = [GOING.evolve(symbol=f"A{n}/USDT") for n in range(14)]
    *_, last, more, undone = said(FLATTEN, *many)
    assert (last, more) == ("Closing 0.0415 A11/USDT, binance main", "and 2 more positions")
    assert undone.endswith(
        "0.0415 A3/USDT at binance main is not closed yet, and 10 more positions."
    )


@pytest.mark.parametrize(
    ("halt", "views", "tapped", "label"),
    [
        (HALT, (HELD,), False, "Flatten"),
        (PROVED, (HELD,), False, "Flatten"),
        (PROVED, (HELD,), True, "Confirm flatten ≈ 2 491 USDT"),
        (PROVED, (HELD, ELSEWHERE, SOLD), True, "Confirm flatten ≈ 2 591 USDT"),
        (PROVED, (HELD, ELSEWHERE.evolve(value=None)), True, "Confirm flatten"),
        (PROVED, (HELD, PARTLY), True, "Confirm flatten ≈ 2 491 USDT"),
        (HALT, (), False, None),
        (HALT, (GOING,), False, None),
        (PROVED, (SOLD,), False, None),
        (PROVED, (CRUMBS,), True, None),
        (FLATTEN, (GOING, SOLD), False, None),
        (FLATTENED, (STOPPED,), False, "Flatten"),
        (FLATTENED, (STOPPED, SOLD), True, "Confirm flatten ≈ 1 290 USDT"),
    ],
)
def test_what_is_open_and_nobody_closes_is_offered_to_be_closed(
    halt: Halt, views: tuple[ExitView, ...], tapped: bool, label: str | None
) -> None:
    labels = [row.replace("\u202f", " ") for row in rows(checklist(halt, *views, tapped=tapped))]
    assert labels == ([] if label is None else [label])


def test_the_second_tap_carries_when_the_first_was() -> None:
    ((first,),) = checklist(PROVED, HELD).buttons
    ((second,),) = checklist(PROVED, HELD, tapped=True).buttons
    assert (first.action, first.value) == (Action.FLATTEN, None)
    assert (second.action, second.value) == (
        Action.CONFIRM_FLATTEN,
        D(int(at(700).timestamp())),
    )
    assert first.style is second.style is ButtonStyle.DANGER


# --- the list of positions ---------------------------------------------------------------------------

POSITION = PositionView(
    venue="main",
    symbol="BTC/USDT",
    amount=D("0.0415"),
    average=D("60009.8"),
    mark=None,
    mark_age=None,
    unrealized=None,
    realized_today=D(0),
    currency="USDT",
)
SAME_AT_KRAKEN = POSITION.evolve(venue="spot")


def test_each_position_can_be_closed_from_the_list() -> None:
    ((button,),) = lists.held(Mode.LIVE, [POSITION]).buttons
    assert (button.label, button.action) == ("Close BTC/USDT", Action.CLOSE)
    assert button.about == "position:main:BTC/USDT"


def test_positions_at_two_venues_are_told_apart_on_their_buttons() -> None:
    views = [POSITION, SAME_AT_KRAKEN]
    assert rows(lists.held(Mode.LIVE, views)) == [
        "Close BTC/USDT at main",
        "Close BTC/USDT at spot",
    ]
    asked_for = lists.held(
        Mode.LIVE, views, asked=exits.subject("spot", "BTC/USDT"), tapped_at=at(700)
    )
    assert rows(asked_for) == [
        "Close BTC/USDT at main",
        "Confirm close 0.0415 BTC/USDT at spot",
    ]


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BTC/USDT:USDT"])
def test_a_button_finds_its_position_again(symbol: str) -> None:
    assert exits.position(exits.subject("main", symbol)) == ("main", symbol)
