"""What becomes of a ticket once people, or nobody's objection, have decided it.

Inside the transaction that acts on it. Whatever decided, the rule that the ticket meets by now and
all that was checked when it was made are asked once more: it is approved, refused or asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from execution import approval, booking, rules
from execution.approval import Rule
from execution.events import EventKind
from execution.outcome import Answer, Outcome
from execution.snapshots import Moment, price_again, recheck
from execution.stopping import HALTED
from execution.store import Transaction
from execution.types import (
    Refusal,
    Terms,
    Ticket,
    TicketState,
    TradingState,
    Vote,
    VoteKind,
)


def store_vote(
    tx: Transaction,
    ticket: Ticket,
    *,
    person: str,
    name: str,
    kind: VoteKind,
    instead_of: Vote | None,
) -> Vote:
    """A person's word; it takes the place of what they said of this revision before."""
    vote = Vote(
        id=tx.new_id() if instead_of is None else instead_of.id,
        ticket=ticket.id,
        revision=ticket.revision,
        fingerprint=ticket.fingerprint,
        person=person,
        name=name,
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
        actor=person,
        name=name,
        vote=kind,
        revision=ticket.revision,
        fingerprint=ticket.fingerprint,
    )
    return vote


def count(ticket: Ticket, all_votes: Sequence[Vote], moment: Moment) -> Answer:
    """Whether the votes suffice, by the rule of this moment too, and whether the terms still stand."""
    policy = moment.config.policy
    rule = rules.met(moment.tx, policy, ticket)
    if rule.block or rule.required > ticket.required:
        return _asks_more(ticket, rule, moment)
    votes = approval.approvals(ticket, all_votes, policy)
    if len(votes) < ticket.required:
        return Answer(outcome=Outcome.COUNTED, ticket=ticket, votes=len(votes))
    return _decide(ticket, moment).evolve(votes=len(votes))


def watch(
    ticket: Ticket, *, begins: datetime | None, heard: datetime | None, moment: Moment
) -> None:
    """Let the veto window of a waiting ticket run, and the ticket go ahead once it has run out.

    It `begins` when people had the card and could be heard; None while that is not so. Everything they
    said until `heard` is known: nothing goes ahead before that covers the whole window.
    """
    tx, window = moment.tx, ticket.veto_window
    assert window is not None, "only what has a window is watched"
    ends = None if begins is None else begins + window
    if ends != ticket.goes_ahead_at:
        changed = ticket.evolve(goes_ahead_at=ends)
        tx.tickets.change(ticket, changed)
        tx.journal.add(EventKind.VETO_WINDOW, tx.now, ticket=ticket.id, ends=ends)
        ticket = changed
    over = ends is not None and heard is not None and heard >= ends
    trades = tx.trading().state is TradingState.ACTIVE
    if not over or not trades or approval.has_expired(ticket, tx.now):
        return
    rule = rules.met(tx, moment.config.policy, ticket)
    if approval.asks_no_more(ticket, rule):
        _decide(ticket, moment, rule=ticket.rule)
    else:
        _asks_more(ticket, rule, moment)


def answered(tx: Transaction, ticket: Ticket) -> Answer:
    """What to say of a tap on a ticket that is no longer pending."""
    if ticket.state is TicketState.EXPIRED and ticket.decided_at is not None:
        return Answer(outcome=Outcome.EXPIRED, ticket=ticket, at=ticket.expires_at)
    if approval.went_unopposed(ticket):
        return Answer(outcome=Outcome.WENT_AHEAD, ticket=ticket, at=ticket.decided_at)
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


def remind(tx: Transaction) -> None:
    """Note that votes are missing on tickets half of whose time has passed, each once.

    Not while the desk is stopped: nobody could approve them.
    """
    if tx.trading().state is not TradingState.ACTIVE:
        return
    for ticket in tx.tickets.unreminded(tx.now):
        tx.tickets.change(ticket, ticket.evolve(remind_at=None))
        if not approval.has_expired(ticket, tx.now):
            tx.journal.add(EventKind.REMINDER, tx.now, ticket=ticket.id, revision=ticket.revision)


def _decide(ticket: Ticket, moment: Moment, *, rule: str | None = None) -> Answer:
    """Approved, by people or a rule, if every check passes again at the price that people saw."""
    found = recheck(ticket, moment)
    if found.refusals:
        return _refused(ticket, found.refusals, moment)
    if found.again is not None:
        return _asked_again(ticket, found.again, moment, reason=found.why)
    if ticket.terms is not None and ticket.terms.test:
        after = booking.move_ticket(moment.tx, ticket, TicketState.CANCELED, reason=booking.TESTED)
        return Answer(outcome=Outcome.TESTED, ticket=after)
    after = booking.move_ticket(moment.tx, ticket, TicketState.APPROVED, reason=None, rule=rule)
    return Answer(outcome=Outcome.APPROVED, ticket=after, quote=found.quote)


def _asks_more(ticket: Ticket, rule: Rule, moment: Moment) -> Answer:
    """The rule it meets by now is not content with what its people were asked for."""
    if (blocked := rules.blocked(rule)) is not None:
        return _refused(ticket, (blocked,), moment)
    found = price_again(ticket, moment)
    if found.refusals:
        return _refused(ticket, found.refusals, moment)
    terms = found.again or ticket.terms
    assert terms is not None, "only a ticket with terms waits"
    return _asked_again(ticket, terms, moment, reason=f"the rule {rule.name} applies now")


def _refused(ticket: Ticket, refusals: tuple[Refusal, ...], moment: Moment) -> Answer:
    after = booking.refuse(moment.tx, ticket, refusals)
    return Answer(outcome=Outcome.REFUSED, ticket=after, refusals=refusals)


def _asked_again(ticket: Ticket, terms: Terms, moment: Moment, *, reason: str | None) -> Answer:
    policy = moment.config.policy
    after = booking.ask_again(moment.tx, ticket, terms, policy=policy, reason=reason)
    return Answer(outcome=Outcome.MOVED, ticket=after)
