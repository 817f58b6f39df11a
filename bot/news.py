"""Which event deserves a new message, and what it says.

The notifier asks, event by event. Only what a person must know now rings; everything else is an edit
of the card. Reads stored rows and market data; sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from bot import desk_news, halts
from bot.bursts import Counted
from bot.loudness import Loudness, loudness
from bot.message import Message, once
from bot.pictures import CandlePicture
from bot.telegram import cards, doubts, figures, lines, messages, notices, pairs, replies
from bot.telegram.faces import Face, Look
from bot.telegram.pace import Urgency
from execution import approval, reports, trading
from execution.approval import Role
from execution.booking import TESTED
from execution.events import Event, EventKind
from execution.kinds import STOPS
from execution.market import INTERVAL, Market
from execution.orders import REPLACED
from execution.pairs import told
from execution.reports import TicketView
from execution.stopping import HALTED
from execution.store import Transaction
from execution.symbols import is_spot
from execution.types import ZERO, Mode, OrderState, Side, Terms, Ticket, TicketState, VoteKind

AUDIENCE = "chat"


class News:
    """Messages from events."""

    def __init__(
        self,
        *,
        market: Market,
        look: Look,
        roles: Mapping[str, Role],
        notify: Mapping[str, Loudness] = MappingProxyType({}),
    ) -> None:
        """`roles` are of the people who can be asked for a vote; `notify` is in the settings."""
        self._roles = roles
        self._notify = notify
        self._market = market
        self._look = look
        self._of_the_desk = desk_news.DeskNews(market=market, look=look)

    def of(self, tx: Transaction, event: Event) -> Message | None:
        """The new message an event deserves; None for what an edit shows, or nobody wants."""
        loud = loudness(self._notify, event.kind)
        message = None if loud is Loudness.OFF else self._message(tx, event)
        if message is None or loud is Loudness.ON:
            return message
        return replace(message, silent=True)

    def _message(self, tx: Transaction, event: Event) -> Message | None:
        if event.ticket is not None:
            return self._about_ticket(tx, event)
        if event.kind is EventKind.HALTED:
            return self._about_halt(tx, event)
        if event.kind is EventKind.HALT_NOT_DONE:
            return self._not_done(tx, event)
        return self._of_the_desk.message(tx, event)

    def card(self, tx: Transaction, ticket_id: str) -> tuple[Face, TicketView]:
        """A ticket's card as it stands now."""
        view = self._view(tx, ticket_id)
        return self._card(tx, view), view

    def halt(self, tx: Transaction) -> Face:
        """The checklist of the present halt."""
        return halts.checklist(tx, self._market, self._look)

    def card_anew(self, tx: Transaction, ticket_id: str) -> Message:
        """A ticket's card as a new message."""
        return self._new_card(tx, self._view(tx, ticket_id))

    def untold_halt(self, tx: Transaction, here: str) -> tuple[Event, Message] | None:
        """The present halt, while it does not stand in this chat: it goes before all other news."""
        halt, event = trading.standing_halt(tx.trading()), tx.journal.last(EventKind.HALTED)
        if halt is None or event is None or event.at != halt.at:
            return None
        post = tx.chat.post(AUDIENCE, f"halt:{event.seq}")
        if post is not None and post.place == here:
            return None
        return event, self._checklist(tx, event)

    def counted(self, event: Event, counted: Counted) -> Face:
        """Refusals that have one message together."""
        mode, source = Mode(event.data["mode"]), event.data["source"]
        since, signals = counted.first.at, counted.signals
        return messages.refusals(mode, source, signals, counted.codes, since, self._look)

    def untold(self, event: Event) -> Message | None:
        """What is said of an event whose message cannot be made; None where it would have had none."""
        if event.kind not in ABOUT_PEOPLE:
            return None
        about = None if event.ticket is None else figures.short_id(event.ticket, ())
        return once(event, notices.not_shown(reports.gravest(self._market), about))

    def not_shown(self, message: Message) -> Face:
        """What is said instead of a message that Telegram does not take."""
        about = None if message.ticket is None else figures.short_id(message.ticket, ())
        return notices.not_shown(reports.gravest(self._market), about)

    def _checklist(self, tx: Transaction, event: Event) -> Message:
        subject = f"halt:{event.seq}"
        return Message(face=self.halt(tx), subject=subject, urgency=Urgency.HALT)

    def _about_halt(self, tx: Transaction, event: Event) -> Message | None:
        """The checklist; of a halt that was lifted before it could be told, only that it was."""
        halt = trading.standing_halt(tx.trading())
        if tx.chat.post(AUDIENCE, f"halt:{event.seq}") is not None:
            return None
        if halt is not None and halt.at == event.at:
            return self._checklist(tx, event)
        at = figures.clock_time(event.at, self._look.zone)
        text = f"Halted by {event.data['name']} at {at}, and resumed since."
        return once(event, replies.told(reports.gravest(self._market), text))

    def _not_done(self, tx: Transaction, event: Event) -> Message | None:
        """What is left of a halt; of several that could not be told in time, the last."""
        last = tx.journal.last(EventKind.HALT_NOT_DONE)
        if last is not None and last.seq != event.seq:
            return None
        face = messages.not_done(reports.gravest(self._market), event.data["left"])
        return Message(face=face, subject=f"event:{event.seq}", urgency=Urgency.HALT)

    def _about_ticket(self, tx: Transaction, event: Event) -> Message | None:
        assert event.ticket is not None, "asked for events about tickets"
        if event.kind is EventKind.REMINDER:
            return self._reminder(tx, event, self._view(tx, event.ticket))
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

    def _reminder(self, tx: Transaction, event: Event, view: TicketView) -> Message | None:
        """That votes are missing, while it is still so."""
        ticket, revision = view.ticket, int(event.data["revision"])
        over = ticket.state is not TicketState.PENDING or ticket.revision != revision
        if over or approval.has_expired(ticket, tx.now):
            return None
        voted = {vote.person for vote in lines.counted(view, VoteKind.APPROVE)}
        names = tx.tickets.names()
        silent = {
            person: names.get(person)
            for person, role in self._roles.items()
            if role.includes(Role.APPROVER)
            and person not in voted
            and approval.may_vote_for(ticket, person)
        }
        return Message(
            face=messages.reminder(view, self._look, silent, short=_short(tx, view)),
            subject=f"event:{event.seq}",
            ticket=ticket.id,
            revision=ticket.revision,
            reply_to=f"ticket:{ticket.id}",
        )

    def _more_of_a_doubt(self, tx: Transaction, event: Event) -> Message | None:
        """An order in doubt was found, looked for again or ended: its message says so itself."""
        assert event.ticket is not None, "asked for events about tickets"
        subject = f"doubt:{event.ticket}"
        about_order = event.kind.startswith("order_")
        if not about_order or tx.chat.post(AUDIENCE, subject) is None:
            return None
        view, looked = self._view(tx, event.ticket), ""
        if event.kind is EventKind.ORDER_LOOKED_FOR:
            answered = event.data["answered"] == "yes"
            looked = doubts.looked_again(view, self._look, event.at, answered=answered)
        return Message(
            face=doubts.doubt(view, self._look, short=_short(tx, view), looked=looked),
            subject=subject,
            ticket=event.ticket,
            revision=view.ticket.revision,
            edits=True,
        )

    def _new_card(self, tx: Transaction, view: TicketView) -> Message:
        return Message(
            face=self._card(tx, view),
            subject=f"ticket:{view.ticket.id}",
            ticket=view.ticket.id,
            revision=view.ticket.revision,
            picture=self._picture(view, _short(tx, view)),
        )

    def _card(self, tx: Transaction, view: TicketView) -> Face:
        account = self._account(tx, view.ticket)
        return cards.card(view, self._look, short=_short(tx, view), account=account)

    def _account(self, tx: Transaction, ticket: Ticket) -> cards.Account:
        """What is known now of the account a ticket is for."""
        venue, symbol = ticket.venue, ticket.asked.symbol
        if venue not in self._market.feeds():
            return cards.Account()
        position, contracts = tx.positions.of(venue, symbol), self._market.feed(venue).contracts
        return cards.Account(
            equity=self._market.equity(venue),
            position=ZERO if position is None else position.amount,
            leverage=None if contracts is None else contracts.leverage.get(symbol),
        )

    def _view(self, tx: Transaction, ticket_id: str) -> TicketView:
        ticket = tx.tickets.get(ticket_id)
        assert ticket is not None, "the journal speaks of stored tickets"
        return reports.ticket_views(tx, [ticket], reports.exchanges(self._market))[0]

    def _picture(self, view: TicketView, short: str) -> CandlePicture | None:
        """What a card's picture shows; None where the venue gave no candles."""
        ticket, terms = view.ticket, view.ticket.terms
        if terms is None or ticket.venue not in self._market.feeds():
            return None
        candles = self._market.candles(ticket.venue, terms.symbol)
        if not candles:
            return None
        quote = self._market.quote(ticket.venue, terms.symbol, max_age=None)
        entry, stop, targets = levels(terms)
        return CandlePicture(
            mode=ticket.mode,
            ticket=short,
            side=terms.side,
            symbol=terms.symbol,
            interval=INTERVAL,
            candles=tuple(candles),
            zone=self._look.zone,
            entry=entry,
            worst=terms.worst_price,
            stop=stop,
            targets=targets,
            last=None if quote is None else quote.reference(terms.side),
            test=terms.test,
        )


