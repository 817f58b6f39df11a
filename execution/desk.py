"""What can be asked for: take a signal, vote, edit, cancel, halt, resume.

Called by every door (chat, HTTP, command line); each call is one transaction and never waits for a
venue. The executor finds what was committed and carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256

from execution import approval, booking, orders, trading, unproved
from execution.approval import Role
from execution.booking import HALTED
from execution.config import Config
from execution.errors import Duplicate, NotAllowed, NotPossible
from execution.events import EventKind
from execution.market import Market
from execution.outcome import Answer, Outcome
from execution.snapshots import Moment, recheck, resize
from execution.store import Store, Transaction
from execution.trading import Brake, Halt, Trading
from execution.types import (
    OrderState,
    Record,
    Signal,
    Size,
    SizeKind,
    Terms,
    Ticket,
    TicketState,
    TradingState,
    Vote,
    VoteKind,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalKey(Record):
    """A key a signal is known by, and how long a repeat of it counts as one."""

    value: str
    keeps: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted(Record):
    """A committed signal; `duplicate` when it had been received before."""

    id: str
    duplicate: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Person(Record):
    """Who asks: an opaque id (`tg:2001`, `api`, `cli:ana`) and the name people know."""

    id: str
    name: str


class Desk:
    """Everything the system can be asked."""

    def __init__(self, *, store: Store, market: Market, config: Config, brake: Brake) -> None:
        self._store = store
        self._market = market
        self._config = config
        self._policy = config.policy
        self._brake = brake

    async def accept(self, signal: Signal, *, keys: Sequence[SignalKey], digest: str) -> Accepted:
        """Commit a signal, or find that it was received before.

        Raises:
            Duplicate: the same key with another body.
            StoreUnavailable: nothing was stored.
        """
        return await self._store.write(lambda tx: _accept(tx, signal, keys, digest))

    async def vote(
        self, ticket_id: str, *, revision: int, person: Person, kind: VoteKind
    ) -> Answer:
        """Count a person's word on one revision; the deciding approval is checked at once."""

        def work(tx: Transaction) -> Answer:
            ticket = tx.tickets.get(ticket_id)
            closed = self._closed(tx, ticket, revision=revision, person=person)
            if closed is not None or ticket is None:
                return closed or Answer(outcome=Outcome.UNKNOWN)
            votes = tx.tickets.votes(ticket_id)
            mine = [v for v in votes if (v.revision, v.person) == (revision, person.id)]
            earlier = mine[0] if mine else None
            if earlier is not None and kind is VoteKind.APPROVE:
                return Answer(outcome=Outcome.REPEATED, ticket=ticket, at=earlier.at)
            vote = _store_vote(tx, ticket, person, kind, instead_of=earlier)
            if kind is VoteKind.REJECT:
                after = booking.move_ticket(tx, ticket, TicketState.REJECTED, reason=None)
                return Answer(outcome=Outcome.REJECTED, ticket=after)
            return self._count(tx, ticket, [*votes, vote])

        return await self._store.write(work, first=True)

    async def standing(self, ticket_id: str, *, revision: int) -> Answer:
        """Why a tap on this revision changes nothing, for a ticket that moved on."""

        def read(tx: Transaction) -> Answer:
            ticket = tx.tickets.get(ticket_id)
            if ticket is None:
                return Answer(outcome=Outcome.UNKNOWN)
            if ticket.state is not TicketState.PENDING:
                return _answered(tx, ticket)
            return Answer(outcome=Outcome.SUPERSEDED, ticket=ticket)

        return await self._store.read(read)

    async def resize(
        self, ticket_id: str, *, revision: int, person: Person, amount: Decimal
    ) -> Answer:
        """Make a new revision of a pending ticket with another amount (base asset)."""

        def work(tx: Transaction) -> Answer:
            ticket = tx.tickets.get(ticket_id)
            closed = self._closed(tx, ticket, revision=revision, person=person)
            if closed is not None or ticket is None:
                return closed or Answer(outcome=Outcome.UNKNOWN)
            moment = Moment(tx=tx, market=self._market, config=self._config)
            made = resize(ticket, amount, moment)
            if isinstance(made, Terms):
                after = booking.revise(
                    tx,
                    ticket,
                    made,
                    policy=self._policy,
                    kind=EventKind.TICKET_REVISED,
                    actor=person.id,
                    reason=f"size changed by {person.name}",
                )
                return Answer(outcome=Outcome.REVISED, ticket=after)
            return Answer(outcome=Outcome.REFUSED, ticket=ticket, refusals=made)

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
            if ticket.state in approval.OPEN or ticket.state is TicketState.WORKING:
                return Answer(outcome=Outcome.ENDED, ticket=ticket)
            signal = _again(tx.signals.get(ticket.signal), tx, ticket_id, value)
            key = SignalKey(value=f"again:{ticket_id}:{value or ''}", keeps=timedelta(days=90))
            digest = sha256(key.value.encode()).hexdigest()
            if _accept(tx, signal, [key], digest).duplicate:
                return Answer(outcome=Outcome.REPEATED, ticket=ticket)
            tx.journal.add(
                EventKind.TICKET_PROPOSED,
                tx.now,
                ticket=ticket_id,
                actor=person.id,
                name=person.name,
                signal=signal.id,
            )
            return Answer(outcome=Outcome.PROPOSED, ticket=ticket)

        return await self._store.write(work)

    async def halt(self, *, person: Person, reason: str) -> Trading:
        """Stop everything: committed first, then tickets voided and cancels asked for. Idempotent.

        Raises:
            NotAllowed: this person may not.
            StoreUnavailable: the commit failed; the halt holds in memory only.
        """
        self._demand(person, Role.APPROVER)
        self._brake.pull()

        def commit(tx: Transaction) -> bool:
            before = tx.trading()
            if before.state is TradingState.HALTED:
                return False
            halt = Halt(by=person.id, name=person.name, at=tx.now, reason=reason)
            tx.set_trading(before, trading.halted(before, halt))
            tx.journal.add(
                EventKind.HALTED, tx.now, actor=person.id, name=person.name, reason=reason or None
            )
            return True

        def sweep(tx: Transaction) -> Trading:
            booking.sweep(tx, actor=person.id)
            return tx.trading()

        await self._store.write(commit, first=True)
        self._brake.committed()
        # Apart from the halt itself, so that nothing that is stored can stand in its way.
        return await self._store.write(sweep, first=True)

    async def resume(self, *, person: Person, generation: int | None = None) -> Trading:
        """Trade again; pending tickets were voided and stay so, canceled orders stay canceled.

        `generation` is of the state the person saw; another halt since then is not lifted.

        Raises:
            NotAllowed: this person is no owner.
            NotPossible: trading is active, halted anew, or the halt is not verified yet.
        """
        self._demand(person, Role.OWNER)

        def work(tx: Transaction) -> Trading:
            before = tx.trading()
            if generation is not None and generation != before.generation:
                raise NotPossible("That changed since: type /resume again.")
            after = trading.resumed(before)
            tx.set_trading(before, after)
            tx.journal.add(EventKind.RESUMED, tx.now, actor=person.id, name=person.name)
            return after

        after = await self._store.write(work)
        self._brake.follow(after.state)
        return after

    async def expire(self) -> None:
        """End every pending ticket whose deadline has passed."""

        def work(tx: Transaction) -> None:
            for ticket in tx.tickets.overdue(tx.now):
                booking.move_ticket(tx, ticket, TicketState.EXPIRED, reason=None)

        if await self._store.read(lambda tx: bool(tx.tickets.overdue(tx.now))):
            await self._store.write(work)

    async def forget(self) -> None:
        """Drop signal keys that no longer count as a repeat."""
        await self._store.write(lambda tx: tx.signals.forget(tx.now))

    def may(self, person: Person, role: Role) -> bool:
        """Whether this person may do what this role may."""
        return self._is_owner_door(person) or self._policy.may(person.id, role)

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
            return _answered(tx, ticket)
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

    def _count(self, tx: Transaction, ticket: Ticket, all_votes: Sequence[Vote]) -> Answer:
        """Whether the votes suffice, and then whether the terms still stand."""
        votes = approval.approvals(ticket, all_votes, self._policy)
        if len(votes) < ticket.required:
            return Answer(outcome=Outcome.COUNTED, ticket=ticket, votes=len(votes))
        found = recheck(ticket, Moment(tx=tx, market=self._market, config=self._config))
        if found.refusals:
            after = booking.move_ticket(
                tx, ticket, TicketState.REFUSED, reason=found.refusals[0].text
            )
            tx.tickets.change(after, after.evolve(refusals=found.refusals))
            return Answer(outcome=Outcome.REFUSED, ticket=after, refusals=found.refusals)
        if found.again is not None:
            after = booking.ask_again(tx, ticket, found.again, policy=self._policy)
            return Answer(outcome=Outcome.MOVED, ticket=after)
        after = booking.move_ticket(tx, ticket, TicketState.APPROVED, reason=None)
        return Answer(outcome=Outcome.APPROVED, ticket=after, votes=len(votes))


