"""The single lines cards and messages are made of: what it is, where, at which price, who said what.

Pure. Every function gives HTML of Telegram's parse mode, one line, with text from outside cut and
escaped, so that lines can be left out or put together without looking into them.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise

from bot.telegram import directions, figures
from bot.telegram.faces import Look
from execution.approval import went_unopposed
from execution.orders import GIVES_WAY, LIVE, REPRICINGS
from execution.reports import TicketView
from execution.rounding import exactly
from execution.symbols import is_spot
from execution.types import (
    Mode,
    OnTimeout,
    Order,
    OrderState,
    OrderType,
    Refusal,
    Side,
    Target,
    Terms,
    Ticket,
    TimeInForce,
    Vote,
    VoteKind,
)

TEST = "TEST"
"""Stands before all that is about a ticket which is never sent."""
NAME = 32
"""Room for a name from outside: a person, a symbol, a strategy."""
SENTENCE = 140
"""Room for a sentence whose words may come from outside: a reason, a refusal."""
NOTE = 180
"""Room for a signal's note, where the rest leaves as much."""
_LEAST_NOTE = 20
_NUMBERS = {1: "One approval", 2: "Two approvals", 3: "Three approvals"}
_SHOWN_TARGETS = 4
_SHOWN_VOTES = 3
_SHOWN_REFUSALS = 3


def badge(mode: Mode) -> str:
    """What is at stake: PAPER, SANDBOX or LIVE."""
    return mode.value.upper()


def place(view: TicketView) -> str:
    """The exchange people know and the venue's name: `binance main`."""
    return f"{exchange(view)} {figures.quoted(view.ticket.venue, NAME)}"


def exchange(view: TicketView) -> str:
    """The exchange's name."""
    return figures.quoted(view.exchange, NAME)


def symbol(view: TicketView) -> str:
    """The pair, or what the sender called it when no market was found."""
    terms = view.ticket.terms
    return figures.quoted(terms.symbol if terms else view.ticket.asked.symbol, NAME)


def quote_currency(pair: str) -> str:
    """The currency prices of this unified symbol are in: `USDT` of `BTC/USDT`."""
    return pair.partition("/")[2].partition(":")[0]


def what(view: TicketView) -> str:
    """Side, amount and pair: `BUY 0.0415 BTC/USDT`; a test says so first."""
    asked, terms = view.ticket.asked, view.ticket.terms
    side = terms.side if terms else asked.side
    amount = terms.amount if terms else asked.amount
    words = [TEST] if (terms.test if terms else view.signal.test) else []
    words.append("CLOSE" if side is None or view.ticket.closes else side.value.upper())
    if amount is not None:
        words.append(figures.figure(amount))
    return " ".join([*words, symbol(view)])


def value(terms: Terms, look: Look, share: Decimal = Decimal(1)) -> str:
    """`2 490 USDT`: what a share of it is worth, in `currency`, or in quote without a rate."""
    if terms.value is None:
        unit = figures.quoted(quote_currency(terms.symbol), NAME)
        return f"{figures.about(terms.notional * share)} {unit}"
    return f"{figures.about(terms.value * share)} {look.currency}"


def worth(view: TicketView, look: Look) -> str:
    """` ≈ 2 490 USDT` where the size is known, else nothing."""
    asked, terms = view.ticket.asked, view.ticket.terms
    if terms is not None:
        return f" ≈ {value(terms, look)}"
    if asked.notional is not None:
        unit = figures.quoted(quote_currency(asked.symbol), NAME)
        return f" ≈ {figures.about(asked.notional)} {unit}".rstrip()
    return ""


def price_terms(terms: Terms, look: Look, *, made: datetime) -> str:
    """The price people approve and how long the order may rest; `made` is when its ticket was."""
    if terms.closing:
        return "market, in slices near the best price"
    if terms.stop_price is not None:
        return waits(terms) + _rests(terms, look.zone, made)
    text = at_worst(terms) if terms.price is None else f"limit {figures.price(terms.price)}"
    if terms.type is OrderType.MARKET:
        return f"market, {text}"
    return text + _rests(terms, look.zone, made) + (", post-only" if terms.post_only else "")


