"""The day's entry: once a local day, whatever restarts, and the message it becomes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from bot import terminal
from bot.daily import Daily, moment
from execution.desk import Person
from execution.equity import Stop, StopKind
from execution.events import Event, EventKind
from execution.types import OrderState, Side, TicketState
from tests.desk import ANA, FrontDesk
from tests.waiting import until

BERLIN = ZoneInfo("Europe/Berlin")
EIGHT = time(8)
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")


def daily(desk: FrontDesk, *, at: time = EIGHT, zone: ZoneInfo | type[UTC] = UTC) -> Daily:
    """As a process that has just started has it."""
    return Daily(store=desk.side.store, at=at, zone=zone)


def entries(desk: FrontDesk) -> list[Event]:
    found = desk.read(lambda tx: tx.journal.after(0, 100_000))
    return [event for event in found if event.kind is EventKind.DAILY]


async def began(desk: FrontDesk, at: datetime) -> None:
    """The desk was set up then."""
    desk.clock.now = at
    await desk.side.store.write(lambda tx: tx.journal.add(EventKind.STARTED, tx.now))


async def test_entry_is_written_at_the_hour_and_once_a_day(desk: FrontDesk) -> None:
    await began(desk, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    job = daily(desk)
    for at, count in (
        (datetime(2026, 11, 21, 7, 59, 59, tzinfo=UTC), 0),
        (datetime(2026, 11, 21, 8, 0, tzinfo=UTC), 1),
        (datetime(2026, 11, 21, 8, 0, 10, tzinfo=UTC), 1),
        (datetime(2026, 11, 22, 7, 0, tzinfo=UTC), 1),
        (datetime(2026, 11, 22, 9, 0, tzinfo=UTC), 2),
    ):
        desk.clock.now = at
        await job.write()
        assert len(entries(desk)) == count
    assert [e.data["day"] for e in entries(desk)] == ["2026-11-21", "2026-11-22"]


async def test_restart_does_not_write_it_again(desk: FrontDesk) -> None:
    await began(desk, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    desk.clock.now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    await daily(desk).write()
    desk.clock.advance(60)
    await daily(desk).write()
    assert len(entries(desk)) == 1


@pytest.mark.parametrize(
    ("up_again", "days"),
    [
        (datetime(2026, 11, 23, 21, 15, tzinfo=UTC), ["2026-11-23"]),
        (datetime(2026, 11, 24, 7, 59, tzinfo=UTC), ["2026-11-23"]),
        (datetime(2026, 11, 24, 8, 0, tzinfo=UTC), ["2026-11-24"]),
    ],
    ids=["the same day", "the next morning", "at the next hour"],
)
async def test_desk_that_was_down_at_the_hour_writes_the_newest_missed_day_once(
    desk: FrontDesk, up_again: datetime, days: list[str]
) -> None:
    await began(desk, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    desk.clock.now = up_again
    for _ in range(2):
        await daily(desk).write()
    assert [e.data["day"] for e in entries(desk)] == days


async def test_day_that_was_missed_and_the_next_one_are_both_told(desk: FrontDesk) -> None:
    await began(desk, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    desk.clock.now = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
    job = daily(desk)
    for _ in range(12):
        await job.write()
        desk.clock.advance(600)
    assert [e.data["day"] for e in entries(desk)] == ["2026-11-21", "2026-11-22"]


async def test_clock_that_is_set_back_writes_nothing_again(desk: FrontDesk) -> None:
    await began(desk, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    desk.clock.now = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    await daily(desk).write()
    desk.clock.now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    await daily(desk).write()
    assert [e.data["day"] for e in entries(desk)] == ["2026-11-22"]


async def test_other_hour_in_the_settings_tells_no_day_twice(desk: FrontDesk) -> None:
    await began(desk, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    desk.clock.now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    await daily(desk).write()
    desk.clock.now = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    await daily(desk, at=time(20)).write()
    assert [e.data["day"] for e in entries(desk)] == ["2026-11-21"]


async def test_desk_that_was_set_up_after_the_hour_begins_the_next_day(desk: FrontDesk) -> None:
    job = daily(desk)
    await job.write()
    await began(desk, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    await job.write()
    assert entries(desk) == []
    desk.clock.advance(86_400)
    await job.write()
    assert len(entries(desk)) == 1


async def test_entry_names_the_head_before_it(desk: FrontDesk) -> None:
    await began(desk, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    desk.clock.advance(86_400)
    head = desk.head()
    await daily(desk).write()
    (entry,) = entries(desk)
    assert (int(entry.data["entry"]), entry.data["mac"]) == head
    assert entry.seq == head[0] + 1


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (date(2026, 11, 20), time(8), "2026-11-20T07:00:00+00:00"),
        (date(2026, 7, 1), time(8), "2026-07-01T06:00:00+00:00"),
        # 02:30 does not exist: clocks go from 02:00 to 03:00, it is said at 03:30.
        (date(2026, 3, 29), time(2, 30), "2026-03-29T01:30:00+00:00"),
        # 02:30 comes twice: the first.
        (date(2026, 10, 25), time(2, 30), "2026-10-25T00:30:00+00:00"),
    ],
)
def test_hour_is_that_of_the_local_clock(day: date, at: time, expected: str) -> None:
    assert moment(day, at, BERLIN).isoformat() == expected


@pytest.mark.parametrize("start", [date(2026, 3, 28), date(2026, 10, 24)])
async def test_days_on_which_the_clocks_change_have_one_entry_each(
    desk: FrontDesk, start: date
) -> None:
    await began(desk, datetime.combine(start, time(0), BERLIN).astimezone(UTC))
    job = daily(desk, at=time(2, 30), zone=BERLIN)
    desk.clock.now = datetime.combine(start, time(0), BERLIN).astimezone(UTC)
    end = datetime.combine(start + timedelta(days=3), time(0), BERLIN).astimezone(UTC)
    while desk.clock.now < end:
        await job.write()
        desk.clock.advance(600)
    days = Counter(e.data["day"] for e in entries(desk))
    assert days == {(start + timedelta(days=n)).isoformat(): 1 for n in range(3)}


# --- the message ----------------------------------------------------------------------------------


async def told(desk: FrontDesk) -> None:
    """It is the next morning, and the entry is written."""
    desk.clock.now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    await daily(desk).write()


async def test_good_day_is_told_silently_with_what_there_is_and_the_head(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    bought = await desk.new_ticket(source="straight", amount=Decimal("0.01"))
    await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
    sold = await desk.new_ticket(source="straight", amount=Decimal("0.005"), side=Side.SELL)
    await until(lambda: desk.ticket(sold.id).state is TicketState.DONE)
    await until(lambda: desk.read(lambda tx: tx.chat.cursor("chat")) == desk.head()[0])
    await desk.stop("trading")
    seq, mac = desk.head()
    await told(desk)
    message = await desk.playground.wait_for_text("Sat 21 Nov 2026")
    first, result, today, rests, held, head = filter(None, message.text.splitlines())
    assert first == "PAPER · Sat 21 Nov 2026: all clear"
    assert result.startswith("Realised the day before: \N{MINUS SIGN}0.")
    assert result.endswith(" USDT")
    assert today == "Realised today so far: none"
    assert rests == "Nothing of ours rests"
    assert held.startswith("BTC/USDT 0.00")
    assert head == f"Journal head {seq}:{mac[:16]}"
    assert message.silent


async def test_what_is_not_clear_stands_first_and_rings(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    order = await desk.stuck_order()
    await desk.playground.wait_for_text("a person must decide")
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    await desk.stop("trading")
    await told(desk)
    message = await desk.playground.wait_for_text("Sat 21 Nov 2026")
    assert message.text.startswith(
        "PAPER · Sat 21 Nov 2026: trading is halted; 1 order unknown\n"
    ) or message.text.startswith("PAPER · Sat 21 Nov 2026: trading is halted; 1 order unknown; ")
    assert f"T-{order.ticket[-4:]} BUY 0.01 BTC/USDT · stuck" in message.text
    assert not message.silent


async def test_what_was_read_of_both_days_is_told_with_its_parts(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    bought = await desk.new_ticket(source="straight", amount=Decimal("0.01"))
    await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
    desk.prices.set_price("BTC/USDT", Decimal(59_000))
    for at in (
        datetime(2026, 11, 20, 23, 59, 55, tzinfo=UTC),
        datetime(2026, 11, 21, 0, 0, tzinfo=UTC),
    ):
        desk.clock.now = at
        await desk.side.accounts.turn()
    desk.prices.set_price("BTC/USDT", Decimal(59_500))
    desk.clock.now = datetime(2026, 11, 21, 7, 59, 57, tzinfo=UTC)
    await desk.side.accounts.turn()
    await desk.stop("trading")
    await told(desk)
    message = await desk.playground.wait_for_text("Sat 21 Nov 2026")
    _, before, today, *_ = message.text.replace("\u00a0", " ").splitlines()
    minus = "\N{MINUS SIGN}"
    parts = f"realised {minus}0.6, unrealised {minus}9.99"
    assert before == f"The day before {minus}10.59 USDT: {parts}"
    assert today == "Today +5 USDT: realised 0, unrealised +5 · oldest price 3 s"


async def test_entries_that_are_stopped_are_not_clear(desk: FrontDesk) -> None:
    await began(desk, desk.clock.now)
    at = desk.clock.now
    stop = Stop(
        kind=StopKind.DRAWDOWN,
        since=at,
        day=at.date(),
        figure=Decimal("0.11"),
        bound=Decimal("0.1"),
    )
    await desk.side.store.write(lambda tx: tx.accounts.stop(stop))
    await desk.start("trading", "notifier")
    await desk.stop("trading")
    await told(desk)
    message = await desk.playground.wait_for_text("Sat 21 Nov 2026")
    assert message.text.startswith("PAPER · Sat 21 Nov 2026: entries are stopped")
    assert "No entries until /limits reset drawdown" in message.text
    assert not message.silent


async def test_messages_that_waited_are_counted(desk: FrontDesk) -> None:
    await desk.start("trading")
    await desk.new_ticket()
    await told(desk)
    (entry,) = entries(desk)
    assert entry.data["undelivered"] == "1"
    await desk.start("notifier")
    message = await desk.playground.wait_for_text("Sat 21 Nov 2026")
    assert "1 message waited" in message.text


async def test_message_that_is_just_on_its_way_does_not_count_as_waiting(desk: FrontDesk) -> None:
    await began(desk, desk.clock.now)
    await desk.start("trading")
    desk.clock.now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC) - timedelta(seconds=59)
    await desk.new_ticket()
    await told(desk)
    assert [e.data["undelivered"] for e in entries(desk)] == ["0"]


async def test_head_that_was_posted_shows_a_tail_that_was_cut(desk: FrontDesk) -> None:
    """The chain alone verifies without its tail."""
    await began(desk, desk.clock.now)
    seq, mac = desk.head()
    for entry, digits, held in (
        (seq, mac[:16], True),
        (seq, mac, True),
        (seq + 5, mac[:16], False),
        (seq, "0" * 16, False),
    ):
        posted = terminal.Posted(entry=entry, digits=digits)
        assert desk.read(lambda tx, p=posted: tx.journal.holds(p.entry, p.digits)) is held


async def test_order_that_rests_though_its_ticket_has_ended_is_told(desk: FrontDesk) -> None:
    await desk.start("trading", "notifier")
    order = await desk.stuck_order()
    await desk.side.desk.mark_absent(order.id, person=Person(id="api", name="api"))
    desk.paper.faults.hide_orders = False
    desk.clock.advance(31)
    await until(lambda: desk.order(desk.ticket(order.ticket)).state is OrderState.WORKING)
    assert desk.ticket(order.ticket).state is TicketState.FAILED
    shown = await desk.front.status()
    assert [working.ticket.id for working in shown.working] == [order.ticket]
    await desk.stop("trading")
    await told(desk)
    message = await desk.playground.wait_for_text("Sat 21 Nov 2026")
    assert f"T-{order.ticket[-4:]} BUY 0.01 BTC/USDT · working · paper main" in message.text
    assert "Nothing of ours rests" not in message.text