def _accept(tx: Transaction, signal: Signal, keys: Sequence[SignalKey], digest: str) -> Accepted:
    for key in keys:
        known = tx.signals.known(signal.source, key.value, tx.now)
        if known is None:
            continue
        earlier, earlier_digest = known
        if earlier_digest != digest:
            raise Duplicate("The same id was received before with another body.")
        tx.journal.add(EventKind.SIGNAL_REPEATED, tx.now, signal=earlier, source=signal.source)
        return Accepted(id=earlier, duplicate=True)
    tx.signals.add(signal, digest)
    for key in keys:
        tx.signals.remember(signal.source, key.value, signal.id, tx.now + key.keeps)
    tx.journal.add(EventKind.SIGNAL_ACCEPTED, tx.now, signal=signal.id, source=signal.source)
    return Accepted(id=signal.id, duplicate=False)


def _store_vote(
    tx: Transaction, ticket: Ticket, person: Person, kind: VoteKind, *, instead_of: Vote | None
) -> Vote:
    """A person's word; it takes the place of what they said of this revision before."""
    vote = Vote(
        id=tx.new_id() if instead_of is None else instead_of.id,
        ticket=ticket.id,
        revision=ticket.revision,
        fingerprint=ticket.fingerprint,
        person=person.id,
        name=person.name,
        vote=kind,
        at=tx.now,
    )
    if instead_of is None:
        tx.tickets.vote(vote)
    else:
        tx.tickets.change_vote(vote)
    tx.journal.add(
        EventKind.VOTE,
        tx.now,
        ticket=ticket.id,
        actor=person.id,
        name=person.name,
        vote=kind,
        revision=ticket.revision,
        fingerprint=ticket.fingerprint,
    )
    return vote


