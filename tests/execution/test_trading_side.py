"""The trading side as a whole, where its parts meet: what is sent, what must not stand still, what
is said of it.

Real parts on a real database; the exchange is the paper venue on a market set by hand, Telegram the
playground.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from bot.api import api
from bot.notifier import undelivered
from bot.parts import Ids, Trading, assemble
from bot.telegram import cards
from execution import booking, editing
from execution.approval import Policy, Role, Rule, When
from execution.checks import Limits
from execution.config import Config
from execution.desk import Person
from execution.errors import NotPossible, StoreUnavailable, VenueUnavailable
from execution.executor.waiting import SIGNALS_AT_ONCE
from execution.halt_file import HaltFile
from execution.market import Market
from execution.outcome import Outcome
from execution.pricing import PriceTerms
from execution.receiving import SignalKey
from execution.store import Store
from execution.types import (
    Mode,
    Order,
    OrderState,
    OrderType,
    Quote,
    Side,
    Signal,
    Size,
    SizeKind,
    Ticket,
    TicketState,
    TradingState,
    VoteKind,
)
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from execution.venues.venue import Held, NewOrder, OrderKey, Report, Trade, go
from tests.clock import Clock
from tests.databases import new_database
from tests.desk import ANA, GROUP, OLGA, SECRETS, TOML, FrontDesk, front_desk
from tests.virtual_time import skipping
from tests.waiting import until

D = Decimal
ROOT = Path(__file__).parents[2]
ANA_P = Person(id="tg:2222", name="Ana")
OLGA_P = Person(id="tg:1111", name="Olga")
STRAIGHT = Rule(name="straight", when=When(sources=frozenset({"straight"})), required=0)


def config(*rules: Rule, **changes: Any) -> Config:
    """The house rules: one approval, 0.3 % of drift, 30 s in the market."""
    given: dict[str, Any] = {
        "policy": Policy(
            people={"tg:1111": Role.OWNER, "tg:2222": Role.APPROVER}, rules=(*rules, STRAIGHT)
        ),
        "limits": Limits(max_order_notional=D(1000)),
        "prices": PriceTerms(
            order_type=OrderType.LIMIT,
            slippage_tolerance=D("0.001"),
            max_price_drift=D("0.003"),
            order_timeout=timedelta(seconds=30),
        ),
        "default_venue": "main",
        "default_size": Size(kind=SizeKind.NOTIONAL, value=D(600), in_currency=True),
        "sources": {},
        "currency": "USDT",
        "zone": ZoneInfo("UTC"),
        "max_retries": 3,
        "retry_delay": timedelta(seconds=1),
        "reconcile_every": timedelta(seconds=30),
    }
    return Config(**given | changes)


class Live(PaperVenue):
    """The same exchange with real money at stake."""

    mode = Mode.LIVE


class NoTicker(PaperVenue):
    """An exchange whose ticker does not answer while everything else does."""

    silent = False

    async def quote(self, symbol: str) -> Quote:
        if self.silent:
            raise VenueUnavailable(f"{self.name} does not answer")
        return await super().quote(symbol)


class Breaks(PaperVenue):
    """An exchange whose client breaks on the first order, after it was taken."""

    broken = True

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        report = await super().send(order, held)
        if self.broken:
            self.broken = False
            raise RuntimeError("a fault in a library")
        return report


class LateTrades(PaperVenue):
    """An exchange that shows an order as filled before it shows its trades."""

    late = True

    async def trades(self, key: OrderKey) -> Sequence[Trade]:
        return [] if self.late else await super().trades(key)


@dataclass
class Worker:
    """One process's trading side."""

    side: Trading
    venues: Mapping[str, PaperVenue]
    clock: Clock
    running: list[asyncio.Task[None]] = field(default_factory=list)
    commits: int = 0

    def __post_init__(self) -> None:
        self.store, self.desk, self.market = self.side.store, self.side.desk, self.side.market
        self.executor, self.reconciler = self.side.executor, self.side.reconciler

    def run(self, *, keeps_executor: bool = True) -> None:
        """Start everything that `bot/app.py` keeps running, each started again when it dies."""

        async def keep(work: Any) -> None:
            while True:
                try:
                    await work()
                except Exception:  # noqa: BLE001  # as `App._keep`
                    await asyncio.sleep(0.05)

        work = [self.side.prover.run, *([self.executor.run] if keeps_executor else [])]
        for name in self.venues:
            work += [
                lambda name=name: self.market.run(name),
                lambda name=name: self.reconciler.run(name),
            ]
        self.running = [asyncio.create_task(keep(one)) for one in work]

    async def ready(self) -> None:
        await until(lambda: all(f.reconciled_at for f in self.market.feeds().values()))

    async def stop(self) -> None:
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        await self.executor.stop()
        for venue in self.venues.values():
            await venue.close()
        self.store.close()

    async def signal(self, *, source: str = "tv", **fields: Any) -> Signal:
        given: dict[str, Any] = {"symbol": "BTC/USDT", "side": Side.BUY} | fields
        id = self.store.read_now(lambda tx: tx.new_id())
        signal = Signal(id=id, source=source, received_at=self.clock(), **given)
        key = SignalKey(value=id, keeps=timedelta(days=1))
        await self.desk.accept(signal, keys=[key], digest=sha256(id.encode()).hexdigest())
        return signal

    def ticket_of(self, signal: Signal) -> Ticket | None:
        found = self.store.read_now(lambda tx: tx.tickets.newest(limit=1, signal=signal.id))
        return found[0] if found else None

    async def ticket(self, **fields: Any) -> Ticket:
        signal = await self.signal(**fields)
        made = await until(lambda: self.ticket_of(signal))
        assert made is not None
        return made

    def now(self, ticket: Ticket) -> Ticket:
        found = self.store.read_now(lambda tx: tx.tickets.get(ticket.id))
        assert found is not None
        return found

    def order(self, ticket: Ticket) -> Order | None:
        found = self.store.read_now(lambda tx: tx.orders.of_ticket(ticket.id))
        return found[-1] if found else None

    def state(self, ticket: Ticket) -> OrderState | None:
        order = self.order(ticket)
        return None if order is None else order.state


