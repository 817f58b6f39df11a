"""Messages about an order whose outcome was not known: the evidence, what people can decide, what it
came to.

Pure. The notifier sends them as replies to the card and edits them when the order is found; the
buttons of an order that nobody could prove stand here only, below what was looked at.
"""

from __future__ import annotations

import html
from decimal import Decimal

from bot.telegram import cards, figures, lines, messages
from bot.telegram.faces import Action, Button, ButtonStyle, Face, Look
from execution.orders import DOUBT_BUDGET, UNKNOWN
from execution.reports import TicketView
from execution.types import Order, OrderState


def doubt(view: TicketView, look: Look, *, short: str, confirming: bool = False) -> Face:
    """An order nobody knows the outcome of; once it is known, what it was.

    `confirming` is after the first tap on `Mark as absent`.
    """
    order = lines.entry(view)
    assert order is not None, "a doubt is about an order"
    if order.state is OrderState.STUCK:
        return _unproved(view, order, look, short, confirming=confirming)
    found = order.state not in UNKNOWN | {OrderState.ABSENT}
    return messages.trouble(
        view, look, short=short, news="Found: the order exists." if found else ""
    )


def _unproved(view: TicketView, order: Order, look: Look, short: str, *, confirming: bool) -> Face:
    exchange, pair = lines.exchange(view), lines.symbol(view)
    budget = figures.duration(DOUBT_BUDGET)
    caution = (
        f"Confirm only after you looked at {exchange} yourself: the ticket ends, {pair} opens."
    )
    return Face(
        text=lines.joined(
            [
                _head(view, short, f": unknown at {exchange}, a person must decide"),
                lines.place(view),
                f"{exchange} did not show within {budget} what became of the order.",
                "It is still looked for and will not be sent again.",
            ],
            [*_evidence(view, order, look)],
            [
                f"{pair} takes no new order at {lines.place(view)} until this is known.",
                f"<b>{caution}</b>" if confirming else "",
            ],
        ),
        buttons=_decisions(view, order, confirming=confirming),
    )


def _evidence(view: TicketView, order: Order, look: Look) -> list[str]:
    """When it went out, until when it could still arrive, and what was asked since."""
    exchange = lines.exchange(view)
    sent = f"sent {figures.clock_time(order.sent_at, look.zone)}" if order.sent_at else ""
    fence = (
        f"a late request is refused since {figures.clock_time(order.fence_at, look.zone)}"
        if order.fence_at
        else ""
    )
    looks = figures.several(order.looks, "complete look") if order.looks else "No complete look"
    told = order.venue_order_id
    return [
        lines.capital(", ".join(part for part in (sent, fence) if part)),
        f"{exchange} had accepted it as {_code(told)}" if told else "",
        f"{looks} by id, in open orders, in past orders and in trades: not there"
        if order.looks
        else f"{looks}: {exchange} did not answer all that is asked",
        f"{figures.figure(view.filled)} of it is filled" if view.fills else "",
        f"Our id there: {_code(order.client_order_id)}",
        f"Asking about the id {_code(order.named_id)}" if order.named_id else "",
    ]


def _decisions(
    view: TicketView, order: Order, *, confirming: bool
) -> tuple[tuple[Button, ...], ...]:
    absent = Button(label="Mark as absent", action=Action.MARK_ABSENT)
    if confirming:
        absent = Button(
            label="Confirm: does not exist",
            action=Action.CONFIRM_ABSENT,
            value=_number(view, order),
            style=ButtonStyle.DANGER,
        )
    name = Button(label="Adopt an id", action=Action.NAME_ID)
    return (
        (Button(label="Look again", action=Action.LOOK_AGAIN), cards.DETAILS),
        (absent,),
        *(() if order.venue_order_id else ((name,),)),
    )


def question(view: TicketView, *, short: str, user_id: int, name: str) -> Face:
    """Asks an owner to type the exchange's id of the order."""
    exchange = lines.exchange(view)
    who = f'<a href="tg://user?id={user_id}">{figures.quoted(name, lines.NAME)}</a>'
    return Face(
        text=lines.joined(
            [
                _head(view, short, f": which order at {exchange} is it?"),
                f"{lines.place(view)} · {who}, reply with its id as {exchange} shows it.",
                f"It is taken only if {exchange} shows {lines.what(view)} under that id.",
            ]
        ),
        asks_for="order id",
    )


def asking(view: TicketView, venue_order_id: str, *, short: str) -> Face:
    """An id was named, and is checked before anything changes."""
    named = _code(venue_order_id)
    return Face(
        text=f"{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}: asking "
        f"{lines.place(view)} about {named}. Nothing changes unless everything fits."
    )


def adopted(view: TicketView, look: Look, venue_order_id: str, *, short: str) -> Face:
    """The id that a person named is the order's."""
    took = f"The order is {_code(venue_order_id)} at {lines.exchange(view)}, as it was named."
    return messages.trouble(view, look, short=short, news=took)


def not_adopted(view: TicketView, venue_order_id: str, reason: str, *, short: str) -> Face:
    """The id that a person named is not the order's, and why."""
    head = _head(view, short, f": {_code(venue_order_id)} is not it")
    why = f"{lines.sentence(reason)} Nothing changed."
    return Face(text=lines.joined([head, lines.place(view), why]))


def risen(view: TicketView, look: Look, reason: str | None, *, short: str) -> Face:
    """An order that had ended here and is there: an end of ours was wrong."""
    story = cards.story(view, look)
    text = [
        _head(view, short, f": it exists after all at {lines.exchange(view)}"),
        lines.place(view),
        f"It had ended here. {lines.sentence(reason)}".rstrip(),
        f"Now {story.news.lstrip(' ·:')}.",
        *story.lines,
    ]
    return Face(text=lines.joined(text), buttons=story.buttons)


def _number(view: TicketView, order: Order) -> Decimal:
    """Which of its ticket's orders this is, the first being 0."""
    return Decimal([one.id for one in view.orders].index(order.id))


def _head(view: TicketView, short: str, news: str) -> str:
    return f"<b>{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}{news}</b>"


def _code(id: str) -> str:
    return f"<code>{html.escape(id, quote=False)}</code>"
