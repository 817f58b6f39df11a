"""How exchanges differ where it matters for never twice and never lost, as data.

Each stands for a kind of exchange that execution research found; `quirks` is what the product knows of
it, the rest is what the exchange does, within what `quirks` promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from execution.venues.connections import TIMEOUT
from execution.venues.quirks import UNDOCUMENTED_WINDOW, Quirks, quirks_of

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One kind of exchange."""

    quirks: Quirks
    refuses_ids: str
    """Which client ids it refuses: `none`, those `open`, or all it has `ever` seen."""
    forgets_ids_after: timedelta | None = None
    """How long after its end an order is still found by client id; None: for ever."""
    appears_within: timedelta = _SECOND
    """How long a new order may be missing, look-up by look-up; never beyond the quirks' grace."""
    stale_by: timedelta = _SECOND
    """How old an order's shown state may be."""
    trades_within: timedelta = 2 * _SECOND
    """How long a trade may be missing."""
    arrives_within: timedelta = TIMEOUT + UNDOCUMENTED_WINDOW - 2 * _SECOND
    """How late a request may still arrive; the window, where there is one, refuses it then."""
    lists: frozenset[str] = frozenset({"fetchOrders"})
    """What ccxt can list of its past orders."""


_BINANCE = quirks_of("binance").evolve(page=5)
_LIKE_BINANCE = Quirks(offers=_BINANCE.offers, narrowed=_BINANCE.narrowed, kinds=_BINANCE.kinds)
"""Another exchange, which takes the same orders in the same words."""

PROFILES: Mapping[str, Profile] = {
    "ids unique while open": Profile(
        quirks=_BINANCE,
        refuses_ids="open",
        appears_within=9 * _SECOND,
        arrives_within=6 * _SECOND,
        lists=frozenset({"fetchOrders", "fetchOrderTrades"}),
    ),
    "ids never refused, only lists to search": Profile(
        quirks=_LIKE_BINANCE.evolve(page=5, visibility_grace=30 * _SECOND),
        refuses_ids="none",
        appears_within=25 * _SECOND,
        stale_by=4 * _SECOND,
        trades_within=8 * _SECOND,
        lists=frozenset({"fetchClosedOrders", "fetchCanceledOrders"}),
    ),
    "ids found only while open": Profile(
        quirks=_LIKE_BINANCE.evolve(
            find_by="clientOrderId",
            cancel_by="clientOrderId",
            page=5,
            visibility_grace=10 * _SECOND,
        ),
        refuses_ids="none",
        forgets_ids_after=timedelta(0),
        appears_within=8 * _SECOND,
        stale_by=3 * _SECOND,
        trades_within=20 * _SECOND,
    ),
    "ids unique for ever, found for a minute": Profile(
        quirks=_LIKE_BINANCE.evolve(find_by="clientOrderId", page=5, visibility_grace=5 * _SECOND),
        refuses_ids="ever",
        forgets_ids_after=60 * _SECOND,
        appears_within=3 * _SECOND,
        lists=frozenset({"fetchOrders", "fetchOrderTrades"}),
    ),
}


def prompt(profile: Profile) -> Profile:
    """The same exchange on a good day: everything shows at once and nothing arrives late."""
    at_once = timedelta(0)
    return replace(
        profile,
        appears_within=at_once,
        stale_by=at_once,
        trades_within=at_once,
        arrives_within=at_once,
    )
