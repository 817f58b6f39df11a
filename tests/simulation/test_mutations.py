"""The simulation bites: each rule that keeps money safe, broken on purpose, is caught within a few seeds.

Most mutations are another exchange at the seam. The rest put a function of ours in the place of another
for the length of a test: the only place where that is done, since a mutation is just that. Where a rule
has a second guard behind it, both are taken away, since either alone keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution import approval, booking, closing, orders, protection, proving, risk, stopping
from execution.errors import OutcomeUnknown
from execution.executor import carrying_on, following, sending, slicing, taking_over
from execution.exposure import SizingFacts
from execution.halt_file import HaltFile
from execution.snapshots import Moment
from execution.store import Transaction
from execution.store.orders import Orders
from execution.trading import Brake
from execution.types import ZERO, Order, OrderState, Ticket, TicketState
from execution.venues.connections import Connections
from execution.venues.venue import Held, NewOrder, OrderKey, Report, Trade, go
from tests.simulation.client import SimVenue
from tests.simulation.kills import killed, moments
from tests.simulation.story import play, seeds_about
from tests.simulation.world import Violation

MOST = 25
"""Seeds of its theme after which a mutation counts as not caught."""


class SendsAgain(SimVenue):
    """An order without an answer is sent again, under the same id: what most libraries do."""

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        try:
            return await super().send(order, held)
        except OutcomeUnknown:
            return await super().send(order, held)


class NoFence(SimVenue):
    """Forgets that a request may arrive late."""

    fence = timedelta(0)


class NewTradeIds(SimVenue):
    """The same trade comes under another id each time, so that it is booked again."""

    looks = 0

    async def trades(self, key: OrderKey) -> Sequence[Trade]:
        self.looks += 1
        found = await super().trades(key)
        return [trade.evolve(trade_id=f"{trade.trade_id}-{self.looks}") for trade in found]


class WaitsElsewhere(SimVenue):
    """An order waits for a price that is a thousandth away from the one that was approved."""

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        if order.stop_price is not None:
            moved = (order.stop_price * Decimal("1.001")).quantize(Decimal("0.01"))
            order = order.evolve(stop_price=moved)
        return await super().send(order, held)


class OneLookUp(SimVenue):
    """Takes the answer of one look-up for the answer of all."""

    async def find(self, key: OrderKey) -> Report | None:
        shown = await self.open_orders([key.symbol])
        return next((one for one in shown if one.client_order_id == key.client_order_id), None)


def absent_at_the_fence(order: Order, at: datetime, grace: timedelta | None) -> bool:
    """Forgets that an order may show late; neither the rounds nor their pauses are counted either."""
    return order.venue_order_id is None and order.fence_at is not None and at >= order.fence_at


def rejected_at_restart(order_id: str) -> Any:
    """What was being sent when the process died is called rejected."""

    def work(tx: Transaction) -> None:
        order = tx.orders.get(order_id)
        if order.state is OrderState.SENDING:
            booking.move_order(tx, order, OrderState.REJECTED, reason="interrupted")

    return work


def rejected_in_doubt(order: Any, reason: str) -> Any:
    """What was not answered is called rejected: what five respected systems do."""
    return lambda tx: booking.move_order(
        tx, tx.orders.get(order.id), OrderState.REJECTED, reason=reason
    )


LEFT_OVER = Orders.left_over


def also_canceling(ours: Orders) -> Sequence[Order]:
    """An order whose cancel was only asked for is taken for one that has ended."""
    canceling = ours.in_state(OrderState.CANCELING)
    timed_out = [order for order in canceling if order.cancel_reason == orders.TIMED_OUT]
    return [*LEFT_OVER(ours), *timed_out]


def before_the_end(ticket: Ticket, legs: Sequence[Order]) -> str | None:
    """The rest goes out again while the first order may still be alive."""
    again = ticket.state is TicketState.WORKING and legs[-1].cancel_reason == orders.TIMED_OUT
    return f"entry-{len(legs) + 1}" if again and len(legs) <= orders.REPRICINGS else None


def while_it_rests(tx: Transaction, ticket: Ticket) -> Order | None:
    """The cancel of what is to be replaced is taken for its end."""
    legs = [] if ticket.replaces is None else tx.orders.of_ticket(ticket.replaces)
    return legs[-1] if legs else None


async def nothing_left(*_: object, **__: object) -> None:
    """Nobody looks whether anything of ours is left."""


async def without_a_look(*_: object) -> bool:
    """Nobody looks whether it has ended."""
    return True


def all_of_it(terms: Any, legs: Any, fills: Any) -> Decimal:
    """What was filled is forgotten when the rest goes out again."""
    left: Decimal = terms.amount
    return left


def all_to_be_sold(terms: Any, *_: object) -> Decimal:
    """Each slice of a closing is all of it."""
    amount: Decimal = terms.amount
    return amount


def nothing_is_being_sold(moment: Moment, *about: Any) -> SizingFacts:
    """What rests on a position is forgotten when another order sells of it."""
    return FACTS(moment, *about).evolve(reserved_base=ZERO, resting_base=ZERO)


FACTS = Moment.facts


def far_from(best: Decimal, *_: object) -> Decimal:
    """A tenth under the best price."""
    return (best * Decimal("0.9")).quantize(Decimal("0.01"))


@dataclass(frozen=True)
class Mutation:
    """A rule broken on purpose, and what the simulation has to say of it."""

    theme: str
    """The stories that lean on the rule."""
    finding: str
    """A pattern."""
    venue: type[SimVenue] = SimVenue
    """The exchange that breaks it."""
    replaced: Sequence[tuple[object, str, object]] = ()
    """Where it is ours: the module or class, the name in it, and what stands there instead."""
    passing: int = 0
    """How many of the first of these stories are known to come to no harm by it; they take their time."""


@dataclass(frozen=True)
class BrokenHalt:
    """A rule about halts broken on purpose, and what the kills of a seed have to say of it."""

    seed: int
    finding: str
    """A pattern."""
    replaced: Sequence[tuple[object, str, object]]
    passing: int = 0
    """How many of the first kills are known to come to no harm by it."""


def _anything(state: object, **order: bool) -> bool:
    return True


def sweep_without_what_is_planned(tx: Transaction, *, actor: str) -> None:
    """A halt voids tickets and cancels what is at the exchange, and forgets what has not left yet."""
    planned = tx.orders.in_state(OrderState.PLANNED)
    in_state = Orders.in_state

    def without(ours: Orders, *states: OrderState) -> Sequence[Order]:
        return [order for order in in_state(ours, *states) if order not in planned]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Orders, "in_state", without)
        SWEEP(tx, actor=actor)


SWEEP = stopping.sweep


def every_stop(tx: Transaction) -> Sequence[Order]:
    """A halt keeps every order that waits for a price."""
    return [order for order in tx.orders.in_state(*orders.LIVE) if order.stop_price is not None]


BROKEN_HALTS = {
    "the brake is not looked at right before the wire": BrokenHalt(
        0, "I4", [(Brake, "holds_back", lambda *_, **__: False)]
    ),
    "a halt forgets what is planned": BrokenHalt(
        0, "not proved", [(stopping, "sweep", sweep_without_what_is_planned)]
    ),
    "one look proves a halt": BrokenHalt(
        9, "called proved by looks", [(proving, "BETWEEN_LOOKS", timedelta(0))]
    ),
    "nothing proves a halt": BrokenHalt(
        0, "called proved", [(proving.Prover, "_left_at", nothing_left)]
    ),
    "it is not said again that a halt is not done": BrokenHalt(
        0, "nobody has said", [(proving, "TELL_AGAIN", timedelta(days=1))], passing=12
    ),
    "a process does not follow a halt that is stored": BrokenHalt(
        0, "does not notice", [(Brake, "follow", lambda *_: None)]
    ),
    "a flatten forgets what it is to close": BrokenHalt(
        0, "not proved", [(closing, "go_on", lambda *_: None)], passing=11
    ),
    "a halt cancels the stops behind positions": BrokenHalt(
        20, "is held behind it", [(protection, "protecting", lambda _: [])], passing=22
    ),
    "the file HALT is not read": BrokenHalt(
        0, "I4|not proved", [(HaltFile, "read", lambda _: None)]
    ),
}

MUTATIONS = {
    "an unanswered order is sent again": Mutation(
        "answers are lost", "I1|does already", venue=SendsAgain
    ),
    "the fence is forgotten": Mutation("answers are lost", "guessed|I2", venue=NoFence),
    "the time until an order shows is forgotten": Mutation(
        "answers are lost",
        "guessed|I2",
        replaced=[
            (orders, "proved_absent", absent_at_the_fence),
            (orders, "LOOK_AGAIN", (timedelta(seconds=0.5),)),
        ],
        passing=11,
    ),
    "a trade is booked twice": Mutation("orders rest", "I2", venue=NewTradeIds),
    "one look-up stands for all": Mutation("answers are lost", "stuck", venue=OneLookUp),
    "not found once is absent": Mutation(
        "answers are lost", "guessed|I2", replaced=[(orders, "proved_absent", lambda *_: True)]
    ),
    "in doubt at a restart is rejected": Mutation(
        "processes die",
        "I2",
        replaced=[(sending, "interrupted", rejected_at_restart)],
        passing=8,
    ),
    "without an answer is rejected": Mutation(
        "answers are lost", "I2", replaced=[(sending, "in_doubt", rejected_in_doubt)]
    ),
    "an order leaves after a halt": Mutation(
        "people stop it",
        "I4|is approved",
        replaced=[(sending, "lets_through", _anything), (risk, "lets_through", _anything)],
    ),
    "an approval holds for ever": Mutation(
        "the exchange is away",
        "I5",
        replaced=[(sending, "no_longer_approved", lambda *_: None)],
        passing=3,
    ),
    "votes are not counted again": Mutation(
        "people decide",
        "I5",
        replaced=[(approval, "is_approved", lambda *_: True)],
        passing=16,
    ),
    "silence that was asked for is not kept": Mutation(
        "the exchange is away", "silence", replaced=[(Connections, "_silence", lambda _: None)]
    ),
    "the rest goes out before the first has ended": Mutation(
        "orders rest",
        "I1",
        replaced=[
            (Orders, "left_over", also_canceling),
            (orders, "next_leg", before_the_end),
            (carrying_on, "is_certain", lambda *_: True),
            (following, "has_ended", without_a_look),
        ],
    ),
    "a closing forgets what it has sold": Mutation(
        "people stop it",
        "I1|to close a position of",
        replaced=[(slicing, "_sellable", all_to_be_sold)],
        passing=7,
    ),
    "a closing takes any price": Mutation(
        "people stop it",
        "the best is",
        replaced=[(slicing, "capped", far_from)],
        passing=2,
    ),
    "a stop waits for another price": Mutation("orders rest", "I5", venue=WaitsElsewhere),
    "what a stop sells is sold once more": Mutation(
        "orders rest",
        "is to be sold of",
        replaced=[(Moment, "facts", nothing_is_being_sold)],
        passing=27,
    ),
    "a halt keeps every stop": Mutation(
        "people stop it",
        "called proved",
        replaced=[(protection, "protecting", every_stop)],
        passing=3,
    ),
    "a changed order goes out beside the other one": Mutation(
        "orders rest",
        "I1",
        replaced=[
            (taking_over, "over", while_it_rests),
            (following, "has_ended", without_a_look),
        ],
        passing=11,
    ),
    "the rest is all of it again": Mutation(
        "the rest takes the market", "I1", replaced=[(orders, "left", all_of_it)]
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_rule_is_caught(
    name: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    mutation = MUTATIONS[name]
    for where, what, instead in mutation.replaced:
        monkeypatch.setattr(where, what, instead)
    tried = seeds_about(mutation.theme, mutation.passing + MOST)[mutation.passing :]
    for count, seed in enumerate(tried, mutation.passing + 1):
        try:
            play(seed, mutation.venue)
        except Violation as found:
            line = str(found).partition("\n")[0]
            assert re.search(mutation.finding, line)
            said = f"{name}: caught by {count} of the seeds in which {mutation.theme}: {line}"
            record_property("simulation", said)
            return
    pytest.fail(f"not caught by {MOST} of the seeds in which {mutation.theme}")


def kill_everywhere(seed: int, *, passing: int) -> None:
    """Every kill of a seed but the first ones, one after the other."""
    for moment in moments(seed)[passing:]:
        killed(seed, moment)


@pytest.mark.parametrize("name", BROKEN_HALTS)
def test_a_broken_halt_is_caught(
    name: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    broken = BROKEN_HALTS[name]
    for where, what, instead in broken.replaced:
        monkeypatch.setattr(where, what, instead)
    with pytest.raises(Violation) as found:
        kill_everywhere(broken.seed, passing=broken.passing)
    line = str(found.value).partition("\n")[0]
    assert re.search(broken.finding, line)
    record_property("simulation", f"{name}: caught by the kills of a seed: {line}")
