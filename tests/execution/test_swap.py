"""Perpetual contracts on the whole desk: longs and shorts, one direction at a time, what is found there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot import house
from execution import closing, contracts, editing, orders, reports
from execution.config import BY_HAND
from execution.desk import Person
from execution.equity import Standing
from execution.errors import NotPossible, VenueUnavailable
from execution.events import EventKind
from execution.feed import Feed
from execution.instruments import MarketKind
from execution.market import Market
from execution.positions import Position
from execution.reconcile import Reconciler
from execution.store import Store
from execution.types import OrderState, OrderType, Side, Ticket, TicketState, VoteKind
from execution.venues.paper import PaperVenue
from execution.venues.venue import Contracts, NewOrder
from tests.clock import Clock
from tests.desk import ANA, OLGA, TOML, FrontDesk, front_desk, settings_in
from tests.waiting import until

D = Decimal
SYMBOL = "BTC/USDT:USDT"
BUY, SELL = Side.BUY, Side.SELL
OWNER = Person(id=f"tg:{OLGA}", name="Olga")
APPROVER = Person(id=f"tg:{ANA}", name="Ana")
SWAP = TOML.replace('mode = "paper"', 'mode = "paper"\nmarket = "swap"').replace(
    "max_order_notional = 1000", "max_order_notional = 100000"
)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """A desk with an account of contracts, all set to no leverage."""
    async with front_desk(tmp_path, toml=SWAP) as made:
        await made.start("trading")
        yield made


async def done(
    desk: FrontDesk, side: Side | None, amount: str | None = None, **fields: Any
) -> Ticket:
    """An order that nobody is asked about, and that has filled."""
    size = {} if amount is None else {"amount": amount}
    ticket = await desk.new_ticket(
        source="straight", symbol=SYMBOL, side=side, type=OrderType.MARKET, **size, **fields
    )
    assert ticket.refusals == ()
    return await ended(desk, ticket)


async def ended(desk: FrontDesk, ticket: Ticket) -> Ticket:
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    return desk.ticket(ticket.id)


async def rests(desk: FrontDesk, ticket: Ticket) -> None:
    """Its order stands at the exchange."""
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    await until(lambda: desk.order(ticket).state is OrderState.WORKING)


async def refused(desk: FrontDesk, **fields: Any) -> tuple[str, str]:
    """Code and text of a signal that is refused."""
    ticket = await desk.new_ticket(symbol=SYMBOL, **fields)
    assert ticket.state is TicketState.REFUSED
    (refusal,) = ticket.refusals
    return refusal.code, refusal.text


def ours(desk: FrontDesk) -> list[NewOrder]:
    """What the exchange took of us, oldest first."""
    return [one for one in desk.paper.accepted if not one.client_order_id.startswith("web-")]


def newest(desk: FrontDesk) -> list[Ticket]:
    return list(desk.read(lambda tx: tx.tickets.newest(limit=9)))


def position(desk: FrontDesk) -> Position | None:
    return desk.read(lambda tx: tx.positions.of("main", SYMBOL))


async def theirs(desk: FrontDesk) -> Decimal:
    """The position by the exchange."""
    return (await desk.paper.contracts()).positions.get(SYMBOL, D(0))


async def looked(desk: FrontDesk) -> None:
    """The exchange is compared with our rows once more."""
    await desk.side.reconciler.look("main")


class TestOrders:
    async def test_a_short_is_opened_and_bought_back(self, desk: FrontDesk) -> None:
        await done(desk, SELL, "0.02")
        short = position(desk)
        assert short is not None
        assert (short.amount, await theirs(desk)) == (D("-0.02"), D("-0.02"))

        closed = await done(desk, BUY)
        assert closed.terms is not None
        assert (closed.terms.amount, closed.terms.reduces) == (D("0.02"), True)
        assert (position(desk), await theirs(desk)) == (None, D(0))

    async def test_what_reduces_is_bound_to_reduce_at_the_exchange_and_what_opens_is_not(
        self, desk: FrontDesk
    ) -> None:
        """Whatever happens between our check and the exchange, an exit opens nothing."""
        await done(desk, BUY, "0.02")
        await done(desk, BUY, "0.01")
        await done(desk, SELL, "0.01")
        await done(desk, None, close=True)
        sent = [(one.side, one.amount, one.reduce_only) for one in desk.paper.accepted]
        assert sent == [
            (BUY, D("0.02"), False),
            (BUY, D("0.01"), False),
            (SELL, D("0.01"), True),
            (SELL, D("0.02"), True),
        ]

    async def test_a_stop_stays_until_nothing_is_left_for_it_and_then_goes(
        self, desk: FrontDesk
    ) -> None:
        """It locks nothing of a contract; and the next position is not its to end."""
        await done(desk, BUY, "0.02")
        stop = await desk.new_ticket(
            source="straight",
            symbol=SYMBOL,
            side=SELL,
            amount="0.02",
            type=OrderType.STOP,
            stop_price=D(50_000),
        )
        await rests(desk, stop)
        await done(desk, SELL, "0.01")
        assert desk.order(stop).cancel_requested_at is None
        await done(desk, None, close=True)
        await until(lambda: desk.order(stop).state in orders.ENDED)
        assert desk.order(stop).cancel_reason in {orders.NO_POSITION, None}
        assert await desk.paper.open_orders([SYMBOL]) == []

    async def test_a_limit_that_rests_is_closed_by_no_signal_and_makes_way_for_a_person(
        self, desk: FrontDesk
    ) -> None:
        """An exchange counts it against what may still be closed."""
        await done(desk, BUY, "0.02")
        target = await desk.new_ticket(
            source="straight", symbol=SYMBOL, side=SELL, amount="0.015", price=D(70_000)
        )
        await rests(desk, target)
        assert await refused(desk, side=None, close=True) == (
            "NOT_REDUCING",
            "0.02 BTC is over the 0.005 that no other order is closing.",
        )
        await desk.side.desk.close(SYMBOL, D(1), person=APPROVER)

        def closed() -> bool:
            desk.clock.advance(0.1)
            return position(desk) is None

        await until(closed)
        assert desk.order(target).cancel_reason == orders.GIVES_WAY
        assert (await theirs(desk), await desk.paper.open_orders([SYMBOL])) == (D(0), [])

    async def test_a_limit_that_rests_stays_where_enough_is_left_beside_it(
        self, desk: FrontDesk
    ) -> None:
        await done(desk, BUY, "0.02")
        target = await desk.new_ticket(
            source="straight", symbol=SYMBOL, side=SELL, amount="0.01", price=D(70_000)
        )
        await rests(desk, target)
        closings = await desk.side.desk.close(SYMBOL, D("0.5"), person=APPROVER)
        await ended(desk, closings.tickets[0])
        assert desk.order(target).cancel_requested_at is None
        assert await theirs(desk) == D("0.01")

    async def test_leverage_above_the_limit_refuses_entries_and_lets_exits_go(
        self, desk: FrontDesk
    ) -> None:
        await done(desk, SELL, "0.01")
        desk.paper.faults.leverage = D(5)
        await looked(desk)
        said = "BTC/USDT:USDT at main is set to 5x there; 1x is the limit."
        assert await refused(desk, side=SELL, amount="0.01") == ("LEVERAGE", said)
        await done(desk, BUY, "0.01")

    @pytest.mark.parametrize(
        "fields",
        [
            {"side": None, "close": True},
            {"side": SELL, "amount": "0.02", "reduce_only": True},
            {"side": SELL},
        ],
    )
    async def test_an_exit_whose_position_ended_while_it_waited_opens_nothing(
        self, desk: FrontDesk, fields: dict[str, Any]
    ) -> None:
        await done(desk, BUY, "0.02")
        waiting = await desk.new_ticket(symbol=SYMBOL, **fields)
        await done(desk, None, close=True)
        await vote(desk, waiting)
        found = desk.ticket(waiting.id)
        assert (found.state, [one.code for one in found.refusals]) == (
            TicketState.REFUSED,
            ["NOT_REDUCING"],
        )
        assert await theirs(desk) == D(0)


class TestFigures:
    async def equity(self, desk: FrontDesk) -> Decimal:
        desk.clock.advance(20)
        await desk.side.market.refresh("main", [], [], balances=True)
        found = desk.side.market.equity("main")
        assert found is not None
        return found

    @pytest.mark.parametrize(("side", "sign"), [(BUY, 1), (SELL, -1)])
    async def test_equity_moves_with_the_market_as_the_position_does(
        self, desk: FrontDesk, side: Side, sign: int
    ) -> None:
        desk.prices.set_price(SYMBOL, D(60_000))
        before = await self.equity(desk)
        await done(desk, side, "0.02")
        opened = await self.equity(desk)
        fee = D("0.0005") * D("0.02") * 60_000
        assert before == D(100_000)
        assert abs(before - fee - opened) < D("0.01")

        desk.prices.set_price(SYMBOL, D(61_000))
        assert await self.equity(desk) - opened == sign * D(20)

    async def test_a_shorts_result_is_what_buying_it_back_would_bring(
        self, desk: FrontDesk
    ) -> None:
        desk.prices.set_price(SYMBOL, D(60_000))
        await done(desk, SELL, "0.02")
        desk.prices.set_price(SYMBOL, D(59_000))
        desk.clock.advance(5)
        await desk.side.market.refresh("main", [SYMBOL], [], balances=False)
        (view,) = desk.read(
            lambda tx: reports.positions(tx, desk.side.market, tx.now - timedelta(days=1))
        )
        assert (view.amount, view.mark) == (D("-0.02"), D("59000.1"))
        assert view.unrealized == D("0.02") * (D(60_000) - D("59000.1"))

    async def test_a_size_by_risk_counts_the_account_as_it_is(self, desk: FrontDesk) -> None:
        desk.prices.set_price(SYMBOL, D(60_000))
        await done(desk, SELL, "0.02")
        ticket = await desk.new_ticket(
            symbol=SYMBOL,
            side=SELL,
            price=D(60_000),
            stop_loss=D(61_000),
            risk="0.001",
        )
        assert ticket.terms is not None, ticket.refusals
        assert ticket.terms.amount == D("0.099")  # 100 of what is worth a little less than 100 000


class TestReadings:
    @pytest.fixture
    async def desk(self, tmp_path: Path) -> AsyncIterator[FrontDesk]:
        """One that reads its account for a drawdown and a day's loss."""
        watched = SWAP.replace("[risk]", '[risk]\nmax_drawdown = "20%"\nmax_daily_loss = 5000')
        async with front_desk(tmp_path, toml=watched) as made:
            await made.start("trading")
            yield made

    async def read(self, desk: FrontDesk) -> Standing:
        """What three readings agree on."""
        for _ in range(4):
            desk.clock.advance(10)
            await looked(desk)
            await desk.side.accounts.turn()
        found = desk.read(lambda tx: tx.accounts.standing())
        assert found is not None
        return found

    async def test_a_short_explains_what_the_account_holds_and_nothing_shifts(
        self, desk: FrontDesk
    ) -> None:
        desk.prices.set_price(SYMBOL, D(60_000))
        assert (await self.read(desk)).equity == D(100_000)
        shifts = desk.read(lambda tx: tx.journal.count(EventKind.ACCOUNT_SHIFTED))
        await done(desk, SELL, "0.5")
        desk.prices.set_price(SYMBOL, D(62_000))
        stood = await self.read(desk)
        assert stood.equity is not None
        assert abs(stood.equity - (100_000 - 1000 - 15)) < D("0.1")
        assert stood.day is not None
        assert abs(stood.day.total + 1015) < D("0.2")
        assert stood.mark == D(100_000)
        assert desk.read(lambda tx: tx.journal.count(EventKind.ACCOUNT_SHIFTED)) == shifts

    async def test_a_short_that_lost_too_much_stops_entries_and_not_its_exit(
        self, desk: FrontDesk
    ) -> None:
        desk.prices.set_price(SYMBOL, D(60_000))
        await self.read(desk)
        await done(desk, SELL, "0.5")
        desk.prices.set_price(SYMBOL, D(75_000))
        await self.read(desk)
        code, _ = await refused(desk, side=SELL, amount="0.01")
        assert code == "MAX_DAILY_LOSS"
        await done(desk, BUY)


