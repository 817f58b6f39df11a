"""Every state of the card as people read it: the ticket on one side, its exact text on the other."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.telegram import cards, figures
from bot.telegram.faces import CAPTION_LIMIT, Action, ButtonStyle
from execution.reports import TicketView
from execution.types import (
    Asked,
    OrderState,
    OrderType,
    Refusal,
    Side,
    Target,
    TicketState,
    TimeInForce,
    VoteKind,
)
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
BY_DESK = terms(
    type=OrderType.MARKET,
    price=None,
    worst_price=Decimal("60244.02"),
    time_in_force=TimeInForce.IOC,
    rests_for=None,
    stop_loss=None,
    take_profit=(),
)
SALE = terms(
    side=Side.SELL,
    price=None,
    worst_price=Decimal("59764"),
    reference=Decimal(60004),
    from_holdings=Decimal("0.01"),
    stop_loss=None,
    take_profit=(),
)
MOVED = ticket(
    revision=2,
    fingerprint="f2",
    terms=BY_DESK.evolve(
        reference=Decimal(60310), worst_price=Decimal("60551.2"), value=Decimal("2502.87")
    ),
    previous_reference=Decimal(60004),
    reason="the price moved",
)
TOO_LARGE = Refusal(code="MAX_ORDER_NOTIONAL", text="54 000 is over 1 000", largest=Decimal(1000))
UNSIZED = Asked(symbol="FOOBAR", side=Side.BUY, type=OrderType.MARKET, notional=Decimal(100))
PART = (fill("0.0166", "60008.1", fee=Decimal("0.99615")),)
WHOLE = (*PART, fill("0.0249", "60011.4", fee=Decimal("1.49"), fee_currency="BNB"))

CARDS: dict[str, tuple[TicketView, str, list[str]]] = {
    "waiting": (
        view(ticket(note="Breakout <b>above</b> 60k & volume")),
        """<b>LIVE · BUY 0.0415 BTC/USDT ≈ 2 491 USDT</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10
Market 60 004, 0.01 % below the limit
<blockquote>Breakout &lt;b&gt;above&lt;/b&gt; 60k &amp; volume</blockquote>

14 checks passed
One approval needed · until 14:35:10""",
        ["Approve 2 491 USDT | Reject", "½ 1 245 USDT | Edit | Why"],
    ),
    "waiting, priced by the desk": (
        view(ticket(terms=BY_DESK, strategy=None)),
        """<b>LIVE · BUY 0.0415 BTC/USDT ≈ 2 491 USDT</b>
binance main · T-7F3K
Market, at most 60 244.02

tv, 4 s old at 14:30:10
Market 60 004

14 checks passed
One approval needed · until 14:35:10""",
        ["Approve 2 491 USDT | Reject", "½ 1 245 USDT | Edit | Why"],
    ),
    "waiting, a sale partly from holdings": (
        view(ticket(terms=SALE)),
        """<b>LIVE · SELL 0.0415 BTC/USDT ≈ 2 491 USDT</b>
binance main · T-7F3K
At least 59 764, for 30 s

0.01 BTC of it from holdings
tv breakout-15m, 4 s old at 14:30:10
Market 60 004

14 checks passed
One approval needed · until 14:35:10""",
        ["Approve 2 491 USDT | Reject", "½ 1 245 USDT | Edit | Why"],
    ),
    "waiting, an exit": (
        view(ticket(terms=SALE.evolve(from_holdings=Decimal(0), reduces=True))),
        """<b>LIVE · SELL 0.0415 BTC/USDT ≈ 2 491 USDT</b>
binance main · T-7F3K
At least 59 764, for 30 s

Only reduces the position
tv breakout-15m, 4 s old at 14:30:10
Market 60 004

14 checks passed
One approval needed · until 14:35:10""",
        ["Approve 2 491 USDT | Reject", "½ 1 245 USDT | Edit | Why"],
    ),
    "waiting for the second of two approvals": (
        view(ticket(required=2), votes=ANA),
        """<b>LIVE · BUY 0.0415 BTC/USDT ≈ 2 491 USDT</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10
Market 60 004, 0.01 % below the limit

