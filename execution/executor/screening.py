"""A committed signal becomes a ticket: sized, checked, and pending, refused or straight through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from execution import approval, flips, replacing, risk, rules
from execution.approval import DEFAULT_RULE, Rule, fingerprint
from execution.checks import Arrival
from execution.config import Config
from execution.errors import VenueUnavailable
from execution.events import EventKind
from execution.instruments import MarketKind
from execution.market import Market
from execution.sizing import asked, make_terms
from execution.snapshots import Moment
from execution.store import Store, Transaction
from execution.symbols import resolve
from execution.types import (
    Asked,
    Mode,
    Refusal,
    Side,
    Signal,
    Size,
    SizeKind,
    Terms,
    Ticket,
    TicketState,
)

WAITS_FOR_VENUE = timedelta(seconds=20)
"""How long a signal waits for a venue that does not answer before its ticket is refused."""


@dataclass(frozen=True)
class Screening:
    """One signal on its way to a ticket."""

    signal: Signal
    store: Store
    market: Market
    config: Config
    patient_since: datetime
    """From when waiting for the venue counts: its receipt, or our start if that was later."""

    async def run(self) -> None:
        """Make the ticket, unless the venue is still being waited for."""
        venue = self._venue()
        if venue is None:
            await self._refuse(VENUE_UNKNOWN)
            return
        stopped = await self.store.read(lambda tx: risk.stopped(tx.trading(), reduces=True))
        if stopped is not None:
            await self._refuse(stopped, venue)
            return
        feed = self.market.feed(venue)
        symbol = None
        if feed.loaded:
            swap = feed.venue.kind is MarketKind.SWAP
            symbol = resolve(self.signal.symbol, feed.venue.instruments().keys(), swap=swap)
            if symbol is None:
                text = f"{venue} has no market {self.signal.symbol}."
                await self._refuse(Refusal(code="UNKNOWN_SYMBOL", text=text), venue)
                return
        try:
            if symbol is None or not feed.compared or not feed.key_known:
                raise VenueUnavailable(feed.trouble or "it is being compared with our orders")
            await self.market.prepare(venue, symbol, equity=self._needs_equity())
        except VenueUnavailable as error:
            if await self._out_of_patience():
                text = f"{venue} does not answer: {error}"
                await self._refuse(Refusal(code="VENUE_DOWN", text=text), venue)
            return
        await self.store.write(self._make(venue, symbol))

    def _venue(self) -> str | None:
        """Where it goes: its own venue, its source's, else the default; None for an unknown one."""
        source = self.config.sources.get(self.signal.source)
        named = self.signal.venue or (source.venue if source else None)
        venue = named or self.config.default_venue
        return venue if venue in self.market.feeds() else None

    def _default_size(self) -> Size | None:
        source = self.config.sources.get(self.signal.source)
        return (source.size if source else None) or self.config.default_size

    def _needs_equity(self) -> bool:
        size = self.signal.size or self._default_size()
        return size is not None and size.kind in {SizeKind.EQUITY, SizeKind.RISK}

    async def _out_of_patience(self) -> bool:
        now = await self.store.read(lambda tx: tx.now)
        return now - self.patient_since >= WAITS_FOR_VENUE

    async def _refuse(self, refusal: Refusal, venue: str | None = None) -> None:
        about = asked(self.signal, self.config.prices, symbol=self.signal.symbol)
        await self.store.write(self._refused(about, (refusal,), venue))

    def _make(self, venue: str, symbol: str) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            if not tx.signals.is_waiting(self.signal.id):
                return
            replaces = self.signal.replaces
            moment = Moment(tx=tx, market=self.market, config=self.config, instead_of=replaces)
            instrument = self.market.instrument(venue, symbol)
            quote = self.market.quote(venue, symbol, max_age=None)
            assert instrument is not None, "its market was just resolved"
            assert quote is not None, "its quote was just asked for"
            facts = moment.facts(venue, instrument, quote)
            size, prices = self._default_size(), self.config.prices
            mode = self.market.feed(venue).venue.mode
            flip = flips.split(self.signal, facts, prices, venue=venue, mode=mode)
            signal = self.signal if flip is None else flip.closing
            made = make_terms(signal, facts, size, prices, venue=venue, mode=mode)
            late = flips.not_closed(tx, signal, facts) or replacing.late(tx, signal)
            if late is not None:
                made = [late]
            about = asked(signal, prices, symbol=symbol, facts=facts, default=size)
            if not isinstance(made, Terms):
                self._refused(about, tuple(made), venue)(tx)
                return
            last = self._last_like_it(tx, symbol, made.side)
            arrival = Arrival(fired_at=self.signal.fired_at, last_like_it=last)
            checked = risk.check(made, moment.snapshot(made, arrival), moment.limits)
            rule = self._rule(tx, made)
            if (blocked := rules.blocked(rule)) is not None:
                self._refused(about, (blocked, *checked.refusals), venue, made)(tx)
            elif checked.refusals:
                self._refused(about, checked.refusals, venue, made)(tx)
            else:
                then = None if flip is None else flip.then
                self._pass(tx, about, made, rule, len(checked.passed), then)

        return work

    def _waits(self) -> timedelta:
        """How long it may wait for approval: the desk's time, or the signal's own shorter one.

        Not past its good-till date, after which nobody could send it.
        """
        longest, signal = self.config.policy.expires_after, self.signal
        ends = None if signal.good_till is None else signal.good_till - signal.received_at
        return min(longest, signal.expires_in or longest, ends or longest)

    def _last_like_it(self, tx: Transaction, symbol: str, side: Side) -> datetime | None:
        """When its source sent the like; what a person asks for once more, or changed, repeats no sender,
        and an entry that follows a close is of the same order.
        """
        if self._is_of_a_person or self.signal.after is not None or self.signal.test:
            return None
        return tx.tickets.last_like(self.signal.source, symbol, side)

    @property
    def _is_of_a_person(self) -> bool:
        """Whether somebody made it of an order that people know."""
        return self.signal.again is not None or self.signal.replaces is not None

    def _rule(self, tx: Transaction, terms: Terms) -> Rule:
        return rules.met_by(
            tx,
            self.config.policy,
            terms,
            source=self.signal.source,
            strategy=self.signal.strategy,
            at=tx.now,
        )

    def _pass(
        self,
        tx: Transaction,
        about: Asked,
        terms: Terms,
        rule: Rule,
        checks: int,
        then: Decimal | None,
    ) -> None:
        """Nothing objects: a card waits for people, or the rule lets it straight through."""
        required, window = self._asks(rule)
        straight = required == 0
        ticket = self._ticket(
            tx,
            about,
            terms,
            state=TicketState.APPROVED if straight else TicketState.PENDING,
            rule=rule,
            checks=checks,
            expires_at=None if straight else tx.now + self._waits(),
        ).evolve(then=then)
        tx.tickets.add(ticket)
        tx.journal.add(
            EventKind.TICKET_APPROVED if straight else EventKind.TICKET_PENDING,
            tx.now,
            ticket=ticket.id,
            rule=rule.name,
            required=required,
            veto_window_s=None if window is None else window.total_seconds(),
            fingerprint=ticket.fingerprint,
        )

    def _asks(self, rule: Rule) -> tuple[int, timedelta | None]:
        """How many approvals it needs, and its veto window.

        What a person proposes again or changes never goes without anybody's approval: it may be the same
        order once more. A test is there to be approved.
        """
        if self._is_of_a_person or self.signal.test:
            return max(rule.required, 1), None
        return rule.required, rule.veto_window

    def _refused(
        self,
        about: Asked,
        refusals: tuple[Refusal, ...],
        venue: str | None = None,
        terms: Terms | None = None,
    ) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            if not tx.signals.is_waiting(self.signal.id):
                return
            ticket = self._ticket(
                tx,
                about,
                terms,
                state=TicketState.REFUSED,
                refusals=refusals,
                venue=venue,
            )
            tx.tickets.add(ticket)
            codes = " ".join(refusal.code for refusal in refusals)
            tx.journal.add(
                EventKind.TICKET_REFUSED,
                tx.now,
                ticket=ticket.id,
                source=ticket.source,
                mode=ticket.mode,
                codes=codes,
            )

        return work

    def _ticket(
        self,
        tx: Transaction,
        about: Asked,
        terms: Terms | None,
        *,
        state: TicketState,
        rule: Rule | None = None,
        checks: int = 0,
        expires_at: datetime | None = None,
        refusals: tuple[Refusal, ...] = (),
        venue: str | None = None,
    ) -> Ticket:
        name = terms.venue if terms else venue or self.config.default_venue or "none"
        feed = self.market.feeds().get(name)
        required, window = self._asks(rule or DEFAULT_RULE)
        mark = ""
        if terms is not None and rule is not None:
            mark = fingerprint(terms, rule=rule, required=required, veto_window=window)
        return Ticket(
            id=tx.new_id(),
            signal=self.signal.id,
            source=self.signal.source,
            state=state,
            revision=1,
            venue=name,
            mode=feed.venue.mode if feed else Mode.PAPER,
            asked=about,
            terms=terms,
            fingerprint=mark,
            rule=rule.name if rule else "",
            required=required,
            created_at=tx.now,
            expires_at=expires_at,
            fired_at=self.signal.fired_at,
            waits=self._waits(),
            checks=checks,
            refusals=refusals,
            strategy=self.signal.strategy,
            note=self.signal.note,
            decided_at=None if state is TicketState.PENDING else tx.now,
            veto_window=window,
            remind_at=expires_at and approval.reminder(tx.now, self._waits(), veto_window=window),
            proposer=self.signal.proposer,
            after=self.signal.after,
            replaces=self.signal.replaces,
            replaces_left=self.signal.replaces_left,
        )


VENUE_UNKNOWN = Refusal(
    code="VENUE_DOWN", text="There is no venue of that name, and no default venue."
)