def waits(one: Terms | Order) -> str:
    """`stop, at market when 63 000 is touched`: what it does, and what it waits for."""
    assert one.stop_price is not None, "only such an order waits"
    at = "at market" if one.price is None else f"limit {figures.price(one.price)}"
    by = "" if one.trail is None else f", trailing by {trail(one)}"
    kind = one.type.removesuffix("_limit").replace("_", " ")
    return f"{kind}, {at} when {figures.price(one.stop_price)} is touched{by}"


def away(view: TicketView) -> str:
    """How long a stop that gave way to closings was gone in all, until it stood again; else nothing."""
    sent = [order for order in view.orders if order.sent_at is not None]
    gone = [
        (after.acknowledged_at or after.sent_at) - before.ended_at
        for before, after in pairwise(sent)
        if before.cancel_reason == GIVES_WAY and before.ended_at and after.sent_at
    ]
    if not gone:
        return ""
    return f". It gave way to a closing for {figures.duration(sum(gone, timedelta()))}"


def trail(one: Terms | Order) -> str:
    """`1 %`, or a distance: `250 USDT`."""
    assert one.trail is not None, "only a trailing stop has one"
    if one.trail.is_share:
        return figures.percent(one.trail.value)
    unit = figures.quoted(quote_currency(one.symbol), NAME)
    return f"{figures.figure(one.trail.value)} {unit}"


def at_worst(terms: Terms) -> str:
    """`at most 60 240`: the price it may never go past."""
    assert terms.worst_price is not None, "the desk prices it"
    return (
        f"{'at most' if terms.side is Side.BUY else 'at least'} {figures.price(terms.worst_price)}"
    )


def _rests(terms: Terms, zone: tzinfo, made: datetime) -> str:
    if terms.good_till is not None:
        return f", until {figures.moment(terms.good_till, zone, seen=made)}"
    if terms.rests_for is not None:
        return f", for {figures.duration(terms.rests_for)}{_then(terms)}"
    return {
        TimeInForce.GTC: ", good till canceled",
        TimeInForce.IOC: ", immediate or cancel",
        TimeInForce.FOK: ", all at once or nothing",
        TimeInForce.GTD: "",
    }[terms.time_in_force]


def _then(terms: Terms) -> str:
    """What becomes of the rest when its time is over, where it is more than a cancel."""
    if terms.on_timeout is OnTimeout.REPRICE:
        return f", then repriced up to {figures.several(REPRICINGS, 'time')}"
    return ", then at the market" if terms.on_timeout is OnTimeout.MARKET else ""


@exactly
def market(terms: Terms) -> str:
    """The reference these terms were made at, and how far it is from the price it is to reach."""
    text, price = f"market {figures.price(terms.reference)}", terms.stop_price or terms.price
    if price is None or price == terms.reference:
        return text
    away = (terms.reference - price) / price
    what = "the limit" if terms.stop_price is None else "the stop price"
    return f"{text}, {figures.percent(abs(away))} {'above' if away > 0 else 'below'} {what}"


@exactly
def protection(terms: Terms, look: Look, equity: Decimal | None = None) -> list[str]:
    """Stop and targets as the signal gave them. They are shown and checked, nobody places them.

    `equity` is the account's, in `currency`, where it is known.
    """
    told, named = [], []
    if terms.stop_loss is not None:
        result = outcome(terms, terms.stop_loss)
        share = f", {figures.percent(abs(result) / equity)} of equity" if equity else ""
        at = f"{figures.price(terms.stop_loss)}: {figures.money(result, signed=True)}"
        told.append(f"Stop {at} {look.currency}{share}")
        named.append("stop")
    if terms.take_profit:
        told.append(_targets(terms.take_profit))
        named.append("target" if len(terms.take_profit) == 1 else "targets")
    if named:
        told.append(f"{capital(figures.listed(named))}: not placed by us")
    return told


