"""Settings, opening, and the contract that every venue keeps."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import NotSent, VenueMisconfigured, VenueUnavailable
from execution.instruments import MarketKind
from execution.types import Mode, OrderState
from execution.venues.exchange import ExchangeVenue
from tests.doubles.binance import BinanceServer, Fault, refusal
from tests.execution.venues.contract import VenueContract, VenueUnderTest
from tests.execution.venues.exchange.setup import BTC, Clock, an_order, key_of, venue_at


class TestContract(VenueContract):
    """What every venue must do."""

    @pytest.fixture
    def under_test(self, venue: ExchangeVenue, exchange: BinanceServer) -> VenueUnderTest:
        def fail(fault: Fault) -> None:
            exchange.fail("POST order", fault)

        return VenueUnderTest(
            venue=venue,
            symbol=BTC,
            amount=Decimal("0.01"),
            far_price=Decimal("50000"),
            near_price=Decimal("60000"),
            accept_then_drop=lambda: fail(Fault(kind="drop", process=True)),
            lose_next=lambda: fail(Fault(kind="drop")),
            refuse_next=lambda: fail(refusal(-2010, "This symbol is not permitted.")),
            disconnect=lambda: setattr(exchange, "unreachable", True),
            reconnect=lambda: setattr(exchange, "unreachable", False),
            fill=lambda order: exchange.account.fill(order.client_order_id, str(order.amount)),
            accepted=lambda: [order.client_id for order in exchange.account.accepted],
        )


class TestSettings:
    def test_importing_the_venue_does_not_import_ccxt(self) -> None:
        code = "import sys, execution.venues.exchange; sys.exit('ccxt' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    @pytest.mark.parametrize(
        ("exchange_id", "mode", "changes", "told"),
        [
            ("binanec", Mode.LIVE, {}, "binanec"),
            ("base", Mode.PAPER, {}, "base"),
            ("coinbase", Mode.LIVE, {"kind": MarketKind.SWAP}, "swap"),
            ("binanceusdm", Mode.LIVE, {}, "spot"),
            ("krakenfutures", Mode.LIVE, {}, "spot"),
            ("binance", Mode.LIVE, {"overrides": {"verbose": True}}, "verbose"),
            (
                "binance",
                Mode.LIVE,
                {"overrides": {"options": {"order": {"maxRetriesOnFailure": 3}}}},
                "maxRetriesOnFailure",
            ),
        ],
    )
    def test_a_setting_that_cannot_work_is_refused_by_name(
        self, exchange_id: str, mode: Mode, changes: dict[str, Any], told: str
    ) -> None:
        with pytest.raises(ValueError, match=told):
            ExchangeVenue(
                "main", exchange_id, mode, api_key="k", secret="s", clock=Clock(), **changes
            )

    @pytest.mark.parametrize("exchange_id", ["kraken", "coinbase"])
    async def test_a_sandbox_where_the_exchange_has_none_is_refused(self, exchange_id: str) -> None:
        venue = ExchangeVenue(
            "main", exchange_id, Mode.SANDBOX, api_key="k", secret="s", clock=Clock()
        )
        with pytest.raises(VenueMisconfigured, match=f"{exchange_id} has no sandbox"):
            await venue.open()
        await venue.close()

    @pytest.mark.parametrize("mode", [Mode.LIVE, Mode.SANDBOX])
    async def test_the_users_addresses_win_in_every_mode(
        self, exchange: BinanceServer, mode: Mode
    ) -> None:
        venue = venue_at(exchange, mode)
        await venue.open()
        await venue.send(an_order(venue))
        await venue.close()
        assert len(exchange.account.accepted) == 1

    async def test_an_address_for_the_sandbox_is_used_there(self, exchange: BinanceServer) -> None:
        urls = {"urls": {"test": exchange.ccxt_overrides()["urls"]["api"]}}
        venue = venue_at(exchange, Mode.SANDBOX, overrides=urls)
        await venue.open()
        await venue.send(an_order(venue))
        await venue.close()
        assert len(exchange.account.accepted) == 1

    async def test_the_fence_follows_the_receive_window(self, exchange: BinanceServer) -> None:
        usual = venue_at(exchange)
        longer = venue_at(exchange, overrides={"options": {"recvWindow": 60_000}})
        assert usual.fence == timedelta(seconds=10)
        assert longer.fence - usual.fence == timedelta(seconds=55)


class TestOpening:
    async def test_opening_asks_only_for_clock_markets_and_account(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        """Nothing of another API family, and the account only once the clock is right."""
        asked = [f"{one.method} {one.path}" for one in exchange.requests]
        assert asked == ["GET time", "GET exchangeInfo", "GET account"]

    async def test_steps_and_limits_are_those_of_the_filters(self, venue: ExchangeVenue) -> None:
        market = venue.instruments()["ETH/USDT"]
        assert (market.amount_step, market.price_step) == (Decimal("0.0001"), Decimal("0.01"))
        assert (market.min_amount, market.max_amount) == (Decimal("0.0001"), Decimal(9000))
        assert (market.min_price, market.max_price) == (Decimal("0.01"), Decimal(100000))
        assert (market.min_notional, market.max_notional) == (Decimal(5), Decimal(9000000))

    @pytest.mark.parametrize("hours", [-2, 2])
    async def test_a_clock_that_is_off_is_corrected_before_the_first_signed_call(
        self, exchange: BinanceServer, hours: int
    ) -> None:
        exchange.clock_offset = hours * 3_600_000
        venue = venue_at(exchange)
        await venue.open()
        assert (await venue.send(an_order(venue))).state is OrderState.WORKING
        await venue.close()

    async def test_a_clock_that_jumps_is_set_anew_after_one_refusal(
        self, venue: ExchangeVenue, exchange: BinanceServer
    ) -> None:
        exchange.clock_offset = 3_600_000
        with pytest.raises(VenueUnavailable, match="-1021"):
            await venue.balances()
        assert await venue.balances()
        assert (await venue.send(an_order(venue))).state is OrderState.WORKING

    @pytest.mark.parametrize(
        "changes", [{"api_key": "another"}, {"secret": "another"}, {"api_key": "", "secret": ""}]
    )
    async def test_a_refused_key_is_told_and_may_be_tried_again(
        self, exchange: BinanceServer, changes: dict[str, str]
    ) -> None:
        venue = venue_at(exchange, **changes)
        for _ in range(2):
            with pytest.raises(VenueUnavailable) as told:
                await venue.open()
            assert "another" not in str(told.value)
        with pytest.raises(NotSent):
            await venue.send(an_order(venue))
        await venue.close()

    async def test_an_exchange_that_comes_back_can_be_opened(self, exchange: BinanceServer) -> None:
        exchange.unreachable = True
        venue = venue_at(exchange)
        with pytest.raises(VenueUnavailable):
            await venue.open()
        assert venue.instruments() == {}
        exchange.unreachable = False
        await venue.open()
        assert BTC in venue.instruments()
        await venue.close()

    async def test_a_venue_that_asked_for_silence_is_not_opened_before_it_is_over(
        self, exchange: BinanceServer
    ) -> None:
        clock = Clock()
        venue = venue_at(exchange, clock=clock)
        banned = Fault(kind="answer", status=418, body="{}", headers={"Retry-After": "20"})
        exchange.fail("GET exchangeInfo", banned)
        with pytest.raises(VenueUnavailable):
            await venue.open()
        exchange.requests.clear()
        with pytest.raises(VenueUnavailable, match="asked for silence") as told:
            await venue.open()
        assert told.value.retry_after is not None
        assert exchange.requests == []
        clock.ahead = timedelta(seconds=21)
        await venue.open()
        await venue.close()

    async def test_what_is_not_open_neither_sends_nor_answers(
        self, exchange: BinanceServer
    ) -> None:
        venue = venue_at(exchange)
        with pytest.raises(NotSent):
            await venue.send(an_order(venue))
        for call in (venue.balances(), venue.cancel(key_of(an_order(venue)))):
            with pytest.raises(VenueUnavailable):
                await call
        assert exchange.requests == []
