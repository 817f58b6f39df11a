"""The paper venue: it keeps the contract of a venue, and it trades and keeps books as one would."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.errors import (
    Corrupt,
    NotSent,
    OrderUnknown,
    OutcomeUnknown,
    VenueRefused,
    VenueUnavailable,
)
from execution.instruments import Offers, Shares
from execution.types import (
    Level,
    Mode,
    OrderState,
    OrderType,
    Side,
    TimeInForce,
    Trail,
)
from execution.venues.books import Books
from execution.venues.market_data import FEE_RATE
from execution.venues.paper import PaperVenue
from execution.venues.synthetic import SyntheticMarket
from execution.venues.venue import Balance, NewOrder, OrderKey
from tests.clock import NOW, Clock
from tests.execution.venues.contract import VenueContract, VenueUnderTest
from tests.execution.venues.paper.setup import BTC, Desk, key_of


class TestPaperVenueKeepsTheContract(VenueContract):
    @pytest.fixture
    def under_test(self, desk: Desk) -> VenueUnderTest:
        faults = desk.venue.faults

        def switch(name: str, value: object) -> None:
            setattr(faults, name, value)

        return VenueUnderTest(
            venue=desk.venue,
            symbol=BTC,
            amount=Decimal("0.01"),
            far_price=Decimal("55000.00"),
            near_price=Decimal("60100.00"),
            accept_then_drop=lambda: switch("drop_next_answer", True),
            lose_next=lambda: switch("lose_next_request", True),
            refuse_next=lambda: switch("refuse_next", "not today"),
            disconnect=lambda: switch("unreachable", True),
            reconnect=lambda: switch("unreachable", False),
            fill=lambda order: desk.market.set_price(order.symbol, order.price - 1),
            accepted=lambda: [order.client_order_id for order in desk.venue.accepted],
        )


def test_it_is_paper_whatever_it_is_called(tmp_path: Path) -> None:
    venue = PaperVenue("binance", tmp_path / "paper.db", Clock())
    assert (venue.name, venue.exchange, venue.mode) == ("binance", "paper", Mode.PAPER)
    assert venue.instruments() == {}


class TestTaking:
    async def test_an_order_walks_the_book_up_to_its_price(self, desk: Desk) -> None:
        desk.market.set_book(
            BTC,
            bids=[Level(price=Decimal(59990), amount=Decimal(1))],
            asks=[
                Level(price=Decimal(60000), amount=Decimal("0.1")),
                Level(price=Decimal(60010), amount=Decimal("0.2")),
                Level(price=Decimal(60020), amount=Decimal("0.4")),
            ],
        )
        report = await desk.buy("0.5", "60010")
        assert (report.state, report.filled) == (OrderState.WORKING, Decimal("0.3"))
        trades = await desk.venue.trades(key_of(report))
        assert [(t.price, t.amount) for t in trades] == [
            (Decimal(60000), Decimal("0.1")),
            (Decimal(60010), Decimal("0.2")),
        ]
        assert report.average is not None
        assert report.average.quantize(Decimal("0.01")) == Decimal("60006.67")

    async def test_the_fee_comes_out_of_what_is_received(self, desk: Desk) -> None:
        bought = await desk.buy("0.1", "60000.01")
        (buy,) = await desk.venue.trades(key_of(bought))
        assert (buy.fee, buy.fee_currency) == (Decimal("0.1") * FEE_RATE, "BTC")
        sold = await desk.sell("0.05", "60000")
        (sell,) = await desk.venue.trades(key_of(sold))
        assert (sell.fee, sell.fee_currency) == (Decimal("3000") * FEE_RATE, "USDT")
        assert await desk.venue.balances() == {
            "BTC": Balance(free=Decimal("0.0499"), locked=Decimal(0)),
            "USDT": Balance(
                free=100_000 - Decimal("6000.001") + Decimal("2997"), locked=Decimal(0)
            ),
        }

    async def test_a_market_order_takes_within_its_price_and_never_rests(self, desk: Desk) -> None:
        desk.market.set_price(BTC, Decimal(60_000), depth=Decimal("0.02"))
        report = await desk.buy(
            "0.05", "60010", type=OrderType.MARKET, time_in_force=TimeInForce.IOC
        )
        assert (report.state, report.filled) == (OrderState.EXPIRED, Decimal("0.02"))

    async def test_fill_or_kill_takes_nothing_when_it_cannot_have_all(self, desk: Desk) -> None:
        desk.market.set_price(BTC, Decimal(60_000), depth=Decimal("0.02"))
        report = await desk.buy("0.05", "60010", time_in_force=TimeInForce.FOK)
        assert (report.state, report.filled) == (OrderState.EXPIRED, 0)
        whole = await desk.buy("0.02", "60010", time_in_force=TimeInForce.FOK)
        assert (whole.state, whole.filled) == (OrderState.FILLED, Decimal("0.02"))

    async def test_what_one_order_took_the_next_goes_past(self, desk: Desk) -> None:
        desk.market.set_book(
            BTC,
            bids=[Level(price=Decimal(59990), amount=Decimal(1))],
            asks=[
                Level(price=Decimal(60000), amount=Decimal("0.1")),
                Level(price=Decimal(60010), amount=Decimal("0.2")),
            ],
        )
        await desk.buy("0.15", "60010")
        after = await desk.buy("0.2", "60010")
        (trade,) = await desk.venue.trades(key_of(after))
        assert (trade.price, trade.amount) == (Decimal(60010), Decimal("0.15"))
        with pytest.raises(VenueRefused, match="at once"):  # nothing is left, it crosses even so
            await desk.buy("0.01", "60010", post_only=True)

    async def test_two_orders_in_one_second_share_its_depth(self, desk: Desk) -> None:
        desk.market.set_price(BTC, Decimal(60_000), depth=Decimal("0.03"))
        first = await desk.buy("0.02", "60010", time_in_force=TimeInForce.IOC)
        second = await desk.buy("0.02", "60010", time_in_force=TimeInForce.IOC)
        assert (first.filled, second.filled) == (Decimal("0.02"), Decimal("0.01"))
        desk.clock.advance(1)
        third = await desk.buy("0.02", "60010", time_in_force=TimeInForce.IOC)
        assert third.filled == Decimal("0.02")


class TestResting:
    async def test_it_fills_bit_by_bit_at_its_own_price(self, desk: Desk) -> None:
        report = await desk.buy("0.05", "59000")
        desk.market.set_price(BTC, Decimal(58_900), depth=Decimal("0.02"))
        seen = []
        for _ in range(4):
            seen.append((await desk.look(report)).filled)
            desk.clock.advance(1)
        assert seen == [Decimal("0.02"), Decimal("0.04"), Decimal("0.05"), Decimal("0.05")]
        assert (await desk.look(report)).state is OrderState.FILLED
        assert {t.price for t in await desk.venue.trades(key_of(report))} == {Decimal(59_000)}

    async def test_a_market_that_only_touches_it_does_not_fill_it(self, desk: Desk) -> None:
        report = await desk.buy("0.05", "59000")
        desk.market.set_price(BTC, Decimal(59_000))  # the bid; the ask is a step above
        assert (await desk.look(report)).filled == 0

    async def test_a_partly_filled_order_keeps_its_fills_when_canceled(self, desk: Desk) -> None:
        report = await desk.buy("0.05", "59000")
        desk.market.set_price(BTC, Decimal(58_900), depth=Decimal("0.02"))
        await desk.venue.cancel(key_of(report))
        ended = await desk.look(report)
        assert (ended.state, ended.filled) == (OrderState.CANCELED, Decimal("0.02"))
        assert (await desk.venue.balances())["USDT"].locked == 0

    async def test_a_partly_filled_sell_holds_only_its_rest(self, desk: Desk) -> None:
        await desk.buy("0.1", "60100")
        report = await desk.sell("0.05", "61000")
        desk.market.set_price(BTC, Decimal(61_100), depth=Decimal("0.02"))
        assert (await desk.look(report)).filled == Decimal("0.02")
        assert (await desk.venue.balances())["BTC"] == Balance(
            free=Decimal("0.0499"), locked=Decimal("0.03")
        )

    async def test_the_better_price_is_served_first(self, desk: Desk) -> None:
        worse = await desk.buy("0.05", "59000")
        better = await desk.buy("0.05", "59100")
        desk.market.set_price(BTC, Decimal(58_900), depth=Decimal("0.06"))
        assert (await desk.look(better)).filled == Decimal("0.05")
        assert (await desk.look(worse)).filled == Decimal("0.01")

    async def test_a_suspended_market_fills_nothing(self, desk: Desk) -> None:
        report = await desk.buy("0.05", "59000")
        desk.market.set_price(BTC, Decimal(58_900))
        desk.market.suspend(BTC)
        assert (await desk.look(report)).state is OrderState.WORKING
        with pytest.raises(VenueRefused, match="not trading"):
            await desk.buy("0.05", "59000")

    async def test_it_fills_while_nobody_is_looking(self, desk: Desk) -> None:
        """Two days of a moving market in one call: bounded steps, and the order has met it."""
        bid = PaperVenue("main", desk.path, desk.clock, seed=7)
        await bid.open()
        market_price = (await bid.quote(BTC)).bid
        order = desk.order(Side.BUY, "0.001", str(market_price - 1))
        assert (await bid.send(order)).state is OrderState.WORKING
        await bid.close()

        desk.clock.advance(2 * 86_400)
        later = PaperVenue("main", desk.path, desk.clock, seed=7)
        await later.open()
        found = await later.find(OrderKey(client_order_id=order.client_order_id, symbol=BTC))
        trades = await later.trades(OrderKey(client_order_id=order.client_order_id, symbol=BTC))
        await later.close()
        assert found is not None
        assert found.state is OrderState.FILLED
        assert all(NOW < trade.at <= desk.clock.now for trade in trades)

    @pytest.mark.parametrize("seed", [1, 2, 3, 4])
    async def test_watching_closely_or_seldom_makes_no_difference(
        self, tmp_path: Path, seed: int
    ) -> None:
        """The same order on the same path: polled, or looked at once after a restart."""
        ends = [
            await self._after_two_minutes(tmp_path / f"{pace}.db", seed=seed, pace=pace)
            for pace in (timedelta(seconds=1), timedelta(seconds=7.5), timedelta(minutes=2))
        ]
        assert ends[0]
        assert ends[0] == ends[1] == ends[2]

    async def _after_two_minutes(
        self, path: Path, *, seed: int, pace: timedelta
    ) -> dict[datetime, Decimal]:
        """What a buy just under the ask was filled with, by the second."""
        clock = Clock()
        venue = PaperVenue("main", path, clock, seed=seed)
        await venue.open()
        order = NewOrder(
            client_order_id=venue.client_order_id(bytes(16)),
            symbol=BTC,
            side=Side.BUY,
            type=OrderType.LIMIT,
            amount=Decimal("0.2"),
            price=(await venue.quote(BTC)).ask - Decimal("0.01"),
            time_in_force=TimeInForce.GTC,
        )
        await venue.send(order)
        key = OrderKey(client_order_id=order.client_order_id, symbol=BTC)
        for _ in range(timedelta(minutes=2) // pace):
            await venue.close()
            clock.now += pace
            await venue.open()
            await venue.find(key)
        trades = await venue.trades(key)
        await venue.close()
        return {trade.at.replace(microsecond=0): trade.amount for trade in trades}


_STOP = {"type": OrderType.STOP, "price": None}


def _trailing(value: str, *, is_share: bool = True) -> dict[str, object]:
    trail = Trail(value=Decimal(value), is_share=is_share)
    return {"type": OrderType.TRAILING_STOP, "price": None, "trail": trail}


def _trails(*, by_share: bool) -> Offers:
    shares = Shares(least=Decimal("0.001"), most=Decimal("0.2"), step=Decimal("0.001"))
    return Offers(
        types=frozenset(OrderType),
        trails_by_share=shares if by_share else None,
        trails_by_distance=not by_share,
    )


class TestRefusing:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"symbol": "DOGE/USDT"}, "no market DOGE/USDT"),
            ({"amount": Decimal("0.000015")}, "amount 0.000015 is no multiple of 0.00001"),
            ({"amount": Decimal("-0.01")}, "amount -0.01 is not positive"),
            ({"amount": Decimal("1E+90")}, "amount"),
            ({"amount": Decimal(9001)}, "amount 9001 is over 9000"),
            ({"price": Decimal("59000.001")}, "price 59000.001 is no multiple of 0.01"),
            ({"price": Decimal(0)}, "price 0 is not positive"),
            ({"price": Decimal(2_000_000)}, "price 2000000 is over 1000000"),
            ({"amount": Decimal("0.00008")}, "notional 4.72 is under 5"),
            ({"amount": Decimal(2)}, "not enough USDT: it needs 118000, 100000 is free"),
            ({"side": Side.SELL, "price": Decimal(61000)}, "not enough BTC"),
            ({"type": OrderType.STOP}, "a stop GTC order has no price"),
            ({"type": OrderType.STOP_LIMIT}, "a stop_limit GTC order needs a stop price"),
            ({"stop_price": Decimal(58_000)}, "a limit GTC order has no stop price"),
            (_STOP | {"stop_price": Decimal("61000.001")}, "stop price 61000.001 is no multiple"),
            (
                _STOP | {"stop_price": Decimal(61_000), "amount": Decimal("0.00008")},
                "notional 4.88",
            ),
            (_STOP | {"type": OrderType.TRAILING_STOP}, "needs a trail"),
            (_trailing("0.3"), "trail 0.3 is over 0.2"),
            (_trailing("0.00115"), "trail 0.00115 is no multiple of 0.0001"),
            (_trailing("50.001", is_share=False), "trail 50.001 is no multiple of 0.01"),
            ({"time_in_force": TimeInForce.GTD}, "a limit GTD order needs a good_till"),
            (
                {"post_only": True, "time_in_force": TimeInForce.IOC},
                "post-only is for limit orders that rest",
            ),
            ({"post_only": True, "price": Decimal(60_001)}, "it would trade at once"),
            ({"reduce_only": True}, "only a sell reduces"),
        ],
    )
    async def test_what_breaks_a_rule_is_refused_by_name(
        self, desk: Desk, changes: dict[str, object], reason: str
    ) -> None:
        before = await desk.venue.balances()
        with pytest.raises(VenueRefused, match=reason):
            await desk.venue.send(desk.order(Side.BUY, "0.01", "59000").evolve(**changes))
        assert desk.venue.accepted == []
        assert await desk.venue.balances() == before

    async def test_what_rests_cannot_be_spent_twice(self, desk: Desk) -> None:
        await desk.buy("1", "59000")
        with pytest.raises(VenueRefused, match="41000 is free"):
            await desk.buy("1", "59000")

    async def test_the_id_of_an_ended_order_is_taken_again(self, desk: Desk) -> None:
        """As at Binance: a second order here is what a blind retry of ours would have caused."""
        order = desk.order(Side.BUY, "0.01", "60100")
        first = await desk.venue.send(order)
        second = await desk.venue.send(order)
        assert first.venue_order_id != second.venue_order_id
        assert desk.venue.accepted == [order, order]
        assert (await desk.look(first)).venue_order_id == second.venue_order_id

    async def test_a_client_order_id_is_made_of_sixteen_bytes(self, desk: Desk) -> None:
        assert desk.venue.client_order_id(bytes(range(16))) == "000102030405060708090a0b0c0d0e0f"
        with pytest.raises(ValueError, match="16 bytes, not 15"):
            desk.venue.client_order_id(bytes(15))


class TestReading:
    async def test_a_market_or_interval_that_is_not_there_is_an_error(self, desk: Desk) -> None:
        with pytest.raises(VenueUnavailable, match="no market DOGE/USDT"):
            await desk.venue.quote("DOGE/USDT")
        with pytest.raises(VenueUnavailable, match="no 3m candles"):
            await desk.venue.candles(BTC, "3m", 2)

    async def test_an_order_is_found_by_the_venues_id_too(self, desk: Desk) -> None:
        report = await desk.buy("0.01", "59000")
        key = OrderKey(client_order_id="", symbol=BTC, venue_order_id=report.venue_order_id)
        assert await desk.venue.find(key) == report
        assert await desk.venue.find(key.evolve(symbol="ETH/USDT")) is None


class TestRefusingWhatTheMarketDoesNotTake:
    @pytest.mark.parametrize(
        ("offers", "changes", "reason"),
        [
            (Offers(), _STOP | {"stop_price": Decimal(61_000)}, "no stop orders here"),
            (Offers(), {"time_in_force": TimeInForce.GTD, "good_till": NOW}, "no GTD limit orders"),
            (Offers(post_only=False), {"post_only": True}, "no post-only orders here"),
            (
                Offers(post_only_times=frozenset({TimeInForce.GTD})),
                {"post_only": True},
                "no GTC post-only orders here",
            ),
            (_trails(by_share=False), _trailing("0.01"), "no trailing stop by a share"),
            (_trails(by_share=True), _trailing("5", is_share=False), "no trailing stop by a dist"),
            (
                Offers(types=frozenset(OrderType)),
                _STOP | {"stop_price": Decimal(61_000), "time_in_force": TimeInForce.IOC},
                "no IOC stop orders here",
            ),
        ],
    )
    async def test_its_offers_say_what_that_is(
        self, desk: Desk, offers: Offers, changes: dict[str, object], reason: str
    ) -> None:
        desk.market.set_offers(BTC, offers)
        assert desk.market.instruments()[BTC].offers == offers
        with pytest.raises(VenueRefused, match=reason):
            await desk.venue.send(desk.order(Side.BUY, "0.01", "59000").evolve(**changes))
        assert desk.venue.accepted == []

    async def test_the_synthetic_market_takes_every_kind_at_every_time(self) -> None:
        for instrument in SyntheticMarket().instruments().values():
            offers = instrument.offers
            assert offers.types == frozenset(OrderType)
            assert offers.times == offers.times_of_triggered == frozenset(TimeInForce)
            assert offers.post_only
            assert offers.trails_by_share
            assert offers.trails_by_distance


class TestKeepingBooks:
    async def test_a_crash_of_ours_rolls_nothing_back(self, desk: Desk) -> None:
        resting = await desk.buy("0.01", "59000")
        filled = await desk.buy("0.01", "60100")
        before = await desk.venue.balances()
        other = desk.again()  # the first one is not closed: it was killed
        await other.open()
        assert await other.find(key_of(resting)) == resting
        assert await other.find(key_of(filled)) == filled
        assert await other.balances() == before
        assert other.accepted == desk.venue.accepted
        await other.close()

    async def test_two_processes_keep_one_account(self, desk: Desk) -> None:
        other = desk.again()
        await other.open()
        report = await desk.buy("0.01", "59000")
        await other.cancel(key_of(report))
        assert (await desk.look(report)).state is OrderState.CANCELED
        await other.close()

    async def test_an_order_of_another_process_meets_no_price_before_it_was_sent(
        self, desk: Desk
    ) -> None:
        other = desk.again()
        await other.open()
        desk.clock.advance(10)
        report = await other.send(desk.order(Side.BUY, "1", "59000"))
        await other.close()
        desk.market.set_price(BTC, Decimal(58_900), depth=Decimal("0.01"))
        assert (await desk.look(report)).filled == Decimal("0.01")

    async def test_opening_balances_are_given_once(self, desk: Desk) -> None:
        await desk.buy("1", "60000.01")
        await desk.venue.close()
        await desk.venue.open()
        assert (await desk.venue.balances())["USDT"].free == Decimal("39999.99")

    async def test_other_opening_balances(self, tmp_path: Path) -> None:
        venue = PaperVenue("main", tmp_path / "p.db", Clock(), opening={"BTC": Decimal(2)})
        await venue.open()
        assert await venue.balances() == {"BTC": Balance(free=Decimal(2), locked=Decimal(0))}
        await venue.close()

    async def test_books_that_are_no_database_are_an_error_with_their_path(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "paper.db"
        path.write_text("this is no database, it is a letter" * 100)
        venue = PaperVenue("main", path, Clock())
        with pytest.raises(VenueUnavailable, match=r"paper\.db"):
            await venue.open()
        path.unlink()
        await venue.open()
        assert await venue.quote(BTC)
        await venue.close()

    async def test_a_disk_that_fails_leaves_the_outcome_unknown(self, desk: Desk) -> None:
        with sqlite3.connect(desk.path) as vandal:
            vandal.execute("DROP TABLE balances")
        vandal.close()
        with pytest.raises(OutcomeUnknown):
            await desk.buy("0.01", "59000")
        with pytest.raises(VenueUnavailable):
            await desk.venue.balances()

    async def test_books_that_would_go_negative_stop(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path / "paper.db")
        books = Books(":memory:", {"USDT": Decimal(1)})
        with books.transaction():
            booked = books.take(desk.order(Side.BUY, "1", "60000"), NOW)
        traded = Level(price=Decimal(60_000), amount=Decimal(1))
        with pytest.raises(Corrupt, match="owe 59999 USDT"), books.transaction():
            books.fill(booked, desk.market.instruments()[BTC], traded, FEE_RATE, NOW)
        assert books.working() == [booked]
        assert books.trades(booked.id) == []
        books.close()

    async def test_a_closed_venue_answers_nothing(self, desk: Desk) -> None:
        await desk.venue.close()
        with pytest.raises(NotSent):
            await desk.buy("0.01", "59000")
        with pytest.raises(VenueUnavailable):
            await desk.venue.balances()
        with pytest.raises(VenueUnavailable):
            _ = desk.venue.accepted

    async def test_a_clock_set_back_does_not_turn_the_market_back(self, desk: Desk) -> None:
        report = await desk.buy("0.01", "59000")
        desk.clock.advance(-60)
        await desk.venue.cancel(key_of(report))
        assert (await desk.look(report)).at == NOW


class TestFaults:
    async def test_an_unreachable_venue_cannot_be_opened(self, desk: Desk) -> None:
        desk.venue.faults.unreachable = True
        with pytest.raises(VenueUnavailable):
            await desk.venue.open()
        with pytest.raises(NotSent):
            await desk.buy("0.01", "59000")
        assert desk.venue.accepted == []

    async def test_each_next_switch_counts_once(self, desk: Desk) -> None:
        faults = desk.venue.faults
        faults.drop_next_answer = faults.lose_next_request = True
        faults.refuse_next = "no more than three orders a day"
        with pytest.raises(OutcomeUnknown):
            await desk.buy("0.01", "59000")
        assert desk.venue.accepted == []
        with pytest.raises(VenueRefused, match="three orders a day"):
            await desk.buy("0.01", "59000")
        with pytest.raises(OutcomeUnknown):
            await desk.buy("0.01", "59000")
        assert len(desk.venue.accepted) == 1
        assert (await desk.buy("0.01", "59000")).state is OrderState.WORKING

    async def test_a_held_answer_comes_when_the_gate_opens(self, desk: Desk) -> None:
        gate = desk.venue.faults.hold = asyncio.Event()
        sending = asyncio.create_task(desk.buy("0.01", "59000"))
        await asyncio.sleep(0)  # lets the task run until it waits at the gate
        assert await desk.venue.open_orders([BTC])  # other calls are answered meanwhile
        assert not sending.done()
        gate.set()
        assert (await sending).state is OrderState.WORKING

    async def test_hidden_orders_are_there_all_the_same(self, desk: Desk) -> None:
        report = await desk.buy("0.01", "59000")
        desk.venue.faults.hide_orders = True
        assert await desk.venue.find(key_of(report)) is None
        assert await desk.venue.open_orders([BTC]) == []
        assert await desk.venue.trades(key_of(report)) == []
        desk.venue.faults.hide_orders = False
        assert await desk.venue.find(key_of(report)) == report

    async def test_a_kept_order_outlives_its_cancel(self, desk: Desk) -> None:
        report = await desk.buy("0.01", "59000")
        desk.venue.faults.keep_orders = True
        await desk.venue.cancel(key_of(report))
        assert (await desk.look(report)).state is OrderState.WORKING
        desk.venue.faults.keep_orders = False
        await desk.venue.cancel(key_of(report))
        with pytest.raises(OrderUnknown):
            await desk.venue.cancel(key_of(report))

    async def test_latency_holds_every_call(self, tmp_path: Path) -> None:
        venue = PaperVenue("main", tmp_path / "p.db", Clock(), latency=timedelta(microseconds=1))
        await venue.open()
        quoting = asyncio.create_task(venue.quote(BTC))
        await asyncio.sleep(0)
        assert not quoting.done()
        assert (await quoting).symbol == BTC
        await venue.close()
