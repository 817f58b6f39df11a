"""The small pop-up a tap is answered with: which of all the things that can become of a tap it was.

Pure text of at most 200 characters, from the desk's answer alone: answered by somebody, expired,
changed since, not allowed, halted. The handlers show it; it never decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.telegram import figures, lines
from bot.telegram.faces import POPUP_LIMIT, Look
from bot.telegram.kill_button import FirstTap
from execution.approval import Role
from execution.outcome import Answer, Outcome
from execution.types import TicketState, VoteKind

_STAYS = {TicketState.PENDING, TicketState.WORKING}
"""States in which a ticket is as it was after a change was refused."""


def tapped(answer: Answer, look: Look, *, may_look: bool) -> str:
    """The pop-up for what became of a tap; `may_look` is whether the person has any role here."""
    if answer.outcome is Outcome.NOT_ALLOWED:
        return forbidden(Role.APPROVER, Role.VIEWER if may_look else None)
    text = _TAPPED[answer.outcome](answer, look)
    return figures.cut_utf16(f"{lines.TEST}: {text}" if _is_test(answer) else text, POPUP_LIMIT)


def _is_test(answer: Answer) -> bool:
    terms = None if answer.ticket is None else answer.ticket.terms
    return terms is not None and terms.test


def forbidden(needs: Role, has: Role | None) -> str:
    """The pop-up for a button that this person's role does not reach."""
    if has is None:
        return "You are not on this desk's list."
    return "You can look, not approve." if needs is Role.APPROVER else f"Only for {needs}s."


FAULT = "Something went wrong here; it is in the log."
BROKEN = f"{FAULT} Look at the card before you tap again."


CONFIRM_NOW = "Tap Confirm kill within 10 s. /kill halts at once."
KILLED = "Halted: no new orders. The checklist follows."
CONFIRM_FLATTEN = "Tap Confirm flatten within 60 s."
CONFIRM_CLOSE = "Tap Confirm close within 60 s."
POSITION_CHANGED = "The position changed since that tap. Look at it, then tap Confirm close."
LESS_IS_LEFT = "Less of it is left by now: tap Edit again."
TAP_AGAIN = "That was not confirmed in time. Tap once more."
FLATTENING = "Every position is being closed. The checklist of the halt says how far that is."
NOT_HALTED = "The desk is not halted any more. /close closes a position."


def of_another(name: str) -> str:
    """The pop-up for whoever taps Kill while somebody else is asked to confirm it."""
    who = figures.outside(name, lines.NAME)
    return f"{who} tapped Kill and is asked to confirm it. /kill halts at once."


def not_confirmed(first: FirstTap | None, now: datetime) -> str:
    """The pop-up for a tap on Confirm kill that counts for nothing."""
    if first is None:
        return "Nobody tapped Kill since the last start or halt: tap it first. /kill halts at once."
    if first.holds(now):
        return of_another(first.person.name)
    return "The 10 s to confirm are over: tap Kill again. /kill halts at once."


def not_stored(reason: str) -> str:
    """The pop-up for a tap while nothing can be written down."""
    text = f"Not stored yet, nothing was sent. It counts as soon as it is. {reason}"
    return figures.cut_utf16(text, POPUP_LIMIT)


def _approved(answer: Answer, look: Look) -> str:
    return "Approved. Checked once more, then sent."


def _tested(answer: Answer, look: Look) -> str:
    return "Approved, and every check passed again. Nothing is sent."


def _counted(answer: Answer, look: Look) -> str:
    required = answer.ticket.required if answer.ticket else 0
    return f"Your approval counts: {answer.votes} of {required}."


def _rejected(answer: Answer, look: Look) -> str:
    return "Rejected. Nothing was sent."


def _revised(answer: Answer, look: Look) -> str:
    return f"Asked again as {_revision(answer)}. Earlier votes are void."


def _replacing(answer: Answer, look: Look) -> str:
    return "The order stays as it is. A card asks for the changed one, which then takes its place."


def _unchanged(answer: Answer, look: Look) -> str:
    return "Nothing would change: the card says that already."


def _moved(answer: Answer, look: Look) -> str:
    why = lines.capital(figures.outside(_reason(answer), lines.SENTENCE))
    return f"{why}, nothing was sent: look at {_revision(answer)}."


