"""An order in the words of ccxt: what `create_order` is called with, as the quirks of an exchange say.

Pure but for ccxt's own rounding, which is asked and must leave every number as it is. `exchange.py` calls
it right before an order leaves. What cannot be said exactly is refused, never said in another way.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execution.errors import VenueRefused
from execution.instruments import Instrument
from execution.rounding import plain
from execution.types import TimeInForce
from execution.venues.filters import not_taken
from execution.venues.quirks import Kind, Quirks
from execution.venues.venue import NewOrder


def refuse_changed_terms(ccxt: Any, order: NewOrder, of: Instrument | None) -> None:
    """Only what the market takes, and ccxt's own rounding leaves as it is, may be sent.

    Raises:
        VenueRefused: it is something else; nothing was sent.
    """
    if of is None:
        raise VenueRefused(f"there is no market {order.symbol}; nothing was sent")
    wrong = not_taken(order, of)
    if wrong is not None:
        raise VenueRefused(f"{order.symbol}: {wrong}; nothing was sent")
    for what, value, rounded in (
        ("amount", order.amount, ccxt.amount_to_precision),
        ("price", order.price, ccxt.price_to_precision),
        ("stop price", order.stop_price, ccxt.price_to_precision),
    ):
        if value is not None and rounded(order.symbol, value) != plain(value):
            raise VenueRefused(
                f"{order.symbol}: {what} {value} is not on the exchange's steps; nothing was sent"
            )


def in_ccxts_words(order: NewOrder, quirks: Quirks) -> tuple[str, dict[str, object]]:
    """The type and the parameters of an order; every number in them is a string.

    Raises:
        VenueRefused: there are no words for it; nothing was sent.
    """
    kind = quirks.kinds.get(order.type)
    if kind is None:
        raise VenueRefused(f"{order.type} orders cannot be sent to this exchange; nothing was sent")
    params: dict[str, object] = dict(quirks.order_params)
    params[kind.id_by or quirks.send_by] = order.client_order_id
    params |= {**kind.params, **kind.params_of.get(order.side, {})}
    if kind.stop_by is not None and order.stop_price is not None:
        params[kind.stop_by] = plain(order.stop_price)
    if order.post_only:
        params["postOnly"] = True
    if order.reduce_only and quirks.reduce_only_by is not None:
        params[quirks.reduce_only_by] = True
    # What takes the market once it is touched rests in no book: it has no time in force.
    if order.price is not None and not (order.post_only and order.time_in_force is TimeInForce.GTC):
        params["timeInForce"] = order.time_in_force.value
    if order.good_till is not None:
        params[_said(quirks.good_till_by, order)] = quirks.good_till_as(order.good_till)
    return kind.type, params | _distance(order, kind)


def _distance(order: NewOrder, kind: Kind) -> dict[str, object]:
    """The distance that a trailing stop keeps."""
    if order.trail is None:
        return {}
    if not order.trail.is_share:
        return {_said(kind.distance_by, order): plain(order.trail.value)}
    return {_said(kind.percent_by, order): plain(order.trail.value * Decimal(100))}


def _said(name: str | None, order: NewOrder) -> str:
    """The name of a parameter that the exchange has."""
    if name is None:
        raise VenueRefused(
            f"this exchange takes no such {order.type} {order.time_in_force} order; nothing was sent"
        )
    return name
