"""The order's life: one transition table, and what a venue's report does to an order.

Pure. An order is two facts: an append-only set of fills, and this lifecycle. Whatever is not in the
table is an error, never a silent overwrite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from execution.errors import Corrupt
from execution.kinds import STOPS
from execution.record import Record
from execution.rounding import exactly
from execution.types import (
    ZERO,
    Fill,
    OnTimeout,
    Order,
    OrderState,
    Terms,
    Ticket,
    TicketState,
)

_S = OrderState

ENDED = frozenset({_S.DENIED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED, _S.ABSENT})
LIVE = frozenset({_S.SENDING, _S.IN_DOUBT, _S.WORKING, _S.CANCELING})
"""Orders that the venue may hold, or that may reach it: what `orders.open` counts."""
UNKNOWN = frozenset({_S.IN_DOUBT, _S.STUCK})

_BY_VENUE = frozenset({_S.WORKING, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED})
"""What only a venue can say of an order."""
_NOT_THERE = frozenset({_S.DENIED, _S.REJECTED, _S.ABSENT})
"""Ends of an order that never was at the venue: seeing it there at all is news."""

MOVES: dict[OrderState, frozenset[OrderState]] = {
    _S.PLANNED: frozenset({_S.SENDING, _S.DENIED}),
    # Back to PLANNED only when the request certainly never left: the same id is sent again.
    _S.SENDING: _BY_VENUE | {_S.IN_DOUBT, _S.PLANNED},
    _S.IN_DOUBT: _BY_VENUE | {_S.ABSENT, _S.STUCK},
    # A working order that the venue no longer shows is in doubt, not gone.
    _S.WORKING: (_BY_VENUE - {_S.WORKING}) | {_S.CANCELING, _S.IN_DOUBT},
    _S.CANCELING: _BY_VENUE | {_S.STUCK, _S.IN_DOUBT},
    _S.STUCK: _BY_VENUE | {_S.CANCELING, _S.ABSENT},
    # An end is only as good as its evidence: what the venue shows later counts, with an alert.
    _S.CANCELED: _BY_VENUE - {_S.CANCELED},
    _S.EXPIRED: _BY_VENUE - {_S.EXPIRED},
    _S.REJECTED: _BY_VENUE - {_S.REJECTED},
    _S.ABSENT: _BY_VENUE,
    _S.DENIED: _BY_VENUE,
    _S.FILLED: frozenset(),
}


ENTRY = "entry"
"""The first leg of every ticket; `entry-2` and so on carry on what it left."""
EXIT = "exit"
"""The first slice of a closing; `exit-2` and so on are the slices after it."""
AGAIN = "stop"
"""A stop that gave way to a closing stands again as `stop-2` and so on."""
GIVES_WAY = "its position is being closed"
"""Why an order of ours is canceled that locks what is to be sold."""
REPLACED = "canceled for a changed order"
"""Why an order of ours is canceled that people have approved another one for."""
NO_POSITION = "there is no position any more"
"""Why an order is canceled that was to make a position in contracts smaller."""
TIMED_OUT = "its time to rest was over"
"""Why the desk itself cancels an order; any other cancel goes before it."""
REPRICINGS = 3
"""How often the rest of an order is priced anew before it is canceled."""


def moved(order: Order, to: OrderState, at: datetime, *, reason: str | None = None) -> Order:
    """The order in its next state.

    Raises:
        Corrupt: the table has no such move.
    """
    if to not in MOVES[order.state]:
        raise Corrupt(f"order {order.id}: {order.state} -> {to} is not a move")
    return order.evolve(
        state=to,
        ended_at=at if to in ENDED else None,
        reason=reason if reason is not None else order.reason,
    )


def of_our_make(client_order_id: str | None) -> bool:
    """Whether a Countersign made this client order id: a name-based UUID, as all of them are."""
    try:
        return UUID(client_order_id or "").version == 5
    except ValueError:
        return False


class Shown(Protocol):
    """What a venue shows of an order; `venues.venue.Report` is one."""

    @property
    def venue_order_id(self) -> str: ...
    @property
    def state(self) -> OrderState: ...
    @property
    def filled(self) -> Decimal: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied(Record):
    """An order after a report, and whether the report said anything new."""

    order: Order
    changed: bool
    resurrected: bool = False
    """The order had ended and the venue shows more: a rule of ours was wrong, people are told."""


def apply_report(order: Order, shown: Shown, at: datetime) -> Applied:
    """What the venue's report makes of the order.

    A report never lowers what was filled, never takes an order out of an end for an older look, and
    fills in the venue's id once. An order the venue calls closed ends only when the fills that make
    up `reported` are booked; until then the caller fetches trades.
    """
    reported = max(order.reported, shown.filled)
    known = order.evolve(
        venue_order_id=order.venue_order_id or shown.venue_order_id,
        reported=reported,
        acknowledged_at=order.acknowledged_at or at,
        looks=0,
    )
    target = shown.state
    if order.state in ENDED:
        # Right after an end, a look that still shows it open may be the older one.
        long_ended = order.ended_at is None or at - order.ended_at > STALE_LOOK
        news = shown.filled > order.reported or (
            target is _S.WORKING and (long_ended or order.state in _NOT_THERE)
        )
        if not news or target not in MOVES[order.state]:
            return Applied(order=known, changed=reported > order.reported)
        return Applied(order=moved(known, target, at), changed=True, resurrected=True)
    if target is _S.WORKING and order.state in {_S.WORKING, _S.CANCELING}:
        # Still open while a cancel is on its way: the cancel decides, not this look.
        return Applied(order=known, changed=known != order)
    return Applied(order=moved(known, target, at), changed=True)


def whole(terms: Terms, legs: Sequence[Order]) -> Decimal:
    """Base amount that all orders of a ticket may take together: that of its first one, which may be less
    than was approved when it replaced another order; slices share what was approved."""
    return terms.amount if terms.closing or not legs else legs[0].amount


@exactly
def taken(leg: Order, fills: Sequence[Fill]) -> Decimal:
    """Base amount that an order took, by its trades or by the venue's claim."""
    booked = sum((fill.amount for fill in fills if fill.order == leg.id), ZERO)
    return max(booked, leg.reported)


