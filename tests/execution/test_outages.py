"""An outage as stored and told: the breaker of a venue, from the last answer to the first order after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.breaker import SILENCE, Breaker, BreakerState
from execution.desk import Person
from execution.events import EventKind
from execution.types import OrderState, TicketState, VoteKind
from tests.desk import ANA, FrontDesk, front_desk
from tests.waiting import until

ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
WORDS = {
    EventKind.VENUE_DOWN,
    EventKind.VENUE_ANSWERS,
    EventKind.VENUE_LOST_AGAIN,
    EventKind.VENUE_UP,
}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as made:
        yield made


def told(desk: FrontDesk) -> list[str]:
    """What was written down about venues, oldest first."""
    return [str(e.kind) for e in desk.read(lambda tx: tx.journal.after(0)) if e.kind in WORDS]


def breaker(desk: FrontDesk) -> Breaker:
    return desk.read(lambda tx: tx.breakers.of("main"))


async def turn(desk: FrontDesk, **heard: object) -> BreakerState:
    """The breaker after this was heard of the venue."""
    feed = desk.side.market.feed("main")
    for name, value in heard.items():
        setattr(feed, name, value)
    await desk.side.reconciler.turn_breaker(feed)
    assert feed.breaker is breaker(desk).state
    return feed.breaker


LOST = {"silent": SILENCE, "connected": False, "compared": False, "reason": "no route to host"}
FOUND = {"silent": timedelta(0), "connected": True, "reason": None}


async def left_open(desk: FrontDesk) -> None:
    """A process saw the venue lost, and died."""
    await turn(desk, **LOST)
    await desk.restart()


async def test_a_venue_lost_and_found_is_written_down_once_each(desk: FrontDesk) -> None:
    for _ in range(2):
        assert await turn(desk, **LOST) is BreakerState.OPEN
    assert breaker(desk).reason == "no route to host"
    assert breaker(desk).since == desk.clock()
    for _ in range(2):
        assert await turn(desk, **FOUND) is BreakerState.HALF_OPEN
    assert not desk.side.market.feed("main").ready
    for _ in range(2):
        assert await turn(desk, compared=True) is BreakerState.CLOSED
    assert desk.side.market.feed("main").ready
    assert told(desk) == ["venue_down", "venue_answers", "venue_up"]


async def test_a_venue_lost_again_before_it_was_of_use_is_written_down_apart(
    desk: FrontDesk,
) -> None:
    """People heard that it is away, and have not heard that it is back."""
    await turn(desk, **LOST)
    await turn(desk, **FOUND)
    assert await turn(desk, **LOST) is BreakerState.OPEN
    assert told(desk) == ["venue_down", "venue_answers", "venue_lost_again"]


async def test_the_first_connection_is_no_news(desk: FrontDesk) -> None:
    await desk.start("trading")
    assert told(desk) == []
    assert breaker(desk) == Breaker(venue="main")


async def test_a_venue_that_does_not_answer_from_the_start_is_news(desk: FrontDesk) -> None:
    assert await turn(desk, silent=SILENCE, reason="no route to host") is BreakerState.OPEN
    (event,) = desk.read(lambda tx: tx.journal.after(0))
    assert (event.kind, dict(event.data)) == (
        EventKind.VENUE_DOWN,
        {"venue": "main", "reason": "no route to host"},
    )


async def test_an_outage_outlives_the_process_and_its_end_is_told(desk: FrontDesk) -> None:
    await left_open(desk)
    assert breaker(desk).state is BreakerState.OPEN

    await desk.start("trading")
    await until(lambda: breaker(desk).state is BreakerState.CLOSED)
    assert told(desk) == ["venue_down", "venue_answers", "venue_up"]


async def test_after_a_restart_an_answer_without_a_comparison_lets_nothing_through(
    desk: FrontDesk,
) -> None:
    await left_open(desk)
    feed = desk.side.market.feed("main")
    feed.connected = True  # its list of open orders still does not answer
    looking = asyncio.create_task(desk.side.reconciler.run("main"))
    await until(lambda: breaker(desk).state is BreakerState.HALF_OPEN)
    assert not feed.ready

    await desk.paper.open()
    await until(lambda: feed.ready, timeout_s=8)
    assert breaker(desk).state is BreakerState.CLOSED
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_what_is_approved_while_it_is_open_is_sent_when_it_is_closed(
    desk: FrontDesk,
) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket(price=Decimal(50_000), amount="0.01")
    await desk.stop("trading")
    await desk.side.desk.vote(ticket.id, revision=1, person=ANA_HERSELF, kind=VoteKind.APPROVE)
    await left_open(desk)
    assert desk.ticket(ticket.id).state is TicketState.APPROVED

    await desk.start("trading")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    assert told(desk)[-1] == "venue_up", "the breaker came first"


async def test_what_rests_there_is_looked_at_at_once_when_it_is_closed(desk: FrontDesk) -> None:
    await desk.start("trading")
    order = await desk.resting_order()
    await desk.stop("trading")
    await turn(desk, **LOST)
    much_later = desk.clock() + timedelta(seconds=30)
    await desk.side.store.write(
        lambda tx: tx.orders.change(
            tx.orders.get(order.id), tx.orders.get(order.id).evolve(next_look_at=much_later)
        )
    )
    await turn(desk, **FOUND)
    await turn(desk, compared=True)
    after = desk.read(lambda tx: tx.orders.get(order.id))
    assert (after.state, after.next_look_at) == (OrderState.WORKING, desk.clock())
