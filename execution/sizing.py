"""A signal, its account and its market -> the exact terms of an order, or why there can be none.

Pure. The executor makes terms here, the desk resizes them. Amounts are rounded down to the venue's
steps; what does not fit is refused with the numbers, never cut to fit.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from execution import exposure, kinds
from execution.exposure import SizingFacts
from execution.figures import beside, figure
from execution.instruments import Instrument
from execution.pricing import PriceTerms, against, worst_price, worth_at
from execution.rounding import amount_down, exactly, price_never_worse, stop_never_later
from execution.types import (
    ZERO,
    Asked,
    Mode,
    OnTimeout,
    OrderType,
    Refusal,
    Side,
    Signal,
    Size,
    SizeKind,
    Terms,
    TimeInForce,
)


@exactly
def make_terms(
    signal: Signal,
    facts: SizingFacts,
    default: Size | None,
    prices: PriceTerms,
    *,
    venue: str,
    mode: Mode,
) -> Terms | list[Refusal]:
    """The terms of a signal's order, or every reason found why it cannot be made.

    `default` is the size of its source, else of the desk; it is for entries only.
    """
    kind, side = _kind(signal, prices), exposure.side_of(signal, facts)
    unfit = kinds.unfit(signal, kind, facts.instrument.offers, venue)
    unfit += exposure.unfit(signal, side, facts)
    if unfit:
        return unfit
    step, reference = facts.instrument.price_step, facts.quote.reference(side)
    stop_price = kinds.stop_price(signal, kind, side, reference, step)
    bound = _bound(signal, side, facts, prices)
    time_in_force, rests_for, on_timeout = _lasts(signal, kind, prices)
    exit_side = side.opposite
    unsized = Terms(
        venue=venue,
        mode=mode,
        symbol=facts.instrument.symbol,
        side=side,
        type=kind,
        amount=ZERO,
        price=None if signal.price is None else bound,
        worst_price=bound if signal.price is None and stop_price is None else None,
        reference=reference,
        notional=ZERO,
        value=ZERO,
        time_in_force=time_in_force,
        rests_for=rests_for,
        on_timeout=on_timeout,
        stop_price=stop_price,
        trail=kinds.rounded_trail(signal, kind, step),
        good_till=signal.good_till,
        post_only=signal.post_only,
        reduce_only=signal.reduce_only or exposure.closes(signal, side, facts),
        reduces=bool(facts.position) and side is facts.exit_side,
        stop_loss=None
        if signal.stop_loss is None
        else stop_never_later(signal.stop_loss, step, exit_side),
        take_profit=tuple(
            target.evolve(price=price_never_worse(target.price, step, exit_side))
            for target in signal.take_profit
        ),
        test=signal.test,
    )
    if (fires := kinds.fires_at_once(unsized, facts.quote)) is not None:
        return [fires]
    amount = _amount(signal, side, facts, default, worth_at(unsized, facts.quote))
    if isinstance(amount, Refusal):
        return [amount]
    return _wrong_levels(unsized) or resized(unsized, amount, facts)


@exactly
def resized(terms: Terms, amount: Decimal, facts: SizingFacts) -> Terms | list[Refusal]:
    """The same order for another amount (base asset), at the same price and reference."""
    instrument = facts.instrument
    if (fires := kinds.fires_at_once(terms, facts.quote)) is not None:
        return [fires]
    rounded = amount_down(amount, instrument.amount_step)
    done = exposure.effect(rounded, terms.side, facts, reduce_only=terms.reduce_only)
    if isinstance(done, Refusal):
        return [done]
    if done.amount <= 0:
        asked_for = f"{figure(amount)} {instrument.base}"
        step = figure(instrument.amount_step)
        return [_refusal("BELOW_MINIMUM", f"{asked_for} is under the step of {step}.")]
    if facts.rate is None and not done.reduces:
        return [_no_rate(instrument.quote)]
    made = terms.evolve(amount=done.amount, from_holdings=done.from_holdings, reduces=done.reduces)
    notional = made.amount * worth_at(made, facts.quote)
    value = None if facts.rate is None else notional * facts.rate
    made = made.evolve(notional=notional, value=value)
    return venue_limits(made, instrument) or made


def repriced(terms: Terms, facts: SizingFacts, prices: PriceTerms) -> Terms | list[Refusal]:
    """The same amount at the market of now: a new reference, its steps, and what is reckoned from them."""
    reference = facts.quote.reference(terms.side)
    step = facts.instrument.price_step
    terms = kinds.on_steps(terms, step)
    moved = terms.evolve(
        reference=reference,
        stop_price=terms.stop_price
        if terms.trail is None
        else kinds.trailing_from(reference, terms.trail, step, terms.side),
        worst_price=None
        if terms.worst_price is None
        else worst_price(reference, terms.side, step, prices),
    )
    if terms.price is not None:
        moved = moved.evolve(price=price_never_worse(terms.price, step, terms.side))
    return resized(moved, terms.amount, facts)


@exactly
def venue_limits(terms: Terms, instrument: Instrument) -> list[Refusal]:
    """What the venue itself would refuse: a closed market, an amount, value or price out of bounds.

    An order without the sender's price is sent somewhere between the market and its worst price, so
    both ends must fit; of one that waits, its stop price too.
    """
    if not instrument.active:
        return [_refusal("MARKET_CLOSED", f"{terms.symbol} is not trading at {terms.venue}.")]
    ends = [terms.counted_at, terms.stop_price or terms.counted_at]
    if terms.worst_price is not None:
        ends.append(terms.reference)
    low, high = min(ends), max(ends)
    base, quote = instrument.base, instrument.quote
    worth = None if exposure.is_bound(terms) else instrument.min_notional
    measured = (
        (terms.amount, terms.amount, instrument.min_amount, instrument.max_amount, base),
        (
            terms.amount * low,
            terms.amount * high,
            worth,
            instrument.max_notional,
            quote,
        ),
        (low, high, instrument.min_price, instrument.max_price, f"{quote} a {base}"),
    )
    refusals = []
    for least, most, minimum, maximum, unit in measured:
        if minimum is not None and least < minimum:
            text = f"{figure(beside(least, minimum))} is under the minimum of {figure(minimum)} {unit}."
            refusals.append(_refusal("BELOW_MINIMUM", text))
        if maximum is not None and most > maximum:
            text = (
                f"{figure(beside(most, maximum))} is over the maximum of {figure(maximum)} {unit}."
            )
            refusals.append(_refusal("ABOVE_MAXIMUM", text))
    return refusals


@exactly
def asked(
    signal: Signal,
    prices: PriceTerms,
    *,
    symbol: str,
    facts: SizingFacts | None = None,
    default: Size | None = None,
) -> Asked:
    """What a ticket is about, for one that is refused before it has terms.

    `facts` let it be sized; without them the amount stands only where the signal gave it.
    """
    size = signal.size
    side = signal.side if facts is None else exposure.side_of(signal, facts)
    amount = size.value if size is not None and size.kind is SizeKind.AMOUNT else None
    notional = size.value if size is not None and size.kind is SizeKind.NOTIONAL else None
    if amount is None and facts is not None and side is not None:
        price = signal.stop_price if signal.price is None else None
        counted_at = price or _bound(signal, side, facts, prices)
        found = _amount(signal, side, facts, default, counted_at)
        if isinstance(found, Decimal):
            amount = amount_down(found, facts.instrument.amount_step)
            notional = amount * counted_at
    return Asked(
        symbol=symbol,
        side=side,
        type=_kind(signal, prices),
        amount=amount,
        price=signal.price,
        notional=notional,
    )


def _kind(signal: Signal, prices: PriceTerms) -> OrderType:
    """The signal's own type; without one, limit when there is a price, else the desk's."""
    return signal.type or (prices.order_type if signal.price is None else OrderType.LIMIT)


def _bound(signal: Signal, side: Side, facts: SizingFacts, prices: PriceTerms) -> Decimal:
    """The sender's price in whole steps, else the worst price."""
    step = facts.instrument.price_step
    if signal.price is not None:
        return price_never_worse(signal.price, step, side)
    return worst_price(facts.quote.reference(side), side, step, prices)