@exactly
def outcome(terms: Terms, exit_price: Decimal, share: Decimal = Decimal(1)) -> Decimal:
    """What leaving a share of it at this price makes of the approved price, in `currency`."""
    gain = (exit_price - terms.counted_at) * terms.amount * share
    in_currency = gain * (terms.value or terms.notional) / terms.notional
    return in_currency if terms.side is Side.BUY else -in_currency


def _targets(targets: Sequence[Target]) -> str:
    shown = [
        figures.price(t.price) + (f" ({figures.share_words(t.share)})" if t.share < 1 else "")
        for t in targets[:_SHOWN_TARGETS]
    ]
    if len(targets) > _SHOWN_TARGETS:
        shown.append(f"{len(targets) - _SHOWN_TARGETS} more")
    return f"{'Target' if len(targets) == 1 else 'Targets'} {', '.join(shown)}"


def effect(terms: Terms) -> list[str]:
    """What else a person should know of it: what it reduces, what is not ours."""
    if not is_spot(terms.symbol):
        return [directions.goal(terms)]
    lines = []
    if terms.reduces and not terms.closing:
        lines.append("Only reduces the position")
    if terms.from_holdings > 0:
        base = figures.quoted(terms.symbol.partition("/")[0], NAME)
        lines.append(f"{figures.figure(terms.from_holdings)} {base} of it from holdings")
    return lines


def source(view: TicketView, look: Look) -> str:
    """Who sent the signal and how old it was when the ticket was made; stays true as time goes on."""
    ticket, signal = view.ticket, view.signal
    name = " ".join(figures.quoted(word, NAME) for word in (ticket.source, ticket.strategy) if word)
    if signal.proposer_name is not None:
        again = "" if signal.again is None else " again"
        did = "asked for" if ticket.closes else "proposed"
        who, at = figures.quoted(signal.proposer_name, NAME), ticket.created_at
        return f"{name}, {who} {did} it{again} at {figures.clock_time(at, look.zone)}"
    age = figures.duration(ticket.created_at - ticket.fired_at)
    return f"{name}, {age} old at {figures.clock_time(ticket.created_at, look.zone)}"


def note(ticket: Ticket, room: int) -> list[str]:
    """What the sender wrote, as a quote in at most `room` UTF-16 units; left out when too few."""
    text = figures.quoted(ticket.note or "", min(NOTE, room)) if room >= _LEAST_NOTE else ""
    return [f"<blockquote>{text}</blockquote>"] if text else []


def refusals(reasons: Sequence[Refusal]) -> list[str]:
    """Each refusal with its code; the first few of many."""
    lines = [
        f"<code>{html.escape(r.code, quote=False)}</code>: {html.escape(ended(r.text), quote=False)}"
        for r in reasons[:_SHOWN_REFUSALS]
    ]
    if len(reasons) > _SHOWN_REFUSALS:
        lines.append(f"and {len(reasons) - _SHOWN_REFUSALS} more")
    return lines


def sentence(text: str | None, room: int = SENTENCE) -> str:
    """A reason as a sentence of its own, escaped. Empty for none."""
    return html.escape(closed(text, room), quote=False)


def closed(text: str | None, room: int = SENTENCE) -> str:
    """The same as plain text, for a pop-up: capital first, one full stop."""
    return capital(ended(text, room))


def ended(text: str | None, room: int = SENTENCE) -> str:
    """The same after a colon: its first word may be a venue's name."""
    words = figures.outside(text or "", room)
    return words + ("" if not words or words.endswith((".", "?", "…")) else ".")


def refusal(reason: Refusal) -> str:
    """`MAX_ORDER_NOTIONAL: 54 000 is over 1 000.`, as plain text."""
    return f"{reason.code}: {ended(reason.text)}"


def capital(text: str) -> str:
    """The same words, the first letter a capital."""
    return text[:1].upper() + text[1:]


