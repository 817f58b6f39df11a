"""Everything that is held about one venue, with its age, and whether orders may go there.

Whoever learns something of a venue writes it here; `market.py` keeps it fresh, and everybody reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from execution.breaker import BreakerState
from execution.contracts import Apart
from execution.told import Told
from execution.types import Candle, Quote
from execution.venues.venue import Balance, Contracts, Venue


@dataclass
class Feed:
    """Everything held about one venue."""

    venue: Venue
    loaded: bool = False
    """Whether its markets are known: it was connected once since we started."""
    connected: bool = False
    """Whether it answers: it was heard since we started, and not silent for `SILENCE` since."""
    compared: bool = False
    """Whether our rows were compared with what it shows since it connected: orders may go there."""
    reconciled_at: datetime | None = None
    """When that was done last (`reconcile.py` says so)."""
    compare_due: bool = False
    """Somebody wants it done at once."""
    external: int = 0
    """Open orders there that are not ours, at the last comparison."""
    strangers: int = 0
    """Those of them that a Countersign made and this database does not know."""
    breaker: BreakerState = BreakerState.CLOSED
    """As stored (`reconcile.py` says so)."""
    reason: str | None = "not connected yet"
    """Why it is not connected."""
    clock_told: timedelta = timedelta(0)
    """How far our clock was ahead of its own when that was told last (`reconcile.py` says so)."""
    clock_stopped: bool = False
    """Whether it was told that no order goes there for its clock and ours (`reconcile.py` says so)."""
    dead_man: timedelta | None = None
    """How long it waits for us before it cancels every order there; None where that is off."""
    armed_at: datetime | None = None
    """When it was asked to wait so long, the last time it said yes (`dead_man.py` says so)."""
    missed: str | None = None
    """What the last call that failed came to."""
    key_refused: bool = False
    """It took nothing that we signed, the last time: public answers are no sign of life then."""
    key_known: bool = True
    """Whether it has said what the key may do (`key_rights.py` says so)."""
    forbidden: str | None = None
    """Why no order may go there with this key (`key_rights.py` says so)."""
    contracts: Contracts | None = None
    """How an account of contracts is set and what it holds (`reconcile.py` says so)."""
    contracts_at: datetime | None = None
    """When it was asked for that."""
    apart: Mapping[str, Apart] = field(default_factory=dict)
    """The markets whose position there is not what our fills come to (`reconcile.py` says so)."""
    funding_told_at: datetime | None = None
    """When it told last what positions in contracts were paid (`funding.py` says so)."""
    silent: timedelta = timedelta(0)
    """How long nothing was heard, in seconds of ours: a loop that stood still hears nothing either."""
    watched: frozenset[str] = frozenset()
    quotes: dict[str, Quote] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    balances: Mapping[str, Balance] = field(default_factory=dict)
    balances_at: datetime | None = None
    balances_due: bool = False
    """Something was sent or filled since: they are asked for again at the next turn."""
    candles: dict[str, tuple[datetime, Sequence[Candle]]] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def trouble(self) -> str | None:
        """Why it cannot be used, as it says so itself; None while it can."""
        if not self.connected:
            return self.reason
        if not self.key_known:
            return "what its key may do is not known yet"
        return self.forbidden or self.hedged

    @property
    def hedged(self) -> str | None:
        """What is wrong with an account in hedge mode: an order of ours could open a second position."""
        if self.contracts is None or self.contracts.one_way:
            return None
        return "its account is in hedge mode: set it to one-way"

    @property
    def ready(self) -> bool:
        """Whether orders may go there."""
        fit = self.connected and self.trouble is None and not self.venue.clock_refused
        return self.compared and fit and self.breaker is BreakerState.CLOSED
