"""Orders that wait for a stop price, and orders that end at a time, at the paper venue."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.errors import OrderUnknown, VenueRefused
from execution.types import Level, OrderState, OrderType, Side, TimeInForce, Trail
from execution.venues.paper import PaperVenue
from execution.venues.synthetic import Shock, SyntheticMarket
from execution.venues.venue import Balance, NewOrder, OrderKey, Report
from tests.clock import NOW, Clock
from tests.execution.venues.paper.setup import BTC, Desk, key_of

_STOP, _TARGET = OrderType.STOP, OrderType.TAKE_PROFIT
_TRAILING = OrderType.TRAILING_STOP


async def _holds(desk: Desk, amount: str = "0.5") -> None:
    """The account has bitcoin to sell, and the second it was bought in is over."""
    await desk.buy(amount, "60100")
    desk.clock.advance(1)


async def _waits(desk: Desk, side: Side, kind: OrderType, stop: str, **changes: Any) -> Report:
    """An order of a tenth of a bitcoin that waits for this stop price."""
    sends = desk.buy if side is Side.BUY else desk.sell
    report = await sends("0.1", None, type=kind, stop_price=Decimal(stop), **changes)
    assert (report.state, report.filled, report.stop_price) == (
        OrderState.WORKING,
        0,
        Decimal(stop),
    )
    return report


def _trail(value: str, *, is_share: bool = False) -> dict[str, Any]:
    return {"type": _TRAILING, "trail": Trail(value=Decimal(value), is_share=is_share)}


class TestWaiting:
    @pytest.mark.parametrize(
        ("side", "kind", "stop", "before", "touches"),
        [
            (Side.SELL, _STOP, "59000", "59000.01", "59000"),
            (Side.SELL, _TARGET, "61000", "60999.99", "61000"),
            (Side.BUY, _STOP, "61000", "60999.98", "60999.99"),  # the ask is a step above
            (Side.BUY, _TARGET, "59000", "59000", "58999.99"),
        ],
    )
    async def test_it_does_nothing_before_the_price_it_would_meet_touches_its_stop(
        self, desk: Desk, side: Side, kind: OrderType, stop: str, before: str, touches: str
    ) -> None:
        await _holds(desk)
        order = await _waits(desk, side, kind, stop)
        desk.market.set_price(BTC, Decimal(before))
        desk.clock.advance(5)
        assert (await desk.look(order)).filled == 0
        desk.market.set_price(BTC, Decimal(touches))
        desk.clock.advance(5)
        filled = await desk.look(order)
        assert (filled.state, filled.filled) == (OrderState.FILLED, Decimal("0.1"))

    @pytest.mark.parametrize(
        ("side", "kind", "stop", "reason"),
        [
            (Side.SELL, _STOP, "60000", "lies under the market.*60000.*the best bid is 60000"),
            (Side.SELL, _STOP, "61000", "would be touched at once"),
            (Side.SELL, _TARGET, "59000", "to sell lies over the market"),
            (Side.BUY, _STOP, "59000", "to buy lies over the market.*the best ask is 60000.01"),
            (Side.BUY, _TARGET, "61000", "to buy lies under the market"),
        ],
    )
    async def test_a_stop_price_on_the_wrong_side_is_refused_in_words(
        self, desk: Desk, side: Side, kind: OrderType, stop: str, reason: str
    ) -> None:
        await _holds(desk)
        with pytest.raises(VenueRefused, match=reason):
            await _waits(desk, side, kind, stop)
        assert await desk.venue.open_orders([]) == []

    async def test_it_holds_what_it_would_give_and_a_cancel_gives_that_back(
        self, desk: Desk
    ) -> None:
        await _holds(desk)
        before = await desk.venue.balances()
        sell = await _waits(desk, Side.SELL, _STOP, "59000")
        buy = await _waits(desk, Side.BUY, _STOP, "61000")
        held = await desk.venue.balances()
        assert (held["BTC"].locked, held["USDT"].locked) == (Decimal("0.1"), Decimal(6_100))
        for order in (sell, buy):
            await desk.venue.cancel(key_of(order))
            assert (await desk.look(order)).state is OrderState.CANCELED
            with pytest.raises(OrderUnknown):
                await desk.venue.cancel(key_of(order))
        assert await desk.venue.balances() == before
        desk.market.set_price(BTC, Decimal(50_000))
        desk.clock.advance(5)
        assert (await desk.look(sell)).filled == 0

    async def test_what_another_order_holds_cannot_be_promised_twice(self, desk: Desk) -> None:
        await _holds(desk, "0.15")
        await _waits(desk, Side.SELL, _STOP, "59000")
        with pytest.raises(VenueRefused, match="not enough BTC"):
            await _waits(desk, Side.SELL, _TARGET, "61000")

    async def test_a_suspended_market_touches_nothing(self, desk: Desk) -> None:
        await _holds(desk)
        order = await _waits(desk, Side.SELL, _STOP, "59000")
        desk.market.set_price(BTC, Decimal(50_000))
        desk.market.suspend(BTC)
        desk.clock.advance(5)
        assert (await desk.look(order)).state is OrderState.WORKING


class TestTakingTheMarket:
    async def test_a_stop_pays_what_the_book_asks_however_far_that_is(self, desk: Desk) -> None:
        await _holds(desk)
        order = await _waits(desk, Side.SELL, _STOP, "59000")
        desk.market.set_book(
            BTC,
            bids=[
                Level(price=Decimal(58_900), amount=Decimal("0.04")),
                Level(price=Decimal(57_000), amount=Decimal(1)),
            ],
            asks=[Level(price=Decimal(58_910), amount=Decimal(1))],
        )
        assert (await desk.look(order)).state is OrderState.FILLED
        assert [(t.price, t.amount) for t in await desk.venue.trades(key_of(order))] == [
            (Decimal(58_900), Decimal("0.04")),
            (Decimal(57_000), Decimal("0.06")),
        ]

    async def test_what_a_thin_book_does_not_have_expires(self, desk: Desk) -> None:
        await _holds(desk)
        order = await _waits(desk, Side.SELL, _STOP, "59000")
        desk.market.set_price(BTC, Decimal(58_000), depth=Decimal("0.03"))
        ended = await desk.look(order)
        assert (ended.state, ended.filled) == (OrderState.EXPIRED, Decimal("0.03"))
        assert (await desk.venue.balances())["BTC"].locked == 0

    async def test_a_buy_takes_no_more_than_the_account_can_pay(self, desk: Desk) -> None:
        order = await desk.buy("1.6", None, type=_STOP, stop_price=Decimal(61_000))
        desk.market.set_price(BTC, Decimal(65_000))
        ended = await desk.look(order)
        assert (ended.state, ended.filled) == (OrderState.EXPIRED, Decimal("1.53846"))
        left = (await desk.venue.balances())["USDT"]
        assert 0 <= left.free < Decimal("0.7")
        assert left.locked == 0

    async def test_all_or_nothing_stays_all_or_nothing(self, desk: Desk) -> None:
        await _holds(desk)
        order = await _waits(desk, Side.SELL, _STOP, "59000", time_in_force=TimeInForce.FOK)
        desk.market.set_price(BTC, Decimal(58_000), depth=Decimal("0.03"))
        ended = await desk.look(order)
        assert (ended.state, ended.filled) == (OrderState.EXPIRED, 0)


class TestWithALimit:
    async def _sell_stop_limit(self, desk: Desk, **changes: Any) -> Report:
        await _holds(desk)
        return await desk.sell(
            "0.1", "58900", type=OrderType.STOP_LIMIT, stop_price=Decimal(59_000), **changes
        )

    async def test_it_takes_what_is_within_its_limit_and_rests(self, desk: Desk) -> None:
        order = await self._sell_stop_limit(desk)
        desk.market.set_book(
            BTC,
            bids=[
                Level(price=Decimal(58_950), amount=Decimal("0.04")),
                Level(price=Decimal(58_800), amount=Decimal(1)),
            ],
            asks=[Level(price=Decimal(58_960), amount=Decimal(1))],
        )
        part = await desk.look(order)
        assert (part.state, part.filled) == (OrderState.WORKING, Decimal("0.04"))
        desk.clock.advance(3)
        assert (await desk.look(order)).state is OrderState.FILLED
        assert [t.price for t in await desk.venue.trades(key_of(order))] == [
            Decimal(58_950),
            Decimal(58_900),
            Decimal(58_900),
        ], "what comes later meets it at rest, at its own price"

    async def test_a_market_that_jumps_past_its_limit_leaves_it_at_rest(self, desk: Desk) -> None:
        order = await self._sell_stop_limit(desk)
        desk.market.set_price(BTC, Decimal(58_000))
        desk.clock.advance(3)
        assert (await desk.look(order)).filled == 0
        desk.market.set_price(BTC, Decimal(59_500))  # it is no stop any more
        desk.clock.advance(3)
        (trade,) = await desk.venue.trades(key_of(order))
        assert (trade.price, trade.amount) == (Decimal(58_900), Decimal("0.1"))

    async def test_what_rests_already_is_served_before_what_wakes(self, desk: Desk) -> None:
        await _holds(desk)
        desk.market.set_price(BTC, Decimal(60_000), depth=Decimal("0.01"))
        resting = await desk.sell("0.03", "59900")
        waking = await desk.sell(
            "0.03", "59700", type=OrderType.STOP_LIMIT, stop_price=Decimal(59_950)
        )
        desk.clock.advance(1)
        desk.market.set_price(BTC, Decimal(59_900), depth=Decimal("0.02"))
        assert (await desk.look(waking)).filled == 0
        assert (await desk.look(resting)).state is OrderState.FILLED
        desk.clock.advance(2)
        assert (await desk.look(waking)).state is OrderState.FILLED

    @pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
    async def test_one_that_may_not_rest_expires_when_it_is_touched(
        self, desk: Desk, time_in_force: TimeInForce
    ) -> None:
        order = await self._sell_stop_limit(desk, time_in_force=time_in_force)
        desk.clock.advance(60)
        assert (await desk.look(order)).state is OrderState.WORKING
        desk.market.set_price(BTC, Decimal(58_000))
        ended = await desk.look(order)
        assert (ended.state, ended.filled) == (OrderState.EXPIRED, 0)

    async def test_a_target_sells_at_its_limit_or_better(self, desk: Desk) -> None:
        await _holds(desk)
        order = await desk.sell(
            "0.1", "61000", type=OrderType.TAKE_PROFIT_LIMIT, stop_price=Decimal(60_900)
        )
        desk.market.set_price(BTC, Decimal(60_950))
        desk.clock.advance(3)
        assert (await desk.look(order)).filled == 0
        desk.market.set_price(BTC, Decimal(61_200))
        desk.clock.advance(3)
        (trade,) = await desk.venue.trades(key_of(order))
        assert trade.price == 61_000


class TestTrailing:
    async def test_a_sell_follows_the_market_up_and_never_down(self, desk: Desk) -> None:
        await _holds(desk)
        order = await desk.sell("0.1", None, **_trail("500"))
        stops = []
        for bid in ("60000", "60400", "60100", "60800.5", "60301"):
            desk.market.set_price(BTC, Decimal(bid))
            desk.clock.advance(1)
            stops.append((await desk.look(order)).stop_price)
        assert stops == [
            Decimal(each) for each in ("59500", "59900", "59900", "60300.5", "60300.5")
        ]
        desk.market.set_price(BTC, Decimal("60300.5"))
        desk.clock.advance(1)
        (trade,) = await desk.venue.trades(key_of(order))
        assert trade.price == Decimal("60300.5")
        assert (await desk.look(order)).state is OrderState.FILLED

    async def test_a_buy_follows_the_market_down_and_holds_less(self, desk: Desk) -> None:
        order = await desk.buy("0.1", None, **_trail("0.01", is_share=True))
        assert order.stop_price == Decimal("60600.01")
        desk.market.set_price(BTC, Decimal("54999.99"))
        desk.clock.advance(1)
        assert (await desk.look(order)).stop_price == Decimal(55_550)
        assert (await desk.venue.balances())["USDT"].locked == 5_555
        desk.market.set_price(BTC, Decimal(55_550))
        desk.clock.advance(1)
        assert (await desk.look(order)).state is OrderState.FILLED

    async def test_where_it_began_for_us_does_not_count_there(self, desk: Desk) -> None:
        await _holds(desk)
        order = await desk.sell("0.1", None, **_trail("500"), stop_price=Decimal(59_700))
        assert order.stop_price == 59_500

    async def test_a_stop_that_moved_is_known_to_the_next_process(self, desk: Desk) -> None:
        await _holds(desk)
        order = await desk.sell("0.1", None, **_trail("500"))
        desk.market.set_price(BTC, Decimal(60_400))
        desk.clock.advance(1)
        await desk.look(order)
        await desk.venue.close()
        desk.market.set_price(BTC, Decimal(59_900))
        desk.venue = desk.again()
        await desk.venue.open()
        desk.clock.advance(1)
        assert (await desk.look(order)).state is OrderState.FILLED

    async def test_a_process_that_slept_does_not_hold_old_prices_against_a_stop_that_moved(
        self, tmp_path: Path
    ) -> None:
        """It walks once more over the time before the stop moved, when the market lay under it."""
        clock = Clock()
        rises = Shock(asset="BTC", at=NOW + timedelta(seconds=30), share=Decimal("0.02"))
        awake, asleep = (
            PaperVenue("main", tmp_path / "paper.db", clock, market=SyntheticMarket(1, [rises]))
            for _ in range(2)
        )
        await awake.open()
        await asleep.open()
        order = Desk(":memory:").order(Side.SELL, "0.01", None, **_trail("0.01", is_share=True))
        bought = order.evolve(
            client_order_id="bought",
            side=Side.BUY,
            type=OrderType.LIMIT,
            price=Decimal(90_000),
            amount=Decimal("0.02"),
            trail=None,
        )
        await awake.send(bought)
        began = (await awake.send(order)).stop_price
        clock.advance(45)
        key = OrderKey(client_order_id=order.client_order_id, symbol=BTC)
        moved, seen = await awake.find(key), await asleep.find(key)
        await awake.close()
        await asleep.close()
        assert moved is not None
        assert moved.state is OrderState.WORKING
        assert began is not None
        assert moved.stop_price is not None
        assert moved.stop_price > began + 600, "it lies over where the market came from"
        assert seen == moved

    async def test_a_distance_of_more_than_the_price_is_refused(self, desk: Desk) -> None:
        await _holds(desk)
        with pytest.raises(VenueRefused, match="trail 70000 is more than the price"):
            await desk.sell("0.1", None, **_trail("70000"))


class TestEndingAtATime:
    async def test_it_ends_at_its_moment_and_not_before(self, desk: Desk) -> None:
        ends = desk.now + timedelta(seconds=90, milliseconds=500)
        order = await desk.buy("0.1", "59000", time_in_force=TimeInForce.GTD, good_till=ends)
        desk.clock.advance(90)
        assert (await desk.look(order)).state is OrderState.WORKING
        desk.clock.advance(300)
        ended = await desk.look(order)
        assert (ended.state, ended.at) == (OrderState.EXPIRED, ends)
        assert (await desk.venue.balances())["USDT"] == Balance(
            free=Decimal(100_000), locked=Decimal(0)
        )

    async def test_what_it_was_filled_with_stays(self, desk: Desk) -> None:
        ends = desk.now + timedelta(seconds=3)
        order = await desk.buy("0.1", "59000", time_in_force=TimeInForce.GTD, good_till=ends)
        desk.market.set_price(BTC, Decimal(58_000), depth=Decimal("0.01"))
        desk.clock.advance(60)
        ended = await desk.look(order)
        assert (ended.state, ended.filled) == (OrderState.EXPIRED, Decimal("0.02"))

    async def test_a_stop_waits_no_longer_than_that(self, desk: Desk) -> None:
        await _holds(desk)
        ends = desk.now + timedelta(seconds=10)
        order = await _waits(
            desk, Side.SELL, _STOP, "59000", time_in_force=TimeInForce.GTD, good_till=ends
        )
        desk.clock.advance(9)
        assert (await desk.look(order)).state is OrderState.WORKING
        desk.clock.advance(1)
        desk.market.set_price(BTC, Decimal(50_000))
        ended = await desk.look(order)
        assert (ended.state, ended.filled, ended.at) == (OrderState.EXPIRED, 0, ends)

    async def test_a_time_that_is_over_is_refused(self, desk: Desk) -> None:
        with pytest.raises(VenueRefused, match="good_till 2026-11-20 14:30:00 is over"):
            await desk.buy("0.1", "59000", time_in_force=TimeInForce.GTD, good_till=NOW)

    async def test_post_only_may_end_at_a_time(self, desk: Desk) -> None:
        order = await desk.buy(
            "0.1",
            "59000",
            time_in_force=TimeInForce.GTD,
            good_till=desk.now + timedelta(hours=1),
            post_only=True,
        )
        assert order.state is OrderState.WORKING


_KINDS: dict[str, dict[str, Any]] = {
    "stop": {"type": _STOP, "stop_price": -20},
    "take_profit": {"type": _TARGET, "stop_price": 20},
    "stop_limit": {"type": OrderType.STOP_LIMIT, "stop_price": -20, "price": -25},
    "take_profit_limit": {"type": OrderType.TAKE_PROFIT_LIMIT, "stop_price": 20, "price": 15},
    "trailing by distance": {"type": _TRAILING, "trail": Trail(value=Decimal(20), is_share=False)},
    "trailing by share": {
        "type": _TRAILING, "trail": Trail(value=Decimal("0.001"), is_share=True),
    },
    "good till": {"price": 30, "time_in_force": TimeInForce.GTD, "good_till": NOW + timedelta(seconds=50.4)},
}  # fmt: skip


class TestWatchingCloselyOrSeldom:
    """The same orders on the same path of a moving market, however often somebody looks."""

    @pytest.mark.parametrize("seed", [1, 2, 3])
    @pytest.mark.parametrize("kind", _KINDS)
    async def test_it_makes_no_difference(self, tmp_path: Path, kind: str, seed: int) -> None:
        ends = [
            await self._after_five_minutes(tmp_path / f"{number}.db", kind, seed, pace, others)
            for number, (pace, others) in enumerate(
                [(timedelta(seconds=1), 1), (timedelta(seconds=7.5), 1), (timedelta(minutes=5), 1),
                 (timedelta(seconds=2.5), 3)]
            )
        ]  # fmt: skip
        assert ends[0] == ends[1] == ends[2] == ends[3]

    async def _after_five_minutes(
        self, path: Path, kind: str, seed: int, pace: timedelta, processes: int
    ) -> object:
        """State, stop and fills by the second; `processes` look in turn, each on its own walk."""
        clock = Clock()
        looking = [PaperVenue("main", path, clock, seed=seed) for _ in range(processes)]
        for venue in looking:
            await venue.open()
        first = looking[0]
        key = await self._send(first, kind)
        for turn in range(timedelta(minutes=5) // pace):
            clock.now += pace
            await looking[turn % processes].find(key)
        report, trades = await first.find(key), await first.trades(key)
        for venue in looking:
            await venue.close()
        assert report is not None
        fills = [(_second(t.at), t.price, t.amount) for t in trades]
        return report.state, report.stop_price, fills

    async def _send(self, venue: PaperVenue, kind: str) -> OrderKey:
        """An order to sell a little of what was bought just before."""
        bid = (await venue.quote(BTC)).bid
        bought = NewOrder(
            client_order_id=venue.client_order_id(bytes(16)),
            symbol=BTC,
            side=Side.BUY,
            type=OrderType.LIMIT,
            amount=Decimal("0.01"),
            price=bid + 100,
            time_in_force=TimeInForce.GTC,
        )
        await venue.send(bought)
        terms = {
            name: bid + value if isinstance(value, int) else value
            for name, value in ({"price": None} | _KINDS[kind]).items()
        }
        order = bought.evolve(
            client_order_id=venue.client_order_id(bytes([1] * 16)),
            side=Side.SELL,
            amount=Decimal("0.009"),
            **terms,
        )
        assert (await venue.send(order)).state is OrderState.WORKING
        return OrderKey(client_order_id=order.client_order_id, symbol=BTC)


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)
