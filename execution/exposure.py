"""What an order does to a position: makes it smaller, or adds to it, or may not do what it asks for.

Pure. Sizing asks before terms are made and whenever they are asked about again. On spot a sale reduces the
position first and what goes beyond comes out of holdings; contracts have none, and no order of ours ever
takes a position through zero: a person decides about one direction at a time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from execution.figures import figure
from execution.instruments import Instrument
from execution.record import Record
from execution.rounding import amount_down
from execution.symbols import is_spot
from execution.types import ZERO, Order, Quote, Refusal, Side, Signal, Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class SizingFacts(Record):
    """What is known of an account and its market while an order is sized."""

    instrument: Instrument
    quote: Quote
    rate: Decimal | None
    """What one unit of the quote currency is worth in `general.currency`; None: not known."""
    position: Decimal
    """What our own fills come to in this symbol at this venue, base asset; negative when short."""
    base_fees: Decimal = ZERO
    """Fees taken in the base asset while that position was built."""
    free_base: Decimal | None = None
    """Base asset the venue calls free; None: not known, then the venue has the last word."""
    reserved_base: Decimal = ZERO
    """Base amount of our approved orders that make the position smaller and do not rest yet; on spot
    `free_base` still counts it as free."""
    resting_base: Decimal = ZERO
    """Base amount of those that rest; on spot the venue has taken it out of `free_base` already. Of
    contracts without what waits for its stop price, which is for whatever is left then."""
    entering: Collection[Side] = ()
    """The sides on which an order of ours that adds exposure there may still fill."""
    equity: Decimal | None = None
    """The account's equity in `general.currency`; None: not known."""

    @property
    def spot(self) -> bool:
        """Whether assets change hands, else contracts are made."""
        return is_spot(self.instrument.symbol)

    @property
    def exit_side(self) -> Side:
        """The side that makes the position smaller; on spot there is but one."""
        return Side.BUY if self.position < 0 else Side.SELL


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect(Record):
    """What an order comes to; amounts are base asset."""

    amount: Decimal
    """What it may take of what was asked for."""
    from_holdings: Decimal = ZERO
    reduces: bool = False


def side_of(signal: Signal, facts: SizingFacts) -> Side:
    """The signal's side; one that only says `close` takes the side that ends the position."""
    return signal.side or facts.exit_side


def closes(signal: Signal, side: Side, facts: SizingFacts) -> bool:
    """Whether it means the whole position: it says so, or it has no size and is on the side that ends one.

    A sale on spot always is; of contracts it opens a short where there is no position.
    """
    if signal.close:
        return True
    ends = side is facts.exit_side and (facts.spot or facts.position != 0)
    return ends and signal.size is None


def unfit(signal: Signal, side: Side, facts: SizingFacts) -> list[Refusal]:
    """What no size would make right."""
    bound = signal.close or signal.reduce_only
    protected = signal.stop_loss is not None or bool(signal.take_profit)
    ends = side is facts.exit_side
    found = []
    if facts.spot:
        if bound and not ends:
            text = "A buy on spot adds to the position; it cannot close or reduce one."
            found.append(_refusal("NOT_REDUCING", text))
        if protected and ends:
            text = "A stop or target on a sell is for a short position; spot has none."
            found.append(_refusal("SHORT_ON_SPOT", text))
        return found
    if bound and (none := _nothing_to_reduce(side, facts)) is not None:
        without = signal.close and not facts.position
        found.append(none.evolve(code="NO_POSITION") if without else none)
    elif protected and ends and facts.position:
        text = f"A {side} reduces the {_direction(facts)}: a stop or target has nothing to protect."
        found.append(_refusal("NOT_REDUCING", text))
    return found


def effect(
    amount: Decimal, side: Side, facts: SizingFacts, *, reduce_only: bool
) -> Effect | Refusal:
    """What an order for so much (base asset) may take and does, or why it may not."""
    if not facts.spot:
        none = _nothing_to_reduce(side, facts) if reduce_only else None
        return none or _of_contracts(amount, side, facts)
    if side is Side.BUY:
        return Effect(amount=amount)
    return _sale(amount, facts, reduce_only=reduce_only)