def _answered(tx: Transaction, ticket: Ticket) -> Answer:
    """What to say of a tap on a ticket that is no longer pending."""
    if ticket.state is TicketState.EXPIRED and ticket.decided_at is not None:
        return Answer(outcome=Outcome.EXPIRED, ticket=ticket, at=ticket.expires_at)
    votes = [v for v in tx.tickets.votes(ticket.id) if v.revision == ticket.revision]
    if votes and ticket.state is not TicketState.CANCELED:
        last = votes[-1]
        return Answer(
            outcome=Outcome.ANSWERED, ticket=ticket, name=last.name, vote=last.vote, at=last.at
        )
    halt = tx.trading().halt
    if halt is not None and ticket.reason == HALTED:
        return Answer(outcome=Outcome.HALTED, ticket=ticket, name=halt.name, at=halt.at)
    return Answer(outcome=Outcome.ENDED, ticket=ticket, at=ticket.decided_at)


def _again(signal: Signal, tx: Transaction, ticket_id: str, value: Decimal | None) -> Signal:
    """The same proposal as a new signal of this moment."""
    size = signal.size
    if value is not None:
        size = Size(kind=SizeKind.NOTIONAL, value=value, in_currency=True)
    return signal.evolve(
        id=tx.new_id(),
        received_at=tx.now,
        time=None,
        bar_time=None,
        expires_in=None,
        again=ticket_id,
        size=size,
    )
