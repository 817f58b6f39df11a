"""What a conformance run sends: in which market, how little, at which prices.

Pure. It must never propose more than the market's smallest order with some room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from execution.errors import CountersignError
from execution.instruments import Instrument
from execution.record import Record
from execution.rounding import amount_down, exactly, price_never_worse, to_step
from execution.types import ZERO, Level, Side

USUAL = ("BTC/USDT", "BTC/USDC", "BTC/USD", "BTC/EUR", "ETH/USDT", "ETH/USD")
"""Where it is tried unless somebody says where: the first of these that trades."""
RESTING, TAKING = 5, 3
"""How many orders a run places at most: some far from the market, some that are to fill."""
FAR = Decimal("0.8")
"""Where an order rests, as a share of the bid: too low to fill, not so low that it is refused."""
ROOM = Decimal("1.1")
"""How far above the smallest notional, since some venues count it at a price of their own."""


class DoesNotHold(CountersignError):
    """The venue does not do what this desk relies on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan(Record):
    """One market as it was when the run began."""

    market: Instrument
    bid: Decimal
    ask: Decimal

    @property
    @exactly
    def far(self) -> Decimal:
        """The price at which a buy rests."""
        return price_never_worse(self.bid * FAR, self.market.price_step, Side.BUY)

    @property
    @exactly
    def each(self) -> Decimal:
        """What one order comes to, in quote currency."""
        return max(price * smallest(self.market, price) for price in (self.far, self.ask))

    @property
    @exactly
    def needed(self) -> Decimal:
        """What all of it may take at once: an order that is to fill may be twice the size."""
        return self.each * (RESTING + 2 * TAKING)


def market_of(instruments: Mapping[str, Instrument], wanted: str | None) -> Instrument:
    """The market to try it in.

    Raises:
        DoesNotHold: there is none, it does not trade, or it does not tell its smallest order.
    """
    names = USUAL if wanted is None else (wanted,)
    trading = [found for name in names if (found := instruments.get(name)) and found.active]
    if not trading:
        of = " or ".join(names[:2] if wanted is None else names)
        raise DoesNotHold(f"no market {of} trades there; name another with --symbol")
    if trading[0].min_notional is None and trading[0].min_amount is None:
        raise DoesNotHold(f"{trading[0].symbol} does not tell its smallest order; try --symbol")
    return trading[0]


@exactly
def smallest(market: Instrument, price: Decimal) -> Decimal:
    """The least that may be bought at this price, with room, in base."""
    notional = (market.min_notional or ZERO) * ROOM
    least = max(notional / price, market.min_amount or ZERO, market.amount_step)
    return to_step(least, market.amount_step, ROUND_CEILING)


@exactly
def to_fill(market: Instrument, best: Level) -> Decimal:
    """What to buy at the best price: a little more than it has, where that is little, so that a part fills."""
    least = smallest(market, best.price)
    more = amount_down(best.amount + least, market.amount_step)
    return more if best.amount <= least else least


@exactly
def on_the_steps(plan: Plan) -> Sequence[tuple[Decimal, Decimal]]:
    """Prices and amounts that the market takes as they are, by what it tells of its steps."""
    market, least = plan.market, smallest(plan.market, plan.far)
    return [
        (plan.far + n * market.price_step, least + n * market.amount_step) for n in (0, 1, 3, 7)
    ]


@exactly
def off_the_steps(plan: Plan) -> Mapping[str, tuple[Decimal, Decimal]]:
    """The same half a step beside the grid, by what is off it."""
    market, least = plan.market, smallest(plan.market, plan.far)
    return {
        "price": (plan.far + market.price_step / 2, least),
        "amount": (plan.far, least + market.amount_step / 2),
    }