14 checks passed
1 of 2 approvals · until 14:35:10
Ana approved 14:31:22, after 1 min 12 s""",
        ["Approve 2 491 USDT | Reject", "½ 1 245 USDT | Edit | Why"],
    ),
    "waiting, goes ahead unless rejected": (
        view(
            ticket(veto_window=timedelta(minutes=1), goes_ahead_at=at(60), required=0, rule="quiet")
        ),
        """<b>LIVE · BUY 0.0415 BTC/USDT ≈ 2 491 USDT · goes ahead at 14:31:10</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10
Market 60 004, 0.01 % below the limit

14 checks passed
Goes ahead at 14:31:10 unless somebody rejects""",
        ["Approve 2 491 USDT | Reject", "½ 1 245 USDT | Edit | Why"],
    ),
    "waiting again, another size": (
        view(ticket(revision=2, reason="size changed by Ana"), votes=ANA),
        """<b>LIVE · BUY 0.0415 BTC/USDT ≈ 2 491 USDT</b>
binance main · T-7F3K · revision 2
Limit 60 012.40, for 30 s
Size changed by Ana. Earlier votes are void.

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10
Market 60 004, 0.01 % below the limit

14 checks passed
One approval needed · until 14:35:10""",
        ["Approve 2 491 USDT | Reject", "½ 1 245 USDT | Edit | Why"],
    ),
    "waiting again, the price moved": (
        view(MOVED, votes=ANA),
        """<b>LIVE · BUY 0.0415 BTC/USDT: the price moved</b>
binance main · T-7F3K · revision 2
Market, at most 60 551.20
You saw 60 004, it is 60 310 (+0.51 %, limit 0.3 %). Nothing was sent.

tv breakout-15m, 4 s old at 14:30:10

14 checks passed
One approval needed · until 14:35:10""",
        ["Approve 2 503 USDT | Reject", "½ 1 251 USDT | Edit | Why"],
    ),
    "approved": (
        view(ticket(TS.APPROVED), votes=ANA),
        """<b>LIVE · BUY 0.0415 BTC/USDT ≈ 2 491 USDT · approved</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Checked once more, then sent
Ana approved 14:31:22, after 1 min 12 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        [],
    ),
    "straight through": (
        view(ticket(TS.APPROVED, required=0, rule="small")),
        """<b>LIVE · BUY 0.0415 BTC/USDT ≈ 2 491 USDT · approved</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Checked once more, then sent
Straight through by rule small

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        [],
    ),
    "being sent": (
        view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.SENDING, acknowledged_at=None),)),
        """<b>LIVE · BUY 0.0415 BTC/USDT ≈ 2 491 USDT · being sent to binance</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        [],
    ),
    "working": (
        view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.WORKING),)),
        """<b>LIVE · BUY 0.0415 BTC/USDT · working</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Nothing filled yet, working at 60 012.40
What is left is canceled at 14:31:52
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Cancel | Edit | Details"],
    ),
    "partly filled": (
        view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.WORKING),), fills=PART),
        """<b>LIVE · BUY 0.0415 BTC/USDT · working, 40 % filled</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
████░░░░░░ 40 %   0.0166 at 60 008.10
What is left is canceled at 14:31:52
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms · last fill +2.1 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Cancel the rest | Edit | Details"],
    ),
    "canceling": (
        view(
            ticket(TS.WORKING),
            votes=ANA,
            orders=(order(OS.CANCELING, cancel_reason="canceled by Ana"),),
            fills=PART,
        ),
        """<b>LIVE · BUY 0.0415 BTC/USDT · canceling the rest</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
████░░░░░░ 40 %   0.0166 at 60 008.10
Canceled by Ana. Not done until the exchange says so.
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms · last fill +2.1 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        [],
    ),
    "in doubt": (
        view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.IN_DOUBT, acknowledged_at=None),)),
        """<b>LIVE · BUY 0.0415 BTC/USDT: binance did not answer</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
The order may or may not exist. It is being looked for and will not be sent again.
BTC/USDT takes no new order at binance main until this is known.
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details"],
    ),
    "lost sight of": (
        view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.IN_DOUBT),)),
        """<b>LIVE · BUY 0.0415 BTC/USDT: binance does not show the order</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
It was accepted at 14:31:22. It is being looked for and will not be sent again.
BTC/USDT takes no new order at binance main until this is known.
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details"],
    ),
    "stuck": (
        view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.STUCK),)),
        """<b>LIVE · BUY 0.0415 BTC/USDT: unknown at binance, a person must decide</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
