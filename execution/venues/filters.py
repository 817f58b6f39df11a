"""The rules of a market that an order can break by itself, whatever the price and the account.

Pure. The paper venue refuses by all of these, the ccxt venue by what no exchange need be asked; our own
orders were rounded and checked long before, so a refusal here means that something on the way did not
hold. It must never mend an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Context, Decimal, localcontext

from execution.instruments import Instrument, Offers
from execution.kinds import TRIGGERED
from execution.rounding import plain
from execution.symbols import is_spot
from execution.types import OrderType, Side, TimeInForce
from execution.venues.venue import NewOrder

_FORGIVING = Context(prec=60, traps=[])
"""An absurd number breaks a rule in it, not the sum."""
Rule = tuple[bool, str]
"""Whether it is broken, and what to say then."""

PRICED = frozenset(
    {OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
)
"""Kinds with a limit; that of a market order is its cap."""


def rests(order: NewOrder) -> bool:
    """Whether what it cannot have at once waits in the book."""
    lasts = order.time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
    return lasts and order.type is not OrderType.MARKET and order.price is not None


def broken_rule(order: NewOrder, of: Instrument) -> str | None:
    """Which rule of the market the order breaks, in words; None if it breaks none.

    The rules are those of Binance's filters (PRICE_FILTER, LOT_SIZE, NOTIONAL), and which kinds of
    order the market takes.
    """
    with localcontext(_FORGIVING):
        broken = (
            (not of.active, f"{of.symbol} is not trading"),
            *_of_kind(order, of.offers),
            (
                order.reduce_only and order.side is Side.BUY and is_spot(of.symbol),
                "on spot only a sell reduces",
            ),
            _off("amount", order.amount, of.amount_step),
            _outside("amount", order.amount, of.min_amount, of.max_amount),
            *_of_price("price", order.price, of),
            *_of_price("stop price", order.stop_price, of),
            *_of_worth(order, of),
            *_of_trail(order, of),
        )
    return _first(broken)


def not_taken(order: NewOrder, of: Instrument) -> str | None:
    """What of the order the market does not take, whatever its limits are by now: its kind, or a number
    between its steps; None if it takes all of it."""
    with localcontext(_FORGIVING):
        broken = (
            *_of_kind(order, of.offers),
            _off("amount", order.amount, of.amount_step),
            *_on_grid("price", order.price, of),
            *_on_grid("stop price", order.stop_price, of),
            *_of_trail(order, of),
        )
    return _first(broken)


def _first(broken: Iterable[Rule]) -> str | None:
    return next((text for wrong, text in broken if wrong), None)


def _of_kind(order: NewOrder, offers: Offers) -> Iterator[Rule]:
    """What its type has and lacks, and what of it the market takes."""
    kind, triggered = order.type, order.type in TRIGGERED
    times = offers.times_of_triggered if triggered else offers.times
    trails = kind is OrderType.TRAILING_STOP
    needs: dict[str, tuple[object, bool]] = {
        "price": (order.price, kind in PRICED),
        "stop price": (order.stop_price, triggered and not trails),
        "trail": (order.trail, trails),
        "good_till": (order.good_till, order.time_in_force is TimeInForce.GTD),
    }
    if trails:  # where such a one begins may be told, and is not needed
        del needs["stop price"]
    yield kind not in offers.types, f"no {kind} orders here"
    limited = kind is not OrderType.MARKET and order.time_in_force not in times
    yield limited, f"no {order.time_in_force} {kind} orders here"
    for what, (value, needed) in needs.items():
        has_it = "needs a" if needed else "has no"
        yield (value is None) == needed, f"a {kind} {order.time_in_force} order {has_it} {what}"
    at_rest = kind is OrderType.LIMIT and rests(order)
    yield order.post_only and not at_rest, "post-only is for limit orders that rest"
    yield order.post_only and not offers.post_only, "no post-only orders here"
    fleeting = order.time_in_force not in offers.post_only_times
    yield order.post_only and fleeting, f"no {order.time_in_force} post-only orders here"


def _on_grid(what: str, price: Decimal | None, of: Instrument) -> Iterator[Rule]:
    if price is not None:
        yield _off(what, price, of.price_step)


def _of_price(what: str, price: Decimal | None, of: Instrument) -> Iterator[Rule]:
    yield from _on_grid(what, price, of)
    if price is not None:
        yield _outside(what, price, of.min_price, of.max_price)


def _of_worth(order: NewOrder, of: Instrument) -> Iterator[Rule]:
    """Its notional, at the stop price where it has no limit. Binance lets a position of contracts be
    reduced by less than its least."""
    price = order.stop_price if order.price is None else order.price
    least = None if order.reduce_only and not is_spot(of.symbol) else of.min_notional
    if price is not None:
        yield _outside("notional", order.amount * price, least, of.max_notional)


def _of_trail(order: NewOrder, of: Instrument) -> Iterator[Rule]:
    """The distance it keeps."""
    if order.trail is None:
        return
    distance, shares = order.trail.value, of.offers.trails_by_share
    if not order.trail.is_share:
        yield (
            not of.offers.trails_by_distance,
            "no trailing stop by a distance here, only by a share",
        )
        yield _off("trail", distance, of.price_step)
    elif shares is None:
        yield True, "no trailing stop by a share of the price here, only by a distance"
    else:
        yield _outside("trail", distance, shares.least, shares.most)
        yield _off("trail", distance, shares.step)


def _off(what: str, value: Decimal, step: Decimal) -> Rule:
    if value <= 0:
        return True, f"{what} {value} is not positive"
    return value % step != 0, f"{what} {value} is no multiple of {plain(step)}"


def _outside(what: str, value: Decimal, least: Decimal | None, most: Decimal | None) -> Rule:
    if least is not None and value < least:
        return True, f"{what} {plain(value)} is under {plain(least)}"
    if most is not None and value > most:
        return True, f"{what} {plain(value)} is over {plain(most)}"
    return False, ""
