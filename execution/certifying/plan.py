"""What a conformance run sends: in which market, how little, at which prices.

Pure. It must never propose more than the market's smallest order with some room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from execution.errors import CountersignError
from execution.instruments import Instrument, MarketKind
from execution.kinds import TRIGGERED, lies_below, trailing_from
from execution.pricing import against
from execution.record import Record
from execution.rounding import amount_down, exactly, price_never_worse, to_step
from execution.types import ZERO, Level, OrderType, Side, Trail

USUAL: Mapping[MarketKind, Sequence[str]] = {
    MarketKind.SPOT: ("BTC/USDT", "BTC/USDC", "BTC/USD", "BTC/EUR", "ETH/USDT", "ETH/USD"),
    MarketKind.SWAP: ("BTC/USDT:USDT", "BTC/USD:USD", "ETH/USDT:USDT", "ETH/USD:USD"),
}
"""Where it is tried unless somebody says where: the first of these that trades."""
RESTING, TAKING = 5, 3
"""How many orders a run places at most: some far from the market, some that are to fill."""
FAR = Decimal("0.8")
"""Where an order rests, as a share of the bid: too low to fill, not so low that it is refused."""
AWAY = Decimal("0.04")
"""How far from the market an order waits for its price: some contracts take no price 5 % away."""
SLACK = Decimal("0.005")
"""How much worse than the best price an order may fill at that has to."""
ROOM = Decimal("1.1")
"""How far above the smallest notional, since some venues count it at a price of their own."""
_CENT = Decimal("0.01")


class DoesNotHold(CountersignError):
    """The venue does not do what this desk relies on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan(Record):
    """One market as it was when the run began."""

    market: Instrument
    bid: Decimal
    ask: Decimal
    leverage: Decimal | None = None
    """What a market of contracts is set to; None on spot, and until the account has told it."""

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
        whole = self.each * (RESTING + 2 * TAKING)
        return (
            whole if self.leverage is None else to_step(whole / self.leverage, _CENT, ROUND_CEILING)
        )

    @property
    def orders(self) -> int:
        """How many are placed at most; of contracts one that must do nothing too, and what closes."""
        of_contracts = 0 if self.leverage is None else 1 + TAKING
        return RESTING + TAKING + len(waiting_kinds(self.market)) + of_contracts


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits(Record):
    """The terms of an order that waits for a price."""

    type: OrderType
    stop_price: Decimal
    price: Decimal | None
    trail: Trail | None


def market_of(
    instruments: Mapping[str, Instrument], kind: MarketKind, wanted: str | None
) -> Instrument:
    """The market to try it in.

    Raises:
        DoesNotHold: there is none, it does not trade, or it does not tell its smallest order.
    """
    names = USUAL[kind] if wanted is None else (wanted,)
    trading = usual(instruments, names)
    if not trading:
        of = " or ".join(names[:2] if wanted is None else names)
        raise DoesNotHold(f"no market {of} trades there; name another with --symbol")
    untold = trading[0].min_notional is None and trading[0].min_amount is None
    if untold and kind is MarketKind.SPOT:  # of contracts it is one step then
        raise DoesNotHold(f"{trading[0].symbol} does not tell its smallest order; try --symbol")
    return trading[0]


def usual(instruments: Mapping[str, Instrument], names: Sequence[str]) -> Sequence[Instrument]:
    """Those of these markets that trade."""
    return [found for name in names if (found := instruments.get(name)) and found.active]


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
def to_close(market: Instrument, best: Decimal, side: Side) -> Decimal:
    """The limit of an order that has to fill, by the best price it meets."""
    return price_never_worse(best * (1 + against(side) * SLACK), market.price_step, side)


def waiting_kinds(market: Instrument) -> Sequence[OrderType]:
    """Which orders that wait for a price the market takes."""
    return [kind for kind in OrderType if kind in TRIGGERED & market.offers.types]


@exactly
def waits(plan: Plan, kind: OrderType, side: Side) -> Waits:
    """An order of this kind that will not fire meanwhile."""
    market, reference = plan.market, plan.ask if side is Side.BUY else plan.bid
    if kind is OrderType.TRAILING_STOP:
        trail = _trail(market, reference)
        stop = trailing_from(reference, trail, market.price_step, side)
        return Waits(type=kind, stop_price=stop, price=None, trail=trail)
    share, rounding = (
        (1 - AWAY, ROUND_FLOOR) if lies_below(kind, side) else (1 + AWAY, ROUND_CEILING)
    )
    stop = to_step(reference * share, market.price_step, rounding)
    limited = kind in {OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
    return Waits(type=kind, stop_price=stop, price=stop if limited else None, trail=None)


def _trail(market: Instrument, reference: Decimal) -> Trail:
    """The distance a trailing stop keeps."""
    shares = market.offers.trails_by_share
    if shares is None:
        distance = amount_down(reference * AWAY, market.price_step)
        return Trail(value=distance, is_share=False)
    share = max(shares.least, amount_down(min(AWAY, shares.most), shares.step))
    return Trail(value=share, is_share=True)


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
