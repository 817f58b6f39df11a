"""The world as one order meets it: rows, prices, balances and house rules of one moment, together.

The executor asks at arrival and right before sending, the desk at the tap; both inside the
transaction that acts on the answer, so that concurrent tickets reserve against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from execution import orders, risk
from execution.config import Config
from execution.market import Feed, Market
from execution.positions import Position, fold, is_dust, losing_exits
from execution.pricing import drift, past_own_stop_or_target
from execution.rounding import exactly
from execution.sizing import SizingFacts, repriced, resized
from execution.store import Transaction
from execution.symbols import assets
from execution.types import (
    ZERO,
    Instrument,
    Order,
    OrderState,
    Quote,
    Record,
    Refusal,
    Side,
    Terms,
    Ticket,
    TicketState,
)

_RESTING = frozenset({OrderState.WORKING, OrderState.CANCELING})
_OURS = (*orders.LIVE, OrderState.PLANNED, OrderState.STUCK)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recheck(Record):
    """Whether approved terms still stand."""

    refusals: tuple[Refusal, ...] = ()
    again: Terms | None = None
    """New terms to ask for: the market moved too far against the approved ones."""
    quote: Quote | None = None
    """The prices this was decided by; None: none was fresh enough, so nothing was decided."""


@dataclass
class Moment:
    """One transaction's view. `without` is the ticket asked about: it is in none of the figures."""

    tx: Transaction
    market: Market
    config: Config
    without: str | None = None

    def facts(self, venue: str, instrument: Instrument, quote: Quote) -> SizingFacts:
        """What sizing wants to know."""
        feed = self.market.feed(venue)
        symbol = instrument.symbol
        ours = fold(self.tx.fills.of_symbol(venue, symbol)).positions
        position = ours.get((venue, symbol))
        base = feed.balances.get(instrument.base)
        sells = [
            (order, left)
            for order, left in self._open_orders
            if (order.venue, order.symbol, order.side) == (venue, symbol, Side.SELL)
        ]
        reserved = sum((left for order, left in sells if order.state not in _RESTING), ZERO)
        for terms in self._approved:
            if (terms.venue, terms.symbol, terms.side) == (venue, symbol, Side.SELL):
                reserved += terms.amount
        known = feed.balances_at is not None
        return SizingFacts(
            instrument=instrument,
            quote=quote,
            rate=self.market.rate(venue, instrument.quote),
            position=ZERO if position is None else position.amount,
            base_fees=ZERO if position is None else position.base_fees,
            free_base=(ZERO if base is None else base.free) if known else None,
            reserved_base=reserved,
            resting_base=sum((left for order, left in sells if order.state in _RESTING), ZERO),
            equity=self.market.equity(venue),
        )

    @exactly
    def snapshot(self, terms: Terms, arrival: risk.Arrival | None = None) -> risk.Snapshot:
        """What the risk rules want to know."""
        venue, symbol = terms.venue, terms.symbol
        feed = self.market.feed(venue)
        base, quote_asset = assets(symbol)
        entries = [(o, left) for o, left in self._open_orders if not o.reduces]
        approved = [t for t in self._approved if not t.reduces]
        held = {
            key
            for key, position in self._positions.items()
            if not self._is_dust(*key, position.amount)
        }
        money = feed.balances.get(quote_asset)
        known = feed.balances_at is not None
        return risk.Snapshot(
            now=self.tx.now,
            trading=self.tx.trading(),
            instrument=self.market.instrument(venue, symbol),
            quote=self.market.quote(venue, symbol),
            rate=self.market.rate(venue, quote_asset),
            venue_down=_down(feed),
            symbol_in_doubt=self._in_doubt(venue, symbol),
            position_value=sum(
                (
                    abs(p.amount) * self._price(p.venue, p.symbol, p.average)
                    for p in self._positions.values()
                    if assets(p.symbol)[0] == base
                ),
                ZERO,
            ),
            entries_value=sum(
                (self._value(o, left) for o, left in entries if _base(o) == base), ZERO
            )
            + sum((t.value or ZERO for t in approved if assets(t.symbol)[0] == base), ZERO),
            open_entries=len(entries) + len(approved),
            open_positions=frozenset(
                held
                | {(t.venue, t.symbol) for t in approved}
                | {(order.venue, order.symbol) for order, _ in entries}
            ),
            entries_last_minute=self._entries_last_minute() + len(approved),
            free_quote=(ZERO if money is None else money.free) if known else None,
            reserved_quote=self._reserved_quote(venue, quote_asset),
            last_loss_at=self._last_loss(),
            arrival=arrival,
        )

    def blocked(self, terms: Terms, ticket: Ticket) -> Refusal | None:
        """A rule that blocks these terms; halving an order must not lead around it."""
        rule = self.config.policy.rule_for(terms, source=ticket.source, strategy=ticket.strategy)
        if not rule.block:
            return None
        return Refusal(code="BLOCKED", text=f"The rule {rule.name} blocks this.")

    def _in_doubt(self, venue: str, symbol: str) -> bool:
        return any(
            (order.venue, order.symbol) == (venue, symbol)
            for order, _ in self._open_orders
            if order.state in orders.UNKNOWN
        )

    def _reserved_quote(self, venue: str, asset: str) -> Decimal:
        """Quote currency of buys the venue has not taken out of what it calls free."""
        sent = (
            left * order.price
            for order, left in self._open_orders
            if order.venue == venue
            and order.side is Side.BUY
            and order.state not in _RESTING
            and assets(order.symbol)[1] == asset
        )
        waiting = (
            t.notional
            for t in self._approved
            if t.venue == venue and t.side is Side.BUY and assets(t.symbol)[1] == asset
        )
        return sum(sent, ZERO) + sum(waiting, ZERO)

    def _entries_last_minute(self) -> int:
        """Entries sent in the last minute; counted only where a limit asks for it."""
        if self.config.limits.max_orders_per_minute is None:
            return 0
        since = self.tx.now - timedelta(minutes=1)
        return self.tx.orders.entries_since(since, without=self.without)

    def _last_loss(self) -> datetime | None:
        if self.config.limits.cooldown_after_loss is None:
            return None
        losses = losing_exits(self.tx.fills.all(), self.market.price)
        return losses[-1][0] if losses else None

    def _price(self, venue: str, symbol: str, otherwise: Decimal) -> Decimal:
        """Value of one base unit in the settings' currency, from the last prices known."""
        quote = self.market.quote(venue, symbol, max_age=None)
        mid = otherwise if quote is None else quote.mid
        return mid * (self.market.rate(venue, assets(symbol)[1]) or 1)

    def _value(self, order: Order, left: Decimal) -> Decimal:
        rate = self.market.rate(order.venue, assets(order.symbol)[1])
        return left * order.price * (rate or 1)

    def _is_dust(self, venue: str, symbol: str, amount: Decimal) -> bool:
        instrument = self.market.instrument(venue, symbol)
        return instrument is not None and is_dust(amount, instrument)

    @cached_property
    def _positions(self) -> Mapping[tuple[str, str], Position]:
        """Every open position; folded from all fills only where a limit asks for them."""
        limits = self.config.limits
        if limits.max_position_notional is None and limits.max_open_positions is None:
            return {}
        return fold(self.tx.fills.all()).positions

    @cached_property
    def _approved(self) -> list[Terms]:
        """Terms of approved tickets nothing was sent for yet."""
        tickets = self.tx.tickets.in_state(TicketState.APPROVED)
        return [t.terms for t in tickets if t.terms is not None and t.id != self.without]

    @cached_property
    def _open_orders(self) -> list[tuple[Order, Decimal]]:
        """Orders that may still fill, with the amount (base) they may still take."""
        found = []
        for order in self.tx.orders.in_state(*_OURS):
            booked = sum((f.amount for f in self.tx.fills.of_order(order.id)), ZERO)
            if order.ticket != self.without:
                found.append((order, order.amount - booked))
        return found


