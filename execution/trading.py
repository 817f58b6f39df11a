"""Active, paused, halted: what each still lets through.

Pure. The desk changes the state, the executor asks before every order; the same three words mean the
same at every door. While halted only what reduces a position is let through, and only when it is
marked so (flatten, a missing stop).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from execution.errors import NotPossible
from execution.record import Record
from execution.types import TradingState


@dataclass(frozen=True, kw_only=True, slots=True)
class Halt(Record):
    """Who stopped or paused trading, when, why, and whether the exchange was seen empty."""

    by: str
    name: str
    at: datetime
    reason: str
    verified_at: datetime | None = None
    voided: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Trading(Record):
    """The desk's state: one row, changed by compare-and-swap on its generation."""

    state: TradingState
    generation: int
    halt: Halt | None = None


ACTIVE_FROM_THE_START = Trading(state=TradingState.ACTIVE, generation=0)


def lets_through(trading: Trading, *, reduces: bool) -> bool:
    """Whether an order may go out in this state; pause still lets exposure shrink."""
    if trading.state is TradingState.ACTIVE:
        return True
    return trading.state is TradingState.PAUSED and reduces


def halted(trading: Trading, halt: Halt) -> Trading:
    """The state after a halt. A second halt keeps the first one's who, when and why."""
    if trading.state is TradingState.HALTED:
        return trading
    return Trading(state=TradingState.HALTED, generation=trading.generation + 1, halt=halt)


def to_be_proved(trading: Trading) -> Halt | None:
    """The halt that has not been proved at the exchange yet; a pause needs no proof."""
    if trading.state is not TradingState.HALTED or trading.halt is None:
        return None
    return trading.halt if trading.halt.verified_at is None else None


def verified(trading: Trading, at: datetime) -> Trading:
    """The same halt, now proved at the exchange."""
    assert trading.halt is not None, "only a halt can be verified"
    return trading.evolve(halt=trading.halt.evolve(verified_at=at))


def doubted(trading: Trading) -> Trading:
    """The same halt, not proved any more: something of ours turned up."""
    assert trading.halt is not None, "only a halt can be doubted"
    return trading.evolve(halt=trading.halt.evolve(verified_at=None))


def resumed(trading: Trading) -> Trading:
    """Trading again.

    Raises:
        NotPossible: it is not halted, or the halt is not verified yet.
    """
    if trading.state is TradingState.ACTIVE:
        raise NotPossible("Trading is already active.")
    if trading.halt is not None and trading.halt.verified_at is None:
        raise NotPossible("The halt is not done yet: something of ours may still be open.")
    return Trading(state=TradingState.ACTIVE, generation=trading.generation + 1)


class Brake:
    """The halt in memory, read by the sender right before the first byte.

    Pulled in the same step as the request to halt, before anything is committed, so that no order
    slips out while the commit is on its way; one that fails leaves it pulled. Otherwise it follows
    what is stored, so that a halt or a resume through another process counts here too.
    """

    def __init__(self) -> None:
        self.pulled = False
        self._committing = 0

    def pull(self) -> None:
        """Stop now; the commit is on its way."""
        self.pulled = True
        self._committing += 1

    def committed(self) -> None:
        """A halt is stored, and with it the ones whose commit failed earlier."""
        self._committing = 0

    def follow(self, state: TradingState) -> None:
        """Take over what is stored, unless a halt of ours is not stored yet."""
        if self._committing == 0:
            self.pulled = state is TradingState.HALTED