class TestFlips:
    async def test_a_senders_flip_is_a_close_and_then_an_entry(self, desk: FrontDesk) -> None:
        await done(desk, BUY, "0.02")
        signal = await desk.accept(
            source="tv", symbol=SYMBOL, side=SELL, amount="0.05", stop_loss=D(70_000)
        )

        def made() -> list[Ticket]:
            found = desk.read(lambda tx: tx.tickets.newest(limit=9, source="tv"))
            return [one for one in found if one.state is TicketState.PENDING]

        (close,) = await until(made)
        assert close.terms is not None
        assert (close.signal, close.then) == (signal.id, D("0.03"))
        assert (close.terms.amount, close.terms.reduces) == (D("0.02"), True)
        assert close.terms.stop_loss is None

        await vote(desk, close)
        await ended(desk, close)
        (entry,) = await until(made)
        assert entry.terms is not None
        assert (entry.after, entry.then, entry.terms.amount) == (close.id, None, D("0.03"))
        assert (entry.terms.side, entry.terms.reduces) == (SELL, False)
        assert entry.terms.stop_loss == D(70_000)

        await vote(desk, entry)
        await ended(desk, entry)
        assert await theirs(desk) == D("-0.03")
        assert [one.reduce_only for one in desk.paper.accepted] == [False, True, False]

    async def test_a_flip_whose_close_is_rejected_has_no_entry(self, desk: FrontDesk) -> None:
        await done(desk, BUY, "0.02")
        close = await desk.new_ticket(symbol=SYMBOL, side=SELL, amount="0.05")
        await vote(desk, close, VoteKind.REJECT)
        await until(lambda: desk.ticket(close.id).state is TicketState.REJECTED)
        assert desk.read(lambda tx: tx.signals.waiting()) == []
        assert len(desk.read(lambda tx: tx.tickets.newest(limit=9, source="tv"))) == 1

    async def test_no_entry_follows_a_close_that_a_person_made_smaller(
        self, desk: FrontDesk
    ) -> None:
        """Its card says so from then on."""
        await done(desk, BUY, "0.02")
        close = await desk.new_ticket(symbol=SYMBOL, side=SELL, amount="0.05")
        change = editing.amount(D("0.01"))
        await desk.side.desk.edit(close.id, revision=1, person=APPROVER, change=change)
        assert (desk.ticket(close.id).revision, desk.ticket(close.id).then) == (2, None)
        await vote(desk, desk.ticket(close.id))
        await ended(desk, close)
        assert desk.read(lambda tx: tx.signals.waiting()) == []

    async def test_a_flip_nobody_is_asked_about_goes_through_by_itself(
        self, desk: FrontDesk
    ) -> None:
        await done(desk, BUY, "0.02")
        close = await done(desk, SELL, "0.05")
        (entry,) = await until(lambda: [one for one in newest(desk) if one.after == close.id])
        await ended(desk, entry)
        assert await theirs(desk) == D("-0.03")

    async def test_a_flip_that_closed_a_part_only_has_no_entry_and_says_so(
        self, desk: FrontDesk
    ) -> None:
        await done(desk, BUY, "0.02")
        desk.prices.set_price(SYMBOL, D(60_000), depth=D("0.015"))
        close = await done(desk, SELL, "0.05")
        (entry,) = await until(lambda: [one for one in newest(desk) if one.after == close.id])
        text = "0.005 BTC of the position is still open: the entry was to follow its close."
        assert [(one.code, one.text) for one in entry.refusals] == [("NOT_REDUCING", text)]

    async def test_no_entry_follows_a_close_that_somebody_elses_exit_went_before(
        self, desk: FrontDesk
    ) -> None:
        """Whoever closes by hand meanwhile wants out."""
        await done(desk, BUY, "0.02")
        close = await desk.new_ticket(
            source="straight", symbol=SYMBOL, side=SELL, amount="0.05", price=D(61_000)
        )
        await rests(desk, close)
        desk.prices.set_price(SYMBOL, D(61_100), depth=D("0.015"))
        desk.clock.advance(0.5)
        assert await theirs(desk) == D("0.005")
        desk.prices.set_price(SYMBOL, D(60_000))

        def booked() -> bool:
            desk.clock.advance(1)
            held = position(desk)
            return held is not None and held.amount == D("0.005")

        await until(booked)
        await desk.side.desk.close(SYMBOL, D(1), person=APPROVER)
        (entry,) = await until(lambda: [one for one in newest(desk) if one.after == close.id])
        (refusal,) = entry.refusals
        assert refusal.code == "NOT_REDUCING"
        assert refusal.text.endswith(": the entry was to follow its close.")

        def closed() -> bool:
            desk.clock.advance(0.1)
            return position(desk) is None

        await until(closed)
        assert await theirs(desk) == D(0)

    async def test_what_a_person_types_through_zero_is_refused(self, desk: FrontDesk) -> None:
        await done(desk, BUY, "0.02")
        said = await refused(desk, source=BY_HAND, side=SELL, amount="0.05")
        text = "0.05 BTC is more than the long of 0.02 BTC; 0.02 would close it."
        assert said == ("NOT_REDUCING", text)


