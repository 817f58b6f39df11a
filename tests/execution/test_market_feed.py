"""What keeps a venue's feed fresh, and when the venue counts as lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.breaker import SILENCE
from execution.errors import Corrupt, KeyRefused, VenueMisconfigured, VenueUnavailable
from execution.types import OrderType, Side, TimeInForce
from execution.venues.venue import NewOrder
from tests.clock import Clock
from tests.execution.builders import NOW
from tests.execution.watched import Desk
from tests.virtual_time import passes, run_virtually
from tests.waiting import until

D = Decimal
BTC, EUR = "BTC/USDT", "EUR/USDT"
BUY = NewOrder(
    client_order_id="c1",
    symbol=BTC,
    side=Side.BUY,
    type=OrderType.LIMIT,
    amount=D("0.01"),
    price=D(61_000),
    time_in_force=TimeInForce.GTC,
)


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Desk:
    return Desk(tmp_path, clock)


class TestPreparing:
    async def test_a_ticket_gets_its_price_its_rate_its_balances_and_its_bars(
        self, desk: Desk
    ) -> None:
        await desk.see()
        await desk.market.prepare("main", "BTC/EUR", equity=False)

        assert sorted(desk.venue.asked) == ["BTC/EUR", EUR, "balances", "candles"]
        assert desk.market.quote("main", "BTC/EUR") is not None
        assert desk.rate("EUR") is not None
        assert desk.feed.watched == {"BTC/EUR", EUR}, "and from now on they are kept fresh"

    async def test_what_a_share_of_equity_needs_is_priced_too(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        desk = Desk(tmp_path, clock, opening={"USDT": D(1000), "SOL": D(1), "AIRDROP": D(1)})
        await desk.see()
        await desk.market.prepare("main", BTC, equity=False)
        assert desk.market.equity("main") is None

        await desk.market.prepare("main", BTC, equity=True)
        assert desk.market.equity("main") is not None

    async def test_a_market_nobody_has_leaves_the_venue_to_say_so(self, desk: Desk) -> None:
        await desk.see()

        with pytest.raises(VenueUnavailable, match="DOGE/USDT"):
            await desk.market.prepare("main", "DOGE/USDT", equity=False)

    async def test_a_venue_that_does_not_answer_is_an_error(self, desk: Desk) -> None:
        await desk.see()
        desk.venue.faults.unreachable = True

        with pytest.raises(VenueUnavailable):
            await desk.market.prepare("main", BTC, equity=True)


class TestBalances:
    async def test_an_answer_that_did_not_come_leaves_them_to_be_asked_for_again(
        self, desk: Desk
    ) -> None:
        await desk.see()
        await desk.market.fresh_balances("main")
        desk.market.stale_balances("main")
        desk.venue.ill["balances"] = VenueUnavailable("no answer")
        with pytest.raises(VenueUnavailable):
            await desk.market.fresh_balances("main")

        del desk.venue.ill["balances"]
        await desk.market.fresh_balances("main")
        assert desk.venue.asked == ["balances"] * 3

    async def test_an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one(
        self, desk: Desk, clock: Clock
    ) -> None:
        """It was read before an order filled, and told after the answer to the next question."""
        await desk.see()
        desk.venue.slow = told = asyncio.Event()
        late = asyncio.create_task(desk.market.fresh_balances("main"))
        await until(lambda: desk.venue.asked)

        desk.venue.slow = None
        await desk.venue.send(BUY)
        clock.advance(1)
        desk.market.stale_balances("main")
        after = await desk.market.fresh_balances("main")
        told.set()
        await late
        assert "BTC" in after
        assert desk.feed.balances == after

    async def test_they_are_as_old_as_the_question(self, desk: Desk, clock: Clock) -> None:
        await desk.see()
        asked_at = clock()
        desk.venue.slow = told = asyncio.Event()
        asking = asyncio.create_task(desk.market.fresh_balances("main"))
        await until(lambda: desk.venue.asked)
        clock.advance(4)
        told.set()
        await asking
        assert desk.feed.balances_at == asked_at


class TestWatching:
    async def test_what_is_watched_brings_the_rate_of_its_quote_asset(self, desk: Desk) -> None:
        await desk.see()
        desk.market.watch({"main": ["BTC/EUR"], "elsewhere": [BTC]})
        assert desk.feed.watched == {"BTC/EUR", EUR}

        desk.market.watch({"main": [BTC, "DOGE/USDT"]})
        assert desk.feed.watched == {BTC, "DOGE/USDT"}

        desk.market.watch({})
        assert desk.feed.watched == frozenset()

    async def test_only_something_new_wakes_the_feed(self, desk: Desk) -> None:
        await desk.see()
        desk.market.watch({"main": [BTC]})
        assert desk.feed.wake.is_set()

        desk.feed.wake.clear()
        desk.market.watch({"main": [BTC]})
        desk.market.watch({"main": []})
        assert not desk.feed.wake.is_set()

    def test_the_market_says_what_it_was_built_with(self, desk: Desk) -> None:
        assert desk.market.currency == "USDT"
        assert desk.market.feeds() == {"main": desk.feed}


def at_the_loop() -> datetime:
    """The time of the virtual loop, as a clock."""
    return NOW + timedelta(seconds=asyncio.get_running_loop().time())


def live(path: Path, scene: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    """Play a scene with a desk whose feed is running, in virtual time."""

    async def play() -> None:
        desk = Desk(path, at_the_loop)
        running = asyncio.create_task(desk.market.run("main"))
        try:
            await scene(desk)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await desk.venue.close()

    run_virtually(play())


class TestRunning:
    def test_it_connects_and_rings(self, tmp_path: Path) -> None:
        async def scene(desk: Desk) -> None:
            assert (desk.feed.loaded, desk.feed.connected) == (False, False)
            assert desk.feed.reason == "not connected yet"

            await passes(0.1)
            assert (desk.feed.loaded, desk.feed.connected, desk.feed.reason) == (True, True, None)
            assert desk.bells == 1

        live(tmp_path, scene)

    def test_what_is_watched_is_asked_every_second_and_the_first_time_at_once(
        self, tmp_path: Path
    ) -> None:
        async def scene(desk: Desk) -> None:
            await passes(0.5)
            assert BTC not in desk.venue.asked
            desk.market.watch({"main": [BTC]})

            await passes(0.1)
            assert desk.venue.asked.count(BTC) == 1
            await passes(4)
            assert desk.venue.asked.count(BTC) == 5
            quote = desk.market.quote("main", BTC)
            assert quote is not None
            assert at_the_loop() - quote.at < timedelta(seconds=1)

        live(tmp_path, scene)

    def test_with_nothing_to_watch_the_balances_are_its_sign_of_life(self, tmp_path: Path) -> None:
        async def scene(desk: Desk) -> None:
            await passes(40.5)

            assert set(desk.venue.asked) == {"balances"}
            assert 7 <= len(desk.venue.asked) <= 9
            assert desk.feed.connected

        live(tmp_path, scene)

    def test_what_is_watched_is_sign_of_life_enough(self, tmp_path: Path) -> None:
        async def scene(desk: Desk) -> None:
            desk.market.watch({"main": [BTC]})
            await passes(40.5)

            assert desk.venue.asked.count("balances") == 3, "as often as they grow old"

        live(tmp_path, scene)

    def test_a_venue_that_cannot_be_opened_is_tried_again_ever_more_slowly(
        self, tmp_path: Path
    ) -> None:
        async def scene(desk: Desk) -> None:
            desk.venue.faults.unreachable = True
            await passes(100)
            assert desk.venue.opened_at == [0, 1, 3, 7, 15, 30, 60, 90]
            assert desk.feed.reason == "main cannot be reached"
            assert (desk.feed.loaded, desk.feed.connected) == (False, False)
            assert desk.feed.silent >= SILENCE
            assert desk.bells == 8

            desk.venue.faults.unreachable = False
            await passes(30)
            assert desk.feed.reason is None
            assert (desk.feed.loaded, desk.feed.connected) == (True, True)

        live(tmp_path, scene)

    def test_a_venue_that_asks_for_silence_is_opened_when_it_is_over(self, tmp_path: Path) -> None:
        async def scene(desk: Desk) -> None:
            asked = VenueUnavailable("too much", retry_after=timedelta(seconds=20))
            desk.venue.ill["open"] = asked
            await passes(19.5)
            del desk.venue.ill["open"]
            await passes(1)
            assert desk.venue.opened_at == [0, 20]
            assert desk.feed.connected

        live(tmp_path, scene)

    def test_a_venue_is_lost_after_its_silence_and_found_again_with_one_answer(
        self, tmp_path: Path
    ) -> None:
        async def scene(desk: Desk) -> None:
            desk.market.watch({"main": [BTC]})
            await passes(0.5)
            desk.feed.compared = True
            assert desk.bells == 1

            desk.venue.faults.unreachable = True
            await passes(14)
            assert (desk.feed.connected, desk.feed.compared, desk.bells) == (True, True, 1)
            await passes(2)
            assert (desk.feed.connected, desk.feed.compared, desk.bells) == (False, False, 2)
            assert desk.feed.reason == "main cannot be reached"
            assert desk.feed.loaded, "its markets are still known"
            await passes(60)
            assert desk.bells == 2, "said once"

            desk.venue.faults.unreachable = False
            await passes(1)
            assert (desk.feed.connected, desk.feed.compared, desk.bells) == (True, False, 3)
            assert (desk.feed.reason, desk.feed.silent) == (None, timedelta(0))

        live(tmp_path, scene)

    def test_a_dead_venue_is_noticed_with_nothing_to_watch(self, tmp_path: Path) -> None:
        async def scene(desk: Desk) -> None:
            await passes(30)
            desk.venue.faults.unreachable = True
            await passes(20)
            assert not desk.feed.connected

        live(tmp_path, scene)

    def test_a_venue_whose_calls_hang_is_lost_too(self, tmp_path: Path) -> None:
        async def scene(desk: Desk) -> None:
            desk.market.watch({"main": [BTC]})
            await passes(0.5)
            desk.venue.hung |= {BTC, "balances"}
            await passes(16.5)
            assert (desk.feed.connected, desk.feed.reason) == (False, "main does not answer")

        live(tmp_path, scene)

    @pytest.mark.parametrize("how", ["hangs", "fails"])
    def test_one_dead_ticker_loses_no_venue_and_holds_up_no_other(
        self, tmp_path: Path, how: str
    ) -> None:
        async def scene(desk: Desk) -> None:
            desk.market.watch({"main": [BTC, EUR]})
            await passes(0.5)
            if how == "hangs":
                desk.venue.hung.add(EUR)
            else:
                desk.venue.ill[EUR] = VenueUnavailable("no such ticker")
            await passes(60)

            assert (desk.feed.connected, desk.feed.reason, desk.bells) == (True, None, 1)
            quote = desk.market.quote("main", BTC)
            assert quote is not None
            assert at_the_loop() - quote.at <= timedelta(seconds=1)
            assert desk.market.quote("main", EUR) is None

        live(tmp_path, scene)

    def test_a_venue_that_takes_nothing_we_sign_is_lost_though_its_prices_come(
        self, tmp_path: Path
    ) -> None:
        """Nothing there can be looked at or canceled: prices are no sign of life then."""

        async def scene(desk: Desk) -> None:
            desk.market.watch({"main": [BTC]})
            await passes(0.5)
            desk.venue.ill["balances"] = KeyRefused("binance: Invalid API-key (-2015)")
            await passes(15)
            assert desk.feed.connected, "its balances are asked every 15 s"
            await passes(17)
            assert not desk.feed.connected
            assert desk.feed.reason == "binance: Invalid API-key (-2015)"
            assert desk.market.quote("main", BTC) is not None

            del desk.venue.ill["balances"]
            await passes(1)
            assert (desk.feed.connected, desk.feed.key_refused) == (True, False)

        live(tmp_path, scene)

    def test_a_key_refused_once_is_no_outage(self, tmp_path: Path) -> None:
        """So it is with a clock that was off: the next answer shows that it is set."""

        async def scene(desk: Desk) -> None:
            desk.market.watch({"main": [BTC]})
            await passes(0.5)
            desk.venue.ill["balances"] = KeyRefused("the time of the request")
            await passes(20)
            del desk.venue.ill["balances"]
            await passes(60)
            assert (desk.feed.connected, desk.bells) == (True, 1)

        live(tmp_path, scene)

    def test_an_answer_to_somebody_elses_question_is_a_sign_of_life(self, tmp_path: Path) -> None:
        async def scene(desk: Desk) -> None:
            await passes(0.5)
            desk.venue.ill["balances"] = VenueUnavailable("the account endpoint is down")
            for _ in range(10):
                await passes(6)
                desk.market.heard("main")

            assert (desk.feed.connected, desk.bells) == (True, 1)

        live(tmp_path, scene)

    def test_silences_with_an_answer_between_them_do_not_add_up(self, tmp_path: Path) -> None:
        async def scene(desk: Desk) -> None:
            desk.market.watch({"main": [BTC]})
            await passes(0.5)
            for _ in range(5):
                desk.venue.faults.unreachable = True
                await passes(12)
                desk.venue.faults.unreachable = False
                await passes(2)

            assert (desk.feed.connected, desk.feed.reason, desk.bells) == (True, None, 1)

        live(tmp_path, scene)

    def test_a_venue_whose_settings_cannot_work_is_not_tried_again(self, tmp_path: Path) -> None:
        async def play() -> None:
            desk = Desk(tmp_path, at_the_loop)
            desk.venue.ill["open"] = VenueMisconfigured("no such exchange")
            with pytest.raises(VenueMisconfigured, match="no such exchange"):
                await desk.market.run("main")
            assert desk.venue.opened_at == [0]

        run_virtually(play())

    def test_what_is_no_outage_is_not_hidden(self, tmp_path: Path) -> None:
        async def play() -> None:
            desk = Desk(tmp_path, at_the_loop)
            desk.venue.ill["balances"] = Corrupt("the books contradict themselves")
            with pytest.raises(Corrupt, match="contradict"):
                await desk.market.run("main")
            await desk.venue.close()

        run_virtually(play())
