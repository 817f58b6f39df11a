"""What is counted, how long each stage took, and that it is read from committed events."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from math import isnan

from prometheus_client.parser import text_string_to_metric_families

from bot.metrics import Metrics
from execution.desk import Person
from execution.equity import DayResult, Standing, Stop, StopKind
from execution.store import Transaction
from execution.types import TicketState
from tests.desk import ANA, FrontDesk
from tests.waiting import until

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scraped(metrics: Metrics) -> Samples:
    """Every sample by name and labels."""
    text = (await metrics.text()).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"countersign_{name}", tuple(sorted(labels.items()))), 0)


async def counting(desk: FrontDesk) -> Metrics:
    metrics = Metrics(desk.side.store, desk.side.market)
    await metrics.start()
    return metrics


async def test_events_are_counted_by_kind_from_the_start_of_the_process(desk: FrontDesk) -> None:
    await desk.start("trading")
    await desk.new_ticket()
    metrics = await counting(desk)
    assert of(await scraped(metrics), "events_total", kind="ticket_pending") == 0
    await desk.new_ticket(symbol="ETH/USDT")
    await desk.new_ticket(notional="54000")
    for _ in range(2):
        samples = await scraped(metrics)
        assert of(samples, "events_total", kind="ticket_pending") == 1
        assert of(samples, "events_total", kind="ticket_refused") == 1


async def test_each_stage_from_card_to_fill_is_timed(desk: FrontDesk) -> None:
    await desk.start("trading", "intake")
    metrics = await counting(desk)
    ticket = await desk.new_ticket()
    desk.clock.advance(20)
    await desk.side.market.fresh_quote("main", "BTC/USDT")
    message = desk.playground.say("a message", by=ANA)
    await desk.tap(message, await desk.button("approve", ticket), by=ANA)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    samples = await scraped(metrics)
    for stage in ("decide", "send", "acknowledge", "fill", "complete"):
        assert of(samples, "stage_seconds_count", stage=stage) == 1, stage
    assert of(samples, "stage_seconds_sum", stage="decide") == 20
    assert of(samples, "stage_seconds_bucket", stage="decide", le="10.0") == 0
    assert of(samples, "stage_seconds_bucket", stage="decide", le="30.0") == 1


async def test_gauges_say_what_is_so_now(desk: FrontDesk) -> None:
    await desk.start("trading")
    metrics = await counting(desk)
    await desk.new_ticket()
    await desk.resting_order()
    samples = await scraped(metrics)
    assert of(samples, "tickets", state="pending") == 1
    assert of(samples, "tickets", state="working") == 1
    assert of(samples, "orders_open") == 1
    assert of(samples, "orders_unknown") == 0
    assert of(samples, "halted") == 0
    assert of(samples, "undelivered") > 0
    await desk.side.desk.halt(person=Person(id="api", name="api"), reason="")
    samples = await scraped(metrics)
    assert of(samples, "halted") == 1
    assert of(samples, "tickets", state="pending") == 0


async def test_order_in_doubt_is_counted_as_unknown(desk: FrontDesk) -> None:
    await desk.start("trading")
    metrics = await counting(desk)
    desk.paper.faults.lose_next_request = True
    ticket = await desk.new_ticket(source="straight")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    await until(lambda: desk.order(ticket).state.value == "in_doubt")
    assert of(await scraped(metrics), "orders_unknown") == 1


async def test_many_scrapes_at_once_count_nothing_twice(desk: FrontDesk) -> None:
    await desk.start("trading")
    metrics = await counting(desk)
    await desk.new_ticket()
    await asyncio.gather(*(metrics.text() for _ in range(20)))
    assert of(await scraped(metrics), "events_total", kind="ticket_pending") == 1


async def test_late_fill_of_an_ended_ticket_is_counted_without_its_beginning(
    desk: FrontDesk,
) -> None:
    """A process that did not see a stage begin must not fall over its end."""
    await desk.start("trading")
    order = await desk.resting_order()
    metrics = await counting(desk)
    desk.prices.set_price("BTC/USDT", order.price - 1)

    def filled() -> bool:
        desk.clock.advance(1)
        return desk.ticket(order.ticket).state is TicketState.DONE

    await until(filled)
    samples = await scraped(metrics)
    assert of(samples, "events_total", kind="ticket_done") == 1
    assert of(samples, "stage_seconds_count", stage="complete") == 0


async def test_the_last_reading_is_told_and_what_is_not_known_is_no_number(
    desk: FrontDesk,
) -> None:
    metrics = await counting(desk)
    names = ("day_result", "equity", "equity_mark", "drawdown", "reading_age_seconds")
    samples = await scraped(metrics)
    assert all(isnan(of(samples, name)) for name in names)
    assert of(samples, "entries_stopped", rule="max_daily_loss") == 0

    at, today = desk.clock(), desk.clock().date()
    day = DayResult(day=today, realized=Decimal(-6), unrealized=Decimal("-50.5"))
    standing = Standing(at=at, day=day, equity=Decimal(90), mark=Decimal(100))
    stop = Stop(
        kind=StopKind.DAILY_LOSS, since=at, day=today, figure=Decimal(-57), bound=Decimal(50)
    )

    def work(tx: Transaction) -> None:
        tx.accounts.stand(standing)
        tx.accounts.stop(stop)

    await desk.side.store.write(work)
    desk.clock.advance(7)
    samples = await scraped(metrics)
    assert [of(samples, name) for name in names] == [-56.5, 90, 100, 0.1, 7]
    assert of(samples, "entries_stopped", rule="max_daily_loss") == 1
    assert of(samples, "entries_stopped", rule="max_drawdown") == 0


async def test_streams_are_counted_by_venue(desk: FrontDesk) -> None:
    metrics = await counting(desk)
    told = desk.side.market.feed("main").told
    assert of(await scraped(metrics), "stream_up", venue="main") == 0
    told.heard_at, told.breaks = desk.clock(), 2
    for breaks in (2, 2, 5):
        told.breaks = breaks
        samples = await scraped(metrics)
        assert of(samples, "stream_up", venue="main") == 1
        assert of(samples, "stream_breaks_total", venue="main") == breaks
