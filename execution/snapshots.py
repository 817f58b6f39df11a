"""The world as one order meets it: rows, prices, balances and house rules of one moment, together.

The executor asks at arrival and right before sending, the desk at the tap; both inside the
transaction that acts on the answer, so that concurrent tickets reserve against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from execution import limits, orders, risk, rules
from execution.config import Config
from execution.equity import Standing, Stop, StopKind
from execution.feed import Feed
from execution.instruments import Instrument
from execution.market import Market
from execution.positions import Position, is_dust, losing_exits
from execution.record import Record
from execution.rounding import exactly
from execution.sizing import SizingFacts
from execution.store import Transaction
from execution.symbols import assets
from execution.types import (
    ZERO,
    Order,
    OrderState,
    Quote,
    Refusal,
    Side,
    Terms,
    Ticket,
    TicketState,
)

_RESTING = frozenset({OrderState.WORKING, OrderState.CANCELING})
_OURS = (*orders.LIVE, OrderState.PLANNED, OrderState.STUCK)
_READING_HOLDS = timedelta(minutes=1)
"""A reading of the accounts is taken every ten seconds; by one older than this nothing is let through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Used(Record):
    """What counts towards the desk's limits now; only where a limit asks for it."""

    position_notional: Mapping[str, Decimal]
    """Position and entries of each base asset, in `general.currency`."""
    open_orders: int
    open_positions: int
    orders_last_minute: int
    last_loss_at: datetime | None
    """When an order last lost, if that is not longer ago than the cooldown."""
    standing: Standing | None = None
    """The last reading of the accounts, its day only if that is today."""
    stops: Sequence[Stop] = ()
    """The rules that stopped entries."""


