"""What an audience was shown: one post per subject, a token per button, a cursor per audience."""

from __future__ import annotations

from typing import Any

from execution.events import EventKind
from execution.store import Store, Transaction
from execution.store.chat import Button, Post
from tests.execution.builders import NOW
from tests.execution.rows import stored


def post(subject: str, number: int = 10, **changes: Any) -> Post:
    """A message as it was shown."""
    given: dict[str, Any] = {
        "id": f"P-{subject}-{number}",
        "audience": "chat",
        "subject": subject,
        "place": "-100",
        "number": number,
        "has_picture": False,
        "shown": "digest",
        "shown_seq": 1,
        "at": NOW,
    }
    return Post(**given | changes)


def button(token: str, **changes: Any) -> Button:
    """Approve on the first revision of a card."""
    given: dict[str, Any] = {
        "token": token,
        "place": "-100",
        "subject": "ticket:T1",
        "revision": 1,
        "action": "approve",
        "argument": "",
    }
    return Button(**given | changes)


def put(store: Store, *posts: Post) -> None:
    def work(tx: Transaction) -> None:
        for one in posts:
            tx.chat.put(one)

    store.write_now(work)


class TestPosts:
    def test_a_post_comes_back_as_it_was(self, store: Store) -> None:
        shown = post("ticket:T1", number=-(2**62), has_picture=True)
        put(store, shown)

        assert store.read_now(lambda tx: tx.chat.post("chat", "ticket:T1")) == shown
        assert store.read_now(lambda tx: tx.chat.post("mail", "ticket:T1")) is None
        assert store.read_now(lambda tx: tx.chat.post("chat", "ticket:T2")) is None

    def test_a_newer_message_about_the_same_takes_the_place_of_the_older(
        self, store: Store
    ) -> None:
        older, newer = post("ticket:T1", 10), post("ticket:T1", 11, shown="other", shown_seq=7)
        put(store, older, newer)

        found = store.read_now(lambda tx: tx.chat.post("chat", "ticket:T1"))
        assert found == newer.evolve(id=older.id)
        assert store.read_now(lambda tx: tx.chat.post_at("chat", "-100", 10)) is None
        assert store.read_now(lambda tx: tx.chat.post_at("chat", "-100", 11)) == found

    def test_two_audiences_are_shown_the_same_apart(self, store: Store) -> None:
        ours, theirs = post("ticket:T1"), post("ticket:T1", id="P2", audience="mail")
        put(store, ours, theirs)

        assert store.read_now(lambda tx: tx.chat.post("chat", "ticket:T1")) == ours
        assert store.read_now(lambda tx: tx.chat.post("mail", "ticket:T1")) == theirs

    def test_a_message_is_found_by_its_place_and_number(self, store: Store) -> None:
        here, there = post("ticket:T1"), post("ticket:T2", place="-200")
        put(store, here, there)

        def at(place: str, number: int) -> Post | None:
            return store.read_now(lambda tx: tx.chat.post_at("chat", place, number))

        assert (at("-100", 10), at("-200", 10), at("-100", 11)) == (here, there, None)

    def test_the_newest_of_a_kind_of_subject(self, store: Store) -> None:
        put(store, post("halt:3", id="P1"), post("halt:9", id="P3"), post("ticket:T1", id="P9"))

        def newest(prefix: str, audience: str = "chat") -> Post | None:
            return store.read_now(lambda tx: tx.chat.newest(audience, prefix))

        assert newest("halt:") == post("halt:9", id="P3")
        assert newest("status:") is None
        assert newest("halt:", "mail") is None

    def test_a_prefix_is_taken_literally(self, store: Store) -> None:
        put(store, post("ticket:T1"))

        assert store.read_now(lambda tx: tx.chat.newest("chat", "%")) is None
        assert store.read_now(lambda tx: tx.chat.newest("chat", "ticket_T")) is None

    def test_a_card_is_stale_when_the_journal_knows_more_of_its_ticket(self, store: Store) -> None:
        def work(tx: Transaction) -> None:
            for id in ("T1", "T2", "T3"):
                stored(tx, id=id)
                tx.journal.add(EventKind.TICKET_PENDING, tx.now, ticket=id)
            tx.journal.add(EventKind.VOTE, tx.now, ticket="T1")
            tx.chat.put(post("ticket:T1", shown_seq=3))
            tx.chat.put(post("ticket:T2", shown_seq=2))
            tx.chat.put(post("ticket:T3", shown_seq=2, audience="mail"))
            tx.chat.put(post("halt:1", shown_seq=0))

        store.write_now(work)

        assert store.read_now(lambda tx: tx.chat.stale("chat")) == [
            (post("ticket:T1", shown_seq=3), 4)
        ]
        assert store.read_now(lambda tx: tx.chat.stale("mail")) == [
            (post("ticket:T3", shown_seq=2, audience="mail"), 3)
        ]

        put(store, post("ticket:T1", shown_seq=4))
        assert store.read_now(lambda tx: tx.chat.stale("chat")) == []

    def test_a_card_is_stale_as_soon_as_something_is_written_down_of_its_ticket(
        self, store: Store
    ) -> None:
        """Also of what is written in the transaction that stores the card, and in any later one."""
        card = post("ticket:T1", shown_seq=0)

        def with_it(tx: Transaction) -> None:
            tx.chat.put(card)
            tx.journal.add(EventKind.TICKET_PENDING, tx.now, ticket="T1")

        store.write_now(with_it)
        assert store.read_now(lambda tx: tx.chat.stale("chat")) == [(card, 1)]
        store.write_now(lambda tx: tx.journal.add(EventKind.VOTE, tx.now, ticket="T1"))
        assert store.read_now(lambda tx: tx.chat.stale("chat")) == [(card, 2)]


class TestButtons:
    def test_the_same_button_keeps_its_token(self, store: Store) -> None:
        first = store.write_now(lambda tx: tx.chat.button(button("a")))
        again = store.write_now(lambda tx: tx.chat.button(button("b")))

        assert (first, again) == ("a", "a")
        assert store.read_now(lambda tx: tx.chat.pressed("a")) == button("a")
        assert store.read_now(lambda tx: tx.chat.pressed("b")) is None

    def test_another_revision_chat_subject_action_or_argument_is_another_button(
        self, store: Store
    ) -> None:
        others = [
            button("b", revision=2),
            button("c", place="-200"),
            button("d", subject="ticket:T2"),
            button("e", action="reject"),
            button("f", argument="0.5"),
        ]

        def work(tx: Transaction) -> list[str]:
            return [tx.chat.button(one) for one in (button("a"), *others)]

        assert store.write_now(work) == list("abcdef")
        for one in others:
            assert store.read_now(lambda tx, one=one: tx.chat.pressed(one.token)) == one


class TestCursors:
    def test_an_audience_that_was_told_nothing_has_none(self, store: Store) -> None:
        assert store.read_now(lambda tx: tx.chat.cursor("chat")) is None

    def test_each_audience_has_its_own(self, store: Store) -> None:
        store.write_now(lambda tx: tx.chat.advance("chat", 3))
        store.write_now(lambda tx: tx.chat.advance("mail", 0))
        store.write_now(lambda tx: tx.chat.advance("chat", 5))

        assert store.read_now(lambda tx: tx.chat.cursor("chat")) == 5
        assert store.read_now(lambda tx: tx.chat.cursor("mail")) == 0
