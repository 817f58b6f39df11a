"""Messages of their own as people read them: what happened on one side, the exact text on the other."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.telegram import figures, messages
from bot.telegram.faces import TEXT_LIMIT, Action, Face
from bot.telegram.messages import Sweep
from execution.reports import VenueView
from execution.stopping import STRANGERS
from execution.trading import Halt, Trading
from execution.types import Mode, OrderState, Refusal, Side, TicketState, TradingState
from tests.bot.telegram.views import (
    LOOK,
    SHORT,
    at,
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
PART = (fill("0.0166", "60008.1"),)
WHOLE = (fill("0.0415", "60009.8"),)
FILLED = view(
    ticket(TS.DONE), votes=ANA, orders=(order(OS.FILLED, venue_order_id="998"),), fills=WHOLE
)
PARTLY = view(ticket(TS.DONE), votes=ANA, orders=(order(OS.CANCELED),), fills=PART)
TOO_LARGE = Refusal(code="MAX_ORDER_NOTIONAL", text="54 000 is over 1 000", largest=Decimal(1000))
HOURS = Refusal(code="TRADING_HOURS", text="closed until Monday 08:00")
BIG = terms(amount=Decimal("0.9"), value=Decimal(54000))
REFUSED = view(ticket(TS.REFUSED, terms=BIG, refusals=(TOO_LARGE,)))
TWICE = view(ticket(TS.REFUSED, terms=BIG, refusals=(TOO_LARGE, HOURS)))
DOUBT = view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.IN_DOUBT, acknowledged_at=None),))
MOVED = view(
    ticket(
        revision=2,
        previous_reference=Decimal(60004),
        terms=terms(reference=Decimal(60310)),
    )
)
HALT = Halt(by="tg:2222", name="Ana", at=at(593), reason="", voided=3)
PROVED = HALT.evolve(verified_at=at(631), reason="news at three")
MAIN = Sweep(name="main", exchange="binance", orders=4, ended=4, looks=1)
SPOT = Sweep(name="spot", exchange="kraken", orders=1, ended=0, looks=0, trouble="timeout", tries=3)
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
)
HALTED = Trading(state=TradingState.HALTED, generation=1, halt=HALT)


FACES: dict[str, tuple[Face, str, list[str]]] = {
    "a fill that completes": (
        messages.filled(FILLED, LOOK, short=SHORT),
        """<b>LIVE main · Filled: bought 0.0415 BTC/USDT at 60 009.80 · T-7F3K</b>
binance · 2 490.41 USDT + fee 2.49 · slippage 0.01 % against us""",
        [],
    ),
    "a fill that ends short": (
        messages.filled(PARTLY, LOOK, short=SHORT),
        """<b>LIVE main · Partly filled: bought 0.0166 of 0.0415 BTC/USDT at 60 008.10 · T-7F3K</b>
binance · 996.13 USDT + fee 2.49 · slippage 0.007 % against us""",
        [],
    ),
    "a refusal": (
        messages.refusal(REFUSED, LOOK),
        """<b>LIVE · Refused: BUY 0.9 BTC/USDT ≈ 54 000 USDT</b>
binance main · tv breakout-15m, 4 s old at 14:30:10
<code>MAX_ORDER_NOTIONAL</code>: 54 000 is over 1 000.
Nothing was sent.""",
        ["Why | Propose 1 000 USDT"],
    ),
    "a refusal no size would help": (
        messages.refusal(TWICE, LOOK),
        """<b>LIVE · Refused: BUY 0.9 BTC/USDT ≈ 54 000 USDT</b>
binance main · tv breakout-15m, 4 s old at 14:30:10
<code>MAX_ORDER_NOTIONAL</code>: 54 000 is over 1 000.
<code>TRADING_HOURS</code>: closed until Monday 08:00.
Nothing was sent.""",
        ["Why"],
    ),
    "refusals counted": (
        messages.refusals(
            Mode.LIVE, "tv", 6, {"DUPLICATE_WINDOW": 2, "MAX_ORDER_NOTIONAL": 5}, at(0), LOOK
        ),
        """<b>LIVE · Refused: 6 more signals from tv since 14:30:10</b>
MAX_ORDER_NOTIONAL 5, DUPLICATE_WINDOW 2. Nothing was sent.""",
        [],
    ),
    "an order in doubt": (
        messages.trouble(DOUBT, LOOK, short=SHORT),
        """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT: binance did not answer</b>
