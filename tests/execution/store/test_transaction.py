"""The desk's state and the facts of an installation, within a transaction."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from execution.errors import Corrupt
from execution.store import Store, Transaction
from execution.trading import ACTIVE_FROM_THE_START, Halt, halted, verified
from execution.types import TradingState
from tests.execution.builders import NOW
from tests.execution.conftest import Open

HALT = Halt(by="tg:2", name="Ana <b>", at=NOW, reason="news", voided=3)


def test_trading_is_active_from_the_start(store: Store) -> None:
    assert store.read_now(lambda tx: tx.trading()) == ACTIVE_FROM_THE_START


def test_a_halt_survives_with_who_when_and_why(store: Store, open_store: Open) -> None:
    stopped = halted(ACTIVE_FROM_THE_START, HALT)
    proved = verified(stopped, NOW + timedelta(seconds=3, microseconds=1))

    store.write_now(lambda tx: tx.set_trading(ACTIVE_FROM_THE_START, stopped))
    assert open_store().read_now(lambda tx: tx.trading()) == stopped

    store.write_now(lambda tx: tx.set_trading(stopped, proved))
    assert open_store().read_now(lambda tx: tx.trading()) == proved


def test_a_lost_race_for_the_desks_state_is_an_error_and_changes_nothing(store: Store) -> None:
    """A resume that was decided before a halt must not undo it."""
    stopped = halted(ACTIVE_FROM_THE_START, HALT)
    store.write_now(lambda tx: tx.set_trading(ACTIVE_FROM_THE_START, stopped))
    late = ACTIVE_FROM_THE_START.evolve(generation=1, state=TradingState.PAUSED)

    with pytest.raises(Corrupt, match="trading state"):
        store.write_now(lambda tx: tx.set_trading(ACTIVE_FROM_THE_START, late))

    assert store.read_now(lambda tx: tx.trading()) == stopped


def test_a_fact_is_kept_in_place_of_what_was_known_and_can_be_forgotten(
    store: Store, open_store: Open
) -> None:
    assert store.read_now(lambda tx: tx.known("proof")) is None
    for value in (b"first", b"\x00second"):
        store.write_now(partial(_remember, value))
        assert open_store().read_now(lambda tx: tx.known("proof")) == value
    store.write_now(partial(_remember, None))
    assert store.read_now(lambda tx: tx.known("proof")) is None


def _remember(value: bytes | None, tx: Transaction) -> None:
    tx.remember("proof", value)


def test_a_fact_is_made_once_and_then_remembered(store: Store, open_store: Open) -> None:
    assert store.write_now(lambda tx: tx.fact("install", lambda: b"\x00first")) == b"\x00first"
    assert open_store().write_now(lambda tx: tx.fact("install", lambda: b"second")) == b"\x00first"
    assert store.write_now(lambda tx: tx.fact("other", lambda: b"second")) == b"second"
