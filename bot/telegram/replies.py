"""Replies to what people type: status, help, who am I, resume, and what was wrong with a command.

Pure. The command handlers ask for them after the desk has answered; a reply never says more than the
view it was given, and tells a stranger nothing but their own id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches

from bot.telegram import accounts, contracts, dead_man, directions, figures, fills, lines, pairs
from bot.telegram.faces import POPUP_LIMIT, Action, Button, Face, Look
from execution.approval import Role
from execution.instruments import MarketKind
from execution.positions import Position
from execution.record import Record
from execution.reports import PositionView, StatusView, TicketView, VenueView
from execution.trading import Trading
from execution.types import Mode, OrderState, TradingState

_SHOWN = 8
"""Rows of each kind in /status, so that all of it fits one message; the rest is counted."""
_REASON = 48
"""Room for why a venue does not answer, in its row."""
_CHANGES = ("0.02", "$1200", "@ 59900", "sl 58900", "tp 61500")
"""What may be typed to change a ticket."""
_OLD_MARK = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Command(Record):
    """One command of the chat: what to type, what it does, who may."""

    name: str
    arguments: str
    does: str
    role: Role | None
    """The least role that may use it; None for anyone in the chat."""


COMMANDS = (
    Command(name="status", arguments="", does="how things stand", role=Role.VIEWER),
    Command(name="pending", arguments="", does="what waits for you", role=Role.VIEWER),
    Command(name="orders", arguments="", does="orders at work", role=Role.VIEWER),
    Command(name="positions", arguments="", does="what is held", role=Role.VIEWER),
    Command(name="history", arguments="", does="tickets, newest first", role=Role.VIEWER),
    Command(
        name="pnl",
        arguments="[days]",
        does="what was realised, as a picture",
        role=Role.VIEWER,
    ),
    Command(
        name="limits",
        arguments="",
        does="the desk's limits, and how much of them is used",
        role=Role.VIEWER,
    ),
    Command(
        name="audit",
        arguments="<ticket>",
        does="who did what when, from signal to last fill",
        role=Role.VIEWER,
    ),
    Command(
        name="buy",
        arguments="<symbol> [amount or $notional] [@ price] [sl x] [tp y]",
        does="propose a ticket of your own",
        role=Role.APPROVER,
    ),
    Command(
        name="sell",
        arguments="<symbol> [amount or $notional] [@ price] [sl x] [tp y]",
        does="propose a ticket of your own",
        role=Role.APPROVER,
    ),
    Command(
        name="cancel",
        arguments="<id>",
        does="withdraw a ticket, or cancel what is left of its order",
        role=Role.APPROVER,
    ),
    Command(
        name="close",
        arguments="<symbol> [50%]",
        does="close a position, or a share of it",
        role=Role.APPROVER,
    ),
    Command(
        name="kill",
        arguments="[flatten] [reason]",
        does="halt at once and cancel every open order of ours; with flatten, close positions too",
        role=Role.APPROVER,
    ),
    Command(
        name="pause",
        arguments="[reason]",
        does="no new orders that add exposure; exits go on",
        role=Role.APPROVER,
    ),
    Command(name="resume", arguments="", does="trade again after a halt or pause", role=Role.OWNER),
    Command(
        name="adopt",
        arguments="<symbol> <amount> <average>",
        does="make what the account holds a position",
        role=Role.OWNER,
    ),
    Command(
        name="test",
        arguments="",
        does="post a card that takes the whole path and is never sent",
        role=Role.OWNER,
    ),
    Command(name="whoami", arguments="", does="your id and role", role=None),
    Command(name="help", arguments="", does="this list", role=None),
)
NARROWER = (
    Command(
        name="limits",
        arguments="set <key> <value>",
        does="change a limit, or switch it off",
        role=Role.OWNER,
    ),
    Command(
        name="limits",
        arguments="reset <key>",
        does="back to the settings; drawdown: count it from now on",
        role=Role.OWNER,
    ),
)
"""Uses of a command that need more than the command itself."""
_MAY = {
    Role.OWNER: "decides, halts and resumes",
    Role.APPROVER: "decides, pauses and halts",
    Role.VIEWER: "looks, decides nothing",
}


_PLACES = {command.name: place for place, command in enumerate(COMMANDS)}


def commands_for(role: Role | None) -> tuple[Command, ...]:
    """What somebody with this role may use, in the order of the menu."""
    return tuple(command for command in COMMANDS if _may(role, command))


def _may(role: Role | None, command: Command) -> bool:
    return command.role is None or (role is not None and role.includes(command.role))


def help_text(mode: Mode, role: Role | None) -> Face:
    """The commands this person may use."""
    allowed = [*commands_for(role), *(one for one in NARROWER if _may(role, one))]
    allowed.sort(key=lambda one: _PLACES[one.name])
    rows = [f"{_typed(command)}: {command.does}" for command in allowed]
    return Face(text="\n".join([f"<b>{lines.badge(mode)} · What you can type</b>", *rows]))


def whoami(mode: Mode, user_id: int, name: str, role: Role | None) -> Face:
    """Who the desk takes somebody for; a stranger learns only their own id."""
    if role is None:
        return Face(text=f"{lines.badge(mode)} · Your id is <code>{user_id}</code>.")
    who = figures.quoted(name, lines.NAME)
    return Face(
        text=f"{lines.badge(mode)} · {who}, <code>{user_id}</code>: {role.value}, {_MAY[role]}."
    )


def status(
    view: StatusView,
    look: Look,
    *,
    now: datetime,
    short: Callable[[str], str],
    unsaved: str | None = None,
    not_pinned: str | None = None,
) -> Face:
    """The truth at this moment, with a button that asks for it again.

    `unsaved` is who halted, where that could not be stored yet; `not_pinned` why the panel is not.
    """
    trading = standing(view.trading, look, now)
    if unsaved is not None:
        trading = f"HALTED by {figures.quoted(unsaved, lines.NAME)}, NOT STORED"
    waiting = f"Waiting for you {view.pending} · orders open {view.open} · unknown {view.unknown}"
    at = figures.clock_time(now, look.zone)
    text = lines.joined(
        [
            f"<b>{lines.badge(view.mode)} · {trading} · up {figures.duration(view.uptime)}</b>",
            *rows([_venue(venue, view.mode, look, now) for venue in view.venues], "venues"),
            dead_man.row(view.venues[:_SHOWN], now),
        ],
        [waiting, *rows([working_row(ticket, short) for ticket in view.working], "orders")],
        [
            *rows([position_row(position) for position in view.positions], "positions"),
            accounts.today(view.standing, look, now=now),
            *accounts.stopped(view.stops, look),
            *pairs.rows(view.blocked),
            *contracts.rows(view.venues),
        ],
        [
            "" if not_pinned is None else lines.sentence(f"The panel is not pinned: {not_pinned}"),
            f"Messages not delivered {view.undelivered} · as of {at}",
        ],
    )
    refresh = Button(label="Refresh", action=Action.REFRESH_STATUS)
    return Face(text=text, buttons=((refresh,), *pairs.buttons(view.blocked)))


def rows(all_rows: Sequence[str], noun: str) -> list[str]:
    """The first rows of a kind, and how many are left."""
    left = len(all_rows) - _SHOWN
    return [*all_rows[:_SHOWN], *([f"and {left} more {noun}"] if left > 0 else [])]


def standing(trading: Trading, look: Look, now: datetime) -> str:
    """Trading, paused or halted, by whom and since when."""
    halt = trading.halt
    if trading.state is TradingState.ACTIVE or halt is None:
        return "trading" if trading.state is TradingState.ACTIVE else trading.state.value.upper()
    at = figures.moment(halt.at, look.zone, seen=now)
    who = f"by {figures.quoted(halt.name, lines.NAME)} at {at}"
    if trading.state is TradingState.PAUSED:
        return f"PAUSED {who}"
    if halt.verified_at is None:
        return f"HALTED {who}, NOT DONE"
    return f"HALTED {who}, done at {figures.moment(halt.verified_at, look.zone, seen=now)}"


def _venue(venue: VenueView, gravest: Mode, look: Look, now: datetime) -> str:
    place = figures.quoted(f"{venue.exchange} {venue.name}", 2 * lines.NAME)
    state = "connected" if venue.connected else "not connected"
    reason = figures.quoted(venue.reason or "", _REASON)
    looked = (
        f"looked {figures.duration(now - venue.last_reconciled)} ago"
        if venue.last_reconciled
        else "not looked yet"
    )
    unknown = f"{figures.several(venue.strangers, 'order')} not known here"
    strange = unknown if venue.strangers else ""
    kind = "" if venue.kind is MarketKind.SPOT else venue.kind.value
    told = (
        f"{place} {state}",
        kind,
        reason,
        _stream(venue, look, now),
        looked,
        strange,
        venue.certified,
    )
    parts = [part for part in told if part]
    own = "" if venue.mode is gravest else f"{lines.badge(venue.mode)} "
    return own + ", ".join(parts)


def _stream(venue: VenueView, look: Look, now: datetime) -> str:
    """Whether the exchange tells of itself what becomes of our orders; empty where nobody knows yet."""
    if venue.stream_heard is not None:
        return f"stream heard {figures.duration(now - venue.stream_heard)} ago"
    if venue.stream_broken is None or not venue.connected:
        return ""
    since = figures.moment(venue.stream_broken, look.zone, seen=now)
    return f"stream broken since {since}, orders are asked about instead"


def working_row(view: TicketView, short: Callable[[str], str]) -> str:
    """A ticket on its way, in a line."""
    order = lines.entry(view)
    state = "approved"
    if order is not None:
        state = order.state.value.replace("_", " ")
        if order.state is OrderState.WORKING and order.stop_price is not None:
            state = f"waits for {figures.price(order.stop_price)}"
        if view.fills:
            state += f", {fills.percent_filled(view)} filled"
    return f"{short(view.ticket.id)} {lines.what(view)} · {state} · {lines.place(view)}"


def position_row(view: PositionView) -> str:
    """What is held, in a line."""
    pair = figures.quoted(view.symbol, lines.NAME)
    venue = figures.quoted(view.venue, lines.NAME)
    marks = [] if view.mark is None else [view.mark]
    held = directions.held(view.symbol, view.amount)
    text = f"{pair} {held} at {figures.average(view.average, marks)}"
    if view.mark is None or view.unrealized is None:
        return f"{text}, no price now · {venue}"
    old = view.mark_age
    seen = f", seen {figures.duration(old)} ago" if old is not None and old > _OLD_MARK else ""
    gain = figures.money(view.unrealized, signed=True)
    stop = "" if view.stop is None else f", stop {figures.price(view.stop)}"
    return f"{text}, now {figures.price(view.mark)} ({gain}{seen}){stop} · {venue}"


def adopted(mode: Mode, exchange: str, position: Position, average: Decimal) -> Face:
    """What is a position now: all of it, with what was bought at `average`."""
    pair, venue = (figures.quoted(name, lines.NAME) for name in (position.symbol, position.venue))
    amount = directions.held(position.symbol, position.amount)
    held = f"{amount} at {figures.average(position.average, [average])}"
    return Face(text=f"<b>{lines.badge(mode)} · Adopted. {pair} {held} now.</b> {exchange} {venue}")


def let_go(mode: Mode, symbol: str) -> Face:
    """A position that was ended elsewhere is none here any more."""
    pair = figures.quoted(symbol, lines.NAME)
    return Face(text=f"<b>{lines.badge(mode)} · Adopted. Nothing is held of {pair} now.</b>")


def canceling(view: TicketView, *, short: str) -> Face:
    """What `/cancel` did: withdrew a ticket, or asked the exchange; the card shows the rest."""
    head = f"{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}"
    order = lines.entry(view)
    if order is None or order.state is OrderState.DENIED:
        return Face(text=f"{head}: canceled, nothing was sent. {lines.place(view)}")
    return Face(text=f"{head}: asking {lines.place(view)} to cancel what is left.")


def here_it_is(view: TicketView, *, short: str) -> Face:
    """Said in reply to a card, so that it is found again."""
    head = f"{lines.badge(view.ticket.mode)} · {short} {lines.what(view)}"
    return Face(text=f"{head} is here. {lines.place(view)}")


def told(mode: Mode, sentence: str) -> Face:
    """Why a command changed nothing, in the words of the error."""
    return Face(text=f"{lines.badge(mode)} · {lines.sentence(sentence, POPUP_LIMIT)}")


def wrong_usage(mode: Mode, name: str, role: Role | None, wrong: str = "") -> Face:
    """A command without what it needs: what is wrong, where that is known, and how it is typed.

    The name is one of `COMMANDS`.
    """
    command = next(c for c in commands_for(role) if c.name == name)
    return misused(mode, command, wrong)


def misused(mode: Mode, command: Command, wrong: str = "") -> Face:
    """The same of a command that is known."""
    said = f"{lines.sentence(wrong)} Type" if wrong else "Type"
    return Face(text=f"{lines.badge(mode)} · {said} {_typed(command)}: {command.does}.")


def edited(view: TicketView, came_of_it: str, *, short: str) -> Face:
    """What came of a change that somebody typed."""
    said = f"{lines.badge(view.ticket.mode)} · {lines.sentence(came_of_it, POPUP_LIMIT)}"
    return Face(text=f"{said}\n{short} {lines.what(view)} · {lines.place(view)}")


def not_a_change(mode: Mode, wrong: str) -> Face:
    """What was typed below a card, or its question, does not say what to change."""
    forms = " · ".join(f"<code>{form}</code>" for form in _CHANGES)
    return Face(
        text=f"{lines.badge(mode)} · {lines.sentence(wrong)} Nothing changed. Reply with what is to "
        f"be otherwise: {forms}; several fit one line."
    )


def not_for_you(mode: Mode, command: Command, role: Role) -> Face:
    """A command this person's role does not reach."""
    typed = (
        f"/{command.name} {command.arguments.split()[0]}"
        if command in NARROWER
        else (f"/{command.name}")
    )
    return Face(
        text=f"{lines.badge(mode)} · {typed} needs the role {command.role}; yours is {role}."
    )


