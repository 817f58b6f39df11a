"""Taps on buttons: what the token means, who may, one question to the desk, the pop-up.

Every action declares the least role it needs. A token that was never given out, or for another chat,
means nothing; what it means is a stored row, never anything in the tap.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from bot import halts
from bot.news import AUDIENCE
from bot.people import Somebody
from bot.telegram import (
    answers,
    commands,
    details,
    doubts,
    exits,
    figures,
    lines,
    pages,
    pairs,
    replies,
)
from bot.telegram.faces import POPUP_LIMIT, Action, Face
from bot.telegram.front import Front, Reply
from bot.telegram.kill_button import FirstTap
from execution import editing
from execution.approval import Role
from execution.closing import WHOLE
from execution.errors import StoreUnavailable, Told
from execution.limits import ConfirmLimit
from execution.outcome import Answer, Outcome
from execution.pairs import LIFTED, blocked_by
from execution.replacing import can_be_changed
from execution.reports import TicketView
from execution.store import Transaction
from execution.store.chat import Button
from execution.trading import standing_halt
from execution.types import TicketState, VoteKind


@dataclass(frozen=True)
class Tapped:
    """The pop-up for a tap, and what else to say."""

    popup: str = ""
    alert: bool = False
    reply: Reply | None = None
    on_panel: bool = False
    """Whether the message that was tapped passes for the panel."""


Handler = Callable[[Front, Button, Somebody], Awaitable[Tapped]]


WENT_WELL = frozenset(
    {
        Outcome.APPROVED,
        Outcome.TESTED,
        Outcome.COUNTED,
        Outcome.REJECTED,
        Outcome.REVISED,
        Outcome.REPLACING,
        Outcome.CANCELED,
        Outcome.PROPOSED,
        Outcome.LOOKING,
        Outcome.MARKED_ABSENT,
    }
)
"""Outcomes that did what was asked; of all others the person is told with an alert."""


def _about(button: Button) -> str:
    """The id behind a button's subject: a ticket's, or the generation of a halt."""
    return button.subject.partition(":")[2]


def _answered(front: Front, answer: Answer, who: Somebody) -> Tapped:
    text = answers.tapped(answer, front.look, may_look=who.role is not None)
    return Tapped(popup=text, alert=answer.outcome not in WENT_WELL)


async def _approve(front: Front, button: Button, who: Somebody) -> Tapped:
    answer = await front.desk.vote(
        _about(button), revision=button.revision, person=who.person, kind=VoteKind.APPROVE
    )
    return _answered(front, answer, who)


async def _reject(front: Front, button: Button, who: Somebody) -> Tapped:
    answer = await front.desk.vote(
        _about(button), revision=button.revision, person=who.person, kind=VoteKind.REJECT
    )
    return _answered(front, answer, who)


async def _halve(front: Front, button: Button, who: Somebody) -> Tapped:
    view = await front.view(_about(button))
    if view is None or view.ticket.terms is None:
        return _answered(front, Answer(outcome=Outcome.UNKNOWN), who)
    return await _sized(front, button, who, view.ticket.terms.amount / 2)


async def _resize(front: Front, button: Button, who: Somebody) -> Tapped:
    return await _sized(front, button, who, Decimal(button.argument))


async def _sized(front: Front, button: Button, who: Somebody, amount: Decimal) -> Tapped:
    answer = await front.desk.edit(
        _about(button),
        revision=button.revision,
        person=who.person,
        change=editing.amount(amount),
    )
    return _answered(front, answer, who)


async def _replace(front: Front, button: Button, who: Somebody) -> Tapped:
    view, amount = await front.view(_about(button)), Decimal(button.argument)
    if view is not None and view.orders and amount > view.left_of_last:
        return Tapped(popup=answers.LESS_IS_LEFT, alert=True)
    answer = await front.desk.replace(
        _about(button), person=who.person, change=editing.amount(amount)
    )
    return _answered(front, answer, who)


async def _edit(front: Front, button: Button, who: Somebody) -> Tapped:
    view = await front.view(_about(button))
    if view is None:
        return _answered(front, Answer(outcome=Outcome.UNKNOWN), who)
    waits = view.ticket.state is TicketState.PENDING
    changes = waits or can_be_changed(view.ticket, view.orders)
    if not changes or view.ticket.revision != button.revision:
        # The desk words the same refusal as it would for an approval that comes too late.
        late = await front.desk.standing(view.ticket.id, revision=button.revision)
        return _answered(front, late, who)
    short = await front.shorten()
    face = details.edit_question(view, front.look, short=short(view.ticket.id))
    word = "edit" if waits else "replace"
    subject = f"{word}:{view.ticket.id}:{button.revision}"
    return Tapped(reply=Reply(face=face, subject=subject, revision=button.revision))


async def _why(front: Front, button: Button, who: Somebody) -> Tapped:
    view = await front.view(_about(button))
    if view is None:
        return _answered(front, Answer(outcome=Outcome.UNKNOWN), who)
    short = await front.shorten()
    why = details.why(view, front.look, short=short(view.ticket.id))
    if why.popup is not None:
        return Tapped(popup=why.popup, alert=True)
    return Tapped(reply=Reply(face=why.reply, subject=button.subject))


async def _cancel(front: Front, button: Button, who: Somebody) -> Tapped:
    return _answered(front, await front.desk.cancel(_about(button), person=who.person), who)


async def _propose(front: Front, button: Button, who: Somebody) -> Tapped:
    value = Decimal(button.argument) if button.argument else None
    answer = await front.desk.propose(_about(button), person=who.person, value=value)
    return _answered(front, answer, who)


async def _refresh(front: Front, button: Button, who: Somebody) -> Tapped:
    face = await commands.status_face(front)
    return Tapped(reply=Reply(face=face, subject="status", edits=True))


async def _resume(front: Front, button: Button, who: Somebody) -> Tapped:
    seen = int(_about(button))
    await front.desk.resume(person=who.person, generation=seen)
    return Tapped(popup="Trading again.")


async def _cancel_entries(front: Front, button: Button, who: Somebody) -> Tapped:
    count = await front.desk.cancel_entries(person=who.person)
    if not count:
        return Tapped(popup="No entry of ours rests any more.", alert=True)
    entries = figures.several(count, "entry", "entries")
    return Tapped(popup=f"Canceling {entries}. The cards say when it is done.")


async def _confirm_limit(front: Front, button: Button, who: Somebody) -> Tapped:
    question = ConfirmLimit(question=int(_about(button)))
    made = await front.desk.change_limit(question, person=who.person)
    return Tapped(popup=f"{made.key} is changed.")


async def _reset_drawdown(front: Front, button: Button, who: Somebody) -> Tapped:
    await front.desk.reset_drawdown(person=who.person)
    return Tapped(popup="The drawdown counts from now on.")


async def _release_pair(front: Front, button: Button, who: Somebody) -> Tapped:
    """The first tap: the same message with the button that confirms it."""
    entry = int(_about(button))
    block = await front.store.read(lambda tx: blocked_by(tx, entry))
    view = None if block is None else await front.view(block.ticket)
    if block is None or view is None:
        return Tapped(popup=LIFTED, alert=True)
    short, mode = (await front.shorten())(block.ticket), view.ticket.mode
    face = pairs.blocked(mode, view.exchange, block, short=short, confirming=True)
    return Tapped(reply=Reply(face=face, subject=button.subject, edits=True))


async def _confirm_release(front: Front, button: Button, who: Somebody) -> Tapped:
    await front.desk.release_pair(int(_about(button)), person=who.person)
    return Tapped(popup="Entries in this pair go again.")


async def _look_again(front: Front, button: Button, who: Somebody) -> Tapped:
    view = await front.view(_about(button))
    order = None if view is None else lines.unproved(view)
    if order is None:
        return _answered(front, _over(view), who)
    return _answered(front, await front.desk.look_again(order.id, person=who.person), who)


async def _mark_absent(front: Front, button: Button, who: Somebody) -> Tapped:
    """The first tap: the same message with the button that confirms it."""
    view = await front.view(_about(button))
    if view is None or lines.unproved(view) is None:
        return _answered(front, _over(view), who)
    short = await front.shorten()
    face = doubts.doubt(view, front.look, short=short(view.ticket.id), confirming=True)
    return Tapped(
        reply=Reply(face=face, subject=button.subject, revision=button.revision, edits=True)
    )


async def _confirm_absent(front: Front, button: Button, who: Somebody) -> Tapped:
    view = await front.view(_about(button))
    if view is None:
        return _answered(front, _over(view), who)
    order = view.orders[int(button.argument)]
    return _answered(front, await front.desk.mark_absent(order.id, person=who.person), who)


async def _name_id(front: Front, button: Button, who: Somebody) -> Tapped:
    view = await front.view(_about(button))
    order = None if view is None else lines.unproved(view)
    if view is None or order is None:
        return _answered(front, _over(view), who)
    short = await front.shorten()
    face = doubts.question(
        view, order, short=short(view.ticket.id), user_id=who.user_id, name=who.person.name
    )
    return Tapped(reply=Reply(face=face, subject=f"name_id:{order.id}"))


async def _page(front: Front, button: Button, who: Somebody) -> Tapped:
    if not pages.is_one(button.subject):
        return _answered(front, Answer(outcome=Outcome.UNKNOWN), who)
    return Tapped(reply=replace(await pages.page(front, button.subject), edits=True))


async def _show_card(front: Front, button: Button, who: Somebody) -> Tapped:
    """A short reply to the card; a tap on what it quotes leads there."""
    view, subject = await front.view(_about(button)), button.subject
    card = await front.store.read(lambda tx: tx.chat.post(AUDIENCE, subject))
    if view is None or card is None or card.place != button.place:
        return _answered(front, Answer(outcome=Outcome.UNKNOWN), who)
    short = await front.shorten()
    face = replies.here_it_is(view, short=short(view.ticket.id))
    return Tapped(reply=Reply(face=face, to=card.number))


async def _kill(front: Front, button: Button, who: Somebody) -> Tapped:
    """The first tap: the same button becomes `Confirm kill`, for whoever tapped it."""
    halted = await _halted(front)
    if halted is None:
        return _told_of_the_panel(front.panel.kill(who.person, front.clock()), who)
    return Tapped(popup=halted, alert=True, on_panel=True)


def _told_of_the_panel(first: FirstTap, who: Somebody) -> Tapped:
    if first.person.id != who.person.id:
        return Tapped(popup=answers.of_another(first.person.name), alert=True, on_panel=True)
    return Tapped(popup=answers.CONFIRM_NOW, on_panel=True)


async def _confirm_kill(front: Front, button: Button, who: Somebody) -> Tapped:
    """What /kill does. Brought again, because it could not be stored, it is not too late."""
    now, first = front.clock(), front.panel.first
    mine = first is not None and first.person.id == who.person.id and first.holds(now)
    if not mine and front.desk.unsaved_halt is None:
        why = await _halted(front) or answers.not_confirmed(first, now)
        return Tapped(popup=why, alert=True, on_panel=True)
    try:
        await front.desk.halt(person=who.person, reason="")
    except StoreUnavailable as error:
        raise StoreUnavailable(f"No new order leaves meanwhile. {error}") from error
    front.panel.halted()
    return Tapped(popup=answers.KILLED, on_panel=True)


async def _halted(front: Front) -> str | None:
    """The pop-up that names the halt in force; None while there is none, or nothing can be read."""
    with suppress(StoreUnavailable):
        halt = standing_halt(await front.store.read(lambda tx: tx.trading()))
        if halt is not None:
            answer = Answer(outcome=Outcome.HALTED, name=halt.name, at=halt.at)
            return answers.tapped(answer, front.look, may_look=True)
    return None


async def _flatten(front: Front, button: Button, who: Somebody) -> Tapped:
    """The first tap: the same message with the button that confirms it."""
    return await _checklist(front, button, tapped_at=front.clock(), popup=answers.CONFIRM_FLATTEN)


async def _confirm_flatten(front: Front, button: Button, who: Somebody) -> Tapped:
    """Every position is closed, unless the first tap was long ago."""
    if _is_late(front, button):
        return await _checklist(front, button, tapped_at=None, popup=answers.TAP_AGAIN)
    await front.desk.flatten(person=who.person)
    return Tapped(popup=answers.FLATTENING)


async def _close(front: Front, button: Button, who: Somebody) -> Tapped:
    """The first tap: the same list with the button that confirms it."""
    page = await pages.positions(front, asked=button.subject, tapped_at=front.clock())
    return Tapped(popup=answers.CONFIRM_CLOSE, reply=replace(page, edits=True))


async def _confirm_close(front: Front, button: Button, who: Somebody) -> Tapped:
    """The position is closed, unless the first tap was long ago."""
    if _is_late(front, button):
        page = await pages.positions(front)
        return Tapped(popup=answers.TAP_AGAIN, reply=replace(page, edits=True))
    venue, symbol = exits.position(button.subject)
    held = await front.store.read(lambda tx: tx.positions.of(venue, symbol))
    if held is not None and held.updated_at > _tapped_at(button):
        page = await pages.positions(front, asked=button.subject, tapped_at=front.clock())
        return Tapped(popup=answers.POSITION_CHANGED, reply=replace(page, edits=True))
    await front.desk.close(symbol, WHOLE, person=who.person, venue=venue)
    return Tapped(popup=f"Closing {symbol}. Its card says how far that is.")


def _is_late(front: Front, button: Button) -> bool:
    """Whether a tap that confirms comes too long after the first."""
    return front.clock() - _tapped_at(button) > exits.CONFIRM_WITHIN


def _tapped_at(button: Button) -> datetime:
    """When the first tap was, in whole seconds."""
    return datetime.fromtimestamp(int(button.argument), UTC)


async def _checklist(
    front: Front, button: Button, *, tapped_at: datetime | None, popup: str
) -> Tapped:
    """The halt's message as it is now, asking for the second tap or not."""

    def read(tx: Transaction) -> Face | None:
        if standing_halt(tx.trading()) is None:
            return None
        return halts.checklist(tx, front.market, front.look, tapped_at=tapped_at)

    face = await front.store.read(read)
    if face is None:
        return Tapped(popup=answers.NOT_HALTED, alert=True)
    return Tapped(popup=popup, reply=Reply(face=face, subject=button.subject, edits=True))