binance did not show in time what became of the order. It is still looked for.
The reply to this card says what was asked and has the buttons.
BTC/USDT takes no new order at binance main until this is known.
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details"],
    ),
    "ended, fills not read yet": (
        view(ticket(TS.WORKING), votes=ANA, orders=(order(OS.FILLED),), fills=PART),
        """<b>LIVE · BUY 0.0415 BTC/USDT · filled, fills are being read from binance</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
████░░░░░░ 40 %   0.0166 at 60 008.10
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms · last fill +2.1 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        [],
    ),
    "filled": (
        view(ticket(TS.DONE), votes=ANA, orders=(order(OS.FILLED),), fills=WHOLE),
        """<b>LIVE · BUY 0.0415 BTC/USDT · filled at 60 010.08</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
2 490.42 USDT + fee 0.996 + fee 1.49 BNB · slippage 0.01 % against us
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms · filled +2.1 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details"],
    ),
    "done, partly filled": (
        view(
            ticket(TS.DONE),
            votes=ANA,
            orders=(order(OS.CANCELED, cancel_reason="its time was up"),),
            fills=PART,
        ),
        """<b>LIVE · BUY 0.0415 BTC/USDT · 40 % filled at 60 008.10, the rest canceled</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
████░░░░░░ 40 %   0.0166 at 60 008.10
996.13 USDT + fee 0.996 · slippage 0.007 % against us
Its time was up.
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms · last fill +2.1 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details"],
    ),
    "made smaller at the exchange": (
        view(
            ticket(TS.DONE),
            votes=ANA,
            orders=(order(OS.FILLED),),
            fills=PART,
        ),
        """<b>LIVE · BUY 0.0415 BTC/USDT · 40 % filled at 60 008.10, the rest cut at the exchange</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
████░░░░░░ 40 %   0.0166 at 60 008.10
996.13 USDT + fee 0.996 · slippage 0.007 % against us
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms · last fill +2.1 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details"],
    ),
    "voided by a halt": (
        view(ticket(TS.CANCELED, reason="halted")),
        """<b>LIVE · BUY 0.0415 BTC/USDT · canceled, nothing was sent</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Halted.

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        [],
    ),
    "canceled, nothing filled": (
        view(
            ticket(TS.CANCELED),
            votes=ANA,
            orders=(order(OS.CANCELED, cancel_reason="its time was up"),),
        ),
        """<b>LIVE · BUY 0.0415 BTC/USDT · canceled, nothing filled</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Its time was up.
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details | Propose again"],
    ),
    "expired": (
        view(ticket(TS.EXPIRED)),
        """<b>LIVE · BUY 0.0415 BTC/USDT · expired, nothing was sent</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Nobody answered by 14:35:10.

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Propose again"],
    ),
    "expired, one vote short": (
        view(ticket(TS.EXPIRED, required=2), votes=ANA),
        """<b>LIVE · BUY 0.0415 BTC/USDT · expired, nothing was sent</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Only 1 of 2 approvals by 14:35:10.

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Propose again"],
    ),
    "expired at the exchange": (
        view(ticket(TS.EXPIRED), votes=ANA, orders=(order(OS.EXPIRED),)),
        """<b>LIVE · BUY 0.0415 BTC/USDT · expired, nothing filled</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Its time in force ended at the exchange.

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details | Propose again"],
    ),
    "rejected": (
        view(ticket(TS.REJECTED), votes=(vote("Olga", VoteKind.REJECT),)),
        """<b>LIVE · BUY 0.0415 BTC/USDT · rejected by Olga</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Olga rejected 14:31:22, after 1 min 12 s. Nothing was sent.

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        [],
    ),
    "refused": (
        view(
            ticket(
                TS.REFUSED,
                terms=terms(amount=Decimal("0.9"), value=Decimal(54000)),
                refusals=(TOO_LARGE,),
            )
        ),
        """<b>LIVE · Refused: BUY 0.9 BTC/USDT ≈ 54 000 USDT</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
<code>MAX_ORDER_NOTIONAL</code>: 54 000 is over 1 000.
Nothing was sent.

Stop 58 900: −21 707.42 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Why"],
    ),
    "refused, never sized": (
        view(
            ticket(
                TS.REFUSED,
                terms=None,
                asked=UNSIZED,
                refusals=(Refusal(code="UNKNOWN_SYMBOL", text="main has no market FOOBAR"),),
            )
        ),
        """<b>LIVE · Refused: BUY FOOBAR ≈ 100</b>
binance main · T-7F3K
<code>UNKNOWN_SYMBOL</code>: main has no market FOOBAR.
Nothing was sent.

tv breakout-15m, 4 s old at 14:30:10""",
        ["Why"],
    ),
    "refused by the exchange": (
        view(
            ticket(TS.FAILED),
            votes=ANA,
            orders=(order(OS.REJECTED, reason="Account has insufficient balance"),),
        ),
        """<b>LIVE · BUY 0.0415 BTC/USDT: binance refused it</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Account has insufficient balance. Nothing is open.
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details | Propose again"],
    ),
    "absent": (
        view(
            ticket(TS.FAILED),
            votes=ANA,
            orders=(order(OS.ABSENT, acknowledged_at=None, reason="marked as absent by Olga"),),
        ),
        """<b>LIVE · BUY 0.0415 BTC/USDT: no order at binance</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Marked as absent by Olga. Nothing was filled.
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details | Propose again"],
    ),
    "canceled after it had been taken for absent": (
        view(
            ticket(TS.FAILED, reason="marked as absent by Olga"),
            votes=ANA,
            orders=(
                order(
                    OS.CANCELED,
                    reason="marked as absent by Olga",
                    cancel_reason="canceled by Ana",
                ),
            ),
        ),
        """<b>LIVE · BUY 0.0415 BTC/USDT · canceled, nothing filled</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
Canceled by Ana.
Ana approved 14:31:22, after 1 min 12 s · sent +4 ms · acknowledged +86 ms

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details | Propose again"],
    ),
    "not sent": (
        view(
            ticket(TS.FAILED),
            votes=ANA,
            orders=(order(OS.DENIED, sent_at=None, acknowledged_at=None, reason="no connection"),),
        ),
        """<b>LIVE · BUY 0.0415 BTC/USDT · not sent</b>
binance main · T-7F3K
Limit 60 012.40, for 30 s
No connection. Nothing was sent.
Ana approved 14:31:22, after 1 min 12 s

Stop 58 900: −46.16 USDT
Targets 61 500 (half), 63 000 (half)
Stop and targets: not placed by us
tv breakout-15m, 4 s old at 14:30:10""",
        ["Details | Propose again"],
    ),
}