class TestFoundThere:
    async def test_in_hedge_mode_nothing_is_traded_and_people_are_told(
        self, desk: FrontDesk
    ) -> None:
        desk.paper.faults.hedged = True
        await looked(desk)
        feed = desk.side.market.feed("main")
        assert (feed.ready, feed.trouble) == (
            False,
            "its account is in hedge mode: set it to one-way",
        )
        assert desk.read(lambda tx: tx.journal.count(EventKind.VENUE_HEDGED)) == 1

        desk.paper.faults.hedged = False
        await looked(desk)
        assert feed.ready
        await done(desk, BUY, "0.01")

    async def test_in_hedge_mode_who_closes_is_told_why_nothing_goes(self, desk: FrontDesk) -> None:
        await done(desk, BUY, "0.01")
        desk.paper.faults.hedged = True
        await looked(desk)
        why = "no order goes there, its account is in hedge mode: set it to one-way"
        with pytest.raises(NotPossible, match=f"BTC/USDT:USDT at main: {why}."):
            await desk.side.desk.close(SYMBOL, D(1), person=APPROVER)
        await desk.side.desk.halt(person=APPROVER, reason="", flatten=True)
        left = desk.read(lambda tx: closing.unfinished(tx, desk.side.market))
        assert left == [f"0.01 BTC/USDT:USDT at main is not closed yet: {why}"]

    async def test_entries_wait_while_somebody_elses_position_is_there(
        self, desk: FrontDesk
    ) -> None:
        await desk.paper.trade_by_hand(SYMBOL, SELL, D("0.5"))
        await looked(desk)
        said = "the exchange shows a position of \u22120.5, our fills come to 0."
        assert await refused(desk, side=BUY, amount="0.01") == (
            "UNKNOWN_OUTCOME",
            f"BTC/USDT:USDT at main takes no entry: {said}",
        )

    async def test_a_short_that_was_found_is_adopted_and_closed(self, desk: FrontDesk) -> None:
        await desk.paper.trade_by_hand(SYMBOL, SELL, D("0.5"))
        await looked(desk)
        await adopt(desk, "-0.5")
        held = position(desk)
        assert held is not None
        assert (held.amount, held.average) == (D("-0.5"), D(64_000))
        await looked(desk)
        assert desk.side.market.feed("main").apart == {}
        await done(desk, None, close=True)
        assert await theirs(desk) == D(0)

    async def test_a_position_that_was_ended_there_is_adopted_out_of_our_books(
        self, desk: FrontDesk
    ) -> None:
        """By a liquidation, or by hand."""
        await done(desk, SELL, "0.02")
        await desk.paper.trade_by_hand(SYMBOL, BUY, D("0.02"))
        desk.clock.advance(10)
        await looked(desk)
        assert await adopt(desk, "0.02") is None
        assert position(desk) is None

    async def test_what_was_liquidated_is_booked_while_a_stop_of_ours_still_rests_and_that_goes(
        self, desk: FrontDesk
    ) -> None:
        await done(desk, SELL, "0.02")
        stop = await desk.new_ticket(
            source="straight",
            symbol=SYMBOL,
            side=BUY,
            amount="0.02",
            type=OrderType.STOP,
            stop_price=D(70_000),
        )
        await rests(desk, stop)
        await desk.paper.trade_by_hand(SYMBOL, BUY, D("0.02"))
        desk.clock.advance(10)
        await looked(desk)
        assert await adopt(desk, "0.02") is None
        await until(lambda: desk.order(stop).state in orders.ENDED)

    async def test_a_position_in_a_market_that_is_none_of_ours_stops_nothing(
        self, desk: FrontDesk
    ) -> None:
        """With an end, or listed since: no order of ours could meet it."""
        theirs = {"BTC/USDT:USDT-270326": D(1), SYMBOL: D(2)}
        venue = desk.paper
        found = desk.read(lambda tx: contracts.of_ours(tx, venue, theirs))
        assert found == {SYMBOL: D(2)}

    async def test_nothing_is_adopted_by_what_was_seen_long_ago(self, desk: FrontDesk) -> None:
        await desk.paper.trade_by_hand(SYMBOL, SELL, D("0.5"))
        await desk.stop("trading")
        await looked(desk)
        desk.clock.advance(60)
        with pytest.raises(NotPossible, match="is not known; try again in a moment"):
            await adopt(desk, "-0.5")
        assert desk.side.market.feed("main").compare_due

    @pytest.mark.parametrize("amount", ["0.5", "-0.6"])
    async def test_no_more_is_adopted_than_what_differs(self, desk: FrontDesk, amount: str) -> None:
        await desk.paper.trade_by_hand(SYMBOL, SELL, D("0.5"))
        await looked(desk)
        with pytest.raises(NotPossible) as told:
            await adopt(desk, amount)
        text = (
            "main shows a position of \u22120.5 BTC, our fills come to 0: \u22120.5 can be adopted."
        )
        assert str(told.value) == text

    async def test_a_flatten_ends_where_the_exchange_shows_no_such_position(
        self, desk: FrontDesk
    ) -> None:
        """Liquidated, or ended by hand: nobody else can close it, and a resume must be possible."""
        await done(desk, SELL, "0.02")
        await desk.paper.trade_by_hand(SYMBOL, BUY, D("0.02"))
        desk.clock.advance(10)
        await desk.side.desk.halt(person=OWNER, reason="", flatten=True)
        text = "main shows no such position, 0.02 is left by our fills: see /positions"
        await until(lambda: [one.reason for one in newest(desk) if one.closes] == [text])

        def proved() -> bool:
            desk.clock.advance(1)
            halt = desk.read(lambda tx: tx.trading()).halt
            return halt is not None and halt.verified_at is not None

        await until(proved)
        assert len(ours(desk)) == 1

    async def test_a_flatten_right_after_a_fill_waits_until_the_exchange_shows_it(
        self, desk: FrontDesk
    ) -> None:
        """What it showed a moment ago is no reason to leave a position open."""
        await done(desk, SELL, "0.02")
        await desk.paper.trade_by_hand(SYMBOL, BUY, D("0.02"))
        await desk.side.desk.halt(person=OWNER, reason="", flatten=True)
        await until(lambda: [one for one in newest(desk) if one.closes])
        await asyncio.sleep(30)  # and the clock stands at the moment of the fill
        assert [one.state for one in newest(desk) if one.closes] == [TicketState.APPROVED]

    async def test_a_stop_behind_what_is_gone_keeps_no_flatten_from_its_end(
        self, desk: FrontDesk
    ) -> None:
        await done(desk, SELL, "0.02")
        stop = await desk.new_ticket(
            source="straight",
            symbol=SYMBOL,
            side=BUY,
            amount="0.02",
            type=OrderType.STOP,
            stop_price=D(70_000),
        )
        await rests(desk, stop)
        await desk.paper.trade_by_hand(SYMBOL, BUY, D("0.02"))
        desk.clock.advance(10)
        await desk.side.desk.halt(person=OWNER, reason="", flatten=True)
        await until(
            lambda: [one.state for one in newest(desk) if one.closes] == [TicketState.FAILED]
        )

    async def test_no_more_is_closed_than_the_exchange_shows(self, desk: FrontDesk) -> None:
        await done(desk, SELL, "0.02")
        await desk.paper.trade_by_hand(SYMBOL, BUY, D("0.015"))
        await desk.side.desk.close(SYMBOL, D(1), person=APPROVER)
        await until(lambda: len(ours(desk)) == 2)
        assert ours(desk)[-1].amount == D("0.005")


