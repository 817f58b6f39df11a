"""Replies to commands as people read them: the answer on one side, the exact text on the other."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.telegram import figures, replies
from bot.telegram.faces import TEXT_LIMIT, Face
from execution.approval import Role
from execution.reports import PositionView, StatusView, VenueView
from execution.trading import Halt, Trading
from execution.types import Mode, OrderState, TicketState, TradingState
from tests.bot.telegram.views import (
    LOOK,
    SHORT,
    at,
    fill,
    order,
    rows,
    seen,
    ticket,
    view,
    vote,
)

TS, OS = TicketState, OrderState
ANA = (vote(),)
PART = (fill("0.0166", "60008.1"),)
DOUBT = view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.IN_DOUBT, acknowledged_at=None),))
WORKING = view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.WORKING),), fills=PART)
HALT = Halt(by="tg:2222", name="Ana", at=at(593), reason="", voided=3)
PROVED = HALT.evolve(verified_at=at(631), reason="news at three")
VENUE = VenueView(
    name="main",
    exchange="binance",
    mode=Mode.LIVE,
    connected=True,
    reason=None,
    stream=None,
    open_orders=1,
    last_reconciled=at(60),
)
LOST = VENUE.evolve(
    name="spot",
    exchange="kraken",
    mode=Mode.SANDBOX,
    connected=False,
    reason="connection refused",
    last_reconciled=None,
    has_dead_man=True,
    dead_man=timedelta(seconds=60),
)
HOLDING = PositionView(
    venue="main",
    symbol="BTC/USDT",
    amount=Decimal("0.0415"),
    average=Decimal("60009.79518072"),
    mark=Decimal(60120),
    mark_age=timedelta(seconds=2),
    unrealized=Decimal("4.57"),
    realized_today=Decimal(0),
    currency="USDT",
)
STATUS = StatusView(
    version="0.1.0",
    mode=Mode.LIVE,
    trading=Trading(state=TradingState.ACTIVE, generation=0),
    venues=[VENUE, LOST],
    pending=1,
    open=2,
    unknown=0,
    working=[WORKING],
    positions=[
        HOLDING,
        HOLDING.evolve(symbol="ETH/USDT", mark=None, unrealized=None, mark_age=None),
        HOLDING.evolve(symbol="SOL/USDT", mark_age=timedelta(seconds=40)),
    ],
    undelivered=0,
    duplicates=0,
    uptime=timedelta(days=3, hours=4, minutes=5),
)
HALTED = Trading(state=TradingState.HALTED, generation=1, halt=HALT)
PAUSED = Trading(state=TradingState.PAUSED, generation=1, halt=HALT)


RESUME = next(c for c in replies.COMMANDS if c.name == "resume")


def status(shown: StatusView) -> Face:
    return replies.status(shown, LOOK, now=at(72), short=lambda _: SHORT)


FACES: dict[str, tuple[Face, str, list[str]]] = {
    "status": (
        status(STATUS),
        """<b>LIVE · trading · up 3 d 4 h</b>
binance main connected, looked 12 s ago
SANDBOX kraken spot not connected, connection refused, not looked yet
Dead man's switch: none at main, NOT ARMED at spot

Waiting for you 1 · orders open 2 · unknown 0
T-7F3K BUY 0.0415 BTC/USDT · working, 40 % filled · binance main

BTC/USDT 0.0415 at 60 009.80, now 60 120 (+4.57) · main
ETH/USDT 0.0415 at 60 009.80, no price now · main
SOL/USDT 0.0415 at 60 009.80, now 60 120 (+4.57, seen 40 s ago) · main

Messages not delivered 0 · as of 14:31:22""",
        ["Refresh"],
    ),
    "status, halted": (
        status(STATUS.evolve(trading=HALTED, venues=[], working=[], positions=[])),
        """<b>LIVE · HALTED by Ana at 14:40:03, NOT DONE · up 3 d 4 h</b>

Waiting for you 1 · orders open 2 · unknown 0

Messages not delivered 0 · as of 14:31:22""",
        ["Refresh"],
    ),
    "status, halted and proved": (
        status(
            STATUS.evolve(
                trading=HALTED.evolve(halt=PROVED), venues=[], working=[DOUBT], positions=[]
            )
        ),
        """<b>LIVE · HALTED by Ana at 14:40:03, done at 14:40:41 · up 3 d 4 h</b>

Waiting for you 1 · orders open 2 · unknown 0
T-7F3K BUY 0.0415 BTC/USDT · in doubt · binance main

Messages not delivered 0 · as of 14:31:22""",
        ["Refresh"],
    ),
    "status, paused": (
        status(STATUS.evolve(trading=PAUSED, venues=[], working=[], positions=[])),
        """<b>LIVE · PAUSED by Ana at 14:40:03 · up 3 d 4 h</b>

