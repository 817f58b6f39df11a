"""What each kind of order says on the wire at each exchange, and that docs/exchanges.md tells just that."""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.errors import VenueRefused
from execution.types import OrderState, OrderType, TimeInForce, Trail
from execution.venues.filters import not_taken
from execution.venues.quirks import quirks_of
from tests.execution.venues.kinds.setup import AMOUNT, GOOD_TILL, ORDERS, Exchange, in_a_cell
from tests.markdown import DOCS

NOT_TAKEN = "not taken"
EXCHANGES = ("binance", "kraken", "coinbase", "binanceusdm", "krakenfutures")
TABLE = {
    cells[0]: dict(zip(EXCHANGES, cells[1:], strict=True))
    for cells in DOCS["exchanges"].table("## Order kinds", "order")
}


def test_the_table_tells_of_every_kind() -> None:
    assert [*TABLE] == [*ORDERS]


@pytest.mark.parametrize("kind", ORDERS)
class TestEachKind:
    async def test_it_is_sent_as_the_table_tells_or_not_at_all(
        self, at: Exchange, kind: str
    ) -> None:
        order = at.order(kind)
        if TABLE[kind][at.name] == NOT_TAKEN:
            with pytest.raises(VenueRefused, match="nothing was sent"):
                await at.venue.send(order)
            assert at.sent() == []
            return
        report = await at.venue.send(order)
        (request,) = at.sent()
        assert in_a_cell(at.read(request)) == TABLE[kind][at.name]
        assert report.state in (OrderState.WORKING, OrderState.FILLED)
        assert report.client_order_id == order.client_order_id
        assert (report.side, report.amount, report.price) == (order.side, order.amount, order.price)

    async def test_the_market_offers_what_is_sent_and_nothing_else(
        self, at: Exchange, kind: str
    ) -> None:
        """By this sizing refuses an order before anybody is asked."""
        wrong = not_taken(at.order(kind), at.venue.instruments()[at.symbol])
        assert (wrong is not None) == (TABLE[kind][at.name] == NOT_TAKEN)


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("stop, sell", {"stop_price": Decimal("59000.005")}, "stop price 59000.005 is no multiple"),
        ("stop-limit, sell", {"stop_price": Decimal("59000.005")}, "stop price 59000.005 is no"),
        ("stop-limit, sell", {"price": Decimal("58900.005")}, "price 58900.005 is no multiple"),
        ("stop, sell", {"amount": Decimal("0.0010000001")}, "amount 0.0010000001 is no multiple"),
        ("stop, sell", {"stop_price": None}, "needs a stop price"),
        ("stop, sell", {"price": Decimal(58000)}, "has no price"),
        ("stop-limit, sell", {"price": None}, "needs a price"),
        ("limit", {"stop_price": Decimal(59000)}, "has no stop price"),
        ("limit", {"price": None}, "needs a price"),
        ("limit", {"good_till": GOOD_TILL}, "has no good_till"),
        ("limit", {"type": OrderType.MARKET}, "cannot be sent"),
        ("limit IOC, as a market order goes", {"post_only": True}, "post-only is for limit orders"),
        ("stop-limit, sell", {"post_only": True}, "post-only is for limit orders"),
        ("stop-limit, sell", {"time_in_force": TimeInForce.IOC}, "no IOC stop_limit orders here"),
        ("trailing stop by 1 %, sell", {"trail": None}, "needs a trail"),
        (
            "trailing stop by 1 %, sell",
            {"trail": Trail(value=Decimal("0.01005"), is_share=True)},
            "trail 0.01005 is no multiple of 0.00",
        ),
        (
            "trailing stop by 1 %, sell",
            {"trail": Trail(value=Decimal("0.6"), is_share=True)},
            "trail 0.6 is over",
        ),
    ],
)
async def test_what_cannot_be_said_exactly_is_refused_unsent(
    at: Exchange, kind: str, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(VenueRefused) as refused:
        await at.venue.send(at.order(kind, **changes))
    if TABLE[kind][at.name] != NOT_TAKEN:
        assert told in str(refused.value)
    assert at.sent() == []


@pytest.mark.parametrize(
    ("at", "kind", "words"),
    [
        ("binance", "stop, sell", "&stopPrice=59000&"),
        ("binance", "trailing stop by 1 %, sell", "&trailingDelta=100&"),
        ("binanceusdm", "stop, sell", "&triggerPrice=59000&"),
        ("binanceusdm", "trailing stop by 1 %, sell", "&callbackRate=1&"),
        ("kraken", "stop, sell", "&price=59000&"),
        ("kraken", "trailing stop by 500, sell", "&price=%2B500&"),
        ("kraken", "trailing stop by 1 %, sell", '"price":"+1%"'),
        ("coinbase", "stop-limit, sell", '"stop_price":"59000"'),
        ("krakenfutures", "stop, sell", "&stopPrice=59000&"),
        ("krakenfutures", "trailing stop by 1 %, sell", "&trailingStopMaxDeviation=1&"),
    ],
    indirect=["at"],
)
async def test_numbers_are_the_bytes_they_were_approved_as(
    at: Exchange, kind: str, words: str
) -> None:
    """A plus sign that is not written as %2B would be a space; with a percent sign ccxt sends JSON."""
    await at.venue.send(at.order(kind))
    (request,) = at.sent()
    assert words in request.raw


async def test_every_digit_of_a_stop_and_of_its_limit_arrives(at: Exchange) -> None:
    exact = {
        "amount": Decimal(
            {"binanceusdm": "0.123", "krakenfutures": "0.1234"}.get(at.name, "0.12347")
        ),
        "stop_price": Decimal("59000.1"),
        "price": Decimal("58900.3"),
    }
    await at.venue.send(at.order("stop-limit, sell", **exact))
    (taken,) = at.taken()
    assert [taken.amount, taken.stop, taken.price] == [*exact.values()]


@pytest.mark.parametrize(
    ("amount", "price"), [("0.00100000", "59000.10"), ("0.001", "59000.1"), ("1E-3", "5.90001E+4")]
)
async def test_a_number_is_sent_plainly_however_it_is_held(
    at: Exchange, amount: str, price: str
) -> None:
    doubled = at.amount / AMOUNT
    order = at.order("limit", amount=Decimal(amount) * doubled, price=Decimal(price))
    await at.venue.send(order)
    said = at.read(at.sent()[0])
    assert said.get("price", said.get("limit_price", said.get("limitPrice"))) == "59000.1"


def test_what_each_has_to_protect_a_position_is_told_as_it_is_known() -> None:
    rows = DOCS["exchanges"].table("## What protects a position", "exchange")
    for name, *told in rows:
        known = quirks_of(name.strip("`")).protection
        assert known is not None
        assert told == [
            known.attached,
            known.one_cancels_other,
            known.reduce_only,
            known.through_ccxt,
            known.source,
        ]
    assert [name for name, *_ in rows] == ["`binance`", "`kraken`", "`coinbase`"]