def levels(terms: Terms) -> tuple[Decimal | None, Decimal | None, tuple[Decimal, ...]]:
    """Where it enters, where its stop and its targets lie: what waits to leave is a stop or a target itself."""
    targets = tuple(target.price for target in terms.take_profit)
    if terms.stop_price is None:
        return terms.price, terms.stop_loss, targets
    enters = terms.side is Side.BUY if is_spot(terms.symbol) else not terms.reduces
    if enters:
        return terms.counted_at, terms.stop_loss, targets
    if terms.type in STOPS:
        return terms.price, terms.stop_price, targets
    return terms.price, terms.stop_loss, (terms.stop_price,)


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


def _overfilled(view: TicketView, event: Event, look: Look, short: str) -> Face:
    return messages.overfilled(view, Decimal(event.data["by"]), short=short)


def _conflict(view: TicketView, event: Event, look: Look, short: str) -> Face:
    trade, booked, shown = (event.data[key] for key in ("trade", "booked", "shown"))
    return messages.conflict(view, trade, booked, shown, short=short)


def _stop_gone(view: TicketView, event: Event, look: Look, short: str) -> Face:
    amount, ended_as = Decimal(event.data["amount"]), event.data.get("ended_as")
    reason, replaced = event.data.get("reason"), "replaced" in event.data
    return messages.stop_gone(view, amount, ended_as, reason, replaced=replaced, short=short)


def _pair_blocked(view: TicketView, event: Event, look: Look, short: str) -> Face:
    return pairs.blocked(view.ticket.mode, view.exchange, told(event), short=short)


def _pair_released(view: TicketView, event: Event, look: Look, short: str) -> Face:
    venue, symbol, name = (event.data[key] for key in ("venue", "symbol", "name"))
    return pairs.released(view.ticket.mode, view.exchange, venue, symbol, name)


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
    if reason in {HALTED, TESTED, REPLACED} or not (view.orders or withdrawn):
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
    EventKind.OVERFILL: _overfilled,
    EventKind.FILL_CONFLICT: _conflict,
    EventKind.STOP_GONE: _stop_gone,
    EventKind.PAIR_BLOCKED: _pair_blocked,
    EventKind.PAIR_RELEASED: _pair_released,
}
_DOUBTS = {
    EventKind.ORDER_IN_DOUBT: OrderState.IN_DOUBT,
    EventKind.ORDER_STUCK: OrderState.STUCK,
}

ABOUT_PEOPLE = (
    frozenset(_TOLD)
    | desk_news.TOLD
    | {EventKind.HALTED, EventKind.HALT_NOT_DONE, EventKind.REMINDER}
)
"""Events that may become a message: what `undelivered` counts."""
