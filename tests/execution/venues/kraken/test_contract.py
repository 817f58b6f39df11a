"""What every venue must do, at Kraken."""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.venues.exchange import ExchangeVenue
from tests.doubles.kraken import KrakenServer, refusal
from tests.doubles.loopback import Fault
from tests.execution.venues.contract import VenueContract, VenueUnderTest
from tests.execution.venues.kraken.setup import BTC


class TestContract(VenueContract):
    """With the real ccxt and Kraken's wire format."""

    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: KrakenServer) -> VenueUnderTest:
        def fail(fault: Fault) -> None:
            exchange.fail("POST private/AddOrder", fault)

        return VenueUnderTest(
            venue=venue,
            symbol=BTC,
            amount=Decimal("0.01"),
            far_price=Decimal("50000"),
            near_price=Decimal("60000"),
            accept_then_drop=lambda: fail(Fault(kind="drop", process=True)),
            lose_next=lambda: fail(Fault(kind="drop")),
            refuse_next=lambda: fail(refusal("EOrder:Trading agreement required")),
            disconnect=lambda: setattr(exchange, "unreachable", True),
            reconnect=lambda: setattr(exchange, "unreachable", False),
            fill=lambda order: exchange.account.fill(order.client_order_id, str(order.amount)),
            accepted=lambda: [order.client_id for order in exchange.account.accepted],
        )
