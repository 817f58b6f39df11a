"""Sealed keys are rows like any other: one for each venue, byte for byte as they were given."""

from __future__ import annotations

from execution.store import Store
from execution.store.sealed import SealedKeys
from tests.execution.conftest import Open

EVERY_BYTE = bytes(range(256))
MAIN = SealedKeys(venue="main", label=b"{}", wrapped=EVERY_BYTE, sealed=EVERY_BYTE[::-1])


def test_a_row_survives_as_it_was_and_each_venue_has_its_own(
    store: Store, open_store: Open
) -> None:
    other = MAIN.evolve(venue="other", sealed=b"")
    store.write_now(lambda tx: tx.sealed.put(other))
    store.write_now(lambda tx: tx.sealed.put(MAIN))

    again = open_store()
    assert again.read_now(lambda tx: tx.sealed.of("main")) == MAIN
    assert again.read_now(lambda tx: tx.sealed.of("nobody")) is None
    assert again.read_now(lambda tx: list(tx.sealed.all().values())) == [MAIN, other]


def test_a_row_takes_the_place_of_the_venues_earlier_one(store: Store) -> None:
    store.write_now(lambda tx: tx.sealed.put(MAIN))
    later = MAIN.evolve(wrapped=b"other")
    store.write_now(lambda tx: tx.sealed.put(later))

    assert store.read_now(lambda tx: tx.sealed.all()) == {"main": later}


def test_a_dropped_row_is_gone_and_no_other(store: Store) -> None:
    store.write_now(lambda tx: tx.sealed.put(MAIN))
    store.write_now(lambda tx: tx.sealed.put(MAIN.evolve(venue="other")))
    store.write_now(lambda tx: tx.sealed.drop("main"))

    assert set(store.read_now(lambda tx: tx.sealed.all())) == {"other"}