def _lasts(
    signal: Signal, kind: OrderType, prices: PriceTerms
) -> tuple[TimeInForce, timedelta | None, OnTimeout]:
    """The order's time in force, after how long the desk sees to the rest of it, and how.

    The sender's own price leaves nothing to price anew: what it did not fill is canceled.
    """
    if kind is OrderType.MARKET:
        fill_or_kill = signal.time_in_force is TimeInForce.FOK
        return (TimeInForce.FOK if fill_or_kill else TimeInForce.IOC), None, OnTimeout.LEAVE
    if signal.time_in_force is not None:
        return signal.time_in_force, None, OnTimeout.LEAVE
    if kind in kinds.TRIGGERED:  # it waits for the market as long as it takes
        return TimeInForce.GTC, None, OnTimeout.LEAVE
    if prices.on_timeout is OnTimeout.LEAVE:
        return TimeInForce.GTC, None, OnTimeout.LEAVE
    then = OnTimeout.CANCEL if signal.price is not None else prices.on_timeout
    return TimeInForce.GTC, prices.order_timeout, then


def _amount(
    signal: Signal, side: Side, facts: SizingFacts, default: Size | None, bound: Decimal
) -> Decimal | Refusal:
    """The amount asked for, in base asset, not yet rounded."""
    if bound <= 0:
        text = f"The price is under the step of {figure(facts.instrument.price_step)}."
        return _refusal("BELOW_MINIMUM", text)
    if exposure.closes(signal, side, facts):
        if facts.position:
            return abs(facts.position)
        return _refusal("NO_POSITION", f"There is no position in {facts.instrument.symbol}.")
    size = signal.size or default
    if size is None:
        return _refusal("NO_SIZE", "Neither the signal nor a default says how large it is.")
    if size.kind is SizeKind.AMOUNT:
        return size.value
    if size.kind is SizeKind.NOTIONAL and not size.in_currency:
        return size.value / bound
    return _amount_of_value(size, signal, facts, bound)


