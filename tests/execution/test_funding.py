"""Funding: what was paid for a position of ours is a result, once; what was paid for others is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution import funding
from execution.events import EventKind
from execution.positions import Realized
from execution.results import results
from execution.store import Store
from execution.types import Side
from execution.venues.venue import Payment
from tests.execution.builders import NOW, fill

D = Decimal
SYMBOL = "BTC/USDT:USDT"
HOUR = timedelta(hours=1)


def payment(amount: str = "-0.3", hours: int = 8, **changes: Any) -> Payment:
    """Paid so many hours after the position was opened."""
    given: dict[str, Any] = {
        "payment_id": f"p{hours}",
        "symbol": SYMBOL,
        "amount": D(amount),
        "currency": "USDT",
        "at": NOW + hours * HOUR,
    }
    return Payment(**given | changes)


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    """A desk that is short since `NOW`."""
    store = open_store()
    one = fill(Side.SELL, "0.5", "60000", symbol=SYMBOL, order=None, ticket=None)
    store.write_now(lambda tx: tx.fills.add(one))
    return store


def booked(store: Store, *payments: Payment, venue: str = "main") -> list[Payment]:
    store.write_now(lambda tx: funding.book(tx, venue, payments))
    return store.read_now(lambda tx: [one for _, one in tx.payments.since(NOW - 99 * HOUR)])


def test_a_payment_for_a_position_of_ours_is_booked_once_and_journaled(store: Store) -> None:
    assert booked(store, payment(), payment()) == [payment()]
    assert booked(store, payment(), payment("0.1", 16)) == [payment(), payment("0.1", 16)]
    assert store.read_now(lambda tx: tx.journal.count(EventKind.FUNDING)) == 2


@pytest.mark.parametrize(
    "other",
    [
        payment(hours=-1),  # before it was opened
        payment(symbol="ETH/USDT:USDT"),
    ],
)
def test_what_was_paid_for_a_position_that_is_not_ours_is_left_out(
    store: Store, other: Payment
) -> None:
    assert booked(store, other) == []


def test_it_is_left_out_at_another_venue_and_after_the_position_was_closed(store: Store) -> None:
    assert booked(store, payment(), venue="elsewhere") == []
    bought = fill(Side.BUY, "0.5", "60000", symbol=SYMBOL, order=None, ticket=None, n=60)
    store.write_now(lambda tx: tx.fills.add(bought))
    assert booked(store, payment()) == []


def test_it_is_among_what_explains_the_balance(store: Store) -> None:
    """Else it would pass for a withdrawal, and draw the highest mark of equity down with it."""
    booked(store, payment(), payment("0.1", 16), payment("0.1", 16))
    assert store.read_now(lambda tx: tx.accounts.moved("main")) == {"USDT": D("-0.2")}


def test_it_counts_on_its_day_in_the_results_of_its_market() -> None:
    none: list[Realized] = []
    found = results(
        none,
        [payment("-0.3", 1), payment("0.1", 26), payment("9", 99)],
        first=NOW.date(),
        last=(NOW + 26 * HOUR).date(),
        zone=UTC,
        rate=lambda asset, unit: None,
        currency="USDT",
    )
    assert found.days == ((NOW.date(), D("-0.3")), ((NOW + 26 * HOUR).date(), D("0.1")))
    assert found.symbols == ((SYMBOL, D("-0.2")),)
    assert (found.exits, found.apart) == (0, {})


def test_a_payment_in_a_currency_without_a_rate_is_kept_apart() -> None:
    found = results(
        [],
        [payment("-0.3", 1, currency="BNFCR")],
        first=NOW.date(),
        last=NOW.date(),
        zone=UTC,
        rate=lambda asset, unit: None,
        currency="USDT",
    )
    assert (found.total, found.apart) == (D(0), {"BNFCR": D("-0.3")})


def test_the_newest_payment_says_from_when_to_ask(store: Store) -> None:
    assert store.read_now(lambda tx: tx.payments.last_at("main")) is None
    assert store.read_now(lambda tx: tx.fills.first_at("main")) == NOW
    booked(store, payment(), payment("0.1", 16))
    newest: datetime | None = store.read_now(lambda tx: tx.payments.last_at("main"))
    assert newest == NOW + 16 * HOUR