@exactly
def left(terms: Terms, legs: Sequence[Order], fills: Sequence[Fill]) -> Decimal:
    """Base amount of a ticket that no order of it took, as far as the venue has said."""
    return whole(terms, legs) - sum((taken(leg, fills) for leg in legs), ZERO)


def is_exit(order: Order) -> bool:
    """Whether it is a slice of a closing."""
    return order.leg.partition("-")[0] == EXIT


def passes_a_halt(order: Order) -> bool:
    """Whether a halted desk lets it through: a slice of a closing, or a stop that gave way to one."""
    return order.leg.partition("-")[0] in {EXIT, AGAIN}


def gave_way(legs: Sequence[Order]) -> bool:
    """Whether these legs of a ticket end with a stop that was canceled so that its position could be sold.

    It stands again for what was not, however often that is tried.
    """
    sent = [leg for leg in legs if leg.state is not _S.DENIED]
    if not sent or any(leg.state not in ENDED for leg in legs):
        return False
    stop = sent[-1]
    ended = stop.state in {_S.CANCELED, _S.EXPIRED}  # some exchanges call a canceled one expired
    return ended and stop.cancel_reason == GIVES_WAY and stop.type in STOPS


def next_leg(ticket: Ticket, legs: Sequence[Order]) -> str | None:
    """The leg that is to carry on what the last one left; None when the ticket ends with it.

    Only once every leg is proved to have ended, and only after the desk's own cancel at its timeout:
    whoever else canceled it meant all of it. A closing goes on until it is found to be done, and a stop
    that gave way to one stands again.
    """
    last = legs[-1]
    if ticket.state is not TicketState.WORKING or ticket.terms is None:
        return None
    if any(leg.state not in ENDED for leg in legs):
        return None
    if ticket.terms.closing:
        taken = sum(leg.amount if leg.state is _S.FILLED else leg.reported for leg in legs)
        over = last.cancel_reason is not None or taken >= ticket.terms.amount
        return None if over else f"{EXIT}-{len(legs) + 1}"
    if gave_way(legs):
        return f"{AGAIN}-{len(legs) + 1}"
    if last.state not in {_S.CANCELED, _S.EXPIRED} or last.cancel_reason != TIMED_OUT:
        return None
    more = {OnTimeout.REPRICE: REPRICINGS, OnTimeout.MARKET: 1}.get(ticket.terms.on_timeout, 0)
    return f"{ENTRY}-{len(legs) + 1}" if len(legs) <= more else None


LOOK_AGAIN = tuple(timedelta(seconds=s) for s in (0.5, 1, 2, 4, 8, 15, 30))
"""Pauses between rounds of looking for an order in doubt; the last one repeats."""
STALE_LOOK = timedelta(seconds=5)
"""A look may be this much older than what we know: venues show an order's changes a little late."""
ROUNDS_FOR_ABSENCE = 3
DOUBT_BUDGET = timedelta(minutes=10)
"""After this a person decides."""


def next_look(order: Order, at: datetime) -> datetime:
    """When to look again for an order that was not found."""
    return at + LOOK_AGAIN[min(order.looks, len(LOOK_AGAIN) - 1)]


def proved_absent(order: Order, at: datetime, grace: timedelta | None) -> bool:
    """Whether looking has proved that the order does not exist; the last round began `at`.

    Needs complete rounds in which nothing knew it, the last one after the venue itself would refuse
    a late request and whatever it accepted would have become visible. The pauses between the rounds
    say so too: a clock that was put forward, or rounds that failed, do not shorten the wait. Without a
    `grace` nothing is proved.
    """
    fence, since = order.fence_at, order.doubted_at
    if order.venue_order_id is not None or fence is None or since is None or grace is None:
        return False
    pauses = (LOOK_AGAIN[min(round_, len(LOOK_AGAIN) - 1)] for round_ in range(order.looks))
    waited = sum(pauses, timedelta(0))
    enough = order.looks >= ROUNDS_FOR_ABSENCE and waited >= fence + grace - since
    return enough and at >= fence + grace


def ended_unseen(
    order: Order, at: datetime, *, forgets: timedelta | None, grace: timedelta | None
) -> bool:
    """Whether looking has proved that an order which the venue took has ended without a fill; the last
    round began `at`.

    Only where the venue keeps no record of such an order once it was made so long ago: otherwise it would
    show it.
    """
    taken, since = order.acknowledged_at, order.doubted_at
    if forgets is None or grace is None or taken is None or since is None or order.reported:
        return False
    return order.looks >= ROUNDS_FOR_ABSENCE and at - taken > forgets and at - since >= grace


def out_of_budget(order: Order, at: datetime) -> bool:
    """Whether looking has gone on so long that a person must decide."""
    return order.doubted_at is not None and at - order.doubted_at >= DOUBT_BUDGET
