"""OKX's spot market. Nobody has tried it: the shapes of requests are checked, nothing else is."""

from __future__ import annotations

from datetime import timedelta

from execution.instruments import Offers
from execution.types import TimeInForce
from execution.venues.quirks.ways import OlderThan, Protection, Quirks

OKX = Quirks(
    offers=Offers(
        times=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}), post_only=True
    ),
    # `clOrdId`: letters and digits, up to 32, no dashes (okx.com/docs-v5, "Place order"). ccxt sends its
    # broker's id with an order that has none.
    # Orders are of the account's own money (`tdMode` is `cash`): an account in one of the margin modes that
    # asks for `cross` is refused.
    find_by="clientOrderId",  # sent as `clOrdId`
    cancel_by="clientOrderId",
    # A request's time may be 30 s from the exchange's (okx.com/docs-v5, "Making Requests"). The narrower
    # header `expTime` is of each request; ccxt has no place for it.
    receive_window=timedelta(seconds=30),
    # No document says how soon the lists show an order: a person decides on what is not found.
    page=100,
    # Newest first, a hundred at most, `after` leads to what is older ("Get order list", "Get transaction
    # details"). The history of orders goes back seven days, that of orders without any fill two hours.
    pages=OlderThan(rows=100, since="begin", before="after", told=("billId", "ordId")),
    protection=Protection(
        attached="a stop and a target with the entry, placed once it filled: `attachAlgoOrds`",
        one_cancels_other="a stop and a target as one order of the kind `oco`",
        reduce_only="not on spot: a sell sells what is there",
        through_ccxt="`stopLoss` and `takeProfit` of `create_order`; both `stopLossPrice` and "
        "`takeProfitPrice` make an `oco`. These have an id of their own, `algoClOrdId`, which ccxt does not send",
        source='okx.com/docs-v5, "Place order", "Place algo order"; ccxt 4.5.90',
    ),
    duplicate_texts=frozenset(
        {
            "51011",  # order id is taken
            "51016",  # client order id is taken
        }
    ),
    key_codes=frozenset(
        {
            "50119",  # the key does not exist
            "50120",  # it lacks a right
            "50121",  # it may not be used from this address
        }
    ),
    clock_codes=frozenset({"50102"}),
    limit_codes=frozenset(
        {
            "50011",  # of the key
            "50061",  # of orders of the account
        }
    ),
    meanings={
        "50101": "a key of the demo account does not open the real one, nor the other way round",
        "50105": "the passphrase is not the one the key was made with",
        "50110": "the key may not be used from this address",
        "50111": "the key is unknown or was deleted",
        "50113": "the secret does not belong to the key",
        "50119": "the key is unknown or was deleted",
        "50120": "the key lacks a right: it must read and trade",
    },
    config={
        "has": {"fetchCurrencies": False},  # a private call of the funding account
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "createOrder": "privatePostTradeOrder",  # by itself ccxt sends a list of one
        },
    },
)
