"""What the tests of the ccxt venue at Kraken Futures share: the venue at the double, an order, its key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execution.instruments import MarketKind
from execution.types import Mode
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import NewOrder, Venue
from tests.doubles.kraken_futures.server import KrakenFuturesServer
from tests.execution.venues.exchange import setup as common
from tests.execution.venues.exchange.setup import Clock
from tests.execution.venues.exchange.setup import key_of as key_of

BTC = "BTC/USD:USD"
AMOUNT = Decimal("0.01")


def venue_at(exchange: KrakenFuturesServer, **changes: Any) -> ExchangeVenue:
    """A venue for the double, not opened; changes go over the constructor's arguments."""
    quick = {"timeout_on_exit": 1}  # milliseconds
    given = {
        "api_key": exchange.api_key,
        "secret": exchange.secret,
        "clock": Clock(),
        "kind": MarketKind.SWAP,
        "overrides": exchange.ccxt_overrides() | quick,
    }
    return ExchangeVenue("main", "kraken", **({"mode": Mode.LIVE} | given | changes))


def an_order(venue: Venue, number: int = 1, **changes: Any) -> NewOrder:
    """A buy that rests below the market, unless changed."""
    return common.an_order(venue, number, **({"symbol": BTC, "amount": AMOUNT} | changes))
