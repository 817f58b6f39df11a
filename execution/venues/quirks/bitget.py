"""Bitget's spot market, of a classic account. Nobody has tried it: shapes are checked, nothing else.

Source where none is named: bitget.com/api-doc/spot as far as ccxt 4.5.90 follows it.
"""

from __future__ import annotations

from execution.instruments import Offers
from execution.types import TimeInForce
from execution.venues.quirks.ways import OlderThan, Protection, Quirks

BITGET = Quirks(
    # No stop and no target: nothing in a plan order says from which side its `triggerPrice` is awaited
    # (spot/plan/Place-Plan-Order), so that a stop which comes a moment late would wait for the way back; nor
    # is one looked up by `clientOid`. No order tells when it ends.
    offers=Offers(
        times=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}), post_only=True
    ),
    # `clientOid`: up to 50 (code 40305); which letters it takes nobody says, so letters and digits.
    find_by="clientOrderId",
    cancel_by="clientOrderId",
    # How old a request may be nobody says, nor how soon look-ups show an order.
    # Newest first, a hundred at most, `idLessThan` leads to what is older; 90 days of orders and trades.
    pages=OlderThan(rows=100, since="startTime", before="idLessThan", told=("tradeId", "orderId")),
    protection=Protection(
        attached="a stop and a target with the entry: `presetStopLossPrice`, `presetTakeProfitPrice`",
        one_cancels_other="nobody has looked",
        reduce_only="not on spot: a sell sells what is there",
        through_ccxt="`create_order` sends none of them on spot",
        source="bitget.com/api-doc/spot/trade/Place-Order",
    ),
    duplicate_texts=frozenset({"40786", "uplicate"}),
    # ccxt takes the first for a wrong signature; Bitget lists it as "Request timed out".
    doubtful_codes=frozenset({"40010"}),
    clock_codes=frozenset({"40004", "40005", "40008"}),
    limit_codes=frozenset({"429"}),
    gone_codes=frozenset({"22001", "43004"}),  # "No order to cancel"
    meanings={
        "40006": "the key is unknown or was deleted",
        "40009": "the secret does not belong to the key",
        "40012": "the passphrase is not the one the key was made with",
        "40014": "the key lacks a right: it must read and trade on spot",
        "40018": "the key may not be used from this address",
        "40037": "the key is unknown or was deleted",
        "40085": "the account must be a classic one, not a unified one",
    },
    sandbox_by_header=True,
    config={
        "rateLimiterAlgorithm": "rollingWindow",  # the default one makes an order wait for the one before
        "has": {"fetchCurrencies": False},
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "uta": False,  # else ccxt asks for the kind of account, and takes any failure for an answer
        },
    },
)