def no_such_ticket(mode: Mode, typed: str, found: int) -> Face:
    """An id that names no ticket, or more than one."""
    name = figures.quoted(typed, lines.NAME)
    if found:
        return Face(text=f"{lines.badge(mode)} · {found} tickets end in {name}: type more of it.")
    return Face(text=f"{lines.badge(mode)} · There is no ticket {name}. Its card shows its id.")


def unknown_command(mode: Mode, typed: str, role: Role | None) -> Face:
    """A command nobody knows, with the closest this person may use."""
    name = figures.outside(typed.lstrip("/"), lines.NAME)
    known = [command.name for command in commands_for(role)]
    close = get_close_matches(name.lower(), known, n=1)
    fix = f"Did you mean /{close[0]}?" if close else "/help shows what there is."
    said = figures.quoted(name, lines.NAME)
    return Face(text=f"{lines.badge(mode)} · There is no /{said}. {fix}")


def halted_elsewhere(mode: Mode) -> Face:
    """A /kill from a private chat or another topic: where its checklist stands."""
    return Face(
        text=f"{lines.badge(mode)} · Halted: no new orders. The checklist is in the desk's own chat."
    )


def halt_not_stored(mode: Mode, reason: str, *, kept: bool) -> Face:
    """The answer to a /kill while nothing can be stored; `kept` is whether it outlives a restart."""
    restart = "A restart keeps it" if kept else "A restart would not know of it"
    return Face(
        text=f"<b>{lines.badge(mode)} · NOT STORED: halted, but nothing is canceled yet.</b>\n"
        f"{lines.sentence(reason)}\n"
        f"No new order leaves this process. {restart}. It is tried again.\n"
        "Cancel at the exchange by hand."
    )


def hidden(mode: Mode) -> Face:
    """A command by somebody who writes as the group or as a channel."""
    return Face(
        text=f"{lines.badge(mode)} · Nothing was done: whoever writes as the group or as a channel "
        "is nobody here. Write as yourself."
    )


def elsewhere(mode: Mode) -> Face:
    """A command typed in a private chat or another topic, where only a stop works."""
    return Face(
        text=f"{lines.badge(mode)} · That works in the desk's own chat only; /kill and /pause work here too."
    )


def _typed(command: Command) -> str:
    words = f"/{command.name} {command.arguments}".strip()
    return figures.quoted(words, 3 * lines.NAME)
