"""What can be asked for: take a signal, vote, edit, cancel, halt, resume.

Called by every door (chat, HTTP, command line); each call is one transaction and never waits for a
venue. The executor finds what was committed and carries it out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from execution import (
    approval,
    booking,
    deciding,
    editing,
    holdings,
    orders,
    proposing,
    stopping,
    testing,
    unproved,
)
from execution.approval import Role
from execution.config import Config
from execution.editing import Change
from execution.errors import NotAllowed, StoreUnavailable
from execution.halt_file import AskedHalt, HaltFile
from execution.market import Market
from execution.outcome import Answer, Outcome
from execution.positions import Position
from execution.receiving import Accepted, SignalKey, receive, receive_once
from execution.record import Record
from execution.snapshots import Moment
from execution.store import Store, Transaction
from execution.trading import Brake, Trading
from execution.types import (
    OrderState,
    Signal,
    Ticket,
    TicketState,
    TradingState,
    VoteKind,
)

Decide = Callable[[str, Callable[[Transaction], Answer]], Awaitable[Answer]]
"""Stores a vote on the ticket of this id, and with it the order of what it approves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person(Record):
    """Who asks: an opaque id (`tg:2001`, `api`, `cli:ana`) and the name people know."""

    id: str
    name: str


class Desk:
    """Everything the system can be asked."""

    def __init__(
        self,
        *,
        store: Store,
        market: Market,
        config: Config,
        brake: Brake,
        halt_file: HaltFile,
        decide: Decide,
    ) -> None:
        """`decide` is the executor's, which sends at once what a vote approves."""
        self._store = store
        self._decide = decide
        self._market = market
        self._config = config
        self._policy = config.policy
        self._brake = brake
        self._halt_file = halt_file

    async def accept(
        self,
        signal: Signal,
        *,
        keys: Sequence[SignalKey],
        digest: str,
        person: Person | None = None,
    ) -> Accepted:
        """Commit a signal of a sender's, or of a `person`'s; or find that it was received before.

        Raises:
            NotAllowed: this person may not.
            Duplicate: the same key with another body.
            StoreUnavailable: nothing was stored.
        """
        if person is not None:
            self._demand(person, Role.APPROVER)
            signal = signal.evolve(proposer=person.id, proposer_name=person.name)
        return await self._store.write(lambda tx: receive(tx, signal, keys, digest))

    async def test(self, *, key: SignalKey, person: Person) -> Accepted:
        """Make a ticket that takes the whole path and is never sent.

        Raises:
            NotAllowed: this person is no owner.
        """
        self._demand(person, Role.OWNER)

        def work(tx: Transaction) -> Accepted:
            signal = testing.signal(tx, self._market, self._config)
            signal = signal.evolve(proposer=person.id, proposer_name=person.name)
            return receive_once(tx, signal, key)

        return await self._store.write(work)

    async def vote(
        self, ticket_id: str, *, revision: int, person: Person, kind: VoteKind
    ) -> Answer:
        """Count a person's word on one revision; the deciding approval is checked at once."""

        def work(tx: Transaction) -> Answer:
            ticket = tx.tickets.get(ticket_id)
            closed = self._closed(tx, ticket, revision=revision, person=person)
            if closed is not None or ticket is None:
                return closed or Answer(outcome=Outcome.UNKNOWN)
            if kind is VoteKind.APPROVE and not approval.may_vote_for(ticket, person.id):
                return Answer(outcome=Outcome.OWN_PROPOSAL, ticket=ticket)
            votes = tx.tickets.votes(ticket_id)
            mine = [v for v in votes if (v.revision, v.person) == (revision, person.id)]
            earlier = mine[0] if mine else None
            if earlier is not None and kind is VoteKind.APPROVE:
                return Answer(outcome=Outcome.REPEATED, ticket=ticket, at=earlier.at)
            vote = deciding.store_vote(
                tx, ticket, person=person.id, name=person.name, kind=kind, instead_of=earlier
            )
            if kind is VoteKind.REJECT:
                after = booking.move_ticket(tx, ticket, TicketState.REJECTED, reason=None)
                return Answer(outcome=Outcome.REJECTED, ticket=after)
            return deciding.count(ticket, [*votes, vote], self._moment(tx))

        return await self._decide(ticket_id, work)

    async def standing(self, ticket_id: str, *, revision: int) -> Answer:
        """Why a tap on this revision changes nothing, for a ticket that moved on."""

        def read(tx: Transaction) -> Answer:
            ticket = tx.tickets.get(ticket_id)
            if ticket is None:
                return Answer(outcome=Outcome.UNKNOWN)
            if ticket.state is not TicketState.PENDING:
                return deciding.answered(tx, ticket)
            return Answer(outcome=Outcome.SUPERSEDED, ticket=ticket)

        return await self._store.read(read)

    async def edit(
        self, ticket_id: str, *, revision: int, person: Person, change: Change
    ) -> Answer:
        """Make a new revision of a pending ticket with what a person changes. It is no vote."""

        def work(tx: Transaction) -> Answer:
            ticket = tx.tickets.get(ticket_id)
            closed = self._closed(tx, ticket, revision=revision, person=person)
            if closed is not None or ticket is None:
                return closed or Answer(outcome=Outcome.UNKNOWN)
            moment = self._moment(tx)
            return editing.edit(ticket, change, moment, person=person.id, name=person.name)

        return await self._store.write(work)

    async def cancel(self, ticket_id: str, *, person: Person) -> Answer:
        """Void a pending ticket, or cancel what still rests of a working one.

        Raises:
            NotAllowed: this person may not.
        """
        self._demand(person, Role.APPROVER)

        def work(tx: Transaction) -> Answer:
            ticket = tx.tickets.get(ticket_id)
            if ticket is None:
                return Answer(outcome=Outcome.UNKNOWN)
            reason = f"canceled by {person.name}"
            if ticket.state in approval.OPEN:
                after = booking.move_ticket(tx, ticket, TicketState.CANCELED, reason=reason)
                return Answer(outcome=Outcome.CANCELED, ticket=after)
            live = [o for o in tx.orders.of_ticket(ticket_id) if o.state not in orders.ENDED]
            for order in live:
                booking.request_cancel(tx, order, actor=person.id, reason=reason)
            stopped = bool(live) or booking.withdraw(tx, ticket_id, reason=reason)
            outcome = Outcome.CANCELED if stopped else Outcome.ENDED
            return Answer(outcome=outcome, ticket=tx.tickets.get(ticket_id))

        return await self._store.write(work)

    async def look_again(self, order_id: str, *, person: Person) -> Answer:
        """Have an order that nobody could prove looked for at once.

        Raises:
            NotAllowed: this person may not.
        """
        self._demand(person, Role.APPROVER)
        return await self._on_unproved(order_id, person, unproved.look_again, Outcome.LOOKING)

    async def mark_absent(self, order_id: str, *, person: Person) -> Answer:
        """End an order that nobody could prove, on an owner's word that it does not exist.

        Raises:
            NotAllowed: this person is no owner.
        """
        self._demand(person, Role.OWNER)
        return await self._on_unproved(
            order_id, person, unproved.mark_absent, Outcome.MARKED_ABSENT
        )

    async def name_id(self, order_id: str, venue_order_id: str, *, person: Person) -> Answer:
        """Note the exchange's id of an order that nobody could prove; the executor checks it.

        Raises:
            NotAllowed: this person is no owner.
            NotPossible: that is no id, or the exchange has told its own.
        """
        self._demand(person, Role.OWNER)
        name = partial(unproved.name_id, venue_order_id=venue_order_id)
        return await self._on_unproved(order_id, person, name, Outcome.NAMED)

    async def _on_unproved(
        self, order_id: str, person: Person, act: Callable[..., None], outcome: Outcome
    ) -> Answer:
        def work(tx: Transaction) -> Answer:
            order = tx.orders.get(order_id)
            open_still = order.state is OrderState.STUCK
            if open_still:
                act(tx, order, actor=person.id, name=person.name)
            ticket = tx.tickets.get(order.ticket)
            return Answer(outcome=outcome if open_still else Outcome.ENDED, ticket=ticket)

        return await self._store.write(work)

    async def propose(self, ticket_id: str, *, person: Person, value: Decimal | None) -> Answer:
        """Propose an ended ticket again as a new one, at a size in `currency` where one is given."""

        def work(tx: Transaction) -> Answer:
            ticket = tx.tickets.get(ticket_id)
            if ticket is None:
                return Answer(outcome=Outcome.UNKNOWN)
            if not self._policy.may(person.id, Role.APPROVER):
                return Answer(outcome=Outcome.NOT_ALLOWED, ticket=ticket)
            alive = any(o.state not in orders.ENDED for o in tx.orders.of_ticket(ticket_id))
            if alive or ticket.state in approval.OPEN | {TicketState.WORKING, TicketState.DONE}:
                return Answer(outcome=Outcome.ENDED, ticket=ticket)
            return proposing.propose(tx, ticket, value, person=person.id, name=person.name)

        return await self._store.write(work)

    async def adopt(
        self, symbol: str, *, amount: Decimal, average: Decimal, person: Person
    ) -> Position:
        """Make a part of what the default venue's account holds a position.

        Raises:
            NotAllowed: this person may not.
            NotPossible: not so much is held, or it is not known now.
        """
        self._demand(person, Role.OWNER)
        feed = self._market.feeds().get(self._config.default_venue or "")
        adopt = partial(holdings.adopt, sent=symbol, amount=amount, average=average)
        return await self._store.write(
            lambda tx: adopt(tx, feed, actor=person.id, name=person.name)
        )

    async def halt(self, *, person: Person, reason: str) -> Trading:
        """Stop everything: committed first, then tickets voided and cancels asked for. Idempotent.

        Raises:
            NotAllowed: this person may not.
            StoreUnavailable: the commit failed; the halt holds in memory and in the file `HALT`.
        """
        self._demand(person, Role.APPROVER)
        asked = AskedHalt(by=person.id, name=person.name, reason=reason)
        self._brake.pull()
        try:
            return await self._halt(asked)
        except StoreUnavailable:
            self._halt_file.write(asked)
            raise

    async def take_halt_file(self) -> None:
        """Halt if the file `HALT` asks for it, or a commit that failed; stored once the database takes it."""
        asked = self._halt_file.read()
        if asked is None:
            return
        self._brake.pull()
        with suppress(StoreUnavailable):
            await self._halt(asked)

    async def _halt(self, asked: AskedHalt) -> Trading:
        def commit(tx: Transaction) -> Trading:
            stopping.halt(tx, by=asked.by, name=asked.name, reason=asked.reason)
            return tx.trading()

        def sweep(tx: Transaction) -> Trading:
            stopping.sweep(tx, actor=asked.by)
            return tx.trading()

        halted = await self._store.write(commit, first=True)
        self._brake.committed()
        self._halt_file.take_away()
        # Apart from the halt itself, so that nothing that is stored can stand in its way; what fails
        # here is made good by whoever proves the halt.
        with suppress(StoreUnavailable):
            halted = await self._store.write(sweep, first=True)
        return halted

    async def resume(self, *, person: Person, generation: int | None = None) -> Trading:
        """Trade again; pending tickets were voided and stay so, canceled orders stay canceled.

        `generation` is of the state the person saw; another halt since then is not lifted.

        Raises:
            NotAllowed: this person is no owner.
            NotPossible: trading is active, halted anew, or the halt is not verified yet.
        """
        self._demand(person, Role.OWNER)

        resume = partial(stopping.resume, by=person.id, name=person.name, generation=generation)
        after = await self._store.write(resume)
        self._brake.follow(after.state)
        return after

    async def watch_vetoes(
        self, begins: Mapping[str, datetime | None], *, heard: datetime | None
    ) -> None:
        """Let the veto windows of these tickets run; what ran out with nobody objecting goes ahead.

        Each begins when its card was delivered and people could be heard, None while they cannot;
        everything they said until `heard` is known.
        """

        def work(tx: Transaction) -> None:
            for ticket in tx.tickets.in_state(TicketState.PENDING):
                if ticket.id in begins and ticket.veto_window is not None:
                    start = begins[ticket.id]
                    deciding.watch(ticket, begins=start, heard=heard, moment=self._moment(tx))

        await self._store.write(work)

    async def expire(self) -> None:
        """End every pending ticket whose deadline has passed."""

        def work(tx: Transaction) -> None:
            for ticket in tx.tickets.overdue(tx.now):
                booking.move_ticket(tx, ticket, TicketState.EXPIRED, reason=None)

        if await self._store.read(lambda tx: bool(tx.tickets.overdue(tx.now))):
            await self._store.write(work)

    async def remind(self) -> None:
        """Note, once at half time, that votes are missing on a pending ticket."""
        if await self._store.read(lambda tx: bool(tx.tickets.unreminded(tx.now))):
            await self._store.write(deciding.remind)

    async def forget(self) -> None:
        """Drop signal keys that no longer count as a repeat."""
        await self._store.write(lambda tx: tx.signals.forget(tx.now))

    def may(self, person: Person, role: Role) -> bool:
        """Whether this person may do what this role may."""
        return self._is_owner_door(person) or self._policy.may(person.id, role)

    def _moment(self, tx: Transaction) -> Moment:
        return Moment(tx=tx, market=self._market, config=self._config)

    def _demand(self, person: Person, role: Role) -> None:
        if not self.may(person, role):
            raise NotAllowed(f"This needs the role of {role}.")

    @staticmethod
    def _is_owner_door(person: Person) -> bool:
        """The control token and the command line on the host count as an owner."""
        return person.id == "api" or person.id.startswith("cli:")

    def _closed(
        self, tx: Transaction, ticket: Ticket | None, *, revision: int, person: Person
    ) -> Answer | None:
        """Why a tap on a card changes nothing; None while it may."""
        if ticket is None:
            return Answer(outcome=Outcome.UNKNOWN)
        if not self._policy.may(person.id, Role.APPROVER):
            return Answer(outcome=Outcome.NOT_ALLOWED, ticket=ticket)
        if ticket.state is not TicketState.PENDING:
            return deciding.answered(tx, ticket)
        if ticket.revision != revision:
            return Answer(outcome=Outcome.SUPERSEDED, ticket=ticket)
        if approval.has_expired(ticket, tx.now):
            after = booking.move_ticket(tx, ticket, TicketState.EXPIRED, reason=None)
            return Answer(outcome=Outcome.EXPIRED, ticket=after, at=after.expires_at)
        state = tx.trading()
        if state.halt is not None and state.state is TradingState.HALTED:
            return Answer(
                outcome=Outcome.HALTED, ticket=ticket, name=state.halt.name, at=state.halt.at
            )
        return None
