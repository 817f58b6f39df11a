"""Gate's spot market. Nobody has tried it: the shapes of requests are checked, nothing else is.

Sources: gateio/gateapi-python of 2025-07-31, `docs/SpotApi.md`, `docs/Order.md`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from execution.instruments import Offers
from execution.types import TimeInForce
from execution.venues.quirks.ways import ByNumber, Protection, Quirks


def base32(unique: bytes) -> str:
    """Sixteen bytes as `t-` and 26 letters and digits: ccxt takes no more than 28 in all."""
    return f"t-{base64.b32encode(unique).decode().rstrip('=').lower()}"


def gate_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order at Gate: ccxt takes why it ended for its state, and does not know every reason."""
    states = {"open": "open", "closed": "closed", "cancelled": "canceled"}
    return {**row, "status": states.get(row["info"].get("status"), row["status"])}


GATE = Quirks(
    # No stop and no target: a price order bears no id of ours, so that one whose answer was lost could not
    # be told from another, and it must end after some seconds (SpotPricePutOrder.md, SpotPriceTrigger.md).
    # No order of the book tells when it ends.
    offers=Offers(
        times=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}), post_only=True
    ),
    # `text`: `t-` and up to 28 of letters, digits, `_`, `-`, `.` (Order.md).
    client_order_id=base32,
    # By it an order is found and canceled "in pending orders" only (SpotApi.md, get_order): one that is
    # not found may have filled, and the history is searched.
    find_by="clientOrderId",
    cancel_by="order_id",  # in the path; ccxt's `cancel_order` reads no client id
    # How old a request may be nobody says there, nor how soon look-ups show an order.
    page=100,
    mended=gate_row,
    pages=ByNumber(rows=100, since="from", number="page"),
    protection=Protection(
        attached="not on spot",
        one_cancels_other="not on spot",
        reduce_only="not on spot: a sell sells what is there",
        through_ccxt="stops are orders of another kind (`price_orders`), found and canceled apart",
        source="SpotApi.md, create_spot_price_triggered_order",
    ),
    duplicate_texts=frozenset({"REPEATED_CREATION"}),
    definite_codes=frozenset({"FOK_NOT_FILL"}),
    clock_codes=frozenset({"REQUEST_EXPIRED"}),
    limit_codes=frozenset({"TOO_FAST", "TOO_MANY_REQUESTS"}),
    gone_codes=frozenset({"ORDER_CANCELLED", "ORDER_CLOSED", "ORDER_FINISHED"}),
    meanings={
        "FORBIDDEN": "the key lacks a right, or may not be used from this address",
        "INVALID_KEY": "the key is unknown or was deleted",
        "INVALID_SIGNATURE": "the secret does not belong to the key",
        "IP_FORBIDDEN": "the key may not be used from this address",
        "READ_ONLY": "the key may only read: it must trade on spot",
    },
    config={
        "rateLimiterAlgorithm": "rollingWindow",  # the default one makes an order wait for the one before
        "has": {"fetchCurrencies": False},
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "unifiedAccount": False,  # else ccxt asks, and takes any failure for an answer
        },
    },
)