def recheck(ticket: Ticket, moment: Moment) -> Recheck:
    """Ask every rule again, and whether the price is still the one people saw."""
    terms = ticket.terms
    assert terms is not None, "only a ticket with terms is approved"
    moment.without = ticket.id
    instrument = moment.market.instrument(terms.venue, terms.symbol)
    quote = moment.market.quote(terms.venue, terms.symbol)
    if quote is None or instrument is None:
        return Recheck()
    sized = resized(terms, terms.amount, moment.facts(terms.venue, instrument, quote))
    if not isinstance(sized, Terms):
        return Recheck(refusals=tuple(sized), quote=quote)
    refusals = risk.check(sized, moment.snapshot(sized), moment.config.limits).refusals
    if refusals:
        return Recheck(refusals=refusals, quote=quote)
    if _moved_away(terms, quote, moment.config) or _does_something_else(terms, sized):
        return _asked_again(ticket, instrument, quote, moment)
    return Recheck(quote=quote)


def recheck_rest(ticket: Ticket, rest: Decimal, moment: Moment) -> Quote | str | None:
    """The quote by which what is left of a working ticket may go out, or why it may not.

    Every rule is asked again. None: no price was fresh enough, so nothing was decided.
    """
    terms = ticket.terms
    assert terms is not None, "only a ticket with terms works"
    moment.without = ticket.id
    instrument = moment.market.instrument(terms.venue, terms.symbol)
    quote = moment.market.quote(terms.venue, terms.symbol)
    if quote is None or instrument is None:
        return None
    sized = resized(terms, rest, moment.facts(terms.venue, instrument, quote))
    if not isinstance(sized, Terms):
        return sized[0].text
    refusals = risk.check(sized, moment.snapshot(sized), moment.config.limits).refusals
    if refusals:
        return refusals[0].text
    if _moved_away(terms, quote, moment.config):
        return "the price moved past what was approved."
    more = sized.from_holdings > terms.from_holdings or (terms.reduces and not sized.reduces)
    if more or sized.amount != rest:
        return "the position is not what it was."
    return quote