@pytest.mark.parametrize("state", CARDS)
def test_a_card_reads(state: str) -> None:
    shown, text, buttons = CARDS[state]

    face = cards.card(shown, LOOK, short=SHORT)

    assert face.text == text
    assert rows(face) == buttons


@pytest.mark.parametrize("state", CARDS)
def test_every_card_begins_with_its_badge_and_keeps_its_place_and_id(state: str) -> None:
    text = seen(cards.card(CARDS[state][0], LOOK, short=SHORT).text)

    assert text.startswith("LIVE · ")
    assert "\nbinance main · T-7F3K" in text
    assert text.count("\n") >= 3, "a card never collapses"


def test_there_is_a_card_for_every_state_of_a_ticket_and_of_a_working_order() -> None:
    states = {shown.ticket.state for shown, _, _ in CARDS.values()}
    working = {
        shown.orders[-1].state for shown, _, _ in CARDS.values() if shown.ticket.state is TS.WORKING
    }

    assert states | {TS.NEW} == set(TS)
    assert working >= {OS.SENDING, OS.IN_DOUBT, OS.WORKING, OS.CANCELING, OS.STUCK}


def test_the_buttons_of_a_waiting_card_ask_for_what_they_say() -> None:
    first, second = cards.card(CARDS["waiting"][0], LOOK, short=SHORT).buttons

    assert [b.action for b in first] == [Action.APPROVE, Action.REJECT]
    assert [b.style for b in first] == [ButtonStyle.SUCCESS, ButtonStyle.DANGER]
    assert [b.action for b in second] == [Action.HALF, Action.EDIT, Action.WHY]


