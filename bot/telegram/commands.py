"""The chat's commands: who may, parse, one question to the desk, answer.

Each is registered with what `replies.COMMANDS` declares of it, its role included; one without a
declaration cannot be registered. Nothing here decides about trading.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256

from bot.sources.fields import BadField, positive
from bot.sources.signal import read_signal
from bot.sources.text import read_text
from bot.telegram import answers, changing, doubts, limiting, lines, pages, pausing, replies
from bot.telegram.faces import Face
from bot.telegram.front import Asked, Front, Reply
from bot.telegram.limits import limits as limits_face
from bot.telegram.trail import pages as pages_of
from execution.approval import Role
from execution.closing import WHOLE
from execution.config import BY_HAND
from execution.errors import StoreUnavailable, Told
from execution.outcome import Answer, Outcome
from execution.receiving import SignalKey
from execution.types import Side, Ticket, TradingState

Handler = Callable[[Front, Asked], Awaitable[Reply | None]]

_MOST = 366
"""Days a result can be asked for at most."""
_MINUS = ("-", "\u2212")
"""What stands before a short: as keyboards have it, and as we write it."""
_REMEMBERED = timedelta(days=2)
"""How long a message may come again; Telegram keeps what was not confirmed for a day."""


async def status(front: Front, asked: Asked) -> Reply:
    """How things stand, with a button to look again."""
    return Reply(face=await status_face(front), subject="status")


async def status_face(front: Front) -> Face:
    """The status message; its Refresh button edits it in place."""
    view, short = await front.status(), await front.shorten()
    halt = front.desk.unsaved_halt
    unsaved = None if halt is None else halt.name
    return replies.status(
        view,
        front.look,
        now=front.clock(),
        short=short,
        unsaved=unsaved,
        not_pinned=front.panel.not_pinned,
    )


async def help_(front: Front, asked: Asked) -> Reply:
    """What this person can type."""
    return Reply(face=replies.help_text(front.mode, asked.who.role))


async def whoami(front: Front, asked: Asked) -> Reply:
    """Whom the desk takes this person for."""
    who = asked.who
    return Reply(face=replies.whoami(front.mode, who.user_id, who.person.name, who.role))


async def kill(front: Front, asked: Asked) -> Reply | None:
    """Halt at once. The notifier's checklist is the answer; a second kill is told of the first."""
    began = front.clock()  # nothing is read first: it could fail, or wait
    flatten = [word.lower() for word in asked.words[:1]] == ["flatten"]  # phones write capitals
    reason = " ".join(asked.words[flatten:])
    after = await front.desk.halt(person=asked.who.person, reason=reason, flatten=flatten)
    if after.halt is None or after.halt.at >= began:
        return None if asked.at_home else Reply(face=replies.halted_elsewhere(front.mode))
    if after.halt.flatten is not None and after.halt.flatten.at >= began:
        return Reply(face=replies.told(front.mode, answers.FLATTENING))
    halted = Answer(outcome=Outcome.HALTED, name=after.halt.name, at=after.halt.at)
    text = answers.tapped(halted, front.look, may_look=True)
    return Reply(face=replies.told(front.mode, text))


async def close(front: Front, asked: Asked) -> Reply | None:
    """Out of a position, or a share of it; the card of each closing is the answer."""
    share = WHOLE
    if len(asked.words) == 2 and asked.words[1].endswith("%"):
        share = positive(asked.words[1].removesuffix("%"), "share") / 100
    elif len(asked.words) != 1:
        return Reply(face=replies.wrong_usage(front.mode, "close", asked.who.role))
    if share > WHOLE:
        return Reply(
            face=replies.told(front.mode, "More than 100% of a position cannot be closed.")
        )
    key = SignalKey(value=asked.key, keeps=_REMEMBERED)
    closed = await front.desk.close(asked.words[0], share, person=asked.who.person, key=key)
    if not closed.left_out:
        return None
    return Reply(face=replies.told(front.mode, " ".join(closed.left_out)))


