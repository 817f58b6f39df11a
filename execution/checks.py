"""What the rules are asked by: the desk's limits, and a snapshot of the world as one order meets it.

Frozen records. `risk.py` asks the rules, `snapshots.py` looks at the world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from execution.equity import Standing, Stop, StopKind
from execution.hours import Hours
from execution.instruments import Instrument
from execution.record import Record
from execution.trading import Trading
from execution.types import ZERO, Quote, Refusal, Side, Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits(Record):
    """The desk's own limits (`[risk]`). None, or False, is off. Money is in `general.currency`."""

    max_order_notional: Decimal = Decimal(1000)
    max_signal_age: timedelta = timedelta(minutes=2)
    max_position_notional: Decimal | None = None
    max_open_orders: int | None = None
    max_open_positions: int | None = None
    max_orders_per_minute: int | None = None
    max_daily_loss: Decimal | None = None
    max_drawdown: Decimal | None = None
    max_price_deviation: Decimal | None = None
    max_spread: Decimal | None = None
    min_quote_reserve: Decimal | None = None
    """In the order's own quote currency."""
    symbols: frozenset[str] | None = None
    sides: frozenset[Side] | None = None
    trading_hours: Hours | None = None
    cooldown_after_loss: timedelta | None = None
    duplicate_window: timedelta | None = None
    stop_loss_required: bool = False
    zone: tzinfo = UTC
    """`general.timezone`, in which trading hours are read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival(Record):
    """What only a ticket that is being made is asked."""

    fired_at: datetime
    """When its alert fired, by its sender's clock; else when it was received."""
    last_like_it: datetime | None = None
    """The last ticket of the same source, symbol and side that was not refused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot(Record):
    """The world as one order meets it. The order asked about is itself in none of the figures."""

    now: datetime
    trading: Trading
    instrument: Instrument | None
    """None: the venue does not know the symbol."""
    quote: Quote | None
    """None: there is no price that is fresh enough."""
    rate: Decimal | None
    """What one unit of the quote currency is worth in `general.currency`."""
    venue_down: str | None = None
    """Why the venue cannot be used, as people are told; None: it can."""
    symbol_in_doubt: bool = False
    """An order of ours in this symbol at this venue is in doubt or stuck."""
    pair_blocked: str | None = None
    """Why entries in this symbol wait for an owner at this venue; None: they do not."""
    position_apart: str | None = None
    """Why entries in this symbol wait for what the venue shows there; None: it shows our position."""
    leverage: Decimal | None = None
    """What the market is set to there; None: not known, or on spot."""
    max_leverage: Decimal | None = None
    """What it may be set to at most; None: on spot."""
    position_value: Decimal = ZERO
    """|position| of this base asset over all venues, in `general.currency`."""
    entries_value: Decimal = ZERO
    """Unfilled part of approved and resting entries of this base asset, in `general.currency`."""
    open_entries: int = 0
    """Approved and resting entries, whole desk."""
    open_positions: frozenset[tuple[str, str]] = frozenset()
    """Venue and symbol of each position that is open, or that an approved entry will open."""
    entries_last_minute: int = 0
    """Entries approved in the last 60 s, whole desk."""
    free_quote: Decimal | None = None
    """Quote currency the venue calls free; None: not known."""
    reserved_quote: Decimal = ZERO
    """Quote currency that our approved orders take of it and `free_quote` still counts as free."""
    takes_quote: Decimal = ZERO
    """Quote currency that this order takes of it: what a buy costs, of contracts the margin of an entry."""
    standing: Standing | None = None
    """The last reading of the accounts, its day only if that is today; None: there is none."""
    stops: Mapping[StopKind, Stop] = field(default_factory=dict)
    """What stopped entries and was not lifted."""
    last_loss_at: datetime | None = None
    """When an order last reduced or closed a position at a loss, whole desk."""
    arrival: Arrival | None = None
    """Only while the ticket is made; None at the tap and before sending."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked(Record):
    """What all rules said."""

    refusals: tuple[Refusal, ...]
    passed: tuple[str, ...]
    """Keys of the rules that were asked and had nothing against it."""

    @property
    def largest(self) -> Decimal | None:
        """The largest value in `general.currency` that would pass; None if size is not all."""
        sizes = [refusal.largest for refusal in self.refusals if refusal.largest is not None]
        only_size = len(sizes) == len(self.refusals)
        return min(sizes) if sizes and only_size and min(sizes) > 0 else None


Rule = Callable[[Terms, Snapshot, Limits], Refusal | None]
"""What one rule has against an order; None when nothing, or when it is off."""
