"""Whether a fill can be booked: its trades add up to what the order claims, at its price, fees told.

Pure. A trade that is missing or told twice would make a position wrong without anybody noticing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from execution.certifying.plan import DoesNotHold
from execution.figures import figure
from execution.rounding import exactly
from execution.types import ZERO
from execution.venues.venue import Balance, NewOrder, Report, Trade


@exactly
def held(balances: Mapping[str, Balance], asset: str) -> Decimal:
    """What the account has of an asset, free or not."""
    found = balances.get(asset)
    return ZERO if found is None else found.free + found.locked


@exactly
def amount(trades: Sequence[Trade]) -> Decimal:
    """What they come to, in base."""
    return sum((trade.amount for trade in trades), ZERO)


@exactly
def after(before: Decimal, trades: Sequence[Trade], base: str) -> Decimal:
    """What the account has of the base asset after a buy's trades: less the fees taken from it."""
    fees = (trade.fee for trade in trades if trade.fee_currency == base)
    return before + amount(trades) - sum(fees, ZERO)


@exactly
def demand_booked(
    order: NewOrder, ended: Report, trades: Sequence[Trade], price_step: Decimal
) -> None:
    """The trades of a buy are whole, its own, and no dearer than its limit.

    Raises:
        DoesNotHold: what is wrong with them.
    """
    assert order.price is not None, "it was sent with one"
    mean = sum((one.amount * one.price for one in trades), ZERO) / amount(trades)
    told = figure(ended.average or ZERO)
    wrong = (
        (len({one.trade_id for one in trades}) < len(trades), "two trades have one id"),
        (
            any(one.venue_order_id != ended.venue_order_id for one in trades),
            "a trade of another order is among them",
        ),
        (any(one.price > order.price for one in trades), "a trade is dearer than the limit"),
        (any(one.fee_currency is None for one in trades), "a trade tells no fee"),
        (
            ended.average is not None and abs(ended.average - mean) > price_step,
            f"the order's average is {told}, that of its trades {figure(mean)}",
        ),
    )
    for is_so, text in wrong:
        if is_so:
            raise DoesNotHold(text)


@exactly
def told(order: NewOrder, trades: Sequence[Trade]) -> str:
    """What filled, and what it cost."""
    done = amount(trades)
    part = "in full" if done == order.amount else f"in part, of {figure(order.amount)}"
    fees: dict[str, Decimal] = {}
    for one in trades:
        fees[one.fee_currency or ""] = fees.get(one.fee_currency or "", ZERO) + one.fee
    count = "1 trade adds" if len(trades) == 1 else f"{len(trades)} trades add"
    paid = ", ".join(f"fee {figure(fee)} {asset}" for asset, fee in fees.items())
    return f"{figure(done)} bought {part}; {count} up, {paid}"
