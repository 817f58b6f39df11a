"""Watches the cards that go ahead unless somebody rejects them.

A tick of `jobs.py` asks. The window of a card runs from when Telegram confirmed the card, while taps can
be read and the desk trades; after a restart, and after a silence of any kind, it starts anew. The desk
decides, once everything that was said until the window's end is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.news import AUDIENCE
from bot.telegram.hearing import Hearing
from execution.deadlines import Deadlines
from execution.store import Store, Transaction
from execution.types import Ticket, TicketState, TradingState


class Vetoes:
    """What waits for a veto, and how long it has."""

    def __init__(self, *, store: Store, deadlines: Deadlines, hearing: Hearing) -> None:
        self._store = store
        self._deadlines = deadlines
        self._hearing = hearing
        self._trading_since: datetime | None = None
        """Since when the desk trades, as far as this process has seen it; None while it does not."""

    async def watch(self) -> None:
        """Start, stop and end windows, where there is something to do."""
        begins: dict[str, datetime | None] = {}
        ends: list[datetime] = []
        due, heard = False, self._hearing.until
        for ticket, shown_at in await self._store.read(self._waiting):
            begins[ticket.id] = start = self._begins(shown_at)
            assert ticket.veto_window is not None, "only what has a window waits for it"
            end = None if start is None else start + ticket.veto_window
            if end is not None:
                ends.append(end)
                due = due or (heard is not None and heard >= end)
            due = due or end != ticket.goes_ahead_at
        self._hearing.wanted = min(ends, default=None)
        if due:
            await self._deadlines.watch_vetoes(begins, heard=heard)

    def _waiting(self, tx: Transaction) -> Sequence[tuple[Ticket, datetime | None]]:
        """Every ticket that waits for a veto, and when Telegram confirmed its card."""
        if tx.trading().state is not TradingState.ACTIVE:
            self._trading_since = None
        elif self._trading_since is None:
            self._trading_since = tx.now
        found = []
        for ticket in tx.tickets.in_state(TicketState.PENDING):
            if ticket.veto_window is not None:
                post = tx.chat.post(AUDIENCE, f"ticket:{ticket.id}")
                found.append((ticket, None if post is None else post.at))
        return found

    def _begins(self, shown_at: datetime | None) -> datetime | None:
        """When a window began that runs now; None while none may."""
        moments = [shown_at, self._hearing.since, self._trading_since]
        known = [moment for moment in moments if moment is not None]
        return max(known) if len(known) == len(moments) else None