def _amount_of_value(
    size: Size, signal: Signal, facts: SizingFacts, bound: Decimal
) -> Decimal | Refusal:
    """The amount for a size that is measured in `general.currency`."""
    if facts.rate is None:
        return _no_rate(facts.instrument.quote)
    if size.kind is SizeKind.NOTIONAL:
        return size.value / facts.rate / bound
    if facts.equity is None:
        return _refusal("VENUE_DOWN", "The account's equity is not known now.")
    share = size.value * facts.equity / facts.rate
    if size.kind is SizeKind.EQUITY:
        return share / bound
    if signal.stop_loss is None:
        return _refusal("NO_SIZE", "A size by risk needs a stop.")
    if signal.stop_loss == bound:
        return _refusal("NO_SIZE", "A size by risk needs a stop away from the entry.")
    return share / abs(bound - signal.stop_loss)


def _wrong_levels(terms: Terms) -> list[Refusal]:
    """A stop or target on the wrong side of the entry: the venue would fire it at once."""
    sign = against(terms.side)
    entry = terms.price or terms.stop_price or terms.reference
    refusals = []
    if terms.stop_loss is not None and sign * (entry - terms.stop_loss) <= 0:
        refusals.append(_wrong_side("stop", terms.stop_loss, entry))
    for target in terms.take_profit:
        if sign * (target.price - entry) <= 0:
            refusals.append(_wrong_side("target", target.price, entry))
    return refusals


def _wrong_side(level: str, price: Decimal, entry: Decimal) -> Refusal:
    text = f"The {level} {figure(price)} is on the wrong side of the entry at {figure(entry)}."
    return _refusal("NOT_SUPPORTED", text)


def _no_rate(quote: str) -> Refusal:
    return _refusal("NO_RATE", f"There is no rate for {quote} now.")


def _refusal(code: str, text: str) -> Refusal:
    return Refusal(code=code, text=text)
