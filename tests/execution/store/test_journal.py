"""The journal is a chain: whoever changes, removes or adds an entry without the key is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from execution.errors import Corrupt
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.store.journal import GENESIS
from tests.clock import Clock
from tests.execution.conftest import KEY
from tests.execution.rows import stored

Tamper = Callable[..., None]


@pytest.fixture
def five(store: Store, clock: Clock) -> Store:
    """A store with five entries, in three commits."""
    for seconds, kinds in enumerate(
        (
            [EventKind.STARTED],
            [EventKind.HALTED, EventKind.HALT_TAKEN],
            [EventKind.HALT_VERIFIED, EventKind.RESUMED],
        )
    ):
        clock.advance(seconds)

        def work(tx: Transaction, kinds: list[EventKind] = kinds) -> None:
            for kind in kinds:
                tx.journal.add(kind, tx.now, actor="tg:2", reason="news", amount=Decimal("0.10"))

        store.write_now(work)
    return store


@pytest.fixture
def tamper(five: Store, database: Path) -> Tamper:
    """Does what somebody with the file and without the key could do."""

    def do(*statements: str) -> None:
        raw = sqlite3.connect(database)
        for change in ("update", "delete"):
            raw.execute(f"DROP TRIGGER events_refuse_{change}")
        for statement in statements:
            assert raw.execute(statement).rowcount == 1
        raw.commit()
        raw.close()

    return do


def broken(store: Store) -> list[int]:
    return store.read_now(lambda tx: list(tx.journal.broken()))


def test_an_untouched_journal_verifies(five: Store) -> None:
    assert broken(five) == []


def test_an_empty_journal_verifies_and_has_the_first_head(store: Store) -> None:
    assert broken(store) == []
    assert store.read_now(lambda tx: tx.journal.head()) == (0, GENESIS)


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'venue_up'",
        "at = '2026-03-02T12:00:00.000001Z'",
        "actor = 'tg:3'",
        "actor = NULL",
        "ticket = 'T9'",
        "\"order\" = 'O9'",
        'data = \'{"reason": "news", "amount": "0.11"}\'',
        'data = \'{"reason": "news"}\'',
        f"mac = '{'0' * 64}'",
    ],
)
@pytest.mark.parametrize("seq", [1, 3, 5])
def test_an_edited_entry_is_found_at_its_place(
    five: Store, tamper: Tamper, seq: int, change: str
) -> None:
    tamper(f"UPDATE events SET {change} WHERE seq = {seq}")

    assert broken(five)[0] == seq


def test_an_edited_entry_does_not_make_the_others_suspect(five: Store, tamper: Tamper) -> None:
    tamper("UPDATE events SET actor = 'tg:3' WHERE seq = 2")

    assert broken(five) == [2]


def test_a_cut_tail_is_found_through_the_head(five: Store, tamper: Tamper) -> None:
    tamper("DELETE FROM events WHERE seq = 5", "DELETE FROM events WHERE seq = 4")

    assert broken(five) == [4]


def test_an_entry_taken_out_of_the_middle_is_found(five: Store, tamper: Tamper) -> None:
    tamper("DELETE FROM events WHERE seq = 3")

    assert broken(five)[0] == 4


def test_a_first_entry_that_was_taken_away_is_found(five: Store, tamper: Tamper) -> None:
    tamper("DELETE FROM events WHERE seq = 1")

    assert broken(five)[0] == 2


def test_two_entries_that_changed_places_are_found(five: Store, tamper: Tamper) -> None:
    tamper(
        "UPDATE events SET seq = 99 WHERE seq = 2",
        "UPDATE events SET seq = 2 WHERE seq = 3",
        "UPDATE events SET seq = 3 WHERE seq = 99",
    )

    assert broken(five)[:2] == [2, 3]


def test_a_forged_entry_at_the_end_is_found(five: Store, tamper: Tamper) -> None:
    tamper(
        'INSERT INTO events SELECT 6, at, kind, ticket, "order", actor, data, mac '
        "FROM events WHERE seq = 5",
        "UPDATE head SET seq = 6",
    )

    assert broken(five)[0] == 6


def test_a_changed_head_is_found(five: Store, tamper: Tamper) -> None:
    tamper(f"UPDATE head SET mac = '{'1' * 64}'")

    assert broken(five) == [6]


def test_a_journal_read_with_another_key_does_not_verify(five: Store, database: Path) -> None:
    other = Store(
        f"sqlite:///{database}", journal_key=KEY + b"!", clock=Clock(), new_id=lambda: "1"
    )

    assert broken(other) == [1, 2, 3, 4, 5]
    other.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'tg:3' WHERE seq = 2",
        "UPDATE events SET actor = actor",
        "DELETE FROM events WHERE seq = 5",
        "DELETE FROM events",
    ],
)
def test_the_database_itself_refuses_to_change_an_entry(
    five: Store, database: Path, statement: str
) -> None:
    raw = sqlite3.connect(database)

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    raw.close()

    assert broken(five) == []
    assert len(five.read_now(lambda tx: tx.journal.after(0))) == 5


class TestReadingBack:
    def test_an_entry_says_what_was_written_as_text(self, five: Store) -> None:
        first = five.read_now(lambda tx: tx.journal.after(0))[0]

        assert (first.seq, first.kind, first.actor) == (1, EventKind.STARTED, "tg:2")
        assert first.data == {"reason": "news", "amount": "0.10"}
        assert (first.ticket, first.order) == (None, None)

    def test_what_is_none_is_not_written(self, store: Store) -> None:
        store.write_now(lambda tx: tx.journal.add(EventKind.STARTED, tx.now, reason=None, by=0))

        assert store.read_now(lambda tx: tx.journal.after(0))[0].data == {"by": "0"}

    def test_entries_come_oldest_first_and_in_pages(self, five: Store) -> None:
        def seqs(after: int, limit: int) -> list[int]:
            return five.read_now(lambda tx: [e.seq for e in tx.journal.after(after, limit)])

        assert (seqs(0, 2), seqs(2, 2), seqs(4, 2), seqs(5, 2)) == ([1, 2], [3, 4], [5], [])

    def test_an_entry_gets_its_number_at_once(self, store: Store) -> None:
        def work(tx: Transaction) -> tuple[list[int], int]:
            added = [tx.journal.add(EventKind.STARTED, tx.now) for _ in range(3)]
            return added, tx.journal.head()[0]

        assert store.write_now(work) == ([1, 2, 3], 3)

    def test_a_tickets_entries_are_found_and_make_it_stale(self, store: Store) -> None:
        def work(tx: Transaction) -> None:
            stored(tx)
            tx.journal.add(EventKind.TICKET_PENDING, tx.now, ticket="T1")
            tx.journal.add(EventKind.STARTED, tx.now)
            tx.journal.add(EventKind.VOTE, tx.now, ticket="T1", order="O1")
            tx.journal.add(EventKind.STARTED, tx.now)

        store.write_now(work)

        assert [e.seq for e in store.read_now(lambda tx: tx.journal.of_ticket("T1"))] == [1, 3]
        assert store.read_now(lambda tx: tx.journal.of_ticket("T2")) == []

    def test_it_counts_how_often_something_happened(self, five: Store) -> None:
        assert five.read_now(lambda tx: tx.journal.count(EventKind.HALTED)) == 1
        assert five.read_now(lambda tx: tx.journal.count(EventKind.FILL)) == 0

    def test_the_newest_entry_of_a_kind_is_found(self, five: Store) -> None:
        five.write_now(lambda tx: tx.journal.add(EventKind.HALTED, tx.now, reason="again"))

        last = five.read_now(lambda tx: tx.journal.last(EventKind.HALTED))
        assert last is not None
        assert (last.seq, last.data) == (6, {"reason": "again"})
        assert five.read_now(lambda tx: tx.journal.last(EventKind.DAILY)) is None

    def test_it_began_with_its_first_entry(self, store: Store, clock: Clock) -> None:
        assert store.read_now(lambda tx: tx.journal.began_at()) is None
        first = clock.now
        for _ in range(2):
            store.write_now(lambda tx: tx.journal.add(EventKind.STARTED, tx.now))
            clock.advance(60)

        assert store.read_now(lambda tx: tx.journal.began_at()) == first

    def test_it_holds_a_head_that_was_told_and_no_other(self, five: Store) -> None:
        seq, mac = five.read_now(lambda tx: tx.journal.head())
        other = "0" if mac[0] != "0" else "1"
        five.write_now(lambda tx: tx.journal.add(EventKind.STARTED, tx.now))

        for number, digits, held in (
            (seq, mac, True),
            (seq, mac[:16], True),
            (seq, other + mac[1:16], False),
            (seq - 1, mac[:16], False),
            (seq + 2, mac[:16], False),
            (0, GENESIS, True),
            (0, mac[:16], False),
        ):
            found = five.read_now(lambda tx, n=number, d=digits: tx.journal.holds(n, d))
            assert found is held, (number, digits)

    @pytest.mark.parametrize(
        "text", ['"quoted"', "line\nbreak", "日本語 ₿", "\u2028", "|", "'; DROP TABLE events; --"]
    )
    def test_whatever_a_sender_wrote_is_kept_and_verifies(self, store: Store, text: str) -> None:
        store.write_now(lambda tx: tx.journal.add(EventKind.STARTED, tx.now, note=text))

        assert store.read_now(lambda tx: tx.journal.after(0))[0].data == {"note": text}
        assert broken(store) == []

    def test_a_time_of_another_zone_is_the_same_moment_and_verifies(self, store: Store) -> None:
        east = timezone(timedelta(hours=9))
        store.write_now(lambda tx: tx.journal.add(EventKind.STARTED, tx.now.astimezone(east)))

        assert store.read_now(lambda tx: tx.journal.after(0)[0].at == tx.now)
        assert broken(store) == []


class TestCheckingInParts:
    """A long journal is checked a few entries at a time, on from where the last check ended."""

    def check(self, store: Store, limit: int) -> int:
        seq, mac, before = 0, GENESIS, -1
        while seq != before:
            before = seq
            seq, mac = store.read_now(lambda tx: tx.journal.check(seq, mac, limit))  # noqa: B023  # read at once
        return seq

    @pytest.mark.parametrize("limit", [1, 2, 5, 500])
    def test_an_untouched_one_holds_to_its_end(self, five: Store, limit: int) -> None:
        assert self.check(five, limit) == 5

    def test_an_empty_one_holds(self, store: Store) -> None:
        assert self.check(store, 10) == 0

    @pytest.mark.parametrize("limit", [1, 2, 5, 500])
    @pytest.mark.parametrize("seq", [1, 3, 5])
    def test_an_edited_entry_is_named(
        self, five: Store, tamper: Tamper, seq: int, limit: int
    ) -> None:
        tamper(f"UPDATE events SET actor = 'tg:3' WHERE seq = {seq}")

        with pytest.raises(Corrupt, match=f"entry {seq} of the journal"):
            self.check(five, limit)

    @pytest.mark.parametrize("limit", [1, 2, 500])
    def test_a_cut_tail_is_named(self, five: Store, tamper: Tamper, limit: int) -> None:
        tamper("DELETE FROM events WHERE seq = 5", "DELETE FROM events WHERE seq = 4")

        with pytest.raises(Corrupt, match="ends at entry 3, which is not its head"):
            self.check(five, limit)

    def test_a_check_of_the_head_changes_nothing(self, five: Store) -> None:
        before = five.read_now(lambda tx: tx.journal.head())
        five.write_now(lambda tx: tx.journal.touch())

        assert five.read_now(lambda tx: tx.journal.head()) == before
        assert broken(five) == []