binance main
The order may or may not exist. It is being looked for and will not be sent again.
BTC/USDT takes no new order at binance main until this is known.""",
        ["Details"],
    ),
    "more filled than ordered": (
        messages.overfilled(FILLED, Decimal("0.05"), short=SHORT),
        """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT: more is filled than was ordered</b>
binance main
0.05 filled, 0.0415 ordered. It is booked as it is shown; nothing is traded back by itself. Look at the exchange.""",
        [],
    ),
    "a trade that changed": (
        messages.conflict(FILLED, "77", "0.0415 at 60009.8", "0.0415 at 60010", short=SHORT),
        """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT: binance changed a trade</b>
binance main
Trade 77 is booked as 0.0415 at 60 009.8 and shown as 0.0415 at 60 010 now. What is booked stays. \
Look at the exchange.""",
        [],
    ),
    "the price moved": (
        messages.price_moved(MOVED, LOOK, short=SHORT),
        """<b>LIVE · T-7F3K BUY 0.0415 BTC/USDT: asked again</b>
binance main
You saw 60 004, it is 60 310 (+0.51 %, limit 0.3 %). Nothing was sent.
The card has the new terms.""",
        [],
    ),
    "a halt told anew": (
        messages.not_done(Mode.LIVE, "kraken spot is not answering, so nothing is proved there"),
        """<b>LIVE · NOT DONE: kraken spot is not answering, so nothing is proved there.</b>""",
        [],
    ),
    "a venue lost": (
        messages.venue_down(LOST),
        """<b>SANDBOX · kraken spot does not answer</b>
Connection refused.
Nothing new is sent there. 1 order of ours may rest. Still trying.""",
        [],
    ),
    "a venue found": (
        messages.venue_up(VENUE),
        """<b>LIVE · binance main answers again</b>""",
        [],
    ),
    "what an account held before us": (
        messages.account_found(VENUE, {"BTC": Decimal("0.5"), "USDT": Decimal(12_400)}, orders=2),
        """<b>LIVE · binance main holds 0.5 BTC, 12 400 USDT and 2 open orders</b>
This was there before Countersign: it is left alone and counts in no limit. An owner takes a holding over with /adopt.""",
        [],
    ),
    "an account of many assets": (
        messages.account_found(VENUE, {f"A{n}": Decimal(n) for n in range(1, 9)}, orders=0),
        """<b>LIVE · binance main holds 1 A1, 2 A2, 3 A3, 4 A4, 5 A5, 6 A6 and 2 more</b>
This was there before Countersign: it is left alone and counts in no limit. An owner takes a holding over with /adopt.""",
        [],
    ),
    "a clock that is off": (
        messages.clock_off(VENUE, Decimal("-1.5")),
        """<b>LIVE · This machine's clock is 1.5 s behind binance main</b>
Orders go on, it is corrected for. Set the clock right (NTP): what has a deadline here goes by it.""",
        [],
    ),
    "a halt, first text": (
        messages.halted(Mode.LIVE, HALT, [], LOOK),
        """<b>LIVE · HALTED by Ana at 14:40:03 (chat). No new orders.</b>
3 tickets voided
<b>NOT DONE: every venue must be seen empty twice.</b>""",
        [],
    ),
    "a halt, not done": (
        messages.halted(Mode.LIVE, HALT, [MAIN, SPOT], LOOK),
        """<b>LIVE · HALTED by Ana at 14:40:03 (chat). No new orders.</b>
3 tickets voided
binance main: 4 of 4 orders closed
kraken spot: not answering, tried 3 times
<b>NOT DONE: 1 order may still be open at kraken spot.</b>""",
        [],
    ),
    "a halt, all canceled, looked once": (
        messages.halted(Mode.LIVE, HALT.evolve(by="cli:ana"), [MAIN], LOOK),
        """<b>LIVE · HALTED by Ana at 14:40:03 (command line). No new orders.</b>
3 tickets voided
binance main: 4 of 4 orders closed
<b>NOT DONE: binance main must be seen empty twice.</b>""",
        [],
    ),
    "a halt, a venue that never answered": (
        messages.halted(Mode.LIVE, HALT.evolve(by="api"), [SPOT.evolve(orders=0)], LOOK),
        """<b>LIVE · HALTED by Ana at 14:40:03 (API). No new orders.</b>
