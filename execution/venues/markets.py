"""A market as ccxt tells it: its steps, its limits and which orders it takes.

Pure. `exchange.py` reads every market with it, each time the exchange lists them. What an exchange
does not tell is never made up: a market without a step is no market of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from execution.errors import VenueUnavailable
from execution.instruments import Instrument, MarketKind, Offers
from execution.rounding import CONTEXT
from execution.types import OrderType, TimeInForce
from execution.venues.answers import exact
from execution.venues.quirks import Quirks

log = logging.getLogger(__name__)

_NAMED = 10
"""So many that cannot be read are named."""
_DECIMAL_PLACES, _TICK_SIZE = 2, 4  # ccxt.base.decimal_to_precision


def instruments(
    ccxt: Any, quirks: Quirks, kind: MarketKind = MarketKind.SPOT
) -> dict[str, Instrument]:
    """Every market of a kind that ccxt has loaded, by its symbol. One that cannot be read is none of ours.

    Raises:
        VenueUnavailable: of all that are listed none can be read.
    """
    found: dict[str, Instrument] = {}
    unread: list[str] = []
    for symbol, market in ccxt.markets.items():
        try:
            one = instrument(market, ccxt.precisionMode, quirks, ccxt.features, kind)
        except (LookupError, ValueError, TypeError, ArithmeticError):
            unread.append(symbol)
            continue
        if one is not None:
            found[one.symbol] = one
    if unread:
        log.warning("%s: cannot read the markets %s", ccxt.id, ", ".join(unread[:_NAMED]))
    if unread and not found:
        raise VenueUnavailable(f"{ccxt.id} tells of no market that can be read")
    return found


def instrument(
    market: Mapping[str, Any],
    precision_mode: int,
    quirks: Quirks,
    features: Mapping[str, Any] | None = None,
    kind: MarketKind = MarketKind.SPOT,
) -> Instrument | None:
    """A market's steps, limits and orders; None for what is of another kind or tells no step.

    `features` is what ccxt knows of the exchange: taken where nobody has tried which orders it takes.
    """
    amount_step = _step(market["precision"]["amount"], precision_mode)
    price_step = _step(market["precision"]["price"], precision_mode)
    told = market["info"].get(quirks.price_step_in) if quirks.price_step_in else None
    if told is not None:
        price_step = exact(told)
    if not _is_of(market, kind) or amount_step is None or price_step is None:
        return None
    limits = market["limits"]
    return Instrument(
        symbol=market["symbol"],
        base=market["base"],
        quote=market["quote"],
        active=market["active"] is not False,
        amount_step=amount_step,
        price_step=price_step,
        min_amount=_limit(limits["amount"]["min"]),
        max_amount=_limit(limits["amount"]["max"]),
        min_price=_limit(limits["price"]["min"]),
        max_price=_limit(limits["price"]["max"]),
        min_notional=_limit(limits["cost"]["min"]),
        max_notional=_limit(limits["cost"]["max"]),
        offers=quirks.narrowed(quirks.offers or _offers(features), market),
    )


def _is_of(market: Mapping[str, Any], kind: MarketKind) -> bool:
    """Whether it is a pair of assets, or a contract without an end that counts and settles as we reckon:
    in its base asset, and in its quote currency."""
    if kind is MarketKind.SPOT:
        return bool(market["spot"])
    settles = market["linear"] and market["settle"] == market["quote"]
    return bool(market["swap"] and settles) and exact(market["contractSize"]) == 1


def _offers(features: Mapping[str, Any] | None) -> Offers:
    """The limit orders that ccxt says an exchange takes, and no other kind; without its word the least."""
    spot = (features or {}).get("spot") or {}
    told = (spot.get("createOrder") or {}).get("timeInForce") or {}
    times = {one for one in (TimeInForce.IOC, TimeInForce.FOK) if told.get(one.value)}
    # A market order goes as a limit that may not rest.
    capped = {OrderType.MARKET} if TimeInForce.IOC in times else set()
    return Offers(
        types=frozenset({OrderType.LIMIT, *capped}),
        times=frozenset({TimeInForce.GTC, *times}),
        post_only=bool(told.get("PO")),
    )


def _limit(value: Any) -> Decimal | None:
    """A limit, or None: exchanges write 0 for no limit."""
    return exact(value) if value is not None and exact(value) > 0 else None


def _step(value: Any, precision_mode: int) -> Decimal | None:
    if value is None or precision_mode not in (_TICK_SIZE, _DECIMAL_PLACES):
        return None
    step = exact(value) if precision_mode == _TICK_SIZE else Decimal(1).scaleb(-int(value), CONTEXT)
    return step if step > 0 else None
