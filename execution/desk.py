"""What can be asked for: take a signal, vote, edit, cancel, close, pause, halt, resume, change a limit.

Called by every door (chat, HTTP, command line); each call is one transaction and never waits for a
venue. The executor finds what was committed and carries it out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from execution import (
    closing,
    deciding,
    editing,
    holdings,
    limits,
    pairs,
    proposing,
    readings,
    stopping,
    testing,
    unproved,
)
from execution.approval import Role
from execution.closing import Closings
from execution.config import Config
from execution.editing import Change
from execution.errors import NotAllowed, NotPossible
from execution.halt_file import AskedHalt
from execution.halting import Halting
from execution.limits import LimitChange, Wanted
from execution.market import Market
from execution.outcome import Answer, Outcome
from execution.positions import Position
from execution.receiving import Accepted, SignalKey, receive, receive_once
from execution.record import Record
from execution.snapshots import Moment
from execution.store import Store, Transaction
from execution.trading import Trading, standing_halt
from execution.types import (
    OrderState,
    Signal,
    TicketState,
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
        halting: Halting,
        decide: Decide,
    ) -> None:
        """`decide` is the executor's, which sends at once what a vote approves."""
        self._store = store
        self._decide = decide
        self._market = market
        self._config = config
        self._policy = config.policy
        self._halting = halting

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
            return deciding.vote(
                self._moment(tx),
                ticket_id,
                revision=revision,
                person=person.id,
                name=person.name,
                kind=kind,
            )

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
            shut = deciding.closed(tx, ticket, self._policy, revision=revision, person=person.id)
            if shut is not None or ticket is None:
                return shut or Answer(outcome=Outcome.UNKNOWN)
            moment = self._moment(tx)
            return editing.edit(ticket, change, moment, person=person.id, name=person.name)

        return await self._store.write(work)

    async def replace(self, ticket_id: str, *, person: Person, change: Change) -> Answer:
        """Ask for an order that rests with something about it changed: a ticket of its own, which takes
        its place once approved.
        """

        def work(tx: Transaction) -> Answer:
            ticket = tx.tickets.get(ticket_id)
            if ticket is None:
                return Answer(outcome=Outcome.UNKNOWN)
            if not self._policy.may(person.id, Role.APPROVER):
                return Answer(outcome=Outcome.NOT_ALLOWED, ticket=ticket)
            moment = self._moment(tx)
            return editing.replace(ticket, change, moment, person=person.id, name=person.name)

        return await self._store.write(work)

    async def cancel(self, ticket_id: str, *, person: Person) -> Answer:
        """Void a pending ticket, or cancel what still rests of a working one.

        Raises:
            NotAllowed: this person may not.
        """
        self._demand(person, Role.APPROVER)

        cancel = partial(stopping.cancel, ticket_id=ticket_id, by=person.id, name=person.name)
        return await self._store.write(cancel)

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
            if ticket is not None and not self._policy.may(person.id, Role.APPROVER):
                return Answer(outcome=Outcome.NOT_ALLOWED, ticket=ticket)
            return proposing.propose(tx, ticket, value, person=person.id, name=person.name)

        return await self._store.write(work)

    async def adopt(
        self, symbol: str, *, amount: Decimal, average: Decimal, person: Person
    ) -> Position | None:
        """Make a part of what an account holds a position: the default venue's, or the one with that market.

        Returns what is held then; None: nothing, as where a position was liquidated there.

        Raises:
            NotAllowed: this person may not.
            NotPossible: not so much is held, or it is not known now.
        """
        self._demand(person, Role.OWNER)
        feed = holdings.venue_with(self._market, self._config.default_venue, symbol)
        adopt = partial(holdings.adopt, sent=symbol, amount=amount, average=average)
        held = await self._store.write(
            lambda tx: adopt(tx, feed, actor=person.id, name=person.name)
        )
        if feed is not None:
            feed.compare_due = True  # what it shows may be what our fills come to by now
        return held

    async def close(
        self,
        symbol: str,
        share: Decimal,
        *,
        person: Person,
        venue: str | None = None,
        key: SignalKey | None = None,
    ) -> Closings:
        """End a share (0-1] of the position in a symbol, at this venue or all; also while halted.

        Asked for again under the same `key` it does nothing.

        Raises:
            NotAllowed: this person may not.
            NotPossible: there is none, it is being closed already, or it is too small to be sold.
        """
        self._demand(person, Role.APPROVER)

        def work(tx: Transaction) -> Closings:
            by, name = person.id, person.name
            return closing.close(
                tx, self._market, symbol, share, venue=venue, by=by, name=name, key=key
            )

        return await self._store.write(work, first=True)

    async def flatten(self, *, person: Person) -> Trading:
        """Have every position closed while the desk is halted. Idempotent.

        Raises:
            NotAllowed: this person may not.
            NotPossible: it is not halted.
        """
        self._demand(person, Role.APPROVER)

        def work(tx: Transaction) -> Trading:
            if standing_halt(tx.trading()) is None:
                raise NotPossible(
                    "Positions are closed all at once only while halted: /kill flatten."
                )
            closing.flatten(tx, by=person.id, name=person.name)
            return tx.trading()

        return await self._store.write(work, first=True)

    async def halt(self, *, person: Person, reason: str, flatten: bool = False) -> Trading:
        """Stop everything, at once; who did first, and why, stays. With `flatten`, close every position.

        Raises:
            NotAllowed: this person may not.
            StoreUnavailable: the commit failed; the halt holds in memory and in the file `HALT`.
        """
        self._demand(person, Role.APPROVER)
        asked = AskedHalt(by=person.id, name=person.name, reason=reason, flatten=flatten)
        return await self._halting.halt(asked)

    @property
    def unsaved_halt(self) -> AskedHalt | None:
        """A halt that is not stored yet."""
        return self._halting.unsaved

    async def pause(self, *, person: Person, reason: str) -> Trading:
        """Let nothing more add exposure.

        Raises:
            NotAllowed: this person may not.
            StoreUnavailable: the commit failed; the pause holds in memory until one is stored.
        """
        self._demand(person, Role.APPROVER)
        return await self._halting.pause(by=person.id, name=person.name, reason=reason)

    async def resume(self, *, person: Person, generation: int | None = None) -> Trading:
        """Trade again; pending tickets were voided and stay so, canceled orders stay canceled.

        `generation` is of the state the person saw, else of the one there is when they ask; another
        halt since then is not lifted.

        Raises:
            NotAllowed: this person is no owner.
            NotPossible: it is not the time for it, and why.
        """
        self._demand(person, Role.OWNER)
        who = {"by": person.id, "name": person.name}
        return await self._halting.resume(**who, generation=generation)

    async def cancel_entries(self, *, person: Person) -> int:
        """Have every order canceled that may still add exposure; how many that are.

        Raises:
            NotAllowed: this person may not.
        """
        self._demand(person, Role.APPROVER)
        cancel = partial(stopping.cancel_entries, by=person.id, name=person.name)
        return await self._store.write(cancel, first=True)

    async def reset_drawdown(self, *, person: Person) -> None:
        """Measure drawdown from the equity of now on; entries that it stopped go again.

        Raises:
            NotAllowed: this person is no owner.
            NotPossible: equity is not known now.
        """
        self._demand(person, Role.OWNER)
        reset = partial(readings.reset_drawdown, by=person.id, name=person.name)
        await self._store.write(reset)

    async def release_pair(self, entry: int, *, person: Person) -> None:
        """Let entries go again in the pair that this entry of the journal blocked.

        Raises:
            NotAllowed: this person is no owner.
            NotPossible: it is not blocked by that any more.
        """
        self._demand(person, Role.OWNER)
        release = partial(pairs.release, entry=entry, by=person.id, name=person.name)
        await self._store.write(release)

    async def change_limit(self, wanted: Wanted, *, person: Person) -> LimitChange:
        """Change a limit; where that allows more, only ask for it, unless it confirms what was asked.

        Raises:
            NotAllowed: this person is no owner.
            NotPossible: it is so already, or limits were changed since it was asked for.
        """
        self._demand(person, Role.OWNER)
        who = {"by": person.id, "name": person.name}
        return await self._store.write(
            lambda tx: limits.change(tx, self._config.limits, wanted, **who)
        )

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
        """The control token and whoever is on the host count as an owner."""
        return person.id == "api" or person.id.startswith(("cli:", "host:"))