def _refused(answer: Answer, look: Look) -> str:
    reasons = answer.refusals[:1]
    why = "".join(f"{lines.refusal(reason)} " for reason in reasons)
    waits = answer.ticket is not None and answer.ticket.state in _STAYS
    return why + ("It stays as it was." if waits else "Nothing was sent.")


def _answered(answer: Answer, look: Look) -> str:
    verb = "rejected" if answer.vote is VoteKind.REJECT else "approved"
    return f"{_name(answer)} {verb} this{_at(answer, look)}."


def _went_ahead(answer: Answer, look: Look) -> str:
    return f"It went ahead{_at(answer, look)}: nobody had rejected it."


def _own_proposal(answer: Answer, look: Look) -> str:
    return "You proposed this: others must approve it."


def _repeated(answer: Answer, look: Look) -> str:
    if answer.at is None:
        return "This was already proposed again."
    return f"You approved this{_at(answer, look)}. Others are still needed."


def _expired(answer: Answer, look: Look) -> str:
    return f"Expired{_at(answer, look)}."


def _superseded(answer: Answer, look: Look) -> str:
    return f"Changed since: look at {_revision(answer)}."


def _halted(answer: Answer, look: Look) -> str:
    return f"Halted by {_name(answer)}{_at(answer, look)}."


def _paused(answer: Answer, look: Look) -> str:
    return f"Paused by {_name(answer)}{_at(answer, look)}. It stays until an owner resumes or it expires."


def _canceled(answer: Answer, look: Look) -> str:
    if answer.ticket is not None and answer.ticket.state is TicketState.CANCELED:
        return "Canceled. Nothing was sent."
    return "The exchange is asked to cancel what is left. The card says when it has."


def _proposed(answer: Answer, look: Look) -> str:
    return "Proposed again: it is checked anew and gets its own card."


def _looking(answer: Answer, look: Look) -> str:
    return "Looking now. What it shows is said here."


def _marked_absent(answer: Answer, look: Look) -> str:
    return "Marked as absent. If it shows up after all, you are told."


def _named(answer: Answer, look: Look) -> str:
    return "The exchange is asked about it. Nothing changes unless everything fits."


def _ended(answer: Answer, look: Look) -> str:
    if answer.ticket is None:
        return "Nothing to do here any more."
    verb = "has" if answer.ticket.state is TicketState.FAILED else "is"
    return f"Nothing to do here any more. The ticket {verb} {answer.ticket.state}."


def _unknown(answer: Answer, look: Look) -> str:
    return "This is not known here any more."


_TAPPED: Mapping[Outcome, Callable[[Answer, Look], str]] = {
    Outcome.APPROVED: _approved,
    Outcome.TESTED: _tested,
    Outcome.COUNTED: _counted,
    Outcome.REJECTED: _rejected,
    Outcome.REVISED: _revised,
    Outcome.REPLACING: _replacing,
    Outcome.UNCHANGED: _unchanged,
    Outcome.MOVED: _moved,
    Outcome.REFUSED: _refused,
    Outcome.ANSWERED: _answered,
    Outcome.WENT_AHEAD: _went_ahead,
    Outcome.OWN_PROPOSAL: _own_proposal,
    Outcome.REPEATED: _repeated,
    Outcome.EXPIRED: _expired,
    Outcome.SUPERSEDED: _superseded,
    Outcome.HALTED: _halted,
    Outcome.PAUSED: _paused,
    Outcome.CANCELED: _canceled,
    Outcome.PROPOSED: _proposed,
    Outcome.LOOKING: _looking,
    Outcome.MARKED_ABSENT: _marked_absent,
    Outcome.NAMED: _named,
    Outcome.ENDED: _ended,
    Outcome.UNKNOWN: _unknown,
}


def _reason(answer: Answer) -> str:
    """Why a ticket is asked again."""
    return (answer.ticket and answer.ticket.reason) or "the price moved"


def _revision(answer: Answer) -> str:
    return f"revision {answer.ticket.revision}" if answer.ticket else "the card"


def _name(answer: Answer) -> str:
    return figures.outside(answer.name or "", lines.NAME) or "Somebody"


def _at(answer: Answer, look: Look) -> str:
    return f" at {figures.clock_time(answer.at, look.zone)}" if answer.at else ""
