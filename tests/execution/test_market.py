"""What the venues say now: how old it may be, and what it is worth."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.equity import Price
from execution.errors import VenueUnavailable
from execution.market import BALANCES_HOLD, CANDLES_HOLD, FRESH, RATE_HOLDS, Market
from execution.rounding import CONTEXT
from execution.types import OrderType, Side, TimeInForce
from execution.venues.venue import Balance, NewOrder
from tests.clock import Clock
from tests.execution.builders import NOW
from tests.execution.watched import Desk, WatchedVenue

D = Decimal
BTC, EUR = "BTC/USDT", "EUR/USDT"
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Desk:
    return Desk(tmp_path, clock)


class TestQuotes:
    async def test_nothing_is_known_of_what_was_not_asked(self, desk: Desk) -> None:
        await desk.see()

        assert desk.market.quote("main", BTC) is None
        assert desk.market.quote("main", BTC, max_age=None) is None

    async def test_a_quote_decides_for_two_seconds_and_not_longer(
        self, desk: Desk, clock: Clock
    ) -> None:
        await desk.see(BTC)
        clock.now = NOW + FRESH
        assert timedelta(seconds=2) == FRESH
        assert desk.market.quote("main", BTC) is not None

        clock.now += INSTANT
        assert desk.market.quote("main", BTC) is None
        assert desk.market.quote("main", BTC, max_age=timedelta(seconds=3)) is not None
        clock.advance(86400)
        assert desk.market.quote("main", BTC, max_age=None) is not None

    async def test_the_venue_is_asked_only_for_what_is_not_fresh(
        self, desk: Desk, clock: Clock
    ) -> None:
        await desk.see(BTC, BTC)
        assert desk.venue.asked == [BTC]

        clock.now += FRESH + INSTANT
        desk.prices.set_price(BTC, D(61_000))
        fresh = await desk.market.fresh_quote("main", BTC)
        assert (desk.venue.asked, fresh.bid, fresh.at) == ([BTC, BTC], D(61_000), clock.now)

    async def test_a_price_that_cannot_be_had_is_an_error(self, desk: Desk) -> None:
        await desk.see()
        desk.venue.faults.unreachable = True

        with pytest.raises(VenueUnavailable):
            await desk.market.fresh_quote("main", BTC)

    async def test_a_market_the_venue_does_not_have_has_no_facts(self, desk: Desk) -> None:
        assert desk.market.instrument("main", BTC) is None, "not known before it was opened"
        await desk.see()

        found = desk.market.instrument("main", BTC)
        assert found is not None
        assert found.base == "BTC"
        assert desk.market.instrument("main", "DOGE/USDT") is None

    def test_of_a_venue_that_was_removed_nothing_is_known(self, desk: Desk) -> None:
        """Old orders and positions still name it."""
        assert desk.market.instrument("gone", BTC) is None
        assert desk.market.quote("gone", BTC, max_age=None) is None
        assert desk.market.rate("gone", "BTC") is None


class TestRates:
    @pytest.mark.parametrize("asset", ["USDT", "USD", "USDC"])
    def test_what_is_at_par_counts_one_to_one_and_needs_no_market(
        self, desk: Desk, asset: str
    ) -> None:
        assert desk.rate(asset) == 1

    async def test_another_asset_is_worth_the_mid_of_its_market(self, desk: Desk) -> None:
        await desk.see(EUR)

        quote = desk.market.quote("main", EUR)
        assert quote is not None
        assert desk.rate("EUR") == quote.mid == (quote.bid + quote.ask) / 2

    async def test_a_market_the_other_way_round_will_do(self, tmp_path: Path, clock: Clock) -> None:
        desk = Desk(tmp_path, clock, currency="EUR", at_par=())
        await desk.see(EUR)

        quote = desk.market.quote("main", EUR)
        assert quote is not None
        assert desk.rate("USDT") == CONTEXT.divide(D(1), quote.mid)
        assert desk.rate("EUR") == 1

    async def test_a_market_in_something_at_par_will_do(self, tmp_path: Path, clock: Clock) -> None:
        desk = Desk(tmp_path, clock, currency="USD")
        await desk.see(BTC)

        quote = desk.market.quote("main", BTC)
        assert quote is not None
        assert desk.rate("BTC") == quote.mid

    async def test_what_was_taken_out_of_par_is_no_longer_one_to_one(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        desk = Desk(tmp_path, clock, at_par=("USD", "USDT"))
        await desk.see()
        assert (desk.rate("USDC"), desk.rate("USD")) == (None, 1)

        other = Desk(tmp_path, clock, currency="EUR")
        assert other.rate("USDT") is None, "at par with each other, not with the currency"

    async def test_without_a_market_or_a_price_there_is_no_rate(self, desk: Desk) -> None:
        await desk.see(BTC)

        assert desk.rate("DOGE") is None
        assert desk.rate("EUR") is None

    async def test_a_mid_converts_for_ten_seconds_and_not_longer(
        self, desk: Desk, clock: Clock
    ) -> None:
        await desk.see(EUR)
        clock.now = NOW + RATE_HOLDS
        assert timedelta(seconds=10) == RATE_HOLDS
        assert desk.rate("EUR") is not None

        clock.now += INSTANT
        assert desk.rate("EUR") is None

    async def test_one_asset_in_another_comes_from_whichever_venue_knows(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        deaf, knowing = Desk(tmp_path, clock), WatchedVenue("b", tmp_path, clock)
        market = Market(
            {"a": deaf.venue, "b": knowing}, clock=clock, currency="USDT", at_par=("USDT",)
        )
        assert market.price("BTC", "EUR") is None

        await knowing.open()
        btc, eur = await market.fresh_quote("b", BTC), await market.fresh_quote("b", EUR)

        assert market.price("BTC", "EUR") == CONTEXT.divide(btc.mid, eur.mid)
        assert market.price("BTC", "USDT") == btc.mid
        await knowing.close()


class TestEquity:
    async def test_it_is_unknown_before_the_balances_are(self, desk: Desk) -> None:
        await desk.see()

        assert desk.market.equity("main") is None

    async def test_it_is_free_and_locked_of_every_asset_at_mid(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        desk = Desk(tmp_path, clock, opening={"USDT": D(1000), "BTC": D(2), "EUR": D(10)})
        await desk.see(BTC, EUR)
        await desk.venue.send(
            NewOrder(
                client_order_id="1" * 32,
                symbol=BTC,
                side=Side.SELL,
                type=OrderType.LIMIT,
                amount=D("0.5"),
                price=D(70_000),
                time_in_force=TimeInForce.GTC,
            )
        )
        held = await desk.market.fresh_balances("main")
        assert held["BTC"].locked == D("0.5")

        rates = [desk.rate("BTC") or D(0), desk.rate("EUR") or D(0)]
        assert desk.market.equity("main") == 1000 + 2 * rates[0] + 10 * rates[1]

    async def test_it_is_unknown_while_the_price_of_something_held_is(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        desk = Desk(tmp_path, clock, opening={"USDT": D(1000), "BTC": D(2)})
        await desk.see()
        await desk.market.fresh_balances("main")
        assert desk.market.equity("main") is None

        await desk.market.fresh_quote("main", BTC)
        assert desk.market.equity("main") is not None

        clock.now += RATE_HOLDS + INSTANT
        assert desk.market.equity("main") is None

    async def test_an_asset_without_a_market_counts_nothing(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        desk = Desk(tmp_path, clock, opening={"USDT": D(1000), "AIRDROP": D(10**9)})
        await desk.see()
        assert "AIRDROP" in await desk.market.fresh_balances("main")

        assert desk.market.equity("main") == 1000

    async def test_an_empty_asset_needs_no_price(self, tmp_path: Path, clock: Clock) -> None:
        desk = Desk(tmp_path, clock, opening={"USDT": D(1000), "BTC": D(0)})
        await desk.see()
        desk.feed.balances = {"USDT": Balance(free=D(1000), locked=D(0))} | {
            "BTC": Balance(free=D(0), locked=D(0))
        }
        desk.feed.balances_at = clock.now

        assert desk.market.equity("main") == 1000


class TestHolding:
    async def test_balances_are_asked_again_after_a_quarter_of_a_minute(
        self, desk: Desk, clock: Clock
    ) -> None:
        await desk.see()
        await desk.market.fresh_balances("main")
        clock.now = NOW + BALANCES_HOLD
        await desk.market.fresh_balances("main")
        assert (desk.venue.asked, timedelta(seconds=15)) == (["balances"], BALANCES_HOLD)

        clock.now += INSTANT
        await desk.market.fresh_balances("main")
        assert desk.venue.asked == ["balances", "balances"]

    async def test_balances_are_asked_again_once_something_was_sent(self, desk: Desk) -> None:
        await desk.see()
        await desk.market.fresh_balances("main")
        desk.market.stale_balances("main")
        assert desk.feed.balances, "the earlier ones are known meanwhile"
        for _ in range(2):
            await desk.market.fresh_balances("main")

        assert desk.venue.asked == ["balances", "balances"]

    async def test_bars_are_loaded_once_in_half_a_minute(self, desk: Desk, clock: Clock) -> None:
        await desk.see()
        assert desk.market.candles("main", BTC) == ()

        await desk.market.load_candles("main", BTC)
        clock.now = NOW + CANDLES_HOLD - INSTANT
        await desk.market.load_candles("main", BTC)
        assert desk.venue.asked == ["candles"]
        assert len(desk.market.candles("main", BTC)) == 100

        clock.now += INSTANT
        await desk.market.load_candles("main", BTC)
        assert desk.venue.asked == ["candles", "candles"]

    async def test_without_bars_a_card_has_no_picture_and_that_is_all(self, desk: Desk) -> None:
        await desk.see()
        desk.venue.ill["candles"] = VenueUnavailable("no bars")
        await desk.market.load_candles("main", BTC)

        assert desk.market.candles("main", BTC) == ()


class TestARefresh:
    async def test_it_asks_for_what_is_named_and_the_rates_of_what_is_held(
        self, desk: Desk
    ) -> None:
        await desk.see()
        await desk.market.refresh("main", ["ETH/USDT"], ["EUR", "USDT", "XYZ"], balances=False)
        assert sorted(desk.venue.asked) == ["ETH/USDT", EUR]

        desk.venue.asked.clear()
        await desk.market.refresh("main", [BTC], [], balances=True)
        assert desk.venue.asked == ["balances", BTC]

    async def test_what_is_not_answered_stays_as_old_as_it_is(
        self, desk: Desk, clock: Clock
    ) -> None:
        await desk.see(BTC)
        clock.advance(60)
        desk.venue.ill[BTC] = VenueUnavailable("no answer")
        await desk.market.refresh("main", [BTC, EUR], [], balances=False)
        assert desk.market.quote("main", BTC) is None
        assert desk.market.quote("main", EUR) is not None

    async def test_the_last_rate_says_when_it_was_seen(self, desk: Desk, clock: Clock) -> None:
        await desk.see(EUR)
        seen = clock()
        clock.advance(3600)
        rate = desk.market.last_rate("main", "EUR")
        assert rate is not None
        assert (round(rate.value, 2), rate.at) == (D("1.08"), seen)
        assert desk.market.rate("main", "EUR") is None
        assert desk.market.last_rate("main", "XYZ") is None
        assert desk.market.last_rate("main", "USDT") == Price(value=D(1), at=clock())

    async def test_what_a_market_opened_at_is_told_by_its_candles(
        self, desk: Desk, clock: Clock
    ) -> None:
        await desk.see()
        desk.prices.set_price(BTC, D(61_000))
        midnight = NOW.replace(hour=0)
        assert await desk.market.opened_at("main", BTC, midnight) == 61_000
        assert await desk.market.opened_at("main", BTC, midnight - timedelta(days=2)) is None
        desk.venue.ill["candles"] = VenueUnavailable("no bars")
        assert await desk.market.opened_at("main", BTC, midnight) is None