def test_only_votes_on_exactly_these_terms_are_shown() -> None:
    other_terms = vote("Ben", fingerprint="f0")
    other_revision = vote("Cy", revision=2)
    twice = vote(id="again", at=at(80))

    card = cards.card(
        view(ticket(required=2), votes=(vote(), twice, other_terms, other_revision)),
        LOOK,
        short=SHORT,
    )

    assert "1 of 2 approvals · until 14:35:10\nAna approved 14:31:22" in card.text
    assert "Ben" not in card.text
    assert "Cy" not in card.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time_in_force": TimeInForce.GTC}, "Limit 60 012.40, good till canceled"),
        ({"time_in_force": TimeInForce.IOC}, "Limit 60 012.40, immediate or cancel"),
        ({"time_in_force": TimeInForce.FOK}, "Limit 60 012.40, all at once or nothing"),
        (
            {"time_in_force": TimeInForce.GTD, "good_till": at(3600)},
            "Limit 60 012.40, until 15:30:10",
        ),
        (
            {"time_in_force": TimeInForce.GTD, "good_till": at(3 * 86_400)},
            "Limit 60 012.40, until Mon 23 Nov 2026, 14:30:10",
        ),
        ({"post_only": True}, "Limit 60 012.40, good till canceled, post-only"),
        ({"rests_for": timedelta(minutes=90)}, "Limit 60 012.40, for 1 h 30 min"),
    ],
)
def test_how_long_an_order_rests_is_said(changes: dict[str, object], said: str) -> None:
    asked = terms(**{"rests_for": None, **changes})

    assert f"T-7F3K\n{said}\n" in cards.card(view(ticket(terms=asked)), LOOK, short=SHORT).text


def test_a_sale_counts_its_stop_and_its_slippage_the_other_way_round() -> None:
    short_sale = terms(side=Side.SELL, stop_loss=Decimal(61000), take_profit=())
    sold = fill("0.0415", "60100", side=Side.SELL)

    card = cards.card(
        view(ticket(TS.DONE, terms=short_sale), orders=(order(OS.FILLED),), fills=(sold,)),
        LOOK,
        short=SHORT,
    )

    assert "Stop 61 000: −40.99 USDT" in card.text
    assert "2 494.15 USDT − fee 2.49 · slippage 0.16 % in our favour" in card.text


def test_what_is_not_known_leaves_no_gap() -> None:
    unbounded = order(OS.WORKING, cancel_after=None)
    endless = ticket(expires_at=None, checks=0)

    working = cards.card(view(ticket(TS.WORKING), orders=(unbounded,)), LOOK, short=SHORT)
    waiting = cards.card(view(endless), LOOK, short=SHORT)

    assert "canceled at" not in working.text
    assert waiting.text.endswith("\n\nOne approval needed")
    for text in (working.text, waiting.text):
        assert "\n\n\n" not in text


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ("58900", "Stop 58 900: −46.16 USDT, 0.46 % of equity\n"),
        ("60010", "Stop 60 010: −0.0996 USDT, 0.001 % of equity\n"),
    ],
)
def test_a_waiting_card_says_how_much_of_the_account_its_stop_costs(stop: str, said: str) -> None:
    asked = terms(stop_loss=Decimal(stop))
    shown = view(ticket(terms=asked))

    card = cards.card(shown, LOOK, short=SHORT, account=cards.Account(equity=Decimal(10_000)))

    assert said in card.text


def test_a_ticket_not_checked_yet_says_so() -> None:
    card = cards.card(view(ticket(TS.NEW)), LOOK, short=SHORT)

    assert "2 491 USDT · being checked</b>" in card.text
    assert card.buttons == ()


def test_a_close_without_a_size_is_named_as_one() -> None:
    asked = Asked(symbol="BTCUSDT", side=None, type=OrderType.MARKET)

    card = cards.card(view(ticket(TS.REFUSED, terms=None, asked=asked)), LOOK, short=SHORT)

    assert card.text.startswith("<b>LIVE · Refused: CLOSE BTCUSDT</b>")


def test_moments_are_told_in_their_order() -> None:
    known_late = order(OS.FILLED, acknowledged_at=at(75))

    card = cards.card(view(ticket(TS.DONE), orders=(known_late,), fills=WHOLE), LOOK, short=SHORT)

    assert "sent +4 ms · filled +2.1 s · acknowledged +3.0 s" in card.text


