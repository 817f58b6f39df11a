"""A ticket with something about it changed by a person: new terms, which people are asked about.

Of one that waits they are a new revision; of one whose order rests a ticket of its own, which takes its place
once approved. Inside the transaction that acts on it. What is not changed stays as the card says it, and
new terms meet every rule; a ticket that may not have them stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from execution import booking, kinds, replacing, risk
from execution.events import EventKind
from execution.outcome import Answer, Outcome
from execution.record import Record
from execution.rounding import plain
from execution.sizing import make_terms
from execution.snapshots import Moment
from execution.types import (
    Refusal,
    Signal,
    Size,
    SizeKind,
    Target,
    Terms,
    Ticket,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change(Record):
    """What a person wants otherwise; what is None stays as it is."""

    size: Size | None = None
    price: Decimal | None = None
    """A limit price: the order is bounded by it from then on, as one with its sender's price is."""
    stop_price: Decimal | None = None
    """What the market must touch first, of an order that waits for that."""
    stop_loss: Decimal | None = None
    take_profit: tuple[Target, ...] | None = None


CHANGEABLE = ("size", "limit", "stop price", "stop", "target")
"""What a person may change, as the journal names it."""


def amount(value: Decimal) -> Change:
    """Another amount (base asset), nothing else."""
    return Change(size=Size(kind=SizeKind.AMOUNT, value=value))


def edit(ticket: Ticket, change: Change, moment: Moment, *, person: str, name: str) -> Answer:
    """Ask about a pending ticket anew with what this person changes."""
    before = ticket.terms
    assert before is not None, "only a ticket with terms is pending"
    moment.leave_out(ticket)
    if late := replacing.late(moment.tx, ticket):
        return Answer(outcome=Outcome.REFUSED, ticket=ticket, refusals=(late,))
    made = _made(ticket, before, change, moment)
    if not isinstance(made, Terms):
        return Answer(outcome=Outcome.REFUSED, ticket=ticket, refusals=made)
    changed = changes(before, made)
    if not changed:
        return Answer(outcome=Outcome.UNCHANGED, ticket=ticket)
    after = booking.revise(
        moment.tx,
        ticket,
        made,
        policy=moment.config.policy,
        kind=EventKind.TICKET_REVISED,
        actor=person,
        reason=f"{' and '.join(changed)} changed by {name}",
        facts={"name": name} | changed,
    )
    return Answer(outcome=Outcome.REVISED, ticket=after)


def replace(ticket: Ticket, change: Change, moment: Moment, *, person: str, name: str) -> Answer:
    """Propose a ticket whose order takes the place of the one that rests; that stays until it is approved."""
    tx, before = moment.tx, ticket.terms
    if before is None or not replacing.rests(tx, ticket):
        return Answer(outcome=Outcome.ENDED, ticket=ticket)
    left = replacing.left(tx, ticket)
    rest, moment.instead_of = before.evolve(amount=left), ticket.id
    made = _made(ticket, rest, change, moment)
    if not isinstance(made, Terms):
        return Answer(outcome=Outcome.REFUSED, ticket=ticket, refusals=made)
    changed = changes(rest, made)
    if not changed:
        return Answer(outcome=Outcome.UNCHANGED, ticket=ticket)
    signal = _changed(tx.signals.get(ticket.signal), rest, change).evolve(
        id=tx.new_id(),
        received_at=tx.now,
        venue=before.venue,
        side=before.side,
        time=None,
        bar_time=None,
        expires_in=None,
        again=None,
        after=None,
        replaces=ticket.id,
        replaces_left=left,
        proposer=person,
        proposer_name=name,
    )
    tx.signals.add(signal, sha256(signal.id.encode()).hexdigest())
    tx.journal.add(
        EventKind.TICKET_PROPOSED,
        tx.now,
        ticket=ticket.id,
        actor=person,
        name=name,
        signal=signal.id,
        **changed,
    )
    return Answer(outcome=Outcome.REPLACING, ticket=ticket)


def changes(before: Terms, after: Terms) -> dict[str, str]:
    """What differs between two terms, of all that a person may change: `{"size": "0.04 to 0.02"}`."""
    pairs = zip(CHANGEABLE, _said(before), _said(after), strict=True)
    return {name: f"{was} to {now}" for name, was, now in pairs if was != now}


def _said(terms: Terms) -> tuple[str, ...]:
    """Size, limit, what it waits for, stop and targets, in the order of `CHANGEABLE`."""
    targets = [
        plain(target.price) + (f" ({plain(target.share)})" if target.share < 1 else "")
        for target in terms.take_profit
    ]
    return (
        plain(terms.amount),
        "none" if terms.price is None else plain(terms.price),
        "none" if terms.stop_price is None or terms.trail is not None else plain(terms.stop_price),
        "none" if terms.stop_loss is None else plain(terms.stop_loss),
        ", ".join(targets) or "none",
    )


def _made(
    ticket: Ticket, before: Terms, change: Change, moment: Moment
) -> Terms | tuple[Refusal, ...]:
    """The terms with the change in them, at the market of now; or why they cannot be."""
    venue, market = before.venue, moment.market
    instrument = market.instrument(venue, before.symbol)
    quote = market.quote(venue, before.symbol, max_age=None)
    if instrument is None or quote is None:
        return (Refusal(code="VENUE_DOWN", text=f"{venue} is not connected."),)
    if change.stop_price is not None and (before.stop_price is None or before.trail is not None):
        return (Refusal(code="NOT_SUPPORTED", text="It waits for no price that could be changed."),)
    signal = _changed(moment.tx.signals.get(ticket.signal), before, change)
    facts, prices = moment.facts(venue, instrument, quote), moment.config.prices
    made = make_terms(signal, facts, None, prices, venue=venue, mode=before.mode)
    if not isinstance(made, Terms):
        return tuple(made)
    if blocked := moment.blocked(made, ticket):
        return (blocked,)
    if market.quote(venue, before.symbol) is None:
        return made  # no price is fresh enough to ask the rules by: they are asked at the tap
    return risk.check(made, moment.snapshot(made), moment.limits).refusals or made


def _changed(signal: Signal, before: Terms, change: Change) -> Signal:
    """The signal that would have asked for these terms with the change in them."""
    price = change.price or before.price
    return signal.evolve(
        type=before.type if price is None else kinds.WITH_LIMIT.get(before.type, before.type),
        size=change.size or Size(kind=SizeKind.AMOUNT, value=before.amount),
        price=price,
        stop_price=change.stop_price or before.stop_price,
        stop_loss=change.stop_loss or before.stop_loss,
        take_profit=before.take_profit if change.take_profit is None else change.take_profit,
        reduce_only=before.reduce_only,
        close=False,
    )
