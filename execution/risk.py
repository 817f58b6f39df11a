"""The rules between a signal and the market: one function each, terms against a snapshot.

Pure. The executor checks at arrival and before sending, the desk at the tap. No rule raises, and none
stands in the way of an order that only makes a position smaller, but those of the venue itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from execution.checks import Checked, Limits, Rule, Snapshot
from execution.equity import StopKind
from execution.figures import beside, duration, figure, percent
from execution.hours import DAYS
from execution.rounding import exactly
from execution.sizing import venue_limits
from execution.trading import Trading, lets_through
from execution.types import ZERO, Refusal, Terms


@exactly
def check(terms: Terms, snapshot: Snapshot, limits: Limits) -> Checked:
    """All rules that apply to this order, each asked, whatever the others said.

    Those of an arrival are asked when the snapshot has one; those about exposure unless the order only
    reduces a position.
    """
    rules = dict(EVERY_ORDER)
    if snapshot.arrival is not None:
        rules |= ARRIVAL
    if not terms.reduces:
        rules |= ENTRIES
        rules |= CONTRACTS if snapshot.max_leverage is not None else {}
    said = {
        key: rule(terms, snapshot, limits) for key, rule in rules.items() if _is_on(key, limits)
    }
    return Checked(
        refusals=tuple(refusal for refusal in said.values() if refusal is not None),
        passed=tuple(key for key, refusal in said.items() if refusal is None),
    )


def _is_on(key: str, limits: Limits) -> bool:
    """Whether a rule is set; one without a setting always is."""
    setting = getattr(limits, key, True)
    return setting is not None and setting is not False


def unknown_symbol(symbol: str, venue: str) -> Refusal:
    """For a ticket whose symbol the venue does not know, so that it can have no terms."""
    return Refusal(code="UNKNOWN_SYMBOL", text=f"{symbol} is not traded at {venue}.")


def venue_down(venue: str, reason: str) -> Refusal:
    """For a ticket that meets no usable venue, so that it can have no terms."""
    return Refusal(code="VENUE_DOWN", text=f"{venue}: {reason}")


def stopped(state: Trading, *, reduces: bool) -> Refusal | None:
    """What a paused or halted desk says to an order, terms or not."""
    if lets_through(state.state, reduces=reduces):
        return None
    return Refusal(code=state.state.upper(), text=f"Trading is {state.state}.")


# Every order.


def trading(terms: Terms, snapshot: Snapshot, _: Limits) -> Refusal | None:
    """Halted lets nothing through, paused only what reduces a position."""
    return stopped(snapshot.trading, reduces=terms.reduces)


def venue(terms: Terms, snapshot: Snapshot, _: Limits) -> Refusal | None:
    """The venue answers, and there is a fresh price."""
    if snapshot.venue_down is not None:
        return venue_down(terms.venue, snapshot.venue_down)
    if snapshot.quote is None:
        return venue_down(terms.venue, f"there is no fresh price of {terms.symbol}.")
    return None


def known_symbol(terms: Terms, snapshot: Snapshot, _: Limits) -> Refusal | None:
    """The venue has this market."""
    return unknown_symbol(terms.symbol, terms.venue) if snapshot.instrument is None else None


def unknown_outcome(terms: Terms, snapshot: Snapshot, _: Limits) -> Refusal | None:
    """No order of ours in that symbol is in doubt at that account; entries also need certain fills,
    and of contracts the position there to be ours."""
    if snapshot.symbol_in_doubt:
        why = "waits for an order in doubt."
    elif terms.reduces or snapshot.pair_blocked is snapshot.position_apart is None:
        return None
    elif snapshot.pair_blocked is not None:
        why = f"takes no entry until an owner lifts it: {snapshot.pair_blocked}"
    else:
        why = f"takes no entry: {snapshot.position_apart}"
    return Refusal(code="UNKNOWN_OUTCOME", text=f"{terms.symbol} at {terms.venue} {why}")


def within_venue_limits(terms: Terms, snapshot: Snapshot, _: Limits) -> Refusal | None:
    """The first thing that the venue itself would refuse."""
    if snapshot.instrument is None:
        return None
    return next(iter(venue_limits(terms, snapshot.instrument)), None)


# Every order, once: when its ticket is made.


def max_signal_age(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """The signal is fresh. Exactly at the limit it still is."""
    if snapshot.arrival is None:
        return None
    age = snapshot.now - snapshot.arrival.fired_at
    if age <= limits.max_signal_age:
        return None
    text = f"It is {duration(age)} old; {duration(limits.max_signal_age)} is the limit."
    return Refusal(code="MAX_SIGNAL_AGE", text=text)


def duplicate_window(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """No ticket like it was made just before. Exactly at the window's end there may be one."""
    window, arrival = limits.duplicate_window, snapshot.arrival
    if window is None or arrival is None or arrival.last_like_it is None:
        return None
    since = snapshot.now - arrival.last_like_it
    if since >= window:
        return None
    text = f"The last one like it came {duration(since)} ago; {duration(window)} must lie between."
    return Refusal(code="DUPLICATE_WINDOW", text=text)


