"""What a venue's streams told last, and whether they stand. `streaming.py` says so; whoever asks reads it.

Nothing of it is true of an order: that is looked up. A price that was told is as good as one that was
asked for, at its own time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from execution.types import Quote

JUST_NOW = timedelta(seconds=1)
"""A price told within this time is not asked for."""


@dataclass
class Told:
    """Of one venue."""

    heard_at: datetime | None = None
    """When its order stream was heard last; None while that does not stand."""
    broken_at: datetime | None = None
    """Since when it was tried and does not stand."""
    breaks: int = 0
    """How often a stream of its broke."""
    quotes: dict[str, Quote] = field(default_factory=dict)
    """The last best bid and ask of each symbol that a stream brought."""

    @property
    def tried(self) -> bool:
        """Whether its order stream was ever begun; False where it has none."""
        return self.stands or self.broken_at is not None

    @property
    def stands(self) -> bool:
        """Whether a stream rings for its orders now: they are asked about more slowly then."""
        return self.heard_at is not None

    def just_now(self, symbols: frozenset[str], now: datetime) -> set[str]:
        """Those of these symbols whose price was told a moment ago."""
        told = {symbol: now - self.quotes[symbol].at for symbol in self.quotes.keys() & symbols}
        return {symbol for symbol, age in told.items() if timedelta(0) <= age <= JUST_NOW}
