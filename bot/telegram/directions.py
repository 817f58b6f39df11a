"""Long and short in words: what is held of a contract, and what an order does to it.

Pure. On spot nothing is ever short: there the same figures stand without a word.
"""

from __future__ import annotations

from decimal import Decimal

from bot.telegram import figures
from execution.symbols import is_spot
from execution.types import Order, Side, Terms, Ticket, TicketState

_GOING_ON = {TicketState.NEW, TicketState.PENDING, TicketState.APPROVED, TicketState.WORKING}


def held(symbol: str, amount: Decimal) -> str:
    """`0.5` on spot; of a contract `long 0.5` or `short 0.5`."""
    if is_spot(symbol):
        return figures.figure(amount)
    return f"{'short' if amount < 0 else 'long'} {figures.figure(abs(amount))}"


def goal(terms: Terms) -> str:
    """What an order for a contract is for, whatever is held by now: `Goes short`."""
    if terms.reduces:
        return f"Only reduces the {'short' if terms.side is Side.BUY else 'long'}"
    return f"Goes {'long' if terms.side is Side.BUY else 'short'}"


def effect(terms: Terms, position: Decimal) -> str:
    """What an order for a contract does to what is held now: `opens a short`, `closes the long`."""
    way = "long" if (terms.side is Side.BUY) is not terms.reduces else "short"
    if terms.reduces:
        return f"{'closes' if terms.amount >= abs(position) else 'reduces'} the {way}"
    adds = position < 0 if way == "short" else position > 0
    return f"adds to the {way}" if adds else f"opens a {way}"


def standing(terms: Terms, position: Decimal, leverage: Decimal | None) -> str:
    """What is held of a contract, and the leverage its market is set to: `Short 0.5 held · leverage 3x`."""
    now = held(terms.symbol, position).capitalize() if position else "Nothing"
    if leverage is not None:
        return f"{now} held · leverage {figures.figure(leverage)}x"
    return f"{now} held" + ("" if terms.reduces else " · leverage not known")


def links(ticket: Ticket, pair: str) -> list[str]:
    """Which ticket this one changes or follows; that an entry follows once this has closed a position."""
    if ticket.replaces is not None:
        return [_in_the_place(ticket, figures.short_id(ticket.replaces))]
    if ticket.after is not None:
        return [f"Follows the close {figures.short_id(ticket.after)}"]
    if ticket.then is None or ticket.state is TicketState.DONE:
        return []
    if ticket.state not in _GOING_ON:
        return ["No entry follows"]
    entry = f"{ticket.asked.side} of {figures.figure(ticket.then)} {pair}"
    return [f"Then a {entry} follows, as a card of its own"]


def _in_the_place(ticket: Ticket, before: str) -> str:
    """What becomes, or became, of the order that this one replaces."""
    if ticket.begun_at:
        stands = ticket.state in {TicketState.WORKING, TicketState.DONE}
        return f"In the place of {before}" + ("" if stands else ", which was canceled for it")
    if ticket.state in _GOING_ON:
        return f"In the place of {before}, which is canceled once this is approved"
    return f"Was to take the place of {before}, which was not canceled for it"


def nothing_sent(ticket: Ticket) -> str:
    """That no order left, and which one is gone all the same."""
    if not ticket.begun_at:
        return "Nothing was sent."
    return f"Nothing was sent, and {figures.short_id(ticket.replaces or '')} was canceled for it."


def done(order: Order) -> str:
    """What a filled order did: `bought`, `sold`; of a contract also `sold short`, `bought back`."""
    bought = order.side is Side.BUY
    if is_spot(order.symbol) or bought is not order.reduces:
        return "bought" if bought else "sold"
    return "bought back" if bought else "sold short"
