"""Binance's spot market."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from execution.instruments import Offers, Shares
from execution.types import OrderType, TimeInForce
from execution.venues.quirks.ways import (
    Frame,
    Kind,
    Protection,
    Quirks,
    Said,
    Streams,
    ToldOrder,
    ToldQuote,
    watch_orders,
)

# By the exchange's own names: ccxt makes the same of its own, but for a trailing stop by two detours.
KINDS = {
    OrderType.LIMIT: Kind(type="limit"),
    OrderType.STOP: Kind(type="STOP_LOSS", stop_by="stopLossPrice"),
    OrderType.STOP_LIMIT: Kind(type="STOP_LOSS_LIMIT", stop_by="stopLossPrice"),
    OrderType.TAKE_PROFIT: Kind(type="TAKE_PROFIT", stop_by="takeProfitPrice"),
    OrderType.TAKE_PROFIT_LIMIT: Kind(type="TAKE_PROFIT_LIMIT", stop_by="takeProfitPrice"),
    # ccxt makes basis points (`trailingDelta`) of percents. Without a `stopPrice` it begins at once.
    OrderType.TRAILING_STOP: Kind(type="STOP_LOSS", percent_by="trailingPercent"),
}
_PAST = "the market is past the stop price already"
_BASIS_POINT = Decimal("0.0001")


def binance_offers(offers: Offers, market: Mapping[str, Any]) -> Offers:
    """What a market takes, by its `orderTypes` and its filter TRAILING_DELTA."""
    told = market["info"]
    names = set(told.get("orderTypes", ()))
    filters = {one["filterType"]: one for one in told.get("filters", ())}
    delta = filters.get("TRAILING_DELTA") if told.get("allowTrailingStop") else None
    types = {
        kind
        for kind in offers.types
        if KINDS.get(kind, KINDS[OrderType.LIMIT]).type.upper() in names
    }
    if delta is None:
        types.discard(OrderType.TRAILING_STOP)
    return offers.evolve(
        types=frozenset(types),
        post_only="LIMIT_MAKER" in names,
        trails_by_share=None if delta is None else _shares(delta),
    )


def _shares(delta: Mapping[str, Any]) -> Shares:
    """The distances that the filter takes of buys and of sells alike."""
    least = max(int(delta[f"minTrailing{way}Delta"]) for way in ("Above", "Below"))
    most = min(int(delta[f"maxTrailing{way}Delta"]) for way in ("Above", "Below"))
    return Shares(least=least * _BASIS_POINT, most=most * _BASIS_POINT, step=_BASIS_POINT)


def binance_frame(frame: Frame) -> Said | None:
    """A frame of the WebSocket API, which tells of the account, or of the market streams."""
    event = frame.get("event")
    if event is not None:
        kind = event["e"]
        if kind == "executionReport":
            # A cancel has an id of its own in `c`; the order's is in `C` then, else that is empty.
            client_order_id = event["C"] or event["c"]
            told = ToldOrder(
                venue_order_id=str(event["i"]),
                client_order_id=client_order_id,
                market_id=event["s"],
            )
            return Said(orders=[told])
        return Said(ends=kind == "eventStreamTerminated")
    if "b" in frame and "a" in frame:
        return Said(quotes=[ToldQuote(market_id=frame["s"], bid=frame["b"], ask=frame["a"])])
    if "error" in frame:
        return Said(refusal=frame["error"], status=frame.get("status", 400))
    return Said(stands=True) if "subscriptionId" in (frame.get("result") or {}) else None


BINANCE = Quirks(
    offers=Offers(
        types=frozenset(OrderType),
        times=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),  # no GTD on spot
    ),
    narrowed=binance_offers,
    kinds=KINDS,
    protection=Protection(
        attached="an entry with a stop (OTO) or with a stop and a target (OTOCO), placed once it filled: "
        "`orderList/oto`, `orderList/otoco`",
        one_cancels_other="a stop and a target as one list (OCO): `orderList/oco`",
        reduce_only="not on spot: a sell sells what is there",
        through_ccxt="`create_order` sends none of them; the calls themselves: `privatePostOrderListOco` and the like",
        source="binance-spot-api-docs, rest-api.md, Order lists",
    ),
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
    streams=Streams(
        read=binance_frame,
        orders_by=watch_orders,  # `userDataStream.subscribe.signature` of the WebSocket API
        quotes_by="watch_bids_asks",  # `<symbol>@bookTicker`
        quotes_end_by="un_watch_bids_asks",
        config={
            "rateLimiterAlgorithm": "leakyBucket",  # five messages a second, or the socket is closed
            "options": {
                "streamLimits": {"spot": 1},  # ccxt opens a socket for each symbol otherwise
                # and counts each list of symbols that was ever asked for
                "subscriptionLimitByStream": {"spot": 1_000_000},
            },
        },
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
    meanings={
        "Order would trigger immediately.": _PAST,
        "Stop price would trigger immediately.": _PAST,
        "Filter failure: MAX_NUM_ALGO_ORDERS": "too many stops and targets rest in this market already",
        "Filter failure: TRAILING_DELTA": "the trailing distance is not one this market takes",
    },
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
