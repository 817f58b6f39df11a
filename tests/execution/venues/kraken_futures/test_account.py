"""What an account at Kraken Futures holds and how it is set, as orders, others and time change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import VenueRefused, VenueUnavailable
from execution.instruments import Offers
from execution.types import OrderType, Side, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks import quirks_of
from execution.venues.venue import Balance
from tests.doubles.kraken_futures.server import KrakenFuturesServer
from tests.doubles.loopback import Fault
from tests.execution.venues.exchange.setup import Clock
from tests.execution.venues.kraken_futures.setup import AMOUNT, BTC, an_order, venue_at

IOC = {"time_in_force": TimeInForce.IOC}
MARKS = {"USD": Decimal(1), "EUR": Decimal("1.1")}


def worth(found: Mapping[str, Balance], mark: Decimal) -> Decimal:
    """Everything at this price of bitcoin, in USD."""
    prices = MARKS | {"BTC": mark}
    return sum((prices[name] * (one.free + one.locked) for name, one in found.items()), Decimal(0))


def flex(exchange: KrakenFuturesServer) -> Mapping[str, Decimal]:
    """The wallet's figures as the exchange tells them."""
    told = exchange.endpoints.accounts({})
    assert isinstance(told, dict)
    figures = told["accounts"]["flex"]
    return {name: Decimal(str(one)) for name, one in figures.items() if isinstance(one, float)}


def answered(**told: Any) -> Fault:
    return Fault(kind="answer", body=json.dumps({"result": "success"} | told))


class TestMarkets:
    async def test_only_perpetuals_that_settle_in_dollars_are_markets(
        self, venue: ExchangeVenue
    ) -> None:
        """Neither what is settled one day, nor what is settled in the coin."""
        found = venue.instruments()
        assert set(found) == {"BTC/USD:USD", "ETH/USD:USD", "PEPE/USD:USD", "LUNA/USD:USD"}
        assert [one.symbol for one in found.values() if not one.active] == ["LUNA/USD:USD"]

    async def test_a_contract_tells_its_steps(self, venue: ExchangeVenue) -> None:
        of, small = (venue.instruments()[one] for one in (BTC, "PEPE/USD:USD"))
        assert (of.base, of.quote) == ("BTC", "USD")
        assert (of.amount_step, of.price_step) == (Decimal("0.0001"), Decimal(1))
        assert (small.amount_step, small.price_step) == (Decimal(1000), Decimal("1E-10"))
        assert (of.min_amount, of.min_notional) == (None, None)

    async def test_one_that_is_open_for_resting_orders_alone_takes_nothing_else(
        self, exchange: KrakenFuturesServer
    ) -> None:
        exchange.account.contracts["PF_ETHUSD"].post_only = True
        venue = venue_at(exchange)
        await venue.open()
        all_of, some = (venue.instruments()[one].offers for one in (BTC, "ETH/USD:USD"))
        assert all_of == quirks_of("krakenfutures").offers
        assert isinstance(all_of, Offers)
        assert all_of.types - some.types == {OrderType.MARKET}
        assert some.times == {TimeInForce.GTC}
        await venue.close()

    @pytest.mark.parametrize("changes", [{"contractSize": 10}, {"type": "futures_vanilla"}])
    async def test_one_that_counts_otherwise_is_none_of_ours(
        self, exchange: KrakenFuturesServer, changes: dict[str, Any]
    ) -> None:
        rows = [one.info() for one in exchange.account.contracts.values()]
        listed = [row | (changes if row["symbol"] == "PF_ETHUSD" else {}) for row in rows]
        exchange.fail("GET instruments", answered(instruments=listed))
        venue = venue_at(exchange)
        await venue.open()
        assert BTC in venue.instruments()
        assert "ETH/USD:USD" not in venue.instruments()
        await venue.close()