def price_again(ticket: Ticket, moment: Moment) -> Recheck:
    """New terms at the market of now for an approval that can no longer be used."""
    terms = ticket.terms
    assert terms is not None, "only a ticket with terms is approved"
    moment.without = ticket.id
    instrument = moment.market.instrument(terms.venue, terms.symbol)
    quote = moment.market.quote(terms.venue, terms.symbol)
    if quote is None or instrument is None:
        return Recheck()
    return _asked_again(ticket, instrument, quote, moment)


def resize(ticket: Ticket, amount: Decimal, moment: Moment) -> Terms | tuple[Refusal, ...]:
    """The terms of a pending ticket for another amount, or why they cannot be."""
    terms = ticket.terms
    assert terms is not None, "only a ticket with terms is pending"
    moment.without = ticket.id
    instrument = moment.market.instrument(terms.venue, terms.symbol)
    quote = moment.market.quote(terms.venue, terms.symbol, max_age=None)
    if instrument is None or quote is None:
        return (Refusal(code="VENUE_DOWN", text=f"{terms.venue} is not connected."),)
    facts = moment.facts(terms.venue, instrument, quote)
    made = repriced(terms.evolve(amount=amount), facts, moment.config.prices)
    if not isinstance(made, Terms):
        return tuple(made)
    if blocked := moment.blocked(made, ticket):
        return (blocked,)
    fresh = moment.market.quote(terms.venue, terms.symbol)
    if fresh is None:
        return made
    return risk.check(made, moment.snapshot(made), moment.config.limits).refusals or made


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


def _moved_away(terms: Terms, quote: Quote, config: Config) -> bool:
    """Whether the market left what was approved: too far against us, or past its own exits."""
    if terms.price is not None:
        return False
    if drift(terms, quote) > config.policy.max_price_drift:
        return True
    return past_own_stop_or_target(terms, quote)


def _does_something_else(approved: Terms, now: Terms) -> bool:
    """Whether the position changed so that the same order would now do something else to it."""
    return (approved.amount, approved.from_holdings, approved.reduces) != (
        now.amount,
        now.from_holdings,
        now.reduces,
    )


def _down(feed: Feed) -> str | None:
    """Why no order may go to a venue; None when one may."""
    name = feed.venue.name
    if not feed.connected:
        return f"{name} is not connected: {feed.reason}"
    if not feed.ready:
        return f"{name} has not been compared with our orders yet."
    return None


def _base(order: Order) -> str:
    return assets(order.symbol)[0]
