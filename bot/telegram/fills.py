"""What the fills of a ticket came to, in the words of a card: how much of it, at which price, for which fee.

Pure; asked only once something filled, but for the share of it.
"""

from __future__ import annotations

from decimal import Decimal

from bot.telegram import figures, lines
from execution.reports import TicketView
from execution.rounding import exactly
from execution.types import ZERO, Side


def average(view: TicketView) -> str:
    """The average fill price; asked for only when something filled."""
    assert view.average is not None, "something filled"
    return figures.average(view.average, (f.price for f in view.fills))


@exactly
def cost(view: TicketView) -> str:
    """What the fills came to: `2 490.41 USDT + fee 2.49`; a fee in another unit names it."""
    unit = lines.quote_currency(lines.symbol(view))
    total = sum((f.amount * f.price for f in view.fills), ZERO)
    text = f"{figures.money(total)} {unit}"
    fees: dict[str, Decimal] = {}
    for fill in view.fills:
        if fill.fee:
            currency = fill.fee_currency or unit
            fees[currency] = fees.get(currency, ZERO) + fill.fee
    sign = "+" if view.fills[0].side is Side.BUY else figures.MINUS
    for currency, fee in fees.items():
        named = "" if currency == unit else f" {figures.quoted(currency, lines.NAME)}"
        text += f" {sign} fee {figures.money(fee)}{named}"
    return text


@exactly
def slippage(view: TicketView) -> str:
    """How far the average is from the reference people approved at, and in whose favour.

    Of an order that waited: from its stop price.
    """
    terms = view.ticket.terms
    assert terms is not None, "something filled"
    assert view.average is not None, "something filled"
    reference = terms.stop_price if terms.stop_price and not terms.trail else terms.reference
    away = (view.average - reference) / reference
    against = away if terms.side is Side.BUY else -away
    if against == 0:
        return "no slippage"
    whom = "against us" if against > 0 else "in our favour"
    return f"slippage {figures.percent(abs(against))} {whom}"


@exactly
def percent_filled(view: TicketView) -> str:
    """How much of the whole is filled, whole percent: 100 % only when all of it is."""
    return f"{int(min(view.filled / view.whole, Decimal(1)) * 100)} %"
