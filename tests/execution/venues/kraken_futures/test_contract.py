"""What every venue must do, at Kraken Futures."""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.errors import VenueRefused
from execution.types import TimeInForce
from execution.venues.exchange import ExchangeVenue
from tests.doubles.kraken_futures.server import KrakenFuturesServer, rejection
from tests.doubles.loopback import Fault
from tests.execution.venues.contract import VenueContract, VenueUnderTest
from tests.execution.venues.kraken_futures.setup import AMOUNT, BTC, an_order


class TestContract(VenueContract):
    """With the real ccxt and Kraken Futures' wire format."""

    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: KrakenFuturesServer) -> VenueUnderTest:
        def fail(fault: Fault) -> None:
            exchange.fail("POST sendorder", fault)

        return VenueUnderTest(
            venue=venue,
            symbol=BTC,
            amount=AMOUNT,
            far_price=Decimal("50000"),
            near_price=Decimal("60000"),
            accept_then_drop=lambda: fail(Fault(kind="drop", process=True)),
            lose_next=lambda: fail(Fault(kind="drop")),
            refuse_next=lambda: fail(rejection("tooManySmallOrders")),
            disconnect=lambda: setattr(exchange, "unreachable", True),
            reconnect=lambda: setattr(exchange, "unreachable", False),
            fill=lambda order: exchange.account.fill(order.client_order_id, str(order.amount)),
            accepted=lambda: [order.client_id for order in exchange.account.accepted],
        )

    async def test_an_order_that_may_not_rest_ends_unfilled_away_from_the_market(
        self, under_test: VenueUnderTest
    ) -> None:
        """Kraken does not place one of which nothing would be filled."""
        for number, time in enumerate((TimeInForce.IOC, TimeInForce.FOK)):
            order = an_order(under_test.venue, number, time_in_force=time)
            with pytest.raises(VenueRefused, match="nobody trades at its price now"):
                await under_test.venue.send(order)
        assert not await under_test.venue.open_orders([BTC])

    async def test_less_than_the_smallest_notional_is_refused(
        self, under_test: VenueUnderTest
    ) -> None:
        """Kraken has none: the step is the least amount."""
        step = under_test.venue.instruments()[BTC].amount_step
        await under_test.venue.send(an_order(under_test.venue, amount=step))
        assert len(under_test.accepted()) == 1
        with pytest.raises(VenueRefused):
            await under_test.venue.send(an_order(under_test.venue, 2, amount=step / 2))
        assert len(under_test.accepted()) == 1
