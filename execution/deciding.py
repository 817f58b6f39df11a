"""What becomes of a ticket once people, or nobody's objection, have decided it.

Inside the transaction that acts on it. Whatever decided, the rule that the ticket meets by now and
all that was checked when it was made are asked once more: it is approved, refused or asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from execution import approval, booking, rules
from execution.approval import Policy, Role, Rule
from execution.events import EventKind
from execution.outcome import Answer, Outcome
from execution.rechecking import price_again, recheck
from execution.snapshots import Moment
from execution.stopping import HALTED
from execution.store import Transaction
from execution.trading import lets_through
from execution.types import (
    Refusal,
    Terms,
    Ticket,
    TicketState,
    TradingState,
    Vote,
    VoteKind,
)


def vote(
    moment: Moment, ticket_id: str, *, revision: int, person: str, name: str, kind: VoteKind
) -> Answer:
    """Count a person's word on one revision; the deciding approval is checked at once."""
    tx, policy = moment.tx, moment.config.policy
    ticket = tx.tickets.get(ticket_id)
    shut = closed(tx, ticket, policy, revision=revision, person=person)
    if shut is not None or ticket is None:
        return shut or Answer(outcome=Outcome.UNKNOWN)
    if kind is VoteKind.APPROVE and (held := _held_back(tx, ticket)):
        return held
    if kind is VoteKind.APPROVE and not approval.may_vote_for(ticket, person):
        return Answer(outcome=Outcome.OWN_PROPOSAL, ticket=ticket)
    votes = tx.tickets.votes(ticket_id)
    mine = [v for v in votes if (v.revision, v.person) == (revision, person)]
    earlier = mine[0] if mine else None
    if earlier is not None and kind is VoteKind.APPROVE:
        return Answer(outcome=Outcome.REPEATED, ticket=ticket, at=earlier.at)
    vote = _store_vote(tx, ticket, person=person, name=name, kind=kind, instead_of=earlier)
    if kind is VoteKind.REJECT:
        after = booking.move_ticket(tx, ticket, TicketState.REJECTED, reason=None)
        return Answer(outcome=Outcome.REJECTED, ticket=after)
    return _count(ticket, [*votes, vote], moment)


def closed(
    tx: Transaction, ticket: Ticket | None, policy: Policy, *, revision: int, person: str
) -> Answer | None:
    """Why a tap on a card changes nothing; None while it may."""
    if ticket is None:
        return Answer(outcome=Outcome.UNKNOWN)
    if not policy.may(person, Role.APPROVER):
        return Answer(outcome=Outcome.NOT_ALLOWED, ticket=ticket)
    if ticket.state is not TicketState.PENDING:
        return answered(tx, ticket)
    if ticket.revision != revision:
        return Answer(outcome=Outcome.SUPERSEDED, ticket=ticket)
    if approval.has_expired(ticket, tx.now):
        after = booking.move_ticket(tx, ticket, TicketState.EXPIRED, reason=None)
        return Answer(outcome=Outcome.EXPIRED, ticket=after, at=after.expires_at)
    state = tx.trading()
    if state.halt is not None and state.state is TradingState.HALTED:
        return Answer(outcome=Outcome.HALTED, ticket=ticket, name=state.halt.name, at=state.halt.at)
    return None


def _held_back(tx: Transaction, ticket: Ticket) -> Answer | None:
    """What an approval is answered while the desk is paused: the ticket stays, and waits."""
    state, terms = tx.trading(), ticket.terms
    reduces = terms is not None and terms.reduces
    if state.halt is None or lets_through(state.state, reduces=reduces):
        return None
    return Answer(outcome=Outcome.PAUSED, ticket=ticket, name=state.halt.name, at=state.halt.at)


def _store_vote(
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


def _count(ticket: Ticket, all_votes: Sequence[Vote], moment: Moment) -> Answer:
    """Whether the votes suffice, by the rule of this moment too, and whether the terms still stand."""
    policy = moment.config.policy
    rule = rules.met(moment.tx, policy, ticket)
    if rule.block or rule.required > ticket.required:
        return _asks_more(ticket, rule, moment)
    votes = approval.approvals(ticket, all_votes, policy)
    if len(votes) < ticket.required:
        return Answer(outcome=Outcome.COUNTED, ticket=ticket, votes=len(votes))
    return _decide(ticket, moment).evolve(votes=len(votes))


def watch(moment: Moment, begins: Mapping[str, datetime | None], *, heard: datetime | None) -> None:
    """Let the veto windows of waiting tickets run, and each go ahead once its own has run out.

    One `begins` when people had the card and could be heard; None while that is not so. Everything they
    said until `heard` is known: nothing goes ahead before that covers the whole window.
    """
    for ticket in moment.tx.tickets.in_state(TicketState.PENDING):
        if ticket.id in begins and ticket.veto_window is not None:
            _watch(ticket, begins[ticket.id], heard, moment)


def _watch(ticket: Ticket, begins: datetime | None, heard: datetime | None, moment: Moment) -> None:
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