def is_bound(one: Order | Terms) -> bool:
    """Whether the exchange is told that an order may only reduce: those of contracts that do.

    Binance, "New Order": -4164, an order's least value, does not hold for them.
    """
    return one.reduces and not is_spot(one.symbol)


def goes_through_zero(amount: Decimal, side: Side, facts: SizingFacts) -> bool:
    """Whether so much (base asset) would end a position in contracts and open the opposite one."""
    ends = facts.position != 0 and side is facts.exit_side
    return not facts.spot and ends and amount > abs(facts.position)


def _nothing_to_reduce(side: Side, facts: SizingFacts) -> Refusal | None:
    """Why an order in contracts that must reduce cannot; None where it can."""
    if not facts.position:
        return _refusal("NOT_REDUCING", f"There is no position in {facts.instrument.symbol}.")
    if side is facts.exit_side:
        return None
    text = f"A {side} adds to the {_direction(facts)}; it cannot close or reduce it."
    return _refusal("NOT_REDUCING", text)


def _of_contracts(amount: Decimal, side: Side, facts: SizingFacts) -> Effect | Refusal:
    base, symbol = facts.instrument.base, facts.instrument.symbol
    if not facts.position or side is not facts.exit_side:
        # Filled together the two would go through zero, whichever the exchange fills first.
        if side.opposite in facts.entering:
            text = f"An order of ours to {side.opposite} {symbol} may still fill; cancel it first."
            return _refusal("NOT_REDUCING", text)
        return Effect(amount=amount)
    held = abs(facts.position)
    if goes_through_zero(amount, side, facts):
        closing = figure(amount_down(held, facts.instrument.amount_step))
        text = f"{figure(amount)} {base} is more than the {_direction(facts)}; {closing} would close it."
        return _refusal("NOT_REDUCING", text)
    left = max(held - facts.reserved_base - facts.resting_base, ZERO)
    if amount > left:
        text = f"{figure(amount)} {base} is over the {figure(left)} that no other order is closing."
        return _refusal("NOT_REDUCING", text)
    return Effect(amount=amount, reduces=True)


def _sale(amount: Decimal, facts: SizingFacts, *, reduce_only: bool) -> Effect | Refusal:
    """What a sell on spot may sell, and how much of that comes out of holdings."""
    base = facts.instrument.base
    reducible = max(facts.position - facts.reserved_base - facts.resting_base, ZERO)
    free = None if facts.free_base is None else max(facts.free_base - facts.reserved_base, ZERO)
    if reduce_only and facts.position <= 0:
        return _refusal("NOT_REDUCING", f"There is no position in {facts.instrument.symbol}.")
    if reduce_only and amount > facts.position + facts.base_fees:
        closing = figure(amount_down(facts.position, facts.instrument.amount_step))
        text = f"{figure(amount)} {base} is more than the position; {closing} would close it."
        return _refusal("NOT_REDUCING", text)
    if reduce_only:
        free = reducible if free is None else min(free, reducible)
    if free is not None and amount > free:
        if amount - free > facts.base_fees:
            text = f"{figure(amount)} {base} is over the {figure(free)} that can be sold."
            return _refusal("INSUFFICIENT_BALANCE", text)
        # Only the fees that buying it cost are missing: what is there is sold.
        amount = amount_down(free, facts.instrument.amount_step)
    beyond = max(amount - reducible, ZERO)
    return Effect(amount=amount, from_holdings=beyond, reduces=not beyond)


def _direction(facts: SizingFacts) -> str:
    """A position as people call it."""
    size = figure(abs(facts.position))
    return f"{'long' if facts.position > 0 else 'short'} of {size} {facts.instrument.base}"


def _refusal(code: str, text: str) -> Refusal:
    return Refusal(code=code, text=text)
