"""What every venue must do, at Binance USD-M."""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.errors import VenueRefused
from execution.types import TimeInForce
from execution.venues.exchange import ExchangeVenue
from tests.doubles.binance import refusal
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.doubles.loopback import Fault
from tests.execution.venues.binance_usdm.setup import AMOUNT, BTC, an_order
from tests.execution.venues.contract import VenueContract, VenueUnderTest


class TestContract(VenueContract):
    """With the real ccxt and Binance USD-M's wire format."""

    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: BinanceUsdmServer) -> VenueUnderTest:
        def fail(fault: Fault) -> None:
            exchange.fail("POST v1/order", fault)

        return VenueUnderTest(
            venue=venue,
            symbol=BTC,
            amount=AMOUNT,
            far_price=Decimal("50000"),
            near_price=Decimal("60000"),
            accept_then_drop=lambda: fail(Fault(kind="drop", process=True)),
            lose_next=lambda: fail(Fault(kind="drop")),
            refuse_next=lambda: fail(refusal(-4131, "The counterparty's best price is away.")),
            disconnect=lambda: setattr(exchange, "unreachable", True),
            reconnect=lambda: setattr(exchange, "unreachable", False),
            fill=lambda order: exchange.account.fill(order.client_order_id, str(order.amount)),
            accepted=lambda: [order.client_id for order in exchange.account.accepted],
        )

    @pytest.mark.parametrize("time_in_force", [TimeInForce.IOC])
    async def test_an_order_that_may_not_rest_ends_unfilled_away_from_the_market(
        self, under_test: VenueUnderTest, time_in_force: TimeInForce
    ) -> None:
        await super().test_an_order_that_may_not_rest_ends_unfilled_away_from_the_market(
            under_test, time_in_force
        )

    async def test_one_that_must_be_filled_in_full_is_refused_away_from_the_market(
        self, under_test: VenueUnderTest
    ) -> None:
        """Binance keeps no record of it."""
        order = an_order(under_test.venue, time_in_force=TimeInForce.FOK)
        with pytest.raises(VenueRefused, match="filled immediately"):
            await under_test.venue.send(order)
        assert list(under_test.accepted()) == []
