"""The checklist of the present halt as it stands: what is voided, canceled, kept, closed, and what is not done.

The notifier keeps it up to date, a tap on its button shows it with the question that is to be confirmed.
"""

from __future__ import annotations

from datetime import datetime

from bot.telegram import messages
from bot.telegram.faces import Face, Look
from execution import checklist as progress
from execution import reports
from execution.market import Market
from execution.store import Transaction


def checklist(
    tx: Transaction, market: Market, look: Look, *, tapped_at: datetime | None = None
) -> Face:
    """The checklist; `tapped_at` is when somebody tapped Flatten, and is asked to confirm it."""
    halt = tx.trading().halt
    assert halt is not None, "asked while halted"
    done = halt.verified_at is not None
    sweeps = [
        messages.Sweep(
            name=sweep.venue.name,
            exchange=sweep.venue.exchange,
            orders=sweep.orders,
            ended=sweep.ended,
            looks=messages.LOOKS_FOR_PROOF if done else 0,
            trouble=None if sweep.venue.connected or done else sweep.venue.reason,
            kept=sweep.kept,
        )
        for sweep in progress.sweeps(tx, market)
    ]
    exits = progress.exits(tx, market, halt)
    return messages.halted(
        reports.gravest(market), halt, sweeps, look, exits=exits, tapped_at=tapped_at
    )