@asynccontextmanager
async def worker(
    folder: Path, clock: Clock, rules: Config, *venues: PaperVenue
) -> AsyncIterator[Worker]:
    """A process on this folder's database."""
    database = folder / "desk.db"
    if not database.exists():
        new_database(database)
    store = Store(f"sqlite:///{database}", journal_key=b"k" * 32, clock=clock, new_id=Ids())
    named = {venue.name: venue for venue in venues}
    market = Market(named, clock=clock, currency="USDT", at_par=("USDT", "USDC", "USD"))
    side = assemble(
        store=store,
        market=market,
        venues=named,
        config=rules,
        install="tests",
        jitter=Random(1),
        started_at=clock(),
        halt_file=HaltFile(folder / "HALT"),
    )
    made = Worker(side=side, venues=named, clock=clock)

    def count() -> None:
        made.commits += 1

    store.on_commit(count)
    await made.executor.recover()
    with skipping():
        try:
            yield made
        finally:
            await made.stop()


def paper(
    folder: Path, clock: Clock, name: str = "main", kind: type[PaperVenue] = PaperVenue
) -> Any:
    return kind(name, folder / f"paper-{name}.db", clock, market=ScriptedMarket())


async def a_while(seconds: float = 1.0) -> None:
    """Long enough for a desk that works; nothing is concluded from how long exactly."""
    await asyncio.sleep(seconds)


# --- what is sent ---------------------------------------------------------------------------------


async def test_an_order_that_never_left_is_not_sent_hours_after_its_approval(
    tmp_path: Path,
) -> None:
    """Approved, not sent for want of a connection, venue away for two hours: asked again or failed."""
    clock = Clock()
    venue = paper(tmp_path, clock)
    async with worker(tmp_path, clock, config(), venue) as one:
        one.run()
        await one.ready()
        ticket = await one.ticket()
        venue.faults.unreachable = True
        await one.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        await until(lambda: one.state(ticket) is OrderState.PLANNED)
    clock.advance(7200)
    again = paper(tmp_path, clock)
    async with worker(tmp_path, clock, config(), again) as two:
        two.run()
        await two.ready()
        await until(lambda: two.state(ticket) is not OrderState.PLANNED)
        assert again.accepted == []


