"""A block of a pair outlives its process, and is of that pair at that venue alone."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from execution.store import Store
from execution.store.pairs import PairBlock
from tests.execution.builders import NOW
from tests.execution.conftest import Open

BLOCK = PairBlock(
    venue="main", symbol="BTC/USDT", entry=7, ticket="T1", at=NOW, reason="it contradicts itself."
)
LATER = BLOCK.evolve(symbol="ETH/USDT", entry=9)


def test_a_pair_without_a_row_is_not_blocked(store: Store) -> None:
    assert store.read_now(lambda tx: tx.pairs.of("main", "BTC/USDT")) is None
    assert store.read_now(lambda tx: tx.pairs.all()) == []


def test_a_block_survives_and_blocks_no_other_pair_or_venue(store: Store, open_store: Open) -> None:
    store.write_now(lambda tx: tx.pairs.add(BLOCK))

    with_it = open_store()
    assert with_it.read_now(lambda tx: tx.pairs.of("main", "BTC/USDT")) == BLOCK
    assert with_it.read_now(lambda tx: tx.pairs.of("main", "ETH/USDT")) is None
    assert with_it.read_now(lambda tx: tx.pairs.of("other", "BTC/USDT")) is None


def test_only_the_block_that_is_dropped_goes_and_the_first_stands_first(store: Store) -> None:
    store.write_now(lambda tx: tx.pairs.add(LATER))
    store.write_now(lambda tx: tx.pairs.add(BLOCK))
    assert store.read_now(lambda tx: tx.pairs.all()) == [BLOCK, LATER]

    store.write_now(lambda tx: tx.pairs.drop(BLOCK))
    assert store.read_now(lambda tx: tx.pairs.all()) == [LATER]


def test_a_pair_has_one_block(store: Store) -> None:
    store.write_now(lambda tx: tx.pairs.add(BLOCK))
    with pytest.raises(IntegrityError):
        store.write_now(lambda tx: tx.pairs.add(BLOCK.evolve(entry=8)))
