"""The markets of a venue: kept for the next start, asked for anew now and then, and never in an order's way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.errors import NotSent, VenueRefused, VenueUnavailable
from execution.types import OrderState
from execution.venues.exchange import AT_MOST_EVERY, LISTS_HOLD, ExchangeVenue
from tests.doubles.binance import BinanceServer, Fault, refusal
from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.kraken import KrakenServer
from tests.doubles.loopback import Request
from tests.execution.venues.coinbase import setup as coinbase
from tests.execution.venues.exchange import setup as binance
from tests.execution.venues.exchange.setup import BTC, Clock, an_order
from tests.execution.venues.kraken import setup as kraken
from tests.execution.venues.stream_contract import hearing

Server = BinanceServer | KrakenServer | CoinbaseServer
_EXCHANGES: dict[str, tuple[Callable[[], Server], Callable[..., ExchangeVenue], str]] = {
    "binance": (BinanceServer, binance.venue_at, "exchangeInfo"),
    "kraken": (KrakenServer, kraken.venue_at, "AssetPairs"),
    "coinbase": (CoinbaseServer, coinbase.venue_at, "products"),
}


@dataclass
class Place:
    """An exchange, and venues there that share a file."""

    server: Any
    make: Callable[..., ExchangeVenue]
    lists: str
    """How the path ends that lists the markets."""
    file: Path
    stack: AsyncExitStack
    clock: Clock = field(default_factory=Clock)

    async def started(self) -> ExchangeVenue:
        """A venue as after a start of the process; one before it has ended."""
        await self.stack.aclose()
        self.server.last_nonce = 0  # Kraken's: no restart is as quick as this one
        venue = self.make(self.server, clock=self.clock, kept=self.file)
        self.stack.push_async_callback(venue.close)
        await venue.open()
        return venue

    def listed(self) -> int:
        """How often the exchange was asked for its spot markets."""
        return len(self.asked())

    def asked(self) -> list[Request]:
        asked = [one for one in self.server.requests if one.path.endswith(self.lists)]
        return [one for one in asked if "FUTURE" not in one.raw]


@pytest.fixture(params=list(_EXCHANGES))
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    double, make, lists = _EXCHANGES[request.param]
    async with double() as server, AsyncExitStack() as stack:
        yield Place(server, make, lists, tmp_path / "markets-main.gz", stack)


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Place]:
    """The same at Binance."""
    async with BinanceServer() as server, AsyncExitStack() as stack:
        make, lists = _EXCHANGES["binance"][1:]
        yield Place(server, make, lists, tmp_path / "markets-main.gz", stack)


def new_tick(server: BinanceServer, tick: str) -> None:
    """The exchange changes the price step of BTC/USDT."""
    markets = server.account.markets
    markets["BTCUSDT"] = replace(markets["BTCUSDT"], tick=tick)


class TestTheNextStart:
    async def test_waits_for_no_list_but_sends_nothing_before_it_has_come(
        self, place: Place
    ) -> None:
        """A file on the disk says what is on a card. Where money goes, the exchange says itself."""
        first = await place.started()
        symbol = next(iter(s for s in first.instruments() if s.startswith("BTC/")))
        await first.send(an_order(first, symbol=symbol))
        again = await place.started()
        assert place.listed() == 1
        assert again.instruments() == first.instruments()
        assert [one.symbol for one in await again.open_orders([symbol])] == [symbol]

        order = an_order(again, 2, symbol=symbol)
        with pytest.raises(NotSent, match="has not listed its markets since the start"):
            await again.send(order)
        await again.refresh()
        assert place.listed() == 2
        assert (await again.send(order)).state is OrderState.WORKING

    async def test_of_a_venue_that_was_closed_sends_nothing_by_the_file_either(
        self, there: Place
    ) -> None:
        venue = await there.started()
        await venue.close()
        await venue.open()
        with pytest.raises(NotSent, match="has not listed its markets"):
            await venue.send(an_order(venue))
        await venue.refresh()
        assert (await venue.send(an_order(venue))).state is OrderState.WORKING

    async def test_asks_once_it_runs_for_what_has_changed_meanwhile(self, there: Place) -> None:
        await there.started()
        new_tick(there.server, "0.10000000")
        venue = await there.started()
        assert venue.instruments()[BTC].price_step == Decimal("0.01")
        await venue.refresh()
        assert venue.instruments()[BTC].price_step == Decimal("0.1")

    async def test_after_a_day_asks_before_anything_is_traded(self, there: Place) -> None:
        await there.started()
        new_tick(there.server, "0.10000000")
        there.clock.ahead += timedelta(days=1, seconds=1)
        assert (await there.started()).instruments()[BTC].price_step == Decimal("0.1")

    async def test_asks_where_what_was_kept_is_no_list_any_more(self, there: Place) -> None:
        await there.started()
        there.file.write_bytes(there.file.read_bytes()[:-20])
        assert BTC in (await there.started()).instruments()
        assert there.listed() == 2

    async def test_asks_another_address_for_its_own_list(self, there: Place) -> None:
        await there.started()
        async with BinanceServer() as other:
            new_tick(other, "0.10000000")
            venue = there.make(other, clock=there.clock, kept=there.file)
            await venue.open()
            assert venue.instruments()[BTC].price_step == Decimal("0.1")
            await venue.close()


class TestRefreshing:
    async def test_leaves_out_a_market_that_cannot_be_read(self, there: Place) -> None:
        venue = await there.started()
        market = there.server.account.markets["ETHUSDT"]
        there.server.account.markets["ETHUSDT"] = replace(market, tick="a tick")
        there.clock.ahead += LISTS_HOLD
        await venue.refresh()
        assert set(venue.instruments()) == {BTC}

    async def test_is_done_every_half_hour_and_without_a_key(self, place: Place) -> None:
        venue = await place.started()
        for _ in range(3):
            await venue.refresh()
        assert place.listed() == 1
        place.clock.ahead += LISTS_HOLD
        for _ in range(3):
            await venue.refresh()
        assert place.listed() == 2
        keys = {"X-MBX-APIKEY", "API-Key", "Authorization"}
        assert not keys & set(place.asked()[-1].headers)

    async def test_knows_steps_that_changed_and_markets_that_began(self, there: Place) -> None:
        venue = await there.started()
        new_tick(there.server, "0.10000000")
        there.server.account.markets["SOLUSDT"] = replace(
            there.server.account.markets["BTCUSDT"], base="SOL"
        )
        there.clock.ahead += LISTS_HOLD
        await venue.refresh()
        assert venue.instruments()[BTC].price_step == Decimal("0.1")
        assert "SOL/USDT" in venue.instruments()
        with pytest.raises(VenueRefused):  # between the steps of now
            await venue.send(an_order(venue, price=Decimal("50000.05")))
        order = an_order(venue, price=Decimal("50000.1"))
        assert (await venue.send(order)).price == Decimal("50000.1")

    async def test_reaches_the_stream_of_prices_that_stands(self, there: Place) -> None:
        venue = await there.started()
        async with hearing(venue.quote_news(BTC)):
            there.server.account.markets["SOLUSDT"] = replace(
                there.server.account.markets["BTCUSDT"], base="SOL"
            )
            there.server.account.set_book("SOLUSDT", bid="149", ask="150")
            there.clock.ahead += LISTS_HOLD
            await venue.refresh()
            async with hearing(venue.quote_news("SOL/USDT")) as new:
                assert new.items[-1].bid == Decimal(149)

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(kind="drop"),
            Fault(kind="answer", body='{"symbols": []}'),
            Fault(kind="answer", body='{"symbols": [{}]}'),
            Fault(kind="answer", body="<html>busy</html>", content_type="text/html"),
        ],
        ids=["no answer", "an empty list", "no list", "a page"],
    )
    async def test_that_fails_leaves_what_was_known_and_is_tried_again_in_a_minute(
        self, there: Place, fault: Fault
    ) -> None:
        venue = await there.started()
        before = venue.instruments()
        there.clock.ahead += LISTS_HOLD
        there.server.fail("GET exchangeInfo", fault, times=2)  # a question is asked again at once
        with pytest.raises(VenueUnavailable):
            await venue.refresh()
        assert venue.instruments() == before
        asked = there.listed()
        await venue.refresh()
        assert there.listed() == asked
        there.server.forget_faults()
        there.clock.ahead += AT_MOST_EVERY
        await venue.refresh()
        assert there.listed() == asked + 1

    async def test_is_due_once_an_order_was_refused(self, there: Place) -> None:
        venue = await there.started()
        there.clock.ahead += AT_MOST_EVERY
        there.server.fail("POST order", refusal(-1013, "Filter failure: PRICE_FILTER"))
        with pytest.raises(VenueRefused):
            await venue.send(an_order(venue))
        await venue.refresh()
        assert there.listed() == 2

    async def test_is_not_done_for_each_of_many_refused_orders(self, there: Place) -> None:
        venue = await there.started()
        there.server.fail("POST order", refusal(-1013, "Filter failure"), times=3)
        for number in range(3):
            with pytest.raises(VenueRefused):
                await venue.send(an_order(venue, number))
            await venue.refresh()
        assert there.listed() == 1

    async def test_keeps_still_while_the_exchange_wants_silence(self, there: Place) -> None:
        venue = await there.started()
        there.clock.ahead += LISTS_HOLD
        there.server.fail("GET account", Fault(kind="answer", status=418, body="{}"))
        with pytest.raises(VenueUnavailable):
            await venue.balances()
        with pytest.raises(VenueUnavailable, match="silence"):
            await venue.refresh()
        assert there.listed() == 1