async def test_an_order_planned_for_paper_is_not_sent_to_a_venue_that_became_live(
    tmp_path: Path,
) -> None:
    """The card said PAPER; ten seconds later the same venue name trades real money."""
    clock = Clock()
    venue = paper(tmp_path, clock)
    async with worker(tmp_path, clock, config(), venue) as one:
        one.run()
        await one.ready()
        ticket = await one.ticket()
        assert ticket.mode is Mode.PAPER
        venue.faults.unreachable = True
        await one.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        await until(lambda: one.state(ticket) is OrderState.PLANNED)
    clock.advance(10)
    live = paper(tmp_path, clock, kind=Live)
    async with worker(tmp_path, clock, config(), live) as two:
        two.run()
        await two.ready()
        await until(lambda: two.state(ticket) is not OrderState.PLANNED)
        assert live.accepted == []


async def test_an_order_canceled_while_it_is_being_sent_is_not_sent_again(tmp_path: Path) -> None:
    """/cancel during the first attempt, which never left: the retry must not go out."""
    clock = Clock()
    venue = PaperVenue(
        "main",
        tmp_path / "paper-main.db",
        clock,
        market=ScriptedMarket(),
        latency=timedelta(milliseconds=200),
    )
    async with worker(tmp_path, clock, config(), venue) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket(type=OrderType.MARKET)
        venue.faults.unreachable = True
        await desk.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        await until(lambda: desk.state(ticket) is OrderState.SENDING)
        canceled = await desk.desk.cancel(ticket.id, person=ANA_P)
        assert canceled.outcome is Outcome.CANCELED
        await until(lambda: desk.state(ticket) is not OrderState.SENDING)
        venue.faults.unreachable = False
        clock.advance(2)
        await until(lambda: desk.now(ticket).state is not TicketState.WORKING)
        assert venue.accepted == []


async def test_a_revision_that_meets_a_blocking_rule_is_blocked(tmp_path: Path) -> None:
    """600 may be approved, under 400 is blocked: half of it must not be approvable."""
    clock = Clock()
    never = Rule(name="never", when=When(notional_below=D(400)), block=True)
    venue = paper(tmp_path, clock)
    async with worker(tmp_path, clock, config(never), venue) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket()
        assert ticket.terms is not None
        half = ticket.terms.amount / 2
        await desk.desk.edit(ticket.id, revision=1, person=ANA_P, change=editing.amount(half))
        await desk.desk.vote(ticket.id, revision=2, person=ANA_P, kind=VoteKind.APPROVE)
        await a_while(0.5)
        assert venue.accepted == []


# --- what stands still ----------------------------------------------------------------------------


async def bought(desk: Worker, venue: str) -> Ticket:
    """A position of ours at a venue."""
    ticket = await desk.ticket(source="straight", venue=venue, type=OrderType.MARKET)

    def done() -> bool:
        desk.clock.advance(0.3)
        return desk.now(ticket).state is TicketState.DONE

    await until(done)
    return ticket


async def test_a_position_at_a_removed_venue_does_not_stop_the_others(tmp_path: Path) -> None:
    """The venue `old` was taken out of the settings; signals for `main` become tickets all the same."""
    clock = Clock()
    both = paper(tmp_path, clock), paper(tmp_path, clock, "old")
    async with worker(tmp_path, clock, config(), *both) as one:
        one.run()
        await one.ready()
        await bought(one, "old")
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as two:
        two.run()
        await two.ready()
        await two.ticket()


async def resting_at_old(folder: Path, clock: Clock) -> Ticket:
    """An order that rests at `old`, which the next process does not have any more.

    `run` refuses to start so; `countersign kill` must not, and then meets these.
    """
    both = paper(folder, clock), paper(folder, clock, "old")
    async with worker(folder, clock, config(), *both) as one:
        one.run()
        await one.ready()
        ticket = await one.ticket(source="straight", venue="old", price=D(50_000))
        await until(lambda: one.state(ticket) is OrderState.WORKING)
        return ticket


async def test_an_order_at_a_removed_venue_does_not_stop_the_orders_of_others(
    tmp_path: Path,
) -> None:
    clock = Clock()
    await resting_at_old(tmp_path, clock)
    clock.advance(2)
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as two:
        two.run()
        await two.ready()
        ticket = await two.ticket(source="straight", type=OrderType.MARKET)

        def done() -> bool:
            clock.advance(0.3)
            return two.now(ticket).state is TicketState.DONE

        await until(done)


