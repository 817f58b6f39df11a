"""Long and short as people read them: on the card, when it fills, in the lists, in the picture."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from bot.news import levels
from bot.telegram import cards, directions, figures, lists, messages, replies
from bot.telegram.cards import Account
from bot.telegram.faces import CAPTION_LIMIT
from execution.positions import Position
from execution.reports import PositionView
from execution.results import Results
from execution.types import Mode, OrderState, OrderType, Side, Target, Terms, TicketState
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
    vote,
)

D = Decimal
TS, OS = TicketState, OrderState
PERP = "BTC/USDT:USDT"


def contract(side: Side, **changes: object) -> Terms:
    """An order for 0.5 of a contract, without exits of its own."""
    bare: dict[str, object] = {"stop_loss": None, "take_profit": ()}
    return terms(**bare | {"symbol": PERP, "side": side, "amount": D("0.5")} | changes)


def leaving(side: Side, **changes: object) -> Terms:
    return contract(side, reduces=True, **changes)


def held(amount: str, **changes: object) -> PositionView:
    given: dict[str, object] = {
        "venue": "main",
        "symbol": PERP,
        "amount": D(amount),
        "average": D(60_000),
        "mark": D(59_000),
        "mark_age": timedelta(seconds=1),
        "unrealized": D(amount) * D(-1_000),
        "realized_today": D(0),
        "currency": "USDT",
    }
    return PositionView(**given | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "position", "said"),
    [
        (contract(Side.BUY), "0", "opens a long"),
        (contract(Side.SELL), "0", "opens a short"),
        (contract(Side.BUY), "0.2", "adds to the long"),
        (contract(Side.SELL), "-0.2", "adds to the short"),
        (leaving(Side.SELL), "0.5", "closes the long"),
        (leaving(Side.BUY), "-0.5", "closes the short"),
        (leaving(Side.SELL), "0.7", "reduces the long"),
        (leaving(Side.BUY), "-0.7", "reduces the short"),
    ],
)
def test_a_card_that_waits_says_in_its_first_line_what_the_order_would_do(
    asked: Terms, position: str, said: str
) -> None:
    account = Account(position=D(position), leverage=D(1))

    face = cards.card(view(ticket(terms=asked)), LOOK, short=SHORT, account=account)

    first, *_ = face.text.splitlines()
    assert first.endswith(f" USDT · {said}</b>")


@pytest.mark.parametrize(
    ("asked", "account", "said"),
    [
        (contract(Side.SELL), Account(leverage=D(3)), "Nothing held · leverage 3x"),
        (contract(Side.SELL), Account(), "Nothing held · leverage not known"),
        (
            contract(Side.SELL),
            Account(position=D("-0.2"), leverage=D("2.5")),
            "Short 0.2 held · leverage 2.5x",
        ),
        (leaving(Side.SELL), Account(position=D(1), leverage=D(1)), "Long 1 held · leverage 1x"),
        (leaving(Side.BUY), Account(position=D(-1)), "Short 1 held"),
    ],
)
def test_it_says_what_is_held_and_what_the_market_is_set_to(
    asked: Terms, account: Account, said: str
) -> None:
    face = cards.card(view(ticket(terms=asked)), LOOK, short=SHORT, account=account)

    assert said in face.text.splitlines()


def test_the_whole_card_of_a_short() -> None:
    asked = contract(
        Side.SELL,
        price=D(60_012),
        notional=D(30_006),
        value=D(30_006),
        stop_loss=D(61_000),
        take_profit=(Target(price=D(58_000), share=D(1)),),
    )
    account = Account(equity=D(50_000), leverage=D(3))

    face = cards.card(view(ticket(terms=asked)), LOOK, short=SHORT, account=account)

    assert (
        face.text
        == """<b>LIVE · SELL 0.5 BTC/USDT:USDT ≈ 30 006 USDT · opens a short</b>
binance main · T-7F3K
Limit 60 012, for 30 s