Waiting for you 1 · orders open 2 · unknown 0

Messages not delivered 0 · as of 14:31:22""",
        ["Refresh"],
    ),
    "help for an owner": (
        replies.help_text(Mode.PAPER, Role.OWNER),
        """<b>PAPER · What you can type</b>
/status: how things stand
/pending: what waits for you
/orders: orders at work
/positions: what is held
/history: tickets, newest first
/pnl [days]: what was realised, as a picture
/limits: the desk's limits, and how much of them is used
/limits set &lt;key&gt; &lt;value&gt;: change a limit, or switch it off
/limits reset &lt;key&gt;: back to the settings; drawdown: count it from now on
/audit &lt;ticket&gt;: who did what when, from signal to last fill
/buy &lt;symbol&gt; [amount or $notional] [@ price] [sl x] [tp y]: propose a ticket of your own
/sell &lt;symbol&gt; [amount or $notional] [@ price] [sl x] [tp y]: propose a ticket of your own
/cancel &lt;id&gt;: withdraw a ticket, or cancel what is left of its order
/close &lt;symbol&gt; [50%]: close a position, or a share of it
/kill [flatten] [reason]: halt at once and cancel every open order of ours; with flatten, close positions too
/pause [reason]: no new orders that add exposure; exits go on
/resume: trade again after a halt or pause
/adopt &lt;symbol&gt; &lt;amount&gt; &lt;average&gt;: make what the account holds a position
/test: post a card that takes the whole path and is never sent
/whoami: your id and role
/help: this list""",
        [],
    ),
    "help for a viewer": (
        replies.help_text(Mode.PAPER, Role.VIEWER),
        """<b>PAPER · What you can type</b>
/status: how things stand
/pending: what waits for you
/orders: orders at work
/positions: what is held
/history: tickets, newest first
/pnl [days]: what was realised, as a picture
/limits: the desk's limits, and how much of them is used
/audit &lt;ticket&gt;: who did what when, from signal to last fill
/whoami: your id and role
/help: this list""",
        [],
    ),
    "help for a stranger": (
        replies.help_text(Mode.PAPER, None),
        """<b>PAPER · What you can type</b>
/whoami: your id and role
/help: this list""",
        [],
    ),
    "who an approver is": (
        replies.whoami(Mode.PAPER, 2222, "Ana", Role.APPROVER),
        """PAPER · Ana, <code>2222</code>: approver, decides, pauses and halts.""",
        [],
    ),
    "who a stranger is": (
        replies.whoami(Mode.PAPER, 4444, "Sam", None),
        """PAPER · Your id is <code>4444</code>.""",
        [],
    ),
    "canceling what rests": (
        replies.canceling(WORKING, short=SHORT),
        """LIVE · T-7F3K BUY 0.0415 BTC/USDT: asking binance main to cancel what is left.""",
        [],
    ),
    "canceling what waits": (
        replies.canceling(view(ticket(TS.CANCELED)), short=SHORT),
        """LIVE · T-7F3K BUY 0.0415 BTC/USDT: canceled, nothing was sent. binance main""",
        [],
    ),
    "a command that could not be done": (
        replies.told(Mode.PAPER, "trading is already active"),
        """PAPER · Trading is already active.""",
        [],
    ),
    "a command without its id": (
        replies.wrong_usage(Mode.PAPER, "cancel", Role.APPROVER),
        """PAPER · Type /cancel &lt;id&gt;: withdraw a ticket, or cancel what is left of its order.""",
        [],
    ),
    "a command of another role": (
        replies.not_for_you(Mode.PAPER, RESUME, Role.APPROVER),
        """PAPER · /resume needs the role owner; yours is approver.""",
        [],
    ),
    "an id nobody knows": (
        replies.no_such_ticket(Mode.PAPER, "T-<b>", 0),
        """PAPER · There is no ticket T-&lt;b&gt;. Its card shows its id.""",
        [],
    ),
    "an id of two tickets": (
        replies.no_such_ticket(Mode.PAPER, "7F3K", 2),
        """PAPER · 2 tickets end in 7F3K: type more of it.""",
        [],
    ),
    "a command misspelt": (
        replies.unknown_command(Mode.PAPER, "/Statsu", Role.VIEWER),
        """PAPER · There is no /Statsu. Did you mean /status?""",
        [],
    ),
    "a command nobody knows": (
        replies.unknown_command(Mode.PAPER, "/moon<b>", Role.OWNER),
        """PAPER · There is no /moon&lt;b&gt;. /help shows what there is.""",
        [],
    ),
    "a command in another chat": (
        replies.elsewhere(Mode.PAPER),
        """PAPER · That works in the desk's own chat only; /kill and /pause work here too.""",
        [],
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