async def test_a_halt_is_not_done_while_an_order_rests_at_a_removed_venue(tmp_path: Path) -> None:
    clock = Clock()
    await resting_at_old(tmp_path, clock)
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as two:
        two.run()
        await two.ready()
        await two.desk.halt(person=ANA_P, reason="")
        assert await two.side.prover.left() != []


async def test_an_approved_ticket_of_a_removed_venue_ends_and_is_told(tmp_path: Path) -> None:
    clock = Clock()
    both = paper(tmp_path, clock), paper(tmp_path, clock, "old")
    async with worker(tmp_path, clock, config(), *both) as one:
        one.run()
        await one.ready()
        ticket = await one.ticket(venue="old")
        await one.executor.stop()
        await one.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        assert one.now(ticket).state is TicketState.APPROVED
    clock.advance(120)
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as two:
        two.run()
        await two.ready()
        await until(lambda: two.now(ticket).state is not TicketState.APPROVED)


async def test_an_approved_ticket_without_a_price_ends_when_its_approval_is_old(
    tmp_path: Path,
) -> None:
    """The venue is connected, but its ticker says nothing (a market taken from the list is the same)."""
    clock = Clock()
    venue = paper(tmp_path, clock, kind=NoTicker)
    async with worker(tmp_path, clock, config(), venue) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket()
        venue.silent = True
        clock.advance(3)
        await desk.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)

        def ended() -> bool:
            clock.advance(5)
            return desk.now(ticket).state is not TicketState.APPROVED

        await until(ended, timeout_s=3)


async def test_an_approved_ticket_that_waits_for_its_venue_does_not_spin(tmp_path: Path) -> None:
    """A commit rings the bell, the bell starts the next turn, and each turn commits."""
    clock = Clock()
    venue = paper(tmp_path, clock, kind=NoTicker)
    async with worker(tmp_path, clock, config(), venue) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket()
        venue.silent = True
        clock.advance(3)
        await desk.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        before = desk.commits
        await a_while()
        assert desk.commits - before < 20


async def test_a_signal_that_waits_for_its_venue_does_not_spin(tmp_path: Path) -> None:
    clock = Clock()
    venue = paper(tmp_path, clock)
    venue.faults.unreachable = True
    reads = 0
    async with worker(tmp_path, clock, config(), venue) as desk:
        counted = desk.clock

        class Counting(Clock):
            """Asked once by every transaction."""

            def __call__(self) -> Any:
                nonlocal reads
                reads += 1
                return counted()

        desk.store._clock = Counting()  # the store asks it for each transaction's time
        desk.run()
        await desk.signal()
        before = reads
        await a_while()
        assert reads - before < 60


async def test_signals_that_wait_for_one_venue_do_not_hold_up_those_of_another(
    tmp_path: Path,
) -> None:
    """However many they are: the one behind them all has its ticket at once."""
    clock = Clock()
    away = paper(tmp_path, clock, "away")
    away.faults.unreachable = True
    venues = (paper(tmp_path, clock), away)
    async with worker(tmp_path, clock, config(), *venues) as desk:
        desk.run()
        await until(lambda: desk.market.feed("main").reconciled_at)
        for _ in range(SIGNALS_AT_ONCE):
            await desk.signal(venue="away")
        ticket = await desk.ticket(venue="main")
        assert ticket.state is TicketState.PENDING


async def test_a_price_under_the_step_becomes_a_refused_ticket(tmp_path: Path) -> None:
    """A limit price that rounds down to nothing: 202 was said, so there must be a ticket."""
    clock = Clock()
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as desk:
        desk.run()
        await desk.ready()
        size = Size(kind=SizeKind.NOTIONAL, value=D(100))
        ticket = await desk.ticket(price=D("0.001"), size=size)
        assert ticket.state is TicketState.REFUSED


async def test_a_person_can_end_a_stuck_order_so_that_the_desk_can_go_on(tmp_path: Path) -> None:
    """An order the exchange forgot (a testnet reset) would keep a halt unverified for ever."""
    clock = Clock()
    venue = paper(tmp_path, clock)
    async with worker(tmp_path, clock, config(), venue) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket(source="straight", price=D(50_000))
        await until(lambda: desk.state(ticket) is OrderState.WORKING)
        venue.faults.hide_orders = True

        def stuck() -> bool:
            clock.advance(5)
            return desk.state(ticket) is OrderState.STUCK

        await until(stuck, timeout_s=20)
        await desk.desk.halt(person=ANA_P, reason="")
        (order,) = desk.store.read_now(lambda tx: tx.orders.of_ticket(ticket.id))
        await desk.desk.mark_absent(order.id, person=OLGA_P)

        def resumed() -> bool:
            clock.advance(5)
            return not desk.store.read_now(
                lambda tx: tx.orders.in_state(OrderState.STUCK, OrderState.IN_DOUBT)
            )

        await until(resumed, timeout_s=5)