def mention(person: str, name: str | None) -> str:
    """A person of the chat (`tg:2222`) by name, so that their phone rings; by id where no name is known."""
    id = person.removeprefix("tg:")
    return f'<a href="tg://user?id={id}">{figures.quoted(name or id, NAME)}</a>'


def approvals(count: int) -> str:
    """How many approvals, in words: `One approval`."""
    return _NUMBERS.get(count, f"{count} approvals")


def goes_ahead(ticket: Ticket, look: Look) -> str:
    """When a waiting ticket goes ahead unless rejected; empty where it does not before it expires."""
    window, ends, until = ticket.veto_window, ticket.goes_ahead_at, ticket.expires_at
    if window is None or (ends is not None and until is not None and ends >= until):
        return ""
    if ends is None:
        return f"goes ahead after {figures.duration(window)}"
    return f"goes ahead at {figures.clock_time(ends, look.zone)}"


def counted(view: TicketView, kind: VoteKind) -> list[Vote]:
    """The votes of this kind on exactly these terms, one per person."""
    ticket = view.ticket
    first: dict[str, Vote] = {}
    for vote in view.votes:
        bound = (vote.revision, vote.fingerprint) == (ticket.revision, ticket.fingerprint)
        if vote.vote is kind and bound:
            first.setdefault(vote.person, vote)
    return list(first.values())


def voted(view: TicketView, kind: VoteKind, look: Look) -> str:
    """`Ana approved 14:31:22, after 18 s`; empty when nobody did."""
    verb = {VoteKind.APPROVE: "approved", VoteKind.REJECT: "rejected"}[kind]
    votes = counted(view, kind)
    said = [
        f"{figures.quoted(v.name, NAME)} {verb} {figures.clock_time(v.at, look.zone)}, "
        f"after {figures.duration(v.at - view.ticket.created_at)}"
        for v in votes[:_SHOWN_VOTES]
    ]
    if len(votes) > _SHOWN_VOTES:
        said.append(f"and {len(votes) - _SHOWN_VOTES} more")
    return " · ".join(said)


def decided(view: TicketView, look: Look) -> str:
    """Who let it through, or the rule that did, and how long after that things happened."""
    ticket, rule = view.ticket, figures.quoted(view.ticket.rule, NAME)
    if ticket.veto_window is not None and went_unopposed(ticket):
        who = f"Nobody rejected it within {figures.duration(ticket.veto_window)}: rule {rule}"
    elif ticket.closes:
        who = ""  # where it comes from says who asked for it
    elif ticket.required == 0:
        who = f"Straight through by rule {rule}"
    else:
        who = voted(view, VoteKind.APPROVE, look)
    return " · ".join(part for part in (who, _timings(view)) if part)


def _timings(view: TicketView) -> str:
    start, order = view.ticket.decided_at, entry(view)
    if start is None or order is None:
        return ""
    complete = view.filled >= view.whole
    moments = {
        "sent": order.sent_at,
        "acknowledged": order.acknowledged_at,
        "filled" if complete else "last fill": view.fills[-1].at if view.fills else None,
    }
    known = sorted((at, word) for word, at in moments.items() if at)
    return " · ".join(f"{word} +{figures.lag(at - start)}" for at, word in known)


def entry(view: TicketView) -> Order | None:
    """The order a ticket's card is about: the live one, else one nobody could prove, else the last."""
    live = next((order for order in view.orders if order.state in LIVE), None)
    return live or unproved(view) or next(reversed(view.orders), None)


def unproved(view: TicketView) -> Order | None:
    """The order of a ticket that nobody could prove and that waits for a person's decision."""
    return next((order for order in view.orders if order.state is OrderState.STUCK), None)


def joined(*paragraphs: Iterable[str]) -> str:
    """Paragraphs of lines as one text; what has nothing to say leaves no gap."""
    texts = ("\n".join(line for line in paragraph if line) for paragraph in paragraphs)
    return "\n\n".join(text for text in texts if text)
