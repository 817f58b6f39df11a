"""A ticket's trail: who did what when, from the signal to the last fill, a line for each entry.

Pure. `/audit` and the command line show the same lines, made of the journal's entries and the rows
they speak of; what an entry says that is new here is told in the journal's own words.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal

from bot.telegram import figures, lines
from bot.telegram.faces import TEXT_LIMIT, Face, Look
from execution.editing import CHANGEABLE
from execution.events import Event, EventKind
from execution.orders import DOUBT_BUDGET
from execution.reports import Trail
from execution.types import Fill, Order, VoteKind

_MOST_PAGES = 5
"""Messages one /audit may take; what is left is counted, and the command line has it."""
_UNFOLDED = 20
"""Lines that are shown without folding them."""
_DATA = 64
_NUMBER = re.compile(r"\(([0-9.]+)\)|[0-9.]+")
"""A figure of a change; in brackets the share that a target is for."""


def pages(trail: Trail, look: Look, *, short: str) -> list[Face]:
    """The trail as messages, the long ones folded; each fits, and none of it is cut silently."""
    view = trail.view
    title = f"{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}"
    zone = f"{lines.place(view)} · times in {figures.quoted(str(look.zone), lines.NAME)}"
    head = f"{title}: who did what when\n{zone}\n"
    said = told(trail, look.zone)
    fold = len(said) > _UNFOLDED
    made: list[Face] = []
    while said:
        last = len(made) == _MOST_PAGES - 1
        more = f"and {len(said)} more: countersign audit show {view.ticket.id}"
        room = TEXT_LIMIT - figures.utf16(head) - figures.utf16(more) - 2
        page, said = _filled(said, room)
        if last and said:
            page.append(f"and {len(said)} more: countersign audit show {view.ticket.id}")
            said = []
        text = html.escape("\n".join(page), quote=False)
        first, _, rest = head.partition("\n")
        body = f"<blockquote expandable>{text}</blockquote>" if fold else text
        made.append(Face(text="\n".join(part for part in (f"<b>{first}</b>", rest, body) if part)))
        head = f"{title}: continued"
    return made


def told(trail: Trail, zone: tzinfo) -> list[str]:
    """Every entry as a line of plain text, a line for each new day between them."""
    said, day = [], ""
    for at, text in _entries(trail):
        today = figures.day(at, zone)
        if today != day:
            said.append(today)
            day = today
        said.append(f"{figures.clock_time(at, zone)} {text}")
    return said


def sentence(trail: Trail, event: Event) -> str:
    """What one entry says, as plain text."""
    say = WORDS.get(event.kind, _in_its_own_words)
    return say(trail, event)


def _filled(said: Sequence[str], room: int) -> tuple[list[str], list[str]]:
    """As many lines as fit, at least one, and those that are left."""
    count, used = 0, 0
    for line in said:
        used += figures.utf16(line) + 1
        if count and used > room:
            break
        count += 1
    return list(said[:count]), list(said[count:])


def _entries(trail: Trail) -> Iterator[tuple[datetime, str]]:
    signal = trail.view.signal
    source = " ".join(_word(word) for word in (signal.source, signal.strategy) if word)
    text, after = f"Signal from {source}", trail.view.ticket.after
    if after is not None:
        text += f", after the close {figures.short_id(after)}"
    if signal.proposer_name is not None:
        what = "it" if signal.again is None else f"{figures.short_id(signal.again)} again"
        did = "asked for it to be closed" if trail.view.ticket.closes else f"proposed {what}"
        text = f"{_word(signal.proposer_name)} {did}"
    if (before := trail.view.ticket.replaces) is not None:
        text += f", in the place of {figures.short_id(before)}"
    yield signal.received_at, text
    for event in trail.events:
        yield event.at, _prefix(trail, event) + sentence(trail, event)


def _prefix(trail: Trail, event: Event) -> str:
    """Which order, where a ticket has more than one."""
    order = _order(trail, event)
    return f"{order.leg}: " if order is not None and len(trail.view.orders) > 1 else ""


def _order(trail: Trail, event: Event) -> Order | None:
    return next((order for order in trail.view.orders if order.id == event.order), None)


def _word(text: str | None) -> str:
    return figures.outside(text or "", lines.NAME)


def _who(trail: Trail, event: Event) -> str:
    """A person by name; the desk and the doors by what the journal calls them."""
    name = event.data.get("name") or trail.names.get(event.actor or "") or event.actor
    return _word(name) or "The desk"


def _with_reason(text: str, event: Event) -> str:
    reason = figures.outside(event.data.get("reason", ""), lines.SENTENCE)
    return f"{text}: {reason}" if reason else text


def _exchange(trail: Trail) -> str:
    return _word(trail.view.exchange)


def _number(event: Event, key: str) -> str:
    return figures.figure(Decimal(event.data[key]))


def _plain(text: str) -> Callable[[Trail, Event], str]:
    return lambda trail, event: _with_reason(text, event)


def _by(text: str) -> Callable[[Trail, Event], str]:
    return lambda trail, event: f"{_who(trail, event)} {text}"


def _there(text: str) -> Callable[[Trail, Event], str]:
    """What the exchange shows of an order, with its id there."""

    def say(trail: Trail, event: Event) -> str:
        order = _order(trail, event)
        known = None if order is None else order.venue_order_id
        found = "Found: " if "found" in event.data else ""
        as_id = f" as {_word(known)}" if known else ""
        return found + _with_reason(f"{text} {_exchange(trail)}{as_id}", event)

    return say


def _in_its_own_words(trail: Trail, event: Event) -> str:
    facts = [f"{name} {figures.outside(value, _DATA)}" for name, value in event.data.items()]
    text = lines.capital(event.kind.value.replace("_", " "))
    by = f" by {_who(trail, event)}" if event.actor else ""
    return text + by + (f": {', '.join(facts)}" if facts else "")


def _ticket_refused(trail: Trail, event: Event) -> str:
    codes = figures.outside(event.data.get("codes", ""), lines.SENTENCE)
    return f"Refused: {codes}" if codes else _with_reason("Refused", event)


def _ticket_pending(trail: Trail, event: Event) -> str:
    need = f"{lines.approvals(int(event.data['required'])).lower()} needed"
    if "veto_window_s" in event.data:
        need = "goes ahead unless somebody rejects"
    return f"Card made, {need} by rule {_word(event.data['rule'])}"


def _ticket_approved(trail: Trail, event: Event) -> str:
    if trail.view.ticket.closes:
        return f"Goes ahead by the word of {_who(trail, event)}"
    if "rule" in event.data:
        return f"Goes straight through by rule {_word(event.data['rule'])}"
    kind, _, rule = (event.actor or "").partition(":")
    if kind == "rule":
        return f"Nobody rejected it in time: goes ahead by rule {_word(rule)}"
    return "Approved"


def _revised(trail: Trail, event: Event) -> str:
    if changed := _changed(event):
        return f"{_who(trail, event)} changed {changed}: revision {event.data['revision']}"
    return _with_reason(f"Asked again as revision {event.data['revision']}", event)


def _changed(event: Event) -> str:
    """What a person wants otherwise, in figures people read; nothing where nobody does."""
    changed = [
        f"{what} {_read_aloud(what, event.data[what])}" for what in CHANGEABLE if what in event.data
    ]
    return figures.outside(", ".join(changed), lines.SENTENCE)


def _read_aloud(what: str, change: str) -> str:
    """`60012.4 to 59900 (0.5)` with its figures as people read them; `what` says what they are."""

    def written(found: re.Match[str]) -> str:
        if found[1]:
            return f"({figures.share_words(Decimal(found[1]))})"
        value = Decimal(found[0])
        return figures.figure(value) if what == "size" else figures.price(value)

    return _NUMBER.sub(written, change)


def _proposed(trail: Trail, event: Event) -> str:
    repeat = trail.repeats.get(event.data["signal"])
    named = f" as {figures.short_id(repeat)}" if repeat else ""
    changed = _changed(event)
    how = f"with {changed}" if changed else "again"
    return f"{_who(trail, event)} proposed it {how}{named}"


def _veto_window(trail: Trail, event: Event) -> str:
    if "ends" in event.data:
        return "Its veto window began"
    return "Its veto window stopped, and starts anew once people can be heard"


def _vote(trail: Trail, event: Event) -> str:
    verb = "rejected" if event.data["vote"] == VoteKind.REJECT else "approved"
    return f"{_who(trail, event)} {verb} revision {event.data['revision']}"


def _order_planned(trail: Trail, event: Event) -> str:
    order = _order(trail, event)
    side = "" if order is None else f"{order.side} "
    pair = "" if order is None else f" {_word(order.symbol)}"
    price = figures.price(Decimal(event.data["price"]))
    return f"Order made: {side}{_number(event, 'amount')}{pair} at {price}"


def _order_sending(trail: Trail, event: Event) -> str:
    order = _order(trail, event)
    own = "" if order is None else f" as {_word(order.client_order_id)}"
    return f"Sent to {_exchange(trail)} {_word(trail.view.ticket.venue)}{own}"


def _order_absent(trail: Trail, event: Event) -> str:
    return _with_reason(f"No order at {_exchange(trail)}", event)


def _order_stuck(trail: Trail, event: Event) -> str:
    return f"Unknown for {figures.duration(DOUBT_BUDGET)}: a person must decide"


def _looked_for(trail: Trail, event: Event) -> str:
    if event.data["answered"] != "yes":
        return f"{_exchange(trail)} did not answer all that was asked"
    return f"Not there, after {figures.several(int(event.data['looks']), 'complete look')}"


def _marked_absent(trail: Trail, event: Event) -> str:
    looks = figures.several(int(event.data["looks"]), "complete look")
    return f"{_who(trail, event)} marked it as absent, after {looks}"


def _named(trail: Trail, event: Event) -> str:
    return f"{_who(trail, event)} named {_word(event.data['venue_order_id'])} as its id"


def _adopted(trail: Trail, event: Event) -> str:
    return f"{_exchange(trail)} bears out that it is {_word(event.data['venue_order_id'])}"


def _not_adopted(trail: Trail, event: Event) -> str:
    return _with_reason(f"{_word(event.data['venue_order_id'])} is not it", event)


def _risen(trail: Trail, event: Event) -> str:
    return (
        f"It exists after all at {_exchange(trail)}; here it had ended as {event.data['ended_as']}"
    )


def _cancel_asked(trail: Trail, event: Event) -> str:
    return _with_reason(f"{_who(trail, event)} asked for the cancel", event)


def _fill(trail: Trail, event: Event) -> str:
    booked: Fill | None = next(
        (fill for fill in trail.view.fills if fill.id == event.data["fill"]), None
    )
    text = f"{_number(event, 'amount')} filled at {figures.price(Decimal(event.data['price']))}"
    if "inferred" in event.data:
        return f"{text}, as {_exchange(trail)} claims; its trade is not shown yet"
    if booked is None:
        return text
    fee = f", fee {figures.figure(booked.fee)} {_word(booked.fee_currency)}".rstrip()
    return f"{text}, trade {_word(booked.trade_id)}{fee if booked.fee else ''}"


def _fill_conflict(trail: Trail, event: Event) -> str:
    booked, shown = (figures.read_aloud(event.data[key]) for key in ("booked", "shown"))
    return f"Trade {_word(event.data['trade'])} is booked as {booked}, now shown as {shown}"


def _overfill(trail: Trail, event: Event) -> str:
    return f"More is filled than was ordered: {_number(event, 'by')}"


def _stop_gone(trail: Trail, event: Event) -> str:
    return _with_reason("The position is held without this stop", event)


def _pair_blocked(trail: Trail, event: Event) -> str:
    pair, venue = _word(event.data["symbol"]), _word(event.data["venue"])
    return _with_reason(f"Entries in {pair} at {venue} wait for an owner", event)


WORDS: Mapping[EventKind, Callable[[Trail, Event], str]] = {
    EventKind.TICKET_REFUSED: _ticket_refused,
    EventKind.TICKET_PENDING: _ticket_pending,
    EventKind.TICKET_REVISED: _revised,
    EventKind.TICKET_ASKED_AGAIN: _revised,
    EventKind.TICKET_APPROVED: _ticket_approved,
    EventKind.TICKET_REJECTED: _plain("Rejected"),
    EventKind.TICKET_EXPIRED: _plain("Expired"),
    EventKind.TICKET_CANCELED: _plain("Canceled"),
    EventKind.TICKET_WORKING: _plain("On its way"),
    EventKind.TICKET_DONE: _plain("Done"),
    EventKind.TICKET_FAILED: _plain("Failed"),
    EventKind.TICKET_PROPOSED: _proposed,
    EventKind.VOTE: _vote,
    EventKind.VETO_WINDOW: _veto_window,
    EventKind.ORDER_PLANNED: _order_planned,
    EventKind.ORDER_DENIED: _plain("Not sent"),
    EventKind.ORDER_SENDING: _order_sending,
    EventKind.ORDER_NOT_SENT: _plain("It did not leave"),
    EventKind.ORDER_IN_DOUBT: _plain("Outcome unknown, it is looked for"),
    EventKind.ORDER_WORKING: _there("It rests at"),
    EventKind.ORDER_CANCEL_REQUESTED: _cancel_asked,
    EventKind.ORDER_CANCELING: _plain("Cancel sent"),
    EventKind.ORDER_FILLED: _there("All of it is filled at"),
    EventKind.ORDER_CANCELED: _there("Canceled at"),
    EventKind.ORDER_EXPIRED: _there("Its time in force ended at"),
    EventKind.ORDER_REJECTED: _there("Refused by"),
    EventKind.ORDER_ABSENT: _order_absent,
    EventKind.ORDER_STUCK: _order_stuck,
    EventKind.ORDER_LOOK_ASKED: _by("had it looked for at once"),
    EventKind.ORDER_LOOKED_FOR: _looked_for,
    EventKind.ORDER_MARKED_ABSENT: _marked_absent,
    EventKind.ORDER_NAMED: _named,
    EventKind.ORDER_ADOPTED: _adopted,
    EventKind.ORDER_NOT_ADOPTED: _not_adopted,
    EventKind.ORDER_RISEN: _risen,
    EventKind.FILL: _fill,
    EventKind.FILL_CONFLICT: _fill_conflict,
    EventKind.STOP_GONE: _stop_gone,
    EventKind.OVERFILL: _overfill,
    EventKind.PAIR_BLOCKED: _pair_blocked,
    EventKind.PAIR_RELEASED: _by("lets entries in its pair go again"),
}
