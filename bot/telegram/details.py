"""What a card unfolds when asked: the checks and numbers behind `Why`, the sizes `Edit` offers.

Pure. The sender shows the pop-up where all of it fits, else posts the reply under the card.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from decimal import Decimal

from bot.telegram import figures, lines
from bot.telegram.faces import POPUP_LIMIT, TEXT_LIMIT, Action, Button, Face, Look
from execution.record import Record
from execution.reports import TicketView
from execution.rounding import amount_down, plain
from execution.types import ZERO, Side, Terms, TicketState

_SIZES = (("¼", Decimal("0.25")), ("½", Decimal("0.5")), ("¾", Decimal("0.75")))
_CENT = Decimal("0.01")
_MOST_ORDERS_EXPLAINED = 5
_ROOM = TEXT_LIMIT - 300
"""What the reply's first lines leave."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Why(Record):
    """The answer to `Why`: a pop-up when all of it fits, and the same as a reply to the card."""

    popup: str | None
    reply: Face


def edit_question(view: TicketView, look: Look, *, short: str) -> Face:
    """The reply to `Edit`: other sizes of what was asked for, as buttons, and what can be typed.

    Of an order that rests, other sizes of what is left of it.
    """
    ticket, terms = view.ticket, view.ticket.terms
    assert terms is not None, "what was refused is not edited"
    waits = ticket.state is TicketState.PENDING
    whole = (ticket.asked.amount or terms.amount) if waits else view.left_of_last
    shown = terms.amount if waits else whole
    sizes = [(name, whole * share) for name, share in _SIZES]
    buttons = [
        Button(
            label=f"{name} {lines.value(terms, look, amount / terms.amount)}",
            action=Action.RESIZE if waits else Action.REPLACE,
            value=amount,
            about=f"ticket:{ticket.id}",
        )
        for name, amount in (*sizes, ("All", whole))
        if amount != shown
    ]
    then = "The card asks again, earlier votes are void."
    if not waits:
        then = "The order stays until a card for the changed one is approved."
    text = (
        f"<b>{lines.badge(ticket.mode)} · {short} {lines.what(view)}: what should change?</b>\n"
        f"{lines.place(view)} · take a size, or reply to this with what changes:\n"
        f"{_to_type(terms, shown)}\n"
        f"Several fit one line. {then}"
    )
    rows = [tuple(buttons[i : i + 2]) for i in range(0, len(buttons), 2)]
    return Face(text=text, buttons=tuple(rows), asks_for="what changes")


def _to_type(terms: Terms, amount: Decimal) -> str:
    """What a reply may say, with the order's own figures where it has them; each mark beside its price."""
    forms = (
        plain(amount),
        f"${plain(amount_down(terms.notional * amount / terms.amount, _CENT))}",
        _marked("@", terms.price),
        *([] if not terms.stop_price or terms.trail else [_marked("stop", terms.stop_price)]),
        _marked("sl", terms.stop_loss),
        " ".join(_marked("tp", target.price) for target in terms.take_profit)
        or _marked("tp", None),
    )
    return " · ".join(f"<code>{form}</code>" for form in forms)


def _marked(mark: str, price: Decimal | None) -> str:
    return f"{mark}{figures.NO_BREAK}{'price' if price is None else plain(price)}"


def why(view: TicketView, look: Look, *, short: str) -> Why:
    """The checks and the numbers behind a card, or behind what became of it."""
    ticket = view.ticket
    more = [f"/audit {short}: who did what when"] if view.orders else []
    plain = [*_checks(view), *_numbers(view, look), *_orders(view, look), *more]
    head = f"<b>{lines.badge(ticket.mode)} · {short} {lines.what(view)}</b>\n{lines.place(view)}"
    told = figures.cut_utf16("\n".join(plain), _ROOM)
    quote = html.escape(told, quote=False)
    return Why(
        popup=told if figures.utf16(told) <= POPUP_LIMIT else None,
        reply=Face(text=f"{head}\n<blockquote expandable>{quote}</blockquote>"),
    )


def _checks(view: TicketView) -> list[str]:
    ticket = view.ticket
    refused = [lines.refusal(reason) for reason in ticket.refusals]
    passed = [f"{figures.several(ticket.checks, 'check')} passed"] if ticket.checks else []
    if ticket.terms is None or not ticket.rule:
        return refused
    need = lines.approvals(ticket.required).lower() if ticket.required else "no approval"
    if ticket.veto_window is not None:
        need = f"goes ahead unless rejected within {figures.duration(ticket.veto_window)}"
    return [*refused, *passed, f"Rule {figures.outside(ticket.rule, lines.NAME)}: {need}"]


def _numbers(view: TicketView, look: Look) -> list[str]:
    terms = view.ticket.terms
    if terms is None:
        return []
    base, unit = terms.symbol.partition("/")[0], lines.quote_currency(terms.symbol)
    best = "ask" if terms.side is Side.BUY else "bid"
    size = f"{figures.figure(terms.amount)} {base} is {figures.money(terms.notional)} {unit}"
    if unit != look.currency and terms.value is not None:
        size += f", {figures.money(terms.value)} {look.currency}"
    numbers = [f"Best {best} {figures.price(terms.reference)}", size]
    if terms.stop_loss is not None:
        loss = lines.outcome(terms, terms.stop_loss)
        numbers.append(f"At the stop {figures.money(loss, signed=True)} {look.currency}")
    if terms.take_profit:
        gain = sum((lines.outcome(terms, t.price, t.share) for t in terms.take_profit), ZERO)
        numbers.append(f"At the targets {figures.money(gain, signed=True)} {look.currency}")
    return numbers


def _orders(view: TicketView, look: Look) -> list[str]:
    told, exchange = [], figures.outside(view.exchange, lines.NAME)
    for order in view.orders[-_MOST_ORDERS_EXPLAINED:]:
        at = f", {order.venue_order_id} at {exchange}" if order.venue_order_id else ""
        state = order.state.value.replace("_", " ")
        told.append(f"Order {order.client_order_id}{at}: {state}")
        if order.reason:
            told.append(lines.closed(order.reason))
    return told
