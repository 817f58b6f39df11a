"""Whether a fill can be booked: its trades add up to what the order claims, at its price, fees told.

Pure. A trade that is missing or told twice would make a position wrong without anybody noticing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from execution.certifying.plan import DoesNotHold
from execution.figures import figure
from execution.pricing import against
from execution.rounding import exactly
from execution.types import ZERO, Side
from execution.venues.venue import Balance, NewOrder, Payment, Report, Trade


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
def rest(wanted: Decimal, trades: Sequence[Trade]) -> Decimal:
    """What of an amount they left."""
    return wanted - amount(trades)


@exactly
def base_after(before: Decimal, trades: Sequence[Trade], base: str) -> Decimal:
    """What the account has of the base asset after these trades: less the fees taken from it."""
    bought = (against(trade.side) * trade.amount for trade in trades)
    return before + sum(bought, ZERO) - _fees(trades, base)


@exactly
def quote_after(
    before: Decimal, trades: Sequence[Trade], quote: str, payments: Sequence[Payment]
) -> Decimal:
    """The same of the quote currency, with what was paid for holding positions meanwhile."""
    spent = (against(trade.side) * trade.amount * trade.price for trade in trades)
    paid = (one.amount for one in payments if one.currency == quote)
    return before - sum(spent, ZERO) - _fees(trades, quote) + sum(paid, ZERO)


def _fees(trades: Sequence[Trade], asset: str) -> Decimal:
    return sum((trade.fee for trade in trades if trade.fee_currency == asset), ZERO)


@exactly
def demand_booked(
    order: NewOrder, ended: Report, trades: Sequence[Trade], price_step: Decimal
) -> None:
    """The trades of an order are whole, its own, and no worse than its limit.

    Raises:
        DoesNotHold: what is wrong with them.
    """
    assert order.price is not None, "it was sent with one"
    mean = sum((one.amount * one.price for one in trades), ZERO) / amount(trades)
    told, sign = figure(ended.average or ZERO), against(order.side)
    wrong = (
        (len({one.trade_id for one in trades}) < len(trades), "two trades have one id"),
        (
            any(one.venue_order_id != ended.venue_order_id for one in trades),
            "a trade of another order is among them",
        ),
        (any(one.side is not order.side for one in trades), "a trade is of the other side"),
        (
            any(sign * one.price > sign * order.price for one in trades),
            "a trade is worse than the limit",
        ),
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
def told(trades: Sequence[Trade], wanted: Decimal) -> str:
    """What filled of what was wanted, and what it cost."""
    done, side = amount(trades), "bought" if trades[0].side is Side.BUY else "sold"
    part = "in full" if done == wanted else f"in part, of {figure(wanted)}"
    fees: dict[str, Decimal] = {}
    for one in trades:
        fees[one.fee_currency or ""] = fees.get(one.fee_currency or "", ZERO) + one.fee
    count = "1 trade adds" if len(trades) == 1 else f"{len(trades)} trades add"
    paid = ", ".join(f"fee {figure(fee)} {asset}" for asset, fee in fees.items())
    return f"{figure(done)} {side} {part}; {count} up, {paid}"
