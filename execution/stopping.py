"""Stopping and going on: what a halt does to everything stored, and what ends one.

Each is part of one transaction: the desk's when a person asks, reconcile's when a venue shows what must
not be. Nothing here waits for a venue; `proving.py` looks whether all has stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from execution import approval, booking, closing, orders, protection, replacing, risk, trading
from execution.errors import NotPossible
from execution.events import EventKind
from execution.outcome import Answer, Outcome
from execution.store import Transaction
from execution.trading import Halt, Trading
from execution.types import Order, OrderState, Ticket, TicketState, TradingState

HALTED = "halted"
"""The reason a ticket or an order carries that a halt ended."""
PAUSED = "paused"
"""The same of a pause."""
STRANGERS = "desk:strangers"
"""Who halts over orders of a Countersign that this database does not know."""


def halt(tx: Transaction, *, by: str, name: str, reason: str) -> bool:
    """Halt the desk; whether it was not halted before. A second halt keeps who, when and why."""
    before = tx.trading()
    if before.state is TradingState.HALTED:
        # Counted all the same: a resume that was asked for before this does not lift it.
        tx.set_trading(before, before.evolve(generation=before.generation + 1))
        return False
    tx.set_trading(before, trading.halted(before, Halt(by=by, name=name, at=tx.now, reason=reason)))
    tx.journal.add(EventKind.HALTED, tx.now, actor=by, name=name, reason=reason or None)
    return True


def sweep(tx: Transaction, *, actor: str) -> None:
    """Carry out a halt on what is stored: void tickets, deny what is planned, ask for cancels.

    A stop that protects an open position stays: to cancel it would make a halt a danger; and so does
    what people had closed since. Does nothing where that is done, or where an owner has resumed
    meanwhile; a halt is committed before, so a crash between is made good by whoever proves the halt.
    """
    state = tx.trading()
    if state.halt is None or state.state is not TradingState.HALTED:
        return
    spared = {order.id for order in protection.protecting(tx)}
    closings = closing.spared(tx, state.halt)
    waiting = [
        ticket
        for ticket in tx.tickets.in_state(TicketState.PENDING, TicketState.APPROVED)
        if ticket.id not in closings
    ]
    for ticket in waiting:
        booking.move_ticket(tx, ticket, TicketState.CANCELED, reason=HALTED)
    swept = [
        order
        for order in tx.orders.in_state(OrderState.PLANNED, *orders.LIVE, OrderState.STUCK)
        if order.id not in spared and order.ticket not in closings
    ]
    for order in swept:
        booking.request_cancel(tx, order, actor=actor, reason=HALTED)
    for last in tx.orders.left_over():
        stands_again = orders.gave_way(tx.orders.of_ticket(last.ticket))
        if last.ticket not in closings and not stands_again:
            booking.withdraw(tx, last.ticket, reason=HALTED)
    planned = [order for order in swept if order.state is OrderState.PLANNED]
    count = len(waiting) + len(planned)
    if count:
        voided = state.halt.evolve(voided=state.halt.voided + count)
        tx.set_trading(state, state.evolve(halt=voided))


def pause(tx: Transaction, *, by: str, name: str, reason: str) -> bool:
    """Pause the desk; whether it was active. What would add exposure and has not left goes nowhere.

    An approved ticket is refused rather than asked again: its card could not be answered. What rests
    stays, and what only reduces goes on.
    """
    before = tx.trading()
    if before.state is not TradingState.ACTIVE:
        # Counted all the same: a resume that was asked for before this does not lift it.
        tx.set_trading(before, before.evolve(generation=before.generation + 1))
        return False
    halt = Halt(by=by, name=name, at=tx.now, reason=reason)
    stopped = trading.paused(before, halt)
    tx.set_trading(before, stopped)
    tx.journal.add(EventKind.PAUSED, tx.now, actor=by, name=name, reason=reason or None)
    refusal = risk.stopped(stopped, reduces=False)
    assert refusal is not None, "a paused desk refuses what adds exposure"
    approved = [t for t in tx.tickets.in_state(TicketState.APPROVED) if not _reduces(t)]
    for ticket in approved:
        booking.refuse(tx, ticket, (refusal,))
    planned = [order for order in tx.orders.in_state(OrderState.PLANNED) if not order.reduces]
    for order in planned:
        booking.request_cancel(tx, order, actor=by, reason=PAUSED)
    voided = halt.evolve(voided=len(approved) + len(planned))
    tx.set_trading(stopped, stopped.evolve(halt=voided))
    return True


def _reduces(ticket: Ticket) -> bool:
    return ticket.terms is not None and ticket.terms.reduces


def cancel(tx: Transaction, *, ticket_id: str, by: str, name: str) -> Answer:
    """Void a ticket that waits, or have canceled what still rests of a working one."""
    ticket = tx.tickets.get(ticket_id)
    if ticket is None:
        return Answer(outcome=Outcome.UNKNOWN)
    reason = f"canceled by {name}"
    if ticket.state in approval.OPEN:
        after = booking.move_ticket(tx, ticket, TicketState.CANCELED, reason=reason)
        return Answer(outcome=Outcome.CANCELED, ticket=after)
    live = [o for o in tx.orders.of_ticket(ticket_id) if o.state not in orders.ENDED]
    for order in live:
        booking.request_cancel(tx, order, actor=by, reason=reason)
    for other in replacing.waiting(tx, ticket_id):
        booking.move_ticket(tx, other, TicketState.CANCELED, reason=reason)
    stopped = bool(live) or booking.withdraw(tx, ticket_id, reason=reason)
    outcome = Outcome.CANCELED if stopped else Outcome.ENDED
    return Answer(outcome=outcome, ticket=tx.tickets.get(ticket_id))


def open_entries(tx: Transaction) -> Sequence[Order]:
    """Our orders that may still add exposure, and that nobody wants canceled yet."""
    return [
        order
        for order in tx.orders.in_state(OrderState.PLANNED, *orders.LIVE, OrderState.STUCK)
        if not order.reduces and order.cancel_reason in {None, orders.TIMED_OUT}
    ]


def cancel_entries(tx: Transaction, *, by: str, name: str) -> int:
    """Have every order canceled that may still add exposure; how many that are."""
    reason = f"canceled by {name}"
    entries = open_entries(tx)
    for order in entries:
        booking.request_cancel(tx, order, actor=by, reason=reason)
    for ticket in tx.tickets.in_state(TicketState.APPROVED):
        if ticket.replaces is not None and not _reduces(ticket):
            booking.move_ticket(tx, ticket, TicketState.CANCELED, reason=reason)
    for last in tx.orders.left_over():
        if not last.reduces:
            booking.withdraw(tx, last.ticket, reason=reason)
    tx.journal.add(EventKind.ENTRIES_CANCELED, tx.now, actor=by, name=name, orders=len(entries))
    return len(entries)


def unexplained(tx: Transaction, venues: Iterable[str]) -> list[str]:
    """Why it may not be traded on yet, a sentence for each venue that gives a reason.

    Every venue must have been compared with our rows since the halt or pause, and show no order of our
    make that is unknown here.
    """
    state = tx.trading()
    found = []
    if trading.to_be_proved(state) is not None:
        found.append(trading.NOT_DONE)
    for venue in venues:
        seen = tx.comparisons.of(venue)
        if seen is None or (state.halt is not None and seen.at < state.halt.at):
            since = "pause" if state.state is TradingState.PAUSED else "halt"
            found.append(f"{venue} has not been compared with our orders since the {since}.")
        elif seen.strangers:
            noun = "1 order" if seen.strangers == 1 else f"{seen.strangers} orders"
            found.append(
                f"{venue} shows {noun} of a Countersign's make not known to this database: cancel "
                "there, or bring the newest database back."
            )
    return found


def resume(
    tx: Transaction, *, by: str, name: str, generation: int, venues: Iterable[str]
) -> Trading:
    """Trade again, from the state of this generation.

    Raises:
        NotPossible: trading is active, halted anew, the halt is not verified yet, or one of the
            `venues` is not known to be as our rows say.
    """
    before = tx.trading()
    if generation != before.generation:
        raise NotPossible("That changed since: type /resume again.")
    after = trading.resumed(before)
    if unclear := unexplained(tx, venues):
        raise NotPossible(" ".join(unclear))
    tx.set_trading(before, after)
    tx.journal.add(EventKind.RESUMED, tx.now, actor=by, name=name)
    return after
