"""The price terms of an order: what it may cost at worst, and what it is sent at this moment.

Pure. Sizing makes terms with it, the executor asks it right before sending. A price it gives is never
past the one that was approved.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from execution.record import Record
from execution.rounding import exactly, price_never_worse
from execution.symbols import is_spot
from execution.types import ZERO, OnTimeout, OrderType, Quote, Side, Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceTerms(Record):
    """How the desk prices an order that came without a price (`[execution]`, `[approval]`)."""

    order_type: OrderType
    """What an order is when its signal has neither type nor price: market or limit."""
    slippage_tolerance: Decimal
    """How far from the market an unpriced order may be sent, a fraction."""
    max_price_drift: Decimal
    """How far the market may move against us before people are asked again, a fraction."""
    order_timeout: timedelta
    """After this `on_timeout` decides about the rest, when its signal did not say how long."""
    on_timeout: OnTimeout = OnTimeout.CANCEL


def against(side: Side) -> int:
    """The sign of a price move that is worse for this side: up for a buy, down for a sell."""
    return 1 if side is Side.BUY else -1


def worth_at(terms: Terms, quote: Quote) -> Decimal:
    """The price an order's value is reckoned by, in quote currency: the most it can come to now.

    That is its bound, but for what opens a short: it may sell better than that.
    """
    if terms.side is Side.BUY or terms.reduces or is_spot(terms.symbol):
        return terms.counted_at
    return max(terms.counted_at, terms.stop_price or quote.bid)


@exactly
def worst_price(reference: Decimal, side: Side, step: Decimal, prices: PriceTerms) -> Decimal:
    """The reference moved against us by drift and slippage, in whole steps, never past that."""
    tolerated = prices.max_price_drift + prices.slippage_tolerance
    return capped(reference, side, step, tolerated)


@exactly
def furthest(terms: Terms, step: Decimal) -> Decimal | None:
    """The price they may go to, in the steps that the market has now; None where nothing bounds them."""
    return None if terms.bound is None else price_never_worse(terms.bound, step, terms.side)


@exactly
def send_price(terms: Terms, quote: Quote, *, step: Decimal, slippage: Decimal) -> Decimal | None:
    """The limit price to send now: the market plus slippage, never past the worst price.

    An order with the sender's price is sent at that price; one that takes the market once its stop
    price is touched has none.
    """
    worst = furthest(terms, step)
    if worst is None or terms.worst_price is None:
        return worst
    price = capped(quote.reference(terms.side), terms.side, step, slippage)
    return min(price, worst) if terms.side is Side.BUY else max(price, worst)


def is_past(terms: Terms, price: Decimal | None) -> bool:
    """Whether an order at this limit price could cost more than these terms allow."""
    if terms.bound is None:
        return price is not None
    return price is None or against(terms.side) * (price - terms.bound) > 0


@exactly
def drift(terms: Terms, quote: Quote) -> Decimal:
    """How far the market moved against us since these terms, a fraction; negative when better.

    Zero for an order that the desk does not price: it is bounded by the sender's price, or waits for
    one.
    """
    if terms.worst_price is None:
        return ZERO
    move = quote.reference(terms.side) - terms.reference
    return against(terms.side) * move / terms.reference


def past_own_stop_or_target(terms: Terms, quote: Quote) -> bool:
    """Whether the market has come to this order's own stop or a target, or gone through it.

    Only if it had not when the terms were made: people who approved it there have seen it, and a
    limit may wait for the market to come back from beyond its target.
    """
    was, now = terms.reference, quote.reference(terms.side)
    levels = [target.price for target in terms.take_profit]
    if terms.stop_loss is not None:
        levels.append(terms.stop_loss)
    return any(was < level <= now or was > level >= now for level in levels)


def capped(reference: Decimal, side: Side, step: Decimal, fraction: Decimal) -> Decimal:
    """The reference moved against us by a fraction, in whole steps; a sell's stays above zero."""
    price = price_never_worse(reference * (1 + against(side) * fraction), step, side)
    return max(price, step)