# What adds exposure.


def rate(_: Terms, snapshot: Snapshot, __: Limits) -> Refusal | None:
    """What it costs can be told in the desk's currency."""
    if snapshot.rate is not None:
        return None
    quote = "its quote currency" if snapshot.instrument is None else snapshot.instrument.quote
    return Refusal(code="NO_RATE", text=f"There is no rate for {quote} now.")


def leverage(terms: Terms, snapshot: Snapshot, _: Limits) -> Refusal | None:
    """A market of contracts is set to no more leverage than its venue allows; we never set it."""
    limit, found = snapshot.max_leverage, snapshot.leverage
    where = f"{terms.symbol} at {terms.venue}"
    assert limit is not None, "it is asked of contracts alone"
    if found is not None and found <= limit:
        return None
    if found is None:
        text = f"What leverage {where} is set to is not known now."
    else:
        text = f"{where} is set to {figure(found)}x there; {figure(limit)}x is the limit."
    return Refusal(code="LEVERAGE", text=text)


def _value(terms: Terms) -> Decimal:
    """What an entry is worth in `general.currency`; one without a rate has no terms."""
    assert terms.value is not None, "sizing refuses an entry without a rate"
    return terms.value


def max_order_notional(terms: Terms, _: Snapshot, limits: Limits) -> Refusal | None:
    """One order is not too large."""
    limit, value = limits.max_order_notional, _value(terms)
    if value <= limit:
        return None
    text = f"{figure(beside(value, limit))} is over {figure(limit)}."
    return Refusal(code="MAX_ORDER_NOTIONAL", text=text, largest=limit)