async def resume(front: Front, asked: Asked) -> Reply:
    """What will and will not restart, with one button that does it."""
    plan = await front.plan()
    face = pausing.resume(plan, front.config.sources, front.look, now=front.clock())
    return Reply(face=face, subject=f"resume:{plan.status.trading.generation}")


async def pause(front: Front, asked: Asked) -> Reply | None:
    """Nothing more adds exposure; the notifier's message is the answer to the first one."""
    began = front.clock()
    reason = " ".join(asked.words)
    after = await front.desk.pause(person=asked.who.person, reason=reason)
    stop = after.halt
    if stop is not None and after.state is TradingState.PAUSED and stop.at >= began:
        return None if asked.at_home else Reply(face=pausing.paused_elsewhere(front.mode))
    state = replies.standing(after, front.look, front.clock())
    return Reply(face=replies.told(front.mode, f"{state}. Nothing changed."))


async def adopt(front: Front, asked: Asked) -> Reply:
    """Take over a part of what the account holds and our fills do not come to."""
    if len(asked.words) != 3:
        return Reply(face=replies.wrong_usage(front.mode, "adopt", asked.who.role))
    symbol, amount, average = asked.words
    short = amount.startswith(_MINUS)
    price, size = positive(average, "average"), positive(amount[short:], "amount")
    position = await front.desk.adopt(
        symbol,
        amount=size.copy_negate() if short else size,
        average=price,
        person=asked.who.person,
    )
    if position is None:
        return Reply(face=replies.let_go(front.mode, symbol))
    venue = front.market.feed(position.venue).venue
    return Reply(face=replies.adopted(venue.mode, venue.exchange, position, price))


def listing(name: str) -> Handler:
    """The first page of a list."""

    async def handler(front: Front, asked: Asked) -> Reply:
        return await pages.page(front, f"{name}:")

    return handler


async def pnl(front: Front, asked: Asked) -> Reply:
    """What was realised in so many days, a month when it is not said."""
    said = asked.words or ("30",)
    days = said[0].lower().removesuffix("d")
    if len(said) > 1 or not days.isascii() or not days.isdigit() or not 1 <= int(days) <= _MOST:
        return Reply(face=replies.wrong_usage(front.mode, "pnl", asked.who.role))
    return await pages.page(front, f"pnl:{int(days)}")


def proposing(side: Side) -> Handler:
    """A ticket by hand: checked, sized and asked about as every other; its card is the answer."""

    async def handler(front: Front, asked: Asked) -> Reply | None:
        line = " ".join([side.value, *asked.words])
        id = await front.store.read(lambda tx: tx.new_id())
        try:
            signal = read_signal(read_text(line), id=id, source=BY_HAND, received_at=front.clock())
        except BadField as error:
            wrong = f"{error.field} {error.wrong}"
            return Reply(face=replies.wrong_usage(front.mode, side, asked.who.role, wrong))
        key = SignalKey(value=asked.key, keeps=_REMEMBERED)
        digest = sha256(line.encode()).hexdigest()
        await front.desk.accept(signal, keys=[key], digest=digest, person=asked.who.person)
        return None

    return handler


async def test(front: Front, asked: Asked) -> Reply | None:
    """A ticket that takes the whole path and is never sent; its card is the answer."""
    if asked.words:
        return Reply(face=replies.wrong_usage(front.mode, "test", asked.who.role))
    key = SignalKey(value=asked.key, keeps=_REMEMBERED)
    await front.desk.test(key=key, person=asked.who.person)
    return None


async def limits(front: Front, asked: Asked) -> Reply | None:
    """The desk's own limits, and how much of each is used; or a change of one."""
    if asked.words:
        return await changing.change(front, asked)
    now = await front.limits()
    in_force = front.config.evolve(limits=now.limits)
    face = limits_face(front.mode, in_force, now.used, now=now.at)
    marks = limiting.marks(now.changed, front.config, front.look, seen=now.at)
    return Reply(face=face.evolve(text="\n".join([face.text, *marks])))


