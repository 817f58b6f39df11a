"""Stops and targets at OKX: algo orders, which have an id and a list of their own until they are touched.

The real ccxt, through our own venue, at a server that answers as OKX's documentation shows it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import OrderUnknown, OutcomeUnknown, VenueRefused, VenueUnavailable
from execution.types import ZERO, OrderState, OrderType, Side, TimeInForce, Trail
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import NewOrder, Report
from tests.execution.venues.shapes.okx import (
    ALGO,
    ALGO_ORDER,
    ALGOS_OPEN,
    OKX,
    ORDER,
    OURS,
    THEIRS,
    UNKNOWN,
    algo,
    became,
    refused,
    told,
)
from tests.execution.venues.shapes.place import AT, HOUR, NOW, Answer, Asked, Place

WAITING = OKX.key(venue_order_id=f"algo-{ALGO}")
LOW, HIGH = Decimal("49000.1"), Decimal("51000.1")
"""Stop prices under the market and above it."""
KINDS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "stop, sell": (
        {"type": OrderType.STOP, "side": Side.SELL, "stop_price": LOW, "price": None},
        {"slTriggerPx": "49000.1", "slTriggerPxType": "last", "slOrdPx": "-1"},
    ),
    "stop, buy": (
        {"type": OrderType.STOP, "stop_price": HIGH, "price": None},
        {"slTriggerPx": "51000.1", "slTriggerPxType": "last", "slOrdPx": "-1"},
    ),
    "stop-limit, sell": (
        {"type": OrderType.STOP_LIMIT, "side": Side.SELL, "stop_price": LOW},
        {"slTriggerPx": "49000.1", "slTriggerPxType": "last", "slOrdPx": "50000.1"},
    ),
    "stop-limit, buy": (
        {"type": OrderType.STOP_LIMIT, "stop_price": HIGH},
        {"slTriggerPx": "51000.1", "slTriggerPxType": "last", "slOrdPx": "50000.1"},
    ),
    "take-profit, sell": (
        {"type": OrderType.TAKE_PROFIT, "side": Side.SELL, "stop_price": HIGH, "price": None},
        {"tpTriggerPx": "51000.1", "tpTriggerPxType": "last", "tpOrdPx": "-1"},
    ),
    "take-profit, buy": (
        {"type": OrderType.TAKE_PROFIT, "stop_price": LOW, "price": None},
        {"tpTriggerPx": "49000.1", "tpTriggerPxType": "last", "tpOrdPx": "-1"},
    ),
    "take-profit-limit, sell": (
        {"type": OrderType.TAKE_PROFIT_LIMIT, "side": Side.SELL, "stop_price": HIGH},
        {"tpTriggerPx": "51000.1", "tpTriggerPxType": "last", "tpOrdPx": "50000.1"},
    ),
    "take-profit-limit, buy": (
        {"type": OrderType.TAKE_PROFIT_LIMIT, "stop_price": LOW},
        {"tpTriggerPx": "49000.1", "tpTriggerPxType": "last", "tpOrdPx": "50000.1"},
    ),
}
BY_OURS = Asked(method="GET", path=ALGO_ORDER, query={"instId": "BTC-USDT", "algoClOrdId": OURS})
BY_THEIRS = Asked(method="GET", path=ALGO_ORDER, query={"instId": "BTC-USDT", "algoId": ALGO})
ALL_OPEN = Asked(
    method="GET",
    path=ALGOS_OPEN,
    query={"ordType": "conditional", "instType": "SPOT", "limit": "100"},
)
CANCELED = Asked(
    method="POST",
    path="/api/v5/trade/cancel-algos",
    body=[{"algoId": ALGO, "instId": "BTC-USDT"}],
)
GONE = refused("51400", "Cancellation failed as the order has been filled, canceled or is gone")
WRONG = {"algoId": ALGO, "sCode": "51000", "sMsg": "Parameter algoId error"}
NOT_CANCELED = {
    **{
        code: refused(code, "It has been triggered.")
        for code in ("51293", "51400", "51412", "51416")
    },
    **{code: refused(code, "It is not to be canceled.") for code in ("51000", "51405", "51410")},
    "of the request": Answer(body={"code": "51000", "msg": WRONG["sMsg"], "data": []}),
    "called a success": Answer(body=told(WRONG)),
    "called one in part": Answer(body=told(WRONG) | {"code": "2"}),
    "a success of nothing": Answer(body=told()),
    "no answer": Answer(body={}, status=502),
}
"""What is said to a cancel that cancels nothing."""


def a_stop(**changes: Any) -> NewOrder:
    """A stop-limit that sells, unless changed."""
    terms = {"type": OrderType.STOP_LIMIT, "side": Side.SELL, "stop_price": LOW}
    return OKX.order(**(terms | {"price": Decimal("48000.1")} | changes))


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with Place(OKX) as server:
        yield server


@pytest.fixture
async def venue(place: Place) -> AsyncIterator[ExchangeVenue]:
    opened = place.venue()
    await opened.open()
    place.came.clear()
    for name in (f"GET {ORDER}", "GET /api/v5/trade/orders-pending"):
        place.instead[name] = OKX.nothing[name]  # the ordinary lists know none
    yield opened
    await opened.close()


def triggered(place: Place, **changes: Any) -> None:
    """Its price was touched: it has become an order of the ordinary list."""
    shown = {"state": "effective", "ordId": THEIRS, "ordIdList": [THEIRS], "actualSz": "0.0123"}
    place.instead[f"GET {ALGO_ORDER}"] = Answer(body=algo(**(shown | changes)))
    place.instead[f"GET {ORDER}"] = Answer(body=became())


def waits(found: Report | None) -> None:
    assert found is not None
    assert (found.venue_order_id, found.client_order_id) == (f"algo-{ALGO}", OURS)
    assert (found.symbol, found.side, found.state) == (OKX.symbol, Side.SELL, OrderState.WORKING)
    assert (found.amount, found.filled, found.at) == (OKX.amount, ZERO, AT)
    assert (found.price, found.stop_price) == (Decimal("48000.1"), LOW)


class TestSending:
    @pytest.mark.parametrize("what", KINDS)
    async def test_it_leaves_as_an_algo_order_of_ones_own_money_and_with_our_id(
        self, venue: ExchangeVenue, place: Place, what: str
    ) -> None:
        terms, sent = KINDS[what]
        report = await venue.send(OKX.order(**terms))
        (came,) = place.came
        assert OKX.is_signed(came)
        body = {
            "instId": "BTC-USDT",
            "side": "sell" if "sell" in what else "buy",
            "ordType": "conditional",
            "sz": "0.0123",
            "tdMode": "cash",
            "algoClOrdId": OURS,
            **({} if "sell" in what else {"tgtCcy": "base_ccy"}),
            **sent,
        }
        assert place.taken() == [Asked(method="POST", path=ALGO_ORDER, body=body)]
        assert (report.venue_order_id, report.client_order_id) == (f"algo-{ALGO}", OURS)
        assert (report.state, report.filled) == (OrderState.WORKING, ZERO)

    async def test_one_that_would_fire_at_once_is_refused_in_words(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        said = "SL trigger price cannot be higher than the last price."
        place.instead[f"POST {ALGO_ORDER}"] = refused("51280", said)
        with pytest.raises(VenueRefused, match="past the stop price already"):
            await venue.send(a_stop())

    @pytest.mark.parametrize("code", ["51065", "51068"])
    async def test_an_id_that_is_taken_is_no_definite_no(
        self, venue: ExchangeVenue, place: Place, code: str
    ) -> None:
        place.instead[f"POST {ALGO_ORDER}"] = refused(code, "algoClOrdId already exists.")
        with pytest.raises(OutcomeUnknown):
            await venue.send(a_stop())

    @pytest.mark.parametrize(
        ("number", "code"),
        [("", "51000"), (ALGO, "51149"), ("", "0")],
        ids=["refused", "timed out there", "without a number"],
    )
    async def test_a_success_that_holds_a_refusal_is_no_order_that_stands(
        self, venue: ExchangeVenue, place: Place, number: str, code: str
    ) -> None:
        row = {"algoId": number, "algoClOrdId": OURS, "sCode": code, "sMsg": "It is not taken."}
        place.instead[f"POST {ALGO_ORDER}"] = Answer(body=told(row))
        with pytest.raises(OutcomeUnknown, match="shows no order"):
            await venue.send(a_stop())

    async def test_the_answer_to_another_one_is_no_answer(self, venue: ExchangeVenue) -> None:
        with pytest.raises(OutcomeUnknown, match="another order"):
            await venue.send(a_stop(client_order_id=venue.client_order_id(bytes(16))))

    @pytest.mark.parametrize(
        "terms",
        [
            {"time_in_force": TimeInForce.IOC},
            {
                "type": OrderType.TRAILING_STOP,
                "stop_price": None,
                "price": None,
                "trail": Trail(value=Decimal("0.01"), is_share=True),
            },
        ],
        ids=["at once", "trailing"],
    )
    async def test_what_it_does_not_take_is_refused_and_not_sent(
        self, venue: ExchangeVenue, place: Place, terms: dict[str, Any]
    ) -> None:
        with pytest.raises(VenueRefused, match="nothing was sent"):
            await venue.send(a_stop(**terms))
        assert place.taken() == []


class TestWhileItWaits:
    async def test_it_is_found_by_our_id(self, venue: ExchangeVenue, place: Place) -> None:
        place.instead["GET /api/v5/trade/fills-history"] = Answer(body=told())
        waits(await venue.find(OKX.key()))
        assert place.taken()[-1] == BY_OURS

    async def test_it_is_found_by_its_own_number(self, venue: ExchangeVenue, place: Place) -> None:
        waits(await venue.find(WAITING))
        assert place.taken() == [BY_THEIRS]

    async def test_one_that_only_the_list_knows_is_found(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        place.instead[f"GET {ALGO_ORDER}"] = UNKNOWN
        place.instead[f"GET {ALGOS_OPEN}"] = Answer(body=algo())
        waits(await venue.find(WAITING))

    async def test_an_empty_answer_about_it_is_one_vote_for_none(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        place.instead["GET /api/v5/trade/fills-history"] = Answer(body=told())
        place.instead[f"GET {ALGO_ORDER}"] = Answer(body=told())
        assert await venue.find(OKX.key()) is None
        assert place.taken()[-2:] == [BY_OURS, OKX.searched[-1]]

    async def test_it_is_told_among_the_open_orders(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        place.instead[f"GET {ALGOS_OPEN}"] = Answer(body=algo())
        (found,) = await venue.open_orders([])
        waits(found)
        assert ALL_OPEN in place.taken()

    async def test_a_full_page_of_them_leads_to_what_is_older(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        rows = [algo(algoId=str(1000 - one))["data"][0] for one in range(100)]  # type: ignore[index]
        place.instead[f"GET {ALGOS_OPEN}"] = Answer(body=told(*rows))
        with pytest.raises(VenueUnavailable):  # the same page twice leads nowhere
            await venue.open_orders([])
        older = Asked(method="GET", path=ALGOS_OPEN, query={**ALL_OPEN.query, "after": "901"})
        assert place.taken() == [ALL_OPEN, older]

    async def test_it_is_canceled_by_its_own_number(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        await venue.cancel(WAITING)
        (came,) = place.came
        assert OKX.is_signed(came)
        assert place.taken() == [CANCELED]

    @pytest.mark.parametrize(
        "answer", [GONE, NOT_CANCELED["of the request"]], ids=["gone", "refused"]
    )
    async def test_it_is_canceled_by_our_id_once_it_was_found(
        self, venue: ExchangeVenue, place: Place, answer: Answer
    ) -> None:
        place.instead["POST /api/v5/trade/cancel-order"] = answer
        place.instead["GET /api/v5/trade/fills-history"] = Answer(body=told())
        await venue.cancel(OKX.key())
        asked = place.taken()
        assert (asked[0], asked[-1]) == (OKX.canceled, CANCELED)

    @pytest.mark.parametrize("answer", ["51000", "called a success", "no answer"])
    async def test_a_cancel_that_was_not_taken_says_so_and_leaves_once(
        self, venue: ExchangeVenue, place: Place, answer: str
    ) -> None:
        place.instead[str(CANCELED)] = NOT_CANCELED[answer]
        with pytest.raises(VenueUnavailable):
            await venue.cancel(WAITING)
        assert place.taken() == [CANCELED, BY_THEIRS]

    async def test_one_of_somebody_else_that_took_effect_in_part_is_told_as_open(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        in_part = {"state": "partially_effective", "ordIdList": ["4711", "4712"]}
        place.instead[f"GET {ALGOS_OPEN}"] = Answer(body=algo(algoClOrdId="", **in_part))
        (found,) = await venue.open_orders([])
        assert (found.client_order_id, found.state) == (None, OrderState.WORKING)

    async def test_one_that_does_not_tell_what_it_became_waits_still(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        row = algo()["data"][0]  # type: ignore[index]
        place.instead[f"GET {ALGOS_OPEN}"] = Answer(
            body=told({name: value for name, value in row.items() if name != "ordIdList"})
        )
        (found,) = await venue.open_orders([])
        waits(found)

    async def test_one_of_somebody_else_for_an_amount_of_money_is_told_in_what_it_buys(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        theirs = {"tpTriggerPx": "40000", "tpOrdPx": "-1", "slTriggerPx": "", "slOrdPx": ""}
        money = {"side": "buy", "tgtCcy": "quote_ccy", "sz": "10", "algoClOrdId": ""}
        place.instead[f"GET {ALGOS_OPEN}"] = Answer(body=algo(**theirs, **money))
        (found,) = await venue.open_orders([])
        assert (found.client_order_id, found.amount) == (None, Decimal("0.00025"))
        assert (found.price, found.stop_price) == (None, Decimal(40000))


class TestOnceItIsTouched:
    @pytest.mark.parametrize("by", [f"algo-{ALGO}", THEIRS], ids=["the old number", "the new one"])
    async def test_it_is_the_order_that_it_became(
        self, venue: ExchangeVenue, place: Place, by: str
    ) -> None:
        """ccxt takes the number of the algo order for that order's."""
        triggered(place)
        found = await venue.find(OKX.key(venue_order_id=by))
        assert found is not None
        assert (found.venue_order_id, found.client_order_id) == (THEIRS, OURS)
        assert (found.state, found.filled) == (OrderState.WORKING, Decimal("0.0023"))
        assert (found.amount, found.price) == (OKX.amount, Decimal("48000.1"))
        ordinary = Asked(method="GET", path=ORDER, query={"instId": "BTC-USDT", "ordId": THEIRS})
        assert place.taken() == [*([BY_THEIRS] if by != THEIRS else []), ordinary]

    async def test_its_trades_are_those_of_that_order(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        triggered(place)
        (trade,) = await venue.trades(WAITING)
        assert (trade.venue_order_id, trade.amount) == (THEIRS, Decimal("0.0023"))
        assert place.taken()[-1] == OKX.of_theirs

    @pytest.mark.parametrize("its_id", ["", f"{ALGO}_0"], ids=["without an id", "of its own"])
    async def test_that_order_is_ours_in_every_list(
        self, venue: ExchangeVenue, place: Place, its_id: str
    ) -> None:
        place.instead["GET /api/v5/trade/orders-pending"] = Answer(body=became(clOrdId=its_id))
        (listed,) = await venue.open_orders([])
        assert await venue.find(OKX.key()) == listed
        assert (listed.venue_order_id, listed.client_order_id) == (THEIRS, OURS)

    @pytest.mark.parametrize("answer", NOT_CANCELED)
    async def test_its_rest_is_canceled_by_the_number_it_has_by_then_whatever_was_answered(
        self, venue: ExchangeVenue, place: Place, answer: str
    ) -> None:
        triggered(place)
        place.instead[str(CANCELED)] = NOT_CANCELED[answer]
        await venue.cancel(WAITING)
        asked = place.taken()
        assert (asked[0], asked[-1]) == (CANCELED, OKX.canceled_by_theirs)

    @pytest.mark.parametrize(
        ("state", "told_as"),
        [
            ("pause", OrderState.WORKING),
            ("canceled", OrderState.CANCELED),
            ("order_failed", OrderState.REJECTED),
        ],
    )
    async def test_one_that_became_nothing_says_so(
        self, venue: ExchangeVenue, place: Place, state: str, told_as: OrderState
    ) -> None:
        place.instead[f"GET {ALGO_ORDER}"] = Answer(body=algo(state=state))
        found = await venue.find(WAITING)
        assert found is not None
        assert (found.state, found.filled) == (told_as, ZERO)
        assert await venue.trades(WAITING) == []

    async def test_one_that_is_over_cannot_be_canceled(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        place.instead[f"GET {ALGO_ORDER}"] = Answer(body=algo(state="canceled"))
        place.instead[str(CANCELED)] = GONE
        with pytest.raises(OrderUnknown):
            await venue.cancel(WAITING)

    @pytest.mark.parametrize(
        "shown",
        [
            {"ordId": "", "ordIdList": []},
            {"ordIdList": [THEIRS, "4711"]},
            {"state": "partially_effective"},
            {"state": "partially_failed"},
        ],
        ids=["none told", "several told", "in part", "failed in part"],
    )
    async def test_what_it_became_is_never_guessed(
        self, venue: ExchangeVenue, place: Place, shown: dict[str, Any]
    ) -> None:
        triggered(place, **shown)
        with pytest.raises(VenueUnavailable):
            await venue.find(WAITING)

    async def test_an_order_that_is_not_shown_yet_is_not_absent(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        triggered(place)
        place.instead[f"GET {ORDER}"] = UNKNOWN
        with pytest.raises(VenueUnavailable, match="does not show what this order became"):
            await venue.find(WAITING)


class TestWhatItBecameIsNotKnown:
    """OKX forgets an order that was canceled without a fill two hours later; what it waited as stays."""

    @pytest.fixture
    def forgotten(self, place: Place) -> Place:
        triggered(place, uTime=str(NOW - 2 * HOUR))
        place.instead[f"GET {ORDER}"] = UNKNOWN
        place.instead["GET /api/v5/trade/fills-history"] = Answer(body=told())
        return place

    @pytest.mark.parametrize("number", [f"algo-{ALGO}", None], ids=["by theirs", "by ours"])
    async def test_a_complete_round_without_it_is_one_vote_for_none(
        self, venue: ExchangeVenue, forgotten: Place, number: str | None
    ) -> None:
        assert await venue.find(OKX.key(venue_order_id=number)) is None
        asked = forgotten.taken()
        assert [one for one in OKX.searched[:4] if one not in asked] == []

    @pytest.mark.parametrize("of", ["orders-pending", "orders-history", "fills-history"])
    async def test_a_round_that_is_not_complete_is_none(
        self, venue: ExchangeVenue, forgotten: Place, of: str
    ) -> None:
        forgotten.instead[f"GET /api/v5/trade/{of}"] = Answer(body={}, status=502)
        with pytest.raises(VenueUnavailable):
            await venue.find(WAITING)

    async def test_one_that_a_list_shows_is_found(
        self, venue: ExchangeVenue, forgotten: Place
    ) -> None:
        shown = Answer(body=became(algoClOrdId="", clOrdId=f"{ALGO}_0"))
        forgotten.instead["GET /api/v5/trade/orders-pending"] = shown
        found = await venue.find(WAITING)
        assert found is not None
        assert (found.venue_order_id, found.client_order_id) == (THEIRS, OURS)

    async def test_one_that_has_traded_is_not_absent(
        self, venue: ExchangeVenue, forgotten: Place
    ) -> None:
        del forgotten.instead["GET /api/v5/trade/fills-history"]
        with pytest.raises(VenueUnavailable, match="trades of an order it does not know"):
            await venue.find(WAITING)
