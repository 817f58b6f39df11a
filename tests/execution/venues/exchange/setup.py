"""What the tests of the ccxt venue share: the venue at the double, an order, its key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from execution.types import Mode, OrderType, Side, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import NewOrder, OrderKey, Venue
from tests.doubles.binance import BinanceServer, Fault

BTC = "BTC/USDT"
HTML = Fault(kind="answer", body="<html>busy</html>", content_type="text/html")


class Clock:
    """The machine's clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def venue_at(exchange: BinanceServer, mode: Mode = Mode.LIVE, **changes: Any) -> ExchangeVenue:
    """A venue for the double, not opened; changes go over the constructor's arguments."""
    quick = {"timeout_on_exit": 1}  # ccxt waits this long in `close`, milliseconds
    given = {
        "api_key": exchange.api_key,
        "secret": exchange.secret,
        "clock": Clock(),
        "overrides": exchange.ccxt_overrides() | quick,
    }
    return ExchangeVenue("main", "binance", mode, **(given | changes))


def an_order(venue: Venue, number: int = 1, **changes: Any) -> NewOrder:
    """A buy that rests below the market, unless changed."""
    order = NewOrder(
        client_order_id=venue.client_order_id(number.to_bytes(16, "big")),
        symbol=BTC,
        side=Side.BUY,
        type=OrderType.LIMIT,
        amount=Decimal("0.001"),
        price=Decimal("50000"),
        time_in_force=TimeInForce.GTC,
    )
    return order.evolve(**changes)


def key_of(order: NewOrder, **changes: Any) -> OrderKey:
    key = OrderKey(
        client_order_id=order.client_order_id, symbol=order.symbol, sent_at=datetime.now(UTC)
    )
    return key.evolve(**changes)
