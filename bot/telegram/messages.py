"""Messages of their own, with sound: what a person must know now.

Pure. A fill that completed, a refusal, an order in trouble, a venue lost, a halt and its proof. The
notifier sends them as replies to the card they speak of; everything else is an edit of a card.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.telegram import cards, directions, figures, fills, lines, stories
from bot.telegram import exits as closings
from bot.telegram.faces import TEXT_LIMIT, Action, Button, Face, Look
from execution.checklist import ExitView
from execution.instruments import MarketKind
from execution.record import Record
from execution.reports import TicketView, VenueView
from execution.stopping import STRANGERS
from execution.trading import Halt
from execution.types import Mode, Order, OrderState, VoteKind

_SHOWN_CODES = 6
_SHOWN_VENUES = 12
_SHOWN_STOPS = 10
_SHOWN_HOLDINGS = 6
_MENTIONED = 20
"""People mentioned in one message; Telegram rings only some of many."""
LOOKS_FOR_PROOF = 2
"""Clean looks at a venue before a halt is called done there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep(Record):
    """How far a halt has come at one venue."""

    name: str
    exchange: str
    orders: int
    """Orders of ours that were open when it began, those in doubt included."""
    ended: int
    """How many of them are known to be gone: canceled, or filled before they could be."""
    looks: int
    """Clean looks in a row: nothing of ours open, nothing in doubt."""
    trouble: str | None = None
    """Why the venue does not answer; None when it does."""
    tries: int = 0
    kept: Sequence[Order] = ()
    """Stops that stay there, since they protect an open position."""

    @property
    def place(self) -> str:
        """The exchange and the venue's name, as cards say it; escaped."""
        return figures.quoted(f"{self.exchange} {self.name}", 2 * lines.NAME)

    @property
    def clean(self) -> bool:
        """Whether it is proved that nothing of ours rests here."""
        return self.trouble is None and self.looks >= LOOKS_FOR_PROOF


def filled(view: TicketView, look: Look, *, short: str) -> Face:
    """A fill that completes a ticket: all of it, or what there was before the rest ended."""
    ticket, order = view.ticket, lines.entry(view)
    assert order is not None, "a fill has an order"
    amount, whole = figures.figure(view.filled), view.whole
    complete = view.filled >= whole
    told, of = ("Filled", "") if complete else ("Partly filled", f" of {figures.figure(whole)}")
    why = "" if complete else lines.sentence(ticket.reason)
    venue = figures.quoted(ticket.venue, lines.NAME)
    text = [
        f"<b>{lines.badge(ticket.mode)} {venue} · {told}: {directions.done(order)} {amount}{of} "
        f"{lines.symbol(view)} at {fills.average(view)} · {short}</b>",
        f"{lines.exchange(view)} · {fills.cost(view)} · {fills.slippage(view)}",
        why,
    ]
    return Face(text=lines.joined(text))


def refusal(view: TicketView, look: Look) -> Face:
    """A signal that became no order, with the codes, and the largest size that would pass."""
    ticket = view.ticket
    largest = max((r.largest for r in ticket.refusals if r.largest is not None), default=None)
    why = Button(label="Why", action=Action.WHY)
    offer: tuple[Button, ...] = ()
    if largest is not None and largest > 0 and len(ticket.refusals) == 1:
        label = f"Propose {figures.figure(largest)} {look.currency}"
        offer = (Button(label=label, action=Action.PROPOSE, value=largest),)
    elif stories.only_paused(ticket):
        offer = (stories.PROPOSE_AGAIN,)
    text = [
        f"<b>{lines.badge(ticket.mode)} · Refused: {lines.what(view)}{lines.worth(view, look)}</b>",
        f"{lines.place(view)} · {lines.source(view, look)}",
        *lines.refusals(ticket.refusals),
        directions.nothing_sent(ticket),
    ]
    return Face(text=lines.joined(text), buttons=((why, *offer),))


def refusals(
    mode: Mode, source: str, signals: int, codes: Mapping[str, int], since: datetime, look: Look
) -> Face:
    """More refusals of one source in a minute than a person wants to hear one by one."""
    ranked = sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{figures.quoted(code, lines.NAME)} {count}" for code, count in ranked[:_SHOWN_CODES]]
    if len(ranked) > _SHOWN_CODES:
        told.append(f"{len(ranked) - _SHOWN_CODES} other codes")
    name = figures.quoted(source, lines.NAME)
    more = figures.several(signals, "more signal")
    at = figures.clock_time(since, look.zone)
    return Face(
        text=f"<b>{lines.badge(mode)} · Refused: {more} from {name} since {at}</b>\n"
        f"{', '.join(told)}. Nothing was sent."
    )