3 tickets voided
kraken spot: not answering, tried 3 times
<b>NOT DONE: kraken spot was not seen empty.</b>""",
        [],
    ),
    "a halt over orders the database does not know, done": (
        messages.halted(
            Mode.LIVE,
            PROVED.evolve(
                by=STRANGERS, name="the desk", reason="main shows orders: buy 1 ETH/USDT"
            ),
            [MAIN.evolve(orders=0, looks=2)],
            LOOK,
        ),
        """<b>LIVE · HALTED by the desk at 14:40:03. Done at 14:40:41.</b>
Main shows orders: buy 1 ETH/USDT.
3 tickets voided
binance main: nothing to cancel
Nothing that this database knows of rests at binance main, looked twice. \
The orders named above are left alone: look there first. /resume is for owners.""",
        [],
    ),
    "a halt, done": (
        messages.halted(
            Mode.LIVE,
            PROVED,
            [MAIN.evolve(looks=2), SPOT.evolve(orders=0, trouble=None, looks=2)],
            LOOK,
        ),
        """<b>LIVE · HALTED by Ana at 14:40:03. Done at 14:40:41.</b>
News at three.
3 tickets voided
binance main: 4 of 4 orders closed
kraken spot: nothing to cancel
Nothing of ours rests at binance main or kraken spot, looked twice. /resume is for owners.""",
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


def test_the_largest_size_that_passes_is_offered_as_a_button() -> None:
    _, offer = FACES["a refusal"][0].buttons[0]

    assert (offer.action, offer.value) == (Action.PROPOSE, Decimal(1000))


def test_nothing_is_offered_when_no_size_would_pass() -> None:
    none = view(ticket(TS.REFUSED, refusals=(TOO_LARGE.evolve(largest=Decimal(0)),)))

    assert rows(messages.refusal(none, LOOK)) == ["Why"]


def test_a_sale_is_told_as_sold() -> None:
    sold = view(
        ticket(TS.DONE),
        orders=(order(OS.FILLED, side=Side.SELL),),
        fills=(fill("0.0415", "60100", side=Side.SELL),),
    )

    assert "Filled: sold 0.0415 BTC/USDT" in messages.filled(sold, LOOK, short=SHORT).text


def test_more_codes_than_fit_are_counted() -> None:
    codes = {f"CODE_{i}": 9 - i for i in range(9)}

    text = messages.refusals(Mode.PAPER, "tv", 45, codes, at(0), LOOK).text

    assert "CODE_5 4, 3 other codes." in text
    assert "Refused: 45 more signals" in text


@pytest.mark.parametrize(
    ("sweep", "clean"),
    [
        (MAIN, False),
        (MAIN.evolve(looks=2), True),
        (SPOT.evolve(looks=2), False),
    ],
)
def test_a_venue_is_clean_only_when_seen_empty_twice_and_answering(
    sweep: Sweep, clean: bool
) -> None:
    assert sweep.clean is clean


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.booleans())
def test_an_unproved_halt_always_says_not_done_and_never_done(
    orders: int, closed: int, answering: bool
) -> None:
    sweep = MAIN.evolve(
        orders=orders, ended=min(closed, orders), trouble=None if answering else "timeout"
    )

    text = seen(messages.halted(Mode.LIVE, HALT, [sweep] * 40, LOOK).text)

    assert "NOT DONE" in text
    assert "Done at" not in text
    assert figures.utf16(text) <= TEXT_LIMIT


@settings(max_examples=40, deadline=None)
@example("0" * 4096)
@given(st.text(max_size=4096))
def test_whatever_others_wrote_the_text_is_valid_and_fits(words: str) -> None:
    halt = HALT.evolve(name=words, reason=words)
    lost = LOST.evolve(reason=words, exchange=words)
    refused = REFUSED.evolve(
        ticket=REFUSED.ticket.evolve(refusals=(TOO_LARGE.evolve(text=words),) * 9, strategy=words)
    )

    for face in (
        messages.halted(Mode.LIVE, halt, [SPOT.evolve(exchange=words)] * 40, LOOK),
        messages.venue_down(lost),
        messages.refusal(refused, LOOK),
        messages.refusals(Mode.LIVE, words, 1, {words: 1}, at(0), LOOK),
        messages.trouble(DOUBT.evolve(exchange=words), LOOK, short=SHORT),
    ):
        text = seen(face.text)
        assert figures.utf16(text) <= TEXT_LIMIT
        assert text.startswith(("LIVE", "SANDBOX"))
