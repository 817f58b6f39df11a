"""A resting order changed: the other one takes its place once approved, for what is left, and never beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from bot.telegram.directions import links, nothing_sent
from execution import booking
from execution.desk import Person
from execution.editing import Change, amount
from execution.events import EventKind
from execution.orders import REPLACED
from execution.outcome import Answer, Outcome
from execution.replacing import can_be_changed
from execution.types import (
    OrderState,
    OrderType,
    Side,
    Size,
    SizeKind,
    Ticket,
    TicketState,
    VoteKind,
)
from execution.venues.venue import Report, Trade
from tests.desk import ANA, OLGA, TOML, VIC, FrontDesk, NoCandles, front_desk
from tests.waiting import until

D = Decimal
BTC = "BTC/USDT"
ANA_HERSELF = Person(id=f"tg:{ANA}", name="Ana")
OLGA_HERSELF = Person(id=f"tg:{OLGA}", name="Olga")
VIC_HIMSELF = Person(id=f"tg:{VIC}", name="Vic")
LOWER = Change(price=D(49_000))
NEVER_ANY = D(0)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path, prices=NoCandles()) as made:
        await made.start("trading")
        yield made


async def resting(desk: FrontDesk, **fields: object) -> Ticket:
    """A buy of 0.01 at 50,000 that rests, unless `fields` say otherwise."""
    terms = {"price": D(50_000), "amount": "0.01"} | fields
    ticket = await desk.new_ticket(source="straight", **terms)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    await until(lambda: desk.order(ticket).state is OrderState.WORKING)
    return ticket


async def stop_behind_a_position(desk: FrontDesk) -> Ticket:
    """0.01 held, and a stop for all of it at 58,000."""
    bought = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(bought.id).state is TicketState.DONE)
    desk.clock.advance(6)  # what the fee left is known by then
    stop = {"type": OrderType.STOP, "stop_price": D(58_000), "side": Side.SELL}
    return await resting(desk, **stop, price=None, amount="0.00999")


async def change(
    desk: FrontDesk, ticket: Ticket, change: Change = LOWER, *, by: Person = ANA_HERSELF
) -> Answer:
    return await desk.side.desk.replace(ticket.id, person=by, change=change)


async def proposed(desk: FrontDesk, ticket: Ticket, what: Change = LOWER) -> Ticket:
    """The ticket that waits for people once a change was asked for."""
    known = desk.read(lambda tx: tx.tickets.recent_ids())
    assert (await change(desk, ticket, what)).outcome is Outcome.REPLACING
    await until(lambda: len(desk.read(lambda tx: tx.tickets.recent_ids())) > len(known))
    return desk.ticket(desk.read(lambda tx: tx.tickets.recent_ids())[0])


async def approve(desk: FrontDesk, ticket: Ticket, *, by: Person = ANA_HERSELF) -> Answer:
    return await desk.side.desk.vote(
        ticket.id, revision=desk.ticket(ticket.id).revision, person=by, kind=VoteKind.APPROVE
    )


async def soon(desk: FrontDesk, predicate: Callable[[], object]) -> None:
    """Wait for it, while time goes on slowly."""

    def look() -> object:
        desk.clock.advance(0.03)
        return predicate()

    await until(look, timeout_s=20)


async def until_it_stands(desk: FrontDesk, ticket: Ticket) -> None:
    await soon(desk, lambda: desk.ticket(ticket.id).state is TicketState.WORKING)
    await soon(desk, lambda: desk.order(ticket).state is OrderState.WORKING)


async def part_of_it_fills(desk: FrontDesk, ticket: Ticket) -> None:
    """The market comes down to it for a moment, with a little on offer."""
    desk.prices.set_price(BTC, D(49_900), depth=D("0.001"))
    await soon(desk, lambda: desk.order(ticket).reported)
    desk.prices.set_price(BTC, D(60_000), depth=NEVER_ANY)


def seen_at(desk: FrontDesk) -> Decimal:
    """The bid that is fresh enough to decide by; nothing while none is."""
    quote = desk.side.market.quote("main", BTC)
    return D(0) if quote is None else quote.bid


def kinds(desk: FrontDesk, ticket: Ticket) -> list[EventKind]:
    return [one.kind for one in desk.read(lambda tx: tx.journal.of_ticket(ticket.id))]


async def test_nothing_happens_to_the_order_until_the_changed_one_is_approved(
    desk: FrontDesk,
) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    assert (new.state, new.replaces, new.proposer) == (
        TicketState.PENDING,
        old.id,
        ANA_HERSELF.id,
    )
    assert new.required == 1, "what its sender may do straight through a change of it may not"
    assert new.terms is not None
    assert (new.terms.price, new.terms.amount, new.terms.side) == (D(49_000), D("0.01"), Side.BUY)
    assert desk.order(old).state is OrderState.WORKING
    assert desk.order(old).cancel_requested_at is None


async def test_approved_it_stands_in_the_place_of_the_other_one(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    assert (await approve(desk, new)).outcome is Outcome.APPROVED
    await until_it_stands(desk, new)
    assert desk.ticket(old.id).state is TicketState.CANCELED
    assert desk.order(old).cancel_reason == REPLACED
    assert [one.price for one in desk.paper.accepted] == [D(50_000), D(49_000)]
    assert desk.order(old).ended_at < desk.order(new).sent_at, "never beside it"


async def test_money_that_the_order_locks_counts_for_the_one_in_its_place(tmp_path: Path) -> None:
    reserve = TOML.replace("max_order_notional = 1000", "min_quote_reserve = 99300")
    async with front_desk(tmp_path, toml=reserve, prices=NoCandles()) as desk:
        await desk.start("trading")
        old = await resting(desk, amount="0.012")  # 600 of the 100,000: 99,400 are left
        other = await desk.new_ticket(source="straight", price=D(50_000), amount="0.012")
        assert other.state is TicketState.REFUSED, "both together are too many"
        desk.clock.advance(10)
        await until(lambda: desk.side.market.feed("main").balances["USDT"].free < 100_000)
        new = await proposed(desk, old)
        await approve(desk, new)
        await until_it_stands(desk, new)


async def test_what_fills_before_the_order_has_ended_is_taken_off(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    desk.paper.faults.keep_orders = True  # the cancel is on its way, and not carried out yet
    await approve(desk, new)
    await soon(desk, lambda: desk.order(old).state is OrderState.CANCELING)
    await part_of_it_fills(desk, old)
    desk.paper.faults.keep_orders = False
    await until_it_stands(desk, new)
    assert desk.order(old).reported > 0
    assert desk.order(new).amount == D("0.01") - desk.order(old).reported
    assert desk.ticket(old.id).state is TicketState.DONE


async def test_what_was_taken_off_goes_out_with_no_later_order(tmp_path: Path) -> None:
    """Neither with the next one of its ticket, nor with one that replaces it in turn."""
    rests = '\n[execution]\norder_type = "limit"\non_timeout = "reprice"\n'
    async with front_desk(tmp_path, toml=TOML + rests, prices=NoCandles()) as desk:
        await desk.start("trading")
        desk.prices.set_price(BTC, D(60_000), depth=NEVER_ANY)
        old = await resting(desk, price=None)
        new = await proposed(desk, old, amount(D("0.009")))
        desk.paper.faults.keep_orders = True
        await approve(desk, new)
        await soon(desk, lambda: desk.order(old).state is OrderState.CANCELING)
        await part_of_it_fills(desk, old)
        desk.paper.faults.keep_orders = False
        await until_it_stands(desk, new)
        first = desk.order(new)
        assert first.amount == D("0.009") - desk.order(old).reported
        half = await proposed(desk, new, Change(price=D(48_000)))
        assert half.terms is not None
        assert half.terms.amount == first.amount
        desk.clock.advance(30)
        await soon(desk, lambda: desk.order(new).id != first.id)
        assert desk.order(new).amount == first.amount


async def test_what_fills_whole_first_leaves_nothing_to_send(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    desk.paper.faults.keep_orders = True
    await approve(desk, new)
    await soon(desk, lambda: desk.order(old).state is OrderState.CANCELING)
    desk.prices.set_price(BTC, D(49_900))
    await soon(desk, lambda: desk.ticket(new.id).state is TicketState.CANCELED)
    assert desk.ticket(new.id).reason == "all of it was filled before it could be changed"
    assert len(desk.paper.accepted) == 1


async def test_a_card_that_waits_is_void_once_the_order_has_ended(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    desk.prices.set_price(BTC, D(49_900))
    await soon(desk, lambda: desk.ticket(new.id).state is TicketState.CANCELED)
    assert desk.ticket(old.id).state is TicketState.DONE
    assert desk.ticket(new.id).reason == "the order that was to be changed has ended"


async def test_a_card_of_before_a_fill_is_refused_and_the_order_stays(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    await part_of_it_fills(desk, old)
    await soon(desk, lambda: seen_at(desk) > 59_000)
    answer = await approve(desk, new)
    assert answer.outcome is Outcome.REFUSED
    assert [one.code for one in answer.refusals] == ["NO_SIZE"]
    assert desk.order(old).state is OrderState.WORKING
    again = await proposed(desk, old)
    assert again.terms is not None
    assert again.terms.amount == D("0.01") - desk.order(old).reported, "what is left by now"


async def test_of_two_changes_of_an_order_one_takes_its_place(desk: FrontDesk) -> None:
    old = await resting(desk)
    first, second = await proposed(desk, old), await proposed(desk, old, amount(D("0.005")))
    await approve(desk, second)
    await until_it_stands(desk, second)
    assert desk.ticket(first.id).state is TicketState.CANCELED
    assert desk.ticket(first.id).reason == "another change of the same order was approved"
    assert (await approve(desk, first)).outcome is not Outcome.APPROVED
    assert [one.amount for one in desk.paper.accepted] == [D("0.01"), D("0.005")]


async def test_a_halt_in_between_sends_nothing(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    desk.paper.faults.keep_orders = True
    await approve(desk, new)
    await soon(desk, lambda: desk.order(old).state is OrderState.CANCELING)
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    desk.paper.faults.keep_orders = False
    await soon(desk, lambda: desk.read(lambda tx: tx.trading()).halt.verified_at)
    assert desk.ticket(new.id).state is TicketState.CANCELED
    assert len(desk.paper.accepted) == 1


async def test_it_goes_on_after_the_process_died_in_between(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    desk.paper.faults.keep_orders = True
    await approve(desk, new)
    await soon(desk, lambda: desk.order(old).state is OrderState.CANCELING)
    await desk.restart()
    await desk.start("trading")
    await until_it_stands(desk, new)
    assert [one.price for one in desk.paper.accepted] == [D(50_000), D(49_000)]
    assert desk.ticket(old.id).state is TicketState.CANCELED


async def test_an_approval_that_became_old_meanwhile_is_asked_for_again(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    desk.paper.faults.keep_orders = True
    await approve(desk, new)
    await soon(desk, lambda: desk.order(old).state is OrderState.CANCELING)
    desk.clock.advance(61)
    await soon(desk, lambda: desk.ticket(new.id).state is TicketState.PENDING)
    desk.paper.faults.keep_orders = False
    await soon(desk, lambda: desk.ticket(old.id).state is TicketState.CANCELED)
    assert desk.ticket(new.id).state is TicketState.PENDING, "it is what people want still"
    assert (await approve(desk, new)).outcome is Outcome.APPROVED
    await until_it_stands(desk, new)
    assert [one.price for one in desk.paper.accepted] == [D(50_000), D(49_000)]


async def test_a_stop_is_moved_without_a_word_of_alarm(desk: FrontDesk) -> None:
    stop = await stop_behind_a_position(desk)
    new = await proposed(desk, stop, Change(stop_price=D(59_000)))
    assert new.terms is not None
    assert (new.terms.type, new.terms.stop_price) == (OrderType.STOP, D(59_000))
    assert new.terms.reduces
    assert new.terms.from_holdings == 0, "the stop before it locks nothing of that"
    await approve(desk, new)
    await until_it_stands(desk, new)
    assert EventKind.STOP_GONE not in kinds(desk, stop) + kinds(desk, new)
    assert desk.order(new).stop_price == D(59_000)


async def test_a_position_whose_changed_stop_does_not_come_is_told(desk: FrontDesk) -> None:
    stop = await stop_behind_a_position(desk)
    new = await proposed(desk, stop, Change(stop_price=D(59_000)))
    desk.paper.faults.keep_orders = True
    await approve(desk, new)
    await soon(desk, lambda: desk.order(stop).state is OrderState.CANCELING)
    await desk.side.desk.cancel(new.id, person=OLGA_HERSELF)
    (told,) = [
        one
        for one in desk.read(lambda tx: tx.journal.of_ticket(stop.id))
        if one.kind is EventKind.STOP_GONE
    ]
    assert told.data["replaced"]
    assert told.data["reason"] == "canceled by Olga"


async def test_a_changed_stop_that_the_exchange_refuses_is_told(desk: FrontDesk) -> None:
    stop = await stop_behind_a_position(desk)
    new = await proposed(desk, stop, Change(stop_price=D(59_000)))
    desk.paper.faults.refuse_next = "no"
    await approve(desk, new)
    await soon(desk, lambda: desk.ticket(new.id).state is TicketState.FAILED)
    assert EventKind.STOP_GONE in kinds(desk, new)


async def begun(desk: FrontDesk, old: Ticket, new: Ticket) -> None:
    """Approved, and the exchange has not canceled the order before it yet."""
    desk.paper.faults.keep_orders = True
    await approve(desk, new)
    await soon(desk, lambda: desk.order(old).state is OrderState.CANCELING)


def told_of_the_stop(desk: FrontDesk, stop: Ticket) -> list[str]:
    """What people are told of a position whose stop is gone: why, each time."""
    events = desk.read(lambda tx: tx.journal.of_ticket(stop.id))
    return [one.data.get("reason", "") for one in events if one.kind is EventKind.STOP_GONE]


@pytest.mark.parametrize("which", ["the order before it", "every entry"])
async def test_who_cancels_in_between_stops_both(desk: FrontDesk, which: str) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    await begun(desk, old, new)
    if which == "every entry":
        await desk.side.desk.cancel_entries(person=OLGA_HERSELF)
    else:
        await desk.side.desk.cancel(old.id, person=OLGA_HERSELF)
    desk.paper.faults.keep_orders = False
    await soon(desk, lambda: desk.ticket(old.id).state is TicketState.CANCELED)
    assert desk.ticket(new.id).state is TicketState.CANCELED
    assert desk.ticket(new.id).reason == "canceled by Olga"
    assert len(desk.paper.accepted) == 1


async def test_a_card_for_a_changed_stop_may_be_changed_itself(desk: FrontDesk) -> None:
    stop = await stop_behind_a_position(desk)
    new = await proposed(desk, stop, Change(stop_price=D(59_000)))
    lower = Change(stop_price=D(58_500))
    answer = await desk.side.desk.edit(new.id, revision=1, person=ANA_HERSELF, change=lower)
    assert answer.outcome is Outcome.REVISED
    await approve(desk, new)
    await until_it_stands(desk, new)
    assert desk.order(new).stop_price == D(58_500)


async def test_a_halt_that_denies_a_changed_stop_is_told_once(desk: FrontDesk) -> None:
    stop = await stop_behind_a_position(desk)
    new = await proposed(desk, stop, Change(stop_price=D(59_000)))
    await begun(desk, stop, new)
    desk.paper.faults.keep_orders = False

    def lose_the_line() -> None:
        """Once it is to be sent: it does not leave, and stays planned."""
        if desk.read(lambda tx: tx.orders.of_ticket(new.id)):
            desk.paper.faults.unreachable = True

    desk.side.store.on_commit(lose_the_line)
    await soon(desk, lambda: desk.read(lambda tx: tx.orders.of_ticket(new.id)))
    await soon(desk, lambda: desk.order(new).state is OrderState.PLANNED)
    await desk.side.desk.halt(person=ANA_HERSELF, reason="")
    await soon(desk, lambda: desk.order(new).state is OrderState.DENIED)
    assert len(told_of_the_stop(desk, stop) + told_of_the_stop(desk, new)) == 1


async def test_proposed_again_it_replaces_the_order_that_rests_still(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    await desk.side.desk.vote(new.id, revision=1, person=OLGA_HERSELF, kind=VoteKind.REJECT)
    await part_of_it_fills(desk, old)
    filled = desk.order(old).reported
    known = desk.read(lambda tx: tx.tickets.recent_ids())
    await desk.side.desk.propose(new.id, person=ANA_HERSELF, value=None)
    await until(lambda: len(desk.read(lambda tx: tx.tickets.recent_ids())) > len(known))
    again = desk.ticket(desk.read(lambda tx: tx.tickets.recent_ids())[0])
    assert again.terms is not None
    assert (again.replaces, again.terms.amount) == (old.id, D("0.01") - filled)


async def test_what_is_asked_again_after_a_part_filled_is_what_is_left(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    await begun(desk, old, new)
    await part_of_it_fills(desk, old)
    desk.clock.advance(61)
    await soon(desk, lambda: desk.ticket(new.id).state is TicketState.PENDING)
    asked = desk.ticket(new.id)
    left = D("0.01") - desk.order(old).reported
    assert asked.terms is not None
    assert asked.terms.amount == left < D("0.01")
    assert asked.reason == (
        "the approval had become old, and the order before it is canceled already"
    )
    desk.paper.faults.keep_orders = False
    await soon(desk, lambda: desk.ticket(old.id).state is TicketState.DONE)
    assert (await approve(desk, new)).outcome is Outcome.APPROVED
    await until_it_stands(desk, new)
    assert desk.order(new).amount == left


async def test_a_stop_that_is_changed_during_a_closing_covers_what_that_leaves(
    desk: FrontDesk,
) -> None:
    stop = await stop_behind_a_position(desk)
    new = await proposed(desk, stop, Change(stop_price=D(59_000)))
    await begun(desk, stop, new)
    await desk.side.desk.close(BTC, D("0.5"), person=ANA_HERSELF)
    desk.paper.faults.keep_orders = False
    await until_it_stands(desk, new)
    (held,) = desk.read(lambda tx: tx.positions.open())
    assert 0 < desk.order(new).amount <= held.amount
    assert told_of_the_stop(desk, stop) == []


async def test_of_a_stop_that_stands_again_what_stands_is_changed(desk: FrontDesk) -> None:
    stop = await stop_behind_a_position(desk)
    (closing,) = (await desk.side.desk.close(BTC, D("0.5"), person=ANA_HERSELF)).tickets
    await soon(desk, lambda: desk.ticket(closing.id).state is TicketState.DONE)
    await soon(desk, lambda: desk.order(stop).leg == "stop-2")
    await soon(desk, lambda: desk.order(stop).state is OrderState.WORKING)
    new = await proposed(desk, stop, Change(stop_price=D(59_000)))
    assert new.terms is not None
    assert new.terms.amount == desk.order(stop).amount < D("0.00999")


async def test_what_was_replaced_is_not_proposed_again_beside_the_other(desk: FrontDesk) -> None:
    old = await resting(desk)
    first, second = await proposed(desk, old), await proposed(desk, old, amount(D("0.005")))
    await begun(desk, old, second)
    for ticket in (first, old):
        answer = await desk.side.desk.propose(ticket.id, person=ANA_HERSELF, value=None)
        assert answer.outcome is Outcome.ENDED
    desk.paper.faults.keep_orders = False
    await until_it_stands(desk, second)
    for ticket in (first, old):
        answer = await desk.side.desk.propose(ticket.id, person=ANA_HERSELF, value=None)
        assert answer.outcome is Outcome.ENDED


async def test_nothing_is_proposed_beside_the_last_of_several_changes(desk: FrontDesk) -> None:
    first = await resting(desk)
    second = await proposed(desk, first)
    await approve(desk, second)
    await until_it_stands(desk, second)
    third = await proposed(desk, second, Change(price=D(48_000)))
    await approve(desk, third)
    await until_it_stands(desk, third)
    for ticket in (first, second):
        answer = await desk.side.desk.propose(ticket.id, person=ANA_HERSELF, value=None)
        assert answer.outcome is Outcome.ENDED


async def test_nothing_is_proposed_beside_an_order_that_is_on_its_way(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    await desk.side.desk.vote(new.id, revision=1, person=OLGA_HERSELF, kind=VoteKind.REJECT)
    desk.paper.faults.keep_orders = True
    await desk.side.desk.cancel(old.id, person=ANA_HERSELF)
    await soon(desk, lambda: desk.order(old).state is OrderState.CANCELING)
    answer = await desk.side.desk.propose(new.id, person=ANA_HERSELF, value=None)
    assert answer.outcome is Outcome.ENDED
    desk.paper.faults.keep_orders = False
    await soon(desk, lambda: desk.ticket(old.id).state is TicketState.CANCELED)
    answer = await desk.side.desk.propose(new.id, person=ANA_HERSELF, value=None)
    assert answer.outcome is Outcome.PROPOSED


async def test_only_the_one_that_was_approved_says_that_the_other_is_gone(desk: FrontDesk) -> None:
    old = await resting(desk)
    rejected, new = await proposed(desk, old), await proposed(desk, old, amount(D("0.005")))
    await desk.side.desk.vote(rejected.id, revision=1, person=OLGA_HERSELF, kind=VoteKind.REJECT)
    await begun(desk, old, new)
    assert desk.ticket(rejected.id).begun_at is None
    assert desk.ticket(new.id).begun_at == desk.order(old).cancel_requested_at
    await desk.side.desk.cancel(new.id, person=OLGA_HERSELF)
    name = f"T-{old.id[-4:]}"
    assert links(desk.ticket(rejected.id), BTC) == [
        f"Was to take the place of {name}, which was not canceled for it"
    ]
    assert links(desk.ticket(new.id), BTC) == [f"In the place of {name}, which was canceled for it"]
    assert nothing_sent(desk.ticket(new.id)) == f"Nothing was sent, and {name} was canceled for it."


async def test_what_fills_before_it_is_approved_again_is_taken_off_too(desk: FrontDesk) -> None:
    old = await resting(desk)
    new = await proposed(desk, old)
    await begun(desk, old, new)
    desk.clock.advance(61)
    await soon(desk, lambda: desk.ticket(new.id).state is TicketState.PENDING)
    await part_of_it_fills(desk, old)
    await soon(desk, lambda: seen_at(desk) > 59_000)
    assert (await approve(desk, new)).outcome is Outcome.APPROVED
    desk.paper.faults.keep_orders = False
    await until_it_stands(desk, new)
    assert desk.order(new).amount == D("0.01") - desk.order(old).reported < D("0.01")


async def test_that_a_stop_is_gone_is_told_once(desk: FrontDesk) -> None:
    stop = await stop_behind_a_position(desk)
    new = await proposed(desk, stop, Change(stop_price=D(59_000)))
    await begun(desk, stop, new)
    desk.clock.advance(61)
    await soon(desk, lambda: desk.ticket(new.id).state is TicketState.PENDING)
    await desk.side.desk.cancel(new.id, person=OLGA_HERSELF)
    assert len(told_of_the_stop(desk, stop)) == 1


async def test_a_close_with_an_entry_behind_it_is_not_changed(desk: FrontDesk) -> None:
    old = await resting(desk)
    now = desk.ticket(old.id).evolve(then=D("0.01"))
    assert not can_be_changed(now, [desk.order(old)])


async def test_what_fills_late_beside_the_one_in_its_place_is_told(desk: FrontDesk) -> None:
    """The exchange shows, after all was proved, that more of the first had filled."""
    old = await resting(desk)
    new = await proposed(desk, old)
    await approve(desk, new)
    await until_it_stands(desk, new)
    key = desk.order(old)
    trade = Trade(
        trade_id="late",
        venue_order_id=key.venue_order_id or "",
        symbol=BTC,
        amount=D("0.004"),
        price=D(50_000),
        fee=D(0),
        fee_currency=None,
        at=desk.clock(),
        side=Side.BUY,
    )
    shown = Report(
        venue_order_id=key.venue_order_id or "",
        client_order_id=key.client_order_id,
        symbol=BTC,
        side=Side.BUY,
        state=OrderState.CANCELED,
        amount=D("0.01"),
        filled=D("0.004"),
        price=D(50_000),
    )
    await desk.side.store.write(lambda tx: booking.book(tx, key.id, shown, [trade]))
    assert EventKind.OVERFILL in kinds(desk, old)


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (Change(price=D(50_000)), Outcome.UNCHANGED),
        (Change(stop_price=D(61_000)), Outcome.REFUSED),
        (amount(D("0.000001")), Outcome.REFUSED),
        (Change(size=Size(kind=SizeKind.NOTIONAL, value=D(5_000))), Outcome.REFUSED),
    ],
)
async def test_what_may_not_be_is_said_at_once_and_the_order_stays(
    desk: FrontDesk, what: Change, outcome: Outcome
) -> None:
    old = await resting(desk)
    assert (await change(desk, old, what)).outcome is outcome
    assert desk.order(old).state is OrderState.WORKING
    assert desk.read(lambda tx: tx.signals.waiting()) == []


async def test_only_an_approver_may(desk: FrontDesk) -> None:
    old = await resting(desk)
    assert (await change(desk, old, by=VIC_HIMSELF)).outcome is Outcome.NOT_ALLOWED


async def test_an_order_that_rests_no_more_cannot_be_changed(desk: FrontDesk) -> None:
    done = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(done.id).state is TicketState.DONE)
    assert (await change(desk, done)).outcome is Outcome.ENDED
    canceled = await resting(desk)
    await desk.side.desk.cancel(canceled.id, person=ANA_HERSELF)
    assert (await change(desk, canceled)).outcome is Outcome.ENDED
    waits = await desk.new_ticket(price=D(50_000), amount="0.01")
    assert (await change(desk, waits)).outcome is Outcome.ENDED