def test_more_rows_than_a_person_reads_are_counted() -> None:
    text = status(
        STATUS.evolve(working=[WORKING] * 20, positions=[HOLDING] * 13, venues=[VENUE] * 8)
    ).text

    assert "and 12 more orders" in text
    assert "and 5 more positions" in text
    assert "more venues" not in text


def test_a_working_ticket_without_an_order_yet_is_told_as_approved() -> None:
    waiting = view(ticket(TS.APPROVED))

    assert "BTC/USDT · approved · binance main" in status(STATUS.evolve(working=[waiting])).text


def test_the_menu_grows_with_the_role() -> None:
    names = [
        {command.name for command in replies.commands_for(role)}
        for role in (None, Role.VIEWER, Role.APPROVER, Role.OWNER)
    ]

    assert names[0] < names[1] < names[2] < names[3]
    assert "kill" in names[2]
    assert "resume" in names[3] - names[2]


def test_a_closest_command_is_never_one_the_person_may_not_use() -> None:
    assert "/kill" not in replies.unknown_command(Mode.LIVE, "/kil", Role.VIEWER).text


@settings(max_examples=40, deadline=None)
@example("0" * 4096)
@example("<" * 4096)
@given(st.text(max_size=4096))
def test_whatever_others_wrote_the_text_is_valid_and_fits(words: str) -> None:
    shown = STATUS.evolve(
        venues=[LOST.evolve(reason=words, exchange=words)] * 30,
        positions=[HOLDING.evolve(symbol=words)] * 30,
        working=[WORKING.evolve(exchange=words)] * 30,
    )

    for face in (
        status(shown),
        replies.whoami(Mode.LIVE, 1, words, Role.OWNER),
        replies.told(Mode.LIVE, words),
        replies.unknown_command(Mode.LIVE, words, Role.OWNER),
    ):
        text = seen(face.text)
        assert figures.utf16(text) <= TEXT_LIMIT
        assert text.startswith("LIVE")


def test_orders_the_database_does_not_know_stand_in_the_status() -> None:
    shown = STATUS.evolve(venues=[VENUE.evolve(strangers=2)], trading=HALTED.evolve(halt=PROVED))
    told = replies.status(shown, LOOK, now=at(72), short=lambda _: SHORT).text

    assert "2 orders not known here" in told


def test_halt_of_another_day_says_which() -> None:
    shown = STATUS.evolve(trading=HALTED.evolve(halt=PROVED))
    later = at(72) + timedelta(days=3)

    assert "HALTED by Ana at Fri 20 Nov 2026, 14:" in seen(
        replies.status(shown, LOOK, now=later, short=lambda _: SHORT).text
    )


def test_halt_that_could_not_be_stored_stands_in_the_status() -> None:
    told = replies.status(STATUS, LOOK, now=at(72), short=lambda _: SHORT, unsaved="Ana")

    assert told.text.startswith("<b>LIVE · HALTED by Ana, NOT STORED · up ")


@pytest.mark.parametrize(("kept", "said"), [(True, "keeps it"), (False, "would not know of it")])
def test_kill_that_cannot_be_stored_says_what_holds_whatever_the_reason(
    kept: bool, said: str
) -> None:
    told = replies.halt_not_stored(Mode.LIVE, "no space left " * 50, kept=kept).text

    assert told.startswith("<b>LIVE · NOT STORED: halted, but nothing is canceled yet.</b>\n")
    assert f"A restart {said}." in told
    assert told.endswith("\nCancel at the exchange by hand.")


def test_answer_of_two_hundred_characters_is_not_cut() -> None:
    words = ("MAX_ORDER_NOTIONAL: " + "54 000 is over 1 000, " * 8)[:170] + " Nothing was sent."

    assert words in seen(replies.told(Mode.LIVE, words).text).replace(figures.THIN, " ")


@pytest.mark.parametrize(
    ("stream", "row"),
    [
        ({"stream_heard": at(70)}, "stream heard 2 s ago"),
        (
            {"stream_broken": at(30)},
            "stream broken since 14:30:40, orders are asked about instead",
        ),
        ({"stream_broken": at(30), "connected": False}, ""),
        ({}, ""),
    ],
)
def test_an_order_stream_says_when_it_was_heard_or_since_when_it_is_broken(
    stream: dict[str, Any], row: str
) -> None:
    told = status(STATUS.evolve(venues=[VENUE.evolve(**stream)])).text
    assert (row in told) if row else ("stream" not in told)
