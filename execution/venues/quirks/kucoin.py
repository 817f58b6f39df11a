"""KuCoin's spot market, of a classic account. Nobody has tried it: shapes are checked, nothing else.

Sources: Kucoin/kucoin-universal-sdk of 2025-11-04, `spot/order`; kucoin.com/docs, "Spot Error Codes".
"""

from __future__ import annotations

from datetime import timedelta

from execution.instruments import Offers
from execution.types import TimeInForce
from execution.venues.quirks.ways import OnePage, Protection, Quirks

KUCOIN = Quirks(
    # No stop and no target: only those that wait are listed (get_stop_orders_list), so that one which was
    # canceled is found nowhere, and nobody says which order a touched one becomes. No good-till-date:
    # `cancelAfter` counts seconds from the arrival, so that a late order would last longer than approved.
    offers=Offers(
        times=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}), post_only=True
    ),
    # `clientOid`: letters, digits, underscores, dashes, up to 40; not to be used twice (add_order).
    find_by="clientOrderId",  # sent in the path, as `client-order/{clientOid}`
    cancel_by="clientOrderId",
    # A request's time may be 5 s from the exchange's (400002). An order's own end (`clientTimestamp`) must
    # be the very time the request is signed with, which ccxt takes later.
    receive_window=timedelta(seconds=5),
    # An order is acknowledged before it is placed, and nobody says how soon look-ups show it.
    page=100,
    # Closed orders and trades go on at `lastId`, which ccxt drops.
    pages=OnePage(rows=100, since="startAt", limit="limit"),
    open_orders_need_symbol=True,
    protection=Protection(
        attached="not on spot",
        one_cancels_other="a limit order and a stop as one (OCO): `oco/order`",
        reduce_only="not on spot: a sell sells what is there",
        through_ccxt="`create_order` sends none of them",
        source="spot/order, add_oco_order",
    ),
    # Nobody tells the words of that refusal: any about an id.
    duplicate_texts=frozenset({"126033", "126044", "clientOid", "uplicate"}),
    definite_codes=frozenset(
        {
            "126004",  # no such pair, or it may not be traded
            "126006",
            "126007",
            "126009",
            "126015",
            "200001",  # orders of this pair are suspended
            "200003",  # too many open orders
            "200009",  # a person's papers are asked for
            "400700",  # the account is restricted
            "600203",  # the pair cannot be traded
            "900001",  # no such symbol
        }
    ),
    doubtful_codes=frozenset({"408000"}),  # "Network timeout, please try again later"
    clock_codes=frozenset({"400002"}),
    limit_codes=frozenset({"429000"}),
    meanings={
        "112010": "the account must be a classic one, not a unified one",
        "400003": "the key is unknown or was deleted",
        "400004": "the passphrase is not the one the key was made with",
        "400005": "the secret does not belong to the key",
        "400006": "the key may not be used from this address",
        "400007": "the key lacks a right: it must read and trade on spot",
    },
    config={
        "rateLimiterAlgorithm": "rollingWindow",  # the default one makes an order wait for the one before
        "has": {"fetchCurrencies": False},
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"], "fetchTickersFees": False},
            # What ccxt finds out by itself it asks before the first order, and knows of one connection only.
            "hf": True,
            "uta": False,
        },
    },
)
