"""Kraken Futures. Nothing is traded there yet (`market = "swap"` is refused): what is known, for then.

Sources: docs.kraken.com/api/docs/futures-api; ccxt 4.5.90.
"""

from __future__ import annotations

from execution.venues.quirks.ways import Protection, Quirks, dashed

KRAKEN_FUTURES = Quirks(
    client_order_id=dashed,  # `cliOrdId`, unique for good: code clientOrderIdAlreadyExist
    # No look-up by it: open orders and trades tell it. ccxt cancels by it only through `cancel_orders`.
    protection=Protection(
        attached="none",
        one_cancels_other="none",
        reduce_only="`reduceOnly` of any order",
        through_ccxt="`reduceOnly`; a stop or a target always has it",
        source='"Send order"',
    ),
)
