"""What has become of a ticket that no longer waits: on its way to the exchange, and the record of it.

Pure. The card, the lists and the messages tell it in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.telegram import directions, figures, fills, lines
from bot.telegram.faces import Action, Button, Look
from execution.booking import TESTED
from execution.orders import ENDED, LIVE, REPLACED, TIMED_OUT, UNKNOWN, gave_way, next_leg
from execution.record import Record
from execution.replacing import can_be_changed
from execution.reports import TicketView
from execution.stopping import PAUSED
from execution.types import (
    OnTimeout,
    Order,
    OrderState,
    Ticket,
    TicketState,
    VoteKind,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Story(Record):
    """What a state adds to the facts: the end of the first line, lines of its own, buttons."""

    news: str
    lines: tuple[str, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()


WHY = Button(label="Why", action=Action.WHY)
DETAILS = Button(label="Details", action=Action.WHY)
CANCEL = Button(label="Cancel", action=Action.CANCEL_REST)
EDIT = Button(label="Edit", action=Action.EDIT)
PROPOSE_AGAIN = Button(label="Propose again", action=Action.PROPOSE)


def story(view: TicketView, look: Look) -> Story:
    """What has become of a ticket that no longer waits.

    An order that turned up after its ticket had ended is what people must see.
    """
    ticket = view.ticket
    if any(order.state in UNKNOWN for order in view.orders):
        return _working(view, look)
    if ticket.closes and ticket.state in {TicketState.APPROVED, TicketState.WORKING}:
        return _closing(view, look)
    if any(order.state in LIVE for order in view.orders):
        return _working(view, look)
    if ticket.closes and ticket.state is not TicketState.DONE:
        return _not_closed(view)
    return _STORIES[ticket.state](view, look)


def of_ticket(at: datetime, ticket: Ticket, look: Look) -> str:
    """A moment in the life of a ticket, with its day where that is a long one."""
    return figures.moment(at, look.zone, seen=ticket.created_at)


# --- on its way ----------------------------------------------------------------------------------


def _new(view: TicketView, look: Look) -> Story:
    return Story(news=lines.worth(view, look) + " · being checked")


def _approved(view: TicketView, look: Look) -> Story:
    before = view.ticket.replaces
    return Story(
        news=lines.worth(view, look) + " · approved",
        lines=("Checked once more, then sent" if before is None else _after_cancel(before),),
        buttons=() if before is None else ((CANCEL,),),
    )


def _after_cancel(before: str) -> str:
    return f"{figures.short_id(before)} is being canceled first, then what is left is sent"


def _closing(view: TicketView, look: Look) -> Story:
    """A position on its way out: how much of it has left, and what became of the last slice."""
    order = lines.entry(view)
    so_far = _so_far(view, order) if order is not None and view.fills else ""
    if order is not None and order.cancel_reason is not None:
        told = f"{lines.sentence(order.cancel_reason)} Not done until the exchange says so."
        return Story(news=" · canceling the rest", lines=(so_far, told))
    failed = order is not None and order.state in {OrderState.REJECTED, OrderState.DENIED}
    done = f", {fills.percent_filled(view)} done" if view.fills else ""
    return Story(
        news=f"{lines.worth(view, look)} · being closed{done}",
        lines=(
            so_far,
            lines.sentence(order.reason) if order is not None and failed else "",
            "Each slice takes at once what the book has; what is left follows.",
        ),
        buttons=((Button(label="Cancel the rest", action=Action.CANCEL_REST), DETAILS),),
    )


def _not_closed(view: TicketView) -> Story:
    """A closing that filled nothing; /close asks for it anew, for the position as it is then."""
    order = lines.entry(view)
    last = None if order is None else order.reason
    reason = lines.sentence(view.ticket.reason or last)
    return Story(
        news=" · not closed, nothing filled",
        lines=(reason,),
        buttons=((DETAILS,),) if view.orders else (),
    )


def _working(view: TicketView, look: Look) -> Story:
    order = lines.entry(view)
    assert order is not None, "a working ticket has an order"
    if order.state is OrderState.IN_DOUBT:
        return _in_doubt(view, order, look)
    if order.state is OrderState.STUCK:
        return _stuck(view, order)
    if order.state in {OrderState.PLANNED, OrderState.SENDING}:
        return Story(news=lines.worth(view, look) + f" · being sent to {lines.exchange(view)}")
    if gave_way(view.orders):
        return _gave_way(view, order, look)
    if next_leg(view.ticket, view.orders) is not None:
        return Story(
            news=" · sending the rest again",
            lines=(_so_far(view, order), "What is left is checked once more, then sent."),
        )
    if order.state in ENDED:
        news = f" · {order.state.value}, fills are being read from {lines.exchange(view)}"
        return Story(news=news, lines=(_so_far(view, order),))
    if order.state is OrderState.CANCELING:
        reason = lines.sentence(order.cancel_reason)
        return Story(
            news=" · canceling the rest" if view.fills else " · canceling",
            lines=(
                _so_far(view, order),
                f"{reason} Not done until the exchange says so.{_goes_out_again(view, order)}".lstrip(),
            ),
        )
    word = "Cancel the rest" if view.fills else "Cancel"
    cancel = Button(label=word, action=Action.CANCEL_REST)
    edit = (EDIT,) if can_be_changed(view.ticket, view.orders) else ()
    return Story(
        news=" · working" + (f", {fills.percent_filled(view)} filled" if view.fills else ""),
        lines=(_so_far(view, order), _rest_until(view, order, look)),
        buttons=((cancel, *edit, DETAILS),),
    )


def _gave_way(view: TicketView, order: Order, look: Look) -> Story:
    """A stop that was canceled so that its position could be closed."""
    since = "" if order.ended_at is None else of_ticket(order.ended_at, view.ticket, look)
    return Story(
        news=" · gave way to a closing",
        lines=(
            _so_far(view, order) if view.fills else "",
            f"No stop since {since}. It stands again for what is not closed.",
        ),
    )


def _so_far(view: TicketView, order: Order) -> str:
    if not view.fills:
        if order.stop_price is not None:
            return f"Nothing filled yet: {lines.waits(order)}{lines.away(view)}"
        return f"Nothing filled yet, working at {figures.price(order.counted_at)}"
    bar = figures.progress(view.filled, view.whole)
    return f"{bar}   {figures.figure(view.filled)} at {fills.average(view)}"


def _rest_until(view: TicketView, order: Order, look: Look) -> str:
    if order.cancel_after is None:
        return ""
    terms, at = view.ticket.terms, of_ticket(order.cancel_after, view.ticket, look)
    if terms is None or not _has_next(view, order):
        return f"What is left is canceled at {at}"
    if terms.on_timeout is OnTimeout.REPRICE:
        return f"What is left is priced anew at {at}"
    return f"What is left takes the market at {at}, {lines.at_worst(terms)}"


def _has_next(view: TicketView, order: Order) -> bool:
    """Whether what this order leaves at its timeout goes out again."""
    over = order.evolve(state=OrderState.CANCELED, cancel_reason=TIMED_OUT)
    return next_leg(view.ticket, [*view.orders[:-1], over]) is not None


def _goes_out_again(view: TicketView, order: Order) -> str:
    again = order.cancel_reason == TIMED_OUT and _has_next(view, order)
    return " Then what is left goes out again." if again else ""


def _in_doubt(view: TicketView, order: Order, look: Look) -> Story:
    exchange = lines.exchange(view)
    if order.acknowledged_at is None:
        news = f": {exchange} did not answer"
        known = "The order may or may not exist. It is being looked for and will not be sent again."
    else:
        news = f": {exchange} does not show the order"
        at = figures.clock_time(order.acknowledged_at, look.zone)
        known = f"It was accepted at {at}. It is being looked for and will not be sent again."
    return Story(
        news=news,
        lines=(
            known,
            _so_far(view, order) if view.fills else "",
            f"{lines.symbol(view)} takes no new order at {lines.place(view)} until this is known.",
        ),
        buttons=((DETAILS,),),
    )


def _stuck(view: TicketView, order: Order) -> Story:
    exchange = lines.exchange(view)
    return Story(
        news=f": unknown at {exchange}, a person must decide",
        lines=(
            f"{exchange} did not show in time what became of the order. It is still looked for.",
            _so_far(view, order) if view.fills else "",
            "The reply to this card says what was asked and has the buttons.",
            f"{lines.symbol(view)} takes no new order at {lines.place(view)} until this is known.",
        ),
        buttons=((DETAILS,),),
    )


# --- the record ----------------------------------------------------------------------------------


def _done(view: TicketView, look: Look) -> Story:
    order = lines.entry(view)
    assert order is not None, "a ticket that is done has an order"
    result = f"{fills.cost(view)} · {fills.slippage(view)}"
    if view.filled >= view.whole:
        return Story(
            news=f" · filled at {fills.average(view)}", lines=(result,), buttons=((DETAILS,),)
        )
    # A whole order that is less than we sent was made smaller at the exchange, by it or by hand.
    end = "cut at the exchange" if order.state is OrderState.FILLED else order.state
    rest = "" if view.ticket.closes else f", the rest {end}"
    return Story(
        news=f" · {fills.percent_filled(view)} filled at {fills.average(view)}{rest}",
        lines=(
            _so_far(view, order),
            result,
            lines.sentence(view.ticket.reason or order.cancel_reason or order.reason),
        ),
        buttons=((DETAILS,),),
    )


def _canceled(view: TicketView, look: Look) -> Story:
    order = lines.entry(view)
    asked = order.cancel_reason if order is not None else None
    reason = lines.sentence(view.ticket.reason or asked)
    if view.ticket.reason == TESTED:
        return Story(news=f" · {TESTED}", lines=("The whole path works, up to the exchange.",))
    if all(one.state is OrderState.DENIED for one in view.orders):
        held = ((PROPOSE_AGAIN,),) if view.ticket.reason == PAUSED else ()
        return Story(news=" · canceled, nothing was sent", lines=(reason,), buttons=held)
    again = () if asked == REPLACED else (PROPOSE_AGAIN,)
    return Story(news=" · canceled, nothing filled", lines=(reason,), buttons=((DETAILS, *again),))


def _expired(view: TicketView, look: Look) -> Story:
    ticket, order = view.ticket, lines.entry(view)
    if order is not None:
        return Story(
            news=" · expired, nothing filled",
            lines=("Its time in force ended at the exchange.",),
            buttons=((DETAILS, PROPOSE_AGAIN),),
        )
    until = f" by {of_ticket(ticket.expires_at, ticket, look)}" if ticket.expires_at else ""
    votes = lines.counted(view, VoteKind.APPROVE)
    told = f"Only {len(votes)} of {ticket.required} approvals" if votes else "Nobody answered"
    return Story(
        news=" · expired, nothing was sent",
        lines=(f"{told}{until}.",),
        buttons=((PROPOSE_AGAIN,),),
    )


def _rejected(view: TicketView, look: Look) -> Story:
    votes = lines.counted(view, VoteKind.REJECT)
    by = f" by {figures.quoted(votes[0].name, lines.NAME)}" if votes else ""
    said = lines.voted(view, VoteKind.REJECT, look)
    return Story(
        news=f" · rejected{by}",
        lines=(f"{said}. {directions.nothing_sent(view.ticket)}".lstrip(". "),),
    )


def _refused(view: TicketView, look: Look) -> Story:
    return Story(
        news=lines.worth(view, look),
        lines=(*lines.refusals(view.ticket.refusals), directions.nothing_sent(view.ticket)),
        buttons=((WHY, PROPOSE_AGAIN) if only_paused(view.ticket) else (WHY,),),
    )


def only_paused(ticket: Ticket) -> bool:
    """Whether it was refused for nothing but a pause: after the resume it may pass."""
    return {refusal.code for refusal in ticket.refusals} == {PAUSED.upper()}


def _failed(view: TicketView, look: Look) -> Story:
    order, exchange = lines.entry(view), lines.exchange(view)
    state = order.state if order else None
    reason = lines.sentence((order and order.reason) or view.ticket.reason)
    if order is not None and order.state in {OrderState.CANCELED, OrderState.EXPIRED}:
        # It had ended otherwise before the exchange showed it after all.
        news, told = f" · {order.state}, nothing filled", lines.sentence(order.cancel_reason)
    elif state is OrderState.ABSENT:
        news, told = f": no order at {exchange}", f"{reason} Nothing was filled.".lstrip()
    elif state is OrderState.REJECTED:
        news, told = f": {exchange} refused it", f"{reason} Nothing is open.".lstrip()
    else:
        news, told = " · not sent", f"{reason} {directions.nothing_sent(view.ticket)}".lstrip()
    return Story(news=news, lines=(told,), buttons=((DETAILS, PROPOSE_AGAIN),))


_STORIES: Mapping[TicketState, Callable[[TicketView, Look], Story]] = {
    TicketState.NEW: _new,
    TicketState.APPROVED: _approved,
    TicketState.WORKING: _working,
    TicketState.DONE: _done,
    TicketState.CANCELED: _canceled,
    TicketState.EXPIRED: _expired,
    TicketState.REJECTED: _rejected,
    TicketState.REFUSED: _refused,
    TicketState.FAILED: _failed,
}
