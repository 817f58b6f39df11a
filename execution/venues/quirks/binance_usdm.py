"""Binance's USD-M futures. Nothing is traded there yet (`market = "swap"` is refused): what is known, for then.

Sources: developers.binance.com, "USDS-Margined Futures"; ccxt 4.5.90.
"""

from __future__ import annotations

from datetime import timedelta

from execution.venues.quirks.ways import Protection, Quirks

BINANCE_USDM = Quirks(
    # `newClientOrderId`. Triggered orders are of another list, with an id of their own: `clientAlgoId`.
    find_by="clientOrderId",
    cancel_by="clientOrderId",
    receive_window=timedelta(seconds=5),
    page=1000,
    protection=Protection(
        attached="none",
        one_cancels_other="none",
        reduce_only="`reduceOnly` of any order; `closePosition` of a stop or a target",
        through_ccxt="`reduceOnly`, `closePosition`",
        source='"New Order", "New Algo Order"',
    ),
    duplicate_texts=frozenset({"Duplicate order sent", "-4116", "-20132"}),
    key_codes=frozenset({"-1022", "-2008", "-2014", "-2015"}),  # as on spot
    clock_codes=frozenset({"-1021", "-5028"}),  # on receipt, and before the matching engine
    config={
        "rateLimiterAlgorithm": "rollingWindow",
        "has": {"fetchCurrencies": False},
        "options": {
            "fetchMarkets": {"types": ["linear"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
            "recvWindow": 5000,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
        },
    },
)