async def test_an_unexpected_error_while_sending_leaves_the_order_in_doubt(
    tmp_path: Path,
) -> None:
    """Whatever breaks in a venue after the commit: nobody knows, so it is looked for."""
    clock = Clock()
    venue = paper(tmp_path, clock, kind=Breaks)
    async with worker(tmp_path, clock, config(), venue) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket(source="straight", price=D(50_000))
        await until(lambda: desk.state(ticket) not in {None, OrderState.SENDING}, timeout_s=3)


async def test_a_damaged_row_does_not_keep_a_halt_from_being_committed(tmp_path: Path) -> None:
    """The halt is one row; voiding tickets and canceling orders comes after it."""
    clock = Clock()
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as desk:
        desk.run()
        await desk.ready()
        await desk.ticket()
        with sqlite3.connect(tmp_path / "desk.db") as db:
            db.execute("UPDATE tickets SET asked = '{}'")
        db.close()
        with contextlib.suppress(Exception):
            await desk.desk.halt(person=ANA_P, reason="")
        assert desk.store.read_now(lambda tx: tx.trading()).state is TradingState.HALTED


async def test_a_balance_that_is_being_asked_for_does_not_end_a_ticket(tmp_path: Path) -> None:
    """Right after another order was sent nobody knows what is free; in a second somebody does."""
    clock = Clock()
    limits = Limits(max_order_notional=D(1000), min_quote_reserve=D(1))
    async with worker(tmp_path, clock, config(limits=limits), paper(tmp_path, clock)) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket()
        for task in desk.running:
            task.cancel()
        await asyncio.gather(*desk.running, return_exceptions=True)
        desk.market.stale_balances("main")
        await desk.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        assert desk.now(ticket).state is not TicketState.REFUSED