Stop 61 000: −494 USDT, 0.99 % of equity
Target 58 000
Stop and target: not placed by us
Nothing held · leverage 3x
tv breakout-15m, 4 s old at 14:30:10
Market 60 004, 0.01 % below the limit

14 checks passed
One approval needed · until 14:35:10"""
    )
    assert rows(face) == ["Approve 30 006 USDT | Reject", "½ 15 003 USDT | Edit | Why"]


@pytest.mark.parametrize("word", ["0" * 4096, "<" * 4096, "🚀" * 2048])
def test_the_card_of_a_contract_fits_a_caption_whatever_others_wrote(word: str) -> None:
    targets = tuple(Target(price=D(50_000 - n), share=D("0.1")) for n in range(10))
    asked = contract(
        Side.SELL,
        symbol=f"{'X' * 60}/USDT:USDT",
        amount=D("12345678901234567890.123456789012345678"),
        stop_loss=D("61000.123456789"),
        take_profit=targets,
    )
    longest = ticket(
        terms=asked, note=word, strategy=word, reason=word, source="s" * 32, revision=9,
        then=D("0.123456789012345678"), required=3, veto_window=timedelta(minutes=1),
    )  # fmt: skip
    votes = tuple(vote(word, id=f"v{n}", person=f"tg:{n}") for n in range(6))
    account = Account(equity=D(1), position=-asked.amount, leverage=D("125.5"))

    face = cards.card(view(longest, votes=votes, exchange=word), LOOK, short=SHORT, account=account)

    assert figures.utf16(seen(face.text)) <= CAPTION_LIMIT


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (contract(Side.BUY), "Goes long"),
        (contract(Side.SELL), "Goes short"),
        (leaving(Side.SELL), "Only reduces the long"),
        (leaving(Side.BUY), "Only reduces the short"),
        (leaving(Side.BUY, closing=True), "Only reduces the short"),
    ],
)
@pytest.mark.parametrize("state", [TS.WORKING, TS.REJECTED, TS.EXPIRED])
def test_what_it_was_for_stays_true_whatever_is_held_later(
    asked: Terms, said: str, state: TicketState
) -> None:
    """A card is not edited when the position changes: so it says nothing that would."""
    shown = view(ticket(state, terms=asked), orders=(order(OS.WORKING, symbol=PERP),))

    face = cards.card(shown, LOOK, short=SHORT, account=Account(position=D(-3), leverage=D(20)))

    assert said in face.text.splitlines()
    assert "held" not in face.text


FOLLOWS = "Then a sell of 0.3 BTC/USDT:USDT follows, as a card of its own"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (TS.PENDING, FOLLOWS),
        (TS.APPROVED, FOLLOWS),
        (TS.WORKING, FOLLOWS),
        (TS.REJECTED, "No entry follows"),
        (TS.EXPIRED, "No entry follows"),
        (TS.CANCELED, "No entry follows"),
        (TS.REFUSED, "No entry follows"),
        (TS.FAILED, "No entry follows"),
    ],
)
def test_the_card_of_a_close_says_whether_an_entry_follows(state: TicketState, said: str) -> None:
    sale = ticket().asked.evolve(symbol=PERP, side=Side.SELL)
    close = ticket(state, terms=leaving(Side.SELL), asked=sale, then=D("0.3"))

    face = cards.card(view(close, orders=(order(OS.WORKING, symbol=PERP),)), LOOK, short=SHORT)

    assert said in face.text.splitlines()


def test_a_close_that_is_done_leaves_it_to_the_card_that_followed() -> None:
    close = ticket(TS.DONE, terms=leaving(Side.SELL), then=D("0.3"))
    fills = (fill("0.5", "60010", symbol=PERP, side=Side.SELL),)

    face = cards.card(
        view(close, orders=(order(OS.FILLED, symbol=PERP),), fills=fills), LOOK, short=SHORT
    )

    assert "follow" not in face.text


def test_the_entry_names_the_close_it_follows() -> None:
    entry = ticket(terms=contract(Side.SELL), after="01JD4N5V8Y3QW6T1ZC9GHB8K2M")

    face = cards.card(view(entry), LOOK, short=SHORT)

    assert "Follows the close T-8K2M" in face.text.splitlines()


def test_a_card_of_spot_says_nothing_of_directions() -> None:
    account = Account(position=D(1), leverage=D(3))

    face = cards.card(view(ticket()), LOOK, short=SHORT, account=account)

    assert "long" not in face.text
    assert "leverage" not in face.text


@pytest.mark.parametrize(
    ("side", "reduces", "symbol", "did"),
    [
        (Side.BUY, False, PERP, "bought"),
        (Side.SELL, False, PERP, "sold short"),
        (Side.SELL, True, PERP, "sold"),
        (Side.BUY, True, PERP, "bought back"),
        (Side.BUY, False, "BTC/USDT", "bought"),
        (Side.SELL, True, "BTC/USDT", "sold"),
        (Side.SELL, False, "BTC/USDT", "sold"),
    ],
)
def test_a_fill_says_what_was_done(side: Side, reduces: bool, symbol: str, did: str) -> None:
    asked = terms(symbol=symbol, side=side, reduces=reduces, stop_loss=None, take_profit=())
    filled = view(
        ticket(TS.DONE, terms=asked),
        orders=(order(OS.FILLED, symbol=symbol, side=side, reduces=reduces),),
        fills=(fill("0.0415", "60010", symbol=symbol, side=side),),
    )

    first, *_ = messages.filled(filled, LOOK, short=SHORT).text.splitlines()

    assert f"Filled: {did} 0.0415 {symbol} at 60 010" in first


def test_a_short_that_rose_cost_us_and_one_that_fell_gained() -> None:
    """Slippage of a sale is against us below the reference, whatever the sale is for."""
    asked = contract(Side.SELL, reference=D(60_000), amount=D("0.0415"))

    def said(price: str) -> str:
        fills = (fill("0.0415", price, symbol=PERP, side=Side.SELL),)
        orders = (order(OS.FILLED, symbol=PERP, side=Side.SELL),)
        shown = view(ticket(TS.DONE, terms=asked), orders=orders, fills=fills)
        return messages.filled(shown, LOOK, short=SHORT).text.splitlines()[1]

    assert said("59940") == "binance · 2 487.51 USDT − fee 2.49 · slippage 0.1 % against us"
    assert said("60060") == "binance · 2 492.49 USDT − fee 2.49 · slippage 0.1 % in our favour"


@pytest.mark.parametrize(
    ("position", "row"),
    [
        (held("-0.5"), "BTC/USDT:USDT short 0.5 at 60 000, now 59 000 (+500) · main"),
        (held("0.5"), "BTC/USDT:USDT long 0.5 at 60 000, now 59 000 (−500) · main"),
        (
            held("-0.5", stop=D(61_000)),
            "BTC/USDT:USDT short 0.5 at 60 000, now 59 000 (+500), stop 61 000 · main",
        ),
        (
            held("-0.5", mark=None, unrealized=None),
            "BTC/USDT:USDT short 0.5 at 60 000, no price now · main",
        ),
        (
            held("0.5", symbol="BTC/USDT"),
            "BTC/USDT 0.5 at 60 000, now 59 000 (−500) · main",
        ),
    ],
)
def test_a_position_in_a_line(position: PositionView, row: str) -> None:
    assert replies.position_row(position) == row


def test_the_button_that_closes_a_short_names_it_before_it_is_confirmed() -> None:
    asked = "position:main:BTC/USDT:USDT"

    face = lists.held(Mode.LIVE, [held("-0.5")])
    tapped = lists.held(Mode.LIVE, [held("-0.5")], asked=asked, tapped_at=NOON)

    assert rows(face) == ["Close BTC/USDT:USDT"]
    assert rows(tapped) == ["Confirm close short 0.5 BTC/USDT:USDT"]


def test_a_stop_that_is_gone_names_the_short_it_stood_behind() -> None:
    asked = leaving(Side.BUY, type=OrderType.STOP, price=None, stop_price=D(61_000))
    shown = view(ticket(TS.CANCELED, terms=asked), orders=(order(OS.CANCELED, symbol=PERP),))

    first, *_ = messages.stop_gone(
        shown, D("-0.5"), OS.CANCELED, None, replaced=False, short=SHORT
    ).text.splitlines()

    assert first.endswith(": short 0.5 BTC/USDT:USDT is held without this stop</b>")


def test_a_stop_whose_changed_one_does_not_stand_says_why_it_is_gone() -> None:
    asked = leaving(Side.BUY, type=OrderType.STOP, price=None, stop_price=D(61_000))
    shown = view(ticket(TS.CANCELED, terms=asked), orders=(order(OS.CANCELED, symbol=PERP),))

    *_, last = messages.stop_gone(
        shown, D("-0.5"), None, "canceled by Olga", replaced=True, short=SHORT
    ).text.splitlines()

    assert last == "It was canceled for a changed one, which does not stand. Canceled by Olga."


def test_what_was_adopted_is_named_with_its_direction() -> None:
    position = Position(
        venue="main", symbol=PERP, amount=D("-0.5"), cost=D(-32_000), realized=D(0),
        base_fees=D(0), entry_fees={}, opened_at=at(0), updated_at=at(0),
    )  # fmt: skip

    face = replies.adopted(Mode.LIVE, "binance", position, D(64_000))

    said = "Adopted. BTC/USDT:USDT short 0.5 at 64 000 now."
    assert face.text == f"<b>LIVE · {said}</b> binance main"


@pytest.mark.parametrize(
    ("symbol", "said"), [(PERP, "Net of fees and funding; "), ("BTC/USDT", "Net of fees; ")]
)
def test_a_result_says_whether_funding_is_in_it(symbol: str, said: str) -> None:
    day = NOON.date()
    found = Results(
        currency="USDT",
        days=[(day, D(5))],
        symbols=[(symbol, D(5))],
        apart={},
        exits=1,
        gains=1,
    )

    *_, last = lists.result(Mode.LIVE, found, span=7).text.splitlines()

    assert last == f"{said}what is still held is not in it."


STOP = D(61_000)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        # What enters has its own price as entry, and its stop beyond it.
        (
            contract(Side.SELL, type=OrderType.STOP, price=None, stop_price=D(59_000), stop_loss=STOP),
            (D(59_000), STOP, ()),
        ),
        (
            contract(Side.BUY, type=OrderType.STOP, price=None, stop_price=D(60_500)),
            (D(60_500), None, ()),
        ),
        # What leaves is itself the stop, or the target.
        (leaving(Side.BUY, type=OrderType.STOP, price=None, stop_price=STOP), (None, STOP, ())),
        (
            leaving(Side.BUY, type=OrderType.TAKE_PROFIT, price=None, stop_price=D(58_000)),
            (None, None, (D(58_000),)),
        ),
        (
            leaving(Side.SELL, type=OrderType.STOP, price=None, stop_price=D(58_000)),
            (None, D(58_000), ()),
        ),
        (contract(Side.SELL, price=D(60_012), stop_loss=STOP), (D(60_012), STOP, ())),
    ],
)  # fmt: skip
def test_the_picture_of_a_short_has_its_stop_above_its_entry(
    asked: Terms, shown: tuple[object, ...]
) -> None:
    assert levels(asked) == shown


def test_an_order_on_spot_that_waits_to_sell_is_a_stop_even_out_of_holdings() -> None:
    asked = terms(
        side=Side.SELL, type=OrderType.STOP, price=None, stop_price=D(58_000),
        from_holdings=D("0.01"), stop_loss=None, take_profit=(),
    )  # fmt: skip

    assert levels(asked) == (None, D(58_000), ())


def test_no_amount_of_a_contract_is_shown_with_a_sign() -> None:
    assert directions.held(PERP, D("-1234.5")) == "short 1 234.5"
    assert directions.held("BTC/USDT", D("1234.5")) == "1 234.5"