async def audit(front: Front, asked: Asked) -> Reply:
    """Everything that was done with a ticket."""
    ticket = await _named(front, "audit", asked)
    if isinstance(ticket, Reply):
        return ticket
    trail, short = await front.trail(ticket), await front.shorten()
    first, *more = pages_of(trail, front.look, short=short(ticket.id))
    return Reply(face=first, more=tuple(more))


async def cancel(front: Front, asked: Asked) -> Reply:
    """Withdraw a ticket, or cancel what is left of its order."""
    ticket = await _named(front, "cancel", asked)
    if isinstance(ticket, Reply):
        return ticket
    answer = await front.desk.cancel(ticket.id, person=asked.who.person)
    view = await front.view(ticket.id)
    if answer.outcome is not Outcome.CANCELED or view is None:
        text = answers.tapped(answer, front.look, may_look=True)
        return Reply(face=replies.told(front.mode, text))
    short = await front.shorten()
    if lines.unproved(view) is not None:
        # The exchange will hardly cancel what it does not show: people can decide instead.
        face = doubts.doubt(view, front.look, short=short(ticket.id))
        return Reply(face=face, subject=f"ticket:{ticket.id}", revision=ticket.revision)
    return Reply(face=replies.canceling(view, short=short(ticket.id)))


async def _named(front: Front, command: str, asked: Asked) -> Ticket | Reply:
    """The one ticket a command names, or what to say instead."""
    if len(asked.words) != 1:
        return Reply(face=replies.wrong_usage(front.mode, command, asked.who.role))
    found = await front.tickets_named(asked.words[0])
    if len(found) != 1:
        return Reply(face=replies.no_such_ticket(front.mode, asked.words[0], len(found)))
    return found[0]


HANDLERS: dict[str, Handler] = {
    "status": status,
    "pending": listing("pending"),
    "orders": listing("orders"),
    "positions": listing("positions"),
    "history": listing("history"),
    "pnl": pnl,
    "limits": limits,
    "audit": audit,
    "buy": proposing(Side.BUY),
    "sell": proposing(Side.SELL),
    "cancel": cancel,
    "kill": kill,
    "pause": pause,
    "resume": resume,
    "close": close,
    "adopt": adopt,
    "test": test,
    "whoami": whoami,
    "help": help_,
}
ANYWHERE = frozenset({"kill", "pause"})
"""Commands that also work in another topic of the chat and in a private chat with the bot."""
_DECLARED = {command.name: command for command in replies.COMMANDS}
_NARROWER: dict[tuple[str, ...], replies.Command] = {
    (one.name, one.arguments.split()[0]): one for one in replies.NARROWER
}
assert set(_DECLARED) == set(HANDLERS), "every command is declared, and every declared one works"


LOOKS = frozenset(
    name for name, command in _DECLARED.items() if command.role in {None, Role.VIEWER}
)
"""Commands that change nothing: their answer is all they ask for."""


async def run(front: Front, name: str, asked: Asked) -> Reply | None:
    """Answer one command; None when nothing is to be said.

    Raises:
        StoreUnavailable: what it asks for is not stored; it must be asked again.
    """
    role = asked.who.role
    if name == "start":
        name = "help"
    command = _DECLARED.get(name)
    if asked.who.hidden:
        return None if command is None else Reply(face=replies.hidden(front.mode))
    if not asked.at_home and name not in ANYWHERE:
        return None if role is None else Reply(face=replies.elsewhere(front.mode))
    if command is None:
        return None if role is None else Reply(face=replies.unknown_command(front.mode, name, role))
    command = _NARROWER.get((name, *asked.words[:1]), command)
    if command.role is not None and (role is None or not role.includes(command.role)):
        # A stranger learns nothing, not even that there is something to be had.
        return None if role is None else Reply(face=replies.not_for_you(front.mode, command, role))
    try:
        return await HANDLERS[name](front, asked)
    except Told as error:
        return Reply(face=replies.told(front.mode, str(error)))
    except StoreUnavailable as error:
        if name not in LOOKS:
            raise
        return Reply(face=replies.told(front.mode, str(error)))
