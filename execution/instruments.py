"""What a venue says of one market: its steps, its limits, and which orders it takes.

Venues make them, sizing goes by them: what a market does not take is refused before anybody is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from execution.record import Record
from execution.types import OrderType, TimeInForce


class MarketKind(StrEnum):
    """What a venue trades: all of its markets are of one kind."""

    SPOT = "spot"
    """Assets change hands; nothing is borrowed, so a position is never negative."""
    SWAP = "swap"
    """Perpetual contracts that are settled in their quote currency; a sale may open a short."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares(Record):
    """The distances a trailing stop may keep, as fractions of the price (0.01 is one percent)."""

    least: Decimal
    most: Decimal
    step: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Offers(Record):
    """Which orders a market takes. The default is what every venue takes."""

    types: frozenset[OrderType] = frozenset({OrderType.MARKET, OrderType.LIMIT})
    times: frozenset[TimeInForce] = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})
    """How long a limit order may rest there."""
    times_of_triggered: frozenset[TimeInForce] = frozenset({TimeInForce.GTC})
    """The same of one that waits for its stop price."""
    triggered_lock: bool = True
    """Whether one that waits for its stop price locks what it is to sell or spend; of spot only."""
    post_only: bool = True
    post_only_times: frozenset[TimeInForce] = frozenset({TimeInForce.GTC, TimeInForce.GTD})
    """How long such an order may rest, of `times`."""
    trails_by_share: Shares | None = None
    """None: a trailing stop cannot keep a share of the price there."""
    trails_by_distance: bool = False
    """Whether it can keep a distance in quote currency."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instrument(Record):
    """What a venue says of one market: its steps and limits. `None` is no limit told."""

    symbol: str
    base: str
    quote: str
    active: bool
    amount_step: Decimal
    price_step: Decimal
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_notional: Decimal | None = None
    max_notional: Decimal | None = None
    offers: Offers = Offers()
    """Which orders it takes."""