@dataclass
class Moment:
    """One transaction's view. `without` is the ticket asked about: it is in none of the figures."""

    tx: Transaction
    market: Market
    config: Config
    without: str | None = None

    @cached_property
    def limits(self) -> risk.Limits:
        """The limits in force: the settings', and what was changed in the chat."""
        return limits.in_force(self.tx, self.config.limits)

    def facts(self, venue: str, instrument: Instrument, quote: Quote) -> SizingFacts:
        """What sizing wants to know."""
        feed = self.market.feed(venue)
        symbol = instrument.symbol
        position = self.tx.positions.of(venue, symbol)
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
        money = feed.balances.get(quote_asset)
        known = feed.balances_at is not None
        return risk.Snapshot(
            now=self.tx.now,
            trading=self.tx.trading(),
            instrument=self.market.instrument(venue, symbol),
            quote=self.market.quote(venue, symbol),
            rate=self.market.rate(venue, quote_asset),
            venue_down=_down(feed),
            symbol_in_doubt=self.in_doubt(venue, symbol),
            pair_blocked=self._blocked_pair(venue, symbol),
            position_value=self._position_value(base),
            entries_value=self._entries_value(base),
            open_entries=self._open_entries,
            open_positions=self._held_or_entered,
            entries_last_minute=self._entries_last_minute(),
            free_quote=(ZERO if money is None else money.free) if known else None,
            reserved_quote=self._reserved_quote(venue, quote_asset),
            standing=self._standing,
            stops={stop.kind: stop for stop in self._stops},
            last_loss_at=self._last_loss(),
            arrival=arrival,
        )

    @exactly
    def used(self) -> Used:
        """How much of the desk's limits is used now, by the figures that every order meets."""
        bases = {assets(p.symbol)[0] for p in self._positions}
        bases |= {_base(order) for order, _ in self._entries}
        bases |= {assets(terms.symbol)[0] for terms in self._approved_entries}
        values = {base: self._position_value(base) + self._entries_value(base) for base in bases}
        return Used(
            position_notional={base: value for base, value in sorted(values.items()) if value},
            open_orders=self._open_entries,
            open_positions=len(self._held_or_entered),
            orders_last_minute=self._entries_last_minute(),
            last_loss_at=self._last_loss(),
            standing=self._standing,
            stops=self._stops,
        )

    def blocked(self, terms: Terms, ticket: Ticket) -> Refusal | None:
        """A rule that blocks these terms; halving an order must not lead around it."""
        asked = ticket.evolve(terms=terms, decided_at=None)
        return rules.blocked(rules.met(self.tx, self.config.policy, asked))

    def in_doubt(self, venue: str, symbol: str) -> bool:
        """Whether an order of ours there is in doubt: until that is known it takes no new one."""
        return any(
            (order.venue, order.symbol) == (venue, symbol)
            for order, _ in self._open_orders
            if order.state in orders.UNKNOWN
        )

    def _blocked_pair(self, venue: str, symbol: str) -> str | None:
        block = self.tx.pairs.of(venue, symbol)
        return None if block is None else block.reason

    def _reserved_quote(self, venue: str, asset: str) -> Decimal:
        """Quote currency of buys the venue has not taken out of what it calls free."""
        sent = (
            left * order.counted_at
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
        unseen = self._spent_since_told(venue, asset)
        return sum(sent, ZERO) + sum(waiting, ZERO) + unseen

    def _spent_since_told(self, venue: str, asset: str) -> Decimal:
        """Quote currency of buys that the venue took after it was asked what is free."""
        told = self.market.feed(venue).balances_at
        if told is None or self.limits.min_quote_reserve is None:
            return ZERO
        spent = ZERO
        for order in self.tx.orders.taken_since(venue, told):
            if order.side is Side.SELL or assets(order.symbol)[1] != asset:
                continue
            if order.state in orders.ENDED:
                fills = self.tx.fills.of_order(order.id)
                spent += sum((fill.amount * fill.price for fill in fills), ZERO)
            elif order.state in _RESTING:
                spent += order.amount * order.counted_at
        return spent

    @property
    def _open_entries(self) -> int:
        """Entries that may still fill, and approved ones nothing was sent for yet."""
        return len(self._entries) + len(self._approved_entries)

    @cached_property
    def _held_or_entered(self) -> frozenset[tuple[str, str]]:
        """Venue and symbol of each position that is open, or that an entry will open."""
        held = {
            (p.venue, p.symbol)
            for p in self._positions
            if not self._is_dust(p.venue, p.symbol, p.amount)
        }
        sent = {(order.venue, order.symbol) for order, _ in self._entries}
        return frozenset(held | sent | {(t.venue, t.symbol) for t in self._approved_entries})

    def _position_value(self, base: str) -> Decimal:
        """|position| of a base asset over all venues, in the settings' currency."""
        values = (
            abs(p.amount) * self._price(p.venue, p.symbol, p.average)
            for p in self._positions
            if assets(p.symbol)[0] == base
        )
        return sum(values, ZERO)

    def _entries_value(self, base: str) -> Decimal:
        """What entries of a base asset may still add, in the settings' currency."""
        sent = (self._value(o, left) for o, left in self._entries if _base(o) == base)
        approved = (t.value or ZERO for t in self._approved_entries if assets(t.symbol)[0] == base)
        return sum(sent, ZERO) + sum(approved, ZERO)

    def _entries_last_minute(self) -> int:
        """Entries of the last minute, those about to be sent too."""
        approved = len(self._approved_entries)
        if self.limits.max_orders_per_minute is None:
            return approved  # what was sent is counted only where a limit asks for it
        since = self.tx.now - timedelta(minutes=1)
        return self.tx.orders.entries_since(since, without=self.without) + approved

    def _last_loss(self) -> datetime | None:
        """When an order last lost, if that is not longer ago than the cooldown."""
        cooldown = self.limits.cooldown_after_loss
        if cooldown is None:
            return None
        recent = self.tx.positions.realized_since(self.tx.now - cooldown)
        exits = {r.fill.order for r in recent if r.closed and r.fill.order is not None}
        losses = losing_exits(self.tx.positions.realized_by(exits), self.market.price)
        return losses[-1][0] if losses else None

    def _price(self, venue: str, symbol: str, otherwise: Decimal) -> Decimal:
        """Value of one base unit in the settings' currency, from the last prices known."""
        quote = self.market.quote(venue, symbol, max_age=None)
        mid = otherwise if quote is None else quote.mid
        return mid * (self.market.rate(venue, assets(symbol)[1]) or 1)

    def _value(self, order: Order, left: Decimal) -> Decimal:
        rate = self.market.rate(order.venue, assets(order.symbol)[1])
        return left * order.counted_at * (rate or 1)

    def _is_dust(self, venue: str, symbol: str, amount: Decimal) -> bool:
        instrument = self.market.instrument(venue, symbol)
        return instrument is not None and is_dust(amount, instrument)

    @cached_property
    def _standing(self) -> Standing | None:
        """The last reading of the accounts, while it is young; read only where a limit asks for it."""
        standing = self.tx.accounts.standing() if self._reads_accounts else None
        if standing is None or self.tx.now - standing.at > _READING_HOLDS:
            return None
        return standing.on(self._today)

    @cached_property
    def _stops(self) -> Sequence[Stop]:
        """What stopped entries; a day's loss no longer than its day."""
        if not self._reads_accounts:
            return ()
        stops = self.tx.accounts.stops()
        return [one for one in stops if one.kind is StopKind.DRAWDOWN or one.day == self._today]

    @property
    def _reads_accounts(self) -> bool:
        return self.limits.max_daily_loss is not None or self.limits.max_drawdown is not None

    @property
    def _today(self) -> date:
        return self.tx.now.astimezone(self.config.zone).date()

    @cached_property
    def _positions(self) -> Sequence[Position]:
        """Every open position; read only where a limit asks for them."""
        if self.limits.max_position_notional is None and self.limits.max_open_positions is None:
            return ()
        return self.tx.positions.open()

    @cached_property
    def _approved(self) -> list[Terms]:
        """Terms of approved tickets nothing was sent for yet."""
        tickets = self.tx.tickets.in_state(TicketState.APPROVED)
        return [t.terms for t in tickets if t.terms is not None and t.id != self.without]

    @cached_property
    def _approved_entries(self) -> list[Terms]:
        return [terms for terms in self._approved if not terms.reduces]

    @cached_property
    def _entries(self) -> list[tuple[Order, Decimal]]:
        return [(order, left) for order, left in self._open_orders if not order.reduces]

    @cached_property
    def _open_orders(self) -> list[tuple[Order, Decimal]]:
        """Orders that may still fill, with the amount (base) they may still take."""
        found = []
        for order in self.tx.orders.in_state(*_OURS):
            booked = sum((f.amount for f in self.tx.fills.of_order(order.id)), ZERO)
            if order.ticket != self.without:
                found.append((order, order.amount - booked))
        return found


def _down(feed: Feed) -> str | None:
    """Why no order may go to a venue; None when one may."""
    name, ahead = feed.venue.name, feed.venue.clock_ahead.total_seconds()
    if feed.venue.clock_refused:
        way = "ahead of" if ahead > 0 else "behind"
        off = f"this machine's is {abs(ahead):.1f} s {way} its own"
        return f"{name} refuses our clock, corrected or not; {off}."
    if not feed.connected:
        return f"{name} is not connected: {feed.reason}"
    if feed.trouble is not None:
        return f"no order goes there: {feed.trouble}."
    if not feed.ready:
        return f"{name} has not been compared with our orders yet."
    return None


def _base(order: Order) -> str:
    return assets(order.symbol)[0]
