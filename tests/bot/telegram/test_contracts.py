"""What people are told of an account of contracts: hedge mode, and a position there that is not ours."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from bot.telegram import contracts, daily, messages
from bot.telegram.faces import Face
from execution.contracts import Apart
from execution.instruments import MarketKind
from execution.reports import DayView, VenueView
from execution.trading import Trading
from execution.types import Mode, TradingState
from tests.bot.telegram.views import at, seen

D = Decimal
PERP = "BTC/USDT:USDT"
VENUE = VenueView(
    name="fut",
    exchange="binance",
    mode=Mode.LIVE,
    connected=True,
    reason=None,
    stream=None,
    open_orders=0,
    last_reconciled=at(60),
    kind=MarketKind.SWAP,
)


def differs(ours: str, theirs: str) -> Face:
    return contracts.apart(VENUE, {"symbol": PERP, "ours": ours, "theirs": theirs})


def with_apart(*found: tuple[str, str, str]) -> VenueView:
    """The venue while these markets differ: symbol, ours, theirs."""
    apart = {
        symbol: Apart(ours=D(ours), theirs=D(theirs), since=at(0), settled=True)
        for symbol, ours, theirs in found
    }
    return VENUE.evolve(apart=apart)


FACES: dict[str, tuple[Face, str]] = {
    "hedge mode": (
        contracts.hedged(VENUE),
        """LIVE · binance fut is in hedge mode: no order goes there
A market has a long and a short position side by side in it, so an order that is to close one could open the \
other. Cancels and looks go on. Set it to one-way mode at the exchange; orders go again once that is seen.""",
    ),
    "one-way mode again": (
        contracts.one_way(VENUE),
        "LIVE · binance fut is in one-way mode. Orders go again",
    ),
    "a short that is larger there": (
        differs("-0.5", "-0.8"),
        """LIVE · binance fut holds short 0.8 BTC/USDT:USDT, our fills come to short 0.5
Somebody traded it there, or the exchange closed it (a liquidation). Entries in it wait until both are the \
same; exits go on.
Look at its trades there. Trade the difference back, or an owner books it here: /adopt BTC/USDT:USDT -0.3 <price>""",
    ),
    "a position that was liquidated": (
        differs("-0.5", "0"),
        """LIVE · binance fut holds no BTC/USDT:USDT, our fills come to short 0.5
Somebody traded it there, or the exchange closed it (a liquidation). Entries in it wait until both are the \
same; exits go on.
Look at its trades there. Trade the difference back, or an owner books it here: /adopt BTC/USDT:USDT 0.5 <price>""",
    ),
    "a position nobody here made": (
        differs("0", "1.5"),
        """LIVE · binance fut holds long 1.5 BTC/USDT:USDT, our fills come to nothing
Somebody traded it there, or the exchange closed it (a liquidation). Entries in it wait until both are the \
same; exits go on.
Look at its trades there. Trade the difference back, or an owner books it here: /adopt BTC/USDT:USDT 1.5 <price>""",
    ),
    "both the same again": (
        contracts.together(VENUE, PERP),
        "LIVE · binance fut holds of BTC/USDT:USDT what our fills come to. Entries in it go again",
    ),
    "what an account of contracts held before us": (
        messages.account_found(VENUE, {PERP: D("-0.5"), "ETH/USDT:USDT": D(2)}, 1),
        """LIVE · binance fut holds short 0.5 BTC/USDT:USDT, long 2 ETH/USDT:USDT and 1 open order
This was there before Countersign: it is left alone and counts in no limit. An owner takes a holding over with \
/adopt. Entries in it wait until then, or until it is closed there.""",
    ),
    "only orders rested there": (
        messages.account_found(VENUE, {}, 2),
        """LIVE · binance fut holds 2 open orders
This was there before Countersign: it is left alone and counts in no limit. An owner takes a holding over with \
/adopt.""",
    ),
}


@pytest.mark.parametrize("name", FACES)
def test_a_message_reads(name: str) -> None:
    face, text = FACES[name]

    assert seen(face.text) == text


def test_what_is_to_be_adopted_is_exact() -> None:
    """Of the difference nothing is rounded: what was typed must fit it."""
    ours, theirs = "-1234567890.123456789012345678", "0.000000000000000001"

    assert "-" not in seen(differs(ours, theirs).text).partition("/adopt ")[2]
    assert "1234567890.123456789012345679 " in differs(ours, theirs).text


@pytest.mark.parametrize("say", [contracts.hedged, contracts.one_way])
def test_a_name_from_outside_cannot_bend_the_message(say: Callable[[VenueView], Face]) -> None:
    assert "<b>binance" not in say(VENUE.evolve(exchange="<b>binance")).text


def test_each_market_that_differs_is_a_line() -> None:
    views = [with_apart((PERP, "-0.5", "0"), ("ETH/USDT:USDT", "0", "2"))]

    assert contracts.standing(views) == [
        "No entries in BTC/USDT:USDT at fut: nothing there, our fills come to short 0.5",
        "No entries in ETH/USDT:USDT at fut: long 2 there, our fills come to nothing",
    ]


def test_many_are_counted() -> None:
    many = with_apart(*((f"A{n}/USDT:USDT", "1", "2") for n in range(6)))

    *_, last = contracts.standing([many])

    assert len(contracts.rows([many])) == 5
    assert last == "No entries in 2 more contracts"


def test_the_daily_message_rings_for_a_position_that_is_not_ours() -> None:
    def day(*venues: VenueView) -> DayView:
        return DayView(
            mode=Mode.LIVE,
            trading=Trading(state=TradingState.ACTIVE, generation=1),
            venues=venues,
            unknown=0,
            working=(),
            positions=(),
            yesterday={},
            today={},
        )

    both = with_apart((PERP, "1", "2"), ("ETH/USDT:USDT", "1", "2"))

    assert daily.concerns(day(VENUE), 0) == []
    assert daily.concerns(day(both), 0) == ["no entries in 2 pairs"]


def test_where_all_agree_there_is_no_line() -> None:
    assert contracts.rows([VENUE]) == []
