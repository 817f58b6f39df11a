"""The card: one message per ticket, from the question to the record of what happened.

Pure. The notifier asks for the face of a ticket as it stands and sends or edits what differs. A card
keeps its facts in every state, and its first line alone says how it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.telegram import directions, figures, lines
from bot.telegram.faces import CAPTION_LIMIT, Action, Button, ButtonStyle, Face, Look
from bot.telegram.stories import WHY, of_ticket, story
from execution.record import Record
from execution.reports import TicketView
from execution.symbols import is_spot
from execution.types import (
    ZERO,
    Terms,
    Ticket,
    TicketState,
    VoteKind,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account(Record):
    """What is known now of the account a ticket is for."""

    equity: Decimal | None = None
    """What it is worth, in `currency`: how much of that a stop costs."""
    position: Decimal = ZERO
    """What our fills come to in that market, base asset; negative when short."""
    leverage: Decimal | None = None
    """What a market of contracts is set to there; None: not known, or on spot."""


def card(view: TicketView, look: Look, *, short: str, account: Account = Account()) -> Face:
    """The card as the ticket stands; its text fits a caption (1024 UTF-16 units).

    One that waits says what it would do to the `account`.
    """
    ticket = view.ticket
    if ticket.state is TicketState.PENDING:
        return _pending(view, look, short, account)
    now = story(view, look)
    told = "Refused: " if ticket.state is TicketState.REFUSED else ""
    terms = ticket.terms
    head = f"<b>{lines.badge(ticket.mode)} · {told}{lines.what(view)}{now.news}</b>"
    decided = "" if ticket.state in _UNDECIDED else lines.decided(view, look)
    text = _fitted(
        ticket,
        [head, _where(view, look, short), *now.lines, decided],
        [
            *(lines.protection(terms, look) if terms else ()),
            *(lines.effect(terms) if terms else ()),
            *directions.links(ticket, lines.symbol(view)),
            lines.source(view, look),
        ],
        [],
    )
    return Face(text=text, buttons=now.buttons)


def _fitted(ticket: Ticket, head: list[str], facts: list[str], end: list[str]) -> str:
    """The card's paragraphs, the sender's note below the facts in the room they leave."""
    used = figures.utf16(lines.joined(head, facts, end)) + 1
    return lines.joined(head, [*facts, *lines.note(ticket, CAPTION_LIMIT - used)], end)


def _where(view: TicketView, look: Look, short: str) -> str:
    ticket = view.ticket
    revision = f"revision {ticket.revision}" if ticket.revision > 1 else ""
    terms, made = ticket.terms, ticket.created_at
    price = "" if terms is None else lines.capital(lines.price_terms(terms, look, made=made))
    where = " · ".join(part for part in (lines.place(view), short, revision) if part)
    return f"{where}\n{price}".rstrip()


# --- waiting -------------------------------------------------------------------------------------


def _pending(view: TicketView, look: Look, short: str, account: Account) -> Face:
    ticket, terms = view.ticket, view.ticket.terms
    assert terms is not None, "a pending ticket has terms"
    moved, ahead = ticket.previous_reference is not None, lines.goes_ahead(ticket, look)
    news = ": the price moved" if moved else lines.worth(view, look)
    effect = lines.effect(terms)
    if not is_spot(terms.symbol):
        news += f" · {directions.effect(terms, account.position)}"
        effect = [directions.standing(terms, account.position, account.leverage)]
    if ahead:
        news += f" · {ahead}"
    passed = f"{figures.several(ticket.checks, 'check')} passed" if ticket.checks else ""
    text = _fitted(
        ticket,
        [
            f"<b>{lines.badge(ticket.mode)} · {lines.what(view)}{news}</b>",
            _where(view, look, short),
            asked_again(view, look),
        ],
        [
            *lines.protection(terms, look, account.equity),
            *effect,
            *directions.links(ticket, lines.symbol(view)),
            lines.source(view, look),
            "" if moved else lines.market(terms).capitalize(),
        ],
        [passed, needed(view, look), lines.voted(view, VoteKind.APPROVE, look)],
    )
    return Face(text=text, buttons=_decision(terms, look))


def asked_again(view: TicketView, look: Look) -> str:
    """Why these are not the terms people saw before, and that nothing went out."""
    ticket, terms = view.ticket, view.ticket.terms
    assert terms is not None, "a pending ticket has terms"
    seen = ticket.previous_reference
    if seen is not None:
        change = figures.percent((terms.reference - seen) / seen, signed=True)
        limit = figures.percent(look.max_price_drift)
        return (
            f"You saw {figures.price(seen)}, it is {figures.price(terms.reference)} "
            f"({change}, limit {limit}). Nothing was sent."
        )
    if ticket.revision == 1:
        return ""
    return f"{lines.sentence(ticket.reason)} Earlier votes are void.".lstrip()


def needed(view: TicketView, look: Look) -> str:
    """Which votes a waiting ticket still needs, and until when."""
    ticket = view.ticket
    ahead, votes = lines.goes_ahead(ticket, look), lines.counted(view, VoteKind.APPROVE)
    if ahead:
        return f"{lines.capital(ahead)} unless somebody rejects"
    if votes:
        need = f"{len(votes)} of {ticket.required} approvals"
    else:
        need = f"{lines.approvals(ticket.required)} needed"
    if ticket.proposer is not None and ticket.required > 1:
        proposer = figures.quoted(view.signal.proposer_name or "", lines.NAME)
        need += f" besides {proposer or 'somebody'}, who proposed it"
    if ticket.expires_at is None:
        return need
    return f"{need} · until {of_ticket(ticket.expires_at, ticket, look)}"


def _decision(terms: Terms, look: Look) -> tuple[tuple[Button, ...], ...]:
    whole, half = lines.value(terms, look), lines.value(terms, look, Decimal("0.5"))
    return (
        (
            Button(label=f"Approve {whole}", action=Action.APPROVE, style=ButtonStyle.SUCCESS),
            Button(label="Reject", action=Action.REJECT, style=ButtonStyle.DANGER),
        ),
        (
            Button(label=f"½ {half}", action=Action.HALF),
            Button(label="Edit", action=Action.EDIT),
            WHY,
        ),
    )


_UNDECIDED = {TicketState.NEW, TicketState.REJECTED, TicketState.EXPIRED, TicketState.REFUSED}
"""States whose own lines say who decided, or where nobody did."""
