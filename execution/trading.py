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
class Flatten(Record):
    """Who wants every position closed while the desk is halted, and since when."""

    by: str
    name: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Halt(Record):
    """Who stopped or paused trading, when, why, and whether the exchange was seen empty."""

    by: str
    name: str
    at: datetime
    reason: str
    verified_at: datetime | None = None
    voided: int = 0
    flatten: Flatten | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trading(Record):
    """The desk's state: one row, changed by compare-and-swap on its generation."""

    state: TradingState
    generation: int
    halt: Halt | None = None


ACTIVE_FROM_THE_START = Trading(state=TradingState.ACTIVE, generation=0)


NOT_DONE = "The halt is not done yet: something of ours may still be open."


def lets_through(state: TradingState, *, reduces: bool, closes: bool = False) -> bool:
    """Whether an order may go out in this state; pause still lets exposure shrink.

    What `closes` a position because a person asked for just that goes even while halted.
    """
    if state is TradingState.ACTIVE:
        return True
    return reduces and (closes or state is TradingState.PAUSED)


def halted(trading: Trading, halt: Halt) -> Trading:
    """The state after a halt. A second halt keeps the first one's who, when and why."""
    if trading.state is TradingState.HALTED:
        return trading
    return Trading(state=TradingState.HALTED, generation=trading.generation + 1, halt=halt)


def paused(trading: Trading, halt: Halt) -> Trading:
    """The state after a pause; what is paused or halted already stays as it is."""
    if trading.state is not TradingState.ACTIVE:
        return trading
    return Trading(state=TradingState.PAUSED, generation=trading.generation + 1, halt=halt)


def standing_halt(trading: Trading) -> Halt | None:
    """The halt that is in force; a pause is none."""
    return trading.halt if trading.state is TradingState.HALTED else None


def to_be_proved(trading: Trading) -> Halt | None:
    """The halt that has not been proved at the exchange yet; a pause needs no proof."""
    halt = standing_halt(trading)
    return None if halt is None or halt.verified_at is not None else halt


def flattening(trading: Trading, flatten: Flatten) -> Trading:
    """The same halt, with every position to be closed, which is to be proved."""
    assert trading.halt is not None, "positions are closed under a halt"
    return trading.evolve(halt=trading.halt.evolve(flatten=flatten, verified_at=None))


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
    if to_be_proved(trading) is not None:
        raise NotPossible(NOT_DONE)
    return Trading(state=TradingState.ACTIVE, generation=trading.generation + 1)


_GRAVITY = {TradingState.ACTIVE: 0, TradingState.PAUSED: 1, TradingState.HALTED: 2}


class Brake:
    """The halt or pause in memory, read by the sender right before the first byte.

    Pulled in the same step as the request, before anything is committed, so that no order slips out
    while the commit is on its way; one that fails leaves it pulled. Otherwise it follows what is
    stored, so that a halt or a resume through another process counts here too.
    """

    def __init__(self) -> None:
        self._stored = ACTIVE_FROM_THE_START
        self._asked: set[TradingState] = set()
        """What was asked for and is not stored yet."""
        self.locked = False

    @property
    def state(self) -> TradingState:
        """What is in force: as stored, or what is graver and on its way."""
        return max([self._stored.state, *self._asked], key=_GRAVITY.__getitem__)

    def lock(self) -> None:
        """Let nothing leave this process, not even what closes a position: it only wants to stop."""
        self.locked = True

    @property
    def pulled(self) -> bool:
        """Whether nothing goes out."""
        return self.state is TradingState.HALTED

    def holds_back(self, *, reduces: bool, closes: bool) -> bool:
        """Whether an order that is about to leave must not."""
        return self.locked or not lets_through(self.state, reduces=reduces, closes=closes)

    def pull(self, state: TradingState = TradingState.HALTED) -> None:
        """Stop now; the commit is on its way."""
        self._asked.add(state)

    def committed(self, trading: Trading) -> None:
        """This is stored, and with it the ones that failed earlier; a halt stands for a pause too."""
        self._asked -= {one for one in self._asked if _GRAVITY[one] <= _GRAVITY[trading.state]}
        self.follow(trading)

    def follow(self, trading: Trading) -> None:
        """Take over what is stored, unless it was read before what is known here."""
        if trading.generation >= self._stored.generation:
            self._stored = trading