def trouble(view: TicketView, look: Look, *, short: str, news: str = "") -> Face:
    """An order in doubt, a failed ticket: what is safe and what to do. `news` goes before it."""
    story = stories.story(view, look)
    head = f"<b>{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}{story.news}</b>"
    text = lines.joined([head, lines.place(view), news, *story.lines])
    return Face(text=text, buttons=story.buttons)


def overfilled(view: TicketView, filled: Decimal, *, short: str) -> Face:
    """The exchange filled more than was ordered: our own orders together, so it can be nobody else."""
    head = f"{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}"
    asked = figures.figure(view.whole)
    return Face(
        text=f"<b>{head}: more is filled than was ordered</b>\n{lines.place(view)}\n"
        f"{figures.figure(filled)} filled, {asked} ordered. It is booked as it is shown; nothing is "
        "traded back by itself. Look at the exchange."
    )


def conflict(view: TicketView, trade: str, booked: str, shown: str, *, short: str) -> Face:
    """The exchange shows a trade otherwise than it did when it was booked."""
    head = f"{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}"
    told = (trade, figures.read_aloud(booked), figures.read_aloud(shown))
    id, was, now = (figures.quoted(word, 2 * lines.NAME) for word in told)
    return Face(
        text=f"<b>{head}: {lines.exchange(view)} changed a trade</b>\n{lines.place(view)}\n"
        f"Trade {id} is booked as {was} and shown as {now} now. What is booked stays. Look at the "
        "exchange."
    )


_STOP_ENDED = {
    OrderState.DENIED: "It was not sent.",
    OrderState.CANCELED: "It was canceled at the exchange, not here.",
    OrderState.EXPIRED: "Its time is over.",
    OrderState.REJECTED: "The exchange refused it.",
    OrderState.ABSENT: "It never reached the exchange.",
}


def stop_gone(
    view: TicketView,
    amount: Decimal,
    ended_as: str | None,
    reason: str | None,
    *,
    replaced: bool,
    short: str,
) -> Face:
    """A position is left without its stop: it ended so, gave way to a closing that did not end it, or was
    to be replaced by one that did not come.
    """
    head = f"{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}"
    pair = lines.symbol(view)
    held = f"{directions.held(pair, amount)} {pair}"
    why = "It gave way to a closing and cannot stand again."
    if replaced:
        why = "It was canceled for a changed one, which does not stand."
    if ended_as is not None:
        why = _STOP_ENDED[OrderState(ended_as)]
    return Face(
        text=f"<b>{head}: {held} is held without this stop</b>\n{lines.place(view)}\n"
        f"{why} {lines.sentence(reason)}".rstrip()
    )


def reminder(view: TicketView, look: Look, silent: Mapping[str, str | None], *, short: str) -> Face:
    """Half of its time has passed: who has not said anything is mentioned, by id and name if known."""
    ticket = view.ticket
    assert ticket.expires_at is not None, "what waits has a deadline"
    left = ticket.required - len(lines.counted(view, VoteKind.APPROVE))
    until = figures.moment(ticket.expires_at, look.zone, seen=ticket.created_at)
    head = (
        f"<b>{lines.badge(ticket.mode)} · {short} {lines.what(view)} waits, "
        f"{lines.approvals(left).lower()} needed · until {until}</b>"
    )
    mentions = [lines.mention(person, name) for person, name in list(silent.items())[:_MENTIONED]]
    more = f" and {len(silent) - _MENTIONED} more" if len(silent) > _MENTIONED else ""
    return Face(text=lines.joined([head, lines.place(view), ", ".join(mentions) + more]))


def price_moved(view: TicketView, look: Look, *, short: str) -> Face:
    """An approved ticket that was not sent, since it does not fit any more: its card asks again."""
    head = f"<b>{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}: asked again</b>"
    why, end = cards.asked_again(view, look), "The card has the new terms."
    if view.ticket.previous_reference is None:
        end = f"{directions.nothing_sent(view.ticket)} {end}"
    return Face(text=lines.joined([head, lines.place(view), why, end]))


