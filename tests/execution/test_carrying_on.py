"""What an order left at its timeout goes out again: once, for exactly the rest, within what was approved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution import booking
from execution.desk import Person
from execution.executor import carrying_on, following
from execution.orders import TIMED_OUT
from execution.outcome import Outcome
from execution.store import Transaction
from execution.trading import Trading
from execution.types import Order, OrderState, Ticket, TicketState, TimeInForce, TradingState
from tests.desk import ANA, FrontDesk, NoCandles, front_desk
from tests.execution.builders import NOW
from tests.execution.rows import order
from tests.waiting import until

D = Decimal
BTC = "BTC/USDT"
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
NEVER_ANY = D(0)


@asynccontextmanager
async def trading(folder: Path, on_timeout: str) -> AsyncIterator[FrontDesk]:
    """A desk at work whose orders rest for 30 s."""
    environ = {"COUNTERSIGN_EXECUTION__ON_TIMEOUT": on_timeout}
    async with front_desk(folder, environ=environ, prices=NoCandles()) as desk:
        await desk.start("trading")
        yield desk


async def resting(desk: FrontDesk, *, filled: str = "0") -> Ticket:
    """A buy of 0.01 at the market, of which so much was filled; the rest is waited for in vain."""
    desk.prices.set_price(BTC, D(60_000), depth=D(filled))
    ticket = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.read(lambda tx: tx.orders.of_ticket(ticket.id)))
    await until(lambda: desk.order(ticket).state is OrderState.WORKING)
    await until(lambda: booked(desk, ticket) == D(filled))
    desk.prices.set_price(BTC, D(60_000), depth=NEVER_ANY)
    return ticket


def booked(desk: FrontDesk, ticket: Ticket) -> Decimal:
    fills = desk.read(lambda tx: tx.fills.of_tickets([ticket.id])).get(ticket.id, [])
    return sum((fill.amount for fill in fills), D(0))


def legs(desk: FrontDesk, ticket: Ticket) -> list[Order]:
    return desk.read(lambda tx: tx.orders.of_ticket(ticket.id))


async def soon(desk: FrontDesk, predicate: Callable[[], bool]) -> None:
    """Wait for it, while time goes on slowly: a look that was under way may put off the next one."""

    def look() -> bool:
        desk.clock.advance(0.1)
        return predicate()

    await until(look, timeout_s=20)  # as many looks on a busy machine


async def time_out(desk: FrontDesk, ticket: Ticket) -> None:
    """The newest order's time to rest is over, and it has ended."""
    last = desk.order(ticket)
    desk.clock.advance(30)
    await soon(desk, lambda: desk.order(ticket).id != last.id or ended(desk, ticket))


def ended(desk: FrontDesk, ticket: Ticket) -> bool:
    return desk.ticket(ticket.id).state is not TicketState.WORKING


