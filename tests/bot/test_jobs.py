"""What ticks, and that a lost and a found venue is written down once."""

from __future__ import annotations

from bot.jobs import VenueWatch, scheduler
from execution.events import EventKind
from execution.types import TicketState
from tests.desk import FrontDesk
from tests.waiting import until


def watch_of(desk: FrontDesk) -> VenueWatch:
    return VenueWatch(store=desk.side.store, market=desk.side.market)


def noted(desk: FrontDesk) -> list[tuple[str, str, str | None]]:
    """What was written down about venues: kind, venue, reason."""
    return [
        (str(e.kind), e.data["venue"], e.data.get("reason"))
        for e in desk.read(lambda tx: tx.journal.after(0))
        if e.kind in {EventKind.VENUE_DOWN, EventKind.VENUE_UP}
    ]


async def test_ticks_expire_tickets_and_note_venues(desk: FrontDesk) -> None:
    """A deadline is a column: the tick finds what has passed it, nothing else."""
    await desk.start("trading")
    ticket = await desk.new_ticket()
    ticks = scheduler(desk=desk.side.desk, watch=watch_of(desk))
    assert {job.id for job in ticks.get_jobs()} == {
        "expire tickets", "forget old signal keys", "note venues lost and found",
    }  # fmt: skip
    desk.clock.advance(299)
    await desk.side.desk.expire()
    assert desk.ticket(ticket.id).state is TicketState.PENDING
    ticks.start()
    desk.clock.advance(1)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.EXPIRED)
    ticks.shutdown(wait=False)


async def test_late_or_doubled_tick_does_no_harm(desk: FrontDesk) -> None:
    await desk.start("trading")
    await desk.new_ticket()
    desk.clock.advance(3000)
    for _ in range(3):
        await desk.side.desk.expire()
    assert desk.read(lambda tx: tx.journal.count(EventKind.TICKET_EXPIRED)) == 1


async def test_old_signal_keys_are_forgotten(desk: FrontDesk) -> None:
    signal = await desk.accept()
    assert desk.read(lambda tx: tx.signals.known("tv", signal.id, tx.now))
    desk.clock.advance(86_400)
    await desk.side.desk.forget()
    desk.clock.advance(-86_400)
    assert desk.read(lambda tx: tx.signals.known("tv", signal.id, tx.now)) is None


async def test_first_connection_is_no_news(desk: FrontDesk) -> None:
    watch = watch_of(desk)
    await watch.note()
    await desk.start("trading")
    await watch.note()
    assert noted(desk) == []


async def test_venue_that_fails_from_the_start_is_news_and_so_is_its_coming(
    desk: FrontDesk,
) -> None:
    watch = watch_of(desk)
    feed = desk.side.market.feed("main")
    feed.failures, feed.reason = 1, "no route to host"
    for _ in range(3):
        await watch.note()
    assert noted(desk) == [("venue_down", "main", "no route to host")]
    feed.connected, feed.reason = True, None
    for _ in range(3):
        await watch.note()
    assert noted(desk)[1:] == [("venue_up", "main", None)]


async def test_venue_lost_and_found_is_noted_once_each(desk: FrontDesk) -> None:
    watch = watch_of(desk)
    await desk.start("trading")
    await watch.note()
    feed = desk.side.market.feed("main")
    await desk.stop("trading")
    feed.connected, feed.failures, feed.reason = False, 3, "it does not answer"
    for _ in range(2):
        await watch.note()
    feed.connected, feed.failures, feed.reason = True, 0, None
    for _ in range(2):
        await watch.note()
    assert [kind for kind, _, _ in noted(desk)] == ["venue_down", "venue_up"]