def venue_down(view: VenueView) -> Face:
    """A venue that stopped answering."""
    place = figures.quoted(f"{view.exchange} {view.name}", 2 * lines.NAME)
    reason = lines.sentence(view.reason)
    open_orders = figures.several(view.open_orders, "order")
    return Face(
        text=f"<b>{lines.badge(view.mode)} · {place} does not answer</b>\n"
        + lines.joined(
            [reason, f"Nothing new is sent there. {open_orders} of ours may rest. Still trying."]
        )
    )


def venue_up(view: VenueView) -> Face:
    """A venue that answers again."""
    place = figures.quoted(f"{view.exchange} {view.name}", 2 * lines.NAME)
    return Face(text=f"<b>{lines.badge(view.mode)} · {place} answers again</b>")


def account_found(view: VenueView, holdings: Mapping[str, Decimal], orders: int) -> Face:
    """What an account held before us, said once: none of it is ours to touch."""
    place = figures.quoted(f"{view.exchange} {view.name}", 2 * lines.NAME)
    shown = list(holdings.items())[:_SHOWN_HOLDINGS]
    held = [
        f"{directions.held(name, amount)} {figures.quoted(name, lines.NAME)}"
        for name, amount in shown
    ]
    if len(holdings) > len(shown):
        held.append(f"{len(holdings) - len(shown)} more")
    resting = [f"{figures.several(orders, 'open order')}"] if orders else []
    found = figures.listed([*held, *resting])
    waits = holdings and view.kind is MarketKind.SWAP
    return Face(
        text=f"<b>{lines.badge(view.mode)} · {place} holds {found}</b>\n"
        "This was there before Countersign: it is left alone and counts in no limit. "
        "An owner takes a holding over with /adopt."
        + (" Entries in it wait until then, or until it is closed there." if waits else "")
    )


def clock_off(view: VenueView, seconds_ahead: Decimal) -> Face:
    """This machine's clock and a venue's differ: orders go on, what is told in times may mislead."""
    place = figures.quoted(f"{view.exchange} {view.name}", 2 * lines.NAME)
    return Face(
        text=f"<b>{lines.badge(view.mode)} · This machine's clock is {_gap(seconds_ahead)} {place}</b>\n"
        "Orders go on, it is corrected for. Set the clock right (NTP): what has a deadline here "
        "goes by it."
    )


def clock_refused(view: VenueView, seconds_ahead: Decimal) -> Face:
    """A venue takes nothing of ours for its time: no order goes there, and why."""
    place = figures.quoted(f"{view.exchange} {view.name}", 2 * lines.NAME)
    return Face(
        text=f"<b>{lines.badge(view.mode)} · {place} refuses our clock. No order goes there</b>\n"
        f"This machine's clock is {_gap(seconds_ahead)} its own, and to correct for that did not help. Cancels "
        "and look-ups go on. Set the clock right (NTP); orders go again once a request is taken."
    )


def _gap(seconds_ahead: Decimal) -> str:
    """`1.2 s ahead of`."""
    way = "ahead of" if seconds_ahead > 0 else "behind"
    return f"{figures.figure(abs(seconds_ahead))} s {way}"


def key_refused(view: VenueView, reason: str | None) -> Face:
    """Nothing goes to a venue with the key it has, and why; without a reason it does again."""
    place = figures.quoted(f"{view.exchange} {view.name}", 2 * lines.NAME)
    if reason is None:
        return Face(
            text=f"<b>{lines.badge(view.mode)} · {place}: the key fits. Orders go again</b>"
        )
    return Face(
        text=f"<b>{lines.badge(view.mode)} · {place}: no order goes there</b>\n"
        f"{lines.sentence(reason)} Cancels and looks go on."
    )


def clock_taken(view: VenueView) -> Face:
    """A venue takes our requests again."""
    place = figures.quoted(f"{view.exchange} {view.name}", 2 * lines.NAME)
    return Face(text=f"<b>{lines.badge(view.mode)} · {place} takes our clock. Orders go again</b>")