def max_position_notional(terms: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """The position and what is on the way, over all venues, do not become too large."""
    limit = limits.max_position_notional
    used = snapshot.position_value + snapshot.entries_value
    whole = used + _value(terms)
    if limit is None or whole <= limit:
        return None
    total = figure(beside(whole, limit))
    text = f"It would make {total} of {terms.symbol.partition('/')[0]}, over {figure(limit)}."
    return Refusal(code="MAX_POSITION_NOTIONAL", text=text, largest=max(limit - used, ZERO))


def max_open_orders(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """Not too many entries rest at once."""
    return _full("MAX_OPEN_ORDERS", "Open entries", snapshot.open_entries, limits.max_open_orders)


def max_open_positions(terms: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """Not too many positions at once; adding to one that is open makes no new one."""
    if (terms.venue, terms.symbol) in snapshot.open_positions:
        return None
    count = len(snapshot.open_positions)
    return _full("MAX_OPEN_POSITIONS", "Open positions", count, limits.max_open_positions)


def max_orders_per_minute(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """Entries do not come too fast."""
    count, limit = snapshot.entries_last_minute, limits.max_orders_per_minute
    return _full("MAX_ORDERS_PER_MINUTE", "Entries in the last minute", count, limit)


def _full(code: str, what: str, count: int, limit: int | None) -> Refusal | None:
    """There is no room for one more."""
    if limit is None or count < limit:
        return None
    return Refusal(code=code, text=f"{what}: {count} of {limit}.")


def max_daily_loss(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """The day has not lost too much. What stopped entries stops them until the next day."""
    limit, standing = limits.max_daily_loss, snapshot.standing
    stop = snapshot.stops.get(StopKind.DAILY_LOSS)
    if limit is None:
        return None
    if stop is not None:
        at = stop.since.astimezone(limits.zone)
        stood = f"The day stood at {figure(beside(stop.figure, -stop.bound))} at {at:%H:%M}"
        text = f"{stood}, below {figure(-stop.bound)}. Entries wait for the next day."
    elif standing is None or standing.day is None:
        text = _not_known("The day's result", "price", standing.unpriced if standing else ())
    elif standing.day.total < -limit:
        stands = figure(beside(standing.day.total, -limit))
        text = f"The day stands at {stands}, below {figure(-limit)}."
    else:
        return None
    return Refusal(code="MAX_DAILY_LOSS", text=text)


def max_drawdown(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """Equity is not too far below its highest. What stopped entries stops them until it is reset."""
    limit, standing = limits.max_drawdown, snapshot.standing
    stop = snapshot.stops.get(StopKind.DRAWDOWN)
    if limit is None:
        return None
    if stop is not None:
        fell = f"Equity was {percent(beside(stop.figure, stop.bound))} below its highest"
        text = f"{fell}, over {percent(stop.bound)}. Entries wait for /limits reset drawdown."
    elif standing is None or standing.drawdown is None:
        text = _not_known("Equity", "reading", standing.unread if standing else ())
    elif standing.drawdown > limit:
        below = f"Equity is {percent(beside(standing.drawdown, limit))} below its highest"
        text = f"{below}; the limit is {percent(limit)}."
    else:
        return None
    return Refusal(code="MAX_DRAWDOWN", text=text)


def _not_known(what: str, lacking: str, of: Sequence[str]) -> str:
    why = f"there is no {lacking} of {', '.join(of)} yet" if of else "it was not read yet"
    return f"{what} is not known: {why}."


def max_price_deviation(terms: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """A sender's price is near the market, either way: the fat finger."""
    limit, quote = limits.max_price_deviation, snapshot.quote
    if limit is None or quote is None or terms.price is None:
        return None
    market = terms.stop_price or quote.reference(terms.side)  # where it is when it can trade
    away = abs(terms.price - market) / market
    if away <= limit:
        return None
    what = "its stop price" if terms.stop_price else "the market"
    apart = f"{percent(beside(away, limit))} from {what} at {figure(market)}"
    text = f"{figure(terms.price)} is {apart}; the limit is {percent(limit)}."
    return Refusal(code="MAX_PRICE_DEVIATION", text=text)


def max_spread(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """The market is not too thin."""
    limit, quote = limits.max_spread, snapshot.quote
    if limit is None or quote is None:
        return None
    spread = (quote.ask - quote.bid) / quote.mid
    if spread <= limit:
        return None
    text = f"The spread is {percent(beside(spread, limit))}; the limit is {percent(limit)}."
    return Refusal(code="MAX_SPREAD", text=text)


def min_quote_reserve(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """Enough quote currency stays free at its venue."""
    reserve = limits.min_quote_reserve
    if reserve is None or not snapshot.takes_quote:
        return None
    if snapshot.free_quote is None:
        text = "What is free at the venue is not known now."
        return Refusal(code="MIN_QUOTE_RESERVE", text=text)
    left = snapshot.free_quote - snapshot.reserved_quote - snapshot.takes_quote
    if left >= reserve:
        return None
    text = f"It would leave {figure(beside(left, reserve))} free, under {figure(reserve)}."
    return Refusal(code="MIN_QUOTE_RESERVE", text=text)


def symbols(terms: Terms, _: Snapshot, limits: Limits) -> Refusal | None:
    """Only these may be traded."""
    if limits.symbols is None or terms.symbol in limits.symbols:
        return None
    return Refusal(code="SYMBOLS", text=f"{terms.symbol} is not on the list.")


def sides(terms: Terms, _: Snapshot, limits: Limits) -> Refusal | None:
    """Only these may add exposure."""
    if limits.sides is None or terms.side in limits.sides:
        return None
    return Refusal(code="SIDES", text=f"A {terms.side} may not add exposure.")


def trading_hours(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """Entries keep to the desk's hours, in its own zone."""
    hours, local = limits.trading_hours, snapshot.now.astimezone(limits.zone)
    if hours is None or hours.contains(local):
        return None
    text = f"It is {DAYS[local.weekday()]} {local:%H:%M}; trading hours are {hours.text}."
    return Refusal(code="TRADING_HOURS", text=text)


def cooldown_after_loss(_: Terms, snapshot: Snapshot, limits: Limits) -> Refusal | None:
    """After a losing exit entries wait. Exactly at the end of the cooldown they may go."""
    cooldown, lost_at = limits.cooldown_after_loss, snapshot.last_loss_at
    if cooldown is None or lost_at is None or snapshot.now - lost_at >= cooldown:
        return None
    wait = duration(lost_at + cooldown - snapshot.now)
    text = f"The last exit was a loss; entries wait {wait} more."
    return Refusal(code="COOLDOWN_AFTER_LOSS", text=text)


def stop_loss_required(terms: Terms, _: Snapshot, limits: Limits) -> Refusal | None:
    """An entry says where it is wrong."""
    if not limits.stop_loss_required or terms.stop_loss is not None:
        return None
    return Refusal(code="STOP_LOSS_REQUIRED", text="An entry needs a stop.")


EVERY_ORDER: Mapping[str, Rule] = {
    "trading": trading,
    "venue": venue,
    "known_symbol": known_symbol,
    "unknown_outcome": unknown_outcome,
    "venue_limits": within_venue_limits,
}
ARRIVAL: Mapping[str, Rule] = {
    "max_signal_age": max_signal_age,
    "duplicate_window": duplicate_window,
}
ENTRIES: Mapping[str, Rule] = {
    "rate": rate,
    "max_order_notional": max_order_notional,
    "max_position_notional": max_position_notional,
    "max_open_orders": max_open_orders,
    "max_open_positions": max_open_positions,
    "max_orders_per_minute": max_orders_per_minute,
    "max_daily_loss": max_daily_loss,
    "max_drawdown": max_drawdown,
    "max_price_deviation": max_price_deviation,
    "max_spread": max_spread,
    "min_quote_reserve": min_quote_reserve,
    "symbols": symbols,
    "sides": sides,
    "trading_hours": trading_hours,
    "cooldown_after_loss": cooldown_after_loss,
    "stop_loss_required": stop_loss_required,
}
CONTRACTS: Mapping[str, Rule] = {
    "leverage": leverage,
}
"""Entries in markets of contracts."""
