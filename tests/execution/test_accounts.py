"""Readings of the accounts: what is asked for, what shifts the mark, what stops entries and lets them go."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from execution.accounts import Accounts
from execution.checks import Limits
from execution.config import Config
from execution.equity import Standing, Stop, StopKind, effects
from execution.errors import NotPossible, VenueUnavailable
from execution.events import EventKind
from execution.market import Market
from execution.readings import reset_drawdown
from execution.store import Store, Transaction
from execution.store.comparisons import Comparison
from execution.types import Fill, Side
from execution.venues.scripted import ScriptedMarket
from tests.clock import Clock
from tests.execution.builders import NOW, D, fill
from tests.execution.rows import order, stored
from tests.execution.watched import WatchedVenue
from tests.simulation.process import CONFIG

BUY, SELL = Side.BUY, Side.SELL
BTC = "BTC/USDT"
MIDNIGHT = NOW.replace(hour=0)


class Desk:
    """One account of 100 000 USDT, read by hand."""

    def __init__(self, store: Store, folder: Path, clock: Clock, **limits: Any) -> None:
        self.store, self.clock, self.folder = store, clock, folder
        self.prices = ScriptedMarket()
        self.venue = WatchedVenue("main", folder, clock, market=self.prices)
        self.config = CONFIG.evolve(limits=Limits(**limits))
        self.begin()

    def begin(self, config: Config | None = None) -> None:
        """A new process begins: it remembers what is stored."""
        self.market = Market(
            {"main": self.venue}, clock=self.clock, currency="USDT", at_par={"USDT", "USD"}
        )
        self.accounts = Accounts(store=self.store, market=self.market, config=config or self.config)

    async def connect(self) -> None:
        """The venue is there."""
        await self.venue.open()
        await self.market.fresh_quote("main", "ETH/USDT")
        self.venue.asked.clear()

    async def read(self, times: int = 1) -> Standing:
        """So many readings, ten seconds apart; how the desk stands then."""
        for _ in range(times):
            self.clock.advance(10)
            await self.accounts.turn()
        return self.standing

    @property
    def standing(self) -> Standing:
        found = self.store.read_now(lambda tx: tx.accounts.standing())
        assert found is not None
        return found

    @property
    def stops(self) -> list[Stop]:
        return list(self.store.read_now(lambda tx: tx.accounts.stops()))

    def told(self, kind: EventKind) -> list[dict[str, str]]:
        """What the journal says of one kind."""
        events = self.store.read_now(lambda tx: tx.journal.after(0))
        return [dict(event.data) for event in events if event.kind is kind]

    def shifts(self) -> list[str]:
        """What every shift after the first of all was worth."""
        return [entry["worth"] for entry in self.told(EventKind.ACCOUNT_SHIFTED)][1:]

    def arrive(self, changes: Mapping[str, Decimal]) -> None:
        """The account holds so much more, or less, at the exchange."""
        with closing(sqlite3.connect(self.folder / "main.db")) as raw:
            for asset, change in changes.items():
                row = raw.execute("SELECT total FROM balances WHERE asset = ?", (asset,)).fetchone()
                total = D(row[0] if row else 0) + change
                raw.execute("INSERT OR REPLACE INTO balances VALUES (?, ?)", (asset, str(total)))
            raw.commit()

    def book(self, made: Fill) -> None:
        """We learn of a fill of ours."""
        self.store.write_now(lambda tx: tx.fills.add(made))

    def trade(self, side: Side, amount: str, price: str, **changes: Any) -> Fill:
        """An order of ours fills, and we know of it."""
        number = len(self.store.read_now(lambda tx: tx.fills.newest(limit=1000))) + 1
        given = {"at": self.clock(), "n": number, **changes}
        made = fill(side, amount, price, **given).evolve(at=given["at"])
        self.arrive(effects(made))
        self.book(made)
        return made

    def place(self, state: str, **changes: Any) -> None:
        """An order of ours, at the venue."""

        def work(tx: Transaction) -> None:
            stored(tx, "working")
            tx.orders.add(order(state, **changes))

        self.store.write_now(work)


@pytest.fixture
async def desk(store: Store, tmp_path: Path, clock: Clock) -> Desk:
    """A desk with both rules, read until its equity is known."""
    made = Desk(store, tmp_path, clock, max_drawdown=D("0.1"), max_daily_loss=D(200))
    await made.connect()
    await made.read(3)
    return made


class TestWhatIsAskedFor:
    async def test_balances_are_asked_for_only_where_a_rule_wants_them(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        quiet = Desk(store, tmp_path, clock)
        await quiet.connect()
        await quiet.read(3)
        assert quiet.venue.asked == []
        assert quiet.standing.equity is None

    async def test_the_price_of_all_that_is_held_is_no_older_than_the_reading(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        quiet = Desk(store, tmp_path, clock)
        await quiet.connect()
        quiet.trade(BUY, "1", "60000")
        await quiet.read(2)
        quote = quiet.market.quote("main", BTC)
        assert quote is not None
        assert quote.at == clock()

    async def test_between_readings_only_the_price_of_what_is_held_is_asked(
        self, desk: Desk
    ) -> None:
        desk.trade(BUY, "0.001", "60000")
        standing = await desk.read()
        for seconds, asked in ((4, []), (1, [BTC]), (4, []), (1, ["balances", BTC])):
            desk.venue.asked.clear()
            desk.clock.advance(seconds)
            await desk.accounts.turn()
            assert desk.venue.asked == asked
        assert desk.standing.at == standing.at + timedelta(seconds=10)

    async def test_a_venue_that_hangs_does_not_hold_up_the_day(self, desk: Desk) -> None:
        """Its account counts as it was read last; so do its prices."""
        desk.trade(BUY, "1", "60000")
        await desk.read()
        desk.venue.faults.unreachable = True
        desk.clock.advance(20)
        standing = await desk.read()
        assert standing.at == desk.clock()
        assert standing.day is not None
        assert standing.prices_at == desk.clock() - timedelta(seconds=30)
        assert standing.equity == 100_000 + D("0.005")


class TestEquity:
    async def test_the_first_equity_that_is_sure_is_the_mark(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        made = Desk(store, tmp_path, clock, max_drawdown=D("0.1"))
        await made.connect()
        standing = await made.read(2)
        assert (standing.equity, standing.mark, standing.unread) == (None, None, ("main",))
        standing = await made.read()
        assert (standing.equity, standing.mark, standing.unread) == (100_000, 100_000, ())

    async def test_it_follows_prices_and_three_readings_make_the_mark(self, desk: Desk) -> None:
        desk.trade(BUY, "1", "60000")
        desk.prices.set_price(BTC, D(66_000))
        standing = await desk.read(2)
        assert standing.equity is not None
        assert round(standing.equity) == 106_000
        assert standing.mark == 100_000
        assert round((await desk.read()).mark or 0) == 106_000

    async def test_a_deposit_shifts_the_mark_after_three_readings(self, desk: Desk) -> None:
        desk.arrive({"USDT": D(5000)})
        standing = await desk.read(2)
        assert (standing.equity, standing.mark, desk.shifts()) == (100_000, 100_000, [])
        standing = await desk.read()
        assert (standing.equity, standing.mark, desk.shifts()) == (105_000, 105_000, ["5000"])
        assert desk.told(EventKind.ACCOUNT_SHIFTED)[-1]["amounts"] == "USDT=5000"

    async def test_a_withdrawal_is_no_loss(self, desk: Desk) -> None:
        desk.arrive({"USDT": D(-60_000)})
        for _ in range(4):
            assert (await desk.read()).drawdown == 0
        assert (desk.standing.mark, desk.stops) == (40_000, [])

    async def test_a_trade_by_hand_shifts_by_its_net_worth(self, desk: Desk) -> None:
        desk.prices.set_price(BTC, D("60000"))
        desk.arrive({"USDT": D("-60100.005"), "BTC": D(1)})
        await desk.read(3)
        assert desk.shifts() == ["-100.000"]
        assert desk.standing.mark == 99_900

    async def test_a_fill_that_is_told_late_is_no_deposit(self, desk: Desk) -> None:
        """The order is looked for meanwhile, longer than three readings take."""
        desk.place("in_doubt")
        late = fill(BUY, "1", "60000", n=1).evolve(at=desk.clock())
        desk.arrive(effects(late))
        standing = await desk.read(5)
        assert (standing.equity, standing.mark, desk.shifts()) == (100_000, 100_000, [])

        desk.book(late)
        desk.store.write_now(
            lambda tx: tx.orders.change(
                tx.orders.get("O1"), order("filled", ended_at=desk.clock(), next_look_at=None)
            )
        )
        await desk.read(4)
        assert desk.shifts() == []

    async def test_what_an_order_in_doubt_may_explain_is_not_settled_by_earlier_readings(
        self, desk: Desk
    ) -> None:
        desk.arrive({"USDT": D(5000)})
        await desk.read(2)
        desk.place("in_doubt")
        compared = Comparison(venue="main", at=desk.clock() + timedelta(hours=1), strangers=0)
        desk.store.write_now(lambda tx: tx.comparisons.put(compared))
        await desk.read(2)
        assert desk.shifts() == []

    async def test_an_account_that_did_not_answer_agrees_with_nothing(self, desk: Desk) -> None:
        desk.arrive({"USDT": D(5000)})
        await desk.read()
        desk.venue.ill["balances"] = VenueUnavailable("no answer")
        await desk.read(3)
        assert desk.shifts() == []
        del desk.venue.ill["balances"]
        await desk.read(2)
        assert desk.shifts() == ["5000"]

    async def test_what_rests_may_have_filled_until_it_is_compared(self, desk: Desk) -> None:
        desk.place("working")
        desk.arrive({"USDT": D(5000)})
        await desk.read(5)
        assert desk.shifts() == []

    async def test_a_claimed_fill_that_is_replaced_by_the_trades_moves_nothing_twice(
        self, desk: Desk
    ) -> None:
        desk.place("filled", ended_at=desk.clock(), next_look_at=desk.clock())
        claimed = fill(BUY, "1", "60000", n=1).evolve(order="O1", inferred=True, at=desk.clock())
        real = claimed.evolve(id="F2", trade_id="T", inferred=False, fee=D(60))
        desk.arrive(effects(real))
        desk.book(claimed)
        await desk.read(4)

        def replace(tx: Transaction) -> None:
            tx.fills.drop_inferred("O1")
            tx.fills.add(real)
            tx.orders.change(tx.orders.get("O1"), tx.orders.get("O1").evolve(next_look_at=None))

        desk.store.write_now(replace)
        await desk.read(4)
        assert desk.shifts() == []
        assert desk.store.read_now(lambda tx: tx.accounts.moved("main")) == {
            "BTC": D(1),
            "USDT": D(-60_060),
        }

    async def test_a_venue_that_is_not_set_up_any_more_leaves_with_its_worth(
        self, desk: Desk
    ) -> None:
        desk.market = Market({}, clock=desk.clock, currency="USDT", at_par={"USDT"})
        desk.accounts = Accounts(store=desk.store, market=desk.market, config=desk.config)
        standing = await desk.read()
        assert standing.mark == 0
        assert desk.shifts() == ["-100000"]


class TestDrawdown:
    async def test_three_readings_stop_entries_until_somebody_resets(self, desk: Desk) -> None:
        desk.trade(BUY, "1", "60000")
        await desk.read()
        desk.prices.set_price(BTC, D(49_000))
        await desk.read(2)
        assert desk.stops == [] or desk.stops[0].kind is StopKind.DAILY_LOSS
        await desk.read()
        (stop,) = [one for one in desk.stops if one.kind is StopKind.DRAWDOWN]
        assert (round(stop.figure, 3), stop.bound) == (D("0.110"), D("0.1"))
        (entry,) = desk.told(EventKind.DRAWDOWN_STOP)
        assert D(entry["mark"]) == 100_000

        desk.prices.set_price(BTC, D(60_000))
        await desk.read(5)
        desk.clock.advance(86400 * 3)
        await desk.read()
        assert [one.kind for one in desk.stops] == [StopKind.DRAWDOWN]

        desk.store.write_now(lambda tx: reset_drawdown(tx, by="tg:1", name="Olga"))
        assert desk.stops == []
        assert desk.standing.mark == desk.standing.equity
        assert len(desk.told(EventKind.DRAWDOWN_RESET)) == 1
        assert (await desk.read(3)).drawdown == 0

    async def test_one_bad_reading_stops_nothing(self, desk: Desk) -> None:
        desk.trade(BUY, "1", "60000")
        for price in (60_000, 40_000, 60_000, 40_000, 40_000, 60_000):
            desk.prices.set_price(BTC, D(price))
            await desk.read()
        assert desk.stops == []

    async def test_the_mark_outlives_a_restart_and_agreement_does_not(self, desk: Desk) -> None:
        desk.trade(BUY, "1", "60000")
        desk.prices.set_price(BTC, D(49_000))
        await desk.read(2)
        desk.begin()
        await desk.connect()
        standing = await desk.read()
        assert standing.mark == 100_000
        assert standing.drawdown is not None
        assert standing.drawdown > D("0.1")
        assert desk.told(EventKind.DRAWDOWN_STOP) == []
        await desk.read(2)
        assert len(desk.told(EventKind.DRAWDOWN_STOP)) == 1

    async def test_a_withdrawal_does_not_put_it_off(self, desk: Desk) -> None:
        """Earlier readings are compared as if what left had not been there."""
        desk.trade(BUY, "1", "60000")
        await desk.read()
        desk.prices.set_price(BTC, D(49_000))
        desk.arrive({"USDT": D(-30_000)})
        await desk.read(3)
        assert desk.shifts() == ["-30000"]
        assert StopKind.DRAWDOWN in {stop.kind for stop in desk.stops}

    async def test_it_cannot_be_reset_while_equity_is_not_known(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        made = Desk(store, tmp_path, clock, max_drawdown=D("0.1"))
        await made.connect()
        await made.read()
        with pytest.raises(NotPossible, match="no reading of main yet"):
            store.write_now(lambda tx: reset_drawdown(tx, by="tg:1", name="Olga"))
        made.begin(made.config.evolve(limits=Limits()))
        await made.connect()
        await made.read()
        with pytest.raises(NotPossible, match="only while max_drawdown is set"):
            store.write_now(lambda tx: reset_drawdown(tx, by="tg:1", name="Olga"))

    async def test_readings_that_come_too_soon_agree_with_none(self, desk: Desk) -> None:
        """A venue that connects has a reading taken at once."""
        desk.trade(BUY, "1", "60000")
        desk.prices.set_price(BTC, D(49_000))
        await desk.read()
        for _ in range(3):
            desk.clock.advance(3)
            desk.market.feed("main").connected = False
            await desk.market.fresh_quote("main", "ETH/USDT")
            await desk.accounts.turn()
        assert desk.standing.at == desk.clock()
        assert desk.stops == []


class TestTheDay:
    async def test_what_was_held_when_the_day_began_counts_from_the_candle_of_then(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        made = Desk(store, tmp_path, clock)
        await made.connect()
        made.trade(BUY, "1", "50000", at=MIDNIGHT - timedelta(hours=3))
        made.prices.set_price(BTC, D(61_000))
        standing = await made.read()
        assert "candles" in made.venue.asked
        assert standing.day is not None
        assert (standing.day.realized, standing.day.unrealized) == (0, 0)
        made.prices.set_price(BTC, D(60_500))
        assert ((await made.read()).day or standing.day).unrealized == -500

    async def test_without_candles_it_counts_from_the_first_price_that_is_known(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        made = Desk(store, tmp_path, clock)
        await made.connect()
        made.trade(BUY, "1", "50000", at=MIDNIGHT - timedelta(hours=3))
        made.venue.ill["candles"] = VenueUnavailable("no candles")
        await made.read()
        made.prices.set_price(BTC, D(59_000))
        day = (await made.read()).day
        assert day is not None
        assert day.unrealized == -1000

    async def test_a_new_day_begins_at_midnight_of_the_zone_with_the_price_of_then(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        made = Desk(store, tmp_path, clock)
        made.begin(made.config.evolve(zone=ZoneInfo("Europe/Berlin")))
        clock.now = datetime(2026, 3, 2, 22, 59, 45, tzinfo=UTC)
        await made.connect()
        made.trade(BUY, "1", "60000")
        made.prices.set_price(BTC, D(59_000))
        before = await made.read()
        assert before.day is not None
        assert (str(before.day.day), before.day.unrealized) == ("2026-03-02", -1000)

        clock.now = datetime(2026, 3, 2, 23, 0, 0, tzinfo=UTC)
        await made.accounts.turn()
        after = made.standing
        assert after.day is not None
        assert (str(after.day.day), after.day.total) == ("2026-03-03", 0)
        assert after.day_before == before.day
        made.prices.set_price(BTC, D(59_100))
        day = (await made.read()).day
        assert day is not None
        assert day.total == 100

    async def test_a_fill_of_before_midnight_that_is_told_after_it_is_none_of_the_new_day(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        made = Desk(store, tmp_path, clock)
        clock.now = MIDNIGHT - timedelta(seconds=15)
        await made.connect()
        made.trade(BUY, "1", "60000")
        made.prices.set_price(BTC, D(65_000))
        await made.read()
        clock.now = MIDNIGHT
        await made.accounts.turn()
        made.trade(SELL, "1", "65000", at=MIDNIGHT - timedelta(seconds=1))
        day = (await made.read()).day
        assert day is not None
        assert (day.realized, day.unrealized) == (0, 0)

    async def test_a_day_without_a_price_is_not_known_and_says_which(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        made = Desk(store, tmp_path, clock)
        made.book(fill(BUY, "1", "60000"))
        standing = await made.read()
        assert (standing.day, standing.unpriced) == (None, ("BTC/USDT at main",))

    async def test_it_stops_entries_for_the_rest_of_the_day(self, desk: Desk) -> None:
        desk.trade(BUY, "0.1", "60000")
        desk.prices.set_price(BTC, D(57_999))
        await desk.read(2)
        assert desk.stops == []
        await desk.read()
        (stop,) = desk.stops
        assert (stop.kind, stop.figure, stop.bound) == (StopKind.DAILY_LOSS, D("-200.1"), D(200))
        (entry,) = desk.told(EventKind.DAILY_LOSS_STOP)
        assert (entry["result"], entry["realized"], entry["unrealized"]) == (
            "-200.1",
            "0",
            "-200.1",
        )
        desk.prices.set_price(BTC, D(70_000))
        await desk.read(3)
        assert len(desk.stops) == 1

        desk.clock.now = MIDNIGHT + timedelta(days=1)
        await desk.accounts.turn()
        assert desk.stops == []
        assert desk.told(EventKind.DAILY_LOSS_OVER) == [{"day": "2026-03-02", "why": "a new day"}]

    async def test_readings_of_the_day_before_do_not_count(
        self, store: Store, tmp_path: Path, clock: Clock
    ) -> None:
        made = Desk(store, tmp_path, clock, max_daily_loss=D(200))
        tomorrow = MIDNIGHT + timedelta(days=1)
        clock.now = tomorrow - timedelta(seconds=25)
        await made.connect()
        made.trade(BUY, "0.1", "60000")
        made.prices.set_price(BTC, D(57_000))
        await made.read(2)
        clock.now = tomorrow + timedelta(seconds=6)
        made.trade(SELL, "0.1", "50000")
        await made.accounts.turn()
        day = made.standing.day
        assert day is not None
        assert day.total < -200
        assert made.stops == []

    async def test_a_rule_that_is_switched_off_stops_nothing_any_more(self, desk: Desk) -> None:
        desk.trade(BUY, "1", "60000")
        desk.prices.set_price(BTC, D(48_000))
        await desk.read(3)
        assert {stop.kind for stop in desk.stops} == {*StopKind}
        desk.begin(desk.config.evolve(limits=Limits()))
        await desk.connect()
        await desk.read()
        assert desk.stops == []
        assert desk.told(EventKind.DAILY_LOSS_OVER) == [{"day": "2026-03-02", "why": "off"}]
        assert desk.told(EventKind.DRAWDOWN_OVER) == [{}]

    async def test_a_loss_of_exactly_the_limit_stops_nothing(self, desk: Desk) -> None:
        desk.trade(BUY, "0.1", "60000")
        desk.prices.set_price(BTC, D(58_000))
        assert (await desk.read(4)).day is not None
        assert desk.stops == []
