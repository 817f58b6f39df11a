"""Messages about an order whose outcome was not known: the evidence, what people can decide, what it
came to.

Pure. The notifier sends them as replies to the card and edits them when the order is found; the
buttons of an order that nobody could prove stand here only, below what was looked at.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from bot.telegram import figures, lines, messages, stories
from bot.telegram.faces import Action, Button, ButtonStyle, Face, Look
from execution.orders import DOUBT_BUDGET, UNKNOWN
from execution.reports import TicketView
from execution.types import Order, OrderState


def doubt(
    view: TicketView, look: Look, *, short: str, confirming: bool = False, looked: str = ""
) -> Face:
    """An order nobody knows the outcome of; once it is known, what it was.

    `confirming` is after the first tap on `Mark as absent`, `looked` what `looked_again` says.
    """
    order = lines.unproved(view)
    if order is not None:
        return _unproved(view, order, look, short, confirming=confirming, looked=looked)
    order = lines.entry(view)
    assert order is not None, "a doubt is about an order"
    found = order.state not in UNKNOWN | {OrderState.ABSENT}
    news = f"Found: {lines.exchange(view)} knows the order." if found else ""
    return messages.trouble(view, look, short=short, news=news)


def looked_again(view: TicketView, look: Look, at: datetime, *, answered: bool) -> str:
    """What a look that somebody asked for came to, where it did not find the order."""
    came = "not there" if answered else f"{lines.exchange(view)} did not answer all that is asked"
    return f"Looked again {figures.clock_time(at, look.zone)}: {came}"


def _unproved(
    view: TicketView, order: Order, look: Look, short: str, *, confirming: bool, looked: str
) -> Face:
    exchange, pair = lines.exchange(view), lines.symbol(view)
    budget = figures.duration(DOUBT_BUDGET)
    caution = (
        f"Look at {exchange} yourself before you confirm: the ticket ends, {pair} takes new orders."
    )
    return Face(
        text=lines.joined(
            [
                _head(view, short, f": unknown at {exchange}, a person must decide"),
                lines.place(view),
                f"{exchange} did not show within {budget} what became of the order.",
                "It is still looked for and will not be sent again.",
            ],
            [*_evidence(view, order, look), looked],
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
    sent = f"Sent {figures.clock_time(order.sent_at, look.zone)}." if order.sent_at else ""
    fence = (
        f"If it still arrives after {figures.clock_time(order.fence_at, look.zone)}, "
        f"{exchange} refuses it."
        if order.fence_at
        else ""
    )
    looks = figures.several(order.looks, "complete look") if order.looks else "No complete look"
    told = order.venue_order_id
    return [
        f"{sent} {fence}".strip(),
        f"{exchange} had accepted it as {_code(told)}" if told else "",
        f"{looks} by id, in open and past orders and in trades: not there"
        if order.looks
        else f"{looks}: {exchange} did not answer all that is asked",
        f"{figures.figure(view.filled)} of it is filled" if view.fills else "",
        f"Our id there: {_code(order.client_order_id)}",
        "A cancel goes out with each look, in case it is there"
        if order.cancel_requested_at
        else "",
    ]


def _decisions(
    view: TicketView, order: Order, *, confirming: bool
) -> tuple[tuple[Button, ...], ...]:
    absent = Button(label="Mark as absent", action=Action.MARK_ABSENT)
    if confirming:
        absent = Button(
            label=f"Confirm absent at {figures.outside(view.exchange, lines.NAME)}",
            action=Action.CONFIRM_ABSENT,
            value=_number(view, order),
            style=ButtonStyle.DANGER,
        )
    name = Button(label="Adopt an id", action=Action.NAME_ID)
    return (
        (Button(label="Look again", action=Action.LOOK_AGAIN), stories.DETAILS),
        (absent,),
        *(() if order.venue_order_id else ((name,),)),
    )


def question(view: TicketView, order: Order, *, short: str, user_id: int, name: str) -> Face:
    """Asks an owner to type the exchange's id of the order."""
    exchange = lines.exchange(view)
    ours = f"{order.side} of {figures.figure(order.amount)} {lines.symbol(view)}"
    who = lines.mention(f"tg:{user_id}", name)
    return Face(
        text=lines.joined(
            [
                _head(view, short, f": which order at {exchange} is it?"),
                f"{lines.place(view)} · {who}, reply with its id as {exchange} shows it.",
                f"It is taken only if {exchange} shows a {ours} at {figures.price(order.counted_at)} "
                "under that id.",
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
    why = figures.quoted(reason, lines.SENTENCE).removesuffix(".")
    return Face(text=lines.joined([head, lines.place(view), f"Not taken: {why}. Nothing changed."]))


def risen(view: TicketView, look: Look, reason: str | None, *, short: str) -> Face:
    """An order that had ended here and is there: an end of ours was wrong."""
    story = stories.story(view, look)
    text = [
        _head(view, short, f": it exists after all at {lines.exchange(view)}"),
        lines.place(view),
        f"It had ended here: {figures.quoted(reason, lines.SENTENCE)}." if reason else "",
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
    return f"<code>{figures.quoted(id, 2 * lines.NAME)}</code>"