async def _refresh_panel(front: Front, button: Button, who: Somebody) -> Tapped:
    front.panel.refresh()
    return Tapped(on_panel=True)


async def _show_status(front: Front, button: Button, who: Somebody) -> Tapped:
    reply = Reply(face=await commands.status_face(front), subject="status")
    return Tapped(reply=reply, on_panel=True)


def _over(view: TicketView | None) -> Answer:
    """What a button is about is known by now, or gone."""
    if view is None:
        return Answer(outcome=Outcome.UNKNOWN)
    return Answer(outcome=Outcome.ENDED, ticket=view.ticket)


HANDLERS: dict[Action, tuple[Role, Handler]] = {
    Action.APPROVE: (Role.APPROVER, _approve),
    Action.REJECT: (Role.APPROVER, _reject),
    Action.HALF: (Role.APPROVER, _halve),
    Action.RESIZE: (Role.APPROVER, _resize),
    Action.EDIT: (Role.APPROVER, _edit),
    Action.REPLACE: (Role.APPROVER, _replace),
    Action.WHY: (Role.VIEWER, _why),
    Action.CANCEL_REST: (Role.APPROVER, _cancel),
    Action.PROPOSE: (Role.APPROVER, _propose),
    Action.REFRESH_STATUS: (Role.VIEWER, _refresh),
    Action.CONFIRM_RESUME: (Role.OWNER, _resume),
    Action.CANCEL_ENTRIES: (Role.APPROVER, _cancel_entries),
    Action.CONFIRM_LIMIT: (Role.OWNER, _confirm_limit),
    Action.RESET_DRAWDOWN: (Role.OWNER, _reset_drawdown),
    Action.RELEASE_PAIR: (Role.OWNER, _release_pair),
    Action.CONFIRM_RELEASE: (Role.OWNER, _confirm_release),
    Action.LOOK_AGAIN: (Role.APPROVER, _look_again),
    Action.MARK_ABSENT: (Role.OWNER, _mark_absent),
    Action.CONFIRM_ABSENT: (Role.OWNER, _confirm_absent),
    Action.NAME_ID: (Role.OWNER, _name_id),
    Action.PAGE: (Role.VIEWER, _page),
    Action.SHOW_CARD: (Role.VIEWER, _show_card),
    Action.KILL: (Role.APPROVER, _kill),
    Action.CONFIRM_KILL: (Role.APPROVER, _confirm_kill),
    Action.FLATTEN: (Role.APPROVER, _flatten),
    Action.CONFIRM_FLATTEN: (Role.APPROVER, _confirm_flatten),
    Action.CLOSE: (Role.APPROVER, _close),
    Action.CONFIRM_CLOSE: (Role.APPROVER, _confirm_close),
    Action.REFRESH_PANEL: (Role.VIEWER, _refresh_panel),
    Action.SHOW_STATUS: (Role.VIEWER, _show_status),
}
assert set(HANDLERS) == set(Action), "every action declares who may, and every one works"


async def run(front: Front, token: str, place: int, who: Somebody) -> Tapped:
    """What a tap on a button with this token, in this chat, by this person comes to."""
    if who.role is None:
        return Tapped(popup=answers.forbidden(Role.VIEWER, None), alert=True)
    button = await front.buttons.meaning(token)
    if button is None or button.place != str(place):
        return _answered(front, Answer(outcome=Outcome.UNKNOWN), who)
    needs, handler = HANDLERS[Action(button.action)]
    if not who.role.includes(needs):
        return Tapped(popup=answers.forbidden(needs, who.role), alert=True)
    try:
        return await handler(front, button, who)
    except Told as error:
        return Tapped(popup=figures.cut_utf16(str(error), POPUP_LIMIT), alert=True)