class Mute(PaperVenue):
    """An exchange that says nothing of how the account is set, while everything else answers."""

    mute = False

    async def contracts(self) -> Contracts:
        if self.mute:
            raise VenueUnavailable(f"{self.name} does not answer")
        return await super().contracts()


class TestSilence:
    @pytest.fixture
    async def venue(self, tmp_path: Path, clock: Clock) -> AsyncIterator[Mute]:
        venue = Mute("main", tmp_path / "paper.db", clock, kind=MarketKind.SWAP)
        await venue.open()
        yield venue
        await venue.close()

    @pytest.fixture
    def reconciler(
        self, venue: Mute, tmp_path: Path, open_store: Callable[[], Store], clock: Clock
    ) -> tuple[Reconciler, Feed]:
        market = Market({"main": venue}, clock=clock, currency="USDT", at_par=())
        config = house.config(settings_in(tmp_path, toml=SWAP))
        venues = {"main": venue}
        made = Reconciler(store=open_store(), market=market, venues=venues, config=config)
        return made, market.feed("main")

    async def test_nothing_goes_there_before_it_has_said_how_the_account_is_set(
        self, venue: Mute, reconciler: tuple[Reconciler, Feed]
    ) -> None:
        looks, feed = reconciler
        venue.mute = True
        await looks.look("main")
        assert (feed.compared, feed.contracts) == (False, None)
        venue.mute = False
        await looks.look("main")
        assert feed.compared
        assert feed.contracts == await venue.contracts()

    async def test_a_proof_that_only_wants_orders_goes_on_without_it(
        self, venue: Mute, reconciler: tuple[Reconciler, Feed], clock: Clock
    ) -> None:
        looks, feed = reconciler
        await looks.look("main")
        venue.mute = True
        clock.advance(60)
        found = await looks.look("main")
        assert found.external == ()
        assert (feed.compared, feed.reconciled_at) == (True, clock())
        assert feed.contracts_at == clock() - timedelta(seconds=60)


class TestStopping:
    @pytest.mark.parametrize("sent", [SYMBOL, "BTCUSDT.P", "BTCUSDT"])
    async def test_a_short_is_closed_by_hand(self, desk: FrontDesk, sent: str) -> None:
        await done(desk, SELL, "0.02")
        closings = await desk.side.desk.close(sent, D(1), person=APPROVER)
        (ticket,) = closings.tickets
        await ended(desk, ticket)
        assert (position(desk), await theirs(desk)) == (None, D(0))
        assert desk.paper.accepted[-1].reduce_only

    async def test_a_halt_flattens_a_short(self, desk: FrontDesk) -> None:
        await done(desk, SELL, "0.02")
        await desk.side.desk.halt(person=OWNER, reason="", flatten=True)
        await until(lambda: position(desk) is None)
        assert await theirs(desk) == D(0)


async def vote(desk: FrontDesk, ticket: Ticket, kind: VoteKind = VoteKind.APPROVE) -> None:
    await desk.side.desk.vote(ticket.id, revision=ticket.revision, person=APPROVER, kind=kind)


async def adopt(desk: FrontDesk, amount: str) -> Position | None:
    return await desk.side.desk.adopt(SYMBOL, amount=D(amount), average=D(64_000), person=OWNER)
