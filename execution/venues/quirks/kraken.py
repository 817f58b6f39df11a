"""Kraken's spot market."""

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
    NewestFirst,
    Protection,
    Quirks,
    Said,
    Streams,
    ToldOrder,
    ToldQuote,
    dashed,
    unix_seconds,
    watch_orders,
)

_LAST = {"trigger": "last"}
"""The last trade's price touches a stop, not that of an index: said, so that it stays so."""
_IN_FRAMES = {"XBT": "BTC", "XDG": "DOGE"}
"""Coins that its WebSocket interface calls otherwise than its list of markets."""
_UNKNOWN_PAIR = "Currency pair not supported"


def kraken_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order at Kraken: of a trailing stop ccxt takes the distance, or the first stop, for a limit."""
    told = row["info"]
    kind = told["descr"]["ordertype"]
    if not kind.startswith("trailing-stop"):
        return row
    limit = told["limitprice"] if kind.endswith("-limit") else None
    mended = {"price": _some(limit), "triggerPrice": _some(told["stopprice"])}
    return {**row, **mended, "type": "limit" if limit else "market"}


def _some(price: str | None) -> str | None:
    """A price, or None: Kraken writes 0 for none."""
    return price if price is not None and Decimal(price) else None


def kraken_pair(market: Mapping[str, Any]) -> str:
    """A market's name in frames. ccxt calls some coins otherwise: its `LUNA/USD` is `LUNA2/USD` there,
    and asks for the prices of another coin by it. Those are told under a name that is not this one."""
    name = market["info"].get("wsname") or market["symbol"]
    return "/".join(_IN_FRAMES.get(coin, coin) for coin in name.split("/"))


def kraken_frame(frame: Frame) -> Said | None:
    """A frame of its WebSocket interface, version 2: of an order, each tells only what has changed."""
    channel, rows = frame.get("channel"), frame.get("data", ())
    if channel == "executions":
        told = [
            ToldOrder(
                venue_order_id=row["order_id"],
                client_order_id=row.get("cl_ord_id"),
                market_id=row.get("symbol"),
            )
            for row in rows
        ]
        return Said(orders=told, number=frame["sequence"])
    if channel == "ticker":
        best = [
            ToldQuote(market_id=row["symbol"], bid=str(row["bid"]), ask=str(row["ask"]))
            for row in rows
            if row["bid"] and row["ask"]  # a market may have one side alone
        ]
        return Said(quotes=best)
    if frame.get("success") is False:
        if frame["error"].startswith(_UNKNOWN_PAIR):
            return Said()  # it is asked for; the others go on
        return Said(refusal={"error": [frame["error"]]})
    subscribed = frame.get("method") == "subscribe" and frame["result"]["channel"] == "executions"
    return Said(stands=True) if subscribed else None


KRAKEN = Quirks(
    offers=Offers(
        types=frozenset(OrderType),
        times=frozenset(TimeInForce),
        # Its documents tell of no time in force together with a stop, but do not forbid it.
        times_of_triggered=frozenset({TimeInForce.GTC}),
        # Kraken tells no bounds; it writes a share as percents with four decimals.
        trails_by_share=Shares(least=Decimal("0.001"), most=Decimal("0.5"), step=Decimal("0.0001")),
        trails_by_distance=True,
    ),
    kinds={
        OrderType.LIMIT: Kind(type="limit"),
        OrderType.STOP: Kind(type="stop-loss", stop_by="stopLossPrice", params=_LAST),
        OrderType.STOP_LIMIT: Kind(type="stop-loss-limit", stop_by="stopLossPrice", params=_LAST),
        OrderType.TAKE_PROFIT: Kind(type="take-profit", stop_by="takeProfitPrice", params=_LAST),
        OrderType.TAKE_PROFIT_LIMIT: Kind(
            type="take-profit-limit", stop_by="takeProfitPrice", params=_LAST
        ),
        OrderType.TRAILING_STOP: Kind(
            type="trailing-stop",
            percent_by="trailingPercent",
            distance_by="trailingAmount",
            params=_LAST,
        ),
    },
    good_till_by="expiretm",  # five seconds to a month ahead
    good_till_as=unix_seconds,
    protection=Protection(
        attached="one order per entry, a stop or a target, placed as it fills and independent from then on: "
        "`close[ordertype]`",
        one_cancels_other="none in its REST interface",
        reduce_only="`reduce_only`, on margin alone",
        through_ccxt="`create_order` with `close`",
        source="Kraken's REST reference, Add Order",
    ),
    mended=kraken_row,
    client_order_id=dashed,  # `cl_ord_id`: a UUID with or without dashes, or up to 18 letters
    # Not `find_by`: ccxt's `fetch_order` sends a client id as `userref`, a number of another kind. Both
    # lists of orders tell `cl_ord_id`.
    cancel_by="clientOrderId",
    # `deadline`: 2 to 60 s ahead; after it the matching engine refuses the order.
    receive_window=timedelta(seconds=5),
    deadline_by="deadline",
    clock_step=timedelta(seconds=1),
    # Fees in quote, as ccxt reads them in any case: what is bought is held in full.
    order_params={"oflags": "fciq"},
    pages=NewestFirst(rows=50, since="start", skip="ofs"),
    price_step_in="tick_size",
    # An id is unique among open orders only. Nobody tells the words of that refusal: any about an id.
    duplicate_texts=frozenset({"cl_ord_id", "client order id", "uplicate", "reference id"}),
    definite_codes=frozenset(
        {
            "EGeneral:Invalid arguments",
            "EOrder:Cost minimum not met",
            "EOrder:Invalid price",
            "EOrder:Orders limit exceeded",
            "EOrder:Post only order",
            "EOrder:Tick size check failed",
            "EOrder:Trading agreement required",
            "EQuery:Unknown asset pair",
            "EService:Market in cancel_only mode",
            "EService:Market in limit_only mode",
            "EService:Market in post_only mode",
            "EService:Market in reduce_only mode",
        }
    ),
    key_codes=frozenset(
        {
            "EAPI:Invalid key",
            "EAPI:Invalid signature",
            "EAccount:Invalid permissions",
            "EAuth:Account temporary disabled",
            "EAuth:Account unconfirmed",
            "EGeneral:Permission denied",
        }
    ),
    late_codes=frozenset({"EService:Deadline elapsed"}),
    nonce_codes=frozenset({"EAPI:Invalid nonce"}),
    limit_codes=frozenset(
        {
            "EAPI:Rate limit exceeded",
            "EAuth:Rate limit exceeded",
            "EAuth:Too many requests",
            "EGeneral:Temporary lockout",
            "EGeneral:Too many requests",
            "EOrder:Domain rate limit exceeded",
            "EOrder:Rate limit exceeded",
        }
    ),
    # ccxt's `cancel_order` looks for these words in the last answer of its connection, which may be
    # that to another cancel; its `fetch_order` does not.
    unknown_texts=frozenset({"EOrder:Unknown order", "EOrder:Invalid order"}),
    meanings={
        "EAPI:Invalid key": "the key is unknown, was revoked, or may not be used from this address",
        "EAPI:Invalid nonce": "something else uses this key, or has used it: give this desk a key of its own",
        "EAPI:Invalid signature": "the secret does not belong to the key",
        "EGeneral:Permission denied": "the key lacks a right: it must query funds, query, create, modify "
        "and cancel orders, and query closed orders and trades; to be told of orders, use the WebSocket interface",
        "EGeneral:Temporary lockout": "too many refused requests, for about 15 minutes",
    },
    # An account of the lowest tier may ask 15 times at once, and once more every three seconds; each
    # costs 3 here, a list of trades 6. Orders and cancels are counted apart, by pair.
    most_at_once=45,
    prices_together=True,
    config={"rateLimit": 1000},
    streams=Streams(
        read=kraken_frame,
        orders_by=watch_orders,  # `executions`, by a token that the key asks for by REST
        quotes_by="watch_bids_asks",  # `ticker`, whenever the best prices change
        quoted_as=kraken_pair,
    ),
)
