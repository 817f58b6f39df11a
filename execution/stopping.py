"""Stopping and going on: what a halt does to everything stored, and what ends one.

Each is part of one transaction: the desk's when a person asks, reconcile's when a venue shows what must
not be. Nothing here waits for a venue; `proving.py` looks whether all has stopped.
"""

from __future__ import annotations

from execution import booking, orders, trading
from execution.errors import NotPossible
from execution.events import EventKind
from execution.store import Transaction
from execution.trading import Halt, Trading
from execution.types import OrderState, TicketState, TradingState

HALTED = "halted"
"""The reason a ticket or an order carries that a halt ended."""


def halt(tx: Transaction, *, by: str, name: str, reason: str) -> bool:
    """Halt the desk; whether it was not halted before. A second halt changes nothing."""
    before = tx.trading()
    if before.state is TradingState.HALTED:
        return False
    tx.set_trading(before, trading.halted(before, Halt(by=by, name=name, at=tx.now, reason=reason)))
    tx.journal.add(EventKind.HALTED, tx.now, actor=by, name=name, reason=reason or None)
    return True


def sweep(tx: Transaction, *, actor: str) -> None:
    """Carry out a halt on what is stored: void tickets, deny what is planned, ask for cancels.

    Does nothing where that is done; a halt is committed before, so a crash between is made good by
    whoever proves the halt.
    """
    state = tx.trading()
    assert state.halt is not None, "only a halt sweeps"
    waiting = tx.tickets.in_state(TicketState.PENDING, TicketState.APPROVED)
    for ticket in waiting:
        booking.move_ticket(tx, ticket, TicketState.CANCELED, reason=HALTED)
    planned = tx.orders.in_state(OrderState.PLANNED)
    for order in (*planned, *tx.orders.in_state(*orders.LIVE, OrderState.STUCK)):
        booking.request_cancel(tx, order, actor=actor, reason=HALTED)
    for last in tx.orders.left_over():
        booking.withdraw(tx, last.ticket, reason=HALTED)
    count = len(waiting) + len(planned)
    if count:
        voided = state.halt.evolve(voided=state.halt.voided + count)
        tx.set_trading(state, state.evolve(halt=voided))


def resume(tx: Transaction, *, by: str, name: str, generation: int | None) -> Trading:
    """Trade again, from the state of this generation; None takes whatever is.

    Raises:
        NotPossible: trading is active, halted anew, or the halt is not verified yet.
    """
    before = tx.trading()
    if generation is not None and generation != before.generation:
        raise NotPossible("That changed since: type /resume again.")
    after = trading.resumed(before)
    tx.set_trading(before, after)
    tx.journal.add(EventKind.RESUMED, tx.now, actor=by, name=name)
    return after