class TestWhatIsHeld:
    @pytest.mark.parametrize("side", Side)
    async def test_it_comes_to_the_margin_balance_at_any_mark_price(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, side: Side
    ) -> None:
        price = Decimal(60000) if side is Side.BUY else Decimal(59990)
        await venue.send(an_order(venue, side=side, price=price, **IOC))
        exchange.account.fund("PF_XBTUSD", "0.0001")
        exchange.account.accrue("PF_XBTUSD", "0.0002")
        for mark in (Decimal(40000), Decimal(60000), Decimal(70000)):
            exchange.account.marks["PF_XBTUSD"] = mark
            found = await venue.balances()
            assert worth(found, mark) == exchange.account.margin_balance("USD")
            assert worth(found, mark) == flex(exchange)["marginEquity"]
        signed = AMOUNT if side is Side.BUY else -AMOUNT
        assert found["BTC"] == Balance(free=Decimal(0), locked=signed)

    async def test_other_collateral_counts_as_itself_and_what_it_pays_for_as_free_dollars(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        exchange.account.deposit("EUR", "1000")
        exchange.account.deposit("XBT", "0.5")
        exchange.account.marks["PF_XBTUSD"] = Decimal(60000)
        await venue.send(an_order(venue, side=Side.SELL, price=Decimal(59990), **IOC))
        found = await venue.balances()
        assert found["EUR"] == Balance(free=Decimal(0), locked=Decimal(1000))
        assert found["BTC"] == Balance(free=Decimal(0), locked=Decimal("0.5") - AMOUNT)
        told = flex(exchange)
        assert found["USD"].free == told["availableMargin"]
        assert worth(found, Decimal(60000)) == told["balanceValue"] + told["totalUnrealized"]

    async def test_what_orders_at_rest_take_is_never_free(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """Its documents do not say whether `availableMargin` knows of them."""
        told = exchange.endpoints.accounts({})
        assert isinstance(told, dict)
        wallet = told["accounts"]["flex"]
        wallet |= {"marginEquity": 1000.0, "initialMarginWithOrders": 300.0}
        for available, free in ((900.0, 700), (600.0, 600)):
            changed = {"flex": wallet | {"availableMargin": available}}
            exchange.fail("GET accounts", answered(accounts=changed))
            assert (await venue.balances())["USD"].free == free

    async def test_a_contract_with_an_end_counts_and_one_that_settles_in_its_coin_does_not(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """Its money is in a wallet of its own."""
        exchange.account.trade_elsewhere("FF_XBTUSD_270326", "BUY", "0.5", "60500")
        inverse = {"side": "long", "symbol": "PI_XBTUSD", "price": 60000.0, "size": 5000.0}
        told = exchange.endpoints.open_positions({})
        assert isinstance(told, dict)
        rows = [*told["openPositions"], inverse]
        exchange.fail("GET openpositions", answered(openPositions=rows), times=3)
        found = await venue.balances()
        assert found["BTC"].locked == Decimal("0.5")
        assert (await venue.contracts()).positions == {"BTC/USD:USD-270326": Decimal("0.5")}

    async def test_a_position_that_changes_while_it_is_read_is_read_again(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        exchange.fail("GET openpositions", answered(openPositions=[]))
        exchange.account.trade_elsewhere("PF_XBTUSD", "BUY", "0.5", "60000")
        exchange.account.marks["PF_XBTUSD"] = Decimal(60000)
        found = await venue.balances()
        assert worth(found, Decimal(60000)) == exchange.account.margin_balance("USD")
        assert len(exchange.asked("GET accounts")) == 3  # at the start, and twice

    async def test_what_never_stands_still_is_not_told(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        position = {"side": "long", "symbol": "PF_XBTUSD", "price": 60000.0}
        for size in (1.0, 2.0, 3.0, 4.0):
            rows = [position | {"size": size}]
            exchange.fail("GET openpositions", answered(openPositions=rows))
        with pytest.raises(VenueUnavailable):
            await venue.balances()

    @pytest.mark.parametrize(
        "row",
        [
            {"side": "both", "symbol": "PF_XBTUSD", "price": 60000.0, "size": 1.0},
            {"side": "long", "symbol": "PF_XBTUSD", "size": 1.0},
            {"side": "long", "symbol": "PF_XBTUSD", "price": None, "size": 1.0},
        ],
        ids=["side", "no price", "null"],
    )
    async def test_a_position_that_cannot_be_read_is_not_passed_over(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, row: dict[str, Any]
    ) -> None:
        exchange.fail("GET openpositions", answered(openPositions=[row]), times=2)
        for call in (venue.balances, venue.contracts):
            with pytest.raises(VenueUnavailable):
                await call()

    async def test_a_position_in_what_is_not_listed_yet_is_told_and_not_counted(
        self,
        venue: ExchangeVenue,
        exchange: KrakenFuturesServer,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        row = {"side": "short", "symbol": "PF_NEWUSD", "price": 2.0, "size": 10.0}
        exchange.fail("GET openpositions", answered(openPositions=[row]), times=3)
        found = await venue.balances()
        assert set(found) == {"USD"}
        assert "PF_NEWUSD" in caplog.text
        assert (await venue.contracts()).positions == {"PF_NEWUSD": Decimal(-10)}


class TestHowItIsSet:
    async def test_a_market_is_set_to_what_was_chosen_or_else_to_the_most(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        exchange.account.prefer("PF_XBTUSD", "2.5")
        exchange.account.contracts["PF_ETHUSD"].initial_margin = "0.03"
        venue_of = venue_at(exchange)
        await venue_of.open()
        found = await venue_of.contracts()
        assert found.one_way
        assert found.leverage == {
            BTC: Decimal("2.5"),
            "ETH/USD:USD": Decimal("33.34"),  # rounded up
            "PEPE/USD:USD": Decimal(10),
            "LUNA/USD:USD": Decimal(50),
        }
        await venue_of.close()

    async def test_two_positions_in_one_market_are_no_one_way_mode(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """Kraken has no other mode; should it ever get one, nothing is sent there."""
        row = {"symbol": "PF_XBTUSD", "price": 60000.0, "size": 1.0}
        rows = [row | {"side": side} for side in ("long", "short")]
        exchange.fail("GET openpositions", answered(openPositions=rows))
        assert not (await venue.contracts()).one_way

    async def test_what_others_do_in_the_account_is_told(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        exchange.account.trade_elsewhere("PF_XBTUSD", "SELL", "0.5", "60000")
        assert (await venue.contracts()).positions == {BTC: Decimal("-0.5")}
        exchange.account.liquidate("PF_XBTUSD", "61000")
        assert (await venue.contracts()).positions == {}
        assert "BTC" not in await venue.balances()

    async def test_an_order_that_only_reduces_opens_nothing(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        reducing = an_order(venue, side=Side.SELL, price=Decimal(59990), reduce_only=True, **IOC)
        with pytest.raises(VenueRefused, match="no position left that it could reduce"):
            await venue.send(reducing)
        await venue.send(an_order(venue, 2, price=Decimal(60000), **IOC))
        await venue.send(an_order(venue, 3, **(_terms(reducing))))
        assert exchange.account.held() == []
        assert exchange.asked("POST sendorder")[-1].params["reduceOnly"] == "true"


def _terms(order: Any) -> dict[str, Any]:
    names = ("side", "price", "reduce_only", "time_in_force")
    return {name: getattr(order, name) for name in names}


class TestFunding:
    async def test_what_was_paid_and_received_is_told_oldest_first(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        began = datetime.now(UTC) - timedelta(seconds=1)
        exchange.account.trade_elsewhere("PF_XBTUSD", "SELL", "0.5", "60000")
        exchange.account.marks["PF_XBTUSD"] = Decimal(60000)
        exchange.account.fund("PF_XBTUSD", "0.0001")
        exchange.account.fund("PF_XBTUSD", "-0.0002")
        received, paid = await venue.funding(began)
        assert (received.symbol, received.currency) == (BTC, "USD")
        assert (received.amount, paid.amount) == (Decimal(3), Decimal(-6))
        assert received.payment_id != paid.payment_id
        assert began <= received.at <= paid.at

    async def test_what_a_change_of_the_position_realises_is_told_too(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        began = datetime.now(UTC) - timedelta(seconds=1)
        exchange.account.trade_elsewhere("PF_XBTUSD", "BUY", "0.5", "60000")
        exchange.account.marks["PF_XBTUSD"] = Decimal(60000)
        exchange.account.accrue("PF_XBTUSD", "0.0001")
        assert await venue.funding(began) == []
        exchange.account.trade_elsewhere("PF_XBTUSD", "SELL", "0.1", "60000")
        (paid,) = await venue.funding(began)
        assert paid.amount == -3

    async def test_it_is_all_told_however_much_there_was(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        began = datetime.now(UTC) - timedelta(seconds=1)
        exchange.account.trade_elsewhere("PF_XBTUSD", "BUY", "0.001", "60000")
        for _ in range(2005):
            exchange.account.fund("PF_XBTUSD", "0.0001")
        paid = await venue.funding(began)
        assert len({one.payment_id for one in paid}) == len(paid) == 2005
        assert paid == sorted(paid, key=lambda one: (one.at, one.payment_id))

    async def test_rows_of_one_moment_may_be_told_in_any_order(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """What follows a page is asked for by its highest number."""
        began = datetime.now(UTC) - timedelta(seconds=1)
        exchange.account.trade_elsewhere("PF_XBTUSD", "BUY", "0.001", "60000")
        for _ in range(40):
            exchange.account.fund("PF_XBTUSD", "0.0001")
        log = exchange.account.log
        log[20], log[24] = log[24], log[20]
        paid = await venue.funding(began)
        assert len({one.payment_id for one in paid}) == len(paid) == 40

    async def test_what_was_before_is_left_out(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock
    ) -> None:
        exchange.account.trade_elsewhere("PF_XBTUSD", "BUY", "0.5", "60000")
        exchange.account.fund("PF_XBTUSD", "0.0001")
        exchange.clock_offset += 60_000
        clock.ahead += timedelta(seconds=60)
        exchange.account.fund("PF_XBTUSD", "0.0002")
        assert len(await venue.funding(clock() - timedelta(seconds=30))) == 1
