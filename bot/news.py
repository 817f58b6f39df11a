"""Which event deserves a new message, and what it says.

The notifier asks, event by event. Only what a person must know now rings; everything else is an edit
of the card. Reads stored rows and market data; sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.charts import Picture
from bot.telegram import cards, daily, doubts, figures, messages, replies
from bot.telegram.faces import Face, Look
from execution import reports
from execution.booking import HALTED
from execution.events import Event, EventKind
from execution.market import INTERVAL, Market
from execution.reports import TicketView
from execution.store import Transaction
from execution.types import OrderState, TicketState

AUDIENCE = "chat"


@dataclass(frozen=True)
class Message:
    """A new message: what it says, about what, and which card it answers."""

    face: Face
    subject: str
    """`ticket:`, `doubt:<ticket>` and `halt:<seq>` are edited later; `event:<seq>` is said once."""
    ticket: str | None = None
    """The ticket its buttons are about."""
    revision: int = 0
    reply_to: str | None = None
    picture: Picture | None = None
    silent: bool = False
    """It does not ring."""
    edits: bool = False
    """It is no new message: the one about its subject says this now."""


class News:
    """Messages from events."""

    def __init__(self, *, market: Market, look: Look) -> None:
        self._market = market
        self._look = look

    def of(self, tx: Transaction, event: Event) -> Message | None:
        """The new message an event deserves; None for what an edit shows, or nobody needs."""
        if event.ticket is not None:
            return self._about_ticket(tx, event)
        mode = reports.gravest(self._market)
        if event.kind is EventKind.HALTED:
            return self._about_halt(tx, event)
        if event.kind is EventKind.HALT_NOT_DONE:
            return _once(event, messages.not_done(mode, event.data["left"]))
        if event.kind is EventKind.DAILY:
            return self._about_day(tx, event)
        if event.kind is EventKind.RESUMED:
            return _once(event, replies.resumed(mode, event.data["name"], event.at, self._look))
        if event.kind in {EventKind.VENUE_DOWN, EventKind.VENUE_UP}:
            return self._about_venue(tx, event)
        return None

    def card(self, tx: Transaction, ticket_id: str) -> tuple[Face, TicketView]:
        """A ticket's card as it stands now."""
        view = self._view(tx, ticket_id)
        return cards.card(view, self._look, short=_short(tx, view)), view

    def halt(self, tx: Transaction) -> Face:
        """The checklist of the present halt."""
        halt = tx.trading().halt
        assert halt is not None, "asked while halted"
        done = halt.verified_at is not None
        sweeps = [
            messages.Sweep(
                name=sweep.venue.name,
                exchange=sweep.venue.exchange,
                orders=sweep.orders,
                ended=sweep.ended,
                looks=messages.LOOKS_FOR_PROOF if done else 0,
                trouble=None if sweep.venue.connected or done else sweep.venue.reason,
            )
            for sweep in reports.sweeps(tx, self._market)
        ]
        return messages.halted(reports.gravest(self._market), halt, sweeps, self._look)

    def _about_halt(self, tx: Transaction, event: Event) -> Message:
        """The checklist; of a halt that was lifted before it could be told, only that it was."""
        halt = tx.trading().halt
        if halt is not None and halt.at == event.at:
            return Message(face=self.halt(tx), subject=f"halt:{event.seq}")
        at = figures.clock_time(event.at, self._look.zone)
        text = f"Halted by {event.data['name']} at {at}, and resumed since."
        return _once(event, replies.told(reports.gravest(self._market), text))

    def _about_day(self, tx: Transaction, event: Event) -> Message:
        """The daily message: it rings only when something is not clear."""
        view = reports.day(tx, self._market, self._look.zone)
        undelivered, others = int(event.data["undelivered"]), tx.tickets.recent_ids()
        face = daily.daily(
            view,
            self._look,
            at=event.at,
            undelivered=undelivered,
            head=(int(event.data["entry"]), event.data["mac"]),
            shorts={t.ticket.id: figures.short_id(t.ticket.id, others) for t in view.working},
        )
        silent = not daily.concerns(view, undelivered)
        return Message(face=face, subject=f"event:{event.seq}", silent=silent)

    def _about_venue(self, tx: Transaction, event: Event) -> Message | None:
        views = reports.venue_views(tx, self._market)
        view = next((v for v in views if v.name == event.data["venue"]), None)
        if view is None:
            return None
        if event.kind is EventKind.VENUE_UP:
            return _once(event, messages.venue_up(view))
        return _once(event, messages.venue_down(view.evolve(reason=event.data.get("reason"))))

    def _about_ticket(self, tx: Transaction, event: Event) -> Message | None:
        assert event.ticket is not None, "asked for events about tickets"
        if event.kind not in _TOLD:
            return self._more_of_a_doubt(tx, event)
        view = self._view(tx, event.ticket)
        posted = tx.chat.post(AUDIENCE, f"ticket:{event.ticket}") is not None
        if event.kind in {EventKind.TICKET_PENDING, EventKind.TICKET_APPROVED}:
            return None if posted else self._new_card(tx, view)
        face = _TOLD[event.kind](view, event, self._look, _short(tx, view))
        if face is None:
            return None
        return Message(
            face=face,
            subject=f"doubt:{event.ticket}" if event.kind in _DOUBTS else f"event:{event.seq}",
            ticket=event.ticket,
            revision=view.ticket.revision,
            reply_to=f"ticket:{event.ticket}" if posted else None,
        )

    def _more_of_a_doubt(self, tx: Transaction, event: Event) -> Message | None:
        """An order in doubt was found, looked for again or ended: its message says so itself."""
        assert event.ticket is not None, "asked for events about tickets"
        subject = f"doubt:{event.ticket}"
        about_order = event.kind.startswith("order_")
        if not about_order or tx.chat.post(AUDIENCE, subject) is None:
            return None
        view = self._view(tx, event.ticket)
        return Message(
            face=doubts.doubt(view, self._look, short=_short(tx, view)),
            subject=subject,
            ticket=event.ticket,
            revision=view.ticket.revision,
            edits=True,
        )

    def _new_card(self, tx: Transaction, view: TicketView) -> Message:
        return Message(
            face=cards.card(view, self._look, short=_short(tx, view)),
            subject=f"ticket:{view.ticket.id}",
            ticket=view.ticket.id,
            revision=view.ticket.revision,
            picture=self._picture(view, _short(tx, view)),
        )

    def _view(self, tx: Transaction, ticket_id: str) -> TicketView:
        ticket = tx.tickets.get(ticket_id)
        assert ticket is not None, "the journal speaks of stored tickets"
        return reports.ticket_views(tx, [ticket], reports.exchanges(self._market))[0]

    def _picture(self, view: TicketView, short: str) -> Picture | None:
        """What a card's picture shows; None where the venue gave no candles."""
        ticket, terms = view.ticket, view.ticket.terms
        if terms is None or ticket.venue not in self._market.feeds():
            return None
        candles = self._market.candles(ticket.venue, terms.symbol)
        if not candles:
            return None
        quote = self._market.quote(ticket.venue, terms.symbol, max_age=None)
        return Picture(
            mode=ticket.mode,
            ticket=short,
            side=terms.side,
            symbol=terms.symbol,
            interval=INTERVAL,
            candles=tuple(candles),
            zone=self._look.zone,
            entry=terms.price,
            worst=terms.worst_price,
            stop=terms.stop_loss,
            targets=tuple(target.price for target in terms.take_profit),
            last=None if quote is None else quote.reference(terms.side),
        )


