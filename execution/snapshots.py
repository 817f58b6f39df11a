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

from execution import kinds, limits, orders, rules
from execution.checks import Arrival, Limits, Snapshot
from execution.config import Config
from execution.equity import Standing, Stop, StopKind
from execution.exposure import SizingFacts
from execution.feed import Feed
from execution.figures import figure
from execution.instruments import Instrument
from execution.market import Market
from execution.positions import Position, is_dust, losing_exits
from execution.record import Record
from execution.rounding import exactly
from execution.store import Transaction
from execution.symbols import assets, is_spot
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


_SETTINGS_HOLD = timedelta(minutes=2)
"""What an account of contracts told of how it is set says nothing any more after so long, or once two
comparisons with the venue should have asked it anew."""
_ONE = Decimal(1)


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
    """One transaction's view. `without` is the ticket asked about: it is in none of the figures, and
    neither is the one `instead_of` which it is to stand.
    """

    tx: Transaction
    market: Market
    config: Config
    without: str | None = None
    instead_of: str | None = None

    def leave_out(self, ticket: Ticket) -> None:
        """Ask about this ticket; before any figure is asked for."""
        self.without, self.instead_of = ticket.id, ticket.replaces

    @cached_property
    def limits(self) -> Limits:
        """The limits in force: the settings', and what was changed in the chat."""
        return limits.in_force(self.tx, self.config.limits)

    def facts(self, venue: str, instrument: Instrument, quote: Quote) -> SizingFacts:
        """What sizing wants to know."""
        feed = self.market.feed(venue)
        symbol = instrument.symbol
        position = self.tx.positions.of(venue, symbol)
        exits = (venue, symbol, Side.SELL if position is None else position.exit_side)
        leaving = [
            (order, left)
            for order, left in self._open_orders
            if (order.venue, order.symbol, order.side) == exits
        ]
        reserved = sum((left for order, left in leaving if not self._is_seen(order)), ZERO)
        for terms in self._approved:
            if (terms.venue, terms.symbol, terms.side) == exits:
                reserved += terms.amount
        known = feed.balances_at is not None and is_spot(symbol)
        return SizingFacts(
            instrument=instrument,
            quote=quote,
            rate=self.market.rate(venue, instrument.quote),
            position=ZERO if position is None else position.amount,
            base_fees=ZERO if position is None else position.base_fees,
            free_base=self._free(feed, instrument.base) if known else None,
            reserved_base=reserved,
            resting_base=sum((left for order, left in leaving if self._is_held(order)), ZERO),
            entering=self._entering(venue, symbol),
            equity=self.market.equity(venue),
        )

    @exactly
    def snapshot(self, terms: Terms, arrival: Arrival | None = None) -> Snapshot:
        """What the risk rules want to know."""
        venue, symbol = terms.venue, terms.symbol
        feed = self.market.feed(venue)
        base, quote_asset = assets(symbol)
        known = feed.balances_at is not None
        return Snapshot(
            now=self.tx.now,
            trading=self.tx.trading(),
            instrument=self.market.instrument(venue, symbol),
            quote=self.market.quote(venue, symbol),
            rate=self.market.rate(venue, quote_asset),
            venue_down=_down(feed),
            symbol_in_doubt=self.in_doubt(venue, symbol),
            pair_blocked=self._blocked_pair(venue, symbol),
            position_apart=_apart(feed, symbol),
            leverage=self._leverage(feed, symbol),
            max_leverage=None if is_spot(symbol) else self.config.max_leverage.get(venue, _ONE),
            position_value=self._position_value(base),
            entries_value=self._entries_value(base),
            open_entries=self._open_entries,
            open_positions=self._held_or_entered,
            entries_last_minute=self._entries_last_minute(),
            free_quote=self._free(feed, quote_asset) if known else None,
            reserved_quote=self._reserved_quote(venue, quote_asset),
            takes_quote=self._takes_quote(terms, terms.notional),
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

    def _free(self, feed: Feed, asset: str) -> Decimal:
        """What a venue calls free of an asset, with what an order still locks that is to be replaced."""
        told, told_at = feed.balances.get(asset), feed.balances_at
        free = ZERO if told is None else told.free
        for order, left in self._to_be_replaced:
            taken_at = order.acknowledged_at
            if order.venue != feed.venue.name or taken_at is None or told_at is None:
                continue
            if not self._is_seen(order) or taken_at > told_at:
                continue
            base, quote = assets(order.symbol)
            if is_spot(order.symbol) and order.side is Side.SELL:
                free += left if asset == base else ZERO
            elif asset == quote:
                free += self._takes_quote(order, left * order.counted_at)
        return free

    def _blocked_pair(self, venue: str, symbol: str) -> str | None:
        block = self.tx.pairs.of(venue, symbol)
        return None if block is None else block.reason

    def _reserved_quote(self, venue: str, asset: str) -> Decimal:
        """Quote currency of orders that the venue has not taken out of what it calls free."""
        sent = (
            self._takes_quote(order, left * order.counted_at)
            for order, left in self._open_orders
            if order.venue == venue
            and not self._is_seen(order)
            and assets(order.symbol)[1] == asset
        )
        waiting = (
            self._takes_quote(t, t.notional)
            for t in self._approved
            if t.venue == venue and assets(t.symbol)[1] == asset
        )
        unseen = self._taken_since_told(venue, asset)
        return sum(sent, ZERO) + sum(waiting, ZERO) + unseen

    def _taken_since_told(self, venue: str, asset: str) -> Decimal:
        """Quote currency of orders that the venue took after it was asked what is free."""
        told = self.market.feed(venue).balances_at
        if told is None or self.limits.min_quote_reserve is None:
            return ZERO
        taken = ZERO
        for order in self.tx.orders.taken_since(venue, told):
            if assets(order.symbol)[1] != asset or order.ticket == self.instead_of:
                continue
            if order.state in orders.ENDED:
                fills = self.tx.fills.of_order(order.id)
                worth = sum((fill.amount * fill.price for fill in fills), ZERO)
                taken += self._takes_quote(order, worth)
            elif self._is_seen(order):
                taken += self._takes_quote(order, order.amount * order.counted_at)
        return taken

    def _takes_quote(self, one: Order | Terms, worth: Decimal) -> Decimal:
        """What an order of this worth takes of its quote currency, both in that.

        A buy takes what it costs, a sale nothing; of contracts each takes the margin of what it opens.
        """
        if is_spot(one.symbol):
            return worth if one.side is Side.BUY else ZERO
        if one.reduces:
            return ZERO
        return worth / (self._leverage(self.market.feed(one.venue), one.symbol) or _ONE)

    def _leverage(self, feed: Feed, symbol: str) -> Decimal | None:
        """What a market of contracts is set to; None where that was not told lately."""
        told_at = feed.contracts_at
        holds = max(_SETTINGS_HOLD, 2 * self.config.reconcile_every)
        if feed.contracts is None or told_at is None or self.tx.now - told_at > holds:
            return None
        return feed.contracts.leverage.get(symbol)

    def _entering(self, venue: str, symbol: str) -> frozenset[Side]:
        """The sides of entries there that may still fill."""
        sent = {o.side for o, _ in self._entries if (o.venue, o.symbol) == (venue, symbol)}
        approved = self._approved_entries
        return frozenset(
            sent | {t.side for t in approved if (t.venue, t.symbol) == (venue, symbol)}
        )

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
        """Terms of approved tickets nothing was sent for yet.

        A closing goes before what takes the place of another order: that waits for it.
        """
        asked = None if self.without is None else self.tx.tickets.get(self.without)
        first = asked is not None and asked.closes
        return [
            ticket.terms
            for ticket in self.tx.tickets.in_state(TicketState.APPROVED)
            if ticket.terms is not None
            and ticket.id != self.without
            and not (first and ticket.replaces is not None)
        ]

    @cached_property
    def _approved_entries(self) -> list[Terms]:
        return [terms for terms in self._approved if not terms.reduces]

    @cached_property
    def _entries(self) -> list[tuple[Order, Decimal]]:
        return [(order, left) for order, left in self._open_orders if not order.reduces]

    @cached_property
    def _open_orders(self) -> list[tuple[Order, Decimal]]:
        """Orders that may still fill, with the amount (base) they may still take."""
        left_out = {self.without, self.instead_of}
        found = [order for order in self.tx.orders.in_state(*_OURS) if order.ticket not in left_out]
        return [(order, self._left_of(order)) for order in found]

    @property
    def _to_be_replaced(self) -> list[tuple[Order, Decimal]]:
        """The same of the ticket that this one is to stand instead of."""
        legs = [] if self.instead_of is None else self.tx.orders.of_ticket(self.instead_of)
        return [(order, self._left_of(order)) for order in legs if order.state in _OURS]

    def _is_seen(self, order: Order) -> bool:
        """Whether it rests, and what the venue calls free tells that as far as it locks anything."""
        instrument = self.market.instrument(order.venue, order.symbol)
        unseen = instrument is not None and not instrument.offers.triggered_lock
        waits = is_spot(order.symbol) and order.type in kinds.TRIGGERED
        return order.state in _RESTING and not (waits and unseen)

    def _is_held(self, order: Order) -> bool:
        """Whether it rests, and no other order may take what is meant for it: a stop of contracts locks nothing."""
        locks = is_spot(order.symbol) or order.type not in kinds.TRIGGERED
        return locks and self._is_seen(order)

    def _left_of(self, order: Order) -> Decimal:
        return order.amount - sum((f.amount for f in self.tx.fills.of_order(order.id)), ZERO)


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


def _apart(feed: Feed, symbol: str) -> str | None:
    """What a venue shows of a position that is not what our fills come to; None where it is, or may be."""
    one = feed.apart.get(symbol)
    if one is None or not one.settled:
        return None
    return f"the exchange shows a position of {figure(one.theirs)}, our fills come to {figure(one.ours)}."


def _base(order: Order) -> str:
    return assets(order.symbol)[0]
