"""A sender's order in contracts that goes through zero: two tickets, a close and then an entry.

People decide about each by itself: the entry becomes a signal once the close has filled, and is sized,
checked and asked about as any other. What a person types that goes through zero is refused with the size
that would close, as is an order bound to reduce: whoever writes that is asked what is meant.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

from execution import exposure, kinds
from execution.config import BY_HAND
from execution.exposure import SizingFacts
from execution.figures import figure
from execution.pricing import PriceTerms
from execution.rounding import amount_down, exactly
from execution.sizing import make_terms
from execution.store import Transaction
from execution.types import (
    ZERO,
    Mode,
    OrderType,
    Refusal,
    Signal,
    Size,
    SizeKind,
    Terms,
    Ticket,
    TicketState,
)


class Flip(NamedTuple):
    """The two parts of such an order."""

    closing: Signal
    """The signal as it closes the position, and nothing else."""
    then: Decimal
    """Base amount of the entry that follows."""


@exactly
def split(
    signal: Signal, facts: SizingFacts, prices: PriceTerms, *, venue: str, mode: Mode
) -> Flip | None:
    """The parts of a signal's order; None for one that does not go through zero, or must not.

    What waits for its stop price is not split: when it comes to that, nobody may be there to approve.
    """
    asked, by_hand = signal.type or OrderType.MARKET, signal.source == BY_HAND
    bound = signal.close or signal.reduce_only or bool(signal.after or signal.replaces)
    if facts.spot or by_hand or bound or signal.size is None or asked in kinds.TRIGGERED:
        return None
    flat = facts.evolve(position=ZERO, reserved_base=ZERO, entering=())
    whole = make_terms(signal, flat, None, prices, venue=venue, mode=mode)
    if not isinstance(whole, Terms):
        return None
    if not exposure.goes_through_zero(whole.amount, whole.side, facts):
        return None
    held = amount_down(abs(facts.position), facts.instrument.amount_step)
    closing = signal.evolve(size=None, close=True, stop_loss=None, take_profit=())
    return Flip(closing, whole.amount - held)


def go_on(tx: Transaction, closed: Ticket, was: TicketState) -> None:
    """A ticket has moved to where it stands: once it has closed, the entry that follows becomes a signal.

    Not when a late fill ends it so: nobody expects an entry of it any more.
    """
    if closed.then is None or (was, closed.state) != (TicketState.WORKING, TicketState.DONE):
        return
    signal = tx.signals.get(closed.signal).evolve(
        id=tx.new_id(),
        received_at=tx.now,
        time=None,  # before this it could not be acted on
        venue=closed.venue,
        side=closed.asked.side,
        size=Size(kind=SizeKind.AMOUNT, value=closed.then),
        after=closed.id,
    )
    tx.signals.add(signal, sha256(signal.id.encode()).hexdigest())


@exactly
def not_closed(tx: Transaction, signal: Signal, facts: SizingFacts) -> Refusal | None:
    """Why the entry that was to follow a close cannot: that did not close all of the position. None for
    any other signal.

    Whoever ended the rest of it by other means wants out, not in again.
    """
    if signal.after is None:
        return None
    close, base = tx.tickets.get(signal.after), facts.instrument.base
    assert close is not None, "an entry follows a ticket"
    assert close.terms is not None, "what filled had terms"
    fills = tx.fills.of_tickets([close.id]).get(close.id, [])
    left = close.terms.amount - sum((fill.amount for fill in fills), ZERO)
    if facts.position:
        why = f"{figure(abs(facts.position))} {base} of the position is still open"
    elif left > 0:
        why = f"{figure(left)} {base} of the position was closed by something else"
    else:
        return None
    return Refusal(code="NOT_REDUCING", text=f"{why}: the entry was to follow its close.")
