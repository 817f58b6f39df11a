"""What every venue must do, at Coinbase."""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.venues.exchange import ExchangeVenue
from tests.doubles.coinbase import CoinbaseServer, failure
from tests.doubles.loopback import Fault
from tests.execution.venues.coinbase.setup import BTC, an_order
from tests.execution.venues.contract import VenueContract, VenueUnderTest


class TestContract(VenueContract):
    """With the real ccxt and Coinbase's wire format."""

    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: CoinbaseServer) -> VenueUnderTest:
        def fail(fault: Fault) -> None:
            exchange.fail("POST orders", fault)

        return VenueUnderTest(
            venue=venue,
            symbol=BTC,
            amount=Decimal("0.01"),
            far_price=Decimal("50000"),
            near_price=Decimal("60000"),
            accept_then_drop=lambda: fail(Fault(kind="drop", process=True)),
            lose_next=lambda: fail(Fault(kind="drop")),
            refuse_next=lambda: fail(failure("INELIGIBLE_PAIR")),
            disconnect=lambda: setattr(exchange, "unreachable", True),
            reconnect=lambda: setattr(exchange, "unreachable", False),
            fill=lambda order: exchange.account.fill(order.client_order_id, str(order.amount)),
            accepted=lambda: [order.client_id for order in exchange.account.accepted],
        )

    async def test_the_id_of_an_open_order_is_never_a_definite_no(
        self, under_test: VenueUnderTest
    ) -> None:
        """Coinbase answers with the order that has this id, and makes no other."""
        order = an_order(under_test.venue)
        first = await under_test.venue.send(order)
        again = await under_test.venue.send(order)
        assert again.venue_order_id == first.venue_order_id
        assert list(under_test.accepted()) == [order.client_order_id]
