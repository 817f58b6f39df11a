"""Ordinary tickets, votes, orders, and what a venue shows of them; beside `builders.py`.

`stored` writes a ticket and its signal as the executor would, for tests on a real store.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from execution.approval import DEFAULT_RULE, fingerprint
from execution.store import Transaction
from execution.types import (
    Asked,
    Mode,
    Order,
    OrderState,
    OrderType,
    Side,
    Ticket,
    TicketState,
    TimeInForce,
    Vote,
    VoteKind,
)
from execution.venues.venue import Report, Trade
from tests.execution.builders import NOW, signal, terms

D = Decimal


def ticket(state: str = "pending", **changes: Any) -> Ticket:
    """A pending ticket for the ordinary terms under the default rule, five minutes to answer."""
    given: dict[str, Any] = {
        "id": "T1",
        "signal": "S1",
        "source": "tv",
        "state": TicketState(state),
        "revision": 1,
        "venue": "main",
        "mode": Mode.PAPER,
        "asked": Asked(symbol="BTC/USDT", side=Side.BUY, type=OrderType.LIMIT),
        "terms": terms(),
        "rule": DEFAULT_RULE.name,
        "required": 1,
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=5),
        "fired_at": NOW,
    }
    given |= changes
    given.setdefault(
        "fingerprint",
        fingerprint(given["terms"], rule=DEFAULT_RULE, required=given["required"])
        if given["terms"]
        else "",
    )
    return Ticket(**given)


def vote(on: Ticket, person: str = "tg:2", kind: str = "approve", **changes: Any) -> Vote:
    """What this person says of the ticket as it stands."""
    given: dict[str, Any] = {
        "id": f"V-{person}-{on.revision}",
        "ticket": on.id,
        "revision": on.revision,
        "fingerprint": on.fingerprint,
        "person": person,
        "name": person.upper(),
        "vote": VoteKind(kind),
        "at": NOW,
    }
    return Vote(**given | changes)


def order(state: str = "planned", **changes: Any) -> Order:
    """The entry of the ordinary ticket: a buy of 1 BTC at 100.5, good till canceled."""
    given: dict[str, Any] = {
        "id": "O1",
        "ticket": "T1",
        "leg": "entry",
        "venue": "main",
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "amount": D(1),
        "price": D("100.5"),
        "time_in_force": TimeInForce.GTC,
        "client_order_id": "c1",
        "state": OrderState(state),
        "reduces": False,
        "created_at": NOW,
    }
    return Order(**given | changes)


def report(state: str, filled: str = "0", **changes: Any) -> Report:
    """What the venue shows of the ordinary order."""
    given: dict[str, Any] = {
        "venue_order_id": "v1",
        "client_order_id": "c1",
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "state": OrderState(state),
        "amount": D(1),
        "filled": D(filled),
        "price": D("100.5"),
    }
    return Report(**given | changes)


def trade(trade_id: str, amount: str, price: str = "100", **changes: Any) -> Trade:
    """One trade of the ordinary order, a thousandth of its worth as the fee."""
    given: dict[str, Any] = {
        "trade_id": trade_id,
        "venue_order_id": "v1",
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "amount": D(amount),
        "price": D(price),
        "fee": D(amount) * D(price) / 1000,
        "fee_currency": "USDT",
        "at": NOW,
    }
    return Trade(**given | changes)


def stored(tx: Transaction, state: str = "pending", **changes: Any) -> Ticket:
    """Store a ticket and the signal it was made of, whose id follows the ticket's."""
    made = ticket(state, **{"signal": f"S-{changes.get('id', 'T1')}"} | changes)
    tx.signals.add(signal(id=made.signal, source=made.source), "digest")
    tx.tickets.add(made)
    return made