def halted(
    mode: Mode,
    halt: Halt,
    sweeps: Sequence[Sweep],
    look: Look,
    *,
    exits: Sequence[ExitView] = (),
    tapped_at: datetime | None = None,
) -> Face:
    """The halt's checklist, edited until the exchange was seen empty; only then it says done.

    `tapped_at` is when somebody tapped Flatten, which is to be confirmed.
    """
    who = figures.quoted(halt.name, lines.NAME)
    at = figures.clock_time(halt.at, look.zone)
    headline = f"{lines.badge(mode)} · HALTED by {who} at {at}"
    voided = f"{figures.several(halt.voided, 'ticket')} voided"
    checklist = [
        voided,
        *(_swept(sweep) for sweep in sweeps[:_SHOWN_VENUES]),
        *_kept(sweeps),
    ]
    if halt.verified_at is not None:
        done = figures.clock_time(halt.verified_at, look.zone)
        places = figures.listed([sweep.place for sweep in sweeps[:_SHOWN_VENUES]], last="or")
        but = " but what is kept" if any(sweep.kept for sweep in sweeps) else ""
        proof = f"{_nothing_left(halt)} rests at {places or 'any venue'}{but}, looked twice."
        first = f"<b>{headline}. Done at {done}.</b>"
        last = f"{proof} {_before_resuming(halt)}/resume is for owners."
    else:
        first = f"<b>{headline} ({_door(halt.by)}). No new orders.</b>"
        last = _not_done(sweeps, exits)
    text = [first, lines.sentence(halt.reason), *checklist]
    room = TEXT_LIMIT - figures.utf16(lines.joined([*text, last])) - 1
    text += [*closings.told(halt, exits, look, room=room), last]
    offers = closings.buttons(exits, look, tapped_at=tapped_at)
    return Face(text=lines.joined(text), buttons=offers)


def _nothing_left(halt: Halt) -> str:
    """What was proved; the desk halts itself over orders that are not in its database."""
    return "Nothing that this database knows of" if halt.by == STRANGERS else "Nothing of ours"


def _before_resuming(halt: Halt) -> str:
    known = halt.by != STRANGERS
    return "" if known else "The orders named above are left alone: look there first. "


def not_done(mode: Mode, left: str) -> Face:
    """What a halt has not proved yet, told anew until it has."""
    what = html.escape(lines.ended(left), quote=False)
    return Face(text=f"<b>{lines.badge(mode)} · NOT DONE: {what}</b>")


def _door(by: str) -> str:
    return {"tg": "chat", "cli": "command line", "api": "API", "host": "the host"}.get(
        by.partition(":")[0], "desk"
    )


def _swept(sweep: Sweep) -> str:
    if sweep.trouble is not None:
        tries = f", tried {figures.several(sweep.tries, 'time')}" if sweep.tries else ""
        return f"{sweep.place}: not answering{tries}"
    if sweep.orders == 0:
        return f"{sweep.place}: nothing to cancel"
    return f"{sweep.place}: {sweep.ended} of {figures.several(sweep.orders, 'order')} closed"


def _kept(sweeps: Sequence[Sweep]) -> list[str]:
    """The stops that stay, each by what it protects."""
    stops = [(sweep, order) for sweep in sweeps for order in sweep.kept]
    told = [
        f"Kept: stop {order.side} {figures.figure(order.amount)} {figures.quoted(order.symbol, lines.NAME)}"
        f" at {figures.figure(order.stop_price or order.counted_at)}, {sweep.place}"
        for sweep, order in stops[:_SHOWN_STOPS]
    ]
    more = len(stops) - _SHOWN_STOPS
    return [*told, f"Kept: {more} more stops"] if more > 0 else told


def _not_done(sweeps: Sequence[Sweep], exits: Sequence[ExitView]) -> str:
    """What is not proved yet, never less than the truth: an unanswered venue may hold anything."""
    open_at = [
        f"{figures.several(sweep.orders - sweep.ended, 'order')} may still be open at {sweep.place}"
        for sweep in sweeps
        if sweep.orders > sweep.ended
    ]
    silent = [s.place for s in sweeps if s.trouble is not None and s.orders <= s.ended]
    unseen = [f"{place} was not seen empty" for place in silent]
    parts = [*open_at, *unseen, *closings.not_closed(exits)][:_SHOWN_VENUES]
    if parts:
        return f"<b>NOT DONE: {', '.join(parts)}.</b>"
    places = figures.listed([s.place for s in sweeps if not s.clean][:_SHOWN_VENUES])
    return f"<b>NOT DONE: {places or 'every venue'} must be seen empty twice.</b>"
