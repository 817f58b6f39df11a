"""What becomes of an order that certainly never left: when the same id goes out again, and when not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from execution.approval import APPROVAL_HOLDS, Policy
from execution.config import Config
from execution.errors import NotSent
from execution.executor import sending
from execution.risk import Limits
from execution.store import Store, Transaction
from execution.trading import Brake
from execution.types import Order, OrderState
from execution.venues.paper import PaperVenue
from execution.venues.scripted import ScriptedMarket
from execution.venues.venue import NewOrder, Report
from tests.clock import Clock
from tests.execution.builders import NOW, prices
from tests.execution.rows import order, stored

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

    async def send(self, order: NewOrder) -> Report:
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
    assert store.write_now(sending.commit_sending("O1", venue)) is None
    ended = store.read_now(lambda tx: tx.orders.get("O1"))
    assert (ended.state, ended.reason) == (
        OrderState.DENIED,
        "it could not be sent while its approval held",
    )


def test_the_last_attempt_ends_it_with_the_exchanges_words(store: Store, venue: Silenced) -> None:
    after = attempt(store, venue, attempts=4)
    assert (after.state, after.reason) == (OrderState.DENIED, "paper asked for silence")
