"""What is told of the desk as a whole: paused and resumed, limits and rules, venues, the day, the chat itself.

Beside `news.py`, which tells of tickets and of a halt. Reads stored rows and market data; sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from bot.message import Message, once
from bot.telegram import (
    contracts,
    daily,
    dead_man,
    figures,
    limiting,
    messages,
    notices,
    pausing,
    policies,
    replies,
    stops,
)
from bot.telegram.faces import Look
from execution import limits, reports, stopping
from execution.events import Event, EventKind
from execution.market import Market
from execution.reports import VenueView
from execution.store import Transaction
from execution.types import Mode, TicketState, TradingState


class DeskNews:
    """Messages from events that are about no ticket."""

    def __init__(self, *, market: Market, look: Look) -> None:
        self._market = market
        self._look = look

    def message(self, tx: Transaction, event: Event) -> Message | None:
        """The new message an event deserves; None where it deserves none."""
        tell = _KINDS.get(event.kind)
        return None if tell is None else tell(self, tx, event)

    @property
    def _mode(self) -> Mode:
        return reports.gravest(self._market)

    def paused(self, tx: Transaction, event: Event) -> Message | None:
        """Who paused, what still rests and what waits; nothing once it is over."""
        state = tx.trading()
        halt = state.halt if state.state is TradingState.PAUSED else None
        if halt is None or halt.at != event.at:
            return None
        entries, waiting = len(stopping.open_entries(tx)), tx.tickets.count(TicketState.PENDING)
        face = pausing.paused(self._mode, halt, entries=entries, waiting=waiting, look=self._look)
        return once(event, face)

    def resumed(self, tx: Transaction, event: Event) -> Message:
        """Trading again."""
        return once(event, pausing.resumed(self._mode, event.data["name"], event.at, self._look))

    def limit_changed(self, tx: Transaction, event: Event) -> Message:
        """What was changed, from what to what."""
        change = limits.told(event.data)
        return once(event, limiting.changed(self._mode, change, self._look.currency))

    def daily_loss(self, tx: Transaction, event: Event) -> Message:
        """The day lost too much."""
        entries = len(stopping.open_entries(tx))
        return once(event, stops.daily_loss(self._mode, event.data, self._look, entries=entries))

    def daily_loss_over(self, tx: Transaction, event: Event) -> Message:
        """A new day has begun, or the rule is off."""
        off = event.data["why"] == "off"
        why = "max_daily_loss is off" if off else "Yesterday's loss is over"
        return once(event, stops.over(self._mode, why), silent=True)

    def drawdown_over(self, tx: Transaction, event: Event) -> Message:
        """The rule is off."""
        return once(event, stops.over(self._mode, "max_drawdown is off"), silent=True)

    def drawdown(self, tx: Transaction, event: Event) -> Message:
        """Equity fell too far."""
        entries = len(stopping.open_entries(tx))
        return once(event, stops.drawdown(self._mode, event.data, self._look, entries=entries))

    def drawdown_reset(self, tx: Transaction, event: Event) -> Message:
        """It is measured from now on."""
        return once(event, stops.drawdown_reset(self._mode, event.data, self._look))

    def policy_changed(self, tx: Transaction, event: Event) -> Message | None:
        """Rules or people are not those of the last start."""
        face = policies.changed(self._mode, event.data)
        return None if face is None else once(event, face)

    def keys(self, tx: Transaction, event: Event) -> Message:
        """Somebody on the host changed what venues sign with, or the master key."""
        text = _ABOUT_KEYS[event.kind].format(**event.data)
        return once(event, replies.told(self._mode, text))

    def chat_moved(self, tx: Transaction, event: Event) -> Message:
        """The chat goes on under another id."""
        return once(event, notices.moved(self._mode, event.data["was"], event.data["to"]))

    def chat_heard(self, tx: Transaction, event: Event) -> Message:
        """Nobody was heard for a while; since when and why is in the entry itself."""
        since, reason = datetime.fromisoformat(event.data["since"]), event.data["reason"]
        return once(event, notices.heard_again(self._mode, reason, since, event.at, self._look))

    def daily(self, tx: Transaction, event: Event) -> Message:
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
        return once(event, face, silent=not daily.concerns(view, undelivered))

    def of_a_venue(self, tx: Transaction, event: Event) -> Message | None:
        """A venue lost or back, its clock, what its account held."""
        view = self._venue(tx, event)
        if view is None:
            return None
        if event.kind is EventKind.VENUE_UP:
            return once(event, messages.venue_up(view))
        if event.kind is EventKind.ACCOUNT_FOUND:
            held = dict(one.split("=") for one in event.data["holdings"].split())
            amounts = {asset: Decimal(amount) for asset, amount in held.items()}
            orders = int(event.data["orders"])
            return once(event, messages.account_found(view, amounts, orders), silent=True)
        if event.kind is EventKind.VENUE_CLOCK:
            return once(event, messages.clock_off(view, Decimal(event.data["seconds_ahead"])))
        if event.kind is EventKind.VENUE_CLOCK_STOP:
            return once(event, messages.clock_refused(view, Decimal(event.data["seconds_ahead"])))
        if event.kind is EventKind.VENUE_CLOCK_OVER:
            return once(event, messages.clock_taken(view))
        if event.kind in {EventKind.VENUE_KEY_STOP, EventKind.VENUE_KEY_OVER}:
            return once(event, messages.key_refused(view, event.data.get("reason")))
        return once(event, messages.venue_down(view.evolve(reason=event.data.get("reason"))))

    def dead_man(self, tx: Transaction, event: Event) -> Message | None:
        """A venue's dead man's switch: armed, not renewed in time, or renewed again after that."""
        view, seconds = self._venue(tx, event), event.data["seconds"]
        if view is None:
            return None
        if event.kind is EventKind.DEAD_MAN_ARMED:
            return once(event, dead_man.armed(view, seconds), silent=True)
        if event.kind is EventKind.DEAD_MAN_AGAIN:
            return once(event, dead_man.again(view, seconds))
        tell = dead_man.due if event.kind is EventKind.DEAD_MAN_DUE else dead_man.not_armed
        return once(event, tell(view, seconds, event.data.get("reason")))

    def of_contracts(self, tx: Transaction, event: Event) -> Message | None:
        """How an account of contracts is set, and a position there that is not ours."""
        view = self._venue(tx, event)
        if view is None:
            return None
        if event.kind is EventKind.VENUE_HEDGED:
            return once(event, contracts.hedged(view))
        if event.kind is EventKind.VENUE_ONE_WAY:
            return once(event, contracts.one_way(view))
        if event.kind is EventKind.POSITION_APART:
            return once(event, contracts.apart(view, event.data))
        return once(event, contracts.together(view, event.data["symbol"]))

    def _venue(self, tx: Transaction, event: Event) -> VenueView | None:
        """The venue an event is about; None where it is not in the settings any more."""
        views = reports.venue_views(tx, self._market)
        return next((view for view in views if view.name == event.data["venue"]), None)


_ABOUT_KEYS: Mapping[EventKind, str] = {
    EventKind.KEYS_ADDED: "The keys of {venue} were sealed in the vault by {name}",
    EventKind.KEYS_REPLACED: "The keys of {venue} were replaced by {name}",
    EventKind.KEYS_REMOVED: "The keys of {venue} were removed from the vault by {name}",
    EventKind.MASTER_KEY_REPLACED: "The master key was replaced by {name}",
}
_KINDS: Mapping[EventKind, Callable[[DeskNews, Transaction, Event], Message | None]] = {
    EventKind.PAUSED: DeskNews.paused,
    EventKind.RESUMED: DeskNews.resumed,
    EventKind.LIMIT_CHANGED: DeskNews.limit_changed,
    EventKind.DAILY_LOSS_STOP: DeskNews.daily_loss,
    EventKind.DAILY_LOSS_OVER: DeskNews.daily_loss_over,
    EventKind.DRAWDOWN_STOP: DeskNews.drawdown,
    EventKind.DRAWDOWN_OVER: DeskNews.drawdown_over,
    EventKind.DRAWDOWN_RESET: DeskNews.drawdown_reset,
    EventKind.POLICY_CHANGED: DeskNews.policy_changed,
    EventKind.KEYS_ADDED: DeskNews.keys,
    EventKind.KEYS_REPLACED: DeskNews.keys,
    EventKind.KEYS_REMOVED: DeskNews.keys,
    EventKind.MASTER_KEY_REPLACED: DeskNews.keys,
    EventKind.CHAT_MOVED: DeskNews.chat_moved,
    EventKind.CHAT_HEARD: DeskNews.chat_heard,
    EventKind.DAILY: DeskNews.daily,
    EventKind.ACCOUNT_FOUND: DeskNews.of_a_venue,
    EventKind.VENUE_DOWN: DeskNews.of_a_venue,
    EventKind.VENUE_UP: DeskNews.of_a_venue,
    EventKind.VENUE_CLOCK: DeskNews.of_a_venue,
    EventKind.VENUE_CLOCK_STOP: DeskNews.of_a_venue,
    EventKind.VENUE_CLOCK_OVER: DeskNews.of_a_venue,
    EventKind.VENUE_KEY_STOP: DeskNews.of_a_venue,
    EventKind.VENUE_KEY_OVER: DeskNews.of_a_venue,
    EventKind.VENUE_HEDGED: DeskNews.of_contracts,
    EventKind.VENUE_ONE_WAY: DeskNews.of_contracts,
    EventKind.POSITION_APART: DeskNews.of_contracts,
    EventKind.POSITION_TOGETHER: DeskNews.of_contracts,
    EventKind.DEAD_MAN_ARMED: DeskNews.dead_man,
    EventKind.DEAD_MAN_NOT_ARMED: DeskNews.dead_man,
    EventKind.DEAD_MAN_DUE: DeskNews.dead_man,
    EventKind.DEAD_MAN_AGAIN: DeskNews.dead_man,
}
TOLD = frozenset(_KINDS)
"""Events that it may make a message of."""