async def test_the_rest_is_priced_anew_and_nothing_is_bought_twice(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await resting(desk, filled="0.004")
        desk.prices.set_price(BTC, D(60_100))
        await time_out(desk, ticket)
        await soon(desk, lambda: ended(desk, ticket))

        first, second = desk.paper.accepted
        assert (first.amount, first.price) == (D("0.01"), D("60060.01"))
        assert (second.amount, second.price) == (D("0.006"), D("60160.11"))
        assert second.time_in_force is TimeInForce.GTC
        assert [leg.leg for leg in legs(desk, ticket)] == ["entry", "entry-2"]
        assert desk.ticket(ticket.id).state is TicketState.DONE
        assert booked(desk, ticket) == D("0.01")


async def test_after_three_new_prices_the_rest_is_canceled_and_told(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await resting(desk)
        for _ in range(4):
            await until(lambda: desk.order(ticket).state is OrderState.WORKING)
            await time_out(desk, ticket)
        await soon(desk, lambda: ended(desk, ticket))

        assert [leg.leg for leg in legs(desk, ticket)] == ["entry", "entry-2", "entry-3", "entry-4"]
        assert {leg.state for leg in legs(desk, ticket)} == {OrderState.CANCELED}
        after = desk.ticket(ticket.id)
        assert (after.state, after.reason) == (TicketState.CANCELED, TIMED_OUT)


async def test_a_new_price_is_never_past_the_worst_that_was_approved(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await resting(desk)
        assert ticket.terms is not None
        # 0.29 % up: within the drift, and a tenth of a per cent more is past the worst price.
        desk.prices.set_price(BTC, D(60_174), depth=NEVER_ANY)
        await time_out(desk, ticket)
        assert desk.order(ticket).price <= ticket.terms.bound
        assert desk.order(ticket).leg == "entry-2"


async def test_at_the_market_the_rest_takes_what_there_is_up_to_the_worst_price(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path, "market") as desk:
        ticket = await resting(desk, filled="0.004")
        desk.prices.set_price(BTC, D(60_100), depth=D("0.005"))
        await time_out(desk, ticket)
        await soon(desk, lambda: ended(desk, ticket))

        _, second = desk.paper.accepted
        assert ticket.terms is not None
        assert (second.amount, second.price) == (D("0.006"), ticket.terms.bound)
        assert second.time_in_force is TimeInForce.IOC
        assert desk.ticket(ticket.id).state is TicketState.DONE
        assert booked(desk, ticket) == D("0.009")
        assert len(desk.paper.accepted) == 2, "and no third one"


async def test_a_price_past_the_drift_leaves_the_rest_unsent_and_says_so(tmp_path: Path) -> None:
    async with trading(tmp_path, "market") as desk:
        ticket = await resting(desk, filled="0.004")
        desk.prices.set_price(BTC, D(60_400))
        await time_out(desk, ticket)
        await soon(desk, lambda: ended(desk, ticket))

        after = desk.ticket(ticket.id)
        assert after.state is TicketState.DONE
        assert str(after.reason).endswith("not sent: the price moved past what was approved.")
        assert len(desk.paper.accepted) == 1


async def test_dust_is_kept_told_and_done(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await resting(desk, filled="0.00999")
        await time_out(desk, ticket)
        await soon(desk, lambda: ended(desk, ticket))

        after = desk.ticket(ticket.id)
        assert after.state is TicketState.DONE
        assert "under the minimum" in str(after.reason)
        assert len(desk.paper.accepted) == 1


async def test_a_cancel_that_loses_against_a_fill_is_booked_as_the_fill(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await resting(desk, filled="0.004")
        desk.paper.faults.keep_orders = True
        desk.clock.advance(30)
        await soon(desk, lambda: desk.order(ticket).state is OrderState.CANCELING)
        desk.prices.set_price(BTC, D(60_000))
        desk.clock.advance(2)
        await soon(desk, lambda: ended(desk, ticket))

        assert desk.order(ticket).state is OrderState.FILLED
        assert desk.ticket(ticket.id).state is TicketState.DONE
        assert booked(desk, ticket) == D("0.01")
        assert len(desk.paper.accepted) == 1


async def test_somebody_who_cancels_meanwhile_means_all_of_it(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await resting(desk)
        desk.paper.faults.keep_orders = True
        desk.clock.advance(30)
        await soon(desk, lambda: desk.order(ticket).state is OrderState.CANCELING)
        await desk.side.desk.cancel(ticket.id, person=ANA_HERSELF)
        desk.paper.faults.keep_orders = False
        desk.clock.advance(2)
        await soon(desk, lambda: ended(desk, ticket))

        after = desk.ticket(ticket.id)
        assert (after.state, after.reason) == (TicketState.CANCELED, "canceled by Ana")
        assert len(desk.paper.accepted) == 1


async def test_a_halt_meanwhile_ends_it(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await resting(desk)
        desk.paper.faults.keep_orders = True
        desk.clock.advance(30)
        await soon(desk, lambda: desk.order(ticket).state is OrderState.CANCELING)
        await desk.side.desk.halt(person=ANA_HERSELF, reason="")
        assert desk.read(lambda tx: tx.trading()).state is TradingState.HALTED
        desk.paper.faults.keep_orders = False
        desk.clock.advance(2)
        await soon(desk, lambda: ended(desk, ticket))

        after = desk.ticket(ticket.id)
        assert (after.state, after.reason) == (TicketState.CANCELED, "halted")
        assert len(desk.paper.accepted) == 1


async def test_a_second_leg_without_an_answer_is_looked_for_and_not_sent_again(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await resting(desk, filled="0.004")
        desk.prices.set_price(BTC, D(60_100))
        desk.paper.faults.drop_next_answer = True
        await time_out(desk, ticket)
        await soon(desk, lambda: desk.order(ticket).state is OrderState.IN_DOUBT)
        desk.clock.advance(1)
        await soon(desk, lambda: ended(desk, ticket))

        assert desk.ticket(ticket.id).state is TicketState.DONE
        assert booked(desk, ticket) == D("0.01")
        assert len(desk.paper.accepted) == 2


async def left_over(desk: FrontDesk) -> Ticket:
    """An order ended at its timeout, proved and booked; then the process died."""
    ticket = await resting(desk, filled="0.004")
    await desk.stop("trading")
    order = desk.order(ticket)
    key = following.key_of(order)
    await desk.paper.cancel(key)
    shown = await desk.paper.find(key)
    assert shown is not None

    def work(tx: Transaction) -> None:
        booking.request_cancel(tx, order, actor="desk", reason=TIMED_OUT)
        booking.book(tx, order.id, shown, ())

    await desk.side.store.write(work)
    await desk.restart()
    assert desk.order(ticket).state is OrderState.CANCELED
    assert desk.ticket(ticket.id).state is TicketState.WORKING
    return ticket


async def test_a_process_that_dies_in_between_leaves_it_to_the_next_one(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await left_over(desk)
        desk.prices.set_price(BTC, D(60_100))
        await desk.start("trading")
        await soon(desk, lambda: ended(desk, ticket))

        assert desk.ticket(ticket.id).state is TicketState.DONE
        assert booked(desk, ticket) == D("0.01")
        assert [order.amount for order in desk.paper.accepted] == [D("0.01"), D("0.006")]


async def test_what_waits_to_go_out_again_can_be_canceled(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await left_over(desk)
        answer = await desk.side.desk.cancel(ticket.id, person=ANA_HERSELF)

        after = desk.ticket(ticket.id)
        assert answer.outcome is Outcome.CANCELED
        assert (after.state, after.reason) == (TicketState.DONE, "canceled by Ana")


async def test_a_halt_ends_what_waits_to_go_out_again(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await left_over(desk)
        await desk.side.desk.halt(person=ANA_HERSELF, reason="")
        after = desk.ticket(ticket.id)
        assert (after.state, after.reason) == (TicketState.DONE, "halted")


async def test_a_pause_holds_back_what_would_add_exposure(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await left_over(desk)
        paused = Trading(state=TradingState.PAUSED, generation=1)
        await desk.side.store.write(lambda tx: tx.set_trading(tx.trading(), paused))
        await desk.start("trading")
        await soon(desk, lambda: ended(desk, ticket))

        assert str(desk.ticket(ticket.id).reason).endswith("not sent: Trading is paused.")
        assert len(desk.paper.accepted) == 1


async def test_what_waits_for_a_lost_venue_is_given_up_after_a_minute(tmp_path: Path) -> None:
    async with trading(tmp_path, "reprice") as desk:
        ticket = await left_over(desk)
        desk.paper.faults.unreachable = True
        running = asyncio.create_task(desk.side.executor.run())
        desk.clock.advance(60)
        await asyncio.sleep(0.5)
        assert not ended(desk, ticket)
        desk.clock.advance(1)
        await soon(desk, lambda: ended(desk, ticket))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        after = desk.ticket(ticket.id)
        assert after.state is TicketState.DONE
        assert str(after.reason).endswith("not sent: main could not be used in time.")


async def test_what_the_exchange_shows_after_all_is_not_sent_again(tmp_path: Path) -> None:
    """It said canceled; the look before the next leg finds that the order is filled."""
    async with trading(tmp_path, "reprice") as desk:
        ticket = await resting(desk, filled="0.004")
        await desk.stop("trading")
        order = desk.order(ticket)
        shown = await desk.paper.find(following.key_of(order))
        assert shown is not None
        gone = shown.evolve(state=OrderState.CANCELED)

        def work(tx: Transaction) -> None:
            booking.request_cancel(tx, order, actor="desk", reason=TIMED_OUT)
            booking.book(tx, order.id, gone, ())

        await desk.side.store.write(work)
        await desk.restart()
        desk.prices.set_price(BTC, D(60_000))
        desk.clock.advance(1)
        await desk.start("trading")
        await soon(desk, lambda: ended(desk, ticket))

        assert desk.order(ticket).state is OrderState.FILLED
        assert booked(desk, ticket) == D("0.01")
        assert len(desk.paper.accepted) == 1


@pytest.mark.parametrize(("seconds", "certain"), [(0, False), (4.999, False), (5, True)])
def test_what_is_left_is_certain_when_a_last_fill_would_have_shown(
    seconds: float, certain: bool
) -> None:
    ended = order("canceled", ended_at=NOW)
    assert carrying_on.is_certain(ended, NOW + timedelta(seconds=seconds)) is certain


def test_what_has_not_ended_leaves_nothing_certain() -> None:
    assert not carrying_on.is_certain(order("working"), NOW + timedelta(days=1))