def _once(event: Event, face: Face) -> Message:
    return Message(face=face, subject=f"event:{event.seq}")


def _short(tx: Transaction, view: TicketView) -> str:
    """The ticket's id as people say it, longer while it is not clear among the newest."""
    return figures.short_id(view.ticket.id, tx.tickets.recent_ids())


def _is_news_of_a_card(view: TicketView, event: Event, look: Look, short: str) -> Face | None:
    """Cards are made where the picture is; this only names the event as one that is told."""
    return None


def _refused(view: TicketView, event: Event, look: Look, short: str) -> Face:
    return messages.refusal(view, look)


def _filled(view: TicketView, event: Event, look: Look, short: str) -> Face:
    return messages.filled(view, look, short=short)


def _trouble(view: TicketView, event: Event, look: Look, short: str) -> Face:
    return messages.trouble(view, look, short=short)


def _doubt(view: TicketView, event: Event, look: Look, short: str) -> Face | None:
    """While it lasts; what it has become by now has its own event."""
    now = next(order.state for order in view.orders if order.id == event.order)
    return doubts.doubt(view, look, short=short) if now is _DOUBTS[event.kind] else None


def _risen(view: TicketView, event: Event, look: Look, short: str) -> Face:
    return doubts.risen(view, look, event.data.get("reason"), short=short)


def _adopted(view: TicketView, event: Event, look: Look, short: str) -> Face:
    return doubts.adopted(view, look, event.data["venue_order_id"], short=short)


def _not_adopted(view: TicketView, event: Event, look: Look, short: str) -> Face:
    named, reason = event.data["venue_order_id"], event.data["reason"]
    return doubts.not_adopted(view, named, reason, short=short)


def _moved(view: TicketView, event: Event, look: Look, short: str) -> Face | None:
    if view.ticket.state is not TicketState.PENDING:
        return None
    return messages.price_moved(view, look, short=short)


def _ended_unfilled(view: TicketView, event: Event, look: Look, short: str) -> Face | None:
    """An order that ended with nothing filled, or a ticket the desk itself withdrew.

    A card nobody answered says so itself, a halt has its own message, a person knows what they did.
    """
    reason = event.data.get("reason", "")
    withdrawn = event.kind is EventKind.TICKET_CANCELED and not reason.startswith("canceled by")
    if reason == HALTED or not (view.orders or withdrawn):
        return None
    return messages.trouble(view, look, short=short)


_TOLD: dict[EventKind, Callable[[TicketView, Event, Look, str], Face | None]] = {
    EventKind.TICKET_PENDING: _is_news_of_a_card,
    EventKind.TICKET_APPROVED: _is_news_of_a_card,
    EventKind.TICKET_ASKED_AGAIN: _moved,
    EventKind.TICKET_REFUSED: _refused,
    EventKind.TICKET_DONE: _filled,
    EventKind.TICKET_FAILED: _trouble,
    EventKind.TICKET_CANCELED: _ended_unfilled,
    EventKind.TICKET_EXPIRED: _ended_unfilled,
    EventKind.ORDER_IN_DOUBT: _doubt,
    EventKind.ORDER_STUCK: _doubt,
    EventKind.ORDER_RISEN: _risen,
    EventKind.ORDER_ADOPTED: _adopted,
    EventKind.ORDER_NOT_ADOPTED: _not_adopted,
}
_DOUBTS = {
    EventKind.ORDER_IN_DOUBT: OrderState.IN_DOUBT,
    EventKind.ORDER_STUCK: OrderState.STUCK,
}

ABOUT_PEOPLE = frozenset(_TOLD) | {
    EventKind.DAILY,
    EventKind.HALTED,
    EventKind.HALT_NOT_DONE,
    EventKind.RESUMED,
    EventKind.VENUE_DOWN,
    EventKind.VENUE_UP,
}
"""Events that may become a message: what `undelivered` counts."""
