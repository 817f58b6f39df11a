"""What is asked at start, at each check, at each look and for each message never reads a whole table.

A desk that has run for years answers as quickly as a new one: the database says how it would look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event

from bot.notifier import undelivered
from execution import orders
from execution.events import EventKind
from execution.store import Transaction
from execution.types import OrderState, Side, TicketState
from tests.execution.builders import NOW, fill
from tests.execution.conftest import KEY
from tests.execution.rows import order, stored

SMALL = {"positions", "breakers", "trading", "head", "cursors", "meta"}
"""Tables that do not grow with what was done."""

QUESTIONS: dict[str, Callable[[Transaction], Any]] = {
    "what may still fill": lambda tx: tx.orders.in_state(*orders.LIVE, OrderState.STUCK),
    "what is left over": lambda tx: tx.orders.left_over(),
    "whose trades may come": lambda tx: tx.orders.asked_about(NOW),
    "which symbols were traded": lambda tx: tx.orders.symbols("main"),
    "whose orders these are": lambda tx: tx.orders.by_client_ids("main", ["c1"]),
    "whose order this is": lambda tx: tx.orders.is_known("main", "v1"),
    "entries of the last minute": lambda tx: tx.orders.entries_since(NOW),
    "how much rests at a venue": lambda tx: tx.orders.count("main", OrderState.WORKING),
    "what a venue took since": lambda tx: tx.orders.taken_since("main", NOW),
    "what a halt canceled": lambda tx: tx.orders.canceled_since(NOW),
    "legs": lambda tx: tx.orders.of(["T1"]),
    "fills of an order": lambda tx: tx.fills.of_order("O1"),
    "fills of tickets": lambda tx: tx.fills.of_tickets(["T1"]),
    "fills known": lambda tx: tx.fills.known("main", "BTC/USDT", ["t1"]),
    "position": lambda tx: tx.positions.of("main", "BTC/USDT"),
    "positions": lambda tx: tx.positions.open(),
    "results of today": lambda tx: tx.positions.realized_since(NOW),
    "results of orders": lambda tx: tx.positions.realized_by(["O1"]),
    "signals without a ticket": lambda tx: tx.signals.waiting(after="S1"),
    "a repeat": lambda tx: tx.signals.known("tv", "key", NOW),
    "tickets that wait": lambda tx: tx.tickets.in_state(TicketState.PENDING, TicketState.APPROVED),
    "markets in use": lambda tx: tx.tickets.markets(TicketState.WORKING),
    "overdue": lambda tx: tx.tickets.overdue(NOW),
    "how many wait": lambda tx: tx.tickets.count(TicketState.PENDING),
    "the last like it": lambda tx: tx.tickets.last_like("tv", "BTC/USDT", Side.BUY),
    "votes": lambda tx: tx.tickets.votes_of(["T1"]),
    "a ticket's journal": lambda tx: tx.journal.of_ticket("T1"),
    "repeats": lambda tx: tx.journal.count(EventKind.SIGNAL_REPEATED),
    "the last day told": lambda tx: tx.journal.last(EventKind.DAILY),
    "what is not told": undelivered,
    "which cards say too little": lambda tx: tx.chat.stale("chat"),
    "what a message is about": lambda tx: tx.chat.post_at("chat", "-100", 7),
    "the card of a ticket": lambda tx: tx.chat.post("chat", "ticket:T1"),
    "the last halt told": lambda tx: tx.chat.newest("chat", "halt:"),
}


@contextmanager
def looked_over(database: Path) -> Iterator[tuple[Transaction, list[str]]]:
    """A transaction, and how the database goes about each of its statements."""
    engine = create_engine(f"sqlite:///{database}")
    plans: list[str] = []

    def explain(connection: Connection, *given: Any) -> None:
        _, statement, parameters, _, many = given
        if statement.startswith("EXPLAIN"):
            return
        one = parameters[0] if many else parameters
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one)
        plans.extend(str(row.detail) for row in plan)

    event.listen(engine, "before_cursor_execute", explain)
    with engine.begin() as connection:
        yield Transaction(connection, journal_key=KEY, now=NOW, new_id=lambda: "E"), plans
    engine.dispose()


def whole_tables(plans: list[str]) -> list[str]:
    """Steps that read everything there is of a table that grows."""
    return [plan for plan in plans if plan.startswith("SCAN") and plan.split()[1] not in SMALL]


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_reads_a_whole_table(database: Path, question: str) -> None:
    with looked_over(database) as (tx, plans):
        QUESTIONS[question](tx)
    assert plans, "it asked nothing"
    assert whole_tables(plans) == []


def test_storing_an_order_and_a_fill_reads_no_whole_table(database: Path) -> None:
    with looked_over(database) as (tx, plans):
        stored(tx, "working")
        tx.orders.add(order("working"))
        tx.fills.add(fill(Side.BUY, "1", "100", order="O1", inferred=True))
        tx.fills.drop_inferred("O1")
        tx.journal.add(EventKind.FILL, NOW, ticket="T1", order="O1")
        tx.journal.close()
    assert whole_tables(plans) == []


def test_a_question_that_reads_a_whole_table_would_be_seen(database: Path) -> None:
    with looked_over(database) as (tx, plans):
        assert list(tx.journal.broken()) == []
    (plan,) = whole_tables(plans)
    assert plan.startswith("SCAN events")
