"""Prometheus text: what was counted and how long each stage took, read from the journal.

Every figure but those of streams comes from committed events, so a counter can be wrong by no more than
what a restart forgets. Called when somebody scrapes; it must never touch a venue.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.notifier import undelivered
from execution import orders
from execution.equity import StopKind
from execution.events import Event, EventKind
from execution.market import Market
from execution.store import Store, Transaction
from execution.types import TicketState, TradingState

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_STAGES: dict[EventKind, tuple[str, EventKind]] = {
    EventKind.TICKET_APPROVED: ("decide", EventKind.TICKET_PENDING),
    EventKind.ORDER_SENDING: ("send", EventKind.TICKET_APPROVED),
    EventKind.ORDER_WORKING: ("acknowledge", EventKind.ORDER_SENDING),
    EventKind.FILL: ("fill", EventKind.ORDER_SENDING),
    EventKind.TICKET_DONE: ("complete", EventKind.ORDER_SENDING),
}
"""What ends a stage: its name, and the event that began it."""
_ENDS = frozenset(
    {EventKind.TICKET_DONE, EventKind.TICKET_FAILED, EventKind.TICKET_CANCELED,
     EventKind.TICKET_EXPIRED, EventKind.TICKET_REJECTED, EventKind.TICKET_REFUSED}
)  # fmt: skip

_OF_ACCOUNTS = {
    "day_result": "What the accounting day came to, in general.currency.",
    "equity": "Equity of all venues, in general.currency.",
    "equity_mark": "The highest equity, which drawdown counts from.",
    "drawdown": "How far equity is below it, as a share.",
    "reading_age_seconds": "How long ago these were read.",
}
"""Gauges of the last reading of the accounts."""


class Metrics:
    """Counts since this process started."""

    def __init__(self, store: Store, market: Market) -> None:
        self._store = store
        self._market = market
        self._registry = CollectorRegistry()
        self._seq: int | None = None
        self._one_at_a_time = asyncio.Lock()
        self._began: dict[str, dict[EventKind, datetime]] = {}
        kept = self._registry
        self._events = Counter("countersign_events", "Journal entries.", ["kind"], registry=kept)
        self._stages = Histogram(
            "countersign_stage_seconds",
            "How long a stage took.",
            ["stage"],
            buckets=_BUCKETS,
            registry=kept,
        )
        self._halted = Gauge("countersign_halted", "1 while trading is halted.", registry=kept)
        self._undelivered = Gauge(
            "countersign_undelivered", "Messages not delivered.", registry=kept
        )
        self._duplicates = Gauge("countersign_duplicates", "Signals received again.", registry=kept)
        self._tickets = Gauge("countersign_tickets", "Tickets by state.", ["state"], registry=kept)
        self._orders = Gauge(
            "countersign_orders_open", "Orders that may be at a venue.", registry=kept
        )
        self._unknown = Gauge(
            "countersign_orders_unknown", "Orders in doubt or stuck.", registry=kept
        )
        self._accounts = {
            name: Gauge(f"countersign_{name}", h, registry=kept) for name, h in _OF_ACCOUNTS.items()
        }
        self._stream_up = Gauge(
            "countersign_stream_up",
            "1 while this venue's order stream stands.",
            ["venue"],
            registry=kept,
        )
        self._stream_breaks = Counter(
            "countersign_stream_breaks",
            "How often a stream of this venue broke.",
            ["venue"],
            registry=kept,
        )
        self._breaks_counted: dict[str, int] = {}
        self._stopped = Gauge(
            "countersign_entries_stopped",
            "1 while this rule stopped entries.",
            ["rule"],
            registry=kept,
        )

    async def start(self) -> None:
        """Count from here on."""
        self._seq, _ = await self._store.read(lambda tx: tx.journal.head())

    async def text(self) -> bytes:
        """The exposition format."""
        async with self._one_at_a_time:
            await self._store.read(self._read)
            self._read_streams()
        return generate_latest(self._registry)

    def _read(self, tx: Transaction) -> None:
        while events := tx.journal.after(self._seq or 0):
            for event in events:
                self._count(event)
            self._seq = events[-1].seq
        self._halted.set(tx.trading().state is TradingState.HALTED)
        self._undelivered.set(undelivered(tx))
        self._duplicates.set(tx.journal.count(EventKind.SIGNAL_REPEATED))
        for state in (TicketState.PENDING, TicketState.APPROVED, TicketState.WORKING):
            self._tickets.labels(state=str(state)).set(tx.tickets.count(state))
        self._orders.set(len(tx.orders.in_state(*orders.LIVE)))
        self._unknown.set(len(tx.orders.in_state(*orders.UNKNOWN)))
        self._read_accounts(tx)

    def _read_streams(self) -> None:
        """What this process knows of the streams of those venues that have any."""
        for name, feed in self._market.feeds().items():
            if feed.venue.streams:
                self._stream_up.labels(venue=name).set(feed.told.stands)
                fresh = feed.told.breaks - self._breaks_counted.get(name, 0)
                self._stream_breaks.labels(venue=name).inc(fresh)
                self._breaks_counted[name] = feed.told.breaks

    def _read_accounts(self, tx: Transaction) -> None:
        """The last reading; what it could not tell is no number."""
        last = tx.accounts.standing()
        day = None if last is None else last.day
        figures = {
            "day_result": None if day is None else day.total,
            "equity": None if last is None else last.equity,
            "equity_mark": None if last is None else last.mark,
            "drawdown": None if last is None else last.drawdown,
        }
        for name, figure in figures.items():
            self._accounts[name].set(nan if figure is None else float(figure))
        age = nan if last is None else (tx.now - last.at).total_seconds()
        self._accounts["reading_age_seconds"].set(age)
        stopped = {stop.kind for stop in tx.accounts.stops()}
        for kind in StopKind:
            self._stopped.labels(rule=f"max_{kind}").set(kind in stopped)

    def _count(self, event: Event) -> None:
        self._events.labels(kind=str(event.kind)).inc()
        if event.ticket is None:
            return
        began = self._began.setdefault(event.ticket, {})
        began.setdefault(event.kind, event.at)
        stage = _STAGES.get(event.kind)
        if stage is not None and stage[1] in began:
            spent = event.at - began[stage[1]]
            self._stages.labels(stage=stage[0]).observe(spent.total_seconds())
        if event.kind in _ENDS:
            del self._began[event.ticket]
