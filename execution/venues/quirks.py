"""What differs from exchange to exchange, as data: ids, time windows, texts, ccxt options.

`exchange.py` and `answers.py` read it; nothing here calls anything. An exchange that is not listed
gets the careful default: slower to prove absence, fewer short cuts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from execution.record import Record

UNDOCUMENTED_WINDOW = timedelta(seconds=60)
"""Taken where an exchange does not say how late it still accepts a request."""
FENCE_MARGIN = timedelta(seconds=5)
"""On top of the window: what is left of the clock's error, and the time a request waits to be signed."""


def hex32(unique: bytes) -> str:
    """Sixteen bytes as 32 hexadecimal digits: fits every exchange that takes letters and digits."""
    return unique.hex()


@dataclass(frozen=True, kw_only=True, slots=True)
class Quirks(Record):
    """One exchange's own ways. The defaults are the careful ones for an exchange nobody has tried."""

    client_order_id: Callable[[bytes], str] = hex32
    """Sixteen bytes in the alphabet and length the exchange takes."""
    send_by: str = "clientOrderId"
    """The parameter that carries our client order id in an order."""
    find_by: str | None = None
    """The parameter that finds an order by client id; None: only lists can be searched."""
    cancel_by: str | None = None
    """The parameter that cancels an order by client id; None: only the venue's own id can."""
    receive_window: timedelta | None = None
    """The exchange refuses a request older than this (ccxt's option `recvWindow`); None where it
    does not say."""
    visibility_grace: timedelta | None = None
    """How long an accepted order may be missing from look-ups. None: nobody has tried whether they show
    our ids at all, so that only a person can say that an order is absent."""
    page: int | None = None
    """Rows in a full page of history; None: read on until a page brings nothing new."""
    duplicate_texts: frozenset[str] = frozenset()
    """Refusals that say the id is taken: the order may well be ours, so it is looked up."""
    definite_codes: frozenset[str] = frozenset()
    """Codes that certainly mean no, where ccxt has no class that says so."""
    key_codes: frozenset[str] = frozenset()
    """Codes that refuse the key, its rights or its signature, where ccxt has no class that says so."""
    clock_codes: frozenset[str] = frozenset()
    """Codes that refuse a request's time, and so certainly the request."""
    open_orders_need_symbol: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the ccxt constructor's config, before the user's own."""


_BINANCE = Quirks(
    find_by="clientOrderId",
    cancel_by="clientOrderId",
    # Checked on receipt and again before the matching engine (rest-api.md, "Timing security").
    receive_window=timedelta(seconds=5),
    visibility_grace=timedelta(seconds=10),
    page=1000,
    # An id is unique among open orders only: after a fill the same id would be a second order.
    duplicate_texts=frozenset({"Duplicate order sent", "-4116", "-20132"}),
    definite_codes=frozenset(
        {
            "-1131",  # recvWindow too large
            "-1134",  # strategyType
            "-1135",  # malformed JSON
        }
    ),
    key_codes=frozenset(
        {
            "-1022",  # bad signature
            "-1099",  # not authorized
            "-2008",  # unknown API key
            "-2014",  # malformed API key
            "-2015",  # key, IP or permission; ccxt takes it for a ban once a call has succeeded
        }
    ),
    clock_codes=frozenset({"-1021"}),  # outside of recvWindow
    config={
        "rateLimiterAlgorithm": "rollingWindow",  # the default one makes an order wait for past reads
        "has": {"fetchCurrencies": False},  # a private call of another API family
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
            "recvWindow": 5000,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
        },
    },
)

_KNOWN: Mapping[str, Quirks] = {"binance": _BINANCE}


def quirks_of(exchange: str) -> Quirks:
    """The ways of this ccxt exchange id; the careful default when it is not listed."""
    return _KNOWN.get(exchange, Quirks())
