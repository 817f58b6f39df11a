"""The rules of a market that an order can break by itself, whatever the price and the account.

Pure. The paper venue refuses by these; our own orders were rounded and checked long before, so a
refusal here means that something on the way did not hold. It must never mend an order.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

from execution.rounding import plain
from execution.types import Instrument, OrderType, Side, TimeInForce
from execution.venues.venue import NewOrder


def broken_rule(order: NewOrder, of: Instrument) -> str | None:
    """Which rule of the market the order breaks, in words; None if it breaks none.

    The rules are those of Binance's spot filters (PRICE_FILTER, LOT_SIZE, NOTIONAL), plus the
    kinds of order that the paper venue does not take.
    """
    market = order.type is OrderType.MARKET
    rests = not market and order.time_in_force is TimeInForce.GTC
    with localcontext(Context(prec=60, traps=[])):  # an absurd number breaks a rule, not the sum
        broken = (
            (not of.active, f"{of.symbol} is not trading"),
            (not market and order.type is not OrderType.LIMIT, f"no {order.type} orders here"),
            (order.time_in_force is TimeInForce.GTD, "no GTD orders here"),
            (order.post_only and not rests, "post-only is for GTC limit orders"),
            (order.reduce_only and order.side is Side.BUY, "on spot only a sell reduces"),
            _off("amount", order.amount, of.amount_step),
            _off("price", order.price, of.price_step),
            _outside("amount", order.amount, of.min_amount, of.max_amount),
            _outside("price", order.price, of.min_price, of.max_price),
            _outside("notional", order.amount * order.price, of.min_notional, of.max_notional),
        )
    return next((text for wrong, text in broken if wrong), None)


def _off(what: str, value: Decimal, step: Decimal) -> tuple[bool, str]:
    if value <= 0:
        return True, f"{what} {value} is not positive"
    return value % step != 0, f"{what} {value} is no multiple of {plain(step)}"


def _outside(
    what: str, value: Decimal, least: Decimal | None, most: Decimal | None
) -> tuple[bool, str]:
    if least is not None and value < least:
        return True, f"{what} {plain(value)} is under {plain(least)}"
    if most is not None and value > most:
        return True, f"{what} {plain(value)} is over {plain(most)}"
    return False, ""
