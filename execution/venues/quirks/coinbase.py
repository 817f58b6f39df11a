"""Coinbase's spot market (Advanced Trade)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from execution.instruments import Offers
from execution.types import OrderType, Side, TimeInForce
from execution.venues.quirks.ways import (
    ByCursor,
    Frame,
    Kind,
    Protection,
    Quirks,
    Said,
    Streams,
    ToldOrder,
    ToldQuote,
    dashed,
    watch_orders,
)


def coinbase_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order at Coinbase: ccxt reads no terms of a fill-or-kill one, and not every status."""
    told = row["info"]
    terms: Mapping[str, Any] = next(iter((told.get("order_configuration") or {}).values()), {})
    state = {
        "PENDING": "open",
        "QUEUED": "open",
        "CANCEL_QUEUED": "canceling",
        "EDIT_QUEUED": "open",
        "EXPIRED": "expired",
        "FAILED": "rejected",
    }.get(told.get("status"), row["status"])
    amount, price = terms.get("base_size"), terms.get("limit_price")
    return {
        **row,
        "status": state,
        "amount": amount or row["amount"],
        "price": price or row["price"],
    }


def coinbase_frame(frame: Frame) -> Said | None:
    """A frame of Advanced Trade's WebSocket, each with its number on the connection."""
    if frame.get("type") == "error":
        status = 401 if "authentication" in frame["message"] else 400
        return Said(refusal=frame, status=status)
    channel, events = frame.get("channel"), frame.get("events", ())
    number = frame.get("sequence_num")
    if channel == "user":
        told = [
            ToldOrder(
                venue_order_id=row["order_id"],
                client_order_id=row["client_order_id"],
                market_id=row["product_id"],
            )
            for event in events
            for row in event.get("orders") or ()
        ]
        return Said(orders=told, number=number)
    if channel == "ticker":
        best = [
            ToldQuote(market_id=row["product_id"], bid=row["best_bid"], ask=row["best_ask"])
            for event in events
            for row in event["tickers"]
            if row.get("best_bid") and row.get("best_ask")  # it sends empty rows now and then
        ]
        return Said(quotes=best, number=number)
    subscribed = any("user" in event.get("subscriptions", ()) for event in events)
    return Said(stands=subscribed, number=number)


def coinbase_product(market: Mapping[str, Any]) -> str:
    """A market's name in frames about prices: one in USDC has the book, and the name, of that in USD."""
    alias: str | None = market["info"].get("alias")
    return alias or market["id"]


_PAST = "the market is past the stop price already"
_LIMIT_FIRST = "a buy's limit must be at or above its stop price, a sell's at or under it"


COINBASE = Quirks(
    client_order_id=dashed,
    # ccxt's own `clientOrderId` never leaves: it sends an id of its making in its place.
    send_by="client_order_id",
    # No look-up and no cancel by client id.
    offers=Offers(
        # No market order waits for a price there, and nothing trails. Whether a stop-limit may wait for
        # a better price, as a take-profit does, is not said.
        types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT}),
        times=frozenset(TimeInForce),
        times_of_triggered=frozenset({TimeInForce.GTC, TimeInForce.GTD}),
    ),
    kinds={
        OrderType.LIMIT: Kind(type="limit"),
        # Not `stopLossPrice`: with it ccxt drops the end of a good-till-date order. With `stopPrice`
        # its own direction would be the wrong one.
        OrderType.STOP_LIMIT: Kind(
            type="limit",
            stop_by="stopPrice",
            params_of={
                Side.BUY: {"stop_direction": "STOP_DIRECTION_STOP_UP"},
                Side.SELL: {"stop_direction": "STOP_DIRECTION_STOP_DOWN"},
            },
        ),
    },
    good_till_by="end_time",
    protection=Protection(
        attached="a target and a stop with an entry: `attached_order_configuration`",
        one_cancels_other="a target with a stop in it, as one order: `trigger_bracket_gtc`, `trigger_bracket_gtd`",
        reduce_only="not on spot: a sell sells what is there",
        through_ccxt="`create_order` knows none of them; a raw `order_configuration` goes through it",
        source="Coinbase's Advanced Trade reference, Create Order",
    ),
    receive_window=timedelta(seconds=120),  # ccxt signs each request for so long
    clock_step=timedelta(seconds=1),
    pages=ByCursor(rows=100, cursor="cursor"),
    mended=coinbase_row,
    definite_codes=frozenset(
        {
            "END_TIME_TOO_FAR_IN_FUTURE",
            "FOK_DISABLED",
            "INELIGIBLE_PAIR",
            "INSUFFICIENT_FUND",
            "INSUFFICIENT_FUNDS",
            "INVALID_LIMIT_PRICE",
            "INVALID_LIMIT_PRICE_POST_ONLY",
            "INVALID_NO_LIQUIDITY",
            "INVALID_ORDER_TYPE",
            "INVALID_PRICE_PRECISION",
            "INVALID_PRODUCT_ID",
            "INVALID_REQUEST",
            "INVALID_SIDE",
            "INVALID_SIZE_PRECISION",
            "LIMIT_PRICE_TOO_FAR_FROM_MARKET",
            "ORDER_ENTRY_DISABLED",
            "PERMISSION_DENIED",
            "PREVIEW_END_TIME_TOO_FAR_IN_FUTURE",
            "PREVIEW_FOK_DISABLED",
            "PREVIEW_INSUFFICIENT_FUND",
            "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE",
            "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL",
            "PREVIEW_INVALID_END_TIME",
            "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
            "PREVIEW_INVALID_PRICE_PRECISION",
            "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE",
            "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
            "PREVIEW_INVALID_SIZE_PRECISION",
            "PREVIEW_INVALID_STOP_PRICE",
            "PREVIEW_INVALID_STOP_PRICE_PRECISION",
            "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET",
            "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
            "PREVIEW_STOP_PRICE_ABOVE_LIMIT_PRICE",
            "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE",
            "PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE",
            "UNSUPPORTED_ORDER_CONFIGURATION",
        }
    ),
    key_statuses=frozenset({401, 403}),
    # ccxt looks for the first of them with a word that its translator to Python changed.
    unknown_texts=frozenset(
        {
            "order with this orderID was not found",
            "UNKNOWN_CANCEL_ORDER",
            "ORDER_IS_FULLY_FILLED",
        }
    ),
    meanings={
        "401": "the key is unknown, was revoked, may not be used from this address, or the clock is off",
        "403": "the key lacks a right: it must view and trade",
        "PREVIEW_INVALID_END_TIME": "it would end at a time this market does not take",
        "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE": _PAST,
        "PREVIEW_STOP_PRICE_ABOVE_LIMIT_PRICE": _LIMIT_FIRST,
        "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE": _PAST,
        "PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE": _LIMIT_FIRST,
    },
    most_at_once=30,  # a second; prices that anybody may ask for are counted at three of these
    config={
        "rateLimit": 34,
        # Currencies are of another API family; a best bid and ask of a single market needs no signature.
        "has": {"fetchCurrencies": False, "fetchBidsAsks": False},
        "options": {
            "fetchBalance": "v3PrivateGetBrokerageAccounts",  # the other one tells nothing of holds
            "fetchTime": "v3PublicGetBrokerageTime",
        },
    },
    streams=Streams(
        read=coinbase_frame,
        orders_by=watch_orders,  # `user`, by a token like those of requests
        quotes_by="watch_ticker",  # `ticker`, with each match
        quotes_of_many=False,
        quoted_as=coinbase_product,
        # Most channels are closed after a minute or so without news.
        kept_open_by=lambda ccxt: ccxt.subscribe("heartbeats", False),
    ),
)
