"""Orders that wait for the market: what a market takes of them, and where their stop price may lie.

Pure. Sizing asks it before a ticket is made and whenever its terms meet a market anew: what a venue
does not have, or what would fire at once, must never reach people as an order that waits.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from execution.figures import figure, percent
from execution.instruments import Offers, Shares
from execution.pricing import against
from execution.rounding import amount_down, exactly, price_never_worse, stop_never_later
from execution.types import (
    OrderType,
    Quote,
    Refusal,
    Side,
    Signal,
    Terms,
    TimeInForce,
    Trail,
)

STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
"""They wait for a price that is worse than the market's: below it for a sell, above it for a buy."""
TARGETS = frozenset({OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})
"""They wait for a better one."""
TRIGGERED = STOPS | TARGETS
WITH_LIMIT = {
    OrderType.MARKET: OrderType.LIMIT,
    OrderType.STOP: OrderType.STOP_LIMIT,
    OrderType.TAKE_PROFIT: OrderType.TAKE_PROFIT_LIMIT,
}
"""What an order becomes that is given a limit price."""


def unfit(signal: Signal, kind: OrderType, offers: Offers, venue: str) -> list[Refusal]:
    """What its venue cannot do for it, whatever its size."""
    found = []
    if kind not in offers.types:
        found.append(f"{venue} takes no {kind.replace('_', ' ')} order for {signal.symbol}.")
    lasts = signal.time_in_force
    if lasts is not None and lasts not in _times(kind, offers):
        what = "an order that waits for its stop price" if kind in TRIGGERED else "such an order"
        found.append(f"{venue} does not take {what} as {lasts}.")
    if signal.post_only and not offers.post_only:
        found.append(f"{venue} takes no post-only order for {signal.symbol}.")
    if signal.post_only and (signal.price is None or kind is not OrderType.LIMIT):
        found.append("Post-only needs a limit order with a price: any other may match.")
    if signal.post_only and (lasts or TimeInForce.GTC) not in offers.post_only_times:
        found.append(f"{venue} does not take a post-only order as {lasts}.")
    if kind is OrderType.TRAILING_STOP and signal.price is not None:
        found.append("A trailing stop takes the market: it has no limit price.")
    if kind is OrderType.TRAILING_STOP and kind in offers.types:
        found += _unfit_trail(signal.trail, offers, venue)
    return [_not_supported(text) for text in found]


def _times(kind: OrderType, offers: Offers) -> frozenset[TimeInForce]:
    if kind in TRIGGERED:
        return offers.times_of_triggered
    return offers.times


def _unfit_trail(trail: Trail | None, offers: Offers, venue: str) -> list[str]:
    if trail is None:
        return ["A trailing stop needs its distance: trail."]
    if not trail.is_share:
        if offers.trails_by_distance:
            return []
        return [f"{venue} trails by a share of the price, not by a distance: send 1% or so."]
    shares = offers.trails_by_share
    if shares is None:
        return [f"{venue} trails by a distance, not by a share of the price."]
    return _unfit_share(trail.value, shares, venue)


def _unfit_share(share: Decimal, shares: Shares, venue: str) -> list[str]:
    if not shares.least <= share <= shares.most:
        bounds = f"{percent(shares.least)} to {percent(shares.most)}"
        return [f"{venue} trails by {bounds} of the price, not by {percent(share)}."]
    if share % shares.step:
        return [f"{venue} trails by steps of {percent(shares.step)}, {percent(share)} is none."]
    return []


@exactly
def stop_price(
    signal: Signal, kind: OrderType, side: Side, reference: Decimal, step: Decimal
) -> Decimal | None:
    """What the market must touch first, in whole steps; None for an order that waits for nothing.

    A stop fires no later than was asked for, a target at no worse price. A trailing stop begins at
    its distance from the reference.
    """
    trail = rounded_trail(signal, kind, step)
    if trail is not None:
        return trailing_from(reference, trail, step, side)
    if kind not in TRIGGERED or signal.stop_price is None:
        return None
    return _stop_on_steps(signal.stop_price, kind, side, step)


def _stop_on_steps(price: Decimal, kind: OrderType, side: Side, step: Decimal) -> Decimal:
    rounded = stop_never_later if kind in STOPS else price_never_worse
    return rounded(price, step, side)


def on_steps(terms: Terms, step: Decimal) -> Terms:
    """The same with what it waits for in these steps: as it was approved, unless the market's have changed."""
    if terms.stop_price is None:
        return terms
    return terms.evolve(
        stop_price=_stop_on_steps(terms.stop_price, terms.type, terms.side, step),
        trail=_trail_on_steps(terms.trail, step),
    )


@exactly
def trailing_from(reference: Decimal, trail: Trail, step: Decimal, side: Side) -> Decimal:
    """Where a trailing stop stands as long as the market is at the reference."""
    distance = reference * trail.value if trail.is_share else trail.value
    return stop_never_later(reference + against(side) * distance, step, side)


def rounded_trail(signal: Signal, kind: OrderType, step: Decimal) -> Trail | None:
    """The distance a trailing stop keeps, in whole steps and no longer than was asked for."""
    return _trail_on_steps(signal.trail if kind is OrderType.TRAILING_STOP else None, step)


def _trail_on_steps(trail: Trail | None, step: Decimal) -> Trail | None:
    if trail is None or trail.is_share:
        return trail
    return trail.evolve(value=amount_down(trail.value, step))


def lies_below(kind: OrderType, side: Side) -> bool:
    """Whether the stop price of such an order lies below the market, else above it."""
    return (side is Side.SELL) == (kind in STOPS)


@exactly
def fires_at_once(terms: Terms, quote: Quote) -> Refusal | None:
    """Why an order cannot wait for its stop price: the market has been there already.

    A trailing stop follows the market instead.
    """
    if terms.stop_price is None:
        return None
    if terms.trail is not None:
        if terms.stop_price <= 0:
            return _not_supported(
                "The distance of the trailing stop is more than the price itself."
            )
        none = terms.trail.value == 0
        return (
            _not_supported("The distance of the trailing stop is under the step.") if none else None
        )
    market = quote.reference(terms.side)
    below = lies_below(terms.type, terms.side)
    if (terms.stop_price < market) if below else (terms.stop_price > market):
        return None
    where = "below" if below else "above"
    return _not_supported(
        f"The stop price {figure(terms.stop_price)} is not {where} the market at {figure(market)}:"
        " it would fire at once."
    )


def over(terms: Terms, now: datetime) -> Refusal | None:
    """Why an order that was good till a date is good no more; None while it is."""
    if terms.good_till is None or now < terms.good_till:
        return None
    return _not_supported(
        f"It was good till {terms.good_till:%Y-%m-%d %H:%M:%S} UTC, which has passed."
    )


def _not_supported(text: str) -> Refusal:
    return Refusal(code="NOT_SUPPORTED", text=text)
