"""Signals and the keys they are known by, tickets and votes, on a real database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from execution.errors import Corrupt
from execution.store import Store, Transaction
from execution.types import (
    Asked,
    Mode,
    OrderType,
    Refusal,
    Side,
    Signal,
    Target,
    TicketState,
    TimeInForce,
    Trail,
)
from tests.execution.builders import NOW, signal, size, terms
from tests.execution.rows import stored, ticket, vote

D = Decimal
SECOND = timedelta(seconds=1)


def whole_signal() -> Signal:
    """A signal that says everything a signal can say."""
    return signal(
        type=OrderType.TRAILING_STOP,
        price=D("0.000000000000000001"),
        stop_price=D("123456789012345678.000000000000000001"),
        trail=Trail(value=D("0.01"), is_share=True),
        size=size("notional", "1E+3", in_currency=True),
        stop_loss=D("58900"),
        take_profit=(Target(price=D("61500"), share=D("0.5")),),
        time_in_force=TimeInForce.GTD,
        good_till=NOW + timedelta(microseconds=1),
        post_only=True,
        reduce_only=True,
        close=True,
        venue="main",
        strategy="breakout-15m",
        note="<b>note</b> 日本",
        time=NOW - timedelta(microseconds=1),
        bar_time=NOW - 60 * SECOND,
        expires_in=timedelta(seconds=90, microseconds=7),
    )


class TestSignals:
    @pytest.mark.parametrize("sent", [signal(), whole_signal()], ids=["bare", "whole"])
    async def test_a_signal_comes_back_as_it_was(self, store: Store, sent: Signal) -> None:
        await store.write(lambda tx: tx.signals.add(sent, "digest"))

        assert await store.read(lambda tx: tx.signals.get("S1")) == sent
        assert await store.read(lambda tx: tx.signals.of(["S1", "S2"])) == {"S1": sent}

    async def test_a_signal_waits_until_it_has_its_ticket(self, store: Store) -> None:
        def work(tx: Transaction) -> None:
            for n in (2, 1, 3):
                tx.signals.add(signal(id=f"S{n}"), "digest")

        await store.write(work)
        assert [s.id for s in await store.read(lambda tx: tx.signals.waiting())] == [
            "S1",
            "S2",
            "S3",
        ]

        await store.write(lambda tx: tx.tickets.add(ticket(signal="S2")))
        waits = [
            await store.read(lambda tx, id=id: tx.signals.is_waiting(id))
            for id in ("S1", "S2", "S9")
        ]
        assert waits == [True, False, False]
        assert [s.id for s in await store.read(lambda tx: tx.signals.waiting(1))] == ["S1"]
        assert [s.id for s in await store.read(lambda tx: tx.signals.waiting())] == ["S1", "S3"]

    async def test_a_signal_is_stored_once(self, store: Store) -> None:
        await store.write(lambda tx: tx.signals.add(signal(), "digest"))

        with pytest.raises(IntegrityError):
            await store.write(lambda tx: tx.signals.add(signal(), "digest"))


class TestKeys:
    @pytest.fixture
    def known(self, store: Store) -> Store:
        """One signal known by a key for a minute."""

        def work(tx: Transaction) -> None:
            tx.signals.add(signal(), "digest")
            tx.signals.remember("tv", "id:7", "S1", NOW + 60 * SECOND)

        store.write_now(work)
        return store

    @pytest.mark.parametrize(
        ("seconds", "repeat"), [(0, True), (59.999999, True), (60, False), (61, False)]
    )
    def test_a_key_counts_within_its_window(
        self, known: Store, seconds: float, repeat: bool
    ) -> None:
        at = NOW + timedelta(seconds=seconds)

        found = known.read_now(lambda tx: tx.signals.known("tv", "id:7", at))
        assert found == (("S1", "digest") if repeat else None)

    def test_a_key_is_its_sources_own(self, known: Store) -> None:
        assert known.read_now(lambda tx: tx.signals.known("desk", "id:7", NOW)) is None
        assert known.read_now(lambda tx: tx.signals.known("tv", "id:8", NOW)) is None

    def test_a_key_used_again_after_its_window_means_the_newer_signal(self, known: Store) -> None:
        later = NOW + 61 * SECOND

        def again(tx: Transaction) -> None:
            tx.signals.add(signal(id="S2"), "another digest")
            tx.signals.remember("tv", "id:7", "S2", later + 60 * SECOND)

        known.write_now(again)

        found = known.read_now(lambda tx: tx.signals.known("tv", "id:7", later))
        assert found == ("S2", "another digest")

    def test_only_keys_that_no_longer_count_are_forgotten(self, known: Store) -> None:
        known.write_now(lambda tx: tx.signals.forget(NOW + 59 * SECOND))
        assert known.read_now(lambda tx: tx.signals.known("tv", "id:7", NOW)) is not None

        known.write_now(lambda tx: tx.signals.forget(NOW + 60 * SECOND))
        assert known.read_now(lambda tx: tx.signals.known("tv", "id:7", NOW)) is None
        assert known.read_now(lambda tx: tx.signals.get("S1")) == signal()


class TestTickets:
    @pytest.mark.parametrize(
        "made",
        [
            ticket(),
            ticket(
                "refused",
                terms=None,
                mode=Mode.LIVE,
                asked=Asked(symbol="ETH/USDT", side=None, type=OrderType.MARKET, amount=D("1E-18")),
                refusals=(
                    Refusal(code="NO_SIZE", text="no size", largest=D("999.9")),
                    Refusal(code="MAX_ORDER_NOTIONAL", text="too large"),
                ),
                expires_at=None,
            ),
            ticket(
                "approved",
                terms=terms(
                    amount=D("12345678901234567890.123456789012345678"),
                    price=D("0.1"),
                    stop_price=D(1),
                    good_till=NOW + timedelta(microseconds=3),
                    rests_for=timedelta(seconds=30, microseconds=1),
                    take_profit=(Target(price=D(110), share=D("0.25")),),
                ),
                strategy="breakout",
                note="note",
                reason="the price moved",
                decided_at=NOW + timedelta(microseconds=9),
                previous_reference=D("100.10"),
                checks=14,
                waits=timedelta(seconds=90, microseconds=7),
            ),
        ],
        ids=["pending", "refused", "approved"],
    )
    async def test_a_ticket_comes_back_as_it_was(self, store: Store, made: object) -> None:
        def work(tx: Transaction) -> None:
            tx.signals.add(signal(), "digest")
            tx.tickets.add(made)  # type: ignore[arg-type]

        await store.write(work)

        assert await store.read(lambda tx: tx.tickets.get("T1")) == made

    async def test_a_ticket_nobody_made_is_none(self, store: Store) -> None:
        assert await store.read(lambda tx: tx.tickets.get("T1")) is None

    async def test_a_signal_has_one_ticket(self, store: Store) -> None:
        await store.write(lambda tx: stored(tx) and None)

        with pytest.raises(Corrupt, match="S-T1 already has a ticket"):
            await store.write(lambda tx: tx.tickets.add(ticket(id="T2", signal="S-T1")))
        with pytest.raises(Corrupt, match="S-T9"):
            await store.write(lambda tx: tx.tickets.add(ticket(id="T2", signal="S-T9")))

    async def test_a_lost_race_for_a_ticket_is_an_error_and_changes_nothing(
        self, store: Store
    ) -> None:
        before = await store.write(stored)
        approved = before.evolve(state=TicketState.APPROVED)
        await store.write(lambda tx: tx.tickets.change(before, approved))

        for late in (TicketState.REJECTED, TicketState.APPROVED):
            other = before.evolve(state=late, reason="late")
            with pytest.raises(Corrupt, match="T1 is no longer pending"):
                await store.write(lambda tx, other=other: tx.tickets.change(before, other))

        assert await store.read(lambda tx: tx.tickets.get("T1")) == approved

    async def test_a_newer_revision_is_a_lost_race_too(self, store: Store) -> None:
        before = await store.write(stored)
        await store.write(lambda tx: tx.tickets.change(before, before.evolve(revision=2)))

        with pytest.raises(Corrupt):
            await store.write(
                lambda tx: tx.tickets.change(before, before.evolve(state=TicketState.APPROVED))
            )


class TestLists:
    @pytest.fixture
    def several(self, store: Store) -> Store:
        def work(tx: Transaction) -> None:
            stored(tx, "done", id="T1")
            stored(tx, "pending", id="T2", venue="other")
            stored(tx, "refused", id="T3", terms=None, created_at=NOW + 3 * SECOND)
            stored(tx, "pending", id="T4", terms=terms(symbol="ETH/USDT", side=Side.SELL))
            stored(tx, "working", id="T5", source="desk", created_at=NOW + 5 * SECOND)

        store.write_now(work)
        return store

    @pytest.mark.parametrize(
        ("limit", "before", "equal", "ids"),
        [
            (9, None, {}, "T5 T4 T3 T2 T1"),
            (2, None, {}, "T5 T4"),
            (2, "T4", {}, "T3 T2"),
            (2, "T1", {}, ""),
            (9, None, {"state": "pending"}, "T4 T2"),
            (9, "T4", {"state": "pending"}, "T2"),
            (9, None, {"symbol": "ETH/USDT"}, "T4"),
            (9, None, {"venue": "other", "state": "pending"}, "T2"),
            (9, None, {"signal": "S-T3"}, "T3"),
            (9, None, {"venue": "nowhere"}, ""),
        ],
    )
    def test_a_page_is_newest_first_before_a_cursor_and_filtered(
        self, several: Store, limit: int, before: str | None, equal: dict[str, str], ids: str
    ) -> None:
        page = several.read_now(lambda tx: tx.tickets.newest(limit=limit, before=before, **equal))

        assert [one.id for one in page] == ids.split()

    def test_tickets_in_some_states_come_oldest_first_and_are_counted(self, several: Store) -> None:
        states = (TicketState.PENDING, TicketState.WORKING)

        assert [t.id for t in several.read_now(lambda tx: tx.tickets.in_state(*states))] == [
            "T2",
            "T4",
            "T5",
        ]
        assert several.read_now(lambda tx: tx.tickets.count(*states)) == 3
        assert several.read_now(lambda tx: tx.tickets.count(TicketState.FAILED)) == 0

    def test_the_newest_ids_come_first(self, several: Store) -> None:
        assert several.read_now(lambda tx: tx.tickets.recent_ids(2)) == ["T5", "T4"]
        assert len(several.read_now(lambda tx: tx.tickets.recent_ids())) == 5

    @pytest.mark.parametrize(
        ("source", "symbol", "side", "at"),
        [
            ("tv", "BTC/USDT", Side.BUY, NOW),  # T2, for T3 was refused
            ("desk", "BTC/USDT", Side.BUY, NOW + 5 * SECOND),
            ("tv", "ETH/USDT", Side.SELL, NOW),
            ("tv", "ETH/USDT", Side.BUY, None),
            ("desk", "ETH/USDT", Side.SELL, None),
        ],
    )
    def test_the_last_ticket_like_this_that_was_not_refused(
        self, several: Store, source: str, symbol: str, side: Side, at: object
    ) -> None:
        assert several.read_now(lambda tx: tx.tickets.last_like(source, symbol, side)) == at


class TestVotes:
    async def test_a_person_votes_once_on_a_revision(self, store: Store) -> None:
        made = await store.write(stored)
        await store.write(lambda tx: tx.tickets.vote(vote(made)))

        for again in (vote(made, id="V9"), vote(made, kind="reject", id="V9")):
            with pytest.raises(IntegrityError):
                await store.write(lambda tx, again=again: tx.tickets.vote(again))

        assert await store.read(lambda tx: tx.tickets.votes("T1")) == [vote(made)]

    async def test_a_person_may_change_their_mind_and_nobody_elses(self, store: Store) -> None:
        made = await store.write(stored)
        ours, theirs = vote(made, "tg:2", id="V1"), vote(made, "tg:3", id="V2")
        no = vote(made, "tg:2", kind="reject", id="V1")

        def work(tx: Transaction) -> None:
            tx.tickets.vote(ours)
            tx.tickets.vote(theirs)
            tx.tickets.change_vote(no)

        await store.write(work)

        assert await store.read(lambda tx: tx.tickets.votes("T1")) == [no, theirs]

    async def test_others_and_later_revisions_may_be_voted_on(self, store: Store) -> None:
        made = await store.write(stored)
        votes = [
            vote(made, "tg:2", id="V1"),
            vote(made, "tg:3", kind="reject", id="V2"),
            vote(made.evolve(revision=2), "tg:2", id="V3"),
        ]

        def work(tx: Transaction) -> None:
            for one in reversed(votes):
                tx.tickets.vote(one)

        await store.write(work)

        assert await store.read(lambda tx: tx.tickets.votes("T1")) == votes
        assert await store.read(lambda tx: tx.tickets.votes("T2")) == []

    async def test_votes_of_several_tickets_are_read_at_once(self, store: Store) -> None:
        def work(tx: Transaction) -> None:
            for id in ("T1", "T2", "T3"):
                tx.tickets.vote(vote(stored(tx, id=id), id=f"V{id}"))

        await store.write(work)

        found = await store.read(lambda tx: tx.tickets.votes_of(["T1", "T3", "T9"]))
        assert {id: [v.id for v in votes] for id, votes in found.items()} == {
            "T1": ["VT1"],
            "T3": ["VT3"],
        }
