"""What was filled is not certain: entries in that pair wait for an owner, all else goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from execution import booking, pairs
from execution.desk import Person
from execution.errors import NotAllowed, NotPossible
from execution.events import EventKind
from execution.store import Store
from execution.store.pairs import PairBlock
from execution.types import Side, TicketState, VoteKind
from tests.clock import Clock
from tests.desk import ANA, OLGA, FrontDesk, NoCandles, front_desk
from tests.execution.bookkeeping import Desk
from tests.execution.rows import report, trade
from tests.waiting import until

D = Decimal
OWNER = Person(id=f"tg:{OLGA}", name="Olga")
APPROVER = Person(id=f"tg:{ANA}", name="Ana")


@pytest.fixture
def book(store: Store) -> Desk:
    return Desk(store)


def reason(book: Desk) -> str | None:
    """Why entries in the pair of the only order wait."""
    block = book.store.read_now(lambda tx: tx.pairs.of("main", "BTC/USDT"))
    if block is None:
        assert EventKind.PAIR_BLOCKED not in book.told
        return None
    assert book.said(EventKind.PAIR_BLOCKED) == {
        "venue": "main",
        "symbol": "BTC/USDT",
        "reason": block.reason,
    }
    return block.reason


class TestWhatBlocks:
    def test_more_filled_than_ordered(self, book: Desk) -> None:
        book.place()
        book.book(report("working", "0.7"), trade("t1", "0.7"))
        assert reason(book) is None
        for _ in range(2):
            book.book(report("filled", "1.2"), trade("t1", "0.7"), trade("t2", "0.5"))
        assert reason(book) == "1.2 was filled where 1 was ordered."

    def test_a_trade_that_reads_differently_later(self, book: Desk) -> None:
        book.place()
        book.book(report("working", "0.4"), trade("t1", "0.4"))
        for _ in range(2):
            book.book(report("working", "0.4"), trade("t1", "0.5", "101"))
        assert reason(book) == "a trade booked as 0.4 at 100 is shown as 0.5 at 101 now."

    def test_an_order_whose_trades_never_come_once_nobody_asks_for_them_any_more(
        self, book: Desk, clock: Clock
    ) -> None:
        book.place()
        shown, part = report("filled", "1", average=D(100)), trade("t1", "0.4")
        book.book(shown, part)
        clock.advance(5)
        book.book(shown, part)
        clock.advance(599)
        book.book(shown, part)
        assert reason(book) is None

        clock.advance(1)
        book.book(shown, part)
        assert reason(book) == "main says 1 of an order was filled, and shows trades of 0.4."

    def test_trades_that_come_late_add_up(self, book: Desk, clock: Clock) -> None:
        book.place()
        shown, part, rest = report("filled", "1"), trade("t1", "0.4"), trade("t2", "0.6")
        for _ in range(2):
            book.book(shown, part)
            clock.advance(5)
        clock.advance(600)
        book.book(shown, part, rest)
        assert reason(book) is None

    def test_a_canceled_order_that_shows_more_trades_than_it_says_at_its_last_look(
        self, book: Desk, clock: Clock
    ) -> None:
        book.place("canceling", cancel_reason="canceled by Ana")
        shown, trades = report("canceled", "0.3"), trade("t1", "0.5")
        book.book(shown, trades)
        assert reason(book) is None, (
            "its figure may be older than its trades: it is looked at again"
        )

        clock.advance(30)
        book.book(shown, trades)
        assert reason(book) == "main says 0.3 of an order was filled, and shows trades of 0.5."

    @pytest.mark.parametrize("state", ["canceled", "expired", "rejected"])
    def test_nothing_where_it_adds_up(self, book: Desk, clock: Clock, state: str) -> None:
        book.place()
        for _ in range(2):
            book.book(report(state))
            clock.advance(30)
        assert reason(book) is None

    def test_what_is_blocked_keeps_its_first_reason(self, book: Desk) -> None:
        book.place()
        book.book(report("filled", "1.2"), trade("t1", "1.2"))
        book.book(report("filled", "1.2"), trade("t1", "1.3"))
        assert book.told.count("fill_conflict") == 1
        assert reason(book) == "1.2 was filled where 1 was ordered."


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """A desk that trades, with a position in BTC/USDT."""
    async with front_desk(tmp_path, prices=NoCandles()) as made:
        await made.start("trading")
        bought = await made.new_ticket(source="straight", amount="0.01")
        await until(lambda: made.ticket(bought.id).state is TicketState.DONE)
        yield made


async def blocked(desk: FrontDesk) -> PairBlock:
    """The exchange contradicts itself about the order that made the position."""
    (ticket,) = desk.read(lambda tx: tx.tickets.in_state(TicketState.DONE))
    order = desk.order(ticket)
    (fill,) = desk.read(lambda tx: tx.fills.of_order(order.id))
    again = trade(fill.trade_id, "0.009", str(fill.price), symbol="BTC/USDT", venue_order_id="1")
    shown = report("filled", "0.01", amount=D("0.01"))
    await desk.side.store.write(lambda tx: booking.book(tx, order.id, shown, [again]))
    (block,) = desk.read(lambda tx: tx.pairs.all())
    return block


async def test_entries_are_refused_with_the_reason_and_exits_and_other_pairs_go_on(
    desk: FrontDesk,
) -> None:
    await blocked(desk)

    refused = await desk.new_ticket(amount="0.001")
    (why,) = refused.refusals
    assert (refused.state, why.code) == (TicketState.REFUSED, "UNKNOWN_OUTCOME")
    assert why.text.startswith("BTC/USDT at main takes no entry until an owner lifts it: a trade")
    assert (await desk.new_ticket(side=Side.SELL)).state is TicketState.PENDING
    assert (await desk.new_ticket(symbol="ETH/USDT", notional="100")).state is TicketState.PENDING


async def test_what_was_approved_before_is_not_sent(desk: FrontDesk) -> None:
    waits = await desk.new_ticket(amount="0.002")
    await blocked(desk)
    await desk.side.desk.vote(waits.id, revision=1, person=APPROVER, kind=VoteKind.APPROVE)
    after = desk.ticket(waits.id)
    assert (after.state, after.refusals[0].code) == (TicketState.REFUSED, "UNKNOWN_OUTCOME")
    assert desk.read(lambda tx: tx.orders.of_ticket(waits.id)) == []


async def test_it_holds_over_a_restart_until_an_owner_lifts_it(desk: FrontDesk) -> None:
    block = await blocked(desk)
    await desk.restart()
    await desk.start("trading")
    assert (await desk.new_ticket(amount="0.001")).state is TicketState.REFUSED

    with pytest.raises(NotAllowed):
        await desk.side.desk.release_pair(block.entry, person=APPROVER)
    await desk.side.desk.release_pair(block.entry, person=OWNER)
    assert (await desk.new_ticket(amount="0.001")).state is TicketState.PENDING
    last = desk.read(lambda tx: tx.journal.last(EventKind.PAIR_RELEASED))
    assert last is not None
    assert (last.actor, last.ticket) == (OWNER.id, block.ticket)


async def test_an_older_word_lifts_no_newer_block(desk: FrontDesk) -> None:
    first = await blocked(desk)
    await desk.side.desk.release_pair(first.entry, person=OWNER)
    order = desk.read(lambda tx: tx.orders.of_ticket(first.ticket))[-1]
    await desk.side.store.write(lambda tx: pairs.block(tx, order, "it contradicts itself again."))

    with pytest.raises(NotPossible, match="lifted already"):
        await desk.side.desk.release_pair(first.entry, person=OWNER)
    assert len(desk.read(lambda tx: tx.pairs.all())) == 1
