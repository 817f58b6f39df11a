"""What becomes of an order that certainly never left: when the same id goes out again, and when not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from execution.approval import APPROVAL_HOLDS, Policy, Role
from execution.checks import Limits
from execution.config import Config
from execution.errors import NotSent
from execution.executor import opening, sending
from execution.store import Store, Transaction
from execution.trading import Brake
from execution.types import Order, OrderState, TicketState
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from execution.venues.venue import Held, NewOrder, Report, go
from tests.clock import Clock
from tests.execution.bookkeeping import Desk
from tests.execution.builders import NOW, prices
from tests.execution.rows import order, report, stored, trade, vote
from tests.execution.watched import Desk as World

SECOND = timedelta(seconds=1)
RULES = Config(
    policy=Policy(people={}),
    limits=Limits(),
    prices=prices(),
    default_venue="main",
    default_size=None,
    sources={},
    currency="USDT",
    zone=ZoneInfo("UTC"),
    max_retries=3,
    retry_delay=SECOND,
    reconcile_every=30 * SECOND,
)


class Silenced(PaperVenue):
    """An exchange that takes nothing, and says for how long where it is given a time."""

    asked: timedelta | None = None

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        raise NotSent("paper asked for silence", retry_after=self.asked)


@pytest.fixture
def venue(tmp_path: Path, clock: Clock) -> Silenced:
    return Silenced("main", tmp_path / "paper.db", clock, market=ScriptedMarket())


def attempt(store: Store, venue: Silenced, **changes: Any) -> Order:
    """The order after one attempt that never left."""

    def place(tx: Transaction) -> Order:
        stored(tx, "working", decided_at=NOW)
        tx.orders.add(order("sending", **changes))
        return tx.orders.get("O1")

    placed = store.write_now(place)
    record = asyncio.run(sending.send(placed, venue, Brake(), RULES, Random(1)))
    return store.write_now(record)


@pytest.mark.parametrize(("attempts", "pause"), [(1, 1), (2, 2), (3, 4)])
def test_the_pause_doubles_with_a_little_jitter(
    store: Store, venue: Silenced, attempts: int, pause: int
) -> None:
    after = attempt(store, venue, attempts=attempts)
    assert after.state is OrderState.PLANNED
    assert after.next_look_at is not None
    assert pause * SECOND <= after.next_look_at - NOW <= pause * SECOND * 5 / 4


def test_it_waits_as_long_as_the_exchange_asks(store: Store, venue: Silenced) -> None:
    venue.asked = 17 * SECOND
    assert attempt(store, venue, attempts=1).next_look_at == NOW + 17 * SECOND


def test_a_shorter_wish_of_the_exchange_does_not_shorten_the_pause(
    store: Store, venue: Silenced
) -> None:
    venue.asked = SECOND
    after = attempt(store, venue, attempts=3)
    assert after.next_look_at is not None
    assert after.next_look_at >= NOW + 4 * SECOND


def test_it_is_given_up_when_its_approval_ends_not_when_a_ban_of_days_does(
    store: Store, venue: Silenced, clock: Clock
) -> None:
    venue.asked = timedelta(days=3)
    after = attempt(store, venue, attempts=1)
    assert after.next_look_at is not None
    assert after.next_look_at == NOW + APPROVAL_HOLDS + SECOND

    clock.now = after.next_look_at
    assert store.write_now(lambda tx: sending.commit_sending(tx, after, venue)) is None
    ended = store.read_now(lambda tx: tx.orders.get("O1"))
    assert (ended.state, ended.reason) == (
        OrderState.DENIED,
        "it could not be sent while its approval held",
    )


def test_the_last_attempt_ends_it_with_the_exchanges_words(store: Store, venue: Silenced) -> None:
    after = attempt(store, venue, attempts=4)
    assert (after.state, after.reason) == (OrderState.DENIED, "paper asked for silence")


@pytest.mark.parametrize("attempts", [1, 4])
def test_what_was_canceled_while_it_was_being_sent_ends_at_once(
    store: Store, venue: Silenced, attempts: int
) -> None:
    """However long the exchange wants to hear nothing."""
    venue.asked = 50 * SECOND
    by = {"cancel_requested_at": NOW, "cancel_reason": "canceled by Ana"}
    after = attempt(store, venue, attempts=attempts, **by)
    assert (after.state, after.reason) == (OrderState.DENIED, "canceled by Ana")
    ticket = store.read_now(lambda tx: tx.tickets.get("T1"))
    assert ticket is not None
    assert ticket.state is TicketState.CANCELED


class TestPlannedBefore:
    """An order that never left is what people approve of today, or it does not leave."""

    POLICY = Policy(people={"tg:2": Role.APPROVER})

    @pytest.fixture
    def world(self, tmp_path: Path, clock: Clock) -> World:
        """A venue that may be traded at, with the price that was approved."""
        made = World(tmp_path, clock)
        made.prices.set_price("BTC/USDT", Decimal("99.99"))
        asyncio.run(made.see("BTC/USDT"))
        made.feed.connected = made.feed.compared = True
        return made

    def asked(self, store: Store, world: World, policy: Policy, *legs: Order) -> Order:
        """The planned order after it was asked for again; `legs` are the earlier ones of its ticket."""

        def place(tx: Transaction) -> None:
            ticket = stored(tx, "working", decided_at=NOW)
            tx.tickets.vote(vote(ticket))
            for leg in legs:
                tx.orders.add(leg)
            rest = order("planned", amount=Decimal("0.6"), leg="entry-2", client_order_id="c1")
            tx.orders.add(rest)

        store.write_now(place)
        config = RULES.evolve(policy=policy)
        plan = opening.planned_before("O1", world.venue, world.market, config)
        planned = store.write_now(plan)
        after = store.read_now(lambda tx: tx.orders.get("O1"))
        assert planned == (after if after.state is OrderState.PLANNED else None)
        return after

    def entry(self, filled: str) -> Order:
        claimed = {"reported": Decimal(filled), "ended_at": NOW}
        return order("canceled", id="O0", client_order_id="c0", **claimed)

    def test_what_was_approved_goes_out(self, store: Store, world: World) -> None:
        assert self.asked(store, world, self.POLICY).state is OrderState.PLANNED

    @pytest.mark.parametrize(("filled", "state"), [("0.4", "planned"), ("0.41", "denied")])
    def test_all_legs_together_are_never_more_than_was_approved(
        self, store: Store, world: World, filled: str, state: str
    ) -> None:
        """A fill of the first leg showed after the second was planned."""
        assert self.asked(store, world, self.POLICY, self.entry(filled)).state == state

    def test_approvals_that_do_not_count_today_deny_it(self, store: Store, world: World) -> None:
        after = self.asked(store, world, Policy(people={}))
        assert after.state is OrderState.DENIED
        assert after.reason == "its approvals are not what the rule default asks for today"


@pytest.mark.parametrize(
    "recorded",
    [
        lambda one: sending.acknowledged(one, report("filled", "1")),
        lambda one: sending.acknowledged(one, report("working", "0")),
        lambda one: sending.in_doubt(one, "no answer"),
        lambda one: sending.refused(one, "no"),
        lambda one: sending.not_sent(one, "it never left", again_in=SECOND),
        lambda one: sending.gave_up(one, "it never left"),
    ],
    ids=["filled", "taken", "no answer", "refused", "never left", "given up"],
)
def test_an_outcome_that_is_stored_late_does_not_undo_what_a_comparison_has_seen(
    store: Store, recorded: Callable[[Order], Callable[[Transaction], Order]]
) -> None:
    """A database that takes nothing holds up the answer; meanwhile a look may have found it filled."""
    desk = Desk(store)
    desk.place("sending")
    sent = desk.order
    desk.book(report("filled", "1"), trade("t1", "1"))
    desk.store.write_now(recorded(sent))
    assert desk.order.state is OrderState.FILLED
    assert desk.filled == 1
