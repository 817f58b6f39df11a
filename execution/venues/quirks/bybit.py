"""Bybit's spot market, of a unified trading account. Nobody has tried it: shapes are checked, nothing else.

Sources: bybit-exchange/docs of 2026-07-24, `docs/v5`.
"""

from __future__ import annotations

from datetime import timedelta

from execution.instruments import Offers
from execution.types import TimeInForce
from execution.venues.quirks.ways import ByCursor, Protection, Quirks

BYBIT = Quirks(
    # No stop and no target: `triggerDirection` is of contracts alone (order/create-order). On spot the side
    # on which the price is awaited follows from the market as the order arrives, so that a stop which comes
    # a moment late would wait for the way back. No order tells when it ends.
    offers=Offers(
        times=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}), post_only=True
    ),
    # `orderLinkId`: letters, digits, dashes, underscores, up to 36, "always unique" (order/create-order).
    # ccxt reads `clientOrderId` when it creates an order, and only there.
    find_by="orderLinkId",
    # `fetch_order` sends an empty `orderId` along, and that one comes first where both are told. Asked by
    # id the list shows closed orders too, but for what a restart of Bybit cleared (order/open-order).
    find_in="fetch_open_orders",
    cancel_by="orderLinkId",
    receive_window=timedelta(
        seconds=5
    ),  # X-BAPI-RECV-WINDOW (guide, "Parameters for authenticated endpoints")
    # An order is acknowledged before it is placed (order/create-order), and nobody says how long before
    # the lists show it: a person decides on what is not found.
    page=100,  # of an order's trades, which are told whatever their time (order/execution)
    pages=ByCursor(rows=50, cursor="cursor", told="nextPageCursor"),
    protection=Protection(
        attached="a stop and a target with a limit entry: `stopLoss`, `takeProfit`",
        one_cancels_other="only where both came with an entry",
        reduce_only="not on spot: a sell sells what is there",
        through_ccxt="`stopLoss` and `takeProfit` of `create_order`; a stop without an entry is an order "
        "of the filter `tpslOrder`, which holds what it sells",
        source="order/create-order",
    ),
    duplicate_texts=frozenset(
        {
            "10014",  # duplicate request
            "12141",
            "110072",
            "170141",
        }
    ),
    definite_codes=frozenset(
        {
            "110066",  # trading is not allowed now
            "170031",  # suspended
            "170227",  # not supported
        }
    ),
    doubtful_codes=frozenset(
        {
            "170035",  # "Submitted to the system for processing!"
            "170146",  # "Order creation timeout"
        }
    ),
    clock_codes=frozenset({"10002"}),
    limit_codes=frozenset(
        {
            "10006",  # of the account
            "10018",  # of the address
            "170005",  # of new orders
            "170222",
        }
    ),
    gone_codes=frozenset(
        {
            "110008",
            "110010",
            "170139",  # filled
            "170142",  # canceled
            "170143",
            "170190",
        }
    ),
    meanings={
        "10003": "the key is unknown, was deleted, or is one of the testnet",
        "10004": "the secret does not belong to the key",
        "10005": "the key lacks a right: it must read and trade on spot",
        "10010": "the key may not be used from this address",
        "10028": "the account must be a unified trading account",
        "33004": "the key has expired",
    },
    config={
        "rateLimiterAlgorithm": "rollingWindow",  # the default one makes an order wait for the one before
        # Currencies are of another API family; the best bid and ask of one market it reads off all.
        "has": {"fetchCurrencies": False, "fetchBidsAsks": False},
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            # Else ccxt asks for the kind of account before the first order, in two more requests.
            "enableUnifiedMargin": False,
            "enableUnifiedAccount": True,
            "unifiedMarginStatus": 6,
            "fetchOrder": {"acknowledged": True},  # that the list it asks is not complete
            "recvWindow": 5000,
        },
    },
)
