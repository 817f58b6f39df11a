"""A breaker outlives its process, and nobody's older word changes it."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from execution.breaker import Breaker, BreakerState
from execution.errors import Corrupt
from execution.store import Store
from tests.execution.builders import NOW
from tests.execution.conftest import Open

NEVER_OPENED = Breaker(venue="main")
OPEN = Breaker(venue="main", state=BreakerState.OPEN, since=NOW, reason="no route to host")
HALF_OPEN = OPEN.evolve(state=BreakerState.HALF_OPEN)


def test_a_venue_without_a_row_has_a_closed_one(store: Store) -> None:
    assert store.read_now(lambda tx: tx.breakers.of("main")) == NEVER_OPENED


def test_each_venue_has_its_own_and_it_survives(store: Store, open_store: Open) -> None:
    store.write_now(lambda tx: tx.breakers.change(NEVER_OPENED, OPEN))
    assert open_store().read_now(lambda tx: tx.breakers.of("main")) == OPEN
    assert open_store().read_now(lambda tx: tx.breakers.of("other")).state is BreakerState.CLOSED

    store.write_now(lambda tx: tx.breakers.change(OPEN, HALF_OPEN))
    assert open_store().read_now(lambda tx: tx.breakers.of("main")) == HALF_OPEN


def test_who_comes_too_late_changes_nothing(store: Store) -> None:
    store.write_now(lambda tx: tx.breakers.change(NEVER_OPENED, OPEN))
    store.write_now(lambda tx: tx.breakers.change(OPEN, HALF_OPEN))

    with pytest.raises(Corrupt, match="breaker of main"):
        store.write_now(lambda tx: tx.breakers.change(OPEN, HALF_OPEN))
    with pytest.raises(IntegrityError):
        store.write_now(lambda tx: tx.breakers.change(NEVER_OPENED, OPEN))
    assert store.read_now(lambda tx: tx.breakers.of("main")) == HALF_OPEN