def test_a_fill_at_the_reference_without_a_fee_says_just_that() -> None:
    free = fill("0.0415", "60004", fee=Decimal(0), fee_currency=None)

    card = cards.card(
        view(ticket(TS.DONE), orders=(order(OS.FILLED),), fills=(free,)), LOOK, short=SHORT
    )

    assert "\n2 490.17 USDT · no slippage\n" in card.text


def test_money_is_told_in_the_currency_of_the_settings_when_the_pair_has_another() -> None:
    crossed = terms(
        symbol="ETH/BTC",
        price=Decimal("0.04"),
        reference=Decimal("0.04"),
        amount=Decimal(2),
        notional=Decimal("0.08"),
        value=Decimal(4800),
        stop_loss=Decimal("0.035"),
        take_profit=(),
    )

    card = cards.card(view(ticket(terms=crossed)), LOOK, short=SHORT)

    assert "BUY 2 ETH/BTC ≈ 4 800 USDT" in card.text
    assert "Stop 0.035: −600 USDT" in card.text


def test_more_targets_votes_and_refusals_than_fit_are_counted() -> None:
    many = tuple(Target(price=Decimal(61000 + i), share=Decimal("0.125")) for i in range(8))
    people = tuple(vote(f"P{i}") for i in range(5))
    reasons = tuple(Refusal(code=f"C{i}", text="no") for i in range(5))

    waiting = cards.card(
        view(ticket(terms=terms(take_profit=many), required=9), votes=people), LOOK, short=SHORT
    )
    refused = cards.card(view(ticket(TS.REFUSED, refusals=reasons)), LOOK, short=SHORT)

    assert "61 003 (12.5 %), 4 more\nStop and targets: not placed by us" in waiting.text
    assert "5 of 9 approvals · until " in waiting.text
    assert "P2 approved 14:31:22, after 1 min 12 s · and 2 more" in waiting.text
    assert "and 2 more\nNothing was sent." in refused.text


hostile = st.text(
    st.one_of(
        st.sampled_from("<>&\"'/\u202e\u2066\u200f\u0000\n\t\ud800שא🚀e\u0301"),
        st.characters(),
    ),
    max_size=4096,
)


@pytest.mark.parametrize("state", CARDS)
@pytest.mark.parametrize("word", ["0" * 4096, "<" * 4096, "ש" * 4096, "🚀" * 2048])
def test_the_longest_words_of_others_fit_a_caption(word: str, state: str) -> None:
    text = seen(cards.card(_written_by_others(CARDS[state][0], word), LOOK, short=SHORT).text)

    assert figures.utf16(text) <= CAPTION_LIMIT


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    note=hostile,
    name=hostile,
    strategy=hostile,
    reason=hostile,
    state=st.sampled_from(sorted(CARDS)),
)
def test_whatever_others_wrote_a_card_is_valid_html_that_fits_a_caption(
    note: str, name: str, strategy: str, reason: str, state: str
) -> None:
    shown = _written_by_others(CARDS[state][0], note, name, strategy, reason)

    text = seen(cards.card(shown, LOOK, short=SHORT).text)

    assert figures.utf16(text) <= CAPTION_LIMIT
    assert text.startswith("LIVE · ")
    assert "\u202e" not in text
    text.encode()


def _written_by_others(
    plain: TicketView,
    note: str,
    name: str | None = None,
    strategy: str | None = None,
    reason: str | None = None,
) -> TicketView:
    """The view with everything in it that somebody else may word; one word for all by default."""
    name, reason = name or note, reason or note
    return plain.evolve(
        ticket=plain.ticket.evolve(
            note=note,
            strategy=strategy or note,
            reason=reason,
            refusals=tuple(r.evolve(text=reason) for r in plain.ticket.refusals) * 5,
            asked=plain.ticket.asked.evolve(symbol=name),
        ),
        votes=[
            vote.evolve(id=f"v{i}", name=name, person=f"tg:{i}")
            for vote in plain.votes
            for i in range(6)
        ],
        orders=[order.evolve(reason=reason, cancel_reason=reason) for order in plain.orders],
        exchange=name,
    )