@pytest.mark.parametrize("price", [None, D(59_990)])
async def test_two_taps_between_two_looks_at_the_balances_do_not_spend_the_reserve(
    tmp_path: Path, price: Decimal | None
) -> None:
    """The first order filled, or rests; what is free was told before it."""
    clock = Clock()
    limits = Limits(max_order_notional=D(1000), min_quote_reserve=D(99_000))
    async with worker(tmp_path, clock, config(limits=limits), paper(tmp_path, clock)) as desk:
        desk.run()
        await desk.ready()
        first, second = [await desk.ticket(price=price) for _ in range(2)]
        desk.running.pop(2).cancel()  # the market: balances are not asked for any more
        clock.advance(0.5)
        await desk.desk.vote(first.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        ended = OrderState.WORKING if price else OrderState.FILLED
        await until(lambda: desk.state(first) is ended)
        answer = await desk.desk.vote(second.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        assert [refusal.code for refusal in answer.refusals] == ["MIN_QUOTE_RESERVE"]


async def test_trades_that_come_late_replace_what_was_inferred(tmp_path: Path) -> None:
    """Filled, its trades shown ten seconds later: the fees are in them, and so is what can be sold."""
    clock = Clock()
    venue = paper(tmp_path, clock, kind=LateTrades)
    async with worker(tmp_path, clock, config(), venue) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket(source="straight", type=OrderType.MARKET)

        def done() -> bool:
            clock.advance(0.5)
            return desk.now(ticket).state is TicketState.DONE

        await until(done, timeout_s=10)
        await a_while(0.3)  # a look that was under way when it ended is over
        venue.late = False

        def real() -> bool:
            clock.advance(5)
            fills = desk.store.read_now(lambda tx: tx.fills.newest(limit=9))
            return bool(fills) and not any(fill.inferred for fill in fills)

        await until(real, timeout_s=3)


async def test_a_ticket_whose_rule_changed_is_asked_again(tmp_path: Path) -> None:
    """One approval was needed, after a restart two are: a new revision, not a failure."""
    clock = Clock()
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as one:
        one.run()
        await one.ready()
        ticket = await one.ticket()
    two_eyes = Rule(name="two", when=When(sources=frozenset({"tv"})), required=2)
    async with worker(tmp_path, clock, config(two_eyes), paper(tmp_path, clock)) as two:
        two.run()
        await two.ready()
        await two.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        await a_while(0.5)
        assert two.now(ticket).state is TicketState.PENDING


async def test_a_burst_of_signals_makes_each_ticket_once_and_without_alarm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as desk:
        desk.run()
        await desk.ready()
        sent = [await desk.signal() for _ in range(60)]
        await until(lambda: all(desk.ticket_of(one) for one in sent), timeout_s=20)
        await a_while(0.3)
        assert [r.message for r in caplog.records if r.levelname in {"ERROR", "CRITICAL"}] == []


async def test_a_halt_is_not_done_any_more_once_an_order_of_ours_turns_up(
    tmp_path: Path,
) -> None:
    """Verified while the exchange hid an order; then it shows it, and an owner wants to resume."""
    clock = Clock()
    venue = paper(tmp_path, clock)
    async with worker(tmp_path, clock, config(), venue) as desk:
        desk.run()
        await desk.ready()
        venue.faults.hide_orders = True
        venue.faults.drop_next_answer = True
        venue.faults.keep_orders = True
        ticket = await desk.ticket(source="straight", price=D(50_000))
        await until(lambda: desk.state(ticket) is OrderState.IN_DOUBT)
        await desk.desk.halt(person=ANA_P, reason="")

        def verified() -> bool:
            clock.advance(1)
            halt = desk.store.read_now(lambda tx: tx.trading()).halt
            return halt is not None and halt.verified_at is not None

        await until(verified, timeout_s=20)
        assert desk.state(ticket) is OrderState.ABSENT
        for task in desk.running:
            task.cancel()
        await asyncio.gather(*desk.running, return_exceptions=True)
        venue.faults.hide_orders = False
        await desk.reconciler.look("main")
        assert desk.state(ticket) is OrderState.WORKING
        with pytest.raises(NotPossible):
            await desk.desk.resume(person=OLGA_P)


async def test_a_halt_that_could_not_be_stored_does_not_write_an_order_down_over_and_over(
    tmp_path: Path,
) -> None:
    """The brake holds the order; each hold is two commits and two entries in the journal."""
    clock = Clock()
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as desk:
        desk.run()
        await desk.ready()
        with contextlib.closing(sqlite3.connect(tmp_path / "desk.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable):
                await desk.desk.halt(person=ANA_P, reason="")
        before = desk.store.read_now(lambda tx: tx.journal.head())[0]
        await desk.signal(source="straight")
        await a_while()
        assert desk.store.read_now(lambda tx: tx.journal.head())[0] - before < 20


# --- what is said ---------------------------------------------------------------------------------


async def test_an_order_that_ended_here_and_is_open_there_works_again(tmp_path: Path) -> None:
    """The venue said canceled, later it shows it open: it is ours, and wanted gone."""
    clock = Clock()
    venue = paper(tmp_path, clock)
    async with worker(tmp_path, clock, config(), venue) as desk:
        desk.run(keeps_executor=True)
        await desk.ready()
        ticket = await desk.ticket(source="straight", price=D(50_000))
        await until(lambda: desk.state(ticket) is OrderState.WORKING)
        order = desk.order(ticket)
        assert order is not None
        said = Report(
            venue_order_id=order.venue_order_id or "",
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            state=OrderState.CANCELED,
            amount=order.amount,
            filled=D(0),
        )
        await desk.store.write(lambda tx: booking.book(tx, order.id, said, ()))
        assert desk.state(ticket) is OrderState.CANCELED
        clock.advance(10)
        found = await desk.reconciler.look("main")
        assert len(found.risen) == 1
        assert desk.state(ticket) not in {OrderState.CANCELED}


async def test_an_order_just_acknowledged_is_not_in_doubt_for_one_blind_look(
    tmp_path: Path,
) -> None:
    """Exchanges show an order to look-ups a moment after they took it."""
    clock = Clock()
    venue = paper(tmp_path, clock)
    async with worker(tmp_path, clock, config(), venue) as desk:
        desk.run()
        await desk.ready()
        venue.faults.hide_orders = True
        ticket = await desk.ticket(source="straight", type=OrderType.MARKET)
        await until(lambda: (o := desk.order(ticket)) is not None and o.acknowledged_at)
        await a_while(0.5)
        assert desk.state(ticket) is OrderState.WORKING


async def test_expires_in_holds_for_a_revision_too(tmp_path: Path) -> None:
    """`expires_in` is how long the signal may wait; half of it may not wait ten times as long."""
    clock = Clock()
    async with worker(tmp_path, clock, config(), paper(tmp_path, clock)) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket(expires_in=timedelta(seconds=30))
        assert ticket.terms is not None
        half = ticket.terms.amount / 2
        await desk.desk.edit(ticket.id, revision=1, person=ANA_P, change=editing.amount(half))
        after = desk.now(ticket)
        assert after.expires_at is not None
        assert after.expires_at <= clock() + timedelta(seconds=30)


async def test_who_rejected_is_recorded_when_they_had_approved_before(tmp_path: Path) -> None:
    clock = Clock()
    two_eyes = Rule(name="two", when=When(sources=frozenset({"tv"})), required=2)
    async with worker(tmp_path, clock, config(two_eyes), paper(tmp_path, clock)) as desk:
        desk.run()
        await desk.ready()
        ticket = await desk.ticket()
        await desk.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE)
        await desk.desk.vote(ticket.id, revision=1, person=ANA_P, kind=VoteKind.REJECT)
        assert desk.now(ticket).state is TicketState.REJECTED
        told = desk.store.read_now(lambda tx: tx.journal.of_ticket(ticket.id))
        assert any(e.actor == ANA_P.id and e.data.get("vote") == "reject" for e in told)


# --- the chat -------------------------------------------------------------------------------------


async def halted_and_proved(desk: FrontDesk) -> None:
    """A halt, followed until it is verified."""
    await desk.side.desk.halt(person=OLGA_P, reason="")

    def verified() -> bool:
        desk.clock.advance(2)
        halt = desk.read(lambda tx: tx.trading()).halt
        return halt is not None and halt.verified_at is not None

    await until(verified, timeout_s=10)


async def test_a_halt_that_was_lifted_before_it_could_be_told_does_not_stop_the_telling(
    tmp_path: Path,
) -> None:
    """Telegram away, `countersign kill`, `countersign resume`: then the chat must go on."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await halted_and_proved(desk)
        await desk.side.desk.resume(person=OLGA_P)
        await desk.start("notifier")
        ticket = await desk.new_ticket()
        await desk.card(ticket)


async def test_four_refusals_at_the_tap_do_not_stop_the_telling(tmp_path: Path) -> None:
    """More than three in a minute are counted; those of a tap carry no source."""
    toml_limit = {"COUNTERSIGN_RISK__MAX_OPEN_ORDERS": "1"}
    async with front_desk(tmp_path, environ=toml_limit) as desk:
        await desk.start("trading", "notifier")
        tickets = [await desk.new_ticket(price=D(50_000), amount="0.01") for _ in range(4)]
        for ticket in tickets:
            await desk.card(ticket)
        await desk.resting_order()
        for ticket in tickets:
            answer = await desk.side.desk.vote(
                ticket.id, revision=1, person=ANA_P, kind=VoteKind.APPROVE
            )
            assert answer.outcome is Outcome.REFUSED
        head = desk.head()[0]
        await until(lambda: (desk.read(lambda tx: tx.chat.cursor("chat")) or 0) >= head - 3)


async def test_a_kill_that_came_after_a_resume_wins(tmp_path: Path) -> None:
    """Both wait in one batch of updates: the last word was to stop."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await halted_and_proved(desk)
        generation = desk.read(lambda tx: tx.trading()).generation
        confirm = await desk.button_about("confirm_resume", f"resume:{generation}")
        chat = desk.playground.chat
        message = chat.post(GROUP, chat.bot, "Resume?", keyboard=((confirm,),))
        tap = asyncio.create_task(desk.tap(message, confirm, by=OLGA))
        await until(lambda: chat.pending_updates() == 1)
        desk.playground.say("/kill", by=ANA)
        await desk.start("intake")
        await desk.heard()
        await asyncio.gather(tap, return_exceptions=True)
        assert desk.read(lambda tx: tx.trading()).state is TradingState.HALTED


async def test_an_old_confirm_resume_does_not_lift_a_later_halt(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await halted_and_proved(desk)
        generation = desk.read(lambda tx: tx.trading()).generation
        confirm = await desk.button_about("confirm_resume", f"resume:{generation}")
        await desk.side.desk.resume(person=OLGA_P)
        await halted_and_proved(desk)
        chat = desk.playground.chat
        message = chat.post(GROUP, chat.bot, "Resume?", keyboard=((confirm,),))
        await desk.start("intake")
        await desk.tap(message, confirm, by=OLGA)
        assert desk.read(lambda tx: tx.trading()).state is TradingState.HALTED


async def test_a_message_telegram_forbids_stays_undelivered(tmp_path: Path) -> None:
    """The bot was taken out of the group for a minute: the card must come, or be counted as missing."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        why = "Forbidden: bot was kicked from the supergroup chat"
        desk.playground.faults.error("sendMessage", status=403, description=why)
        ticket = await desk.new_ticket()
        await desk.start("notifier")
        await until(lambda: desk.playground.count("sendMessage"))
        await a_while(0.3)
        lost = desk.read(undelivered) == 0
        desk.playground.faults.clear()
        assert not lost, f"{ticket.id} waits, and nobody was told"


async def test_a_card_does_not_say_not_sent_of_an_order_that_turned_up_and_works(
    tmp_path: Path,
) -> None:
    """Proved absent, and open at the exchange after all: people must be told what is so."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        desk.paper.faults.hide_orders = True
        desk.paper.faults.drop_next_answer = True
        ticket = await desk.new_ticket(source="straight", price=D(50_000), amount="0.01")
        await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)

        def failed() -> bool:
            desk.clock.advance(1)
            return desk.ticket(ticket.id).state is TicketState.FAILED

        await until(failed, timeout_s=60)
        desk.paper.faults.hide_orders = False
        await desk.side.reconciler.look("main")
        assert desk.order(ticket).state is OrderState.WORKING
        view = await desk.front.view(ticket.id)
        assert view is not None
        face = cards.card(view, desk.front.look, short="T-TEST")
        assert "not sent" not in face.text
        assert "Nothing was sent" not in face.text


async def test_the_kill_door_of_the_command_line_works_with_a_venue_taken_out(
    tmp_path: Path,
) -> None:
    """Somebody takes a venue out of the file, sees trouble, and types `countersign kill`."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading")
        await desk.resting_order()
        (tmp_path / "countersign.toml").write_text(TOML.replace("[venues.main]", "[venues.new]"))
        where = {"COUNTERSIGN_DATABASE__URL": f"sqlite:///{tmp_path / 'countersign.db'}"}
        said = tmp_path / "said"
        with said.open("wb") as to:
            killing = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "kill"),
                cwd=tmp_path,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | SECRETS | where,
                stdout=to,
                stderr=to,
            )

        def halted() -> bool:
            return desk.read(lambda tx: tx.trading()).state is TradingState.HALTED

        with skipping(skips=False), contextlib.suppress(TimeoutError):
            await until(lambda: halted() or killing.returncode is not None, timeout_s=60)
        if killing.returncode is None:
            killing.kill()
        await killing.wait()
        assert halted(), said.read_text()


@pytest.mark.parametrize("body", ['{"flatten": true}', "{}"])
async def test_every_kill_over_http_halts(tmp_path: Path, body: str) -> None:
    """Who asks for more than a halt must at least get the halt."""
    async with front_desk(tmp_path) as desk:
        app = FastAPI()
        app.include_router(api(desk.front, "token"))
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk")
        async with http:
            await http.post("/api/kill", content=body, headers={"Authorization": "Bearer token"})
        assert desk.read(lambda tx: tx.trading()).state is TradingState.HALTED


async def test_kill_flatten_is_stored_with_the_halt(tmp_path: Path) -> None:
    """A process that dies right after the answer finds both."""
    async with front_desk(tmp_path) as desk:
        await desk.start("trading", "intake", "notifier")
        desk.playground.say("/kill flatten", by=ANA)
        await until(lambda: desk.read(lambda tx: tx.trading()).halt)
        halt = desk.read(lambda tx: tx.trading()).halt
        assert halt is not None
        assert halt.reason == ""
        assert halt.flatten is not None
        assert (halt.flatten.by, halt.flatten.name) == (f"tg:{ANA}", "Ana")
