"""Whether what people approved still stands, asked once more at the tap and right before it is sent.

Pure but for the `Moment` it is asked in. What does not stand is never made to fit in silence: it is
refused with a reason, or becomes new terms to ask for.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from execution import kinds, replacing, risk
from execution.config import Config
from execution.instruments import Instrument
from execution.pricing import drift, past_own_stop_or_target
from execution.record import Record
from execution.rounding import amount_down
from execution.sizing import repriced, resized
from execution.snapshots import Moment
from execution.types import Quote, Refusal, Terms, Ticket


@dataclass(frozen=True, kw_only=True, slots=True)
class Recheck(Record):
    """Whether approved terms still stand."""

    refusals: tuple[Refusal, ...] = ()
    again: Terms | None = None
    """New terms to ask for: the approved ones do not fit this moment."""
    why: str | None = None
    """What does not fit, where it is not that the price moved too far against us."""
    quote: Quote | None = None
    """The prices this was decided by; None: none was fresh enough, so nothing was decided."""


def recheck(ticket: Ticket, moment: Moment) -> Recheck:
    """Ask every rule again, and whether the price is still the one people saw."""
    terms = ticket.terms
    assert terms is not None, "only a ticket with terms is approved"
    moment.leave_out(ticket)
    instrument = moment.market.instrument(terms.venue, terms.symbol)
    quote = moment.market.quote(terms.venue, terms.symbol)
    if quote is None or instrument is None:
        return Recheck()
    if (late := replacing.late(moment.tx, ticket)) is not None:
        return Recheck(refusals=(late,), quote=quote)
    if (over := kinds.over(terms, moment.tx.now)) is not None:
        return Recheck(refusals=(over,), quote=quote)
    sized = resized(terms, terms.amount, moment.facts(terms.venue, instrument, quote))
    if not isinstance(sized, Terms):
        return Recheck(refusals=tuple(sized), quote=quote)
    refusals = risk.check(sized, moment.snapshot(sized), moment.limits).refusals
    if refusals:
        return Recheck(refusals=refusals, quote=quote)
    if _drifted(terms, quote, moment.config):
        return _asked_again(ticket, instrument, quote, moment)
    why = (
        _past_its_exits(terms, quote)
        or _on_other_steps(terms, instrument)
        or _does_something_else(terms, sized)
    )
    if why is not None:
        return _asked_again(ticket, instrument, quote, moment).evolve(why=why)
    return Recheck(quote=quote)


def recheck_rest(ticket: Ticket, rest: Decimal, moment: Moment) -> Quote | str | None:
    """The quote by which what is left of a working ticket may go out, or why it may not.

    Every rule is asked again. None: no price was fresh enough, so nothing was decided.
    """
    terms = ticket.terms
    assert terms is not None, "only a ticket with terms works"
    moment.leave_out(ticket)
    instrument = moment.market.instrument(terms.venue, terms.symbol)
    quote = moment.market.quote(terms.venue, terms.symbol)
    if quote is None or instrument is None:
        return None
    sized = resized(terms, rest, moment.facts(terms.venue, instrument, quote))
    if not isinstance(sized, Terms):
        return sized[0].text
    refusals = risk.check(sized, moment.snapshot(sized), moment.limits).refusals
    if refusals:
        return refusals[0].text
    if _drifted(terms, quote, moment.config) or _past_its_exits(terms, quote):
        return "the price moved past what was approved."
    more = sized.from_holdings > terms.from_holdings or (terms.reduces and not sized.reduces)
    if more or sized.amount != rest:
        return "the position is not what it was."
    return quote


def price_again(ticket: Ticket, moment: Moment) -> Recheck:
    """New terms at the market of now for an approval that can no longer be used."""
    terms = ticket.terms
    assert terms is not None, "only a ticket with terms is approved"
    moment.leave_out(ticket)
    instrument = moment.market.instrument(terms.venue, terms.symbol)
    quote = moment.market.quote(terms.venue, terms.symbol)
    if quote is None or instrument is None:
        return Recheck()
    return _asked_again(ticket, instrument, quote, moment)


def _asked_again(ticket: Ticket, instrument: Instrument, quote: Quote, moment: Moment) -> Recheck:
    terms = ticket.terms
    assert terms is not None, "only a ticket with terms is asked again"
    facts = moment.facts(terms.venue, instrument, quote)
    made = repriced(terms, facts, moment.config.prices)
    if isinstance(made, Terms):
        if blocked := moment.blocked(made, ticket):
            return Recheck(refusals=(blocked,), quote=quote)
        return Recheck(again=made, quote=quote)
    return Recheck(refusals=tuple(made), quote=quote)


def _drifted(terms: Terms, quote: Quote, config: Config) -> bool:
    """Whether the market moved too far against what was approved at a price of ours."""
    return drift(terms, quote) > config.policy.max_price_drift


def _past_its_exits(terms: Terms, quote: Quote) -> str | None:
    """Why an order at a price of ours would end as soon as it began; None when it would not."""
    if terms.worst_price is not None and past_own_stop_or_target(terms, quote):
        return "the market is at or past its own stop or target"
    return None


def _on_other_steps(terms: Terms, instrument: Instrument) -> str | None:
    """Why the market would not take what was approved; None when it takes that, or a price no worse."""
    amount = amount_down(terms.amount, instrument.amount_step)
    fits = kinds.on_steps(terms, instrument.price_step) == terms and amount == terms.amount
    return None if fits else "the market's steps are not what they were"


def _does_something_else(approved: Terms, now: Terms) -> str | None:
    """Why the same order would now do something else to the position; None when it would not."""
    was = (approved.amount, approved.from_holdings, approved.reduces)
    if was == (now.amount, now.from_holdings, now.reduces):
        return None
    return "the position is not what it was"
